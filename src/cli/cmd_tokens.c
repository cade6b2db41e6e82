/* cmd_tokens.c - text to ids, ids to text, and the same for many lines with one vocabulary. */
#include "../json.h"
#include "../limits.h"
#include "cli.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static str piece_of(const slm_model *m, int32_t id) {
    size_t      n = 0;
    const char *p = slm_token_bytes(m, id, &n);
    return p ? (str){p, n} : (str){"", 0};
}

static void put_list(strbuf *b, const int32_t *ids, int n, const char *gap) {
    for (int i = 0; i < n; i++) strbuf_fmt(b, "%s%d", i ? gap : "", ids[i]);
}

/* ---- lines ---------------------------------------------------------------- */

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Standard alphabet with padding (RFC 4648, section 4). */
static bool base64_decode(str in, strbuf *out) {
    if (in.n % 4) return false;
    for (size_t i = 0; i < in.n; i += 4) {
        bool     last = i + 4 == in.n;
        int      pad = !last ? 0 : (in.p[i + 3] == '=') + (in.p[i + 3] == '=' && in.p[i + 2] == '=');
        uint32_t u = 0;
        for (int k = 0; k < 4; k++) {
            int d = k < 4 - pad ? base64_digit(in.p[i + (size_t)k]) : 0;
            if (d < 0) return false;
            u = u << 6 | (uint32_t)d;
        }
        for (int k = 0; k < 3 - pad; k++) strbuf_char(out, (char)(u >> (16 - 8 * k) & 255));
    }
    return !out->bad;
}

/* One result line for one line of input.  False: it holds an error. */
static bool answer_line(const options *o, const slm_model *m, str line) {
    pool      p;
    strbuf    b = {0}, raw = {0};
    slm_error err = {0};
    int32_t  *ids = NULL;
    int       n = 0;
    /* Each value takes 32 bytes and more; a line of text takes about its own length. */
    pool_init(&p, 8 * line.n + 65536);
    const json *v = json_parse(&p, line, &err), *text = json_get(v, STR("text")), *b64 = json_get(v, STR("b64"));
    if (v && json_type(text) != JSON_STR && json_type(b64) != JSON_STR)
        err_set(&err, SLM_ERR_FORMAT, "a line is {\"text\":\"..\"} or {\"b64\":\"..\"}");
    str input = json_str(text);
    if (!err.code && json_type(text) != JSON_STR) {
        if (!base64_decode(json_str(b64), &raw)) err_set(&err, SLM_ERR_FORMAT, "b64 is not base64");
        input = (str){raw.p ? raw.p : "", raw.n};
    }
    if (!err.code) slm_tokenize(m, input.p, input.n, token_flags(o), &ids, &n, &err);
    if (err.code) {
        strbuf_str(&b, STR("{\"error\":"));
        json_write_str(&b, str_of(err.text));
    } else {
        strbuf_fmt(&b, "{\"n\":%d,\"ids\":[", n);
        put_list(&b, ids, n, ",");
        strbuf_char(&b, ']');
    }
    strbuf_str(&b, STR("}\n"));
    if (b.bad) out_text("{\"error\":\"no memory\"}\n");
    else out_put(b.p, b.n);
    err.code = b.bad ? SLM_ERR_MEMORY : err.code;
    slm_free(ids);
    strbuf_free(&raw);
    strbuf_free(&b);
    pool_free(&p);
    return !err.code;
}

/* Answers what is complete before it reads on, so that a program may write a line, wait for its
 * result, and write the next. */
static int answer_lines(const options *o, const slm_model *m) {
    strbuf in = {.cap_bytes = 2u * PROMPT_MAX_BYTES};
    char   part[65536];
    bool   good = true;
    int    rc = 0;
    for (;;) {
        ssize_t k = read(STDIN_FILENO, part, sizeof part);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) rc = fail(EXIT_RUNTIME, "stdin: cannot read: %s", strerror(errno));
        if (k <= 0) break;
        size_t scanned = in.n, start = 0;
        strbuf_put(&in, part, (size_t)k);
        if (in.bad) {
            rc = too_long(&in, "a line of stdin");
            break;
        }
        for (char *nl; (nl = memchr(in.p + scanned, '\n', in.n - scanned));) {
            size_t end = (size_t)(nl - in.p);
            good &= answer_line(o, m, (str){in.p + start, end - start});
            start = scanned = end + 1;
        }
        memmove(in.p, in.p + start, in.n - start);
        in.n -= start;
        if (!out_flush()) break;
    }
    if (!rc && in.n) good &= answer_line(o, m, (str){in.p, in.n});
    strbuf_free(&in);
    return rc ? rc : good ? EXIT_OK : EXIT_RUNTIME;
}

/* ---- one text ------------------------------------------------------------- */

