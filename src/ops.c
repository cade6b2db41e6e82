/* ops.c - matrix products as tasks of rows; what is neither multiplied in integers nor packed goes through f32. */
#include "ops.h"
#include "kernels/r8.h"
#include <string.h>

/* About this many bytes of weights make a task: small enough to balance, large enough that
 * claiming it costs nothing beside it.  With many tokens a task is TASKS_EACH of a thread's share, so that all end
 * together, but no more rows than kernels take at a time: they read all activations for each task. */
enum { TASK_BYTES = 64 << 10, TASK_ROWS = 32 }; /* a multiple of every panel's rows and of a block of activations */
enum { TASK_MANY = 16, TASKS_EACH = 4, TASK_MOST_ROWS = 256 };

void ops_layout(arena *a, ops *o, int n_threads, int n_batch) {
    size_t n = (size_t)n_batch * KERNEL_ROWS + 2 * (size_t)OPS_PANEL_COLS * KERNEL_ROWS;
    o->scratch_floats = (n + 15) / 16 * 16;
    o->scratch = arena_take(a, (size_t)n_threads, o->scratch_floats * sizeof(float), 64);
}

bool ops_in_integers(const ops *o, const matrix *m) { return o->k.matmul[m->type->id] != NULL; }

void ops_quantize(const ops *o, const ops_input *in, int64_t t) {
    o->k.act_from_f32((char *)in->act + (size_t)t * act_bytes(in->cols), in->x + t * in->cols, in->cols);
}

void ops_quantize_part(const ops *o, const ops_input *in, int64_t t, int64_t c0, int64_t c1) {
    enum { PART = 256 };
    _Alignas(64) uint8_t room[PART * 2]; /* act_bytes(PART) is less */
    const act_view to = act_of((char *)in->act + (size_t)t * act_bytes(in->cols), in->cols);
    for (int64_t c = c0; c < c1; c += PART) {
        const int64_t n = c1 - c < PART ? c1 - c : PART;
        o->k.act_from_f32(room, in->x + t * in->cols + c, n);
        const act_view from = act_of(room, n);
        memcpy((int8_t *)(uintptr_t)to.q + c, from.q, (size_t)n);
        memcpy((float *)(uintptr_t)to.s + c / 32, from.s, (size_t)(n / 32) * sizeof *to.s);
        memcpy((float *)(uintptr_t)to.ms + c / 32, from.ms, (size_t)(n / 32) * sizeof *to.ms);
        memcpy((int32_t *)(uintptr_t)to.sum16 + c / 16, from.sum16, (size_t)(n / 16) * sizeof *to.sum16);
        memcpy((void *)(uintptr_t)(to.pair32 + c / 32), from.pair32, (size_t)(n / 32) * sizeof *to.pair32);
        memcpy((void *)(uintptr_t)(to.pair16 + c / 16), from.pair16, (size_t)(n / 16) * sizeof *to.pair16);
    }
}

typedef struct {
    const ops         *o;
    const ops_input   *in;
    const ops_product *list;
    int                n;
    int64_t            first[OPS_MAX_PRODUCTS + 1]; /* first task of each product */
    int64_t            rows[OPS_MAX_PRODUCTS];      /* of a task */
    ops_after          after;
    void              *ctx;
} product_job;

/* Rows [r0, r1) of a format without an integer kernel, as in the file: decoded to f32 eight rows and some columns
 * at a time, the sums carried on from one run of columns to the next. */
static void rows_through_f32(const product_job *j, const ops_product *p, int64_t r0, int64_t r1, int worker) {
    const kernels *k = &j->o->k;
    const matrix  *m = p->m;
    const int64_t  n_tok = j->in->n_tok, cols = m->cols;
    float *rows = j->o->scratch + (size_t)worker * j->o->scratch_floats;
    float *panel = rows + OPS_PANEL_COLS * KERNEL_ROWS, *acc = panel + OPS_PANEL_COLS * KERNEL_ROWS;
    for (int64_t r = r0; r < r1; r += KERNEL_ROWS) {
        const int64_t n_rows = r1 - r < KERNEL_ROWS ? r1 - r : KERNEL_ROWS;
        memset(acc, 0, (size_t)n_tok * KERNEL_ROWS * sizeof *acc);
        for (int64_t c = 0; c < cols; c += OPS_PANEL_COLS) {
            const int64_t n = cols - c < OPS_PANEL_COLS ? cols - c : OPS_PANEL_COLS;
            const size_t  at = (size_t)(c / m->type->block_elems) * (size_t)m->type->block_bytes;
            for (int64_t i = 0; i < n_rows; i++) {
                const uint8_t *src = m->data + (size_t)(r + i) * m->row_bytes + at;
                if (m->type->id == TYPE_F16) k->f16_to_f32(rows + i * n, (const void *)src, n);
                else m->type->to_f32(rows + i * n, src, n);
            }
            for (int64_t i = n_rows; i < KERNEL_ROWS; i++) memset(rows + i * n, 0, (size_t)n * sizeof *rows);
            k->panel_from_rows(panel, rows, n, n);
            k->matmul_panel(acc, panel, n, j->in->x + c, cols, n_tok);
        }
        for (int64_t t = 0; t < n_tok; t++)
            memcpy(p->y + t * p->ldy + r, acc + t * KERNEL_ROWS, (size_t)n_rows * sizeof *acc);
    }
}

