/* tokenizer.c - settings of a vocabulary, special tokens, and the driver of both families.
 *
 * Text is cut at the special tokens that may be recognised in it; what lies between goes to the
 * family.  Control tokens are recognised on request and only in trusted bytes, so that a user who
 * types <|im_end|> has typed ten characters; tokens that the vocabulary's maker added for text
 * (runs of newlines, <tool_call>) are recognised always.  Many files of fine-tuned models call
 * <|im_start|> such a text: it is one for who tokenizes text, but not in bytes known to be a user's. */
#include "tokenizer.h"
#include "limits.h"
#include "tok_bpe.h"
#include "tok_spm.h"
#include "unicode.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *p; /* in vocab.bytes */
    uint32_t    n;
    int32_t     id;
    int32_t     twins; /* entries of the same text before this one: at most one, of the other class */
    int32_t     inner; /* the longest entry that this one's text begins with; -1: none */
} special;

struct tokenizer {
    vocab           v;
    const splitter *split; /* NULL in SentencePiece */
    char            pre[32];
    bool            adds_bos, adds_eos, space_prefix;
    int32_t         bos, eos;
    uint8_t        *flag;  /* [n] */
    special        *sp;    /* sorted by text, for search byte by byte */
    int             n_sp;
    size_t          sp_longest; /* bytes */
    int             first[257]; /* sp[first[b] .. first[b + 1]) begin with byte b */
    uint8_t         pair[256][32]; /* bits: the first two bytes of some entry; of one with one byte, all that begin so */
};

enum {
    FLAG_CONTROL = 1,
    FLAG_ENDS_TURN = 2,
    FLAG_STRIPS = 4, /* the white space behind it */
    FLAG_MARK = 8    /* called text, but recognised only where every byte is trusted */
};

/* ---- loading --------------------------------------------------------------------- */

static bool is_id(const gguf_kv *kv) {
    return !kv->is_array && kv->elem != GGUF_STR && kv->elem != GGUF_F32 && kv->elem != GGUF_F64 && kv->elem != GGUF_BOOL;
}

/* An id of the vocabulary; absent, or all ones (as real files have it): leaves *out. */
static slm_status read_id(const tokenizer *t, const gguf *g, const char *key, int32_t *out,
                          slm_error *err) {
    const gguf_kv *kv = gguf_kv_find(g, key);
    if (!kv) return SLM_OK;
    if (!is_id(kv)) return gguf_fail(g, err, SLM_ERR_FORMAT, "%s is not a token id", key);
    uint64_t id = gguf_kv_uint(kv, 0);
    if (id == UINT32_MAX || id == UINT64_MAX) {
        *out = -1;
        return SLM_OK;
    }
    if (id >= (uint64_t)t->v.n)
        return gguf_fail(g, err, SLM_ERR_FORMAT, "%s = %llu, the vocabulary has %d tokens", key,
                         (unsigned long long)id, t->v.n);
    *out = (int32_t)id;
    return SLM_OK;
}

/* Of ids that nothing here uses, the kind alone: files name a padding token that they do not have. */
static slm_status check_id_kinds(const gguf *g, slm_error *err) {
    static const char start[] = "tokenizer.ggml.", end[] = "_token_id";
    const size_t      n_start = sizeof start - 1, n_end = sizeof end - 1;
    for (size_t i = 0; i < gguf_n_kv(g); i++) {
        const gguf_kv *kv = gguf_kv_at(g, i);
        const str      k = kv->key;
        if (k.n > n_start + n_end && !memcmp(k.p, start, n_start) && !memcmp(k.p + k.n - n_end, end, n_end) && !is_id(kv))
            return gguf_fail(g, err, SLM_ERR_FORMAT, "%.*s is not a token id", k.n < 80 ? (int)k.n : 80, k.p);
    }
    return SLM_OK;
}

