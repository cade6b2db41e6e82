/* test_imatrix.c - importance matrices: sums that are right, the same however they are computed, and files of strangers. */
#include "../src/imatrix.h"
#include "../src/gguf.h"
#include "mkmodel.h"
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const int32_t text[] = {1, 7, 19, 3, 3, 40, 11, 25, 9, 30, 2, 17};
enum { N_TEXT = sizeof text / sizeof *text };

/* What a model that reads the text twice leaves in `path`. */
static bool collect(const char *model, const char *path, int n_threads, int n_batch, bool with_output) {
    slm_error           e = {0};
    slm_model          *m = NULL;
    slm_session        *s = NULL;
    slm_imatrix        *im = NULL;
    slm_model_options   mo = slm_model_defaults();
    slm_session_options so = slm_session_defaults();
    mo.path = model;
    so.n_threads = n_threads;
    so.n_batch = n_batch;
    bool ok = !slm_model_open(&m, &mo, &e) && !slm_session_create(&s, m, &so, &e) && !slm_imatrix_create(&im, s, with_output, &e);
    for (int i = 0; i < 2 && ok; i++) {
        slm_session_rewind(s, 0);
        ok = !slm_session_sync(s, text, N_TEXT, &e);
    }
    ok = ok && !slm_imatrix_save(im, path, "a text", 2, N_TEXT, &e);
    CHECK_STR(str_of(e.text), STR(""));
    slm_imatrix_free(im);
    slm_session_free(s);
    slm_model_close(m);
    return ok;
}

static const float *floats(const gguf *g, const char *name) {
    const gguf_tensor *t = gguf_find(g, name);
    CHECK(t && t->type->id == TYPE_F32);
    return t ? (const void *)t->data : NULL;
}

/* The first layer's input is the normed embedding: known without the forward pass. */
static void sums_are_those_of_the_inputs(void) {
    char  model[300], path[300];
    gguf *g = NULL, *im = NULL;
    snprintf(model, sizeof model, "%s/imatrix-model.gguf", test_tmp());
    snprintf(path, sizeof path, "%s/imatrix.gguf", test_tmp());
    const mkmodel_options o = mkmodel_defaults("llama", TYPE_F32);
    CHECK(mkmodel_write(model, &o));
    if (!collect(model, path, 2, 0, true)) return;
    CHECK_INT(gguf_open(&g, model, NULL), SLM_OK);
    CHECK_INT(gguf_open(&im, path, NULL), SLM_OK);
    const float *embed = floats(g, "token_embd.weight"), *norm = floats(g, "blk.0.attn_norm.weight"), *sum = floats(im, "blk.0.attn_q.weight.in_sum2");
    float        eps = 0;
    CHECK_INT(gguf_float(g, "llama.attention.layer_norm_rms_epsilon", 0, 1, &eps, NULL), SLM_OK);
    for (int c = 0; c < o.n_embd && sum; c++) {
        double want = 0;
        for (int t = 0; t < N_TEXT; t++) {
            const float *x = embed + text[t] * o.n_embd;
            double       square = 0;
            for (int i = 0; i < o.n_embd; i++) square += (double)x[i] * (double)x[i];
            const double v = (double)x[c] / sqrt(square / o.n_embd + (double)eps) * (double)norm[c];
            want += 2 * v * v;
        }
        CHECK(fabs((double)sum[c] - want) <= 1e-5 * want);
    }
    /* Matrices of one input have one sum; counts are tokens; the output matrix saw the last token of each reading. */
    CHECK_SAME(floats(im, "blk.0.attn_v.weight.in_sum2"), sum, (size_t)o.n_embd * sizeof *sum, "v");
    CHECK_INT((int)*floats(im, "blk.1.ffn_down.weight.counts"), 2 * N_TEXT);
    CHECK_INT((int)*floats(im, "output.weight.counts"), 2);
    str      type = {0};
    uint64_t chunks = 0, size = 0;
    CHECK_INT(gguf_str(im, "general.type", &type, NULL), SLM_OK);
    CHECK_STR(type, STR("imatrix"));
    CHECK_INT(gguf_uint(im, "imatrix.chunk_count", 0, 99, &chunks, NULL), SLM_OK);
    CHECK_INT(gguf_uint(im, "imatrix.chunk_size", 0, 99, &size, NULL), SLM_OK);
    CHECK(chunks == 2 && size == N_TEXT);
    gguf_close(g), gguf_close(im);
}

