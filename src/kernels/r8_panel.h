/* r8_panel.h - floor 2: products of packed weights with a batch of tokens, through unpacked panels.
 *
 * Some rows are unpacked once, PANEL_COLS columns at a time, into a panel that stays in the first cache, and the
 * same columns of up to PASS tokens are laid side by side, where the second cache keeps them for all rows of the call.
 * A step is 4 columns of the rows, P_REGS registers; a tile of tokens uses each of them, and its sums are registers,
 * too.  The order of the sums is scalar.c's.  Compiled into one file per instruction set, which says before including it:
 *   P_LANES 8 or 16 (then AVX-512: a register is two groups of 8), P_REGS: registers of a step;
 *   R8_DPBUSD or not, as r8_x86.h;
 *   TILE: tokens of a tile; P_CASES: P_CASE(1, tile) to P_CASE(TILE, tile);
 *   FEW: tokens up to which the tiles of r8_x86.h are as fast; FEW_K, FEW_Q6_K, FEW_MORE, FEW_Q8_0: the same for Q4_K and
 *   Q5_K, for Q6_K, for Q2_K and Q3_K, and for Q8_0;
 *   P_COLS, if not 1024: columns of a panel; P_PASS, if not 132: tokens that share it;
 *   P_AMX or not: a block's products are made by AMX (amx_dots.h), always for TILE tokens.
 *
 * Weights are unsigned in the panel, and what that adds is taken off through the sums of the activations.  Without
 * VNNI that is done for up to six bits; eight bits are widened to 16, as are the activations, and a step is 2 columns. */
#ifndef R8_PANEL_H
#define R8_PANEL_H
#include "r8_x86_more.h"

#ifndef P_COLS
#define P_COLS 1024
#endif
#ifndef P_PASS
#define P_PASS 132
#endif
enum {
    P_ROWS = P_LANES * P_REGS,
    PANEL_COLS = P_COLS, PANEL_STEPS = PANEL_COLS / 4,
    PASS = P_PASS,  /* tokens that share an unpacked panel, at most */
    CHUNK = 256     /* rows that share a pass of tokens, at most */
};

/* w[k][reg][row][t]: column 4k + t, or two int16 (see even_bytes).  A block of columns has a scale, with min perhaps, and a
 * superblock d, dmin. */
typedef struct {
    _Alignas(64) uint8_t w[PANEL_STEPS][P_REGS][P_LANES * 4];
    union {
        float   scale[PANEL_COLS / 16][P_ROWS];
        int32_t factor[PANEL_COLS / 16][P_ROWS]; /* where they are whole numbers: two int16, equal (see P_FACTORS) */
    };
    float min[PANEL_COLS / 16][P_ROWS], d[PANEL_COLS / 256][P_ROWS], dmin[PANEL_COLS / 256][P_ROWS];
} panel;

/* A token's activations of the panel's columns.  Tokens are an odd number of lines apart, so that the same columns of
 * those of a tile do not compete for a place in the first cache. */
typedef struct {
    _Alignas(64) int8_t q[PANEL_STEPS * 4]; /* as panel.w: four columns, or two int16 */
    float   s[PANEL_COLS / 32], ms[PANEL_COLS / 32];
    union {
        int32_t off[PANEL_COLS / 16]; /* what the products of a block (of 16 or 32) begin from */
        float   sum[PANEL_COLS / 16]; /* or the sums of 16 activations */
    };
    char    odd[64];
} token;

typedef struct {
    token x[PASS];
    _Alignas(64) float acc[CHUNK / P_ROWS][PASS][P_ROWS], am[CHUNK / P_ROWS][PASS][P_ROWS];
    _Alignas(64) float part[TILE][P_ROWS]; /* a superblock's sums, where registers are few */
} pass;

/* ---- one row a lane: vectors of P_LANES numbers ------------------------------------------- */

#if P_LANES == 16
typedef __m512i ints;
typedef __m512  floats;
#define P_(op) _mm512_##op
#define P_AND _mm512_and_si512
#define P_OR _mm512_or_si512
#define P_XOR _mm512_xor_si512
#define P_SIXTEEN _mm512_broadcast_i32x4 /* the same 16 bytes everywhere */
enum { P_KEEP = 1 };                     /* a tile's float sums are registers, too */
R8_INLINE ints p_join(__m256i a, __m256i b) { return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1); }
/* 32 bytes of a group of 8 rows and of the group `apart` bytes behind it. */
R8_INLINE ints p_bytes(const void *a, size_t apart) { return p_join(r8_load(a), r8_load((const char *)a + apart)); }
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
enum { P_KEEP = 0 };
R8_INLINE ints p_join(__m256i a, __m256i b) { return (void)b, a; }
R8_INLINE ints p_bytes(const void *a, size_t apart) { return (void)apart, r8_load(a); }
R8_INLINE void p_store(void *to, ints v) { _mm256_store_si256(to, v); }
R8_INLINE ints p_load(const void *p) { return _mm256_load_si256(p); }
#endif

R8_INLINE ints p_low(ints v) { return P_AND(v, P_(set1_epi8)(15)); }
R8_INLINE ints p_high(ints v) { return p_low(P_(srli_epi16)(v, 4)); }
/* Register r of to[] = what `read` makes of 8 rows' numbers, for each group of it. */
#define P_FLOATS(to, r, read, from, apart) \
    for (size_t r_ = 0; r_ < P_LANES / 8; r_++) \
        _mm256_store_ps((to) + P_LANES * (r) + 8 * r_, read((const void *)((const char *)(from) + r_ * (apart))))

