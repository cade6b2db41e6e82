/* attend.h - floor 5: attention over the cache. */
#ifndef ATTEND_H
#define ATTEND_H
#include "kv.h"
#include "ops.h"

typedef struct {
    int    n_head, group;    /* query heads; of them per kv head */
    float  scale, softcap;
    int    n_ctx, n_threads;
    size_t worker_floats, part_floats;
    float *worker;           /* per thread: rows of a block in f32, scores of a split */
    float *parts;            /* [splits][n_head][part_floats]: one query's unfinished splits */
} attend;

void attend_layout(arena *a, attend *t, const model_config *m, int n_ctx, int n_threads);
/* out[t][n_head * head_dim] = attention of query t at position pos + t over the cache, in which the
 * positions up to it are stored.  q: [n_tok][n_head * head_dim], rotated. */
void attend_run(attend *t, ops *o, float *out, const float *q, const kv_cache *c, int layer, int pos, int n_tok);
#endif
