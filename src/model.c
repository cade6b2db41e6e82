/* model.c - binds the file's tensors to their places, from one table. */
#include "model.h"
#include "kernels/r8.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Lengths in terms of the configuration. */
typedef enum { ONE, EMBD, QUERY, KV, QKV, FF, FF2, HEAD, PAIRS, VOCAB } dim_name;

typedef enum { MATRIX, VECTOR } tensor_kind;

typedef struct {
    const char *name; /* of a layer's tensor: what follows "blk.N." */
    tensor_kind kind;
    dim_name    rows, cols;
    unsigned    need;  /* ALWAYS, or the models whose configuration says NEEDS_..; 0: none  */
    size_t      field; /* in layer or weights */
} binding;

#define ALWAYS (~0u)

#define L(field) offsetof(layer, field)
#define W(field) offsetof(weights, field)

static const binding of_layer[] = {
    {"attn_norm.weight", VECTOR, ONE, EMBD, ALWAYS, L(attn_norm)},
    {"ffn_norm.weight", VECTOR, ONE, EMBD, ALWAYS, L(ffn_norm)},
    {"attn_output.weight", MATRIX, EMBD, QUERY, ALWAYS, L(o)},
    {"ffn_down.weight", MATRIX, EMBD, FF, ALWAYS, L(down)},
    {"attn_q.bias", VECTOR, ONE, QUERY, NEEDS_QKV_BIAS, L(q_bias)},
    {"attn_k.bias", VECTOR, ONE, KV, NEEDS_QKV_BIAS, L(k_bias)},
    {"attn_v.bias", VECTOR, ONE, KV, NEEDS_QKV_BIAS, L(v_bias)},
    {"attn_output.bias", VECTOR, ONE, EMBD, 0, L(o_bias)},
    {"attn_q_norm.weight", VECTOR, ONE, HEAD, NEEDS_QK_NORM, L(q_norm)},
    {"attn_k_norm.weight", VECTOR, ONE, HEAD, NEEDS_QK_NORM, L(k_norm)},
    {"post_attention_norm.weight", VECTOR, ONE, EMBD, NEEDS_POST_NORM, L(post_attn)},
    {"post_ffw_norm.weight", VECTOR, ONE, EMBD, NEEDS_POST_NORM, L(post_ffn)},
};
/* q, k and v apart or fused; gate and up apart or fused (then ffn_up holds both). */
static const binding split_qkv[] = {
    {"attn_q.weight", MATRIX, QUERY, EMBD, ALWAYS, L(q)},
    {"attn_k.weight", MATRIX, KV, EMBD, ALWAYS, L(k)},
    {"attn_v.weight", MATRIX, KV, EMBD, ALWAYS, L(v)},
};
static const binding fused_qkv = {"attn_qkv.weight", MATRIX, QKV, EMBD, ALWAYS, L(q)};
static const binding split_ffn[] = {
    {"ffn_gate.weight", MATRIX, FF, EMBD, ALWAYS, L(gate)},
    {"ffn_up.weight", MATRIX, FF, EMBD, ALWAYS, L(up)},
};
static const binding fused_ffn = {"ffn_up.weight", MATRIX, FF2, EMBD, ALWAYS, L(gate)};

static const binding of_model[] = {
    {"token_embd.weight", MATRIX, VOCAB, EMBD, ALWAYS, W(embed)},
    {"output.weight", MATRIX, VOCAB, EMBD, 0, W(head)},
    {"output_norm.weight", VECTOR, ONE, EMBD, ALWAYS, W(out_norm)},
    {"rope_freqs.weight", VECTOR, ONE, PAIRS, 0, W(factors.all)},
    {"rope_factors_short.weight", VECTOR, ONE, PAIRS, 0, W(factors.small)},
    {"rope_factors_long.weight", VECTOR, ONE, PAIRS, 0, W(factors.large)},
};

/* Tensors that some models have and that change the result: a model with one of them, unbound, would run
 * wrongly without a word. */
