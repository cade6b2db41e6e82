/* test_fault.c - the k-th allocation, the k-th call on a file and the k-th thread fail, for every k, while a
 * model is loaded, asked, scored, packed and quantized. */
#include "../src/cpu.h"
#include "fault.h"
#include "mkmodel.h"
#include "test.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char model[300], target[300];

static const char template[] = "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m.content | trim }}\n{% endfor %}";

static bool prepare(const char *variant) {
    mkmodel_options o = mkmodel_defaults(variant, TYPE_Q4_0);
    o.chat_template = template;
    snprintf(model, sizeof model, "%s/fault.gguf", test_tmp());
    snprintf(target, sizeof target, "%s/fault.target", test_tmp());
    if (!fault_can()) test_skip("the linker has no --wrap");
    return fault_can() && mkmodel_write(model, &o);
}

/* ---- what is done -------------------------------------------------------------- */

static slm_status with_model(slm_status (*use)(slm_model *m, slm_error *err), slm_error *err) {
    slm_model        *m = NULL;
    slm_model_options mo = slm_model_defaults();
    mo.path = model;
    slm_status rc = slm_model_open(&m, &mo, err);
    if (!rc && use) rc = use(m, err);
    slm_model_close(m);
    return rc;
}

static slm_status load(slm_error *err) { return with_model(NULL, err); }

static bool ignore(void *ud, int32_t id, slm_text_kind kind, const char *text, size_t len) {
    (void)ud, (void)id, (void)kind, (void)text, (void)len;
    return true;
}

/* A chat's prompt, its weights packed by two threads, and two tokens with everything that sampling can want. */
static slm_status answer(slm_model *m, slm_error *err) {
    const slm_message   said[] = {{"system", "Be brief.", 9}, {"user", "Hello there", 11}};
    slm_session_options so = slm_session_defaults();
    slm_chat_options    co = slm_chat_defaults();
    slm_generation      gen = slm_generation_defaults();
    slm_sampling        p = slm_sampling_defaults();
    slm_session        *s = NULL;
    slm_prompt          prompt = {0};
    const slm_bias      bias = {.id = 3, .add = 1};
    const char *const   breakers[] = {"\n"}, *const stop[] = {"never"};
    co.now = 0;
    so.n_ctx = 128;
    so.n_threads = 2;
    gen.max_new = 2;
    gen.ignore_eos = true;
    gen.stop = stop;
    gen.n_stop = 1;
    p.dry_multiplier = 1;
    slm_status rc = slm_model_pack(m, 2, NULL, NULL, err);
    if (!rc) rc = slm_chat_prompt(m, said, 2, &co, &prompt, err);
    if (!rc) rc = slm_session_create(&s, m, &so, err);
    if (!rc) rc = slm_session_set_sampling(s, &p, err);
    if (!rc) rc = slm_session_set_bias(s, &bias, 1, err);
    if (!rc) rc = slm_session_set_dry_breakers(s, breakers, 1, err);
    if (!rc) rc = slm_generate(s, prompt.ids, prompt.n_ids, &gen, ignore, NULL, NULL, err);
    slm_session_free(s);
    slm_prompt_free(&prompt);
    return rc;
}

static slm_status chat(slm_error *err) { return with_model(answer, err); }

static bool see_logits(void *ud, int i, const float *logits) { return (void)ud, (void)i, logits != NULL; }

static slm_status score_text(slm_model *m, slm_error *err) {
    slm_session_options so = slm_session_defaults();
    slm_session        *s = NULL;
    int32_t            *ids = NULL;
    char               *text = NULL;
    size_t              len = 0;
    int                 n = 0;
    so.n_ctx = 64;
    so.n_threads = 2;
    so.score_all = true;
    slm_status rc = slm_tokenize(m, "Hello there", 11, SLM_TOK_BOS, &ids, &n, err);
    if (!rc) rc = slm_detokenize(m, ids, n, false, &text, &len, err);
    if (!rc) rc = slm_session_create(&s, m, &so, err);
    if (!rc) rc = slm_session_score(s, ids, n, see_logits, NULL, err);
    slm_session_free(s);
    slm_free(text);
    slm_free(ids);
    return rc;
}

static slm_status score(slm_error *err) { return with_model(score_text, err); }

static slm_status pack(slm_error *err) {
    const slm_pack_options o = {.n_threads = 2};
    return slm_pack_file(model, target, &o, NULL, err);
}

static slm_status quantize(slm_error *err) {
    const char *const          types[] = {"ffn_.*=Q6_K"};
    const slm_quantize_options o = {.n_threads = 2, .allow_requantize = true, .tensor_type = types, .n_tensor_type = 1};
    return slm_quantize_file(model, target, "Q8_0", &o, NULL, err);
}

/* Importance of what a short text's tokens are multiplied with, and its file. */
static slm_status importance_of(slm_model *m, slm_error *err) {
    static const int32_t ids[] = {1, 7, 19, 3};
    slm_session_options  so = slm_session_defaults();
    slm_session         *s = NULL;
    slm_imatrix         *im = NULL;
    so.n_ctx = 16;
    so.n_threads = 2;
    slm_status rc = slm_session_create(&s, m, &so, err);
    if (!rc) rc = slm_imatrix_create(&im, s, true, err);
    if (!rc) rc = slm_session_sync(s, ids, 4, err);
    if (!rc) rc = slm_imatrix_save(im, target, "a text", 1, 4, err);
    slm_imatrix_free(im);
    slm_session_free(s);
    return rc;
}

