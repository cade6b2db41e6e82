/* test_write.c - the GGUF writer, and packed files: the same bytes again, edits, refusals, faults. */
#include "../src/gguf_write.h"
#include "../src/kernels/r8.h"
#include "mkmodel.h"
#include "test.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char s[300];
} path;

static path tmp(const char *name) {
    path p;
    snprintf(p.s, sizeof p.s, "%s/%s", test_tmp(), name);
    return p;
}

static void check_same_files(const char *got, const char *want, const char *what) {
    size_t n = 0, m = 0;
    char  *a = test_read_file(got, &n), *b = test_read_file(want, &m);
    if (!a || !b || n != m) printf("    %s: %zu and %zu bytes\n", what, n, m);
    CHECK(a && b && n == m);
    if (a && b && n == m) CHECK_SAME(a, b, n, what);
    mem_free(a);
    mem_free(b);
}

/* Temporary files that are left in the tests' folder. */
static int n_left(void) {
    int  n = 0;
    DIR *d = opendir(test_tmp());
    for (struct dirent *e; d && (e = readdir(d));) n += strstr(e->d_name, ".tmp") != NULL;
    if (d) closedir(d);
    return n;
}

static void save(mk *m, const char *to) {
    mk_finish(m);
    CHECK(mk_save(m, to));
    mk_free(m);
}

/* ---- the writer -------------------------------------------------------------------- */

static void add_tensors(gguf_writer *w, const gguf *g) {
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        gguf_writer_tensor(w, &(gguf_tensor_info){t->name, (uint32_t)t->type->id, t->n_dims, {t->dim[0], t->dim[1], t->dim[2], t->dim[3]}, t->bytes});
    }
}

/* All data of g, `piece` bytes at a time. */
static slm_status put_data(gguf_writer *w, const gguf *g, size_t piece, slm_error *err) {
    slm_status rc = SLM_OK;
    for (size_t i = 0; i < gguf_n_tensors(g) && !rc; i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        for (size_t at = 0; at < t->bytes && !rc; at += piece)
            rc = gguf_writer_put(w, t->data + at, t->bytes - at < piece ? t->bytes - at : piece, err);
    }
    return rc;
}

static slm_status rewrite(const char *from, const char *to, const gguf_write_options *o, size_t piece, slm_error *err) {
    gguf        *g = NULL;
    gguf_writer *w = NULL;
    slm_status   rc = gguf_open(&g, from, err);
    if (!rc) rc = gguf_writer_create(&w, g, err);
    if (!rc) add_tensors(w, g);
    if (!rc) rc = gguf_writer_begin(w, to, o, err);
    if (!rc) rc = put_data(w, g, piece, err);
    if (!rc) rc = gguf_writer_end(w, err);
    gguf_writer_free(w);
    gguf_close(g);
    return rc;
}

static void check_rewrite(const char *from, const char *what) {
    slm_error  e = {0};
    const path to = tmp("rewritten.gguf");
    rewrite(from, to.s, &(gguf_write_options){.input = from}, 1 + strlen(what) * 97, &e);
    CHECK_STR(str_of(e.text), STR(""));
    check_same_files(to.s, from, what);
    CHECK_INT(n_left(), 0);
}

