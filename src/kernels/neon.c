/* neon.c - ARMv8's baseline: 128-bit registers, fused products, half floats.
 *
 * Comparisons with NaN decide as in scalar.c: where it says `x > m ? x : m`, a comparison and a selection do. */
#include "../cpu.h"
#include "r8_neon.h"
#include <math.h>

#define INLINE static inline __attribute__((always_inline))

R8_ALL_MORE
R8_SCORES(packed_q8_0)

/* ---- float weights -------------------------------------------------------------- */

R8_INLINE r8_floats r8_wide_f32(const float *p) { return (r8_floats){{vld1q_f32(p), vld1q_f32(p + 4)}}; }
R8_INLINE r8_floats r8_wide_f16(const uint16_t *p) { return r8_halfs(p); }
R8_INLINE r8_floats r8_wide_bf16(const uint16_t *p) {
    const uint16x8_t v = vld1q_u16(p);
    return (r8_floats){{vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(v), 16)), vreinterpretq_f32_u32(vshll_high_n_u16(v, 16))}};
}

#include "r8_float.h"
R8_ALL_FLOATS

INLINE void panel_tile(float *acc, const float *panel, int64_t k, const float *x, int64_t ldx, const int n) {
    r8_floats v[8];
    for (int t = 0; t < n; t++) v[t] = r8_wide_f32(acc + 8 * t);
    for (int64_t i = 0; i < k; i++) {
        const r8_floats w = r8_wide_f32(panel + 8 * i);
        for (int t = 0; t < n; t++) v[t] = r8_fma_by(w, x[t * ldx + i], v[t]);
    }
    for (int t = 0; t < n; t++) r8_put(acc + 8 * t, v[t]);
}

static void matmul_panel(float *acc, const float *panel, int64_t k, const float *x, int64_t ldx, int64_t n_tok) {
    int64_t t = 0;
    for (; t + 8 <= n_tok; t += 8) panel_tile(acc + t * 8, panel, k, x + t * ldx, ldx, 8);
    for (; t + 2 <= n_tok; t += 2) panel_tile(acc + t * 8, panel, k, x + t * ldx, ldx, 2);
    for (; t < n_tok; t++) panel_tile(acc + t * 8, panel, k, x + t * ldx, ldx, 1);
}

static void panel_from_rows(float *panel, const float *rows, int64_t ld, int64_t k) {
    int64_t i = 0;
    for (; i + 4 <= k; i += 4)
        for (int half = 0; half < 2; half++) {
            const float      *from = rows + half * 4 * ld + i;
            float            *to = panel + i * 8 + half * 4;
            const float32x4_t a = vld1q_f32(from), b = vld1q_f32(from + ld), c = vld1q_f32(from + 2 * ld), d = vld1q_f32(from + 3 * ld);
            const float32x4_t ac0 = vzip1q_f32(a, c), ac1 = vzip2q_f32(a, c), bd0 = vzip1q_f32(b, d), bd1 = vzip2q_f32(b, d);
            vst1q_f32(to, vzip1q_f32(ac0, bd0));
            vst1q_f32(to + 8, vzip2q_f32(ac0, bd0));
            vst1q_f32(to + 16, vzip1q_f32(ac1, bd1));
            vst1q_f32(to + 24, vzip2q_f32(ac1, bd1));
        }
    for (; i < k; i++)
        for (int j = 0; j < 8; j++) panel[i * 8 + j] = rows[j * ld + i];
}

static void f16_row(float *dst, const uint16_t *src, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) r8_put(dst + i, r8_halfs(src + i));
    for (; i < n; i++) dst[i] = f16_to_f32(src[i]);
}

static void f32_row(uint16_t *dst, const float *src, int64_t n) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) vst1_u16(dst + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(src + i))));
    for (; i < n; i++) dst[i] = f32_to_f16(src[i]);
}

/* ---- activations ------------------------------------------------------------------ */

