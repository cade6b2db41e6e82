/* test_requant.c - quantizing: published vectors, mixtures, what cannot be held. */
#include "../src/requant.h"
#include "mkmodel.h"
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N = 1024 };

static double rmse(const float *a, const float *b, int n) {
    double s = 0;
    for (int i = 0; i < n; i++) s += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sqrt(s / n);
}

static const kernels *best(void) {
    static kernels k;
    if (!k.name) CHECK_INT(kernels_select(&k, NULL, NULL), SLM_OK);
    return &k;
}

/* Quantizes and decodes. */
static void through(type_id t, float *out, const float *x, const float *importance, int n) {
    uint8_t q[N * 4];
    memset(q, 0xa5, sizeof q); /* what is not written must not show */
    requant_of(best(), t, importance)(q, x, importance, n);
    type_get(t)->to_f32(out, q, n);
}

/* One rule: the bytes.  A search: each row's error against that of the published bytes. */
static void equals_or_beats_the_published_vectors(void) {
    char        at[600];
    size_t      n = 0, m = 0, k = 0;
    const char *folder = test_shared("oracle/quant");
    if (!folder) {
        test_skip("no ../shared");
        return;
    }
    char dir[400];
    snprintf(dir, sizeof dir, "%s", folder);
    snprintf(at, sizeof at, "%s/input.f32", dir);
    char *x = test_read_file(at, &n);
    CHECK(x != NULL);
    for (uint32_t id = 0; x && id < TYPE_COUNT; id++) {
        const type_info *t = type_get(id);
        if (!t || id == TYPE_F32) continue;
        snprintf(at, sizeof at, "%s/%s.q", dir, t->name);
        char *q = test_read_file(at, &m);
        snprintf(at, sizeof at, "%s/%s.f32", dir, t->name);
        char    *y = test_read_file(at, &k);
        uint8_t *got = mem_zero(m + 1, 1);
        float   *back = mem_zero(n + 1, 1);
        CHECK(q && y && got && back && k == n);
        if (test_failed()) return;
        requant_of(best(), t->id, false)(got, (const float *)(const void *)x, NULL, (int64_t)n / 4);
        t->to_f32(back, got, (int64_t)n / 4);
        const bool searched = t->block_elems == 256 || id == TYPE_IQ4_NL;
        if (!searched) CHECK_SAME(got, q, m, t->name);
        for (size_t row = 0; searched && row < n / 4 / 512; row++) {
            const float *xr = (const float *)(const void *)x + row * 512;
            const double ours = rmse(back + row * 512, xr, 512), theirs = rmse((const float *)(const void *)y + row * 512, xr, 512);
            if (ours > theirs * 1.02 + 1e-12) printf("    %s row %zu: %g, published %g\n", t->name, row, ours, theirs);
            CHECK(ours <= theirs * 1.02 + 1e-12);
        }
        mem_free(q), mem_free(y), mem_free(got), mem_free(back);
    }
    mem_free(x);
}

/* What every format promises of numbers in [-1, 1): about step / sqrt(12), the step by bits. */
static void errors_are_as_small_as_the_bits_allow(void) {
    static const struct {
        type_id t;
        double  most;
    } row[] = {{TYPE_F32, 0},       {TYPE_F16, 2e-4},    {TYPE_BF16, 2e-3},   {TYPE_Q8_0, 0.0025}, {TYPE_Q4_0, 0.041},
               {TYPE_Q4_1, 0.040},  {TYPE_Q5_0, 0.020},  {TYPE_Q5_1, 0.020},  {TYPE_Q2_K, 0.170},  {TYPE_Q3_K, 0.090},
               {TYPE_Q4_K, 0.040},  {TYPE_Q5_K, 0.020},  {TYPE_Q6_K, 0.011},  {TYPE_IQ4_NL, 0.050}, {TYPE_IQ4_XS, 0.050}};
    uint64_t seed = 7;
    float    x[N], y[N], z[N];
    for (int i = 0; i < N; i++) x[i] = test_randf(&seed);
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        through(row[i].t, y, x, NULL, N);
        if (rmse(x, y, N) > row[i].most) printf("    %s: %g\n", type_name(row[i].t), rmse(x, y, N));
        CHECK(rmse(x, y, N) <= row[i].most);
        /* All scaled by a power of two, and negated: as good. */
        for (int k = 0; k < N; k++) z[k] = x[k] * -0.0625f;
        through(row[i].t, y, z, NULL, N);
        CHECK(rmse(z, y, N) <= row[i].most * 0.0625 * 1.02);
    }
}

