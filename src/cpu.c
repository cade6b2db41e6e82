/* cpu.c - processor features and the default number of threads. */
#include "cpu.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/syscall.h>
#endif
#ifdef __APPLE__
#include <sys/sysctl.h>

/* A number that the system tells by name; 0 where it does not know the name. */
static int64_t system_number(const char *name) {
    int64_t v = 0;
    size_t  n = sizeof v; /* a number of 32 bits leaves the upper half zero */
    return sysctlbyname(name, &v, &n, NULL, 0) ? 0 : v;
}
#endif

#if defined(__x86_64__)
#include <cpuid.h>
#include <pthread.h>

/* Which register sets the system saves on a context switch (XCR0); without the AVX bit the
 * instructions would fault or lose their values. */
static uint64_t saved_state(void) {
    uint32_t lo, hi;
    __asm__ __volatile__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

/* A thread's tiles are 8 KiB more to save, which Linux does for processes that ask for it (5.16; its
 * Documentation/arch/x86/xstate.rst). */
static bool may_use_tiles(void) {
#ifdef __linux__
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    return !syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA);
#else
    return false;
#endif
}

static uint32_t find_features(void) {
    uint32_t a, b, c, d, f = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) return 0;
    if ((saved_state() & 6) != 6) return 0;
    if (__get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx) f |= CPU_AMD;
    __get_cpuid(1, &a, &b, &c, &d);
    if (c & bit_FMA) f |= CPU_FMA;
    if (c & bit_F16C) f |= CPU_F16C;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return f;
    if (b & bit_AVX2) f |= CPU_AVX2;
    const uint32_t avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512VL;
    if ((saved_state() & 0xe6) == 0xe6 && (b & avx512) == avx512 && (c & bit_AVX512VNNI)) f |= CPU_AVX512_VNNI;
    const uint32_t amx = 1u << 22 | 1u << 24 | 1u << 25; /* BF16, TILE, INT8 */
    if ((saved_state() & 3 << 17) == 3 << 17 && (d & amx) == amx && may_use_tiles()) f |= CPU_AMX;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d)) return f;
    if (a & 1 << 4) f |= CPU_AVX_VNNI;
    if (f & CPU_AVX512_VNNI && a & 1 << 5) f |= CPU_AVX512_BF16;
    return f;
}

static uint32_t features;
static void     note_features(void) { features = find_features(); }

uint32_t cpu_features(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, note_features);
    return features;
}
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

/* As the kernel tells them (its Documentation/arm64/elf_hwcaps.rst); older C libraries do not name them all. */
uint32_t cpu_features(void) {
    const unsigned long asimd = 1ul << 1, asimddp = 1ul << 20, i8mm = 1ul << 13;
    const unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
    return (first & asimd ? CPU_NEON : 0u) | (first & asimddp ? CPU_DOTPROD : 0u) | (second & i8mm ? CPU_I8MM : 0u);
}
#elif defined(__aarch64__) && defined(__APPLE__)
/* Apple, "Determining instruction set characteristics": every ARM Mac has NEON. */
uint32_t cpu_features(void) {
    return CPU_NEON | (system_number("hw.optional.arm.FEAT_DotProd") ? CPU_DOTPROD : 0u) |
           (system_number("hw.optional.arm.FEAT_I8MM") ? CPU_I8MM : 0u);
}
#else
uint32_t cpu_features(void) { return 0; }
#endif

#ifdef __linux__
/* First line of a small file of the kernel's; false when it is not there. */
static bool read_line(const char *path, char *line, int room) {
    FILE *f = fopen(path, "re");
    if (!f) return false;
    bool ok = fgets(line, room, f) != NULL;
    fclose(f);
    return ok;
}

/* "0-3,8" contains cpu? */
static bool in_list(const char *list, int cpu) {
    for (const char *p = list; *p;) {
        char *end;
        long  lo = strtol(p, &end, 10), hi = lo;
        if (end == p) return false;
        if (*end == '-') hi = strtol(end + 1, &end, 10);
        if (cpu >= lo && cpu <= hi) return true;
        p = *end == ',' ? end + 1 : "";
    }
    return false;
}

/* Is cpu the first hardware thread of its core that we may use? */
static bool leads_core(int cpu, const cpu_set_t *mask) {
    char path[96], line[256];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    if (!read_line(path, line, sizeof line)) return true;
    for (int i = 0; i < cpu; i++)
        if (CPU_ISSET(i, mask) && in_list(line, i)) return false;
    return true;
}

/* Capacity of a core relative to the fastest (ARM big.LITTLE), or maximum frequency; 0: unknown. */
static long capacity(int cpu) {
    char path[96], line[64];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpu_capacity", cpu);
    if (read_line(path, line, sizeof line)) return atol(line);
    return 0;
}

static int allowed_cores(void) {
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask)) return (int)sysconf(_SC_NPROCESSORS_ONLN);
    char performance[256] = "";  /* hybrid Intel: the list of P cores */
    read_line("/sys/devices/cpu_core/cpus", performance, sizeof performance);
    int  n = 0, n_fast = 0;
    long best = 0;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &mask) && capacity(i) > best) best = capacity(i);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &mask) || !leads_core(i, &mask)) continue;
        n++;
        n_fast += *performance ? in_list(performance, i) : capacity(i) * 2 >= best;
    }
    return n_fast ? n_fast : n;
}

/* The tightest quota from our own cgroup up to the root; a huge number when there is none. */
static double cgroup_quota(void) {
    double quota = 1e9;
    char   line[512], path[600], own[400] = "/";
    FILE  *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "0::", 3)) snprintf(own, sizeof own, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
    if (f) fclose(f);
    for (;;) {
        double max, period;
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", own);
        if (read_line(path, line, sizeof line) && sscanf(line, "%lf %lf", &max, &period) == 2 &&
            period > 0 && max / period < quota)
            quota = max / period;
        char *slash = strrchr(own, '/');
        if (!slash || !own[1]) break;
        slash[slash == own ? 1 : 0] = 0;
    }
    char period[64];  /* cgroup version 1 */
    if (read_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", line, sizeof line) && atof(line) > 0 &&
        read_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, sizeof period) && atof(period) > 0 &&
        atof(line) / atof(period) < quota)
        quota = atof(line) / atof(period);
    return quota;
}
#else
static int allowed_cores(void) {
#ifdef __APPLE__
    const int64_t fast = system_number("hw.perflevel0.physicalcpu"); /* where there are fast and slow cores */
    if (fast > 0) return (int)fast;
    if (system_number("hw.physicalcpu") > 0) return (int)system_number("hw.physicalcpu");
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static double cgroup_quota(void) { return 1e9; }
#endif

int cpu_default_threads(void) {
    int    n = allowed_cores();
    double quota = cgroup_quota();
    if (quota < n) n = (int)ceil(quota);
    return n < 1 ? 1 : n > 256 ? 256 : n;
}

int64_t cpu_switches(void) {
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) ? 0 : u.ru_nivcsw;
}
