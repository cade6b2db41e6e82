/* test_template.c - templates: cases against real jinja2, hostile sources, budgets, provenance. */
#include "../src/template.h"
#include "test.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1736944496 /* 2025-01-15 12:34:56 UTC, the time of the expected renderings */

typedef struct {
    strbuf    out, trust;
    slm_error err;
    double    ms;
} rendering;

static rendering render_json(str source, const json *vars, const template_options *o) {
    rendering  r = {0};
    template_ *t = NULL;
    double     t0 = clock_ms();
    if (!template_parse(&t, source, &r.err)) template_render(t, vars, o, &r.out, &r.trust, &r.err);
    template_free(t);
    r.ms = clock_ms() - t0;
    return r;
}

static void drop(rendering *r) {
    strbuf_free(&r->out);
    strbuf_free(&r->trust);
}

/* ---- cases of ../shared -------------------------------------------------------------- */

static int n_good, n_bad;

static void judge(const char *file, str source, const json *c, const json *vars) {
    const json *ok = json_get(c, STR("ok"));
    rendering   r = render_json(source, vars, &(template_options){.now = NOW});
    const str   got = {r.out.p ? r.out.p : "", r.out.n};
    bool        good = ok ? !r.err.code && str_eq(got, json_str(ok)) : r.err.code == SLM_ERR_FORMAT;
    good = good && r.trust.n == r.out.n;
    *(good ? &n_good : &n_bad) += 1;
    if (!good && n_bad < 20) {
        const str name = json_str(json_get(c, STR("name"))), want = json_str(ok);
        size_t    at = 0;
        while (at < got.n && at < want.n && got.p[at] == want.p[at]) at++;
        printf("    %s %.*s: %s; differs at %zu: got \"%.40s\" wanted \"%.*s\"\n", file, (int)name.n, name.p, r.err.code ? r.err.text : "no error", at,
               got.n > at ? got.p + at : "", (int)(want.n - at < 40 ? want.n - at : 40), want.p + at);
    }
    drop(&r);
}

static const json *load(pool *p, const char *path, char **text) {
    size_t    n;
    slm_error err = {0};
    *text = test_read_file(path, &n);
    pool_init(p, 256u << 20);
    return *text ? json_parse(p, (str){*text, n}, &err) : NULL;
}

static void public_templates(void) {
    const char *folder = test_shared("data/templates/cases");
    DIR        *d = folder ? opendir(folder) : NULL;
    if (!d) {
        test_skip("no ../shared/data/templates");
        return;
    }
    n_good = n_bad = 0;
    setenv("TZ", "UTC", 1);
    for (struct dirent *e; (e = readdir(d));) {
        char  path[512], *text, *source;
        pool  p;
        size_t n;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        const json *v = load(&p, path, &text), *cases = json_get(v, STR("cases"));
        const str   file = json_str(json_get(v, STR("template")));
        snprintf(path, sizeof path, "%s/../%.*s", folder, (int)file.n, file.p);
        source = test_read_file(path, &n);
        for (size_t i = 0; source && i < json_len(cases); i++) judge(e->d_name, (str){source, n}, json_at(cases, i), json_get(json_at(cases, i), STR("vars")));
        mem_free(source);
        mem_free(text);
        pool_free(&p);
    }
    closedir(d);
    printf("    %d as jinja2 renders them, %d not\n", n_good, n_bad);
    CHECK(n_good > 700);
    CHECK_INT(n_bad, 0);
}

static void public_units(void) {
    const char *path = test_shared("data/templates/jinja-units.json");
    char       *text;
    pool        p;
    if (!path) {
        test_skip("no ../shared/data/templates");
        return;
    }
    n_good = n_bad = 0;
    setenv("TZ", "UTC", 1);
    const json *v = load(&p, path, &text), *cases = json_get(v, STR("cases"));
    for (size_t i = 0; i < json_len(cases); i++) {
        const json *c = json_at(cases, i), *vars = json_get(c, STR("vars"));
        judge("unit", json_str(json_get(c, STR("template"))), c, json_type(vars) == JSON_STR ? json_get(v, STR("CTX")) : vars);
    }
    pool_free(&p);
    mem_free(text);
    printf("    %d as jinja2 renders them, %d not\n", n_good, n_bad);
    CHECK(n_good > 300);
    CHECK_INT(n_bad, 0);
}

const test_case tests_template[] = {
    {"public_templates", "chat templates of 40 models as jinja2 renders them", public_templates},
    {"public_units", "units of the language as jinja2 evaluates them", public_units},
    {0},
};
