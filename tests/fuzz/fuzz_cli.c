/* fuzz_cli.c - command lines and saved conversations. */
#include "../../src/cli/talk.h"
#include "fuzz.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is printed goes nowhere while a target runs: "cannot open" of a million inputs is no report. */
static int saved[2];

static void quiet(void) {
    static int null_fd = -1;
    if (null_fd < 0) null_fd = open("/dev/null", O_WRONLY);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        dup2(null_fd, i + 1);
    }
}

static void loud(void) {
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
}

void fuzz_args(const uint8_t *p, size_t n) {
    enum { MAX_ARGS = 64 };
    static bool begun;
    char       *text = mem_zero(n + 1, 1), *argv[MAX_ARGS];
    int         argc = 0;
    if (!begun) {
        setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
        begun = true;
    }
    memcpy(text, p, n);
    for (char *line = text; line && argc < MAX_ARGS; argc++) {
        char *end = strchr(line, '\n');
        argv[argc] = line;
        if (end) *end++ = 0;
        line = end;
    }
    const command *c = command_find(argv[0]);
    if (!c) c = command_at(n % 8);
    quiet();
    if (c) {
        options   o;
        const int rc = options_parse(&o, c, argc - 1, argv + 1);
        RULE(rc < 0 || rc == EXIT_OK || rc == EXIT_USAGE || rc == EXIT_RUNTIME || rc == EXIT_PIPE);
        RULE(rc >= 0 || (o.n_arg >= 0 && o.n_arg < argc && o.n_threads <= 256));
    }
    loud();
    mem_free(text);
}

int fuzz_file(const uint8_t *p, size_t n, char path[64]) {
    const int fd = memfd_create("fuzz", 0);
    RULE(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    strbuf b = {0};
    strbuf_fmt(&b, "/proc/self/fd/%d", fd);
    strbuf_char(&b, 0);
    memcpy(path, b.p, b.n);
    strbuf_free(&b);
    return fd;
}

void fuzz_chat(const uint8_t *p, size_t n) {
    char      path[64];
    talk      t = {0};
    int       n_messages = 0;
    const int fd = fuzz_file(p, n, path);
    quiet();
    const int rc = talk_load(&t, path);
    loud();
    close(fd);
    RULE(rc == 0 || rc == EXIT_RUNTIME);
    RULE(rc == 0 || (!t.n && !t.has_system));
    slm_message *all = talk_messages(&t, &n_messages);
    RULE(rc != 0 || n_messages > 0);
    for (int i = 0; i < n_messages; i++) RULE(all[i].content != NULL && all[i].role != NULL);
    talk_drop_exchange(&t);
    mem_free(all);
    talk_free(&t);
}
