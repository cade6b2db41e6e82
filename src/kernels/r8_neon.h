/* r8_neon.h - floor 2: products of packed weights on ARM's 128-bit registers; a lane is an output row.
 *
 * 8 rows are two registers, "halves", of 4 rows.  Compiled into one file per instruction set, which says before
 * including it what it may use:
 *   R8_SDOT   a dot product step is one instruction, and takes its 4 activations from a lane of a register;
 *   R8_SMMLA  with an even number of tokens a step multiplies 2 rows of 8 columns by 2 tokens;
 *   neither   smull and smlal multiply into int16, and as many of those are added up in int16 as cannot overflow:
 *             4 of up to 6 bits (4 * 63 * 127 = 32004), 2 of 8 bits (2 * 128 * 127 = 32512).
 * Weights of up to 6 bits are unsigned, and their format's offset is what a sum begins from. */
#ifndef R8_NEON_H
#define R8_NEON_H
#include "kernels.h"
#include "r8.h"
#include <arm_neon.h>
#include <string.h>

#ifdef R8_SMMLA
#define R8_GROUP_TOKENS 8
#else
#define R8_GROUP_TOKENS 4
#endif

/* One number a row. */
typedef struct { float32x4_t v[2]; } r8_floats;
typedef struct { int32x4_t v[2]; } r8_ints;

R8_INLINE r8_floats r8_nil(void) { return (r8_floats){{vdupq_n_f32(0), vdupq_n_f32(0)}}; }
R8_INLINE r8_floats r8_minus(r8_floats a, r8_floats b) { return (r8_floats){{vsubq_f32(a.v[0], b.v[0]), vsubq_f32(a.v[1], b.v[1])}}; }
R8_INLINE r8_floats r8_fma(r8_floats a, r8_floats b, r8_floats sum) {
    return (r8_floats){{vfmaq_f32(sum.v[0], a.v[0], b.v[0]), vfmaq_f32(sum.v[1], a.v[1], b.v[1])}};
}
R8_INLINE r8_floats r8_fma_by(r8_floats a, float x, r8_floats sum) {
    return (r8_floats){{vfmaq_n_f32(sum.v[0], a.v[0], x), vfmaq_n_f32(sum.v[1], a.v[1], x)}};
}
R8_INLINE r8_floats r8_times(r8_floats a, float x) { return (r8_floats){{vmulq_n_f32(a.v[0], x), vmulq_n_f32(a.v[1], x)}}; }
R8_INLINE r8_floats r8_rounded(r8_ints a) { return (r8_floats){{vcvtq_f32_s32(a.v[0]), vcvtq_f32_s32(a.v[1])}}; }
R8_INLINE r8_ints r8_mul_ints(r8_ints a, r8_ints b) { return (r8_ints){{vmulq_s32(a.v[0], b.v[0]), vmulq_s32(a.v[1], b.v[1])}}; }
/* sum + scale * dot */
R8_INLINE r8_ints r8_add_ints(r8_ints sum, r8_ints scale, r8_ints dot) {
    return (r8_ints){{vmlaq_s32(sum.v[0], scale.v[0], dot.v[0]), vmlaq_s32(sum.v[1], scale.v[1], dot.v[1])}};
}
R8_INLINE void r8_put(float *to, r8_floats v) {
    vst1q_f32(to, v.v[0]);
    vst1q_f32(to + 4, v.v[1]);
}
R8_INLINE r8_floats r8_halfs(const uint16_t *d) {
    const float16x8_t h = vreinterpretq_f16_u16(vld1q_u16(d));
    return (r8_floats){{vcvt_f32_f16(vget_low_f16(h)), vcvt_high_f32_f16(h)}};
}
/* The 8 bytes of v from `first` on, 0 or 8, unsigned. */
R8_INLINE r8_ints r8_whole(uint8x16_t v, const int first) {
    const uint8x16_t one = {0, 255, 255, 255, 1, 255, 255, 255, 2, 255, 255, 255, 3, 255, 255, 255}; /* 255: zero */
    const uint8x16_t at = vaddq_u8(one, vreinterpretq_u8_u32(vdupq_n_u32((uint32_t)first)));
    const uint8x16_t next = vaddq_u8(at, vreinterpretq_u8_u32(vdupq_n_u32(4)));
    return (r8_ints){{vreinterpretq_s32_u8(vqtbl1q_u8(v, at)), vreinterpretq_s32_u8(vqtbl1q_u8(v, next))}};
}
R8_INLINE r8_floats r8_bytes(uint8x16_t v, const int first) { return r8_rounded(r8_whole(v, first)); }
R8_INLINE r8_ints r8_signed(int8x8_t v) {
    const int16x8_t w = vmovl_s8(v);
    return (r8_ints){{vmovl_s16(vget_low_s16(w)), vmovl_high_s16(w)}};
}
R8_INLINE r8_floats r8_signed_bytes(int8x8_t v) { return r8_rounded(r8_signed(v)); }
/* Each byte shifted by n, left where n > 0. */
R8_INLINE uint8x16_t r8_shift(uint8x16_t v, int n) { return vshlq_u8(v, vdupq_n_s8((int8_t)n)); }
R8_INLINE uint8x16_t r8_low(uint8x16_t v) { return vandq_u8(v, vdupq_n_u8(15)); }

/* ---- sums of products ------------------------------------------------------------------------ */

