/* search_k.h - quantizing by search: K-quants and IQ4, and with importance Q4_0 .. Q5_1.
 *
 * What is minimized is the sum of w * (x - decoded)^2.  With the integers q fixed the best scale is a
 * least-squares quotient, and with the scale fixed the best q is the nearest.  So each group of weights tries a fan of
 * scales around the one that just spans it, takes the least-squares scale of each one's integers, and keeps the best.
 * Then the groups' scales are themselves made small integers: each tries its neighbours with the block's real f16 factor,
 * and the factor is fitted again to what they chose, as long as that helps.
 * Without importance w = 1: what is told about a file is its rmse.
 *
 * Included by each instruction set that compiles it with flags of its own.  All sums are kept in 8 lanes, so that
 * the bits are the same everywhere.  Lanes are a type, a register where there is one: gcc 12 made scalar code of many loops over
 * arrays of eight, and was half as fast as clang 14.
 * Source: the block formats (quant.h); alternating least squares as in Lloyd, "Least squares quantization in PCM", 1982. */
#include "kernels.h"
#include <math.h>
#include <string.h>

enum { K_BLOCK = 256, K_ROUNDS = 3 };

/* Where lanes are a struct, putting everything into everything would take sanitizers' builds minutes. */
#ifdef __AVX2__
#define K_INLINE static inline __attribute__((always_inline))
#else
#define K_INLINE static inline
#endif

/* ---- 8 lanes ------------------------------------------------------------------------------------- */

#ifdef __AVX2__
#include <immintrin.h>
typedef __m256 v8;
K_INLINE v8 v8_load(const float *p) { return _mm256_loadu_ps(p); }
K_INLINE void v8_store(float *p, v8 a) { _mm256_storeu_ps(p, a); }
K_INLINE v8 v8_set(float f) { return _mm256_set1_ps(f); }
K_INLINE v8 v8_add(v8 a, v8 b) { return _mm256_add_ps(a, b); }
K_INLINE v8 v8_sub(v8 a, v8 b) { return _mm256_sub_ps(a, b); }
K_INLINE v8 v8_mul(v8 a, v8 b) { return _mm256_mul_ps(a, b); }
K_INLINE v8 v8_max(v8 a, v8 b) { return _mm256_max_ps(a, b); }
K_INLINE v8 v8_min(v8 a, v8 b) { return _mm256_min_ps(a, b); }
K_INLINE v8 v8_look_up(const float *table, v8 at) { return _mm256_i32gather_ps(table, _mm256_cvttps_epi32(at), 4); }
K_INLINE __m128 v8_fold(v8 a) { return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)); }
/* The sums of a, b and c: of each, lane i and i + 4, then i + 2, then i + 1. */
K_INLINE void v8_sums(float sum[3], v8 a, v8 b, v8 c) {
    const __m128 x = v8_fold(a), y = v8_fold(b), z = v8_fold(c);
    const __m128 xy = _mm_add_ps(_mm_unpacklo_ps(x, y), _mm_unpackhi_ps(x, y)), zz = _mm_add_ps(z, _mm_movehl_ps(z, z));
    const __m128 s = _mm_add_ps(xy, _mm_movehl_ps(xy, xy));
    sum[0] = _mm_cvtss_f32(s);
    sum[1] = _mm_cvtss_f32(_mm_movehdup_ps(s));
    sum[2] = _mm_cvtss_f32(_mm_add_ss(zz, _mm_movehdup_ps(zz)));
}
#else
typedef struct { float f[8]; } v8;
#define K_EACH(value) \
    v8 r; \
    for (int i = 0; i < 8; i++) r.f[i] = value; \
    return r;
