/* input.c - which model, and the text that it gets. */
#include "../limits.h"
#include "../unicode.h"
#include "cli.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the model ------------------------------------------------------------ */

static bool is_file(const char *path) {
    struct stat st;
    return !stat(path, &st) && !S_ISDIR(st.st_mode) && !access(path, R_OK);
}

static bool ends_in(const char *s, const char *tail) {
    size_t n = strlen(s), k = strlen(tail);
    return n >= k && !strcmp(s + n - k, tail);
}

/* The .gguf file of the current folder whose name is nearest to `name`, as near as names of that length are by mistake. */
static bool nearest_file(const char *name, char out[256]) {
    const size_t third = strlen(name) / 3;
    DIR         *d = opendir(".");
    int          least = third > 3 ? 4 : third > 1 ? (int)third + 1 : 2;
    out[0] = 0;
    if (!d) return false;
    for (struct dirent *e; (e = readdir(d));) {
        str file = str_of(e->d_name), bare = file;
        if (!ends_in(e->d_name, ".gguf") || file.n >= 256) continue;
        bare.n -= 5;
        int whole = edit_distance(str_of(name), file), stem = edit_distance(str_of(name), bare);
        int dist = whole < stem ? whole : stem;
        if (dist > least || (dist == least && (!*out || strcmp(e->d_name, out) > 0))) continue;
        least = dist;
        memcpy(out, e->d_name, file.n + 1);
    }
    closedir(d);
    return *out;
}

/* What begins like a path or ends like a file was not meant as a name. */
static bool is_path(const char *s) { return *s == '/' || *s == '.' || *s == '~' || ends_in(s, ".gguf"); }

/* "x.gguf" that is not here: the model that is called x. */
static bool find_file_name(const char *asked, const char **path) {
    char         name[NAME_ROOM], near[NAME_ROOM];
    const size_t n = strlen(asked);
    if (!ends_in(asked, ".gguf") || strchr(asked, '/') || n <= 5 || n - 5 >= sizeof name || !access(asked, F_OK)) return false;
    memcpy(name, asked, n - 5);
    name[n - 5] = 0;
    return name_find(name, true, path, near) == NAME_FOUND;
}

static int no_memory_to_find(const char *asked) { return fail(EXIT_MEMORY, "no memory to look for the model \"%s\"", asked); }

int find_model(const char *asked, const char **path) {
    struct stat st;
    char        near[NAME_ROOM], file[256];
    *path = asked;
    if (find_file_name(asked, path)) return -1;
    if (!*asked || is_path(asked) || !stat(asked, &st) || (slm_has_builtin() && !strcmp(asked, SLM_BUILTIN))) return -1;
    const name_answer a = name_find(asked, false, path, near);
    if (a == NAME_NO_MEMORY) return no_memory_to_find(asked);
    if (a == NAME_AMBIGUOUS) return fail(EXIT_USAGE, "\"%s\" names several models: %s", asked, near);
    if (a == NAME_FOUND || strchr(asked, '/')) return -1;
    if (nearest_file(asked, file)) snprintf(near, sizeof near, "%.200s", file);
    if (*near) return fail(EXIT_USAGE, "there is no model \"%s\"; did you mean %s? (slm ls lists them)", asked, near);
    return fail(EXIT_USAGE, "there is no model \"%s\", neither a file nor a name that slm ls lists", asked);
}

/* May arguments be a text?  Else the first one can only be a model. */
static bool takes_text(const options *o) { return option_of_command(o, "--prompt") || option_of_command(o, "--file"); }

/* Is the first positional a model?  A text alone is one only by its whole name. */
static bool names_model(const options *o, const char *first, const char **path, char near[NAME_ROOM], name_answer *a) {
    const bool is_text = (o->n_arg == 1 || o->default_model) && takes_text(o);
    *path = first;
    near[0] = 0;
    *a = NAME_UNKNOWN;
    if (is_file(first) || (slm_has_builtin() && !strcmp(first, SLM_BUILTIN)) || find_file_name(first, path)) return true;
    if (!*first || is_path(first) || strlen(first) > 200 || strpbrk(first, " \t\n")) return false;
    *a = name_find(first, is_text, path, near);
    return *a == NAME_FOUND;
}