/* Nothing, the smallest and the largest numbers, one weight alone, all the same: finite, and near. */
static void odd_blocks_stay_near(void) {
    static const float value[] = {0, 1e-45f, 1e-30f, 1e-8f, 6e-5f, 1, -1, 65504, -65504};
    float              x[256], y[256];
    for (uint32_t id = 0; id < TYPE_COUNT; id++)
        for (size_t v = 0; type_get(id) && v < ARRAY_LEN(value); v++)
            for (int form = 0; form < 3; form++) {
                for (int i = 0; i < 256; i++)
                    x[i] = form == 0 || (form == 1 && i == 77) ? value[v] : form == 2 ? (i % 2 ? value[v] : -value[v]) : 0;
                through((type_id)id, y, x, NULL, 256);
                double worst = 0;
                for (int i = 0; i < 256; i++) {
                    const double e = fabs((double)y[i] - x[i]);
                    if (!(e <= worst)) worst = e;
                }
                /* Below about 1e-4 the f16 scales have no bits left. */
                const double most = (fabs((double)value[v]) < 1e-3 ? 1 : 0.6) * fabs((double)value[v]) + 1e-7;
                if (!(worst <= most)) printf("    %s of %g, form %d: off by %g\n", type_name(id), (double)value[v], form, worst);
                CHECK(worst <= most);
            }
}

/* With importance the weights that count get nearer. */
static void importance_moves_the_error(void) {
    static const type_id searched[] = {TYPE_Q2_K, TYPE_Q3_K, TYPE_Q4_K, TYPE_Q5_K, TYPE_Q6_K, TYPE_IQ4_NL, TYPE_IQ4_XS,
                                       TYPE_Q4_0, TYPE_Q4_1, TYPE_Q5_0, TYPE_Q5_1};
    uint64_t             seed = 3;
    float                x[N], w[N], y[N], z[N];
    for (int i = 0; i < N; i++) x[i] = test_randf(&seed) + test_randf(&seed) * test_randf(&seed), w[i] = i % 8 ? 0.01f : 1;
    for (size_t k = 0; k < ARRAY_LEN(searched); k++) {
        double plain = 0, weighted = 0;
        through(searched[k], y, x, NULL, N);
        through(searched[k], z, x, w, N);
        for (int i = 0; i < N; i++) {
            plain += (double)w[i] * (y[i] - x[i]) * (y[i] - x[i]);
            weighted += (double)w[i] * (z[i] - x[i]) * (z[i] - x[i]);
        }
        if (!(weighted < plain)) printf("    %s: %g, without %g\n", type_name(searched[k]), weighted, plain);
        CHECK(weighted < plain);
        memset(w, 0, sizeof w);
        through(searched[k], z, x, w, N); /* nothing counts: anything finite */
        for (int i = 0; i < N; i++) CHECK(isfinite(z[i]));
        for (int i = 0; i < N; i++) w[i] = i % 8 ? 0.01f : 1;
    }
}