/* Every kind of value, a nested array, tensors whose lengths are odd. */
static mk all_kinds(uint32_t version, uint64_t align, bool pads_end) {
    static const uint8_t nested[] = {9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7};
    mk m = {.version = version, .align = align, .pads_end = pads_end, .seed = 5};
    if (align) mk_uint(&m, "general.alignment", GGUF_U32, align);
    for (gguf_kind k = GGUF_U8; k <= GGUF_I64; k++) {
        char name[8];
        snprintf(name, sizeof name, "k.%d", (int)k);
        if (k != GGUF_F32 && k != GGUF_STR && k != GGUF_ARRAY) mk_uint(&m, name, k, k == GGUF_BOOL ? 1 : 0x8182838485868788u);
    }
    mk_f32(&m, "k.f32", 1e-45f);
    mk_f64(&m, "k.f64", -0.0);
    mk_str(&m, "k.empty", "");
    mk_strs(&m, "list.str", (str[]){STR("one"), STR(""), STR("a\0b")}, 3);
    mk_strs(&m, "list.none", NULL, 0);
    mk_i32s(&m, "list.i32", (int32_t[]){1, -2}, 2);
    mk_raw(&m, STR("list.nested"), GGUF_ARRAY, nested, sizeof nested);
    mk_tensor(&m, "a", TYPE_F16, 1, (uint64_t[]){5}, NULL);
    mk_tensor(&m, "b", TYPE_Q4_0, 3, (uint64_t[]){32, 3, 2}, NULL);
    mk_tensor(&m, "c", TYPE_F32, 4, (uint64_t[]){1, 1, 1, 1}, NULL);
    return m;
}

static void rewrites_the_same_bytes(void) {
    const path from = tmp("from.gguf");
    char       what[60];
    for (uint32_t version = 2; version <= 3; version++)
        for (uint64_t align = 0; align <= 65536; align = align ? align * 2 : 8)
            for (int pads = 0; pads < 2; pads++) {
                mk m = all_kinds(version, align, pads);
                save(&m, from.s);
                snprintf(what, sizeof what, "version %u, alignment %d, pads %d", version, (int)align, pads);
                check_rewrite(from.s, what);
            }
    for (int i = 0; mkmodel_variants[i]; i++) {
        const mkmodel_options o = mkmodel_defaults(mkmodel_variants[i], i % 2 ? TYPE_Q4_0 : TYPE_F32);
        CHECK(mkmodel_write(from.s, &o));
        check_rewrite(from.s, mkmodel_variants[i]);
    }
    mk none = {0}; /* a file of nothing, and one of keys only */
    save(&none, from.s);
    check_rewrite(from.s, "nothing");
    mk_u32(&none, "a", 1);
    save(&none, from.s);
    check_rewrite(from.s, "a key");
}

static void rewrites_models_of_others(void) {
    int n = 0;
    for (int k = 0; k < 2; k++) {
        const char *folder = test_shared(k ? "data/models" : "oracle/models");
        DIR        *d = folder ? opendir(folder) : NULL;
        for (struct dirent *e; d && (e = readdir(d));) {
            char from[600];
            if (!strstr(e->d_name, ".gguf")) continue;
            snprintf(from, sizeof from, "%s/%s", folder, e->d_name);
            check_rewrite(from, e->d_name);
            n++;
        }
        if (d) closedir(d);
    }
    if (!n) test_skip("no ../shared");
}

