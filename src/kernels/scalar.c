/* scalar.c - plain C for every entry; the other sets are held to these bits.
 *
 * Canonical integer arithmetic, one row at a time, blocks in order.  x = s * q are the
 * activations, S a block's sum of q, S16 that of half a block, ms = s * S.
 *   Q4_0         acc = fma(d * s, dot - 8 * S, acc)
 *   Q8_0         acc = fma(d * s, dot, acc)
 *   Q4_K, Q5_K   per superblock, over its 8 groups: fs = fma(s, sc * dot, fs), fm = fma(m, ms, fm);
 *                then acc = fma(fs, d, acc), am = fma(fm, dmin, am); the result is acc - am
 *   Q5_0         acc = fma(d * s, dot - 16 * S, acc)
 *   Q4_1, Q5_1   acc = fma(d * s, dot, acc), am = fma(-m, ms, am); the result is acc - am
 *   IQ4_NL       as Q8_0, with the values that the codes stand for
 *   IQ4_XS       per superblock, over its 8 groups: fs = fma(s, sc * dot, fs); then acc = fma(fs, d, acc)
 *   Q2_K, Q3_K,  two groups of 16 share an s and are added up with their scales: per superblock, over its 8 pairs,
 *   Q6_K         fs = fma(s, sc0 * dot0 + sc1 * dot1, fs) with the dots of q - 4 in Q3_K, of q - 32 in Q6_K,
 *                and in Q2_K fm = fma(s, m0 * S16[0] + m1 * S16[1], fm); then as Q4_K (Q2_K) or IQ4_XS
 * Scales of superblocks are whole numbers, and so are their products with dots, which a float holds exactly: the
 * largest, of Q6_K, is 2 * 128 * 16 * 32 * 127 = 16646144 < 2^24 (IQ4_XS: 32 * 32 * 127 * 127 = 16516096).  So a kernel
 * may multiply them in integers, where that costs nothing (maddubs has to be widened by a multiplication anyway),
 * or in floats, and add up a pair's either way.
 * Floats: F32, F16 and BF16 are not rounded and neither are their inputs: acc = fma(w[k], x[k], acc) in
 * the order of k. */
#include "kernels.h"
#include "r8.h"
#include "search_k.h"
#include "round_32.h"
#include <math.h>
#include <string.h>

/* A row's sums so far: the products, and what the mins take off in formats that have them. */
typedef struct {
    float acc, am;
} row_sum;

static int dot(const uint8_t *w, const int8_t *x, int n) {
    int sum = 0;
    for (int i = 0; i < n; i++) sum += w[i] * x[i];
    return sum;
}

/* Block i of a row. */
static void step_q4_0(row_sum *s, const block_q4_0 *b, act_view a, int64_t i) {
    const int8_t *x = a.q + i * 32;
    int           sum = -8 * (a.sum16[2 * i] + a.sum16[2 * i + 1]);
    for (int j = 0; j < 16; j++) sum += (b->q[j] & 15) * x[j] + (b->q[j] >> 4) * x[j + 16];
    s->acc = fmaf(f16_to_f32(b->d) * a.s[i], (float)sum, s->acc);
}

static void step_q8_0(row_sum *s, const block_q8_0 *b, act_view a, int64_t i) {
    int sum = 0;
    for (int j = 0; j < 32; j++) sum += b->q[j] * a.q[i * 32 + j];
    s->acc = fmaf(f16_to_f32(b->d) * a.s[i], (float)sum, s->acc);
}

/* Q4_K and Q5_K differ in the fifth bit only: qh is NULL for Q4_K. */
static void step_k(row_sum *s, uint16_t d, uint16_t dmin, const uint8_t *scales, const uint8_t *q, const uint8_t *qh,
                   act_view a, int64_t i) {
    uint8_t sc[8], m[8], w[32];
    float   fs = 0, fm = 0;
    quant_unpack_6bit(sc, m, scales);
    for (int g = 0; g < 8; g++) {
        for (int j = 0; j < 32; j++) {
            int lo = q[g / 2 * 32 + j] >> g % 2 * 4 & 15;
            w[j] = (uint8_t)(lo | (qh ? (qh[j] >> g & 1) << 4 : 0));
        }
        const int64_t k = i * 8 + g;
        fs = fmaf(a.s[k], (float)(sc[g] * dot(w, a.q + k * 32, 32)), fs);
        fm = fmaf((float)m[g], a.ms[k], fm);
    }
    s->acc = fmaf(fs, f16_to_f32(d), s->acc);
    s->am = fmaf(fm, f16_to_f32(dmin), s->am);
}

