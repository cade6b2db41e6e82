/* edit.c - changes a GGUF file by lines of text. */
#include "edit.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    strbuf   name, payload;
    uint32_t kind;
} entry;

typedef struct {
    strbuf   name, data;
    uint64_t dim[8], offset;
    int      n_dims;
    uint32_t type;
    bool     misplaced; /* offset is said, not where the data are */
} tensor;

struct edit {
    entry   *kv;
    tensor  *t;
    size_t   n_kv, n_t;
    uint64_t said_kv, said_t, align;
    uint32_t version;
    bool     lies_kv, lies_t;
    strbuf   start;
    size_t   cut, tail, keep;
    char     arch[32];
    const char *line; /* being applied */
};

static _Noreturn void wrong(const edit *e, const char *what) {
    fprintf(stderr, "edit: %s: %.*s\n", what, (int)strcspn(e->line, "\n"), e->line);
    abort();
}

static void put_uint(strbuf *b, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) strbuf_char(b, (char)(v >> 8 * i));
}

static void put_str(strbuf *b, str s) {
    put_uint(b, s.n, 8);
    strbuf_str(b, s);
}

static str view(const strbuf *b) { return (str){b->p ? b->p : "", b->n}; }

static void assign(strbuf *b, str s) {
    b->n = 0;
    strbuf_str(b, s);
}

/* ---- taking apart ---------------------------------------------------------- */

static entry *add_kv(edit *e, str name, uint32_t kind) {
    e->kv = mem_resize(e->kv, e->n_kv + 1, sizeof *e->kv);
    if (!e->kv) abort();
    entry *k = &e->kv[e->n_kv++];
    *k = (entry){.kind = kind};
    strbuf_str(&k->name, name);
    return k;
}

static tensor *add_tensor(edit *e, str name, uint32_t type) {
    e->t = mem_resize(e->t, e->n_t + 1, sizeof *e->t);
    if (!e->t) abort();
    tensor *t = &e->t[e->n_t++];
    *t = (tensor){.type = type};
    strbuf_str(&t->name, name);
    return t;
}

edit *edit_open(const mk *m) {
    edit     *e = mem_zero(1, sizeof *e);
    gguf     *g = NULL;
    slm_error err = {0};
    str       arch = {0};
    if (!e || gguf_open_memory(&g, m->out.p, m->out.n, "base", &err)) abort();
    gguf_str(g, "general.architecture", &arch, NULL);
    snprintf(e->arch, sizeof e->arch, "%.*s", (int)arch.n, arch.p);
    e->version = gguf_version(g);
    e->align = gguf_alignment(g);
    e->keep = SIZE_MAX;
    for (size_t i = 0; i < gguf_n_kv(g); i++) {
        const gguf_kv *kv = gguf_kv_at(g, i);
        entry         *k = add_kv(e, kv->key, kv->is_array ? GGUF_ARRAY : kv->elem);
        if (kv->is_array) {
            put_uint(&k->payload, kv->elem, 4);
            put_uint(&k->payload, kv->n, 8);
        }
        strbuf_put(&k->payload, (const char *)kv->data, kv->bytes);
    }
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *from = gguf_tensor_at(g, i);
        tensor            *t = add_tensor(e, from->name, from->type->id);
        t->n_dims = from->n_dims;
        memcpy(t->dim, from->dim, sizeof from->dim);
        strbuf_put(&t->data, (const char *)from->data, from->bytes);
    }
    gguf_close(g);
    return e;
}

static void free_kv(entry *k) {
    strbuf_free(&k->name);
    strbuf_free(&k->payload);
}

static void free_tensor(tensor *t) {
    strbuf_free(&t->name);
    strbuf_free(&t->data);
}

void edit_free(edit *e) {
    for (size_t i = 0; i < e->n_kv; i++) free_kv(&e->kv[i]);
    for (size_t i = 0; i < e->n_t; i++) free_tensor(&e->t[i]);
    strbuf_free(&e->start);
    mem_free(e->kv);
    mem_free(e->t);
    mem_free(e);
}

/* ---- words ------------------------------------------------------------------ */

/* The next word of the line; *rest: what follows its space. */
static str word(str *rest) {
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ') n++;
    const str    w = {rest->p, n};
    const size_t skip = n < rest->n ? n + 1 : n;
    *rest = (str){rest->p + skip, rest->n - skip};
    return w;
}

static double number(const edit *e, str s) {
    char  text[64], *end;
    snprintf(text, sizeof text, "%.*s", (int)s.n, s.p);
    const double d = strtod(text, &end);
    if (!s.n || *end) wrong(e, "no number");
    return d;
}

