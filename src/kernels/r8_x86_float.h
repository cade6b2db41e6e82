/* r8_x86_float.h - floor 2: packed F32, F16 and BF16 widened to 256-bit registers, by F16C and shifts. */
#ifndef R8_X86_FLOAT_H
#define R8_X86_FLOAT_H
#include "r8_x86.h"

R8_INLINE __m256 r8_wide_f32(const float *p) { return _mm256_loadu_ps(p); }
R8_INLINE __m256 r8_wide_f16(const uint16_t *p) { return r8_halfs(p); }
R8_INLINE __m256 r8_wide_bf16(const uint16_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), 16));
}

#include "r8_float.h"
#endif