static void act_from_f32(void *dst, const float *src, int64_t n) {
    act_view a = act_of(dst, n);
    int8_t  *q = (int8_t *)(uintptr_t)a.q;
    float   *s = (float *)(uintptr_t)a.s, *ms = (float *)(uintptr_t)a.ms;
    int32_t *sum16 = (int32_t *)(uintptr_t)a.sum16;
    int16_t (*pair32)[2] = (void *)(uintptr_t)a.pair32, (*pair16)[2] = (void *)(uintptr_t)a.pair16;
    for (int64_t b = 0; b < n / 32; b++, src += 32, q += 32) {
        /* The largest magnitude is found among the bit patterns, where NaN is above infinity. */
        float32x4_t x[8];
        int32x4_t   v[8];
        uint32x4_t  top = vdupq_n_u32(0);
        for (int i = 0; i < 8; i++) {
            x[i] = vld1q_f32(src + 4 * i);
            top = vmaxq_u32(top, vreinterpretq_u32_f32(vabsq_f32(x[i])));
        }
        const uint32_t bits = vmaxvq_u32(top);
        float          amax;
        memcpy(&amax, &bits, 4);
        const bool finite = bits < 0x7f800000, some = finite && amax >= 1e-30f;
        if (!some) {
            memset(q, 0, 32);
            s[b] = finite ? 0 : NAN;
            ms[b] = s[b] * 0.0f;
            memset(sum16 + 2 * b, 0, 2 * sizeof *sum16);
            memset(pair32 + b, 0, sizeof *pair32);
            memset(pair16 + 2 * b, 0, 2 * sizeof *pair16);
            continue;
        }
        const float id = 127.0f / amax;
        for (int i = 0; i < 8; i++) v[i] = vcvtnq_s32_f32(vmulq_n_f32(x[i], id));
        /* Lane i: the columns k with k % 4 = i. */
        const int32x4_t first = vaddq_s32(vaddq_s32(v[0], v[1]), vaddq_s32(v[2], v[3])), last = vaddq_s32(vaddq_s32(v[4], v[5]), vaddq_s32(v[6], v[7]));
        const int32x4_t pairs = vpaddq_s32(first, last);
        vst1_s32(sum16 + 2 * b, vpadd_s32(vget_low_s32(pairs), vget_high_s32(pairs)));
        vst1_s16(pair16[2 * b], vmovn_s32(pairs));
        for (int i = 0; i < 2; i++) pair32[b][i] = (int16_t)(pair16[2 * b][i] + pair16[2 * b + 1][i]);
        for (int i = 0; i < 8; i += 4)
            vst1q_s8(q + 4 * i, vcombine_s8(vmovn_s16(vcombine_s16(vmovn_s32(v[i]), vmovn_s32(v[i + 1]))),
                                            vmovn_s16(vcombine_s16(vmovn_s32(v[i + 2]), vmovn_s32(v[i + 3])))));
        s[b] = amax / 127.0f;
        ms[b] = s[b] * (float)(sum16[2 * b] + sum16[2 * b + 1]);
    }
}

/* ---- vectors ------------------------------------------------------------------------- */

/* A sum in 16 lanes, lane j in v[j / 4], added up in the fixed tree. */
INLINE float tree16(const float32x4_t v[4]) {
    const float32x4_t x = vaddq_f32(vaddq_f32(v[0], v[2]), vaddq_f32(v[1], v[3]));
    return vpadds_f32(vadd_f32(vget_low_f32(x), vget_high_f32(x)));
}

/* The sum in 16 lanes of a[i] * b[i]. */
INLINE float dot16(const float *a, const float *b, int64_t n) {
    float32x4_t v[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
    int64_t     i = 0;
    for (; i + 16 <= n; i += 16)
        for (int c = 0; c < 4; c++) v[c] = vfmaq_f32(v[c], vld1q_f32(a + i + 4 * c), vld1q_f32(b + i + 4 * c));
    if (i < n) {
        float lane[16];
        for (int c = 0; c < 4; c++) vst1q_f32(lane + 4 * c, v[c]);
        for (int j = 0; i + j < n; j++) lane[j] = fmaf(a[i + j], b[i + j], lane[j]);
        for (int c = 0; c < 4; c++) v[c] = vld1q_f32(lane + 4 * c);
    }
    return tree16(v);
}

static void rms_norm(float *y, const float *x, const float *w, int64_t n, float eps) {
    const float r = 1.0f / sqrtf(dot16(x, x, n) / (float)n + eps);
    int64_t     i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vmulq_f32(vmulq_n_f32(vld1q_f32(x + i), r), vld1q_f32(w + i)));
    for (; i < n; i++) y[i] = x[i] * r * w[i];
}

