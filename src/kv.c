/* kv.c - the cache.  Windows: attention of local layers alternating with global ones (Beltagy et al.
 * 2020, section 3.1).
 *
 * Some columns of trained keys are many times larger than the rest and would leave a shared scale
 * few steps for the others.  So int8 keys are stored times a Hadamard matrix, which spreads each over
 * its 32 columns; queries are too, and their products are the same but for a factor of 32
 * (Ashkboos et al. 2024, QuaRot).  It halves the KL that the int8 keys of trained models cost. */
#include "kv.h"
#include "kernels/r8.h"
#include <string.h>

/* Numbers of a row: the kernels take 16 floats or a block of 32 integers at a time. */
static int width_of(slm_kv_type type, int head_dim) {
    const int unit = type == SLM_KV_Q8_0 ? 32 : 16;
    return (head_dim + unit - 1) / unit * unit;
}

size_t kv_row_bytes(slm_kv_type type, int head_dim) {
    const size_t n = (size_t)width_of(type, head_dim);
    return type == SLM_KV_Q8_0 ? n / 32 * sizeof(block_q8_0) : n * (type == SLM_KV_F32 ? 4 : 2);
}

void kv_layout(arena *a, kv_cache *c, const model_config *m, int n_ctx, int n_batch, slm_kv_type type) {
    c->type = type;
    c->width = width_of(type, m->head_dim);
    c->row_bytes = kv_row_bytes(type, m->head_dim);
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
    const size_t head = c->row_bytes * (size_t)m->n_head_kv;
    for (int i = 0; i < m->n_layer; i++) {
        uint8_t *k = arena_take(a, (size_t)c->n_slot[m->local[i]], head, 64);
        uint8_t *v = arena_take(a, (size_t)c->n_slot[m->local[i]], head, 64);
        if (c->k) c->k[i] = k, c->v[i] = v;
    }
}

/* A ring that grows was not full yet, so that every position keeps its slot. */
static void move_runs(const kv_cache *to, const kv_cache *from, uint8_t *dst, uint8_t *src, int local) {
    const size_t run = (size_t)from->n_slot[local] * from->row_bytes, next = (size_t)to->n_slot[local] * to->row_bytes;
    const size_t high = ((size_t)from->high + KV_BLOCK - 1) / KV_BLOCK * KV_BLOCK * from->row_bytes, used = high < run ? high : run;
    for (int h = 0; h < from->n_head_kv; h++) memcpy(dst + (size_t)h * next, src + (size_t)h * run, used);
    arena_drop(src, (size_t)from->n_head_kv * run);
}

void kv_move(kv_cache *to, const kv_cache *from, int n_layer) {
    for (int i = 0; i < n_layer; i++) {
        move_runs(to, from, to->k[i], from->k[i], from->local[i]);
        move_runs(to, from, to->v[i], from->v[i], from->local[i]);
    }
}

static int64_t slot_of(const kv_cache *c, int layer, int pos) { return pos % c->n_slot[c->local[layer]]; }

static size_t block_at(const kv_cache *c, int layer, int head, int pos) {
    const int64_t slot = head * c->n_slot[c->local[layer]] + slot_of(c, layer, pos);
    return (size_t)(slot / KV_BLOCK * KV_BLOCK) * c->row_bytes;
}

/* What lies behind head_dim stays the zeros that it was allocated as. */
static void put_row(const kv_cache *c, const kernels *k, uint8_t *block, int i, const float *src) {
    uint8_t *row = block + (size_t)i * c->row_bytes;
    if (c->type == SLM_KV_F16) k->f32_to_f16((void *)row, src, c->head_dim);
    else memcpy(row, src, (size_t)c->head_dim * sizeof *src);
}

/* 32 columns of one position as the int8 and the scale of activations; the scale is kept as a half: a
 * full one would be 6 % more to read and gave no smaller KL on the oracle. */
static uint16_t quantize(const kernels *k, int8_t q[32], const float x[32]) {
    union {
        float   aligned;
        uint8_t bytes[64];
    } act;
    k->act_from_f32(&act, x, 32);
    const act_view a = act_of(&act, 32);
    memcpy(q, a.q, 32);
    return f32_to_f16(a.s[0]);
}

/* Columns 32 b .. 32 b + 31, zeros behind the last. */
static void columns(const kv_cache *c, float x[32], const float *src, int b) {
    const int n = c->head_dim - 32 * b < 32 ? c->head_dim - 32 * b : 32;
    memcpy(x, src + 32 * b, (size_t)n * sizeof *x);
    memset(x + n, 0, (size_t)(32 - n) * sizeof *x);
}

static void put_key_q8(const kv_cache *c, const kernels *k, uint8_t *block, int i, const float *src) {
    const int n = c->width / 32;
    r8_q8_0  *part = (r8_q8_0 *)(void *)block + i / 8 * n;
    float     x[32];
    int8_t    q[32];
    for (int b = 0; b < n; b++, part++) {
        columns(c, x, src, b);
        k->hadamard(x, 32);
        part->d[i % 8] = quantize(k, q, x);
        for (int g = 0; g < 8; g++) memcpy(part->q[g][i % 8], q + 4 * g, 4);
    }
}

static void put_value_q8(const kv_cache *c, const kernels *k, uint8_t *block, int i, const float *src) {
    kv_part *part = (kv_part *)(void *)block + i / 8;
    float    x[32];
    for (int b = 0; b < c->width / 32; b++, part += KV_BLOCK / 8) {
        columns(c, x, src, b);
        part->d[i % 8] = quantize(k, part->q[i % 8], x);
    }
}

void kv_put(const kv_cache *c, const kernels *k, int layer, int pos, const float *key, const float *value) {
    const int  i = (int)(slot_of(c, layer, pos) % KV_BLOCK);
    const bool q8 = c->type == SLM_KV_Q8_0;
    for (int h = 0; h < c->n_head_kv; h++, key += c->head_dim, value += c->head_dim) {
        const size_t at = block_at(c, layer, h, pos);
        (q8 ? put_key_q8 : put_row)(c, k, c->k[layer] + at, i, key);
        (q8 ? put_value_q8 : put_row)(c, k, c->v[layer] + at, i, value);
    }
}

const uint8_t *kv_keys(const kv_cache *c, int layer, int head, int pos) { return c->k[layer] + block_at(c, layer, head, pos); }

const uint8_t *kv_values(const kv_cache *c, int layer, int head, int pos) { return c->v[layer] + block_at(c, layer, head, pos); }

int kv_first(const kv_cache *c, int layer, int pos) {
    return c->local[layer] && pos >= c->window ? pos - c->window + 1 : 0;
}

int kv_rewind_to(const kv_cache *c, int pos) {
    if (!c->window || pos >= c->high) return pos;
    const int64_t oldest = c->high > c->n_slot[1] ? c->high - c->n_slot[1] : 0;
    const int64_t first = pos >= c->window ? pos - c->window + 1 : 0;
    return first >= oldest ? pos : 0;
}
