/* test_gguf.c - the reader: what it gives back, and what it refuses with which sentence. */
#include "../src/limits.h"
#include "mkmodel.h"
#include "test.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Opens a copy that ends where its allocation ends, so that ASan sees a read of one byte more. */
static slm_error open_copy(const void *p, size_t n, gguf **out, void **copy) {
    slm_error err = {0};
    *out = NULL;
    *copy = mem_zero(n, 1);
    CHECK(*copy != NULL);
    memcpy(*copy, p, n);
    gguf_open_memory(out, *copy, n, "m.gguf", &err);
    return err;
}

static slm_error refusal(const void *p, size_t n) {
    gguf     *g;
    void     *copy;
    slm_error err = open_copy(p, n, &g, &copy);
    gguf_close(g);
    mem_free(copy);
    return err;
}

/* One key of each kind, three tensors. */
static mk tiny(void) {
    static const uint8_t nested[] = {
        9, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,              /* two arrays:          */
        0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7,           /* of a u8              */
        8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 'x', /* of a str */
    };
    mk m = {.seed = 3};
    mk_str(&m, "general.architecture", "llama");
    mk_u32(&m, "general.alignment", 32);
    mk_uint(&m, "k.u8", GGUF_U8, 200);
    mk_uint(&m, "k.i8", GGUF_I8, (uint64_t)-3);
    mk_uint(&m, "k.u16", GGUF_U16, 50000);
    mk_uint(&m, "k.i16", GGUF_I16, (uint64_t)-300);
    mk_uint(&m, "k.u32", GGUF_U32, 4294967295u);
    mk_uint(&m, "k.i32", GGUF_I32, (uint64_t)-70000);
    mk_uint(&m, "k.u64", GGUF_U64, UINT64_MAX);
    mk_uint(&m, "k.i64", GGUF_I64, (uint64_t)-5);
    mk_f32(&m, "k.f32", 1.5f);
    mk_f64(&m, "k.f64", -0.25);
    mk_bool(&m, "k.bool", true);
    mk_str(&m, "k.empty", "");
    mk_i32s(&m, "list.i32", (int32_t[]){1, -2, 3}, 3);
    mk_f32s(&m, "list.f32", (float[]){0.5f, -4}, 2);
    mk_strs(&m, "list.str", (str[]){STR("one"), STR(""), STR("a\0b")}, 3);
    mk_strs(&m, "list.none", NULL, 0);
    mk_raw(&m, STR("list.nested"), GGUF_ARRAY, nested, sizeof nested);
    mk_tensor(&m, "a.weight", TYPE_F32, 2, (uint64_t[]){4, 2},
              (float[]){1, 2, 3, 4, 5, 6, 7, 8});
    mk_tensor(&m, "b.weight", TYPE_Q4_0, 3, (uint64_t[]){32, 3, 2}, NULL);
    mk_tensor(&m, "c.weight", TYPE_F16, 1, (uint64_t[]){5}, NULL);
    mk_finish(&m);
    return m;
}

/* ---- reading back -------------------------------------------------------- */

static void check_tiny(const gguf *g, const mk *m) {
    str      s;
    uint64_t u;
    float    f;
    bool     b = false;
    CHECK_INT(gguf_n_kv(g), 19);
    CHECK_INT(gguf_n_tensors(g), 3);
    CHECK_INT(gguf_file_bytes(g), m->out.n);
    CHECK_STR(str_of(gguf_name(g)), STR("m.gguf"));
    CHECK_STR(gguf_kv_at(g, 0)->key, STR("general.architecture"));
    CHECK(!gguf_kv_at(g, 19) && !gguf_tensor_at(g, 3));
    CHECK(!gguf_kv_find(g, "k.u9") && !gguf_kv_find(g, "") && !gguf_find(g, "a.weigh"));
    CHECK_INT(gguf_str(g, "general.architecture", &s, NULL), SLM_OK);
    CHECK_STR(s, STR("llama"));
    CHECK_INT(gguf_str(g, "k.empty", &s, NULL), SLM_OK);
    CHECK_INT(s.n, 0);

    static const struct {
        const char *key;
        gguf_kind   kind;
        int64_t     want;
    } ints[] = {{"k.u8", GGUF_U8, 200},       {"k.i8", GGUF_I8, -3},
                {"k.u16", GGUF_U16, 50000},   {"k.i16", GGUF_I16, -300},
                {"k.u32", GGUF_U32, 4294967295}, {"k.i32", GGUF_I32, -70000},
                {"k.u64", GGUF_U64, -1},      {"k.i64", GGUF_I64, -5},
                {"k.bool", GGUF_BOOL, 1},     {"k.f32", GGUF_F32, 1}};
    for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
        const gguf_kv *kv = gguf_kv_find(g, ints[i].key);
        CHECK(kv && kv->elem == ints[i].kind && !kv->is_array && kv->n == 1);
        if (kv) CHECK_INT(gguf_kv_uint(kv, 0), ints[i].want);
    }
    CHECK(gguf_kv_float(gguf_kv_find(g, "k.i16"), 0) == -300);
    CHECK(gguf_kv_float(gguf_kv_find(g, "k.u64"), 0) == 0x1p64);
    CHECK(gguf_kv_uint(gguf_kv_find(g, "k.empty"), 0) == 0);
    CHECK_INT(gguf_uint(g, "k.u32", 0, UINT32_MAX, &u, NULL), SLM_OK);
    CHECK_INT(u, UINT32_MAX);
    CHECK_INT(gguf_float(g, "k.f32", 0, 2, &f, NULL), SLM_OK);
    CHECK(f == 1.5f);
    CHECK_INT(gguf_float(g, "k.f64", -1, 2, &f, NULL), SLM_OK);
    CHECK(f == -0.25f);
    CHECK_INT(gguf_bool(g, "k.bool", &b, NULL), SLM_OK);
    CHECK(b);

    const gguf_kv *list = gguf_kv_find(g, "list.i32");
    CHECK(list && list->is_array && list->n == 3 && list->bytes == 12);
    CHECK_INT((int64_t)gguf_kv_uint(list, 1), -2);
    CHECK(gguf_kv_float(gguf_kv_find(g, "list.f32"), 1) == -4);
    static const str want[] = {{"one", 3}, {"", 0}, {"a\0b", 3}};
    gguf_strings     it = gguf_strings_of(gguf_kv_find(g, "list.str"));
    for (int i = 0; i < 3; i++) {
        CHECK(gguf_next_str(&it, &s));
        CHECK_STR(s, want[i]);
    }
    CHECK(!gguf_next_str(&it, &s));
    it = gguf_strings_of(list);
    CHECK(!gguf_next_str(&it, &s));
    CHECK_INT(gguf_kv_find(g, "list.none")->n, 0);
    list = gguf_kv_find(g, "list.nested");
    CHECK(list->elem == GGUF_ARRAY && list->n == 2 && list->bytes == 13 + 21);

    const gguf_tensor *t = gguf_find(g, "a.weight");
    CHECK(t && t == gguf_tensor_at(g, 0) && t->type->id == TYPE_F32 && t->n_dims == 2);
    CHECK(t->dim[0] == 4 && t->dim[1] == 2 && t->dim[2] == 1 && t->dim[3] == 1 && t->bytes == 32);
    CHECK_INT(t->offset, mk_at(m, "a.weight", MK_DATA));
    CHECK_SAME(t->data, ((float[]){1, 2, 3, 4, 5, 6, 7, 8}), 32, "data of a.weight");
    t = gguf_find(g, "b.weight");
    CHECK(t && t->type->id == TYPE_Q4_0 && t->n_dims == 3 && t->bytes == 18 * 6);
    CHECK_SAME(t->data, m->out.p + mk_at(m, "b.weight", MK_DATA), t->bytes, "data of b.weight");
}

