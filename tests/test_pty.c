/* test_pty.c - the built program on a real pseudo-terminal: what a person types and sees. */
#include "mkmodel.h"
#include "screen.h"
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Long enough for a machine that does much else. */
#define PATIENCE_MS 20000

static struct {
    int            master, slave;
    pid_t          pid;
    screen         view;
    struct termios before;
    strbuf         raw; /* all that came */
    char           state[200];
    bool           keeps_history; /* for the next chat of the same test */
    const char    *editor;        /* $EDITOR, or NULL */
    bool           small_stack;   /* so that the work is not the first thread's */
    bool           is_job;        /* of a process that stands where a shell would: pty.pid is that one's */
} pty;

/* ---- driver ----------------------------------------------------------------- */

static void set_size(int width, int height) {
    struct winsize w = {.ws_col = (unsigned short)width, .ws_row = (unsigned short)height};
    CHECK(!ioctl(pty.master, TIOCSWINSZ, &w));
}

/* What a shell does with a job: it gets the terminal; when it stops that is told, and SIGUSR1 lets it go on. */
static void mind_job(pid_t job) {
    int      status, got;
    sigset_t go_on;
    sigemptyset(&go_on);
    sigaddset(&go_on, SIGUSR1);
    sigprocmask(SIG_BLOCK, &go_on, NULL);
    while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
        (void)!write(1, "\r\n(stopped)", 11);
        sigwait(&go_on, &got);
        kill(-job, SIGCONT);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void child(const char *term, char **argv) {
    const struct rlimit small = {1 << 20, 1 << 20}, none = {0, 0};
    setsid();
    ioctl(pty.slave, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++) dup2(pty.slave, fd);
    setrlimit(RLIMIT_CORE, &none);
    if (pty.is_job) {
        signal(SIGTTOU, SIG_IGN);
        const pid_t job = fork();
        if (job > 0) mind_job(job);
        setpgid(0, 0);
        tcsetpgrp(0, getpgrp());
        signal(SIGTTOU, SIG_DFL);
    }
    close(pty.master);
    close(pty.slave);
    setenv("TERM", term, 1);
    setenv("XDG_STATE_HOME", pty.state, 1);
    unsetenv("NO_COLOR");
    unsetenv("VISUAL");
    if (pty.editor) setenv("EDITOR", pty.editor, 1);
    else unsetenv("EDITOR");
    /* A shell starts what is to run in the background (CI, nohup) with some of these ignored. */
    static const int usual[] = {SIGHUP, SIGINT, SIGQUIT, SIGTSTP};
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) signal(usual[i], SIG_DFL);
    if (pty.small_stack) setrlimit(RLIMIT_STACK, &small);
    execv(argv[0], argv);
    _exit(127);
}

/* Starts `slm` with the words of `args` on a terminal; false, the test skipped, where that cannot be. */
static bool start(const char *args, const char *term, int width, int height) {
    const char *slm = getenv("SLM");
    static char words[1000];
    char       *argv[32] = {(char *)(uintptr_t)slm};
    int         n = 1;
    snprintf(words, sizeof words, "%s", args);
    for (char *w = strtok(words, " "); w && n < 31; w = strtok(NULL, " ")) argv[n++] = w;
    pty.raw.n = 0;
    pty.master = slm && *slm ? posix_openpt(O_RDWR | O_NOCTTY) : -1;
    if (pty.master < 0 || grantpt(pty.master) || unlockpt(pty.master) || (pty.slave = open(ptsname(pty.master), O_RDWR | O_NOCTTY)) < 0) {
        test_skip(slm && *slm ? "there are no pseudo-terminals" : "SLM does not name the program (make test does)");
        return false;
    }
    snprintf(pty.state, sizeof pty.state, "%s/state", test_tmp());
    screen_init(&pty.view, width, height);
    set_size(width, height);
    tcgetattr(pty.slave, &pty.before);
    fflush(stdout);
    pty.pid = fork();
    if (!pty.pid) child(term, argv);
    return true;
}

