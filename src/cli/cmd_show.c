/* cmd_show.c - what a file holds and whether it runs.
 *
 * The file is listed as a file first, because one that cannot run is the one that people ask about.
 * The facts come from the opened model where it opens, else from the metadata. */
#include "../json.h"
#include "cli.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Arrays up to this length are given whole in --json; of longer ones the first few. */
#define ARRAY_WHOLE 64
#define ARRAY_FIRST 8
/* How much of a text the human listing shows. */
#define TEXT_SHOWN 64

typedef struct {
    const options *o;
    const char    *path;
    slm_file      *file;
    slm_model     *model; /* NULL: does not open */
    slm_error      why;   /* then the reason     */
    slm_memory     memory, whole; /* for -c, and when all of the model's context is full */
    bool           planned;
    /* Facts; -1 or empty when unknown.  Strings are not NUL ended. */
    str     arch, name, quant, tokenizer, pre;
    int64_t layers, d_model, heads, kv_heads, head_dim, d_ff, vocab, context, params;
    bool    tied, has_template, packed;
} listing;

/* ---- metadata ------------------------------------------------------------- */

static bool keep_first(void *ud, uint64_t k, const slm_value *v) {
    (void)k;
    *(slm_value *)ud = *v;
    return false;
}

/* Metadata by key, "%" in front standing for the architecture. */
static bool find_meta(const listing *l, const char *key, size_t *at, slm_meta *out) {
    const str head = *key == '%' ? l->arch : (str){"", 0}, rest = str_of(key + (*key == '%'));
    bool      found = false;
    for (*at = 0; !found && slm_file_meta(l->file, *at, out); *at += !found)
        found = out->key_len == head.n + rest.n && str_eq((str){out->key, head.n}, head) && str_eq((str){out->key + head.n, rest.n}, rest);
    return found;
}

static bool scalar(const listing *l, const char *key, slm_value *v) {
    slm_meta meta;
    size_t   at;
    if (!find_meta(l, key, &at, &meta) || meta.is_array) return false;
    slm_file_values(l->file, at, keep_first, v);
    return true;
}

static str text_of(const listing *l, const char *key) {
    slm_value v;
    return scalar(l, key, &v) && v.kind == SLM_VALUE_TEXT ? (str){v.text, v.len} : (str){"", 0};
}

static int64_t number_of(const listing *l, const char *key) {
    slm_value v;
    if (!scalar(l, key, &v)) return -1;
    if (v.kind == SLM_VALUE_UINT && v.u <= INT64_MAX) return (int64_t)v.u;
    return v.kind == SLM_VALUE_INT ? v.i : -1;
}

/* Without a model: the type that holds the most bytes, parameters, tied embeddings. */
static void count_tensors(listing *l) {
    struct {
        const char *type;
        uint64_t    bytes;
    } sum[64] = {{0}};
    slm_tensor_info t;
    size_t          most = 0;
    l->params = 0;
    l->tied = true;
    for (size_t i = 0; slm_file_tensor(l->file, i, &t); i++) {
        uint64_t n = 1;
        for (int d = 0; d < t.n_dims; d++) n *= t.dim[d];
        l->params += (int64_t)n;
        if (str_is((str){t.name, t.name_len}, "output.weight")) l->tied = false;
        l->packed |= t.packed;
        size_t k = 0;
        while (k < ARRAY_LEN(sum) - 1 && sum[k].type && strcmp(sum[k].type, t.type)) k++;
        sum[k].type = t.type;
        sum[k].bytes += t.bytes;
        if (sum[k].bytes > sum[most].bytes) most = k;
    }
    l->quant = str_of(sum[most].type);
}

static void gather_from_file(listing *l) {
    slm_meta meta;
    size_t   at;
    l->arch = text_of(l, "general.architecture");
    l->name = text_of(l, "general.name");
    l->tokenizer = text_of(l, "tokenizer.ggml.model");
    l->pre = text_of(l, "tokenizer.ggml.pre");
    l->layers = number_of(l, "%.block_count");
    l->d_model = number_of(l, "%.embedding_length");
    l->heads = number_of(l, "%.attention.head_count");
    l->kv_heads = number_of(l, "%.attention.head_count_kv");
    l->head_dim = number_of(l, "%.attention.key_length");
    l->d_ff = number_of(l, "%.feed_forward_length");
    l->context = number_of(l, "%.context_length");
    l->vocab = find_meta(l, "tokenizer.ggml.tokens", &at, &meta) ? (int64_t)meta.n : -1;
    if (l->kv_heads < 0) l->kv_heads = l->heads;
    if (l->head_dim < 0 && l->heads > 0 && l->d_model > 0) l->head_dim = l->d_model / l->heads;
    l->has_template = text_of(l, "tokenizer.chat_template").n > 0;
    count_tensors(l);
}