/* Was it meant as a file?  A slash among words ("is 1/2 more than 2/5?") makes no path, unless it begins like one. */
static bool looks_like_path(const char *s) {
    if (ends_in(s, ".gguf")) return true;
    return strchr(s, '/') && (!strpbrk(s, " \t\n") || *s == '/' || !strncmp(s, "./", 2) || !strncmp(s, "../", 3) || !strncmp(s, "~/", 2));
}

/* The first positional cannot be read, or is nearly a model's name: nobody meant a prompt.  -1: neither; else the exit
 * code. */
static int refuse_first(const options *o, const char *first, name_answer a, const char *name) {
    struct stat st;
    char        near[256];
    if (looks_like_path(first)) {
        const int e = stat(first, &st) ? errno : S_ISDIR(st.st_mode) ? EISDIR : EACCES;
        return fail(EXIT_RUNTIME, "%s: cannot open: %s", first, strerror(e));
    }
    if (takes_text(o) && (o->n_arg == 1 || o->default_model)) return -1;
    if (a == NAME_AMBIGUOUS) return fail(EXIT_USAGE, "\"%s\" names several models: %s", first, name);
    if (nearest_file(first, near) || *name) return fail(EXIT_USAGE, "\"%s\" is not a model; did you mean %s?", first, *near ? near : name);
    if (!takes_text(o)) return -1; /* the command says what it takes */
    return fail(EXIT_USAGE, "\"%s\" is not a model: name one by -m, or quote a prompt of several words: slm %s \"%s ..\"", first, o->cmd->name, first);
}

int name_model(options *o, const char **path) {
    const char *env = getenv("SLM_MODEL"), *first = o->n_arg ? o->arg[0] : NULL;
    char        name[NAME_ROOM] = "";
    name_answer a = NAME_UNKNOWN;
    if (env && !*env) env = NULL;
    o->model_origin = "flag";
    if (o->model) return find_model(o->model, path);
    if (env && first && takes_text(o) && ends_in(first, ".gguf") && is_file(first))
        warn(o, "SLM_MODEL names the model, so \"%s\" is text: -m names another", first);
    o->model_origin = "first argument";
    if (first && !(env && takes_text(o))) {
        if (names_model(o, first, path, name, &a)) {
            o->arg++;
            o->n_arg--;
            return -1;
        }
        if (a == NAME_NO_MEMORY) return no_memory_to_find(first);
        const int rc = refuse_first(o, first, a, name);
        if (rc >= 0) return rc;
    }
    o->model_origin = "environment SLM_MODEL";
    if (env) return find_model(env, path);
    o->model_origin = "config file";
    if (o->default_model) return find_model(o->default_model, path);
    o->model_origin = "default";
    if (slm_has_builtin()) {
        *path = SLM_BUILTIN;
        o->unnamed = true;
        return -1;
    }
    return fail(EXIT_USAGE, "no model named: give -m FILE.gguf, set SLM_MODEL, or put the file first");
}

/* ---- text ----------------------------------------------------------------- */

int too_long(const strbuf *b, const char *what) {
    if (!b->full) return fail(EXIT_MEMORY, "%s: no memory for its text", what);
    return fail(EXIT_RUNTIME, "%s: longer than the limit of %zu bytes", what, b->cap_bytes);
}

/* How long a named pipe may be without a writer: the other half of a script may start a little later. */
#define WRITER_MS 500

/* The first bytes of a pipe that was opened without waiting.  From then on reading waits. */
static int start_pipe(int fd, const char *path, strbuf *out) {
    const double end = clock_ms() + WRITER_MS;
    char         part[4096];
    for (;;) {
        const ssize_t k = read(fd, part, sizeof part);
        if (k > 0) strbuf_put(out, part, (size_t)k);
        if (k > 0 || (k < 0 && errno == EAGAIN)) break; /* it has a writer */
        if (k < 0 && errno != EINTR) return fail(EXIT_RUNTIME, "%s: cannot read: %s", path, strerror(errno));
        if (clock_ms() > end) return fail(EXIT_RUNTIME, "%s: is a pipe into which nobody writes", path);
        poll(NULL, 0, 5);
    }
    return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0 ? fail(EXIT_RUNTIME, "%s: cannot read: %s", path, strerror(errno)) : 0;
}

