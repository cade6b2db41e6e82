/* tmpl_func.c - global functions, the clock, and the methods of everything but strings.
 *
 * The sandbox of transformers lets no template change a list or a dict: methods that would are
 * known by name and refused when called. */
#include "tmpl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- global functions -------------------------------------------------------------- */

static val g_range(tm_call *c) {
    tm       *t = c->t;
    tm_range *r = tm_take(t, 1, sizeof *r);
    if (c->n_kw) tm_fail(t, "range takes no named arguments");
    if (c->n < 1 || c->n > 3) tm_fail(t, "range takes 1 to 3 arguments");
    for (size_t i = 0; i < c->n; i++) {
        need_defined(t, c->v[i]);
        if (c->v[i].kind == V_BIG) tm_fail(t, "range of more than %d elements", TEMPLATE_MAX_RANGE);
    }
    r->start = c->n > 1 ? need_int(t, c->v[0], "range") : 0;
    r->stop = need_int(t, c->v[c->n > 1], "range");
    r->step = c->n > 2 ? need_int(t, c->v[2], "range") : 1;
    if (!r->step) tm_fail(t, "range: the step cannot be zero");
    const bool up = r->step > 0;
    if (up ? r->stop > r->start : r->stop < r->start) {
        const uint64_t gap = up ? (uint64_t)r->stop - (uint64_t)r->start : (uint64_t)r->start - (uint64_t)r->stop;
        const uint64_t step = up ? (uint64_t)r->step : 0 - (uint64_t)r->step, n = (gap - 1) / step + 1;
        if (n > TEMPLATE_MAX_RANGE) tm_fail(t, "range of more than %d elements", TEMPLATE_MAX_RANGE);
        r->n = (int64_t)n;
    }
    return (val){.kind = V_RANGE, .range = r};
}

/* dict(pairs or dict, a=1) */
static tm_dict *dict_from(tm_call *c) {
    tm      *t = c->t;
    tm_dict *d = dict_new(t);
    val      x;
    if (c->n > 1) tm_fail(t, "%s takes one positional argument", c->what);
    if (c->n && c->v[0].kind == V_DICT) {
        for (size_t i = 0; i < c->v[0].d->n; i++) dict_set(t, d, c->v[0].d->e[i].k, c->v[0].d->e[i].v);
    } else if (c->n) {
        for (tm_iter it = iter_of(t, c->v[0]); iter_next(t, &it, &x);) {
            const tm_list *l = list_of(t, x);
            if (l->n != 2) tm_fail(t, "%s: an element of %zu values is no pair", c->what, l->n);
            dict_set(t, d, l->v[0], l->v[1]);
        }
    }
    for (size_t i = 0; i < c->n_kw; i++) dict_set(t, d, c->kw[i].k, c->kw[i].v);
    return d;
}

static val g_dict(tm_call *c) { return v_dict(dict_from(c)); }
static val g_namespace(tm_call *c) { return (val){.kind = V_NAMESPACE, .d = dict_from(c)}; }

static val g_cycler(tm_call *c) {
    if (!c->n) tm_fail(c->t, "cycler wants at least one item");
    tm_list *l = list_new(c->t, c->n + 1);
    list_push(c->t, l, v_int(0));
    for (size_t i = 0; i < c->n; i++) list_push(c->t, l, c->v[i]);
    return (val){.kind = V_CYCLER, .cycle = l};
}

static val g_joiner(tm_call *c) {
    static const tm_text comma = {.p = ", ", .n = 2};
    call_bind(c, "sep=");
    tm_list *l = list_new(c->t, 2);
    list_push(c->t, l, v_int(0));
    list_push(c->t, l, c->has[0] ? c->arg[0] : v_str(&comma));
    return (val){.kind = V_JOINER, .cycle = l};
}

/* The template's own message, with nothing added but the line. */
static val g_raise(tm_call *c) {
    call_bind(c, "message");
    const tm_text *s = to_text(c->t, c->arg[0]);
    tm_fail(c->t, "%.*s", s->n < 1000 ? (int)s->n : 1000, s->p);
}

static val g_strftime_now(tm_call *c) {
    call_bind(c, "format");
    if (c->arg[0].kind != V_STR) tm_fail(c->t, "strftime_now wants a string");
    return strftime_of(c->t, c->arg[0].s);
}

static val g_lipsum(tm_call *c) { tm_fail(c->t, "lipsum: there is no random text here"); }

static const tm_func globals[] = {
    {"range", "* **", g_range},         {"dict", "* **", g_dict},
    {"namespace", "* **", g_namespace}, {"cycler", "*", g_cycler},
    {"joiner", "* **", g_joiner},       {"raise_exception", "* **", g_raise},
    {"strftime_now", "* **", g_strftime_now}, {"lipsum", "* **", g_lipsum},
    {0},
};

int func_find(str name) {
    for (int i = 0; globals[i].name; i++)
        if (str_is(name, globals[i].name)) return i;
    return -1;
}

