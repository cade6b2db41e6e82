/* chart.c - the parts that charts are made of, as SVG text. */
#include "cli.h"
#include <math.h>
#include <stdlib.h>

double chart_x(const chart *c, double x) { return c->left + (c->right - c->left) * (c->x1 > c->x0 ? (x - c->x0) / (c->x1 - c->x0) : 0.5); }

double chart_y(const chart *c, double y) { return c->bottom - (c->bottom - c->top) * (y - c->y0) / (c->y1 - c->y0); }

const char *chart_color(int i) {
    static const char *const colors[] = {"#1f6fb4", "#d1561d", "#2a9250", "#8b4fb3", "#b03060", "#6b6b1f", "#2f8f9d", "#555555"};
    return colors[i % (int)ARRAY_LEN(colors)];
}

double chart_step(double most) {
    const double rough = most / 5, ten = pow(10, floor(log10(rough)));
    const double lead = rough / ten;
    return ten * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

void chart_begin(strbuf *s, int width, int height) {
    strbuf_fmt(s, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n", width, height);
    strbuf_str(s, STR("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"));
}

/* The multiple of step from which marks begin. */
static double first_mark(double from, double step) { return ceil(from / step - 1e-9) * step; }

void chart_axes(strbuf *s, const chart *c, const char *x_name, const char *y_name) {
    strbuf_fmt(s, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#000\"/>\n", c->left, c->top, c->bottom, c->right);
    const double dy = chart_step(c->y1 - c->y0), dx = c->x1 > c->x0 ? chart_step(c->x1 - c->x0) : 1;
    for (double v = first_mark(c->y0, dy); v <= c->y1 + dy * 1e-4; v += dy) {
        strbuf_fmt(s, "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/>", c->left, chart_y(c, v), c->right);
        strbuf_fmt(s, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", c->left - 6, chart_y(c, v) + 4, fabs(v) < dy / 2 ? 0 : v);
    }
    for (double v = first_mark(c->x0, dx); v <= c->x1 + dx * 1e-4; v += dx)
        strbuf_fmt(s, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", chart_x(c, v), c->bottom + 18, fabs(v) < dx / 2 ? 0 : v);
    strbuf_fmt(s, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", (c->left + c->right) / 2, c->bottom + 38, x_name);
    strbuf_fmt(s, "<text x=\"%d\" y=\"%d\">%s</text>\n", c->left, c->top - 12, y_name);
}

void chart_escape(strbuf *s, str text) {
    strbuf plain = {0};
    plain_text(&plain, text);
    for (size_t i = 0; i < plain.n; i++) {
        switch (plain.p[i]) {
        case '&': strbuf_str(s, STR("&amp;")); break;
        case '<': strbuf_str(s, STR("&lt;")); break;
        case '>': strbuf_str(s, STR("&gt;")); break;
        default: strbuf_char(s, plain.p[i]);
        }
    }
    s->bad |= plain.bad;
    strbuf_free(&plain);
}

/* ---- labels ------------------------------------------------------------------------------ */

/* Of the letters: their height, and how wide one may be on average (12 px, sans-serif; W is wider, i narrower); how far from its
 * point a label stands, and the steps by which it moves away. */
enum { LETTER_HEIGHT = 13, LETTER_WIDTH = 7, BESIDE = 8, DOWN = 7, ASIDE = 16, MOST_ASIDE = 160 };

void chart_keep(chart_places *p, chart_box b) {
    if (p->n < CHART_MAX_PLACES) p->at[p->n++] = b;
}

static bool is_free(const chart_places *p, chart_box b) {
    for (int i = 0; i < p->n; i++) {
        const chart_box *o = &p->at[i];
        if (b.left < o->right && o->left < b.right && b.top < o->bottom && o->top < b.bottom) return false;
    }
    return true;
}

/* The side that looks to x. */
static double edge_of(chart_box b, double x) { return b.left > x ? b.left : b.right; }

/* Would the line from the point to its label run through another label? */
static bool line_crosses(const chart_places *p, chart_box to, double x, double y) {
    const double dx = edge_of(to, x) - x, dy = (to.top + to.bottom) / 2 - y;
    for (int i = 0; i < p->n; i++)
        for (int k = 1; k < 20 && p->at[i].is_text; k++) {
            const chart_box *o = &p->at[i];
            const double     u = x + dx * k / 20, v = y + dy * k / 20;
            if (u > o->left && u < o->right && v > o->top && v < o->bottom) return true;
        }
    return false;
}

/* Its near edge dx from x, to the right (dx > 0) or to the left; its middle at y. */
static chart_box box_beside(double x, double dx, double y, double width) {
    const double left = dx > 0 ? x + dx : x + dx - width;
    return (chart_box){left, y - LETTER_HEIGHT / 2.0, left + width, y + LETTER_HEIGHT / 2.0, true};
}

/* The nearest place that is free; where all is taken, beside the point. */
static chart_box find_place(const chart *c, const chart_places *p, double x, double y, double right, double width) {
    chart_box best = box_beside(x, x + BESIDE + width <= right ? BESIDE : -BESIDE, y, width);
    double    least = INFINITY;
    for (int side = 1; side >= -1; side -= 2)
        for (int dx = 0; dx <= MOST_ASIDE; dx += ASIDE)
            for (int k = 0; k * DOWN <= 2 * (c->bottom - c->top); k++) {
                const int       dy = DOWN * (k % 2 ? -(k + 1) / 2 : k / 2); /* 0, up, down, further up .. */
                const double    cost = dx + abs(dy);
                const chart_box b = box_beside(x, side * (BESIDE + dx), y + dy, width);
                if (cost >= least || b.left < c->left + 2 || b.right > right || b.top < c->top || b.bottom > c->bottom) continue;
                if (!is_free(p, b) || line_crosses(p, b, x, y)) continue;
                least = cost;
                best = b;
            }
    return best;
}

static double width_of(str text) {
    int n = 0;
    for (size_t i = 0; i < text.n; i++) n += ((unsigned char)text.p[i] & 0xc0) != 0x80; /* no byte inside of a letter */
    return n * LETTER_WIDTH;
}

void chart_label(strbuf *s, const chart *c, chart_places *p, double x, double y, double right, str text) {
    const chart_box b = find_place(c, p, x, y, right, width_of(text));
    const double    middle = (b.top + b.bottom) / 2, edge = edge_of(b, x);
    chart_keep(p, b);
    if (fabs(middle - y) > DOWN || fabs(edge - x) > BESIDE)
        strbuf_fmt(s, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"#999\" stroke-width=\"0.7\"/>", x, y, edge + (edge > x ? -1 : 1), middle);
    strbuf_fmt(s, "<text x=\"%.1f\" y=\"%.1f\"%s>", edge, middle + 4, edge > x ? "" : " text-anchor=\"end\"");
    chart_escape(s, text);
    strbuf_str(s, STR("</text>\n"));
}

int chart_end(strbuf *s, const char *path) {
    sink file = {-1, NULL};
    strbuf_str(s, STR("</svg>\n"));
    int rc = s->bad ? fail(EXIT_MEMORY, "no memory for %s", path) : sink_open(&file, path);
    if (!rc) rc = sink_put(&file, s->p, s->n);
    if (sink_close(&file) && !rc) rc = EXIT_RUNTIME;
    strbuf_free(s);
    return rc;
}
