/* sandbox.c - Landlock for files and seccomp for system calls, by raw system calls.
 *
 * Landlock (Linux 5.13) names what may be opened; each later version of it covers more.  seccomp lets
 * through the calls that this program makes and refuses all others, so that what would come of a fault
 * in a parser reaches neither network nor programs.  Refused calls fail as if not permitted; they do
 * not end the process, so an error is still told in one line.
 * The constants are those of linux/landlock.h, seccomp.h, filter.h and audit.h, which not every C
 * library comes with.  Sources: landlock(7), seccomp(2), and their headers in Linux 6.12. */
#include "sandbox.h"
#include "cpu.h"
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__)) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifndef O_PATH
#define O_PATH 010000000
#endif

/* ---- Landlock -------------------------------------------------------------- */

enum { CREATE_RULESET = 444, ADD_RULE, RESTRICT_SELF }; /* the same number everywhere */
enum {
    WRITE_FILE = 1 << 1, READ_FILE = 1 << 2, READ_DIR = 1 << 3, REMOVE_FILE = 1 << 5, MAKE_DIR = 1 << 7, MAKE_FILE = 1 << 8,
    REFER = 1 << 13, TRUNCATE = 1 << 14, OF_FILES = WRITE_FILE | READ_FILE | TRUNCATE,
    TO_READ = READ_FILE | READ_DIR, TO_WRITE = TO_READ | WRITE_FILE | REMOVE_FILE | MAKE_DIR | MAKE_FILE | REFER | TRUNCATE
};

typedef struct {
    uint64_t files;
    uint64_t tcp;   /* from version 4: bind, connect */
    uint64_t scope; /* from version 6: abstract sockets of others, signals to others */
} ruleset;

/* All that the version can refuse is refused. */
static uint64_t known_rights(int abi) { return ((uint64_t)1 << (abi == 1 ? 13 : abi == 2 ? 14 : abi < 5 ? 15 : 16)) - 1; }

static void allow_path(int rules, uint64_t known, const sandbox_path *p) {
    struct __attribute__((packed)) {
        uint64_t rights;
        int32_t  fd;
    } rule = {(p->write ? TO_WRITE : TO_READ) & known, open(p->path, O_PATH | O_CLOEXEC)};
    struct stat st;
    if (rule.fd < 0) return;
    if (!fstat(rule.fd, &st) && !S_ISDIR(st.st_mode)) rule.rights &= OF_FILES;
    /* What has no place in the file tree (a pipe behind /dev/stdin) takes no rule and needs none. */
    syscall(ADD_RULE, rules, 1, &rule, 0);
    close(rule.fd);
}

static int enter_landlock(const sandbox_path *paths, int n) {
    const long    abi = syscall(CREATE_RULESET, NULL, (size_t)0, 1);
    const ruleset all = {known_rights((int)abi), 3, 3};
    if (abi < 1) return 0;
    const long rules = syscall(CREATE_RULESET, &all, abi < 4 ? offsetof(ruleset, tcp) : abi < 6 ? offsetof(ruleset, scope) : sizeof all, 0);
    if (rules < 0) return 0;
    for (int i = 0; i < n; i++) allow_path((int)rules, all.files, &paths[i]);
    const bool holds = !syscall(RESTRICT_SELF, rules, 0);
    close((int)rules);
    return holds ? (int)abi : 0;
}

/* ---- seccomp --------------------------------------------------------------- */

/* A classic BPF program: one accumulator; a jump counts instructions to leave out. */
typedef struct {
    uint16_t code;
    uint8_t  yes, no;
    uint32_t k;
} instruction;
enum { LOAD = 0x20, IF_EQUAL = 0x15, IF_GREATER_EQUAL = 0x35, IF_BITS = 0x45, RETURN = 0x06 };

typedef struct {
    instruction at[400];
    uint16_t    n;
    bool        full;
} program;

#if defined(__x86_64__)
#define OWN_ARCH 0xc000003eu
#define SECCOMP  317
#else
#define OWN_ARCH 0xc00000b7u
#define SECCOMP  277
#endif
enum { NUMBER = 0, ARCH = 4 }; /* places in seccomp's view of a call */
static uint32_t argument(int i) { return (uint32_t)(16 + 8 * i); } /* its lower half */

