/* cmd_score.c - log-probabilities of a text or of ids.
 *
 * Position i's logits speak about token i + 1.  They are seen once, in order, so each pass through
 * see() finishes one token: its log-probability, the likeliest others, one row of --logits-out. */
#include "../json.h"
#include "../limits.h"
#include "cli.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const options   *o;
    const slm_model *m;
    const int32_t   *ids;
    int              n, n_vocab;
    double          *logprob; /* [n]; the first is not used                             */
    ranked          *top;     /* [n][n_top]                                             */
    int              n_top;
    sink             logits;
    int              rc;      /* what ended it early                                    */
} scoring;

/* The file is little endian whatever the machine. */
static int put_row(sink *s, const float *z, int n) {
    uint8_t part[4096];
    for (int i = 0; i < n;) {
        size_t used = 0;
        for (; i < n && used < sizeof part; i++) {
            uint32_t u;
            memcpy(&u, &z[i], 4);
            for (int k = 0; k < 4; k++) part[used++] = (uint8_t)(u >> 8 * k);
        }
        int rc = sink_put(s, part, used);
        if (rc) return rc;
    }
    return 0;
}

static bool see(void *ud, int i, const float *z) {
    scoring *s = ud;
    if (s->o->logits_out && (s->rc = put_row(&s->logits, z, s->n_vocab))) return false;
    double norm = log_sum_exp(z, s->n_vocab);
    if (!isfinite(norm)) {
        s->rc = fail(EXIT_RUNTIME, "no finite logits at token %d", i);
        return false;
    }
    if (i + 1 < s->n) {
        s->logprob[i + 1] = (double)z[s->ids[i + 1]] - norm;
        if (s->n_top) find_top(s->top + (size_t)(i + 1) * (size_t)s->n_top, s->n_top, z, s->n_vocab, norm);
    }
    return true;
}

/* ---- output --------------------------------------------------------------- */

static str piece_of(const slm_model *m, int32_t id) {
    size_t      n = 0;
    const char *p = slm_token_bytes(m, id, &n);
    return p ? (str){p, n} : (str){"", 0};
}

/* Bytes of the text that the scored tokens hold: all but the first, control tokens have none. */
static size_t scored_bytes(const scoring *s) {
    size_t n = 0;
    for (int i = 1; i < s->n; i++)
        if (!slm_token_is_control(s->m, s->ids[i])) n += piece_of(s->m, s->ids[i]).n;
    return n;
}

static void put_member(strbuf *b, const char *name, double x) {
    strbuf_fmt(b, ",\"%s\":", name);
    json_write_num(b, x);
}

static void put_token(strbuf *b, const scoring *s, int i) {
    strbuf_fmt(b, "{\"id\":%d,\"piece\":", s->ids[i]);
    json_write_str(b, piece_of(s->m, s->ids[i]));
    put_member(b, "logprob", i ? s->logprob[i] : (double)NAN);
    if (s->n_top) {
        strbuf_str(b, STR(",\"top\":["));
        const ranked *t = s->top + (size_t)i * (size_t)s->n_top;
        for (int k = 0; i && k < s->n_top; k++) {
            strbuf_fmt(b, "%s{\"id\":%d", k ? "," : "", t[k].id);
            put_member(b, "logprob", t[k].logprob);
            strbuf_char(b, '}');
        }
        strbuf_char(b, ']');
    }
    strbuf_char(b, '}');
}

typedef struct {
    double logprob, ppl, bits_per_byte; /* NaN where nothing was scored */
} totals;

static totals total(const scoring *s) {
    totals t = {0, (double)NAN, (double)NAN};
    size_t bytes = scored_bytes(s);
    for (int i = 1; i < s->n; i++) t.logprob += s->logprob[i];
    if (s->n > 1) t.ppl = exp(-t.logprob / (s->n - 1));
    if (bytes) t.bits_per_byte = -t.logprob / log(2.0) / (double)bytes;
    return t;
}

