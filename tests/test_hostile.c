/* test_hostile.c - the program on every file of the corpus, and models loaded from files that were cut or changed at
 * every byte.
 *
 * What SLM_TEST_ALL=1 adds (make check-all): every architecture for every hyperparameter, every model for the sweeps. */
#include "../include/slm.h"
#include "hostile.h"
#include "test.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What one run may take.  The time is the processor's, so that a busy machine fails nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
enum { MAX_CPU_MS = 20000, MAX_RSS_KB = 1 << 20 };
#else
enum { MAX_CPU_MS = 1000, MAX_RSS_KB = 64 << 10 };
#endif
enum { HANG_S = 60 };

static bool all_of_it(void) {
    const char *z = getenv("SLM_TEST_ALL");
    return z && *z && strcmp(z, "0");
}

/* ---- one run of the program -------------------------------------------------------- */

static char file_path[128], out_path[128], err_path[128];

static void name_paths(void) {
    snprintf(file_path, sizeof file_path, "%s/hostile.gguf", test_tmp());
    snprintf(out_path, sizeof out_path, "%s/hostile.out", test_tmp());
    snprintf(err_path, sizeof err_path, "%s/hostile.err", test_tmp());
}

static _Noreturn void be_the_program(const char *const *argv) {
    static const char *const keep[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH"};
    char                     pair[ARRAY_LEN(keep)][512];
    const char              *env[ARRAY_LEN(keep) + 3] = {"HOME=/nonexistent", "PATH=/usr/bin:/bin"};
    size_t                   n = 2;
    for (size_t i = 0; i < ARRAY_LEN(keep); i++) {
        const char *value = getenv(keep[i]);
        if (!value || snprintf(pair[i], sizeof pair[i], "%s=%s", keep[i], value) >= (int)sizeof pair[i]) continue;
        env[n++] = pair[i];
    }
    const int in = open("/dev/null", O_RDONLY), out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), err = open(err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(99);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    alarm(HANG_S);
    execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
    _exit(98);
}

typedef struct {
    int    status; /* of waitpid */
    double cpu_ms;
    long   rss_kb;
    char  *err;
    size_t n_err;
} outcome;

static outcome run(const char *const *argv) {
    outcome       o = {.status = -1};
    struct rusage used;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) be_the_program(argv);
    if (pid < 0 || wait4(pid, &o.status, 0, &used) != pid) return o;
    o.cpu_ms = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-3;
    o.rss_kb = used.ru_maxrss;
    o.err = test_read_file(err_path, &o.n_err);
    return o;
}

/* A child's peak begins with that of the process it was forked from. */
static long rss_allowed(void) {
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    return own.ru_maxrss > MAX_RSS_KB ? own.ru_maxrss : MAX_RSS_KB;
}

/* NULL, or what is wrong with the line on stderr. */
static const char *judge_line(const outcome *o, bool by_file, const char *text) {
    const char *end = o->err ? memchr(o->err, '\n', o->n_err) : NULL;
    if (!end) return "no line on stderr";
    if (end != o->err + o->n_err - 1) return "more than one line on stderr";
    if (o->n_err > 300) return "a line of more than 300 bytes";
    if (strncmp(o->err, "slm: ", 5)) return "the line does not begin with slm:";
    if (by_file && strncmp(o->err + 5, file_path, strlen(file_path))) return "the line does not name the file";
    for (const char *p = o->err; p < end; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) return "a control byte in the line";
    if (memmem(o->err, o->n_err, "\xe2\x80\xa8", 3)) return "a line separator in the line";
    return text && !strstr(o->err, text) ? "another reason than expected" : NULL;
}

static long n_runs, worst_rss;
static double worst_ms;

/* The program ends with `code`, and says why where that is no success. */
static void expect(const char *name, const char *const *argv, int code, const char *text) {
    outcome     o = run(argv);
    const char *why = NULL;
    if (o.status < 0) why = "cannot be run";
    else if (WIFSIGNALED(o.status)) why = WTERMSIG(o.status) == SIGALRM ? "hangs" : "killed by a signal";
    else if (WEXITSTATUS(o.status) != code) why = "another exit code";
    else if (o.cpu_ms > MAX_CPU_MS && !test_emulator()) why = "takes too long";
    else if (o.rss_kb > rss_allowed() && !test_emulator()) why = "takes too much memory";
    else if (code) why = judge_line(&o, code == 1, text); /* 4 is about the prompt */
    else if (o.n_err) why = "something on stderr";
    n_runs++;
    if (o.cpu_ms > worst_ms) worst_ms = o.cpu_ms;
    if (o.rss_kb > worst_rss) worst_rss = o.rss_kb;
    if (why) {
        printf("    %s: %s: %s (exit %d, wanted %d; %.0f ms, %ld KiB): %.400s\n", name, argv[1], why, WIFEXITED(o.status) ? WEXITSTATUS(o.status) : -1, code,
               o.cpu_ms, o.rss_kb, o.err ? o.err : "");
        CHECK_FAIL(why);
    }
    mem_free(o.err);
}

