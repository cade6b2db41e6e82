/* r8_products.h - floor 2: products over packed rows and over rows as in the file, from a format's tiles.
 *
 * Rows as in the file are packed a run of columns at a time and go through the same tiles: the run is
 * unpacked once for many tokens, and there is one set of loops to get right.
 *
 * A file says before including it what 8 numbers, one a row, are: r8_floats, with
 *   r8_floats r8_nil(void);  r8_floats r8_minus(r8_floats a, r8_floats b);  void r8_put(float *to, r8_floats v);
 * and how many tokens its widest tile takes: R8_GROUP_TOKENS, 4 or 8; and per format the tile
 *   r8_add_ID(r8_floats *acc, r8_floats *am, const r8_ID *p, const act_view *a, int64_t n, const int n_tok),
 * which adds n blocks of 8 rows against n_tok tokens to acc, and what mins take off to am. */
#ifndef R8_PRODUCTS_H
#define R8_PRODUCTS_H
#include "r8.h"
#include <string.h>

enum { R8_BATCH = 64, R8_RUN = 1024 }; /* tokens a pass over the weights, columns packed at a time */
_Static_assert(8 * sizeof(block_q8_0) >= sizeof(block_q6_k) && sizeof(block_q8_0) >= sizeof(block_q5_1), "Q8_0 takes the most bytes");

typedef struct {
    r8_floats acc[R8_GROUP_TOKENS], am[R8_GROUP_TOKENS];
} r8_sums;

/* Adds n blocks to the sums of 1, 2, 4 or R8_GROUP_TOKENS tokens. */
typedef void r8_adder(r8_sums *s, const void *p, const act_view *a, int64_t n);

typedef struct {
    const type_info *type;
    r8_adder        *one, *two, *four, *most;
} r8_format;

/* Some tokens against 8 rows: the widest tiles, then narrower ones down to one token. */
typedef struct {
    r8_sums sums[R8_BATCH / R8_GROUP_TOKENS + 2];
    int     n_tok;
} r8_pass;

static inline int r8_width(int left) { return left >= R8_GROUP_TOKENS ? R8_GROUP_TOKENS : left >= 4 ? 4 : left >= 2 ? 2 : 1; }

static inline void r8_clear(r8_pass *j) {
    r8_sums *s = j->sums;
    for (int t = 0; t < j->n_tok; t += r8_width(j->n_tok - t), s++)
        for (int i = 0; i < R8_GROUP_TOKENS; i++) s->acc[i] = s->am[i] = r8_nil();
}

/* The blocks p of columns [c, c + n) times every token. */
static inline void r8_add(const r8_format *f, r8_pass *j, const void *p, const char *x, int64_t cols, int64_t c, int64_t n) {
    r8_sums *s = j->sums;
    for (int t = 0, width; t < j->n_tok; t += width, s++) {
        act_view a[R8_GROUP_TOKENS];
        width = r8_width(j->n_tok - t);
        for (int i = 0; i < width; i++) {
            const act_view v = act_of(x + (size_t)(t + i) * act_bytes(cols), cols);
            a[i] = (act_view){v.q + c, v.s + c / 32, v.ms + c / 32, v.sum16 + c / 16, v.pair32 + c / 32, v.pair16 + c / 16};
        }
        (width > 4 ? f->most : width == 4 ? f->four : width == 2 ? f->two : f->one)(s, p, a, n / f->type->block_elems);
    }
}

static inline void r8_store(float *y, int64_t ldy, int64_t n_rows, const r8_pass *j) {
    const r8_sums *s = j->sums;
    for (int t = 0, width; t < j->n_tok; t += width, s++) {
        width = r8_width(j->n_tok - t);
        for (int i = 0; i < width; i++) {
            float lane[8];
            r8_put(lane, r8_minus(s->acc[i], s->am[i]));
            memcpy(y + (t + i) * ldy, lane, (size_t)n_rows * sizeof *lane);
        }
    }
}

