/* bench_out.c - rows of `slm bench` as a table, CSV and JSON, and against those of an earlier run.
 *
 * A row is first made a JSON object, whose names are the contract; CSV and the comparison read that. */
#include "../json.h"
#include "cli.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *bench_kv_name(int kv) { return kv == SLM_KV_Q8_0 ? "q8_0" : kv == SLM_KV_F32 ? "f32" : "f16"; }

/* ---- sums -------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts x.  q in [0, 1]; between two values, their mixture. */
static double quantile(double *x, size_t n, double q) {
    if (!n) return (double)NAN;
    qsort(x, n, sizeof *x, by_size);
    const double at = q * (double)(n - 1);
    const size_t i = (size_t)at;
    return i + 1 < n ? x[i] + (at - (double)i) * (x[i + 1] - x[i]) : x[i];
}

/* `per` values for each round that counts: those without noise, or all where there is none.
 * NULL: no memory. */
static double *pick(const bench_row *r, const double *from, size_t per, size_t *n) {
    double *to = mem_zero((size_t)r->n_rounds * per, sizeof *to);
    *n = 0;
    if (!to) return NULL;
    for (int i = 0; i < r->n_rounds; i++) {
        if (r->noisy[i] && r->n_noisy < r->n_rounds) continue;
        memcpy(to + *n, from + (size_t)i * per, per * sizeof *to);
        *n += per;
    }
    return to;
}

static double median_of(const bench_row *r, const double *from, size_t per, double q) {
    size_t  n;
    double *x = pick(r, from, per, &n), m = x ? quantile(x, n, q) : (double)NAN;
    mem_free(x);
    return m;
}

static double tokens(const bench_row *r) { return r->n_prompt + r->n_gen; }

static double per_second(const bench_row *r, double ms) { return ms > 0 ? tokens(r) / ms * 1e3 : (double)NAN; }

double bench_median_ratio(const bench_row *a, const bench_row *b) {
    double *x = mem_zero((size_t)a->n_rounds, sizeof *x), m = (double)NAN;
    size_t  n = 0;
    if (!x) return m;
    for (int clean = 1; clean >= 0 && !n; clean--)
        for (int i = 0; i < a->n_rounds; i++)
            if (!clean || (!a->noisy[i] && !b->noisy[i])) x[n++] = a->ms[i] / b->ms[i];
    m = quantile(x, n, 0.5);
    mem_free(x);
    return m;
}

double bench_median_ts(const bench_row *r) { return per_second(r, median_of(r, r->ms, 1, 0.5)); }

typedef struct {
    double mean, deviation;
} spread;

static spread spread_of(const bench_row *r, bool speed) {
    spread s = {0, 0};
    for (int i = 0; i < r->n_rounds; i++) s.mean += (speed ? per_second(r, r->ms[i]) : r->ms[i] * 1e6) / r->n_rounds;
    for (int i = 0; i < r->n_rounds; i++) {
        const double d = (speed ? per_second(r, r->ms[i]) : r->ms[i] * 1e6) - s.mean;
        s.deviation += d * d;
    }
    s.deviation = r->n_rounds > 1 ? sqrt(s.deviation / (r->n_rounds - 1)) : 0;
    return s;
}

static double gb_per_s(const bench_row *r) { return r->bytes / median_of(r, r->ms, 1, 0.5) / 1e6; }

/* The median over the rounds that count of what stood beside a round (share false), or of the round's own speed
 * per millisecond as a percentage of that.  at: [n_rounds + 1]; NaN: not measured, or no memory. */
static double beside(const bench_row *r, const double *at, bool share, double amount) {
    double *x = mem_zero((size_t)r->n_rounds, sizeof *x), m = (double)NAN;
    if (!x) return m;
    for (int i = 0; i < r->n_rounds; i++) {
        const double machine = (at[i] + at[i + 1]) / 2;
        x[i] = share ? 100 * amount / r->ms[i] / machine : machine;
    }
    if (at[0] > 0) m = median_of(r, x, 1, 0.5);
    mem_free(x);
    return m;
}

static double roof_pct(const bench_row *r) { return beside(r, r->roof, true, r->bytes / 1e6); }
static double peak_pct(const bench_row *r) { return beside(r, r->peak, true, 2 * r->macs / 1e6); }

double bench_roof(const bench_row *r) {
    const double roof = beside(r, r->roof, false, 0);
    return isfinite(roof) ? roof : 0;
}

