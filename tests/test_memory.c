/* test_memory.c - the memory plan that slm prints is what it takes, once the context is full. */
#include "mkmodel.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_feature)
#define HAS_SANITIZER(x) __has_feature(x)
#else
#define HAS_SANITIZER(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_SANITIZER(address_sanitizer) || HAS_SANITIZER(thread_sanitizer)
enum { INSTRUMENTED = 1 };
#else
enum { INSTRUMENTED = 0 };
#endif

typedef struct {
    const char *variant;
    type_id     type;
    int         n_ctx;
    const char *flags;
} setting;

/* The first ones are those of `make test`; SLM_TEST_ALL is for all. */
enum { QUICK = 6 };
static const setting settings[] = {
    {"llama", TYPE_Q4_0, 1024, "-t 2"},
    {"qwen2", TYPE_Q8_0, 512, "-t 1 --kv f32"},
    {"gemma3", TYPE_Q4_0, 2048, "-t 2 --kv f16 -ub 128"},
    {"llama", TYPE_F16, 256, "-t 2 --pack off"},
    {SLM_BUILTIN, TYPE_Q8_0, 500, "-t 2"}, /* where there is one: what is packed stays mapped with the program */
    {"llama", TYPE_Q4_0, 256, "-t 12"},    /* stacks */
    {"llama", TYPE_Q4_0, 2048, "-t 1 --kv f32"},
    {"llama", TYPE_Q4_0, 512, "-t 4 -ub 16"},
    {"llama", TYPE_Q4_0, 1024, "-t 2 --pack off"},
    {"llama", TYPE_Q4_0, 1024, "-t 2 --isa scalar"},
    {"llama", TYPE_F16, 2048, "-t 2 --kv f16"},
    {"llama", TYPE_F16, 512, "-t 1 -ub 64"},
    {"llama", TYPE_F16, 2048, "-t 4 --kv f32 -ub 256"},
    {"qwen2", TYPE_Q8_0, 2048, "-t 2"},
    {"qwen2", TYPE_Q8_0, 1024, "-t 3 --kv f16"},
    {"qwen2", TYPE_Q8_0, 256, "-t 2 --pack off"},
    {"qwen2", TYPE_Q8_0, 2048, "-t 8 -ub 32"},
    {"qwen2", TYPE_Q8_0, 1536, "-t 2 --kv f32 --pack off -ub 512"},
    {"gemma3", TYPE_Q4_0, 512, "-t 1"},
    {"gemma3", TYPE_Q4_0, 2048, "-t 2 --kv f32"},
    {"gemma3", TYPE_Q4_0, 1024, "-t 4 --pack off"},
    {"gemma3", TYPE_Q4_0, 1536, "-t 2 -ub 512"},
};

static char model[300], text[300];

/* Written in small pieces: what comes in one write may lie in the page cache in pieces of 2 MiB, and the system
 * counts a whole one where a byte of it is read. */
static bool save_in_pieces(const mk *m) {
    FILE *f = fopen(model, "w");
    bool  ok = f != NULL;
    for (size_t at = 0; ok && at < m->out.n; at += 4000) {
        const size_t n = m->out.n - at < 4000 ? m->out.n - at : 4000;
        ok = fwrite(m->out.p + at, 1, n, f) == n;
    }
    return f && !fclose(f) && ok;
}

/* About 25 M weights. */
static bool make_model(const setting *s) {
    mkmodel_options o = mkmodel_defaults(s->variant, s->type);
    o.n_embd = 512;
    o.n_layer = 6;
    o.n_head = 8;
    o.n_head_kv = 4;
    o.head_dim = 64;
    o.n_ff = 2048;
    o.n_ctx = 4096;
    o.chat_template = NULL;
    mk m;
    mkmodel(&m, &o);
    const bool ok = save_in_pieces(&m);
    mk_free(&m);
    return ok;
}