/* Reads what the program writes for at most so long; false: nothing came. */
static bool look(int ms) {
    char          part[4096];
    struct pollfd p = {.fd = pty.master, .events = POLLIN};
    if (poll(&p, 1, ms) <= 0) return false;
    const ssize_t n = read(pty.master, part, sizeof part);
    if (n <= 0) return false;
    screen_put(&pty.view, part, (size_t)n);
    strbuf_put(&pty.raw, part, (size_t)n);
    return true;
}

static void print_view(void) {
    strbuf b = {0};
    screen_text(&pty.view, true, &b);
    printf("    the terminal shows:\n%.*s", (int)b.n, b.p);
    strbuf_free(&b);
}

/* Until the screen shows it. */
static void see(const char *text) {
    const double end = clock_ms() + PATIENCE_MS;
    while (!screen_shows(&pty.view, text) && clock_ms() < end) look(50);
    if (screen_shows(&pty.view, text)) return;
    CHECK_TEXT("the terminal", text);
    print_view();
}

/* Until the screen, with | for the cursor, ends in `text`. */
static void see_end(const char *text) {
    const double end = clock_ms() + PATIENCE_MS;
    bool         same = false;
    strbuf       b = {0};
    while (!same && clock_ms() < end) {
        look(50);
        b.n = 0;
        screen_text(&pty.view, true, &b);
        const size_t n = strlen(text);
        same = b.n >= n && !memcmp(b.p + b.n - n, text, n);
    }
    strbuf_free(&b);
    if (same) return;
    CHECK_TEXT("the end of the terminal", text);
    print_view();
}

static void type(const char *keys) { CHECK(write(pty.master, keys, strlen(keys)) == (ssize_t)strlen(keys)); }

static void forget_history(void) {
    static const char *const parts[] = {"/slm/history", "/slm", ""};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        char path[300];
        snprintf(path, sizeof path, "%s%s", pty.state, parts[i]);
        remove(path);
    }
}