/* ---- JSON -------------------------------------------------------------------- */

/* "llama 1.2B Q4_K_M" */
static void model_type(const bench_report *b, char buf[128]) {
    const double n = (double)b->info.n_params;
    if (n >= 1e9) snprintf(buf, 128, "%s %.1fB %s", b->arch, n / 1e9, b->quant);
    else snprintf(buf, 128, "%s %.1fM %s", b->arch, n / 1e6, b->quant);
}

static void put_text(pool *p, json *row, const char *name, const char *z) {
    json_set(p, row, str_of(name), json_new_str(p, pool_copy(p, str_of(z))));
}

static void put_int(pool *p, json *row, const char *name, double v) { json_set(p, row, str_of(name), json_new_int(p, (int64_t)v)); }

static void put_num(pool *p, json *row, const char *name, double v) { json_set(p, row, str_of(name), json_new_num(p, v)); }

static json *row_to_json(pool *p, const bench_report *b, const bench_row *r) {
    char   type[128];
    json  *row = json_new(p, JSON_OBJ), *ns = json_new(p, JSON_ARR), *ts = json_new(p, JSON_ARR), *noisy = json_new(p, JSON_ARR);
    spread time = spread_of(r, false), speed = spread_of(r, true);
    model_type(b, type);
    put_text(p, row, "model_filename", b->path);
    put_text(p, row, "model_type", type);
    put_int(p, row, "model_size", (double)b->info.tensor_bytes);
    put_int(p, row, "model_n_params", (double)b->info.n_params);
    put_int(p, row, "n_batch", r->set.n_batch);
    put_int(p, row, "n_ubatch", r->set.n_ubatch);
    put_int(p, row, "n_threads", r->set.n_threads);
    put_text(p, row, "type_k", bench_kv_name(r->set.kv));
    put_text(p, row, "type_v", bench_kv_name(r->set.kv));
    put_text(p, row, "isa", r->set.isa);
    json_set(p, row, STR("packed"), json_new_bool(p, r->packed));
    json_set(p, row, STR("fast_prefill"), json_new_bool(p, r->fast));
    put_int(p, row, "n_prompt", r->n_prompt);
    put_int(p, row, "n_gen", r->n_gen);
    put_int(p, row, "n_depth", r->n_depth);
    put_text(p, row, "test_time", r->time);
    put_int(p, row, "avg_ns", time.mean);
    put_int(p, row, "stddev_ns", time.deviation);
    put_num(p, row, "avg_ts", speed.mean);
    put_num(p, row, "stddev_ts", speed.deviation);
    put_num(p, row, "median_ts", bench_median_ts(r));
    const size_t n_gen = (size_t)r->n_gen;
    put_num(p, row, "token_ms_p10", median_of(r, r->token_ms, n_gen, 0.1));
    put_num(p, row, "token_ms_p50", median_of(r, r->token_ms, n_gen, 0.5));
    put_num(p, row, "token_ms_p90", median_of(r, r->token_ms, n_gen, 0.9));
    put_num(p, row, "gb_per_s", gb_per_s(r));
    put_num(p, row, "roof_gb_per_s", beside(r, r->roof, false, 0));
    put_num(p, row, "roof_pct", roof_pct(r));
    put_num(p, row, "peak_gops", beside(r, r->peak, false, 0));
    put_num(p, row, "peak_pct", peak_pct(r));
    put_num(p, row, "load_ms", r->load_ms);
    put_num(p, row, "first_token_ms", median_of(r, r->first_ms, 1, 0.5));
    put_int(p, row, "peak_rss_bytes", (double)r->peak_rss);
    json_set(p, row, STR("contended"), json_new_bool(p, r->n_noisy > 0));
    put_int(p, row, "involuntary_switches", (double)r->switches);
    put_num(p, row, "steal_ms", r->steal_ms);
    if (!isnan(r->old_ts)) {
        put_num(p, row, "old_ts", r->old_ts);
        put_num(p, row, "old_ratio", bench_median_ts(r) / r->old_ts);
    }
    if (!isnan(r->ab_ratio)) put_num(p, row, "ab_ratio", r->ab_ratio);
    for (int i = 0; i < r->n_rounds; i++) {
        json_push(p, ns, json_new_int(p, (int64_t)(r->ms[i] * 1e6)));
        json_push(p, ts, json_new_num(p, per_second(r, r->ms[i])));
        json_push(p, noisy, json_new_bool(p, r->noisy[i]));
    }
    json_set(p, row, STR("samples_ns"), ns);
    json_set(p, row, STR("samples_ts"), ts);
    json_set(p, row, STR("samples_contended"), noisy);
    return row;
}

