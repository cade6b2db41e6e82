/* r8.c - packing and unpacking, one block of one row at a time. */
#include "r8.h"
#include <string.h>

_Static_assert(sizeof(r8_q4_0) == 8 * sizeof(block_q4_0), "packing keeps the size");
_Static_assert(sizeof(r8_q8_0) == 8 * sizeof(block_q8_0), "packing keeps the size");
_Static_assert(sizeof(r8_q4_k) == 8 * sizeof(block_q4_k), "packing keeps the size");
_Static_assert(sizeof(r8_q5_k) == 8 * sizeof(block_q5_k), "packing keeps the size");
_Static_assert(sizeof(r8_q6_k) == 8 * sizeof(block_q6_k), "packing keeps the size");

/* Four bytes at a time; shifts and masks stay within each byte, so the byte order does not matter. */
static uint32_t word(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}
static void put_word(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }
enum { NIBBLES = 0x0f0f0f0f, PAIRS = 0x03030303 };

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

/* The file holds sub-blocks 2k and 2k + 1 in the low and high nibbles of 32 bytes. */
static void nibbles_in(uint8_t q[8][4][8][4], const uint8_t *from, int r) {
    for (int k = 0; k < 4; k++, from += 32)
        for (int g = 0; g < 4; g++) {
            const uint32_t a = word(from + 4 * g), b = word(from + 16 + 4 * g);
            put_word(q[2 * k][g][r], (a & NIBBLES) | (b & NIBBLES) << 4);
            put_word(q[2 * k + 1][g][r], (a >> 4 & NIBBLES) | (b & ~(uint32_t)NIBBLES));
        }
}

static void nibbles_out(uint8_t *to, const uint8_t q[8][4][8][4], int r) {
    for (int i = 0; i < 128; i++) {
        const int s = i / 32 * 2, c = i % 32, shift = c / 16 * 4; /* columns c of sub-blocks s and s + 1 */
        const int lo = q[s][c % 16 / 4][r][c % 4] >> shift & 15, hi = q[s + 1][c % 16 / 4][r][c % 4] >> shift & 15;
        to[i] = (uint8_t)(lo | hi << 4);
    }
}

static void q4_k_in(r8_q4_k *p, const block_q4_k *b, int r) {
    p->d[r] = b->d;
    p->dmin[r] = b->dmin;
    scales_in(p->sl, p->sh, b->sc, r);
    nibbles_in(p->q, b->q, r);
}

void r8_block_q4_k(block_q4_k *b, const r8_q4_k *p, int r) {
    b->d = p->d[r];
    b->dmin = p->dmin[r];
    scales_out(b->sc, p->sl, p->sh, r);
    nibbles_out(b->q, p->q, r);
}

static void q5_k_in(r8_q5_k *p, const block_q5_k *b, int r) {
    p->d[r] = b->d;
    p->dmin[r] = b->dmin;
    scales_in(p->sl, p->sh, b->sc, r);
    nibbles_in(p->q, b->q, r);
    for (int g = 0; g < 8; g++) memcpy(p->qh[g][r], b->qh + 4 * g, 4);
}

void r8_block_q5_k(block_q5_k *b, const r8_q5_k *p, int r) {
    b->d = p->d[r];
    b->dmin = p->dmin[r];
    scales_out(b->sc, p->sl, p->sh, r);
    nibbles_out(b->q, p->q, r);
    for (int i = 0; i < 32; i++) b->qh[i] = p->qh[i / 4][r][i % 4];
}

static int six_bits_packed(const r8_q6_k *p, int r, int col) {
    const int c = col / 64, j = col % 64;
    const int lo = p->ql[c][j % 32 / 4][r][j % 4] >> j / 32 * 4 & 15;
    return lo | (p->qh[c][j % 16 / 4][r][j % 4] >> j / 16 * 2 & 3) << 4;
}

/* Chunks 2h and 2h + 1 are the low and high nibbles of half h's 64 bytes, and its bit pairs 0, 1 and 2, 3. */
static void q6_k_in(r8_q6_k *p, const block_q6_k *b, int r) {
    p->d[r] = b->d;
    for (int g = 0; g < 16; g++) p->sc[g][r] = b->sc[g];
    for (int c = 0; c < 4; c++) {
        const uint8_t *ql = b->ql + c / 2 * 64, *qh = b->qh + c / 2 * 32;
        for (int g = 0; g < 8; g++) {
            const uint32_t x = word(ql + 4 * g), y = word(ql + 32 + 4 * g);
            put_word(p->ql[c][g][r], c % 2 ? (x >> 4 & NIBBLES) | (y & ~(uint32_t)NIBBLES) : (x & NIBBLES) | (y & NIBBLES) << 4);
        }
        for (int j = 0; j < 4; j++) {
            const uint32_t x = word(qh + 4 * j) >> c % 2 * 4, y = word(qh + 16 + 4 * j) >> c % 2 * 4;
            put_word(p->qh[c][j][r], (x & PAIRS) | (y & PAIRS) << 2 | (x >> 2 & PAIRS) << 4 | (y >> 2 & PAIRS) << 6);
        }
    }
}

void r8_block_q6_k(block_q6_k *b, const r8_q6_k *p, int r) {
    b->d = p->d[r];
    for (int g = 0; g < 16; g++) b->sc[g] = p->sc[g][r];
    memset(b->ql, 0, sizeof b->ql);
    memset(b->qh, 0, sizeof b->qh);
    for (int col = 0; col < 256; col++) {
        const int half = col / 128, j = col % 128, v = six_bits_packed(p, r, col);
        b->ql[half * 64 + j % 64] |= (uint8_t)((v & 15) << j / 64 * 4);
        b->qh[half * 32 + j % 32] |= (uint8_t)(v >> 4 << j / 32 * 2);
    }
}

/* ---- by format -------------------------------------------------------------------- */

#define R8_FORMATS(X) X(Q4_0, q4_0) X(Q8_0, q8_0) X(Q4_K, q4_k) X(Q5_K, q5_k) X(Q6_K, q6_k)

bool r8_has(type_id t) {
    switch (t) {
#define X(ID, id) case TYPE_##ID:
        R8_FORMATS(X)
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
    default: break;
    }
}
