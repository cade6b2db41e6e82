/* test_sampler.c - which tokens may be drawn, and how often. */
#include "test.h"
#include "../src/sampler.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { V = 1000, DRAWS = 5000 };

typedef struct {
    sampler s;
    arena   mem;
    float   logits[V];
    int     hits[V];
} rig;

static void start(sampler *s) {
    static kernels k;
    CHECK_INT(kernels_select(&k, NULL, NULL), SLM_OK);
    sampler_init(s, &k);
}

static int32_t pick(sampler *s, float *logits, const int32_t *past, int n_past) {
    CHECK(sampler_scan(s, logits));
    return sampler_pick(s, logits, past, n_past);
}

static int32_t argmax(const float *x, int n) {
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

static void rig_open(rig *r) {
    arena measure = {0};
    memset(r, 0, sizeof *r);
    sampler_layout(&measure, &r->s, V);
    CHECK_INT(arena_alloc(&r->mem, measure.used, "test", NULL), SLM_OK);
    sampler_layout(&r->mem, &r->s, V);
    start(&r->s);
    uint64_t seed = 5;
    for (int i = 0; i < V; i++) r->logits[i] = 4 * test_randf(&seed) + (i % 97 == 0 ? 4 : 0);
}

static slm_sampling off(void) {
    slm_sampling p = slm_sampling_defaults();
    p.temperature = 1, p.top_k = 0, p.top_p = 1, p.min_p = 0;
    return p;
}

static void draw_many(rig *r, const slm_sampling *p) {
    CHECK_INT(sampler_set(&r->s, p, NULL), SLM_OK);
    memset(r->hits, 0, sizeof r->hits);
    for (int i = 0; i < DRAWS; i++) r->hits[pick(&r->s, r->logits, NULL, 0)]++;
}

/* Ids by falling logit, and their probabilities at temperature 1. */
static const float *sort_by;
static int by_logit(const void *a, const void *b) {
    const float x = sort_by[*(const int *)a], y = sort_by[*(const int *)b];
    return x > y ? -1 : x < y ? 1 : *(const int *)a - *(const int *)b;
}
static void ranked(const rig *r, int *order, double *p) {
    double sum = 0;
    for (int i = 0; i < V; i++) order[i] = i;
    sort_by = r->logits;
    qsort(order, V, sizeof *order, by_logit);
    for (int i = 0; i < V; i++) sum += p[i] = exp((double)r->logits[order[i]]);
    for (int i = 0; i < V; i++) p[i] /= sum;
}

/* Draws come from the first n of the order only, about as often as their share says. */
static void check_first(const rig *r, const int *order, const double *p, int n, const char *what) {
    double share = 0;
    int    total = 0;
    for (int i = 0; i < n; i++) share += p[i], total += r->hits[order[i]];
    CHECK_INT(total, DRAWS);
    for (int i = 0; i < n; i++) {
        const double want = DRAWS * p[i] / share, slack = 5 * sqrt(want) + 3; /* five standard deviations */
        if (!(fabs(r->hits[order[i]] - want) <= slack)) CHECK_FAIL(what);
    }
}

static void draws_follow_the_probabilities(void) {
    static rig    r;
    static int    order[V];
    static double p[V];
    rig_open(&r);
    ranked(&r, order, p);
    slm_sampling s = off();
    draw_many(&r, &s);
    check_first(&r, order, p, V, "no truncation");
    s.top_k = 7;
    draw_many(&r, &s);
    check_first(&r, order, p, 7, "top-k");
    s.top_k = 0;
    for (int k = 1; k <= 9; k += 4) {
        s.top_p = 0.1f * (float)k;
        int    n = 0;
        double sum = 0;
        while (sum < (double)s.top_p) sum += p[n++];
        draw_many(&r, &s);
        check_first(&r, order, p, n, "top-p");
    }
    s.top_p = 1;
    s.min_p = 0.2f;
    int n = 0;
    while (p[n] >= 0.2 * p[0]) n++;
    draw_many(&r, &s);
    check_first(&r, order, p, n, "min-p");
    s.min_p = 0;
    s.temperature = 0.5f;
    double sharp = 0;
    for (int i = 0; i < V; i++) sharp += p[i] * p[i];
    for (int i = 0; i < V; i++) p[i] = p[i] * p[i] / sharp;
    draw_many(&r, &s);
    check_first(&r, order, p, V, "temperature");
    arena_free(&r.mem);
}

static void typical_drops_the_likeliest(void) {
    /* One token of probability 0.5 and 500 equal ones: the entropy is near that of the many. */
    static rig r;
    rig_open(&r);
    for (int i = 0; i < V; i++) r.logits[i] = i == 3 ? logf(500) : i < 501 ? 0 : -50;
    slm_sampling s = off();
    s.typical_p = 0.3f;
    draw_many(&r, &s);
    int many = 0, seen = 0;
    for (int i = 0; i < 501; i++) many += i != 3 ? r.hits[i] : 0, seen += i != 3 && r.hits[i];
    CHECK_INT(r.hits[3] + many, DRAWS);
    /* -log 0.5 = 0.69, -log 0.001 = 6.9, entropy 3.8: the likely one is just the nearer. */
    CHECK_INT(r.hits[3], DRAWS);
    s.typical_p = 0.6f;
    draw_many(&r, &s);
    many = seen = 0;
    for (int i = 0; i < 501; i++) many += i != 3 ? r.hits[i] : 0, seen += i != 3 && r.hits[i];
    CHECK(r.hits[3] > 0 && many > 0 && seen < 110);
    arena_free(&r.mem);
}

static void edges_still_pick_one(void) {
    static rig r;
    rig_open(&r);
    slm_sampling s = off();
    const int32_t best = argmax(r.logits, V);
    s.top_p = 0;
    draw_many(&r, &s);
    CHECK_INT(r.hits[best], DRAWS);
    s = off(), s.min_p = 1;
    draw_many(&r, &s);
    CHECK_INT(r.hits[best], DRAWS);
    s = off(), s.top_k = 1;
    draw_many(&r, &s);
    CHECK_INT(r.hits[best], DRAWS);
    s = off(), s.typical_p = 0, s.top_k = 5, s.top_p = 0;
    draw_many(&r, &s);
    s = off(), s.temperature = 1e-6f;
    draw_many(&r, &s);
    CHECK_INT(r.hits[best], DRAWS);
    for (int i = 0; i < V; i++) r.logits[i] = 2;
    s = off(), s.temperature = 0;
    draw_many(&r, &s);
    CHECK_INT(r.hits[0], DRAWS); /* the first of equals */
    s = off(), s.top_k = 3;
    draw_many(&r, &s);
    CHECK_INT(r.hits[0] + r.hits[1] + r.hits[2], DRAWS);
    s = off(), s.top_p = 2;
    slm_error e = {0};
    CHECK_INT(sampler_set(&r.s, &s, &e), SLM_ERR_ARGUMENT);
    CHECK_TEXT(e.text, "top_p");
    s = off(), s.temperature = NAN;
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_ERR_ARGUMENT);
    arena_free(&r.mem);
}

