/* cmd_chat.c - a conversation: at a terminal with a line editor, in a pipe one turn per line.
 *
 * Every turn renders the whole conversation anew; the session finds out how much of it the cache holds
 * already.  At a terminal an error is a line and the chat goes on; in a pipe it ends the chat. */
#include "talk.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the model ------------------------------------------------------------- */

int chat_set_sampling(chat *c) { return set_sampling(c->o, c->m, c->s, &c->sampling); }

/* Tokens that memory is taken for at first. */
enum { FIRST_ROOM = 4096 };

/* A model that can chat.  0 or exit code. */
static int open_talker(const chat *c, const char *path, slm_model **m) {
    const int rc = open_model(c->o, path, false, m);
    if (rc || c->o->template_name || slm_model_chats(*m)) return rc;
    slm_model_close(*m);
    *m = NULL;
    return fail(EXIT_RUNTIME, "%s: the model has no chat template (--template NAME gives it one; slm run continues a text)", path);
}

static void close_both(chat *c) {
    slm_session_free(c->s);
    slm_model_close(c->m);
    c->s = NULL;
    c->m = NULL;
}

/* What c's model and session hold when the context is full. */
static uint64_t held_bytes(const chat *c) {
    slm_session_options so = c->so;
    slm_memory          plan = {0};
    so.n_room = 0;
    return slm_memory_plan(c->m, &so, &plan, NULL) ? 0 : plan.total;
}

/* Makes m, which becomes c's, ready to answer; what c had is closed before or after.  Where that fails m is
 * closed. */
static int start(chat *c, slm_model *m) {
    slm_session_options so = session_options(c->o, m);
    slm_session        *s = NULL;
    slm_sampling        sampling;
    /* Two models at once only where the new one gets no less for it. */
    if (c->m && !fits_beside(c->o, m, &so, FIRST_ROOM, held_bytes(c))) close_both(c);
    fit_context(c->o, m, &so, FIRST_ROOM, FIRST_ROOM);
    int rc = open_session(c->o, m, &so, &s);
    if (!rc) rc = set_sampling(c->o, m, s, &sampling);
    if (rc) {
        slm_session_free(s);
        slm_model_close(m);
        return rc;
    }
    close_both(c);
    c->m = m;
    c->s = s;
    c->so = so;
    c->sampling = sampling;
    c->setting.warned = false;
    return 0;
}

int chat_open(chat *c, const char *path) {
    slm_model   *m = NULL;
    const size_t n = strlen(path);
    char        *copy = mem_zero(n + 1, 1);
    if (!copy) return fail(EXIT_MEMORY, "no memory for a file name");
    memcpy(copy, path, n);
    int rc = open_talker(c, path, &m);
    if (!rc) rc = start(c, m);
    if (rc && c->path && !c->m) {
        /* Its place was given to the new one. */
        stop_forget();
        if (!stop_code() && !open_talker(c, c->path, &m)) start(c, m);
    }
    if (rc) {
        mem_free(copy);
        return rc;
    }
    mem_free(c->path);
    c->path = copy;
    return 0;
}

/* ---- a turn ---------------------------------------------------------------- */

int chat_prompt_now(chat *c, slm_prompt *out) {
    int          n;
    slm_message *all = talk_messages(&c->talk, &n);
    if (!all) return fail(EXIT_MEMORY, "no memory for the conversation");
    int rc = chat_prompt(c->o, c->m, &c->setting, all, n, out);
    mem_free(all);
    return rc;
}

static int check_length(const chat *c, int n) {
    const int n_ctx = slm_session_n_ctx(c->s);
    if (n <= n_ctx) return 0;
    return fail(EXIT_LONG, "the conversation has %d tokens, the context %d: /undo takes the last turns back, /clear begins anew, -c N makes it larger", n, n_ctx);
}