static int decode(options *o, const slm_model *m) {
    slm_model_info info;
    strbuf         text = {0};
    id_list        ids = {0};
    slm_error      err = {0};
    char          *bytes = NULL;
    size_t         n = 0;
    slm_model_describe(m, &info);
    int rc = 0;
    if (o->ids && (o->n_arg || o->ids_file)) rc = fail(EXIT_USAGE, "ids given twice");
    else if (o->ids) rc = parse_ids("--ids", str_of(o->ids), info.n_vocab, &ids);
    else {
        rc = o->ids_file ? read_all(o->ids_file, &text) : read_text(o, &text);
        if (!rc) rc = parse_ids("ids", (str){text.p, text.n}, info.n_vocab, &ids);
    }
    if (!rc && slm_detokenize(m, ids.p, (int)ids.n, o->special, &bytes, &n, &err)) rc = fail_status(&err);
    if (!rc) out_put(bytes, n);
    slm_free(bytes);
    id_free(&ids);
    strbuf_free(&text);
    return rc;
}

static void print_table(strbuf *b, const slm_model *m, const int32_t *ids, int n) {
    for (int i = 0; i < n; i++) {
        strbuf_fmt(b, "%8d  ", ids[i]);
        json_write_str(b, piece_of(m, ids[i]));
        strbuf_char(b, '\n');
    }
}

static void print_json(strbuf *b, const slm_model *m, const int32_t *ids, int n) {
    strbuf_fmt(b, "{\"n\":%d,\"ids\":[", n);
    put_list(b, ids, n, ",");
    strbuf_str(b, STR("],\"pieces\":["));
    for (int i = 0; i < n; i++) {
        if (i) strbuf_char(b, ',');
        json_write_str(b, piece_of(m, ids[i]));
    }
    strbuf_str(b, STR("]}\n"));
}

static int encode(options *o, const slm_model *m) {
    strbuf    text = {0}, b = {0};
    slm_error err = {0};
    int32_t  *ids = NULL;
    int       n = 0;
    if (o->ids_file) return fail(EXIT_USAGE, "--ids-file goes with --decode");
    int rc = read_text(o, &text);
    if (!rc && slm_tokenize(m, text.p ? text.p : "", text.n, token_flags(o), &ids, &n, &err)) rc = fail_status(&err);
    if (!rc) {
        if (o->count) strbuf_fmt(&b, "%d\n", n);
        else if (o->json) print_json(&b, m, ids, n);
        else if (o->want_ids) put_list(&b, ids, n, " "), strbuf_char(&b, '\n');
        else print_table(&b, m, ids, n);
        if (b.bad) rc = fail(EXIT_MEMORY, "no memory for %d ids", n);
        else out_put(b.p, b.n);
    }
    slm_free(ids);
    strbuf_free(&text);
    strbuf_free(&b);
    return rc;
}

static int check(const options *o) {
    if (o->decode && (o->jsonl || o->json || o->count))
        return fail(EXIT_USAGE, "--decode prints text: it does not go with --json, --jsonl or --count");
    if (o->jsonl && (o->n_arg || o->file || o->json || o->count || o->want_ids))
        return fail(EXIT_USAGE, "--jsonl reads stdin and prints its own form: no text, -f, --json, --ids, --count");
    if (o->jsonl && refuse_to_wait()) return EXIT_USAGE;
    if (o->ids_file && !o->decode) return fail(EXIT_USAGE, "--ids-file goes with --decode");
    if (o->count + o->json + (o->want_ids && !o->decode) > 1)
        return fail(EXIT_USAGE, "only one of --count, --ids and --json");
    return 0;
}

static int tokens_main(options *o) {
    const char *path;
    slm_model  *m = NULL;
    stop_init(0, "");
    int rc = name_model(o, &path);
    if (rc < 0) rc = check(o);
    if (!rc) rc = open_model(o, path, true, &m);
    if (!rc) rc = o->jsonl ? answer_lines(o, m) : o->decode ? decode(o, m) : encode(o, m);
    slm_model_close(m);
    return out_end(rc);
}

const command cmd_tokens = {
    .name = "tokens",
    .brief = "the tokens of a text, or the text of tokens",
    .usage = "[-m FILE] [FLAGS] [TEXT...]",
    .examples = "  slm tokens -m model.gguf \"Hello world\"\n"
                "  slm tokens -m model.gguf --count < book.txt\n"
                "  slm tokens -m model.gguf --ids --special \"<|im_start|>user\"\n"
                "  slm tokens -m model.gguf --decode --ids 1,2,3\n"
                "  slm tokens -m model.gguf --jsonl < texts.jsonl\n",
    .notes = "Text is taken as it is, stdin byte for byte.  --jsonl reads {\"text\":\"..\"} or {\"b64\":\"..\"} lines and\n"
             "prints {\"n\":..,\"ids\":[..]} for each; a line that is neither gives {\"error\":\"..\"} and exit 1 at the end.\n",
    .main = tokens_main,
};
