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
#define X(NAME, id, elems, bytes) void to_f32_##NAME(float *dst, const void *src, int64_t n);
#include "quant_list.h"
#undef X
const type_info *type_get(uint32_t id);           /* NULL when this build cannot decode it */
const char      *type_name(uint32_t id);          /* also of known formats it cannot decode; or "?" */
const type_info *type_by_name(const char *name);
/* Bytes of a row of n elements; false when n is not a whole number of blocks or it overflows. */
bool type_row_bytes(const type_info *t, uint64_t n, size_t *bytes);

float    f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);                     /* nearest, ties to even; overflow to infinity */

/* ---- block layouts ---------------------------------------------------------
 * As in the file, all little-endian.  The 32-wide formats hold weight i in the low nibble of byte
 * i and weight i + 16 in its high nibble; "fifth bits" are a 32-bit word whose bit i belongs to
 * weight i.  Source: ggml's published block formats, as written down in the project's oracle. */

typedef struct { uint16_t d; uint8_t q[16]; } block_q4_0;               /* d * (q - 8)       */
typedef struct { uint16_t d, m; uint8_t q[16]; } block_q4_1;            /* d * q + m         */
typedef struct { uint16_t d; uint8_t qh[4], q[16]; } block_q5_0;        /* d * (q - 16)      */
typedef struct { uint16_t d, m; uint8_t qh[4], q[16]; } block_q5_1;     /* d * q + m         */
typedef struct { uint16_t d; int8_t q[32]; } block_q8_0;                /* d * q             */
/* 256-wide: 16 groups of 16 (Q2_K, Q3_K, Q6_K) or 8 of 32 (Q4_K, Q5_K, IQ4_XS), each with its own
 * small integer scale on top of the block's d. */
typedef struct { uint8_t sc[16], q[64]; uint16_t d, dmin; } block_q2_k; /* sc: scale | min << 4 */
typedef struct { uint8_t qh[32], q[64], sc[12]; uint16_t d; } block_q3_k;
typedef struct { uint16_t d, dmin; uint8_t sc[12], q[128]; } block_q4_k;
typedef struct { uint16_t d, dmin; uint8_t sc[12], qh[32], q[128]; } block_q5_k;
typedef struct { uint8_t ql[128], qh[64]; int8_t sc[16]; uint16_t d; } block_q6_k;
typedef struct { uint16_t d; uint8_t q[16]; } block_iq4_nl;             /* d * iq4_values[q] */
typedef struct { uint16_t d, sh; uint8_t sl[4], q[128]; } block_iq4_xs;

extern const int8_t iq4_values[16];

/* The 12 packed bytes of Q4_K and Q5_K: 8 scales and 8 mins of 6 bits each. */
void quant_unpack_6bit(uint8_t sc[8], uint8_t m[8], const uint8_t packed[12]);
/* The signed scales of Q3_K and IQ4_XS: 6 bits with 32 taken off. */
void quant_unpack_q3_k(int8_t sc[16], const uint8_t packed[12]);
void quant_unpack_iq4_xs(int8_t sc[8], const block_iq4_xs *b);

/* ---- activations -----------------------------------------------------------
 * One token's input of a product with integer weights: 32 values share one f32 scale,
 * x = s * q with q in -127..127.  The sums serve formats whose weights have an offset.
 * In memory, one after another: int8 q[n], float s[n/32], float ms[n/32] = s * (sum of the 32 q),
 * int32 sum16[n/16], int16 pair32[n/32][2] and pair16[n/16][2]: the sums over 32 and 16 columns k of those
 * with k % 4 < 2 and of the others, as a kernel adds up products in int16. */
typedef struct {
    const int8_t  *q;
    const float   *s, *ms;
    const int32_t *sum16;
    const int16_t (*pair32)[2], (*pair16)[2];
} act_view;
size_t   act_bytes(int64_t n);                    /* a multiple of 64; n % 32 == 0 */
act_view act_of(const void *p, int64_t n);
#endif
