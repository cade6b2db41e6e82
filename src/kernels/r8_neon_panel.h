/* r8_neon_panel.h - floor 2: products of packed weights with a batch of tokens on ARM, through unpacked panels.
 *
 * 8 rows are unpacked once, PANEL_COLS columns at a time, into a panel that stays in the first cache, and the same
 * columns of up to PASS tokens are laid side by side, TILE of them, where the second cache keeps them for all rows of
 * the call.  A tile is 8 registers of integer sums and 8 of floats:
 *   sdot    register 2t + half: 4 rows of token t.  A step is 4 columns of 8 rows, from a lane of 16 activations.
 *   smmla   register 4p + i: rows 2i, 2i + 1 of tokens 2p, 2p + 1 as [row][token].  A step is 8 columns; scales lie in
 *           memory as the sums do, so that nothing is moved between lanes until all columns are added up.
 * Weights are signed in the panel, with their format's offset taken off: they are bytes in all of them, and no sums of
 * activations are needed.  The order of the sums is scalar.c's.  Needs R8_SDOT, and takes R8_SMMLA (r8_neon.h). */
#ifndef R8_NEON_PANEL_H
#define R8_NEON_PANEL_H
#include "r8_neon.h"

enum {
    PANEL_COLS = 1024,
    TILE = 4,         /* tokens */
    PASS = 64,        /* tokens that share an unpacked panel, at most */
    CHUNK = 256,      /* rows that share a pass of tokens, at most */
    REGS = 2 * TILE,  /* of a tile's sums: 8 rows */
#ifdef R8_SMMLA
    SCALES = 16,      /* numbers of 8 rows in memory: each twice */
    FACTORS = 8,      /* of TILE tokens: s0 s1 s0 s1, s2 s3 s2 s3 */
#else
    SCALES = 8,
    FACTORS = TILE,
#endif
    FEW = 4           /* up to so many tokens are one tile of r8_neon.h */
};

typedef struct {
    _Alignas(64) int8_t w[PANEL_COLS / 16][128];
    float scale[PANEL_COLS / 16][SCALES], min[PANEL_COLS / 16][SCALES], d[PANEL_COLS / 256][SCALES], dmin[PANEL_COLS / 256][SCALES];
} panel;

/* TILE tokens: the activations of the panel's columns, and their numbers.  sum: those of 16 activations, where mins need them. */
typedef struct {
    _Alignas(64) int8_t q[PANEL_COLS / 16][TILE * 16];
    float s[PANEL_COLS / 32][FACTORS], ms[PANEL_COLS / 32][FACTORS], sum[PANEL_COLS / 16][FACTORS];
    char  odd[64]; /* the same columns of tiles do not compete for a place in the first cache */
} tile;

typedef struct {
    tile  x[PASS / TILE];
    float acc[CHUNK / 8][PASS / TILE][REGS * 4], am[CHUNK / 8][PASS / TILE][REGS * 4];
} pass;

/* ---- lanes --------------------------------------------------------------------------------------- */

/* A number a row, as the registers of sums want it. */
R8_INLINE void put_rows(float to[SCALES], r8_floats v) {
#ifdef R8_SMMLA
    for (int i = 0; i < 2; i++) {
        vst1q_f32(to + 8 * i, vzip1q_f32(v.v[i], v.v[i]));
        vst1q_f32(to + 8 * i + 4, vzip2q_f32(v.v[i], v.v[i]));
    }
#else
    r8_put(to, v);
#endif
}

/* A number of token t. */
R8_INLINE void put_token(float to[FACTORS], int t, float v) {
#ifdef R8_SMMLA
    to[t / 2 * 4 + t % 2] = to[t / 2 * 4 + t % 2 + 2] = v;
#else
    to[t] = v;
#endif
}

