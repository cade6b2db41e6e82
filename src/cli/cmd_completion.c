/* cmd_completion.c - what shells complete, made of the tables of commands and flags. */
#include "cli.h"
#include <string.h>

enum { SHELL_BASH, SHELL_ZSH, SHELL_FISH };
static int shell;

/* What a value can be: one of the table's words, a model, a file, or nobody knows. */
static const char *value_kind(const option_help *h) {
    if (!h->arg || *h->arg == '[') return NULL;
    if (h->choices) return h->choices;
    if (!strcmp(h->arg, "MODEL")) return "MODEL";
    return strstr(h->arg, "FILE") ? "FILE" : NULL;
}

/* The names of a row, put between `before` and `after` each. */
static void put_names(const char *names, const char *before, const char *after) {
    while (*names) {
        const size_t n = strcspn(names, " ");
        out_text(before);
        out_put(names, n);
        out_text(after);
        names += n + (names[n] == ' ');
    }
}

static void put_pattern(const char *names) {
    for (; *names; names++) out_put(*names == ' ' ? "|" : names, 1);
}

/* Text for between single quotes. */
static void put_quoted(const char *text) {
    for (; *text; text++)
        if (*text == '\'') out_text(shell == SHELL_FISH ? "\\'" : "'\\''");
        else if (*text == '\\' && shell == SHELL_FISH) out_text("\\\\");
        else out_put(text, 1);
}

/* ---- bash and zsh ----------------------------------------------------------- */

static void put_flag_names(const option_help *h) { put_names(h->names, " ", ""); }

/* zsh: 'name:what it does', a colon in it escaped. */
static void put_described(const option_help *h) {
    const char *p = h->names;
    while (*p) {
        const size_t n = strcspn(p, " ");
        out_text(" '");
        out_put(p, n);
        out_text(":");
        put_quoted(h->help);
        out_text("'");
        p += n + (p[n] == ' ');
    }
}

static void put_value_case(const option_help *h) {
    const char *kind = value_kind(h);
    if (!h->arg || *h->arg == '[') return;
    out_text("        ");
    put_pattern(h->names);
    out_text(kind ? ") kind='" : ") kind='TEXT");
    if (kind) put_quoted(kind);
    out_text("' ;;\n");
}

static void put_cases(void (*flags)(const option_help *h), const char *open, const char *close) {
    const command *c;
    for (size_t i = 0; (c = command_at(i)); i++) {
        out_fmt("    %s)\n        flags=%s", c->name, open);
        options_list(c, flags);
        out_fmt("%s\n        case $prev in\n", close);
        options_list(c, put_value_case);
        out_text("        esac ;;\n");
    }
}

static void put_commands(const char *between) {
    const command *c;
    for (size_t i = 0; (c = command_at(i)); i++) out_fmt("%s%s", i ? between : "", c->name);
}

static void bash(void) {
    out_text("# Completion of slm for bash, written by `slm completion bash`.\n"
             "_slm() {\n"
             "    local IFS=$' \\t\\n' flags= kind= head= at=$COMP_CWORD\n"
             "    local cur=${COMP_WORDS[at]} prev=\n"
             "    COMPREPLY=()\n"
             "    # bash breaks words at = and :, which flags and names hold.\n"
             "    if [ \"$cur\" = : ] && [ $at -gt 2 ]; then head=${COMP_WORDS[at-1]}: cur= at=$((at - 1))\n"
             "    elif [ $at -gt 3 ] && [ \"${COMP_WORDS[at-1]}\" = : ]; then head=${COMP_WORDS[at-2]}: at=$((at - 2))\n"
             "    elif [ \"$cur\" = = ]; then cur=\n"
             "    elif [ \"${COMP_WORDS[at-1]}\" = = ]; then at=$((at - 1)); fi\n"
             "    prev=${COMP_WORDS[at-1]}\n"
             "    if [ \"$at\" -le 1 ]; then\n"
             "        COMPREPLY=($(compgen -W '");
    put_commands(" ");
    out_text(" --help --version' -- \"$cur\"))\n"
             "        return\n"
             "    fi\n"
             "    case ${COMP_WORDS[1]} in\n");
    put_cases(put_flag_names, "'", "'");
    out_text("    esac\n"
             "    if [ \"${COMP_WORDS[1]}\" = help ] && [ -z \"$kind\" ] && [ \"${cur#-}\" = \"$cur\" ]; then kind='");
    put_commands(" ");
    out_text(" isa man'\n"
             "    elif [ \"${COMP_WORDS[1]}\" = completion ] && [ \"${cur#-}\" = \"$cur\" ]; then kind='bash zsh fish'; fi\n"
             "    # Without a reply bash completes files.\n"
             "    case $kind in\n"
             "    MODEL)\n"
             "        local IFS=$'\\n' name\n"
             "        for name in $(\"${COMP_WORDS[0]}\" ls --names 2> /dev/null); do\n"
             "            [[ $name == \"$head$cur\"* ]] && COMPREPLY+=(\"$(printf %q \"${name#\"$head\"}\")\")\n"
             "        done ;;\n"
             "    FILE | TEXT) ;;\n"
             "    '') case $cur in -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\")) ;; esac ;;\n"
             "    *) COMPREPLY=($(compgen -W \"$kind\" -- \"$cur\")) ;;\n"
             "    esac\n"
             "}\n"
             "complete -o default -F _slm slm\n");
}

