/* bench.c - what this machine can do at most, and what a model asks of it: the two numbers that make
 * a speed mean something.
 *
 * Generation reads every weight once per token, so its roof is how fast the machine reads memory;
 * a prompt multiplies, so its roof is how fast the machine multiplies small integers.  Both roofs
 * are measured by loops that do nothing else, with the threads that the model gets. */
#include "cpu.h"
#include "session.h"
#include "synth.h"
#include "thread.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include "kernels/amx_tiles.h"
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* ---- reading ----------------------------------------------------------------- */

enum { PIECE = 1 << 20 }; /* bytes of a task; a multiple of what a loop takes at a time */

/* The sum only keeps the loads from being thrown away. */
static uint64_t read_plain(const uint8_t *p, size_t n) {
    const uint64_t *w = (const void *)p;
    uint64_t        sum[8] = {0};
    for (size_t i = 0; i < n / 64; i++)
        for (int j = 0; j < 8; j++) sum[j] += w[i * 8 + (size_t)j];
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

#if defined(__x86_64__)
/* 256-bit loads, with `ahead` bytes of prefetch or none: which is faster differs between machines,
 * and a roof is the better one. */
__attribute__((target("avx2"))) static inline uint64_t read_256(const uint8_t *p, size_t n, size_t ahead) {
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (size_t i = 0; i < n; i += 128) {
        if (ahead) {
            _mm_prefetch((const char *)p + i + ahead, _MM_HINT_T0);
            _mm_prefetch((const char *)p + i + ahead + 64, _MM_HINT_T0);
        }
        a = _mm256_add_epi64(a, _mm256_load_si256((const void *)(p + i)));
        b = _mm256_add_epi64(b, _mm256_load_si256((const void *)(p + i + 32)));
        c = _mm256_add_epi64(c, _mm256_load_si256((const void *)(p + i + 64)));
        d = _mm256_add_epi64(d, _mm256_load_si256((const void *)(p + i + 96)));
    }
    a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
    return (uint64_t)_mm256_extract_epi64(a, 0) + (uint64_t)_mm256_extract_epi64(a, 3);
}

__attribute__((target("avx2"))) static uint64_t read_avx2(const uint8_t *p, size_t n) { return read_256(p, n, 0); }

__attribute__((target("avx2"))) static uint64_t read_avx2_ahead(const uint8_t *p, size_t n) { return read_256(p, n, 2048); }
#endif

typedef uint64_t (*read_fn)(const uint8_t *p, size_t n);

static int read_loops(read_fn out[2]) {
#if defined(__x86_64__)
    if (cpu_features() & CPU_AVX2) {
        out[0] = read_avx2;
        out[1] = read_avx2_ahead;
        return 2;
    }
#endif
    out[0] = read_plain;
    return 1;
}

typedef struct {
    uint8_t *data;
    read_fn  fn;
    uint64_t sum[MAX_THREADS][8]; /* a cache line each */
} read_job;

static void read_task(void *ctx, int64_t task, int worker) {
    read_job *j = ctx;
    j->sum[worker][0] += j->fn(j->data + (size_t)task * PIECE, PIECE);
}

/* Not zeros: the kernel may back untouched pages by one page of zeros, and that would stay cached. */
static void touch_task(void *ctx, int64_t task, int worker) {
    read_job *j = ctx;
    (void)worker;
    memset(j->data + (size_t)task * PIECE, (int)(task & 127) + 1, PIECE);
}

/* Bytes of the largest cache as the system tells, 64 MiB where it does not. */
static size_t last_cache_bytes(void) {
    long most = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
    most = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (sysconf(_SC_LEVEL2_CACHE_SIZE) > most) most = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (sysconf(_SC_LEVEL4_CACHE_SIZE) > most) most = sysconf(_SC_LEVEL4_CACHE_SIZE);
#endif
    for (int i = 2; i <= 4; i++) {
        char path[80], line[32];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        FILE *f = fopen(path, "re");
        if (!f) continue;
        if (fgets(line, sizeof line, f)) {
            const long n = atol(line) * (strchr(line, 'M') ? 1 << 20 : 1 << 10);
            if (n > most) most = n;
        }
        fclose(f);
    }
    return most > 0 ? (size_t)most : (size_t)64 << 20;
}

/* At least four times the last cache, so that at most a quarter of a pass could come out of it. */
static size_t large_bytes(size_t most) {
    size_t n = last_cache_bytes() * 4;
    if (n < (size_t)256 << 20) n = (size_t)256 << 20;
    if (most && n > most) n = most;
    return n < PIECE ? PIECE : n / PIECE * PIECE;
}

slm_status slm_measure_read(int n_threads, size_t most_bytes, double *gb_per_s, slm_error *err) {
    const size_t bytes = large_bytes(most_bytes);
    const int64_t pieces = (int64_t)(bytes / PIECE);
    arena        mem = {0};
    thread_pool *threads = NULL;
    read_fn      loop[2];
    read_job    *j = mem_zero(1, sizeof *j);
    double       best = 0;
    if (!j) return err_memory(err, "a measurement", sizeof *j);
    /* The loops' prefetch runs past the end of the last piece; it may, but a page more keeps it inside. */
    slm_status rc = arena_alloc(&mem, bytes + 4096, "memory to read", err);
    if (rc || (rc = thread_pool_create(&threads, n_threads, err))) goto end;
    j->data = mem.base;
    thread_run(threads, pieces, touch_task, j);
    const int n_loops = read_loops(loop);
    const double begin = clock_ms();
    /* The first wakes the threads; for the time see slm_measure_peak(). */
    for (int pass = 0; pass < 5 * n_loops || clock_ms() - begin < 150; pass++) {
        j->fn = loop[pass % n_loops];
        const double start = clock_ms();
        thread_run(threads, pieces, read_task, j);
        const double gb = (double)bytes / (clock_ms() - start) / 1e6;
        if (gb > best) best = gb;
    }
    *gb_per_s = best;
end:
    thread_pool_free(threads);
    arena_free(&mem);
    mem_free(j);
    return rc;
}

/* ---- multiplying ------------------------------------------------------------- */

/* A call multiplies PEAK_STEPS times 2 vectors of w by 4 of x, so that loads do not bound it; w and x
 * (of the widest set) stay in the first cache. */
enum { PEAK_STEPS = 32, PEAK_W = PEAK_STEPS * 128, PEAK_X = PEAK_STEPS * 256, PEAK_CALLS = 1000 };

/* As the compiler makes it of plain C; "vectors" of 32. */
static int32_t multiply_scalar(const uint8_t *w, const int8_t *x) {
    int32_t sum = 0;
    for (int i = 0; i < PEAK_STEPS; i++)
        for (int t = 0; t < 8; t++)
            for (int k = 0; k < 32; k++) sum += w[i * 64 + t / 4 * 32 + k] * x[i * 128 + t % 4 * 32 + k];
    return sum;
}

#if defined(__x86_64__)
/* Unsigned times signed bytes into pairs of 16 bits; eight of those are added before they are
 * widened, which is as many as 4-bit weights allow (8 * 2 * 15 * 127 < 2^15): with wider weights
 * the kernels have to widen earlier and cannot reach this. */
__attribute__((target("avx2"))) static int32_t multiply_avx2(const uint8_t *w, const int8_t *x) {
    const __m256i *p = (const void *)w, *q = (const void *)x, ones = _mm256_set1_epi16(1);
    __m256i        sum = _mm256_setzero_si256();
    for (int i = 0; i < PEAK_STEPS; i += 8) {
        __m256i s[8];
        for (int t = 0; t < 8; t++) s[t] = _mm256_setzero_si256();
        for (int k = i; k < i + 8; k++)
            for (int t = 0; t < 8; t++)
                s[t] = _mm256_add_epi16(s[t], _mm256_maddubs_epi16(p[k * 2 + t / 4], q[k * 4 + t % 4]));
        for (int t = 0; t < 8; t++) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(s[t], ones));
    }
    return _mm256_extract_epi32(sum, 0) + _mm256_extract_epi32(sum, 5);
}

