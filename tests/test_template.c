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

/* ---- goldens --------------------------------------------------------------------------- */

static const char golden_vars[] =
    "{\"s\":\"some text\",\"n\":5,\"f\":2.5,\"t\":true,\"none\":null,\"l\":[3,1,2],\"d\":{\"b\":1,\"a\":[1,{\"x\":\"y\"}]},"
    "\"html\":\"<i>&</i>\",\"u\":\"Gr\xc3\xbc\xc3\x9f \xe6\x97\xa5\xe6\x9c\xac\",\"bos_token\":\"<s>\","
    "\"msgs\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"Hi!\"},{\"role\":\"assistant\",\"content\":\"Hello.\"}],"
    "\"users\":[{\"name\":\"bo\",\"age\":30},{\"name\":\"Al\",\"age\":25},{\"name\":\"Cy\",\"age\":30}]}";

static rendering render(const char *source, const char *vars, const template_options *o) {
    pool      p;
    slm_error err = {0};
    pool_init(&p, 64u << 20);
    const json *v = json_parse(&p, str_of(vars), &err);
    CHECK_STR(str_of(err.text), STR(""));
    rendering r = render_json(str_of(source), v, o);
    pool_free(&p);
    return r;
}

/* The line at p without its end; U+2424 stands for a newline. */
static char *line_of(const char **p) {
    const char *end = strchr(*p, '\n');
    size_t      n = end ? (size_t)(end - *p) : strlen(*p), w = 0;
    char       *z = mem_zero(n + 1, 1);
    for (size_t i = 0; i < n; i++)
        if (n - i >= 3 && !memcmp(*p + i, "\xe2\x90\xa4", 3)) z[w++] = '\n', i += 2;
        else z[w++] = (*p)[i];
    *p += n + (end != NULL);
    return z;
}

static void goldens(void) {
    size_t n;
    char  *text = test_read_file("tests/data/template.txt", &n);
    int    n_cases = 0;
    CHECK(text != NULL);
    setenv("TZ", "UTC", 1);
    for (const char *p = text; p && *p;) {
        char *name = line_of(&p), *source = line_of(&p), *want = line_of(&p);
        if (*p == '\n') p++;
        rendering r = render(source, golden_vars, &(template_options){.now = NOW});
        if (want[0] == '!' && want[1] == ' ') CHECK_STR(str_of(r.err.text), str_of(want + 2));
        else {
            CHECK_STR(str_of(r.err.text), STR(""));
            CHECK_STR(((str){r.out.p ? r.out.p : "", r.out.n}), str_of(want));
        }
        if (test_failed() && n_cases >= 0) printf("    in: %s\n", name), n_cases = -1000;
        n_cases++;
        drop(&r);
        mem_free(name);
        mem_free(source);
        mem_free(want);
    }
    mem_free(text);
    CHECK(n_cases > 80);
}

/* Lines of SOURCE, U+21D2 between blanks, and what it becomes, or "! " and our error where jinja2 has one, too. */
static void expressions(void) {
    static const char arrow[] = " \xe2\x87\x92 ";
    size_t            n;
    char             *text = test_read_file("tests/data/jinja.txt", &n);
    int               n_cases = 0;
    CHECK(text != NULL);
    setenv("TZ", "UTC", 1);
    for (const char *p = text; p && *p;) {
        char *source = line_of(&p), *want = strstr(source, arrow);
        if (*source == '#') want = NULL; /* where the cases come from */
        if (want) {
            *want = 0;
            want += sizeof arrow - 1;
            rendering r = render(source, golden_vars, &(template_options){.now = NOW});
            if (r.err.code) CHECK_STR(str_of(r.err.text), str_of(strncmp(want, "! ", 2) ? want : want + 2));
            else CHECK_STR(((str){r.out.p ? r.out.p : "", r.out.n}), str_of(want));
            CHECK_INT(r.trust.n, r.out.n);
            if (test_failed() && n_cases >= 0) printf("    in: %s\n", source), n_cases = -10000;
            n_cases++;
            drop(&r);
        }
        mem_free(source);
    }
    mem_free(text);
    CHECK(n_cases > 500);
}

