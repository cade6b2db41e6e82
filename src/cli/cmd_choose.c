/* cmd_choose.c - picks among texts by the exact probability that each would be the answer.
 *
 * The probability of a text behind the prompt is that of its tokens, one after another, and where the model
 * ends its turns of the end behind it: so "spam" is not more probable than "spam filter" for being its beginning. */
#include "../json.h"
#include "cli.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_CHOICES = 100 }; /* exit codes 10 to 109 */

typedef struct {
    str    text;
    double logprob, share;
} choice;

typedef struct {
    const options   *o;
    slm_model       *m;
    slm_session     *s;
    prompt_form      form;
    choice           of[MOST_CHOICES];
    int              n;
    int              n_vocab;
    /* of the choice at work */
    const int32_t   *ids;
    int              n_ids;
    double           sum;
} choosing;

/* ---- what to choose from ----------------------------------------------------------- */

static int read_choices(choosing *x) {
    for (int i = 0; i < x->o->of.n; i++)
        for (const char *p = x->o->of.text[i];; p++) {
            const str text = {p, strcspn(p, ",")};
            if (!text.n) return fail(EXIT_USAGE, "--of: \"%s\" holds an empty text", x->o->of.text[i]);
            for (int k = 0; k < x->n; k++)
                if (str_eq(x->of[k].text, text)) return fail(EXIT_USAGE, "--of: \"%.*s\" stands there twice", (int)text.n, text.p);
            if (x->n == MOST_CHOICES) return fail(EXIT_USAGE, "--of: more than %d texts", MOST_CHOICES);
            x->of[x->n++] = (choice){.text = text};
            p += text.n;
            if (!*p) break;
        }
    return x->n > 1 ? 0 : fail(EXIT_USAGE, "--of: two texts or more to choose from: --of yes,no");
}

/* ---- probabilities -------------------------------------------------------------------- */

/* ln of the probability that the turn ends here, in any way. */
static double end_logprob(const choosing *x, const float *z, double norm) {
    double sum = 0;
    for (int i = 0; i < x->n_vocab; i++)
        if (slm_token_ends_turn(x->m, i)) sum += exp((double)z[i] - norm);
    return log(sum);
}

/* After token i of the choice. */
static bool see(void *ud, int i, const float *z) {
    choosing    *x = ud;
    const double norm = log_sum_exp(z, x->n_vocab);
    if (i + 1 < x->n_ids) x->sum += (double)z[x->ids[i + 1]] - norm;
    else if (!x->form.raw) x->sum += end_logprob(x, z, norm);
    return true;
}

/* ln of the probability of `text` as the answer to the prompt. */
static int score_choice(choosing *x, const slm_prompt *prompt, str text, double *out) {
    slm_error err = {0};
    int32_t  *ids = NULL;
    int       n = 0;
    int       rc = slm_tokenize(x->m, text.p, text.n, 0, &ids, &n, &err) ? fail_status(&err) : 0;
    if (!rc && !n) rc = fail(EXIT_USAGE, "--of: \"%.*s\" has no token in this model", (int)text.n, text.p);
    if (!rc && (int64_t)prompt->n_ids + n > slm_session_n_ctx(x->s))
        rc = fail(EXIT_LONG, "the prompt and \"%.*s\" have %d tokens, the context %d", text.n < 40 ? (int)text.n : 40, text.p, prompt->n_ids + n,
                  slm_session_n_ctx(x->s));
    if (!rc && slm_session_sync(x->s, prompt->ids, prompt->n_ids, &err)) rc = fail_status(&err);
    if (!rc) {
        const float *z = slm_session_logits(x->s);
        x->ids = ids;
        x->n_ids = n;
        x->sum = (double)z[ids[0]] - log_sum_exp(z, x->n_vocab);
        if (slm_session_score(x->s, ids, n, see, x, &err)) rc = fail_status(&err);
        *out = x->sum;
    }
    slm_free(ids);
    return rc;
}

/* sign 1: adds the logarithms to those that are there; -1: takes them off. */
static int score_all(choosing *x, const strbuf *text, double sign) {
    slm_prompt prompt = {0};
    int        rc = prompt_form_fill(x->o, x->m, &x->form, (str){text->p, text->n}, &prompt);
    if (!rc && !prompt.n_ids) rc = fail(EXIT_USAGE, "the prompt is empty, and this model has no begin token to start from");
    for (int i = 0; i < x->n && !rc; i++) {
        double logprob = 0;
        rc = score_choice(x, &prompt, x->of[i].text, &logprob);
        x->of[i].logprob += sign * logprob;
    }
    slm_prompt_free(&prompt);
    return rc;
}

/* Shares of a whole, and which is the largest. */
static int settle(choosing *x) {
    double max = -HUGE_VAL, sum = 0;
    int    best = 0;
    for (int i = 0; i < x->n; i++)
        if (x->of[i].logprob > max) max = x->of[best = i].logprob;
    for (int i = 0; i < x->n; i++) sum += exp(x->of[i].logprob - max);
    for (int i = 0; i < x->n; i++) x->of[i].share = exp(x->of[i].logprob - max) / sum;
    return best;
}

/* ---- the command ------------------------------------------------------------------------ */