static void penalties_look_back(void) {
    static rig r;
    rig_open(&r);
    memset(r.logits, 0, sizeof r.logits);
    r.logits[5] = 2, r.logits[6] = 1.5f, r.logits[7] = 1.2f;
    slm_sampling s = off();
    s.temperature = 0;
    const int32_t past[4] = {5, 5, 6, 900};
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
    CHECK_INT(pick(&r.s, r.logits, past, 4), 5);
    s.repeat_penalty = 1.5f; /* 5: 1.33, 6: 1.0, 7: 1.2 */
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
    CHECK_INT(pick(&r.s, r.logits, past, 4), 5);
    s.repeat_penalty = 2; /* 5: 1.0, 6: 0.75 */
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
    CHECK_INT(pick(&r.s, r.logits, past, 4), 7);
    CHECK_INT(pick(&r.s, r.logits, past, 4), 7); /* counts were cleared */
    s.repeat_last_n = 2; /* sees 6 and 900 only */
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
    CHECK_INT(pick(&r.s, r.logits, past, 4), 5);
    s.repeat_penalty = 1, s.repeat_last_n = -1, s.frequency_penalty = 0.3f; /* 5: 1.4, 6: 1.2 */
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
    CHECK_INT(pick(&r.s, r.logits, past, 4), 5);
    s.frequency_penalty = 0.5f; /* 5: 1.0, 6: 1.0 */
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
    CHECK_INT(pick(&r.s, r.logits, past, 4), 7);
    s.frequency_penalty = 0, s.presence_penalty = 0.7f; /* 5: 1.3 */
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
    CHECK_INT(pick(&r.s, r.logits, past, 4), 5);
    arena_free(&r.mem);
}

