/* amx.c - products of packed weights with batches of tokens on AMX's tiles.
 *
 * In integers they have avx512vnni.c's bits: a block's products are exact, and its scales follow in the same order.
 * Few tokens, and rows that are no whole panel, stay with that set.  In bfloat16 (--fast-prefill) quantized weights
 * are multiplied, too, as numbers that were rounded once: tiles make twice as many of those products as exact ones
 * with their scales, which AVX-512 has to apply to each block.
 *
 * No processor with AMX was at hand: tests/test_amx.c multiplies with tiles in plain C, and kernels.c takes the set only
 * where the first products it makes have the bits that they must have. */
#include "kernels.h"
#include "../cpu.h"
#include <immintrin.h>
#define R8_DPBUSD _mm256_dpbusd_epi32
#include "r8_x86_more.h"
#undef R8_DPBUSD
#define R8_DPBUSD _mm512_dpbusd_epi32

#define FEW_TOKENS(ID, id) \
    static void packed_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        kernels_avx512vnni.packed[TYPE_##ID](y, ldy, w, groups, cols, x, n_tok); \
    }
FEW_TOKENS(Q4_0, q4_0)
FEW_TOKENS(Q4_1, q4_1)
FEW_TOKENS(Q5_0, q5_0)
FEW_TOKENS(Q5_1, q5_1)
FEW_TOKENS(Q8_0, q8_0)
FEW_TOKENS(IQ4_NL, iq4_nl)
FEW_TOKENS(IQ4_XS, iq4_xs)
FEW_TOKENS(Q2_K, q2_k)
FEW_TOKENS(Q3_K, q3_k)
FEW_TOKENS(Q4_K, q4_k)
FEW_TOKENS(Q5_K, q5_k)
FEW_TOKENS(Q6_K, q6_k)

/* A tile of 13 tokens or more should pay, by the prototype's speed (16 always count). */
#define P_LANES 16
#define P_REGS 1
#define P_PASS 128
#define P_AMX
enum { TILE = 16, FEW = 12, FEW_K = FEW, FEW_Q6_K = FEW, FEW_Q8_0 = FEW, FEW_MORE = FEW };
#define P_CASES(tile) default: tile(TILE, bits, mins);
#include "r8_panel.h"

PANELS_ALL

/* ---- bfloat16 ------------------------------------------------------------------------------ */

#define BF_TILE 64
#define BF_PASS 128
#define BF_WHOLE 16
#include "r8_bf16.h"

/* Tiles 0 to 3: sums [token][row]; 4, 5: tokens; 6: weights of 32 columns. */
static void bf_begin(void) {
    tile_config c = {.palette = 1};
    for (int i = 0; i < 7; i++) c.rows[i] = 16, c.row_bytes[i] = 64;
    TILE_CONFIGURE(&c);
}
static void bf_end(void) { TILE_RELEASE(); }

#define BF_DOT(sum, tokens, at) \
    TILE_LOAD(tokens, x[at].x + k, sizeof(bf_token)); \
    TILE_DOT_BF16(sum, tokens, 6)

static void bf_tile(float (*acc)[16], const bf_panel *p, const bf_token *x, int n_steps, int n_tok) {
    if (n_tok == BF_TILE) {
        TILE_LOAD(0, acc[0], 64);
        TILE_LOAD(1, acc[16], 64);
        TILE_LOAD(2, acc[32], 64);
        TILE_LOAD(3, acc[48], 64);
        for (int k = 0; k < n_steps; k += 16) {
            TILE_LOAD(6, p->w[k], 64);
            BF_DOT(0, 4, 0);
            BF_DOT(1, 5, 16);
            BF_DOT(2, 4, 32);
            BF_DOT(3, 5, 48);
        }
        TILE_STORE(acc[0], 64, 0);
        TILE_STORE(acc[16], 64, 1);
        TILE_STORE(acc[32], 64, 2);
        TILE_STORE(acc[48], 64, 3);
        return;
    }
    for (; n_tok > 0; n_tok -= 16, acc += 16, x += 16) {
        TILE_LOAD(0, acc[0], 64);
        for (int k = 0; k < n_steps; k += 16) {
            TILE_LOAD(6, p->w[k], 64);
            BF_DOT(0, 4, 0);
        }
        TILE_STORE(acc[0], 64, 0);
    }
}

