/* sampler.c - biases, then penalties, truncations and temperature in the order that was asked for,
 * then one draw.
 *
 * Logits are changed in place, only where a rule names a token, and put back after the draw.
 *
 * Sources: repetition penalty Keskar et al. 2019; DRY Weidmann 2024 (text-generation-webui, pull
 * request 5677); XTC and truncations in choice.c; mirostat Basu et al. 2021. */
#include "sampler.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum {
    DRY_REACH = 256,   /* a repetition so much longer than allowed gets the penalty of that length */
    MIROSTAT_SEEN = 100 /* of the likeliest tokens, to estimate the slope of Zipf's law: as the paper */
};

/* ---- names ------------------------------------------------------------------- */

static const char *const sampler_names[SLM_N_SAMPLERS] = {
    [SLM_PENALTIES] = "penalties", [SLM_DRY] = "dry", [SLM_TOP_N_SIGMA] = "top_n_sigma", [SLM_TOP_K] = "top_k",
    [SLM_TYPICAL] = "typ_p", [SLM_TOP_P] = "top_p", [SLM_MIN_P] = "min_p", [SLM_XTC] = "xtc",
    [SLM_TEMPERATURE] = "temperature",
};
static const struct {
    const char *name;
    int         is;
} other_names[] = {{"typical", SLM_TYPICAL}, {"typical_p", SLM_TYPICAL}, {"temp", SLM_TEMPERATURE}, {"top_nsigma", SLM_TOP_N_SIGMA}};

const char *slm_sampler_name(int i) { return i > 0 && i < SLM_N_SAMPLERS ? sampler_names[i] : NULL; }

/* Names differ in no more than - and _. */
static bool same_name(str s, const char *name) {
    if (s.n != strlen(name)) return false;
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] == '-' ? '_' : s.p[i]) != name[i]) return false;
    return true;
}

static int sampler_of(str name) {
    for (int i = 1; i < SLM_N_SAMPLERS; i++)
        if (same_name(name, sampler_names[i])) return i;
    for (size_t i = 0; i < ARRAY_LEN(other_names); i++)
        if (same_name(name, other_names[i].name)) return other_names[i].is;
    return 0;
}

slm_status slm_samplers_parse(const char *list, uint8_t order[SLM_N_SAMPLERS], slm_error *err) {
    uint8_t out[SLM_N_SAMPLERS] = {0};
    int     n = 0;
    for (const char *p = list;; p++) {
        const str name = {p, strcspn(p, ";,")};
        const int is = sampler_of(name);
        if (!is) return err_set(err, SLM_ERR_ARGUMENT, "there is no sampler \"%.*s\"", (int)(name.n < 64 ? name.n : 64), name.p);
        if (memchr(out, is, sizeof out)) return err_set(err, SLM_ERR_ARGUMENT, "sampler %s stands twice in a list", sampler_names[is]);
        out[n++] = (uint8_t)is;
        p += name.n;
        if (!*p) break;
    }
    memcpy(order, out, sizeof out);
    return SLM_OK;
}

/* ---- settings ---------------------------------------------------------------- */

void sampler_layout(arena *a, sampler *s, int n_vocab) {
    const size_t n = (size_t)n_vocab;
    choice_layout(a, &s->c, n_vocab);
    s->count = arena_take(a, n, sizeof *s->count, 64);
    s->old = arena_take(a, n, sizeof *s->old, 64);
    s->changed = arena_take(a, n, sizeof *s->changed, 64);
    s->marked = arena_take(a, n, sizeof *s->marked, 64);
}

void sampler_init(sampler *s, const kernels *k) { s->c.k = k; }

void sampler_free(sampler *s) {
    mem_free(s->bias);
    mem_free(s->breaks);
    s->bias = NULL;
    s->breaks = NULL;
}

static slm_status range(slm_error *err, const char *name, double v, double lo, double hi) {
    if ((float)v >= (float)lo && (float)v <= (float)hi) return SLM_OK; /* 0.01f is below 0.01 */
    return err_set(err, SLM_ERR_ARGUMENT, "%s = %g is not in [%g, %g]", name, v, lo, hi);
}

