/* gguf_write.c - header, lists and data in one pass from front to end.
 *
 * What comes before the data is made in memory, since the offsets in it depend on its own length.
 * The file is first one without a name (O_TMPFILE), so that a process that is killed leaves nothing;
 * where the file system has no such files it is called TARGET.PID.tmp until it is whole. */
#include "gguf_write.h"
#include "limits.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef unsigned long long ull; /* what %llu prints */

/* Bytes of a write, and of what is waited for on its way to the disk: progress is told, and a stop is heard, between two. */
enum { PIECE = 1 << 20, SYNC_PIECE = 4 << 20 };

struct gguf_writer {
    uint32_t          version;
    bool              pads_end;
    pool              mem;      /* of keys, values and names that were set */
    gguf_kv          *kv;
    gguf_tensor_info *tensor;
    size_t            n_kv, kv_room, n_tensor, tensor_room;
    bool              bad;      /* no memory for one of them */

    gguf_write_options o;
    int       fd;               /* of the temporary file; -1: none */
    char     *path, *folder, *temporary;
    bool      has_name;         /* the temporary file stands in the folder */
    strbuf    head;
    uint64_t *offset;           /* [n_tensor], from the start of the file */
    uint64_t  at, total;        /* bytes written, of all */
    size_t    next;             /* tensor that the next data belongs to, and how much of it is there */
    uint64_t  got;
};

/* ---- what is to be written ------------------------------------------------------- */

/* A list with room for one more. */
static void *grown(void *list, size_t n, size_t *room, size_t elem) {
    if (n < *room) return list;
    const size_t more = n ? n * 2 : 64;
    void        *p = mem_resize(list, more, elem);
    if (p) *room = more;
    return p;
}

static void add_kv(gguf_writer *w, const gguf_kv *kv) {
    gguf_kv *list = grown(w->kv, w->n_kv, &w->kv_room, sizeof *list);
    if (!list) {
        w->bad = true;
        return;
    }
    w->kv = list;
    w->kv[w->n_kv++] = *kv;
}

slm_status gguf_writer_create(gguf_writer **out, const gguf *from, slm_error *err) {
    gguf_writer *w = mem_zero(1, sizeof *w);
    if (!w) return err_memory(err, "a file to write", sizeof *w);
    pool_init(&w->mem, SIZE_MAX / 2);
    w->fd = -1;
    w->version = from ? gguf_version(from) : 3;
    w->pads_end = true;
    if (from) {
        size_t end = gguf_table_end(from);
        for (size_t i = 0; i < gguf_n_tensors(from); i++) {
            const gguf_tensor *t = gguf_tensor_at(from, i);
            if (t->offset + t->bytes > end) end = (size_t)t->offset + t->bytes;
        }
        w->pads_end = gguf_file_bytes(from) > end;
        for (size_t i = 0; i < gguf_n_kv(from); i++) add_kv(w, gguf_kv_at(from, i));
    }
    *out = w;
    return SLM_OK;
}

static size_t place_of(const gguf_writer *w, str key) {
    size_t i = 0;
    while (i < w->n_kv && !str_eq(w->kv[i].key, key)) i++;
    return i;
}

void gguf_writer_set(gguf_writer *w, const gguf_kv *kv) {
    gguf_kv copy = *kv;
    copy.key = pool_copy(&w->mem, kv->key);
    copy.data = (const uint8_t *)pool_copy(&w->mem, (str){(const char *)kv->data, kv->bytes}).p;
    if (!copy.key.p || !copy.data) {
        w->bad = true;
        return;
    }
    const size_t i = place_of(w, kv->key);
    if (i < w->n_kv) w->kv[i] = copy;
    else add_kv(w, &copy);
}

static void store(uint8_t *p, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * i);
}

void gguf_writer_set_u32(gguf_writer *w, const char *key, uint32_t v) {
    uint8_t data[4];
    store(data, v, 4);
    gguf_writer_set(w, &(gguf_kv){.key = str_of(key), .elem = GGUF_U32, .n = 1, .data = data, .bytes = sizeof data});
}

void gguf_writer_set_str(gguf_writer *w, const char *key, str v) {
    uint8_t *data = pool_take(&w->mem, v.n + 8, 1);
    if (!data) {
        w->bad = true;
        return;
    }
    store(data, v.n, 8);
    if (v.n) memcpy(data + 8, v.p, v.n);
    gguf_writer_set(w, &(gguf_kv){.key = str_of(key), .elem = GGUF_STR, .n = 1, .data = data, .bytes = v.n + 8});
}

