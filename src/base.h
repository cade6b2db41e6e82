/* base.h - floor 0: errors, checked sizes, arena, pool, file map, string buffer, clock. */
#ifndef BASE_H
#define BASE_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../include/slm.h"

/* A view of bytes: not owned, not NUL ended. */
typedef struct {
    const char *p;
    size_t      n;
} str;
#define STR(literal) ((str){literal, sizeof(literal) - 1})
str  str_of(const char *z);           /* NULL gives an empty view */
bool str_eq(str a, str b);
bool str_is(str a, const char *z);

/* Sets *err (may be NULL) to one printable line and returns `code`.  The first error stays:
 * a second call on the same err changes nothing.  Bytes that are not printable ASCII or valid
 * UTF-8 are shown as \xNN. */
slm_status err_set(slm_error *err, slm_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The one text for a failed allocation of n bytes: `what` names the object. */
slm_status err_memory(slm_error *err, const char *what, size_t n);

/* False on overflow; *out is then untouched. */
bool size_mul(size_t *out, size_t a, size_t b);
bool size_add(size_t *out, size_t a, size_t b);
#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))

/* Allocation of n elements, zeroed, overflow checked; NULL when it cannot be had.  n == 0 gives a
 * valid pointer.  All heap memory of the engine comes through these three. */
void *mem_zero(size_t n, size_t elem);
void *mem_resize(void *p, size_t n, size_t elem);
void  mem_free(void *p);
/* How many allocations there have been in this process: the token loop is held to none. */
uint64_t mem_count(void);

/* An arena with base == NULL only measures: run the layout once to learn the size, allocate, run
 * it again to carve.  Planning and allocating are then the same code and cannot disagree. */
typedef struct {
    uint8_t *base;
    size_t   used, cap;
    bool     full; /* a request overflowed or did not fit */
} arena;
void      *arena_take(arena *a, size_t n, size_t elem, size_t align);
slm_status arena_alloc(arena *a, size_t cap, const char *what, slm_error *err); /* zeroed pages, huge if there are any */
/* Small pages from now on, or huge ones again, into which what is there is moved.  Only speed and the memory
 * that is touched change. */
void       arena_huge(const arena *a, bool huge);
void       arena_free(arena *a);
/* Whole pages within [p, p + n) of an arena are given back; they would read as zeros. */
void       arena_drop(void *p, size_t n);

/* A pool grows by chunks, frees everything at once, and refuses to pass `cap` bytes. */
typedef struct pool_chunk pool_chunk;
typedef struct {
    pool_chunk *head;
    size_t      used, cap;
    bool        full; /* cap reached or no memory */
    bool        starved; /* it was memory */
} pool;
void  pool_init(pool *p, size_t cap);
void *pool_take(pool *p, size_t n, size_t elem); /* zeroed, aligned for any type; NULL when full */
str   pool_copy(pool *p, str s);                 /* .p == NULL when full */
void  pool_free(pool *p);

/* A file seen as bytes: mapped read only. */
typedef struct {
    const uint8_t *data;
    size_t         size;
} filemap;
slm_status filemap_open(filemap *f, const char *path, slm_error *err);
void       filemap_close(filemap *f);
/* Whole pages within [p, p + n) may leave memory; they come back when read. */
void       filemap_drop(const filemap *f, const void *p, size_t n);

/* Growing text.  `bad` sticks when memory ran out or, then `full` is set too, `cap_bytes` (0: no limit) was
 * passed; later puts do nothing. */
typedef struct {
    char  *p;
    size_t n, room, cap_bytes;
    bool   bad, full;
} strbuf;
void strbuf_put(strbuf *b, const char *p, size_t n);
void strbuf_str(strbuf *b, str s);
void strbuf_char(strbuf *b, char c);
void strbuf_fmt(strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_free(strbuf *b);

/* Growing list of token ids; `bad` sticks when memory ran out. */
typedef struct {
    int32_t *p;
    size_t   n, room;
    bool     bad;
} id_list;
void id_push(id_list *l, int32_t id);
void id_free(id_list *l);

/* Milliseconds of a clock that never goes back. */
double clock_ms(void);
#endif