/* Of every token with 8 rows; what the registers hold in the meantime is the instruction set's own. */
#if defined(R8_SDOT)
enum { R8_PARTS = 2 };
#else
enum { R8_PARTS = 4 };
#endif
typedef struct { int32x4_t v[R8_GROUP_TOKENS][R8_PARTS]; } r8_dots;
/* 16 columns of 8 rows: w[half][j] holds the columns 4j + t of 4 rows as [row][t]. */
typedef struct { int8x16_t w[2][4]; } r8_weights;

/* Do n_tok tokens go two by two? */
#ifdef R8_SMMLA
#define R8_IN_PAIRS(n_tok) ((n_tok) % 2 == 0)
#else
#define R8_IN_PAIRS(n_tok) false
#endif

/* All sums of token t begin from offset[t], the same in every lane. */
R8_INLINE void r8_begin(r8_dots *s, const int32x4_t *offset, const int n_tok) {
    for (int t = 0; t < n_tok; t++)
        for (int i = 0; i < 2; i++) {
#ifdef R8_SDOT
            s->v[t][i] = R8_IN_PAIRS(n_tok) ? vzip1q_s32(offset[t / 2 * 2], offset[t / 2 * 2 + 1]) : offset[t];
#else
            s->v[t][i] = s->v[t][i + 2] = vzip1q_s32(offset[t], vdupq_n_s32(0));
#endif
        }
}

R8_INLINE void r8_begin_nil(r8_dots *s, const int n_tok) {
    int32x4_t nil[R8_GROUP_TOKENS];
    for (int t = 0; t < n_tok; t++) nil[t] = vdupq_n_s32(0);
    r8_begin(s, nil, n_tok);
}

/* Registers that hold something here: what is loaded into them is loaded by then, two at a time. */
#define R8_HOLD2(a, b) __asm__("" : "+w"(a), "+w"(b))
#define R8_HOLD8(v) \
    __asm__("" : "+w"((v)[0][0]), "+w"((v)[1][0]), "+w"((v)[0][1]), "+w"((v)[1][1]), "+w"((v)[0][2]), "+w"((v)[1][2]), "+w"((v)[0][3]), "+w"((v)[1][3]))

/* A factor that the compiler does not know: it would multiply in a general register and move the product back. */
R8_INLINE int32x4_t r8_factor(int factor) {
    int32x4_t v = vdupq_n_s32(factor);
    __asm__("" : "+w"(v));
    return v;
}

/* From `factor` times the sum of the activations of block b of 32. */
R8_INLINE void r8_begin_32(r8_dots *s, const act_view *a, int64_t b, int factor, const int n_tok) {
    const int32x4_t by = r8_factor(factor);
    int32x4_t       offset[R8_GROUP_TOKENS];
    for (int t = 0; t < n_tok; t++) {
        const int32x2_t two = vld1_s32(a[t].sum16 + 2 * b);
        offset[t] = vmulq_lane_s32(by, vpadd_s32(two, two), 0);
    }
    r8_begin(s, offset, n_tok);
}

/* The same of group g of 16. */
R8_INLINE void r8_begin_16(r8_dots *s, const act_view *a, int64_t g, int factor, const int n_tok) {
    const int32x4_t by = r8_factor(factor);
    int32x4_t       offset[R8_GROUP_TOKENS];
    for (int t = 0; t < n_tok; t++) offset[t] = vmulq_n_s32(by, a[t].sum16[g]);
    r8_begin(s, offset, n_tok);
}

#ifdef R8_SDOT
#define R8_STEP(s, t, w_, x, j) \
    for (int i = 0; i < 2; i++) (s)->v[t][i] = vdotq_laneq_s32((s)->v[t][i], (w_)->w[i][j], x, j);
#else
#define R8_LANE(x, j) vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), j))
#define R8_FIRST(to, w_, x, j) \
    for (int i = 0; i < 2; i++) { \
        (to)[i] = vmull_s8(vget_low_s8((w_)->w[i][j]), vget_low_s8(R8_LANE(x, j))); \
        (to)[i + 2] = vmull_high_s8((w_)->w[i][j], R8_LANE(x, j)); \
    }
#define R8_NEXT(to, w_, x, j) \
    for (int i = 0; i < 2; i++) { \
        (to)[i] = vmlal_s8((to)[i], vget_low_s8((w_)->w[i][j]), vget_low_s8(R8_LANE(x, j))); \
        (to)[i + 2] = vmlal_high_s8((to)[i + 2], (w_)->w[i][j], R8_LANE(x, j)); \
    }
R8_INLINE void r8_widen(int32x4_t to[4], const int16x8_t from[4]) {
    for (int i = 0; i < 4; i++) to[i] = vpadalq_s16(to[i], from[i]);
}
#endif