/* Register r of a tile: the numbers of its rows, times those of its tokens, and where a sum of it lies. */
#ifdef R8_SMMLA
R8_INLINE float32x4_t rows_of(const float rows[SCALES], const int r) { return vld1q_f32(rows + r % 4 * 4); }
R8_INLINE float32x4_t times_token(float32x4_t v, const float tokens[FACTORS], const int r) { return vmulq_f32(v, vld1q_f32(tokens + r / 4 * 4)); }
R8_INLINE float32x4_t fma_token(float32x4_t v, const float tokens[FACTORS], float32x4_t sum, const int r) {
    return vfmaq_f32(sum, v, vld1q_f32(tokens + r / 4 * 4));
}
R8_INLINE int place(int t, int row) { return t / 2 * 16 + row / 2 * 4 + row % 2 * 2 + t % 2; }
#else
R8_INLINE float32x4_t rows_of(const float rows[SCALES], const int r) { return vld1q_f32(rows + r % 2 * 4); }
#define BY_LANE(t, product, ...) \
    (t) == 0 ? product(__VA_ARGS__, 0) : (t) == 1 ? product(__VA_ARGS__, 1) : (t) == 2 ? product(__VA_ARGS__, 2) : product(__VA_ARGS__, 3)
R8_INLINE float32x4_t times_token(float32x4_t v, const float tokens[FACTORS], const int r) {
    return BY_LANE(r / 2, vmulq_laneq_f32, v, vld1q_f32(tokens));
}
R8_INLINE float32x4_t fma_token(float32x4_t v, const float tokens[FACTORS], float32x4_t sum, const int r) {
    return BY_LANE(r / 2, vfmaq_laneq_f32, sum, v, vld1q_f32(tokens));
}
R8_INLINE int place(int t, int row) { return t * 8 + row; }
#endif

/* ---- unpacking -------------------------------------------------------------------------------------- */

/* 16 columns, less what the format adds to its weights. */
R8_INLINE void put_weights(int8_t to[128], const r8_weights *w, const int offset) {
    int8x16_t v[2][4];
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 2; i++) v[i][j] = offset ? vsubq_s8(w->w[i][j], vdupq_n_s8((int8_t)offset)) : w->w[i][j];
#ifdef R8_SMMLA
    for (int j = 0; j < 4; j += 2)
        for (int i = 0; i < 2; i++) {
            const int32x4_t a = vreinterpretq_s32_s8(v[i][j]), b = vreinterpretq_s32_s8(v[i][j + 1]);
            vst1q_s8(to + 32 * j + 32 * i, vreinterpretq_s8_s32(vzip1q_s32(a, b)));
            vst1q_s8(to + 32 * j + 32 * i + 16, vreinterpretq_s8_s32(vzip2q_s32(a, b)));
        }
#else
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 2; i++) vst1q_s8(to + 32 * j + 16 * i, v[i][j]);
#endif
}

/* 32 columns. */
R8_INLINE void put_pair(panel *p, int64_t b, const r8_weights *lo, const r8_weights *hi, const int offset) {
    put_weights(p->w[2 * b], lo, offset);
    put_weights(p->w[2 * b + 1], hi, offset);
}

R8_INLINE void unpack_nibbles(panel *p, int64_t b, const uint8_t q[4][8][4], const int offset) {
    const r8_raw     r = r8_load(q);
    const r8_weights lo = r8_lows(&r), hi = r8_highs(&r);
    put_pair(p, b, &lo, &hi, offset);
}

R8_INLINE void unpack_codes(panel *p, int64_t b, const uint8_t q[4][8][4]) {
    const r8_raw     r = r8_load(q);
    const r8_weights lo = r8_codes(r8_lows(&r)), hi = r8_codes(r8_highs(&r));
    put_pair(p, b, &lo, &hi, 0);
}

R8_INLINE void unpack_fives(panel *p, int64_t b, const uint8_t q[4][8][4], const uint8_t qh[8][4], const int offset) {
    r8_weights lo, hi;
    r8_fives(&lo, &hi, q, qh);
    put_pair(p, b, &lo, &hi, offset);
}

