/* slash.c - the commands of `slm chat`: lines that begin with / and a letter.
 *
 * What they tell goes to stderr, also in a pipe: stdout is for answers. */
#include "../json.h"
#include "talk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...) {
    char    text[1024];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0) err_put(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static void say_text(str text) {
    err_put(text.p, text.n);
    if (text.n && text.p[text.n - 1] != '\n') err_put("\n", 1);
}

/* A NUL ended copy that lives as long as the chat; NULL, with a line said, when there is no memory. */
static const char *keep(chat *c, str text) {
    char *z = pool_take(&c->kept, text.n + 1, 1);
    if (z && text.n) memcpy(z, text.p, text.n);
    if (!z) fail(EXIT_MEMORY, "no memory for \"%.*s\"", text.n < 40 ? (int)text.n : 40, text.p);
    return z;
}

/* File names are handed to the system, which takes no view. */
static int copy_path(char to[PATH_BYTES], str arg) {
    strbuf whole = {0};
    put_path(&whole, arg);
    int rc = whole.bad ? fail(EXIT_MEMORY, "no memory for a file name") : 0;
    if (!rc && (whole.n >= PATH_BYTES || memchr(arg.p, 0, arg.n))) rc = fail(EXIT_USAGE, "\"%.40s..\" is no file name", arg.p);
    if (!rc) {
        memcpy(to, whole.p, whole.n);
        to[whole.n] = 0;
    }
    strbuf_free(&whole);
    return rc;
}

/* The same for a file to be read: stdin is what the chat itself hears. */
static int copy_input_path(char to[PATH_BYTES], str arg) {
    const int rc = copy_path(to, arg);
    return !rc && names_stdin(to) ? fail(EXIT_USAGE, "\"%s\" is where the chat comes from, no file", to) : rc;
}

static str first_word(str *rest) {
    str word = *rest;
    word.n = 0;
    while (word.n < rest->n && !strchr(" \t\n", rest->p[word.n])) word.n++;
    rest->p += word.n;
    rest->n -= word.n;
    while (rest->n && strchr(" \t\n", rest->p[0])) rest->p++, rest->n--;
    return word;
}

/* ---- the conversation ------------------------------------------------------- */

static int do_bye(chat *c, str arg) {
    (void)c, (void)arg;
    return CHAT_LEAVE;
}

static int do_clear(chat *c, str arg) {
    (void)arg;
    talk_drop(&c->talk, c->talk.n);
    strbuf_free(&c->attached);
    slm_session_rewind(c->s, 0);
    return 0;
}

static int do_undo(chat *c, str arg) {
    (void)arg;
    if (!talk_drop_exchange(&c->talk)) return fail(EXIT_USAGE, "/undo: nothing was said yet");
    return 0;
}

/* An answer that does not come leaves the old one. */
static int do_regen(chat *c, str arg) {
    (void)arg;
    talk  *t = &c->talk;
    strbuf old = {0};
    if (!t->n || !talk_last_said(t).p) return fail(EXIT_USAGE, "/regen: nothing was said yet");
    const bool had = t->turn[t->n - 1].by_model;
    const str  said = talk_last_said(t);
    strbuf     again = {0};
    if (had) strbuf_put(&old, t->turn[t->n - 1].text.p, t->turn[t->n - 1].text.n);
    strbuf_str(&again, said);
    int rc = old.bad || again.bad ? fail(EXIT_MEMORY, "no memory for the conversation") : 0;
    if (!rc) {
        const size_t n = t->n - had;
        talk_drop(t, had);
        rc = chat_answer(c);
        if (t->n < n) {
            const bool back = talk_add(t, false, (str){again.p, again.n}) && (!had || talk_add(t, true, (str){old.p, old.n}));
            if (!back) rc = fail(EXIT_MEMORY, "no memory for the conversation");
        }
    }
    strbuf_free(&old);
    strbuf_free(&again);
    return rc;
}

/* What the user made of the last message takes its place; as long as nothing was changed, nothing is. */
static int edit_last(chat *c) {
    const str last = talk_last_said(&c->talk);
    strbuf    text = {0};
    strbuf_str(&text, last);
    stop_gently(STOP_CALMLY); /* Ctrl-C is the editor's */
    int rc = text.bad ? fail(EXIT_MEMORY, "no memory for the message") : edit_outside(&text);
    stop_forget();
    if (!c->edits) stop_gently(STOP_AT_ONCE);
    if (!rc && (!text.n || str_eq((str){text.p, text.n}, last))) note("nothing was changed: nothing is sent");
    else if (!rc) {
        talk_drop_exchange(&c->talk);
        rc = talk_add(&c->talk, false, (str){text.p, text.n}) ? chat_answer(c) : fail(EXIT_MEMORY, "no memory for the conversation");
    }
    strbuf_free(&text);
    return rc;
}

static int do_edit(chat *c, str arg) {
    (void)arg;
    if (!c->edits && !(c->person && editor_is_chosen())) return fail(EXIT_USAGE, "/edit needs a terminal with a line editor");
    if (!talk_last_said(&c->talk).p) return fail(EXIT_USAGE, "/edit: nothing was said yet");
    if (editor_is_chosen()) return edit_last(c);
    c->reopens = true;
    return 0;
}

static int do_system(chat *c, str arg) {
    if (!talk_set_system(&c->talk, arg)) return fail(EXIT_MEMORY, "no memory for the system message");
    return 0;
}

static int do_read(chat *c, str arg) {
    char   path[PATH_BYTES];
    strbuf text = {0};
    int    rc = copy_input_path(path, arg);
    if (!rc) rc = read_all(path, &text);
    if (!rc) {
        const size_t n_bad = make_utf8(&text);
        if (n_bad) warn(c->o, "%s is not UTF-8: %zu broken sequence%s became U+FFFD", path, n_bad, n_bad > 1 ? "s" : "");
        if (c->attached.n) strbuf_str(&c->attached, STR("\n\n"));
        while (text.n && text.p[text.n - 1] == '\n') text.n--;
        strbuf_put(&c->attached, text.p, text.n);
        if (text.bad || c->attached.bad) rc = fail(EXIT_MEMORY, "no memory for %s", path);
        else if (c->person) note("%s: %zu bytes go before the next message", path, text.n);
    }
    strbuf_free(&text);
    return rc;
}

static int do_save(chat *c, str arg) {
    char path[PATH_BYTES];
    int  rc = copy_path(path, arg);
    if (!rc) rc = talk_save(&c->talk, path);
    if (!rc && c->person) note("%s: %zu messages saved", path, c->talk.n + c->talk.has_system);
    return rc;
}

static int do_load(chat *c, str arg) {
    char path[PATH_BYTES];
    int  rc = copy_input_path(path, arg);
    if (!rc) rc = talk_load(&c->talk, path);
    if (!rc && c->person) note("%s: %zu messages loaded", path, c->talk.n + c->talk.has_system);
    return rc;
}

/* ---- settings ---------------------------------------------------------------- */

/* The flags that /set knows, as words without dashes; the row whose name is asked for. */
static struct {
    strbuf words;
    str    name;
    char   flag[40];
} settable;

static void see_flag(const option_help *h) {
    static const char *const others[] = {"--predict", "--stop", "--think", "--show-thinking"};
    bool                     is = !strcmp(h->group, "Sampling") && h->arg;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) is = is || strstr(h->names, others[i]);
    for (const char *p = h->names; is && *p;) {
        const size_t n = strcspn(p, " "), dash = strspn(p, "-");
        const str    bare = {p + dash, n - dash};
        strbuf_char(&settable.words, ' ');
        strbuf_str(&settable.words, bare);
        if (str_eq(bare, settable.name)) snprintf(settable.flag, sizeof settable.flag, "%.*s", (int)n, p);
        p += n + (p[n] == ' ');
    }
}

