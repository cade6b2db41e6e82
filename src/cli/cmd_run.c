/* cmd_run.c - one answer to one prompt; what ended it decides the exit code. */
#include "../json.h"
#include "cli.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --extract: the inside of the code block, or the answer where there is none. */
static void put_block(const options *o, const answer *a) {
    str  text = {a->text.p, a->text.n}, block = text;
    bool whole;
    if (code_block(text, true, &block, &whole)) {
        out_str(block);
        return;
    }
    while (text.n && text.p[text.n - 1] == '\n') text.n--;
    out_str(text);
    if (!o->no_newline) out_put("\n", 1);
}

/* The end of stdout, and the statistics that were asked for. */
static int report(const options *o, const answer *a, const slm_stats *s, double load_ms, sink *file) {
    strbuf b = {0};
    int    rc = 0;
    if (o->json) {
        strbuf_str(&b, STR("{\"text\":"));
        json_write_str(&b, (str){a->text.p, a->text.n});
        strbuf_str(&b, STR(",\"thinking\":"));
        json_write_str(&b, (str){a->thinking.p, a->thinking.n});
        strbuf_str(&b, STR(",\"ids\":["));
        for (size_t i = 0; i < a->ids.n; i++) strbuf_fmt(&b, "%s%d", i ? "," : "", a->ids.p[i]);
        strbuf_str(&b, STR("],"));
        if (a->s) {
            strbuf_str(&b, STR("\"logprobs\":["));
            strbuf_put(&b, a->logprobs.p, a->logprobs.n);
            strbuf_str(&b, STR("],"));
        }
        stats_put(&b, s, load_ms);
        strbuf_char(&b, '}');
        out_put(b.p, b.n);
        if (!o->no_newline) out_put("\n", 1);
    } else if (o->jsonl) {
        strbuf_char(&b, '{');
        stats_put(&b, s, load_ms);
        strbuf_str(&b, STR("}\n"));
        out_put(b.p, b.n);
    } else if (o->extract) put_block(o, a);
    else if (!o->no_newline) out_put("\n", 1);
    out_flush();
    bool bad = b.bad;
    b.n = 0;
    strbuf_char(&b, '{');
    stats_put(&b, s, load_ms);
    strbuf_char(&b, '}');
    if (o->verbose || o->stats == STATS_TEXT) stats_note(s);
    if (o->stats == STATS_JSON) fprintf(stderr, "%.*s\n", (int)b.n, b.p);
    strbuf_char(&b, '\n');
    if (o->stats_file) rc = sink_put(file, b.p, b.n);
    if (bad || b.bad || a->text.bad || a->thinking.bad || a->ids.bad) rc = fail(EXIT_MEMORY, "no memory for the answer's text");
    strbuf_free(&b);
    return rc;
}

/* ---- the command ---------------------------------------------------------- */

static int generate(const options *o, const slm_model *m, slm_session *s, const slm_prompt *prompt, double load_ms, sink *file) {
    slm_error    err = {0};
    slm_stats    stats = {0};
    slm_sampling sampling;
    answer       a = {.o = o, .prints = !o->json && !o->jsonl && !o->extract, .keeps = o->json || o->extract, .pieces = o->jsonl,
                      .extracts = o->extract, .signals = STOP_GENTLY};
    int          rc = set_sampling(o, m, s, &sampling);
    if (rc) return rc;
    if (option_given(o, "--logprobs")) a.m = m, a.s = s;
    if (o->verbose && sampling.temperature > 0) note("seed: %llu", (unsigned long long)sampling.seed);
    /* Until there is text nothing can be kept, and a signal ends the process at once. */
    slm_status status = answer_make(&a, s, prompt, &stats, &err);
    if (a.extracted) stats.finish = SLM_FINISH_STOP;
    if (status) {
        /* What came stays, on a line of its own. */
        if (a.prints && stats.n_new && !o->no_newline) out_put("\n", 1);
        out_flush();
        rc = fail_status(&err);
    } else {
        rc = report(o, &a, &stats, load_ms, file);
        if (!rc && !out_failed()) rc = answer_verdict(o, &stats, s, "-c N makes it larger");
    }
    answer_free(&a);
    return rc;
}

