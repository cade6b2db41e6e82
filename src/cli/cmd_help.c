/* cmd_help.c - help, printed from the tables of commands and flags. */
#include "cli.h"
#include <string.h>

/* How far the flag column reaches, and where lines are broken. */
#define COLUMN 30
#define WIDTH  100

static const char *group;

/* Words of `text` from column COLUMN on, broken before WIDTH. */
static void put_wrapped(const char *text, size_t at) {
    while (*text) {
        size_t n = strcspn(text, " ");
        if (at > COLUMN && at + 1 + n > WIDTH) {
            out_fmt("\n%*s", COLUMN, "");
            at = COLUMN;
        }
        if (at > COLUMN) out_put(" ", 1), at++;
        out_put(text, n);
        at += n;
        text += n;
        text += strspn(text, " ");
    }
}

static void put_flag(const option_help *h) {
    if (!group || strcmp(group, h->group)) out_fmt("\n%s\n", h->group);
    group = h->group;
    strbuf      b = {0};
    const char *p = h->names;
    strbuf_str(&b, STR("  "));
    for (size_t line = 0; *p; p++)
        if (*p != ' ') strbuf_char(&b, *p);
        else if (b.n - line + strcspn(p + 1, " ") < WIDTH - 2) strbuf_str(&b, STR(", "));
        else line = b.n, strbuf_str(&b, STR(",\n  "));
    if (h->arg) strbuf_fmt(&b, *h->arg == '[' ? "%s" : " %s", h->arg);
    out_put(b.p, b.n);
    if (b.n + 2 > COLUMN) out_fmt("\n%*s", COLUMN, "");
    else out_fmt("%*s", (int)(COLUMN - b.n), "");
    strbuf_free(&b);
    strbuf_fmt(&b, "%s", h->help);
    if (*h->range || *h->fallback || h->env) {
        strbuf_fmt(&b, " [%s", h->range);
        if (*h->fallback) strbuf_fmt(&b, "%sdefault: %s", *h->range ? "; " : "", h->fallback);
        if (h->env) strbuf_fmt(&b, "%senvironment: %s", *h->range || *h->fallback ? "; " : "", h->env);
        strbuf_char(&b, ']');
    }
    strbuf_char(&b, 0);
    if (!b.bad) put_wrapped(b.p, COLUMN);
    out_put("\n", 1);
    strbuf_free(&b);
}

void help_command(const command *c) {
    out_fmt("slm %s - %s\n\n", c->name, c->brief);
    out_text(c->examples);
    out_fmt("\nUsage: slm %s %s\n", c->name, c->usage);
    group = NULL;
    options_list(c, put_flag);
    if (c->notes) out_fmt("\n%s", c->notes);
}

void help_overview(void) {
    out_text("slm - runs small language models from GGUF files on the CPU\n\n"
             "  slm run -m model.gguf \"Why is the sky blue?\"\n"
             "  slm chat -m model.gguf\n"
             "  slm run -m model.gguf -n 64 --temp 0 \"A title for this:\" < text.txt\n"
             "  slm show model.gguf\n"
             "\nCommands\n");
    const command *c;
    for (size_t i = 0; (c = command_at(i)); i++) out_fmt("  %-12s%s\n", c->name, c->brief);
    out_text("\nslm help COMMAND shows examples and all flags; slm help isa the instruction sets here.\n\n"
             "Exit status: 0 done, 1 cannot run, 2 usage, 3 answer cut by context or default length,\n"
             "4 prompt longer than the context, 6 not enough memory, 7 and 10 on by slm choose, 124 timeout,\n"
             "130 and 143 stopped.\n");
}

static void put_isa(void) {
    const char *name;
    for (int i = 0; (name = slm_isa_name(i)); i++) out_fmt("%s\n", name);
}

static int help_main(options *o) {
    if (o->n_arg > 1) return fail(EXIT_USAGE, "help takes one command");
    if (!o->n_arg) help_overview();
    else if (!strcmp(o->arg[0], "isa")) put_isa();
    else if (!strcmp(o->arg[0], "man")) man_page();
    else {
        const command *c = command_find(o->arg[0]);
        if (!c) return fail(EXIT_USAGE, "no help on \"%s\": slm help lists the commands", o->arg[0]);
        help_command(c);
    }
    return out_end(EXIT_OK);
}

const command cmd_help = {
    .name = "help",
    .brief = "this overview, or all about one command",
    .usage = "[COMMAND]",
    .examples = "  slm help run\n",
    .main = help_main,
};