K_INLINE v8 v8_load(const float *p) { K_EACH(p[i]) }
K_INLINE void v8_store(float *p, v8 a) { memcpy(p, a.f, sizeof a.f); }
K_INLINE v8 v8_set(float f) { K_EACH(f) }
K_INLINE v8 v8_add(v8 a, v8 b) { K_EACH(a.f[i] + b.f[i]) }
K_INLINE v8 v8_sub(v8 a, v8 b) { K_EACH(a.f[i] - b.f[i]) }
K_INLINE v8 v8_mul(v8 a, v8 b) { K_EACH(a.f[i] * b.f[i]) }
K_INLINE v8 v8_max(v8 a, v8 b) { K_EACH(a.f[i] > b.f[i] ? a.f[i] : b.f[i]) }
K_INLINE v8 v8_min(v8 a, v8 b) { K_EACH(a.f[i] < b.f[i] ? a.f[i] : b.f[i]) }
K_INLINE v8 v8_look_up(const float *table, v8 at) { K_EACH(table[(int)at.f[i]]) }
#undef K_EACH
K_INLINE float k_lanes(const float s[8]) { return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])); }
K_INLINE void v8_sums(float sum[3], v8 a, v8 b, v8 c) {
    sum[0] = k_lanes(a.f);
    sum[1] = k_lanes(b.f);
    sum[2] = k_lanes(c.f);
}
#endif

K_INLINE float v8_sum(v8 a) {
    float s[3];
    v8_sums(s, a, a, a);
    return s[2];
}

/* The least and the largest of n numbers and `start`. */
K_INLINE void k_range(const float *x, int n, float start, float *lo, float *hi) {
    v8    a = v8_set(start), b = a;
    float s[8], t[8];
    for (int i = 0; i < n; i += 8) {
        a = v8_min(v8_load(x + i), a);
        b = v8_max(v8_load(x + i), b);
    }
    v8_store(s, a);
    v8_store(t, b);
    *lo = s[0];
    *hi = t[0];
    for (int i = 1; i < 8; i++) {
        *lo = s[i] < *lo ? s[i] : *lo;
        *hi = t[i] > *hi ? t[i] : *hi;
    }
}

/* Nearest, ties to even, for |v| below 2^22: the sum has no bits below 1. */
K_INLINE v8 v8_nearest(v8 v) { return v8_sub(v8_add(v, v8_set(0x1.8p23f)), v8_set(0x1.8p23f)); }
K_INLINE v8 v8_clamp(v8 v, float lo, float hi) { return v8_min(v8_max(v, v8_set(lo)), v8_set(hi)); }

static float k_nearest(float v) { return (v + 0x1.8p23f) - 0x1.8p23f; }

static float k_clamp(float v, float lo, float hi) {
    v = v < lo ? lo : v;
    return v > hi ? hi : v;
}

/* 0, 1, -1, 2, -2 ..: a fan is tried from its middle, which an even case (one weight, all the same) hits exactly. */
static float k_fan(int k) { return (float)(k % 2 ? (k + 1) / 2 : -k / 2); }

static float k_half(float d) { return f16_to_f32(f32_to_f16(d)); }

static float k_inverse(float d) { return fabsf(d) > 0x1p-100f ? 1 / d : 0; }

/* What weights count for where nobody says it. */
static const float *k_ones(void) {
#define O8 1, 1, 1, 1, 1, 1, 1, 1
#define O64 O8, O8, O8, O8, O8, O8, O8, O8
    static const float one[K_BLOCK] = {O64, O64, O64, O64};
    return one;
#undef O64
#undef O8
}

/* ---- a scale alone: Q3_K, Q6_K, IQ4_NL, IQ4_XS; Q4_0, Q5_0 ------------------------------------------ */

typedef struct {
    int   size;           /* weights that share a scale                             */
    float q_min, q_max;   /* grid of a weight                                       */
    float s_min, s_max;   /* of a group's scale, in units of the block's            */
    int   fan;            /* scales tried, around the one that spans                */
    int   middle;         /* of them for both signs; the others for the better one  */
    float step;           /* between them, in units of q                            */
} k_grid;

/* The entry of iq4_values that is nearest to v.  Half-way points are multiples of 1/2, so that the cells between
 * such multiples have one nearest entry each. */
static int k_table_index(float v) {
    const int cell = (int)floorf(2 * k_clamp(v, -128, 127));
    int       lo = 0;
    /* Entries k and k + 1 part at their mean, which is (their sum) / 2. */
    while (lo < 15 && cell >= iq4_values[lo] + iq4_values[lo + 1]) lo++;
    return lo;
}

/* near: the entry for each cell; place: where in iq4_values the value v lies, at v + 128. */
static void k_fill_tables(float near[512], uint8_t place[256]) {
    for (int i = 0; i < 512; i++) near[i] = iq4_values[k_table_index((float)(i - 256) / 2)];
    for (int i = 0; i < 16; i++) place[iq4_values[i] + 128] = (uint8_t)i;
}

