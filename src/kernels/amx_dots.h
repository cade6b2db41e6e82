/* amx_dots.h - floor 2: a part of r8_panel.h: the products of blocks on AMX's tiles.
 *
 * The panel's steps are the rows of a tile as they lie, and the tokens of a pass those of another.  One instruction
 * multiplies a block of 16 rows with 16 tokens in integers; scales and sums follow in AVX-512 as everywhere, in the
 * same order.  They follow two blocks behind, so that they do not wait for the tile to come back from memory. */
#ifndef AMX_DOTS_H
#define AMX_DOTS_H
#include "amx_tiles.h"

enum { P_WHOLE = 1 };
_Static_assert(P_LANES == 16 && P_REGS == 1 && TILE == 16, "the shape of a tile");

/* Tiles 0, 1: sums [token][row]; 2, 3: tokens; 4, 5: weights of `group` columns. */
static void tiles_for(int group) {
    tile_config c = {.palette = 1};
    for (int i = 0; i < 2; i++) {
        c.rows[i] = c.rows[2 + i] = TILE;
        c.rows[4 + i] = (uint8_t)(group / 4);
        c.row_bytes[i] = c.row_bytes[4 + i] = 64;
        c.row_bytes[2 + i] = (uint16_t)group;
    }
    TILE_CONFIGURE(&c);
}
#define P_BEGIN(group) tiles_for(group)
#define P_END() TILE_RELEASE()

#define MULTIPLY_BLOCK(sum, tokens, weights, to, from_x, from_w) \
    do { \
        TILE_ZERO(sum); \
        TILE_LOAD(tokens, from_x, sizeof(token)); \
        TILE_LOAD(weights, from_w, 64); \
        TILE_DOT_BYTES(sum, tokens, weights); \
        TILE_STORE(to, 64, sum); \
    } while (0)

/* dot - offset * S of block b for token t; with mins no offset. */
R8_INLINE floats block_dot(const int32_t dot[TILE][16], const token *x, int b, int t, const int mins) {
    return P_(cvtepi32_ps)(mins ? p_load(dot[t]) : P_(add_epi32)(p_load(dot[t]), int_of(x->off + b, t)));
}

/* keep = fma(scale[b] * s, dot, keep) of block b; with `super` fma(s, scale[b] * dot, keep), of two blocks if they have 16
 * columns. */
R8_INLINE void scale_block(floats keep[][1], const int32_t dot[][TILE][16], const token *x, const panel *p, int b, const int group, const int mins,
                           const bool super) {
    const floats scale = P_(load_ps)(p->scale[b]);
    for (int t = 0; t < TILE; t++) {
        const floats s = float_of(x->s + b * group / 32, t), v = block_dot(dot[0], x, b, t, mins);
        floats       f = P_(mul_ps)(scale, super ? v : s);
        if (group == 16) f = P_(fmadd_ps)(P_(load_ps)(p->scale[b + 1]), block_dot(dot[1], x, b + 1, t, mins), f);
        keep[t][0] = P_(fmadd_ps)(f, super ? s : v, keep[t][0]);
    }
}

R8_INLINE void tile_dots(floats keep[][1], const token *x, const panel *p, int b0, int b1, const int group, const int mins, const bool super) {
    _Alignas(64) int32_t dot[4][TILE][16];
    const int            n_k = group / 4;
    for (int b = b0, at = 0; b < b1 + 2; b += 2, at ^= 2) {
        if (b < b1) MULTIPLY_BLOCK(0, 2, 4, dot[at], x->q + b * group, p->w[b * n_k]);
        if (b + 1 < b1) MULTIPLY_BLOCK(1, 3, 5, dot[at + 1], x->q + (b + 1) * group, p->w[(b + 1) * n_k]);
        if (b > b0) scale_block(keep, dot + (at ^ 2), x, p, b - 2, group, mins, super);
        if (b > b0 && b - 1 < b1 && group == 32) scale_block(keep, dot + (at ^ 2) + 1, x, p, b - 1, group, mins, super);
    }
}

R8_INLINE void scaled_dots(floats keep[][1], float (*mem)[P_ROWS], const token *x, const panel *p, int n_b, const int n_tok, const int bits,
                           const int mins) {
    (void)mem, (void)n_tok, (void)bits;
    tile_dots(keep, x, p, 0, n_b, 32, mins, false);
}

R8_INLINE void super_dots(floats keep[][1], float (*mem)[P_ROWS], const token *x, const panel *p, int u, const int group, const int n_tok,
                          const int bits, const int mins) {
    (void)mem, (void)n_tok, (void)bits;
    tile_dots(keep, x, p, u * (256 / group), (u + 1) * (256 / group), group, mins, true);
}
#endif
