/* avx512vnni.c - products of packed weights with VNNI's dot product and 32 registers.
 *
 * vpdpbusd adds four products of unsigned by signed bytes into int32: no overflow to plan around.  Few tokens
 * take 256-bit registers (AVX-512VL): such loads stream faster from memory; batches take 512-bit ones. */
#include "kernels.h"
#include "../cpu.h"
#include <immintrin.h>
#define R8_DPBUSD _mm256_dpbusd_epi32
#include "attend_x86.h"
#include "r8_x86_more.h"

R8_ALL_PACKED
R8_ALL_MORE

#undef R8_DPBUSD
#define R8_DPBUSD _mm512_dpbusd_epi32
#define P_ROWS 16
enum { TILE = 12, TILE_MINS = 8, FEW = 4 };
#define P_CASES(tile) \
    P_CASE(1, tile) P_CASE(2, tile) P_CASE(3, tile) P_CASE(4, tile) P_CASE(5, tile) P_CASE(6, tile) \
    P_CASE(7, tile) P_CASE(8, tile) P_CASE(9, tile) P_CASE(10, tile) P_CASE(11, tile) P_CASE(12, tile)
#include "r8_panel.h"

PANELS_Q4_0 PANELS_Q4_1 PANELS_Q5_0 PANELS_Q5_1 PANELS_Q8_0 PANELS_IQ4_NL PANELS_IQ4_XS PANELS_Q4_K PANELS_Q5_K PANELS_Q6_K

const kernels kernels_avx512vnni = {
    .name = "avx512vnni",
    .need = CPU_AVX2 | CPU_FMA | CPU_F16C | CPU_AVX512_VNNI,
    .matmul = {R8_MORE_MATMUL},
    .packed = {[TYPE_Q4_0] = panels_q4_0, [TYPE_Q4_1] = panels_q4_1, [TYPE_Q5_0] = panels_q5_0, [TYPE_Q5_1] = panels_q5_1,
               [TYPE_Q8_0] = panels_q8_0, [TYPE_IQ4_NL] = panels_iq4_nl, [TYPE_IQ4_XS] = panels_iq4_xs, [TYPE_Q2_K] = packed_q2_k,
               [TYPE_Q3_K] = packed_q3_k, [TYPE_Q4_K] = panels_q4_k, [TYPE_Q5_K] = panels_q5_k, [TYPE_Q6_K] = panels_q6_k},
    .packing_pays = true,
    .scores = {[SLM_KV_Q8_0] = scores_q8},
};
