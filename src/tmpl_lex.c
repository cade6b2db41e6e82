/* tmpl_lex.c - template source to tokens.
 *
 * Settings are those of transformers: trim_blocks (the newline behind a tag goes), lstrip_blocks
 * (blanks before a tag that begins a line go), the last newline of the source goes.  A sign inside
 * the delimiter overrides: {%- strips all white space, {%+ keeps it. */
#include "tmpl.h"
#include <string.h>

typedef struct {
    tm         *t;
    const char *p, *end;
    tm_tokens  *out;
    bool        line_starting; /* the last tag ended in a newline */
} lexer;

static void push(lexer *l, tm_token k) {
    tm_tokens *o = l->out;
    if (o->n == o->room) {
        const size_t room = o->room ? 2 * o->room : 64;
        tm_token    *v = tm_take(l->t, room, sizeof *v);
        if (o->n) memcpy(v, o->v, o->n * sizeof *v);
        o->v = v;
        o->room = room;
    }
    k.line = l->t->line;
    o->v[o->n++] = k;
}

static void advance(lexer *l, const char *to) {
    for (; l->p < to; l->p++) l->t->line += *l->p == '\n';
}

/* Bytes of the white space at p, backwards from p when back. */
static const char *skip_space(const char *p, const char *end) {
    while (p < end) {
        uint32_t cp;
        size_t   n = utf8_decode(p, (size_t)(end - p), &cp);
        if (!n || !is_space(cp)) break;
        p += n;
    }
    return p;
}

static const char *trim_space(const char *from, const char *end) {
    while (end > from) {
        const char *q = end - 1;
        uint32_t    cp;
        while (q > from && ((uint8_t)*q & 0xc0) == 0x80) q--;
        if (!utf8_decode(q, (size_t)(end - q), &cp) || !is_space(cp)) break;
        end = q;
    }
    return end;
}

/* ---- text between tags --------------------------------------------------------- */

/* The text before a tag whose delimiter is followed by `sign`. */
static void push_data(lexer *l, const char *from, const char *to, char sign, bool is_variable) {
    const char *end = to;
    if (sign == '-') end = trim_space(from, to);
    else if (sign != '+' && !is_variable) {
        const char *line = to;
        while (line > from && line[-1] != '\n') line--;
        if ((line > from || l->line_starting) && skip_space(line, to) == to) end = line;
    }
    if (end > from) push(l, (tm_token){.kind = T_DATA, .s = {from, (size_t)(end - from)}});
}

static bool at(const lexer *l, const char *p, const char *z) {
    const size_t n = strlen(z);
    return n <= (size_t)(l->end - p) && !memcmp(p, z, n);
}

/* `{% word %}` behind p: p is behind the two bytes of the delimiter.  NULL: it is not.  *last is the
 * sign before the %}. */
static const char *bare_tag(const lexer *l, const char *p, const char *word, char *last) {
    if (p < l->end && (*p == '-' || *p == '+')) p++;
    p = skip_space(p, l->end);
    if (!at(l, p, word)) return NULL;
    p = skip_space(p + strlen(word), l->end);
    *last = 0;
    if (p < l->end && (*p == '-' || *p == '+')) *last = *p++;
    return at(l, p, "%}") ? p + 2 : NULL;
}

/* What may be dropped behind a tag's end. */
static const char *behind_tag(const lexer *l, const char *p, char sign) {
    if (sign == '-') return skip_space(p, l->end);
    return sign != '+' && p < l->end && *p == '\n' ? p + 1 : p;
}

static void end_tag(lexer *l, const char *to) {
    advance(l, to);
    l->line_starting = to[-1] == '\n';
}

static void skip_comment(lexer *l) {
    const char *p = l->p + 2, *q;
    if (p < l->end && (*p == '-' || *p == '+')) p++;
    if (p == l->end) {
        end_tag(l, p);
        return;
    }
    for (q = p; q < l->end && !at(l, q, "#}");) q++;
    if (q >= l->end) tm_fail(l->t, "a comment has no end");
    const char sign = q > p && (q[-1] == '-' || q[-1] == '+') ? q[-1] : 0;
    end_tag(l, behind_tag(l, q + 2, sign));
}

static void raw_text(lexer *l, const char *from) {
    advance(l, from);
    if (from == l->end) return; /* jinja2 misses an end only where something follows */
    for (const char *q = from; q < l->end; q++) {
        char        last;
        const char *end = at(l, q, "{%") ? bare_tag(l, q + 2, "endraw", &last) : NULL;
        if (!end) continue;
        l->line_starting = from[-1] == '\n';
        push_data(l, from, q, q[2] == '-' || q[2] == '+' ? q[2] : 0, false);
        end_tag(l, behind_tag(l, end, last));
        return;
    }
    tm_fail(l->t, "raw has no endraw");
}

