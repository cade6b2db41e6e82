/* progress.c - how far work of more than half a second has come: one line on stderr, where that is a
 * terminal, that is gone when the work is done. */
#include "cli.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* From when on a bar is shown, and how often it changes. */
#define FIRST_MS 500
#define NEXT_MS  100
#define CELLS    20

static struct {
    const char           *what;
    bool                  wanted;
    double                begun_ms, shown_ms;
    uint64_t              shown; /* how much of it */
    volatile sig_atomic_t visible;
} bar;

void progress_begin(const options *o, const char *what) {
    bar.what = what;
    bar.wanted = !o->quiet && isatty(STDERR_FILENO) && term_is_smart();
    bar.begun_ms = clock_ms();
    bar.shown_ms = 0;
    bar.shown = 0;
}

bool progress_wanted(void) { return bar.wanted; }

void progress_show(uint64_t done, uint64_t total, const char *unit) {
    const double now = clock_ms(), ms = now - bar.begun_ms;
    if (!bar.wanted || ms < FIRST_MS || now - bar.shown_ms < NEXT_MS || !done || done >= total) return;
    if (done == bar.shown) return; /* the rate is that of the moment when a part was done */
    bar.shown = done;
    char         text[200], cells[CELLS + 1];
    const double rate = (double)done / ms * 1e3, left = (double)(total - done) / rate;
    const int    full = (int)((double)done / (double)total * CELLS), width = term_width(STDERR_FILENO, NULL);
    for (int i = 0; i < CELLS; i++) cells[i] = i < full ? '#' : '.';
    cells[CELLS] = 0;
    snprintf(text, sizeof text, "%s [%s] %llu/%llu %s, %.1f %s/s, %.0f s left", bar.what, cells, (unsigned long long)done,
             (unsigned long long)total, unit, rate, unit, left);
    /* One column stays free: at the edge some terminals would begin a new line. */
    if (strlen(text) >= (size_t)width) text[width - 1] = 0;
    bar.visible = 1;
    bar.shown_ms = now;
    write_all(STDERR_FILENO, "\r", 1);
    write_all(STDERR_FILENO, text, strlen(text));
    write_all(STDERR_FILENO, "\033[K", 3);
}

void progress_end(void) {
    if (bar.visible) write_all(STDERR_FILENO, "\r\033[K", 4);
    bar.visible = 0;
    bar.wanted = false;
}
