/* unicode.h - floor 0: UTF-8 and the character classes that tokenizers use. */
#ifndef UNICODE_H
#define UNICODE_H
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
unsigned uc_class(uint32_t cp);
#endif