/* Scales of so many bits' weights multiply the sums of int16 on their way to int32. */
#ifdef R8_DPBUSD
#define P_FACTORS(bits) ((void)(bits), false)
#else
#define P_FACTORS(bits) ((bits) < 16)
#endif

/* Bytes 0, 2, 4, .. and 1, 3, 5, .. as int16: each 32-bit lane of four columns becomes two of two. */
R8_INLINE ints even_bytes(ints v) { return P_(srai_epi16)(P_(slli_epi16)(v, 8), 8); }
R8_INLINE ints odd_bytes(ints v) { return P_(srai_epi16)(v, 8); }

/* ---- unpacking: register r of block b of the panel, from block u of the register's first group ----- */

R8_INLINE void unpack_nibbles(panel *p, int r, int k, const uint8_t q[4][8][4], size_t apart) {
    for (int g = 0; g < 4; g++) {
        const ints v = p_bytes(q[g], apart);
        p_store(p->w[k + g][r], p_low(v));
        p_store(p->w[k + 4 + g][r], p_high(v));
    }
}

R8_INLINE void unpack_q4_0(panel *p, int r, int b, const r8_q4_0 *u, size_t apart) {
    unpack_nibbles(p, r, 8 * b, u->q, apart);
    P_FLOATS(p->scale[b], r, r8_halfs, u->d, apart);
}

/* Four columns of eight bits, g-th of 8 of their block of 32. */
R8_INLINE void unpack_eights(panel *p, int r, int b, int g, ints v) {
#ifdef R8_DPBUSD
    p_store(p->w[8 * b + g][r], P_XOR(v, P_(set1_epi8)(-128)));
#else
    p_store(p->w[16 * b + g][r], even_bytes(v));
    p_store(p->w[16 * b + 8 + g][r], odd_bytes(v));
#endif
}

R8_INLINE void unpack_q8_0(panel *p, int r, int b, const r8_q8_0 *u, size_t apart) {
    for (int g = 0; g < 8; g++) unpack_eights(p, r, b, g, p_bytes(u->q[g], apart));
    P_FLOATS(p->scale[b], r, r8_halfs, u->d, apart);
}

R8_INLINE void unpack_q4_1(panel *p, int r, int b, const r8_q4_1 *u, size_t apart) {
    unpack_nibbles(p, r, 8 * b, u->q, apart);
    P_FLOATS(p->scale[b], r, r8_halfs, u->d, apart);
    P_FLOATS(p->min[b], r, r8_halfs, u->m, apart);
}

/* Nibbles with the fifth bits qh[row][t]. */
R8_INLINE void unpack_fives(panel *p, int r, int k, const uint8_t q[4][8][4], const uint8_t qh[8][4], size_t apart) {
    const ints h = p_bytes(qh, apart), bit = P_(set1_epi8)(16);
    for (int g = 0; g < 4; g++) {
        const ints v = p_bytes(q[g], apart);
        p_store(p->w[k + g][r], P_OR(p_low(v), P_AND(P_(slli_epi16)(h, 4 - g), bit)));
        p_store(p->w[k + 4 + g][r], P_OR(p_high(v), P_AND(P_(srli_epi16)(h, g), bit)));
    }
}

R8_INLINE void unpack_q5_0(panel *p, int r, int b, const r8_q5_0 *u, size_t apart) {
    unpack_fives(p, r, 8 * b, u->q, u->qh, apart);
    P_FLOATS(p->scale[b], r, r8_halfs, u->d, apart);
}

R8_INLINE void unpack_q5_1(panel *p, int r, int b, const r8_q5_1 *u, size_t apart) {
    unpack_fives(p, r, 8 * b, u->q, u->qh, apart);
    P_FLOATS(p->scale[b], r, r8_halfs, u->d, apart);
    P_FLOATS(p->min[b], r, r8_halfs, u->m, apart);
}

R8_INLINE void unpack_codes(panel *p, int r, int b, const uint8_t q[4][8][4], size_t apart) {
    const ints values = P_SIXTEEN(_mm_loadu_si128((const void *)iq4_values));
    for (int g = 0; g < 4; g++) {
        const ints v = p_bytes(q[g], apart);
        unpack_eights(p, r, b, g, P_(shuffle_epi8)(values, p_low(v)));
        unpack_eights(p, r, b, 4 + g, P_(shuffle_epi8)(values, p_high(v)));
    }
}

R8_INLINE void unpack_iq4_nl(panel *p, int r, int b, const r8_iq4_nl *u, size_t apart) {
    unpack_codes(p, r, b, u->q, apart);
    P_FLOATS(p->scale[b], r, r8_halfs, u->d, apart);
}

R8_INLINE void unpack_iq4_xs(panel *p, int r, int b, const r8_iq4_xs *u, size_t apart) {
    for (int s = 0; s < 8; s++) unpack_codes(p, r, 8 * b + s, u->q[s], apart);
    for (size_t i = 0; i < P_LANES / 8; i++) {
        int8_t sc[64];
        r8_xs_scales(sc, (const void *)((const char *)u + i * apart));
        for (int s = 0; s < 8; s++) _mm256_store_ps(p->scale[8 * b + s] + P_LANES * r + 8 * i, r8_signed_bytes(sc + 8 * s));
    }
    P_FLOATS(p->d[b], r, r8_halfs, u->d, apart);
}

/* Whole scales of 8 rows, as the tiles want them. */
R8_INLINE void p_scales(float *to, __m256i scale) {
#ifdef R8_DPBUSD
    _mm256_store_ps(to, _mm256_cvtepi32_ps(scale));
#else
    _mm256_store_si256((void *)to, _mm256_or_si256(_mm256_and_si256(scale, _mm256_set1_epi32(0xffff)), _mm256_slli_epi32(scale, 16)));
#endif
}