static void edits_keys_in_their_place(void) {
    const path   from = tmp("from.gguf"), to = tmp("to.gguf");
    mk           m = all_kinds(3, 0, true);
    gguf        *g = NULL;
    gguf_writer *w = NULL;
    slm_error    e = {0};
    uint64_t     u = 0;
    str          s = {0};
    save(&m, from.s);
    CHECK_INT(gguf_open(&g, from.s, &e), SLM_OK);
    CHECK_INT(gguf_writer_create(&w, g, &e), SLM_OK);
    gguf_writer_set_u32(w, "k.4", 77);                 /* of the same kind, */
    gguf_writer_set_str(w, "k.0", STR("now a text"));  /* of another, */
    gguf_writer_set_u32(w, "k.new", 1);                /* new */
    gguf_writer_remove(w, "k.1");
    gguf_writer_remove(w, "not there");
    gguf_kv list = *gguf_kv_find(g, "list.str");
    list.key = STR("list.again");
    gguf_writer_set(w, &list);
    gguf_writer_tensor(w, &(gguf_tensor_info){STR("t"), TYPE_F32, 1, {2, 1, 1, 1}, 8});
    const size_t n = gguf_n_kv(g);
    CHECK_INT(gguf_writer_begin(w, to.s, &(gguf_write_options){0}, &e), SLM_OK);
    gguf_close(g);
    CHECK_INT(gguf_writer_put(w, (float[]){1, 2}, 8, &e), SLM_OK);
    CHECK_INT(gguf_writer_end(w, &e), SLM_OK);
    gguf_writer_free(w);
    CHECK_STR(str_of(e.text), STR(""));
    CHECK_INT(gguf_open(&g, to.s, &e), SLM_OK);
    if (test_failed()) return;
    CHECK_INT(gguf_n_kv(g), n + 1);
    CHECK_STR(gguf_kv_at(g, 0)->key, STR("k.0"));
    CHECK_STR(gguf_kv_at(g, 1)->key, STR("k.2"));
    CHECK_STR(gguf_kv_at(g, n)->key, STR("list.again"));
    CHECK_INT(gguf_str(g, "k.0", &s, &e), SLM_OK);
    CHECK_STR(s, STR("now a text"));
    CHECK_INT(gguf_uint(g, "k.4", 0, 100, &u, &e), SLM_OK);
    CHECK_INT(u, 77);
    gguf_strings it = gguf_strings_of(gguf_kv_find(g, "list.again"));
    CHECK(gguf_next_str(&it, &s) && gguf_next_str(&it, &s) && gguf_next_str(&it, &s));
    CHECK_STR(s, STR("a\0b"));
    CHECK_SAME(gguf_find(g, "t")->data, ((float[]){1, 2}), 8, "its tensor");
    gguf_close(g);
}

/* ---- what may go wrong --------------------------------------------------------------- */

static bool stop_at_half(void *ud, uint64_t done, uint64_t total) {
    (void)ud;
    return done < total / 2;
}

static void refuse_write(const char *from, const char *to, const gguf_write_options *o, slm_status code, const char *text) {
    slm_error e = {0};
    CHECK_INT(rewrite(from, to, o, 1000, &e), code);
    CHECK_TEXT(e.text, text);
    CHECK_INT(n_left(), 0);
}

static void keeps_the_old_file(void) {
    const path from = tmp("from.gguf"), to = tmp("to.gguf"), old = tmp("old"), soft = tmp("soft"), hard = tmp("hard");
    mk         m = all_kinds(3, 0, true);
    char       cwd[300];
    mk_tensor(&m, "large", TYPE_F32, 2, (uint64_t[]){1024, 64}, NULL);
    save(&m, from.s);
    m = all_kinds(2, 0, true);
    save(&m, old.s);
    m = all_kinds(2, 0, true);
    save(&m, to.s);
    CHECK(!symlink(from.s, soft.s) && !link(from.s, hard.s));
    refuse_write(from.s, from.s, &(gguf_write_options){.input = from.s}, SLM_ERR_ARGUMENT, "is the input itself");
    refuse_write(from.s, soft.s, &(gguf_write_options){.input = from.s}, SLM_ERR_ARGUMENT, "is the input itself");
    refuse_write(from.s, hard.s, &(gguf_write_options){.input = from.s}, SLM_ERR_ARGUMENT, "is the input itself");
    refuse_write(from.s, test_tmp(), &(gguf_write_options){0}, SLM_ERR_IO, "is a directory, not a file");
    refuse_write(from.s, "/dev/null", &(gguf_write_options){0}, SLM_ERR_IO, "is a device or pipe, not a file");
    refuse_write(from.s, "/no/such/folder/x", &(gguf_write_options){0}, SLM_ERR_IO, "/no/such/folder/x: cannot write: No such file");
    refuse_write(from.s, to.s, &(gguf_write_options){.progress = stop_at_half}, SLM_ERR_IO, "stopped before it was whole");
    /* A write that comes up short: the file may not grow beyond half of its length. */
    struct rlimit was, less;
    CHECK(!getrlimit(RLIMIT_FSIZE, &was));
    less = was;
    less.rlim_cur = 100000;
    void (*signal_was)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK(!setrlimit(RLIMIT_FSIZE, &less));
    refuse_write(from.s, to.s, &(gguf_write_options){0}, SLM_ERR_IO, "cannot write: File too large");
    CHECK(!setrlimit(RLIMIT_FSIZE, &was));
    signal(SIGXFSZ, signal_was);
    check_same_files(to.s, old.s, "the old target");
    /* A link stays a link; a name without a folder is one in this folder. */
    slm_error e = {0};
    CHECK_INT(rewrite(old.s, soft.s, &(gguf_write_options){.input = old.s}, 1000, &e), SLM_OK);
    check_same_files(from.s, old.s, "what the link names");
    struct stat s;
    CHECK(!lstat(soft.s, &s) && S_ISLNK(s.st_mode));
    CHECK(getcwd(cwd, sizeof cwd) && !chdir(test_tmp()));
    CHECK_INT(rewrite("old", "here.gguf", &(gguf_write_options){0}, 1000, &e), SLM_OK);
    CHECK(!chdir(cwd));
    CHECK_STR(str_of(e.text), STR(""));
}

