/* kv.h - floor 4: keys and values of past positions.
 *
 * One token writes a row per layer and kv head and reads them all, so rows are stored
 * [layer][kv head][slot][head_dim]: a query walks memory forward.  Global layers have a slot for
 * every position of the context; local layers see only their window and keep a ring. */
#ifndef KV_H
#define KV_H
#include "arch.h"
#include "kernels/kernels.h"

enum { KV_SPLIT = 256, KV_BLOCK = 64 }; /* attention's fixed splits of the positions, see attend.c */

typedef struct {
    slm_kv_type type;
    int         n_head_kv, head_dim, window;
    size_t      elem;           /* bytes of a number */
    int64_t     n_slot[2];      /* of a global and a local layer; a multiple of KV_BLOCK */
    const bool *local;          /* [n_layer] */
    uint8_t   **k, **v;         /* [n_layer] */
    int         high;           /* positions below this have been written since the last clear */
} kv_cache;

/* For positions 0 .. n_ctx - 1, written in runs of at most n_batch. */
void kv_layout(arena *a, kv_cache *c, const model_config *m, int n_ctx, int n_batch, slm_kv_type type);
/* Stores the keys and values [n_head_kv][head_dim] of one position. */
void kv_put(const kv_cache *c, const kernels *k, int layer, int pos, const float *key, const float *value);
/* Row of the position's slot; rows of a KV_BLOCK-aligned block of positions are contiguous. */
const void *kv_key(const kv_cache *c, int layer, int head, int pos);
const void *kv_value(const kv_cache *c, int layer, int head, int pos);
/* First position that a query at `pos` sees. */
int kv_first(const kv_cache *c, int layer, int pos);
/* The largest n <= pos such that positions 0..n-1 are still held as far as a query at n sees. */
int kv_rewind_to(const kv_cache *c, int pos);
#endif
