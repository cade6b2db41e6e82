/* r8_x86.h - floor 2: products of packed weights on 256-bit registers; a lane is an output row.
 *
 * Compiled into one file per instruction set.  With VNNI a dot product step is one instruction;
 * without it, maddubs multiplies and adds pairs in int16, and as many of those are added up in
 * int16 as cannot overflow: 8 of Q4 (8 * 2 * 15 * 127 = 30480), 4 of Q5 (31496).  Weights are unsigned
 * in all of them: a format's offset is taken off through the sums of the activations, which come as
 * int16 pairs (quant.h).  int16 sums wrap, so where that is done first it matters only that the end of a
 * chain fits: 16 (w - 8) x of Q4_0 (16256), 8 (w - 32) x of Q6_K (32512).  Q8_0 without VNNI multiplies |w| by x with w's sign; 128 * 127 * 2 = 32512 fits.
 *
 * Activations are broadcast from memory, four columns to all lanes.  512-bit loads stream slower
 * than 256-bit ones from memory, so sets with AVX-512 use these too. */
#ifndef R8_X86_H
#define R8_X86_H
#include "kernels.h"
#include "r8.h"
#include <immintrin.h>
#include <string.h>

enum { R8_TOKENS = 4, R8_STAY = 16 << 10 /* bytes */ };
#ifdef __AVX512VL__
enum { R8_MANY = 1 }; /* registers: 32 */
#else
enum { R8_MANY = 0 };
#endif

typedef __m256 r8_floats; /* one number a row */
R8_INLINE r8_floats r8_nil(void) { return _mm256_setzero_ps(); }
R8_INLINE r8_floats r8_minus(r8_floats a, r8_floats b) { return _mm256_sub_ps(a, b); }
R8_INLINE r8_floats r8_fma_by(r8_floats a, float x, r8_floats sum) { return _mm256_fmadd_ps(a, _mm256_set1_ps(x), sum); }
R8_INLINE void r8_put(float *to, r8_floats v) { _mm256_storeu_ps(to, v); }

R8_INLINE __m256i r8_load(const void *p) { return _mm256_loadu_si256(p); }
/* In a register: read again as an operand it would take the place of another load. */
R8_INLINE __m256i r8_keep(const void *p) {
    __m256i v = r8_load(p);
    __asm__("" : "+x"(v));
    return v;
}
R8_INLINE __m256i r8_four(const int8_t *x) { /* 4 activations in every lane */
    int32_t v;
    memcpy(&v, x, 4);
    return _mm256_set1_epi32(v);
}
R8_INLINE __m256i r8_low(__m256i v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
R8_INLINE __m256i r8_high(__m256i v) { return r8_low(_mm256_srli_epi16(v, 4)); }
R8_INLINE __m256  r8_halfs(const uint16_t *d) { return _mm256_cvtph_ps(_mm_loadu_si128((const void *)d)); }
R8_INLINE __m256  r8_bytes(const void *p) { return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(p))); }
R8_INLINE __m256  r8_signed_bytes(const void *p) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p))); }
/* Part `part` of `parts` of a block of `bytes`: every line of the stream once, in order.  A line left out
 * would be waited for, as the processor's own prefetcher gives way to this one. */
R8_INLINE void r8_ahead(const void *block, size_t bytes, int part, int parts) {
    const char *p = (const char *)block + kernels_far;
    for (size_t i = (bytes * (size_t)part / (size_t)parts + 63) / 64 * 64; kernels_far && i < bytes * (size_t)(part + 1) / (size_t)parts; i += 64)
        _mm_prefetch(p + i, _MM_HINT_T0);
}
/* One token's activations: a group of long rows pushes them out of the first cache, and reading them again took up to
 * a fifth of the time.  Two lines ahead is best by far (measured in turn: one or three ahead gain little or nothing). */
