/* r8_panel.h - floor 2: products of packed weights with a batch of tokens, through unpacked panels.
 *
 * 8 or 16 rows are unpacked once, PANEL_COLS columns at a time, into a panel that stays in the first cache.
 * A register of weights is 4 columns of those rows, and each is used by a tile of tokens whose sums are
 * registers, too.  The order of the sums is scalar.c's.  Compiled into one file per instruction set, which
 * says before including it:
 *   P_ROWS 8 or 16 (then AVX-512: what is not 512 bits wide there is two groups of 8 side by side),
 *   R8_DPBUSD or not, as r8_x86.h;
 *   TILE, TILE_MINS: tokens of a tile, and of one with two sums a token; P_CASES: P_CASE(1, tile) to P_CASE(TILE, tile);
 *   FEW: tokens up to which the tiles of r8_x86.h are as fast, FEW_DEAR where unpacking is dear.
 *
 * Weights are unsigned in the panel, and what that adds is taken off through the sums of the activations.  Without
 * VNNI that is done for five and six bits only: the tiles of r8_x86.h are as fast for the other formats. */
#ifndef R8_PANEL_H
#define R8_PANEL_H
#include "r8_x86_more.h"

enum { PANEL_COLS = 1024, PASS = 60, FEW_DEAR = 4 }; /* PASS: tokens that share a panel */

/* w[k][row][t]: column 4k + t.  A block of columns has a scale, with min perhaps, and a superblock d, dmin. */
typedef struct {
    _Alignas(64) uint8_t w[PANEL_COLS / 4][P_ROWS][4];
    float scale[PANEL_COLS / 16][P_ROWS], min[PANEL_COLS / 32][P_ROWS], d[PANEL_COLS / 256][P_ROWS], dmin[PANEL_COLS / 256][P_ROWS];
} panel;

/* Tokens of a pass and their sums so far. */
typedef struct {
    const char *x;           /* the first one's activations */
    size_t      step;        /* bytes to the next one's */
    int64_t     cols, first; /* columns in all; the panel's first */
    _Alignas(64) float acc[PASS][P_ROWS], am[PASS][P_ROWS];
} pass;

/* ---- one row a lane: vectors of P_ROWS numbers -------------------------------------------- */

#if P_ROWS == 16
typedef __m512i ints;
typedef __m512  floats;
#define P_(op) _mm512_##op
#define P_AND _mm512_and_si512
#define P_OR _mm512_or_si512
#define P_XOR _mm512_xor_si512
#define P_SIXTEEN _mm512_broadcast_i32x4 /* the same 16 bytes everywhere */
/* 32 bytes of a group of 8 rows and of the group `apart` bytes behind it. */
R8_INLINE ints p_bytes(const void *a, size_t apart) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(r8_load(a)), r8_load((const char *)a + apart), 1);
}
R8_INLINE void p_store(void *to, ints v) { _mm512_store_si512(to, v); }
R8_INLINE ints p_load(const void *p) { return _mm512_load_si512(p); }
#else
typedef __m256i ints;
typedef __m256  floats;
#define P_(op) _mm256_##op
#define P_AND _mm256_and_si256
#define P_OR _mm256_or_si256
#define P_XOR _mm256_xor_si256
#define P_SIXTEEN _mm256_broadcastsi128_si256
R8_INLINE ints p_bytes(const void *a, size_t apart) { return (void)apart, r8_load(a); }
R8_INLINE void p_store(void *to, ints v) { _mm256_store_si256(to, v); }
R8_INLINE ints p_load(const void *p) { return _mm256_load_si256(p); }
#endif

R8_INLINE ints p_low(ints v) { return P_AND(v, P_(set1_epi8)(15)); }
R8_INLINE ints p_high(ints v) { return p_low(P_(srli_epi16)(v, 4)); }
/* to[] = what `read` makes of 8 rows' numbers, for each group. */
#define P_FLOATS(to, read, from, apart) \
    for (size_t r_ = 0; r_ < P_ROWS / 8; r_++) _mm256_store_ps((to) + 8 * r_, read((const void *)((const char *)(from) + r_ * (apart))))

/* ---- unpacking: block b of the panel from block u of the first group --------------------------- */

