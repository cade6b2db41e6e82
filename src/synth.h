/* synth.h - floor 7: random weights, for speed.  What else it makes is declared in slm.h, "Measuring". */
#ifndef SYNTH_H
#define SYNTH_H
#include "quant.h"
/* n blocks of `type` whose weights are about 0.02 in size; equal seeds give equal blocks. */
void synth_blocks(void *dst, const type_info *type, size_t n, uint64_t seed);
#endif