void file_facts_read(slm_file *f, file_facts *out) {
    listing l = {.file = f};
    gather_from_file(&l);
    *out = (file_facts){l.arch, l.name, l.quant, l.context, l.params};
}

static void gather_from_model(listing *l) {
    slm_model_info i;
    slm_model_describe(l->model, &i);
    l->arch = str_of(i.arch);
    l->name = str_of(i.name);
    l->quant = str_of(i.quant);
    l->tokenizer = str_of(i.tokenizer);
    l->pre = str_of(i.pre);
    l->layers = i.n_layer;
    l->d_model = i.n_embd;
    l->heads = i.n_head;
    l->kv_heads = i.n_head_kv;
    l->head_dim = i.head_dim;
    l->d_ff = i.n_ff;
    l->vocab = i.n_vocab;
    l->context = i.n_ctx_train;
    l->params = (int64_t)i.n_params;
    l->tied = i.tied;
    slm_session_options so = session_options(l->o, l->model);
    l->planned = !slm_memory_plan(l->model, &so, &l->memory, &l->why);
    so.n_ctx = i.n_ctx_train;
    if (slm_memory_plan(l->model, &so, &l->whole, NULL)) l->whole = (slm_memory){0};
}

/* ---- values --------------------------------------------------------------- */

typedef struct {
    strbuf  *b;
    uint64_t cap;   /* elements to write    */
    size_t   shown; /* bytes of a text; 0: all */
    bool     list;
} writer;

static bool put_value(void *ud, uint64_t k, const slm_value *v) {
    writer *w = ud;
    if (w->list && k >= w->cap) return false;
    if (w->list && k) strbuf_char(w->b, ',');
    switch (v->kind) {
    case SLM_VALUE_UINT: strbuf_fmt(w->b, "%llu", (unsigned long long)v->u); break;
    case SLM_VALUE_INT: strbuf_fmt(w->b, "%lld", (long long)v->i); break;
    case SLM_VALUE_BOOL: strbuf_str(w->b, v->b ? STR("true") : STR("false")); break;
    case SLM_VALUE_FLOAT:
        if (!w->shown) json_write_num(w->b, v->f);
        else strbuf_fmt(w->b, "%.7g", v->f);
        break;
    case SLM_VALUE_TEXT: {
        bool cut = w->shown && v->len > w->shown;
        json_write_str(w->b, (str){v->text, cut ? w->shown : v->len});
        if (cut) strbuf_fmt(w->b, ".. (%zu bytes)", v->len);
    }
    }
    return true;
}

static void put_json_meta(strbuf *b, const listing *l, size_t i, const slm_meta *m) {
    bool   whole = l->o->full || m->n <= ARRAY_WHOLE;
    writer w = {b, whole ? m->n : ARRAY_FIRST, 0, m->is_array};
    json_write_str(b, (str){m->key, m->key_len});
    strbuf_char(b, ':');
    if (!whole) strbuf_fmt(b, "{\"type\":\"%s\",\"n\":%llu,\"first\":", m->type, (unsigned long long)m->n);
    if (m->is_array) strbuf_char(b, '[');
    size_t before = b->n;
    slm_file_values(l->file, i, put_value, &w);
    if (!m->is_array && b->n == before) strbuf_str(b, STR("null"));
    if (m->is_array) strbuf_char(b, ']');
    if (!whole) strbuf_char(b, '}');
}

/* ---- JSON ----------------------------------------------------------------- */

static void member_str(strbuf *b, const char *name, str s) {
    strbuf_fmt(b, ",\"%s\":", name);
    if (s.n) json_write_str(b, s);
    else strbuf_str(b, STR("null"));
}

static void member_int(strbuf *b, const char *name, int64_t x) {
    if (x < 0) strbuf_fmt(b, ",\"%s\":null", name);
    else strbuf_fmt(b, ",\"%s\":%lld", name, (long long)x);
}

static void put_tensors(strbuf *b, const listing *l) {
    slm_tensor_info t;
    strbuf_str(b, STR(",\"tensors\":["));
    for (size_t i = 0; slm_file_tensor(l->file, i, &t); i++) {
        strbuf_fmt(b, "%s{\"name\":", i ? "," : "");
        json_write_str(b, (str){t.name, t.name_len});
        strbuf_fmt(b, ",\"type\":\"%s\",\"dims\":[", t.type);
        for (int d = 0; d < t.n_dims; d++) strbuf_fmt(b, "%s%llu", d ? "," : "", (unsigned long long)t.dim[d]);
        strbuf_fmt(b, "],\"offset\":%llu,\"bytes\":%llu}", (unsigned long long)t.offset,
                   (unsigned long long)t.bytes);
    }
    strbuf_char(b, ']');
}

