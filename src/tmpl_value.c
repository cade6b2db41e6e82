/* tmpl_value.c - values: truth, equality, order, containers, iteration, attributes, items.
 *
 * Everything follows Python, because that is what templates were tested with: 1, 1.0 and true are
 * one key of a dict, strings are sequences of characters, `in` on a string wants a string. */
#include "tmpl.h"
#include <math.h>
#include <string.h>

const char *kind_name(val v) {
    static const char *const names[] = {
        [V_UNDEF] = "Undefined", [V_NONE] = "NoneType", [V_BOOL] = "bool",        [V_INT] = "int",     [V_BIG] = "int",
        [V_FLOAT] = "float",     [V_STR] = "str",       [V_LIST] = "list",        [V_TUPLE] = "tuple", [V_DICT] = "dict",
        [V_VIEW] = "dict view",  [V_RANGE] = "range",   [V_GEN] = "generator",    [V_NAMESPACE] = "Namespace", [V_LOOP] = "LoopContext",
        [V_MACRO] = "Macro",     [V_METHOD] = "method", [V_FUNC] = "function",    [V_CYCLER] = "Cycler", [V_JOINER] = "Joiner",
    };
    return names[v.kind];
}

/* ---- undefined ------------------------------------------------------------------ */

static val undef(tm *t, tm_undef u) {
    tm_undef *p = tm_take(t, 1, sizeof *p);
    *p = u;
    return (val){.kind = V_UNDEF, .undef = p};
}

val undef_name(tm *t, const tm_text *name) { return undef(t, (tm_undef){.obj = v_undef(), .name = name}); }
val undef_attr(tm *t, val obj, const tm_text *name) { return undef(t, (tm_undef){.obj = obj, .name = name}); }
val undef_hint(tm *t, const char *hint) { return undef(t, (tm_undef){.hint = hint}); }

void undef_fail(tm *t, val v) {
    const tm_undef *u = v.undef;
    if (u && u->hint) tm_fail(t, "%s", u->hint);
    if (!u || !u->name) tm_fail(t, "the value is undefined");
    const int n = u->name->n < 80 ? (int)u->name->n : 80;
    if (u->is_unsafe) tm_fail(t, "attribute '%.*s' of '%s' is not allowed in templates", n, u->name->p, kind_name(u->obj));
    if (u->obj.kind == V_UNDEF) tm_fail(t, "'%.*s' is undefined", n, u->name->p);
    tm_fail(t, "a value of type '%s' has no '%.*s'", kind_name(u->obj), n, u->name->p);
}

/* ---- truth, equality, order -------------------------------------------------------- */

bool truth(tm *t, val v) {
    size_t n;
    switch (v.kind) {
    case V_UNDEF: case V_NONE: return false;
    case V_BOOL: return v.b;
    case V_INT: return v.i != 0;
    case V_FLOAT: return v.f != 0;
    case V_STR: return v.s->n > 0;
    case V_LIST: case V_TUPLE: case V_DICT: case V_VIEW: case V_RANGE: return length_of(t, v, &n) && n;
    default: return true;
    }
}

bool is_integer_val(val v) { return v.kind == V_INT || v.kind == V_BOOL || v.kind == V_BIG; }
bool is_number_val(val v) { return is_integer_val(v) || v.kind == V_FLOAT; }

bool index_of(val v, int64_t *i) {
    if (v.kind == V_BOOL) *i = v.b;
    else if (v.kind == V_INT) *i = v.i;
    else return false;
    return true;
}

int64_t need_int(tm *t, val v, const char *what) {
    int64_t i;
    need_defined(t, v);
    if (!index_of(v, &i)) tm_fail(t, "%s must be a whole number, not '%s'", what, kind_name(v));
    return i;
}

bool same(val a, val b) {
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case V_NONE: return true;
    case V_BOOL: return a.b == b.b;
    /* Python keeps one object for each small number and short literal; equality is the best guess. */
    case V_INT: return a.i == b.i;
    case V_FLOAT: return false;
    case V_STR: return a.s == b.s || (a.s->n < 2 && text_eq(a.s, b.s)) || (a.s->n == b.s->n && a.s->p == b.s->p);
    case V_FUNC: return a.func == b.func;
    case V_UNDEF: return a.undef == b.undef;
    default: return a.s == b.s;
    }
}

