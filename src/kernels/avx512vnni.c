/* avx512vnni.c - products of packed weights with VNNI's dot product and 32 registers.
 *
 * vpdpbusd adds four products of unsigned by signed bytes into int32: no overflow to plan around.  Few tokens
 * take 256-bit registers (AVX-512VL): such loads stream faster from memory; batches take 512-bit ones. */
#include "kernels.h"
#include "../cpu.h"
#include <immintrin.h>
#define R8_DPBUSD _mm256_dpbusd_epi32
#include "r8_x86_more.h"

R8_ALL_PACKED
R8_ALL_MORE

#undef R8_DPBUSD
#define R8_DPBUSD _mm512_dpbusd_epi32
#define P_LANES 16
#define P_REGS 1
enum { TILE = 12, FEW = 4, FEW_K = 12, FEW_Q6_K = 12, FEW_Q8_0 = 8, FEW_MORE = 4 };
#define P_CASES(tile) \
    P_CASE(1, tile) P_CASE(2, tile) P_CASE(3, tile) P_CASE(4, tile) P_CASE(5, tile) P_CASE(6, tile) \
    P_CASE(7, tile) P_CASE(8, tile) P_CASE(9, tile) P_CASE(10, tile) P_CASE(11, tile) P_CASE(12, tile)
#include "r8_panel.h"

PANELS_ALL
PANELS_SCORES

const kernels kernels_avx512vnni = {
    .name = "avx512vnni",
    .need = CPU_AVX2 | CPU_FMA | CPU_F16C | CPU_AVX512_VNNI,
    .matmul = {R8_MORE_MATMUL},
    .packed = {PANELS_TABLE},
    .packing_pays = true,
    .scores = {[SLM_KV_Q8_0] = scores_q8},
};
