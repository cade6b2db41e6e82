/* attend_x86.h - floor 2: attention over blocks of the KV cache on 256-bit registers (kernels.h has the contracts).
 *
 * Keys and values are read as they are stored and turned into floats in registers, once for the
 * queries of a tile: two for the scores, three for the values, as many as leave no register spilled.
 * Compiled into one file per instruction set, as r8_x86.h is. */
#ifndef ATTEND_X86_H
#define ATTEND_X86_H
#include "kernels.h"
#include "r8_x86.h"
#include <math.h>

/* 8 numbers of a row from column j on. */
R8_INLINE __m256 attend_load(const void *row, int64_t j, const bool half) {
    return half ? _mm256_cvtph_ps(_mm_loadu_si128((const void *)((const uint16_t *)row + j))) : _mm256_loadu_ps((const float *)row + j);
}

/* The sums of the 8 lanes of v[0..7], one per lane, in the order of a sum in 16 lanes: + 4, + 2, + 1. */
R8_INLINE __m256 attend_sum8(const __m256 v[8]) {
    __m256 x[4], y[2];
    for (int i = 0; i < 4; i++)
        x[i] = _mm256_add_ps(_mm256_permute2f128_ps(v[i], v[i + 4], 0x20), _mm256_permute2f128_ps(v[i], v[i + 4], 0x31));
    for (int i = 0; i < 2; i++) {
        const __m256d a = _mm256_castps_pd(x[2 * i]), b = _mm256_castps_pd(x[2 * i + 1]);
        y[i] = _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(a, b)), _mm256_castpd_ps(_mm256_unpackhi_pd(a, b)));
    }
    return _mm256_add_ps(_mm256_shuffle_ps(y[0], y[1], 0x88), _mm256_shuffle_ps(y[0], y[1], 0xdd));
}

/* 8 positions, n_pos at a time, against n_q <= 2 queries. */
R8_INLINE void attend_scores8(float *s, int64_t lds, const float *q, const char *k, int64_t d, const bool half, const int n_q, const int n_pos) {
    const size_t row = (size_t)d * (half ? 2 : 4);
    __m256       sum[2][8];
    for (int i = 0; i < 8; i += n_pos, k += (size_t)n_pos * row) {
        __m256 lo[2][4], hi[2][4];
        for (int h = 0; h < n_q; h++)
            for (int x = 0; x < n_pos; x++) lo[h][x] = hi[h][x] = _mm256_setzero_ps();
        for (int64_t j = 0; j < d; j += 16)
            for (int x = 0; x < n_pos; x++) {
                const __m256 a = attend_load(k + (size_t)x * row, j, half), b = attend_load(k + (size_t)x * row, j + 8, half);
                for (int h = 0; h < n_q; h++) {
                    lo[h][x] = _mm256_fmadd_ps(_mm256_loadu_ps(q + h * d + j), a, lo[h][x]);
                    hi[h][x] = _mm256_fmadd_ps(_mm256_loadu_ps(q + h * d + j + 8), b, hi[h][x]);
                }
            }
        for (int h = 0; h < n_q; h++)
            for (int x = 0; x < n_pos; x++) sum[h][i + x] = _mm256_add_ps(lo[h][x], hi[h][x]);
    }
    for (int h = 0; h < n_q; h++) _mm256_storeu_ps(s + h * lds, attend_sum8(sum[h]));
}

R8_INLINE void attend_scores(float *s, int64_t lds, const float *q, int64_t n_q, const char *k, int64_t n, int64_t d, const bool half) {
    const size_t eight = 8 * (size_t)d * (half ? 2 : 4);
    int64_t      h = 0;
    for (; h + 2 <= n_q; h += 2)
        for (int64_t i = 0; i < n; i += 8) attend_scores8(s + h * lds + i, lds, q + h * d, k + (size_t)(i / 8) * eight, d, half, 2, 2);
    if (h < n_q)
        for (int64_t i = 0; i < n; i += 8) attend_scores8(s + h * lds + i, lds, q + h * d, k + (size_t)(i / 8) * eight, d, half, 1, 4);
}

static inline void scores_f16(float *s, int64_t lds, const void *q, int64_t n_q, const void *k, int64_t n, int64_t d) {
    attend_scores(s, lds, q, n_q, k, n, d, true);
}

static inline void scores_f32(float *s, int64_t lds, const void *q, int64_t n_q, const void *k, int64_t n, int64_t d) {
    attend_scores(s, lds, q, n_q, k, n, d, false);
}

enum {
    ATTEND_QUERIES = 3, /* of a tile: 12 sums, 3 weights and a value are 16 registers */
    ATTEND_MANY = 6     /* queries from which on bytes become floats once for all of them */
};