static const char *const unsupported[] = {
    "attn_qkv.bias", "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias", "attn_norm.bias", "ffn_norm.bias",
    "ffn_gate_inp.weight", "attn_sinks.weight", "attn_norm_2.weight", "attn_sub_norm.weight", "ffn_sub_norm.weight",
};
static const char *const unsupported_of_model[] = {
    "output.bias", "output_norm.bias", "position_embd.weight", "token_embd_norm.weight",
};

static int64_t length(const weights *w, dim_name d) {
    const model_config *c = &w->cfg;
    const int64_t       q = (int64_t)c->n_head * c->head_dim, kv = (int64_t)c->n_head_kv * c->head_dim;
    switch (d) {
    case ONE: return 1;
    case EMBD: return c->n_embd;
    case QUERY: return q;
    case KV: return kv;
    case QKV: return q + 2 * kv;
    case FF: return c->n_ff;
    case FF2: return 2 * (int64_t)c->n_ff;
    case HEAD: return c->head_dim;
    case PAIRS: return c->n_rot / 2;
    case VOCAB: return w->n_vocab;
    }
    return 0;
}

typedef struct {
    weights    *w;
    const gguf *g;
    arena      *mem;
    slm_error  *err;
} binder;

static slm_status bind_vector(binder *b, const gguf_tensor *t, const char *name, int64_t n, const float **out) {
    if (t->type->id != TYPE_F32 && t->type->id != TYPE_F16 && t->type->id != TYPE_BF16)
        return gguf_fail(b->g, b->err, SLM_ERR_FORMAT, "tensor %s is %s; a vector must be F32, F16 or BF16", name, t->type->name);
    float *v = arena_take(b->mem, (size_t)n, sizeof *v, 64);
    if (v) t->type->to_f32(v, t->data, n);
    if (b->mem->base) *out = v;
    return SLM_OK;
}

static slm_status bind_one(binder *b, const binding *row, int n_layer, void *base) {
    char name[96];
    if (n_layer < 0) snprintf(name, sizeof name, "%s", row->name);
    else snprintf(name, sizeof name, "blk.%d.%s", n_layer, row->name);
    const gguf_tensor *t = gguf_find(b->g, name);
    const bool         required = row->need == ALWAYS || row->need & b->w->cfg.needs;
    if (!t) return required ? gguf_fail(b->g, b->err, SLM_ERR_FORMAT, "tensor %s is missing", name) : SLM_OK;
    const int64_t rows = length(b->w, row->rows), cols = length(b->w, row->cols);
    if (t->dim[0] != (uint64_t)cols || t->dim[1] != (uint64_t)rows || t->dim[2] != 1 || t->dim[3] != 1)
        return gguf_fail(b->g, b->err, SLM_ERR_FORMAT, "tensor %s has shape [%llu, %llu], the model needs [%lld, %lld]", name,
                         (unsigned long long)t->dim[0], (unsigned long long)t->dim[1], (long long)cols, (long long)rows);
    char *field = (char *)base + row->field;
    if (row->kind == VECTOR) return bind_vector(b, t, name, cols, (const float **)(void *)field);
    size_t row_bytes = 0;
    if (!type_row_bytes(t->type, (uint64_t)cols, &row_bytes))
        return gguf_fail(b->g, b->err, SLM_ERR_FORMAT, "tensor %s: rows of %lld are no whole %s blocks", name, (long long)cols, t->type->name);
    if (b->mem->base) *(matrix *)(void *)field = (matrix){t->type, t->data, rows, cols, row_bytes, t->packed};
    return SLM_OK;
}

static slm_status bind_list(binder *b, const binding *rows, size_t n, int n_layer, void *base) {
    slm_status rc = SLM_OK;
    for (size_t i = 0; i < n && !rc; i++) rc = bind_one(b, &rows[i], n_layer, base);
    return rc;
}

static bool has(const gguf *g, int n_layer, const char *what) {
    char name[96];
    snprintf(name, sizeof name, "blk.%d.%s", n_layer, what);
    return gguf_find(g, name) != NULL;
}

