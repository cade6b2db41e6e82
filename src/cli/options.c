/* options.c - from the command line, the environment and the configuration file to settings, by the table of
 * option_table.c; and what help and --explain print of them. */
#include "option.h"
#include "../json.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where a value comes from; the later ones are asked first. */
enum { FROM_DEFAULT, FROM_CONFIG, FROM_ENVIRONMENT, FROM_FLAG };
static uint8_t from[MAX_OPTIONS];
static strbuf  foreign; /* flags of llama.cpp that were given */

/* ---- words ---------------------------------------------------------------- */

/* Takes the next word off *rest; false at the end. */
static bool next_word(const char **rest, str *word) {
    const char *p = *rest + strspn(*rest, " ");
    word->p = p;
    word->n = strcspn(p, " ");
    *rest = p + word->n;
    return word->n > 0;
}

static bool has_word(const char *words, str w) {
    str k;
    while (words && next_word(&words, &k))
        if (str_eq(k, w)) return true;
    return false;
}

/* Damerau-Levenshtein with adjacent swaps, for words of the length of a flag. */
int edit_distance(str a, str b) {
    enum { CAP = 40 };
    int row[3][CAP + 1];
    if (a.n > CAP || b.n > CAP) return CAP;
    for (int j = 0; j <= (int)b.n; j++) row[0][j] = j;
    for (int i = 1; i <= (int)a.n; i++) {
        int *now = row[i % 3], *up = row[(i + 2) % 3], *upup = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= (int)b.n; j++) {
            int d = up[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            if (up[j] + 1 < d) d = up[j] + 1;
            if (now[j - 1] + 1 < d) d = now[j - 1] + 1;
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] && upup[j - 2] + 1 < d)
                d = upup[j - 2] + 1;
            now[j] = d;
        }
    }
    return row[a.n % 3][b.n];
}

str nearest_word(const char *words, str got) {
    str best = {"", 0}, w;
    int least = (int)(got.n / 3 > 1 ? got.n / 3 : 1) + 1;
    while (next_word(&words, &w)) {
        int d = edit_distance(got, w);
        /* The beginning of one word is nearer than any misspelling. */
        if (got.n >= 4 && w.n > got.n && !memcmp(w.p, got.p, got.n)) d = 0;
        if (d < least) least = d, best = w;
    }
    return best;
}

/* ---- values --------------------------------------------------------------- */

/* Decimal only: strtod alone would take "0x10", "inf", "nan" and leading space. */
bool is_number(const char *s, double *out) {
    if (!*s || strspn(s, "0123456789+-.eE") != strlen(s)) return false;
    char *end;
    *out = strtod(s, &end);
    return !*end && end != s;
}

static bool is_whole(const char *s) {
    s += *s == '-' || *s == '+';
    return *s && strspn(s, "0123456789") == strlen(s);
}

static void put_range(const option *r, char buf[64]) {
    if (r->hi >= INT_MAX && r->kind == INT) snprintf(buf, 64, "%.0f or more", r->lo);
    else snprintf(buf, 64, "%.10g to %.10g", r->lo, r->hi);
}

static int out_of_range(const option *r, const char *name, const char *text) {
    char range[64];
    put_range(r, range);
    return fail(EXIT_USAGE, "%s: %s is out of range (%s)", name, text, range);
}

static int store_number(const option *r, void *field, const char *name, const char *text) {
    double x = 0;
    bool   real = r->kind == REAL || r->kind == FLOAT;
    if (!is_number(text, &x)) return fail(EXIT_USAGE, "%s: \"%s\" is not a number", name, text);
    if (!real && !is_whole(text)) return fail(EXIT_USAGE, "%s: \"%s\" is not a whole number", name, text);
    if (r->kind == SEED) {
        if (x < -1 || x >= 9223372036854775808.0)
            return fail(EXIT_USAGE, "%s: %s is out of range (0 to 9223372036854775807, or -1)", name, text);
        *(int64_t *)field = strtoll(text, NULL, 10);
        return -1;
    }
    if (!isfinite(x) || x < r->lo || x > r->hi) return out_of_range(r, name, text);
    if (r->kind == INT) *(int *)field = (int)x;
    else if (r->kind == REAL) *(double *)field = x;
    else *(float *)field = (float)x;
    return -1;
}

