/* tok_bpe.h - floor 3 (text side): byte-level BPE, `tokenizer.ggml.model` = gpt2. */
#ifndef TOK_BPE_H
#define TOK_BPE_H
#include "tok_merge.h"
#include "tok_split.h"

slm_status bpe_load(vocab *v, const gguf *g, const splitter *split, slm_error *err);
/* Appends the ids of a text without special tokens; false where memory ran out. */
bool bpe_encode(const splitter *split, work *w, str text, id_list *out);
#endif