static void step_q4_k(row_sum *s, const block_q4_k *b, act_view a, int64_t i) {
    step_k(s, b->d, b->dmin, b->sc, b->q, NULL, a, i);
}

static void step_q5_k(row_sum *s, const block_q5_k *b, act_view a, int64_t i) {
    step_k(s, b->d, b->dmin, b->sc, b->q, b->qh, a, i);
}

static void step_q6_k(row_sum *s, const block_q6_k *b, act_view a, int64_t i) {
    float fs = 0;
    for (int g = 0; g < 8; g++) {
        const int64_t k = i * 8 + g;
        int           sum = 0;
        for (int half = 0; half < 2; half++) {
            uint8_t v[16];
            for (int j = 0; j < 16; j++) {
                const int at = g / 4 * 64 + g % 2 * 32 + half * 16 + j;
                const int lo = b->ql[at] >> g % 4 / 2 * 4 & 15, hi = b->qh[g / 4 * 32 + half * 16 + j] >> g % 4 * 2 & 3;
                v[j] = (uint8_t)(lo | hi << 4);
            }
            sum += b->sc[2 * g + half] * (dot(v, a.q + k * 32 + half * 16, 16) - 32 * a.sum16[2 * k + half]);
        }
        fs = fmaf(a.s[k], (float)sum, fs);
    }
    s->acc = fmaf(fs, f16_to_f32(b->d), s->acc);
}

static void step_q4_1(row_sum *s, const block_q4_1 *b, act_view a, int64_t i) {
    const int8_t *x = a.q + i * 32;
    int           sum = 0;
    for (int j = 0; j < 16; j++) sum += (b->q[j] & 15) * x[j] + (b->q[j] >> 4) * x[j + 16];
    s->acc = fmaf(f16_to_f32(b->d) * a.s[i], (float)sum, s->acc);
    s->am = fmaf(-f16_to_f32(b->m), a.ms[i], s->am);
}

static int dot_five_bits(const uint8_t *q, const uint8_t *qh, const int8_t *x) {
    int sum = 0;
    for (int j = 0; j < 32; j++) {
        const int lo = q[j % 16] >> j / 16 * 4 & 15, hi = qh[j / 8] >> j % 8 & 1;
        sum += (lo | hi << 4) * x[j];
    }
    return sum;
}

static void step_q5_0(row_sum *s, const block_q5_0 *b, act_view a, int64_t i) {
    const int sum = dot_five_bits(b->q, b->qh, a.q + i * 32) - 16 * (a.sum16[2 * i] + a.sum16[2 * i + 1]);
    s->acc = fmaf(f16_to_f32(b->d) * a.s[i], (float)sum, s->acc);
}

static void step_q5_1(row_sum *s, const block_q5_1 *b, act_view a, int64_t i) {
    s->acc = fmaf(f16_to_f32(b->d) * a.s[i], (float)dot_five_bits(b->q, b->qh, a.q + i * 32), s->acc);
    s->am = fmaf(-f16_to_f32(b->m), a.ms[i], s->am);
}

static int dot_codes(const uint8_t *q, const int8_t *x) {
    int sum = 0;
    for (int j = 0; j < 16; j++) sum += iq4_values[q[j] & 15] * x[j] + iq4_values[q[j] >> 4] * x[j + 16];
    return sum;
}

static void step_iq4_nl(row_sum *s, const block_iq4_nl *b, act_view a, int64_t i) {
    s->acc = fmaf(f16_to_f32(b->d) * a.s[i], (float)dot_codes(b->q, a.q + i * 32), s->acc);
}

static void step_iq4_xs(row_sum *s, const block_iq4_xs *b, act_view a, int64_t i) {
    int8_t sc[8];
    float  fs = 0;
    quant_unpack_iq4_xs(sc, b);
    for (int g = 0; g < 8; g++) {
        const int64_t k = i * 8 + g;
        fs = fmaf(a.s[k], (float)(sc[g] * dot_codes(b->q + g * 16, a.q + k * 32)), fs);
    }
    s->acc = fmaf(fs, f16_to_f32(b->d), s->acc);
}

