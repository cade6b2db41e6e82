/* stream.c - stdout, stderr, files and signals.
 *
 * stdout is the answer: written through one buffer with every write checked, so that a full disk
 * is exit 1 and a reader that left is exit 141.  stderr is one printable line per message,
 * unbuffered: it must arrive even when the process is about to die. */
#include "../unicode.h"
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static struct {
    strbuf buf;
    int    error; /* errno of the first failed write */
    bool   terminal;
} out;

int write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return errno;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

int replace_file(const char *path, const strbuf *b, bool others) {
    strbuf name = {0};
    int    e = 0;
    strbuf_fmt(&name, "%s.XXXXXX", path);
    strbuf_char(&name, 0);
    const int fd = name.bad ? -1 : mkstemp(name.p); /* 0600 */
    if (fd < 0) e = name.bad ? ENOMEM : errno;
    else {
        const mode_t mask = umask(0);
        umask(mask);
        if (others && fchmod(fd, 0666 & ~mask)) e = errno;
        if (!e) e = write_all(fd, b->p, b->n);
        if (!e && fsync(fd)) e = errno;
        if (close(fd) && !e) e = errno;
        if (!e && rename(name.p, path)) e = errno;
        if (e) unlink(name.p);
    }
    strbuf_free(&name);
    return e;
}

/* Before a sudden end, also in signal handlers. */
static void leave_terminal(void) {
    progress_end();
    term_restore();
}

/* A page of the mapped model is gone: the file was cut or its disk failed while it was in use. */
static void on_bus_error(int sig) {
    static const char text[] = "slm: the model file was cut or cannot be read any more\n";
    (void)sig;
    leave_terminal();
    write_all(STDERR_FILENO, text, sizeof text - 1);
    _exit(EXIT_RUNTIME);
}

void streams_init(void) {
    /* A closed stream would let the next open() become it: the model as stdin, or a file of
     * logits as stdout.  The stand-in for stdout and stderr is read only, so that writing fails
     * as it did before. */
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) < 0) _exit(EXIT_RUNTIME);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file beyond the limit of its size is a failed write */
    signal(SIGBUS, on_bus_error);
    out.terminal = isatty(STDOUT_FILENO);
}

/* A model must not steer the user's terminal: titles, colours, clipboard, cursor. */
static void put_plain(strbuf *to, const char *p, size_t n) {
    for (size_t i = 0; i < n;) {
        uint32_t cp = (uint8_t)p[i];
        size_t   len = utf8_decode(p + i, n - i, &cp);
        bool     control = (cp < 0x20 && cp != '\n' && cp != '\t') || (cp >= 0x7f && cp < 0xa0);
        if (!len) len = 1;
        if (!control) strbuf_put(to, p + i, len);
        i += len;
    }
}

void out_put(const char *p, size_t n) {
    if (out.error) return;
    if (out.terminal) put_plain(&out.buf, p, n);
    else strbuf_put(&out.buf, p, n);
    if (out.buf.bad) out.error = ENOMEM;
    else if (out.buf.n >= 1 << 16) out_flush();
}

void out_str(str s) { out_put(s.p, s.n); }

void out_text(const char *z) { out_put(z, strlen(z)); }

void out_buf(strbuf *b) {
    if (b->bad && !out.error) out.error = ENOMEM;
    out_put(b->p, b->n);
    b->n = 0;
}

