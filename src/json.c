/* json.c - JSON values: read (RFC 8259), build, write.
 *
 * A value is 24 bytes; an array or object adds a box that holds its elements in order of insertion.
 * Objects past SCAN_MAX members also keep a hash index (open addressing, slots hold position + 1),
 * so neither a big vocabulary nor a hostile object makes lookups quadratic.  All memory is the
 * pool's: a grown list leaves its old copy behind, which at most doubles what it takes. */
#include "json.h"
#include "limits.h"
#include "unicode.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t    n, room;
    json    **v;
    str      *key;    /* objects only */
    uint32_t *slot;   /* NULL up to SCAN_MAX members */
    size_t    n_slot; /* a power of two, >= 2 * room */
} box;

struct json {
    json_kind kind;
    union {
        bool    b;
        int64_t i;
        double  d;
        str     s;
        box    *box; /* NULL while empty */
    };
};

/* Up to here comparing the lengths and bytes of every key beats hashing. */
#define SCAN_MAX 8

/* ---- access -------------------------------------------------------------- */

json_kind json_type(const json *v) { return v ? v->kind : JSON_NULL; }

bool json_bool(const json *v) { return json_type(v) == JSON_BOOL && v->b; }

int64_t json_int(const json *v) {
    if (json_type(v) == JSON_INT) return v->i;
    if (json_type(v) != JSON_NUM || isnan(v->d)) return 0;
    /* 2^63 is a double, INT64_MAX is not: compare before converting. */
    if (v->d >= 9223372036854775808.0) return INT64_MAX;
    if (v->d <= -9223372036854775808.0) return INT64_MIN;
    return (int64_t)v->d;
}

double json_num(const json *v) {
    if (json_type(v) == JSON_INT) return (double)v->i;
    return json_type(v) == JSON_NUM ? v->d : 0;
}

str json_str(const json *v) { return json_type(v) == JSON_STR ? v->s : (str){"", 0}; }

static const box *boxed(const json *v) {
    static const box empty;
    bool holds = json_type(v) == JSON_ARR || json_type(v) == JSON_OBJ;
    return holds && v->box ? v->box : &empty;
}

size_t json_len(const json *v) { return boxed(v)->n; }

const json *json_at(const json *v, size_t i) {
    const box *b = boxed(v);
    return i < b->n ? b->v[i] : NULL;
}

str json_key_at(const json *obj, size_t i) {
    const box *b = boxed(obj);
    return json_type(obj) == JSON_OBJ && i < b->n ? b->key[i] : (str){"", 0};
}

/* FNV-1a with a multiply at the end, because the table takes the low bits.  It starts from the
 * box's address, so that keys chosen to collide would have to know it. */
static size_t hash(const box *b, str key) {
    uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)(uintptr_t)b;
    for (size_t i = 0; i < key.n; i++) h = (h ^ (uint8_t)key.p[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 24);
}

/* Position of key, or b->n.  Where there is an index and the key is not in it, *free_slot is the
 * slot that it would take. */
static size_t find(const box *b, str key, size_t *free_slot) {
    if (!b->slot) {
        size_t i = 0;
        while (i < b->n && !str_eq(b->key[i], key)) i++;
        return i;
    }
    size_t at = hash(b, key);
    for (;; at++) {
        at &= b->n_slot - 1;
        uint32_t s = b->slot[at];
        if (!s) break;
        if (str_eq(b->key[s - 1], key)) return s - 1;
    }
    if (free_slot) *free_slot = at;
    return b->n;
}

const json *json_get(const json *obj, str key) {
    if (json_type(obj) != JSON_OBJ) return NULL;
    const box *b = boxed(obj);
    size_t     i = find(b, key, NULL);
    return i < b->n ? b->v[i] : NULL;
}

/* ---- build --------------------------------------------------------------- */

json *json_new(pool *p, json_kind k) {
    json *v = pool_take(p, 1, sizeof *v);
    if (v) v->kind = k;
    return v;
}

json *json_new_bool(pool *p, bool b) {
    json *v = json_new(p, JSON_BOOL);
    if (v) v->b = b;
    return v;
}

