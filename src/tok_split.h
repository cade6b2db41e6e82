/* tok_split.h - floor 3 (text side): text -> words, the pieces within which byte-level BPE joins. */
#ifndef TOK_SPLIT_H
#define TOK_SPLIT_H
#include "base.h"

/* One way to split: a row of data. */
typedef struct splitter splitter;

/* By the name in tokenizer.ggml.pre; NULL for a name that is not known. */
const splitter *split_find(str name);
/* `whole_words`: a word that is in the vocabulary is not merged; `nfc`: text is normalized first;
 * `adds_bos`: what the model does where the file does not say. */
bool        split_whole_words(const splitter *s);
bool        split_nfc(const splitter *s);
bool        split_adds_bos(const splitter *s);
/* One name of each rule, separated by spaces. */
void        split_names(strbuf *out);

/* Calls `word` with consecutive parts that make up the whole text, in linear time, until it
 * returns false; returns what the last call returned. */
typedef bool (*split_word_fn)(void *ud, str word);
bool split_text(const splitter *s, str text, split_word_fn word, void *ud);
#endif
