/* names.c - models by name: what the user already has, wherever a program put it, used in place.
 *
 * Looked through, in this order: the folders of SLM_MODELS, Ollama's manifests and blobs, the Hugging
 * Face cache, LM Studio's folders.  Names and trees are hostile: folders are entered to a fixed depth and
 * never through a link, and how many entries are read is bounded. */
#include "../json.h"
#include "cli.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Real collections have tens of models in folders of tens of entries. */
#define MOST_MODELS  1024
#define MOST_ENTRIES 100000
#define MOST_BYTES   ((size_t)64 << 20)
/* Real manifests have some kilobytes. */
#define MANIFEST_MAX ((size_t)1 << 20)

void models_free(model_list *l) {
    pool_free(&l->room);
    mem_free(l->at);
    *l = (model_list){0};
}

/* ---- folders ---------------------------------------------------------------- */

static const char *join(model_list *l, const char *a, const char *b) {
    const size_t n = strlen(a), k = strlen(b);
    char        *p = pool_take(&l->room, n + k + 2, 1);
    if (!p) return NULL;
    memcpy(p, a, n);
    p[n] = '/';
    memcpy(p + n + 1, b, k);
    return p;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Names of a folder, sorted, without those that begin with a dot; how many. */
static size_t entries(model_list *l, const char *dir, const char ***out) {
    DIR          *d = opendir(dir);
    const char  **at = NULL;
    size_t        n = 0, room = 0;
    if (!d) return 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        if (l->n_entries == MOST_ENTRIES) {
            l->cut = true;
            break;
        }
        l->n_entries++;
        const str copy = pool_copy(&l->room, (str){e->d_name, strlen(e->d_name) + 1});
        if (n == room) {
            const char **more = mem_resize(at, room = room ? 2 * room : 64, sizeof *at);
            if (!more) {
                l->starved = true;
                break;
            }
            at = more;
        }
        if (!copy.p) break;
        at[n++] = copy.p;
    }
    closedir(d);
    if (n) qsort(at, n, sizeof *at, by_text);
    *out = at;
    return n;
}

static bool is_folder(const char *path) {
    struct stat st;
    return !lstat(path, &st) && S_ISDIR(st.st_mode);
}

static bool is_gguf(const char *name) {
    const size_t n = strlen(name);
    return n > 5 && !strcasecmp(name + n - 5, ".gguf");
}

/* A file, also behind a link, that is not on the list from entry `from` on. */
static bool new_file(const model_list *l, size_t from, const char *path, uint64_t *dev, uint64_t *ino) {
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode)) return false;
    *dev = st.st_dev, *ino = st.st_ino;
    for (size_t i = from; i < l->n; i++)
        if (l->at[i].dev == *dev && l->at[i].ino == *ino) return false;
    return true;
}

static void add(model_list *l, model_place place, int rank, const char *full, const char *name, const char *path, uint64_t dev, uint64_t ino) {
    if (!full || !name || !path) return;
    if (l->n == MOST_MODELS) {
        l->cut = true;
        return;
    }
    if (l->n == l->n_room) {
        named_model *more = mem_resize(l->at, l->n_room = l->n_room ? 2 * l->n_room : 32, sizeof *more);
        if (!more) {
            l->starved = true;
            l->n_room = l->n;
            return;
        }
        l->at = more;
    }
    l->at[l->n++] = (named_model){name, full, path, place, rank, dev, ino};
}

/* The file's name, or the relative path, without .gguf. */
static const char *without_end(model_list *l, const char *s) {
    const size_t n = strlen(s) - 5;
    char        *p = pool_take(&l->room, n + 1, 1);
    if (p) memcpy(p, s, n);
    return p;
}

/* All .gguf files below dir; `prefix` is what their full names begin with, or "". */
static void scan(model_list *l, model_place place, int rank, const char *dir, const char *prefix, int depth, size_t from) {
    const char **at = NULL;
    const size_t n = entries(l, dir, &at);
    for (size_t i = 0; i < n; i++) {
        const char *path = join(l, dir, at[i]), *full = *prefix ? join(l, prefix, at[i]) : at[i];
        uint64_t    dev, ino;
        if (!path || !full) break;
        if (is_gguf(at[i]) && new_file(l, from, path, &dev, &ino))
            add(l, place, rank, without_end(l, full), without_end(l, at[i]), path, dev, ino);
        else if (depth && is_folder(path)) scan(l, place, rank, path, full, depth - 1, from);
    }
    mem_free(at);
}

