/* fuzz_text.c - templates, JSON, UTF-8, vocabularies with texts. */
#include "../../src/json.h"
#include "../../src/nfc.h"
#include "../../src/template.h"
#include "../../src/tokenizer.h"
#include "../../src/unicode.h"
#include "../mkmodel.h"
#include "fuzz.h"
#include <string.h>

/* ---- template ---------------------------------------------------------------- */

static const char vars_text[] =
    "{\"messages\":[{\"role\":\"system\",\"content\":\"be kind\"},{\"role\":\"user\",\"content\":\"hi <|im_end|>\"},"
    "{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1.5}}}]}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}],"
    "\"add_generation_prompt\":true,\"bos_token\":\"<s>\",\"eos_token\":\"</s>\",\"n\":12345678901234567890,\"empty\":[],\"none\":null}";

void fuzz_template(const uint8_t *p, size_t n) {
    template_ *t = NULL;
    slm_error  err = {0};
    strbuf     out = {0}, trust = {0};
    pool       mem;
    if (n > 1 << 16) return;
    if (template_parse(&t, (str){(const char *)p, n}, &err)) {
        RULE(err.code == SLM_ERR_FORMAT && !strncmp(err.text, "template line ", 14));
        return;
    }
    pool_init(&mem, 1u << 20);
    /* Small budgets, so that many templates are seen. */
    const template_options o = {.now = 1736944496, .max_steps = 5000, .max_output = 1 << 16, .max_memory = 1 << 20};
    const json            *vars = json_parse(&mem, STR(vars_text), &err);
    RULE(vars != NULL);
    template_mentions(t, "tools");
    if (template_render(t, vars, &o, &out, &trust, &err)) RULE(err.code == SLM_ERR_FORMAT && !out.n && !strncmp(err.text, "template line ", 14));
    else RULE(out.n == trust.n && out.n <= 1 << 16);
    template_free(t);
    pool_free(&mem);
    strbuf_free(&out);
    strbuf_free(&trust);
}

/* ---- JSON ----------------------------------------------------------------------- */

static void check_again(str text) {
    pool      mem;
    slm_error err = {0};
    strbuf    again = {0};
    pool_init(&mem, 64 * text.n + (1u << 16));
    const json *v = json_parse(&mem, text, &err);
    RULE(v != NULL);
    json_write(&again, v);
    RULE(!again.bad && str_eq((str){again.p, again.n}, text));
    strbuf_free(&again);
    pool_free(&mem);
}

void fuzz_json(const uint8_t *p, size_t n) {
    pool      mem;
    slm_error err = {0};
    strbuf    out = {0};
    pool_init(&mem, 64 * n + (1u << 16));
    const json *v = json_parse(&mem, (str){(const char *)p, n}, &err);
    RULE((v != NULL) == (err.code == SLM_OK));
    if (v) {
        json_write(&out, v);
        RULE(!out.bad && out.n);
        check_again((str){out.p, out.n}); /* what was written reads as the same */
    }
    strbuf_free(&out);
    pool_free(&mem);
    strbuf quoted = {0};
    json_write_str(&quoted, (str){(const char *)p, n});
    if (!quoted.bad) check_again((str){quoted.p, quoted.n});
    strbuf_free(&quoted);
}

/* ---- UTF-8 -------------------------------------------------------------------------- */

static void check_points(const char *p, size_t n) {
    for (size_t i = 0; i < n;) {
        uint32_t     cp = 0, parts[4];
        char         back[4];
        const size_t len = utf8_decode(p + i, n - i, &cp);
        RULE(len <= 4 && len <= n - i);
        if (len) {
            RULE(utf8_encode(cp, back) == len && !memcmp(back, p + i, len) && cp < 0x110000 && (cp < 0xd800 || cp > 0xdfff));
            const size_t k = uc_decompose(cp, parts);
            RULE(k >= 1 && k <= 4 && uc_combining(cp) < 256 && uc_class(cp) < 256);
            RULE(uc_columns(cp) >= 0 && uc_columns(cp) <= 2);
        }
        i += len ? len : 1;
    }
}

