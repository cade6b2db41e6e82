/* attend.c - softmax(q . K) V in fixed splits of 256 positions.
 *
 * A split starts at a multiple of KV_SPLIT, whatever the query: its largest score, the sum of its
 * exponentials and its weighted values are computed in one fixed order, and splits are merged by
 * rising position.  So a query's result depends on its own position only, not on how many
 * queries came with it or which thread took which split.
 *
 * A tile is some queries in a row with all query heads of one kv head: a block of keys or values is
 * read once for all of them, and each is given only those positions that it sees.  Up to a tile of
 * queries, the splits are tasks of their own and whoever ends a kv head's last one merges them; with
 * more, each task walks the splits of a tile.
 * Source: online softmax, Milakov and Gimelshein 2018; splits as in Flash-Decoding, 2023. */
#include "attend.h"
#include <math.h>
#include <string.h>

/* A part: largest score and sum in front of the values, which begin a register; sum and values are
 * neighbours because they merge alike. */
enum { PART_MAX = 6, PART_SUM, PART_VALUES };

/* About this many queries times heads make a tile: enough to share each read of the cache, and their
 * scores (32 KiB) do not push it out of the second cache. */
enum { TILE_ROWS = 32 };

static size_t floats16(size_t n) { return (n + 15) / 16 * 16; }

void attend_layout(arena *a, attend *t, const model_config *m, int n_threads) {
    const size_t width = ((size_t)m->head_dim + 31) / 32 * 32;
    t->n_head = m->n_head;
    t->group = m->n_head / m->n_head_kv;
    t->tile = t->group < TILE_ROWS ? TILE_ROWS / t->group : 1;
    t->scale = m->attn_scale;
    t->softcap = m->attn_softcap;
    const size_t rows = (size_t)t->tile * (size_t)t->group;
    t->query_floats = width; /* as activations they take less */
    t->part_floats = floats16(width + PART_VALUES);
    t->worker_floats = floats16((rows + 1) * t->query_floats) + rows * (KV_SPLIT + 2 * t->part_floats);
    t->worker = arena_take(a, (size_t)n_threads, t->worker_floats * sizeof(float), 64);
    t->n_left = arena_take(a, (size_t)m->n_head_kv, sizeof *t->n_left, 64);
}

void attend_room(arena *a, attend *t, int n_ctx) {
    const size_t n_split = ((size_t)n_ctx + KV_SPLIT - 1) / KV_SPLIT;
    t->parts = arena_take(a, n_split * (size_t)t->n_head, (size_t)t->tile * t->part_floats * sizeof(float), 64);
}

typedef struct {
    attend         *t;
    const ops      *o;
    const kv_cache *c;
    const float    *q;
    float          *out;
    int             layer, pos, n_tok;
    int             n_tile, first_split, n_split; /* tiles or splits of a kv head */
} attend_job;

/* Some queries in a row with the heads of kv head g, in one worker's memory; row = query * group + head. */
typedef struct {
    int    g, t0, n;
    float *queries; /* rows of query_floats, or of activations */
    float *scaled;  /* [query_floats] */
    float *score;   /* [rows][KV_SPLIT] */
    float *part, *next;
} tile;

static size_t query_bytes(const attend_job *j) {
    return j->c->type == SLM_KV_Q8_0 ? act_bytes(j->c->width) : (size_t)j->c->width * sizeof(float);
}

/* The queries, scaled and in the form in which the keys want them. */
static tile tile_of(const attend_job *j, int worker, int g, int t0, int n) {
    const attend *t = j->t;
    const size_t  rows = (size_t)t->tile * (size_t)t->group;
    const bool    q8 = j->c->type == SLM_KV_Q8_0;
    const int     d = j->c->head_dim, width = j->c->width;
    const float   scale = q8 ? t->scale / 32 : t->scale; /* the Hadamard matrix times itself is 32 */
    tile          x = {.g = g, .t0 = t0, .n = n, .queries = t->worker + (size_t)worker * t->worker_floats};
    x.scaled = x.queries + rows * t->query_floats;
    x.score = x.queries + floats16((rows + 1) * t->query_floats);
    x.part = x.score + rows * KV_SPLIT;
    x.next = x.part + rows * t->part_floats;
    for (int r = 0; r < n * t->group; r++) {
        const float *from = j->q + ((int64_t)(t0 + r / t->group) * t->n_head + g * t->group + r % t->group) * d;
        float       *to = (float *)(void *)((char *)x.queries + (size_t)r * query_bytes(j));
        float       *row = q8 ? x.scaled : to;
        for (int i = 0; i < d; i++) row[i] = from[i] * scale;
        memset(row + d, 0, (size_t)(width - d) * sizeof *row);
        if (!q8) continue;
        j->o->k.hadamard(row, width);
        j->o->k.act_from_f32(to, row, width);
    }
    return x;
}

