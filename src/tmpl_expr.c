/* tmpl_expr.c - the value of an expression.
 *
 * eval() itself is only a switch: what needs room on the stack is a function of its own, so that a
 * deep expression costs little of it. */
#include "tmpl.h"
#include <string.h>

/* ---- names ---------------------------------------------------------------------- */

void scope_set(tm *t, tm_scope *s, const tm_text *name, val v) {
    tm_var *x = s->vars;
    size_t  steps = 1;
    for (; x && !text_eq(x->name, name); x = x->next) steps++;
    tm_pay(t, 4 * steps);
    if (x) {
        x->v = v;
        return;
    }
    x = s->spare;
    if (x) s->spare = x->next;
    else x = tm_take(t, 1, sizeof *x);
    *x = (tm_var){s->vars, name, v};
    s->vars = x;
}

val name_value(tm *t, const tm_text *name) {
    size_t steps = 0;
    for (const tm_scope *s = t->scope; s; s = s->up)
        for (const tm_var *x = s->vars; x; x = x->next) {
            steps++;
            if (!text_eq(x->name, name)) continue;
            tm_pay(t, 4 * steps);
            return x->v;
        }
    tm_pay(t, 4 * steps);
    const val *v = dict_get(t, t->context, v_str(name));
    if (v) return *v;
    const int f = func_find(text_str(name));
    return f >= 0 ? (val){.kind = V_FUNC, .func = f} : undef_name(t, name);
}

/* ---- calls ------------------------------------------------------------------------ */

static __attribute__((noinline)) void fill_args(tm *t, const tm_node *n, tm_call *c) {
    tm_list l = {0};
    *c = (tm_call){.t = t};
    for (int i = 0; i < n->n; i++) list_push(t, &l, eval(t, n->kid[i]));
    tm_dict *d = n->n2 || n->c ? dict_new(t) : NULL;
    for (int i = 0; i < n->n2; i++) dict_set(t, d, v_str(n->kid2[i]->name), eval(t, n->kid2[i]->a));
    if (n->b) {
        val x;
        for (tm_iter it = iter_of(t, eval(t, n->b)); iter_next(t, &it, &x);) list_push(t, &l, x);
    }
    if (n->c) {
        const val more = eval(t, n->c);
        if (more.kind != V_DICT) tm_fail(t, "** wants a dict, not '%s'", kind_name(more));
        for (size_t i = 0; i < more.d->n; i++) {
            if (more.d->e[i].k.kind != V_STR) tm_fail(t, "** wants names as keys");
            if (dict_get(t, d, more.d->e[i].k)) tm_fail(t, "an argument is given twice");
            dict_set(t, d, more.d->e[i].k, more.d->e[i].v);
        }
    }
    c->v = l.v;
    c->n = l.n;
    if (d) c->kw = d->e, c->n_kw = d->n;
}

void call_bind(tm_call *c, const char *params) {
    size_t n = 0, used = 0;
    bool   any = false, any_named = false;
    if (*params == '/') {
        if (c->n_kw) tm_fail(c->t, "%s takes no named arguments", c->what);
        params += 2;
    }
    for (const char *p = params; *p;) {
        const size_t len = strcspn(p, " "), name = strcspn(p, " =");
        if (*p == '*') {
            any_named = any_named || len > 1;
            any = any || len == 1;
        } else {
            if (n < c->n) c->arg[n] = c->v[n], c->has[n] = true;
            tm_pay(c->t, 4 * c->n_kw);
            for (size_t i = 0; i < c->n_kw; i++)
                if (str_eq(text_str(c->kw[i].k.s), (str){p, name})) {
                    if (c->has[n]) tm_fail(c->t, "%s: argument '%.*s' given twice", c->what, (int)name, p);
                    c->arg[n] = c->kw[i].v;
                    c->has[n] = true;
                    used++;
                }
            if (!c->has[n] && name == len) tm_fail(c->t, "%s: argument '%.*s' is missing", c->what, (int)name, p);
            n++;
        }
        p += len;
        p += *p == ' ';
    }
    if (c->n > n && !any) tm_fail(c->t, "%s: %zu arguments, it takes at most %zu", c->what, c->n, n);
    if (used < c->n_kw && !any_named) tm_fail(c->t, "%s: it has no argument of one of the names given", c->what);
}

