/* tmpl_run.c - statements: output, scopes, loops, macros, blocks.
 *
 * for, with, macros, call and filter blocks and set blocks have scopes of their own; if has none.
 * Each turn of a loop starts from the outer values again, which is why templates keep what must
 * survive in a namespace. */
#include "tmpl.h"


/* ---- output ------------------------------------------------------------------------ */

val capture(tm *t, tm_node *const *v, int n) {
    tm_build  b = {.is_output = true}, *outer = t->to;
    t->to = &b;
    run_list(t, v, n);
    t->to = outer;
    t->n_out -= b.n;
    b.is_output = false;
    const tm_text *s = build_end(t, &b);
    return v_str(t->autoescape ? text_safe(t, s) : s);
}

static void print(tm *t, val v) {
    if (t->autoescape) v = v_str(text_escape(t, soft_text(t, v)));
    show(t, t->to, v);
}

void assign(tm *t, const tm_node *to, val v) {
    if (to->op == N_NAME) {
        scope_set(t, t->scope, to->name, v);
        return;
    }
    if (to->op == N_NSREF) {
        const val ns = name_value(t, to->a->name);
        if (ns.kind != V_NAMESPACE) tm_fail(t, "only a namespace's attributes can be assigned to, not those of '%s'", kind_name(ns));
        dict_set(t, ns.d, v_str(to->name), v);
        return;
    }
    if (v.kind == V_NONE || !is_iterable(v)) tm_fail(t, "a value of type '%s' cannot be unpacked", kind_name(v));
    tm_iter it = iter_of(t, v);
    val     x;
    for (int i = 0; i < to->n; i++) {
        if (!iter_next(t, &it, &x)) tm_fail(t, "%d values to unpack, %d names wait for one", i, to->n);
        assign(t, to->kid[i], x);
    }
    if (iter_next(t, &it, &x)) tm_fail(t, "more values to unpack than the %d names", to->n);
}

static tm_scope *scope_new(tm *t, tm_scope *up) {
    tm_scope *s = tm_take(t, 1, sizeof *s);
    s->up = up;
    return s;
}

/* ---- loops ----------------------------------------------------------------------------- */

/* The next element that passes the loop's condition, which sees the loop's variables. */
static bool fetch(tm *t, tm_loop *l, val *out) {
    while (iter_next(t, &l->it, out)) {
        if (!l->when) return true;
        tm_scope *outer = t->scope;
        t->scope = scope_new(t, l->scope);
        assign(t, l->node->a, *out);
        const bool yes = truth(t, eval(t, l->when));
        t->scope = outer;
        if (yes) return true;
    }
    return false;
}

static bool peek(tm *t, tm_loop *l) {
    if (!l->has_after && !l->ended) {
        l->has_after = fetch(t, l, &l->after);
        l->ended = !l->has_after;
    }
    return l->has_after;
}

bool loop_next(tm *t, tm_loop *l, val *out) {
    if (!peek(t, l)) return false;
    l->has_after = false;
    l->index0++; /* from SIZE_MAX to 0 the first time */
    l->before = l->now;
    l->now = *out = l->after;
    return true;
}

/* Without a length of its own the rest is read at once, as jinja2 does. */
size_t loop_length(tm *t, tm_loop *l) {
    if (l->has_length) return l->length;
    l->has_length = true;
    if (!l->when && length_of(t, l->it.of, &l->length)) return l->length;
    tm_list *rest = list_new(t, 0);
    val      x;
    while (!l->ended && fetch(t, l, &x)) list_push(t, rest, x);
    l->it = (tm_iter){.of = v_list(rest)};
    l->when = NULL;
    return l->length = rest->n + l->index0 + 1 + l->has_after;
}

