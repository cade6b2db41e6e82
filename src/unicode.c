/* unicode.c - UTF-8 by the table of well-formed sequences (Unicode 15, table 3-7). */
#include "unicode.h"

size_t utf8_decode(const char *p, size_t n, uint32_t *cp) {
    const uint8_t *s = (const uint8_t *)p;
    if (!n) return 0;
    if (s[0] < 0x80) return *cp = s[0], 1;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    size_t len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (n < len) return 0;
    /* The second byte's range excludes overlong forms, surrogates and what is past 10FFFF. */
    uint8_t lo = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t hi = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < lo || s[1] > hi) return 0;
    uint32_t c = s[0] & (0x7fu >> len);
    c = c << 6 | (s[1] & 0x3fu);
    for (size_t i = 2; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    *cp = c;
    return len;
}

size_t utf8_encode(uint32_t cp, char out[4]) {
    uint8_t *o = (uint8_t *)out;
    if (cp < 0x80) return o[0] = (uint8_t)cp, 1;
    if (cp < 0x800) {
        o[0] = (uint8_t)(0xc0 | cp >> 6);
        o[1] = (uint8_t)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        o[0] = (uint8_t)(0xe0 | cp >> 12);
        o[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
        o[2] = (uint8_t)(0x80 | (cp & 0x3f));
        return 3;
    }
    o[0] = (uint8_t)(0xf0 | cp >> 18);
    o[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
    o[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
    o[3] = (uint8_t)(0x80 | (cp & 0x3f));
    return 4;
}

/* Can s[0..n) be the beginning of a longer well-formed sequence? */
static int is_open(const uint8_t *s, size_t n) {
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    size_t len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (n >= len) return 0;
    if (n > 1) {
        uint8_t lo = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
        uint8_t hi = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
        if (s[1] < lo || s[1] > hi) return 0;
    }
    return n < 3 || (s[2] & 0xc0) == 0x80;
}

size_t utf8_whole(const char *p, size_t n) {
    const uint8_t *s = (const uint8_t *)p;
    for (size_t back = 1; back <= 3 && back <= n; back++)
        if ((s[n - back] & 0xc0) != 0x80) return is_open(s + n - back, back) ? n - back : n;
    return n;
}