/* What the tile's i-th query sees of the `size` positions from `from` on: [lo, hi) counted from there. */
typedef struct {
    int lo, hi;
} range;

static range range_of(const attend_job *j, const tile *x, int i, int from, int size) {
    const int pos = j->pos + x->t0 + i, lo = kv_first(j->c, j->layer, pos) - from, hi = pos + 1 - from;
    const range r = {lo > 0 ? lo : 0, hi < size ? hi : size};
    return r.lo < r.hi ? r : (range){0, 0};
}

/* Scores of the block of positions from `from` on, for the queries that see some of it. */
static void block_scores(const attend_job *j, const tile *x, int from, float *score) {
    const attend *t = j->t;
    int           first = 0, end = x->n;
    while (first < end && !range_of(j, x, first, from, KV_BLOCK).hi) first++;
    while (end > first && !range_of(j, x, end - 1, from, KV_BLOCK).hi) end--;
    if (first == end) return;
    /* Eights of positions: what a query does not see is computed and not looked at. */
    const int lo = range_of(j, x, first, from, KV_BLOCK).lo / 8 * 8, hi = range_of(j, x, end - 1, from, KV_BLOCK).hi;
    const int row = first * t->group, n_rows = (end - first) * t->group;
    j->o->k.scores[j->c->type](score + row * KV_SPLIT + lo, KV_SPLIT, (const char *)x->queries + (size_t)row * query_bytes(j), n_rows,
                               kv_keys(j->c, j->layer, x->g, from) + (size_t)lo * j->c->row_bytes, (hi - lo + 7) / 8 * 8, j->c->width);
}

/* Values of the same block, for queries that see the same part of it together. */
static void block_values(const attend_job *j, const tile *x, int from, const float *score, float *part) {
    const attend *t = j->t;
    for (int i = 0, n; i < x->n; i += n) {
        const range r = range_of(j, x, i, from, KV_BLOCK);
        for (n = 1; i + n < x->n; n++) {
            const range next = range_of(j, x, i + n, from, KV_BLOCK);
            if (next.lo != r.lo || next.hi != r.hi) break;
        }
        if (!r.hi) continue;
        const int row = i * t->group;
        j->o->k.values[j->c->type](part + (size_t)row * t->part_floats + PART_VALUES, (int64_t)t->part_floats, score + row * KV_SPLIT, KV_SPLIT,
                                   n * t->group, kv_values(j->c, j->layer, x->g, from), r.lo, r.hi, j->c->width);
    }
}

/* One split for the whole tile: a part per row; those of queries that see nothing of it stay as they are. */
static void split_parts(const attend_job *j, const tile *x, int split, float *part) {
    const attend  *t = j->t;
    const kernels *k = &j->o->k;
    const int      from = split * KV_SPLIT, end = j->pos + x->t0 + x->n; /* no position from `end` on is stored */
    for (int b = 0; b < KV_SPLIT && from + b < end; b += KV_BLOCK) block_scores(j, x, from + b, x->score + b);
    for (int r = 0; r < x->n * t->group; r++) {
        const range see = range_of(j, x, r / t->group, from, KV_SPLIT);
        float      *s = x->score + r * KV_SPLIT + see.lo, *p = part + (size_t)r * t->part_floats;
        if (!see.hi) continue;
        if (t->softcap != 0) k->softcap(s, see.hi - see.lo, t->softcap);
        p[PART_MAX] = k->max_of(s, see.hi - see.lo);
        p[PART_SUM] = k->exp_sum(s, see.hi - see.lo, p[PART_MAX]);
        memset(p + PART_VALUES, 0, (size_t)j->c->width * sizeof *p);
    }
    for (int b = 0; b < KV_SPLIT && from + b < end; b += KV_BLOCK) block_values(j, x, from + b, x->score + b, part);
}