/* *m: the first `rows` rows of *rest; *rest becomes what follows them. */
static slm_status split_rows(binder *b, const char *name, matrix *rest, int64_t rows, matrix *m) {
    if (rest->packed && rows % 8 && rows < rest->rows)
        return gguf_fail(b->g, b->err, SLM_ERR_FORMAT, "tensor %s is packed, but a part of it ends at row %lld, within 8", name, (long long)rows);
    *m = *rest;
    m->rows = rows;
    rest->data += (size_t)rows * rest->row_bytes;
    rest->rows -= rows;
    return SLM_OK;
}

/* Is ffn_up alone there, in the shape that it has beside a gate? */
static bool is_half_of_fused(const binder *b, int i) {
    char name[96];
    snprintf(name, sizeof name, "blk.%d.%s", i, fused_ffn.name);
    const gguf_tensor *t = gguf_find(b->g, name);
    return t && t->dim[1] == (uint64_t)length(b->w, FF);
}

static slm_status bind_layer(binder *b, int i, layer *l) {
    for (size_t k = 0; k < ARRAY_LEN(unsupported); k++)
        if (has(b->g, i, unsupported[k]))
            return gguf_fail(b->g, b->err, SLM_ERR_UNSUPPORTED, "tensor blk.%d.%s is not supported", i, unsupported[k]);
    slm_status rc = bind_list(b, of_layer, ARRAY_LEN(of_layer), i, l);
    if (rc) return rc;
    const bool one_qkv = has(b->g, i, fused_qkv.name), two_ffn = has(b->g, i, split_ffn[0].name);
    if (!one_qkv && !has(b->g, i, split_qkv[0].name))
        return gguf_fail(b->g, b->err, SLM_ERR_FORMAT, "tensor blk.%d.%s is missing, and so is blk.%d.%s", i, split_qkv[0].name, i, fused_qkv.name);
    if (!two_ffn && is_half_of_fused(b, i))
        return gguf_fail(b->g, b->err, SLM_ERR_FORMAT, "tensor blk.%d.%s is missing (blk.%d.%s has the rows of one, not of both)", i, split_ffn[0].name, i,
                         fused_ffn.name);
    rc = one_qkv ? bind_one(b, &fused_qkv, i, l) : bind_list(b, split_qkv, ARRAY_LEN(split_qkv), i, l);
    if (!rc) rc = two_ffn ? bind_list(b, split_ffn, ARRAY_LEN(split_ffn), i, l) : bind_one(b, &fused_ffn, i, l);
    if (rc || !b->mem->base) return rc;
    if (one_qkv) {
        matrix rest = l->q;
        rc = split_rows(b, fused_qkv.name, &rest, length(b->w, QUERY), &l->q);
        if (!rc) rc = split_rows(b, fused_qkv.name, &rest, length(b->w, KV), &l->k);
        if (!rc) rc = split_rows(b, fused_qkv.name, &rest, length(b->w, KV), &l->v);
    }
    if (!rc && !two_ffn) {
        matrix rest = l->gate;
        rc = split_rows(b, fused_ffn.name, &rest, length(b->w, FF), &l->gate);
        if (!rc) rc = split_rows(b, fused_ffn.name, &rest, length(b->w, FF), &l->up);
    }
    return rc;
}

/* One walk that only measures (mem->base NULL), one that fills. */
static slm_status walk(binder *b) {
    weights   *w = b->w;
    layer      nothing = {0};
    slm_status rc = bind_list(b, of_model, ARRAY_LEN(of_model), -1, w);
    for (size_t k = 0; k < ARRAY_LEN(unsupported_of_model) && !rc; k++)
        if (gguf_find(b->g, unsupported_of_model[k]))
            rc = gguf_fail(b->g, b->err, SLM_ERR_UNSUPPORTED, "tensor %s is not supported", unsupported_of_model[k]);
    w->layers = arena_take(b->mem, (size_t)w->cfg.n_layer, sizeof *w->layers, 64);
    for (int i = 0; i < w->cfg.n_layer && !rc; i++) rc = bind_layer(b, i, b->mem->base ? &w->layers[i] : &nothing);
    return rc;
}

