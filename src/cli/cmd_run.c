/* cmd_run.c - one answer to one prompt.
 *
 * The answer leaves piece by piece; what ended it decides the exit code.  Newlines at the end of a
 * piece wait for the next piece, so that the answer ends in exactly one. */
#include "../json.h"
#include "cli.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const options *o;
    strbuf         text, thinking; /* --json: all of them */
    id_list        ids;
    size_t         n_held; /* newlines not yet printed */
    int            show;   /* THINKING_STDERR, _STDOUT or _NONE */
    bool           in_thinking; /* thinking was shown and not yet closed */
} answer;

/* ---- answer --------------------------------------------------------------- */

static void put_text(answer *a, const char *p, size_t n) {
    if (a->o->no_newline) {
        out_put(p, n);
        return;
    }
    size_t end = n;
    while (end && p[end - 1] == '\n') end--;
    if (end) {
        for (; a->n_held; a->n_held--) out_put("\n", 1);
        out_put(p, end);
    }
    a->n_held += n - end;
}

/* On stdout the marks around thinking stay, so that a script can tell it from the answer. */
static void put_thinking(answer *a, const char *p, size_t n) {
    if (a->show == THINKING_STDERR) err_put(p, n);
    if (a->show == THINKING_STDOUT && !a->in_thinking) out_text("<think>");
    if (a->show == THINKING_STDOUT) out_put(p, n);
    a->in_thinking = true;
}

static void close_thinking(answer *a) {
    if (a->in_thinking && a->show == THINKING_STDERR) err_put("\n", 1);
    if (a->in_thinking && a->show == THINKING_STDOUT) {
        out_text("</think>");
        put_text(a, "\n\n", 2); /* where no answer follows, one newline ends the output */
    }
    a->in_thinking = false;
}

static bool emit(void *ud, int32_t id, slm_text_kind kind, const char *text, size_t len) {
    answer *a = ud;
    stop_gently(true); /* from here on there is an answer to keep */
    if (a->o->json) {
        if (id >= 0) id_push(&a->ids, id);
        strbuf_put(kind == SLM_TEXT_THINKING ? &a->thinking : &a->text, text, len);
        return !stop_code() && !a->text.bad && !a->thinking.bad && !a->ids.bad;
    }
    if (len && kind == SLM_TEXT_THINKING) put_thinking(a, text, len);
    else if (len) {
        close_thinking(a);
        put_text(a, text, len);
    }
    return out_flush() && !stop_code();
}

/* ---- statistics ----------------------------------------------------------- */

static const char *finish_name(const slm_stats *s) {
    if (s->finish == SLM_FINISH_CANCELLED) return stop_code() == EXIT_TIMEOUT ? "timeout" : "interrupt";
    return s->finish == SLM_FINISH_STOP ? "stop" : s->finish == SLM_FINISH_LENGTH ? "length" : "context";
}

static void put_ms(strbuf *b, const char *name, double ms) {
    strbuf_fmt(b, ",\"%s\":", name);
    json_write_num(b, ms);
}

/* The members from "finish" on, without braces. */
static void put_stats(strbuf *b, const slm_stats *s, double load_ms) {
    strbuf_fmt(b, "\"finish\":\"%s\",\"n_prompt\":%d,\"n_reused\":%d,\"n_generated\":%d", finish_name(s),
               s->n_prompt, s->n_reused, s->n_new);
    put_ms(b, "load_ms", load_ms);
    put_ms(b, "prefill_ms", s->prefill_ms);
    put_ms(b, "decode_ms", s->decode_ms);
    put_ms(b, "first_token_ms", s->first_token_ms);
    strbuf_fmt(b, ",\"peak_rss_bytes\":%llu", (unsigned long long)peak_rss_bytes());
}

static void note_rate(const char *what, int n, double ms) {
    note("%s in %.1f ms, %.1f tokens/s, %.2f ms/token", what, ms, ms > 0 ? n / ms * 1e3 : 0.0,
         n ? ms / n : 0.0);
}