static void print_json(const scoring *s, const id_list *greedy) {
    totals t = total(s);
    strbuf b = {0};
    strbuf_fmt(&b, "{\"n\":%d", s->n);
    put_member(&b, "logprob", t.logprob);
    put_member(&b, "ppl", t.ppl);
    put_member(&b, "bits_per_byte", t.bits_per_byte);
    strbuf_str(&b, STR(",\"tokens\":["));
    for (int i = 0; i < s->n; i++) {
        if (i) strbuf_char(&b, ',');
        put_token(&b, s, i);
        out_buf(&b);
    }
    strbuf_char(&b, ']');
    if (option_given(s->o, "--continue")) {
        strbuf_str(&b, STR(",\"greedy\":["));
        for (size_t i = 0; i < greedy->n; i++) strbuf_fmt(&b, "%s%d", i ? "," : "", greedy->p[i]);
        strbuf_char(&b, ']');
    }
    strbuf_str(&b, STR("}\n"));
    out_buf(&b);
    strbuf_free(&b);
}

static void print_rows(const scoring *s) {
    strbuf b = {0};
    out_text("   pos       id     logprob  piece\n");
    for (int i = 0; i < s->n; i++) {
        if (i) strbuf_fmt(&b, "%6d %8d %11.4f  ", i, s->ids[i], s->logprob[i]);
        else strbuf_fmt(&b, "%6d %8d           -  ", i, s->ids[i]);
        json_write_str(&b, piece_of(s->m, s->ids[i]));
        const ranked *t = s->n_top ? s->top + (size_t)i * (size_t)s->n_top : NULL;
        for (int k = 0; i && k < s->n_top; k++) {
            strbuf_fmt(&b, "\n%15d %11.4f    ", t[k].id, t[k].logprob);
            json_write_str(&b, piece_of(s->m, t[k].id));
        }
        strbuf_char(&b, '\n');
        out_buf(&b);
    }
    strbuf_free(&b);
}

static void print_text(const scoring *s, const id_list *greedy) {
    totals t = total(s);
    if (s->o->per_token || s->n_top) print_rows(s);
    out_fmt("tokens         %d\n", s->n);
    out_fmt("logprob        %.4f\n", t.logprob);
    if (!isnan(t.ppl)) out_fmt("perplexity     %.4f\n", t.ppl);
    if (!isnan(t.bits_per_byte)) out_fmt("bits per byte  %.4f\n", t.bits_per_byte);
    if (!option_given(s->o, "--continue")) return;
    out_text("greedy         ");
    for (size_t i = 0; i < greedy->n; i++) out_fmt("%s%d", i ? " " : "", greedy->p[i]);
    out_put("\n", 1);
}

/* ---- the command ---------------------------------------------------------- */

static int read_ids(options *o, const slm_model *m, id_list *ids) {
    slm_model_info info;
    slm_model_describe(m, &info);
    if (o->ids && o->ids_file) return fail(EXIT_USAGE, "ids given twice: by --ids and --ids-file");
    if ((o->ids || o->ids_file) && (o->n_arg || o->file))
        return fail(EXIT_USAGE, "both ids and a text are given: \"%s\"", o->n_arg ? o->arg[0] : o->file);
    if (o->ids) return parse_ids("--ids", str_of(o->ids), info.n_vocab, ids);
    strbuf text = {0};
    int    rc = o->ids_file ? read_all(o->ids_file, &text) : read_text(o, &text);
    if (!rc && o->ids_file) rc = parse_ids(o->ids_file, (str){text.p, text.n}, info.n_vocab, ids);
    else if (!rc) {
        slm_error err = {0};
        int32_t  *p = NULL;
        int       n = 0;
        if (slm_tokenize(m, text.p ? text.p : "", text.n, token_flags(o), &p, &n, &err)) rc = fail_status(&err);
        for (int i = 0; i < n; i++) id_push(ids, p[i]);
        slm_free(p);
        if (ids->bad) rc = fail(EXIT_MEMORY, "no memory for the ids");
        else if (!rc && !ids->n) rc = fail(EXIT_USAGE, "the text is empty: nothing to score");
    }
    strbuf_free(&text);
    return rc;
}

