/* kernels.c - chooses the inner loops once, at start. */
#include "kernels.h"
#include "../cpu.h"
#include <pthread.h>
#include <string.h>

static const kernels *const sets[] = { /* worst to best */
    &kernels_scalar,
#if defined(__x86_64__)
    &kernels_avx2,
    &kernels_avxvnni,
    &kernels_avx512vnni,
    &kernels_avx512bf16,
    &kernels_amx,
#elif defined(__aarch64__)
    &kernels_neon,
    &kernels_dotprod,
    &kernels_i8mm,
#endif
};

#define TAKE(member) \
    do { \
        if (from->member) to->member = from->member; \
    } while (0)

static void overlay(kernels *to, const kernels *from) {
    TAKE(name);
    for (int t = 0; t < TYPE_COUNT; t++) TAKE(matmul[t]);
    for (int t = 0; t < TYPE_COUNT; t++) TAKE(packed[t]);
    for (int t = 0; t < TYPE_COUNT; t++) TAKE(fast[t]);
    TAKE(packing_pays);
    TAKE(act_from_f32);
    TAKE(matmul_panel);
    TAKE(panel_from_rows);
    TAKE(f16_to_f32);
    TAKE(f32_to_f16);
    TAKE(rms_norm);
    TAKE(silu_mul);
    TAKE(gelu_mul);
    TAKE(softcap);
    TAKE(exp_sum);
    TAKE(exp_total);
    TAKE(peaks);
    TAKE(hadamard);
    TAKE(max_of);
    for (int t = 0; t < KV_TYPES; t++) TAKE(scores[t]);
    for (int t = 0; t < KV_TYPES; t++) TAKE(values[t]);
    for (int t = 0; t < TYPE_COUNT; t++) TAKE(search[t]);
    for (int t = 0; t < TYPE_COUNT; t++) TAKE(round[t]);
    TAKE(blend);
}

/* Zen 4 reads a plain run of weights 4 to 40 % faster on its own (measured in turn, 2026-11).  2 KiB is what the
 * prototypes found best on an Intel server. */
int kernels_far = 2048;

static void set_far(void) {
    if (cpu_features() & CPU_AMD) kernels_far = 0;
}

/* ---- trial ------------------------------------------------------------------- */

enum { TRIAL_COLS = 512, TRIAL_GROUPS = 2, TRIAL_TOKENS = 17 }; /* more than a tile of tokens */

typedef struct {
    _Alignas(64) uint8_t w[TRIAL_GROUPS * 8 * TRIAL_COLS * sizeof(float)];
    float                x[TRIAL_TOKENS * TRIAL_COLS];
    _Alignas(64) char    act[TRIAL_TOKENS][2 * TRIAL_COLS]; /* act_bytes() is less */
    float                want[TRIAL_TOKENS][TRIAL_GROUPS * 8], got[TRIAL_TOKENS][TRIAL_GROUPS * 8];
} trial;

static bool same_product(trial *t, const kernels *k, const kernels *before, int type) {
    enum { LD = TRIAL_GROUPS * 8 };
    const void *x = before->matmul[type] ? (const void *)t->act : t->x;
    double      error = 0, size = 0;
    bool        same = true;
    before->packed[type](t->want[0], LD, t->w, TRIAL_GROUPS, TRIAL_COLS, x, TRIAL_TOKENS);
    if (k->packed[type]) {
        memset(t->got, 0, sizeof t->got);
        k->packed[type](t->got[0], LD, t->w, TRIAL_GROUPS, TRIAL_COLS, x, TRIAL_TOKENS);
        same = !memcmp((const void *)t->got, (const void *)t->want, sizeof t->got); /* the bits */
    }
    if (!same || !k->fast[type]) return same;
    memset(t->got, 0, sizeof t->got);
    k->fast[type](t->got[0], LD, t->w, TRIAL_GROUPS, TRIAL_COLS, t->x, TRIAL_TOKENS);
    for (int i = 0; i < TRIAL_TOKENS * LD; i++) {
        const double want = (double)(&t->want[0][0])[i], off = (double)(&t->got[0][0])[i] - want;
        error += off * off;
        size += want * want;
    }
    return error <= 4e-4 * size; /* two percent; 0.5 are usual */
}

bool kernels_agree(const kernels *k, const kernels *before) {
    uint64_t seed = 88172645463325252u; /* xorshift, Marsaglia 2003 */
    trial    t;
    bool     same = true;
    if (act_bytes(TRIAL_COLS) > sizeof t.act[0]) return false;
    for (size_t i = 0; i < sizeof t.w; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        t.w[i] = (uint8_t)(seed >> 32 & 0xbf); /* read as a float of any kind it is below 2 */
    }
    for (int i = 0; i < TRIAL_TOKENS * TRIAL_COLS; i++) t.x[i] = (float)(i * 37 % 201 - 100) / 100;
    for (int i = 0; i < TRIAL_TOKENS; i++) before->act_from_f32(t.act[0] + (size_t)i * act_bytes(TRIAL_COLS), t.x + i * TRIAL_COLS, TRIAL_COLS);
    for (int type = 0; type < TYPE_COUNT && same; type++)
        if ((k->packed[type] || k->fast[type]) && before->packed[type]) same = same_product(&t, k, before, type);
    return same;
}

/* ---- choice ------------------------------------------------------------------ */

static bool usable[ARRAY_LEN(sets)];

static void find_usable(void) {
    kernels all = {0};
    set_far();
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        usable[i] = !(sets[i]->need & ~cpu_features()) && (!sets[i]->on_trial || kernels_agree(sets[i], &all));
        if (usable[i]) overlay(&all, sets[i]);
    }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

slm_status kernels_select(kernels *out, const char *name, slm_error *err) {
    const bool best = !name || !strcmp(name, "auto");
    bool       found = best;
    memset(out, 0, sizeof *out);
    pthread_once(&once, find_usable);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        if (!best && found && sets[i]->name) break;
        if (!usable[i]) continue;
        overlay(out, sets[i]);
        found = found || (sets[i]->name && !strcmp(name, sets[i]->name));
    }
    if (!found)
        return err_set(err, SLM_ERR_ARGUMENT, "no instruction set \"%s\" on this processor", name);
    return SLM_OK;
}

const char *kernels_name(int i) {
    pthread_once(&once, find_usable);
    for (size_t k = 0; k < ARRAY_LEN(sets); k++)
        if (usable[k] && sets[k]->name && i-- == 0) return sets[k]->name;
    return NULL;
}