R8_INLINE void r8_again(const int8_t *x) { _mm_prefetch((const char *)x + 128, _MM_HINT_T0); }
R8_INLINE __m256i r8_pair(const int16_t pair[2]) { return r8_four((const void *)pair); }
/* factor times the sum of 32 activations. */
R8_INLINE __m256i r8_sum32(act_view a, int64_t b, int factor) { return _mm256_madd_epi16(r8_pair(a.pair32[b]), _mm256_set1_epi16((short)factor)); }

/* Products added up: in int32 with VNNI, else in int16 until r8_end.  A superblock's scales are whole numbers: where sums
 * have to be widened, they multiply then (r8_end_by), else as floats (r8_times); both are exact (scalar.c). */
#ifdef R8_DPBUSD
typedef __m256 r8_scale;
#define R8_ONES _mm256_setzero_ps() /* not looked at */
R8_INLINE __m256i r8_dot(__m256i sum, __m256i w, __m256i x) { return R8_DPBUSD(sum, w, x); }
R8_INLINE __m256i r8_end(__m256i sum) { return sum; }
R8_INLINE __m256i r8_end_by(__m256i sum, r8_scale by) { return (void)by, sum; }
R8_INLINE __m256  r8_times(__m256i sum, r8_scale by) { return _mm256_mul_ps(_mm256_cvtepi32_ps(sum), by); }
R8_INLINE r8_scale r8_scale_bytes(const uint8_t *p) { return r8_bytes(p); }
R8_INLINE r8_scale r8_scale_signed(const int8_t *p) { return r8_signed_bytes(p); }
/* Two groups' sums with their scales. */
R8_INLINE __m256 r8_both(const __m256i sum[2], r8_scale first, r8_scale second) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[1]), second, r8_times(sum[0], first));
}
#else
typedef __m256i r8_scale; /* two int16 in a row's lane, equal */
#define R8_ONES _mm256_set1_epi16(1)
R8_INLINE __m256i r8_dot(__m256i sum, __m256i w, __m256i x) { return _mm256_add_epi16(sum, _mm256_maddubs_epi16(w, x)); }
R8_INLINE __m256i r8_end(__m256i sum) { return _mm256_madd_epi16(sum, _mm256_set1_epi16(1)); }
R8_INLINE __m256i r8_end_by(__m256i sum, r8_scale by) { return _mm256_madd_epi16(sum, by); }
R8_INLINE __m256  r8_times(__m256i sum, r8_scale by) { return (void)by, _mm256_cvtepi32_ps(sum); }
/* p[8], a byte a row, to where `first` says for row 0 and `first` + row * `next` for the others. */
R8_INLINE __m256i r8_spread(const void *p, const int first, const int next) {
    int64_t v;
    memcpy(&v, p, 8);
    return _mm256_shuffle_epi8(_mm256_set1_epi64x(v), _mm256_setr_epi32(first, first + next, first + 2 * next, first + 3 * next, first + 4 * next,
                                                                        first + 5 * next, first + 6 * next, first + 7 * next));
}
R8_INLINE r8_scale r8_scale_bytes(const uint8_t *p) { return r8_spread(p, INT32_MIN + 0x8000, 0x10001); /* 80 00 80 00: nil in the high bytes */ }
R8_INLINE r8_scale r8_scale_signed(const int8_t *p) { return _mm256_srai_epi16(r8_spread(p, 0x800080, 0x1000100), 8); }
/* Two groups' sums with their scales. */
R8_INLINE __m256 r8_both(const __m256i sum[2], r8_scale first, r8_scale second) {
    return _mm256_cvtepi32_ps(_mm256_add_epi32(r8_end_by(sum[0], first), r8_end_by(sum[1], second)));
}
#endif

#ifdef R8_DPBUSD
#define R8_NOW(sum)
#else
#define R8_NOW(sum) __asm__ __volatile__("" : "+x"(sum)) /* here and now: not all products first, which then lie on the stack */
#endif

