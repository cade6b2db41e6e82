/* avx512vnni.c - products of packed weights with VNNI's dot product.
 *
 * vpdpbusd adds four products of unsigned by signed bytes into int32: no overflow to plan around.
 *
 * Few tokens take the tiles of r8_x86.h: 256-bit loads stream faster from memory.  For more of them 16 rows
 * are unpacked once, some columns at a time, into a panel in the first cache: a register is then 4 columns
 * of 16 rows, and each of them is used by up to 12 tokens.  Weights are unsigned in the panel; what that
 * adds is taken off through the sums of the activations. */
#include "kernels.h"
#include "../cpu.h"
#include <immintrin.h>
#define R8_DPBUSD _mm256_dpbusd_epi32
#include "attend_x86.h"

R8_ALL_PACKED

enum {
    PANEL_COLS = 1024,
    TILE = 12,       /* tokens that share a load of weights: their sums fill the registers */
    TILE_MINS = 8,   /* where each has two sums */
    PASS = 60,       /* tokens that share a panel */
    FEW = 4          /* tokens up to which the tiles of r8_x86.h are faster */
};

/* w[k][row][t]: column 4k + t.  A block of columns has a scale, with min perhaps, and a superblock d, dmin. */
typedef struct {
    _Alignas(64) uint8_t w[PANEL_COLS / 4][16][4];
    float scale[PANEL_COLS / 16][16], min[PANEL_COLS / 32][16], d[PANEL_COLS / 256][16], dmin[PANEL_COLS / 256][16];
} panel;

/* Tokens of a pass and their sums so far. */
typedef struct {
    const char *x;    /* the first one's activations */
    size_t      step; /* bytes to the next one's */
    int64_t     cols, first;  /* columns in all; the panel's first */
    _Alignas(64) float acc[PASS][16], am[PASS][16];
} pass;

/* ---- unpacking: block b of two groups of 8 rows ---------------------------------------- */

R8_INLINE __m512i both(__m256i a, __m256i b) { return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1); }
R8_INLINE __m512i load_both(const void *a, const void *b) { return both(r8_load(a), r8_load(b)); }
R8_INLINE __m512i low4(__m512i v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
R8_INLINE __m512i high4(__m512i v) { return low4(_mm512_srli_epi16(v, 4)); }
R8_INLINE void    put_weights(panel *p, int k, __m512i v) { _mm512_store_si512(p->w[k], v); }
R8_INLINE void    put_floats(float *to, __m256 a, __m256 b) {
    _mm256_store_ps(to, a);
    _mm256_store_ps(to + 8, b);
}
R8_INLINE void put_halfs(float *to, const uint16_t *a, const uint16_t *b) { put_floats(to, r8_halfs(a), r8_halfs(b)); }

R8_INLINE void unpack_q4_0(panel *p, int b, const r8_q4_0 *u, const r8_q4_0 *v) {
    for (int g = 0; g < 4; g++) {
        const __m512i q = load_both(u->q[g], v->q[g]);
        put_weights(p, 8 * b + g, low4(q));
        put_weights(p, 8 * b + 4 + g, high4(q));
    }
    put_halfs(p->scale[b], u->d, v->d);
}

R8_INLINE void unpack_q8_0(panel *p, int b, const r8_q8_0 *u, const r8_q8_0 *v) {
    for (int g = 0; g < 8; g++) put_weights(p, 8 * b + g, _mm512_xor_si512(load_both(u->q[g], v->q[g]), _mm512_set1_epi8(-128)));
    put_halfs(p->scale[b], u->d, v->d);
}

/* Scales and mins of a superblock's 8 sub-blocks, for rows `at` to at + 7. */
R8_INLINE void unpack_scales(panel *p, int b, int at, const uint8_t *sl, const uint8_t *sh) {
    uint8_t sc[64], m[64];
    r8_scales(sc, m, sl, sh);
    for (int s = 0; s < 8; s++) {
        _mm256_store_ps(p->scale[8 * b + s] + at, r8_bytes(sc + 8 * s));
        _mm256_store_ps(p->min[8 * b + s] + at, r8_bytes(m + 8 * s));
    }
}

R8_INLINE void unpack_q4_k(panel *p, int b, const r8_q4_k *u, const r8_q4_k *v) {
    for (int s = 0; s < 8; s++)
        for (int g = 0; g < 4; g++) {
            const __m512i q = load_both(u->q[s][g], v->q[s][g]);
            put_weights(p, 64 * b + 8 * s + g, low4(q));
            put_weights(p, 64 * b + 8 * s + 4 + g, high4(q));
        }
    unpack_scales(p, b, 0, u->sl[0], u->sh[0]);
    unpack_scales(p, b, 8, v->sl[0], v->sh[0]);
    put_halfs(p->d[b], u->d, v->d);
    put_halfs(p->dmin[b], u->dmin, v->dmin);
}

R8_INLINE void unpack_q5_k(panel *p, int b, const r8_q5_k *u, const r8_q5_k *v) {
    const __m512i one = _mm512_set1_epi8(1);
    for (int g = 0; g < 4; g++) {
        __m512i lo = load_both(u->qh[g], v->qh[g]), hi = load_both(u->qh[4 + g], v->qh[4 + g]);
        for (int s = 0; s < 8; s++) {
            const __m512i q = load_both(u->q[s][g], v->q[s][g]);
            put_weights(p, 64 * b + 8 * s + g, _mm512_or_si512(low4(q), _mm512_slli_epi16(_mm512_and_si512(lo, one), 4)));
            put_weights(p, 64 * b + 8 * s + 4 + g, _mm512_or_si512(high4(q), _mm512_slli_epi16(_mm512_and_si512(hi, one), 4)));
            lo = _mm512_srli_epi16(lo, 1);
            hi = _mm512_srli_epi16(hi, 1);
        }
    }
    unpack_scales(p, b, 0, u->sl[0], u->sh[0]);
    unpack_scales(p, b, 8, v->sl[0], v->sh[0]);
    put_halfs(p->d[b], u->d, v->d);
    put_halfs(p->dmin[b], u->dmin, v->dmin);
}

R8_INLINE void unpack_q6_k(panel *p, int b, const r8_q6_k *u, const r8_q6_k *v) {
    const __m512i two = _mm512_set1_epi8(0x30);
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 4; j++) {
            const __m512i l0 = load_both(u->ql[c][j], v->ql[c][j]), l1 = load_both(u->ql[c][j + 4], v->ql[c][j + 4]);
            const __m512i h = load_both(u->qh[c][j], v->qh[c][j]);
            const int     k = 64 * b + 16 * c + j;
            put_weights(p, k, _mm512_or_si512(low4(l0), _mm512_and_si512(_mm512_slli_epi16(h, 4), two)));
            put_weights(p, k + 4, _mm512_or_si512(low4(l1), _mm512_and_si512(_mm512_slli_epi16(h, 2), two)));
            put_weights(p, k + 8, _mm512_or_si512(high4(l0), _mm512_and_si512(h, two)));
            put_weights(p, k + 12, _mm512_or_si512(high4(l1), _mm512_and_si512(_mm512_srli_epi16(h, 2), two)));
        }
    for (int g = 0; g < 16; g++) put_floats(p->scale[16 * b + g], r8_signed_bytes(u->sc[g]), r8_signed_bytes(v->sc[g]));
    put_halfs(p->d[b], u->d, v->d);
}

