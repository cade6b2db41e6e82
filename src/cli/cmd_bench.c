/* cmd_bench.c - how fast, and how near to what this machine can do.
 *
 * The roofs (how fast memory is read, how fast small integers are multiplied) are measured in the
 * same run as the rows, before and after them: on a machine that others share, only ratios of one
 * run mean something.  Tests run in rounds; where two settings are compared, the rounds alternate. */
#include "../cpu.h"
#include "cli.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    int n_prompt, n_gen, n_depth;
} bench_test;

enum { MAX_SETTINGS = 256, MAX_TESTS = 512, MAX_ISA = 16 };

typedef struct {
    options      *o;
    const char   *path;
    const char   *isa[MAX_ISA];
    int           n_isa;
    bench_setting set[MAX_SETTINGS];
    int           n_set;
    bench_test    test[MAX_TESTS];
    int           n_test;
    void         *shape; /* --shape: the file in memory */
    size_t        shape_bytes;
    int32_t      *ids;   /* random tokens, as many as the longest test needs */
    int           n_ids;
    bench_report  report;
} bench;

/* A setting with its model and session. */
typedef struct {
    bench_setting set;
    slm_model    *m;
    slm_session  *s;
    bool          owns_model;
    double        model_ms, load_ms;
} contestant;

static void tell(const options *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(const options *o, const char *fmt, ...) {
    char    text[200];
    va_list ap;
    if (!o->verbose && (o->quiet || !isatty(STDERR_FILENO))) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    note("%s", text);
}

/* ---- what to run ------------------------------------------------------------- */

static const char *best_isa(void) {
    const char *best = "scalar", *name;
    for (int i = 0; (name = slm_isa_name(i)); i++) best = name;
    return best;
}

/* --isa scalar,avx2: names as slm_isa_name() holds them. */
static int list_isa(bench *b) {
    const char *p = b->o->bench.isa ? b->o->bench.isa : "auto";
    for (;; p++) {
        const str   word = {p, strcspn(p, ",")};
        const char *name, *found = str_is(word, "auto") ? best_isa() : NULL;
        strbuf      all = {0};
        for (int i = 0; (name = slm_isa_name(i)); i++) {
            if (str_is(word, name)) found = name;
            strbuf_fmt(&all, " %s", name);
        }
        int rc = 0;
        if (!found)
            rc = fail(EXIT_USAGE, "--isa: \"%.*s\" is not what this processor can run: auto%.*s", (int)word.n, word.p,
                      (int)all.n, all.n ? all.p : "");
        else if (b->n_isa == MAX_ISA) rc = fail(EXIT_USAGE, "--isa: more than %d sets", MAX_ISA);
        strbuf_free(&all);
        if (rc) return rc;
        b->isa[b->n_isa++] = found;
        p += word.n;
        if (!*p) return 0;
    }
}

static void or_default(int_list *l, int v) {
    if (!l->n) l->v[l->n++] = v;
}

static int list_settings(bench *b) {
    bench_options *q = &b->o->bench;
    for (int i = 0; i < q->ctk.n && i < q->ctv.n; i++)
        if (q->ctk.v[i] != q->ctv.v[i]) return fail(EXIT_USAGE, "-ctk and -ctv differ: keys and values have one type here");
    if (q->ctk.n && q->ctv.n && q->ctk.n != q->ctv.n) return fail(EXIT_USAGE, "-ctk and -ctv differ: keys and values have one type here");
    if (q->ctk.n) q->kv = q->ctk;
    if (q->ctv.n) q->kv = q->ctv;
    or_default(&q->kv, 0);
    or_default(&q->pack, PACK_AUTO);
    or_default(&q->t, cpu_default_threads());
    or_default(&q->b, 2048);
    or_default(&q->ub, 512);
    or_default(&q->fast, b->o->fast_prefill);
    /* One counter runs through all combinations; the last list turns fastest.  Instruction set and
     * packing turn slowest: each change of them opens the model anew. */
    const int64_t all = (int64_t)b->n_isa * q->pack.n * q->kv.n * q->t.n * q->b.n * q->ub.n * q->fast.n;
    if (all > MAX_SETTINGS) return fail(EXIT_USAGE, "%lld combinations of settings are more than %d", (long long)all, MAX_SETTINGS);
    for (int i = 0; i < (int)all; i++) {
        bench_setting *s = &b->set[b->n_set++];
        int            k = i;
        s->fast = q->fast.v[k % q->fast.n], k /= q->fast.n;
        s->n_ubatch = q->ub.v[k % q->ub.n], k /= q->ub.n;
        s->n_batch = q->b.v[k % q->b.n], k /= q->b.n;
        s->n_threads = q->t.v[k % q->t.n], k /= q->t.n;
        s->kv = q->kv.v[k % q->kv.n], k /= q->kv.n;
        s->pack = q->pack.v[k % q->pack.n], k /= q->pack.n;
        s->isa = b->isa[k];
        if (s->n_ubatch > s->n_batch) s->n_ubatch = s->n_batch;
    }
    return 0;
}

static bool add_test(bench *b, int p, int n, int d) {
    if (!p && !n) return true;
    if (b->n_test == MAX_TESTS) return false;
    b->test[b->n_test++] = (bench_test){p, n, d};
    if (p + n + d > b->n_ids) b->n_ids = p + n + d; /* each is at most 2^24 */
    return true;
}

static int list_tests(bench *b) {
    bench_options *q = &b->o->bench;
    bool           room = true;
    or_default(&q->p, 512);
    or_default(&q->n, 128);
    or_default(&q->d, 0);
    for (int d = 0; d < q->d.n; d++) {
        for (int i = 0; i < q->p.n; i++) room = room && add_test(b, q->p.v[i], 0, q->d.v[d]);
        for (int i = 0; i < q->n.n; i++) room = room && add_test(b, 0, q->n.v[i], q->d.v[d]);
        for (int i = 0; i < q->pg.n; i += 2) room = room && add_test(b, q->pg.v[i], q->pg.v[i + 1], q->d.v[d]);
    }
    if (!room) return fail(EXIT_USAGE, "more than %d tests", MAX_TESTS);
    return b->n_test ? 0 : fail(EXIT_USAGE, "nothing to measure: -p, -n and -pg are all 0");
}

/* ---- roofs ------------------------------------------------------------------- */

/* What the machine can do at this moment: it changes with what others do, so each round has the
 * measurements right before and right behind it as its own.  The memory that is read does not count. */
static int measure_machine(const bench *b, bench_row *row, int at) {
    slm_error      err = {0};
    const uint64_t peak = peak_rss_bytes();
    if (peak > row->peak_rss) row->peak_rss = peak;
    if (b->o->bench.no_roof) return 0;
    slm_status rc = slm_measure_read(row->set.n_threads, (size_t)(available_bytes() / 2), &row->roof[at], &err);
    if (!rc) rc = slm_measure_peak(row->set.isa, row->set.n_threads, &row->peak[at], &err);
    peak_rss_reset();
    return rc ? fail_status(&err) : 0;
}

/* ---- opening ----------------------------------------------------------------- */

static uint64_t memory_of(const bench *b) { return b->o->mem ? b->o->mem : available_bytes(); }

static int make_shape(bench *b) {
    const bench_options *q = &b->o->bench;
    slm_error            err = {0};
    uint64_t             need = 0;
    const uint64_t       have = memory_of(b);
    char                 n[32], h[32];
    if (slm_shape_size(q->shape, q->layers, &need, &err)) return fail(EXIT_USAGE, "--shape: %s", err.text);
    if (need > have)
        return fail(EXIT_MEMORY, "needs %s for the weights of %s, %s available: try --layers N", human_bytes(need, n),
                    q->shape, human_bytes(have, h));
    tell(b->o, "making %s of random weights", human_bytes(need, n));
    if (slm_shape_make(q->shape, q->layers, cpu_default_threads(), &b->shape, &b->shape_bytes, &err)) return fail_status(&err);
    b->path = q->shape;
    return 0;
}

static slm_session_options session_of(const bench *b, const bench_setting *set) {
    slm_session_options so = slm_session_defaults();
    so.n_ctx = b->n_ids;
    so.n_batch = set->n_ubatch;
    so.kv_type = (slm_kv_type)set->kv;
    so.n_threads = set->n_threads;
    so.fast_prefill = set->fast;
    return so;
}

/* Exit 6 where the session, and the weights unless they are in memory already, would not fit. */
static int check_memory(const bench *b, const contestant *c, bool with_weights) {
    slm_session_options so = session_of(b, &c->set);
    slm_memory          plan;
    slm_error           err = {0};
    if (slm_memory_plan(c->m, &so, &plan, &err)) return fail_status(&err);
    const uint64_t need = plan.total - (with_weights ? 0 : plan.weights), have = memory_of(b);
    char           n[32], h[32];
    if (need <= have) return 0;
    return fail(EXIT_MEMORY, "needs %s for a context of %d, %s available: take shorter tests or less depth",
                human_bytes(need, n), plan.n_ctx, human_bytes(have, h));
}

/* Do all settings share one model? */
static bool opens_once(const bench *b) {
    bool once = true;
    for (int i = 1; i < b->n_set; i++) once = once && !strcmp(b->set[i].isa, b->set[0].isa) && b->set[i].pack == b->set[0].pack;
    return once;
}

static int open_one(bench *b, contestant *c) {
    slm_model_options mo = slm_model_defaults();
    slm_error         err = {0};
    const double      start = clock_ms();
    mo.path = b->path;
    mo.isa = c->set.isa;
    mo.data = b->shape;
    mo.n_data = b->shape_bytes;
    mo.data_is_spent = b->shape && opens_once(b);
    if (slm_model_open(&c->m, &mo, &err)) return fail_status(&err);
    c->owns_model = true;
    int rc = check_memory(b, c, !b->shape || (c->set.pack != PACK_OFF && !mo.data_is_spent));
    if (!rc) rc = pack_model(c->set.pack, c->m, c->set.n_threads);
    c->model_ms = clock_ms() - start;
    return rc;
}

static int start_session(bench *b, contestant *c) {
    slm_session_options so = session_of(b, &c->set);
    slm_error           err = {0};
    int                 rc = check_memory(b, c, false);
    const double        start = clock_ms();
    if (!rc && slm_session_create(&c->s, c->m, &so, &err)) rc = fail_status(&err);
    c->load_ms = c->model_ms + clock_ms() - start;
    if (!rc && c->set.fast) check_fast_prefill(b->o, c->m);
    return rc;
}

/* Closed models leave no strings behind: what rows need of them is copied. */
static void keep_info(bench_report *r, const slm_model *m) {
    slm_model_describe(m, &r->info);
    snprintf(r->name, sizeof r->name, "%s", r->info.name);
    snprintf(r->arch, sizeof r->arch, "%s", r->info.arch);
    snprintf(r->quant, sizeof r->quant, "%s", r->info.quant);
}

/* Tokens that mean nothing, the same in every run. */
static int make_ids(bench *b, int n_vocab) {
    uint64_t x = 88172645463325252u; /* xorshift, Marsaglia 2003 */
    if (b->ids) return 0;
    if (!(b->ids = mem_zero((size_t)b->n_ids, sizeof *b->ids))) return fail(EXIT_MEMORY, "no memory for %d ids", b->n_ids);
    for (int i = 0; i < b->n_ids; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        b->ids[i] = (int32_t)(x % (uint64_t)n_vocab);
    }
    return 0;
}

/* ---- rounds ------------------------------------------------------------------ */

/* The cache holds n_depth tokens, untimed. */
static int prepare(const bench *b, contestant *c, const bench_test *t) {
    slm_error err = {0};
    slm_session_rewind(c->s, t->n_depth);
    if (slm_session_pos(c->s) == t->n_depth) return 0;
    return slm_session_sync(c->s, b->ids, t->n_depth, &err) ? fail_status(&err) : 0;
}

/* As prepare(); a token more passes untimed, since a measurement has taken the processor's caches. */
static int prepare_warm(const bench *b, contestant *c, const bench_test *t) {
    slm_error err = {0};
    int       rc = prepare(b, c, t);
    if (rc || b->o->bench.no_roof) return rc;
    if (slm_session_eval(c->s, b->ids[t->n_depth], &err)) return fail_status(&err);
    return prepare(b, c, t);
}

static int warm_up(const bench *b, contestant *c, const bench_test *t) {
    slm_error err = {0};
    int       rc = prepare(b, c, t), n = t->n_prompt < c->set.n_ubatch ? t->n_prompt : c->set.n_ubatch;
    if (n < 1) n = 1;
    if (!rc && slm_session_sync(c->s, b->ids, t->n_depth + n, &err)) rc = fail_status(&err);
    return rc;
}

static int run_round(const bench *b, contestant *c, bench_row *row, int round) {
    const bench_test  t = {row->n_prompt, row->n_gen, row->n_depth};
    slm_error         err = {0};
    int               rc = prepare_warm(b, c, &t), at = t.n_depth + t.n_prompt;
    const disturbance before = disturbance_now();
    const double      start = clock_ms();
    double            last = start;
    if (rc) return rc;
    if (t.n_prompt && slm_session_sync(c->s, b->ids, at, &err)) return fail_status(&err);
    if (t.n_prompt) row->first_ms[round] = (last = clock_ms()) - start;
    for (int i = 0; i < t.n_gen; i++) {
        if (slm_session_eval(c->s, b->ids[at + i], &err)) return fail_status(&err);
        const double now = clock_ms();
        row->token_ms[(size_t)round * (size_t)t.n_gen + (size_t)i] = now - last;
        last = now;
        if (!i && !t.n_prompt) row->first_ms[round] = last - start;
    }
    const disturbance after = disturbance_now();
    const double      s = (last - start) / 1e3, steal = after.steal_ms - before.steal_ms;
    const long        switches = after.switches - before.switches;
    row->ms[round] = last - start;
    row->switches += switches;
    row->steal_ms += steal;
    /* A quiet system interrupts a thread a few times a second for its own sake. */
    row->noisy[round] = (double)switches > 1 + 5 * s * c->set.n_threads || steal > 0.01 * s * 1e3 * c->set.n_threads;
    row->n_noisy += row->noisy[round];
    return 0;
}

static int add_row(bench *b, const contestant *c, const bench_test *t, bench_row **out) {
    bench_report *r = &b->report;
    bench_row    *row = &r->row[r->n_row++]; /* there is room for every test under every setting */
    const size_t  n = (size_t)b->o->bench.rounds;
    *row = (bench_row){.set = c->set, .n_prompt = t->n_prompt, .n_gen = t->n_gen, .n_depth = t->n_depth, .n_rounds = (int)n,
                       .load_ms = c->load_ms, .old_ts = (double)NAN, .ab_ratio = (double)NAN};
    row->ms = mem_zero(n, sizeof *row->ms);
    row->roof = mem_zero(n + 1, sizeof *row->roof);
    row->peak = mem_zero(n + 1, sizeof *row->peak);
    row->noisy = mem_zero(n, sizeof *row->noisy);
    row->first_ms = mem_zero(n, sizeof *row->first_ms);
    row->token_ms = mem_zero(n * (size_t)t->n_gen, sizeof *row->token_ms);
    if (!row->ms || !row->roof || !row->peak || !row->noisy || !row->first_ms || !row->token_ms) return fail(EXIT_MEMORY, "no memory for %zu rounds", n);
    slm_model_info info;
    slm_model_describe(c->m, &info);
    row->packed = info.packed;
    row->fast = c->set.fast && slm_model_fast_prefill(c->m);
    const time_t now = time(NULL);
    struct tm    utc;
    if (gmtime_r(&now, &utc)) strftime(row->time, sizeof row->time, "%Y-%m-%dT%H:%M:%SZ", &utc);
    const slm_session_options so = session_of(b, &c->set);
    slm_work                  w;
    if (t->n_prompt) {
        slm_work_of(c->m, &so, t->n_depth, t->n_prompt, &w);
        row->bytes += (double)w.weight_bytes + (double)w.kv_bytes;
        row->macs += w.macs;
    }
    for (int i = 0; i < t->n_gen; i++) {
        slm_work_of(c->m, &so, t->n_depth + t->n_prompt + i, 1, &w);
        row->bytes += (double)w.weight_bytes + (double)w.kv_bytes;
        row->macs += w.macs;
    }
    *out = row;
    return 0;
}

static void test_name(const bench_test *t, char buf[64]) {
    int n = 0;
    if (t->n_prompt) n += snprintf(buf + n, 64 - (size_t)n, "pp%d", t->n_prompt);
    if (t->n_gen) n += snprintf(buf + n, 64 - (size_t)n, "%stg%d", n ? "+" : "", t->n_gen);
    if (t->n_depth) snprintf(buf + n, 64 - (size_t)n, " @ d%d", t->n_depth);
}

/* The last n rows are done. */
static int put_rows(bench *b, int n) {
    bench_report *r = &b->report;
    int           rc = b->o->bench.compare ? bench_compare(b->o->bench.compare, r) : 0;
    for (int i = r->n_row - n; i < r->n_row && !rc; i++) rc = bench_put_row(b->o, r, i);
    return rc;
}

/* All tests under n settings, whose rounds alternate. */
static int run_group(bench *b, contestant *c, int n) {
    int rc = 0;
    for (int k = 0; k < n && !rc; k++) rc = start_session(b, &c[k]);
    for (int i = 0; i < b->n_test && !rc; i++) {
        bench_row *row[2] = {NULL, NULL};
        char       name[64] = "";
        test_name(&b->test[i], name);
        for (int k = 0; k < n && !rc; k++) {
            rc = add_row(b, &c[k], &b->test[i], &row[k]);
            if (!rc && !b->o->bench.no_warmup) rc = warm_up(b, &c[k], &b->test[i]);
        }
        for (int round = 0; round < b->o->bench.rounds && !rc; round++) {
            tell(b->o, "%s, %d thread%s, %s, round %d of %d", name, c->set.n_threads, c->set.n_threads > 1 ? "s" : "", c->set.isa, round + 1,
                 b->o->bench.rounds);
            for (int k = 0; k < n && !rc; k++)
                if (!(rc = measure_machine(b, row[k], round))) rc = run_round(b, &c[k], row[k], round);
        }
        for (int k = 0; k < n && !rc; k++) rc = measure_machine(b, row[k], b->o->bench.rounds);
        if (!rc && n == 2) row[1]->ab_ratio = bench_median_ratio(row[0], row[1]);
        if (!rc) rc = put_rows(b, n);
    }
    for (int k = 0; k < n; k++) slm_session_free(c[k].s), c[k].s = NULL;
    return rc;
}

/* --ab: both settings at once, each with a model of its own only where the model differs. */
static int run_ab(bench *b) {
    contestant c[2] = {{.set = b->set[0]}, {.set = b->set[1]}};
    int        rc = 0;
    peak_rss_reset();
    const bool one_model = !strcmp(c[0].set.isa, c[1].set.isa) && c[0].set.pack == c[1].set.pack;
    rc = open_one(b, &c[0]);
    if (!rc && !one_model) rc = open_one(b, &c[1]);
    if (!rc && one_model) c[1].m = c[0].m, c[1].model_ms = c[0].model_ms;
    if (!rc) keep_info(&b->report, c[0].m);
    if (!rc) rc = make_ids(b, b->report.info.n_vocab);
    if (!rc) rc = run_group(b, c, 2);
    if (c[1].owns_model) slm_model_close(c[1].m);
    slm_model_close(c[0].m);
    return rc;
}

static int run_all(bench *b) {
    contestant c = {0};
    int        rc = 0;
    peak_rss_reset();
    for (int i = 0; i < b->n_set && !rc; i++) {
        if (!c.m || strcmp(c.set.isa, b->set[i].isa) != 0 || c.set.pack != b->set[i].pack) {
            slm_model_close(c.m);
            c = (contestant){.set = b->set[i]};
            rc = open_one(b, &c);
            if (!rc) keep_info(&b->report, c.m);
            if (!rc) rc = make_ids(b, b->report.info.n_vocab);
        }
        c.set = b->set[i];
        if (!rc) rc = run_group(b, &c, 1);
    }
    slm_model_close(c.m);
    return rc;
}

/* ---- the command ------------------------------------------------------------- */

static int check_compared(const bench *b) {
    for (int i = 0; i < b->report.n_row; i++)
        if (!isnan(b->report.row[i].old_ts)) return 0;
    return fail(EXIT_RUNTIME, "%s: no row of it is of a test that was run here", b->o->bench.compare);
}

static int measure(bench *b) {
    bench_report *r = &b->report;
    if (!(r->row = mem_zero((size_t)b->n_set * (size_t)b->n_test, sizeof *r->row))) return fail(EXIT_MEMORY, "no memory for the rows");
    int rc = b->o->bench.shape ? make_shape(b) : 0;
    r->path = b->path;
    if (!rc) rc = b->o->bench.ab ? run_ab(b) : run_all(b);
    if (!rc) rc = bench_put_end(b->o, r);
    if (!rc && b->o->bench.compare) rc = check_compared(b);
    const char *plot = b->o->bench.plot;
    if (!rc && plot && !*plot) bench_plot_text(r);
    return !rc && plot && *plot ? bench_plot_svg(plot, r) : rc;
}

static void release(bench *b) {
    for (int i = 0; i < b->report.n_row; i++) {
        bench_row *r = &b->report.row[i];
        mem_free(r->ms);
        mem_free(r->roof);
        mem_free(r->peak);
        mem_free(r->noisy);
        mem_free(r->first_ms);
        mem_free(r->token_ms);
    }
    mem_free(b->report.row);
    mem_free(b->ids);
    slm_shape_free(b->shape, b->shape_bytes);
    mem_free(b);
}

/* --ab isa=scalar,avx2 is --isa scalar,avx2 whose two rows alternate. */
static int take_ab(bench *b) {
    static const struct {
        const char *name, *flag;
    } known[] = {{"isa", "--isa"}, {"pack", "--pack"}, {"t", "-t"}, {"b", "-b"}, {"ub", "-ub"}, {"kv", "--kv"}};
    const char *ab = b->o->bench.ab, *eq = strchr(ab, '=');
    if (!strcmp(ab, "fast=off,on") || !strcmp(ab, "fast=on,off")) {
        b->o->bench.fast = (int_list){.n = 2, .v = {ab[6] == 'n', ab[6] == 'f'}};
        b->o->fast_prefill = true;
        return 0;
    }
    for (size_t i = 0; eq && i < ARRAY_LEN(known); i++)
        if (str_is((str){ab, (size_t)(eq - ab)}, known[i].name)) {
            int rc = option_set(b->o, known[i].flag, eq + 1);
            return rc < 0 ? 0 : rc;
        }
    return fail(EXIT_USAGE, "--ab: \"%s\" is not NAME=A,B with one of isa, pack, t, b, ub, kv, fast", ab);
}

static int check(bench *b) {
    const bench_options *q = &b->o->bench;
    uint64_t             bytes;
    slm_error            err = {0};
    if (q->layers && !q->shape) return fail(EXIT_USAGE, "--layers goes with --shape");
    if (q->shape && b->o->model) return fail(EXIT_USAGE, "both a model and a shape are named: -m and --shape");
    if (q->shape && slm_shape_size(q->shape, q->layers, &bytes, &err)) return fail(EXIT_USAGE, "--shape: %s", err.text);
    if (q->compare && access(q->compare, R_OK)) return fail(EXIT_RUNTIME, "%s: cannot open: %s", q->compare, strerror(errno));
    if (q->plot && !*q->plot && q->format != FORMAT_MD)
        return fail(EXIT_USAGE, "--plot draws below the table of -o md; --plot=FILE.svg goes with all forms");
    int rc = q->ab ? take_ab(b) : 0;
    if (!rc) rc = list_isa(b);
    if (!rc) rc = list_settings(b);
    if (!rc && q->ab && b->n_set != 2) rc = fail(EXIT_USAGE, "--ab compares two settings, here are %d", b->n_set);
    if (!rc && q->kernels && (q->shape || b->o->model || b->o->n_arg || q->ab || q->compare))
        rc = fail(EXIT_USAGE, "--kernels measures no model: no -m, --shape, --ab, --compare");
    if (!rc && q->kernels && q->plot) rc = fail(EXIT_USAGE, "--plot draws speed over depth, --kernels has none");
    return rc ? rc : list_tests(b);
}

static int bench_main(options *o) {
    bench *b = mem_zero(1, sizeof *b);
    stop_init(0, "");
    if (!b) return fail(EXIT_MEMORY, "no memory");
    b->o = o;
    int rc = check(b);
    if (!rc && o->bench.kernels) {
        rc = bench_kernels(o, b->isa, b->n_isa);
        release(b);
        return out_end(rc);
    }
    if (!rc && !o->bench.shape) rc = name_model(o, &b->path);
    if (rc < 0) rc = 0;
    if (!rc && o->n_arg) {
        const bool more = o->bench.shape || o->model || !strcmp(o->model_origin, "first argument");
        rc = more ? fail(EXIT_USAGE, "bench takes one model, \"%s\" is one more", o->arg[0]) : fail(EXIT_USAGE, "\"%s\" is not a model, and bench takes nothing else", o->arg[0]);
    }
    if (!rc) confine(o, b->path, o->bench.plot && *o->bench.plot ? o->bench.plot : NULL);
    if (!rc) rc = measure(b);
    release(b);
    return out_end(rc);
}

const command cmd_bench = {
    .name = "bench",
    .brief = "speed, and how near it is to what this machine can do",
    .usage = "[-m FILE | --shape NAME:QUANT] [FLAGS]",
    .examples = "  slm bench -m model.gguf\n"
                "  slm bench -m model.gguf -p 128,512 -n 64 -t 1-4 -r 3\n"
                "  slm bench --shape llama-3.2-1b:Q4_K_M -p 0 -d 0,4096\n"
                "  slm bench -m model.gguf -o json > old.json\n"
                "  slm bench -m model.gguf --compare old.json\n"
                "  slm bench -m model.gguf -p 0 --ab isa=scalar,avx2\n"
                "  slm bench -m model.gguf -p 0 -n 32 -d 0-8192+2048 --plot=depth.svg\n"
                "  slm bench --kernels=Q4_K,Q6_K -t 1\n",
    .notes = "A LIST is 1,2 or 1-4 or 0-1024+256 or 1-8*2.  Tests: pp, a prompt; tg, generated tokens; both behind -d\n"
             "tokens.  Every list is combined with every other.  GB/s counts the weights and the part of the cache\n"
             "that are read, its roof is the fastest plain read of memory right before and behind the round; peak % is\n"
             "the share of the 8-bit multiplications measured there.  t/s is the median.  Rounds in which others took\n"
             "more than a little of the processors (involuntary switches, steal) are marked and left out of medians\n"
             "where others remain.\n"
             "first_token_ms begins where load_ms ends; load_ms includes packing.  With --shape and several\n"
             "sets or values of --pack the file counts as memory beside the packed weights.  --kernels: form\n"
             "\"float\" has no integer kernel, \"bf16\" is of --fast-prefill.\n",
    .main = bench_main,
};