/* Any number of threads and any batches give the same file, for every architecture, fused matrices too. */
static void files_do_not_depend_on_threads(void) {
    char model[300], a[300], b[300];
    snprintf(model, sizeof model, "%s/imatrix-model.gguf", test_tmp());
    snprintf(a, sizeof a, "%s/imatrix-a.gguf", test_tmp());
    snprintf(b, sizeof b, "%s/imatrix-b.gguf", test_tmp());
    for (int i = 0; mkmodel_variants[i]; i++) {
        const mkmodel_options o = mkmodel_defaults(mkmodel_variants[i], TYPE_Q8_0);
        size_t                n = 0, m = 0;
        CHECK(mkmodel_write(model, &o));
        if (!collect(model, a, 1, 0, false) || !collect(model, b, 3, 5, false)) return;
        char *x = test_read_file(a, &n), *y = test_read_file(b, &m);
        CHECK(x && y && n == m);
        if (x && y && n == m) CHECK_SAME(y, x, n, mkmodel_variants[i]);
        mem_free(x), mem_free(y);
        /* Every matrix of a layer has its entry, and no other tensor. */
        gguf *g = NULL, *im = NULL;
        CHECK_INT(gguf_open(&g, model, NULL), SLM_OK);
        CHECK_INT(gguf_open(&im, a, NULL), SLM_OK);
        size_t n_matrix = 0;
        for (size_t k = 0; k < gguf_n_tensors(g); k++) {
            const gguf_tensor *t = gguf_tensor_at(g, k);
            char               name[100];
            snprintf(name, sizeof name, "%.*s.in_sum2", (int)t->name.n, t->name.p);
            const gguf_tensor *s = gguf_find(im, name);
            if (memcmp(t->name.p, "blk.", 4) || t->dim[1] == 1) continue;
            n_matrix++;
            if (!s) printf("    %s: no %s\n", mkmodel_variants[i], name);
            CHECK(s && s->dim[0] == t->dim[0]);
        }
        CHECK_INT(gguf_n_tensors(im), 2 * n_matrix);
        gguf_close(g), gguf_close(im);
    }
}

/* ---- files of strangers ------------------------------------------------------------------ */

static slm_status open_bytes(const strbuf *b, imatrix **out, slm_error *e) {
    char path[300];
    snprintf(path, sizeof path, "%s/imatrix.dat", test_tmp());
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(b->p, 1, b->n, f) == b->n && !fclose(f));
    *out = NULL;
    memset(e, 0, sizeof *e);
    return imatrix_open(out, path, e);
}

static void put_i32(strbuf *b, int32_t v) { strbuf_put(b, (const char *)&v, 4); }

static void put_old_entry(strbuf *b, const char *name, int calls, const float *v, int n) {
    put_i32(b, (int32_t)strlen(name));
    strbuf_str(b, str_of(name));
    put_i32(b, calls);
    put_i32(b, n);
    strbuf_put(b, (const char *)v, 4 * (size_t)n);
}

static const float some[3] = {2, 4, 8};

static strbuf old_form(void) {
    strbuf b = {0};
    put_i32(&b, 2);
    put_old_entry(&b, "blk.1.ffn_up.weight", 4, some, 3);
    put_old_entry(&b, "blk.0.ffn_up.weight", 0, some, 3);
    put_i32(&b, 17);
    put_i32(&b, 5);
    strbuf_str(&b, STR("a.txt"));
    return b;
}

static void old_form_is_read(void) {
    strbuf    b = old_form();
    imatrix  *m = NULL;
    slm_error e;
    CHECK_INT(open_bytes(&b, &m, &e), SLM_OK);
    if (m) {
        const imatrix_entry *x = imatrix_find(m, STR("blk.1.ffn_up.weight")), *y = imatrix_find(m, STR("blk.0.ffn_up.weight"));
        CHECK(x && x->n == 3 && x->mean[0] == 0.5f && x->mean[2] == 2);
        CHECK(y && y->n == 3 && y->mean[0] == 1 && y->mean[2] == 1); /* never called: all the same */
        CHECK(!imatrix_find(m, STR("blk.0.ffn_u")));
        CHECK_INT(imatrix_n(m), 2);
        CHECK_INT(imatrix_n_chunks(m), 17);
        CHECK_STR(imatrix_dataset(m), STR("a.txt"));
    }
    imatrix_free(m);
    /* Cut anywhere it is refused, or it is what it was without the part behind the entries. */
    const size_t tail = b.n - 13;
    for (size_t n = 1; n < b.n; n++) {
        const strbuf cut = {.p = b.p, .n = n};
        const slm_status rc = open_bytes(&cut, &m, &e);
        CHECK_INT(rc, n < tail ? SLM_ERR_FORMAT : SLM_OK);
        CHECK(!rc || strstr(e.text, "no importance matrix"));
        imatrix_free(m);
    }
    /* Each byte set to the extremes: anything but a crash. */
    for (size_t i = 0; i < b.n; i++)
        for (int v = 0; v < 2; v++) {
            const char was = b.p[i];
            b.p[i] = v ? (char)0xff : 0;
            open_bytes(&b, &m, &e);
            imatrix_free(m);
            b.p[i] = was;
        }
    strbuf_free(&b);
}