/* The place on the grid that is nearest to x * id.  near: its places are iq4_values. */
K_INLINE v8 k_to_grid(const k_grid *g, const float *near, v8 x, v8 id) {
    const v8 v = v8_mul(x, id);
    if (!near) return v8_nearest(v8_clamp(v, g->q_min, g->q_max));
    const v8 t = v8_clamp(v, -128, 127);
    return v8_look_up(near, v8_add(v8_add(t, t), v8_set(256)));
}

/* Sums of w x q and w q q, for the integers that 1 / id gives. */
K_INLINE void k_fit_sums(const k_grid *g, const float *near, const float *x, const float *w, float id, float *xq, float *qq) {
    v8 a = v8_set(0), b = v8_set(0);
    for (int i = 0; i < g->size; i += 8) {
        const v8 xi = v8_load(x + i), q = k_to_grid(g, near, xi, v8_set(id)), wq = v8_mul(v8_load(w + i), q);
        a = v8_add(a, v8_mul(wq, xi));
        b = v8_add(b, v8_mul(wq, q));
    }
    float sum[3];
    v8_sums(sum, a, b, b);
    *xq = sum[0];
    *qq = sum[1];
}

/* The best scale of a group so far, and xq^2 / qq of its integers, by which their error is less than the sum of w x x. */
typedef struct {
    float  scale;
    double over, under;
} k_best;

/* The weight of largest magnitude comes to lie at `end` of the grid; is that better? */
K_INLINE bool k_try_end(k_best *b, const k_grid *g, const float *near, const float *x, const float *w, float extreme, float end) {
    float xq, qq;
    k_fit_sums(g, near, x, w, end / extreme, &xq, &qq);
    const double square = (double)xq * (double)xq;
    if (!(qq > 0 && square * b->under > b->over * (double)qq * 1.000001)) return false;
    *b = (k_best){xq / qq, square, (double)qq};
    return true;
}

/* The best scale of a group, of any sign.  Which end of the grid is the better one shows in the fan's middle. */
K_INLINE float k_search_scale(const k_grid *g, const float *near, const float *x, const float *w) {
    float  lo, hi, end = g->q_min;
    k_best b = {0, 0, 1};
    k_range(x, g->size, 0, &lo, &hi);
    const float e = hi > -lo ? hi : lo;
    if (fabsf(e) < 0x1p-100f) return 0;
    for (int k = 0; k < g->middle; k++) k_try_end(&b, g, near, x, w, e, g->q_min + k_fan(k) * g->step);
    for (int k = 0; k < g->middle; k++)
        if (k_try_end(&b, g, near, x, w, e, g->q_max + k_fan(k) * g->step)) end = g->q_max;
    for (int k = g->middle; k < g->fan; k++) k_try_end(&b, g, near, x, w, e, end + k_fan(k) * g->step);
    return b.scale;
}

typedef struct {
    float q[K_BLOCK];   /* on the grid              */
    int   s[16];        /* scales of the groups     */
    float d;            /* as f16 holds it          */
    float error;
} k_scaled;

/* The error of a group with the scale ds, and its integers. */
K_INLINE float k_scale_error(const k_grid *g, const float *near, float *q, const float *x, const float *w, float ds) {
    const v8 id = v8_set(k_inverse(ds));
    v8       sum = v8_set(0);
    for (int i = 0; i < g->size; i += 8) {
        const v8 xi = v8_load(x + i), qi = k_to_grid(g, near, xi, id), e = v8_sub(xi, v8_mul(v8_set(ds), qi));
        v8_store(q + i, qi);
        sum = v8_add(sum, v8_mul(v8_load(w + i), v8_mul(e, e)));
    }
    return v8_sum(sum);
}

