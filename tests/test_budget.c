/* test_budget.c - hostile templates: work that no step counts would run for seconds, and numbers at
 * the edge of 64 bits. */
#include "../src/template.h"
#include "test.h"
#include <string.h>

static slm_error render_error(str source, strbuf *out) {
    pool       p;
    template_ *t = NULL;
    slm_error  err = {0};
    pool_init(&p, 1 << 16);
    if (!template_parse(&t, source, &err)) template_render(t, json_new(&p, JSON_OBJ), &(template_options){0}, out, NULL, &err);
    template_free(t);
    pool_free(&p);
    return err;
}

/* Each of these ended well, after 2 to 20 seconds, while the work in its loop was free. */
static void work_is_paid(void) {
#define TURNS "{% for i in range(100000) %}"
#define END   "{% endfor %}"
    static const char *const sources[] = {
        "{% set a = 'a' * 500000 ~ 'b' %}{% set b = 'a' * 500000 ~ 'b' %}" TURNS "{% if a == b %}{% endif %}" END,
        "{% set a = 'a' * 500000 ~ 'b' %}{% set b = 'a' * 500000 ~ 'c' %}" TURNS "{% if a < b %}{% endif %}" END,
        "{% set a = range(50000) | list %}{% set b = a[:] %}" TURNS "{% if a == b %}{% endif %}" END,
        "{% set a = range(50000) | list %}{% set b = a[:] %}" TURNS "{% if a < b %}{% endif %}" END,
        "{% set a = (1,) * 50000 %}{% set b = (1,) * 50000 %}" TURNS "{% if a == b %}{% endif %}" END,
        "{% set x = 10 ** 4400 %}" TURNS "{% set y = x / 3.0 %}" END,
        "{% set x = 10 ** 4400 %}" TURNS "{% set y = x < 3.0 %}" END,
        "{% set s = 'a' * 1000000 %}{% set y = 'a' * 400000 ~ 'b' %}{{ s.rfind(y) }}",
    };
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        strbuf    out = {0};
        slm_error e = render_error(str_of(sources[i]), &out);
        CHECK_TEXT(e.text, "steps");
        strbuf_free(&out);
    }
    /* Long lists of names: variables of one scope, named arguments of one call. */
    strbuf source = {0}, out = {0};
    for (int i = 0; i < 6000; i++) strbuf_fmt(&source, "{%% set v%d = 1 %%}", i);
    strbuf_str(&source, STR(TURNS "{% if v0 %}{% endif %}" END));
    CHECK_TEXT(render_error((str){source.p, source.n}, &out).text, "steps");
    source.n = 0;
    strbuf_str(&source, STR("{% set d = dict(z=1"));
    for (int i = 0; i < 12000; i++) strbuf_fmt(&source, ",k%d=1", i);
    strbuf_str(&source, STR(") %}{{ ('{k11999}' * 100000).format(**d) }}"));
    CHECK_TEXT(render_error((str){source.p, source.n}, &out).text, "steps");
    strbuf_free(&source);
    strbuf_free(&out);
}

/* What looks expensive and is not: it must not be refused. */
static void honest_work_passes(void) {
    strbuf out = {0};
    CHECK_STR(str_of(render_error(STR("{{ ('a,' * 10000).rsplit(',') | length }}"), &out).text), STR(""));
    CHECK_STR(((str){out.p, out.n}), STR("10001"));
    strbuf_free(&out);
}

/* The sanitizers' builds stop at any overflow in here. */
static void numbers_at_the_edge(void) {
#define LEAST "(-9223372036854775807-1)"
#define MOST  "9223372036854775807"
    static const char *const t[][2] = {
        {"{{ 'a' | truncate(" MOST ") }}", "a"},
        {"{{ 'abcdefgh' | truncate(3, leeway=" MOST ") }}", "abcdefgh"},
        {"{{ 'abc'.ljust(" LEAST ") }}{{ 'a'.zfill(" LEAST ") }}{{ 'b' | center(" LEAST ") }}", "abcab"},
        {"{{ 5 | round(" LEAST ") }} {{ 5.5 | round(" LEAST ") }}", "0 0.0"},
        {"{{ 1e300.is_integer() }}", "True"},
        {"{{ range(0, " MOST ", 4611686018427387904)[1:] | list }}", "[4611686018427387904]"},
        {"{{ range(-" MOST ", " MOST ", " MOST ") | list }}", "[-9223372036854775807, 0]"},
        {"{{ " LEAST " // -1 }} {{ " LEAST " % -1 }}", "9223372036854775808 0"},
        {"{{ 'abc'[" MOST ":] }}{{ 'abc'[::" MOST "] }}", "a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        strbuf    out = {0};
        slm_error e = render_error(str_of(t[i][0]), &out);
        CHECK_STR(str_of(e.text), STR(""));
        CHECK_STR(((str){out.p ? out.p : "", out.n}), str_of(t[i][1]));
        strbuf_free(&out);
    }
    strbuf out = {0};
    CHECK_TEXT(render_error(STR("{{ '%*d' % (" LEAST ", 5) }}"), &out).text, "width");
    CHECK_TEXT(render_error(STR("{{ range(-" MOST ", " MOST ", 4611686018427387904)[::3] | list }}"), &out).text, "64 bits");
    strbuf_free(&out);
}

const test_case tests_budget[] = {
    {"work_is_paid", "comparing, looking up and searching cost steps", work_is_paid},
    {"honest_work_passes", "a split from the right is paid once", honest_work_passes},
    {"numbers_at_the_edge", "widths, digits and bounds beside 2^63", numbers_at_the_edge},
    {0},
};
