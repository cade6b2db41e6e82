/* builtin.h - floor 7: the model inside the program. */
#ifndef BUILTIN_H
#define BUILTIN_H
#include "gguf.h"
#include <stddef.h>
/* A GGUF file in read-only memory; NULL when the program was built without one (make BUILTIN=). */
const void *builtin_model(size_t *bytes);
/* gguf_open(), which knows the model inside by its name, SLM_BUILTIN. */
slm_status builtin_open(gguf **out, const char *path, slm_error *err);
#endif