static void reads_back(void) {
    for (uint32_t version = 2; version <= 3; version++) {
        mk        m = tiny();
        gguf     *g;
        void     *copy;
        mk_poke(&m, "", MK_VERSION, version);
        slm_error err = open_copy(m.out.p, m.out.n, &g, &copy);
        CHECK_STR(str_of(err.text), STR(""));
        if (g) check_tiny(g, &m);
        gguf_close(g);
        mem_free(copy);
        mk_free(&m);
    }
}

static void opens_from_disk(void) {
    char path[300];
    snprintf(path, sizeof path, "%s/tiny.gguf", test_tmp());
    mk        m = tiny();
    gguf     *g = NULL;
    slm_error err = {0};
    CHECK(mk_save(&m, path));
    CHECK_INT(gguf_open(&g, path, &err), SLM_OK);
    if (g) CHECK_STR(str_of(gguf_name(g)), str_of(path));
    gguf_close(g);
    CHECK_INT(gguf_open(&g, "/no/such.gguf", &err), SLM_ERR_IO);
    CHECK_TEXT(err.text, "/no/such.gguf: cannot open");
    mk_free(&m);
}

static void opens_made_models(void) {
    for (const char *const *v = mkmodel_variants; *v; v++)
        for (uint32_t id = 0; id < TYPE_COUNT; id++) {
            if (!type_get(id)) continue;
            mkmodel_options o = mkmodel_defaults(*v, (type_id)id);
            mk              m;
            gguf           *g = NULL;
            slm_error       err = {0};
            mkmodel(&m, &o);
            gguf_open_memory(&g, m.out.p, m.out.n, *v, &err);
            CHECK_STR(str_of(err.text), STR(""));
            /* Weights of any type are finite and of the intended size. */
            const gguf_tensor *t = g ? gguf_find(g, "blk.0.attn_output.weight") : NULL;
            CHECK(t && t->type->id == id);
            if (t) {
                float  row[1024];
                double sum = 0;
                size_t bytes = (size_t)(t->bytes / t->dim[1]);
                for (size_t r = 0; r < t->dim[1]; r++) {
                    t->type->to_f32(row, t->data + r * bytes, (int64_t)t->dim[0]);
                    for (size_t i = 0; i < t->dim[0]; i++) sum += (double)row[i] * (double)row[i];
                }
                sum /= (double)t->dim[1];
                if (!(sum > 0.7 && sum < 1.5)) printf("    %s %s: %g\n", *v, t->type->name, sum);
                CHECK(sum > 0.7 && sum < 1.5);
            }
            gguf_close(g);
            mk_free(&m);
        }
}

/* ---- what real files do and must be accepted for --------------------------- */

static void accepts_what_real_files_do(void) {
    mk   m = {.version = 2};
    char long_key[GGUF_MAX_KEY + 1], long_name[GGUF_MAX_NAME + 1];
    memset(long_key, 'k', sizeof long_key);
    memset(long_name, 'n', sizeof long_name);
    long_name[GGUF_MAX_NAME] = 0;
    mk_u32(&m, "tokenizer.ggml.padding_token_id", UINT32_MAX); /* meaning none */
    mk_raw(&m, (str){long_key, GGUF_MAX_KEY}, GGUF_U8, "\1", 1);
    mk_raw(&m, STR("caf\xc3\xa9 \xe6\xa8\xa1"), GGUF_BOOL, "\1", 1);
    mk_uint(&m, "split.count", GGUF_U16, 1); /* a split of one is whole */
    mk_uint(&m, "general.alignment", GGUF_U32, 8);
    m.align = 8;
    mk_tensor(&m, long_name, TYPE_BF16, 1, (uint64_t[]){3}, NULL);
    mk_tensor(&m, "x", TYPE_F32, 4, (uint64_t[]){1, 1, 1, 1}, NULL); /* not padded at the end */
    mk_finish(&m);
    slm_error err = refusal(m.out.p, m.out.n);
    CHECK_STR(str_of(err.text), STR(""));
    strbuf_str(&m.out, STR("trailing bytes"));
    err = refusal(m.out.p, m.out.n);
    CHECK_STR(str_of(err.text), STR(""));
    mk_free(&m);

    m = (mk){0}; /* nothing at all; a gap between tensors; tensors out of order */
    mk_finish(&m);
    CHECK_INT(refusal(m.out.p, m.out.n).code, SLM_OK);
    mk_free(&m);
    m = tiny();
    uint64_t b = mk_at(&m, "b.weight", MK_DATA) - mk_at(&m, "a.weight", MK_DATA);
    mk_poke(&m, "a.weight", MK_OFFSET, b + 128);
    mk_poke(&m, "c.weight", MK_OFFSET, 0);
    for (int i = 0; i < 64; i++) strbuf_char(&m.out, 0);
    CHECK_STR(str_of(refusal(m.out.p, m.out.n).text), STR(""));
    mk_free(&m);
}

