/* tmpl.h - floor 1 (text side): what the files of the template engine share.
 *
 *   tmpl_lex    source -> tokens
 *   tmpl_parse  tokens -> nodes
 *   tmpl_run    statements     tmpl_expr  expressions     tmpl_ops  operators
 *   tmpl_value  values         tmpl_text  strings         tmpl_show printing
 *   tmpl_str    methods of strings        tmpl_fmt   format and %
 *   tmpl_filter, tmpl_seq, tmpl_test, tmpl_func           the named things
 *
 * All memory is a pool's and nothing below holds a resource of its own, so an error may leave from
 * any depth: tm_fail() longjmps to the one setjmp of template_parse() or template_render().  That
 * is what keeps each of some hundred filters free of checks after every call.
 *
 * Provenance: each string carries, for every byte, whether it was written by the template's author
 * (or is a variable that is the model's own).  The flags move with the bytes through every
 * operation; bytes that are computed (digits, quotes of tojson) are never trusted. */
#ifndef TMPL_H
#define TMPL_H
#include "json.h"
#include "limits.h"
#include "unicode.h"
#include <setjmp.h>

typedef struct tm_text tm_text;
typedef struct tm_list tm_list;
typedef struct tm_dict tm_dict;
typedef struct tm_big  tm_big;
typedef struct tm_node tm_node;
typedef struct tm_gen  tm_gen;
typedef struct tm_loop tm_loop;
typedef struct tm_macro tm_macro;
typedef struct tm_scope tm_scope;
typedef struct tm_undef tm_undef;
typedef struct tm_method tm_method;
typedef struct tm_range tm_range;
typedef struct tm_view tm_view;
struct tm_call;
struct tm_build;

typedef enum {
    V_UNDEF, V_NONE, V_BOOL, V_INT, V_BIG, V_FLOAT, V_STR, V_LIST, V_TUPLE, V_DICT, V_VIEW, V_RANGE,
    V_GEN, V_NAMESPACE, V_LOOP, V_MACRO, V_METHOD, V_FUNC, V_CYCLER, V_JOINER
} tm_kind;

/* Values are small and copied; what they point to never changes, except namespaces, loops,
 * cyclers, joiners and half-consumed generators. */
typedef struct {
    tm_kind kind;
    union {
        bool             b;
        int64_t          i;
        double           f;
        const tm_text   *s;
        const tm_big    *big;
        const tm_list   *l; /* V_LIST, V_TUPLE */
        tm_dict         *d; /* V_DICT, V_NAMESPACE */
        const tm_view   *view;
        const tm_range  *range;
        tm_gen          *gen;
        tm_loop         *loop;
        const tm_macro  *macro;
        const tm_method *method;
        const tm_undef  *undef;
        int              func;
        tm_list         *cycle; /* V_CYCLER, V_JOINER: element 0 is the position */
    };
} val;

/* A string.  trust: one flag per byte, or NULL: all bytes are `trusted`. */
struct tm_text {
    const char    *p;
    const uint8_t *trust;
    size_t         n;
    struct tm_room *room; /* where p ends a buffer with room behind it, or NULL */
    bool           trusted, safe; /* safe: marked as HTML (Markup) */
};

struct tm_list {
    val   *v;
    size_t n, room;
    bool   is_group; /* of groupby: .grouper and .list */
};

typedef struct {
    val k, v;
} tm_pair;
struct tm_dict {
    tm_pair  *e;
    size_t    n, room;
    uint32_t *slot; /* position + 1; NULL while small */
    size_t    n_slot;
};

struct tm_undef {
    val            obj;      /* V_UNDEF: a variable; else the object that lacks `name` */
    const tm_text *name;     /* or NULL */
    const char    *hint;     /* the whole message, or NULL */
    bool           is_unsafe;
};
struct tm_func;
struct tm_method {
    val                   self;
    const struct tm_func *f;
};
struct tm_range {
    int64_t start, step, n, stop;
};
struct tm_view {
    tm_dict *d;
    enum { VIEW_ITEMS, VIEW_KEYS, VIEW_VALUES } what;
};

/* ---- one parse or one rendering -------------------------------------------- */

typedef struct tm_func {
    const char *name;
    const char *params; /* "a b=": in order; "=": may be left out; "*", "**": any more; "/ " first: no names */
    val (*fn)(struct tm_call *c);
} tm_func;