/* Four products of bytes are added to 32 bits by one instruction. */
__attribute__((target("avx2,avxvnni"))) static int32_t multiply_avxvnni(const uint8_t *w, const int8_t *x) {
    const __m256i *p = (const void *)w, *q = (const void *)x;
    __m256i        s[8];
    for (int t = 0; t < 8; t++) s[t] = _mm256_setzero_si256();
    for (int k = 0; k < PEAK_STEPS; k++)
        for (int t = 0; t < 8; t++) s[t] = _mm256_dpbusd_avx_epi32(s[t], p[k * 2 + t / 4], q[k * 4 + t % 4]);
    for (int t = 1; t < 8; t++) s[0] = _mm256_add_epi32(s[0], s[t]);
    return _mm256_extract_epi32(s[0], 0) + _mm256_extract_epi32(s[0], 5);
}

/* In 512 bits, whatever width the kernels choose. */
__attribute__((target("avx512f,avx512vnni"))) static int32_t multiply_avx512vnni(const uint8_t *w, const int8_t *x) {
    const __m512i *p = (const void *)w, *q = (const void *)x;
    __m512i        s[8];
    for (int t = 0; t < 8; t++) s[t] = _mm512_setzero_si512();
    for (int k = 0; k < PEAK_STEPS; k++)
        for (int t = 0; t < 8; t++) s[t] = _mm512_dpbusd_epi32(s[t], p[k * 2 + t / 4], q[k * 4 + t % 4]);
    for (int t = 1; t < 8; t++) s[0] = _mm512_add_epi32(s[0], s[t]);
    return _mm512_reduce_add_epi32(s[0]);
}

