/* test_thread.c - every task runs once, whatever the number of threads. */
#include "test.h"
#include "../src/cpu.h"
#include "../src/pace.h"
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
            thread_pool_use(p, 1 + round / 7 % n_threads);
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

/* Tokens of `quiet` ms on all threads and `fewer` on less, with `switches` each: the threads after `n` of them. */
static int paced(pace *p, int n, double all, double fewer, int64_t switches) {
    for (int i = 0; i < n; i++) pace_token(p, p->n == p->n_max ? all : fewer, switches);
    return p->n;
}

static void fewer_threads_only_when_faster(void) {
    pace p;
    pace_start(&p, 8);
    CHECK_INT(paced(&p, 4000, 10, 1, 0), 8); /* a quiet machine is left alone */
    CHECK_INT(paced(&p, 4, 10, 5, 3), 6);    /* set aside: a trial, faster */
    CHECK_INT(paced(&p, 4, 10, 5, 0), 6);
    CHECK_INT(paced(&p, 4 * 24, 10, 5, 0), 6);
    CHECK_INT(paced(&p, 4, 10, 5, 0), 8);    /* looks again, and all is quiet */
    CHECK_INT(paced(&p, 4000, 10, 5, 0), 8);
    pace_start(&p, 8);
    paced(&p, 4, 10, 1, 3);
    CHECK_INT(paced(&p, 4, 10, 1, 3), 4);    /* still set aside: fewer still */
    CHECK_INT(paced(&p, 4, 10, 1, 3), 6);    /* no faster than 6 */
    pace_start(&p, 2);
    int n_fewer = 0;
    for (int i = 0; i < 1000; i++) n_fewer += paced(&p, 1, 10, 10, 3) == 1;
    CHECK(n_fewer > 10 && n_fewer < 60);     /* trials that do not pay are rare */
    pace_start(&p, 1);
    CHECK_INT(paced(&p, 1000, 10, 1, 3), 1);
}

static void default_is_sensible(void) {
    const int n = cpu_default_threads();
    CHECK(n >= 1 && n <= 256);
}

const test_case tests_thread[] = {
    {"each_task_runs_once", "thousands of jobs of changing size, 1 to 7 threads", each_task_runs_once},
    {"fewer_threads_only_when_faster", "a busy machine: fewer threads a token where that is faster", fewer_threads_only_when_faster},
    {"default_is_sensible", "the default number of threads is between 1 and 256", default_is_sensible},
    {0},
};
