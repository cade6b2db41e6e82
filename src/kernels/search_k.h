/* search_k.h - quantizing by search: K-quants and IQ4, and with importance Q4_0 .. Q5_1.
 *
 * What is minimized is the sum of w * (x - decoded)^2.  With the integers q fixed the best scale is a
 * least-squares quotient, and with the scale fixed the best q is the nearest.  So each group of weights tries a fan of
 * scales around the one that just spans it, takes the least-squares scale of each one's integers, and keeps the best.
 * Then the groups' scales are themselves made small integers: each tries its neighbours with the block's real f16 factor,
 * and the factor is fitted again to what they chose, as long as that helps.
 * Without importance w = 1: what is told about a file is its rmse.
 *
 * Included by each instruction set that compiles it with flags of its own.  Eight groups are searched side by side: a lane is
 * a group, so that no sum is taken across lanes and what differs from group to group is a choice of lanes; the bits are the
 * same everywhere.  Lanes are a type, a register where there is one.
 * Source: the block formats (quant.h); alternating least squares as in Lloyd, "Least squares quantization in PCM", 1982. */
#include "kernels.h"
#include <math.h>
#include <string.h>

enum { K_BLOCK = 256, K_LANES = 8, K_MOST = 32 /* weights of a group */, K_ROUNDS = 3 };

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
K_INLINE v8 v8_div(v8 a, v8 b) { return _mm256_div_ps(a, b); }
K_INLINE v8 v8_max(v8 a, v8 b) { return _mm256_max_ps(a, b); }
K_INLINE v8 v8_min(v8 a, v8 b) { return _mm256_min_ps(a, b); }
/* Where a > b, and not where one is no number; what v8_pick takes. */
K_INLINE v8 v8_above(v8 a, v8 b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
K_INLINE v8 v8_both(v8 a, v8 b) { return _mm256_and_ps(a, b); }
K_INLINE v8 v8_pick(v8 where, v8 yes, v8 no) { return _mm256_blendv_ps(no, yes, where); }
K_INLINE v8 v8_look_up(const float *table, v8 at) { return _mm256_i32gather_ps(table, _mm256_cvttps_epi32(at), 4); }
/* As f16 holds them. */
K_INLINE v8 v8_half(v8 a) { return _mm256_cvtph_ps(_mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT)); }
/* Whole numbers in -128..255, as bytes. */
K_INLINE void v8_put_bytes(void *p, v8 a) {
    const __m256i first = _mm256_set1_epi32(0x0c080400), i = _mm256_shuffle_epi8(_mm256_cvttps_epi32(a), first);
    _mm_storel_epi64(p, _mm_unpacklo_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1)));
}
/* Lane k of to[i] is lane i of from[k]. */
K_INLINE void v8_transpose(v8 to[8], const v8 from[8]) {
    v8 a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_ps(from[i], from[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(from[i], from[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            b[i + 2 * k] = _mm256_shuffle_ps(a[i + k], a[i + k + 2], 0x44);
            b[i + 2 * k + 1] = _mm256_shuffle_ps(a[i + k], a[i + k + 2], 0xee);
        }
    for (int i = 0; i < 4; i++) {
        to[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        to[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
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
K_INLINE v8 v8_div(v8 a, v8 b) { K_EACH(a.f[i] / b.f[i]) }
K_INLINE v8 v8_max(v8 a, v8 b) { K_EACH(a.f[i] > b.f[i] ? a.f[i] : b.f[i]) }
K_INLINE v8 v8_min(v8 a, v8 b) { K_EACH(a.f[i] < b.f[i] ? a.f[i] : b.f[i]) }
K_INLINE v8 v8_above(v8 a, v8 b) { K_EACH(a.f[i] > b.f[i] ? 1 : 0) }
K_INLINE v8 v8_both(v8 a, v8 b) { K_EACH(a.f[i] * b.f[i]) }
K_INLINE v8 v8_pick(v8 where, v8 yes, v8 no) { K_EACH(where.f[i] > 0 ? yes.f[i] : no.f[i]) }
K_INLINE v8 v8_look_up(const float *table, v8 at) { K_EACH(table[(int)at.f[i]]) }
K_INLINE v8 v8_half(v8 a) { K_EACH(f16_to_f32(f32_to_f16(a.f[i]))) }
K_INLINE void v8_put_bytes(void *p, v8 a) {
    uint8_t b[8];
    for (int i = 0; i < 8; i++) b[i] = (uint8_t)(int32_t)a.f[i];
    memcpy(p, b, sizeof b);
}
K_INLINE void v8_transpose(v8 to[8], const v8 from[8]) {
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 8; k++) to[i].f[k] = from[k].f[i];
}
#undef K_EACH
#endif

/* Lane i and i + 4, then i + 2, then i + 1. */
K_INLINE float v8_sum(v8 a) {
    float s[8];
    v8_store(s, a);
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

K_INLINE v8 v8_clamp(v8 v, float lo, float hi) { return v8_min(v8_max(v, v8_set(lo)), v8_set(hi)); }
/* Nearest, ties to even, in lo..hi, whole numbers: a sum with this one has no bits below 1. */
#define K_LARGEST 65504.0f /* of F16 */
#define K_WHOLE 0x1.8p23f
K_INLINE v8 v8_nearest(v8 v, float lo, float hi) {
    return v8_sub(v8_clamp(v8_add(v, v8_set(K_WHOLE)), K_WHOLE + lo, K_WHOLE + hi), v8_set(K_WHOLE));
}
/* The same in 0..hi of what is not below 0. */
K_INLINE v8 v8_nearest_below(v8 v, float hi) { return v8_sub(v8_min(v8_add(v, v8_set(K_WHOLE)), v8_set(K_WHOLE + hi)), v8_set(K_WHOLE)); }
K_INLINE v8 v8_negative(v8 a) { return v8_sub(v8_set(0), a); }
K_INLINE v8 v8_magnitude(v8 a) { return v8_max(a, v8_negative(a)); }
K_INLINE v8 v8_inverse(v8 d) { return v8_pick(v8_above(v8_magnitude(d), v8_set(0x1p-100f)), v8_div(v8_set(1), d), v8_set(0)); }

/* 0, 1, -1, 2, -2 ..: a fan is tried from its middle, which an even case (one weight, all the same) hits exactly. */
static float k_fan(int k) { return (float)(k % 2 ? (k + 1) / 2 : -k / 2); }

static float k_half(float d) { return f16_to_f32(f32_to_f16(d)); }

static float k_inverse(float d) { return fabsf(d) > 0x1p-100f ? 1 / d : 0; }

/* Eight groups of up to 32 weights, a group in each lane, and what the squares of their errors count for. */
typedef struct { v8 x[K_MOST], w[K_MOST]; } k_groups;

K_INLINE void k_take_lanes(v8 *to, const float *from, int size) {
    for (int i = 0; i < size; i += 8) {
        v8 row[K_LANES];
        for (int k = 0; k < K_LANES; k++) row[k] = v8_load(from + k * size + i);
        v8_transpose(to + i, row);
    }
}

K_INLINE void k_take_groups(k_groups *a, const float *x, const float *w, int size) {
    k_take_lanes(a->x, x, size);
    if (w) k_take_lanes(a->w, w, size);
    else
        for (int i = 0; i < size; i++) a->w[i] = v8_set(1);
}

/* The whole numbers q + add of eight groups, in the weights' order. */
K_INLINE void k_put_groups(uint8_t *to, const v8 *q, float add, int size) {
    for (int i = 0; i < size; i += 8) {
        v8 row[K_LANES];
        v8_transpose(row, q + i);
        for (int k = 0; k < K_LANES; k++) v8_put_bytes(to + k * size + i, v8_add(row[k], v8_set(add)));
    }
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
    const int cell = (int)floorf(2 * (v < -128 ? -128 : v > 127 ? 127 : v));
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
    if (!near) return v8_nearest(v, g->q_min, g->q_max);
    const v8 t = v8_clamp(v, -128, 127);
    return v8_look_up(near, v8_add(v8_add(t, t), v8_set(256)));
}

/* Sums of w x q and w q q, for the integers that 1 / id gives. */
K_INLINE void k_fit_sums(const k_grid *g, const float *near, const k_groups *a, v8 id, v8 *xq, v8 *qq) {
    v8 s = v8_set(0), t = v8_set(0);
    for (int i = 0; i < g->size; i++) {
        const v8 q = k_to_grid(g, near, a->x[i], id), wq = v8_mul(a->w[i], q);
        s = v8_add(s, v8_mul(wq, a->x[i]));
        t = v8_add(t, v8_mul(wq, q));
    }
    *xq = s;
    *qq = t;
}

/* The best scale of a group so far, and by how much its error is less than the sum of w x x. */
typedef struct { v8 scale, gain; } k_best;

/* Where the integers that 1 / id gives are better. */
K_INLINE v8 k_try_scale(k_best *b, const k_grid *g, const float *near, const k_groups *a, v8 id) {
    v8 xq, qq;
    k_fit_sums(g, near, a, id, &xq, &qq);
    const v8 scale = v8_div(xq, qq), gain = v8_mul(scale, xq), better = v8_above(gain, v8_mul(b->gain, v8_set(1.000001f)));
    b->scale = v8_pick(better, scale, b->scale);
    b->gain = v8_pick(better, gain, b->gain);
    return better;
}

/* The best scale of each group, of any sign: its weight of largest magnitude comes to lie near an end of the grid.  Which
 * end is the better one shows in the fan's middle. */
K_INLINE v8 k_search_scale(const k_grid *g, const float *near, const k_groups *a) {
    v8     lo = v8_set(0), hi = lo, end = v8_set(g->q_min);
    k_best b = {lo, lo};
    for (int i = 0; i < g->size; i++) {
        lo = v8_min(a->x[i], lo);
        hi = v8_max(a->x[i], hi);
    }
    const v8 inverse = v8_inverse(v8_pick(v8_above(hi, v8_negative(lo)), hi, lo));
    for (int k = 0; k < g->middle; k++) k_try_scale(&b, g, near, a, v8_mul(v8_set(g->q_min + k_fan(k) * g->step), inverse));
    for (int k = 0; k < g->middle; k++) {
        const v8 better = k_try_scale(&b, g, near, a, v8_mul(v8_set(g->q_max + k_fan(k) * g->step), inverse));
        end = v8_pick(better, v8_set(g->q_max), end);
    }
    for (int k = g->middle; k < g->fan; k++) k_try_scale(&b, g, near, a, v8_mul(v8_add(end, v8_set(k_fan(k) * g->step)), inverse));
    return b.scale;
}

K_INLINE v8 k_scale_error(const k_grid *g, const float *near, const k_groups *a, v8 ds) {
    const v8 id = v8_inverse(ds);
    v8       sum = v8_set(0);
    for (int i = 0; i < g->size; i++) {
        const v8 e = v8_sub(a->x[i], v8_mul(ds, k_to_grid(g, near, a->x[i], id)));
        sum = v8_add(sum, v8_mul(a->w[i], v8_mul(e, e)));
    }
    return sum;
}

/* With d: for each group the best of three whole scales.  The sum of all errors. */
K_INLINE float k_choose_scales(const k_grid *g, const float *near, const k_groups *a, float d, v8 want, v8 *s) {
    const v8 middle = v8_nearest(v8_mul(want, v8_set(k_inverse(d))), g->s_min, g->s_max);
    v8       least = v8_set(INFINITY);
    for (int k = 0; k < 3; k++) {
        const v8 t = v8_clamp(v8_add(middle, v8_set(k_fan(k))), g->s_min, g->s_max), e = k_scale_error(g, near, a, v8_mul(v8_set(d), t));
        const v8 better = v8_above(least, e);
        *s = v8_pick(better, t, *s);
        least = v8_pick(better, e, least);
    }
    return v8_sum(least);
}

typedef struct {
    uint8_t q[K_BLOCK]; /* places on the grid, q_min (IQ4: -128) as 0 */
    float   s[16];      /* scales of the groups   */
    float   d;          /* as f16 holds it        */
} k_scaled;

/* A block's groups are one or two times eight. */
K_INLINE void k_search_scales(const k_grid *g, const float *near, k_scaled *out, const float *x, const float *w) {
    const int n = K_BLOCK / (K_LANES * g->size);
    k_groups  a[2];
    v8        want[2], s[2] = {v8_set(0), v8_set(0)}, t[2] = {s[0], s[0]}, q[K_MOST];
    float     scale[16], most = 0, least = INFINITY;
    for (int k = 0; k < n; k++) {
        const int at = k * K_LANES * g->size;
        k_take_groups(&a[k], x + at, w ? w + at : NULL, g->size);
        want[k] = k_search_scale(g, near, &a[k]);
        v8_store(scale + K_LANES * k, want[k]);
    }
    for (int k = 0; k < n * K_LANES; k++)
        if (fabsf(scale[k]) > fabsf(most)) most = scale[k];
    float d = out->d = k_half(most / g->s_min);
    for (int round = 0; round < K_ROUNDS; round++) {
        float error = 0, xq = 0, qq = 0;
        for (int k = 0; k < n; k++) error += k_choose_scales(g, near, &a[k], d, want[k], &t[k]);
        if (!(error < least)) break;
        least = error;
        out->d = d;
        for (int k = 0; k < n; k++) {
            v8 sum_xq, sum_qq;
            s[k] = t[k];
            k_fit_sums(g, near, &a[k], v8_inverse(v8_mul(v8_set(d), s[k])), &sum_xq, &sum_qq);
            xq += v8_sum(v8_mul(s[k], sum_xq));
            qq += v8_sum(v8_mul(v8_mul(s[k], s[k]), sum_qq));
        }
        d = k_half(qq > 0 ? xq / qq : 0);
    }
    for (int k = 0; k < n; k++) {
        const v8 id = v8_inverse(v8_mul(v8_set(out->d), s[k]));
        for (int i = 0; i < g->size; i++) q[i] = k_to_grid(g, near, a[k].x[i], id);
        k_put_groups(out->q + k * K_LANES * g->size, q, near ? 128 : -g->q_min, g->size);
        v8_store(out->s + K_LANES * k, s[k]);
    }
}

static const k_grid k_grid_q3 = {16, -4, 3, -32, 31, 19, 3, 0.1f};
static const k_grid k_grid_q6 = {16, -32, 31, -128, 127, 9, 9, 0.3f};
static const k_grid k_grid_iq4 = {32, -127, 113, -32, 31, 11, 3, 3.0f};
static const k_grid k_grid_q4_0 = {32, -8, 7, -1, 1, 19, 3, 0.1f};
static const k_grid k_grid_q5_0 = {32, -16, 15, -1, 1, 15, 3, 0.15f};

static void search_Q3_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q3_k *b = dst;
    k_scaled    s;
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance = importance ? importance + K_BLOCK : NULL) {
        k_search_scales(&k_grid_q3, NULL, &s, x, importance);
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        for (int g = 0; g < 16; g++) {
            const int sc = (int)s.s[g] + 32;
            b->sc[g % 8] |= (uint8_t)((sc & 15) << g / 8 * 4);
            b->sc[8 + g % 4] |= (uint8_t)((sc >> 4) << g / 4 * 2);
        }
        for (int k = 0; k < 8; k++)
            for (int i = 0; i < 32; i++) {
                b->q[k / 4 * 32 + i] |= (uint8_t)((s.q[k * 32 + i] & 3) << k % 4 * 2);
                b->qh[i] |= (uint8_t)((s.q[k * 32 + i] >> 2) << k);
            }
    }
}

static void search_Q6_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q6_k *b = dst;
    k_scaled    s;
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance = importance ? importance + K_BLOCK : NULL) {
        k_search_scales(&k_grid_q6, NULL, &s, x, importance);
        b->d = f32_to_f16(s.d);
        for (int g = 0; g < 16; g++) b->sc[g] = (int8_t)s.s[g];
        for (int half = 0; half < 2; half++) {
            const uint8_t *q = s.q + half * 128;
            for (int i = 0; i < 64; i++) b->ql[half * 64 + i] = (uint8_t)((q[i] & 15) | (q[i + 64] & 15) << 4);
            for (int i = 0; i < 32; i++)
                b->qh[half * 32 + i] = (uint8_t)(q[i] >> 4 | q[i + 32] >> 4 << 2 | q[i + 64] >> 4 << 4 | q[i + 96] >> 4 << 6);
        }
    }
}

static void search_IQ4_XS(void *dst, const float *x, const float *importance, int64_t n) {
    block_iq4_xs *b = dst;
    k_scaled      s;
    float         near[512];
    uint8_t       place[256] = {0};
    k_fill_tables(near, place);
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance = importance ? importance + K_BLOCK : NULL) {
        k_search_scales(&k_grid_iq4, near, &s, x, importance);
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        for (int g = 0; g < 8; g++) {
            const int sc = (int)s.s[g] + 32;
            b->sl[g / 2] |= (uint8_t)((sc & 15) << g % 2 * 4);
            b->sh = (uint16_t)(b->sh | (sc >> 4) << 2 * g);
            for (int i = 0; i < 16; i++) b->q[g * 16 + i] = (uint8_t)(place[s.q[g * 32 + i]] | place[s.q[g * 32 + i + 16]] << 4);
        }
    }
}

/* Blocks of 32 that share nothing: eight at a time, of which those behind the last are zeros. */
typedef struct {
    uint8_t q[K_BLOCK];
    float   d[K_LANES], m[K_LANES]; /* as f16 holds them */
    int     n;                      /* of the eight      */
} k_alone;

K_INLINE void k_take_alone(k_alone *s, k_groups *a, const float *x, const float *importance, int64_t n) {
    float xs[K_BLOCK] = {0}, ws[K_BLOCK] = {0};
    s->n = n < K_BLOCK ? (int)(n / 32) : K_LANES;
    memcpy(xs, x, (size_t)s->n * 32 * sizeof *x);
    if (importance) memcpy(ws, importance, (size_t)s->n * 32 * sizeof *ws);
    k_take_groups(a, xs, importance ? ws : NULL, 32);
}

/* Scales that are the blocks' own: the f16 that they become, and the integers for that. */
K_INLINE void k_search_alone(const k_grid *g, const float *near, k_alone *s, const float *x, const float *importance, int64_t n) {
    k_groups a;
    v8       q[32];
    k_take_alone(s, &a, x, importance, n);
    const v8 d = v8_half(k_search_scale(g, near, &a)), id = v8_inverse(d);
    v8_store(s->d, d);
    for (int i = 0; i < 32; i++) q[i] = k_to_grid(g, near, a.x[i], id);
    k_put_groups(s->q, q, near ? 128 : -g->q_min, 32);
}

static void search_IQ4_NL(void *dst, const float *x, const float *importance, int64_t n) {
    block_iq4_nl *b = dst;
    k_alone       s;
    float         near[512];
    uint8_t       place[256] = {0};
    k_fill_tables(near, place);
    for (; n > 0; n -= 32 * s.n, x += 32 * s.n, importance = importance ? importance + 32 * s.n : NULL) {
        k_search_alone(&k_grid_iq4, near, &s, x, importance, n);
        for (int k = 0; k < s.n; k++, b++) {
            b->d = f32_to_f16(s.d[k]);
            for (int i = 0; i < 16; i++) b->q[i] = (uint8_t)(place[s.q[k * 32 + i]] | place[s.q[k * 32 + i + 16]] << 4);
        }
    }
}

/* Splits 32 numbers of four bits, or of five: into nibbles and a word of fifth bits. */
static void k_put_fours(uint8_t q[16], const uint8_t v[32]) {
    for (int i = 0; i < 16; i++) q[i] = (uint8_t)((v[i] & 15) | (v[i + 16] & 15) << 4);
}
static void k_put_fives(uint8_t q[16], uint8_t qh[4], const uint8_t v[32]) {
    uint32_t h = 0;
    for (int i = 0; i < 32; i++) h |= (uint32_t)(v[i] >> 4) << i;
    for (int i = 0; i < 4; i++) qh[i] = (uint8_t)(h >> 8 * i);
    k_put_fours(q, v);
}

static void search_Q4_0(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_0 *b = dst;
    k_alone     s;
    for (; n > 0; n -= 32 * s.n, x += 32 * s.n, importance = importance ? importance + 32 * s.n : NULL) {
        k_search_alone(&k_grid_q4_0, NULL, &s, x, importance, n);
        for (int k = 0; k < s.n; k++, b++) {
            b->d = f32_to_f16(s.d[k]);
            k_put_fours(b->q, s.q + k * 32);
        }
    }
}

static void search_Q5_0(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_0 *b = dst;
    k_alone     s;
    for (; n > 0; n -= 32 * s.n, x += 32 * s.n, importance = importance ? importance + 32 * s.n : NULL) {
        k_search_alone(&k_grid_q5_0, NULL, &s, x, importance, n);
        for (int k = 0; k < s.n; k++, b++) {
            b->d = f32_to_f16(s.d[k]);
            k_put_fives(b->q, b->qh, s.q + k * 32);
        }
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

/* x is about s * q - m. */
typedef struct { v8 s, m; } k_line;

/* Of a group: sums of w and w x, their quotient, and x less that, whose sums with integers lose no bits to it; what is less
 * than slack is noise of the sums. */
typedef struct { v8 w, inverse_w, wx, mean, slack, c[K_MOST]; } k_centred;

/* The best line so far, and by how much its error is less than that of the mean alone. */
typedef struct { k_line l; v8 gain; } k_best_line;

K_INLINE v8 k_to_span(const k_span *g, v8 x, v8 id, v8 m) { return v8_nearest(v8_mul(v8_add(x, m), id), 0, g->q_max); }

K_INLINE void k_centre(const k_span *g, k_centred *t, const k_groups *a) {
    v8 cc = v8_set(0);
    t->w = t->wx = cc;
    for (int i = 0; i < g->size; i++) {
        t->w = v8_add(t->w, a->w[i]);
        t->wx = v8_add(t->wx, v8_mul(a->w[i], a->x[i]));
    }
    t->inverse_w = v8_inverse(t->w);
    t->mean = v8_mul(t->wx, t->inverse_w);
    for (int i = 0; i < g->size; i++) {
        t->c[i] = v8_sub(a->x[i], t->mean);
        cc = v8_add(cc, v8_mul(a->w[i], v8_mul(t->c[i], t->c[i])));
    }
    t->slack = v8_mul(cc, v8_set(1e-6f));
}

/* The least squares of the integers that up * id comes to, with s > 0 and, unless any_min, m >= 0; taken where that is better.
 * up: the weights and some minimum, of which none is below 0 unless it dips. */
K_INLINE void k_try_line(k_best_line *b, const k_span *g, const k_groups *a, const k_centred *t, v8 id, const v8 *up, bool dips) {
    const v8 zero = v8_set(0);
    v8       q1 = zero, qq = zero, cq = zero;
    for (int i = 0; i < g->size; i++) {
        const v8 v = v8_mul(up[i], id), q = dips ? v8_nearest(v, 0, g->q_max) : v8_nearest_below(v, g->q_max), wq = v8_mul(a->w[i], q);
        q1 = v8_add(q1, wq);
        qq = v8_add(qq, v8_mul(wq, q));
        cq = v8_add(cq, v8_mul(wq, t->c[i]));
    }
    /* With a minimum: about the means of both.  Without: about zero. */
    const v8 mean_q = v8_mul(q1, t->inverse_w), spread = v8_sub(qq, v8_mul(q1, mean_q));
    const v8 s = v8_pick(v8_above(spread, v8_mul(qq, v8_set(1e-5f))), v8_div(cq, spread), zero), m = v8_sub(v8_mul(s, mean_q), t->mean);
    const v8 xq = v8_add(cq, v8_mul(t->mean, q1)), s_zero = v8_div(xq, qq);
    const v8 gain_zero = v8_sub(v8_mul(s_zero, xq), v8_mul(t->wx, t->mean));
    const v8 may = g->any_min ? v8_above(s, zero) : v8_both(v8_above(s, zero), v8_above(m, v8_set(-0x1p-120f)));
    const v8 gain = v8_pick(may, v8_mul(s, cq), gain_zero), scale = v8_pick(may, s, s_zero);
    const v8 better = v8_both(v8_above(scale, zero), v8_above(gain, v8_add(b->gain, t->slack)));
    b->l.s = v8_pick(better, scale, b->l.s);
    b->l.m = v8_pick(better, v8_pick(may, v8_max(m, g->any_min ? m : zero), zero), b->l.m);
    b->gain = v8_pick(better, gain, b->gain);
}

/* The best scale and minimum of each group: a fan around the span, then the nearest integers of the best and their fit
 * once more. */
K_INLINE k_line k_search_line(const k_span *g, const k_groups *a, k_centred *t) {
    v8 lo = a->x[0], hi = lo;
    for (int i = 1; i < g->size; i++) {
        lo = v8_min(a->x[i], lo);
        hi = v8_max(a->x[i], hi);
    }
    if (!g->any_min) lo = v8_min(lo, v8_set(0));
    const v8    m = v8_negative(lo), inverse = v8_inverse(v8_sub(hi, lo));
    k_best_line b = {{v8_set(0), m}, v8_set(-INFINITY)};
    v8          up[K_MOST];
    k_centre(g, t, a);
    for (int i = 0; i < g->size; i++) up[i] = v8_add(a->x[i], m);
    for (int k = 0; k < g->fan; k++) k_try_line(&b, g, a, t, v8_mul(v8_set(g->q_max + g->step * k_fan(k)), inverse), up, false);
    for (int k = 0; k < K_ROUNDS; k++) {
        for (int i = 0; i < g->size; i++) up[i] = v8_add(a->x[i], b.l.m);
        k_try_line(&b, g, a, t, v8_inverse(b.l.s), up, true);
    }
    return b.l;
}

K_INLINE v8 k_line_error(const k_span *g, const k_groups *a, k_line l) {
    const v8 id = v8_inverse(l.s);
    v8       sum = v8_set(0);
    for (int i = 0; i < g->size; i++) {
        const v8 up = v8_add(a->x[i], l.m), e = v8_sub(up, v8_mul(l.s, v8_nearest(v8_mul(up, id), 0, g->q_max)));
        sum = v8_add(sum, v8_mul(a->w[i], v8_mul(e, e)));
    }
    return sum;
}

/* Whole scales and minima next to what the groups ask for, with the block's real factors: one of the two or (all) both beside it.
 * The sum of all errors. */
K_INLINE float k_choose_lines(const k_span *g, const k_groups *a, float d, float dmin, k_line want, bool all, k_line *whole) {
    const v8 s0 = v8_nearest(v8_mul(want.s, v8_set(k_inverse(d))), 0, g->s_max);
    const v8 m0 = v8_nearest(v8_mul(want.m, v8_set(k_inverse(dmin))), 0, g->s_max);
    v8       least = v8_set(INFINITY);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            if (!all && i && k) continue;
            const v8 s = v8_clamp(v8_add(s0, v8_set(k_fan(i))), 0, g->s_max), m = v8_clamp(v8_add(m0, v8_set(k_fan(k))), 0, g->s_max);
            const v8 e = k_line_error(g, a, (k_line){v8_mul(v8_set(d), s), v8_mul(v8_set(dmin), m)}), better = v8_above(least, e);
            whole->s = v8_pick(better, s, whole->s);
            whole->m = v8_pick(better, m, whole->m);
            least = v8_pick(better, e, least);
        }
    return v8_sum(least);
}

/* Sums over a block, for the least squares of d and dmin: x is about d a - dmin b. */
typedef struct { double aa, ab, bb, xa, xb; } k_factor_sums;

K_INLINE void k_add_factor_sums(k_factor_sums *f, const k_span *g, const k_groups *a, const k_centred *t, float d, float dmin, k_line whole) {
    const v8 id = v8_inverse(v8_mul(v8_set(d), whole.s)), m = v8_mul(v8_set(dmin), whole.m);
    v8       q1 = v8_set(0), qq = q1, xq = q1;
    for (int i = 0; i < g->size; i++) {
        const v8 q = k_to_span(g, a->x[i], id, m), wq = v8_mul(a->w[i], q);
        q1 = v8_add(q1, wq);
        qq = v8_add(qq, v8_mul(wq, q));
        xq = v8_add(xq, v8_mul(wq, a->x[i]));
    }
    f->aa += (double)v8_sum(v8_mul(v8_mul(whole.s, whole.s), qq));
    f->ab += (double)v8_sum(v8_mul(v8_mul(whole.s, whole.m), q1));
    f->bb += (double)v8_sum(v8_mul(v8_mul(whole.m, whole.m), t->w));
    f->xa += (double)v8_sum(v8_mul(whole.s, xq));
    f->xb += (double)v8_sum(v8_mul(whole.m, t->wx));
}

static void k_fit_factors(const k_factor_sums *f, float *d, float *dmin) {
    const double det = f->aa * f->bb - f->ab * f->ab;
    if (det <= 1e-6 * f->aa * f->bb) {
        if (f->aa > 0 && f->xa > 0 && f->bb == 0) *d = k_half((float)(f->xa / f->aa));
        return;
    }
    const double v = (f->xa * f->bb - f->xb * f->ab) / det, m = (f->xa * f->ab - f->xb * f->aa) / det;
    if (v > 0) *d = k_half((float)v);
    if (m > 0) *dmin = k_half((float)m);
}

typedef struct {
    uint8_t q[K_BLOCK];
    float   s[16], m[16];
    float   d, dmin;        /* as f16 holds them */
} k_lined;

K_INLINE void k_search_lines(const k_span *g, k_lined *out, const float *x, const float *w) {
    const int n = K_BLOCK / (K_LANES * g->size);
    k_groups  a[2];
    k_centred t[2];
    k_line    want[2], whole[2] = {{v8_set(0), v8_set(0)}, {v8_set(0), v8_set(0)}}, tried[2] = {whole[0], whole[0]};
    v8        q[K_MOST];
    float     s = 0, m = 0, least = INFINITY;
    for (int k = 0; k < n; k++) {
        const int at = k * K_LANES * g->size;
        k_take_groups(&a[k], x + at, w ? w + at : NULL, g->size);
        want[k] = k_search_line(g, &a[k], &t[k]);
        v8_store(out->s + K_LANES * k, want[k].s);
        v8_store(out->m + K_LANES * k, want[k].m);
    }
    for (int k = 0; k < n * K_LANES; k++) {
        s = out->s[k] > s ? out->s[k] : s;
        m = out->m[k] > m ? out->m[k] : m;
    }
    float d = out->d = k_half(s / g->s_max), dmin = out->dmin = k_half(m / g->s_max);
    for (int round = 0; round < K_ROUNDS; round++) {
        float         error = 0;
        k_factor_sums f = {0, 0, 0, 0, 0};
        for (int k = 0; k < n; k++) error += k_choose_lines(g, &a[k], d, dmin, want[k], !round, &tried[k]);
        if (!(error < least)) break;
        least = error;
        out->d = d;
        out->dmin = dmin;
        for (int k = 0; k < n; k++) {
            whole[k] = tried[k];
            k_add_factor_sums(&f, g, &a[k], &t[k], d, dmin, whole[k]);
        }
        k_fit_factors(&f, &d, &dmin);
    }
    for (int k = 0; k < n; k++) {
        const v8 id = v8_inverse(v8_mul(v8_set(out->d), whole[k].s)), least_x = v8_mul(v8_set(out->dmin), whole[k].m);
        for (int i = 0; i < g->size; i++) q[i] = k_to_span(g, a[k].x[i], id, least_x);
        k_put_groups(out->q + k * K_LANES * g->size, q, 0, g->size);
        v8_store(out->s + K_LANES * k, whole[k].s);
        v8_store(out->m + K_LANES * k, whole[k].m);
    }
}

static const k_span k_span_q2 = {16, 3, 15, 19, 0.1f, false};
static const k_span k_span_q4 = {32, 15, 63, 11, 0.3f, false};
static const k_span k_span_q5 = {32, 31, 63, 11, 0.2f, false};
static const k_span k_span_q4_1 = {32, 15, 1, 15, 0.2f, true};
static const k_span k_span_q5_1 = {32, 31, 1, 11, 0.2f, true};

static void search_Q2_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q2_k *b = dst;
    k_lined     s;
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance = importance ? importance + K_BLOCK : NULL) {
        k_search_lines(&k_span_q2, &s, x, importance);
        b->d = f32_to_f16(s.d);
        b->dmin = f32_to_f16(s.dmin);
        for (int g = 0; g < 16; g++) b->sc[g] = (uint8_t)((int)s.s[g] | (int)s.m[g] << 4);
        for (int half = 0; half < 2; half++)
            for (int i = 0; i < 32; i++) {
                const uint8_t *q = s.q + half * 128 + i;
                b->q[half * 32 + i] = (uint8_t)(q[0] | q[32] << 2 | q[64] << 4 | q[96] << 6);
            }
    }
}

/* quant_unpack_6bit's inverse. */
static void k_pack_6bit(uint8_t p[12], const float scale[8], const float min[8]) {
    for (int i = 0; i < 4; i++) {
        const int s = (int)scale[i], m = (int)min[i], s4 = (int)scale[i + 4], m4 = (int)min[i + 4];
        p[i] = (uint8_t)(s | s4 >> 4 << 6);
        p[i + 4] = (uint8_t)(m | m4 >> 4 << 6);
        p[i + 8] = (uint8_t)((s4 & 15) | (m4 & 15) << 4);
    }
}

static void search_Q4_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_k *b = dst;
    k_lined     s;
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance = importance ? importance + K_BLOCK : NULL) {
        k_search_lines(&k_span_q4, &s, x, importance);
        b->d = f32_to_f16(s.d);
        b->dmin = f32_to_f16(s.dmin);
        k_pack_6bit(b->sc, s.s, s.m);
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < 32; i++) b->q[k * 32 + i] = (uint8_t)(s.q[k * 64 + i] | s.q[k * 64 + 32 + i] << 4);
    }
}