R8_INLINE r8_floats negative(r8_floats v) { return (r8_floats){{vnegq_f32(v.v[0]), vnegq_f32(v.v[1])}}; }

/* Block b of the panel, of 32 or 256 columns. */
#define UNPACK(id) R8_INLINE void unpack_##id(panel *p, int64_t b, const r8_##id *u)

UNPACK(q4_0) {
    unpack_nibbles(p, b, u->q, 8);
    put_rows(p->scale[b], r8_halfs(u->d));
}

UNPACK(q4_1) {
    unpack_nibbles(p, b, u->q, 0);
    put_rows(p->scale[b], r8_halfs(u->d));
    put_rows(p->min[b], negative(r8_halfs(u->m)));
}

UNPACK(q5_0) {
    unpack_fives(p, b, u->q, u->qh, 16);
    put_rows(p->scale[b], r8_halfs(u->d));
}

UNPACK(q5_1) {
    unpack_fives(p, b, u->q, u->qh, 0);
    put_rows(p->scale[b], r8_halfs(u->d));
    put_rows(p->min[b], negative(r8_halfs(u->m)));
}

UNPACK(q8_0) {
    for (int k = 0; k < 2; k++) {
        r8_weights w;
        for (int j = 0; j < 4; j++)
            for (int i = 0; i < 2; i++) w.w[i][j] = vld1q_s8(u->q[4 * k + j][4 * i]);
        put_weights(p->w[2 * b + k], &w, 0);
    }
    put_rows(p->scale[b], r8_halfs(u->d));
}

UNPACK(iq4_nl) {
    unpack_codes(p, b, u->q);
    put_rows(p->scale[b], r8_halfs(u->d));
}

UNPACK(iq4_xs) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const int8x16_t sc = r8_xs_scales(u->sl, u->sh, i);
        for (int k = 0; k < 2; k++) {
            unpack_codes(p, 8 * b + 2 * i + k, u->q[2 * i + k]);
            put_rows(p->scale[8 * b + 2 * i + k], r8_signed_bytes(k ? vget_high_s8(sc) : vget_low_s8(sc)));
        }
    }
    put_rows(p->d[b], r8_halfs(u->d));
}

/* Scales and mins of a superblock of Q4_K and Q5_K. */
R8_INLINE void unpack_scales(panel *p, int64_t b, const uint16_t *d, const uint16_t *dmin, const uint8_t sl[8][8], const uint8_t sh[4][8]) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        uint8x16_t sc, m;
        r8_sub_scales(&sc, &m, sl, sh, i);
        for (int k = 0; k < 2; k++) {
            put_rows(p->scale[8 * b + 2 * i + k], r8_bytes(sc, 8 * k));
            put_rows(p->min[8 * b + 2 * i + k], r8_bytes(m, 8 * k));
        }
    }
    put_rows(p->d[b], r8_halfs(d));
    put_rows(p->dmin[b], r8_halfs(dmin));
}

UNPACK(q4_k) {
    for (int s = 0; s < 8; s++) unpack_nibbles(p, 8 * b + s, u->q[s], 0);
    unpack_scales(p, b, u->d, u->dmin, u->sl, u->sh);
}

UNPACK(q5_k) {
    for (int s = 0; s < 8; s++) unpack_fives(p, 8 * b + s, u->sub[s].q, u->sub[s].qh, 0);
    unpack_scales(p, b, u->d, u->dmin, u->sl, u->sh);
}

UNPACK(q6_k) {
    for (int c = 0; c < 4; c++)
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            const int64_t    g = 16 * b + 4 * c + k;
            const r8_weights w = r8_sixes(u->q[c], k);
            put_weights(p->w[g], &w, 32);
            put_rows(p->scale[g], r8_signed_bytes(vld1_s8(u->sc[4 * c + k])));
        }
    put_rows(p->d[b], r8_halfs(u->d));
}

