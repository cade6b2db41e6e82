/* builtin.c - takes the file of `make BUILTIN=FILE` into the program as it is.  The assembler's .incbin needs no
 * generated source and works for cross builds; the pages are mapped with the program and read in
 * place. */
#include "builtin.h"
#include <string.h>

#ifdef SLM_BUILTIN_FILE
#if defined(__APPLE__)
#define SECTION ".const_data\n"
#define NAME(x) "_" #x
#define LEAVE   ".text\n"
#else
#define SECTION ".pushsection .rodata\n"
#define NAME(x) #x
#define LEAVE   ".popsection\n"
#endif
/* Aligned as a mapped file would be: tensors lie at multiples of 32 from the start. */
__asm__(SECTION ".globl " NAME(slm_builtin_begin) "\n.globl " NAME(slm_builtin_end) "\n"
        ".balign 64\n" NAME(slm_builtin_begin) ":\n.incbin \"" SLM_BUILTIN_FILE "\"\n"
        NAME(slm_builtin_end) ":\n.byte 0\n" LEAVE);
extern const unsigned char slm_builtin_begin[], slm_builtin_end[];

const void *builtin_model(size_t *bytes) {
    *bytes = (size_t)(slm_builtin_end - slm_builtin_begin);
    return slm_builtin_begin;
}
#else
const void *builtin_model(size_t *bytes) {
    *bytes = 0;
    return NULL;
}
#endif

slm_status builtin_open(gguf **out, const char *path, slm_error *err) {
    size_t      n;
    const void *inside;
    if (strcmp(path, SLM_BUILTIN)) return gguf_open(out, path, err);
    inside = builtin_model(&n);
    if (!inside) return err_set(err, SLM_ERR_UNSUPPORTED, "this slm was built without a model inside");
    return gguf_open_memory(out, inside, n, SLM_BUILTIN, err);
}