/* A writer with one tensor of so many bytes. */
static gguf_writer *one_tensor(size_t bytes) {
    gguf_writer *w = NULL;
    CHECK_INT(gguf_writer_create(&w, NULL, NULL), SLM_OK);
    gguf_writer_tensor(w, &(gguf_tensor_info){STR("t"), TYPE_F32, 1, {bytes / 4, 1, 1, 1}, bytes});
    return w;
}

static void counts_what_it_is_given(void) {
    const path               to = tmp("new.gguf");
    const gguf_write_options o = {0};
    slm_error                e = {0};
    gguf_writer             *w = one_tensor(8);
    CHECK_INT(gguf_writer_begin(w, to.s, &o, &e), SLM_OK);
    CHECK_INT(gguf_writer_put(w, "1234567", 7, &e), SLM_OK);
    CHECK_INT(gguf_writer_end(w, &e), SLM_ERR_ARGUMENT);
    CHECK_TEXT(e.text, "1 bytes of its tensors were not given");
    gguf_writer_free(w);
    e = (slm_error){0};
    w = one_tensor(8);
    CHECK_INT(gguf_writer_begin(w, to.s, &o, &e), SLM_OK);
    CHECK_INT(gguf_writer_put(w, "123456789", 9, &e), SLM_ERR_ARGUMENT);
    CHECK_TEXT(e.text, "1 bytes more than its tensors have");
    gguf_writer_free(w);
    e = (slm_error){0};
    w = one_tensor(8);
    gguf_writer_set_u32(w, "general.alignment", 48);
    CHECK_INT(gguf_writer_begin(w, to.s, &o, &e), SLM_ERR_FORMAT);
    gguf_writer_free(w);
    if (SIZE_MAX > UINT32_MAX) { /* 32 bits name no size that a disk has not */
        e = (slm_error){0};
        w = one_tensor(SIZE_MAX / 16 + 1);
        CHECK_INT(gguf_writer_begin(w, to.s, &o, &e), SLM_ERR_IO);
        CHECK_TEXT(e.text, "needs 1152921504606847040 bytes of disk space, has ");
        gguf_writer_free(w);
        e = (slm_error){0};
        w = one_tensor(SIZE_MAX - 3);
        CHECK_INT(gguf_writer_begin(w, to.s, &o, &e), SLM_ERR_FORMAT);
        gguf_writer_free(w);
    }
    CHECK(access(to.s, F_OK) && !n_left());
    gguf_writer_free(NULL);
}

/* ---- packed files ---------------------------------------------------------------------- */

static slm_status pack(const char *from, const char *to, bool unpack, slm_pack_result *r, slm_error *e) {
    return slm_pack_file(from, to, &(slm_pack_options){.unpack = unpack, .n_threads = 2}, r, e);
}

