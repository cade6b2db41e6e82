/* round_32.h - the formats that one rule makes, whose bytes every program agrees on.
 *
 * The weight of largest magnitude (Q4_0, Q5_0: with its sign, at the grid's longer end) or the two
 * extremes (Q4_1, Q5_1) decide the scale.  All in f32: the quotient is taken of the scale before it is rounded to f16.
 *
 * Included by each instruction set that compiles it with flags of its own, behind search_k.h, whose lanes it uses.
 * Source: the formulas in the project's oracle, checked there byte for byte. */

/* ---- lanes --------------------------------------------------------------------------------------- */

#ifdef __AVX2__
/* Away from zero at 1/2; |a| below 2^22.  The number below 1/2: what is less than that must not reach 1. */
K_INLINE v8 v8_round_away(v8 a) {
    const v8 sign = _mm256_and_ps(a, _mm256_set1_ps(-0.0f));
    return _mm256_round_ps(_mm256_add_ps(a, _mm256_or_ps(sign, _mm256_set1_ps(0x1.fffffep-2f))), _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
}
K_INLINE v8 v8_trunc(v8 a) { return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
/* Bit i: lane i is above zero. */
K_INLINE uint32_t v8_above_zero(v8 a) { return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_GT_OQ)); }
K_INLINE float v8_largest(v8 a) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
K_INLINE uint16_t k_to_half(float d) { return (uint16_t)_cvtss_sh(d, _MM_FROUND_TO_NEAREST_INT); }
K_INLINE void v8_put_halves(uint16_t *p, v8 a) { _mm_storeu_si128((void *)p, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT)); }
#else
K_INLINE v8 v8_trunc(v8 a) {
    v8 r;
    for (int i = 0; i < 8; i++) r.f[i] = (float)(int32_t)a.f[i];
    return r;
}
K_INLINE v8 v8_round_away(v8 a) {
    v8 r;
    for (int i = 0; i < 8; i++) r.f[i] = (float)(int32_t)(a.f[i] + copysignf(0x1.fffffep-2f, a.f[i]));
    return r;
}
K_INLINE uint32_t v8_above_zero(v8 a) {
    uint32_t bits = 0;
    for (int i = 0; i < 8; i++) bits |= (uint32_t)(a.f[i] > 0) << i;
    return bits;
}
K_INLINE float v8_largest(v8 a) {
    float most = a.f[0];
    for (int i = 1; i < 8; i++) most = a.f[i] > most ? a.f[i] : most;
    return most;
}
K_INLINE uint16_t k_to_half(float d) { return f32_to_f16(d); }
K_INLINE void v8_put_halves(uint16_t *p, v8 a) {
    for (int i = 0; i < 8; i++) p[i] = f32_to_f16(a.f[i]);
}
#endif

/* ---- what decides the scale ------------------------------------------------------------------------ */

/* The first of the values of largest magnitude; 0 where all are. */
static float k_first_extreme(const float *x) {
    float most = 0, at = 0;
    for (int i = 0; i < 32; i++)
        if (fabsf(x[i]) > most) {
            most = fabsf(x[i]);
            at = x[i];
        }
    return at;
}

/* The largest of 32 and of their negatives. */
K_INLINE void k_extremes(const v8 x[4], float *most, float *most_negative) {
    v8 a = x[0], b = v8_negative(x[0]);
    for (int i = 1; i < 4; i++) {
        a = v8_max(a, x[i]);
        b = v8_max(b, v8_negative(x[i]));
    }
    *most = v8_largest(a);
    *most_negative = v8_largest(b);
}

/* With its sign; of the same magnitude both ways the first counts. */
K_INLINE float k_extreme(const v8 x[4], const float *from) {
    float hi, lo;
    k_extremes(x, &hi, &lo);
    return hi > lo ? hi : hi < lo ? -lo : k_first_extreme(from);
}

/* The least and the span.  A zero keeps the sign of the first one, as a comparison of one after the other keeps it. */
K_INLINE float k_span_of(const v8 x[4], const float *from, float *lo) {
    float hi, negative;
    k_extremes(x, &hi, &negative);
    *lo = -negative;
    for (int i = 0; *lo == 0 && i < 32; i++)
        if (from[i] == 0) {
            *lo = from[i];
            break;
        }
    return hi == *lo ? 0 : hi - *lo;
}

K_INLINE float k_quotient(float d) { return d != 0 ? 1.0f / d : 0.0f; }

K_INLINE void k_load_32(v8 x[4], const float *from) {
    for (int i = 0; i < 4; i++) x[i] = v8_load(from + 8 * i);
}

/* trunc(v), kept in 0..most.  Where the scale's inverse overflowed, v may be anything. */
K_INLINE v8 k_whole(v8 v, float most) { return v8_trunc(v8_clamp(v, 0, most)); }

