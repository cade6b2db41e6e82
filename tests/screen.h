/* screen.h - a terminal's screen as far as tests need one: what a person would see. */
#ifndef SCREEN_H
#define SCREEN_H
#include "../src/base.h"

enum { SCREEN_MAX = 120 }; /* rows and columns */

typedef struct {
    int  width, height, row, col;
    bool full;                                /* the row's last column was written: the next character wraps */
    char cell[SCREEN_MAX][SCREEN_MAX][20];    /* UTF-8; "" is empty, or the second half of a wide character */
    bool dim;
    int  n_dim, n_bell;                       /* characters that were dim; bells                            */
    bool pastes;                              /* bracketed paste is on                                      */
    char held[64];                            /* an unfinished character or escape sequence                 */
    size_t n_held;
} screen;

void screen_init(screen *s, int width, int height);
void screen_put(screen *s, const char *p, size_t n);
/* As terminals do that break their rows anew: a row that is too long goes on below. */
void screen_resize(screen *s, int width, int height);
/* The rows without space at their ends, each with a newline, down to the last that is not empty.  With
 * `cursor` a | stands where it is. */
void screen_text(const screen *s, bool cursor, strbuf *out);
bool screen_shows(const screen *s, const char *text);
#endif
