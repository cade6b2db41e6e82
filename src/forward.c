/* forward.c - the transformer.  Acts on what the configuration and the weights hold; knows no
 * model by name.  Source: Vaswani et al. 2017; RMSNorm: Zhang and Sennrich 2019; gated FFN:
 * Shazeer 2020; the executable statement of all of it is the oracle's ref_forward.py. */
#include "forward.h"
#include <string.h>

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

void forward_room(arena *a, forward_state *f, int n_ctx, slm_kv_type type) {
    kv_layout(a, &f->cache, &f->w->cfg, n_ctx, f->n_batch, type);
    attend_room(a, &f->att, n_ctx);
}

void forward_layout(arena *a, forward_state *f, const weights *w, int n_batch, int n_threads) {
    const model_config *c = &w->cfg;
    const int64_t       q = (int64_t)c->n_head * c->head_dim, kv_dim = (int64_t)c->n_head_kv * c->head_dim;
    const size_t        n = (size_t)n_batch;
    f->w = w;
    f->n_batch = n_batch;
    ops_layout(a, &f->o, n_threads, n_batch);
    attend_layout(a, &f->att, c, n_threads);
    rope_layout(a, &f->rot, c);
    f->x = arena_take(a, n * (size_t)c->n_embd, sizeof(float), 64);
    f->h = arena_take(a, n * (size_t)most(c->n_embd, q), sizeof(float), 64);
    f->q = arena_take(a, n * (size_t)most(c->n_embd, q), sizeof(float), 64);
    f->k = arena_take(a, n * (size_t)kv_dim, sizeof(float), 64);
    f->v = arena_take(a, n * (size_t)kv_dim, sizeof(float), 64);
    f->gate = arena_take(a, n * (size_t)c->n_ff, sizeof(float), 64);
    f->up = arena_take(a, n * (size_t)c->n_ff, sizeof(float), 64);
    for (int i = 0; i < 2; i++) f->table[i] = arena_take(a, n * (size_t)c->n_rot, sizeof(float), 64);
    /* Rows that 32 does not divide belong to float formats and are never quantized. */
    f->act = arena_take(a, n, act_bytes(most(c->n_embd, q) + 31), 64);
    f->act_ff = arena_take(a, n, act_bytes(c->n_ff + 31), 64);
}

void forward_init(forward_state *f, int n_ctx, const kernels *k, thread_pool *threads) {
    f->o.k = *k;
    f->o.pool = threads;
    rope_init(&f->rot, &f->w->cfg, &f->w->factors, n_ctx);
}

/* What the token loops below work on. */
typedef struct {
    forward_state *f;
    const layer   *l;
    const int32_t *ids;
    const float   *norm;  /* weights of the norm before the next products */
    const float   *post;  /* of the norm behind the last product, or NULL */
    const float   *bias;  /* of the last product, or NULL */
    float         *out;   /* rows [n_embd] of the last product */
    ops_input      in;    /* of the next products */
    ops_input      ff;    /* of the product down */
    bool           quantize, quantize_ff;
    int            n, layer, pos;
} step;

static bool in_integers(const forward_state *f, const matrix *a, const matrix *b, const matrix *c) {
    return ops_in_integers(&f->o, a) || (b && ops_in_integers(&f->o, b)) || (c && ops_in_integers(&f->o, c));
}

static void show(const step *s, input_kind kind, const ops_input *in) {
    const input_watch *w = &s->f->watch;
    if (w->see) w->see(w->ud, kind, s->layer, in->x, in->cols, s->n);
}

/* x = embedding of the token. */
static void embed_token(void *ctx, int64_t t, int worker) {
    step               *s = ctx;
    forward_state      *f = s->f;
    const model_config *c = &f->w->cfg;
    (void)worker;
    ops_row(f->x + t * c->n_embd, &f->w->embed, s->ids[t], c->embed_scale);
    for (int local = 0; local < (c->window ? 2 : 1); local++) rope_table(&f->rot, local, s->pos + (int)t, f->table[local] + t * c->n_rot);
}

/* h = norm(x), quantized where the next products want it. */
static void norm_token(void *ctx, int64_t t, int worker) {
    step               *s = ctx;
    forward_state      *f = s->f;
    const model_config *c = &f->w->cfg;
    (void)worker;
    f->o.k.rms_norm(f->h + t * c->n_embd, f->x + t * c->n_embd, s->norm, c->n_embd, c->norm_eps);
    if (s->quantize) ops_quantize(&f->o, &s->in, t);
}

