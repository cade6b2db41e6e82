/* unicode.c - UTF-8 by the table of well-formed sequences (Unicode 15, table 3-7), classes and
 * canonical mappings from generated tables. */
#include "unicode.h"
#include "unicode_tables.h"

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

/* ---- classes --------------------------------------------------------------- */

unsigned uc_class(uint32_t cp) {
    uint32_t block = cp >> 7;
    if (block >= CLASS_BLOCKS) return cp >= 0xe0100 && cp <= 0xe01ef ? UC_MARK : 0;
    uint64_t word = class_words[class_block[block] * 8 + (cp >> 4 & 7)];
    return class_flags[word >> (cp & 15) * 4 & 15];
}

int uc_columns(uint32_t cp) {
    if (cp < wide[0].lo) return 1;
    size_t lo = 0, hi = sizeof wide / sizeof *wide;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (cp > wide[mid].hi) lo = mid + 1;
        else if (cp < wide[mid].lo) hi = mid;
        else return wide[mid].columns;
    }
    return 1;
}

/* ---- NFC ------------------------------------------------------------------- */

/* Hangul syllables are computed (Unicode 15, section 3.12): S = L, V and perhaps T. */
enum { S0 = 0xac00, L0 = 0x1100, V0 = 0x1161, T0 = 0x11a7, N_L = 19, N_V = 21, N_T = 28 };

bool uc_nfc_inert(uint32_t cp) {
    if (cp < 0x300 || cp >> 8 >= NFC_BLOCKS) return true;
    return !(nfc_words[nfc_block[cp >> 8] * 4 + (cp >> 6 & 3)] >> (cp & 63) & 1);
}

unsigned uc_combining(uint32_t cp) {
    if (cp < 0x300) return 0;
    size_t lo = 0, hi = sizeof nfc_ccc / sizeof *nfc_ccc;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (cp > nfc_ccc[mid].hi) lo = mid + 1;
        else if (cp < nfc_ccc[mid].lo) hi = mid;
        else return nfc_ccc[mid].ccc;
    }
    return 0;
}

size_t uc_decompose(uint32_t cp, uint32_t out[4]) {
    if (cp - S0 < N_L * N_V * N_T) {
        uint32_t s = cp - S0, t = s % N_T;
        out[0] = L0 + s / (N_V * N_T);
        out[1] = V0 + s % (N_V * N_T) / N_T;
        if (t) out[2] = T0 + t;
        return t ? 3 : 2;
    }
    /* Only the first of a pair can decompose further; three steps is the deepest there is, so the
     * seconds are at most three and come out last first. */
    uint32_t tail[3];
    size_t   n = 0;
    while (n < 3) {
        size_t lo = 0, hi = sizeof nfc_pairs / sizeof *nfc_pairs;
        while (lo < hi) {
            size_t mid = (lo + hi) / 2;
            if (nfc_pairs[mid].cp < cp) lo = mid + 1;
            else hi = mid;
        }
        if (lo == sizeof nfc_pairs / sizeof *nfc_pairs || nfc_pairs[lo].cp != cp) break;
        cp = nfc_pairs[lo].first;
        if (nfc_pairs[lo].second) tail[n++] = nfc_pairs[lo].second;
    }
    out[0] = cp;
    for (size_t i = 0; i < n; i++) out[1 + i] = tail[n - 1 - i];
    return n + 1;
}

uint32_t uc_compose(uint32_t first, uint32_t second) {
    if (first - L0 < N_L && second - V0 < N_V)
        return S0 + ((first - L0) * N_V + (second - V0)) * N_T;
    if (first - S0 < N_L * N_V * N_T && (first - S0) % N_T == 0 && second - T0 - 1 < N_T - 1)
        return first + (second - T0);
    size_t lo = 0, hi = sizeof nfc_compose / sizeof *nfc_compose;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2, i = nfc_compose[mid];
        if (nfc_pairs[i].first < first ||
            (nfc_pairs[i].first == first && nfc_pairs[i].second < second))
            lo = mid + 1;
        else hi = mid;
    }
    if (lo == sizeof nfc_compose / sizeof *nfc_compose) return 0;
    size_t i = nfc_compose[lo];
    return nfc_pairs[i].first == first && nfc_pairs[i].second == second ? nfc_pairs[i].cp : 0;
}
