/* gguf.c - the file: header, metadata, tensor table; a view on bytes that are never copied.
 *
 * A file is three lists behind a header of 24 bytes, all little-endian and unaligned:
 *   | "GGUF" | version: u32 | n_tensors: u64 | n_kv: u64 |
 *   | n_kv times:      key: str | kind: u32 | payload                               |
 *   | n_tensors times: name: str | n_dims: u32 | dim[]: u64 | type: u32 | offset: u64 |
 *   | padding to the alignment | data, each tensor at its offset from here           |
 * where str is a u64 length and its bytes.  Nothing says how long the lists are in bytes, so they
 * are walked once by a cursor that cannot leave the file.  Names are indexed by a sorted list of
 * hashes: finding duplicates and looking up stay n log n whatever the names are. */
#include "gguf.h"
#include "kernels/r8.h"
#include "limits.h"
#include "unicode.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull; /* what %llu prints */

struct gguf {
    filemap      map;
    bool         owned; /* map is ours to close */
    bool         drops; /* its pages may be given back */
    char        *name;
    gguf_kv     *kv;
    gguf_tensor *tensor;
    size_t       n_kv, n_tensor, table_end;
    uint32_t     version;
    uint64_t     align;
    uint64_t     packed_version; /* R8_FILE_KEY; 0: none */
    uint64_t    *kv_by_name, *tensor_by_name; /* hash << 32 | position, sorted */
};

static const struct {
    const char *name;
    uint8_t     bytes; /* the least that one takes in the file */
} kinds[GGUF_KINDS] = {
    [GGUF_U8] = {"u8", 1},   [GGUF_I8] = {"i8", 1},     [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2}, [GGUF_U32] = {"u32", 4},   [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4}, [GGUF_BOOL] = {"bool", 1}, [GGUF_STR] = {"str", 8},
    [GGUF_ARRAY] = {"array", 12}, [GGUF_U64] = {"u64", 8}, [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

const char *gguf_kind_name(gguf_kind k) {
    return (unsigned)k < GGUF_KINDS ? kinds[k].name : "?";
}

/* ---- little-endian fields at any address, on any host -------------------- */

static uint16_t get_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static uint32_t get_u32(const uint8_t *p) { return get_u16(p) | (uint32_t)get_u16(p + 2) << 16; }

static uint64_t get_u64(const uint8_t *p) { return get_u32(p) | (uint64_t)get_u32(p + 4) << 32; }

static float get_f32(const uint8_t *p) {
    uint32_t u = get_u32(p);
    float    f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static double get_f64(const uint8_t *p) {
    uint64_t u = get_u64(p);
    double   d;
    memcpy(&d, &u, sizeof d);
    return d;
}

/* ---- errors -------------------------------------------------------------- */

/* A name from the file for "%.*s", at a length that leaves room for the rest of the line. */
static int shown(str s) { return s.n < 80 ? (int)s.n : 80; }
#define SHOW(s) shown(s), (s).p

slm_status gguf_fail(const gguf *g, slm_error *err, slm_status code, const char *fmt, ...) {
    char    text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t n = strlen(g->name);
    return n > 80 ? err_set(err, code, "...%s: %s", g->name + n - 77, text)
                  : err_set(err, code, "%s: %s", g->name, text);
}

/* ---- the cursor ---------------------------------------------------------- */

typedef struct {
    const gguf    *g;
    const uint8_t *p, *end;
    slm_error     *err;  /* the first error sticks; every take after it gives 0 */
    const char    *part; /* what is being read: "header", "key", "tensor" */
    str            name; /* its name once that is known */
    uint64_t       i, n; /* else its place in the list */
} cursor;

static bool ok(const cursor *c) { return !c->err->code; }

static uint64_t left(const cursor *c) { return (uint64_t)(c->end - c->p); }

typedef struct {
    char s[128];
} place;

static place place_of(const cursor *c) {
    place w;
    if (c->name.n) snprintf(w.s, sizeof w.s, "%s %.*s", c->part, SHOW(c->name));
    else if (c->n)
        snprintf(w.s, sizeof w.s, "%s %llu of %llu", c->part, (ull)c->i + 1, (ull)c->n);
    else snprintf(w.s, sizeof w.s, "%s", c->part);
    return w;
}

/* Can n elements of at least `bytes` each follow?  Whether the file was cut or lies about a
 * length cannot be told apart, but what no file could hold is not called a cut one. */
static bool need(cursor *c, uint64_t n, uint64_t bytes) {
    if (!ok(c)) return false;
    if (n <= left(c) / bytes) return true;
    if (n >= ((uint64_t)1 << 56) / bytes)
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT,
                  "%s: a count of %llu is more than any file holds", place_of(c).s, (ull)n);
    else
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT,
                  "file is cut: needs at least %llu bytes, has %zu (%s)",
                  (ull)((uint64_t)(c->p - c->g->map.data) + n * bytes), c->g->map.size,
                  place_of(c).s);
    return false;
}

static uint32_t take_u32(cursor *c) {
    if (!need(c, 1, 4)) return 0;
    c->p += 4;
    return get_u32(c->p - 4);
}

static uint64_t take_u64(cursor *c) {
    if (!need(c, 1, 8)) return 0;
    c->p += 8;
    return get_u64(c->p - 8);
}

static str take_str(cursor *c, uint64_t cap) {
    uint64_t n = take_u64(c);
    if (ok(c) && n > cap)
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT, "%s: a string of %llu bytes, the limit is %llu",
                  place_of(c).s, (ull)n, (ull)cap);
    if (!need(c, n, 1)) return (str){0};
    c->p += n;
    return (str){(const char *)c->p - n, (size_t)n};
}

