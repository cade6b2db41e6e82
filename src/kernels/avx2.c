/* avx2.c - AVX2, FMA and F16C.
 *
 * Integer products: 8 rows at a time, straight from the file's row-major blocks.  Each row's 32
 * products of a block are added up in integers (exact, so their order is free), eight such sums
 * are brought into the eight lanes of one register, and from there on a lane is a row: the
 * rounded sums have scalar.c's order and so its bits.
 *
 * maddubs multiplies unsigned by signed bytes and adds pairs in int16: the largest weight is 63
 * (Q6_K) against 127, 63 * 127 * 2 = 16002; Q8_0 takes |w| <= 128 times 127, 32512: no overflow. */
#include "kernels.h"
#include "../cpu.h"
#include "attend_x86.h"
#include "r8_x86_float.h"
#include "r8_x86_more.h"
#include "search_k.h"
#include "round_32.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { TOKENS = 4 }; /* tokens that share one unpacking of the weights */

INLINE __m256i load32(const void *p) { return _mm256_loadu_si256(p); }

/* The sums of the 8 lanes of r[0..7], one per lane. */
INLINE __m256i sum_rows(const __m256i r[8]) {
    const __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(r[0], r[1]), _mm256_hadd_epi32(r[2], r[3]));
    const __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(r[4], r[5]), _mm256_hadd_epi32(r[6], r[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20),
                            _mm256_permute2x128_si256(a, b, 0x31));
}

/* 32 products of unsigned w and signed x, added up in fours. */
INLINE __m256i dot_fours(__m256i w, __m256i x) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1));
}

INLINE __m256i dot_rows(const __m256i w[8], __m256i x) {
    __m256i r[8];
    for (int i = 0; i < 8; i++) r[i] = dot_fours(w[i], x);
    return sum_rows(r);
}

/* 16 bytes -> 32 nibbles, low ones first. */
INLINE __m256i nibbles(const uint8_t *q) {
    const __m128i v = _mm_loadu_si128((const void *)q);
    return _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(v, 4), v), _mm256_set1_epi8(15));
}

/* The half float at byte `at` of each row. */
INLINE __m256 half_of_rows(const uint8_t *const w[8], size_t at) {
    uint16_t h[8];
    for (int i = 0; i < 8; i++) memcpy(&h[i], w[i] + at, 2);
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)h));
}

INLINE __m256i sum32(act_view a, int64_t b) {
    return _mm256_set1_epi32(a.sum16[2 * b] + a.sum16[2 * b + 1]);
}

typedef const uint8_t *const row_ptrs[8];

/* acc[n_tok] = 8 rows against n_tok <= TOKENS tokens. */
INLINE void tile_q4_0(__m256 *acc, row_ptrs w, const act_view *a, int64_t cols, const int n_tok) {
    for (int64_t b = 0; b < cols / 32; b++) {
        const size_t at = (size_t)b * sizeof(block_q4_0);
        const __m256 d = half_of_rows(w, at);
        __m256i      q[8];
        for (int i = 0; i < 8; i++) q[i] = nibbles(w[i] + at + offsetof(block_q4_0, q));
        for (int t = 0; t < n_tok; t++) {
            const __m256i dot = dot_rows(q, load32(a[t].q + b * 32));
            const __m256i v = _mm256_sub_epi32(dot, _mm256_slli_epi32(sum32(a[t], b), 3));
            acc[t] = _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(a[t].s[b])),
                                     _mm256_cvtepi32_ps(v), acc[t]);
        }
    }
}

INLINE void tile_q8_0(__m256 *acc, row_ptrs w, const act_view *a, int64_t cols, const int n_tok) {
    for (int64_t b = 0; b < cols / 32; b++) {
        const size_t at = (size_t)b * sizeof(block_q8_0);
        const __m256 d = half_of_rows(w, at);
        for (int t = 0; t < n_tok; t++) {
            const __m256i x = load32(a[t].q + b * 32);
            __m256i       r[8];
            for (int i = 0; i < 8; i++) { /* |w| times x with w's sign */
                const __m256i v = load32(w[i] + at + offsetof(block_q8_0, q));
                r[i] = dot_fours(_mm256_sign_epi8(v, v), _mm256_sign_epi8(x, v));
            }
            acc[t] = _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(a[t].s[b])),
                                     _mm256_cvtepi32_ps(sum_rows(r)), acc[t]);
        }
    }
}

