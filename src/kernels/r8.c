/* r8.c - packing and unpacking, one block of one row at a time. */
#include "r8.h"
#include <string.h>

_Static_assert(sizeof(r8_q4_0) == 8 * sizeof(block_q4_0), "packing keeps the size");
_Static_assert(sizeof(r8_q8_0) == 8 * sizeof(block_q8_0), "packing keeps the size");
_Static_assert(sizeof(r8_q4_k) == 8 * sizeof(block_q4_k), "packing keeps the size");
_Static_assert(sizeof(r8_q5_k) == 8 * sizeof(block_q5_k), "packing keeps the size");
_Static_assert(sizeof(r8_q6_k) == 8 * sizeof(block_q6_k), "packing keeps the size");
_Static_assert(sizeof(r8_q4_1) == 8 * sizeof(block_q4_1), "packing keeps the size");
_Static_assert(sizeof(r8_q5_0) == 8 * sizeof(block_q5_0), "packing keeps the size");
_Static_assert(sizeof(r8_q5_1) == 8 * sizeof(block_q5_1), "packing keeps the size");
_Static_assert(sizeof(r8_iq4_nl) == 8 * sizeof(block_iq4_nl), "packing keeps the size");
_Static_assert(sizeof(r8_iq4_xs) == 8 * sizeof(block_iq4_xs), "packing keeps the size");
_Static_assert(sizeof(r8_q2_k) == 8 * sizeof(block_q2_k), "packing keeps the size");
_Static_assert(sizeof(r8_q3_k) == 8 * sizeof(block_q3_k), "packing keeps the size");

/* Four bytes at a time; shifts and masks stay within each byte, so the byte order does not matter. */
static uint32_t word(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}
static void put_word(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }
enum { NIBBLES = 0x0f0f0f0f, PAIRS = 0x03030303, ONES = 0x01010101 };

static void q4_0_in(r8_q4_0 *p, const block_q4_0 *b, int r) {
    p->d[r] = b->d;
    for (int g = 0; g < 4; g++) memcpy(p->q[g][r], b->q + 4 * g, 4);
}

void r8_block_q4_0(block_q4_0 *b, const r8_q4_0 *p, int r) {
    b->d = p->d[r];
    for (int i = 0; i < 16; i++) b->q[i] = p->q[i / 4][r][i % 4];
}

static void q8_0_in(r8_q8_0 *p, const block_q8_0 *b, int r) {
    p->d[r] = b->d;
    for (int g = 0; g < 8; g++) memcpy(p->q[g][r], b->q + 4 * g, 4);
}

void r8_block_q8_0(block_q8_0 *b, const r8_q8_0 *p, int r) {
    b->d = p->d[r];
    for (int i = 0; i < 32; i++) b->q[i] = p->q[i / 4][r][i % 4];
}

/* The 12 bytes of 6-bit scales and mins. */
static void scales_in(uint8_t sl[8][8], uint8_t sh[4][8], const uint8_t packed[12], int r) {
    uint8_t sc[8], m[8];
    quant_unpack_6bit(sc, m, packed);
    for (int s = 0; s < 8; s++) sl[s][r] = (uint8_t)((sc[s] & 15) | (m[s] & 15) << 4);
    for (int s = 0; s < 4; s++)
        sh[s][r] = (uint8_t)(sc[s] >> 4 | m[s] >> 4 << 2 | sc[s + 4] >> 4 << 4 | m[s + 4] >> 4 << 6);
}

static void scales_of(uint8_t sc[8], uint8_t m[8], const uint8_t sl[8][8], const uint8_t sh[4][8], int r) {
    for (int s = 0; s < 8; s++) {
        const int high = sh[s % 4][r] >> s / 4 * 4;
        sc[s] = (uint8_t)((sl[s][r] & 15) | (high & 3) << 4);
        m[s] = (uint8_t)(sl[s][r] >> 4 | (high >> 2 & 3) << 4);
    }
}

static void scales_out(uint8_t packed[12], const uint8_t sl[8][8], const uint8_t sh[4][8], int r) {
    uint8_t sc[8], m[8];
    scales_of(sc, m, sl, sh, r);
    for (int i = 0; i < 4; i++) {
        packed[i] = (uint8_t)(sc[i] | sc[i + 4] >> 4 << 6);
        packed[i + 4] = (uint8_t)(m[i] | m[i + 4] >> 4 << 6);
        packed[i + 8] = (uint8_t)((sc[i + 4] & 15) | (m[i + 4] & 15) << 4);
    }
}

