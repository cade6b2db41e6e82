/* chat.c - the variables that templates expect, thinking switched on or off, and built-in templates. */
#include "chat.h"
#include "limits.h"
#include <string.h>

/* ---- built-in templates ----------------------------------------------------------
 * Written for this program in the turn formats that the model families' own documents describe. */

static const struct {
    const char *name;
    const char *mark; /* a control token that only vocabularies of the family have; NULL: never guessed */
    const char *source;
} builtins[] = {
    {"chatml", "<|im_start|>",
     "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
     "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"},
    {"llama3", "<|start_header_id|>",
     "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
     "{{ m.content | trim }}<|eot_id|>{% endfor %}"
     "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"},
    {"phi3", "<|assistant|>",
     "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
     "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"},
    {"gemma", "<start_of_turn>",
     "{{ bos_token }}{% set ns = namespace(first='') %}{% for m in messages %}"
     "{% if m.role == 'system' %}{% set ns.first = ns.first + m.content + '\n\n' %}{% else %}"
     "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
     "{% if m.role == 'user' %}{{ ns.first }}{% set ns.first = '' %}{% endif %}{{ m.content | trim }}<end_of_turn>\n"
     "{% endif %}{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"},
    {"deepseek-r1", "<\xef\xbd\x9c" "Assistant\xef\xbd\x9c>",
     "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% elif m.role == 'user' %}"
     "<\xef\xbd\x9cUser\xef\xbd\x9c>{{ m.content }}{% else %}"
     "<\xef\xbd\x9c" "Assistant\xef\xbd\x9c>{{ m.content.split('</think>')[-1] }}{{ eos_token }}{% endif %}{% endfor %}"
     "{% if add_generation_prompt %}<\xef\xbd\x9c" "Assistant\xef\xbd\x9c><think>\n{% endif %}"},
    {"mistral", "[INST]",
     "{{ bos_token }}{% set ns = namespace(first='') %}{% for m in messages %}"
     "{% if m.role == 'system' %}{% set ns.first = m.content + '\n\n' %}"
     "{% elif m.role == 'user' %}[INST] {{ ns.first }}{% set ns.first = '' %}{{ m.content }} [/INST]"
     "{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"},
    {"llama2", NULL,
     "{% set ns = namespace(first='') %}{% for m in messages %}"
     "{% if m.role == 'system' %}{% set ns.first = '<<SYS>>\n' + m.content + '\n<</SYS>>\n\n' %}"
     "{% elif m.role == 'user' %}{{ bos_token }}[INST] {{ ns.first }}{% set ns.first = '' %}{{ m.content | trim }} [/INST]"
     "{% else %} {{ m.content | trim }} {{ eos_token }}{% endif %}{% endfor %}"},
    {"zephyr", NULL,
     "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
     "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"},
};

const char *chat_builtin(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(builtins); i++)
        if (!strcmp(builtins[i].name, name)) return builtins[i].source;
    return NULL;
}

const char *chat_builtin_name(int i) { return i >= 0 && (size_t)i < ARRAY_LEN(builtins) ? builtins[i].name : NULL; }

const char *chat_guess(const tokenizer *t) {
    for (size_t i = 0; i < ARRAY_LEN(builtins); i++)
        if (builtins[i].mark && tok_find_control(t, str_of(builtins[i].mark)) >= 0) return builtins[i].name;
    return NULL;
}

/* ---- thinking -------------------------------------------------------------------- */

static bool contains(str text, str what) {
    for (size_t i = 0; i + what.n <= text.n; i++)
        if (!memcmp(text.p + i, what.p, what.n)) return true;
    return false;
}

/* Does the template's own text end in `tail`?  White space behind it does not count, and neither
 * does a tail that some message wrote, unless `special`. */
static bool ends_with(const chat_prompt *out, str tail, bool special) {
    size_t n = out->text.n;
    while (n && (out->text.p[n - 1] == '\n' || out->text.p[n - 1] == ' ')) n--;
    if (n < tail.n || memcmp(out->text.p + n - tail.n, tail.p, tail.n)) return false;
    return special || !memchr(out->trust.p + n - tail.n, 0, tail.n);
}

/* The messages with "/no_think" in the system text, for templates that look for it there. */
static const json *with_no_think(pool *p, const json *messages) {
    const str word = STR("/no_think");
    json     *all = json_new(p, JSON_ARR);
    size_t    i = 0;
    str       text = word;
    if (str_is(json_str(json_get(json_at(messages, 0), STR("role"))), "system")) {
        const str old = json_str(json_get(json_at(messages, 0), STR("content")));
        char     *both = pool_take(p, old.n + 1 + word.n, 1);
        if (!both) return NULL;
        memcpy(both, old.p, old.n);
        both[old.n] = '\n';
        memcpy(both + old.n + 1, word.p, word.n);
        text = (str){both, old.n + 1 + word.n};
        i = 1;
    }
    json *first = json_new(p, JSON_OBJ);
    bool  ok = json_set(p, first, STR("role"), json_new_str(p, STR("system")));
    ok = json_set(p, first, STR("content"), json_new_str(p, text)) && ok;
    ok = json_push(p, all, first) && ok;
    for (; i < json_len(messages); i++) ok = json_push(p, all, (json *)(uintptr_t)json_at(messages, i)) && ok;
    return ok ? all : NULL;
}

static void append(chat_prompt *out, str text) {
    strbuf_str(&out->text, text);
    for (size_t i = 0; i < text.n; i++) strbuf_char(&out->trust, 1);
}

