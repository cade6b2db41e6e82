/* session.c - a sequence of tokens over one model: evaluate, sample, generate. */
#include "session.h"
#include "cpu.h"
#include "limits.h"
#include <math.h>
#include <string.h>

/* Rows of logits computed at once when all positions are scored: enough to share each read of the
 * output matrix, little enough that they stay at 16 MiB, but for rows longer than 262,144. */
enum { MIN_SCORE_ROWS = 16, MAX_SCORE_ROWS = 64, SCORE_FLOATS = 1 << 22 };

static int score_rows(int n_vocab) {
    const int n = SCORE_FLOATS / n_vocab;
    return n < MIN_SCORE_ROWS ? MIN_SCORE_ROWS : n < MAX_SCORE_ROWS ? n : MAX_SCORE_ROWS;
}

/* A watched prompt: tokens of the first part, and how long a part may take. */
enum { WATCH_MIN = 32, WATCH_MS = 200 };

/* Tokens from which on the session's memory is in huge pages.  They make reading a long cache 1.6 times as fast,
 * but the first token touches the beginning of every head's run, and each touch zeroes 2 MiB: 128 MiB for a
 * 1B model's context of 4096, half of the time to its first token (AMD EPYC, 2 threads, 2026-11). */
enum { HUGE_FROM = 512 };

slm_session_options slm_session_defaults(void) { return (slm_session_options){0}; }

slm_sampling slm_sampling_defaults(void) {
    return (slm_sampling){.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f, .typical_p = 1,
                          .repeat_penalty = 1, .repeat_last_n = 64, .xtc_threshold = 0.1f, .dry_base = 1.75f,
                          .dry_allowed_length = 2, .dry_last_n = -1, .mirostat_tau = 5, .mirostat_eta = 0.1f};
}

/* ---- create ---------------------------------------------------------------- */

static slm_status check_options(slm_session *s, const slm_model *m, const slm_session_options *opt, slm_error *err) {
    if (!m->has_weights) return err_set(err, SLM_ERR_ARGUMENT, "the model was opened for its vocabulary only");
    const int trained = m->w.cfg.n_ctx_train;
    if (opt->n_ctx < 0) return err_set(err, SLM_ERR_ARGUMENT, "a context of %d tokens is not possible", opt->n_ctx);
    if (opt->n_room < 0) return err_set(err, SLM_ERR_ARGUMENT, "memory for %d tokens is not possible", opt->n_room);
    if (opt->n_batch < 0 || opt->n_batch > 1 << 16) return err_set(err, SLM_ERR_ARGUMENT, "a batch of %d tokens is not in [1, 65536]", opt->n_batch);
    if (opt->n_threads < 0 || opt->n_threads > MAX_THREADS)
        return err_set(err, SLM_ERR_ARGUMENT, "%d threads are not in [1, %d]", opt->n_threads, MAX_THREADS);
    if ((unsigned)opt->kv_type >= KV_TYPES) return err_set(err, SLM_ERR_ARGUMENT, "unknown cache type %d", (int)opt->kv_type);
    s->m = m;
    s->n_ctx = opt->n_ctx ? opt->n_ctx : trained < 4096 ? trained : 4096;
    s->n_room = opt->n_room && opt->n_room < s->n_ctx ? opt->n_room : s->n_ctx;
    s->n_batch = opt->n_batch ? opt->n_batch : 512;
    if (s->n_batch > s->n_room) s->n_batch = s->n_room;
    s->n_threads = opt->n_threads ? opt->n_threads : cpu_default_threads();
    s->n_rows = opt->score_all ? score_rows(m->w.n_vocab) : 1;
    s->fast = opt->fast_prefill;
    return SLM_OK;
}

static void layout_work(arena *a, slm_session *s) {
    forward_layout(a, &s->f, &s->m->w, s->n_batch, s->n_threads);
    s->logits = arena_take(a, (size_t)s->n_rows * (size_t)s->m->w.n_vocab, sizeof *s->logits, 64);
    sampler_layout(a, &s->pick, s->m->w.n_vocab);
}

/* What depends on how many tokens there may be. */
static void layout_far(arena *a, forward_state *f, int32_t **ids, int n, slm_kv_type type) {
    forward_room(a, f, n, type);
    *ids = arena_take(a, (size_t)n, sizeof **ids, 64);
    /* What no mapping can be is refused here, so that sums of sizes stay below 2^64. */
    if (a->used > SIZE_MAX / 4) a->full = true;
}

