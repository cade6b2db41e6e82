/* api_template.c - chat templates and their prompts: that part of slm.h. */
#include "session.h"
#include "template.h"
#include <string.h>

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
    id_list       ids = {0};
    const int32_t bos = tok_bos(m->tok);
    const str     name = bos >= 0 ? tok_bytes(m->tok, bos) : STR("");
    /* Most templates print BOS themselves; it must not come twice. */
    const bool    spells_bos = name.n && len >= name.n && !memcmp(text, name.p, name.n);
    slm_status    rc = tok_encode(m->tok, (str){text, len}, trust, TOK_SPECIAL | (spells_bos ? 0u : (unsigned)TOK_BOS), &ids, err);
    if (!rc && (ids.bad || ids.n > INT32_MAX)) rc = err_memory(err, "token ids", ids.n * sizeof *ids.p);
    if (!rc && !ids.p && !(ids.p = mem_zero(1, sizeof *ids.p))) rc = err_memory(err, "token ids", sizeof *ids.p);
    if (rc) {
        id_free(&ids);
        return rc;
    }
    *out = ids.p;
    *n = (int)ids.n;
    return SLM_OK;
}