static int unknown_setting(str name) {
    strbuf_char(&settable.words, 0);
    const str near = settable.words.bad ? (str){"", 0} : nearest_word(settable.words.p, name);
    const int shown = name.n < 40 ? (int)name.n : 40;
    if (near.n) return fail(EXIT_USAGE, "/set: \"%.*s\" is not a setting; did you mean %.*s?", shown, name.p, (int)near.n, near.p);
    return fail(EXIT_USAGE, "/set: \"%.*s\" is not a setting; there are:%s", shown, name.p, settable.words.bad ? "" : settable.words.p);
}

static void show_defaults(const chat *c) {
    static const char *const thinks[] = {"auto", "on", "off"};
    const slm_sampling      *p = &c->sampling;
    say("temp %g\ntop-k %d\ntop-p %g\nmin-p %g\ntypical %g\n", (double)p->temperature, p->top_k, (double)p->top_p, (double)p->min_p, (double)p->typical_p);
    say("repeat-penalty %g\nrepeat-last-n %d\npresence-penalty %g\nfrequency-penalty %g\n", (double)p->repeat_penalty, p->repeat_last_n,
        (double)p->presence_penalty, (double)p->frequency_penalty);
    say("top-nsigma %g\nxtc-probability %g\nxtc-threshold %g\ndry-multiplier %g\nmirostat %d\n", (double)p->top_n_sigma, (double)p->xtc_probability,
        (double)p->xtc_threshold, (double)p->dry_multiplier, p->mirostat);
    say("seed %llu\nn %d\n", (unsigned long long)p->seed, c->o->n);
    if (c->o->think_budget >= 0) say("think %d\n", c->o->think_budget);
    else say("think %s\n", thinks[c->o->think]);
    for (int i = 0; i < c->o->n_stop; i++) say("stop %s\n", c->o->stop[i]);
}