/* ---- one file within this process ------------------------------------------------------- */

static slm_model *open_bytes(const void *p, size_t n, slm_error *err) {
    slm_model_options o = slm_model_defaults();
    slm_model        *m = NULL;
    o.path = "m.gguf";
    o.data = p;
    o.n_data = n;
    const slm_status rc = slm_model_open(&m, &o, err);
    CHECK(rc == err->code && (rc == SLM_OK) == (m != NULL));
    if (!rc) return m;
    CHECK_TEXT(err->text, "m.gguf: ");
    CHECK(rc == SLM_ERR_FORMAT || rc == SLM_ERR_UNSUPPORTED);
    return NULL;
}

static slm_status evaluate(const slm_model *m, slm_error *err) {
    slm_session_options so = slm_session_defaults();
    slm_session        *s = NULL;
    int32_t            *ids = NULL;
    int                 n = 0;
    so.n_ctx = 32;
    so.n_threads = 1;
    slm_status rc = slm_tokenize(m, "hi", 2, SLM_TOK_BOS, &ids, &n, err);
    if (!rc) rc = slm_session_create(&s, m, &so, err);
    if (!rc && n) rc = slm_session_sync(s, ids, n, err);
    slm_free(ids);
    slm_session_free(s);
    return rc;
}

static slm_status talk(const slm_model *m, int *n_ids, slm_error *err) {
    const slm_chat_options co = slm_chat_defaults();
    slm_prompt             prompt = {0};
    const slm_status       rc = slm_chat_prompt(m, &(slm_message){"user", "hi", 2}, 1, &co, &prompt, err);
    *n_ids = prompt.n_ids;
    if (!rc) slm_prompt_free(&prompt);
    return rc;
}

/* The same verdict as the program's, from a copy that ends where its allocation ends. */
static void check_here(const char *name, const strbuf *b, verdict want, const char *text) {
    slm_error  err = {0};
    int        n_ids = 0;
    slm_status rc = SLM_OK;
    void      *copy = mem_zero(b->n, 1);
    CHECK(copy != NULL);
    if (b->n) memcpy(copy, b->p, b->n);
    slm_model *m = open_bytes(copy, b->n, &err);
    bool       good = (m == NULL) == (want == BAD);
    if (m) {
        rc = evaluate(m, &err);
        good = good && rc == (want == NUMB ? SLM_ERR_NUMERIC : SLM_OK);
    }
    if (m && want >= MUTE) {
        rc = talk(m, &n_ids, &err);
        good = good && rc == (want == MUTE ? SLM_ERR_FORMAT : SLM_OK) && (want == TALKS ? n_ids > 0 && n_ids < 256 : want == MUTE || n_ids > 256);
    }
    if (want == BAD || want == MUTE) good = good && (!text || strstr(err.text, text));
    if (!good) printf("    %s: in this process: status %d, %d ids: %s\n", name, (int)err.code, n_ids, err.text);
    CHECK(good);
    slm_model_close(m);
    mem_free(copy);
}

/* ---- one file ------------------------------------------------------------------------- */

static bool save(const strbuf *b) {
    FILE *f = fopen(file_path, "wb");
    if (!f) return false;
    const bool good = fwrite(b->p, 1, b->n, f) == b->n;
    return (fclose(f) == 0) & good;
}

/* "Q4_0 llama": a type and a variant. */
static mkmodel_options base_named(const char *name) {
    const char *space = strchr(name, ' ');
    char        type[16] = "F32";
    if (space) snprintf(type, sizeof type, "%.*s", (int)(space - name), name);
    return mkmodel_defaults(space ? space + 1 : name, type_by_name(type)->id);
}

static edit *edit_base(const char *base, const char *template) {
    mkmodel_options o = base_named(base);
    mk              m;
    if (template) o.chat_template = template;
    mkmodel(&m, &o);
    edit *e = edit_open(&m);
    mk_free(&m);
    return e;
}