static void put_stats(chat *c) {
    strbuf b = {0};
    if (c->o->verbose || c->o->stats == STATS_TEXT) stats_note(&c->last);
    if (c->o->stats != STATS_JSON) return;
    strbuf_char(&b, '{');
    stats_put(&b, &c->last, c->load_ms);
    strbuf_str(&b, STR("}\n"));
    if (!b.bad) write_all(STDERR_FILENO, b.p, b.n);
    strbuf_free(&b);
}

/* Keeps what came.  0 or exit code. */
static int keep_answer(chat *c, answer *a, bool whole) {
    const bool stopped = c->last.finish == SLM_FINISH_CANCELLED;
    c->n_answers++;
    c->n_reused += c->last.n_reused;
    c->n_evaluated += c->last.n_prompt - c->last.n_reused;
    c->n_generated += c->last.n_new;
    if (a->text.bad || a->thinking.bad || a->ids.bad) return fail(EXIT_MEMORY, "no memory for the answer's text");
    if ((stopped || !whole) && !a->text.n) {
        talk_drop(&c->talk, 1);
        if (c->person && stopped) note("stopped before an answer: the message is taken back");
        return 0;
    }
    return talk_add(&c->talk, true, (str){a->text.p, a->text.n}) ? 0 : fail(EXIT_MEMORY, "no memory for the conversation");
}

static int generate(chat *c, const slm_prompt *prompt) {
    slm_error err = {0};
    answer    a = {.o = c->o, .prints = true, .keeps = true, .signals = c->person ? STOP_CALMLY : STOP_GENTLY};
    if (c->person) stop_gently(STOP_CALMLY);
    c->last = (slm_stats){0};
    const slm_status status = answer_make(&a, c->s, prompt, &c->last, &err);
    if (!c->person || a.ids.n) out_put("\n", 1);
    out_flush();
    int rc = status ? fail_status(&err) : 0;
    const int kept = keep_answer(c, &a, !status);
    if (!rc) rc = kept;
    if (c->person) stop_forget();
    if (!rc && !out_failed()) {
        put_stats(c);
        rc = answer_verdict(c->o, &c->last, c->s, "/clear begins anew, -c N makes it larger");
    }
    if (stop_code()) rc = stop_code();
    if (!c->edits) stop_gently(STOP_AT_ONCE);
    answer_free(&a);
    return rc;
}

int chat_answer(chat *c) {
    slm_prompt prompt = {0};
    int        rc = chat_prompt_now(c, &prompt);
    if (!rc) rc = check_length(c, prompt.n_ids);
    if (rc) talk_drop(&c->talk, 1);
    else rc = generate(c, &prompt);
    slm_prompt_free(&prompt);
    return rc;
}

/* One message of the user's, whatever it is.  0, an exit code, or CHAT_LEAVE. */
static int hear(chat *c, const strbuf *text, bool quoted) {
    const str said = {text->p ? text->p : "", text->n};
    bool      blank = true;
    for (size_t i = 0; i < said.n; i++) blank = blank && strchr(" \t\r\n", said.p[i]);
    if (blank && !c->attached.n) return 0;
    const bool replaces = c->reopens;
    c->reopens = false;
    if (!quoted && is_command(said)) return chat_command(c, said);
    if (replaces) talk_drop_exchange(&c->talk);
    const bool both = c->attached.n && !blank;
    if (both) strbuf_str(&c->attached, STR("\n\n"));
    if (!blank) strbuf_str(&c->attached, said);
    const bool added = !c->attached.bad && talk_add(&c->talk, false, (str){c->attached.p, c->attached.n});
    strbuf_free(&c->attached);
    return added ? chat_answer(c) : fail(EXIT_MEMORY, "no memory for the conversation");
}

/* ---- input ------------------------------------------------------------------ */