/* Its exit code, or 128 + the signal that ended it; the terminal must be as it was found. */
static int finish(void) {
    const double end = clock_ms() + PATIENCE_MS;
    int          status = 0;
    pid_t        got;
    while (!(got = waitpid(pty.pid, &status, WNOHANG)) && clock_ms() < end) look(20);
    if (!got) {
        CHECK_FAIL("the program does not end");
        print_view();
        kill(pty.pid, SIGKILL);
        waitpid(pty.pid, &status, 0);
    }
    while (look(0)) continue;
    struct termios after;
    CHECK(!tcgetattr(pty.slave, &after));
    CHECK_INT(after.c_lflag, pty.before.c_lflag);
    CHECK_INT(after.c_iflag, pty.before.c_iflag);
    CHECK_INT(after.c_oflag, pty.before.c_oflag);
    CHECK(!pty.view.pastes && !pty.view.dim);
    close(pty.master);
    close(pty.slave);
    strbuf_free(&pty.raw);
    if (!pty.keeps_history) forget_history();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- models ------------------------------------------------------------------ */

static const char *scripted(const char *name, const char *const *pieces) {
    static char path[2][256];
    static int  turn;
    char       *p = path[turn++ & 1];
    snprintf(p, sizeof path[0], "%s/%s.gguf", test_tmp(), name);
    CHECK(mkmodel_script(p, pieces, "{{ bos_token }}"));
    return p;
}

static bool chat(const char *flags, int width, int height) {
    static const char *const says[] = {"Good", " day", " to", " \xe6\x97\xa5\xe6\x9c\xac", " you", NULL};
    char                     args[600];
    snprintf(args, sizeof args, "chat -m %s %s", scripted("pty-alpha", says), flags);
    return start(args, "xterm", width, height);
}

/* Says random words until it is stopped. */
static bool endless(const char *flags) {
    char            path[256], args[600];
    mkmodel_options o = mkmodel_defaults("llama", TYPE_F32);
    o.n_ctx = 65536;
    o.chat_template = "{% for m in messages %}{{ m.content }}\n{% endfor %}";
    snprintf(path, sizeof path, "%s/pty-endless.gguf", test_tmp());
    CHECK(mkmodel_write(path, &o));
    snprintf(args, sizeof args, "chat -m %s --ignore-eos -c 65536 %s", path, flags);
    return start(args, "xterm", 80, 24);
}

/* ---- tests ------------------------------------------------------------------- */

static void talking(void) {
    if (!chat("", 60, 20)) return;
    see_end("leaves\n>>> |\n");
    type("hello");
    see_end(">>> hello|\n");
    CHECK(pty.view.pastes);
    type("\x01");
    see_end(">>> |hello\n");
    type("oh, \r");
    see_end(">>> oh, hello\nGood day to \xe6\x97\xa5\xe6\x9c\xac you\n>>> |\n");
    /* wide characters, moved over and inserted between */
    type("\xe6\x97\xa5\xe8\xaa\x9e\x1b[D\xe6\x9c\xac");
    see_end(">>> \xe6\x97\xa5\xe6\x9c\xac|\xe8\xaa\x9e\n");
    type("\r");
    see_end("Good day to \xe6\x97\xa5\xe6\x9c\xac you\n>>> |\n");
    type("/show\r");
    see("user: \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\nassistant: Good day");
    /* what begins with a slash is never sent */
    type("/regne\r");
    see("\"/regne\" is not a command; did you mean /regen?");
    type("\x04");
    CHECK_INT(finish(), 0);
}

static void history_lasts(void) {
    char        path[300];
    struct stat st;
    if (!chat("-q", 60, 20)) return;
    see_end(">>> |\n");
    type("first\r");
    see_end("you\n>>> |\n");
    type("\"\"\"one\rtwo\"\"\"\r");
    see_end("you\n>>> |\n");
    type("/bye\r");
    pty.keeps_history = true;
    CHECK_INT(finish(), 0);
    pty.keeps_history = false;
    snprintf(path, sizeof path, "%s/state/slm/history", test_tmp());
    CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0600);
    size_t n;
    char  *text = test_read_file(path, &n);
    CHECK(text != NULL);
    if (text) CHECK_STR(((str){text, n}), STR("first\none\\ntwo\n/bye\n"));
    mem_free(text);
    if (!chat("-q", 60, 20)) return;
    see_end(">>> |\n");
    type("\x1b[A");
    see_end(">>> /bye|\n");
    type("\x1b[A");
    see_end(">>> one\n... two|\n");
    type("\x1b[A\x1b[A");
    see_end(">>> first|\n");
    type("\x03\x12on");
    see_end("search \"on\": |one\n... two\n");
    type("\x07\x04");
    CHECK_INT(finish(), 0);
}

static void interrupting(void) {
    if (!endless("")) return;
    see_end(">>> |\n");
    type("go on\r");
    see("go on\n");
    for (size_t had = pty.raw.n; pty.raw.n < had + 500 && look(PATIENCE_MS);) continue;
    type("\x03");
    see_end("\n>>> |\n");
    /* what came was kept, and all of it is in the cache */
    type("/stats\r");
    see("all 1 answers: 0 tokens of prompts reused");
    type("again\r");
    for (size_t had = pty.raw.n; pty.raw.n < had + 300 && look(PATIENCE_MS);) continue;
    type("\x03");
    see_end("\n>>> |\n");
    type("/stats\r");
    see("all 2 answers: ");
    CHECK(!screen_shows(&pty.view, "all 2 answers: 0 tokens of prompts reused"));
    see_end("%)\n>>> |\n");
    type("\x03");
    see_end("Ctrl-C again leaves\n>>> |\n");
    type("draft\x03");
    see_end(">>> draft\n>>> |\n");
    type("\x03");
    see_end("leaves\n>>> |\n");
    type("\x03");
    CHECK_INT(finish(), 0);
}