enum { N_IDS = 9 };

/* [N_IDS][n_vocab] logits, or NULL. */
static float *logits_of(const char *file, const char *isa, size_t *bytes) {
    slm_model         *m = NULL;
    slm_session       *s = NULL;
    slm_error          e = {0};
    slm_model_options  mo = {.path = file, .isa = isa};
    slm_session_options so = {.n_ctx = 64, .n_threads = 2, .n_batch = 7};
    slm_model_info     info;
    float             *out = NULL;
    if (!slm_model_open(&m, &mo, &e) && !slm_session_create(&s, m, &so, &e)) {
        slm_model_describe(m, &info);
        *bytes = (size_t)N_IDS * (size_t)info.n_vocab * sizeof *out;
        out = mem_zero(*bytes, 1);
        CHECK(out != NULL);
        for (int32_t i = 0; i < N_IDS && out && !slm_session_eval(s, i * 5 % info.n_vocab, &e); i++)
            memcpy(out + i * info.n_vocab, slm_session_logits(s), (size_t)info.n_vocab * sizeof *out);
    }
    CHECK_STR(str_of(e.text), STR(""));
    slm_session_free(s);
    slm_model_close(m);
    return out;
}

/* Packs a file, makes the original again, and runs both with every instruction set. */
static void check_packed(const char *from, const char *what, int least) {
    const path      to = tmp("packed.gguf"), back = tmp("back.gguf");
    slm_pack_result r = {0};
    slm_error       e = {0};
    size_t          n = 0;
    CHECK_INT(pack(from, to.s, false, &r, &e), SLM_OK);
    if (!e.code) CHECK_INT(pack(to.s, back.s, true, NULL, &e), SLM_OK);
    CHECK_STR(str_of(e.text), STR(""));
    if (e.code) return;
    if (r.n_changed < least) printf("    %s: %d tensors packed\n", what, r.n_changed);
    CHECK(r.n_changed >= least);
    check_same_files(back.s, from, what);
    gguf *g = NULL;
    CHECK_INT(gguf_open(&g, to.s, &e), SLM_OK);
    CHECK_INT(gguf_file_bytes(g), r.file_bytes);
    for (size_t i = 0; i < gguf_n_tensors(g); i++) CHECK(gguf_tensor_at(g, i)->offset % 64 == 0);
    gguf_close(g);
    for (int i = 0; slm_isa_name(i); i++) {
        float *want = logits_of(from, slm_isa_name(i), &n), *got = logits_of(to.s, slm_isa_name(i), &n);
        if (want && got) CHECK_SAME(got, want, n, what);
        mem_free(want);
        mem_free(got);
    }
}

static void packs_and_restores(void) {
    const path from = tmp("from.gguf");
    char       what[80];
    for (int i = 0; mkmodel_variants[i]; i++)
        for (uint32_t t = 0; t < TYPE_COUNT; t++) {
            /* Every format once, and every variant with one of each width. */
            if (!type_get(t) || !r8_has((type_id)t) || (strcmp(mkmodel_variants[i], "llama") != 0 && t != TYPE_Q4_0 && t != TYPE_Q6_K)) continue;
            const mkmodel_options o = mkmodel_defaults(mkmodel_variants[i], (type_id)t);
            CHECK(mkmodel_write(from.s, &o));
            snprintf(what, sizeof what, "%s %s", mkmodel_variants[i], type_name(t));
            check_packed(from.s, what, 4 * o.n_layer);
        }
}