/* How often each of the n ids comes out in `draws`; -1 as the result for an id outside them. */
static int picks(int *hits, const slm_sampling *p, float *logits, int n, const int32_t *past, int n_past, int draws) {
    arena   measure = {0}, a;
    sampler s = {0};
    int     rc = 0;
    sampler_layout(&measure, &s, n);
    CHECK_INT(arena_alloc(&a, measure.used, "sampler", NULL), SLM_OK);
    sampler_layout(&a, &s, n);
    start(&s);
    CHECK_INT(sampler_set(&s, p, NULL), SLM_OK);
    memset(hits, 0, (size_t)n * sizeof *hits);
    for (int i = 0; i < draws && !rc; i++) {
        const int32_t id = pick(&s, logits, past, n_past);
        if (id < 0 || id >= n) rc = -1;
        else hits[id]++;
    }
    for (int i = 0; i < n; i++) CHECK_INT(s.count[i], 0);
    arena_free(&a);
    return rc;
}

/* Typical sampling may drop the likeliest token; at a low temperature all that is left is then far
 * below it. */
static void cold_typical_takes_the_likeliest_that_is_left(void) {
    enum { N = 701 };
    static float logits[N];
    static int   hits[N];
    logits[0] = logf(0.3f);
    for (int i = 1; i < N; i++) logits[i] = logf(0.001f);
    logits[77] += 0.5f;
    slm_sampling p = off();
    p.typical_p = 0.5f, p.temperature = 0.005f;
    CHECK_INT(picks(hits, &p, logits, N, NULL, 0, 20), 0);
    CHECK_INT(hits[77], 20);
}

static void penalties_stay_finite(void) {
    static float       logits[3][2] = {{-3e38f, -3e38f}, {3e38f, -3e38f}, {3e38f, 3e38f}};
    const int32_t      past[3] = {0, 1, 0};
    int                hits[2];
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            for (int n = 1; n <= 2; n++) {
                slm_sampling p = off();
                p.repeat_penalty = k ? 100 : 0.01f;
                p.frequency_penalty = k ? -100 : 100;
                p.min_p = 0.05f;
                p.top_p = 0.9f;
                CHECK_INT(picks(hits, &p, logits[i], n, past, n == 1 ? 1 : 3, 10), 0);
                p.top_p = 1, p.typical_p = 0.5f;
                CHECK_INT(picks(hits, &p, logits[i], n, past, n == 1 ? 1 : 3, 10), 0);
            }
}

/* A seed means the same everywhere and for ever: these ids are part of the contract. */
static void a_seed_is_a_promise(void) {
    static rig r;
    rig_open(&r);
    slm_sampling s = slm_sampling_defaults();
    s.seed = 42;
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
    static const int32_t want[8] = {194, 582, 582, 582, 582, 194, 582, 194};
    for (int i = 0; i < 8; i++) CHECK_INT(pick(&r.s, r.logits, NULL, 0), want[i]);
    arena_free(&r.mem);
}

/* ---- a naive sampler ------------------------------------------------------------------- */

typedef struct {
    double  x, key;
    int32_t id;
} entry;

typedef struct {
    entry   *e;       /* the tokens that are left */
    int      n;
    bool     listed, ranked;
    double   temp;
    uint64_t state;
    double   mu;
} naive;

static int by_key(const void *a, const void *b) {
    const entry *x = a, *y = b;
    return x->key > y->key ? -1 : x->key < y->key ? 1 : x->id - y->id;
}

static int by_id(const void *a, const void *b) { return ((const entry *)a)->id - ((const entry *)b)->id; }

static void rank(naive *v) {
    for (int i = 0; i < v->n; i++) v->e[i].key = v->e[i].x;
    qsort(v->e, (size_t)v->n, sizeof *v->e, by_key);
}

