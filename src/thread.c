/* thread.c - a pool that spins for a moment, then sleeps.
 *
 * A forward pass calls thread_run hundreds of times per token with microseconds between, so
 * waiting threads spin first; but a spinning thread on a busy machine takes the processor from
 * the one it waits for, so after about 2000 pauses they sleep.
 *
 * Each worker owns an equal run of the tasks (its weights stay in its cache from token to token)
 * and takes from the others' runs when its own is done, so a thread that the system has set aside
 * delays only the task in its hands. */
#include "thread.h"
#include "cpu.h"
#include "limits.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* pthread_create with THREAD_STACK bytes: the default is the limit on the first thread's stack, or less. */
static int start(pthread_t *t, void *(*fn)(void *), void *arg) {
    pthread_attr_t attr;
    int            e = pthread_attr_init(&attr);
    if (e) return e;
    e = pthread_attr_setstacksize(&attr, THREAD_STACK);
    if (!e) e = pthread_create(t, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    return e;
}

bool thread_alone(void *(*fn)(void *), void *arg) {
    pthread_t t;
    return !start(&t, fn, arg) && !pthread_join(t, NULL);
}

#ifdef SLM_OPENMP
#include <omp.h>
struct thread_pool { int n, used; };

slm_status thread_pool_create(thread_pool **out, int n, slm_error *err) {
    thread_pool *p = mem_zero(1, sizeof *p);
    if (!p) return err_memory(err, "threads", sizeof *p);
    p->n = p->used = n;
    *out = p;
    return SLM_OK;
}

void thread_pool_free(thread_pool *p) { mem_free(p); }
int  thread_pool_size(const thread_pool *p) { return p->n; }
void thread_pool_use(thread_pool *p, int n) { p->used = n; }

void thread_run(thread_pool *p, int64_t n, thread_fn fn, void *ctx) {
#pragma omp parallel for schedule(dynamic) num_threads(p->used)
    for (int64_t i = 0; i < n; i++) fn(ctx, i, omp_get_thread_num());
}

#else

enum { SPINS = 2000 };

/* The next unclaimed task of one worker's run, with the number of the job in the upper half: a
 * thread that wakes late finds another number and leaves the new job's tasks alone. */
typedef struct {
    _Atomic uint64_t next;
    char             apart[56]; /* no two in one cache line, however the heap aligns them */
} task_run;

struct thread_pool {
    int              n;
    pthread_t       *threads; /* [n - 1] */
    task_run        *runs;    /* [n] */
    _Atomic uint32_t job;     /* number of the current job */
    _Atomic(thread_fn) fn;
    _Atomic(void *)  ctx;
    _Atomic int64_t  n_tasks;
    _Atomic int      n_runs;   /* threads that share it */
    char             apart[64]; /* what every task writes lies in no line that all read */
    _Atomic int64_t  n_done;
    char             apart_too[64];
    _Atomic int      n_asleep; /* workers on `wake` */
    _Atomic bool     owner_asleep, stop;
    _Atomic int      used;     /* workers from this one on are at rest */
    pthread_mutex_t  lock;
    pthread_cond_t   wake, finished, more;
    _Atomic int      n_started;
};

typedef struct {
    thread_pool *p;
    int          worker;
} worker_arg;

/* Claims a task of run r for job `job`; -1 when there is none left. */
static int64_t claim(thread_pool *p, int r, uint32_t job, int64_t end) {
    uint64_t at = atomic_load_explicit(&p->runs[r].next, memory_order_acquire);
    while ((uint32_t)(at >> 32) == job && (int64_t)(uint32_t)at < end)
        if (atomic_compare_exchange_weak_explicit(&p->runs[r].next, &at, at + 1,
                                                  memory_order_acq_rel, memory_order_acquire))
            return (int64_t)(uint32_t)at;
    return -1;
}

static void work(thread_pool *p, uint32_t job, int worker) {
    /* A claim succeeds only while `job` is current, and then these four belong to it: thread_run
     * changes the number in the runs before it changes them. */
    const int64_t n = atomic_load(&p->n_tasks);
    const int     n_runs = atomic_load(&p->n_runs);
    thread_fn     fn = atomic_load(&p->fn);
    void         *ctx = atomic_load(&p->ctx);
    for (int k = 0; k < n_runs; k++) {
        const int     r = (worker + k) % n_runs;
        const int64_t end = n * (r + 1) / n_runs;
        for (int64_t task; (task = claim(p, r, job, end)) >= 0;) {
            fn(ctx, task, worker);
            if (atomic_fetch_add(&p->n_done, 1) + 1 == n && atomic_load(&p->owner_asleep)) {
                pthread_mutex_lock(&p->lock);
                pthread_cond_signal(&p->finished);
                pthread_mutex_unlock(&p->lock);
            }
        }
    }
}

static uint32_t wait_for_job(thread_pool *p, uint32_t seen) {
    for (int i = 0; i < SPINS; i++) {
        uint32_t job = atomic_load_explicit(&p->job, memory_order_acquire);
        if (job != seen || atomic_load_explicit(&p->stop, memory_order_relaxed)) return job;
        cpu_relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->n_asleep, 1);
    while (atomic_load(&p->job) == seen && !atomic_load(&p->stop))
        pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->n_asleep, 1);
    pthread_mutex_unlock(&p->lock);
    return atomic_load(&p->job);
}

