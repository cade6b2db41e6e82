/* sampling.c - how tokens are drawn: the user's settings over the file's own over the defaults, and
 * rules about texts as rules about tokens. */
#include "cli.h"
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define FIELD(name, field) {name, offsetof(slm_sampling, field), sizeof((slm_sampling){0}.field)}
static const struct {
    const char *flag;
    size_t      at, bytes;
} fields[] = {
    FIELD("--temp", temperature), FIELD("--top-k", top_k), FIELD("--top-p", top_p), FIELD("--min-p", min_p),
    FIELD("--typical", typical_p), FIELD("--top-nsigma", top_n_sigma), FIELD("--repeat-penalty", repeat_penalty),
    FIELD("--repeat-last-n", repeat_last_n), FIELD("--presence-penalty", presence_penalty),
    FIELD("--frequency-penalty", frequency_penalty), FIELD("--xtc-probability", xtc_probability),
    FIELD("--xtc-threshold", xtc_threshold), FIELD("--dry-multiplier", dry_multiplier), FIELD("--dry-base", dry_base),
    FIELD("--dry-allowed-length", dry_allowed_length), FIELD("--dry-penalty-last-n", dry_last_n),
    FIELD("--mirostat", mirostat), FIELD("--mirostat-ent", mirostat_tau), FIELD("--mirostat-lr", mirostat_eta),
    FIELD("--samplers", order),
};

slm_sampling sampling_of(const options *o, const slm_model *m) {
    slm_sampling p = slm_model_sampling(m);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (option_given(o, fields[i].flag))
            memcpy((char *)&p + fields[i].at, (const char *)&o->sampling + fields[i].at, fields[i].bytes);
    /* 32 bits are enough to differ and short enough to type again. */
    uint32_t random = 0;
    if (o->seed >= 0) p.seed = (uint64_t)o->seed;
    else if (!getentropy(&random, sizeof random)) p.seed = random;
    else p.seed = (uint64_t)(clock_ms() * 1e6);
    if (!o->greedy) return p;
    p.temperature = 0;
    p.repeat_penalty = 1;
    p.presence_penalty = p.frequency_penalty = p.dry_multiplier = 0;
    p.mirostat = 0;
    memset(p.order, 0, sizeof p.order);
    return p;
}

/* ---- rules about texts --------------------------------------------------------- */

/* Text that a user may see; control tokens have none. */
static str text_of(const slm_model *m, int32_t id) {
    size_t      n = 0;
    const char *p = slm_token_is_control(m, id) ? NULL : slm_token_bytes(m, id, &n);
    return (str){p, n};
}

/* The whole token, or all of it behind the space that begins a word. */
static bool is_token(str token, str text) {
    if (token.n == text.n + 1 && *token.p == ' ') token.p++, token.n--;
    return str_eq(token, text);
}

static bool holds(str token, str text) { return token.n >= text.n && memmem(token.p, token.n, text.p, text.n); }

typedef struct {
    slm_bias *list;
    int       n;
} bias_list;

/* One more rule for the tokens that fit the text; how many there were. */
static int add_rule(bias_list *to, const slm_model *m, int n_vocab, str text, bool (*fits)(str token, str text), float add) {
    int n = 0;
    for (int32_t id = 0; id < n_vocab; id++) {
        const str token = text_of(m, id);
        if (token.n && fits(token, text)) to->list[to->n++] = (slm_bias){id, add}, n++;
    }
    return n;
}

static int set_biases(const options *o, const slm_model *m, slm_session *s) {
    slm_error      err = {0};
    slm_model_info info;
    bias_list      all = {0};
    int            rc = 0;
    if (!o->bias.n && !o->ban.n) return 0;
    slm_model_describe(m, &info);
    all.list = mem_zero((size_t)info.n_vocab * (size_t)(o->bias.n + o->ban.n), sizeof *all.list);
    if (!all.list) return fail(EXIT_MEMORY, "no memory for the biases");
    for (int i = 0; !rc && i < o->bias.n; i++) {
        const char *eq = strrchr(o->bias.text[i], '=');
        const str   text = {o->bias.text[i], (size_t)(eq - o->bias.text[i])};
        double      x = 0;
        is_number(eq + 1, &x);
        if (!add_rule(&all, m, info.n_vocab, text, is_token, (float)x))
            rc = fail(EXIT_USAGE, "--bias: no token of this model is \"%.*s\" alone (slm tokens shows its pieces)", (int)text.n, text.p);
    }
    for (int i = 0; !rc && i < o->ban.n; i++)
        if (!add_rule(&all, m, info.n_vocab, str_of(o->ban.text[i]), holds, -INFINITY))
            rc = fail(EXIT_USAGE, "--ban: no token of this model holds \"%s\" (slm tokens shows its pieces)", o->ban.text[i]);
    if (!rc && slm_session_set_bias(s, all.list, all.n, &err)) rc = fail_status(&err);
    mem_free(all.list);
    return rc;
}

/* What ends a sequence for DRY where the user says nothing: as in text-generation-webui, where it
 * comes from. */
static int set_breakers(const options *o, slm_session *s) {
    static const char *const usual[] = {"\n", ":", "\"", "*"};
    slm_error                err = {0};
    const char *const       *text = o->breaker.n ? o->breaker.text : usual;
    int                      n = o->breaker.n ? o->breaker.n : (int)ARRAY_LEN(usual);
    if (n == 1 && !strcmp(text[0], "none")) n = 0;
    return slm_session_set_dry_breakers(s, text, n, &err) ? fail_status(&err) : 0;
}

int set_sampling(const options *o, const slm_model *m, slm_session *s, slm_sampling *p) {
    slm_error err = {0};
    *p = sampling_of(o, m);
    if (slm_session_set_sampling(s, p, &err)) return fail_status(&err);
    const int rc = p->dry_multiplier > 0 ? set_breakers(o, s) : 0;
    return rc ? rc : set_biases(o, m, s);
}