static int print_json(const listing *l) {
    strbuf   b = {0};
    slm_meta m;
    strbuf_str(&b, STR("{\"file\":"));
    json_write_str(&b, str_of(l->path));
    member_int(&b, "bytes", (int64_t)slm_file_bytes(l->file));
    member_str(&b, "arch", l->arch);
    member_str(&b, "name", l->name);
    member_str(&b, "quant", l->quant);
    member_int(&b, "params", l->params);
    member_int(&b, "layers", l->layers);
    member_int(&b, "d_model", l->d_model);
    member_int(&b, "heads", l->heads);
    member_int(&b, "kv_heads", l->kv_heads);
    member_int(&b, "head_dim", l->head_dim);
    member_int(&b, "d_ff", l->d_ff);
    member_int(&b, "vocab", l->vocab);
    member_int(&b, "context", l->context);
    strbuf_fmt(&b, ",\"tied\":%s,\"packed\":%s", l->tied ? "true" : "false", l->packed ? "true" : "false");
    member_str(&b, "tokenizer", l->tokenizer);
    member_str(&b, "pre", l->pre);
    strbuf_str(&b, STR(",\"metadata\":{"));
    for (size_t i = 0; slm_file_meta(l->file, i, &m); i++) {
        if (i) strbuf_char(&b, ',');
        put_json_meta(&b, l, i, &m);
    }
    strbuf_char(&b, '}');
    put_tensors(&b, l);
    strbuf_str(&b, STR(",\"memory\":"));
    if (l->planned)
        strbuf_fmt(&b, "{\"context\":%d,\"weights\":%llu,\"kv\":%llu,\"work\":%llu,\"total\":%llu}",
                   l->memory.n_ctx, (unsigned long long)l->memory.weights, (unsigned long long)l->memory.kv,
                   (unsigned long long)l->memory.work, (unsigned long long)l->memory.total);
    else strbuf_str(&b, STR("null"));
    if (l->why.code) member_str(&b, "error", str_of(l->why.text));
    strbuf_str(&b, STR("}\n"));
    int rc = b.bad ? fail(EXIT_MEMORY, "no memory to list the file") : 0;
    if (!rc) out_put(b.p, b.n);
    strbuf_free(&b);
    return rc;
}

/* ---- for people ----------------------------------------------------------- */

static void row_str(const char *name, str s) {
    strbuf b = {0};
    if (!s.n) return;
    json_write_str(&b, s); /* its escapes keep control bytes off the terminal */
    out_fmt("%-14s", name);
    if (b.n > 2) out_put(b.p + 1, b.n - 2);
    b.n = 0;
    strbuf_char(&b, '\n');
    out_buf(&b);
    strbuf_free(&b);
}

static void row_int(const char *name, int64_t x) {
    if (x >= 0) out_fmt("%-14s%lld\n", name, (long long)x);
}

static void print_memory(const listing *l) {
    char t[32], w[32], kv[32], work[32], full[32];
    if (l->planned) {
        out_fmt("%-14s%s for a context of %d (weights %s, cache %s, work %s)", "memory",
                human_bytes(l->memory.total, t), l->memory.n_ctx, human_bytes(l->memory.weights, w),
                human_bytes(l->memory.kv, kv), human_bytes(l->memory.work, work));
        if (l->whole.n_ctx > l->memory.n_ctx) out_fmt(", %s when the context of %d is full", human_bytes(l->whole.total, full), l->whole.n_ctx);
        out_text("\n");
    }
    if (l->why.code) out_fmt("%-14sno: %s\n", "runs", l->why.text);
    else out_fmt("%-14syes\n", "runs");
}

static void print_metadata(const listing *l) {
    slm_meta m;
    strbuf   b = {0};
    out_text("\nmetadata\n");
    for (size_t i = 0; slm_file_meta(l->file, i, &m); i++) {
        writer w = {&b, l->o->full ? m.n : ARRAY_FIRST, l->o->full ? 0 : TEXT_SHOWN, m.is_array};
        strbuf_str(&b, STR("  "));
        json_write_str(&b, (str){m.key, m.key_len});
        strbuf_str(&b, STR(" = "));
        if (m.is_array) strbuf_char(&b, '[');
        slm_file_values(l->file, i, put_value, &w);
        if (m.is_array) strbuf_str(&b, w.cap < m.n ? STR(",..]") : STR("]"));
        if (m.is_array) strbuf_fmt(&b, " (%llu x %s)", (unsigned long long)m.n, m.type);
        else strbuf_fmt(&b, " (%s)", m.type);
        strbuf_char(&b, '\n');
        out_buf(&b);
    }
    strbuf_free(&b);
}

