/* requant.c - the same model with its matrices in other formats.
 *
 * One pass over the tensors in the file's order.  Formats are runs of blocks, and a row is a whole number of them, so a tensor is
 * cut into chunks of so many weights without looking at its rows: each is decoded and quantized by one thread.  A set of
 * chunks is a piece; while the threads make one, one of them writes the piece before.  Memory: some megabytes and the lists.
 *
 * With an importance matrix the square of a weight's error would count as much as the mean square m of what that weight is multiplied
 * with, if inputs were independent: the product is what the error adds to the square of the output's.  They are not, and m is of
 * another text: m^(3/4) lost less.  Divergence on another text than the matrix is of, Q3_K_M against no importance: m -11 to +1.8 %, on
 * average of six trained models -2.3; m^(3/4) -11 to -1.9, -4.7; m^(1/2) -13 to +0.1, -4.1; m times sqrt(mean square of the block +
 * x^2), as llama.cpp has it, -9.5 to -0.8, -4.8. */
#include "requant.h"
#include "builtin.h"
#include "cpu.h"
#include "gguf_write.h"
#include "imatrix.h"
#include "limits.h"
#include "thread.h"
#include <math.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    CHUNK = 8192,  /* weights of a task: a multiple of every block */
    CHUNKS = 128   /* of a piece that is written at once           */
};
#define LEAST 0.1f /* of the average importance, for every column */

typedef struct {
    regex_t re;
    type_id type;
} rule;

typedef struct {
    const gguf                 *g;
    const slm_quantize_options *o;
    const requant_mix          *mix;
    requant_shape               shape;
    type_id                     embedding, output; /* TYPE_COUNT: as the mixture says */
    rule                       *rules;
    int                         n_rules;
    type_id                    *to;                /* [n_tensors] */
    gguf_writer                *w;
    thread_pool                *threads;
    kernels                     k;
    imatrix                    *imatrix;           /* NULL: none */
    float                      *x, *weight;        /* [n_threads][CHUNK]: weights, what their errors count for */
    float                      *column;            /* [columns of the tensor at hand]: the same of each */
    uint8_t                    *piece, *ready;     /* [CHUNKS * CHUNK * 4]: one that is made, and the one before, which */
    size_t                      n_ready;           /* has so many bytes left to write */
    slm_status                  written;           /* what became of that */
    bool                       *bad;               /* [n_threads]: met a weight that the format cannot hold */
    _Atomic bool                asking, stopped;   /* someone calls o->progress; it has said so */
    _Atomic uint64_t            done, total;       /* bytes written, of all */
    slm_error                  *err;
    /* of the tensor at hand */
    const gguf_tensor *t;
    const type_info   *type;
    const imatrix_entry *counts; /* NULL: all columns the same */
    bool               is_looked_up; /* not multiplied, and becomes IQ4 */
    uint64_t           first, n; /* weights of the piece */
} job;

/* ---- what is asked ---------------------------------------------------------------------- */

static slm_status find_type(const char *flag, const char *name, type_id *out, slm_error *err) {
    for (uint32_t i = 0; i < TYPE_COUNT; i++)
        if (type_get(i) && !strcasecmp(type_get(i)->name, name)) {
            *out = (type_id)i;
            return SLM_OK;
        }
    return err_set(err, SLM_ERR_ARGUMENT, "%s: \"%s\" is no tensor type: Q4_K, Q6_K, Q8_0, F16 ..", flag, name);
}

/* RE=TYPE */
static slm_status add_rule(job *j, const char *text) {
    const char *eq = strrchr(text, '=');
    char        why[128], re[256];
    rule       *r = &j->rules[j->n_rules];
    if (!eq || eq == text || (size_t)(eq - text) >= sizeof re)
        return err_set(j->err, SLM_ERR_ARGUMENT, "--tensor-type: \"%s\" is not of the form RE=TYPE", text);
    memcpy(re, text, (size_t)(eq - text));
    re[eq - text] = 0;
    const slm_status rc = find_type("--tensor-type", eq + 1, &r->type, j->err);
    if (rc) return rc;
    const int bad = regcomp(&r->re, re, REG_EXTENDED | REG_NOSUB);
    if (!bad) j->n_rules++;
    else regerror(bad, &r->re, why, sizeof why);
    return bad ? err_set(j->err, SLM_ERR_ARGUMENT, "--tensor-type: \"%s\": %s", re, why) : SLM_OK;
}

