/* fuzz_quant.c - importance matrices; model files that are quantized; weights of any bits. */
#include "../../include/slm.h"
#include "../../src/imatrix.h"
#include "../../src/limits.h"
#include "../../src/requant.h"
#include "../mkmodel.h"
#include "fuzz.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const types[] = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "F16", "BF16", "F32"};

/* Where quantized files go: memory, where there is such a folder. */
static const char *target(void) {
    static char path[64];
    if (!*path) snprintf(path, sizeof path, "%s/slm-fuzz-%ld.gguf", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm", (long)getpid());
    return path;
}

/* What was only copied may hold anything. */
static void is_finite(void *ud, const slm_tensor_error *e) {
    (void)ud;
    RULE(!strcmp(e->from, e->to) || (e->error >= 0 && isfinite(e->error)));
}

/* What was written can be read, and its weights are numbers. */
static void check_written(const char *in, const slm_quantize_result *r) {
    slm_file       *a = NULL, *b = NULL;
    slm_tensor_info t;
    RULE(!slm_file_open(&a, in, NULL) && !slm_file_open(&b, target(), NULL));
    RULE(slm_file_bytes(b) == r->file_bytes && !slm_file_tensor(b, (size_t)r->n_tensors, &t));
    RULE(!slm_file_errors(a, b, 1, is_finite, NULL, NULL));
    slm_file_close(a);
    slm_file_close(b);
    unlink(target());
}

/* Plans, and writes what is small.  The status is one that a file can be the cause of. */
static void quantize(const char *in, const char *type, const char *importance) {
    slm_quantize_options o = {.n_threads = 1, .allow_requantize = true, .imatrix = importance};
    slm_quantize_result  r = {0};
    slm_error            err = {0};
    slm_status           rc = slm_quantize_file(in, NULL, type, &o, &r, &err);
    if (!rc && r.n_weights < 1 << 16) {
        rc = slm_quantize_file(in, target(), type, &o, &r, &err);
        if (!rc) check_written(in, &r);
        else RULE(access(target(), F_OK));
    }
    RULE(rc == err.code && (!rc || rc == SLM_ERR_FORMAT || rc == SLM_ERR_UNSUPPORTED || rc == SLM_ERR_MEMORY || rc == SLM_ERR_ARGUMENT));
    RULE(rc != SLM_ERR_ARGUMENT || importance);
}

/* The first byte says the type, the rest is the file. */
void fuzz_quantize(const uint8_t *p, size_t n) {
    char path[64];
    if (n < 2) return;
    const int fd = fuzz_file(p + 1, n - 1, path);
    quantize(path, types[p[0] % ARRAY_LEN(types)], NULL);
    close(fd);
}

/* A model of one matrix, for which the importance is. */
static const char *one_matrix(void) {
    static char path[64];
    if (!*path) {
        mk m = {.seed = 7};
        mk_str(&m, "general.architecture", "llama");
        mk_tensor(&m, "blk.0.ffn_up.weight", TYPE_F32, 2, (uint64_t[]){256, 2}, NULL);
        mk_finish(&m);
        fuzz_file((const uint8_t *)m.out.p, m.out.n, path);
        mk_free(&m);
    }
    return path;
}

void fuzz_imatrix(const uint8_t *p, size_t n) {
    char             path[64];
    imatrix         *m = NULL;
    slm_error        err = {0};
    const int        fd = fuzz_file(p, n, path);
    const slm_status rc = imatrix_open(&m, path, &err);
    RULE((rc == SLM_OK) == (m != NULL) && rc == err.code && (!rc || rc == SLM_ERR_FORMAT || rc == SLM_ERR_UNSUPPORTED || rc == SLM_ERR_MEMORY));
    if (m) {
        const imatrix_entry *e = imatrix_find(m, STR("blk.0.ffn_up.weight"));
        for (uint64_t i = 0; e && i < e->n; i++) RULE(e->mean[i] >= 0 && isfinite(e->mean[i]));
        RULE(imatrix_n(m) > 0 && imatrix_dataset(m).n <= n);
        if (e) quantize(one_matrix(), types[n % ARRAY_LEN(types)], path);
    }
    imatrix_free(m);
    close(fd);
}

/* The first byte says the type, the second whether weights count alike; then weights and what they count for in turn.  Every
 * instruction set makes the same bytes, and they are numbers. */
void fuzz_requant(const uint8_t *p, size_t n) {
    enum { MOST = 512 };
    float   x[MOST] = {0}, w[MOST] = {0}, back[MOST];
    uint8_t want[4 * MOST], got[4 * MOST];
    if (n < 2) return;
    const type_info *t = type_by_name(types[p[0] % ARRAY_LEN(types)]);
    const bool       weighed = p[1] & 1;
    for (size_t i = 0; i < MOST && 8 * i + 10 <= n; i++) {
        memcpy(&x[i], p + 2 + 8 * i, 4);
        memcpy(&w[i], p + 6 + 8 * i, 4);
        if (!(fabsf(x[i]) < 65520)) x[i] = 0;
        if (!(w[i] >= 0 && w[i] <= IMATRIX_MAX_MEAN)) w[i] = 0;
    }
    for (int i = 0; kernels_name(i); i++) {
        kernels k;
        RULE(!kernels_select(&k, kernels_name(i), NULL));
        memset(got, 0xaa, sizeof got);
        requant_of(&k, t->id, weighed)(got, x, weighed ? w : NULL, MOST);
        if (i) RULE(!memcmp(got, want, sizeof got));
        else memcpy(want, got, sizeof got);
    }
    t->to_f32(back, want, MOST);
    for (size_t i = 0; i < MOST; i++) RULE(isfinite(back[i]));
}
