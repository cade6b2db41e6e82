/* pace.h - floor 0: how many threads a token takes when other programs want the processors, too.
 *
 * A token ends when its slowest thread does, so where a thread shares its processor, fewer threads may be
 * faster.  Whether they are is tried, not guessed; results do not depend on the number of threads. */
#ifndef PACE_H
#define PACE_H
#include "base.h"
typedef struct {
    int     n_max, n;       /* threads at most, and now */
    int     before;         /* threads before the trial that runs; 0: none does */
    int     kept;           /* windows to go before anything is tried */
    int     tokens;         /* of this window, their time, and how often a thread was set aside */
    double  ms, ms_before;
    int64_t switches;
} pace;
void pace_start(pace *p, int n_max);
/* After a token that took `ms`, with so many involuntary context switches of the process: the number of threads
 * for the next one. */
int  pace_token(pace *p, double ms, int64_t switches);
#endif
