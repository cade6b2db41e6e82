/* test_json.c - reading, building and writing JSON. */
#include "../src/json.h"
#include "../src/limits.h"
#include "test.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_CAP (16u << 20)

/* Text after reading and writing, or the error. */
static const char *again(str text) {
    static char out[400];
    pool        p;
    slm_error   e = {0};
    strbuf      b = {0};
    pool_init(&p, POOL_CAP);
    json *v = json_parse(&p, text, &e);
    if (v) json_write(&b, v);
    snprintf(out, sizeof out, "%.*s", (int)(v ? b.n : strlen(e.text)), v ? b.p : e.text);
    strbuf_free(&b);
    pool_free(&p);
    return out;
}
#define AGAIN(text, want) CHECK_STR(str_of(again(STR(text))), STR(want))
#define SAME(text) AGAIN(text, text)

static void values_come_back(void) {
    SAME("null");
    SAME("true");
    SAME("[]");
    SAME("{}");
    SAME("[[],{},[[1]],\"\",-7]");
    SAME("{\"z\":1,\"a\":{\"y\":[false,null]},\"\":2}");
    AGAIN(" {\t\"a\" :\r\n[ 1 , 2 ] } ", "{\"a\":[1,2]}");
    AGAIN("\xef\xbb\xbf[1]", "[1]");
    AGAIN("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
}

static void strings_are_decoded(void) {
    AGAIN("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    AGAIN("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    SAME("\"\\u0000\\u0001\\u001f\x7f\"");
    AGAIN("\"\\ud800\"", "\"\xef\xbf\xbd\"");
    AGAIN("\"\\udc00x\"", "\"\xef\xbf\xbdx\"");
    AGAIN("\"\\ud800\\ue000\\ud800\\n\\ud800xxxxxx\\ud800\\u00\"", "JSON line 1 column 40: \\u needs four hexadecimal digits");
    AGAIN("\"\\ud800\\ue000 \\ud800\\n\\ud800xxxxxx\\udFfF\"", "\"\xef\xbf\xbd\xee\x80\x80 \xef\xbf\xbd\\n\xef\xbf\xbdxxxxxx\xef\xbf\xbd\"");
    AGAIN("\"\\\0\"", "JSON line 1 column 2: unknown escape in a string");
    for (const char *c = "/:@G`g"; *c; c++) {
        char text[] = "\"\\u00x0\"";
        text[5] = *c;
        CHECK_STR(str_of(again(str_of(text))), STR("JSON line 1 column 2: \\u needs four hexadecimal digits"));
    }
    AGAIN("\"\\ud800\\u0041\"", "\"\xef\xbf\xbd" "A\"");
    AGAIN("\"\\ud800\\ud83d\\ude00\"", "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"");
}

static void numbers_keep_their_value(void) {
    SAME("9223372036854775807");
    SAME("-9223372036854775808");
    AGAIN("9223372036854775808", "9.223372036854776e+18");
    AGAIN("-9223372036854775809", "-9.223372036854776e+18");
    AGAIN("-0", "0");
    SAME("-0.0");
    SAME("0.1");
    AGAIN("1.0", "1.0");
    AGAIN("1E2", "100.0");
    AGAIN("12.34e+5", "1234000.0");
    AGAIN("0.00001", "1e-05");
    SAME("0.0001");
    SAME("1234567890123456.0");
    AGAIN("12345678901234567.0", "1.2345678901234568e+16");
    SAME("1.7976931348623157e+308");
    SAME("2.2250738585072014e-308");
    AGAIN("4.9406564584124654e-324", "5e-324");
    AGAIN("1e-400", "0.0");
    AGAIN("1e-99999999999999999999", "0.0");
    AGAIN("1e400", "JSON line 1 column 1: number is too large");
    AGAIN("[1,\n 1e99999999999999999999]", "JSON line 2 column 2: number is too large");
    AGAIN("0e99999999999999999999", "0.0");
}

static void wrong_text_is_refused(void) {
    static const char *const bad[] = {
        "", " ", "nul", "tru", "True", "nulll", "1 2", "[1,]", "[,1]", "[1", "[", "]", "{", "}", "{]",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:2}", "{\"a\":1 \"b\":2}", "[1 2]", "'a'",
        "\"a", "\"\\", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u\"", "\"a\nb\"", "\"\t\"",
        "01", "-01", "00", "+1", ".5", "5.", "1.e3", "1e", "1e+", "-", "--1", "0x10", "NaN", "Infinity",
        "-Infinity", "1_000", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xe2\x82\"", "\xc2\xa0" "1",
        "[1]x", "// c\n1", "[1/**/]", "\x0b" "1",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *got = again(str_of(bad[i]));
        if (strncmp(got, "JSON line ", 10)) {
            printf("    accepted: %s\n", bad[i]);
            CHECK(false);
        }
    }
    AGAIN("nul\0l", "JSON line 1 column 1: not a JSON value");
    AGAIN("{\"\xc3\xa9\":1,\n  \"\xc3\xa9\" 2}", "JSON line 2 column 7: expected : after a member's name");
    AGAIN("[1,[2,[3]", "JSON line 1 column 4: array without an end");
}

static void every_cut_is_refused(void) {
    str whole = STR("{\"a\":[1.5e3,true,null,\"x\\u00e9\\n\",{\"b\":-2}],\"c\":\"\xe2\x82\xac\"}");
    for (size_t n = 0; n < whole.n; n++) {
        pool      p;
        slm_error e = {0};
        char     *exact = mem_zero(n, 1); /* a read past the cut is the sanitizer's */
        memcpy(exact, whole.p, n);
        pool_init(&p, POOL_CAP);
        CHECK(!json_parse(&p, (str){exact, n}, &e));
        CHECK_INT(e.code, SLM_ERR_FORMAT);
        pool_free(&p);
        mem_free(exact);
    }
}

static void depth_is_bounded(void) {
    char text[2 * JSON_MAX_DEPTH + 2];
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    pool      p;
    slm_error e = {0};
    pool_init(&p, POOL_CAP);
    json *deep = json_parse(&p, (str){text, 2 * JSON_MAX_DEPTH}, &e);
    CHECK(deep != NULL);
    strbuf b = {0};
    json_write(&b, deep);
    CHECK(!b.bad && b.n == 2 * JSON_MAX_DEPTH);
    strbuf_free(&b);
    json *deeper = json_new(&p, JSON_ARR);
    CHECK(json_push(&p, deeper, deep));
    json_write(&b, deeper);
    CHECK(b.bad);
    strbuf_free(&b);
    memset(text, '[', sizeof text);
    CHECK(!json_parse(&p, (str){text, sizeof text}, &e));
    CHECK_TEXT(e.text, "column 257: nested too deep");
    pool_free(&p);
}

static void objects_keep_order_and_find_fast(void) {
    enum { N = 100000 };
    pool p;
    pool_init(&p, 256u << 20);
    json  *o = json_new(&p, JSON_OBJ);
    char   k[32];
    double t0 = clock_ms();
    for (int i = 0; i < N; i++) {
        snprintf(k, sizeof k, "key %d", i * 7919 % N);
        CHECK(json_set(&p, o, pool_copy(&p, str_of(k)), json_new_int(&p, i)));
    }
    CHECK_INT(json_len(o), N);
    for (int i = 0; i < N; i++) {
        snprintf(k, sizeof k, "key %d", i * 7919 % N);
        if (json_int(json_get(o, str_of(k))) != i || !str_is(json_key_at(o, (size_t)i), k)) CHECK(false);
    }
    CHECK(!json_get(o, STR("key 100000")));
    CHECK(json_set(&p, o, STR("key 5"), json_new_int(&p, -5)));
    CHECK_INT(json_len(o), N);
    CHECK_INT(json_int(json_get(o, STR("key 5"))), -5);
    CHECK_QUICK(clock_ms() - t0, 5000); /* quadratic would take minutes */
    pool_free(&p);
}

static void wrong_kinds_read_as_nothing(void) {
    pool p;
    pool_init(&p, POOL_CAP);
    json *n = json_new_num(&p, 1e300), *s = json_new_str(&p, STR("x")), *a = json_new(&p, JSON_ARR);
    CHECK(json_int(n) == INT64_MAX);
    CHECK(json_int(json_new_num(&p, -1e300)) == INT64_MIN);
    CHECK_INT(json_int(json_new_num(&p, -2.9)), -2);
    CHECK_INT(json_int(json_new_num(&p, (double)NAN)), 0);
    CHECK_INT(json_int(s), 0);
    CHECK(json_num(json_new_int(&p, 3)) == 3.0);
    CHECK_INT(json_type(NULL), JSON_NULL);
    CHECK_INT(json_len(NULL) + json_len(s) + json_len(a), 0);
    CHECK(!json_at(a, 0) && !json_at(NULL, 0) && !json_get(a, STR("x")) && !json_get(NULL, STR("x")));
    CHECK_INT(json_str(n).n + json_key_at(a, 0).n, 0);
    CHECK(!json_push(&p, s, n) && !json_push(&p, NULL, n) && !json_push(&p, a, NULL));
    CHECK(!json_set(&p, a, STR("k"), n) && !json_set(&p, NULL, STR("k"), n));
    CHECK(!json_bool(n) && !json_bool(NULL));
    CHECK(json_num(s) == 0 && json_num(NULL) == 0);
    json *o = json_new(&p, JSON_OBJ);
    CHECK(json_set(&p, o, STR("k"), n) && json_key_at(o, 0).n == 1 && !json_key_at(o, 1).n && !json_key_at(s, 0).n && !json_at(o, 1));
    pool_free(&p);
}

static void full_pool_is_an_error(void) {
    str text = STR("{\"a\":[1,2,3,4,5,6,7,8,9],\"b\":\"0123456789012345678901234567890123456789\"}");
    for (size_t cap = 0; cap < 1200; cap += 16) {
        pool      p;
        slm_error e = {0};
        pool_init(&p, cap);
        json *v = json_parse(&p, text, &e);
        CHECK(v ? !e.code : e.code == SLM_ERR_MEMORY);
        pool_free(&p);
    }
}

static void broken_text_is_written_whole(void) {
    strbuf b = {0};
    json_write_str(&b, STR("a\xff" "b\xe2\x82" "c\xf0\x9f\x98\xed\xa0\x80\n\x01\"\\\xc3\xa9"));
#define R "\xef\xbf\xbd"
    CHECK_STR(((str){b.p, b.n}), STR("\"a" R "b" R "c" R R R R "\\n\\u0001\\\"\\\\\xc3\xa9\""));
    strbuf_free(&b);
    double odd[] = {(double)INFINITY, -(double)INFINITY, (double)NAN};
    for (size_t i = 0; i < 3; i++) {
        json_write_num(&b, odd[i]);
        CHECK_STR(((str){b.p, b.n}), STR("null"));
        strbuf_free(&b);
    }
}

static void doubles_round_trip(void) {
    uint64_t state = 42;
    for (int i = 0; i < 20000; i++) {
        union {
            uint64_t u;
            double   d;
        } x = {test_rand(&state)};
        if (i & 1) x.d = (double)test_randf(&state);
        if (!isfinite(x.d)) continue;
        pool   p;
        strbuf b = {0};
        pool_init(&p, POOL_CAP);
        json_write_num(&b, x.d);
        json *v = json_parse(&p, (str){b.p, b.n}, NULL);
        if (json_type(v) != JSON_NUM || json_num(v) != x.d) {
            printf("    %.17g became %.*s\n", x.d, (int)b.n, b.p);
            CHECK(false);
        }
        strbuf_free(&b);
        pool_free(&p);
    }
}

static void numbers_ignore_the_locale(void) {
    static const char *const comma[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "pt_BR.UTF-8"};
    const char              *set = NULL;
    for (size_t i = 0; i < ARRAY_LEN(comma) && !set; i++) set = setlocale(LC_NUMERIC, comma[i]);
    if (!set) {
        test_skip("no locale with a decimal comma is installed");
        return;
    }
    SAME("[1.5,2.5e-10,1.2345678901234567]");
    setlocale(LC_NUMERIC, "C");
}

const test_case tests_json[] = {
    {"values_come_back", "every kind is read and written", values_come_back},
    {"strings_are_decoded", "escapes, surrogate pairs and halves", strings_are_decoded},
    {"numbers_keep_their_value", "64-bit integers, shortest doubles, range", numbers_keep_their_value},
    {"wrong_text_is_refused", "what RFC 8259 forbids is an error with line and column", wrong_text_is_refused},
    {"every_cut_is_refused", "a text cut at any byte is an error", every_cut_is_refused},
    {"depth_is_bounded", "nesting has a limit in reading and writing", depth_is_bounded},
    {"objects_keep_order_and_find_fast", "100000 members in order, found by hash", objects_keep_order_and_find_fast},
    {"wrong_kinds_read_as_nothing", "access to the wrong kind is empty, never a fault", wrong_kinds_read_as_nothing},
    {"full_pool_is_an_error", "no memory is reported wherever it ends", full_pool_is_an_error},
    {"broken_text_is_written_whole", "output is valid JSON whatever the bytes", broken_text_is_written_whole},
    {"doubles_round_trip", "random doubles read back equal", doubles_round_trip},
    {"numbers_ignore_the_locale", "a decimal comma changes nothing", numbers_ignore_the_locale},
    {0},
};