static void put_json(const json *row, const char *before, const char *after) {
    strbuf s = {0};
    json_write(&s, row);
    out_text(before);
    out_put(s.p ? s.p : "", s.n);
    out_text(after);
    strbuf_free(&s);
}

/* ---- CSV --------------------------------------------------------------------- */

static void put_quoted(strbuf *s, const json *x) {
    strbuf v = {0};
    if (json_type(x) == JSON_STR) strbuf_str(&v, json_str(x));
    else if (json_type(x) != JSON_NUM || isfinite(json_num(x))) json_write(&v, x);
    strbuf_char(s, '"');
    for (size_t c = 0; c < v.n; c++) {
        if (v.p[c] == '"') strbuf_char(s, '"');
        strbuf_char(s, v.p[c]);
    }
    strbuf_char(s, '"');
    strbuf_free(&v);
}

/* Every field quoted, as llama-bench does; lists are left out. */
static void put_csv(const json *row, bool names) {
    strbuf s = {0};
    for (size_t k = 0; k < json_len(row); k++) {
        if (json_type(json_at(row, k)) == JSON_ARR) continue;
        if (s.n) strbuf_char(&s, ',');
        if (names) strbuf_str(&s, json_key_at(row, k));
        else put_quoted(&s, json_at(row, k));
    }
    strbuf_char(&s, '\n');
    out_put(s.p ? s.p : "", s.n);
    strbuf_free(&s);
}

void bench_put_rows(int format, const json *rows) {
    const size_t n = json_len(rows);
    if (format == FORMAT_JSON) out_text("[\n");
    for (size_t i = 0; i < n; i++) {
        const json *row = json_at(rows, i);
        if (format == FORMAT_CSV && !i) put_csv(row, true);
        if (format == FORMAT_CSV) put_csv(row, false);
        else if (format == FORMAT_JSON) put_json(row, "  ", i + 1 < n ? ",\n" : "\n");
        else put_json(row, "", "\n");
    }
    if (format == FORMAT_JSON) out_text("]\n");
}

/* ---- a table for people ------------------------------------------------------ */

static void put_cell(strbuf *b, double v, int digits, const char *unit) {
    if (isfinite(v)) strbuf_fmt(b, " %.*f%s |", digits, v, unit);
    else strbuf_str(b, STR(" |"));
}

static bool differ(const int_list *l) {
    for (int i = 1; i < l->n; i++)
        if (l->v[i] != l->v[0]) return true;
    return false;
}

/* Those that are not there in every table. */
typedef struct {
    bool kv, pack, batch, fast, old, ab;
} columns;

static columns columns_of(const bench_options *q) {
    return (columns){differ(&q->kv), differ(&q->pack), differ(&q->ub) || differ(&q->b), differ(&q->fast) || (q->fast.n && q->fast.v[0]),
                     q->compare != NULL, q->ab != NULL};
}

static void put_head(strbuf *s, columns c) {
    strbuf_fmt(s, "| model | size | threads | isa |%s%s%s%s test | t/s | GB/s | roof %% | peak %% | ms p10 | p50 | p90 | first ms |%s%s |\n",
               c.kv ? " kv |" : "", c.pack ? " packed |" : "", c.batch ? " ub |" : "", c.fast ? " bf16 |" : "", c.old ? " to old |" : "", c.ab ? " B to A |" : "");
    strbuf_fmt(s, "| --- | ---: | ---: | --- |%s%s%s%s ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |%s%s --- |\n",
               c.kv ? " --- |" : "", c.pack ? " --- |" : "", c.batch ? " ---: |" : "", c.fast ? " --- |" : "", c.old ? " ---: |" : "", c.ab ? " ---: |" : "");
}