/* Both measured.  kv_bytes may be NULL. */
static slm_status measure(slm_session *s, slm_kv_type type, arena *work, arena *far, size_t *kv_bytes, slm_error *err) {
    layout_work(work, s);
    layout_far(far, &s->f, &s->ids, s->n_room, type);
    if (work->full || far->full) return err_set(err, SLM_ERR_MEMORY, "a context of %d tokens does not fit the address space", s->n_room);
    if (kv_bytes) {
        arena    only = {0};
        kv_cache k;
        kv_layout(&only, &k, &s->m->w.cfg, s->n_room, s->n_batch, type);
        *kv_bytes = only.used;
    }
    return SLM_OK;
}

slm_status slm_memory_plan(const slm_model *m, const slm_session_options *opt, slm_memory *out, slm_error *err) {
    slm_session s = {0};
    arena       work = {0}, far = {0};
    size_t      kv_bytes = 0;
    slm_status  rc = check_options(&s, m, opt, err);
    if (rc || (rc = measure(&s, opt->kv_type, &work, &far, &kv_bytes, err))) return rc;
    out->n_ctx = s.n_room;
    out->weights = m->w.bytes + m->w.mem.cap;
    out->kv = kv_bytes;
    out->work = work.used + far.used - kv_bytes;
    out->total = out->weights + out->kv + out->work;
    return SLM_OK;
}

static void set_huge(slm_session *s, bool huge) {
    s->huge = huge;
    arena_huge(&s->mem, huge);
    arena_huge(&s->far, huge);
}

slm_status slm_session_create(slm_session **out, const slm_model *m, const slm_session_options *opt, slm_error *err) {
    slm_session *s = mem_zero(1, sizeof *s);
    if (!s) return err_memory(err, "a session", sizeof *s);
    arena        work = {0}, far = {0};
    slm_sampling defaults = slm_sampling_defaults();
    slm_status   rc = check_options(s, m, opt, err);
    if (rc) goto fail;
    if ((rc = measure(s, opt->kv_type, &work, &far, NULL, err))) goto fail;
    if ((rc = arena_alloc(&s->mem, work.used, "the session", err)) || (rc = arena_alloc(&s->far, far.used, "the cache", err))) goto fail;
    set_huge(s, false);
    layout_work(&s->mem, s);
    layout_far(&s->far, &s->f, &s->ids, s->n_room, opt->kv_type);
    if ((rc = thread_pool_create(&s->pool, s->n_threads, err))) goto fail;
    pace_start(&s->pace, s->n_threads);
    forward_init(&s->f, s->n_ctx, &m->k, s->pool);
    sampler_init(&s->pick, &m->k);
    if ((rc = sampler_set(&s->pick, &defaults, err))) goto fail;
    *out = s;
    return SLM_OK;
fail:
    slm_session_free(s);
    return rc;
}

void slm_session_free(slm_session *s) {
    if (!s) return;
    thread_pool_free(s->pool);
    sampler_free(&s->pick);
    arena_free(&s->far);
    arena_free(&s->mem);
    mem_free(s);
}

int          slm_session_n_ctx(const slm_session *s) { return s->n_ctx; }
int          slm_session_n_room(const slm_session *s) { return s->n_room; }
int          slm_session_n_threads(const slm_session *s) { return s->n_threads; }
int          slm_session_pos(const slm_session *s) { return s->n_ids; }
const float *slm_session_logits(const slm_session *s) { return s->logits; }

slm_status slm_session_set_sampling(slm_session *s, const slm_sampling *p, slm_error *err) { return sampler_set(&s->pick, p, err); }

slm_status slm_session_set_bias(slm_session *s, const slm_bias *list, int n, slm_error *err) { return sampler_bias(&s->pick, list, n, err); }

slm_status slm_session_set_dry_breakers(slm_session *s, const char *const *text, int n, slm_error *err) {
    const int n_vocab = s->m->w.n_vocab;
    for (int i = 0; i < n; i++)
        if (!*text[i]) return err_set(err, SLM_ERR_ARGUMENT, "an empty text would break every sequence");
    uint8_t *breaks = mem_zero((size_t)n_vocab, sizeof *breaks);
    if (!breaks) return err_memory(err, "sequence breakers", (size_t)n_vocab);
    for (int32_t id = 0; id < n_vocab; id++) {
        const str piece = tok_bytes(s->m->tok, id);
        for (int i = 0; i < n; i++) breaks[id] |= piece.n && memmem(piece.p, piece.n, text[i], strlen(text[i]));
    }
    sampler_breaks(&s->pick, breaks);
    return SLM_OK;
}