static int do_set(chat *c, str arg) {
    const str name = first_word(&arg);
    if (!name.n) {
        show_defaults(c);
        return 0;
    }
    settable.name = name;
    settable.flag[0] = 0;
    options_list(c->o->cmd, see_flag);
    int         rc = *settable.flag ? 0 : unknown_setting(name);
    const char *value = NULL;
    strbuf_free(&settable.words);
    if (!rc && !arg.n) rc = fail(EXIT_USAGE, "/set %.*s needs a value", (int)name.n, name.p);
    if (!rc && !(value = keep(c, arg))) rc = EXIT_MEMORY;
    if (rc) return rc;
    const options before = *c->o;
    if ((rc = option_set(c->o, settable.flag, value)) < 0) rc = chat_set_sampling(c);
    if (rc) *c->o = before; /* a rule that this model has no token for */
    return rc;
}

static int do_think(chat *c, str arg) {
    const char *value = keep(c, arg);
    const int   rc = value ? option_set(c->o, "--think", value) : EXIT_MEMORY;
    return rc < 0 ? 0 : rc;
}

static void say_model(const chat *c) {
    slm_model_info info;
    slm_model_describe(c->m, &info);
    say("%s (%s, %s, %.1f M parameters), context %d\n", *info.name ? info.name : c->path, info.arch, info.quant, (double)info.n_params * 1e-6,
        slm_session_n_ctx(c->s));
}

static int do_model(chat *c, str arg) {
    if (!arg.n) {
        say_model(c);
        return 0;
    }
    char         text[PATH_BYTES];
    const char  *path;
    int          rc = copy_path(text, arg);
    const double t0 = clock_ms();
    if (rc || (rc = find_model(text, &path)) >= 0) return rc;
    c->o->unnamed = false;
    if (c->person) stop_gently(STOP_CALMLY);
    rc = chat_open(c, path);
    if (rc == 130 && c->person) rc = fail(EXIT_RUNTIME, "stopped: the model stays what it was");
    if (c->person) stop_forget();
    if (stop_code()) rc = stop_code();
    if (!c->edits) stop_gently(STOP_AT_ONCE);
    if (!rc) c->load_ms = clock_ms() - t0;
    if (!rc && c->person) say_model(c);
    return rc;
}

/* ---- looking ------------------------------------------------------------------ */

