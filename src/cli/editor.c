/* editor.c - a text in the editor that the user has chosen: $VISUAL, else $EDITOR.
 *
 * In its sandbox a chat can start no program.  A process that it starts before waits for the name of a file,
 * and starts on it that editor and nothing else. */
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *chosen(void) {
    const char *visual = getenv("VISUAL"), *editor = getenv("EDITOR");
    return visual && *visual ? visual : editor && *editor ? editor : NULL;
}

bool editor_is_chosen(void) { return chosen() != NULL; }

/* A new file that only the user can read.  0 or errno. */
static int put_file(strbuf *path, const strbuf *text) {
    const char *tmp = getenv("TMPDIR");
    strbuf_fmt(path, "%s/slm-XXXXXX.txt", tmp && *tmp ? tmp : "/tmp");
    strbuf_char(path, 0);
    const int fd = path->bad ? -1 : mkstemps(path->p, 4);
    if (fd < 0) return path->bad ? ENOMEM : errno;
    int e = write_all(fd, text->p, text->n);
    if (!e && text->n) e = write_all(fd, "\n", 1);
    if (close(fd) && !e) e = errno;
    if (e) unlink(path->p);
    return e;
}

/* What the terminal sends to all of its processes: the one that waits must outlast it. */
static const int of_the_terminal[] = {SIGINT, SIGQUIT, SIGTERM, SIGTSTP};

/* The variable may hold words, "code --wait", so a shell takes it apart.  0, or errno where nothing was started;
 * *status: as wait() tells it. */
static int run(const char *editor, char *path, int *status) {
    posix_spawnattr_t attr;
    sigset_t          usual;
    strbuf            line = {0};
    pid_t             pid;
    strbuf_fmt(&line, "exec %s \"$1\"", editor);
    strbuf_char(&line, 0);
    if (line.bad) return ENOMEM;
    char sh[] = "sh", c[] = "-c", *const argv[] = {sh, c, line.p, sh, path, NULL};
    int  e = posix_spawnattr_init(&attr);
    if (!e) {
        /* What we ignore or catch is the editor's own business; an interrupt that it gets is not ours. */
        sigemptyset(&usual);
        sigaddset(&usual, SIGPIPE);
        sigaddset(&usual, SIGXFSZ);
        for (size_t i = 0; i < ARRAY_LEN(of_the_terminal); i++) sigaddset(&usual, of_the_terminal[i]);
        posix_spawnattr_setsigdefault(&attr, &usual);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
        e = posix_spawn(&pid, "/bin/sh", NULL, &attr, argv, environ);
        posix_spawnattr_destroy(&attr);
    }
    while (!e && waitpid(pid, status, 0) < 0)
        if (errno != EINTR) e = errno;
    strbuf_free(&line);
    return e;
}

/* ---- the process that waits ------------------------------------------------- */

static struct {
    bool there;
    int  ask, told; /* pipes: to it the name with its NUL, from it what came of it; each less than PIPE_BUF, in one piece */
} attendant;

typedef struct {
    int error, status;
} verdict;

static ssize_t read_piece(int fd, void *p, size_t n) {
    ssize_t k;
    while ((k = read(fd, p, n)) < 0 && errno == EINTR) continue;
    return k;
}

static void attend(const char *editor, int ask, int told) {
    static char name[PIPE_BUF];
    for (size_t i = 0; i < ARRAY_LEN(of_the_terminal); i++) signal(of_the_terminal[i], SIG_IGN);
    for (ssize_t n; (n = read_piece(ask, name, sizeof name)) > 0;) {
        verdict v = {EINVAL, 0};
        /* A name, and nothing that an editor could take for more. */
        if (!name[n - 1] && *name != '-' && *name != '+') v.error = run(editor, name, &v.status);
        if (write_all(told, (const char *)&v, sizeof v)) break;
    }
    _exit(0);
}

void editor_begin(void) {
    int to[2], from[2];
    if (!chosen() || pipe(to)) return;
    if (pipe(from)) {
        close(to[0]);
        close(to[1]);
        return;
    }
    for (int i = 0; i < 2; i++) fcntl(to[i], F_SETFD, FD_CLOEXEC), fcntl(from[i], F_SETFD, FD_CLOEXEC);
    const pid_t pid = fork();
    if (!pid) {
        close(to[1]); /* the end of the chat is the end of this pipe */
        attend(chosen(), to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    attendant.there = pid > 0;
    attendant.ask = to[1];
    attendant.told = from[0];
}

/* As run(). */
static int run_outside(const char *path, int *status) {
    const size_t n = strlen(path) + 1;
    verdict      v;
    if (!attendant.there || n > PIPE_BUF) return attendant.there ? ENAMETOOLONG : EAGAIN;
    const int e = write_all(attendant.ask, path, n);
    if (e) return e;
    if (read_piece(attendant.told, &v, sizeof v) != (ssize_t)sizeof v) return ECHILD;
    *status = v.status;
    return v.error;
}

int edit_outside(strbuf *text) {
    strbuf      path = {0}, edited = {0};
    const char *editor = chosen();
    int         status = 0, e = put_file(&path, text);
    if (e) {
        strbuf_free(&path);
        return fail(EXIT_RUNTIME, "no file for %s to edit: %s", editor, strerror(e));
    }
    term_restore();
    e = run_outside(path.p, &status);
    term_busy();
    int rc = 0;
    if (e) rc = fail(EXIT_RUNTIME, "cannot start %s: %s", editor, strerror(e));
    else if (!WIFEXITED(status) || WEXITSTATUS(status)) rc = fail(EXIT_RUNTIME, "%s failed: nothing is sent", editor);
    else rc = read_all(path.p, &edited);
    unlink(path.p);
    strbuf_free(&path);
    while (edited.n && edited.p[edited.n - 1] == '\n') edited.n--;
    make_utf8(&edited);
    if (!rc && edited.bad) rc = fail(EXIT_MEMORY, "no memory for the message");
    if (rc) strbuf_free(&edited);
    else strbuf_free(text), *text = edited;
    return rc;
}
