/* generate.c - the loop of sample and eval, and the text on its way out.
 *
 * Bytes wait here until they are certain: a character may be incomplete, a stop text or the mark
 * around thinking may have begun. */
#include "session.h"
#include "unicode.h"
#include <string.h>

slm_generation slm_generation_defaults(void) { return (slm_generation){.max_new = -1, .think_budget = -1}; }

/* ---- text out ------------------------------------------------------------------ */

#define THINK_OPEN  STR("<think>")
#define THINK_CLOSE STR("</think>")

typedef enum {
    AT_START,  /* the answer may still open with <think> */
    THINKING,
    AFTER,     /* white space between thinking and answer is dropped */
    ANSWER
} place;

typedef struct {
    const slm_generation *opt;
    slm_emit_fn           emit;
    void                 *ud;
    int32_t               id;    /* of the token whose text is being sent; -1 once it was reported */
    place                 at;
    strbuf                wait, clean;
    bool                  stopped, cancelled;
    bool                  skip_space; /* the next byte, if a space, is the one put before the text */
} outlet;

static size_t find(str text, str what) {
    for (size_t at = 0; what.n && at + what.n <= text.n; at++)
        if (!memcmp(text.p + at, what.p, what.n)) return at;
    return SIZE_MAX;
}

/* Length of the longest end of text that begins `what` without being all of it. */
static size_t begun(str text, str what) {
    for (size_t n = what.n ? what.n - 1 : 0; n > 0; n--)
        if (n <= text.n && !memcmp(text.p + text.n - n, what.p, n)) return n;
    return 0;
}

static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/* Emits the first n waiting bytes, broken characters as U+FFFD. */
static void send(outlet *o, slm_text_kind kind, size_t n) {
    o->clean.n = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t   len = utf8_decode(o->wait.p + i, n - i, &cp);
        if (len) strbuf_put(&o->clean, o->wait.p + i, len);
        else strbuf_put(&o->clean, "\xef\xbf\xbd", 3);
        i += len ? len : 1;
    }
    if (n) memmove(o->wait.p, o->wait.p + n, o->wait.n - n);
    o->wait.n -= n;
    if (!o->clean.bad && !o->cancelled && !o->emit(o->ud, o->id, kind, o->clean.n ? o->clean.p : "", o->clean.n)) o->cancelled = true;
    o->id = -1;
}

static void drop(outlet *o, size_t n) {
    if (n) memmove(o->wait.p, o->wait.p + n, o->wait.n - n);
    o->wait.n -= n;
}

/* Sends what is certain of an answer: up to a stop text, or short of what may become one; `last`: all
 * of it. */
static void send_answer(outlet *o, bool last) {
    const str text = {o->wait.p, o->wait.n};
    size_t    stop = SIZE_MAX, held = 0;
    for (int i = 0; i < o->opt->n_stop; i++) {
        const str    what = str_of(o->opt->stop[i]);
        const size_t at = find(text, what), part = begun(text, what);
        stop = at < stop ? at : stop;
        held = part > held ? part : held;
    }
    if (stop != SIZE_MAX) {
        o->stopped = true;
        o->wait.n = stop;
        send(o, SLM_TEXT_ANSWER, stop);
        return;
    }
    const size_t certain = last ? text.n : utf8_whole(text.p ? text.p : "", text.n - held);
    if (certain || !last) send(o, SLM_TEXT_ANSWER, certain);
}

/* Moves through the places as far as the waiting bytes decide; `last`: no more will come. */
static void flow(outlet *o, bool last) {
    if (o->at == AT_START) {
        size_t lead = 0;
        while (lead < o->wait.n && is_space(o->wait.p[lead])) lead++;
        const str rest = {o->wait.p + lead, o->wait.n - lead};
        if (rest.n >= THINK_OPEN.n && !memcmp(rest.p, THINK_OPEN.p, THINK_OPEN.n)) {
            drop(o, lead + THINK_OPEN.n);
            o->at = THINKING;
        } else if (!last && rest.n < THINK_OPEN.n && (rest.n == 0 || !memcmp(rest.p, THINK_OPEN.p, rest.n))) return;
        else o->at = ANSWER;
    }
    if (o->at == THINKING) {
        const str    text = {o->wait.p, o->wait.n};
        const size_t end = find(text, THINK_CLOSE);
        if (end == SIZE_MAX) {
            const size_t certain = last ? text.n : utf8_whole(text.p ? text.p : "", text.n - begun(text, THINK_CLOSE));
            if (certain) send(o, SLM_TEXT_THINKING, certain);
            return;
        }
        if (end) send(o, SLM_TEXT_THINKING, end);
        drop(o, THINK_CLOSE.n);
        o->at = AFTER;
    }
    if (o->at == AFTER) {
        size_t lead = 0;
        while (lead < o->wait.n && is_space(o->wait.p[lead])) lead++;
        drop(o, lead);
        if (!o->wait.n) return;
        o->at = ANSWER;
    }
    send_answer(o, last);
}

