/* choice.c - truncations without sorting a vocabulary.
 *
 * One pass finds the largest logit of each block.  What lies above a bound is then found by
 * looking into the few blocks that reach it, and each truncation needs no more than a bound below
 * which nothing can be kept.  Only a list that is short, or the short part of one in which its
 * end must lie, is ever sorted.
 *
 * Sources: top-k Fan et al. 2018; top-p Holtzman et al. 2019; typical Meister et al. 2022; min-p
 * Nguyen et al. 2024; top-n-sigma Tang et al. 2024; surprise as in mirostat 2, Basu et al. 2021;
 * dropping the likeliest ("exclude top choices", XTC), Weidmann 2024 (text-generation-webui, pull
 * request 6335). */
#include "choice.h"
#include <float.h>
#include <math.h>

enum {
    BLOCK = KERNEL_PEAK, /* logits behind one peak */
    PART = 1024,  /* logits behind one sum of a draw by id */
    SHORT = 128   /* what is sorted rather than divided, and summed in order */
};

void choice_layout(arena *a, choice *c, int n_vocab) {
    const size_t n = (size_t)n_vocab;
    c->n_vocab = n_vocab;
    c->peak = arena_take(a, (n + BLOCK - 1) / BLOCK, sizeof *c->peak, 64);
    c->part = arena_take(a, (n + PART - 1) / PART, sizeof *c->part, 64);
    c->logit = arena_take(a, n, sizeof *c->logit, 64);
    c->id = arena_take(a, n, sizeof *c->id, 64);
}

/* ---- peaks ------------------------------------------------------------------- */

