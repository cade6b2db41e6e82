/* prompt.c - what the user gave, and what the model gets of it. */
#include "../json.h"
#include "../limits.h"
#include "cli.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int own_text(const options *o, strbuf *out) {
    if (o->prompt && o->n_arg)
        return fail(EXIT_USAGE, "the prompt is given twice: by -p and as \"%s\"", o->arg[0]);
    out->cap_bytes = PROMPT_MAX_BYTES;
    if (o->prompt) strbuf_str(out, str_of(o->prompt));
    for (int i = 0; i < o->n_arg; i++) {
        if (i) strbuf_char(out, ' ');
        strbuf_str(out, str_of(o->arg[i]));
    }
    return 0;
}

/* The input's last newlines end its last line and would make the blank line two. */
void combine_prompt(strbuf *out, str own, str input) {
    while (input.n && (input.p[input.n - 1] == '\n' || input.p[input.n - 1] == '\r')) input.n--;
    bool placed = false;
    for (size_t i = 0; i < own.n && !out->bad; i++) {
        if (own.p[i] == '{' && i + 1 < own.n && own.p[i + 1] == '}') {
            strbuf_str(out, input);
            placed = true;
            i++;
        } else strbuf_char(out, own.p[i]);
    }
    if (placed) return;
    out->n = 0;
    strbuf_str(out, input);
    strbuf_str(out, STR("\n\n"));
    strbuf_str(out, own);
}

int read_own_prompt(const options *o, strbuf *out) {
    int rc = own_text(o, out);
    if (rc) return rc;
    const size_t n_bad = make_utf8(out);
    if (n_bad) warn(o, "the prompt is not UTF-8: %zu broken sequence%s became U+FFFD", n_bad, n_bad > 1 ? "s" : "");
    return out->bad ? fail(EXIT_RUNTIME, "the prompt is longer than the limit of %u bytes", PROMPT_MAX_BYTES) : 0;
}

int read_prompt(const options *o, strbuf *out) {
    strbuf own = {0}, input = {0};
    bool   has_own = o->prompt || o->n_arg;
    int    rc = own_text(o, &own);
    if (!rc && (o->file || stdin_is_piped(o))) rc = read_all(o->file, &input);
    if (rc) goto done;
    if (!has_own && !input.n) {
        rc = fail(EXIT_USAGE, "no prompt: give it as arguments, by -p, by -f FILE or on stdin");
        goto done;
    }
    size_t n_bad = make_utf8(&input) + make_utf8(&own);
    if (n_bad)
        warn(o, "the prompt is not UTF-8: %zu broken sequence%s became U+FFFD", n_bad, n_bad > 1 ? "s" : "");
    out->cap_bytes = PROMPT_MAX_BYTES;
    if (has_own && input.n) combine_prompt(out, (str){own.p, own.n}, (str){input.p, input.n});
    else strbuf_put(out, has_own ? own.p : input.p, has_own ? own.n : input.n);
    if (out->bad || own.bad || input.bad) rc = too_long(out->bad ? out : own.bad ? &own : &input, "the prompt");
done:
    strbuf_free(&own);
    strbuf_free(&input);
    return rc;
}

/* ---- what templates are told ------------------------------------------------ */

/* A whole number of seconds, or a usage error. */
static int read_epoch(const char *name, const char *text, int64_t *out) {
    double x;
    if (!is_number(text, &x) || strpbrk(text, ".eE")) return fail(EXIT_USAGE, "%s: \"%s\" is not a whole number of seconds", name, text);
    if (x < -1e15 || x > 1e15) return fail(EXIT_USAGE, "%s: %s is out of range (-1e15 to 1e15)", name, text);
    *out = strtoll(text, NULL, 10);
    return 0;
}

/* --now, --date (noon, so that no time zone moves the day), SOURCE_DATE_EPOCH, the clock. */
int read_now(const options *o, int64_t *out) {
    const char *env = getenv("SOURCE_DATE_EPOCH");
    if (o->now) return read_epoch("--now", o->now, out);
    if (o->date) {
        const char *d = o->date;
        bool        good = strlen(d) == 10 && d[4] == '-' && d[7] == '-';
        for (int i = 0; good && i < 10; i++) good = i == 4 || i == 7 || (d[i] >= '0' && d[i] <= '9');
        const int y = good ? atoi(d) : 0, m = good ? atoi(d + 5) : 0, k = good ? atoi(d + 8) : 0;
        struct tm x = {.tm_year = y - 1900, .tm_mon = m - 1, .tm_mday = k, .tm_hour = 12, .tm_isdst = -1};
        const time_t t = good ? mktime(&x) : 0;
        if (!good || x.tm_mon != m - 1 || x.tm_mday != k) return fail(EXIT_USAGE, "--date: \"%s\" is not a date (YYYY-MM-DD)", d);
        *out = t;
        return 0;
    }
    if (env && *env) return read_epoch("SOURCE_DATE_EPOCH", env, out);
    *out = time(NULL);
    return 0;
}

/* k=v: v is JSON where it reads as JSON (true, 3, "text"), else it is the text itself. */
int add_vars(const options *o, pool *p, json *vars) {
    for (int i = 0; i < o->n_var; i++) {
        const char *eq = strchr(o->var[i], '=');
        if (!eq || eq == o->var[i]) return fail(EXIT_USAGE, "--template-var: \"%s\" is not name=value", o->var[i]);
        json *v = json_parse(p, str_of(eq + 1), NULL);
        if (!v) v = json_new_str(p, str_of(eq + 1));
        if (!json_set(p, vars, (str){o->var[i], (size_t)(eq - o->var[i])}, v)) return fail(EXIT_MEMORY, "no memory for the variables");
    }
    return 0;
}