/* Scales and mins of a superblock's 8 sub-blocks. */
R8_INLINE void unpack_scales(panel *p, int r, int b, const uint8_t *sl, const uint8_t *sh, size_t apart) {
    for (size_t i = 0; i < P_LANES / 8; i++) {
        uint8_t sc[64], m[64];
        r8_scales(sc, m, sl + i * apart, sh + i * apart);
        for (int s = 0; s < 8; s++) {
            p_scales(p->scale[8 * b + s] + P_LANES * r + 8 * i, _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(sc + 8 * s))));
            _mm256_store_ps(p->min[8 * b + s] + P_LANES * r + 8 * i, r8_bytes(m + 8 * s));
        }
    }
}

R8_INLINE void unpack_q4_k(panel *p, int r, int b, const r8_q4_k *u, size_t apart) {
    for (int s = 0; s < 8; s++) unpack_nibbles(p, r, 64 * b + 8 * s, u->q[s], apart);
    unpack_scales(p, r, b, u->sl[0], u->sh[0], apart);
    P_FLOATS(p->d[b], r, r8_halfs, u->d, apart);
    P_FLOATS(p->dmin[b], r, r8_halfs, u->dmin, apart);
}

R8_INLINE void unpack_q5_k(panel *p, int r, int b, const r8_q5_k *u, size_t apart) {
    for (int s = 0; s < 8; s++) unpack_fives(p, r, 64 * b + 8 * s, u->sub[s].q, u->sub[s].qh, apart);
    unpack_scales(p, r, b, u->sl[0], u->sh[0], apart);
    P_FLOATS(p->d[b], r, r8_halfs, u->d, apart);
    P_FLOATS(p->dmin[b], r, r8_halfs, u->dmin, apart);
}

R8_INLINE void unpack_q6_k(panel *p, int r, int b, const r8_q6_k *u, size_t apart) {
    const ints six = P_(set1_epi8)(63), two = P_(set1_epi8)(-64);
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 4; j++) {
            uint8_t(*to)[P_REGS][P_LANES * 4] = p->w + 64 * b + 16 * c + j;
            ints last = P_AND(p_bytes(u->q[c][j][0], apart), two);
            for (int k = 0; k < 3; k++) {
                const ints v = p_bytes(u->q[c][j][k], apart);
                p_store(to[4 * k][r], P_AND(v, six));
                if (k) last = P_OR(P_(srli_epi16)(last, 2), P_AND(v, two));
            }
            p_store(to[12][r], P_(srli_epi16)(last, 2));
        }
    for (int g = 0; g < 16; g++)
        for (size_t i = 0; i < P_LANES / 8; i++)
            p_scales(p->scale[16 * b + g] + P_LANES * r + 8 * i,
                     _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)((const char *)u->sc[g] + i * apart))));
    P_FLOATS(p->d[b], r, r8_halfs, u->d, apart);
}

/* In each row's lane two int16: both the one, or both the other. */
R8_INLINE ints p_first(ints v) { return P_OR(P_AND(v, P_(set1_epi32)(0xffff)), P_(slli_epi32)(v, 16)); }
R8_INLINE ints p_second(ints v) { return P_OR(P_(srli_epi32)(v, 16), P_AND(v, P_(set1_epi32)(-65536))); }

/* Weights times their scales are bytes, and the 32 columns of an activation scale become one block: its scale is 1. */
R8_INLINE void unpack_q2_k(panel *p, int r, int b, const r8_q2_k *u, size_t apart) {
    const r8_q2_k *other = P_LANES == 16 ? (const void *)((const char *)u + apart) : u;
    for (int s = 0; s < 8; s++) { /* 32 columns; a row's two scales and mins are neighbours */
        const ints both = p_join(_mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)u->sc[s])),
                                 _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)other->sc[s])));
        const ints scales = P_AND(both, P_(set1_epi16)(15)), mins = P_(srli_epi16)(both, 4);
        for (int h = 0; h < 2; h++) {
            const ints scale = h ? p_second(scales) : p_first(scales), min = h ? P_(srli_epi32)(mins, 16) : P_AND(mins, P_(set1_epi32)(0xffff));
            for (int j = 0; j < 4; j++) {
                const ints w = P_AND(P_(srl_epi16)(p_bytes(u->q[s / 2][j], apart), _mm_cvtsi32_si128(s % 2 * 4 + h * 2)), P_(set1_epi8)(3));
                p_store(p->w[64 * b + 8 * s + 4 * h + j][r], P_(mullo_epi16)(w, scale)); /* at most 45 in a byte */
            }
            P_(store_ps)(p->min[16 * b + 2 * s + h] + P_LANES * r, P_(cvtepi32_ps)(min));
        }
        for (int i = 0; i < P_LANES; i += 8) p_scales(p->scale[8 * b + s] + P_LANES * r + i, _mm256_set1_epi32(1));
    }
    P_FLOATS(p->d[b], r, r8_halfs, u->d, apart);
    P_FLOATS(p->dmin[b], r, r8_halfs, u->dmin, apart);
}

