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
    to->name = from->name;
    for (int t = 0; t < TYPE_COUNT; t++) TAKE(matmul[t]);
    for (int t = 0; t < TYPE_COUNT; t++) TAKE(packed[t]);
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

static bool usable(const kernels *k) { return !(k->need & ~cpu_features()); }

slm_status kernels_select(kernels *out, const char *name, slm_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const bool            best = !name || !strcmp(name, "auto");
    memset(out, 0, sizeof *out);
    pthread_once(&once, set_far);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        if (!usable(sets[i])) continue;
        overlay(out, sets[i]);
        if (!best && !strcmp(name, sets[i]->name)) return SLM_OK;
    }
    if (!best)
        return err_set(err, SLM_ERR_ARGUMENT, "no instruction set \"%s\" on this processor", name);
    return SLM_OK;
}

const char *kernels_name(int i) {
    for (size_t k = 0; k < ARRAY_LEN(sets); k++)
        if (usable(sets[k]) && i-- == 0) return sets[k]->name;
    return NULL;
}
