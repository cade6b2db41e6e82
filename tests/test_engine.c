/* test_engine.c - whole models through slm.h: exact logits, and the same bits however they are computed. */
#include "test.h"
#include "mkmodel.h"
#include "../src/unicode.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- helpers ----------------------------------------------------------------- */

static slm_model *open_made(const char *variant, type_id type, const char *isa) {
    char            path[300];
    mkmodel_options o = mkmodel_defaults(variant, type);
    snprintf(path, sizeof path, "%s/%s.%s.gguf", test_tmp(), variant, type_name(type));
    CHECK(mkmodel_write(path, &o));
    slm_model        *m = NULL;
    slm_error         e = {0};
    slm_model_options mo = slm_model_defaults();
    mo.path = path;
    mo.isa = isa;
    if (slm_model_open(&m, &mo, &e)) CHECK_STR(str_of(e.text), STR("(opens)"));
    return m;
}

static int n_vocab(const slm_model *m) {
    slm_model_info i;
    slm_model_describe(m, &i);
    return i.n_vocab;
}

/* A fixed walk over the vocabulary. */
static void make_ids(int32_t *ids, int n, int vocab) {
    for (int i = 0; i < n; i++) ids[i] = (int32_t)((i * 7919LL + i * i * 13LL + 11) % vocab);
}

typedef struct {
    float *p;
    int    vocab;
} rows;

static bool keep_row(void *ud, int i, const float *logits) {
    rows *r = ud;
    memcpy(r->p + (size_t)i * (size_t)r->vocab, logits, (size_t)r->vocab * sizeof *logits);
    return true;
}

/* Logits of all positions; NULL when something failed. */
static float *all_logits(const slm_model *m, const int32_t *ids, int n, int n_ctx, int n_batch, int n_threads, slm_kv_type kv) {
    slm_session_options o = {.n_ctx = n_ctx, .n_batch = n_batch, .n_threads = n_threads, .kv_type = kv, .score_all = true};
    slm_session        *s = NULL;
    slm_error           e = {0};
    const int           v = n_vocab(m);
    rows                r = {mem_zero((size_t)n * (size_t)v, sizeof(float)), v};
    if (slm_session_create(&s, m, &o, &e) || slm_session_score(s, ids, n, keep_row, &r, &e)) CHECK_STR(str_of(e.text), STR("(scores)"));
    slm_session_free(s);
    return r.p;
}

/* ---- against float64 ----------------------------------------------------------- */

/* tests/data/logits.txt: "variant n_ctx", the ids, then "position id:logit ..." lines until a blank one. */
static void logits_match_the_reference(void) {
    size_t n;
    char  *text = test_read_file("tests/data/logits.txt", &n), *save = NULL;
    CHECK(text != NULL);
    if (!text) return;
    slm_model *m = NULL;
    float     *got = NULL;
    int        cases = 0, n_ids = 0, n_ctx = 0;
    int32_t    ids[512];
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char name[40];
        if (line[0] == '#') continue;
        if (sscanf(line, "model %39s %d", name, &n_ctx) == 2) {
            mem_free(got), got = NULL;
            slm_model_close(m);
            m = open_made(name, TYPE_F32, NULL);
            if (!m) break;
        } else if (!strncmp(line, "ids ", 4)) {
            n_ids = 0;
            for (char *p = line + 4, *end; n_ids < 512; p = end) {
                ids[n_ids] = (int32_t)strtol(p, &end, 10);
                if (end == p) break;
                n_ids++;
            }
            mem_free(got);
            got = all_logits(m, ids, n_ids, n_ctx, 0, 2, SLM_KV_F32);
        } else {
            char *p;
            long  pos = strtol(line, &p, 10);
            const int v = n_vocab(m);
            for (;;) {
                char *end;
                long  id = strtol(p, &end, 10);
                if (end == p || *end != ':') break;
                const double want = strtod(end + 1, &p), has = (double)got[pos * v + id];
                if (!(fabs(has - want) <= 2e-4)) {
                    printf("    %s position %ld id %ld: %g, not %g\n", name, pos, id, has, want);
                    CHECK_FAIL("logits are those of the reference");
                }
                cases++;
            }
        }
    }
    CHECK(cases > 200);
    mem_free(got);
    slm_model_close(m);
    mem_free(text);
}

/* The same model, with its weights packed. */
static slm_model *open_packed(const char *variant, type_id type, const char *isa) {
    slm_model *m = open_made(variant, type, isa);
    slm_error  e = {0};
    if (m && slm_model_pack(m, 2, NULL, NULL, &e)) CHECK_STR(str_of(e.text), STR("(packs)"));
    return m;
}

/* ---- the same bits --------------------------------------------------------------- */

static void compare_ways(const char *variant, type_id type) {
    enum { N = 90 };
    int32_t ids[N];
    char    what[100];
    slm_model *m = open_made(variant, type, NULL);
    if (!m) return;
    make_ids(ids, N, n_vocab(m));
    const size_t bytes = (size_t)N * (size_t)n_vocab(m) * sizeof(float);
    for (int kv = SLM_KV_Q8_0; kv <= SLM_KV_F32; kv++) {
        float *want = all_logits(m, ids, N, 200, 200, 1, (slm_kv_type)kv);
        for (size_t i = 0; i < bytes / 4; i++)
            if (!isfinite(want[i])) {
                CHECK_FAIL("logits are finite");
                break;
            }
        static const struct { int batch, threads; } ways[] = {{1, 1}, {7, 2}, {64, 3}, {200, 5}};
        for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
            float *got = all_logits(m, ids, N, 200, ways[i].batch, ways[i].threads, (slm_kv_type)kv);
            snprintf(what, sizeof what, "%s %s kv=%d batch=%d threads=%d", variant, type_name(type), kv, ways[i].batch, ways[i].threads);
            CHECK_SAME(got, want, bytes, what);
            mem_free(got);
        }
        for (int i = 0; slm_isa_name(i / 2); i++) {
            slm_model *other = (i % 2 ? open_packed : open_made)(variant, type, slm_isa_name(i / 2));
            float     *got = all_logits(other, ids, N, 200, 33, 2, (slm_kv_type)kv);
            snprintf(what, sizeof what, "%s %s kv=%d isa=%s%s", variant, type_name(type), kv, slm_isa_name(i / 2), i % 2 ? " packed" : "");
            CHECK_SAME(got, want, bytes, what);
            mem_free(got);
            slm_model_close(other);
        }
        mem_free(want);
    }
    slm_model_close(m);
}