static __attribute__((noinline)) void bind_macro(tm *t, const tm_macro *m, tm_call *c) {
    const tm_node *n = m->node;
    tm_dict       *rest = dict_new(t);
    bool           own_caller = false;
    for (size_t i = 0; i < c->n_kw; i++) dict_set(t, rest, c->kw[i].k, c->kw[i].v);
    tm_dict *left = dict_new(t);
    for (size_t k = 0; k < rest->n; k++) {
        int i = (int)(c->n < (size_t)n->n2 ? c->n : (size_t)n->n2);
        while (i < n->n2 && !text_eq(n->kid2[i]->name, rest->e[k].k.s)) i++;
        tm_pay(t, 4 * (size_t)i);
        if (i == n->n2) dict_set(t, left, rest->e[k].k, rest->e[k].v);
    }
    for (int i = 0; i < n->n2; i++) {
        const int  d = i - (n->n2 - n->b->n);
        const val *named = (size_t)i < c->n ? NULL : dict_get(t, rest, v_str(n->kid2[i]->name));
        val        v;
        own_caller = own_caller || text_is(n->kid2[i]->name, "caller");
        if ((size_t)i < c->n) v = c->v[i];
        else if (named) v = *named;
        else if (d >= 0) v = eval(t, n->b->kid[d]);
        else v = undef_hint(t, "a parameter of a macro was not provided");
        scope_set(t, t->scope, n->kid2[i]->name, v);
    }
    if (n->sub & 4 && !own_caller) {
        const val *v = dict_get_z(t, left, "caller");
        scope_set(t, t->scope, text_z(t, "caller"), v ? *v : undef_hint(t, "the macro was called without a caller"));
    }
    tm_dict *kwargs = dict_new(t);
    for (size_t i = 0; i < left->n; i++)
        if (!(n->sub & 4) || !text_is(left->e[i].k.s, "caller")) dict_set(t, kwargs, left->e[i].k, left->e[i].v);
    if (kwargs->n && !(n->sub & 2)) {
        const tm_text *k = kwargs->e[0].k.s;
        tm_fail(t, "macro '%.*s' takes no argument '%.*s'", (int)m->name->n, m->name->p, k->n < 40 ? (int)k->n : 40, k->p);
    }
    if (c->n > (size_t)n->n2 && !(n->sub & 1)) tm_fail(t, "macro '%.*s' takes at most %d arguments", (int)m->name->n, m->name->p, n->n2);
    if (n->sub & 2) scope_set(t, t->scope, text_z(t, "kwargs"), v_dict(kwargs));
    if (n->sub & 1) {
        tm_list *more = list_new(t, 0);
        for (size_t i = (size_t)n->n2; i < c->n; i++) list_push(t, more, c->v[i]);
        scope_set(t, t->scope, text_z(t, "varargs"), v_tuple(more));
    }
}

val call_macro(tm *t, const tm_macro *m, tm_call *c) {
    tm_scope  *outer = t->scope, *inner = tm_take(t, 1, sizeof *inner);
    const bool autoescape = t->autoescape;
    if (++t->calls > TEMPLATE_MAX_DEPTH) tm_fail(t, "macros called deeper than %d", TEMPLATE_MAX_DEPTH);
    inner->up = m->scope;
    t->scope = inner;
    bind_macro(t, m, c);
    t->autoescape = m->autoescape;
    val v = capture(t, m->node->kid, m->node->n);
    t->autoescape = autoescape;
    t->scope = outer;
    t->calls--;
    return v;
}

val call_value(tm *t, val fn, tm_call *c) {
    switch (fn.kind) {
    case V_FUNC: return func_call(t, fn.func, c);
    case V_METHOD: return method_call(t, fn.method, c);
    case V_MACRO: return call_macro(t, fn.macro, c);
    case V_LOOP: return loop_call(t, fn.loop, c);
    case V_UNDEF: undef_fail(t, fn);
    case V_JOINER: {
        /* Nothing the first time, then the separator. */
        const bool first = !fn.cycle->v[0].i;
        fn.cycle->v[0] = v_int(1);
        return first ? v_str(&text_empty) : fn.cycle->v[1];
    }
    default: tm_fail(t, "a value of type '%s' cannot be called", kind_name(fn));
    }
}

static __attribute__((noinline)) val eval_call(tm *t, const tm_node *n) {
    tm_call   c;
    const val fn = eval(t, n->a);
    fill_args(t, n, &c);
    t->line = n->line;
    return call_value(t, fn, &c);
}

val filter_apply(tm *t, const tm_func *f, val in, tm_call *c) {
    c->t = t;
    c->in = in;
    c->what = f->name;
    call_bind(c, f->params);
    return f->fn(c);
}

bool test_apply(tm *t, const tm_func *f, val in, tm_call *c) { return truth(t, filter_apply(t, f, in, c)); }

static __attribute__((noinline)) val eval_named(tm *t, const tm_node *n, val in) {
    tm_call c;
    if (!n->func) tm_fail(t, "there is no %s named '%.*s'", n->op == N_TEST ? "test" : "filter", (int)n->name->n, n->name->p);
    fill_args(t, n, &c);
    t->line = n->line;
    return filter_apply(t, n->func, in, &c);
}

/* The filters of a set or filter block: the innermost has no input of its own. */
val apply_chain(tm *t, const tm_node *f, val in) {
    if (!f) return in;
    tm_enter(t);
    const val v = eval_named(t, f, f->a ? apply_chain(t, f->a, in) : in);
    tm_leave(t);
    return v;
}

/* ---- the rest ------------------------------------------------------------------------- */