/* 8 * n_reg columns of the positions [i0, i1), rows of `row` bytes, for n_q queries. */
R8_INLINE void attend_values_tile(float *acc, int64_t lda, const float *p, int64_t ldp, const char *v, size_t row, int64_t i0, int64_t i1,
                                  const bool half, const int n_q, const int n_reg) {
    __m256 a[ATTEND_QUERIES][4];
    for (int h = 0; h < n_q; h++)
        for (int c = 0; c < n_reg; c++) a[h][c] = _mm256_loadu_ps(acc + h * lda + 8 * c);
    for (int64_t i = i0; i < i1; i++)
        for (int c = 0; c < n_reg; c++) {
            const __m256 x = attend_load(v + (size_t)i * row, 8 * c, half);
            for (int h = 0; h < n_q; h++) a[h][c] = _mm256_fmadd_ps(_mm256_set1_ps(p[h * ldp + i]), x, a[h][c]);
        }
    for (int h = 0; h < n_q; h++)
        for (int c = 0; c < n_reg; c++) _mm256_storeu_ps(acc + h * lda + 8 * c, a[h][c]);
}

R8_INLINE void attend_values(float *acc, int64_t lda, const float *p, int64_t ldp, const char *v, int64_t i0, int64_t i1, int64_t d,
                             const bool half, const int n_q) {
    const size_t elem = half ? 2 : 4, row = (size_t)d * elem;
    int64_t      j = 0;
    for (; j + 32 <= d; j += 32) attend_values_tile(acc + j, lda, p, ldp, v + (size_t)j * elem, row, i0, i1, half, n_q, 4);
    if (j < d) attend_values_tile(acc + j, lda, p, ldp, v + (size_t)j * elem, row, i0, i1, half, n_q, 2);
}

/* 32 columns of the positions [i0, i1) for n_q queries. */
R8_INLINE void attend_values32_q8(float *acc, int64_t lda, const float *p, int64_t ldp, const kv_part *v, int64_t i0, int64_t i1, const int n_q) {
    __m256 a[ATTEND_QUERIES][4];
    for (int h = 0; h < n_q; h++)
        for (int c = 0; c < 4; c++) a[h][c] = _mm256_loadu_ps(acc + h * lda + 8 * c);
    for (int64_t g = i0 / 8; 8 * g < i1; g++) {
        const int    from = i0 > 8 * g ? (int)(i0 - 8 * g) : 0, to = i1 < 8 * g + 8 ? (int)(i1 - 8 * g) : 8;
        const __m256 scale = r8_halfs(v[g].d);
        float        w[ATTEND_QUERIES][8];
        for (int h = 0; h < n_q; h++) _mm256_storeu_ps(w[h], _mm256_mul_ps(_mm256_loadu_ps(p + h * ldp + 8 * g), scale));
        for (int i = from; i < to; i++)
            for (int c = 0; c < 4; c++) {
                const __m256 x = r8_signed_bytes(v[g].q[i] + 8 * c);
                for (int h = 0; h < n_q; h++) a[h][c] = _mm256_fmadd_ps(_mm256_set1_ps(w[h][i]), x, a[h][c]);
            }
    }
    for (int h = 0; h < n_q; h++)
        for (int c = 0; c < 4; c++) _mm256_storeu_ps(acc + h * lda + 8 * c, a[h][c]);
}

R8_INLINE void attend_values_q8(float *acc, int64_t lda, const float *p, int64_t ldp, const kv_part *v, int64_t i0, int64_t i1, int64_t d,
                                const int n_q) {
    for (int64_t j = 0; j < d; j += 32, v += KV_BLOCK / 8) attend_values32_q8(acc + j, lda, p, ldp, v, i0, i1, n_q);
}

/* The same for many queries: the values of 32 columns become floats once for all of them. */
static inline void attend_values_wide(float *acc, int64_t lda, const float *p, int64_t ldp, const kv_part *v, int64_t i0, int64_t i1, int64_t d,
                                      int64_t n_q) {
    enum { ROW = 32 * sizeof(float) };
    float wide[KV_BLOCK][32], w[ATTEND_QUERIES][KV_BLOCK];
    for (int64_t j = 0; j < d; j += 32, acc += 32, v += KV_BLOCK / 8) {
        for (int64_t i = i0; i < i1; i++)
            for (int c = 0; c < 32; c += 8) _mm256_storeu_ps(wide[i] + c, r8_signed_bytes(v[i / 8].q[i % 8] + c));
        for (int64_t h = 0, n; h < n_q; h += n) {
            n = n_q - h < ATTEND_QUERIES ? n_q - h : ATTEND_QUERIES;
            for (int64_t t = 0; t < n; t++)
                for (int64_t g = i0 / 8; 8 * g < i1; g++)
                    _mm256_storeu_ps(w[t] + 8 * g, _mm256_mul_ps(_mm256_loadu_ps(p + (h + t) * ldp + 8 * g), r8_halfs(v[g].d)));
            const char *rows = (const void *)wide;
            if (n == 3) attend_values_tile(acc + h * lda, lda, w[0], KV_BLOCK, rows, ROW, i0, i1, false, 3, 4);
            else if (n == 2) attend_values_tile(acc + h * lda, lda, w[0], KV_BLOCK, rows, ROW, i0, i1, false, 2, 4);
            else attend_values_tile(acc + h * lda, lda, w[0], KV_BLOCK, rows, ROW, i0, i1, false, 1, 4);
        }
    }
}