void gguf_writer_remove(gguf_writer *w, const char *key) {
    const size_t i = place_of(w, str_of(key));
    if (i == w->n_kv) return;
    w->n_kv--;
    memmove(w->kv + i, w->kv + i + 1, (w->n_kv - i) * sizeof *w->kv);
}

void gguf_writer_tensor(gguf_writer *w, const gguf_tensor_info *t) {
    gguf_tensor_info *list = grown(w->tensor, w->n_tensor, &w->tensor_room, sizeof *list);
    if (list) w->tensor = list;
    const str name = pool_copy(&w->mem, t->name);
    if (!list || !name.p) {
        w->bad = true;
        return;
    }
    w->tensor[w->n_tensor] = *t;
    w->tensor[w->n_tensor++].name = name;
}

/* ---- layout ------------------------------------------------------------------------ */

static void put_uint(strbuf *b, uint64_t v, int bytes) {
    uint8_t p[8];
    store(p, v, bytes);
    strbuf_put(b, (const char *)p, (size_t)bytes);
}

static void put_str(strbuf *b, str s) {
    put_uint(b, s.n, 8);
    strbuf_str(b, s);
}

static uint64_t align_up(uint64_t n, uint64_t align) { return (n + align - 1) & ~(align - 1); }

/* What the metadata says that readers will use. */
static uint64_t alignment(const gguf_writer *w) {
    const size_t i = place_of(w, STR("general.alignment"));
    return i < w->n_kv && !w->kv[i].is_array && w->kv[i].elem != GGUF_STR ? gguf_kv_uint(&w->kv[i], 0) : 32;
}

/* Everything before the data.  With offsets (from the start of the file) it has its final bytes, and
 * it has its final length in any case. */
static void put_head(const gguf_writer *w, strbuf *b, const uint64_t *offset) {
    strbuf_str(b, STR("GGUF"));
    put_uint(b, w->version, 4);
    put_uint(b, w->n_tensor, 8);
    put_uint(b, w->n_kv, 8);
    for (size_t i = 0; i < w->n_kv; i++) {
        const gguf_kv *kv = &w->kv[i];
        put_str(b, kv->key);
        put_uint(b, kv->is_array ? GGUF_ARRAY : kv->elem, 4);
        if (kv->is_array) put_uint(b, kv->elem, 4);
        if (kv->is_array) put_uint(b, kv->n, 8);
        strbuf_put(b, (const char *)kv->data, kv->bytes);
    }
    uint64_t end = b->n;
    for (size_t i = 0; i < w->n_tensor; i++) end += 8 + w->tensor[i].name.n + 4 + 8 * (uint64_t)w->tensor[i].n_dims + 4 + 8;
    const uint64_t data = align_up(end, alignment(w));
    for (size_t i = 0; i < w->n_tensor; i++) {
        const gguf_tensor_info *t = &w->tensor[i];
        put_str(b, t->name);
        put_uint(b, (uint64_t)t->n_dims, 4);
        for (int k = 0; k < t->n_dims; k++) put_uint(b, t->dim[k], 8);
        put_uint(b, t->type, 4);
        put_uint(b, offset ? offset[i] - data : 0, 8);
    }
}

uint64_t gguf_writer_plan(gguf_writer *w, uint64_t least_align, uint64_t *offset) {
    const uint64_t align = alignment(w), most = (uint64_t)1 << 62;
    if (align < GGUF_MIN_ALIGN || align > GGUF_MAX_ALIGN || align & (align - 1)) return 0;
    strbuf b = {0};
    put_head(w, &b, NULL);
    uint64_t at = b.n;
    bool     fits = !b.bad;
    w->bad |= b.bad;
    strbuf_free(&b);
    for (size_t i = 0; i < w->n_tensor && fits; i++) {
        at = align_up(at, align);
        if (least_align) at = align_up(at, least_align);
        if (offset) offset[i] = at;
        fits = w->tensor[i].bytes < most - at;
        at += w->tensor[i].bytes;
    }
    return !fits ? 0 : w->pads_end ? align_up(at, align) : at;
}

/* ---- the file ---------------------------------------------------------------------- */

static slm_status refuse(const gguf_writer *w, slm_error *err, const char *what, int e) {
    return err_set(err, e == ENOMEM ? SLM_ERR_MEMORY : SLM_ERR_IO, "%s: cannot %s: %s", w->path, what, strerror(e));
}

static char *copy_text(const char *s, size_t n) {
    char *p = mem_zero(n + 1, 1);
    if (p) memcpy(p, s, n);
    return p;
}