/* Of bytes [row][i] those of 4 rows, half 0 or 1, each as often as it has columns in a register. */
R8_INLINE uint8x16_t rows_of_bytes(uint8x16_t both, const int i, const int half) {
    const uint8x16_t first = {0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6};
    return vqtbl1q_u8(both, vaddq_u8(first, vdupq_n_u8((uint8_t)(8 * half + i))));
}

R8_INLINE r8_floats all_rows(float v) { return (r8_floats){{vdupq_n_f32(v), vdupq_n_f32(v)}}; }

/* Weights times their scales are bytes (at most 45), and the 32 columns of an activation scale become one block: its scale is 1. */
UNPACK(q2_k) {
    for (int c = 0; c < 8; c++) {
        const uint8x16_t both = vld1q_u8(u->sc[c][0]), mins = vshrq_n_u8(both, 4);
        for (int i = 0; i < 2; i++) {
            r8_weights w = r8_twos(u->q[c / 2], c % 2 * 2 + i);
            for (int j = 0; j < 4; j++)
                for (int h = 0; h < 2; h++)
                    w.w[h][j] = vmulq_s8(w.w[h][j], vreinterpretq_s8_u8(rows_of_bytes(r8_low(both), i, h)));
            put_weights(p->w[16 * b + 2 * c + i], &w, 0);
            put_rows(p->min[16 * b + 2 * c + i], r8_rounded(r8_group_scales(vreinterpretq_s8_u8(mins), i)));
        }
        put_rows(p->scale[8 * b + c], all_rows(1));
    }
    put_rows(p->d[b], r8_halfs(u->d));
    put_rows(p->dmin[b], r8_halfs(u->dmin));
}

/* (4 - w) * scale lies in -128..124, the weight itself in -124..128: so the scale of the block is -1. */
UNPACK(q3_k) {
    for (int c = 0; c < 8; c++) {
        const uint8x16_t both = vreinterpretq_u8_s8(r8_threes_scales(u->sl, u->sh, c));
        for (int i = 0; i < 2; i++) {
            r8_weights w = r8_threes(u->q[c / 2], u->qh[c / 2], c % 2 * 2 + i);
            for (int j = 0; j < 4; j++)
                for (int h = 0; h < 2; h++)
                    w.w[h][j] = vmulq_s8(vsubq_s8(vdupq_n_s8(4), w.w[h][j]), vreinterpretq_s8_u8(rows_of_bytes(both, i, h)));
            put_weights(p->w[16 * b + 2 * c + i], &w, 0);
        }
        put_rows(p->scale[8 * b + c], all_rows(-1));
    }
    put_rows(p->d[b], r8_halfs(u->d));
}

/* ---- the tokens of a pass -------------------------------------------------------------------------- */

/* Columns [first, first + n) of token t of a tile. */
static void take(tile *to, int t, act_view a, int64_t first, int64_t n) {
    for (int64_t k = 0; k < n / 16; k++) {
        const int8x16_t x = vld1q_s8(a.q + first + 16 * k);
#ifdef R8_SMMLA
        vst1_s8(to->q[k] + t / 2 * 16 + t % 2 * 8, vget_low_s8(x));
        vst1_s8(to->q[k] + TILE * 8 + t / 2 * 16 + t % 2 * 8, vget_high_s8(x));
#else
        vst1q_s8(to->q[k] + 16 * t, x);
#endif
        put_token(to->sum[k], t, (float)a.sum16[first / 16 + k]);
    }
    for (int64_t b = 0; b < n / 32; b++) {
        put_token(to->s[b], t, a.s[first / 32 + b]);
        put_token(to->ms[b], t, a.ms[first / 32 + b]);
    }
}

/* ---- tiles -------------------------------------------------------------------------------------------- */

#define EACH_REG(r) _Pragma("GCC unroll 8") for (int r = 0; r < REGS; r++)