R8_INLINE void unpack_nibbles(panel *p, int k, const uint8_t q[4][8][4], size_t apart) {
    for (int g = 0; g < 4; g++) {
        const ints v = p_bytes(q[g], apart);
        p_store(p->w[k + g], p_low(v));
        p_store(p->w[k + 4 + g], p_high(v));
    }
}

R8_INLINE void unpack_q4_0(panel *p, int b, const r8_q4_0 *u, size_t apart) {
    unpack_nibbles(p, 8 * b, u->q, apart);
    P_FLOATS(p->scale[b], r8_halfs, u->d, apart);
}

R8_INLINE void unpack_q8_0(panel *p, int b, const r8_q8_0 *u, size_t apart) {
    for (int g = 0; g < 8; g++) {
        p_store(p->w[8 * b + g], P_XOR(p_bytes(u->q[g], apart), P_(set1_epi8)(-128)));
    }
    P_FLOATS(p->scale[b], r8_halfs, u->d, apart);
}

R8_INLINE void unpack_q4_1(panel *p, int b, const r8_q4_1 *u, size_t apart) {
    unpack_nibbles(p, 8 * b, u->q, apart);
    P_FLOATS(p->scale[b], r8_halfs, u->d, apart);
    P_FLOATS(p->min[b], r8_halfs, u->m, apart);
}

/* Nibbles with the fifth bits qh[row][t]. */
R8_INLINE void unpack_fives(panel *p, int k, const uint8_t q[4][8][4], const uint8_t qh[8][4], size_t apart) {
    const ints h = p_bytes(qh, apart), bit = P_(set1_epi8)(16);
    for (int g = 0; g < 4; g++) {
        const ints v = p_bytes(q[g], apart);
        p_store(p->w[k + g], P_OR(p_low(v), P_AND(P_(slli_epi16)(h, 4 - g), bit)));
        p_store(p->w[k + 4 + g], P_OR(p_high(v), P_AND(P_(srli_epi16)(h, g), bit)));
    }
}

R8_INLINE void unpack_q5_0(panel *p, int b, const r8_q5_0 *u, size_t apart) {
    unpack_fives(p, 8 * b, u->q, u->qh, apart);
    P_FLOATS(p->scale[b], r8_halfs, u->d, apart);
}

R8_INLINE void unpack_q5_1(panel *p, int b, const r8_q5_1 *u, size_t apart) {
    unpack_fives(p, 8 * b, u->q, u->qh, apart);
    P_FLOATS(p->scale[b], r8_halfs, u->d, apart);
    P_FLOATS(p->min[b], r8_halfs, u->m, apart);
}

R8_INLINE void unpack_codes(panel *p, int k, const uint8_t q[4][8][4], size_t apart) {
    const __m128i values = _mm_xor_si128(_mm_loadu_si128((const void *)iq4_values), _mm_set1_epi8(-128));
    const ints all = P_SIXTEEN(values);
    for (int g = 0; g < 4; g++) {
        const ints v = p_bytes(q[g], apart);
        p_store(p->w[k + g], P_(shuffle_epi8)(all, p_low(v)));
        p_store(p->w[k + 4 + g], P_(shuffle_epi8)(all, p_high(v)));
    }
}

R8_INLINE void unpack_iq4_nl(panel *p, int b, const r8_iq4_nl *u, size_t apart) {
    unpack_codes(p, 8 * b, u->q, apart);
    P_FLOATS(p->scale[b], r8_halfs, u->d, apart);
}

R8_INLINE void unpack_iq4_xs(panel *p, int b, const r8_iq4_xs *u, size_t apart) {
    for (int s = 0; s < 8; s++) unpack_codes(p, 64 * b + 8 * s, u->q[s], apart);
    for (size_t r = 0; r < P_ROWS / 8; r++) {
        int8_t sc[64];
        r8_xs_scales(sc, (const void *)((const char *)u + r * apart));
        for (int s = 0; s < 8; s++) _mm256_store_ps(p->scale[8 * b + s] + 8 * r, r8_signed_bytes(sc + 8 * s));
    }
    P_FLOATS(p->d[b], r8_halfs, u->d, apart);
}

