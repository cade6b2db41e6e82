/* config.c - the user's settings: $XDG_CONFIG_HOME/slm/config, a line each of the form key = value.
 *
 * A key is the name of a flag; # begins a line that is a comment; values are taken as they are, without
 * the space around them.  What a command does not have is passed over there. */
#include "cli.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Real ones have tens of lines. */
#define CONFIG_MAX ((off_t)1 << 20)

/* The path; empty where there is no home. */
static void config_path(strbuf *path) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && *config) strbuf_fmt(path, "%s/slm/config", config);
    else if (home && *home) strbuf_fmt(path, "%s/.config/slm/config", home);
    if (path->n || path->bad) strbuf_char(path, 0);
}

static char *trim(char *p) {
    p += strspn(p, " \t\r");
    size_t n = strlen(p);
    while (n && strchr(" \t\r", p[n - 1])) n--;
    p[n] = 0;
    return p;
}

static int configure_line(options *o, const char *path, int line, char *text) {
    char where[400];
    snprintf(where, sizeof where, "%s:%d", path, line);
    text = trim(text);
    if (!*text || *text == '#') return -1;
    char *eq = strchr(text, '=');
    if (!eq || eq == text) return fail(EXIT_USAGE, "%s: not of the form key = value", where);
    *eq = 0;
    return option_configure(o, where, str_of(trim(text)), trim(eq + 1));
}

int config_read(options *o) {
    static strbuf text; /* values point into it */
    strbuf        path = {0};
    struct stat   st;
    int           rc = -1;
    /* Help must not depend on it. */
    if (!strcmp(o->cmd->name, "help") || !strcmp(o->cmd->name, "completion")) return rc;
    config_path(&path);
    if (path.bad) rc = fail(EXIT_MEMORY, "no memory for the settings");
    if (path.bad || !path.n) goto done;
    if (stat(path.p, &st)) {
        /* EACCES: HOME is of another user, as under su; settings there are not this one's. */
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) rc = fail(EXIT_USAGE, "%s: cannot open: %s", path.p, strerror(errno));
        goto done;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > CONFIG_MAX) {
        rc = fail(EXIT_USAGE, "%s: not a file of settings", path.p);
        goto done;
    }
    const int unread = read_all(path.p, &text);
    if (unread) {
        rc = unread == EXIT_MEMORY ? EXIT_MEMORY : EXIT_USAGE;
        goto done;
    }
    if (text.n && memchr(text.p, 0, text.n)) {
        rc = fail(EXIT_USAGE, "%s: not a file of settings: it has a NUL byte", path.p);
        goto done;
    }
    strbuf_char(&text, 0);
    if (text.bad) rc = fail(EXIT_MEMORY, "no memory for the settings");
    char *p = text.bad ? NULL : text.p;
    for (int line = 1; p && rc < 0; line++) {
        char *end = strchr(p, '\n');
        if (end) *end = 0;
        rc = configure_line(o, path.p, line, p);
        p = end ? end + 1 : NULL;
    }
done:
    strbuf_free(&path);
    return rc;
}