/* n columns of an integer panel: w * scale + base, where a block's numbers are those of the products above. */
static void bf_widen(bf_panel *to, const panel *p, int n, const panel_format *f) {
    const __m512i byte = _mm512_set1_epi32(255);
    for (int b = 0; b < n / 16; b++) {
        const int s = f->tiles->group == 16 ? b : b / 2, u = b / 16;
        __m512    scale = _mm512_load_ps(p->scale[s]), min = _mm512_setzero_ps();
        if (f->tiles->mins) min = _mm512_load_ps(p->min[f->tiles->mins == 16 ? b : b / 2]);
        if (f->block == 256) {
            scale = _mm512_mul_ps(scale, _mm512_load_ps(p->d[u]));
            if (f->tiles->mins) min = _mm512_mul_ps(min, _mm512_sub_ps(_mm512_setzero_ps(), _mm512_load_ps(p->dmin[u])));
        }
        const __m512 base = _mm512_fmadd_ps(scale, _mm512_set1_ps((float)-f->offset), min);
        for (int k = 4 * b; k < 4 * b + 4; k++) {
            const __m512i v = _mm512_load_si512(p->w[k]);
            __m512        w[4];
            for (int i = 0; i < 4; i++)
                w[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(v, (unsigned)(8 * i)), byte)), scale, base);
            _mm512_store_si512(to->w[2 * k], bf_pairs(w[0], w[1]));
            _mm512_store_si512(to->w[2 * k + 1], bf_pairs(w[2], w[3]));
        }
    }
}

#define BF_QUANTIZED(ID, id) \
    static void bf_unpack_##id(bf_panel *to, const char *group, size_t apart, int64_t first, int n) { \
        const panel_format *f = &format_##id; \
        panel               p; \
        f->unpack(&p, group + (size_t)(first / f->block) * (size_t)f->bytes, n / f->block, apart, 0); \
        bf_widen(to, &p, n, f); \
    } \
    BF_PRODUCTS(id, cols / format_##id.block * format_##id.bytes / 8)
BF_QUANTIZED(Q4_0, q4_0)
BF_QUANTIZED(Q4_1, q4_1)
BF_QUANTIZED(Q5_0, q5_0)
BF_QUANTIZED(Q5_1, q5_1)
BF_QUANTIZED(Q8_0, q8_0)
BF_QUANTIZED(IQ4_NL, iq4_nl)
BF_QUANTIZED(IQ4_XS, iq4_xs)
BF_QUANTIZED(Q2_K, q2_k)
BF_QUANTIZED(Q3_K, q3_k)
BF_QUANTIZED(Q4_K, q4_k)
BF_QUANTIZED(Q5_K, q5_k)
BF_QUANTIZED(Q6_K, q6_k)
BF_ALL_FLOATS

const kernels kernels_amx = {
    .name = "amx",
    .need = CPU_AVX2 | CPU_FMA | CPU_F16C | CPU_AVX512_VNNI | CPU_AVX512_BF16 | CPU_AMX,
    .on_trial = true,
    .packed = {PANELS_TABLE},
    .fast = {BF_FLOAT_TABLE, [TYPE_Q4_0] = fast_q4_0, [TYPE_Q4_1] = fast_q4_1, [TYPE_Q5_0] = fast_q5_0, [TYPE_Q5_1] = fast_q5_1,
             [TYPE_Q8_0] = fast_q8_0, [TYPE_IQ4_NL] = fast_iq4_nl, [TYPE_IQ4_XS] = fast_iq4_xs, [TYPE_Q2_K] = fast_q2_k,
             [TYPE_Q3_K] = fast_q3_k, [TYPE_Q4_K] = fast_q4_k, [TYPE_Q5_K] = fast_q5_k, [TYPE_Q6_K] = fast_q6_k},
};
