/* test_unicode.c - classes and NFC. */
#include "test.h"
#include "../src/nfc.h"
#include "../src/unicode.h"
#include <string.h>

static void classes_of_known_characters(void) {
    static const struct {
        uint32_t cp;
        unsigned cls;
    } want[] = {
        {'a', UC_LETTER | UC_LOWER}, {'Z', UC_LETTER | UC_UPPER}, {'5', UC_NUMBER},
        {' ', UC_SPACE}, {'\n', UC_SPACE}, {0x0b, UC_SPACE}, {0x1c, 0}, {0, 0}, {0x7f, 0},
        {'!', UC_PUNCT}, {'$', UC_SYMBOL}, {0x85, UC_SPACE}, {0xa0, UC_SPACE}, {0x200b, 0},
        {0x3000, UC_SPACE}, {0xaa, UC_LETTER}, {0xb2, UC_NUMBER}, {0x1c5, UC_LETTER | UC_UPPER},
        {0x2b0, UC_LETTER}, {0x301, UC_MARK}, {0x4e2d, UC_LETTER}, {0xac00, UC_LETTER},
        {0x2167, UC_NUMBER}, {0xfffd, UC_SYMBOL}, {0x1f600, UC_SYMBOL},
        {0x10400, UC_LETTER | UC_UPPER}, {0xe0100, UC_MARK}, {0xe01ef, UC_MARK}, {0xe01f0, 0},
        {0xd800, 0}, {0x10ffff, 0}, {0x110000, 0}, {0xffffffff, 0}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) CHECK_INT(uc_class(want[i].cp), want[i].cls);
}

static void columns_of_known_characters(void) {
    static const struct {
        uint32_t cp;
        int      columns;
    } want[] = {{'a', 1}, {0xad, 1}, {0xe9, 1}, {0x2ff, 1}, {0x300, 0}, {0x36f, 0}, {0x370, 1}, {0x5d0, 1}, {0x1100, 2}, {0x1161, 0},
                {0x11a8, 0}, {0x200b, 0}, {0x200d, 0}, {0x2026, 1}, {0x231a, 2}, {0x3000, 2}, {0x303f, 1}, {0x3042, 2}, {0x4e2d, 2},
                {0xac00, 2}, {0xd7a3, 2}, {0xfe0f, 0}, {0xff21, 2}, {0xff71, 1}, {0xffe5, 2}, {0xfffd, 1}, {0x1f600, 2}, {0x2fffd, 2},
                {0xe0100, 0}, {0x10ffff, 1}, {0x110000, 1}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) CHECK_INT(uc_columns(want[i].cp), want[i].columns);
}

static void nfc_is(const char *from, const char *to) {
    strbuf b = {0};
    nfc_put(&b, str_of(from));
    CHECK(!b.bad);
    CHECK_STR(((str){b.p, b.n}), str_of(to));
    if (strcmp(from, to)) CHECK(nfc_may_change(str_of(from)));
    strbuf_free(&b);
}

static void nfc_of_known_texts(void) {
    nfc_is("plain", "plain");
    nfc_is("", "");
    nfc_is("cafe\xcc\x81 x", "caf\xc3\xa9 x");
    nfc_is("\xe2\x84\xab", "\xc3\x85");                             /* Angstrom sign */
    nfc_is("s\xcc\x87\xcc\xa3", "\xe1\xb9\xa9");                    /* order, then two joins */
    nfc_is("s\xcc\xa3\xcc\x87", "\xe1\xb9\xa9");
    nfc_is("a\xcc\x81\xcc\x81", "\xc3\xa1\xcc\x81");                /* the second one is blocked */
    nfc_is("\xcc\x81 a", "\xcc\x81 a");                             /* no starter */
    nfc_is("\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81"); /* Hangul L V T */
    nfc_is("\xea\xb0\x80\xe1\x86\xa8", "\xea\xb0\x81");             /* LV T */
    nfc_is("\xe0\xa4\x95\xe0\xa4\xbc", "\xe0\xa4\x95\xe0\xa4\xbc"); /* excluded from composition */
    nfc_is("\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc");
    nfc_is("e\xff\xcc\x81", "e\xff\xcc\x81");                       /* a broken byte parts them */
    nfc_is("x\xc3", "x\xc3");
    CHECK(!nfc_may_change(STR("na\xc3\xafve \xe4\xb8\xad \xea\xb0\x81")));
}

/* Decomposing what was composed and composing it again changes nothing, for every character. */
static void nfc_is_stable_for_every_character(void) {
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        if (cp - 0xd800 < 0x800) continue;
        char     enc[4];
        strbuf   once = {0}, twice = {0}, parts = {0};
        uint32_t d[4];
        if (uc_nfc_inert(cp) && uc_decompose(cp, d) == 1) continue;
        nfc_put(&once, (str){enc, utf8_encode(cp, enc)});
        nfc_put(&twice, (str){once.p, once.n});
        for (size_t i = 0, n = uc_decompose(cp, d); i < n; i++)
            strbuf_put(&parts, enc, utf8_encode(d[i], enc));
        strbuf again = {0};
        nfc_put(&again, (str){parts.p, parts.n});
        CHECK_STR(((str){twice.p, twice.n}), ((str){once.p, once.n}));
        CHECK_STR(((str){again.p, again.n}), ((str){once.p, once.n}));
        strbuf_free(&once);
        strbuf_free(&twice);
        strbuf_free(&parts);
        strbuf_free(&again);
        if (test_failed()) return;
    }
}

static double nfc_ms(const char *text, size_t n) {
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        strbuf b = {0};
        double t0 = clock_ms();
        nfc_put(&b, (str){text, n});
        double ms = clock_ms() - t0;
        if (ms < best) best = ms;
        CHECK(b.n == n);
        strbuf_free(&b);
    }
    return best;
}

/* A megabyte of marks whose classes fall: sorting neighbours would take a day. */
static void nfc_time_is_linear_in_a_run_of_marks(void) {
    size_t n = 1u << 20;
    char  *t = mem_zero(n, 1);
    for (size_t i = 0; i < n; i += 2) memcpy(t + i, i < n / 2 ? "\xcc\x81" : "\xcc\xa3", 2);
    double half = 0, whole = 0;
    for (int attempt = 0; attempt < 5; attempt++) { /* noise only adds */
        half = nfc_ms(t + n / 4, n / 2);
        whole = nfc_ms(t, n);
        if (whole <= half * 2.4) break;
    }
    CHECK_QUICK(whole, 1000);
    CHECK_QUICK(whole, half * 2.4);
    mem_free(t);
}

const test_case tests_unicode[] = {
    {"columns_of_known_characters", "combining marks take none, wide characters two", columns_of_known_characters},
    {"classes_of_known_characters", "letters, case, marks, digits, spaces, and what is none",
     classes_of_known_characters},
    {"nfc_of_known_texts", "ordering, composition, exclusion, blocking, Hangul, broken bytes",
     nfc_of_known_texts},
    {"nfc_is_stable_for_every_character", "NFC(NFC(x)) = NFC(x) = NFC(decomposed x)",
     nfc_is_stable_for_every_character},
    {"nfc_time_is_linear_in_a_run_of_marks", "1 MiB of combining marks in linear time",
     nfc_time_is_linear_in_a_run_of_marks},
    {0}};
