/* imatrix.c - importance matrices: collected while a session reads, written, and read again.
 *
 * The error of a product w . x that comes from the error of one weight is that weight's times its x, so over a text it counts
 * with the mean square of x (with the errors independent of each other).  What is kept of a matrix is the sum of squares of each
 * column of its inputs and the number of inputs.
 *
 * Files: a GGUF with general.type "imatrix", imatrix.datasets, imatrix.chunk_count, imatrix.chunk_size (tokens) and, for a matrix NAME, the f32
 * tensors NAME.in_sum2 [columns, matrices] and NAME.counts [1, matrices].  Before it there was a list without a magic number, all little-endian:
 *   | i32 n | n x (i32 bytes, name, i32 calls, i32 values, f32 values[]: mean square x calls) | i32 chunks | i32 bytes, dataset |
 * the part behind the entries may be missing.
 * Source: llama.cpp's tools/imatrix (README) and its pull request 9400. */
#include "imatrix.h"
#include "gguf_write.h"
#include "limits.h"
#include "session.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- collecting ------------------------------------------------------------------------ */

struct slm_imatrix {
    slm_session *s;
    bool         with_output;
    int64_t      at[INPUT_KINDS + 1]; /* where each kind begins in a layer's sums              */
    double      *sum;                 /* [n_layer][at[INPUT_HEAD]], then [n_embd] of the output */
    uint64_t     n_tok, n_tok_head;
};

typedef struct {
    double      *sum;
    const float *x;
    int64_t      cols;
    int          n_tok;
} sum_job;

enum { SUM_COLS = 64 };

/* Token after token, so that neither threads nor batches show. */
static void sum_columns(void *ctx, int64_t task, int worker) {
    const sum_job *j = ctx;
    const int64_t  c0 = task * SUM_COLS, c1 = j->cols - c0 < SUM_COLS ? j->cols : c0 + SUM_COLS;
    (void)worker;
    for (int t = 0; t < j->n_tok; t++)
        for (int64_t c = c0; c < c1; c++) {
            const double x = (double)j->x[t * j->cols + c];
            j->sum[c] += x * x;
        }
}

static void see_input(void *ud, input_kind kind, int l, const float *x, int64_t cols, int n_tok) {
    slm_imatrix        *m = ud;
    const model_config *c = &m->s->m->w.cfg;
    sum_job             j = {m->sum + l * m->at[INPUT_HEAD] + m->at[kind], x, cols, n_tok};
    if (kind == INPUT_HEAD) {
        if (!m->with_output) return;
        j.sum = m->sum + c->n_layer * m->at[INPUT_HEAD];
        m->n_tok_head += (uint64_t)n_tok;
    }
    if (kind == INPUT_QKV && !l) m->n_tok += (uint64_t)n_tok;
    thread_run(m->s->pool, (cols + SUM_COLS - 1) / SUM_COLS, sum_columns, &j);
}

slm_status slm_imatrix_create(slm_imatrix **out, slm_session *s, bool with_output, slm_error *err) {
    const model_config *c = &s->m->w.cfg;
    slm_imatrix        *m = mem_zero(1, sizeof *m);
    if (!m) return err_memory(err, "an importance matrix", sizeof *m);
    const int64_t cols[] = {c->n_embd, (int64_t)c->n_head * c->head_dim, c->n_embd, c->n_ff};
    for (int k = 0; k < INPUT_HEAD; k++) m->at[k + 1] = m->at[k] + cols[k];
    const size_t n = (size_t)(c->n_layer * m->at[INPUT_HEAD] + c->n_embd);
    m->s = s;
    m->with_output = with_output;
    if (!(m->sum = mem_zero(n, sizeof *m->sum))) {
        mem_free(m);
        return err_memory(err, "an importance matrix", n * sizeof *m->sum);
    }
    s->f.watch = (input_watch){see_input, m};
    *out = m;
    return SLM_OK;
}

void slm_imatrix_free(slm_imatrix *m) {
    if (!m) return;
    m->s->f.watch = (input_watch){0};
    mem_free(m->sum);
    mem_free(m);
}

/* ---- writing --------------------------------------------------------------------------- */

/* One matrix: what its file entry is made of. */
typedef struct {
    char          name[GGUF_MAX_NAME + 1];
    const double *sum;
    int64_t       cols;
    uint64_t      n_tok;
} row;

