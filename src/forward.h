/* forward.h - floor 6: token ids in, logits out. */
#ifndef FORWARD_H
#define FORWARD_H
#include "attend.h"
#include "kv.h"
#include "model.h"

/* What matrices are multiplied with. */
typedef enum { INPUT_QKV, INPUT_O, INPUT_GATE_UP, INPUT_DOWN, INPUT_HEAD, INPUT_KINDS } input_kind;
/* Shown the input of every product before that runs: x [n_tok][cols]; of the output matrix: layer 0. */
typedef struct {
    void (*see)(void *ud, input_kind kind, int layer, const float *x, int64_t cols, int n_tok); /* NULL: nobody looks */
    void *ud;
} input_watch;
/* Asked before each layer: false gives up, and what the call would have computed is not there. */
typedef struct {
    bool (*ask)(void *ud); /* NULL: nobody does */
    void *ud;
} forward_leave;

typedef struct {
    const weights *w;
    ops            o;
    kv_cache             cache;
    attend         att;
    rope           rot;
    int            n_batch;
    float         *x, *h, *q, *k, *v, *gate, *up; /* [n_batch] rows each */
    float         *table[2];                      /* [n_batch][n_rot]: cos and sin, global and local */
    void          *act, *act_ff;                  /* [n_batch] quantized inputs of products; of down */
    input_watch    watch;
    forward_leave  leave;
} forward_state;

/* Everything that forward() needs for at most n_batch tokens a call, but for what depends on the context: */
void forward_layout(arena *a, forward_state *f, const weights *w, int n_batch, int n_threads);
void forward_room(arena *a, forward_state *f, int n_ctx, slm_kv_type type);
/* After the memory is there: computes the frequencies. */
void forward_init(forward_state *f, int n_ctx, const kernels *k, thread_pool *pool);
/* Runs ids[0..n), 1 <= n <= n_batch, at positions pos..pos + n - 1; every id < n_vocab.  False: it was given up,
 * and what the cache holds from pos on is worth nothing. */
bool forward(forward_state *f, const int32_t *ids, int n, int pos);
/* The state [n_embd] behind the last norm, of token t of the last forward(); until the next call of anything. */
const float *forward_state_of(forward_state *f, int t);
/* logits[t][n_vocab] of tokens first..first + n - 1 of the last forward(). */
void forward_logits(forward_state *f, int first, int n, float *logits);
#endif
