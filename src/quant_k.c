/* quant_k.c - the 256-wide formats. */
#include "quant.h"

const int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                               1,    13,   25,  38,  53,  69,  89,  113};

void quant_unpack_6bit(uint8_t sc[8], uint8_t m[8], const uint8_t p[12]) {
    for (int i = 0; i < 4; i++) {
        sc[i] = p[i] & 63;
        m[i] = p[i + 4] & 63;
        sc[i + 4] = (uint8_t)((p[i + 8] & 15) | p[i] >> 6 << 4);
        m[i + 4] = (uint8_t)(p[i + 8] >> 4 | p[i + 4] >> 6 << 4);
    }
}

/* Two-bit fields: each 32 bytes serve four runs of 32 weights, lowest bits first. */
void to_f32_Q2_K(float *dst, const void *src, int64_t n) {
    const block_q2_k *b = src;
    for (; n > 0; n -= 256, b++, dst += 256) {
        const float d = f16_to_f32(b->d), dmin = f16_to_f32(b->dmin);
        for (int i = 0; i < 256; i++) {
            const int s = b->sc[i / 16], q = b->q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
            dst[i] = d * (float)(s & 15) * (float)q - dmin * (float)(s >> 4);
        }
    }
}

void quant_unpack_q3_k(int8_t sc[16], const uint8_t p[12]) {
    for (int g = 0; g < 16; g++) {
        const int lo = g < 8 ? p[g] & 15 : p[g - 8] >> 4;
        sc[g] = (int8_t)((lo | (p[8 + g % 4] >> g / 4 * 2 & 3) << 4) - 32);
    }
}

/* A cleared third bit means minus 4. */
void to_f32_Q3_K(float *dst, const void *src, int64_t n) {
    const block_q3_k *b = src;
    int8_t            sc[16];
    for (; n > 0; n -= 256, b++, dst += 256) {
        const float d = f16_to_f32(b->d);
        quant_unpack_q3_k(sc, b->sc);
        for (int i = 0; i < 256; i++) {
            const int q = (b->q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3) -
                          (b->qh[i % 32] >> i / 32 & 1 ? 0 : 4);
            dst[i] = d * (float)sc[i / 16] * (float)q;
        }
    }
}

/* 64 weights per 32 bytes: low nibbles first, then high nibbles. */
void to_f32_Q4_K(float *dst, const void *src, int64_t n) {
    const block_q4_k *b = src;
    uint8_t           sc[8], m[8];
    for (; n > 0; n -= 256, b++, dst += 256) {
        const float d = f16_to_f32(b->d), dmin = f16_to_f32(b->dmin);
        quant_unpack_6bit(sc, m, b->sc);
        for (int s = 0; s < 8; s++) {
            const float ds = d * (float)sc[s], ms = dmin * (float)m[s];
            for (int i = 0; i < 32; i++)
                dst[s * 32 + i] = ds * (float)(b->q[s / 2 * 32 + i] >> s % 2 * 4 & 15) - ms;
        }
    }
}

void to_f32_Q5_K(float *dst, const void *src, int64_t n) {
    const block_q5_k *b = src;
    uint8_t           sc[8], m[8];
    for (; n > 0; n -= 256, b++, dst += 256) {
        const float d = f16_to_f32(b->d), dmin = f16_to_f32(b->dmin);
        quant_unpack_6bit(sc, m, b->sc);
        for (int s = 0; s < 8; s++) {
            const float ds = d * (float)sc[s], ms = dmin * (float)m[s];
            for (int i = 0; i < 32; i++) {
                const int q = (b->q[s / 2 * 32 + i] >> s % 2 * 4 & 15) | (b->qh[i] >> s & 1) << 4;
                dst[s * 32 + i] = ds * (float)q - ms;
            }
        }
    }
}

/* Each half of 128: 64 bytes of low nibbles (two runs of 64), 32 bytes of high bit pairs (four
 * runs of 32). */
void to_f32_Q6_K(float *dst, const void *src, int64_t n) {
    const block_q6_k *b = src;
    for (; n > 0; n -= 256, b++, dst += 256) {
        const float d = f16_to_f32(b->d);
        for (int i = 0; i < 256; i++) {
            const int half = i / 128, j = i % 128;
            const int lo = b->ql[half * 64 + j % 64] >> j / 64 * 4 & 15;
            const int hi = b->qh[half * 32 + j % 32] >> j / 32 * 2 & 3;
            dst[i] = d * (float)b->sc[i / 16] * (float)((lo | hi << 4) - 32);
        }
    }
}

void quant_unpack_iq4_xs(int8_t sc[8], const block_iq4_xs *b) {
    for (int s = 0; s < 8; s++) sc[s] = (int8_t)(((b->sl[s / 2] >> s % 2 * 4 & 15) | (b->sh >> 2 * s & 3) << 4) - 32);
}

void to_f32_IQ4_XS(float *dst, const void *src, int64_t n) {
    const block_iq4_xs *b = src;
    int8_t              sc[8];
    for (; n > 0; n -= 256, b++, dst += 256) {
        const float d = f16_to_f32(b->d);
        quant_unpack_iq4_xs(sc, b);
        for (int s = 0; s < 8; s++) {
            const float ds = d * (float)sc[s];
            for (int i = 0; i < 16; i++) {
                dst[s * 32 + i] = ds * (float)iq4_values[b->q[s * 16 + i] & 15];
                dst[s * 32 + i + 16] = ds * (float)iq4_values[b->q[s * 16 + i] >> 4];
            }
        }
    }
}
