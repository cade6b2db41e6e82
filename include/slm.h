/* slm.h - run small language models from GGUF files on a CPU.
 *
 * This header is the whole public interface; anything not declared here may
 * change.  Three objects:
 *
 *   slm_model    an opened GGUF: weights (mapped, read only), tokenizer.
 *                Immutable after open; share it between threads.
 *   slm_session  one sequence of tokens: KV cache, logits, sampler.  One thread
 *                at a time.  Closing a model that still has sessions is a bug.
 *   slm_file     a GGUF looked at as a file, without making it runnable.
 *
 * The call order is the data flow:
 *   open -> tokenize -> session -> generate (or sync, sample, eval) -> text.
 *
 * A whole program (compiled and run by `make test`):
 *
 *   #include <slm.h>
 *   #include <stdio.h>
 *   static bool print(void *to, int32_t id, slm_text_kind kind, const char *text, size_t len) {
 *       (void)id, (void)kind;
 *       return fwrite(text, 1, len, to) == len;
 *   }
 *   int main(int argc, char **argv) {
 *       slm_error err = {0};
 *       slm_model *m = NULL;
 *       slm_session *s = NULL;
 *       int32_t *ids = NULL;
 *       int n = 0;
 *       slm_model_options mo = slm_model_defaults();
 *       slm_session_options so = slm_session_defaults();
 *       slm_sampling greedy = slm_sampling_defaults();
 *       slm_generation gen = slm_generation_defaults();
 *       mo.path = argc > 1 ? argv[1] : "model.gguf";
 *       greedy.temperature = 0;
 *       gen.max_new = 32;
 *       int bad = slm_model_open(&m, &mo, &err)
 *              || slm_session_create(&s, m, &so, &err)
 *              || slm_session_set_sampling(s, &greedy, &err)
 *              || slm_tokenize(m, "Once upon a time", 16, SLM_TOK_BOS, &ids, &n, &err)
 *              || slm_generate(s, ids, n, &gen, print, stdout, NULL, &err);
 *       if (bad) fprintf(stderr, "%s\n", err.text);
 *       slm_free(ids);
 *       slm_session_free(s);
 *       slm_model_close(m);
 *       return bad;
 *   }
 *
 * Functions that can fail return slm_status and, when `err` is not NULL,
 * write one line of text fit for a user.  Token ids are int32_t and -1 means
 * "none".  Text is UTF-8 with an explicit length; it may contain NUL. */
#ifndef SLM_H
#define SLM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SLM_API __attribute__((visibility("default")))
#else
#define SLM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define SLM_VERSION "0.1.0"

/* ---- Status ------------------------------------------------------------ */

typedef enum {
    SLM_OK = 0,
    SLM_ERR_ARGUMENT,    /* the caller asked for something senseless             */
    SLM_ERR_IO,          /* the system refused: open, read, map, write           */
    SLM_ERR_FORMAT,      /* the input is malformed or lies about its size        */
    SLM_ERR_UNSUPPORTED, /* well formed, but not something this build runs       */
    SLM_ERR_MEMORY,      /* it does not fit; the text says how many bytes        */
    SLM_ERR_CONTEXT,     /* more tokens than the session's context holds         */
    SLM_ERR_NUMERIC      /* the weights produced logits that are not numbers     */
} slm_status;

/* text: one line, printable (control bytes are shown as \x1b), no final newline. */
typedef struct {
    slm_status code;
    char       text[300];
} slm_error;

/* Told now and then how much of some long work is done; false gives it up. */
typedef bool (*slm_progress_fn)(void *ud, uint64_t done, uint64_t total);

/* ---- Model --------------------------------------------------------------- */

typedef struct slm_model   slm_model;
typedef struct slm_session slm_session;
typedef struct slm_file    slm_file;

/* As a path: the model inside this library, if it was built with one. */
#define SLM_BUILTIN "builtin"
SLM_API bool slm_has_builtin(void);

typedef struct {
    const char *path;       /* a GGUF file, or SLM_BUILTIN                          */
    const char *isa;        /* "scalar", "avx2", ..: the best set up to this one;
                               NULL or "auto" = best on this CPU                    */
    bool        vocab_only; /* tokenizer only: weights are neither needed nor bound */
    const void *data;       /* a GGUF of n_data bytes in memory, the caller's until close; path is then
                               only its name in errors                              */
    size_t      n_data;
    bool        data_is_spent; /* packing gives its pages back, which read as zeros then: no other model
                               can be opened from it                                */
} slm_model_options;

