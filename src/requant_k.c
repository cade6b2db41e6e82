/* requant_k.c - the formats whose scales are searched: K-quants and IQ4.
 *
 * What is minimized is the sum of w * (x - decoded)^2.  With the integers q fixed the best scale is a
 * least-squares quotient, and with the scale fixed the best q is the nearest.  So each group of weights tries a fan of
 * scales around the one that just spans it, takes the least-squares scale of each one's integers, and keeps the best.
 * Then the groups' scales are themselves made small integers: each tries its neighbours with the block's real f16 factor,
 * and the factor is fitted again to what they chose, as long as that helps.
 * Without importance w = 1: what is told about a file is its rmse.
 * Source: the block formats (quant.h); alternating least squares as in Lloyd, "Least squares quantization in PCM", 1982. */
#include "requant.h"
#include <math.h>
#include <string.h>

enum { BLOCK = 256, LANES = 8, ROUNDS = 3 };

/* Nearest, ties to even, for |v| below 2^22: the sum has no bits below 1.  It becomes vector code, rintf() does not. */
static float nearest(float v) { return (v + 0x1.8p23f) - 0x1.8p23f; }

static float clamp(float v, float lo, float hi) {
    v = v < lo ? lo : v;
    return v > hi ? hi : v;
}

/* 0, 1, -1, 2, -2 ..: a fan is tried from its middle, which an even case (one weight, all the same) hits exactly. */
static float fan_at(int k) { return (float)(k % 2 ? (k + 1) / 2 : -k / 2); }

/* Sums are kept in 8 lanes, so that they are vector code with the same bits everywhere. */
static float lanes_sum(const float s[LANES]) {
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* What weights count for where nobody says it. */
static const float *ones(void) {
#define O8 1, 1, 1, 1, 1, 1, 1, 1
#define O64 O8, O8, O8, O8, O8, O8, O8, O8
    static const float one[BLOCK] = {O64, O64, O64, O64};
    return one;
#undef O64
#undef O8
}

/* Error of x against y. */
static float error_of(const float *x, const float *w, const float *y, int n) {
    float s[LANES] = {0};
    for (int i = 0; i < n; i += LANES)
        for (int k = 0; k < LANES; k++) {
            const float e = x[i + k] - y[i + k];
            s[k] += w[i + k] * e * e;
        }
    return lanes_sum(s);
}

/* ---- a scale alone: Q3_K, Q6_K, IQ4_NL, IQ4_XS ------------------------------------------------ */

typedef struct {
    int   size;           /* weights that share a scale                             */
    float q_min, q_max;   /* grid of a weight                                       */
    float s_min, s_max;   /* of a group's scale, in units of the block's            */
    int   fan;            /* scales tried for each sign, around the one that spans  */
    float step;           /* between them, in units of q                            */
    bool  table;          /* weights are iq4_values                                 */
} grid;

/* The entry of iq4_values that is nearest to v.  Half-way points are multiples of 1/2, so that the cells between
 * such multiples have one nearest entry each. */
static int table_index(float v) {
    const int cell = (int)floorf(2 * clamp(v, -128, 127));
    int       lo = 0;
    /* Entries k and k + 1 part at their mean, which is (their sum) / 2. */
    while (lo < 15 && cell >= iq4_values[lo] + iq4_values[lo + 1]) lo++;
    return lo;
}

static void fill_table(int8_t near[512]) {
    for (int i = 0; i < 512; i++) near[i] = iq4_values[table_index((float)(i - 256) / 2)];
}

/* q[i] on the grid, nearest to x[i] * id. */
static void to_grid(const grid *g, const int8_t *near, float *q, const float *x, float id, int n) {
    if (near)
        for (int i = 0; i < n; i++) q[i] = near[(int)floorf(2 * clamp(x[i] * id, -128, 127)) + 256];
    else
        for (int i = 0; i < n; i++) q[i] = nearest(clamp(x[i] * id, g->q_min, g->q_max));
}

/* Sums of w x q and w q q. */
static void fit_sums(const float *x, const float *w, const float *q, int n, float *xq, float *qq) {
    float a[LANES] = {0}, b[LANES] = {0};
    for (int i = 0; i < n; i += LANES)
        for (int k = 0; k < LANES; k++) {
            const float wq = w[i + k] * q[i + k];
            a[k] += wq * x[i + k];
            b[k] += wq * q[i + k];
        }
    *xq = lanes_sum(a);
    *qq = lanes_sum(b);
}

static float extreme(const float *x, int n) {
    float at = 0;
    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(at)) at = x[i];
    return at;
}