/* ---- tiles: tokens t0 .. t0 + n_tok - 1 of a pass against n columns of a panel --------------- */

/* Token t's activations: byte i of its q, and its numbers of block k. */
R8_INLINE __m512i four_of(const int8_t *q, size_t step, int t) {
    int32_t v;
    memcpy(&v, q + (size_t)t * step, 4);
    return _mm512_set1_epi32(v);
}
R8_INLINE __m512 float_of(const float *s, size_t step, int t) {
    float v;
    memcpy(&v, (const char *)s + (size_t)t * step, 4);
    return _mm512_set1_ps(v);
}
R8_INLINE const int32_t *sums_of(const int32_t *sum16, size_t step, int t) { return (const void *)((const char *)sum16 + (size_t)t * step); }

/* v[t] += columns 4k .. 4k + 4 * n_k - 1 of the panel times x; q: the first token's activations of column 4k. */
R8_INLINE void dots(__m512i *v, const panel *p, int k, const int n_k, const int8_t *q, size_t step, const int n_tok) {
    for (int g = 0; g < n_k; g++) {
        const __m512i w = _mm512_load_si512(p->w[k + g]);
        for (int t = 0; t < n_tok; t++) v[t] = _mm512_dpbusd_epi32(v[t], w, four_of(q + 4 * g, step, t));
    }
}