static void step_q2_k(row_sum *s, const block_q2_k *b, act_view a, int64_t i) {
    float fs = 0, fm = 0;
    for (int g = 0; g < 8; g++) {
        const int64_t k = i * 8 + g;
        int           sum = 0, mins = 0;
        for (int half = 0; half < 2; half++) {
            uint8_t   w[16];
            const int sc = b->sc[2 * g + half];
            for (int j = 0; j < 16; j++) w[j] = b->q[g / 4 * 32 + half * 16 + j] >> g % 4 * 2 & 3;
            sum += (sc & 15) * dot(w, a.q + k * 32 + half * 16, 16);
            mins += (sc >> 4) * a.sum16[2 * k + half];
        }
        fs = fmaf(a.s[k], (float)sum, fs);
        fm = fmaf(a.s[k], (float)mins, fm);
    }
    s->acc = fmaf(fs, f16_to_f32(b->d), s->acc);
    s->am = fmaf(fm, f16_to_f32(b->dmin), s->am);
}

static void step_q3_k(row_sum *s, const block_q3_k *b, act_view a, int64_t i) {
    int8_t sc[16];
    float  fs = 0;
    quant_unpack_q3_k(sc, b->sc);
    for (int g = 0; g < 8; g++) {
        const int64_t k = i * 8 + g;
        int           sum = 0;
        for (int half = 0; half < 2; half++) {
            uint8_t w[16]; /* w - 4 is the weight */
            for (int j = 0; j < 16; j++) {
                const int at = half * 16 + j;
                w[j] = (uint8_t)((b->q[g / 4 * 32 + at] >> g % 4 * 2 & 3) | (b->qh[at] >> g & 1) << 2);
            }
            sum += sc[2 * g + half] * (dot(w, a.q + k * 32 + half * 16, 16) - 4 * a.sum16[2 * k + half]);
        }
        fs = fmaf(a.s[k], (float)sum, fs);
    }
    s->acc = fmaf(fs, f16_to_f32(b->d), s->acc);
}

/* The products of rows as in the file, and of packed groups of 8 rows. */
#define MATMUL(ID, id) \
    static void matmul_##id(float *y, int64_t ldy, const void *w, size_t row_bytes, int64_t rows, int64_t cols, \
                            const void *x, int64_t n_tok) { \
        const int64_t n = cols / type_get(TYPE_##ID)->block_elems; \
        for (int64_t t = 0; t < n_tok; t++) { \
            const act_view a = act_of((const char *)x + (size_t)t * act_bytes(cols), cols); \
            for (int64_t r = 0; r < rows; r++) { \
                const block_##id *b = (const void *)((const char *)w + (size_t)r * row_bytes); \
                row_sum           s = {0}; \
                for (int64_t i = 0; i < n; i++) step_##id(&s, b + i, a, i); \
                y[t * ldy + r] = s.acc - s.am; \
            } \
        } \
    } \
    static void packed_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        const int64_t  n = cols / type_get(TYPE_##ID)->block_elems; \
        const r8_##id *p = w; \
        for (int64_t g = 0; g < groups; g++, p += n) \
            for (int64_t t = 0; t < n_tok; t++) { \
                const act_view a = act_of((const char *)x + (size_t)t * act_bytes(cols), cols); \
                row_sum        s[8] = {{0}}; \
                block_##id     b; \
                for (int64_t i = 0; i < n; i++) \
                    for (int r = 0; r < 8; r++) { \
                        r8_block_##id(&b, p + i, r); \
                        step_##id(&s[r], &b, a, i); \
                    } \
                for (int r = 0; r < 8; r++) y[t * ldy + g * 8 + r] = s[r].acc - s[r].am; \
            } \
    }
MATMUL(Q4_0, q4_0)
MATMUL(Q8_0, q8_0)
MATMUL(Q4_K, q4_k)
MATMUL(Q5_K, q5_k)
MATMUL(Q6_K, q6_k)
MATMUL(Q4_1, q4_1)
MATMUL(Q5_0, q5_0)
MATMUL(Q5_1, q5_1)
MATMUL(IQ4_NL, iq4_nl)
MATMUL(IQ4_XS, iq4_xs)
MATMUL(Q2_K, q2_k)
MATMUL(Q3_K, q3_k)

#define PACKED_FLOATS(ID, id, elem) \
    static void packed_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        const elem *p = w; \
        for (int64_t g = 0; g < groups; g++, p += cols * 8) \
            for (int64_t t = 0; t < n_tok; t++) { \
                const float *in = (const float *)x + t * cols; \
                float        acc[8] = {0}, v[8]; \
                for (int64_t k = 0; k < cols; k++) { \
                    to_f32_##ID(v, p + k * 8, 8); \
                    for (int r = 0; r < 8; r++) acc[r] = fmaf(v[r], in[k], acc[r]); \
                } \
                memcpy(y + t * ldy + g * 8, acc, sizeof acc); \
            } \
    }