/* Every instruction set searches to the same bits, with and without importance. */
static void sets_search_alike(void) {
    uint64_t seed = 11;
    float    x[N], w[N];
    uint8_t  a[N * 4], b[N * 4];
    kernels  scalar = {0}, k = {0};
    for (int i = 0; i < N; i++) x[i] = test_randf(&seed) * (i / 256 == 1 ? 1e-6f : i / 256 == 2 ? 1e4f : 1), w[i] = test_randf(&seed) + 1;
    CHECK_INT(kernels_select(&scalar, "scalar", NULL), SLM_OK);
    for (int s = 0; kernels_name(s); s++)
        for (uint32_t t = 0; t < TYPE_COUNT; t++)
            for (int weighed = 0; weighed < 2 && type_get(t); weighed++) {
                char label[80];
                snprintf(label, sizeof label, "%s, %s, %d", kernels_name(s), type_name(t), weighed);
                CHECK_INT(kernels_select(&k, kernels_name(s), NULL), SLM_OK);
                memset(a, 0, sizeof a), memset(b, 0, sizeof b);
                requant_of(&scalar, (type_id)t, weighed)(a, x, weighed ? w : NULL, N);
                requant_of(&k, (type_id)t, weighed)(b, x, weighed ? w : NULL, N);
                CHECK_SAME(b, a, sizeof a, label);
            }
}

/* Extremes of the same magnitude both ways, zeros of both signs, ties, numbers whose inverse overflows: the same bytes from every
 * set, of the rule and of the search. */
static void sets_agree_on_odd_numbers(void) {
    static const float odd[] = {0, -0.0f, 1, -1, 0.5f, -0.5f, 1.5f, 2.5f, -2.5f, 126.5f, 127, -127, 1e-40f, -1e-40f, 3e-39f, 65504, -65504, 0.49999997f};
    uint64_t           seed = 23;
    float              x[N];
    uint8_t            a[N * 4], b[N * 4];
    kernels            scalar = {0}, k = {0};
    for (int i = 0; i < N; i++) {
        const uint64_t r = test_rand(&seed);
        /* A few of them in each block of 32, so that blocks of zeros alone and of one tiny number occur. */
        x[i] = odd[r % (1 + (uint64_t)i / 32 % ARRAY_LEN(odd))] * (i / 512 ? 1e-3f : 1);
    }
    CHECK_INT(kernels_select(&scalar, "scalar", NULL), SLM_OK);
    for (int s = 0; kernels_name(s); s++)
        for (uint32_t t = 0; t < TYPE_COUNT; t++) {
            if (!type_get(t)) continue;
            CHECK_INT(kernels_select(&k, kernels_name(s), NULL), SLM_OK);
            memset(a, 0, sizeof a), memset(b, 0, sizeof b);
            requant_of(&scalar, (type_id)t, false)(a, x, NULL, N);
            requant_of(&k, (type_id)t, false)(b, x, NULL, N);
            CHECK_SAME(b, a, sizeof a, type_name(t));
        }
}

/* A block becomes the same in any company: one call, or one for each few blocks; behind the last nothing is written. */
static void blocks_stand_alone(void) {
    uint64_t seed = 29;
    float    x[N], w[N];
    uint8_t  a[N * 4 + 1], b[N * 4 + 1];
    for (int i = 0; i < N; i++) x[i] = test_randf(&seed), w[i] = test_randf(&seed) + 1;
    for (uint32_t t = 0; t < TYPE_COUNT; t++)
        for (int weighed = 0; weighed < 2 && type_get(t); weighed++) {
            const type_info *info = type_get(t);
            const int        step = info->block_elems > 32 ? info->block_elems : 96;
            const requant_fn f = requant_of(best(), (type_id)t, weighed);
            memset(a, 0x5a, sizeof a), memset(b, 0x5a, sizeof b);
            f(a, x, weighed ? w : NULL, N);
            for (int i = 0; i < N; i += step)
                f(b + (size_t)(i / info->block_elems) * (size_t)info->block_bytes, x + i, weighed ? w + i : NULL, N - i < step ? N - i : step);
            CHECK_SAME(b, a, sizeof a, type_name(t));
        }
}