static bool is_printable(str s) {
    for (size_t i = 0; i < s.n;) {
        uint8_t b = (uint8_t)s.p[i];
        if (b >= 0x20 && b < 0x7f) {
            i++;
            continue;
        }
        uint32_t cp;
        size_t   len = utf8_decode(s.p + i, s.n - i, &cp);
        if (!len || cp < 0xa0) return false;
        i += len;
    }
    return s.n > 0;
}

/* A key or tensor name; from here on errors use it. */
static str take_name(cursor *c, uint64_t cap) {
    c->name = (str){0};
    str s = take_str(c, cap);
    if (!ok(c)) return s;
    if (!is_printable(s))
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT, "%s: its name is %s", place_of(c).s,
                  s.n ? "not printable text" : "empty");
    c->name = s;
    return s;
}

/* ---- metadata ------------------------------------------------------------ */

static gguf_kind take_kind(cursor *c) {
    uint32_t k = take_u32(c);
    if (ok(c) && k >= GGUF_KINDS)
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT,
                  "%s: value kind %u is unknown (0 to %d are known)", place_of(c).s, k,
                  GGUF_KINDS - 1);
    return ok(c) ? (gguf_kind)k : GGUF_U8;
}

/* The hot loop of opening: a vocabulary has up to 500,000 strings. */
static void skip_strings(cursor *c, uint64_t n) {
    const uint8_t *p = c->p, *end = c->end;
    for (; n; n--) {
        if (end - p < 8) break;
        uint64_t len = get_u64(p);
        if (len > GGUF_MAX_STRING || len > (uint64_t)(end - p) - 8) break;
        p += 8 + len;
    }
    c->p = p;
    if (n) take_str(c, GGUF_MAX_STRING); /* says what is wrong with this one */
}

static void skip_values(cursor *c, gguf_kind k, uint64_t n, int depth);

static void skip_array(cursor *c, int depth) {
    if (depth > GGUF_MAX_NEST) {
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT,
                  "%s: arrays nested more than %d deep", place_of(c).s, GGUF_MAX_NEST);
        return;
    }
    gguf_kind k = take_kind(c);
    uint64_t  n = take_u64(c);
    skip_values(c, k, n, depth);
}

/* Moves past n values; depth: of the array that they are in. */
static void skip_values(cursor *c, gguf_kind k, uint64_t n, int depth) {
    if (!need(c, n, kinds[k].bytes)) return;
    if (k == GGUF_STR) skip_strings(c, n);
    else if (k == GGUF_ARRAY)
        while (n-- && ok(c)) skip_array(c, depth + 1);
    else c->p += n * kinds[k].bytes;
}

static gguf_kv take_kv(cursor *c) {
    gguf_kv kv = {.n = 1};
    kv.key = take_name(c, GGUF_MAX_KEY);
    kv.elem = take_kind(c);
    if (kv.elem == GGUF_ARRAY) {
        kv.is_array = true;
        kv.elem = take_kind(c);
        kv.n = take_u64(c);
    }
    kv.data = c->p;
    skip_values(c, kv.elem, kv.n, 1);
    kv.bytes = (size_t)(c->p - kv.data);
    return kv;
}

/* ---- tensor table -------------------------------------------------------- */

/* A packed tensor's type id, by its format's. */
static bool is_packed(uint32_t id) { return (id & 0xffff0000u) == R8_FILE_TYPE && r8_has((type_id)(id & 0xffffu)); }

static void refuse_type(cursor *c, uint32_t id) {
    char   list[200] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < TYPE_COUNT; i++) {
        const type_info *t = type_get(i);
        if (t && n < sizeof list)
            n += (size_t)snprintf(list + n, sizeof list - n, " %s", t->name);
    }
    const char *name = type_name(id);
    gguf_fail(c->g, c->err, SLM_ERR_UNSUPPORTED,
              "%s: type %s (%u) is not supported; these are:%s", place_of(c).s,
              name[0] == '?' ? "unknown" : name, id, list);
}