/* Takes over the names of the target, of its folder and of the temporary file.  A link is followed, so that it
 * stays one; what is no file is left alone. */
static slm_status name_target(gguf_writer *w, const char *path, slm_error *err) {
    struct stat to, in;
    const bool  there = !stat(path, &to);
    char       *real = there ? realpath(path, NULL) : NULL;
    const char *name = real ? real : path, *slash = strrchr(name, '/');
    const size_t room = strlen(name) + 32;
    w->path = copy_text(name, strlen(name));
    w->folder = !slash ? copy_text(".", 1) : slash == name ? copy_text("/", 1) : copy_text(name, (size_t)(slash - name));
    w->temporary = mem_zero(room, 1);
    if (w->temporary) snprintf(w->temporary, room, "%s.%ld.tmp", name, (long)getpid());
    free(real);
    if (!w->path || !w->folder || !w->temporary) return err_memory(err, "a file's name", room);
    if (there && !S_ISREG(to.st_mode))
        return err_set(err, SLM_ERR_IO, "%s: is a %s, not a file", path, S_ISDIR(to.st_mode) ? "directory" : "device or pipe");
    if (there && w->o.input && !stat(w->o.input, &in) && in.st_dev == to.st_dev && in.st_ino == to.st_ino)
        return err_set(err, SLM_ERR_ARGUMENT, "%s: is the input itself: name another file for the output", path);
    return SLM_OK;
}

static slm_status check_space(const gguf_writer *w, slm_error *err) {
    struct statvfs s;
    /* Some file systems of networks and users tell nothing. */
    if (statvfs(w->folder, &s) || !s.f_blocks) return SLM_OK;
    const uint64_t have = (uint64_t)s.f_bavail * (uint64_t)s.f_frsize;
    if (w->total <= have) return SLM_OK;
    return err_set(err, SLM_ERR_IO, "%s: needs %llu bytes of disk space, has %llu", w->path, (ull)w->total, (ull)have);
}

#ifdef O_TMPFILE
/* How a file without a name is given one. */
static void path_of_open_file(const gguf_writer *w, char out[64]) { snprintf(out, 64, "/proc/self/fd/%d", w->fd); }
#endif

