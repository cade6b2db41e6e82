/* r8.h - floor 2: packed weights, 8 output rows interleaved.
 *
 * A kernel that keeps one output row per SIMD lane wants the same few columns of 8 rows side by
 * side: 4 columns (what one 32-bit lane of a dot product takes) of row 0, of row 1, .. of row 7,
 * then the next 4 columns.  Blocks of 8 rows x 32 (or 256) columns follow each other along the
 * row, so that a group of 8 rows is one run of memory.  Packing moves bits and changes none: a
 * packed matrix has the file's size, and r8_unpack gives the file's bytes back.
 * Rows beyond the last whole group of 8 stay as in the file, behind the groups.
 *
 * `slm pack` writes these layouts into files, so a change of one is a new R8_FILE_VERSION; a format
 * more is none. */
#ifndef R8_H
#define R8_H
#include "../quant.h"

/* For the files that multiply. */
#define R8_INLINE static inline __attribute__((always_inline))
#define R8_APART __attribute__((noinline)) /* on its own: inside a larger function the one-token tile loses registers */

/* q[g][row][t]: columns 4g + t in the low nibble, 16 + 4g + t in the high one.  qh[row][t]: bit i is
 * the fifth bit of column 4i + t. */
typedef struct { uint16_t d[8]; uint8_t q[4][8][4]; } r8_q4_0, r8_iq4_nl;
typedef struct { uint16_t d[8], m[8]; uint8_t q[4][8][4]; } r8_q4_1;
typedef struct { uint16_t d[8]; uint8_t qh[8][4], q[4][8][4]; } r8_q5_0;
typedef struct { uint16_t d[8], m[8]; uint8_t qh[8][4], q[4][8][4]; } r8_q5_1;
typedef struct { uint16_t d[8]; int8_t q[8][8][4]; } r8_q8_0;
/* sl[sub][row]: low 4 bits of the scale, of the min above them.  sh[s][row]: the two high bits of scale
 * and min of sub-block s in the low nibble, of s + 4 in the high one.  q[sub][g][row][t]: column
 * sub * 32 + 4g + t, and + 16 in the high nibble. */
typedef struct { uint16_t d[8], dmin[8]; uint8_t sl[8][8], sh[4][8], q[8][4][8][4]; } r8_q4_k;
/* As Q4_K; a sub-block's nibbles follow their fifth bits, as in Q5_0. */
typedef struct { uint16_t d[8], dmin[8]; uint8_t sl[8][8], sh[4][8]; struct { uint8_t qh[8][4], q[4][8][4]; } sub[8]; } r8_q5_k;
/* A chunk is 64 columns.  q[chunk][j][k][row][t], k = 0, 1, 2: column 16k + 4j + t in the low six bits; the
 * pairs of bits above them, lowest first, are column 48 + 4j + t.  Three bytes for four weights: to tell them
 * apart takes two instructions fewer each than nibbles here and pairs of bits there. */
typedef struct { uint16_t d[8]; int8_t sc[16][8]; uint8_t q[4][4][3][8][4]; } r8_q6_k;
/* sl[s][row]: low 4 bits of the scales of sub-blocks s and s + 4.  sh[h][row]: the two high bits of those of
 * sub-blocks h, h + 2, h + 4, h + 6, lowest first.  q as in Q4_K. */
typedef struct { uint16_t d[8]; uint8_t sl[4][8], sh[2][8], q[8][4][8][4]; } r8_iq4_xs;
/* sc[b][row][i]: the file's byte of group 2b + i.  A chunk is 64 columns.  q[chunk][j][row][t]: the two bits of
 * columns 4j + t, + 16, + 32, + 48, lowest first. */
typedef struct { uint16_t d[8], dmin[8]; uint8_t sc[8][8][2], q[4][4][8][4]; } r8_q2_k;
/* sl[b][row][i]: low 4 bits of the scales of groups 2b + i and 2(b + 4) + i.  sh[h][row][i]: the two high bits
 * of those of groups 2b + i, b = h, h + 2, h + 4, h + 6.  q as in Q2_K.  qh[chunk][j / 2][row][t]: the third
 * bit of column 16k + 4j + t of the chunk is bit j % 2 * 2 + k % 2 + k / 2 * 4. */
typedef struct { uint16_t d[8]; uint8_t sl[4][8][2], sh[2][8][2], q[4][4][8][4], qh[4][2][8][4]; } r8_q3_k;
/* F32, F16 and BF16 are [column][row]. */

/* A packed tensor of a GGUF file: its type is R8_FILE_TYPE + the id of the format ("r8" and two zero
 * bytes: far from ggml's ids, which other programs refuse as unknown); it has two dimensions and at
 * least 8 rows.  The key R8_FILE_KEY (u32) says R8_FILE_VERSION. */
#define R8_FILE_TYPE    0x72380000u
#define R8_FILE_KEY     "slm.pack.version"
#define R8_FILE_VERSION 2u /* 1: high bits of Q5_K and Q6_K apart */

/* Does the format have a packed form? */
bool   r8_has(type_id t);
/* What people read of a packed tensor: "Q4_0 (r8)". */
const char *r8_name(type_id t);
/* One group: 8 rows of `cols` columns, row_bytes apart, to and from 8 * row_bytes bytes. */
void   r8_pack(type_id t, void *dst, const void *rows, size_t row_bytes, int64_t cols);
void   r8_unpack(type_id t, void *rows, size_t row_bytes, const void *src, int64_t cols);
/* dst[cols] = one row of a group, decoded. */
void   r8_row_to_f32(type_id t, float *dst, const void *group, int row, int64_t cols);

/* Row `row`'s block of a packed block, as in the file. */
void r8_block_q4_0(block_q4_0 *b, const r8_q4_0 *p, int row);
void r8_block_q8_0(block_q8_0 *b, const r8_q8_0 *p, int row);
void r8_block_q4_k(block_q4_k *b, const r8_q4_k *p, int row);
void r8_block_q5_k(block_q5_k *b, const r8_q5_k *p, int row);
void r8_block_q6_k(block_q6_k *b, const r8_q6_k *p, int row);
void r8_block_q4_1(block_q4_1 *b, const r8_q4_1 *p, int row);
void r8_block_q5_0(block_q5_0 *b, const r8_q5_0 *p, int row);
void r8_block_q5_1(block_q5_1 *b, const r8_q5_1 *p, int row);
void r8_block_iq4_nl(block_iq4_nl *b, const r8_iq4_nl *p, int row);
void r8_block_iq4_xs(block_iq4_xs *b, const r8_iq4_xs *p, int row);
void r8_block_q2_k(block_q2_k *b, const r8_q2_k *p, int row);
void r8_block_q3_k(block_q3_k *b, const r8_q3_k *p, int row);
#endif