void slm_session_rewind(slm_session *s, int pos) {
    if (pos < 0) pos = 0;
    if (pos < s->n_ids) {
        s->n_ids = kv_rewind_to(&s->f.cache, pos);
        s->has_logits = false;
    }
    if (s->n_ids == 0) s->f.cache.high = 0;
}

/* ---- evaluate ---------------------------------------------------------------- */

static slm_status check_ids(const slm_session *s, const int32_t *ids, int n, slm_error *err) {
    for (int i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= s->m->w.n_vocab)
            return err_set(err, SLM_ERR_ARGUMENT, "token id %d is not in [0, %d]", ids[i], s->m->w.n_vocab - 1);
    return SLM_OK;
}

/* Memory for n tokens or more, to which what is cached moves. */
static slm_status grow(slm_session *s, int n, slm_error *err) {
    arena         size = {0}, far;
    forward_state f = s->f;
    int32_t      *ids;
    int           room = s->n_room;
    while (room < n) room = room > s->n_ctx / 2 ? s->n_ctx : 2 * room;
    layout_far(&size, &f, &ids, room, s->f.cache.type);
    if (size.full) return err_set(err, SLM_ERR_MEMORY, "a context of %d tokens does not fit the address space", room);
    const slm_status rc = arena_alloc(&far, size.used, "a longer cache", err);
    if (rc) return rc;
    if (!s->huge) arena_huge(&far, false);
    layout_far(&far, &f, &ids, room, s->f.cache.type);
    kv_move(&f.cache, &s->f.cache, s->m->w.cfg.n_layer);
    memcpy(ids, s->ids, (size_t)s->n_ids * sizeof *ids);
    arena_free(&s->far);
    s->far = far;
    s->f = f;
    s->ids = ids;
    s->n_room = room;
    return SLM_OK;
}

static slm_status check_room(slm_session *s, int64_t total, slm_error *err) {
    if (total > s->n_ctx) return err_set(err, SLM_ERR_CONTEXT, "%lld tokens do not fit the context of %d", (long long)total, s->n_ctx);
    return total <= s->n_room ? SLM_OK : grow(s, (int)total, err);
}

/* Weights that are broken show in the logits; from there on nothing would make sense. */
static slm_status damaged(const slm_session *s, int pos, slm_error *err) {
    return gguf_fail(s->m->file, err, SLM_ERR_NUMERIC, "no finite logits at token %d: the weights are damaged", pos);
}

static slm_status check_finite(slm_session *s, int row, int pos, slm_error *err) {
    return sampler_scan(&s->pick, s->logits + (size_t)row * (size_t)s->m->w.n_vocab) ? SLM_OK : damaged(s, pos, err);
}

/* One batch of ids into the cache; false: it was given up, and none of them is there. */
static bool advance(slm_session *s, const int32_t *ids, int k) {
    if (!s->huge && s->n_ids + k >= HUGE_FROM) set_huge(s, true);
    const bool whole = forward(&s->f, ids, k, s->n_ids);
    memmove(s->ids + s->n_ids, ids, (size_t)k * sizeof *ids);
    s->n_ids += k;
    s->has_logits = false;
    if (!whole) slm_session_rewind(s, s->n_ids - k);
    return whole;
}

/* A watcher is asked within a batch, too: one of a large model, even one token, takes longer than a person waits for Ctrl-C. */
typedef struct {
    watcher  watch;
    uint64_t done, total;
} batch_watch;

static bool ask_again(void *ud) {
    const batch_watch *b = ud;
    return b->watch.see(b->watch.ud, b->done, b->total);
}

/* For what comes in batches, whether one token or many. */
static void use_all(slm_session *s) {
    thread_pool_use(s->pool, s->n_threads);
    s->f.o.fast = s->fast;
}

/* Tokens of a batch where n go in as few batches as can be: equal ones, since a short one pays for the weights alone. */
static int even_part(const slm_session *s, int n) {
    const int parts = n > s->n_batch ? (n + s->n_batch - 1) / s->n_batch : 1;
    return (n + parts - 1) / parts;
}