json *json_new_int(pool *p, int64_t i) {
    json *v = json_new(p, JSON_INT);
    if (v) v->i = i;
    return v;
}

json *json_new_num(pool *p, double d) {
    json *v = json_new(p, JSON_NUM);
    if (v) v->d = d;
    return v;
}

json *json_new_str(pool *p, str s) {
    json *v = json_new(p, JSON_STR);
    if (v) v->s = s;
    return v;
}

static bool reindex(pool *p, box *b) {
    size_t    n_slot = b->room * 2; /* room is 4 * 2^k */
    uint32_t *slot = pool_take(p, n_slot, sizeof *slot);
    if (!slot) return false;
    b->slot = slot;
    b->n_slot = n_slot;
    for (size_t i = 0; i < b->n; i++) {
        size_t at = 0;
        find(b, b->key[i], &at); /* keys are distinct, so this finds a free slot */
        slot[at] = (uint32_t)i + 1;
    }
    return true;
}

/* Room for one more element. */
static bool grow(pool *p, json *v) {
    if (!v->box && !(v->box = pool_take(p, 1, sizeof *v->box))) return false;
    box *b = v->box;
    if (b->n < b->room) return true;
    size_t room = b->room ? b->room * 2 : 4;
    if (room > UINT32_MAX / 2) return false; /* slots are 32 bits */
    json **list = pool_take(p, room, sizeof *list);
    if (!list) return false;
    if (b->n) memcpy(list, b->v, b->n * sizeof *list);
    if (v->kind == JSON_OBJ) {
        str *key = pool_take(p, room, sizeof *key);
        if (!key) return false;
        if (b->n) memcpy(key, b->key, b->n * sizeof *key);
        b->key = key;
    }
    b->v = list;
    b->room = room;
    return v->kind != JSON_OBJ || room <= SCAN_MAX || reindex(p, b);
}

bool json_push(pool *p, json *arr, json *v) {
    if (!v || json_type(arr) != JSON_ARR || !grow(p, arr)) return false;
    arr->box->v[arr->box->n++] = v;
    return true;
}

bool json_set(pool *p, json *obj, str key, json *v) {
    if (!v || json_type(obj) != JSON_OBJ || !grow(p, obj)) return false;
    box   *b = obj->box;
    size_t at = 0, i = find(b, key, &at);
    b->v[i] = v;
    if (i < b->n) return true;
    b->key[i] = key;
    if (b->slot) b->slot[at] = (uint32_t)i + 1;
    b->n++;
    return true;
}

/* ---- read ---------------------------------------------------------------- */

typedef struct {
    const char *p, *end, *start;
    pool       *pool;
    slm_error  *err;
    int         depth;
} reader;

static json *refuse(reader *r, const char *at, const char *what) {
    size_t line = 1, column = 1;
    for (const char *q = r->start; q < at; q++) {
        if (*q == '\n') line++, column = 1;
        else if (((uint8_t)*q & 0xc0) != 0x80) column++; /* characters, not bytes */
    }
    err_set(r->err, SLM_ERR_FORMAT, "JSON line %zu column %zu: %s", line, column, what);
    return NULL;
}

/* For whatever the pool refused. */
static json *taken(reader *r, json *v) {
    if (!v)
        err_set(r->err, SLM_ERR_MEMORY, "no memory for JSON of %zu bytes (limit %zu)",
                (size_t)(r->end - r->start), r->pool->cap);
    return v;
}

static void skip_space(reader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool is_next(const reader *r, char c) { return r->p < r->end && *r->p == c; }

static bool is_digit(const reader *r) { return r->p < r->end && *r->p >= '0' && *r->p <= '9'; }

/* Four hex digits at p, or -1. */
static int32_t hex4(const char *p, const char *end) {
    if (end - p < 4) return -1;
    int32_t u = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int  d = c >= '0' && c <= '9'   ? c - '0'
                 : c >= 'a' && c <= 'f' ? c - 'a' + 10
                 : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                        : -1;
        if (d < 0) return -1;
        u = u << 4 | d;
    }
    return u;
}

/* One escape, r->p behind its backslash.  The grammar allows half of a surrogate pair; no UTF-8
 * can hold it, so it becomes U+FFFD. */
