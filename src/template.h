/* template.h - floor 1 (text side): chat templates, a Jinja2 interpreter over json values.
 *
 * Semantics are those of jinja2 3.1 as transformers sets it up: trim_blocks, lstrip_blocks, the
 * loopcontrols extension, `generation` tags, an immutable sandbox, tojson without HTML escapes,
 * raise_exception, strftime_now.  An error names the template's line. */
#ifndef TEMPLATE_H
#define TEMPLATE_H
#include "json.h"

typedef struct template_ template_;

/* The source is copied.  A template does not change, so threads may share it. */
slm_status template_parse(template_ **out, str source, slm_error *err);
void       template_free(template_ *t); /* NULL is a no-op */
/* Does the source mention a name, as a variable or behind a dot?  ("tools", "enable_thinking") */
bool       template_mentions(const template_ *t, const char *name);

typedef struct {
    int64_t            now;       /* seconds since 1970: strftime_now shows it in local time (TZ) */
    const char *const *trusted;   /* names of variables that are the model's own, ends with NULL;
                                     NULL: template_token_names */
    /* Budgets; 0: the limit of limits.h, which grows with the bytes of the variables. */
    uint64_t max_steps;
    size_t   max_output, max_memory;
} template_options;
extern const char *const template_token_names[]; /* bos_token, eos_token, .. */

/* Appends the text to *out and, where trust is not NULL, one byte of 0 or 1 for each of its bytes
 * to *trust: 1 where the byte was written by the template (or comes from a trusted variable), 0
 * where it comes from the other variables or was computed.  Only trusted bytes may become control
 * tokens: give trust to tok_encode().  A message's role that is exactly system, user, assistant or
 * tool counts as trusted, since templates build `<|user|>` from it.  Variables: an object. */
slm_status template_render(const template_ *t, const json *vars, const template_options *o, strbuf *out, strbuf *trust, slm_error *err);
#endif
