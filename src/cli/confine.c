/* confine.c - what each command keeps once its arguments are read: the files that they name.
 *
 * It is given up before the first byte of a model is looked at.  /proc and /sys tell how much memory and how
 * many processors there are, the others the local time of templates. */
#include "../sandbox.h"
#include "cli.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#define HAS_SANITIZER(x) __has_feature(x)
#else
#define HAS_SANITIZER(x) 0
#endif

/* Sanitizers start a process that looks into this one for leaks; counts of coverage are written at the end. */
#if defined(SLM_COVERAGE) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_SANITIZER(address_sanitizer) || HAS_SANITIZER(thread_sanitizer)
bool confine_can(void) { return false; }
#else
bool confine_can(void) { return true; }
#endif

static void enter(const options *o, const sandbox_path *paths, int n) {
    static bool entered;
    if (!entered && !o->no_sandbox && confine_can()) sandbox_enter(paths, n);
    entered = true;
}

void confine_widely(const options *o, bool writes) { enter(o, &(sandbox_path){"/", writes}, 1); }

/* The folder that a file is written in, where path may be a link to it.  Names that are longer are no files. */
static const char *folder_of(const char *path, char room[PATH_MAX]) {
    if (!realpath(path, room)) snprintf(room, PATH_MAX, "%s", path);
    char *slash = strrchr(room, '/');
    if (!slash) return ".";
    slash[slash == room] = 0;
    return room;
}

void confine(const options *o, const char *in, const char *out) { confine_to(o, &in, 1, out); }

void confine_to(const options *o, const char *const *in, int n_in, const char *out) {
    const bool   renders = !strcmp(o->cmd->name, "render") && o->n_arg;
    const char  *read[] = {"/proc", "/sys", "/etc/localtime", "/usr/share/zoneinfo", o->file, o->system_file, o->template_name, o->ids_file,
                           o->imatrix, o->bench.compare, renders ? o->arg[0] : NULL};
    sandbox_path paths[ARRAY_LEN(read) + CONFINE_MOST + 2];
    char         folder[PATH_MAX];
    int          n = 0;
    for (size_t i = 0; i < ARRAY_LEN(read); i++)
        if (read[i] && *read[i]) paths[n++] = (sandbox_path){read[i], false};
    for (int i = 0; i < n_in && i < CONFINE_MOST; i++)
        if (in[i] && *in[i]) paths[n++] = (sandbox_path){in[i], false};
    if (!strcmp(o->cmd->name, "bench")) paths[n++] = (sandbox_path){"/proc/self", true}; /* forgets the peak of memory */
    if (out) paths[n++] = (sandbox_path){folder_of(out, folder), true};
    enter(o, paths, n);
}
