/* test.h - what a test file sees.  A test file exports one table; run.c lists the tables. */
#ifndef TEST_H
#define TEST_H
#include "../src/base.h"

typedef struct {
    const char *name;
    const char *shows;   /* what passing it demonstrates, one line */
    void (*fn)(void);
} test_case;

#define CHECK(cond) test_check((cond), __FILE__, __LINE__, #cond)
#define CHECK_FAIL(why) test_check(false, __FILE__, __LINE__, why)
#define CHECK_INT(got, want) test_int((long long)(got), (long long)(want), __FILE__, __LINE__, #got)
#define CHECK_TEXT(got, part) test_contains((got), (part), __FILE__, __LINE__)   /* got contains part */
#define CHECK_STR(got, want) test_str((got), (want), __FILE__, __LINE__)         /* equal bytes */
/* Each element within `tol`; the first offender is printed with `what`. */
#define CHECK_CLOSE(got, want, n, tol, what) test_close((got), (want), (n), (tol), (what), __FILE__, __LINE__)
/* At most so long; under an emulator longer is only told. */
#define CHECK_QUICK(ms, most) test_quick((ms), (most), __FILE__, __LINE__)
#define CHECK_SAME(got, want, bytes, what) test_same((got), (want), (bytes), (what), __FILE__, __LINE__)

void test_check(bool ok, const char *file, int line, const char *what);
void test_int(long long got, long long want, const char *file, int line, const char *what);
void test_contains(const char *got, const char *part, const char *file, int line);
void test_str(str got, str want, const char *file, int line);
void test_close(const float *got, const float *want, size_t n, double tol, const char *what,
                const char *file, int line);
void test_quick(double ms, double most, const char *file, int line);
void test_same(const void *got, const void *want, size_t n, const char *what, const char *file, int line);
/* Marks the running test as skipped (prints why) and returns; the test should return too. */
void test_skip(const char *why);
bool test_failed(void);              /* has the running test failed so far? */

/* Whole file in memory (NUL added), NULL when it is not there; freed with mem_free. */
char *test_read_file(const char *path, size_t *n);
/* A path below ../shared, or NULL where ../shared is not there. */
const char *test_shared(const char *sub);
/* The emulator that the tests run under (make test RUN=..), NULL on a processor of their own.  What it cannot do is
 * skipped, and only then. */
const char *test_emulator(void);
/* Folder for the files that tests write; made by run.c, removed at the end. */
const char *test_tmp(void);
/* splitmix64 of a state: the tests' random numbers, the same everywhere. */
uint64_t test_rand(uint64_t *state);
float    test_randf(uint64_t *state);  /* uniform in [-1, 1) */
#endif