static slm_status check_ranges(const slm_sampling *p, slm_error *err) {
    const struct {
        const char *name;
        double      v, lo, hi;
    } list[] = {
        {"temperature", (double)p->temperature, 0, 100},
        {"top_k", p->top_k, 0, INT32_MAX},
        {"top_p", (double)p->top_p, 0, 1},
        {"min_p", (double)p->min_p, 0, 1},
        {"typical_p", (double)p->typical_p, 0, 1},
        {"top_n_sigma", (double)p->top_n_sigma, 0, 1000},
        {"repeat_penalty", (double)p->repeat_penalty, 0.01, 100},
        {"presence_penalty", (double)p->presence_penalty, -100, 100},
        {"frequency_penalty", (double)p->frequency_penalty, -100, 100},
        {"repeat_last_n", p->repeat_last_n, -1, INT32_MAX},
        {"dry_multiplier", (double)p->dry_multiplier, 0, 100},
        {"dry_base", (double)p->dry_base, 1, 100},
        {"dry_allowed_length", p->dry_allowed_length, 1, 1 << 20},
        {"dry_last_n", p->dry_last_n, -1, INT32_MAX},
        {"xtc_probability", (double)p->xtc_probability, 0, 1},
        {"xtc_threshold", (double)p->xtc_threshold, 0, 1},
        {"mirostat", p->mirostat, 0, 2},
        {"mirostat_tau", (double)p->mirostat_tau, 0, 100},
        {"mirostat_eta", (double)p->mirostat_eta, 0, 10},
    };
    slm_status rc = SLM_OK;
    for (size_t i = 0; !rc && i < ARRAY_LEN(list); i++) rc = range(err, list[i].name, list[i].v, list[i].lo, list[i].hi);
    return rc;
}

slm_status sampler_set(sampler *s, const slm_sampling *p, slm_error *err) {
    static const uint8_t usual[SLM_N_SAMPLERS] = {SLM_PENALTIES, SLM_DRY, SLM_TOP_N_SIGMA, SLM_TOP_K, SLM_TYPICAL,
                                                  SLM_TOP_P, SLM_MIN_P, SLM_XTC, SLM_TEMPERATURE};
    /* Mirostat is a truncation of its own and takes the place of the others. */
    static const uint8_t with_mirostat[SLM_N_SAMPLERS] = {SLM_PENALTIES, SLM_DRY, SLM_TEMPERATURE};
    slm_status rc = check_ranges(p, err);
    if (rc) return rc;
    for (int i = 0; i < SLM_N_SAMPLERS; i++)
        if (p->order[i] >= SLM_N_SAMPLERS || (i == SLM_N_SAMPLERS - 1 && p->order[i]))
            return err_set(err, SLM_ERR_ARGUMENT, "the order of samplers has no end, or a number that names none");
    s->p = *p;
    memcpy(s->order, p->mirostat ? with_mirostat : p->order[0] ? p->order : usual, sizeof s->order);
    s->state = p->seed;
    s->mu = 2 * (double)p->mirostat_tau;
    return SLM_OK;
}

slm_status sampler_bias(sampler *s, const slm_bias *list, int n, slm_error *err) {
    slm_bias  *copy = n ? mem_zero((size_t)n, sizeof *copy) : NULL;
    int        n_banned = 0;
    slm_status rc = n && !copy ? err_memory(err, "biases", (size_t)n * sizeof *copy) : SLM_OK;
    for (int i = 0; !rc && i < n; i++) {
        const slm_bias b = copy[i] = list[i];
        if (b.id < 0 || b.id >= s->c.n_vocab)
            rc = err_set(err, SLM_ERR_ARGUMENT, "token id %d is not in [0, %d]", b.id, s->c.n_vocab - 1);
        else if (b.add != -INFINITY) rc = range(err, "a bias", (double)b.add, -1e6, 1e6);
        else n_banned += !s->count[b.id]++;
    }
    for (int i = 0; i < n; i++)
        if (list[i].id >= 0 && list[i].id < s->c.n_vocab) s->count[list[i].id] = 0;
    if (!rc && n_banned == s->c.n_vocab) rc = err_set(err, SLM_ERR_ARGUMENT, "no token is left: all are banned");
    if (rc) {
        mem_free(copy);
        return rc;
    }
    mem_free(s->bias);
    s->bias = copy;
    s->n_bias = n;
    return SLM_OK;
}

void sampler_breaks(sampler *s, uint8_t *breaks) {
    mem_free(s->breaks);
    s->breaks = breaks;
}

