/* api.c - opening and describing models and files: the rest of slm.h. */
#include "session.h"
#include "builtin.h"
#include "cpu.h"
#include "kernels/r8.h"
#include "limits.h"
#include <stdio.h>
#include <string.h>

/* ---- model ------------------------------------------------------------------- */

slm_model_options slm_model_defaults(void) { return (slm_model_options){0}; }

/* The name of a mixture of formats as people write it, from the file's own number for it. */
static const char *file_type_name(uint64_t t) {
    static const char *const names[] = {
        [0] = "F32",     [1] = "F16",      [2] = "Q4_0",    [3] = "Q4_1",     [7] = "Q8_0",    [8] = "Q5_0",   [9] = "Q5_1",
        [10] = "Q2_K",   [11] = "Q3_K_S",  [12] = "Q3_K_M", [13] = "Q3_K_L",  [14] = "Q4_K_S", [15] = "Q4_K_M", [16] = "Q5_K_S",
        [17] = "Q5_K_M", [18] = "Q6_K",    [21] = "Q2_K_S", [25] = "IQ4_NL",  [30] = "IQ4_XS", [32] = "BF16",
    };
    return t < ARRAY_LEN(names) ? names[t] : NULL;
}

/* Without that number: the format that holds most bytes. */
static const char *commonest_type(const gguf *g) {
    uint64_t         bytes[TYPE_COUNT] = {0};
    const type_info *best = NULL;
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        bytes[t->type->id] += t->bytes;
        if (!best || bytes[t->type->id] > bytes[best->id]) best = t->type;
    }
    return best ? best->name : "none";
}

/* Views into the file are not NUL ended: names are copied, cut where they are longer than any real one. */
static void copy_text(char *dst, size_t room, str s) {
    const size_t n = s.n < room - 1 ? s.n : room - 1;
    if (n) memcpy(dst, s.p, n);
    dst[n] = 0;
}

bool slm_has_builtin(void) {
    size_t n;
    return builtin_model(&n) != NULL;
}

/* Key names: as llama.cpp's converter writes them. */
static slm_status read_sampling(slm_sampling *p, const gguf *g, slm_error *err) {
    uint64_t   top_k = (uint64_t)p->top_k, last_n = (uint64_t)p->repeat_last_n, mirostat = 0;
    char       list[256];
    str        sequence = {0};
    slm_status rc = gguf_float(g, "general.sampling.temp", 0, 100, &p->temperature, err);
    if (!rc) rc = gguf_uint(g, "general.sampling.top_k", 0, INT32_MAX, &top_k, err);
    if (!rc) rc = gguf_float(g, "general.sampling.top_p", 0, 1, &p->top_p, err);
    if (!rc) rc = gguf_float(g, "general.sampling.min_p", 0, 1, &p->min_p, err);
    if (!rc) rc = gguf_float(g, "general.sampling.penalty_repeat", 0.02, 100, &p->repeat_penalty, err);
    if (!rc) rc = gguf_uint(g, "general.sampling.penalty_last_n", 0, INT32_MAX, &last_n, err);
    if (!rc) rc = gguf_float(g, "general.sampling.xtc_probability", 0, 1, &p->xtc_probability, err);
    if (!rc) rc = gguf_float(g, "general.sampling.xtc_threshold", 0, 1, &p->xtc_threshold, err);
    if (!rc) rc = gguf_uint(g, "general.sampling.mirostat", 0, 2, &mirostat, err);
    if (!rc) rc = gguf_float(g, "general.sampling.mirostat_tau", 0, 100, &p->mirostat_tau, err);
    if (!rc) rc = gguf_float(g, "general.sampling.mirostat_eta", 0, 10, &p->mirostat_eta, err);
    if (!rc) rc = gguf_str(g, "general.sampling.sequence", &sequence, err);
    p->top_k = (int)top_k;
    p->repeat_last_n = (int)last_n;
    p->mirostat = (int)mirostat;
    if (rc || !sequence.n || sequence.n >= sizeof list) return rc;
    copy_text(list, sizeof list, sequence);
    slm_samplers_parse(list, p->order, NULL); /* an order with steps that are not known here is not followed */
    return SLM_OK;
}

