/* tmpl_seq.c - filters over sequences.
 *
 * map, select and their like give generators, as in jinja2: they are read once, their functions
 * are called when an element is asked for, and they have no length. */
#include "tmpl.h"
#include <string.h>

/* ---- keys, sorting -------------------------------------------------------------------- */

/* What `attribute=` and `case_sensitive=` make of an element. */
typedef struct {
    const val *attribute; /* or NULL */
    const val *fallback;
    bool       fold; /* letters of either case are equal */
} key_style;

static val folded(tm *t, val v, bool fold) { return fold && v.kind == V_STR ? v_str(text_case(t, v.s, 'l')) : v; }

static val key_of(tm *t, val v, const key_style *k) {
    if (k->attribute) v = attr_path(t, v, *k->attribute, k->fallback);
    return folded(t, v, k->fold);
}

/* "a,b" sorts by a, then by b.  The key always is a list, so that equal values without an order
 * (two Nones) can be sorted. */
static val sort_key(tm *t, val v, const key_style *k) {
    tm_list *l = list_new(t, 1);
    if (!k->attribute || k->attribute->kind != V_STR) {
        list_push(t, l, key_of(t, v, k));
        return v_list(l);
    }
    const tm_text *s = k->attribute->s;
    for (size_t i = 0; i <= s->n;) {
        size_t end = i;
        while (end < s->n && s->p[end] != ',') end++;
        const val part = v_str(text_part(t, s, i, end - i));
        list_push(t, l, folded(t, attr_path(t, v, part, NULL), k->fold));
        i = end + 1;
    }
    return v_list(l);
}

/* Stable, n log n for any keys; `reverse` keeps equal elements in their order, as Python does. */
static void merge_sort(tm *t, tm_pair *e, tm_pair *tmp, size_t n, bool reverse) {
    if (n < 2) return;
    const size_t h = n / 2;
    merge_sort(t, e, tmp, h, reverse);
    merge_sort(t, e + h, tmp, n - h, reverse);
    memcpy(tmp, e, h * sizeof *e);
    for (size_t i = 0, j = h, k = 0; i < h;) {
        const int c = j < n ? (reverse ? compare(t, tmp[i].k, e[j].k, "<") : compare(t, e[j].k, tmp[i].k, "<")) : 1;
        if (c < 0) e[k++] = e[j++];
        else e[k++] = tmp[i++];
    }
}

static tm_list *sorted(tm *t, tm_list *in, const key_style *k, bool as_list, bool reverse, tm_pair **pairs) {
    tm_pair *e = tm_take(t, in->n, sizeof *e), *tmp = tm_take(t, in->n, sizeof *tmp);
    for (size_t i = 0; i < in->n; i++) e[i] = (tm_pair){as_list ? sort_key(t, in->v[i], k) : key_of(t, in->v[i], k), in->v[i]};
    merge_sort(t, e, tmp, in->n, reverse);
    tm_list *out = list_new(t, in->n);
    for (size_t i = 0; i < in->n; i++) list_push(t, out, e[i].v);
    if (pairs) *pairs = e;
    return out;
}

static const val *given(tm_call *c, int i) { return c->has[i] && c->arg[i].kind != V_NONE ? &c->arg[i] : NULL; }
static bool flag(tm_call *c, int i, bool fallback) { return c->has[i] ? truth(c->t, c->arg[i]) : fallback; }

static val f_sort(tm_call *c) {
    const key_style k = {.attribute = given(c, 2), .fold = !flag(c, 1, false)};
    return v_list(sorted(c->t, list_of(c->t, c->in), &k, true, flag(c, 0, false), NULL));
}

static val f_dictsort(tm_call *c) {
    tm      *t = c->t;
    int64_t  at = 0;
    if (c->has[1]) {
        if (c->arg[1].kind == V_STR && text_is(c->arg[1].s, "value")) at = 1;
        else if (c->arg[1].kind != V_STR || !text_is(c->arg[1].s, "key")) tm_fail(t, "dictsort sorts by \"key\" or \"value\"");
    }
    need_defined(t, c->in);
    if (c->in.kind != V_DICT) tm_fail(t, "dictsort wants a dict, not '%s'", kind_name(c->in));
    const val       pos = v_int(at);
    const key_style k = {.attribute = &pos, .fold = !flag(c, 0, false)};
    tm_view         items = {c->in.d, VIEW_ITEMS};
    return v_list(sorted(t, list_of(t, (val){.kind = V_VIEW, .view = &items}), &k, false, flag(c, 2, false), NULL));
}