typedef struct {            /* strings live as long as the model                    */
    const char *name, *arch, *quant, *isa, *tokenizer, *pre;
    uint64_t    n_params, file_bytes, tensor_bytes;
    int         n_vocab, n_ctx_train, n_layer, n_embd, n_ff, n_head, n_head_kv, head_dim;
    bool        tied, packed, has_chat_template, adds_bos;
    bool        packed_in_file;
    int         n_ctx_short; /* a larger context rotates by other factors, made for long texts; 0: there is
                                one kind */
} slm_model_info;

SLM_API slm_model_options slm_model_defaults(void);
SLM_API slm_status slm_model_open(slm_model **out, const slm_model_options *opt,
                                  slm_error *err);
SLM_API void slm_model_close(slm_model *m); /* NULL is a no-op */
/* Rearranges the weights for this processor's kernels, with all threads (n_threads 0: one per
 * performance core), into memory of their own of the same size; the file's pages are let go.  It
 * takes as long as reading the weights once and makes everything after it faster; it never changes
 * a result.  Before the first session only; not needed.  progress (may be NULL) is told bytes; what is
 * not packed when it gives up stays as it was. */
SLM_API slm_status slm_model_pack(slm_model *m, int n_threads, slm_progress_fn progress, void *ud, slm_error *err);
/* Does packing make this model's instruction set faster? */
SLM_API bool slm_model_packing_pays(const slm_model *m);
SLM_API void slm_model_describe(const slm_model *m, slm_model_info *out);
/* Does this processor have products in bfloat16, for slm_session_options.fast_prefill, of some of the model's matrices
 * that are faster than exact ones?  Asked after packing: they read packed weights. */
SLM_API bool slm_model_fast_prefill(const slm_model *m);
/* Names of the instruction sets this processor can run, worst first; NULL past the end. */
SLM_API const char *slm_isa_name(int i);

/* ---- Text ---------------------------------------------------------------- */

enum {
    SLM_TOK_BOS = 1,     /* add what the model adds by itself (BOS), if it does     */
    SLM_TOK_SPECIAL = 2  /* the text of a control token becomes that token          */
};

/* *out: n ids, freed with slm_free().  Any bytes are accepted. */
SLM_API slm_status slm_tokenize(const slm_model *m, const char *text, size_t len,
                                unsigned flags, int32_t **out, int *n, slm_error *err);
/* Bytes of one token (not always whole characters), owned by the model.  A control token
 * gives its name.  NULL when id is out of range. */
SLM_API const char *slm_token_bytes(const slm_model *m, int32_t id, size_t *len);
SLM_API bool slm_token_is_control(const slm_model *m, int32_t id);
SLM_API bool slm_token_ends_turn(const slm_model *m, int32_t id);
SLM_API int32_t slm_token_bos(const slm_model *m); /* -1: none */
/* Text of many tokens as a user reads it: control tokens omitted unless `special`, and the space
 * that some vocabularies put before the first word removed.  *out: freed with slm_free(). */
SLM_API slm_status slm_detokenize(const slm_model *m, const int32_t *ids, int n, bool special,
                                  char **out, size_t *len, slm_error *err);
SLM_API void slm_free(void *p);

/* ---- Chat ------------------------------------------------------------------ */

typedef struct {
    const char *role;       /* "system", "user", "assistant", "tool"                */
    const char *content;
    size_t      len;        /* of content */
} slm_message;

typedef enum { SLM_THINK_AUTO, SLM_THINK_ON, SLM_THINK_OFF } slm_think;

typedef struct {
    const char *template_text; /* Jinja source or a built-in's name; NULL: the model's own, or the
                                  built-in whose marks its vocabulary has           */
    const char *vars;       /* a JSON object of more template variables, or NULL    */
    int64_t     now;        /* seconds since 1970 for templates that print a date; -1: the clock */
    slm_think   think;      /* what the template or its model understands, else the thinking is
                               closed for it                                        */
    bool        special;    /* control tokens spelled in messages count             */
} slm_chat_options;

typedef struct {            /* freed with slm_prompt_free()                         */
    char       *text;       /* what the template printed, NUL ended                 */
    size_t      len;
    int32_t    *ids;        /* its tokens; control tokens only where the template wrote them */
    int         n_ids;
    bool        in_thinking; /* for slm_generation: the prompt ends inside <think>  */
    const char *template_name; /* of a built-in, or NULL: the model's or the caller's own */
} slm_prompt;

