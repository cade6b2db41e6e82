/* quant.h - floor 1: tensor formats.  The list is quant_list.h. */
#ifndef QUANT_H
#define QUANT_H
#include "base.h"
typedef enum {
#define X(NAME, id, elems, bytes) TYPE_##NAME = id,
#include "quant_list.h"
#undef X
    TYPE_COUNT = 40
} type_id;
typedef struct {
    const char *name;
    type_id     id;
    int         block_elems, block_bytes;
    void (*to_f32)(float *dst, const void *src, int64_t n); /* n % block_elems == 0 */
} type_info;
const type_info *type_get(uint32_t id);           /* NULL when this build cannot decode it */
const char      *type_name(uint32_t id);          /* also of known formats it cannot decode; or "?" */
const type_info *type_by_name(const char *name);
/* Bytes of a row of n elements; false when n is not a whole number of blocks or it overflows. */
bool type_row_bytes(const type_info *t, uint64_t n, size_t *bytes);

float    f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);                     /* nearest, ties to even; overflow to infinity */
#endif
