/* rope.h - floor 3: rotary position embedding.
 * Source: Su et al. 2021 (RoPE); Peng et al. 2023 (YaRN); Ding et al. 2024 (LongRoPE). */
#ifndef ROPE_H
#define ROPE_H
#include "arch.h"

/* Factors that divide the frequencies, [n_rot / 2] each or NULL; views of the weights. */
typedef struct {
    const float *all;          /* at every context size */
    const float *small, *large; /* one of them, by context size */
} rope_factors;

typedef struct {
    int     n_pair;
    bool    pairs;
    float   magnitude;
    double *freq[2];           /* [n_pair], radians per position: [0] global, [1] local layers */
} rope;

void rope_layout(arena *a, rope *r, const model_config *c);
/* n_ctx: the session's context; it decides between small and large factors for the whole run. */
void rope_init(rope *r, const model_config *c, const rope_factors *f, int n_ctx);
/* table[2 * i], table[2 * i + 1] = cos, sin of pair i at `pos`, times the magnitude. */
void rope_table(const rope *r, int local, int pos, float *table);
/* Rotates n_head heads of head_dim entries in place. */
void rope_rotate(const rope *r, const float *table, float *x, int n_head, int head_dim);
#endif