val loop_attr(tm *t, tm_loop *l, const tm_text *name, bool *found) {
    const int64_t i = (int64_t)l->index0;
    *found = true;
    if (text_is(name, "index")) return v_int(i + 1);
    if (text_is(name, "index0")) return v_int(i);
    if (text_is(name, "first")) return v_bool(i == 0);
    if (text_is(name, "last")) return v_bool(!peek(t, l));
    if (text_is(name, "length")) return v_int((int64_t)loop_length(t, l));
    if (text_is(name, "revindex")) return v_int((int64_t)loop_length(t, l) - i);
    if (text_is(name, "revindex0")) return v_int((int64_t)loop_length(t, l) - i - 1);
    if (text_is(name, "depth")) return v_int(l->depth0 + 1);
    if (text_is(name, "depth0")) return v_int(l->depth0);
    if (text_is(name, "previtem")) return i ? l->before : undef_hint(t, "there is no previous item");
    if (text_is(name, "nextitem")) return peek(t, l) ? l->after : undef_hint(t, "there is no next item");
    *found = false;
    return v_none();
}

static tm_flow run_for(tm *t, const tm_node *n, val items, int depth0) {
    tm_loop   *l = tm_take(t, 1, sizeof *l);
    tm_scope  *outer = t->scope, *s = scope_new(t, outer);
    const tm_text *loop_name = text_z(t, "loop");
    unsigned   closures = t->n_closures;
    bool       any = false;
    val        x;
    *l = (tm_loop){.it = iter_of(t, items), .index0 = SIZE_MAX, .depth0 = depth0, .node = n, .scope = outer, .when = n->c};
    while (loop_next(t, l, &x)) {
        if (closures != t->n_closures) { /* a macro may still look at the last turn's variables */
            closures = t->n_closures;
            s = scope_new(t, outer);
        }
        while (s->vars) {
            tm_var *v = s->vars;
            s->vars = v->next;
            v->next = s->spare;
            s->spare = v;
        }
        t->scope = s;
        t->line = n->line;
        assign(t, n->a, x);
        scope_set(t, s, loop_name, (val){.kind = V_LOOP, .loop = l});
        const tm_flow f = run_list(t, n->kid, n->n);
        t->scope = outer;
        any = any || f == RUN_ON; /* jinja2's else asks whether the end of a body was ever reached */
        if (f == RUN_BREAK) break;
    }
    if (any || !n->n2) return RUN_ON;
    t->scope = scope_new(t, outer);
    const tm_flow f = run_list(t, n->kid2, n->n2);
    t->scope = outer;
    return f;
}

val loop_call(tm *t, tm_loop *l, tm_call *c) {
    if (!l->node->flag) tm_fail(t, "only a loop marked recursive can be called");
    c->what = "loop";
    call_bind(c, "iterable");
    if (++t->calls > TEMPLATE_MAX_DEPTH) tm_fail(t, "loops called deeper than %d", TEMPLATE_MAX_DEPTH);
    tm_scope *outer = t->scope;
    tm_build  b = {.is_output = true}, *to = t->to;
    t->to = &b;
    t->scope = l->scope;
    run_for(t, l->node, c->arg[0], l->depth0 + 1);
    t->scope = outer;
    t->to = to;
    t->n_out -= b.n;
    b.is_output = false;
    t->calls--;
    const tm_text *s = build_end(t, &b);
    return v_str(t->autoescape ? text_safe(t, s) : s);
}

/* ---- the other statements -------------------------------------------------------------------- */

static val macro_of(tm *t, const tm_node *n) {
    tm_macro *m = tm_take(t, 1, sizeof *m);
    *m = (tm_macro){n, t->scope, n->name, t->autoescape};
    if (!n->b) { /* `call` without parameters */
        tm_node *plain = tm_take(t, 1, sizeof *plain);
        *plain = *n;
        plain->b = tm_take(t, 1, sizeof *plain->b);
        m->node = plain;
    }
    t->n_closures++;
    return (val){.kind = V_MACRO, .macro = m};
}

static __attribute__((noinline)) void run_call(tm *t, const tm_node *n) {
    const val caller = macro_of(t, n);
    tm_node   call = *n->a, key = {.op = N_KEYWORD, .name = n->name, .line = n->line}, value = {.op = N_CONST, .lit = caller, .line = n->line};
    tm_node **named = tm_take(t, (size_t)call.n2 + 1, sizeof *named);
    for (int i = 0; i < call.n2; i++) named[i] = call.kid2[i];
    key.a = &value;
    named[call.n2++] = &key;
    call.kid2 = named;
    print(t, eval(t, &call));
}