#ifdef R8_SMMLA
/* 8 columns, j = 0 or 2, of two rows meet those of two tokens: a register of sums is [row][token]. */
R8_INLINE void r8_dot_pairs(r8_dots *s, const r8_weights *w, const int8x16_t *x, const int n_tok) {
    for (int j = 0; j < 4; j += 2)
        for (int i = 0; i < 2; i++) {
            const int32x4_t a = vreinterpretq_s32_s8(w->w[i][j]), b = vreinterpretq_s32_s8(w->w[i][j + 1]);
            const int8x16_t first = vreinterpretq_s8_s32(vzip1q_s32(a, b)), last = vreinterpretq_s8_s32(vzip2q_s32(a, b));
            for (int t = 0; t < n_tok; t += 2) {
                const int64x2_t y = vreinterpretq_s64_s8(x[t]), z = vreinterpretq_s64_s8(x[t + 1]);
                const int8x16_t both = vreinterpretq_s8_s64(j ? vzip2q_s64(y, z) : vzip1q_s64(y, z));
                s->v[t][i] = vmmlaq_s32(s->v[t][i], first, both);
                s->v[t + 1][i] = vmmlaq_s32(s->v[t + 1][i], last, both);
            }
        }
}
#endif

/* Adds 16 columns of weights of so many bits times the activations x of token t. */
R8_INLINE void r8_dot_one(r8_dots *s, int t, const r8_weights *w, int8x16_t x, const int bits) {
#ifdef R8_SDOT
    (void)bits;
    R8_STEP(s, t, w, x, 0)
    R8_STEP(s, t, w, x, 1)
    R8_STEP(s, t, w, x, 2)
    R8_STEP(s, t, w, x, 3)
#else
    int16x8_t sum[4];
    R8_FIRST(sum, w, x, 0)
    R8_NEXT(sum, w, x, 1)
    if (bits > 6) {
        r8_widen(s->v[t], sum);
        R8_FIRST(sum, w, x, 2)
    } else {
        R8_NEXT(sum, w, x, 2)
    }
    R8_NEXT(sum, w, x, 3)
    r8_widen(s->v[t], sum);
#endif
}

/* Adds 16 columns, whose activations begin at a[t].q[at]. */
R8_INLINE void r8_dot16(r8_dots *s, const r8_weights *w, const act_view *a, int64_t at, const int n_tok, const int bits) {
#ifdef R8_SMMLA
    if (R8_IN_PAIRS(n_tok)) {
        int8x16_t x[R8_GROUP_TOKENS];
        for (int t = 0; t < n_tok; t++) x[t] = vld1q_s8(a[t].q + at);
        r8_dot_pairs(s, w, x, n_tok);
        return;
    }
#endif
    for (int t = 0; t < n_tok; t++) r8_dot_one(s, t, w, vld1q_s8(a[t].q + at), bits);
}

/* Adds 32 columns. */
R8_INLINE void r8_dot32(r8_dots *s, const r8_weights *lo, const r8_weights *hi, const act_view *a, int64_t at, const int n_tok, const int bits) {
    if (n_tok == 1) {
        int8x16_t x = vld1q_s8(a[0].q + at), y = vld1q_s8(a[0].q + at + 16);
        R8_HOLD2(x, y);
        r8_dot_one(s, 0, lo, x, bits);
        r8_dot_one(s, 0, hi, y, bits);
        return;
    }
    r8_dot16(s, lo, a, at, n_tok, bits);
    r8_dot16(s, hi, a, at + 16, n_tok, bits);
}

R8_INLINE r8_ints r8_end(const r8_dots *s, int t, const int n_tok) {
    r8_ints r;
    for (int i = 0; i < 2; i++) {
#ifdef R8_SDOT
        const int32x4_t first = s->v[t / 2 * 2][i], last = s->v[t / 2 * 2 + (n_tok > 1)][i];
        r.v[i] = !R8_IN_PAIRS(n_tok) ? s->v[t][i] : t % 2 ? vuzp2q_s32(first, last) : vuzp1q_s32(first, last);
#else
        (void)n_tok;
        r.v[i] = vpaddq_s32(s->v[t][i], s->v[t][i + 2]);
#endif
    }
    return r;
}

/* sum = fma(d * s, dot, sum): a block's part of what formats of blocks of 32 add up. */
R8_INLINE r8_floats r8_scaled(r8_floats d, float s, r8_ints dot, r8_floats sum) { return r8_fma(r8_times(d, s), r8_rounded(dot), sum); }

/* ---- unpacking ---------------------------------------------------------------------------------- */

/* 4 times 4 columns of 8 rows as they lie in memory, one field of each byte or the other. */
typedef struct { uint8x16_t v[2][4]; } r8_raw;
R8_INLINE r8_raw r8_load(const uint8_t q[4][8][4]) {
    r8_raw r;
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 2; i++) r.v[i][j] = vld1q_u8(q[j][4 * i]);
    return r;
}

#define R8_EACH(expression) \
    r8_weights to; \
    for (int j = 0; j < 4; j++) \
        for (int i = 0; i < 2; i++) to.w[i][j] = vreinterpretq_s8_u8(expression); \
    return to;

R8_INLINE r8_weights r8_lows(const r8_raw *r) { R8_EACH(r8_low(r->v[i][j])) }
R8_INLINE r8_weights r8_highs(const r8_raw *r) { R8_EACH(vshrq_n_u8(r->v[i][j], 4)) }

/* 16 where the bit is set in h, on top of what a nibble gave: minus 16 times the -1 of a comparison. */
R8_INLINE uint8x16_t r8_sixteen(uint8x16_t nibble, uint8x16_t h, int bit) {
    return vmlsq_u8(nibble, vtstq_u8(h, vdupq_n_u8((uint8_t)(1 << bit))), vdupq_n_u8(16));
}