/* 64 products of tiles, 16 rows by 16 tokens by 64 columns each: four of them for each four tiles that are loaded. */
__attribute__((target("amx-tile,amx-int8"))) static int32_t multiply_amx(const uint8_t *w, const int8_t *x) {
    int32_t     sum[4][16][16];
    tile_config c = {.palette = 1};
    for (int i = 0; i < 8; i++) c.rows[i] = 16, c.row_bytes[i] = 64;
    TILE_CONFIGURE(&c);
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (int k = 0; k < 16; k++) {
        TILE_LOAD(4, x, 64);
        TILE_LOAD(6, w, 64);
        TILE_DOT_BYTES(0, 4, 6);
        TILE_LOAD(5, x + 1024, 64);
        TILE_DOT_BYTES(1, 5, 6);
        TILE_LOAD(7, w + 1024, 64);
        TILE_DOT_BYTES(2, 4, 7);
        TILE_DOT_BYTES(3, 5, 7);
    }
    TILE_STORE(sum[0], 64, 0);
    TILE_STORE(sum[1], 64, 1);
    TILE_STORE(sum[2], 64, 2);
    TILE_STORE(sum[3], 64, 3);
    TILE_RELEASE();
    return sum[0][0][0] + sum[1][0][0] + sum[2][0][0] + sum[3][0][0];
}
#elif defined(__aarch64__)
/* As multiply_avx2: eight products are added in 16 bits. */
static int32_t multiply_neon(const uint8_t *w, const int8_t *x) {
    int32x4_t sum = vdupq_n_s32(0);
    for (int i = 0; i < PEAK_STEPS; i += 8) {
        int16x8_t s[8][2];
        for (int t = 0; t < 8; t++) s[t][0] = s[t][1] = vdupq_n_s16(0);
        for (int k = i; k < i + 8; k++)
            for (int t = 0; t < 8; t++) {
                const int8x16_t a = vld1q_s8((const int8_t *)w + (k * 2 + t / 4) * 16), b = vld1q_s8(x + (k * 4 + t % 4) * 16);
                s[t][0] = vmlal_s8(s[t][0], vget_low_s8(a), vget_low_s8(b));
                s[t][1] = vmlal_high_s8(s[t][1], a, b);
            }
        for (int t = 0; t < 8; t++) sum = vpadalq_s16(vpadalq_s16(sum, s[t][0]), s[t][1]);
    }
    return vaddvq_s32(sum);
}

/* What compilers call the same extensions; clang's arm_neon.h has no names for the instructions then. */
#ifdef __clang__
#define EXTENDED __attribute__((target("dotprod,i8mm")))
#else
#define EXTENDED __attribute__((target("arch=armv8.2-a+dotprod+i8mm")))
#endif

