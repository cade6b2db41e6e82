/* edit.h - a GGUF file taken apart into its lists, changed by lines of text, and written again.
 *
 * A change is one line; lines are separated by newlines and what they name must be there:
 *   set KEY KIND VALUE     a key with a value, in its place or behind the others.  KIND is u8 .. f64, bool or str;
 *                          with [] an array: 1,2,3 or 7*5 (five times 7); of str: a|b|c
 *   at KEY I VALUE         element I of an array
 *   resize KEY N           cut to N elements, or the last one repeated
 *   hex KEY KIND BYTES     a key with this kind number and these bytes as its payload
 *   del KEY    copy KEY    take away; once more at the end
 *   name KEY NEW
 *   tdel T     tcopy T     the same of a tensor
 *   tname T NEW            tdims T 1,2,3     ttype T ID     (the data become as long as that says)
 *   toff T N               the offset in the table, whatever the place of the data
 *   tadd T ID 1,2,3        one more
 *   tfill T X              an F32 tensor's elements; tone T I X: only element I
 *   thex T I BYTES         the data's bytes from I on
 *   tzero T                all its bytes
 *   version N  n_kv N  n_tensors N   in the header, whatever there is; +1 and -1 count from what there is
 *   align N                of the data, without saying so in a key
 *   start BYTES            the file's first bytes
 *   cut N      tail N      N bytes fewer at the end; N more
 *   keep N                 only the first N
 * "%" in front of a key stands for the architecture's name and a dot. */
#ifndef EDIT_H
#define EDIT_H
#include "mkmodel.h"

typedef struct edit edit;

/* Of a finished file that is valid. */
edit *edit_open(const mk *m);
void  edit_free(edit *e);
/* Aborts where a line is not as above: that is a bug of the test. */
void  edit_apply(edit *e, const char *lines);
/* The whole file, appended to out. */
void  edit_write(const edit *e, strbuf *out);
#endif
