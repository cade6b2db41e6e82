/* cmd_embed.c - a vector for each line of text: near ones say something alike, as far as the model was made for it. */
#include "cli.h"
#include <string.h>

/* Tokens that memory is taken for at first. */
enum { FIRST_ROOM = 512 };

typedef struct {
    const options   *o;
    const slm_model *m;
    slm_session     *s;
    float           *v; /* [n] */
    int              n;
    long             line;
} embedding;

/* Nine digits tell every float from its neighbours. */
static int put_vector(const embedding *x, int n_ids) {
    const char *gap = x->o->json ? "," : x->o->tsv ? "\t" : " ";
    strbuf      b = {0};
    if (x->o->json) strbuf_fmt(&b, "{\"n\":%d,\"embedding\":[", n_ids);
    for (int i = 0; i < x->n; i++) strbuf_fmt(&b, "%s%.9g", i ? gap : "", (double)x->v[i]);
    strbuf_str(&b, x->o->json ? STR("]}\n") : STR("\n"));
    const int rc = b.bad ? fail(EXIT_MEMORY, "no memory for a vector") : 0;
    if (!rc) out_put(b.p, b.n);
    strbuf_free(&b);
    return rc ? rc : out_flush() ? 0 : EXIT_RUNTIME; /* out_end() says why */
}

static int embed_text(embedding *x, str text) {
    slm_error err = {0};
    int32_t  *ids = NULL;
    int       n = 0;
    x->line++;
    int rc = slm_tokenize(x->m, text.p ? text.p : "", text.n, token_flags(x->o), &ids, &n, &err) ? fail_status(&err) : 0;
    if (!rc && !n) rc = fail(EXIT_RUNTIME, "line %ld: there is no token in it", x->line);
    if (!rc && n > slm_session_n_ctx(x->s)) rc = fail(EXIT_LONG, "line %ld: %d tokens do not fit the context of %d", x->line, n, slm_session_n_ctx(x->s));
    if (!rc && slm_session_embed(x->s, ids, n, (slm_pool)x->o->pool, x->v, &err)) rc = fail_status(&err);
    if (!rc) rc = put_vector(x, n);
    slm_free(ids);
    return rc;
}

/* Arguments are one text, stdin and files one in each line. */
static int embed_all(embedding *x, options *o) {
    strbuf    all = {0};
    const bool is_line = o->n_arg > 0;
    int       rc = read_text(o, &all);
    if (!rc && is_line) rc = embed_text(x, (str){all.p, all.n});
    for (size_t at = 0; !rc && !is_line && at < all.n; at++) {
        const char *end = memchr(all.p + at, '\n', all.n - at);
        str         line = {all.p + at, end ? (size_t)(end - all.p) - at : all.n - at};
        at += line.n;
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        rc = embed_text(x, line);
    }
    strbuf_free(&all);
    return rc;
}

static int embed_main(options *o) {
    const char *path;
    slm_model  *m = NULL;
    embedding   x = {.o = o};
    stop_init(o->timeout, "");
    int rc = name_model(o, &path);
    if (rc < 0) rc = open_model(o, path, false, &m);
    if (!rc) {
        slm_session_options so = session_options(o, m);
        slm_model_info      info;
        slm_model_describe(m, &info);
        x.m = m;
        x.n = info.n_embd;
        if (!(x.v = mem_zero((size_t)x.n, sizeof *x.v))) rc = fail(EXIT_MEMORY, "no memory for a vector");
        fit_context(o, m, &so, FIRST_ROOM, FIRST_ROOM);
        if (!rc) rc = open_session(o, m, &so, &x.s);
    }
    if (!rc) rc = embed_all(&x, o);
    mem_free(x.v);
    slm_session_free(x.s);
    slm_model_close(m);
    return out_end(rc);
}

const command cmd_embed = {
    .name = "embed",
    .brief = "a vector for each line of text",
    .usage = "[-m FILE] [FLAGS] [TEXT...]",
    .examples = "  slm embed -m model.gguf \"The sky is blue.\"\n"
                "  slm embed -m model.gguf --json < lines.txt > vectors.jsonl\n",
    .notes = "The state behind the last norm, the mean over the tokens or that of the last one, of length 1: the product of\n"
             "two vectors is their cosine.  Text is taken as it is, without a chat template; the begin token comes before it\n"
             "where the model asks for one.  --json: {\"n\":TOKENS,\"embedding\":[..]} on each line.  A text in the arguments\n"
             "is one line.  Models that were not made for it give vectors that say little.\n",
    .main = embed_main,
};