void out_fmt(const char *fmt, ...) {
    va_list ap;
    char    text[2048]; /* callers format numbers and short names; long text goes to out_put */
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0) out_put(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

bool out_flush(void) {
    if (!out.error) out.error = write_all(STDOUT_FILENO, out.buf.p, out.buf.n);
    out.buf.n = 0;
    return !out.error;
}

bool out_failed(void) { return out.error != 0; }

int out_end(int code) {
    out_flush();
    /* Some file systems report a failed write only here. */
    if (!out.error && close(STDOUT_FILENO) && errno != EINTR) out.error = errno;
    strbuf_free(&out.buf);
    if (out.error == EPIPE) return EXIT_PIPE;
    if (out.error == ENOMEM) return fail(EXIT_MEMORY, "no memory for what was to be printed");
    if (out.error) return fail(EXIT_RUNTIME, "cannot write to stdout: %s", strerror(out.error));
    return code;
}

/* ---- stderr --------------------------------------------------------------- */

static void say(const char *fmt, va_list ap) {
    char      raw[1024];
    slm_error line = {0};
    vsnprintf(raw, sizeof raw, fmt, ap);
    err_set(&line, SLM_ERR_ARGUMENT, "slm: %s", raw);
    size_t n = strlen(line.text);
    line.text[n] = '\n'; /* over the NUL: one write, so that lines of two processes do not mix */
    write_all(STDERR_FILENO, line.text, n + 1);
}

void err_put(const char *p, size_t n) {
    strbuf b = {0};
    if (isatty(STDERR_FILENO)) put_plain(&b, p, n);
    else strbuf_put(&b, p, n);
    if (!b.bad) write_all(STDERR_FILENO, b.p, b.n);
    strbuf_free(&b);
}

bool err_colors(const options *o) {
    if (o->color != COLOR_AUTO) return o->color == COLOR_ALWAYS;
    return isatty(STDERR_FILENO) && term_is_smart();
}

/* On and off in one write: whatever ends the process leaves no dim terminal behind. */
void err_dim(const options *o, const char *p, size_t n) {
    strbuf b = {0};
    if (!err_colors(o)) {
        err_put(p, n);
        return;
    }
    strbuf_str(&b, STR("\033[2m"));
    if (isatty(STDERR_FILENO)) put_plain(&b, p, n);
    else strbuf_put(&b, p, n);
    strbuf_str(&b, STR("\033[0m"));
    if (!b.bad) write_all(STDERR_FILENO, b.p, b.n);
    strbuf_free(&b);
}

int fail(int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
    return code;
}

int fail_status(const slm_error *err) {
    int code = err->code == SLM_ERR_ARGUMENT  ? EXIT_USAGE
               : err->code == SLM_ERR_MEMORY  ? EXIT_MEMORY
               : err->code == SLM_ERR_CONTEXT ? EXIT_LONG
                                              : EXIT_RUNTIME;
    return fail(code, "%s", err->text);
}

void warn(const options *o, const char *fmt, ...) {
    if (o->quiet) return;
    va_list ap;
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

void note(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

/* ---- signals -------------------------------------------------------------- */

static volatile sig_atomic_t stopped, mode;
static const char *volatile last_words = "";
static volatile sig_atomic_t n_last_words;

static int code_of(int sig) { return sig == SIGALRM ? EXIT_TIMEOUT : 128 + sig; }

/* timeout(1) signals a process and then its group: the same signal within this time is the same wish. */
enum { SAME_WISH_MS = 200 };
static volatile int64_t stopped_ms;

static int64_t signal_ms(void) {
    struct timespec t = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_signal(int sig) {
    if (sig == stopped && mode != STOP_AT_ONCE && signal_ms() - stopped_ms < SAME_WISH_MS) return;
    if (mode == STOP_AT_ONCE || (stopped && !(mode == STOP_CALMLY && sig == SIGINT))) {
        leave_terminal();
        if (!stopped && n_last_words && write(STDOUT_FILENO, last_words, (size_t)n_last_words) < 0)
            _exit(EXIT_RUNTIME);
        static const char late[] = "slm: stopped by --timeout before the answer began\n";
        if (sig == SIGALRM && !stopped) write_all(STDERR_FILENO, late, sizeof late - 1);
        _exit(code_of(sig));
    }
    if (stopped) return;
    stopped_ms = signal_ms();
    stopped = sig;
}

void stop_init(double timeout_s, const char *words) {
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    last_words = words;
    n_last_words = (sig_atomic_t)strlen(words);
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    /* Under nohup it stays ignored. */
    struct sigaction was;
    if (!sigaction(SIGHUP, NULL, &was) && was.sa_handler != SIG_IGN) sigaction(SIGHUP, &a, NULL);
    if (timeout_s <= 0) return;
    struct itimerval t = {{0, 0}, {(time_t)timeout_s, 0}};
    t.it_value.tv_usec = (suseconds_t)((timeout_s - (double)t.it_value.tv_sec) * 1e6);
    if (!t.it_value.tv_sec && !t.it_value.tv_usec) t.it_value.tv_usec = 1;
    sigaction(SIGALRM, &a, NULL);
    setitimer(ITIMER_REAL, &t, NULL);
}

void stop_gently(stop_mode how) { mode = how; }

void stop_forget(void) {
    if (stopped == SIGINT) stopped = 0;
}

int stop_code(void) { return stopped ? code_of((int)stopped) : 0; }

/* ---- files ---------------------------------------------------------------- */

int sink_open(sink *s, const char *path) {
    s->path = path;
    s->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (s->fd < 0) return fail(EXIT_RUNTIME, "%s: cannot write: %s", path, strerror(errno));
    return 0;
}

int sink_put(sink *s, const void *p, size_t n) {
    int e = write_all(s->fd, p, n);
    return e ? fail(EXIT_RUNTIME, "%s: cannot write: %s", s->path, strerror(e)) : 0;
}

int sink_close(sink *s) {
    if (s->fd < 0) return 0;
    int rc = close(s->fd) && errno != EINTR ? errno : 0;
    s->fd = -1;
    return rc ? fail(EXIT_RUNTIME, "%s: cannot write: %s", s->path, strerror(rc)) : 0;
}