static void put_row(strbuf *s, const bench_report *b, const bench_row *r, columns c) {
    char type[128], size[32], test[64] = "";
    model_type(b, type);
    strbuf_fmt(s, "| %s | %s | %d | %s |", type, human_bytes(b->info.tensor_bytes, size), r->set.n_threads, r->set.isa);
    if (c.kv) strbuf_fmt(s, " %s |", bench_kv_name(r->set.kv));
    if (c.pack) strbuf_fmt(s, " %s |", r->packed ? "yes" : "no");
    if (c.batch) strbuf_fmt(s, " %d |", r->set.n_ubatch);
    if (c.fast) strbuf_fmt(s, " %s |", r->fast ? "yes" : "no");
    int n = 0;
    if (r->n_prompt) n += snprintf(test, sizeof test, "pp%d", r->n_prompt);
    if (r->n_gen) n += snprintf(test + n, sizeof test - (size_t)n, "%stg%d", n ? "+" : "", r->n_gen);
    if (r->n_depth) snprintf(test + n, sizeof test - (size_t)n, " @ d%d", r->n_depth);
    strbuf_fmt(s, " %s | %.2f \xc2\xb1 %.2f |", test, bench_median_ts(r), spread_of(r, true).deviation);
    put_cell(s, gb_per_s(r), 2, "");
    put_cell(s, roof_pct(r), 1, "");
    put_cell(s, peak_pct(r), 1, "");
    for (int i = 0; i < 3; i++) put_cell(s, median_of(r, r->token_ms, (size_t)r->n_gen, i == 0 ? 0.1 : i == 1 ? 0.5 : 0.9), 2, "");
    put_cell(s, median_of(r, r->first_ms, 1, 0.5), 1, "");
    if (c.old) put_cell(s, bench_median_ts(r) / r->old_ts, 3, "x");
    if (c.ab) put_cell(s, r->ab_ratio, 3, "x");
    if (r->n_noisy) strbuf_fmt(s, " busy in %d of %d |\n", r->n_noisy, r->n_rounds);
    else strbuf_str(s, STR(" |\n"));
}

static bool leads_threads(const bench_report *b, int i) {
    for (int k = 0; k < i; k++)
        if (b->row[k].set.n_threads == b->row[i].set.n_threads && !strcmp(b->row[k].set.isa, b->row[i].set.isa)) return false;
    return true;
}

static void put_range(strbuf *s, const bench_report *b, int i, bool roof) {
    double low = (double)INFINITY, high = 0;
    for (int k = i; k < b->n_row; k++) {
        const bench_row *r = &b->row[k];
        if (r->set.n_threads != b->row[i].set.n_threads || strcmp(r->set.isa, b->row[i].set.isa)) continue;
        for (int at = 0; at <= r->n_rounds; at++) {
            const double v = (roof ? r->roof : r->peak)[at];
            if (v < low) low = v;
            if (v > high) high = v;
        }
    }
    strbuf_fmt(s, roof ? "%.1f to %.1f GB/s" : "%.0f to %.0f Gop/s", low, high);
}

/* What the machine did beside the rows of the same threads and set as row i, lowest to highest. */
static void put_machine(strbuf *s, const bench_report *b, int i) {
    const bench_row *r = &b->row[i];
    if (!(r->roof[0] > 0)) return;
    strbuf_fmt(s, "%d thread%s, %s: reads ", r->set.n_threads, r->set.n_threads > 1 ? "s" : "", r->set.isa);
    put_range(s, b, i, true);
    if (r->peak[0] > 0) {
        strbuf_str(s, STR(", multiplies 8-bit numbers at "));
        put_range(s, b, i, false);
    }
    strbuf_char(s, '\n');
}

static void put_foot(strbuf *s, const bench_report *b) {
    char peak[32];
    strbuf_char(s, '\n');
    for (int i = 0; i < b->n_row; i++)
        if (leads_threads(b, i)) put_machine(s, b, i);
    strbuf_fmt(s, "load: %.1f ms; peak memory: %s\n", b->row[0].load_ms, human_bytes(b->row[b->n_row - 1].peak_rss, peak));
}

/* ---- rows ---------------------------------------------------------------------- */

enum { JSON_ROOM = 256 << 20 };

/* Row i as JSON or CSV, or where i is -1 all rows as one array. */
static int put_as_json(const options *o, const bench_report *b, int i) {
    pool p;
    pool_init(&p, JSON_ROOM);
    json *rows = json_new(&p, JSON_ARR);
    for (int k = i < 0 ? 0 : i; k < (i < 0 ? b->n_row : i + 1); k++) json_push(&p, rows, row_to_json(&p, b, &b->row[k]));
    if (!p.full && o->bench.format == FORMAT_CSV) {
        if (!i) put_csv(json_at(rows, 0), true);
        put_csv(json_at(rows, 0), false);
    } else if (!p.full) bench_put_rows(o->bench.format, rows);
    const bool full = p.full;
    pool_free(&p);
    return full ? fail(EXIT_MEMORY, "no memory for the rows") : 0;
}

