/* imatrix.h - floor 7: files that say how much each column of a matrix counts. */
#ifndef IMATRIX_H
#define IMATRIX_H
#include "base.h"

typedef struct {
    str          name;  /* of the matrix                                                     */
    const float *mean;  /* [n]: mean squares of its inputs: 0 .. IMATRIX_MAX_MEAN            */
    uint64_t     n;     /* columns, of all matrices that one tensor holds (experts)          */
} imatrix_entry;

typedef struct imatrix imatrix;
/* A GGUF of general.type "imatrix", or the form before it.  All of it is copied. */
slm_status           imatrix_open(imatrix **out, const char *path, slm_error *err);
void                 imatrix_free(imatrix *m); /* NULL is a no-op */
const imatrix_entry *imatrix_find(const imatrix *m, str name); /* NULL: there is none */
size_t               imatrix_n(const imatrix *m);
str                  imatrix_dataset(const imatrix *m);  /* "" where the file does not say */
uint32_t             imatrix_n_chunks(const imatrix *m); /* 0 likewise */
#endif