static void bits_do_not_depend_on_the_way(void) {
    static const type_id types[] = {TYPE_Q4_0, TYPE_Q8_0, TYPE_Q4_K, TYPE_Q5_K, TYPE_Q6_K, TYPE_F16,   TYPE_Q5_1,  TYPE_IQ4_XS,
                                    TYPE_Q4_1, TYPE_Q5_0, TYPE_Q2_K, TYPE_Q3_K, TYPE_F32,  TYPE_BF16, TYPE_IQ4_NL};
    size_t n = 0;
    for (; mkmodel_variants[n]; n++) compare_ways(mkmodel_variants[n], types[n % ARRAY_LEN(types)]);
    for (; n < ARRAY_LEN(types); n++) compare_ways("llama", types[n]);
}

/* One file on one instruction set, with each type of cache: want[type] is made by the first set. */
static void compare_shape(const char *path, const char *isa, float *want[3], const char *what) {
    enum { N = 70 };
    int32_t           ids[N];
    slm_model        *m = NULL;
    slm_error         e = {0};
    slm_model_options mo = {.path = path, .isa = isa};
    if (slm_model_open(&m, &mo, &e)) {
        CHECK_STR(str_of(e.text), STR("(opens)"));
        return;
    }
    make_ids(ids, N, n_vocab(m));
    const size_t bytes = (size_t)N * (size_t)n_vocab(m) * sizeof(float);
    for (int kv = SLM_KV_Q8_0; kv <= SLM_KV_F32; kv++) {
        if (!want[kv]) want[kv] = all_logits(m, ids, N, 99, 1, 1, (slm_kv_type)kv);
        float *got = all_logits(m, ids, N, 99, 31, 3, (slm_kv_type)kv);
        CHECK_SAME(got, want[kv], bytes, what);
        for (size_t j = 0; j < bytes / sizeof *got; j++)
            if (!isfinite(got[j])) {
                CHECK_FAIL("logits are finite");
                break;
            }
        mem_free(got);
    }
    slm_model_close(m);
}

/* Head sizes, rows and vocabularies that no register divides; part of a head rotated; more heads for
 * one key than a tile has rows. */
static void odd_shapes_give_the_same_bits(void) {
    static const struct { int heads, kv, dim, rot, ff; type_id type; } shapes[] = {
        {3, 1, 5, 4, 7, TYPE_F32}, {3, 3, 7, 2, 33, TYPE_F16}, {1, 1, 2, 2, 1, TYPE_BF16}, {4, 2, 40, 38, 1031, TYPE_Q8_0}, {35, 1, 6, 6, 9, TYPE_F32}};
    for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
        char            path[300], what[60];
        mkmodel_options o = mkmodel_defaults("llama", shapes[k].type);
        mk              f = {0};
        float          *want[3] = {0};
        o.n_head = shapes[k].heads, o.n_head_kv = shapes[k].kv, o.head_dim = shapes[k].dim, o.n_ff = shapes[k].ff;
        o.n_embd = o.n_head * o.head_dim;
        mkmodel(&f, &o);
        mk_poke(&f, "llama.rope.dimension_count", MK_VALUE, (uint64_t)shapes[k].rot);
        snprintf(path, sizeof path, "%s/odd.gguf", test_tmp());
        CHECK(mk_save(&f, path));
        mk_free(&f);
        for (int i = 0; slm_isa_name(i); i++) {
            snprintf(what, sizeof what, "shape %zu, %s", k, slm_isa_name(i));
            compare_shape(path, slm_isa_name(i), want, what);
        }
        for (int i = 0; i < 3; i++) mem_free(want[i]);
    }
}

static void long_contexts_cross_splits(void) {
    /* Past 256 positions attention has several splits; up to a tile of queries they are tasks of their own,
     * and the windows' rings have gone round more than once. */
    enum { N = 600 };
    static int32_t ids[N];
    static const char *const variants[] = {"llama", "gemma3", "gemma2"};
    static const struct { int batch, threads; } ways[] = {{1, 2}, {5, 3}, {77, 2}};
    char what[80];
    for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
        slm_model *m = open_made(variants[i], TYPE_Q8_0, NULL);
        if (!m) return;
        make_ids(ids, N, n_vocab(m));
        for (int kv = SLM_KV_Q8_0; kv <= SLM_KV_F32; kv++) {
            float *a = all_logits(m, ids, N, N, 512, 1, (slm_kv_type)kv);
            for (size_t k = 0; k < ARRAY_LEN(ways); k++) {
                float *b = all_logits(m, ids, N, N, ways[k].batch, ways[k].threads, (slm_kv_type)kv);
                snprintf(what, sizeof what, "%s kv=%d batch=%d", variants[i], kv, ways[k].batch);
                CHECK_SAME(b, a, (size_t)N * (size_t)n_vocab(m) * sizeof *a, what);
                mem_free(b);
            }
            mem_free(a);
        }
        slm_model_close(m);
    }
}

/* In batches and token by token, with weights that as many threads packed.  The thread sanitizer's build runs it too. */
static void each_thread_count_gives_the_same_bits(void) {
    enum { N = 40, MOST = 16 };
    static const char *const variants[] = {"llama", "gemma3"};
    int32_t                  ids[N];
    char                     what[80];
    for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
        float *first[2] = {NULL};
        for (int t = 1; t <= MOST && !test_failed(); t++) {
            slm_model *m = open_made(variants[i], TYPE_Q4_0, NULL);
            if (!m) return;
            CHECK_INT(slm_model_pack(m, t, NULL, NULL, NULL), SLM_OK);
            make_ids(ids, N, n_vocab(m));
            for (int single = 0; single < 2; single++) {
                float *z = all_logits(m, ids, N, N, single ? 1 : 17, t, SLM_KV_Q8_0);
                snprintf(what, sizeof what, "%s, %d threads, %s", variants[i], t, single ? "single tokens" : "batches");
                if (t > 1) CHECK_SAME(z, first[single], (size_t)N * (size_t)n_vocab(m) * sizeof *z, what);
                if (t > 1) mem_free(z);
                else first[single] = z;
            }
            slm_model_close(m);
        }
        mem_free(first[0]);
        mem_free(first[1]);
    }
}