/* Any 64-bit integer, negative ones wrapped. */
static uint64_t integer(const edit *e, str s) {
    char  text[64], *end;
    snprintf(text, sizeof text, "%.*s", (int)s.n, s.p);
    const uint64_t u = strtoull(text, &end, 0);
    if (!s.n || *end) wrong(e, "no integer");
    return u;
}

static void put_hex(const edit *e, strbuf *b, str s) {
    for (size_t i = 0; i < s.n; i += 2) {
        char  two[3] = {s.p[i], i + 1 < s.n ? s.p[i + 1] : 'x', 0}, *end;
        const unsigned long v = strtoul(two, &end, 16);
        if (*end) wrong(e, "no hexadecimal bytes");
        strbuf_char(b, (char)v);
    }
}

static gguf_kind kind_named(const edit *e, str s) {
    for (int k = 0; k < GGUF_KINDS; k++)
        if (k != GGUF_ARRAY && str_is(s, gguf_kind_name((gguf_kind)k))) return (gguf_kind)k;
    wrong(e, "no such kind");
}

static void put_value(const edit *e, strbuf *b, gguf_kind k, str s) {
    static const int bytes[GGUF_KINDS] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (k == GGUF_STR) put_str(b, s);
    else if (k == GGUF_F32) {
        const float f = (float)number(e, s);
        uint32_t    u;
        memcpy(&u, &f, 4);
        put_uint(b, u, 4);
    } else if (k == GGUF_F64) {
        const double d = number(e, s);
        uint64_t     u;
        memcpy(&u, &d, 8);
        put_uint(b, u, 8);
    } else put_uint(b, integer(e, s), bytes[k]);
}

/* Values separated by `,` (texts by |); V*N is N times V. */
static uint64_t put_values(const edit *e, strbuf *b, gguf_kind k, str s) {
    const char sep = k == GGUF_STR ? '|' : ',';
    uint64_t   n = 0;
    while (s.n) {
        size_t      len = 0;
        uint64_t    times = 1;
        while (len < s.n && s.p[len] != sep) len++;
        str         v = {s.p, len};
        const char *star = k == GGUF_STR ? NULL : memchr(v.p, '*', v.n);
        if (star) {
            times = integer(e, (str){star + 1, (size_t)(v.p + v.n - star - 1)});
            v.n = (size_t)(star - v.p);
        }
        for (; times; times--, n++) put_value(e, b, k, v);
        s = len < s.n ? (str){s.p + len + 1, s.n - len - 1} : (str){0};
    }
    return n;
}

/* ---- keys --------------------------------------------------------------------- */

static void expand(const edit *e, str name, char out[256]) {
    if (name.n && *name.p == '%') snprintf(out, 256, "%s.%.*s", e->arch, (int)name.n - 1, name.p + 1);
    else snprintf(out, 256, "%.*s", (int)name.n, name.p);
}

static entry *find_kv(edit *e, str name, bool must) {
    char full[256];
    expand(e, name, full);
    for (size_t i = 0; i < e->n_kv; i++)
        if (str_is(view(&e->kv[i].name), full)) return &e->kv[i];
    if (must) wrong(e, "no such key");
    return add_kv(e, str_of(full), 0);
}

static void set(edit *e, entry *k, str kind, str value) {
    const bool      list = kind.n > 2 && kind.p[kind.n - 1] == ']';
    const gguf_kind elem = kind_named(e, list ? (str){kind.p, kind.n - 2} : kind);
    strbuf          b = {0};
    k->kind = list ? GGUF_ARRAY : elem;
    k->payload.n = 0;
    if (!list) {
        put_value(e, &k->payload, elem, value);
        return;
    }
    const uint64_t n = put_values(e, &b, elem, value);
    put_uint(&k->payload, elem, 4);
    put_uint(&k->payload, n, 8);
    strbuf_put(&k->payload, b.p, b.n);
    strbuf_free(&b);
}

/* An array cut into its elements and put together again: n of them, element `at` replaced. */
static void rebuild(edit *e, entry *k, uint64_t n, uint64_t at, str value) {
    static const size_t bytes[GGUF_KINDS] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    const uint8_t *p = (const uint8_t *)k->payload.p;
    uint32_t       elem;
    uint64_t       have;
    strbuf         b = {0};
    str            last = {0};
    if (k->kind != GGUF_ARRAY) wrong(e, "no array");
    memcpy(&elem, p, 4);
    memcpy(&have, p + 4, 8);
    if (n == UINT64_MAX) n = have;
    p += 12;
    put_uint(&b, elem, 4);
    put_uint(&b, n, 8);
    for (uint64_t i = 0; i < n; i++) {
        if (i < have) {
            uint64_t len = bytes[elem];
            if (elem == GGUF_STR) {
                memcpy(&len, p, 8);
                len += 8;
            }
            last = (str){(const char *)p, (size_t)len};
            p += len;
        }
        if (i == at) put_value(e, &b, (gguf_kind)elem, value);
        else strbuf_str(&b, last);
    }
    strbuf_free(&k->payload);
    k->payload = b;
}

