/* avxvnni.c - products of packed weights with VNNI's dot product in 256-bit registers (AVX-VNNI).
 *
 * vpdpbusd adds four products of unsigned by signed bytes into int32: no overflow to plan around. */
#include "kernels.h"
#include "../cpu.h"
#include <immintrin.h>
#define R8_DPBUSD _mm256_dpbusd_avx_epi32
#include "attend_x86.h"

R8_ALL_PACKED

const kernels kernels_avxvnni = {
    .name = "avxvnni",
    .need = CPU_AVX2 | CPU_FMA | CPU_F16C | CPU_AVX_VNNI,
    .packed = R8_TABLE,
    .packing_pays = true,
    .scores = {[SLM_KV_Q8_0] = scores_q8},
};