/* bytes[r][g] of 8 rows -> 8 floats per group g. */
INLINE __m256 column_of(const uint8_t bytes[8][8], int g) {
    uint8_t c[8];
    for (int i = 0; i < 8; i++) c[i] = bytes[i][g];
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)c)));
}

/* Q4_K (high == 0) and Q5_K: `q` and `high` are the offsets of the nibbles and the fifth bits. */
INLINE void tile_k(__m256 *acc, row_ptrs w, const act_view *a, int64_t cols, const int n_tok,
                   const size_t block, const size_t q_at, const size_t high) {
    __m256 am[TOKENS], fs[TOKENS], fm[TOKENS];
    for (int t = 0; t < n_tok; t++) am[t] = _mm256_setzero_ps();
    for (int64_t b = 0; b < cols / 256; b++) {
        const size_t at = (size_t)b * block;
        uint8_t      sc[8][8], m[8][8];
        for (int i = 0; i < 8; i++) quant_unpack_6bit(sc[i], m[i], w[i] + at + offsetof(block_q4_k, sc));
        for (int t = 0; t < n_tok; t++) fs[t] = fm[t] = _mm256_setzero_ps();
        for (int g = 0; g < 8; g++) {
            __m256i q[8];
            for (int i = 0; i < 8; i++) {
                const __m256i v = load32(w[i] + at + q_at + g / 2 * 32);
                q[i] = _mm256_and_si256(_mm256_srli_epi16(v, g % 2 * 4), _mm256_set1_epi8(15));
                if (high) {
                    const __m256i h = _mm256_srl_epi16(load32(w[i] + at + high), _mm_cvtsi32_si128(g));
                    q[i] = _mm256_or_si256(
                        q[i], _mm256_slli_epi16(_mm256_and_si256(h, _mm256_set1_epi8(1)), 4));
                }
            }
            const __m256  scale = column_of(sc, g), min = column_of(m, g);
            const int64_t k = b * 8 + g;
            for (int t = 0; t < n_tok; t++) {
                const __m256i dot = dot_rows(q, load32(a[t].q + k * 32));
                fs[t] = _mm256_fmadd_ps(_mm256_mul_ps(scale, _mm256_cvtepi32_ps(dot)), _mm256_set1_ps(a[t].s[k]), fs[t]);
                fm[t] = _mm256_fmadd_ps(min, _mm256_set1_ps(a[t].ms[k]), fm[t]);
            }
        }
        const __m256 d = half_of_rows(w, at), dmin = half_of_rows(w, at + 2);
        for (int t = 0; t < n_tok; t++) {
            acc[t] = _mm256_fmadd_ps(fs[t], d, acc[t]);
            am[t] = _mm256_fmadd_ps(fm[t], dmin, am[t]);
        }
    }
    for (int t = 0; t < n_tok; t++) acc[t] = _mm256_sub_ps(acc[t], am[t]);
}

INLINE void tile_q4_k(__m256 *acc, row_ptrs w, const act_view *a, int64_t cols, const int n_tok) {
    tile_k(acc, w, a, cols, n_tok, sizeof(block_q4_k), offsetof(block_q4_k, q), 0);
}

INLINE void tile_q5_k(__m256 *acc, row_ptrs w, const act_view *a, int64_t cols, const int n_tok) {
    tile_k(acc, w, a, cols, n_tok, sizeof(block_q5_k), offsetof(block_q5_k, q), offsetof(block_q5_k, qh));
}