/* Blocks of 32 with a scale: acc = fma(d * s, dot - offset * S, acc). */
R8_INLINE void tile_flat(pass *z, const panel *p, int64_t n, int t0, const int n_tok, const int offset) {
    const act_view a = act_of(z->x + (size_t)t0 * z->step, z->cols);
    __m512         acc[TILE];
    for (int t = 0; t < n_tok; t++) acc[t] = _mm512_load_ps(z->acc[t0 + t]);
    for (int b = 0; b < n / 32; b++) {
        const int64_t k = z->first / 32 + b;
        __m512i       v[TILE];
        for (int t = 0; t < n_tok; t++) {
            const int32_t *s = sums_of(a.sum16 + 2 * k, z->step, t);
            v[t] = _mm512_set1_epi32(-offset * (s[0] + s[1]));
        }
        dots(v, p, 8 * b, 8, a.q + 32 * k, z->step, n_tok);
        const __m512 d = _mm512_load_ps(p->scale[b]);
        for (int t = 0; t < n_tok; t++)
            acc[t] = _mm512_fmadd_ps(_mm512_mul_ps(d, float_of(a.s + k, z->step, t)), _mm512_cvtepi32_ps(v[t]), acc[t]);
    }
    for (int t = 0; t < n_tok; t++) _mm512_store_ps(z->acc[t0 + t], acc[t]);
}

/* Superblocks of 8 blocks with scales and mins. */
R8_INLINE void tile_mins(pass *z, const panel *p, int64_t n, int t0, const int n_tok, const int offset) {
    const act_view a = act_of(z->x + (size_t)t0 * z->step, z->cols);
    (void)offset;
    for (int i = 0; i < n / 256; i++) {
        __m512 fs[TILE_MINS], fm[TILE_MINS];
        for (int t = 0; t < n_tok; t++) fs[t] = fm[t] = _mm512_setzero_ps();
        for (int b = 8 * i; b < 8 * i + 8; b++) {
            const int64_t k = z->first / 32 + b;
            __m512i       v[TILE_MINS];
            for (int t = 0; t < n_tok; t++) v[t] = _mm512_setzero_si512();
            dots(v, p, 8 * b, 8, a.q + 32 * k, z->step, n_tok);
            const __m512 scale = _mm512_load_ps(p->scale[b]), min = _mm512_load_ps(p->min[b]);
            for (int t = 0; t < n_tok; t++) {
                fs[t] = _mm512_fmadd_ps(_mm512_mul_ps(scale, float_of(a.s + k, z->step, t)), _mm512_cvtepi32_ps(v[t]), fs[t]);
                fm[t] = _mm512_fmadd_ps(min, float_of(a.ms + k, z->step, t), fm[t]);
            }
        }
        const __m512 d = _mm512_load_ps(p->d[i]), dmin = _mm512_load_ps(p->dmin[i]);
        for (int t = 0; t < n_tok; t++) {
            float *acc = z->acc[t0 + t], *am = z->am[t0 + t];
            _mm512_store_ps(acc, _mm512_fmadd_ps(fs[t], d, _mm512_load_ps(acc)));
            _mm512_store_ps(am, _mm512_fmadd_ps(fm[t], dmin, _mm512_load_ps(am)));
        }
    }
}

/* Superblocks of 16 groups of 16 with scales: fs = fma(sc * s, dot - offset * S16, fs). */
R8_INLINE void tile_groups(pass *z, const panel *p, int64_t n, int t0, const int n_tok, const int offset) {
    const act_view a = act_of(z->x + (size_t)t0 * z->step, z->cols);
    for (int i = 0; i < n / 256; i++) {
        __m512 fs[TILE];
        for (int t = 0; t < n_tok; t++) fs[t] = _mm512_setzero_ps();
        for (int g = 16 * i; g < 16 * i + 16; g++) {
            const int64_t k = z->first / 16 + g;
            __m512i       v[TILE];
            for (int t = 0; t < n_tok; t++) v[t] = _mm512_set1_epi32(-offset * *sums_of(a.sum16 + k, z->step, t));
            dots(v, p, 4 * g, 4, a.q + 16 * k, z->step, n_tok);
            const __m512 scale = _mm512_load_ps(p->scale[g]);
            for (int t = 0; t < n_tok; t++)
                fs[t] = _mm512_fmadd_ps(_mm512_mul_ps(scale, float_of(a.s + k / 2, z->step, t)), _mm512_cvtepi32_ps(v[t]), fs[t]);
        }
        const __m512 d = _mm512_load_ps(p->d[i]);
        for (int t = 0; t < n_tok; t++) {
            float *acc = z->acc[t0 + t];
            _mm512_store_ps(acc, _mm512_fmadd_ps(fs[t], d, _mm512_load_ps(acc)));
        }
    }
}

/* ---- products --------------------------------------------------------------------------- */

/* The tile of each number of tokens is compiled on its own: its sums are registers. */
#define TILES(name, tile, offset) \
    static void name(pass *z, const panel *p, int64_t n, int t0, int n_tok) { \
        switch (n_tok) { \
        case 1: tile(z, p, n, t0, 1, offset); break; \
        case 2: tile(z, p, n, t0, 2, offset); break; \
        case 3: tile(z, p, n, t0, 3, offset); break; \
        case 4: tile(z, p, n, t0, 4, offset); break; \
        case 5: tile(z, p, n, t0, 5, offset); break; \
        case 6: tile(z, p, n, t0, 6, offset); break; \
        case 7: tile(z, p, n, t0, 7, offset); break; \
        case 8: tile(z, p, n, t0, 8, offset); break; \
        default: tile##_more(z, p, n, t0, n_tok, offset); break; \
        } \
    }