/* ---- inside tags ------------------------------------------------------------------- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_alpha(char c) { return ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_'; }

/* Digits with single underscores between them. */
static const char *digits(const char *p, const char *end) {
    const char *q = p;
    while (q < end && (is_digit(*q) || (*q == '_' && q > p && q + 1 < end && is_digit(q[1])))) q++;
    return q;
}

static bool radix_number(lexer *l) {
    const char *p = l->p + 2;
    const char  c = (char)(l->p[1] | 32);
    const int   base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
    if (!base) return false;
    const char *q = p;
    for (; q < l->end; q++) {
        const char *d = *q == '_' && q + 1 < l->end ? q + 1 : q;
        const int   v = is_digit(*d) ? *d - '0' : (*d | 32) >= 'a' && (*d | 32) <= 'f' ? (*d | 32) - 'a' + 10 : 99;
        if (v >= base) break;
        q = d;
    }
    if (q == p) return false;
    push(l, (tm_token){.kind = T_INT, .s = {l->p, (size_t)(q - l->p)}, .lit = big_parse(l->t, (str){p, (size_t)(q - p)}, base, false)});
    l->p = q;
    return true;
}

static void number(lexer *l) {
    if (*l->p == '0' && l->end - l->p > 2 && radix_number(l)) return;
    const char *q = digits(l->p, l->end), *f = q;
    /* `a.0.1` are two items, not an item 0.1 */
    const bool after_dot = l->out->n && l->out->v[l->out->n - 1].kind == T_OP && *l->out->v[l->out->n - 1].s.p == '.' && l->p[-1] == '.';
    if (f + 1 < l->end && *f == '.' && is_digit(f[1])) f = digits(f + 1, l->end);
    if (f < l->end && (*f | 32) == 'e') {
        const char *e = f + 1;
        if (e < l->end && (*e == '+' || *e == '-')) e++;
        if (e < l->end && is_digit(*e)) f = digits(e, l->end);
    }
    if (f > q && !after_dot) {
        const tm_text s = {.p = l->p, .n = (size_t)(f - l->p)};
        double        d = 0;
        parse_float(l->t, &s, &d);
        push(l, (tm_token){.kind = T_FLOAT, .s = text_str(&s), .lit = v_float(d)});
        l->p = f;
        return;
    }
    if (*l->p == '0') /* 012 reads as two numbers, which the parser then refuses */
        for (q = l->p; q < l->end && (*q == '0' || (*q == '_' && q + 1 < l->end && q[1] == '0'));) q++;
    push(l, (tm_token){.kind = T_INT, .s = {l->p, (size_t)(q - l->p)}, .lit = big_parse(l->t, (str){l->p, (size_t)(q - l->p)}, 10, false)});
    l->p = q;
}

static int hex_digit(char c) { return is_digit(c) ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1; }

/* One escape of a string literal, p behind the backslash; Python's rules. */
static const char *escape(lexer *l, const char *p, const char *end, char **w) {
    static const char from[] = "ntrabfv\\'\"", to[] = "\n\t\r\a\b\f\v\\'\"";
    const char        c = *p++;
    const char       *k = c ? strchr(from, c) : NULL;
    uint32_t          cp = 0;
    if (c == '\n') return p;
    if (k) {
        *(*w)++ = to[k - from];
        return p;
    }
    if (c >= '0' && c <= '7') {
        p--;
        for (int i = 0; i < 3 && p < end && *p >= '0' && *p <= '7'; i++) cp = cp * 8 + (uint32_t)(*p++ - '0');
    } else if (c == 'x' || c == 'u' || c == 'U') {
        const int n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        for (int i = 0; i < n; i++, p++) {
            if (p >= end || hex_digit(*p) < 0) tm_fail(l->t, "\\%c in a string needs %d hexadecimal digits", c, n);
            cp = cp << 4 | (uint32_t)hex_digit(*p);
        }
        if (cp > 0x10ffff) tm_fail(l->t, "\\U in a string: there is no such character");
    } else if (c == 'N') {
        tm_fail(l->t, "\\N{..} in a string is not supported: write \\u and the number");
    } else { /* not an escape: the backslash stays */
        *(*w)++ = '\\';
        *(*w)++ = c;
        return p;
    }
    if (cp >= 0xd800 && cp < 0xe000) cp = 0xfffd; /* half of a pair: UTF-8 cannot hold it */
    *w += utf8_encode(cp, *w);
    return p;
}

static void string(lexer *l) {
    const char  quote = *l->p;
    const char *p = l->p + 1, *end = p;
    while (end < l->end && *end != quote) end += *end == '\\' && end + 1 < l->end ? 2 : 1;
    if (end >= l->end) tm_fail(l->t, "a string has no end");
    /* No escape is shorter than what it stands for, except that \N.. fails. */
    char *s = tm_take(l->t, (size_t)(end - p) + 4, 1), *w = s;
    while (p < end)
        if (*p == '\\') p = escape(l, p + 1, end, &w);
        else *w++ = *p++;
    push(l, (tm_token){.kind = T_STR, .s = {l->p, (size_t)(end - l->p) + 1}, .lit = v_str(text_view(l->t, (str){s, (size_t)(w - s)}, true))});
    advance(l, end + 1);
}

