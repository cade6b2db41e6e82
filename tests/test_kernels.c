/* test_kernels.c - every instruction set against scalar.c (equal bits) and against float64 sums. */
#include "test.h"
#include "tiles.h"
#include "../src/cpu.h"
#include "../src/kernels/kernels.h"
#include "../src/kernels/r8.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const type_id int_types[] = {TYPE_Q4_0, TYPE_Q8_0, TYPE_Q4_K, TYPE_Q5_K, TYPE_Q6_K, TYPE_Q4_1, TYPE_Q5_0,
                                    TYPE_Q5_1, TYPE_IQ4_NL, TYPE_IQ4_XS, TYPE_Q2_K, TYPE_Q3_K};
static const type_id float_types[] = {TYPE_F32, TYPE_F16, TYPE_BF16};

/* Where a format keeps its half-float scales: random bits there would be NaN or huge. */
static void put_scales(uint8_t *block, type_id t, uint16_t d, uint16_t dmin) {
    switch (t) {
    case TYPE_Q4_0: case TYPE_Q8_0: case TYPE_Q5_0: case TYPE_IQ4_NL: case TYPE_IQ4_XS: memcpy(block, &d, 2); break;
    case TYPE_Q4_K: case TYPE_Q5_K: case TYPE_Q4_1: case TYPE_Q5_1: memcpy(block, &d, 2); memcpy(block + 2, &dmin, 2); break;
    case TYPE_Q6_K: memcpy(block + 208, &d, 2); break;
    case TYPE_Q2_K: memcpy(block + 80, &d, 2); memcpy(block + 82, &dmin, 2); break;
    case TYPE_Q3_K: memcpy(block + 108, &d, 2); break;
    default: break;
    }
}

enum { FILL_RANDOM, FILL_ONES, FILL_ZEROS, FILL_80 };

static uint8_t *random_matrix(type_id t, int64_t rows, int64_t cols, int fill, uint64_t *seed, size_t *row) {
    const type_info *ti = type_get(t);
    CHECK(type_row_bytes(ti, (uint64_t)cols, row));
    uint8_t *w = mem_zero((size_t)rows, *row);
    for (size_t at = 0; at < (size_t)rows * *row; at += (size_t)ti->block_bytes) {
        for (int i = 0; i < ti->block_bytes; i++)
            w[at + (size_t)i] = fill == FILL_RANDOM ? (uint8_t)test_rand(seed) : fill == FILL_ONES ? 0xff : fill == FILL_80 ? 0x80 : 0;
        put_scales(w + at, t, f32_to_f16(0.01f * test_randf(seed)), f32_to_f16(0.02f * test_randf(seed)));
    }
    return w;
}

