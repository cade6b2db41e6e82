/* fault.h - the k-th call of a kind fails: allocations, files, threads.
 *
 * Only in what is linked with tests/fault.c and the linker's --wrap: run-tests, and slm-fault, which is the
 * program for tests/cli/faults.sh.  There SLM_FAULT says which:
 *   SLM_FAULT=malloc:17             the 17th allocation (heap or mapping) finds no memory
 *   SLM_FAULT=io:write:3:ENOSPC     the 3rd write() fails; EINTR: as interrupted; short: does half of it
 *   SLM_FAULT_COUNT=FILE            how many there were of each, as lines, at the end */
#ifndef FAULT_H
#define FAULT_H
#include <stdbool.h>

#define FAULT_CALLS(X) \
    X(malloc) X(thread) X(open) X(fopen) X(fstat) X(mmap) X(read) X(write) X(fsync) X(sync_file_range) X(close) X(linkat) X(rename) X(mkstemp)

typedef enum {
#define X(name) FAULT_##name,
    FAULT_CALLS(X)
#undef X
    FAULT_KINDS
} fault_call;

enum { FAULT_SHORT = -1 };

bool        fault_can(void); /* false: this linker has no --wrap */
/* The k-th call from now on (1: the next; 0: none) fails with `error`, an errno or FAULT_SHORT. */
void        fault_arm(fault_call call, long k, int error);
/* Calls since then; ends it. */
long        fault_disarm(fault_call call);
const char *fault_name(fault_call call);
#endif