static bool read_escape(reader *r, char **out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char       *at = r->p - 1;
    char              c = r->p < r->end ? *r->p++ : 0;
    if (c == 'u') {
        int32_t hi = hex4(r->p, r->end);
        if (hi < 0) return refuse(r, at, "\\u needs four hexadecimal digits");
        r->p += 4;
        uint32_t cp = (uint32_t)hi;
        if (hi >= 0xd800 && hi < 0xe000) {
            cp = 0xfffd;
            if (hi < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
                int32_t lo = hex4(r->p + 2, r->end);
                if (lo >= 0xdc00 && lo < 0xe000) {
                    cp = 0x10000 + (((uint32_t)hi & 0x3ff) << 10 | ((uint32_t)lo & 0x3ff));
                    r->p += 6;
                }
            }
        }
        *out += utf8_encode(cp, *out);
        return true;
    }
    const char *k = c ? strchr(from, c) : NULL;
    if (!k) return refuse(r, at, "unknown escape in a string");
    *(*out)++ = to[k - from];
    return true;
}

/* A string, r->p at its quote.  Decoding never lengthens: six bytes of \u give at most three. */
static bool read_str(reader *r, str *out) {
    const char *open = r->p++, *q = r->p;
    while (q < r->end && *q != '"') q += *q == '\\' ? 2 : 1;
    if (q >= r->end) return refuse(r, open, "string without an end");
    char *s = pool_take(r->pool, (size_t)(q - r->p) + 1, 1), *w = s;
    if (!s) return taken(r, NULL);
    while (*r->p != '"') {
        uint32_t cp;
        size_t   n;
        if (*r->p == '\\') {
            r->p++;
            if (!read_escape(r, &w)) return false;
        } else if ((uint8_t)*r->p < 0x20) {
            return refuse(r, r->p, "control character in a string: write it as \\u00XX");
        } else if (!(n = utf8_decode(r->p, (size_t)(r->end - r->p), &cp))) {
            return refuse(r, r->p, "bytes that are not UTF-8");
        } else {
            while (n--) *w++ = *r->p++;
        }
    }
    r->p++;
    *out = (str){s, (size_t)(w - s)};
    return true;
}

/* Rewrites d..d.d..e+x as dddde+y: without a decimal point strtod() cannot depend on the locale,
 * and its rounding stays the library's. */
static bool to_double(reader *r, const char *p, const char *end, double *out) {
    strbuf  b = {0};
    int64_t e = 0, shift = 0;
    bool    fraction = false;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') fraction = true;
        else strbuf_char(&b, *p), shift += fraction;
    }
    if (p < end) {
        bool down = *++p == '-';
        for (p += *p == '-' || *p == '+'; p < end; p++)
            if (e < 1000000000) e = e * 10 + (*p - '0'); /* far past any double */
        if (down) e = -e;
    }
    strbuf_fmt(&b, "e%lld", (long long)(e - shift));
    strbuf_char(&b, 0);
    bool ok = !b.bad;
    if (ok) *out = strtod(b.p, NULL);
    else taken(r, NULL);
    strbuf_free(&b);
    return ok;
}

static json *read_number(reader *r) {
    const char *at = r->p;
    bool        minus = is_next(r, '-'), whole = true;
    r->p += minus;
    if (!is_digit(r)) return refuse(r, at, "a number needs a digit");
    bool    zero = *r->p == '0', fits = true;
    int64_t i = 0; /* counted downwards, where the range is larger by one */
    for (; is_digit(r); r->p++) {
        int d = *r->p - '0';
        fits = fits && i >= (INT64_MIN + d) / 10;
        if (fits) i = i * 10 - d;
        if (zero && r->p > at + minus) return refuse(r, at, "a number starts with a needless 0");
    }
    if (is_next(r, '.')) {
        whole = false;
        r->p++;
        if (!is_digit(r)) return refuse(r, at, "a number needs a digit after its point");
        while (is_digit(r)) r->p++;
    }
    if (is_next(r, 'e') || is_next(r, 'E')) {
        whole = false;
        r->p++;
        if (is_next(r, '-') || is_next(r, '+')) r->p++;
        if (!is_digit(r)) return refuse(r, at, "a number needs a digit in its exponent");
        while (is_digit(r)) r->p++;
    }
    if (whole && fits && (minus || i != INT64_MIN))
        return taken(r, json_new_int(r->pool, minus ? i : -i));
    double d;
    if (!to_double(r, at, r->p, &d)) return NULL;
    if (isinf(d)) return refuse(r, at, "number is too large");
    return taken(r, json_new_num(r->pool, d));
}

