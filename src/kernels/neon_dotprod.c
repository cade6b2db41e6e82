/* neon_dotprod.c - products of packed weights with ARM's dot product (optional from ARMv8.2, in all of ARMv8.4).
 *
 * sdot adds four products of signed bytes into int32: no overflow to plan around. */
#include "../cpu.h"
#define R8_SDOT
#include "r8_neon_panel.h"

R8_ALL_MORE
PANELS_ALL
R8_SCORES(panels_q8_0)

const kernels kernels_dotprod = {
    .name = "dotprod",
    .need = CPU_NEON | CPU_DOTPROD,
    .matmul = {R8_ALL_MATMUL},
    .packed = {PANELS_TABLE},
    .packing_pays = true,
    .scores = {[SLM_KV_Q8_0] = scores_q8},
};