static void check_saved(const char *name, verdict want, const char *text) {
    const char *slm = getenv("SLM");
    const char *show[] = {slm, "show", file_path, NULL}, *check[] = {slm, "show", "--check", file_path, NULL};
    const char *raw[] = {slm, "run", "-m", file_path, "--raw", "-N", "-n", "2", "--seed", "1", "--ignore-eos", "-t", "2", "hi", NULL};
    const char *chat[] = {slm, "run", "-m", file_path, "-N", "-n", "2", "--seed", "1", "--ignore-eos", "-t", "2", "hi", NULL};
    outcome     o = run(show); /* lists what it can: exit 0 and the reason, or 1 */
    if (!WIFEXITED(o.status) || WEXITSTATUS(o.status) > (want == BAD)) {
        printf("    %s: show: status %d: %.400s\n", name, o.status, o.err ? o.err : "");
        CHECK_FAIL("show fails");
    }
    mem_free(o.err);
    expect(name, check, want == BAD, want == BAD ? text : NULL);
    expect(name, raw, want == BAD || want == NUMB, want == BAD ? text : want == NUMB ? "no finite logits" : NULL);
    if (want >= MUTE) expect(name, chat, want == TALKS ? 0 : want == MUTE ? 1 : 4, text);
}

/* Is there a program to run on the n-th file?  A sanitizer makes starting it slow, and has seen the file here. */
static bool runs_program(int n) {
    const char *slm = getenv("SLM"), *emulator = getenv("RUN");
#ifdef __SANITIZE_ADDRESS__
    if (n % 10 && !all_of_it()) return false;
#else
    (void)n;
#endif
    return slm && *slm && !(emulator && *emulator);
}

static void check_file(const char *name, int n, const strbuf *b, verdict want, const char *text) {
    check_here(name, b, want, text);
    if (!runs_program(n)) return;
    CHECK(save(b));
    check_saved(name, want, text);
}

/* R(text, n) as n times the text. */
static void expand(strbuf *out, const char *source) {
    while (*source) {
        const char *end = source + 2;
        long        n = -1;
        if (!strncmp(source, "R(", 2))
            for (int used = 0; *end && (sscanf(end, ", %ld%n", &n, &used) != 1 || end[used] != ')'); end++) n = -1;
        if (n < 0) {
            strbuf_char(out, *source++);
            continue;
        }
        for (long i = 0; i < n; i++) strbuf_put(out, source + 2, (size_t)(end - source - 2));
        source = strchr(end + 1, ')') + 1;
    }
    strbuf_char(out, 0);
}

static void check_edits(const char *name, int n, const char *base, verdict want, const char *text, const char *edits) {
    strbuf b = {0}, lines = {0};
    edit  *e = edit_base(base, NULL);
    expand(&lines, edits);
    edit_apply(e, lines.p);
    strbuf_free(&lines);
    edit_write(e, &b);
    check_file(name, n, &b, want, text);
    edit_free(e);
    strbuf_free(&b);
}

static void report(int n) {
    printf("    %d files, %ld runs of the program, at most %.0f ms and %.1f MiB\n", n, n_runs, worst_ms, (double)worst_rss / 1024);
    if (test_emulator()) printf("    skipped: limits of time and memory, which it takes itself (under %s)\n", test_emulator());
    n_runs = worst_rss = 0;
    worst_ms = 0;
}

static void check_all(const hostile_case *c) {
    int n = 0;
    name_paths();
    for (; c->name; c++, n++) check_edits(c->name, n, c->base, c->want, c->text, c->edits);
    report(n);
}

static void files(void) { check_all(hostile_files); }
static void tokenizers(void) { check_all(hostile_tokenizers); }

/* ---- hyperparameters -------------------------------------------------------------------- */

static void hyperparameters(void) {
    static const char *const archs[] = {"llama", "qwen2", "qwen3", "phi3", "gemma2", "gemma3"};
    int                      n = 0;
    name_paths();
    for (size_t i = 0; hostile_values[i].key; i++)
        for (size_t a = 0; a < ARRAY_LEN(archs); a++) {
            const hostile_value *v = &hostile_values[i];
            char                 edits[200], name[200];
            if (!all_of_it() && a != i % ARRAY_LEN(archs)) continue;
            snprintf(edits, sizeof edits, "set %%%s %s", v->key, *v->value ? v->value : "u32 1");
            if (!*v->value) snprintf(edits + strlen(edits), sizeof edits - strlen(edits), "\ndel %%%s", v->key);
            snprintf(name, sizeof name, "%s.%s = %s", archs[a], v->key, v->value);
            check_edits(name, n, archs[a], v->want, v->text, edits);
            n++;
        }
    report(n);
}