static float *random_vector(int64_t n, float scale, uint64_t *seed) {
    float *x = mem_zero((size_t)n, sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = scale * test_randf(seed);
    return x;
}

/* The same product by float64 over decoded weights and the quantized activations. */
static double exact(const type_info *ti, const uint8_t *row, act_view a, int64_t cols, double *magnitude) {
    float *w = mem_zero((size_t)cols, sizeof *w);
    double sum = 0;
    ti->to_f32(w, row, cols);
    *magnitude = 0;
    for (int64_t i = 0; i < cols; i++) {
        double term = (double)w[i] * (double)a.s[i / 32] * a.q[i];
        sum += term;
        *magnitude += fabs(term);
    }
    mem_free(w);
    return sum;
}

/* Groups of 8 rows packed; packing there and back changes no bit, and a row of a group reads as before. */
static uint8_t *pack_all(type_id t, const uint8_t *w, size_t row, int64_t groups, int64_t cols, const char *what) {
    uint8_t *packed = mem_zero((size_t)groups * 8 + 8, row), *back = mem_zero((size_t)groups * 8 + 8, row);
    float   *one = mem_zero((size_t)cols, 4), *same = mem_zero((size_t)cols, 4);
    for (int64_t g = 0; g < groups; g++) {
        r8_pack(t, packed + (size_t)g * 8 * row, w + (size_t)g * 8 * row, row, cols);
        r8_unpack(t, back + (size_t)g * 8 * row, row, packed + (size_t)g * 8 * row, cols);
        for (int i = 0; i < 8; i++) {
            r8_row_to_f32(t, one, packed + (size_t)g * 8 * row, i, cols);
            type_get(t)->to_f32(same, w + (size_t)(g * 8 + i) * row, cols);
            CHECK_SAME(one, same, (size_t)cols * 4, what);
        }
    }
    CHECK_SAME(back, w, (size_t)groups * 8 * row, what);
    mem_free(same), mem_free(one), mem_free(back);
    return packed;
}

static void one_product(const kernels *s, const kernels *k, type_id t, int64_t rows, int64_t cols,
                        int64_t n_tok, int fill, uint64_t *seed) {
    char   what[120];
    size_t row;
    snprintf(what, sizeof what, "%s %s rows=%d cols=%d n_tok=%d fill=%d", k->name, type_name(t),
             (int)rows, (int)cols, (int)n_tok, fill);
    uint8_t *w = random_matrix(t, rows, cols, fill, seed, &row);
    float   *x = random_vector(cols * n_tok, 3.0f, seed);
    char    *act = mem_zero((size_t)n_tok, act_bytes(cols)), *act2 = mem_zero((size_t)n_tok, act_bytes(cols));
    const int64_t ld = rows + 3;
    float *want = mem_zero((size_t)(ld * n_tok), 4), *got = mem_zero((size_t)(ld * n_tok), 4);
    for (int64_t i = 0; i < n_tok; i++) {
        s->act_from_f32(act + (size_t)i * act_bytes(cols), x + i * cols, cols);
        k->act_from_f32(act2 + (size_t)i * act_bytes(cols), x + i * cols, cols);
    }
    CHECK_SAME(act2, act, (size_t)n_tok * act_bytes(cols), what);
    s->matmul[t](want, ld, w, row, rows, cols, act, n_tok);
    k->matmul[t](got, ld, w, row, rows, cols, act, n_tok);
    CHECK_SAME(got, want, (size_t)(ld * n_tok) * 4, what);
    /* Whole groups of 8 once more from their packed form. */
    const int64_t groups = rows / 8;
    uint8_t      *packed = pack_all(t, w, row, groups, cols, what);
    memset(got, 0, (size_t)(ld * n_tok) * 4);
    k->packed[t](got, ld, packed, groups, cols, act, n_tok);
    for (int64_t i = 0; i < n_tok; i++) CHECK_SAME(got + i * ld, want + i * ld, (size_t)groups * 8 * 4, what);
    mem_free(packed);
    for (int64_t i = 0; i < n_tok; i++)
        for (int64_t r = 0; r < rows; r++) {
            double size, sum = exact(type_get(t), w + (size_t)r * row, act_of(act + (size_t)i * act_bytes(cols), cols), cols, &size);
            /* A few roundings of partial sums no larger than the sum of magnitudes. */
            if (!(fabs((double)want[i * ld + r] - sum) <= 1e-5 * size + 1e-9)) {
                printf("    %s: %g, exact %g\n", what, (double)want[i * ld + r], sum);
                CHECK_FAIL("scalar is within rounding of the exact sum");
            }
        }
    mem_free(got), mem_free(want), mem_free(act2), mem_free(act), mem_free(x), mem_free(w);
}

#if defined(__x86_64__)
extern const kernels kernels_amx_emulated;

/* What a processor with AMX would take, its tiles in plain C; false where AVX-512 is not there for the rest. */
static bool select_emulated(kernels *k) {
    if (!(cpu_features() & CPU_AVX512_VNNI) || !(cpu_features() & CPU_AVX512_BF16)) return false;
    CHECK_INT(kernels_select(k, NULL, NULL), SLM_OK);
    k->name = "amx in plain C";
    for (int t = 0; t < TYPE_COUNT; t++) {
        if (kernels_amx_emulated.packed[t]) k->packed[t] = kernels_amx_emulated.packed[t];
        if (kernels_amx_emulated.fast[t]) k->fast[t] = kernels_amx_emulated.fast[t];
    }
    return true;
}
static bool is_emulated(const kernels *k) { return k->packed[TYPE_Q4_0] == kernels_amx_emulated.packed[TYPE_Q4_0]; }
#else
static bool select_emulated(kernels *k) { return (void)k, false; }
static bool is_emulated(const kernels *k) { return (void)k, false; }
#endif

/* Calls fn(set) for each usable set, and for AMX. */
static void each_set(void (*fn)(const kernels *s, const kernels *k)) {
    kernels s, k;
    CHECK_INT(kernels_select(&s, "scalar", NULL), SLM_OK);
    for (int i = 0; kernels_name(i); i++) {
        CHECK_INT(kernels_select(&k, kernels_name(i), NULL), SLM_OK);
        fn(&s, &k);
    }
    if (select_emulated(&k)) fn(&s, &k);
}

static void products(const kernels *s, const kernels *k) {
    uint64_t seed = 1;
    for (size_t i = 0; i < ARRAY_LEN(int_types); i++) {
        const int64_t block = type_get(int_types[i])->block_elems;
        const int64_t cols[] = {block, 3 * block, 768, 2304};
        const int64_t rows[] = {1, 7, 8, 9, 33}, toks[] = {1, 2, 4, 5, 9, 67};
        for (size_t c = 0; c < ARRAY_LEN(cols); c++)
            for (size_t r = 0; r < ARRAY_LEN(rows); r++)
                one_product(s, k, int_types[i], rows[r], cols[c], toks[(c + r) % ARRAY_LEN(toks)], FILL_RANDOM, &seed);
        for (int fill = FILL_ONES; fill <= FILL_80; fill++)
            one_product(s, k, int_types[i], 9, 4 * block, 3, fill, &seed);
    }
}

static void integer_products_are_equal(void) { each_set(products); }

/* Batches of every size against the same tokens one by one, in plain C. */
static void batches(const kernels *s, const kernels *k) {
    enum { ROWS = 24, MOST = 600 };
    uint64_t seed = 3;
    for (size_t i = 0; i < ARRAY_LEN(int_types); i++) {
        const type_id   id = int_types[i];
        const type_info *t = type_get(id);
        const int64_t    cols = 1280; /* a panel and a part of one */
        const size_t     ab = act_bytes(cols);
        size_t           row;
        if (!k->packed[id] || k->packed[id] == s->packed[id]) continue;
        uint8_t *w = random_matrix(id, ROWS, cols, FILL_RANDOM, &seed, &row), *p = mem_zero(ROWS, row);
        float   *x = random_vector(cols * MOST, 3.0f, &seed), *want = mem_zero(ROWS * MOST, 4), *got = mem_zero(ROWS * MOST, 4);
        char    *act = mem_zero(MOST, ab);
        for (int r = 0; r < ROWS; r += 8) r8_pack(id, p + (size_t)r * row, w + (size_t)r * row, row, cols);
        for (int j = 0; j < MOST; j++) s->act_from_f32(act + (size_t)j * ab, x + j * cols, cols);
        s->packed[id](want, ROWS, p, ROWS / 8, cols, act, MOST);
        for (int n = 1; n <= MOST; n += is_emulated(k) ? n < 12 ? 11 : n < 17 ? 1 : n < 128 ? 37 : 118 : n < 80 ? 1 : 40) {
            char what[96];
            snprintf(what, sizeof what, "%s %s n_tok=%d", k->name, t->name, n);
            memset(got, 0, ROWS * MOST * 4);
            k->packed[id](got, ROWS, p, ROWS / 8, cols, act, n);
            CHECK_SAME(got, want, (size_t)n * ROWS * 4, what);
        }
        mem_free(act), mem_free(got), mem_free(want), mem_free(x), mem_free(p), mem_free(w);
    }
}

static void batches_are_tokens(void) { each_set(batches); }

/* Equal bits, or both not a number. */
static void check_same_or_nan(const float *got, const float *want, int64_t n, const char *what) {
    for (int64_t i = 0; i < n; i++)
        if (!isnan(got[i]) || !isnan(want[i])) CHECK_SAME(got + i, want + i, 4, what);
}

/* 9 rows of equal bytes against activations of the largest magnitude: what an int16 must hold at most. */
static void one_extreme(const kernels *s, const kernels *k, type_id t, int byte, int signs, float d) {
    enum { ROWS = 9, TOKENS = 7 };
    const type_info *ti = type_get(t);
    const int64_t    cols = 3 * ti->block_elems;
    size_t           row = 0;
    char             what[120];
    snprintf(what, sizeof what, "%s %s bytes=%d signs=%d d=%g", k->name, ti->name, byte, signs, (double)d);
    CHECK(type_row_bytes(ti, (uint64_t)cols, &row));
    uint8_t *w = mem_zero(ROWS, row);
    for (size_t at = 0; at < ROWS * row; at += (size_t)ti->block_bytes) {
        for (size_t i = 0; i < (size_t)ti->block_bytes; i++) w[at + i] = (uint8_t)(byte >= 0 ? byte : (int)(at + i)); /* -1: all codes */
        put_scales(w + at, t, f32_to_f16(d), f32_to_f16(-d));
    }
    char *act = mem_zero(TOKENS, act_bytes(cols));
    float want[TOKENS * ROWS], got[TOKENS * ROWS] = {0}, *x = mem_zero((size_t)cols, 4);
    for (int64_t i = 0; i < cols; i++) x[i] = signs == 0 ? 1 : signs == 1 ? -1 : i % 2 ? 1 : -1;
    for (int64_t i = 0; i < TOKENS; i++) s->act_from_f32(act + (size_t)i * act_bytes(cols), x, cols);
    s->matmul[t](want, ROWS, w, row, ROWS, cols, act, TOKENS);
    k->matmul[t](got, ROWS, w, row, ROWS, cols, act, TOKENS);
    check_same_or_nan(got, want, TOKENS * ROWS, what);
    uint8_t *packed = pack_all(t, w, row, 1, cols, what);
    memset(got, 0, sizeof got);
    k->packed[t](got, ROWS, packed, 1, cols, act, TOKENS);
    for (int i = 0; i < TOKENS; i++) check_same_or_nan(got + i * ROWS, want + i * ROWS, 8, what);
    double size, sum = exact(ti, w, act_of(act, cols), cols, &size);
    CHECK(isnan(sum) || isinf(sum) ? !isfinite(want[0]) : fabs((double)want[0] - sum) <= 1e-5 * (size + fabs((double)d) * (double)cols));
    mem_free(packed), mem_free(x), mem_free(act), mem_free(w);
}

static void extremes(const kernels *s, const kernels *k) {
    static const int   bytes[] = {0, 0xff, 0x80, 0x7f, 0x0f, 0xf0, 0x88, 0x33, 0xcc, -1};
    static const float d[] = {1, 0, -0.5f, 65504, 6e-8f, INFINITY, NAN};
    for (size_t t = 0; t < ARRAY_LEN(int_types); t++)
        for (size_t b = 0; b < ARRAY_LEN(bytes); b++)
            for (int signs = 0; signs < 3; signs++)
                for (size_t i = 0; i < ARRAY_LEN(d); i++) one_extreme(s, k, int_types[t], bytes[b], signs, d[i]);
}

static void extreme_blocks_are_equal(void) { each_set(extremes); }

/* Packed floats give the bits of rows that are decoded and multiplied as panels. */
static void one_float_product(const kernels *s, const kernels *k, type_id t, int64_t groups, int64_t cols, int64_t n_tok, uint64_t *seed) {
    const type_info *ti = type_get(t);
    const int64_t    ld = groups * 8 + 3;
    char             what[120];
    snprintf(what, sizeof what, "%s %s groups=%d cols=%d n_tok=%d", k->name, ti->name, (int)groups, (int)cols, (int)n_tok);
    const size_t row = (size_t)(cols * ti->block_bytes);
    uint8_t     *w = mem_zero((size_t)groups * 8, row);
    float *f = random_vector(groups * 8 * cols, 1.0f, seed), *x = random_vector(cols * n_tok, 3.0f, seed), *panel = mem_zero((size_t)cols * 8, 4);
    float *want = mem_zero((size_t)(ld * n_tok), 4), *got = mem_zero((size_t)(ld * n_tok), 4), *acc = mem_zero((size_t)n_tok * 8, 4);
    if (t == TYPE_F16) s->f32_to_f16((uint16_t *)(void *)w, f, groups * 8 * cols);
    else
        for (int64_t i = 0; i < groups * 8 * cols; i++) memcpy(w + i * ti->block_bytes, (char *)(f + i) + 4 - ti->block_bytes, (size_t)ti->block_bytes);
    for (int64_t g = 0; g < groups; g++) {
        ti->to_f32(f, w + (size_t)g * 8 * row, 8 * cols);
        s->panel_from_rows(panel, f, cols, cols);
        memset(acc, 0, (size_t)n_tok * 32);
        s->matmul_panel(acc, panel, cols, x, cols, n_tok);
        for (int64_t i = 0; i < n_tok; i++) memcpy(want + i * ld + g * 8, acc + i * 8, 32);
    }
    uint8_t *packed = pack_all(t, w, row, groups, cols, what);
    k->packed[t](got, ld, packed, groups, cols, x, n_tok);
    CHECK_SAME(got, want, (size_t)(ld * n_tok) * 4, what);
    mem_free(packed), mem_free(acc), mem_free(got), mem_free(want), mem_free(panel), mem_free(x), mem_free(f), mem_free(w);
}

static void float_products(const kernels *s, const kernels *k) {
    static const int64_t cols[] = {1, 7, 33, 640}, groups[] = {1, 2, 3, 4, 7}, toks[] = {1, 2, 5, 6, 9, 13};
    uint64_t             seed = 11;
    for (size_t t = 0; t < ARRAY_LEN(float_types); t++)
        for (size_t c = 0; c < ARRAY_LEN(cols); c++)
            for (size_t g = 0; g < ARRAY_LEN(groups); g++)
                for (size_t n = 0; n < ARRAY_LEN(toks); n++) one_float_product(s, k, float_types[t], groups[g], cols[c], toks[n], &seed);
}

static void float_products_are_equal(void) { each_set(float_products); }

/* ---- bfloat16 --------------------------------------------------------------- */

static float bf16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, 4);
    return x;
}