static size_t name_bytes(const char *p, const char *end) {
    const char *q = p;
    while (q < end) {
        uint32_t cp;
        size_t   n;
        if (is_alpha(*q) || (q > p && is_digit(*q))) q++;
        else if ((uint8_t)*q >= 0x80 && (n = utf8_decode(q, (size_t)(end - q), &cp)) && (uc_class(cp) & (UC_LETTER | (q > p ? UC_MARK | UC_NUMBER : 0)))) q += n;
        else break;
    }
    return (size_t)(q - p);
}

static void operator(lexer *l) {
    static const char two[] = "//**==!=>=<=";
    size_t            n = 1;
    for (const char *k = two; *k && l->end - l->p > 1; k += 2)
        if (l->p[0] == k[0] && l->p[1] == k[1]) n = 2;
    if (n == 1 && (!*l->p || !strchr("+-/*%~[](){}><=.:|,;", *l->p))) {
        if ((uint8_t)*l->p < 0x20 || (uint8_t)*l->p >= 0x7f) tm_fail(l->t, "unexpected byte 0x%02x", (uint8_t)*l->p);
        tm_fail(l->t, "unexpected character '%c'", *l->p);
    }
    push(l, (tm_token){.kind = T_OP, .s = {l->p, n}});
    l->p += n;
}

/* From behind the delimiter to behind the tag's end. */
static void inside(lexer *l, bool is_variable) {
    char   open[TEMPLATE_MAX_DEPTH];
    size_t depth = 0;
    for (;;) {
        advance(l, skip_space(l->p, l->end));
        tm_pay(l->t, 8);
        if (l->p >= l->end) return; /* the parser tells what is missing */
        const char  c = *l->p;
        const char *q = l->p;
        if (!depth) {
            char sign = 0;
            if (c == '-' || (c == '+' && !is_variable)) sign = *q++;
            if (at(l, q, is_variable ? "}}" : "%}")) {
                push(l, (tm_token){.kind = is_variable ? T_VAR_END : T_BLOCK_END, .s = {l->p, 2}});
                end_tag(l, is_variable && !sign ? q + 2 : behind_tag(l, q + 2, sign));
                return;
            }
        }
        size_t n;
        if (is_digit(c)) number(l);
        else if (c == '"' || c == '\'') string(l);
        else if ((n = name_bytes(l->p, l->end))) {
            push(l, (tm_token){.kind = T_NAME, .s = {l->p, n}});
            l->p += n;
        } else {
            if (c == '(' || c == '[' || c == '{') {
                if (depth == sizeof open) tm_fail(l->t, "brackets nested deeper than %zu", sizeof open);
                open[depth++] = c == '(' ? ')' : c == '[' ? ']' : '}';
            }
            if ((c == ')' || c == ']' || c == '}') && (!depth || open[--depth] != c)) tm_fail(l->t, "unexpected '%c'", c);
            operator(l);
        }
    }
}

/* ---- the whole source ------------------------------------------------------------------ */

/* A copy with \n as the only line end, without the last one. */
static str normal_lines(tm *t, str s) {
    char  *p = tm_take(t, s.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n') continue;
        p[n++] = s.p[i] == '\r' ? '\n' : s.p[i];
    }
    if (n && p[n - 1] == '\n') n--;
    return (str){p, n};
}

void tm_lex(tm *t, str source, tm_tokens *out) {
    source = normal_lines(t, source);
    lexer l = {.t = t, .p = source.p, .end = source.p + source.n, .out = out, .line_starting = true};
    t->line = 1;
    while (l.p < l.end) {
        const char *q = l.p;
        while ((q = memchr(q, '{', (size_t)(l.end - q))) && !(q + 1 < l.end && (q[1] == '{' || q[1] == '%' || q[1] == '#'))) q++;
        if (!q) q = l.end;
        if (q == l.end) {
            push(&l, (tm_token){.kind = T_DATA, .s = {l.p, (size_t)(q - l.p)}});
            advance(&l, q);
            break;
        }
        const char sign = q + 2 < l.end && (q[2] == '-' || q[2] == '+') ? q[2] : 0;
        const bool is_variable = q[1] == '{';
        push_data(&l, l.p, q, sign, is_variable);
        advance(&l, q);
        char        last;
        const char *raw = q[1] == '%' ? bare_tag(&l, q + 2, "raw", &last) : NULL;
        if (q[1] == '#') {
            skip_comment(&l);
        } else if (raw && last != '+') {
            raw_text(&l, last == '-' ? skip_space(raw, l.end) : raw);
        } else {
            push(&l, (tm_token){.kind = is_variable ? T_VAR_BEGIN : T_BLOCK_BEGIN, .s = {q, 2}});
            advance(&l, q + 2 + (sign != 0));
            inside(&l, is_variable);
        }
    }
    push(&l, (tm_token){.kind = T_EOF, .s = {l.end, 0}});
}