static void synced_prefixes_change_nothing(void) {
    static const struct { const char *variant; slm_kv_type kv; } models[] = {{"llama", SLM_KV_F16}, {"gemma3", SLM_KV_F16}, {"gemma3", SLM_KV_Q8_0}};
    for (size_t k = 0; k < ARRAY_LEN(models); k++) {
        slm_model          *m = open_made(models[k].variant, TYPE_Q8_0, NULL);
        slm_session_options o = {.n_ctx = 300, .n_batch = 16, .kv_type = models[k].kv};
        slm_session        *s = NULL, *fresh = NULL;
        slm_error           e = {0};
        int32_t             ids[300];
        uint64_t            seed = 3;
        if (!m) return;
        const int v = n_vocab(m);
        make_ids(ids, 300, v);
        CHECK_INT(slm_session_create(&s, m, &o, &e), SLM_OK);
        for (int i = 0; i < 30; i++) {
            const int n = 1 + (int)(test_rand(&seed) % 280), at = (int)(test_rand(&seed) % (unsigned)n);
            ids[at] = (int32_t)(test_rand(&seed) % (unsigned)v);
            CHECK_INT(slm_session_sync(s, ids, n, &e), SLM_OK);
            CHECK_INT(slm_session_pos(s), n);
            CHECK_INT(slm_session_create(&fresh, m, &o, &e), SLM_OK);
            CHECK_INT(slm_session_sync(fresh, ids, n, &e), SLM_OK);
            CHECK_SAME(slm_session_logits(s), slm_session_logits(fresh), (size_t)v * sizeof(float), models[k].variant);
            slm_session_free(fresh);
        }
        slm_session_free(s);
        slm_model_close(m);
    }
}

typedef struct {
    int n_calls, last, stop_at; /* stop_at: so many calls; 0: never */
} progress_log;

static bool see_progress(void *ud, uint64_t done, uint64_t total) {
    progress_log *w = ud;
    CHECK((int)done >= w->last && done < total);
    w->last = (int)done;
    return ++w->n_calls != w->stop_at;
}

static bool hear_nothing(void *ud, int32_t id, slm_text_kind kind, const char *text, size_t len) {
    (void)ud, (void)id, (void)kind, (void)text, (void)len;
    return true;
}

/* A prompt that is watched comes in other parts, and may be given up; the bits stay. */
static void watched_prompts_change_nothing(void) {
    slm_model          *m = open_made("gemma3", TYPE_Q8_0, NULL);
    slm_session_options o = {.n_ctx = 300};
    slm_session        *s = NULL, *plain = NULL;
    slm_error           e = {0};
    slm_stats           st;
    int32_t             ids[300];
    if (!m) return;
    make_ids(ids, 300, n_vocab(m));
    CHECK_INT(slm_session_create(&plain, m, &o, &e), SLM_OK);
    CHECK_INT(slm_session_sync(plain, ids, 290, &e), SLM_OK);
    slm_generation g = slm_generation_defaults();
    g.max_new = 0;
    g.progress = see_progress;
    /* Asked before each of seven layers of each of four parts. */
    static const int stops[] = {1, 5, 8, 17, 27};
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        progress_log w = {.stop_at = stops[i]};
        CHECK_INT(slm_session_create(&s, m, &o, &e), SLM_OK);
        CHECK_INT(slm_generate(s, ids, 290, &g, hear_nothing, &w, &st, &e), SLM_OK);
        CHECK_INT(st.finish, SLM_FINISH_CANCELLED);
        CHECK_INT(w.n_calls, stops[i]);
        CHECK_INT(slm_session_pos(s), w.last);
        CHECK((w.last > 0) == (stops[i] > 7) && w.last < 290);
        int32_t id;
        CHECK_INT(slm_session_sample(s, &id, &e), SLM_ERR_ARGUMENT); /* there are no logits of a part */
        const int had = w.last;
        w = (progress_log){0};
        CHECK_INT(slm_generate(s, ids, 290, &g, hear_nothing, &w, &st, &e), SLM_OK);
        CHECK_INT(st.finish, SLM_FINISH_LENGTH);
        CHECK_INT(st.n_reused, had);
        CHECK_SAME(slm_session_logits(s), slm_session_logits(plain), (size_t)n_vocab(m) * sizeof(float), "watched");
        slm_session_free(s);
    }
    slm_session_free(plain);
    slm_model_close(m);
}

static bool count_asked(void *ud) {
    progress_log *w = ud;
    return ++w->n_calls != w->stop_at;
}

/* An answer is left between two layers of a token, which the session then does not hold. */
static void answers_are_left_within_a_token(void) {
    enum { N = 40, NEW = 8, LAYERS = 7 };
    slm_model          *m = open_made("gemma3", TYPE_Q8_0, NULL);
    slm_session_options o = {.n_ctx = 64};
    slm_sampling        greedy = slm_sampling_defaults();
    slm_generation      g = slm_generation_defaults();
    slm_session        *s = NULL, *whole = NULL;
    slm_error           e = {0};
    slm_stats           st;
    int32_t             ids[N], id;
    if (!m) return;
    make_ids(ids, N, n_vocab(m));
    greedy.temperature = 0;
    g.max_new = NEW;
    g.ignore_eos = true;
    g.goes_on = count_asked;
    static const int stops[] = {0, 1, LAYERS, LAYERS + 1, 30, LAYERS * (NEW - 1)};
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        progress_log w = {.stop_at = stops[i]};
        CHECK_INT(slm_session_create(&s, m, &o, &e), SLM_OK);
        CHECK_INT(slm_session_set_sampling(s, &greedy, &e), SLM_OK);
        CHECK_INT(slm_generate(s, ids, N, &g, hear_nothing, &w, &st, &e), SLM_OK);
        if (!stops[i]) {
            CHECK_INT(st.finish, SLM_FINISH_LENGTH);
            CHECK_INT(w.n_calls, LAYERS * (NEW - 1)); /* of the last token nobody wants logits */
            whole = s;
            continue;
        }
        CHECK_INT(st.finish, SLM_FINISH_CANCELLED);
        CHECK_INT(w.n_calls, stops[i]);
        CHECK_INT(st.n_new, (stops[i] - 1) / LAYERS + 1);
        CHECK_INT(slm_session_pos(s), N + (stops[i] - 1) / LAYERS);
        CHECK_INT(slm_session_sample(s, &id, &e), SLM_ERR_ARGUMENT);
        e = (slm_error){0};
        w = (progress_log){0};
        CHECK_INT(slm_generate(s, ids, N, &g, hear_nothing, &w, &st, &e), SLM_OK);
        CHECK_INT(st.finish, SLM_FINISH_LENGTH);
        CHECK_SAME(slm_session_logits(s), slm_session_logits(whole), (size_t)n_vocab(m) * sizeof(float), "taken up again");
        slm_session_free(s);
    }
    slm_session_free(whole);
    slm_model_close(m);
}