static bool equal_lists(tm *t, const tm_list *a, const tm_list *b) {
    if (a->n != b->n) return false;
    tm_enter(t);
    size_t i = 0;
    while (i < a->n && (same(a->v[i], b->v[i]) || equal(t, a->v[i], b->v[i]))) i++;
    tm_pay(t, 4 * i);
    tm_leave(t);
    return i == a->n;
}

static bool equal_dicts(tm *t, const tm_dict *a, const tm_dict *b) {
    if (a->n != b->n) return false;
    tm_enter(t);
    size_t i = 0;
    for (; i < a->n; i++) {
        const val *v = dict_get(t, b, a->e[i].k);
        if (!v || !(same(a->e[i].v, *v) || equal(t, a->e[i].v, *v))) break;
    }
    tm_leave(t);
    return i == a->n;
}

/* An integer of any size against a double, without rounding where it matters. */
static int compare_numbers(val a, val b) {
    if (a.kind != V_FLOAT && b.kind != V_FLOAT) return big_compare(NULL, a, b);
    const double x = num_of(a), y = num_of(b);
    if (isnan(x) || isnan(y)) return 2;
    if (a.kind == V_INT && b.kind == V_FLOAT && fabs(y) < 9e18 && y == floor(y)) {
        const int64_t k = (int64_t)y;
        return (a.i > k) - (a.i < k);
    }
    if (b.kind == V_INT && a.kind == V_FLOAT) return -compare_numbers(b, a); /* NaN was answered above */
    return (x > y) - (x < y);
}

static bool equal_ranges(const tm_range *a, const tm_range *b) {
    return a->n == b->n && (!a->n || (a->start == b->start && (a->n == 1 || a->step == b->step)));
}

/* Keys and items are sets; values are not. */
static bool equal_views(tm *t, val a, val b) {
    val     x;
    size_t  n = 0;
    tm_iter it = iter_of(t, a);
    if (a.view->what == VIEW_VALUES || a.view->what != b.view->what || a.view->d->n != b.view->d->n) return false;
    while (iter_next(t, &it, &x) && contains(t, b, x)) n++;
    return n == a.view->d->n;
}

bool equal(tm *t, val a, val b) {
    tm_pay(t, a.kind == V_BIG || b.kind == V_BIG ? BIG_COST : 4);
    if (is_number_val(a) && is_number_val(b)) return compare_numbers(a, b) == 0;
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case V_UNDEF: case V_NONE: return true;
    case V_STR:
        tm_pay(t, a.s->n == b.s->n ? a.s->n / 4 : 0);
        return text_eq(a.s, b.s);
    case V_LIST: case V_TUPLE: return equal_lists(t, a.l, b.l);
    case V_DICT: return equal_dicts(t, a.d, b.d);
    case V_RANGE: return equal_ranges(a.range, b.range);
    case V_VIEW: return a.view == b.view || equal_views(t, a, b);
    case V_METHOD: return a.method->f == b.method->f && same(a.method->self, b.method->self);
    case V_FUNC: return a.func == b.func;
    default: return a.s == b.s;
    }
}

static int compare_lists(tm *t, const tm_list *a, const tm_list *b, const char *op) {
    int    c = 0;
    size_t i = 0;
    tm_enter(t);
    for (; i < a->n && i < b->n; i++)
        if (!same(a->v[i], b->v[i]) && !equal(t, a->v[i], b->v[i])) {
            c = compare(t, a->v[i], b->v[i], op);
            break;
        }
    tm_pay(t, 4 * i);
    tm_leave(t);
    return c ? c : (a->n > b->n) - (a->n < b->n);
}

int compare(tm *t, val a, val b, const char *op) {
    need_defined(t, a);
    need_defined(t, b);
    tm_pay(t, a.kind == V_BIG || b.kind == V_BIG ? BIG_COST : 4);
    if (is_number_val(a) && is_number_val(b)) return compare_numbers(a, b);
    if (a.kind == V_STR && b.kind == V_STR) {
        /* UTF-8 sorts as its characters do. */
        const size_t n = a.s->n < b.s->n ? a.s->n : b.s->n;
        const int    c = n ? memcmp(a.s->p, b.s->p, n) : 0;
        tm_pay(t, n / 4);
        return c ? (c > 0) - (c < 0) : (a.s->n > b.s->n) - (a.s->n < b.s->n);
    }
    if (a.kind == b.kind && (a.kind == V_LIST || a.kind == V_TUPLE)) return compare_lists(t, a.l, b.l, op);
    tm_fail(t, "'%s' does not work between '%s' and '%s'", op, kind_name(a), kind_name(b));
}

