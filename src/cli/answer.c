/* answer.c - one answer on its way out, for `slm run` and `slm chat`.
 *
 * The answer leaves piece by piece.  Newlines at the end of a piece wait for the next piece, so that
 * the answer ends in exactly one. */
#include "../json.h"
#include "cli.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- text ----------------------------------------------------------------- */

static void put_text(answer *a, const char *p, size_t n) {
    if (a->o->no_newline) {
        out_put(p, n);
        return;
    }
    size_t end = n;
    while (end && p[end - 1] == '\n') end--;
    if (end) {
        for (; a->n_held; a->n_held--) out_put("\n", 1);
        out_put(p, end);
    }
    a->n_held += n - end;
}

/* On stdout the marks around thinking stay, so that a script can tell it from the answer. */
static void put_thinking(answer *a, const char *p, size_t n) {
    if (a->show == THINKING_STDERR) err_dim(a->o, p, n);
    if (a->show == THINKING_STDOUT && !a->in_thinking) out_text("<think>");
    if (a->show == THINKING_STDOUT) out_put(p, n);
    a->in_thinking = true;
}

static void close_thinking(answer *a) {
    if (a->in_thinking && a->show == THINKING_STDERR) err_put("\n", 1);
    if (a->in_thinking && a->show == THINKING_STDOUT) {
        out_text("</think>");
        put_text(a, "\n\n", 2); /* where no answer follows, one newline ends the output */
    }
    a->in_thinking = false;
}

/* Length of the fence that a line is, or 0 (CommonMark 0.31, section 4.5).  An opening one may be followed by words. */
static size_t fence_of(str line, char *mark, bool closing) {
    size_t at = 0, n = 0;
    while (at < line.n && at < 3 && line.p[at] == ' ') at++;
    *mark = at < line.n ? line.p[at] : 0;
    while (at + n < line.n && line.p[at + n] == *mark) n++;
    if ((*mark != '`' && *mark != '~') || n < 3) return 0;
    for (size_t i = at + n; i < line.n; i++)
        if (closing ? !strchr(" \t\r", line.p[i]) : *mark == '`' && line.p[i] == '`') return 0;
    return n;
}

bool code_block(str text, bool at_end, str *block, bool *whole) {
    size_t width = 0;
    char   mark = 0, other;
    *whole = false;
    for (size_t at = 0; at < text.n;) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        const str   line = {text.p + at, end ? (size_t)(end - text.p) - at : text.n - at};
        if (!end && !at_end) break;
        const size_t n = fence_of(line, &other, width > 0);
        if (width && n >= width && other == mark) *whole = true;
        if (*whole) return true;
        at += line.n + (end != NULL);
        if (!width && n) width = n, mark = other, *block = (str){text.p + at, 0};
        else if (width) block->n = (size_t)(text.p + at - block->p);
    }
    return width > 0;
}

/* As an object of its own; what has no id belongs to the token before. */
static void put_piece(const answer *a, int32_t id, slm_text_kind kind, str text) {
    strbuf b = {0};
    strbuf_char(&b, '{');
    if (id >= 0 && a->s) strbuf_put(&b, a->logprobs.p, a->logprobs.n), strbuf_char(&b, ',');
    else if (id >= 0) strbuf_fmt(&b, "\"id\":%d,", id);
    strbuf_str(&b, kind == SLM_TEXT_THINKING ? STR("\"thinking\":") : STR("\"text\":"));
    json_write_str(&b, text);
    strbuf_str(&b, STR("}\n"));
    if (!b.bad) out_put(b.p, b.n);
    strbuf_free(&b);
}

/* What the model thought of the token, before biases and sampling: a list of objects, or (--jsonl) this one's. */
static void note_logprobs(answer *a, int32_t id) {
    slm_model_info info;
    slm_model_describe(a->m, &info);
    if (a->pieces) a->logprobs.n = 0;
    else strbuf_str(&a->logprobs, a->logprobs.n ? STR(",{") : STR("{"));
    logprob_put(&a->logprobs, a->m, slm_session_logits(a->s), info.n_vocab, id, a->o->n_logprobs);
    if (!a->pieces) strbuf_char(&a->logprobs, '}');
}

static bool evaluating(void *ud, uint64_t done, uint64_t total) {
    (void)ud;
    progress_show(done, total, "tokens");
    return !stop_code();
}

static bool goes_on(void *ud) {
    (void)ud;
    return !stop_code();
}