typedef struct tm_state {
    pool      *pool;
    slm_error *err;
    jmp_buf    out;
    int        line;
    int        depth;      /* of C calls: see tm_enter */
    int        calls;      /* of macros */
    uint64_t   steps, max_steps;
    size_t     max_out;
    int64_t    now;
    tm_scope  *scope, *root;
    tm_dict   *context;
    struct tm_build *to;   /* where output goes */
    size_t     n_out;      /* bytes of all output that is being built */
    bool       autoescape;
    bool       is_constant; /* inside a print of constants */
    unsigned   n_closures; /* macros made so far: while it stays, no scope was captured */
} tm;

_Noreturn void tm_fail(tm *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *tm_take(tm *t, size_t n, size_t elem);
/* Pays for work over n bytes or elements; fails when the budget is passed. */
void tm_pay(tm *t, size_t n);
/* Around anything that recurses on input. */
void tm_enter(tm *t);
static inline void tm_leave(tm *t) { t->depth--; }

/* ---- values ------------------------------------------------------------------ */

static inline val v_none(void) { return (val){.kind = V_NONE}; }
static inline val v_bool(bool b) { return (val){.kind = V_BOOL, .b = b}; }
static inline val v_int(int64_t i) { return (val){.kind = V_INT, .i = i}; }
static inline val v_float(double f) { return (val){.kind = V_FLOAT, .f = f}; }
static inline val v_str(const tm_text *s) { return (val){.kind = V_STR, .s = s}; }
static inline val v_list(const tm_list *l) { return (val){.kind = V_LIST, .l = l}; }
static inline val v_tuple(const tm_list *l) { return (val){.kind = V_TUPLE, .l = l}; }
static inline val v_dict(tm_dict *d) { return (val){.kind = V_DICT, .d = d}; }
static inline val v_undef(void) { return (val){.kind = V_UNDEF}; }

const char *kind_name(val v); /* as Python names the type: 'str', 'NoneType' */
val  undef_name(tm *t, const tm_text *name);
val  undef_attr(tm *t, val obj, const tm_text *name);
val  undef_hint(tm *t, const char *hint);
_Noreturn void undef_fail(tm *t, val v);
/* Fails when v is undefined: for operations that Undefined refuses. */
static inline void need_defined(tm *t, val v) {
    if (v.kind == V_UNDEF) undef_fail(t, v);
}

bool truth(tm *t, val v);
bool equal(tm *t, val a, val b);
bool same(val a, val b);                    /* Python's `is` */
int  compare(tm *t, val a, val b, const char *op); /* <0, 0, >0, 2: not a number; fails on types without order */
bool contains(tm *t, val box, val v);
bool length_of(tm *t, val v, size_t *n);    /* false: it has none */
val  length(tm *t, val v);

tm_list *list_new(tm *t, size_t room);
void     list_push(tm *t, tm_list *l, val v);
tm_list *list_of(tm *t, val v);             /* a new list of what iterating gives */
tm_dict *dict_new(tm *t);
void     dict_set(tm *t, tm_dict *d, val k, val v);
val     *dict_get(tm *t, const tm_dict *d, val k);
val     *dict_get_z(tm *t, const tm_dict *d, const char *k);
val      from_json(tm *t, const json *v, bool trusted, bool is_message, int depth);

/* Iterating: begin fails on what cannot be iterated. */
typedef struct {
    val    of;
    size_t i;
} tm_iter;
bool is_iterable(val v);
tm_iter iter_of(tm *t, val v);
bool iter_next(tm *t, tm_iter *it, val *out);

/* A generator: `next` is called for each element until it returns false. */
struct tm_gen {
    bool (*next)(tm *t, tm_gen *g, val *out);
    tm_iter it;
    bool    begun, done;
    val     src;
    const char *name;
    struct tm_call *call; /* arguments, for map and select */
    void   *state;
    size_t  k, n;
};
val gen_new(tm *t, val src, bool (*next)(tm *, tm_gen *, val *), void *state, const char *name);

val get_attr(tm *t, val obj, const tm_text *name);
val get_item(tm *t, val obj, val key);
val get_slice(tm *t, val obj, val lo, val hi, val step);
bool index_of(val v, int64_t *i);           /* an int or bool that fits */
int64_t need_int(tm *t, val v, const char *what);

/* ---- strings ------------------------------------------------------------------- */

typedef struct tm_build {
    char    *p;
    uint8_t *trust;
    size_t   n, room;
    bool     is_output; /* counts against max_out */
} tm_build;
void build_put(tm *t, tm_build *b, const char *p, size_t n, bool trusted);
void build_z(tm *t, tm_build *b, const char *z);
void build_part(tm *t, tm_build *b, const tm_text *s, size_t from, size_t n);
void build_text(tm *t, tm_build *b, const tm_text *s);
const tm_text *build_end(tm *t, tm_build *b);

extern const tm_text text_empty;
const tm_text *text_z(tm *t, const char *z);             /* untrusted, not copied */
const tm_text *text_copy(tm *t, str s, bool trusted);
const tm_text *text_view(tm *t, str s, bool trusted);
const tm_text *text_part(tm *t, const tm_text *s, size_t from, size_t n); /* bytes */
const tm_text *text_join(tm *t, const tm_text *a, const tm_text *b);
const tm_text *text_safe(tm *t, const tm_text *s);
const tm_text *text_escape(tm *t, const tm_text *s);
const tm_text *text_case(tm *t, const tm_text *s, char how); /* 'u' 'l' 'c'apitalize 't'itle 's'wap 'f'old */
static inline str text_str(const tm_text *s) { return (str){s->p, s->n}; }
bool   text_is(const tm_text *s, const char *z);
bool   text_eq(const tm_text *a, const tm_text *b);
bool   byte_trusted(const tm_text *s, size_t i);
size_t text_len(tm *t, const tm_text *s);                /* characters */
size_t text_at(tm *t, const tm_text *s, size_t i);       /* byte of character i */
size_t char_at(const tm_text *s, size_t at, uint32_t *cp); /* bytes of the character at a byte */
size_t text_find(tm *t, const tm_text *s, const tm_text *what, size_t from); /* SIZE_MAX: absent */
const tm_text *text_strip(tm *t, const tm_text *s, const tm_text *chars, int sides); /* 1 left, 2 right */
bool   is_space(uint32_t cp);                            /* as Python's str.isspace */
uint32_t case_simple(uint32_t cp, char how);

const tm_text *to_text(tm *t, val v);       /* str(v) */
const tm_text *soft_text(tm *t, val v);     /* str(v), but keeps the mark of HTML */
void show(tm *t, tm_build *b, val v);       /* str */
void show_repr(tm *t, tm_build *b, val v);
void show_pretty(tm *t, tm_build *b, val v);
typedef struct {
    const tm_text *indent; /* or NULL */
    const tm_text *item, *colon; /* separators */
    bool           ascii, sort;
} tm_json_style;
void show_json(tm *t, tm_build *b, val v, const tm_json_style *s, int level);

/* ---- operators ------------------------------------------------------------------- */

val  op_binary(tm *t, char op, val a, val b); /* + - * / % and 'f' for //, 'p' for ** */
val  op_negate(tm *t, val v);
val  op_plus(tm *t, val v);
int  big_compare(tm *t, val a, val b);       /* V_INT, V_BIG, V_BOOL */
val  big_parse(tm *t, str digits, int base, bool negative); /* digits only */
void big_show(tm *t, tm_build *b, const tm_big *x);
double num_of(val v);                        /* of any number; of a V_BIG it costs BIG_COST */
#define BIG_COST 1000
bool is_number_val(val v);
bool is_integer_val(val v);                  /* int, bool, big */
val  int_of_double(tm *t, double d);         /* truncates; any size */
val  parse_int(tm *t, const tm_text *s, int base, bool *ok);
bool parse_float(tm *t, const tm_text *s, double *out);
bool read_double(tm *t, const char *z, double *out); /* whatever the locale */
void plain_point(char *z);
uint64_t big_hash(const tm_big *x);

/* ---- calls --------------------------------------------------------------------------- */

#define CALL_SLOTS 8
typedef struct tm_call {
    tm            *t;
    val            in;        /* value before the |, or the object of a method */
    val           *v;         /* positional */
    size_t         n;
    tm_pair       *kw;        /* keys are V_STR */
    size_t         n_kw;
    const char    *what;      /* name, for errors */
    val            arg[CALL_SLOTS]; /* by the parameters' order */
    bool           has[CALL_SLOTS];
} tm_call;
/* Sorts the arguments into arg[] by a list of parameters; see tm_func. */
void call_bind(tm_call *c, const char *params);
val  call_value(tm *t, val fn, tm_call *args);
val  call_macro(tm *t, const tm_macro *m, tm_call *args);

const tm_func *filter_find(str name);
const tm_func *test_find(str name);
val  filter_apply(tm *t, const tm_func *f, val in, tm_call *args);
bool test_apply(tm *t, const tm_func *f, val in, tm_call *args);
int  func_find(str name);                    /* a global function, or -1 */
val  func_call(tm *t, int id, tm_call *args);
const char *func_name(int id);
val  strftime_of(tm *t, const tm_text *format);
/* NULL when the type has none of that name, or when the sandbox forbids it (*is_unsafe). */
const tm_func *method_find(val self, const tm_text *name, bool *is_unsafe);
val  method_call(tm *t, const tm_method *m, tm_call *args);
extern const tm_func str_methods[], filters_text[], filters_seq[]; /* end with a NULL name */
val  attr_path(tm *t, val obj, val path, const val *fallback); /* "a.0.b" */
val  format_percent(tm *t, const tm_text *fmt, val args, const tm_call *kw);
val  format_braces(tm *t, const tm_text *fmt, tm_call *args);

/* ---- nodes ------------------------------------------------------------------------------ */

typedef enum {
    /* expressions */
    N_CONST, N_NAME, N_TUPLE, N_LIST, N_DICT, N_ATTR, N_ITEM, N_SLICE, N_CALL, N_FILTER, N_TEST, N_NOT, N_NEG, N_POS,
    N_BINARY, N_CONCAT, N_COMPARE, N_AND, N_OR, N_COND, N_KEYWORD, N_STAR, N_STARSTAR, N_NSREF,
    /* statements */
    N_TEXT, N_PRINT, N_IF, N_FOR, N_SET, N_SETBLOCK, N_MACRO, N_CALLBLOCK, N_FILTERBLOCK, N_WITH, N_BREAK, N_CONTINUE,
    N_BLOCK, N_SCOPE, N_AUTOESCAPE, N_NOLOADER
} tm_op;

/* What the fields hold is said at each case of the parser. */
struct tm_node {
    tm_op          op;
    char           sub;     /* operator */
    bool           flag;
    int            line;
    int            height;  /* 1 + that of the highest child: bounds recursion */
    int            n, n2;
    tm_node       *a, *b, *c;
    tm_node      **kid, **kid2;
    const tm_text *name;    /* interned: equal names are equal pointers */
    const tm_func *func;
    val            lit;
};

typedef enum {
    T_DATA, T_VAR_BEGIN, T_VAR_END, T_BLOCK_BEGIN, T_BLOCK_END, T_NAME, T_STR, T_INT, T_FLOAT, T_OP, T_EOF
} tm_token_kind;
typedef struct {
    tm_token_kind kind;
    int           line;
    str           s;   /* name, data, operator */
    val           lit; /* string, number */
} tm_token;
typedef struct {
    tm_token *v;
    size_t    n, room;
} tm_tokens;
void tm_lex(tm *t, str source, tm_tokens *out);
tm_node *tm_parse(tm *t, const tm_tokens *in, tm_dict **names);

/* ---- running ------------------------------------------------------------------------------ */

typedef struct tm_var tm_var;
struct tm_var {
    tm_var        *next;
    const tm_text *name;
    val            v;
};
struct tm_scope {
    tm_scope *up;
    tm_var   *vars;
    tm_var   *spare; /* of earlier turns of a loop */
};
struct tm_macro {
    const tm_node *node;
    tm_scope      *scope; /* where it was defined */
    const tm_text *name;
    bool           autoescape;
};
struct tm_loop {
    tm_iter  it;
    size_t   index0, length;
    int      depth0;
    bool     has_length, has_after, ended;
    val      after, before, now;
    bool     has_before;
    tm_list *changed;
    const tm_node *node;      /* of a recursive loop */
    tm_scope      *scope;
    /* the condition of `for x in y if c` */
    const tm_node *when;
};
void scope_set(tm *t, tm_scope *s, const tm_text *name, val v);
val  name_value(tm *t, const tm_text *name);
val  eval(tm *t, const tm_node *n);
void assign(tm *t, const tm_node *target, val v);
typedef enum { RUN_ON, RUN_BREAK, RUN_CONTINUE } tm_flow;
tm_flow run_list(tm *t, tm_node *const *v, int n);
val  apply_chain(tm *t, const tm_node *f, val in);
val  capture(tm *t, tm_node *const *v, int n);
val  loop_attr(tm *t, tm_loop *l, const tm_text *name, bool *found);
val  loop_call(tm *t, tm_loop *l, tm_call *c);
bool loop_next(tm *t, tm_loop *l, val *out);
size_t loop_length(tm *t, tm_loop *l);
#endif