static json *read_word(reader *r, const char *word, json *v) {
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n))
        return refuse(r, r->p, "not a JSON value");
    r->p += n;
    return taken(r, v);
}

static json *read_value(reader *r);

/* An array (close is ']') or an object, r->p at its bracket. */
static json *read_list(reader *r, json_kind kind, char close) {
    const char *open = r->p++;
    json       *list = taken(r, json_new(r->pool, kind));
    if (!list) return NULL;
    if (++r->depth > JSON_MAX_DEPTH) return refuse(r, open, "nested too deep");
    skip_space(r);
    if (is_next(r, close)) r->p++;
    else
        for (;;) {
            str key = {0};
            if (kind == JSON_OBJ) {
                skip_space(r);
                if (!is_next(r, '"')) return refuse(r, r->p, "a member starts with its name in quotes");
                if (!read_str(r, &key)) return NULL;
                skip_space(r);
                if (!is_next(r, ':')) return refuse(r, r->p, "expected : after a member's name");
                r->p++;
            }
            json *v = read_value(r);
            if (!v) return NULL;
            bool kept = kind == JSON_OBJ ? json_set(r->pool, list, key, v)
                                         : json_push(r->pool, list, v);
            if (!kept) return taken(r, NULL);
            skip_space(r);
            if (is_next(r, close)) {
                r->p++;
                break;
            }
            if (r->p >= r->end)
                return refuse(r, open, kind == JSON_OBJ ? "object without an end" : "array without an end");
            if (*r->p != ',')
                return refuse(r, r->p, kind == JSON_OBJ ? "expected , or }" : "expected , or ]");
            r->p++;
        }
    r->depth--;
    return list;
}

static json *read_value(reader *r) {
    skip_space(r);
    if (r->p >= r->end) return refuse(r, r->p, "text ends where a value should be");
    switch (*r->p) {
    case '{': return read_list(r, JSON_OBJ, '}');
    case '[': return read_list(r, JSON_ARR, ']');
    case '"': {
        str s;
        return read_str(r, &s) ? taken(r, json_new_str(r->pool, s)) : NULL;
    }
    case 't': return read_word(r, "true", json_new_bool(r->pool, true));
    case 'f': return read_word(r, "false", json_new_bool(r->pool, false));
    case 'n': return read_word(r, "null", json_new(r->pool, JSON_NULL));
    default:
        if (*r->p == '-' || is_digit(r)) return read_number(r);
        return refuse(r, r->p, "not a JSON value");
    }
}

json *json_parse(pool *p, str text, slm_error *err) {
    if (!text.n) text.p = "";
    reader r = {text.p, text.p + text.n, text.p, p, err, 0};
    /* RFC 8259, section 8.1: a byte order mark may be ignored, and editors write it. */
    if (text.n >= 3 && !memcmp(text.p, "\xef\xbb\xbf", 3)) r.p += 3;
    json *v = read_value(&r);
    if (!v) return NULL;
    skip_space(&r);
    return r.p < r.end ? refuse(&r, r.p, "more text after the value") : v;
}

/* ---- write --------------------------------------------------------------- */

/* Length of the broken sequence at p: the longest start of a character, at least one byte, so that
 * it becomes one U+FFFD (Unicode 15, section 3.9, maximal subpart). */
static size_t broken(const char *p, size_t n) {
    for (size_t k = n < 3 ? n : 3; k > 1; k--)
        if (utf8_whole(p, k) == 0) return k;
    return 1;
}