/* With d: for each group the best of three whole scales. */
K_INLINE void k_choose_scales(const k_grid *g, const float *near, k_scaled *b, const float *scale, const float *x, const float *w) {
    float q[32];
    b->error = 0;
    for (int k = 0, at = 0; at < K_BLOCK; k++, at += g->size) {
        const float mid = b->d != 0 ? k_nearest(k_clamp(scale[k] / b->d, g->s_min, g->s_max)) : 0;
        float       least = INFINITY;
        for (float s = mid - 1; s <= mid + 1; s++) {
            if (s < g->s_min || s > g->s_max) continue;
            const float e = k_scale_error(g, near, q, x + at, w + at, b->d * s);
            if (!(e < least)) continue;
            least = e;
            b->s[k] = (int)s;
            memcpy(b->q + at, q, (size_t)g->size * sizeof *q);
        }
        b->error += least;
    }
}

/* The least-squares d of what was chosen. */
K_INLINE float k_fit_factor(const k_grid *g, const k_scaled *b, const float *x, const float *w) {
    float xq = 0, qq = 0;
    for (int k = 0, at = 0; at < K_BLOCK; k++, at += g->size) {
        const float s = (float)b->s[k];
        v8          a = v8_set(0), c = v8_set(0);
        for (int i = at; i < at + g->size; i += 8) {
            const v8 q = v8_load(b->q + i), wq = v8_mul(v8_load(w + i), q);
            a = v8_add(a, v8_mul(wq, v8_load(x + i)));
            c = v8_add(c, v8_mul(wq, q));
        }
        xq += s * v8_sum(a);
        qq += s * s * v8_sum(c);
    }
    return qq > 0 ? xq / qq : 0;
}

K_INLINE void k_search_scales(const k_grid *g, const float *near, k_scaled *best, const float *x, const float *w) {
    float scale[16], most = 0;
    for (int k = 0; k * g->size < K_BLOCK; k++) {
        scale[k] = k_search_scale(g, near, x + k * g->size, w + k * g->size);
        if (fabsf(scale[k]) > fabsf(most)) most = scale[k];
    }
    k_scaled b = {.d = k_half(most / g->s_min), .error = INFINITY};
    *best = b;
    for (int round = 0; round < K_ROUNDS; round++) {
        k_choose_scales(g, near, &b, scale, x, w);
        if (!(b.error < best->error)) break;
        *best = b;
        b.d = k_half(k_fit_factor(g, best, x, w));
    }
}

static const k_grid k_grid_q3 = {16, -4, 3, -32, 31, 19, 3, 0.1f};
static const k_grid k_grid_q6 = {16, -32, 31, -128, 127, 9, 9, 0.25f};
static const k_grid k_grid_iq4 = {32, -127, 113, -32, 31, 11, 3, 3.0f};
static const k_grid k_grid_q4_0 = {32, -8, 7, -1, 1, 19, 3, 0.1f};
static const k_grid k_grid_q5_0 = {32, -16, 15, -1, 1, 15, 3, 0.15f};

static void search_Q3_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q3_k *b = dst;
    k_scaled    s;
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance += importance ? K_BLOCK : 0) {
        k_search_scales(&k_grid_q3, NULL, &s, x, importance ? importance : k_ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        for (int g = 0; g < 16; g++) {
            const int sc = s.s[g] + 32;
            b->sc[g % 8] |= (uint8_t)((sc & 15) << g / 8 * 4);
            b->sc[8 + g % 4] |= (uint8_t)((sc >> 4) << g / 4 * 2);
        }
        for (int i = 0; i < K_BLOCK; i++) {
            const int q = (int)s.q[i] + 4;
            b->q[i / 128 * 32 + i % 32] |= (uint8_t)((q & 3) << i % 128 / 32 * 2);
            b->qh[i % 32] |= (uint8_t)((q >> 2) << i / 32);
        }
    }
}

static void search_Q6_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q6_k *b = dst;
    k_scaled    s;
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance += importance ? K_BLOCK : 0) {
        k_search_scales(&k_grid_q6, NULL, &s, x, importance ? importance : k_ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        for (int g = 0; g < 16; g++) b->sc[g] = (int8_t)s.s[g];
        for (int i = 0; i < K_BLOCK; i++) {
            const int half = i / 128, j = i % 128, q = (int)s.q[i] + 32;
            b->ql[half * 64 + j % 64] |= (uint8_t)((q & 15) << j / 64 * 4);
            b->qh[half * 32 + j % 32] |= (uint8_t)((q >> 4) << j / 32 * 2);
        }
    }
}

