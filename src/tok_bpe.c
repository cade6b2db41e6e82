/* tok_bpe.c - byte-level BPE.
 *
 * The file spells each byte of a token as one printable character: bytes that are printable in
 * Latin-1 as themselves, the other 68 as U+0100, U+0101, .. in order.  The spelling is undone at
 * load; from then on everything is bytes.
 * Source: Radford et al. 2019, encoder.py's byte table; the tokenizers' own files for the rest. */
#include "tok_bpe.h"
#include "nfc.h"
#include "unicode.h"
#include <string.h>

enum { N_SPELLED = 256 + 68 };

static void spelled_bytes(int16_t byte_of[N_SPELLED]) {
    memset(byte_of, 0xff, N_SPELLED * sizeof *byte_of);
    int next = 256;
    for (int b = 0; b < 256; b++) {
        bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        byte_of[printable ? b : next++] = (int16_t)b;
    }
}

/* The bytes that s spells, into out (room for s.n); false where some character spells none. */
static bool unspell(const int16_t byte_of[N_SPELLED], str s, char *out, size_t *n) {
    size_t at = 0;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = (uint8_t)s.p[i];
        size_t   len = 1;
        if (cp >= 0x80) {
            /* All spellings are below U+0800: two bytes. */
            if (cp < 0xc2 || cp > 0xdf || i + 1 >= s.n || (s.p[i + 1] & 0xc0) != 0x80) return false;
            cp = (cp & 0x1f) << 6 | (s.p[i + 1] & 0x3fu);
            len = 2;
        }
        if (cp >= N_SPELLED || byte_of[cp] < 0) return false;
        out[at++] = (char)byte_of[cp];
        i += len;
    }
    *n = at;
    return true;
}

static bool piece(void *ud, vocab *v, strbuf *out, str s, int id) {
    const int16_t *byte_of = ud;
    size_t         n;
    int            type = vocab_settle_type(v, s, id);
    if (type == TYPE_CONTROL || type == TYPE_UNKNOWN || type == TYPE_USER || type == TYPE_UNUSED ||
        !unspell(byte_of, s, out->p + out->n, &n)) {
        strbuf_str(out, s);
        return false;
    }
    if (n == 1) v->byte_id[(uint8_t)out->p[out->n]] = id;
    out->n += n;
    return true;
}

/* Reads up to a batch of rules "left right" and adds those whose parts and result are pieces: no
 * other can ever apply.  Returns how many were read, UINT32_MAX where they collide. */
static uint32_t add_merges(vocab *v, const int16_t byte_of[N_SPELLED], gguf_strings *it,
                           uint32_t rank) {
    enum { RULES = VOCAB_BATCH / 3, LONGEST = 1024 };
    char     bytes[RULES][LONGEST];
    str      text[VOCAB_BATCH], s;
    int32_t  id[VOCAB_BATCH];
    uint32_t n = 0;
    for (; n < RULES && gguf_next_str(it, &s); n++) {
        size_t      n_left = 0, n_right = 0;
        const char *space = s.n > 1 && s.n <= LONGEST ? memchr(s.p + 1, ' ', s.n - 1) : NULL;
        size_t      at = space ? (size_t)(space - s.p) : 0;
        char       *b = bytes[n];
        if (!space || !unspell(byte_of, (str){s.p, at}, b, &n_left) ||
            !unspell(byte_of, (str){space + 1, s.n - at - 1}, b + n_left, &n_right))
            n_left = n_right = 0;
        text[3 * n] = (str){b, n_left};
        text[3 * n + 1] = (str){b + n_left, n_right};
        text[3 * n + 2] = (str){b, n_left + n_right};
    }
    vocab_find_many(v, text, id, (int)n * 3);
    for (uint32_t k = 0; k < n; k++)
        vocab_merge_expect(v, (uint32_t)id[3 * k], (uint32_t)id[3 * k + 1]);
    for (uint32_t k = 0; k < n; k++) {
        const int32_t *i = id + 3 * k;
        if (i[0] >= 0 && i[1] >= 0 && i[2] >= 0 &&
            !vocab_merge_add(v, (uint32_t)i[0], (uint32_t)i[1], rank + k, i[2]))
            return UINT32_MAX;
    }
    return n;
}