/* splitmix64 (Steele et al. 2014); uniform in [0, 1) with 53 bits. */
static double draw(sampler *s) {
    uint64_t z = (s->state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* ---- changed logits -------------------------------------------------------------- */

bool sampler_scan(sampler *s, const float *logits) { return choice_scan(&s->c, logits); }

static void change(sampler *s, float *logits, int32_t id, float x) {
    if (!s->marked[id]) {
        s->marked[id] = 1;
        s->changed[s->n_changed] = id;
        s->old[s->n_changed++] = logits[id];
    }
    logits[id] = x;
}

/* Peaks of logits that were changed or put back. */
static void rescan(sampler *s, const float *logits) {
    if (s->n_changed > s->c.n_vocab / 64) choice_scan(&s->c, logits);
    else
        for (int i = 0; i < s->n_changed; i++) choice_rescan(&s->c, logits, s->changed[i]);
}

static void put_back(sampler *s, float *logits) {
    for (int i = 0; i < s->n_changed; i++) {
        logits[s->changed[i]] = s->old[i];
        s->marked[s->changed[i]] = 0;
    }
    rescan(s, logits);
    s->n_changed = 0;
}

/* Changed logits stay finite, since everything after works with differences. */
static float bounded(double x) {
    const double most = (double)FLT_MAX;
    return x > most ? FLT_MAX : x < -most ? -FLT_MAX : (float)x;
}

static void add_bias(sampler *s, float *logits) {
    for (int i = 0; i < s->n_bias; i++) {
        const slm_bias b = s->bias[i];
        const float    x = logits[b.id];
        if (x > -INFINITY) change(s, logits, b.id, b.add == -INFINITY ? -INFINITY : bounded((double)x + (double)b.add));
    }
}

/* Tokens of the past that a rule looks at: the newest `last`, or all where that is -1. */
static int window(int last, int n_past) { return last < 0 || last > n_past ? n_past : last; }

static void penalize(sampler *s, float *logits, const int32_t *past, int n_past) {
    const slm_sampling *p = &s->p;
    if (p->repeat_penalty == 1 && p->presence_penalty == 0 && p->frequency_penalty == 0) return;
    const int   n = window(p->repeat_last_n, n_past);
    const float temp = (float)s->c.temp; /* 1, unless the temperature came first */
    past += n_past - n;
    for (int i = 0; i < n; i++) s->count[past[i]]++;
    for (int i = 0; i < n; i++) {
        const int32_t id = past[i], k = s->count[id];
        float         x = logits[id];
        s->count[id] = 0; /* the first visit does it all and clears the count */
        if (!k || x == -INFINITY) continue;
        x = bounded((double)(x > 0 ? x / p->repeat_penalty : x * p->repeat_penalty));
        change(s, logits, id, bounded((double)(x - (p->presence_penalty + (float)k * p->frequency_penalty) * temp)));
    }
}

static bool is_break(const sampler *s, int32_t id) { return s->breaks && s->breaks[id]; }

/* The length of what past[0..n) ends with and also stands before past[i + 1], at most `cap`. */
static int repeated(const sampler *s, const int32_t *past, int n, int i, int cap) {
    int len = 1;
    while (len < cap && len <= i && past[i - len] == past[n - 1 - len] && !is_break(s, past[i - len])) len++;
    return len;
}

/* "Don't repeat yourself": a token that would make a sequence longer which stands in the past already
 * loses multiplier * base^(length so far - allowed length). */
static void penalize_sequences(sampler *s, float *logits, const int32_t *past, int n_past) {
    const slm_sampling *p = &s->p;
    const int           n = window(p->dry_last_n, n_past);
    past += n_past - n;
    if (p->dry_multiplier == 0 || n < 2 || is_break(s, past[n - 1])) return;
    for (int i = 0; i + 1 < n; i++) {
        const int32_t next = past[i + 1];
        if (past[i] != past[n - 1] || is_break(s, next)) continue;
        const int len = repeated(s, past, n, i, p->dry_allowed_length + DRY_REACH);
        if (len > s->count[next]) s->count[next] = len;
    }
    for (int i = 0; i + 1 < n; i++) {
        const int32_t next = past[i + 1];
        const int     over = s->count[next] - p->dry_allowed_length;
        s->count[next] = 0;
        if (over < 0 || logits[next] == -INFINITY) continue;
        const double loss = (double)p->dry_multiplier * pow((double)p->dry_base, over);
        change(s, logits, next, bounded((double)logits[next] - loss * s->c.temp));
    }
}

/* ---- mirostat ------------------------------------------------------------------------ */

/* Tokens to keep so that the surprise comes out as mu, for probabilities that fall by Zipf's law. */
static int zipf_k(const double *p, int n, int n_vocab, double mu) {
    double up = 0, down = 0;
    for (int i = 0; i + 1 < n && p[i + 1] > 0; i++) {
        const double t = log((i + 2.0) / (i + 1.0));
        up += t * log(p[i] / p[i + 1]);
        down += t * t;
    }
    if (!(up > 0)) return down > 0 ? n_vocab : 1; /* equal probabilities; or there is but one token */
    const double s = up / down, e = s - 1;
    /* e / (1 - N^-e) goes to 1 / ln N where e is 0. */
    const double slope = fabs(e) > 1e-9 ? e / (1 - pow(n_vocab, -e)) : 1 / log(n_vocab);
    const double k = pow(slope * exp2(mu), 1 / s);
    return k < 1 ? 1 : k < n_vocab ? (int)k : n_vocab;
}

/* Surprise is that of the probabilities before anything was left out, as in the paper. */
static int32_t mirostat(sampler *s) {
    choice      *c = &s->c;
    const double sum = choice_total(c);
    if (s->p.mirostat == 1) {
        double    p[MIROSTAT_SEEN];
        const int n = c->n < MIROSTAT_SEEN ? c->n : MIROSTAT_SEEN;
        choice_likeliest(c, p, n);
        choice_top_k(c, zipf_k(p, n, c->n_vocab, s->mu));
    } else choice_surprise(c, sum, s->mu);
    const int32_t id = choice_draw(c, draw(s));
    s->mu -= (double)s->p.mirostat_eta * (choice_bits(c, sum, id) - (double)s->p.mirostat_tau);
    return id;
}

/* ---- one token ------------------------------------------------------------------------- */

static void truncate(sampler *s, int is) {
    const slm_sampling *p = &s->p;
    choice             *c = &s->c;
    switch (is) {
    case SLM_TOP_N_SIGMA:
        if (p->top_n_sigma > 0) choice_n_sigma(c, (double)p->top_n_sigma);
        break;
    case SLM_TOP_K:
        if (p->top_k > 0) choice_top_k(c, p->top_k);
        break;
    case SLM_TYPICAL:
        if (p->typical_p < 1) choice_typical(c, (double)p->typical_p);
        break;
    case SLM_TOP_P:
        if (p->top_p < 1) choice_top_p(c, (double)p->top_p);
        break;
    case SLM_MIN_P:
        if (p->min_p > 0) choice_min_p(c, (double)p->min_p);
        break;
    case SLM_XTC:
        if (p->xtc_probability > 0 && draw(s) < (double)p->xtc_probability) choice_drop_top(c, (double)p->xtc_threshold);
        break;
    case SLM_TEMPERATURE: c->temp = (double)p->temperature; break;
    default: break;
    }
}

static void see_changes(sampler *s, const float *logits) {
    if (!s->n_changed) return;
    rescan(s, logits);
    choice_reload(&s->c);
}

static bool has(const sampler *s, int is) { return memchr(s->order, is, sizeof s->order) != NULL; }

int32_t sampler_pick(sampler *s, float *logits, const int32_t *past, int n_past) {
    const slm_sampling *p = &s->p;
    const bool          greedy = p->temperature == 0 && has(s, SLM_TEMPERATURE);
    int32_t             id;
    choice_begin(&s->c, logits);
    add_bias(s, logits);
    see_changes(s, logits);
    for (int i = 0; s->order[i]; i++) {
        const int is = s->order[i];
        if (is == SLM_PENALTIES || is == SLM_DRY) {
            if (is == SLM_DRY) penalize_sequences(s, logits, past, n_past);
            else penalize(s, logits, past, n_past);
            see_changes(s, logits);
        } else if (!greedy) truncate(s, is);
    }
    /* Where one token is left no random number is spent on it. */
    if (greedy || (p->top_k == 1 && has(s, SLM_TOP_K))) id = choice_best(&s->c);
    else id = p->mirostat ? mirostat(s) : choice_draw(&s->c, draw(s));
    put_back(s, logits);
    return id;
}
