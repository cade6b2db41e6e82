/* gguf.h - floor 2: the file.  Every length in it is treated as a lie until it has been checked
 * against the bytes that are really there.
 * Source: the GGUF specification (ggml/docs/gguf.md), versions 2 and 3. */
#ifndef GGUF_H
#define GGUF_H
#include "base.h"
#include "quant.h"

typedef enum { /* the file's own codes */
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STR,
    GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64, GGUF_KINDS
} gguf_kind;
const char *gguf_kind_name(gguf_kind k); /* "u32", "str", .. */

/* One metadata entry, fully inside the file.  A scalar has n == 1; a string has data at its length
 * field; an array has data at its first element.  Nested arrays are legal to store and are only
 * skipped: elem == GGUF_ARRAY. */
typedef struct {
    str            key;
    gguf_kind      elem;     /* of the scalar, or of each element */
    bool           is_array;
    uint64_t       n;
    const uint8_t *data;
    size_t         bytes;    /* of the payload at data */
} gguf_kv;

typedef struct {
    str              name;
    const type_info *type;
    bool             packed; /* 8 rows interleaved (kernels/r8.h): then n_dims is 2 and dim[1] >= 8 */
    int              n_dims;
    uint64_t         dim[4]; /* dim[0] is the contiguous one; unused dims are 1 */
    const uint8_t   *data;   /* inside the map, bounds already checked */
    size_t           bytes;
    uint64_t         offset; /* of data from the start of the file */
} gguf_tensor;

typedef struct gguf gguf;
/* `name` appears in error texts.  The memory of gguf_open_memory stays the caller's, who keeps it
 * until gguf_close(): keys, strings and tensors are views of it. */
slm_status gguf_open(gguf **out, const char *path, slm_error *err);
slm_status gguf_open_memory(gguf **out, const void *data, size_t size, const char *name,
                            slm_error *err);
void        gguf_close(gguf *g);
/* The bytes at p will not be read for a while: a mapped file's whole pages there need not stay in memory.
 * Of the memory of gguf_open_memory() nothing is dropped unless gguf_spend() has said that nobody
 * needs what was dropped again: it reads as zeros then. */
void        gguf_drop(const gguf *g, const void *p, size_t n);
void        gguf_spend(gguf *g);
bool        gguf_is_spent(const gguf *g);
size_t      gguf_file_bytes(const gguf *g);
/* The file as bytes, for who has to know what lies between the tensors. */
const uint8_t *gguf_file_data(const gguf *g);
uint32_t    gguf_version(const gguf *g);     /* 2 or 3 */
uint64_t    gguf_alignment(const gguf *g);   /* of the data, in bytes */
size_t      gguf_table_end(const gguf *g);   /* where the lists end; the data begins at the next multiple */
const char *gguf_name(const gguf *g);        /* the path as given */
/* err_set() with "FILE: " in front; of a long path only the end, so that the sentence survives. */
slm_status gguf_fail(const gguf *g, slm_error *err, slm_status code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

size_t             gguf_n_tensors(const gguf *g);
const gguf_tensor *gguf_tensor_at(const gguf *g, size_t i);
const gguf_tensor *gguf_find(const gguf *g, const char *name);

size_t         gguf_n_kv(const gguf *g);
const gguf_kv *gguf_kv_at(const gguf *g, size_t i);
const gguf_kv *gguf_kv_find(const gguf *g, const char *key);

/* Typed getters.  An absent key leaves *out as it was (the default) and is SLM_OK; a key of the
 * wrong kind or out of [lo, hi] is SLM_ERR_FORMAT and names the key, the value and the range.
 * gguf_uint takes any integer kind that is not negative. */
slm_status gguf_uint(const gguf *g, const char *key, uint64_t lo, uint64_t hi, uint64_t *out,
                     slm_error *err);
slm_status gguf_float(const gguf *g, const char *key, double lo, double hi, float *out,
                      slm_error *err); /* finite only */
slm_status gguf_bool(const gguf *g, const char *key, bool *out, slm_error *err);
slm_status gguf_str(const gguf *g, const char *key, str *out, slm_error *err);

/* Element i of a numeric or bool scalar or array (i < kv->n), converted. */
uint64_t gguf_kv_uint(const gguf_kv *kv, uint64_t i); /* negative values wrap */
double   gguf_kv_float(const gguf_kv *kv, uint64_t i);

/* Walks the strings of a string entry or string array from the first. */
typedef struct {
    const uint8_t *p;
    uint64_t       left;
} gguf_strings;
gguf_strings gguf_strings_of(const gguf_kv *kv);
bool         gguf_next_str(gguf_strings *it, str *out); /* false at the end */
#endif
