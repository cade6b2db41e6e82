/* kv.c - the cache.  Windows: attention of local layers alternating with global ones (Beltagy et al.
 * 2020, section 3.1). */
#include "kv.h"

void kv_layout(arena *a, kv_cache *c, const model_config *m, int n_ctx, int n_batch, slm_kv_type type) {
    c->type = type;
    c->elem = type == SLM_KV_F32 ? 4 : 2;
    c->n_head_kv = m->n_head_kv;
    c->head_dim = m->head_dim;
    c->window = m->window;
    c->local = m->local;
    const int64_t all = ((int64_t)n_ctx + KV_BLOCK - 1) / KV_BLOCK * KV_BLOCK;
    /* While a run of n_batch positions is written, its first query still needs window - 1 older ones. */
    const int64_t ring = ((int64_t)m->window + n_batch + KV_BLOCK - 1) / KV_BLOCK * KV_BLOCK;
    c->n_slot[0] = all;
    c->n_slot[1] = ring < all ? ring : all;
    c->k = arena_take(a, (size_t)m->n_layer, sizeof *c->k, 64);
    c->v = arena_take(a, (size_t)m->n_layer, sizeof *c->v, 64);
    const size_t head = (size_t)m->head_dim * c->elem * (size_t)m->n_head_kv;
    for (int i = 0; i < m->n_layer; i++) {
        uint8_t *k = arena_take(a, (size_t)c->n_slot[m->local[i]], head, 64);
        uint8_t *v = arena_take(a, (size_t)c->n_slot[m->local[i]], head, 64);
        if (c->k) c->k[i] = k, c->v[i] = v;
    }
}

static size_t offset(const kv_cache *c, int layer, int head, int pos) {
    const size_t n = (size_t)c->n_slot[c->local[layer]];
    return ((size_t)head * n + (size_t)pos % n) * (size_t)c->head_dim * c->elem;
}

static void put_row(const kv_cache *c, const kernels *k, uint8_t *dst, const float *src) {
    if (c->type == SLM_KV_F16) k->f32_to_f16((void *)dst, src, c->head_dim);
    else
        for (int i = 0; i < c->head_dim; i++) ((float *)(void *)dst)[i] = src[i];
}

void kv_put(const kv_cache *c, const kernels *k, int layer, int pos, const float *key, const float *value) {
    for (int h = 0; h < c->n_head_kv; h++) {
        const size_t at = offset(c, layer, h, pos);
        put_row(c, k, c->k[layer] + at, key + h * c->head_dim);
        put_row(c, k, c->v[layer] + at, value + h * c->head_dim);
    }
}

const void *kv_key(const kv_cache *c, int layer, int head, int pos) { return c->k[layer] + offset(c, layer, head, pos); }

const void *kv_value(const kv_cache *c, int layer, int head, int pos) { return c->v[layer] + offset(c, layer, head, pos); }

int kv_first(const kv_cache *c, int layer, int pos) {
    return c->local[layer] && pos >= c->window ? pos - c->window + 1 : 0;
}

int kv_rewind_to(const kv_cache *c, int pos) {
    if (!c->window || pos >= c->high) return pos;
    const int64_t oldest = c->high > c->n_slot[1] ? c->high - c->n_slot[1] : 0;
    const int64_t first = pos >= c->window ? pos - c->window + 1 : 0;
    return first >= oldest ? pos : 0;
}
