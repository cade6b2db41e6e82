/* diff_out.c - what slm diff found: a table, JSON, bars in the terminal, a chart. */
#include "../json.h"
#include "cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The file's name without folder and .gguf. */
static str label_of(const diff_side *s) {
    const char *slash = strrchr(s->path, '/');
    str         name = str_of(slash ? slash + 1 : s->path);
    if (name.n > 5 && !memcmp(name.p + name.n - 5, ".gguf", 5)) name.n -= 5;
    return name;
}

static double bits_of(const diff_side *s) { return s->info.n_params ? 8 * (double)s->info.tensor_bytes / (double)s->info.n_params : 0; }

static double ratio_of(const diff *d, const diff_side *s) { return s->ppl.ppl / d->side[0].ppl.ppl; }

static int n_listed(const diff *d, const diff_side *s) { return s->n_tensor < d->o->n_worst ? s->n_tensor : d->o->n_worst; }

/* ---- table ---------------------------------------------------------------------------- */

static void put_label(strbuf *b, const diff_side *s, int width) {
    strbuf plain = {0};
    plain_text(&plain, label_of(s));
    strbuf_fmt(b, "%-*.*s", width, (int)plain.n, plain.n ? plain.p : "");
    b->bad |= plain.bad;
    strbuf_free(&plain);
}

static void put_table(strbuf *b, const diff *d, int width) {
    char size[32];
    strbuf_fmt(b, "%-*s %10s %6s %21s %9s %21s %9s %9s %9s\n", width, "file", "size", "bits", "perplexity", "change", "mean KL", "99 % KL",
               "largest", "same top");
    for (int k = 0; k < d->n_side; k++) {
        const diff_side *s = &d->side[k];
        put_label(b, s, width);
        strbuf_fmt(b, " %10s %6.2f %11.4f +/- %.4f", human_bytes(s->info.file_bytes, size), bits_of(s), s->ppl.ppl, s->ppl.error);
        if (k)
            strbuf_fmt(b, " %+8.2f%% %10.6f +/- %.5f %9.5f %9.4f %8.2f%%", 100 * (ratio_of(d, s) - 1), s->kl_mean, s->kl_error, s->kl_99, s->kl_most,
                       100.0 * s->n_same / d->n_scored);
        strbuf_char(b, '\n');
    }
}

static void put_worst(strbuf *b, const diff *d, const diff_side *s) {
    if (!n_listed(d, s)) return;
    strbuf_char(b, '\n');
    put_label(b, s, 0);
    strbuf_fmt(b, ": relative errors, worst of %d tensors\n", s->n_tensor);
    for (int i = 0; i < n_listed(d, s); i++) {
        const slm_tensor_error *e = &s->tensor[i];
        strbuf_fmt(b, "  %-32.*s %6s -> %-6s %9.6f\n", (int)e->name_len, e->name, e->from, e->to, e->error);
    }
}

/* ---- bars ----------------------------------------------------------------------------- */

enum { BAR = 50 };

static void put_bar(strbuf *b, double v, double most) {
    const int n = most > 0 && v <= most ? (int)lround(v / most * BAR) : 0;
    strbuf_str(b, STR(" |"));
    for (int i = 0; i < n; i++) strbuf_char(b, '#');
    strbuf_char(b, '\n');
}

static void put_bars(strbuf *b, const diff *d, int width) {
    double most = 0;
    for (int k = 1; k < d->n_side; k++) most = fmax(most, d->side[k].kl_mean);
    strbuf_str(b, STR("\nmean KL\n"));
    for (int k = 1; k < d->n_side; k++) {
        put_label(b, &d->side[k], width);
        strbuf_fmt(b, " %10.6f", d->side[k].kl_mean);
        put_bar(b, d->side[k].kl_mean, most);
    }
    for (int k = 1; k < d->n_side; k++) {
        const diff_side *s = &d->side[k];
        if (n_listed(d, s)) strbuf_str(b, STR("\nrelative errors of ")), put_label(b, s, 0), strbuf_char(b, '\n');
        for (int i = 0; i < n_listed(d, s); i++) {
            const slm_tensor_error *e = &s->tensor[i];
            strbuf_fmt(b, "%-32.*s %9.6f", (int)e->name_len, e->name, e->error);
            put_bar(b, e->error, s->tensor[0].error);
        }
    }
}

/* ---- JSON ----------------------------------------------------------------------------- */

static void put_number(strbuf *b, const char *name, double v) {
    strbuf_fmt(b, ",\"%s\":", name);
    json_write_num(b, v);
}

