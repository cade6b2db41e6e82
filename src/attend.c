/* attend.c - softmax(q . K) V in fixed splits of 256 positions.
 *
 * A split starts at a multiple of KV_SPLIT, whatever the query: its largest score, the sum of its
 * exponentials and its weighted values are computed in one fixed order, and splits are merged by
 * rising position.  So a query's result depends on its own position only, not on how many
 * queries came with it or which thread took which split.
 *
 * A task is one kv head with all query heads of its group: a block of keys is read (and, from
 * f16, converted) once for all of them.  With one query the splits are tasks of their own and
 * merged afterwards; with many queries each task walks its query's splits.
 * Source: online softmax, Milakov and Gimelshein 2018; splits as in Flash-Decoding, 2023. */
#include "attend.h"
#include <math.h>
#include <string.h>

/* A part: largest score, sum, then head_dim weighted values. */
enum { PART_MAX, PART_SUM, PART_VALUES };

void attend_layout(arena *a, attend *t, const model_config *m, int n_ctx, int n_threads) {
    const size_t d = (size_t)m->head_dim, group = (size_t)(m->n_head / m->n_head_kv);
    const size_t n_split = ((size_t)n_ctx + KV_SPLIT - 1) / KV_SPLIT;
    t->n_head = m->n_head;
    t->group = (int)group;
    t->scale = m->attn_scale;
    t->softcap = m->attn_softcap;
    t->n_ctx = n_ctx;
    t->n_threads = n_threads;
    t->part_floats = (d + PART_VALUES + 15) / 16 * 16;
    t->worker_floats = (KV_BLOCK * d + group * (KV_SPLIT + 2 * t->part_floats) + 15) / 16 * 16;
    t->worker = arena_take(a, (size_t)n_threads, t->worker_floats * sizeof(float), 64);
    t->parts = arena_take(a, n_split * (size_t)m->n_head, t->part_floats * sizeof(float), 64);
}

typedef struct {
    attend      *t;
    const ops   *o;
    const kv_cache *c;
    const float *q;
    float       *out;
    int          layer, pos, n_tok;
} attend_job;

/* n rows of a block as floats: where they lie, or converted into room. */
static const float *block_rows(const attend_job *j, const void *rows, int n, float *room) {
    if (j->c->type == SLM_KV_F32) return rows;
    j->o->k.f16_to_f32(room, rows, (int64_t)n * j->c->head_dim);
    return room;
}

/* Positions [lo, hi) of one split for all query heads of kv head g: part[i] for the i-th of them. */
static void split_part(const attend_job *j, int g, const float *q, int lo, int hi, float *part, float *room, float *score) {
    const attend  *t = j->t;
    const kernels *k = &j->o->k;
    const int      d = j->c->head_dim;
    for (int b = lo; b < hi;) {
        const int    rest = KV_BLOCK - b % KV_BLOCK, n = rest < hi - b ? rest : hi - b;
        const float *rows = block_rows(j, kv_key(j->c, j->layer, g, b), n, room);
        for (int i = 0; i < t->group; i++) k->scores(score + i * KV_SPLIT + (b - lo), q + i * d, rows, d, n, d, t->scale);
        b += n;
    }
    for (int i = 0; i < t->group; i++) {
        float *s = score + i * KV_SPLIT, *p = part + (size_t)i * t->part_floats, max = -INFINITY;
        if (t->softcap != 0) k->softcap(s, hi - lo, t->softcap);
        for (int x = 0; x < hi - lo; x++) max = s[x] > max ? s[x] : max;
        p[PART_MAX] = max;
        p[PART_SUM] = k->exp_sum(s, hi - lo, max);
        memset(p + PART_VALUES, 0, (size_t)d * sizeof *p);
    }
    for (int b = lo; b < hi;) {
        const int    rest = KV_BLOCK - b % KV_BLOCK, n = rest < hi - b ? rest : hi - b;
        const float *rows = block_rows(j, kv_value(j->c, j->layer, g, b), n, room);
        for (int i = 0; i < t->group; i++)
            k->weighted_rows(part + (size_t)i * t->part_floats + PART_VALUES, score + i * KV_SPLIT + (b - lo), rows, d, n, d);
        b += n;
    }
}