/* The best scale of a group, of any sign. */
static float search_scale(const grid *g, const int8_t *near, const float *x, const float *w) {
    const float e = extreme(x, g->size);
    float       best = 0, gain = 0, q[32], xq, qq;
    if (fabsf(e) < 0x1p-100f) return 0;
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < g->fan; k++) {
            const float end = (side ? g->q_max : g->q_min) + fan_at(k) * g->step;
            to_grid(g, near, q, x, end / e, g->size);
            fit_sums(x, w, q, g->size, &xq, &qq);
            /* The error is (sum of w x x) - xq^2 / qq. */
            if (qq > 0 && xq / qq * xq > gain * 1.000001f) {
                gain = xq / qq * xq;
                best = xq / qq;
            }
        }
    return best;
}

typedef struct {
    float q[BLOCK];     /* on the grid              */
    int   s[16];        /* scales of the groups     */
    float d;            /* as f16 holds it          */
    float error;
} scaled;

/* With d: for each group the best of three whole scales. */
static void choose_scales(const grid *g, const int8_t *near, scaled *b, const float *scale, const float *x, const float *w) {
    float q[32], y[32];
    b->error = 0;
    for (int k = 0, at = 0; at < BLOCK; k++, at += g->size) {
        const float mid = b->d != 0 ? nearest(clamp(scale[k] / b->d, g->s_min, g->s_max)) : 0;
        float       least = INFINITY;
        for (float s = mid - 1; s <= mid + 1; s++) {
            if (s < g->s_min || s > g->s_max) continue;
            const float ds = b->d * s;
            to_grid(g, near, q, x + at, fabsf(ds) > 0x1p-100f ? 1 / ds : 0, g->size);
            for (int i = 0; i < g->size; i++) y[i] = ds * q[i];
            const float e = error_of(x + at, w + at, y, g->size);
            if (!(e < least)) continue;
            least = e;
            b->s[k] = (int)s;
            memcpy(b->q + at, q, (size_t)g->size * sizeof *q);
        }
        b->error += least;
    }
}

/* The least-squares d of what was chosen. */
static float fit_factor(const grid *g, const scaled *b, const float *x, const float *w) {
    float xq = 0, qq = 0;
    for (int k = 0, at = 0; at < BLOCK; k++, at += g->size) {
        const float s = (float)b->s[k];
        float       a, c;
        fit_sums(x + at, w + at, b->q + at, g->size, &a, &c);
        xq += s * a;
        qq += s * s * c;
    }
    return qq > 0 ? xq / qq : 0;
}

static float to_half(float d) { return f16_to_f32(f32_to_f16(d)); }

static void search_block(const grid *g, const int8_t *near, scaled *best, const float *x, const float *w) {
    float scale[16], most = 0;
    for (int k = 0; k * g->size < BLOCK; k++) {
        scale[k] = search_scale(g, near, x + k * g->size, w + k * g->size);
        if (fabsf(scale[k]) > fabsf(most)) most = scale[k];
    }
    scaled b = {.d = to_half(most / g->s_min), .error = INFINITY};
    *best = b;
    for (int round = 0; round < ROUNDS; round++) {
        choose_scales(g, near, &b, scale, x, w);
        if (!(b.error < best->error)) break;
        *best = b;
        b.d = to_half(fit_factor(g, best, x, w));
    }
}

static const grid grid_q3 = {16, -4, 3, -32, 31, 19, 0.1f, false};
static const grid grid_q6 = {16, -32, 31, -128, 127, 9, 0.25f, false};
static const grid grid_iq4 = {32, -127, 113, -32, 31, 11, 3.0f, true};