static void search_Q5_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_k *b = dst;
    k_lined     s;
    for (; n > 0; n -= K_BLOCK, b++, x += K_BLOCK, importance = importance ? importance + K_BLOCK : NULL) {
        k_search_lines(&k_span_q5, &s, x, importance);
        b->d = f32_to_f16(s.d);
        b->dmin = f32_to_f16(s.dmin);
        k_pack_6bit(b->sc, s.s, s.m);
        memset(b->qh, 0, sizeof b->qh);
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < 32; i++) {
                const uint8_t lo = s.q[k * 64 + i], hi = s.q[k * 64 + 32 + i];
                b->q[k * 32 + i] = (uint8_t)((lo & 15) | (hi & 15) << 4);
                b->qh[i] |= (uint8_t)((lo >> 4 | hi >> 4 << 1) << 2 * k);
            }
    }
}

/* Scales and minima that are the blocks' own, as f16 holds them; the integers for that. */
K_INLINE void k_search_line_alone(const k_span *g, k_alone *s, const float *x, const float *importance, int64_t n) {
    k_groups  a;
    k_centred t;
    v8        q[32];
    k_take_alone(s, &a, x, importance, n);
    const k_line l = k_search_line(g, &a, &t);
    const v8     d = v8_half(v8_clamp(l.s, -K_LARGEST, K_LARGEST)), m = v8_half(v8_clamp(l.m, -K_LARGEST, K_LARGEST)), id = v8_inverse(d);
    v8_store(s->d, d);
    v8_store(s->m, v8_negative(m));
    for (int i = 0; i < 32; i++) q[i] = k_to_span(g, a.x[i], id, m);
    k_put_groups(s->q, q, 0, 32);
}