static bool emit(void *ud, int32_t id, slm_text_kind kind, const char *text, size_t len) {
    answer *a = ud;
    progress_end();
    stop_gently(a->signals); /* from here on there is an answer to keep */
    if (a->keeps) {
        if (id >= 0) id_push(&a->ids, id);
        strbuf_put(kind == SLM_TEXT_THINKING ? &a->thinking : &a->text, text, len);
    }
    if (a->s && id >= 0) note_logprobs(a, id);
    if (a->pieces) put_piece(a, id, kind, (str){text, len});
    if (a->extracts) {
        str block;
        code_block((str){a->text.p, a->text.n}, false, &block, &a->extracted);
        if (a->extracted) return false;
    }
    if (a->prints && len && kind == SLM_TEXT_THINKING) put_thinking(a, text, len);
    else if (a->prints && len) {
        close_thinking(a);
        put_text(a, text, len);
    }
    return out_flush() && !stop_code() && !a->text.bad && !a->thinking.bad && !a->ids.bad && !a->logprobs.bad;
}

/* ---- settings ------------------------------------------------------------- */

static slm_generation generation_of(const options *o, const slm_prompt *prompt) {
    slm_generation gen = slm_generation_defaults();
    gen.max_new = o->n;
    gen.stop = o->stop;
    gen.n_stop = o->n_stop;
    gen.ignore_eos = o->ignore_eos;
    gen.split_thinking = prompt->text != NULL; /* raw text is continued as it is */
    gen.in_thinking = prompt->in_thinking;
    gen.think_budget = o->think_budget;
    gen.goes_on = goes_on;
    return gen;
}

slm_status answer_make(answer *a, slm_session *s, const slm_prompt *prompt, slm_stats *stats, slm_error *err) {
    slm_generation gen = generation_of(a->o, prompt);
    progress_begin(a->o, "prompt");
    /* Without a watcher the prompt is evaluated in larger parts. */
    if (progress_wanted() || a->signals == STOP_CALMLY) gen.progress = evaluating;
    a->show = a->o->show_thinking;
    if (a->show == THINKING_AUTO) a->show = isatty(STDERR_FILENO) ? THINKING_STDERR : THINKING_NONE;
    const slm_status status = slm_generate(s, prompt->ids, prompt->n_ids, &gen, emit, a, stats, err);
    progress_end();
    close_thinking(a);
    return status;
}

void answer_free(answer *a) {
    id_free(&a->ids);
    strbuf_free(&a->logprobs);
    strbuf_free(&a->thinking);
    strbuf_free(&a->text);
}

int answer_verdict(const options *o, const slm_stats *s, const slm_session *session, const char *way_out) {
    if (s->finish == SLM_FINISH_CANCELLED && stop_code()) {
        if (stop_code() == EXIT_TIMEOUT) note("stopped by --timeout after %g s", o->timeout);
        return stop_code();
    }
    if (s->finish == SLM_FINISH_CONTEXT)
        return fail(EXIT_CUT, "the answer was cut: the context of %d tokens is full (%s)", slm_session_n_ctx(session), way_out);
    if (s->finish == SLM_FINISH_LENGTH && o->n >= 0 && !option_given(o, "-n"))
        return fail(EXIT_CUT, "the answer was cut after %d tokens, the default of -n", o->n);
    return EXIT_OK;
}

/* ---- statistics ----------------------------------------------------------- */

static const char *finish_name(const slm_stats *s) {
    if (s->finish == SLM_FINISH_CANCELLED) return stop_code() == EXIT_TIMEOUT ? "timeout" : "interrupt";
    return s->finish == SLM_FINISH_STOP ? "stop" : s->finish == SLM_FINISH_LENGTH ? "length" : "context";
}

static void put_ms(strbuf *b, const char *name, double ms) {
    strbuf_fmt(b, ",\"%s\":", name);
    json_write_num(b, ms);
}

void stats_put(strbuf *b, const slm_stats *s, double load_ms) {
    strbuf_fmt(b, "\"finish\":\"%s\",\"n_prompt\":%d,\"n_reused\":%d,\"n_generated\":%d", finish_name(s),
               s->n_prompt, s->n_reused, s->n_new);
    put_ms(b, "load_ms", load_ms);
    put_ms(b, "prefill_ms", s->prefill_ms);
    put_ms(b, "decode_ms", s->decode_ms);
    put_ms(b, "first_token_ms", s->first_token_ms);
    strbuf_fmt(b, ",\"peak_rss_bytes\":%llu", (unsigned long long)peak_rss_bytes());
}

static void note_rate(const char *what, int n, double ms) {
    note("%s in %.1f ms, %.1f tokens/s, %.2f ms/token", what, ms, ms > 0 ? n / ms * 1e3 : 0.0,
         n ? ms / n : 0.0);
}

void stats_note(const slm_stats *s) {
    char what[96], peak[32];
    int  fresh = s->n_prompt - s->n_reused;
    snprintf(what, sizeof what, "prompt: %d tokens (%d reused + %d evaluated)", s->n_prompt, s->n_reused, fresh);
    note_rate(what, fresh, s->prefill_ms);
    snprintf(what, sizeof what, "answer: %d tokens", s->n_new);
    note_rate(what, s->n_new, s->decode_ms);
    note("first token after %.1f ms", s->first_token_ms);
    note("peak memory %s", human_bytes(peak_rss_bytes(), peak));
}