static void rows_get_a_type_that_divides_them(void) {
    static const struct {
        type_id want, by32, odd;
    } row[] = {{TYPE_Q2_K, TYPE_Q4_0, TYPE_F16}, {TYPE_Q3_K, TYPE_Q4_0, TYPE_F16},    {TYPE_Q4_K, TYPE_Q5_0, TYPE_F16},
               {TYPE_Q5_K, TYPE_Q5_1, TYPE_F16}, {TYPE_Q6_K, TYPE_Q8_0, TYPE_F16},    {TYPE_IQ4_XS, TYPE_IQ4_NL, TYPE_F16},
               {TYPE_Q4_0, TYPE_Q4_0, TYPE_F16}, {TYPE_F32, TYPE_F32, TYPE_F32}};
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        CHECK_INT(requant_fit(row[i].want, 512), row[i].want);
        CHECK_INT(requant_fit(row[i].want, 96), row[i].by32);
        CHECK_INT(requant_fit(row[i].want, 33), row[i].odd);
    }
}

/* ---- files ------------------------------------------------------------------------------- */

static gguf *quantized(const char *from, const char *to, const char *type, slm_quantize_options o) {
    slm_error           e = {0};
    slm_quantize_result r = {0};
    gguf               *g = NULL;
    o.n_threads = 2;
    if (!slm_quantize_file(from, to, type, &o, &r, &e) && !gguf_open(&g, to, &e)) CHECK_INT(gguf_file_bytes(g), r.file_bytes);
    CHECK_STR(str_of(e.text), STR(""));
    return g;
}

static float *decoded(const gguf_tensor *t, uint64_t n) {
    float *x = mem_zero((size_t)n, sizeof *x);
    CHECK(x != NULL);
    if (x) t->type->to_f32(x, t->data, (int64_t)n);
    return x;
}

static void compare_tensors(const gguf *ours, const gguf *theirs, const gguf *original, const char *what) {
    for (size_t i = 0; i < gguf_n_tensors(theirs); i++) {
        const gguf_tensor *t = gguf_tensor_at(theirs, i);
        char               name[100], label[200];
        snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
        snprintf(label, sizeof label, "%s %s", what, name);
        const gguf_tensor *o = gguf_find(ours, name), *f = gguf_find(original, name);
        CHECK(o && f);
        if (!o || !f) return;
        if (o->type != t->type) printf("    %s: %s, not %s\n", label, o->type->name, t->type->name);
        CHECK(o->type == t->type);
        if (o->type != t->type) return;
        if (t->type->block_elems < 256 && t->type->id != TYPE_IQ4_NL) {
            CHECK_SAME(o->data, t->data, t->bytes, label);
            continue;
        }
        const uint64_t n = t->dim[0] * t->dim[1];
        float         *x = decoded(f, n), *a = decoded(o, n), *b = decoded(t, n);
        for (uint64_t r = 0; x && a && b && r < n; r += t->dim[0]) {
            const double mine = rmse(a + r, x + r, (int)t->dim[0]), other = rmse(b + r, x + r, (int)t->dim[0]);
            if (mine > 1.05 * other) printf("    %s, row %d: %g, published %g\n", label, (int)(r / t->dim[0]), mine, other);
            CHECK(mine <= 1.05 * other);
        }
        mem_free(x), mem_free(a), mem_free(b);
    }
}