/* 16 sums: four a cycle, each ready after up to four cycles.  Four products of bytes are added to a lane of 32 bits
 * by sdot, eight by smmla. */
#define MULTIPLY(isa, instruction) \
    EXTENDED static int32_t multiply_##isa(const uint8_t *w, const int8_t *x) { \
        int32x4_t s[16]; \
        for (int t = 0; t < 16; t++) s[t] = vdupq_n_s32(0); \
        for (int k = 0; k < PEAK_STEPS; k += 2) \
            for (int t = 0; t < 16; t++) { \
                const int8x16_t a = vld1q_s8((const int8_t *)w + (k * 2 + t / 4) * 16), b = vld1q_s8(x + (k * 4 + t % 8) * 16); \
                __asm__(instruction " %0.4s, %1.16b, %2.16b" : "+w"(s[t]) : "w"(a), "w"(b)); \
            } \
        for (int t = 1; t < 16; t++) s[0] = vaddq_s32(s[0], s[t]); \
        return vaddvq_s32(s[0]); \
    }
MULTIPLY(dotprod, "sdot")
MULTIPLY(i8mm, "smmla")
#endif

/* One line per instruction set that has a loop, by its name in kernels.c. */
static const struct {
    const char *isa;
    int         vector; /* products of a step */
    int32_t (*multiply)(const uint8_t *w, const int8_t *x);
} peaks[] = {
    {"scalar", 32, multiply_scalar},
#if defined(__x86_64__)
    {"avx2", 32, multiply_avx2},
    {"avxvnni", 32, multiply_avxvnni},
    {"avx512vnni", 64, multiply_avx512vnni},
    {"amx", 64 * 16 * 16 * 64 / (8 * PEAK_STEPS), multiply_amx},
#elif defined(__aarch64__)
    {"neon", 16, multiply_neon},
    {"dotprod", 16, multiply_dotprod},
    {"i8mm", 32, multiply_i8mm},
#endif
};

typedef struct {
    int32_t (*multiply)(const uint8_t *w, const int8_t *x);
    uint8_t *w;
    int8_t  *x;
    int32_t  sum[MAX_THREADS][16]; /* a cache line each */
} peak_job;

static void peak_task(void *ctx, int64_t task, int worker) {
    peak_job *j = ctx;
    int32_t   sum = 0;
    (void)task;
    for (int i = 0; i < PEAK_CALLS; i++) {
        __asm__ __volatile__("" ::: "memory"); /* or one call would serve for all */
        sum += j->multiply(j->w, j->x) & 1;
    }
    j->sum[worker][0] += sum & 0xff;
}

slm_status slm_measure_peak(const char *isa, int n_threads, double *gops, slm_error *err) {
    kernels      k;
    arena        mem = {0};
    thread_pool *threads = NULL;
    slm_status   rc = kernels_select(&k, isa, err); /* only sets that this processor has get past here */
    peak_job    *j = NULL;
    double       best = 0, per_call = 0;
    if (rc) return rc;
    *gops = 0;
    if (!(j = mem_zero(1, sizeof *j))) return err_memory(err, "a measurement", sizeof *j);
    for (size_t i = 0; i < ARRAY_LEN(peaks); i++)
        if (!strcmp(peaks[i].isa, k.name)) j->multiply = peaks[i].multiply, per_call = 2.0 * 8 * PEAK_STEPS * peaks[i].vector;
    if (!j->multiply) goto end;
    if ((rc = arena_alloc(&mem, PEAK_W + PEAK_X, "operands", err)) || (rc = thread_pool_create(&threads, n_threads, err))) goto end;
    j->w = mem.base;
    j->x = (int8_t *)mem.base + PEAK_W;
    for (int i = 0; i < PEAK_W; i++) j->w[i] = (uint8_t)(i * 7 % 16);
    for (int i = 0; i < PEAK_X; i++) j->x[i] = (int8_t)(i * 13 % 255 - 127);
    const int64_t tasks = (int64_t)n_threads * 8;
    /* A pass takes a millisecond: among many, some are not interrupted.  On a busy machine the system
     * may need tens of them until it has put each thread on a processor of its own. */
    for (const double begin = clock_ms(); clock_ms() - begin < 150;) {
        const double start = clock_ms();
        thread_run(threads, tasks, peak_task, j);
        const double g = per_call * PEAK_CALLS * (double)tasks / (clock_ms() - start) / 1e6;
        if (g > best) best = g;
    }
    *gops = best;
end:
    thread_pool_free(threads);
    arena_free(&mem);
    mem_free(j);
    return rc;
}