static slm_status read_settings(tokenizer *t, const gguf *g, str arch, slm_error *err) {
    bool    spm = !t->split;
    int32_t more[3] = {-1, -1, -1};
    /* What SentencePiece models mean where a file is silent. */
    if (spm && t->v.n > 2 && t->v.type[1] == TYPE_CONTROL && t->v.type[2] == TYPE_CONTROL) {
        t->bos = 1;
        t->eos = 2;
    }
    t->adds_bos = spm || split_adds_bos(t->split);
    t->space_prefix = spm;
    slm_status rc = SLM_OK;
    if ((rc = check_id_kinds(g, err)) ||
        (rc = read_id(t, g, "tokenizer.ggml.bos_token_id", &t->bos, err)) ||
        (rc = read_id(t, g, "tokenizer.ggml.eos_token_id", &t->eos, err)) ||
        (rc = read_id(t, g, "tokenizer.ggml.unknown_token_id", &t->v.unk, err)) ||
        (rc = read_id(t, g, "tokenizer.ggml.eot_token_id", more, err)) ||
        (rc = read_id(t, g, "tokenizer.ggml.eom_token_id", more + 1, err)) ||
        (rc = gguf_bool(g, "tokenizer.ggml.add_bos_token", &t->adds_bos, err)) ||
        (rc = gguf_bool(g, "tokenizer.ggml.add_eos_token", &t->adds_eos, err)) ||
        (rc = gguf_bool(g, "tokenizer.ggml.add_space_prefix", &t->space_prefix, err)))
        return rc;
    t->space_prefix &= spm;
    more[2] = t->eos;
    for (int i = 0; i < 3; i++)
        if (more[i] >= 0) t->flag[more[i]] |= FLAG_ENDS_TURN;
    bool phi = spm && str_is(arch, "phi3");
    for (int i = 0; i < t->v.n; i++) {
        int  type = t->v.type[i];
        bool control = type == TYPE_CONTROL || type == TYPE_UNKNOWN;
        if (control) t->flag[i] |= FLAG_CONTROL;
        if (!control && type != TYPE_USER) continue;
        str s = vocab_bytes(&t->v, i);
        if (!control && vocab_is_mark(s)) t->flag[i] |= FLAG_MARK;
        if (control && (vocab_name_ends_turn(s) || (t->v.bos_is_s && str_is(s, "</s>"))))
            t->flag[i] |= FLAG_ENDS_TURN;
        if (!phi) continue;
        /* Phi-3's added tokens strip what follows, but for those that begin and end documents. */
        if (control && type != TYPE_UNKNOWN && i != t->v.unk && i != t->bos && !str_is(s, "<s>") &&
            !str_is(s, "<unk>") && !str_is(s, "<|endoftext|>"))
            t->flag[i] |= FLAG_STRIPS;
        /* The assistant never speaks for itself twice: its opening ends a turn too. */
        if (str_is(s, "<|assistant|>")) t->flag[i] |= FLAG_ENDS_TURN;
    }
    return SLM_OK;
}

static int by_text(const void *a, const void *b) {
    const special *x = a, *y = b;
    int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    if (c) return c;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id; /* the first of equal texts is found first */
}

/* Of equal texts the first control token and the first other one: no search finds more, and a file may
 * hold a million. */
static void drop_twins(tokenizer *t) {
    int      n = 0;
    unsigned seen = 0;
    for (int i = 0; i < t->n_sp; i++) {
        special        s = t->sp[i];
        const bool     same = n && str_eq((str){t->sp[n - 1].p, t->sp[n - 1].n}, (str){s.p, s.n});
        const unsigned class = t->flag[s.id] & FLAG_CONTROL ? 1 : 2;
        if (same && seen & class) continue;
        s.twins = same;
        seen = same ? seen | class : class;
        t->sp[n++] = s;
    }
    t->n_sp = n;
}

/* The entries that begin another are before it, each within the next: a stack that `inner` links. */
static void link_inner(tokenizer *t) {
    for (int i = 0; i < t->n_sp; i++) {
        special *s = t->sp + i;
        int32_t  k = i - 1 - s->twins;
        while (k >= 0 && !(t->sp[k].n <= s->n && !memcmp(t->sp[k].p, s->p, t->sp[k].n))) k = t->sp[k].inner;
        s->inner = k;
        if (s->n > t->sp_longest) t->sp_longest = s->n;
        uint8_t *bits = t->pair[(uint8_t)s->p[0]];
        if (s->n == 1) memset(bits, 0xff, sizeof t->pair[0]);
        else bits[(uint8_t)s->p[1] / 8] |= (uint8_t)(1 << (uint8_t)s->p[1] % 8);
    }
}