/* The published files of the models whose F32 originals are there. */
static void makes_the_published_files(void) {
    static const char *const file[] = {
        "llama-fitted.F16", "llama-fitted.BF16", "llama-fitted.Q8_0", "llama-fitted.Q4_0", "llama-fitted.Q4_1", "llama-fitted.Q5_0",
        "llama-fitted.Q5_1", "llama-fitted.Q2_K", "llama-fitted.Q3_K_M", "llama-fitted.Q4_K_S", "llama-fitted.Q4_K_M",
        "llama-fitted.Q5_K_M", "llama-fitted.Q6_K", "llama-fitted.IQ4_NL", "llama-fitted.IQ4_XS", "llama-fitted.Q2_K-pure",
        "llama-fitted.Q3_K_M-pure", "llama-fitted.Q4_K_M-pure", "gemma2.Q4_0", "gemma3-1b.Q4_0", "gemma3-4b.Q4_K_M",
        "gemma3-4b.Q4_0-embF16", "llama-linear.Q4_0", "llama-mha.Q4_0", "llama-mqa.Q8_0", "llama-rope-freqs.Q4_K_M",
        "phi3-longrope.Q4_K_M", "phi3-window.Q4_0", "qwen2-tied.Q4_0", "qwen2-untied.Q4_K_M", "qwen3.Q4_K_M"};
    char        dir[400], to[400];
    const char *folder = test_shared("oracle/models");
    if (!folder) {
        test_skip("no ../shared");
        return;
    }
    snprintf(dir, sizeof dir, "%s", folder);
    snprintf(to, sizeof to, "%s/requant.gguf", test_tmp());
    for (size_t i = 0; i < ARRAY_LEN(file); i++) {
        char                 path[600], type[32];
        const char          *dot = strchr(file[i], '.');
        slm_quantize_options o = {.pure = strstr(dot, "-pure"), .token_embedding_type = strstr(dot, "-embF16") ? "F16" : NULL};
        gguf                *f = NULL, *theirs = NULL;
        slm_error            e = {0};
        snprintf(type, sizeof type, "%.*s", (int)strcspn(dot + 1, "-"), dot + 1);
        snprintf(path, sizeof path, "%s/%s.gguf", dir, file[i]);
        CHECK_INT(gguf_open(&theirs, path, &e), SLM_OK);
        snprintf(path, sizeof path, "%s/%.*s.F32.gguf", dir, (int)(dot - file[i]), file[i]);
        CHECK_INT(gguf_open(&f, path, &e), SLM_OK);
        gguf *ours = quantized(path, to, type, o);
        if (f && theirs && ours) {
            uint64_t a = 99, b = 98;
            CHECK_INT(gguf_n_tensors(ours), gguf_n_tensors(theirs));
            CHECK_INT(gguf_uint(ours, "general.file_type", 0, 99, &a, &e), SLM_OK);
            CHECK_INT(gguf_uint(theirs, "general.file_type", 0, 99, &b, &e), SLM_OK);
            CHECK_INT(a, b);
            compare_tensors(ours, theirs, f, file[i]);
        }
        gguf_close(f), gguf_close(theirs), gguf_close(ours);
    }
}

/* More than a piece and a chunk, and a last chunk that is not whole, is what its parts are; what is no number is refused. */
static void large_and_bad_tensors(void) {
    char           from[400], to[400];
    mk             m = {.seed = 9};
    const uint64_t dim[2] = {1056, 1003};
    snprintf(from, sizeof from, "%s/large.gguf", test_tmp());
    snprintf(to, sizeof to, "%s/requant.gguf", test_tmp());
    mk_tensor(&m, "a.weight", TYPE_F16, 2, dim, NULL);
    mk_tensor(&m, "a.bias", TYPE_F16, 1, dim, NULL);
    mk_finish(&m);
    CHECK(mk_save(&m, from));
    gguf *g = quantized(from, to, "Q5_1", (slm_quantize_options){0}), *f = NULL;
    CHECK_INT(gguf_open(&f, from, NULL), SLM_OK);
    if (g && f) {
        const gguf_tensor *t = gguf_find(g, "a.weight");
        float             *x = decoded(gguf_find(f, "a.weight"), dim[0] * dim[1]);
        uint8_t           *q = mem_zero(t->bytes, 1);
        CHECK_INT(t->type->id, TYPE_Q5_1);
        CHECK_INT(gguf_find(g, "a.bias")->type->id, TYPE_F16);
        if (q && x) requant_of(best(), TYPE_Q5_1, false)(q, x, NULL, (int64_t)(dim[0] * dim[1]));
        if (q && x) CHECK_SAME(t->data, q, t->bytes, "in one go");
        mem_free(x), mem_free(q);
    }
    gguf_close(g), gguf_close(f);
    static const float bad[] = {INFINITY, -INFINITY, NAN, 65520, -1e30f};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint32_t  bits;
        slm_error e = {0};
        memcpy(&bits, &bad[i], 4);
        mk_free(&m);
        m = (mk){.seed = 9};
        mk_tensor(&m, "a.weight", TYPE_F32, 2, dim, NULL);
        mk_finish(&m);
        mk_poke(&m, "a.weight", MK_DATA, 0);
        for (size_t k = 0; k < m.n_place; k++)
            if (m.place[k].is_tensor) memcpy(m.out.p + m.place[k].at[MK_DATA] + 4 * 600001, &bits, 4);
        CHECK(mk_save(&m, from));
        CHECK_INT(slm_quantize_file(from, to, "Q4_0", &(slm_quantize_options){0}, NULL, &e), SLM_ERR_UNSUPPORTED);
        CHECK_TEXT(e.text, "tensor a.weight has a weight that is not finite or too large for Q4_0");
    }
    mk_free(&m);
}