/* Scales and mins of a superblock's 8 sub-blocks. */
R8_INLINE void unpack_scales(panel *p, int b, const uint8_t *sl, const uint8_t *sh, size_t apart) {
    for (size_t r = 0; r < P_ROWS / 8; r++) {
        uint8_t sc[64], m[64];
        r8_scales(sc, m, sl + r * apart, sh + r * apart);
        for (int s = 0; s < 8; s++) {
            _mm256_store_ps(p->scale[8 * b + s] + 8 * r, r8_bytes(sc + 8 * s));
            _mm256_store_ps(p->min[8 * b + s] + 8 * r, r8_bytes(m + 8 * s));
        }
    }
}

R8_INLINE void unpack_q4_k(panel *p, int b, const r8_q4_k *u, size_t apart) {
    for (int s = 0; s < 8; s++) unpack_nibbles(p, 64 * b + 8 * s, u->q[s], apart);
    unpack_scales(p, b, u->sl[0], u->sh[0], apart);
    P_FLOATS(p->d[b], r8_halfs, u->d, apart);
    P_FLOATS(p->dmin[b], r8_halfs, u->dmin, apart);
}

R8_INLINE void unpack_q5_k(panel *p, int b, const r8_q5_k *u, size_t apart) {
    const ints one = P_(set1_epi8)(1);
    for (int g = 0; g < 4; g++) {
        ints lo = p_bytes(u->qh[g], apart), hi = p_bytes(u->qh[4 + g], apart);
        for (int s = 0; s < 8; s++) {
            const ints q = p_bytes(u->q[s][g], apart);
            p_store(p->w[64 * b + 8 * s + g], P_OR(p_low(q), P_(slli_epi16)(P_AND(lo, one), 4)));
            p_store(p->w[64 * b + 8 * s + 4 + g], P_OR(p_high(q), P_(slli_epi16)(P_AND(hi, one), 4)));
            lo = P_(srli_epi16)(lo, 1);
            hi = P_(srli_epi16)(hi, 1);
        }
    }
    unpack_scales(p, b, u->sl[0], u->sh[0], apart);
    P_FLOATS(p->d[b], r8_halfs, u->d, apart);
    P_FLOATS(p->dmin[b], r8_halfs, u->dmin, apart);
}

R8_INLINE void unpack_q6_k(panel *p, int b, const r8_q6_k *u, size_t apart) {
    const ints two = P_(set1_epi8)(0x30);
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 4; j++) {
            const ints l0 = p_bytes(u->ql[c][j], apart), l1 = p_bytes(u->ql[c][j + 4], apart), h = p_bytes(u->qh[c][j], apart);
            uint8_t(*to)[P_ROWS][4] = p->w + 64 * b + 16 * c + j;
            p_store(to[0], P_OR(p_low(l0), P_AND(P_(slli_epi16)(h, 4), two)));
            p_store(to[4], P_OR(p_low(l1), P_AND(P_(slli_epi16)(h, 2), two)));
            p_store(to[8], P_OR(p_high(l0), P_AND(h, two)));
            p_store(to[12], P_OR(p_high(l1), P_AND(P_(srli_epi16)(h, 2), two)));
        }
    for (int g = 0; g < 16; g++) P_FLOATS(p->scale[16 * b + g], r8_signed_bytes, u->sc[g], apart);
    P_FLOATS(p->d[b], r8_halfs, u->d, apart);
}

/* ---- tiles: tokens t0 .. t0 + n_tok - 1 of a pass against n columns of a panel ------------------ */

/* Token t's four activations, and its numbers, in all lanes. */
R8_INLINE ints four_of(const int8_t *q, size_t step, int t) {
    int32_t v;
    memcpy(&v, q + (size_t)t * step, 4);
    return P_(set1_epi32)(v);
}
R8_INLINE floats float_of(const float *s, size_t step, int t) {
    float v;
    memcpy(&v, (const char *)s + (size_t)t * step, 4);
    return P_(set1_ps)(v);
}
R8_INLINE const int32_t *sums_of(const int32_t *sum16, size_t step, int t) { return (const void *)((const char *)sum16 + (size_t)t * step); }

/* What the products of block k with unsigned weights begin from. */
R8_INLINE ints offset_of(act_view a, size_t step, int64_t k, int t, int offset) {
    const int32_t *s = sums_of(a.sum16 + 2 * k, step, t);
    return P_(set1_epi32)(-offset * (s[0] + s[1]));
}

