/* avx512bf16.c - --fast-prefill for float weights, with AVX-512's dot product of bfloat16.
 *
 * Quantized weights have no entry: vpdpbusd makes twice as many products of bytes in the same time, and they need
 * no unpacking to floats. */
#include "kernels.h"
#include "../cpu.h"
#define BF_TILE 16 /* sums in registers; compilers unroll no longer loops */
#define BF_PASS 192
#define BF_WHOLE 1
#include "r8_bf16.h"

static void bf_begin(void) {}
static void bf_end(void) {}

R8_INLINE void tile_of(float (*acc)[16], const bf_panel *p, const bf_token *x, int n_steps, const int n_tok) {
    __m512 sum[BF_TILE];
    for (int t = 0; t < n_tok; t++) sum[t] = _mm512_load_ps(acc[t]);
    for (int k = 0; k < n_steps; k++) {
        const __m512i w = _mm512_load_si512(p->w[k]);
        for (int t = 0; t < n_tok; t++) sum[t] = _mm512_dpbf16_ps(sum[t], (__m512bh)w, (__m512bh)_mm512_set1_epi32((int)x[t].x[k]));
    }
    for (int t = 0; t < n_tok; t++) _mm512_store_ps(acc[t], sum[t]);
}

/* The tile of each number of tokens is compiled on its own: its sums are registers. */
#define TILE_OF(n) \
    case n: tile_of(acc, p, x, n_steps, n); break;
static void bf_tile(float (*acc)[16], const bf_panel *p, const bf_token *x, int n_steps, int n_tok) {
    switch (n_tok) {
        TILE_OF(1) TILE_OF(2) TILE_OF(3) TILE_OF(4) TILE_OF(5) TILE_OF(6) TILE_OF(7) TILE_OF(8)
        TILE_OF(9) TILE_OF(10) TILE_OF(11) TILE_OF(12) TILE_OF(13) TILE_OF(14) TILE_OF(15) TILE_OF(16)
    }
}

BF_ALL_FLOATS

const kernels kernels_avx512bf16 = {
    .need = CPU_AVX2 | CPU_FMA | CPU_F16C | CPU_AVX512_VNNI | CPU_AVX512_BF16,
    .fast = {BF_FLOAT_TABLE},
};