/* Packing is left within a matrix, too; what is packed and what is not give the same bits. */
static void packing_is_left_within_a_matrix(void) {
    mkmodel_options o = mkmodel_defaults("llama", TYPE_Q8_0);
    static const int stops[] = {0, 1, 6, 7, 9};
    slm_session_options so = {.n_ctx = 16, .n_threads = 2};
    float              *want = NULL;
    slm_error           e = {0};
    bool                packs = true; /* not every processor does */
    mk                  file;
    o.n_layer = 1, o.n_embd = 1024, o.n_head = 8, o.n_head_kv = 8, o.head_dim = 128;
    o.n_ff = 17408; /* two pieces of 16 MiB to a matrix */
    mkmodel(&file, &o);
    for (size_t i = 0; i < ARRAY_LEN(stops) && packs; i++) {
        static const int32_t ids[] = {5, 40, 7};
        slm_model_options    mo = {.path = "memory", .data = file.out.p, .n_data = file.out.n};
        slm_model           *m = NULL;
        slm_session         *s = NULL;
        progress_log         w = {.stop_at = stops[i]};
        CHECK_INT(slm_model_open(&m, &mo, &e), SLM_OK);
        if (!m) break;
        CHECK_INT(slm_model_pack(m, 2, see_progress, &w, &e), SLM_OK);
        if (stops[i]) CHECK_INT(w.n_calls, stops[i]);
        else if ((packs = w.n_calls > 0)) CHECK_INT(w.n_calls, 8 + 3); /* eight matrices, three of them large */
        CHECK_INT(slm_session_create(&s, m, &so, &e), SLM_OK);
        CHECK_INT(slm_session_sync(s, ids, 3, &e), SLM_OK);
        const size_t bytes = (size_t)n_vocab(m) * sizeof *want;
        if (!want && (want = mem_zero(bytes, 1))) memcpy(want, slm_session_logits(s), bytes);
        else if (want) CHECK_SAME(slm_session_logits(s), want, bytes, "packed in part");
        slm_session_free(s);
        slm_model_close(m);
    }
    mem_free(want);
    mk_free(&file);
}

/* ---- edges ------------------------------------------------------------------------ */

static void plan_is_what_is_taken(void) {
    slm_model *m = open_made("gemma3", TYPE_Q8_0, NULL);
    slm_memory a, b;
    slm_error  e = {0};
    if (!m) return;
    slm_session_options o = {.n_ctx = 128, .n_batch = 32, .n_threads = 1};
    CHECK_INT(slm_memory_plan(m, &o, &a, &e), SLM_OK);
    o.n_ctx = 1 << 14;
    CHECK_INT(slm_memory_plan(m, &o, &b, &e), SLM_OK);
    /* Of seven layers one is global: the local ones keep a ring of their window. */
    CHECK(b.kv < a.kv * (1 << 7) / 3);
    o.n_ctx = 1 << 30;
    o.kv_type = SLM_KV_F32;
    CHECK_INT(slm_memory_plan(m, &o, &b, &e), SLM_OK);
    CHECK(b.kv > 1ull << 34);
    /* The largest context that can be asked for still has a plan, and numbers to print. */
    o.n_ctx = INT_MAX;
    a = b;
    CHECK_INT(slm_memory_plan(m, &o, &b, &e), SLM_OK);
    CHECK_INT(b.n_ctx, INT_MAX);
    CHECK(b.kv > a.kv / 16 * 31 && b.kv < a.kv / 16 * 33 && b.total > b.kv);
    o.n_ctx = -1;
    CHECK_INT(slm_memory_plan(m, &o, &b, &e), SLM_ERR_ARGUMENT);
    o.n_ctx = 64;
    o.kv_type = (slm_kv_type)(SLM_KV_F32 + 1);
    CHECK_INT(slm_memory_plan(m, &o, &b, &e), SLM_ERR_ARGUMENT);
    slm_model_close(m);
}

/* A session that begins small, and one that has all its memory at once: the same bits at every step. */
static void memory_grows_with_the_tokens(void) {
    static const char *const variants[] = {"llama", "gemma3", "phi3"};
    enum { N = 200 };
    for (int i = 0; i < (int)ARRAY_LEN(variants) * 3; i++) {
        slm_model          *m = open_made(variants[i / 3], TYPE_F32, NULL);
        slm_session_options o = {.n_ctx = 250, .n_batch = 7, .n_threads = 2, .kv_type = (slm_kv_type)(i % 3)};
        slm_session        *all = NULL, *s = NULL;
        slm_memory          small, large;
        slm_error           e = {0};
        int32_t             ids[N];
        if (!m) return;
        const size_t row = (size_t)n_vocab(m) * sizeof(float);
        make_ids(ids, N, n_vocab(m));
        CHECK_INT(slm_session_create(&all, m, &o, &e), SLM_OK);
        CHECK_INT(slm_memory_plan(m, &o, &large, &e), SLM_OK);
        o.n_room = 10;
        CHECK_INT(slm_memory_plan(m, &o, &small, &e), SLM_OK);
        CHECK(small.kv < large.kv && small.n_ctx == 10 && large.n_ctx == 250);
        CHECK_INT(slm_session_create(&s, m, &o, &e), SLM_OK);
        CHECK_INT(slm_session_n_room(s), 10);
        CHECK_INT(slm_session_n_ctx(s), 250);
        for (int n = 5; n <= N; n += n < 60 ? 1 : 35) {
            if (n == 60) slm_session_rewind(s, 3), slm_session_rewind(all, 3);
            CHECK_INT(slm_session_sync(s, ids, n, &e), SLM_OK);
            CHECK_INT(slm_session_sync(all, ids, n, &e), SLM_OK);
            CHECK_SAME(slm_session_logits(s), slm_session_logits(all), row, variants[i / 3]);
        }
        CHECK_INT(slm_session_n_room(s), 250);
        o.n_room = -1;
        CHECK_INT(slm_memory_plan(m, &o, &small, &e), SLM_ERR_ARGUMENT);
        slm_session_free(s);
        slm_session_free(all);
        slm_model_close(m);
    }
}