/* Before the memory for it is taken. */
static int check_length(const options *o, const slm_model *m, const slm_session_options *so, const slm_prompt *prompt) {
    slm_model_info info;
    if (!prompt->n_ids) return fail(EXIT_USAGE, "the prompt is empty, and this model has no begin token to start from");
    if (prompt->n_ids <= so->n_ctx) return 0;
    slm_model_describe(m, &info);
    if (so->n_ctx >= info.n_ctx_train)
        return fail(EXIT_LONG, "the prompt has %d tokens, the context %d, all that the model was trained for", prompt->n_ids, so->n_ctx);
    if (option_given(o, "-c"))
        return fail(EXIT_LONG, "the prompt has %d tokens, the context %d: raise -c (the model was trained for %d)", prompt->n_ids, so->n_ctx,
                    info.n_ctx_train);
    return fail(EXIT_LONG, "the prompt has %d tokens, the context %d, all that memory allows: --mem, or a smaller model", prompt->n_ids, so->n_ctx);
}

/* Longer answers take more memory when they come so far. */
enum { LIKELY_ANSWER = 2048 };

static int run_main(options *o) {
    const char  *path;
    strbuf       text = {0};
    slm_model   *m = NULL;
    slm_session *s = NULL;
    slm_prompt   prompt = {0};
    sink         file = {-1, NULL};
    stop_init(o->timeout, o->json || o->jsonl || o->no_newline ? "" : "\n");
    int rc = name_model(o, &path);
    if (rc < 0) rc = read_prompt(o, &text);
    if (!rc && o->stats_file) rc = sink_open(&file, o->stats_file);
    double t0 = clock_ms();
    if (!rc) rc = open_model(o, path, false, &m);
    if (rc) goto done;
    slm_session_options so = session_options(o, m);
    slm_model_info      info;
    slm_model_describe(m, &info);
    if ((rc = make_prompt(o, m, &text, &prompt))) goto done;
    const int64_t most = o->n < 0 ? INT64_MAX / 2 : o->n, likely = most < LIKELY_ANSWER ? most : LIKELY_ANSWER;
    fit_context(o, m, &so, prompt.n_ids + most, prompt.n_ids + likely);
    if ((rc = check_length(o, m, &so, &prompt))) goto done;
    if (o->explain) rc = explain(o, m, path, &so, &prompt, &text);
    if (o->explain || (rc = open_session(o, m, &so, &s))) goto done;
    double load_ms = clock_ms() - t0;
    if (o->verbose)
        note("load: %.1f ms (%s, %s, %.1f M parameters), %s, %d thread%s", load_ms, info.arch, info.quant,
             (double)info.n_params * 1e-6, info.isa, slm_session_n_threads(s),
             slm_session_n_threads(s) == 1 ? "" : "s");
    rc = generate(o, m, s, &prompt, load_ms, &file);
done:
    if (sink_close(&file) && !rc) rc = EXIT_RUNTIME;
    slm_prompt_free(&prompt);
    slm_session_free(s);
    slm_model_close(m);
    strbuf_free(&text);
    return out_end(rc);
}

const command cmd_run = {
    .name = "run",
    .brief = "one answer to a prompt",
    .usage = "[-m FILE] [FLAGS] [PROMPT...]",
    .examples = "  slm run -m model.gguf \"Why is the sky blue?\"\n"
                "  slm run -m model.gguf --system \"Answer in French.\" -n 64 --temp 0 \"Good morning\"\n"
                "  slm run -m model.gguf \"A summary of the text above:\" < text.txt\n"
                "  git diff | slm run -m model.gguf \"Diff: {} A commit message for it:\"\n"
                "  slm run -m model.gguf --raw \"Once upon a time\"\n"
                "  slm run -m model.gguf --json --seed 7 \"A poem\" > answer.json\n"
                "  slm run -m model.gguf -x \"A shell script that counts words\" > count.sh\n",
    .notes = "Settings that no flag gives come from the environment, else from $XDG_CONFIG_HOME/slm/config (lines of\n"
             "key = value: temp = 0.5), else from the model's file, else from what its developers recommend;\n"
             "--explain tells which.\n"
             "\n"
             "stdout gets the answer and one newline, nothing else.  What comes on stdin (or by -f) stands\n"
             "before the prompt with a blank line between, or wherever the prompt has {}.  Without a prompt\n"
             "it is the prompt, byte for byte.  The model reads it through its own chat template; what the\n"
             "text says never becomes a control token.  Text between <think> and </think> is thinking, not\n"
             "answer.\n"
             "\n"
             "Exit status: 0 ended by itself or at -n, 1 cannot run, 2 usage, 3 cut by the context or the\n"
             "default of -n, 4 prompt longer than the context, 6 not enough memory, 124 timeout,\n"
             "130 and 143 stopped by a signal (the partial answer is printed).\n",
    .main = run_main,
};