/* Four queries go as two and two: three and one read the values as often and leave one sum chain alone. */
#define ATTEND_VALUES(name, tile) \
    static inline void name(float *acc, int64_t lda, const float *p, int64_t ldp, int64_t n_q, const void *v, int64_t i0, int64_t i1, \
                            int64_t d) { \
        int64_t h = 0; \
        for (; n_q - h == 3 || n_q - h > 4; h += 3) tile(acc + h * lda, lda, p + h * ldp, ldp, v, i0, i1, d, 3); \
        for (; n_q - h >= 2; h += 2) tile(acc + h * lda, lda, p + h * ldp, ldp, v, i0, i1, d, 2); \
        if (h < n_q) tile(acc + h * lda, lda, p + h * ldp, ldp, v, i0, i1, d, 1); \
    }
#define ATTEND_F16(acc, lda, p, ldp, v, i0, i1, d, n_q) attend_values(acc, lda, p, ldp, v, i0, i1, d, true, n_q)
#define ATTEND_F32(acc, lda, p, ldp, v, i0, i1, d, n_q) attend_values(acc, lda, p, ldp, v, i0, i1, d, false, n_q)
ATTEND_VALUES(values_f16, ATTEND_F16)
ATTEND_VALUES(values_f32, ATTEND_F32)
ATTEND_VALUES(values_few_q8, attend_values_q8)
static inline void values_q8(float *acc, int64_t lda, const float *p, int64_t ldp, int64_t n_q, const void *v, int64_t i0, int64_t i1, int64_t d) {
    if (n_q >= ATTEND_MANY) attend_values_wide(acc, lda, p, ldp, v, i0, i1, d, n_q);
    else values_few_q8(acc, lda, p, ldp, n_q, v, i0, i1, d);
}

/* A step of hadamard within a register: y holds each lane's partner; negative where a lane gets the difference. */
R8_INLINE __m256 attend_pairs(__m256 x, __m256 y, int negative) {
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i minus = _mm256_slli_epi32(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(negative), bit), bit), 31);
    return _mm256_add_ps(y, _mm256_xor_ps(x, _mm256_castsi256_ps(minus)));
}

static inline void hadamard(float *x, int64_t n) {
    for (; n > 0; n -= 32, x += 32) {
        __m256 v[4];
        for (int i = 0; i < 4; i++) {
            v[i] = _mm256_loadu_ps(x + 8 * i);
            v[i] = attend_pairs(v[i], _mm256_permute_ps(v[i], 0xb1), 0xaa);
            v[i] = attend_pairs(v[i], _mm256_permute_ps(v[i], 0x4e), 0xcc);
            v[i] = attend_pairs(v[i], _mm256_permute2f128_ps(v[i], v[i], 0x01), 0xf0);
        }
        const __m256 a = _mm256_add_ps(v[0], v[1]), b = _mm256_sub_ps(v[0], v[1]), c = _mm256_add_ps(v[2], v[3]), d = _mm256_sub_ps(v[2], v[3]);
        _mm256_storeu_ps(x, _mm256_add_ps(a, c));
        _mm256_storeu_ps(x + 8, _mm256_add_ps(b, d));
        _mm256_storeu_ps(x + 16, _mm256_sub_ps(a, c));
        _mm256_storeu_ps(x + 24, _mm256_sub_ps(b, d));
    }
}

/* max returns its second operand where one is NaN. */
static inline float max_of(const float *x, int64_t n) {
    __m256  m[4];
    float   lane[8], max = -INFINITY;
    int64_t i = 0;
    for (int c = 0; c < 4; c++) m[c] = _mm256_set1_ps(-INFINITY);
    for (; i + 32 <= n; i += 32)
        for (int c = 0; c < 4; c++) m[c] = _mm256_max_ps(_mm256_loadu_ps(x + i + 8 * c), m[c]);
    _mm256_storeu_ps(lane, _mm256_max_ps(_mm256_max_ps(m[0], m[1]), _mm256_max_ps(m[2], m[3])));
    for (int j = 0; j < 8; j++) max = lane[j] > max ? lane[j] : max;
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

static inline void blend(float *a, float fa, const float *b, float fb, int64_t n) {
    const __m256 va = _mm256_set1_ps(fa), vb = _mm256_set1_ps(fb);
    int64_t      i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(a + i, _mm256_fmadd_ps(_mm256_loadu_ps(a + i), va, _mm256_mul_ps(_mm256_loadu_ps(b + i), vb)));
    for (; i < n; i++) a[i] = fmaf(a[i], fa, b[i] * fb);
}
#endif
