/* tok_vocab.c - the pieces of a vocabulary: one block of bytes, one open table by text, one by
 * pair of ids.
 *
 * Loading is on the path to the first token, so nothing is allocated per token and a table is
 * filled in one pass; 64-bit slots carry part of the hash, so that most misses end without
 * touching the text. */
#include "tok_vocab.h"
#include "limits.h"
#include <string.h>

static uint32_t hash_text(const char *p, size_t n) {
    const uint64_t k = 0x9e3779b97f4a7c15u;
    uint64_t       h = n * k, x;
    for (; n > 8; p += 8, n -= 8) {
        memcpy(&x, p, 8);
        h = (h ^ x) * k;
        h ^= h >> 29;
    }
    x = 0;
    memcpy(&x, p, n);
    h = (h ^ x) * k;
    return (uint32_t)(h >> 32) ^ (uint32_t)(h >> 7);
}

static uint32_t hash_pair(uint32_t a, uint32_t b) {
    uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32) ^ (uint32_t)(h >> 9);
}

/* Longest search of a slot.  Honest tables need a few dozen; a file whose texts were made to collide is
 * refused instead of taking quadratic time.  What was not put so near is not there: runs of full slots
 * may be longer than any search that filled them. */
#define PROBES_MAX 512

/* At most two thirds full. */
static uint32_t table_size(uint64_t n) {
    uint64_t size = 64;
    while (size * 2 / 3 < n) size *= 2;
    return (uint32_t)size;
}

str vocab_bytes(const vocab *v, int32_t id) {
    return (str){v->bytes + v->at[id], v->at[id + 1] - v->at[id]};
}

int32_t vocab_find(const vocab *v, const char *p, size_t n) {
    if (!n || n > v->longest) return -1;
    uint32_t h = hash_text(p, n), probes = 0;
    for (uint32_t i = h & v->mask; v->slot[i] && probes <= PROBES_MAX; i = (i + 1) & v->mask, probes++) {
        if (v->slot[i] >> 32 != h) continue;
        int32_t id = (int32_t)(uint32_t)v->slot[i] - 1;
        str     s = vocab_bytes(v, id);
        if (s.n == n && !memcmp(s.p, p, n)) return id;
    }
    return -1;
}

/* A lookup waits three times for memory: slot, offset, text.  In step they wait together. */
void vocab_find_many(const vocab *v, const str *text, int32_t *id, int n) {
    uint32_t h[VOCAB_BATCH];
    for (int k = 0; k < n; k++) {
        h[k] = hash_text(text[k].p, text[k].n);
        __builtin_prefetch(v->slot + (h[k] & v->mask));
    }
    for (int k = 0; k < n; k++) {
        uint32_t i = h[k] & v->mask, probes = 0;
        while (v->slot[i] && v->slot[i] >> 32 != h[k] && probes++ < PROBES_MAX) i = (i + 1) & v->mask;
        id[k] = (int32_t)(uint32_t)v->slot[i] - 1;
        if (id[k] >= 0) __builtin_prefetch(v->at + id[k]);
    }
    for (int k = 0; k < n; k++)
        if (id[k] >= 0) __builtin_prefetch(v->bytes + v->at[id[k]]);
    for (int k = 0; k < n; k++)
        if (!text[k].n || (id[k] >= 0 && !str_eq(vocab_bytes(v, id[k]), text[k])))
            id[k] = vocab_find(v, text[k].p, text[k].n); /* two texts of one hash */
}

/* The last of equal texts is the one that encoding gives. */
static bool put_piece(vocab *v, int32_t id, uint32_t h) {
    str      s = vocab_bytes(v, id);
    uint32_t i = h & v->mask, probes = 0;
    for (; v->slot[i]; i = (i + 1) & v->mask) {
        if (++probes > PROBES_MAX) return false;
        if (v->slot[i] >> 32 != h) continue;
        str old = vocab_bytes(v, (int32_t)(uint32_t)v->slot[i] - 1);
        if (str_eq(old, s)) break;
    }
    v->slot[i] = (uint64_t)h << 32 | (uint32_t)(id + 1);
    if (s.n > v->longest) v->longest = (uint32_t)s.n;
    return true;
}