static val eval_compare(tm *t, const tm_node *n) {
    val left = eval(t, n->a);
    for (int i = 0; i < n->n; i++) {
        const val  right = eval(t, n->kid[i]->a);
        const char op = n->kid[i]->sub;
        bool       yes;
        t->line = n->line;
        if (op == '=') yes = equal(t, left, right);
        else if (op == '!') yes = !equal(t, left, right);
        else if (op == 'i' || op == 'n') yes = contains(t, right, left) == (op == 'i');
        else {
            const char *z = op == '<' ? "<" : op == '>' ? ">" : op == 'l' ? "<=" : ">=";
            const int   c = compare(t, left, right, z);
            yes = c != 2 && (op == '<' ? c < 0 : op == '>' ? c > 0 : op == 'l' ? c <= 0 : c >= 0);
        }
        if (!yes) return v_bool(false);
        left = right;
    }
    return v_bool(true);
}

static val eval_concat(tm *t, const tm_node *n) {
    const tm_text *s = &text_empty;
    bool           safe = false;
    tm_list       *l = list_new(t, (size_t)n->n);
    for (int i = 0; i < n->n; i++) list_push(t, l, v_str(soft_text(t, eval(t, n->kid[i]))));
    for (size_t i = 0; i < l->n && t->autoescape; i++) safe = safe || l->v[i].s->safe;
    for (size_t i = 0; i < l->n; i++) s = text_join(t, s, safe ? to_text(t, v_str(text_escape(t, l->v[i].s))) : to_text(t, l->v[i]));
    return v_str(safe ? text_safe(t, s) : s);
}

static val eval_list(tm *t, const tm_node *n) {
    tm_list *l = list_new(t, (size_t)n->n);
    for (int i = 0; i < n->n; i++) list_push(t, l, eval(t, n->kid[i]));
    return n->op == N_LIST ? v_list(l) : v_tuple(l);
}

static val eval_dict(tm *t, const tm_node *n) {
    tm_dict *d = dict_new(t);
    for (int i = 0; i < n->n; i += 2) {
        const val k = eval(t, n->kid[i]);
        dict_set(t, d, k, eval(t, n->kid[i + 1]));
    }
    return v_dict(d);
}

static val eval_item(tm *t, const tm_node *n) {
    const val obj = eval(t, n->a);
    if (n->b->op == N_SLICE) {
        const tm_node *s = n->b;
        const val      lo = s->a ? eval(t, s->a) : v_none(), hi = s->b ? eval(t, s->b) : v_none(), by = s->c ? eval(t, s->c) : v_none();
        t->line = n->line;
        /* A constant that jinja2 computes while compiling is looked up as an item is: never an error. */
        if (t->is_constant && obj.kind != V_UNDEF && obj.kind != V_STR && obj.kind != V_LIST && obj.kind != V_TUPLE) return undef_hint(t, "a slice of a constant that has no parts");
        return get_slice(t, obj, lo, hi, by);
    }
    const val key = eval(t, n->b);
    t->line = n->line;
    return get_item(t, obj, key);
}

static val eval_binary(tm *t, const tm_node *n) {
    const val a = eval(t, n->a), b = eval(t, n->b);
    t->line = n->line;
    return op_binary(t, n->sub, a, b);
}

static val eval_cond(tm *t, const tm_node *n) {
    if (truth(t, eval(t, n->b))) return eval(t, n->a);
    return n->c ? eval(t, n->c) : undef_hint(t, "an if without else gave no value");
}

static val eval_op(tm *t, const tm_node *n) {
    val v;
    switch (n->op) {
    case N_CONST: return n->lit;
    case N_NAME: return name_value(t, n->name);
    case N_TUPLE: case N_LIST: return eval_list(t, n);
    case N_DICT: return eval_dict(t, n);
    case N_ATTR:
        v = eval(t, n->a);
        t->line = n->line;
        return get_attr(t, v, n->name);
    case N_ITEM: return eval_item(t, n);
    case N_CALL: return eval_call(t, n);
    case N_FILTER: return eval_named(t, n, eval(t, n->a));
    case N_TEST: return v_bool(truth(t, eval_named(t, n, eval(t, n->a))));
    case N_NOT: return v_bool(!truth(t, eval(t, n->a)));
    case N_NEG: return op_negate(t, eval(t, n->a));
    case N_POS: return op_plus(t, eval(t, n->a));
    case N_BINARY: return eval_binary(t, n);
    case N_CONCAT: return eval_concat(t, n);
    case N_COMPARE: return eval_compare(t, n);
    case N_AND: v = eval(t, n->a); return truth(t, v) ? eval(t, n->b) : v;
    case N_OR: v = eval(t, n->a); return truth(t, v) ? v : eval(t, n->b);
    case N_COND: return eval_cond(t, n);
    case N_SLICE: tm_fail(t, "a slice among several subscripts");
    default: tm_fail(t, "not an expression");
    }
}

val eval(tm *t, const tm_node *n) {
    tm_enter(t);
    t->line = n->line;
    const val v = eval_op(t, n);
    tm_leave(t);
    return v;
}
