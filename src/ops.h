/* ops.h - floor 3: matrix products and norms over threads.
 *
 * Every result is computed by one task in a fixed order, so the number of threads, the split of a
 * prompt into batches and the instruction set never change a bit of it. */
#ifndef OPS_H
#define OPS_H
#include "kernels/kernels.h"
#include "thread.h"

/* A weight matrix as it lies in the file. */
typedef struct {
    const type_info *type;
    const uint8_t   *data;
    int64_t          rows, cols;
    size_t           row_bytes;
} matrix;

typedef struct {
    kernels      k;
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
/* Fills row t of in->act; the callers' own token loops call it. */
void ops_quantize(const ops *o, const ops_input *in, int64_t t);

/* y[t * ldy + r] = m[r] . x[t].  All products of a list share the input and run as one set of tasks. */
typedef struct {
    float        *y;
    int64_t       ldy;
    const matrix *m;
} ops_product;
enum { OPS_MAX_PRODUCTS = 3 };
void ops_matmul(ops *o, const ops_input *in, const ops_product *list, int n);

/* dst[cols] = row r of m, times scale. */
void ops_row(const ops *o, float *dst, const matrix *m, int64_t r, float scale);
#endif