/* Units are powers of 1024. */
static int store_size(uint64_t *field, const char *name, const char *text) {
    static const char units[] = "KMGT";
    const size_t n = strspn(text, "0123456789.");
    char         digits[24] = "";
    double       x = 0;
    const char  *end = text + n, *unit = *end > ' ' ? strchr(units, *end & ~0x20) : NULL;
    if (n < sizeof digits) memcpy(digits, text, n);
    if (unit) end++;
    const bool good = is_number(digits, &x) && (!*end || !strcasecmp(end, "B") || (unit && !strcasecmp(end, "iB")));
    if (good && unit) x = ldexp(x, 10 * ((int)(unit - units) + 1));
    if (!good) return fail(EXIT_USAGE, "%s: \"%s\" is not a size such as 8G, 512M or a number of bytes", name, text);
    if (x < 1 || x >= 0x1p62) return fail(EXIT_USAGE, "%s: %s is out of range (1 to 4194303T)", name, text);
    *field = (uint64_t)x;
    return -1;
}

static int store_choice(const option *r, int *field, const char *name, const char *text) {
    const char *rest = r->choices;
    str         w;
    for (int i = 0; next_word(&rest, &w); i++)
        if (str_is(w, text)) {
            *field = i + (r->kind == MAYBE);
            return -1;
        }
    return fail(EXIT_USAGE, "%s: \"%s\" is not one of: %s", name, text, r->choices);
}

static int store_think(options *o, const char *name, const char *text) {
    static const char *const modes[] = {"auto", "on", "off"};
    double                   x = 0;
    o->think_budget = -1;
    for (int i = 0; i < 3; i++)
        if (!strcmp(text, modes[i])) {
            o->think = (slm_think)i;
            return -1;
        }
    if (!is_whole(text) || !is_number(text, &x) || x < 0 || x > INT_MAX)
        return fail(EXIT_USAGE, "%s: \"%s\" is not auto, on, off or a number of tokens", name, text);
    o->think = SLM_THINK_AUTO;
    o->think_budget = (int)x;
    return -1;
}

/* ---- lists ----------------------------------------------------------------- */

static bool push(int_list *l, int v) {
    if (l->n == MAX_VALUES) return false;
    l->v[l->n++] = v;
    return true;
}

/* A whole number at *p, which moves behind it. */
static bool take_whole(const char **p, double *out) {
    size_t n = strspn(*p, "0123456789");
    char   digits[16];
    if (!n || n >= sizeof digits) return false;
    memcpy(digits, *p, n);
    digits[n] = 0;
    *out = strtod(digits, NULL);
    *p += n;
    return true;
}

/* One of: 5   1-4   0-1024+256   1-8*2; in words that commas separate. */
static int store_ints(const option *r, int_list *l, const char *name, const char *text) {
    for (const char *p = text;;) {
        double first, last, step = 1;
        char   how = '+';
        bool   good = take_whole(&p, &first);
        last = first;
        if (good && *p == '-') {
            p++;
            good = take_whole(&p, &last) && last >= first;
            if (good && (*p == '+' || *p == '*')) {
                how = *p++;
                /* A factor that makes no progress would never end. */
                good = take_whole(&p, &step) && step >= (how == '*' ? 2 : 1) && !(how == '*' && first < 1);
            }
        }
        if (!good || (*p && *p != ','))
            return fail(EXIT_USAGE, "%s: \"%s\" is no list of numbers and ranges such as 1,2 or 1-4 or 0-1024+256 or 1-8*2", name, text);
        if (first < r->lo || last > r->hi) return out_of_range(r, name, text);
        for (double v = first; v <= last; v = how == '*' ? v * step : v + step)
            if (!push(l, (int)v)) return fail(EXIT_USAGE, "%s: more than %d values", name, MAX_VALUES);
        if (!*p) return -1;
        p++;
    }
}

static int store_pair(const option *r, int_list *l, const char *name, const char *text) {
    const char *p = text;
    double      a, b;
    if (!take_whole(&p, &a) || *p++ != ',' || !take_whole(&p, &b) || *p)
        return fail(EXIT_USAGE, "%s: \"%s\" is not two numbers such as 512,128", name, text);
    if (a > r->hi || b > r->hi) return out_of_range(r, name, text);
    if (!push(l, (int)a) || !push(l, (int)b)) return fail(EXIT_USAGE, "%s: more than %d pairs", name, MAX_VALUES / 2);
    return -1;
}

static int store_choices(const option *r, int_list *l, const char *name, const char *text) {
    for (const char *p = text;; p++) {
        char one[32];
        int  at = 0;
        snprintf(one, sizeof one, "%.*s", (int)strcspn(p, ","), p);
        int rc = store_choice(r, &at, name, one);
        if (rc >= 0) return rc;
        if (!push(l, at)) return fail(EXIT_USAGE, "%s: more than %d values", name, MAX_VALUES);
        p += strcspn(p, ",");
        if (!*p) return -1;
    }
}

