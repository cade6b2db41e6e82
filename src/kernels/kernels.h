/* kernels.h - floor 2: inner loops, one table per instruction set.
 *
 * A table fills only what it does better than the tables before it; an empty entry leaves the
 * earlier one in force.  Every set gives the same bits as scalar.c: where sums are rounded, their
 * order is part of an entry's contract, and every fused product is written as one.
 *
 * A sum "in 16 lanes" is: lane j takes the terms j, j + 16, j + 32, .. in order, each by fma (or
 * add, where the terms are no products); then lane j += lane j + 8, then + 4, + 2, + 1. */
#ifndef KERNELS_H
#define KERNELS_H
#include "../quant.h"

enum {
    KERNEL_ROWS = 8, /* rows of a float panel */
    KERNEL_PEAK = 64 /* numbers behind one peak: the peaks of 262,144 logits fit the first cache */
};

/* A block of the KV cache holds one head's keys or values, d numbers each, of KV_BLOCK positions.
 *   F16, F32: a row per position.
 *   Q8_0: 8 positions and 32 columns share a part of 272 bytes; a position has a scale per part.
 *     keys: packed weights (r8.h) whose rows are the positions: r8_q8_0 [KV_BLOCK / 8][d / 32], so that
 *       a lane is a position;
 *     values: kv_part [d / 32][KV_BLOCK / 8]: a column's sum walks memory forward. */
enum { KV_BLOCK = 64, KV_TYPES = 3 };
typedef struct { uint16_t d[8]; int8_t q[8][32]; } kv_part;