SLM_API slm_chat_options slm_chat_defaults(void);
/* Messages as the model was trained to read them, with its answer opened. */
SLM_API slm_status slm_chat_prompt(const slm_model *m, const slm_message *msgs, int n,
                                   const slm_chat_options *opt, slm_prompt *out, slm_error *err);
SLM_API void slm_prompt_free(slm_prompt *p);
/* Names of the built-in templates; NULL past the end. */
SLM_API const char *slm_template_name(int i);
/* Would slm_chat_prompt() find a template for this model? */
SLM_API bool slm_model_chats(const slm_model *m);

/* ---- Chat templates --------------------------------------------------------- */

typedef struct slm_template slm_template;

/* A template from its text, which is copied, or a model's own; what names no template fails with
 * SLM_ERR_ARGUMENT.  Immutable: share it between threads.  It does not need the model later. */
SLM_API slm_status slm_template_parse(slm_template **out, const char *text, size_t len, slm_error *err);
SLM_API slm_status slm_template_of(slm_template **out, const slm_model *m, slm_error *err);
SLM_API void slm_template_free(slm_template *t); /* NULL is a no-op */
/* vars: JSON text of an object (messages, tools, add_generation_prompt, ..); bos_token and eos_token
 * are the model's own unless it has them.  now: what strftime_now() shows, in local time.
 * *out: n bytes, freed with slm_free().  *trust (may be NULL): as many bytes, 1 where the template
 * itself wrote the byte, 0 where it comes from the variables; freed with slm_free(). */
SLM_API slm_status slm_template_render(const slm_template *t, const char *vars, size_t len, int64_t now,
                                       char **out, uint8_t **trust, size_t *n, slm_error *err);
/* As slm_tokenize() with SLM_TOK_SPECIAL, but the text of a control token is one only where every
 * byte of it is trusted; BOS is added where the model does so and the text does not begin with it. */
SLM_API slm_status slm_tokenize_prompt(const slm_model *m, const char *text, const uint8_t *trust,
                                       size_t len, int32_t **out, int *n, slm_error *err);

/* ---- Session --------------------------------------------------------------- */

/* How the cache keeps a number: in 8.5 bits (int8 with a scale per 32), 16 or 32.  README.md says why the
 * first is the default; a context of 4096 of Llama 3.2 1B takes 71, 134 or 268 MB. */
typedef enum { SLM_KV_Q8_0, SLM_KV_F16, SLM_KV_F32 } slm_kv_type;

typedef struct {
    int         n_ctx;     /* tokens; 0 = min(trained, 4096)                        */
    int         n_room;    /* tokens that memory is taken for at first, and for twice as many
                              whenever they do not suffice, up to n_ctx; 0 = all of n_ctx.  Never
                              changes a result */
    int         n_batch;   /* prefill chunk; 0 = 512.  Never changes a result       */
    slm_kv_type kv_type;
    int         n_threads; /* 0 = one per performance core.  Never changes a result */
    bool        score_all; /* slm_session_score() and _nll() take several rows of logits at once */
    bool        fast_prefill; /* several tokens at once are multiplied in bfloat16 where slm_model_fast_prefill():
                              other numbers than one by one and than on another processor, but the same for
                              every batch and number of threads */
} slm_session_options;

typedef struct {           /* bytes; n_ctx: the tokens that they are for, n_room where less is taken at first */
    int      n_ctx;
    uint64_t weights, kv, work, total;
} slm_memory;

/* The steps that make a token of logits, in the order that they are usually taken. */
enum {
    SLM_PENALTIES = 1, SLM_DRY, SLM_TOP_N_SIGMA, SLM_TOP_K, SLM_TYPICAL, SLM_TOP_P, SLM_MIN_P, SLM_XTC,
    SLM_TEMPERATURE, SLM_N_SAMPLERS
};