/* -offset times the sum of some activations: where their chain of products begins. */
R8_INLINE __m256i r8_begin(const int16_t *pair, const int offset) {
    const __m256i by = _mm256_set1_epi16((short)-offset);
#ifdef R8_DPBUSD
    return _mm256_madd_epi16(r8_pair(pair), by);
#else
    return _mm256_mullo_epi16(r8_pair(pair), by);
#endif
}

/* 32 columns of nibbles q[g][row][t]. */
R8_INLINE void r8_nibbles(__m256i lo[4], __m256i hi[4], const uint8_t *q) {
    for (int g = 0; g < 4; g++) {
        const __m256i v = r8_load(q + 32 * g);
        lo[g] = r8_low(v);
        hi[g] = r8_high(v);
    }
}

/* Sums that begin with nothing. */
R8_INLINE void r8_clear_sums(__m256i sum[][2], const int n_tok) {
    for (int t = 0; t < n_tok; t++) sum[t][0] = sum[t][1] = _mm256_setzero_si256();
}

/* 32 columns of nibbles, with the fifth bits qh[row][t] where there are any, times n_tok tokens, added to two chains of
 * each, which hide the latency.  Weights are unpacked as they are used: all at once they would leave no register for sums. */
R8_INLINE void r8_dots_of(__m256i sum[][2], const uint8_t *q, const uint8_t *qh, const bool fives, const act_view *a, int64_t at, const int n_tok) {
    const __m256i bit = _mm256_set1_epi8(16), h = fives ? r8_load(qh) : bit;
    for (int g = 0; g < 4; g++) {
        const __m256i v = r8_keep(q + 32 * g);
        __m256i       lo = r8_low(v), hi = r8_high(v);
        if (fives) {
            lo = _mm256_or_si256(lo, _mm256_and_si256(_mm256_slli_epi16(h, 4 - g), bit));
            hi = _mm256_or_si256(hi, _mm256_and_si256(_mm256_srli_epi16(h, g), bit));
        }
        for (int t = 0; t < n_tok; t++) {
            sum[t][0] = r8_dot(sum[t][0], lo, r8_four(a[t].q + at + 4 * g));
            sum[t][1] = r8_dot(sum[t][1], hi, r8_four(a[t].q + at + 16 + 4 * g));
            R8_NOW(sum[t][0]);
            R8_NOW(sum[t][1]);
        }
    }
}

/* Both chains of 4 bits; of five only 4 maddubs fit int16. */
R8_INLINE __m256i r8_end_fours(const __m256i sum[2], r8_scale by) {
#ifdef R8_DPBUSD
    return (void)by, _mm256_add_epi32(sum[0], sum[1]);
#else
    return r8_end_by(_mm256_add_epi16(sum[0], sum[1]), by);
#endif
}
R8_INLINE __m256i r8_end_fives(const __m256i sum[2], r8_scale by) { return _mm256_add_epi32(r8_end_by(sum[0], by), r8_end_by(sum[1], by)); }

R8_INLINE void r8_tile_q4_0(__m256 *acc, const r8_q4_0 *p, const act_view *a, int64_t n, const int n_tok) {
    for (int64_t b = 0; b < n; b++, p++) {
        __m256i sum[R8_TOKENS][2];
        for (int t = 0; t < n_tok; t++) sum[t][0] = r8_begin(a[t].pair32[b], 8), sum[t][1] = _mm256_setzero_si256();
        r8_ahead(p, sizeof *p, 0, 1);
        r8_dots_of(sum, p->q[0][0], NULL, false, a, b * 32, n_tok);
        const __m256 d = r8_halfs(p->d);
        for (int t = 0; t < n_tok; t++)
            acc[t] = _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(a[t].s[b])), _mm256_cvtepi32_ps(r8_end_fours(sum[t], R8_ONES)), acc[t]);
    }
}

