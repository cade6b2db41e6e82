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
    instruction at[320];
    uint16_t    n;
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
}

static void decide(program *p, long call, uint32_t verdict) {
    put(p, IF_EQUAL, 0, 1, (uint32_t)call);
    put(p, RETURN, 0, 0, verdict);
}

/* By an argument: has it any of the bits? */
static void by_bits(program *p, long call, int arg, uint32_t bits, uint32_t with, uint32_t without) {
    put(p, IF_EQUAL, 0, 4, (uint32_t)call);
    put(p, LOAD, 0, 0, argument(arg));
    put(p, IF_BITS, 0, 1, bits);
    put(p, RETURN, 0, 0, with);
    put(p, RETURN, 0, 0, without);
}

/* By an argument: is it one of these? */
static void by_value(program *p, long call, int arg, const uint32_t *values, int n) {
    put(p, IF_EQUAL, 0, 2 * n + 2, (uint32_t)call);
    put(p, LOAD, 0, 0, argument(arg));
    for (int i = 0; i < n; i++) decide(p, values[i], ALLOW);
    put(p, RETURN, 0, 0, REFUSE(EPERM));
}

/* Memory, threads, time, and what is done with files that are open.  Names that one C library knows and
 * another does not stand under #ifdef; x86 has old forms beside those of all systems. */
static const uint16_t harmless[] = {
    SYS_getrusage, SYS_write, SYS_futex, /* those of each token come first: the filter is read until the call is found */
    SYS_read, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_lseek, SYS_close, SYS_fstat, SYS_newfstatat,
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
    SYS_openat, SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_mkdirat, SYS_linkat, SYS_fchmod,
#ifdef SYS_open
    SYS_open, SYS_creat, SYS_rename, SYS_unlink, SYS_mkdir, SYS_link,
#endif
};

/* Questions to a terminal and its modes, in the old and the new form.  Not TIOCSTI, which types. */
static const uint32_t terminal_calls[] = {0x5401, 0x5402, 0x5403, 0x5404, 0x5413, 0x541b, 0x802c542a, 0x402c542b, 0x402c542c, 0x402c542d};

static void allow_files(program *p, bool writes) {
    const uint32_t changes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
    if (writes) {
        for (size_t i = 0; i < sizeof of_writers / sizeof *of_writers; i++) decide(p, of_writers[i], ALLOW);
        return;
    }
    by_bits(p, SYS_openat, 2, changes, REFUSE(EACCES), ALLOW);
#ifdef SYS_open
    by_bits(p, SYS_open, 1, changes, REFUSE(EACCES), ALLOW);
#endif
}

static bool enter_seccomp(bool writes) {
    enum { FIRST_NEW = 424, SET_FILTER = 1, ALL_THREADS = 1, NO_SPECULATION_BARRIERS = 4, THREAD = 0x10000 };
    const uint32_t own_pid = (uint32_t)getpid();
    program        p = {.n = 0};
    put(&p, LOAD, 0, 0, ARCH);
    put(&p, IF_EQUAL, 1, 0, OWN_ARCH);
    put(&p, RETURN, 0, 0, REFUSE(EPERM));
    put(&p, LOAD, 0, 0, NUMBER);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) decide(&p, harmless[i], ALLOW);
    allow_files(&p, writes);
    by_bits(&p, SYS_mmap, 2, PROT_EXEC, REFUSE(EPERM), ALLOW);
    by_bits(&p, SYS_mprotect, 2, PROT_EXEC, REFUSE(EPERM), ALLOW);
    by_bits(&p, SYS_clone, 0, THREAD, ALLOW, REFUSE(EPERM));
    by_value(&p, SYS_ioctl, 1, terminal_calls, sizeof terminal_calls / sizeof *terminal_calls);
    by_value(&p, SYS_tgkill, 0, &own_pid, 1); /* raise(), abort() */
    /* Newer calls are missing rather than forbidden: C libraries then take the older ones, clone for clone3, whose
     * flags lie in memory where no filter sees them. */
    put(&p, IF_GREATER_EQUAL, 0, 1, FIRST_NEW);
    put(&p, RETURN, 0, 0, REFUSE(ENOSYS));
    put(&p, RETURN, 0, 0, REFUSE(EPERM));
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
