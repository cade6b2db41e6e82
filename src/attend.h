/* attend.h - floor 5: attention over the cache. */
#ifndef ATTEND_H
#define ATTEND_H
#include "kv.h"
#include "ops.h"
#include <stdatomic.h>

enum { KV_SPLIT = 256 }; /* positions of a split, see attend.c; a multiple of KV_BLOCK */

typedef struct {
    int         n_head, group;    /* query heads; of them per kv head */
    int         tile;             /* queries that go through the cache together */
    float       scale, softcap;
    size_t      query_floats, part_floats, worker_floats;
    float      *worker;           /* per thread: queries, scores and parts of a tile */
    float      *parts;            /* [n_head / group][splits][tile][group][part_floats]: unfinished splits */
    atomic_int *n_left;           /* [n_head / group]: of these splits, those still at work */
} attend;

void attend_layout(arena *a, attend *t, const model_config *m, int n_threads);
/* What depends on the context, after that. */
void attend_room(arena *a, attend *t, int n_ctx);
/* out[t][n_head * head_dim] = attention of query t at position pos + t over the cache, in which the
 * positions up to it are stored.  q: [n_tok][n_head * head_dim], rotated. */
void attend_run(attend *t, ops *o, float *out, const float *q, const kv_cache *c, int layer, int pos, int n_tok);
#endif