R8_INLINE void r8_tile_q8_0(__m256 *acc, const r8_q8_0 *p, const act_view *a, int64_t n, const int n_tok) {
    for (int64_t b = 0; b < n; b++, p++) {
        const __m256 d = r8_halfs(p->d);
        r8_ahead(p, sizeof *p, 0, 1);
        if (n_tok == 1) r8_again(a->q + b * 32);
        __m256i v[R8_TOKENS][2];
        for (int t = 0; t < n_tok; t++) {
#ifdef R8_DPBUSD
            v[t][0] = r8_sum32(a[t], b, -128); /* w + 128 is unsigned; the sum of 128 x is taken off again */
#else
            v[t][0] = _mm256_setzero_si256();
#endif
            v[t][1] = _mm256_setzero_si256();
        }
        for (int g = 0; g < 8; g++) {
            const int i = n_tok > 2 ? 0 : g & 1; /* with few tokens two chains hide the latency */
#ifdef R8_DPBUSD
            const __m256i w = _mm256_xor_si256(r8_load(p->q[g]), _mm256_set1_epi8(-128));
            for (int t = 0; t < n_tok; t++) v[t][i] = r8_dot(v[t][i], w, r8_four(a[t].q + b * 32 + 4 * g));
#else
            const __m256i w = r8_load(p->q[g]), size = _mm256_abs_epi8(w);
            for (int t = 0; t < n_tok; t++) {
                const __m256i m = _mm256_maddubs_epi16(size, _mm256_sign_epi8(r8_four(a[t].q + b * 32 + 4 * g), w));
                v[t][i] = _mm256_add_epi32(v[t][i], r8_end(m));
            }
#endif
        }
        for (int t = 0; t < n_tok; t++) {
            const __m256i sum = n_tok > 2 ? v[t][0] : _mm256_add_epi32(v[t][0], v[t][1]);
            acc[t] = _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(a[t].s[b])), _mm256_cvtepi32_ps(sum), acc[t]);
        }
    }
}

/* The scales and mins of all 8 sub-blocks as bytes [sub][row]. */
R8_INLINE void r8_scales(uint8_t sc[64], uint8_t m[64], const uint8_t *sl, const uint8_t *sh) {
    const __m256i l0 = r8_load(sl), l1 = r8_load(sl + 32), h = r8_load(sh), two = _mm256_set1_epi8(0x30);
    _mm256_storeu_si256((void *)sc, _mm256_or_si256(r8_low(l0), _mm256_and_si256(_mm256_slli_epi16(h, 4), two)));
    _mm256_storeu_si256((void *)(sc + 32), _mm256_or_si256(r8_low(l1), _mm256_and_si256(h, two)));
    _mm256_storeu_si256((void *)m, _mm256_or_si256(r8_high(l0), _mm256_and_si256(_mm256_slli_epi16(h, 2), two)));
    _mm256_storeu_si256((void *)(m + 32), _mm256_or_si256(r8_high(l1), _mm256_and_si256(_mm256_srli_epi16(h, 2), two)));
}

/* With VNNI all sub-blocks in a row: as a loop GCC computes what to prefetch as it goes, which halves the speed of 4 tokens. */
#ifdef R8_DPBUSD
#define R8_UNROLL_SUBS _Pragma("GCC unroll 8")
#else
#define R8_UNROLL_SUBS
#endif