/* ---- faults by one poke ---------------------------------------------------- */

/* What says no first: on 32 bits it is the address. */
#if SIZE_MAX > UINT32_MAX
#define BITS_64_32(wide, narrow) wide
#else
#define BITS_64_32(wide, narrow) narrow
#endif

static void poke_faults(void) {
    static const struct {
        const char *name;
        mk_part     part;
        uint64_t    value;
        slm_status  code;
        const char *text;
    } faults[] = {
#define FORMAT SLM_ERR_FORMAT
#define UNSUP  SLM_ERR_UNSUPPORTED
        {"", MK_MAGIC, 0x46554748, FORMAT, "m.gguf: not a GGUF file: starts with 48 47 55 46"},
        {"", MK_VERSION, 0, UNSUP, "GGUF version 0 is not supported (2 and 3 are)"},
        {"", MK_VERSION, 1, UNSUP, "GGUF version 1 is not supported (2 and 3 are); convert"},
        {"", MK_VERSION, 4, UNSUP, "GGUF version 4 is not supported"},
        {"", MK_VERSION, UINT32_MAX, UNSUP, "GGUF version 4294967295 is not supported"},
        {"", MK_VERSION, 0x03000000, UNSUP, "big-endian GGUF"},
        {"", MK_N_KV, UINT64_MAX, FORMAT, "keys: a count of 18446744073709551615 is more"},
        {"", MK_N_KV, 1u << 30, FORMAT, "file is cut: needs at least 13958643736 bytes"},
        {"", MK_N_KV, 20, FORMAT, "tensor 1 of 3: a string of"},
        {"", MK_N_KV, 0, FORMAT, "tensor general.architecture: 8 dimensions, not 1 to 4"},
        {"", MK_N_TENSORS, UINT64_MAX, FORMAT, "tensors: a count of 18446744073709551615 is"},
        {"", MK_N_TENSORS, 1u << 30, FORMAT, "(the header's number of tensors)"},
        {"", MK_N_TENSORS, 4, FORMAT, "tensor 4 of 4: its name is empty"},
        {"k.u8", MK_NAME_LEN, 0, FORMAT, "key 3 of 19: its name is empty"},
        {"k.u8", MK_NAME_LEN, 65536, FORMAT, "key 3 of 19: a string of 65536 bytes, the limit is 65535"},
        {"k.u8", MK_NAME_LEN, 60000, FORMAT, "file is cut: needs at least 60"},
        {"k.u8", MK_NAME_LEN, UINT64_MAX, FORMAT, "the limit is 65535"},
        {"k.u8", MK_NAME, 0, FORMAT, "key 3 of 19: its name is not printable"},
        {"k.u8", MK_NAME, '\n', FORMAT, "key 3 of 19: its name is not printable"},
        {"k.u8", MK_NAME, 0x7f, FORMAT, "key 3 of 19: its name is not printable"},
        {"k.u8", MK_NAME, 0xff, FORMAT, "key 3 of 19: its name is not printable"},
        {"k.u8", MK_KIND, 13, FORMAT, "key k.u8: value kind 13 is unknown (0 to 12"},
        {"k.u8", MK_KIND, UINT32_MAX, FORMAT, "key k.u8: value kind 4294967295 is unknown"},
        {"k.u8", MK_KIND, GGUF_STR, FORMAT, "(key k.u8)"},
        {"k.empty", MK_COUNT, GGUF_MAX_STRING + 1, FORMAT, "k.empty: a string of 67108865 bytes, the limit"},
        {"k.empty", MK_COUNT, GGUF_MAX_STRING, FORMAT, "file is cut: needs at least 671"},
        {"k.empty", MK_COUNT, UINT64_MAX, FORMAT, "k.empty: a string of 18446744073709551615 bytes"},
        {"k.f64", MK_KIND, GGUF_F32, FORMAT, "key 13 of 19"},
        {"k.empty", MK_KIND, GGUF_ARRAY, FORMAT, "(key k.empty)"},
        {"list.i32", MK_ELEM, 13, FORMAT, "key list.i32: value kind 13 is unknown"},
        {"list.i32", MK_ELEM, GGUF_ARRAY, FORMAT, "(key list.i32)"},
        {"list.i32", MK_COUNT, 100000, FORMAT, "file is cut: needs at least 400"},
        {"list.i32", MK_COUNT, (uint64_t)1 << 62, FORMAT, "list.i32: a count of 4611686018427387904 is more"},
        {"list.i32", MK_COUNT, UINT64_MAX, FORMAT, "list.i32: a count of 18446744073709551615 is more"},
        {"list.str", MK_COUNT, UINT64_MAX / 8, FORMAT, "list.str: a count of"},
        {"list.str", MK_COUNT, 50, FORMAT, "list.str"},
        {"list.str", MK_VALUE, 100000, FORMAT, "file is cut: needs at least 100"},
        {"list.str", MK_VALUE, UINT64_MAX, FORMAT, "list.str: a string of 18446744073709551615 bytes"},
        {"list.nested", MK_VALUE, 77, FORMAT, "list.nested: value kind 77 is unknown"},
        {"general.alignment", MK_VALUE, 0, FORMAT, "general.alignment is 0, not in 8 to 65536"},
        {"general.alignment", MK_VALUE, 4, FORMAT, "general.alignment is 4, not in 8 to 65536"},
        {"general.alignment", MK_VALUE, 24, FORMAT, "general.alignment is 24, not a power of two"},
        {"general.alignment", MK_VALUE, 131072, FORMAT, "general.alignment is 131072, not in"},
        {"general.alignment", MK_VALUE, UINT32_MAX, FORMAT, "general.alignment is 4294967295, not in"},
        {"general.alignment", MK_KIND, GGUF_F32, FORMAT, "general.alignment is of kind f32, not an integer"},
        {"general.alignment", MK_VALUE, 64, FORMAT, "b.weight: offset 32 is not a multiple of 64"},
        {"a.weight", MK_NAME_LEN, 0, FORMAT, "tensor 1 of 3: its name is empty"},
        {"a.weight", MK_NAME_LEN, 65, FORMAT, "tensor 1 of 3: a string of 65 bytes, the limit is 64"},
        {"a.weight", MK_NAME, '\t', FORMAT, "tensor 1 of 3: its name is not printable"},
        {"a.weight", MK_NAME, 'b', FORMAT, "tensor b.weight is there twice (entries 1 and 2)"},
        {"a.weight", MK_N_DIMS, 0, FORMAT, "tensor a.weight: 0 dimensions, not 1 to 4"},
        {"a.weight", MK_N_DIMS, 5, FORMAT, "tensor a.weight: 5 dimensions, not 1 to 4"},
        {"a.weight", MK_N_DIMS, UINT32_MAX, FORMAT, "4294967295 dimensions, not 1 to 4"},
        {"a.weight", MK_DIM, 0, FORMAT, "tensor a.weight: dimension 0 is 0, not 1 to 2147483647"},
        {"a.weight", MK_DIM1, 0, FORMAT, "tensor a.weight: dimension 1 is 0"},
        {"a.weight", MK_DIM, 1u << 31, FORMAT, "tensor a.weight: dimension 0 is 2147483648"},
        {"a.weight", MK_DIM1, UINT64_MAX, FORMAT, "dimension 1 is 18446744073709551615"},
        {"a.weight", MK_DIM, 12, FORMAT, "tensors a.weight and b.weight overlap at byte"},
        {"a.weight", MK_DIM, 4000, FORMAT, "file is cut: needs 32768 bytes, has 938 (tensor a.weight)"},
        {"a.weight", MK_TYPE, 4, UNSUP, "tensor a.weight: type "},
        {"a.weight", MK_TYPE, 16, UNSUP, "tensor a.weight: type IQ2_XXS (16) is not supported; these are: F32 F16"},
        {"a.weight", MK_TYPE, 24, UNSUP, "tensor a.weight: type I8 (24) is not supported"},
        {"a.weight", MK_TYPE, 99, UNSUP, "tensor a.weight: type unknown (99) is not supported"},
        {"a.weight", MK_TYPE, UINT32_MAX, UNSUP, "type unknown (4294967295) is not supported"},
        {"a.weight", MK_TYPE, TYPE_Q8_0, FORMAT, "tensor a.weight: rows of 4 are not whole Q8_0 blocks of 32"},
        {"b.weight", MK_DIM, 31, FORMAT, "tensor b.weight: rows of 31 are not whole Q4_0 blocks of 32"},
        {"b.weight", MK_DIM, 33, FORMAT, "tensor b.weight: rows of 33 are not whole"},
        {"b.weight", MK_TYPE, TYPE_Q6_K, FORMAT, "tensor b.weight: rows of 32 are not whole Q6_K blocks of 256"},
        {"b.weight", MK_DIM2, 1u << 30, FORMAT, BITS_64_32("file is cut: needs ", "more bytes than an address has")},
        {"b.weight", MK_OFFSET, 1, FORMAT, "tensor b.weight: offset 1 is not a multiple of 32"},
        {"b.weight", MK_OFFSET, 48, FORMAT, "tensor b.weight: offset 48 is not a multiple of 32"},
        {"b.weight", MK_OFFSET, 0, FORMAT, "weight overlap at byte"},
        {"c.weight", MK_OFFSET, 96, FORMAT, "tensors b.weight and c.weight overlap at byte"},
        {"c.weight", MK_OFFSET, (uint64_t)1 << 40, FORMAT, BITS_64_32("tensor c.weight: its 10 bytes at 109951", "is more than any file holds")},
        {"c.weight", MK_OFFSET, UINT64_MAX - 31, FORMAT, "c.weight: offset 18446744073709551584 is more"},
        {"b.weight", MK_OFFSET, UINT64_MAX - 799, FORMAT, "b.weight: offset 18446744073709550816 is more"},
        {"c.weight", MK_OFFSET, (uint64_t)1 << 63, FORMAT, "tensor c.weight: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        mk m = tiny();
        mk_poke(&m, faults[i].name, faults[i].part, faults[i].value);
        slm_error err = refusal(m.out.p, m.out.n);
        if (err.code != faults[i].code || !strstr(err.text, faults[i].text)) printf("    fault %zu\n", i);
        CHECK_INT(err.code, faults[i].code);
        CHECK_TEXT(err.text, faults[i].text);
        CHECK_TEXT(err.text, "m.gguf: ");
        mk_free(&m);
    }
}

/* ---- faults that take more than a poke ------------------------------------- */

static void check_refused(mk *m, slm_status code, const char *text) {
    mk_finish(m);
    slm_error err = refusal(m->out.p, m->out.n);
    CHECK_INT(err.code, code);
    CHECK_TEXT(err.text, text);
    mk_free(m);
}

static void refuses_twins_and_parts(void) {
    mk m = {0};
    mk_u32(&m, "a", 1);
    mk_u32(&m, "b", 1);
    mk_str(&m, "a", "again");
    check_refused(&m, FORMAT, "key a is there twice (entries 1 and 3)");
    mk_uint(&m, "split.no", GGUF_U16, 1);
    mk_uint(&m, "split.count", GGUF_U16, 3);
    check_refused(&m, UNSUP, "is part 2 of a model split into 3 files, which is not supported");
    mk_u32(&m, "general.alignment", 32);
    mk_str(&m, "split.no", "3");
    check_refused(&m, FORMAT, "split.no is of kind str, not an integer");
    mk_str(&m, "split.count", "3");
    check_refused(&m, FORMAT, "split.count is of kind str, not an integer");
    mk_uint(&m, "split.count", GGUF_I64, (uint64_t)-1);
    check_refused(&m, FORMAT, "split.count is -1, not in 0 to 18446744073709551615");
    char long_key[201] = {0};
    memset(long_key, 'k', 200);
    mk_raw(&m, str_of(long_key), 13, "", 0); /* of a long name 80 bytes are shown */
    check_refused(&m, FORMAT, "kkkk: value kind 13 is unknown");
    mk_uint(&m, "general.alignment", GGUF_I32, (uint64_t)-32);
    check_refused(&m, FORMAT, "general.alignment is -32, not in 8 to 65536");
    mk_i32s(&m, "general.alignment", (int32_t[]){32}, 1);
    check_refused(&m, FORMAT, "general.alignment is an array of i32, not an integer");
    mk_tensor(&m, "t", TYPE_F32, 3, (uint64_t[]){1, 1, 1}, NULL);
    mk_finish(&m);
    for (int i = 0; i < 3; i++) mk_poke(&m, "t", (mk_part)(MK_DIM + i), 65536); /* 2^48 */
    slm_error err = refusal(m.out.p, m.out.n);
    CHECK_TEXT(err.text, "tensor t: more than 2^48 elements");
    mk_poke(&m, "t", MK_DIM2, 65535); /* just below: an honest size, but not here */
    err = refusal(m.out.p, m.out.n);
    CHECK_TEXT(err.text, BITS_64_32("file is cut: needs 1125882726973", "more bytes than an address has"));
    mk_free(&m);
}

/* Names of one hash and several lengths, which a table of hashes alone would mix up. */
static void equal_hashes_are_told_apart(void) {
    static const char *const names[] = {"k1038369", "key1003241", "key1001869", "key1223525", "k1082419", "key1119225"};
    mk    m = {0};
    gguf *g;
    void *copy;
    for (uint32_t i = 0; i < ARRAY_LEN(names); i++) mk_u32(&m, names[i], i);
    mk_finish(&m);
    CHECK_STR(str_of(open_copy(m.out.p, m.out.n, &g, &copy).text), STR(""));
    for (uint32_t i = 0; i < ARRAY_LEN(names) && g; i++) {
        uint64_t v = 99;
        CHECK_INT(gguf_uint(g, names[i], 0, 9, &v, NULL), SLM_OK);
        CHECK_INT(v, i);
    }
    if (g) gguf_drop(g, copy, m.out.n); /* nothing: the bytes are not the file's */
    gguf_close(g);
    mem_free(copy);
    mk_free(&m);
}

/* Tensors whose sizes add up to more than an address: which of two sentences fits must not depend on a sum that wrapped. */
static void sizes_that_wrap(void) {
    enum { N = 16400 };
    strbuf b = {0};
    char   head[24] = "GGUF\3";
    head[8] = (char)(N & 0xff), head[9] = (char)(N >> 8);
    strbuf_put(&b, head, sizeof head);
    for (int i = 0; i < N; i++) {
        const uint8_t rest[32] = {2, 0, 0, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0}; /* 2 dims of 2^24 - 1, f32, offset 0 */
        char          name[16] = {6};
        snprintf(name + 8, 7, "%06d", i);
        strbuf_put(&b, name, 14);
        strbuf_put(&b, (const char *)rest, sizeof rest);
    }
    strbuf_put(&b, (char[32]){0}, 32);
    const slm_error err = refusal(b.p, b.n);
    CHECK_INT(err.code, FORMAT);
    CHECK_TEXT(err.text, BITS_64_32("file is cut: needs ", "more bytes than an address has"));
    strbuf_free(&b);
}

static void refuses_deep_arrays(void) {
    for (int depth = 1; depth <= 6; depth++) {
        mk      m = {0};
        strbuf  b = {0};
        for (int i = 1; i < depth; i++) strbuf_put(&b, "\11\0\0\0\1\0\0\0\0\0\0\0", 12);
        strbuf_put(&b, "\0\0\0\0\1\0\0\0\0\0\0\0\7", 13);
        mk_raw(&m, STR("deep"), GGUF_ARRAY, b.p, b.n);
        if (depth <= GGUF_MAX_NEST) {
            mk_finish(&m);
            CHECK_INT(refusal(m.out.p, m.out.n).code, SLM_OK);
            mk_free(&m);
        } else check_refused(&m, FORMAT, "key deep: arrays nested more than 4 deep");
        strbuf_free(&b);
    }
}

static void refuses_floods(void) {
    mk m = {0};
    mk_finish(&m);
    mk_poke(&m, "", MK_N_KV, GGUF_MAX_COUNT + 1);
    for (int i = 0; i < 30000; i++) strbuf_put(&m.out, (char[100]){0}, 100);
    slm_error err = refusal(m.out.p, m.out.n);
    CHECK_TEXT(err.text, "131073 keys and 0 tensors, the limit is 131072");
    mk_free(&m);
    mk_finish(&m);
    mk_poke(&m, "", MK_N_TENSORS, GGUF_MAX_COUNT + 1);
    for (int i = 0; i < 50000; i++) strbuf_put(&m.out, (char[100]){0}, 100);
    err = refusal(m.out.p, m.out.n);
    CHECK_TEXT(err.text, "0 keys and 131073 tensors, the limit is 131072");
    mk_free(&m);
    /* 2^14 tensors of nearly 2^50 bytes: their sum does not fit 64 bits. */
    m = (mk){0};
    for (int i = 0; i < 1 << 14; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%05d", i);
        mk_tensor(&m, name, TYPE_F32, 2, (uint64_t[]){1, 1}, NULL);
    }
    mk_finish(&m);
    size_t at = mk_at(&m, "t00000", MK_DIM), stride = mk_at(&m, "t00001", MK_DIM) - at;
    for (int i = 0; i < 1 << 14; i++, at += stride) {
        memcpy(m.out.p + at, "\0\0\0\100\0\0\0\0\377\377\3\0\0\0\0\0", 16);
    }
    err = refusal(m.out.p, m.out.n);
    CHECK_TEXT(err.text, BITS_64_32("file is cut: needs 112589561", "more bytes than an address has"));
    CHECK_TEXT(err.text, "tensor t00000");
    mk_free(&m);
    /* As many keys as are allowed, all different, then all but one: still quick. */
    for (int twin = 0; twin < 2; twin++) {
        for (uint32_t i = 0; i < GGUF_MAX_COUNT; i++) {
            char key[16];
            int  n = snprintf(key, sizeof key, "%x", twin && i == 77777 ? 5 : i);
            mk_raw(&m, (str){key, (size_t)n}, GGUF_U8, "", 1);
        }
        mk_finish(&m);
        double t0 = clock_ms();
        err = refusal(m.out.p, m.out.n);
        CHECK_QUICK(clock_ms() - t0, 1000);
        CHECK_STR(str_of(err.text),
                  str_of(twin ? "m.gguf: key 5 is there twice (entries 6 and 77778)" : ""));
        mk_free(&m);
    }
}

static void names_strangers(void) {
#define BYTES(s) s, sizeof s - 1
    static const struct {
        const char *p;
        size_t      n;
        const char *text;
    } files[] = {
        {BYTES("<!DOCTYPE html>\n<html>"), "is a web page (HTML"},
        {BYTES("\xef\xbb\xbf \r\n<HTML lang=en>"), "is a web page (HTML"},
        {BYTES("<?xml version=\"1.0\"?><Error><Code>AccessDenied"), "is a web page (HTML"},
        {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"), "is a Git LFS pointer"},
        {BYTES("\x40\0\0\0\0\0\0\0{\"a\":{}}"), "is a safetensors file"},
        {BYTES("<head><title>404"), "is a web page (HTML"},
        {BYTES("<!-- 404 -->"), "is a web page (HTML"},
        {BYTES("[1, 2]"), "is JSON text"},
        {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff{}"), "not a GGUF file"},
        {BYTES("PK\3\4aaaaaaaaaaaaaaaa"), "is a zip archive"},
        {BYTES("lmgg\1\0\0\0aaaaaaaaaaaaaaaaaaaa"), "is an old GGML model"},
        {BYTES("fmgg\1\0\0\0aaaaaaaaaaaaaaaaaaaa"), "is an old GGMF model"},
        {BYTES("tjgg\3\0\0\0aaaaaaaaaaaaaaaaaaaa"), "is an old GGJT model"},
        {BYTES("algg\1\0\0\0aaaaaaaaaaaaaaaaaaaa"), "is an old GGLA adapter"},
        {BYTES("FUGG\3\0\0\0aaaaaaaaaaaaaaaaaaaa"), "is a big-endian GGUF, not a little-endian GGUF file"},
        {BYTES("GGUF\0\0\0\3aaaaaaaaaaaaaaaaaaaa"), "is a big-endian GGUF"},
        {BYTES("{\"error\":\"Repository not found\"}"), "is JSON text"},
        {BYTES("\x1f\x8b\x08 gzip gzip"), "is gzip data"},
        {BYTES("\x28\xb5\x2f\xfd zstd zstd"), "is zstd data"},
        {BYTES("\x80\2}q\0X"), "is a Python pickle"},
        {BYTES("\x7f" "ELF\2\1\1"), "is a program"},
        {BYTES("\0\0\0\0\0\0\0\0\0\0"), "starts with zeros (an unfinished download?)"},
        {BYTES("Once upon a time"), "not a GGUF file: starts with 4f 6e 63 65"},
        {BYTES("gguf"), "not a GGUF file: starts with 67 67 75 66"},
        {BYTES("x"), "not a GGUF file: starts with 78 00 00 00"},
        {BYTES("<"), "not a GGUF file"},
        {BYTES(" \n"), "not a GGUF file"},
        {BYTES("G"), "file is cut: needs at least 24 bytes, has 1 (header)"},
        {BYTES("GGUF\3\0\0"), "file is cut: needs at least 24 bytes, has 7 (header)"},
        {BYTES(""), "m.gguf: file is empty"},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        slm_error err = refusal(files[i].p, files[i].n);
        CHECK(err.code == SLM_ERR_FORMAT || err.code == SLM_ERR_UNSUPPORTED);
        CHECK_TEXT(err.text, files[i].text);
    }
    /* The end of a long path is shown, and the reason survives. */
    char path[600];
    memset(path, 'p', sizeof path);
    strcpy(path + 580, "/end.gguf");
    slm_error err = {0};
    gguf     *g;
    CHECK_INT(gguf_open_memory(&g, "x", 1, path, &err), SLM_ERR_FORMAT);
    CHECK_TEXT(err.text, "pp/end.gguf: not a GGUF file");
    CHECK_INT(gguf_open_memory(&g, "x", 1, path, NULL), SLM_ERR_FORMAT);
    CHECK_INT(gguf_open_memory(&g, "PK\3\4", 4, path, &err), SLM_ERR_FORMAT);
    CHECK_TEXT(err.text, "starts with 78"); /* the first error stays */
    CHECK(memchr(err.text, 0, sizeof err.text) != NULL);
    mk   m = {0};
    char name[GGUF_MAX_NAME + 1] = {0};
    memset(name, 'n', GGUF_MAX_NAME);
    mk_tensor(&m, name, TYPE_F32, 1, (uint64_t[]){1}, NULL);
    mk_finish(&m);
    mk_poke(&m, name, MK_TYPE, 16);
    err = (slm_error){0};
    CHECK_INT(gguf_open_memory(&g, m.out.p, m.out.n, path, &err), SLM_ERR_UNSUPPORTED);
    CHECK_TEXT(err.text, "nnn: type IQ2_XXS (16) is not supported; these are: F32");
    CHECK_TEXT(err.text, " BF16"); /* the last of them is still there */
    mk_free(&m);
}

/* ---- getters ----------------------------------------------------------------- */

static void getters_check_kind_and_range(void) {
    mk m = {0};
    mk_uint(&m, "u", GGUF_U16, 7);
    mk_uint(&m, "neg", GGUF_I8, (uint64_t)-7);
    mk_f32(&m, "half", 0.5f);
    mk_f32(&m, "nan", NAN);
    mk_f32(&m, "inf", INFINITY);
    mk_f64(&m, "big", 1e300);
    mk_uint(&m, "two", GGUF_BOOL, 2);
    mk_str(&m, "text", "seven");
    mk_uint(&m, "u8", GGUF_U8, 5);
    mk_uint(&m, "i8", GGUF_I8, 5);
    mk_uint(&m, "u16", GGUF_U16, 5);
    mk_uint(&m, "i16", GGUF_I16, 5);
    mk_uint(&m, "u32", GGUF_U32, 5);
    mk_uint(&m, "i32", GGUF_I32, 5);
    mk_uint(&m, "u64", GGUF_U64, 5);
    mk_uint(&m, "i64", GGUF_I64, 5);
    mk_f32s(&m, "list", (float[]){1}, 1);
    mk_finish(&m);
    gguf     *g = NULL;
    gguf_open_memory(&g, m.out.p, m.out.n, "m.gguf", NULL);
    CHECK(g != NULL);
    if (!g) return;
    uint64_t u = 99;
    float    f = 99;
    bool     b = true;
    str      s = STR("default");
    CHECK_INT(gguf_uint(g, "none", 0, 1, &u, NULL), SLM_OK);
    CHECK_INT(gguf_float(g, "none", 0, 1, &f, NULL), SLM_OK);
    CHECK_INT(gguf_bool(g, "none", &b, NULL), SLM_OK);
    CHECK_INT(gguf_str(g, "none", &s, NULL), SLM_OK);

    slm_error e[17] = {{0}};
    gguf_uint(g, "u", 8, 9, &u, &e[0]);
    gguf_uint(g, "neg", 0, 9, &u, &e[1]);
    gguf_uint(g, "text", 0, 9, &u, &e[2]);
    gguf_uint(g, "list", 0, 9, &u, &e[3]);
    gguf_uint(g, "two", 0, 9, &u, &e[4]);
    gguf_float(g, "nan", -1e38, 1e38, &f, &e[5]);
    gguf_float(g, "inf", 0, (double)INFINITY, &f, &e[6]);
    gguf_float(g, "big", 0, 1e301, &f, &e[7]);
    gguf_float(g, "u", 0, 9, &f, &e[8]);
    gguf_bool(g, "two", &b, &e[9]);
    gguf_bool(g, "u", &b, &e[10]);
    gguf_str(g, "u", &s, &e[11]);
    gguf_str(g, "list", &s, &e[12]);
    gguf_float(g, "list", 0, 9, &f, &e[13]);
    gguf_bool(g, "list", &b, &e[14]);
    gguf_float(g, "half", 1, 2, &f, &e[15]);
    gguf_float(g, "half", 0, 0.25, &f, &e[16]);
    static const char *const want[] = {
        "u is 7, not in 8 to 9", "neg is -7, not in 0 to 9", "text is of kind str, not an integer",
        "list is an array of f32, not an integer", "two is of kind bool, not an integer",
        "nan is nan, not in -1e+38 to 1e+38", "inf is inf, not in 0 to inf",
        "big is 1e+300, not in 0 to 1e+301", "u is of kind u16, not a float",
        "two is 2, not 0 or 1", "u is of kind u16, not a bool", "u is of kind u16, not a string",
        "list is an array of f32, not a string", "list is an array of f32, not a float",
        "list is an array of f32, not a bool", "half is 0.5, not in 1 to 2",
        "half is 0.5, not in 0 to 0.25",
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CHECK_INT(e[i].code, SLM_ERR_FORMAT);
        CHECK_TEXT(e[i].text, want[i]);
    }
    CHECK(u == 99 && f == 99 && b && str_is(s, "default")); /* untouched by every failure */
    static const gguf_kind integers[] = {GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16,
                                         GGUF_U32, GGUF_I32, GGUF_U64, GGUF_I64};
    for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
        CHECK_INT(gguf_uint(g, gguf_kind_name(integers[i]), 5, 5, &u, NULL), SLM_OK);
        CHECK_INT(u, 5);
        u = 99;
    }
    CHECK(gguf_kv_uint(gguf_kv_find(g, "nan"), 0) == 0);
    CHECK(gguf_kv_uint(gguf_kv_find(g, "inf"), 0) == UINT64_MAX);
    CHECK(gguf_kv_uint(gguf_kv_find(g, "big"), 0) == UINT64_MAX);
    CHECK_STR(str_of(gguf_kind_name(GGUF_BOOL)), STR("bool"));
    CHECK_STR(str_of(gguf_kind_name(GGUF_KINDS)), STR("?"));
    gguf_close(g);
    mk_free(&m);
}

/* ---- every byte ---------------------------------------------------------------- */

static void check_cut(const mk *m, size_t n) {
    slm_error err = refusal(m->out.p, n);
    unsigned long long needs = 0, has = 0;
    if (n == 0) {
        CHECK_TEXT(err.text, "file is empty");
        return;
    }
    CHECK_INT(err.code, SLM_ERR_FORMAT);
    if (sscanf(err.text, "m.gguf: file is cut: needs %*[a-z ]%llu bytes, has %llu (", &needs, &has) != 2)
        sscanf(err.text, "m.gguf: file is cut: needs %llu bytes, has %llu (", &needs, &has);
    if (!(needs > n && needs <= m->out.n && has == n)) printf("    at %zu: %s\n", n, err.text);
    CHECK(needs > n && needs <= m->out.n && has == n);
}

static void says_what_a_cut_file_lacks(void) {
    mk m = tiny();
    for (size_t n = 0; n < m.out.n && !test_failed(); n++) check_cut(&m, n);
    mk_free(&m);
    mkmodel_options o = mkmodel_defaults("qwen2", TYPE_Q4_0);
    mkmodel(&m, &o);
    m.out.n -= m.out.n - (mk_at(&m, "blk.1.ffn_down.weight", MK_DATA) + 64 * 3 * 18);
    size_t data = mk_at(&m, "token_embd.weight", MK_DATA);
    for (size_t n = 0; n < m.out.n && !test_failed(); n += n < data ? 1 : 37) check_cut(&m, n);
    slm_error err = refusal(m.out.p, m.out.n - 1);
    CHECK_TEXT(err.text, "(tensor blk.1.ffn_down.weight)");
    err = refusal(m.out.p, mk_at(&m, "blk.0.attn_k.weight", MK_DATA) + 1);
    CHECK_TEXT(err.text, "(tensor blk.0.attn_k.weight)");
    mk_free(&m);
}

/* Touches everything that an accepted file offers. */
static uint64_t touch(const gguf *g) {
    uint64_t sum = 0;
    for (size_t i = 0; i < gguf_n_kv(g); i++) {
        const gguf_kv *kv = gguf_kv_at(g, i);
        gguf_strings   it = gguf_strings_of(kv);
        str            s;
        while (gguf_next_str(&it, &s)) sum += s.n ? (uint8_t)s.p[s.n - 1] : 1;
        if (kv->elem != GGUF_STR && kv->elem != GGUF_ARRAY && kv->n)
            sum += gguf_kv_uint(kv, kv->n - 1) + (gguf_kv_float(kv, 0) > 0);
    }
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const gguf_tensor *t = gguf_tensor_at(g, i);
        sum += t->data[0] + t->data[t->bytes - 1];
    }
    return sum;
}

static void survives_changed_bytes_of(mk *m, size_t end, size_t step) {
    void    *copy = mem_zero(m->out.n, 1);
    uint8_t *p = copy;
    uint64_t sum = 0;
    CHECK(copy != NULL);
    memcpy(p, m->out.p, m->out.n);
    for (size_t at = 0; at < end && !test_failed(); at += step) {
        const uint8_t was = p[at], tries[] = {0, 0xff, was ^ 1, was ^ 0x80};
        for (int i = 0; i < 4; i++) {
            gguf     *g = NULL;
            slm_error err = {0};
            p[at] = tries[i];
            slm_status rc = gguf_open_memory(&g, p, m->out.n, "m.gguf", &err);
            CHECK(rc == err.code && (rc == SLM_OK) == (g != NULL));
            if (g) sum += touch(g);
            else CHECK(!strncmp(err.text, "m.gguf: ", 8) &&
                       (rc == SLM_ERR_FORMAT || rc == SLM_ERR_UNSUPPORTED));
            gguf_close(g);
        }
        p[at] = was;
    }
    CHECK(sum != 0);
    mem_free(copy);
}

static void survives_changed_bytes(void) {
    mk m = tiny();
    survives_changed_bytes_of(&m, m.out.n, 1);
    mk_free(&m);
    mkmodel_options o = mkmodel_defaults("qwen2", TYPE_Q4_0);
    o.n_layer = 1;
    mkmodel(&m, &o);
    survives_changed_bytes_of(&m, mk_at(&m, "token_embd.weight", MK_DATA), 1);
    mk_free(&m);
}

/* ---- real files ------------------------------------------------------------------ */

static void opens_real_files(void) {
    static const char *const folders[] = {"oracle/models", "data/models", "data/vocab"};
    int                      n = 0;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        const char *folder = test_shared(folders[i]);
        DIR        *d = folder ? opendir(folder) : NULL;
        if (!d) continue;
        for (struct dirent *e; (e = readdir(d));) {
            size_t len = strlen(e->d_name);
            if (len < 5 || strcmp(e->d_name + len - 5, ".gguf")) continue;
            char      path[800];
            gguf     *g = NULL;
            slm_error err = {0};
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            gguf_open(&g, path, &err);
            CHECK_STR(str_of(err.text), STR(""));
            CHECK(g && touch(g) && gguf_kv_find(g, "general.architecture"));
            gguf_close(g);
            n++;
        }
        closedir(d);
    }
    if (!n) test_skip("no ../shared");
}

