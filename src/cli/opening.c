/* opening.c - from settings to an open model and a session that fits the memory. */
#include "cli.h"
#include <stdio.h>
#include <unistd.h>

int open_model(const options *o, const char *path, bool vocab_only, slm_model **out) {
    slm_model_options mo = slm_model_defaults();
    slm_error         err = {0};
    mo.path = path;
    mo.isa = o->isa;
    mo.vocab_only = vocab_only;
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

void fit_context(const options *o, const slm_model *m, slm_session_options *so) {
    char           allowed[80];
    slm_memory     plan = {0};
    const uint64_t have = memory_allowed(o, allowed);
    if (option_given(o, "-c") || slm_memory_plan(m, so, &plan, NULL) || plan.total <= have) return;
    const int n = context_that_fits(m, *so, plan.n_ctx, have);
    if (!n) return; /* open_session() says so */
    warn(o, "the context is %d tokens instead of %d: %s", n, plan.n_ctx, allowed);
    so->n_ctx = n;
}

int plan_memory(const options *o, const slm_model *m, const slm_session_options *so, strbuf *line) {
    slm_error      err = {0};
    slm_memory     plan = {0};
    char           need[32], w[32], kv[32], work[32], allowed[80];
    const uint64_t have = memory_allowed(o, allowed);
    if (slm_memory_plan(m, so, &plan, &err)) return fail_status(&err);
    if (plan.total > have) return too_big(m, so, &plan, have, allowed);
    strbuf_fmt(line, "memory: %s for a context of %d (weights %s, cache %s, work %s), %s", human_bytes(plan.total, need), plan.n_ctx,
               human_bytes(plan.weights, w), human_bytes(plan.kv, kv), human_bytes(plan.work, work), allowed);
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
    return slm_session_create(out, m, so, &err) ? fail_status(&err) : 0;
}