static val f_groupby(tm_call *c) {
    tm             *t = c->t;
    const key_style k = {.attribute = &c->arg[0], .fallback = given(c, 1), .fold = !flag(c, 2, false)};
    tm_pair        *e;
    tm_list        *all = sorted(t, list_of(t, c->in), &k, false, false, &e), *out = list_new(t, 0);
    for (size_t i = 0; i < all->n;) {
        tm_list *group = list_new(t, 2), *members = list_new(t, 0);
        size_t   j = i;
        for (; j < all->n && equal(t, e[i].k, e[j].k); j++) list_push(t, members, all->v[j]);
        /* The group is named as its first member writes it. */
        list_push(t, group, k.fold ? attr_path(t, all->v[i], c->arg[0], k.fallback) : e[i].k);
        list_push(t, group, v_list(members));
        group->is_group = true;
        list_push(t, out, v_tuple(group));
        i = j;
    }
    return v_list(out);
}

static bool next_unique(tm *t, tm_gen *g, val *out) {
    tm_call        *c = g->call;
    const key_style k = {.attribute = given(c, 1), .fold = !flag(c, 0, false)};
    tm_dict        *seen = g->state;
    while (iter_next(t, &g->it, out)) {
        const val key = key_of(t, *out, &k);
        if (dict_get(t, seen, key)) continue;
        dict_set(t, seen, key, v_none());
        return true;
    }
    return false;
}

static tm_call *kept(tm_call *c) {
    tm_call *k = tm_take(c->t, 1, sizeof *k);
    *k = *c;
    return k;
}

static val lazy(tm_call *c, bool (*next)(tm *, tm_gen *, val *), void *state) {
    const val v = gen_new(c->t, c->in, next, state, "generator");
    v.gen->call = kept(c);
    return v;
}

static val f_unique(tm_call *c) {
    if (!is_iterable(c->in)) iter_of(c->t, c->in);
    return lazy(c, next_unique, dict_new(c->t));
}

static val least(tm_call *c, bool greatest) {
    tm             *t = c->t;
    const key_style k = {.attribute = given(c, 1), .fold = !flag(c, 0, false)};
    tm_iter         it = iter_of(t, c->in);
    val             best, x;
    if (!iter_next(t, &it, &best)) return undef_hint(t, "there is no smallest or greatest of nothing");
    val best_key = key_of(t, best, &k);
    while (iter_next(t, &it, &x)) {
        const val key = key_of(t, x, &k);
        const int o = greatest ? compare(t, key, best_key, ">") : compare(t, best_key, key, "<");
        if (o != 2 && o > 0) best = x, best_key = key;
    }
    return best;
}
static val f_min(tm_call *c) { return least(c, false); }
static val f_max(tm_call *c) { return least(c, true); }

/* ---- map, select -------------------------------------------------------------------------- */

/* The arguments behind the filter's or test's own name. */
static tm_call rest_of(const tm_call *c, size_t from) {
    return (tm_call){.t = c->t, .v = c->v + from, .n = c->n - from, .kw = c->kw, .n_kw = c->n_kw};
}

static bool next_map(tm *t, tm_gen *g, val *out) {
    tm_call *c = g->call;
    val      x;
    if (!iter_next(t, &g->it, &x)) return false;
    if (!c->n && c->n_kw) {
        const val *attribute = NULL, *fallback = NULL;
        for (size_t i = 0; i < c->n_kw; i++)
            if (text_is(c->kw[i].k.s, "attribute")) attribute = &c->kw[i].v;
            else if (text_is(c->kw[i].k.s, "default")) fallback = &c->kw[i].v;
            else tm_fail(t, "map: it has no argument '%.*s'", c->kw[i].k.s->n < 40 ? (int)c->kw[i].k.s->n : 40, c->kw[i].k.s->p);
        if (fallback && fallback->kind == V_NONE) fallback = NULL;
        if (attribute) {
            *out = attr_path(t, x, *attribute, fallback);
            return true;
        }
    }
    if (!c->n) tm_fail(t, "map wants the name of a filter, or attribute=");
    if (c->v[0].kind != V_STR) tm_fail(t, "map: a filter's name is a string");
    const tm_func *f = filter_find(text_str(c->v[0].s));
    if (!f) tm_fail(t, "there is no filter named '%.*s'", c->v[0].s->n < 60 ? (int)c->v[0].s->n : 60, c->v[0].s->p);
    tm_call inner = rest_of(c, 1);
    *out = filter_apply(t, f, x, &inner);
    return true;
}

static val f_map(tm_call *c) { return lazy(c, next_map, NULL); }

