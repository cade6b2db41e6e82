/* tmpl_fmt.c - '%5.2f' % x, '{:>10}'.format(x).
 *
 * What a field shows keeps its provenance where it is a string; padding takes that of the format. */
#include "tmpl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One field's wishes; both notations fill it. */
typedef struct {
    const tm_text *fill; /* one character */
    char           align, sign, type, group; /* 0: not given */
    bool           alt, zero, z;
    int64_t        width, precision; /* -1: not given */
} spec;

#define MAX_PRECISION 4000

static const tm_text blank = {.p = " ", .n = 1}, zero_char = {.p = "0", .n = 1};

static void put_fill(tm *t, tm_build *b, const spec *s, int64_t n) {
    if (n > (int64_t)t->pool->cap) tm_fail(t, "a string of more than %zu bytes", t->pool->cap);
    for (; n > 0; n--) build_text(t, b, s->fill);
}

static void put_aligned(tm *t, tm_build *b, const spec *s, const tm_text *x, char fallback) {
    const int64_t pad = s->width - (int64_t)text_len(t, x);
    const char    align = s->align ? s->align : fallback;
    const int64_t left = pad <= 0 || align == '<' ? 0 : align == '^' ? pad / 2 : pad;
    put_fill(t, b, s, left);
    build_text(t, b, x);
    put_fill(t, b, s, pad - left);
}

/* As Python's ascii(): what lies beyond is written as an escape. */
static tm_build ascii_only(tm *t, const tm_build *in) {
    const tm_text s = {.p = in->p ? in->p : "", .trust = in->trust, .n = in->n};
    tm_build      b = {0};
    for (size_t i = 0, n; i < s.n; i += n) {
        uint32_t cp;
        char     z[12];
        n = char_at(&s, i, &cp);
        if (cp < 0x80) build_part(t, &b, &s, i, n);
        else build_put(t, &b, z, (size_t)snprintf(z, sizeof z, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp), byte_trusted(&s, i));
    }
    return b;
}

/* ---- numbers ------------------------------------------------------------------------- */

/* sign and prefix, then digits: zeros and `=` go between the two. */
static void put_number(tm *t, tm_build *b, const spec *s, const char *head, const char *digits, size_t n) {
    tm_build body = {0};
    char     wide[64];
    if (s->group && s->zero && !s->align && s->width < 40 && n < 40) {
        /* The zeros are grouped too: as many digits as fill the width with their separators. */
        size_t whole = 0, more = 0;
        while (whole < n && digits[whole] >= '0' && digits[whole] <= '9') whole++;
        while (strlen(head) + n + more + 1 + (whole + more) / 3 <= (size_t)s->width || strlen(head) + n + more + (whole + more - 1) / 3 < (size_t)s->width) more++;
        memset(wide, '0', more);
        memcpy(wide + more, digits, n);
        digits = wide;
        n += more;
    }
    if (s->group) {
        const size_t each = s->group == '_' && strchr("xXob", s->type) && s->type ? 4 : 3;
        size_t       whole = 0;
        while (whole < n && ((digits[whole] >= '0' && digits[whole] <= '9') || (s->type && strchr("xX", s->type) && ((digits[whole] | 32) >= 'a' && (digits[whole] | 32) <= 'f')))) whole++;
        for (size_t i = 0; i < n; i++) {
            if (i && i < whole && (whole - i) % each == 0) build_put(t, &body, &s->group, 1, false);
            build_put(t, &body, digits + i, 1, false);
        }
    } else build_put(t, &body, digits, n, false);
    const int64_t pad = s->width - (int64_t)(strlen(head) + body.n);
    const char    align = s->align ? s->align : s->zero ? '=' : '>';
    if (align == '=') {
        build_z(t, b, head);
        put_fill(t, b, s, pad);
        build_put(t, b, body.p, body.n, false);
        return;
    }
    tm_build all = {0};
    build_z(t, &all, head);
    build_put(t, &all, body.p, body.n, false);
    put_aligned(t, b, s, build_end(t, &all), '>');
}

/* Without a type Python goes over to the exponent one digit before %g does, so that ".0" has a place. */
static void no_type(char *z, size_t room, const spec *s, double f) {
    const int    most = s->precision > 0 ? (int)s->precision : 1;
    const size_t whole = strspn(z, "0123456789");
    if (whole < (size_t)most || (*z == '0' && f != 0) || strchr(z, 'e')) {
        if (!strpbrk(z, ".e")) strcat(z, ".0");
        return;
    }
    snprintf(z, room, s->alt ? "%#.*e" : "%.*e", most - 1, f);
    plain_point(z);
    char *e = strchr(z, 'e'), *end = e;
    while (!s->alt && most > 1 && end[-1] == '0') end--;
    if (!s->alt && most > 1 && end[-1] == '.') end--;
    memmove(end, e, strlen(e) + 1);
}