typedef struct {
    float    temperature;  /* 0 = greedy: biases and penalties, then the likeliest  */
    int      top_k;        /* 0 = off                                               */
    float    top_p, min_p; /* 1 and 0 = off                                         */
    float    typical_p;    /* 1 = off                                               */
    float    repeat_penalty;                     /* 1 = off                         */
    float    presence_penalty, frequency_penalty; /* 0 = off                        */
    int      repeat_last_n; /* tokens the penalties look back on; -1 = all          */
    float    top_n_sigma;  /* logits within so many standard deviations of the largest; 0 = off */
    float    xtc_probability, xtc_threshold;     /* how often all but the last of the tokens of at
                                                    least this probability are left out; 0 = off */
    float    dry_multiplier, dry_base;           /* 0 = off; a token that goes on with a sequence of */
    int      dry_allowed_length, dry_last_n;     /* the last tokens (-1 = all) loses multiplier *
                                                    base^(its length - allowed length) */
    int      mirostat;     /* 1 or 2: its versions, in place of all that truncates; 0 = off  */
    float    mirostat_tau, mirostat_eta;         /* surprise in bits, and the rate of learning it */
    uint8_t  order[SLM_N_SAMPLERS];              /* steps, ended by 0; what is not there is not done;
                                                    all 0 = the usual order          */
    uint64_t seed;
} slm_sampling;

/* Added to a token's logit before everything else; -INFINITY: it is never drawn. */
typedef struct {
    int32_t id;
    float   add;
} slm_bias;

SLM_API slm_session_options slm_session_defaults(void);
SLM_API slm_sampling slm_sampling_defaults(void);
/* What the file recommends (general.sampling.*), else the model's developers, else the defaults. */
SLM_API slm_sampling slm_model_sampling(const slm_model *m);
/* The same without the file's word; for which models by name, or NULL where nothing is known of this one. */
SLM_API const char *slm_model_recommended(const slm_model *m, slm_sampling *out);

/* What slm_session_create() would take, by the same code path. */
SLM_API slm_status slm_memory_plan(const slm_model *m, const slm_session_options *opt,
                                   slm_memory *out, slm_error *err);
SLM_API slm_status slm_session_create(slm_session **out, const slm_model *m,
                                      const slm_session_options *opt, slm_error *err);
SLM_API void slm_session_free(slm_session *s);
SLM_API int slm_session_n_ctx(const slm_session *s);
SLM_API int slm_session_n_room(const slm_session *s); /* tokens that memory is taken for now */
SLM_API int slm_session_n_threads(const slm_session *s);

/* Makes the cache hold exactly ids[0..n), reusing the longest common prefix.
 * After SLM_OK the logits are those of the last id.  On failure the session
 * still holds a valid shorter prefix: see slm_session_pos(). */
SLM_API slm_status slm_session_sync(slm_session *s, const int32_t *ids, int n, slm_error *err);
SLM_API slm_status slm_session_eval(slm_session *s, int32_t id, slm_error *err);
/* Appends ids[0..n) and shows the logits [n_vocab] of each; where `see` returns false the session ends
 * in that token.  The pointer is valid during the call only. */
typedef bool (*slm_logits_fn)(void *ud, int i, const float *logits);
SLM_API slm_status slm_session_score(slm_session *s, const int32_t *ids, int n,
                                     slm_logits_fn see, void *ud, slm_error *err);
/* Appends ids[0..n) and measures what they say about the tokens behind each: nll[i] = -ln of the
 * probability of next[i] after ids[i].  Rows of logits are measured by threads of their own, without
 * being shown; the session has none afterwards.  score_all makes it fast. */
SLM_API slm_status slm_session_nll(slm_session *s, const int32_t *ids, const int32_t *next, int n,
                                   double *nll, slm_error *err);
/* One vector [n_embd] for ids[0..n), which the cache then holds alone: the state behind the last norm, of the
 * last token or the mean over all, of length 1. */
typedef enum { SLM_POOL_MEAN, SLM_POOL_LAST } slm_pool;
SLM_API slm_status slm_session_embed(slm_session *s, const int32_t *ids, int n, slm_pool how, float *out, slm_error *err);
/* Appends ids[0..n) to each of n_s sessions and measures what they say about the tokens behind each.
 * out[i * n_s + k], of session k after ids[i]: nll as above; kl, the Kullback-Leibler divergence of its
 * distribution from session 0's in nats; same_top: they have one likeliest token.  All have the same vocabulary and score_all,
 * and no logits afterwards. */
typedef struct {
    double nll, kl;
    bool   same_top;
} slm_comparison;
SLM_API slm_status slm_session_compare(slm_session *const *s, int n_s, const int32_t *ids, const int32_t *next, int n,
                                       slm_comparison *out, slm_error *err);