/* (4 - w) * scale lies in -128..124, the weight itself in -124..128: so the scale of the block is -1. */
R8_INLINE void unpack_q3_k(panel *p, int r, int b, const r8_q3_k *u, size_t apart) {
    int8_t sc[2][8][16];
    for (size_t i = 0; i < P_LANES / 8; i++) r8_threes_scales(sc[i], (const void *)((const char *)u + i * apart));
    for (int c = 0; c < 4; c++) {
        __m256i w[2][4][4];
        for (size_t i = 0; i < P_LANES / 8; i++) {
            const r8_q3_k *v = (const void *)((const char *)u + i * apart);
            r8_threes(w[i], v->q[c], v->qh[c]);
        }
        for (int k = 0; k < 4; k++) {
            const int  s = 2 * c + k / 2, last = P_LANES / 8 - 1;
            const ints both = p_join(_mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)sc[0][s])),
                                     _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)sc[last][s])));
            const ints scale = k % 2 ? p_second(both) : p_first(both);
            for (int j = 0; j < 4; j++) {
                const ints v = P_(sub_epi8)(P_(set1_epi8)(4), p_join(w[0][k][j], w[last][k][j]));
                const ints even = P_(mullo_epi16)(even_bytes(v), scale), odd = P_(mullo_epi16)(odd_bytes(v), scale);
                unpack_eights(p, r, 8 * b + s, k % 2 * 4 + j, P_OR(P_AND(even, P_(set1_epi16)(0xff)), P_(slli_epi16)(odd, 8)));
            }
        }
    }
    for (int s = 0; s < 8; s++) P_(store_ps)(p->scale[8 * b + s] + P_LANES * r, P_(set1_ps)(-1));
    P_FLOATS(p->d[b], r, r8_halfs, u->d, apart);
}

/* ---- the tokens of a pass ------------------------------------------------------------------ */

/* Tiles for some formats: see P_TILES. */
typedef struct {
    int  cols;  /* of a panel: PANEL_COLS, or half of it where a step is 2 columns */
    int  group; /* columns that share a scale */
    int  mins;  /* columns that share a min, 32 or 16; 0: there is none */
    void (*tile)(pass *z, const panel *p, int i, int n_cols, int t0, int n_tok);
} panel_tiles;

/* Columns [first, first + n) of a token; offset: what unpacking adds to the weights. */
static void take(token *to, const void *x, int64_t cols, int64_t first, int n, const panel_tiles *k, int offset) {
    const act_view a = act_of(x, cols);
    const int32_t *sums = a.sum16 + first / 16;
    if (k->cols == PANEL_COLS) memcpy(to->q, a.q + first, (size_t)n);
#ifndef R8_DPBUSD
    else for (int i = 0; i < n; i += 32) {
        const __m256i v = r8_load(a.q + first + i);
        p_store(to->q + 2 * i, even_bytes(v));
        p_store(to->q + 2 * i + 32, odd_bytes(v));
    }
#endif
    memcpy(to->s, a.s + first / 32, (size_t)n / 32 * sizeof *to->s);
    if (k->mins == 16) for (int i = 0; i < n / 16; i++) to->sum[i] = (float)sums[i];
    else if (k->mins) memcpy(to->ms, a.ms + first / 32, (size_t)n / 32 * sizeof *to->ms);
#ifndef R8_DPBUSD
    else if (k->cols == PANEL_COLS) {
        const int16_t *pair = k->group == 16 ? a.pair16[first / 16] : a.pair32[first / 32];
        int16_t        off[PANEL_COLS / 8];
        for (int i = 0; i < 2 * n / k->group; i++) off[i] = (int16_t)(pair[i] * -offset);
        memcpy(to->off, off, (size_t)(n / k->group) * sizeof *to->off);
    }
#endif
    else if (k->group == 16) for (int i = 0; i < n / 16; i++) to->off[i] = -offset * sums[i];
    else for (int i = 0; i < n / 32; i++) to->off[i] = -offset * (sums[2 * i] + sums[2 * i + 1]);
}

/* ---- tiles: tokens t0 .. t0 + n_tok - 1 of a pass against n columns of its panel i ---------------- */

/* Four activations of token t, and its numbers, in all lanes. */
R8_INLINE ints int_of(const void *p, int t) {
    int32_t v;
    memcpy(&v, (const char *)p + (size_t)t * sizeof(token), 4);
    return P_(set1_epi32)(v);
}
R8_INLINE floats float_of(const float *p, int t) {
    float v;
    memcpy(&v, (const char *)p + (size_t)t * sizeof(token), 4);
    return P_(set1_ps)(v);
}

#ifndef R8_DPBUSD
#include "r8_steps.h"

/* Products of a step, added up in pairs, onto sum: in int16, or of int16 in int32. */
R8_INLINE ints pairs(const void *w, ints a, const int bits) { return bits == 16 ? P_(madd_epi16)(p_load(w), a) : P_(maddubs_epi16)(p_load(w), a); }
R8_INLINE ints add_pairs(ints sum, ints m, const int bits) {
    sum = bits == 16 ? P_(add_epi32)(sum, m) : P_(add_epi16)(sum, m);
    /* Here and now: GCC 12 would make all products of a block first and lay them on the stack.  For the tiles that are not
     * r8_steps.h's: the last tokens. */
    __asm__ __volatile__("" : "+x"(sum));
    return sum;
}