INLINE void tile_q6_k(__m256 *acc, row_ptrs w, const act_view *a, int64_t cols, const int n_tok) {
    __m256 fs[TOKENS];
    for (int64_t b = 0; b < cols / 256; b++) {
        const size_t at = (size_t)b * sizeof(block_q6_k);
        for (int t = 0; t < n_tok; t++) fs[t] = _mm256_setzero_ps();
        for (int run = 0; run < 8; run++) { /* 32 weights: two groups of 16 */
            const int half = run / 4, part = run % 4;
            __m256i   q[8];
            for (int i = 0; i < 8; i++) {
                const uint8_t *p = w[i] + at;
                const __m256i  lo = load32(p + half * 64 + part % 2 * 32);
                const __m256i  hi = load32(p + offsetof(block_q6_k, qh) + half * 32);
                q[i] = _mm256_or_si256(
                    _mm256_and_si256(_mm256_srl_epi16(lo, _mm_cvtsi32_si128(part / 2 * 4)),
                                     _mm256_set1_epi8(15)),
                    _mm256_slli_epi16(_mm256_and_si256(_mm256_srl_epi16(hi, _mm_cvtsi32_si128(part * 2)),
                                                       _mm256_set1_epi8(3)), 4));
            }
            int8_t sc[2][8];
            for (int i = 0; i < 8; i++)
                for (int g = 0; g < 2; g++)
                    sc[g][i] = (int8_t)w[i][at + offsetof(block_q6_k, sc) + (size_t)(run * 2 + g)];
            const int64_t k = b * 8 + run;
            for (int t = 0; t < n_tok; t++) {
                const __m256i x = load32(a[t].q + k * 32);
                __m256i       r[8];
                for (int i = 0; i < 8; i++) r[i] = dot_fours(q[i], x);
                /* As sum_rows, but the lower and upper half of a register are separate groups. */
                const __m256i e = _mm256_hadd_epi32(_mm256_hadd_epi32(r[0], r[1]), _mm256_hadd_epi32(r[2], r[3]));
                const __m256i f = _mm256_hadd_epi32(_mm256_hadd_epi32(r[4], r[5]), _mm256_hadd_epi32(r[6], r[7]));
                const __m256i dot[2] = {_mm256_permute2x128_si256(e, f, 0x20),
                                        _mm256_permute2x128_si256(e, f, 0x31)};
                __m256        sum = _mm256_setzero_ps();
                for (int g = 0; g < 2; g++) {
                    const __m256i v = _mm256_sub_epi32(dot[g], _mm256_set1_epi32(32 * a[t].sum16[k * 2 + g]));
                    sum = _mm256_fmadd_ps(r8_signed_bytes(sc[g]), _mm256_cvtepi32_ps(v), sum);
                }
                fs[t] = _mm256_fmadd_ps(sum, _mm256_set1_ps(a[t].s[k]), fs[t]);
            }
        }
        const __m256 d = half_of_rows(w, at + offsetof(block_q6_k, d));
        for (int t = 0; t < n_tok; t++) acc[t] = _mm256_fmadd_ps(fs[t], d, acc[t]);
    }
}

/* Rows beyond the last are aimed at the last one again and their lanes are not stored. */
#define MATMUL(name, tile) \
    static void name(float *y, int64_t ldy, const void *w, size_t row_bytes, int64_t rows, \
                     int64_t cols, const void *x, int64_t n_tok) { \
        const size_t xb = act_bytes(cols); \
        for (int64_t r = 0; r < rows; r += 8) { \
            const uint8_t *p[8]; \
            const int64_t  n = rows - r < 8 ? rows - r : 8; \
            for (int64_t i = 0; i < 8; i++) \
                p[i] = (const uint8_t *)w + (size_t)(r + (i < n ? i : n - 1)) * row_bytes; \
            for (int64_t t = 0; t < n_tok; t += TOKENS) { \
                const int n_here = n_tok - t < TOKENS ? (int)(n_tok - t) : TOKENS; \
                act_view  a[TOKENS]; \
                __m256    acc[TOKENS]; \
                for (int i = 0; i < n_here; i++) { \
                    a[i] = act_of((const char *)x + (size_t)(t + i) * xb, cols); \
                    acc[i] = _mm256_setzero_ps(); \
                } \
                if (n_here == TOKENS) tile(acc, p, a, cols, TOKENS); \
                else if (n_here == 1) tile(acc, p, a, cols, 1); \
                else tile(acc, p, a, cols, n_here); \
                for (int i = 0; i < n_here; i++) { \
                    float lane[8]; \
                    _mm256_storeu_ps(lane, acc[i]); \
                    memcpy(y + (t + i) * ldy + r, lane, (size_t)n * sizeof *lane); \
                } \
            } \
        } \
    }