/* Calls `see` for every matrix of the file that was multiplied. */
static slm_status each_matrix(const slm_imatrix *m, slm_status (*see)(void *ud, const row *r), void *ud) {
    static const char *const part[INPUT_HEAD][4] = {{"attn_q", "attn_k", "attn_v", "attn_qkv"}, {"attn_output"}, {"ffn_gate", "ffn_up"}, {"ffn_down"}};
    const gguf         *g = m->s->m->file;
    const model_config *c = &m->s->m->w.cfg;
    slm_status          rc = SLM_OK;
    row                 r = {.n_tok = m->n_tok};
    for (int l = 0; l < c->n_layer; l++)
        for (int k = 0; k < INPUT_HEAD; k++)
            for (int i = 0; i < 4 && part[k][i] && !rc; i++) {
                snprintf(r.name, sizeof r.name, "blk.%d.%s.weight", l, part[k][i]);
                r.sum = m->sum + l * m->at[INPUT_HEAD] + m->at[k];
                r.cols = m->at[k + 1] - m->at[k];
                if (gguf_find(g, r.name)) rc = see(ud, &r);
            }
    if (rc || !m->with_output) return rc;
    snprintf(r.name, sizeof r.name, "%s", gguf_find(g, "output.weight") ? "output.weight" : "token_embd.weight");
    r.sum = m->sum + c->n_layer * m->at[INPUT_HEAD];
    r.cols = c->n_embd;
    r.n_tok = m->n_tok_head;
    return see(ud, &r);
}

typedef struct {
    gguf_writer *w;
    float       *x; /* room for the widest row */
    slm_error   *err;
} writing;

static slm_status add_row(void *ud, const row *r) {
    writing *j = ud;
    char     name[sizeof r->name + 16];
    gguf_tensor_info sums = {{name, 0}, TYPE_F32, 1, {(uint64_t)r->cols, 1, 1, 1}, (size_t)r->cols * sizeof(float)};
    gguf_tensor_info count = {{name, 0}, TYPE_F32, 1, {1, 1, 1, 1}, sizeof(float)};
    sums.name.n = (size_t)snprintf(name, sizeof name, "%s.in_sum2", r->name);
    gguf_writer_tensor(j->w, &sums);
    count.name.n = (size_t)snprintf(name, sizeof name, "%s.counts", r->name);
    gguf_writer_tensor(j->w, &count);
    return SLM_OK;
}

static slm_status put_row(void *ud, const row *r) {
    writing    *j = ud;
    const float n_tok = (float)r->n_tok;
    for (int64_t i = 0; i < r->cols; i++) {
        j->x[i] = (float)r->sum[i];
        if (!isfinite(j->x[i])) return err_set(j->err, SLM_ERR_NUMERIC, "the inputs of %s are too large for an importance matrix", r->name);
    }
    const slm_status rc = gguf_writer_put(j->w, j->x, (size_t)r->cols * sizeof *j->x, j->err);
    return rc ? rc : gguf_writer_put(j->w, &n_tok, sizeof n_tok, j->err);
}

/* A list of one text. */
static slm_status set_datasets(gguf_writer *w, const char *dataset, slm_error *err) {
    strbuf         b = {0};
    const uint64_t n = strlen(dataset);
    for (int i = 0; i < 8; i++) strbuf_char(&b, (char)(n >> 8 * i));
    strbuf_str(&b, str_of(dataset));
    const slm_status rc = b.bad ? err_memory(err, "an importance matrix", b.n) : SLM_OK;
    if (!rc)
        gguf_writer_set(w, &(gguf_kv){.key = STR("imatrix.datasets"), .elem = GGUF_STR, .is_array = true, .n = 1,
                                      .data = (const uint8_t *)b.p, .bytes = b.n});
    strbuf_free(&b);
    return rc;
}

slm_status slm_imatrix_save(const slm_imatrix *m, const char *path, const char *dataset, int n_chunks, int n_ctx, slm_error *err) {
    const gguf_write_options o = {.input = gguf_name(m->s->m->file)};
    writing                  j = {.err = err};
    slm_status               rc = gguf_writer_create(&j.w, NULL, err);
    if (rc) return rc;
    if (!(j.x = mem_zero((size_t)m->at[INPUT_HEAD], sizeof *j.x))) rc = err_memory(err, "an importance matrix", (size_t)m->at[INPUT_HEAD] * sizeof *j.x);
    gguf_writer_set_str(j.w, "general.type", STR("imatrix"));
    if (!rc) rc = set_datasets(j.w, dataset, err);
    gguf_writer_set_u32(j.w, "imatrix.chunk_count", (uint32_t)n_chunks);
    gguf_writer_set_u32(j.w, "imatrix.chunk_size", (uint32_t)n_ctx);
    if (!rc) rc = each_matrix(m, add_row, &j);
    if (!rc) rc = gguf_writer_begin(j.w, path, &o, err);
    if (!rc) rc = each_matrix(m, put_row, &j);
    if (!rc) rc = gguf_writer_end(j.w, err);
    gguf_writer_free(j.w);
    mem_free(j.x);
    return rc;
}