/* The filters see the text, unmarked: what they return is printed. */
static __attribute__((noinline)) void run_filter(tm *t, const tm_node *n) {
    tm_scope *outer = t->scope;
    t->scope = scope_new(t, outer);
    val v = capture(t, n->kid, n->n);
    v = apply_chain(t, n->b, v);
    t->scope = outer;
    print(t, v);
}

static __attribute__((noinline)) void run_set_block(tm *t, const tm_node *n) {
    tm_scope *outer = t->scope;
    t->scope = scope_new(t, outer);
    val v = capture(t, n->kid, n->n);
    v = apply_chain(t, n->b, v);
    t->scope = outer;
    assign(t, n->a, v);
}

static __attribute__((noinline)) tm_flow run_with(tm *t, const tm_node *n) {
    tm_scope *outer = t->scope, *s = scope_new(t, outer);
    for (int i = 0; i < n->n2; i += 2) { /* every value is of the outer scope */
        const val v = eval(t, n->kid2[i + 1]);
        t->scope = s;
        assign(t, n->kid2[i], v);
        t->scope = outer;
    }
    t->scope = s;
    const tm_flow f = run_list(t, n->kid, n->n);
    t->scope = outer;
    return f;
}

static tm_flow run_if(tm *t, const tm_node *n) {
    int i = 0;
    for (; i + 1 < n->n; i += 2)
        if (truth(t, eval(t, n->kid[i]))) return run_list(t, n->kid[i + 1]->kid, n->kid[i + 1]->n);
    return i < n->n ? run_list(t, n->kid[i]->kid, n->kid[i]->n) : RUN_ON;
}

static tm_flow run_scope(tm *t, const tm_node *n, tm_scope *up) {
    tm_scope *outer = t->scope;
    t->scope = scope_new(t, up);
    const tm_flow f = run_list(t, n->kid, n->n);
    t->scope = outer;
    return f;
}

static tm_flow run(tm *t, const tm_node *n) {
    switch (n->op) {
    case N_TEXT: build_text(t, t->to, n->lit.s); return RUN_ON;
    case N_PRINT:
        t->is_constant = n->flag;
        print(t, eval(t, n->a));
        t->is_constant = false;
        return RUN_ON;
    case N_IF: return run_if(t, n);
    case N_FOR: return run_for(t, n, eval(t, n->b), 0);
    case N_SET: assign(t, n->a, eval(t, n->b)); return RUN_ON;
    case N_SETBLOCK: run_set_block(t, n); return RUN_ON;
    case N_MACRO: scope_set(t, t->scope, n->name, macro_of(t, n)); return RUN_ON;
    case N_CALLBLOCK: run_call(t, n); return RUN_ON;
    case N_FILTERBLOCK: run_filter(t, n); return RUN_ON;
    case N_WITH: return run_with(t, n);
    case N_SCOPE: return run_list(t, n->kid, n->n);
    case N_BREAK: return RUN_BREAK;
    case N_CONTINUE: return RUN_CONTINUE;
    case N_BLOCK: return run_scope(t, n, n->flag ? t->scope : t->root);
    case N_AUTOESCAPE: {
        const bool outer = t->autoescape;
        t->autoescape = truth(t, eval(t, n->a));
        const tm_flow f = run_scope(t, n, t->scope);
        t->autoescape = outer;
        return f;
    }
    case N_NOLOADER: tm_fail(t, "there are no other templates to load");
    default: tm_fail(t, "not a statement");
    }
}

tm_flow run_list(tm *t, tm_node *const *v, int n) {
    tm_flow f = RUN_ON;
    tm_enter(t);
    for (int i = 0; i < n && f == RUN_ON; i++) {
        t->line = v[i]->line;
        tm_pay(t, 16);
        f = run(t, v[i]);
    }
    tm_leave(t);
    return f;
}
