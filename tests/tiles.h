/* tiles.h - AMX's instructions in plain C, by the names of src/kernels/amx_tiles.h.
 *
 * After the operations in Intel's Software Developer's Manual, volume 2: sizes that do not fit are errors there (#UD)
 * and end the test here; what lies beyond a tile's rows and bytes is zero after a load. */
#ifndef TILES_H
#define TILES_H
#include <stdint.h>

void tiles_configure(const void *config);
void tiles_release(void);
void tiles_zero(int t);
void tiles_load(int t, const void *from, int64_t stride);
void tiles_store(void *to, int64_t stride, int t);
void tiles_dot_bytes(int c, int a, int b);
void tiles_dot_bf16(int c, int a, int b);
/* How many dot products of bytes there were. */
extern long tiles_n_dots;
/* Every n-th of them is wrong in a bit of the first row; 0: none. */
extern long tiles_wrong_every;

#define TILE_CONFIGURE(config) tiles_configure(config)
#define TILE_RELEASE() tiles_release()
#define TILE_ZERO(t) tiles_zero(t)
#define TILE_LOAD(t, from, stride) tiles_load(t, from, (int64_t)(stride))
#define TILE_STORE(to, stride, t) tiles_store(to, stride, t)
#define TILE_DOT_BYTES(c, a, b) tiles_dot_bytes(c, a, b)
#define TILE_DOT_BF16(c, a, b) tiles_dot_bf16(c, a, b)
#endif
