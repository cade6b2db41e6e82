/* tmpl_filter.c - filters over single values: strings, numbers, JSON. */
#include "tmpl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const tm_text *in_text(tm_call *c) { return soft_text(c->t, c->in); }
static bool flag(tm_call *c, int i, bool fallback) { return c->has[i] ? truth(c->t, c->arg[i]) : fallback; }
static int64_t int_arg(tm_call *c, int i, int64_t fallback) { return c->has[i] ? need_int(c->t, c->arg[i], c->what) : fallback; }
static bool is_given(tm_call *c, int i) { return c->has[i] && c->arg[i].kind != V_NONE; }

/* A method of strings under the name of a filter. */
static val by_method(tm_call *c, val in, const char *name, const val *args, size_t n) {
    const tm_text key = {.p = name, .n = strlen(name)};
    bool          is_unsafe;
    tm_call       inner = {.t = c->t, .v = tm_take(c->t, n, sizeof(val)), .n = n};
    for (size_t i = 0; i < n; i++) inner.v[i] = args[i];
    const tm_method m = {in, method_find(in, &key, &is_unsafe)};
    return method_call(c->t, &m, &inner);
}

static val f_upper(tm_call *c) { return v_str(text_case(c->t, in_text(c), 'u')); }
static val f_lower(tm_call *c) { return v_str(text_case(c->t, in_text(c), 'l')); }
static val f_capitalize(tm_call *c) { return v_str(text_case(c->t, in_text(c), 'c')); }

static bool before_word(uint32_t cp) { return is_space(cp) || (cp && cp < 0x80 && strchr("-({[<", (char)cp)); }

/* Words begin after blanks, hyphens and opening brackets only. */
static val f_title(tm_call *c) {
    tm            *t = c->t;
    const tm_text *s = in_text(c);
    tm_build       b = {0};
    for (size_t i = 0; i < s->n;) {
        size_t   n, end = i;
        uint32_t cp;
        char_at(s, i, &cp);
        const bool gap = before_word(cp);
        for (; end < s->n; end += n) {
            n = char_at(s, end, &cp);
            if (before_word(cp) != gap) break;
        }
        const tm_text *word = text_part(t, s, i, end - i);
        if (gap) build_text(t, &b, word);
        else {
            n = char_at(word, 0, &cp);
            build_text(t, &b, text_case(t, text_part(t, word, 0, n), 'u'));
            build_text(t, &b, text_case(t, text_part(t, word, n, word->n - n), 'l'));
        }
        i = end;
    }
    return v_str(build_end(t, &b));
}

static val f_trim(tm_call *c) {
    if (!is_given(c, 0)) return v_str(text_strip(c->t, in_text(c), NULL, 3));
    if (c->arg[0].kind != V_STR) tm_fail(c->t, "trim wants a string, not '%s'", kind_name(c->arg[0]));
    return v_str(text_strip(c->t, in_text(c), c->arg[0].s, 3));
}

static val f_replace(tm_call *c) {
    const val args[3] = {v_str(to_text(c->t, c->arg[0])), v_str(to_text(c->t, c->arg[1])), is_given(c, 2) ? c->arg[2] : v_int(-1)};
    return by_method(c, v_str(c->t->autoescape ? in_text(c) : to_text(c->t, c->in)), "replace", args, 3);
}

static val f_center(tm_call *c) {
    const val width = c->has[0] ? c->arg[0] : v_int(80);
    return by_method(c, v_str(in_text(c)), "center", &width, 1);
}

static val f_format(tm_call *c) {
    tm *t = c->t;
    if (c->n && c->n_kw) tm_fail(t, "format takes either positional or named arguments");
    if (c->n_kw) return format_percent(t, in_text(c), v_none(), c);
    tm_list *l = list_new(t, c->n);
    for (size_t i = 0; i < c->n; i++) list_push(t, l, c->v[i]);
    return format_percent(t, in_text(c), v_tuple(l), NULL);
}