/* A row of the file against float64 sums over both sides rounded to bfloat16; of quantized weights the numbers that are
 * rounded differ in their last bits, so some are rounded the other way: 2^-8 of a term. */
static void check_fast_row(const type_info *t, const uint8_t *row, const float *x, int64_t cols, float got, const char *what) {
    const bool exact = t->block_elems == 1;
    float     *w = mem_zero((size_t)cols, sizeof *w);
    double     sum = 0, size = 0;
    t->to_f32(w, row, cols);
    for (int64_t i = 0; i < cols; i++) {
        const double term = (double)bf16_of(w[i]) * (double)bf16_of(x[i]);
        sum += term;
        size += fabs(term);
    }
    if (!(fabs((double)got - sum) <= (exact ? 2e-6 : 4e-4) * size + 1e-9)) {
        printf("    %s: %g, float64 %g, magnitude %g\n", what, (double)got, sum, size);
        CHECK_FAIL("fast products are those of rounded numbers");
    }
    mem_free(w);
}

static void one_fast(const kernels *k, type_id t, int64_t groups, int64_t cols, int64_t n_tok, uint64_t *seed) {
    const type_info *ti = type_get(t);
    const int64_t    ld = groups * 8 + 3;
    char             what[120];
    size_t           row;
    snprintf(what, sizeof what, "%s %s groups=%d cols=%d n_tok=%d", k->name, ti->name, (int)groups, (int)cols, (int)n_tok);
    uint8_t *w = random_matrix(t, groups * 8, cols, FILL_RANDOM, seed, &row);
    float   *x = random_vector(cols * n_tok, 3.0f, seed), *f = random_vector(groups * 8 * cols, 1.0f, seed);
    if (t == TYPE_F16) k->f32_to_f16((uint16_t *)(void *)w, f, groups * 8 * cols);
    else if (ti->block_elems == 1)
        for (int64_t i = 0; i < groups * 8 * cols; i++) memcpy(w + i * ti->block_bytes, (char *)(f + i) + 4 - ti->block_bytes, (size_t)ti->block_bytes);
    uint8_t *packed = pack_all(t, w, row, groups, cols, what);
    float   *got = mem_zero((size_t)(ld * n_tok), 4), *one = mem_zero((size_t)(ld * n_tok), 4);
    k->fast[t](got, ld, packed, groups, cols, x, n_tok);
    for (int64_t i = 0; i < n_tok; i++)
        for (int64_t r = 0; r < groups * 8; r++)
            check_fast_row(ti, w + (size_t)r * row, x + i * cols, cols, got[i * ld + r], what);
    /* Two batches, and some groups apart from the others: the same bits. */
    const int64_t half = n_tok / 3, part = groups / 2;
    for (int b = 0; b < 2; b++) {
        const int64_t t0 = b ? half : 0, n = b ? n_tok - half : half;
        if (n && part) k->fast[t](one + t0 * ld, ld, packed, part, cols, x + t0 * cols, n);
        if (n) k->fast[t](one + t0 * ld + part * 8, ld, packed + (size_t)part * 8 * row, groups - part, cols, x + t0 * cols, n);
    }
    CHECK_SAME(one, got, (size_t)(ld * n_tok) * 4, what);
    mem_free(one), mem_free(got), mem_free(packed), mem_free(f), mem_free(x), mem_free(w);
}