/* How many tokens to evaluate next where someone watches: `k` took `ms`.  Small parts read the weights
 * more often, so they grow as far as they stay prompt. */
static int next_part(const slm_session *s, int k, double ms) {
    const int most = 2 * k < s->n_batch ? 2 * k : s->n_batch;
    if (ms * 2 < WATCH_MS) return most;
    return ms > WATCH_MS * 2 && k > WATCH_MIN ? k / 2 : k;
}

/* Appends ids (checked) to the cache, batch by batch; logits of the last one.  A single token takes as many
 * threads as are of use, several take all. */
static slm_status append(slm_session *s, const int32_t *ids, int n, watcher watch, slm_error *err) {
    int part = watch.see && s->n_batch > WATCH_MIN ? WATCH_MIN : even_part(s, n);
    const double  start = clock_ms();
    const int64_t switches = cpu_switches();
    thread_pool_use(s->pool, n == 1 ? s->pace.n : s->n_threads);
    s->f.o.fast = s->fast && n > 1;
    s->has_logits = false;
    for (int i = 0; i < n;) {
        const int    k = n - i < part ? n - i : part;
        const double t0 = watch.see ? clock_ms() : 0;
        batch_watch  asked = {watch, (uint64_t)i, (uint64_t)n};
        s->f.leave = (forward_leave){watch.see ? ask_again : NULL, &asked};
        const bool whole = advance(s, ids + i, k);
        s->f.leave = (forward_leave){0};
        if (!whole) return SLM_OK;
        i += k;
        if (i == n) s->f.o.fast = false, forward_logits(&s->f, k - 1, 1, s->logits);
        if (watch.see) part = next_part(s, k, clock_ms() - t0);
    }
    if (n == 1) pace_token(&s->pace, clock_ms() - start, cpu_switches() - switches);
    const slm_status rc = check_finite(s, 0, s->n_ids - 1, err);
    s->has_logits = true;
    s->finite = !rc;
    return rc;
}

slm_status session_sync(slm_session *s, const int32_t *ids, int n, int *reused, watcher watch, slm_error *err) {
    slm_status rc = check_ids(s, ids, n, err);
    if (rc || (rc = check_room(s, n, err))) return rc;
    if (n <= 0) return err_set(err, SLM_ERR_ARGUMENT, "there is no token to evaluate");
    int same = 0;
    while (same < n - 1 && same < s->n_ids && ids[same] == s->ids[same]) same++;
    slm_session_rewind(s, same);
    *reused = s->n_ids;
    return append(s, ids + s->n_ids, n - s->n_ids, watch, err);
}

slm_status slm_session_sync(slm_session *s, const int32_t *ids, int n, slm_error *err) {
    int reused;
    return session_sync(s, ids, n, &reused, (watcher){0}, err);
}

slm_status session_eval(slm_session *s, int32_t id, watcher watch, slm_error *err) {
    slm_status rc = check_ids(s, &id, 1, err);
    if (rc || (rc = check_room(s, s->n_ids + (int64_t)1, err))) return rc;
    return append(s, &id, 1, watch, err);
}

slm_status slm_session_eval(slm_session *s, int32_t id, slm_error *err) { return session_eval(s, id, (watcher){0}, err); }

slm_status slm_session_score(slm_session *s, const int32_t *ids, int n, slm_logits_fn see, void *ud, slm_error *err) {
    slm_status rc = check_ids(s, ids, n, err);
    if (rc || (rc = check_room(s, s->n_ids + (int64_t)n, err))) return rc;
    const size_t row_floats = (size_t)s->m->w.n_vocab;
    use_all(s);
    const int part = even_part(s, n);
    for (int i = 0; i < n;) {
        const int k = n - i < part ? n - i : part;
        advance(s, ids + i, k);
        for (int r = 0; r < k;) {
            const int rows = k - r < s->n_rows ? k - r : s->n_rows;
            forward_logits(&s->f, r, rows, s->logits);
            for (int j = 0; j < rows; j++) {
                const int pos = s->n_ids - k + r + j;
                if ((rc = check_finite(s, j, pos, err))) return rc;
                const bool stop = !see(ud, i + r + j, s->logits + (size_t)j * row_floats);
                if (!stop && r + j + 1 < k) continue;
                /* The session ends in the last token that was shown, with its logits; those behind
                 * it came with the batch, and the ring still has the window before it. */
                slm_session_rewind(s, pos + 1);
                memmove(s->logits, s->logits + (size_t)j * row_floats, row_floats * sizeof *s->logits);
                s->has_logits = s->finite = true;
                if (stop) return SLM_OK;
            }
            r += rows;
        }
        i += k;
    }
    return SLM_OK;
}

