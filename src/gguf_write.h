/* gguf_write.h - floor 2: a GGUF file, written in order, that appears whole or not at all.
 *
 *   gguf_writer *w;
 *   gguf_writer_create(&w, source, err);                  metadata of a file, or none
 *   gguf_writer_set_u32(w, "general.file_type", 7);       replaced in its place, or behind the others
 *   gguf_writer_tensor(w, &info);                         each tensor's type and size, in the file's order
 *   gguf_writer_begin(w, "out.gguf", &options, err);
 *   gguf_writer_put(w, data, n, err);                     the data of all of them, in any pieces
 *   gguf_writer_end(w, err);
 *   gguf_writer_free(w);
 *
 * Until gguf_writer_end() has returned SLM_OK the target is what it was before: the bytes go into a
 * temporary file of the same folder, which has no name where the system can do that, and is removed
 * otherwise.  Then it is synced and renamed.  Memory: the metadata; data is passed on as it comes.
 * Source: as gguf.h. */
#ifndef GGUF_WRITE_H
#define GGUF_WRITE_H
#include "gguf.h"

typedef struct gguf_writer gguf_writer;

typedef struct {
    str      name;
    uint32_t type;    /* as in the file */
    int      n_dims;
    uint64_t dim[4];  /* dim[0] is the contiguous one */
    size_t   bytes;
} gguf_tensor_info;

/* With `from`: its metadata in its order, its version and alignment, padded at its end where that is.
 * It must stay open until gguf_writer_begin().  NULL: version 3, no keys, padded. */
slm_status gguf_writer_create(gguf_writer **out, const gguf *from, slm_error *err);
/* Takes the temporary file away unless gguf_writer_end() succeeded.  NULL is a no-op. */
void gguf_writer_free(gguf_writer *w);

/* Until gguf_writer_begin(), which reports what these could not keep.  All is copied. */
void gguf_writer_set(gguf_writer *w, const gguf_kv *kv); /* kv as gguf.h describes it, any kind */
void gguf_writer_set_u32(gguf_writer *w, const char *key, uint32_t v);
void gguf_writer_set_str(gguf_writer *w, const char *key, str v);
void gguf_writer_remove(gguf_writer *w, const char *key); /* also one that is not there */
void gguf_writer_tensor(gguf_writer *w, const gguf_tensor_info *t);

typedef struct {
    const char *input;       /* a file that must not be the target; NULL: none                  */
    uint64_t    least_align; /* tensors begin at multiples of this, a power of two, from the file's start;
                                general.alignment may ask for more; 0: it alone counts          */
    bool (*progress)(void *ud, uint64_t done, uint64_t total); /* bytes; false: stop; may be NULL */
    void       *ud;
} gguf_write_options;

/* Where the tensors will lie and how long the file becomes, or 0 where that overflows.
 * offset (may be NULL): [number of tensors], from the start of the file. */
uint64_t gguf_writer_plan(gguf_writer *w, uint64_t least_align, uint64_t *offset);
/* Checks the space there is, opens the temporary file and writes everything before the data. */
slm_status gguf_writer_begin(gguf_writer *w, const char *path, const gguf_write_options *o, slm_error *err);
/* The next n bytes of the tensors' data; padding between tensors is written by itself. */
slm_status gguf_writer_put(gguf_writer *w, const void *p, size_t n, slm_error *err);
/* All data was put: syncs the file and its folder and gives it its name. */
slm_status gguf_writer_end(gguf_writer *w, slm_error *err);
#endif