/* v[t] = n_k steps, as many as int16 can add up, from *off on where it `begins` there; not yet widened. */
R8_INLINE void chain(ints v[][P_REGS], const panel *p, int k, const int n_k, const token *x, const int32_t *off, const bool begins,
                     const int n_tok, const int bits) {
    for (int t = 0; begins && t < n_tok; t++)
        for (int r = 0; r < P_REGS; r++) v[t][r] = int_of(off, t);
    if (n_tok == 4 && n_k >= 4) {
        four_steps(v, p->w + k, x->q + 4 * k, begins, bits == 16);
        if (n_k >= 8) four_steps(v, p->w + k + 4, x->q + 4 * k + 16, true, bits == 16);
        if (n_k == 16) four_steps(v, p->w + k + 8, x->q + 4 * k + 32, true, true);
        if (n_k == 16) four_steps(v, p->w + k + 12, x->q + 4 * k + 48, true, true);
        return;
    }
    for (int i = k; i < k + n_k; i++)
        for (int t = 0; t < n_tok; t++) {
            const ints a = int_of(x->q + 4 * i, t);
            for (int r = 0; r < P_REGS; r++)
                v[t][r] = i > k || begins ? add_pairs(v[t][r], pairs(p->w[i][r], a, bits), bits) : pairs(p->w[i][r], a, bits);
        }
}

/* int16 to int32, times the scales of block g where it has whole ones. */
R8_INLINE void widen(ints v[][P_REGS], const panel *p, int g, const int n_tok, const bool scaled) {
    for (int t = 0; t < n_tok; t++)
        for (int r = 0; r < P_REGS; r++) v[t][r] = P_(madd_epi16)(v[t][r], scaled ? p_load(p->factor[g] + P_LANES * r) : P_(set1_epi16)(1));
}
#endif

/* v[t] = block g of `group` columns of the panel, of so many bits, times x, less what the offset adds (formats with
 * mins have none), and times the scales where those are whole. */
R8_INLINE void dots(ints v[][P_REGS], const panel *p, int g, const int group, const token *x, const int n_tok, const int bits, const int mins,
                    const bool scaled) {
#ifdef R8_DPBUSD
    (void)bits, (void)scaled;
    for (int t = 0; t < n_tok; t++)
        for (int r = 0; r < P_REGS; r++) v[t][r] = mins ? P_(set1_epi32)(0) : int_of(x->off + g, t);
    for (int i = group / 4 * g; i < group / 4 * (g + 1); i++)
        for (int t = 0; t < n_tok; t++)
            for (int r = 0; r < P_REGS; r++) v[t][r] = R8_DPBUSD(v[t][r], p_load(p->w[i][r]), int_of(x->q + 4 * i, t));
#else
    /* See r8_x86.h; sixteen bits are added up at once.  int16 sums wrap: it matters only that the end of a chain fits, as
     * there: with the offset taken off at its beginning 8 (w - 16) x of Q5_0 do (32512), too. */
    const bool begins = !mins && bits != 16;
    const int  n_k = bits == 16 ? group / 2 : group / 4, most = bits == 16 || begins ? n_k : bits == 4 ? 8 : bits == 5 ? 4 : 2;
    chain(v, p, g * n_k, most, x, x->off + g, begins, n_tok, bits);
    if (bits != 16) widen(v, p, g, n_tok, scaled);
    for (int k = most; k < n_k; k += most) {
        ints more[TILE][P_REGS];
        chain(more, p, g * n_k + k, most, x, NULL, false, n_tok, bits);
        widen(more, p, g, n_tok, scaled);
        for (int t = 0; t < n_tok; t++)
            for (int r = 0; r < P_REGS; r++) v[t][r] = add_pairs(v[t][r], more[t][r], 16);
    }
#endif
}

/* Float sums of a tile, [t][row]: in registers, or in memory where those are few; volatile, or GCC would keep them in a
 * second place, on the stack. */
#define P_KEPT(n_tok) (P_KEEP || (n_tok) * P_REGS <= 4)
#define P_SUM(keep, mem, t, r) (P_KEPT(n_tok) ? keep[t][r] : *(const volatile floats *)(const void *)((mem)[t] + P_LANES * (r)))
#define P_SET(keep, mem, t, r, value) \
    do { \
        if (P_KEPT(n_tok)) keep[t][r] = (value); \
        else *(volatile floats *)(void *)((mem)[t] + P_LANES * (r)) = (value); \
    } while (0)

#ifdef P_AMX
#include "amx_dots.h"
#else
#define P_BEGIN(group) ((void)(group))
#define P_END()
enum { P_WHOLE = 0 }; /* the last tile may have fewer tokens */

/* sum = fma(scale[b] * s, dot, sum) over n_b blocks of 32 columns, for all tokens of a tile. */
R8_INLINE void scaled_dots(floats keep[][P_REGS], float (*mem)[P_ROWS], const token *x, const panel *p, int n_b, const int n_tok, const int bits,
                           const int mins) {
    for (int b = 0; b < n_b; b++) {
        ints v[TILE][P_REGS];
        dots(v, p, b, 32, x, n_tok, bits, mins, false);
        for (int t = 0; t < n_tok; t++) {
            const floats s = float_of(x->s + b, t);
            for (int r = 0; r < P_REGS; r++)
                P_SET(keep, mem, t, r,
                      P_(fmadd_ps)(P_(mul_ps)(P_(load_ps)(p->scale[b] + P_LANES * r), s), P_(cvtepi32_ps)(v[t][r]), P_SUM(keep, mem, t, r)));
        }
    }
}

/* sum = fma(s, scale * dot, sum) of block b of 32 columns of a superblock; two groups of 16 are added up with their scales.
 * All but the last step is exact. */
