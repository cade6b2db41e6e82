/* session.h - floor 7: where numbers and text meet.  Private to this floor; everyone else
 * uses slm.h. */
#ifndef SESSION_H
#define SESSION_H
#include "forward.h"
#include "pace.h"
#include "recommend.h"
#include "sampler.h"
#include "tokenizer.h"

struct slm_model {
    gguf      *file;
    kernels    k;
    weights    w;      /* empty when vocab_only */
    bool       has_weights;
    tokenizer *tok;
    slm_sampling sampling; /* the file's own, else the developers', else the defaults */
    const recommendation *advice; /* or NULL */
    char       name[128], quant[32];
};

struct slm_file {
    gguf *g;
};

struct slm_session {
    const slm_model *m;
    forward_state    f;
    sampler          pick;
    thread_pool     *pool;
    pace             pace;     /* of tokens evaluated one by one */
    arena            mem, far; /* work; what grows with the context: cache and ids */
    int              n_ctx, n_batch, n_threads, n_rows;
    bool             fast;     /* what is evaluated several tokens at once goes through ops.fast */
    int              n_room;   /* tokens that `far` holds; at most n_ctx */
    float           *logits;  /* [n_rows][n_vocab]; row 0 after sync and eval */
    int32_t         *ids;     /* [n_room]: what the cache holds */
    int              n_ids;
    bool             has_logits; /* row 0 belongs to the last of ids */
    bool             finite;     /* and every number of it is one */
    bool             huge;       /* its memory is in huge pages */
};
/* Hands a list that was made with status rc to a caller, or frees it. */
slm_status ids_give(id_list *ids, slm_status rc, int32_t **out, int *n, slm_error *err);
/* Asked before each layer; NULL: nobody is. */
typedef struct {
    slm_progress_fn see;
    void           *ud;
} watcher;
/* As slm_session_sync(); *reused: how many of ids were there already.  Where the watcher ends it the
 * session holds fewer than n tokens. */
slm_status session_sync(slm_session *s, const int32_t *ids, int n, int *reused, watcher watch, slm_error *err);
/* As slm_session_eval().  Where the watcher ends it there are no logits, and the session does not hold the token. */
slm_status session_eval(slm_session *s, int32_t id, watcher watch, slm_error *err);
#endif