static val f_string(tm_call *c) { return v_str(in_text(c)); }
static val f_escape(tm_call *c) { return v_str(text_escape(c->t, in_text(c))); }
static val f_forceescape(tm_call *c) { return v_str(text_escape(c->t, to_text(c->t, c->in))); }
static val f_safe(tm_call *c) { return v_str(text_safe(c->t, to_text(c->t, c->in))); }

static val f_default(tm_call *c) {
    const bool missing = c->in.kind == V_UNDEF || (flag(c, 1, false) && !truth(c->t, c->in));
    return !missing ? c->in : c->has[0] ? c->arg[0] : v_str(&text_empty);
}

static val f_attr(tm_call *c) {
    need_defined(c->t, c->in);
    const tm_text *name = to_text(c->t, c->arg[0]);
    /* Only attributes, not the items of a dict. */
    if (c->in.kind != V_DICT) return get_attr(c->t, c->in, name);
    bool is_unsafe = false;
    return method_find(c->in, name, &is_unsafe) || is_unsafe ? get_attr(c->t, c->in, name) : undef_attr(c->t, c->in, name);
}

/* ---- lines and words ----------------------------------------------------------------------- */

static tm_list *lines_of(tm_call *c, const tm_text *s) {
    const tm_text name = {.p = "splitlines", .n = 10};
    bool          is_unsafe;
    tm_call       inner = {.t = c->t};
    const tm_method m = {v_str(s), method_find(v_str(s), &name, &is_unsafe)};
    return list_of(c->t, method_call(c->t, &m, &inner));
}

static val f_indent(tm_call *c) {
    static const tm_text newline = {.p = "\n", .n = 1};
    tm                  *t = c->t;
    const tm_text       *s = c->in.kind == V_STR ? c->in.s : NULL, *by;
    const bool           first = flag(c, 1, false), blank = flag(c, 2, false);
    tm_build             b = {0};
    need_defined(t, c->in);
    if (!s) tm_fail(t, "indent wants a string, not '%s'", kind_name(c->in));
    if (c->has[0] && c->arg[0].kind == V_STR) by = c->arg[0].s;
    else {
        const tm_text one = {.p = " ", .n = 1};
        by = op_binary(t, '*', v_str(&one), v_int(int_arg(c, 0, 4))).s;
    }
    s = text_join(t, s, &newline); /* so that a last newline is a line */
    const tm_list *l = lines_of(c, s);
    for (size_t i = 0; i < l->n; i++) {
        if (i) build_text(t, &b, &newline);
        if (i ? blank || l->v[i].s->n : first) build_text(t, &b, by);
        build_text(t, &b, l->v[i].s);
    }
    const tm_text *out = build_end(t, &b);
    return v_str(c->in.s->safe ? text_safe(t, out) : out);
}

static val f_truncate(tm_call *c) {
    tm            *t = c->t;
    static const tm_text dots = {.p = "...", .n = 3};
    const tm_text *end = c->has[2] ? to_text(t, c->arg[2]) : &dots;
    const int64_t  want = int_arg(c, 0, 255), leeway = is_given(c, 3) ? int_arg(c, 3, 5) : 5, n_end = (int64_t)text_len(t, end);
    if (want < n_end) tm_fail(t, "truncate: a length below %lld", (long long)n_end);
    if (leeway < 0) tm_fail(t, "truncate: leeway below 0");
    if (length(t, c->in).i - leeway <= want) return c->in; /* whatever has a length */
    need_defined(t, c->in);
    if (c->in.kind != V_STR) tm_fail(t, "truncate wants a string, not '%s'", kind_name(c->in));
    const tm_text *s = c->in.s;
    const tm_text *cut = text_part(t, s, 0, text_at(t, s, (size_t)(want - n_end)));
    if (!flag(c, 1, false)) {
        size_t at = cut->n;
        while (at > 0 && cut->p[at - 1] != ' ') at--;
        if (at) cut = text_part(t, cut, 0, at - 1);
    }
    return op_binary(t, '+', v_str(cut), v_str(end));
}