static void note_stats(const slm_stats *s) {
    char what[96], peak[32];
    int  fresh = s->n_prompt - s->n_reused;
    snprintf(what, sizeof what, "prompt: %d tokens (%d reused + %d evaluated)", s->n_prompt, s->n_reused, fresh);
    note_rate(what, fresh, s->prefill_ms);
    snprintf(what, sizeof what, "answer: %d tokens", s->n_new);
    note_rate(what, s->n_new, s->decode_ms);
    note("first token after %.1f ms", s->first_token_ms);
    note("peak memory %s", human_bytes(peak_rss_bytes(), peak));
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
        put_stats(&b, s, load_ms);
        strbuf_char(&b, '}');
        out_put(b.p, b.n);
        if (!o->no_newline) out_put("\n", 1);
    } else if (!o->no_newline) out_put("\n", 1);
    out_flush();
    bool bad = b.bad;
    b.n = 0;
    strbuf_char(&b, '{');
    put_stats(&b, s, load_ms);
    strbuf_char(&b, '}');
    if (o->verbose || o->stats == STATS_TEXT) note_stats(s);
    if (o->stats == STATS_JSON) fprintf(stderr, "%.*s\n", (int)b.n, b.p);
    strbuf_char(&b, '\n');
    if (o->stats_file) rc = sink_put(file, b.p, b.n);
    if (bad || b.bad || a->text.bad || a->thinking.bad || a->ids.bad) rc = fail(EXIT_MEMORY, "no memory for the answer's text");
    strbuf_free(&b);
    return rc;
}

/* What ended the answer, as an exit code; a cut that nobody asked for says so. */
static int verdict(const options *o, const slm_stats *s, const slm_session *session) {
    if (s->finish == SLM_FINISH_CANCELLED && stop_code()) {
        if (stop_code() == EXIT_TIMEOUT) note("stopped by --timeout after %g s", o->timeout);
        return stop_code();
    }
    if (s->finish == SLM_FINISH_CONTEXT)
        return fail(EXIT_CUT, "the answer was cut: the context of %d tokens is full (-c N makes it larger)",
                    slm_session_n_ctx(session));
    if (s->finish == SLM_FINISH_LENGTH && !option_given(o, "-n"))
        return fail(EXIT_CUT, "the answer was cut after %d tokens, the default of -n", o->n);
    return EXIT_OK;
}

/* ---- the command ---------------------------------------------------------- */

/* The user's settings over the file's own over the defaults. */
static slm_sampling sampling_of(const options *o, const slm_model *m) {
    slm_sampling p = slm_model_sampling(m);
    if (option_given(o, "--temp")) p.temperature = o->sampling.temperature;
    if (option_given(o, "--top-k")) p.top_k = o->sampling.top_k;
    if (option_given(o, "--top-p")) p.top_p = o->sampling.top_p;
    if (option_given(o, "--min-p")) p.min_p = o->sampling.min_p;
    if (option_given(o, "--typical")) p.typical_p = o->sampling.typical_p;
    if (option_given(o, "--repeat-penalty")) p.repeat_penalty = o->sampling.repeat_penalty;
    if (option_given(o, "--repeat-last-n")) p.repeat_last_n = o->sampling.repeat_last_n;
    if (option_given(o, "--presence-penalty")) p.presence_penalty = o->sampling.presence_penalty;
    if (option_given(o, "--frequency-penalty")) p.frequency_penalty = o->sampling.frequency_penalty;
    /* 32 bits are enough to differ and short enough to type again. */
    uint32_t random = 0;
    if (o->seed >= 0) p.seed = (uint64_t)o->seed;
    else if (!getentropy(&random, sizeof random)) p.seed = random;
    else p.seed = (uint64_t)(clock_ms() * 1e6);
    if (!o->greedy) return p;
    p.temperature = 0;
    p.repeat_penalty = 1;
    p.presence_penalty = p.frequency_penalty = 0;
    return p;
}