/* ---- places ----------------------------------------------------------------- */

static const char *env_or_null(const char *name) {
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

/* $name, or $HOME/rest; NULL where neither is set. */
static const char *place_of(model_list *l, const char *name, const char *rest) {
    const char *v = name ? env_or_null(name) : NULL, *home = env_or_null("HOME");
    return v ? v : home ? join(l, home, rest) : NULL;
}

static void find_own(model_list *l) {
    const char *list = env_or_null("SLM_MODELS");
    int         rank = 0;
    if (!list) {
        const char *data = place_of(l, "XDG_DATA_HOME", ".local/share");
        scan(l, PLACE_OWN, rank++, "./models", "", 3, l->n);
        if (data && (data = join(l, data, "slm/models"))) scan(l, PLACE_OWN, rank, data, "", 3, l->n);
        return;
    }
    while (list) {
        const size_t n = strcspn(list, ":");
        char        *dir = pool_take(&l->room, n + 1, 1);
        if (!dir) return;
        memcpy(dir, list, n);
        if (n) scan(l, PLACE_OWN, rank++, dir, "", 3, l->n);
        list = list[n] ? list + n + 1 : NULL;
    }
}

/* A small file as JSON; NULL where it is none. */
static const json *read_manifest(pool *p, const char *path) {
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode) || st.st_size > (off_t)MANIFEST_MAX) return NULL;
    FILE *f = fopen(path, "re");
    char *text = f ? pool_take(p, (size_t)st.st_size + 1, 1) : NULL;
    size_t n = text ? fread(text, 1, (size_t)st.st_size, f) : 0;
    if (f) fclose(f);
    return text ? json_parse(p, (str){text, n}, NULL) : NULL;
}

/* The digest of the layer that is the model: "sha256:" and 64 hexadecimal digits, or empty. */
static str model_digest(const json *manifest) {
    const json *layers = json_get(manifest, STR("layers"));
    for (size_t i = 0; json_type(layers) == JSON_ARR && i < json_len(layers); i++) {
        const json *layer = json_at(layers, i);
        if (json_type(layer) != JSON_OBJ || !str_is(json_str(json_get(layer, STR("mediaType"))), "application/vnd.ollama.image.model")) continue;
        const str d = json_str(json_get(layer, STR("digest")));
        size_t    hex = 0;
        while (d.n > 7 && 7 + hex < d.n && memchr("0123456789abcdef", d.p[7 + hex], 16)) hex++;
        if (d.n == 71 && hex == 64 && !memcmp(d.p, "sha256:", 7)) return d;
    }
    return (str){"", 0};
}

static void add_tag(model_list *l, const char *root, const char *manifest, const char *full, const char *model, const char *tag) {
    pool        p;
    char        blob[96];
    struct stat st;
    pool_init(&p, 8 * MANIFEST_MAX);
    const json *m = read_manifest(&p, manifest);
    const str   d = json_type(m) == JSON_OBJ ? model_digest(m) : (str){"", 0};
    if (d.n) {
        snprintf(blob, sizeof blob, "blobs/sha256-%.*s", (int)d.n - 7, d.p + 7);
        char       *name = pool_take(&l->room, strlen(model) + strlen(tag) + 2, 1);
        char       *whole = pool_take(&l->room, strlen(full) + strlen(tag) + 2, 1);
        const char *path = join(l, root, blob);
        if (name && whole && path && !stat(path, &st) && S_ISREG(st.st_mode)) {
            sprintf(name, "%s:%s", model, tag);
            sprintf(whole, "%s:%s", full, tag);
            add(l, PLACE_OLLAMA, 0, whole, name, path, st.st_dev, st.st_ino);
        }
    }
    pool_free(&p);
}

