/* tmpl_str.c - the methods of Python's strings.
 *
 * Each result is made of parts of its operands, so that every byte keeps its provenance. */
#include "tmpl.h"
#include <string.h>

static const tm_text *self(const tm_call *c) { return c->in.s; }

static const tm_text *text_arg(tm_call *c, int i) {
    need_defined(c->t, c->arg[i]);
    if (c->arg[i].kind != V_STR) tm_fail(c->t, "%s: a string is wanted, not '%s'", c->what, kind_name(c->arg[i]));
    return c->arg[i].s;
}

static int64_t int_arg(tm_call *c, int i, int64_t fallback) { return c->has[i] ? need_int(c->t, c->arg[i], c->what) : fallback; }

/* HTML stays HTML, and what is put into it is escaped. */
static val like(tm_call *c, const tm_text *s) { return v_str(self(c)->safe ? text_safe(c->t, s) : s); }

static val m_capitalize(tm_call *c) { return v_str(text_case(c->t, self(c), 'c')); }
static val m_casefold(tm_call *c) { return v_str(text_case(c->t, self(c), 'f')); }
static val m_lower(tm_call *c) { return v_str(text_case(c->t, self(c), 'l')); }
static val m_swapcase(tm_call *c) { return v_str(text_case(c->t, self(c), 's')); }
static val m_title(tm_call *c) { return v_str(text_case(c->t, self(c), 't')); }
static val m_upper(tm_call *c) { return v_str(text_case(c->t, self(c), 'u')); }

static val strip(tm_call *c, int sides) {
    const bool chars = c->has[0] && c->arg[0].kind != V_NONE;
    return v_str(text_strip(c->t, self(c), chars ? text_arg(c, 0) : NULL, sides));
}
static val m_strip(tm_call *c) { return strip(c, 3); }
static val m_lstrip(tm_call *c) { return strip(c, 1); }
static val m_rstrip(tm_call *c) { return strip(c, 2); }

/* ---- looking -------------------------------------------------------------------------- */

/* The bytes of s[start:end] by arg[1] and arg[2]; false: start lies behind end. */
static bool window(tm_call *c, size_t *from, size_t *to) {
    tm           *t = c->t;
    const int64_t n = (int64_t)text_len(t, self(c));
    int64_t       lo = c->has[1] && c->arg[1].kind != V_NONE ? int_arg(c, 1, 0) : 0, hi = c->has[2] && c->arg[2].kind != V_NONE ? int_arg(c, 2, n) : n;
    if (lo < 0) lo = lo < -n ? 0 : lo + n;
    if (hi < 0) hi = hi < -n ? 0 : hi + n;
    if (hi > n) hi = n;
    if (lo > hi) return false;
    *from = text_at(t, self(c), (size_t)lo);
    *to = text_at(t, self(c), (size_t)hi);
    return true;
}

static bool at_edge(tm *t, const tm_text *s, size_t from, size_t to, const tm_text *x, bool at_end) {
    if (x->n > to - from) return false;
    tm_pay(t, x->n / 4);
    return !x->n || !memcmp(at_end ? s->p + to - x->n : s->p + from, x->p, x->n);
}

static val edge(tm_call *c, bool at_end) {
    size_t from, to;
    need_defined(c->t, c->arg[0]);
    const bool inside = window(c, &from, &to);
    if (c->arg[0].kind == V_TUPLE) {
        const tm_list *l = c->arg[0].l;
        bool           yes = false;
        for (size_t i = 0; i < l->n; i++) {
            if (l->v[i].kind != V_STR) tm_fail(c->t, "%s: the tuple holds a '%s'", c->what, kind_name(l->v[i]));
            yes = yes || (inside && at_edge(c->t, self(c), from, to, l->v[i].s, at_end));
        }
        return v_bool(yes);
    }
    const tm_text *x = text_arg(c, 0);
    return v_bool(inside && at_edge(c->t, self(c), from, to, x, at_end));
}
static val m_startswith(tm_call *c) { return edge(c, false); }
static val m_endswith(tm_call *c) { return edge(c, true); }