typedef struct {
    int    n, stop_at;
    float *last;
    int    vocab;
} watcher;

static bool watch(void *ud, int i, const float *logits) {
    watcher *w = ud;
    w->n++;
    memcpy(w->last, logits, (size_t)w->vocab * sizeof *logits);
    return i != w->stop_at;
}

/* A batch holds more tokens than were shown when `see` says stop; the session must not show it. */
static void stopped_scores_end_where_they_stopped(void) {
    enum { N = 80, STOP = 37 };
    slm_model *m = open_made("gemma3", TYPE_Q8_0, NULL);
    int32_t    ids[N], id = -1;
    if (!m) return;
    const int    v = n_vocab(m);
    const size_t bytes = (size_t)v * sizeof(float);
    float       *shown = mem_zero(1, bytes), *next = mem_zero(1, bytes);
    make_ids(ids, N, v);
    static const int batches[] = {1, 7, 64};
    for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
        slm_session_options o = {.n_ctx = 100, .n_batch = batches[i], .n_threads = 1, .score_all = i != 1};
        slm_session        *s = NULL;
        slm_error           e = {0};
        watcher             w = {.stop_at = STOP, .last = shown, .vocab = v};
        CHECK_INT(slm_session_create(&s, m, &o, &e), SLM_OK);
        CHECK_INT(slm_session_score(s, ids, N, watch, &w, &e), SLM_OK);
        CHECK_INT(w.n, STOP + 1);
        CHECK_INT(slm_session_pos(s), STOP + 1);
        CHECK_SAME(slm_session_logits(s), shown, bytes, "logits of the last token shown");
        CHECK_INT(slm_session_eval(s, ids[STOP + 1], &e), SLM_OK);
        if (i == 0) memcpy(next, slm_session_logits(s), bytes);
        CHECK_SAME(slm_session_logits(s), next, bytes, "logits of the token after it");
        CHECK_INT(slm_session_sample(s, &id, &e), SLM_OK);
        slm_session_rewind(s, STOP);
        CHECK_INT(slm_session_pos(s), STOP);
        CHECK_INT(slm_session_sample(s, &id, &e), SLM_ERR_ARGUMENT); /* its logits are a forgotten token's */
        CHECK_TEXT(e.text, "since the rewind");
        slm_session_free(s);
    }
    mem_free(next), mem_free(shown);
    slm_model_close(m);
}