bool contains(tm *t, val box, val v) {
    tm_iter it;
    val     x;
    switch (box.kind) {
    case V_STR:
        need_defined(t, v);
        if (v.kind != V_STR) tm_fail(t, "'in' on a string wants a string, not '%s'", kind_name(v));
        return text_find(t, box.s, v.s, 0) != SIZE_MAX;
    case V_DICT: return dict_get(t, box.d, v) != NULL;
    case V_VIEW:
        if (box.view->what == VIEW_KEYS) return dict_get(t, box.view->d, v) != NULL;
        break;
    default:
        if (!is_iterable(box)) tm_fail(t, "'in' does not work on '%s'", kind_name(box));
    }
    for (it = iter_of(t, box); iter_next(t, &it, &x);)
        if (same(x, v) || equal(t, x, v)) return true;
    return false;
}

bool length_of(tm *t, val v, size_t *n) {
    switch (v.kind) {
    case V_UNDEF: *n = 0; return true;
    case V_STR: *n = text_len(t, v.s); return true;
    case V_LIST: case V_TUPLE: *n = v.l->n; return true;
    case V_DICT: *n = v.d->n; return true;
    case V_VIEW: *n = v.view->d->n; return true;
    case V_RANGE: *n = (size_t)v.range->n; return true;
    case V_LOOP: *n = loop_length(t, v.loop); return true;
    default: return false;
    }
}

val length(tm *t, val v) {
    size_t n;
    if (!length_of(t, v, &n)) tm_fail(t, "a value of type '%s' has no length", kind_name(v));
    return v_int((int64_t)n);
}

/* ---- lists and dicts ------------------------------------------------------------------ */

tm_list *list_new(tm *t, size_t room) {
    tm_list *l = tm_take(t, 1, sizeof *l);
    l->room = room;
    if (room) l->v = tm_take(t, room, sizeof *l->v);
    return l;
}

void list_push(tm *t, tm_list *l, val v) {
    if (l->n == l->room) {
        const size_t room = l->room ? 2 * l->room : 4;
        val         *p = tm_take(t, room, sizeof *p);
        if (l->n) memcpy(p, l->v, l->n * sizeof *p);
        l->v = p;
        l->room = room;
    }
    l->v[l->n++] = v;
    tm_pay(t, 8);
}

tm_list *list_of(tm *t, val v) {
    tm_list *l = list_new(t, 0);
    val      x;
    for (tm_iter it = iter_of(t, v); iter_next(t, &it, &x);) list_push(t, l, x);
    return l;
}

tm_dict *dict_new(tm *t) { return tm_take(t, 1, sizeof(tm_dict)); }