static size_t find_last(tm *t, const tm_text *s, const tm_text *x, size_t from, size_t to) {
    /* Paid as it goes: a split looks from the right again and again, and text that nearly matches at
     * every place costs its length at each. */
    for (size_t i = to - (x->n < to ? x->n : to) + 1; i-- > from;) {
        tm_pay(t, 2);
        if (x->n > to - i || (x->n && s->p[i] != *x->p)) continue;
        tm_pay(t, x->n / 4);
        if (!x->n || !memcmp(s->p + i, x->p, x->n)) return i;
    }
    return SIZE_MAX;
}

static val find(tm_call *c, bool last, bool must) {
    tm            *t = c->t;
    const tm_text *x = text_arg(c, 0);
    size_t         from, to, at = SIZE_MAX;
    if (window(c, &from, &to)) {
        if (last) at = x->n <= to ? find_last(t, self(c), x, from, to) : SIZE_MAX;
        else at = text_find(t, text_part(t, self(c), 0, to), x, from);
    }
    if (at == SIZE_MAX && must) tm_fail(t, "%s: the text is not in the string", c->what);
    return v_int(at == SIZE_MAX ? -1 : (int64_t)text_len(t, text_part(t, self(c), 0, at)));
}
static val m_find(tm_call *c) { return find(c, false, false); }
static val m_rfind(tm_call *c) { return find(c, true, false); }
static val m_index(tm_call *c) { return find(c, false, true); }
static val m_rindex(tm_call *c) { return find(c, true, true); }

static val m_count(tm_call *c) {
    const tm_text *x = text_arg(c, 0);
    size_t         from, to;
    int64_t        n = 0;
    if (!window(c, &from, &to)) return v_int(0);
    const tm_text *s = text_part(c->t, self(c), 0, to);
    if (!x->n) return v_int((int64_t)text_len(c->t, text_part(c->t, s, from, to - from)) + 1);
    for (size_t at; (at = text_find(c->t, s, x, from)) != SIZE_MAX; from = at + x->n) n++;
    return v_int(n);
}

/* All characters of a class, and at least one. */
static val all(tm_call *c, bool (*is)(uint32_t)) {
    const tm_text *s = self(c);
    tm_pay(c->t, 4 * s->n);
    for (size_t i = 0, n; i < s->n; i += n) {
        uint32_t cp;
        n = char_at(s, i, &cp);
        if (!is(cp)) return v_bool(false);
    }
    return v_bool(s->n > 0);
}
static bool is_ascii_digit(uint32_t cp) { return cp >= '0' && cp <= '9'; }
/* Decimal digits beyond ASCII come in runs of ten that begin at these. */
static bool is_decimal(uint32_t cp) {
    static const uint16_t zero[] = {0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20, 0x1040,
                                    0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0,
                                    0xa9f0, 0xaa50, 0xabf0, 0xff10};
    if (is_ascii_digit(cp)) return true;
    for (size_t i = 0; i < ARRAY_LEN(zero); i++)
        if (cp >= zero[i] && cp < zero[i] + 10u) return true;
    return false;
}
static bool is_digit(uint32_t cp) {
    return is_decimal(cp) || cp == 0xb2 || cp == 0xb3 || cp == 0xb9 || cp == 0x2070 || (cp >= 0x2074 && cp <= 0x2079) || (cp >= 0x2080 && cp <= 0x2089);
}
static bool is_numeric(uint32_t cp) { return cp < 0x80 ? is_ascii_digit(cp) : uc_class(cp) & UC_NUMBER; }
static bool is_alpha(uint32_t cp) { return uc_class(cp) & UC_LETTER; }
static bool is_alnum(uint32_t cp) { return uc_class(cp) & (UC_LETTER | UC_NUMBER); }
static bool is_ascii(uint32_t cp) { return cp < 0x80; }
static bool is_name(uint32_t cp) { return cp == '_' || (uc_class(cp) & (UC_LETTER | UC_MARK | UC_NUMBER)); }
static bool is_shown(uint32_t cp) { return cp == ' ' || (uc_class(cp) & (UC_LETTER | UC_MARK | UC_NUMBER | UC_PUNCT | UC_SYMBOL)); }
static val m_isalnum(tm_call *c) { return all(c, is_alnum); }
static val m_isalpha(tm_call *c) { return all(c, is_alpha); }
static val m_isascii(tm_call *c) { return v_bool(!self(c)->n || all(c, is_ascii).b); }
static val m_isdecimal(tm_call *c) { return all(c, is_decimal); }
static val m_isdigit(tm_call *c) { return all(c, is_digit); }
static val m_isnumeric(tm_call *c) { return all(c, is_numeric); }
static val m_isprintable(tm_call *c) { return v_bool(!self(c)->n || all(c, is_shown).b); }
static val m_isspace(tm_call *c) { return all(c, is_space); }
static val m_isidentifier(tm_call *c) { return v_bool(all(c, is_name).b && !is_ascii_digit((uint8_t)*self(c)->p)); }

