/* base.c - errors, checked sizes, memory, file map, string buffer, clock. */
#include "base.h"
#include "unicode.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__) && !defined(MADV_COLLAPSE)
#define MADV_COLLAPSE 25 /* Linux 6.1; older C libraries do not name it */
#endif

str str_of(const char *z) { return (str){z ? z : "", z ? strlen(z) : 0}; }

bool str_eq(str a, str b) { return a.n == b.n && (a.n == 0 || !memcmp(a.p, b.p, a.n)); }

bool str_is(str a, const char *z) { return str_eq(a, str_of(z)); }

/* ---- errors -------------------------------------------------------------- */

/* Ends a line for some readers, or turns the direction in which terminals write what follows. */
static bool steers(uint32_t cp) {
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

/* Copies text so that it is one printable line: control characters, those like them and bytes that are
 * not UTF-8 become \xNN, so that a hostile name cannot steer a terminal. */
static void put_printable(char *out, size_t room, const char *p, size_t n) {
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t   len = utf8_decode(p + i, n - i, &cp);
        bool     plain = len && !steers(cp);
        size_t   need = plain ? len : 4;
        if (used + need + 1 > room) break;
        if (plain) memcpy(out + used, p + i, len);
        else snprintf(out + used, 5, "\\x%02x", (unsigned)(uint8_t)p[i]);
        used += need;
        i += plain ? len : 1;
    }
    out[used] = 0;
}

slm_status err_set(slm_error *err, slm_status code, const char *fmt, ...) {
    if (!err || err->code) return code;
    char    raw[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
    err->code = code;
    put_printable(err->text, sizeof err->text, raw, len);
    return code;
}

slm_status err_memory(slm_error *err, const char *what, size_t n) {
    return err_set(err, SLM_ERR_MEMORY, "no memory for %s (%zu bytes)", what, n);
}

/* ---- sizes and heap ------------------------------------------------------ */

bool size_mul(size_t *out, size_t a, size_t b) {
    if (b && a > SIZE_MAX / b) return false;
    *out = a * b;
    return true;
}

bool size_add(size_t *out, size_t a, size_t b) {
    if (a > SIZE_MAX - b) return false;
    *out = a + b;
    return true;
}

static _Atomic uint64_t n_allocations;

uint64_t mem_count(void) { return n_allocations; }

void *mem_zero(size_t n, size_t elem) {
    n_allocations++;
    if (!n || !elem) n = elem = 1;
    return calloc(n, elem);
}

void *mem_resize(void *p, size_t n, size_t elem) {
    size_t bytes;
    n_allocations++;
    if (!size_mul(&bytes, n, elem)) return NULL;
    return realloc(p, bytes ? bytes : 1);
}

void mem_free(void *p) { free(p); }

/* ---- arena --------------------------------------------------------------- */

void *arena_take(arena *a, size_t n, size_t elem, size_t align) {
    size_t bytes, at, end;
    if (a->full || !size_mul(&bytes, n, elem) || !size_add(&at, a->used, align - 1) ||
        !size_add(&end, at & ~(align - 1), bytes) || (a->base && end > a->cap)) {
        a->full = true;
        return NULL;
    }
    at &= ~(align - 1);
    a->used = end;
    return a->base ? a->base + at : NULL;
}

slm_status arena_alloc(arena *a, size_t cap, const char *what, slm_error *err) {
    memset(a, 0, sizeof *a);
    n_allocations++;
    /* Fresh pages are zero already and are only touched when used. */
    void *p = mmap(NULL, cap ? cap : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return err_memory(err, what, cap);
#ifdef MADV_HUGEPAGE
    madvise(p, cap ? cap : 1, MADV_HUGEPAGE); /* a wish: fewer TLB misses over large caches */
#endif
    a->base = p;
    a->cap = cap;
    return SLM_OK;
}

void arena_huge(const arena *a, bool huge) {
#ifdef MADV_HUGEPAGE
    madvise(a->base, a->cap, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#endif
#ifdef MADV_COLLAPSE
    if (huge) madvise(a->base, a->cap, MADV_COLLAPSE); /* else it is done by and by */
#endif
    (void)a, (void)huge;
}

void arena_free(arena *a) {
    if (a->base) munmap(a->base, a->cap ? a->cap : 1);
    memset(a, 0, sizeof *a);
}

void arena_drop(void *p, size_t n) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)p + page - 1) / page * page;
    const uintptr_t to = ((uintptr_t)p + n) / page * page;
    if (from < to) madvise((void *)from, to - from, MADV_DONTNEED);
}

/* ---- pool ---------------------------------------------------------------- */

struct pool_chunk {
    pool_chunk *next;
    size_t      used, cap;
    max_align_t data[];
};

void pool_init(pool *p, size_t cap) { *p = (pool){.cap = cap}; }