static bool apply_to_key(edit *e, str verb, str rest) {
    if (str_is(verb, "set")) {
        entry *k = find_kv(e, word(&rest), false);
        str    kind = word(&rest);
        set(e, k, kind, rest);
    } else if (str_is(verb, "hex")) {
        entry *k = find_kv(e, word(&rest), false);
        k->kind = (uint32_t)integer(e, word(&rest));
        k->payload.n = 0;
        put_hex(e, &k->payload, rest);
    } else if (str_is(verb, "at")) {
        entry   *k = find_kv(e, word(&rest), true);
        uint64_t i = integer(e, word(&rest));
        rebuild(e, k, UINT64_MAX, i, rest);
    } else if (str_is(verb, "resize")) {
        entry *k = find_kv(e, word(&rest), true);
        rebuild(e, k, integer(e, rest), UINT64_MAX, (str){0});
    } else if (str_is(verb, "del")) {
        entry *k = find_kv(e, rest, true);
        free_kv(k);
        memmove(k, k + 1, (size_t)(e->kv + e->n_kv - k - 1) * sizeof *k);
        e->n_kv--;
    } else if (str_is(verb, "copy")) {
        const size_t i = (size_t)(find_kv(e, rest, true) - e->kv);
        entry       *k = add_kv(e, view(&e->kv[i].name), e->kv[i].kind);
        strbuf_str(&k->payload, view(&e->kv[i].payload));
    } else if (str_is(verb, "name")) {
        entry *k = find_kv(e, word(&rest), true);
        assign(&k->name, rest);
    } else return false;
    return true;
}

/* ---- tensors --------------------------------------------------------------------- */

static tensor *find_tensor(edit *e, str name) {
    for (size_t i = 0; i < e->n_t; i++)
        if (str_eq(view(&e->t[i].name), name)) return &e->t[i];
    wrong(e, "no such tensor");
}

static void set_dims(const edit *e, tensor *t, str s) {
    strbuf   b = {0};
    uint64_t n = put_values(e, &b, GGUF_U64, s);
    if (n > 8) wrong(e, "too many dimensions");
    t->n_dims = (int)n;
    if (n) memcpy(t->dim, b.p, b.n);
    strbuf_free(&b);
}

/* As many bytes as type and dimensions say, where that is a size for a test: more repeat what is there. */
static void fit_data(tensor *t) {
    const type_info *type = type_get(t->type);
    size_t           row = 0, rows = 1;
    if (!type || t->n_dims < 1 || t->n_dims > 4 || t->dim[0] > 65536 || !t->dim[0] || !type_row_bytes(type, t->dim[0], &row)) return;
    for (int i = 1; i < t->n_dims; i++) rows = t->dim[i] > 65536 || rows > 65536 ? 1 << 20 : rows * (size_t)t->dim[i];
    if (!rows || rows * row > 1 << 22) return;
    const size_t want = rows * row, had = t->data.n;
    if (t->data.n > want) t->data.n = want;
    while (t->data.n < want) strbuf_char(&t->data, had ? t->data.p[t->data.n % had] : 0);
}

static void fill(const edit *e, tensor *t, uint64_t from, uint64_t to, str value) {
    const float x = (float)number(e, value);
    if (t->type != TYPE_F32 || to * 4 > t->data.n) wrong(e, "not so many floats");
    for (uint64_t i = from; i < to; i++) memcpy(t->data.p + 4 * i, &x, 4);
}

