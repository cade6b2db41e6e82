/* sampler.h - floor 5: logits -> one id.  Knows numbers, not text. */
#ifndef SAMPLER_H
#define SAMPLER_H
#include "base.h"

typedef struct {
    float   logit;
    int32_t id;
} candidate;

typedef struct {
    slm_sampling p;
    int          n_vocab;
    uint64_t     state; /* of the random numbers */
    float       *work;  /* [n_vocab] logits after penalties */
    candidate   *cand;  /* [n_vocab] */
    int32_t     *count; /* [n_vocab] uses among the tokens that penalties look at; zero between calls */
} sampler;

void sampler_layout(arena *a, sampler *s, int n_vocab);
/* Range checks; starts the random numbers from p->seed. */
slm_status sampler_set(sampler *s, const slm_sampling *p, slm_error *err);
/* logits [n_vocab], all finite.  past: the tokens so far, newest last. */
int32_t sampler_pick(sampler *s, const float *logits, const int32_t *past, int n_past);
/* Index of the largest of n; the first of equals. */
int32_t sampler_argmax(const float *x, int n);
#endif
