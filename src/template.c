/* template.c - parse once, render many times; budgets; the one way out for errors. */
#include "template.h"
#include "tmpl.h"
#include <stdio.h>
#include <string.h>

/* Bytes of string work that cost about as much as evaluating one node. */
#define STEP 64

struct template_ {
    pool     pool;
    tm_node *root;
    tm_dict *names;
};

const char *const template_token_names[] = {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token", NULL};

/* ---- what tmpl.h promises ----------------------------------------------------- */

static _Noreturn void leave(tm *t, slm_status code, const char *text) {
    err_set(t->err, code, "template line %d: %s", t->line, text);
    longjmp(t->out, 1);
}

void tm_fail(tm *t, const char *fmt, ...) {
    char    text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    leave(t, SLM_ERR_FORMAT, text);
}

void *tm_take(tm *t, size_t n, size_t elem) {
    void *p = pool_take(t->pool, n, elem);
    if (p) return p;
    size_t bytes;
    if (!size_mul(&bytes, n, elem) || bytes > t->pool->cap - t->pool->used || t->pool->cap - t->pool->used < 4096)
        tm_fail(t, "more than %zu bytes of memory", t->pool->cap);
    leave(t, SLM_ERR_MEMORY, "no memory");
}

void tm_pay(tm *t, size_t n) {
    if ((t->steps += n) <= t->max_steps) return;
    tm_fail(t, "more than %llu steps", (unsigned long long)(t->max_steps / STEP));
}

void tm_enter(tm *t) {
    if (++t->depth > TEMPLATE_MAX_STACK) tm_fail(t, "calls nested deeper than %d", TEMPLATE_MAX_STACK);
    tm_pay(t, STEP);
}

/* setjmp has a function to itself, whose variables do not change after it. */
static slm_status guarded(tm *t, void (*fn)(tm *t, void *arg), void *arg) {
    if (setjmp(t->out)) return t->err->code;
    fn(t, arg);
    return SLM_OK;
}

static slm_status report(slm_error *to, const slm_error *from) {
    if (to && !to->code) *to = *from;
    return from->code;
}

/* ---- parsing -------------------------------------------------------------------- */

typedef struct {
    template_ *t;
    str        source;
} parse_job;

static void parse(tm *t, void *arg) {
    parse_job *job = arg;
    tm_tokens  tokens = {0};
    tm_lex(t, job->source, &tokens);
    job->t->root = tm_parse(t, &tokens, &job->t->names);
}

slm_status template_parse(template_ **out, str source, slm_error *err) {
    if (source.n > TEMPLATE_MAX_SOURCE)
        return err_set(err, SLM_ERR_FORMAT, "template of %zu bytes: longer than the limit of %u", source.n, TEMPLATE_MAX_SOURCE);
    template_ *t = mem_zero(1, sizeof *t);
    if (!t) return err_memory(err, "a template", sizeof *t);
    slm_error own = {0};
    pool_init(&t->pool, TEMPLATE_MAX_MEMORY);
    tm        run = {.pool = &t->pool, .err = &own, .line = 1, .max_steps = (uint64_t)TEMPLATE_MAX_STEPS * STEP};
    parse_job job = {t, source};
    if (guarded(&run, parse, &job)) {
        template_free(t);
        return report(err, &own);
    }
    *out = t;
    return SLM_OK;
}

void template_free(template_ *t) {
    if (!t) return;
    pool_free(&t->pool);
    mem_free(t);
}

bool template_mentions(const template_ *t, const char *name) {
    for (size_t i = 0; i < t->names->n; i++)
        if (text_is(t->names->e[i].k.s, name)) return true;
    return false;
}

/* ---- rendering --------------------------------------------------------------------- */

typedef struct {
    const template_        *t;
    const json             *vars;
    const template_options *o;
    tm_build                out;
} render_job;

static void render(tm *t, void *arg) {
    render_job        *job = arg;
    const char *const *trusted = job->o->trusted ? job->o->trusted : template_token_names;
    t->context = dict_new(t);
    for (size_t i = 0; i < json_len(job->vars); i++) {
        const str key = json_key_at(job->vars, i);
        bool      own = false;
        for (const char *const *z = trusted; *z; z++) own = own || str_is(key, *z);
        dict_set(t, t->context, v_str(text_view(t, key, false)), from_json(t, json_at(job->vars, i), own, str_is(key, "messages"), 0));
    }
    t->root = t->scope = tm_take(t, 1, sizeof *t->scope);
    t->to = &job->out;
    run_list(t, job->t->root->kid, job->t->root->n);
}

/* About the bytes that a value takes as text; JSON's own limit bounds the recursion. */
static size_t bytes_of(const json *v) {
    size_t n = 8 + json_str(v).n;
    for (size_t i = 0; i < json_len(v); i++) n += json_key_at(v, i).n + bytes_of(json_at(v, i));
    return n;
}

slm_status template_render(const template_ *t, const json *vars, const template_options *o, strbuf *out, strbuf *trust, slm_error *err) {
    if (json_type(vars) != JSON_OBJ) return err_set(err, SLM_ERR_ARGUMENT, "a template's variables are a JSON object");
    const size_t n = bytes_of(vars);
    slm_error    own = {0};
    pool         p;
    pool_init(&p, o->max_memory ? o->max_memory : TEMPLATE_MAX_MEMORY + n * TEMPLATE_MEMORY_PER_BYTE);
    tm run = {
        .pool = &p, .err = &own, .line = 1, .now = o->now,
        .max_steps = (o->max_steps ? o->max_steps : TEMPLATE_MAX_STEPS + (uint64_t)n * TEMPLATE_STEPS_PER_BYTE) * STEP,
        .max_out = o->max_output ? o->max_output : TEMPLATE_MAX_OUTPUT + n * TEMPLATE_OUTPUT_PER_BYTE,
    };
    render_job job = {.t = t, .vars = vars, .o = o, .out = {.is_output = true}};
    slm_status rc = guarded(&run, render, &job);
    if (!rc) {
        strbuf_put(out, job.out.p, job.out.n);
        if (trust) strbuf_put(trust, (const char *)job.out.trust, job.out.n);
        if (out->bad || (trust && trust->bad)) err_memory(&own, "the rendered template", job.out.n);
    }
    pool_free(&p);
    return own.code ? report(err, &own) : SLM_OK;
}