#define ALLOW     0x7fff0000u
#define REFUSE(e) (0x00050000u | (uint32_t)(e))

static void put(program *p, uint16_t code, int yes, int no, uint32_t k) {
    if (p->n < sizeof p->at / sizeof *p->at) p->at[p->n++] = (instruction){code, (uint8_t)yes, (uint8_t)no, k};
    else p->full = true;
}

/* What is done about each call: one of these, or RULES + the place of the rule that looks at an argument. */
enum { FORBIDDEN, MISSING, ALLOWED, RULES };
enum { N_CALLS = 512, FIRST_NEW = 424, MAX_RULES = 8 };

typedef struct {
    int             arg;
    uint32_t        bits, with, without; /* has it any of the bits? */
    const uint32_t *values;              /* not NULL: is it one of these n? */
    int             n;
} rule;

typedef struct {
    uint8_t of[N_CALLS]; /* the last one is also that of all numbers behind it */
    rule    rules[MAX_RULES];
    int     n_rules;
} verdicts;

static void allow(verdicts *v, const uint16_t *calls, size_t n) {
    for (size_t i = 0; i < n; i++) v->of[calls[i]] = ALLOWED;
}

static void by_rule(verdicts *v, long call, rule r) {
    v->of[call] = (uint8_t)(RULES + v->n_rules);
    v->rules[v->n_rules++] = r;
}

static void put_rule(program *p, const rule *r) {
    put(p, LOAD, 0, 0, argument(r->arg));
    if (!r->values) {
        put(p, IF_BITS, 0, 1, r->bits);
        put(p, RETURN, 0, 0, r->with);
        put(p, RETURN, 0, 0, r->without);
        return;
    }
    for (int i = 0; i < r->n; i++) {
        put(p, IF_EQUAL, 0, 1, r->values[i]);
        put(p, RETURN, 0, 0, ALLOW);
    }
    put(p, RETURN, 0, 0, REFUSE(EPERM));
}

/* The runs first .. end - 1 of calls with one verdict; each compare leaves out half of them.  The kernel asks the
 * program about every call there is when it takes it. */
static void put_runs(program *p, const verdicts *v, const uint16_t *run, int first, int end) {
    if (end - first == 1) {
        const uint8_t what = v->of[run[first]];
        if (what >= RULES) put_rule(p, &v->rules[what - RULES]);
        else put(p, RETURN, 0, 0, what == ALLOWED ? ALLOW : REFUSE(what == MISSING ? ENOSYS : EPERM));
        return;
    }
    const int mid = first + (end - first) / 2, at = p->n;
    put(p, IF_GREATER_EQUAL, 0, 0, run[mid]);
    put_runs(p, v, run, first, mid);
    const int over = p->n - at - 1;
    if (over > UINT8_MAX || p->full) p->full = true;
    else p->at[at].yes = (uint8_t)over;
    put_runs(p, v, run, mid, end);
}

static void put_verdicts(program *p, const verdicts *v) {
    uint16_t run[N_CALLS];
    int      n = 0;
    for (int i = 0; i < N_CALLS; i++)
        if (!i || v->of[i] != v->of[i - 1] || v->of[i] >= RULES) run[n++] = (uint16_t)i;
    put_runs(p, v, run, 0, n);
}

/* Memory, threads, time, and what is done with files that are open.  Names that one C library knows and
 * another does not stand under #ifdef; x86 has old forms beside those of all systems. */
static const uint16_t harmless[] = {
    SYS_getrusage, SYS_write, SYS_futex, SYS_read, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_lseek, SYS_close, SYS_fstat, SYS_newfstatat,
    SYS_fcntl, SYS_dup, SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_statfs, SYS_fstatfs, SYS_getdents64, SYS_getcwd, SYS_readlinkat, SYS_faccessat,
    SYS_brk, SYS_munmap, SYS_mlock, SYS_mlockall, SYS_munlockall, SYS_mremap, SYS_madvise, SYS_set_robust_list, SYS_set_tid_address, SYS_sched_yield,
    SYS_sched_getaffinity, SYS_exit, SYS_exit_group, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall,
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getrandom, SYS_ppoll, SYS_umask,
    SYS_uname, SYS_sysinfo, SYS_getpid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getcpu,
#ifdef SYS_stat
    SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_poll, SYS_time,
#endif
#ifdef SYS_statx
    SYS_statx,
#endif
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef SYS_futex_waitv
    SYS_futex_waitv,
#endif
};

