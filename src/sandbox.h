/* sandbox.h - floor 0: what a process gives up before it reads the bytes of strangers. */
#ifndef SANDBOX_H
#define SANDBOX_H
#include <stdbool.h>

/* A file, or a folder with all that is below it.  What cannot be looked at is left out of the list. */
typedef struct {
    const char *path;
    bool        write; /* files may be made, written, renamed and removed there too */
} sandbox_path;

/* What holds. */
typedef struct {
    int  landlock; /* the version (ABI) of the kernel's Landlock; 0: none */
    bool seccomp;
} sandbox_state;

/* For good, for this thread and all that it starts: opens no file but those of paths [n], no network, no other
 * program, no other process, no new code in memory.  Called while there is one thread.  With Landlock alone
 * the network is TCP only; with seccomp alone every file may be read, and written if one of the paths may.
 * Never fails: a system that has neither (or not Linux) holds nothing. */
sandbox_state sandbox_enter(const sandbox_path *paths, int n);
#endif
