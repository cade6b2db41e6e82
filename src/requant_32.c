/* requant_32.c - the formats that one rule makes, whose bytes every program agrees on.
 *
 * The weight of largest magnitude (Q4_0, Q5_0: with its sign, at the grid's longer end) or the two
 * extremes (Q4_1, Q5_1) decide the scale.  All in f32: the quotient is taken of the scale before it is rounded to f16.
 * Source: the formulas in the project's oracle, checked there byte for byte. */
#include "requant.h"
#include <math.h>
#include <string.h>

static void requant_F32(void *dst, const float *x, const float *importance, int64_t n) {
    (void)importance;
    memcpy(dst, x, (size_t)n * sizeof *x);
}

static void requant_F16(void *dst, const float *x, const float *importance, int64_t n) {
    uint16_t *h = dst;
    (void)importance;
    for (int64_t i = 0; i < n; i++) h[i] = f32_to_f16(x[i]);
}

static void requant_BF16(void *dst, const float *x, const float *importance, int64_t n) {
    uint16_t *h = dst;
    (void)importance;
    for (int64_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, &x[i], 4);
        h[i] = (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
    }
}

/* trunc(v), kept in 0..most.  Where the scale's inverse overflowed, v may be anything. */
static uint32_t whole(float v, uint32_t most) { return v >= (float)most ? most : v > 0 ? (uint32_t)v : 0; }

/* The first of the values of largest magnitude. */
static float extreme(const float *x) {
    float most = 0, at = 0;
    for (int i = 0; i < 32; i++)
        if (fabsf(x[i]) > most) {
            most = fabsf(x[i]);
            at = x[i];
        }
    return at;
}

static void extremes(const float *x, float *lo, float *hi) {
    *lo = *hi = x[0];
    for (int i = 1; i < 32; i++) {
        if (x[i] < *lo) *lo = x[i];
        if (x[i] > *hi) *hi = x[i];
    }
}

static float inverse(float d) { return d != 0 ? 1.0f / d : 0.0f; }

static void requant_Q8_0(void *dst, const float *x, const float *importance, int64_t n) {
    block_q8_0 *b = dst;
    (void)importance;
    for (; n > 0; n -= 32, b++, x += 32) {
        const float d = fabsf(extreme(x)) / 127.0f, id = inverse(d);
        b->d = f32_to_f16(d);
        for (int i = 0; i < 32; i++) {
            const float q = roundf(x[i] * id);
            b->q[i] = (int8_t)(q >= 127 ? 127 : q > -127 ? (int)q : -127);
        }
    }
}

static void requant_Q4_0(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_0 *b = dst;
    (void)importance;
    for (; n > 0; n -= 32, b++, x += 32) {
        const float d = extreme(x) / -8.0f, id = inverse(d);
        b->d = f32_to_f16(d);
        for (int i = 0; i < 16; i++)
            b->q[i] = (uint8_t)(whole(x[i] * id + 8.5f, 15) | whole(x[i + 16] * id + 8.5f, 15) << 4);
    }
}

static void requant_Q4_1(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_1 *b = dst;
    (void)importance;
    for (; n > 0; n -= 32, b++, x += 32) {
        float lo, hi;
        extremes(x, &lo, &hi);
        const float d = (hi - lo) / 15.0f, id = inverse(d);
        b->d = f32_to_f16(d);
        b->m = f32_to_f16(lo);
        for (int i = 0; i < 16; i++)
            b->q[i] = (uint8_t)(whole((x[i] - lo) * id + 0.5f, 15) | whole((x[i + 16] - lo) * id + 0.5f, 15) << 4);
    }
}

/* Splits 32 numbers of five bits into nibbles and a word of fifth bits. */
static void put_fives(uint8_t q[16], uint8_t qh[4], const uint32_t v[32]) {
    uint32_t h = 0;
    for (int i = 0; i < 32; i++) h |= (v[i] >> 4) << i;
    for (int i = 0; i < 16; i++) q[i] = (uint8_t)((v[i] & 15) | (v[i + 16] & 15) << 4);
    for (int i = 0; i < 4; i++) qh[i] = (uint8_t)(h >> 8 * i);
}

static void requant_Q5_0(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_0 *b = dst;
    uint32_t    v[32];
    (void)importance;
    for (; n > 0; n -= 32, b++, x += 32) {
        const float d = extreme(x) / -16.0f, id = inverse(d);
        b->d = f32_to_f16(d);
        for (int i = 0; i < 32; i++) v[i] = whole(x[i] * id + 16.5f, 31);
        put_fives(b->q, b->qh, v);
    }
}

static void requant_Q5_1(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_1 *b = dst;
    uint32_t    v[32];
    (void)importance;
    for (; n > 0; n -= 32, b++, x += 32) {
        float lo, hi;
        extremes(x, &lo, &hi);
        const float d = (hi - lo) / 31.0f, id = inverse(d);
        b->d = f32_to_f16(d);
        b->m = f32_to_f16(lo);
        for (int i = 0; i < 32; i++) v[i] = whole((x[i] - lo) * id + 0.5f, 31);
        put_fives(b->q, b->qh, v);
    }
}

requant_fn requant_of(const kernels *k, type_id t, bool weighed) {
    static const requant_fn rule[TYPE_COUNT] = {
        [TYPE_F32] = requant_F32,   [TYPE_F16] = requant_F16,   [TYPE_BF16] = requant_BF16, [TYPE_Q8_0] = requant_Q8_0,
        [TYPE_Q4_0] = requant_Q4_0, [TYPE_Q4_1] = requant_Q4_1, [TYPE_Q5_0] = requant_Q5_0, [TYPE_Q5_1] = requant_Q5_1};
    if (t >= TYPE_COUNT) return NULL;
    return rule[t] && !(weighed && k->requant[t]) ? rule[t] : k->requant[t];
}