typedef struct {
    const slm_session *s;
    const int32_t     *next;
    double            *nll;
} nll_job;

/* ln sum exp(z), counted from the largest z so that nothing overflows; NaN where a z is not finite. */
static double log_sum_exp(const kernels *k, const float *z, int n) {
    enum { PART = 64 * KERNEL_PEAK };
    float peak[PART / KERNEL_PEAK], max = z[0];
    for (int i = 0; i < n; i += PART) {
        const int m = n - i < PART ? n - i : PART;
        if (!k->peaks(peak, z + i, m)) return (double)NAN;
        for (int b = 0; b * KERNEL_PEAK < m; b++) max = peak[b] > max ? peak[b] : max;
    }
    return (double)max + log(k->exp_total(z, n, max, 1, NULL));
}

static void nll_row(void *ctx, int64_t row, int worker) {
    const nll_job *j = ctx;
    const int      n = j->s->m->w.n_vocab;
    const float   *z = j->s->logits + (size_t)row * (size_t)n;
    (void)worker;
    j->nll[row] = log_sum_exp(&j->s->m->k, z, n) - (double)z[j->next[row]];
}

slm_status slm_session_nll(slm_session *s, const int32_t *ids, const int32_t *next, int n, double *nll, slm_error *err) {
    slm_status rc = check_ids(s, ids, n, err);
    if (rc || (rc = check_ids(s, next, n, err)) || (rc = check_room(s, s->n_ids + (int64_t)n, err))) return rc;
    use_all(s);
    const int part = even_part(s, n);
    for (int i = 0; i < n;) {
        const int k = n - i < part ? n - i : part;
        advance(s, ids + i, k);
        for (int r = 0; r < k;) {
            const int rows = k - r < s->n_rows ? k - r : s->n_rows;
            forward_logits(&s->f, r, rows, s->logits);
            thread_run(s->pool, rows, nll_row, &(nll_job){s, next + i + r, nll + i + r});
            for (int j = 0; j < rows; j++)
                if (isnan(nll[i + r + j])) return damaged(s, s->n_ids - k + r + j, err);
            r += rows;
        }
        i += k;
    }
    return SLM_OK;
}

/* Sums in double and in the order of the tokens: the same for every batch and thread count. */
slm_status slm_session_embed(slm_session *s, const int32_t *ids, int n, slm_pool how, float *out, slm_error *err) {
    const int  d = s->m->w.cfg.n_embd, part = even_part(s, n > 0 ? n : 1);
    slm_status rc = check_ids(s, ids, n, err);
    if (rc || (rc = check_room(s, n, err))) return rc;
    if (n <= 0) return err_set(err, SLM_ERR_ARGUMENT, "there is no token to evaluate");
    double *sum = mem_zero((size_t)d, sizeof *sum), square = 0;
    if (!sum) return err_memory(err, "a vector", (size_t)d * sizeof *sum);
    slm_session_rewind(s, 0);
    use_all(s);
    for (int i = 0, k; i < n; i += k) {
        k = n - i < part ? n - i : part;
        advance(s, ids + i, k);
        for (int t = how == SLM_POOL_LAST ? k - 1 : 0; t < k; t++) {
            if (how == SLM_POOL_LAST && i + k < n) break;
            const float *h = forward_state_of(&s->f, t);
            for (int c = 0; c < d; c++) sum[c] += (double)h[c];
        }
    }
    for (int c = 0; c < d; c++) square += sum[c] * sum[c];
    if (!isfinite(square)) rc = damaged(s, n - 1, err);
    const double scale = square > 0 ? 1 / sqrt(square) : 0;
    for (int c = 0; c < d && !rc; c++) out[c] = (float)(sum[c] * scale);
    mem_free(sum);
    return rc;
}

typedef struct {
    slm_session *const *s;
    int                 n_s;
    const kernels      *k;
    const int32_t      *next;
    slm_comparison     *out;
} compare_job;