/* Forgets everything from position pos on, or all where a sliding window no longer holds what
 * position pos would see: slm_session_pos() tells.  Logits come with the next token. */
SLM_API void slm_session_rewind(slm_session *s, int pos);
SLM_API int slm_session_pos(const slm_session *s);
SLM_API const float *slm_session_logits(const slm_session *s); /* [n_vocab], of the last id */
SLM_API slm_status slm_session_set_sampling(slm_session *s, const slm_sampling *p,
                                            slm_error *err);
/* In place of the biases before; the list is copied. */
SLM_API slm_status slm_session_set_bias(slm_session *s, const slm_bias *list, int n, slm_error *err);
/* DRY: a token whose text contains one of the texts belongs to no sequence.  None until this is called. */
SLM_API slm_status slm_session_set_dry_breakers(slm_session *s, const char *const *text, int n, slm_error *err);
/* Names of the steps, from 1 on; NULL elsewhere. */
SLM_API const char *slm_sampler_name(int i);
/* "top_k;temperature": names separated by ; or , into an order for slm_sampling. */
SLM_API slm_status slm_samplers_parse(const char *list, uint8_t order[SLM_N_SAMPLERS], slm_error *err);
/* Picks from the logits; penalties look at the session's tokens.  Fails with SLM_ERR_NUMERIC
 * where a logit is not finite. */
SLM_API slm_status slm_session_sample(slm_session *s, int32_t *id, slm_error *err);

/* The whole loop: sync, then sample and eval until the turn ends, a stop text appears, `max_new`
 * tokens are made, the context is full, or `emit` returns false.  `emit` is called once for each
 * new token with its id and the text that became certain: whole UTF-8 characters only, a broken
 * one as U+FFFD, and nothing that may still become a stop text; again with id -1 for more text of
 * the same token or held back at the end.  Stop texts, the token that ends the turn and the marks
 * around thinking are not emitted. */
typedef enum { SLM_TEXT_ANSWER, SLM_TEXT_THINKING } slm_text_kind;
typedef bool (*slm_emit_fn)(void *ud, int32_t id, slm_text_kind kind, const char *text, size_t len);

typedef struct {
    int                max_new;    /* -1: until the context is full                 */
    const char *const *stop;       /* n_stop texts, or NULL                         */
    int                n_stop;
    bool               ignore_eos; /* go on past the end of the turn                */
    bool               split_thinking; /* <think>..</think> before the answer is thinking; else
                                          everything is answer                      */
    bool               in_thinking;  /* the prompt has opened it already            */
    int                think_budget; /* close it after so many tokens; -1: never    */
    slm_progress_fn    progress;   /* NULL, or called with emit's ud and the new tokens of the prompt that are
                                      done, before each layer of each part of it; false ends it as emit does */
    bool (*goes_on)(void *ud);     /* NULL, or asked with emit's ud before each layer of each new token, which
                                      takes long in a large model; false ends the answer as emit does */
} slm_generation;

typedef enum {
    SLM_FINISH_STOP,               /* end of turn or stop text                      */
    SLM_FINISH_LENGTH,             /* max_new reached                               */
    SLM_FINISH_CONTEXT,            /* the context is full                           */
    SLM_FINISH_CANCELLED           /* emit, progress or goes_on returned false      */
} slm_finish;

typedef struct {
    int        n_prompt, n_reused, n_new, n_thinking;
    double     prefill_ms, decode_ms, first_token_ms;
    slm_finish finish;
} slm_stats;

SLM_API slm_generation slm_generation_defaults(void);
/* stats may be NULL. */
SLM_API slm_status slm_generate(slm_session *s, const int32_t *prompt, int n,
                                const slm_generation *opt, slm_emit_fn emit, void *ud,
                                slm_stats *stats, slm_error *err);

/* ---- Files ----------------------------------------------------------------- */

typedef enum {
    SLM_VALUE_UINT, SLM_VALUE_INT, SLM_VALUE_FLOAT, SLM_VALUE_BOOL, SLM_VALUE_TEXT
} slm_value_kind;

typedef struct {
    slm_value_kind kind;
    uint64_t       u;
    int64_t        i;
    double         f;
    bool           b;
    const char    *text; /* not NUL ended; owned by the file */
    size_t         len;
} slm_value;