/* N of /dev/fd/N, the form of <(COMMAND), or of /dev/stdin: what is open there already; else -1. */
static int open_already(const char *path) {
    char *end;
    if (!strcmp(path, "/dev/stdin")) return STDIN_FILENO;
    if (strncmp(path, "/dev/fd/", 8) || path[8] < '0' || path[8] > '9') return -1;
    const long n = strtol(path + 8, &end, 10);
    return *end || n > 1 << 20 ? -1 : (int)n;
}

bool names_stdin(const char *path) { return !strcmp(path, "-") || open_already(path) == STDIN_FILENO; }

void put_path(strbuf *to, str path) {
    const char *home = path.n > 1 && path.p[0] == '~' && path.p[1] == '/' ? getenv("HOME") : NULL;
    if (home && *home) {
        strbuf_str(to, str_of(home));
        path.p++, path.n--;
    }
    strbuf_str(to, path);
}

int refuse_to_wait(void) {
    if (!isatty(STDIN_FILENO) || isatty(STDOUT_FILENO)) return 0;
    return fail(EXIT_USAGE, "stdin is a terminal, stdout is not: nothing waits for somebody to type");
}

/* Something to be read to its end: a file, a pipe, /dev/null; 0, or the exit code for what would never end. */
static int open_input(const char *path, int *fd, strbuf *out) {
    struct stat st, null;
    const int   there = open_already(path);
    *fd = there >= 0 ? dup(there) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0 || fstat(*fd, &st)) return fail(EXIT_RUNTIME, "%s: cannot open: %s", path, strerror(errno));
    if (there >= 0) return 0;
    if (S_ISDIR(st.st_mode)) return fail(EXIT_RUNTIME, "%s: is a directory, not a file", path);
    if (S_ISFIFO(st.st_mode)) return start_pipe(*fd, path, out);
    const bool nothing = S_ISCHR(st.st_mode) && !stat("/dev/null", &null) && null.st_rdev == st.st_rdev;
    return S_ISREG(st.st_mode) || nothing ? 0 : fail(EXIT_RUNTIME, "%s: is a device, not a file", path);
}

int read_all(const char *path, strbuf *out) {
    bool is_stdin = !path || !strcmp(path, "-");
    int  fd = STDIN_FILENO, rc = 0;
    char part[65536];
    out->cap_bytes = PROMPT_MAX_BYTES;
    if (!path || names_stdin(path)) rc = refuse_to_wait();
    if (!is_stdin && !rc) rc = open_input(path, &fd, out);
    for (ssize_t k; !rc && (k = read(fd, part, sizeof part));) {
        if (k < 0 && errno == EINTR) continue;
        if (k > 0) strbuf_put(out, part, (size_t)k);
        if (k < 0) rc = fail(EXIT_RUNTIME, "%s: cannot read: %s", is_stdin ? "stdin" : path, strerror(errno));
        else if (out->bad) rc = too_long(out, is_stdin ? "stdin" : path);
    }
    if (!is_stdin && fd != STDIN_FILENO && fd >= 0) close(fd);
    return rc;
}