static uint64_t mix(uint64_t h) {
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t hash_of(tm *t, val v) {
    uint64_t h = 0xcbf29ce484222325u;
    switch (v.kind) {
    case V_UNDEF: case V_NONE: return mix((uint64_t)v.kind + 77);
    case V_BOOL: return mix(v.b);
    case V_INT: return mix((uint64_t)v.i);
    case V_BIG: return big_hash(v.big);
    case V_FLOAT:
        if (v.f == floor(v.f) && fabs(v.f) < 9e18) return mix((uint64_t)(int64_t)v.f);
        if (isfinite(v.f) && v.f == floor(v.f)) return hash_of(t, int_of_double(t, v.f));
        memcpy(&h, &v.f, sizeof h);
        return mix(h);
    case V_STR:
        for (size_t i = 0; i < v.s->n; i++) h = (h ^ (uint8_t)v.s->p[i]) * 0x100000001b3u;
        tm_pay(t, v.s->n);
        return mix(h);
    case V_TUPLE:
        tm_enter(t);
        for (size_t i = 0; i < v.l->n; i++) h = mix(h ^ hash_of(t, v.l->v[i]));
        tm_leave(t);
        return h;
    case V_LIST: case V_DICT: case V_VIEW: tm_fail(t, "a value of type '%s' cannot be a key", kind_name(v));
    default: return mix((uint64_t)(uintptr_t)v.s);
    }
}

/* Up to here comparing all keys beats hashing. */
#define SCAN_MAX 8

static size_t dict_find(tm *t, const tm_dict *d, val k, size_t *free_slot) {
    if (k.kind == V_LIST || k.kind == V_DICT || k.kind == V_TUPLE || !d->slot) hash_of(t, k); /* refuses lists */
    if (!d->slot) {
        size_t i = 0;
        while (i < d->n && !equal(t, d->e[i].k, k)) i++;
        return i;
    }
    size_t at = (size_t)(hash_of(t, k) ^ (uintptr_t)d->slot >> 4);
    for (;; at++) {
        at &= d->n_slot - 1;
        const uint32_t s = d->slot[at];
        if (!s) break;
        if (equal(t, d->e[s - 1].k, k)) return s - 1;
    }
    if (free_slot) *free_slot = at;
    return d->n;
}

val *dict_get(tm *t, const tm_dict *d, val k) {
    const size_t i = dict_find(t, d, k, NULL);
    return i < d->n ? &d->e[i].v : NULL;
}

val *dict_get_z(tm *t, const tm_dict *d, const char *k) {
    const tm_text s = {.p = k, .n = strlen(k)};
    return dict_get(t, d, v_str(&s));
}

static void dict_grow(tm *t, tm_dict *d) {
    const size_t room = d->room ? 2 * d->room : 4;
    if (room > UINT32_MAX / 4) tm_fail(t, "a dict of too many keys");
    tm_pair *e = tm_take(t, room, sizeof *e);
    if (d->n) memcpy(e, d->e, d->n * sizeof *e);
    d->e = e;
    d->room = room;
    if (room <= SCAN_MAX) return;
    d->n_slot = 2 * room;
    d->slot = tm_take(t, d->n_slot, sizeof *d->slot);
    for (size_t i = 0; i < d->n; i++) {
        size_t at = (size_t)(hash_of(t, e[i].k) ^ (uintptr_t)d->slot >> 4) & (d->n_slot - 1);
        for (; d->slot[at]; at = (at + 1) & (d->n_slot - 1)) tm_pay(t, 1); /* keys may be made to collide */
        d->slot[at] = (uint32_t)i + 1;
    }
}

void dict_set(tm *t, tm_dict *d, val k, val v) {
    if (d->n == d->room) dict_grow(t, d);
    size_t       at = 0;
    const size_t i = dict_find(t, d, k, &at);
    tm_pay(t, 8);
    d->e[i].v = v;
    if (i < d->n) return; /* the first key of equal ones stays, as in Python */
    d->e[i].k = k;
    if (d->slot) d->slot[at] = (uint32_t)i + 1;
    d->n++;
}

static bool is_role(str s) { return str_is(s, "system") || str_is(s, "user") || str_is(s, "assistant") || str_is(s, "tool"); }

/* Some templates build `<|user|>` from the role: the four ordinary ones are as good as the
 * template's own text.  Any other role is the user's. */
val from_json(tm *t, const json *v, bool trusted, bool is_message, int depth) {
    switch (json_type(v)) {
    case JSON_NULL: return v_none();
    case JSON_BOOL: return v_bool(json_bool(v));
    case JSON_INT: return v_int(json_int(v));
    case JSON_NUM: return v_float(json_num(v));
    case JSON_STR: return v_str(text_view(t, json_str(v), trusted));
    case JSON_ARR: {
        tm_list *l = list_new(t, json_len(v));
        for (size_t i = 0; i < json_len(v); i++) list_push(t, l, from_json(t, json_at(v, i), trusted, is_message, depth + 1));
        return v_list(l);
    }
    case JSON_OBJ: {
        tm_dict *d = dict_new(t);
        for (size_t i = 0; i < json_len(v); i++) {
            const json *x = json_at(v, i);
            const bool  role = is_message && depth == 1 && str_is(json_key_at(v, i), "role") && is_role(json_str(x));
            dict_set(t, d, v_str(text_view(t, json_key_at(v, i), trusted)), from_json(t, x, trusted || role, false, depth + 1));
        }
        return v_dict(d);
    }
    }
    return v_none();
}

/* ---- iterating --------------------------------------------------------------------------- */

bool is_iterable(val v) {
    switch (v.kind) {
    case V_UNDEF: case V_STR: case V_LIST: case V_TUPLE: case V_DICT: case V_VIEW: case V_RANGE: case V_GEN: case V_LOOP: return true;
    default: return false;
    }
}

tm_iter iter_of(tm *t, val v) {
    if (!is_iterable(v)) tm_fail(t, "a value of type '%s' cannot be iterated", kind_name(v));
    return (tm_iter){.of = v};
}

/* The sum fits, the product on the way to it may not: unsigned numbers may wrap. */
static int64_t range_at(const tm_range *r, int64_t i) { return (int64_t)((uint64_t)r->start + (uint64_t)r->step * (uint64_t)i); }

static val pair_tuple(tm *t, const tm_pair *p) {
    tm_list *l = list_new(t, 2);
    list_push(t, l, p->k);
    list_push(t, l, p->v);
    return v_tuple(l);
}

bool iter_next(tm *t, tm_iter *it, val *out) {
    const val v = it->of;
    tm_pay(t, 4);
    switch (v.kind) {
    case V_STR: {
        uint32_t cp;
        if (it->i >= v.s->n) return false;
        const size_t n = char_at(v.s, it->i, &cp);
        *out = v_str(text_part(t, v.s, it->i, n));
        if (v.s->safe) *out = v_str(to_text(t, *out)); /* Markup gives plain characters */
        it->i += n;
        return true;
    }
    case V_LIST: case V_TUPLE:
        if (it->i >= v.l->n) return false;
        *out = v.l->v[it->i++];
        return true;
    case V_DICT:
        if (it->i >= v.d->n) return false;
        *out = v.d->e[it->i++].k;
        return true;
    case V_VIEW: {
        if (it->i >= v.view->d->n) return false;
        const tm_pair *p = &v.view->d->e[it->i++];
        *out = v.view->what == VIEW_KEYS ? p->k : v.view->what == VIEW_VALUES ? p->v : pair_tuple(t, p);
        return true;
    }
    case V_RANGE:
        if ((int64_t)it->i >= v.range->n) return false;
        *out = v_int(range_at(v.range, (int64_t)it->i++));
        return true;
    case V_GEN: {
        tm_gen *g = v.gen;
        if (g->done) return false;
        tm_enter(t);
        if (!g->begun) {
            g->begun = true;
            /* As jinja2's filters do: an empty or false input gives nothing, whatever its type. */
            if (truth(t, g->src)) g->it = iter_of(t, g->src);
            else g->it = (tm_iter){.of = v_undef()};
        }
        const bool more = g->next(t, g, out);
        tm_leave(t);
        if (!more) g->done = true;
        return more;
    }
    case V_LOOP: {
        val x;
        if (!loop_next(t, v.loop, &x)) return false;
        tm_list *l = list_new(t, 2);
        list_push(t, l, x);
        list_push(t, l, v);
        *out = v_tuple(l);
        return true;
    }
    default: return false;
    }
}

val gen_new(tm *t, val src, bool (*next)(tm *, tm_gen *, val *), void *state, const char *name) {
    tm_gen *g = tm_take(t, 1, sizeof *g);
    *g = (tm_gen){.next = next, .src = src, .state = state, .name = name};
    return (val){.kind = V_GEN, .gen = g};
}

/* ---- attributes and items --------------------------------------------------------------------- */

static bool own_attr(tm *t, val obj, const tm_text *name, val *out) {
    bool found = false;
    switch (obj.kind) {
    case V_NAMESPACE: {
        const val *v = dict_get(t, obj.d, v_str(name));
        if (v) *out = *v;
        return v != NULL;
    }
    case V_LOOP: *out = loop_attr(t, obj.loop, name, &found); return found;
    case V_TUPLE:
        if (!obj.l->is_group || !(text_is(name, "grouper") || text_is(name, "list"))) return false;
        *out = obj.l->v[text_is(name, "list")];
        return true;
    case V_BOOL: case V_INT: case V_BIG:
        if (text_is(name, "real") || text_is(name, "numerator")) *out = obj.kind == V_BOOL ? v_int(obj.b) : obj;
        else if (text_is(name, "imag")) *out = v_int(0);
        else if (text_is(name, "denominator")) *out = v_int(1);
        else return false;
        return true;
    case V_FLOAT:
        if (text_is(name, "real")) *out = obj;
        else if (text_is(name, "imag")) *out = v_float(0);
        else return false;
        return true;
    case V_RANGE:
        if (text_is(name, "start")) *out = v_int(obj.range->start);
        else if (text_is(name, "step")) *out = v_int(obj.range->step);
        else if (text_is(name, "stop")) *out = v_int(obj.range->stop);
        else return false;
        return true;
    case V_MACRO:
        if (text_is(name, "name")) *out = v_str(obj.macro->name);
        else if (text_is(name, "arguments")) {
            tm_list *l = list_new(t, 0);
            for (int i = 0; i < obj.macro->node->n2; i++) list_push(t, l, v_str(obj.macro->node->kid2[i]->name));
            *out = v_tuple(l);
        } else if (text_is(name, "catch_varargs")) *out = v_bool(obj.macro->node->sub & 1);
        else if (text_is(name, "catch_kwargs")) *out = v_bool(obj.macro->node->sub & 2);
        else if (text_is(name, "caller")) *out = v_bool(obj.macro->node->sub & 4);
        else return false;
        return true;
    case V_CYCLER:
        if (!text_is(name, "current")) return false;
        *out = obj.cycle->v[1 + obj.cycle->v[0].i];
        return true;
    default: return false;
    }
}

static bool is_common(const tm_text *name) {
    static const char *const names[] = {"__class__", "__doc__", "__init__", "__new__", "__len__", "__iter__", "__getitem__", "__contains__", "__eq__",
                                        "__str__", "__repr__", "__dir__", "__hash__", "__reduce__", "__sizeof__", "__format__", "__getattribute__"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (text_is(name, names[i])) return true;
    return false;
}

/* An attribute proper: a field or a method. */
static bool find_attr(tm *t, val obj, const tm_text *name, val *out) {
    if (own_attr(t, obj, name, out)) return true;
    bool           is_unsafe = false;
    const tm_func *f = method_find(obj, name, &is_unsafe);
    if (!f && name->n > 4 && !memcmp(name->p, "__", 2) && !memcmp(name->p + name->n - 2, "__", 2)) is_unsafe = true;
    if (f) {
        tm_method *m = tm_take(t, 1, sizeof *m);
        *m = (tm_method){obj, f};
        *out = (val){.kind = V_METHOD, .method = m};
        return true;
    }
    if (!is_unsafe) return false;
    /* What is no attribute of every Python object may be a key. */
    if (obj.kind == V_DICT && name->p[0] == '_' && !is_common(name) && dict_get(t, obj.d, v_str(name))) return false;
    *out = undef(t, (tm_undef){.obj = obj, .name = name, .is_unsafe = true});
    return true;
}

val get_attr(tm *t, val obj, const tm_text *name) {
    val out;
    if (obj.kind == V_UNDEF && is_common(name)) return undef(t, (tm_undef){.obj = obj, .name = name, .is_unsafe = true});
    need_defined(t, obj);
    if (find_attr(t, obj, name, &out)) return out;
    if (obj.kind == V_DICT) {
        const val *v = dict_get(t, obj.d, v_str(name));
        if (v) return *v;
    }
    return undef_attr(t, obj, name);
}

static bool element(tm *t, val obj, int64_t i, val *out) {
    size_t n;
    if (!length_of(t, obj, &n)) return false;
    if (i < 0) i += (int64_t)n;
    if (i < 0 || i >= (int64_t)n) return false;
    if (obj.kind == V_RANGE) *out = v_int(range_at(obj.range, i));
    else if (obj.kind != V_STR) *out = obj.l->v[i];
    else {
        uint32_t     cp;
        const size_t at = n == obj.s->n ? (size_t)i : text_at(t, obj.s, (size_t)i);
        *out = v_str(text_part(t, obj.s, at, char_at(obj.s, at, &cp)));
    }
    return true;
}

val get_item(tm *t, val obj, val key) {
    int64_t i;
    val     out;
    need_defined(t, obj);
    if (obj.kind == V_DICT && key.kind != V_LIST && key.kind != V_DICT) {
        const val *v = dict_get(t, obj.d, key);
        if (v) return *v;
    }
    const bool is_seq = obj.kind == V_LIST || obj.kind == V_TUPLE || obj.kind == V_STR || obj.kind == V_RANGE;
    if (is_seq && index_of(key, &i) && element(t, obj, i, &out)) return out;
    if (key.kind == V_STR && find_attr(t, obj, key.s, &out)) return out;
    return undef_attr(t, obj, key.kind == V_STR ? key.s : to_text(t, key));
}

/* One bound of a slice, clamped as Python does. */
static int64_t bound(tm *t, val v, int64_t n, bool is_set, bool backwards, int64_t fallback) {
    if (!is_set) return fallback;
    int64_t i;
    if (v.kind == V_BIG) i = big_compare(t, v, v_int(0)) < 0 ? INT64_MIN : INT64_MAX;
    else i = need_int(t, v, "a slice's bound");
    if (i < 0) i = i < -n ? (backwards ? -1 : 0) : i + n;
    else if (i >= n) i = backwards ? n - 1 : n;
    return i;
}

val get_slice(tm *t, val obj, val lo, val hi, val step) {
    size_t  len;
    int64_t by = 1;
    need_defined(t, obj);
    if (obj.kind != V_LIST && obj.kind != V_TUPLE && obj.kind != V_STR && obj.kind != V_RANGE) tm_fail(t, "a value of type '%s' cannot be sliced", kind_name(obj));
    if (step.kind != V_NONE) by = need_int(t, step, "a slice's step");
    if (!by) tm_fail(t, "a slice's step cannot be zero");
    if (by < -INT32_MAX) by = -INT32_MAX;
    if (by > INT32_MAX) by = INT32_MAX;
    length_of(t, obj, &len);
    const int64_t n = (int64_t)len, from = bound(t, lo, n, lo.kind != V_NONE, by < 0, by < 0 ? n - 1 : 0),
                  to = bound(t, hi, n, hi.kind != V_NONE, by < 0, by < 0 ? -1 : n);
    if (obj.kind == V_RANGE) {
        tm_range *r = tm_take(t, 1, sizeof *r);
        const int64_t k = by > 0 ? (to > from ? (to - from + by - 1) / by : 0) : (from > to ? (from - to - by - 1) / -by : 0);
        *r = (tm_range){range_at(obj.range, from), 1, k, range_at(obj.range, to)};
        if (__builtin_mul_overflow(obj.range->step, by, &r->step) && k > 1) tm_fail(t, "a range with a step beyond 64 bits");
        return (val){.kind = V_RANGE, .range = r};
    }
    if (obj.kind == V_STR) {
        const bool ascii = len == obj.s->n;
        if (by == 1) {
            if (to <= from) return v_str(text_part(t, obj.s, 0, 0));
            const size_t a = ascii ? (size_t)from : text_at(t, obj.s, (size_t)from), b = ascii ? (size_t)to : text_at(t, obj.s, (size_t)to);
            return v_str(text_part(t, obj.s, a, b - a));
        }
        /* Every other step goes over a list of the characters' places. */
        size_t *at = tm_take(t, len + 1, sizeof *at), k = 0;
        tm_build b = {0};
        for (size_t i = 0; i < obj.s->n; i++)
            if (((uint8_t)obj.s->p[i] & 0xc0) != 0x80 && k < len) at[k++] = i;
        at[len] = obj.s->n;
        for (int64_t i = from; by > 0 ? i < to : i > to; i += by) build_part(t, &b, obj.s, at[i], at[i + 1] - at[i]);
        const tm_text *s = build_end(t, &b);
        return v_str(obj.s->safe ? text_safe(t, s) : s);
    }
    tm_list *l = list_new(t, 0);
    for (int64_t i = from; by > 0 ? i < to : i > to; i += by) list_push(t, l, obj.l->v[i]);
    return obj.kind == V_LIST ? v_list(l) : v_tuple(l);
}

/* "a.b.0": what `attribute=` of filters takes. */
val attr_path(tm *t, val obj, val path, const val *fallback) {
    if (path.kind != V_STR) {
        const val v = get_item(t, obj, path);
        return v.kind == V_UNDEF && fallback ? *fallback : v;
    }
    for (size_t i = 0; i <= path.s->n;) {
        size_t end = i;
        bool   digits = true;
        for (; end < path.s->n && path.s->p[end] != '.'; end++) digits = digits && path.s->p[end] >= '0' && path.s->p[end] <= '9';
        const tm_text *part = text_part(t, path.s, i, end - i);
        bool           ok = false;
        obj = get_item(t, obj, digits && end > i ? parse_int(t, part, 10, &ok) : v_str(part));
        if (obj.kind == V_UNDEF && fallback) obj = *fallback;
        i = end + 1;
    }
    return obj;
}