static void fast_products(const kernels *s, const kernels *k) {
    static const int64_t cols[] = {1, 7, 33, 640}, toks[] = {1, 9, 25, 67, 130}, groups[] = {1, 2, 5};
    uint64_t             seed = 13;
    (void)s;
    for (int t = 0; t < TYPE_COUNT; t++) {
        const int64_t block = k->fast[t] ? type_get((uint32_t)t)->block_elems : 0;
        for (size_t c = 0; block && c < ARRAY_LEN(cols); c++)
            for (size_t n = 0; n < ARRAY_LEN(toks); n++)
                if (block == 1) one_fast(k, (type_id)t, groups[(c + n) % 3], cols[c], toks[n], &seed);
                else if (c < 2) one_fast(k, (type_id)t, groups[(c + n) % 3], c ? 768 : 3 * block, toks[n], &seed);
    }
}

static void fast_products_round_once(void) { each_set(fast_products); }

/* A set whose instructions were never tried is left out where its products are not those of the others. */
static void wrong_products_are_noticed(void) {
    kernels k, before;
    CHECK_INT(kernels_select(&before, NULL, NULL), SLM_OK);
    CHECK(kernels_agree(&before, &before));
#if defined(__x86_64__)
    if (!select_emulated(&k)) {
        test_skip("no AVX-512 with VNNI and BF16");
        return;
    }
    tiles_n_dots = 0;
    CHECK(kernels_agree(&kernels_amx_emulated, &before));
    const long n = tiles_n_dots;
    CHECK(n > 300);
    for (long i = 1; i <= n; i = i * 2 + 1) {
        tiles_n_dots = 0, tiles_wrong_every = i;
        CHECK(!kernels_agree(&kernels_amx_emulated, &before));
    }
    tiles_wrong_every = 0;
#else
    (void)k;
#endif
}

