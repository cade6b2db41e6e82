/* chat.h - floor 4 (text side): messages -> the prompt a model was trained on. */
#ifndef CHAT_H
#define CHAT_H
#include "json.h"
#include "template.h"
#include "tokenizer.h"

/* Templates of our own for files that carry none: NULL when there is no such name. */
const char *chat_builtin(const char *name);
const char *chat_builtin_name(int i); /* NULL past the end */
/* The one whose marks the vocabulary has, or NULL. */
const char *chat_guess(const tokenizer *t);

typedef struct {
    str         source;        /* of the template                                              */
    const json *vars;          /* object: more variables, or NULL                              */
    int64_t     now;           /* seconds since 1970, for templates that print a date          */
    slm_think   think;
    bool        special;       /* control tokens spelled in messages count                     */
} chat_options;

typedef struct {
    strbuf  text, trust;       /* trust: a byte per byte of text                               */
    id_list ids;
    bool    in_thinking;       /* the prompt ends inside <think>                               */
} chat_prompt;

/* Renders messages (an array of {role, content, ..}) and tokenizes the result.  Text that came from
 * messages never becomes a control token unless `special`.  BOS is there once where the model
 * wants it, whether or not the template prints it.  Freed by chat_prompt_free, also on failure. */
slm_status chat_render(chat_prompt *out, const tokenizer *t, const json *messages, const chat_options *o, slm_error *err);
void       chat_prompt_free(chat_prompt *p);
/* Ids of a rendered text; control tokens where trusted (trust NULL: everywhere).  BOS is added where
 * the model does so by itself and the template has not printed it. */
slm_status chat_tokenize(const tokenizer *t, str text, const uint8_t *trust, id_list *out, slm_error *err);
#endif
