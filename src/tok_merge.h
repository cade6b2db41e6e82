/* tok_merge.h - floor 3 (text side): joins the pieces of one word, best pair first. */
#ifndef TOK_MERGE_H
#define TOK_MERGE_H
#include "tok_vocab.h"

/* The scratch memory of one tok_encode call: results of recent short words and the arrays for
 * long ones.  One thread. */
typedef struct work work;
/* n_text: bytes of the whole text, from which the size of the word cache follows. */
slm_status work_create(work **out, const vocab *v, size_t n_text, slm_error *err);
void       work_free(work *w);
/* Appends the ids of one word; false where memory ran out.  Time: n log n of its length. */
bool merge_word(work *w, str word, id_list *out);
#endif