/* Q4_K and Q5_K (`fives`): the parts of a block are named by the caller; q: its first sub-block. */
R8_INLINE void r8_superblock(__m256 *acc, __m256 *am, const uint16_t *d, const uint16_t *dmin, const uint8_t *sl, const uint8_t *sh,
                             const uint8_t *q, const bool fives, const act_view *a, int64_t first, const int n_tok) {
    uint8_t sc[64], m[64];
    __m256  fs[R8_TOKENS], fm[R8_TOKENS];
    r8_scales(sc, m, sl, sh);
    for (int t = 0; t < n_tok; t++) fs[t] = fm[t] = _mm256_setzero_ps();
    R8_UNROLL_SUBS
    for (int s = 0; s < 8; s++, q += fives ? sizeof(((r8_q5_k *)0)->sub[0]) : sizeof(((r8_q4_k *)0)->q[0])) {
        const int64_t k = first + s;
        __m256i       sum[R8_TOKENS][2];
        r8_clear_sums(sum, n_tok);
        r8_ahead(d, fives ? sizeof(r8_q5_k) : sizeof(r8_q4_k), s, 8);
        r8_dots_of(sum, fives ? q + 32 : q, q, fives, a, k * 32, n_tok);
        const r8_scale scale = r8_scale_bytes(sc + 8 * s);
        const __m256   min = r8_bytes(m + 8 * s);
        for (int t = 0; t < n_tok; t++) {
            const __m256i v = fives ? r8_end_fives(sum[t], scale) : r8_end_fours(sum[t], scale);
            fs[t] = _mm256_fmadd_ps(r8_times(v, scale), _mm256_set1_ps(a[t].s[k]), fs[t]);
            fm[t] = _mm256_fmadd_ps(min, _mm256_set1_ps(a[t].ms[k]), fm[t]);
        }
    }
    const __m256 dv = r8_halfs(d), mv = r8_halfs(dmin);
    for (int t = 0; t < n_tok; t++) {
        acc[t] = _mm256_fmadd_ps(fs[t], dv, acc[t]);
        am[t] = _mm256_fmadd_ps(fm[t], mv, am[t]);
    }
}

R8_INLINE void r8_tile_q4_k(__m256 *acc, const r8_q4_k *p, const act_view *a, int64_t n, const int n_tok) {
    __m256 am[R8_TOKENS];
    for (int t = 0; t < n_tok; t++) am[t] = _mm256_setzero_ps();
    for (int64_t b = 0; b < n; b++, p++)
        r8_superblock(acc, am, p->d, p->dmin, p->sl[0], p->sh[0], p->q[0][0][0], false, a, b * 8, n_tok);
    for (int t = 0; t < n_tok; t++) acc[t] = _mm256_sub_ps(acc[t], am[t]);
}

R8_INLINE void r8_tile_q5_k(__m256 *acc, const r8_q5_k *p, const act_view *a, int64_t n, const int n_tok) {
    __m256 am[R8_TOKENS];
    for (int t = 0; t < n_tok; t++) am[t] = _mm256_setzero_ps();
    for (int64_t b = 0; b < n; b++, p++)
        r8_superblock(acc, am, p->d, p->dmin, p->sl[0], p->sh[0], p->sub[0].qh[0], true, a, b * 8, n_tok);
    for (int t = 0; t < n_tok; t++) acc[t] = _mm256_sub_ps(acc[t], am[t]);
}

/* Three bytes that hold four weights of six bits: w[k] of 16 columns each. */
R8_INLINE void r8_sixes(__m256i w[4], const uint8_t q[3][8][4]) {
    const __m256i six = _mm256_set1_epi8(63), two = _mm256_set1_epi8(-64);
    __m256i       last = _mm256_setzero_si256();
    for (int k = 0; k < 3; k++) {
        const __m256i v = r8_keep(q[k]);
        w[k] = _mm256_and_si256(v, six);
        last = _mm256_or_si256(_mm256_srli_epi16(last, 2), _mm256_and_si256(v, two));
    }
    w[3] = _mm256_srli_epi16(last, 2);
}

/* The 64 columns of chunk c, of n_tok tokens from the t-th one on. */
R8_INLINE void r8_chunk_q6_k(__m256 *fs, const r8_q6_k *p, const int c, const act_view *a, int64_t b, const int n_tok) {
    __m256i v[R8_TOKENS][4];
    for (int t = 0; t < n_tok; t++)
        for (int k = 0; k < 4; k++) v[t][k] = r8_begin(a[t].pair16[b * 16 + c * 4 + k], 32);
    for (int j = 0; j < 4; j++) {
        __m256i w[4];
        r8_sixes(w, p->q[c][j]);
        for (int t = 0; t < n_tok; t++)
            for (int k = 0; k < 4; k++) {
                v[t][k] = r8_dot(v[t][k], w[k], r8_four(a[t].q + (b * 16 + c * 4 + k) * 16 + 4 * j));
                R8_NOW(v[t][k]);
            }
    }
    for (int k = 0; k < 4; k += 2) {
        const r8_scale s0 = r8_scale_signed(p->sc[c * 4 + k]), s1 = r8_scale_signed(p->sc[c * 4 + k + 1]);
        for (int t = 0; t < n_tok; t++)
            fs[t] = _mm256_fmadd_ps(r8_both(v[t] + k, s0, s1), _mm256_set1_ps(a[t].s[b * 8 + c * 2 + k / 2]), fs[t]);
    }
}