/* As scalar.c's exp1.  vmax and vmin give NaN where an operand is one. */
INLINE float32x4_t exp4(float32x4_t x) {
    static const float coef[] = {0.0083687454f, 0.04166839f, 0.16666521f, 0.49999994f, 1.0f, 1.0f};
    const uint32x4_t small = vcltq_f32(x, vdupq_n_f32(-87.0f));
    x = vminq_f32(x, vdupq_n_f32(89.0f));
    const float32x4_t to_whole = vdupq_n_f32(12582912.0f), whole = vfmaq_n_f32(to_whole, x, 1.44269504f), k = vsubq_f32(whole, to_whole);
    float32x4_t       r = vfmsq_n_f32(x, k, 0.693359375f), p = vdupq_n_f32(0.0013814538f);
    r = vfmsq_n_f32(r, k, -2.12194440e-4f);
    for (size_t i = 0; i < ARRAY_LEN(coef); i++) p = vfmaq_f32(vdupq_n_f32(coef[i]), p, r);
    const int32x4_t scale = vaddq_s32(vshlq_n_s32(vreinterpretq_s32_f32(whole), 23), vdupq_n_s32(127 << 23));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(vmulq_f32(p, vreinterpretq_f32_s32(scale))), small));
}

INLINE float32x4_t silu4(float32x4_t g) { return vdivq_f32(g, vaddq_f32(vdupq_n_f32(1.0f), exp4(vnegq_f32(g)))); }

INLINE float32x4_t gelu4(float32x4_t g) {
    const float32x4_t c = vdupq_n_f32(-2.0f * 0.79788456f);
    const float32x4_t z = vmulq_f32(g, vfmaq_n_f32(c, vmulq_f32(g, g), -2.0f * 0.79788456f * 0.044715f));
    return vdivq_f32(g, vaddq_f32(vdupq_n_f32(1.0f), exp4(z)));
}

INLINE float32x4_t tanh4(float32x4_t x) {
    const float32x4_t one = vdupq_n_f32(1.0f), a = vabsq_f32(x), s = vmulq_f32(x, x);
    float32x4_t       p = vfmaq_n_f32(vdupq_n_f32(-17.0f / 315), s, 62.0f / 2835);
    p = vfmaq_f32(vdupq_n_f32(2.0f / 15), p, s);
    p = vfmaq_f32(vdupq_n_f32(-1.0f / 3), p, s);
    const float32x4_t small = vfmaq_f32(x, vmulq_f32(x, s), p);
    const float32x4_t e = exp4(vmulq_n_f32(a, -2.0f)), q = vdivq_f32(vsubq_f32(one, e), vaddq_f32(one, e));
    const float32x4_t big = vbslq_f32(vdupq_n_u32(0x80000000), x, q);
    return vbslq_f32(vcltq_f32(a, vdupq_n_f32(0.3f)), small, big);
}

/* Runs `act4` over whole registers and once more over a zero-padded copy of the tail. */
#define MUL_ACT(name, act4) \
    static void name(float *y, const float *g, const float *u, int64_t n) { \
        int64_t i = 0; \
        for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vmulq_f32(act4(vld1q_f32(g + i)), vld1q_f32(u + i))); \
        if (i < n) { \
            float a[4] = {0}, b[4] = {0}; \
            memcpy(a, g + i, (size_t)(n - i) * 4); \
            memcpy(b, u + i, (size_t)(n - i) * 4); \
            vst1q_f32(a, vmulq_f32(act4(vld1q_f32(a)), vld1q_f32(b))); \
            memcpy(y + i, a, (size_t)(n - i) * 4); \
        } \
    }
MUL_ACT(silu_mul, silu4)
MUL_ACT(gelu_mul, gelu4)

