/* cli.h - what the files of the command line share.  Streams, exit codes, settings. */
#ifndef CLI_H
#define CLI_H
#include "../../include/slm.h"
#include "../base.h"

/* Exit codes: part of the contract, scripts test them. */
enum {
    EXIT_OK = 0,
    EXIT_RUNTIME = 1,   /* cannot open, malformed, unsupported, I/O           */
    EXIT_USAGE = 2,
    EXIT_CUT = 3,       /* context full or the default length reached         */
    EXIT_LONG = 4,      /* the prompt does not fit the context                */
    EXIT_MEMORY = 6,
    EXIT_UNSURE = 7,    /* below --min-confidence                             */
    EXIT_CHOICE = 10,   /* --exit-index: 10 + which                           */
    EXIT_TIMEOUT = 124,
    EXIT_PIPE = 141     /* 128 + signal: 130 SIGINT, 143 SIGTERM              */
};

typedef struct options options;

/* ---- commands ------------------------------------------------------------- */

typedef struct {
    const char *name, *brief;
    const char *usage;    /* behind "slm NAME "                               */
    const char *examples; /* lines                                            */
    const char *notes;    /* lines below the flags; may be NULL               */
    int (*main)(options *o);
} command;
const command *command_at(size_t i); /* NULL past the end */
const command *command_find(const char *name);
void           help_command(const command *c);
void           help_overview(void);
void           man_page(void); /* slm(1) */

/* ---- settings ------------------------------------------------------------- */

#define MAX_STOPS 64
#define MAX_VARS  64

#define MAX_VALUES 64

/* Of a flag that may be repeated. */
typedef struct {
    const char *text[MAX_VALUES];
    int         n;
} text_list;

/* Of a flag that takes several: 1,2 or 1-4 or 1-8*2. */
typedef struct {
    int v[MAX_VALUES], n;
} int_list;

/* The flags of `slm bench`. */
typedef struct {
    int_list    p, n, pg /* pairs */, d, t, b, ub, kv, ctk, ctv, pack;
    int         rounds, layers, format;
    const char *isa, *shape, *compare, *ab, *kernels, *plot; /* "" where = gave no value */
    bool        no_warmup, no_roof;
    int_list    fast; /* of --ab fast=off,on; else as fast_prefill */
} bench_options;
enum { FORMAT_MD, FORMAT_CSV, FORMAT_JSON, FORMAT_JSONL };

/* One field for each row of the table in option_table.c, which names it. */
struct options {
    const command *cmd;
    char         **arg; /* positionals */
    int            n_arg;
    const char    *model, *prompt, *file, *isa;
    const char    *system, *system_file, *template_name;
    const char    *ids, *ids_file, *logits_out, *stats_file;
    const char    *stop[MAX_STOPS];
    int            n_stop;
    const char    *now, *date;
    const char    *var[MAX_VARS]; /* name=value */
    int            n_var;
    int            n, n_ctx, n_threads, n_threads_batch, n_batch, n_ubatch, kv, ctk, ctv;
    slm_think      think;
    int            think_budget, show_thinking, color;
    int            n_chunks, n_continue, n_top, n_logprobs, stats, pack;
    double         timeout;
    int64_t        seed; /* -1: random */
    slm_sampling   sampling;
    const char    *samplers;
    text_list      bias /* TEXT=X */, ban, breaker, tensor_type /* RE=TYPE */;
    const char    *token_embedding_type, *output_tensor_type, *imatrix;
    const char    *output, *plot;  /* files of imatrix and diff */
    int            n_worst;
    bool greedy, ignore_eos, mlock, raw, json, no_newline, verbose, quiet, no_stdin, help;
    const char    *in_field, *out_field, *resume;
    text_list      of;
    double         min_confidence;
    int            pool;
    bool tsv, nul, extract, calibrate, exit_index, probs;
    bool per_token, count, want_ids, decode, special, no_bos, jsonl;
    bool tensors, template_text, check, full, unpack, names;
    bool pure, allow_requantize, dry_run, process_output, bars;
    bench_options bench;
    bool unnamed; /* no model was named: the built-in one answers */
    const char *default_model; /* of the configuration file, or NULL */
    const char *model_origin;  /* where name_model() found the name  */
    uint64_t    mem;           /* 0: not given                       */
    bool        explain, no_sandbox, fast_prefill;
};
enum { PACK_AUTO, PACK_ON, PACK_OFF };
enum { STATS_NONE, STATS_TEXT, STATS_JSON };
enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum { THINKING_AUTO, THINKING_STDERR, THINKING_STDOUT, THINKING_NONE };

