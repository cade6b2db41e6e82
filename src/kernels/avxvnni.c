/* avxvnni.c - integer products with VNNI's dot product in 256-bit registers (AVX-VNNI).
 *
 * vpdpbusd adds four products of unsigned by signed bytes into int32: no overflow to plan around. */
#include "kernels.h"
#include "../cpu.h"
#include <immintrin.h>
#define R8_DPBUSD _mm256_dpbusd_avx_epi32
#include "r8_x86_more.h"

R8_ALL_PACKED
R8_ALL_MORE

#define P_LANES 8
#define P_REGS 2
#define P_COLS 512
enum { TILE = 6, FEW = 4, FEW_K = 8, FEW_Q6_K = 8, FEW_Q8_0 = 8, FEW_MORE = 4 };
#define P_CASES(tile) P_CASE(1, tile) P_CASE(2, tile) P_CASE(3, tile) P_CASE(4, tile) P_CASE(5, tile) P_CASE(6, tile)
#include "r8_panel.h"

PANELS_ALL
PANELS_SCORES

const kernels kernels_avxvnni = {
    .name = "avxvnni",
    .need = CPU_AVX2 | CPU_FMA | CPU_F16C | CPU_AVX_VNNI,
    .matmul = {R8_MORE_MATMUL},
    .packed = {PANELS_TABLE},
    .packing_pays = true,
    .scores = {[SLM_KV_Q8_0] = scores_q8},
};
