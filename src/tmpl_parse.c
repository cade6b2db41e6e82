/* tmpl_parse.c - tokens to nodes, with the grammar and the precedences of jinja2:
 *
 *   a if b else c, or, and, not, == < in .., + -, ~, * / // %, **, unary - +, then . [] () and | is
 *
 * (so `1 ~ 2 + 3` joins first, and -2 ** 2 is 4).  Every node knows its height, which bounds the
 * recursion of whoever walks the tree; p->depth bounds the parser's own. */
#include "tmpl.h"
#include <string.h>

typedef struct {
    tm              *t;
    const tm_token  *k;       /* the current token */
    int              depth;
    int              loops;   /* enclosing loops that break may leave */
    int              uses;    /* USES_x: special names seen in the macro being read */
    tm_dict         *names;   /* interned */
    tm_dict         *blocks;  /* defined so far */
    /* Unknown filters and tests.  jinja2 reports them when it compiles, but not where an if or a
     * conditional expression decides at run time whether they are reached. */
    struct unknown {
        str  name;
        int  line;
        bool is_test;
    } *unknown;
    size_t n_unknown, room_unknown;
} parser;
enum { USES_VARARGS = 1, USES_KWARGS = 2, USES_CALLER = 4 };

typedef struct {
    tm_node **v;
    int       n, room;
} node_list;

static tm_node *expression(parser *p, bool with_cond);
static tm_node *unary(parser *p, bool with_filter);
static tm_node *tuple(parser *p, bool simple, bool with_cond, bool in_parens);

/* ---- tools ---------------------------------------------------------------------- */

static void next(parser *p) {
    if (p->k->kind != T_EOF) p->k++;
    p->t->line = p->k->line;
    tm_pay(p->t, 8);
}

static bool is_op(const parser *p, const char *z) { return p->k->kind == T_OP && str_is(p->k->s, z); }
static bool is_word(const parser *p, const char *z) { return p->k->kind == T_NAME && str_is(p->k->s, z); }

static _Noreturn void unexpected(parser *p, const char *wanted) {
    const tm_token *k = p->k;
    const int       n = k->s.n < 40 ? (int)k->s.n : 40;
    if (k->kind == T_EOF) tm_fail(p->t, "the template ends where %s is expected", wanted);
    if (k->kind == T_VAR_END || k->kind == T_BLOCK_END) tm_fail(p->t, "the tag ends where %s is expected", wanted);
    tm_fail(p->t, "'%.*s' where %s is expected", n, k->s.p, wanted);
}

static bool skip_op(parser *p, const char *z) {
    if (!is_op(p, z)) return false;
    next(p);
    return true;
}

static bool skip_word(parser *p, const char *z) {
    if (!is_word(p, z)) return false;
    next(p);
    return true;
}

static void expect_op(parser *p, const char *z) {
    char quoted[8] = "'";
    if (!skip_op(p, z)) unexpected(p, strcat(strcat(quoted, z), "'"));
}

static const tm_text *intern(parser *p, str s) {
    const tm_text key = {.p = s.p, .n = s.n};
    const val    *v = dict_get(p->t, p->names, v_str(&key));
    if (v) return v->s;
    const tm_text *x = text_view(p->t, s, false);
    dict_set(p->t, p->names, v_str(x), v_str(x));
    return x;
}

static const tm_text *expect_name(parser *p, const char *wanted) {
    if (p->k->kind != T_NAME) unexpected(p, wanted);
    const tm_text *s = intern(p, p->k->s);
    next(p);
    return s;
}

static void enter(parser *p) {
    if (++p->depth > TEMPLATE_MAX_DEPTH) tm_fail(p->t, "nested deeper than %d", TEMPLATE_MAX_DEPTH);
}

static tm_node *node(parser *p, tm_op op, int line) {
    tm_node *n = tm_take(p->t, 1, sizeof *n);
    n->op = op;
    n->line = line;
    n->height = 1;
    return n;
}

static tm_node *child(parser *p, tm_node *n, tm_node *c) {
    if (c && c->height >= n->height) n->height = c->height + 1;
    if (n->height > TEMPLATE_MAX_DEPTH) tm_fail(p->t, "nested deeper than %d", TEMPLATE_MAX_DEPTH);
    return c;
}

