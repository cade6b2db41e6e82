/* test_base.c - errors, sizes, arena, pool, buffers, file map. */
#include "test.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void error_is_one_printable_line(void) {
    slm_error e = {0};
    CHECK_INT(err_set(&e, SLM_ERR_FORMAT, "key \"%s\" at %d", "a\x1b[31m\nb\xff\xc3\xa9", 7),
              SLM_ERR_FORMAT);
    CHECK_STR(str_of(e.text), STR("key \"a\\x1b[31m\\x0ab\\xff\xc3\xa9\" at 7"));
    err_set(&e, SLM_ERR_IO, "later");
    CHECK_INT(e.code, SLM_ERR_FORMAT);
    slm_error f = {0};
    char      big[2000];
    memset(big, 1, sizeof big);
    big[1999] = 0;
    err_set(&f, SLM_ERR_IO, "%s", big);
    CHECK(strlen(f.text) < sizeof f.text && strlen(f.text) > 280);
    CHECK_INT(err_set(NULL, SLM_ERR_IO, "x"), SLM_ERR_IO);
}

static void sizes_do_not_wrap(void) {
    size_t x = 5;
    CHECK(!size_mul(&x, SIZE_MAX / 2, 3));
    CHECK(!size_add(&x, SIZE_MAX, 1));
    CHECK_INT(x, 5);
    CHECK(size_mul(&x, SIZE_MAX / 2, 2));
}

static void lay(arena *a) {
    arena_take(a, 1001, sizeof(float), 64);
    arena_take(a, 7 * 1001 + 3, 1, 64);
    arena_take(a, 3, 8, 4096);
}

static void arena_plan_is_the_allocation(void) {
    arena m = {0}, a;
    lay(&m);
    CHECK_INT(arena_alloc(&a, m.used, "test", NULL), SLM_OK);
    lay(&a);
    CHECK_INT(a.used, m.used);
    CHECK(!a.full);
    arena_take(&a, 1, 1, 1);
    CHECK(a.full);
    arena_free(&a);
    arena big = {0};
    arena_take(&big, SIZE_MAX / 2, 8, 64);
    CHECK(big.full);
}

static void pool_stays_below_its_cap(void) {
    pool p;
    pool_init(&p, 100000);
    size_t n = 0;
    while (pool_take(&p, 10, 10)) n++;
    CHECK(n > 500 && n < 1000);
    CHECK(p.used <= 100000);
    pool_free(&p);
    CHECK(pool_take(&p, 1, 1) != NULL);
    pool_free(&p);
}

static void strbuf_keeps_its_limit(void) {
    strbuf b = {.cap_bytes = 10};
    strbuf_fmt(&b, "%s-%d", "abc", 12345);
    CHECK_STR(((str){b.p, b.n}), STR("abc-12345"));
    strbuf_char(&b, 'x');
    CHECK(!b.bad);
    strbuf_char(&b, 'y');
    CHECK(b.bad && b.n == 10);
    strbuf_free(&b);
}

static void filemap_refuses_what_is_no_file(void) {
    filemap   f;
    slm_error e = {0};
    CHECK_INT(filemap_open(&f, "/tmp", &e), SLM_ERR_IO);
    CHECK_TEXT(e.text, "directory");
    e = (slm_error){0};
    CHECK_INT(filemap_open(&f, "/dev/null", &e), SLM_ERR_IO);
    CHECK_TEXT(e.text, "device");
    e = (slm_error){0};
    CHECK_INT(filemap_open(&f, "/no/such/file", &e), SLM_ERR_IO);
    char fifo[200];
    snprintf(fifo, sizeof fifo, "%s/fifo", test_tmp());
    CHECK_INT(mkfifo(fifo, 0600), 0);
    e = (slm_error){0};
    CHECK_INT(filemap_open(&f, fifo, &e), SLM_ERR_IO);
    CHECK_TEXT(e.text, "pipe");
}

const test_case tests_base[] = {
    {"error_is_one_printable_line", "hostile bytes in an error are shown, not obeyed",
     error_is_one_printable_line},
    {"sizes_do_not_wrap", "size arithmetic reports overflow", sizes_do_not_wrap},
    {"arena_plan_is_the_allocation", "measuring and carving agree", arena_plan_is_the_allocation},
    {"pool_stays_below_its_cap", "a pool cannot grow past its budget", pool_stays_below_its_cap},
    {"strbuf_keeps_its_limit", "text stops at its limit and says so", strbuf_keeps_its_limit},
    {"filemap_refuses_what_is_no_file", "directories, devices and pipes are refused at once",
     filemap_refuses_what_is_no_file},
    {0},
};