static void show_conversation(const chat *c) {
    int          n;
    slm_message *all = talk_messages(&c->talk, &n);
    say_model(c);
    for (int i = 0; all && i < n; i++) {
        say("%s: ", all[i].role);
        say_text((str){all[i].content, all[i].len});
    }
    mem_free(all);
}

static int show_prompt(chat *c, bool tokens) {
    slm_prompt prompt = {0};
    int        rc = chat_prompt_now(c, &prompt);
    if (rc) return rc;
    if (!tokens) say_text((str){prompt.text, prompt.len});
    for (int i = 0; tokens && i < prompt.n_ids; i++) {
        size_t      n = 0;
        const char *p = slm_token_bytes(c->m, prompt.ids[i], &n);
        strbuf      b = {0};
        strbuf_fmt(&b, "%d\t", prompt.ids[i]);
        json_write_str(&b, (str){p, n});
        if (!b.bad) say_text((str){b.p, b.n});
        strbuf_free(&b);
    }
    if (tokens) say("%d tokens, context %d\n", prompt.n_ids, slm_session_n_ctx(c->s));
    slm_prompt_free(&prompt);
    return 0;
}

static int show_memory(const chat *c) {
    slm_session_options so = c->so;
    slm_memory          plan = {0};
    slm_error           err = {0};
    char                text[5][32];
    so.n_room = slm_session_n_room(c->s);
    if (slm_memory_plan(c->m, &so, &plan, &err)) return fail_status(&err);
    say("weights %s\ncache %s for %d tokens; %d of %d tokens used\nwork %s\nall %s\npeak of the process %s\n",
        human_bytes(plan.weights, text[0]), human_bytes(plan.kv, text[1]), plan.n_ctx, slm_session_pos(c->s), slm_session_n_ctx(c->s),
        human_bytes(plan.work, text[2]), human_bytes(plan.total, text[3]), human_bytes(peak_rss_bytes(), text[4]));
    return 0;
}

static bool see_template(void *ud, uint64_t k, const slm_value *v) {
    (void)ud, (void)k;
    if (v->kind == SLM_VALUE_TEXT) say_text((str){v->text, v->len});
    return false;
}

static int show_template(const chat *c) {
    const char *own = c->setting.co.template_text;
    slm_file   *f = NULL;
    slm_error   err = {0};
    slm_meta    meta;
    bool        found = false;
    if (own) {
        if (!c->setting.source.n) say("the built-in %s\n", own);
        else say_text(str_of(own));
        return 0;
    }
    if (slm_file_open(&f, c->path, &err)) return fail_status(&err);
    for (size_t i = 0; !found && slm_file_meta(f, i, &meta); i++) {
        found = str_is((str){meta.key, meta.key_len}, "tokenizer.chat_template");
        if (found) slm_file_values(f, i, see_template, NULL);
    }
    if (!found) say("the file has none: a built-in one, whose marks its vocabulary has\n");
    slm_file_close(f);
    return 0;
}

static int do_show(chat *c, str arg) {
    static const char words[] = "defaults prompt tokens mem template";
    if (!arg.n) show_conversation(c);
    else if (str_is(arg, "defaults")) show_defaults(c);
    else if (str_is(arg, "prompt")) return show_prompt(c, false);
    else if (str_is(arg, "tokens")) return show_prompt(c, true);
    else if (str_is(arg, "mem")) return show_memory(c);
    else if (str_is(arg, "template")) return show_template(c);
    else return fail(EXIT_USAGE, "/show: \"%.*s\" is not one of: %s", arg.n < 40 ? (int)arg.n : 40, arg.p, words);
    return 0;
}

static int do_stats(chat *c, str arg) {
    (void)arg;
    const int pos = slm_session_pos(c->s), n_ctx = slm_session_n_ctx(c->s);
    if (c->n_answers) stats_note(&c->last);
    note("all %d answers: %lld tokens of prompts reused, %lld evaluated, %lld generated", c->n_answers, c->n_reused, c->n_evaluated, c->n_generated);
    note("context: %d of %d tokens used (%.0f %%)", pos, n_ctx, 100.0 * pos / n_ctx);
    return 0;
}