/* The file holds two sub-blocks in the low and high nibbles of 32 bytes. */
static void nibbles_in(uint8_t low[4][8][4], uint8_t high[4][8][4], const uint8_t *from, int r) {
    for (int g = 0; g < 4; g++) {
        const uint32_t a = word(from + 4 * g), b = word(from + 16 + 4 * g);
        put_word(low[g][r], (a & NIBBLES) | (b & NIBBLES) << 4);
        put_word(high[g][r], (a >> 4 & NIBBLES) | (b & ~(uint32_t)NIBBLES));
    }
}

static void nibbles_out(uint8_t *to, const uint8_t low[4][8][4], const uint8_t high[4][8][4], int r) {
    for (int c = 0; c < 32; c++) {
        const int shift = c / 16 * 4, lo = low[c % 16 / 4][r][c % 4] >> shift & 15, hi = high[c % 16 / 4][r][c % 4] >> shift & 15;
        to[c] = (uint8_t)(lo | hi << 4);
    }
}

static void q4_k_in(r8_q4_k *p, const block_q4_k *b, int r) {
    p->d[r] = b->d;
    p->dmin[r] = b->dmin;
    scales_in(p->sl, p->sh, b->sc, r);
    for (int k = 0; k < 4; k++) nibbles_in(p->q[2 * k], p->q[2 * k + 1], b->q + 32 * k, r);
}

void r8_block_q4_k(block_q4_k *b, const r8_q4_k *p, int r) {
    b->d = p->d[r];
    b->dmin = p->dmin[r];
    scales_out(b->sc, p->sl, p->sh, r);
    for (int k = 0; k < 4; k++) nibbles_out(b->q + 32 * k, p->q[2 * k], p->q[2 * k + 1], r);
}

/* Bit s of the file's qh[c]: column c of sub-block s. */
static void q5_k_in(r8_q5_k *p, const block_q5_k *b, int r) {
    p->d[r] = b->d;
    p->dmin[r] = b->dmin;
    scales_in(p->sl, p->sh, b->sc, r);
    for (int k = 0; k < 4; k++) nibbles_in(p->sub[2 * k].q, p->sub[2 * k + 1].q, b->q + 32 * k, r);
    for (int s = 0; s < 8; s++) {
        uint32_t fifth = 0;
        for (int i = 0; i < 8; i++) fifth |= (word(b->qh + 4 * i) >> s & ONES) << i;
        put_word(p->sub[s].qh[r], fifth);
    }
}

void r8_block_q5_k(block_q5_k *b, const r8_q5_k *p, int r) {
    b->d = p->d[r];
    b->dmin = p->dmin[r];
    scales_out(b->sc, p->sl, p->sh, r);
    memset(b->qh, 0, sizeof b->qh);
    for (int k = 0; k < 4; k++) nibbles_out(b->q + 32 * k, p->sub[2 * k].q, p->sub[2 * k + 1].q, r);
    for (int i = 0; i < 256; i++) b->qh[i % 32] |= (uint8_t)((p->sub[i / 32].qh[r][i % 4] >> i % 32 / 4 & 1) << i / 32);
}

/* Two-bit fields: chunks 2h and 2h + 1 are the bit pairs 0, 1 and 2, 3 of half h's 32 bytes. */
static void pairs_in(uint8_t q[4][4][8][4], const uint8_t *from, int r) {
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 4; j++) {
            const uint8_t *at = from + c / 2 * 32 + 4 * j;
            const uint32_t x = word(at) >> c % 2 * 4, y = word(at + 16) >> c % 2 * 4;
            put_word(q[c][j][r], (x & PAIRS) | (y & PAIRS) << 2 | (x >> 2 & PAIRS) << 4 | (y >> 2 & PAIRS) << 6);
        }
}

static void pairs_out(uint8_t *to, const uint8_t q[4][4][8][4], int r) {
    memset(to, 0, 64);
    for (int col = 0; col < 256; col++) {
        const int v = q[col / 64][col % 16 / 4][r][col % 4] >> col % 64 / 16 * 2 & 3;
        to[col / 128 * 32 + col % 32] |= (uint8_t)(v << col % 128 / 32 * 2);
    }
}

/* Columns 16k + 4j .. + 3 of chunk c, six bits each.  Chunks 2h and 2h + 1 are the low and high nibbles of half
 * h's 64 bytes, and the bit pairs 0, 1 and 2, 3 of its 32. */