static const uint16_t of_writers[] = {
    SYS_openat, SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_mkdirat, SYS_linkat, SYS_fchmod, SYS_sync_file_range,
#ifdef SYS_open
    SYS_open, SYS_creat, SYS_rename, SYS_unlink, SYS_mkdir, SYS_link,
#endif
};

/* Questions to a terminal and its modes, in the old and the new form.  Not TIOCSTI, which types. */
static const uint32_t terminal_calls[] = {0x5401, 0x5402, 0x5403, 0x5404, 0x5413, 0x541b, 0x802c542a, 0x402c542b, 0x402c542c, 0x402c542d};

#define N_OF(list) (sizeof(list) / sizeof *(list))

static void allow_files(verdicts *v, bool writes) {
    const uint32_t changes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
    if (writes) {
        allow(v, of_writers, N_OF(of_writers));
        return;
    }
    by_rule(v, SYS_openat, (rule){.arg = 2, .bits = changes, .with = REFUSE(EACCES), .without = ALLOW});
#ifdef SYS_open
    by_rule(v, SYS_open, (rule){.arg = 1, .bits = changes, .with = REFUSE(EACCES), .without = ALLOW});
#endif
}

static bool enter_seccomp(bool writes) {
    enum { SET_FILTER = 1, ALL_THREADS = 1, NO_SPECULATION_BARRIERS = 4, THREAD = 0x10000 };
    const uint32_t own_pid = (uint32_t)getpid();
    const rule     no_code = {.arg = 2, .bits = PROT_EXEC, .with = REFUSE(EPERM), .without = ALLOW};
    verdicts       v = {.n_rules = 0};
    program        p = {.n = 0};
    /* Newer calls are missing rather than forbidden: C libraries then take the older ones, clone for clone3, whose
     * flags lie in memory where no filter sees them. */
    for (int i = FIRST_NEW; i < N_CALLS; i++) v.of[i] = MISSING;
    allow(&v, harmless, N_OF(harmless));
    allow_files(&v, writes);
    by_rule(&v, SYS_mmap, no_code);
    by_rule(&v, SYS_mprotect, no_code);
    by_rule(&v, SYS_clone, (rule){.arg = 0, .bits = THREAD, .with = ALLOW, .without = REFUSE(EPERM)});
    by_rule(&v, SYS_ioctl, (rule){.arg = 1, .values = terminal_calls, .n = (int)N_OF(terminal_calls)});
    by_rule(&v, SYS_tgkill, (rule){.arg = 0, .values = &own_pid, .n = 1}); /* raise(), abort() */
    put(&p, LOAD, 0, 0, ARCH);
    put(&p, IF_EQUAL, 1, 0, OWN_ARCH);
    put(&p, RETURN, 0, 0, REFUSE(EPERM));
    put(&p, LOAD, 0, 0, NUMBER);
    put_verdicts(&p, &v);
    if (p.full) return false;
    const struct {
        uint16_t     n;
        instruction *at;
    } code = {p.n, p.at};
    /* The barriers that some kernels add to filtered processes slow all computing down and protect browsers, which
     * share a process with strangers. */
    if (!syscall(SECCOMP, SET_FILTER, ALL_THREADS | NO_SPECULATION_BARRIERS, &code)) return true;
    return errno == EINVAL && !syscall(SECCOMP, SET_FILTER, ALL_THREADS, &code);
}

sandbox_state sandbox_enter(const sandbox_path *paths, int n) {
    sandbox_state s = {0};
    bool          writes = false;
    cpu_features(); /* asks the system, while it still answers */
    /* Else only the administrator may filter calls.  It also keeps set-user-id programs from their rights. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return s;
    for (int i = 0; i < n; i++) writes = writes || paths[i].write;
    s.landlock = enter_landlock(paths, n);
    s.seccomp = enter_seccomp(writes);
    return s;
}

#else
sandbox_state sandbox_enter(const sandbox_path *paths, int n) {
    (void)paths, (void)n;
    return (sandbox_state){0};
}
#endif