static int store_text(const option *r, text_list *l, const char *name, const char *text) {
    const char *eq = r->kind == BIAS ? strrchr(text, '=') : text + strlen(text);
    double      x = 0;
    if (!eq || (r->kind == BIAS && !is_number(eq + 1, &x)))
        return fail(EXIT_USAGE, "%s: \"%s\" is not of the form TEXT=NUMBER", name, text);
    if (eq == text) return fail(EXIT_USAGE, "%s: there is no text in \"%s\"", name, text);
    if (r->kind == BIAS && !(x >= r->lo && x <= r->hi)) return out_of_range(r, name, eq + 1);
    if (l->n == MAX_VALUES) return fail(EXIT_USAGE, "%s: more than %d texts", name, MAX_VALUES);
    l->text[l->n++] = text;
    return -1;
}

/* Stores one value.  text is NULL for flags.  -1: stored; else the exit code. */
static int store(options *o, const option *r, const char *name, const char *text) {
    void      *field = (char *)o + r->at;
    const bool again = from[r - option_table] == FROM_FLAG;
    from[r - option_table] = FROM_FLAG;
    switch (r->kind) {
    case FLAG: *(bool *)field = true; return -1;
    case INT:
    case SEED:
    case REAL:
    case FLOAT: return store_number(r, field, name, text);
    case SIZE: return store_size(field, name, text);
    case CHOICE: return store_choice(r, field, name, text);
    case MAYBE:
        if (text) return store_choice(r, field, name, text);
        *(int *)field = 1;
        return -1;
    case TEXT:
        /* Texts and lists may be empty, or say it themselves; names may not. */
        if (!*text && strcmp(r->arg, "TEXT") && strcmp(r->arg, "LIST")) return fail(EXIT_USAGE, "%s: \"\" is no %s", name, r->arg);
        /* Of settings the last counts; a part of the prompt must not be lost. */
        if (again && (r->at == AT(file) || r->at == AT(prompt))) return fail(EXIT_USAGE, "%s is given twice: it takes one %s", name, r->arg);
        *(const char **)field = text;
        return -1;
    case STOPS:
        if (!*text) return fail(EXIT_USAGE, "%s: an empty text would stop at once", name);
        if (o->n_stop == MAX_STOPS) return fail(EXIT_USAGE, "%s: more than %d stop texts", name, MAX_STOPS);
        o->stop[o->n_stop++] = text;
        return -1;
    case INTS: return store_ints(r, field, name, text);
    case PAIR: return store_pair(r, field, name, text);
    case CHOICES: return store_choices(r, field, name, text);
    case OPTIONAL:
        if (text && !*text) return fail(EXIT_USAGE, "%s: nothing stands behind the =", name);
        *(const char **)field = text ? text : "";
        return -1;
    case THINK: return store_think(o, name, text);
    case BIAS:
    case TEXTS: return store_text(r, field, name, text);
    case VARS:
        if (o->n_var == MAX_VARS) return fail(EXIT_USAGE, "%s: more than %d variables", name, MAX_VARS);
        o->var[o->n_var++] = text;
        return -1;
    case IDS:
        *(bool *)field = true;
        if (text) o->ids = text;
        return -1;
    case FOREIGN:
        strbuf_fmt(&foreign, "%s%s", foreign.n ? " " : "", name);
        return -1;
    }
    return -1;
}

/* ---- parsing -------------------------------------------------------------- */

static bool is_for(const option *r, const command *c) {
    return !strcmp(r->cmds, "*") || has_word(r->cmds, str_of(c->name));
}

static const option *find(const command *c, str name) {
    for (size_t i = 0; i < option_count; i++)
        if (is_for(&option_table[i], c) && has_word(option_table[i].names, name)) return &option_table[i];
    return NULL;
}

static int read_samplers(options *o) {
    slm_error err = {0};
    if (o->samplers && slm_samplers_parse(o->samplers, o->sampling.order, &err)) return fail(EXIT_USAGE, "--samplers: %s", err.text);
    return -1;
}

bool option_given(const options *o, const char *name) {
    const option *r = find(o->cmd, str_of(name));
    return r && from[r - option_table];
}

bool option_of_command(const options *o, const char *name) { return find(o->cmd, str_of(name)) != NULL; }