static void softcap(float *x, int64_t n, float cap) {
    const float32x4_t c = vdupq_n_f32(cap);
    for (int64_t i = 0; i < n; i += 4) {
        float        a[4] = {0};
        const size_t k = n - i < 4 ? (size_t)(n - i) : 4;
        memcpy(a, x + i, k * 4);
        const float32x4_t v = vld1q_f32(a);
        vst1q_f32(a, vfmaq_n_f32(vmulq_f32(c, tanh4(vdivq_f32(v, c))), v, 0.0f)); /* 0 * infinity is NaN */
        memcpy(x + i, a, k * 4);
    }
}

static float exp_sum(float *x, int64_t n, float shift) {
    const float32x4_t m = vdupq_n_f32(shift);
    float32x4_t       v[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
    int64_t           i = 0;
    for (; i + 16 <= n; i += 16)
        for (int c = 0; c < 4; c++) {
            const float32x4_t e = exp4(vsubq_f32(vld1q_f32(x + i + 4 * c), m));
            vst1q_f32(x + i + 4 * c, e);
            v[c] = vaddq_f32(v[c], e);
        }
    if (i < n) {
        float e[16], sum[16];
        for (int j = 0; j < 16; j++) e[j] = i + j < n ? x[i + j] : shift;
        for (int c = 0; c < 4; c++) {
            vst1q_f32(e + 4 * c, exp4(vsubq_f32(vld1q_f32(e + 4 * c), m)));
            vst1q_f32(sum + 4 * c, v[c]);
        }
        for (int j = 0; i + j < n; j++) sum[j] += x[i + j] = e[j];
        for (int c = 0; c < 4; c++) v[c] = vld1q_f32(sum + 4 * c);
    }
    return tree16(v);
}

/* A sum in 8 lanes of double, lane j in v[j / 2]. */
INLINE double tree8(const float64x2_t v[4]) { return vpaddd_f64(vaddq_f64(vaddq_f64(v[0], v[2]), vaddq_f64(v[1], v[3]))); }

INLINE void add_wide(float64x2_t lane[2], float32x4_t v) {
    lane[0] = vaddq_f64(lane[0], vcvt_f64_f32(vget_low_f32(v)));
    lane[1] = vaddq_f64(lane[1], vcvt_high_f64_f32(v));
}

static double exp_total(const float *x, int64_t n, float shift, float temp, double *moment) {
    const float32x4_t s = vdupq_n_f32(shift), t = vdupq_n_f32(temp), least = vdupq_n_f32(-105.0f);
    float64x2_t       sum[4], first[4];
    for (int i = 0; i < 4; i++) sum[i] = first[i] = vdupq_n_f64(0);
    for (int64_t i = 0; i < n; i += 8) {
        float        tail[8];
        const float *p = x + i;
        if (n - i < 8) { /* infinitely far below: adds nothing */
            for (int j = 0; j < 8; j++) tail[j] = i + j < n ? x[i + j] : -INFINITY;
            p = tail;
        }
        for (int c = 0; c < 2; c++) {
            const float32x4_t far = vdivq_f32(vsubq_f32(vld1q_f32(p + 4 * c), s), t);
            const float32x4_t d = vbslq_f32(vcgtq_f32(far, least), far, least), e = exp4(d);
            add_wide(sum + 2 * c, e);
            if (moment) add_wide(first + 2 * c, vmulq_f32(e, d));
        }
    }
    if (moment) *moment = tree8(first);
    return tree8(sum);
}

/* x > m ? x : m */
INLINE float32x4_t larger(float32x4_t x, float32x4_t m) { return vbslq_f32(vcgtq_f32(x, m), x, m); }

/* The largest of 64 numbers, or of n in a copy whose end repeats the first. */
static bool peaks(float *peak, const float *x, int64_t n) {
    float32x4_t nil[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
    for (int64_t b = 0; b < n; b += KERNEL_PEAK) {
        float        tail[KERNEL_PEAK];
        const float *p = x + b;
        if (n - b < KERNEL_PEAK) {
            for (int64_t i = 0; i < KERNEL_PEAK; i++) tail[i] = p[b + i < n ? i : 0];
            p = tail;
        }
        float32x4_t top[4];
        for (int c = 0; c < 4; c++) top[c] = vld1q_f32(p + 4 * c);
        for (int i = 0; i < KERNEL_PEAK; i += 16)
            for (int c = 0; c < 4; c++) {
                const float32x4_t v = vld1q_f32(p + i + 4 * c);
                top[c] = larger(v, top[c]);
                nil[c] = vfmaq_n_f32(nil[c], v, 0.0f); /* NaN where v is not finite */
            }
        peak[b / KERNEL_PEAK] = vmaxvq_f32(larger(larger(top[0], top[1]), larger(top[2], top[3])));
    }
    return vminvq_u32(vceqzq_f32(vaddq_f32(vaddq_f32(nil[0], nil[1]), vaddq_f32(nil[2], nil[3])))) != 0;
}

/* A step of hadamard within a register: y holds each lane's partner, sign a minus where a lane gets the difference. */
INLINE float32x4_t sum_and_difference(float32x4_t x, float32x4_t y, uint32x4_t sign) {
    return vaddq_f32(y, vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x), sign)));
}

