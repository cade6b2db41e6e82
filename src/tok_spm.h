/* tok_spm.h - floor 3 (text side): SentencePiece BPE by scores, `tokenizer.ggml.model` = llama. */
#ifndef TOK_SPM_H
#define TOK_SPM_H
#include "tok_merge.h"

slm_status spm_load(vocab *v, const gguf *g, slm_error *err);
/* Appends the ids of a text without special tokens, with a space put before it if `prefix`; false
 * where memory ran out. */
bool spm_encode(const vocab *v, work *w, str text, bool prefix, id_list *out);
#endif
