/* test_nomem.c - each parser by itself, with no memory at its k-th allocation, for every k: the error says so, and under
 * MODE=asan nothing leaks. */
#include "../src/chat.h"
#include "../src/imatrix.h"
#include "../src/json.h"
#include "../src/nfc.h"
#include "../src/template.h"
#include "../src/tokenizer.h"
#include "fault.h"
#include "mkmodel.h"
#include "test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static mk   file; /* of the vocabulary at hand */
static char path[300];

static slm_status read_file(slm_error *err) {
    gguf            *g = NULL;
    const slm_status rc = gguf_open_memory(&g, file.out.p, file.out.n, "m.gguf", err);
    gguf_close(g);
    return rc;
}

/* Long words, a character that no piece holds, decomposed letters, a bad byte. */
static const char sample[] = "Hello there \xe2\x96\x81x \xe6\x97\xa5 e\xcc\x81\xff <|user|> "
                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                             "hellohellohellohellohellohellohellohellohellohellohellohellohellohellohellohellohellohellohellohellohellohellohellohellohello";

static slm_status encode(slm_error *err) {
    gguf      *g = NULL;
    tokenizer *t = NULL;
    id_list    ids = {0};
    slm_status rc = gguf_open_memory(&g, file.out.p, file.out.n, "m.gguf", err);
    if (!rc) rc = tok_load(&t, g, err);
    if (!rc) rc = tok_encode(t, STR(sample), NULL, TOK_BOS | TOK_SPECIAL, &ids, err);
    id_free(&ids);
    tok_free(t);
    gguf_close(g);
    return rc;
}

static slm_status read_json(slm_error *err) {
    pool   p;
    strbuf out = {0};
    pool_init(&p, 1u << 20);
    const json *v = json_parse(&p, STR("{\"a\":[1,2.5e3,-7,true,null,\"\\u00e9\"],\"b\":{\"c\":1,\"d\":2,\"e\":3,\"f\":4,\"g\":5,\"h\":6,\"i\":7,\"j\":8,\"k\":9,\"l\":10}}"), err);
    if (v) json_write(&out, v);
    const slm_status rc = v && out.bad ? err_memory(err, "JSON", out.n) : err->code;
    strbuf_free(&out);
    pool_free(&p);
    return rc;
}

static slm_status render(slm_error *err) {
    template_ *t = NULL;
    pool       p;
    strbuf     out = {0}, trust = {0};
    pool_init(&p, 1u << 20);
    const json *vars = json_parse(&p, STR("{\"m\":[{\"role\":\"user\",\"content\":\"hi\"}],\"n\":12}"), err);
    slm_status  rc = err->code;
    if (!rc) rc = template_parse(&t, STR("{% macro f(x) %}{{ x|upper }}{% endmacro %}{% for a in m %}{{ f(a.content) * 3000 }}{% endfor %}{{ range(2000)|list|length + 2 ** 200 }}"), err);
    if (!rc) rc = template_render(t, vars, &(template_options){0}, &out, &trust, err);
    template_free(t);
    strbuf_free(&out);
    strbuf_free(&trust);
    pool_free(&p);
    return rc;
}

static slm_status open_imatrix(slm_error *err) {
    imatrix         *m = NULL;
    const slm_status rc = imatrix_open(&m, path, err);
    imatrix_free(m);
    return rc;
}

static slm_status normalize(slm_error *err) {
    strbuf out = {0};
    char   marks[600] = "e";
    for (size_t i = 1; i + 2 < sizeof marks; i += 2) memcpy(marks + i, i % 4 == 1 ? "\xcc\x81" : "\xcc\xa3", 2);
    nfc_put(&out, (str){marks, strlen(marks)});
    const slm_status rc = out.bad ? err_memory(err, "text", out.n) : SLM_OK;
    strbuf_free(&out);
    return rc;
}

static bool run_with(const char *name, slm_status (*run)(slm_error *err), long k) {
    slm_error err = {0};
    fault_arm(FAULT_malloc, k, ENOMEM);
    const slm_status rc = run(&err);
    const bool       reached = fault_disarm(FAULT_malloc) >= k;
    const slm_status want = reached ? SLM_ERR_MEMORY : SLM_OK;
    if (rc != want || err.code != want || (reached && !*err.text)) {
        printf("    %s, allocation %ld: status %d, \"%s\"\n", name, k, (int)rc, err.text);
        CHECK_FAIL("no memory is told");
    }
    return reached && !test_failed();
}

static void each_fails(const char *name, slm_status (*run)(slm_error *err), long least) {
    long k = 1;
    while (run_with(name, run, k)) k++;
    printf("    %s: %ld allocations\n", name, k - 1);
    CHECK(k > least);
}

static bool can(void) {
    if (!fault_can()) test_skip("the linker has no --wrap");
    return fault_can();
}

static void vocabularies(void) {
    static const char *const variants[] = {"llama", "qwen2", "phi3"};
    for (size_t i = 0; i < ARRAY_LEN(variants) && can(); i++) {
        mkmodel_options o = mkmodel_defaults(variants[i], TYPE_Q4_0);
        o.vocab_only = true;
        mkmodel(&file, &o);
        each_fails("file", read_file, 3);
        each_fails(variants[i], encode, 10);
        mk_free(&file);
        file = (mk){0};
    }
}

static void texts(void) {
    if (!can()) return;
    each_fails("json", read_json, 2);
    each_fails("template", render, 4);
    each_fails("nfc", normalize, 2);
}

static void importance(void) {
    mk          m = {.seed = 1};
    char        name[40];
    const float one = 1;
    if (!can()) return;
    snprintf(path, sizeof path, "%s/nomem.gguf", test_tmp());
    mk_str(&m, "general.type", "imatrix");
    mk_strs(&m, "imatrix.datasets", (str[]){STR("a.txt")}, 1);
    for (int i = 0; i < 300; i++) { /* more than the first list has room for */
        snprintf(name, sizeof name, "blk.%d.ffn_up.weight.in_sum2", i);
        mk_tensor(&m, name, TYPE_F32, 1, (uint64_t[]){8}, (float[]){1, 2, 3, 4, 5, 6, 7, 8});
        snprintf(name, sizeof name, "blk.%d.ffn_up.weight.counts", i);
        mk_tensor(&m, name, TYPE_F32, 1, (uint64_t[]){1}, &one);
    }
    mk_finish(&m);
    CHECK(mk_save(&m, path));
    mk_free(&m);
    each_fails("importance matrix", open_imatrix, 5);
}

const test_case tests_nomem[] = {
    {"vocabularies", "files and vocabularies of both kinds, and a text for each", vocabularies},
    {"texts", "JSON, a chat template, a normalized text", texts},
    {"importance", "importance matrices", importance},
    {0},
};
