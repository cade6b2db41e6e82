/* sampler.h - floor 5: logits -> one id.  Knows numbers, not text. */
#ifndef SAMPLER_H
#define SAMPLER_H
#include "choice.h"

typedef struct {
    slm_sampling p;
    uint8_t  order[SLM_N_SAMPLERS]; /* p's, or the usual one; ends in 0 */
    uint64_t state;   /* of the random numbers */
    double   mu;      /* of mirostat: the most bits of surprise */
    choice   c;
    int32_t *count;   /* [n_vocab] what penalties know of a token; zero between calls */
    float   *old;     /* [n_vocab] logits as they came, of the ids in `changed` */
    int32_t *changed; /* [n_vocab] */
    uint8_t *marked;  /* [n_vocab] is it in `changed`?  zero between calls */
    int      n_changed;
    slm_bias *bias;   /* or NULL; of the heap, as `breaks` */
    int      n_bias;
    uint8_t *breaks;  /* [n_vocab] does the token end what DRY takes for one sequence?  or NULL */
} sampler;

void sampler_layout(arena *a, sampler *s, int n_vocab);
void sampler_init(sampler *s, const kernels *k);
void sampler_free(sampler *s); /* what sampler_bias() and sampler_breaks() took */
/* Range checks; starts the random numbers from p->seed. */
slm_status sampler_set(sampler *s, const slm_sampling *p, slm_error *err);
/* As slm_session_set_bias(). */
slm_status sampler_bias(sampler *s, const slm_bias *list, int n, slm_error *err);
/* breaks: [n_vocab], of mem_zero(); the sampler's from now on. */
void sampler_breaks(sampler *s, uint8_t *breaks);
/* Reads logits [n_vocab] once: false where one is not finite.  sampler_pick() relies on what it saw. */
bool sampler_scan(sampler *s, const float *logits);
/* logits [n_vocab]: those that sampler_scan() has seen, all finite; changed and restored.  past: the
 * tokens so far, newest last. */
int32_t sampler_pick(sampler *s, float *logits, const int32_t *past, int n_past);
#endif