static void search_IQ4_XS(void *dst, const float *x, const float *importance, int64_t n) {
    block_iq4_xs *b = dst;
    k_scaled      s;
    float         near[512];
    uint8_t       place[256] = {0};
    k_fill_tables(near, place);
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance += importance ? K_BLOCK : 0) {
        k_search_scales(&k_grid_iq4, near, &s, x, importance ? importance : k_ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        for (int g = 0; g < 8; g++) {
            const int sc = s.s[g] + 32;
            b->sl[g / 2] |= (uint8_t)((sc & 15) << g % 2 * 4);
            b->sh = (uint16_t)(b->sh | (sc >> 4) << 2 * g);
            for (int i = 0; i < 16; i++)
                b->q[g * 16 + i] = (uint8_t)(place[(int)s.q[g * 32 + i] + 128] | place[(int)s.q[g * 32 + i + 16] + 128] << 4);
        }
    }
}

/* A group whose scale is the block's own: the f16 that it becomes, and the integers for that. */
K_INLINE uint16_t k_search_alone(const k_grid *g, const float *near, float q[32], const float *x, const float *importance) {
    const float *w = importance ? importance : k_ones();
    const float  d = k_half(k_search_scale(g, near, x, w));
    k_scale_error(g, near, q, x, w, d);
    return f32_to_f16(d);
}

static void search_IQ4_NL(void *dst, const float *x, const float *importance, int64_t n) {
    block_iq4_nl *b = dst;
    float         near[512], q[32];
    uint8_t       place[256] = {0};
    k_fill_tables(near, place);
    for (; n > 0; n -= 32, b++, x += 32, importance += importance ? 32 : 0) {
        b->d = k_search_alone(&k_grid_iq4, near, q, x, importance);
        for (int i = 0; i < 16; i++) b->q[i] = (uint8_t)(place[(int)q[i] + 128] | place[(int)q[i + 16] + 128] << 4);
    }
}

static void search_Q4_0(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_0 *b = dst;
    float       q[32];
    for (; n > 0; n -= 32, b++, x += 32, importance += importance ? 32 : 0) {
        b->d = k_search_alone(&k_grid_q4_0, NULL, q, x, importance);
        for (int i = 0; i < 16; i++) b->q[i] = (uint8_t)(((int)q[i] + 8) | ((int)q[i + 16] + 8) << 4);
    }
}

/* Splits 32 numbers of five bits into nibbles and a word of fifth bits. */
static void k_put_fives(uint8_t q[16], uint8_t qh[4], const float v[32], int add) {
    uint32_t h = 0;
    for (int i = 0; i < 32; i++) h |= (uint32_t)((int)v[i] + add) >> 4 << i;
    for (int i = 0; i < 16; i++) q[i] = (uint8_t)((((int)v[i] + add) & 15) | (((int)v[i + 16] + add) & 15) << 4);
    for (int i = 0; i < 4; i++) qh[i] = (uint8_t)(h >> 8 * i);
}

static void search_Q5_0(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_0 *b = dst;
    float       q[32];
    for (; n > 0; n -= 32, b++, x += 32, importance += importance ? 32 : 0) {
        b->d = k_search_alone(&k_grid_q5_0, NULL, q, x, importance);
        k_put_fives(b->q, b->qh, q, 16);
    }
}

/* ---- a scale and a minimum: Q2_K, Q4_K, Q5_K; Q4_1, Q5_1 ----------------------------------------------- */

typedef struct {
    int   size;
    float q_max, s_max;   /* of a weight; of a group's scale and minimum           */
    int   fan;            /* scales tried, around the one that spans               */
    float step;           /* between them, in units of q                           */
    bool  any_min;        /* the minimum may be above 0                            */
} k_span;

/* Sums over a group: of w, w x and w x x once, the others for integers q. */
typedef struct { double w, x, xx, q, qq, xq; } k_moments;

/* x is about s * q - m. */
typedef struct { float s, m; } k_line;

K_INLINE v8 k_to_span(const k_span *g, v8 x, v8 id, v8 m) { return v8_nearest(v8_clamp(v8_mul(v8_add(x, m), id), 0, g->q_max)); }