static uint32_t sixes(const block_q6_k *b, int c, int j, int k) {
    const int at = k % 2 * 16 + 4 * j;
    const uint32_t low = word(b->ql + c / 2 * 64 + k / 2 * 32 + at) >> c % 2 * 4, high = word(b->qh + c / 2 * 32 + at) >> (c % 2 * 4 + k / 2 * 2);
    return (low & NIBBLES) | (high & PAIRS) << 4;
}

static void q6_k_in(r8_q6_k *p, const block_q6_k *b, int r) {
    p->d[r] = b->d;
    for (int g = 0; g < 16; g++) p->sc[g][r] = b->sc[g];
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 4; j++) {
            const uint32_t last = sixes(b, c, j, 3);
            for (int k = 0; k < 3; k++) put_word(p->q[c][j][k][r], sixes(b, c, j, k) | (last >> 2 * k & PAIRS) << 6);
        }
}

void r8_block_q6_k(block_q6_k *b, const r8_q6_k *p, int r) {
    b->d = p->d[r];
    for (int g = 0; g < 16; g++) b->sc[g] = p->sc[g][r];
    memset(b->ql, 0, sizeof b->ql);
    memset(b->qh, 0, sizeof b->qh);
    for (int col = 0; col < 256; col++) {
        const int c = col / 64, k = col % 64 / 16, j = col % 16 / 4, t = col % 4;
        int       v = 0;
        if (k < 3) v = p->q[c][j][k][r][t] & 63;
        else
            for (int i = 0; i < 3; i++) v |= p->q[c][j][i][r][t] >> 6 << 2 * i;
        b->ql[col / 128 * 64 + col % 64] |= (uint8_t)((v & 15) << col % 128 / 64 * 4);
        b->qh[col / 128 * 32 + col % 32] |= (uint8_t)(v >> 4 << col % 128 / 32 * 2);
    }
}

static void q4_1_in(r8_q4_1 *p, const block_q4_1 *b, int r) {
    p->d[r] = b->d;
    p->m[r] = b->m;
    for (int g = 0; g < 4; g++) memcpy(p->q[g][r], b->q + 4 * g, 4);
}

void r8_block_q4_1(block_q4_1 *b, const r8_q4_1 *p, int r) {
    b->d = p->d[r];
    b->m = p->m[r];
    for (int g = 0; g < 4; g++) memcpy(b->q + 4 * g, p->q[g][r], 4);
}

/* The bits 0, 4, 8, .. 28 of v as one byte. */
static uint8_t every_fourth(uint32_t v) {
    v &= 0x11111111;
    v = (v | v >> 3) & 0x03030303;
    v = (v | v >> 6) & 0x000f000f;
    return (uint8_t)(v | v >> 12);
}

static void fives_in(uint8_t to[4], const uint8_t qh[4]) {
    const uint32_t v = (uint32_t)qh[0] | (uint32_t)qh[1] << 8 | (uint32_t)qh[2] << 16 | (uint32_t)qh[3] << 24;
    for (int t = 0; t < 4; t++) to[t] = every_fourth(v >> t);
}

static void fives_out(uint8_t qh[4], const uint8_t from[4]) {
    memset(qh, 0, 4);
    for (int i = 0; i < 32; i++) qh[i / 8] |= (uint8_t)((from[i % 4] >> i / 4 & 1) << i % 8);
}

static void q5_0_in(r8_q5_0 *p, const block_q5_0 *b, int r) {
    p->d[r] = b->d;
    fives_in(p->qh[r], b->qh);
    for (int g = 0; g < 4; g++) memcpy(p->q[g][r], b->q + 4 * g, 4);
}

void r8_block_q5_0(block_q5_0 *b, const r8_q5_0 *p, int r) {
    b->d = p->d[r];
    fives_out(b->qh, p->qh[r]);
    for (int g = 0; g < 4; g++) memcpy(b->q + 4 * g, p->q[g][r], 4);
}

static void q5_1_in(r8_q5_1 *p, const block_q5_1 *b, int r) {
    p->d[r] = b->d;
    p->m[r] = b->m;
    fives_in(p->qh[r], b->qh);
    for (int g = 0; g < 4; g++) memcpy(p->q[g][r], b->q + 4 * g, 4);
}

void r8_block_q5_1(block_q5_1 *b, const r8_q5_1 *p, int r) {
    b->d = p->d[r];
    b->m = p->m[r];
    fives_out(b->qh, p->qh[r]);
    for (int g = 0; g < 4; g++) memcpy(b->q + 4 * g, p->q[g][r], 4);
}