R8_INLINE void r8_tile_q6_k(__m256 *acc, const r8_q6_k *p, const act_view *a, int64_t n, const int n_tok) {
    const int first = n_tok > 2 && !R8_MANY ? 2 : n_tok; /* whose four sums stay in registers */
    for (int64_t b = 0; b < n; b++, p++) {
        __m256 fs[R8_TOKENS];
        for (int t = 0; t < n_tok; t++) fs[t] = _mm256_setzero_ps();
        for (int c = 0; c < 4; c++) {
            r8_ahead(p, sizeof *p, c, 4);
            r8_chunk_q6_k(fs, p, c, a, b, first);
            if (first < n_tok) r8_chunk_q6_k(fs + first, p, c, a + first, b, n_tok - first);
        }
        const __m256 d = r8_halfs(p->d);
        for (int t = 0; t < n_tok; t++) acc[t] = _mm256_fmadd_ps(fs[t], d, acc[t]);
    }
}

/* A batch: groups that stay in the first cache against four tokens at a time.  One token has loops of its own (r8_one.h). */
#define R8_PACKED(ID, id) \
    static R8_APART void packed_##id(float *y, int64_t ldy, const void *w, int64_t groups, int64_t cols, const void *x, int64_t n_tok) { \
        const int64_t  n = cols / type_get(TYPE_##ID)->block_elems; \
        const size_t   xb = act_bytes(cols); \
        const r8_##id *p = w; \
        if (n_tok == 1) { \
            one_##id(y, p, groups, n, act_of(x, cols)); \
            return; \
        } \
        const int64_t run = R8_STAY / ((int64_t)sizeof *p * n) + 1; \
        for (int64_t g0 = 0; g0 < groups; g0 += run) \
            for (int64_t t = 0; t < n_tok; t += R8_TOKENS) { \
                const int64_t g1 = groups - g0 < run ? groups : g0 + run; \
                const int     n_here = n_tok - t < R8_TOKENS ? (int)(n_tok - t) : R8_TOKENS; \
                act_view      a[R8_TOKENS]; \
                for (int i = 0; i < R8_TOKENS; i++) a[i] = act_of((const char *)x + (size_t)(t + (i < n_here ? i : 0)) * xb, cols); \
                for (int64_t g = g0; g < g1; g++) { \
                    __m256 acc[R8_TOKENS]; \
                    for (int i = 0; i < R8_TOKENS; i++) acc[i] = _mm256_setzero_ps(); \
                    if (n_here == R8_TOKENS) r8_tile_##id(acc, p + g * n, a, n, R8_TOKENS); \
                    else if (n_here == 3) r8_tile_##id(acc, p + g * n, a, n, 3); \
                    else if (n_here == 2) r8_tile_##id(acc, p + g * n, a, n, 2); \
                    else r8_tile_##id(acc, p + g * n, a, n, 1); \
                    for (int i = 0; i < n_here; i++) _mm256_storeu_ps(y + (t + i) * ldy + g * 8, acc[i]); \
                } \
            } \
    }
#define R8_ALL_PACKED \
    R8_ONE(q4_0) R8_ONE(q8_0) R8_ONE(q4_k) R8_ONE(q5_k) R8_ONE(q6_k) \
    R8_PACKED(Q4_0, q4_0) R8_PACKED(Q8_0, q8_0) R8_PACKED(Q4_K, q4_k) R8_PACKED(Q5_K, q5_k) R8_PACKED(Q6_K, q6_k)
#endif