/* ---- the table ----------------------------------------------------------------- */

static int do_help(chat *c, str arg);

typedef enum { ARG_NONE, ARG_MAY, ARG_MUST } takes;

static const struct {
    const char *name, *arg;
    takes       takes;
    int       (*run)(chat *c, str arg);
    const char *help;
} commands[] = {
    {"help", "", ARG_NONE, do_help, "this list"},
    {"bye", "", ARG_NONE, do_bye, "leave; also /exit, /quit, Ctrl-D"},
    {"exit", NULL, ARG_NONE, do_bye, NULL},
    {"quit", NULL, ARG_NONE, do_bye, NULL},
    {"clear", "", ARG_NONE, do_clear, "forget the conversation; the system message stays"},
    {"regen", "", ARG_NONE, do_regen, "answer the last message again"},
    {"undo", "", ARG_NONE, do_undo, "take back the last message and its answer"},
    {"edit", "", ARG_NONE, do_edit, "change the last message (in $EDITOR, if set), send it again"},
    {"system", "[TEXT]", ARG_MAY, do_system, "another system message, or none"},
    {"set", "[NAME VALUE]", ARG_MAY, do_set, "a setting, as the flag of its name; alone: what is in force"},
    {"think", "on|off|auto|N", ARG_MUST, do_think, "thinking, or at most N tokens of it"},
    {"read", "FILE", ARG_MUST, do_read, "the file's text goes before the next message"},
    {"save", "FILE", ARG_MUST, do_save, "the conversation as JSON Lines"},
    {"load", "FILE", ARG_MUST, do_load, "another conversation instead of this one"},
    {"show", "[defaults|prompt|tokens|mem|template]", ARG_MAY, do_show, "settings, what the model sees, memory; alone: the conversation"},
    {"stats", "", ARG_NONE, do_stats, "times of the last answer, tokens reused, context used"},
    {"model", "[NAME]", ARG_MAY, do_model, "another model goes on with the conversation"},
};

static int do_help(chat *c, str arg) {
    (void)c, (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        char left[64];
        if (!commands[i].help) continue;
        snprintf(left, sizeof left, "/%s %s", commands[i].name, commands[i].arg);
        say(strlen(left) > 22 ? "%s\n%24s%s\n" : "%-22s%2s%s\n", left, "", commands[i].help);
    }
    say("\"\"\" opens and closes a message of several lines; \\ at a line's end goes on.\n");
    return 0;
}

void chat_greet(const chat *c) {
    say_model(c);
    say("/help lists the commands, Ctrl-D leaves\n");
}

bool is_command(str line) { return line.n > 1 && line.p[0] == '/' && ((line.p[1] | 32) >= 'a' && (line.p[1] | 32) <= 'z'); }

static int unknown(str name) {
    strbuf    words = {0};
    const int shown = name.n < 40 ? (int)name.n : 40;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) strbuf_fmt(&words, "%s ", commands[i].name);
    strbuf_char(&words, 0);
    const str near = words.bad ? (str){"", 0} : nearest_word(words.p, name);
    if (near.n) fail(EXIT_USAGE, "\"/%.*s\" is not a command; did you mean /%.*s?", shown, name.p, (int)near.n, near.p);
    else fail(EXIT_USAGE, "\"/%.*s\" is not a command: /help lists them, and a space before it makes it a message", shown, name.p);
    strbuf_free(&words);
    return EXIT_USAGE;
}

int chat_command(chat *c, str line) {
    str       rest = {line.p + 1, line.n - 1};
    const str name = first_word(&rest);
    while (rest.n && strchr(" \t\n", rest.p[rest.n - 1])) rest.n--;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (!str_is(name, commands[i].name)) continue;
        if (commands[i].takes == ARG_NONE && rest.n) return fail(EXIT_USAGE, "/%s takes no argument", commands[i].name);
        if (commands[i].takes == ARG_MUST && !rest.n) return fail(EXIT_USAGE, "/%s needs: %s", commands[i].name, commands[i].arg);
        return commands[i].run(c, rest);
    }
    return unknown(name);
}
