/* synth.c - a GGUF of a public model's shape with random weights, made in memory.
 *
 * Speed does not depend on what weights say, so such a file stands in for the real one where only
 * speed and memory are asked for.  Its text is noise; its vocabulary is 256 byte tokens, one end
 * token and fillers.  The shapes are facts from the models' published configurations. */
#include "synth.h"
#include "gguf.h"
#include "limits.h"
#include "thread.h"
#include "unicode.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

typedef struct {
    const char *name, *arch, *pre;
    int         n_layer, n_embd, n_head, n_head_kv, head_dim, n_ff, n_vocab;
    bool        tied;
    float       rope_base, eps;
    int         n_ctx, window;
} shape;

static const shape shapes[] = {
    {"llama-3.2-1b", "llama", "llama-bpe", 16, 2048, 32, 8, 64, 8192, 128256, true, 500000, 1e-5f, 131072, 0},
    {"qwen2.5-1.5b", "qwen2", "qwen2", 28, 1536, 12, 2, 128, 8960, 151936, true, 1000000, 1e-6f, 32768, 0},
    {"smollm2-1.7b", "llama", "llama-bpe", 24, 2048, 32, 32, 64, 8192, 49152, true, 130000, 1e-5f, 8192, 0},
    {"smollm2-135m", "llama", "llama-bpe", 30, 576, 9, 3, 64, 1536, 49152, true, 100000, 1e-5f, 8192, 0},
    {"phi-3.5-mini", "phi3", "llama-bpe", 32, 3072, 32, 32, 96, 8192, 32064, false, 10000, 1e-5f, 131072, 262144},
    {"gemma-3-1b", "gemma3", "llama-bpe", 26, 1152, 4, 1, 256, 6912, 262144, true, 1000000, 1e-6f, 32768, 512},
    {"gemma-3-4b", "gemma3", "llama-bpe", 34, 2560, 8, 4, 256, 10240, 262144, true, 1000000, 1e-6f, 131072, 1024},
    {"qwen3-0.6b", "qwen3", "qwen2", 28, 1024, 16, 8, 128, 3072, 151936, true, 1000000, 1e-6f, 40960, 0},
};

/* base: of most matrices; output: of the output matrix, or the tied table; boost: of half of the
 * value and down projections, where a mixture spends its extra bits. */
static const struct {
    const char *name;
    uint32_t    file_type;
    type_id     base, output, boost;
} mixtures[] = {
    {"F32", 0, TYPE_F32, TYPE_F32, TYPE_F32},
    {"F16", 1, TYPE_F16, TYPE_F16, TYPE_F16},
    {"Q8_0", 7, TYPE_Q8_0, TYPE_Q8_0, TYPE_Q8_0},
    {"Q4_0", 2, TYPE_Q4_0, TYPE_Q6_K, TYPE_Q4_0},
    {"Q4_K_M", 15, TYPE_Q4_K, TYPE_Q6_K, TYPE_Q6_K},
    {"Q6_K", 18, TYPE_Q6_K, TYPE_Q6_K, TYPE_Q6_K},
};


/* ---- random blocks --------------------------------------------------------- */

/* What makes random bytes a block of sane weights: where its f16 scales are, the deviation of the
 * weights when d is 1, and what m is to d so that their mean is near 0. */
static const struct {
    type_id type;
    int     d_at, m_at;
    float   dev, m_ratio;
} scales[] = {
    {TYPE_Q4_0, 0, -1, 4.6f, 0},      {TYPE_Q4_1, 0, 2, 4.6f, -7.5f},   {TYPE_Q5_0, 0, -1, 9.2f, 0},
    {TYPE_Q5_1, 0, 2, 9.2f, -15.5f},  {TYPE_Q8_0, 0, -1, 74, 0},        {TYPE_Q2_K, 80, 82, 14, 1.5f},
    {TYPE_Q3_K, 108, -1, 43, 0},      {TYPE_Q4_K, 0, 2, 255, 7.5f},     {TYPE_Q5_K, 0, 2, 520, 15.5f},
    {TYPE_Q6_K, 208, -1, 1370, 0},    {TYPE_IQ4_NL, 0, -1, 70, 0},      {TYPE_IQ4_XS, 0, -1, 1300, 0},
};

