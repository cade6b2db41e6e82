/* tiles.c - see tiles.h. */
#include "tiles.h"
#include "test.h"
#include "../src/kernels/amx_tiles.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TILES = 8 };
static _Thread_local struct {
    tile_config config;
    bool        on;
    uint8_t     row[TILES][16][64];
} state;
long tiles_n_dots, tiles_wrong_every;

/* What would be a fault of the program (#UD, #GP). */
static void refuse(const char *why) {
    fprintf(stderr, "tiles: %s\n", why);
    abort();
}
static void want(bool ok, const char *why) {
    if (!ok) refuse(why);
}

void tiles_configure(const void *config) {
    tile_config c;
    memcpy(&c, config, sizeof c);
    want(c.palette == 1 && !c.start_row, "palette 1 from row 0");
    for (int i = 0; i < 14; i++) want(!c.reserved[i], "reserved bytes are zero");
    for (int t = 0; t < 16; t++) {
        want(c.rows[t] <= 16 && c.row_bytes[t] <= 64, "16 rows of 64 bytes");
        want(!c.rows[t] == !c.row_bytes[t] && (t < TILES || !c.rows[t]), "eight tiles, rows and bytes or neither");
    }
    state.config = c;
    state.on = true;
    memset(state.row, 0, sizeof state.row);
}

void tiles_release(void) {
    memset(&state, 0, sizeof state);
}

static int rows_of(int t) {
    want(state.on && t >= 0 && t < TILES && state.config.rows[t], "a configured tile");
    return state.config.rows[t];
}

void tiles_zero(int t) {
    rows_of(t);
    memset(state.row[t], 0, sizeof state.row[t]);
}

void tiles_load(int t, const void *from, int64_t stride) {
    const int n = rows_of(t);
    memset(state.row[t], 0, sizeof state.row[t]);
    for (int i = 0; i < n; i++) memcpy(state.row[t][i], (const char *)from + i * stride, state.config.row_bytes[t]);
}

void tiles_store(void *to, int64_t stride, int t) {
    const int n = rows_of(t);
    for (int i = 0; i < n; i++) memcpy((char *)to + i * stride, state.row[t][i], state.config.row_bytes[t]);
}

/* c: m x n, a: m x k, b: k x n words of four bytes. */
static void check_sizes(int c, int a, int b) {
    const tile_config *s = &state.config;
    want(rows_of(c) == rows_of(a) && s->row_bytes[c] == s->row_bytes[b], "c is as high as a and as wide as b");
    want(s->row_bytes[a] / 4 == rows_of(b) && s->row_bytes[a] % 4 == 0 && s->row_bytes[c] % 4 == 0, "a is as wide as b is high");
    want(c != a && c != b && a != b, "three tiles");
}

void tiles_dot_bytes(int c, int a, int b) {
    check_sizes(c, a, b);
    for (int m = 0; m < state.config.rows[c]; m++) {
        uint32_t sum[16]; /* wraps */
        memcpy(sum, state.row[c][m], 64);
        for (int k = 0; k < state.config.row_bytes[a] / 4; k++)
            for (int n = 0; n < 16; n++)
                for (int i = 0; i < 4; i++) sum[n] += (uint32_t)((int8_t)state.row[a][m][4 * k + i] * (int)state.row[b][k][4 * n + i]);
        memcpy(state.row[c][m], sum, state.config.row_bytes[c]);
    }
    tiles_n_dots++;
    if (tiles_wrong_every && tiles_n_dots % tiles_wrong_every == 0) state.row[c][0][20] ^= 1;
}

/* Denormal numbers count as zeros, as arguments and as results. */
static float flush(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }

static float bf16_at(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, 2);
    const uint32_t bits = (uint32_t)h << 16;
    float          x;
    memcpy(&x, &bits, 4);
    return flush(x);
}

void tiles_dot_bf16(int c, int a, int b) {
    check_sizes(c, a, b);
    for (int m = 0; m < state.config.rows[c]; m++) {
        float sum[2][16] = {{0}}, was[16];
        memcpy(was, state.row[c][m], 64);
        for (int k = 0; k < state.config.row_bytes[a] / 4; k++)
            for (int i = 0; i < 2; i++) {
                const float x = bf16_at(state.row[a][m] + 4 * k + 2 * i);
                for (int n = 0; n < 16; n++) sum[i][n] = flush(fmaf(x, bf16_at(state.row[b][k] + 4 * n + 2 * i), sum[i][n]));
            }
        for (int n = 0; n < 16; n++) was[n] = flush(flush(was[n]) + flush(sum[0][n] + sum[1][n]));
        memcpy(state.row[c][m], was, state.config.row_bytes[c]);
    }
}