/* 1: lower, 2: upper, 4: neither */
static unsigned cases(tm_call *c) {
    unsigned       seen = 0;
    const tm_text *s = self(c);
    tm_pay(c->t, 4 * s->n);
    for (size_t i = 0, n; i < s->n; i += n) {
        uint32_t cp;
        n = char_at(s, i, &cp);
        seen |= uc_class(cp) & UC_LOWER ? 1u : uc_class(cp) & UC_UPPER ? 2u : 4u;
    }
    return seen;
}
static val m_islower(tm_call *c) { return v_bool((cases(c) & 3) == 1); }
static val m_isupper(tm_call *c) { return v_bool((cases(c) & 3) == 2); }
static val m_istitle(tm_call *c) { return v_bool((cases(c) & 3) && text_eq(text_case(c->t, self(c), 't'), self(c))); }

/* ---- splitting ------------------------------------------------------------------------------ */

static void push_part(tm *t, tm_list *l, const tm_text *s, size_t from, size_t to) { list_push(t, l, v_str(text_part(t, s, from, to - from))); }

static tm_list *split_space(tm *t, const tm_text *s, int64_t max) {
    tm_list *l = list_new(t, 0);
    size_t   i = 0, n;
    uint32_t cp;
    tm_pay(t, s->n);
    for (;;) {
        while (i < s->n && (n = char_at(s, i, &cp)) && is_space(cp)) i += n;
        if (i >= s->n) return l;
        if (max >= 0 && (int64_t)l->n == max) {
            push_part(t, l, s, i, s->n);
            return l;
        }
        const size_t from = i;
        while (i < s->n && (n = char_at(s, i, &cp)) && !is_space(cp)) i += n;
        push_part(t, l, s, from, i);
    }
}

static tm_list *split_at(tm *t, const tm_text *s, const tm_text *sep, int64_t max) {
    tm_list *l = list_new(t, 0);
    size_t   from = 0;
    for (size_t at; (max < 0 || (int64_t)l->n < max) && (at = text_find(t, s, sep, from)) != SIZE_MAX; from = at + sep->n) push_part(t, l, s, from, at);
    push_part(t, l, s, from, s->n);
    return l;
}

static tm_list *reversed(tm_list *l) {
    for (size_t i = 0; i < l->n / 2; i++) {
        const val x = l->v[i];
        l->v[i] = l->v[l->n - 1 - i];
        l->v[l->n - 1 - i] = x;
    }
    return l;
}

static size_t space_before(const tm_text *s, size_t end, bool want) {
    while (end > 0) {
        size_t   k = end - 1;
        uint32_t cp;
        while (k > 0 && ((uint8_t)s->p[k] & 0xc0) == 0x80) k--;
        char_at(s, k, &cp);
        if (is_space(cp) != want) break;
        end = k;
    }
    return end;
}

