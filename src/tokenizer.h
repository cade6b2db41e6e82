/* tokenizer.h - floor 3 (text side): bytes <-> ids.
 *
 * A tokenizer does not change after tok_load, so threads may share it. */
#ifndef TOKENIZER_H
#define TOKENIZER_H
#include "gguf.h"
typedef struct tokenizer tokenizer;
enum {
    TOK_BOS = 1,     /* add BOS (and EOS) where the file says that the model does it by itself */
    TOK_SPECIAL = 2  /* control tokens are recognised in the text */
};
/* Owns what it needs: g may be closed afterwards. */
slm_status tok_load(tokenizer **out, const gguf *g, slm_error *err);
void       tok_free(tokenizer *t);
int        tok_count(const tokenizer *t);
/* Appends the ids of text to *out.  `trust`: NULL, or text.n bytes; a control token, and any token
 * of the form <|..|>, is recognised only where every byte of it is trusted (non-zero).  Any bytes are accepted; time is linear.
 * Fails only for lack of memory, or for text of 2 GiB and more.  A text that spells BOS itself and
 * is encoded with TOK_BOS gets it twice: whoever renders a template that prints it leaves TOK_BOS
 * out. */
slm_status tok_encode(const tokenizer *t, str text, const uint8_t *trust, unsigned flags,
                      id_list *out, slm_error *err);
/* The bytes that the token stands for (a control token: its name).  Owned by t; empty for an id
 * out of range. */
str     tok_bytes(const tokenizer *t, int32_t id);
bool    tok_is_control(const tokenizer *t, int32_t id);
bool    tok_ends_turn(const tokenizer *t, int32_t id);
int32_t tok_find_control(const tokenizer *t, str name); /* -1: no control token of that name */
int32_t tok_bos(const tokenizer *t); /* -1: none */
int32_t tok_eos(const tokenizer *t);
bool    tok_adds_bos(const tokenizer *t);
bool    tok_strips_first_space(const tokenizer *t); /* decoding drops the space put before the text */
const char *tok_model(const tokenizer *t); /* "gpt2", "llama" */
const char *tok_pre(const tokenizer *t);   /* name of the splitter in use, or "" */
#endif
