/* r8_one.h - floor 2: products of packed weights with one token: decoding.
 *
 * Memory is the limit here, and the fewer instructions and loads a block of weights takes, the nearer a core
 * that shares its units with another thread comes to it.  So weights are loaded into registers once.
 * With VNNI a high nibble stays where it is: 16 times the product, shifted back at the end. */
#ifndef R8_ONE_H
#define R8_ONE_H
#include "r8_x86.h"

/* 32 columns of nibbles q[g][row][t] times x, less `offset` times the sum of x; to be ended. */
R8_INLINE __m256i r8_one_nibbles(const uint8_t *q, const int8_t *x, const int16_t *pair, const int offset) {
    __m256i v[4];
    for (int g = 0; g < 4; g++) v[g] = r8_keep(q + 32 * g);
#ifdef R8_DPBUSD
    const __m256i high = _mm256_set1_epi8(-16);
    __m256i       a = offset ? r8_begin(pair, offset) : _mm256_setzero_si256();
    __m256i       b = _mm256_setzero_si256();
    for (int g = 0; g < 4; g++) {
        a = r8_dot(a, r8_low(v[g]), r8_four(x + 4 * g));
        b = r8_dot(b, _mm256_and_si256(v[g], high), r8_four(x + 16 + 4 * g));
    }
    return _mm256_add_epi32(a, _mm256_srai_epi32(b, 4));
#else
    __m256i a = _mm256_maddubs_epi16(r8_low(v[0]), r8_four(x)), b = _mm256_maddubs_epi16(r8_high(v[0]), r8_four(x + 16));
    for (int g = 1; g < 4; g++) {
        a = r8_dot(a, r8_low(v[g]), r8_four(x + 4 * g));
        b = r8_dot(b, r8_high(v[g]), r8_four(x + 16 + 4 * g));
    }
    if (offset) a = _mm256_add_epi16(a, r8_begin(pair, offset));
    return _mm256_add_epi16(a, b);
#endif
}

R8_INLINE void r8_one_q4_0(__m256 *acc, __m256 *am, const r8_q4_0 *p, act_view a, int64_t n) {
    (void)am;
    for (int64_t b = 0; b < n; b++, p++) {
        r8_ahead(p, sizeof *p, 0, 1);
        r8_again(a.q + b * 32);
        const __m256i v = r8_end(r8_one_nibbles(p->q[0][0], a.q + b * 32, a.pair32[b], 8));
        *acc = _mm256_fmadd_ps(_mm256_mul_ps(r8_halfs(p->d), _mm256_set1_ps(a.s[b])), _mm256_cvtepi32_ps(v), *acc);
    }
}

R8_INLINE void r8_one_q4_k(__m256 *acc, __m256 *am, const r8_q4_k *p, act_view a, int64_t n) {
    for (int64_t b = 0; b < n; b++, p++) {
        uint8_t sc[64], m[64];
        __m256  fs = _mm256_setzero_ps(), fm = fs;
        r8_scales(sc, m, p->sl[0], p->sh[0]);
        for (int s = 0; s < 8; s++) {
            const int64_t k = b * 8 + s;
            r8_ahead(p, sizeof *p, s, 8);
            r8_again(a.q + k * 32);
            const r8_scale scale = r8_scale_bytes(sc + 8 * s);
            const __m256i  v = r8_end_by(r8_one_nibbles(p->q[s][0][0], a.q + k * 32, NULL, 0), scale);
            fs = _mm256_fmadd_ps(r8_times(v, scale), _mm256_set1_ps(a.s[k]), fs);
            fm = _mm256_fmadd_ps(r8_bytes(m + 8 * s), _mm256_set1_ps(a.ms[k]), fm);
        }
        *acc = _mm256_fmadd_ps(fs, r8_halfs(p->d), *acc);
        *am = _mm256_fmadd_ps(fm, r8_halfs(p->dmin), *am);
    }
}