void fuzz_utf8(const uint8_t *bytes, size_t n) {
    const char *p = (const char *)bytes;
    strbuf      once = {0}, twice = {0};
    const size_t whole = utf8_whole(p, n);
    RULE(whole <= n && n - whole < 4);
    check_points(p, n);
    bool valid = true;
    for (size_t i = 0, len; i < n && valid; i += len) {
        uint32_t cp;
        len = utf8_decode(p + i, n - i, &cp);
        valid = len > 0;
    }
    if (!valid) return;
    RULE(whole == n);
    nfc_put(&once, (str){p, n});
    nfc_put(&twice, (str){once.p ? once.p : "", once.n});
    RULE(!once.bad && !twice.bad && str_eq((str){once.p, once.n}, (str){twice.p, twice.n}));
    if (n && !nfc_may_change((str){p, n})) RULE(str_eq((str){once.p, once.n}, (str){p, n}));
    check_points(once.p, once.n);
    strbuf_free(&once);
    strbuf_free(&twice);
}

/* ---- vocabulary and text ------------------------------------------------------------- */

enum { MAX_LINES = 400 };

/* First line: the splitter, or "-" for SentencePiece.  Then tokens, the first byte of each the type (0 .. 6); lines
 * "m LEFT RIGHT" are merges.  After an empty line the text. */
typedef struct {
    str     token[MAX_LINES], merge[MAX_LINES];
    int32_t type[MAX_LINES];
    float   score[MAX_LINES];
    size_t  n, n_merge;
} lines;

static str next_line(str *rest) {
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    const size_t n = end ? (size_t)(end - rest->p) : rest->n, skip = end ? n + 1 : n;
    const str    line = {rest->p, n};
    *rest = (str){rest->p + skip, rest->n - skip};
    return line;
}

static void read_lines(lines *l, str *rest) {
    for (;;) {
        str line = next_line(rest);
        if (!line.n) return;
        if (line.p[0] == 'm' && line.n > 2 && l->n_merge < MAX_LINES) l->merge[l->n_merge++] = (str){line.p + 2, line.n - 2};
        else if (l->n < MAX_LINES) {
            l->type[l->n] = (uint8_t)line.p[0] % 7;
            l->score[l->n] = -(float)((uint8_t)line.p[0] / 7);
            l->token[l->n++] = (str){line.p + 1, line.n - 1};
        }
    }
}

static void check_ids(const tokenizer *t, str text, unsigned flags, const uint8_t *trust) {
    id_list   ids = {0};
    slm_error err = {0};
    RULE(!tok_encode(t, text, trust, flags, &ids, &err));
    for (size_t i = 0; i < ids.n; i++) {
        RULE(ids.p[i] >= 0 && ids.p[i] < tok_count(t));
        RULE(!trust || flags & TOK_BOS || !tok_is_control(t, ids.p[i]) || i < ids.n);
        tok_ends_turn(t, ids.p[i]);
    }
    id_free(&ids);
}

void fuzz_tokenizer(const uint8_t *p, size_t n) {
    static lines l;
    str          rest = {(const char *)p, n};
    const str    pre = next_line(&rest);
    const bool   spm = str_is(pre, "-");
    char         name[64];
    mk           m = {0};
    gguf        *g = NULL;
    tokenizer   *t = NULL;
    slm_error    err = {0};
    if (n > 1 << 15) return;
    l.n = l.n_merge = 0;
    read_lines(&l, &rest);
    memcpy(name, pre.p, pre.n < 63 ? pre.n : 63);
    name[pre.n < 63 ? pre.n : 63] = 0;
    mk_str(&m, "general.architecture", spm ? "phi3" : "llama");
    mk_str(&m, "tokenizer.ggml.model", spm ? "llama" : "gpt2");
    if (!spm) mk_str(&m, "tokenizer.ggml.pre", name);
    mk_strs(&m, "tokenizer.ggml.tokens", l.token, l.n);
    mk_i32s(&m, "tokenizer.ggml.token_type", l.type, l.n);
    if (spm) mk_f32s(&m, "tokenizer.ggml.scores", l.score, l.n);
    else mk_strs(&m, "tokenizer.ggml.merges", l.merge, l.n_merge);
    mk_finish(&m);
    RULE(!gguf_open_memory(&g, m.out.p, m.out.n, "f", &err));
    const slm_status rc = tok_load(&t, g, &err);
    gguf_close(g);
    mk_free(&m);
    RULE((rc == SLM_OK) == (t != NULL) && rc == err.code);
    if (!t) return;
    for (int32_t id = -1; id <= tok_count(t); id++) RULE(tok_bytes(t, id).p != NULL);
    uint8_t *trust = mem_zero(rest.n + 1, 1);
    for (size_t i = 0; i < rest.n; i++) trust[i] = i % 7 != 3;
    check_ids(t, rest, 0, NULL);
    check_ids(t, rest, TOK_BOS | TOK_SPECIAL, NULL);
    check_ids(t, rest, TOK_SPECIAL, trust);
    mem_free(trust);
    tok_free(t);
}
