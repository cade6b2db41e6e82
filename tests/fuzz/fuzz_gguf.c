/* fuzz_gguf.c - a model file: read as a file, opened as a model; and run. */
#include "../../include/slm.h"
#include "../../src/gguf.h"
#include "fuzz.h"

static volatile uint64_t sink;

static bool touch_value(void *ud, uint64_t k, const slm_value *v) {
    uint64_t *sum = ud;
    *sum += k + (uint64_t)v->kind + (v->kind == SLM_VALUE_TEXT && v->len ? (uint8_t)v->text[v->len - 1] : 0);
    return k < 1000;
}

/* Everything that an accepted file offers. */
static void touch(const gguf *g) {
    uint64_t sum = 0;
    for (size_t i = 0; i < gguf_n_kv(g); i++) {
        const gguf_kv *kv = gguf_kv_at(g, i);
        gguf_strings   it = gguf_strings_of(kv);
        str            s;
        while (gguf_next_str(&it, &s)) sum += s.n ? (uint8_t)s.p[s.n - 1] : 1;
        if (kv->elem != GGUF_STR && kv->elem != GGUF_ARRAY && kv->n)
            sum += gguf_kv_uint(kv, kv->n - 1) + (gguf_kv_float(kv, 0) > 0) + touch_value(&sum, 0, &(slm_value){0});
    }
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        RULE(t->bytes && t->data >= gguf_file_data(g) && t->data + t->bytes <= gguf_file_data(g) + gguf_file_bytes(g));
        sum += t->data[0] + t->data[t->bytes - 1];
    }
    sink = sum;
}

/* A line with the file's name, of a kind that a file can be the cause of. */
static void check_error(slm_status rc, const slm_error *err) {
    RULE(rc == err->code && (rc == SLM_ERR_FORMAT || rc == SLM_ERR_UNSUPPORTED || rc == SLM_ERR_MEMORY));
    RULE(rc == SLM_ERR_MEMORY || (err->text[0] == 'f' && err->text[1] == ':'));
    for (const char *c = err->text; *c; c++) RULE((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static slm_model *open_bytes(const uint8_t *p, size_t n) {
    slm_model_options o = slm_model_defaults();
    slm_model        *m = NULL;
    slm_error         err = {0};
    o.path = "f";
    o.data = p;
    o.n_data = n;
    const slm_status rc = slm_model_open(&m, &o, &err);
    RULE((rc == SLM_OK) == (m != NULL));
    if (rc) check_error(rc, &err);
    return m;
}

void fuzz_gguf(const uint8_t *p, size_t n) {
    gguf      *g = NULL;
    slm_error  err = {0};
    slm_memory plan;
    const slm_status rc = gguf_open_memory(&g, p, n, "f", &err);
    if (rc) check_error(rc, &err);
    else touch(g);
    gguf_close(g);
    slm_model *m = rc ? NULL : open_bytes(p, n);
    if (m) {
        slm_session_options so = slm_session_defaults();
        slm_memory_plan(m, &so, &plan, NULL);
    }
    slm_model_close(m);
}

void fuzz_model(const uint8_t *p, size_t n) {
    slm_session_options so = slm_session_defaults();
    slm_memory          plan = {0};
    slm_session        *s = NULL;
    slm_error           err = {0};
    int32_t            *ids = NULL, id;
    int                 n_ids = 0;
    slm_model          *m = open_bytes(p, n);
    so.n_ctx = 16;
    so.n_threads = 1;
    if (m && !slm_memory_plan(m, &so, &plan, NULL) && plan.total < 4 << 20 && !slm_tokenize(m, "hi \xc3\xa9", 5, SLM_TOK_BOS, &ids, &n_ids, NULL) &&
        n_ids && n_ids < 12 && !slm_session_create(&s, m, &so, NULL)) {
        slm_status rc = slm_session_sync(s, ids, n_ids, &err);
        if (!rc) rc = slm_session_sample(s, &id, &err);
        if (!rc) rc = slm_session_eval(s, id, &err);
        RULE(rc == err.code && (!rc || rc == SLM_ERR_NUMERIC));
    }
    slm_free(ids);
    slm_session_free(s);
    slm_model_close(m);
}