static bool is_word_char(uint32_t cp) { return cp == '_' || (uc_class(cp) & (UC_LETTER | UC_NUMBER)); }

static val f_wordcount(tm_call *c) {
    const tm_text *s = in_text(c);
    int64_t        n_words = 0;
    bool           in_word = false;
    tm_pay(c->t, 4 * s->n);
    for (size_t i = 0, n; i < s->n; i += n) {
        uint32_t cp;
        n = char_at(s, i, &cp);
        const bool is = is_word_char(cp);
        n_words += is && !in_word;
        in_word = is;
    }
    return v_int(n_words);
}

/* ---- wordwrap: Python's textwrap without expanding tabs or replacing white space ---------------- */

static bool is_wrap_space(char ch) { return ch && strchr("\t\n\v\f\r ", ch); }

static bool is_letter(uint32_t cp) { return is_word_char(cp) && !(cp >= '0' && cp <= '9'); }
static bool joins_dash(uint32_t cp) { return is_word_char(cp) || (cp && cp < 0x80 && strchr("!\"'&.,?", (char)cp)); }

/* The character that ends before byte `at`, not before `from`; 0: none. */
static uint32_t char_before(const tm_text *s, size_t from, size_t *at) {
    uint32_t cp = 0;
    if (*at <= from) return 0;
    do --*at;
    while (*at > from && ((uint8_t)s->p[*at] & 0xc0) == 0x80);
    char_at(s, *at, &cp);
    return cp;
}

static uint32_t char_after(const tm_text *s, size_t *at) {
    uint32_t cp = 0;
    if (*at < s->n) *at += char_at(s, *at, &cp);
    return cp;
}

/* Where the piece that begins at i ends: white space, a word, a word up to a hyphen between
 * letters, or a dash between words. */
static size_t chunk_end(tm *t, const tm_text *s, size_t i, bool hyphens) {
    size_t end = i;
    if (is_wrap_space(s->p[i])) {
        while (end < s->n && is_wrap_space(s->p[end])) end++;
        return end;
    }
    for (; end < s->n && !is_wrap_space(s->p[end]); end++) {
        if (!hyphens || s->p[end] != '-') continue;
        size_t         back = end, on = end + 1, run = end;
        const uint32_t b = char_before(s, 0, &back), a = char_before(s, 0, &back), a2 = char_before(s, 0, &back);
        while (run < s->n && s->p[run] == '-') run++;
        tm_pay(t, run - end + 16);
        if (run - end >= 2 && joins_dash(b)) {
            size_t q = run;
            if (is_word_char(char_after(s, &q))) return end > i ? end : run;
        }
        const uint32_t n1 = char_after(s, &on), n2 = char_after(s, &on), n3 = n2 == '-' ? char_after(s, &on) : 0;
        const bool     before = end > i && ((is_letter(b) && is_letter(a)) || (joins_dash(b) && a == '-' && is_letter(a2)));
        if (before && is_letter(n1) && (is_letter(n2) || (n2 == '-' && is_letter(n3)))) return end + 1;
    }
    return end;
}

