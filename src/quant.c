/* quant.c - the format table, half floats, and the 32-wide formats. */
#include "quant.h"
#include <string.h>

_Static_assert(sizeof(block_q4_0) == 18 && sizeof(block_q4_1) == 20, "match the file");
_Static_assert(sizeof(block_q5_0) == 22 && sizeof(block_q5_1) == 24, "match the file");
_Static_assert(sizeof(block_q8_0) == 34 && sizeof(block_iq4_nl) == 18, "match the file");
_Static_assert(sizeof(block_q2_k) == 84 && sizeof(block_q3_k) == 110, "match the file");
_Static_assert(sizeof(block_q4_k) == 144 && sizeof(block_q5_k) == 176, "match the file");
_Static_assert(sizeof(block_q6_k) == 210 && sizeof(block_iq4_xs) == 136, "match the file");

/* ---- half floats --------------------------------------------------------- */

static float bits_f32(uint32_t u) {
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static uint32_t f32_bits(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

float f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, mag = h & 0x7fff;
    if (mag >= 0x7c00) return bits_f32(sign | 0x7f800000 | (mag & 0x3ff) << 13);
    if (mag >= 0x0400) return bits_f32(sign | ((mag << 13) + (112u << 23)));
    /* Subnormal: mag * 2^-24, exact in f32. */
    return bits_f32(sign | f32_bits((float)mag * 0x1p-24f));
}

uint16_t f32_to_f16(float f) {
    uint32_t u = f32_bits(f), sign = u >> 16 & 0x8000, mag = u & 0x7fffffff;
    if (mag > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (mag >> 13 & 0x1ff)); /* NaN */
    if (mag >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and up round to infinity */
    if (mag < 0x38800000) {
        /* Below 2^-14: adding 0.5 puts the unit of a half's subnormal (2^-24) at the last bit of
         * the sum, so that the addition itself rounds to nearest even. */
        float sum = bits_f32(mag) + 0.5f;
        return (uint16_t)(sign | (f32_bits(sum) - 0x3f000000));
    }
    uint32_t odd = mag >> 13 & 1;
    return (uint16_t)(sign | ((mag - (112u << 23) + 0xfff + odd) >> 13));
}

/* ---- to_f32 of the simple formats ------------------------------------------ */

void to_f32_F32(float *dst, const void *src, int64_t n) {
    memcpy(dst, src, (size_t)n * sizeof *dst);
}

void to_f32_F16(float *dst, const void *src, int64_t n) {
    const uint16_t *h = src;
    for (int64_t i = 0; i < n; i++) dst[i] = f16_to_f32(h[i]);
}

void to_f32_BF16(float *dst, const void *src, int64_t n) {
    const uint16_t *h = src;
    for (int64_t i = 0; i < n; i++) dst[i] = bits_f32((uint32_t)h[i] << 16);
}

void to_f32_Q4_0(float *dst, const void *src, int64_t n) {
    const block_q4_0 *b = src;
    for (; n > 0; n -= 32, b++, dst += 32) {
        const float d = f16_to_f32(b->d);
        for (int i = 0; i < 16; i++) {
            dst[i] = d * (float)((b->q[i] & 15) - 8);
            dst[i + 16] = d * (float)((b->q[i] >> 4) - 8);
        }
    }
}

void to_f32_Q4_1(float *dst, const void *src, int64_t n) {
    const block_q4_1 *b = src;
    for (; n > 0; n -= 32, b++, dst += 32) {
        const float d = f16_to_f32(b->d), m = f16_to_f32(b->m);
        for (int i = 0; i < 16; i++) {
            dst[i] = d * (float)(b->q[i] & 15) + m;
            dst[i + 16] = d * (float)(b->q[i] >> 4) + m;
        }
    }
}

static uint32_t fifth_bits(const uint8_t qh[4]) {
    return (uint32_t)qh[0] | (uint32_t)qh[1] << 8 | (uint32_t)qh[2] << 16 | (uint32_t)qh[3] << 24;
}

void to_f32_Q5_0(float *dst, const void *src, int64_t n) {
    const block_q5_0 *b = src;
    for (; n > 0; n -= 32, b++, dst += 32) {
        const float    d = f16_to_f32(b->d);
        const uint32_t h = fifth_bits(b->qh);
        for (int i = 0; i < 16; i++) {
            dst[i] = d * (float)((int)((b->q[i] & 15u) | (h >> i & 1) << 4) - 16);
            dst[i + 16] = d * (float)((int)((b->q[i] >> 4u) | (h >> (i + 16) & 1) << 4) - 16);
        }
    }
}

void to_f32_Q5_1(float *dst, const void *src, int64_t n) {
    const block_q5_1 *b = src;
    for (; n > 0; n -= 32, b++, dst += 32) {
        const float    d = f16_to_f32(b->d), m = f16_to_f32(b->m);
        const uint32_t h = fifth_bits(b->qh);
        for (int i = 0; i < 16; i++) {
            dst[i] = d * (float)((b->q[i] & 15u) | (h >> i & 1) << 4) + m;
            dst[i + 16] = d * (float)((b->q[i] >> 4u) | (h >> (i + 16) & 1) << 4) + m;
        }
    }
}

void to_f32_Q8_0(float *dst, const void *src, int64_t n) {
    const block_q8_0 *b = src;
    for (; n > 0; n -= 32, b++, dst += 32) {
        const float d = f16_to_f32(b->d);
        for (int i = 0; i < 32; i++) dst[i] = d * (float)b->q[i];
    }
}

void to_f32_IQ4_NL(float *dst, const void *src, int64_t n) {
    const block_iq4_nl *b = src;
    for (; n > 0; n -= 32, b++, dst += 32) {
        const float d = f16_to_f32(b->d);
        for (int i = 0; i < 16; i++) {
            dst[i] = d * (float)iq4_values[b->q[i] & 15];
            dst[i + 16] = d * (float)iq4_values[b->q[i] >> 4];
        }
    }
}

/* ---- the table ------------------------------------------------------------- */

static const type_info infos[TYPE_COUNT] = {
#define X(NAME, id, elems, bytes) [id] = {#NAME, id, elems, bytes, to_f32_##NAME},
#include "quant_list.h"
#undef X
};

const type_info *type_get(uint32_t id) {
    return id < TYPE_COUNT && infos[id].name ? &infos[id] : NULL;
}

const char *type_name(uint32_t id) {
    /* Formats that exist in the wild and that this build cannot decode: for error texts only. */
    static const char *const others[TYPE_COUNT] = {
        [4] = "Q4_2",     [5] = "Q4_3",     [9] = "Q8_1",    [15] = "Q8_K",  [16] = "IQ2_XXS",
        [17] = "IQ2_XS",  [18] = "IQ3_XXS", [19] = "IQ1_S",  [21] = "IQ3_S", [22] = "IQ2_S",
        [24] = "I8",      [25] = "I16",     [26] = "I32",    [27] = "I64",   [28] = "F64",
        [29] = "IQ1_M",   [34] = "TQ1_0",   [35] = "TQ2_0",  [39] = "MXFP4",
    };
    const type_info *t = type_get(id);
    if (t) return t->name;
    return id < TYPE_COUNT && others[id] ? others[id] : "?";
}

const type_info *type_by_name(const char *name) {
    for (uint32_t i = 0; i < TYPE_COUNT; i++)
        if (infos[i].name && !strcmp(infos[i].name, name)) return &infos[i];
    return NULL;
}

bool type_row_bytes(const type_info *t, uint64_t n, size_t *bytes) {
    if (n % (uint64_t)t->block_elems) return false;
    uint64_t blocks = n / (uint64_t)t->block_elems;
    return blocks <= SIZE_MAX && size_mul(bytes, (size_t)blocks, (size_t)t->block_bytes);
}

/* ---- activations ------------------------------------------------------------- */

size_t act_bytes(int64_t n) {
    size_t blocks = (size_t)n / 32;
    return (blocks * (32 + 4 + 4 + 8 + 4 + 8) + 63) / 64 * 64;
}

act_view act_of(const void *p, int64_t n) {
    const int8_t *q = p;
    const float  *s = (const void *)(q + n), *ms = s + n / 32;
    const int32_t *sum16 = (const void *)(ms + n / 32);
    const int16_t (*pair32)[2] = (const void *)(sum16 + n / 16);
    return (act_view){q, s, ms, sum16, pair32, pair32 + n / 32};
}