int option_set(options *o, const char *name, const char *text) {
    const option *r = find(o->cmd, str_of(name));
    if (!r) return fail(EXIT_USAGE, "there is no %s", name);
    const uint8_t was = from[r - option_table];
    int        rc = store(o, r, name, text);
    if (rc < 0 && r->at == AT(samplers)) rc = read_samplers(o);
    if (rc >= 0) from[r - option_table] = was;
    return rc;
}

/* Flags of run, chat and map that are promised: no misspelling of others. */
static const char promised[] = "--grammar --grammar-file -j --json-schema --schema --regex --lora --prefix-cache";

/* What llama.cpp downloads by. */
static const char of_the_network[] = "-hf -hfr --hf-repo -hff --hf-file -mu --model-url -dr --docker-repo";

static int unknown(const command *c, str name) {
    char near[4096] = "";
    if (has_word(of_the_network, name))
        return fail(EXIT_USAGE, "%.*s: slm has no network; scripts/pull.sh downloads, -m takes a file or a name", (int)name.n, name.p);
    if (has_word("run chat map", str_of(c->name)) && has_word(promised, name))
        return fail(EXIT_USAGE, "%.*s is not built yet (slm help %s lists what is)", (int)name.n, name.p, c->name);
    for (size_t i = 0; i < option_count; i++) {
        if (is_for(&option_table[i], c)) {
            strcat(strcat(near, " "), option_table[i].names);
        } else if (has_word(option_table[i].names, name) && !find(c, name)) {
            return fail(EXIT_USAGE, "%.*s is not a flag of %s, but of: %s", (int)name.n, name.p, c->name,
                        option_table[i].cmds);
        }
    }
    const char   *eq = name.n > 1 && name.p[1] != '-' ? memchr(name.p, '=', name.n) : NULL;
    const option *before = eq ? find(c, (str){name.p, (size_t)(eq - name.p)}) : NULL;
    if (before && before->arg && *before->arg != '[')
        return fail(EXIT_USAGE, "unknown flag %.*s: write %.*s %.*s", (int)name.n, name.p, (int)(eq - name.p), name.p, (int)(name.p + name.n - eq - 1), eq + 1);
    str w = nearest_word(near, name);
    if (w.n)
        return fail(EXIT_USAGE, "unknown flag %.*s; did you mean %.*s? (slm help %s)", (int)name.n, name.p,
                    (int)w.n, w.p, c->name);
    return fail(EXIT_USAGE, "unknown flag %.*s (slm help %s lists them)", (int)name.n, name.p, c->name);
}

static bool takes_value(const options *o, const option *r) {
    if (r->kind == FOREIGN) return r->arg && *r->arg != '[';
    return r->kind == IDS ? o->decode : r->kind != FLAG && r->kind != MAYBE && r->kind != OPTIONAL;
}

/* "-vq" are two flags and "-n32" is -n 32.  Only digits may be glued to a flag: of a glued text,
 * "-fa" or "-mlock", nobody could tell whether it was meant as a flag.
 * -1: understood; -2: no such bundle; else the exit code. */
static int parse_bundle(options *o, const char *arg) {
    for (const char *p = arg + 1; *p; p++) {
        char          name[3] = {'-', *p, 0};
        const option *r = find(o->cmd, str_of(name));
        if (!r) return -2;
        if (takes_value(o, r)) {
            bool number = r->kind == INT || r->kind == SEED || r->kind == REAL || r->kind == FLOAT || r->kind == INTS;
            if (p != arg + 1 || !number || !strchr("0123456789", p[1])) return -2;
            return store(o, r, name, p + 1);
        }
    }
    for (const char *p = arg + 1; *p; p++) {
        char name[3] = {'-', *p, 0};
        store(o, find(o->cmd, str_of(name)), name, NULL);
    }
    return -1;
}

static int parse_flag(options *o, int argc, char **argv, int *i) {
    const char   *arg = argv[*i], *eq = arg[1] == '-' ? strchr(arg, '=') : NULL;
    str           name = {arg, eq ? (size_t)(eq - arg) : strlen(arg)};
    const option *r = find(o->cmd, name);
    if (!r) {
        int rc = arg[1] == '-' ? -2 : parse_bundle(o, arg);
        return rc == -2 ? unknown(o->cmd, name) : rc;
    }
    char shown[48];
    snprintf(shown, sizeof shown, "%.*s", (int)name.n, name.p);
    if (eq) {
        if (r->kind == FLAG || (r->kind == FOREIGN && !r->arg) || (r->kind == IDS && !o->decode))
            return fail(EXIT_USAGE, "%s takes no value", shown);
        return store(o, r, shown, eq + 1);
    }
    /* -fa stood alone before it took a value. */
    if (r->kind == FOREIGN && r->arg && *r->arg == '[' && *i + 1 < argc && has_word("on off auto 0 1", str_of(argv[*i + 1]))) ++*i;
    if (!takes_value(o, r)) return store(o, r, shown, NULL);
    if (*i + 1 >= argc) return fail(EXIT_USAGE, "%s needs a value: %s", shown, r->arg);
    return store(o, r, shown, argv[++*i]);
}

