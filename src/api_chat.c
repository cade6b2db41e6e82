/* api_chat.c - chat templates, and messages as prompts: that part of slm.h. */
#include "session.h"
#include "chat.h"
#include "limits.h"
#include <string.h>
#include <time.h>

struct slm_template {
    template_ *t;
    char      *bos, *eos; /* of the model; NULL: none */
};

static char *copy(str s) {
    char *z = mem_zero(s.n + 1, 1);
    if (z && s.n) memcpy(z, s.p, s.n);
    return z;
}

slm_status slm_template_parse(slm_template **out, const char *text, size_t len, slm_error *err) {
    slm_template *t = mem_zero(1, sizeof *t);
    if (!t) return err_memory(err, "a template", sizeof *t);
    slm_status rc = template_parse(&t->t, (str){text, len}, err);
    if (rc) slm_template_free(t);
    else *out = t;
    return rc;
}

slm_status slm_template_of(slm_template **out, const slm_model *m, slm_error *err) {
    str        text = STR("");
    slm_status rc = gguf_str(m->file, "tokenizer.chat_template", &text, err);
    if (rc) return rc;
    if (!text.n) return err_set(err, SLM_ERR_ARGUMENT, "the model has no chat template");
    slm_template *t = NULL;
    if ((rc = slm_template_parse(&t, text.p, text.n, err))) return rc;
    const int32_t bos = tok_bos(m->tok), eos = tok_eos(m->tok);
    if ((bos >= 0 && !(t->bos = copy(tok_bytes(m->tok, bos)))) || (eos >= 0 && !(t->eos = copy(tok_bytes(m->tok, eos))))) {
        slm_template_free(t);
        return err_memory(err, "a template", text.n);
    }
    *out = t;
    return SLM_OK;
}

void slm_template_free(slm_template *t) {
    if (!t) return;
    template_free(t->t);
    mem_free(t->bos);
    mem_free(t->eos);
    mem_free(t);
}

/* False: no memory. */
static bool add_token(pool *p, json *vars, str name, const char *text) {
    return !text || json_get(vars, name) || json_set(p, vars, name, json_new_str(p, str_of(text)));
}

slm_status slm_template_render(const slm_template *t, const char *vars, size_t len, int64_t now, char **out, uint8_t **trust, size_t *n, slm_error *err) {
    pool   p;
    strbuf text = {0}, flags = {0};
    pool_init(&p, 64 * len + (1u << 20));
    json      *v = json_parse(&p, (str){vars, len}, err);
    slm_status rc = SLM_OK;
    if (!v) rc = err ? err->code : SLM_ERR_FORMAT;
    else if (json_type(v) != JSON_OBJ) rc = err_set(err, SLM_ERR_ARGUMENT, "a template's variables are a JSON object");
    else if (!add_token(&p, v, STR("bos_token"), t->bos) || !add_token(&p, v, STR("eos_token"), t->eos)) rc = err_memory(err, "a template's variables", len);
    else rc = template_render(t->t, v, &(template_options){.now = now}, &text, trust ? &flags : NULL, err);
    pool_free(&p);
    strbuf_char(&text, 0); /* a convenience; not counted */
    if (trust) strbuf_char(&flags, 0);
    if (!rc && (text.bad || flags.bad)) rc = err_memory(err, "the rendered template", text.n);
    if (rc) {
        strbuf_free(&text);
        strbuf_free(&flags);
        return rc;
    }
    *out = text.p;
    *n = text.n - 1;
    if (trust) *trust = (uint8_t *)flags.p;
    return SLM_OK;
}

slm_status slm_tokenize_prompt(const slm_model *m, const char *text, const uint8_t *trust, size_t len, int32_t **out, int *n, slm_error *err) {
    id_list ids = {0};
    return ids_give(&ids, chat_tokenize(m->tok, (str){text, len}, trust, &ids, err), out, n, err);
}

/* ---- messages ----------------------------------------------------------------- */

slm_chat_options slm_chat_defaults(void) { return (slm_chat_options){.now = -1}; }

