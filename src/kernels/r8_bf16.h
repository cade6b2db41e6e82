/* r8_bf16.h - floor 2: products of packed weights with a batch of tokens in bfloat16, for --fast-prefill.
 *
 * Weights and activations are rounded to 8 bits of mantissa; products are exact and their sums f32, in the order of
 * the instruction, which is not that of the canonical arithmetic.  A token's sums depend on nothing but its own
 * activations: they are the same in every batch, task and thread.
 *
 * As in r8_panel.h 16 rows are unpacked once, BF_COLS columns at a time, for up to BF_PASS tokens.  A step is two
 * columns: a lane of 32 bits takes both of a row.  A file says before including it
 *   BF_PASS: most tokens that share unpacked weights; BF_TILE: of a tile, and BF_PASS is a multiple of it; BF_WHOLE: what
 *   the number of a tile's tokens is made a multiple of, 1 where any will do;
 * and defines bf_begin(), bf_end() and bf_tile(), which are declared below. */
#ifndef R8_BF16_H
#define R8_BF16_H
#include "r8.h"
#include <immintrin.h>
#include <string.h>

enum { BF_COLS = 512, BF_STEPS = BF_COLS / 2, BF_CHUNK = 256, BF_ALIGN = 32 /* columns: zeros fill the last of them */ };

typedef struct { _Alignas(64) uint32_t w[BF_STEPS][16]; } bf_panel; /* [step][row] */
/* Tokens are an odd number of lines apart (see r8_panel.h). */
typedef struct { _Alignas(64) uint32_t x[BF_STEPS]; char odd[64]; } bf_token;
typedef struct {
    bf_token x[BF_PASS];
    _Alignas(64) float acc[BF_CHUNK / 16][BF_PASS][16];
} bf_pass;

/* Fills the panel with columns [first, first + n) of two groups of 8 rows, the second `apart` bytes behind the first;
 * zeros up to a multiple of BF_ALIGN columns. */
typedef void bf_unpack(bf_panel *p, const char *group, size_t apart, int64_t first, int n);
/* acc[t] += n_steps of the panel times tokens x[0 .. n_tok - 1]; n_steps % 16 == 0. */
static void bf_tile(float (*acc)[16], const bf_panel *p, const bf_token *x, int n_steps, int n_tok);
static void bf_begin(void);
static void bf_end(void);

/* 16 rows of two columns. */
R8_INLINE __m512i bf_join(__m256i even, __m256i odd) {
    return _mm512_or_si512(_mm512_cvtepu16_epi32(even), _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
}
R8_INLINE __m512i bf_pairs(__m512 even, __m512 odd) { return bf_join((__m256i)_mm512_cvtneps_pbh(even), (__m256i)_mm512_cvtneps_pbh(odd)); }

/* A column of both groups. */
R8_INLINE __m256i bf_halfs(const uint16_t *a, const uint16_t *b) {
    return _mm256_set_m128i(_mm_loadu_si128((const void *)b), _mm_loadu_si128((const void *)a));
}
R8_INLINE __m256i bf_of_bf16(const uint16_t *a, const uint16_t *b) { return bf_halfs(a, b); }
R8_INLINE __m256i bf_of_f16(const uint16_t *a, const uint16_t *b) { return (__m256i)_mm512_cvtneps_pbh(_mm512_cvtph_ps(bf_halfs(a, b))); }
R8_INLINE __m256i bf_of_f32(const float *a, const float *b) {
    const __m512d both = _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_castps_pd(_mm256_loadu_ps(a))), _mm256_castps_pd(_mm256_loadu_ps(b)), 1);
    return (__m256i)_mm512_cvtneps_pbh(_mm512_castpd_ps(both));
}