static void activations(const kernels *s, const kernels *k) {
    float x[96];
    char  a[256], b[256];
    CHECK(act_bytes(96) <= sizeof a);
    memset(a, 0, sizeof a), memset(b, 0, sizeof b);
    for (int i = 0; i < 96; i++) x[i] = (float)(i % 7) - 3.0f;
    x[3] = NAN;
    for (int i = 32; i < 64; i++) x[i] = 1e-35f;
    x[70] = -1000.0f;
    s->act_from_f32(a, x, 96);
    k->act_from_f32(b, x, 96);
    act_view v = act_of(b, 96);
    CHECK(isnan(v.s[0]) && isnan(act_of(a, 96).s[0]));
    CHECK(v.s[1] == 0 && v.q[40] == 0);
    CHECK_INT(v.q[70], -127);
    CHECK_SAME(v.q, act_of(a, 96).q, 96, k->name);
    x[3] = INFINITY;
    k->act_from_f32(b, x, 96);
    CHECK(isnan(act_of(b, 96).s[0]));
}

static void activations_keep_nan_visible(void) { each_set(activations); }

static void floats(const kernels *s, const kernels *k) {
    uint64_t  seed = 7;
    const int sizes[] = {1, 7, 8, 15, 16, 17, 33, 64, 250};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        const int64_t n = sizes[i];
        const size_t  bytes = (size_t)n * 4;
        float *x = random_vector(n, 30.0f, &seed), *w = random_vector(n, 1.0f, &seed);
        float *a = mem_zero((size_t)n, 4), *b = mem_zero((size_t)n, 4);
        uint16_t *ha = mem_zero((size_t)n, 2), *hb = mem_zero((size_t)n, 2);
        s->rms_norm(a, x, w, n, 1e-5f), k->rms_norm(b, x, w, n, 1e-5f);
        CHECK_SAME(b, a, bytes, "rms_norm");
        s->silu_mul(a, x, w, n), k->silu_mul(b, x, w, n);
        CHECK_SAME(b, a, bytes, "silu_mul");
        for (int64_t j = 0; j < n; j++) {
            double want = (double)x[j] / (1 + exp(-(double)x[j])) * (double)w[j];
            CHECK(fabs((double)a[j] - want) <= 4e-7 * fabs(want) + 1e-30);
        }
        s->gelu_mul(a, x, w, n), k->gelu_mul(b, x, w, n);
        CHECK_SAME(b, a, bytes, "gelu_mul");
        for (int64_t j = 0; j < n; j++) {
            double g = (double)x[j], want = 0.5 * g * (1 + tanh(0.7978845608028654 * (g + 0.044715 * g * g * g))) * (double)w[j];
            CHECK(fabs((double)a[j] - want) <= 2e-6 * fabs(want) + 1e-7);
        }
        memcpy(a, x, bytes), memcpy(b, x, bytes);
        s->softcap(a, n, 5.0f), k->softcap(b, n, 5.0f);
        CHECK_SAME(b, a, bytes, "softcap");
        for (int64_t j = 0; j < n; j++) CHECK(fabs((double)a[j] - 5 * tanh((double)x[j] / 5)) <= 1e-6);
        memcpy(a, x, bytes), memcpy(b, x, bytes);
        float sa = s->exp_sum(a, n, 30.0f), sb = k->exp_sum(b, n, 30.0f);
        CHECK_SAME(b, a, bytes, "exp_sum"), CHECK_SAME(&sb, &sa, 4, "exp_sum's sum");
        for (int64_t j = 0; j < n; j++) CHECK(fabs((double)a[j] - exp((double)(x[j] - 30.0f))) <= 3e-7 * (double)a[j] + 2e-45);
        double ma, mb, ta = s->exp_total(x, n, 30.0f, 0.7f, &ma), tb = k->exp_total(x, n, 30.0f, 0.7f, &mb), plain = 0, weighed = 0;
        CHECK_SAME(&tb, &ta, 8, "exp_total"), CHECK_SAME(&mb, &ma, 8, "exp_total's moment");
        CHECK(k->exp_total(x, n, 30.0f, 0.7f, NULL) == ta);
        for (int64_t j = 0; j < n; j++) {
            const double d = (double)(x[j] - 30.0f) / (double)0.7f;
            plain += exp(d), weighed += d * exp(d);
        }
        CHECK(fabs(ta - plain) <= 1e-5 * plain + 1e-44 && fabs(ma - weighed) <= 1e-5 * fabs(weighed) + 1e-42);
        CHECK(s->peaks(a, x, n) && k->peaks(b, x, n));
        CHECK_SAME(b, a, (size_t)((n + 63) / 64) * 4, "peaks");
        for (int64_t j = 0; j < n; j++) CHECK(a[j / 64] >= x[j]);
        for (int e = 0; e < 3; e++) {
            float      *at = &x[(n - 1) * e / 2];
            const float was = *at;
            *at = e == 0 ? NAN : e == 1 ? INFINITY : -INFINITY;
            CHECK(!s->peaks(a, x, n) && !k->peaks(b, x, n));
            *at = was;
        }
        s->f32_to_f16(ha, x, n), k->f32_to_f16(hb, x, n);
        CHECK_SAME(hb, ha, (size_t)n * 2, "f32_to_f16");
        s->f16_to_f32(a, ha, n), k->f16_to_f32(b, ha, n);
        CHECK_SAME(b, a, bytes, "f16_to_f32");
        float top[2] = {s->max_of(x, n), k->max_of(x, n)}, most = x[0];
        for (int64_t j = 1; j < n; j++) most = x[j] > most ? x[j] : most;
        CHECK(top[0] == most && top[1] == most);
        memcpy(a, x, bytes), memcpy(b, x, bytes);
        s->blend(a, 0.3f, w, -1.7f, n), k->blend(b, 0.3f, w, -1.7f, n);
        CHECK_SAME(b, a, bytes, "blend");
        if (n % 32 == 0) {
            memcpy(a, x, bytes), memcpy(b, x, bytes);
            s->hadamard(a, n), k->hadamard(b, n);
            CHECK_SAME(b, a, bytes, "hadamard");
            CHECK(fabsf(a[5] - a[4] + 2 * (x[1] + x[3] - x[5] - x[7] + x[9] + x[11] - x[13] - x[15] + x[17] + x[19] - x[21] - x[23] + x[25] + x[27] - x[29] - x[31])) < 1e-3f);
            s->hadamard(a, n);
            for (int64_t j = 0; j < n; j++) CHECK(fabsf(a[j] / 32 - x[j]) < 1e-4f);
        }
        float *m = random_vector(n * 9, 1.0f, &seed);
        float *pa = mem_zero((size_t)n * 8, 4), *pb = mem_zero((size_t)n * 8, 4), acc[2][80];
        s->panel_from_rows(pa, m, n, n), k->panel_from_rows(pb, m, n, n);
        CHECK_SAME(pb, pa, bytes * 8, "panel_from_rows");
        memset(acc, 0, sizeof acc);
        s->matmul_panel(acc[0], pa, n, m, n, 9), k->matmul_panel(acc[1], pa, n, m, n, 9);
        CHECK_SAME(acc[1], acc[0], 72 * 4, "matmul_panel");
        mem_free(pb), mem_free(pa), mem_free(m), mem_free(hb), mem_free(ha);
        mem_free(b), mem_free(a), mem_free(w), mem_free(x);
    }
    const float edge[] = {0.0f, -0.0f, 88.0f, 89.5f, 200.0f, -87.0f, -100.0f, -104.5f, -200.0f, -INFINITY, INFINITY, NAN, 1e-30f, -1.0f, 1.0f, 0.5f};
    float a[16], b[16];
    memcpy(a, edge, sizeof a), memcpy(b, edge, sizeof b);
    s->exp_sum(a, 16, 0), k->exp_sum(b, 16, 0);
    for (int i = 0; i < 16; i++) CHECK(isnan(a[i]) ? isnan(b[i]) : a[i] == b[i]);
    CHECK(a[9] == 0 && a[10] == INFINITY && isnan(a[11]) && a[0] == 1 && a[8] == 0 && a[4] == INFINITY);
    memcpy(a, edge, sizeof a), memcpy(b, edge, sizeof b);
    s->softcap(a, 16, 5), k->softcap(b, 16, 5);
    for (int i = 0; i < 16; i++) CHECK(isnan(a[i]) ? isnan(b[i]) : !memcmp(&a[i], &b[i], 4));
    CHECK(isnan(a[9]) && isnan(a[10]) && isnan(a[11]) && a[4] == 5 && a[8] == -5);
    CHECK(s->max_of(edge, 10) == 200.0f && k->max_of(edge, 10) == 200.0f);
    CHECK(s->max_of(edge + 9, 7) == INFINITY && k->max_of(edge + 9, 7) == INFINITY); /* with a NaN */
    CHECK(s->max_of(edge + 11, 1) == -INFINITY && k->max_of(edge + 11, 1) == -INFINITY);
}

