/* requant.h - floor 7: floats into the tensor formats, and which format each tensor of a file gets. */
#ifndef REQUANT_H
#define REQUANT_H
#include "base.h"
#include "gguf.h"
#include "kernels/kernels.h"

/* Quantizes n weights, a whole number of blocks.  x: [n], finite and below 65520.
 * importance: [n], what the square of each weight's error counts for, none negative; NULL: all the same.
 * Without it F32 .. Q5_1 have one rule; with it (weighed) F32, F16, BF16 and Q8_0 do not look at it; all others
 * search.  NULL: type_get() does not know t. */
typedef void (*requant_fn)(void *dst, const float *x, const float *importance, int64_t n);
requant_fn requant_of(const kernels *k, type_id t, bool weighed);

/* ---- mixtures -------------------------------------------------------------------------------- */

/* The types that `slm quantize` takes; the names are the ecosystem's. */
typedef struct {
    const char *name;
    uint32_t    file_type; /* general.file_type */
    type_id     type;      /* of most tensors   */
} requant_mix;
const requant_mix *requant_mix_at(int i); /* NULL past the end */
const requant_mix *requant_mix_find(const char *name); /* in any case; NULL: none */

/* Tensor i of g is a matrix that is multiplied or looked up: others keep their type. */
bool requant_applies(const gguf_tensor *t);
/* What the rules ask about a file. */
typedef struct {
    uint64_t n_value, n_down; /* tensors of values, fused or not; second matrices of the feed-forward net */
    uint64_t n_head, n_head_kv;
    bool     has_output;      /* a matrix of its own, not the embedding */
} requant_shape;
requant_shape requant_shape_of(const gguf *g);
/* The type that the mixture gives to t, before it is asked whether that divides its rows. */
type_id requant_mix_type(const requant_mix *mix, const requant_shape *s, const gguf_tensor *t);
/* t, or the type of the same quality that divides rows of n. */
type_id requant_fit(type_id t, uint64_t n);
#endif
