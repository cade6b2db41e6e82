/* arch.c - one row per architecture: what its files leave unsaid. */
#include "arch.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name;
    bool        rope_pairs;
    act_kind    act;
    bool        embed_sqrt;   /* embedding times sqrt(n_embd)                     */
    int         local_period; /* every so many layers the last one is global; 0 = all global */
    int         window;       /* where the file does not say; 0 = then no window  */
    bool        local_rope;   /* local layers have a base of their own and no scaling */
    bool        qkv_bias, qk_norm, post_norm; /* its layers have these tensors */
    float       attn_softcap, logit_softcap;
    int         wide_scale_layers; /* the member of the family with so many layers scales scores
                                      by 1/sqrt(n_embd / n_head) instead of 1/sqrt(head_dim) */
} arch_row;

static const arch_row rows[] = {
    {.name = "llama", .rope_pairs = true},
    {.name = "qwen2", .qkv_bias = true},
    {.name = "qwen3", .qk_norm = true},
    /* phi3's sliding_window key is ignored, as every engine does: the models that carry a small
     * one (Phi-3-mini-4k: 2047) were converted with their whole context in mind. */
    {.name = "phi3"},
    {.name = "gemma2", .act = ACT_GELU, .embed_sqrt = true, .local_period = 2, .window = 4096,
     .post_norm = true, .attn_softcap = 50, .logit_softcap = 30, .wide_scale_layers = 46},
    {.name = "gemma3", .act = ACT_GELU, .embed_sqrt = true, .local_period = 6, .local_rope = true,
     .qk_norm = true, .post_norm = true, .wide_scale_layers = 62},
};

static const arch_row *find(str name) {
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_is(name, rows[i].name)) return &rows[i];
    return NULL;
}

static slm_status refuse_arch(const gguf *g, str name, slm_error *err) {
    char list[160] = "";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        strcat(list, i ? ", " : "");
        strcat(list, rows[i].name);
    }
    return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "architecture \"%.*s\" is not supported (supported: %s)",
                     (int)(name.n < 64 ? name.n : 64), name.p, list);
}

/* "<architecture>.<suffix>" */
typedef struct {
    char text[160];
} key_text;

static key_text key_of(const model_config *c, const char *suffix) {
    key_text k;
    snprintf(k.text, sizeof k.text, "%s.%s", c->name, suffix);
    return k;
}

/* An integer that may also be stored once per layer; then all must agree.  (Bools are no integers: files
 * that say for each layer whether it is local mean something else than a number.) */
static slm_status get_int(const gguf *g, const model_config *c, const char *suffix, bool required,
                          int lo, int hi, int *out, slm_error *err) {
    const key_text k = key_of(c, suffix);
    const gguf_kv *kv = gguf_kv_find(g, k.text);
    uint64_t       v = (uint64_t)*out;
    if (!kv && required) return gguf_fail(g, err, SLM_ERR_FORMAT, "key %s is missing", k.text);
    if (kv && kv->is_array && kv->n && kv->elem != GGUF_STR && kv->elem != GGUF_ARRAY && kv->elem != GGUF_BOOL &&
        kv->elem != GGUF_F32 && kv->elem != GGUF_F64) {
        if (kv->n != (uint64_t)c->n_layer)
            return gguf_fail(g, err, SLM_ERR_FORMAT, "%s has %llu elements, the model %d layers", k.text,
                             (unsigned long long)kv->n, c->n_layer);
        v = gguf_kv_uint(kv, 0);
        for (uint64_t i = 1; i < kv->n; i++)
            if (gguf_kv_uint(kv, i) != v)
                return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "%s differs between layers", k.text);
        if (v < (uint64_t)lo || v > (uint64_t)hi)
            return gguf_fail(g, err, SLM_ERR_FORMAT, "%s = %llu is not in [%d, %d]", k.text,
                             (unsigned long long)v, lo, hi);
    } else if (gguf_uint(g, k.text, (uint64_t)lo, (uint64_t)hi, &v, err))
        return SLM_ERR_FORMAT;
    *out = (int)v;
    return SLM_OK;
}