/* In registers: the compiler would copy a piece of memory to its stack. */
R8_INLINE void load_sums(float32x4_t sum[REGS], const float *from) {
    EACH_REG(r) {
        sum[r] = vld1q_f32(from + 4 * r);
        __asm__("" : "+w"(sum[r]));
    }
}
R8_INLINE void store_sums(float *to, const float32x4_t sum[REGS]) { EACH_REG(r) vst1q_f32(to + 4 * r, sum[r]); }

/* Adds the products of group g of 16 columns to v. */
R8_INLINE void add_dots(int32x4_t v[REGS], const panel *p, const tile *x, int64_t g) {
#ifdef R8_SMMLA
    for (int j = 0; j < 2; j++) { /* 8 columns */
        const int8x16_t y = vld1q_s8(x->q[g] + TILE * 8 * j), z = vld1q_s8(x->q[g] + TILE * 8 * j + 16);
        for (int i = 0; i < 4; i += 2) {
            int8x16_t a = vld1q_s8(p->w[g] + 64 * j + 16 * i), b = vld1q_s8(p->w[g] + 64 * j + 16 * i + 16);
            R8_HOLD2(a, b);
            v[i] = vmmlaq_s32(v[i], a, y);
            v[4 + i] = vmmlaq_s32(v[4 + i], a, z);
            v[i + 1] = vmmlaq_s32(v[i + 1], b, y);
            v[5 + i] = vmmlaq_s32(v[5 + i], b, z);
        }
    }
#else
    int8x16_t y[TILE];
    for (int t = 0; t < TILE; t++) y[t] = vld1q_s8(x->q[g] + 16 * t);
#define STEP(j) \
    { \
        int8x16_t a = vld1q_s8(p->w[g] + 32 * (j)), b = vld1q_s8(p->w[g] + 32 * (j) + 16); \
        R8_HOLD2(a, b); \
        for (int t = 0; t < TILE; t++) { \
            v[2 * t] = vdotq_laneq_s32(v[2 * t], a, y[t], j); \
            v[2 * t + 1] = vdotq_laneq_s32(v[2 * t + 1], b, y[t], j); \
        } \
    }
    STEP(0)
    STEP(1)
    STEP(2)
    STEP(3)
#undef STEP
#endif
}

/* v = the products of block b of `group` columns. */
R8_INLINE void block_dots(int32x4_t v[REGS], const panel *p, const tile *x, int64_t b, const int group) {
    EACH_REG(r) v[r] = vdupq_n_s32(0);
    add_dots(v, p, x, b * group / 16);
    if (group == 32) add_dots(v, p, x, b * 2 + 1);
}

/* sum = fma(scale[b] * s, dot, sum) over n_b blocks of 32 columns. */
R8_INLINE void scaled_dots(float32x4_t sum[REGS], const panel *p, const tile *x, int64_t n_b) {
    for (int64_t b = 0; b < n_b; b++) {
        int32x4_t v[REGS];
        block_dots(v, p, x, b, 32);
        EACH_REG(r) sum[r] = vfmaq_f32(sum[r], times_token(rows_of(p->scale[b], r), x->s[b], r), vcvtq_f32_s32(v[r]));
    }
}

/* sum = fma(s, scale * dot, sum) over the 8 blocks of 32 columns of superblock u; two groups of 16 are added up with their
 * scales.  All but the last step is exact. */
R8_INLINE void super_dots(float32x4_t sum[REGS], const panel *p, const tile *x, int64_t u, const int group) {
    for (int64_t b = 8 * u; b < 8 * u + 8; b++) {
        const int64_t g = b * 32 / group;
        int32x4_t     v[REGS];
        float32x4_t   f[REGS];
        block_dots(v, p, x, g, group);
        EACH_REG(r) f[r] = vmulq_f32(vcvtq_f32_s32(v[r]), rows_of(p->scale[g], r));
        if (group == 16) {
            block_dots(v, p, x, g + 1, group);
            EACH_REG(r) f[r] = vfmaq_f32(f[r], vcvtq_f32_s32(v[r]), rows_of(p->scale[g + 1], r));
        }
        EACH_REG(r) sum[r] = fma_token(f[r], x->s[b], sum[r], r);
    }
}

