/* pace.c - while threads are set aside, tries a quarter fewer of them and keeps what is faster. */
#include "pace.h"

enum { WINDOW = 4, KEEP = 24 }; /* tokens; windows: a trial that fails costs a few per cent of them */

void pace_start(pace *p, int n_max) { *p = (pace){.n_max = n_max, .n = n_max}; }

static void try_fewer(pace *p) {
    p->before = p->n;
    p->ms_before = p->ms;
    p->n -= (p->n + 3) / 4;
}

int pace_token(pace *p, double ms, int64_t switches) {
    p->ms += ms;
    p->switches += switches;
    if (++p->tokens < WINDOW) return p->n;
    const bool busy = p->switches >= WINDOW;
    if (p->before) {
        const bool faster = p->ms < 0.95 * p->ms_before;
        if (!faster) p->n = p->before;
        p->before = 0;
        p->kept = KEEP;
        if (faster && busy && p->n > 1) try_fewer(p);
    } else if (p->kept) {
        p->kept--;
    } else if (p->n < p->n_max) {
        p->n = p->n_max; /* has it become quiet? */
    } else if (busy && p->n > 1) {
        try_fewer(p);
    }
    p->tokens = 0;
    p->ms = 0;
    p->switches = 0;
    return p->n;
}