static slm_status read_options(job *j, const char *type) {
    const slm_quantize_options *o = j->o;
    slm_status                  rc = SLM_OK;
    if (o->n_threads < 0 || o->n_threads > MAX_THREADS)
        return err_set(j->err, SLM_ERR_ARGUMENT, "%d threads are not in [1, %d]", o->n_threads, MAX_THREADS);
    if (!(j->mix = requant_mix_find(type))) {
        char all[256] = "";
        for (int i = 0; requant_mix_at(i); i++) strcat(strcat(all, " "), requant_mix_at(i)->name);
        return err_set(j->err, SLM_ERR_ARGUMENT, "\"%s\" is no type; there are:%s", type, all);
    }
    j->embedding = j->output = TYPE_COUNT;
    if (o->token_embedding_type) rc = find_type("--token-embedding-type", o->token_embedding_type, &j->embedding, j->err);
    if (!rc && o->output_tensor_type) rc = find_type("--output-tensor-type", o->output_tensor_type, &j->output, j->err);
    j->rules = mem_zero((size_t)o->n_tensor_type + 1, sizeof *j->rules);
    if (!rc && !j->rules) rc = err_memory(j->err, "rules", sizeof *j->rules);
    for (int i = 0; i < o->n_tensor_type && !rc; i++) rc = add_rule(j, o->tensor_type[i]);
    return rc;
}

/* ---- which type ------------------------------------------------------------------------- */

static bool is_embedding(const gguf_tensor *t) { return str_eq(t->name, STR("token_embd.weight")); }

static type_id wanted(const job *j, const gguf_tensor *t) {
    char name[GGUF_MAX_NAME + 1];
    if (is_embedding(t) && j->embedding != TYPE_COUNT) return j->embedding;
    if (str_eq(t->name, STR("output.weight")) || (is_embedding(t) && !j->shape.has_output))
        if (j->output != TYPE_COUNT) return j->output;
    snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
    for (int i = 0; i < j->n_rules; i++)
        if (!regexec(&j->rules[i].re, name, 0, NULL, 0)) return j->rules[i].type;
    return j->o->pure ? j->mix->type : requant_mix_type(j->mix, &j->shape, t);
}

static slm_status choose(job *j) {
    for (size_t i = 0; i < gguf_n_tensors(j->g); i++)
        if (gguf_tensor_at(j->g, i)->packed)
            return gguf_fail(j->g, j->err, SLM_ERR_UNSUPPORTED,
                             "is packed: slm pack --unpack makes the file that can be quantized");
    j->shape = requant_shape_of(j->g);
    for (size_t i = 0; i < gguf_n_tensors(j->g); i++) {
        const gguf_tensor *t = gguf_tensor_at(j->g, i);
        j->to[i] = requant_applies(t) ? requant_fit(wanted(j, t), t->dim[0]) : t->type->id;
        if (j->to[i] == t->type->id || t->type->block_elems == 1 || j->o->allow_requantize) continue;
        return gguf_fail(j->g, j->err, SLM_ERR_UNSUPPORTED,
                         "tensor %.*s is %s already, and what that lost stays lost: take the F16 or F32 file, or --allow-requantize",
                         (int)t->name.n, t->name.p, t->type->name);
    }
    return SLM_OK;
}

/* ---- tensors ---------------------------------------------------------------------------- */

/* The importance of t's columns, if there is one and `to` looks at it. */
static const imatrix_entry *importance_of(const job *j, const gguf_tensor *t, const type_info *to) {
    return j->imatrix && to != t->type && j->k.search[to->id] ? imatrix_find(j->imatrix, t->name) : NULL;
}