const char *func_name(int id) {
    static const char *const classes[][2] = {{"dict", "class 'dict'"}, {"namespace", "class 'jinja2.utils.Namespace'"},
                                             {"cycler", "class 'jinja2.utils.Cycler'"}, {"joiner", "class 'jinja2.utils.Joiner'"}};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (!strcmp(classes[i][0], globals[id].name)) return classes[i][1];
    return "function";
}

val func_call(tm *t, int id, tm_call *c) {
    c->t = t;
    c->what = globals[id].name;
    if (!strcmp(globals[id].params, "*")) call_bind(c, "*");
    return globals[id].fn(c);
}

/* ---- time --------------------------------------------------------------------------------- */

/* strftime in the C locale, whatever the process's is; local time. */
val strftime_of(tm *t, const tm_text *f) {
    static const char *const day[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
    static const char *const month[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"};
    const time_t now = (time_t)t->now;
    struct tm    x;
    tm_build     b = {0};
    if (!localtime_r(&now, &x)) tm_fail(t, "the time does not fit a calendar");
    for (size_t i = 0; i < f->n; i++) {
        char z[64] = "", plain[4] = "%";
        if (f->p[i] != '%' || i + 1 == f->n) {
            build_part(t, &b, f, i, 1);
            continue;
        }
        char   c = f->p[++i];
        size_t from = i - 1;
        const bool bare = c == '-' && i + 1 < f->n; /* glibc: without zeros */
        if (bare) c = f->p[++i];
        plain[1] = c;
        switch (c) {
        case '%': build_part(t, &b, f, i, 1); continue;
        case 'a': snprintf(z, sizeof z, "%.3s", day[x.tm_wday]); break;
        case 'A': snprintf(z, sizeof z, "%s", day[x.tm_wday]); break;
        case 'b': case 'h': snprintf(z, sizeof z, "%.3s", month[x.tm_mon]); break;
        case 'B': snprintf(z, sizeof z, "%s", month[x.tm_mon]); break;
        case 'p': snprintf(z, sizeof z, "%s", x.tm_hour < 12 ? "AM" : "PM"); break;
        case 'P': snprintf(z, sizeof z, "%s", x.tm_hour < 12 ? "am" : "pm"); break;
        case 'f': snprintf(z, sizeof z, "000000"); break;
        case 'z': case 'Z': break; /* Python's now() knows no zone */
        case 'c': snprintf(z, sizeof z, "%.3s %.3s %2d %02d:%02d:%02d %d", day[x.tm_wday], month[x.tm_mon], x.tm_mday, x.tm_hour, x.tm_min, x.tm_sec, x.tm_year + 1900); break;
        case 'x': snprintf(z, sizeof z, "%02d/%02d/%02d", x.tm_mon + 1, x.tm_mday, x.tm_year % 100); break;
        case 'X': snprintf(z, sizeof z, "%02d:%02d:%02d", x.tm_hour, x.tm_min, x.tm_sec); break;
        case 'r': snprintf(z, sizeof z, "%02d:%02d:%02d %s", (x.tm_hour + 11) % 12 + 1, x.tm_min, x.tm_sec, x.tm_hour < 12 ? "AM" : "PM"); break;
        case 's': snprintf(z, sizeof z, "%lld", (long long)t->now); break;
        case 'C': case 'd': case 'D': case 'e': case 'F': case 'g': case 'G': case 'H': case 'I': case 'j': case 'k': case 'l': case 'm': case 'M':
        case 'n': case 'R': case 'S': case 't': case 'T': case 'u': case 'U': case 'V': case 'w': case 'W': case 'y': case 'Y':
            if (!strftime(z, sizeof z, plain, &x)) z[0] = 0;
            break;
        default: build_part(t, &b, f, from, i - from + 1); continue;
        }
        const char *s = z;
        while (bare && (*s == '0' || *s == ' ') && s[1]) s++;
        build_put(t, &b, s, strlen(s), false);
    }
    return v_str(build_end(t, &b));
}

/* ---- methods ---------------------------------------------------------------------------------- */

static val view_of(tm_call *c, int what) {
    tm_view *w = tm_take(c->t, 1, sizeof *w);
    w->d = c->in.d;
    w->what = what;
    return (val){.kind = V_VIEW, .view = w};
}
static val d_items(tm_call *c) { return view_of(c, VIEW_ITEMS); }
static val d_keys(tm_call *c) { return view_of(c, VIEW_KEYS); }
static val d_values(tm_call *c) { return view_of(c, VIEW_VALUES); }

static val d_get(tm_call *c) {
    const val *v = dict_get(c->t, c->in.d, c->arg[0]);
    return v ? *v : c->has[1] ? c->arg[1] : v_none();
}

static val d_copy(tm_call *c) {
    tm_dict *d = dict_new(c->t);
    for (size_t i = 0; i < c->in.d->n; i++) dict_set(c->t, d, c->in.d->e[i].k, c->in.d->e[i].v);
    return v_dict(d);
}

static val d_fromkeys(tm_call *c) {
    tm_dict *d = dict_new(c->t);
    val      x;
    for (tm_iter it = iter_of(c->t, c->arg[0]); iter_next(c->t, &it, &x);) dict_set(c->t, d, x, c->has[1] ? c->arg[1] : v_none());
    return v_dict(d);
}

static val l_count(tm_call *c) {
    tm_iter it = iter_of(c->t, c->in);
    val     x;
    int64_t n = 0;
    while (iter_next(c->t, &it, &x)) n += same(x, c->arg[0]) || equal(c->t, x, c->arg[0]);
    return v_int(n);
}

static val l_index(tm_call *c) {
    const tm_list *l = list_of(c->t, c->in);
    const int64_t  n = (int64_t)l->n;
    int64_t        from = c->has[1] ? need_int(c->t, c->arg[1], "index") : 0, to = c->has[2] ? need_int(c->t, c->arg[2], "index") : n;
    if (from < 0) from = from < -n ? 0 : from + n;
    if (to < 0) to = to < -n ? 0 : to + n;
    for (int64_t i = from; i < to && i < n; i++)
        if (same(l->v[i], c->arg[0]) || equal(c->t, l->v[i], c->arg[0])) return v_int(i);
    tm_fail(c->t, "index: the value is not in the list");
}

static val l_copy(tm_call *c) { return v_list(list_of(c->t, c->in)); }

static val i_bit_length(tm_call *c) {
    int64_t n = 0;
    if (c->in.kind == V_BIG) tm_fail(c->t, "bit_length: the number is too large");
    const int64_t i = c->in.kind == V_BOOL ? c->in.b : c->in.i;
    for (uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i; u; u >>= 1) n++;
    return v_int(n);
}

static val i_conjugate(tm_call *c) { return op_plus(c->t, c->in); }
static val f_is_integer(tm_call *c) { return v_bool(isfinite(c->in.f) && c->in.f == floor(c->in.f)); }

static val c_next(tm_call *c) {
    tm_list  *l = c->in.cycle;
    const val v = l->v[1 + l->v[0].i];
    l->v[0].i = (l->v[0].i + 1) % (int64_t)(l->n - 1);
    return v;
}

static val c_reset(tm_call *c) {
    c->in.cycle->v[0].i = 0;
    return v_none();
}

static val o_cycle(tm_call *c) {
    if (!c->n) tm_fail(c->t, "cycle wants at least one item");
    return c->v[c->in.loop->index0 % c->n];
}

static val o_changed(tm_call *c) {
    tm_loop *l = c->in.loop;
    tm_list *now = list_new(c->t, c->n);
    for (size_t i = 0; i < c->n; i++) list_push(c->t, now, c->v[i]);
    const bool changed = !l->changed || !equal(c->t, v_tuple(l->changed), v_tuple(now));
    l->changed = now;
    return v_bool(changed);
}

/* Without parameters: what would change a value. */
static const tm_func dict_methods[] = {
    {"copy", "", d_copy},   {"fromkeys", "/ iterable value=", d_fromkeys}, {"get", "/ key default=", d_get}, {"items", "", d_items},
    {"keys", "", d_keys},   {"values", "", d_values},
    {"clear", 0, 0}, {"pop", 0, 0}, {"popitem", 0, 0}, {"setdefault", 0, 0}, {"update", 0, 0},
    {0},
};
static const tm_func list_methods[] = {
    {"copy", "", l_copy}, {"count", "/ value", l_count}, {"index", "/ value start= stop=", l_index},
    {"append", 0, 0}, {"clear", 0, 0}, {"extend", 0, 0}, {"insert", 0, 0}, {"pop", 0, 0},
    {"remove", 0, 0}, {"reverse", 0, 0}, {"sort", 0, 0},
    {0},
};
static const tm_func tuple_methods[] = {{"count", "/ value", l_count}, {"index", "/ value start= stop=", l_index}, {0}};
static const tm_func int_methods[] = {{"bit_length", "", i_bit_length}, {"conjugate", "", i_conjugate}, {0}};
static const tm_func float_methods[] = {{"conjugate", "", i_conjugate}, {"is_integer", "", f_is_integer}, {0}};
static const tm_func loop_methods[] = {{"cycle", "/ *", o_cycle}, {"changed", "*", o_changed}, {0}};
static const tm_func cycler_methods[] = {{"next", "", c_next}, {"reset", "", c_reset}, {0}};

const tm_func *method_find(val self, const tm_text *name, bool *is_unsafe) {
    const tm_func *f = NULL;
    switch (self.kind) {
    case V_STR: f = str_methods; break;
    case V_DICT: f = dict_methods; break;
    case V_LIST: f = list_methods; break;
    case V_TUPLE: case V_RANGE: f = tuple_methods; break;
    case V_BOOL: case V_INT: case V_BIG: f = int_methods; break;
    case V_FLOAT: f = float_methods; break;
    case V_LOOP: f = loop_methods; break;
    case V_CYCLER: f = cycler_methods; break;
    default: return NULL;
    }
    while (f->name && !text_is(name, f->name)) f++;
    if (f->name && !f->params) *is_unsafe = true;
    return f->name && f->params ? f : NULL;
}

val method_call(tm *t, const tm_method *m, tm_call *c) {
    c->t = t;
    c->in = m->self;
    c->what = m->f->name;
    call_bind(c, m->f->params);
    return m->f->fn(c);
}