/* ---- types ------------------------------------------------------------------- */

/* Nobody writes these by accident. */
static const char *const ends_turn[] = {
    "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|im_end|>", "<|endoftext|>", "<|end|>",
    "<|return|>", "<|call|>", "<end_of_turn>", "<end_of_utterance>", "<|end_of_role|>",
    "<｜end▁of▁sentence｜>", "<|eot|>",
    /* Between files: what comes after is another document. */
    "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<reponame>"};

bool vocab_name_ends_turn(str s) {
    if (s.n < 7 || s.p[0] != '<') return false;
    for (size_t i = 0; i < ARRAY_LEN(ends_turn); i++)
        if (str_is(s, ends_turn[i])) return true;
    return false;
}

bool vocab_is_mark(str s) {
    static const char *const bar[] = {"|", "\xef\xbd\x9c"}; /* U+FF5C in DeepSeek's */
    for (size_t i = 0; i < ARRAY_LEN(bar); i++) {
        const size_t n = strlen(bar[i]);
        if (s.n > 2 * n + 2 && s.p[0] == '<' && s.p[s.n - 1] == '>' && !memcmp(s.p + 1, bar[i], n) &&
            !memcmp(s.p + s.n - 1 - n, bar[i], n))
            return true;
    }
    return false;
}

int vocab_settle_type(vocab *v, str s, int id) {
    int type = v->type[id];
    if (!s.n || s.p[0] != '<') return type;
    if (type == TYPE_CONTROL && str_is(s, "<s>")) v->bos_is_s = true;
    bool control = (type == TYPE_NORMAL || type == TYPE_USER) && vocab_name_ends_turn(s);
    /* Phi-3 calls </s> ordinary though it ends the text that <s> begins.  In Gemma both are HTML,
     * and in Qwen </s> is three letters of a bigger vocabulary. */
    if (type == TYPE_USER && v->bos_is_s && str_is(s, "</s>")) control = true;
    return control ? v->type[id] = TYPE_CONTROL : type;
}

/* ---- loading ----------------------------------------------------------------- */

static slm_status wrong_length(const gguf *g, const char *key, uint64_t n, uint64_t want,
                               slm_error *err) {
    return gguf_fail(g, err, SLM_ERR_FORMAT,
                     "%s has %llu elements, tokenizer.ggml.tokens has %llu", key,
                     (unsigned long long)n, (unsigned long long)want);
}