/* k: 0 select, 1 reject, + 2: by attribute */
static bool next_selected(tm *t, tm_gen *g, val *out) {
    tm_call     *c = g->call;
    const size_t at = g->k & 2 ? 1 : 0;
    while (iter_next(t, &g->it, out)) {
        val x = *out;
        if (at) {
            if (!c->n) tm_fail(t, "%s wants the name of an attribute", c->what);
            x = attr_path(t, x, c->v[0], NULL);
        }
        bool yes;
        if (c->n <= at) yes = truth(t, x);
        else {
            if (c->v[at].kind != V_STR) tm_fail(t, "%s: a test's name is a string", c->what);
            const tm_func *f = test_find(text_str(c->v[at].s));
            if (!f) tm_fail(t, "there is no test named '%.*s'", c->v[at].s->n < 60 ? (int)c->v[at].s->n : 60, c->v[at].s->p);
            tm_call inner = rest_of(c, at + 1);
            yes = test_apply(t, f, x, &inner);
        }
        if (yes != (g->k & 1)) return true;
    }
    return false;
}

static val selected(tm_call *c, size_t k) {
    const val v = lazy(c, next_selected, NULL);
    v.gen->k = k;
    return v;
}
static val f_select(tm_call *c) { return selected(c, 0); }
static val f_reject(tm_call *c) { return selected(c, 1); }
static val f_selectattr(tm_call *c) { return selected(c, 2); }
static val f_rejectattr(tm_call *c) { return selected(c, 3); }

/* ---- parts ------------------------------------------------------------------------------------ */

static bool next_plain(tm *t, tm_gen *g, val *out) { return iter_next(t, &g->it, out); }

static bool next_batch(tm *t, tm_gen *g, val *out) {
    tm_call *c = g->call;
    tm_list *l = g->state ? g->state : list_new(t, 0);
    val      x;
    const int64_t n = need_int(t, c->arg[0], "batch");
    g->state = NULL;
    /* Jinja's own loop only looks for `== n`, so less than 0 never cuts, and 0 once, before the first. */
    if (n == 0 && !g->k++) {
        if (!iter_next(t, &g->it, &x)) return false;
        list_push(t, l, x);
        g->state = l;
        *out = v_list(list_new(t, 0));
        return true;
    }
    while (!(n > 0 && (int64_t)l->n == n) && iter_next(t, &g->it, &x)) list_push(t, l, x);
    if (!l->n) return false;
    if (given(c, 1) && n > (int64_t)l->n) {
        if (n > TEMPLATE_MAX_RANGE) tm_fail(t, "batch: more than %d to fill", TEMPLATE_MAX_RANGE);
        while ((int64_t)l->n < n) list_push(t, l, c->arg[1]);
    }
    *out = v_list(l);
    return true;
}

static val f_batch(tm_call *c) {
    if (!is_iterable(c->in)) iter_of(c->t, c->in);
    return lazy(c, next_batch, NULL);
}

static bool next_slice(tm *t, tm_gen *g, val *out) {
    tm_call      *c = g->call;
    tm_list      *all = g->state;
    const int64_t n = need_int(t, c->arg[0], "slice");
    if (!all) g->state = all = list_of(t, g->it.of);
    if (n <= 0) {
        if (n == 0) tm_fail(t, "slice: division by zero");
        return false;
    }
    if ((int64_t)g->k >= n) return false;
    const size_t each = all->n / (size_t)n, longer = all->n % (size_t)n;
    const size_t from = g->k * each + (g->k < longer ? g->k : longer), to = from + each + (g->k < longer);
    tm_list     *l = list_new(t, 0);
    for (size_t i = from; i < to; i++) list_push(t, l, all->v[i]);
    if (given(c, 1) && g->k >= longer) list_push(t, l, c->arg[1]);
    g->k++;
    *out = v_list(l);
    return true;
}

/* An empty input still gives n empty slices, so it must not go by the rule for generators. */
static val f_slice(tm_call *c) {
    tm_list  *all = list_of(c->t, c->in), *out = list_new(c->t, 0);
    tm_gen    g = {.call = c, .state = all};
    val       x;
    while (next_slice(c->t, &g, &x)) list_push(c->t, out, x);
    return gen_new(c->t, v_list(out), next_plain, NULL, "generator");
}

static val f_first(tm_call *c) {
    tm_iter it = iter_of(c->t, c->in);
    val     x;
    return iter_next(c->t, &it, &x) ? x : undef_hint(c->t, "there is no first item");
}

static val f_last(tm_call *c) {
    tm *t = c->t;
    if (c->in.kind == V_GEN || c->in.kind == V_LOOP) tm_fail(t, "last: a generator cannot be reversed");
    if (!is_iterable(c->in)) iter_of(t, c->in);
    const tm_list *l = list_of(t, c->in);
    return l->n ? l->v[l->n - 1] : undef_hint(t, "there is no last item");
}

