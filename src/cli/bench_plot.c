/* bench_plot.c - speed over depth: bars in the terminal, lines in an SVG file.
 *
 * A series is one test under one setting; its points are the depths.  Beside what was reached stands
 * what the bytes would allow at the machine's fastest read, for generated tokens. */
#include "cli.h"
#include <math.h>
#include <string.h>

static bool same_series(const bench_row *a, const bench_row *b) {
    return a->n_prompt == b->n_prompt && a->n_gen == b->n_gen && !strcmp(a->set.isa, b->set.isa) && a->packed == b->packed && a->fast == b->fast &&
           a->set.kv == b->set.kv && a->set.n_threads == b->set.n_threads && a->set.n_ubatch == b->set.n_ubatch;
}

/* Is row i the first of its series? */
static bool leads(const bench_report *b, int i) {
    for (int k = 0; k < i; k++)
        if (same_series(&b->row[k], &b->row[i])) return false;
    return true;
}

static void put_series(strbuf *s, const bench_row *r) {
    if (r->n_prompt) strbuf_fmt(s, "pp%d", r->n_prompt);
    if (r->n_gen) strbuf_fmt(s, "%stg%d", r->n_prompt ? "+" : "", r->n_gen);
    strbuf_fmt(s, ", %d thread%s, %s, %s", r->set.n_threads, r->set.n_threads > 1 ? "s" : "", r->set.isa, bench_kv_name(r->set.kv));
}

/* Tokens a second if only reading took time; 0: not known, or a prompt, whose limit is another. */
static double allowed(const bench_row *r) {
    return !r->n_prompt && r->bytes > 0 ? bench_roof(r) * 1e9 * r->n_gen / r->bytes : 0;
}

static double larger(double a, double b) { return a > b ? a : b; }

/* ---- terminal ---------------------------------------------------------------- */

enum { BAR = 60 };

void bench_plot_text(const bench_report *b) {
    strbuf s = {0};
    for (int i = 0; i < b->n_row; i++) {
        if (!leads(b, i)) continue;
        double top = 0;
        for (int k = i; k < b->n_row; k++)
            if (same_series(&b->row[k], &b->row[i])) top = larger(top, larger(bench_median_ts(&b->row[k]), allowed(&b->row[k])));
        strbuf_char(&s, '\n');
        put_series(&s, &b->row[i]);
        strbuf_fmt(&s, "%s\n", allowed(&b->row[i]) > 0 ? " (# tokens/s, . what the bytes allow)" : " (tokens/s)");
        for (int k = i; k < b->n_row; k++) {
            const bench_row *r = &b->row[k];
            if (!same_series(r, &b->row[i])) continue;
            const double ts = bench_median_ts(r);
            const int    full = top > 0 ? (int)lround(ts / top * BAR) : 0, may = top > 0 ? (int)lround(allowed(r) / top * BAR) : 0;
            strbuf_fmt(&s, "%8d %10.2f |", r->n_depth, ts);
            for (int c = 0; c < full || c < may; c++) strbuf_char(&s, c < full ? '#' : '.');
            strbuf_char(&s, '\n');
        }
    }
    out_put(s.p ? s.p : "", s.n);
    strbuf_free(&s);
}

/* ---- SVG --------------------------------------------------------------------- */

enum { WIDTH = 800, HEIGHT = 440, LEFT = 70, RIGHT = 20, TOP = 40, BOTTOM = 50, KEY_LINE = 18 };

/* The points of row i's series; what the bytes allow as a dashed line. */
static void put_lines(strbuf *s, const bench_report *b, int i, const chart *g, const char *color) {
    for (int limit = 0; limit < 2; limit++) {
        if (limit && allowed(&b->row[i]) <= 0) return;
        strbuf_fmt(s, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s points=\"", color, limit ? " stroke-dasharray=\"4 4\"" : "");
        for (int k = i; k < b->n_row; k++) {
            const bench_row *r = &b->row[k];
            if (same_series(r, &b->row[i]))
                strbuf_fmt(s, "%.1f,%.1f ", chart_x(g, r->n_depth), chart_y(g, limit ? allowed(r) : bench_median_ts(r)));
        }
        strbuf_str(s, STR("\"/>\n"));
    }
}

static void put_dots(strbuf *s, const bench_report *b, int i, const chart *g, const char *color) {
    for (int k = i; k < b->n_row; k++) {
        const bench_row *r = &b->row[k];
        if (!same_series(r, &b->row[i])) continue;
        strbuf_fmt(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%.2f tokens/s at %d</title></circle>\n",
                   chart_x(g, r->n_depth), chart_y(g, bench_median_ts(r)), color, bench_median_ts(r), r->n_depth);
    }
}

int bench_plot_svg(const char *path, const bench_report *b) {
    strbuf s = {0};
    chart  g = {.y1 = 1e-9, .left = LEFT, .top = TOP, .right = WIDTH - RIGHT, .bottom = HEIGHT - BOTTOM};
    int    n_series = 0;
    for (int i = 0; i < b->n_row; i++) {
        g.x1 = larger(g.x1, b->row[i].n_depth);
        g.y1 = larger(g.y1, larger(bench_median_ts(&b->row[i]), allowed(&b->row[i])));
        n_series += leads(b, i);
    }
    g.y1 *= 1.05;
    chart_begin(&s, WIDTH, HEIGHT + n_series * KEY_LINE + 8);
    chart_axes(&s, &g, "tokens in the cache", "tokens/s");
    for (int i = 0, n = 0; i < b->n_row; i++) {
        if (!leads(b, i)) continue;
        const char *color = chart_color(n);
        put_lines(&s, b, i, &g, color);
        put_dots(&s, b, i, &g, color);
        strbuf_fmt(&s, "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/>", LEFT, HEIGHT + n * KEY_LINE, color);
        strbuf_fmt(&s, "<text x=\"%d\" y=\"%d\">", LEFT + 18, HEIGHT + n * KEY_LINE + 10);
        put_series(&s, &b->row[i]);
        strbuf_fmt(&s, "%s</text>\n", allowed(&b->row[i]) > 0 ? " (dashed: what the bytes allow)" : "");
        n++;
    }
    return chart_end(&s, path);
}