/* Reads flags, environment and configuration file.  -1: go on; else the exit code. */
int  options_parse(options *o, const command *c, int argc, char **argv);
/* Did the user set it?  By any name of the flag: option_given(o, "-n"). */
bool option_given(const options *o, const char *name);
bool option_of_command(const options *o, const char *name); /* does the command have it? */
/* As if the user had given the flag.  -1, or the exit code. */
int  option_set(options *o, const char *name, const char *text);
/* One line of the configuration file, at `where`.  value: lives as long as o.  -1, or the exit code. */
int  option_configure(options *o, const char *where, str key, const char *value);
/* Applies $XDG_CONFIG_HOME/slm/config to what neither flag nor environment set.  -1, or the exit code. */
int  config_read(options *o);
/* Calls `row` for every setting of o's command: its value and where that comes from. */
void options_explain(const options *o, const slm_model *m, void (*row)(const char *name, str value, const char *origin));
/* Calls `row` for every flag of a command, group by group. */
typedef struct {
    const char *group, *names, *arg, *range, *fallback, *env, *help;
    const char *choices; /* words, or NULL */
} option_help;
void options_list(const command *c, void (*row)(const option_help *h));
/* The word of `words` (separated by spaces) nearest to `got`, or an empty view. */
str  nearest_word(const char *words, str got);
int  edit_distance(str a, str b);

/* ---- streams -------------------------------------------------------------- */

/* Before anything else: 0, 1 and 2 are open, SIGPIPE gives EPIPE, SIGBUS a line and exit 1. */
void streams_init(void);
/* stdout through one buffer; a failed write is remembered and ends all later ones.  On a terminal
 * control characters other than \n and \t are dropped. */