/* v[t] += columns 4k .. 4 * (k + n_k) - 1 of the panel times x, for weights of so many bits; q: the first token's
 * activations of column 4k. */
R8_INLINE void dots(ints *v, const panel *p, int k, const int n_k, const int8_t *q, size_t step, const int n_tok, const int bits) {
#ifdef R8_DPBUSD
    (void)bits;
    for (int g = 0; g < n_k; g++) {
        const ints w = p_load(p->w[k + g]);
        for (int t = 0; t < n_tok; t++) v[t] = R8_DPBUSD(v[t], w, four_of(q + 4 * g, step, t));
    }
#else
    /* As many products are added up in int16 as cannot overflow: see r8_x86.h. */
    const int  chain = bits == 5 ? 4 : 2;
    const ints one = P_(set1_epi16)(1);
    for (int g = 0; g < n_k; g += chain) {
        ints sum[TILE];
        for (int i = g; i < g + chain && i < n_k; i++) {
            const ints w = p_load(p->w[k + i]);
            for (int t = 0; t < n_tok; t++) {
                const ints m = P_(maddubs_epi16)(w, four_of(q + 4 * i, step, t));
                sum[t] = i == g ? m : P_(add_epi16)(sum[t], m);
            }
        }
        for (int t = 0; t < n_tok; t++) v[t] = P_(add_epi32)(v[t], P_(madd_epi16)(sum[t], one));
    }
#endif
}

/* Blocks of 32 with a scale: acc = fma(d * s, dot - offset * S, acc); with mins no offset, and am = fma(-m, ms, am). */
R8_INLINE void tile_flat(pass *z, const panel *p, int64_t n, int t0, const int n_tok, const int bits, int offset, const bool mins) {
    const act_view a = act_of(z->x + (size_t)t0 * z->step, z->cols);
    floats         acc[TILE], am[TILE];
    for (int t = 0; t < n_tok; t++) {
        acc[t] = P_(load_ps)(z->acc[t0 + t]);
        am[t] = P_(load_ps)(z->am[t0 + t]);
    }
    for (int b = 0; b < n / 32; b++) {
        const int64_t k = z->first / 32 + b;
        ints          v[TILE];
        for (int t = 0; t < n_tok; t++) v[t] = mins ? P_(set1_epi32)(0) : offset_of(a, z->step, k, t, offset);
        dots(v, p, 8 * b, 8, a.q + 32 * k, z->step, n_tok, bits);
        const floats d = P_(load_ps)(p->scale[b]);
        for (int t = 0; t < n_tok; t++) {
            acc[t] = P_(fmadd_ps)(P_(mul_ps)(d, float_of(a.s + k, z->step, t)), P_(cvtepi32_ps)(v[t]), acc[t]);
            if (mins) am[t] = P_(fnmadd_ps)(P_(load_ps)(p->min[b]), float_of(a.ms + k, z->step, t), am[t]);
        }
    }
    for (int t = 0; t < n_tok; t++) {
        P_(store_ps)(z->acc[t0 + t], acc[t]);
        if (mins) P_(store_ps)(z->am[t0 + t], am[t]);
    }
}

/* Superblocks of 8 blocks with scales: fs = fma(sc * s, dot - offset * S, fs); with mins no offset, and fm = fma(m, ms, fm). */
R8_INLINE void tile_blocks(pass *z, const panel *p, int64_t n, int t0, const int n_tok, const int bits, int offset, const bool mins) {
    const act_view a = act_of(z->x + (size_t)t0 * z->step, z->cols);
    for (int i = 0; i < n / 256; i++) {
        floats fs[TILE], fm[TILE];
        for (int t = 0; t < n_tok; t++) fs[t] = fm[t] = P_(set1_ps)(0);
        for (int b = 8 * i; b < 8 * i + 8; b++) {
            const int64_t k = z->first / 32 + b;
            ints          v[TILE];
            for (int t = 0; t < n_tok; t++) v[t] = mins ? P_(set1_epi32)(0) : offset_of(a, z->step, k, t, offset);
            dots(v, p, 8 * b, 8, a.q + 32 * k, z->step, n_tok, bits);
            const floats scale = P_(load_ps)(p->scale[b]);
            for (int t = 0; t < n_tok; t++) {
                fs[t] = P_(fmadd_ps)(P_(mul_ps)(scale, float_of(a.s + k, z->step, t)), P_(cvtepi32_ps)(v[t]), fs[t]);
                if (mins) fm[t] = P_(fmadd_ps)(P_(load_ps)(p->min[b]), float_of(a.ms + k, z->step, t), fm[t]);
            }
        }
        const floats d = P_(load_ps)(p->d[i]);
        for (int t = 0; t < n_tok; t++) {
            float *acc = z->acc[t0 + t], *am = z->am[t0 + t];
            P_(store_ps)(acc, P_(fmadd_ps)(fs[t], d, P_(load_ps)(acc)));
            if (mins) P_(store_ps)(am, P_(fmadd_ps)(fm[t], P_(load_ps)(p->dmin[i]), P_(load_ps)(am)));
        }
    }
}