/* The values that IQ4 codes stand for. */
R8_INLINE r8_weights r8_codes(r8_weights codes) {
    const int8x16_t values = vld1q_s8(iq4_values);
    R8_EACH(vreinterpretq_u8_s8(vqtbl1q_s8(values, vreinterpretq_u8_s8(codes.w[i][j]))))
}

/* 32 columns of nibbles. */
R8_INLINE void r8_dot_nibbles(r8_dots *s, const uint8_t q[4][8][4], const act_view *a, int64_t at, const int n_tok) {
    const r8_raw     r = r8_load(q);
    const r8_weights lo = r8_lows(&r), hi = r8_highs(&r);
    r8_dot32(s, &lo, &hi, a, at, n_tok, 4);
}

/* 32 columns of codes. */
R8_INLINE void r8_dot_codes(r8_dots *s, const uint8_t q[4][8][4], const act_view *a, int64_t at, const int n_tok) {
    const r8_raw     r = r8_load(q);
    const r8_weights lo = r8_codes(r8_lows(&r)), hi = r8_codes(r8_highs(&r));
    r8_dot32(s, &lo, &hi, a, at, n_tok, 8);
}

/* 32 columns of nibbles with their fifth bits, bit k of h[half] for the columns 4k + t. */
R8_INLINE void r8_fives(r8_weights *lo, r8_weights *hi, const uint8_t q[4][8][4], const uint8_t qh[8][4]) {
    const r8_raw     r = r8_load(q);
    const uint8x16_t h[2] = {vld1q_u8(qh[0]), vld1q_u8(qh[4])};
    *lo = r8_lows(&r), *hi = r8_highs(&r);
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 2; i++) {
            lo->w[i][j] = vreinterpretq_s8_u8(r8_sixteen(vreinterpretq_u8_s8(lo->w[i][j]), h[i], j));
            hi->w[i][j] = vreinterpretq_s8_u8(r8_sixteen(vreinterpretq_u8_s8(hi->w[i][j]), h[i], 4 + j));
        }
}

R8_INLINE void r8_dot_fives(r8_dots *s, const uint8_t q[4][8][4], const uint8_t qh[8][4], const act_view *a, int64_t at, const int n_tok) {
    r8_weights lo, hi;
    r8_fives(&lo, &hi, q, qh);
    r8_dot32(s, &lo, &hi, a, at, n_tok, 5);
}

/* ---- tiles: n blocks of 8 rows against n_tok tokens, added to acc and am ------------------------------ */

#define R8_TILE(id) \
    R8_INLINE void r8_add_##id(r8_floats *acc, r8_floats *am, const r8_##id *p, const act_view *a, int64_t n, const int n_tok)

/* x[t] = a[t], which may be x[t], from block b of 32 on.  One token's are kept as plain addresses: loads of neighbours are
 * then one. */
R8_INLINE void r8_from(act_view *x, const act_view *a, int64_t b, const int n_tok) {
    for (int t = 0; t < n_tok; t++) {
        x[t].q = a[t].q + 32 * b;
        x[t].s = a[t].s + b;
        x[t].ms = a[t].ms + b;
        x[t].sum16 = a[t].sum16 + 2 * b;
        if (n_tok > 1) continue;
        __asm__("" : "+r"(x[t].q));
        __asm__("" : "+r"(x[t].s));
        __asm__("" : "+r"(x[t].ms));
        __asm__("" : "+r"(x[t].sum16));
    }
}

/* A block of 32 columns: the b-th one of p, and of what `a` begins with. */
#define R8_BLOCK(id) R8_INLINE void r8_flat_##id(r8_floats *acc, r8_floats *am, const r8_##id *p, const act_view *a, int64_t b, const int n_tok)

/* Two blocks at a time share the steps of the loop, and loads of their scales. */
#define R8_FLAT(id) \
    R8_TILE(id) { \
        const r8_##id *const last = p + n / 2 * 2; \
        act_view             x[R8_GROUP_TOKENS]; \
        r8_from(x, a, 0, n_tok); \
        for (; p != last; p += 2) { \
            r8_flat_##id(acc, am, p, x, 0, n_tok); \
            r8_flat_##id(acc, am, p + 1, x, 1, n_tok); \
            r8_from(x, x, 2, n_tok); \
        } \
        if (n % 2) r8_flat_##id(acc, am, p, x, 0, n_tok); \
    }

R8_BLOCK(q4_0) {
    (void)am;
    const r8_floats d = r8_halfs(p->d);
    r8_dots         s;
    r8_begin_32(&s, a, b, -8, n_tok);
    r8_dot_nibbles(&s, p->q, a, b * 32, n_tok);
    for (int t = 0; t < n_tok; t++) acc[t] = r8_scaled(d, a[t].s[b], r8_end(&s, t, n_tok), acc[t]);
}
R8_FLAT(q4_0)

R8_BLOCK(q5_0) {
    (void)am;
    const r8_floats d = r8_halfs(p->d);
    r8_dots         s;
    r8_begin_32(&s, a, b, -16, n_tok);
    r8_dot_fives(&s, p->q, p->qh, a, b * 32, n_tok);
    for (int t = 0; t < n_tok; t++) acc[t] = r8_scaled(d, a[t].s[b], r8_end(&s, t, n_tok), acc[t]);
}
R8_FLAT(q5_0)