void requant_Q3_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q3_k *b = dst;
    scaled      s;
    for (; n > 0; n -= BLOCK, b++, x += BLOCK, importance += importance ? BLOCK : 0) {
        search_block(&grid_q3, NULL, &s, x, importance ? importance : ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        for (int g = 0; g < 16; g++) {
            const int sc = s.s[g] + 32;
            b->sc[g % 8] |= (uint8_t)((sc & 15) << g / 8 * 4);
            b->sc[8 + g % 4] |= (uint8_t)((sc >> 4) << g / 4 * 2);
        }
        for (int i = 0; i < BLOCK; i++) {
            const int q = (int)s.q[i] + 4;
            b->q[i / 128 * 32 + i % 32] |= (uint8_t)((q & 3) << i % 128 / 32 * 2);
            b->qh[i % 32] |= (uint8_t)((q >> 2) << i / 32);
        }
    }
}

void requant_Q6_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q6_k *b = dst;
    scaled      s;
    for (; n > 0; n -= BLOCK, b++, x += BLOCK, importance += importance ? BLOCK : 0) {
        search_block(&grid_q6, NULL, &s, x, importance ? importance : ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        for (int g = 0; g < 16; g++) b->sc[g] = (int8_t)s.s[g];
        for (int i = 0; i < BLOCK; i++) {
            const int half = i / 128, j = i % 128, q = (int)s.q[i] + 32;
            b->ql[half * 64 + j % 64] |= (uint8_t)((q & 15) << j / 64 * 4);
            b->qh[half * 32 + j % 32] |= (uint8_t)((q >> 4) << j / 32 * 2);
        }
    }
}