/* ---- the cache ------------------------------------------------------------- */

/* A block of the cache of random positions, and the same numbers as rows of floats. */
static uint8_t *random_block(slm_kv_type type, int64_t d, bool keys, float *rows, uint64_t *seed) {
    uint8_t *block = mem_zero(KV_BLOCK * 2, (size_t)d * 4);
    for (int64_t i = 0; i < KV_BLOCK; i++)
        for (int64_t j = 0; j < d; j++) {
            const int64_t  at = i * d + j;
            const float    x = test_randf(seed);
            const int8_t   q = (int8_t)(test_rand(seed) % 255 - 127);
            const uint16_t scale = f32_to_f16((float)(i % 5 + 1) * 0.003f);
            r8_q8_0       *k = (r8_q8_0 *)(void *)block + i / 8 * (d / 32) + j / 32;
            kv_part       *v = (kv_part *)(void *)block + j / 32 * (KV_BLOCK / 8) + i / 8;
            switch (type) {
            case SLM_KV_F16: ((uint16_t *)(void *)block)[at] = f32_to_f16(x); break;
            case SLM_KV_F32: ((float *)(void *)block)[at] = x; break;
            case SLM_KV_Q8_0:
                if (keys) k->d[i % 8] = scale, k->q[j % 32 / 4][i % 8][j % 4] = q;
                else v->d[i % 8] = scale, v->q[i % 8][j % 32] = q;
            }
            rows[at] = type == SLM_KV_F32 ? x : type == SLM_KV_F16 ? f16_to_f32(f32_to_f16(x)) : f16_to_f32(scale) * (float)q;
        }
    return block;
}