/* Source: splitmix64, Steele, Lea and Flood 2014. */
static uint64_t next_random(uint64_t *s) {
    uint64_t z = *s += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void put_u16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

/* Floats straight from bits: a random sign and a magnitude from 2^-9 to 2^-5, evenly in its
 * logarithm.  Converting each from a double would take seconds for a gigabyte. */
static void put_float(uint8_t *p, type_id type, uint32_t r) {
    const uint32_t sign = r >> 31;
    if (type == TYPE_F16) put_u16(p, sign << 15 | (((15 - 9) << 10) + (r & 0xfff)));
    else if (type == TYPE_BF16) put_u16(p, sign << 15 | (((127 - 9) << 7) + (r & 0x1ff)));
    else {
        const uint32_t u = sign << 31 | (((127u - 9) << 23) + (r & 0x1ffffff));
        put_u16(p, u);
        put_u16(p + 2, u >> 16);
    }
}

void synth_blocks(void *dst, const type_info *type, size_t n, uint64_t seed) {
    uint8_t *p = dst;
    size_t   k = 0;
    if (type->block_elems == 1) {
        for (size_t i = 0; i < n; i++, p += type->block_bytes) put_float(p, type->id, (uint32_t)(next_random(&seed) >> 32));
        return;
    }
    while (k + 1 < ARRAY_LEN(scales) && scales[k].type != type->id) k++;
    const size_t bytes = n * (size_t)type->block_bytes;
    for (size_t i = 0; i < bytes; i += 8) {
        const uint64_t r = next_random(&seed);
        memcpy(p + i, &r, bytes - i < 8 ? bytes - i : 8);
    }
    /* Sixteen scales serve all blocks: what they are does not matter, only that they differ. */
    uint16_t d[16], m[16];
    for (int i = 0; i < 16; i++) {
        const float f = 0.02f / scales[k].dev * (0.6f + 0.05f * (float)i);
        d[i] = f32_to_f16(f);
        m[i] = f32_to_f16(f * scales[k].m_ratio);
    }
    for (size_t i = 0; i < n; i++, p += type->block_bytes) {
        const int pick = p[4] & 15;
        put_u16(p + scales[k].d_at, d[pick]);
        if (scales[k].m_at >= 0) put_u16(p + scales[k].m_at, m[pick]);
    }
}

/* ---- the file --------------------------------------------------------------- */

typedef enum { FILL_RANDOM, FILL_NEAR, FILL_RAMP } fill_kind;

typedef struct {
    type_id   type;
    uint64_t  rows, cols;
    fill_kind fill;
    float     value; /* FILL_NEAR: about this; FILL_RAMP: from 1 to this */
    uint64_t  offset, bytes;
} tensor;

enum { MAX_TENSORS = 1024, ALIGN = 32 };

typedef struct {
    strbuf   kv, info;
    uint32_t n_kv;
    int      n_tensor;
    tensor   list[MAX_TENSORS];
    uint64_t data_bytes;
} plan;

static void put_uint(strbuf *b, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) strbuf_char(b, (char)(v >> 8 * i));
}

static void put_str(strbuf *b, str s) {
    put_uint(b, s.n, 8);
    strbuf_str(b, s);
}

static void put_f32(strbuf *b, float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    put_uint(b, u, 4);
}

static void begin_key(plan *p, const char *key, gguf_kind kind) {
    put_str(&p->kv, str_of(key));
    put_uint(&p->kv, kind, 4);
    p->n_kv++;
}

static void key_uint(plan *p, const char *key, uint32_t v) {
    begin_key(p, key, GGUF_U32);
    put_uint(&p->kv, v, 4);
}

