/* fault.c - stands between the program and the C library, where the linker's --wrap put it. */
#include "fault.h"

static const char *const names[] = {
#define X(name) #name,
    FAULT_CALLS(X)
#undef X
};

const char *fault_name(fault_call call) { return names[call]; }

#ifdef SLM_FAULTS
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static _Atomic long n_calls[FAULT_KINDS], at[FAULT_KINDS];
static _Atomic int  error_of[FAULT_KINDS];

bool fault_can(void) { return true; }

void fault_arm(fault_call call, long k, int error) {
    n_calls[call] = 0;
    error_of[call] = error;
    at[call] = k;
}

long fault_disarm(fault_call call) {
    at[call] = 0;
    return n_calls[call];
}

/* Counts a call.  0: it goes on; else FAULT_SHORT or an errno, which is set. */
static int hit(fault_call call) {
    const long k = atomic_fetch_add(&n_calls[call], 1) + 1;
    if (k != at[call]) return 0;
    if (error_of[call] > 0) errno = error_of[call];
    return error_of[call];
}

/* ---- the calls ------------------------------------------------------------------ */

#define WRAP(type, name, ...)        \
    type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__)
/* Calls that have another name where a place in a file takes more than a long (32 bits with _FILE_OFFSET_BITS=64). */
#if defined(_FILE_OFFSET_BITS) && !defined(__LP64__)
#define WRAP_WIDE(type, name, ...) WRAP(type, name##64, __VA_ARGS__)
#define REAL_WIDE(name) __real_##name##64
#else
#define WRAP_WIDE(type, name, ...) WRAP(type, name, __VA_ARGS__)
#define REAL_WIDE(name) __real_##name
#endif

WRAP(void *, malloc, size_t n) { return hit(FAULT_malloc) ? NULL : __real_malloc(n); }

WRAP(void *, calloc, size_t n, size_t elem) { return hit(FAULT_malloc) ? NULL : __real_calloc(n, elem); }

WRAP(void *, realloc, void *p, size_t n) { return hit(FAULT_malloc) ? NULL : __real_realloc(p, n); }

WRAP_WIDE(void *, mmap, void *p, size_t n, int rights, int flags, int fd, off_t from) {
    return hit(fd < 0 ? FAULT_malloc : FAULT_mmap) ? MAP_FAILED : REAL_WIDE(mmap)(p, n, rights, flags, fd, from);
}

WRAP(int, pthread_create, pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg) {
    return hit(FAULT_thread) ? EAGAIN : __real_pthread_create(t, a, fn, arg);
}

WRAP_WIDE(int, open, const char *path, int flags, ...) {
    va_list ap;
    va_start(ap, flags);
    const int mode = flags & (O_CREAT | O_DIRECTORY) ? va_arg(ap, int) : 0; /* O_TMPFILE has the bit of O_DIRECTORY */
    va_end(ap);
    return hit(FAULT_open) ? -1 : REAL_WIDE(open)(path, flags, mode);
}

WRAP_WIDE(FILE *, fopen, const char *path, const char *mode) { return hit(FAULT_fopen) ? NULL : REAL_WIDE(fopen)(path, mode); }

WRAP_WIDE(int, fstat, int fd, struct stat *st) { return hit(FAULT_fstat) ? -1 : REAL_WIDE(fstat)(fd, st); }

WRAP(ssize_t, read, int fd, void *p, size_t n) {
    const int e = hit(FAULT_read);
    return e > 0 ? -1 : __real_read(fd, p, e && n > 1 ? n / 2 : n);
}

WRAP(ssize_t, write, int fd, const void *p, size_t n) {
    const int e = hit(FAULT_write);
    return e > 0 ? -1 : __real_write(fd, p, e && n > 1 ? n / 2 : n);
}

WRAP(int, fsync, int fd) { return hit(FAULT_fsync) ? -1 : __real_fsync(fd); }

WRAP(int, sync_file_range, int fd, off_t from, off_t n, unsigned how) {
    return hit(FAULT_sync_file_range) ? -1 : __real_sync_file_range(fd, from, n, how);
}

/* The system closes the file whatever it says of what was written. */
WRAP(int, close, int fd) {
    const int e = hit(FAULT_close), rc = __real_close(fd);
    if (!e) return rc;
    if (e > 0) errno = e;
    return -1;
}

WRAP(int, linkat, int from, const char *path, int to, const char *name, int flags) {
    return hit(FAULT_linkat) ? -1 : __real_linkat(from, path, to, name, flags);
}

WRAP(int, rename, const char *from, const char *to) { return hit(FAULT_rename) ? -1 : __real_rename(from, to); }

WRAP_WIDE(int, mkstemp, char *name) { return hit(FAULT_mkstemp) ? -1 : REAL_WIDE(mkstemp)(name); }

/* ---- by environment ----------------------------------------------------------- */

static const struct {
    const char *name;
    int         error;
} errors[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EINTR", EINTR}, {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE}, {"EACCES", EACCES}, {"EAGAIN", EAGAIN}, {"short", FAULT_SHORT}};

static FILE *counts; /* opened at the start: at the end the sandbox would not let us */

static void tell_counts(void) {
    for (int i = 0; i < FAULT_KINDS; i++) fprintf(counts, "%s %ld\n", names[i], n_calls[i]);
    fclose(counts);
}

static void __attribute__((constructor)) read_environment(void) {
    const char *spec = getenv("SLM_FAULT");
    char        call[16] = "malloc", error[16] = "ENOMEM";
    long        k = 0;
    if (getenv("SLM_FAULT_COUNT") && (counts = REAL_WIDE(fopen)(getenv("SLM_FAULT_COUNT"), "we"))) atexit(tell_counts);
    if (!spec) return;
    if (sscanf(spec, "malloc:%ld", &k) != 1 && sscanf(spec, "io:%15[^:]:%ld:%15s", call, &k, error) != 3) abort();
    for (int i = 0; i < FAULT_KINDS; i++)
        for (size_t e = 0; e < sizeof errors / sizeof *errors; e++)
            if (!strcmp(names[i], call) && !strcmp(errors[e].name, error)) {
                fault_arm((fault_call)i, k, errors[e].error);
                return;
            }
    abort(); /* a fault that does not exist would prove nothing */
}

#else
bool fault_can(void) { return false; }
void fault_arm(fault_call call, long k, int error) { (void)call, (void)k, (void)error; }
long fault_disarm(fault_call call) { return (void)call, 0; }
#endif