/* offset is from the start of the data until bind_data() makes it absolute. */
static gguf_tensor take_tensor(cursor *c) {
    gguf_tensor t = {.name = take_name(c, GGUF_MAX_NAME), .dim = {1, 1, 1, 1}};
    uint32_t    n_dims = take_u32(c);
    if (ok(c) && (n_dims < 1 || n_dims > 4))
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT,
                  "%s: %u dimensions, not 1 to 4", place_of(c).s, n_dims);
    uint64_t n_elems = 1;
    for (uint32_t i = 0; i < n_dims && ok(c); i++) {
        const uint64_t d = take_u64(c);
        if (!ok(c)) break;
        if (d < 1 || d > GGUF_MAX_DIM)
            gguf_fail(c->g, c->err, SLM_ERR_FORMAT, "%s: dimension %u is %llu, not 1 to %u",
                      place_of(c).s, i, (ull)d, GGUF_MAX_DIM);
        else if (d >= GGUF_MAX_ELEMS / n_elems + (GGUF_MAX_ELEMS % n_elems != 0))
            gguf_fail(c->g, c->err, SLM_ERR_FORMAT,
                      "%s: more than 2^48 elements", place_of(c).s);
        else n_elems *= t.dim[i] = d;
    }
    uint32_t type = take_u32(c);
    if (!ok(c)) return t;
    t.n_dims = (int)n_dims;
    t.packed = is_packed(type);
    t.type = type_get(t.packed ? type - R8_FILE_TYPE : type);
    if (!t.type) {
        refuse_type(c, type);
        return t;
    }
    size_t         row;
    const uint64_t n_rows = n_elems / t.dim[0];
    if (t.dim[0] % (uint64_t)t.type->block_elems)
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT,
                  "%s: rows of %llu are not whole %s blocks of %d", place_of(c).s,
                  (ull)t.dim[0], t.type->name, t.type->block_elems);
    else if (!type_row_bytes(t.type, t.dim[0], &row) || n_rows > SIZE_MAX || !size_mul(&t.bytes, row, (size_t)n_rows))
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT,
                  "%s: more bytes than an address has", place_of(c).s);
    else if (t.packed && !c->g->packed_version)
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT, "%s: is packed, but the key %s is missing", place_of(c).s,
                  R8_FILE_KEY);
    else if (t.packed && (n_dims != 2 || t.dim[1] < 8))
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT, "%s: is packed, which needs two dimensions and 8 rows",
                  place_of(c).s);
    t.offset = take_u64(c);
    return t;
}

/* ---- index of names ------------------------------------------------------ */

/* Eight bytes a step: keys may be long.  Need not resist an attacker: equal hashes only send the
 * sort to compare names, which is n log n as well. */
static uint32_t hash_of(str s) {
    const uint64_t k = 0x9e3779b97f4a7c15u;
    uint64_t       h = s.n * k;
    for (; s.n >= 8; s.p += 8, s.n -= 8) {
        h = (h ^ get_u64((const uint8_t *)s.p)) * k;
        h ^= h >> 32;
    }
    for (; s.n; s.p++, s.n--) h = (h ^ (uint8_t)*s.p) * k;
    return (uint32_t)(h >> 32);
}

static int str_order(str a, str b) {
    if (a.n != b.n) return a.n < b.n ? -1 : 1;
    return memcmp(a.p, b.p, a.n);
}

static str kv_name(const gguf *g, uint64_t item) { return g->kv[(uint32_t)item].key; }

static str tensor_name(const gguf *g, uint64_t item) { return g->tensor[(uint32_t)item].name; }

typedef str (*name_fn)(const gguf *g, uint64_t item);

/* Below 0 when item a comes before b.  Names NULL: items are tensors, ordered by offset. */
static int order(const gguf *g, name_fn name, uint64_t a, uint64_t b) {
    if (!name) {
        uint64_t x = g->tensor[a].offset, y = g->tensor[b].offset;
        return x < y ? -1 : x > y;
    }
    if (a >> 32 != b >> 32) return a >> 32 < b >> 32 ? -1 : 1;
    return str_order(name(g, a), name(g, b));
}

/* Merge sort, because qsort() may be quadratic where an attacker chooses the order.  The result
 * is in `a`; tmp is as long. */
static void sort(const gguf *g, name_fn name, uint64_t *a, uint64_t *tmp, size_t n) {
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            size_t mid = n - at < width ? n : at + width, end = n - mid < width ? n : mid + width;
            for (size_t i = at, j = mid, k = at; k < end; k++) {
                bool left_first = j == end || (i < mid && order(g, name, a[i], a[j]) <= 0);
                tmp[k] = left_first ? a[i++] : a[j++];
            }
        }
        memcpy(a, tmp, n * sizeof *a);
    }
}

