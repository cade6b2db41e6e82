/* bench_kernels.c - one matrix product at a time: each tensor format under each instruction set.
 *
 * One token with weights that stay in the second cache shows what the kernel's instructions cost, one
 * with weights larger than every cache whether it keeps memory busy; more tokens show how well it
 * uses a weight that it has unpacked. */
#include "../json.h"
#include "cli.h"
#include <math.h>
#include <string.h>

static const int n_tok[] = {1, 2, 4, 8, 16, 32, 64, 128, 512};

typedef struct {
    slm_product_speed small, large, many[ARRAY_LEN(n_tok)];
    double            roof, peak; /* of the machine; NaN: not known */
} speeds;

static int measure(slm_product c, speeds *s) {
    slm_error err = {0};
    c.n_tok = 1;
    c.large = true;
    if (slm_measure_product(&c, &s->large, &err)) return fail_status(&err);
    c.large = false;
    for (size_t i = 0; i < ARRAY_LEN(n_tok); i++) {
        c.n_tok = n_tok[i];
        if (slm_measure_product(&c, &s->many[i], &err)) return fail_status(&err);
    }
    s->small = s->many[0];
    return 0;
}

/* NaN for products in floats: the peak is of small integers. */
static double best_gops(const speeds *s) {
    double best = s->small.has_kernel ? 0 : (double)NAN;
    for (size_t i = 0; i < ARRAY_LEN(n_tok); i++)
        if (s->many[i].gmacs * 2 > best) best = s->many[i].gmacs * 2;
    return best;
}

static void put_num(pool *p, json *row, const char *name, double v) { json_set(p, row, pool_copy(p, str_of(name)), json_new_num(p, v)); }

static json *to_json(pool *p, const slm_product *c, const speeds *s) {
    json *row = json_new(p, JSON_OBJ);
    json_set(p, row, STR("type"), json_new_str(p, str_of(c->type)));
    json_set(p, row, STR("isa"), json_new_str(p, str_of(c->isa)));
    json_set(p, row, STR("n_threads"), json_new_int(p, c->n_threads));
    json_set(p, row, STR("packed"), json_new_bool(p, s->small.packed));
    json_set(p, row, STR("integer"), json_new_bool(p, s->small.has_kernel));
    json_set(p, row, STR("fast_prefill"), json_new_bool(p, s->small.fast));
    put_num(p, row, "l2_gb_per_s", s->small.gb_per_s);
    put_num(p, row, "dram_gb_per_s", s->large.gb_per_s);
    put_num(p, row, "roof_gb_per_s", s->roof);
    put_num(p, row, "roof_pct", 100 * s->large.gb_per_s / s->roof);
    for (size_t i = 0; i < ARRAY_LEN(n_tok); i++) {
        strbuf name = {0};
        strbuf_fmt(&name, "gmacs_%d", n_tok[i]);
        strbuf_char(&name, 0);
        if (!name.bad) put_num(p, row, name.p, s->many[i].gmacs);
        strbuf_free(&name);
    }
    put_num(p, row, "peak_gops", s->peak);
    put_num(p, row, "peak_pct", 100 * best_gops(s) / s->peak);
    return row;
}

static void put_head(strbuf *b) {
    strbuf_str(b, STR("GB/s of one token, GMAC/s of M tokens, peak % of the best M\n\n| type | isa | threads | form | L2 | DRAM | roof % |"));
    for (size_t i = 0; i < ARRAY_LEN(n_tok); i++) strbuf_fmt(b, " M=%d |", n_tok[i]);
    strbuf_str(b, STR(" peak % |\n| --- | --- | ---: | --- | ---: | ---: | ---: |"));
    for (size_t i = 0; i <= ARRAY_LEN(n_tok); i++) strbuf_str(b, STR(" ---: |"));
    strbuf_char(b, '\n');
}

static void put_pct(strbuf *b, double v) {
    if (isfinite(v)) strbuf_fmt(b, " %.1f |", v);
    else strbuf_str(b, STR(" |"));
}

