/* sampler.c - penalties, then top-k, typical, top-p, min-p on the untempered probabilities, then
 * temperature, then one draw: the order that llama.cpp's users know.
 *
 * Sources: top-k Fan et al. 2018; top-p Holtzman et al. 2019; typical Meister et al. 2022; min-p
 * Nguyen et al. 2024; repetition penalty Keskar et al. 2019. */
#include "sampler.h"
#include <float.h>
#include <math.h>
#include <string.h>

void sampler_layout(arena *a, sampler *s, int n_vocab) {
    s->n_vocab = n_vocab;
    s->work = arena_take(a, (size_t)n_vocab, sizeof *s->work, 64);
    s->cand = arena_take(a, (size_t)n_vocab, sizeof *s->cand, 64);
    s->count = arena_take(a, (size_t)n_vocab, sizeof *s->count, 64);
}

static slm_status range(slm_error *err, const char *name, double v, double lo, double hi) {
    if ((float)v >= (float)lo && (float)v <= (float)hi) return SLM_OK; /* 0.01f is below 0.01 */
    return err_set(err, SLM_ERR_ARGUMENT, "%s = %g is not in [%g, %g]", name, v, lo, hi);
}

slm_status sampler_set(sampler *s, const slm_sampling *p, slm_error *err) {
    slm_status rc = range(err, "temperature", (double)p->temperature, 0, 100);
    if (!rc) rc = range(err, "top_k", p->top_k, 0, INT32_MAX);
    if (!rc) rc = range(err, "top_p", (double)p->top_p, 0, 1);
    if (!rc) rc = range(err, "min_p", (double)p->min_p, 0, 1);
    if (!rc) rc = range(err, "typical_p", (double)p->typical_p, 0, 1);
    if (!rc) rc = range(err, "repeat_penalty", (double)p->repeat_penalty, 0.01, 100);
    if (!rc) rc = range(err, "presence_penalty", (double)p->presence_penalty, -100, 100);
    if (!rc) rc = range(err, "frequency_penalty", (double)p->frequency_penalty, -100, 100);
    if (!rc) rc = range(err, "repeat_last_n", p->repeat_last_n, -1, INT32_MAX);
    if (rc) return rc;
    s->p = *p;
    s->state = p->seed;
    return SLM_OK;
}