static void add(parser *p, node_list *l, tm_node *n) {
    if (l->n == l->room) {
        const int room = l->room ? 2 * l->room : 4;
        tm_node **v = tm_take(p->t, (size_t)room, sizeof *v);
        if (l->n) memcpy(v, l->v, (size_t)l->n * sizeof *v);
        l->v = v;
        l->room = room;
    }
    l->v[l->n++] = n;
}

static void kids(parser *p, tm_node *n, node_list l) {
    n->kid = l.v;
    n->n = l.n;
    for (int i = 0; i < l.n; i++) child(p, n, l.v[i]);
}

static tm_node *constant(parser *p, val v, int line) {
    tm_node *n = node(p, N_CONST, line);
    n->lit = v;
    return n;
}

static tm_node *binary(parser *p, tm_op op, char sub, tm_node *a, tm_node *b, int line) {
    tm_node *n = node(p, op, line);
    n->sub = sub;
    n->a = child(p, n, a);
    n->b = child(p, n, b);
    return n;
}

static void note_unknown(parser *p, str name, int line, bool is_test) {
    if (p->n_unknown == p->room_unknown) {
        const size_t    room = p->room_unknown ? 2 * p->room_unknown : 8;
        struct unknown *u = tm_take(p->t, room, sizeof *u);
        if (p->n_unknown) memcpy(u, p->unknown, p->n_unknown * sizeof *u);
        p->unknown = u;
        p->room_unknown = room;
    }
    p->unknown[p->n_unknown++] = (struct unknown){name, line, is_test};
}

static void fail_unknown(parser *p, size_t from) {
    if (p->n_unknown <= from) return;
    const struct unknown *u = &p->unknown[from];
    p->t->line = u->line;
    tm_fail(p->t, "there is no %s named '%.*s'", u->is_test ? "test" : "filter", u->name.n < 60 ? (int)u->name.n : 60, u->name.p);
}

/* ---- calls, filters, tests --------------------------------------------------------- */

/* (a, b, c=d, *e, **f): positional in kid, named in kid2, e in b, f in c. */
static void arguments(parser *p, tm_node *n) {
    node_list pos = {0}, named = {0};
    expect_op(p, "(");
    for (bool first = true; !is_op(p, ")"); first = false) {
        if (!first) {
            expect_op(p, ",");
            if (is_op(p, ")")) break;
        }
        if (skip_op(p, "**")) {
            if (n->c) unexpected(p, "')'");
            n->c = child(p, n, expression(p, true));
        } else if (skip_op(p, "*")) {
            if (n->b || n->c) unexpected(p, "')'");
            n->b = child(p, n, expression(p, true));
        } else if (p->k->kind == T_NAME && p->k[1].kind == T_OP && str_is(p->k[1].s, "=")) {
            if (n->c) unexpected(p, "')'");
            tm_node *k = node(p, N_KEYWORD, p->k->line);
            k->name = expect_name(p, "a name");
            tm_pay(p->t, 2 * (size_t)named.n);
            for (int i = 0; i < named.n; i++)
                if (named.v[i]->name == k->name) tm_fail(p->t, "argument '%.*s' given twice", (int)k->name->n, k->name->p);
            next(p);
            k->a = child(p, k, expression(p, true));
            add(p, &named, k);
        } else {
            if (named.n || n->b || n->c) unexpected(p, "a named argument");
            add(p, &pos, expression(p, true));
        }
    }
    next(p);
    kids(p, n, pos);
    n->kid2 = named.v;
    n->n2 = named.n;
    for (int i = 0; i < named.n; i++) child(p, n, named.v[i]);
}

/* Behind the |.  in: NULL in filter blocks. */
static tm_node *filter(parser *p, tm_node *in) {
    tm_node *n = node(p, N_FILTER, p->k->line);
    n->a = child(p, n, in);
    str name = p->k->s;
    n->name = expect_name(p, "a filter's name");
    while (is_op(p, ".")) { /* no filter has a dotted name, but the grammar allows it */
        next(p);
        name.n = (size_t)(p->k->s.p + p->k->s.n - name.p);
        expect_name(p, "a filter's name");
    }
    n->func = filter_find(name);
    if (!n->func) note_unknown(p, name, n->line, false);
    if (is_op(p, "(")) arguments(p, n);
    return n;
}

