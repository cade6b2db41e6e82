/* line.c - the line editor.
 *
 * The text is one buffer with newlines in it; a cursor never stands before a character that takes no
 * column, which belongs to the one before it.  Drawing is one pass that counts columns; the text is
 * always drawn whole, from the first row that fits the terminal. */
#include "line.h"
#include "../limits.h"
#include "../unicode.h"
#include <string.h>

/* ---- history -------------------------------------------------------------- */

bool history_add(history *h, str text) {
    if (!text.n || (h->n && str_is(text, h->item[h->n - 1]))) return false;
    char *copy = mem_zero(text.n + 1, 1);
    if (!copy) return false;
    memcpy(copy, text.p, text.n);
    if (h->n == HISTORY_MAX_ITEMS) {
        mem_free(h->item[0]);
        memmove(h->item, h->item + 1, --h->n * sizeof *h->item);
    } else {
        char **more = mem_resize(h->item, h->n + 1, sizeof *more);
        if (!more) {
            mem_free(copy);
            return false;
        }
        h->item = more;
    }
    h->item[h->n++] = copy;
    return true;
}

void history_free(history *h) {
    for (size_t i = 0; i < h->n; i++) mem_free(h->item[i]);
    mem_free(h->item);
    *h = (history){0};
}

/* ---- messages ------------------------------------------------------------- */

#define MARK STR("\"\"\"")

static bool begins_block(const strbuf *b) { return b->n >= MARK.n && !memcmp(b->p, MARK.p, MARK.n); }

/* Where the mark that ends a block stands; 0: nowhere. */
static size_t block_end(const strbuf *b) {
    size_t n = b->n;
    while (n && (b->p[n - 1] == ' ' || b->p[n - 1] == '\n' || b->p[n - 1] == '\t')) n--;
    return n >= 2 * MARK.n && !memcmp(b->p + n - MARK.n, MARK.p, MARK.n) ? n - MARK.n : 0;
}

bool message_goes_on(strbuf *text, bool block) {
    if (block && begins_block(text)) {
        if (block_end(text)) return false;
        strbuf_char(text, '\n');
        return !text->bad;
    }
    size_t n_slash = 0;
    while (n_slash < text->n && text->p[text->n - 1 - n_slash] == '\\') n_slash++;
    if (n_slash % 2 == 0) return false;
    text->p[text->n - 1] = '\n';
    return true;
}

void message_unwrap(strbuf *text) {
    size_t end = begins_block(text) ? block_end(text) : 0, from = MARK.n;
    if (!end) return;
    if (from < end && text->p[from] == '\n') from++;
    if (end > from && text->p[end - 1] == '\n') end--;
    memmove(text->p, text->p + from, end - from);
    text->n = end - from;
}

/* ---- characters ----------------------------------------------------------- */

/* The text is valid UTF-8: what line_keys() lets in. */
static size_t decode(const line_editor *l, size_t at, uint32_t *cp) {
    size_t len = utf8_decode(l->text.p + at, l->text.n - at, cp);
    return len ? len : (*cp = 0xfffd, 1);
}

/* Characters that take no column stay with the one before them. */
static size_t next_char(const line_editor *l, size_t at) {
    uint32_t cp;
    if (at >= l->text.n) return l->text.n;
    at += decode(l, at, &cp);
    if (cp == '\n' || cp == '\t') return at;
    for (size_t len; at < l->text.n; at += len) {
        len = decode(l, at, &cp);
        if (cp < ' ' || uc_columns(cp)) break;
    }
    return at;
}

static size_t line_start(const line_editor *l, size_t at) {
    while (at && l->text.p[at - 1] != '\n') at--;
    return at;
}

static size_t line_stop(const line_editor *l, size_t at) {
    while (at < l->text.n && l->text.p[at] != '\n') at++;
    return at;
}

static size_t prev_char(const line_editor *l, size_t at) {
    if (!at) return 0;
    size_t from = line_start(l, at);
    if (from == at) return at - 1;
    for (size_t next; (next = next_char(l, from)) < at;) from = next;
    return from;
}

static bool in_word(const line_editor *l, size_t at) {
    uint32_t cp;
    decode(l, at, &cp);
    return cp == '_' || uc_class(cp) & (UC_LETTER | UC_NUMBER | UC_MARK);
}

static size_t word_end(const line_editor *l, size_t at) {
    while (at < l->text.n && !in_word(l, at)) at = next_char(l, at);
    while (at < l->text.n && in_word(l, at)) at = next_char(l, at);
    return at;
}