static void pasting(void) {
    if (!chat("-q", 60, 20)) return;
    see_end(">>> |\n");
    type("see: \x1b[200~int main(void)\r{\r\t/bye\r}\x1b[201~");
    see_end(">>> see: int main(void)\n... {\n...     /bye\n... }|\n");
    type("\r");
    see_end("Good day to \xe6\x97\xa5\xe6\x9c\xac you\n>>> |\n");
    type("one\\\rtwo\r");
    see_end(">>> one\n... two\nGood day to \xe6\x97\xa5\xe6\x9c\xac you\n>>> |\n");
    type("/show\r");
    see("user: see: int main(void)\n{\n");
    type("\x04");
    CHECK_INT(finish(), 0);
}

static void resize_twice(void) {
    if (!chat("-q", 40, 12)) return;
    see_end(">>> |\n");
    type("hi\r");
    see_end("you\n>>> |\n");
    type("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\x1b[D\x1b[D");
    see_end(">>> abcdefghijklmnopqrstuvwxyzabcdefghij\nklmnopqrstuvwx|yz\n");
    screen_resize(&pty.view, 20, 12);
    set_size(20, 12);
    see_end(">>> abcdefghijklmnop\nqrstuvwxyzabcdefghij\nklmnopqrstuvwx|yz\n");
    screen_resize(&pty.view, 60, 12);
    set_size(60, 12);
    see_end("you\n>>> abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx|yz\n");
    type("!\x15\x0b\x04");
    CHECK_INT(finish(), 0);
}

static void resizing(void) { resize_twice(); }

/* A signal that comes to another thread, or just before the wait for keys begins, does not interrupt that. */
static void resizing_from_another_thread(void) {
    pty.small_stack = true;
    resize_twice();
    pty.small_stack = false;
}

static void swapping_models(void) {
    static const char *const says[] = {"Beta", " here", NULL};
    char                     command[400];
    const char              *beta = scripted("pty-beta", says);
    if (!chat("-q", 100, 30)) return;
    see_end(">>> |\n");
    type("who?\r");
    see_end("you\n>>> |\n");
    snprintf(command, sizeof command, "/model %s\r", beta);
    type(command);
    see("context 256\n>>> ");
    type("and you?\r");
    see_end("Beta here\n>>> |\n");
    type("/model /nonexistent.gguf\r");
    see("slm: /nonexistent.gguf: cannot open");
    type("/regen\r");
    see_end("/regen\nBeta here\n>>> |\n");
    type("/show\r");
    see("user: who?\nassistant: Good day to \xe6\x97\xa5\xe6\x9c\xac you\nuser: and you?\nassistant: Beta here\n");
    type("/edit\r");
    see_end(">>> and you?|\n");
    type("\x17me?\r");
    see_end("and me?\nBeta here\n>>> |\n");
    type("/undo\r/show\r");
    see_end("assistant: Good day to \xe6\x97\xa5\xe6\x9c\xac you\n>>> |\n");
    type("/edit\r");
    see_end(">>> who?|\n");
    type("\x03/show\r");
    see_end("user: who?\nassistant: Good day to \xe6\x97\xa5\xe6\x9c\xac you\n>>> |\n");
    type("\x04");
    CHECK_INT(finish(), 0);
}

/* Where memory holds one model, the old one goes first, and comes back when the new one does not fit. */
static void swapping_in_little_memory(void) {
    static const char *const says[] = {"Beta", " here", NULL};
    char                     command[400], large[256];
    mkmodel_options          o = mkmodel_defaults("llama", TYPE_F32);
    const char              *beta = scripted("pty-beta", says);
    o.n_ctx = 65536;
    o.chat_template = "{{ messages[0].content }}";
    snprintf(large, sizeof large, "%s/pty-large.gguf", test_tmp());
    CHECK(mkmodel_write(large, &o));
    if (!chat("-q -c 60000 --mem 14M", 110, 30)) return;
    see_end(">>> |\n");
    type("who?\r");
    see_end("you\n>>> |\n");
    snprintf(command, sizeof command, "/model %s\r", beta);
    type(command);
    see("context 60000\n>>> ");
    type("and you?\r");
    see_end("Beta here\n>>> |\n");
    snprintf(command, sizeof command, "/model %s\r", large);
    type(command);
    see("slm: needs ");
    type("/regen\r");
    see_end("/regen\nBeta here\n>>> |\n");
    type("/show\r");
    see("user: who?\nassistant: Good day to \xe6\x97\xa5\xe6\x9c\xac you\nuser: and you?\nassistant: Beta here\n");
    type("\x04");
    CHECK_INT(finish(), 0);
}

