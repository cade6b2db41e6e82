/* cmd_diff.c - what quantizing lost: the same text read by several files of one model.
 *
 * The first file is the base.  All read the chunks of the text (chunks.c) side by side, and at each token of a
 * chunk's second half each file's distribution is held against the base's. */
#include "cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int open_side(options *o, diff_side *d) {
    slm_error err = {0};
    const int rc = open_model(o, d->path, false, &d->m);
    if (rc) return rc;
    if (slm_file_open(&d->file, d->path, &err)) return fail_status(&err);
    slm_model_describe(d->m, &d->info);
    const slm_session_options so = chunk_options(o, d->m);
    return open_session(o, d->m, &so, &d->s);
}

/* Adds what one chunk's tokens say: out[n][n_side]. */
static void add_chunk(diff *d, const slm_comparison *out, int n) {
    for (int k = 0; k < d->n_side; k++) {
        diff_side *side = &d->side[k];
        double     sum = 0;
        for (int i = 0; i < n; i++) {
            const slm_comparison *c = &out[i * d->n_side + k];
            sum += c->nll;
            side->nll_square += c->nll * c->nll;
            side->kl[d->n_scored + i] = c->kl;
            side->n_same += c->same_top;
        }
        side->nll += sum;
    }
    d->n_scored += n;
}

static int read_chunk(diff *d, slm_session **s, slm_comparison *out, int i) {
    slm_error      err = {0};
    const int32_t *chunk = chunk_at(&d->text, i);
    const int      first = d->text.first, n = d->text.n_ctx - 1 - first;
    for (int k = 0; k < d->n_side; k++) {
        slm_session_rewind(s[k], 0);
        if (slm_session_sync(s[k], chunk, first, &err)) return fail_status(&err);
    }
    if (slm_session_compare(s, d->n_side, chunk + first, chunk + first + 1, n, out, &err)) return fail_status(&err);
    add_chunk(d, out, n);
    return 0;
}

static int read_chunks(diff *d) {
    const size_t    n = (size_t)(d->text.n_ctx - 1 - d->text.first);
    slm_session    *s[DIFF_MAX_SIDES];
    slm_comparison *out = mem_zero(n * (size_t)d->n_side, sizeof *out);
    bool            has_room = out != NULL;
    int             rc = 0;
    for (int k = 0; k < d->n_side; k++) {
        s[k] = d->side[k].s;
        d->side[k].kl = mem_zero(n * (size_t)d->text.n, sizeof(double));
        has_room = has_room && d->side[k].kl;
    }
    if (!has_room) rc = fail(EXIT_MEMORY, "no memory for %d chunks of %d tokens", d->text.n, d->text.n_ctx);
    progress_begin(d->o, "reading");
    for (int i = 0; i < d->text.n && !rc; i++) {
        rc = read_chunk(d, s, out, i);
        progress_show((uint64_t)i + 1, (uint64_t)d->text.n, "chunks");
    }
    progress_end();
    mem_free(out);
    return rc;
}