/* ---- what a model asks ------------------------------------------------------- */

static void add_matrix(slm_work *w, const matrix *m, int times, int n_tok) {
    w->weight_bytes += (uint64_t)times * (uint64_t)m->rows * m->row_bytes;
    w->macs += (double)n_tok * (double)m->rows * (double)m->cols;
}

/* Bytes of the cache that a query at `first` and those behind it up to `last` look at. */
static uint64_t cache_bytes(const model_config *c, slm_kv_type type, int first, int last) {
    const uint64_t row = 2 * (uint64_t)c->n_head_kv * kv_row_bytes(type, c->head_dim);
    uint64_t       sum = 0;
    for (int i = 0; i < c->n_layer; i++) {
        const int from = c->local[i] && first >= c->window ? first - c->window + 1 : 0;
        sum += row * (uint64_t)(last + 1 - from);
    }
    return sum;
}

void slm_work_of(const slm_model *m, const slm_session_options *opt, int pos, int n, slm_work *out) {
    const weights *w = &m->w;
    const int      batch = opt->n_batch ? opt->n_batch : 512;
    memset(out, 0, sizeof *out);
    for (int i = 0; i < w->cfg.n_layer; i++) {
        const layer  *l = &w->layers[i];
        const matrix *all[] = {&l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down};
        for (size_t k = 0; k < ARRAY_LEN(all); k++) add_matrix(out, all[k], (n + batch - 1) / batch, n);
    }
    add_matrix(out, &w->head, 1, 1);
    out->weight_bytes += (uint64_t)n * w->embed.row_bytes;
    for (int i = 0; i < n; i += batch)
        out->kv_bytes += cache_bytes(&w->cfg, opt->kv_type, pos + i, pos + (n - i < batch ? n : i + batch) - 1);
}

/* ---- one product ------------------------------------------------------------- */

enum { PRODUCT_COLS = 2048 }; /* the width of a small model's matrices; whole blocks of every format */

typedef struct {
    uint8_t         *data;
    const uint8_t   *pattern; /* a mebibyte of blocks; copied, since random blocks take longer to make than to multiply */
    size_t           pattern_bytes, bytes;
} copy_job;

static void copy_task(void *ctx, int64_t task, int worker) {
    const copy_job *j = ctx;
    const size_t    at = (size_t)task * j->pattern_bytes;
    (void)worker;
    memcpy(j->data + at, j->pattern, j->bytes - at < j->pattern_bytes ? j->bytes - at : j->pattern_bytes);
}

typedef struct {
    ops          o;
    arena        mem; /* all below */
    uint8_t     *data, *packed;
    float       *x, *y;
    void        *act;
} product;

static void product_layout(arena *a, product *p, const slm_product *c, const matrix *m) {
    const size_t n = (size_t)c->n_tok;
    p->data = arena_take(a, (size_t)m->rows, m->row_bytes, 4096);
    p->packed = m->packed ? arena_take(a, (size_t)m->rows, m->row_bytes, 4096) : NULL;
    p->x = arena_take(a, n * PRODUCT_COLS, sizeof(float), 64);
    p->y = arena_take(a, n * (size_t)m->rows, sizeof(float), 64);
    p->act = arena_take(a, n, act_bytes(PRODUCT_COLS), 64);
    ops_layout(a, &p->o, c->n_threads, c->n_tok);
}