typedef struct {
    int  n_calls, stop_at; /* stop_at: 0: never */
    bool lied;
} asked;

static bool count_calls(void *ud, uint64_t done, uint64_t total) {
    asked *a = ud;
    a->lied |= done > total;
    return ++a->n_calls != a->stop_at;
}

/* A piece of a slow type takes longer than a person waits for Ctrl-C. */
static void stops_within_a_piece(void) {
    char           from[400], to[400];
    mk             m = {.seed = 9};
    const uint64_t dim[2] = {1056, 1003}; /* 130 chunks of weights */
    static const int stops[] = {0, 1, 2, 40, 100};
    snprintf(from, sizeof from, "%s/large.gguf", test_tmp());
    snprintf(to, sizeof to, "%s/requant.gguf", test_tmp());
    mk_tensor(&m, "a.weight", TYPE_F16, 2, dim, NULL);
    mk_finish(&m);
    CHECK(mk_save(&m, from));
    mk_free(&m);
    unlink(to);
    for (size_t i = ARRAY_LEN(stops); i-- > 0;)
        for (int t = 1; t <= 3; t += 2) {
            asked                      a = {.stop_at = stops[i]};
            const slm_quantize_options o = {.n_threads = t, .progress = count_calls, .ud = &a};
            slm_error                  e = {0};
            CHECK_INT(slm_quantize_file(from, to, "Q4_1", &o, NULL, &e), stops[i] ? SLM_ERR_IO : SLM_OK);
            CHECK_TEXT(e.text, stops[i] ? "requant.gguf: stopped before it was whole" : "");
            CHECK(!a.lied && access(to, F_OK) == (stops[i] ? -1 : 0));
            CHECK(stops[i] ? a.n_calls == stops[i] : a.n_calls > (t == 1 ? 130 : 65)); /* a thread that finds another one asking goes on */
        }
    unlink(to);
}

const test_case tests_requant[] = {
    {"equals_or_beats_the_published_vectors", "simple formats byte for byte, searched ones no worse row by row",
     equals_or_beats_the_published_vectors},
    {"errors_are_as_small_as_the_bits_allow", "root mean square errors of random numbers by format",
     errors_are_as_small_as_the_bits_allow},
    {"odd_blocks_stay_near", "zeros, subnormals, the largest, one alone: finite and near", odd_blocks_stay_near},
    {"importance_moves_the_error", "weights that count more get nearer", importance_moves_the_error},
    {"sets_search_alike", "the same bytes from every instruction set", sets_search_alike},
    {"sets_agree_on_odd_numbers", "ties, zeros of both signs, tiny and large numbers: the same bytes from every set", sets_agree_on_odd_numbers},
    {"blocks_stand_alone", "a block becomes the same alone and among others; nothing is written behind the last", blocks_stand_alone},
    {"rows_get_a_type_that_divides_them", "the fallbacks of rows that 256 or 32 does not divide", rows_get_a_type_that_divides_them},
    {"makes_the_published_files", "types, keys, bytes and errors of 31 published files", makes_the_published_files},
    {"stops_within_a_piece", "asked before each chunk of weights, by one thread at a time", stops_within_a_piece},
    {"large_and_bad_tensors", "pieces and chunks do not show; what is no number is refused", large_and_bad_tensors},
    {0},
};