/* And takes room for the most columns. */
static slm_status check_importance(job *j) {
    uint64_t most = 1;
    for (size_t i = 0; i < gguf_n_tensors(j->g); i++) {
        const gguf_tensor   *t = gguf_tensor_at(j->g, i);
        const imatrix_entry *e = importance_of(j, t, type_get(j->to[i]));
        const uint64_t       n = t->dim[0] * t->dim[2] * t->dim[3];
        if (e && e->n != n)
            return err_set(j->err, SLM_ERR_ARGUMENT, "%s: is of another model: %.*s has %llu columns there, not %llu", j->o->imatrix, (int)t->name.n,
                           t->name.p, (unsigned long long)e->n, (unsigned long long)n);
        if (e && n > most) most = n;
    }
    /* No more than the matrix holds itself. */
    j->column = mem_zero((size_t)most, sizeof *j->column);
    return j->column ? SLM_OK : err_memory(j->err, "columns of weights", (size_t)most * sizeof *j->column);
}

requant_fn requant_of(const kernels *k, type_id t, bool weighed) {
    if (t >= TYPE_COUNT) return NULL;
    return k->round[t] && !(weighed && k->search[t]) ? k->round[t] : k->search[t];
}

static size_t bytes_of(const type_info *t, uint64_t n) { return (size_t)(n / (uint64_t)t->block_elems) * (size_t)t->block_bytes; }

/* Rows that are looked up and then normed: what is large in one makes its direction, and IQ4's steps are widest there.  With all
 * errors alike the perplexity of the oracle's fitted model was 3 % higher in IQ4_XS, the divergence of trained ones the same;
 * in the types with even steps it made no difference that was more than chance. */
static void weigh_by_size(float *w, const float *x, uint64_t n) {
    for (uint64_t b = 0; b < n; b += 256) {
        const uint64_t end = n - b < 256 ? n : b + 256;
        float          square = 0;
        for (uint64_t i = b; i < end; i++) square += x[i] * x[i];
        for (uint64_t i = b; i < end; i++) w[i] = sqrtf(square / (float)(end - b) + x[i] * x[i]);
    }
}

static void weigh_by_columns(const job *j, float *w, uint64_t at, uint64_t n) {
    const uint64_t cols = j->t->dim[0], per_matrix = cols * j->t->dim[1];
    uint64_t       col = at % cols;
    const float   *column = j->column + at / per_matrix * cols;
    for (uint64_t i = 0; i < n; i++) {
        w[i] = column[col];
        if (++col < cols) continue;
        col = 0;
        column = j->column + (at + i + 1) / per_matrix * cols;
    }
}

/* What the errors of n weights x, from number `at` of the tensor on, count for; NULL: all the same. */
static const float *weigh(const job *j, float *w, const float *x, uint64_t at, uint64_t n) {
    if (j->counts) weigh_by_columns(j, w, at, n);
    else if (j->is_looked_up) weigh_by_size(w, x, n);
    else return NULL;
    return w;
}

static void to_floats(const job *j, float *x, uint64_t at, uint64_t n) {
    const uint8_t *from = j->t->data + bytes_of(j->t->type, at);
    if (j->t->type->id == TYPE_F16) j->k.f16_to_f32(x, (const void *)from, (int64_t)n);
    else j->t->type->to_f32(x, from, (int64_t)n);
}

/* Asked by the writer and before each chunk, in whatever thread, since a piece of a slow type takes longer than a person
 * waits for Ctrl-C.  One thread at a time calls progress, the others go by what it said. */
static bool goes_on(job *j) {
    if (!j->o->progress || atomic_exchange(&j->asking, true)) return !j->stopped;
    if (!j->stopped) j->stopped = !j->o->progress(j->o->ud, j->done, j->total);
    j->asking = false;
    return !j->stopped;
}

static bool writing(void *ud, uint64_t done, uint64_t total) {
    job *j = ud;
    j->done = done;
    j->total = total;
    return goes_on(j);
}

static void convert_chunk(job *j, int64_t chunk, int worker) {
    const uint64_t at = (uint64_t)chunk * CHUNK, left = j->n - at, n = left < CHUNK ? left : CHUNK;
    /* From there on BF16, or F16 and every scale, rounds to infinity. */
    const float most = j->type->id == TYPE_F32 ? INFINITY : j->type->id == TYPE_BF16 ? 0x1.ffp127f : 65520.0f;
    float      *x = j->x + (size_t)worker * CHUNK;
    bool        bad = false;
    to_floats(j, x, j->first + at, n);
    for (uint64_t i = 0; i < n; i++) bad |= !(fabsf(x[i]) < most);
    if (bad) {
        j->bad[worker] = true;
        return;
    }
    const float *w = weigh(j, j->weight + (size_t)worker * CHUNK, x, j->first + at, n);
    requant_of(&j->k, j->type->id, w != NULL)(j->piece + bytes_of(j->type, at), x, w, (int64_t)n);
}