static int print(const choosing *x, int best) {
    strbuf b = {0};
    if (x->o->json) {
        strbuf_str(&b, STR("{\"choice\":"));
        json_write_str(&b, x->of[best].text);
        strbuf_fmt(&b, ",\"index\":%d,\"choices\":[", best);
        for (int i = 0; i < x->n; i++) {
            strbuf_str(&b, i ? STR(",{\"text\":") : STR("{\"text\":"));
            json_write_str(&b, x->of[i].text);
            strbuf_str(&b, STR(",\"logprob\":"));
            json_write_num(&b, x->of[i].logprob);
            strbuf_str(&b, STR(",\"share\":"));
            json_write_num(&b, x->of[i].share);
            strbuf_char(&b, '}');
        }
        strbuf_str(&b, STR("]}\n"));
    } else if (x->o->probs) {
        for (int i = 0; i < x->n; i++)
            strbuf_fmt(&b, "%.*s\t%.6f\t%.6f\n", (int)x->of[i].text.n, x->of[i].text.p, x->of[i].logprob, x->of[i].share);
    } else strbuf_fmt(&b, "%.*s\n", (int)x->of[best].text.n, x->of[best].text.p);
    const int rc = b.bad ? fail(EXIT_MEMORY, "no memory for the result") : 0;
    if (!rc) out_put(b.p, b.n);
    strbuf_free(&b);
    return rc;
}

static int choose(choosing *x, const strbuf *text, const strbuf *without) {
    slm_session_options so = session_options(x->o, x->m);
    fit_context(x->o, x->m, &so, 2048, 2048);
    int rc = open_session(x->o, x->m, &so, &x->s);
    if (!rc) rc = score_all(x, text, 1);
    if (!rc && x->o->calibrate) rc = score_all(x, without, -1);
    if (rc) return rc;
    const int best = settle(x);
    if (!isfinite(x->of[best].logprob)) return fail(EXIT_RUNTIME, "no text has a probability: no finite logits");
    if ((rc = print(x, best))) return rc;
    if (x->of[best].share < x->o->min_confidence)
        return fail(EXIT_UNSURE, "\"%.*s\" has %.3f, less than --min-confidence %g", (int)x->of[best].text.n, x->of[best].text.p, x->of[best].share,
                    x->o->min_confidence);
    return x->o->exit_index ? EXIT_CHOICE + best : 0;
}

/* The prompt, and (--calibrate) the same with "N/A" in place of what came on stdin or by -f. */
static int read_texts(const options *o, strbuf *text, strbuf *without) {
    strbuf own = {0}, input = {0};
    int    rc = 0;
    if (!o->calibrate) return read_prompt(o, text);
    if ((!o->n_arg && !o->prompt) || !(o->file || stdin_is_piped(o)))
        return fail(EXIT_USAGE, "--calibrate needs a prompt and an input, on stdin or by -f, in whose place it puts \"N/A\"");
    rc = read_own_prompt(o, &own);
    if (!rc) rc = read_all(o->file, &input);
    if (!rc && !input.n) rc = fail(EXIT_USAGE, "--calibrate: the input is empty");
    if (!rc) {
        make_utf8(&input);
        combine_prompt(text, (str){own.p, own.n}, (str){input.p, input.n});
        combine_prompt(without, (str){own.p, own.n}, STR("N/A"));
        if (text->bad || without->bad || input.bad) rc = fail(EXIT_MEMORY, "no memory for the prompt");
    }
    strbuf_free(&own);
    strbuf_free(&input);
    return rc;
}

static int choose_main(options *o) {
    const char *path;
    slm_model  *m = NULL;
    strbuf      text = {0}, without = {0};
    choosing    x = {.o = o};
    stop_init(o->timeout, "");
    int rc = o->of.n ? read_choices(&x) : fail(EXIT_USAGE, "nothing to choose from: --of yes,no");
    if (!rc) rc = name_model(o, &path);
    if (rc < 0) rc = read_texts(o, &text, &without);
    if (!rc) rc = open_model(o, path, false, &m);
    if (!rc) {
        slm_model_info info;
        slm_model_describe(m, &info);
        x.n_vocab = info.n_vocab;
        x.m = m;
        rc = prompt_form_read(o, m, &x.form);
        if (!rc) rc = choose(&x, &text, &without);
    }
    prompt_form_free(&x.form);
    slm_session_free(x.s);
    slm_model_close(m);
    strbuf_free(&text);
    strbuf_free(&without);
    return out_end(rc);
}

const command cmd_choose = {
    .name = "choose",
    .brief = "picks one of several texts, by exact probability",
    .usage = "[-m FILE] --of A,B,.. [FLAGS] [PROMPT...]",
    .examples = "  slm choose -m model.gguf --of spam,ham 'Is this spam or ham?' < mail.txt\n"
                "  slm choose -m model.gguf --of yes,no --probs 'Is the sky blue?'\n"
                "  slm choose -m model.gguf --of en,fr,de --exit-index 'The language of: {}' < text.txt; echo $?\n",
    .notes = "The probability of a text is that of its tokens behind the prompt and of the turn's end behind them\n"
             "(--raw: without the end).  --probs and --json print for each its natural logarithm and its share among\n"
             "the texts.  --calibrate takes off what the same prompt gives for \"N/A\" as the input.\n"
             "\n"
             "Exit status: 0, 1 cannot run, 2 usage, 4 the prompt does not fit the context, 6 not enough memory, 7 less\n"
             "sure than --min-confidence (the choice is printed), 10 + i with --exit-index: the i-th, from 0 on;\n"
             "124 timeout, 130 and 143 stopped by a signal.\n",
    .main = choose_main,
};