slm_sampling slm_model_sampling(const slm_model *m) { return m->sampling; }

const char *slm_model_recommended(const slm_model *m, slm_sampling *out) {
    *out = slm_sampling_defaults();
    if (!m->advice) return NULL;
    recommendation_apply(m->advice, out);
    return recommendation_name(m->advice);
}

/* By the name, the name without size and kind, the file's name. */
static const recommendation *find_advice(const slm_model *m, const char *path, str name) {
    const char           *file = strrchr(path, '/');
    str                   base = {0};
    const recommendation *r = recommendation_of(name);
    if (!r && !gguf_str(m->file, "general.basename", &base, NULL)) r = recommendation_of(base);
    return r ? r : recommendation_of(str_of(file ? file + 1 : path));
}

/* Before the shapes that follow from it are: they would be blamed for what is wrong here. */
static slm_status check_rows(const slm_model *m, slm_error *err) {
    const gguf_tensor *embed = gguf_find(m->file, "token_embd.weight");
    if (!embed || embed->dim[1] == (uint64_t)tok_count(m->tok)) return SLM_OK;
    return gguf_fail(m->file, err, SLM_ERR_FORMAT, "token_embd.weight has %llu rows, the vocabulary %d tokens", (unsigned long long)embed->dim[1],
                     tok_count(m->tok));
}

static slm_status load(slm_model *m, const slm_model_options *opt, slm_error *err) {
    slm_status rc = kernels_select(&m->k, opt->isa, err);
    if (rc) return rc;
    rc = opt->data ? gguf_open_memory(&m->file, opt->data, opt->n_data, opt->path, err) : builtin_open(&m->file, opt->path, err);
    if (!rc && opt->data_is_spent) gguf_spend(m->file);
    /* What kind of model it is comes first: that of another kind has another tokenizer, too. */
    if (!rc && !opt->vocab_only) rc = arch_config(&m->w.cfg, m->file, err);
    if (rc || (rc = tok_load(&m->tok, m->file, err))) return rc;
    str      name = STR(""), template = {0};
    uint64_t type = UINT64_MAX;
    if ((rc = gguf_str(m->file, "tokenizer.chat_template", &template, err))) return rc;
    if ((rc = gguf_str(m->file, "general.name", &name, err)) || (rc = gguf_uint(m->file, "general.file_type", 0, UINT32_MAX, &type, err)))
        return rc;
    m->advice = find_advice(m, opt->path, name);
    slm_model_recommended(m, &m->sampling);
    if ((rc = read_sampling(&m->sampling, m->file, err))) return rc;
    copy_text(m->name, sizeof m->name, name);
    const char *quant = file_type_name(type);
    copy_text(m->quant, sizeof m->quant, str_of(quant ? quant : commonest_type(m->file)));
    if (opt->vocab_only) return SLM_OK;
    if ((rc = check_rows(m, err)) || (rc = weights_bind(&m->w, m->file, err))) return rc;
    m->has_weights = true;
    return SLM_OK;
}

slm_status slm_model_open(slm_model **out, const slm_model_options *opt, slm_error *err) {
    if (!opt->path) return err_set(err, SLM_ERR_ARGUMENT, "no model file is named");
    slm_model *m = mem_zero(1, sizeof *m);
    if (!m) return err_memory(err, "a model", sizeof *m);
    slm_status rc = load(m, opt, err);
    if (rc) slm_model_close(m);
    else *out = m;
    return rc;
}

void slm_model_close(slm_model *m) {
    if (!m) return;
    weights_free(&m->w);
    tok_free(m->tok);
    gguf_close(m->file);
    mem_free(m);
}

bool slm_model_packing_pays(const slm_model *m) { return m->k.packing_pays; }

bool slm_model_fast_prefill(const slm_model *m) { return m->has_weights && weights_have_fast(&m->w, &m->k); }