/* ---- reading --------------------------------------------------------------------------- */

struct imatrix {
    pool           mem;
    imatrix_entry *at;  /* [n], by name after sort() */
    size_t         n, room;
    str            dataset;
    uint32_t       n_chunks;
};

void imatrix_free(imatrix *m) {
    if (!m) return;
    pool_free(&m->mem);
    mem_free(m->at);
    mem_free(m);
}

size_t   imatrix_n(const imatrix *m) { return m->n; }
str      imatrix_dataset(const imatrix *m) { return m->dataset; }
uint32_t imatrix_n_chunks(const imatrix *m) { return m->n_chunks; }

static int by_name(const void *a, const void *b) {
    const str    x = ((const imatrix_entry *)a)->name, y = ((const imatrix_entry *)b)->name;
    const size_t n = x.n < y.n ? x.n : y.n;
    const int    c = n ? memcmp(x.p, y.p, n) : 0;
    return c ? c : (x.n > y.n) - (x.n < y.n);
}

const imatrix_entry *imatrix_find(const imatrix *m, str name) {
    const imatrix_entry key = {.name = name};
    return m->n ? bsearch(&key, m->at, m->n, sizeof key, by_name) : NULL;
}

/* A matrix of n columns whose means are still to be written; NULL: no memory. */
static float *add_entry(imatrix *m, str name, uint64_t n) {
    if (m->n == m->room) {
        const size_t   room = m->room ? m->room * 2 : 256;
        imatrix_entry *at = mem_resize(m->at, room, sizeof *at);
        if (!at) return NULL;
        m->at = at;
        m->room = room;
    }
    float    *mean = n <= SIZE_MAX / sizeof *mean ? pool_take(&m->mem, (size_t)n, sizeof *mean) : NULL;
    const str copy = pool_copy(&m->mem, name);
    if (mean && copy.p) m->at[m->n++] = (imatrix_entry){copy, mean, n};
    return copy.p ? mean : NULL;
}

/* out = sum / count, and 1 where nothing was counted; false: no numbers of an importance matrix. */
static bool take_means(float *out, const uint8_t *sum, uint64_t n, float count) {
    if (!(count >= 0) || !isfinite(count)) return false;
    for (uint64_t i = 0; i < n; i++) {
        float v;
        memcpy(&v, sum + 4 * i, 4);
        out[i] = count > 0 ? v / count : 1;
        if (!(out[i] >= 0 && out[i] <= IMATRIX_MAX_MEAN)) return false;
    }
    return true;
}

static slm_status read_tensor(imatrix *m, const gguf *g, const gguf_tensor *t, slm_error *err) {
    static const char tail[] = ".in_sum2";
    const size_t      n_tail = sizeof tail - 1;
    if (t->name.n <= n_tail || memcmp(t->name.p + t->name.n - n_tail, tail, n_tail)) return SLM_OK;
    const str base = {t->name.p, t->name.n - n_tail};
    char      other[GGUF_MAX_NAME + 16];
    snprintf(other, sizeof other, "%.*s.counts", (int)base.n, base.p);
    const gguf_tensor *c = gguf_find(g, other);
    const uint64_t     n_mat = t->dim[1] * t->dim[2] * t->dim[3];
    if (!c) return gguf_fail(g, err, SLM_ERR_FORMAT, "there is no tensor %s", other);
    if (t->packed || c->packed || t->type->id != TYPE_F32 || c->type->id != TYPE_F32 || c->bytes != n_mat * sizeof(float))
        return gguf_fail(g, err, SLM_ERR_FORMAT, "%.*s: sums and counts of an importance matrix are F32, a count for each matrix", (int)base.n, base.p);
    float *mean = add_entry(m, base, t->dim[0] * n_mat);
    if (!mean) return err_memory(err, "an importance matrix", t->bytes);
    for (uint64_t i = 0; i < n_mat; i++) {
        float count;
        memcpy(&count, c->data + 4 * i, 4);
        if (!take_means(mean + i * t->dim[0], t->data + 4 * i * t->dim[0], t->dim[0], count))
            return gguf_fail(g, err, SLM_ERR_FORMAT, "%.*s: a sum or a count is negative, too large or not finite", (int)base.n, base.p);
    }
    return SLM_OK;
}

