/* cmd_map.c - one answer for each line of input, in order.
 *
 * Every line is a conversation of its own: what came before changes nothing but the time, since the cache keeps the
 * beginning that all prompts share.  So a run that was ended goes on where it stopped (--resume). */
#include "../json.h"
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tokens that memory is taken for at first. */
enum { FIRST_ROOM = 2048 };

typedef struct {
    const options   *o;
    const slm_model *m;
    slm_session     *s;
    prompt_form      form;
    strbuf           own, input; /* what stands around the lines; all of them */
    sink             file;       /* of --resume */
    long             line;       /* the number of the one that is at work, from 1 on */
    bool             was_cut;
    long long        n_generated, n_evaluated, n_reused;
} mapping;

static char end_of(const options *o) { return o->nul ? 0 : '\n'; }

/* ---- one line ------------------------------------------------------------------ */

static int report(const mapping *x, const slm_stats *st) {
    const int rc = st->finish == SLM_FINISH_CANCELLED ? stop_code() : 0;
    if (rc == EXIT_TIMEOUT) note("stopped by --timeout after %g s, at line %ld", x->o->timeout, x->line);
    if (st->finish == SLM_FINISH_CONTEXT) warn(x->o, "line %ld: the answer was cut: the context of %d tokens is full", x->line, slm_session_n_ctx(x->s));
    if (st->finish == SLM_FINISH_LENGTH && x->o->n >= 0 && !option_given(x->o, "-n"))
        warn(x->o, "line %ld: the answer was cut after %d tokens, the default of -n", x->line, x->o->n);
    return rc;
}

/* The answer to one text.  0 or exit code; half an answer is none. */
static int answer_text(mapping *x, str text, strbuf *out) {
    slm_error    err = {0};
    slm_stats    st = {0};
    slm_prompt   prompt = {0};
    slm_sampling sampling;
    strbuf       whole = {0};
    answer       a = {.o = x->o, .keeps = true, .signals = STOP_GENTLY};
    combine_prompt(&whole, (str){x->own.p, x->own.n}, text);
    int rc = whole.bad ? fail(EXIT_MEMORY, "no memory for line %ld", x->line) : prompt_form_fill(x->o, x->m, &x->form, (str){whole.p, whole.n}, &prompt);
    if (!rc && prompt.n_ids > slm_session_n_ctx(x->s))
        rc = fail(EXIT_LONG, "line %ld: the prompt has %d tokens, the context %d", x->line, prompt.n_ids, slm_session_n_ctx(x->s));
    if (!rc) rc = set_sampling(x->o, x->m, x->s, &sampling);
    if (!rc && answer_make(&a, x->s, &prompt, &st, &err)) rc = fail_status(&err);
    if (!rc) rc = report(x, &st);
    x->was_cut |= st.finish == SLM_FINISH_CONTEXT || (st.finish == SLM_FINISH_LENGTH && !option_given(x->o, "-n"));
    x->n_generated += st.n_new;
    x->n_reused += st.n_reused;
    x->n_evaluated += st.n_prompt - st.n_reused;
    while (a.text.n && a.text.p[a.text.n - 1] == '\n') a.text.n--;
    strbuf_put(out, a.text.p, a.text.n);
    if (!rc && (out->bad || a.text.bad)) rc = fail(EXIT_MEMORY, "no memory for the answer to line %ld", x->line);
    answer_free(&a);
    slm_prompt_free(&prompt);
    strbuf_free(&whole);
    return rc;
}

/* An answer is one line too: its line breaks become spaces. */
static int map_plain(mapping *x, str line, strbuf *out) {
    if (!line.n) return 0; /* nothing is asked, nothing is said */
    const int rc = answer_text(x, line, out);
    for (size_t i = 0; i < out->n && !x->o->nul; i++)
        if (out->p[i] == '\n') out->p[i] = ' ';
    return rc;
}

static int map_json(mapping *x, str line, strbuf *out) {
    const str in = str_of(x->o->in_field ? x->o->in_field : "text"), to = str_of(x->o->out_field ? x->o->out_field : "out");
    slm_error err = {0};
    pool      p;
    strbuf    text = {0};
    pool_init(&p, 8 * line.n + 65536); /* a value takes 32 bytes and more, a text its own length */
    json *v = json_parse(&p, line, &err);
    int   rc = v ? 0 : fail(err.code == SLM_ERR_MEMORY ? EXIT_MEMORY : EXIT_RUNTIME, "line %ld: %s", x->line, err.text);
    if (!rc && json_type(json_get(v, in)) != JSON_STR) rc = fail(EXIT_RUNTIME, "line %ld: no object with a text \"%.*s\"", x->line, (int)in.n, in.p);
    if (!rc) rc = answer_text(x, json_str(json_get(v, in)), &text);
    if (!rc && !json_set(&p, v, to, json_new_str(&p, (str){text.p ? text.p : "", text.n}))) rc = fail(EXIT_MEMORY, "no memory for line %ld", x->line);
    if (!rc) json_write(out, v);
    strbuf_free(&text);
    pool_free(&p);
    return rc;
}

static int put_answer(mapping *x, strbuf *out) {
    strbuf_char(out, end_of(x->o));
    if (out->bad) return fail(EXIT_MEMORY, "no memory for the answer to line %ld", x->line);
    if (x->o->resume) return sink_put(&x->file, out->p, out->n);
    out_put(out->p, out->n);
    return out_flush() ? 0 : EXIT_RUNTIME; /* out_end() says why */
}