/* Alignments below and above that of a packed file, with and without padding at the end. */
static void packs_any_alignment(void) {
    const path from = tmp("from.gguf");
    char       what[80];
    for (uint64_t align = 8; align <= 4096; align *= 8)
        for (int pads = 0; pads < 2; pads++) {
            mkmodel_options o = mkmodel_defaults("llama", TYPE_Q4_0);
            mk              plain, m = {.align = align, .pads_end = pads};
            gguf           *g = NULL;
            mkmodel(&plain, &o);
            CHECK_INT(gguf_open_memory(&g, plain.out.p, plain.out.n, "m", NULL), SLM_OK);
            mk_uint(&m, "general.alignment", GGUF_U32, align);
            for (size_t i = 0; i < gguf_n_kv(g); i++) {
                const gguf_kv *kv = gguf_kv_at(g, i);
                mk_raw(&m, kv->key, kv->is_array ? GGUF_ARRAY : kv->elem, kv->data - 12 * kv->is_array, kv->bytes + 12 * kv->is_array);
            }
            for (size_t i = 0; i < gguf_n_tensors(g); i++) {
                const gguf_tensor *t = gguf_tensor_at(g, i);
                char               name[80];
                snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
                mk_tensor(&m, name, t->type->id, t->n_dims, t->dim, t->data);
            }
            gguf_close(g);
            mk_free(&plain);
            save(&m, from.s);
            snprintf(what, sizeof what, "alignment %d, pads %d", (int)align, pads);
            check_packed(from.s, what, 8);
        }
}

static mkmodel_options fused_options(int kv_rows) {
    mkmodel_options o = mkmodel_defaults("phi3", TYPE_Q4_0);
    o.n_embd = 96;
    o.n_head = 96 / kv_rows;
    o.n_head_kv = 1;
    o.head_dim = kv_rows;
    return o;
}

/* Fused q, k and v of 96, 12 and 12 rows: v does not begin with a group of 8, so that the tensor stays
 * as it is; of 96, 24 and 24 rows it is packed. */
static void packs_fused_tensors_by_parts(void) {
    const path from = tmp("from.gguf"), to = tmp("packed.gguf");
    for (int rows = 12; rows <= 24; rows += 12) {
        mkmodel_options o = fused_options(rows);
        gguf           *g = NULL;
        CHECK(mkmodel_write(from.s, &o));
        check_packed(from.s, rows == 12 ? "parts of 12" : "parts of 24", 2);
        CHECK_INT(gguf_open(&g, to.s, NULL), SLM_OK);
        const gguf_tensor *t = g ? gguf_find(g, "blk.0.attn_qkv.weight") : NULL;
        CHECK(t && t->packed == (rows == 24));
        gguf_close(g);
    }
    /* Every matrix called packed, also those that no slm would pack. */
    const mkmodel_options o = fused_options(12);
    gguf                 *g = NULL;
    gguf_writer          *w = NULL;
    slm_error             e = {0};
    slm_model            *model = NULL;
    slm_model_options     mo = {.path = to.s};
    CHECK(mkmodel_write(from.s, &o));
    CHECK(!gguf_open(&g, from.s, &e) && !gguf_writer_create(&w, g, &e));
    gguf_writer_set_u32(w, R8_FILE_KEY, R8_FILE_VERSION);
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        const uint32_t     packed = t->type->id == TYPE_Q4_0 ? R8_FILE_TYPE : 0;
        gguf_writer_tensor(w, &(gguf_tensor_info){t->name, packed + (uint32_t)t->type->id, t->n_dims, {t->dim[0], t->dim[1], t->dim[2], t->dim[3]}, t->bytes});
    }
    CHECK(!gguf_writer_begin(w, to.s, &(gguf_write_options){0}, &e) && !put_data(w, g, 4096, &e) && !gguf_writer_end(w, &e));
    gguf_writer_free(w);
    gguf_close(g);
    CHECK_INT(slm_model_open(&model, &mo, &e), SLM_ERR_FORMAT);
    CHECK_TEXT(e.text, "attn_qkv.weight is packed, but a part of it ends at row 12");
    slm_model_close(model);
}