static slm_status open_made(mk *f, imatrix **out, slm_error *e) {
    mk_finish(f);
    const slm_status rc = open_bytes(&f->out, out, e);
    mk_free(f);
    return rc;
}

static void lies_are_refused(void) {
    imatrix       *m = NULL;
    slm_error      e;
    const uint64_t dim[2] = {3, 2}, one[2] = {1, 2}, wrong[2] = {1, 3};
    static const float six[6] = {1, 2, 3, 4, 5, 6}, minus[6] = {1, -2, 3, 4, 5, 6}, nan[6] = {1, 2, (float)NAN, 4, 5, 6}, large[6] = {1, 2, 3e20f, 4, 5, 6}, two[3] = {2, 0, 1};
    static const struct {
        const char  *type, *name, *counts;
        const float *sum;
        bool         long_counts;
        const char  *want;
    } row[] = {
        {"imatrix", "a.weight.in_sum2", "a.weight.counts", six, false, NULL},
        {"model", "a.weight.in_sum2", "a.weight.counts", six, false, "its general.type is \"model\""},
        {"imatrix", "a.weight.in_sum2", "b.weight.counts", six, false, "there is no tensor a.weight.counts"},
        {"imatrix", "a.weight.in_sum2", "a.weight.counts", minus, false, "a.weight: a sum or a count is negative, too large or not finite"},
        {"imatrix", "a.weight.in_sum2", "a.weight.counts", nan, false, "a.weight: a sum or a count is negative, too large or not finite"},
        {"imatrix", "a.weight.in_sum2", "a.weight.counts", large, false, "a.weight: a sum or a count is negative, too large or not finite"},
        {"imatrix", "a.weight.in_sum2", "a.weight.counts", six, true, "a count for each matrix"},
        {"imatrix", "a.weight.sums", "a.weight.counts", six, false, "holds no importance of any matrix"},
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        mk f = {.seed = 3};
        mk_str(&f, "general.type", row[i].type);
        mk_tensor(&f, row[i].name, TYPE_F32, 2, dim, row[i].sum);
        mk_tensor(&f, row[i].counts, TYPE_F32, 2, row[i].long_counts ? wrong : one, two);
        const slm_status rc = open_made(&f, &m, &e);
        CHECK_INT(rc, row[i].want ? SLM_ERR_FORMAT : SLM_OK);
        if (row[i].want) CHECK_TEXT(e.text, row[i].want);
        else if (m) {
            const imatrix_entry *x = imatrix_find(m, STR("a.weight"));
            CHECK(x && x->n == 6 && x->mean[0] == 0.5f && x->mean[3] == 1); /* the second matrix was never reached */
        }
        imatrix_free(m);
    }
    /* Named twice, which only the old form can do. */
    strbuf b = {0};
    put_i32(&b, 2);
    put_old_entry(&b, "a", 1, some, 3), put_old_entry(&b, "a", 1, some, 3);
    CHECK_INT(open_bytes(&b, &m, &e), SLM_ERR_FORMAT);
    CHECK_TEXT(e.text, "a is there twice");
    strbuf_free(&b);
}

const test_case tests_imatrix[] = {
    {"sums_are_those_of_the_inputs", "the first layer's sums against the embedding; counts, keys, names", sums_are_those_of_the_inputs},
    {"files_do_not_depend_on_threads", "all architectures: the same bytes for 1 and 3 threads, batches of all and 5", files_do_not_depend_on_threads},
    {"old_form_is_read", "the form before GGUF, cut at every byte and with every byte spoilt", old_form_is_read},
    {"lies_are_refused", "missing counts, negative sums, no numbers, other files, names twice", lies_are_refused},
    {0},
};
