/* tmpl_text.c - strings of templates: UTF-8 bytes, each with its provenance.
 *
 * A string is a view: parts, strips and splits share the bytes they were cut from.  Joining writes
 * behind the left operand where that ends its buffer and room is left (as Go's append does), so
 * `{% set s = s + piece %}` in a loop costs what it appends and not a copy of everything. */
#include "tmpl.h"
#include <string.h>

typedef struct {
    uint32_t first, last;
    int      step, diff;
} case_run;
typedef struct {
    uint32_t cp, to[3];
} case_many;
#include "case_tables.h"

struct tm_room {
    char    *p;
    uint8_t *trust;
    size_t   n, cap;
};

const tm_text text_empty = {.p = "", .trusted = true};

/* ---- building ---------------------------------------------------------------- */

static void build_room(tm *t, tm_build *b, size_t n) {
    if (b->is_output) {
        if (n > t->max_out - t->n_out) tm_fail(t, "more than %zu bytes of output", t->max_out);
        t->n_out += n;
    }
    if (n <= b->room - b->n) return;
    size_t room = b->room ? b->room * 2 : 64;
    while (room - b->n < n) room *= 2;
    char    *p = tm_take(t, room, 1);
    uint8_t *trust = tm_take(t, room, 1);
    if (b->n) memcpy(p, b->p, b->n), memcpy(trust, b->trust, b->n);
    b->p = p;
    b->trust = trust;
    b->room = room;
}

void build_put(tm *t, tm_build *b, const char *p, size_t n, bool trusted) {
    if (!n) return;
    build_room(t, b, n);
    memcpy(b->p + b->n, p, n);
    memset(b->trust + b->n, trusted, n);
    b->n += n;
    tm_pay(t, n);
}

void build_z(tm *t, tm_build *b, const char *z) { build_put(t, b, z, strlen(z), false); }

void build_part(tm *t, tm_build *b, const tm_text *s, size_t from, size_t n) {
    if (!n) return;
    build_put(t, b, s->p + from, n, s->trusted);
    if (s->trust) memcpy(b->trust + b->n - n, s->trust + from, n);
}

void build_text(tm *t, tm_build *b, const tm_text *s) { build_part(t, b, s, 0, s->n); }

const tm_text *build_end(tm *t, tm_build *b) {
    if (!b->n) return &text_empty;
    tm_text        *s = tm_take(t, 1, sizeof *s);
    struct tm_room *room = tm_take(t, 1, sizeof *room);
    *room = (struct tm_room){b->p, b->trust, b->n, b->room};
    *s = (tm_text){.p = b->p, .trust = b->trust, .n = b->n, .room = room};
    return s;
}

/* ---- making -------------------------------------------------------------------- */

const tm_text *text_view(tm *t, str s, bool trusted) {
    if (!s.n) return &text_empty;
    tm_text *x = tm_take(t, 1, sizeof *x);
    *x = (tm_text){.p = s.p, .n = s.n, .trusted = trusted};
    return x;
}

const tm_text *text_z(tm *t, const char *z) { return text_view(t, str_of(z), false); }

const tm_text *text_copy(tm *t, str s, bool trusted) {
    if (!s.n) return &text_empty;
    char *p = tm_take(t, s.n, 1);
    memcpy(p, s.p, s.n);
    tm_pay(t, s.n);
    return text_view(t, (str){p, s.n}, trusted);
}

const tm_text *text_part(tm *t, const tm_text *s, size_t from, size_t n) {
    if (from == 0 && n == s->n) return s;
    if (!n && !s->safe) return &text_empty;
    tm_text *x = tm_take(t, 1, sizeof *x);
    *x = *s;
    x->p += from;
    x->n = n;
    if (x->trust) x->trust += from;
    if (from + n != s->n) x->room = NULL; /* what follows is not free */
    return x;
}

const tm_text *text_safe(tm *t, const tm_text *s) {
    if (s->safe) return s;
    tm_text *x = tm_take(t, 1, sizeof *x);
    *x = *s;
    x->safe = true;
    return x;
}

static void fill_trust(uint8_t *to, const tm_text *s) {
    if (!s->n) return;
    if (s->trust) memcpy(to, s->trust, s->n);
    else memset(to, s->trusted, s->n);
}

