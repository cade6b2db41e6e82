/* choice.h - floor 5: the tokens of a vocabulary that may still be drawn.
 *
 * It starts as the whole vocabulary, seen through the largest logit of each block of 64, and
 * becomes a list once a truncation has left something out.  Probabilities are those of the
 * tokens that are left, at the temperature so far. */
#ifndef CHOICE_H
#define CHOICE_H
#include "base.h"
#include "kernels/kernels.h"

typedef struct {
    const kernels *k;
    int            n_vocab;
    float         *peak;    /* [blocks] the largest logit of each */
    double        *part;    /* [parts] sums of weights */
    float         *logit;   /* [n_vocab] of the list, */
    int32_t       *id;      /* [n_vocab] and whose they are */
    /* of one draw: */
    const float   *all;     /* [n_vocab] */
    int            n;       /* tokens left */
    bool           listed, ranked, sorted; /* ranked: drawn from in falling order, else by id */
    float          max;     /* the largest logit that is left; its weight is 1 */
    double         temp;
} choice;

void choice_layout(arena *a, choice *c, int n_vocab);
/* Before choice_begin(): reads x [n_vocab] once.  False where a number is not finite. */
bool choice_scan(choice *c, const float *x);
/* After x[id] changed. */
void choice_rescan(choice *c, const float *x, int32_t id);
/* All of x [n_vocab], at temperature 1.  -INFINITY is a token that is never drawn. */
void choice_begin(choice *c, const float *x);
/* After numbers of x, and with choice_rescan() their peaks, changed. */
void choice_reload(choice *c);

/* The truncations.  Each keeps at least one token. */
void choice_top_k(choice *c, int k);
void choice_top_p(choice *c, double p);
void choice_min_p(choice *c, double p);
void choice_typical(choice *c, double p);
/* Logits of at least the largest less n standard deviations. */
void choice_n_sigma(choice *c, double n);
/* Of the tokens of at least this probability only the least likely stays. */
void choice_drop_top(choice *c, double threshold);
/* Tokens of no more than so many bits of surprise; sum: choice_total(). */
void choice_surprise(choice *c, double sum, double bits);

/* The likeliest; of equals the smallest id. */
int32_t choice_best(const choice *c);
/* The token at the part 0 <= u < 1 of the probabilities. */
int32_t choice_draw(choice *c, double u);
/* The sum of the weights of what is left, which a probability of 1 stands for. */
double choice_total(const choice *c);
/* -log2 of a token's probability where the weights add up to `sum`. */
double choice_bits(const choice *c, double sum, int32_t id);
/* Weights of the n likeliest tokens, n at most those left, in falling order. */
void choice_likeliest(choice *c, double *weight, int n);
#endif