static tm_list *rsplit_space(tm *t, const tm_text *s, int64_t max) {
    tm_list *l = list_new(t, 0);
    size_t   end = s->n;
    tm_pay(t, s->n);
    for (;;) {
        end = space_before(s, end, true);
        if (!end) return reversed(l);
        if (max >= 0 && (int64_t)l->n == max) {
            push_part(t, l, s, 0, end);
            return reversed(l);
        }
        const size_t from = space_before(s, end, false);
        push_part(t, l, s, from, end);
        end = from;
    }
}

static tm_list *rsplit_at(tm *t, const tm_text *s, const tm_text *sep, int64_t max) {
    tm_list *l = list_new(t, 0);
    size_t   end = s->n;
    for (size_t at; (max < 0 || (int64_t)l->n < max) && sep->n <= end && (at = find_last(t, s, sep, 0, end)) != SIZE_MAX; end = at)
        push_part(t, l, s, at + sep->n, end);
    push_part(t, l, s, 0, end);
    return reversed(l);
}

static val split(tm_call *c, bool from_right) {
    const int64_t  max = int_arg(c, 1, -1);
    const tm_text *sep = c->has[0] && c->arg[0].kind != V_NONE ? text_arg(c, 0) : NULL;
    if (sep && !sep->n) tm_fail(c->t, "%s: an empty separator", c->what);
    if (!sep) return v_list(from_right ? rsplit_space(c->t, self(c), max) : split_space(c->t, self(c), max));
    return v_list(from_right ? rsplit_at(c->t, self(c), sep, max) : split_at(c->t, self(c), sep, max));
}
static val m_split(tm_call *c) { return split(c, false); }
static val m_rsplit(tm_call *c) { return split(c, true); }

static bool ends_line(uint32_t cp) {
    return (cp >= 10 && cp <= 13) || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
}

static val m_splitlines(tm_call *c) {
    tm            *t = c->t;
    const tm_text *s = self(c);
    const bool     keep = c->has[0] && truth(t, c->arg[0]);
    tm_list       *l = list_new(t, 0);
    size_t         from = 0;
    for (size_t i = 0, n; i < s->n;) {
        uint32_t cp;
        n = char_at(s, i, &cp);
        if (!ends_line(cp)) {
            i += n;
            continue;
        }
        if (cp == '\r' && i + 1 < s->n && s->p[i + 1] == '\n') n = 2;
        push_part(t, l, s, from, keep ? i + n : i);
        from = i += n;
    }
    if (from < s->n) push_part(t, l, s, from, s->n);
    tm_pay(t, s->n);
    return v_list(l);
}

static val partition(tm_call *c, bool last) {
    tm            *t = c->t;
    const tm_text *s = self(c), *sep = text_arg(c, 0);
    tm_list       *l = list_new(t, 3);
    if (!sep->n) tm_fail(t, "%s: an empty separator", c->what);
    const size_t at = last ? (sep->n <= s->n ? find_last(t, s, sep, 0, s->n) : SIZE_MAX) : text_find(t, s, sep, 0);
    const val    none = v_str(&text_empty);
    if (at == SIZE_MAX) {
        if (last) list_push(t, l, none), list_push(t, l, none);
        list_push(t, l, v_str(s));
        if (!last) list_push(t, l, none), list_push(t, l, none);
    } else {
        push_part(t, l, s, 0, at);
        list_push(t, l, v_str(sep));
        push_part(t, l, s, at + sep->n, s->n);
    }
    return v_tuple(l);
}
static val m_partition(tm_call *c) { return partition(c, false); }
static val m_rpartition(tm_call *c) { return partition(c, true); }

/* ---- making ------------------------------------------------------------------------------------ */

