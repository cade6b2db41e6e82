/* recommend.h - floor 5: what developers recommend for sampling from their models. */
#ifndef RECOMMEND_H
#define RECOMMEND_H
#include "base.h"

typedef struct recommendation recommendation;

/* By a model's name or its file's, in any spelling; derivatives of other names are others' models.  NULL: nothing
 * is known. */
const recommendation *recommendation_of(str name);
const char           *recommendation_name(const recommendation *r);
/* Sets what it says something about. */
void recommendation_apply(const recommendation *r, slm_sampling *p);
#endif