/* Only one thread at a time comes here. */
static slm_status write_ready(job *j) {
    j->written = j->n_ready ? gguf_writer_put(j->w, j->ready, j->n_ready, j->err) : SLM_OK;
    j->n_ready = 0;
    return j->written;
}

/* The first task writes what is ready, the others make what will be; once it is stopped, the next write says so. */
static void convert_task(void *ctx, int64_t task, int worker) {
    if (!task) write_ready(ctx);
    else if (goes_on(ctx)) convert_chunk(ctx, task - 1, worker);
}

static void swap_pieces(job *j) {
    uint8_t *made = j->piece;
    j->piece = j->ready;
    j->ready = made;
    j->n_ready = bytes_of(j->type, j->n);
}

static slm_status put_converted(job *j) {
    const uint64_t all = j->t->dim[0] * j->t->dim[1] * j->t->dim[2] * j->t->dim[3], most = (uint64_t)CHUNK * CHUNKS;
    slm_status     rc = SLM_OK;
    for (j->first = 0; j->first < all && !rc; j->first += j->n) {
        j->n = all - j->first < most ? all - j->first : most;
        thread_run(j->threads, 1 + (int64_t)((j->n + CHUNK - 1) / CHUNK), convert_task, j);
        rc = j->written;
        for (int i = 0; i < thread_pool_size(j->threads) && !rc; i++)
            if (j->bad[i])
                rc = gguf_fail(j->g, j->err, SLM_ERR_UNSUPPORTED, "tensor %.*s has a weight that is not finite or too large for %s",
                               (int)j->t->name.n, j->t->name.p, j->type->name);
        if (!rc) swap_pieces(j);
        gguf_drop(j->g, j->t->data + bytes_of(j->t->type, j->first), bytes_of(j->t->type, j->n));
    }
    return rc;
}

/* What no column of the calibration text reached may matter in another text: every column counts for some of the average. */
static void weigh_columns(job *j) {
    double sum = 0;
    for (uint64_t i = 0; i < j->counts->n; i++) sum += (double)j->counts->mean[i];
    const float unit = sum > 1e-30 ? (float)((double)j->counts->n / sum) : 0;
    for (uint64_t i = 0; i < j->counts->n; i++) {
        const float root = sqrtf(j->counts->mean[i] * unit + LEAST);
        j->column[i] = root * sqrtf(root);
    }
}

static slm_status put_as_it_is(job *j) {
    const slm_status rc = write_ready(j);
    return rc ? rc : gguf_writer_put(j->w, j->t->data, j->t->bytes, j->err);
}

static slm_status put_all(job *j) {
    slm_status rc = SLM_OK;
    for (size_t i = 0; i < gguf_n_tensors(j->g) && !rc; i++) {
        j->t = gguf_tensor_at(j->g, i);
        j->type = type_get(j->to[i]);
        j->counts = importance_of(j, j->t, j->type);
        if (j->counts) weigh_columns(j);
        j->is_looked_up = is_embedding(j->t) && j->shape.has_output && (j->type->id == TYPE_IQ4_NL || j->type->id == TYPE_IQ4_XS);
        rc = j->type == j->t->type ? put_as_it_is(j) : put_converted(j);
        gguf_drop(j->g, j->t->data, j->t->bytes);
    }
    return rc ? rc : write_ready(j);
}

/* ---- the whole file --------------------------------------------------------------------- */