PACKED_FLOATS(F32, f32, float)
PACKED_FLOATS(F16, f16, uint16_t)
PACKED_FLOATS(BF16, bf16, uint16_t)

static void act_from_f32(void *dst, const float *src, int64_t n) {
    act_view a = act_of(dst, n);
    int8_t  *q = (int8_t *)(uintptr_t)a.q;
    float   *s = (float *)(uintptr_t)a.s, *ms = (float *)(uintptr_t)a.ms;
    int32_t *sum16 = (int32_t *)(uintptr_t)a.sum16;
    int16_t (*pair32)[2] = (void *)(uintptr_t)a.pair32, (*pair16)[2] = (void *)(uintptr_t)a.pair16;
    for (int64_t b = 0; b < n / 32; b++, src += 32, q += 32) {
        /* The largest magnitude is found among the bit patterns, where NaN is above infinity. */
        uint32_t top = 0;
        for (int i = 0; i < 32; i++) {
            uint32_t u;
            memcpy(&u, src + i, 4);
            u &= 0x7fffffff;
            if (u > top) top = u;
        }
        float amax;
        memcpy(&amax, &top, 4);
        const bool finite = top < 0x7f800000, some = finite && amax >= 1e-30f;
        const float id = some ? 127.0f / amax : 0;
        int32_t     sum[2][2] = {{0}};
        for (int i = 0; i < 32; i++) {
            q[i] = some ? (int8_t)rintf(src[i] * id) : 0;
            sum[i / 16][i / 2 % 2] += q[i];
        }
        for (int i = 0; i < 2; i++) {
            pair32[b][i] = (int16_t)(sum[0][i] + sum[1][i]);
            pair16[2 * b][i] = (int16_t)sum[0][i];
            pair16[2 * b + 1][i] = (int16_t)sum[1][i];
            sum16[2 * b + i] = sum[i][0] + sum[i][1];
        }
        s[b] = some ? amax / 127.0f : finite ? 0 : NAN;
        ms[b] = s[b] * (float)(sum16[2 * b] + sum16[2 * b + 1]);
    }
}

static void matmul_panel(float *acc, const float *panel, int64_t k, const float *x, int64_t ldx,
                         int64_t n_tok) {
    for (int64_t t = 0; t < n_tok; t++)
        for (int64_t i = 0; i < k; i++)
            for (int r = 0; r < KERNEL_ROWS; r++)
                acc[t * KERNEL_ROWS + r] =
                    fmaf(panel[i * KERNEL_ROWS + r], x[t * ldx + i], acc[t * KERNEL_ROWS + r]);
}

static void panel_from_rows(float *panel, const float *rows, int64_t ld, int64_t k) {
    for (int r = 0; r < KERNEL_ROWS; r++)
        for (int64_t i = 0; i < k; i++) panel[i * KERNEL_ROWS + r] = rows[r * ld + i];
}

static void f16_row(float *dst, const uint16_t *src, int64_t n) {
    for (int64_t i = 0; i < n; i++) dst[i] = f16_to_f32(src[i]);
}

static void f32_row(uint16_t *dst, const float *src, int64_t n) {
    for (int64_t i = 0; i < n; i++) dst[i] = f32_to_f16(src[i]);
}