static void search_Q4_1(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_1 *b = dst;
    k_alone     s;
    for (; n > 0; n -= 32 * s.n, x += 32 * s.n, importance = importance ? importance + 32 * s.n : NULL) {
        k_search_line_alone(&k_span_q4_1, &s, x, importance, n);
        for (int k = 0; k < s.n; k++, b++) {
            b->d = f32_to_f16(s.d[k]);
            b->m = f32_to_f16(s.m[k]);
            k_put_fours(b->q, s.q + k * 32);
        }
    }
}

static void search_Q5_1(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_1 *b = dst;
    k_alone     s;
    for (; n > 0; n -= 32 * s.n, x += 32 * s.n, importance = importance ? importance + 32 * s.n : NULL) {
        k_search_line_alone(&k_span_q5_1, &s, x, importance, n);
        for (int k = 0; k < s.n; k++, b++) {
            b->d = f32_to_f16(s.d[k]);
            b->m = f32_to_f16(s.m[k]);
            k_put_fives(b->q, b->qh, s.q + k * 32);
        }
    }
}

/* The entries of a table of kernels. */
#define SEARCH_ALL \
    {[TYPE_Q4_0] = search_Q4_0, [TYPE_Q4_1] = search_Q4_1, [TYPE_Q5_0] = search_Q5_0, [TYPE_Q5_1] = search_Q5_1, \
     [TYPE_Q2_K] = search_Q2_K, [TYPE_Q3_K] = search_Q3_K, [TYPE_Q4_K] = search_Q4_K, [TYPE_Q5_K] = search_Q5_K, \
     [TYPE_Q6_K] = search_Q6_K, [TYPE_IQ4_NL] = search_IQ4_NL, [TYPE_IQ4_XS] = search_IQ4_XS}