static void plan(job *j, slm_quantize_result *r) {
    for (size_t i = 0; i < gguf_n_tensors(j->g); i++) {
        const gguf_tensor     *t = gguf_tensor_at(j->g, i);
        const type_info       *to = type_get(j->to[i]);
        const uint64_t         all = t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3];
        const gguf_tensor_info info = {t->name, (uint32_t)to->id, t->n_dims, {t->dim[0], t->dim[1], t->dim[2], t->dim[3]},
                                       bytes_of(to, all)};
        const bool             fell_back = requant_applies(t) && wanted(j, t) != to->id;
        gguf_writer_tensor(j->w, &info);
        r->n_tensors++;
        r->n_changed += to != t->type;
        r->n_fallback += fell_back;
        r->n_weighed += importance_of(j, t, to) != NULL;
        r->from_bytes += t->bytes;
        r->bytes += info.bytes;
        r->n_weights += all;
        if (j->o->tensor)
            j->o->tensor(j->o->ud, &(slm_quantize_tensor){t->name.p, t->name.n, t->type->name, to->name, fell_back, t->n_dims,
                                                          {t->dim[0], t->dim[1], t->dim[2], t->dim[3]}, t->bytes, info.bytes});
    }
    gguf_writer_set_u32(j->w, "general.quantization_version", 2);
    gguf_writer_set_u32(j->w, "general.file_type", j->mix->file_type);
    if (j->imatrix) {
        gguf_writer_set_str(j->w, "quantize.imatrix.file", str_of(j->o->imatrix));
        gguf_writer_set_str(j->w, "quantize.imatrix.dataset", imatrix_dataset(j->imatrix));
        gguf_writer_set_u32(j->w, "quantize.imatrix.entries_count", (uint32_t)imatrix_n(j->imatrix));
        gguf_writer_set_u32(j->w, "quantize.imatrix.chunks_count", imatrix_n_chunks(j->imatrix));
    }
    r->file_bytes = gguf_writer_plan(j->w, 0, NULL);
}

static slm_status write_file(job *j, const char *out) {
    const gguf_write_options o = {gguf_name(j->g), 0, writing, j};
    const int                n = j->o->n_threads ? j->o->n_threads : cpu_default_threads();
    slm_status               rc = SLM_OK;
    j->x = mem_zero((size_t)n * CHUNK, sizeof *j->x);
    j->weight = mem_zero((size_t)n * CHUNK, sizeof *j->weight);
    j->bad = mem_zero((size_t)n, sizeof *j->bad);
    j->piece = mem_zero((size_t)CHUNKS * CHUNK, sizeof(float));
    j->ready = mem_zero((size_t)CHUNKS * CHUNK, sizeof(float));
    if (!j->x || !j->weight || !j->bad || !j->piece || !j->ready) rc = err_memory(j->err, "tensors", (size_t)2 * CHUNKS * CHUNK * sizeof(float));
    if (!rc) rc = thread_pool_create(&j->threads, n, j->err);
    if (!rc) rc = gguf_writer_begin(j->w, out, &o, j->err);
    if (!rc) rc = put_all(j);
    if (!rc) rc = gguf_writer_end(j->w, j->err);
    return rc;
}

slm_status slm_quantize_file(const char *in, const char *out, const char *type, const slm_quantize_options *opt,
                             slm_quantize_result *result, slm_error *err) {
    gguf               *g = NULL;
    job                 j = {.o = opt, .err = err};
    slm_quantize_result r = {0};
    slm_status          rc = read_options(&j, type);
    if (!rc) rc = kernels_select(&j.k, NULL, err);
    if (!rc && opt->imatrix) rc = imatrix_open(&j.imatrix, opt->imatrix, err);
    if (!rc) rc = builtin_open(&g, in, err);
    j.g = g;
    if (!rc && !(j.to = mem_zero(gguf_n_tensors(g) + 1, sizeof *j.to)))
        rc = err_memory(err, "a list of tensors", gguf_n_tensors(g));
    if (!rc) rc = choose(&j);
    if (!rc) rc = check_importance(&j);
    if (!rc) rc = gguf_writer_create(&j.w, g, err);
    if (!rc) plan(&j, &r);
    if (!rc && out) rc = write_file(&j, out);
    if (!rc && result) *result = r;
    thread_pool_free(j.threads);
    gguf_writer_free(j.w);
    for (int i = 0; i < j.n_rules; i++) regfree(&j.rules[i].re);
    mem_free(j.rules);
    mem_free(j.to);
    mem_free(j.x);
    mem_free(j.weight);
    mem_free(j.column);
    imatrix_free(j.imatrix);
    mem_free(j.bad);
    mem_free(j.piece);
    mem_free(j.ready);
    gguf_close(g);
    return rc;
}

const char *slm_quantize_type(int i) { return requant_mix_at(i) ? requant_mix_at(i)->name : NULL; }
