/* thread.h - floor 0: one pool, one verb. */
#ifndef THREAD_H
#define THREAD_H
#include "base.h"
typedef struct thread_pool thread_pool;
/* Runs task `task` on worker `worker` (0 <= worker < size; two tasks with the same worker never
 * run at once, so worker indexes scratch memory). */
typedef void (*thread_fn)(void *ctx, int64_t task, int worker);
slm_status thread_pool_create(thread_pool **out, int n, slm_error *err);
void       thread_pool_free(thread_pool *p);
int        thread_pool_size(const thread_pool *p);
/* From the next job on, only n of the threads work (1 <= n <= size); the others sleep. */
void       thread_pool_use(thread_pool *p, int n);
/* fn for each task in [0, n), n < 2^31; returns when all are done.  Called by the owner only, not from tasks. */
void thread_run(thread_pool *p, int64_t n, thread_fn fn, void *ctx);
/* Runs fn(arg) on a thread of its own that has THREAD_STACK bytes of stack, and waits for its end; false: there
 * was no such thread. */
bool thread_alone(void *(*fn)(void *), void *arg);
#endif