static void refuse_pack(mk *m, bool unpack, slm_status code, const char *text) {
    const path from = tmp("from.gguf"), to = tmp("refused.gguf");
    slm_error  e = {0};
    CHECK(mk_save(m, from.s));
    mk_free(m);
    CHECK_INT(pack(from.s, to.s, unpack, NULL, &e), code);
    CHECK_TEXT(e.text, text);
    CHECK(access(to.s, F_OK) && !n_left());
}

/* What could not be restored is not packed. */
static void refuses_what_it_cannot_restore(void) {
    mkmodel_options o = mkmodel_defaults("llama", TYPE_Q4_0);
    mk              m;
    o.n_embd = 32; /* an odd number of rows of 18 bytes ends between two multiples of 32 */
    o.n_head = 2;
    o.n_head_kv = 1;
    mkmodel(&m, &o);
    strbuf_str(&m.out, STR("more"));
    refuse_pack(&m, false, SLM_ERR_UNSUPPORTED, "4 bytes follow the last tensor, so that the original could not be restored");
    mkmodel(&m, &o);
    const size_t at = mk_at(&m, "blk.0.attn_norm.weight", MK_DATA);
    CHECK(m.out.p[at - 1] == 0 && m.out.p[at - 8] == 0);
    m.out.p[at - 1] = 1;
    refuse_pack(&m, false, SLM_ERR_UNSUPPORTED, "does not follow the one before it in the usual way");
    mkmodel(&m, &o);
    refuse_pack(&m, true, SLM_ERR_UNSUPPORTED, "is not packed");
    mkmodel(&m, &o);
    mk_u32(&m, R8_FILE_KEY, R8_FILE_VERSION);
    mk_finish(&m);
    refuse_pack(&m, false, SLM_ERR_UNSUPPORTED, "is packed already");
}

/* ---- what a packed file must not be ------------------------------------------------------ */

typedef struct {
    uint32_t    type;    /* poked over that of a Q4_0 tensor */
    int         n_dims;
    uint64_t    dim[3];
    uint32_t    version; /* 0: no key */
    slm_status  code;
    const char *text;
} packed_fault;