static tm_node *postfix_one(parser *p, tm_node *a);

static tm_node *postfix(parser *p, tm_node *a) {
    while (is_op(p, ".") || is_op(p, "[") || is_op(p, "(")) a = postfix_one(p, a);
    return a;
}

static tm_node *primary(parser *p);

/* Behind `is`. */
static tm_node *test(parser *p, tm_node *in, int line) {
    const bool negated = skip_word(p, "not");
    tm_node   *n = node(p, N_TEST, line);
    str        name = p->k->s;
    n->a = child(p, n, in);
    n->name = expect_name(p, "a test's name");
    while (is_op(p, ".")) {
        next(p);
        name.n = (size_t)(p->k->s.p + p->k->s.n - name.p);
        expect_name(p, "a test's name");
    }
    n->func = test_find(name);
    if (!n->func) note_unknown(p, name, line, true);
    const tm_token_kind k = p->k->kind;
    if (is_op(p, "(")) arguments(p, n);
    else if ((k == T_NAME || k == T_STR || k == T_INT || k == T_FLOAT || is_op(p, "[") || is_op(p, "{")) && !is_word(p, "else") && !is_word(p, "or") && !is_word(p, "and")) {
        if (is_word(p, "is")) tm_fail(p->t, "tests cannot be chained with is");
        node_list one = {0};
        add(p, &one, postfix(p, primary(p)));
        kids(p, n, one);
    }
    if (!negated) return n;
    tm_node *no = node(p, N_NOT, line);
    no->a = child(p, no, n);
    return no;
}

static tm_node *subscript(parser *p) {
    const int line = p->k->line;
    tm_node  *part[3] = {0};
    if (!is_op(p, ":")) {
        part[0] = expression(p, true);
        if (!is_op(p, ":")) return part[0];
    }
    next(p);
    if (!is_op(p, ":") && !is_op(p, "]") && !is_op(p, ",")) part[1] = expression(p, true);
    if (skip_op(p, ":") && !is_op(p, "]") && !is_op(p, ",")) part[2] = expression(p, true);
    tm_node *n = node(p, N_SLICE, line);
    n->a = child(p, n, part[0]);
    n->b = child(p, n, part[1]);
    n->c = child(p, n, part[2]);
    return n;
}

static tm_node *postfix_one(parser *p, tm_node *a) {
    const int line = p->k->line;
    if (is_op(p, "(")) {
        tm_node *n = node(p, N_CALL, line);
        n->a = child(p, n, a);
        arguments(p, n);
        return n;
    }
    if (skip_op(p, ".")) {
        if (p->k->kind == T_INT) {
            tm_node *n = binary(p, N_ITEM, 0, a, constant(p, p->k->lit, line), line);
            next(p);
            return n;
        }
        tm_node *n = node(p, N_ATTR, line);
        n->a = child(p, n, a);
        n->name = expect_name(p, "a name or number");
        return n;
    }
    next(p);
    node_list args = {0};
    while (!is_op(p, "]")) {
        if (args.n) expect_op(p, ",");
        add(p, &args, subscript(p));
    }
    next(p);
    tm_node *key = args.n ? args.v[0] : NULL;
    if (args.n != 1) {
        key = node(p, N_TUPLE, line);
        kids(p, key, args);
    }
    return binary(p, N_ITEM, 0, a, key, line);
}

static tm_node *filters(parser *p, tm_node *n) {
    for (;;) {
        const int line = p->k->line;
        if (skip_op(p, "|")) n = filter(p, n);
        else if (skip_word(p, "is")) n = test(p, n, line);
        else if (is_op(p, "(")) n = postfix_one(p, n); /* calls bind as filters do */
        else return n;
    }
}

/* ---- expressions ----------------------------------------------------------------------- */

static tm_node *list_literal(parser *p) {
    tm_node  *n = node(p, N_LIST, p->k->line);
    node_list l = {0};
    next(p);
    while (!is_op(p, "]")) {
        if (l.n) expect_op(p, ",");
        if (is_op(p, "]")) break;
        add(p, &l, expression(p, true));
    }
    next(p);
    kids(p, n, l);
    return n;
}