/* Sorted list of n names, or NULL: no memory, or one of them is there twice. */
static uint64_t *index_names(const gguf *g, name_fn name, size_t n, const char *what,
                             slm_error *err) {
    uint64_t *a = mem_zero(n, sizeof *a), *tmp = mem_zero(n, sizeof *tmp);
    if (!a || !tmp) {
        err_memory(err, "index of names", 2 * n * sizeof *a);
        goto fail;
    }
    for (size_t i = 0; i < n; i++) a[i] = (uint64_t)hash_of(name(g, i)) << 32 | i;
    sort(g, name, a, tmp, n);
    for (size_t i = 1; i < n; i++)
        if (order(g, name, a[i - 1], a[i]) == 0) {
            str s = name(g, a[i]);
            gguf_fail(g, err, SLM_ERR_FORMAT,
                      "%s %.*s is there twice (entries %u and %u)", what, SHOW(s),
                      (uint32_t)a[i - 1] + 1, (uint32_t)a[i] + 1);
            goto fail;
        }
    mem_free(tmp);
    return a;
fail:
    mem_free(tmp);
    mem_free(a);
    return NULL;
}

/* Position of a name, or SIZE_MAX. */
static size_t find(const gguf *g, name_fn name, const uint64_t *index, size_t n, str s) {
    uint64_t h = hash_of(s);
    for (size_t lo = 0, hi = n; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        int    o = index[mid] >> 32 != h ? (index[mid] >> 32 < h ? -1 : 1)
                                         : str_order(name(g, index[mid]), s);
        if (o == 0) return (uint32_t)index[mid];
        if (o < 0) lo = mid + 1;
        else hi = mid;
    }
    return SIZE_MAX;
}

/* ---- opening ------------------------------------------------------------- */

/* What people try to load by mistake. */
static const struct {
    const char *start;
    uint8_t     n;
    const char *is;
} strangers[] = {
    {"version https://git-lfs", 23, "a Git LFS pointer (fetch the file itself: git lfs pull)"},
    {"PK\3\4", 4, "a zip archive (PyTorch weights?)"},
    {"lmgg", 4, "an old GGML model (from before GGUF)"},
    {"fmgg", 4, "an old GGMF model (from before GGUF)"},
    {"tjgg", 4, "an old GGJT model (from before GGUF)"},
    {"algg", 4, "an old GGLA adapter (from before GGUF)"},
    {"FUGG", 4, "a big-endian GGUF"},
    {"\x1f\x8b", 2, "gzip data (unpack it first)"},
    {"\x28\xb5\x2f\xfd", 4, "zstd data (unpack it first)"},
    {"\xfd" "7zXZ", 5, "xz data (unpack it first)"},
    {"7z\xbc\xaf", 4, "a 7-Zip archive"},
    {"\x80\2", 2, "a Python pickle (PyTorch weights?)"},
    {"\x89HDF", 4, "an HDF5 file"},
    {"\x7f" "ELF", 4, "a program"},
    {"%PDF", 4, "a PDF"},
    {"\0\0\0\0", 4, "a file that starts with zeros (an unfinished download?)"},
};

static bool starts(const uint8_t *p, size_t n, const char *lower) {
    for (size_t i = 0; lower[i]; i++)
        if (i >= n || (p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]) != lower[i]) return false;
    return true;
}

static const char *stranger(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++)
        if (n >= strangers[i].n && !memcmp(p, strangers[i].start, strangers[i].n))
            return strangers[i].is;
    /* A length, then JSON. */
    if (n > 9 && p[8] == '{' && get_u64(p) < (uint64_t)1 << 32) return "a safetensors file";
    if (n >= 3 && !memcmp(p, "\xef\xbb\xbf", 3)) p += 3, n -= 3;
    while (n && (*p == ' ' || (*p >= '\t' && *p <= '\r'))) p++, n--;
    if (starts(p, n, "<!doctype") || starts(p, n, "<html") || starts(p, n, "<head") ||
        starts(p, n, "<?xml") || starts(p, n, "<!--"))
        return "a web page (HTML; the download went wrong)";
    if (n && (*p == '{' || *p == '[')) return "JSON text";
    return NULL;
}