void *pool_take(pool *p, size_t n, size_t elem) {
    const size_t al = sizeof(max_align_t);
    size_t       bytes;
    if (p->full || !size_mul(&bytes, n, elem) || !size_add(&bytes, bytes, al - 1)) goto fail;
    bytes &= ~(al - 1);
    pool_chunk *c = p->head;
    if (!c || bytes > c->cap - c->used) {
        size_t room = c ? c->cap * 2 : 4096;
        if (room > 1u << 20) room = 1u << 20;
        if (room < bytes) room = bytes;
        if (room > p->cap - p->used) room = p->cap - p->used;
        if (room < bytes) goto fail;
        size_t total;
        if (!size_add(&total, sizeof *c, room)) goto fail;
        c = mem_zero(1, total);
        p->starved = !c;
        if (!c) goto fail;
        c->cap = room;
        c->next = p->head;
        p->head = c;
        p->used += room;
    }
    void *at = (uint8_t *)c->data + c->used;
    c->used += bytes;
    return at;
fail:
    p->full = true;
    return NULL;
}

str pool_copy(pool *p, str s) {
    char *q = pool_take(p, s.n + 1, 1); /* the NUL helps debuggers and C callers */
    if (!q) return (str){0};
    if (s.n) memcpy(q, s.p, s.n);
    return (str){q, s.n};
}

void pool_free(pool *p) {
    for (pool_chunk *c = p->head, *next; c; c = next) {
        next = c->next;
        mem_free(c);
    }
    *p = (pool){.cap = p->cap};
}

/* ---- file map ------------------------------------------------------------ */

static slm_status refuse(slm_error *err, const char *path, const char *what) {
    return err_set(err, errno == ENOMEM ? SLM_ERR_MEMORY : SLM_ERR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

slm_status filemap_open(filemap *f, const char *path, slm_error *err) {
    *f = (filemap){0};
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. */
    int fd;
    while ((fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0 && errno == EINTR) continue;
    if (fd < 0) return refuse(err, path, "open");
    struct stat st;
    slm_status  rc = SLM_OK;
    if (fstat(fd, &st))
        rc = refuse(err, path, "stat");
    else if (!S_ISREG(st.st_mode))
        rc = err_set(err, SLM_ERR_IO, "%s: is a %s, not a file", path,
                     S_ISDIR(st.st_mode) ? "directory" : S_ISFIFO(st.st_mode) ? "pipe"
                     : S_ISSOCK(st.st_mode) ? "socket" : "device");
    else if (st.st_size == 0)
        rc = err_set(err, SLM_ERR_FORMAT, "%s: file is empty", path);
    else if ((uintmax_t)st.st_size > SIZE_MAX / 2)
        rc = err_set(err, SLM_ERR_MEMORY, "%s: %jd bytes do not fit the address space", path,
                     (intmax_t)st.st_size);
    else {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) rc = refuse(err, path, "map");
        else *f = (filemap){p, (size_t)st.st_size};
    }
    close(fd);
    return rc;
}

void filemap_close(filemap *f) {
    if (f->data) munmap((void *)(uintptr_t)f->data, f->size);
    *f = (filemap){0};
}

void filemap_drop(const filemap *f, const void *p, size_t n) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)p + page - 1) / page * page;
    const uintptr_t to = ((uintptr_t)p + n) / page * page;
    if (f->data && from < to) madvise((void *)from, to - from, MADV_DONTNEED);
}

/* ---- growing text and ids ------------------------------------------------ */

void strbuf_put(strbuf *b, const char *p, size_t n) {
    if (b->bad || !n) return;
    size_t need;
    if (!size_add(&need, b->n, n) || (b->cap_bytes && need > b->cap_bytes)) {
        b->bad = b->full = true;
        return;
    }
    if (need > b->room) {
        size_t room = b->room ? b->room : 64;
        while (room < need) room = room > SIZE_MAX / 2 ? need : room * 2;
        char *q = mem_resize(b->p, room, 1);
        if (!q) {
            b->bad = true;
            return;
        }
        b->p = q;
        b->room = room;
    }
    memcpy(b->p + b->n, p, n);
    b->n = need;
}

void strbuf_str(strbuf *b, str s) { strbuf_put(b, s.p, s.n); }

void strbuf_char(strbuf *b, char c) { strbuf_put(b, &c, 1); }

void strbuf_fmt(strbuf *b, const char *fmt, ...) {
    char    small[256];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    if (n < 0) b->bad = true;
    else if ((size_t)n < sizeof small) strbuf_put(b, small, (size_t)n);
    else {
        char *big = mem_zero((size_t)n + 1, 1);
        if (!big) b->bad = true;
        else {
            vsnprintf(big, (size_t)n + 1, fmt, again);
            strbuf_put(b, big, (size_t)n);
            mem_free(big);
        }
    }
    va_end(again);
    va_end(ap);
}

void strbuf_free(strbuf *b) {
    mem_free(b->p);
    *b = (strbuf){.cap_bytes = b->cap_bytes};
}

void id_push(id_list *l, int32_t id) {
    if (l->bad) return;
    if (l->n == l->room) {
        size_t   room = l->room ? l->room * 2 : 64;
        int32_t *q = mem_resize(l->p, room, sizeof *q);
        if (!q) {
            l->bad = true;
            return;
        }
        l->p = q;
        l->room = room;
    }
    l->p[l->n++] = id;
}

void id_free(id_list *l) {
    mem_free(l->p);
    *l = (id_list){0};
}

double clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