static double naive_draw(naive *v) {
    uint64_t z = (v->state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* Probabilities of what is left, into key. */
static void shares(naive *v, double *p) {
    double sum = 0, max = v->e[0].x;
    for (int i = 1; i < v->n; i++) max = v->e[i].x > max ? v->e[i].x : max;
    for (int i = 0; i < v->n; i++) sum += p[i] = exp((v->e[i].x - max) / v->temp);
    for (int i = 0; i < v->n; i++) p[i] /= sum;
}

static void naive_penalties(naive *v, const slm_sampling *p, const int32_t *past, int n_past) {
    const int last = p->repeat_last_n < 0 || p->repeat_last_n > n_past ? n_past : p->repeat_last_n;
    for (int i = 0; i < v->n; i++) {
        int k = 0;
        for (int j = n_past - last; j < n_past; j++) k += past[j] == v->e[i].id;
        if (!k) continue;
        float x = (float)v->e[i].x;
        x = x > 0 ? x / p->repeat_penalty : x * p->repeat_penalty;
        v->e[i].x = (double)(x - (p->presence_penalty + (float)k * p->frequency_penalty) * (float)v->temp);
    }
}

/* Does the past end with the n tokens that stand before place i, none of them a break? */
static bool ends_alike(const int32_t *past, int n_past, int i, int n, const uint8_t *breaks) {
    for (int j = 1; j <= n; j++)
        if (j > i || past[i - j] != past[n_past - j] || breaks[past[i - j]]) return false;
    return true;
}

static void naive_dry(naive *v, const slm_sampling *p, const int32_t *past, int n_past, const uint8_t *breaks) {
    const int n = p->dry_last_n < 0 || p->dry_last_n > n_past ? n_past : p->dry_last_n;
    past += n_past - n;
    for (int i = 0; p->dry_multiplier > 0 && i < v->n; i++) {
        int longest = 0;
        for (int at = 1; at < n; at++)
            for (int len = longest + 1; past[at] == v->e[i].id && len <= at; len++)
                if (ends_alike(past, n, at, len, breaks)) longest = len;
        if (longest < p->dry_allowed_length || breaks[v->e[i].id]) continue;
        v->e[i].x = (double)(float)(v->e[i].x - (double)p->dry_multiplier * pow((double)p->dry_base, longest - p->dry_allowed_length) * v->temp);
    }
}

static void naive_step(naive *v, int is, const slm_sampling *p) {
    static double q[20000];
    double        sum = 0, a = 0, b = 0;
    int           n = 0;
    shares(v, q);
    if (is == SLM_TOP_K && p->top_k > 0 && p->top_k < v->n) {
        rank(v);
        v->n = p->top_k;
        v->ranked = true;
    } else if (is == SLM_TOP_P && p->top_p < 1) {
        rank(v);
        shares(v, q);
        while (n < v->n && (n == 0 || sum < (double)p->top_p)) sum += q[n++];
        v->n = n;
        v->ranked = true;
    } else if (is == SLM_MIN_P && p->min_p > 0) {
        for (int i = 0; i < v->n; i++) a = q[i] > a ? q[i] : a;
        for (int i = 0; i < v->n; i++)
            if (q[i] >= (double)p->min_p * a) v->e[n++] = v->e[i];
        v->n = n;
    } else if (is == SLM_TYPICAL && p->typical_p < 1) {
        for (int i = 0; i < v->n; i++) a -= q[i] > 0 ? q[i] * log(q[i]) : 0;
        for (int i = 0; i < v->n; i++) v->e[i].key = -(double)(float)fabs(-log(q[i]) - a);
        qsort(v->e, (size_t)v->n, sizeof *v->e, by_key);
        shares(v, q);
        while (n < v->n && (n == 0 || sum < (double)p->typical_p)) sum += q[n++];
        v->n = n;
        v->ranked = true;
    } else if (is == SLM_TOP_N_SIGMA && p->top_n_sigma > 0) {
        double max = v->e[0].x;
        for (int i = 0; i < v->n; i++) sum += v->e[i].x, max = v->e[i].x > max ? v->e[i].x : max;
        a = sum / v->n;
        for (int i = 0; i < v->n; i++) b += (v->e[i].x - a) * (v->e[i].x - a);
        for (int i = 0; i < v->n; i++)
            if (v->e[i].x >= max - (double)p->top_n_sigma * sqrt(b / v->n)) v->e[n++] = v->e[i];
        v->n = n;
    } else if (is == SLM_XTC && p->xtc_probability > 0 && naive_draw(v) < (double)p->xtc_probability) {
        rank(v);
        shares(v, q);
        while (n < v->n && q[n] >= (double)p->xtc_threshold) n++;
        if (n > 1) memmove(v->e, v->e + n - 1, (size_t)(v->n -= n - 1) * sizeof *v->e);
        if (!v->ranked) qsort(v->e, (size_t)v->n, sizeof *v->e, by_id);
    } else if (is == SLM_TEMPERATURE) v->temp = (double)p->temperature;
}

static int32_t naive_pick(naive *v, const slm_sampling *p, const uint8_t *order, const float *logits, int n_vocab, const int32_t *past,
                          int n_past, const uint8_t *breaks) {
    static double q[20000];
    bool          one = false;
    v->n = n_vocab, v->ranked = false, v->temp = 1;
    for (int i = 0; i < n_vocab; i++) v->e[i] = (entry){(double)logits[i], 0, i};
    for (int i = 0; order[i]; i++) {
        if (order[i] == SLM_PENALTIES) naive_penalties(v, p, past, n_past);
        else if (order[i] == SLM_DRY) naive_dry(v, p, past, n_past, breaks);
        else naive_step(v, order[i], p);
        one = one || (order[i] == SLM_TOP_K && p->top_k == 1);
    }
    rank(v);
    if (one) return v->e[0].id;
    if (!v->ranked) qsort(v->e, (size_t)v->n, sizeof *v->e, by_id);
    shares(v, q);
    double u = naive_draw(v);
    for (int i = 0; i < v->n; i++)
        if ((u -= q[i]) < 0) return v->e[i].id;
    return v->e[v->n - 1].id;
}

static float any(uint64_t *seed, float lo, float hi) { return lo + (hi - lo) * (0.5f + 0.5f * test_randf(seed)); }
static bool  often(uint64_t *seed) { return test_randf(seed) > 0; }

/* Any of the samplers on or off, in any order. */
static void random_setting(slm_sampling *p, uint64_t *seed) {
    static const uint8_t usual[SLM_N_SAMPLERS] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    *p = off();
    p->temperature = any(seed, 0.3f, 2);
    if (often(seed)) p->top_k = (int)(1 + any(seed, 0, 1) * any(seed, 0, 1) * 900);
    if (often(seed)) p->top_p = any(seed, 0, 1);
    if (often(seed)) p->min_p = any(seed, 0, 0.2f);
    if (often(seed)) p->typical_p = any(seed, 0, 1);
    if (often(seed)) p->top_n_sigma = any(seed, 0.1f, 3);
    if (often(seed)) p->xtc_probability = any(seed, 0, 1), p->xtc_threshold = any(seed, 0, 0.1f);
    if (often(seed)) p->repeat_penalty = any(seed, 0.8f, 2), p->repeat_last_n = (int)any(seed, 0, 300);
    if (often(seed)) p->presence_penalty = any(seed, -2, 2), p->frequency_penalty = any(seed, -0.5f, 0.5f);
    if (often(seed)) p->dry_multiplier = any(seed, 0, 2), p->dry_base = any(seed, 1, 2), p->dry_allowed_length = 1 + (int)any(seed, 0, 3);
    p->dry_last_n = often(seed) ? -1 : (int)any(seed, 0, 300);
    p->seed = (uint64_t)any(seed, 0, 1e6f);
    memcpy(p->order, usual, sizeof usual);
    for (int i = SLM_N_SAMPLERS - 2; often(seed) && i > 0; i--) {
        const int     j = (int)any(seed, 0, (float)i + 0.99f);
        const uint8_t was = p->order[i];
        p->order[i] = p->order[j], p->order[j] = was;
    }
}

static void equals_the_naive_sampler(void) {
    static const int sizes[] = {1, 2, 63, 64, 65, 130, 1000, 1025, 9000};
    static float     logits[9000], copy[9000];
    static entry     room[9000];
    uint64_t         seed = 77;
    int              n_same = 0, n_all = 0;
    for (int round = 0; round < 60; round++)
        for (size_t q = 0; q < ARRAY_LEN(sizes); q++) {
            const int    n = sizes[q];
            arena        measure = {0}, a;
            sampler      s = {0};
            slm_sampling p;
            int32_t      past[300];
            const int    n_past = (int)any(&seed, 0, 300);
            uint8_t     *breaks = mem_zero((size_t)n, 1);
            sampler_layout(&measure, &s, n);
            CHECK_INT(arena_alloc(&a, measure.used, "sampler", NULL), SLM_OK);
            sampler_layout(&a, &s, n);
            start(&s);
            random_setting(&p, &seed);
            CHECK_INT(sampler_set(&s, &p, NULL), SLM_OK);
            for (int i = 0; i < n; i++) logits[i] = any(&seed, -4, 4) + (i % 61 ? 0 : any(&seed, 0, 4));
            for (int i = 0; i < n_past; i++) past[i] = (int32_t)any(&seed, 0, 3.999f) % n;
            breaks[n / 2] = 1;
            sampler_breaks(&s, breaks);
            memcpy(copy, logits, sizeof copy);
            naive v = {.e = room, .state = p.seed};
            for (int i = 0; i < 4; i++, n_all++)
                n_same += pick(&s, logits, past, n_past) == naive_pick(&v, &p, p.order, logits, n, past, n_past, breaks);
            CHECK(!memcmp(copy, logits, sizeof copy));
            for (int i = 0; i < n; i++) CHECK(!s.count[i] && !s.marked[i]);
            sampler_free(&s);
            arena_free(&a);
        }
    CHECK_INT(n_same, n_all);
}

/* The kept set of each step by the papers' rules, and what they promise: the surprise that was asked for. */
static void mirostat_holds_the_surprise(void) {
    static rig    r;
    static int    order[V];
    static double p[V];
    rig_open(&r);
    ranked(&r, order, p);
    for (int version = 1; version <= 2; version++) {
        slm_sampling s = off();
        s.mirostat = version, s.mirostat_tau = 4, s.mirostat_eta = 0.2f;
        CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
        double mu = 8, sum = 0;
        int    outside = 0;
        for (int i = 0; i < 3000; i++) {
            double up = 0, down = 0;
            for (int j = 0; j < 99; j++) {
                up += log((j + 2.0) / (j + 1)) * log(p[j] / p[j + 1]);
                down += log((j + 2.0) / (j + 1)) * log((j + 2.0) / (j + 1));
            }
            const double z = up / down, k = pow((z - 1) * pow(2, mu) / (1 - pow(V, 1 - z)), 1 / z);
            const int    id = pick(&r.s, r.logits, NULL, 0);
            int          at = 0;
            while (order[at] != id) at++;
            const double bits = -log2(p[at]);
            outside += at && (version == 1 ? at >= (int)k : bits > mu + 1e-6);
            mu -= (double)s.mirostat_eta * (bits - 4);
            sum += bits;
        }
        CHECK_INT(outside, 0);
        CHECK(fabs(r.s.mu - mu) < 1e-3);
        CHECK(fabs(sum / 3000 - 4) < 0.1);
    }
    arena_free(&r.mem);
}

static void biases_add_and_ban(void) {
    static rig r;
    rig_open(&r);
    slm_sampling s = off();
    const int32_t best = argmax(r.logits, V);
    slm_bias      list[V];
    s.temperature = 0;
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
    list[0] = (slm_bias){best, -INFINITY};
    CHECK_INT(sampler_bias(&r.s, list, 1, NULL), SLM_OK);
    CHECK(pick(&r.s, r.logits, NULL, 0) != best);
    list[1] = (slm_bias){17, 100};
    CHECK_INT(sampler_bias(&r.s, list, 2, NULL), SLM_OK);
    CHECK_INT(pick(&r.s, r.logits, NULL, 0), 17);
    /* All but two tokens banned: none of them is ever drawn, with penalties or without. */
    for (int k = 0; k < 3; k++) {
        const int32_t past[2] = {3, 7};
        for (int i = 0; i < V; i++) list[i] = (slm_bias){i, i == 5 || i == 900 ? 0 : -INFINITY};
        CHECK_INT(sampler_bias(&r.s, list, V, NULL), SLM_OK);
        s = off(), s.top_k = k ? 10 : 0, s.repeat_penalty = 1.5f, s.typical_p = k == 2 ? 0.99f : 1, s.top_n_sigma = k ? 0 : 5;
        CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_OK);
        for (int i = 0; i < 500; i++) {
            const int32_t id = pick(&r.s, r.logits, past, 2);
            CHECK(id == 5 || id == 900);
        }
    }
    slm_error e = {0};
    for (int i = 0; i < V; i++) list[i] = (slm_bias){i, -INFINITY};
    CHECK_INT(sampler_bias(&r.s, list, V, &e), SLM_ERR_ARGUMENT);
    CHECK_TEXT(e.text, "all are banned");
    list[0].id = V;
    CHECK_INT(sampler_bias(&r.s, list, 1, NULL), SLM_ERR_ARGUMENT);
    list[0] = (slm_bias){1, NAN};
    CHECK_INT(sampler_bias(&r.s, list, 1, NULL), SLM_ERR_ARGUMENT);
    sampler_free(&r.s);
    arena_free(&r.mem);
}

static void orders_are_read(void) {
    uint8_t   order[SLM_N_SAMPLERS];
    slm_error e = {0};
    CHECK_INT(slm_samplers_parse("top-k;typical,temp", order, &e), SLM_OK);
    CHECK(order[0] == SLM_TOP_K && order[1] == SLM_TYPICAL && order[2] == SLM_TEMPERATURE && order[3] == 0);
    CHECK_INT(slm_samplers_parse("penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature", order, &e), SLM_OK);
    for (int i = 0; i < SLM_N_SAMPLERS; i++) CHECK_INT(order[i], i + 1 < SLM_N_SAMPLERS ? i + 1 : 0);
    CHECK_INT(slm_samplers_parse("", order, NULL), SLM_ERR_ARGUMENT);
    CHECK_INT(slm_samplers_parse("top_k;;temp", order, NULL), SLM_ERR_ARGUMENT);
    CHECK_INT(slm_samplers_parse("top_k;temp;top_k", order, &e), SLM_ERR_ARGUMENT);
    CHECK_TEXT(e.text, "twice");
    slm_sampling s = off();
    static rig   r;
    rig_open(&r);
    memset(s.order, SLM_TOP_K, sizeof s.order);
    CHECK_INT(sampler_set(&r.s, &s, NULL), SLM_ERR_ARGUMENT);
    arena_free(&r.mem);
}

/* The same ids under every instruction set, in lists long and short. */
static void sets_agree(void) {
    enum { N = 9001 };
    static float logits[N];
    uint64_t     seed = 3;
    for (int i = 0; i < N; i++) logits[i] = any(&seed, -6, 6);
    for (int round = 0; round < 40; round++) {
        slm_sampling p;
        random_setting(&p, &seed);
        p.mirostat = round % 8 == 7 ? 1 + round / 8 % 2 : 0;
        int32_t want[6];
        for (int i = 0; kernels_name(i); i++) {
            arena   measure = {0}, a;
            sampler s = {0};
            kernels k;
            CHECK_INT(kernels_select(&k, kernels_name(i), NULL), SLM_OK);
            sampler_layout(&measure, &s, N);
            CHECK_INT(arena_alloc(&a, measure.used, "sampler", NULL), SLM_OK);
            sampler_layout(&a, &s, N);
            sampler_init(&s, &k);
            CHECK_INT(sampler_set(&s, &p, NULL), SLM_OK);
            for (int j = 0; j < 6; j++) {
                const int32_t id = pick(&s, logits, NULL, 0);
                if (i == 0) want[j] = id;
                CHECK_INT(id, want[j]);
            }
            arena_free(&a);
        }
    }
}

const test_case tests_sampler[] = {
    {"draws_follow_the_probabilities", "top-k, top-p, min-p and temperature keep the right set in the right shares", draws_follow_the_probabilities},
    {"typical_drops_the_likeliest", "typical sampling keeps what is nearest to the entropy", typical_drops_the_likeliest},
    {"edges_still_pick_one", "the narrowest settings pick the best; ties go to the smaller id; NaN is refused", edges_still_pick_one},
    {"penalties_look_back", "repetition, presence and frequency penalties by hand-computed numbers", penalties_look_back},
    {"cold_typical_takes_the_likeliest_that_is_left", "not the last one, when every weight underflows beside the dropped best", cold_typical_takes_the_likeliest_that_is_left},
    {"penalties_stay_finite", "logits near the largest float, a vocabulary of one: an id comes out, and the call ends", penalties_stay_finite},
    {"a_seed_is_a_promise", "a seed gives the same ids on every machine", a_seed_is_a_promise},
    {"equals_the_naive_sampler", "random settings of every sampler in random orders: the ids of a sampler that sorts everything", equals_the_naive_sampler},
    {"mirostat_holds_the_surprise", "both versions: the kept set of the papers, and the surprise that was asked for", mirostat_holds_the_surprise},
    {"biases_add_and_ban", "a banned token is never drawn; all banned is refused", biases_add_and_ban},
    {"orders_are_read", "names of samplers; twice, none and unknown are refused", orders_are_read},
    {"sets_agree", "a seed gives the same ids under every instruction set", sets_agree},
    {0},
};