MATMUL(matmul_q4_0, tile_q4_0)
MATMUL(matmul_q8_0, tile_q8_0)
MATMUL(matmul_q4_k, tile_q4_k)
MATMUL(matmul_q5_k, tile_q5_k)
MATMUL(matmul_q6_k, tile_q6_k)

static void act_from_f32(void *dst, const float *src, int64_t n) {
    act_view a = act_of(dst, n);
    int8_t  *q = (int8_t *)(uintptr_t)a.q;
    float   *s = (float *)(uintptr_t)a.s, *ms = (float *)(uintptr_t)a.ms;
    int32_t *sum16 = (int32_t *)(uintptr_t)a.sum16;
    int16_t (*pair32)[2] = (void *)(uintptr_t)a.pair32, (*pair16)[2] = (void *)(uintptr_t)a.pair16;
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    for (int64_t b = 0; b < n / 32; b++, src += 32, q += 32) {
        __m256i v[4], top = _mm256_setzero_si256();
        for (int i = 0; i < 4; i++) {
            v[i] = load32(src + 8 * i);
            top = _mm256_max_epi32(top, _mm256_and_si256(v[i], magnitude));
        }
        __m128i t = _mm_max_epi32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
        t = _mm_max_epi32(t, _mm_shuffle_epi32(t, 0x4e));
        t = _mm_max_epi32(t, _mm_shuffle_epi32(t, 0xb1));
        const uint32_t bits = (uint32_t)_mm_cvtsi128_si32(t);
        float          amax;
        memcpy(&amax, &bits, 4);
        const bool finite = bits < 0x7f800000, some = finite && amax >= 1e-30f;
        if (!some) {
            memset(q, 0, 32);
            s[b] = finite ? 0 : NAN;
            ms[b] = s[b] * 0.0f;
            memset(sum16 + 2 * b, 0, 2 * sizeof *sum16);
            memset(pair32 + b, 0, sizeof *pair32);
            memset(pair16 + 2 * b, 0, 2 * sizeof *pair16);
            continue;
        }
        const __m256 id = _mm256_set1_ps(127.0f / amax);
        for (int i = 0; i < 4; i++)
            v[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_castsi256_ps(v[i]), id));
        /* The packs work within 128-bit halves; the permutation restores the order. */
        const __m256i halves = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
        const __m256i all = _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        _mm256_storeu_si256((void *)q, all);
        __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), all); /* in fours of columns: k % 4 < 2, the others */
        pairs = _mm256_add_epi16(pairs, _mm256_shuffle_epi32(pairs, 0x4e));
        pairs = _mm256_add_epi16(pairs, _mm256_shuffle_epi32(pairs, 0xb1));
        const __m128i first = _mm256_castsi256_si128(pairs), second = _mm256_extracti128_si256(pairs, 1);
        const __m128i sixteens = _mm_unpacklo_epi32(first, second);
        _mm_storeu_si32(pair32[b], _mm_add_epi16(first, second));
        _mm_storel_epi64((void *)pair16[2 * b], sixteens);
        _mm_storel_epi64((void *)(sum16 + 2 * b), _mm_madd_epi16(sixteens, _mm_set1_epi16(1)));
        s[b] = amax / 127.0f;
        ms[b] = s[b] * (float)(sum16[2 * b] + sum16[2 * b + 1]);
    }
}

/* ---- float weights --------------------------------------------------------- */