R8_INLINE void super_block(floats keep[][P_REGS], float (*mem)[P_ROWS], const token *x, const panel *p, int b, const int group, const int n_tok,
                           const int bits, const int mins) {
    const bool two = group == 16, whole = P_FACTORS(bits);
    const int  g = two ? 2 * b : b;
    ints       v[TILE][P_REGS], more[TILE][P_REGS];
    floats     f[TILE][P_REGS];
    dots(v, p, g, group, x, n_tok, bits, mins, whole);
    for (int t = 0; !whole && t < n_tok; t++)
        for (int r = 0; r < P_REGS; r++) f[t][r] = P_(mul_ps)(P_(cvtepi32_ps)(v[t][r]), P_(load_ps)(p->scale[g] + P_LANES * r));
    if (two) dots(more, p, g + 1, group, x, n_tok, bits, mins, whole);
    for (int t = 0; two && t < n_tok; t++)
        for (int r = 0; r < P_REGS; r++) {
            if (whole) v[t][r] = P_(add_epi32)(v[t][r], more[t][r]);
            else f[t][r] = P_(fmadd_ps)(P_(cvtepi32_ps)(more[t][r]), P_(load_ps)(p->scale[g + 1] + P_LANES * r), f[t][r]);
        }
    for (int t = 0; t < n_tok; t++) {
        const floats s = float_of(x->s + b, t);
        for (int r = 0; r < P_REGS; r++) {
            if (whole) f[t][r] = P_(cvtepi32_ps)(v[t][r]);
            P_SET(keep, mem, t, r, P_(fmadd_ps)(f[t][r], s, P_SUM(keep, mem, t, r)));
        }
    }
}

/* All 8 of superblock u, for all tokens of a tile; with two groups and sums in registers half of the tokens at a time. */
R8_INLINE void super_dots(floats keep[][P_REGS], float (*mem)[P_ROWS], const token *x, const panel *p, int u, const int group, const int n_tok,
                          const int bits, const int mins) {
    const int first = P_KEEP && group == 16 && n_tok > 6 ? (n_tok + 1) / 2 : n_tok;
    for (int b = 8 * u; b < 8 * u + 8; b++) {
        super_block(keep, mem, x, p, b, group, first, bits, mins);
        if (first < n_tok) super_block(keep + first, mem + first, x + first, p, b, group, n_tok - first, bits, mins);
    }
}
#endif

/* Blocks of 32 with a scale: acc = fma(d * s, dot - offset * S, acc); with mins no offset, and am = fma(-m, ms, am). */
R8_INLINE void tile_flat(pass *z, const panel *p, int i, int n_cols, int t0, const int n_tok, const int bits, const int mins) {
    const token *x = z->x + t0;
    float (*acc)[P_ROWS] = z->acc[i] + t0, (*am)[P_ROWS] = z->am[i] + t0;
    floats keep[TILE][P_REGS];
    for (int t = 0; P_KEPT(n_tok) && t < n_tok; t++)
        for (int r = 0; r < P_REGS; r++) keep[t][r] = P_(load_ps)(acc[t] + P_LANES * r);
    scaled_dots(keep, acc, x, p, n_cols / 32, n_tok, bits, mins);
    for (int t = 0; P_KEPT(n_tok) && t < n_tok; t++)
        for (int r = 0; r < P_REGS; r++) P_(store_ps)(acc[t] + P_LANES * r, keep[t][r]);
    if (!mins) return;
    for (int t = 0; t < n_tok; t++)
        for (int r = 0; r < P_REGS; r++) keep[t][r] = P_(load_ps)(am[t] + P_LANES * r);
    for (int b = 0; b < n_cols / 32; b++)
        for (int t = 0; t < n_tok; t++)
            for (int r = 0; r < P_REGS; r++)
                keep[t][r] = P_(fnmadd_ps)(P_(load_ps)(p->min[b] + P_LANES * r), float_of(x->ms + b, t), keep[t][r]);
    for (int t = 0; t < n_tok; t++)
        for (int r = 0; r < P_REGS; r++) P_(store_ps)(am[t] + P_LANES * r, keep[t][r]);
}

/* Superblocks of blocks with scales: fs as super_dots; with mins fm = fma(m, ms, fm); with mins of 16 columns
 * fm = fma(s, m * S16 + the next m * S16, fm). */
R8_INLINE void tile_super(pass *z, const panel *p, int i, int n_cols, int t0, const int n_tok, const int bits, const int mins, const int group) {
    const token *x = z->x + t0;
    float (*acc)[P_ROWS] = z->acc[i] + t0, (*am)[P_ROWS] = z->am[i] + t0;
    for (int u = 0; u < n_cols / 256; u++) {
        floats keep[TILE][P_REGS];
        for (int t = 0; t < n_tok; t++)
            for (int r = 0; r < P_REGS; r++) P_SET(keep, z->part, t, r, P_(set1_ps)(0));
        super_dots(keep, z->part, x, p, u, group, n_tok, bits, mins);
        for (int t = 0; t < n_tok; t++)
            for (int r = 0; r < P_REGS; r++) {
                float *to = acc[t] + P_LANES * r;
                P_(store_ps)(to, P_(fmadd_ps)(P_SUM(keep, z->part, t, r), P_(load_ps)(p->d[u] + P_LANES * r), P_(load_ps)(to)));
            }
        if (!mins) continue;
        for (int t = 0; t < n_tok; t++)
            for (int r = 0; r < P_REGS; r++) keep[t][r] = P_(set1_ps)(0);
        for (int b = 8 * u; b < 8 * u + 8; b++)
            for (int t = 0; t < n_tok; t++)
                for (int r = 0; r < P_REGS; r++) {
                    const float *m = p->min[mins == 32 ? b : 2 * b] + P_LANES * r;
                    if (mins == 32) keep[t][r] = P_(fmadd_ps)(P_(load_ps)(m), float_of(x->ms + b, t), keep[t][r]);
                    else /* whole numbers below 2^24: no rounding inside */
                        keep[t][r] = P_(fmadd_ps)(float_of(x->s + b, t), P_(fmadd_ps)(P_(load_ps)(m), float_of(x->sum + 2 * b, t),
                                                  P_(mul_ps)(P_(load_ps)(m + P_ROWS), float_of(x->sum + 2 * b + 1, t))), keep[t][r]);
                }
        for (int t = 0; t < n_tok; t++)
            for (int r = 0; r < P_REGS; r++) {
                float *to = am[t] + P_LANES * r;
                P_(store_ps)(to, P_(fmadd_ps)(keep[t][r], P_(load_ps)(p->dmin[u] + P_LANES * r), P_(load_ps)(to)));
            }
    }
}
#define TILE_FLAT(n, bits, mins) tile_flat(z, p, i, n_cols, t0, n, bits, mins)
#define TILE_BLOCKS(n, bits, mins) tile_super(z, p, i, n_cols, t0, n, bits, mins, 32)
#define TILE_SIXTEENS(n, bits, mins) tile_super(z, p, i, n_cols, t0, n, bits, mins, 16)
enum { TILE_FLAT_group = 32, TILE_BLOCKS_group = 32, TILE_SIXTEENS_group = 16 };

