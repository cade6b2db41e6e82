/* cmd_ppl.c - perplexity of a text by llama-perplexity's rule.
 *
 * Each chunk (chunks.c) is scored from its second half on: the tokens before are only context. */
#include "../json.h"
#include "cli.h"
#include <string.h>
#include <unistd.h>

typedef struct {
    const options *o;
    chunk_list     text;
    double        *nll;                    /* [n_ctx] of one chunk's tokens */
    double        *mean;                   /* [chunks] of each chunk's */
    double         sum, square;            /* over all tokens so far */
    int            n_scored;
} measurement;

static ppl_estimate estimate_of(const measurement *p) { return ppl_of(p->sum, p->square, p->n_scored); }

static int measure_chunk(measurement *p, slm_session *s, int i) {
    slm_error      err = {0};
    const int32_t *chunk = chunk_at(&p->text, i);
    const int      first = p->text.first, n = p->text.n_ctx - 1 - first;
    double         sum = 0;
    slm_session_rewind(s, 0);
    if (slm_session_sync(s, chunk, first, &err) || slm_session_nll(s, chunk + first, chunk + first + 1, n, p->nll, &err))
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
    for (int i = 0; i < p->text.n; i++) {
        const int rc = measure_chunk(p, s, i);
        if (rc) return rc;
        const ppl_estimate e = estimate_of(p);
        const double       ms = clock_ms() - t0;
        if (shows)
            note("chunk %d of %d: perplexity %.4f +/- %.4f, %.1f tokens/s", i + 1, p->text.n, e.ppl, e.error,
                 ms > 0 ? (i + 1.0) * p->text.n_ctx / ms * 1e3 : 0.0);
    }
    return 0;
}

static void print(const measurement *p) {
    const ppl_estimate e = estimate_of(p);
    if (!p->o->json) {
        out_fmt("chunks         %d of %d tokens\n", p->text.n, p->text.n_ctx);
        out_fmt("scored         %d tokens\n", p->n_scored);
        out_fmt("perplexity     %.4f +/- %.5f\n", e.ppl, e.error);
        return;
    }
    strbuf b = {0};
    strbuf_str(&b, STR("{\"ppl\":"));
    json_write_num(&b, e.ppl);
    strbuf_str(&b, STR(",\"error\":"));
    json_write_num(&b, e.error);
    strbuf_fmt(&b, ",\"n_chunks\":%d,\"n_ctx\":%d,\"nll\":[", p->text.n, p->text.n_ctx);
    for (int i = 0; i < p->text.n; i++) {
        if (i) strbuf_char(&b, ',');
        json_write_num(&b, p->mean[i]);
        out_buf(&b);
    }
    out_text("]}\n");
    strbuf_free(&b);
}

static int ppl_main(options *o) {
    const char  *path;
    slm_model   *m = NULL;
    slm_session *s = NULL;
    measurement  p = {.o = o};
    stop_init(o->timeout, "");
    int rc = name_model(o, &path);
    if (rc < 0) rc = open_model(o, path, false, &m);
    if (rc) goto done;
    const slm_session_options so = chunk_options(o, m);
    if ((rc = chunks_read(&p.text, o, m, so.n_ctx)) || (rc = open_session(o, m, &so, &s))) goto done;
    p.nll = mem_zero((size_t)so.n_ctx, sizeof *p.nll);
    p.mean = mem_zero((size_t)p.text.n, sizeof *p.mean);
    if (!p.nll || !p.mean) rc = fail(EXIT_MEMORY, "no memory for %d chunks of %d tokens", p.text.n, so.n_ctx);
    if (!rc) rc = measure(&p, s);
    if (!rc) print(&p);
done:
    mem_free(p.nll);
    mem_free(p.mean);
    chunks_free(&p.text);
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