static tm_node *dict_literal(parser *p) {
    tm_node  *n = node(p, N_DICT, p->k->line);
    node_list l = {0}; /* key, value, key, value */
    next(p);
    while (!is_op(p, "}")) {
        if (l.n) expect_op(p, ",");
        if (is_op(p, "}")) break;
        add(p, &l, expression(p, true));
        expect_op(p, ":");
        add(p, &l, expression(p, true));
    }
    next(p);
    kids(p, n, l);
    return n;
}

static tm_node *name_or_constant(parser *p) {
    const int line = p->k->line;
    const str s = p->k->s;
    const int yes = str_is(s, "true") || str_is(s, "True"), no = str_is(s, "false") || str_is(s, "False");
    if (yes || no || str_is(s, "none") || str_is(s, "None")) {
        next(p);
        return constant(p, yes || no ? v_bool(yes) : v_none(), line);
    }
    if (str_is(s, "varargs")) p->uses |= USES_VARARGS;
    if (str_is(s, "kwargs")) p->uses |= USES_KWARGS;
    if (str_is(s, "caller")) p->uses |= USES_CALLER;
    tm_node *n = node(p, N_NAME, line);
    n->name = expect_name(p, "a name");
    return n;
}

static tm_node *primary(parser *p) {
    const int line = p->k->line;
    switch (p->k->kind) {
    case T_NAME: return name_or_constant(p);
    case T_INT: case T_FLOAT: {
        tm_node *n = constant(p, p->k->lit, line);
        next(p);
        return n;
    }
    case T_STR: { /* neighbours are one string */
        const tm_text *s = p->k->lit.s;
        for (next(p); p->k->kind == T_STR; next(p)) s = text_join(p->t, s, p->k->lit.s);
        return constant(p, v_str(s), line);
    }
    default: break;
    }
    if (skip_op(p, "(")) {
        enter(p);
        tm_node *n = tuple(p, false, true, true);
        p->depth--;
        expect_op(p, ")");
        return n;
    }
    if (!is_op(p, "[") && !is_op(p, "{")) unexpected(p, "an expression");
    enter(p);
    tm_node *n = is_op(p, "[") ? list_literal(p) : dict_literal(p);
    p->depth--;
    return n;
}

static tm_node *unary(parser *p, bool with_filter) {
    const int line = p->k->line;
    tm_node  *n;
    if (is_op(p, "-") || is_op(p, "+")) {
        n = node(p, is_op(p, "-") ? N_NEG : N_POS, line);
        next(p);
        enter(p);
        n->a = child(p, n, unary(p, false));
        p->depth--;
    } else n = primary(p);
    n = postfix(p, n);
    return with_filter ? filters(p, n) : n;
}

static tm_node *power(parser *p) {
    tm_node *n = unary(p, true);
    while (is_op(p, "**")) {
        const int line = p->k->line;
        next(p);
        n = binary(p, N_BINARY, 'p', n, unary(p, true), line);
    }
    return n;
}

static tm_node *product(parser *p) {
    tm_node *n = power(p);
    while (is_op(p, "*") || is_op(p, "/") || is_op(p, "//") || is_op(p, "%")) {
        const char op = p->k->s.n == 2 ? 'f' : *p->k->s.p;
        const int  line = p->k->line;
        next(p);
        n = binary(p, N_BINARY, op, n, power(p), line);
    }
    return n;
}

static tm_node *concat(parser *p) {
    const int line = p->k->line;
    tm_node  *first = product(p);
    if (!is_op(p, "~")) return first;
    node_list l = {0};
    add(p, &l, first);
    while (skip_op(p, "~")) add(p, &l, product(p));
    tm_node *n = node(p, N_CONCAT, line);
    kids(p, n, l);
    return n;
}

static tm_node *sum(parser *p) {
    tm_node *n = concat(p);
    while (is_op(p, "+") || is_op(p, "-")) {
        const char op = *p->k->s.p;
        const int  line = p->k->line;
        next(p);
        n = binary(p, N_BINARY, op, n, concat(p), line);
    }
    return n;
}