static slm_status index_specials(tokenizer *t, const gguf *g, slm_error *err) {
    int n = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !(t->sp = mem_zero((size_t)n, sizeof *t->sp)))
            return err_memory(err, "special tokens", (size_t)n * sizeof *t->sp);
        for (int i = 0; i < t->v.n; i++) {
            int type = t->v.type[i];
            if (type != TYPE_CONTROL && type != TYPE_UNKNOWN && type != TYPE_USER) continue;
            str s = vocab_bytes(&t->v, i);
            if (!s.n || s.n > TOK_MAX_SPECIAL) continue;
            if (pass) t->sp[t->n_sp++] = (special){s.p, (uint32_t)s.n, i, 0, -1};
            else n++;
        }
        if (n > TOK_MAX_SPECIALS)
            return gguf_fail(g, err, SLM_ERR_FORMAT, "%d control and user-defined tokens, the limit is %d", n, TOK_MAX_SPECIALS);
    }
    qsort(t->sp, (size_t)t->n_sp, sizeof *t->sp, by_text);
    drop_twins(t);
    link_inner(t);
    for (int b = 0, i = 0; b <= 256; b++) {
        while (i < t->n_sp && (uint8_t)t->sp[i].p[0] < b) i++;
        t->first[b] = i;
    }
    return SLM_OK;
}

static slm_status load(tokenizer *t, const gguf *g, slm_error *err) {
    str        model = {0}, pre = STR("default"), arch = {0};
    slm_status rc = gguf_str(g, "tokenizer.ggml.model", &model, err);
    if (!rc) rc = gguf_str(g, "tokenizer.ggml.pre", &pre, err);
    if (!rc) rc = gguf_str(g, "general.architecture", &arch, err);
    if (rc) return rc;
    if (!model.n) return gguf_fail(g, err, SLM_ERR_FORMAT, "no tokenizer.ggml.model");
    if (str_is(model, "gpt2")) {
        t->split = split_find(pre);
        if (!t->split || pre.n >= sizeof t->pre) {
            strbuf names = {.cap_bytes = 4096};
            split_names(&names);
            rc = gguf_fail(g, err, SLM_ERR_UNSUPPORTED,
                           "tokenizer.ggml.pre = \"%.*s\" is not supported: %.*s",
                           (int)(pre.n < 40 ? pre.n : 40), pre.p, (int)names.n,
                           names.p ? names.p : "");
            strbuf_free(&names);
            return rc;
        }
        memcpy(t->pre, pre.p, pre.n);
        rc = bpe_load(&t->v, g, t->split, err);
    } else if (str_is(model, "llama")) rc = spm_load(&t->v, g, err);
    else
        return gguf_fail(g, err, SLM_ERR_UNSUPPORTED,
                         "tokenizer.ggml.model = \"%.*s\" is not supported: gpt2 llama",
                         (int)(model.n < 40 ? model.n : 40), model.p);
    if (rc) return rc;
    t->flag = mem_zero((size_t)t->v.n, 1);
    if (!t->flag) return err_memory(err, "vocabulary", (size_t)t->v.n);
    rc = read_settings(t, g, arch, err);
    return rc ? rc : index_specials(t, g, err);
}

slm_status tok_load(tokenizer **out, const gguf *g, slm_error *err) {
    tokenizer *t = mem_zero(1, sizeof *t);
    if (!t) return err_memory(err, "tokenizer", sizeof *t);
    t->bos = t->eos = -1;
    slm_status rc = load(t, g, err);
    if (rc) tok_free(t);
    else *out = t;
    return rc;
}

void tok_free(tokenizer *t) {
    if (!t) return;
    vocab_free(&t->v);
    mem_free(t->flag);
    mem_free(t->sp);
    mem_free(t);
}

/* ---- encoding ---------------------------------------------------------------------- */

/* What the text has at some place, as the table spells it: as many bytes as a special token may have. */
typedef struct {
    const char *p;
    size_t      n, n_trusted;
    bool        spelled; /* in room: U+2581 is a space there */
    char        room[TOK_MAX_SPECIAL];
} head;

