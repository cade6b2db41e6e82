/* test_fast.c - --fast-prefill: near the exact numbers, the same for every batch and number of threads. */
#include "test.h"
#include "../src/builtin.h"
#include "../src/cpu.h"
#include "../src/session.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
extern const kernels kernels_amx_emulated;
#endif

enum { MOST = 512 };

static slm_model *open_file(const char *path) {
    slm_model        *m = NULL;
    slm_error         e = {0};
    slm_model_options o = {.path = path};
    if (slm_model_open(&m, &o, &e) || slm_model_pack(m, 2, NULL, NULL, &e)) CHECK_STR(str_of(e.text), STR("(opens)"));
    return m;
}

static slm_model *open_quantized(const char *in, const char *type) {
    char                 out[300];
    slm_error            e = {0};
    slm_quantize_options q = {.pure = true, .allow_requantize = true, .n_threads = 1};
    snprintf(out, sizeof out, "%s/fast-%s.gguf", test_tmp(), type);
    if (slm_quantize_file(in, out, type, &q, NULL, &e)) CHECK_STR(str_of(e.text), STR("(is quantized)"));
    return open_file(out);
}

/* The built-in model with its weights in `type`. */
static slm_model *open_as(const char *type) {
    char        in[300];
    size_t      n;
    const void *bytes = builtin_model(&n);
    snprintf(in, sizeof in, "%s/fast-in.gguf", test_tmp());
    FILE *f = fopen(in, "wb");
    CHECK(f && fwrite(bytes, 1, n, f) == n);
    if (f) fclose(f);
    return open_quantized(in, type);
}

static slm_session *open_session(const slm_model *m, bool fast, int n_batch, int n_threads) {
    slm_session        *s = NULL;
    slm_error           e = {0};
    slm_session_options o = {.n_ctx = MOST, .n_batch = n_batch, .n_threads = n_threads, .score_all = true, .fast_prefill = fast};
    if (slm_session_create(&s, m, &o, &e)) CHECK_STR(str_of(e.text), STR("(has a session)"));
    return s;
}

/* n tokens that the model itself says, from a fixed seed. */
static void tell(const slm_model *m, int32_t *ids, int n) {
    slm_session *s = open_session(m, false, 0, 1);
    slm_sampling p = slm_sampling_defaults();
    p.seed = 1;
    CHECK_INT(slm_session_set_sampling(s, &p, NULL), SLM_OK);
    ids[0] = slm_token_bos(m) >= 0 ? slm_token_bos(m) : 1;
    for (int i = 1; i < n; i++) CHECK(!slm_session_eval(s, ids[i - 1], NULL) && !slm_session_sample(s, &ids[i], NULL));
    slm_session_free(s);
}

/* The mean divergence of m's fast prefill from what `exact` says of n tokens is below 0.001, and not zero. */
static void near_exact(const slm_model *exact, const slm_model *m, const int32_t *ids, int n, const char *what) {
    slm_session    *s[2] = {open_session(exact, false, 0, 2), open_session(m, true, 0, 2)};
    slm_comparison *c = mem_zero(2 * MOST, sizeof *c);
    double          kl = 0;
    CHECK_INT(slm_session_compare(s, 2, ids, ids + 1, n - 1, c, NULL), SLM_OK);
    for (int i = 0; i < n - 1; i++) kl += c[2 * i + 1].kl / (n - 1);
    if (!(kl > 0 && kl < 1e-3)) {
        printf("    %s: mean divergence %g\n", what, kl);
        CHECK_FAIL("fast prefill is near exact");
    }
    if (getenv("SLM_TEST_ALL")) printf("    %s: mean divergence %.2g\n", what, kl);
    mem_free(c);
    slm_session_free(s[1]), slm_session_free(s[0]);
}

typedef struct {
    float *p;
    size_t n;
} rows;

static bool keep(void *ud, int i, const float *logits) {
    rows *r = ud;
    memcpy(r->p + (size_t)i * r->n, logits, r->n * sizeof *logits);
    return true;
}

/* All logits of n tokens, and behind them those after one more, which comes alone. */
static float *logits_of(const slm_model *m, bool fast, int n_batch, int n_threads, const int32_t *ids, int n) {
    slm_session *s = open_session(m, fast, n_batch, n_threads);
    const size_t row = (size_t)m->w.n_vocab;
    rows         r = {mem_zero((size_t)n + 2, row * sizeof(float)), row};
    CHECK(!slm_session_score(s, ids, n, keep, &r, NULL) && !slm_session_eval(s, ids[n], NULL));
    memcpy(r.p + (size_t)n * row, slm_session_logits(s), row * sizeof(float));
    slm_session_rewind(s, 0);
    CHECK_INT(slm_session_sync(s, ids, n, NULL), SLM_OK);
    memcpy(r.p + (size_t)(n + 1) * row, slm_session_logits(s), row * sizeof(float));
    slm_session_free(s);
    return r.p;
}

static void same_for_all(const slm_model *m, const int32_t *ids, int n, const char *what) {
    static const struct { int n_batch, n_threads; } way[] = {{0, 2}, {0, 3}, {7, 1}, {1, 2}};
    float       *want = logits_of(m, true, 0, 1, ids, n);
    const size_t bytes = ((size_t)n + 2) * (size_t)m->w.n_vocab * sizeof(float);
    for (size_t i = 0; i < ARRAY_LEN(way); i++) {
        float *got = logits_of(m, true, way[i].n_batch, way[i].n_threads, ids, n);
        CHECK_SAME(got, want, bytes, what);
        mem_free(got);
    }
    mem_free(want);
}

