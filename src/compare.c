/* compare.c - how far the weights of two files of one model are apart.
 *
 * Rows are decoded in runs, each by one thread; the runs' sums are added up in their order, so that threads do not show. */
#include "cpu.h"
#include "limits.h"
#include "session.h"
#include <math.h>
#include <string.h>

enum { RUN = 1 << 16 }; /* weights of a task, or a row */

typedef struct { double error, square; } sums;

typedef struct {
    matrix  a, b;
    int64_t run;    /* rows of a task */
    float  *x;      /* [n_threads][2][most columns] */
    int64_t most;
    sums   *sum;    /* of each task */
} job;

static matrix matrix_of(const gguf_tensor *t) {
    const int64_t rows = (int64_t)(t->dim[1] * t->dim[2] * t->dim[3]);
    return (matrix){t->type, t->data, rows, (int64_t)t->dim[0], t->bytes / (size_t)rows, t->packed};
}

static int64_t rows_of_run(int64_t cols) { return cols < RUN ? RUN / cols : 1; }

static void compare_run(void *ctx, int64_t task, int worker) {
    const job    *j = ctx;
    float        *a = j->x + (int64_t)worker * 2 * j->most, *b = a + j->most;
    const int64_t end = j->a.rows - task * j->run < j->run ? j->a.rows : (task + 1) * j->run;
    sums          s = {0, 0};
    for (int64_t r = task * j->run; r < end; r++) {
        ops_row(a, &j->a, r, 1);
        ops_row(b, &j->b, r, 1);
        for (int64_t i = 0; i < j->a.cols; i++) {
            const double e = (double)a[i] - (double)b[i];
            s.error += e * e;
            s.square += (double)a[i] * (double)a[i];
        }
    }
    j->sum[task] = s;
}

static bool alike(const gguf_tensor *a, const gguf_tensor *b) { return b && !memcmp(a->dim, b->dim, sizeof a->dim); }

/* Memory for the widest rows and the most runs. */
static slm_status layout(job *j, const gguf *g, int n_threads, slm_error *err) {
    size_t n_run = 1, n_x;
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const matrix m = matrix_of(gguf_tensor_at(g, i));
        const size_t n = (size_t)((m.rows + rows_of_run(m.cols) - 1) / rows_of_run(m.cols));
        if (m.cols > j->most) j->most = m.cols;
        if (n > n_run) n_run = n;
    }
    if (!size_mul(&n_x, 2 * (size_t)n_threads, (size_t)j->most)) return err_memory(err, "rows of weights", SIZE_MAX);
    j->x = mem_zero(n_x, sizeof *j->x);
    j->sum = mem_zero(n_run, sizeof *j->sum);
    return j->x && j->sum ? SLM_OK : err_memory(err, "rows of weights", n_x * sizeof *j->x);
}

/* The whole tensor; NaN where it holds what is no number. */
static double error_of(job *j, thread_pool *threads, const gguf_tensor *a, const gguf_tensor *b) {
    sums all = {0, 0};
    j->a = matrix_of(a);
    j->b = matrix_of(b);
    j->run = rows_of_run(j->a.cols);
    const int64_t n = (j->a.rows + j->run - 1) / j->run;
    thread_run(threads, n, compare_run, j);
    for (int64_t i = 0; i < n; i++) {
        all.error += j->sum[i].error;
        all.square += j->sum[i].square;
    }
    return all.error > 0 || isnan(all.error) ? sqrt(all.error / all.square) : 0;
}

slm_status slm_file_errors(const slm_file *a, const slm_file *b, int n_threads, void (*see)(void *ud, const slm_tensor_error *e), void *ud,
                           slm_error *err) {
    job          j = {.most = 1};
    thread_pool *threads = NULL;
    if (n_threads < 0 || n_threads > MAX_THREADS)
        return err_set(err, SLM_ERR_ARGUMENT, "%d threads are not in [1, %d]", n_threads, MAX_THREADS);
    const int  n = n_threads ? n_threads : cpu_default_threads();
    slm_status rc = layout(&j, a->g, n, err);
    if (!rc) rc = thread_pool_create(&threads, n, err);
    for (size_t i = 0; i < gguf_n_tensors(a->g) && !rc; i++) {
        const gguf_tensor *t = gguf_tensor_at(a->g, i);
        char               name[GGUF_MAX_NAME + 1];
        memcpy(name, t->name.p, t->name.n);
        name[t->name.n] = 0;
        const gguf_tensor *u = gguf_find(b->g, name);
        if (!alike(t, u)) continue;
        see(ud, &(slm_tensor_error){t->name.p, t->name.n, t->type->name, u->type->name, error_of(&j, threads, t, u),
                                    (uint64_t)j.a.rows * (uint64_t)j.a.cols});
        gguf_drop(a->g, t->data, t->bytes);
        gguf_drop(b->g, u->data, u->bytes);
    }
    thread_pool_free(threads);
    mem_free(j.x);
    mem_free(j.sum);
    return rc;
}
