/* machine.c - what memory this process may still take, and what it took.
 *
 * The kernel's MemAvailable counts the whole machine; in a container the limits of the cgroup and of
 * its parents come first.  Page cache that a cgroup holds can be given back, so it counts as
 * available; a model file that was read before is such cache. */
#include "../cpu.h"
#include "cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach/mach.h>
#endif

#define NO_LIMIT UINT64_MAX

/* Value behind `key` in a file of lines "key number", or of the whole file when key is "". */
static bool read_number(const char *path, const char *key, uint64_t *out) {
    FILE *f = fopen(path, "re");
    if (!f) return false;
    char   line[256];
    bool   found = false;
    size_t n = strlen(key);
    while (!found && fgets(line, sizeof line, f)) {
        char *p = line + n, *end;
        if (strncmp(line, key, n)) continue;
        while (*p == ' ' || *p == '\t' || *p == ':') p++;
        *out = strtoull(p, &end, 10);
        found = end != p; /* "max" is no number */
    }
    fclose(f);
    return found;
}

#ifdef __APPLE__
/* Pages that hold nothing, or what nobody used lately.  Source: Apple, host_statistics64(). */
uint64_t available_bytes(void) {
    vm_statistics64_data_t v;
    mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;
    const mach_port_t      host = mach_host_self();
    vm_size_t              page;
    if (host_page_size(host, &page) || host_statistics64(host, HOST_VM_INFO64, (host_info64_t)&v, &n)) return NO_LIMIT;
    return ((uint64_t)v.free_count + v.inactive_count) * page;
}
#else
static uint64_t minus(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* What one cgroup folder leaves; the names differ between versions 1 and 2. */
static uint64_t left_in(const char *dir, const char *limit, const char *usage) {
    char     path[600];
    uint64_t cap, used = 0, cache = 0, part;
    snprintf(path, sizeof path, "%s/%s", dir, limit);
    if (!read_number(path, "", &cap)) return NO_LIMIT;
    snprintf(path, sizeof path, "%s/%s", dir, usage);
    read_number(path, "", &used);
    snprintf(path, sizeof path, "%s/memory.stat", dir);
    if (read_number(path, "inactive_file ", &part)) cache += part;
    if (read_number(path, "active_file ", &part)) cache += part;
    return minus(cap, minus(used, cache));
}

/* The least that the cgroup and its parents leave.  Inside a container the path in
 * /proc/self/cgroup may not exist under the mount, whose root is then the group itself. */
static uint64_t left_above(const char *root, char *group, const char *limit, const char *usage) {
    uint64_t least = NO_LIMIT;
    for (;;) {
        char     dir[512];
        uint64_t left;
        snprintf(dir, sizeof dir, "%s%s", root, group);
        if ((left = left_in(dir, limit, usage)) < least) least = left;
        char *slash = strrchr(group, '/');
        if (!slash) return least;
        *slash = 0;
    }
}

uint64_t available_bytes(void) {
    uint64_t least = NO_LIMIT, left;
    if (read_number("/proc/meminfo", "MemAvailable:", &left) && left < NO_LIMIT / 1024)
        least = left * 1024; /* the file counts in KiB */
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f) return least;
    char line[400];
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *group = strchr(line, ':');
        group = group ? strchr(group + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        if (!strncmp(line, "0:", 3))
            left = left_above("/sys/fs/cgroup", group, "memory.max", "memory.current");
        else if (strstr(line, ":memory"))
            left = left_above("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes",
                              "memory.usage_in_bytes");
        else continue;
        if (left < least) least = left;
    }
    fclose(f);
    return least;
}
#endif

void peak_rss_reset(void) {
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (!f) return;
    fputs("5", f); /* the kernel's number for "forget the peak" */
    fclose(f);
}

uint64_t peak_rss_bytes(void) {
    uint64_t peak;
    if (read_number("/proc/self/status", "VmHWM:", &peak) && peak < NO_LIMIT / 1024) return peak * 1024;
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u)) return 0;
#ifdef __APPLE__
    return (uint64_t)u.ru_maxrss;
#else
    return (uint64_t)u.ru_maxrss * 1024;
#endif
}

uint64_t program_bytes(void) {
    enum { MORE_TEXT = 1 << 20 }; /* of the program and its libraries, that computing will read: 0.7 to 1.3 MiB (x86-64, 2026-11) */
    static uint64_t text;         /* later calls see mapped models among the files */
    uint64_t        files = 0, heap = 0;
    read_number("/proc/self/status", "RssAnon:", &heap);
    if (!text && read_number("/proc/self/status", "RssFile:", &files)) text = files * 1024 + MORE_TEXT;
    return text + heap * 1024;
}

disturbance disturbance_now(void) {
    disturbance d = {.switches = (long)cpu_switches()};
    FILE       *f = fopen("/proc/stat", "re");
    if (!f) return d;
    unsigned long long steal = 0; /* the eighth figure, in ticks */
    if (fscanf(f, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) == 1)
        d.steal_ms = (double)steal * 1e3 / (double)sysconf(_SC_CLK_TCK);
    fclose(f);
    return d;
}

const char *human_bytes(uint64_t n, char buf[32]) {
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double x = (double)n;
    size_t u = 0;
    while (x >= 1023.95 && u + 1 < ARRAY_LEN(unit)) x /= 1024, u++;
    snprintf(buf, 32, u ? "%.1f %s" : "%.0f %s", x, unit[u]);
    return buf;
}
