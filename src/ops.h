/* ops.h - floor 3: matrix products and norms over threads.
 *
 * Every result is computed by one task in a fixed order, so the number of threads, the split of a
 * prompt into batches and the instruction set never change a bit of it. */
#ifndef OPS_H
#define OPS_H
#include "kernels/kernels.h"
#include "thread.h"

/* A weight matrix: rows as they lie in the file, or packed (kernels/r8.h). */
typedef struct {
    const type_info *type;
    const uint8_t   *data;
    int64_t          rows, cols;
    size_t           row_bytes; /* the same in both forms */
    bool             packed;
} matrix;

typedef struct {
    kernels      k;
    bool         fast;    /* packed matrices go through k.fast where it has an entry: other bits, but for any batch the same */
    thread_pool *pool;
    float       *scratch; /* per worker: OPS_PANEL_COLS * 16 + n_batch * 8 floats */
    size_t       scratch_floats;
} ops;
enum { OPS_PANEL_COLS = 1024 }; /* columns decoded at a time: 8 rows of them and their panel fit L1+L2 */
void ops_layout(arena *a, ops *o, int n_threads, int n_batch);

/* The input of matrix products: n_tok rows of `cols` floats and, where a matrix multiplies in
 * integers, the same rows as activations. */
typedef struct {
    const float *x;
    void        *act;     /* room for n_tok * act_bytes(cols); filled by ops_quantize */
    int64_t      cols, n_tok;
} ops_input;
bool ops_in_integers(const ops *o, const matrix *m);
/* Fills row t of in->act, or columns [c0, c1) of it (multiples of 32); the callers' own loops call them. */
void ops_quantize(const ops *o, const ops_input *in, int64_t t);
void ops_quantize_part(const ops *o, const ops_input *in, int64_t t, int64_t c0, int64_t c1);

/* y[t * ldy + r] = m[r] . x[t].  All products of a list share the input and run as one set of tasks. */
typedef struct {
    float        *y;
    int64_t       ldy;
    const matrix *m;
} ops_product;
enum { OPS_MAX_PRODUCTS = 3 };
void ops_matmul(ops *o, const ops_input *in, const ops_product *list, int n);
/* The same for matrices with equally many rows: a task computes rows [r0, r1) of each, for all tokens,
 * and then calls after(ctx, r0, r1); r0 is a multiple of 32. */
typedef void (*ops_after)(void *ctx, int64_t r0, int64_t r1);
void ops_matmul_then(ops *o, const ops_input *in, const ops_product *list, int n, ops_after after, void *ctx);

/* Does ops.fast change anything for m? */
bool ops_has_fast(const kernels *k, const matrix *m);
/* Is there a packed form of m, and a kernel for it? */
bool ops_can_pack(const kernels *k, const matrix *m);
/* Groups of 8 rows [g0, g1) of m into dst, which is laid out as m itself; the last call (g1 the
 * number of groups) copies the rows left over too. */
void ops_pack(const matrix *m, uint8_t *dst, int64_t g0, int64_t g1);

/* dst[cols] = row r of m, times scale. */
void ops_row(float *dst, const matrix *m, int64_t r, float scale);
#endif