static bool apply_to_tensor(edit *e, str verb, str rest) {
    if (verb.p[0] != 't' || str_is(verb, "tail")) return false;
    if (str_is(verb, "tadd")) {
        str     name = word(&rest);
        tensor *t = add_tensor(e, name, (uint32_t)integer(e, word(&rest)));
        set_dims(e, t, rest);
        fit_data(t);
        return true;
    }
    tensor *t = find_tensor(e, word(&rest));
    if (str_is(verb, "tdel")) {
        free_tensor(t);
        memmove(t, t + 1, (size_t)(e->t + e->n_t - t - 1) * sizeof *t);
        e->n_t--;
    } else if (str_is(verb, "tcopy")) {
        const size_t i = (size_t)(t - e->t);
        tensor      *c = add_tensor(e, view(&t->name), t->type);
        t = &e->t[i];
        c->n_dims = t->n_dims;
        memcpy(c->dim, t->dim, sizeof c->dim);
        strbuf_str(&c->data, view(&t->data));
    } else if (str_is(verb, "tname")) assign(&t->name, rest);
    else if (str_is(verb, "tdims")) {
        set_dims(e, t, rest);
        fit_data(t);
    } else if (str_is(verb, "ttype")) {
        t->type = (uint32_t)integer(e, rest);
        fit_data(t);
    } else if (str_is(verb, "toff")) {
        t->offset = integer(e, rest);
        t->misplaced = true;
    } else if (str_is(verb, "tfill")) fill(e, t, 0, t->data.n / 4, rest);
    else if (str_is(verb, "tzero")) memset(t->data.p, 0, t->data.n);
    else if (str_is(verb, "tone")) {
        const uint64_t i = integer(e, word(&rest));
        fill(e, t, i, i + 1, rest);
    } else if (str_is(verb, "thex")) {
        strbuf         b = {0};
        const uint64_t i = integer(e, word(&rest));
        put_hex(e, &b, rest);
        if (i + b.n > t->data.n) wrong(e, "past the tensor's end");
        memcpy(t->data.p + i, b.p, b.n);
        strbuf_free(&b);
    } else return false;
    return true;
}

/* ---- the file ------------------------------------------------------------------------ */

/* N, or +N more or -N fewer than there are. */
static uint64_t count(const edit *e, str s, size_t have) {
    const bool relative = s.n && (*s.p == '+' || *s.p == '-');
    return integer(e, s) + (relative ? have : 0);
}

static bool apply_to_file(edit *e, str verb, str rest) {
    if (str_is(verb, "start")) put_hex(e, &e->start, rest);
    else if (str_is(verb, "version")) e->version = (uint32_t)integer(e, rest);
    else if (str_is(verb, "align")) e->align = integer(e, rest);
    else if (str_is(verb, "cut")) e->cut = (size_t)integer(e, rest);
    else if (str_is(verb, "keep")) e->keep = (size_t)integer(e, rest);
    else if (str_is(verb, "tail")) e->tail = (size_t)integer(e, rest);
    else if (str_is(verb, "n_kv")) e->said_kv = count(e, rest, e->n_kv), e->lies_kv = true;
    else if (str_is(verb, "n_tensors")) e->said_t = count(e, rest, e->n_t), e->lies_t = true;
    else return false;
    return true;
}

void edit_apply(edit *e, const char *lines) {
    while (*lines) {
        const size_t n = strcspn(lines, "\n");
        str          rest = {lines, n};
        e->line = lines;
        const str verb = word(&rest);
        if (verb.n && !apply_to_file(e, verb, rest) && !apply_to_tensor(e, verb, rest) && !apply_to_key(e, verb, rest)) wrong(e, "no such change");
        lines += n + (lines[n] != 0);
    }
}

static void pad(strbuf *b, size_t from, uint64_t align) {
    while ((b->n - from) % align) strbuf_char(b, 0);
}

static void write_table(const edit *e, strbuf *out) {
    uint64_t at = 0;
    for (size_t i = 0; i < e->n_t; i++) {
        const tensor *t = &e->t[i];
        put_str(out, view(&t->name));
        put_uint(out, (uint64_t)t->n_dims, 4);
        for (int d = 0; d < t->n_dims; d++) put_uint(out, t->dim[d], 8);
        put_uint(out, t->type, 4);
        put_uint(out, t->misplaced ? t->offset : at, 8);
        at += (t->data.n + e->align - 1) / e->align * e->align;
    }
}

void edit_write(const edit *e, strbuf *out) {
    strbuf_str(out, STR("GGUF"));
    put_uint(out, e->version, 4);
    put_uint(out, e->lies_t ? e->said_t : e->n_t, 8);
    put_uint(out, e->lies_kv ? e->said_kv : e->n_kv, 8);
    for (size_t i = 0; i < e->n_kv; i++) {
        put_str(out, view(&e->kv[i].name));
        put_uint(out, e->kv[i].kind, 4);
        strbuf_str(out, view(&e->kv[i].payload));
    }
    write_table(e, out);
    if (e->n_t) pad(out, 0, e->align);
    const size_t data = out->n;
    for (size_t i = 0; i < e->n_t; i++) {
        strbuf_str(out, view(&e->t[i].data));
        if (i + 1 < e->n_t) pad(out, data, e->align);
    }
    for (size_t i = 0; i < e->tail; i++) strbuf_char(out, (char)(i * 37 + 11));
    out->n -= e->cut < out->n ? e->cut : out->n;
    if (e->start.n && e->start.n <= out->n) memcpy(out->p, e->start.p, e->start.n);
    if (out->n > e->keep) out->n = e->keep;
    if (out->bad) abort();
}