typedef struct {
    const char *name; /* NULL: goes with the set before it wherever the processor has what it needs */
    uint32_t    need; /* CPU_* bits, all of them */
    bool        on_trial; /* taken only where some products have the bits that the sets before it give */

    /* y[t * ldy + r] = W[r] . x[t] for r in [0, rows), t in [0, n_tok), in the canonical integer
     * arithmetic (scalar.c states it per format).
     * w: rows of the file's blocks, row_bytes apart; x: activations as act_from_f32 writes them,
     * act_bytes(cols) apart.  cols is a multiple of the format's block. */
    void (*matmul[TYPE_COUNT])(float *y, int64_t ldy, const void *w, size_t row_bytes, int64_t rows,
                               int64_t cols, const void *x, int64_t n_tok);
    /* The same over packed weights (r8.h): groups of 8 rows one after another.  F32, F16 and BF16 have only
     * this entry: x is n_tok rows of cols floats, and a product is what matmul_panel makes of it. */
    void (*packed[TYPE_COUNT])(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x,
                               int64_t n_tok);
    /* As packed, but in bfloat16 (r8_bf16.h): not the same bits as packed; x is n_tok rows of cols floats for every
     * format.  A token's numbers do not depend on how many others there are.  NULL: packed is faster. */
    void (*fast[TYPE_COUNT])(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x,
                             int64_t n_tok);
    bool packing_pays; /* packed is the faster form here: everywhere but in scalar.c, which reads both bit by bit */
    /* dst: act_bytes(n); n % 32 == 0.  A block that holds a NaN or infinity gets the scale NaN; one
     * below 1e-30 is zero. */
    void (*act_from_f32)(void *dst, const float *src, int64_t n);

    /* acc[t * 8 + r] = fma(panel[k * 8 + r], x[t * ldx + k], acc) for k in order; all 8 lanes. */
    void (*matmul_panel)(float *acc, const float *panel, int64_t k, const float *x, int64_t ldx,
                         int64_t n_tok);
    /* panel[k * 8 + r] = rows[r * ld + k] */
    void (*panel_from_rows)(float *panel, const float *rows, int64_t ld, int64_t k);

    void (*f16_to_f32)(float *dst, const uint16_t *src, int64_t n);
    void (*f32_to_f16)(uint16_t *dst, const float *src, int64_t n);

    /* y = x / sqrt(mean(x^2) + eps) * w, the squares summed in 16 lanes.  y may be x. */
    void (*rms_norm)(float *y, const float *x, const float *w, int64_t n, float eps);
    /* y = act(gate) * up; y may be gate. */
    void (*silu_mul)(float *y, const float *gate, const float *up, int64_t n);
    void (*gelu_mul)(float *y, const float *gate, const float *up, int64_t n); /* tanh form */
    /* x = cap * tanh(x / cap); NaN where x is infinite, so that a damaged value stays visible. */
    void (*softcap)(float *x, int64_t n, float cap);
    /* x[i] = exp(x[i] - shift); returns the sum in 16 lanes. */
    float (*exp_sum)(float *x, int64_t n, float shift);
    /* The sum of exp(d), d = (x[i] - shift) / temp <= 0, and in *moment (may be NULL) that of d * exp(d),
     * both in 8 lanes of double: lane j takes the terms j, j + 8, ..; then lane j += lane j + 4, + 2, + 1. */
    double (*exp_total)(const float *x, int64_t n, float shift, float temp, double *moment);
    /* peak[b] = the largest of x[64 b .. 64 b + 63], as far as n goes; false where a number of x is
     * not finite, and then peak means nothing. */
    bool (*peaks)(float *peak, const float *x, int64_t n);
    /* Each 32 of x times the Hadamard matrix: for h = 1, 2, 4, 8, 16 every pair x[i], x[i + h] (i without
     * the bit h) becomes its sum and difference.  n % 32 == 0. */
    void (*hadamard)(float *x, int64_t n);
    /* The largest of x[0..n), n > 0; NaN counts as -infinity. */
    float (*max_of)(const float *x, int64_t n);

    /* Attention over a block of the cache, by slm_kv_type.
     * s[h * lds + i] = q[h] . k[i], h in [0, n_q), i in [0, n); n % 8 == 0.
     *   F16, F32: q: rows of d floats, d % 16 == 0; each product summed in 16 lanes.
     *   Q8_0: q: activations, act_bytes(d) apart, d % 32 == 0; the canonical Q8_0 product. */
    void (*scores[KV_TYPES])(float *s, int64_t lds, const void *q, int64_t n_q, const void *k, int64_t n, int64_t d);
    /* acc[h * lda + j] = fma(p[h * ldp + i], v[i][j], acc) for i from i0 to i1 - 1 in order; j in [0, d).
     *   Q8_0: v's scale goes to the weight: fma(p * scale, q, acc). */
    void (*values[KV_TYPES])(float *acc, int64_t lda, const float *p, int64_t ldp, int64_t n_q, const void *v, int64_t i0, int64_t i1,
                             int64_t d);
    /* Quantizes n weights, a whole number of blocks, so that the sum of importance * error^2 is small (search_k.h).
     * x: finite, below 65520; importance: [n], none negative; NULL: all the same. */
    void (*search[TYPE_COUNT])(void *dst, const float *x, const float *importance, int64_t n);
    /* The same by the one rule that a format has, which does not look at importance (round_32.h). */
    void (*round[TYPE_COUNT])(void *dst, const float *x, const float *importance, int64_t n);
    /* a[i] = fma(a[i], fa, b[i] * fb) */
    void (*blend)(float *a, float fa, const float *b, float fb, int64_t n);
} kernels;

/* How many bytes of packed weights are asked for ahead of their use; 0: the processor does better on its own.
 * kernels_select() sets it for the processor; it changes no result. */
extern int kernels_far;

extern const kernels kernels_scalar, kernels_avx2, kernels_avxvnni, kernels_avx512vnni, kernels_avx512bf16, kernels_amx, kernels_neon,
    kernels_dotprod, kernels_i8mm;

/* Would `k`, laid over `before`, keep the bits of its products (and of fast ones what bfloat16 keeps)?  Takes less than half a millisecond. */
bool kernels_agree(const kernels *k, const kernels *before);

/* Every usable set overlaid worst to best, stopping at `name` unless NULL or "auto". */
slm_status kernels_select(kernels *out, const char *name, slm_error *err);
/* Names of the usable sets, worst first; NULL past the end. */
const char *kernels_name(int i);
#endif