static void wrap_line(tm_call *c, const tm_text *s, int64_t width, bool break_long, bool hyphens, tm_list *out) {
    tm      *t = c->t;
    tm_list *chunk = list_new(t, 0);
    for (size_t i = 0; i < s->n;) {
        const size_t end = chunk_end(t, s, i, hyphens);
        list_push(t, chunk, v_str(text_part(t, s, i, end - i)));
        i = end;
    }
    for (size_t i = 0; i < chunk->n;) {
        /* White space begins no line but the first. */
        if (out->n && is_wrap_space(*chunk->v[i].s->p)) {
            i++;
            if (i == chunk->n) break;
        }
        const size_t first = i;
        int64_t      n = 0, k;
        while (i < chunk->n && n + (k = (int64_t)text_len(t, chunk->v[i].s)) <= width) n += k, i++;
        const tm_text *cut = NULL;
        if (i < chunk->n && (int64_t)text_len(t, chunk->v[i].s) > width) {
            const int64_t left = width < 1 ? 1 : width - n;
            const tm_text *word = chunk->v[i].s;
            if (break_long && left > 0) {
                size_t at = text_at(t, word, (size_t)left);
                tm_pay(t, hyphens ? at : 0);
                if (hyphens) /* rather behind a hyphen, if one is near */
                    for (size_t h = at; h-- > 1;)
                        if (word->p[h] == '-') {
                            bool other = false;
                            for (size_t q = 0; q < h; q++) other = other || word->p[q] != '-';
                            if (other) at = h + 1;
                            break;
                        }
                cut = text_part(t, word, 0, at);
                chunk->v[i] = v_str(text_part(t, word, at, word->n - at));
            } else if (break_long) cut = &text_empty; /* keeps the blank before it, as textwrap does */
            else if (i == first) i++;
        }
        const tm_text *line = &text_empty;
        for (size_t j = first; j < i; j++) line = text_join(t, line, chunk->v[j].s);
        if (cut) line = text_join(t, line, cut);
        /* Trailing white space is dropped, a chunk of it at most. */
        if (!cut && i > first && is_wrap_space(*chunk->v[i - 1].s->p)) line = text_part(t, line, 0, line->n - chunk->v[i - 1].s->n);
        if (line->n) list_push(t, out, v_str(line));
    }
}

static val f_wordwrap(tm_call *c) {
    tm            *t = c->t;
    const tm_text  newline = {.p = "\n", .n = 1};
    const tm_text *sep = is_given(c, 2) ? to_text(t, c->arg[2]) : &newline;
    const int64_t  width = int_arg(c, 0, 79);
    tm_build       b = {0};
    need_defined(t, c->in);
    if (c->in.kind != V_STR) tm_fail(t, "wordwrap wants a string, not '%s'", kind_name(c->in));
    const tm_list *l = lines_of(c, c->in.s);
    for (size_t i = 0; i < l->n; i++) {
        tm_list *out = list_new(t, 0);
        if (width <= 0 && l->v[i].s->n) tm_fail(t, "wordwrap: a width below 1");
        wrap_line(c, l->v[i].s, width, flag(c, 1, true), flag(c, 3, true), out);
        if (i) build_text(t, &b, sep);
        for (size_t k = 0; k < out->n; k++) {
            if (k) build_text(t, &b, sep);
            build_text(t, &b, out->v[k].s);
        }
    }
    return v_str(build_end(t, &b));
}

/* ---- numbers -------------------------------------------------------------------------------------- */

static val f_abs(tm_call *c) {
    need_defined(c->t, c->in);
    if (!is_number_val(c->in)) tm_fail(c->t, "abs wants a number, not '%s'", kind_name(c->in));
    if (c->in.kind == V_FLOAT) return v_float(fabs(c->in.f));
    return compare(c->t, c->in, v_int(0), "<") < 0 ? op_negate(c->t, c->in) : op_plus(c->t, c->in);
}

static val f_int(tm_call *c) {
    tm        *t = c->t;
    const val  fallback = c->has[0] ? c->arg[0] : v_int(0);
    const int64_t base = int_arg(c, 1, 10);
    double     d;
    bool       ok;
    need_defined(t, c->in);
    if (c->in.kind == V_STR) {
        if (base == 0 || (base >= 2 && base <= 36)) {
            const val v = parse_int(t, c->in.s, (int)base, &ok);
            if (ok) return v;
        }
        if (!parse_float(t, c->in.s, &d) || isnan(d)) return fallback;
        return int_of_double(t, d);
    }
    if (c->in.kind == V_FLOAT) return isnan(c->in.f) ? fallback : int_of_double(t, c->in.f);
    return is_number_val(c->in) ? op_plus(t, c->in) : fallback;
}