static int read_environment(options *o) {
    for (size_t i = 0; i < option_count; i++) {
        const option *r = &option_table[i];
        const char   *v = r->env ? getenv(r->env) : NULL;
        /* name_model() asks for SLM_MODEL itself: the first positional comes after it; and --date
         * comes before SOURCE_DATE_EPOCH. */
        if (!v || !*v || from[i] || !is_for(r, o->cmd) || r->at == AT(model) || r->at == AT(now)) continue;
        int rc = store(o, r, r->env, r->at == AT(color) ? "never" : v); /* NO_COLOR: whatever it is set to (no-color.org) */
        if (rc >= 0) return rc;
        from[i] = FROM_ENVIRONMENT;
    }
    return -1;
}

static bool typed(const options *o, str name) {
    const option *r = find(o->cmd, name);
    return r && from[r - option_table] == FROM_FLAG;
}

/* Flags of which one says that another has no meaning. */
static const struct {
    const char *flag, *others, *why;
} pairs[] = {
    {"--now", "--date", "both say what time it is"},
    {"--greedy", "--temp --samplers --mirostat --top-k --top-p --min-p --typical --top-nsigma --repeat-penalty --presence-penalty --frequency-penalty "
     "--xtc-probability --dry-multiplier", "--greedy takes the likeliest token, whatever else is set"},
    {"--raw", "--system --system-file --template --template-var --think --show-thinking --date --now", "--raw uses no chat template"},
    {"--json", "--show-thinking --jsonl --extract", "the object of --json holds all of it"},
    {"--jsonl", "--show-thinking --extract --no-newline", "--jsonl prints each piece as it is"},
    {"--null", "--jsonl", "a line of JSON ends in a newline"},
    {"--tsv", "--json", "both are forms of the same"},
    {"--probs", "--json", "both say the same in other forms"},
    {"--explain", "--json --jsonl --extract --stats --stats-file", "--explain generates nothing"},
    {"--check", "--tensors --full", "--check prints nothing"},
    {"--decode", "--no-bos", "--decode reads ids, no text"},
};

/* What was typed together was a mistake. */
static int check_pairs(const options *o) {
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const char *rest = pairs[i].others;
        str         other;
        while (typed(o, str_of(pairs[i].flag)) && next_word(&rest, &other))
            if (typed(o, other)) return fail(EXIT_USAGE, "%s and %.*s do not go together: %s", pairs[i].flag, (int)other.n, other.p, pairs[i].why);
    }
    if (o->system && o->system_file) return fail(EXIT_USAGE, "the system message is given twice: by --system and --system-file");
    if (typed(o, STR("--logprobs")) && !o->json && !o->jsonl) return fail(EXIT_USAGE, "--logprobs goes with --json or --jsonl");
    return -1;
}

/* stdin can be one thing only. */
static int check_stdin(const options *o) {
    if (o->no_stdin && o->file && names_stdin(o->file)) return fail(EXIT_USAGE, "-N and -f - do not go together: -N does not read stdin");
    if (!o->system_file || !names_stdin(o->system_file)) return -1;
    if (o->no_stdin) return fail(EXIT_USAGE, "-N and --system-file - do not go together: -N does not read stdin");
    const bool by_lines = has_word("chat map", str_of(o->cmd->name)) && !o->file;
    if (by_lines || (o->file && names_stdin(o->file))) return fail(EXIT_USAGE, "stdin cannot be both the system message and the text");
    return -1;
}