/* What jinja2 answers in another way, or not at all: (a) by the clock, (b) by names that are the caller's to trust, (c) numbers
 * whose formats it computes when it compiles, (d) limits of ours. */
static void own_rules(void) {
    static const struct {
        const char *source, *want;
        int64_t     now;
    } cases[] = {
        {"{{ strftime_now('%p %P %r %I') }}", "AM am 01:01:01 AM 01", 3661},
        {"{{ strftime_now('%p %P %r %-I') }}", "PM pm 01:01:01 PM 1", 3661 + 43200},
        {"{{ strftime_now('%s %-M %q') }}", "3661 1 %q", 3661},
        {"{{ strftime_now('%Y') }}", "! template line 1: the time does not fit a calendar", INT64_MAX},
        {"{{ (10 ** 30).bit_length() }}", "! template line 1: bit_length: the number is too large", 0},
        {"{{ '{:x}'.format(10 ** 30) }}", "! template line 1: a number too large for base 16", 0},
        {"{{ '%.5000d' % 1 }}", "! template line 1: a number of more than 4000 digits", 0},
        {"{{ '%.5000f' % 1.5 }}", "! template line 1: a number of more than 4000 digits", 0},
        {"{{ (10 ** 30) is integer }}{{ 1 is filter }}{{ 1 is test }}", "TrueFalseFalse", 0},
        {"{% set i = 'inf'|float %}{% set x = 'nan'|float %}{{ '{:f} {:F} {:e} {:E} {:G} {}'.format(i, i, -i, -i, x, x) }} {{ i.is_integer() }} "
         "{{ '{:5}|{:.3}|{:<5}|{:05}'.format(i, -i, x, i) }}",
         "inf INF -inf -INF NAN nan False   inf|-inf|nan  |00inf", 0},
        {"{{ lipsum() }}", "! template line 1: lipsum: there is no random text here", 0},
        {"{{ 'a' * -(10 ** 30) }}|", "|", 0},
        {"{{ '\\N{BULLET}' }}", "! template line 1: \\N{..} in a string is not supported: write \\u and the number", 0},
        {"{% macro m(caller) %}{{ caller }}{% endmacro %}{{ m(1) }}", "1", 0},
        {"a\rb\r\nc\r", "a\nb\nc", 0},
        {"{{ a \x01 }}", "! template line 1: unexpected byte 0x01", 0},
        {"{{ a \x7f }}", "! template line 1: unexpected byte 0x7f", 0},
        {"\xff {%- if 1 %}b{% endif %}", "\xff" "b", 0},
    };
    setenv("TZ", "UTC", 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        rendering r = render(cases[i].source, "{}", &(template_options){.now = cases[i].now});
        if (r.err.code) CHECK_STR(str_of(r.err.text), str_of(strncmp(cases[i].want, "! ", 2) ? cases[i].want : cases[i].want + 2));
        else CHECK_STR(((str){r.out.p ? r.out.p : "", r.out.n}), str_of(cases[i].want));
        drop(&r);
    }
    static const char *const trusted[] = {"mine", NULL};
    rendering r = render("{{ mine }}{{ bos_token }}", "{\"mine\":\"ab\",\"bos_token\":\"cd\"}", &(template_options){.trusted = trusted});
    CHECK(r.out.n == 4 && r.trust.p[0] && r.trust.p[1] && !r.trust.p[2] && !r.trust.p[3]);
    drop(&r);
    template_ *t = NULL;
    CHECK_INT(template_parse(&t, STR("{{"), NULL), SLM_ERR_FORMAT); /* who wants no reason gets none */
}

/* ---- provenance ---------------------------------------------------------------------------- */

