/* opening.c - from settings to an open model and a session that fits the memory. */
#include "../cpu.h"
#include "cli.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_builtin; /* the model that was opened last */

int open_model(const options *o, const char *path, bool vocab_only, slm_model **out) {
    slm_model_options mo = slm_model_defaults();
    slm_error         err = {0};
    mo.path = path;
    mo.isa = o->isa;
    mo.vocab_only = vocab_only;
    confine(o, path, NULL);
    program_bytes(); /* as long as nothing of the model is in memory */
    is_builtin = !strcmp(path, SLM_BUILTIN);
    if (slm_model_open(out, &mo, &err)) return fail_status(&err);
    if (o->unnamed && !o->quiet && isatty(STDERR_FILENO)) {
        slm_model_info info;
        slm_model_describe(*out, &info);
        note("no model is named: the built-in %s answers, a small one; -m FILE.gguf names a better one", info.name);
    }
    return 0;
}

slm_session_options session_options(const options *o, const slm_model *m) {
    slm_session_options so = slm_session_defaults();
    slm_model_info      info;
    slm_model_describe(m, &info);
    so.n_ctx = o->n_ctx ? o->n_ctx : option_given(o, "-c") ? info.n_ctx_train : 0;
    so.n_batch = o->n_ubatch;
    if (o->n_batch && (!so.n_batch ? o->n_batch < 512 : o->n_batch < so.n_batch)) so.n_batch = o->n_batch;
    so.kv_type = (slm_kv_type)o->kv;
    so.n_threads = o->n_threads;
    so.fast_prefill = o->fast_prefill;
    return so;
}

/* The largest context, in steps of 256, whose plan fits; 0: none. */
static int context_that_fits(const slm_model *m, slm_session_options so, int from, uint64_t have) {
    int fits = 0, over = from;
    while (over - fits > 256) {
        slm_memory plan = {0};
        int        mid = fits + (over - fits) / 2;
        so.n_ctx = mid;
        if (slm_memory_plan(m, &so, &plan, NULL) || plan.total > have) over = mid;
        else fits = mid;
    }
    return fits < 256 ? fits : fits / 256 * 256;
}

/* What may be taken: --mem, or 80 % of what is available, which leaves room for others; and the words for it. */
static uint64_t memory_allowed(const options *o, char text[80]) {
    char           a[32], b[32];
    const uint64_t have = available_bytes(), part = o->mem ? o->mem : have / 5 * 4;
    if (o->mem) snprintf(text, 80, "%s allowed by --mem", human_bytes(part, a));
    else snprintf(text, 80, "%s of %s available", human_bytes(part, a), human_bytes(have, b));
    return part;
}

static int too_big(const slm_model *m, const slm_session_options *so, const slm_memory *plan, uint64_t have, const char *allowed) {
    char               need[32], w[32], kv[32], work[32], advice[80] = "";
    slm_session_options less = *so;
    slm_memory         small = {0};
    int                n = context_that_fits(m, *so, plan->n_ctx, have);
    less.kv_type = SLM_KV_Q8_0;
    bool q8 = so->kv_type != SLM_KV_Q8_0 && !slm_memory_plan(m, &less, &small, NULL) && small.total <= have;
    if (n) snprintf(advice, sizeof advice, "try -c %d%s", n, q8 ? " or --kv q8_0" : "");
    else if (q8) snprintf(advice, sizeof advice, "try --kv q8_0");
    else snprintf(advice, sizeof advice, "no context would fit: take a smaller model");
    return fail(EXIT_MEMORY, "needs %s for a context of %d (weights %s, cache %s, work %s), %s: %s",
                human_bytes(plan->total, need), plan->n_ctx, human_bytes(plan->weights, w),
                human_bytes(plan->kv, kv), human_bytes(plan->work, work), allowed, advice);
}

/* A context that is smaller than this for want of memory is worth a line. */
enum { SMALL_CONTEXT = 4096 };

/* All that the model was trained for.  Where the model rotates long contexts by other factors it gets them
 * only for what needs them: for short texts they are worse, and what memory is free must not decide that. */
static int wanted_context(const slm_model *m, int64_t most) {
    slm_model_info info;
    slm_model_describe(m, &info);
    const int trained = info.n_ctx_train, few = info.n_ctx_short;
    if (!few || trained <= few) return trained;
    return most <= few ? few : most < trained ? (int)most : trained;
}

/* What fit_context() chose, and by how many bytes: that there is a little less when the memory is taken, some
 * milliseconds later, is no reason to refuse it. */
static struct {
    int      n_ctx;
    uint64_t have;
} fitted;

void fit_context(const options *o, const slm_model *m, slm_session_options *so, int64_t most, int64_t likely) {
    char           allowed[80];
    slm_memory     plan = {0};
    const uint64_t have = memory_allowed(o, allowed);
    likely = (likely + 255) / 256 * 256;
    if (!option_given(o, "-c")) {
        const int wanted = so->n_ctx = wanted_context(m, most);
        if (!slm_memory_plan(m, so, &plan, NULL) && plan.total > have) {
            so->n_ctx = fitted.n_ctx = context_that_fits(m, *so, wanted, have);
            fitted.have = have;
            if (so->n_ctx && so->n_ctx < SMALL_CONTEXT && so->n_ctx < wanted)
                warn(o, "the context is %d tokens instead of %d: %s", so->n_ctx, wanted, allowed);
            if (!so->n_ctx) so->n_ctx = wanted < 256 ? wanted : 256; /* open_session() says so */
        }
    }
    so->n_room = likely < so->n_ctx ? (int)likely : so->n_ctx;
}

