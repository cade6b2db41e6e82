/* tok_spm.c - SentencePiece BPE: the neighbours whose joint piece has the best score join first;
 * characters that are in no piece fall back to the tokens of their bytes.
 *
 * The file writes a space as U+2581.  Pieces are turned back at load and text is left with its
 * spaces; a U+2581 in the text is a space too, as in SentencePiece.
 * Where no piece has a space behind a byte, nothing can join across such a place, so text is cut
 * there and most of it is short words met before.  (Of the vocabularies seen, one has one such
 * piece, "> </".) */
#include "tok_spm.h"
#include "unicode.h"
#include <math.h>
#include <string.h>

#define LOWER_BLOCK "\xe2\x96\x81" /* U+2581 */

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10
         : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void put_unescaped(strbuf *out, str s) {
    for (size_t i = 0; i < s.n;) {
        const char *hit = memchr(s.p + i, LOWER_BLOCK[0], s.n - i);
        size_t      at = hit ? (size_t)(hit - s.p) : s.n;
        strbuf_put(out, s.p + i, at - i);
        if (at == s.n) break;
        bool space = s.n - at >= 3 && !memcmp(s.p + at, LOWER_BLOCK, 3);
        if (space) strbuf_char(out, ' ');
        else strbuf_put(out, s.p + at, 1);
        i = at + (space ? 3 : 1);
    }
}

static bool piece(void *ud, vocab *v, strbuf *out, str s, int id) {
    (void)ud;
    int type = vocab_settle_type(v, s, id);
    /* "<0x0A>" */
    if (type == TYPE_BYTE && s.n == 6 && !memcmp(s.p, "<0x", 3) && hex(s.p[3]) >= 0 &&
        hex(s.p[4]) >= 0 && s.p[5] == '>') {
        int b = hex(s.p[3]) * 16 + hex(s.p[4]);
        v->byte_id[b] = id;
        strbuf_char(out, (char)b);
        return false;
    }
    size_t start = out->n;
    if (type == TYPE_CONTROL || type == TYPE_UNKNOWN) strbuf_str(out, s);
    else put_unescaped(out, s);
    if (type != TYPE_NORMAL && (type != TYPE_USER || vocab_is_mark(s))) return false;
    for (size_t i = start + 1; i < out->n; i++)
        if (out->p[i] == ' ' && out->p[i - 1] != ' ') v->joins_space[(uint8_t)out->p[i - 1]] = true;
    return true;
}

/* Floats, none of them NaN, in falling order as integers in rising order; below NO_RANK of tok_merge.c. */
static uint32_t rank_of(float score) {
    uint32_t u;
    score += 0.0f; /* -0 is 0 */
    memcpy(&u, &score, 4);
    return u >> 31 ? u == UINT32_MAX ? u - 1 : u : ~u & 0x7fffffffu;
}

slm_status spm_load(vocab *v, const gguf *g, slm_error *err) {
    slm_status rc = vocab_load(v, g, piece, NULL, err);
    if (rc) return rc;
    const gguf_kv *scores = gguf_kv_find(g, "tokenizer.ggml.scores");
    if (scores && (!scores->is_array || scores->elem != GGUF_F32))
        return gguf_fail(g, err, SLM_ERR_FORMAT, "tokenizer.ggml.scores is not an array of f32");
    if (scores && scores->n != (uint64_t)v->n)
        return gguf_fail(g, err, SLM_ERR_FORMAT,
                         "tokenizer.ggml.scores has %llu elements, tokenizer.ggml.tokens has %d",
                         (unsigned long long)scores->n, v->n);
    v->rank = mem_zero((size_t)v->n, sizeof *v->rank);
    if (!v->rank) return err_memory(err, "vocabulary", (size_t)v->n * sizeof *v->rank);
    for (int i = 0; i < v->n && scores; i++) {
        const float score = (float)gguf_kv_float(scores, (uint64_t)i);
        if (isnan(score)) return gguf_fail(g, err, SLM_ERR_FORMAT, "tokenizer.ggml.scores: that of token %d is no number", i);
        v->rank[i] = rank_of(score);
    }
    return SLM_OK;
}

/* ---- encoding -------------------------------------------------------------------------- */

/* Bytes that the vocabularies' tools take for one character, judged by its first byte. */
static size_t claimed(uint8_t b) { return b < 0xc0 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4; }

/* Text as it is merged: U+2581 becomes a space.  A broken character swallows the bytes that its
 * first byte claims, a space among them in its escaped form: that is what these vocabularies' tools
 * do, and the models' ids for such text follow from it. */
static void put_text(strbuf *out, str s) {
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        size_t   len = (uint8_t)s.p[i] < 0x80 ? 1 : utf8_decode(s.p + i, s.n - i, &cp);
        if (len) {
            if (len == 3 && cp == 0x2581) strbuf_char(out, ' ');
            else strbuf_put(out, s.p + i, len);
            i += len;
            continue;
        }
        size_t want = claimed((uint8_t)s.p[i]);
        for (size_t n = 0; n < want && i < s.n; i++) {
            bool space = s.p[i] == ' ';
            strbuf_put(out, space ? LOWER_BLOCK : s.p + i, space ? 3 : 1);
            n += space ? 3 : 1;
        }
    }
}

static bool is_plain(str s) {
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = 0;
        size_t   len = (uint8_t)s.p[i] < 0x80 ? 1 : utf8_decode(s.p + i, s.n - i, &cp);
        if (!len || cp == 0x2581) return false;
        i += len;
    }
    return true;
}

bool spm_encode(const vocab *v, work *w, str text, bool prefix, id_list *out) {
    strbuf copy = {0};
    bool   ok = true;
    if (prefix || !is_plain(text)) {
        if (prefix) strbuf_char(&copy, ' ');
        put_text(&copy, text);
        text = (str){copy.p, copy.n};
        ok = !copy.bad;
    }
    while (ok && text.n) {
        size_t n = 1;
        while (n < text.n && (text.p[n] != ' ' || text.p[n - 1] == ' ' ||
                              v->joins_space[(uint8_t)text.p[n - 1]]))
            n++;
        ok = merge_word(w, (str){text.p, n}, out);
        text = (str){text.p + n, text.n - n};
    }
    strbuf_free(&copy);
    return ok;
}
