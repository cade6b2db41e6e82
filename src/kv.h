/* kv.h - floor 4: keys and values of past positions.
 *
 * One token writes a row per layer and kv head and reads them all, so the positions of a head lie
 * one after another, in blocks of KV_BLOCK (kernels.h has their layouts): a query walks memory
 * forward.  Global layers have a slot for every position of the context; local layers see only their
 * window and keep a ring. */
#ifndef KV_H
#define KV_H
#include "arch.h"
#include "kernels/kernels.h"

typedef struct {
    slm_kv_type type;
    int         n_head_kv, head_dim, window;
    int         width;          /* head_dim and the zeros behind it that make rows whole registers or blocks */
    size_t      row_bytes;      /* of one position's key or value */
    int64_t     n_slot[2];      /* of a global and a local layer; a multiple of KV_BLOCK */
    const bool *local;          /* [n_layer] */
    uint8_t   **k, **v;         /* [n_layer] */
    int         high;           /* positions below this have been written since the last clear */
} kv_cache;

/* For positions 0 .. n_ctx - 1, written in runs of at most n_batch. */
void kv_layout(arena *a, kv_cache *c, const model_config *m, int n_ctx, int n_batch, slm_kv_type type);
/* What `from` holds goes to `to`, a layout of the same model for more positions, layer by layer; the memory of
 * `from` is given back behind it. */
void kv_move(kv_cache *to, const kv_cache *from, int n_layer);
/* Bytes of a key or value of head_dim numbers. */
size_t kv_row_bytes(slm_kv_type type, int head_dim);
/* Stores the keys and values [n_head_kv][head_dim] of one position.  Positions may be stored at once. */
void kv_put(const kv_cache *c, const kernels *k, int layer, int pos, const float *key, const float *value);
/* The block of KV_BLOCK positions, from a multiple of it on, that holds pos. */
const uint8_t *kv_keys(const kv_cache *c, int layer, int head, int pos);
const uint8_t *kv_values(const kv_cache *c, int layer, int head, int pos);
/* First position that a query at `pos` sees. */
int kv_first(const kv_cache *c, int layer, int pos);
/* The largest n <= pos such that positions 0..n-1 are still held as far as a query at n sees. */
int kv_rewind_to(const kv_cache *c, int pos);
#endif