const tm_text *text_join(tm *t, const tm_text *a, const tm_text *b) {
    if (!b->n && a->safe == b->safe) return a;
    if (!a->n && a->safe == b->safe) return b;
    const size_t    n = a->n + b->n;
    tm_text        *x = tm_take(t, 1, sizeof *x), moved;
    struct tm_room *room = a->room;
    tm_pay(t, b->n);
    if (!room || a->p + a->n != room->p + room->n || b->n > room->cap - room->n) {
        /* The first join of short strings is exact: most strings are joined once. */
        const size_t cap = a->room ? 2 * n + 64 : n + n / 8;
        room = tm_take(t, 1, sizeof *room);
        *room = (struct tm_room){.p = tm_take(t, cap, 1), .trust = tm_take(t, cap, 1), .n = a->n, .cap = cap};
        if (a->n) memcpy(room->p, a->p, a->n);
        fill_trust(room->trust, a);
        tm_pay(t, a->n);
        moved = (tm_text){.p = room->p, .trust = room->trust, .n = a->n};
        a = &moved;
    }
    if (b->n) memcpy(room->p + room->n, b->p, b->n);
    fill_trust(room->trust + room->n, b);
    room->n += b->n;
    *x = (tm_text){.p = a->p, .trust = room->trust + (a->p - room->p), .n = n, .room = room};
    return x;
}

const tm_text *text_escape(tm *t, const tm_text *s) {
    if (s->safe) return s;
    tm_build b = {0};
    size_t   done = 0;
    tm_pay(t, s->n);
    for (size_t i = 0; i < s->n; i++) {
        const char *to = s->p[i] == '&' ? "&amp;" : s->p[i] == '<' ? "&lt;" : s->p[i] == '>' ? "&gt;" : s->p[i] == '"' ? "&#34;" : s->p[i] == '\'' ? "&#39;" : NULL;
        if (!to) continue;
        build_part(t, &b, s, done, i - done);
        build_put(t, &b, to, strlen(to), byte_trusted(s, i));
        done = i + 1;
    }
    if (!done) return text_safe(t, s);
    build_part(t, &b, s, done, s->n - done);
    return text_safe(t, build_end(t, &b));
}

/* ---- asking ---------------------------------------------------------------------- */

bool text_is(const tm_text *s, const char *z) { return str_is(text_str(s), z); }
bool text_eq(const tm_text *a, const tm_text *b) { return a == b || str_eq(text_str(a), text_str(b)); }
bool byte_trusted(const tm_text *s, size_t i) { return s->trust ? s->trust[i] : s->trusted; }

static bool is_start(char c) { return ((uint8_t)c & 0xc0) != 0x80; }

size_t text_len(tm *t, const tm_text *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += is_start(s->p[i]);
    tm_pay(t, s->n / 2);
    return n;
}

size_t text_at(tm *t, const tm_text *s, size_t k) {
    size_t i = 0;
    for (; i < s->n; i++)
        if (is_start(s->p[i]) && k-- == 0) break;
    tm_pay(t, i);
    return i;
}

size_t char_at(const tm_text *s, size_t at, uint32_t *cp) {
    size_t n = utf8_decode(s->p + at, s->n - at, cp);
    if (n) return n;
    *cp = 0xfffd; /* only a template's own broken bytes come here: JSON is checked */
    return 1;
}

size_t text_find(tm *t, const tm_text *s, const tm_text *what, size_t from) {
    if (from > s->n || what->n > s->n - from) return SIZE_MAX;
    if (!what->n) return from;
    const char *hit = memmem(s->p + from, s->n - from, what->p, what->n);
    tm_pay(t, 8 + 2 * (hit ? (size_t)(hit - s->p) - from : s->n - from));
    return hit ? (size_t)(hit - s->p) : SIZE_MAX;
}

bool is_space(uint32_t cp) {
    return (cp >= 9 && cp <= 13) || (cp >= 28 && cp <= 32) || cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

static bool strips(tm *t, const tm_text *chars, const char *p, size_t n, uint32_t cp) {
    if (!chars) return is_space(cp);
    tm_pay(t, chars->n);
    return memmem(chars->p, chars->n, p, n) != NULL;
}

const tm_text *text_strip(tm *t, const tm_text *s, const tm_text *chars, int sides) {
    size_t   from = 0, end = s->n, n;
    uint32_t cp;
    if (sides & 1)
        while (from < end && (n = char_at(s, from, &cp)) && strips(t, chars, s->p + from, n, cp)) from += n;
    if (sides & 2)
        while (end > from) {
            size_t at = end - 1;
            while (at > from && !is_start(s->p[at])) at--;
            char_at(s, at, &cp);
            if (!strips(t, chars, s->p + at, end - at, cp)) break;
            end = at;
        }
    tm_pay(t, 2 * (from + s->n - end));
    return text_part(t, s, from, end - from);
}

/* ---- case ------------------------------------------------------------------------- */

static const case_run *find_run(const case_run *r, size_t n, uint32_t cp) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        const size_t mid = (lo + hi) / 2;
        if (r[mid].last < cp) lo = mid + 1;
        else hi = mid;
    }
    /* Runs with a step may enclose a few others: look back over the near ones. */
    for (size_t k = lo; k < n && k < lo + 3; k++)
        if (cp >= r[k].first && cp <= r[k].last && (cp - r[k].first) % (uint32_t)r[k].step == 0) return &r[k];
    return NULL;
}