/* A message of one line or more.  1, 0 at the end, else minus an exit code. */
static int read_message(const chat *c, line_reader *in, strbuf *text, bool *quoted) {
    str  one;
    int  rc;
    bool open = false;
    text->n = 0;
    do {
        if (c->person) write_all(STDOUT_FILENO, open ? "... " : ">>> ", 4);
        if ((rc = read_line(in, &one)) <= 0) break;
        strbuf_str(text, one);
        open = message_goes_on(text, true);
    } while (open);
    if (rc < 0) return rc;
    *quoted = text->n >= 3 && !memcmp(text->p, "\"\"\"", 3);
    message_unwrap(text);
    const size_t n_bad = make_utf8(text);
    if (n_bad) warn(c->o, "a message is not UTF-8: %zu broken sequence%s became U+FFFD", n_bad, n_bad > 1 ? "s" : "");
    if (text->bad) return -fail(EXIT_MEMORY, "no memory for a message");
    return rc || open;
}

/* Goes on after an error? */
static bool goes_on(const chat *c, int rc) {
    return (rc == 0 || (c->person && rc > 0 && rc < EXIT_TIMEOUT)) && c->s && !out_failed();
}

static int read_lines(chat *c) {
    line_reader in = {0};
    strbuf      text = {0};
    bool        quoted;
    int         got, rc = 0;
    while (goes_on(c, rc) && (got = read_message(c, &in, &text, &quoted))) rc = got < 0 ? -got : hear(c, &text, quoted);
    if (c->person && goes_on(c, rc)) write_all(STDOUT_FILENO, "\n", 1);
    strbuf_free(&text);
    strbuf_free(&in.buf);
    return rc;
}

/* The second Ctrl-C on an empty line is meant. */
static bool gives_up(const line_editor *l, bool *warned) {
    const bool leaves = !l->text.n && *warned;
    if (!l->text.n && !leaves) note("Ctrl-D, /bye or Ctrl-C again leaves");
    *warned = !l->text.n;
    return leaves;
}

static int edit_lines(chat *c) {
    history    past = {0};
    line_editor l = {.past = &past};
    line_look  look = {.more = STR("... ")};
    char       prompt[32];
    int        rc = 0;
    bool       warned = false;
    if (err_colors(c->o)) look.on = STR("\033[1m"), look.off = STR("\033[0m");
    history_open(c->o, &past);
    while (goes_on(c, rc)) {
        const int used = (int)(100.0 * slm_session_pos(c->s) / slm_session_n_ctx(c->s));
        /* Where it matters, how much of the context is used. */
        if (used < 50) snprintf(prompt, sizeof prompt, ">>> ");
        else snprintf(prompt, sizeof prompt, "%d%% >>> ", used);
        look.first = str_of(prompt);
        line_begin(&l, c->reopens ? talk_last_said(&c->talk) : STR(""));
        const line_event e = term_edit(&l, &look);
        if (e == LINE_END || (e == LINE_INTERRUPT && gives_up(&l, &warned))) break;
        if (e == LINE_INTERRUPT) {
            c->reopens = false;
            continue;
        }
        warned = false;
        const str said = {l.text.p ? l.text.p : "", l.text.n};
        if (history_add(&past, said)) history_append(c->o, said);
        rc = hear(c, &l.text, l.quoted);
        stop_forget();
        if (stop_code()) rc = stop_code(); /* that came after an answer */
    }
    term_restore();
    line_free(&l);
    history_free(&past);
    return rc;
}

/* ---- the command -------------------------------------------------------------- */

/* --explain; "{message}" stands for what will be typed. */
static int explain_chat(chat *c, const char *path) {
    slm_model *m = NULL;
    slm_prompt prompt = {0};
    int        rc = open_model(c->o, path, false, &m);
    if (rc) return rc;
    slm_session_options so = session_options(c->o, m);
    slm_message         msgs[2];
    int                 n = 0;
    fit_context(c->o, m, &so, FIRST_ROOM, FIRST_ROOM);
    if (c->talk.has_system) msgs[n++] = (slm_message){"system", c->talk.system.n ? c->talk.system.p : "", c->talk.system.n};
    msgs[n++] = (slm_message){"user", "{message}", 9};
    rc = chat_prompt(c->o, m, &c->setting, msgs, n, &prompt);
    if (!rc) rc = explain(c->o, m, path, &so, &prompt, NULL);
    slm_prompt_free(&prompt);
    slm_model_close(m);
    return rc;
}