/* Reads the header and leaves the cursor behind it. */
static void take_header(gguf *g, cursor *c, uint64_t *n_tensor, uint64_t *n_kv) {
    const uint8_t *p = c->p;
    size_t         n = c->g->map.size;
    if (memcmp(p, "GGUF", n < 4 ? n : 4)) {
        const char *is = stranger(p, n);
        bool        big = is && !strncmp(is, "a big-endian", 12);
        if (is)
            gguf_fail(c->g, c->err, big ? SLM_ERR_UNSUPPORTED : SLM_ERR_FORMAT,
                      "is %s, not a %sGGUF file", is, big ? "little-endian " : "");
        else
            gguf_fail(c->g, c->err, SLM_ERR_FORMAT,
                      "not a GGUF file: starts with %02x %02x %02x %02x, not \"GGUF\"", p[0],
                      n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, n > 3 ? p[3] : 0);
        return;
    }
    if (!need(c, 24, 1)) return;
    c->p += 4;
    uint32_t version = take_u32(c);
    /* No version has zero low bytes, unless it was written the other way round. */
    if (version && !(version & 0xffff))
        gguf_fail(c->g, c->err, SLM_ERR_UNSUPPORTED,
                  "is a big-endian GGUF; only little-endian is read");
    else if (version < 2 || version > 3)
        gguf_fail(c->g, c->err, SLM_ERR_UNSUPPORTED,
                  "GGUF version %u is not supported (2 and 3 are)%s", version,
                  version == 1 ? "; convert the model again" : "");
    g->version = version;
    *n_tensor = take_u64(c);
    *n_kv = take_u64(c);
    /* The smallest key takes 13 bytes and a byte of name; the smallest tensor 32. */
    c->part = "the header's number of keys";
    need(c, *n_kv, 13);
    c->part = "the header's number of tensors";
    need(c, *n_tensor, 32);
    if (ok(c) && (*n_kv > GGUF_MAX_COUNT || *n_tensor > GGUF_MAX_COUNT))
        gguf_fail(c->g, c->err, SLM_ERR_FORMAT, "%llu keys and %llu tensors, the limit is %u",
                  (ull)*n_kv, (ull)*n_tensor, GGUF_MAX_COUNT);
}

/* Room for one element more of n in *list.  It grows with what was read, not with what the header
 * promised, so that memory stays in proportion to the file. */
static bool reserve(void **list, size_t n, size_t *room, uint64_t most, size_t elem,
                    const char *what, slm_error *err) {
    if (n < *room) return true;
    size_t more = n ? n + n / 2 : 32768;
    if (more > most) more = (size_t)most;
    void *p = mem_resize(*list, more, elem);
    if (!p) {
        err_memory(err, what, more * elem);
        return false;
    }
    *list = p;
    *room = more;
    return true;
}

static void take_all_kv(gguf *g, cursor *c, uint64_t n) {
    size_t room = 0;
    void  *list = NULL;
    c->part = "key";
    c->n = n;
    for (c->i = 0; c->i < n && ok(c); c->i++) {
        if (!reserve(&list, g->n_kv, &room, n, sizeof *g->kv, "metadata", c->err)) break;
        g->kv = list;
        gguf_kv kv = take_kv(c);
        if (ok(c)) g->kv[g->n_kv++] = kv;
    }
    if (ok(c)) g->kv_by_name = index_names(g, kv_name, g->n_kv, "key", c->err);
}

static void take_all_tensors(gguf *g, cursor *c, uint64_t n) {
    size_t room = 0;
    void  *list = NULL;
    c->part = "tensor";
    c->n = n;
    for (c->i = 0; c->i < n && ok(c); c->i++) {
        if (!reserve(&list, g->n_tensor, &room, n, sizeof *g->tensor, "tensors", c->err)) break;
        g->tensor = list;
        gguf_tensor t = take_tensor(c);
        if (ok(c)) g->tensor[g->n_tensor++] = t;
    }
    if (ok(c)) g->tensor_by_name = index_names(g, tensor_name, g->n_tensor, "tensor", c->err);
}

/* The alignment of the data, or 0 after an error; refuses a file that is only a part. */
static uint64_t check_layout_keys(const gguf *g, slm_error *err) {
    uint64_t align = 32, parts = 1, part = 0;
    if (gguf_uint(g, "general.alignment", GGUF_MIN_ALIGN, GGUF_MAX_ALIGN, &align, err) ||
        gguf_uint(g, "split.count", 0, UINT64_MAX, &parts, err) ||
        gguf_uint(g, "split.no", 0, UINT64_MAX - 1, &part, err))
        return 0;
    if (align & (align - 1))
        gguf_fail(g, err, SLM_ERR_FORMAT,
                  "general.alignment is %llu, not a power of two", (ull)align);
    else if (parts > 1)
        gguf_fail(g, err, SLM_ERR_UNSUPPORTED,
                  "is part %llu of a model split into %llu files, which is not supported: join them",
                  (ull)part + 1, (ull)parts);
    return err->code ? 0 : align;
}

/* The version of the packed tensors' layout, or 0: the file has none. */
static uint64_t check_pack_key(const gguf *g, slm_error *err) {
    uint64_t version = 0;
    if (gguf_uint(g, R8_FILE_KEY, 1, UINT32_MAX, &version, err)) return 0;
    if (version && version != R8_FILE_VERSION)
        gguf_fail(g, err, SLM_ERR_UNSUPPORTED,
                  "is packed in version %llu, and this slm reads version %u: pack the original again",
                  (ull)version, R8_FILE_VERSION);
    return version;
}

