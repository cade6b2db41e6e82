/* tmpl_test.c - what stands behind `is`. */
#include "tmpl.h"

static val t_defined(tm_call *c) { return v_bool(c->in.kind != V_UNDEF); }
static val t_undefined(tm_call *c) { return v_bool(c->in.kind == V_UNDEF); }
static val t_none(tm_call *c) { return v_bool(c->in.kind == V_NONE); }
static val t_boolean(tm_call *c) { return v_bool(c->in.kind == V_BOOL); }
static val t_true(tm_call *c) { return v_bool(c->in.kind == V_BOOL && c->in.b); }
static val t_false(tm_call *c) { return v_bool(c->in.kind == V_BOOL && !c->in.b); }
static val t_integer(tm_call *c) { return v_bool(c->in.kind == V_INT || c->in.kind == V_BIG); }
static val t_float(tm_call *c) { return v_bool(c->in.kind == V_FLOAT); }
static val t_number(tm_call *c) { return v_bool(is_number_val(c->in)); }
static val t_string(tm_call *c) { return v_bool(c->in.kind == V_STR); }
static val t_mapping(tm_call *c) { return v_bool(c->in.kind == V_DICT); }
static val t_iterable(tm_call *c) { return v_bool(is_iterable(c->in)); }
static val t_escaped(tm_call *c) { return v_bool(c->in.kind == V_STR && c->in.s->safe); }
static val t_sameas(tm_call *c) { return v_bool(same(c->in, c->arg[0])); }
static val t_in(tm_call *c) { return v_bool(contains(c->t, c->arg[0], c->in)); }

static val t_sequence(tm_call *c) {
    const tm_kind k = c->in.kind;
    return v_bool(k == V_STR || k == V_LIST || k == V_TUPLE || k == V_DICT || k == V_RANGE || k == V_UNDEF);
}

static val t_callable(tm_call *c) {
    const tm_kind k = c->in.kind;
    return v_bool(k == V_FUNC || k == V_MACRO || k == V_METHOD || k == V_LOOP || k == V_JOINER || k == V_UNDEF);
}

/* Whether the case of its letters is `how`: of the whole text as a string. */
static val cased(tm_call *c, const char *method) {
    const tm_text  name = {.p = method, .n = 7};
    bool           is_unsafe;
    const val      s = v_str(to_text(c->t, c->in));
    tm_call        inner = {.t = c->t};
    const tm_method m = {s, method_find(s, &name, &is_unsafe)};
    return method_call(c->t, &m, &inner);
}
static val t_lower(tm_call *c) { return cased(c, "islower"); }
static val t_upper(tm_call *c) { return cased(c, "isupper"); }

static val t_divisibleby(tm_call *c) { return v_bool(equal(c->t, op_binary(c->t, '%', c->in, c->arg[0]), v_int(0))); }
static val t_even(tm_call *c) { return v_bool(equal(c->t, op_binary(c->t, '%', c->in, v_int(2)), v_int(0))); }
static val t_odd(tm_call *c) { return v_bool(equal(c->t, op_binary(c->t, '%', c->in, v_int(2)), v_int(1))); }

static val t_eq(tm_call *c) { return v_bool(equal(c->t, c->in, c->arg[0])); }
static val t_ne(tm_call *c) { return v_bool(!equal(c->t, c->in, c->arg[0])); }
static int order(tm_call *c, const char *op) { return compare(c->t, c->in, c->arg[0], op); }
static val t_lt(tm_call *c) { return v_bool(order(c, "<") < 0); }
static val t_gt(tm_call *c) { return v_bool(order(c, ">") == 1); }
static val t_le(tm_call *c) { return v_bool(order(c, "<=") <= 0); }
static val t_ge(tm_call *c) {
    const int o = order(c, ">=");
    return v_bool(o == 0 || o == 1);
}

/* Unhashable names are an error in Python; here they only are no names. */
static val t_filter(tm_call *c) { return v_bool(c->in.kind == V_STR && filter_find(text_str(c->in.s))); }
static val t_test(tm_call *c) { return v_bool(c->in.kind == V_STR && test_find(text_str(c->in.s))); }

static const tm_func tests[] = {
    {"defined", "", t_defined},         {"undefined", "", t_undefined},
    {"none", "", t_none},               {"string", "", t_string},
    {"mapping", "", t_mapping},         {"iterable", "", t_iterable},
    {"sequence", "", t_sequence},       {"number", "", t_number},
    {"boolean", "", t_boolean},         {"true", "", t_true},
    {"false", "", t_false},             {"integer", "", t_integer},
    {"float", "", t_float},             {"lower", "", t_lower},
    {"upper", "", t_upper},             {"callable", "", t_callable},
    {"escaped", "", t_escaped},         {"sameas", "other", t_sameas},
    {"in", "seq", t_in},                {"divisibleby", "num", t_divisibleby},
    {"even", "", t_even},               {"odd", "", t_odd},
    {"eq", "b", t_eq},                  {"equalto", "b", t_eq},
    {"==", "b", t_eq},                  {"ne", "b", t_ne},
    {"!=", "b", t_ne},                  {"lt", "b", t_lt},
    {"lessthan", "b", t_lt},            {"<", "b", t_lt},
    {"gt", "b", t_gt},                  {"greaterthan", "b", t_gt},
    {">", "b", t_gt},                   {"le", "b", t_le},
    {"<=", "b", t_le},                  {"ge", "b", t_ge},
    {">=", "b", t_ge},                  {"filter", "", t_filter},
    {"test", "", t_test},               {0},
};

const tm_func *test_find(str name) {
    for (const tm_func *f = tests; f->name; f++)
        if (str_is(name, f->name)) return f;
    return NULL;
}