/* The operator as one letter: = ! < > l(<=) g(>=) i(in) n(not in); 0: none is next. */
static char comparison(parser *p) {
    static const struct {
        const char *z;
        char        op;
    } ops[] = {{"==", '='}, {"!=", '!'}, {"<=", 'l'}, {">=", 'g'}, {"<", '<'}, {">", '>'}};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (skip_op(p, ops[i].z)) return ops[i].op;
    if (skip_word(p, "in")) return 'i';
    if (!is_word(p, "not") || p->k[1].kind != T_NAME || !str_is(p->k[1].s, "in")) return 0;
    next(p);
    next(p);
    return 'n';
}

/* a < b < c: the first operand in a; the rest in kid, each with its operator in sub. */
static tm_node *compared(parser *p) {
    const int line = p->k->line;
    tm_node  *first = sum(p);
    node_list l = {0};
    for (char op; (op = comparison(p));) {
        tm_node *k = node(p, N_KEYWORD, p->k->line);
        k->sub = op;
        k->a = child(p, k, sum(p));
        add(p, &l, k);
    }
    if (!l.n) return first;
    tm_node *n = node(p, N_COMPARE, line);
    n->a = child(p, n, first);
    kids(p, n, l);
    return n;
}

static tm_node *negation(parser *p) {
    const int line = p->k->line;
    if (!is_word(p, "not")) return compared(p);
    next(p);
    enter(p);
    tm_node *n = node(p, N_NOT, line);
    n->a = child(p, n, negation(p));
    p->depth--;
    return n;
}

static tm_node *conjunction(parser *p) {
    tm_node *n = negation(p);
    for (int line = p->k->line; skip_word(p, "and"); line = p->k->line) n = binary(p, N_AND, 0, n, negation(p), line);
    return n;
}

static tm_node *disjunction(parser *p) {
    tm_node *n = conjunction(p);
    for (int line = p->k->line; skip_word(p, "or"); line = p->k->line) n = binary(p, N_OR, 0, n, conjunction(p), line);
    return n;
}

static tm_node *expression(parser *p, bool with_cond) {
    const size_t unknown = p->n_unknown;
    enter(p);
    tm_node *n = disjunction(p);
    while (with_cond && is_word(p, "if")) {
        tm_node *c = node(p, N_COND, p->k->line);
        next(p);
        c->a = child(p, c, n);
        c->b = child(p, c, disjunction(p));
        if (skip_word(p, "else")) c->c = child(p, c, expression(p, true));
        n = c;
        p->n_unknown = unknown;
    }
    p->depth--;
    return n;
}

/* Not at `in` or `recursive`: jinja2 means to, but never does. */
static bool ends_tuple(const parser *p) { return p->k->kind == T_VAR_END || p->k->kind == T_BLOCK_END || is_op(p, ")"); }

static tm_node *tuple(parser *p, bool simple, bool with_cond, bool in_parens) {
    const int line = p->k->line;
    node_list l = {0};
    bool      is_tuple = false;
    for (;;) {
        if (l.n) expect_op(p, ",");
        if (ends_tuple(p)) break;
        add(p, &l, simple ? primary(p) : expression(p, with_cond));
        if (!is_op(p, ",")) break;
        is_tuple = true;
    }
    if (!is_tuple && l.n) return l.v[0];
    if (!l.n && !in_parens) unexpected(p, "an expression");
    tm_node *n = node(p, N_TUPLE, line);
    kids(p, n, l);
    return n;
}

/* ---- statements ------------------------------------------------------------------------------ */

static void check_target(parser *p, const tm_node *n, bool in_loop) {
    if (n->op == N_TUPLE)
        for (int i = 0; i < n->n; i++) check_target(p, n->kid[i], in_loop);
    else if (n->op != N_NAME) tm_fail(p->t, "only names can be assigned to");
    else if (in_loop && text_is(n->name, "loop")) tm_fail(p->t, "a loop's variable cannot be named loop");
}

