/* amx_tiles.h - floor 2: the AMX instructions in use, a macro each.
 *
 * A tile is up to 16 rows of up to 64 bytes; there are eight, named by literals.  Assembly, since the compilers'
 * intrinsics do not say which memory they read and write: GCC 12 leaves out stores that only a tile load would see.
 * tests/tiles.h has the same macros in plain C.  Source: Intel, Software Developer's Manual, volume 2 (2024). */
#ifndef AMX_TILES_H
#define AMX_TILES_H
#include <stdint.h>

/* As ldtilecfg reads it. */
typedef struct {
    uint8_t  palette, start_row, reserved[14]; /* palette 1 */
    uint16_t row_bytes[16];
    uint8_t  rows[16];
} tile_config;
_Static_assert(sizeof(tile_config) == 64, "the instruction's operand");

#ifndef TILE_LOAD
#define TILE_CONFIGURE(config) __asm__ __volatile__("ldtilecfg %0" : : "m"(*(config)))
#define TILE_RELEASE() __asm__ __volatile__("tilerelease" : :)
#define TILE_ZERO(t) __asm__ __volatile__("tilezero %%tmm" #t : :)
#define TILE_LOAD(t, from, stride) \
    __asm__ __volatile__("tileloadd (%0,%1,1), %%tmm" #t : : "r"((const void *)(from)), "r"((int64_t)(stride)) : "memory")
#define TILE_STORE(to, stride, t) \
    __asm__ __volatile__("tilestored %%tmm" #t ", (%0,%1,1)" : : "r"((void *)(to)), "r"((int64_t)(stride)) : "memory")
/* c[i][j] += a[i] . b[..][j]: a row of b holds four bytes, or two bfloat16, of each of its columns j; a signed, b unsigned. */
#define TILE_DOT_BYTES(c, a, b) __asm__ __volatile__("tdpbsud %%tmm" #b ", %%tmm" #a ", %%tmm" #c : :)
#define TILE_DOT_BF16(c, a, b) __asm__ __volatile__("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c : :)
#endif
#endif