static void put_float(tm *t, tm_build *b, const spec *s, double f) {
    const bool negative = signbit(f) && !isnan(f);
    const char head[2] = {negative ? '-' : s->sign == '+' || s->sign == ' ' ? s->sign : 0, 0};
    int64_t    precision = s->precision;
    char       type = s->type;
    if (precision > MAX_PRECISION) tm_fail(t, "a number of more than %d digits", MAX_PRECISION);
    char *z = tm_take(t, (size_t)(precision < 0 ? 6 : precision) + 400, 1);
    if (type == '%') f *= 100;
    if (!isfinite(f)) strcpy(z, isnan(f) ? (type && strchr("FEG", type) ? "NAN" : "nan") : type && strchr("FEG", type) ? "INF" : "inf");
    else if (!type && precision < 0) {
        tm_build r = {0};
        show(t, &r, v_float(fabs(f)));
        snprintf(z, 400, "%.*s", (int)r.n, r.p);
    } else {
        char c[8] = "%";
        const char like = !type || type == 'n' ? 'g' : type == '%' ? 'f' : type;
        snprintf(c + 1, 7, s->alt ? "#.*%c" : ".*%c", like);
        /* -Wformat-nonliteral is not on, and `like` was checked to be one of efgEFG. */
        snprintf(z, (size_t)(precision < 0 ? 6 : precision) + 400, c, (int)(precision < 0 ? 6 : precision), fabs(f));
        plain_point(z);
        if (!type) no_type(z, (size_t)precision + 400, s, fabs(f));
        if (type == '%') strcat(z, "%");
    }
    put_number(t, b, s, head, z, strlen(z));
}