/* Each byte that is trusted as T, each that is not as itself. */
static void check_mask(const char *source, const char *vars, const char *want) {
    rendering r = render(source, vars, &(template_options){.now = NOW});
    CHECK_STR(str_of(r.err.text), STR(""));
    CHECK_INT(r.trust.n, r.out.n);
    for (size_t i = 0; i < r.out.n; i++)
        if (r.trust.p[i]) r.out.p[i] = 'T';
    CHECK_STR(((str){r.out.p ? r.out.p : "", r.out.n}), str_of(want));
    drop(&r);
}

static void provenance_of_operations(void) {
    static const struct {
        const char *source, *mask;
    } cases[] = {
        {"ab{{ u }}cd", "TTxyzTT"},
        {"{{ 'ab' + u + 'c' }}", "TTxyzT"},
        {"{{ u ~ '-' ~ u }}", "xyzTxyz"},
        {"{{ ('ab' + u + 'c')[1:4] }}", "Txy"},
        {"{{ ('ab' + u)[::-1] }}", "zyxTT"},
        {"{{ ('ab' + u)|reverse }}", "zyxTT"},
        {"{{ u * 2 }}{{ 'a' * 2 }}", "xyzxyzTT"},
        {"{{ (' ' + u + ' ').strip() }}{{ ' a '|trim }}", "xyzT"},
        {"{{ 'abc'.replace('b', u) }}{{ u.replace('y', 'b') }}", "TxyzTxTz"},
        {"{{ 'abc'|replace('b', u) }}", "TxyzT"},
        {"{{ (u + ',a').split(',')|join('+') }}", "xyzTT"},
        {"{{ [u, 'a']|join('+') }}", "xyzTT"},
        {"{{ '+'.join([u, 'a']) }}", "xyzTT"},
        {"{{ u|upper }}{{ 'a'|upper }}{{ u.title() }}{{ 'ab'|capitalize }}", "XYZTXyzTT"},
        {"{{ '{}-{}'.format(u, 'a') }}", "xyzTT"},
        {"{{ '%s-%s' % (u, 'a') }}{{ 'p%s'|format(u) }}", "xyzTTTxyz"},
        {"{{ u.center(5, '*') }}{{ 'a'.ljust(2, u[0]) }}", "TxyzTTx"},
        {"{{ u|indent(1, true) }}", " xyz"},
        {"{{ u|tojson }}{{ 'a'|tojson }}", "\"xyz\"\"T\""},
        {"{{ [u, 'a'] }}", "['xyz', 'T']"},
        {"{% set b %}a{{ u }}{% endset %}{{ b }}", "Txyz"},
        {"{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(u) }}{{ m('a') }}", "TxyzTTTT"},
        {"{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}a{{ u }}{% endcall %}", "Txyz"},
        {"{% filter upper %}a{{ u }}{% endfilter %}", "TXYZ"},
        {"{% set ns = namespace(s='') %}{% for c in u %}{% set ns.s = ns.s + '.' + c %}{% endfor %}{{ ns.s }}", "TxTyTz"},
        {"{% for c in 'a' ~ u %}{{ c }}{% endfor %}", "Txyz"},
        {"{{ d.keys()|first }}{{ d|items|first|last }}{{ d|dictsort|first|first }}", "kvk"},
        {"{{ [u, 'a', u]|sort|join }}{{ [u, 'b']|map('upper')|join }}", "TxyzxyzXYZT"},
        {"{{ u|default('a') }}{{ nope|default('a') }}{{ nope|default(u) }}", "xyzTxyz"},
        {"{{ n }}{{ 1 + 1 }}{{ true }}", "72True"},
        {"{{ u|e }}{{ '<'|e }}{{ h|e }}", "xyzTTTT&lt;"},
        {"{{ ('a' + h + 'b')|striptags }}{{ h|urlencode }}", "T<T%3C"},
        {"{{ strftime_now('year %Y') }}", "TTTTT2025"},
        {"{{ u|truncate(4, true, '', 0) }}{{ (u + u)|truncate(4, true, '.', 0) }}", "xyzxyzT"},
        {"{{ ('a ' + u)|wordwrap(2) }}", "TT\nxy\nz"},
        {"{{ u.partition('y')|join('|') }}", "xTTTz"},
        {"{{ u|list|join }}{{ u|batch(2)|map('join')|join }}", "xyzxyz"},
        {"{{ eos_token }}{{ eos_token + u }}", "TTTTxyz"},
        {"{{ messages[0].role }}{{ messages[1].role }}{{ messages[0].content }}", "TTTTcriticuser"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_mask(cases[i].source,
                   "{\"u\":\"xyz\",\"n\":7,\"h\":\"<\",\"d\":{\"k\":\"v\"},\"eos_token\":\"</\",\"messages\":[{\"role\":\"user\",\"content\":\"user\"},{\"role\":\"critic\",\"content\":\"c\"}]}",
                   cases[i].mask);
}

/* What looks like a control token, and whether it is one by its provenance. */
static void check_tokens(const char *name, const rendering *r, const char *vars) {
    for (size_t i = 0; i + 4 < r->out.n; i++) {
        if (memcmp(r->out.p + i, "<|", 2)) continue;
        size_t end = i + 2;
        while (end + 1 < r->out.n && end - i < 40 && (r->out.p[end] == '_' || (r->out.p[end] >= 'a' && r->out.p[end] <= 'z'))) end++;
        if (end == i + 2 || end + 1 >= r->out.n || memcmp(r->out.p + end, "|>", 2)) continue;
        char   token[64];
        size_t n_trusted = 0;
        snprintf(token, sizeof token, "%.*s", (int)(end + 2 - i), r->out.p + i);
        for (size_t k = i; k < end + 2; k++) n_trusted += r->trust.p[k] != 0;
        /* Not the template's own: it must have come in as text. */
        const bool given = strstr(vars, token) != NULL;
        if (n_trusted != end + 2 - i && !given) {
            printf("    %s: %s has only %zu trusted bytes\n", name, token, n_trusted);
            CHECK_INT(n_trusted, end + 2 - i);
        }
    }
}

static const char attack[] =
    "{\"bos_token\":\"<s>\",\"eos_token\":\"</s>\",\"add_generation_prompt\":true,\"messages\":["
    "{\"role\":\"user\",\"content\":\"<|zz|> <|zz_end|>\"},{\"role\":\"assistant\",\"content\":\"  <|zz|>\\n\"},{\"role\":\"user\",\"content\":\"a <|zz|>b\"}]}";

static void provenance_in_real_templates(void) {
    const char *folder = test_shared("data/templates");
    DIR        *d = folder ? opendir(folder) : NULL;
    int         n = 0;
    if (!d) {
        test_skip("no ../shared/data/templates");
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        char   path[512];
        size_t bytes;
        if (!strstr(e->d_name, ".jinja")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        char     *source = test_read_file(path, &bytes);
        rendering r = render(source, attack, &(template_options){.now = NOW});
        check_tokens(e->d_name, &r, attack);
        int n_text = 0;
        for (const char *p = r.out.p; p && (p = memmem(p, (size_t)(r.out.p + r.out.n - p), "<|zz|>", 6)); p++, n_text++)
            for (int k = 0; k < 6; k++) CHECK_INT(r.trust.p[p - r.out.p + k], 0);
        if (!r.err.code) CHECK(n_text >= 2);
        n += !r.err.code;
        drop(&r);
        mem_free(source);
    }
    closedir(d);
    CHECK(n > 30);
}

/* ---- hostile templates ------------------------------------------------------------------------ */

/* `before`, `middle` n times, `after`. */
static char *repeated(const char *before, const char *middle, int n, const char *after, int n_close, const char *close) {
    strbuf b = {0};
    strbuf_str(&b, str_of(before));
    for (int i = 0; i < n; i++) strbuf_str(&b, str_of(middle));
    strbuf_str(&b, str_of(after));
    for (int i = 0; i < n_close; i++) strbuf_str(&b, str_of(close));
    strbuf_char(&b, 0);
    return b.p;
}

static void hostile(void) {
    static const struct {
        const char *before, *middle, *after, *close; /* middle and close 20,000 times */
        const char *error;
    } cases[] = {
        {"\n{{ ", "(", "1", ")", "line 2: brackets nested deeper"},
        {"{{ ", "[", "", "]", "nested deeper"},
        {"{{ ", "{1:", "1", "}", "nested deeper"},
        {"{{ ", "-", "1 }}", "", "nested deeper"},
        {"{{ ", "not ", "1 }}", "", "nested deeper"},
        {"{{ ", "1 if 1 else ", "1 }}", "", "nested deeper"},
        {"{{ a", ".b", " }}", "", "nested deeper"},
        {"{{ a", "[0]", " }}", "", "nested deeper"},
        {"{{ a", "()", " }}", "", "nested deeper"},
        {"{{ 1", "|abs", " }}", "", "nested deeper"},
        {"{{ 1", "+1", " }}", "", "nested deeper"},
        {"{{ 1", " and 1", " }}", "", "nested deeper"},
        {"", "{% if 1 %}", "", "{% endif %}", "more than"},
        {"", "{% if 1 %}\n", "", "", "line 201: nested deeper"},
        {"", "{{ a }}", "", "{{ a }}{{ a }}{{ a }}{{ a }}{{ a }}{{ a }}", "bytes of memory"},
        {"", "{% raw %}", "", "", "raw has no endraw"},
        {"", "{{", "", "", "nested deeper"},
        {"{{ ", "9", " }}", "", "digits"},
        {"\n\n{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "", "", "", "line 3: macros called deeper"},
        {"{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "", "", "", "macros called deeper"},
        {"{% macro m(x=m()) %}{% endmacro %}{{ m() }}", "", "", "", "macros called deeper"},
        {"{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}", "", "", "", "macros called deeper"},
        {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "", "", "", "loops called deeper"},
        {"{% set ns = namespace(s='x') %}\n{% for i in range(99) %}\n{% set ns.s = ns.s + ns.s %}{% endfor %}", "", "", "", "line 3: more than"},
        {"{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "", "", "", "bytes of memory"},
        {"{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('x', 'xxx') %}{% endfor %}", "", "", "", "bytes of memory"},
        {"{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "", "", "", "bytes of memory"},
        {"{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}", "", "", "", "of output"},
        {"{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson|length }}", "", "", "", "more than"},
        {"{% set ns = namespace(s=[1], u=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.u = [ns.u, ns.u] %}{% endfor %}{{ ns.s == ns.u }}", "", "", "", "steps"},
        {"{% set ns = namespace(s=[1]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}", "", "", "", "nested deeper"},
        {"{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}", "", "", "", "nested deeper"},
        {"{% set ns = namespace(g=[1]) %}{% for i in range(9999) %}{% set ns.g = ns.g|map('string') %}{% endfor %}{{ ns.g|list }}", "", "", "", "nested deeper"},
        {"{% for i in range(10 ** 9) %}{% endfor %}", "", "", "", "range of more than"},
        {"{{ range(-9223372036854775807, 9223372036854775807)|list }}", "", "", "", "range of more than"},
        {"{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "", "", "", "steps"},
        {"{% for a in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", "", "", "", "bytes of output"},
        {"{{ 'x' * 10 ** 9 }}", "", "", "", "more than"},
        {"{{ 'x' * 10 ** 40 }}", "", "", "", "does not fit"},
        {"{{ [1] * 10 ** 9 }}", "", "", "", "bytes of memory"},
        {"{{ 10 ** 9999 }}", "", "", "", "digits"},
        {"{% for i in range(100000) %}{% set x = 10 ** 4000 // 7 ** 2000 %}{% endfor %}", "", "", "", "steps"},
        {"{{ 'x'.ljust(10 ** 12) }}", "", "", "", "more than"},
        {"{{ 'x'|center(10 ** 15) }}", "", "", "", "more than"},
        {"{{ 'x'.zfill(999999999999) }}", "", "", "", "more than"},
        {"{{ '\\t'.expandtabs(10 ** 12) }}", "", "", "", "more than"},
        {"{{ '{:1000000000}'.format(1) }}", "", "", "", "more than"},
        {"{{ '%999999999d' % 1 }}", "", "", "", "more than"},
        {"{{ '%.99999f' % 1.5 }}", "", "", "", "digits"},
        {"{{ [[1]]|tojson(indent=10 ** 9) }}", "", "", "", "more than"},
        {"{{ [1]|batch(10 ** 9, 0)|list }}", "", "", "", "more than"},
        {"{{ range(100000)|join('x' * 10000) }}", "", "", "", "more than"},
        {"{% set a = 'a' * 500000 %}{% for i in range(100000) %}{% set x = a.find('b') %}{% endfor %}", "", "", "", "steps"},
        {"{% set a = 'a' * 500000 %}{{ a.rfind('a' * 250000 ~ 'b') }}{{ a.rfind('ab' ~ a[9:]) }}{% for i in range(1000) %}{{ a.rfind('b') }}{% endfor %}", "", "", "", "steps"},
        {"{% set a = 'a' * 400000 %}{% set b = 'a' * 400000 %}{% for i in range(100000) %}{% set x = a == b %}{% endfor %}", "", "", "", "steps"},
        {"{{ ('-' * 100000)|wordwrap(3) }}", "", "", "", "more than"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const int n = *cases[i].middle ? 20000 : 0;
        char     *source = repeated(cases[i].before, cases[i].middle, n, cases[i].after, *cases[i].close ? n : 0, cases[i].close);
        rendering r = render(source, "{\"a\":1}", &(template_options){.now = NOW});
        CHECK_INT(r.err.code, SLM_ERR_FORMAT);
        CHECK_TEXT(r.err.text, "template line ");
        CHECK_TEXT(r.err.text, cases[i].error);
        CHECK_INT(r.out.n, 0);
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
        if (r.ms > 200) printf("    took %.0f ms\n", r.ms);
        CHECK_QUICK(r.ms, 1000); /* 200 on a machine that does nothing else */
#endif
        if (test_failed()) {
            printf("    in: %.100s\n", cases[i].before);
            i = ARRAY_LEN(cases);
        }
        drop(&r);
        mem_free(source);
    }
}

static void source_has_a_limit(void) {
    char     *big = repeated("", "0123456789abcdef", 65536, "", 0, ""), *bigger = repeated("x", "0123456789abcdef", 65536, "", 0, "");
    rendering r = render(big, "{}", &(template_options){0});
    CHECK_STR(str_of(r.err.text), STR(""));
    CHECK_INT(r.out.n, 1 << 20);
    drop(&r);
    r = render(bigger, "{}", &(template_options){0});
    CHECK_TEXT(r.err.text, "longer than the limit");
    drop(&r);
    mem_free(big);
    mem_free(bigger);
}

/* Budgets of any size give the same text or a clean error; under MODE=asan, without a leak. */
static void any_budget_is_clean(void) {
    static const char source[] = "{% set ns = namespace(s='') %}{% for m in msgs %}{% set ns.s = ns.s + m.role|upper + '\n' %}{% endfor %}{{ ns.s }}{{ d|tojson(indent=2) }}";
    rendering         whole = render(source, golden_vars, &(template_options){0});
    int               n_ok = 0, n_refused = 0;
    CHECK_STR(str_of(whole.err.text), STR(""));
    for (size_t k = 1; k < 4000; k += k / 8 + 1)
        for (int which = 0; which < 3; which++) {
            template_options o = {.max_steps = which == 0 ? k : 0, .max_output = which == 1 ? k : 0, .max_memory = which == 2 ? 16 * k : 0};
            rendering        r = render(source, golden_vars, &o);
            if (r.err.code) {
                CHECK_INT(r.err.code, SLM_ERR_FORMAT);
                CHECK_INT(r.out.n, 0);
                n_refused++;
            } else {
                CHECK_STR(((str){r.out.p, r.out.n}), ((str){whole.out.p, whole.out.n}));
                n_ok++;
            }
            drop(&r);
        }
    CHECK(n_ok > 10 && n_refused > 10);
    drop(&whole);
}

/* Every cut of a template that uses everything: an error or a text, never anything else. */
static void every_cut_parses_or_fails(void) {
    static const char source[] =
        "a {%- set x, y = [1, {'k': 'v\\n'}] -%} {# c #} {% macro m(a, b=1) %}{{ a ~ b|default('x') }}{{ caller() if caller }}{% endmacro %}"
        "{% for k, v in y|items if k is string recursive %}{{ loop.index }}{{ m(k, b=v[0:1]) }}{% else %}none{% endfor %}"
        "{% call m(*[1]) %}{{ -1.5e3 // 2 ** 2 }}{% endcall %}{% filter upper %}q{% endfilter %}{% raw %}{{ r }}{% endraw %}"
        "{% if not x == 1 and y.k in 'v' or x is divisibleby 3 %}b{% elif x %}c{% else %}d{% endif %}{% with z = (1,) %}{{ z }}{% endwith %}";
    for (size_t n = 0; n < sizeof source; n++) {
        rendering r = render_json((str){source, n}, NULL, &(template_options){0});
        drop(&r);
        pool      p;
        slm_error err = {0};
        pool_init(&p, 1u << 20);
        r = render_json((str){source, n}, json_new(&p, JSON_OBJ), &(template_options){0});
        CHECK(!r.err.code || r.err.code == SLM_ERR_FORMAT);
        drop(&r);
        pool_free(&p);
        (void)err;
    }
}

static void long_chats_render(void) {
    strbuf b = {0};
    strbuf_str(&b, STR("{\"add_generation_prompt\":true,\"messages\":["));
    for (int i = 0; i < 4000; i++) {
        strbuf_fmt(&b, "%s{\"role\":\"%s\",\"content\":\"", i ? "," : "", i % 2 ? "assistant" : "user");
        for (int k = 0; k < 50; k++) strbuf_str(&b, STR("some words "));
        strbuf_str(&b, STR("\"}"));
    }
    strbuf_str(&b, STR("]}"));
    strbuf_char(&b, 0);
    rendering r = render("{% set ns = namespace(s='') %}{% for m in messages %}{% set ns.s = ns.s + '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' %}{% endfor %}{{ ns.s }}",
                         b.p, &(template_options){0});
    CHECK_STR(str_of(r.err.text), STR(""));
    CHECK(r.out.n > 2200000);
    drop(&r);
    strbuf_free(&b);
}

static void mentions(void) {
    template_ *t = NULL;
    slm_error  err = {0};
    CHECK_INT(template_parse(&t, STR("{% if tools %}{{ message.tool_calls }}{% endif %} enable_thinking"), &err), SLM_OK);
    CHECK(t && template_mentions(t, "tools") && template_mentions(t, "tool_calls") && !template_mentions(t, "enable_thinking"));
    template_free(t);
    template_free(NULL);
}

const test_case tests_template[] = {
    {"goldens", "the language, case by case", goldens},
    {"expressions", "every operator, filter, test, method and tag, and what each refuses, as in jinja2", expressions},
    {"own_rules", "what jinja2 has no answer to: clocks, limits, names to trust", own_rules},
    {"provenance_of_operations", "every operation keeps who wrote which byte", provenance_of_operations},
    {"provenance_in_real_templates", "user text that spells control tokens stays text in 40 models' templates", provenance_in_real_templates},
    {"hostile", "templates that nest, loop and grow end with a line and the budget passed", hostile},
    {"source_has_a_limit", "1 MiB of source is taken, a byte more is not", source_has_a_limit},
    {"any_budget_is_clean", "budgets of any size: the same text or an error", any_budget_is_clean},
    {"every_cut_parses_or_fails", "a template cut at every byte", every_cut_parses_or_fails},
    {"long_chats_render", "budgets grow with the chat", long_chats_render},
    {"mentions", "which names a template knows", mentions},
    {"public_templates", "chat templates of 40 models as jinja2 renders them", public_templates},
    {"public_units", "units of the language as jinja2 evaluates them", public_units},
    {0},
};