/* manifests/HOST/NAMESPACE/MODEL/TAG.  What Ollama itself leaves out of a name is left out here. */
static void scan_manifests(model_list *l, const char *root, const char *dir, const char *full, const char *model, int depth) {
    const char **at = NULL;
    const size_t n = entries(l, dir, &at);
    for (size_t i = 0; i < n; i++) {
        const char *path = join(l, dir, at[i]);
        const bool  usual = !*full && ((depth == 3 && !strcmp(at[i], "registry.ollama.ai")) || (depth == 2 && !strcmp(at[i], "library")));
        if (!path) break;
        if (!depth) add_tag(l, root, path, full, model, at[i]);
        else if (is_folder(path)) {
            const char *longer = usual ? "" : *full ? join(l, full, at[i]) : at[i];
            if (longer) scan_manifests(l, root, path, longer, at[i], depth - 1);
        }
    }
    mem_free(at);
}

static void find_ollama(model_list *l) {
    static const char service[] = "/usr/share/ollama/.ollama/models"; /* where its installer's system user has them */
    const char *root = place_of(l, "OLLAMA_MODELS", ".ollama/models"), *dir;
    if (root && (dir = join(l, root, "manifests"))) scan_manifests(l, root, dir, "", "", 3);
    if (!env_or_null("OLLAMA_MODELS") && (dir = join(l, service, "manifests"))) scan_manifests(l, service, dir, "", "", 3);
}

/* The snapshot that refs/main names, or NULL. */
static const char *main_snapshot(model_list *l, const char *repo) {
    const char *ref = join(l, repo, "refs/main"), *dir = NULL;
    char        name[80], path[112];
    struct stat st;
    FILE       *f = ref && !stat(ref, &st) && S_ISREG(st.st_mode) ? fopen(ref, "re") : NULL;
    if (!f) return NULL;
    if (fgets(name, sizeof name, f)) {
        name[strcspn(name, "\r\n")] = 0;
        if (*name && strspn(name, "0123456789abcdef") == strlen(name)) {
            snprintf(path, sizeof path, "snapshots/%s", name);
            dir = join(l, repo, path);
        }
    }
    fclose(f);
    return dir && is_folder(dir) ? dir : NULL;
}

/* models--ORG--NAME/snapshots/COMMIT/FILE.gguf, links to blobs. */
static void find_hugging_face(model_list *l) {
    const char *hub = env_or_null("HF_HUB_CACHE"), *home = hub ? NULL : env_or_null("HF_HOME"), **at = NULL;
    if (!hub && home) hub = join(l, home, "hub");
    if (!hub && (hub = place_of(l, "XDG_CACHE_HOME", ".cache"))) hub = join(l, hub, "huggingface/hub");
    const size_t n = hub ? entries(l, hub, &at) : 0;
    for (size_t i = 0; i < n; i++) {
        const char *repo = join(l, hub, at[i]), *dash = strncmp(at[i], "models--", 8) ? NULL : strstr(at[i] + 8, "--");
        if (!repo || !dash) continue;
        const size_t room = strlen(at[i]), from = l->n;
        char        *prefix = pool_take(&l->room, room, 1);
        const char  *dir = main_snapshot(l, repo);
        if (!prefix) break;
        snprintf(prefix, room, "%.*s/%s", (int)(dash - at[i]) - 8, at[i] + 8, dash + 2);
        if (dir) scan(l, PLACE_HUGGING_FACE, 0, dir, prefix, 2, from);
        else if ((dir = join(l, repo, "snapshots"))) {
            const char **rev = NULL;
            const size_t n_rev = entries(l, dir, &rev);
            for (size_t k = 0; k < n_rev; k++) {
                const char *one = join(l, dir, rev[k]);
                if (one && is_folder(one)) scan(l, PLACE_HUGGING_FACE, 0, one, prefix, 2, from);
            }
            mem_free(rev);
        }
    }
    mem_free(at);
}

static void find_lm_studio(model_list *l) {
    const char *a = place_of(l, NULL, ".lmstudio/models"), *b = place_of(l, NULL, ".cache/lm-studio/models");
    if (a) scan(l, PLACE_LM_STUDIO, 0, a, "", 2, l->n);
    if (b) scan(l, PLACE_LM_STUDIO, 0, b, "", 2, l->n);
}