/* A file whose tensors go on behind the last layer holds more than its keys say: what runs would be a torso. */
static slm_status check_layers(const binder *b) {
    for (size_t i = 0; i < gguf_n_tensors(b->g); i++) {
        const str name = gguf_tensor_at(b->g, i)->name;
        size_t    at = 4;
        int       n = 0;
        if (name.n < 6 || memcmp(name.p, "blk.", 4)) continue;
        for (; at < name.n && name.p[at] >= '0' && name.p[at] <= '9' && n <= MODEL_MAX_LAYERS; at++) n = n * 10 + (name.p[at] - '0');
        if (at > 4 && at < name.n && n >= b->w->cfg.n_layer)
            return gguf_fail(b->g, b->err, SLM_ERR_FORMAT, "tensor %.*s is of a layer behind the last: %s.block_count = %d", (int)name.n, name.p,
                             b->w->cfg.name, b->w->cfg.n_layer);
    }
    return SLM_OK;
}

static slm_status check_factors(const binder *b, const float *f, const char *name) {
    for (int i = 0; f && i < b->w->cfg.n_rot / 2; i++)
        if (!(f[i] >= 1e-4f && f[i] <= 1e6f))
            return gguf_fail(b->g, b->err, SLM_ERR_FORMAT, "tensor %s: factor %d is %g, not in [0.0001, 1e6]", name, i, (double)f[i]);
    return SLM_OK;
}

slm_status weights_bind(weights *w, const gguf *g, slm_error *err) {
    memset(w, 0, sizeof *w);
    arena      measure = {0};
    binder     b = {w, g, &measure, err};
    slm_status rc = arch_config(&w->cfg, g, err);
    if (rc) return rc;
    const gguf_tensor *embed = gguf_find(g, "token_embd.weight");
    if (!embed) return gguf_fail(g, err, SLM_ERR_FORMAT, "tensor token_embd.weight is missing");
    if (embed->dim[1] >= MODEL_MAX_VOCAB)
        return gguf_fail(g, err, SLM_ERR_FORMAT, "token_embd.weight has %llu rows", (unsigned long long)embed->dim[1]);
    w->n_vocab = (int)embed->dim[1];
    if ((rc = walk(&b)) || (rc = check_layers(&b))) return rc;
    if (measure.full) return err_memory(err, "the table of weights", SIZE_MAX);
    if ((rc = arena_alloc(&w->mem, measure.used, "the table of weights", err))) return rc;
    b.mem = &w->mem;
    rc = walk(&b);
    if (!rc) rc = check_factors(&b, w->factors.all, "rope_freqs.weight");
    if (!rc) rc = check_factors(&b, w->factors.small, "rope_factors_short.weight");
    if (!rc) rc = check_factors(&b, w->factors.large, "rope_factors_long.weight");
    if (!rc && !w->factors.small != !w->factors.large)
        rc = gguf_fail(g, err, SLM_ERR_FORMAT, "only one of rope_factors_short.weight and rope_factors_long.weight is there");
    if (rc) {
        weights_free(w);
        return rc;
    }
    w->tied = w->head.data == NULL;
    if (w->tied) w->head = w->embed;
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        w->n_params += t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3];
        w->bytes += t->bytes;
        w->packed_in_file |= t->packed;
    }
    return SLM_OK;
}

/* ---- packing ------------------------------------------------------------------------ */

/* Calls fn for each matrix that products read; a tied table comes once, as the head. */
static void each_product_matrix(weights *w, void (*fn)(matrix *m, void *ctx), void *ctx) {
    for (int i = 0; i < w->cfg.n_layer; i++) {
        layer  *l = &w->layers[i];
        matrix *all[] = {&l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down};
        for (size_t k = 0; k < ARRAY_LEN(all); k++) fn(all[k], ctx);
    }
    fn(&w->head, ctx);
}

typedef struct {
    const gguf    *g;
    const kernels *k;
    thread_pool   *threads;
    arena         *mem;
    const matrix  *m;   /* being packed */
    uint8_t       *dst;
    int64_t        first, end; /* groups of 8 rows, of the piece at hand */
    slm_progress_fn progress;  /* NULL: nobody asks */
    void          *ud;
    bool           given_up;
} packer;

