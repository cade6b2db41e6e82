/* r8_float.h - floor 2: products of packed F32, F16 and BF16; a lane is an output row.
 *
 * The order of k is part of the contract, so a row's sum is one chain of fused products and a chain waits
 * for itself: several groups of 8 rows, or several tokens, run side by side.  Widening rounds nothing, and a
 * weight that is widened serves every token of the tile.
 *
 * A file says before including it what 8 numbers are, r8_floats (r8_products.h), with
 *   r8_floats r8_fma_by(r8_floats a, float x, r8_floats sum);  r8_floats r8_wide_ID(const elem *p). */
#ifndef R8_FLOAT_H
#define R8_FLOAT_H
#include "r8.h"

enum { R8_FLOAT_GROUPS = 4, R8_FLOAT_SUMS = 12 }; /* at most, of a tile */

#define R8_FLOATS(ID, id, elem) \
    R8_INLINE void float_tile_##id(float *y, int64_t ldy, const elem *w, int64_t cols, const float *x, const int n_groups, const int n_tok) { \
        r8_floats acc[R8_FLOAT_SUMS]; \
        for (int i = 0; i < n_groups * n_tok; i++) acc[i] = r8_nil(); \
        for (int64_t k = 0; k < cols; k++) { \
            r8_floats v[R8_FLOAT_GROUPS]; \
            for (int g = 0; g < n_groups; g++) v[g] = r8_wide_##id(w + (g * cols + k) * 8); \
            for (int t = 0; t < n_tok; t++) \
                for (int g = 0; g < n_groups; g++) \
                    acc[t * n_groups + g] = r8_fma_by(v[g], x[t * cols + k], acc[t * n_groups + g]); \
        } \
        for (int t = 0; t < n_tok; t++) \
            for (int g = 0; g < n_groups; g++) r8_put(y + t * ldy + g * 8, acc[t * n_groups + g]); \
    } \
    static void packed_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *in, int64_t n_tok) { \
        const elem  *p = w; \
        const float *x = in; \
        int64_t      g = 0; \
        for (; n_tok < 6 && g + 4 <= groups; g += 4) { \
            int64_t t = 0; \
            for (; t + 2 <= n_tok; t += 2) float_tile_##id(y + t * ldy + g * 8, ldy, p + g * cols * 8, cols, x + t * cols, 4, 2); \
            for (; t < n_tok; t++) float_tile_##id(y + t * ldy + g * 8, ldy, p + g * cols * 8, cols, x + t * cols, 4, 1); \
        } \
        for (; g + 2 <= groups; g += 2) { \
            int64_t t = 0; \
            for (; t + 6 <= n_tok; t += 6) float_tile_##id(y + t * ldy + g * 8, ldy, p + g * cols * 8, cols, x + t * cols, 2, 6); \
            for (; t + 2 <= n_tok; t += 2) float_tile_##id(y + t * ldy + g * 8, ldy, p + g * cols * 8, cols, x + t * cols, 2, 2); \
            for (; t < n_tok; t++) float_tile_##id(y + t * ldy + g * 8, ldy, p + g * cols * 8, cols, x + t * cols, 2, 1); \
        } \
        for (int64_t t = 0; g < groups && t < n_tok; t++) float_tile_##id(y + t * ldy + g * 8, ldy, p + g * cols * 8, cols, x + t * cols, 1, 1); \
    }
#define R8_ALL_FLOATS R8_FLOATS(F32, f32, float) R8_FLOATS(F16, f16, uint16_t) R8_FLOATS(BF16, bf16, uint16_t)
#define R8_FLOAT_PACKED [TYPE_F32] = packed_f32, [TYPE_F16] = packed_f16, [TYPE_BF16] = packed_bf16
#endif