typedef struct {
    const char *key;     /* not NUL ended */
    size_t      key_len;
    const char *type;    /* "u32", "str", .. of the value or of the array's elements */
    bool        is_array;
    uint64_t    n;       /* elements; 1 for a value that is no array                 */
} slm_meta;

typedef struct {
    const char *name;    /* not NUL ended */
    size_t      name_len;
    const char *type;    /* "Q4_0", or "Q4_0 (r8)" where it is packed                */
    bool        packed;
    int         n_dims;
    uint64_t    dim[4];  /* dim[0] is the contiguous one                             */
    uint64_t    offset, bytes; /* offset from the start of the file                  */
} slm_tensor_info;

SLM_API slm_status slm_file_open(slm_file **out, const char *path, slm_error *err);
SLM_API void slm_file_close(slm_file *f);
SLM_API uint64_t slm_file_bytes(const slm_file *f);
SLM_API bool slm_file_meta(const slm_file *f, size_t i, slm_meta *out);     /* false: past the end */
SLM_API bool slm_file_tensor(const slm_file *f, size_t i, slm_tensor_info *out);
/* Calls `see` with each element of metadata entry i in order, until it returns false. */
typedef bool (*slm_value_fn)(void *ud, uint64_t k, const slm_value *v);
SLM_API void slm_file_values(const slm_file *f, size_t i, slm_value_fn see, void *ud);

typedef struct {
    bool            unpack;    /* else pack                                          */
    int             n_threads; /* 0 = one per performance core                       */
    slm_progress_fn progress;  /* of bytes; may be NULL                              */
    void           *ud;
} slm_pack_options;
typedef struct {
    int      n_tensors, n_changed;          /* of all, of those that were rearranged */
    uint64_t bytes, changed_bytes, file_bytes;
} slm_pack_result;

/* Writes the model `in` to `out` as slm_model_pack() would rearrange it, so that opening `out` maps
 * it and is done; or (unpack) the original again, byte for byte.  `out` is as it was until all is
 * written; it may not be `in`.  Memory: some megabytes.  result may be NULL. */
SLM_API slm_status slm_pack_file(const char *in, const char *out, const slm_pack_options *opt,
                                 slm_pack_result *result, slm_error *err);

typedef struct {            /* one tensor of a file that is quantized                             */
    const char *name;       /* not NUL ended */
    size_t      name_len;
    const char *from, *to;  /* types */
    bool        fell_back;  /* its rows are no multiple of the wanted type's blocks               */
    int         n_dims;
    uint64_t    dim[4];     /* dim[0] is the contiguous one                                       */
    uint64_t    from_bytes, bytes;
} slm_quantize_tensor;

typedef struct {
    const char        *token_embedding_type, *output_tensor_type; /* NULL: what the mixture says     */
    const char *const *tensor_type; /* [n_tensor_type]: "RE=TYPE", POSIX extended; the first that matches counts */
    int                n_tensor_type;
    bool               pure;              /* no mixture: one type                                 */
    const char        *imatrix;           /* a file that says which columns count; NULL: all the same */
    bool               allow_requantize;  /* also what is quantized already                       */
    int                n_threads;         /* 0 = one per performance core                         */
    slm_progress_fn    progress;          /* of bytes, by any one thread at a time; may be NULL   */
    void (*tensor)(void *ud, const slm_quantize_tensor *t); /* each, before the work; may be NULL */
    void              *ud;
} slm_quantize_options;
typedef struct {
    int      n_tensors, n_changed, n_fallback, n_weighed; /* n_weighed: with importance             */
    uint64_t n_weights, from_bytes, bytes, file_bytes; /* of all tensors before and after; of the file */
} slm_quantize_result;

/* Writes the model `in` to `out` with its matrices in `type`: a tensor type or one of llama.cpp's mixtures ("Q4_K_M").
 * Norms and biases stay as they are; a row that a type's blocks do not divide gets a type whose blocks do.  `out` is
 * as it was until all is written; it may not be `in`; NULL: nothing is written, the result is what would be.
 * Tensors that are quantized already are refused unless allowed (SLM_ERR_UNSUPPORTED).  The same bytes for every number
 * of threads.  Memory: some megabytes.  result may be NULL. */
SLM_API slm_status slm_quantize_file(const char *in, const char *out, const char *type, const slm_quantize_options *opt,
                                     slm_quantize_result *result, slm_error *err);
/* Names of the types that it takes; NULL past the end. */
SLM_API const char *slm_quantize_type(int i);