#define BF_UNPACK(id, elem) \
    static void bf_unpack_##id(bf_panel *p, const char *group, size_t apart, int64_t first, int n) { \
        const elem *a = (const elem *)(const void *)group + first * 8, *b = (const elem *)(const void *)(group + apart) + first * 8; \
        int         k = 0; \
        for (; 2 * k + 2 <= n; k++) \
            _mm512_store_si512(p->w[k], bf_join(bf_of_##id(a + 16 * k, b + 16 * k), bf_of_##id(a + 16 * k + 8, b + 16 * k + 8))); \
        if (n % 2) _mm512_store_si512(p->w[k], bf_join(bf_of_##id(a + 16 * k, b + 16 * k), _mm256_setzero_si256())); \
        for (k += n % 2; 2 * k % BF_ALIGN; k++) _mm512_store_si512(p->w[k], _mm512_setzero_si512()); \
    }

/* n activations, and zeros up to a multiple of BF_ALIGN. */
static void bf_take(bf_token *to, const float *x, int n) {
    for (int i = 0; i < (n + BF_ALIGN - 1) / BF_ALIGN * BF_ALIGN; i += 16) {
        const int       left = n - i;
        const __mmask16 some = (__mmask16)(left >= 16 ? 0xffff : left > 0 ? (1 << left) - 1 : 0);
        _mm256_store_si256((void *)(to->x + i / 2), (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(some, x + i)));
    }
}

/* The size of n pieces of at most `most`, as even as can be in steps of BF_WHOLE. */
R8_INLINE int64_t bf_even(int64_t n, int64_t most) {
    const int64_t pieces = (n + most - 1) / most;
    return (n + pieces * BF_WHOLE - 1) / (pieces * BF_WHOLE) * BF_WHOLE;
}

/* Groups [0, groups) from w on, at most BF_CHUNK rows, against tokens [0, n_tok), at most BF_PASS. */
static void bf_chunk(bf_unpack *unpack, bf_pass *z, float *y, int64_t ldy, const char *w, size_t group_bytes, int64_t groups, int64_t cols,
                     const float *x, int n_tok) {
    const int n = (int)(groups + 1) / 2, n_all = (n_tok + BF_WHOLE - 1) / BF_WHOLE * BF_WHOLE;
    const int tile = BF_WHOLE > 1 ? BF_TILE : (int)bf_even(n_all, BF_TILE);
    bf_panel  p;
    for (int i = 0; i < n; i++) memset(z->acc[i], 0, sizeof z->acc[i][0] * (size_t)n_all);
    memset(z->x + n_tok, 0, sizeof z->x[0] * (size_t)(n_all - n_tok));
    for (int64_t c = 0; c < cols; c += BF_COLS) {
        const int n_cols = (int)(cols - c < BF_COLS ? cols - c : BF_COLS), n_steps = (n_cols + BF_ALIGN - 1) / BF_ALIGN * (BF_ALIGN / 2);
        for (int t = 0; t < n_tok; t++) bf_take(&z->x[t], x + t * cols + c, n_cols);
        for (int i = 0; i < n; i++) {
            unpack(&p, w + (size_t)(2 * i) * group_bytes, 2 * i + 1 < groups ? group_bytes : 0, c, n_cols);
            for (int t = 0; t < n_all; t += tile) bf_tile(z->acc[i] + t, &p, z->x + t, n_steps, n_all - t < tile ? n_all - t : tile);
        }
    }
    for (int t = 0; t < n_tok; t++)
        for (int i = 0; i < n; i++) memcpy(y + t * ldy + 16 * i, z->acc[i][t], 2 * i + 1 < groups ? 64 : 32);
}

static R8_APART void bf_products(bf_unpack *unpack, float *y, int64_t ldy, const char *w, size_t group_bytes, int64_t groups, int64_t cols,
                                 const float *x, int64_t n_tok) {
    enum { MOST = BF_CHUNK / 8 };
    const int64_t each = bf_even(n_tok, BF_PASS);
    bf_pass       z;
    bf_begin();
    for (int64_t t = 0; t < n_tok; t += each)
        for (int64_t g = 0; g < groups; g += MOST)
            bf_chunk(unpack, &z, y + t * ldy + g * 8, ldy, w + (size_t)g * group_bytes, group_bytes, groups - g < MOST ? groups - g : MOST, cols,
                     x + t * cols, (int)(n_tok - t < each ? n_tok - t : each));
    bf_end();
}

/* fast_ID: as kernels.fast; a row of a group takes row_bytes. */
#define BF_PRODUCTS(id, row_bytes) \
    static void fast_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        bf_products(bf_unpack_##id, y, ldy, w, 8 * (size_t)(row_bytes), groups, cols, x, n_tok); \
    }
#define BF_ALL_FLOATS \
    BF_UNPACK(f32, float) BF_UNPACK(f16, uint16_t) BF_UNPACK(bf16, uint16_t) \
    BF_PRODUCTS(f32, cols * 4) BF_PRODUCTS(f16, cols * 2) BF_PRODUCTS(bf16, cols * 2)
#define BF_FLOAT_TABLE [TYPE_F32] = fast_f32, [TYPE_F16] = fast_f16, [TYPE_BF16] = fast_bf16
#endif