/* splitmix64 (Steele et al. 2014); uniform in [0, 1) with 53 bits. */
static double draw(sampler *s) {
    uint64_t z = (s->state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

int32_t sampler_argmax(const float *x, int n) {
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

static float bounded(float x) { return x > FLT_MAX ? FLT_MAX : x < -FLT_MAX ? -FLT_MAX : x; }

/* The logits with penalties applied: themselves where no penalty is on.  They stay finite, since
 * everything after works with differences. */
static const float *penalize(sampler *s, const float *logits, const int32_t *past, int n_past) {
    const slm_sampling *p = &s->p;
    if (p->repeat_penalty == 1 && p->presence_penalty == 0 && p->frequency_penalty == 0) return logits;
    const int n = p->repeat_last_n < 0 || p->repeat_last_n > n_past ? n_past : p->repeat_last_n;
    past += n_past - n;
    memcpy(s->work, logits, (size_t)s->n_vocab * sizeof *logits);
    for (int i = 0; i < n; i++) s->count[past[i]]++;
    for (int i = 0; i < n; i++) {
        const int32_t id = past[i], k = s->count[id];
        float        *l = &s->work[id];
        s->count[id] = 0; /* the first visit does it all and clears the count */
        if (!k) continue;
        *l = bounded(*l > 0 ? *l / p->repeat_penalty : *l * p->repeat_penalty);
        *l = bounded(*l - (p->presence_penalty + (float)k * p->frequency_penalty));
    }
    return s->work;
}

/* Larger logit first; of equals the smaller id, so that the order does not depend on the sort. */
static bool before(candidate a, candidate b) { return a.logit > b.logit || (a.logit == b.logit && a.id < b.id); }

/* Puts x at the root of the heap c[0..n), whose root is the last of its elements, and lets it sink. */
static void sink(candidate *c, int n, candidate x) {
    int at = 0;
    for (int child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(c[child], c[child + 1])) child++;
        if (!before(x, c[child])) break;
        c[at] = c[child];
    }
    c[at] = x;
}

static void rise(candidate *c, int at, candidate x) {
    for (; at && before(c[(at - 1) / 2], x); at = (at - 1) / 2) c[at] = c[(at - 1) / 2];
    c[at] = x;
}

/* A heap into order.  Not qsort: that of glibc takes memory, and the token loop takes none. */
static void unheap(candidate *c, int n) {
    for (int i = n - 1; i > 0; i--) {
        const candidate last = c[i];
        c[i] = c[0];
        sink(c, i, last);
    }
}

/* The k first candidates, in order, by a heap whose root is the worst of them. */
static int top_k(candidate *c, const float *l, int n, int k) {
    for (int32_t i = 0; i < n; i++) {
        const candidate x = {l[i], i};
        if (i < k) rise(c, i, x);
        else if (before(x, c[0])) sink(c, k, x);
    }
    const int m = n < k ? n : k;
    unheap(c, m);
    return m;
}

/* What is left of the vocabulary, and the mass sum of exp(logit - max) that 1 stands for. */
typedef struct {
    candidate *c;
    int        n;
    float      max;
    double     total;
} choice;

static double weight(const choice *h, int i) { return exp((double)(h->c[i].logit - h->max)); }

static double mass(const choice *h) {
    double sum = 0;
    for (int i = 0; i < h->n; i++) sum += weight(h, i);
    return sum;
}

static int at_least(candidate *c, const float *l, int n, float bound) {
    int m = 0;
    for (int32_t i = 0; i < n; i++)
        if (l[i] >= bound) c[m++] = (candidate){l[i], i};
    return m;
}

static void sort(choice *h) {
    for (int i = 1; i < h->n; i++) rise(h->c, i, h->c[i]);
    unheap(h->c, h->n);
}

/* Without top-k: no more of the vocabulary than top-p and min-p can keep, sorted if top-p needs it. */
static void collect(choice *h, const sampler *s, const float *l) {
    const slm_sampling *p = &s->p;
    h->total = 0;
    for (int32_t i = 0; i < s->n_vocab; i++) h->total += exp((double)(l[i] - h->max));
    if (p->typical_p < 1 || p->top_p >= 1) {
        const bool all = p->typical_p < 1 || p->min_p <= 0;
        h->n = at_least(h->c, l, s->n_vocab, all ? -INFINITY : h->max + logf(p->min_p) - 1e-3f);
        if (p->typical_p < 1) sort(h);
        return;
    }
    /* A bound that falls until what is above it has the mass. */
    for (float depth = 8;; depth *= 2) {
        h->n = at_least(h->c, l, s->n_vocab, h->max - depth);
        if (h->n == s->n_vocab || mass(h) >= (double)p->top_p * h->total) break;
    }
    sort(h);
}

/* The smallest set, nearest to the entropy first, whose mass reaches p; sorted by logit again. */
static void keep_typical(choice *h, const float *l, double p) {
    double entropy = 0, sum = 0;
    for (int i = 0; i < h->n; i++) {
        const double q = weight(h, i) / h->total;
        if (q > 0) entropy -= q * log(q);
    }
    /* The distance of -log q from the entropy takes the logit's place for one sort. */
    const double shift = (double)h->max + log(h->total);
    for (int i = 0; i < h->n; i++) h->c[i].logit = -(float)fabs(shift - (double)h->c[i].logit - entropy);
    sort(h);
    int n = 0;
    while (n < h->n && (n == 0 || sum < p * h->total)) {
        h->c[n].logit = l[h->c[n].id];
        sum += weight(h, n++);
    }
    h->n = n;
    sort(h);
    h->total = sum;
}

static void keep_top_p(choice *h, double p) {
    double sum = 0;
    int    n = 0;
    while (n < h->n && (n == 0 || sum < p * h->total)) sum += weight(h, n++);
    h->n = n;
}

/* Logit of the likeliest that is left: not h->max where typical has removed that one. */
static float largest(const choice *h) {
    float max = h->c[0].logit;
    for (int i = 1; i < h->n; i++) max = h->c[i].logit > max ? h->c[i].logit : max;
    return max;
}

static void keep_min_p(choice *h, double p) {
    const float max = largest(h);
    int         n = 0;
    for (int i = 0; i < h->n; i++)
        if (exp((double)(h->c[i].logit - max)) >= p) h->c[n++] = h->c[i];
    h->n = n;
}

static int32_t draw_one(sampler *s, const choice *h) {
    const double t = (double)s->p.temperature;
    const float  max = largest(h); /* a low temperature needs a term of 1 in the sum */
    double       sum = 0;
    for (int i = 0; i < h->n; i++) sum += exp((double)(h->c[i].logit - max) / t);
    double u = draw(s) * sum;
    for (int i = 0; i < h->n; i++) {
        u -= exp((double)(h->c[i].logit - max) / t);
        if (u < 0) return h->c[i].id;
    }
    return h->c[h->n - 1].id; /* rounding only */
}

int32_t sampler_pick(sampler *s, const float *logits, const int32_t *past, int n_past) {
    const slm_sampling *p = &s->p;
    const float        *l = penalize(s, logits, past, n_past);
    const int32_t       best = sampler_argmax(l, s->n_vocab);
    if (p->temperature == 0 || p->top_k == 1) return best;
    choice h = {.c = s->cand, .max = l[best]};
    if (p->top_k > 0 && p->top_k < s->n_vocab) {
        h.n = top_k(s->cand, l, s->n_vocab, p->top_k);
        h.total = mass(&h);
    } else collect(&h, s, l);
    if (p->typical_p < 1) keep_typical(&h, l, (double)p->typical_p);
    if (p->top_p < 1) keep_top_p(&h, (double)p->top_p);
    if (p->min_p > 0) keep_min_p(&h, (double)p->min_p);
    return draw_one(s, &h);
}