static tm_node *target(parser *p, bool in_loop, bool with_namespace) {
    const int line = p->k->line;
    if (with_namespace && p->k->kind == T_NAME && p->k[1].kind == T_OP && str_is(p->k[1].s, ".")) {
        tm_node *n = node(p, N_NSREF, line), *ns = node(p, N_NAME, line);
        ns->name = expect_name(p, "a name");
        next(p);
        n->a = child(p, n, ns);
        n->name = expect_name(p, "a name");
        return n;
    }
    const int uses = p->uses; /* assigning is no use */
    tm_node  *n = tuple(p, true, true, false);
    p->uses = uses;
    check_target(p, n, in_loop);
    return n;
}

static bool at_word_of(const parser *p, const char *words) {
    if (p->k->kind != T_NAME) return false;
    for (const char *w = words; *w;) {
        const size_t n = strcspn(w, " ");
        if (str_eq(p->k->s, (str){w, n})) return true;
        w += n + (w[n] == ' ');
    }
    return false;
}

static tm_node *statement(parser *p);

static void expect_block_end(parser *p) {
    if (p->k->kind != T_BLOCK_END) unexpected(p, "the end of the tag");
    next(p);
}

/* No name, no call, no filter that looks at names: what jinja2 computes while it compiles. */
static bool is_constant(const tm_node *n) {
    static const char *const filters[] = {"map", "select", "reject", "selectattr", "rejectattr", "random"};
    if (!n) return true;
    if (n->op == N_NAME || n->op == N_CALL || n->n2) return false;
    for (size_t i = 0; n->op == N_FILTER && i < ARRAY_LEN(filters); i++)
        if (text_is(n->name, filters[i])) return false;
    for (int i = 0; i < n->n; i++)
        if (!is_constant(n->kid[i])) return false;
    return is_constant(n->a) && is_constant(n->b) && is_constant(n->c);
}

/* Nodes up to a tag that is one of `ends` (NULL: up to the end of the source), which is then the
 * current token. */
static node_list nodes_until(parser *p, const char *ends, const char *tag, int tag_line) {
    node_list l = {0};
    for (;;) {
        tm_node  *n;
        const int line = p->k->line;
        switch (p->k->kind) {
        case T_EOF:
            if (!ends) return l;
            tm_fail(p->t, "'%s' of line %d is not closed", tag, tag_line);
        case T_DATA:
            n = node(p, N_TEXT, line);
            n->lit = v_str(text_view(p->t, p->k->s, true));
            add(p, &l, n);
            next(p);
            break;
        case T_VAR_BEGIN:
            next(p);
            n = node(p, N_PRINT, line);
            n->a = child(p, n, tuple(p, false, true, false));
            n->flag = is_constant(n->a);
            if (p->k->kind != T_VAR_END) unexpected(p, "'}}'");
            add(p, &l, n);
            next(p);
            break;
        default: /* T_BLOCK_BEGIN: nothing else stands outside of tags */
            next(p);
            if (ends && at_word_of(p, ends)) return l;
            n = statement(p);
            if (n) add(p, &l, n);
            expect_block_end(p);
        }
    }
}

/* The body of a tag: from its own end to one of `ends`. */
static node_list body(parser *p, const char *ends, const char *tag, int line) {
    skip_op(p, ":");
    expect_block_end(p);
    enter(p);
    node_list l = nodes_until(p, ends, tag, line);
    p->depth--;
    return l;
}

/* A body with a scope of its own, closed by one word. */
static node_list scoped(parser *p, const char *end, const char *tag, int line) {
    const size_t unknown = p->n_unknown;
    node_list    l = body(p, end, tag, line);
    next(p);
    fail_unknown(p, unknown);
    return l;
}

static tm_node *if_tag(parser *p, int line) {
    /* kid: condition, body, condition, body, ..; a body alone at the end is the else */
    const size_t unknown = p->n_unknown;
    tm_node     *n = node(p, N_IF, line);
    node_list    l = {0};
    for (;;) {
        add(p, &l, tuple(p, false, false, false));
        tm_node *b = node(p, N_SCOPE, line);
        kids(p, b, body(p, "elif else endif", "if", line));
        add(p, &l, b);
        if (skip_word(p, "elif")) continue;
        if (skip_word(p, "else")) {
            b = node(p, N_SCOPE, line);
            kids(p, b, body(p, "endif", "if", line));
            add(p, &l, b);
        }
        next(p);
        break;
    }
    kids(p, n, l);
    p->n_unknown = unknown;
    return n;
}