/* SentencePiece reads U+2581 as a space, also in its added tokens. */
static bool is_space_mark(str text, size_t i) { return text.n - i >= 3 && !memcmp(text.p + i, "\xe2\x96\x81", 3); }

static void look(const tokenizer *t, str text, const uint8_t *trust, size_t at, head *h) {
    const size_t   left = text.n - at, reach = left < 3 * t->sp_longest ? left : 3 * t->sp_longest;
    const uint8_t *end = trust ? memchr(trust + at, 0, reach) : NULL;
    const size_t   n_trusted = end ? (size_t)(end - trust) - at : reach;
    h->p = text.p + at;
    h->n = left < t->sp_longest ? left : t->sp_longest;
    h->n_trusted = n_trusted;
    h->spelled = !t->split && memchr(h->p, 0xe2, h->n);
    if (!h->spelled) return;
    h->n = h->n_trusted = 0;
    for (size_t i = 0; i < left && h->n < t->sp_longest;) {
        const bool space = is_space_mark(text, at + i);
        h->room[h->n++] = space ? ' ' : text.p[at + i];
        i += space ? 3 : 1;
        if (i <= n_trusted) h->n_trusted = h->n;
    }
    h->p = h->room;
}

/* Bytes of the text that the head's first n are. */
static size_t raw_bytes(const head *h, str text, size_t at, size_t n) {
    size_t i = at;
    if (!h->spelled) return n;
    for (; n; n--) i += is_space_mark(text, i) ? 3 : 1;
    return i - at;
}

/* The last of the entries lo .. hi - 1 that is not behind h in the order of by_text(); lo - 1: none. */
static int last_before(const special *sp, int lo, int hi, const head *h) {
    for (bool first = true; lo < hi; first = false) {
        const int    mid = first ? hi - 1 : lo + (hi - lo) / 2; /* words are mostly behind all runs of spaces */
        const size_t n = sp[mid].n < h->n ? sp[mid].n : h->n;
        const int    c = memcmp(sp[mid].p, h->p, n);
        if (c < 0 || (!c && sp[mid].n <= h->n)) lo = mid + 1;
        else hi = mid;
    }
    return lo - 1;
}

static bool may_be(const tokenizer *t, const special *s, const head *h, unsigned flags) {
    const unsigned flag = t->flag[s->id];
    if (flag & FLAG_CONTROL && !(flags & TOK_SPECIAL)) return false;
    return !(flag & (FLAG_CONTROL | FLAG_MARK)) || s->n <= h->n_trusted;
}

/* The longest special token at text.p[at] that may be recognised there; -1: none.  *len: bytes of
 * text.  All that begin the text begin the entry before it in the table, or are it, so one search and a
 * walk to ever shorter ones find it, whatever the table was made of. */
static int32_t special_at(const tokenizer *t, str text, const uint8_t *trust, unsigned flags,
                          size_t at, size_t *len) {
    uint8_t b = (uint8_t)text.p[at];
    head    h;
    if (b == 0xe2 && !t->split && is_space_mark(text, at)) b = ' ';
    if (t->first[b] == t->first[b + 1]) return -1;
    look(t, text, trust, at, &h);
    int    k = last_before(t->sp, t->first[b], t->first[b + 1], &h);
    size_t common = 0;
    if (k < t->first[b]) return -1;
    while (common < h.n && common < t->sp[k].n && t->sp[k].p[common] == h.p[common]) common++;
    for (; k >= 0; k = t->sp[k].inner) {
        if (t->sp[k].n > common) continue;
        for (int i = k - t->sp[k].twins; i <= k; i++) {
            if (!may_be(t, t->sp + i, &h, flags)) continue;
            *len = raw_bytes(&h, text, at, t->sp[i].n);
            return t->sp[i].id;
        }
    }
    return -1;
}

