/* chunks.c - a long text cut as llama.cpp's tools cut it.
 *
 * The tokens of the whole text are cut into chunks of n_ctx; what is left over is dropped.  Each chunk is read
 * on its own, its first token replaced by the begin token where the model has one. */
#include "cli.h"
#include <math.h>
#include <string.h>

slm_session_options chunk_options(const options *o, const slm_model *m) {
    slm_session_options so = session_options(o, m);
    if (!option_given(o, "-c")) so.n_ctx = 512;
    so.score_all = true;
    return so;
}

int chunks_read(chunk_list *c, options *o, const slm_model *m, int n_ctx) {
    strbuf         text = {0};
    slm_error      err = {0};
    slm_model_info info;
    int            n = 0;
    if (n_ctx < 4) return fail(EXIT_USAGE, "-c: a chunk of %d tokens is too short: 4 or more", n_ctx);
    int rc = read_text(o, &text);
    if (!rc && !text.n) rc = fail(EXIT_USAGE, "the text is empty: give it by -f FILE or on stdin");
    if (!rc && slm_tokenize(m, text.p ? text.p : "", text.n, token_flags(o), &c->ids, &n, &err)) rc = fail_status(&err);
    strbuf_free(&text);
    if (rc) return rc;
    slm_model_describe(m, &info);
    c->n_ctx = n_ctx;
    c->n = n / n_ctx;
    c->first = n_ctx / 2;
    c->bos = info.adds_bos ? slm_token_bos(m) : -1;
    if (!c->n) return fail(EXIT_USAGE, "the text has %d tokens, one chunk takes %d: a longer text, or a smaller -c", n, n_ctx);
    if (o->n_chunks > 0 && o->n_chunks < c->n) c->n = o->n_chunks;
    c->chunk = mem_zero((size_t)n_ctx, sizeof *c->chunk);
    return c->chunk ? 0 : fail(EXIT_MEMORY, "no memory for a chunk of %d tokens", n_ctx);
}

const int32_t *chunk_at(chunk_list *c, int i) {
    memcpy(c->chunk, c->ids + (size_t)i * (size_t)c->n_ctx, (size_t)c->n_ctx * sizeof *c->chunk);
    if (c->bos >= 0) c->chunk[0] = c->bos;
    return c->chunk;
}

void chunks_free(chunk_list *c) {
    slm_free(c->ids);
    mem_free(c->chunk);
}

ppl_estimate ppl_of(double sum, double square, int n) {
    const double mean = sum / n, variance = square / n - mean * mean;
    const double error = n > 1 && variance > 0 ? sqrt(variance / (n - 1)) : 0;
    return (ppl_estimate){exp(mean), error * exp(mean)};
}
