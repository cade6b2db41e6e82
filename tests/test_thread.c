/* test_thread.c - every task runs once, whatever the number of threads. */
#include "test.h"
#include "../src/cpu.h"
#include "../src/thread.h"
#include <stdatomic.h>
#include <string.h>

enum { MOST = 97 };

typedef struct {
    _Atomic int done[MOST], busy[8];
    _Atomic bool clash;
} tally;

static void count(void *ctx, int64_t task, int worker) {
    tally *t = ctx;
    if (atomic_fetch_add(&t->busy[worker], 1)) atomic_store(&t->clash, true); /* two tasks, one worker's memory */
    atomic_fetch_add(&t->done[task], 1);
    atomic_fetch_sub(&t->busy[worker], 1);
}

static void each_task_runs_once(void) {
    for (int n_threads = 1; n_threads <= 7; n_threads += 2) {
        thread_pool *p = NULL;
        CHECK_INT(thread_pool_create(&p, n_threads, NULL), SLM_OK);
        CHECK_INT(thread_pool_size(p), n_threads);
        for (int round = 0; round < 3000; round++) {
            static tally t;
            const int    n = round * 31 % (MOST + 1);
            memset(&t, 0, sizeof t);
            thread_run(p, n, count, &t);
            bool ok = !t.clash;
            for (int i = 0; i < MOST; i++) ok = ok && t.done[i] == (i < n);
            if (!ok) {
                CHECK_FAIL("each task ran once");
                break;
            }
        }
        thread_pool_free(p);
    }
    thread_pool_free(NULL);
}

static void default_is_sensible(void) {
    const int n = cpu_default_threads();
    CHECK(n >= 1 && n <= 256);
}

const test_case tests_thread[] = {
    {"each_task_runs_once", "thousands of jobs of changing size, 1 to 7 threads", each_task_runs_once},
    {"default_is_sensible", "the default number of threads is between 1 and 256", default_is_sensible},
    {0},
};