static tm_node *for_tag(parser *p, int line) {
    /* lit is unused; a: target, b: iterable, c: condition, kid: body, kid2: else; flag: recursive */
    tm_node *n = node(p, N_FOR, line);
    n->a = child(p, n, target(p, true, false));
    if (!skip_word(p, "in")) unexpected(p, "'in'");
    n->b = child(p, n, tuple(p, false, false, false));
    const size_t unknown = p->n_unknown;
    if (skip_word(p, "if")) n->c = child(p, n, expression(p, true));
    n->flag = skip_word(p, "recursive");
    p->loops++;
    kids(p, n, body(p, "endfor else", "for", line));
    p->loops--;
    if (skip_word(p, "else")) {
        node_list l = body(p, "endfor", "for", line);
        n->kid2 = l.v;
        n->n2 = l.n;
        for (int i = 0; i < l.n; i++) child(p, n, l.v[i]);
    }
    next(p);
    fail_unknown(p, unknown);
    return n;
}

static tm_node *set_tag(parser *p, int line) {
    tm_node *to = target(p, false, true);
    if (skip_op(p, "=")) return binary(p, N_SET, 0, to, tuple(p, false, true, false), line);
    /* a: target, b: chain of filters whose innermost input is missing */
    tm_node *n = node(p, N_SETBLOCK, line), *f = NULL;
    const size_t unknown = p->n_unknown;
    while (skip_op(p, "|")) f = filter(p, f);
    n->a = child(p, n, to);
    n->b = child(p, n, f);
    kids(p, n, scoped(p, "endset", "set", line));
    fail_unknown(p, unknown);
    return n;
}

/* (a, b=1): names in kid2; defaults, which belong to the last of them, in b. */
static void signature(parser *p, tm_node *n) {
    node_list names = {0}, defaults = {0};
    expect_op(p, "(");
    while (!is_op(p, ")")) {
        if (names.n) expect_op(p, ",");
        tm_node *a = node(p, N_NAME, p->k->line);
        a->name = expect_name(p, "a name");
        if (skip_op(p, "=")) add(p, &defaults, expression(p, true));
        else if (defaults.n) tm_fail(p->t, "a parameter without default behind one with default");
        add(p, &names, a);
    }
    next(p);
    n->kid2 = names.v;
    n->n2 = names.n;
    n->b = node(p, N_TUPLE, n->line);
    kids(p, n->b, defaults);
    child(p, n, n->b);
}

/* Its body is a function: loops outside cannot be left from it. */
static void function_body(parser *p, tm_node *n, const char *end, const char *tag) {
    const int loops = p->loops, uses = p->uses;
    p->loops = p->uses = 0;
    kids(p, n, scoped(p, end, tag, n->line));
    n->sub = (char)p->uses;
    p->loops = loops;
    p->uses |= uses;
}

static tm_node *macro_tag(parser *p, int line) {
    tm_node *n = node(p, N_MACRO, line);
    n->name = expect_name(p, "the macro's name");
    signature(p, n);
    function_body(p, n, "endmacro", "macro");
    return n;
}

static tm_node *call_tag(parser *p, int line) {
    /* a: the call; the rest as of a macro named caller */
    tm_node *n = node(p, N_CALLBLOCK, line);
    n->name = intern(p, STR("caller"));
    if (is_op(p, "(")) signature(p, n);
    n->a = child(p, n, expression(p, true));
    if (n->a->op != N_CALL) tm_fail(p->t, "call wants the call of a macro");
    function_body(p, n, "endcall", "call");
    return n;
}

static tm_node *filter_tag(parser *p, int line) {
    tm_node *n = node(p, N_FILTERBLOCK, line), *f = filter(p, NULL);
    while (skip_op(p, "|")) f = filter(p, f);
    n->b = child(p, n, f);
    kids(p, n, scoped(p, "endfilter", "filter", line));
    return n;
}