static void rest(thread_pool *p, int worker) {
    pthread_mutex_lock(&p->lock);
    while (worker >= atomic_load(&p->used) && !atomic_load(&p->stop)) pthread_cond_wait(&p->more, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg) {
    thread_pool *p = arg;
    const int    worker = atomic_fetch_add(&p->n_started, 1) + 1;
    for (uint32_t job = 0;;) {
        if (worker >= atomic_load(&p->used)) rest(p, worker);
        job = wait_for_job(p, job);
        if (atomic_load(&p->stop)) return NULL;
        work(p, job, worker);
    }
}

static void wake_all(thread_pool *p) {
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

slm_status thread_pool_create(thread_pool **out, int n, slm_error *err) {
    thread_pool *p = mem_zero(1, sizeof *p);
    if (!p) return err_memory(err, "threads", sizeof *p);
    p->n = 1;
    p->used = n;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->finished, NULL);
    pthread_cond_init(&p->more, NULL);
    p->threads = mem_zero((size_t)n, sizeof *p->threads);
    p->runs = mem_zero((size_t)n, sizeof *p->runs);
    if (!p->threads || !p->runs) {
        thread_pool_free(p);
        return err_memory(err, "threads", (size_t)n * sizeof *p->runs);
    }
    const int total = n;
    for (; p->n < total; p->n++) {
        int e = start(&p->threads[p->n - 1], worker_main, p);
        if (!e) continue;
        err_set(err, SLM_ERR_MEMORY, "cannot start thread %d of %d: %s", p->n + 1, total, strerror(e));
        thread_pool_free(p);
        return SLM_ERR_MEMORY;
    }
    *out = p;
    return SLM_OK;
}

void thread_pool_free(thread_pool *p) {
    if (!p) return;
    atomic_store(&p->stop, true);
    wake_all(p);
    thread_pool_use(p, p->n);
    for (int i = 0; i < p->n - 1; i++) pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->more);
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->runs);
    mem_free(p->threads);
    mem_free(p);
}

int thread_pool_size(const thread_pool *p) { return p->n; }

void thread_pool_use(thread_pool *p, int n) {
    if (n == atomic_load_explicit(&p->used, memory_order_relaxed)) return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->used, n);
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
}

static void wait_for_tasks(thread_pool *p, int64_t n) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->n_done, memory_order_acquire) == n) return;
        cpu_relax();
    }
    pthread_mutex_lock(&p->lock);
    (void)atomic_exchange(&p->owner_asleep, true); /* see thread_run */
    while (atomic_load(&p->n_done) != n) pthread_cond_wait(&p->finished, &p->lock);
    atomic_store(&p->owner_asleep, false);
    pthread_mutex_unlock(&p->lock);
}

void thread_run(thread_pool *p, int64_t n, thread_fn fn, void *ctx) {
    const int n_runs = atomic_load_explicit(&p->used, memory_order_relaxed);
    if (n_runs == 1 || n <= 1) {
        for (int64_t i = 0; i < n; i++) fn(ctx, i, 0);
        return;
    }
    const uint32_t job = atomic_load_explicit(&p->job, memory_order_relaxed) + 1;
    /* First take the runs away from threads that are still looking at the last job: from here on
     * their number matches nothing, so they may read the new n and fn without harm. */
    for (int r = 0; r < p->n; r++)
        atomic_store(&p->runs[r].next, (uint64_t)job << 32 | UINT32_MAX);
    atomic_store(&p->fn, fn);
    atomic_store(&p->ctx, ctx);
    atomic_store(&p->n_tasks, n);
    atomic_store(&p->n_runs, n_runs);
    atomic_store(&p->n_done, 0);
    for (int r = 0; r < n_runs; r++)
        atomic_store_explicit(&p->runs[r].next, (uint64_t)job << 32 | (uint64_t)(n * r / n_runs),
                              memory_order_release);
    /* Not a store: the load behind it may not be done before it, or both sides sleep.  C11 promises that of a store, too,
     * but QEMU's ARM on x86 does not keep it (seen: a pool asleep for good). */
    (void)atomic_exchange(&p->job, job);
    if (atomic_load(&p->n_asleep)) wake_all(p);
    work(p, job, 0);
    wait_for_tasks(p, n);
}
#endif