/* Columns [c, c + n) of up to 8 rows; lanes without a row are filled with the last one. */
static inline void r8_pack_run(const type_info *type, void *dst, const char *rows, size_t row_bytes, int64_t n_rows, int64_t c, int64_t n) {
    _Alignas(64) char full[8][R8_RUN / 32 * sizeof(block_q8_0)];
    const size_t      at = (size_t)(c / type->block_elems * type->block_bytes), len = (size_t)(n / type->block_elems * type->block_bytes);
    if (n_rows < 8) {
        for (int64_t r = 0; r < 8; r++) memcpy(full[r], rows + at + (size_t)(r < n_rows ? r : n_rows - 1) * row_bytes, len);
        r8_pack(type->id, dst, full, sizeof full[0], n);
    } else r8_pack(type->id, dst, rows + at, row_bytes, n);
}

static inline void r8_products(const r8_format *f, bool packed, float *y, int64_t ldy, const void *w, size_t row_bytes, int64_t rows,
                               int64_t cols, const void *x, int64_t n_tok) {
    _Alignas(64) char run[8 * R8_RUN / 32 * sizeof(block_q8_0)];
    r8_pass           j;
    for (int64_t t = 0; t < n_tok; t += R8_BATCH) {
        const char *in = (const char *)x + (size_t)t * act_bytes(cols);
        j.n_tok = (int)(n_tok - t < R8_BATCH ? n_tok - t : R8_BATCH);
        for (int64_t r = 0; r < rows; r += 8) {
            const char   *p = (const char *)w + (size_t)r * row_bytes;
            const int64_t n_rows = rows - r < 8 ? rows - r : 8;
            r8_clear(&j);
            if (packed) r8_add(f, &j, p, in, cols, 0, cols);
            for (int64_t c = 0; !packed && c < cols; c += R8_RUN) {
                const int64_t n = cols - c < R8_RUN ? cols - c : R8_RUN;
                r8_pack_run(f->type, run, p, row_bytes, n_rows, c, n);
                r8_add(f, &j, run, in, cols, c, n);
            }
            r8_store(y + t * ldy + r, ldy, n_rows, &j);
        }
    }
}

#define R8_ADDER(id, n_tok) \
    static void add_##id##_##n_tok(r8_sums *s, const void *p, const act_view *a, int64_t n) { \
        r8_floats acc[n_tok], am[n_tok]; /* not in *s: stores to it might change the weights, for all the compiler knows */ \
        for (int t = 0; t < n_tok; t++) acc[t] = s->acc[t], am[t] = s->am[t]; \
        r8_add_##id(acc, am, p, a, n, n_tok); \
        for (int t = 0; t < n_tok; t++) s->acc[t] = acc[t], s->am[t] = am[t]; \
    }
#if R8_GROUP_TOKENS > 4
#define R8_WIDEST(id) R8_ADDER(id, 8)
#define R8_WIDEST_OF(id) add_##id##_8
#else
#define R8_WIDEST(id)
#define R8_WIDEST_OF(id) NULL
#endif
#define R8_MORE(ID, id) \
    R8_ADDER(id, 1) R8_ADDER(id, 2) R8_ADDER(id, 4) R8_WIDEST(id) \
    static R8_APART void packed_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        const r8_format f = {type_get(TYPE_##ID), add_##id##_1, add_##id##_2, add_##id##_4, R8_WIDEST_OF(id)}; \
        size_t          row_bytes = 0; \
        type_row_bytes(f.type, (uint64_t)cols, &row_bytes); \
        r8_products(&f, true, y, ldy, w, row_bytes, groups * 8, cols, x, n_tok); \
    } \
    static void matmul_##id(float *y, int64_t ldy, const void *w, size_t row_bytes, int64_t rows, int64_t cols, const void *x, int64_t n_tok) { \
        const r8_format f = {type_get(TYPE_##ID), add_##id##_1, add_##id##_2, add_##id##_4, R8_WIDEST_OF(id)}; \
        r8_products(&f, false, y, ldy, w, row_bytes, rows, cols, x, n_tok); \
    }
#endif