K_INLINE void k_moments_of_x(const k_span *g, k_moments *t, const float *x, const float *w) {
    v8 a = v8_set(0), b = v8_set(0), c = v8_set(0);
    for (int i = 0; i < g->size; i += 8) {
        const v8 xi = v8_load(x + i), wi = v8_load(w + i), wx = v8_mul(wi, xi);
        a = v8_add(a, wi);
        b = v8_add(b, wx);
        c = v8_add(c, v8_mul(wx, xi));
    }
    float sum[3];
    v8_sums(sum, a, b, c);
    t->w = (double)sum[0];
    t->x = (double)sum[1];
    t->xx = (double)sum[2];
}

K_INLINE void k_moments_of_q(const k_span *g, k_moments *t, const float *x, const float *w, k_line l, float id) {
    v8 a = v8_set(0), b = v8_set(0), c = v8_set(0);
    for (int i = 0; i < g->size; i += 8) {
        const v8 xi = v8_load(x + i), q = k_to_span(g, xi, v8_set(id), v8_set(l.m)), wq = v8_mul(v8_load(w + i), q);
        a = v8_add(a, wq);
        b = v8_add(b, v8_mul(wq, q));
        c = v8_add(c, v8_mul(wq, xi));
    }
    float sum[3];
    v8_sums(sum, a, b, c);
    t->q = (double)sum[0];
    t->qq = (double)sum[1];
    t->xq = (double)sum[2];
}

/* Least squares with s >= 0 and, unless any_min, m >= 0; false: the integers tell nothing. */
static bool k_fit_line(const k_moments *t, bool any_min, k_line *out) {
    const double det = t->w * t->qq - t->q * t->q;
    double       s = det > 1e-9 * t->w * t->qq ? (t->w * t->xq - t->q * t->x) / det : 0;
    double       m = t->w > 0 ? (s * t->q - t->x) / t->w : 0;
    if ((!(m >= 0) && !any_min) || !(s > 0)) {
        m = 0;
        s = t->qq > 0 ? t->xq / t->qq : 0;
    }
    *out = (k_line){(float)s, (float)m};
    return s > 0;
}

/* The error of l with the integers of t. */
static double k_error_of_sums(const k_moments *t, k_line l) {
    const double s = (double)l.s, m = (double)l.m;
    return t->xx - 2 * s * t->xq + 2 * m * t->x + s * s * t->qq - 2 * s * m * t->q + m * m * t->w;
}

/* The best scale and minimum of a group: a fan around the span, then the nearest integers of the best and their fit
 * once more. */
K_INLINE k_line k_search_line(const k_span *g, const float *x, const float *w) {
    float     lo, hi;
    k_line    l;
    k_moments t;
    double    least = INFINITY;
    k_range(x, g->size, x[0], &lo, &hi);
    if (!g->any_min && lo > 0) lo = 0;
    k_line best = {0, -lo};
    if (!(hi - lo > 0x1p-100f)) return best;
    k_moments_of_x(g, &t, x, w);
    const double slack = 1e-6 * t.xx; /* less is noise of the sums */
    for (int k = 0; k < g->fan + K_ROUNDS; k++) {
        if (k < g->fan) k_moments_of_q(g, &t, x, w, (k_line){0, -lo}, (g->q_max + g->step * k_fan(k)) / (hi - lo));
        else k_moments_of_q(g, &t, x, w, best, k_inverse(best.s));
        if (!k_fit_line(&t, g->any_min, &l)) continue;
        const double e = k_error_of_sums(&t, l);
        if (least < INFINITY && !(e < least - slack)) {
            if (k >= g->fan) break;
            continue;
        }
        least = e;
        best = l;
    }
    return best;
}

typedef struct {
    float q[K_BLOCK];
    int   s[16], m[16];
    float d, dmin;        /* as f16 holds them */
    float error;
} k_lined;

/* The error of a group with l, and its integers. */
K_INLINE float k_line_error(const k_span *g, float *q, const float *x, const float *w, k_line l) {
    const v8 id = v8_set(k_inverse(l.s)), s = v8_set(l.s), m = v8_set(l.m);
    v8       sum = v8_set(0);
    for (int i = 0; i < g->size; i += 8) {
        const v8 xi = v8_load(x + i), qi = k_to_span(g, xi, id, m), e = v8_sub(xi, v8_sub(v8_mul(s, qi), m));
        v8_store(q + i, qi);
        sum = v8_add(sum, v8_mul(v8_load(w + i), v8_mul(e, e)));
    }
    return v8_sum(sum);
}

