/* neon_i8mm.c - products of packed weights with ARM's matrix product of bytes (optional from ARMv8.2, in all of ARMv8.6).
 *
 * smmla adds the products of 2 rows and 2 tokens, 8 columns each, into four int32: twice the work of sdot.  It
 * needs two tokens; one alone takes sdot. */
#include "../cpu.h"
#define R8_SDOT
#define R8_SMMLA
#include "r8_neon_panel.h"

R8_ALL_MORE
PANELS_ALL
R8_SCORES(panels_q8_0)

const kernels kernels_i8mm = {
    .name = "i8mm",
    .need = CPU_NEON | CPU_DOTPROD | CPU_I8MM,
    .matmul = {R8_ALL_MATMUL},
    .packed = {PANELS_TABLE},
    .packing_pays = true,
    .scores = {[SLM_KV_Q8_0] = scores_q8},
};
