/* main.c - from argv to a command.
 *
 * A new subcommand is cmd_<name>.c, which exports `const command cmd_<name>`, and one line here. */
#include "../limits.h"
#include "../thread.h"
#include "cli.h"
#include <string.h>
#include <sys/resource.h>

#define COMMANDS(X) \
    X(run)          \
    X(chat)         \
    X(map)          \
    X(choose)       \
    X(embed)        \
    X(score)        \
    X(ppl)          \
    X(imatrix)      \
    X(diff)         \
    X(tokens)       \
    X(render)       \
    X(show)         \
    X(ls)           \
    X(bench)        \
    X(pack)         \
    X(quantize)     \
    X(doctor)       \
    X(completion)   \
    X(help)

#define X(name) extern const command cmd_##name;
COMMANDS(X)
#undef X

static const command *const commands[] = {
#define X(name) &cmd_##name,
    COMMANDS(X)
#undef X
};

const command *command_at(size_t i) { return i < ARRAY_LEN(commands) ? commands[i] : NULL; }

const command *command_find(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (!strcmp(commands[i]->name, name)) return commands[i];
    return NULL;
}

/* Commands that are promised; a script that tries one now shall not take its silence for an answer. */
static const char promised[] = "convert serve verify";

static int unknown_command(const char *name) {
    for (const char *p = promised; *p; p += strspn(p, " ")) {
        const size_t n = strcspn(p, " ");
        if (str_is((str){p, n}, name)) return fail(EXIT_USAGE, "\"%s\" is not built yet: slm help lists the commands that are", name);
        p += n;
    }
    const size_t n_name = strlen(name);
    if (n_name > 5 && !strcmp(name + n_name - 5, ".gguf"))
        return fail(EXIT_USAGE, "\"%s\" is a file, not a command: slm run, chat or show, and then the file", name);
    if (strchr(name, ' ')) return fail(EXIT_USAGE, "\"%.80s%s\" is not a command: slm run, and then the prompt", name, n_name > 80 ? ".." : "");
    char words[256] = "";
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) strcat(strcat(words, " "), commands[i]->name);
    str near = nearest_word(words, str_of(name));
    if (near.n)
        return fail(EXIT_USAGE, "\"%s\" is not a command; did you mean %.*s? (slm help lists them)", name,
                    (int)near.n, near.p);
    return fail(EXIT_USAGE, "\"%s\" is not a command; there are:%s", name, words);
}

static int run_command(int argc, char **argv) {
    streams_init();
    if (argc < 2) return fail(EXIT_USAGE, "no command given: slm run -m FILE.gguf \"prompt\", or slm help");
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) name = "help";
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
        out_text("slm " SLM_VERSION "\n");
        return out_end(EXIT_OK);
    }
    const command *c = command_find(name);
    if (!c) return unknown_command(name);
    options o;
    int     rc = options_parse(&o, c, argc - 2, argv + 2);
    return rc >= 0 ? rc : c->main(&o);
}

typedef struct {
    int    argc;
    char **argv;
    int    rc;
} invocation;

static void *invoke(void *arg) {
    invocation *v = arg;
    v->rc = run_command(v->argc, v->argv);
    return NULL;
}

/* Where the first thread's stack is limited below what batches take, another one does the work; this one only
 * waits, outside of the sandbox. */
int main(int argc, char **argv) {
    invocation    v = {argc, argv, 0};
    struct rlimit stack;
    if (!getrlimit(RLIMIT_STACK, &stack) && stack.rlim_cur < THREAD_STACK && thread_alone(invoke, &v)) return v.rc;
    return run_command(argc, argv);
}