static val m_replace(tm_call *c) {
    tm            *t = c->t;
    const tm_text *s = self(c), *old = text_arg(c, 0), *new = text_arg(c, 1);
    int64_t        left = int_arg(c, 2, -1);
    tm_build       b = {0};
    size_t         from = 0;
    if (s->safe) new = text_escape(t, new);
    if (!old->n) { /* before every character, and at the end */
        for (size_t i = 0, n; left != 0 && i <= s->n; i += n, left--) {
            uint32_t cp;
            build_text(t, &b, new);
            n = i < s->n ? char_at(s, i, &cp) : 1;
            if (i < s->n) build_part(t, &b, s, i, n);
            from = i + n;
        }
        if (from < s->n) build_part(t, &b, s, from, s->n - from);
        return like(c, build_end(t, &b));
    }
    for (size_t at; left != 0 && (at = text_find(t, s, old, from)) != SIZE_MAX; from = at + old->n, left--) {
        build_part(t, &b, s, from, at - from);
        build_text(t, &b, new);
    }
    if (!from) return v_str(s);
    build_part(t, &b, s, from, s->n - from);
    return like(c, build_end(t, &b));
}

static val m_join(tm_call *c) {
    tm      *t = c->t;
    tm_build b = {0};
    val      x;
    bool     first = true;
    for (tm_iter it = iter_of(t, c->arg[0]); iter_next(t, &it, &x); first = false) {
        if (x.kind != V_STR) tm_fail(t, "join: the sequence holds a '%s'", kind_name(x));
        if (!first) build_text(t, &b, self(c));
        build_text(t, &b, self(c)->safe ? text_escape(t, x.s) : x.s);
    }
    return like(c, build_end(t, &b));
}

static val m_removeprefix(tm_call *c) {
    const tm_text *s = self(c), *x = text_arg(c, 0);
    return v_str(at_edge(c->t, s, 0, s->n, x, false) ? text_part(c->t, s, x->n, s->n - x->n) : s);
}
static val m_removesuffix(tm_call *c) {
    const tm_text *s = self(c), *x = text_arg(c, 0);
    return v_str(at_edge(c->t, s, 0, s->n, x, true) ? text_part(c->t, s, 0, s->n - x->n) : s);
}

static void fill(tm *t, tm_build *b, const tm_text *with, int64_t n) {
    for (; n > 0; n--) build_text(t, b, with);
}

/* how: 'l'eft, 'r'ight, 'c'entre */
static val justify(tm_call *c, char how) {
    static const tm_text blank = {.p = " ", .n = 1};
    tm                  *t = c->t;
    const tm_text       *s = self(c), *with = c->has[1] ? text_arg(c, 1) : &blank;
    const int64_t        n = (int64_t)text_len(t, s), given = int_arg(c, 0, 0), width = given < 0 ? 0 : given, pad = width - n;
    tm_build             b = {0};
    if (text_len(t, with) != 1) tm_fail(t, "%s: the filling is one character", c->what);
    if (pad <= 0) return v_str(s);
    if ((size_t)pad > t->pool->cap) tm_fail(t, "a string of more than %zu bytes", t->pool->cap);
    const int64_t left = how == 'l' ? 0 : how == 'r' ? pad : pad / 2 + (pad & width & 1); /* CPython's rounding */
    fill(t, &b, with, left);
    build_text(t, &b, s);
    fill(t, &b, with, pad - left);
    return like(c, build_end(t, &b));
}
static val m_center(tm_call *c) { return justify(c, 'c'); }
static val m_ljust(tm_call *c) { return justify(c, 'l'); }
static val m_rjust(tm_call *c) { return justify(c, 'r'); }