static slm_status get_float(const gguf *g, const model_config *c, const char *suffix, double lo,
                            double hi, double *out, slm_error *err) {
    const key_text k = key_of(c, suffix);
    float          v = (float)*out;
    if (!gguf_kv_find(g, k.text)) return SLM_OK; /* keeps the default's double precision */
    slm_status rc = gguf_float(g, k.text, lo, hi, &v, err);
    *out = (double)v;
    return rc;
}

static slm_status get_shape(model_config *c, const gguf *g, slm_error *err) {
    const int big = 1 << 20;
    c->n_head_kv = c->head_dim = 0;
    const gguf_kv *layers = gguf_kv_find(g, key_of(c, "block_count").text);
    if (layers && layers->is_array)
        return gguf_fail(g, err, SLM_ERR_FORMAT, "%s.block_count is an array, not an integer", c->name);
    if (get_int(g, c, "block_count", true, 1, MODEL_MAX_LAYERS, &c->n_layer, err) ||
        get_int(g, c, "context_length", true, 1, 1 << 30, &c->n_ctx_train, err) ||
        get_int(g, c, "embedding_length", true, 1, big, &c->n_embd, err) ||
        get_int(g, c, "feed_forward_length", true, 1, big, &c->n_ff, err) ||
        get_int(g, c, "attention.head_count", true, 1, MODEL_MAX_HEADS, &c->n_head, err))
        return err ? err->code : SLM_ERR_FORMAT;
    c->n_head_kv = c->n_head;
    if (get_int(g, c, "attention.head_count_kv", false, 1, MODEL_MAX_HEADS, &c->n_head_kv, err))
        return err ? err->code : SLM_ERR_FORMAT;
    int value_dim = 0, n_expert = 0;
    if (get_int(g, c, "attention.key_length", false, 1, 4096, &c->head_dim, err) ||
        get_int(g, c, "attention.value_length", false, 1, 4096, &value_dim, err) ||
        get_int(g, c, "expert_count", false, 0, big, &n_expert, err))
        return err ? err->code : SLM_ERR_FORMAT;
    if (n_expert)
        return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "mixtures of experts are not supported (%s.expert_count = %d)",
                         c->name, n_expert);
    if (!c->head_dim) {
        if (c->n_embd % c->n_head)
            return gguf_fail(g, err, SLM_ERR_FORMAT, "%s.attention.head_count = %d does not divide embedding_length %d",
                             c->name, c->n_head, c->n_embd);
        c->head_dim = c->n_embd / c->n_head;
    }
    if (value_dim && value_dim != c->head_dim)
        return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "%s.attention.value_length = %d differs from key_length %d",
                         c->name, value_dim, c->head_dim);
    if (c->n_head % c->n_head_kv)
        return gguf_fail(g, err, SLM_ERR_FORMAT, "%s.attention.head_count_kv = %d does not divide head_count %d",
                         c->name, c->n_head_kv, c->n_head);
    c->n_rot = c->head_dim;
    if (get_int(g, c, "rope.dimension_count", false, 2, 4096, &c->n_rot, err))
        return err ? err->code : SLM_ERR_FORMAT;
    if (c->n_rot % 2 || c->n_rot > c->head_dim)
        return gguf_fail(g, err, SLM_ERR_FORMAT, "%s.rope.dimension_count = %d is odd or above the head size %d",
                         c->name, c->n_rot, c->head_dim);
    return SLM_OK;
}