static void rows_of(const product_job *j, const ops_product *p, int64_t r0, int64_t r1, int worker) {
    const matrix    *m = p->m;
    const kernels   *k = &j->o->k;
    const ops_input *in = j->in;
    const bool       integers = ops_in_integers(j->o, m);
    const int64_t    n_packed = m->packed ? m->rows / 8 * 8 : 0, end = r1 < n_packed ? r1 : n_packed;
    if (r0 < end) {
        const bool fast = j->o->fast && k->fast[m->type->id];
        (fast ? k->fast : k->packed)[m->type->id](p->y + r0, p->ldy, m->data + (size_t)r0 * m->row_bytes, (end - r0) / 8, m->cols,
                                                  integers && !fast ? in->act : (const void *)in->x, in->n_tok);
        r0 = end;
    }
    if (r0 == r1) return;
    if (integers) k->matmul[m->type->id](p->y + r0, p->ldy, m->data + (size_t)r0 * m->row_bytes, m->row_bytes, r1 - r0, m->cols, in->act, in->n_tok);
    else rows_through_f32(j, p, r0, r1, worker);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void product_task(void *ctx, int64_t task, int worker) {
    const product_job *j = ctx;
    int                i = 0;
    while (task >= j->first[i + 1]) i++;
    const int64_t r0 = (task - j->first[i]) * j->rows[i];
    rows_of(j, &j->list[i], r0, least(r0 + j->rows[i], j->list[i].m->rows), worker);
}

/* Rows of a task, of `rows` with row_bytes each in all. */
static int64_t task_rows(const ops *o, const ops_input *in, int64_t rows, size_t row_bytes) {
    int64_t n = (int64_t)(TASK_BYTES / row_bytes);
    if (in->n_tok >= TASK_MANY) n = least(rows / (TASKS_EACH * thread_pool_size(o->pool)), TASK_MOST_ROWS);
    n = n / TASK_ROWS * TASK_ROWS;
    return n < TASK_ROWS ? TASK_ROWS : n;
}

void ops_matmul(ops *o, const ops_input *in, const ops_product *list, int n) {
    product_job j = {.o = o, .in = in, .list = list, .n = n};
    for (int i = 0; i < n; i++) {
        j.rows[i] = task_rows(o, in, list[i].m->rows, list[i].m->row_bytes);
        j.first[i + 1] = j.first[i] + (list[i].m->rows + j.rows[i] - 1) / j.rows[i];
    }
    thread_run(o->pool, j.first[n], product_task, &j);
}

static void together_task(void *ctx, int64_t task, int worker) {
    const product_job *j = ctx;
    const int64_t      r0 = task * j->rows[0], r1 = least(r0 + j->rows[0], j->list[0].m->rows);
    for (int i = 0; i < j->n; i++) rows_of(j, &j->list[i], r0, r1, worker);
    j->after(j->ctx, r0, r1);
}

void ops_matmul_then(ops *o, const ops_input *in, const ops_product *list, int n, ops_after after, void *ctx) {
    product_job j = {.o = o, .in = in, .list = list, .n = n, .after = after, .ctx = ctx};
    size_t      bytes = 0;
    for (int i = 0; i < n; i++) bytes += list[i].m->row_bytes;
    j.rows[0] = task_rows(o, in, list[0].m->rows, bytes);
    thread_run(o->pool, (list[0].m->rows + j.rows[0] - 1) / j.rows[0], together_task, &j);
}

bool ops_has_fast(const kernels *k, const matrix *m) { return m->packed && m->rows >= 8 && k->fast[m->type->id]; }

bool ops_can_pack(const kernels *k, const matrix *m) { return m->rows >= 8 && r8_has(m->type->id) && k->packed[m->type->id]; }

void ops_pack(const matrix *m, uint8_t *dst, int64_t g0, int64_t g1) {
    const size_t group = 8 * m->row_bytes, done = (size_t)(m->rows / 8) * group;
    for (int64_t g = g0; g < g1; g++)
        r8_pack(m->type->id, dst + (size_t)g * group, m->data + (size_t)g * group, m->row_bytes, m->cols);
    if (g1 == m->rows / 8 && m->rows % 8) memcpy(dst + done, m->data + done, (size_t)(m->rows % 8) * m->row_bytes);
}

void ops_row(float *dst, const matrix *m, int64_t r, float scale) {
    const uint8_t *src = m->data + (size_t)r * m->row_bytes;
    if (m->packed && r < m->rows / 8 * 8)
        r8_row_to_f32(m->type->id, dst, m->data + (size_t)(r / 8 * 8) * m->row_bytes, (int)(r % 8), m->cols);
    else m->type->to_f32(dst, src, m->cols);
    if (scale != 1)
        for (int64_t i = 0; i < m->cols; i++) dst[i] *= scale;
}