static tm_node *with_tag(parser *p, int line) {
    /* kid2: target, value, target, value */
    tm_node  *n = node(p, N_WITH, line);
    node_list l = {0};
    while (p->k->kind != T_BLOCK_END && !is_op(p, ":")) {
        if (l.n) expect_op(p, ",");
        add(p, &l, target(p, false, false));
        expect_op(p, "=");
        add(p, &l, expression(p, true));
    }
    kids(p, n, scoped(p, "endwith", "with", line));
    n->kid2 = l.v;
    n->n2 = l.n;
    for (int i = 0; i < l.n; i++) child(p, n, l.v[i]);
    return n;
}

static tm_node *block_tag(parser *p, int line) {
    tm_node *n = node(p, N_BLOCK, line);
    n->name = expect_name(p, "the block's name");
    if (dict_get(p->t, p->blocks, v_str(n->name))) tm_fail(p->t, "block '%.*s' is defined twice", (int)n->name->n, n->name->p);
    dict_set(p->t, p->blocks, v_str(n->name), v_none());
    n->flag = skip_word(p, "scoped");
    skip_word(p, "required");
    const int loops = p->loops;
    p->loops = 0;
    kids(p, n, scoped(p, "endblock", "block", line));
    p->loops = loops;
    if (p->k->kind == T_NAME && str_eq(p->k->s, text_str(n->name))) next(p);
    return n;
}

static tm_node *print_tag(parser *p, int line) {
    tm_node  *n = node(p, N_SCOPE, line);
    node_list l = {0};
    while (p->k->kind != T_BLOCK_END) {
        if (l.n) expect_op(p, ",");
        tm_node *k = node(p, N_PRINT, p->k->line);
        k->a = child(p, k, expression(p, true));
        add(p, &l, k);
    }
    kids(p, n, l);
    return n;
}

/* break and continue outside of a loop would be a syntax error of the Python that jinja2 makes. */
static tm_node *jump_tag(parser *p, tm_op op, const char *word, int line) {
    if (!p->loops) tm_fail(p->t, "%s outside of a loop", word);
    return node(p, op, line);
}

static tm_node *statement(parser *p) {
    const int line = p->k->line;
    const str word = p->k->s;
    if (p->k->kind != T_NAME) unexpected(p, "the name of a tag");
    next(p);
    if (str_is(word, "if")) return if_tag(p, line);
    if (str_is(word, "for")) return for_tag(p, line);
    if (str_is(word, "set")) return set_tag(p, line);
    if (str_is(word, "macro")) return macro_tag(p, line);
    if (str_is(word, "call")) return call_tag(p, line);
    if (str_is(word, "filter")) return filter_tag(p, line);
    if (str_is(word, "with")) return with_tag(p, line);
    if (str_is(word, "block")) return block_tag(p, line);
    if (str_is(word, "print")) return print_tag(p, line);
    if (str_is(word, "break")) return jump_tag(p, N_BREAK, "break", line);
    if (str_is(word, "continue")) return jump_tag(p, N_CONTINUE, "continue", line);
    if (str_is(word, "generation")) { /* marks the assistant's text for training: here only a scope */
        tm_node  *n = node(p, N_WITH, line);
        const int loops = p->loops;
        p->loops = 0; /* transformers makes it the body of a call */
        kids(p, n, scoped(p, "endgeneration", "generation", line));
        p->loops = loops;
        return n;
    }
    if (str_is(word, "autoescape")) {
        tm_node *n = node(p, N_AUTOESCAPE, line);
        n->a = child(p, n, expression(p, true));
        kids(p, n, scoped(p, "endautoescape", "autoescape", line));
        return n;
    }
    if (str_is(word, "include") || str_is(word, "import") || str_is(word, "from") || str_is(word, "extends")) {
        while (p->k->kind != T_BLOCK_END && p->k->kind != T_EOF) next(p);
        return node(p, N_NOLOADER, line);
    }
    p->t->line = line;
    tm_fail(p->t, "unknown tag '%.*s'", word.n < 60 ? (int)word.n : 60, word.p);
}

tm_node *tm_parse(tm *t, const tm_tokens *in, tm_dict **names) {
    parser p = {.t = t, .k = in->v, .names = dict_new(t), .blocks = dict_new(t)};
    t->line = in->v->line;
    tm_node *n = node(&p, N_SCOPE, 1);
    kids(&p, n, nodes_until(&p, NULL, NULL, 0));
    fail_unknown(&p, 0);
    *names = p.names;
    return n;
}