/* Every token is reported once, also when its text is held back. */
static void put_token(outlet *o, const tokenizer *t, int32_t id) {
    str bytes = tok_bytes(t, id);
    /* Some vocabularies hold the marks around thinking as control tokens. */
    const bool mark = o->opt->split_thinking && (str_eq(bytes, THINK_OPEN) || str_eq(bytes, THINK_CLOSE));
    o->id = id;
    if (mark || !tok_is_control(t, id)) {
        if (o->skip_space && bytes.n && bytes.p[0] == ' ') bytes.p++, bytes.n--;
        o->skip_space = false;
        strbuf_str(&o->wait, bytes);
    }
    flow(o, false);
    if (o->id >= 0 && !o->cancelled) send(o, o->at == ANSWER ? SLM_TEXT_ANSWER : SLM_TEXT_THINKING, 0);
}

/* ---- the loop ------------------------------------------------------------------- */

/* Is nothing but control tokens before the new text?  Then a vocabulary's leading space is not text. */
static bool begins_text(const slm_session *s, const int32_t *ids, int n) {
    for (int i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= tok_count(s->m->tok) || !tok_is_control(s->m->tok, ids[i])) return false;
    return tok_strips_first_space(s->m->tok);
}

typedef struct {
    slm_session          *s;
    const slm_generation *opt;
    slm_stats            *st;
    outlet                out;
    id_list               closing; /* what ends thinking at its budget */
    size_t                n_closed;
    double                t0;
} run;

/* The next token: sampled, or one of those that close the thinking. */
static slm_status next_token(run *r, int32_t *id, slm_error *err) {
    const bool over = r->opt->think_budget >= 0 && r->out.at == THINKING && r->st->n_thinking >= r->opt->think_budget;
    if ((over || r->n_closed) && r->n_closed < r->closing.n) {
        *id = r->closing.p[r->n_closed++];
        return SLM_OK;
    }
    return slm_session_sample(r->s, id, err);
}

static bool asked(void *ud, uint64_t done, uint64_t total) {
    const run *r = ud;
    (void)done, (void)total;
    return r->opt->goes_on(r->out.ud);
}

/* One step; *ended when it was the last. */
static slm_status step(run *r, bool *ended, slm_error *err) {
    const slm_generation *opt = r->opt;
    slm_stats            *st = r->st;
    int32_t               id = -1;
    slm_status            rc;
    *ended = true;
    if (opt->max_new >= 0 && st->n_new >= opt->max_new) return st->finish = SLM_FINISH_LENGTH, SLM_OK;
    if ((rc = next_token(r, &id, err))) return rc;
    if (st->n_new == 0) st->first_token_ms = clock_ms() - r->t0;
    if (tok_ends_turn(r->s->m->tok, id) && !opt->ignore_eos) return st->finish = SLM_FINISH_STOP, SLM_OK;
    st->n_new++;
    st->n_thinking += r->out.at == THINKING;
    put_token(&r->out, r->s->m->tok, id);
    if (r->out.wait.bad || r->out.clean.bad) return err_memory(err, "text", r->out.wait.n);
    if (r->out.stopped) return st->finish = SLM_FINISH_STOP, SLM_OK;
    if (r->out.cancelled) return st->finish = SLM_FINISH_CANCELLED, SLM_OK;
    if (opt->max_new >= 0 && st->n_new >= opt->max_new) return *ended = false, SLM_OK; /* nobody will ask for its logits */
    if (r->s->n_ids == r->s->n_ctx) return st->finish = SLM_FINISH_CONTEXT, SLM_OK;
    rc = session_eval(r->s, id, (watcher){opt->goes_on ? asked : NULL, r}, err);
    r->out.cancelled = *ended = !rc && !r->s->has_logits;
    return rc;
}

slm_status slm_generate(slm_session *s, const int32_t *prompt, int n, const slm_generation *opt, slm_emit_fn emit, void *ud,
                        slm_stats *stats, slm_error *err) {
    slm_stats none;
    run       r = {.s = s, .opt = opt, .st = stats ? stats : &none, .t0 = clock_ms()};
    r.out = (outlet){.opt = opt, .emit = emit, .ud = ud, .id = -1, .skip_space = begins_text(s, prompt, n)};
    r.out.at = !opt->split_thinking ? ANSWER : opt->in_thinking ? THINKING : AT_START;
    memset(r.st, 0, sizeof *r.st);
    r.st->n_prompt = n;
    slm_status rc = SLM_OK;
    if (opt->think_budget >= 0) {
        rc = tok_encode(s->m->tok, STR("\n</think>\n\n"), NULL, TOK_SPECIAL, &r.closing, err);
        if (!rc && r.closing.bad) rc = err_memory(err, "token ids", r.closing.n * sizeof *r.closing.p);
    }
    if (!rc) rc = session_sync(s, prompt, n, &r.st->n_reused, (watcher){opt->progress, ud}, err);
    if (!rc && s->n_ids < n) r.out.cancelled = true;
    const double t1 = clock_ms();
    r.st->prefill_ms = t1 - r.t0;
    for (bool ended = r.out.cancelled; !rc && !ended;) rc = step(&r, &ended, err);
    if (!r.out.stopped && !r.out.cancelled) {
        r.out.id = -1;
        flow(&r.out, true);
        if (r.out.stopped) r.st->finish = SLM_FINISH_STOP; /* a stop text in what waited to be <think> */
    }
    if (r.out.cancelled) r.st->finish = SLM_FINISH_CANCELLED;
    r.st->decode_ms = clock_ms() - t1;
    id_free(&r.closing);
    strbuf_free(&r.out.wait);
    strbuf_free(&r.out.clean);
    return rc;
}