/* ---- all lines ------------------------------------------------------------------- */

/* How many answers the file holds already; what stands behind the last whole one goes. */
static int open_resumed(mapping *x, long *n_done) {
    const char *path = x->o->resume;
    struct stat st;
    strbuf      had = {0};
    size_t      whole = 0;
    int         rc = 0;
    *n_done = 0;
    x->file = (sink){open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666), path};
    if (x->file.fd < 0 || fstat(x->file.fd, &st)) return fail(EXIT_RUNTIME, "%s: cannot write: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return fail(EXIT_RUNTIME, "%s: is no file that could be resumed", path);
    rc = read_all(path, &had);
    for (size_t i = 0; !rc && i < had.n; i++)
        if (had.p[i] == end_of(x->o)) ++*n_done, whole = i + 1;
    if (!rc && whole < had.n && ftruncate(x->file.fd, (off_t)whole)) rc = fail(EXIT_RUNTIME, "%s: cannot write: %s", path, strerror(errno));
    strbuf_free(&had);
    return rc;
}

static int map_lines(mapping *x, long n_done) {
    strbuf out = {0};
    int    rc = 0;
    for (size_t at = 0; !rc && at < x->input.n; at++) {
        const char  *from = x->input.p + at, *end = memchr(from, end_of(x->o), x->input.n - at);
        str          line = {from, end ? (size_t)(end - from) : x->input.n - at};
        at += line.n;
        if (!x->o->nul && line.n && line.p[line.n - 1] == '\r') line.n--;
        if (++x->line <= n_done) continue;
        out.n = 0;
        rc = x->o->jsonl ? map_json(x, line, &out) : map_plain(x, line, &out);
        if (!rc) rc = put_answer(x, &out);
    }
    strbuf_free(&out);
    if (!rc && x->line < n_done) rc = fail(EXIT_RUNTIME, "%s: has %ld answers, and there are %ld lines", x->o->resume, n_done, x->line);
    return rc;
}

static int check(const options *o) {
    if (!o->n_arg && !o->prompt) return fail(EXIT_USAGE, "no prompt: give it as an argument or by -p; {} in it stands for the line");
    if (!o->file && isatty(STDIN_FILENO)) return fail(EXIT_USAGE, "no lines: give them on stdin or by -f FILE");
    if ((o->in_field || o->out_field) && !o->jsonl) return fail(EXIT_USAGE, "%s goes with --jsonl", o->in_field ? "--in-field" : "--out-field");
    return 0;
}

static int map_main(options *o) {
    const char *path;
    slm_model  *m = NULL;
    long        n_done = 0;
    mapping     x = {.o = o, .file = {-1, NULL}};
    stop_init(o->timeout, "");
    int rc = name_model(o, &path);
    if (rc < 0) rc = check(o);
    if (!rc) rc = read_own_prompt(o, &x.own);
    if (!rc) rc = read_all(o->file, &x.input);
    if (!rc) {
        const size_t n_bad = o->nul ? 0 : make_utf8(&x.input);
        if (n_bad) warn(o, "the input is not UTF-8: %zu broken sequence%s became U+FFFD", n_bad, n_bad > 1 ? "s" : "");
    }
    if (!rc && o->resume) rc = open_resumed(&x, &n_done);
    if (!rc) rc = open_model(o, path, false, &m);
    x.m = m;
    if (!rc) rc = prompt_form_read(o, m, &x.form);
    if (!rc) {
        slm_session_options so = session_options(o, m);
        fit_context(o, m, &so, FIRST_ROOM, FIRST_ROOM);
        rc = open_session(o, m, &so, &x.s);
    }
    if (!rc) rc = map_lines(&x, n_done);
    if (!rc && o->verbose)
        note("%ld lines: %lld tokens of prompts reused, %lld evaluated, %lld generated", x.line - n_done, x.n_reused, x.n_evaluated, x.n_generated);
    if (sink_close(&x.file) && !rc) rc = EXIT_RUNTIME;
    if (!rc && x.was_cut) rc = EXIT_CUT;
    prompt_form_free(&x.form);
    slm_session_free(x.s);
    slm_model_close(m);
    strbuf_free(&x.own);
    strbuf_free(&x.input);
    return out_end(rc);
}

const command cmd_map = {
    .name = "map",
    .brief = "one answer for each line of input",
    .usage = "[-m FILE] [FLAGS] PROMPT < LINES",
    .examples = "  slm map -m model.gguf 'Translate to French: {}' < lines.txt > french.txt\n"
                "  slm map -m model.gguf --jsonl --in-field title --out-field topic 'One word, the topic of: {}' < in.jsonl\n"
                "  slm map -m model.gguf --resume out.txt 'Summarize: {}' < lines.txt\n",
    .notes = "A line stands where {} is in the prompt, or before it with a blank line between.  Its answer does not depend\n"
             "on the lines before it; what the prompts have in common is evaluated once.  Line breaks in an answer become\n"
             "spaces (not with -0 and --jsonl); an empty line has an empty answer.  The first error ends it, with what was\n"
             "answered before on stdout, or in the file of --resume, which then goes on from there.\n"
             "\n"
             "Exit status: 0, 1 cannot run, or a line is no such object, 2 usage, 3 an answer was cut, 4 a prompt longer\n"
             "than the context, 6 not enough memory, 124 timeout, 130 and 143 stopped by a signal.\n",
    .main = map_main,
};