/* The last message goes through $EDITOR; one that fails or changes nothing sends nothing. */
static void editing_outside(void) {
    pty.editor = "sed -i -e s/who/what/";
    const bool started = chat("-q", 100, 30);
    pty.editor = NULL;
    if (!started) return;
    see_end(">>> |\n");
    type("/edit\r");
    see("/edit: nothing was said yet");
    type("who?\r");
    see_end("you\n>>> |\n");
    type("/edit\r");
    see_end(">>> /edit\nGood day to \xe6\x97\xa5\xe6\x9c\xac you\n>>> |\n");
    type("/edit\r");
    see_end("nothing was changed: nothing is sent\n>>> |\n");
    type("/show\r");
    see_end("user: what?\nassistant: Good day to \xe6\x97\xa5\xe6\x9c\xac you\n>>> |\n");
    type("\x04");
    CHECK_INT(finish(), 0);
    pty.editor = "false";
    if (!chat("-q", 60, 20)) return;
    pty.editor = NULL;
    see_end(">>> |\n");
    type("who?\r/edit\r");
    see_end("slm: false failed: nothing is sent\n>>> |\n");
    type("/show\r");
    see_end("user: who?\nassistant: Good day to \xe6\x97\xa5\xe6\x9c\xac you\n>>> |\n");
    type("\x04");
    CHECK_INT(finish(), 0);
}

/* The window changes while an answer is made. */
static void resizing_an_answer(void) {
    if (!endless("")) return;
    see_end(">>> |\n");
    type("go on\r");
    for (size_t had = pty.raw.n; pty.raw.n < had + 300 && look(PATIENCE_MS);) continue;
    screen_resize(&pty.view, 50, 20);
    set_size(50, 20);
    for (size_t had = pty.raw.n; pty.raw.n < had + 300 && look(PATIENCE_MS);) continue;
    type("\x03");
    see_end(">>> |\n");
    type("next\x15\x04");
    CHECK_INT(finish(), 0);
}

static void thinking(void) {
    static const char *const says[] = {"<think>", "hmm", "</think>", "\n\nYes.", NULL};
    char                     args[400];
    snprintf(args, sizeof args, "chat -q -m %s", scripted("pty-thinker", says));
    if (!start(args, "xterm", 60, 20)) return;
    see_end(">>> |\n");
    type("well?\r");
    see_end("well?\nhmm\nYes.\n>>> |\n");
    CHECK_INT(pty.view.n_dim, 3);
    type("\x04");
    CHECK_INT(finish(), 0);
    snprintf(args, sizeof args, "chat -q --color never -m %s", scripted("pty-thinker", says));
    if (!start(args, "xterm", 60, 20)) return;
    see_end(">>> |\n");
    type("well?\r");
    see_end("hmm\nYes.\n>>> |\n");
    CHECK_INT(pty.view.n_dim, 0);
    type("\x04");
    CHECK_INT(finish(), 0);
}

/* Every bar shows more than the one before: a rate that sinks while a part is done is none. */
static void bars_grow(void) {
    long last = 0;
    strbuf_char(&pty.raw, 0);
    for (const char *p = pty.raw.p; (p = memmem(p, (size_t)(pty.raw.p + pty.raw.n - p), "prompt [", 8)); p++) {
        const char *end = strchr(p, ']');
        const long  now = end ? strtol(end + 1, NULL, 10) : last + 1; /* the last one may not be whole */
        CHECK(now > last);
        last = now;
    }
    CHECK(last > 0);
}