/* What one value alone cannot show. */
static int check(options *o) {
    int wrong = check_pairs(o);
    if (wrong < 0) wrong = check_stdin(o);
    if (wrong >= 0) return wrong;
    if (o->ctk >= 0 && o->ctv >= 0 && o->ctk != o->ctv)
        return fail(EXIT_USAGE, "-ctk and -ctv differ: keys and values have one type here");
    const int both = o->ctk >= 0 ? o->ctk : o->ctv;
    if (both >= 0 && both != o->kv && typed(o, STR("--kv"))) return fail(EXIT_USAGE, "--kv and %s differ", o->ctk >= 0 ? "-ctk" : "-ctv");
    if (both >= 0) o->kv = both;
    if (foreign.n) warn(o, "%.*s %s ignored: everything runs on the CPU", (int)foreign.n, foreign.p, memchr(foreign.p, ' ', foreign.n) ? "are" : "is");
    strbuf_free(&foreign);
    if (o->n_threads_batch && o->n_threads_batch != o->n_threads)
        warn(o, "-tb is ignored: the threads of -t evaluate prompts too");
    int rc = read_samplers(o);
    if (rc >= 0) return rc;
    if (!o->isa || !strcmp(o->isa, "auto")) return -1;
    strbuf      all = {0};
    const char *name;
    bool        known = false;
    for (int i = 0; (name = slm_isa_name(i)); i++) {
        known = known || !strcmp(name, o->isa);
        strbuf_fmt(&all, " %s", name);
    }
    rc = known ? -1
               : fail(EXIT_USAGE, "--isa: \"%s\" is not what this processor can run: auto%.*s", o->isa,
                      (int)all.n, all.n ? all.p : "");
    strbuf_free(&all);
    return rc;
}

static options initial(void) {
    return (options){.n = 2048, .n_chunks = -1, .n_worst = 5, .ctk = -1, .ctv = -1, .seed = -1, .think_budget = -1,
                     .sampling = slm_sampling_defaults(), .bench.rounds = 5};
}

int options_parse(options *o, const command *c, int argc, char **argv) {
    *o = initial();
    o->cmd = c;
    o->arg = argv; /* positionals are moved to the front, never past where we read */
    bool literal = false;
    /* --ids takes a value only with --decode, which may stand behind it. */
    for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(c->name, "tokens") && !strcmp(argv[i], "--decode")) o->decode = true;
    for (int i = 0; i < argc; i++) {
        if (literal || argv[i][0] != '-' || !argv[i][1]) {
            o->arg[o->n_arg++] = argv[i];
        } else if (!strcmp(argv[i], "--")) {
            literal = true;
        } else {
            int rc = parse_flag(o, argc, argv, &i);
            if (rc >= 0) return rc;
            if (o->help) {
                help_command(c);
                return out_end(EXIT_OK);
            }
        }
    }
    int rc = read_environment(o);
    if (rc < 0) rc = config_read(o);
    return rc >= 0 ? rc : check(o);
}

/* ---- the configuration file -------------------------------------------------- */

/* Is it a setting, rather than a part of one command line? */
static bool is_setting(const option *r) {
    static const size_t also[] = {AT(model), AT(color), AT(verbose), AT(quiet), AT(stats)};
    static const size_t not[] = {AT(now), AT(date), AT(ctk), AT(ctv), BENCH(ctk), BENCH(ctv)};
    for (size_t i = 0; i < ARRAY_LEN(also); i++)
        if (r->at == also[i]) return true;
    for (size_t i = 0; i < ARRAY_LEN(not); i++)
        if (r->at == not[i]) return false;
    return r->kind != FOREIGN && has_word("Chat Length Sampling Memory CPU Settings", str_of(r->group));
}

static bool outranks_file(const options *o, str name) {
    const option *r = find(o->cmd, name);
    return r && from[r - option_table] > FROM_CONFIG;
}

/* Did a flag or the environment set it, or what it would contradict? */
static bool is_overruled(const options *o, const option *r) {
    if (from[r - option_table] > FROM_CONFIG) return true;
    if (r->at == AT(system)) return outranks_file(o, STR("--system-file")) || outranks_file(o, STR("--raw"));
    if (r->at == AT(system_file)) return outranks_file(o, STR("--system")) || outranks_file(o, STR("--raw"));
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const char *rest = pairs[i].others;
        const bool  is_flag = has_word(r->names, str_of(pairs[i].flag));
        str         other;
        while (next_word(&rest, &other))
            if ((is_flag && outranks_file(o, other)) || (has_word(r->names, other) && outranks_file(o, str_of(pairs[i].flag)))) return true;
    }
    return false;
}

static int unknown_setting(const char *where, str key) {
    strbuf words = {0};
    for (size_t i = 0; i < option_count; i++) {
        const char *rest = option_table[i].names;
        str         w;
        while (is_setting(&option_table[i]) && next_word(&rest, &w))
            if (w.n > 2 && w.p[1] == '-') strbuf_fmt(&words, "%.*s ", (int)w.n - 2, w.p + 2);
    }
    strbuf_char(&words, 0);
    const str near = words.bad ? (str){"", 0} : nearest_word(words.p, key);
    const int rc = near.n ? fail(EXIT_USAGE, "%s: there is no setting \"%.*s\"; did you mean %.*s?", where, (int)key.n, key.p, (int)near.n, near.p)
                          : fail(EXIT_USAGE, "%s: there is no setting \"%.*s\"", where, (int)key.n, key.p);
    strbuf_free(&words);
    return rc;
}