/* a = a and the later part b together. */
static void merge(const kernels *k, float *a, const float *b, int d) {
    float       f[2] = {a[PART_MAX], b[PART_MAX]};
    const float max = f[0] > f[1] ? f[0] : f[1];
    k->exp_sum(f, 2, max);
    k->blend(a + PART_SUM, f[0], b + PART_SUM, f[1], d + 1);
    a[PART_MAX] = max;
}

static void finish(const attend_job *j, int g, int tok, int head, const float *part) {
    const int d = j->c->head_dim;
    float    *out = j->out + ((int64_t)tok * j->t->n_head + g * j->t->group + head) * d;
    for (int i = 0; i < d; i++) out[i] = part[PART_VALUES + i] / part[PART_SUM];
}

static int first_split(const attend_job *j, int tok) { return kv_first(j->c, j->layer, j->pos + tok) / KV_SPLIT; }

/* Many queries: task = kv head x tile, the latest queries of a head first, since they see most. */
static void tile_task(void *ctx, int64_t task, int worker) {
    const attend_job *j = ctx;
    const attend     *t = j->t;
    const int         t0 = (j->n_tile - 1 - (int)(task % j->n_tile)) * t->tile, n = j->n_tok - t0 < t->tile ? j->n_tok - t0 : t->tile;
    const tile        x = tile_of(j, worker, (int)(task / j->n_tile), t0, n);
    for (int s = first_split(j, t0); s <= (j->pos + t0 + n - 1) / KV_SPLIT; s++) {
        split_parts(j, &x, s, x.next);
        for (int r = 0; r < n * t->group; r++) {
            const int tok = t0 + r / t->group;
            float    *part = x.part + (size_t)r * t->part_floats, *next = x.next + (size_t)r * t->part_floats;
            if (s == first_split(j, tok)) memcpy(part, next, t->part_floats * sizeof *part);
            else if (s > first_split(j, tok) && s <= (j->pos + tok) / KV_SPLIT) merge(&j->o->k, part, next, j->c->width);
        }
    }
    for (int r = 0; r < n * t->group; r++) finish(j, x.g, t0 + r / t->group, r % t->group, x.part + (size_t)r * t->part_floats);
}

/* A tile of queries at most: task = kv head x split. */
static void split_task(void *ctx, int64_t task, int worker) {
    const attend_job *j = ctx;
    const attend     *t = j->t;
    const int         g = (int)(task / j->n_split), rows = j->n_tok * t->group;
    const size_t      split_floats = (size_t)rows * t->part_floats;
    float            *parts = t->parts + (size_t)(g * j->n_split) * split_floats;
    const tile        x = tile_of(j, worker, g, 0, j->n_tok);
    split_parts(j, &x, j->first_split + (int)(task % j->n_split), parts + (size_t)(task % j->n_split) * split_floats);
    if (atomic_fetch_sub(&t->n_left[g], 1) > 1) return;
    for (int r = 0; r < rows; r++) {
        const int tok = r / t->group, first = first_split(j, tok) - j->first_split, last = (j->pos + tok) / KV_SPLIT - j->first_split;
        float    *part = parts + (size_t)first * split_floats + (size_t)r * t->part_floats;
        for (int s = 1; s <= last - first; s++) merge(&j->o->k, part, part + (size_t)s * split_floats, j->c->width);
        finish(j, g, tok, r % t->group, part);
    }
}

void attend_run(attend *t, ops *o, float *out, const float *q, const kv_cache *c, int layer, int pos, int n_tok) {
    attend_job j = {.t = t, .o = o, .c = c, .q = q, .out = out, .layer = layer, .pos = pos, .n_tok = n_tok};
    const int  n_kv = t->n_head / t->group;
    j.n_tile = (n_tok + t->tile - 1) / t->tile;
    if (j.n_tile > 1) {
        thread_run(o->pool, (int64_t)n_kv * j.n_tile, tile_task, &j);
        return;
    }
    j.first_split = first_split(&j, 0);
    j.n_split = (pos + n_tok - 1) / KV_SPLIT - j.first_split + 1;
    for (int g = 0; g < n_kv; g++) atomic_store(&t->n_left[g], j.n_split);
    thread_run(o->pool, (int64_t)n_kv * j.n_split, split_task, &j);
}