static slm_status read_gguf(imatrix *m, const gguf *g, slm_error *err) {
    str        type = {"", 0}, text;
    uint64_t   n_chunks = 0;
    slm_status rc = gguf_str(g, "general.type", &type, err);
    if (!rc && !str_is(type, "imatrix"))
        return gguf_fail(g, err, SLM_ERR_FORMAT, "is no importance matrix: its general.type is \"%.*s\"", (int)(type.n < 40 ? type.n : 40), type.p);
    if (!rc) rc = gguf_uint(g, "imatrix.chunk_count", 0, UINT32_MAX, &n_chunks, err);
    m->n_chunks = (uint32_t)n_chunks;
    const gguf_kv *names = gguf_kv_find(g, "imatrix.datasets");
    if (!rc && names && names->elem == GGUF_STR) {
        gguf_strings it = gguf_strings_of(names);
        if (gguf_next_str(&it, &text)) m->dataset = pool_copy(&m->mem, text);
    }
    for (size_t i = 0; i < gguf_n_tensors(g) && !rc; i++) rc = read_tensor(m, g, gguf_tensor_at(g, i), err);
    return rc;
}

/* The next n bytes of the old form; NULL: there are fewer. */
typedef struct {
    const uint8_t *p;
    size_t         left;
} bytes;
static const uint8_t *take(bytes *b, uint64_t n) {
    if (n > b->left) return NULL;
    b->p += n;
    b->left -= (size_t)n;
    return b->p - n;
}

/* -1: there are not four bytes, or the number is negative. */
static int64_t take_count(bytes *b) {
    const uint8_t *p = take(b, 4);
    const uint32_t v = p ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24 : UINT32_MAX;
    return v > INT32_MAX ? -1 : (int64_t)v;
}

static slm_status not_one(const char *path, slm_error *err) {
    return err_set(err, SLM_ERR_FORMAT, "%s: is no importance matrix, neither as GGUF nor in the form before it", path);
}

static slm_status read_old(imatrix *m, bytes b, const char *path, slm_error *err) {
    const int64_t n = take_count(&b);
    if (n < 1) return not_one(path, err);
    for (int64_t i = 0; i < n; i++) {
        const int64_t  n_name = take_count(&b);
        const uint8_t *name = n_name > 0 && n_name <= GGUF_MAX_NAME ? take(&b, (uint64_t)n_name) : NULL;
        const int64_t  calls = name ? take_count(&b) : -1, n_value = calls >= 0 ? take_count(&b) : -1;
        const uint8_t *value = n_value > 0 ? take(&b, 4 * (uint64_t)n_value) : NULL;
        if (!value) return not_one(path, err);
        float *mean = add_entry(m, (str){(const char *)name, (size_t)n_name}, (uint64_t)n_value);
        if (!mean) return err_memory(err, "an importance matrix", 4 * (size_t)n_value);
        if (!take_means(mean, value, (uint64_t)n_value, (float)calls))
            return err_set(err, SLM_ERR_FORMAT, "%s: %.*s: a sum is negative, too large or not finite", path, (int)n_name, (const char *)name);
    }
    const int64_t  n_chunks = take_count(&b), n_text = take_count(&b);
    const uint8_t *text = n_text > 0 ? take(&b, (uint64_t)n_text) : NULL;
    if (n_chunks > 0) m->n_chunks = (uint32_t)n_chunks;
    if (text) m->dataset = pool_copy(&m->mem, (str){(const char *)text, (size_t)n_text});
    return SLM_OK;
}

static slm_status sort(imatrix *m, const char *path, slm_error *err) {
    if (!m->n) return err_set(err, SLM_ERR_FORMAT, "%s: holds no importance of any matrix", path);
    qsort(m->at, m->n, sizeof *m->at, by_name);
    for (size_t i = 1; i < m->n; i++)
        if (!by_name(&m->at[i - 1], &m->at[i]))
            return err_set(err, SLM_ERR_FORMAT, "%s: %.*s is there twice", path, (int)m->at[i].name.n, m->at[i].name.p);
    return SLM_OK;
}

slm_status imatrix_open(imatrix **out, const char *path, slm_error *err) {
    filemap    f = {0};
    gguf      *g = NULL;
    slm_status rc = filemap_open(&f, path, err);
    if (rc) return rc;
    imatrix *m = mem_zero(1, sizeof *m);
    if (!m) {
        filemap_close(&f);
        return err_memory(err, "an importance matrix", sizeof *m);
    }
    /* No more than the file holds, and names. */
    pool_init(&m->mem, SIZE_MAX / 2);
    const bool is_gguf = f.size >= 4 && !memcmp(f.data, "GGUF", 4);
    if (is_gguf) rc = gguf_open_memory(&g, f.data, f.size, path, err);
    if (!rc) rc = is_gguf ? read_gguf(m, g, err) : read_old(m, (bytes){f.data, f.size}, path, err);
    if (!rc) rc = sort(m, path, err);
    gguf_close(g);
    filemap_close(&f);
    if (rc) imatrix_free(m);
    else *out = m;
    return rc;
}