/* ~/ in a value that names a file.  NULL: no memory. */
static const char *value_of(const option *r, const char *value) {
    strbuf b = {0};
    if (r->kind != TEXT || (!strstr(r->arg, "FILE") && !strstr(r->arg, "MODEL")) || strncmp(value, "~/", 2)) return value;
    put_path(&b, str_of(value));
    strbuf_char(&b, 0);
    const char *whole = b.bad ? NULL : keep_text(b.p);
    strbuf_free(&b);
    return whole;
}

int option_configure(options *o, const char *where, str key, const char *value) {
    char          flag[64], brief[64] = "", shown[512];
    const option *r = NULL;
    bool          known = false;
    const int n = key.n < 60 ? (int)key.n : 60;
    snprintf(flag, sizeof flag, "--%.*s", n, key.p);
    if (key.n && *key.p != '-') snprintf(brief, sizeof brief, "-%.*s", n, key.p);
    for (size_t i = 0; i < option_count; i++) {
        if (!is_setting(&option_table[i]) || (!has_word(option_table[i].names, str_of(flag)) && !has_word(option_table[i].names, str_of(brief)))) continue;
        known = true;
        if (is_for(&option_table[i], o->cmd)) r = &option_table[i];
    }
    if (!known) return unknown_setting(where, key);
    if (!r || is_overruled(o, r)) return -1;
    snprintf(shown, sizeof shown, "%s: %.*s", where, (int)key.n, key.p);
    if (r->kind == FLAG && strcmp(value, "true") && strcmp(value, "false")) return fail(EXIT_USAGE, "%s: \"%s\" is not true or false", shown, value);
    if (r->kind == FLAG && !strcmp(value, "false")) return -1;
    if (!(value = value_of(r, value))) return fail(EXIT_MEMORY, "no memory for the settings");
    /* It comes after the first argument. */
    if (r->at == AT(model) && *value) {
        o->default_model = value;
        return -1;
    }
    const int rc = store(o, r, shown, value);
    if (rc < 0) from[r - option_table] = FROM_CONFIG;
    return rc;
}

/* ---- what is in force ---------------------------------------------------------- */

static void put_list(strbuf *b, const char *const *text, int n) {
    for (int i = 0; i < n; i++) {
        if (i) strbuf_char(b, ' ');
        json_write_str(b, str_of(text[i]));
    }
    if (!n) strbuf_str(b, STR("none"));
}

static void put_word(strbuf *b, const char *words, int i) {
    str w = {"", 0};
    while (i-- >= 0 && next_word(&words, &w)) {}
    strbuf_str(b, w);
}

static void put_setting(strbuf *b, const option *r, const options *o, const options *first) {
    const void *field = (const char *)o + r->at, *was = (const char *)first + r->at;
    char        size[32];
    const bool  silent = r->fallback && !from[r - option_table];
    switch (r->kind) {
    case FLAG: strbuf_str(b, *(const bool *)field ? STR("on") : STR("off")); break;
    case INT:
        if (silent && *(const int *)field == *(const int *)was) strbuf_str(b, str_of(r->fallback));
        else strbuf_fmt(b, "%d", *(const int *)field);
        break;
    case REAL:
        if (silent) strbuf_str(b, str_of(r->fallback));
        else strbuf_fmt(b, "%g", *(const double *)field);
        break;
    case FLOAT: strbuf_fmt(b, "%g", (double)*(const float *)field); break;
    case SEED:
        if (o->seed < 0) strbuf_str(b, STR("random"));
        else strbuf_fmt(b, "%lld", (long long)o->seed);
        break;
    case SIZE: strbuf_str(b, str_of(silent ? r->fallback : human_bytes(*(const uint64_t *)field, size))); break;
    case CHOICE:
        if (silent) strbuf_str(b, str_of(r->fallback));
        else put_word(b, r->choices, *(const int *)field);
        break;
    case MAYBE:
        if (*(const int *)field) put_word(b, r->choices, *(const int *)field - 1);
        else strbuf_str(b, STR("none"));
        break;
    case STOPS: put_list(b, o->stop, o->n_stop); break;
    case VARS: put_list(b, o->var, o->n_var); break;
    case TEXTS:
    case BIAS: {
        const text_list *l = field;
        if (silent) strbuf_str(b, str_of(r->fallback));
        else put_list(b, l->text, l->n);
        break;
    }
    case THINK:
        if (o->think_budget >= 0) strbuf_fmt(b, "%d", o->think_budget);
        else put_word(b, "auto on off", (int)o->think);
        break;
    default: {
        const char *text = *(const char *const *)field;
        plain_text(b, str_of(text ? text : silent ? r->fallback : "none"));
    }
    }
}