int bench_put_row(const options *o, const bench_report *b, int i) {
    if (o->bench.format == FORMAT_JSON) return 0;
    int rc = 0;
    if (o->bench.format != FORMAT_MD) rc = put_as_json(o, b, i);
    else {
        strbuf s = {0};
        if (!i) put_head(&s, columns_of(&o->bench));
        put_row(&s, b, &b->row[i], columns_of(&o->bench));
        out_put(s.p ? s.p : "", s.n);
        strbuf_free(&s);
    }
    return out_flush() ? rc : EXIT_RUNTIME;
}

int bench_put_end(const options *o, const bench_report *b) {
    if (o->bench.format == FORMAT_JSON) return put_as_json(o, b, -1);
    if (o->bench.format != FORMAT_MD) return 0;
    strbuf s = {0};
    put_foot(&s, b);
    out_put(s.p ? s.p : "", s.n);
    strbuf_free(&s);
    return 0;
}

/* ---- an earlier run ---------------------------------------------------------- */

static bool same_int(const json *row, str name, int64_t v) {
    const json *x = json_get(row, name);
    return !x || json_int(x) == v; /* llama-bench's rows lack some */
}

static bool same_text(const json *row, str name, const char *z) {
    const json *x = json_get(row, name);
    return !x || str_is(json_str(x), z);
}

static bool same_test(const json *old, const bench_row *r) {
    return same_int(old, STR("n_prompt"), r->n_prompt) && same_int(old, STR("n_gen"), r->n_gen) &&
           same_int(old, STR("n_depth"), r->n_depth) && same_int(old, STR("n_threads"), r->set.n_threads) &&
           same_int(old, STR("n_ubatch"), r->set.n_ubatch) && json_bool(json_get(old, STR("fast_prefill"))) == r->fast && same_text(old, STR("type_k"), bench_kv_name(r->set.kv));
}

/* An old row of the same model, size and instruction set; failing that, of the same test. */
static void compare_row(const json *old, bench_report *b, bool strict) {
    char type[128];
    model_type(b, type);
    if (json_type(old) != JSON_OBJ || !json_get(old, STR("avg_ts"))) return;
    const json *ts = json_get(old, STR("median_ts"));
    if (!ts) ts = json_get(old, STR("avg_ts"));
    for (int i = 0; i < b->n_row; i++) {
        bench_row *r = &b->row[i];
        if (!isnan(r->old_ts) || !same_test(old, r)) continue;
        if (strict && (!same_text(old, STR("model_type"), type) || !same_text(old, STR("isa"), r->set.isa))) continue;
        if (json_num(ts) > 0) r->old_ts = json_num(ts);
    }
}

int bench_compare(const char *path, bench_report *b) {
    strbuf    text = {0};
    slm_error err = {0};
    pool      p;
    pool_init(&p, JSON_ROOM);
    int rc = read_all(path, &text);
    str all = {text.p ? text.p : "", text.n};
    size_t at = 0;
    while (at < all.n && strchr(" \t\r\n", all.p[at])) at++;
    const bool array = at < all.n && all.p[at] == '[';
    for (int strict = 1; strict >= 0 && !rc; strict--) {
        if (array) {
            const json *rows = json_parse(&p, all, &err);
            if (!rows) break;
            for (size_t i = 0; i < json_len(rows); i++) compare_row(json_at(rows, i), b, strict);
            continue;
        }
        for (str rest = all; rest.n && !err.code;) {
            const char *end = memchr(rest.p, '\n', rest.n);
            const str   line = {rest.p, end ? (size_t)(end - rest.p) : rest.n};
            if (line.n) compare_row(json_parse(&p, line, &err), b, strict);
            rest.p += line.n + (end != NULL);
            rest.n -= line.n + (end != NULL);
        }
    }
    if (!rc && err.code) rc = fail(EXIT_RUNTIME, "%s: %s", path, err.text);
    strbuf_free(&text);
    pool_free(&p);
    return rc;
}