/* ---- what it comes to --------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Where a part p of n sorted numbers lies, between its neighbours in proportion. */
static double quantile(const double *sorted, int n, double p) {
    const double at = p * (n - 1);
    const int    i = (int)at;
    return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

static void sum_up(const diff *d, diff_side *side) {
    const int n = d->n_scored;
    double    sum = 0, square = 0;
    for (int i = 0; i < n; i++) {
        sum += side->kl[i];
        square += side->kl[i] * side->kl[i];
    }
    const double mean = sum / n, variance = square / n - mean * mean;
    side->ppl = ppl_of(side->nll, side->nll_square, n);
    side->kl_mean = mean;
    side->kl_error = n > 1 && variance > 0 ? sqrt(variance / (n - 1)) : 0;
    qsort(side->kl, (size_t)n, sizeof *side->kl, by_value);
    side->kl_99 = quantile(side->kl, n, 0.99);
    side->kl_most = side->kl[n - 1];
}

/* ---- weights ------------------------------------------------------------------------ */

/* Those that are no number are the worst. */
static int by_error(const void *a, const void *b) {
    const double x = ((const slm_tensor_error *)a)->error, y = ((const slm_tensor_error *)b)->error;
    if (isnan(x) || isnan(y)) return isnan(y) - isnan(x);
    return (x < y) - (x > y);
}

static void keep_error(void *ud, const slm_tensor_error *e) {
    diff_side        *side = ud;
    slm_tensor_error *list = mem_resize(side->tensor, (size_t)side->n_tensor + 1, sizeof *list);
    side->lacks_room |= !list;
    if (!list) return;
    side->tensor = list;
    side->tensor[side->n_tensor++] = *e;
}

static int compare_weights(diff *d, diff_side *side) {
    slm_error err = {0};
    if (slm_file_errors(d->side[0].file, side->file, d->o->n_threads, keep_error, side, &err)) return fail_status(&err);
    if (side->lacks_room) return fail(EXIT_MEMORY, "no memory for a list of tensors");
    if (side->n_tensor) qsort(side->tensor, (size_t)side->n_tensor, sizeof *side->tensor, by_error);
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------ */

/* Which files; no others are within reach from then on. */
static int name_sides(diff *d, char **arg) {
    const char *path[DIFF_MAX_SIDES];
    for (int k = 0; k < d->n_side; k++) {
        const int rc = find_model(arg[k], &path[k]);
        if (rc >= 0) return rc;
        d->side[k].path = path[k];
    }
    confine_to(d->o, path, d->n_side, d->o->plot);
    return 0;
}

/* Before any token is read: the base's ids mean nothing elsewhere. */
static int check_kin(const diff *d, int k) {
    const diff_side *a = &d->side[0], *b = &d->side[k];
    if (a->info.n_vocab == b->info.n_vocab) return 0;
    return fail(EXIT_USAGE, "%s has %d tokens, %s has %d: they are not files of one model", b->path, b->info.n_vocab, a->path, a->info.n_vocab);
}

static int compare(diff *d, char **arg) {
    int rc = name_sides(d, arg);
    for (int k = 0; k < d->n_side && !rc; k++) {
        rc = open_side(d->o, &d->side[k]);
        if (!rc) rc = check_kin(d, k);
        /* The base's tokens are everybody's. */
        if (!rc && !k) rc = chunks_read(&d->text, d->o, d->side[0].m, slm_session_n_ctx(d->side[0].s));
    }
    if (!rc) rc = read_chunks(d);
    for (int k = 0; k < d->n_side && !rc; k++) sum_up(d, &d->side[k]);
    for (int k = 1; k < d->n_side && !rc && d->o->n_worst; k++) rc = compare_weights(d, &d->side[k]);
    return rc;
}

static int diff_main(options *o) {
    diff   d = {.o = o, .n_side = o->n_arg};
    char **arg = o->arg;
    int    rc = 0;
    stop_init(o->timeout, "");
    if (o->n_arg < 2 || o->n_arg > DIFF_MAX_SIDES)
        return out_end(fail(EXIT_USAGE, "diff takes 2 to %d files, the first of them the base, not %d", DIFF_MAX_SIDES, o->n_arg));
    o->n_arg = 0; /* none of them is text */
    rc = compare(&d, arg);
    if (!rc) rc = diff_print(&d);
    if (!rc && o->plot) rc = diff_plot(o->plot, &d);
    for (int k = 0; k < d.n_side; k++) {
        slm_session_free(d.side[k].s);
        slm_model_close(d.side[k].m);
        slm_file_close(d.side[k].file);
        mem_free(d.side[k].kl);
        mem_free(d.side[k].tensor);
    }
    chunks_free(&d.text);
    return out_end(rc);
}

const command cmd_diff = {
    .name = "diff",
    .brief = "what quantizing lost: divergence, perplexity and worst tensors",
    .usage = "BASE FILE.. -f TEXT [FLAGS]",
    .examples = "  slm diff model-F16.gguf model-Q4_K_M.gguf -f wiki.test.raw\n"
                "  slm diff model-F16.gguf model-Q8_0.gguf model-Q4_K_M.gguf model-Q3_K_M.gguf -f text --plot loss.svg\n"
                "  slm diff model-F16.gguf model-Q4_0.gguf -f text --chunks 10 --bars --worst 20\n",
    .notes = "All files read the text in chunks of -c tokens, each behind the begin token; the second half of each is\n"
             "compared, token by token, with what BASE says there:\n"
             "  KL        Kullback-Leibler divergence from BASE in nats: 0 where nothing is lost.  Its mean, what 99 %\n"
             "            of the tokens stay below, and the largest\n"
             "  same top  how often the likeliest token is the same one\n"
             "  error     of a tensor: the root of sum (a - b)^2 / sum a^2 over its weights\n"
             "The files are of one model: they share its vocabulary, and all are in memory together.\n"
             "\n"
             "--json: {\"n_chunks\",\"n_ctx\",\"n_scored\",\"files\":[{\"file\",\"bytes\",\"bits\",\"ppl\",\"ppl_error\",\"ppl_ratio\",\n"
             "\"kl_mean\",\"kl_error\",\"kl_99\",\"kl_max\",\"same_top\",\"tensors\":[{\"name\",\"from\",\"to\",\"error\"}]}]}, BASE first.\n"
             "\n"
             "Exit status: 0, 1 cannot run, 2 usage or a text shorter than one chunk, 6 not enough memory,\n"
             "124 timeout.\n",
    .main = diff_main,
};