INLINE void panel_tile(float *acc, const float *panel, int64_t k, const float *x, int64_t ldx, const int n) {
    __m256 v[8];
    for (int t = 0; t < n; t++) v[t] = _mm256_loadu_ps(acc + 8 * t);
    for (int64_t i = 0; i < k; i++) {
        const __m256 w = _mm256_loadu_ps(panel + 8 * i);
        for (int t = 0; t < n; t++) v[t] = _mm256_fmadd_ps(w, _mm256_set1_ps(x[t * ldx + i]), v[t]);
    }
    for (int t = 0; t < n; t++) _mm256_storeu_ps(acc + 8 * t, v[t]);
}

static void matmul_panel(float *acc, const float *panel, int64_t k, const float *x, int64_t ldx,
                         int64_t n_tok) {
    int64_t t = 0;
    for (; t + 8 <= n_tok; t += 8) panel_tile(acc + t * 8, panel, k, x + t * ldx, ldx, 8);
    for (; t + 2 <= n_tok; t += 2) panel_tile(acc + t * 8, panel, k, x + t * ldx, ldx, 2);
    for (; t < n_tok; t++) panel_tile(acc + t * 8, panel, k, x + t * ldx, ldx, 1);
}

static void panel_from_rows(float *panel, const float *rows, int64_t ld, int64_t k) {
    int64_t i = 0;
    for (; i + 8 <= k; i += 8) {
        __m256 r[8], u[8];
        for (int j = 0; j < 8; j++) r[j] = _mm256_loadu_ps(rows + j * ld + i);
        for (int j = 0; j < 8; j += 2) {
            u[j] = _mm256_unpacklo_ps(r[j], r[j + 1]);
            u[j + 1] = _mm256_unpackhi_ps(r[j], r[j + 1]);
        }
        for (int j = 0; j < 8; j += 4) {
            r[j] = _mm256_shuffle_ps(u[j], u[j + 2], 0x44);
            r[j + 1] = _mm256_shuffle_ps(u[j], u[j + 2], 0xee);
            r[j + 2] = _mm256_shuffle_ps(u[j + 1], u[j + 3], 0x44);
            r[j + 3] = _mm256_shuffle_ps(u[j + 1], u[j + 3], 0xee);
        }
        for (int j = 0; j < 4; j++) {
            _mm256_storeu_ps(panel + (i + j) * 8, _mm256_permute2f128_ps(r[j], r[j + 4], 0x20));
            _mm256_storeu_ps(panel + (i + j + 4) * 8, _mm256_permute2f128_ps(r[j], r[j + 4], 0x31));
        }
    }
    for (; i < k; i++)
        for (int j = 0; j < 8; j++) panel[i * 8 + j] = rows[j * ld + i];
}

static void f16_row(float *dst, const uint16_t *src, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(src + i))));
    for (; i < n; i++) dst[i] = f16_to_f32(src[i]);
}

static void f32_row(uint16_t *dst, const float *src, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((void *)(dst + i), _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++) dst[i] = f32_to_f16(src[i]);
}

/* ---- vectors ----------------------------------------------------------------- */

/* Lanes 0..7 and 8..15 of a sum in 16 lanes, added up in the fixed tree. */
INLINE float tree16(__m256 lo, __m256 hi) {
    const __m256 v = _mm256_add_ps(lo, hi);
    __m128       x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}

/* The sum in 16 lanes of a[i] * b[i]. */
INLINE float dot16(const float *a, const float *b, int64_t n) {
    __m256  lo = _mm256_setzero_ps(), hi = lo;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        lo = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), lo);
        hi = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), hi);
    }
    if (i < n) {
        float lane[16];
        _mm256_storeu_ps(lane, lo);
        _mm256_storeu_ps(lane + 8, hi);
        for (int j = 0; i + j < n; j++) lane[j] = fmaf(a[i + j], b[i + j], lane[j]);
        lo = _mm256_loadu_ps(lane);
        hi = _mm256_loadu_ps(lane + 8);
    }
    return tree16(lo, hi);
}