static void key_text(plan *p, const char *key, const char *v) {
    begin_key(p, key, GGUF_STR);
    put_str(&p->kv, str_of(v));
}

static void begin_list(plan *p, const char *key, gguf_kind elem, uint64_t n) {
    begin_key(p, key, GGUF_ARRAY);
    put_uint(&p->kv, elem, 4);
    put_uint(&p->kv, n, 8);
}

static const char *arch_key(const shape *s, const char *what, char buf[96]) {
    snprintf(buf, 96, "%s.%s", s->arch, what);
    return buf;
}

/* Byte-level vocabularies spell a byte as a printable character: itself where it is one, else the
 * next one from U+0100 on. */
static void put_byte_names(strbuf *b) {
    uint32_t next = 256;
    for (uint32_t c = 0; c < 256; c++) {
        const bool plain = (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || c >= 174;
        char       utf8[4];
        put_str(b, (str){utf8, (size_t)utf8_encode(plain ? c : next++, utf8)});
    }
}

static void put_vocabulary(plan *p, const shape *s) {
    key_text(p, "tokenizer.ggml.model", "gpt2");
    key_text(p, "tokenizer.ggml.pre", s->pre);
    begin_list(p, "tokenizer.ggml.tokens", GGUF_STR, (uint64_t)s->n_vocab);
    put_byte_names(&p->kv);
    put_str(&p->kv, STR("<|end|>"));
    for (int i = 257; i < s->n_vocab; i++) {
        char name[32];
        snprintf(name, sizeof name, "[filler %d]", i);
        put_str(&p->kv, str_of(name));
    }
    begin_list(p, "tokenizer.ggml.token_type", GGUF_I32, (uint64_t)s->n_vocab);
    for (int i = 0; i < s->n_vocab; i++) put_uint(&p->kv, i == 256 ? 3 : 1, 4); /* 3: control */
    begin_list(p, "tokenizer.ggml.merges", GGUF_STR, 2);
    put_str(&p->kv, STR("t h"));
    put_str(&p->kv, STR("h e"));
    key_uint(p, "tokenizer.ggml.bos_token_id", 256);
    key_uint(p, "tokenizer.ggml.eos_token_id", 256);
    begin_key(p, "tokenizer.ggml.add_bos_token", GGUF_BOOL);
    put_uint(&p->kv, 0, 1);
}

static void put_metadata(plan *p, const shape *s, int mix, int n_layer) {
    char       key[96], name[96];
    const struct {
        const char *key;
        int         v;
    } counts[] = {
        {"block_count", n_layer}, {"context_length", s->n_ctx}, {"embedding_length", s->n_embd},
        {"feed_forward_length", s->n_ff}, {"attention.head_count", s->n_head},
        {"attention.head_count_kv", s->n_head_kv}, {"rope.dimension_count", s->head_dim},
        {"attention.key_length", s->head_dim}, {"attention.value_length", s->head_dim},
    };
    key_text(p, "general.architecture", s->arch);
    snprintf(name, sizeof name, "%s shape, random weights", s->name);
    key_text(p, "general.name", name);
    key_uint(p, "general.file_type", mixtures[mix].file_type);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) key_uint(p, arch_key(s, counts[i].key, key), (uint32_t)counts[i].v);
    if (s->window) key_uint(p, arch_key(s, "attention.sliding_window", key), (uint32_t)s->window);
    begin_key(p, arch_key(s, "attention.layer_norm_rms_epsilon", key), GGUF_F32);
    put_f32(&p->kv, s->eps);
    begin_key(p, arch_key(s, "rope.freq_base", key), GGUF_F32);
    put_f32(&p->kv, s->rope_base);
    if (!strcmp(s->arch, "phi3")) {
        key_uint(p, "phi3.rope.scaling.original_context_length", 4096);
        begin_key(p, "phi3.rope.scaling.attn_factor", GGUF_F32);
        put_f32(&p->kv, 1.190238f);
    }
    put_vocabulary(p, s);
}