/* Sums of squares of the inputs of a model's matrices, for slm_quantize_options.imatrix.  From create to free, what `s`
 * evaluates is counted; with_output: the inputs of the output matrix too, of those tokens whose logits are made. */
typedef struct slm_imatrix slm_imatrix;
SLM_API slm_status slm_imatrix_create(slm_imatrix **out, slm_session *s, bool with_output, slm_error *err);
SLM_API void slm_imatrix_free(slm_imatrix *m); /* before its session; NULL is a no-op */
/* As a GGUF that llama.cpp reads.  dataset: a name for the text; n_chunks texts of n_ctx tokens were read.  The same bytes
 * for every number of threads and split into batches.  `path` is as it was until all is written. */
SLM_API slm_status slm_imatrix_save(const slm_imatrix *m, const char *path, const char *dataset, int n_chunks, int n_ctx, slm_error *err);

/* How far the weights of two files of one model are apart: sqrt(sum (a - b)^2 / sum a^2). */
typedef struct {
    const char *name;       /* not NUL ended */
    size_t      name_len;
    const char *from, *to;  /* types in a and in b                                                */
    double      error;      /* 0: the same weights; 1, where b's are zero                         */
    uint64_t    n_weights;
} slm_tensor_error;
/* `see` gets each tensor that both have with the same dimensions; n_threads 0: one per performance core. */
SLM_API slm_status slm_file_errors(const slm_file *a, const slm_file *b, int n_threads,
                                   void (*see)(void *ud, const slm_tensor_error *e), void *ud, slm_error *err);

/* ---- Measuring --------------------------------------------------------------- */

/* What `slm bench` is made of: how fast this machine can read and multiply at most, and what a
 * model asks of it.  1 GB is 10^9 bytes; a multiplication and an addition are two operations. */

/* Fastest pass that n_threads make over memory of four times the last cache, or of most_bytes where
 * that is less (0: no bound). */
SLM_API slm_status slm_measure_read(int n_threads, size_t most_bytes, double *gb_per_s, slm_error *err);
/* 10^9 operations a second on 8-bit integers with one instruction set; 0: there is no loop for it. */
SLM_API slm_status slm_measure_peak(const char *isa, int n_threads, double *gops, slm_error *err);

typedef struct {
    uint64_t weight_bytes;  /* read: matrices once for each batch, the output matrix once            */
    uint64_t kv_bytes;      /* read: the cache as far as it is looked at, once for each batch        */
    double   macs;          /* multiplications of the matrix products (attention's are not counted)  */
} slm_work;
/* The work of ids at positions pos .. pos + n - 1, with the logits of the last one. */
SLM_API void slm_work_of(const slm_model *m, const slm_session_options *opt, int pos, int n, slm_work *out);

typedef struct {            /* one matrix product, of a matrix with random weights                   */
    const char *isa, *type; /* as slm_isa_name() and slm_type_name() name them                       */
    int         n_threads, n_tok;
    bool        large;      /* weights of four times the last cache; else they stay in the second    */
    size_t      most_bytes; /* bound on large weights; 0: none                                       */
    bool        fast;       /* as slm_session_options.fast_prefill                                   */
} slm_product;
typedef struct {
    double gb_per_s, gmacs; /* weights read; 10^9 multiplications a second                           */
    bool   has_kernel;      /* multiplies in integers; else in floats                                */
    bool   packed;          /* the weights were rearranged as slm_model_pack() does                   */
    bool   fast;            /* in bfloat16                                                            */
} slm_product_speed;
SLM_API slm_status slm_measure_product(const slm_product *c, slm_product_speed *out, slm_error *err);
/* Names of the tensor formats; NULL past the end. */
SLM_API const char *slm_type_name(int i);

/* Files of public models' shapes with random weights: "llama-3.2-1b:Q4_K_M".  n_layer 0: all layers. */
SLM_API slm_status slm_shape_size(const char *spec, int n_layer, uint64_t *bytes, slm_error *err);
/* *data: for slm_model_options.data; freed with slm_shape_free() after the model. */
SLM_API slm_status slm_shape_make(const char *spec, int n_layer, int n_threads, void **data, size_t *size,
                                  slm_error *err);
SLM_API void slm_shape_free(void *data, size_t size); /* NULL is a no-op */

#ifdef __cplusplus
}
#endif
#endif
