/* run.c - runs the tests of all tables.
 *   build/MODE/run-tests [--list] [FILTER...]     a filter is part of "table/name"
 * Last line: N passed, N failed, N skipped.  Exit status 1 when one failed. */
#include "test.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLES(X) \
    X(hostile) /* first: a child counts the memory of the process it was forked from */ \
    X(base) \
    X(json) X(line) X(cli) X(pty) \
    X(quant) X(thread) X(kernels) X(sampler) X(engine) X(fast) X(chat) \
    X(gguf) X(write) X(requant) X(imatrix) X(fault) X(nomem) X(sandbox) X(memory) \
    X(unicode) X(tokenizer) X(template) X(budget) \
    X(fuzz)

#define X(t) extern const test_case tests_##t[];
TABLES(X)
#undef X

static struct {
    const char      *name;
    const test_case *cases; /* ends with a NULL name */
} tables[] = {
#define X(t) {#t, tests_##t},
    TABLES(X)
#undef X
};

static bool failed, skipped;
static char tmp[64];

void test_check(bool ok, const char *file, int line, const char *what) {
    if (ok) return;
    failed = true;
    printf("    %s:%d: %s\n", file, line, what);
}

void test_int(long long got, long long want, const char *file, int line, const char *what) {
    if (got == want) return;
    failed = true;
    printf("    %s:%d: %s is %lld, not %lld\n", file, line, what, got, want);
}

void test_contains(const char *got, const char *part, const char *file, int line) {
    if (strstr(got, part)) return;
    failed = true;
    printf("    %s:%d: \"%s\" does not contain \"%s\"\n", file, line, got, part);
}

void test_str(str got, str want, const char *file, int line) {
    if (str_eq(got, want)) return;
    failed = true;
    printf("    %s:%d: got \"%.*s\"\n      wanted \"%.*s\"\n", file, line, (int)got.n, got.p,
           (int)want.n, want.p);
}

void test_close(const float *got, const float *want, size_t n, double tol, const char *what,
                const char *file, int line) {
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= tol)) {
            failed = true;
            printf("    %s:%d: %s: [%zu] is %.9g, not %.9g +- %.3g\n", file, line, what, i,
                   (double)got[i], (double)want[i], tol);
            return;
        }
}

void test_quick(double ms, double most, const char *file, int line) {
    if (ms < most) return;
    if (test_emulator()) {
        printf("    skipped: %.0f ms instead of %.0f, a limit for processors (under %s)\n", ms, most, test_emulator());
        return;
    }
    failed = true;
    printf("    %s:%d: took %.0f ms, not less than %.0f\n", file, line, ms, most);
}

void test_same(const void *got, const void *want, size_t n, const char *what, const char *file,
               int line) {
    const uint8_t *g = got, *w = want;
    for (size_t i = 0; i < n; i++)
        if (g[i] != w[i]) {
            failed = true;
            printf("    %s:%d: %s: byte %zu of %zu is %02x, not %02x\n", file, line, what, i, n,
                   g[i], w[i]);
            return;
        }
}

void test_skip(const char *why) {
    skipped = true;
    printf("    skipped: %s\n", why);
}

bool test_failed(void) { return failed; }

char *test_read_file(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    strbuf b = {0};
    char   part[65536];
    for (size_t k; (k = fread(part, 1, sizeof part, f)) > 0;) strbuf_put(&b, part, k);
    fclose(f);
    *n = b.n;
    strbuf_char(&b, 0);
    return b.p;
}

const char *test_shared(const char *sub) {
    static char path[4][512];
    static int  turn;
    char       *p = path[turn++ & 3];
    snprintf(p, sizeof path[0], "../shared/%s", sub);
    return access(p, R_OK) ? NULL : p;
}

const char *test_emulator(void) {
    const char *name = getenv("SLM_EMULATOR");
    return name && *name ? name : NULL;
}

const char *test_tmp(void) {
    if (!tmp[0]) {
        strcpy(tmp, "/tmp/slm-tests-XXXXXX");
        if (!mkdtemp(tmp)) abort();
    }
    return tmp;
}

static void remove_tmp(void) {
    if (!tmp[0]) return;
    DIR *d = opendir(tmp);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", tmp, e->d_name);
        unlink(path);
    }
    closedir(d);
    rmdir(tmp);
}

static bool wanted(const char *full, int n, char **filter) {
    for (int i = 0; i < n; i++)
        if (strstr(full, filter[i])) return true;
    return n == 0;
}

int main(int argc, char **argv) {
    bool list = argc > 1 && !strcmp(argv[1], "--list");
    int  n_pass = 0, n_fail = 0, n_skip = 0, first = list ? 2 : 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const test_case *c = tables[t].cases; c->name; c++) {
            char full[160];
            snprintf(full, sizeof full, "%s/%s", tables[t].name, c->name);
            if (!wanted(full, argc - first, argv + first)) continue;
            if (list) {
                printf("%-48s %s\n", full, c->shows);
                continue;
            }
            failed = skipped = false;
            double t0 = clock_ms();
            c->fn();
            double ms = clock_ms() - t0;
            *(failed ? &n_fail : skipped ? &n_skip : &n_pass) += 1;
            printf("%s %s (%.0f ms)\n", failed ? "FAIL" : skipped ? "skip" : "ok  ", full, ms);
        }
    remove_tmp();
    if (!list) printf("%d passed, %d failed, %d skipped\n", n_pass, n_fail, n_skip);
    return n_fail > 0;
}