static void wrong_calls_are_refused(void) {
    slm_model          *m = open_made("llama", TYPE_Q4_0, NULL);
    slm_session_options o = {.n_ctx = 8};
    slm_session        *s = NULL;
    slm_error           e = {0};
    int32_t             ids[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, id;
    if (!m) return;
    CHECK_INT(slm_session_create(&s, m, &o, &e), SLM_OK);
    CHECK_INT(slm_session_sample(s, &id, &e), SLM_ERR_ARGUMENT);
    e = (slm_error){0};
    CHECK_INT(slm_session_sync(s, ids, 9, &e), SLM_ERR_CONTEXT);
    CHECK_TEXT(e.text, "9 tokens do not fit the context of 8");
    CHECK_INT(slm_session_sync(s, ids, 0, NULL), SLM_ERR_ARGUMENT);
    e = (slm_error){0};
    ids[2] = n_vocab(m);
    CHECK_INT(slm_session_sync(s, ids, 8, &e), SLM_ERR_ARGUMENT);
    CHECK_TEXT(e.text, "token id");
    ids[2] = 3;
    CHECK_INT(slm_session_sync(s, ids, 8, NULL), SLM_OK);
    CHECK_INT(slm_session_eval(s, 1, NULL), SLM_ERR_CONTEXT);
    CHECK_INT(slm_session_pos(s), 8);
    slm_session_free(s);
    slm_model_close(m);
    slm_model_options mo = {.path = "/nonexistent.gguf"};
    CHECK_INT(slm_model_open(&m, &mo, NULL), SLM_ERR_IO);
    mo.isa = "mmx";
    CHECK_INT(slm_model_open(&m, &mo, NULL), SLM_ERR_ARGUMENT);
}

/* -ln p of the next tokens: the same bits however they were evaluated, near a sum in double. */
static void nll_is_that_of_the_logits(void) {
    enum { N = 90 };
    static const int batches[] = {1, 7, 64, 512};
    double           want[N], got[N];
    int32_t          ids[N + 1];
    const float     *z = NULL;
    for (int i = 0; slm_isa_name(i); i++) {
        slm_model *m = open_made("gemma2", TYPE_Q8_0, slm_isa_name(i));
        if (!m) return;
        const int v = n_vocab(m);
        make_ids(ids, N + 1, v);
        float *logits = all_logits(m, ids, N, N, 16, 1, SLM_KV_F16);
        for (size_t b = 0; b < ARRAY_LEN(batches); b++) {
            slm_session_options o = {.n_ctx = 100, .n_batch = batches[b], .n_threads = 1 + (int)b, .score_all = b != 1, .kv_type = SLM_KV_F16};
            slm_session        *s = NULL;
            int32_t             id;
            CHECK_INT(slm_session_create(&s, m, &o, NULL), SLM_OK);
            CHECK_INT(slm_session_sync(s, ids, 5, NULL), SLM_OK);
            slm_session_rewind(s, 0);
            CHECK_INT(slm_session_nll(s, ids, ids + 1, N, got, NULL), SLM_OK);
            CHECK_INT(slm_session_pos(s), N);
            CHECK_INT(slm_session_sample(s, &id, NULL), SLM_ERR_ARGUMENT);
            CHECK_INT(slm_session_nll(s, ids, ids + 1, 11, got, NULL), SLM_ERR_CONTEXT);
            if (i == 0 && b == 0) memcpy(want, got, sizeof want);
            CHECK(!memcmp(want, got, sizeof want));
            slm_session_free(s);
        }
        for (int t = 0; t < N; t++) {
            double sum = 0;
            z = logits + (size_t)t * (size_t)v;
            for (int k = 0; k < v; k++) sum += exp((double)z[k]);
            CHECK(fabs(got[t] - (log(sum) - (double)z[ids[t + 1]])) < 1e-6);
        }
        mem_free(logits);
        slm_model_close(m);
    }
}

static void broken_weights_end_with_a_message(void) {
    char            path[300];
    mkmodel_options o = mkmodel_defaults("llama", TYPE_F32);
    mk              f = {0};
    mkmodel(&f, &o);
    for (int i = 0; i < 4; i++) f.out.p[mk_at(&f, "blk.1.ffn_up.weight", MK_DATA) + (size_t)i] = (char)0xff; /* a NaN */
    snprintf(path, sizeof path, "%s/nan.gguf", test_tmp());
    CHECK(mk_save(&f, path));
    mk_free(&f);
    slm_model        *m = NULL;
    slm_model_options mo = {.path = path};
    slm_session_options so = {.n_ctx = 16};
    slm_session      *s = NULL;
    slm_error         e = {0};
    int32_t           ids[3] = {1, 2, 3};
    CHECK_INT(slm_model_open(&m, &mo, &e), SLM_OK);
    CHECK_INT(slm_session_create(&s, m, &so, &e), SLM_OK);
    CHECK_INT(slm_session_sync(s, ids, 3, &e), SLM_ERR_NUMERIC);
    CHECK_TEXT(e.text, "no finite logits");
    double nll[3];
    slm_session_rewind(s, 0);
    CHECK_INT(slm_session_nll(s, ids, ids, 3, nll, NULL), SLM_ERR_NUMERIC);
    slm_session_free(s);
    slm_model_close(m);
}

/* One weight of the last norm so large that a logit overflows to infinity, and nothing to NaN: a
 * soft-cap must not make a number of it. */
static void soft_caps_hide_no_infinity(void) {
    int refused = 0;
    for (int i = 0; i < 8; i++) {
        mkmodel_options o = mkmodel_defaults("gemma2", TYPE_F32);
        mk              f = {0};
        const float     huge = 3.4e38f;
        const int32_t   ids[3] = {1, 2, 3};
        slm_model      *m = NULL;
        slm_session    *s = NULL;
        slm_error       e = {0};
        mkmodel(&f, &o);
        memcpy(f.out.p + mk_at(&f, "output_norm.weight", MK_DATA) + (size_t)i * 4, &huge, 4);
        const slm_model_options   mo = {.path = "m.gguf", .data = f.out.p, .n_data = f.out.n};
        const slm_session_options so = {.n_ctx = 16};
        CHECK_INT(slm_model_open(&m, &mo, &e), SLM_OK);
        CHECK_INT(slm_session_create(&s, m, &so, &e), SLM_OK);
        refused += slm_session_sync(s, ids, 3, &e) == SLM_ERR_NUMERIC;
        slm_session_free(s);
        slm_model_close(m);
        mk_free(&f);
    }
    CHECK(refused > 0);
}

static slm_error open_spoilt(const char *variant, void (*spoil)(mk *)) {
    char            path[300];
    mkmodel_options o = mkmodel_defaults(variant, TYPE_Q8_0);
    mk              f = {0};
    mkmodel(&f, &o);
    spoil(&f);
    snprintf(path, sizeof path, "%s/spoilt.gguf", test_tmp());
    CHECK(mk_save(&f, path));
    mk_free(&f);
    slm_model        *m = NULL;
    slm_model_options mo = {.path = path};
    slm_error         e = {0};
    if (!slm_model_open(&m, &mo, &e)) slm_model_close(m);
    return e;
}

static void no_heads(mk *f) { mk_poke(f, "llama.attention.head_count", MK_VALUE, 0); }
static void odd_heads(mk *f) { mk_poke(f, "llama.attention.head_count_kv", MK_VALUE, 3); }
static void wide_rope(mk *f) { mk_poke(f, "llama.rope.dimension_count", MK_VALUE, 1000); }
static void many_layers(mk *f) { mk_poke(f, "llama.block_count", MK_VALUE, 3); }
static void huge_layers(mk *f) { mk_poke(f, "llama.block_count", MK_VALUE, 4000000000u); }
static void wide_ffn(mk *f) { mk_poke(f, "llama.feed_forward_length", MK_VALUE, 128); }
static void other_arch(mk *f) { mk_poke(f, "general.architecture", MK_VALUE, 'x'); }
static void no_norm(mk *f) { mk_poke(f, "blk.0.attn_norm.weight", MK_NAME, 'x'); }
static void nan_eps(mk *f) { mk_poke(f, "llama.attention.layer_norm_rms_epsilon", MK_VALUE, 0x7fc00000); }

static void hyperparameters_are_checked(void) {
    static const struct {
        void       (*spoil)(mk *);
        slm_status   code;
        const char  *part;
    } t[] = {
        {no_heads, SLM_ERR_FORMAT, "llama.attention.head_count"},
        {odd_heads, SLM_ERR_FORMAT, "does not divide"},
        {wide_rope, SLM_ERR_FORMAT, "rope.dimension_count"},
        {many_layers, SLM_ERR_FORMAT, "blk.2."},
        {huge_layers, SLM_ERR_FORMAT, "llama.block_count"},
        {wide_ffn, SLM_ERR_FORMAT, "ffn_down.weight has shape"},
        {other_arch, SLM_ERR_UNSUPPORTED, "supported: llama"},
        {no_norm, SLM_ERR_FORMAT, "blk.0.attn_norm.weight is missing"},
        {nan_eps, SLM_ERR_FORMAT, "epsilon"},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        slm_error e = open_spoilt("llama", t[i].spoil);
        CHECK_INT(e.code, t[i].code);
        CHECK_TEXT(e.text, t[i].part);
    }
}

/* ---- sampling and generation --------------------------------------------------------- */

typedef struct {
    strbuf text;
    int    n, stop_after;
} heard;

static bool hear(void *ud, int32_t id, slm_text_kind kind, const char *text, size_t len) {
    heard *h = ud;
    (void)kind;
    strbuf_put(&h->text, text, len);
    h->n += id >= 0;
    return h->stop_after == 0 || h->n < h->stop_after;
}

static slm_status generate(const slm_model *m, const slm_sampling *p, const slm_generation *g, heard *h, slm_stats *st) {
    slm_session_options o = {.n_ctx = 64};
    slm_session        *s = NULL;
    int32_t             ids[4] = {3, 40, 50, 60};
    slm_error           e = {0};
    slm_status          rc = slm_session_create(&s, m, &o, &e);
    if (!rc) rc = slm_session_set_sampling(s, p, &e);
    if (!rc) rc = slm_generate(s, ids, 4, g, hear, h, st, &e);
    slm_session_free(s);
    return rc;
}

static void generation_ends_where_it_should(void) {
    slm_model     *m = open_made("qwen2", TYPE_F32, NULL);
    slm_sampling   p = slm_sampling_defaults();
    slm_generation g = slm_generation_defaults();
    slm_stats      st;
    heard          a = {0}, b = {0};
    if (!m) return;
    g.ignore_eos = true;
    g.max_new = 20;
    p.seed = 5;
    CHECK_INT(generate(m, &p, &g, &a, &st), SLM_OK);
    CHECK_INT(st.finish, SLM_FINISH_LENGTH);
    CHECK_INT(st.n_new, 20);
    CHECK_INT(a.n, 20);
    CHECK_INT(utf8_whole(a.text.p, a.text.n), a.text.n);
    CHECK_INT(generate(m, &p, &g, &b, &st), SLM_OK); /* a seed means the same text */
    CHECK_STR(((str){b.text.p, b.text.n}), ((str){a.text.p, a.text.n}));
    b.text.n = 0, b.n = 0, b.stop_after = 5;
    CHECK_INT(generate(m, &p, &g, &b, &st), SLM_OK);
    CHECK_INT(st.finish, SLM_FINISH_CANCELLED);
    CHECK_INT(b.n, 5);
    b.text.n = 0, b.stop_after = 0;
    g.max_new = -1;
    CHECK_INT(generate(m, &p, &g, &b, &st), SLM_OK);
    CHECK_INT(st.finish, SLM_FINISH_CONTEXT);
    CHECK_INT(st.n_prompt + st.n_new, 65); /* the last one needs no place in the cache */
    g.max_new = 61; /* all that was asked for, though the context is full too */
    CHECK_INT(generate(m, &p, &g, &b, &st), SLM_OK);
    CHECK_INT(st.finish, SLM_FINISH_LENGTH);
    CHECK_INT(st.n_new, 61);
    g.max_new = -1;
    /* Two letters of the text, as a stop text, cut it just before their first place. */
    char   stop[3] = {0};
    size_t at = 1;
    while (at + 2 < a.text.n && !((a.text.p[at] | 32) >= 'a' && (a.text.p[at] | 32) <= 'z' && (a.text.p[at + 1] | 32) >= 'a' && (a.text.p[at + 1] | 32) <= 'z')) at++;
    memcpy(stop, a.text.p + at, 2);
    g.stop = (const char *const[]){"never in there", stop};
    g.n_stop = 2;
    b.text.n = 0;
    CHECK_INT(generate(m, &p, &g, &b, &st), SLM_OK);
    CHECK_INT(st.finish, SLM_FINISH_STOP);
    CHECK_STR(((str){b.text.p, b.text.n}), ((str){a.text.p, at}));
    strbuf_free(&a.text), strbuf_free(&b.text);
    slm_model_close(m);
}

static void the_token_loop_takes_no_memory(void) {
    slm_model          *m = open_made("gemma3", TYPE_Q8_0, NULL);
    slm_session_options o = {.n_ctx = 128, .n_batch = 16, .n_threads = 2};
    slm_session        *s = NULL;
    slm_sampling        p = slm_sampling_defaults();
    int32_t             ids[40], id = 0;
    if (!m) return;
    make_ids(ids, 40, n_vocab(m));
    CHECK_INT(slm_session_create(&s, m, &o, NULL), SLM_OK);
    for (int way = 0; way < 5; way++) {
        p.top_k = way == 0 ? 40 : 0;
        p.mirostat = way > 2 ? way - 2 : 0;
        p.dry_multiplier = p.xtc_probability = 0.8f;
        p.typical_p = way == 2 ? 0.5f : 1;
        p.repeat_penalty = 1.1f;
        CHECK_INT(slm_session_set_sampling(s, &p, NULL), SLM_OK);
        const uint64_t before = mem_count();
        CHECK_INT(slm_session_sync(s, ids, 40, NULL), SLM_OK);
        for (int i = 0; i < 30; i++) {
            CHECK_INT(slm_session_sample(s, &id, NULL), SLM_OK);
            CHECK_INT(slm_session_eval(s, id, NULL), SLM_OK);
        }
        CHECK_INT(mem_count() - before, 0);
    }
    slm_session_free(s);
    slm_model_close(m);
}

static void developers_recommend_sampling(void) {
    static const struct {
        const char *path, *whose;
        float       temperature, top_p;
        int         top_k;
    } t[] = {
        {"a/Llama-3.2-1B-Instruct-Q4_0.gguf", "Llama 3", 0.6f, 0.9f, 40},
        {"Meta-Llama-3.1-8B-Instruct.gguf", "Llama 3", 0.6f, 0.9f, 40},
        {"qwen2.5-1.5b-instruct-q4_k_m.gguf", "Qwen2.5", 0.7f, 0.8f, 20},
        {"Qwen_Qwen3-0.6B.gguf", "Qwen3", 0.6f, 0.95f, 20},
        {"DeepSeek-R1-Distill-Llama-8B.gguf", "DeepSeek-R1-Distill", 0.6f, 0.95f, 40},
        {"deepseek-ai_DeepSeek-R1-Distill-Qwen-1.5B.gguf", "DeepSeek-R1-Distill", 0.6f, 0.95f, 40},
        {"SmolLM2-1.7B-Instruct.gguf", "SmolLM2", 0.2f, 0.9f, 40},
        {"Phi-3.5-mini-instruct.gguf", "Phi-3.5", 0, 0.95f, 40},
        {"google_gemma-3-4b-it.gguf", "Gemma 3", 1, 0.95f, 64},
        {"Hermes-3-Llama-3.2-3B.gguf", NULL, 0.8f, 0.95f, 40},
        {"Llama-2-7B.gguf", NULL, 0.8f, 0.95f, 40},
        {"", NULL, 0.8f, 0.95f, 40},
    };
    mkmodel_options o = mkmodel_defaults("llama", TYPE_F32);
    for (size_t i = 0; i < ARRAY_LEN(t) * 2; i++) {
        mk           f = {0};
        slm_model   *m = NULL;
        slm_error    err = {0};
        slm_sampling advised;
        const size_t k = i / 2;
        o.sampling = i % 2; /* the file itself asks for top_k 7 */
        mkmodel(&f, &o);
        const slm_model_options mo = {.path = t[k].path, .data = f.out.p, .n_data = f.out.n};
        CHECK_INT(slm_model_open(&m, &mo, &err), SLM_OK);
        const char *whose = slm_model_recommended(m, &advised);
        const slm_sampling p = slm_model_sampling(m);
        CHECK_STR(str_of(whose), str_of(t[k].whose));
        CHECK(p.temperature == t[k].temperature && p.top_p == t[k].top_p && p.top_k == (o.sampling ? 7 : t[k].top_k));
        CHECK(advised.top_k == t[k].top_k);
        slm_model_close(m);
        mk_free(&f);
    }
}

static void files_recommend_sampling(void) {
    mk              f = {0};
    mkmodel_options o = mkmodel_defaults("llama", TYPE_F32);
    slm_model      *m = NULL;
    o.sampling = true;
    for (int spoilt = 0; spoilt < 3; spoilt++) {
        slm_error err = {0};
        mkmodel(&f, &o);
        if (spoilt == 1) mk_poke(&f, "general.sampling.sequence", MK_VALUE, 'T');
        if (spoilt == 2) mk_poke(&f, "general.sampling.mirostat", MK_VALUE, 3);
        const slm_model_options mo = {.path = "m.gguf", .data = f.out.p, .n_data = f.out.n};
        CHECK_INT(slm_model_open(&m, &mo, &err), spoilt == 2 ? SLM_ERR_FORMAT : SLM_OK);
        if (spoilt == 2) CHECK_TEXT(err.text, "general.sampling.mirostat");
        else {
            const slm_sampling p = slm_model_sampling(m);
            CHECK(p.top_k == 7 && p.mirostat == 2 && p.mirostat_tau == 3 && p.mirostat_eta == 0.5f);
            CHECK(p.xtc_probability == 0.5f && p.xtc_threshold == 0.25f);
            /* An order with an unknown step is not followed. */
            CHECK_INT(p.order[0], spoilt ? 0 : SLM_TOP_K);
            CHECK_INT(p.order[1], spoilt ? 0 : SLM_TEMPERATURE);
            slm_model_close(m);
        }
        mk_free(&f);
    }
}

/* The program in slm.h's comment, cut out and compiled by the Makefile. */
static void header_example_runs(void) {
    const char *example = getenv("EXAMPLE");
    char        command[1200], model[300], out[300];
    size_t      n = 0;
    if (!example) {
        test_skip("no $EXAMPLE: run by `make test`");
        return;
    }
    mkmodel_options o = mkmodel_defaults("llama", TYPE_Q4_0);
    snprintf(model, sizeof model, "%s/example.gguf", test_tmp());
    snprintf(out, sizeof out, "%s/example.out", test_tmp());
    CHECK(mkmodel_write(model, &o));
    snprintf(command, sizeof command, "'%s' '%s' > '%s'", example, model, out);
    CHECK_INT(system(command), 0);
    char *text = test_read_file(out, &n);
    CHECK(text && n > 0);
    mem_free(text);
}

const test_case tests_engine[] = {
    {"logits_match_the_reference", "12 tiny models of 6 architectures give the float64 reference's logits", logits_match_the_reference},
    {"bits_do_not_depend_on_the_way", "same bits for every thread count, batch split, instruction set, packed or not", bits_do_not_depend_on_the_way},
    {"odd_shapes_give_the_same_bits", "heads of 2, 5, 7 and 40, rows of 1, 7 and 1031, partial rotation", odd_shapes_give_the_same_bits},
    {"each_thread_count_gives_the_same_bits", "1 to 16 threads, in batches and token by token", each_thread_count_gives_the_same_bits},
    {"long_contexts_cross_splits", "same bits past 256 positions, windows included", long_contexts_cross_splits},
    {"synced_prefixes_change_nothing", "a reused prefix gives a fresh session's bits", synced_prefixes_change_nothing},
    {"watched_prompts_change_nothing", "progress in order, a prompt given up and taken up again", watched_prompts_change_nothing},
    {"packing_is_left_within_a_matrix", "packing given up between and within matrices; the bits stay", packing_is_left_within_a_matrix},
    {"answers_are_left_within_a_token", "an answer given up between two layers, and taken up again", answers_are_left_within_a_token},
    {"plan_is_what_is_taken", "local layers keep their window only; sizes are planned in 64 bits", plan_is_what_is_taken},
    {"memory_grows_with_the_tokens", "a cache that grows gives the same bits, rings and all types", memory_grows_with_the_tokens},
    {"stopped_scores_end_where_they_stopped", "position and logits after a stop do not depend on the batch; none after a rewind", stopped_scores_end_where_they_stopped},
    {"wrong_calls_are_refused", "too many tokens, ids outside the vocabulary, unknown files and sets", wrong_calls_are_refused},
    {"nll_is_that_of_the_logits", "the same bits for every batch, thread count and set; near a sum in double; out of context refused", nll_is_that_of_the_logits},
    {"broken_weights_end_with_a_message", "a NaN in the weights is an error, not a text", broken_weights_end_with_a_message},
    {"soft_caps_hide_no_infinity", "an infinite logit is an error before a soft-cap makes a number of it", soft_caps_hide_no_infinity},
    {"hyperparameters_are_checked", "each spoilt hyperparameter or tensor is named", hyperparameters_are_checked},
    {"generation_ends_where_it_should", "length, context, cancel, stop texts; a seed repeats", generation_ends_where_it_should},
    {"the_token_loop_takes_no_memory", "prefill, sampling and decoding allocate nothing", the_token_loop_takes_no_memory},
    {"developers_recommend_sampling", "by the name, the base name or the file's; the file's own word comes first", developers_recommend_sampling},
    {"files_recommend_sampling", "general.sampling.* keys; an unknown step's order is dropped, a number out of range refused", files_recommend_sampling},
    {"header_example_runs", "the program in slm.h's comment compiles and generates", header_example_runs},
    {0},
};
