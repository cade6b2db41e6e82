/* cmd_imatrix.c - which columns of a model's matrices count, from a text. */
#include "cli.h"
#include <string.h>

static bool see_all(void *ud, int i, const float *logits) {
    (void)ud, (void)i, (void)logits;
    return true;
}

/* Without the output matrix nobody needs logits. */
static int read_chunk(const options *o, chunk_list *c, slm_session *s, int i) {
    slm_error      err = {0};
    const int32_t *chunk = chunk_at(c, i);
    slm_session_rewind(s, 0);
    const slm_status rc = o->process_output ? slm_session_score(s, chunk, c->n_ctx, see_all, NULL, &err) : slm_session_sync(s, chunk, c->n_ctx, &err);
    return rc ? fail_status(&err) : 0;
}

static int collect(const options *o, chunk_list *c, slm_session *s, const char *out) {
    slm_error    err = {0};
    slm_imatrix *m = NULL;
    int          rc = slm_imatrix_create(&m, s, o->process_output, &err) ? fail_status(&err) : 0;
    progress_begin(o, "reading");
    for (int i = 0; i < c->n && !rc; i++) {
        rc = read_chunk(o, c, s, i);
        progress_show((uint64_t)i + 1, (uint64_t)c->n, "chunks");
    }
    progress_end();
    stop_gently(STOP_GENTLY); /* the temporary file is taken away before the process ends */
    if (!rc && slm_imatrix_save(m, out, o->file ? o->file : "text", c->n, c->n_ctx, &err)) rc = fail_status(&err);
    slm_imatrix_free(m);
    if (!rc && !o->quiet) out_fmt("%s: %d chunks of %d tokens\n", out, c->n, c->n_ctx);
    return rc ? rc : stop_code();
}

static int imatrix_main(options *o) {
    const char  *path, *out = o->output ? o->output : "imatrix.gguf";
    slm_model   *m = NULL;
    slm_session *s = NULL;
    chunk_list   text = {0};
    stop_init(o->timeout, "");
    int rc = strcmp(out, "-") ? name_model(o, &path) : fail(EXIT_USAGE, "-o: an importance matrix is written to a file, not to stdout");
    if (rc < 0) {
        confine(o, path, out);
        rc = open_model(o, path, false, &m);
    }
    if (rc) goto done;
    slm_session_options so = chunk_options(o, m);
    so.score_all = o->process_output;
    if ((rc = chunks_read(&text, o, m, so.n_ctx)) || (rc = open_session(o, m, &so, &s))) goto done;
    rc = collect(o, &text, s, out);
done:
    chunks_free(&text);
    slm_session_free(s);
    slm_model_close(m);
    return out_end(rc);
}

const command cmd_imatrix = {
    .name = "imatrix",
    .brief = "which columns of a model's matrices count, for quantize --imatrix",
    .usage = "[-m FILE] -f TEXT [-o FILE] [FLAGS]",
    .examples = "  slm imatrix -m model-F16.gguf -f calibration.txt -o imatrix.gguf\n"
                "  slm quantize --imatrix imatrix.gguf model-F16.gguf model-Q3_K_M.gguf Q3_K_M\n",
    .notes = "The model reads the text in chunks of -c tokens, each behind the begin token, and the squares of what every\n"
             "column of every matrix is multiplied with are added up: an error in a column that sees large inputs does\n"
             "more harm.  The text should be like those that the model is for; some 100 chunks are enough.\n"
             "\n"
             "The file is a GGUF as llama-imatrix writes it: for a matrix NAME, NAME.in_sum2 and NAME.counts.  It has the\n"
             "same bytes for every -t and -ub.\n"
             "\n"
             "Exit status: 0, 1 cannot run, 2 usage or a text shorter than one chunk, 6 not enough memory,\n"
             "124 timeout.\n",
    .main = imatrix_main,
};