slm_status vocab_load(vocab *v, const gguf *g, vocab_piece_fn piece, void *ud,
                      slm_error *err) {
    const char   *what = "vocabulary";
    const gguf_kv *tokens = gguf_kv_find(g, "tokenizer.ggml.tokens");
    const gguf_kv *types = gguf_kv_find(g, "tokenizer.ggml.token_type");
    if (!tokens || !tokens->is_array || tokens->elem != GGUF_STR || !tokens->n)
        return gguf_fail(g, err, SLM_ERR_FORMAT,
                         "tokenizer.ggml.tokens is not an array of strings");
    if (tokens->n >= MODEL_MAX_VOCAB)
        return gguf_fail(g, err, SLM_ERR_FORMAT, "%llu tokens, the limit is %d",
                         (unsigned long long)tokens->n, MODEL_MAX_VOCAB - 1);
    if (types && (!types->is_array || types->elem == GGUF_F32 || types->elem == GGUF_F64 || types->elem == GGUF_BOOL ||
                  types->elem == GGUF_STR || types->elem == GGUF_ARRAY))
        return gguf_fail(g, err, SLM_ERR_FORMAT,
                         "tokenizer.ggml.token_type is not an array of integers");
    if (types && types->n != tokens->n)
        return wrong_length(g, "tokenizer.ggml.token_type", types->n, tokens->n, err);
    v->n = (int)tokens->n;
    v->unk = -1;
    memset(v->byte_id, 0xff, sizeof v->byte_id);
    size_t n = (size_t)v->n;
    v->type = mem_zero(n, 1);
    v->at = mem_zero(n + 1, sizeof *v->at);
    const uint32_t   size = table_size(n);
    const slm_status rc = arena_alloc(&v->slots, size * sizeof *v->slot, what, err);
    if (rc) return rc;
    v->slot = (uint64_t *)(void *)v->slots.base;
    v->mask = size - 1;
    /* Pieces are never longer than their text; 4 GiB of text cannot be addressed by `at`. */
    if (tokens->bytes > UINT32_MAX)
        return gguf_fail(g, err, SLM_ERR_FORMAT, "the token texts take %zu bytes",
                         tokens->bytes);
    strbuf  text = {0};
    uint8_t *found = mem_zero(n, 1); /* can plain text become token i? */
    text.p = mem_zero(tokens->bytes, 1);
    if (!v->type || !v->at || !found || !text.p) {
        mem_free(found);
        strbuf_free(&text);
        return err_memory(err, what, tokens->bytes + n * 8);
    }
    text.room = tokens->bytes;
    gguf_strings it = gguf_strings_of(tokens);
    str          s;
    for (int i = 0; i < v->n && gguf_next_str(&it, &s); i++) {
        uint64_t type = types ? gguf_kv_uint(types, (uint64_t)i) : TYPE_NORMAL;
        v->type[i] = type <= TYPE_BYTE ? (uint8_t)type : TYPE_NORMAL;
        found[i] = piece(ud, v, &text, s, i);
        v->at[i + 1] = (uint32_t)text.n;
    }
    v->bytes = text.p;
    v->n_bytes = text.n;
    bool ok = true;
    for (int i = 0; i < v->n && ok && !text.bad; i += VOCAB_BATCH) {
        uint32_t h[VOCAB_BATCH];
        int      end = v->n - i < VOCAB_BATCH ? v->n - i : VOCAB_BATCH;
        for (int k = 0; k < end; k++) {
            str piece_text = vocab_bytes(v, i + k);
            h[k] = hash_text(piece_text.p, piece_text.n);
            __builtin_prefetch(v->slot + (h[k] & v->mask), 1);
        }
        for (int k = 0; k < end && ok; k++)
            if (found[i + k] && v->at[i + k] != v->at[i + k + 1]) ok = put_piece(v, i + k, h[k]);
    }
    mem_free(found);
    if (text.bad) return err_memory(err, what, text.n);
    return ok ? SLM_OK
              : gguf_fail(g, err, SLM_ERR_FORMAT, "the texts of the tokens collide");
}

void vocab_free(vocab *v) {
    mem_free(v->type);
    mem_free(v->at);
    mem_free(v->bytes);
    arena_free(&v->slots);
    arena_free(&v->merges);
    mem_free(v->rank);
    memset(v, 0, sizeof *v);
}

slm_status vocab_merge_room(vocab *v, uint64_t n, slm_error *err) {
    if (n > UINT32_MAX / 4) return err_set(err, SLM_ERR_FORMAT, "too many merges: %llu",
                                           (unsigned long long)n);
    const uint32_t   size = table_size(n);
    const slm_status rc = arena_alloc(&v->merges, size * sizeof *v->merge, "merges", err);
    v->merge = (merge_rule *)(void *)v->merges.base;
    v->merge_mask = size - 1;
    return rc;
}

void vocab_merge_expect(const vocab *v, uint32_t left, uint32_t right) {
    __builtin_prefetch(v->merge + (hash_pair(left, right) & v->merge_mask), 1);
}

bool vocab_merge_add(vocab *v, uint32_t left, uint32_t right, uint32_t rank, int32_t id) {
    uint32_t i = hash_pair(left, right) & v->merge_mask, probes = 0;
    for (; v->merge[i].id_plus_1; i = (i + 1) & v->merge_mask) {
        if (v->merge[i].left == left && v->merge[i].right == right) return true;
        if (++probes > PROBES_MAX) return false;
    }
    v->merge[i] = (merge_rule){left, right, rank, (uint32_t)id + 1};
    return true;
}

const merge_rule *vocab_merge_find(const vocab *v, uint32_t left, uint32_t right) {
    uint32_t probes = 0;
    for (uint32_t i = hash_pair(left, right) & v->merge_mask; v->merge[i].id_plus_1 && probes <= PROBES_MAX;
         i = (i + 1) & v->merge_mask, probes++)
        if (v->merge[i].left == left && v->merge[i].right == right) return v->merge + i;
    return NULL;
}