static tensor *add(plan *p, const char *name, type_id type, uint64_t rows, uint64_t cols) {
    const type_info *t = type_get(type);
    tensor          *x = &p->list[p->n_tensor++];
    *x = (tensor){.type = type, .rows = rows, .cols = cols, .offset = p->data_bytes};
    x->bytes = rows * (cols / (uint64_t)t->block_elems) * (uint64_t)t->block_bytes;
    p->data_bytes += (x->bytes + ALIGN - 1) / ALIGN * ALIGN;
    put_str(&p->info, str_of(name));
    put_uint(&p->info, rows > 1 ? 2 : 1, 4);
    put_uint(&p->info, cols, 8);
    if (rows > 1) put_uint(&p->info, rows, 8);
    put_uint(&p->info, type, 4);
    put_uint(&p->info, x->offset, 8);
    return x;
}

/* Rows that 256 does not divide cannot be of a K format; quantizers then take a plain one. */
static type_id type_for(type_id t, uint64_t cols) {
    if (cols % 256 == 0) return t;
    return t == TYPE_Q6_K ? TYPE_Q8_0 : t == TYPE_Q4_K ? TYPE_Q4_0 : t;
}

static void add_matrix(plan *p, const char *name, type_id type, int rows, int cols) {
    add(p, name, type_for(type, (uint64_t)cols), (uint64_t)rows, (uint64_t)cols);
}

static void add_vector(plan *p, const char *name, int n, fill_kind fill, float value) {
    tensor *x = add(p, name, TYPE_F32, 1, (uint64_t)n);
    x->fill = fill;
    x->value = value;
}

static void add_layer(plan *p, const shape *s, int mix, int i, int n_layer) {
    char          name[64];
    const int     head = snprintf(name, sizeof name, "blk.%d.", i);
    const int     q = s->n_head * s->head_dim, kv = s->n_head_kv * s->head_dim, d = s->n_embd;
    const type_id base = mixtures[mix].base;
    /* The mixture's rule, as the tools that make such files apply it. */
    const bool    more = i < n_layer / 8 || i >= 7 * n_layer / 8 || (i - n_layer / 8) % 3 == 2;
    const type_id extra = more ? mixtures[mix].boost : base;
    const bool    is_phi = !strcmp(s->arch, "phi3"), is_gemma = !strcmp(s->arch, "gemma3");
#define NAME(what) (memcpy(name + head, what, sizeof what), name)
    add_vector(p, NAME("attn_norm.weight"), d, FILL_NEAR, 1);
    if (is_phi) {
        add_matrix(p, NAME("attn_qkv.weight"), base, q + 2 * kv, d);
    } else {
        add_matrix(p, NAME("attn_q.weight"), base, q, d);
        add_matrix(p, NAME("attn_k.weight"), base, kv, d);
        add_matrix(p, NAME("attn_v.weight"), extra, kv, d);
    }
    if (!strcmp(s->arch, "qwen2")) {
        add_vector(p, NAME("attn_q.bias"), q, FILL_NEAR, 0);
        add_vector(p, NAME("attn_k.bias"), kv, FILL_NEAR, 0);
        add_vector(p, NAME("attn_v.bias"), kv, FILL_NEAR, 0);
    }
    if (is_gemma || !strcmp(s->arch, "qwen3")) {
        add_vector(p, NAME("attn_q_norm.weight"), s->head_dim, FILL_NEAR, 1);
        add_vector(p, NAME("attn_k_norm.weight"), s->head_dim, FILL_NEAR, 1);
    }
    add_matrix(p, NAME("attn_output.weight"), base, d, q);
    if (is_gemma) {
        add_vector(p, NAME("post_attention_norm.weight"), d, FILL_NEAR, 1);
        add_vector(p, NAME("post_ffw_norm.weight"), d, FILL_NEAR, 1);
    }
    add_vector(p, NAME("ffn_norm.weight"), d, FILL_NEAR, 1);
    if (!is_phi) add_matrix(p, NAME("ffn_gate.weight"), base, s->n_ff, d);
    add_matrix(p, NAME("ffn_up.weight"), base, is_phi ? 2 * s->n_ff : s->n_ff, d);
    add_matrix(p, NAME("ffn_down.weight"), extra, d, s->n_ff);
#undef NAME
}