static val m_zfill(tm_call *c) {
    tm            *t = c->t;
    const tm_text *s = self(c);
    const int64_t  width = int_arg(c, 0, 0), pad = (width < 0 ? 0 : width) - (int64_t)text_len(t, s);
    const size_t   sign = s->n && (*s->p == '-' || *s->p == '+');
    const tm_text  zero = {.p = "0", .n = 1};
    tm_build       b = {0};
    if (pad <= 0) return v_str(s);
    if ((size_t)pad > t->pool->cap) tm_fail(t, "a string of more than %zu bytes", t->pool->cap);
    build_part(t, &b, s, 0, sign);
    fill(t, &b, &zero, pad);
    build_part(t, &b, s, sign, s->n - sign);
    return like(c, build_end(t, &b));
}

static val m_expandtabs(tm_call *c) {
    tm            *t = c->t;
    const tm_text *s = self(c);
    const int64_t  size = int_arg(c, 0, 8);
    const tm_text  blank = {.p = " ", .n = 1};
    int64_t        column = 0;
    tm_build       b = {0};
    for (size_t i = 0, n; i < s->n; i += n) {
        uint32_t cp;
        n = char_at(s, i, &cp);
        if (cp == '\t') {
            const int64_t k = size > 0 ? size - column % size : 0;
            if (k > (int64_t)t->pool->cap) tm_fail(t, "a string of more than %zu bytes", t->pool->cap);
            fill(t, &b, &blank, k);
            column += k;
            continue;
        }
        build_part(t, &b, s, i, n);
        column = cp == '\n' || cp == '\r' ? 0 : column + 1;
    }
    return like(c, build_end(t, &b));
}

static val m_format(tm_call *c) { return format_braces(c->t, self(c), c); }

static val m_format_map(tm_call *c) {
    if (c->arg[0].kind != V_DICT) tm_fail(c->t, "format_map wants a dict, not '%s'", kind_name(c->arg[0]));
    tm_call named = {.t = c->t, .kw = c->arg[0].d->e, .n_kw = c->arg[0].d->n};
    return format_braces(c->t, self(c), &named);
}

const tm_func str_methods[] = {
    {"capitalize", "", m_capitalize},   {"casefold", "", m_casefold},
    {"center", "/ width fill=", m_center}, {"count", "/ sub start= end=", m_count},
    {"endswith", "/ suffix start= end=", m_endswith},
    {"expandtabs", "tabsize=", m_expandtabs},
    {"find", "/ sub start= end=", m_find}, {"format", "* **", m_format},
    {"format_map", "/ mapping", m_format_map},
    {"index", "/ sub start= end=", m_index},
    {"isalnum", "", m_isalnum},         {"isalpha", "", m_isalpha},
    {"isascii", "", m_isascii},         {"isdecimal", "", m_isdecimal},
    {"isdigit", "", m_isdigit},         {"isidentifier", "", m_isidentifier},
    {"islower", "", m_islower},         {"isnumeric", "", m_isnumeric},
    {"isprintable", "", m_isprintable}, {"isspace", "", m_isspace},
    {"istitle", "", m_istitle},         {"isupper", "", m_isupper},
    {"join", "/ iterable", m_join},       {"ljust", "/ width fill=", m_ljust},
    {"lower", "", m_lower},             {"lstrip", "/ chars=", m_lstrip},
    {"partition", "/ sep", m_partition},  {"removeprefix", "/ prefix", m_removeprefix},
    {"removesuffix", "/ suffix", m_removesuffix},
    {"replace", "/ old new count=", m_replace},
    {"rfind", "/ sub start= end=", m_rfind},
    {"rindex", "/ sub start= end=", m_rindex},
    {"rjust", "/ width fill=", m_rjust},  {"rpartition", "/ sep", m_rpartition},
    {"rsplit", "sep= maxsplit=", m_rsplit},
    {"rstrip", "/ chars=", m_rstrip},     {"split", "sep= maxsplit=", m_split},
    {"splitlines", "keepends=", m_splitlines},
    {"startswith", "/ prefix start= end=", m_startswith},
    {"strip", "/ chars=", m_strip},       {"swapcase", "", m_swapcase},
    {"title", "", m_title},             {"upper", "", m_upper},
    {"zfill", "/ width", m_zfill},        {0},
};