static float tree16(float lane[16]) {
    for (int half = 8; half; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

static void rms_norm(float *y, const float *x, const float *w, int64_t n, float eps) {
    float lane[16] = {0};
    for (int64_t i = 0; i < n; i++) lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    const float r = 1.0f / sqrtf(tree16(lane) / (float)n + eps);
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * r * w[i];
}

/* e^x to about 1 unit in the last place; 0 below EXP_LO, where it is 1.6e-38 (no subnormals: many processors
 * multiply them slowly), and infinity from 88.38 on, where k is 128.
 * x = k ln 2 + r, and 2^k times 1 + r + r^2 times a polynomial of degree 4, fitted for the least relative error (3e-9
 * at most).  Adding TO_WHOLE rounds to a whole number, which then are the low bits.  ln 2 is split so that
 * k * LN2_HI is exact. */
#define EXP_LO   -87.0f
#define EXP_HI   89.0f
#define LOG2E    1.44269504f
#define LN2_HI   0.693359375f
#define LN2_LO   -2.12194440e-4f
#define TO_WHOLE 12582912.0f /* 1.5 * 2^23 */
static const float exp_coef[] = {0.0013814538f, 0.0083687454f, 0.04166839f, 0.16666521f, 0.49999994f, 1.0f, 1.0f};

static float exp1(float x) {
    if (x != x) return x;
    if (x < EXP_LO) return 0;
    x = x < EXP_HI ? x : EXP_HI;
    const float whole = fmaf(x, LOG2E, TO_WHOLE), k = whole - TO_WHOLE;
    float       r = fmaf(-k, LN2_HI, x), p = exp_coef[0], scale;
    uint32_t    bits;
    r = fmaf(-k, LN2_LO, r);
    for (size_t i = 1; i < ARRAY_LEN(exp_coef); i++) p = fmaf(p, r, exp_coef[i]);
    memcpy(&bits, &whole, 4);
    bits = (bits << 23) + (127u << 23);
    memcpy(&scale, &bits, 4);
    return p * scale;
}

static void silu_mul(float *y, const float *g, const float *u, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = g[i] / (1.0f + exp1(-g[i])) * u[i];
}

/* 0.5 x (1 + tanh(z)) = x / (1 + exp(-2 z)), z = sqrt(2/pi) (x + 0.044715 x^3) */
static void gelu_mul(float *y, const float *g, const float *u, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        const float z = g[i] * fmaf(g[i] * g[i], -2.0f * 0.79788456f * 0.044715f, -2.0f * 0.79788456f);
        y[i] = g[i] / (1.0f + exp1(z)) * u[i];
    }
}

/* tanh: its series near zero, where the quotient of exponentials would cancel. */
static float tanh1(float x) {
    const float a = fabsf(x), s = x * x;
    float       p = fmaf(s, 62.0f / 2835, -17.0f / 315);
    p = fmaf(p, s, 2.0f / 15);
    p = fmaf(p, s, -1.0f / 3);
    const float small = fmaf(x * s, p, x);
    const float e = exp1(-2.0f * a), big = copysignf((1.0f - e) / (1.0f + e), x);
    return a < 0.3f ? small : big;
}

static void softcap(float *x, int64_t n, float cap) {
    for (int64_t i = 0; i < n; i++) x[i] = fmaf(x[i], 0.0f, cap * tanh1(x[i] / cap)); /* 0 * infinity is NaN */
}

static float exp_sum(float *x, int64_t n, float shift) {
    float lane[16] = {0};
    for (int64_t i = 0; i < n; i++) {
        x[i] = exp1(x[i] - shift);
        lane[i % 16] += x[i];
    }
    return tree16(lane);
}

static double tree8(double lane[8]) {
    for (int half = 4; half; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

static double exp_total(const float *x, int64_t n, float shift, float temp, double *moment) {
    double sum[8] = {0}, first[8] = {0};
    for (int64_t i = 0; i < n; i++) {
        float d = (x[i] - shift) / temp;
        d = d > EXP_LO ? d : EXP_LO;
        const float e = exp1(d);
        sum[i % 8] += (double)e;
        first[i % 8] += (double)(e * d);
    }
    if (moment) *moment = tree8(first);
    return tree8(sum);
}

/* 0 * x is NaN for what is not finite, and NaN stays in a sum. */
static bool peaks(float *peak, const float *x, int64_t n) {
    float nil = 0;
    for (int64_t b = 0; b < n; b += KERNEL_PEAK) {
        const int64_t end = n - b < KERNEL_PEAK ? n : b + KERNEL_PEAK;
        float         top = x[b];
        for (int64_t i = b; i < end; i++) {
            top = x[i] > top ? x[i] : top;
            nil += x[i] * 0.0f;
        }
        peak[b / KERNEL_PEAK] = top;
    }
    return nil == 0;
}

static void hadamard(float *x, int64_t n) {
    for (; n > 0; n -= 32, x += 32)
        for (int h = 1; h < 32; h *= 2)
            for (int i = 0; i < 32; i++) {
                const float a = x[i & ~h], b = x[i | h];
                if (i & h) continue;
                x[i] = a + b;
                x[i | h] = a - b;
            }
}

static float max_of(const float *x, int64_t n) {
    float max = -INFINITY;
    for (int64_t i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

#define ATTEND_ROWS(name, type, to_f32) \
    static void scores_##name(float *s, int64_t lds, const void *q, int64_t n_q, const void *k, int64_t n, int64_t d) { \
        const float *query = q; \
        const type  *key = k; \
        for (int64_t h = 0; h < n_q; h++) \
            for (int64_t i = 0; i < n; i++) { \
                float lane[16] = {0}; \
                for (int64_t j = 0; j < d; j++) lane[j % 16] = fmaf(query[h * d + j], to_f32(key[i * d + j]), lane[j % 16]); \
                s[h * lds + i] = tree16(lane); \
            } \
    } \
    static void values_##name(float *acc, int64_t lda, const float *p, int64_t ldp, int64_t n_q, const void *v, int64_t i0, \
                              int64_t i1, int64_t d) { \
        const type *value = v; \
        for (int64_t h = 0; h < n_q; h++) \
            for (int64_t i = i0; i < i1; i++) \
                for (int64_t j = 0; j < d; j++) \
                    acc[h * lda + j] = fmaf(p[h * ldp + i], to_f32(value[i * d + j]), acc[h * lda + j]); \
    }
#define AS_IT_IS(x) (x)
ATTEND_ROWS(f16, uint16_t, f16_to_f32)
ATTEND_ROWS(f32, float, AS_IT_IS)

static void scores_q8(float *s, int64_t lds, const void *q, int64_t n_q, const void *k, int64_t n, int64_t d) {
    packed_q8_0(s, lds, k, n / 8, d, q, n_q);
}

static void values_q8(float *acc, int64_t lda, const float *p, int64_t ldp, int64_t n_q, const void *v, int64_t i0, int64_t i1, int64_t d) {
    const kv_part *part = v;
    for (int64_t h = 0; h < n_q; h++)
        for (int64_t b = 0; b < d / 32; b++)
            for (int64_t i = i0; i < i1; i++) {
                const kv_part *x = part + b * (KV_BLOCK / 8) + i / 8;
                const float      w = p[h * ldp + i] * f16_to_f32(x->d[i % 8]);
                float           *a = acc + h * lda + b * 32;
                for (int j = 0; j < 32; j++) a[j] = fmaf(w, (float)x->q[i % 8][j], a[j]);
            }
}

static void blend(float *a, float fa, const float *b, float fb, int64_t n) {
    for (int64_t i = 0; i < n; i++) a[i] = fmaf(a[i], fa, b[i] * fb);
}

const kernels kernels_scalar = {
    .name = "scalar",
    .matmul = {[TYPE_Q4_0] = matmul_q4_0, [TYPE_Q8_0] = matmul_q8_0, [TYPE_Q4_K] = matmul_q4_k,
               [TYPE_Q5_K] = matmul_q5_k, [TYPE_Q6_K] = matmul_q6_k, [TYPE_Q4_1] = matmul_q4_1,
               [TYPE_Q5_0] = matmul_q5_0, [TYPE_Q5_1] = matmul_q5_1, [TYPE_IQ4_NL] = matmul_iq4_nl,
               [TYPE_IQ4_XS] = matmul_iq4_xs, [TYPE_Q2_K] = matmul_q2_k, [TYPE_Q3_K] = matmul_q3_k},
    .packed = {[TYPE_Q4_0] = packed_q4_0, [TYPE_Q8_0] = packed_q8_0, [TYPE_Q4_K] = packed_q4_k,
               [TYPE_Q5_K] = packed_q5_k, [TYPE_Q6_K] = packed_q6_k, [TYPE_Q4_1] = packed_q4_1,
               [TYPE_Q5_0] = packed_q5_0, [TYPE_Q5_1] = packed_q5_1, [TYPE_IQ4_NL] = packed_iq4_nl,
               [TYPE_IQ4_XS] = packed_iq4_xs, [TYPE_Q2_K] = packed_q2_k, [TYPE_Q3_K] = packed_q3_k,
               [TYPE_F32] = packed_f32, [TYPE_F16] = packed_f16, [TYPE_BF16] = packed_bf16},
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
    .round = ROUND_ALL,
    .search = SEARCH_ALL,
    .blend = blend,
};
