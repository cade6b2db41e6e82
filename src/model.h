/* model.h - floor 4: tensors by meaning instead of by name. */
#ifndef MODEL_H
#define MODEL_H
#include "arch.h"
#include "ops.h"
#include "rope.h"

/* Vectors are f32 copies in `mem`; NULL: the model has none.  Matrices are views of the file;
 * those that a file holds fused are split into views of their rows. */
typedef struct {
    matrix       q, k, v, o, gate, up, down;
    const float *q_bias, *k_bias, *v_bias, *o_bias;
    const float *attn_norm, *ffn_norm;           /* before attention, before the FFN        */
    const float *q_norm, *k_norm;                /* per head, before RoPE                   */
    const float *post_attn, *post_ffn;           /* after them, before the residual sum     */
} layer;

typedef struct {
    model_config cfg;
    int          n_vocab;
    matrix       embed, head;                    /* head is embed where the file has no output matrix */
    bool         tied;
    const float *out_norm;
    layer       *layers;                         /* [cfg.n_layer] */
    rope_factors factors;
    uint64_t     n_params, bytes;                /* of all tensors */
    bool         packed_in_file;                 /* some matrices are: they are used where they lie */
    arena        mem, packed;
} weights;

/* The file must stay open as long as the weights are used. */
slm_status weights_bind(weights *w, const gguf *g, slm_error *err);
/* Moves every matrix that k multiplies faster in packed form into memory of its own, with all threads,
 * and lets go of the file's pages behind it.  Changes no result.  On failure nothing has changed; where
 * progress (may be NULL) gives up the rest stays where it is. */
slm_status weights_pack(weights *w, const gguf *g, const kernels *k, thread_pool *threads, slm_progress_fn progress, void *ud, slm_error *err);
/* May t, a tensor of the weights' file, lie in a file in packed form?  Products read it, and each matrix that
 * is a view of its rows begins with a group of 8. */
bool       weights_can_pack(weights *w, const gguf_tensor *t);
/* Does ops.fast change the product of some matrix? */
bool       weights_have_fast(const weights *w, const kernels *k);
void       weights_free(weights *w);
#endif