/* How a template lets thinking be switched off: by a variable, by a word in the system text, not at all. */
typedef enum { SWITCH_NONE, SWITCH_VARIABLE, SWITCH_WORD } think_switch;

static think_switch switch_of(const template_ *t, str source) {
    if (template_mentions(t, "enable_thinking") || template_mentions(t, "thinking")) return SWITCH_VARIABLE;
    return contains(source, STR("/no_think")) ? SWITCH_WORD : SWITCH_NONE;
}

/* After rendering: where the model would think and shall not, the thinking is closed for it. */
static void close_thinking(chat_prompt *out, const tokenizer *t, const chat_options *o, think_switch by) {
    const str text = {out->text.p, out->text.n};
    out->in_thinking = ends_with(out, STR("<think>"), o->special);
    if (o->think != SLM_THINK_OFF) return;
    const bool thinks = contains(o->source, STR("<think>")) || tok_find_control(t, STR("<think>")) >= 0;
    if (out->in_thinking) append(out, text.p[text.n - 1] == '\n' ? STR("\n</think>\n\n") : STR("\n\n</think>\n\n"));
    else if (by == SWITCH_NONE && thinks) append(out, STR("<think>\n\n</think>\n\n"));
    out->in_thinking = false;
}

/* ---- prompt ---------------------------------------------------------------------- */

static bool set_token(pool *p, json *vars, const char *name, const tokenizer *t, int32_t id) {
    return id < 0 || json_set(p, vars, str_of(name), json_new_str(p, tok_bytes(t, id)));
}

/* What transformers hands to a template; the caller's own variables win. */
static json *variables(pool *p, const tokenizer *t, const json *messages, const chat_options *o) {
    json *v = json_new(p, JSON_OBJ);
    bool  ok = json_set(p, v, STR("messages"), (json *)(uintptr_t)messages);
    ok = json_set(p, v, STR("tools"), json_new(p, JSON_NULL)) && ok;
    ok = json_set(p, v, STR("documents"), json_new(p, JSON_NULL)) && ok;
    ok = json_set(p, v, STR("add_generation_prompt"), json_new_bool(p, true)) && ok;
    ok = set_token(p, v, "bos_token", t, tok_bos(t)) && set_token(p, v, "eos_token", t, tok_eos(t)) && ok;
    if (o->think != SLM_THINK_AUTO) {
        ok = json_set(p, v, STR("enable_thinking"), json_new_bool(p, o->think == SLM_THINK_ON)) && ok;
        ok = json_set(p, v, STR("thinking"), json_new_bool(p, o->think == SLM_THINK_ON)) && ok;
    }
    for (size_t i = 0; i < json_len(o->vars); i++)
        ok = json_set(p, v, json_key_at(o->vars, i), (json *)(uintptr_t)json_at(o->vars, i)) && ok;
    return ok ? v : NULL;
}

static slm_status render(chat_prompt *out, pool *p, const template_ *tmpl, const tokenizer *t, const json *messages, const chat_options *o,
                         slm_error *err) {
    const think_switch by = switch_of(tmpl, o->source);
    if (o->think == SLM_THINK_OFF && by == SWITCH_WORD) messages = with_no_think(p, messages);
    const json *vars = messages ? variables(p, t, messages, o) : NULL;
    if (!vars) return err_memory(err, "template variables", p->used);
    slm_status rc = template_render(tmpl, vars, &(template_options){.now = o->now}, &out->text, &out->trust, err);
    if (!rc && !out->text.bad && !out->trust.bad) close_thinking(out, t, o, by);
    return !rc && (out->text.bad || out->trust.bad) ? err_memory(err, "the prompt", out->text.n) : rc;
}

slm_status chat_tokenize(const tokenizer *t, str text, const uint8_t *trust, id_list *out, slm_error *err) {
    const str bos = tok_bos(t) >= 0 ? tok_bytes(t, tok_bos(t)) : (str){0};
    bool      printed = bos.n && text.n >= bos.n && !memcmp(text.p, bos.p, bos.n);
    for (size_t i = 0; printed && trust && i < bos.n; i++) printed = trust[i] != 0;
    /* TOK_BOS would add EOS too where the model does so, and nobody answers behind the end. */
    if (!printed && tok_adds_bos(t) && tok_bos(t) >= 0) id_push(out, tok_bos(t));
    slm_status rc = tok_encode(t, text, trust, TOK_SPECIAL, out, err);
    return !rc && out->bad ? err_memory(err, "token ids", out->n * sizeof *out->p) : rc;
}

slm_status chat_render(chat_prompt *out, const tokenizer *t, const json *messages, const chat_options *o, slm_error *err) {
    pool       p;
    template_ *tmpl = NULL;
    pool_init(&p, PROMPT_MAX_BYTES);
    slm_status rc = template_parse(&tmpl, o->source, err);
    if (!rc) rc = render(out, &p, tmpl, t, messages, o, err);
    template_free(tmpl);
    pool_free(&p);
    if (rc) return rc;
    const str text = {out->text.p ? out->text.p : "", out->text.n};
    return chat_tokenize(t, text, o->special ? NULL : (const uint8_t *)out->trust.p, &out->ids, err);
}

void chat_prompt_free(chat_prompt *p) {
    strbuf_free(&p->text);
    strbuf_free(&p->trust);
    id_free(&p->ids);
}
