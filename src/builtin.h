/* builtin.h - floor 7: the model inside the program. */
#ifndef BUILTIN_H
#define BUILTIN_H
#include <stddef.h>
/* A GGUF file in read-only memory; NULL when the program was built without one (make BUILTIN=). */
const void *builtin_model(size_t *bytes);
#endif