/* n_q queries against a block, by s, by k, and by float64. */
static void one_block(const kernels *s, const kernels *k, slm_kv_type type, int64_t d, int64_t n_q, int64_t i0, int64_t i1, uint64_t *seed) {
    enum { LD = KV_BLOCK + 5 };
    char what[100];
    snprintf(what, sizeof what, "%s kv=%d d=%d n_q=%d [%d, %d)", k->name, (int)type, (int)d, (int)n_q, (int)i0, (int)i1);
    const int64_t lda = d + 3, n = (i1 - i0) / 8 * 8;
    const size_t  q_bytes = type == SLM_KV_Q8_0 ? act_bytes(d) : (size_t)d * 4;
    float   *rows = mem_zero((size_t)(KV_BLOCK * d), 4), *q = random_vector(n_q * d, 1.0f, seed), *p = random_vector(n_q * LD, 1.0f, seed);
    uint8_t *block = random_block(type, d, true, rows, seed);
    char    *in = mem_zero((size_t)n_q, q_bytes);
    float   *a = mem_zero((size_t)(n_q * LD), 4), *b = mem_zero((size_t)(n_q * LD), 4);
    for (int64_t h = 0; h < n_q; h++)
        if (type == SLM_KV_Q8_0) s->act_from_f32(in + (size_t)h * q_bytes, q + h * d, d);
        else memcpy(in + (size_t)h * q_bytes, q + h * d, q_bytes);
    s->scores[type](a, LD, in, n_q, block, n, d), k->scores[type](b, LD, in, n_q, block, n, d);
    CHECK_SAME(b, a, (size_t)(n_q * LD) * 4, what);
    for (int64_t h = 0; h < n_q; h++)
        for (int64_t i = 0; i < n; i++) {
            const act_view v = act_of(in + (size_t)h * q_bytes, d);
            double         sum = 0, size = 0;
            for (int64_t j = 0; j < d; j++) {
                const double x = type == SLM_KV_Q8_0 ? (double)v.s[j / 32] * v.q[j] : (double)q[h * d + j];
                sum += x * (double)rows[i * d + j], size += fabs(x * (double)rows[i * d + j]);
            }
            CHECK(fabs((double)a[h * LD + i] - sum) <= 1e-6 * size + 1e-12);
        }
    mem_free(block), mem_free(b), mem_free(a);
    block = random_block(type, d, false, rows, seed);
    a = random_vector(n_q * lda, 1.0f, seed), b = mem_zero((size_t)(n_q * lda), 4);
    double *want = mem_zero((size_t)(n_q * lda), sizeof *want);
    memcpy(b, a, (size_t)(n_q * lda) * 4);
    for (int64_t at = 0; at < n_q * lda; at++) {
        want[at] = (double)a[at];
        for (int64_t i = i0; i < i1 && at % lda < d; i++) want[at] += (double)p[at / lda * LD + i] * (double)rows[i * d + at % lda];
    }
    s->values[type](a, lda, p, LD, n_q, block, i0, i1, d), k->values[type](b, lda, p, LD, n_q, block, i0, i1, d);
    CHECK_SAME(b, a, (size_t)(n_q * lda) * 4, what);
    for (int64_t at = 0; at < n_q * lda; at++) CHECK(fabs((double)a[at] - want[at]) <= 1e-5);
    mem_free(want), mem_free(b), mem_free(a), mem_free(in), mem_free(block), mem_free(p), mem_free(q), mem_free(rows);
}

