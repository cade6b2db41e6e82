/* cmd_ppl.c - perplexity of a text by llama-perplexity's rule.
 *
 * The tokens of the whole text are cut into chunks of n_ctx; what is left over is dropped.  Each chunk
 * is read on its own, its first token replaced by the begin token where the model has one, and
 * scored from its second half on: the tokens before are only context. */
#include "../json.h"
#include "cli.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const options *o;
    const int32_t *ids;
    int            n_ctx, n_chunks, first; /* the first position whose logits are scored */
    int32_t        bos;                    /* -1: none is put in */
    int32_t       *chunk;                  /* [n_ctx] */
    double        *nll;                    /* [n_ctx] of one chunk's tokens */
    double        *mean;                   /* [n_chunks] of each chunk's */
    double         sum, square;            /* over all tokens so far */
    int            n_scored;
} measurement;

typedef struct {
    double ppl, error;
} estimate;

/* exp of the mean, and the standard error of the mean carried through it. */
static estimate estimate_of(const measurement *p) {
    const double mean = p->sum / p->n_scored, variance = p->square / p->n_scored - mean * mean;
    const double error = p->n_scored > 1 && variance > 0 ? sqrt(variance / (p->n_scored - 1)) : 0;
    return (estimate){exp(mean), error * exp(mean)};
}

static int measure_chunk(measurement *p, slm_session *s, int i) {
    slm_error err = {0};
    const int n = p->n_ctx - 1 - p->first;
    double    sum = 0;
    memcpy(p->chunk, p->ids + (size_t)i * (size_t)p->n_ctx, (size_t)p->n_ctx * sizeof *p->chunk);
    if (p->bos >= 0) p->chunk[0] = p->bos;
    slm_session_rewind(s, 0);
    if (slm_session_sync(s, p->chunk, p->first, &err) ||
        slm_session_nll(s, p->chunk + p->first, p->chunk + p->first + 1, n, p->nll, &err))
        return fail_status(&err);
    for (int k = 0; k < n; k++) {
        sum += p->nll[k];
        p->square += p->nll[k] * p->nll[k];
    }
    p->mean[i] = sum / n;
    p->sum += sum;
    p->n_scored += n;
    return 0;
}

static int measure(measurement *p, slm_session *s) {
    const bool   shows = p->o->verbose || (!p->o->quiet && isatty(STDERR_FILENO));
    const double t0 = clock_ms();
    for (int i = 0; i < p->n_chunks; i++) {
        const int rc = measure_chunk(p, s, i);
        if (rc) return rc;
        const estimate e = estimate_of(p);
        const double   ms = clock_ms() - t0;
        if (shows)
            note("chunk %d of %d: perplexity %.4f +/- %.4f, %.1f tokens/s", i + 1, p->n_chunks, e.ppl, e.error,
                 ms > 0 ? (i + 1.0) * p->n_ctx / ms * 1e3 : 0.0);
    }
    return 0;
}

static void print(const measurement *p) {
    const estimate e = estimate_of(p);
    if (!p->o->json) {
        out_fmt("chunks         %d of %d tokens\n", p->n_chunks, p->n_ctx);
        out_fmt("scored         %d tokens\n", p->n_scored);
        out_fmt("perplexity     %.4f +/- %.5f\n", e.ppl, e.error);
        return;
    }
    strbuf b = {0};
    strbuf_str(&b, STR("{\"ppl\":"));
    json_write_num(&b, e.ppl);
    strbuf_str(&b, STR(",\"error\":"));
    json_write_num(&b, e.error);
    strbuf_fmt(&b, ",\"n_chunks\":%d,\"n_ctx\":%d,\"nll\":[", p->n_chunks, p->n_ctx);
    for (int i = 0; i < p->n_chunks; i++) {
        if (i) strbuf_char(&b, ',');
        json_write_num(&b, p->mean[i]);
        out_buf(&b);
    }
    out_text("]}\n");
    strbuf_free(&b);
}

/* The text as ids; and how they are cut. */
static int read_chunks(measurement *p, options *o, const slm_model *m, int32_t **ids) {
    strbuf         text = {0};
    slm_error      err = {0};
    slm_model_info info;
    int            n = 0, rc = read_text(o, &text);
    slm_model_describe(m, &info);
    if (!rc && slm_tokenize(m, text.p ? text.p : "", text.n, token_flags(o), ids, &n, &err)) rc = fail_status(&err);
    strbuf_free(&text);
    if (rc) return rc;
    p->ids = *ids;
    p->n_chunks = n / p->n_ctx;
    p->bos = info.adds_bos ? slm_token_bos(m) : -1;
    p->first = p->n_ctx / 2;
    if (!p->n_chunks)
        return fail(EXIT_USAGE, "the text has %d tokens, one chunk takes %d: a longer text, or a smaller -c", n, p->n_ctx);
    if (o->n_chunks > 0 && o->n_chunks < p->n_chunks) p->n_chunks = o->n_chunks;
    return 0;
}

static int ppl_main(options *o) {
    const char  *path;
    slm_model   *m = NULL;
    slm_session *s = NULL;
    int32_t     *ids = NULL;
    measurement  p = {.o = o};
    stop_init(o->timeout, "");
    int rc = name_model(o, &path);
    if (rc < 0) rc = open_model(o, path, false, &m);
    if (rc) goto done;
    slm_session_options so = session_options(o, m);
    if (!option_given(o, "-c")) so.n_ctx = 512;
    so.score_all = true;
    p.n_ctx = so.n_ctx;
    if (p.n_ctx < 4) rc = fail(EXIT_USAGE, "-c: a chunk of %d tokens is too short: 4 or more", p.n_ctx);
    if (rc || (rc = read_chunks(&p, o, m, &ids)) || (rc = open_session(o, m, &so, &s))) goto done;
    p.chunk = mem_zero((size_t)p.n_ctx, sizeof *p.chunk);
    p.nll = mem_zero((size_t)p.n_ctx, sizeof *p.nll);
    p.mean = mem_zero((size_t)p.n_chunks, sizeof *p.mean);
    if (!p.chunk || !p.nll || !p.mean) rc = fail(EXIT_MEMORY, "no memory for %d chunks of %d tokens", p.n_chunks, p.n_ctx);
    if (!rc) rc = measure(&p, s);
    if (!rc) print(&p);
done:
    mem_free(p.chunk);
    mem_free(p.nll);
    mem_free(p.mean);
    slm_free(ids);
    slm_session_free(s);
    slm_model_close(m);
    return out_end(rc);
}

const command cmd_ppl = {
    .name = "ppl",
    .brief = "perplexity of a long text",
    .usage = "[-m FILE] -f TEXT [FLAGS]",
    .examples = "  slm ppl -m model.gguf -f wiki.test.raw\n"
                "  slm ppl -m model.gguf -f book.txt -c 2048 --chunks 20 -v\n"
                "  slm ppl -m model.gguf --json < book.txt | python3 -m json.tool\n",
    .notes = "As llama-perplexity does it: the tokens of the text in chunks of -c, each read on its own behind\n"
             "the begin token, its second half scored; what does not fill a chunk is dropped.  The perplexity\n"
             "is exp of the mean of -ln p over all scored tokens; behind +/- stands its standard error.\n"
             "\n"
             "--json: {\"ppl\",\"error\",\"n_chunks\",\"n_ctx\",\"nll\"}, nll the mean of -ln p in each chunk.\n"
             "\n"
             "Exit status: 0, 1 cannot run, 2 usage or a text shorter than one chunk, 6 not enough memory,\n"
             "124 timeout.\n",
    .main = ppl_main,
};