/* A chunk's four groups side by side, as they come. */
R8_INLINE void r8_one_q6_k(__m256 *acc, __m256 *am, const r8_q6_k *p, act_view a, int64_t n) {
    (void)am;
    for (int64_t b = 0; b < n; b++, p++) {
        __m256 fs = _mm256_setzero_ps();
        for (int c = 0; c < 4; c++) {
            const int64_t g = b * 16 + c * 4;
            __m256i       sum[4];
            r8_ahead(p, sizeof *p, c, 4);
            r8_again(a.q + g * 16);
            for (int k = 0; k < 4; k++) sum[k] = r8_begin(a.pair16[g + k], 32);
            for (int j = 0; j < 4; j++) {
                const int8_t *x = a.q + g * 16 + 4 * j;
                __m256i       w[4];
                r8_sixes(w, p->q[c][j]);
                for (int k = 0; k < 4; k++) sum[k] = r8_dot(sum[k], w[k], r8_four(x + 16 * k));
            }
            for (int k = 0; k < 4; k += 2) {
                const r8_scale s0 = r8_scale_signed(p->sc[c * 4 + k]), s1 = r8_scale_signed(p->sc[c * 4 + k + 1]);
                fs = _mm256_fmadd_ps(r8_both(sum + k, s0, s1), _mm256_set1_ps(a.s[(g + k) / 2]), fs);
            }
        }
        *acc = _mm256_fmadd_ps(fs, r8_halfs(p->d), *acc);
    }
}

R8_INLINE void r8_one_q8_0(__m256 *acc, __m256 *am, const r8_q8_0 *p, act_view a, int64_t n) {
    (void)am;
    r8_tile_q8_0(acc, p, &a, n, 1);
}

R8_INLINE void r8_one_q5_k(__m256 *acc, __m256 *am, const r8_q5_k *p, act_view a, int64_t n) {
    const __m256i bit = _mm256_set1_epi8(16);
    for (int64_t b = 0; b < n; b++, p++) {
        uint8_t sc[64], m[64];
        __m256  fs = _mm256_setzero_ps(), fm = fs;
        r8_scales(sc, m, p->sl[0], p->sh[0]);
        for (int s = 0; s < 8; s++) {
            const int64_t k = b * 8 + s;
            const int8_t *x = a.q + k * 32;
            const __m256i h = r8_keep(p->sub[s].qh);
            __m256i       lo = _mm256_setzero_si256(), hi = lo; /* only 4 products of five bits fit int16 */
            r8_ahead(p, sizeof *p, s, 8);
            r8_again(x);
            for (int g = 0; g < 4; g++) {
                const __m256i v = r8_keep(p->sub[s].q[g]);
                lo = r8_dot(lo, _mm256_or_si256(r8_low(v), _mm256_and_si256(_mm256_slli_epi16(h, 4 - g), bit)), r8_four(x + 4 * g));
                hi = r8_dot(hi, _mm256_or_si256(r8_high(v), _mm256_and_si256(_mm256_srli_epi16(h, g), bit)), r8_four(x + 16 + 4 * g));
            }
            const r8_scale scale = r8_scale_bytes(sc + 8 * s);
            const __m256i  v = _mm256_add_epi32(r8_end_by(lo, scale), r8_end_by(hi, scale));
            fs = _mm256_fmadd_ps(r8_times(v, scale), _mm256_set1_ps(a.s[k]), fs);
            fm = _mm256_fmadd_ps(r8_bytes(m + 8 * s), _mm256_set1_ps(a.ms[k]), fm);
        }
        *acc = _mm256_fmadd_ps(fs, r8_halfs(p->d), *acc);
        *am = _mm256_fmadd_ps(fm, r8_halfs(p->dmin), *am);
    }
}

/* One group after the other: two side by side would share the activations' loads, but two streams of weights
 * come at half the speed of one. */
#define R8_ONE(id) \
    static R8_APART void one_##id(float *y, const r8_##id *p, int64_t groups, int64_t n, act_view a) { \
        for (int64_t g = 0; g < groups; g++, p += n) { \
            __m256 acc = _mm256_setzero_ps(), am = acc; \
            r8_one_##id(&acc, &am, p, a, n); \
            _mm256_storeu_ps(y + g * 8, _mm256_sub_ps(acc, am)); \
        } \
    }
#endif