static val f_float(tm_call *c) {
    double d;
    need_defined(c->t, c->in);
    if (is_number_val(c->in)) return v_float(num_of(c->in));
    if (c->in.kind == V_STR && parse_float(c->t, c->in.s, &d)) return v_float(d);
    return c->has[0] ? c->arg[0] : v_float(0);
}

/* The nearest number of so many decimals, ties by the exact binary value, as Python's round. */
static double round_to(tm *t, double f, int64_t digits) {
    char z[420];
    if (!isfinite(f) || digits > 22 || (digits >= 0 && fabs(f) > 1e16)) return f;
    if (digits < -308) return copysign(0, f);
    if (digits < 0) {
        const double p = pow(10, (double)-digits);
        return rint(f / p) * p;
    }
    snprintf(z, sizeof z, "%.*f", (int)digits, f);
    plain_point(z);
    double out = f;
    read_double(t, z, &out);
    return out;
}

static val f_round(tm_call *c) {
    tm           *t = c->t;
    const int64_t digits = int_arg(c, 0, 0);
    char          how = 'c';
    if (c->has[1]) {
        const tm_text *m = to_text(t, c->arg[1]);
        how = text_is(m, "common") ? 'c' : text_is(m, "ceil") ? 'u' : text_is(m, "floor") ? 'd' : 0;
        if (!how) tm_fail(t, "round's method is common, ceil or floor");
    }
    need_defined(t, c->in);
    if (!is_number_val(c->in)) tm_fail(t, "round wants a number, not '%s'", kind_name(c->in));
    if (how == 'c' && c->in.kind == V_FLOAT) return v_float(round_to(t, c->in.f, digits));
    if (how == 'c' && digits >= 0) return op_plus(t, c->in);
    if (how == 'c' && digits < -TEMPLATE_MAX_DIGITS) return v_int(0);
    if (how == 'c') { /* tens, hundreds: ties to even */
        const val p = op_binary(t, 'p', v_int(10), v_int(-digits)), q = op_binary(t, 'f', c->in, p), r = op_binary(t, '%', c->in, p);
        const int half = compare(t, op_binary(t, '*', r, v_int(2)), p, "<");
        const bool odd = !equal(t, op_binary(t, '%', q, v_int(2)), v_int(0));
        return op_binary(t, '*', half > 0 || (half == 0 && odd) ? op_binary(t, '+', q, v_int(1)) : q, p);
    }
    const double p = pow(10, (double)digits), x = num_of(c->in) * p;
    return v_float((how == 'u' ? ceil(x) : floor(x)) / p);
}

static val f_filesizeformat(tm_call *c) {
    tm                *t = c->t;
    const bool         binary = flag(c, 0, false);
    const double       base = binary ? 1024 : 1000;
    static const char *const names[2][8] = {{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}, {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}};
    double             f = 0;
    char               z[64];
    need_defined(t, c->in);
    if (is_number_val(c->in)) f = num_of(c->in);
    else if (c->in.kind != V_STR || !parse_float(t, c->in.s, &f)) tm_fail(t, "filesizeformat wants a number, not '%s'", kind_name(c->in));
    if (f == 1) return v_str(text_z(t, "1 Byte"));
    if (f < base) snprintf(z, sizeof z, "%.0f Bytes", trunc(f));
    else {
        double unit = base * base;
        int    i = 0;
        for (; i < 7 && f >= unit; i++) unit *= base;
        snprintf(z, sizeof z, "%.1f %s", base * f / unit, names[binary][i]);
        plain_point(z);
    }
    return v_str(text_copy(t, str_of(z), false));
}

/* ---- encodings -------------------------------------------------------------------------------------- */

