/* avx512vnni.c - products of packed weights with VNNI's dot product in 256-bit registers (AVX-512VL).
 *
 * vpdpbusd adds four products of unsigned by signed bytes into int32: no overflow to plan around. */
#include "kernels.h"
#include "../cpu.h"
#include <immintrin.h>
#define R8_DPBUSD _mm256_dpbusd_epi32
#include "attend_x86.h"

R8_ALL_PACKED

const kernels kernels_avx512vnni = {
    .name = "avx512vnni",
    .need = CPU_AVX2 | CPU_FMA | CPU_F16C | CPU_AVX512_VNNI,
    .packed = R8_TABLE,
    .packing_pays = true,
    .scores = {[SLM_KV_Q8_0] = scores_q8},
};