bool fits_beside(const options *o, const slm_model *m, const slm_session_options *so, int64_t most, uint64_t held) {
    slm_session_options whole = *so;
    slm_memory          plan = {0};
    char                allowed[80];
    if (!option_given(o, "-c")) whole.n_ctx = wanted_context(m, most);
    /* What is held is not available any more; of --mem it is a part. */
    return !slm_memory_plan(m, &whole, &plan, NULL) && plan.total + (o->mem ? held : 0) <= memory_allowed(o, allowed);
}

/* The lists and the vocabulary of the file, which stay mapped; of the model inside the program also what is packed. */
static uint64_t mapped_bytes(const options *o, const slm_model *m) {
    slm_model_info info;
    slm_model_describe(m, &info);
    const bool keeps = is_builtin && o->pack != PACK_OFF && (o->pack == PACK_ON || slm_model_packing_pays(m));
    return info.file_bytes > info.tensor_bytes ? info.file_bytes - (keeps ? 0 : info.tensor_bytes) : 0;
}

/* What batches touch of a thread's stack: 80 to 180 KiB (x86-64, 2026-11). */
enum { STACK_BYTES = 128 << 10 };

int plan_memory(const options *o, const slm_model *m, const slm_session_options *so, strbuf *line) {
    slm_session_options whole = *so;
    slm_error           err = {0};
    slm_memory          plan = {0}, all = {0};
    char                need[32], w[32], kv[32], work[32], full[32], own[32], allowed[80];
    const uint64_t      have = memory_allowed(o, allowed), n_threads = so->n_threads ? (uint64_t)so->n_threads : (uint64_t)cpu_default_threads();
    const uint64_t      so_far = program_bytes() + mapped_bytes(o, m) + n_threads * STACK_BYTES;
    whole.n_room = 0;
    if (slm_memory_plan(m, so, &plan, &err) || slm_memory_plan(m, &whole, &all, &err)) return fail_status(&err);
    if (all.total > have && !(whole.n_ctx == fitted.n_ctx && all.total <= fitted.have)) return too_big(m, &whole, &all, have, allowed);
    strbuf_fmt(line, "memory: %s for ", human_bytes(plan.total + so_far, need));
    if (plan.n_ctx < all.n_ctx) strbuf_fmt(line, "%d tokens", plan.n_ctx);
    else strbuf_fmt(line, "a context of %d", plan.n_ctx);
    strbuf_fmt(line, " (weights %s, cache %s, work %s, program %s)", human_bytes(plan.weights, w), human_bytes(plan.kv, kv), human_bytes(plan.work, work),
               human_bytes(so_far, own));
    if (plan.n_ctx < all.n_ctx) strbuf_fmt(line, ", %s when the context of %d is full", human_bytes(all.total + so_far, full), all.n_ctx);
    strbuf_fmt(line, ", %s%s", allowed, o->mem ? " beside the program" : "");
    return 0;
}

static bool packing(void *ud, uint64_t done, uint64_t total) {
    (void)ud;
    progress_show(done >> 20, total >> 20, "MiB");
    return !stop_code();
}

int pack_model(int mode, slm_model *m, int n_threads) {
    slm_error err = {0};
    if (mode == PACK_OFF || (mode == PACK_AUTO && !slm_model_packing_pays(m))) return 0;
    const slm_status status = slm_model_pack(m, n_threads, packing, NULL, &err);
    progress_end();
    return status ? fail_status(&err) : stop_code();
}

void check_fast_prefill(const options *o, const slm_model *m) {
    slm_model_info info;
    slm_model_describe(m, &info);
    if (!o->fast_prefill || slm_model_fast_prefill(m)) return;
    if (info.packed) warn(o, "--fast-prefill changes nothing: for weights of this model no product in bfloat16 is faster on this processor");
    else warn(o, "--fast-prefill changes nothing: the weights are not packed");
}

int open_session(const options *o, slm_model *m, const slm_session_options *so, slm_session **out) {
    slm_error err = {0};
    strbuf    line = {0};
    int       rc = plan_memory(o, m, so, &line);
    if (!rc && o->verbose) note("%.*s", (int)line.n, line.n ? line.p : "");
    strbuf_free(&line);
    if (rc) return rc;
    slm_model_info info;
    slm_model_describe(m, &info);
    if (o->pack == PACK_OFF && info.packed_in_file) warn(o, "the file is packed and used as it is: --pack off changes nothing");
    progress_begin(o, "load");
    rc = pack_model(o->pack, m, so->n_threads);
    if (rc) return rc;
    check_fast_prefill(o, m);
    if (slm_session_create(out, m, so, &err)) return fail_status(&err);
    if (o->mlock && mlockall(MCL_CURRENT)) warn(o, "--mlock: the system does not allow it: %s (ulimit -l)", strerror(errno));
    return 0;
}