K_INLINE void k_put_nibbles(uint8_t q[16], const v8 v[4]) {
    for (int i = 0; i < 2; i++) v8_put_bytes(q + 8 * i, v8_add(v[i], v8_mul(v[i + 2], v8_set(16))));
}

/* Splits 32 numbers of five bits into nibbles and a word of fifth bits. */
K_INLINE void k_put_five_lanes(uint8_t q[16], uint8_t qh[4], v8 v[4]) {
    for (int i = 0; i < 4; i++) {
        const v8 high = v8_trunc(v8_mul(v[i], v8_set(0.0625f)));
        qh[i] = (uint8_t)v8_above_zero(high);
        v[i] = v8_sub(v[i], v8_mul(high, v8_set(16)));
    }
    k_put_nibbles(q, v);
}

/* ---- formats --------------------------------------------------------------------------------------- */

static void round_Q8_0(void *dst, const float *x, const float *importance, int64_t n) {
    block_q8_0 *b = dst;
    (void)importance;
    for (; n > 0; n -= 32, b++, x += 32) {
        v8    v[4];
        float hi, lo;
        k_load_32(v, x);
        k_extremes(v, &hi, &lo);
        const float d = (hi > lo ? hi : lo) / 127.0f, id = k_quotient(d);
        b->d = k_to_half(d);
        for (int i = 0; i < 4; i++) v8_put_bytes(b->q + 8 * i, v8_round_away(v8_clamp(v8_mul(v[i], v8_set(id)), -127, 127)));
    }
}

static void round_Q4_0(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_0 *b = dst;
    (void)importance;
    for (; n > 0; n -= 32, b++, x += 32) {
        v8 v[4];
        k_load_32(v, x);
        const float d = k_extreme(v, x) / -8.0f, id = k_quotient(d);
        b->d = k_to_half(d);
        for (int i = 0; i < 4; i++) v[i] = k_whole(v8_add(v8_mul(v[i], v8_set(id)), v8_set(8.5f)), 15);
        k_put_nibbles(b->q, v);
    }
}

static void round_Q5_0(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_0 *b = dst;
    (void)importance;
    for (; n > 0; n -= 32, b++, x += 32) {
        v8 v[4];
        k_load_32(v, x);
        const float d = k_extreme(v, x) / -16.0f, id = k_quotient(d);
        b->d = k_to_half(d);
        for (int i = 0; i < 4; i++) v[i] = k_whole(v8_add(v8_mul(v[i], v8_set(id)), v8_set(16.5f)), 31);
        k_put_five_lanes(b->q, b->qh, v);
    }
}

/* Numbers 0..most of the 32 weights between their least, *m, and their largest; the step between two. */
K_INLINE float k_spread(v8 v[4], const float *x, float most, float *m) {
    k_load_32(v, x);
    const float d = k_span_of(v, x, m) / most, id = k_quotient(d);
    for (int i = 0; i < 4; i++) v[i] = k_whole(v8_add(v8_mul(v8_sub(v[i], v8_set(*m)), v8_set(id)), v8_set(0.5f)), most);
    return d;
}

static void round_Q4_1(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_1 *b = dst;
    (void)importance;
    for (; n > 0; n -= 32, b++, x += 32) {
        v8    v[4];
        float m;
        b->d = k_to_half(k_spread(v, x, 15, &m));
        b->m = k_to_half(m);
        k_put_nibbles(b->q, v);
    }
}

static void round_Q5_1(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_1 *b = dst;
    (void)importance;
    for (; n > 0; n -= 32, b++, x += 32) {
        v8    v[4];
        float m;
        b->d = k_to_half(k_spread(v, x, 31, &m));
        b->m = k_to_half(m);
        k_put_five_lanes(b->q, b->qh, v);
    }
}

static void round_F16(void *dst, const float *x, const float *importance, int64_t n) {
    uint16_t *h = dst;
    (void)importance;
    for (; n >= 8; n -= 8, h += 8, x += 8) v8_put_halves(h, v8_load(x));
    for (int64_t i = 0; i < n; i++) h[i] = k_to_half(x[i]);
}

static void round_BF16(void *dst, const float *x, const float *importance, int64_t n) {
    uint16_t *h = dst;
    (void)importance;
    for (int64_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, &x[i], 4);
        h[i] = (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
    }
}

static void round_F32(void *dst, const float *x, const float *importance, int64_t n) {
    (void)importance;
    memcpy(dst, x, (size_t)n * sizeof *x);
}

/* The entries of a table of kernels. */
#define ROUND_ALL \
    {[TYPE_F32] = round_F32, [TYPE_F16] = round_F16, [TYPE_BF16] = round_BF16, [TYPE_Q8_0] = round_Q8_0, \
     [TYPE_Q4_0] = round_Q4_0, [TYPE_Q4_1] = round_Q4_1, [TYPE_Q5_0] = round_Q5_0, [TYPE_Q5_1] = round_Q5_1}