slm_status slm_model_pack(slm_model *m, int n_threads, slm_progress_fn progress, void *ud, slm_error *err) {
    thread_pool *threads = NULL;
    if (!m->has_weights) return SLM_OK;
    if (n_threads < 0 || n_threads > MAX_THREADS)
        return err_set(err, SLM_ERR_ARGUMENT, "%d threads are not in [1, %d]", n_threads, MAX_THREADS);
    slm_status rc = thread_pool_create(&threads, n_threads ? n_threads : cpu_default_threads(), err);
    if (!rc) rc = weights_pack(&m->w, m->file, &m->k, threads, progress, ud, err);
    thread_pool_free(threads);
    return rc;
}

void slm_model_describe(const slm_model *m, slm_model_info *out) {
    const model_config *c = &m->w.cfg;
    *out = (slm_model_info){
        .name = m->name, .arch = c->name, .quant = m->quant, .isa = m->k.name,
        .tokenizer = tok_model(m->tok), .pre = tok_pre(m->tok),
        .n_params = m->w.n_params, .file_bytes = gguf_file_bytes(m->file), .tensor_bytes = m->w.bytes,
        .n_vocab = tok_count(m->tok), .n_ctx_train = c->n_ctx_train, .n_layer = c->n_layer, .n_embd = c->n_embd,
        .n_ff = c->n_ff, .n_head = c->n_head, .n_head_kv = c->n_head_kv, .head_dim = c->head_dim,
        .tied = m->w.tied, .packed = m->w.packed.base != NULL || m->w.packed_in_file, .packed_in_file = m->w.packed_in_file, .has_chat_template = gguf_kv_find(m->file, "tokenizer.chat_template") != NULL,
        .adds_bos = tok_adds_bos(m->tok), .n_ctx_short = m->w.factors.large ? c->rope_ctx_train : 0,
    };
}

const char *slm_isa_name(int i) { return i < 0 ? NULL : kernels_name(i); }

/* ---- text -------------------------------------------------------------------- */

slm_status ids_give(id_list *ids, slm_status rc, int32_t **out, int *n, slm_error *err) {
    if (!rc && (ids->bad || ids->n > INT32_MAX)) rc = err_memory(err, "token ids", ids->n * sizeof *ids->p);
    if (!rc && !ids->p && !(ids->p = mem_zero(1, sizeof *ids->p))) rc = err_memory(err, "token ids", sizeof *ids->p);
    if (rc) {
        id_free(ids);
        return rc;
    }
    *out = ids->p;
    *n = (int)ids->n;
    return SLM_OK;
}

slm_status slm_tokenize(const slm_model *m, const char *text, size_t len, unsigned flags, int32_t **out, int *n, slm_error *err) {
    id_list        ids = {0};
    const unsigned tok_flags = (flags & SLM_TOK_BOS ? TOK_BOS : 0u) | (flags & SLM_TOK_SPECIAL ? TOK_SPECIAL : 0u);
    return ids_give(&ids, tok_encode(m->tok, (str){text, len}, NULL, tok_flags, &ids, err), out, n, err);
}

const char *slm_token_bytes(const slm_model *m, int32_t id, size_t *len) {
    if (id < 0 || id >= tok_count(m->tok)) return NULL;
    const str s = tok_bytes(m->tok, id);
    *len = s.n;
    return s.p ? s.p : "";
}

bool slm_token_is_control(const slm_model *m, int32_t id) { return id >= 0 && id < tok_count(m->tok) && tok_is_control(m->tok, id); }

bool slm_token_ends_turn(const slm_model *m, int32_t id) { return id >= 0 && id < tok_count(m->tok) && tok_ends_turn(m->tok, id); }

int32_t slm_token_bos(const slm_model *m) { return tok_bos(m->tok); }