/* ---- through the template ---------------------------------------------------- */

/* --template: a built-in's name stays a name, a file is read into *room. */
static int find_template(const options *o, strbuf *room, const char **text) {
    *text = o->template_name;
    if (!o->template_name) return 0;
    for (int i = 0; slm_template_name(i); i++)
        if (!strcmp(slm_template_name(i), o->template_name)) return 0;
    if (!strchr(o->template_name, '/') && access(o->template_name, F_OK)) {
        strbuf names = {0};
        for (int i = 0; slm_template_name(i); i++) strbuf_fmt(&names, " %s", slm_template_name(i));
        int rc = fail(EXIT_USAGE, "--template: \"%s\" is neither a file nor one of:%.*s", o->template_name, (int)names.n, names.n ? names.p : "");
        strbuf_free(&names);
        return rc;
    }
    int rc = read_all(o->template_name, room);
    strbuf_char(room, 0);
    *text = room->p;
    return rc ? rc : room->bad ? fail(EXIT_MEMORY, "no memory for the template") : 0;
}

/* --template-var as the text of an object; nothing when there is none. */
static int vars_text(const options *o, strbuf *out) {
    pool p;
    if (!o->n_var) return 0;
    pool_init(&p, PROMPT_MAX_BYTES);
    json *vars = json_new(&p, JSON_OBJ);
    int   rc = add_vars(o, &p, vars);
    json_write(out, vars);
    strbuf_char(out, 0);
    pool_free(&p);
    return rc ? rc : out->bad ? fail(EXIT_MEMORY, "no memory for the variables") : 0;
}

int chat_setting_read(const options *o, chat_setting *c) {
    *c = (chat_setting){.co = slm_chat_defaults()};
    int rc = find_template(o, &c->source, &c->co.template_text);
    if (!rc) rc = read_now(o, &c->co.now);
    if (!rc) rc = vars_text(o, &c->vars);
    c->co.vars = c->vars.p;
    return rc;
}

void chat_setting_free(chat_setting *c) {
    strbuf_free(&c->vars);
    strbuf_free(&c->source);
}

int read_system(const options *o, strbuf *out, bool *given) {
    int rc = 0;
    *given = o->system || o->system_file;
    if (o->system_file) rc = read_all(o->system_file, out);
    else if (o->system) strbuf_str(out, str_of(o->system));
    if (rc) return rc;
    size_t n_bad = make_utf8(out);
    if (n_bad) warn(o, "the system message is not UTF-8: %zu broken sequence%s became U+FFFD", n_bad, n_bad > 1 ? "s" : "");
    return out->bad ? fail(EXIT_MEMORY, "no memory for the system message") : 0;
}

int chat_prompt(const options *o, const slm_model *m, chat_setting *c, const slm_message *msgs, int n, slm_prompt *out) {
    const bool has_raw = option_of_command(o, "--raw");
    slm_error  err = {0};
    c->co.think = o->think;
    c->co.special = o->special;
    if (slm_chat_prompt(m, msgs, n, &c->co, out, &err)) {
        const char *hint = err.code != SLM_ERR_FORMAT ? "" : has_raw ? " (--raw: without a template; --template NAME: another)" : " (--template NAME: another)";
        const int   room = (int)(sizeof err.text - strlen(hint) - 8);
        return *hint ? fail(EXIT_RUNTIME, "%.*s%s", room, err.text, hint) : fail_status(&err);
    }
    if (out->template_name && !o->template_name && !c->warned)
        warn(o, "the model has no chat template: using the built-in %s, whose marks its vocabulary has%s", out->template_name,
             has_raw ? " (--raw: none)" : "");
    c->warned = true;
    return 0;
}

int prompt_form_read(const options *o, const slm_model *m, prompt_form *f) {
    *f = (prompt_form){.raw = o->raw || (!o->template_name && !slm_model_chats(m))};
    if (f->raw && (o->system || o->system_file)) warn(o, "the system message is not used: there is no chat template here");
    if (f->raw) return 0;
    const int rc = read_system(o, &f->system, &f->has_system);
    return rc ? rc : chat_setting_read(o, &f->setting);
}

void prompt_form_free(prompt_form *f) {
    chat_setting_free(&f->setting);
    strbuf_free(&f->system);
}

int prompt_form_fill(const options *o, const slm_model *m, prompt_form *f, str text, slm_prompt *out) {
    slm_message msgs[2];
    slm_error   err = {0};
    int         n = 0;
    if (f->raw) return slm_tokenize(m, text.p ? text.p : "", text.n, token_flags(o), &out->ids, &out->n_ids, &err) ? fail_status(&err) : 0;
    if (f->has_system) msgs[n++] = (slm_message){"system", f->system.p ? f->system.p : "", f->system.n};
    msgs[n++] = (slm_message){"user", text.p ? text.p : "", text.n};
    return chat_prompt(o, m, &f->setting, msgs, n, out);
}

int make_prompt(const options *o, const slm_model *m, const strbuf *text, slm_prompt *out) {
    prompt_form f;
    int         rc = prompt_form_read(o, m, &f);
    if (!rc) rc = prompt_form_fill(o, m, &f, (str){text->p, text->n}, out);
    prompt_form_free(&f);
    return rc;
}