static void url_quoted(tm *t, tm_build *b, const tm_text *s, bool query) {
    for (size_t i = 0; i < s->n; i++) {
        const char ch = s->p[i];
        const bool plain = (ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || (ch && strchr(query ? "_.-~" : "_.-~/", ch));
        char       z[4];
        if (plain) build_part(t, b, s, i, 1);
        else if (query && ch == ' ') build_put(t, b, "+", 1, byte_trusted(s, i));
        else build_put(t, b, z, (size_t)snprintf(z, sizeof z, "%%%02X", (uint8_t)ch), byte_trusted(s, i));
    }
}

static val f_urlencode(tm_call *c) {
    tm      *t = c->t;
    tm_build b = {0};
    val      x;
    if (c->in.kind == V_STR || !is_iterable(c->in)) {
        url_quoted(t, &b, to_text(t, c->in), false);
        return v_str(build_end(t, &b));
    }
    tm_view        w = {c->in.kind == V_DICT ? c->in.d : NULL, VIEW_ITEMS};
    const val      pairs = c->in.kind == V_DICT ? (val){.kind = V_VIEW, .view = &w} : c->in;
    bool           first = true;
    for (tm_iter it = iter_of(t, pairs); iter_next(t, &it, &x); first = false) {
        const tm_list *l = list_of(t, x);
        if (l->n != 2) tm_fail(t, "urlencode wants pairs");
        if (!first) build_z(t, &b, "&");
        url_quoted(t, &b, to_text(t, l->v[0]), true);
        build_z(t, &b, "=");
        url_quoted(t, &b, to_text(t, l->v[1]), true);
    }
    return v_str(build_end(t, &b));
}

static val f_xmlattr(tm_call *c) {
    tm      *t = c->t;
    tm_build b = {0};
    bool     any = false;
    if (c->in.kind != V_DICT) tm_fail(t, "xmlattr wants a dict, not '%s'", kind_name(c->in));
    for (size_t i = 0; i < c->in.d->n; i++) {
        const val v = c->in.d->e[i].v;
        if (v.kind == V_NONE || v.kind == V_UNDEF) continue;
        if (any || flag(c, 0, true)) build_z(t, &b, " ");
        any = true;
        const tm_text *key = soft_text(t, c->in.d->e[i].k);
        for (size_t k = 0; k < key->n; k++)
            if (strchr(" \t\n\v\f\r/>=", key->p[k])) tm_fail(t, "xmlattr: a name with '%c' in it", key->p[k]);
        build_text(t, &b, text_escape(t, key));
        build_z(t, &b, "=\"");
        build_text(t, &b, text_escape(t, soft_text(t, v)));
        build_z(t, &b, "\"");
    }
    const tm_text *s = build_end(t, &b);
    return v_str(t->autoescape ? text_safe(t, s) : s);
}

/* Tags and comments out, runs of white space to one blank, the five entities to characters. */
static val f_striptags(tm_call *c) {
    static const struct {
        const char *z, *to;
    } entity[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#34;", "\""}, {"&#39;", "'"}, {"&apos;", "'"}, {"&nbsp;", "\xc2\xa0"}};
    tm            *t = c->t;
    const tm_text *s = in_text(c);
    tm_build       b = {0}, out = {0};
    const tm_text  open = {.p = "<!--", .n = 4}, close = {.p = "-->", .n = 3}, end_tag = {.p = ">", .n = 1}, blank = {.p = " ", .n = 1};
    for (size_t i = 0; i < s->n;) { /* comments */
        size_t at = text_find(t, s, &open, i), end = at == SIZE_MAX ? SIZE_MAX : text_find(t, s, &close, at);
        if (end == SIZE_MAX) at = s->n;
        build_part(t, &b, s, i, at - i);
        i = end == SIZE_MAX ? s->n : end + 3;
    }
    s = build_end(t, &b);
    b = (tm_build){0};
    for (size_t i = 0; i < s->n;) { /* tags */
        const char *lt = memchr(s->p + i, '<', s->n - i);
        size_t      at = lt ? (size_t)(lt - s->p) : s->n, end = lt ? text_find(t, s, &end_tag, at) : SIZE_MAX;
        if (end == SIZE_MAX) at = s->n;
        build_part(t, &b, s, i, at - i);
        i = end == SIZE_MAX ? s->n : end + 1;
    }
    const val joined = by_method(c, v_str(build_end(t, &b)), "split", NULL, 0);
    s = by_method(c, v_str(&blank), "join", &joined, 1).s;
    for (size_t i = 0; i < s->n;) {
        size_t k = 0;
        while (k < ARRAY_LEN(entity) && !(strlen(entity[k].z) <= s->n - i && !memcmp(entity[k].z, s->p + i, strlen(entity[k].z)))) k++;
        if (k < ARRAY_LEN(entity)) {
            build_put(t, &out, entity[k].to, strlen(entity[k].to), byte_trusted(s, i));
            i += strlen(entity[k].z);
        } else build_part(t, &out, s, i++, 1);
    }
    return v_str(build_end(t, &out));
}

/* transformers' own: json.dumps without its escapes for HTML. */
static val f_tojson(tm_call *c) {
    tm                  *t = c->t;
    static const tm_text comma = {.p = ", ", .n = 2}, bare = {.p = ",", .n = 1}, colon = {.p = ": ", .n = 2};
    tm_json_style        s = {.item = &comma, .colon = &colon, .ascii = flag(c, 0, false), .sort = flag(c, 3, false)};
    tm_build             b = {0};
    if (is_given(c, 1)) {
        const tm_text one = {.p = " ", .n = 1};
        s.indent = c->arg[1].kind == V_STR ? c->arg[1].s : op_binary(t, '*', v_str(&one), v_int(need_int(t, c->arg[1], "indent"))).s;
        s.item = &bare;
    }
    if (is_given(c, 2)) {
        const tm_list *l = list_of(t, c->arg[2]);
        if (l->n != 2 || l->v[0].kind != V_STR || l->v[1].kind != V_STR) tm_fail(t, "tojson: separators are two strings");
        s.item = l->v[0].s;
        s.colon = l->v[1].s;
    }
    show_json(t, &b, c->in, &s, 0);
    return v_str(build_end(t, &b));
}

static val f_pprint(tm_call *c) {
    tm_build b = {0};
    show_pretty(c->t, &b, c->in);
    return v_str(build_end(c->t, &b));
}

const tm_func filters_text[] = {
    {"abs", "", f_abs},
    {"attr", "name", f_attr},
    {"capitalize", "", f_capitalize},
    {"center", "width=", f_center},
    {"d", "default_value= boolean=", f_default},
    {"default", "default_value= boolean=", f_default},
    {"e", "", f_escape},
    {"escape", "", f_escape},
    {"filesizeformat", "binary=", f_filesizeformat},
    {"float", "default=", f_float},
    {"forceescape", "", f_forceescape},
    {"format", "* **", f_format},
    {"indent", "width= first= blank=", f_indent},
    {"int", "default= base=", f_int},
    {"lower", "", f_lower},
    {"pprint", "", f_pprint},
    {"replace", "old new count=", f_replace},
    {"round", "precision= method=", f_round},
    {"safe", "", f_safe},
    {"string", "", f_string},
    {"striptags", "", f_striptags},
    {"title", "", f_title},
    {"tojson", "ensure_ascii= indent= separators= sort_keys=", f_tojson},
    {"trim", "chars=", f_trim},
    {"truncate", "length= killwords= end= leeway=", f_truncate},
    {"upper", "", f_upper},
    {"urlencode", "", f_urlencode},
    {"wordcount", "", f_wordcount},
    {"wordwrap", "width= break_long_words= wrapstring= break_on_hyphens=", f_wordwrap},
    {"xmlattr", "autospace=", f_xmlattr},
    {0},
};

const tm_func *filter_find(str name) {
    for (const tm_func *f = filters_text; f->name; f++)
        if (str_is(name, f->name)) return f;
    for (const tm_func *f = filters_seq; f->name; f++)
        if (str_is(name, f->name)) return f;
    return NULL;
}