/* Most places where an entry's first byte is are told apart by the next one: spaces, in vocabularies with runs of them. */
static bool may_begin(const tokenizer *t, str text, size_t at) {
    const uint8_t b = (uint8_t)text.p[at], next = at + 1 < text.n ? (uint8_t)text.p[at + 1] : 0xe2;
    if (b == 0xe2) return !t->split || t->first[b] < t->first[b + 1]; /* perhaps a space */
    if (t->first[b] == t->first[b + 1]) return false;
    return next == 0xe2 || t->pair[b][next / 8] >> next % 8 & 1;
}

static size_t skip_space(str text, size_t i) {
    while (i < text.n) {
        uint32_t cp;
        size_t   n = utf8_decode(text.p + i, text.n - i, &cp);
        if (!n || !(uc_class(cp) & UC_SPACE)) break;
        i += n;
    }
    return i;
}

static bool encode_plain(const tokenizer *t, work *w, str text, bool after_special, id_list *out) {
    if (!text.n) return true;
    if (t->split) return bpe_encode(t->split, w, text, out);
    return spm_encode(&t->v, w, text, t->space_prefix && after_special, out);
}

static bool encode(const tokenizer *t, work *w, str text, const uint8_t *trust, unsigned flags,
                   id_list *out) {
    size_t from = 0;
    bool   after_special = true; /* the beginning counts as one */
    for (size_t i = 0; i < text.n;) {
        size_t  len = 0;
        int32_t id = may_begin(t, text, i) ? special_at(t, text, trust, flags, i, &len) : -1;
        if (id < 0) {
            i++;
            continue;
        }
        if (!encode_plain(t, w, (str){text.p + from, i - from}, after_special, out)) return false;
        id_push(out, id);
        i += len;
        if (t->flag[id] & FLAG_STRIPS) i = skip_space(text, i);
        from = i;
        after_special = true;
    }
    return encode_plain(t, w, (str){text.p + from, text.n - from}, after_special, out) && !out->bad;
}

slm_status tok_encode(const tokenizer *t, str text, const uint8_t *trust, unsigned flags,
                      id_list *out, slm_error *err) {
    /* Positions are int32; SentencePiece may write a space in three bytes. */
    if (text.n >= INT32_MAX / 3)
        return err_set(err, SLM_ERR_ARGUMENT, "text of %zu bytes is too long", text.n);
    work      *w;
    slm_status rc = work_create(&w, &t->v, text.n, err);
    if (rc) return rc;
    if (flags & TOK_BOS && t->adds_bos && t->bos >= 0) id_push(out, t->bos);
    bool ok = encode(t, w, text, trust, flags, out);
    if (flags & TOK_BOS && t->adds_eos && t->eos >= 0) id_push(out, t->eos);
    work_free(w);
    return ok && !out->bad ? SLM_OK : err_memory(err, "tokenizing", text.n);
}

/* ---- what others ask ------------------------------------------------------------------ */

static bool known(const tokenizer *t, int32_t id) { return id >= 0 && id < t->v.n; }

int  tok_count(const tokenizer *t) { return t->v.n; }
str  tok_bytes(const tokenizer *t, int32_t id) {
    return known(t, id) ? vocab_bytes(&t->v, id) : (str){"", 0};
}
bool tok_is_control(const tokenizer *t, int32_t id) {
    return known(t, id) && t->flag[id] & FLAG_CONTROL;
}
bool tok_ends_turn(const tokenizer *t, int32_t id) {
    return known(t, id) && t->flag[id] & FLAG_ENDS_TURN;
}
int32_t tok_find_control(const tokenizer *t, str name) {
    if (!name.n) return -1;
    for (int i = t->first[(uint8_t)name.p[0]]; i < t->first[(uint8_t)name.p[0] + 1]; i++)
        if (str_eq((str){t->sp[i].p, t->sp[i].n}, name) && t->flag[t->sp[i].id] & FLAG_CONTROL)
            return t->sp[i].id;
    return -1;
}
int32_t tok_bos(const tokenizer *t) { return t->bos; }
int32_t tok_eos(const tokenizer *t) { return t->eos; }
bool    tok_adds_bos(const tokenizer *t) { return t->adds_bos; }
bool    tok_strips_first_space(const tokenizer *t) { return t->space_prefix; }
const char *tok_model(const tokenizer *t) { return t->split ? "gpt2" : "llama"; }
const char *tok_pre(const tokenizer *t) { return t->pre; }