/* A prompt that takes long shows a bar that goes away again, and Ctrl-C gives it up. */
static void progress(void) {
    char   path[256], args[400];
    strbuf text = {0};
    snprintf(path, sizeof path, "%s/pty-long.txt", test_tmp());
    for (int i = 0; i < 20000; i++) strbuf_str(&text, STR("a b "));
    FILE *f = fopen(path, "w");
    CHECK(f && fwrite(text.p, 1, text.n, f) == text.n && !fclose(f));
    strbuf_free(&text);
    snprintf(args, sizeof args, "-t 1 --isa scalar -n 1");
    if (!endless(args)) return;
    see_end(">>> |\n");
    snprintf(args, sizeof args, "/read %s\r", path);
    type(args);
    see("bytes go before the next message\n>>> ");
    type("go on\r");
    see("prompt [");
    see("s left");
    for (const double end = clock_ms() + 600; clock_ms() < end;) look(50);
    type("\x03");
    see_end("go on\nslm: stopped before an answer: the message is taken back\n>>> |\n");
    bars_grow();
    type("a\r");
    see_end("\n>>> |\n");
    type("\x04");
    CHECK_INT(finish(), 0);
    snprintf(args, sizeof args, "run -m %s/pty-endless.gguf -t 1 --isa scalar -c 65536 -f %s", test_tmp(), path);
    if (!start(args, "xterm", 80, 24)) return;
    see("prompt [");
    kill(pty.pid, SIGINT);
    CHECK_INT(finish(), 130);
    CHECK(!screen_shows(&pty.view, "prompt ["));
}

/* At the prompt and while it answers: 128 + the signal, and finish() looks at the terminal. */
static void signals(void) {
    static const int which[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < ARRAY_LEN(which); i++) {
        if (!chat("-q", 60, 20)) return;
        see_end(">>> |\n");
        type("half a li");
        see_end("li|\n");
        kill(pty.pid, which[i]);
        CHECK_INT(finish(), 128 + which[i]);
    }
    for (size_t i = 1; i < ARRAY_LEN(which); i++) {
        if (!endless("-q")) return;
        see_end(">>> |\n");
        type("go on\r");
        for (size_t had = pty.raw.n; pty.raw.n < had + 500 && look(PATIENCE_MS);) continue;
        kill(pty.pid, which[i]);
        CHECK_INT(finish(), 128 + which[i]);
    }
}

/* --timeout ends a chat, at the prompt and in an answer: 124. */
static void timing_out(void) {
    if (!chat("-q --timeout 3", 60, 20)) return;
    see_end(">>> |\n");
    type("half a li");
    CHECK_INT(finish(), 124);
    if (!endless("-q --timeout 3")) return;
    see_end(">>> |\n");
    type("go on\r");
    CHECK_INT(finish(), 124);
    CHECK(screen_shows(&pty.view, "stopped by --timeout after 3 s"));
}

static void suspending(void) {
    if (!chat("-q", 60, 20)) return;
    int status;
    see_end(">>> |\n");
    type("half\x1a");
    /* The leader of a session without a shell above it is not stopped by its terminal, so stop it so. */
    see_end("half\n>>> half|\n");
    kill(pty.pid, SIGSTOP);
    CHECK(waitpid(pty.pid, &status, WUNTRACED) == pty.pid && WIFSTOPPED(status));
    tcsetattr(pty.slave, TCSANOW, &pty.before);
    kill(pty.pid, SIGCONT);
    see_end(">>> half|\n");
    type(" done\x1b[D\r");
    see_end(">>> half done\nGood day to \xe6\x97\xa5\xe6\x9c\xac you\n>>> |\n");
    type("\x04");
    CHECK_INT(finish(), 0);
}