static const uint32_t *find_many(const case_many *m, size_t n, uint32_t cp) {
    for (size_t i = 0; i < n; i++)
        if (m[i].cp == cp) return m[i].to;
    return NULL;
}

uint32_t case_simple(uint32_t cp, char how) {
    const case_run *r = how == 'l' ? find_run(lower_runs, ARRAY_LEN(lower_runs), cp) : NULL;
    if (how == 't') r = find_run(title_runs, ARRAY_LEN(title_runs), cp);
    if (how != 'l' && !r) r = find_run(upper_runs, ARRAY_LEN(upper_runs), cp);
    return r ? (uint32_t)((int64_t)cp + r->diff) : cp;
}

static void put_cased(tm *t, tm_build *b, uint32_t cp, char how, bool trusted) {
    const uint32_t *m = cp < 0x80   ? NULL
                        : how == 'l' ? find_many(lower_many, ARRAY_LEN(lower_many), cp)
                        : how == 't' ? find_many(title_many, ARRAY_LEN(title_many), cp)
                                     : find_many(upper_many, ARRAY_LEN(upper_many), cp);
    const uint32_t  one[3] = {m ? 0 : case_simple(cp, how)};
    char            out[4];
    if (!m) m = one;
    for (int k = 0; k < 3 && (m[k] || k == 0); k++) build_put(t, b, out, utf8_encode(m[k], out), trusted);
}

/* At the end of a word capital sigma is written as final small sigma. */
static bool ends_word(const tm_text *s, size_t at, size_t len) {
    uint32_t cp;
    size_t   n = 0;
    bool     before = false;
    if (at > 0) {
        size_t k = at - 1;
        while (k > 0 && !is_start(s->p[k])) k--;
        char_at(s, k, &cp);
        before = uc_class(cp) & UC_LETTER;
    }
    if (at + len < s->n) n = char_at(s, at + len, &cp);
    return before && !(n && (uc_class(cp) & UC_LETTER));
}

const tm_text *text_case(tm *t, const tm_text *s, char how) {
    tm_build b = {0};
    bool     in_word = false;
    tm_pay(t, 4 * s->n);
    for (size_t i = 0, n; i < s->n; i += n) {
        uint32_t cp;
        n = char_at(s, i, &cp);
        const bool letter = cp < 0x80 ? (cp | 32) >= 'a' && (cp | 32) <= 'z' : (uc_class(cp) & (UC_UPPER | UC_LOWER)) || case_simple(cp, 'u') != cp || case_simple(cp, 'l') != cp;
        char       to = how;
        if (how == 'c') to = i ? 'l' : 't';
        if (how == 't') to = in_word ? 'l' : 't';
        if (how == 's') to = case_simple(cp, 'l') != cp ? 'l' : 'u';
        if (how == 'f') { /* what is several capitals folds as they do: ss */
            const uint32_t *m = cp < 0x80 ? NULL : find_many(upper_many, ARRAY_LEN(upper_many), cp);
            for (int k = 0; m && k < 3 && m[k]; k++) put_cased(t, &b, m[k], 'l', byte_trusted(s, i));
            if (!m) put_cased(t, &b, cp == 0x3c2 ? 0x3c3 : cp, 'l', byte_trusted(s, i));
            continue;
        }
        if (cp == 0xfffd) build_part(t, &b, s, i, n);
        else if (to == 'l' && cp == 0x3a3) put_cased(t, &b, ends_word(s, i, n) ? 0x3c2 : 0x3c3, 'l', byte_trusted(s, i));
        else put_cased(t, &b, cp, to, byte_trusted(s, i));
        in_word = letter;
    }
    const tm_text *out = build_end(t, &b);
    return s->safe ? text_safe(t, out) : out;
}