static slm_generation generation_of(const options *o, const slm_prompt *prompt) {
    slm_generation gen = slm_generation_defaults();
    gen.max_new = o->n;
    gen.stop = o->stop;
    gen.n_stop = o->n_stop;
    gen.ignore_eos = o->ignore_eos;
    gen.split_thinking = prompt->text != NULL; /* raw text is continued as it is */
    gen.in_thinking = prompt->in_thinking;
    gen.think_budget = o->think_budget;
    return gen;
}

static int generate(const options *o, const slm_model *m, slm_session *s, const slm_prompt *prompt, double load_ms, sink *file) {
    slm_error      err = {0};
    slm_stats      stats = {0};
    slm_generation gen = generation_of(o, prompt);
    slm_sampling   sampling = sampling_of(o, m);
    answer         a = {.o = o, .show = o->show_thinking};
    int            rc;
    if (a.show == THINKING_AUTO) a.show = isatty(STDERR_FILENO) ? THINKING_STDERR : THINKING_NONE;
    if (o->verbose && sampling.temperature > 0) note("seed: %llu", (unsigned long long)sampling.seed);
    if (slm_session_set_sampling(s, &sampling, &err)) return fail_status(&err);
    /* Until emit() is first called nothing can be kept, and a signal ends the process at once. */
    slm_status status = slm_generate(s, prompt->ids, prompt->n_ids, &gen, emit, &a, &stats, &err);
    if (!o->json) close_thinking(&a);
    if (status) {
        /* What came stays, on a line of its own. */
        if (!o->json && stats.n_new && !o->no_newline) out_put("\n", 1);
        out_flush();
        rc = fail_status(&err);
    } else {
        rc = report(o, &a, &stats, load_ms, file);
        if (!rc && !out_failed()) rc = verdict(o, &stats, s);
    }
    id_free(&a.ids);
    strbuf_free(&a.thinking);
    strbuf_free(&a.text);
    return rc;
}

/* Before the memory for it is taken. */
static int check_length(const slm_model *m, const slm_session_options *so, const slm_prompt *prompt) {
    slm_memory     plan = {0};
    slm_model_info info;
    if (!prompt->n_ids) return fail(EXIT_USAGE, "the prompt is empty, and this model has no begin token to start from");
    if (slm_memory_plan(m, so, &plan, NULL) || prompt->n_ids <= plan.n_ctx) return 0;
    slm_model_describe(m, &info);
    return fail(EXIT_LONG, "the prompt has %d tokens, the context %d: raise -c (the model was trained for %d)",
                prompt->n_ids, plan.n_ctx, info.n_ctx_train);
}

static int run_main(options *o) {
    const char  *path;
    strbuf       text = {0};
    slm_model   *m = NULL;
    slm_session *s = NULL;
    slm_prompt   prompt = {0};
    sink         file = {-1, NULL};
    stop_init(o->timeout, o->json || o->no_newline ? "" : "\n");
    int rc = name_model(o, &path);
    if (rc < 0) rc = read_prompt(o, &text);
    if (!rc && o->stats_file) rc = sink_open(&file, o->stats_file);
    double t0 = clock_ms();
    if (!rc) rc = open_model(o, path, false, &m);
    if (rc) goto done;
    slm_session_options so = session_options(o, m);
    slm_model_info      info;
    slm_model_describe(m, &info);
    if ((rc = make_prompt(o, m, &text, &prompt)) || (rc = check_length(m, &so, &prompt)) || (rc = open_session(o, m, &so, &s))) goto done;
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
                "  slm run -m model.gguf --json --seed 7 \"A poem\" > answer.json\n",
    .notes = "stdout gets the answer and one newline, nothing else.  What comes on stdin (or by -f) stands\n"
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