static void rms_norm(float *y, const float *x, const float *w, int64_t n, float eps) {
    const float  r = 1.0f / sqrtf(dot16(x, x, n) / (float)n + eps);
    const __m256 rv = _mm256_set1_ps(r);
    int64_t      i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), rv), _mm256_loadu_ps(w + i)));
    for (; i < n; i++) y[i] = x[i] * r * w[i];
}

/* As scalar.c's exp1.  min returns its second operand where one is NaN, so NaN stays. */
INLINE __m256 exp8(__m256 x) {
    static const float coef[] = {0.0083687454f, 0.04166839f, 0.16666521f, 0.49999994f, 1.0f, 1.0f};
    const __m256 counts = _mm256_cmp_ps(x, _mm256_set1_ps(-87.0f), _CMP_NLT_UQ);
    x = _mm256_min_ps(_mm256_set1_ps(89.0f), x);
    const __m256 to_whole = _mm256_set1_ps(12582912.0f), whole = _mm256_fmadd_ps(x, _mm256_set1_ps(1.44269504f), to_whole);
    const __m256 k = _mm256_sub_ps(whole, to_whole);
    __m256       r = _mm256_fnmadd_ps(k, _mm256_set1_ps(0.693359375f), x), p = _mm256_set1_ps(0.0013814538f);
    r = _mm256_fnmadd_ps(k, _mm256_set1_ps(-2.12194440e-4f), r);
    for (size_t i = 0; i < ARRAY_LEN(coef); i++) p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(coef[i]));
    const __m256i scale = _mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(whole), 23), _mm256_set1_epi32(127 << 23));
    return _mm256_and_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(scale)), counts);
}