static void blocks(const kernels *s, const kernels *k) {
    static const struct { int n_q, i0, i1; } t[] = {{1, 0, 64}, {2, 0, 8}, {3, 7, 24}, {4, 0, 64}, {5, 8, 9}, {6, 63, 64}, {7, 3, 61}, {8, 1, 2}, {11, 0, 63}, {32, 0, 64}};
    static const int d[] = {16, 32, 48, 64, 96, 112, 128, 256};
    uint64_t seed = 11;
    for (int type = 0; type < KV_TYPES; type++)
        for (size_t i = 0; i < ARRAY_LEN(d); i++)
            for (size_t j = 0; j < ARRAY_LEN(t); j++)
                if (type != SLM_KV_Q8_0 || d[i] % 32 == 0) one_block(s, k, (slm_kv_type)type, d[i], t[j].n_q, t[j].i0, t[j].i1, &seed);
}

static void cache_blocks_are_equal(void) { each_set(blocks); }

static void float_loops_are_equal(void) { each_set(floats); }

static void names_are_checked(void) {
    kernels   k;
    slm_error e = {0};
    CHECK_INT(kernels_select(&k, "mmx", &e), SLM_ERR_ARGUMENT);
    CHECK_TEXT(e.text, "mmx");
    CHECK_INT(kernels_select(&k, "auto", NULL), SLM_OK);
    CHECK(k.matmul[TYPE_Q6_K] && k.scores[SLM_KV_Q8_0]);
}

const test_case tests_kernels[] = {
    {"integer_products_are_equal", "12 formats, odd sizes: the same bits as scalar, packed or not, near the exact sum", integer_products_are_equal},
    {"batches_are_tokens", "1 to 600 tokens at once: each as if it came alone, on every instruction set", batches_are_tokens},
    {"extreme_blocks_are_equal", "largest and smallest codes, scales and activations; scales 0, negative, infinite, NaN", extreme_blocks_are_equal},
    {"float_products_are_equal", "packed F32, F16 and BF16: the same bits as panels", float_products_are_equal},
    {"fast_products_round_once", "bfloat16, also on AMX's tiles in plain C: near the sums of rounded numbers, any batch the same", fast_products_round_once},
    {"wrong_products_are_noticed", "a set on trial with one bit wrong is left out", wrong_products_are_noticed},
    {"activations_keep_nan_visible", "a NaN or infinity marks its block", activations_keep_nan_visible},
    {"float_loops_are_equal", "norms, activations, exp, float products: the same bits as scalar, near libm", float_loops_are_equal},
    {"cache_blocks_are_equal", "scores and values of f16, f32 and q8_0 blocks: the same bits as scalar, near float64", cache_blocks_are_equal},
    {"names_are_checked", "an unknown instruction set is refused", names_are_checked},
    {0},
};