/* Which sentence fits a tensor that reaches past the end?  Tensors that lie one behind the other
 * were all there once: the file was cut.  Otherwise an offset lies. */
static void refuse_end(const gguf *g, size_t start, uint64_t align, slm_error *err) {
    const gguf_tensor *first = g->tensor, *far = first;
    bool               is_cut = false;
    size_t             packed = start;
    for (size_t i = 0; i < g->n_tensor; i++) {
        const gguf_tensor *t = &g->tensor[i];
        if (t->offset + t->bytes > far->offset + far->bytes) far = t;
        bool inside = t->offset + t->bytes <= g->map.size;
        if (!inside && (!is_cut || t->offset < first->offset)) first = t;
        is_cut |= !inside;
        if (!size_add(&packed, packed, t->bytes) || !size_add(&packed, packed, (size_t)(align - 1)))
            packed = SIZE_MAX;
        packed &= ~(size_t)(align - 1);
    }
    uint64_t end = far->offset + far->bytes;
    if (end <= packed)
        gguf_fail(g, err, SLM_ERR_FORMAT,
                  "file is cut: needs %llu bytes, has %zu (tensor %.*s)", (ull)end, g->map.size,
                  SHOW(first->name));
    else
        gguf_fail(g, err, SLM_ERR_FORMAT,
                  "tensor %.*s: its %zu bytes at %llu are past the end (%zu)", SHOW(far->name),
                  far->bytes, (ull)far->offset, g->map.size);
}

static void check_overlap(const gguf *g, slm_error *err) {
    uint64_t *a = mem_zero(g->n_tensor, sizeof *a), *tmp = mem_zero(g->n_tensor, sizeof *tmp);
    if (!a || !tmp) {
        err_memory(err, "order of tensors", 2 * g->n_tensor * sizeof *a);
        goto done;
    }
    for (size_t i = 0; i < g->n_tensor; i++) a[i] = i;
    sort(g, NULL, a, tmp, g->n_tensor);
    for (size_t i = 1; i < g->n_tensor && !err->code; i++) {
        const gguf_tensor *t = &g->tensor[a[i - 1]], *next = &g->tensor[a[i]];
        if (t->offset + t->bytes > next->offset)
            gguf_fail(g, err, SLM_ERR_FORMAT, "tensors %.*s and %.*s overlap at byte %llu",
                      SHOW(t->name), SHOW(next->name), (ull)next->offset);
    }
done:
    mem_free(tmp);
    mem_free(a);
}

/* The specification says zeros.  A table that goes on there is longer than the header says, and all data
 * would be taken from the wrong place, without a word. */
static bool is_padding(const gguf *g, size_t from, size_t to) {
    for (size_t i = from; i < to && i < g->map.size; i++)
        if (g->map.data[i]) return false;
    return true;
}

/* Gives each tensor its place in the file; `at` is the end of the tensor table. */
static void bind_data(gguf *g, size_t at, uint64_t align, slm_error *err) {
    size_t start = (at + (size_t)align - 1) & ~(size_t)(align - 1); /* at <= SIZE_MAX / 2 */
    bool   inside = true;
    for (size_t i = 0; i < g->n_tensor; i++) {
        gguf_tensor *t = &g->tensor[i];
        size_t       end;
        if (t->offset & (align - 1)) {
            gguf_fail(g, err, SLM_ERR_FORMAT,
                      "tensor %.*s: offset %llu is not a multiple of %llu", SHOW(t->name),
                      (ull)t->offset, (ull)align);
            return;
        }
        if (t->offset > SIZE_MAX - start ||
            !size_add(&end, start + (size_t)t->offset, t->bytes)) {
            gguf_fail(g, err, SLM_ERR_FORMAT,
                      "tensor %.*s: offset %llu is more than any file holds", SHOW(t->name),
                      (ull)t->offset);
            return;
        }
        t->offset += start;
        inside &= end <= g->map.size;
    }
    if (!inside) {
        refuse_end(g, start, align, err);
        return;
    }
    if (g->n_tensor && !is_padding(g, at, start)) {
        gguf_fail(g, err, SLM_ERR_FORMAT,
                  "the bytes between the table of tensors and their data are not zero: more tensors than the header's %zu?",
                  g->n_tensor);
        return;
    }
    for (size_t i = 0; i < g->n_tensor; i++)
        g->tensor[i].data = g->map.data + g->tensor[i].offset;
    check_overlap(g, err);
}

