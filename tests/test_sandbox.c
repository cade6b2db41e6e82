/* test_sandbox.c - within the sandbox, in a process of its own: what fails, and what goes on. */
#include "../src/sandbox.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#endif

/* ---- attempts: 0, or the errno of the failure -------------------------------- */

static char named[300], other[300], folder[300];

static int opens(const char *path, int flags) {
    const int fd = open(path, flags, 0600);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

static int read_named(void) { return opens(named, O_RDONLY); }
static int read_other(void) { return opens(other, O_RDONLY); }
static int list_root(void) { return opens("/", O_RDONLY | O_DIRECTORY); }
static int write_named(void) { return opens(named, O_WRONLY); }
static int cut_named(void) { return opens(named, O_RDONLY | O_TRUNC); }
static int write_other(void) { return opens(other, O_WRONLY | O_APPEND); }

static int make_beside(void) {
    char path[320];
    snprintf(path, sizeof path, "%s/sandbox.new", test_tmp());
    return opens(path, O_WRONLY | O_CREAT | O_EXCL);
}

static int make_in_folder(void) {
    char path[320], last[320];
    snprintf(path, sizeof path, "%s/a", folder);
    snprintf(last, sizeof last, "%s/b", folder);
    const int e = opens(path, O_RDWR | O_CREAT | O_EXCL);
    return e ? e : rename(path, last) || unlink(last) ? errno : 0;
}

static int move_out(void) {
    char path[320], last[320];
    snprintf(path, sizeof path, "%s/a", folder);
    snprintf(last, sizeof last, "%s/sandbox.moved", test_tmp());
    const int e = opens(path, O_RDWR | O_CREAT);
    if (e) return e;
    const int failed = rename(path, last) ? errno : 0;
    unlink(path);
    return failed;
}

static int remove_other(void) { return unlink(other) ? errno : 0; }

static int internet(void) { return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0; }
static int local_socket(void) { return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0; }

static int run_program(void) {
    char *argv[] = {(char *)(uintptr_t) "true", NULL};
    execv("/bin/true", argv);
    return errno;
}

static int fork_process(void) {
    const pid_t pid = fork();
    if (!pid) _exit(0);
    if (pid < 0) return errno;
    waitpid(pid, NULL, 0);
    return 0;
}

static int signal_parent(void) { return kill(getppid(), 0) ? errno : 0; }

static int new_code(void) {
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return errno;
    munmap(p, 4096);
    return 0;
}

static int make_code(void) {
    void     *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const int e = mprotect(p, 4096, PROT_READ | PROT_EXEC) ? errno : 0;
    munmap(p, 4096);
    return e;
}

#ifdef __linux__
static int clone_process(void) { /* as fork() of other C libraries */
    const long pid = syscall(SYS_clone, (long)SIGCHLD, NULL, NULL, NULL, 0L);
    if (!pid) _exit(0);
    if (pid < 0) return errno;
    waitpid((pid_t)pid, NULL, 0);
    return 0;
}
static int trace(void) { return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0; }
static int type_keys(void) { return ioctl(0, TIOCSTI, "x") ? errno : 0; }
static int ring(void) { return syscall(425, 1, NULL) < 0 ? errno : 0; } /* io_uring_setup */
static int program_kernel(void) { return syscall(SYS_bpf, 0, NULL, 0) < 0 ? errno : 0; }
#endif

static void *in_thread(void *result) {
    int *e = result;
    e[0] = internet();
    e[1] = read_other();
    return NULL;
}

static int threads[2];

static int start_thread(void) {
    pthread_t t;
    const int e = pthread_create(&t, NULL, in_thread, threads);
    return e ? e : pthread_join(t, NULL);
}
static int thread_network(void) { return threads[0]; }
static int thread_files(void) { return threads[1]; }

static int memory(void) {
    void *p = malloc((size_t)32 << 20);
    if (!p) return ENOMEM;
    memset(p, 1, (size_t)32 << 20);
    void *q = realloc(p, (size_t)64 << 20);
    free(q ? q : p);
    return q ? 0 : ENOMEM;
}

/* ---- the child --------------------------------------------------------------- */

typedef enum { ALWAYS, LANDLOCK, SECCOMP, NEVER } holder; /* what makes it fail */

typedef struct {
    const char *name;
    int       (*attempt)(void);
    holder      by;
} attempt;

enum { MOST = 40 };
typedef struct {
    sandbox_state state;
    double        us;
    int           error[MOST];
} outcome;

static bool holds(const sandbox_state *s, holder by) {
    return by == ALWAYS ? s->seccomp || s->landlock : by == LANDLOCK ? s->landlock > 0 : by == SECCOMP && s->seccomp;
}

/* All attempts, in order, within a sandbox of these paths; not those that nothing would stop: exec() ends the test. */
static bool attempt_all(const attempt *a, int n, const sandbox_path *paths, int n_paths, outcome *out) {
    int pipes[2], status = 0;
    memset(out, 0, sizeof *out);
    if (pipe(pipes)) return false;
    const pid_t pid = fork();
    if (!pid) {
        outcome      got = {0};
        const double t0 = clock_ms();
        got.state = sandbox_enter(paths, n_paths);
        got.us = (clock_ms() - t0) * 1e3;
        for (int i = 0; i < n; i++)
            if (a[i].by == NEVER || holds(&got.state, a[i].by)) got.error[i] = a[i].attempt();
        const bool sent = write(pipes[1], &got, sizeof got) == (ssize_t)sizeof got;
        _exit(sent ? 0 : 1);
    }
    close(pipes[1]);
    const bool whole = read(pipes[0], out, sizeof *out) == (ssize_t)sizeof *out;
    close(pipes[0]);
    return pid > 0 && waitpid(pid, &status, 0) == pid && whole && WIFEXITED(status) && !WEXITSTATUS(status);
}

static void judge(const attempt *a, int n, const sandbox_path *paths, int n_paths) {
    outcome got;
    bool    as_promised = attempt_all(a, n, paths, n_paths, &got);
    CHECK(as_promised);
    if (!got.state.landlock || !got.state.seccomp) test_skip("this system has no Landlock or no seccomp; what there is was tried");
    for (int i = 0; i < n; i++) {
        const bool refused = got.error[i] == EPERM || got.error[i] == EACCES || got.error[i] == ENOSYS;
        if (a[i].by == NEVER ? got.error[i] == 0 : refused || !holds(&got.state, a[i].by)) continue;
        printf("    %s: %s\n", a[i].name, got.error[i] ? strerror(got.error[i]) : "went well");
        CHECK_FAIL(a[i].by == NEVER ? "goes on in the sandbox" : "fails in the sandbox");
    }
    printf("    Landlock %d, seccomp %d, %.0f us\n", got.state.landlock, got.state.seccomp, got.us);
}

static bool make_file(const char *path) {
    FILE *f = fopen(path, "w");
    return f && fputs("text", f) >= 0 && !fclose(f);
}

static void prepare(void) {
    snprintf(named, sizeof named, "%s/sandbox.named", test_tmp());
    snprintf(other, sizeof other, "%s/sandbox.other", test_tmp());
    snprintf(folder, sizeof folder, "%s/sandbox.d", test_tmp());
    CHECK(make_file(named) && make_file(other) && !mkdir(folder, 0700));
}

static void clean(void) {
    static const char *const names[] = {"named", "other", "new", "moved"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[320];
        snprintf(path, sizeof path, "%s/sandbox.%s", test_tmp(), names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* ---- tests ------------------------------------------------------------------- */

static void only_named_files(void) {
    static const attempt all[] = {
        {"read the named file", read_named, NEVER},
        {"take memory", memory, NEVER},
        {"start a thread", start_thread, NEVER},
        {"network, in that thread", thread_network, SECCOMP},
        {"another file, in that thread", thread_files, LANDLOCK},
        {"read another file", read_other, LANDLOCK},
        {"list a folder", list_root, LANDLOCK},
        {"write the named file", write_named, ALWAYS},
        {"cut the named file", cut_named, SECCOMP},
        {"write another file", write_other, ALWAYS},
        {"make a file", make_beside, ALWAYS},
        {"remove a file", remove_other, ALWAYS},
        {"a TCP socket", internet, SECCOMP},
        {"a local socket", local_socket, SECCOMP},
        {"exec", run_program, ALWAYS},
        {"fork", fork_process, SECCOMP},
        {"memory that is written and run", new_code, SECCOMP},
        {"memory that was written to be run", make_code, SECCOMP},
        {"a signal to the parent", signal_parent, SECCOMP},
#ifdef __linux__
        {"clone", clone_process, SECCOMP},
        {"ptrace", trace, SECCOMP},
        {"typing for the user", type_keys, SECCOMP},
        {"io_uring", ring, SECCOMP},
        {"bpf", program_kernel, SECCOMP},
#endif
    };
    _Static_assert(ARRAY_LEN(all) <= MOST, "all of them have a result");
    prepare();
    judge(all, ARRAY_LEN(all), (sandbox_path[]){{named, false}, {"/no/such/file", false}}, 2);
    clean();
}

static void only_the_folder_of_the_output(void) {
    static const attempt all[] = {
        {"read the named file", read_named, NEVER},
        {"make, rename and remove a file in the folder", make_in_folder, NEVER},
        {"move a file out of it", move_out, LANDLOCK},
        {"write the named file", write_named, LANDLOCK},
        {"make a file beside", make_beside, LANDLOCK},
        {"remove another file", remove_other, LANDLOCK},
        {"read another file", read_other, LANDLOCK},
        {"a TCP socket", internet, SECCOMP},
        {"exec", run_program, ALWAYS},
        {"fork", fork_process, SECCOMP},
    };
    prepare();
    judge(all, ARRAY_LEN(all), (sandbox_path[]){{named, false}, {folder, true}}, 2);
    clean();
}

static void all_files_but_no_programs(void) {
    static const attempt all[] = {
        {"read a file", read_other, NEVER},
        {"write a file", write_other, NEVER},
        {"make, rename and remove a file", make_in_folder, NEVER},
        {"move a file", move_out, NEVER},
        {"list a folder", list_root, NEVER},
        {"start a thread", start_thread, NEVER},
        {"a TCP socket", internet, SECCOMP},
        {"exec", run_program, ALWAYS},
        {"fork", fork_process, SECCOMP},
    };
    prepare();
    judge(all, ARRAY_LEN(all), (sandbox_path[]){{"/", true}}, 1);
    clean();
}

const test_case tests_sandbox[] = {
    {"only_named_files", "other files, network, programs, processes and new code are refused, in threads too", only_named_files},
    {"only_the_folder_of_the_output", "files are made in one folder and nowhere else", only_the_folder_of_the_output},
    {"all_files_but_no_programs", "chat: files stay, network and programs do not", all_files_but_no_programs},
    {0},
};
