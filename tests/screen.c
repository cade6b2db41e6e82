/* screen.c - the part of ECMA-48 that slm writes. */
#include "screen.h"
#include "../src/unicode.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void screen_init(screen *s, int width, int height) {
    memset(s, 0, sizeof *s);
    s->width = width;
    s->height = height;
}

static void down(screen *s) {
    if (++s->row < s->height) return;
    memmove(s->cell[0], s->cell[1], sizeof s->cell[0] * (size_t)(s->height - 1));
    memset(s->cell[s->height - 1], 0, sizeof s->cell[0]);
    s->row--;
}

static void put_char(screen *s, str c, uint32_t cp) {
    const int n = uc_columns(cp);
    if (!n) {
        const int before = s->full ? s->col : s->col - 1;
        for (int i = before; i >= 0; i--)
            if (s->cell[s->row][i][0]) {
                strncat(s->cell[s->row][i], c.p, c.n);
                return;
            }
        return;
    }
    if (s->full || s->col + n > s->width) {
        down(s);
        s->col = 0;
        s->full = false;
    }
    memcpy(s->cell[s->row][s->col], c.p, c.n);
    s->cell[s->row][s->col][c.n] = 0;
    if (n == 2) s->cell[s->row][s->col + 1][0] = 0;
    s->n_dim += s->dim;
    s->col += n;
    s->full = s->col >= s->width;
    if (s->full) s->col = s->width - 1;
}

static int clamp(int v, int most) { return v < 0 ? 0 : v > most ? most : v; }

static void escape(screen *s, const char *p, size_t n) {
    const int  a = n > 2 && p[2] >= '0' && p[2] <= '9' ? atoi(p + 2) : -1, k = a > 0 ? a : 1;
    const char how = p[n - 1];
    if (how == 'm') s->dim = a == 2;
    if (how == 'h' || how == 'l') s->pastes = !strncmp(p + 2, "?2004", 5) ? how == 'h' : s->pastes;
    if (how == 'm' || how == 'h' || how == 'l') return;
    s->full = false;
    switch (how) {
    case 'A': s->row = clamp(s->row - k, s->height - 1); break;
    case 'B': s->row = clamp(s->row + k, s->height - 1); break;
    case 'C': s->col = clamp(s->col + k, s->width - 1); break;
    case 'D': s->col = clamp(s->col - k, s->width - 1); break;
    case 'H': s->row = s->col = 0; break;
    case 'J':
        if (a == 2) memset(s->cell, 0, sizeof s->cell);
        else {
            for (int c = s->col; c < s->width; c++) s->cell[s->row][c][0] = 0;
            for (int r = s->row + 1; r < s->height; r++) memset(s->cell[r], 0, sizeof s->cell[r]);
        }
        break;
    case 'K':
        for (int c = s->col; c < s->width; c++) s->cell[s->row][c][0] = 0;
        break;
    default: printf("    screen: unknown sequence %.*s\n", (int)n - 1, p + 1);
    }
}

/* Bytes of what stands at p; 0: more must come. */
static size_t one(screen *s, const char *p, size_t n) {
    uint32_t cp;
    if (*p == '\x1b') {
        for (size_t i = 2; i < n; i++)
            if (p[i] >= 0x40 && p[i] <= 0x7e) return escape(s, p, i + 1), i + 1;
        return n < 40 ? 0 : 1;
    }
    const size_t len = utf8_decode(p, n, &cp);
    if (!len) return n < 4 && !utf8_whole(p, n) ? 0 : 1;
    if (cp == '\r') s->col = 0, s->full = false;
    else if (cp == '\n') down(s), s->full = false;
    else if (cp == '\a') s->n_bell++;
    else if (cp == '\b') s->col = clamp(s->col - 1, s->width);
    else if (cp >= ' ') put_char(s, (str){p, len}, cp);
    return len;
}

void screen_put(screen *s, const char *p, size_t n) {
    strbuf b = {0};
    size_t at = 0, len;
    strbuf_put(&b, s->held, s->n_held);
    strbuf_put(&b, p, n);
    while (at < b.n && (len = one(s, b.p + at, b.n - at))) at += len;
    s->n_held = b.n - at;
    if (s->n_held) memcpy(s->held, b.p + at, s->n_held);
    strbuf_free(&b);
}

static int row_length(const screen *s, int r) {
    int n = s->width;
    while (n && !s->cell[r][n - 1][0]) n--;
    /* The second half of a wide character at the end. */
    uint32_t cp;
    if (n && n < s->width && utf8_decode(s->cell[r][n - 1], strlen(s->cell[r][n - 1]), &cp) && uc_columns(cp) == 2) n++;
    return n;
}

/* To the next row; what was noted of an earlier one moves along when all scroll. */
static void break_row(screen *s, int *noted) {
    if (s->row == s->height - 1) --*noted;
    down(s);
    s->col = 0;
    s->full = false;
}

void screen_resize(screen *s, int width, int height) {
    screen *n = malloc(sizeof *n);
    if (!n) abort();
    screen_init(n, width, height);
    int last = s->row, at_row = 0, at_col = 0;
    for (int r = 0; r < s->height; r++)
        if (row_length(s, r) > 0 && r > last) last = r;
    for (int r = 0; r <= last; r++) {
        if (r) break_row(n, &at_row);
        const int len = row_length(s, r);
        for (int c = 0; c < len || (r == s->row && c <= s->col); c++) {
            if (n->full && c < len) break_row(n, &at_row);
            if (r == s->row && c == s->col) at_row = n->row, at_col = n->col;
            if (c < len) strcpy(n->cell[n->row][n->col], s->cell[r][c]);
            n->full = c < len && n->col + 1 == width;
            n->col = clamp(n->col + 1, width - 1);
        }
    }
    n->row = clamp(at_row, height - 1);
    n->col = at_col;
    n->full = false;
    n->n_bell = s->n_bell;
    n->n_dim = s->n_dim;
    n->pastes = s->pastes;
    *s = *n;
    free(n);
}

void screen_text(const screen *s, bool cursor, strbuf *out) {
    size_t end = 0;
    for (int r = 0; r < s->height; r++) {
        size_t row_end = out->n;
        for (int c = 0; c < s->width; c++) {
            uint32_t    cp = ' ';
            const char *cell = s->cell[r][c];
            if (cursor && r == s->row && c == s->col) strbuf_char(out, '|'), row_end = out->n;
            strbuf_str(out, *cell ? str_of(cell) : STR(" "));
            if (*cell) row_end = out->n;
            if (*cell && utf8_decode(cell, strlen(cell), &cp) && uc_columns(cp) == 2) c++;
        }
        out->n = row_end;
        if (out->n > end && !(out->n && out->p[out->n - 1] == '\n')) end = out->n + 1;
        strbuf_char(out, '\n');
    }
    out->n = end;
}

bool screen_shows(const screen *s, const char *text) {
    strbuf b = {0};
    screen_text(s, false, &b);
    strbuf_char(&b, 0);
    const bool found = b.p && strstr(b.p, text);
    strbuf_free(&b);
    return found;
}