static float largest(const float *x, int n) {
    float max = x[0];
    for (int i = 1; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

static int block_len(const choice *c, int first) { return c->n_vocab - first < BLOCK ? c->n_vocab - first : BLOCK; }

bool choice_scan(choice *c, const float *x) { return c->k->peaks(c->peak, x, c->n_vocab); }

void choice_rescan(choice *c, const float *x, int32_t id) {
    const int b = id / BLOCK * BLOCK;
    c->peak[b / BLOCK] = largest(x + b, block_len(c, b));
}

static int n_blocks(const choice *c) { return (c->n_vocab + BLOCK - 1) / BLOCK; }

void choice_begin(choice *c, const float *x) {
    c->all = x;
    c->n = c->n_vocab;
    c->listed = c->ranked = c->sorted = false;
    c->temp = 1;
    c->max = largest(c->peak, n_blocks(c));
}

void choice_reload(choice *c) {
    for (int i = 0; c->listed && i < c->n; i++) c->logit[i] = c->all[c->id[i]];
    c->sorted = false;
    c->max = c->listed ? largest(c->logit, c->n) : largest(c->peak, n_blocks(c));
}

/* ---- the list ------------------------------------------------------------------ */

/* Everything of at least `bound`, by id; the smallest number there is leaves out only -INFINITY. */
static void list_from(choice *c, float bound) {
    int n = 0;
    for (int b = 0; b < c->n_vocab; b += BLOCK) {
        if (!(c->peak[b / BLOCK] >= bound)) continue;
        const int end = b + block_len(c, b);
        for (int i = b; i < end; i++) { /* a place is taken only by what stays */
            c->logit[n] = c->all[i];
            c->id[n] = i;
            n += c->all[i] >= bound;
        }
    }
    c->n = n;
    c->listed = true;
}

static void list_all(choice *c) {
    if (!c->listed) list_from(c, -FLT_MAX);
}

/* max - x * temp, no smaller than any number. */
static float below_max(const choice *c, double x) {
    const double bound = (double)c->max - x * c->temp;
    return bound < -(double)FLT_MAX ? -FLT_MAX : (float)bound;
}

static double weight_of(const choice *c, float logit) { return exp((double)(logit - c->max) / c->temp); }

static double weigh(const choice *c, const float *x, int n) {
    double sum = 0;
    if (n > SHORT) return c->k->exp_total(x, n, c->max, (float)c->temp, NULL);
    for (int i = 0; i < n; i++) sum += weight_of(c, x[i]);
    return sum;
}

/* What 1 stands for. */
double choice_total(const choice *c) { return c->listed ? weigh(c, c->logit, c->n) : weigh(c, c->all, c->n_vocab); }

/* ---- order --------------------------------------------------------------------- */

/* Is entry a before entry b?  By falling key, of equals the smaller id. */
static bool before(float ka, int32_t a, float kb, int32_t b) { return ka > kb || (ka == kb && a < b); }

/* Puts an entry at the root of the heap of n entries from `at` on, whose root is the last of its
 * elements, and lets it sink. */
static void sink(choice *c, int at, int n, float key, int32_t id) {
    float   *k = c->logit + at;
    int32_t *t = c->id + at;
    int      i = 0;
    for (int child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(k[child], t[child], k[child + 1], t[child + 1])) child++;
        if (!before(key, id, k[child], t[child])) break;
        k[i] = k[child];
        t[i] = t[child];
    }
    k[i] = key;
    t[i] = id;
}

static void rise(choice *c, int at, int i, float key, int32_t id) {
    float   *k = c->logit + at;
    int32_t *t = c->id + at;
    for (int up; i && (up = (i - 1) / 2, before(k[up], t[up], key, id)); i = up) {
        k[i] = k[up];
        t[i] = t[up];
    }
    k[i] = key;
    t[i] = id;
}

/* Entries [lo, hi) into order.  Not qsort: that of glibc takes memory, and the token loop takes none. */
static void sort(choice *c, int lo, int hi) {
    for (int i = 1; i < hi - lo; i++) rise(c, lo, i, c->logit[lo + i], c->id[lo + i]);
    for (int i = hi - lo - 1; i > 0; i--) {
        const float   key = c->logit[lo + i];
        const int32_t id = c->id[lo + i];
        c->logit[lo + i] = c->logit[lo];
        c->id[lo + i] = c->id[lo];
        sink(c, lo, i, key, id);
    }
}

/* Entries of [lo, hi) of at least `pivot` come first; where the others begin. */
static int divide(choice *c, int lo, int hi, float pivot) {
    int m = lo;
    for (int i = lo; i < hi; i++) {
        const float   k = c->logit[i];
        const int32_t t = c->id[i];
        c->logit[i] = c->logit[m];
        c->id[i] = c->id[m];
        c->logit[m] = k;
        c->id[m] = t;
        m += k >= pivot;
    }
    return m;
}

/* Halfway between the least and the largest key of [lo, hi); false where they are equal. */
static bool pivot_of(const choice *c, int lo, int hi, float *pivot) {
    float least = c->logit[lo], most = least;
    for (int i = lo + 1; i < hi; i++) {
        least = c->logit[i] < least ? c->logit[i] : least;
        most = c->logit[i] > most ? c->logit[i] : most;
    }
    *pivot = 0.5f * least + 0.5f * most;
    if (*pivot <= least) *pivot = most; /* neighbours */
    return least < most;
}

/* How the entries of a list count towards the end that descend() looks for. */
typedef enum { BY_NUMBER, BY_WEIGHT, BY_TRUE_WEIGHT /* keys are no logits: look at all[id] */ } measure;

static double measured(const choice *c, measure by, int lo, int hi) {
    if (by == BY_NUMBER) return hi - lo;
    if (by == BY_WEIGHT) return weigh(c, c->logit + lo, hi - lo);
    double sum = 0;
    for (int i = lo; i < hi; i++) sum += weight_of(c, c->all[c->id[i]]);
    return sum;
}

/* How many of the list, in falling order, it takes to reach `target`; at least one.  They stand in
 * front, and the last of them at its place in the order. */
static int descend(choice *c, measure by, double target) {
    int    lo = 0, hi = c->n;
    double done = 0;
    float  pivot;
    while (!c->sorted && hi - lo > SHORT && pivot_of(c, lo, hi, &pivot)) {
        const int    m = divide(c, lo, hi, pivot);
        const double sum = measured(c, by, lo, m);
        if (done + sum >= target) hi = m;
        else done += sum, lo = m;
    }
    if (!c->sorted) sort(c, lo, hi);
    c->sorted = c->sorted || (lo == 0 && hi == c->n);
    int n = lo;
    while (n < hi && (n == 0 || done < target)) done += measured(c, by, n, n + 1), n++;
    return n;
}

/* ---- truncations ----------------------------------------------------------------- */

/* A bound that at least k logits reach: the k-th largest peak, since each is a logit of its own. */
static float bound_for(choice *c, int k) {
    const int n = n_blocks(c);
    if (k > n / 2) return -FLT_MAX; /* it would leave out too little to be worth the search */
    choice peaks = {.logit = c->logit, .id = c->id};
    for (int b = 0; b < n; b++) { /* a heap of the k largest; its root is the least of them */
        const float x = c->peak[b];
        if (b < k) rise(&peaks, 0, b, x, b);
        else if (x > c->logit[0]) sink(&peaks, 0, k, x, b);
    }
    return c->logit[0] > -FLT_MAX ? c->logit[0] : -FLT_MAX;
}

void choice_top_k(choice *c, int k) {
    if (k >= c->n) return;
    if (!c->listed) list_from(c, bound_for(c, k));
    c->n = descend(c, BY_NUMBER, k);
    c->ranked = true;
}

void choice_top_p(choice *c, double p) {
    const double target = p * choice_total(c);
    if (!c->listed) /* a bound that falls until what is above it has the mass */
        for (double depth = 8;; depth *= 2) {
            list_from(c, below_max(c, depth));
            if (below_max(c, depth) == -FLT_MAX || weigh(c, c->logit, c->n) >= target) break;
        }
    c->n = descend(c, BY_WEIGHT, target);
    c->ranked = true;
}

void choice_min_p(choice *c, double p) {
    if (!c->listed) list_from(c, below_max(c, 1e-3 - log(p)));
    int n = 0;
    for (int i = 0; i < c->n; i++)
        if (weight_of(c, c->logit[i]) >= p) {
            c->logit[n] = c->logit[i];
            c->id[n++] = c->id[i];
        }
    c->n = n;
}

/* The sum of the weights, and that of weight times logit, counted from the largest in temperatures. */
static double weigh_moment(const choice *c, const float *x, int n, double *moment) {
    double sum = 0;
    if (n > PART) return c->k->exp_total(x, n, c->max, (float)c->temp, moment);
    *moment = 0;
    for (int i = 0; i < n; i++) {
        const double d = (double)(x[i] - c->max) / c->temp, w = exp(d);
        sum += w;
        if (w > 0) *moment += d * w;
    }
    return sum;
}

/* Lists what is at least as near to `centre` as it takes to hold `target`; both count from the
 * largest logit, downwards. */
static void list_around(choice *c, double centre, double target) {
    for (double reach = 2;; reach *= 2) {
        list_from(c, below_max(c, reach - centre));
        const bool last = below_max(c, reach - centre) == -FLT_MAX;
        int        n = 0;
        for (int i = 0; i < c->n; i++) {
            c->logit[n] = c->logit[i];
            c->id[n] = c->id[i];
            n += last || (double)(c->logit[i] - c->max) <= (centre + reach) * c->temp;
        }
        c->n = n;
        if (last || (n && weigh(c, c->logit, n) >= target)) return;
    }
}

/* The smallest set, nearest to the entropy first, whose mass reaches p.  -log q lies as far from
 * the entropy as the logit, in units of the temperature, from its mean. */
void choice_typical(choice *c, double p) {
    double       moment;
    const float *x = c->listed ? c->logit : c->all;
    const double sum = weigh_moment(c, x, c->n, &moment), mean = moment / sum;
    if (!c->listed) list_around(c, mean, p * sum);
    for (int i = 0; i < c->n; i++) /* the distance takes the logit's place for one selection */
        c->logit[i] = -(float)fabs((double)(c->logit[i] - c->max) / c->temp - mean);
    c->sorted = false;
    c->n = descend(c, BY_TRUE_WEIGHT, p * sum);
    choice_reload(c);
    c->ranked = true;
}

/* Leaves what reaches `bound`. */
static void keep_from(choice *c, float bound) {
    if (!c->listed) {
        list_from(c, bound);
        return;
    }
    int n = 0;
    for (int i = 0; i < c->n; i++) {
        const float k = c->logit[i];
        c->logit[n] = k;
        c->id[n] = c->id[i];
        n += k >= bound;
    }
    c->n = n;
}

/* -INFINITY is no logit and does not count. */
void choice_n_sigma(choice *c, double n) {
    enum { LANES = 4 };
    const float *x = c->listed ? c->logit : c->all;
    double       count[LANES] = {0}, sum[LANES] = {0}, square[LANES] = {0};
    for (int i = 0; i < c->n; i += LANES)
        for (int j = 0; j < LANES && i + j < c->n; j++) {
            const bool   there = x[i + j] > -INFINITY;
            const double d = there ? (double)x[i + j] - (double)c->max : 0;
            count[j] += there;
            sum[j] += d;
            square[j] += d * d;
        }
    for (int j = 1; j < LANES; j++) count[0] += count[j], sum[0] += sum[j], square[0] += square[j];
    const double mean = sum[0] / count[0], variance = square[0] / count[0] - mean * mean;
    keep_from(c, below_max(c, n * sqrt(variance > 0 ? variance : 0) / c->temp));
}

void choice_drop_top(choice *c, double threshold) {
    const double least = threshold * choice_total(c);
    const float  bound = least > 0 ? below_max(c, -log(least)) : -FLT_MAX;
    list_all(c);
    int last = -1, n_top = 0;
    for (int i = 0; i < c->n; i++)
        if (c->logit[i] >= bound) {
            n_top++;
            if (last < 0 || before(c->logit[last], c->id[last], c->logit[i], c->id[i])) last = i;
        }
    if (n_top < 2) return;
    int n = 0;
    for (int i = 0; i < c->n; i++)
        if (i == last || c->logit[i] < bound) {
            c->logit[n] = c->logit[i];
            c->id[n++] = c->id[i];
        }
    c->n = n;
    c->max = largest(c->logit, n);
}

void choice_surprise(choice *c, double sum, double bits) {
    const float bound = below_max(c, bits * log(2.0) - log(sum));
    keep_from(c, bound < c->max ? bound : c->max);
}

/* ---- results --------------------------------------------------------------------- */

int32_t choice_best(const choice *c) {
    int32_t best = INT32_MAX;
    if (c->listed) {
        for (int i = 0; i < c->n; i++)
            if (c->logit[i] == c->max && c->id[i] < best) best = c->id[i];
        return best;
    }
    int b = 0;
    while (c->peak[b] != c->max) b++;
    for (best = b * BLOCK; c->all[best] != c->max;) best++;
    return best;
}

/* By id: sums of parts, then the part that u falls into token by token. */
static int32_t draw_by_id(choice *c, double u) {
    const float *x = c->listed ? c->logit : c->all;
    double       sum = 0;
    int          first = 0, last = 0;
    for (int i = 0; i < c->n; i += PART) sum += c->part[i / PART] = weigh(c, x + i, c->n - i < PART ? c->n - i : PART);
    for (u *= sum; first + PART < c->n && u >= c->part[first / PART]; first += PART) u -= c->part[first / PART];
    const int end = c->n - first < PART ? c->n : first + PART;
    last = first;
    for (int i = first; i < end; i++) {
        const double w = weight_of(c, x[i]);
        u -= w;
        if (w > 0) last = i; /* where rounding leaves a rest of u */
        if (u < 0) break;
    }
    return c->listed ? c->id[last] : last;
}

int32_t choice_draw(choice *c, double u) {
    if (!c->ranked) return draw_by_id(c, u);
    return c->id[descend(c, BY_WEIGHT, u * choice_total(c)) - 1];
}

double choice_bits(const choice *c, double sum, int32_t id) {
    return log2(sum) - (double)(c->all[id] - c->max) / c->temp / log(2.0);
}

void choice_likeliest(choice *c, double *p, int n) {
    const choice was = *c;
    if (!c->listed) list_from(c, bound_for(c, n));
    descend(c, BY_NUMBER, n);
    if (!c->sorted) sort(c, 0, n);
    for (int i = 0; i < n; i++) p[i] = weight_of(c, c->logit[i]);
    if (was.listed) c->ranked = true; /* the list has lost its order by id */
    else *c = was;
}