static bool is_gap(char c) { return c == ' ' || c == '\n' || c == '\t'; }

/* Back over what is no word, then over the word.  `wide`: words are what white space parts. */
static size_t word_start(const line_editor *l, size_t at, bool wide) {
    for (int pass = 0; pass < 2; pass++)
        while (at) {
            const size_t before = prev_char(l, at);
            const bool   word = wide ? !is_gap(l->text.p[before]) : in_word(l, before);
            if (word != (pass == 1)) break;
            at = before;
        }
    return at;
}

/* ---- changes -------------------------------------------------------------- */

static void set_text(line_editor *l, str text) {
    l->text.n = 0;
    strbuf_str(&l->text, text);
    l->at = l->text.n;
    l->block = false;
}

static void erase(line_editor *l, size_t from, size_t to) {
    memmove(l->text.p + from, l->text.p + to, l->text.n - to);
    l->text.n -= to - from;
    l->at = from;
    if (!l->text.n) l->block = false;
}

static void kill_text(line_editor *l, size_t from, size_t to, bool joins) {
    const bool forward = from == l->at;
    if (from == to) {
        l->rings = true;
        return;
    }
    if (!joins) l->killed.n = 0;
    const size_t had = l->killed.n, n = to - from;
    strbuf_put(&l->killed, l->text.p + from, n);
    if (!forward && had && !l->killed.bad) { /* what was killed backwards stood before the rest */
        memmove(l->killed.p + n, l->killed.p, had);
        memcpy(l->killed.p, l->text.p + from, n);
    }
    l->kills = true;
    erase(l, from, to);
}

/* Puts text, which may not be UTF-8 and may hold any control character, at the cursor. */
static void insert(line_editor *l, const char *p, size_t n) {
    strbuf good = {0};
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t   len = utf8_decode(p + i, n - i, &cp);
        if (!len) {
            strbuf_str(&good, STR("\xef\xbf\xbd"));
            i++;
            continue;
        }
        if (cp == '\r') strbuf_char(&good, '\n');
        else if (cp == '\n' ? !l->after_cr : cp == '\t' || (cp >= ' ' && !(cp >= 0x7f && cp < 0xa0))) strbuf_put(&good, p + i, len);
        l->after_cr = cp == '\r';
        i += len;
    }
    if (good.bad || l->text.n + good.n > PROMPT_MAX_BYTES) l->rings = true;
    else if (good.n) {
        const size_t tail = l->text.n - l->at;
        strbuf_put(&l->text, good.p, good.n); /* for the room */
        if (l->text.bad) l->rings = true;
        else {
            memmove(l->text.p + l->at + good.n, l->text.p + l->at, tail);
            memcpy(l->text.p + l->at, good.p, good.n);
            l->at += good.n;
        }
    }
    strbuf_free(&good);
}

static void swap_chars(line_editor *l) {
    const size_t mid = l->at == l->text.n ? prev_char(l, l->at) : l->at, from = prev_char(l, mid), to = next_char(l, mid);
    if (!mid || mid == to || to - from > 64) {
        l->rings = true;
        return;
    }
    char first[64];
    memcpy(first, l->text.p + from, mid - from);
    memmove(l->text.p + from, l->text.p + mid, to - mid);
    memcpy(l->text.p + from + (to - mid), first, mid - from);
    l->at = to;
}

/* ---- moving through lines and history -------------------------------------- */

static void show_past(line_editor *l, size_t n_back) {
    if (n_back == l->n_back || !l->past || n_back > l->past->n) {
        l->rings = true;
        return;
    }
    if (!l->n_back) {
        l->draft.n = 0;
        strbuf_put(&l->draft, l->text.p, l->text.n);
    }
    l->n_back = n_back;
    set_text(l, n_back ? str_of(l->past->item[l->past->n - n_back]) : (str){l->draft.p, l->draft.n});
}

/* How many characters from the start of its line. */
static int place_in_line(const line_editor *l) {
    int n = 0;
    for (size_t i = line_start(l, l->at); i < l->at; i = next_char(l, i)) n++;
    return n;
}

static void move_in_line(line_editor *l, size_t start, int n) {
    for (l->at = start; n-- && l->at < l->text.n && l->text.p[l->at] != '\n';) l->at = next_char(l, l->at);
}