static slm_status get_rope(model_config *c, const gguf *g, const arch_row *row, slm_error *err) {
    str kind = STR("linear");
    c->rope_pairs = row->rope_pairs;
    c->rope_base = 10000;
    c->rope_scale = 0;
    c->rope_magnitude = 1;
    c->rope_ctx_train = c->n_ctx_train;
    if (get_float(g, c, "rope.freq_base", 1.001, 1e15, &c->rope_base, err) ||
        gguf_str(g, key_of(c, "rope.scaling.type").text, &kind, err) ||
        get_float(g, c, "rope.scale_linear", 0, 1e6, &c->rope_scale, err) || /* before 2024 */
        get_float(g, c, "rope.scaling.factor", 0, 1e6, &c->rope_scale, err) ||
        get_float(g, c, "rope.scaling.attn_factor", 0, 1e6, &c->rope_magnitude, err) ||
        get_int(g, c, "rope.scaling.original_context_length", false, 1, 1 << 30, &c->rope_ctx_train, err))
        return err ? err->code : SLM_ERR_FORMAT;
    /* "longrope" needs nothing here: its factors are tensors. */
    if (!str_is(kind, "linear") && !str_is(kind, "none") && !str_is(kind, "yarn") && !str_is(kind, "longrope"))
        return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "RoPE scaling \"%.*s\" is not supported (supported: none, linear, yarn, longrope)",
                         (int)(kind.n < 64 ? kind.n : 64), kind.p);
    if (c->rope_scale == 0 || str_is(kind, "none")) c->rope_scale = 1;
    if (c->rope_scale < 1e-3)
        return gguf_fail(g, err, SLM_ERR_FORMAT, "%s.rope.scaling.factor = %g is below 0.001", c->name, c->rope_scale);
    c->rope_yarn = str_is(kind, "yarn");
    if (c->rope_yarn) c->rope_magnitude *= 1 + 0.1 * log(c->rope_scale);
    c->rope_base_local = c->rope_base;
    c->rope_scale_local = c->rope_scale;
    if (row->local_rope) {
        c->rope_base_local = 10000;
        c->rope_scale_local = 1;
        if (get_float(g, c, "rope.freq_base_swa", 1.001, 1e15, &c->rope_base_local, err))
            return err ? err->code : SLM_ERR_FORMAT;
    }
    return SLM_OK;
}

slm_status arch_config(model_config *c, const gguf *g, slm_error *err) {
    *c = (model_config){.embed_scale = 1};
    str name = {0}, type = {0};
    if (gguf_str(g, "general.architecture", &name, err) || gguf_str(g, "general.type", &type, err))
        return SLM_ERR_FORMAT;
    if (!name.p) return gguf_fail(g, err, SLM_ERR_FORMAT, "key general.architecture is missing");
    if (type.n && !str_is(type, "model"))
        return gguf_fail(g, err, SLM_ERR_UNSUPPORTED, "is no model (general.type = \"%.*s\")",
                         (int)(type.n < 64 ? type.n : 64), type.p);
    const arch_row *row = find(name);
    if (!row) return refuse_arch(g, name, err);
    memcpy(c->name, name.p, name.n);
    slm_status rc = get_shape(c, g, err);
    if (!rc) rc = get_rope(c, g, row, err);
    if (rc) return rc;

    double eps = 0, attn_cap = (double)row->attn_softcap, logit_cap = (double)row->logit_softcap;
    int    period = row->local_period;
    if (!gguf_kv_find(g, key_of(c, "attention.layer_norm_rms_epsilon").text))
        return gguf_fail(g, err, SLM_ERR_FORMAT, "key %s.attention.layer_norm_rms_epsilon is missing", c->name);
    c->window = row->window;
    if (get_float(g, c, "attention.layer_norm_rms_epsilon", 0, 1, &eps, err) ||
        get_float(g, c, "attn_logit_softcapping", 0, 1e6, &attn_cap, err) ||
        get_float(g, c, "final_logit_softcapping", 0, 1e6, &logit_cap, err) ||
        get_int(g, c, "attention.sliding_window", false, 0, 1 << 30, &c->window, err) ||
        (period && get_int(g, c, "attention.sliding_window_pattern", false, 1, MODEL_MAX_LAYERS, &period, err)))
        return err ? err->code : SLM_ERR_FORMAT;
    c->norm_eps = (float)eps;
    /* Only the families whose row has caps apply them; the key in another family means nothing. */
    c->attn_softcap = row->attn_softcap > 0 ? (float)attn_cap : 0;
    c->logit_softcap = (float)logit_cap;
    if (!period) c->window = 0;
    for (int i = 0; i < c->n_layer; i++) c->local[i] = c->window && i % period < period - 1;
    c->act = row->act;
    c->needs = (row->qkv_bias ? NEEDS_QKV_BIAS : 0u) | (row->qk_norm ? NEEDS_QK_NORM : 0u) | (row->post_norm ? NEEDS_POST_NORM : 0u);
    if (row->embed_sqrt) c->embed_scale = sqrtf((float)c->n_embd);
    const bool wide = row->wide_scale_layers && c->n_layer == row->wide_scale_layers;
    c->attn_scale = (float)(1 / sqrt(wide ? (double)c->n_embd / c->n_head : (double)c->head_dim));
    return SLM_OK;
}