R8_BLOCK(q8_0) {
    (void)am;
    const r8_floats d = r8_halfs(p->d);
    r8_dots         s;
    r8_begin_nil(&s, n_tok);
    r8_weights w[2];
    for (int k = 0; k < 2; k++) {
        for (int j = 0; j < 4; j++)
            for (int i = 0; i < 2; i++) w[k].w[i][j] = vld1q_s8(p->q[4 * k + j][4 * i]);
        R8_HOLD8(w[k].w);
    }
    r8_dot32(&s, &w[0], &w[1], a, b * 32, n_tok, 8);
    for (int t = 0; t < n_tok; t++) acc[t] = r8_scaled(d, a[t].s[b], r8_end(&s, t, n_tok), acc[t]);
}
R8_FLAT(q8_0)

R8_BLOCK(iq4_nl) {
    (void)am;
    const r8_floats d = r8_halfs(p->d);
    r8_dots         s;
    r8_begin_nil(&s, n_tok);
    r8_dot_codes(&s, p->q, a, b * 32, n_tok);
    for (int t = 0; t < n_tok; t++) acc[t] = r8_scaled(d, a[t].s[b], r8_end(&s, t, n_tok), acc[t]);
}
R8_FLAT(iq4_nl)

/* What mins take off: am = fma(-m, ms, am). */
R8_INLINE r8_floats r8_min_off(r8_floats m, float ms, r8_floats am) {
    return (r8_floats){{vfmsq_n_f32(am.v[0], m.v[0], ms), vfmsq_n_f32(am.v[1], m.v[1], ms)}};
}

R8_BLOCK(q4_1) {
    const r8_floats d = r8_halfs(p->d), m = r8_halfs(p->m);
    r8_dots         s;
    r8_begin_nil(&s, n_tok);
    r8_dot_nibbles(&s, p->q, a, b * 32, n_tok);
    for (int t = 0; t < n_tok; t++) {
        acc[t] = r8_scaled(d, a[t].s[b], r8_end(&s, t, n_tok), acc[t]);
        am[t] = r8_min_off(m, a[t].ms[b], am[t]);
    }
}
R8_FLAT(q4_1)

R8_BLOCK(q5_1) {
    const r8_floats d = r8_halfs(p->d), m = r8_halfs(p->m);
    r8_dots         s;
    r8_begin_nil(&s, n_tok);
    r8_dot_fives(&s, p->q, p->qh, a, b * 32, n_tok);
    for (int t = 0; t < n_tok; t++) {
        acc[t] = r8_scaled(d, a[t].s[b], r8_end(&s, t, n_tok), acc[t]);
        am[t] = r8_min_off(m, a[t].ms[b], am[t]);
    }
}
R8_FLAT(q5_1)

/* The scales and mins of the sub-blocks 2i and 2i + 1 of Q4_K and Q5_K as bytes [sub][row]. */
R8_INLINE void r8_sub_scales(uint8x16_t *sc, uint8x16_t *m, const uint8_t sl[8][8], const uint8_t sh[4][8], const int i) {
    const uint8x16_t l = vld1q_u8(sl[2 * i]), h = vld1q_u8(sh[i % 2 * 2]), six = vdupq_n_u8(63);
    /* Two high bits on top of a nibble; the bits above them are cut off. */
    *sc = vandq_u8(i < 2 ? vsliq_n_u8(l, h, 4) : vbslq_u8(vdupq_n_u8(15), l, h), six);
    *m = vandq_u8(vsriq_n_u8(i < 2 ? vshlq_n_u8(h, 2) : vshrq_n_u8(h, 2), l, 4), six);
}

/* Q4_K and Q5_K, whose `fives` are given: the parts of a block are named by the caller. */
R8_INLINE void r8_superblock(r8_floats *acc, r8_floats *am, const uint16_t *d, const uint16_t *dmin, const uint8_t sl[8][8], const uint8_t sh[4][8],
                             const uint8_t q[8][4][8][4], const r8_q5_k *fives, const act_view *from, int64_t first, const int n_tok) {
    r8_floats fs[R8_GROUP_TOKENS], fm[R8_GROUP_TOKENS];
    act_view  a[R8_GROUP_TOKENS];
    r8_from(a, from, first, n_tok);
    for (int t = 0; t < n_tok; t++) fs[t] = fm[t] = r8_nil();
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        uint8x16_t sc, m;
        r8_sub_scales(&sc, &m, sl, sh, i);
#pragma GCC unroll 2
        for (int k = 0; k < 2; k++) {
            const int sub = 2 * i + k;
            r8_dots   s;
            r8_begin_nil(&s, n_tok);
            if (fives) r8_dot_fives(&s, fives->sub[sub].q, fives->sub[sub].qh, a, sub * 32, n_tok);
            else r8_dot_nibbles(&s, q[sub], a, sub * 32, n_tok);
            const r8_ints   scale = r8_whole(sc, 8 * k);
            const r8_floats min = r8_bytes(m, 8 * k);
            for (int t = 0; t < n_tok; t++) {
                fs[t] = r8_fma_by(r8_rounded(r8_mul_ints(scale, r8_end(&s, t, n_tok))), a[t].s[sub], fs[t]);
                fm[t] = r8_fma_by(min, a[t].ms[sub], fm[t]);
            }
        }
    }
    const r8_floats dv = r8_halfs(d), mv = r8_halfs(dmin);
    for (int t = 0; t < n_tok; t++) {
        acc[t] = r8_fma(fs[t], dv, acc[t]);
        am[t] = r8_fma(fm[t], mv, am[t]);
    }
}