static val f_list(tm_call *c) { return v_list(list_of(c->t, c->in)); }
static val f_length(tm_call *c) { return length(c->t, c->in); }

static val f_reverse(tm_call *c) {
    tm *t = c->t;
    if (c->in.kind == V_STR) return get_slice(t, c->in, v_none(), v_none(), v_int(-1));
    tm_list *in = list_of(t, c->in);
    for (size_t i = 0; i < in->n / 2; i++) {
        const val x = in->v[i];
        in->v[i] = in->v[in->n - 1 - i];
        in->v[in->n - 1 - i] = x;
    }
    if (c->in.kind == V_GEN || c->in.kind == V_UNDEF) return v_list(in);
    return gen_new(t, v_list(in), next_plain, NULL, "list_reverseiterator");
}

/* items of what is no dict: an error, but only when somebody asks for one. */
static bool next_refused(tm *t, tm_gen *g, val *out) {
    (void)g;
    (void)out;
    tm_fail(t, "items wants a dict");
}

static val f_items(tm_call *c) {
    tm *t = c->t;
    if (c->in.kind == V_UNDEF) return gen_new(t, c->in, next_plain, NULL, "generator");
    if (c->in.kind != V_DICT) return gen_new(t, v_bool(false), next_refused, NULL, "generator");
    tm_view *w = tm_take(t, 1, sizeof *w);
    *w = (tm_view){c->in.d, VIEW_ITEMS};
    return gen_new(t, (val){.kind = V_VIEW, .view = w}, next_plain, NULL, "generator");
}

static val f_join(tm_call *c) {
    tm            *t = c->t;
    const tm_text *sep = c->has[0] ? soft_text(t, c->arg[0]) : &text_empty;
    tm_build       b = {0};
    val            x;
    bool           first = true;
    tm_list       *l = list_new(t, 0);
    bool           safe = false;
    for (tm_iter it = iter_of(t, c->in); iter_next(t, &it, &x);) {
        if (given(c, 1)) x = attr_path(t, x, c->arg[1], NULL);
        x = v_str(soft_text(t, x));
        safe = safe || x.s->safe;
        list_push(t, l, x);
    }
    /* Marked parts matter only where output is escaped. */
    safe = t->autoescape && (safe || sep->safe);
    if (safe) sep = text_escape(t, sep);
    for (size_t i = 0; i < l->n; i++, first = false) {
        if (!first) build_text(t, &b, sep);
        build_text(t, &b, safe ? text_escape(t, l->v[i].s) : l->v[i].s);
    }
    const tm_text *s = build_end(t, &b);
    return v_str(safe ? text_safe(t, s) : s);
}

static val f_sum(tm_call *c) {
    tm *t = c->t;
    val total = c->has[1] ? c->arg[1] : v_int(0), x;
    if (total.kind == V_STR) tm_fail(t, "sum does not join strings");
    for (tm_iter it = iter_of(t, c->in); iter_next(t, &it, &x);) {
        if (given(c, 0)) x = attr_path(t, x, c->arg[0], NULL);
        total = op_binary(t, '+', total, x);
    }
    return total;
}

/* Deterministic: a render must give the same text twice. */
static val f_random(tm_call *c) {
    size_t n;
    if (!length_of(c->t, c->in, &n)) tm_fail(c->t, "random wants a sequence, not '%s'", kind_name(c->in));
    if (!n) return undef_hint(c->t, "there is no random item of nothing");
    uint64_t h = ((uint64_t)c->t->now + c->t->steps) * 0x9e3779b97f4a7c15u;
    return get_item(c->t, c->in, v_int((int64_t)((h >> 33) % n)));
}

const tm_func filters_seq[] = {
    {"batch", "linecount fill_with=", f_batch},
    {"count", "", f_length},
    {"dictsort", "case_sensitive= by= reverse=", f_dictsort},
    {"first", "", f_first},
    {"groupby", "attribute default= case_sensitive=", f_groupby},
    {"items", "", f_items},
    {"join", "d= attribute=", f_join},
    {"last", "", f_last},
    {"length", "", f_length},
    {"list", "", f_list},
    {"map", "* **", f_map},
    {"max", "case_sensitive= attribute=", f_max},
    {"min", "case_sensitive= attribute=", f_min},
    {"random", "", f_random},
    {"reject", "* **", f_reject},
    {"rejectattr", "* **", f_rejectattr},
    {"reverse", "", f_reverse},
    {"select", "* **", f_select},
    {"selectattr", "* **", f_selectattr},
    {"slice", "slices fill_with=", f_slice},
    {"sort", "reverse= case_sensitive= attribute=", f_sort},
    {"sum", "attribute= start=", f_sum},
    {"unique", "case_sensitive= attribute=", f_unique},
    {0},
};