/* A text of n tokens or a little less, so that one more has room. */
static bool make_text(int n) {
    slm_model        *m = NULL;
    slm_model_options mo = slm_model_defaults();
    strbuf            b = {0};
    uint64_t          seed = 7;
    mo.path = model;
    mo.vocab_only = true;
    if (slm_model_open(&m, &mo, NULL)) return false;
    for (int i = 0; i < 16 * n; i++) strbuf_char(&b, "etaoin shrdlu,.EX"[test_rand(&seed) % 17]);
    size_t low = 0, high = b.n;
    while (high - low > 1) {
        const size_t mid = low + (high - low) / 2;
        int32_t     *ids = NULL;
        int          k = 0;
        if (slm_tokenize(m, b.p, mid, SLM_TOK_BOS, &ids, &k, NULL)) break;
        slm_free(ids);
        *(k < n ? &low : &high) = mid;
    }
    slm_model_close(m);
    FILE      *f = fopen(text, "w");
    const bool ok = f && fwrite(b.p, 1, low, f) == low && !fclose(f);
    strbuf_free(&b);
    return ok;
}

/* "memory: 12.3 MiB for .." as bytes. */
static double planned(const char *out) {
    static const char units[] = "BKMGT";
    const char       *at = strstr(out, "memory: ");
    double            x = 0;
    char              unit[8] = "B";
    if (!at || sscanf(at, "memory: %lf %7s", &x, unit) != 2 || !strchr(units, unit[0])) return 0;
    for (const char *u = strchr(units, unit[0]); u > units; u--) x *= 1024;
    return x;
}

static bool is_builtin(const setting *s) { return !strcmp(s->variant, SLM_BUILTIN); }

static void try_setting(const setting *s, bool new_model) {
    const char *slm = getenv("SLM"), *key = "\"peak_rss_bytes\":";
    char        command[1400], out[8192] = "";
    if (is_builtin(s)) snprintf(model, sizeof model, SLM_BUILTIN);
    else snprintf(model, sizeof model, "%s/memory.gguf", test_tmp());
    snprintf(text, sizeof text, "%s/memory.txt", test_tmp());
    if (new_model && !is_builtin(s)) CHECK(make_model(s));
    CHECK(make_text(s->n_ctx));
    snprintf(command, sizeof command, "'%s' run -m '%s' --raw -f '%s' --greedy --ignore-eos -n 1 -c %d %s -v --json 2>&1", slm, model, text, s->n_ctx, s->flags);
    FILE        *p = popen(command, "r");
    const size_t n = p ? fread(out, 1, sizeof out - 1, p) : 0;
    out[n] = 0;
    CHECK(p && !pclose(p));
    const char  *at = strstr(out, key);
    const double plan = planned(out), peak = at ? strtod(at + strlen(key), NULL) : 0;
    printf("    %-7s %-5s -c %-5d %-34s planned %6.1f MiB, took %6.1f: %+.1f %%\n", s->variant, type_get(s->type)->name, s->n_ctx, s->flags, plan / 0x1p20, peak / 0x1p20,
           (plan / peak - 1) * 100);
    const double least = is_builtin(s) ? 0x1p20 : 0; /* beside a model of 3 MiB libraries and compilers show */
    CHECK(plan > 0.95 * peak - least && plan < 1.05 * peak + least);
    if (test_failed()) printf("%s\n", out);
}

static void plan_is_the_peak(void) {
    const char *slm = getenv("SLM");
    if (!slm || !*slm || INSTRUMENTED) {
        test_skip(INSTRUMENTED ? "sanitizers take memory of their own" : "SLM does not name the program (make test does)");
        return;
    }
    if (test_emulator()) {
        test_skip("an emulator takes memory of its own");
        return;
    }
    const size_t n = getenv("SLM_TEST_ALL") ? ARRAY_LEN(settings) : QUICK;
    for (size_t i = 0; i < n; i++)
        if (!is_builtin(&settings[i]) || slm_has_builtin()) try_setting(&settings[i], i == 0 || strcmp(settings[i].variant, settings[i - 1].variant) || settings[i].type != settings[i - 1].type);
    unlink(model);
    unlink(text);
}

const test_case tests_memory[] = {
    {"plan_is_the_peak", "the printed plan is within 5 % of the peak, for models, contexts, caches, threads, batches", plan_is_the_peak},
    {0},
};
