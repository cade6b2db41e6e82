/* test_fuzz.c - the fuzzers' targets on the inputs kept in tests/hostile: seeds, and everything ever found. */
#include "fuzz/fuzz.h"
#include "test.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* Each file from a copy that ends where its allocation ends; cut in the middle, too. */
static void replay(const char *name, void (*target)(const uint8_t *p, size_t n)) {
    char path[512];
    int  n_files = 0;
    snprintf(path, sizeof path, "tests/hostile/%s", name);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        size_t n;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "tests/hostile/%s/%s", name, e->d_name);
        char *text = test_read_file(path, &n);
        CHECK(text != NULL);
        for (size_t k = n; text && k; k /= 2) {
            uint8_t *copy = mem_zero(k, 1);
            memcpy(copy, text, k);
            target(copy, k);
            mem_free(copy);
        }
        mem_free(text);
        n_files++;
    }
    if (d) closedir(d);
    target((const uint8_t *)"", 0);
    CHECK(n_files > 0);
}

#define X(name) \
    static void name(void) { replay(#name, fuzz_##name); }
FUZZ_TARGETS(X)
#undef X

const test_case tests_fuzz[] = {
#define X(name) {#name, "the kept inputs of this target", name},
    FUZZ_TARGETS(X)
#undef X
    {0},
};