void models_find(model_list *l) {
    *l = (model_list){0};
    pool_init(&l->room, MOST_BYTES);
    find_own(l);
    find_ollama(l);
    find_hugging_face(l);
    find_lm_studio(l);
    l->starved |= l->room.starved;
    l->cut |= l->room.full && !l->starved;
}

const char *place_name(model_place p) {
    static const char *const name[] = {"folder", "Ollama", "Hugging Face", "LM Studio"};
    return name[p];
}

/* ---- a name ----------------------------------------------------------------- */

static bool begins(const char *s, const char *head) { return !strncasecmp(s, head, strlen(head)); }

/* Ollama leaves ":latest" out. */
static bool is_name(const char *s, const char *asked) {
    return begins(s, asked) && (!s[strlen(asked)] || !strcasecmp(s + strlen(asked), ":latest"));
}

static bool fits(const named_model *m, const char *asked, bool whole) {
    return whole ? is_name(m->name, asked) || is_name(m->full, asked) : begins(m->name, asked) || begins(m->full, asked);
}

/* Earlier places hide later ones of the same name, as in a PATH. */
static bool hides(const named_model *a, const named_model *b) {
    return !strcasecmp(a->name, b->name) && (a->place != b->place || a->rank != b->rank || (a->dev == b->dev && a->ino == b->ino));
}

/* How many models fit; *first: the first, *list: up to eight full names. */
static int matches(const model_list *l, const char *asked, bool whole, const named_model **first, strbuf *list) {
    const named_model *seen[9] = {NULL};
    int                n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const named_model *m = &l->at[i];
        bool               hidden = false;
        if (!fits(m, asked, whole)) continue;
        for (int k = 0; k < n && k < 9; k++) hidden |= hides(seen[k], m);
        if (hidden) continue;
        if (n < 8) strbuf_fmt(list, "%s%s", n ? ", " : "", m->full);
        if (n == 8) strbuf_str(list, STR(", .."));
        if (n < 9) seen[n] = m;
        n++;
    }
    *first = seen[0];
    strbuf_char(list, 0);
    return n;
}

static str lower(const char *s, char buf[64]) {
    size_t n = strlen(s);
    if (n > 63) n = 63;
    for (size_t i = 0; i < n; i++) buf[i] = (char)tolower((unsigned char)s[i]);
    return (str){buf, n};
}

/* The name nearest to `asked`, or NULL. */
static const char *nearest_name(const model_list *l, const char *asked) {
    char        a[64], b[64];
    const str   want = lower(asked, a);
    int         least = (int)(want.n / 3 > 1 ? want.n / 3 : 1) + 1;
    const char *best = NULL;
    for (size_t i = 0; i < l->n; i++) {
        const int d = edit_distance(want, lower(l->at[i].name, b));
        if (d < least) least = d, best = l->at[i].name;
    }
    return best;
}

/* Names live until the program ends. */
static pool kept;
const char *keep_text(const char *path) {
    if (!kept.cap) pool_init(&kept, (size_t)1 << 20);
    return pool_copy(&kept, (str){path, strlen(path) + 1}).p;
}

name_answer name_find(const char *asked, bool whole, const char **path, char near[NAME_ROOM]) {
    model_list         l;
    const named_model *m = NULL;
    strbuf             list = {0};
    name_answer        a = NAME_UNKNOWN;
    near[0] = 0;
    models_find(&l);
    int n = matches(&l, asked, true, &m, &list);
    if (!n && !whole) {
        list.n = 0;
        n = matches(&l, asked, false, &m, &list);
    }
    if (l.starved || list.bad) a = NAME_NO_MEMORY;
    else if (n == 1) a = (*path = keep_text(m->path)) ? NAME_FOUND : NAME_NO_MEMORY;
    else if (n) a = NAME_AMBIGUOUS;
    const char *shown = n ? (list.bad ? "" : list.p) : nearest_name(&l, asked);
    if (shown) snprintf(near, NAME_ROOM, "%s", shown);
    strbuf_free(&list);
    models_free(&l);
    return a;
}