static void put_json(strbuf *b, const diff *d) {
    strbuf_fmt(b, "{\"n_chunks\":%d,\"n_ctx\":%d,\"n_scored\":%d,\"files\":[", d->text.n, d->text.n_ctx, d->n_scored);
    for (int k = 0; k < d->n_side; k++) {
        const diff_side *s = &d->side[k];
        strbuf_fmt(b, "%s{\"file\":", k ? "," : "");
        json_write_str(b, str_of(s->path));
        strbuf_fmt(b, ",\"bytes\":%llu", (unsigned long long)s->info.file_bytes);
        put_number(b, "bits", bits_of(s));
        put_number(b, "ppl", s->ppl.ppl);
        put_number(b, "ppl_error", s->ppl.error);
        put_number(b, "ppl_ratio", ratio_of(d, s));
        put_number(b, "kl_mean", s->kl_mean);
        put_number(b, "kl_error", s->kl_error);
        put_number(b, "kl_99", s->kl_99);
        put_number(b, "kl_max", s->kl_most);
        put_number(b, "same_top", (double)s->n_same / d->n_scored);
        strbuf_str(b, STR(",\"tensors\":["));
        for (int i = 0; i < n_listed(d, s); i++) {
            strbuf_fmt(b, "%s{\"name\":", i ? "," : "");
            json_write_str(b, (str){s->tensor[i].name, s->tensor[i].name_len});
            strbuf_fmt(b, ",\"from\":\"%s\",\"to\":\"%s\"", s->tensor[i].from, s->tensor[i].to);
            put_number(b, "error", s->tensor[i].error);
            strbuf_char(b, '}');
        }
        strbuf_str(b, STR("]}"));
    }
    strbuf_str(b, STR("]}\n"));
}

int diff_print(const diff *d) {
    strbuf b = {0};
    int    width = 4;
    for (int k = 0; k < d->n_side; k++) width = label_of(&d->side[k]).n > (size_t)width ? (int)label_of(&d->side[k]).n : width;
    if (d->o->json) put_json(&b, d);
    else {
        strbuf_fmt(&b, "%d chunks of %d tokens, %d compared\n", d->text.n, d->text.n_ctx, d->n_scored);
        put_table(&b, d, width);
        for (int k = 1; k < d->n_side && !d->o->bars; k++) put_worst(&b, d, &d->side[k]);
        if (d->o->bars) put_bars(&b, d, width);
    }
    const int rc = b.bad ? fail(EXIT_MEMORY, "no memory for the result") : 0;
    if (!rc) out_put(b.p, b.n);
    strbuf_free(&b);
    return rc;
}

/* ---- chart ----------------------------------------------------------------------------- */

enum { WIDTH = 800, PANEL = 300, LEFT = 80, RIGHT = 130, TOP = 40, BOTTOM = 50, POINT = 4 };

static double mib_of(const diff_side *s) { return (double)s->info.file_bytes / (1 << 20); }

typedef struct {
    double           x, y;
    const diff_side *side;
} point;

/* The rightmost first. */
static int by_x(const void *a, const void *b) {
    const double x = ((const point *)a)->x, y = ((const point *)b)->x;
    return (x < y) - (x > y);
}

/* A point for each file from `first` on, with its name, which keeps off all points. */
static void put_points(strbuf *b, const diff *d, const chart *c, chart_places *p, int first, bool is_ppl) {
    const int n = d->n_side - first;
    point     at[DIFF_MAX_SIDES];
    strbuf    circles = {0};
    for (int i = 0; i < n; i++) {
        const diff_side *s = &d->side[first + i];
        const double     v = is_ppl ? s->ppl.ppl : s->kl_mean, x = chart_x(c, mib_of(s)), y = chart_y(c, v);
        at[i] = (point){x, y, s};
        chart_keep(p, (chart_box){x - POINT, y - POINT, x + POINT, y + POINT, false});
        strbuf_fmt(&circles, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"%s\"><title>%.6f at %.1f MiB</title></circle>\n", x, y, POINT,
                   chart_color(first + i), v, mib_of(s));
    }
    qsort(at, (size_t)n, sizeof *at, by_x);
    for (int i = 0; i < n; i++) chart_label(b, c, p, at[i].x, at[i].y, WIDTH - 2, label_of(at[i].side));
    strbuf_put(b, circles.p, circles.n);
    b->bad |= circles.bad;
    strbuf_free(&circles);
}

int diff_plot(const char *path, const diff *d) {
    strbuf       b = {0};
    chart_places upper = {.n = 0}, lower = {.n = 0};
    double       kl = 1e-9, low = INFINITY, high = 0, size = 0;
    for (int k = 0; k < d->n_side; k++) {
        const diff_side *s = &d->side[k];
        size = fmax(size, mib_of(s));
        kl = fmax(kl, s->kl_mean);
        low = fmin(low, s->ppl.ppl);
        high = fmax(high, s->ppl.ppl);
    }
    const double room = fmax((high - low) * 0.08, high * 1e-4);
    const chart  above = {0, size * 1.05, 0, kl * 1.1, LEFT, TOP, WIDTH - RIGHT, TOP + PANEL - TOP - BOTTOM};
    const chart  below = {0, size * 1.05, low - room, high + room, LEFT, TOP + PANEL, WIDTH - RIGHT, TOP + 2 * PANEL - TOP - BOTTOM};
    chart_begin(&b, WIDTH, 2 * PANEL + 10);
    chart_axes(&b, &above, "file size in MiB", "mean KL divergence from the first file, in nats");
    put_points(&b, d, &above, &upper, 1, false);
    chart_axes(&b, &below, "file size in MiB", "perplexity (dashed: the first file's)");
    const double base = chart_y(&below, d->side[0].ppl.ppl);
    strbuf_fmt(&b, "<path d=\"M%d %.1fH%d\" stroke=\"#888\" stroke-dasharray=\"4 4\"/>\n", LEFT, base, below.right);
    chart_keep(&lower, (chart_box){LEFT, base - 1, below.right, base + 1, false});
    put_points(&b, d, &below, &lower, 0, true);
    return chart_end(&b, path);
}