#define MORE(tile) \
    R8_INLINE void tile##_more(pass *z, const panel *p, int64_t n, int t0, int n_tok, const int offset) { \
        if (n_tok == 9) tile(z, p, n, t0, 9, offset); \
        else if (n_tok == 10) tile(z, p, n, t0, 10, offset); \
        else if (n_tok == 11) tile(z, p, n, t0, 11, offset); \
        else tile(z, p, n, t0, 12, offset); \
    }
MORE(tile_flat)
MORE(tile_groups)
R8_INLINE void tile_mins_more(pass *z, const panel *p, int64_t n, int t0, int n_tok, const int offset) {
    (void)z, (void)p, (void)n, (void)t0, (void)n_tok, (void)offset; /* never more than TILE_MINS */
}
TILES(tiles_8, tile_flat, 8)
TILES(tiles_128, tile_flat, 128)
TILES(tiles_mins, tile_mins, 0)
TILES(tiles_32, tile_groups, 32)

/* The size of n pieces that `most` limits, as even as can be. */
R8_INLINE int64_t even(int64_t n, int64_t most) {
    const int64_t pieces = (n + most - 1) / most;
    return (n + pieces - 1) / pieces;
}

#define PANELS(ID, id, tiles, most, mins) \
    static void panels_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        enum { BLOCK = sizeof(r8_##id) == 8 * sizeof(block_##id) && sizeof(block_##id) < 64 ? 32 : 256 }; \
        const int64_t  n_block = cols / BLOCK, run = PANEL_COLS / BLOCK; \
        const r8_##id *u = w; \
        panel p; \
        pass  z = {.step = act_bytes(cols), .cols = cols}; \
        if (n_tok <= FEW) { \
            packed_##id(y, ldy, w, groups, cols, x, n_tok); \
            return; \
        } \
        for (; groups >= 2; groups -= 2, u += 2 * n_block, y += 16) \
            for (int64_t t = 0, each = even(n_tok, PASS); t < n_tok; t += each) { \
                const int n_here = (int)(n_tok - t < each ? n_tok - t : each), tile = (int)even(n_here, most); \
                z.x = (const char *)x + (size_t)t * z.step; \
                memset(z.acc, 0, sizeof z.acc[0] * (size_t)n_here); \
                memset(z.am, 0, sizeof z.am[0] * (size_t)n_here); \
                for (int64_t b = 0; b < n_block; b += run) { \
                    const int n = (int)(n_block - b < run ? n_block - b : run); \
                    for (int i = 0; i < n; i++) { \
                        r8_ahead(u + b + i, sizeof *u, 0, 1); \
                        r8_ahead(u + n_block + b + i, sizeof *u, 0, 1); \
                        unpack_##id(&p, i, u + b + i, u + n_block + b + i); \
                    } \
                    z.first = b * BLOCK; \
                    for (int i = 0; i < n_here; i += tile) tiles(&z, &p, n * BLOCK, i, n_here - i < tile ? n_here - i : tile); \
                } \
                for (int i = 0; i < n_here; i++) { \
                    const __m512 acc = _mm512_load_ps(z.acc[i]); \
                    _mm512_storeu_ps(y + (t + i) * ldy, mins ? _mm512_sub_ps(acc, _mm512_load_ps(z.am[i])) : acc); \
                } \
            } \
        if (groups) packed_##id(y, ldy, u, 1, cols, x, n_tok); \
    }
PANELS(Q4_0, q4_0, tiles_8, TILE, false)
PANELS(Q8_0, q8_0, tiles_128, TILE, false)
PANELS(Q4_K, q4_k, tiles_mins, TILE_MINS, true)
PANELS(Q5_K, q5_k, tiles_mins, TILE_MINS, true)
PANELS(Q6_K, q6_k, tiles_32, TILE, false)

const kernels kernels_avx512vnni = {
    .name = "avx512vnni",
    .need = CPU_AVX2 | CPU_FMA | CPU_F16C | CPU_AVX512_VNNI,
    .packed = {[TYPE_Q4_0] = panels_q4_0, [TYPE_Q8_0] = panels_q8_0, [TYPE_Q4_K] = panels_q4_k, [TYPE_Q5_K] = panels_q5_k,
               [TYPE_Q6_K] = panels_q6_k},
    .packing_pays = true,
    .scores = {[SLM_KV_Q8_0] = scores_q8},
};