static void zsh(void) {
    const command *c;
    out_text("#compdef slm\n"
             "# Completion of slm for zsh, written by `slm completion zsh`.\n"
             "_slm() {\n"
             "    local -a flags commands names\n"
             "    local kind= prev=${words[CURRENT-1]} program=${words[1]}\n"
             "    if compset -P 1 '--*='; then prev=${IPREFIX%=}; fi\n"
             "    commands=(");
    for (size_t i = 0; (c = command_at(i)); i++) {
        out_fmt(" '%s:", c->name);
        put_quoted(c->brief);
        out_text("'");
    }
    out_text(")\n"
             "    if ((CURRENT == 2)); then\n"
             "        _describe command commands\n"
             "        return\n"
             "    fi\n"
             "    case ${words[2]} in\n");
    put_cases(put_described, "(", ")");
    out_text("    esac\n"
             "    case ${words[2]} in\n"
             "    help) _describe command commands; return ;;\n"
             "    completion) kind='bash zsh fish' ;;\n"
             "    esac\n"
             "    case $kind in\n"
             "    MODEL)\n"
             "        names=(${(f)\"$($program ls --names 2> /dev/null)\"})\n"
             "        compadd -a names\n"
             "        _files ;;\n"
             "    FILE | TEXT) _files ;;\n"
             "    '') if [[ $PREFIX == -* ]]; then _describe -o flag flags; else _files; fi ;;\n"
             "    *) compadd -- ${=kind} ;;\n"
             "    esac\n"
             "}\n"
             "if [ \"${funcstack[1]}\" = _slm ]; then _slm \"$@\"; else compdef _slm slm; fi\n");
}

/* ---- fish ------------------------------------------------------------------- */

static const char *of_command;

static void put_fish_flag(const option_help *h) {
    const char *kind = value_kind(h), *p = h->names;
    out_fmt("complete -c slm -n '__fish_seen_subcommand_from %s'", of_command);
    while (*p) {
        const size_t n = strcspn(p, " ");
        out_text(p[1] == '-' ? " -l " : n == 2 ? " -s " : " -o ");
        out_put(p + (p[1] == '-' ? 2 : 1), n - (p[1] == '-' ? 2 : 1));
        p += n + (p[n] == ' ');
    }
    if (h->arg && *h->arg != '[') out_text(kind && strcmp(kind, "FILE") && strcmp(kind, "MODEL") ? " -x" : " -r");
    if (kind && strcmp(kind, "FILE")) {
        out_text(" -a '");
        put_quoted(strcmp(kind, "MODEL") ? kind : "(slm ls --names 2> /dev/null)");
        out_text("'");
    }
    out_text(" -d '");
    put_quoted(h->help);
    out_text("'\n");
}

static void fish(void) {
    const command *c;
    out_text("# Completion of slm for fish, written by `slm completion fish`.\n");
    for (size_t i = 0; (c = command_at(i)); i++) {
        out_fmt("complete -c slm -f -n __fish_use_subcommand -a %s -d '", c->name);
        put_quoted(c->brief);
        out_text("'\n");
    }
    out_text("complete -c slm -f -n '__fish_seen_subcommand_from help' -a '");
    put_commands(" ");
    out_text(" isa man'\ncomplete -c slm -f -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n");
    for (size_t i = 0; (c = command_at(i)); i++) {
        of_command = c->name;
        options_list(c, put_fish_flag);
    }
}

static int completion_main(options *o) {
    static const char *const names[] = {"bash", "zsh", "fish"};
    static void (*const make[])(void) = {bash, zsh, fish};
    if (o->n_arg != 1) return fail(EXIT_USAGE, "completion takes a shell: bash, zsh or fish");
    for (shell = 0; shell < 3; shell++)
        if (!strcmp(o->arg[0], names[shell])) {
            make[shell]();
            return out_end(EXIT_OK);
        }
    return fail(EXIT_USAGE, "completion: \"%s\" is not one of: bash zsh fish", o->arg[0]);
}

const command cmd_completion = {
    .name = "completion",
    .brief = "what a shell needs to complete commands, flags, values and models",
    .usage = "bash|zsh|fish",
    .examples = "  . <(slm completion bash)\n"
                "  slm completion fish > ~/.config/fish/completions/slm.fish\n",
    .notes = "make install puts all three where the shells find them.\n",
    .main = completion_main,
};
