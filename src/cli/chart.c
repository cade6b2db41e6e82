/* chart.c - the parts that charts are made of, as SVG text. */
#include "cli.h"
#include <math.h>

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
        strbuf_fmt(s, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", chart_x(c, v), c->bottom + 18, v);
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

int chart_end(strbuf *s, const char *path) {
    sink file = {-1, NULL};
    strbuf_str(s, STR("</svg>\n"));
    int rc = s->bad ? fail(EXIT_MEMORY, "no memory for %s", path) : sink_open(&file, path);
    if (!rc) rc = sink_put(&file, s->p, s->n);
    if (sink_close(&file) && !rc) rc = EXIT_RUNTIME;
    strbuf_free(s);
    return rc;
}
