/* unicode.h - floor 0: UTF-8, the character classes that tokenizers use, and the numbers behind
 * NFC (nfc.h does the work). */
#ifndef UNICODE_H
#define UNICODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
enum {
    UC_LETTER = 1, UC_MARK = 2, UC_NUMBER = 4, UC_SPACE = 8, UC_PUNCT = 16, UC_SYMBOL = 32,
    UC_UPPER = 64, UC_LOWER = 128
};
size_t   utf8_decode(const char *p, size_t n, uint32_t *cp); /* bytes used; 0 = not valid UTF-8 here */
size_t   utf8_encode(uint32_t cp, char out[4]);
/* Length of the longest prefix of p[0..n) that does not end inside a character which more bytes
 * could still complete.  Broken bytes count as complete. */
size_t   utf8_whole(const char *p, size_t n);
/* UC_LETTER .. UC_LOWER of one code point; 0 for controls, unassigned and everything else.
 * UPPER holds Lu and Lt, LOWER holds Ll; a letter with neither has no case. */
unsigned uc_class(uint32_t cp);
/* Columns that cp takes on a terminal: 0 for what joins the character before it, 2 for wide East
 * Asian characters and emoji (UAX 11), else 1.  Controls are the caller's business. */
int      uc_columns(uint32_t cp);

/* True where cp stays as it is under NFC and cannot join what comes before it: text may be cut
 * before such a code point and its parts normalized alone. */
bool     uc_nfc_inert(uint32_t cp);
unsigned uc_combining(uint32_t cp);                      /* canonical combining class */
size_t   uc_decompose(uint32_t cp, uint32_t out[4]);     /* full canonical decomposition: 1..4 */
uint32_t uc_compose(uint32_t first, uint32_t second);    /* 0: they do not compose */
#endif