static int begin(chat *c) {
    const char *path;
    options    *o = c->o;
    int         rc = name_model(o, &path);
    bool        given = false;
    if (rc >= 0) return rc;
    if (o->n_arg) return fail(EXIT_USAGE, "\"%s\" is not a model, and chat takes no prompt: type it, or pipe in one turn per line", o->arg[0]);
    if (isatty(STDIN_FILENO) && !isatty(STDOUT_FILENO) && !o->explain)
        return fail(EXIT_USAGE, "stdin is a terminal, stdout is not: chat has nobody to talk to (pipe in one turn per line)");
    if (!option_given(o, "-n")) o->n = -1;
    if ((rc = read_system(o, &c->talk.system, &given)) || (rc = chat_setting_read(o, &c->setting))) return rc;
    c->talk.has_system = given;
    if (o->explain) return (rc = explain_chat(c, path)) ? rc : CHAT_LEAVE;
    c->person = isatty(STDIN_FILENO);
    if (c->person) editor_begin();
    c->edits = c->person && term_open(); /* before the sandbox, which lets no pipe be made */
    confine_widely(o, true); /* /read, /load, /save and /model will name files, and what is typed goes into the history */
    const double t0 = clock_ms();
    if ((rc = chat_open(c, path))) return rc;
    c->load_ms = clock_ms() - t0;
    if (c->person && !o->quiet) chat_greet(c);
    return 0;
}

static int chat_main(options *o) {
    chat c = {.o = o};
    pool_init(&c.kept, 1 << 20);
    stop_init(o->timeout, "");
    int rc = begin(&c);
    if (!rc) rc = c.edits ? edit_lines(&c) : read_lines(&c);
    if (rc == CHAT_LEAVE) rc = 0;
    /* A person has seen the errors; what counts is how it ended. */
    if (c.person && c.s && rc < EXIT_TIMEOUT) rc = 0;
    close_both(&c);
    mem_free(c.path);
    chat_setting_free(&c.setting);
    talk_free(&c.talk);
    strbuf_free(&c.attached);
    pool_free(&c.kept);
    return out_end(rc);
}

const command cmd_chat = {
    .name = "chat",
    .brief = "a conversation, at a terminal or in a pipe",
    .usage = "[-m FILE] [FLAGS]",
    .examples = "  slm chat -m model.gguf\n"
                "  slm chat -m model.gguf --system \"Answer in French.\" -c 16384\n"
                "  printf '%s\\n' \"My name is Ann.\" \"What is my name?\" | slm chat -m model.gguf\n",
    .notes = "At a terminal: the keys of readline (Ctrl-A -E -B -F, Alt-B -F -D, Ctrl-K -U -W -Y -T -R, the arrows),\n"
             "history in $XDG_STATE_HOME/slm/history.  \"\"\" opens a block of lines and closes it, \\ at the end\n"
             "of a line goes on with the next, Alt-Enter begins one, and what is pasted is one message.\n"
             "Ctrl-C stops the answer and keeps what came; Ctrl-D, or Ctrl-C twice on an empty line, leaves.\n"
             "/help lists the commands, such as /regen, /undo, /save FILE and /model FILE.  What begins with\n"
             "/ and a letter is never a message; a space before it makes it one.\n"
             "\n"
             "In a pipe every line is a turn and every answer ends in a newline; commands and \"\"\" work too.\n"
             "The first error ends it.\n"
             "\n"
             "Exit status: 0 left, 1 cannot run, 2 usage, 3 an answer was cut by the context, 4 the\n"
             "conversation is longer than the context (3 and 4 only in a pipe), 6 not enough memory, 124 timeout,\n"
             "130 and 143 stopped by a signal.\n",
    .main = chat_main,
};
