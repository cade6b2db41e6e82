/* term.c - the terminal: the line editor's keys and drawing, and the way back on every exit.
 *
 * It knows three states.  COOKED is the user's own.  EDITING: every byte comes as it is typed.  BUSY,
 * while an answer is made: nothing is echoed, Ctrl-C is a signal that only stops what is done, and what
 * is typed waits for the editor.  ANSI sequences only; a terminal that calls itself dumb is never put into EDITING. */
#include "line.h"
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define PASTE_ON  "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

typedef enum { COOKED, EDITING, BUSY } term_state;

static struct {
    struct termios        mode[3];
    volatile sig_atomic_t is_open, state, resized, resumed;
    int                   waker[2]; /* a pipe: a byte in it ends the wait for keys */
    char                  in[4096];
    size_t                n_in;
} term;

bool term_is_smart(void) {
    const char *name = getenv("TERM");
    return name && *name && strcmp(name, "dumb") != 0;
}

/* From signal handlers too: tcsetattr() and write() are safe there. */
static void enter(term_state s) {
    if (!term.is_open || term.state == (sig_atomic_t)s) return;
    if (term.state == EDITING) write_all(STDOUT_FILENO, PASTE_OFF, sizeof PASTE_OFF - 1);
    term.state = s;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &term.mode[s]);
    if (s == EDITING) write_all(STDOUT_FILENO, PASTE_ON, sizeof PASTE_ON - 1);
}

void term_restore(void) { enter(COOKED); }

void term_busy(void) { enter(BUSY); }

/* A signal can come just before poll() begins to wait, or to another thread: then only this ends the wait. */
static void wake(void) { write_all(term.waker[1], "", 1); }

static void on_resize(int sig) {
    (void)sig;
    const int e = errno;
    term.resized = 1;
    wake();
    errno = e;
}

/* A shell that stopped us gave the terminal its own settings. */
static void on_resume(int sig) {
    (void)sig;
    const int e = errno;
    if (term.state != COOKED) tcsetattr(STDIN_FILENO, TCSADRAIN, &term.mode[term.state]);
    term.resumed = 1;
    wake();
    errno = e;
}

/* Unless it is ignored. */
static void catch_signal(int sig, void (*handler)(int)) {
    struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_NODEFER}, was;
    sigemptyset(&a.sa_mask);
    if (!sigaction(sig, NULL, &was) && was.sa_handler != SIG_IGN) sigaction(sig, &a, NULL);
}

/* What the sender meant. */
static void do_default(int sig) {
    signal(sig, SIG_DFL); /* set by hand: qemu-user's own idea of a default stops what the kernel would not */
    raise(sig);
}

/* Ctrl-\ while an answer is made. */
static void on_quit(int sig) {
    progress_end();
    term_restore();
    do_default(sig);
}

/* Ctrl-Z then: the shell gets the terminal as it was. */
static void on_stop(int sig) {
    const int          e = errno;
    const sig_atomic_t was = term.state;
    enter(COOKED);
    do_default(sig); /* returns when we may go on */
    catch_signal(sig, on_stop);
    enter((term_state)was);
    errno = e;
}

/* Neither end ever waits: a full pipe wakes as well as one more byte. */
static void open_waker(void) {
    if (pipe(term.waker)) {
        term.waker[0] = term.waker[1] = -1; /* poll() passes over it: then mostly its EINTR has to do */
        return;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(term.waker[i], F_SETFD, FD_CLOEXEC);
        fcntl(term.waker[i], F_SETFL, O_NONBLOCK);
    }
}

bool term_open(void) {
    struct sigaction a = {.sa_handler = on_resize, .sa_flags = SA_RESTART};
    if (!term_is_smart() || tcgetattr(STDIN_FILENO, &term.mode[COOKED])) return false;
    term.mode[BUSY] = term.mode[EDITING] = term.mode[COOKED];
    term.mode[BUSY].c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    term.mode[EDITING].c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    term.mode[EDITING].c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IXON);
    for (int s = EDITING; s <= BUSY; s++) {
        term.mode[s].c_cc[VMIN] = 1;
        term.mode[s].c_cc[VTIME] = 0;
    }
    open_waker();
    sigemptyset(&a.sa_mask);
    sigaction(SIGWINCH, &a, NULL);
    a.sa_handler = on_resume;
    sigaction(SIGCONT, &a, NULL);
    catch_signal(SIGQUIT, on_quit);
    catch_signal(SIGTSTP, on_stop);
    term.is_open = 1;
    return true;
}

int term_width(int fd, int *height) {
    struct winsize w;
    const bool     known = !ioctl(fd, TIOCGWINSZ, &w) && w.ws_col > 1 && w.ws_row > 0;
    if (height) *height = known ? w.ws_row : 24;
    return known ? w.ws_col : 80;
}

static void measure(line_look *look) { look->width = term_width(STDOUT_FILENO, &look->height); }

static void draw(line_editor *l, const line_look *look, line_place *at, bool clear) {
    strbuf out = {0};
    if (clear) {
        strbuf_str(&out, STR("\033[H\033[2J"));
        *at = (line_place){0};
    }
    if (l->rings) strbuf_char(&out, '\a');
    l->rings = false;
    line_draw(l, look, at, &out);
    if (!out.bad) write_all(STDOUT_FILENO, out.p, out.n);
    strbuf_free(&out);
}

/* Waits for keys, or for a signal that changes the picture; false: the terminal is gone. */
static bool more_input(void) {
    struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = term.waker[0], .events = POLLIN}};
    char          wakes[64];
    if (poll(p, 2, -1) < 0) return errno == EINTR;
    while (p[1].revents && read(term.waker[0], wakes, sizeof wakes) > 0) continue;
    if (!p[0].revents) return true;
    const ssize_t n = read(STDIN_FILENO, term.in + term.n_in, sizeof term.in - term.n_in);
    if (n > 0) term.n_in += (size_t)n;
    return n > 0 || (n < 0 && errno == EINTR);
}

static void suspend(void) {
    write_all(STDOUT_FILENO, "\r\n", 2);
    enter(COOKED);
    raise(SIGTSTP); /* returns when the shell lets us go on */
    enter(EDITING);
}

line_event term_edit(line_editor *l, line_look *look) {
    line_place at = {0};
    line_event e = LINE_MORE;
    measure(look);
    enter(EDITING);
    /* From here on Ctrl-C is a key.  One that was typed when there was nothing to stop is forgotten. */
    stop_forget();
    stop_gently(STOP_AT_ONCE);
    draw(l, look, &at, false);
    while (e == LINE_MORE) {
        size_t used = 0;
        bool   again = term.resized || term.resumed;
        if (term.resized) {
            const line_look old = *look;
            measure(look);
            line_resized(l, &old, look->width, &at);
        }
        if (term.resumed) at = (line_place){0};
        term.resized = term.resumed = 0;
        if (term.n_in) e = line_keys(l, term.in, term.n_in, &used);
        memmove(term.in, term.in + used, term.n_in -= used);
        const bool clear = e == LINE_REDRAW;
        if (e == LINE_SUSPEND) {
            draw(l, look, &at, false);
            suspend();
            at = (line_place){0};
        }
        if (clear || e == LINE_SUSPEND) e = LINE_MORE;
        if (e != LINE_MORE) l->at = l->text.n;
        if (again || used) draw(l, look, &at, clear);
        else if (e == LINE_MORE && !more_input()) e = LINE_END;
    }
    write_all(STDOUT_FILENO, "\r\n", 2);
    stop_gently(STOP_CALMLY);
    enter(BUSY);
    return e;
}