static void add_tensors(plan *p, const shape *s, int mix, int n_layer) {
    const type_id base = mixtures[mix].base, output = mixtures[mix].output;
    add_matrix(p, "token_embd.weight", s->tied ? output : base, s->n_vocab, s->n_embd);
    add_vector(p, "output_norm.weight", s->n_embd, FILL_NEAR, 1);
    if (!s->tied) add_matrix(p, "output.weight", output, s->n_vocab, s->n_embd);
    if (!strcmp(s->name, "llama-3.2-1b")) add_vector(p, "rope_freqs.weight", s->head_dim / 2, FILL_RAMP, 32);
    if (!strcmp(s->arch, "phi3")) {
        add_vector(p, "rope_factors_short.weight", s->head_dim / 2, FILL_RAMP, 1);
        add_vector(p, "rope_factors_long.weight", s->head_dim / 2, FILL_RAMP, 1);
    }
    for (int i = 0; i < n_layer; i++) add_layer(p, s, mix, i, n_layer);
}

/* ---- making it -------------------------------------------------------------- */

static slm_status name_shape(const char *spec, const shape **s, int *mix, slm_error *err) {
    const char *colon = strchr(spec, ':');
    const str   name = {spec, colon ? (size_t)(colon - spec) : strlen(spec)};
    strbuf      all = {0};
    *s = NULL;
    *mix = -1;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        if (str_is(name, shapes[i].name)) *s = &shapes[i];
        strbuf_fmt(&all, " %s", shapes[i].name);
    }
    slm_status rc = SLM_OK;
    if (!*s) rc = err_set(err, SLM_ERR_ARGUMENT, "there is no shape \"%.*s\"; there are:%.*s", (int)(name.n < 60 ? name.n : 60), name.p, (int)all.n, all.n ? all.p : "");
    all.n = 0;
    for (size_t i = 0; i < ARRAY_LEN(mixtures); i++) {
        if (colon && !strcmp(colon + 1, mixtures[i].name)) *mix = (int)i;
        strbuf_fmt(&all, " %s", mixtures[i].name);
    }
    if (!rc && *mix < 0)
        rc = err_set(err, SLM_ERR_ARGUMENT, "a shape is NAME:QUANT, such as %s:Q4_K_M; \"%.40s\" is none of:%.*s", (*s)->name, colon ? colon + 1 : "", (int)all.n, all.n ? all.p : "");
    strbuf_free(&all);
    return rc;
}

static void plan_free(plan *p) {
    if (!p) return;
    strbuf_free(&p->kv);
    strbuf_free(&p->info);
    mem_free(p);
}

static slm_status make_plan(plan **out, const char *spec, int n_layer, slm_error *err) {
    const shape *s;
    int          mix;
    slm_status   rc = name_shape(spec, &s, &mix, err);
    if (rc) return rc;
    if (n_layer < 0 || n_layer > s->n_layer)
        return err_set(err, SLM_ERR_ARGUMENT, "%d layers: %s has %d", n_layer, s->name, s->n_layer);
    plan *p = mem_zero(1, sizeof *p);
    if (!p) return err_memory(err, "a plan", sizeof *p);
    put_metadata(p, s, mix, n_layer ? n_layer : s->n_layer);
    add_tensors(p, s, mix, n_layer ? n_layer : s->n_layer);
    if (p->kv.bad || p->info.bad) {
        plan_free(p);
        return err_memory(err, "a vocabulary", (size_t)s->n_vocab * 32);
    }
    *out = p;
    return SLM_OK;
}

enum { HEADER_BYTES = 24 };