R8_TILE(q4_k) {
    for (int64_t b = 0; b < n; b++, p++) r8_superblock(acc, am, p->d, p->dmin, p->sl, p->sh, p->q, NULL, a, b * 8, n_tok);
}

R8_TILE(q5_k) {
    for (int64_t b = 0; b < n; b++, p++) r8_superblock(acc, am, p->d, p->dmin, p->sl, p->sh, NULL, p, a, b * 8, n_tok);
}

/* The fourth six bits of three bytes: the high pairs, the first one lowest. */
R8_INLINE uint8x16_t r8_fourth(uint8x16_t first, uint8x16_t second, uint8x16_t third) {
    return vshrq_n_u8(vsriq_n_u8(vsriq_n_u8(third, second, 2), first, 4), 2);
}

/* Group k = 0..3 of 16 columns of a chunk of Q6_K. */
R8_INLINE r8_weights r8_sixes(const uint8_t q[4][3][8][4], const int k) {
    r8_weights w;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++) {
            const uint8x16_t v = k < 3 ? vandq_u8(vld1q_u8(q[j][k][4 * i]), vdupq_n_u8(63))
                                       : r8_fourth(vld1q_u8(q[j][0][4 * i]), vld1q_u8(q[j][1][4 * i]), vld1q_u8(q[j][2][4 * i]));
            w.w[i][j] = vreinterpretq_s8_u8(v);
        }
    return w;
}

#ifdef R8_SDOT
/* 4 columns of each of the four groups: three bytes hold four weights. */
#define R8_SIXES(j) \
    { \
        uint8x16_t v[3][2]; \
        for (int k = 0; k < 3; k++) { \
            for (int i = 0; i < 2; i++) v[k][i] = vld1q_u8(q[j][k][4 * i]); \
            R8_HOLD2(v[k][0], v[k][1]); \
        } \
        for (int i = 0; i < 2; i++) { \
            const uint8x16_t last = r8_fourth(v[0][i], v[1][i], v[2][i]); \
            for (int k = 0; k < 3; k++) s[k].v[0][i] = vdotq_laneq_s32(s[k].v[0][i], vreinterpretq_s8_u8(vandq_u8(v[k][i], six)), x[k], j); \
            s[3].v[0][i] = vdotq_laneq_s32(s[3].v[0][i], vreinterpretq_s8_u8(last), x[3], j); \
        } \
    }

/* A chunk of 64 columns, the c-th one of a[0], against one token: all of it is read once. */
R8_INLINE r8_floats r8_chunk(r8_floats fs, const uint8_t q[4][3][8][4], const int8_t sc[4][8], const act_view *a, const int c) {
    const uint8x16_t six = vdupq_n_u8(63);
    const int8x16_t  scales[2] = {vld1q_s8(sc[0]), vld1q_s8(sc[2])};
    int8x16_t        x[4];
    r8_dots          s[4];
    for (int k = 0; k < 4; k++) {
        x[k] = vld1q_s8(a->q + c * 64 + k * 16);
        r8_begin_16(&s[k], a, c * 4 + k, -32, 1);
    }
    R8_SIXES(0)
    R8_SIXES(1)
    R8_SIXES(2)
    R8_SIXES(3)
    for (int k = 0; k < 2; k++) {
        const r8_ints sum = r8_mul_ints(r8_signed(vget_low_s8(scales[k])), r8_end(&s[2 * k], 0, 1));
        fs = r8_fma_by(r8_rounded(r8_add_ints(sum, r8_signed(vget_high_s8(scales[k])), r8_end(&s[2 * k + 1], 0, 1))), a->s[c * 2 + k], fs);
    }
    return fs;
}
#endif

R8_TILE(q6_k) {
    (void)am;
    for (int64_t b = 0; b < n; b++, p++) {
        r8_floats fs[R8_GROUP_TOKENS];
        act_view  x[R8_GROUP_TOKENS];
        r8_from(x, a, b * 8, n_tok);
        for (int t = 0; t < n_tok; t++) fs[t] = r8_nil();
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) {
#ifdef R8_SDOT
            if (n_tok == 1) {
                fs[0] = r8_chunk(fs[0], p->q[c], p->sc + 4 * c, x, c);
                continue;
            }
#endif
            for (int pair = 0; pair < 2; pair++) { /* two groups of 16 share an activation scale */
                r8_ints sum[R8_GROUP_TOKENS];
                for (int t = 0; t < n_tok; t++) sum[t] = (r8_ints){{vdupq_n_s32(0), vdupq_n_s32(0)}};
                for (int k = 2 * pair; k < 2 * pair + 2; k++) {
                    const int        g = c * 4 + k;
                    const r8_weights w = r8_sixes(p->q[c], k);
                    r8_dots          s;
                    r8_begin_16(&s, x, g, -32, n_tok);
                    r8_dot16(&s, &w, x, g * 16, n_tok, 6);
                    const r8_ints scale = r8_signed(vld1_s8(p->sc[g]));
                    for (int t = 0; t < n_tok; t++) sum[t] = r8_add_ints(sum[t], scale, r8_end(&s, t, n_tok));
                }
                for (int t = 0; t < n_tok; t++) fs[t] = r8_fma_by(r8_rounded(sum[t]), x[t].s[c * 2 + pair], fs[t]);
            }
        }
        const r8_floats d = r8_halfs(p->d);
        for (int t = 0; t < n_tok; t++) acc[t] = r8_fma(fs[t], d, acc[t]);
    }
}