enum {
    PACK_GROUPS = 16,      /* groups of a task */
    PACK_PIECE = 16 << 20  /* bytes after which the file's pages are let go: they count as this process's memory */
};

static void pack_task(void *ctx, int64_t task, int worker) {
    const packer *p = ctx;
    const int64_t g0 = p->first + task * PACK_GROUPS, g1 = g0 + PACK_GROUPS < p->end ? g0 + PACK_GROUPS : p->end;
    (void)worker;
    ops_pack(p->m, p->dst, g0, g1);
}

/* `done` bytes are packed: does whoever asked for it want the rest? */
static bool goes_on(packer *p, size_t done) {
    if (p->progress && !p->given_up) p->given_up = !p->progress(p->ud, done, p->mem->cap);
    return !p->given_up;
}

static void pack_one(matrix *m, void *ctx) {
    packer *p = ctx;
    if (m->packed || !ops_can_pack(p->k, m)) return;
    const size_t  bytes = (size_t)m->rows * m->row_bytes, group = 8 * m->row_bytes;
    const int64_t n = m->rows / 8, piece = group < PACK_PIECE ? (int64_t)(PACK_PIECE / group) : 1;
    const size_t  before = p->mem->used;
    if (p->mem->base && !goes_on(p, before)) return;
    p->dst = arena_take(p->mem, bytes, 1, 64);
    if (!p->dst) return; /* measuring */
    p->m = m;
    for (p->first = 0; p->first < n; p->first = p->end) {
        /* Up to here the matrix in the file is still whole: what was let go of it comes back. */
        if (p->first && !gguf_is_spent(p->g) && !goes_on(p, before + (size_t)p->first * group)) return;
        p->end = p->first + piece < n ? p->first + piece : n;
        thread_run(p->threads, (p->end - p->first + PACK_GROUPS - 1) / PACK_GROUPS, pack_task, p);
        gguf_drop(p->g, m->data + (size_t)p->first * group, (size_t)(p->end - p->first) * group);
    }
    m->data = p->dst;
    m->packed = true;
}

slm_status weights_pack(weights *w, const gguf *g, const kernels *k, thread_pool *threads, slm_progress_fn progress, void *ud, slm_error *err) {
    arena  measure = {0};
    packer p = {.g = g, .k = k, .threads = threads, .mem = &measure, .progress = progress, .ud = ud};
    if (w->packed.base) return SLM_OK;
    each_product_matrix(w, pack_one, &p);
    if (measure.full) return err_memory(err, "packed weights", SIZE_MAX);
    if (!measure.used) return SLM_OK;
    slm_status rc = arena_alloc(&w->packed, measure.used, "packed weights", err);
    if (rc) return rc;
    p.mem = &w->packed;
    each_product_matrix(w, pack_one, &p);
    if (w->tied) w->embed = w->head;
    return SLM_OK;
}

typedef struct {
    const gguf_tensor *t;
    bool               found, aligned;
} pack_question;

static void ask_view(matrix *m, void *ctx) {
    pack_question *q = ctx;
    const size_t   at = (size_t)(m->data - q->t->data); /* wraps to a large number where m lies before t */
    if (at >= q->t->bytes) return;
    q->found = true;
    q->aligned &= at / m->row_bytes % 8 == 0;
}

bool weights_can_pack(weights *w, const gguf_tensor *t) {
    pack_question q = {.t = t, .aligned = true};
    if (t->packed || !r8_has(t->type->id) || t->n_dims != 2 || t->dim[1] < 8) return false;
    each_product_matrix(w, ask_view, &q);
    return q.found && q.aligned;
}

bool weights_have_fast(const weights *w, const kernels *k) {
    for (int i = 0; i < w->cfg.n_layer; i++) {
        const layer  *l = &w->layers[i];
        const matrix *all[] = {&l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down};
        for (size_t j = 0; j < ARRAY_LEN(all); j++)
            if (ops_has_fast(k, all[j])) return true;
    }
    return false;
}

void weights_free(weights *w) {
    arena_free(&w->packed);
    arena_free(&w->mem);
    memset(w, 0, sizeof *w);
}