/* A number of sampling that no flag set: by --greedy, the file, the developers, or the default. */
static void sampling_origin(char origin[64], const option *r, const options *o, const options *first, const slm_model *m) {
    slm_sampling       advised;
    const char        *whose = slm_model_recommended(m, &advised);
    const slm_sampling file = slm_model_sampling(m);
    const size_t       at = r->at - AT(sampling);
    const void        *of_file = (const char *)&file + at, *of_advice = (const char *)&advised + at;
    if (memcmp((const char *)o + r->at, of_file, 4)) strcpy(origin, "--greedy");
    else if (memcmp(of_file, of_advice, 4)) strcpy(origin, "model file");
    else if (memcmp(of_advice, (const char *)first + r->at, 4)) snprintf(origin, 64, "developers of %.40s", whose ? whose : "");
}

void options_explain(const options *o, const slm_model *m, void (*row)(const char *name, str value, const char *origin)) {
    const options first = initial();
    strbuf        b = {0};
    for (size_t i = 0; i < option_count; i++) {
        const option *r = &option_table[i];
        char          name[40], origin[64] = "default";
        const char   *p = strstr(r->names, "--");
        if (!is_for(r, o->cmd) || r->kind == FOREIGN || r->at == AT(model) || r->at == AT(help) || r->at == AT(explain)) continue;
        if (!p) p = r->names;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p, " "), p);
        if (from[i] == FROM_FLAG) strcpy(origin, "flag");
        else if (from[i] == FROM_ENVIRONMENT || (r->at == AT(now) && o->now)) /* explain() asked: --date would come before it */
            snprintf(origin, sizeof origin, "environment %s", r->env);
        else if (from[i] == FROM_CONFIG) strcpy(origin, "config file");
        else if ((r->kind == INT || r->kind == FLOAT) && r->at >= AT(sampling) && r->at < AT(sampling) + sizeof o->sampling)
            sampling_origin(origin, r, o, &first, m);
        b.n = 0;
        put_setting(&b, r, o, &first);
        row(name, (str){b.p, b.n}, origin);
    }
    strbuf_free(&b);
}

/* ---- help ----------------------------------------------------------------- */

/* The initial value of a row as text, "" where it says nothing. */
enum { FALLBACK_ROOM = 96 };
static void put_fallback(const option *r, const options *o, char buf[FALLBACK_ROOM]) {
    const void *field = (const char *)o + r->at;
    buf[0] = 0;
    if (r->fallback) snprintf(buf, FALLBACK_ROOM, "%s", r->fallback);
    else if (r->kind == INT) snprintf(buf, 64, "%d", *(const int *)field);
    else if (r->kind == REAL) snprintf(buf, 64, "%g", *(const double *)field);
    else if (r->kind == FLOAT) snprintf(buf, 64, "%g", (double)*(const float *)field);
    else if (r->kind == CHOICE) snprintf(buf, 64, "%.*s", (int)strcspn(r->choices, " "), r->choices);
}

static void list_row(const option *r, const options *o, void (*row)(const option_help *h)) {
    char range[64] = "", fallback[FALLBACK_ROOM];
    if (r->choices) snprintf(range, sizeof range, "%s", r->choices);
    else if (r->kind == INT || r->kind == INTS || r->kind == PAIR || r->kind == REAL || r->kind == FLOAT) put_range(r, range);
    put_fallback(r, o, fallback);
    row(&(option_help){r->group, r->names, r->arg, range, fallback, r->env, r->help, r->choices});
}

static bool is_listed(size_t i, const command *c, const char *group) {
    return is_for(&option_table[i], c) && !strcmp(option_table[i].group, group);
}

void options_list(const command *c, void (*row)(const option_help *h)) {
    const options o = initial();
    for (size_t i = 0; i < option_count; i++) {
        const char *group = option_table[i].group;
        size_t      first = 0;
        while (first < i && !is_listed(first, c, group)) first++;
        for (size_t k = first; first == i && is_for(&option_table[i], c) && k < option_count; k++)
            if (is_listed(k, c, group)) list_row(&option_table[k], &o, row);
    }
}