/* Superblocks of 16 groups of 16 with scales: fs = fma(sc * s, dot - offset * S16, fs). */
R8_INLINE void tile_groups(pass *z, const panel *p, int64_t n, int t0, const int n_tok, const int bits, int offset, const bool mins) {
    const act_view a = act_of(z->x + (size_t)t0 * z->step, z->cols);
    (void)mins;
    for (int i = 0; i < n / 256; i++) {
        floats fs[TILE];
        for (int t = 0; t < n_tok; t++) fs[t] = P_(set1_ps)(0);
        for (int g = 16 * i; g < 16 * i + 16; g++) {
            const int64_t k = z->first / 16 + g;
            ints          v[TILE];
            for (int t = 0; t < n_tok; t++) v[t] = P_(set1_epi32)(-offset * *sums_of(a.sum16 + k, z->step, t));
            dots(v, p, 4 * g, 4, a.q + 16 * k, z->step, n_tok, bits);
            const floats scale = P_(load_ps)(p->scale[g]);
            for (int t = 0; t < n_tok; t++)
                fs[t] = P_(fmadd_ps)(P_(mul_ps)(scale, float_of(a.s + k / 2, z->step, t)), P_(cvtepi32_ps)(v[t]), fs[t]);
        }
        const floats d = P_(load_ps)(p->d[i]);
        for (int t = 0; t < n_tok; t++) {
            float *acc = z->acc[t0 + t];
            P_(store_ps)(acc, P_(fmadd_ps)(fs[t], d, P_(load_ps)(acc)));
        }
    }
}

/* The tile of each number of tokens is compiled on its own: its sums are registers. */
#define P_CASE(n, tile) \
    case n: \
        if ((n) <= most) tile(z, p, n_cols, t0, n, bits, offset, mins); \
        break;