static void iq4_nl_in(r8_iq4_nl *p, const block_iq4_nl *b, int r) {
    p->d[r] = b->d;
    for (int g = 0; g < 4; g++) memcpy(p->q[g][r], b->q + 4 * g, 4);
}

void r8_block_iq4_nl(block_iq4_nl *b, const r8_iq4_nl *p, int r) {
    b->d = p->d[r];
    for (int g = 0; g < 4; g++) memcpy(b->q + 4 * g, p->q[g][r], 4);
}

static void iq4_xs_in(r8_iq4_xs *p, const block_iq4_xs *b, int r) {
    int8_t sc[8];
    p->d[r] = b->d;
    quant_unpack_iq4_xs(sc, b);
    for (int s = 0; s < 8; s++) sc[s] = (int8_t)(sc[s] + 32);
    for (int s = 0; s < 4; s++) p->sl[s][r] = (uint8_t)((sc[s] & 15) | (sc[s + 4] & 15) << 4);
    for (int h = 0; h < 2; h++)
        p->sh[h][r] = (uint8_t)(sc[h] >> 4 | sc[h + 2] >> 4 << 2 | sc[h + 4] >> 4 << 4 | sc[h + 6] >> 4 << 6);
    for (int g = 0; g < 32; g++) memcpy(p->q[g / 4][g % 4][r], b->q + 4 * g, 4);
}

void r8_block_iq4_xs(block_iq4_xs *b, const r8_iq4_xs *p, int r) {
    b->d = p->d[r];
    b->sh = 0;
    memset(b->sl, 0, sizeof b->sl);
    for (int s = 0; s < 8; s++) {
        b->sl[s / 2] |= (uint8_t)((p->sl[s % 4][r] >> s / 4 * 4 & 15) << s % 2 * 4);
        b->sh |= (uint16_t)((p->sh[s % 2][r] >> s / 2 * 2 & 3) << 2 * s);
    }
    for (int g = 0; g < 32; g++) memcpy(b->q + 4 * g, p->q[g / 4][g % 4][r], 4);
}

static void q2_k_in(r8_q2_k *p, const block_q2_k *b, int r) {
    p->d[r] = b->d;
    p->dmin[r] = b->dmin;
    for (int g = 0; g < 16; g++) p->sc[g / 2][r][g % 2] = b->sc[g];
    pairs_in(p->q, b->q, r);
}

void r8_block_q2_k(block_q2_k *b, const r8_q2_k *p, int r) {
    b->d = p->d[r];
    b->dmin = p->dmin[r];
    for (int g = 0; g < 16; g++) b->sc[g] = p->sc[g / 2][r][g % 2];
    pairs_out(b->q, p->q, r);
}

/* The file's third bits: bit s of byte i is column 32s + i. */
static void thirds_in(uint8_t qh[4][2][8][4], const uint8_t *from, int r) {
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 4; j += 2) {
            uint32_t v = 0;
            for (int i = 0; i < 4; i++) { /* bit i: column 4(j + i / 2) + t of the group k = i % 2, and bit i + 4 of the group k + 2 */
                const uint32_t x = word(from + i % 2 * 16 + 4 * (j + i / 2)) >> 2 * c;
                v |= (x & ONES) << i | (x >> 1 & ONES) << (i + 4);
            }
            put_word(qh[c][j / 2][r], v);
        }
}

static void thirds_out(uint8_t *to, const uint8_t qh[4][2][8][4], int r) {
    memset(to, 0, 32);
    for (int col = 0; col < 256; col++) {
        const int k = col % 64 / 16, j = col % 16 / 4;
        const int bit = qh[col / 64][j / 2][r][col % 4] >> (j % 2 * 2 + k % 2 + k / 2 * 4) & 1;
        to[col % 32] |= (uint8_t)(bit << col / 32);
    }
}

static void q3_k_in(r8_q3_k *p, const block_q3_k *b, int r) {
    int8_t sc[16];
    p->d[r] = b->d;
    quant_unpack_q3_k(sc, b->sc);
    for (int g = 0; g < 16; g++) sc[g] = (int8_t)(sc[g] + 32);
    for (int g = 0; g < 8; g++) p->sl[g / 2][r][g % 2] = (uint8_t)((sc[g] & 15) | (sc[g + 8] & 15) << 4);
    for (int g = 0; g < 4; g++)
        p->sh[g / 2][r][g % 2] = (uint8_t)(sc[g] >> 4 | sc[g + 4] >> 4 << 2 | sc[g + 8] >> 4 << 4 | sc[g + 12] >> 4 << 6);
    pairs_in(p->q, b->q, r);
    thirds_in(p->qh, b->qh, r);
}