static slm_status open_temporary(gguf_writer *w, slm_error *err) {
#ifdef O_TMPFILE
    char self[64];
    w->fd = open(w->folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    path_of_open_file(w, self);
    if (w->fd >= 0 && !access(self, F_OK)) return SLM_OK;
    if (w->fd >= 0) close(w->fd); /* there is no /proc to name it by */
#endif
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    w->has_name = w->fd >= 0;
    return w->has_name ? SLM_OK : refuse(w, err, "write", errno);
}

static slm_status stopped(const gguf_writer *w, slm_error *err) {
    if (!w->o.progress || w->o.progress(w->o.ud, w->at, w->total)) return SLM_OK;
    return err_set(err, SLM_ERR_IO, "%s: stopped before it was whole; nothing was changed", w->path);
}

static slm_status write_bytes(gguf_writer *w, const char *p, size_t n, slm_error *err) {
    while (n) {
        const ssize_t k = write(w->fd, p, n < PIECE ? n : PIECE);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return refuse(w, err, "write", errno);
        p += k;
        n -= (size_t)k;
        w->at += (uint64_t)k;
        const slm_status rc = stopped(w, err);
        if (rc) return rc;
    }
    return SLM_OK;
}

static slm_status pad_to(gguf_writer *w, uint64_t at, slm_error *err) {
    static const char zeros[4096];
    slm_status        rc = SLM_OK;
    while (!rc && w->at < at) rc = write_bytes(w, zeros, at - w->at < sizeof zeros ? (size_t)(at - w->at) : sizeof zeros, err);
    return rc;
}

slm_status gguf_writer_begin(gguf_writer *w, const char *path, const gguf_write_options *o, slm_error *err) {
    w->o = *o;
    w->offset = mem_zero(w->n_tensor, sizeof *w->offset);
    if (w->bad || !w->offset) return err_memory(err, "a file's metadata", w->mem.used);
    slm_status rc = name_target(w, path, err);
    if (rc) return rc;
    w->total = gguf_writer_plan(w, o->least_align, w->offset);
    if (w->bad) return err_memory(err, "a file's metadata", w->mem.used);
    if (!w->total) return err_set(err, SLM_ERR_FORMAT, "%s: its tensors or its general.alignment are not what a file can have", path);
    put_head(w, &w->head, w->offset);
    if (w->head.bad) return err_memory(err, "a file's metadata", w->head.n);
    if ((rc = check_space(w, err)) || (rc = open_temporary(w, err))) return rc;
    rc = write_bytes(w, w->head.p, w->head.n, err);
    strbuf_free(&w->head);
    return rc;
}

slm_status gguf_writer_put(gguf_writer *w, const void *p, size_t n, slm_error *err) {
    const char *from = p;
    slm_status  rc = SLM_OK;
    while (n && !rc) {
        while (w->next < w->n_tensor && w->got == w->tensor[w->next].bytes) w->next++, w->got = 0;
        if (w->next == w->n_tensor) return err_set(err, SLM_ERR_ARGUMENT, "%s: %zu bytes more than its tensors have", w->path, n);
        const uint64_t left = w->tensor[w->next].bytes - w->got;
        const size_t   k = n < left ? n : (size_t)left;
        if (!w->got) rc = pad_to(w, w->offset[w->next], err);
        if (!rc) rc = write_bytes(w, from, k, err);
        w->got += k;
        from += k;
        n -= k;
    }
    return rc;
}

/* The new name must be on the disk too, or a power cut could bring the old file back. */
static slm_status sync_folder(const gguf_writer *w, slm_error *err) {
    const int fd = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return SLM_OK; /* a folder that may be written but not read */
    const int e = fsync(fd) && errno != EINVAL ? errno : 0;
    close(fd);
    return e ? refuse(w, err, "sync", e) : SLM_OK;
}

static slm_status name_temporary(gguf_writer *w, slm_error *err) {
#ifdef O_TMPFILE
    char self[64];
    path_of_open_file(w, self);
    if (!w->has_name && linkat(AT_FDCWD, self, AT_FDCWD, w->temporary, AT_SYMLINK_FOLLOW)) return refuse(w, err, "write", errno);
    w->has_name = true;
#endif
    const int e = close(w->fd) && errno != EINTR ? errno : 0;
    w->fd = -1;
    if (e) return refuse(w, err, "write", e);
    if (rename(w->temporary, w->path)) return refuse(w, err, "write", errno);
    w->has_name = false;
    return sync_folder(w, err);
}

#ifdef SYNC_FILE_RANGE_WRITE
/* False: the disk failed.  What cannot be done is left to fsync(). */
static bool sync_range(const gguf_writer *w, uint64_t at, unsigned how) {
    return !sync_file_range(w->fd, (off_t)at, SYNC_PIECE, how) || errno == EINVAL || errno == ENOSYS || errno == EPERM || errno == EINTR;
}
#endif

/* fsync() cannot be interrupted, and of a large file it takes long: what it would wait for goes to the disk before, in
 * pieces between which a stop is heard. */
static slm_status sync_in_pieces(const gguf_writer *w, slm_error *err) {
    slm_status rc = SLM_OK;
#ifdef SYNC_FILE_RANGE_WRITE
    const unsigned begin = SYNC_FILE_RANGE_WRITE, whole = SYNC_FILE_RANGE_WAIT_BEFORE | begin | SYNC_FILE_RANGE_WAIT_AFTER;
    for (uint64_t at = 0; at < w->at && !rc; at += SYNC_PIECE) {
        const bool done = sync_range(w, at + SYNC_PIECE, begin) && sync_range(w, at, whole); /* the next one is on its way */
        rc = done ? stopped(w, err) : refuse(w, err, "sync", errno);
    }
#endif
    (void)w, (void)err;
    return rc;
}

slm_status gguf_writer_end(gguf_writer *w, slm_error *err) {
    size_t missing = 0;
    for (size_t i = w->next; i < w->n_tensor; i++) missing += w->tensor[i].bytes;
    if (missing > w->got) return err_set(err, SLM_ERR_ARGUMENT, "%s: %zu bytes of its tensors were not given", w->path, (size_t)(missing - w->got));
    slm_status rc = pad_to(w, w->total, err);
    if (!rc) rc = sync_in_pieces(w, err);
    if (!rc && fsync(w->fd) && errno != EINVAL) rc = refuse(w, err, "sync", errno);
    if (!rc) rc = stopped(w, err); /* syncing may take long */
    return rc ? rc : name_temporary(w, err);
}

void gguf_writer_free(gguf_writer *w) {
    if (!w) return;
    if (w->fd >= 0) close(w->fd);
    if (w->has_name) unlink(w->temporary);
    strbuf_free(&w->head);
    pool_free(&w->mem);
    mem_free(w->kv);
    mem_free(w->tensor);
    mem_free(w->offset);
    mem_free(w->path);
    mem_free(w->folder);
    mem_free(w->temporary);
    mem_free(w);
}