static void read_all(gguf *g, slm_error *err) {
    cursor   c = {.g = g, .p = g->map.data, .end = g->map.data + g->map.size, .err = err,
                  .part = "header"};
    uint64_t n_tensor = 0, n_kv = 0;
    take_header(g, &c, &n_tensor, &n_kv);
    if (ok(&c)) take_all_kv(g, &c, n_kv);
    if (ok(&c)) g->align = check_layout_keys(g, err);
    if (ok(&c)) g->packed_version = check_pack_key(g, err);
    if (ok(&c)) take_all_tensors(g, &c, n_tensor);
    g->table_end = (size_t)(c.p - g->map.data);
    if (ok(&c)) bind_data(g, g->table_end, g->align, err);
}

/* Takes the map over, also when it fails. */
static slm_status open_map(gguf **out, filemap map, bool owned, const char *name,
                           slm_error *err) {
    slm_error e = {0}; /* the cursor needs one that is there and empty */
    gguf     *g = mem_zero(1, sizeof *g);
    char     *copy = mem_zero(strlen(name) + 1, 1);
    if (!g || !copy) {
        mem_free(g);
        mem_free(copy);
        if (owned) filemap_close(&map);
        return err_memory(err, "file", sizeof *g);
    }
    *g = (gguf){.map = map, .owned = owned, .drops = owned, .name = strcpy(copy, name)};
    if (map.size == 0) gguf_fail(g, &e, SLM_ERR_FORMAT, "file is empty");
    else read_all(g, &e);
    if (e.code) {
        gguf_close(g);
        if (err && !err->code) *err = e;
        return e.code;
    }
    *out = g;
    return SLM_OK;
}

slm_status gguf_open(gguf **out, const char *path, slm_error *err) {
    filemap    map;
    slm_status rc = filemap_open(&map, path, err);
    return rc ? rc : open_map(out, map, true, path, err);
}

slm_status gguf_open_memory(gguf **out, const void *data, size_t size, const char *name,
                            slm_error *err) {
    return open_map(out, (filemap){data, size}, false, name, err);
}

void gguf_close(gguf *g) {
    if (!g) return;
    if (g->owned) filemap_close(&g->map);
    mem_free(g->name);
    mem_free(g->kv);
    mem_free(g->tensor);
    mem_free(g->kv_by_name);
    mem_free(g->tensor_by_name);
    mem_free(g);
}

void gguf_drop(const gguf *g, const void *p, size_t n) {
    if (g->drops) filemap_drop(&g->map, p, n);
}

void gguf_spend(gguf *g) { g->drops = true; }

bool gguf_is_spent(const gguf *g) { return g->drops && !g->owned; }

size_t gguf_file_bytes(const gguf *g) { return g->map.size; }

const uint8_t *gguf_file_data(const gguf *g) { return g->map.data; }

uint32_t gguf_version(const gguf *g) { return g->version; }

uint64_t gguf_alignment(const gguf *g) { return g->align; }

size_t gguf_table_end(const gguf *g) { return g->table_end; }

const char *gguf_name(const gguf *g) { return g->name; }

/* ---- lookup -------------------------------------------------------------- */

size_t gguf_n_tensors(const gguf *g) { return g->n_tensor; }

const gguf_tensor *gguf_tensor_at(const gguf *g, size_t i) {
    return i < g->n_tensor ? &g->tensor[i] : NULL;
}

const gguf_tensor *gguf_find(const gguf *g, const char *name) {
    return gguf_tensor_at(g, find(g, tensor_name, g->tensor_by_name, g->n_tensor, str_of(name)));
}

size_t gguf_n_kv(const gguf *g) { return g->n_kv; }

const gguf_kv *gguf_kv_at(const gguf *g, size_t i) { return i < g->n_kv ? &g->kv[i] : NULL; }

const gguf_kv *gguf_kv_find(const gguf *g, const char *key) {
    return gguf_kv_at(g, find(g, kv_name, g->kv_by_name, g->n_kv, str_of(key)));
}

/* ---- values -------------------------------------------------------------- */

static bool is_integer(gguf_kind k) {
    return k == GGUF_U8 || k == GGUF_I8 || k == GGUF_U16 || k == GGUF_I16 || k == GGUF_U32 ||
           k == GGUF_I32 || k == GGUF_U64 || k == GGUF_I64;
}

static bool is_signed(gguf_kind k) {
    return k == GGUF_I8 || k == GGUF_I16 || k == GGUF_I32 || k == GGUF_I64;
}

/* Out of range is no undefined cast but the nearest end; NaN is 0. */
static uint64_t float_to_uint(double d) {
    if (d != d) return 0;
    if (d < 0) return d <= -0x1p63 ? (uint64_t)INT64_MIN : (uint64_t)(int64_t)d;
    return d >= 0x1p64 ? UINT64_MAX : (uint64_t)d;
}