static void add(float *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

/* Bias, head norms and rotation of q and k; k and v go into the cache. */
static void rotate_token(void *ctx, int64_t t, int worker) {
    step               *s = ctx;
    forward_state      *f = s->f;
    const model_config *c = &f->w->cfg;
    const layer        *l = s->l;
    const int           d = c->head_dim, n_q = c->n_head * d, n_kv = c->n_head_kv * d;
    float              *q = f->q + t * n_q, *k = f->k + t * n_kv, *v = f->v + t * n_kv;
    (void)worker;
    if (l->q_bias) add(q, l->q_bias, n_q);
    if (l->k_bias) add(k, l->k_bias, n_kv);
    if (l->v_bias) add(v, l->v_bias, n_kv);
    for (int h = 0; l->q_norm && h < c->n_head; h++) f->o.k.rms_norm(q + h * d, q + h * d, l->q_norm, d, c->norm_eps);
    for (int h = 0; l->k_norm && h < c->n_head_kv; h++) f->o.k.rms_norm(k + h * d, k + h * d, l->k_norm, d, c->norm_eps);
    const float *table = f->table[c->local[s->layer]] + t * c->n_rot;
    /* Rotate before storing: a cached key never moves, so this is paid once. */
    rope_rotate(&f->rot, table, q, c->n_head, d);
    rope_rotate(&f->rot, table, k, c->n_head_kv, d);
    kv_put(&f->cache, &f->o.k, s->layer, s->pos + (int)t, k, v);
}

static void quantize_token(void *ctx, int64_t t, int worker) {
    step *s = ctx;
    (void)worker;
    ops_quantize(&s->f->o, &s->in, t);
}

/* Some rows of the result of attention or FFN: x += out + bias, or without the sum where a norm of all rows
 * comes before it. */
static void residual_rows(void *ctx, int64_t r0, int64_t r1) {
    step               *s = ctx;
    forward_state      *f = s->f;
    const model_config *c = &f->w->cfg;
    for (int64_t t = 0; t < s->n; t++) {
        float *h = s->out + t * c->n_embd + r0;
        if (s->bias) add(h, s->bias + r0, r1 - r0);
        if (!s->post) add(f->x + t * c->n_embd + r0, h, r1 - r0);
    }
}

/* x += post(out) */
static void post_token(void *ctx, int64_t t, int worker) {
    step               *s = ctx;
    forward_state      *f = s->f;
    const model_config *c = &f->w->cfg;
    float              *h = s->out + t * c->n_embd;
    (void)worker;
    f->o.k.rms_norm(h, h, s->post, c->n_embd, c->norm_eps);
    add(f->x + t * c->n_embd, h, c->n_embd);
}

/* Some rows of gate = act(gate) * up, quantized where the next product wants it. */
static void gate_rows(void *ctx, int64_t r0, int64_t r1) {
    step               *s = ctx;
    forward_state      *f = s->f;
    const model_config *c = &f->w->cfg;
    for (int64_t t = 0; t < s->n; t++) {
        float       *g = f->gate + t * c->n_ff + r0;
        const float *u = f->up + t * c->n_ff + r0;
        if (c->act == ACT_GELU) f->o.k.gelu_mul(g, g, u, r1 - r0);
        else f->o.k.silu_mul(g, g, u, r1 - r0);
        if (s->quantize_ff) ops_quantize_part(&f->o, &s->ff, t, r0, r1);
    }
}

/* out = m . in, then x += post(out + bias). */
static void product_and_residual(step *s, const ops_input *in, const matrix *m) {
    forward_state *f = s->f;
    const ops_product product = {s->out, f->w->cfg.n_embd, m};
    if (s->n == 1) { /* the sum at the end of each task would wait for its rows of x while weights could come */
        ops_matmul(&f->o, in, &product, 1);
        residual_rows(s, 0, f->w->cfg.n_embd);
    } else {
        ops_matmul_then(&f->o, in, &product, 1, residual_rows, s);
    }
    if (s->post) thread_run(f->o.pool, s->n, post_token, s);
}

static void attention(step *s) {
    forward_state      *f = s->f;
    const int           n = s->n;
    const model_config *c = &f->w->cfg;
    const layer        *l = s->l;
    const int64_t       n_q = (int64_t)c->n_head * c->head_dim, n_kv = (int64_t)c->n_head_kv * c->head_dim;
    s->norm = l->attn_norm;
    s->in = (ops_input){f->h, f->act, c->n_embd, n};
    s->quantize = in_integers(f, &l->q, &l->k, &l->v);
    thread_run(f->o.pool, n, norm_token, s);
    show(s, INPUT_QKV, &s->in);
    ops_matmul(&f->o, &s->in, (ops_product[]){{f->q, n_q, &l->q}, {f->k, n_kv, &l->k}, {f->v, n_kv, &l->v}}, 3);
    thread_run(f->o.pool, n, rotate_token, s);
    attend_run(&f->att, &f->o, f->h, f->q, &f->cache, s->layer, s->pos, n);
    /* The attended values are in h; q is free again. */
    s->out = f->q;
    s->in = (ops_input){f->h, f->act, n_q, n};
    show(s, INPUT_O, &s->in);
    if (in_integers(f, &l->o, NULL, NULL)) thread_run(f->o.pool, n, quantize_token, s);
    s->bias = l->o_bias;
    s->post = l->post_attn;
    product_and_residual(s, &s->in, &l->o);
}

static void feed_forward(step *s) {
    forward_state      *f = s->f;
    const int           n = s->n;
    const model_config *c = &f->w->cfg;
    const layer        *l = s->l;
    s->norm = l->ffn_norm;
    s->in = (ops_input){f->h, f->act, c->n_embd, n};
    s->quantize = in_integers(f, &l->gate, &l->up, NULL);
    thread_run(f->o.pool, n, norm_token, s);
    show(s, INPUT_GATE_UP, &s->in);
    s->ff = (ops_input){f->gate, f->act_ff, c->n_ff, n};
    s->quantize_ff = in_integers(f, &l->down, NULL, NULL);
    const ops_product gate_up[] = {{f->gate, c->n_ff, &l->gate}, {f->up, c->n_ff, &l->up}};
    if (n == 1) { /* memory is the limit: one long run of weights after the other */
        ops_matmul(&f->o, &s->in, gate_up, 2);
        gate_rows(s, 0, c->n_ff);
    } else {
        ops_matmul_then(&f->o, &s->in, gate_up, 2, gate_rows, s);
    }
    show(s, INPUT_DOWN, &s->ff);
    s->out = f->h;
    s->bias = NULL;
    s->post = l->post_ffn;
    product_and_residual(s, &s->ff, &l->down);
}

bool forward(forward_state *f, const int32_t *ids, int n, int pos) {
    step s = {.f = f, .ids = ids, .n = n, .pos = pos};
    bool goes_on = true;
    thread_run(f->o.pool, n, embed_token, &s);
    for (s.layer = 0; s.layer < f->w->cfg.n_layer; s.layer++) {
        goes_on = !f->leave.ask || f->leave.ask(f->leave.ud);
        if (!goes_on) break;
        s.l = &f->w->layers[s.layer];
        attention(&s);
        feed_forward(&s);
    }
    if (pos + n > f->cache.high) f->cache.high = pos + n;
    return goes_on;
}

const float *forward_state_of(forward_state *f, int t) {
    step s = {.f = f, .n = 1, .norm = f->w->out_norm};
    norm_token(&s, t, 0);
    return f->h + (int64_t)t * f->w->cfg.n_embd;
}

void forward_logits(forward_state *f, int first, int n, float *logits) {
    const model_config *c = &f->w->cfg;
    step                s = {.f = f, .n = n, .norm = f->w->out_norm};
    s.in = (ops_input){f->h + (int64_t)first * c->n_embd, f->act, c->n_embd, n};
    s.quantize = false;
    for (int t = first; t < first + n; t++) norm_token(&s, t, 0);
    s.in.x = f->h + (int64_t)first * c->n_embd;
    show(&s, INPUT_HEAD, &s.in);
    if (ops_in_integers(&f->o, &f->w->head)) thread_run(f->o.pool, n, quantize_token, &s);
    ops_matmul(&f->o, &s.in, (ops_product[]){{logits, f->w->n_vocab, &f->w->head}}, 1);
    for (int t = 0; c->logit_softcap != 0 && t < n; t++) f->o.k.softcap(logits + (int64_t)t * f->w->n_vocab, f->w->n_vocab, c->logit_softcap);
}
