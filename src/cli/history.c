/* history.c - the file of what was typed: one message on each line, \n for a newline in it and \\ for a
 * backslash.  Lines are appended in one write, so that two chats do not mix theirs. */
#include "../limits.h"
#include "talk.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* False: there is no home for it. */
static bool history_path(strbuf *out) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state == '/') strbuf_fmt(out, "%s/slm/history", state); /* relative ones are to be ignored */
    else if (home && *home) strbuf_fmt(out, "%s/.local/state/slm/history", home);
    else return false;
    strbuf_char(out, 0);
    return !out->bad;
}

/* The folders above the file, each 0700 as the XDG specification wants it. */
static void make_folders(char *path) {
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        mkdir(path, 0700);
        *p = '/';
    }
}

static void put_item(strbuf *b, str text) {
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\n') strbuf_str(b, STR("\\n"));
        else if (text.p[i] == '\\') strbuf_str(b, STR("\\\\"));
        else strbuf_char(b, text.p[i]);
    }
    strbuf_char(b, '\n');
}

/* What a person could not have typed is left out: the file is input like any other. */
static void take_item(history *h, str text) {
    strbuf b = {0};
    for (size_t i = 0; i < text.n; i++) {
        const bool more = i + 1 < text.n;
        if (text.p[i] == '\\' && more) strbuf_char(&b, text.p[++i] == 'n' ? '\n' : text.p[i]);
        else if ((uint8_t)text.p[i] >= ' ' || text.p[i] == '\t') strbuf_char(&b, text.p[i]);
    }
    make_utf8(&b);
    if (!b.bad && !memchr(b.p ? b.p : "", 0, b.n)) history_add(h, (str){b.p, b.n});
    strbuf_free(&b);
}

/* Keeps the newest half of a file that has grown too long. */
static void shorten(const char *path, const history *h) {
    strbuf b = {0};
    for (size_t i = h->n / 2; i < h->n; i++) put_item(&b, str_of(h->item[i]));
    if (!b.bad) replace_file(path, &b, false); /* a failure leaves the long one */
    strbuf_free(&b);
}

void history_open(const options *o, history *h) {
    strbuf path = {0}, file = {0};
    if (!history_path(&path)) goto done;
    const int fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        if (fd >= 0 || errno != ENOENT) warn(o, "%s: the history cannot be read: %s", path.p, fd < 0 ? strerror(errno) : "no file");
        if (fd >= 0) close(fd);
        goto done;
    }
    const off_t from = st.st_size > (off_t)HISTORY_MAX_BYTES ? st.st_size - (off_t)HISTORY_MAX_BYTES : 0;
    char        part[65536];
    lseek(fd, from, SEEK_SET);
    for (ssize_t k; (k = read(fd, part, sizeof part)) > 0 && file.n <= HISTORY_MAX_BYTES;) strbuf_put(&file, part, (size_t)k);
    close(fd);
    size_t at = 0;
    while (from && at < file.n && file.p[at] != '\n') at++; /* the cut one */
    for (size_t end; at < file.n; at = end + 1) {
        for (end = at; end < file.n && file.p[end] != '\n';) end++;
        take_item(h, (str){file.p + at, end - at});
    }
    if (from || h->n == HISTORY_MAX_ITEMS) shorten(path.p, h);
done:
    strbuf_free(&file);
    strbuf_free(&path);
}

void history_append(const options *o, str text) {
    static bool told;
    strbuf      path = {0}, b = {0};
    if (history_path(&path)) {
        make_folders(path.p);
        put_item(&b, text);
        const int fd = open(path.p, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
        const int e = fd < 0 ? errno : b.bad ? ENOMEM : write_all(fd, b.p, b.n);
        if (fd >= 0) close(fd);
        if (e && !told) warn(o, "%s: the history cannot be kept: %s", path.p, strerror(e));
        told = told || e;
    }
    strbuf_free(&b);
    strbuf_free(&path);
}