void json_write_str(strbuf *out, str s) {
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    strbuf_char(out, '"');
    for (size_t i = 0; i < s.n;) {
        /* Plain runs go out in one piece. */
        size_t   run = i, len = 0;
        uint32_t cp = 0;
        while (run < s.n && (len = utf8_decode(s.p + run, s.n - run, &cp)) && cp >= 0x20 &&
               cp != '"' && cp != '\\')
            run += len;
        strbuf_put(out, s.p + i, run - i);
        if ((i = run) == s.n) break;
        if (!len) {
            strbuf_put(out, "\xef\xbf\xbd", 3);
            i += broken(s.p + i, s.n - i);
            continue;
        }
        const char *k = cp ? strchr(from, (int)cp) : NULL;
        if (k) strbuf_char(out, '\\'), strbuf_char(out, to[k - from]);
        else strbuf_fmt(out, "\\u%04x", (unsigned)cp);
        i++;
    }
    strbuf_char(out, '"');
}

/* Digits of the shortest decimal that reads back as d > 0; *point is where its point stands
 * (0.d1d2.. * 10^point).  15 digits survive a round trip through any normal double, so fewer need
 * not be tried; subnormal numbers hold less. */
static int shortest(double d, char digit[24], int *point) {
    char text[40];
    for (int n = d < DBL_MIN ? 1 : 15;; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, d);
        if (n >= 17 || strtod(text, NULL) == d) break;
    }
    int n = 0;
    const char *p = text;
    for (; *p != 'e'; p++) /* whatever the locale's decimal point is, it is not a digit */
        if (*p >= '0' && *p <= '9') digit[n++] = *p;
    while (n > 1 && digit[n - 1] == '0') n--;
    *point = atoi(p + 1) + 1;
    return n;
}

/* A whole number keeps ".0" and so stays a JSON_NUM when read again; the limits for the exponent
 * form are Python's, which chat templates were written against. */
void json_write_num(strbuf *out, double d) {
    if (!isfinite(d)) {
        strbuf_str(out, STR("null"));
        return;
    }
    if (signbit(d)) strbuf_char(out, '-');
    d = fabs(d);
    char digit[24] = "0";
    int  point = 1, n = d == 0 ? 1 : shortest(d, digit, &point);
    if (point > 16 || point < -3) {
        strbuf_char(out, digit[0]);
        if (n > 1) strbuf_char(out, '.'), strbuf_put(out, digit + 1, (size_t)n - 1);
        strbuf_fmt(out, "e%c%02d", point < 1 ? '-' : '+', abs(point - 1));
        return;
    }
    if (point <= 0) strbuf_str(out, STR("0."));
    for (int i = point; i < 0; i++) strbuf_char(out, '0');
    for (int i = 0; i < n || i < point; i++) {
        if (i == point && point > 0) strbuf_char(out, '.');
        strbuf_char(out, i < n ? digit[i] : '0');
    }
    if (n <= point) strbuf_str(out, STR(".0"));
}

/* Built values may be deeper than parsed ones; past the same limit the text counts as failed
 * instead of overflowing the stack. */
static void write_value(strbuf *out, const json *v, int depth) {
    json_kind kind = json_type(v);
    switch (kind) {
    case JSON_NULL: strbuf_str(out, STR("null")); return;
    case JSON_BOOL: strbuf_str(out, v->b ? STR("true") : STR("false")); return;
    case JSON_INT: strbuf_fmt(out, "%lld", (long long)v->i); return;
    case JSON_NUM: json_write_num(out, v->d); return;
    case JSON_STR: json_write_str(out, v->s); return;
    case JSON_ARR:
    case JSON_OBJ: break;
    }
    if (depth > JSON_MAX_DEPTH) out->bad = true;
    strbuf_char(out, kind == JSON_OBJ ? '{' : '[');
    for (size_t i = 0; i < json_len(v) && !out->bad; i++) {
        if (i) strbuf_char(out, ',');
        if (kind == JSON_OBJ) json_write_str(out, json_key_at(v, i)), strbuf_char(out, ':');
        write_value(out, json_at(v, i), depth + 1);
    }
    strbuf_char(out, kind == JSON_OBJ ? '}' : ']');
}

void json_write(strbuf *out, const json *v) { write_value(out, v, 1); }