/* Blocks of 32 with a scale: acc = fma(d * s, dot, acc); with mins am = fma(-m, ms, am), -m in the panel. */
R8_INLINE void tile_flat(float *acc, float *am, const panel *p, const tile *x, int64_t n_cols, const int group, const int mins) {
    (void)group;
    float32x4_t sum[REGS];
    load_sums(sum, acc);
    scaled_dots(sum, p, x, n_cols / 32);
    store_sums(acc, sum);
    if (!mins) return;
    load_sums(sum, am);
    for (int64_t b = 0; b < n_cols / 32; b++) EACH_REG(r) sum[r] = fma_token(rows_of(p->min[b], r), x->ms[b], sum[r], r);
    store_sums(am, sum);
}

/* Superblocks of blocks with scales: fs as super_dots, acc = fma(fs, d, acc); with mins fm = fma(m, ms, fm), with mins of
 * 16 columns fm = fma(s, m * S16 + the next m * S16, fm), and am = fma(fm, dmin, am). */
R8_INLINE void tile_super(float *acc, float *am, const panel *p, const tile *x, int64_t n_cols, const int group, const int mins) {
    for (int64_t u = 0; u < n_cols / 256; u++) {
        float32x4_t sum[REGS];
        EACH_REG(r) sum[r] = vdupq_n_f32(0);
        super_dots(sum, p, x, u, group);
        EACH_REG(r) vst1q_f32(acc + 4 * r, vfmaq_f32(vld1q_f32(acc + 4 * r), sum[r], rows_of(p->d[u], r)));
        if (!mins) continue;
        EACH_REG(r) sum[r] = vdupq_n_f32(0);
        for (int64_t b = 8 * u; b < 8 * u + 8; b++)
            EACH_REG(r) {
                if (mins == 32) sum[r] = fma_token(rows_of(p->min[b], r), x->ms[b], sum[r], r);
                else /* whole numbers below 2^24: no rounding inside */
                    sum[r] = fma_token(fma_token(rows_of(p->min[2 * b], r), x->sum[2 * b],
                                                 times_token(rows_of(p->min[2 * b + 1], r), x->sum[2 * b + 1], r), r), x->s[b], sum[r], r);
            }
        EACH_REG(r) vst1q_f32(am + 4 * r, vfmaq_f32(vld1q_f32(am + 4 * r), sum[r], rows_of(p->dmin[u], r)));
    }
}

/* ---- batches --------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t block, bytes; /* columns of a packed block of the format, and its size */
    bool    mins;
    void (*tile)(float *acc, float *am, const panel *p, const tile *x, int64_t n_cols);
    void (*unpack)(panel *p, const void *w, int64_t n); /* n blocks of 8 rows */
} panel_format;

/* Groups [0, n) of 8 rows from w on against the tokens [0, n_tok), n_tok <= PASS. */
static void chunk(const panel_format *f, pass *z, float *y, int64_t ldy, const char *w, int64_t n, int64_t cols, const char *x, int64_t n_tok) {
    const int64_t group_bytes = cols / f->block * f->bytes, n_tiles = (n_tok + TILE - 1) / TILE;
    panel         p;
    for (int64_t i = 0; i < n; i++) {
        memset(z->acc[i], 0, sizeof z->acc[i][0] * (size_t)n_tiles);
        memset(z->am[i], 0, sizeof z->am[i][0] * (size_t)n_tiles);
    }
    for (int64_t c = 0; c < cols; c += PANEL_COLS) {
        const int64_t n_cols = cols - c < PANEL_COLS ? cols - c : PANEL_COLS;
        for (int64_t t = 0; t < n_tiles * TILE; t++) /* the last tile is filled with the last token */
            take(&z->x[t / TILE], (int)(t % TILE), act_of(x + (size_t)(t < n_tok ? t : n_tok - 1) * act_bytes(cols), cols), c, n_cols);
        for (int64_t i = 0; i < n; i++) {
            f->unpack(&p, w + i * group_bytes + c / f->block * f->bytes, n_cols / f->block);
            for (int64_t t = 0; t < n_tiles; t++) f->tile(z->acc[i][t], z->am[i][t], &p, &z->x[t], n_cols);
        }
    }
    for (int64_t t = 0; t < n_tok; t++)
        for (int64_t i = 0; i < n; i++)
            for (int row = 0; row < 8; row++) {
                const int   at = place((int)(t % TILE), row);
                const float acc = z->acc[i][t / TILE][at];
                y[t * ldy + i * 8 + row] = f->mins ? acc - z->am[i][t / TILE][at] : acc;
            }
}