static void put_int(tm *t, tm_build *b, const spec *s, val v) {
    char     head[4] = "", *h = head;
    tm_build d = {0};
    const bool negative = big_compare(t, v, v_int(0)) < 0;
    if (negative) *h++ = '-';
    else if (s->sign == '+' || s->sign == ' ') *h++ = s->sign;
    const int base = s->type == 'x' || s->type == 'X' ? 16 : s->type == 'o' ? 8 : s->type == 'b' ? 2 : 10;
    if (s->alt && base != 10) *h++ = '0', *h++ = s->type;
    *h = 0;
    if (base == 10) show(t, &d, v.kind == V_BOOL ? v_int(v.b) : v);
    else {
        if (v.kind == V_BIG) tm_fail(t, "a number too large for base %d", base);
        char     z[65];
        int      k = 65;
        uint64_t u = v.kind == V_BOOL ? v.b : negative ? 0 - (uint64_t)v.i : (uint64_t)v.i;
        do z[--k] = (s->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[u % (unsigned)base];
        while (u /= (unsigned)base);
        build_put(t, &d, z + k, (size_t)(65 - k), false);
    }
    const size_t skip = base == 10 && negative;
    put_number(t, b, s, head, d.p + skip, d.n - skip);
}

static const tm_text *char_of(tm *t, val v) {
    char          out[4];
    const int64_t i = need_int(t, v, "a character's number");
    if (i < 0 || i > 0x10ffff) tm_fail(t, "there is no character of number %lld", (long long)i);
    return text_copy(t, (str){out, utf8_encode((uint32_t)i, out)}, false);
}

/* ---- '{}'.format ------------------------------------------------------------------------ */

/* [[fill]align][sign][z][#][0][width][group][.precision][type] */
static spec read_spec(tm *t, const tm_text *z) {
    spec     s = {.fill = &blank, .precision = -1};
    size_t   i = 0, n;
    uint32_t cp;
    if (z->n && (n = char_at(z, 0, &cp)) < z->n && z->p[n] && strchr("<>^=", z->p[n])) s.fill = text_part(t, z, 0, n), s.align = z->p[n], i = n + 1;
    else if (z->n && *z->p && strchr("<>^=", *z->p)) s.align = z->p[i++];
    if (i < z->n && z->p[i] && strchr("+- ", z->p[i])) s.sign = z->p[i++];
    if (i < z->n && z->p[i] == 'z') s.z = true, i++;
    if (i < z->n && z->p[i] == '#') s.alt = true, i++;
    if (i < z->n && z->p[i] == '0') {
        s.zero = true;
        if (s.fill == &blank) s.fill = &zero_char;
        i++;
    }
    for (; i < z->n && z->p[i] >= '0' && z->p[i] <= '9'; i++)
        if ((s.width = s.width * 10 + z->p[i] - '0') > INT32_MAX) tm_fail(t, "a width too large");
    if (i < z->n && (z->p[i] == ',' || z->p[i] == '_')) s.group = z->p[i++];
    if (i < z->n && z->p[i] == '.') {
        s.precision = 0;
        if (++i == z->n || z->p[i] < '0' || z->p[i] > '9') tm_fail(t, "a format without precision behind the dot");
        for (; i < z->n && z->p[i] >= '0' && z->p[i] <= '9'; i++)
            if ((s.precision = s.precision * 10 + z->p[i] - '0') > INT32_MAX) tm_fail(t, "a precision too large");
    }
    if (i < z->n) s.type = z->p[i++];
    if (i < z->n) tm_fail(t, "'%.*s' is not a format", z->n < 40 ? (int)z->n : 40, z->p);
    return s;
}

static void put_text(tm *t, tm_build *b, const spec *s, const tm_text *x) {
    if (s->precision >= 0 && (size_t)s->precision < text_len(t, x)) x = text_part(t, x, 0, text_at(t, x, (size_t)s->precision));
    put_aligned(t, b, s, x, '<');
}

static void put_value(tm *t, tm_build *b, val v, const tm_text *z) {
    if (!z->n) {
        show(t, b, v);
        return;
    }
    const spec s = read_spec(t, z);
    if (v.kind == V_STR) {
        if ((s.type && s.type != 's') || s.sign || s.alt || s.align == '=' || s.group) tm_fail(t, "the format does not fit a string");
        put_text(t, b, &s, v.s);
    } else if (is_integer_val(v) && (!s.type || strchr("bcdoxXn", s.type))) {
        if (s.type == 'c') put_aligned(t, b, &s, char_of(t, v), '>');
        else if (s.precision >= 0) tm_fail(t, "a precision for a whole number");
        else put_int(t, b, &s, v);
    } else if (is_number_val(v) && (!s.type || strchr("eEfFgGn%", s.type))) {
        put_float(t, b, &s, num_of(v));
    } else if (is_number_val(v)) {
        tm_fail(t, "the format does not fit a number");
    } else tm_fail(t, "a format for a value of type '%s'", kind_name(v));
}

static const val *named_arg(const tm_call *c, const tm_text *name) {
    tm_pay(c->t, 4 * c->n_kw);
    for (size_t i = 0; i < c->n_kw; i++)
        if (c->kw[i].k.kind == V_STR && text_eq(c->kw[i].k.s, name)) return &c->kw[i].v;
    return NULL;
}

/* "name.attr[item]", or a number, or nothing: the next argument. */
static val field_value(tm_call *c, const tm_text *f, int64_t *automatic) {
    tm    *t = c->t;
    size_t end = 0;
    bool   digits = true;
    val    v;
    for (; end < f->n && f->p[end] != '.' && f->p[end] != '['; end++) digits = digits && f->p[end] >= '0' && f->p[end] <= '9';
    if (digits && (end || !f->n)) {
        bool    ok;
        int64_t i = 0;
        if (end) {
            const val k = parse_int(t, text_part(t, f, 0, end), 10, &ok);
            if (*automatic > 0) tm_fail(t, "format: numbered and unnumbered fields together");
            *automatic = -1;
            i = k.kind == V_INT ? k.i : INT64_MAX;
        } else {
            if (*automatic < 0) tm_fail(t, "format: numbered and unnumbered fields together");
            i = (*automatic)++;
        }
        if ((uint64_t)i >= c->n) tm_fail(t, "format: argument %lld of %zu", (long long)i, c->n);
        v = c->v[i];
    } else {
        const val *x = named_arg(c, text_part(t, f, 0, end));
        if (!x) tm_fail(t, "format: no argument '%.*s'", end < 40 ? (int)end : 40, f->p);
        v = *x;
    }
    while (end < f->n) {
        size_t from = ++end;
        if (f->p[from - 1] == '.') {
            while (end < f->n && f->p[end] != '.' && f->p[end] != '[') end++;
            v = get_attr(t, v, text_part(t, f, from, end - from));
        } else {
            while (end < f->n && f->p[end] != ']') end++;
            if (end == f->n) tm_fail(t, "format: ']' is missing");
            const tm_text *key = text_part(t, f, from, end - from);
            bool           ok = key->n && *key->p >= '0' && *key->p <= '9';
            const val      i = ok ? parse_int(t, key, 10, &ok) : v_none();
            v = get_item(t, v, ok ? i : v_str(key));
            end++;
        }
        if (end < f->n) need_defined(t, v);
    }
    return v;
}

static void braces(tm_call *c, const tm_text *f, tm_build *b, int64_t *automatic, int depth);

/* Between the braces: field, !conversion, :format, which may hold fields itself. */
static void one_field(tm_call *c, const tm_text *f, tm_build *b, int64_t *automatic, int depth) {
    tm    *t = c->t;
    size_t end = 0;
    char   conversion = 0;
    for (bool item = false; end < f->n && (item || (f->p[end] != '!' && f->p[end] != ':')); end++) item = f->p[end] == '[' || (item && f->p[end] != ']');
    val v = field_value(c, text_part(t, f, 0, end), automatic);
    if (end < f->n && f->p[end] == '!') {
        if (end + 1 < f->n) conversion = f->p[end + 1];
        end += 2;
        if (!conversion || !strchr("rsa", conversion) || (end < f->n && f->p[end] != ':')) tm_fail(t, "format: a conversion is !r, !s or !a");
    }
    tm_build z = {0}, r = {0};
    if (end < f->n) braces(c, text_part(t, f, end + 1, f->n - end - 1), &z, automatic, depth + 1);
    if (conversion == 's') v = v_str(to_text(t, v));
    else if (conversion) {
        show_repr(t, &r, v);
        if (conversion == 'a') r = ascii_only(t, &r);
        v = v_str(build_end(t, &r));
    }
    put_value(t, b, v, build_end(t, &z));
}

static void braces(tm_call *c, const tm_text *f, tm_build *b, int64_t *automatic, int depth) {
    tm *t = c->t;
    if (depth > 2) tm_fail(t, "format: fields nested too deep");
    for (size_t i = 0; i < f->n;) {
        const char ch = f->p[i];
        if ((ch == '{' || ch == '}') && i + 1 < f->n && f->p[i + 1] == ch && !depth) {
            build_part(t, b, f, i, 1);
            i += 2;
        } else if (ch == '{') {
            size_t end = ++i;
            for (int open = 1; end < f->n && (open += (f->p[end] == '{') - (f->p[end] == '}')); end++) {}
            if (end >= f->n) tm_fail(t, "format: '}' is missing");
            one_field(c, text_part(t, f, i, end - i), b, automatic, depth);
            i = end + 1;
        } else if (ch == '}') {
            tm_fail(t, "format: a single '}'");
        } else {
            size_t end = i;
            while (end < f->n && f->p[end] != '{' && f->p[end] != '}') end++;
            build_part(t, b, f, i, end - i);
            i = end;
        }
    }
}

val format_braces(tm *t, const tm_text *f, tm_call *c) {
    tm_build b = {0};
    int64_t  automatic = 0;
    c->t = t;
    braces(c, f, &b, &automatic, 0);
    const tm_text *s = build_end(t, &b);
    return v_str(f->safe ? text_safe(t, s) : s);
}

/* ---- '%s' % ---------------------------------------------------------------------------------- */

typedef struct {
    tm            *t;
    const tm_text *f;
    size_t         i;
    val            args; /* tuple, dict, or one value */
    const tm_call *kw;
    size_t         used;
    bool           is_named;
} percent;

static val next_arg(percent *p) {
    if (p->args.kind == V_TUPLE) {
        if (p->used >= p->args.l->n) tm_fail(p->t, "fewer values than the format asks for");
        return p->args.l->v[p->used++];
    }
    if (p->used++) tm_fail(p->t, "fewer values than the format asks for");
    return p->args;
}

static int64_t number(percent *p) {
    int64_t n = 0;
    if (p->i < p->f->n && p->f->p[p->i] == '*') {
        p->i++;
        return need_int(p->t, next_arg(p), "a width");
    }
    for (; p->i < p->f->n && p->f->p[p->i] >= '0' && p->f->p[p->i] <= '9'; p->i++)
        if ((n = n * 10 + p->f->p[p->i] - '0') > INT32_MAX) tm_fail(p->t, "a width too large");
    return n;
}

static void directive(percent *p, tm_build *b) {
    tm            *t = p->t;
    const tm_text *f = p->f;
    spec           s = {.fill = &blank, .precision = -1};
    val            v = v_undef();
    bool           has = false;
    if (p->i < f->n && f->p[p->i] == '(') {
        size_t end = ++p->i;
        for (int open = 1; end < f->n && (open += (f->p[end] == '(') - (f->p[end] == ')')); end++) {}
        if (end >= f->n) tm_fail(t, "a format without ')'");
        const tm_text *name = text_part(t, f, p->i, end - p->i);
        const val     *x = p->kw ? named_arg(p->kw, name) : p->args.kind == V_DICT ? dict_get(t, p->args.d, v_str(name)) : NULL;
        if (!x) tm_fail(t, "the format asks for '%.*s', which is not given", name->n < 40 ? (int)name->n : 40, name->p);
        v = *x;
        has = p->is_named = true;
        p->i = end + 1;
    }
    for (; p->i < f->n && f->p[p->i] && strchr("-+ #0", f->p[p->i]); p->i++) switch (f->p[p->i]) {
        case '-': s.align = '<'; break;
        case '+': s.sign = '+'; break;
        case ' ': if (!s.sign) s.sign = ' '; break;
        case '#': s.alt = true; break;
        default: s.zero = true;
        }
    s.width = number(p);
    if (s.width < -INT32_MAX) tm_fail(t, "a width too large");
    if (s.width < 0) s.width = -s.width, s.align = '<';
    if (p->i < f->n && f->p[p->i] == '.') p->i++, s.precision = number(p);
    while (p->i < f->n && f->p[p->i] && strchr("hlL", f->p[p->i])) p->i++;
    if (p->i >= f->n) tm_fail(t, "the format ends inside a field");
    const char type = f->p[p->i++];
    if (type == '%') {
        build_part(t, b, f, p->i - 1, 1);
        return;
    }
    if (!type || !strchr("srafFeEgGdiuxXoc", type)) tm_fail(t, "a format has no type '%c'", type);
    if (!has) v = next_arg(p);
    if (type == 's' || type == 'r' || type == 'a') {
        tm_build x = {0};
        if (type == 's') show(t, &x, v);
        else show_repr(t, &x, v);
        if (type == 'a') x = ascii_only(t, &x);
        spec plain = s;
        plain.zero = false;
        if (!plain.align) plain.align = '>';
        put_text(t, b, &plain, build_end(t, &x));
        return;
    }
    need_defined(t, v);
    if (type == 'c') {
        if (v.kind == V_STR && text_len(t, v.s) != 1) tm_fail(t, "%%c wants one character");
        if (!s.align) s.align = '>';
        put_aligned(t, b, &s, v.kind == V_STR ? v.s : char_of(t, v), '>');
        return;
    }
    if (!is_number_val(v)) tm_fail(t, "%%%c wants a number, not '%s'", type, kind_name(v));
    if (s.zero && !s.align) s.fill = &zero_char;
    if (strchr("fFeEgG", type)) {
        s.type = type;
        put_float(t, b, &s, num_of(v));
        return;
    }
    if (v.kind == V_FLOAT && strchr("xXo", type)) tm_fail(t, "%%%c wants a whole number", type);
    s.type = strchr("diu", type) ? 'd' : type;
    const val whole = v.kind == V_FLOAT ? int_of_double(t, v.f) : v;
    if (s.precision >= 0) { /* at least so many digits: rare, so only without a width */
        if (s.precision > MAX_PRECISION) tm_fail(t, "a number of more than %d digits", MAX_PRECISION);
        s.width = s.precision + (s.sign || big_compare(t, whole, v_int(0)) < 0) + (s.alt && s.type != 'd' ? 2 : 0);
        s.zero = true, s.fill = &zero_char, s.align = 0;
    }
    put_int(t, b, &s, whole);
}

val format_percent(tm *t, const tm_text *f, val args, const tm_call *kw) {
    percent  p = {.t = t, .f = f, .args = args, .kw = kw};
    tm_build b = {0};
    while (p.i < f->n) {
        size_t end = p.i;
        while (end < f->n && f->p[end] != '%') end++;
        build_part(t, &b, f, p.i, end - p.i);
        p.i = end + 1;
        if (end < f->n) directive(&p, &b);
    }
    /* Python lets whatever has items go unused. */
    const bool takes_none = args.kind == V_DICT || args.kind == V_LIST || args.kind == V_RANGE || args.kind == V_UNDEF || kw || p.is_named;
    if (args.kind == V_TUPLE ? p.used < args.l->n : !p.used && !takes_none) tm_fail(t, "more values than the format asks for");
    const tm_text *s = build_end(t, &b);
    return v_str(f->safe ? text_safe(t, s) : s);
}