/* Signed scales of 6 bits, from which 32 is taken off: a nibble and two high bits, moved to their place. */
R8_INLINE int8x16_t r8_biased(uint8x16_t nibble, uint8x16_t high) {
    return vreinterpretq_s8_u8(vsubq_u8(vorrq_u8(nibble, vandq_u8(high, vdupq_n_u8(0x30))), vdupq_n_u8(32)));
}

/* The scales of the sub-blocks 2i and 2i + 1 of IQ4_XS as bytes [sub][row]. */
R8_INLINE int8x16_t r8_xs_scales(const uint8_t sl[4][8], const uint8_t sh[2][8], const int i) {
    const uint8x16_t l = vld1q_u8(sl[i % 2 * 2]);
    return r8_biased(i < 2 ? r8_low(l) : vshrq_n_u8(l, 4), r8_shift(vld1q_u8(sh[0]), 4 - 2 * i));
}

R8_TILE(iq4_xs) {
    (void)am;
    for (int64_t b = 0; b < n; b++, p++) {
        r8_floats fs[R8_GROUP_TOKENS];
        for (int t = 0; t < n_tok; t++) fs[t] = r8_nil();
        for (int i = 0; i < 4; i++) { /* sub-blocks 2i and 2i + 1 */
            const int8x16_t sc = r8_xs_scales(p->sl, p->sh, i);
            for (int k = 0; k < 2; k++) {
                const int64_t at = b * 8 + 2 * i + k;
                r8_dots       s;
                r8_begin_nil(&s, n_tok);
                r8_dot_codes(&s, p->q[2 * i + k], a, at * 32, n_tok);
                const r8_ints scale = r8_signed(k ? vget_high_s8(sc) : vget_low_s8(sc));
                for (int t = 0; t < n_tok; t++) fs[t] = r8_fma_by(r8_rounded(r8_mul_ints(scale, r8_end(&s, t, n_tok))), a[t].s[at], fs[t]);
            }
        }
        const r8_floats d = r8_halfs(p->d);
        for (int t = 0; t < n_tok; t++) acc[t] = r8_fma(fs[t], d, acc[t]);
    }
}

/* The scales of the groups 2k (i = 0) and 2k + 1 (i = 1), from bytes [row][i]. */
R8_INLINE r8_ints r8_group_scales(int8x16_t both, const int i) {
    const int16x8_t v = vreinterpretq_s16_s8(both), one = vshrq_n_s16(i ? v : vshlq_n_s16(v, 8), 8);
    return (r8_ints){{vmovl_s16(vget_low_s16(one)), vmovl_high_s16(one)}};
}

/* Group k = 0..3 of 16 columns of a chunk of Q2_K. */
R8_INLINE r8_weights r8_twos(const uint8_t q[4][8][4], const int k) {
    const r8_raw r = r8_load(q);
    R8_EACH(vandq_u8(r8_shift(r.v[i][j], -2 * k), vdupq_n_u8(3)))
}

R8_TILE(q2_k) {
    for (int64_t b = 0; b < n; b++, p++) {
        r8_floats fs[R8_GROUP_TOKENS], fm[R8_GROUP_TOKENS];
        for (int t = 0; t < n_tok; t++) fs[t] = fm[t] = r8_nil();
        for (int c = 0; c < 8; c++) { /* 32 columns: groups of 16 */
            const int64_t    at = b * 8 + c;
            const uint8x16_t both = vld1q_u8(p->sc[c][0]);
            r8_ints          sum[R8_GROUP_TOKENS], mins[R8_GROUP_TOKENS];
            for (int t = 0; t < n_tok; t++) sum[t] = mins[t] = (r8_ints){{vdupq_n_s32(0), vdupq_n_s32(0)}};
            for (int i = 0; i < 2; i++) {
                const r8_weights w = r8_twos(p->q[c / 2], c % 2 * 2 + i);
                const r8_ints    scale = r8_group_scales(vreinterpretq_s8_u8(r8_low(both)), i);
                const r8_ints    min = r8_group_scales(vreinterpretq_s8_u8(vshrq_n_u8(both, 4)), i);
                r8_dots          s;
                r8_begin_nil(&s, n_tok);
                r8_dot16(&s, &w, a, at * 32 + i * 16, n_tok, 2);
                for (int t = 0; t < n_tok; t++) {
                    const int32x4_t s16 = vdupq_n_s32(a[t].sum16[2 * at + i]);
                    sum[t] = r8_add_ints(sum[t], scale, r8_end(&s, t, n_tok));
                    mins[t] = r8_add_ints(mins[t], min, (r8_ints){{s16, s16}});
                }
            }
            for (int t = 0; t < n_tok; t++) {
                fs[t] = r8_fma_by(r8_rounded(sum[t]), a[t].s[at], fs[t]);
                fm[t] = r8_fma_by(r8_rounded(mins[t]), a[t].s[at], fm[t]);
            }
        }
        const r8_floats d = r8_halfs(p->d), dmin = r8_halfs(p->dmin);
        for (int t = 0; t < n_tok; t++) {
            acc[t] = r8_fma(fs[t], d, acc[t]);
            am[t] = r8_fma(fm[t], dmin, am[t]);
        }
    }
}

