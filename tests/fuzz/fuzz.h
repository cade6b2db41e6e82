/* fuzz.h - entry points for any bytes.  A finding is a crash, a sanitizer's report, or a broken RULE().
 *
 * `make fuzz` runs each under clang's libFuzzer; test_fuzz.c replays the kept inputs, tests/hostile/TARGET/FILE, in
 * `make test`.  What a fuzzer found stays there for good. */
#ifndef FUZZ_H
#define FUZZ_H
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define FUZZ_TARGETS(X) \
    X(gguf)      /* a model file: opened, bound, planned                                */ \
    X(model)     /* a model file that runs: packed, damaged, two tokens                 */ \
    X(tokenizer) /* a vocabulary, an empty line, a text                                 */ \
    X(template)  /* a chat template                                                     */ \
    X(json)      /* a JSON text                                                         */ \
    X(args)      /* a command line, an argument on each line                            */ \
    X(utf8)      /* text: decoded, normalized, classified                               */ \
    X(chat)      /* a saved conversation                                                */ \
    X(imatrix)   /* an importance matrix; a matrix quantized by it                      */ \
    X(quantize)  /* a type and a model file                                             */ \
    X(requant)   /* a type, and weights with what they count for                        */

#define X(name) void fuzz_##name(const uint8_t *p, size_t n);
FUZZ_TARGETS(X)
#undef X

/* An open file of these bytes, in memory, and the path that leads to it. */
int fuzz_file(const uint8_t *p, size_t n, char path[64]);

#define RULE(holds) ((holds) ? (void)0 : abort())
#endif