/* Scales and minima next to what the group asks for, with the block's real factors; near: only one of the two beside it. */
K_INLINE float k_choose_line(const k_span *g, const k_lined *b, k_line want, bool near, float *q, int *s, int *m, const float *x, const float *w) {
    const float s0 = b->d > 0 ? k_nearest(k_clamp(want.s / b->d, 0, g->s_max)) : 0;
    const float m0 = b->dmin > 0 ? k_nearest(k_clamp(want.m / b->dmin, 0, g->s_max)) : 0;
    float       least = INFINITY, t[32];
    for (float i = s0 - 1; i <= s0 + 1; i++)
        for (float k = m0 - 1; k <= m0 + 1; k++) {
            if (i < 0 || i > g->s_max || k < 0 || k > g->s_max || (near && i != s0 && k != m0)) continue;
            const float e = k_line_error(g, t, x, w, (k_line){b->d * i, b->dmin * k});
            if (!(e < least)) continue;
            least = e;
            *s = (int)i;
            *m = (int)k;
            memcpy(q, t, (size_t)g->size * sizeof *q);
        }
    return least;
}

/* Least squares of d and dmin over the whole block. */
K_INLINE void k_fit_factors(const k_span *g, k_lined *b, const float *x, const float *w) {
    double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;
    for (int k = 0, at = 0; at < K_BLOCK; k++, at += g->size) {
        k_moments    t;
        const double s = b->s[k], m = b->m[k];
        k_moments_of_x(g, &t, x + at, w + at);
        v8 q = v8_set(0), qq = v8_set(0), xq = v8_set(0);
        for (int i = at; i < at + g->size; i += 8) {
            const v8 qi = v8_load(b->q + i), wq = v8_mul(v8_load(w + i), qi);
            q = v8_add(q, wq);
            qq = v8_add(qq, v8_mul(wq, qi));
            xq = v8_add(xq, v8_mul(wq, v8_load(x + i)));
        }
        aa += s * s * (double)v8_sum(qq);
        ab += s * m * (double)v8_sum(q);
        bb += m * m * t.w;
        xa += s * (double)v8_sum(xq);
        xb += m * t.x;
    }
    /* x is about d a - dmin b. */
    const double det = aa * bb - ab * ab;
    if (det <= 1e-9 * aa * bb) {
        if (aa > 0 && xa > 0 && bb == 0) b->d = k_half((float)(xa / aa));
        return;
    }
    const double d = (xa * bb - xb * ab) / det, dmin = (xa * ab - xb * aa) / det;
    if (d > 0) b->d = k_half((float)d);
    if (dmin > 0) b->dmin = k_half((float)dmin);
}

K_INLINE void k_search_lines(const k_span *g, k_lined *best, const float *x, const float *w) {
    k_line want[16];
    float  s = 0, m = 0;
    for (int k = 0; k * g->size < K_BLOCK; k++) {
        want[k] = k_search_line(g, x + k * g->size, w + k * g->size);
        s = want[k].s > s ? want[k].s : s;
        m = want[k].m > m ? want[k].m : m;
    }
    k_lined b = {.d = k_half(s / g->s_max), .dmin = k_half(m / g->s_max), .error = INFINITY};
    *best = b;
    for (int round = 0; round < K_ROUNDS; round++) {
        b.error = 0;
        for (int k = 0, at = 0; at < K_BLOCK; k++, at += g->size)
            b.error += k_choose_line(g, &b, want[k], round > 0, b.q + at, &b.s[k], &b.m[k], x + at, w + at);
        if (!(b.error < best->error)) break;
        *best = b;
        k_fit_factors(g, &b, x, w);
    }
}

static const k_span k_span_q2 = {16, 3, 15, 19, 0.1f, false};
static const k_span k_span_q4 = {32, 15, 63, 15, 0.2f, false};
static const k_span k_span_q5 = {32, 31, 63, 11, 0.2f, false};
static const k_span k_span_q4_1 = {32, 15, 1, 15, 0.2f, true};
static const k_span k_span_q5_1 = {32, 31, 1, 11, 0.2f, true};