void requant_IQ4_XS(void *dst, const float *x, const float *importance, int64_t n) {
    block_iq4_xs *b = dst;
    scaled        s;
    int8_t        near[512];
    fill_table(near);
    for (; n > 0; n -= BLOCK, b++, x += BLOCK, importance += importance ? BLOCK : 0) {
        search_block(&grid_iq4, near, &s, x, importance ? importance : ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        for (int g = 0; g < 8; g++) {
            const int sc = s.s[g] + 32;
            b->sl[g / 2] |= (uint8_t)((sc & 15) << g % 2 * 4);
            b->sh = (uint16_t)(b->sh | (sc >> 4) << 2 * g);
            for (int i = 0; i < 16; i++)
                b->q[g * 16 + i] = (uint8_t)(table_index(s.q[g * 32 + i]) | table_index(s.q[g * 32 + i + 16]) << 4);
        }
    }
}

void requant_IQ4_NL(void *dst, const float *x, const float *importance, int64_t n) {
    block_iq4_nl *b = dst;
    int8_t        near[512];
    float         q[32];
    fill_table(near);
    for (; n > 0; n -= 32, b++, x += 32, importance += importance ? 32 : 0) {
        const float d = to_half(search_scale(&grid_iq4, near, x, importance ? importance : ones()));
        to_grid(&grid_iq4, near, q, x, d != 0 ? 1 / d : 0, 32);
        b->d = f32_to_f16(d);
        for (int i = 0; i < 16; i++) b->q[i] = (uint8_t)(table_index(q[i]) | table_index(q[i + 16]) << 4);
    }
}

/* ---- a scale and a minimum: Q2_K, Q4_K, Q5_K ---------------------------------------------------- */

typedef struct {
    int   size;
    float q_max, s_max;   /* of a weight; of a group's scale and minimum */
    int   fan;            /* scales tried, around the one that spans     */
    float step;           /* between them, in units of q                 */
} span;

typedef struct { double w, q, qq, x, xq; } moments;

/* x is about s * q - m. */
typedef struct { float s, m; } line;

static moments moments_of(const float *x, const float *w, const float *q, int n) {
    float a[5][LANES] = {{0}};
    for (int i = 0; i < n; i += LANES)
        for (int k = 0; k < LANES; k++) {
            const float wi = w[i + k], wq = wi * q[i + k];
            a[0][k] += wi;
            a[1][k] += wq;
            a[2][k] += wq * q[i + k];
            a[3][k] += wi * x[i + k];
            a[4][k] += wq * x[i + k];
        }
    return (moments){lanes_sum(a[0]), lanes_sum(a[1]), lanes_sum(a[2]), lanes_sum(a[3]), lanes_sum(a[4])};
}

/* Least squares with s >= 0 and m >= 0; false: the integers tell nothing. */
static bool fit_line(const moments *t, line *out) {
    const double det = t->w * t->qq - t->q * t->q;
    double       s = det > 1e-9 * t->w * t->qq ? (t->w * t->xq - t->q * t->x) / det : 0;
    double       m = t->w > 0 ? (s * t->q - t->x) / t->w : 0;
    if (!(m >= 0) || !(s > 0)) {
        m = 0;
        s = t->qq > 0 ? t->xq / t->qq : 0;
    }
    *out = (line){(float)s, (float)m};
    return s > 0;
}

static void to_span(const span *g, float *q, const float *x, float id, float m, int n) {
    for (int i = 0; i < n; i++) q[i] = nearest(clamp((x[i] + m) * id, 0, g->q_max));
}

static float line_error(const float *x, const float *w, const float *q, line l, int n) {
    float y[32];
    for (int i = 0; i < n; i++) y[i] = l.s * q[i] - l.m;
    return error_of(x, w, y, n);
}

static float inverse(float s) { return s > 0x1p-100f ? 1 / s : 0; }

/* The best scale and minimum of a group: a fan around the span, then the nearest integers of the best and their fit
 * once more. */
static line search_line(const span *g, const float *x, const float *w) {
    float lo = 0, hi = x[0], q[32];
    for (int i = 0; i < g->size; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    line  best = {0, -lo}, l;
    float least = INFINITY, slack;
    if (!(hi - lo > 0x1p-100f)) return best;
    /* Less is noise of the sums. */
    slack = 1e-8f * (hi - lo) * (hi - lo);
    for (int k = 0; k < g->fan + ROUNDS; k++) {
        if (k < g->fan) to_span(g, q, x, (g->q_max + g->step * fan_at(k)) / (hi - lo), -lo, g->size);
        else to_span(g, q, x, inverse(best.s), best.m, g->size);
        const moments t = moments_of(x, w, q, g->size);
        if (!fit_line(&t, &l)) continue;
        const float e = line_error(x, w, q, l, g->size);
        if (e < least - slack || least == INFINITY) {
            least = e;
            best = l;
        }
    }
    return best;
}

typedef struct {
    float q[BLOCK];
    int   s[16], m[16];
    float d, dmin;        /* as f16 holds them */
    float error;
} lined;

/* Scales and minima next to what the group asks for, with the block's real factors. */
static float choose_line(const span *g, const lined *b, line want, float *q, int *s, int *m, const float *x, const float *w) {
    const float s0 = b->d > 0 ? nearest(clamp(want.s / b->d, 0, g->s_max)) : 0;
    const float m0 = b->dmin > 0 ? nearest(clamp(want.m / b->dmin, 0, g->s_max)) : 0;
    float       least = INFINITY, t[32];
    for (float i = s0 - 1; i <= s0 + 1; i++)
        for (float k = m0 - 1; k <= m0 + 1; k++) {
            if (i < 0 || i > g->s_max || k < 0 || k > g->s_max) continue;
            const line l = {b->d * i, b->dmin * k};
            to_span(g, t, x, inverse(l.s), l.m, g->size);
            const float e = line_error(x, w, t, l, g->size);
            if (!(e < least)) continue;
            least = e;
            *s = (int)i;
            *m = (int)k;
            memcpy(q, t, (size_t)g->size * sizeof *q);
        }
    return least;
}

/* Least squares of d and dmin over the whole block. */
static void fit_factors(const span *g, lined *b, const float *x, const float *w) {
    double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;
    for (int k = 0, at = 0; at < BLOCK; k++, at += g->size) {
        const moments t = moments_of(x + at, w + at, b->q + at, g->size);
        const double  s = b->s[k], m = b->m[k];
        aa += s * s * t.qq;
        ab += s * m * t.q;
        bb += m * m * t.w;
        xa += s * t.xq;
        xb += m * t.x;
    }
    /* x is about d a - dmin b. */
    const double det = aa * bb - ab * ab;
    if (det <= 1e-9 * aa * bb) {
        if (aa > 0 && xa > 0 && bb == 0) b->d = to_half((float)(xa / aa));
        return;
    }
    const double d = (xa * bb - xb * ab) / det, dmin = (xa * ab - xb * aa) / det;
    if (d > 0) b->d = to_half((float)d);
    if (dmin > 0) b->dmin = to_half((float)dmin);
}

static void search_lines(const span *g, lined *best, const float *x, const float *w) {
    line  want[16];
    float s = 0, m = 0;
    for (int k = 0; k * g->size < BLOCK; k++) {
        want[k] = search_line(g, x + k * g->size, w + k * g->size);
        s = want[k].s > s ? want[k].s : s;
        m = want[k].m > m ? want[k].m : m;
    }
    lined b = {.d = to_half(s / g->s_max), .dmin = to_half(m / g->s_max), .error = INFINITY};
    *best = b;
    for (int round = 0; round < ROUNDS; round++) {
        b.error = 0;
        for (int k = 0, at = 0; at < BLOCK; k++, at += g->size)
            b.error += choose_line(g, &b, want[k], b.q + at, &b.s[k], &b.m[k], x + at, w + at);
        if (!(b.error < best->error)) break;
        *best = b;
        fit_factors(g, &b, x, w);
    }
}

static const span span_q2 = {16, 3, 15, 19, 0.1f};
static const span span_q4 = {32, 15, 63, 15, 0.2f};
static const span span_q5 = {32, 31, 63, 11, 0.2f};

void requant_Q2_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q2_k *b = dst;
    lined       s;
    for (; n > 0; n -= BLOCK, b++, x += BLOCK, importance += importance ? BLOCK : 0) {
        search_lines(&span_q2, &s, x, importance ? importance : ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        b->dmin = f32_to_f16(s.dmin);
        for (int g = 0; g < 16; g++) b->sc[g] = (uint8_t)(s.s[g] | s.m[g] << 4);
        for (int i = 0; i < BLOCK; i++) b->q[i / 128 * 32 + i % 32] |= (uint8_t)((int)s.q[i] << i % 128 / 32 * 2);
    }
}

/* quant_unpack_6bit's inverse. */
static void pack_6bit(uint8_t p[12], const int s[8], const int m[8]) {
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(s[i] | s[i + 4] >> 4 << 6);
        p[i + 4] = (uint8_t)(m[i] | m[i + 4] >> 4 << 6);
        p[i + 8] = (uint8_t)((s[i + 4] & 15) | (m[i + 4] & 15) << 4);
    }
}

void requant_Q4_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q4_k *b = dst;
    lined       s;
    for (; n > 0; n -= BLOCK, b++, x += BLOCK, importance += importance ? BLOCK : 0) {
        search_lines(&span_q4, &s, x, importance ? importance : ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        b->dmin = f32_to_f16(s.dmin);
        pack_6bit(b->sc, s.s, s.m);
        for (int i = 0; i < BLOCK; i++) b->q[i / 64 * 32 + i % 32] |= (uint8_t)((int)s.q[i] << i / 32 % 2 * 4);
    }
}

void requant_Q5_K(void *dst, const float *x, const float *importance, int64_t n) {
    block_q5_k *b = dst;
    lined       s;
    for (; n > 0; n -= BLOCK, b++, x += BLOCK, importance += importance ? BLOCK : 0) {
        search_lines(&span_q5, &s, x, importance ? importance : ones());
        memset(b, 0, sizeof *b);
        b->d = f32_to_f16(s.d);
        b->dmin = f32_to_f16(s.dmin);
        pack_6bit(b->sc, s.s, s.m);
        for (int i = 0; i < BLOCK; i++) {
            const int q = (int)s.q[i];
            b->q[i / 64 * 32 + i % 32] |= (uint8_t)((q & 15) << i / 32 % 2 * 4);
            b->qh[i % 32] |= (uint8_t)((q >> 4) << i / 32);
        }
    }
}