static void print_tensors(const listing *l) {
    slm_tensor_info t;
    strbuf          b = {0};
    char            size[32], dims[96];
    size_t          n = 0;
    while (slm_file_tensor(l->file, n, &t)) n++;
    out_fmt("\ntensors: %zu%s\n", n, l->o->tensors ? "" : " (--tensors lists them)");
    for (size_t i = 0; l->o->tensors && slm_file_tensor(l->file, i, &t); i++) {
        int at = 0;
        for (int d = 0; d < t.n_dims; d++)
            at += snprintf(dims + at, sizeof dims - (size_t)at, "%s%llu", d ? " x " : "",
                           (unsigned long long)t.dim[d]);
        strbuf_fmt(&b, "  %-13s%-22s%-12s", t.type, dims, human_bytes(t.bytes, size));
        json_write_str(&b, (str){t.name, t.name_len});
        strbuf_char(&b, '\n');
        out_buf(&b);
    }
    strbuf_free(&b);
}

static void print_text(const listing *l) {
    char bytes[32];
    row_str("file", str_of(l->path));
    out_fmt("%-14s%s\n", "size", human_bytes(slm_file_bytes(l->file), bytes));
    row_str("architecture", l->arch);
    row_str("name", l->name);
    row_str("weights", l->quant);
    out_fmt("%-14s%.1f M\n", "parameters", (double)l->params * 1e-6);
    row_int("layers", l->layers);
    row_int("width", l->d_model);
    row_int("heads", l->heads);
    row_int("kv heads", l->kv_heads);
    row_int("head size", l->head_dim);
    row_int("ffn width", l->d_ff);
    row_int("vocabulary", l->vocab);
    row_int("context", l->context);
    out_fmt("%-14s%s\n", "embeddings", l->tied ? "tied" : "separate");
    if (l->packed) row_str("layout", STR("packed: eight rows interleaved (r8), used in place; slm pack --unpack makes the original"));
    row_str("tokenizer", l->tokenizer);
    row_str("splitting", l->pre);
    out_fmt("%-14s%s\n", "chat template", l->has_template ? "yes (--template prints it)" : "no");
    print_memory(l);
    print_metadata(l);
    print_tensors(l);
}

/* ---- the command ---------------------------------------------------------- */

static int print_template(const listing *l) {
    str t = text_of(l, "tokenizer.chat_template");
    if (!t.n) return fail(EXIT_RUNTIME, "%s: has no chat template", l->path);
    out_put(t.p, t.n);
    return 0;
}

static int show(listing *l) {
    slm_error         err = {0};
    slm_model_options mo = slm_model_defaults();
    confine(l->o, l->path, NULL);
    if (slm_file_open(&l->file, l->path, &err)) return fail_status(&err);
    if (l->o->template_text) return print_template(l);
    mo.path = l->path;
    slm_model_open(&l->model, &mo, &l->why);
    if (l->why.code == SLM_ERR_MEMORY) return fail_status(&l->why);
    if (l->o->check) {
        if (!l->model) return fail_status(&l->why);
        row_str(l->path, STR("loads"));
        return 0;
    }
    gather_from_file(l);
    if (l->model) gather_from_model(l);
    if (l->o->json) return print_json(l);
    print_text(l);
    return 0;
}

static int show_main(options *o) {
    listing l = {.o = o};
    int     rc = -1;
    /* The argument is the file, whatever SLM_MODEL says. */
    if (o->n_arg && !o->model) rc = find_model(*o->arg++, &l.path), o->n_arg--;
    else rc = name_model(o, &l.path);
    if (rc < 0 && o->n_arg) rc = fail(EXIT_USAGE, "show takes one file, \"%s\" is one more", o->arg[0]);
    if (rc < 0 && o->check + o->json + o->template_text > 1)
        rc = fail(EXIT_USAGE, "only one of --check, --json and --template");
    if (rc < 0) rc = show(&l);
    slm_model_close(l.model);
    slm_file_close(l.file);
    return out_end(rc);
}

const command cmd_show = {
    .name = "show",
    .brief = "what a file holds and whether it runs here",
    .usage = "[FLAGS] FILE",
    .examples = "  slm show model.gguf\n"
                "  slm show --tensors model.gguf\n"
                "  slm show --template model.gguf > template.jinja\n"
                "  slm show --check model.gguf && echo fine\n"
                "  slm show --json model.gguf\n",
    .notes = "Arrays are shortened: in --json one of more than 64 elements becomes\n"
             "{\"type\":..,\"n\":..,\"first\":[8 elements]}; --full gives everything.  Files of an unknown architecture\n"
             "are listed too, with the reason why they do not run.\n",
    .main = show_main,
};