static int32_t likeliest(const float *z, int n) {
    int32_t top = 0;
    for (int32_t i = 1; i < n; i++)
        if (z[i] > z[top]) top = i;
    return top;
}

/* KL(p || q) = sum of p (ln p - ln q), ln p = z - its log_sum_exp; never below 0, as rounding would have it. */
static double divergence(const float *zp, const float *zq, double lp, double lq, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
        const double ln_p = (double)zp[i] - lp;
        if (ln_p > -80) sum += exp(ln_p) * (ln_p - ((double)zq[i] - lq)); /* less is nothing beside the largest */
    }
    return sum > 0 ? sum : 0;
}

static void compare_row(void *ctx, int64_t row, int worker) {
    const compare_job *j = ctx;
    const int          n = j->s[0]->m->w.n_vocab;
    const float       *base = j->s[0]->logits + (size_t)row * (size_t)n;
    const double       lp = log_sum_exp(j->k, base, n);
    const int32_t      top = likeliest(base, n);
    (void)worker;
    for (int k = 0; k < j->n_s; k++) {
        const float *z = j->s[k]->logits + (size_t)row * (size_t)n;
        const double lq = k ? log_sum_exp(j->k, z, n) : lp;
        j->out[row * j->n_s + k] = (slm_comparison){lq - (double)z[j->next[row]], k && !isnan(lp + lq) ? divergence(base, z, lp, lq, n) : 0,
                                                    likeliest(z, n) == top};
    }
}

/* What can be compared: the same tokens, and room for them. */
static slm_status check_compared(slm_session *const *s, int n_s, const int32_t *ids, const int32_t *next, int n, slm_error *err) {
    slm_status rc = check_ids(s[0], ids, n, err);
    if (!rc) rc = check_ids(s[0], next, n, err);
    for (int k = 0; k < n_s && !rc; k++) {
        if (s[k]->m->w.n_vocab != s[0]->m->w.n_vocab)
            return err_set(err, SLM_ERR_ARGUMENT, "vocabularies of %d and %d tokens cannot be compared", s[0]->m->w.n_vocab, s[k]->m->w.n_vocab);
        if (s[k]->n_rows != s[0]->n_rows) return err_set(err, SLM_ERR_ARGUMENT, "all sessions that are compared need score_all");
        rc = check_room(s[k], s[k]->n_ids + (int64_t)n, err);
    }
    return rc;
}

slm_status slm_session_compare(slm_session *const *s, int n_s, const int32_t *ids, const int32_t *next, int n, slm_comparison *out,
                               slm_error *err) {
    slm_status rc = check_compared(s, n_s, ids, next, n, err);
    int        n_batch = s[0]->n_batch;
    for (int k = 1; k < n_s; k++) n_batch = s[k]->n_batch < n_batch ? s[k]->n_batch : n_batch;
    for (int k = 0; k < n_s; k++) use_all(s[k]);
    for (int i = 0; i < n && !rc; i += n_batch) {
        const int size = n - i < n_batch ? n - i : n_batch;
        for (int k = 0; k < n_s; k++) advance(s[k], ids + i, size);
        for (int r = 0; r < size; r += s[0]->n_rows) {
            const int rows = size - r < s[0]->n_rows ? size - r : s[0]->n_rows;
            for (int k = 0; k < n_s; k++) forward_logits(&s[k]->f, r, rows, s[k]->logits);
            slm_comparison *o = out + (size_t)(i + r) * (size_t)n_s;
            thread_run(s[0]->pool, rows, compare_row, &(compare_job){s, n_s, &s[0]->m->k, next + i + r, o});
            for (int j = 0; j < rows * n_s; j++)
                if (isnan(o[j].nll)) return damaged(s[0], s[0]->n_ids - size + r + j / n_s, err);
        }
    }
    return rc;
}

slm_status slm_session_sample(slm_session *s, int32_t *id, slm_error *err) {
    if (!s->has_logits)
        return err_set(err, SLM_ERR_ARGUMENT, s->n_ids ? "nothing has been evaluated since the rewind" : "nothing has been evaluated yet");
    slm_status rc = s->finite ? SLM_OK : check_finite(s, 0, s->n_ids - 1, err);
    if (!rc) *id = sampler_pick(&s->pick, s->logits, s->ids, s->n_ids);
    return rc;
}
