/* fuzz_entry.c - libFuzzer's entry into the target that FUZZ_TARGET names. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    FUZZ_TARGET(p, n);
    return 0;
}