/* Each is "left right".  (What they join may be no piece: such rules are there and never apply.) */
static slm_status check_merges(const gguf *g, const gguf_kv *merges, slm_error *err) {
    gguf_strings it = gguf_strings_of(merges);
    str          s;
    for (uint64_t i = 1; gguf_next_str(&it, &s); i++) {
        const char *space = s.n > 1 ? memchr(s.p + 1, ' ', s.n - 1) : NULL;
        if (!space || space + 1 == s.p + s.n)
            return gguf_fail(g, err, SLM_ERR_FORMAT, "tokenizer.ggml.merges: \"%.*s\" (%llu of %llu) is not two pieces and a space",
                             s.n < 40 ? (int)s.n : 40, s.p, (unsigned long long)i, (unsigned long long)merges->n);
    }
    return SLM_OK;
}

slm_status bpe_load(vocab *v, const gguf *g, const splitter *split, slm_error *err) {
    int16_t byte_of[N_SPELLED];
    spelled_bytes(byte_of);
    slm_status rc = vocab_load(v, g, piece, byte_of, err);
    if (rc) return rc;
    v->whole_words = split_whole_words(split);
    const gguf_kv *merges = gguf_kv_find(g, "tokenizer.ggml.merges");
    if (!merges) return gguf_fail(g, err, SLM_ERR_FORMAT, "key tokenizer.ggml.merges is missing");
    if (!merges->is_array || merges->elem != GGUF_STR)
        return gguf_fail(g, err, SLM_ERR_FORMAT,
                         "tokenizer.ggml.merges is not an array of strings");
    rc = vocab_merge_room(v, merges->n, err);
    if (!rc) rc = check_merges(g, merges, err);
    if (rc) return rc;
    gguf_strings it = gguf_strings_of(merges);
    for (uint32_t rank = 0, n; (n = add_merges(v, byte_of, &it, rank)) > 0; rank += n)
        if (n == UINT32_MAX) return gguf_fail(g, err, SLM_ERR_FORMAT, "the merges collide");
    return SLM_OK;
}

/* ---- encoding ------------------------------------------------------------------------ */

/* Decodes as the vocabularies' tools do: overlong forms and surrogates are taken for what they
 * say, any other broken byte is 0 (and becomes U+FFFD). */
static size_t lenient(const char *p, size_t n, uint32_t *cp) {
    const uint8_t *s = (const uint8_t *)p;
    size_t         len = s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf8 ? 4 : 0;
    if (!len || len > n) return 0;
    uint32_t c = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    *cp = c;
    return c < 0x110000 ? len : 0;
}

/* Length of the valid UTF-8 that s begins with. */
static size_t valid_prefix(str s) {
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        size_t   len = (uint8_t)s.p[i] < 0x80 ? 1 : utf8_decode(s.p + i, s.n - i, &cp);
        if (!len) return i;
        i += len;
    }
    return s.n;
}

static void put_repaired(strbuf *out, str s) {
    while (s.n) {
        size_t n = valid_prefix(s);
        strbuf_put(out, s.p, n);
        s = (str){s.p + n, s.n - n};
        if (!s.n) break;
        uint32_t cp = 0xfffd;
        size_t   len = lenient(s.p, s.n, &cp);
        char     enc[4];
        strbuf_put(out, enc, utf8_encode(cp, enc));
        len = len ? len : 1;
        s = (str){s.p + len, s.n - len};
    }
}

typedef struct {
    work    *w;
    id_list *out;
} sink;

static bool take_word(void *ud, str word) {
    sink *s = ud;
    return merge_word(s->w, word, s->out);
}

bool bpe_encode(const splitter *split, work *w, str text, id_list *out) {
    strbuf repaired = {0}, normal = {0};
    bool   ok = true;
    if (valid_prefix(text) < text.n) {
        put_repaired(&repaired, text);
        text = (str){repaired.p, repaired.n};
        ok = !repaired.bad;
    }
    if (ok && split_nfc(split) && nfc_may_change(text)) {
        nfc_put(&normal, text);
        text = (str){normal.p, normal.n};
        ok = !normal.bad;
    }
    sink to = {w, out};
    ok = ok && split_text(split, text, take_word, &to);
    strbuf_free(&repaired);
    strbuf_free(&normal);
    return ok;
}
