/* man.c - the manual page slm(1), made of the tables of commands and flags. */
#include "cli.h"
#include <string.h>

/* Text that troff shall print as it is. */
static void put(const char *text) {
    bool starts = true;
    for (; *text; text++) {
        if (starts && (*text == '.' || *text == '\'')) out_text("\\&");
        if (*text == '\\') out_text("\\e");
        else if (*text == '-') out_text("\\-");
        else if (*text == '\'') out_text("\\(aq");
        else if (*text == '`') out_text("\\(ga");
        else if (*text == '^') out_text("\\(ha");
        else if (*text == '~') out_text("\\(ti");
        else out_put(text, 1);
        starts = *text == '\n';
    }
}

static const char *group;

static void put_option(const option_help *h) {
    if (!group || strcmp(group, h->group)) out_fmt(".PP\n.I %s\n", h->group);
    group = h->group;
    out_text(".TP\n.B ");
    for (const char *p = h->names; *p; p++) {
        const char one[2] = {*p, 0};
        put(*p == ' ' ? ", " : one);
    }
    if (h->arg) put(*h->arg == '[' ? "" : " "), put(h->arg);
    out_text("\n");
    put(h->help);
    if (*h->range) out_text("; "), put(h->range);
    if (*h->fallback) out_text(" (default: "), put(h->fallback), out_text(")");
    if (h->env) out_text(" [environment: "), put(h->env), out_text("]");
    out_text("\n");
}

/* Lines as they are. */
static void put_lines(const char *text) {
    out_text(".nf\n");
    put(text);
    out_text(".fi\n");
}

static void put_command(const command *c) {
    out_text(".SS slm ");
    put(c->name);
    out_text("\n.B slm ");
    put(c->name);
    out_text(" ");
    put(c->usage);
    out_text("\n.PP\n");
    put(c->brief);
    out_text("\n.PP\n");
    put_lines(c->examples);
    if (c->notes) out_text(".PP\n"), put_lines(c->notes);
    group = NULL;
    options_list(c, put_option);
}

/* Paragraphs with a name each. */
static void put_named(const char *const (*list)[2], size_t n) {
    for (size_t i = 0; i < n; i++) {
        out_fmt(".TP\n.B %s\n", list[i][0]);
        put(list[i][1]);
        out_text("\n");
    }
}

void man_page(void) {
    const command *c;
    out_text(".TH SLM 1 \"\" \"slm " SLM_VERSION "\" \"User Commands\"\n.SH NAME\nslm \\- runs small language models from GGUF files on the CPU\n"
             ".SH SYNOPSIS\n.B slm\n.I COMMAND\n[FLAGS] [ARGUMENTS]\n.SH DESCRIPTION\n");
    put("slm answers prompts, holds conversations, and looks at and measures models.  stdout gets the answer and\n"
        "nothing else.  A model is named by its file, or by its name, or the beginning of it, among those that slm ls\n"
        "lists.  A setting comes from its flag, else from the environment, else from the configuration file, else from\n"
        "the model's file, else from what its developers recommend; --explain tells which.\n");
    out_text(".SH COMMANDS\n");
    for (size_t i = 0; (c = command_at(i)); i++) put_command(c);
    static const char *const variables[][2] = {
        {"SLM_MODEL, SLM_THREADS, SLM_CTX, SLM_MEM, SLM_SEED, SLM_ISA", "as the flags --model, --threads, --ctx-size, --mem, --seed and --isa, which come before them"},
        {"SLM_MODELS", "the folders of models, between colons; without it ./models and $XDG_DATA_HOME/slm/models"},
        {"OLLAMA_MODELS, HF_HUB_CACHE, HF_HOME", "where Ollama and the Hugging Face tools keep models, if not in their usual places"},
        {"NO_COLOR", "set to anything: no colours"},
        {"SOURCE_DATE_EPOCH", "the time that templates print, in seconds since 1970"},
        {"VISUAL, EDITOR, TMPDIR", "what /edit of slm chat opens, and where the file for it lies meanwhile"},
        {"TERM", "unset or dumb: no line editing, no colours, no bars"},
    };
    static const char *const files[][2] = {
        {"$XDG_CONFIG_HOME/slm/config", "settings, a line each of the form key = value; a key is the name of a flag, without its hyphens; # begins\n"
                                        "a line that is a comment; flags without a value are true or false.  Without the variable: ~/.config"},
        {"$XDG_STATE_HOME/slm/history", "what was typed in slm chat.  Without the variable: ~/.local/state"},
        {"$XDG_DATA_HOME/slm/models", "models.  Without the variable: ~/.local/share"},
    };
    static const char *const codes[][2] = {
        {"0", "done"}, {"1", "cannot run: file, format, input or output"}, {"2", "usage"},
        {"3", "the answer was cut by the context or the default length"}, {"4", "the prompt does not fit the context"},
        {"6", "it would not fit in memory"},
        {"7", "slm choose is less sure than --min-confidence"}, {"10 + i", "slm choose --exit-index: the i-th, from 0 on"}, {"124", "--timeout"},
        {"130, 143", "stopped by SIGINT or SIGTERM"}, {"141", "the reader of stdout left"},
    };
    out_text(".SH ENVIRONMENT\n");
    put_named(variables, ARRAY_LEN(variables));
    out_text(".SH FILES\n");
    put_named(files, ARRAY_LEN(files));
    out_text(".SH EXIT STATUS\n");
    put_named(codes, ARRAY_LEN(codes));
}