static void search_Q2_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q2_k *b = dst;
    k_lined     s;
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance += importance ? K_BLOCK : 0) {
        k_search_lines(&k_span_q2, &s, x, importance ? importance : k_ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        b->dmin = f32_to_f16(s.dmin);
        for (int g = 0; g < 16; g++) b->sc[g] = (uint8_t)(s.s[g] | s.m[g] << 4);
        for (int i = 0; i < K_BLOCK; i++) b->q[i / 128 * 32 + i % 32] |= (uint8_t)((int)s.q[i] << i % 128 / 32 * 2);
    }
}

/* quant_unpack_6bit's inverse. */
static void k_pack_6bit(uint8_t p[12], const int s[8], const int m[8]) {
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(s[i] | s[i + 4] >> 4 << 6);
        p[i + 4] = (uint8_t)(m[i] | m[i + 4] >> 4 << 6);
        p[i + 8] = (uint8_t)((s[i + 4] & 15) | (m[i + 4] & 15) << 4);
    }
}

static void search_Q4_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_k *b = dst;
    k_lined     s;
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance += importance ? K_BLOCK : 0) {
        k_search_lines(&k_span_q4, &s, x, importance ? importance : k_ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        b->dmin = f32_to_f16(s.dmin);
        k_pack_6bit(b->sc, s.s, s.m);
        for (int i = 0; i < K_BLOCK; i++) b->q[i / 64 * 32 + i % 32] |= (uint8_t)((int)s.q[i] << i / 32 % 2 * 4);
    }
}

static void search_Q5_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_k *b = dst;
    k_lined     s;
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance += importance ? K_BLOCK : 0) {
        k_search_lines(&k_span_q5, &s, x, importance ? importance : k_ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        b->dmin = f32_to_f16(s.dmin);
        k_pack_6bit(b->sc, s.s, s.m);
        for (int i = 0; i < K_BLOCK; i++) {
            const int q = (int)s.q[i];
            b->q[i / 64 * 32 + i % 32] |= (uint8_t)((q & 15) << i / 32 % 2 * 4);
            b->qh[i % 32] |= (uint8_t)((q >> 4) << i / 32);
        }
    }
}

/* A group whose scale and minimum are the block's own, as f16 holds them; its integers. */
K_INLINE k_line k_search_line_alone(const k_span *g, float q[32], const float *x, const float *importance) {
    const float *w = importance ? importance : k_ones();
    k_line       l = k_search_line(g, x, w);
    l = (k_line){k_half(l.s), k_half(l.m)};
    k_line_error(g, q, x, w, l);
    return l;
}

static void search_Q4_1(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_1 *b = dst;
    float       q[32];
    for (; n > 0; n -= 32, b++, x += 32, importance += importance ? 32 : 0) {
        const k_line l = k_search_line_alone(&k_span_q4_1, q, x, importance);
        b->d = f32_to_f16(l.s);
        b->m = f32_to_f16(-l.m);
        for (int i = 0; i < 16; i++) b->q[i] = (uint8_t)((int)q[i] | (int)q[i + 16] << 4);
    }
}

static void search_Q5_1(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_1 *b = dst;
    float       q[32];
    for (; n > 0; n -= 32, b++, x += 32, importance += importance ? 32 : 0) {
        const k_line l = k_search_line_alone(&k_span_q5_1, q, x, importance);
        b->d = f32_to_f16(l.s);
        b->m = f32_to_f16(-l.m);
        k_put_fives(b->q, b->qh, q, 0);
    }
}

/* The entries of a table of kernels. */
#define SEARCH_ALL \
    {[TYPE_Q4_0] = search_Q4_0, [TYPE_Q4_1] = search_Q4_1, [TYPE_Q5_0] = search_Q5_0, [TYPE_Q5_1] = search_Q5_1, \
     [TYPE_Q2_K] = search_Q2_K, [TYPE_Q3_K] = search_Q3_K, [TYPE_Q4_K] = search_Q4_K, [TYPE_Q5_K] = search_Q5_K, \
     [TYPE_Q6_K] = search_Q6_K, [TYPE_IQ4_NL] = search_IQ4_NL, [TYPE_IQ4_XS] = search_IQ4_XS}