/* As packed_ID.  What a batch needs stays out of the way of single tokens. */
static R8_APART void batch(const panel_format *f, float *y, int64_t ldy, const char *w, int64_t groups, int64_t cols, const char *x, int64_t n_tok) {
    const int64_t group_bytes = cols / f->block * f->bytes, most = CHUNK / 8;
    pass          z;
    for (int64_t t = 0; t < n_tok; t += PASS)
        for (int64_t g = 0; g < groups; g += most)
            chunk(f, &z, y + t * ldy + g * 8, ldy, w + g * group_bytes, groups - g < most ? groups - g : most, cols,
                  x + (size_t)t * act_bytes(cols), n_tok - t < PASS ? n_tok - t : PASS);
}

#define TILES(name, kind, group, mins) \
    static void name(float *acc, float *am, const panel *p, const tile *x, int64_t n_cols) { kind(acc, am, p, x, n_cols, group, mins); }

/* panels_ID: as packed_ID. */
#define PANELS(id, block, kind, mins) \
    static void unpack_run_##id(panel *p, const void *w, int64_t n) { \
        for (int64_t b = 0; b < n; b++) unpack_##id(p, b, (const r8_##id *)w + b); \
    } \
    static void panels_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        static const panel_format f = {block, sizeof(r8_##id), mins, kind, unpack_run_##id}; \
        if (n_tok > FEW) batch(&f, y, ldy, w, groups, cols, x, n_tok); \
        else packed_##id(y, ldy, w, groups, cols, x, n_tok); \
    }

#define PANELS_ALL \
    TILES(flat, tile_flat, 32, 0) TILES(flat_mins, tile_flat, 32, 32) TILES(blocks, tile_super, 32, 0) TILES(blocks_mins, tile_super, 32, 32) \
    TILES(blocks_sums, tile_super, 32, 16) TILES(sixteens, tile_super, 16, 0) \
    PANELS(q4_0, 32, flat, false) PANELS(q4_1, 32, flat_mins, true) PANELS(q5_0, 32, flat, false) PANELS(q5_1, 32, flat_mins, true) \
    PANELS(q8_0, 32, flat, false) PANELS(iq4_nl, 32, flat, false) PANELS(iq4_xs, 256, blocks, false) PANELS(q4_k, 256, blocks_mins, true) \
    PANELS(q5_k, 256, blocks_mins, true) PANELS(q6_k, 256, sixteens, false) PANELS(q2_k, 256, blocks_sums, true) PANELS(q3_k, 256, blocks, false)
#define PANELS_TABLE \
    [TYPE_Q4_0] = panels_q4_0, [TYPE_Q4_1] = panels_q4_1, [TYPE_Q5_0] = panels_q5_0, [TYPE_Q5_1] = panels_q5_1, \
    [TYPE_Q8_0] = panels_q8_0, [TYPE_IQ4_NL] = panels_iq4_nl, [TYPE_IQ4_XS] = panels_iq4_xs, [TYPE_Q2_K] = panels_q2_k, \
    [TYPE_Q3_K] = panels_q3_k, [TYPE_Q4_K] = panels_q4_k, [TYPE_Q5_K] = panels_q5_k, [TYPE_Q6_K] = panels_q6_k
#endif