static void put_line(strbuf *b, const slm_product *c, const speeds *s) {
    strbuf_fmt(b, "| %s | %s | %d | %s | %.2f | %.2f |", c->type, c->isa, c->n_threads,
               s->small.fast ? "bf16" : s->small.packed ? "packed" : s->small.has_kernel ? "rows" : "float", s->small.gb_per_s, s->large.gb_per_s);
    put_pct(b, 100 * s->large.gb_per_s / s->roof);
    for (size_t i = 0; i < ARRAY_LEN(n_tok); i++) strbuf_fmt(b, " %.1f |", s->many[i].gmacs);
    put_pct(b, 100 * best_gops(s) / s->peak);
    strbuf_char(b, '\n');
}

/* Is `word` one of the names that commas separate in `list`?  An empty list has all. */
static bool listed(const char *list, const char *word) {
    if (!*list) return true;
    for (const char *p = list;; p++) {
        const str one = {p, strcspn(p, ",")};
        if (str_is(one, word)) return true;
        p += one.n;
        if (!*p) return false;
    }
}

/* Every name that was asked for must exist. */
static int check_types(const char *list) {
    for (const char *p = list; *list; p++) {
        const str   one = {p, strcspn(p, ",")};
        const char *name;
        bool        found = false;
        for (int i = 0; (name = slm_type_name(i)); i++) found = found || str_is(one, name);
        if (!found) {
            strbuf all = {0};
            for (int i = 0; (name = slm_type_name(i)); i++) strbuf_fmt(&all, " %s", name);
            int rc = fail(EXIT_USAGE, "--kernels: there is no tensor format \"%.*s\"; there are:%.*s", (int)one.n, one.p,
                          (int)all.n, all.n ? all.p : "");
            strbuf_free(&all);
            return rc;
        }
        p += one.n;
        if (!*p) break;
    }
    return 0;
}

/* One instruction set and number of threads: the roofs, then each format. */
static int run_set(const options *o, slm_product c, pool *p, json *rows, strbuf *table) {
    speeds      s = {.roof = (double)NAN, .peak = (double)NAN};
    slm_error   err = {0};
    const char *name;
    c.most_bytes = (size_t)(available_bytes() / 4); /* the weights are there twice while they are packed */
    if (!o->bench.no_roof) {
        if (slm_measure_read(c.n_threads, c.most_bytes, &s.roof, &err) || slm_measure_peak(c.isa, c.n_threads, &s.peak, &err))
            return fail_status(&err);
        if (s.peak <= 0) s.peak = (double)NAN;
    }
    for (int i = 0; (name = slm_type_name(i)); i++) {
        if (!listed(o->bench.kernels, name)) continue;
        c.type = name;
        int rc = measure(c, &s);
        if (rc) return rc;
        if (o->bench.format == FORMAT_MD) put_line(table, &c, &s);
        else json_push(p, rows, to_json(p, &c, &s));
    }
    return 0;
}

int bench_kernels(const options *o, const char *const *isa, int n_isa) {
    strbuf table = {0};
    pool   p;
    int    rc = check_types(o->bench.kernels);
    pool_init(&p, (size_t)64 << 20);
    json *rows = json_new(&p, JSON_ARR);
    put_head(&table);
    for (int k = 0; k < n_isa; k++)
        for (int t = 0; t < o->bench.t.n && !rc; t++)
            rc = run_set(o, (slm_product){.isa = isa[k], .n_threads = o->bench.t.v[t], .fast = o->fast_prefill}, &p, rows, &table);
    if (!rc && (table.bad || p.full)) rc = fail(EXIT_MEMORY, "no memory for the rows");
    if (!rc && o->bench.format == FORMAT_MD) out_put(table.p, table.n);
    else if (!rc) bench_put_rows(o->bench.format, rows);
    strbuf_free(&table);
    pool_free(&p);
    return rc;
}