static void hadamard(float *x, int64_t n) {
    const uint32x4_t odd = {0, 0x80000000, 0, 0x80000000}, upper = {0, 0, 0x80000000, 0x80000000};
    for (; n > 0; n -= 32, x += 32) {
        float32x4_t v[8];
        for (int i = 0; i < 8; i++) {
            v[i] = vld1q_f32(x + 4 * i);
            v[i] = sum_and_difference(v[i], vrev64q_f32(v[i]), odd);
            v[i] = sum_and_difference(v[i], vextq_f32(v[i], v[i], 2), upper);
        }
        for (int h = 1; h < 8; h *= 2)
            for (int i = 0; i < 8; i++) {
                const float32x4_t a = v[i & ~h], b = v[i | h];
                if (i & h) continue;
                v[i] = vaddq_f32(a, b);
                v[i | h] = vsubq_f32(a, b);
            }
        for (int i = 0; i < 8; i++) vst1q_f32(x + 4 * i, v[i]);
    }
}

static float max_of(const float *x, int64_t n) {
    float32x4_t m[4];
    float       lane[4], max = -INFINITY;
    int64_t     i = 0;
    for (int c = 0; c < 4; c++) m[c] = vdupq_n_f32(-INFINITY);
    for (; i + 16 <= n; i += 16)
        for (int c = 0; c < 4; c++) m[c] = larger(vld1q_f32(x + i + 4 * c), m[c]);
    vst1q_f32(lane, larger(larger(m[0], m[1]), larger(m[2], m[3])));
    for (int j = 0; j < 4; j++) max = lane[j] > max ? lane[j] : max;
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

static void blend(float *a, float fa, const float *b, float fb, int64_t n) {
    const float32x4_t va = vdupq_n_f32(fa);
    int64_t           i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(a + i, vfmaq_f32(vmulq_n_f32(vld1q_f32(b + i), fb), vld1q_f32(a + i), va));
    for (; i < n; i++) a[i] = fmaf(a[i], fa, b[i] * fb);
}

/* ---- attention -------------------------------------------------------------------------- */

/* 8 numbers of a row from column j on. */
INLINE r8_floats attend_load(const void *row, int64_t j, const bool half) {
    return half ? r8_halfs((const uint16_t *)row + j) : r8_wide_f32((const float *)row + j);
}

/* 4 positions against n_q <= 2 queries, n_pos of them at a time. */
INLINE void attend_scores4(float *s, int64_t lds, const float *q, const char *k, int64_t d, const bool half, const int n_q, const int n_pos) {
    const size_t row = (size_t)d * (half ? 2 : 4);
    float32x4_t  sum[2][4];
    for (int i = 0; i < 4; i += n_pos, k += (size_t)n_pos * row) {
        r8_floats lo[2][4], hi[2][4];
        for (int h = 0; h < n_q; h++)
            for (int x = 0; x < n_pos; x++) lo[h][x] = hi[h][x] = r8_nil();
        for (int64_t j = 0; j < d; j += 16)
            for (int x = 0; x < n_pos; x++) {
                const r8_floats a = attend_load(k + (size_t)x * row, j, half), b = attend_load(k + (size_t)x * row, j + 8, half);
                for (int h = 0; h < n_q; h++) {
                    lo[h][x] = r8_fma(r8_wide_f32(q + h * d + j), a, lo[h][x]);
                    hi[h][x] = r8_fma(r8_wide_f32(q + h * d + j + 8), b, hi[h][x]);
                }
            }
        for (int h = 0; h < n_q; h++)
            for (int x = 0; x < n_pos; x++) /* lanes + 8, + 4 */
                sum[h][i + x] = vaddq_f32(vaddq_f32(lo[h][x].v[0], hi[h][x].v[0]), vaddq_f32(lo[h][x].v[1], hi[h][x].v[1]));
    }
    for (int h = 0; h < n_q; h++) { /* + 2, + 1 */
        float32x4_t two[2];
        for (int i = 0; i < 2; i++) {
            const float64x2_t a = vreinterpretq_f64_f32(sum[h][2 * i]), b = vreinterpretq_f64_f32(sum[h][2 * i + 1]);
            two[i] = vaddq_f32(vreinterpretq_f32_f64(vzip1q_f64(a, b)), vreinterpretq_f32_f64(vzip2q_f64(a, b)));
        }
        vst1q_f32(s + h * lds, vpaddq_f32(two[0], two[1]));
    }
}

INLINE void attend_scores(float *s, int64_t lds, const float *q, int64_t n_q, const char *k, int64_t n, int64_t d, const bool half) {
    const size_t row = (size_t)d * (half ? 2 : 4);
    int64_t      h = 0;
    for (; h + 2 <= n_q; h += 2)
        for (int64_t i = 0; i < n; i += 4) attend_scores4(s + h * lds + i, lds, q + h * d, k + (size_t)i * row, d, half, 2, 2);
    if (h < n_q)
        for (int64_t i = 0; i < n; i += 4) attend_scores4(s + h * lds + i, lds, q + h * d, k + (size_t)i * row, d, half, 1, 4);
}

static void scores_f16(float *s, int64_t lds, const void *q, int64_t n_q, const void *k, int64_t n, int64_t d) {
    attend_scores(s, lds, q, n_q, k, n, d, true);
}

static void scores_f32(float *s, int64_t lds, const void *q, int64_t n_q, const void *k, int64_t n, int64_t d) {
    attend_scores(s, lds, q, n_q, k, n, d, false);
}

enum { ATTEND_QUERIES = 4 }; /* 16 sums, a value's 4 registers and 4 weights leave some */

/* 16 columns of the positions [i0, i1), rows of `row` bytes, for n_q queries. */
INLINE void attend_values16(float *acc, int64_t lda, const float *p, int64_t ldp, const char *v, size_t row, int64_t i0, int64_t i1,
                            const bool half, const int n_q) {
    r8_floats a[ATTEND_QUERIES][2];
    for (int h = 0; h < n_q; h++)
        for (int c = 0; c < 2; c++) a[h][c] = r8_wide_f32(acc + h * lda + 8 * c);
    for (int64_t i = i0; i < i1; i++)
        for (int c = 0; c < 2; c++) {
            const r8_floats x = attend_load(v + (size_t)i * row, 8 * c, half);
            for (int h = 0; h < n_q; h++) a[h][c] = r8_fma_by(x, p[h * ldp + i], a[h][c]);
        }
    for (int h = 0; h < n_q; h++)
        for (int c = 0; c < 2; c++) r8_put(acc + h * lda + 8 * c, a[h][c]);
}

INLINE void attend_values(float *acc, int64_t lda, const float *p, int64_t ldp, const char *v, int64_t i0, int64_t i1, int64_t d,
                          const bool half, const int n_q) {
    const size_t elem = half ? 2 : 4;
    for (int64_t j = 0; j < d; j += 16)
        attend_values16(acc + j, lda, p, ldp, v + (size_t)j * elem, (size_t)d * elem, i0, i1, half, n_q);
}

/* 16 columns, those from `col` on, of the positions [i0, i1) for n_q queries. */
INLINE void attend_values16_q8(float *acc, int64_t lda, const float *p, int64_t ldp, const kv_part *v, int col, int64_t i0, int64_t i1,
                               const int n_q) {
    r8_floats a[ATTEND_QUERIES][2];
    for (int h = 0; h < n_q; h++)
        for (int c = 0; c < 2; c++) a[h][c] = r8_wide_f32(acc + h * lda + 8 * c);
    for (int64_t g = i0 / 8; 8 * g < i1; g++) {
        const int       from = i0 > 8 * g ? (int)(i0 - 8 * g) : 0, to = i1 < 8 * g + 8 ? (int)(i1 - 8 * g) : 8;
        const r8_floats scale = r8_halfs(v[g].d);
        float           w[ATTEND_QUERIES][8], by[8];
        r8_put(by, scale);
        for (int h = 0; h < n_q; h++)
            for (int i = from; i < to; i++) w[h][i] = p[h * ldp + 8 * g + i] * by[i];
        for (int i = from; i < to; i++)
            for (int c = 0; c < 2; c++) {
                const r8_floats x = r8_signed_bytes(vld1_s8(v[g].q[i] + col + 8 * c));
                for (int h = 0; h < n_q; h++) a[h][c] = r8_fma_by(x, w[h][i], a[h][c]);
            }
    }
    for (int h = 0; h < n_q; h++)
        for (int c = 0; c < 2; c++) r8_put(acc + h * lda + 8 * c, a[h][c]);
}

INLINE void attend_values_q8(float *acc, int64_t lda, const float *p, int64_t ldp, const kv_part *v, int64_t i0, int64_t i1, int64_t d,
                             const int n_q) {
    for (int64_t j = 0; j < d; j += 16)
        attend_values16_q8(acc + j, lda, p, ldp, v + j / 32 * (KV_BLOCK / 8), (int)(j % 32), i0, i1, n_q);
}

#define ATTEND_VALUES(name, tile) \
    static void name(float *acc, int64_t lda, const float *p, int64_t ldp, int64_t n_q, const void *v, int64_t i0, int64_t i1, int64_t d) { \
        int64_t h = 0; \
        for (; n_q - h >= 4; h += 4) tile(acc + h * lda, lda, p + h * ldp, ldp, v, i0, i1, d, 4); \
        for (; n_q - h >= 2; h += 2) tile(acc + h * lda, lda, p + h * ldp, ldp, v, i0, i1, d, 2); \
        if (h < n_q) tile(acc + h * lda, lda, p + h * ldp, ldp, v, i0, i1, d, 1); \
    }
#define ATTEND_F16(acc, lda, p, ldp, v, i0, i1, d, n_q) attend_values(acc, lda, p, ldp, v, i0, i1, d, true, n_q)
#define ATTEND_F32(acc, lda, p, ldp, v, i0, i1, d, n_q) attend_values(acc, lda, p, ldp, v, i0, i1, d, false, n_q)
ATTEND_VALUES(values_f16, ATTEND_F16)
ATTEND_VALUES(values_f32, ATTEND_F32)
ATTEND_VALUES(values_q8, attend_values_q8)

const kernels kernels_neon = {
    .name = "neon",
    .need = CPU_NEON,
    .matmul = {R8_ALL_MATMUL},
    .packed = {R8_ALL_PACKED, R8_FLOAT_PACKED},
    .packing_pays = true,
    .act_from_f32 = act_from_f32,
    .matmul_panel = matmul_panel,
    .panel_from_rows = panel_from_rows,
    .f16_to_f32 = f16_row,
    .f32_to_f16 = f32_row,
    .rms_norm = rms_norm,
    .silu_mul = silu_mul,
    .gelu_mul = gelu_mul,
    .softcap = softcap,
    .exp_sum = exp_sum,
    .exp_total = exp_total,
    .peaks = peaks,
    .hadamard = hadamard,
    .max_of = max_of,
    .scores = {[SLM_KV_F16] = scores_f16, [SLM_KV_F32] = scores_f32, [SLM_KV_Q8_0] = scores_q8},
    .values = {[SLM_KV_F16] = values_f16, [SLM_KV_F32] = values_f32, [SLM_KV_Q8_0] = values_q8},
    .blend = blend,
};