void r8_block_q3_k(block_q3_k *b, const r8_q3_k *p, int r) {
    b->d = p->d[r];
    memset(b->sc, 0, sizeof b->sc);
    for (int g = 0; g < 16; g++) {
        b->sc[g % 8] |= (uint8_t)((p->sl[g % 8 / 2][r][g % 2] >> g / 8 * 4 & 15) << g / 8 * 4);
        b->sc[8 + g % 4] |= (uint8_t)((p->sh[g % 4 / 2][r][g % 2] >> g / 4 * 2 & 3) << g / 4 * 2);
    }
    pairs_out(b->q, p->q, r);
    thirds_out(b->qh, p->qh, r);
}

/* ---- by format -------------------------------------------------------------------- */

#define R8_FORMATS(X) \
    X(Q4_0, q4_0) X(Q8_0, q8_0) X(Q4_K, q4_k) X(Q5_K, q5_k) X(Q6_K, q6_k) X(Q4_1, q4_1) X(Q5_0, q5_0) X(Q5_1, q5_1) \
    X(IQ4_NL, iq4_nl) X(IQ4_XS, iq4_xs) X(Q2_K, q2_k) X(Q3_K, q3_k)
#define R8_FLOATS(X) X(F32, uint32_t) X(F16, uint16_t) X(BF16, uint16_t)

bool r8_has(type_id t) {
    switch (t) {
#define X(ID, id) case TYPE_##ID:
        R8_FORMATS(X)
        R8_FLOATS(X)
#undef X
        return true;
    default: return false;
    }
}

const char *r8_name(type_id t) {
    static const char *const names[TYPE_COUNT] = {
#define X(NAME, id, elems, bytes) [id] = #NAME " (r8)",
#include "../quant_list.h"
#undef X
    };
    return names[t];
}

void r8_pack(type_id t, void *dst, const void *rows, size_t row_bytes, int64_t cols) {
    switch (t) {
#define X(ID, id) \
    case TYPE_##ID: \
        for (int r = 0; r < 8; r++) { \
            const block_##id *b = (const void *)((const char *)rows + (size_t)r * row_bytes); \
            for (int64_t i = 0, n = cols / type_get(t)->block_elems; i < n; i++) id##_in((r8_##id *)dst + i, b + i, r); \
        } \
        break;
        R8_FORMATS(X)
#undef X
#define X(ID, elem) \
    case TYPE_##ID: \
        for (int64_t i = 0; i < cols; i++) \
            for (int r = 0; r < 8; r++) ((elem *)dst)[i * 8 + r] = ((const elem *)(const void *)((const char *)rows + (size_t)r * row_bytes))[i]; \
        break;
        R8_FLOATS(X)
#undef X
    default: break;
    }
}

void r8_unpack(type_id t, void *rows, size_t row_bytes, const void *src, int64_t cols) {
    switch (t) {
#define X(ID, id) \
    case TYPE_##ID: \
        for (int r = 0; r < 8; r++) { \
            block_##id *b = (void *)((char *)rows + (size_t)r * row_bytes); \
            for (int64_t i = 0, n = cols / type_get(t)->block_elems; i < n; i++) r8_block_##id(b + i, (const r8_##id *)src + i, r); \
        } \
        break;
        R8_FORMATS(X)
#undef X
#define X(ID, elem) \
    case TYPE_##ID: \
        for (int64_t i = 0; i < cols; i++) \
            for (int r = 0; r < 8; r++) ((elem *)(void *)((char *)rows + (size_t)r * row_bytes))[i] = ((const elem *)src)[i * 8 + r]; \
        break;
        R8_FLOATS(X)
#undef X
    default: break;
    }
}

void r8_row_to_f32(type_id t, float *dst, const void *group, int row, int64_t cols) {
    switch (t) {
#define X(ID, id) \
    case TYPE_##ID: \
        for (int64_t i = 0, n = type_get(t)->block_elems; i < cols / n; i++) { \
            block_##id b; \
            r8_block_##id(&b, (const r8_##id *)group + i, row); \
            to_f32_##ID(dst + i * n, &b, n); \
        } \
        break;
        R8_FORMATS(X)
#undef X
#define X(ID, elem) \
    case TYPE_##ID: \
        for (int64_t i = 0; i < cols; i++) to_f32_##ID(dst + i, (const elem *)group + i * 8 + row, 1); \
        break;
        R8_FLOATS(X)
#undef X
    default: break;
    }
}
