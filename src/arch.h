/* arch.h - floor 3: what a model is, as data.  The forward pass reads this struct and never a
 * model's name. */
#ifndef ARCH_H
#define ARCH_H
#include "gguf.h"
#include "limits.h"

typedef enum { ACT_SILU, ACT_GELU } act_kind; /* GELU in its tanh form */

enum { NEEDS_QKV_BIAS = 1, NEEDS_QK_NORM = 2, NEEDS_POST_NORM = 4 };

typedef struct {
    char  name[32];            /* general.architecture                                        */
    int   n_layer, n_embd, n_ff, n_ctx_train;
    int   n_head, n_head_kv, head_dim;
    int   n_rot;               /* rotated entries of a head, even; the rest passes             */
    float norm_eps;
    float embed_scale;         /* factor on the embedding                                      */
    float attn_scale;          /* factor on q . k                                              */
    float attn_softcap, logit_softcap; /* 0 = none                                             */
    int   window;              /* positions a local layer sees, itself included; 0 = no layer is local */
    bool  local[MODEL_MAX_LAYERS];
    act_kind act;
    unsigned needs;            /* NEEDS_..: tensors without which the family computes something else */

    bool   rope_pairs;         /* rotates (2i, 2i+1); else (i, i + n_rot/2)                    */
    double rope_base, rope_base_local;
    double rope_scale, rope_scale_local; /* divide the frequencies                             */
    bool   rope_yarn;          /* rope_scale only on the slow pairs (YaRN)                     */
    int    rope_ctx_train;     /* context before scaling                                       */
    double rope_magnitude;     /* factor on cos and sin                                        */
} model_config;

/* Reads and checks every hyperparameter; needs no tensor. */
slm_status arch_config(model_config *c, const gguf *g, slm_error *err);
#endif
