/* talk.c - a conversation: its turns, and its file.
 *
 * The file is JSON Lines as other tools have them: {"role":"user","content":".."}; a system message is
 * the first line or none. */
#include "talk.h"
#include "../json.h"
#include "../limits.h"
#include <errno.h>
#include <string.h>

bool talk_add(talk *t, bool by_model, str text) {
    talk_turn *more = mem_resize(t->turn, t->n + 1, sizeof *more);
    if (!more) return false;
    t->turn = more;
    t->turn[t->n] = (talk_turn){.by_model = by_model};
    strbuf_str(&t->turn[t->n].text, text);
    if (t->turn[t->n].text.bad) {
        strbuf_free(&t->turn[t->n].text);
        return false;
    }
    t->n++;
    return true;
}

void talk_drop(talk *t, size_t n) {
    while (n-- && t->n) strbuf_free(&t->turn[--t->n].text);
}

/* The place of the user's last turn, or SIZE_MAX. */
static size_t last_said(const talk *t) {
    size_t i = t->n;
    while (i && t->turn[i - 1].by_model) i--;
    return i - 1;
}

bool talk_drop_exchange(talk *t) {
    const size_t i = last_said(t);
    if (i == SIZE_MAX) return false;
    talk_drop(t, t->n - i);
    return true;
}

str talk_last_said(const talk *t) {
    const size_t i = last_said(t);
    return i == SIZE_MAX ? (str){NULL, 0} : (str){t->turn[i].text.p, t->turn[i].text.n};
}

bool talk_set_system(talk *t, str text) {
    strbuf copy = {0};
    strbuf_str(&copy, text);
    if (copy.bad) {
        strbuf_free(&copy);
        return false;
    }
    strbuf_free(&t->system);
    t->system = copy;
    t->has_system = text.n > 0;
    return true;
}

void talk_free(talk *t) {
    talk_drop(t, t->n);
    mem_free(t->turn);
    strbuf_free(&t->system);
    *t = (talk){0};
}

static slm_message message_of(const char *role, const strbuf *text) { return (slm_message){role, text->p ? text->p : "", text->n}; }

slm_message *talk_messages(const talk *t, int *n) {
    slm_message *all = mem_zero(t->n + 1, sizeof *all);
    if (!all) return NULL;
    *n = 0;
    if (t->has_system) all[(*n)++] = message_of("system", &t->system);
    for (size_t i = 0; i < t->n; i++) all[(*n)++] = message_of(t->turn[i].by_model ? "assistant" : "user", &t->turn[i].text);
    return all;
}

/* ---- save ------------------------------------------------------------------ */

static void put_message(strbuf *b, const slm_message *m) {
    strbuf_fmt(b, "{\"role\":\"%s\",\"content\":", m->role);
    json_write_str(b, (str){m->content, m->len});
    strbuf_str(b, STR("}\n"));
}

int talk_save(const talk *t, const char *path) {
    int          n, rc = 0;
    strbuf       b = {0};
    slm_message *all = talk_messages(t, &n);
    for (int i = 0; all && i < n; i++) put_message(&b, &all[i]);
    const int e = !all || b.bad ? ENOMEM : replace_file(path, &b, true);
    if (e == ENOMEM) rc = fail(EXIT_MEMORY, "no memory to save the conversation");
    else if (e) rc = fail(EXIT_RUNTIME, "%s: cannot write: %s", path, strerror(e));
    strbuf_free(&b);
    mem_free(all);
    return rc;
}

/* ---- load ------------------------------------------------------------------ */

/* One message; false with err set where it is none. */
static bool load_line(talk *t, str text, slm_error *err) {
    pool p;
    pool_init(&p, 8 * text.n + 65536); /* a value takes 32 bytes and more, a text its own length */
    const json *v = json_parse(&p, text, err), *content = json_get(v, STR("content"));
    const str   role = json_str(json_get(v, STR("role"))), said = json_str(content);
    if (v && (json_type(v) != JSON_OBJ || json_type(content) != JSON_STR))
        err_set(err, SLM_ERR_FORMAT, "a message is {\"role\":\"..\",\"content\":\"..\"}");
    else if (v && str_is(role, "system")) {
        if (t->n || t->has_system) err_set(err, SLM_ERR_FORMAT, "a system message is the first line or none");
        else if (!talk_set_system(t, said)) err_memory(err, "a message", said.n);
    } else if (v && (str_is(role, "user") || str_is(role, "assistant"))) {
        if (!talk_add(t, str_is(role, "assistant"), said)) err_memory(err, "a message", said.n);
    } else if (v) err_set(err, SLM_ERR_FORMAT, "the role \"%.*s\" is not system, user or assistant", role.n < 40 ? (int)role.n : 40, role.p);
    pool_free(&p);
    return !err->code;
}

int talk_load(talk *t, const char *path) {
    strbuf    file = {0};
    talk      loaded = {0};
    slm_error err = {0};
    int       rc = read_all(path, &file);
    size_t    n_line = 0;
    for (size_t i = 0, end; !rc && !err.code && i < file.n; i = end + 1) {
        for (end = i; end < file.n && file.p[end] != '\n';) end++;
        str text = {file.p + i, end - i};
        if (text.n && text.p[text.n - 1] == '\r') text.n--;
        n_line++;
        if (text.n) load_line(&loaded, text, &err);
    }
    if (!rc && err.code) rc = fail(err.code == SLM_ERR_MEMORY ? EXIT_MEMORY : EXIT_RUNTIME, "%s: line %zu: %s", path, n_line, err.text);
    if (!rc && !loaded.n && !loaded.has_system) rc = fail(EXIT_RUNTIME, "%s: there is no message in it", path);
    if (rc) talk_free(&loaded);
    else {
        talk_free(t);
        *t = loaded;
    }
    strbuf_free(&file);
    return rc;
}