static slm_status imatrix(slm_error *err) { return with_model(importance_of, err); }

/* ---- what must hold ------------------------------------------------------------ */

typedef struct {
    const char *name;
    slm_status (*run)(slm_error *err);
    bool writes;
} deed;
static const deed deeds[] = {{"load", load, false}, {"chat", chat, false}, {"score", score, false}, {"pack", pack, true}, {"quantize", quantize, true}, {"imatrix", imatrix, true}};

/* The target is as it was before, or a whole file; nothing else is left of the writing. */
static bool folder_is_clean(const deed *d, bool succeeded) {
    bool clean = true;
    DIR *folder = opendir(test_tmp());
    for (struct dirent *e; folder && (e = readdir(folder));) clean = clean && !strstr(e->d_name, ".tmp");
    if (folder) closedir(folder);
    size_t     n = 0;
    char      *text = d->writes ? test_read_file(target, &n) : NULL;
    const bool old = text && n == 3 && !memcmp(text, "old", 3);
    gguf      *g = NULL;
    if (d->writes && (!old || succeeded)) clean = clean && !gguf_open(&g, target, NULL);
    gguf_close(g);
    mem_free(text);
    return clean;
}

static bool put_old_target(void) {
    FILE *f = fopen(target, "w");
    return f && fputs("old", f) >= 0 && !fclose(f);
}

/* One run with the k-th call failing.  False: there were fewer, and it went well. */
static bool run_with(const deed *d, fault_call call, long k, int error, slm_status want) {
    slm_error e = {0};
    if (d->writes) CHECK(put_old_target());
    fault_arm(call, k, error);
    const slm_status rc = d->run(&e);
    const bool       reached = fault_disarm(call) >= k;
    /* Interrupted or half done: it goes on.  What was only read is closed anyhow, and a file that cannot be made without a
     * name is made with one. */
    const bool heals = error == EINTR || error == FAULT_SHORT || call == FAULT_close || (call == FAULT_open && d->writes);
    const bool       right = !reached ? !rc && !e.code : heals && !rc ? true : rc == want && e.code == want && *e.text;
    if (!right || !folder_is_clean(d, !rc)) {
        printf("    %s, %s %ld, errno %d: status %d, \"%s\"\n", d->name, fault_name(call), k, error, (int)rc, e.text);
        CHECK_FAIL("a fault is told, and leaves nothing behind");
    }
    return reached && !test_failed();
}

static void each_allocation_fails(const char *variant) {
    if (!prepare(variant)) return;
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
        long k = 1;
        while (run_with(&deeds[i], FAULT_malloc, k, ENOMEM, SLM_ERR_MEMORY)) k++;
        printf("    %s: %ld allocations\n", deeds[i].name, k - 1);
        CHECK(k > 3);
    }
    unlink(target);
}

static void allocations_spm(void) { each_allocation_fails("llama"); }
static void allocations_bpe(void) { each_allocation_fails("qwen2"); }

static void each_thread_fails(void) {
#ifdef SLM_OPENMP
    test_skip("OpenMP starts the threads");
#else
    if (!prepare("llama")) return;
    for (size_t i = 1; i < ARRAY_LEN(deeds); i++)
        for (long k = 1; run_with(&deeds[i], FAULT_thread, k, EAGAIN, SLM_ERR_MEMORY);) k++;
    unlink(target);
#endif
}

/* A call that fails, and what comes of it; mapping without memory is exit 6, all else 1. */
static void each_file_call_fails(void) {
    static const fault_call calls[] = {FAULT_open, FAULT_fstat, FAULT_mmap, FAULT_write, FAULT_fsync, FAULT_sync_file_range, FAULT_close, FAULT_linkat, FAULT_rename};
    static const int        faults[] = {EIO, ENOSPC, ENOMEM, EINTR, FAULT_SHORT};
    if (!prepare("llama")) return;
    long n = 0;
    for (size_t i = 0; i < ARRAY_LEN(deeds); i++)
        for (size_t c = 0; c < ARRAY_LEN(calls); c++)
            for (size_t f = 0; f < ARRAY_LEN(faults); f++) {
                if (faults[f] == FAULT_SHORT && calls[c] != FAULT_write) continue;
                for (long k = 1; run_with(&deeds[i], calls[c], k, faults[f], faults[f] == ENOMEM ? SLM_ERR_MEMORY : SLM_ERR_IO);) k++, n++;
            }
    printf("    %ld faults\n", n);
    CHECK(n > 100);
    unlink(target);
}

const test_case tests_fault[] = {
    {"allocations_spm", "no memory at the k-th allocation, every k: one error, nothing left", allocations_spm},
    {"allocations_bpe", "the same with the other tokenizer", allocations_bpe},
    {"each_thread_fails", "no thread at the k-th start", each_thread_fails},
    {"each_file_call_fails", "the k-th open, fstat, mmap, write, fsync, close, link, rename: EIO, ENOSPC, ENOMEM, EINTR, half", each_file_call_fails},
    {0},
};