static void move_up(line_editor *l) {
    const size_t start = line_start(l, l->at);
    if (start) move_in_line(l, line_start(l, start - 1), place_in_line(l));
    else show_past(l, l->n_back + 1);
}

static void move_down(line_editor *l) {
    const size_t stop = line_stop(l, l->at);
    if (stop < l->text.n) move_in_line(l, stop + 1, place_in_line(l));
    else if (l->n_back) show_past(l, l->n_back - 1);
    else l->rings = true;
}

/* ---- search ---------------------------------------------------------------- */

static size_t find_text(const char *in, const strbuf *what) {
    const size_t n = strlen(in);
    for (size_t i = 0; i + what->n <= n; i++)
        if (!memcmp(in + i, what->p ? what->p : "", what->n)) return i;
    return SIZE_MAX;
}

/* The nearest message with the query, the n_back-th last one or older. */
static void search_from(line_editor *l, size_t n_back) {
    for (size_t k = n_back ? n_back : 1; l->past && l->query.n && k <= l->past->n; k++) {
        const size_t at = find_text(l->past->item[l->past->n - k], &l->query);
        if (at == SIZE_MAX) continue;
        if (k != l->n_back) show_past(l, k);
        l->at = at;
        return;
    }
    l->rings = l->query.n > 0;
}

/* False: the key ends the search and is still to be done. */
static bool search_key(line_editor *l, const char *p, size_t len) {
    const uint8_t c = (uint8_t)p[0];
    if (c == 0x12) search_from(l, l->n_back + 1);
    else if (c == 0x08 || c == 0x7f) {
        while (l->query.n && ((uint8_t)l->query.p[--l->query.n] & 0xc0) == 0x80) continue;
        search_from(l, 1);
    } else if (c == 0x07 || c == 0x03) {
        if (l->n_back) show_past(l, 0);
        l->searching = false;
    } else if (c >= ' ' && (c < 0x80 || len > 1)) {
        strbuf_put(&l->query, p, len);
        search_from(l, l->n_back);
    } else l->searching = false;
    return l->searching || c == 0x07 || c == 0x03;
}

/* ---- keys ------------------------------------------------------------------ */

/* Bytes of the key at p; 0: more must come. */
static size_t key_length(const char *p, size_t n) {
    uint32_t cp;
    if (p[0] != 0x1b) {
        const size_t len = utf8_decode(p, n, &cp);
        if (len) return len;
        return n < 4 && utf8_whole(p, n) == 0 ? 0 : 1;
    }
    if (n < 2) return 0;
    if (p[1] == 'O') return n < 3 ? 0 : 3;
    if (p[1] != '[') return p[1] == 0x1b ? 1 : 2;
    for (size_t i = 2; i < n && i < 32; i++)
        if ((uint8_t)p[i] < 0x20 || (uint8_t)p[i] > 0x3f) return i + 1;
    return n < 32 ? 0 : 32;
}

static void delete_char(line_editor *l) {
    if (l->at < l->text.n) erase(l, l->at, next_char(l, l->at));
    else l->rings = true;
}

/* A key of more than one byte, by what follows the escape. */
static void escape_key(line_editor *l, str key, bool joins) {
    static const struct {
        const char *names; /* of one key, between spaces */
        char        does;
    } keys[] = {
        {" [A OA ", 'u'},     {" [B OB ", 'd'},          {" [C OC ", 'r'},         {" [D OD ", 'l'},
        {" [H OH [1~ [7~ ", 'a'}, {" [F OF [4~ [8~ ", 'e'}, {" [3~ ", 'x'},
        {" f [1;5C [1;3C [5C Oc ", 'f'}, {" b [1;5D [1;3D [5D Od ", 'b'},
        {" d [3;5~ [3;3~ ", 'k'}, {" \x7f \b ", 'w'}, {" \r \n ", 'n'}, {" [200~ ", 'p'},
    };
    char name[36] = " ";
    if (memchr(key.p, 0, key.n)) return;
    memcpy(name + 1, key.p, key.n);
    memcpy(name + 1 + key.n, " ", 2);
    char does = 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strstr(keys[i].names, name)) does = keys[i].does;
    switch (does) {
    case 'u': move_up(l); break;
    case 'd': move_down(l); break;
    case 'r': l->at = next_char(l, l->at); break;
    case 'l': l->at = prev_char(l, l->at); break;
    case 'a': l->at = line_start(l, l->at); break;
    case 'e': l->at = line_stop(l, l->at); break;
    case 'x': delete_char(l); break;
    case 'f': l->at = word_end(l, l->at); break;
    case 'b': l->at = word_start(l, l->at, false); break;
    case 'k': kill_text(l, l->at, word_end(l, l->at), joins); break;
    case 'w': kill_text(l, word_start(l, l->at, false), l->at, joins); break;
    case 'n': insert(l, "\n", 1); break;
    case 'p': l->pasting = true; break;
    default: l->rings = true;
    }
}