static void refuses_packed_faults(void) {
    static const packed_fault faults[] = {
        {R8_FILE_TYPE + TYPE_Q4_0, 2, {32, 8}, R8_FILE_VERSION, SLM_OK, ""},
        {R8_FILE_TYPE + TYPE_Q4_0, 2, {64, 13}, R8_FILE_VERSION, SLM_OK, ""},
        {R8_FILE_TYPE + TYPE_Q4_0, 2, {32, 8}, 0, SLM_ERR_FORMAT, "tensor t: is packed, but the key slm.pack.version is missing"},
        {R8_FILE_TYPE + TYPE_Q4_0, 2, {32, 8}, R8_FILE_VERSION - 1, SLM_ERR_UNSUPPORTED, "is packed in version 1, and this slm reads version 2"},
        {R8_FILE_TYPE + TYPE_Q4_0, 2, {32, 8}, R8_FILE_VERSION + 1, SLM_ERR_UNSUPPORTED, "is packed in version 3, and this slm reads version 2"},
        {R8_FILE_TYPE + TYPE_Q4_0, 2, {32, 7}, R8_FILE_VERSION, SLM_ERR_FORMAT, "tensor t: is packed, which needs two dimensions and 8 rows"},
        {R8_FILE_TYPE + TYPE_Q4_0, 1, {32}, R8_FILE_VERSION, SLM_ERR_FORMAT, "tensor t: is packed, which needs two dimensions and 8 rows"},
        {R8_FILE_TYPE + TYPE_Q4_0, 3, {32, 8, 2}, R8_FILE_VERSION, SLM_ERR_FORMAT, "tensor t: is packed, which needs two dimensions and 8 rows"},
        {R8_FILE_TYPE + TYPE_Q4_K, 2, {32, 8}, R8_FILE_VERSION, SLM_ERR_FORMAT, "tensor t: rows of 32 are not whole Q4_K blocks of 256"},
        {R8_FILE_TYPE + TYPE_Q8_0, 2, {32, 8}, R8_FILE_VERSION, SLM_ERR_FORMAT, "file is cut"},
        {R8_FILE_TYPE + 4, 2, {32, 8}, R8_FILE_VERSION, SLM_ERR_UNSUPPORTED, "type unknown (1916272644) is not supported"},
        {R8_FILE_TYPE + 0xffff, 2, {32, 8}, R8_FILE_VERSION, SLM_ERR_UNSUPPORTED, "is not supported"},
        {0x72390000u + TYPE_Q4_0, 2, {32, 8}, R8_FILE_VERSION, SLM_ERR_UNSUPPORTED, "is not supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        const packed_fault *f = &faults[i];
        mk                  m = {0};
        gguf               *g = NULL;
        slm_error           e = {0};
        if (f->version) mk_u32(&m, R8_FILE_KEY, f->version);
        mk_tensor(&m, "t", TYPE_Q4_0, f->n_dims, f->dim, NULL);
        mk_finish(&m);
        mk_poke(&m, "t", MK_TYPE, f->type);
        CHECK_INT(gguf_open_memory(&g, m.out.p, m.out.n, "m.gguf", &e), f->code);
        CHECK_TEXT(e.text, f->text);
        if (!f->code) CHECK(g && gguf_tensor_at(g, 0)->packed && gguf_tensor_at(g, 0)->type->id == TYPE_Q4_0);
        gguf_close(g);
        mk_free(&m);
    }
    mk        m = {0}; /* the key of another kind, and dimensions whose product overflows */
    slm_error e = {0};
    gguf     *g = NULL;
    mk_f32(&m, R8_FILE_KEY, 1);
    mk_finish(&m);
    CHECK_INT(gguf_open_memory(&g, m.out.p, m.out.n, "m.gguf", &e), SLM_ERR_FORMAT);
    CHECK_TEXT(e.text, "slm.pack.version is of kind f32, not an integer");
    mk_free(&m);
    e = (slm_error){0};
    mk_u32(&m, R8_FILE_KEY, R8_FILE_VERSION);
    mk_tensor(&m, "t", TYPE_Q4_0, 2, (uint64_t[]){32, 8}, NULL);
    mk_finish(&m);
    mk_poke(&m, "t", MK_TYPE, R8_FILE_TYPE + TYPE_Q4_0);
    mk_poke(&m, "t", MK_DIM, 2147483616);
    mk_poke(&m, "t", MK_DIM1, 2147483647);
    CHECK_INT(gguf_open_memory(&g, m.out.p, m.out.n, "m.gguf", &e), SLM_ERR_FORMAT);
    CHECK_TEXT(e.text, "more than 2^48 elements");
    mk_free(&m);
}

const test_case tests_write[] = {
    {"rewrites_the_same_bytes", "a file written again is the same: every kind, alignment, version, padding", rewrites_the_same_bytes},
    {"rewrites_models_of_others", "so are the oracle's and the trained models", rewrites_models_of_others},
    {"edits_keys_in_their_place", "keys are replaced, added and removed; the others keep order and bytes", edits_keys_in_their_place},
    {"keeps_the_old_file", "the target is old or new whatever fails, and no temporary file stays", keeps_the_old_file},
    {"counts_what_it_is_given", "too little, too much, no room on the disk, no such alignment", counts_what_it_is_given},
    {"packs_and_restores", "a packed file gives the same bits everywhere and the original's bytes back", packs_and_restores},
    {"packs_any_alignment", "also where the original is aligned to 8 or 4096, padded or not", packs_any_alignment},
    {"packs_fused_tensors_by_parts", "fused tensors only where each part begins with a group of 8 rows", packs_fused_tensors_by_parts},
    {"refuses_what_it_cannot_restore", "unusual layouts, nothing to pack, packed already, not packed", refuses_what_it_cannot_restore},
    {"refuses_packed_faults", "packed types on what cannot be packed, other versions", refuses_packed_faults},
    {0},
};