/* a = a and the later part b together. */
static void merge(const kernels *k, float *a, const float *b, int d) {
    float       f[2] = {a[PART_MAX], b[PART_MAX]};
    const float max = f[0] > f[1] ? f[0] : f[1];
    k->exp_sum(f, 2, max);
    a[PART_SUM] = fmaf(a[PART_SUM], f[0], b[PART_SUM] * f[1]);
    for (int i = 0; i < d; i++) a[PART_VALUES + i] = fmaf(a[PART_VALUES + i], f[0], b[PART_VALUES + i] * f[1]);
    a[PART_MAX] = max;
}

static void finish(float *out, const float *part, int d) {
    for (int i = 0; i < d; i++) out[i] = part[PART_VALUES + i] / part[PART_SUM];
}

/* The positions of split s that a query at pos sees. */
static void split_range(const attend_job *j, int pos, int s, int *lo, int *hi) {
    const int first = kv_first(j->c, j->layer, pos);
    *lo = s * KV_SPLIT > first ? s * KV_SPLIT : first;
    *hi = pos - s * KV_SPLIT < KV_SPLIT ? pos + 1 : (s + 1) * KV_SPLIT;
}

typedef struct {
    float *room, *score, *part, *next;
} worker_memory;

static worker_memory memory_of(const attend *t, int worker, int d) {
    float *p = t->worker + (size_t)worker * t->worker_floats;
    float *score = p + KV_BLOCK * d, *part = score + t->group * KV_SPLIT;
    return (worker_memory){p, score, part, part + (size_t)t->group * t->part_floats};
}

/* Many queries: task = kv head x query. */
static void query_task(void *ctx, int64_t task, int worker) {
    const attend_job *j = ctx;
    const attend     *t = j->t;
    const int         d = j->c->head_dim, g = (int)(task / j->n_tok), tok = (int)(task % j->n_tok), pos = j->pos + tok;
    const int64_t     at = (int64_t)tok * t->n_head * d + (int64_t)g * t->group * d;
    worker_memory     m = memory_of(t, worker, d);
    const int         s0 = kv_first(j->c, j->layer, pos) / KV_SPLIT;
    for (int s = s0; s <= pos / KV_SPLIT; s++) {
        int lo, hi;
        split_range(j, pos, s, &lo, &hi);
        split_part(j, g, j->q + at, lo, hi, s == s0 ? m.part : m.next, m.room, m.score);
        for (int i = 0; s > s0 && i < t->group; i++)
            merge(&j->o->k, m.part + (size_t)i * t->part_floats, m.next + (size_t)i * t->part_floats, d);
    }
    for (int i = 0; i < t->group; i++) finish(j->out + at + i * d, m.part + (size_t)i * t->part_floats, d);
}

/* One query: task = kv head x split. */
static void split_task(void *ctx, int64_t task, int worker) {
    const attend_job *j = ctx;
    const attend     *t = j->t;
    const int         n_kv = t->n_head / t->group, d = j->c->head_dim, g = (int)(task % n_kv);
    const int         s0 = kv_first(j->c, j->layer, j->pos) / KV_SPLIT, s = s0 + (int)(task / n_kv);
    worker_memory     m = memory_of(t, worker, d);
    int               lo, hi;
    split_range(j, j->pos, s, &lo, &hi);
    float *part = t->parts + ((size_t)(s - s0) * (size_t)t->n_head + (size_t)(g * t->group)) * t->part_floats;
    split_part(j, g, j->q + g * t->group * d, lo, hi, part, m.room, m.score);
}

void attend_run(attend *t, ops *o, float *out, const float *q, const kv_cache *c, int layer, int pos, int n_tok) {
    attend_job j = {t, o, c, q, out, layer, pos, n_tok};
    const int  n_kv = t->n_head / t->group, d = c->head_dim;
    if (n_tok > 1) {
        thread_run(o->pool, (int64_t)n_kv * n_tok, query_task, &j);
        return;
    }
    const int n_split = pos / KV_SPLIT - kv_first(c, layer, pos) / KV_SPLIT + 1;
    thread_run(o->pool, (int64_t)n_kv * n_split, split_task, &j);
    for (int h = 0; h < t->n_head; h++) {
        float *first = t->parts + (size_t)h * t->part_floats;
        for (int s = 1; s < n_split; s++) merge(&o->k, first, t->parts + ((size_t)s * (size_t)t->n_head + (size_t)h) * t->part_floats, d);
        finish(out + h * d, first, d);
    }
}