int read_line(line_reader *r, str *out) {
    size_t seen = r->at;
    for (;;) {
        const char *end = r->buf.n > seen ? memchr(r->buf.p + seen, '\n', r->buf.n - seen) : NULL;
        if (end || (r->at_end && r->buf.n > r->at)) {
            const size_t n = end ? (size_t)(end - r->buf.p) : r->buf.n;
            *out = (str){r->buf.p + r->at, n - r->at};
            if (out->n && out->p[out->n - 1] == '\r') out->n--;
            r->at = end ? n + 1 : n;
            return 1;
        }
        if (r->at_end) return 0;
        if (r->at) memmove(r->buf.p, r->buf.p + r->at, r->buf.n -= r->at);
        r->at = 0;
        seen = r->buf.n;
        char          part[65536];
        const ssize_t k = read(STDIN_FILENO, part, sizeof part);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return -fail(EXIT_RUNTIME, "stdin: cannot read: %s", strerror(errno));
        r->at_end = k == 0;
        strbuf_put(&r->buf, part, (size_t)k);
        if (r->buf.bad) return -too_long(&r->buf, "stdin");
        if (r->buf.n > PROMPT_MAX_BYTES) return -fail(EXIT_RUNTIME, "stdin: a line is longer than the limit of %u bytes", PROMPT_MAX_BYTES);
    }
}

bool stdin_is_piped(const options *o) {
    return !o->no_stdin && !o->file && !(o->system_file && names_stdin(o->system_file)) && !isatty(STDIN_FILENO);
}

size_t make_utf8(strbuf *b) {
    size_t   n_bad = 0, i = 0, len;
    uint32_t cp;
    while (i < b->n && (len = utf8_decode(b->p + i, b->n - i, &cp))) i += len;
    if (i == b->n) return 0;
    strbuf good = {0};
    for (i = 0; i < b->n;) {
        if ((len = utf8_decode(b->p + i, b->n - i, &cp))) {
            strbuf_put(&good, b->p + i, len);
            i += len;
            continue;
        }
        /* The longest start of a character counts as one (Unicode 15, section 3.9). */
        size_t k = b->n - i < 3 ? b->n - i : 3;
        while (k > 1 && utf8_whole(b->p + i, k)) k--;
        strbuf_str(&good, STR("\xef\xbf\xbd"));
        i += k;
        n_bad++;
    }
    strbuf_free(b);
    *b = good;
    return n_bad;
}

int read_text(options *o, strbuf *out) {
    if (o->n_arg && o->file) return fail(EXIT_USAGE, "text given twice: as arguments and by -f");
    if (o->file) return read_all(o->file, out);
    if (!o->n_arg) {
        if (stdin_is_piped(o)) return read_all(NULL, out);
        return fail(EXIT_USAGE, "no text: give it as an argument, by -f FILE or on stdin");
    }
    out->cap_bytes = PROMPT_MAX_BYTES;
    for (int i = 0; i < o->n_arg; i++) {
        if (i) strbuf_char(out, ' ');
        strbuf_str(out, str_of(o->arg[i]));
    }
    return out->bad ? too_long(out, "the text") : 0;
}

unsigned token_flags(const options *o) {
    return (o->no_bos ? 0u : (unsigned)SLM_TOK_BOS) | (o->special ? (unsigned)SLM_TOK_SPECIAL : 0u);
}

static bool is_gap(char c) { return c == ',' || c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

int parse_ids(const char *name, str text, int n_vocab, id_list *out) {
    for (size_t i = 0; i < text.n;) {
        if (is_gap(text.p[i])) {
            i++;
            continue;
        }
        size_t  end = i;
        int64_t id = 0;
        bool    number = true;
        for (; end < text.n && !is_gap(text.p[end]); end++) {
            int d = text.p[end] - '0';
            if (d < 0 || d > 9) number = false;
            else if (id <= INT32_MAX) id = id * 10 + d;
        }
        int shown = end - i < 40 ? (int)(end - i) : 40;
        if (!number) return fail(EXIT_USAGE, "%s: \"%.*s\" is not a token id", name, shown, text.p + i);
        if (id >= n_vocab)
            return fail(EXIT_USAGE, "%s: %.*s is outside the vocabulary (0 to %d)", name, shown, text.p + i,
                        n_vocab - 1);
        id_push(out, (int32_t)id);
        i = end;
    }
    if (out->bad) return fail(EXIT_MEMORY, "no memory for the ids");
    return out->n ? 0 : fail(EXIT_USAGE, "%s: no ids in it", name);
}
