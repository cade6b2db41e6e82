/* rope.c - frequencies, angles and rotation.
 *
 * Angles reach 10^5 radians, so they are computed in double, and by arithmetic of our own: libm's
 * last bits differ between systems, ours are the same wherever doubles are IEEE. */
#include "rope.h"
#include <math.h>

void rope_layout(arena *a, rope *r, const model_config *c) {
    r->n_pair = c->n_rot / 2;
    for (int i = 0; i < 2; i++) r->freq[i] = arena_take(a, (size_t)r->n_pair, sizeof(double), 64);
}

/* Natural logarithm: x = m 2^e with m in [0.7, 1.42), ln m = 2 atanh((m - 1) / (m + 1)). */
static double ln_of(double x) {
    int    e;
    double m = frexp(x, &e);
    if (m < 0.7) m *= 2, e--;
    const double s = (m - 1) / (m + 1), s2 = s * s;
    double       sum = 0;
    for (int k = 23; k > 0; k -= 2) sum = sum * s2 + 1.0 / k;
    return e * 0.69314718055994530942 + 2 * s * sum;
}

static double exp_of(double x) {
    const double k = rint(x * 1.44269504088896340736);
    const double r = (x - k * 0x1.62e42fefp-1) - k * 0x1.473de6af278edp-34;
    double       p = 1;
    for (int i = 14; i > 0; i--) p = 1 + p * r / i;
    return ldexp(p, (int)k);
}

/* cos and sin of x >= 0, x < 2^31: x minus a multiple of pi/2 (in three parts, the first two short
 * enough that their products are exact), then the series on [-pi/4, pi/4]. */
static void cos_sin(double x, double *c, double *s) {
    const double n = rint(x * 0.63661977236758134308);
    double       r = x - n * 0x1.921fb544p+0; /* 33 bits or fewer each: n has at most 31 */
    r = r - n * 0x1.0b4611a6p-34;
    r = r - n * 0x1.3198a2e037073p-69;
    const double r2 = r * r;
    double       even = 0, odd = 0;
    for (int k = 18; k > 0; k -= 2) even = (1 + even) * (-r2 / (k * (k - 1)));
    for (int k = 19; k > 1; k -= 2) odd = (1 + odd) * (-r2 / (k * (k - 1)));
    const double cr = 1 + even, sr = r + r * odd;
    switch ((int64_t)n & 3) {
    case 0: *c = cr, *s = sr; break;
    case 1: *c = -sr, *s = cr; break;
    case 2: *c = -cr, *s = -sr; break;
    default: *c = sr, *s = -cr; break;
    }
}

/* The pair that makes `turns` turns over the trained context. */
static double pair_of_turns(const model_config *c, double turns) {
    return c->n_rot * ln_of(c->rope_ctx_train / (turns * 2 * 3.14159265358979323846)) / (2 * ln_of(c->rope_base));
}

void rope_init(rope *r, const model_config *c, const rope_factors *f, int n_ctx) {
    const float *by_size = n_ctx > c->rope_ctx_train ? f->large : f->small;
    r->pairs = c->rope_pairs;
    r->magnitude = (float)c->rope_magnitude;
    /* YaRN: pairs faster than 32 turns stay, slower than one turn are scaled, a ramp between. */
    double low = 0, high = 0;
    if (c->rope_yarn) {
        low = fmax(0, floor(pair_of_turns(c, 32)));
        high = fmin(c->n_rot - 1, ceil(pair_of_turns(c, 1)));
    }
    for (int local = 0; local < 2; local++) {
        const double base = ln_of(local ? c->rope_base_local : c->rope_base);
        const double scale = local ? c->rope_scale_local : c->rope_scale;
        for (int i = 0; i < r->n_pair; i++) {
            double freq = exp_of(-2.0 * i / c->n_rot * base);
            if (f->all) freq /= (double)f->all[i];
            if (by_size) freq /= (double)by_size[i];
            double keep = 0;
            if (c->rope_yarn) keep = 1 - fmin(1, fmax(0, (i - low) / fmax(0.001, high - low)));
            r->freq[local][i] = freq * keep + freq / scale * (1 - keep);
        }
    }
}

void rope_table(const rope *r, int local, int pos, float *table) {
    for (int i = 0; i < r->n_pair; i++) {
        double c, s;
        cos_sin(pos * r->freq[local][i], &c, &s);
        table[2 * i] = (float)c * r->magnitude;
        table[2 * i + 1] = (float)s * r->magnitude;
    }
}

void rope_rotate(const rope *r, const float *table, float *x, int n_head, int head_dim) {
    const int step = r->pairs ? 2 : 1, other = r->pairs ? 1 : r->n_pair;
    for (int h = 0; h < n_head; h++, x += head_dim)
        for (int i = 0; i < r->n_pair; i++) {
            const float c = table[2 * i], s = table[2 * i + 1];
            const float a = x[i * step], b = x[i * step + other];
            x[i * step] = a * c - b * s;
            x[i * step + other] = a * s + b * c;
        }
}
