/* tmpl_show.c - values as text: Python's str and repr, and JSON as transformers' tojson writes it.
 *
 * Bytes that are strings keep their provenance; all punctuation and digits are computed. */
#include "tmpl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void put_float(tm *t, tm_build *b, double f, bool as_json) {
    strbuf s = {0};
    if (isnan(f)) build_z(t, b, as_json ? "NaN" : "nan");
    else if (isinf(f)) build_z(t, b, as_json ? (f < 0 ? "-Infinity" : "Infinity") : f < 0 ? "-inf" : "inf");
    else {
        char room[64];
        /* A buffer on the stack: an error while copying must not leak. */
        s = (strbuf){.p = room, .room = sizeof room, .cap_bytes = sizeof room};
        json_write_num(&s, f);
        build_put(t, b, room, s.n, false);
    }
}

/* Printable as Python's str.isprintable has it. */
static bool is_printable(uint32_t cp) {
    if (cp < 0x80) return cp >= 32 && cp != 127;
    return uc_class(cp) & (UC_LETTER | UC_MARK | UC_NUMBER | UC_PUNCT | UC_SYMBOL);
}

static void put_quoted(tm *t, tm_build *b, const tm_text *s) {
    const char quote = memchr(s->p, '\'', s->n) && !memchr(s->p, '"', s->n) ? '"' : '\'';
    size_t     done = 0;
    build_put(t, b, &quote, 1, false);
    for (size_t i = 0, n; i < s->n; i += n) {
        uint32_t cp;
        char     esc[12];
        n = char_at(s, i, &cp);
        if (cp == (uint32_t)quote || cp == '\\') snprintf(esc, sizeof esc, "\\%c", (char)cp);
        else if (cp == '\n') strcpy(esc, "\\n");
        else if (cp == '\r') strcpy(esc, "\\r");
        else if (cp == '\t') strcpy(esc, "\\t");
        else if (is_printable(cp)) continue;
        else snprintf(esc, sizeof esc, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
        build_part(t, b, s, done, i - done);
        build_put(t, b, esc, strlen(esc), byte_trusted(s, i));
        done = i + n;
    }
    build_part(t, b, s, done, s->n - done);
    build_put(t, b, &quote, 1, false);
}

static void put_items(tm *t, tm_build *b, const tm_list *l) {
    for (size_t i = 0; i < l->n; i++) {
        if (i) build_z(t, b, ", ");
        show_repr(t, b, l->v[i]);
    }
}

static void put_dict(tm *t, tm_build *b, const tm_dict *d) {
    build_z(t, b, "{");
    for (size_t i = 0; i < d->n; i++) {
        if (i) build_z(t, b, ", ");
        show_repr(t, b, d->e[i].k);
        build_z(t, b, ": ");
        show_repr(t, b, d->e[i].v);
    }
    build_z(t, b, "}");
}

static void put_int(tm *t, tm_build *b, int64_t i) {
    char s[24];
    build_put(t, b, s, (size_t)snprintf(s, sizeof s, "%lld", (long long)i), false);
}

static void put_range(tm *t, tm_build *b, const tm_range *r) {
    build_z(t, b, "range(");
    put_int(t, b, r->start);
    build_z(t, b, ", ");
    put_int(t, b, r->stop);
    if (r->step != 1) build_z(t, b, ", "), put_int(t, b, r->step);
    build_z(t, b, ")");
}

void show_repr(tm *t, tm_build *b, val v) {
    char s[64];
    tm_enter(t);
    tm_pay(t, 8);
    switch (v.kind) {
    case V_UNDEF: build_z(t, b, "Undefined"); break;
    case V_NONE: build_z(t, b, "None"); break;
    case V_BOOL: build_z(t, b, v.b ? "True" : "False"); break;
    case V_INT: put_int(t, b, v.i); break;
    case V_BIG: big_show(t, b, v.big); break;
    case V_FLOAT: put_float(t, b, v.f, false); break;
    case V_STR:
        if (v.s->safe) build_z(t, b, "Markup(");
        put_quoted(t, b, v.s);
        if (v.s->safe) build_z(t, b, ")");
        break;
    case V_LIST:
        build_z(t, b, "[");
        put_items(t, b, v.l);
        build_z(t, b, "]");
        break;
    case V_TUPLE:
        build_z(t, b, "(");
        put_items(t, b, v.l);
        build_z(t, b, v.l->n == 1 ? ",)" : ")");
        break;
    case V_DICT: put_dict(t, b, v.d); break;
    case V_VIEW:
        build_z(t, b, v.view->what == VIEW_ITEMS ? "dict_items([" : v.view->what == VIEW_KEYS ? "dict_keys([" : "dict_values([");
        put_items(t, b, list_of(t, v));
        build_z(t, b, "])");
        break;
    case V_RANGE: put_range(t, b, v.range); break;
    case V_NAMESPACE:
        build_z(t, b, "<Namespace ");
        put_dict(t, b, v.d);
        build_z(t, b, ">");
        break;
    case V_LOOP:
        snprintf(s, sizeof s, "<LoopContext %zu/%zu>", v.loop->index0 + 1, loop_length(t, v.loop));
        build_z(t, b, s);
        break;
    case V_MACRO:
        build_z(t, b, "<Macro '");
        build_text(t, b, v.macro->name);
        build_z(t, b, "'>");
        break;
    case V_FUNC:
        snprintf(s, sizeof s, "<%s>", func_name(v.func));
        build_z(t, b, s);
        break;
    default: /* Python would show an address here */
        snprintf(s, sizeof s, "<%s object>", v.kind == V_GEN ? v.gen->name : kind_name(v));
        build_z(t, b, s);
    }
    tm_leave(t);
}

void show(tm *t, tm_build *b, val v) {
    if (v.kind == V_STR) build_text(t, b, v.s);
    else if (v.kind != V_UNDEF) show_repr(t, b, v);
}

const tm_text *to_text(tm *t, val v) {
    if (v.kind == V_STR && !v.s->safe) return v.s;
    if (v.kind == V_STR) {
        tm_text *s = tm_take(t, 1, sizeof *s);
        *s = *v.s;
        s->safe = false;
        return s;
    }
    tm_build b = {0};
    show(t, &b, v);
    return build_end(t, &b);
}

const tm_text *soft_text(tm *t, val v) { return v.kind == V_STR ? v.s : to_text(t, v); }

/* ---- pprint ---------------------------------------------------------------------- */

/* Python's pprint in 80 columns, but that it does not cut long strings. */
static void pretty(tm *t, tm_build *b, val v, size_t indent, size_t allowance);

static int compare_keys(tm *t, val a, val b) {
    const bool ordered = (a.kind == V_STR && b.kind == V_STR) || (is_number_val(a) && is_number_val(b));
    return ordered ? compare(t, a, b, "<") : strcmp(kind_name(a), kind_name(b));
}

/* A copy in the order of its keys; dicts here have few. */
static tm_dict *by_key(tm *t, const tm_dict *d) {
    tm_dict *s = dict_new(t);
    s->e = tm_take(t, d->n, sizeof *s->e);
    for (size_t i = 0; i < d->n; i++) {
        size_t k = s->n++;
        for (; k > 0 && compare_keys(t, d->e[i].k, s->e[k - 1].k) < 0; k--) s->e[k] = s->e[k - 1];
        s->e[k] = d->e[i];
        tm_pay(t, 8 * (s->n - k));
    }
    return s;
}

/* With the keys of every dict in order. */
static val in_order(tm *t, val v) {
    tm_enter(t);
    if (v.kind == V_DICT) {
        tm_dict *d = by_key(t, v.d);
        for (size_t i = 0; i < d->n; i++) d->e[i].v = in_order(t, d->e[i].v);
        v = v_dict(d);
    } else if (v.kind == V_LIST || v.kind == V_TUPLE) {
        tm_list *l = list_new(t, v.l->n);
        for (size_t i = 0; i < v.l->n; i++) list_push(t, l, in_order(t, v.l->v[i]));
        v.l = l;
    }
    tm_leave(t);
    return v;
}

static void new_column(tm *t, tm_build *b, size_t indent) {
    build_z(t, b, ",\n");
    for (size_t i = 0; i < indent; i++) build_z(t, b, " ");
}

static void pretty_dict(tm *t, tm_build *b, const tm_dict *d, size_t indent, size_t allowance) {
    build_z(t, b, "{");
    for (size_t i = 0; i < d->n; i++) {
        const size_t at = b->n;
        show_repr(t, b, d->e[i].k);
        const tm_text key = {.p = b->p + at, .n = b->n - at};
        const size_t  n = text_len(t, &key);
        build_z(t, b, ": ");
        pretty(t, b, d->e[i].v, indent + 1 + n + 2, i + 1 < d->n ? 1 : allowance + 1);
        if (i + 1 < d->n) new_column(t, b, indent + 1);
    }
    build_z(t, b, "}");
}

static void pretty_list(tm *t, tm_build *b, val v, size_t indent, size_t allowance) {
    const bool single = v.kind == V_TUPLE && v.l->n == 1;
    build_z(t, b, v.kind == V_LIST ? "[" : "(");
    for (size_t i = 0; i < v.l->n; i++) {
        pretty(t, b, v.l->v[i], indent + 1, i + 1 < v.l->n ? 1 : allowance + 1 + single);
        if (i + 1 < v.l->n) new_column(t, b, indent + 1);
    }
    build_z(t, b, v.kind == V_LIST ? "]" : single ? ",)" : ")");
}

static void pretty(tm *t, tm_build *b, val v, size_t indent, size_t allowance) {
    tm_build one = {0};
    tm_enter(t);
    show_repr(t, &one, v);
    const tm_text *s = build_end(t, &one);
    if (text_len(t, s) + indent + allowance <= 80 || (v.kind != V_DICT && v.kind != V_LIST && v.kind != V_TUPLE)) build_text(t, b, s);
    else if (v.kind == V_DICT) pretty_dict(t, b, v.d, indent, allowance);
    else pretty_list(t, b, v, indent, allowance);
    tm_leave(t);
}

void show_pretty(tm *t, tm_build *b, val v) { pretty(t, b, in_order(t, v), 0, 0); }

/* ---- JSON ------------------------------------------------------------------------ */

static void json_quoted(tm *t, tm_build *b, const tm_text *s, bool ascii) {
    size_t done = 0;
    build_z(t, b, "\"");
    for (size_t i = 0, n; i < s->n; i += n) {
        static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
        uint32_t          cp;
        char              esc[16];
        n = char_at(s, i, &cp);
        const char *k = cp && cp < 0x80 ? strchr(from, (char)cp) : NULL;
        if (k) snprintf(esc, sizeof esc, "\\%c", to[k - from]);
        else if (cp < 0x20 || (ascii && cp >= 0x7f && cp < 0x10000)) snprintf(esc, sizeof esc, "\\u%04x", cp);
        else if (ascii && cp >= 0x10000)
            snprintf(esc, sizeof esc, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + ((cp - 0x10000) & 0x3ff));
        else continue;
        build_part(t, b, s, done, i - done);
        build_put(t, b, esc, strlen(esc), byte_trusted(s, i));
        done = i + n;
    }
    build_part(t, b, s, done, s->n - done);
    build_z(t, b, "\"");
}

static void new_line(tm *t, tm_build *b, const tm_json_style *s, int level) {
    if (!s->indent) return;
    build_z(t, b, "\n");
    for (int i = 0; i < level; i++) build_text(t, b, s->indent);
}

static void json_key(tm *t, tm_build *b, val k, const tm_json_style *s) {
    switch (k.kind) {
    case V_STR: json_quoted(t, b, k.s, s->ascii); return;
    case V_BOOL: build_z(t, b, k.b ? "\"true\"" : "\"false\""); return;
    case V_NONE: build_z(t, b, "\"null\""); return;
    case V_INT: case V_BIG: case V_FLOAT: break;
    default: tm_fail(t, "tojson: a key of type '%s'", kind_name(k));
    }
    build_z(t, b, "\"");
    if (k.kind == V_FLOAT) put_float(t, b, k.f, true);
    else show(t, b, k);
    build_z(t, b, "\"");
}

/* Merge sort of positions by key: stable, n log n whatever the keys. */
static void sort_pairs(tm *t, tm_pair *e, tm_pair *tmp, size_t n) {
    if (n < 2) return;
    const size_t h = n / 2;
    sort_pairs(t, e, tmp, h);
    sort_pairs(t, e + h, tmp, n - h);
    memcpy(tmp, e, h * sizeof *e);
    for (size_t i = 0, j = h, k = 0; i < h;)
        if (j < n && compare(t, e[j].k, tmp[i].k, "<") < 0) e[k++] = e[j++];
        else e[k++] = tmp[i++];
}

static void json_members(tm *t, tm_build *b, const tm_dict *d, const tm_json_style *s, int level) {
    tm_pair *e = d->e;
    if (s->sort) {
        e = tm_take(t, d->n, sizeof *e);
        memcpy(e, d->e, d->n * sizeof *e);
        sort_pairs(t, e, tm_take(t, d->n, sizeof *e), d->n);
    }
    build_z(t, b, "{");
    for (size_t i = 0; i < d->n; i++) {
        if (i) build_text(t, b, s->item);
        new_line(t, b, s, level + 1);
        json_key(t, b, e[i].k, s);
        build_text(t, b, s->colon);
        show_json(t, b, e[i].v, s, level + 1);
    }
    new_line(t, b, s, level);
    build_z(t, b, "}");
}

void show_json(tm *t, tm_build *b, val v, const tm_json_style *s, int level) {
    tm_enter(t);
    tm_pay(t, 8);
    switch (v.kind) {
    case V_NONE: build_z(t, b, "null"); break;
    case V_BOOL: build_z(t, b, v.b ? "true" : "false"); break;
    case V_INT: case V_BIG: show(t, b, v); break;
    case V_FLOAT: put_float(t, b, v.f, true); break;
    case V_STR: json_quoted(t, b, v.s, s->ascii); break;
    case V_LIST: case V_TUPLE:
        if (!v.l->n) {
            build_z(t, b, "[]");
            break;
        }
        build_z(t, b, "[");
        for (size_t i = 0; i < v.l->n; i++) {
            if (i) build_text(t, b, s->item);
            new_line(t, b, s, level + 1);
            show_json(t, b, v.l->v[i], s, level + 1);
        }
        new_line(t, b, s, level);
        build_z(t, b, "]");
        break;
    case V_DICT:
        if (!v.d->n) build_z(t, b, "{}");
        else json_members(t, b, v.d, s, level);
        break;
    default: tm_fail(t, "tojson: a value of type '%s' has no JSON form", kind_name(v));
    }
    tm_leave(t);
}