#define P_TILES(name, tile, bits_, mins_) \
    enum { name##_mins = mins_, name##_most = mins_ ? TILE_MINS : TILE }; \
    static void name(pass *z, const panel *p, int64_t n_cols, int t0, int n_tok, int offset) { \
        enum { most = name##_most, bits = bits_, mins = mins_ }; \
        switch (n_tok) { P_CASES(tile) } \
    }

/* The size of n pieces of at most `most`, as even as can be. */
R8_INLINE int64_t even(int64_t n, int64_t most) {
    const int64_t pieces = (n + most - 1) / most;
    return (n + pieces - 1) / pieces;
}

/* panels_ID: as packed_ID.  What a batch needs stays out of the way of single tokens. */
#define PANELS(id, block, tiles, offset, few) \
    static R8_APART int64_t batch_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        const int64_t  n_block = cols / (block), run = PANEL_COLS / (block); \
        const size_t   apart = (size_t)n_block * sizeof(r8_##id); \
        const r8_##id *u = w; \
        panel          p; \
        pass           z; \
        const int64_t  each = even(n_tok, PASS); \
        z.step = act_bytes(cols); \
        z.cols = cols; \
        for (; groups >= P_ROWS / 8; groups -= P_ROWS / 8, u += P_ROWS / 8 * n_block, y += P_ROWS) \
            for (int64_t t = 0; t < n_tok; t += each) { \
                const int n_here = (int)(n_tok - t < each ? n_tok - t : each), tile = (int)even(n_here, tiles##_most); \
                z.x = (const char *)x + (size_t)t * z.step; \
                memset(z.acc, 0, sizeof z.acc[0] * (size_t)n_here); \
                memset(z.am, 0, sizeof z.am[0] * (size_t)n_here); \
                for (int64_t b = 0; b < n_block; b += run) { \
                    const int n = (int)(n_block - b < run ? n_block - b : run); \
                    for (int i = 0; i < n; i++) { \
                        for (int r = 0; r < P_ROWS / 8; r++) r8_ahead(u + r * n_block + b + i, sizeof *u, 0, 1); \
                        unpack_##id(&p, i, u + b + i, apart); \
                    } \
                    z.first = b * (block); \
                    for (int i = 0; i < n_here; i += tile) \
                        tiles(&z, &p, n * (block), i, n_here - i < tile ? n_here - i : tile, offset); \
                } \
                for (int i = 0; i < n_here; i++) { \
                    const floats acc = P_(load_ps)(z.acc[i]); \
                    P_(storeu_ps)(y + (t + i) * ldy, tiles##_mins ? P_(sub_ps)(acc, P_(load_ps)(z.am[i])) : acc); \
                } \
            } \
        return groups; \
    } \
    static void panels_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        const int64_t left = n_tok > (few) ? batch_##id(y, ldy, w, groups, cols, x, n_tok) : groups, done = groups - left; \
        const size_t  group = (size_t)(cols / (block)) * sizeof(r8_##id); \
        if (left) packed_##id(y + done * 8, ldy, (const char *)w + (size_t)done * group, left, cols, x, n_tok); \
    }

/* One for each format, for the files to choose from: they define panels_ID, and before them the tiles that they
 * name by P_TILES.  With VNNI formats share their tiles; without it the number of bits is part of one. */
#define PANELS_Q5_K PANELS(q5_k, 256, tiles_blocks_m, 0, FEW_DEAR)
#define PANELS_Q6_K PANELS(q6_k, 256, tiles_groups, 32, FEW_DEAR)
#ifdef R8_DPBUSD
#define PANELS_Q4_0 PANELS(q4_0, 32, tiles_flat, 8, FEW)
#define PANELS_Q5_0 PANELS(q5_0, 32, tiles_flat, 16, FEW_DEAR)
#define PANELS_Q8_0 PANELS(q8_0, 32, tiles_flat, 128, FEW)
#define PANELS_IQ4_NL PANELS(iq4_nl, 32, tiles_flat, 128, FEW_DEAR)
#define PANELS_Q4_1 PANELS(q4_1, 32, tiles_flat_m, 0, FEW)
#define PANELS_Q5_1 PANELS(q5_1, 32, tiles_flat_m, 0, FEW_DEAR)
#define PANELS_IQ4_XS PANELS(iq4_xs, 256, tiles_blocks, 128, FEW_DEAR)
#define PANELS_Q4_K PANELS(q4_k, 256, tiles_blocks_m, 0, FEW)
#define PANELS_ALL \
    P_TILES(tiles_flat, tile_flat, 8, false) PANELS_Q4_0 PANELS_Q5_0 PANELS_Q8_0 PANELS_IQ4_NL \
    P_TILES(tiles_flat_m, tile_flat, 8, true) PANELS_Q4_1 PANELS_Q5_1 \
    P_TILES(tiles_blocks, tile_blocks, 8, false) PANELS_IQ4_XS \
    P_TILES(tiles_blocks_m, tile_blocks, 8, true) PANELS_Q4_K PANELS_Q5_K \
    P_TILES(tiles_groups, tile_groups, 6, false) PANELS_Q6_K
#define PANELS_TABLE \
    [TYPE_Q4_0] = panels_q4_0, [TYPE_Q4_1] = panels_q4_1, [TYPE_Q5_0] = panels_q5_0, [TYPE_Q5_1] = panels_q5_1, \
    [TYPE_Q8_0] = panels_q8_0, [TYPE_IQ4_NL] = panels_iq4_nl, [TYPE_IQ4_XS] = panels_iq4_xs, [TYPE_Q2_K] = packed_q2_k, \
    [TYPE_Q3_K] = packed_q3_k, [TYPE_Q4_K] = panels_q4_k, [TYPE_Q5_K] = panels_q5_k, [TYPE_Q6_K] = panels_q6_k
#endif
#endif