static void is_near_exact(void) {
    static const char *const types[] = {"F32", "F16", "BF16"};
    int32_t                  ids[MOST];
    if (!slm_has_builtin()) {
        test_skip("no model inside");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        slm_model *m = open_as(types[i]);
        if (slm_model_fast_prefill(m)) {
            if (!i) tell(m, ids, MOST);
            near_exact(m, m, ids, MOST, types[i]);
            same_for_all(m, ids, 24, types[i]);
        } else test_skip("no products in bfloat16 on this processor");
        slm_model_close(m);
    }
}

/* The oracle's fitted model over a text. */
static void is_near_exact_on_trained_models(void) {
    static const char *const types[] = {"F32", "F16", "BF16"};
    const char              *text = test_shared("oracle/text/ppl.txt");
    size_t                   n = 0;
    char                    *bytes = text ? test_read_file(text, &n) : NULL;
    if (!bytes) {
        test_skip("no ../shared");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        char       sub[100];
        int32_t   *ids = NULL;
        int        n_ids = 0;
        snprintf(sub, sizeof sub, "oracle/models/llama-fitted.%s.gguf", types[i]);
        slm_model *m = open_file(test_shared(sub));
        CHECK(!slm_tokenize(m, bytes, n, SLM_TOK_BOS, &ids, &n_ids, NULL) && n_ids >= MOST);
        if (slm_model_fast_prefill(m)) near_exact(m, m, ids, MOST, sub);
        else test_skip("no products in bfloat16 on this processor");
        slm_free(ids);
        slm_model_close(m);
    }
    mem_free(bytes);
}

/* Quantized weights have such products on AMX only: its tiles in plain C, a shorter text.  What is exact for them is
 * the same weights as F32: activations of 8 bits, which they meet otherwise, are further from that. */
static void is_near_exact_with_amx(void) {
#if defined(__x86_64__)
    static const char *const types[] = {"F16", "Q4_K"};
    enum { FEW = 18, SOME = 192 };
    int32_t ids[MOST];
    if (!slm_has_builtin() || !(cpu_features() & CPU_AVX512_VNNI) || !(cpu_features() & CPU_AVX512_BF16)) {
        test_skip("no AVX-512 with VNNI and BF16, or no model inside");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        char       path[300];
        slm_model *m = open_as(types[i]);
        snprintf(path, sizeof path, "%s/fast-%s.gguf", test_tmp(), types[i]);
        slm_model *exact = open_quantized(path, "F32");
        tell(m, ids, SOME);
        float *want = logits_of(m, false, 0, 2, ids, FEW - 1), *got;
        for (int t = 0; t < TYPE_COUNT; t++) {
            if (kernels_amx_emulated.packed[t]) m->k.packed[t] = kernels_amx_emulated.packed[t];
            m->k.fast[t] = kernels_amx_emulated.fast[t];
        }
        got = logits_of(m, false, 0, 2, ids, FEW - 1);
        CHECK_SAME(got, want, (FEW + 1) * (size_t)m->w.n_vocab * sizeof(float), types[i]);
        CHECK(slm_model_fast_prefill(m));
        near_exact(exact, m, ids, SOME, types[i]);
        if (!i) same_for_all(m, ids, FEW - 1, types[i]);
        mem_free(got), mem_free(want);
        slm_model_close(exact);
        slm_model_close(m);
    }
#else
    test_skip("AMX is of x86-64");
#endif
}

/* Where there is nothing to be fast with, the option changes no bit; nor does it for single tokens. */
static void changes_nothing_else(void) {
    int32_t ids[64];
    if (!slm_has_builtin()) {
        test_skip("no model inside");
        return;
    }
    slm_model *m = open_as("Q8_0");
    memset(m->k.fast, 0, sizeof m->k.fast);
    CHECK(!slm_model_fast_prefill(m));
    tell(m, ids, 64);
    float *want = logits_of(m, false, 0, 2, ids, 63), *got = logits_of(m, true, 0, 2, ids, 63);
    CHECK_SAME(got, want, 65 * (size_t)m->w.n_vocab * sizeof(float), "Q8_0");
    mem_free(got), mem_free(want);
    slm_model_close(m);
    m = open_as("F16");
    slm_session *s[2] = {open_session(m, false, 0, 1), open_session(m, true, 0, 1)};
    for (int i = 0; i < 8; i++) CHECK(!slm_session_eval(s[0], ids[i], NULL) && !slm_session_eval(s[1], ids[i], NULL));
    CHECK_SAME(slm_session_logits(s[1]), slm_session_logits(s[0]), (size_t)m->w.n_vocab * sizeof(float), "one by one");
    slm_session_free(s[1]), slm_session_free(s[0]);
    slm_model_close(m);
}

const test_case tests_fast[] = {
    {"is_near_exact", "512 tokens in bfloat16: mean divergence below 0.001, any batch and threads the same bits", is_near_exact},
    {"is_near_exact_on_trained_models", "the same on the oracle's fitted model", is_near_exact_on_trained_models},
    {"is_near_exact_with_amx", "AMX's tiles in plain C: whole models have the same bits, and in bfloat16 are near", is_near_exact_with_amx},
    {"changes_nothing_else", "without such products, and for single tokens, the bits are the exact ones", changes_nothing_else},
    {0},
};