static int continue_greedy(const options *o, slm_session *s, id_list *out) {
    slm_error    err = {0};
    slm_sampling p = slm_sampling_defaults();
    int32_t      id;
    p.temperature = 0;
    p.repeat_penalty = 1;
    p.presence_penalty = p.frequency_penalty = 0;
    if (slm_session_set_sampling(s, &p, &err)) return fail_status(&err);
    for (int i = 0; i < o->n_continue; i++) {
        if (slm_session_sample(s, &id, &err)) return fail_status(&err);
        id_push(out, id);
        if (i + 1 < o->n_continue && slm_session_eval(s, id, &err)) return fail_status(&err);
    }
    return out->bad ? fail(EXIT_MEMORY, "no memory for the ids") : 0;
}

/* Room for the ids and what is continued; its last token is not evaluated. */
static int choose_context(const options *o, const slm_model *m, size_t n_ids, slm_session_options *so) {
    size_t need = n_ids + (o->n_continue ? (size_t)o->n_continue - 1 : 0);
    *so = session_options(o, m);
    so->score_all = true;
    if (need > INT32_MAX) return fail(EXIT_LONG, "%zu ids are more than any context holds", need);
    if (!option_given(o, "-c")) so->n_ctx = (int)need;
    if (need <= (size_t)so->n_ctx) return 0;
    if (n_ids > (size_t)so->n_ctx || !o->n_continue)
        return fail(EXIT_LONG, "there are %zu ids, the context holds %d: raise -c", n_ids, so->n_ctx);
    return fail(EXIT_LONG, "%zu ids and %d more need a context of %zu, it holds %d: raise -c", n_ids,
                o->n_continue, need, so->n_ctx);
}

static int score(scoring *c, slm_session *s, id_list *greedy) {
    slm_error err = {0};
    c->logprob = mem_zero((size_t)c->n, sizeof *c->logprob);
    c->top = mem_zero((size_t)c->n * (size_t)c->n_top, sizeof *c->top);
    if (!c->logprob || !c->top) return fail(EXIT_MEMORY, "no memory for %d results", c->n);
    slm_status status = slm_session_score(s, c->ids, c->n, see, c, &err);
    if (c->rc) return c->rc;
    if (status) return fail_status(&err);
    return continue_greedy(c->o, s, greedy);
}

static int score_main(options *o) {
    const char  *path;
    slm_model   *m = NULL;
    slm_session *s = NULL;
    id_list      ids = {0}, greedy = {0};
    scoring      c = {.o = o, .logits = {-1, NULL}};
    stop_init(o->timeout, "");
    int rc = name_model(o, &path);
    if (rc < 0) rc = o->logits_out ? sink_open(&c.logits, o->logits_out) : 0;
    if (!rc) rc = open_model(o, path, false, &m);
    if (!rc) rc = read_ids(o, m, &ids);
    slm_session_options so;
    if (!rc) rc = choose_context(o, m, ids.n, &so);
    if (!rc) rc = open_session(o, m, &so, &s);
    if (!rc) {
        slm_model_info info;
        slm_model_describe(m, &info);
        c.m = m;
        c.ids = ids.p;
        c.n = (int)ids.n;
        c.n_vocab = info.n_vocab;
        c.n_top = o->n_top < info.n_vocab ? o->n_top : info.n_vocab; /* no more exist */
        rc = score(&c, s, &greedy);
    }
    if (sink_close(&c.logits) && !rc) rc = EXIT_RUNTIME;
    if (!rc && o->json) print_json(&c, &greedy);
    else if (!rc) print_text(&c, &greedy);
    mem_free(c.logprob);
    mem_free(c.top);
    id_free(&ids);
    id_free(&greedy);
    slm_session_free(s);
    slm_model_close(m);
    return out_end(rc);
}

const command cmd_score = {
    .name = "score",
    .brief = "log-probability of a text",
    .usage = "[-m FILE] [FLAGS] [TEXT...]",
    .examples = "  slm score -m model.gguf \"The sky is blue.\"\n"
                "  slm score -m model.gguf --per-token --top 3 < text.txt\n"
                "  slm score -m model.gguf --json --ids 1,2,3 --continue 16\n"
                "  slm score -m model.gguf --ids-file ids.txt --logits-out logits.f32 --kv f32\n",
    .notes = "Natural logarithms; the first token has none, since nothing stands before it.  A text gets the\n"
             "begin token that the model asks for; ids are scored exactly as they are.  Bits per byte count\n"
             "the bytes of the scored tokens.\n",
    .main = score_main,
};