static line_event enter(line_editor *l) {
    if (message_goes_on(&l->text, l->block)) {
        l->at = l->text.n;
        return LINE_MORE;
    }
    l->quoted = l->block;
    if (l->block) message_unwrap(&l->text);
    l->at = l->text.n;
    return LINE_DONE;
}

static line_event control_key(line_editor *l, char c, bool joins) {
    switch (c) {
    case 0x01: l->at = line_start(l, l->at); break;
    case 0x02: l->at = prev_char(l, l->at); break;
    case 0x03: return LINE_INTERRUPT;
    case 0x04:
        if (!l->text.n) return LINE_END;
        delete_char(l);
        break;
    case 0x05: l->at = line_stop(l, l->at); break;
    case 0x06: l->at = next_char(l, l->at); break;
    case 0x08:
    case 0x7f:
        if (l->at) erase(l, prev_char(l, l->at), l->at);
        else l->rings = true;
        break;
    case '\n':
    case '\r': return enter(l);
    case 0x0b: /* at the end of a line: the newline */
        kill_text(l, l->at, line_stop(l, l->at) > l->at ? line_stop(l, l->at) : next_char(l, l->at), joins);
        break;
    case 0x0c: return LINE_REDRAW;
    case 0x0e: move_down(l); break;
    case 0x10: move_up(l); break;
    case 0x12:
        l->searching = true;
        l->query.n = 0;
        break;
    case 0x14: swap_chars(l); break;
    case 0x15: kill_text(l, line_start(l, l->at), l->at, joins); break;
    case 0x17: kill_text(l, word_start(l, l->at, true), l->at, joins); break;
    case 0x19: insert(l, l->killed.p, l->killed.n); break;
    case 0x1a: return LINE_SUSPEND;
    default: l->rings = true;
    }
    return LINE_MORE;
}

static line_event one_key(line_editor *l, const char *p, size_t len) {
    const bool joins = l->kills;
    l->kills = false;
    l->after_cr = false;
    if (l->searching && search_key(l, p, len)) return LINE_MORE;
    if (p[0] == 0x1b && len > 1) {
        escape_key(l, (str){p + 1, len - 1}, joins);
        return LINE_MORE;
    }
    if ((uint8_t)p[0] < ' ' || p[0] == 0x7f) return control_key(l, p[0], joins);
    insert(l, p, len);
    if (p[0] == '"' && l->at == MARK.n && begins_block(&l->text)) l->block = true;
    return LINE_MORE;
}

/* Text up to the end of a bracketed paste; what may be the beginning of its mark or of a character
 * waits.  Bytes used. */
static size_t paste(line_editor *l, const char *p, size_t n) {
    const str end = STR("\x1b[201~");
    size_t    at = 0;
    while (at < n && memcmp(p + at, end.p, n - at < end.n ? n - at : end.n) != 0) at++;
    const size_t whole = at + end.n <= n ? at : utf8_whole(p, at);
    insert(l, p, whole);
    if (at + end.n > n) return whole;
    l->pasting = l->after_cr = false;
    return at + end.n;
}

line_event line_keys(line_editor *l, const char *p, size_t n, size_t *used) {
    line_event e = LINE_MORE;
    size_t     at = 0;
    while (at < n && e == LINE_MORE) {
        size_t len;
        if (l->pasting) len = paste(l, p + at, n - at);
        else if ((len = key_length(p + at, n - at))) e = one_key(l, p + at, len);
        if (!len) break;
        at += len;
    }
    *used = at;
    return e;
}

void line_begin(line_editor *l, str text) {
    set_text(l, text);
    l->n_back = 0;
    l->kills = l->pasting = l->after_cr = l->searching = l->rings = false;
}

void line_free(line_editor *l) {
    strbuf_free(&l->text);
    strbuf_free(&l->killed);
    strbuf_free(&l->draft);
    strbuf_free(&l->query);
}

/* ---- how it looks ---------------------------------------------------------- */