/* The tile of each number of tokens is compiled on its own: its sums are registers. */
#define P_CASE(n, tile) \
    case n: tile(n, bits, mins); break;
#define P_TILES(name, kind, bits_, mins_) \
    static void name##_tile(pass *z, const panel *p, int i, int n_cols, int t0, int n_tok) { \
        enum { bits = bits_, mins = mins_ }; \
        switch (n_tok) { P_CASES(kind) } \
    } \
    static const panel_tiles name = {(bits_) == 16 ? PANEL_COLS / 2 : PANEL_COLS, kind##_group, mins_, name##_tile};

/* ---- batches -------------------------------------------------------------------------------- */

/* The size of n pieces of at most `most`, as even as can be. */
R8_INLINE int64_t even(int64_t n, int64_t most) {
    const int64_t pieces = (n + most - 1) / most;
    return (n + pieces - 1) / pieces;
}

typedef struct {
    int                block, bytes; /* columns of a packed block of the format, and its size */
    int                offset;
    const panel_tiles *tiles;
    /* n blocks of P_ROWS rows, the groups `apart` bytes from each other; prefetches what lies `ahead` bytes behind them. */
    void (*unpack)(panel *p, const void *w, int n, size_t apart, ptrdiff_t ahead);
} panel_format;

/* Panels [0, n) of rows from w on against the tokens [0, n_tok), n_tok <= PASS. */
static void chunk(const panel_format *f, pass *z, float *y, int64_t ldy, const char *w, int n, int64_t cols, const char *x, int n_tok, int tile) {
    const size_t  apart = (size_t)(cols / f->block) * (size_t)f->bytes,
                  n_all = (size_t)(P_WHOLE ? (n_tok + tile - 1) / tile * tile : n_tok);
    const int64_t most = f->tiles->cols;
    panel         p;
    for (int i = 0; i < n; i++) {
        memset(z->acc[i], 0, sizeof z->acc[i][0] * n_all);
        if (f->tiles->mins) memset(z->am[i], 0, sizeof z->am[i][0] * n_all);
    }
    memset(z->x + n_tok, 0, sizeof z->x[0] * (n_all - (size_t)n_tok));
    for (int64_t c = 0; c < cols; c += most) {
        const int n_cols = (int)(cols - c < most ? cols - c : most);
        for (int t = 0; t < n_tok; t++) take(&z->x[t], x + (size_t)t * act_bytes(cols), cols, c, n_cols, f->tiles, f->offset);
        for (int i = 0; i < n; i++) {
            const ptrdiff_t panel_bytes = (ptrdiff_t)(P_ROWS / 8 * apart), run_bytes = most / f->block * f->bytes;
            const ptrdiff_t to_next = i + 1 < n ? panel_bytes : run_bytes - i * panel_bytes;
            f->unpack(&p, w + i * panel_bytes + c / most * run_bytes, n_cols / f->block, apart, to_next);
            for (int t = 0; t < n_tok; t += tile) f->tiles->tile(z, &p, i, n_cols, t, n_tok - t < tile ? n_tok - t : tile);
        }
    }
    for (int t = 0; t < n_tok; t++)
        for (int i = 0; i < n; i++)
            for (int r = 0; r < P_ROWS; r += P_LANES) {
                const floats acc = P_(load_ps)(z->acc[i][t] + r);
                P_(storeu_ps)(y + t * ldy + i * P_ROWS + r, f->tiles->mins ? P_(sub_ps)(acc, P_(load_ps)(z->am[i][t] + r)) : acc);
            }
}

/* As packed_ID, for all whole panels; returns the groups left over.  What a batch needs stays out of the way of single tokens. */
static R8_APART int64_t batch(const panel_format *f, float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x,
                              int64_t n_tok) {
    const int64_t panels = groups / (P_ROWS / 8), tile = P_WHOLE ? TILE : even(n_tok, TILE), each = even((n_tok + tile - 1) / tile, PASS / tile) * tile;
    const size_t  panel_bytes = P_ROWS / 8 * (size_t)(cols / f->block) * (size_t)f->bytes;
    pass          z;
    P_BEGIN(f->tiles->group);
    for (int64_t t = 0; t < n_tok; t += each)
        for (int64_t i = 0; i < panels; i += CHUNK / P_ROWS)
            chunk(f, &z, y + t * ldy + i * P_ROWS, ldy, (const char *)w + (size_t)i * panel_bytes,
                  (int)(panels - i < CHUNK / P_ROWS ? panels - i : CHUNK / P_ROWS), cols, (const char *)x + (size_t)t * act_bytes(cols),
                  (int)(n_tok - t < each ? n_tok - t : each), (int)tile);
    P_END();
    return groups - panels * (P_ROWS / 8);
}

/* panels_ID: as packed_ID. */
#define PANELS(id, block, kind, offset, few) \
    static void unpack_run_##id(panel *p, const void *w, int n, size_t apart, ptrdiff_t ahead) { \
        for (int b = 0; b < n; b++) \
            for (int r = 0; r < P_REGS; r++) { \
                const r8_##id *u = (const void *)((const char *)w + (size_t)r * (P_LANES / 8) * apart); \
                for (size_t g = 0; g < P_LANES / 8; g++) \
                    for (size_t i = 0; i < sizeof *u; i += 64) _mm_prefetch((const char *)(u + b) + g * apart + ahead + i, _MM_HINT_T0); \
                unpack_##id(p, r, b, u + b, apart); \
            } \
    } \
    static const panel_format format_##id = {block, sizeof(r8_##id), offset, &kind, unpack_run_##id}; \
    static void panels_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        const int64_t left = n_tok > (few) ? batch(&format_##id, y, ldy, w, groups, cols, x, n_tok) : groups, done = groups - left; \
        const size_t  group = (size_t)(cols / (block)) * sizeof(r8_##id); \
        if (left) packed_##id(y + done * 8, ldy, (const char *)w + (size_t)done * group, left, cols, x, n_tok); \
    }

/* Without VNNI the number of bits is part of a tile; with it formats share their tiles. */
#ifdef R8_DPBUSD
#define P_FLAT(bits) flat
#define P_FLAT_MINS(bits) flat_mins
#define P_BLOCKS(bits) blocks
#define P_BLOCKS_MINS(bits) blocks_mins
#define P_SIXTEENS(bits) sixteens
#define P_BLOCKS_SUMS(bits) blocks_sums
#define P_ALL_TILES \
    P_TILES(flat, TILE_FLAT, 8, 0) P_TILES(flat_mins, TILE_FLAT, 8, 32) P_TILES(blocks, TILE_BLOCKS, 8, 0) \
    P_TILES(blocks_mins, TILE_BLOCKS, 8, 32) P_TILES(sixteens, TILE_SIXTEENS, 8, 0) P_TILES(blocks_sums, TILE_BLOCKS, 8, 16)
#else
#define P_FLAT(bits) flat##bits
#define P_FLAT_MINS(bits) flat_mins##bits
#define P_BLOCKS(bits) blocks##bits
#define P_BLOCKS_MINS(bits) blocks_mins##bits
#define P_SIXTEENS(bits) sixteens##bits
#define P_BLOCKS_SUMS(bits) blocks_sums##bits
#define P_ALL_TILES \
    P_TILES(flat4, TILE_FLAT, 4, 0) P_TILES(flat5, TILE_FLAT, 5, 0) P_TILES(flat8, TILE_FLAT, 16, 0) \
    P_TILES(flat_mins4, TILE_FLAT, 4, 32) P_TILES(flat_mins5, TILE_FLAT, 5, 32) P_TILES(blocks8, TILE_BLOCKS, 16, 0) \
    P_TILES(blocks_mins4, TILE_BLOCKS, 4, 32) P_TILES(blocks_mins5, TILE_BLOCKS, 5, 32) P_TILES(sixteens6, TILE_SIXTEENS, 6, 0) \
    P_TILES(blocks_sums6, TILE_BLOCKS, 6, 16)
#endif
#define PANELS_ALL \
    P_ALL_TILES PANELS(q4_0, 32, P_FLAT(4), 8, FEW) PANELS(q4_1, 32, P_FLAT_MINS(4), 0, FEW) PANELS(q5_0, 32, P_FLAT(5), 16, FEW) \
    PANELS(q5_1, 32, P_FLAT_MINS(5), 0, FEW) PANELS(q8_0, 32, P_FLAT(8), 128, FEW_Q8_0) PANELS(iq4_nl, 32, P_FLAT(8), 128, FEW) \
    PANELS(iq4_xs, 256, P_BLOCKS(8), 128, FEW) PANELS(q4_k, 256, P_BLOCKS_MINS(4), 0, FEW_K) \
    PANELS(q5_k, 256, P_BLOCKS_MINS(5), 0, FEW_K) PANELS(q6_k, 256, P_SIXTEENS(6), 32, FEW_Q6_K) \
    PANELS(q2_k, 256, P_BLOCKS_SUMS(6), 0, FEW_MORE) PANELS(q3_k, 256, P_BLOCKS(8), 128, FEW_MORE)
/* The positions are rows of packed weights, the queries tokens. */
#define PANELS_SCORES \
    static void scores_q8(float *s, int64_t lds, const void *q, int64_t n_q, const void *k, int64_t n, int64_t d) { \
        panels_q8_0(s, lds, k, n / 8, d, q, n_q); \
    }
#define PANELS_TABLE \
    [TYPE_Q4_0] = panels_q4_0, [TYPE_Q4_1] = panels_q4_1, [TYPE_Q5_0] = panels_q5_0, [TYPE_Q5_1] = panels_q5_1, \
    [TYPE_Q8_0] = panels_q8_0, [TYPE_IQ4_NL] = panels_iq4_nl, [TYPE_IQ4_XS] = panels_iq4_xs, [TYPE_Q2_K] = panels_q2_k, \
    [TYPE_Q3_K] = panels_q3_k, [TYPE_Q4_K] = panels_q4_k, [TYPE_Q5_K] = panels_q5_k, [TYPE_Q6_K] = panels_q6_k
#endif