slm_status slm_detokenize(const slm_model *m, const int32_t *ids, int n, bool special, char **out, size_t *len, slm_error *err) {
    strbuf b = {0};
    bool   first = tok_strips_first_space(m->tok);
    for (int i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= tok_count(m->tok)) {
            strbuf_free(&b);
            return err_set(err, SLM_ERR_ARGUMENT, "token id %d is not in [0, %d]", ids[i], tok_count(m->tok) - 1);
        }
        str s = tok_bytes(m->tok, ids[i]);
        if (tok_is_control(m->tok, ids[i])) {
            if (special) strbuf_str(&b, s);
            continue;
        }
        if (first && s.n && s.p[0] == ' ') s.p++, s.n--;
        first = false;
        strbuf_str(&b, s);
    }
    const size_t bytes = b.n;
    strbuf_char(&b, 0); /* a convenience; not counted */
    if (b.bad) {
        strbuf_free(&b);
        return err_memory(err, "text", bytes);
    }
    *out = b.p;
    *len = bytes;
    return SLM_OK;
}

void slm_free(void *p) { mem_free(p); }

/* ---- files ------------------------------------------------------------------- */

slm_status slm_file_open(slm_file **out, const char *path, slm_error *err) {
    slm_file *f = mem_zero(1, sizeof *f);
    if (!f) return err_memory(err, "a file", sizeof *f);
    slm_status rc = builtin_open(&f->g, path, err);
    if (rc) mem_free(f);
    else *out = f;
    return rc;
}

void slm_file_close(slm_file *f) {
    if (!f) return;
    gguf_close(f->g);
    mem_free(f);
}

uint64_t slm_file_bytes(const slm_file *f) { return gguf_file_bytes(f->g); }

bool slm_file_meta(const slm_file *f, size_t i, slm_meta *out) {
    if (i >= gguf_n_kv(f->g)) return false;
    const gguf_kv *kv = gguf_kv_at(f->g, i);
    *out = (slm_meta){kv->key.p, kv->key.n, gguf_kind_name(kv->elem), kv->is_array, kv->n};
    return true;
}

bool slm_file_tensor(const slm_file *f, size_t i, slm_tensor_info *out) {
    if (i >= gguf_n_tensors(f->g)) return false;
    const gguf_tensor *t = gguf_tensor_at(f->g, i);
    *out = (slm_tensor_info){.name = t->name.p, .name_len = t->name.n, .packed = t->packed, .type = t->packed ? r8_name(t->type->id) : t->type->name, .n_dims = t->n_dims, .offset = t->offset, .bytes = t->bytes};
    memcpy(out->dim, t->dim, sizeof out->dim);
    return true;
}

static slm_value value_at(const gguf_kv *kv, uint64_t k) {
    const uint64_t u = gguf_kv_uint(kv, k);
    switch (kv->elem) {
    case GGUF_F32: case GGUF_F64: return (slm_value){.kind = SLM_VALUE_FLOAT, .f = gguf_kv_float(kv, k)};
    case GGUF_BOOL: return (slm_value){.kind = SLM_VALUE_BOOL, .b = u != 0};
    case GGUF_I8: case GGUF_I16: case GGUF_I32: case GGUF_I64: return (slm_value){.kind = SLM_VALUE_INT, .i = (int64_t)u};
    default: return (slm_value){.kind = SLM_VALUE_UINT, .u = u};
    }
}

void slm_file_values(const slm_file *f, size_t i, slm_value_fn see, void *ud) {
    if (i >= gguf_n_kv(f->g)) return;
    const gguf_kv *kv = gguf_kv_at(f->g, i);
    if (kv->elem == GGUF_ARRAY) return; /* arrays of arrays are stored but have no view */
    if (kv->elem == GGUF_STR) {
        gguf_strings it = gguf_strings_of(kv);
        str          s;
        for (uint64_t k = 0; gguf_next_str(&it, &s); k++)
            if (!see(ud, k, &(slm_value){.kind = SLM_VALUE_TEXT, .text = s.p, .len = s.n})) return;
        return;
    }
    for (uint64_t k = 0; k < kv->n; k++) {
        const slm_value v = value_at(kv, k);
        if (!see(ud, k, &v)) return;
    }
}