/* Group k = 0..3 of 16 columns of a chunk of Q3_K.  Fields of groups k and k + 2 are a nibble apart, in q and in qh. */
R8_INLINE r8_weights r8_threes(const uint8_t q[4][8][4], const uint8_t qh[2][8][4], const int k) {
    const uint8x16_t pair = vdupq_n_u8(0x33), third = vdupq_n_u8(0x44);
    r8_raw           r = r8_load(q);
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 2; i++) {
            const uint8x16_t h = r8_shift(vld1q_u8(qh[j / 2][4 * i]), 2 - j % 2 * 2 - k % 2);
            r.v[i][j] = vorrq_u8(vandq_u8(r8_shift(r.v[i][j], -2 * (k % 2)), pair), vandq_u8(h, third));
        }
    return k < 2 ? r8_lows(&r) : r8_highs(&r);
}

/* The scales of the groups 2c and 2c + 1 of Q3_K, bytes [row][i]. */
R8_INLINE int8x16_t r8_threes_scales(const uint8_t sl[4][8][2], const uint8_t sh[2][8][2], const int c) {
    const uint8x16_t l = vld1q_u8(sl[c % 4][0]), high = vld1q_u8(sh[c % 2][0]);
    return r8_biased(c < 4 ? r8_low(l) : vshrq_n_u8(l, 4), r8_shift(high, 4 - c / 2 * 2));
}

R8_TILE(q3_k) {
    (void)am;
    for (int64_t b = 0; b < n; b++, p++) {
        r8_floats fs[R8_GROUP_TOKENS];
        for (int t = 0; t < n_tok; t++) fs[t] = r8_nil();
        for (int c = 0; c < 8; c++) { /* 32 columns: groups of 16 */
            const int64_t    at = b * 8 + c;
            const int8x16_t both = r8_threes_scales(p->sl, p->sh, c);
            r8_ints         sum[R8_GROUP_TOKENS];
            for (int t = 0; t < n_tok; t++) sum[t] = (r8_ints){{vdupq_n_s32(0), vdupq_n_s32(0)}};
            for (int i = 0; i < 2; i++) {
                const r8_weights w = r8_threes(p->q[c / 2], p->qh[c / 2], c % 2 * 2 + i);
                const r8_ints    scale = r8_group_scales(both, i);
                r8_dots          s;
                r8_begin_16(&s, a, 2 * at + i, -4, n_tok);
                r8_dot16(&s, &w, a, at * 32 + i * 16, n_tok, 3);
                for (int t = 0; t < n_tok; t++) sum[t] = r8_add_ints(sum[t], scale, r8_end(&s, t, n_tok));
            }
            for (int t = 0; t < n_tok; t++) fs[t] = r8_fma_by(r8_rounded(sum[t]), a[t].s[at], fs[t]);
        }
        const r8_floats d = r8_halfs(p->d);
        for (int t = 0; t < n_tok; t++) acc[t] = r8_fma(fs[t], d, acc[t]);
    }
}

#include "r8_products.h"

#define R8_ALL_MORE \
    R8_MORE(Q4_0, q4_0) R8_MORE(Q8_0, q8_0) R8_MORE(Q4_K, q4_k) R8_MORE(Q5_K, q5_k) R8_MORE(Q6_K, q6_k) R8_MORE(Q4_1, q4_1) \
    R8_MORE(Q5_0, q5_0) R8_MORE(Q5_1, q5_1) R8_MORE(IQ4_NL, iq4_nl) R8_MORE(IQ4_XS, iq4_xs) R8_MORE(Q2_K, q2_k) R8_MORE(Q3_K, q3_k)
/* The positions are rows of packed weights, the queries tokens. */
#define R8_SCORES(products) \
    static void scores_q8(float *s, int64_t lds, const void *q, int64_t n_q, const void *k, int64_t n, int64_t d) { \
        products(s, lds, k, n / 8, d, q, n_q); \
    }
#define R8_ALL_PACKED \
    [TYPE_Q4_0] = packed_q4_0, [TYPE_Q8_0] = packed_q8_0, [TYPE_Q4_K] = packed_q4_k, [TYPE_Q5_K] = packed_q5_k, [TYPE_Q6_K] = packed_q6_k, \
    [TYPE_Q4_1] = packed_q4_1, [TYPE_Q5_0] = packed_q5_0, [TYPE_Q5_1] = packed_q5_1, [TYPE_IQ4_NL] = packed_iq4_nl, \
    [TYPE_IQ4_XS] = packed_iq4_xs, [TYPE_Q2_K] = packed_q2_k, [TYPE_Q3_K] = packed_q3_k
#define R8_ALL_MATMUL \
    [TYPE_Q4_0] = matmul_q4_0, [TYPE_Q8_0] = matmul_q8_0, [TYPE_Q4_K] = matmul_q4_k, [TYPE_Q5_K] = matmul_q5_k, [TYPE_Q6_K] = matmul_q6_k, \
    [TYPE_Q4_1] = matmul_q4_1, [TYPE_Q5_0] = matmul_q5_0, [TYPE_Q5_1] = matmul_q5_1, [TYPE_IQ4_NL] = matmul_iq4_nl, \
    [TYPE_IQ4_XS] = matmul_iq4_xs, [TYPE_Q2_K] = matmul_q2_k, [TYPE_Q3_K] = matmul_q3_k
#endif