static size_t data_at(const plan *p) { return (HEADER_BYTES + p->kv.n + p->info.n + ALIGN - 1) / ALIGN * ALIGN; }

slm_status slm_shape_size(const char *spec, int n_layer, uint64_t *bytes, slm_error *err) {
    plan      *p;
    slm_status rc = make_plan(&p, spec, n_layer, err);
    if (rc) return rc;
    *bytes = data_at(p) + p->data_bytes;
    plan_free(p);
    return SLM_OK;
}

/* A task fills about a mebibyte of one tensor. */
typedef struct {
    const tensor *t;
    uint8_t      *data;
    uint64_t      seed;
    size_t        blocks; /* of a task */
} fill_job;

static void fill_task(void *ctx, int64_t task, int worker) {
    const fill_job  *j = ctx;
    const type_info *type = type_get(j->t->type);
    const size_t     all = (size_t)(j->t->bytes / (uint64_t)type->block_bytes), first = (size_t)task * j->blocks;
    (void)worker;
    synth_blocks(j->data + first * (size_t)type->block_bytes, type, all - first < j->blocks ? all - first : j->blocks, j->seed + (uint64_t)task);
}

static void fill(const tensor *t, uint8_t *data, int index, thread_pool *threads) {
    const type_info *type = type_get(t->type);
    fill_job         j = {t, data, ((uint64_t)index + 1) << 32, ((size_t)1 << 20) / (size_t)type->block_bytes};
    const size_t     blocks = (size_t)(t->bytes / (uint64_t)type->block_bytes);
    if (t->fill == FILL_RANDOM || t->fill == FILL_NEAR) thread_run(threads, (int64_t)((blocks + j.blocks - 1) / j.blocks), fill_task, &j);
    float *f = (float *)(void *)data; /* tensors begin at multiples of ALIGN */
    for (uint64_t i = 0; t->fill == FILL_NEAR && i < t->cols; i++) f[i] += t->value;
    for (uint64_t i = 0; t->fill == FILL_RAMP && i < t->cols; i++)
        f[i] = t->cols > 1 ? 1 + (t->value - 1) * (float)i / (float)(t->cols - 1) : 1;
}

slm_status slm_shape_make(const char *spec, int n_layer, int n_threads, void **data, size_t *size, slm_error *err) {
    plan        *p = NULL;
    thread_pool *threads = NULL;
    arena        mem = {0};
    strbuf       head = {0};
    slm_status   rc = make_plan(&p, spec, n_layer, err);
    if (rc) return rc;
    const size_t at = data_at(p), all = at + (size_t)p->data_bytes;
    if ((rc = arena_alloc(&mem, all, "the weights", err)) || (rc = thread_pool_create(&threads, n_threads, err))) goto fail;
#ifdef MADV_NOHUGEPAGE
    madvise(mem.base, all, MADV_NOHUGEPAGE); /* as a mapped file's pages are: else it would look faster than a file */
#endif
    strbuf_str(&head, STR("GGUF"));
    put_uint(&head, 3, 4);
    put_uint(&head, (uint64_t)p->n_tensor, 8);
    put_uint(&head, p->n_kv, 8);
    if (head.bad) {
        rc = err_memory(err, "a header", HEADER_BYTES);
        goto fail;
    }
    memcpy(mem.base, head.p, HEADER_BYTES);
    memcpy(mem.base + HEADER_BYTES, p->kv.p, p->kv.n);
    memcpy(mem.base + HEADER_BYTES + p->kv.n, p->info.p, p->info.n);
    for (int i = 0; i < p->n_tensor; i++) fill(&p->list[i], mem.base + at + p->list[i].offset, i, threads);
    *data = mem.base;
    *size = all;
    mem.base = NULL;
fail:
    strbuf_free(&head);
    thread_pool_free(threads);
    arena_free(&mem);
    plan_free(p);
    return rc;
}

void slm_shape_free(void *data, size_t size) {
    arena a = {.base = data, .cap = size};
    arena_free(&a);
}