INLINE __m256 silu8(__m256 g) {
    const __m256 e = exp8(_mm256_xor_ps(g, _mm256_set1_ps(-0.0f)));
    return _mm256_div_ps(g, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
}

INLINE __m256 gelu8(__m256 g) {
    const __m256 z = _mm256_mul_ps(
        g, _mm256_fmadd_ps(_mm256_mul_ps(g, g), _mm256_set1_ps(-2.0f * 0.79788456f * 0.044715f),
                           _mm256_set1_ps(-2.0f * 0.79788456f)));
    return _mm256_div_ps(g, _mm256_add_ps(_mm256_set1_ps(1.0f), exp8(z)));
}

INLINE __m256 tanh8(__m256 x) {
    const __m256 sign = _mm256_set1_ps(-0.0f), one = _mm256_set1_ps(1.0f);
    const __m256 a = _mm256_andnot_ps(sign, x), s = _mm256_mul_ps(x, x);
    __m256       p = _mm256_fmadd_ps(s, _mm256_set1_ps(62.0f / 2835), _mm256_set1_ps(-17.0f / 315));
    p = _mm256_fmadd_ps(p, s, _mm256_set1_ps(2.0f / 15));
    p = _mm256_fmadd_ps(p, s, _mm256_set1_ps(-1.0f / 3));
    const __m256 small = _mm256_fmadd_ps(_mm256_mul_ps(x, s), p, x);
    const __m256 e = exp8(_mm256_mul_ps(_mm256_set1_ps(-2.0f), a));
    const __m256 q = _mm256_div_ps(_mm256_sub_ps(one, e), _mm256_add_ps(one, e));
    const __m256 big = _mm256_or_ps(_mm256_andnot_ps(sign, q), _mm256_and_ps(sign, x));
    return _mm256_blendv_ps(big, small, _mm256_cmp_ps(a, _mm256_set1_ps(0.3f), _CMP_LT_OQ));
}

/* Runs `body` over whole registers and once more over a zero-padded copy of the tail. */
#define MUL_ACT(name, act8) \
    static void name(float *y, const float *g, const float *u, int64_t n) { \
        int64_t i = 0; \
        for (; i + 8 <= n; i += 8) \
            _mm256_storeu_ps(y + i, _mm256_mul_ps(act8(_mm256_loadu_ps(g + i)), _mm256_loadu_ps(u + i))); \
        if (i < n) { \
            float a[8] = {0}, b[8] = {0}; \
            memcpy(a, g + i, (size_t)(n - i) * 4); \
            memcpy(b, u + i, (size_t)(n - i) * 4); \
            _mm256_storeu_ps(a, _mm256_mul_ps(act8(_mm256_loadu_ps(a)), _mm256_loadu_ps(b))); \
            memcpy(y + i, a, (size_t)(n - i) * 4); \
        } \
    }
MUL_ACT(silu_mul, silu8)
MUL_ACT(gelu_mul, gelu8)

static void softcap(float *x, int64_t n, float cap) {
    const __m256 c = _mm256_set1_ps(cap);
    for (int64_t i = 0; i < n; i += 8) {
        float        a[8] = {0};
        const size_t k = n - i < 8 ? (size_t)(n - i) : 8;
        memcpy(a, x + i, k * 4);
        const __m256 v = _mm256_loadu_ps(a), y = _mm256_mul_ps(c, tanh8(_mm256_div_ps(v, c)));
        _mm256_storeu_ps(a, _mm256_fmadd_ps(v, _mm256_setzero_ps(), y)); /* 0 * infinity is NaN */
        memcpy(x + i, a, k * 4);
    }
}

static float exp_sum(float *x, int64_t n, float shift) {
    const __m256 m = _mm256_set1_ps(shift);
    __m256       lo = _mm256_setzero_ps(), hi = lo;
    int64_t      i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256 a = exp8(_mm256_sub_ps(_mm256_loadu_ps(x + i), m));
        const __m256 b = exp8(_mm256_sub_ps(_mm256_loadu_ps(x + i + 8), m));
        _mm256_storeu_ps(x + i, a);
        _mm256_storeu_ps(x + i + 8, b);
        lo = _mm256_add_ps(lo, a);
        hi = _mm256_add_ps(hi, b);
    }
    if (i < n) {
        float e[16], sum[16];
        for (int j = 0; j < 16; j++) e[j] = i + j < n ? x[i + j] : shift;
        _mm256_storeu_ps(e, exp8(_mm256_sub_ps(_mm256_loadu_ps(e), m)));
        _mm256_storeu_ps(e + 8, exp8(_mm256_sub_ps(_mm256_loadu_ps(e + 8), m)));
        _mm256_storeu_ps(sum, lo);
        _mm256_storeu_ps(sum + 8, hi);
        for (int j = 0; i + j < n; j++) sum[j] += x[i + j] = e[j];
        lo = _mm256_loadu_ps(sum);
        hi = _mm256_loadu_ps(sum + 8);
    }
    return tree16(lo, hi);
}

INLINE double tree8(__m256d lo, __m256d hi) {
    const __m256d v = _mm256_add_pd(lo, hi);
    const __m128d x = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(x, _mm_unpackhi_pd(x, x)));
}

INLINE void add_wide(__m256d lane[2], __m256 v) {
    lane[0] = _mm256_add_pd(lane[0], _mm256_cvtps_pd(_mm256_castps256_ps128(v)));
    lane[1] = _mm256_add_pd(lane[1], _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)));
}

INLINE double exp_total_of(const float *x, int64_t n, float shift, float temp, double *moment, const bool wants_moment) {
    const __m256 s = _mm256_set1_ps(shift), t = _mm256_set1_ps(temp), least = _mm256_set1_ps(-105.0f);
    __m256d      sum[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()}, first[2] = {sum[0], sum[0]};
    for (int64_t i = 0; i < n; i += 8) {
        float        tail[8];
        const float *p = x + i;
        if (n - i < 8) { /* infinitely far below: adds nothing */
            for (int j = 0; j < 8; j++) tail[j] = i + j < n ? x[i + j] : -INFINITY;
            p = tail;
        }
        const __m256 d = _mm256_max_ps(_mm256_div_ps(_mm256_sub_ps(_mm256_loadu_ps(p), s), t), least), e = exp8(d);
        add_wide(sum, e);
        if (wants_moment) add_wide(first, _mm256_mul_ps(e, d));
    }
    if (wants_moment) *moment = tree8(first[0], first[1]);
    return tree8(sum[0], sum[1]);
}