uint64_t gguf_kv_uint(const gguf_kv *kv, uint64_t i) {
    const uint8_t *p = kv->data + i * kinds[kv->elem].bytes;
    switch (kv->elem) {
    case GGUF_U8: return *p;
    case GGUF_I8: return (uint64_t)(int8_t)*p;
    case GGUF_U16: return get_u16(p);
    case GGUF_I16: return (uint64_t)(int16_t)get_u16(p);
    case GGUF_U32: return get_u32(p);
    case GGUF_I32: return (uint64_t)(int32_t)get_u32(p);
    case GGUF_U64: case GGUF_I64: return get_u64(p);
    case GGUF_BOOL: return *p != 0;
    case GGUF_F32: return float_to_uint((double)get_f32(p));
    case GGUF_F64: return float_to_uint(get_f64(p));
    default: return 0;
    }
}

double gguf_kv_float(const gguf_kv *kv, uint64_t i) {
    const uint8_t *p = kv->data + i * kinds[kv->elem].bytes;
    if (kv->elem == GGUF_F32) return (double)get_f32(p);
    if (kv->elem == GGUF_F64) return get_f64(p);
    uint64_t u = gguf_kv_uint(kv, i);
    return is_signed(kv->elem) ? (double)(int64_t)u : (double)u;
}

static slm_status refuse_kind(const gguf *g, const gguf_kv *kv, const char *wanted,
                              slm_error *err) {
    return gguf_fail(g, err, SLM_ERR_FORMAT, "%.*s is %s %s, not %s", SHOW(kv->key),
                     kv->is_array ? "an array of" : "of kind", gguf_kind_name(kv->elem), wanted);
}

slm_status gguf_uint(const gguf *g, const char *key, uint64_t lo, uint64_t hi, uint64_t *out,
                     slm_error *err) {
    const gguf_kv *kv = gguf_kv_find(g, key);
    if (!kv) return SLM_OK;
    if (kv->is_array || !is_integer(kv->elem)) return refuse_kind(g, kv, "an integer", err);
    uint64_t v = gguf_kv_uint(kv, 0);
    if (is_signed(kv->elem) && (int64_t)v < 0)
        return gguf_fail(g, err, SLM_ERR_FORMAT,
                         "%.*s is %lld, not in %llu to %llu", SHOW(kv->key), (long long)v,
                         (ull)lo, (ull)hi);
    if (v < lo || v > hi)
        return gguf_fail(g, err, SLM_ERR_FORMAT,
                         "%.*s is %llu, not in %llu to %llu", SHOW(kv->key), (ull)v, (ull)lo,
                         (ull)hi);
    *out = v;
    return SLM_OK;
}

slm_status gguf_float(const gguf *g, const char *key, double lo, double hi, float *out,
                      slm_error *err) {
    const gguf_kv *kv = gguf_kv_find(g, key);
    if (!kv) return SLM_OK;
    if (kv->is_array || (kv->elem != GGUF_F32 && kv->elem != GGUF_F64))
        return refuse_kind(g, kv, "a float", err);
    double v = gguf_kv_float(kv, 0);
    float  f = fabs(v) > 3.4028234663852886e38 ? (float)INFINITY : (float)v;
    if (!isfinite(f) || !(v >= lo && v <= hi))
        return gguf_fail(g, err, SLM_ERR_FORMAT,
                         "%.*s is %g, not in %g to %g", SHOW(kv->key), v, lo, hi);
    *out = f;
    return SLM_OK;
}

slm_status gguf_bool(const gguf *g, const char *key, bool *out, slm_error *err) {
    const gguf_kv *kv = gguf_kv_find(g, key);
    if (!kv) return SLM_OK;
    if (kv->is_array || kv->elem != GGUF_BOOL) return refuse_kind(g, kv, "a bool", err);
    if (*kv->data > 1)
        return gguf_fail(g, err, SLM_ERR_FORMAT,
                         "%.*s is %u, not 0 or 1", SHOW(kv->key), *kv->data);
    *out = *kv->data;
    return SLM_OK;
}

slm_status gguf_str(const gguf *g, const char *key, str *out, slm_error *err) {
    const gguf_kv *kv = gguf_kv_find(g, key);
    if (!kv) return SLM_OK;
    if (kv->is_array || kv->elem != GGUF_STR) return refuse_kind(g, kv, "a string", err);
    *out = (str){(const char *)kv->data + 8, (size_t)get_u64(kv->data)};
    return SLM_OK;
}

gguf_strings gguf_strings_of(const gguf_kv *kv) {
    return (gguf_strings){kv->data, kv->elem == GGUF_STR ? kv->n : 0};
}

bool gguf_next_str(gguf_strings *it, str *out) {
    if (!it->left) return false;
    *out = (str){(const char *)it->p + 8, (size_t)get_u64(it->p)};
    it->p += 8 + out->n;
    it->left--;
    return true;
}