const test_case tests_gguf[] = {
    {"reads_back", "every kind of key, array and tensor, in versions 2 and 3", reads_back},
    {"opens_from_disk", "by path; a missing file is named", opens_from_disk},
    {"opens_made_models", "tiny models of every architecture in every type", opens_made_models},
    {"accepts_what_real_files_do", "trailing bytes, no padding, ids of 2^32 - 1, odd keys",
     accepts_what_real_files_do},
    {"poke_faults", "one wrong field each: the status and the sentence", poke_faults},
    {"refuses_twins_and_parts", "duplicates, split files, alignments, huge products",
     refuses_twins_and_parts},
    {"equal_hashes_are_told_apart", "names of one hash are found by their bytes", equal_hashes_are_told_apart},
    {"sizes_that_wrap", "sums of sizes past 2^64", sizes_that_wrap},
    {"refuses_deep_arrays", "nesting up to 4", refuses_deep_arrays},
    {"refuses_floods", "2^17 keys are quick, more are refused", refuses_floods},
    {"names_strangers", "what a file is that is no GGUF", names_strangers},
    {"getters_check_kind_and_range", "wrong kind, range, NaN: named; output untouched",
     getters_check_kind_and_range},
    {"says_what_a_cut_file_lacks", "cut at every byte", says_what_a_cut_file_lacks},
    {"survives_changed_bytes", "0, 0xff, ^1, ^0x80 at every byte of metadata",
     survives_changed_bytes},
    {"opens_real_files", "all of ../shared", opens_real_files},
    {0},
};
