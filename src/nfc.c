/* nfc.c - decompose, order, compose (Unicode 15, section 3.11).
 *
 * Nearly all text is inert, so it is copied; only a stretch from the last inert character before
 * a doubtful one up to the next inert one is worked on.  A hostile stretch may be the whole text:
 * its marks are ordered by counting, never by comparing neighbours. */
#include "nfc.h"
#include "unicode.h"
#include <string.h>

bool nfc_may_change(str s) {
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        /* Below U+0300, whose first byte is CC, nothing can change. */
        if ((uint8_t)s.p[i] < 0xcc) {
            i++;
            continue;
        }
        size_t len = utf8_decode(s.p + i, s.n - i, &cp);
        if (len && !uc_nfc_inert(cp)) return true;
        i += len ? len : 1;
    }
    return false;
}

typedef struct {
    uint32_t cp;
    uint32_t ccc;
} mark;

typedef struct {
    mark  *m, *sorted;
    size_t n, room, room_sorted;
    bool   bad;
} stretch;

static bool grow(mark **m, size_t *room, size_t need) {
    if (need <= *room) return true;
    size_t want = *room ? *room * 2 : 64;
    if (want < need) want = need;
    mark *q = mem_resize(*m, want, sizeof *q);
    if (!q) return false;
    *m = q;
    *room = want;
    return true;
}

static void add(stretch *t, uint32_t cp) {
    uint32_t parts[4];
    size_t   n = uc_decompose(cp, parts);
    if (t->bad || !grow(&t->m, &t->room, t->n + n)) {
        t->bad = true;
        return;
    }
    for (size_t i = 0; i < n; i++) t->m[t->n++] = (mark){parts[i], uc_combining(parts[i])};
}

/* Stable sort by combining class of a run without starters. */
static void order_run(stretch *t, mark *m, size_t n) {
    if (n <= 16) {
        for (size_t i = 1; i < n; i++) {
            mark   x = m[i];
            size_t k = i;
            for (; k > 0 && m[k - 1].ccc > x.ccc; k--) m[k] = m[k - 1];
            m[k] = x;
        }
        return;
    }
    if (!grow(&t->sorted, &t->room_sorted, n)) {
        t->bad = true;
        return;
    }
    size_t at[257] = {0};
    for (size_t i = 0; i < n; i++) at[m[i].ccc + 1]++;
    for (int c = 0; c < 256; c++) at[c + 1] += at[c];
    for (size_t i = 0; i < n; i++) t->sorted[at[m[i].ccc]++] = m[i];
    memcpy(m, t->sorted, n * sizeof *m);
}

static void flush(stretch *t, strbuf *out) {
    mark *m = t->m;
    for (size_t i = 0; i < t->n && !t->bad;) {
        size_t end = i;
        while (end < t->n && m[end].ccc) end++;
        if (end > i) order_run(t, m + i, end - i);
        i = end + 1;
    }
    /* Each character joins the last starter unless one with an equal or higher class, or another
     * starter, stands between.  `kept` marks stay behind the starter at `base`. */
    size_t   n = 0, base = SIZE_MAX;
    uint32_t last = 0; /* class of the last one kept after the base; 0: none */
    for (size_t i = 0; i < t->n; i++) {
        bool     near = base != SIZE_MAX && (n == base + 1 || (last && last < m[i].ccc));
        uint32_t joined = near ? uc_compose(m[base].cp, m[i].cp) : 0;
        if (joined) {
            m[base].cp = joined;
            continue;
        }
        if (!m[i].ccc) base = n;
        last = m[i].ccc;
        m[n++] = m[i];
    }
    for (size_t i = 0; i < n; i++) {
        char enc[4];
        strbuf_put(out, enc, utf8_encode(m[i].cp, enc));
    }
    t->n = 0;
}

void nfc_put(strbuf *out, str s) {
    stretch t = {0};
    size_t  plain = 0; /* s[plain..i) is inert and not yet copied */
    size_t  last = 0, last_len = 0; /* the character before i, if it is whole */
    for (size_t i = 0; i < s.n && !t.bad;) {
        uint32_t cp;
        size_t   len = utf8_decode(s.p + i, s.n - i, &cp);
        if (!len || uc_nfc_inert(cp)) {
            last = i;
            last_len = len;
            i += len ? len : 1;
            continue;
        }
        size_t start = last_len && last + last_len == i ? last : i;
        if (start < plain) start = i;
        strbuf_put(out, s.p + plain, start - plain);
        if (start < i) {
            uint32_t before;
            utf8_decode(s.p + start, s.n - start, &before);
            add(&t, before);
        }
        for (;;) {
            add(&t, cp);
            i += len;
            len = i < s.n ? utf8_decode(s.p + i, s.n - i, &cp) : 0;
            if (!len || uc_nfc_inert(cp)) break;
        }
        flush(&t, out);
        plain = i;
        last_len = 0;
    }
    strbuf_put(out, s.p + plain, s.n - plain);
    if (t.bad) out->bad = true;
    mem_free(t.m);
    mem_free(t.sorted);
}
