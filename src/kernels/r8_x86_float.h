/* r8_x86_float.h - floor 2: products of packed F32, F16 and BF16; a lane is an output row.
 *
 * The order of k is part of the contract, so a row's sum is one chain of fused products and a chain waits
 * for itself: several groups of 8 rows, or several tokens, run side by side.  F16C and shifts widen without
 * rounding, and a weight that is widened serves every token of the tile. */
#ifndef R8_X86_FLOAT_H
#define R8_X86_FLOAT_H
#include "r8_x86.h"

enum { R8_FLOAT_GROUPS = 4, R8_FLOAT_SUMS = 12 }; /* at most, of a tile */

R8_INLINE __m256 r8_wide_f32(const float *p) { return _mm256_loadu_ps(p); }
R8_INLINE __m256 r8_wide_f16(const uint16_t *p) { return r8_halfs(p); }
R8_INLINE __m256 r8_wide_bf16(const uint16_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), 16));
}

#define R8_FLOATS(ID, id, elem) \
    R8_INLINE void float_tile_##id(float *y, int64_t ldy, const elem *w, int64_t cols, const float *x, const int n_groups, const int n_tok) { \
        __m256 acc[R8_FLOAT_SUMS]; \
        for (int i = 0; i < n_groups * n_tok; i++) acc[i] = _mm256_setzero_ps(); \
        for (int64_t k = 0; k < cols; k++) { \
            __m256 v[R8_FLOAT_GROUPS]; \
            for (int g = 0; g < n_groups; g++) v[g] = r8_wide_##id(w + (g * cols + k) * 8); \
            for (int t = 0; t < n_tok; t++) \
                for (int g = 0; g < n_groups; g++) \
                    acc[t * n_groups + g] = _mm256_fmadd_ps(v[g], _mm256_set1_ps(x[t * cols + k]), acc[t * n_groups + g]); \
        } \
        for (int t = 0; t < n_tok; t++) \
            for (int g = 0; g < n_groups; g++) _mm256_storeu_ps(y + t * ldy + g * 8, acc[t * n_groups + g]); \
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