void out_put(const char *p, size_t n);
void out_str(str s);
void out_text(const char *z);
void out_buf(strbuf *b); /* all of it; empty then.  One that is bad makes out_end() tell of memory */
void out_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool out_flush(void);
bool out_failed(void);
/* Flushes and closes; the exit code: `code`, or 1 (with a line) or 141 where writing failed. */
int  out_end(int code);
/* Text of a model on stderr, without control characters where that is a terminal. */
void err_put(const char *p, size_t n);
void err_dim(const options *o, const char *p, size_t n); /* dimmed where there is colour */
bool err_colors(const options *o);                       /* --color, NO_COLOR, TERM */
/* One printable line on stderr, "slm: " before it.  fail returns its code. */
int  fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int  fail_status(const slm_error *err);
void warn(const options *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* SIGINT, SIGTERM, SIGHUP and the timer of --timeout.  STOP_AT_ONCE, the state at the start: they end the
 * process, writing `last_words` to stdout and leaving the terminal as it was.  STOP_GENTLY: the
 * first only sets what stop_code() returns: 0, 124, 129, 130 or 143.  STOP_CALMLY: so does every
 * SIGINT. */
typedef enum { STOP_AT_ONCE, STOP_GENTLY, STOP_CALMLY } stop_mode;
void stop_init(double timeout_s, const char *last_words);
void stop_gently(stop_mode mode);
int  stop_code(void);
void stop_forget(void); /* an interrupt that was heeded */

/* All of it, whatever interrupts; errno of a failure, else 0. */
int write_all(int fd, const char *p, size_t n);
/* b as the whole of a file, through a new one beside it that takes its name; readable by others as the umask
 * says, or by nobody else.  errno of a failure, which leaves the old file, else 0. */
int replace_file(const char *path, const strbuf *b, bool others);

/* ---- terminal --------------------------------------------------------------- */

/* Does TERM name a terminal that knows ANSI sequences? */
bool term_is_smart(void);
/* Makes stdin, a terminal, ready for term_edit(); false: it cannot be edited on.  Before the sandbox. */
bool term_open(void);
/* Back to the settings that term_open() found, also from a signal handler.  Before that: nothing. */
void term_restore(void);
/* Nothing typed is echoed; it waits. */
void term_busy(void);
/* Columns, and rows where height is not NULL, of the terminal behind fd. */
int term_width(int fd, int *height);

/* Is there a $VISUAL or $EDITOR? */
bool editor_is_chosen(void);
void editor_begin(void); /* before the sandbox, which keeps programs from being started */
/* The text as the user leaves it there.  0, or an exit code with a line said, and it is what it was. */
int edit_outside(strbuf *text);

/* Work begins that may take long: what it is, as a word.  Whoever does it calls progress_show() now and
 * then; from half a second on a bar is on stderr, where that is a terminal, until progress_end(). */
void progress_begin(const options *o, const char *what);
bool progress_wanted(void);
void progress_show(uint64_t done, uint64_t total, const char *unit);
void progress_end(void); /* also from a signal handler */

/* ---- files ------------------------------------------------------------------ */

/* A file written in order, every write checked. */
typedef struct {
    int         fd;
    const char *path;
} sink;
int  sink_open(sink *s, const char *path);                      /* 0 or exit code */
int  sink_put(sink *s, const void *p, size_t n);
int  sink_close(sink *s);

/* ---- names ------------------------------------------------------------------ */

typedef enum { PLACE_OWN, PLACE_OLLAMA, PLACE_HUGGING_FACE, PLACE_LM_STUDIO } model_place;

typedef struct {
    const char *name;     /* the file's without .gguf, or MODEL:TAG                  */
    const char *full;     /* with what tells it from others of that name: ORG/REPO/FILE */
    const char *path;
    model_place place;
    int         rank;     /* which of several folders                                */
    uint64_t    dev, ino;
} named_model;

typedef struct {
    named_model *at;
    size_t       n, n_room, n_entries;
    bool         cut;     /* there are more than are looked at                       */
    bool         starved; /* no memory for all of them                               */
    pool         room;
} model_list;

/* All models in SLM_MODELS and where Ollama, Hugging Face's tools and LM Studio keep theirs, in this order, by
 * their names only: no model is opened.  Freed with models_free(). */
void        models_find(model_list *l);
void        models_free(model_list *l);
const char *place_name(model_place p);

typedef enum { NAME_FOUND, NAME_UNKNOWN, NAME_AMBIGUOUS, NAME_NO_MEMORY } name_answer;
enum { NAME_ROOM = 240 };
/* The model that is called so or (unless `whole`) the only one whose name begins so, in letters of either
 * case.  *path lives until the program ends.  near: the candidates, or the nearest name, or "". */
name_answer name_find(const char *asked, bool whole, const char **path, char near[NAME_ROOM]);
const char *keep_text(const char *text); /* a copy that lives until the program ends; NULL: no memory */

/* ---- input ---------------------------------------------------------------- */

/* The model's path: of what -m, SLM_MODEL or the first positional, which is then taken out of o->arg, names, or
 * the model inside the program.
 * -1: *path is set; else the exit code. */
int name_model(options *o, const char **path);
/* The file that a path or a name stands for.  -1: *path is set (a path that cannot be read stays one, for the
 * opening to report); else the exit code. */
int find_model(const char *asked, const char **path);
/* What it means that b is bad: past its limit, or no memory.  The exit code, with a line said. */
int too_long(const strbuf *b, const char *what);
/* The rest of stdin, or a file ("-": stdin), byte for byte.  0 or exit code. */
int read_all(const char *path, strbuf *out);
bool stdin_is_piped(const options *o); /* and its text is the prompt's */
bool names_stdin(const char *path);
/* A file's name where no shell reads it: ~/ at its beginning is $HOME/. */
void put_path(strbuf *to, str path);
/* A usage error where somebody would have to type, and cannot see for what: stdout is no terminal. */
int refuse_to_wait(void);
/* stdin line by line.  All zero: nothing read yet. */
typedef struct {
    strbuf buf;
    size_t at;
    bool   at_end;
} line_reader;
/* 1: *out is the next line without its end, valid until the next call; 0: there is none; else minus an
 * exit code. */
int read_line(line_reader *r, str *out);
/* Replaces what is not UTF-8 by U+FFFD; how many times. */
size_t make_utf8(strbuf *b);
/* Positionals joined by one space, or `file`, or stdin, byte for byte.  0 or exit code. */
int read_text(options *o, strbuf *out);
/* How slm_tokenize() shall read a text: --special, --no-bos. */
unsigned token_flags(const options *o);
/* Ids separated by commas or white space.  `name` is shown in errors.  0 or exit code. */
int parse_ids(const char *name, str text, int n_vocab, id_list *out);
bool is_number(const char *s, double *out);

/* ---- prompt --------------------------------------------------------------- */

/* The user's text: arguments, -p, -f and stdin together, as UTF-8.  0 or exit code. */
int read_prompt(const options *o, strbuf *out);
/* The text of the arguments or of -p alone. */
int read_own_prompt(const options *o, strbuf *out);
/* input where {} stands in own, or before it with a blank line between. */
void combine_prompt(strbuf *out, str own, str input);
/* How messages become a prompt: --template, --template-var, --date.  All that may fail before a model is
 * opened is read once. */
typedef struct {
    slm_chat_options co;
    strbuf           source, vars; /* what co points into */
    bool             warned;       /* of a template that was guessed */
} chat_setting;
int  chat_setting_read(const options *o, chat_setting *c); /* 0 or exit code */
void chat_setting_free(chat_setting *c);
/* --system and --system-file; *given: is there one?  0 or exit code. */
int read_system(const options *o, strbuf *out, bool *given);
/* Messages as the model shall see them.  0 or exit code. */
int chat_prompt(const options *o, const slm_model *m, chat_setting *c, const slm_message *msgs, int n, slm_prompt *out);
/* All that many prompts have in common: --raw, or a template and a system message. */
typedef struct {
    bool         raw;
    chat_setting setting;
    strbuf       system;
    bool         has_system;
} prompt_form;
int  prompt_form_read(const options *o, const slm_model *m, prompt_form *f); /* 0 or exit code */
int  prompt_form_fill(const options *o, const slm_model *m, prompt_form *f, str text, slm_prompt *out);
void prompt_form_free(prompt_form *f);
/* One message, or (--raw, or a model without a template) the text as it is.  0 or exit code. */
int make_prompt(const options *o, const slm_model *m, const strbuf *text, slm_prompt *out);

/* The time that templates print: --now, --date (noon), SOURCE_DATE_EPOCH, the clock. */
int read_now(const options *o, int64_t *out);
/* Sets the variables of --template-var: JSON where it reads as JSON, else text. */
struct json;
int add_vars(const options *o, pool *p, struct json *vars);

/* ---- probabilities ------------------------------------------------------------ */

/* ln sum exp(z); NaN when no z is finite. */
double log_sum_exp(const float *z, int n);
typedef struct {
    int32_t id;
    double  logprob;
} ranked;
/* The k likeliest, k <= n; norm: of log_sum_exp(). */
void find_top(ranked *top, int k, const float *z, int n, double norm);
enum { MAX_LOGPROBS = 100 };
/* "id", "piece", "logprob" and "top", the n_top likeliest, as members of a JSON object. */
void logprob_put(strbuf *b, const slm_model *m, const float *z, int n_vocab, int32_t id, int n_top);

/* ---- long texts --------------------------------------------------------------- */

/* A text in chunks of n_ctx tokens, the first of each the begin token.  All zero: none. */
typedef struct {
    int32_t *ids, *chunk;
    int      n_ctx, n;    /* tokens of a chunk, chunks (at most --chunks)                    */
    int      first;       /* the first position of a chunk whose next token is scored        */
    int32_t  bos;         /* -1: none is put in                                              */
} chunk_list;
/* Sessions for chunks: of 512 tokens without -c. */
slm_session_options chunk_options(const options *o, const slm_model *m);
/* Reads o's text.  0 or exit code. */
int            chunks_read(chunk_list *c, options *o, const slm_model *m, int n_ctx);
const int32_t *chunk_at(chunk_list *c, int i); /* [n_ctx], valid until the next call */
void           chunks_free(chunk_list *c);

typedef struct {
    double ppl, error;
} ppl_estimate;
/* exp of the mean of n numbers of these sums, and the standard error of the mean carried through it. */
ppl_estimate ppl_of(double sum, double square, int n);

/* ---- charts: SVG files of our own ----------------------------------------------- */

/* Axes from x0, y0 (bottom left) to x1, y1, in a rectangle of the picture. */
typedef struct {
    double x0, x1, y0, y1;
    int    left, top, right, bottom;
} chart;
double      chart_x(const chart *c, double x);
double      chart_y(const chart *c, double y);
const char *chart_color(int i);
/* 1, 2 or 5 times a power of ten, so that about five steps reach `most`. */
double      chart_step(double most);
void        chart_begin(strbuf *s, int width, int height);
/* Axes with marks at steps, and what they show. */
void        chart_axes(strbuf *s, const chart *c, const char *x_name, const char *y_name);
void        chart_escape(strbuf *s, str text); /* as XML text */
/* Where something stands, in pixels, so that no label covers it. */
typedef struct {
    double left, top, right, bottom;
    bool   is_text;
} chart_box;
enum { CHART_MAX_PLACES = 100 }; /* what is more is covered */
typedef struct {
    chart_box at[CHART_MAX_PLACES];
    int       n;
} chart_places;
void chart_keep(chart_places *p, chart_box b);
/* A point's name: beside it, or where there is room nearest to that, and then with a line between them.  right: no
 * label goes beyond it.  From right to left they come to lie best. */
void chart_label(strbuf *s, const chart *c, chart_places *p, double x, double y, double right, str text);
int         chart_end(strbuf *s, const char *path); /* writes and frees it; 0 or exit code */

/* ---- answers ---------------------------------------------------------------- */

typedef struct {
    const options *o;
    bool           prints;      /* text on stdout, thinking where --show-thinking says */
    bool           pieces;      /* each piece on stdout as an object (--jsonl)         */
    bool           extracts;    /* ends with the text's first code block               */
    const slm_model   *m;       /* --logprobs: both, and members of objects in `logprobs` */
    const slm_session *s;
    strbuf         logprobs;
    bool           keeps;       /* all of it in these: */
    strbuf         text, thinking;
    id_list        ids;
    stop_mode      signals;     /* from the first text on                             */
    size_t         n_held;      /* newlines not yet printed                           */
    int            show;        /* THINKING_STDERR, _STDOUT or _NONE                  */
    bool           extracted;   /* that block is there, whole                          */
    bool           in_thinking; /* thinking was shown and not yet closed              */
} answer;
/* Generates as o says and sends the text; the newline at the end is the caller's.  What came before a
 * failure stays. */
slm_status answer_make(answer *a, slm_session *s, const slm_prompt *prompt, slm_stats *stats, slm_error *err);
void       answer_free(answer *a);
/* The inside of the first fenced code block of a Markdown text; false: there is none.  *whole: it is closed; at the
 * end of a text its last line may lack the newline. */
bool code_block(str text, bool at_end, str *block, bool *whole);
/* What ended the answer, as an exit code; a cut that nobody asked for says so.  way_out: from a full
 * context. */
int answer_verdict(const options *o, const slm_stats *s, const slm_session *session, const char *way_out);
/* The user's settings over the file's own over the defaults. */
/* Everything that decides which token is drawn, of a session's next tokens; *p: the numbers.  0 or
 * exit code. */
int set_sampling(const options *o, const slm_model *m, slm_session *s, slm_sampling *p);
slm_sampling sampling_of(const options *o, const slm_model *m);
/* Members of a JSON object from "finish" on, without braces. */
void stats_put(strbuf *b, const slm_stats *s, double load_ms);
void stats_note(const slm_stats *s); /* as lines on stderr */

/* ---- bench ------------------------------------------------------------------ */

/* How a row was run. */
typedef struct {
    const char *isa;
    int         pack;                 /* PACK_AUTO, _ON, _OFF                           */
    int         kv, n_threads, n_batch, n_ubatch;
    bool        fast;                 /* --fast-prefill                                 */
} bench_setting;

/* One test under one setting: its rounds and what they come to. */
typedef struct {
    bench_setting set;
    bool     packed, fast;            /* what came of set.pack, of set.fast             */
    int      n_prompt, n_gen, n_depth;
    int      n_rounds;
    double  *ms;                      /* [n_rounds]                                     */
    bool    *noisy;                   /* [n_rounds]: others took part of the machine    */
    double  *token_ms;                /* [n_rounds][n_gen], or NULL                     */
    double  *first_ms;                /* [n_rounds]: until the first token's logits     */
    int      n_noisy;
    long     switches;
    double   steal_ms, load_ms;
    uint64_t peak_rss;
    double   bytes, macs;             /* of one round                                   */
    double  *roof, *peak;             /* [n_rounds + 1]: GB/s and Gop/s of the machine before each round and
                                         after the last; 0: not measured */
    double   old_ts, ab_ratio;        /* NaN: nothing to compare with                   */
    char     time[32];
} bench_row;

typedef struct {
    slm_model_info info;              /* of a model that may be closed: */
    char           name[128], arch[32], quant[32];
    const char    *path;
    bench_row     *row;
    int            n_row;
} bench_report;

/* The machine's speed beside the rounds that count, the median; 0: not measured. */
double bench_roof(const bench_row *r);
double bench_median_ts(const bench_row *r); /* tokens a second, over the rounds without noise if any */
/* How much faster b was, the median over rounds that stood side by side. */
double bench_median_ratio(const bench_row *a, const bench_row *b);
const char *bench_kv_name(int kv);
struct json;
void bench_put_rows(int format, const struct json *rows);
/* --kernels.  0 or exit code. */
int  bench_kernels(const options *o, const char *const *isa, int n_isa);
/* --plot: bars on stdout, lines in a file.  0 or exit code. */
void bench_plot_text(const bench_report *b);
int  bench_plot_svg(const char *path, const bench_report *b);
/* Row i, at once, but for -o json; what stands below the rows, or (-o json) all of them.  0 or exit code. */
int  bench_put_row(const options *o, const bench_report *b, int i);
int  bench_put_end(const options *o, const bench_report *b);
/* Reads --compare's file and sets old_ts of the rows that it speaks of.  0 or exit code. */
int  bench_compare(const char *path, bench_report *b);

/* ---- diff ------------------------------------------------------------------- */

enum { DIFF_MAX_SIDES = 32 }; /* no more than confine_to() takes */
/* One file, and how far it is from the first. */
typedef struct {
    const char      *path;
    slm_file        *file;
    slm_model       *m;
    slm_session     *s;
    slm_model_info   info;
    double           nll, nll_square;                       /* sums over the tokens compared  */
    ppl_estimate     ppl;
    double          *kl;                                    /* of each of them; sorted at last */
    double           kl_mean, kl_error, kl_99, kl_most;
    int              n_same;
    slm_tensor_error *tensor;                               /* [n_tensor], the worst first    */
    int              n_tensor;
    bool             lacks_room;                            /* for that list                  */
} diff_side;
typedef struct {
    options   *o;
    chunk_list text;
    diff_side  side[DIFF_MAX_SIDES];
    int        n_side, n_scored;
} diff;
/* 0 or exit code. */
int diff_print(const diff *d);
int diff_plot(const char *path, const diff *d);

/* ---- opening -------------------------------------------------------------- */

/* What a file says of itself.  Views into the file; -1 or empty where it says nothing. */
typedef struct {
    str     arch, name, quant;
    int64_t context, params;
} file_facts;
void file_facts_read(slm_file *f, file_facts *out);

/* For good: no network, no other program or process, and no file but those that o names, `in` (NULL: none) and, to
 * be written, `out` (NULL: none).  Only the first call counts; --no-sandbox: none does.  Before threads are
 * started. */
void confine(const options *o, const char *in, const char *out);
/* The same with several files to read, at most CONFINE_MOST. */
enum { CONFINE_MOST = 32 };
void confine_to(const options *o, const char *const *in, int n_in, const char *out);
/* The same, but all files stay within reach: for commands whose user names them by and by. */
void confine_widely(const options *o, bool writes);
bool confine_can(void); /* false: this build would not bear it */

/* Opens o's model, within a sandbox.  0 or exit code. */
int open_model(const options *o, const char *path, bool vocab_only, slm_model **out);
slm_session_options session_options(const options *o, const slm_model *m);
/* --pack: auto packs where that pays.  0 or exit code, also of a signal that came meanwhile. */
int pack_model(int mode, slm_model *m, int n_threads);
/* Text of a file or a user for a line of a table: the escapes of JSON keep line breaks and control bytes out. */
void plain_text(strbuf *b, str s);
/* What --explain prints.  text: the prompt where prompt has none.  0 or exit code. */
int explain(const options *o, const slm_model *m, const char *path, const slm_session_options *so, const slm_prompt *prompt, const strbuf *text);
/* Without -c: the model's context, or less where memory (--mem) does not allow it.  There will be at most so many
 * tokens, as far as is known; memory is taken for those that are likely, for more when they come. */
void fit_context(const options *o, const slm_model *m, slm_session_options *so, int64_t most, int64_t likely);
/* Is there memory for the context that so asks for, or for all that fit_context() would wish, beside the `held`
 * bytes that this process took before? */
bool fits_beside(const options *o, const slm_model *m, const slm_session_options *so, int64_t most, uint64_t held);
/* The memory plan as a line of text.  0, or EXIT_MEMORY with a line said. */
int plan_memory(const options *o, const slm_model *m, const slm_session_options *so, strbuf *line);
/* Compares the memory plan with what the machine has, packs the weights (--pack), and opens the
 * session.  0 or exit code. */
/* Says so where --fast-prefill has no effect on the model, which is packed by now. */
void check_fast_prefill(const options *o, const slm_model *m);
int open_session(const options *o, slm_model *m, const slm_session_options *so,
                 slm_session **out);
/* Bytes that this process may still take: MemAvailable, within the limits of its cgroups. */
uint64_t available_bytes(void);
/* What this process takes beside the tensors of models that it maps: its own text and libraries, as far as they were
 * in memory at the first call, and all that it allocated.  0: unknown. */
uint64_t program_bytes(void);
/* The most memory this process held since its start or, where the system can forget, the reset. */
uint64_t peak_rss_bytes(void);
void     peak_rss_reset(void);
/* Counters of what others took from us: switches that we did not ask for; time that the host of a
 * virtual machine kept, of all its processors. */
typedef struct {
    long   switches;
    double steal_ms;
} disturbance;
disturbance disturbance_now(void);
/* "1.2 GiB" */
const char *human_bytes(uint64_t n, char buf[32]);
#endif