static slm_status fill_product(product *p, const matrix *m, slm_error *err) {
    copy_job     j = {.data = p->data, .bytes = (size_t)m->rows * m->row_bytes};
    const size_t blocks = ((size_t)1 << 20) / m->row_bytes * (PRODUCT_COLS / (size_t)m->type->block_elems);
    j.pattern_bytes = blocks * (size_t)m->type->block_bytes;
    uint8_t *pattern = mem_zero(blocks, (size_t)m->type->block_bytes);
    if (!pattern) return err_memory(err, "weights", j.pattern_bytes);
    synth_blocks(pattern, m->type, blocks, 1);
    j.pattern = pattern;
    thread_run(p->o.pool, (int64_t)((j.bytes + j.pattern_bytes - 1) / j.pattern_bytes), copy_task, &j);
    mem_free(pattern);
    return SLM_OK;
}

typedef struct {
    const matrix *m;
    uint8_t      *to;
} pack_job;

static void pack_task(void *ctx, int64_t task, int worker) {
    const pack_job *j = ctx;
    (void)worker;
    ops_pack(j->m, j->to, task, task + 1);
}

/* The best of some runs of at least a millisecond each, in seconds a product. */
static double time_product(product *p, const ops_input *in, const ops_product *out, double budget_ms) {
    double best = HUGE_VAL, spent = 0;
    int    times = 1;
    while (spent < budget_ms || best == HUGE_VAL) {
        const double start = clock_ms();
        for (int i = 0; i < times; i++) ops_matmul(&p->o, in, out, 1);
        const double ms = clock_ms() - start;
        spent += ms;
        if (ms < 1 && times < 1 << 20) {
            times *= 2;
            continue;
        }
        if (ms / times < best) best = ms / times;
    }
    return best / 1e3;
}

slm_status slm_measure_product(const slm_product *c, slm_product_speed *out, slm_error *err) {
    const type_info *type = type_by_name(c->type);
    product          p = {0};
    arena            measure = {0};
    kernels          k;
    slm_status       rc = kernels_select(&k, c->isa, err);
    if (rc) return rc;
    if (!type) return err_set(err, SLM_ERR_ARGUMENT, "there is no tensor format \"%s\"", c->type);
    matrix m = {.type = type, .cols = PRODUCT_COLS};
    type_row_bytes(type, PRODUCT_COLS, &m.row_bytes);
    const size_t want = c->large ? large_bytes(c->most_bytes) : (size_t)c->n_threads << 18; /* half of a small second cache */
    m.rows = (int64_t)(want / m.row_bytes) / KERNEL_ROWS * KERNEL_ROWS;
    if (m.rows < KERNEL_ROWS) m.rows = KERNEL_ROWS;
    m.packed = ops_can_pack(&k, &m);
    product_layout(&measure, &p, c, &m);
    if ((rc = arena_alloc(&p.mem, measure.used, "a product", err))) return rc;
    product_layout(&p.mem, &p, c, &m);
    m.data = p.data;
    if ((rc = thread_pool_create(&p.o.pool, c->n_threads, err))) goto end;
    p.o.k = k;
    if ((rc = fill_product(&p, &m, err))) goto end;
    if (m.packed) {
        thread_run(p.o.pool, m.rows / 8, pack_task, &(pack_job){&m, p.packed});
        m.data = p.packed;
    }
    p.o.fast = c->fast;
    const ops_input   in = {p.x, p.act, PRODUCT_COLS, c->n_tok};
    const ops_product list[] = {{p.y, m.rows, &m}};
    for (int64_t i = 0; i < (int64_t)c->n_tok * PRODUCT_COLS; i++) p.x[i] = (float)(i * 37 % 201 - 100) / 100;
    for (int t = 0; t < c->n_tok && ops_in_integers(&p.o, &m); t++) ops_quantize(&p.o, &in, t);
    const double s = time_product(&p, &in, list, c->large ? 60 : 12);
    out->gb_per_s = (double)m.rows * (double)m.row_bytes / s / 1e9;
    out->gmacs = (double)m.rows * PRODUCT_COLS * c->n_tok / s / 1e9;
    out->packed = m.packed;
    out->fast = c->fast && ops_has_fast(&k, &m);
    out->has_kernel = ops_in_integers(&p.o, &m) && !out->fast;
end:
    thread_pool_free(p.o.pool);
    arena_free(&p.mem);
    return rc;
}

const char *slm_type_name(int i) {
    for (uint32_t id = 0; id < TYPE_COUNT; id++)
        if (type_get(id) && i-- == 0) return type_get(id)->name;
    return NULL;
}