typedef struct {
    const line_look *look;
    strbuf          *out;  /* NULL: only count                          */
    int              from, to; /* rows that are put into it             */
    int              row, col;
    int              narrow;   /* a width to break finished rows by     */
    int              above;    /* rows that those before the cursor take then */
    bool             seen;     /* the cursor                            */
    int              at_row, at_col;
} drawing;

static int columns_of(str s) {
    int n = 0;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        size_t   len = utf8_decode(s.p + i, s.n - i, &cp);
        n += len ? uc_columns(cp) : 1;
        i += len ? len : 1;
    }
    return n;
}

static void put(drawing *d, str s) {
    if (d->out && d->row >= d->from && d->row < d->to) strbuf_str(d->out, s);
}

static void new_row(drawing *d) {
    if (!d->seen && d->narrow && d->row >= d->from) d->above += d->col > d->narrow ? (d->col + d->narrow - 1) / d->narrow : 1;
    if (d->out && d->row >= d->from && d->row + 1 < d->to) strbuf_str(d->out, STR("\r\n"));
    d->row++;
    d->col = 0;
}

/* A prompt for which there is hardly room is left out. */
static void put_prompt(drawing *d, str prompt) {
    const int n = columns_of(prompt);
    if (2 * n > d->look->width) return;
    put(d, d->look->on);
    put(d, prompt);
    put(d, d->look->off);
    d->col = n;
}

static void see_cursor(drawing *d) {
    d->seen = true;
    d->at_row = d->row;
    d->at_col = d->col < d->look->width ? d->col : d->look->width - 1;
}

/* One character with what joins it, on the next row where it does not fit this one. */
static void put_char(drawing *d, str s, bool under_cursor) {
    const bool gap = str_is(s, "\t"), ends = str_is(s, "\n");
    int        n = ends ? 0 : gap ? 8 - d->col % 8 : columns_of(s);
    if (gap && d->col < d->look->width && d->col + n > d->look->width) n = d->look->width - d->col;
    if (d->col + n > d->look->width) new_row(d);
    if (under_cursor) see_cursor(d);
    if (ends) {
        new_row(d);
        put_prompt(d, d->look->more);
    } else put(d, gap ? (str){"        ", (size_t)n} : s);
    d->col += n;
}

static void walk(drawing *d, const line_editor *l) {
    put_prompt(d, d->look->first);
    if (l->searching) {
        strbuf label = {0};
        strbuf_str(&label, STR("search \""));
        strbuf_put(&label, l->query.p, l->query.n);
        strbuf_str(&label, STR("\": "));
        uint32_t cp;
        for (size_t i = 0, len; i < label.n && (len = utf8_decode(label.p + i, label.n - i, &cp)); i += len)
            put_char(d, (str){label.p + i, len}, false);
        strbuf_free(&label);
    }
    for (size_t i = 0, next; i < l->text.n; i = next) {
        next = next_char(l, i);
        put_char(d, (str){l->text.p + i, next - i}, i == l->at);
    }
    if (l->at < l->text.n) return;
    if (d->col >= d->look->width) new_row(d);
    see_cursor(d);
}

static void move(strbuf *out, int n, char how) {
    if (n > 0) strbuf_fmt(out, "\x1b[%d%c", n, how);
}

void line_draw(const line_editor *l, const line_look *look, line_place *at, strbuf *out) {
    drawing count = {.look = look, .to = 0};
    walk(&count, l);
    const int rows = count.row + 1, height = look->height;
    int       top = at->top < count.at_row ? at->top : count.at_row;
    if (count.at_row >= top + height) top = count.at_row - height + 1;
    if (rows - top < height) top = rows > height ? rows - height : 0;
    move(out, at->row, 'A');
    strbuf_str(out, STR("\r\x1b[J"));
    drawing show = {.look = look, .out = out, .from = top, .to = rows - top < height ? rows : top + height};
    walk(&show, l);
    move(out, show.to - 1 - count.at_row, 'A');
    strbuf_char(out, '\r');
    move(out, count.at_col, 'C');
    *at = (line_place){top, count.at_row - top};
}

void line_resized(const line_editor *l, const line_look *old, int width, line_place *at) {
    drawing d = {.look = old, .from = at->top, .narrow = width};
    walk(&d, l);
    /* Behind the last character of a row that is just full a terminal waits at its edge. */
    const bool behind = l->at == l->text.n || l->text.p[l->at] == '\n';
    at->row = d.above + (d.at_col - (behind && d.at_col > 0)) / width;
}