/* ---- templates ---------------------------------------------------------------------------- */

static void templates(void) {
    int n = 0;
    name_paths();
    for (const hostile_case *c = hostile_templates; c->name; c++, n++) {
        strbuf source = {0}, b = {0};
        expand(&source, c->edits);
        edit *e = edit_base(c->base, source.p);
        edit_write(e, &b);
        check_file(c->name, n, &b, c->want, c->text);
        edit_free(e);
        strbuf_free(&source);
        strbuf_free(&b);
    }
    report(n);
}

/* ---- every byte ------------------------------------------------------------------------------ */

/* Loads a model, and tokenizes a text where it loads. */
static bool loads(const uint8_t *p, size_t n) {
    slm_error  err = {0};
    int32_t   *ids = NULL;
    int        n_ids = 0;
    slm_model *m = open_bytes(p, n, &err);
    if (!m) return false;
    CHECK_INT(slm_tokenize(m, "hello <s> and \xc3\xa9 12", 18, SLM_TOK_BOS | SLM_TOK_SPECIAL, &ids, &n_ids, &err), SLM_OK);
    slm_free(ids);
    slm_model_close(m);
    return true;
}

static size_t data_begins(const mk *m) { return mk_at(m, "token_embd.weight", MK_DATA); }

static void cut_everywhere(const char *variant, size_t step) {
    mkmodel_options o = base_named(variant);
    mk              m;
    o.n_layer = 1;
    mkmodel(&m, &o);
    size_t end = 0;
    for (const char *const *t = (const char *const[]){"blk.0.ffn_down.weight", "blk.0.post_ffw_norm.weight", NULL}; *t; t++)
        for (size_t i = 0; i < m.n_place; i++)
            if (!strcmp(m.place[i].name, *t)) end = mk_at(&m, *t, MK_DATA);
    for (size_t n = 1; n <= end && !test_failed(); n += n < data_begins(&m) ? step : 61) {
        uint8_t *copy = mem_zero(n, 1);
        CHECK(copy != NULL);
        memcpy(copy, m.out.p, n);
        CHECK(!loads(copy, n));
        mem_free(copy);
    }
    CHECK(loads((const uint8_t *)m.out.p, m.out.n));
    mk_free(&m);
}

static void change_everywhere(const char *variant, size_t step, size_t first) {
    mkmodel_options o = base_named(variant);
    mk              m;
    long            n_loaded = 0, n_refused = 0;
    o.n_layer = 1;
    mkmodel(&m, &o);
    uint8_t *p = mem_zero(m.out.n, 1);
    CHECK(p != NULL);
    memcpy(p, m.out.p, m.out.n);
    for (size_t at = first; at < data_begins(&m) && !test_failed(); at += step) {
        const uint8_t was = p[at], tries[] = {0, 0xff, was ^ 1, was ^ 0x80};
        for (int i = 0; i < 4; i++) {
            p[at] = tries[i];
            *(loads(p, m.out.n) ? &n_loaded : &n_refused) += 1;
        }
        p[at] = was;
    }
    CHECK(n_loaded > 0 && n_refused > 0);
    mem_free(p);
    mk_free(&m);
}

static void sweep_cuts(void) {
    cut_everywhere("llama", 1);
    cut_everywhere("qwen2", all_of_it() ? 1 : 5);
    for (const char *const *v = mkmodel_variants; *v && all_of_it(); v++) cut_everywhere(*v, 1);
}

static void sweep_changes(void) {
    if (!all_of_it()) {
        change_everywhere("llama", 3, 0);
        change_everywhere("qwen2", 5, 1);
        return;
    }
    for (const char *const *v = mkmodel_variants; *v; v++) change_everywhere(*v, 1, 0);
    change_everywhere("Q4_K phi3", 1, 0);
}

const test_case tests_hostile[] = {
    {"files", "bad and odd headers, keys, tensors, weights: verdict, line, time and memory of the program", files},
    {"tokenizers", "bad and odd vocabularies, likewise", tokenizers},
    {"hyperparameters", "each key, absent, of every wrong kind and out of range", hyperparameters},
    {"templates", "chat templates that refuse, loop, grow and nest: one line, and --raw works", templates},
    {"sweep_cuts", "models cut at every byte do not load", sweep_cuts},
    {"sweep_changes", "0, 0xff, ^1, ^0x80 at the bytes of the metadata: loads or says why", sweep_changes},
    {0},
};