const char *slm_template_name(int i) { return chat_builtin_name(i); }

static bool own_template(const slm_model *m, str *source) {
    *source = (str){0};
    return !gguf_str(m->file, "tokenizer.chat_template", source, NULL) && source->n;
}

bool slm_model_chats(const slm_model *m) {
    str source;
    return own_template(m, &source) || chat_guess(m->tok);
}

/* The template in force; *name: of a built-in, or NULL. */
static slm_status choose_template(const slm_model *m, const slm_chat_options *opt, str *source, const char **name, slm_error *err) {
    *name = NULL;
    if (opt->template_text) {
        const char *built_in = chat_builtin(opt->template_text);
        if (built_in) *name = opt->template_text;
        *source = str_of(built_in ? built_in : opt->template_text);
        return SLM_OK;
    }
    if (own_template(m, source)) return SLM_OK;
    *name = chat_guess(m->tok);
    if (!*name) return err_set(err, SLM_ERR_UNSUPPORTED, "the model has no chat template, and its vocabulary has the marks of none");
    *source = str_of(chat_builtin(*name));
    return SLM_OK;
}

static json *message_list(pool *p, const slm_message *msgs, int n) {
    json *all = json_new(p, JSON_ARR);
    bool  ok = all != NULL;
    for (int i = 0; i < n && ok; i++) {
        json *m = json_new(p, JSON_OBJ);
        ok = json_set(p, m, STR("role"), json_new_str(p, str_of(msgs[i].role)));
        ok = json_set(p, m, STR("content"), json_new_str(p, (str){msgs[i].content, msgs[i].len})) && ok;
        ok = json_push(p, all, m) && ok;
    }
    return ok ? all : NULL;
}

static slm_status render_prompt(const slm_model *m, pool *p, const slm_message *msgs, int n, const slm_chat_options *opt, chat_prompt *out,
                                const char **name, slm_error *err) {
    chat_options o = {.now = opt->now < 0 ? (int64_t)time(NULL) : opt->now, .think = opt->think, .special = opt->special};
    slm_status   rc = choose_template(m, opt, &o.source, name, err);
    if (rc) return rc;
    if (opt->vars) {
        o.vars = json_parse(p, str_of(opt->vars), err);
        if (!o.vars) return err ? err->code : SLM_ERR_FORMAT;
        if (json_type(o.vars) != JSON_OBJ) return err_set(err, SLM_ERR_ARGUMENT, "template variables must be a JSON object");
    }
    const json *messages = message_list(p, msgs, n);
    if (!messages) return err_memory(err, "messages", p->used);
    slm_error why = {0};
    rc = chat_render(out, m->tok, messages, &o, &why);
    if (!rc && !out->ids.n) rc = err_set(&why, SLM_ERR_FORMAT, "the chat template makes an empty prompt");
    if (!rc) return SLM_OK;
    if (opt->template_text || *name) return err_set(err, rc, "%s", why.text);
    return gguf_fail(m->file, err, rc, "%s", why.text); /* the file's own */
}

slm_status slm_chat_prompt(const slm_model *m, const slm_message *msgs, int n, const slm_chat_options *opt, slm_prompt *out, slm_error *err) {
    chat_prompt r = {0};
    pool        p;
    const char *name;
    pool_init(&p, PROMPT_MAX_BYTES);
    slm_status rc = render_prompt(m, &p, msgs, n, opt, &r, &name, err);
    pool_free(&p);
    const size_t len = r.text.n;
    strbuf_char(&r.text, 0);
    if (!rc && (r.text.bad || r.ids.n > INT32_MAX)) rc = err_memory(err, "the prompt", len);
    if (rc) {
        chat_prompt_free(&r);
        return rc;
    }
    *out = (slm_prompt){r.text.p, len, r.ids.p, (int)r.ids.n, r.in_thinking, name};
    strbuf_free(&r.trust);
    return SLM_OK;
}

void slm_prompt_free(slm_prompt *p) {
    mem_free(p->text);
    mem_free(p->ids);
    *p = (slm_prompt){0};
}