static void settings_are_as_found(void) {
    struct termios now;
    CHECK(!tcgetattr(pty.slave, &now));
    CHECK_INT(now.c_lflag, pty.before.c_lflag);
    CHECK_INT(now.c_iflag, pty.before.c_iflag);
}

static void hear_some(void) {
    for (size_t had = pty.raw.n; pty.raw.n < had + 300 && look(PATIENCE_MS);) continue;
}

/* Ctrl-Z at the prompt and while it answers: the terminal is the shell's until the job goes on. */
static void stopped_as_a_job(void) {
    pty.is_job = true;
    const bool started = endless("-q");
    pty.is_job = false;
    if (!started) return;
    see_end(">>> |\n");
    type("half\x1a");
    see_end("(stopped)|\n");
    settings_are_as_found();
    CHECK(!pty.view.pastes);
    kill(pty.pid, SIGUSR1);
    see_end(">>> half|\n");
    type("\x15go on\r");
    hear_some();
    type("\x1a");
    see_end("(stopped)|\n");
    settings_are_as_found();
    kill(pty.pid, SIGUSR1);
    hear_some();
    type("\x03");
    see_end(">>> |\n");
    CHECK(pty.view.pastes);
    type("half\x15\x04");
    CHECK_INT(finish(), 0);
}

/* Ctrl-\ is a key at the prompt, and ends what is done elsewhere; finish() looks at the terminal. */
static void quitting(void) {
    if (!endless("-q")) return;
    see_end(">>> |\n");
    type("go on\x1c\r");
    hear_some();
    type("\x1c");
    CHECK_INT(finish(), 128 + SIGQUIT);
}

/* No escape sequences, lines as the terminal edits them. */
static void dumb_terminal(void) {
    static const char *const says[] = {"Good", " day", NULL};
    char                     args[400];
    snprintf(args, sizeof args, "chat -q -m %s", scripted("pty-dumb", says));
    if (!start(args, "dumb", 60, 20)) return;
    see_end(">>> |\n");
    type("hello\r");
    see_end(">>> hello\nGood day\n>>> |\n");
    type("one\\\r");
    see_end("... |\n");
    type("two\r");
    see_end("Good day\n>>> |\n");
    CHECK(!memchr(pty.raw.p, '\x1b', pty.raw.n));
    type("\x04");
    CHECK_INT(finish(), 0);
}

const test_case tests_pty[] = {
    {"talking", "typing, moving, wide characters, a mistyped command, Ctrl-D", talking},
    {"history_lasts", "0600, multi-line entries, the arrows and Ctrl-R in the next chat", history_lasts},
    {"interrupting", "Ctrl-C keeps what came, reused tokens, Ctrl-C twice leaves", interrupting},
    {"pasting", "a bracketed paste is one message; \\ continues", pasting},
    {"resizing", "a wrapped line at another width", resizing},
    {"resizing_from_another_thread", "the same where the signal does not reach the thread that waits", resizing_from_another_thread},
    {"swapping_models", "/model, /regen, /undo, /edit keep the conversation", swapping_models},
    {"swapping_in_little_memory", "a model that does not fit beside the old one, and one that does not fit at all", swapping_in_little_memory},
    {"editing_outside", "/edit through $EDITOR, also one that fails or changes nothing", editing_outside},
    {"resizing_an_answer", "a window that changes while it answers", resizing_an_answer},
    {"thinking", "dimmed, unless --color never", thinking},
    {"progress", "a bar while a long prompt is evaluated, gone when it is given up", progress},
    {"signals", "130, 143, 129, and a clean terminal", signals},
    {"timing_out", "--timeout: 124, and a clean terminal", timing_out},
    {"suspending", "stopped and continued: the line is still there", suspending},
    {"stopped_as_a_job", "Ctrl-Z at the prompt and in an answer: the shell's terminal is as it was", stopped_as_a_job},
    {"quitting", "Ctrl-\\ in an answer leaves a clean terminal", quitting},
    {"dumb_terminal", "plain lines without escapes", dumb_terminal},
    {0},
};