static double exp_total(const float *x, int64_t n, float shift, float temp, double *moment) {
    return moment ? exp_total_of(x, n, shift, temp, moment, true) : exp_total_of(x, n, shift, temp, NULL, false);
}

/* The largest of 64 numbers, or of n in a copy whose end repeats the first. */
static bool peaks(float *peak, const float *x, int64_t n) {
    __m256 nil[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int64_t b = 0; b < n; b += KERNEL_PEAK) {
        float        tail[KERNEL_PEAK];
        const float *p = x + b;
        if (n - b < KERNEL_PEAK) {
            for (int64_t i = 0; i < KERNEL_PEAK; i++) tail[i] = p[b + i < n ? i : 0];
            p = tail;
        }
        __m256 top[2] = {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
        for (int i = 0; i < KERNEL_PEAK; i += 16)
            for (int j = 0; j < 2; j++) {
                const __m256 v = _mm256_loadu_ps(p + i + 8 * j);
                top[j] = _mm256_max_ps(v, top[j]);
                nil[j] = _mm256_fmadd_ps(v, _mm256_setzero_ps(), nil[j]); /* NaN where v is not finite */
            }
        const __m256 t = _mm256_max_ps(top[0], top[1]);
        __m128       m = _mm_max_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
        m = _mm_max_ps(m, _mm_movehl_ps(m, m));
        peak[b / KERNEL_PEAK] = _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
    }
    return _mm256_movemask_ps(_mm256_cmp_ps(_mm256_add_ps(nil[0], nil[1]), _mm256_setzero_ps(), _CMP_EQ_OQ)) == 0xff;
}

R8_ALL_PACKED
R8_ALL_MORE
R8_ALL_FLOATS

/* Two groups of 8 rows against 4 tokens: 8 sums, and 6 loads for 8 products. */
#define P_LANES 8
#define P_REGS 2
#define P_COLS 512
enum { TILE = 4, FEW = 4, FEW_K = 8, FEW_Q6_K = 4, FEW_Q8_0 = 8, FEW_MORE = 20 };
#define P_CASES(tile) P_CASE(1, tile) P_CASE(2, tile) P_CASE(3, tile) P_CASE(4, tile)
#include "r8_panel.h"

PANELS_ALL
PANELS_SCORES

const kernels kernels_avx2 = {
    .name = "avx2",
    .need = CPU_AVX2 | CPU_FMA | CPU_F16C,
    .matmul = {[TYPE_Q4_0] = matmul_q4_0, [TYPE_Q8_0] = matmul_q8_0, [TYPE_Q4_K] = matmul_q4_k,
               [TYPE_Q5_K] = matmul_q5_k, [TYPE_Q6_K] = matmul_q6_k, R8_MORE_MATMUL},
    .packed = {PANELS_TABLE, R8_FLOAT_PACKED},
    .packing_pays = true,
    .act_from_f32 = act_from_f32,
    .matmul_panel = matmul_panel,
    .panel_from_rows = panel_from_rows,
    .f16_to_f32 = f16_row,
    .f32_to_f16 = f32_row,
    .rms_norm = rms_norm,
    .silu_mul = silu_mul,
    .gelu_mul = gelu_mul,
    .softcap = softcap,
    .exp_sum = exp_sum,
    .exp_total = exp_total,
    .peaks = peaks,
    .hadamard = hadamard,
    .max_of = max_of,
    .scores = {[SLM_KV_F16] = scores_f16, [SLM_KV_F32] = scores_f32, [SLM_KV_Q8_0] = scores_q8},
    .values = {[SLM_KV_F16] = values_f16, [SLM_KV_F32] = values_f32, [SLM_KV_Q8_0] = values_q8},
    .round = ROUND_ALL,
    .search = SEARCH_ALL,
    .blend = blend,
};
