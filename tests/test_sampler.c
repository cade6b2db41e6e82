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

const test_case tests_sampler[] = {
    {"draws_follow_the_probabilities", "top-k, top-p, min-p and temperature keep the right set in the right shares", draws_follow_the_probabilities},
    {"typical_drops_the_likeliest", "typical sampling keeps what is nearest to the entropy", typical_drops_the_likeliest},
    {"edges_still_pick_one", "the narrowest settings pick the best; ties go to the smaller id; NaN is refused", edges_still_pick_one},
    {"penalties_look_back", "repetition, presence and frequency penalties by hand-computed numbers", penalties_look_back},
    {"cold_typical_takes_the_likeliest_that_is_left", "not the last one, when every weight underflows beside the dropped best", cold_typical_takes_the_likeliest_that_is_left},
    {"penalties_stay_finite", "logits near the largest float, a vocabulary of one: an id comes out, and the call ends", penalties_stay_finite},
    {"a_seed_is_a_promise", "a seed gives the same ids on every machine", a_seed_is_a_promise},
    {0},
};
