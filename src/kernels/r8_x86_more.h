/* r8_x86_more.h - floor 2: as r8_x86.h, for Q4_1, Q5_0, Q5_1, IQ4_NL, IQ4_XS, Q2_K and Q3_K.
 *
 * Without VNNI as many maddubs results are added up in int16 as cannot overflow: all 4 of a group of 16 in
 * Q2_K (4 * 2 * 3 * 127 = 3048) and Q3_K (4 * 2 * 7 * 127 = 7112), 4 of Q5, 8 of Q4_1.  Values that IQ4 codes
 * stand for lie in -127..113: |w| times x with w's sign is at most 2 * 127 * 127 = 32258, and each is widened
 * at once; with VNNI w + 128 is unsigned.
 *
 * Q2_K and Q3_K: madd_epi16 multiplies by the scales what it widens, so the two groups of 16 that share an
 * activation scale become one integer: at most 2 * 15 * 16 * 3 * 127 = 182880, and 2 * 32 * 16 * 7 * 127 = 910336.
 */
#ifndef R8_X86_MORE_H
#define R8_X86_MORE_H
#include "r8_one.h"
#define R8_GROUP_TOKENS 4
#include "r8_products.h"

/* ---- parts ------------------------------------------------------------------------- */

/* 32 columns of IQ4 codes as the dot product's left factors: w + 128 with VNNI, else w. */
R8_INLINE void r8_codes(__m256i lo[4], __m256i hi[4], const uint8_t q[4][8][4]) {
    __m256i values = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)iq4_values));
#ifdef R8_DPBUSD
    values = _mm256_xor_si256(values, _mm256_set1_epi8(-128));
#endif
    r8_nibbles(lo, hi, q[0][0]);
    for (int g = 0; g < 4; g++) {
        lo[g] = _mm256_shuffle_epi8(values, lo[g]);
        hi[g] = _mm256_shuffle_epi8(values, hi[g]);
    }
}

R8_INLINE __m256i r8_dot_codes(const __m256i lo[4], const __m256i hi[4], act_view a, int64_t k) {
    const int8_t *x = a.q + k * 32;
    __m256i       v[2];
#ifdef R8_DPBUSD
    v[0] = r8_sum32(a, k, -128);
    v[1] = _mm256_setzero_si256();
    for (int g = 0; g < 4; g++) {
        v[0] = r8_dot(v[0], lo[g], r8_four(x + 4 * g));
        v[1] = r8_dot(v[1], hi[g], r8_four(x + 16 + 4 * g));
    }
#else
    v[0] = v[1] = _mm256_setzero_si256();
    for (int g = 0; g < 4; g++) {
        const __m256i l = _mm256_maddubs_epi16(_mm256_abs_epi8(lo[g]), _mm256_sign_epi8(r8_four(x + 4 * g), lo[g]));
        const __m256i h = _mm256_maddubs_epi16(_mm256_abs_epi8(hi[g]), _mm256_sign_epi8(r8_four(x + 16 + 4 * g), hi[g]));
        v[0] = _mm256_add_epi32(v[0], r8_end(l));
        v[1] = _mm256_add_epi32(v[1], r8_end(h));
    }
#endif
    return _mm256_add_epi32(v[0], v[1]);
}

/* Two groups of 16 columns, w[group][j][row][t], times their scales: int16 pairs in each row's lane. */
R8_INLINE __m256i r8_dot_scaled(const __m256i w[2][4], __m256i scales, const int8_t *x) {
    __m256i v[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 2; i++) v[i] = r8_dot(v[i], w[i][j], r8_four(x + 16 * i + 4 * j));
#ifdef R8_DPBUSD
    /* Both sums fit int16: side by side they meet their scales in one madd. */
    return _mm256_madd_epi16(_mm256_blend_epi16(v[0], _mm256_slli_epi32(v[1], 16), 0xaa), scales);
#else
    const __m256i first = _mm256_set1_epi32(0x01000100), second = _mm256_set1_epi32(0x03020302);
    const __m256i row = _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0, 0x04040404, 0x08080808, 0x0c0c0c0c);
    return _mm256_add_epi32(_mm256_madd_epi16(v[0], _mm256_shuffle_epi8(scales, _mm256_add_epi8(row, first))),
                            _mm256_madd_epi16(v[1], _mm256_shuffle_epi8(scales, _mm256_add_epi8(row, second))));
#endif
}

/* The sums of the activations of groups 2k and 2k + 1 as int16 pairs (|S16| <= 2032) in all lanes. */
R8_INLINE __m256i r8_sums16(act_view a, int64_t k) {
    const __m128i v = _mm_loadl_epi64((const void *)(a.sum16 + 2 * k));
    return _mm256_broadcastd_epi32(_mm_packs_epi32(v, v));
}

/* ---- tiles: n blocks of 8 rows against n_tok tokens, added to acc and am ---------------- */

/* The 32-wide formats differ in how weights are unpacked, in their products and offset. */
R8_INLINE __m256 r8_scaled(__m256 d, act_view a, int64_t k, __m256i sum, __m256 acc) {
    return _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(a.s[k])), _mm256_cvtepi32_ps(sum), acc);
}

R8_INLINE void r8_add_q4_1(__m256 *acc, __m256 *am, const r8_q4_1 *p, const act_view *a, int64_t n, const int n_tok) {
    for (int64_t b = 0; b < n; b++, p++) {
        __m256i sum[R8_GROUP_TOKENS][2];
        r8_clear_sums(sum, n_tok);
        r8_ahead(p, sizeof *p, 0, 1);
        if (n_tok == 1) r8_again(a->q + b * 32);
        r8_dots_of(sum, p->q[0][0], NULL, false, a, b * 32, n_tok);
        const __m256 d = r8_halfs(p->d), m = r8_halfs(p->m);
        for (int t = 0; t < n_tok; t++) {
            acc[t] = r8_scaled(d, a[t], b, r8_end_fours(sum[t], R8_ONES), acc[t]);
            am[t] = _mm256_fnmadd_ps(m, _mm256_set1_ps(a[t].ms[b]), am[t]);
        }
    }
}

R8_INLINE void r8_add_q5_0(__m256 *acc, __m256 *am, const r8_q5_0 *p, const act_view *a, int64_t n, const int n_tok) {
    (void)am;
    for (int64_t b = 0; b < n; b++, p++) {
        __m256i sum[R8_GROUP_TOKENS][2];
        r8_clear_sums(sum, n_tok);
        r8_ahead(p, sizeof *p, 0, 1);
        if (n_tok == 1) r8_again(a->q + b * 32);
        r8_dots_of(sum, p->q[0][0], p->qh[0], true, a, b * 32, n_tok);
        const __m256 d = r8_halfs(p->d);
        for (int t = 0; t < n_tok; t++)
            acc[t] = r8_scaled(d, a[t], b, _mm256_sub_epi32(r8_end_fives(sum[t], R8_ONES), r8_sum32(a[t], b, 16)), acc[t]);
    }
}

R8_INLINE void r8_add_q5_1(__m256 *acc, __m256 *am, const r8_q5_1 *p, const act_view *a, int64_t n, const int n_tok) {
    for (int64_t b = 0; b < n; b++, p++) {
        __m256i sum[R8_GROUP_TOKENS][2];
        r8_clear_sums(sum, n_tok);
        r8_ahead(p, sizeof *p, 0, 1);
        if (n_tok == 1) r8_again(a->q + b * 32);
        r8_dots_of(sum, p->q[0][0], p->qh[0], true, a, b * 32, n_tok);
        const __m256 d = r8_halfs(p->d), m = r8_halfs(p->m);
        for (int t = 0; t < n_tok; t++) {
            acc[t] = r8_scaled(d, a[t], b, r8_end_fives(sum[t], R8_ONES), acc[t]);
            am[t] = _mm256_fnmadd_ps(m, _mm256_set1_ps(a[t].ms[b]), am[t]);
        }
    }
}

R8_INLINE void r8_add_iq4_nl(__m256 *acc, __m256 *am, const r8_iq4_nl *p, const act_view *a, int64_t n, const int n_tok) {
    (void)am;
    for (int64_t b = 0; b < n; b++, p++) {
        __m256i lo[4], hi[4];
        r8_codes(lo, hi, p->q);
        r8_ahead(p, sizeof *p, 0, 1);
        if (n_tok == 1) r8_again(a->q + b * 32);
        const __m256 d = r8_halfs(p->d);
        for (int t = 0; t < n_tok; t++) acc[t] = r8_scaled(d, a[t], b, r8_dot_codes(lo, hi, a[t], b), acc[t]);
    }
}

/* The scales of all 8 sub-blocks as bytes [sub][row]. */
R8_INLINE void r8_xs_scales(int8_t sc[64], const r8_iq4_xs *p) {
    const __m256i two = _mm256_set1_epi8(0x30), bias = _mm256_set1_epi8(32);
    const __m256i l = r8_load(p->sl), h = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)p->sh));
    /* Sub-blocks 0, 1 | 2, 3 and 4, 5 | 6, 7. */
    const __m256i h0 = _mm256_blend_epi32(_mm256_slli_epi16(h, 4), _mm256_slli_epi16(h, 2), 0xf0);
    const __m256i h1 = _mm256_blend_epi32(h, _mm256_srli_epi16(h, 2), 0xf0);
    _mm256_storeu_si256((void *)sc, _mm256_sub_epi8(_mm256_or_si256(r8_low(l), _mm256_and_si256(h0, two)), bias));
    _mm256_storeu_si256((void *)(sc + 32), _mm256_sub_epi8(_mm256_or_si256(r8_high(l), _mm256_and_si256(h1, two)), bias));
}

R8_INLINE void r8_add_iq4_xs(__m256 *acc, __m256 *am, const r8_iq4_xs *p, const act_view *a, int64_t n, const int n_tok) {
    (void)am;
    for (int64_t b = 0; b < n; b++, p++) {
        __m256 fs[R8_GROUP_TOKENS];
        int8_t sc[64];
        r8_xs_scales(sc, p);
        for (int t = 0; t < n_tok; t++) fs[t] = _mm256_setzero_ps();
        for (int s = 0; s < 8; s++) {
            __m256i lo[4], hi[4];
            r8_codes(lo, hi, p->q[s]);
            r8_ahead(p, sizeof *p, s, 8);
            if (n_tok == 1) r8_again(a->q + (b * 8 + s) * 32);
            const __m256 scale = r8_signed_bytes(sc + 8 * s);
            for (int t = 0; t < n_tok; t++) {
                const __m256 sum = _mm256_cvtepi32_ps(r8_dot_codes(lo, hi, a[t], b * 8 + s));
                fs[t] = _mm256_fmadd_ps(_mm256_mul_ps(sum, scale), _mm256_set1_ps(a[t].s[b * 8 + s]), fs[t]);
            }
        }
        const __m256 d = r8_halfs(p->d);
        for (int t = 0; t < n_tok; t++) acc[t] = _mm256_fmadd_ps(fs[t], d, acc[t]);
    }
}

R8_INLINE void r8_add_q2_k(__m256 *acc, __m256 *am, const r8_q2_k *p, const act_view *a, int64_t n, const int n_tok) {
    const __m256i two_bits = _mm256_set1_epi8(3);
    for (int64_t b = 0; b < n; b++, p++) {
        __m256 fs[R8_GROUP_TOKENS], fm[R8_GROUP_TOKENS];
        for (int t = 0; t < n_tok; t++) fs[t] = fm[t] = _mm256_setzero_ps();
        for (int c = 0; c < 4; c++) {
            __m256i v[4];
            for (int j = 0; j < 4; j++) v[j] = r8_load(p->q[c][j]);
            r8_ahead(p, sizeof *p, c, 4);
            if (n_tok == 1) r8_again(a->q + (b * 4 + c) * 64);
            for (int i = 0; i < 2; i++) { /* 32 columns */
                __m256i w[2][4];
                for (int j = 0; j < 4; j++) {
                    w[0][j] = _mm256_and_si256(i ? _mm256_srli_epi16(v[j], 4) : v[j], two_bits);
                    w[1][j] = _mm256_and_si256(_mm256_srli_epi16(v[j], i ? 6 : 2), two_bits);
                }
                const __m256i both = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)p->sc[c * 2 + i]));
                const __m256i scales = _mm256_and_si256(both, _mm256_set1_epi16(15)), mins = _mm256_srli_epi16(both, 4);
                const int64_t k = b * 8 + c * 2 + i;
                for (int t = 0; t < n_tok; t++) {
                    const __m256 s = _mm256_set1_ps(a[t].s[k]);
                    fs[t] = _mm256_fmadd_ps(s, _mm256_cvtepi32_ps(r8_dot_scaled(w, scales, a[t].q + k * 32)), fs[t]);
                    fm[t] = _mm256_fmadd_ps(s, _mm256_cvtepi32_ps(_mm256_madd_epi16(mins, r8_sums16(a[t], k))), fm[t]);
                }
            }
        }
        const __m256 d = r8_halfs(p->d), dmin = r8_halfs(p->dmin);
        for (int t = 0; t < n_tok; t++) {
            acc[t] = _mm256_fmadd_ps(fs[t], d, acc[t]);
            am[t] = _mm256_fmadd_ps(fm[t], dmin, am[t]);
        }
    }
}

/* 64 columns of 3 bits: w[k][j][row][t].  Fields of groups k and k + 2 are a nibble apart, in q and in qh. */
R8_INLINE void r8_threes(__m256i w[4][4], const uint8_t q[4][8][4], const uint8_t qh[2][8][4]) {
    const __m256i pair = _mm256_set1_epi8(0x33), third = _mm256_set1_epi8(0x44);
    for (int j = 0; j < 4; j++) {
        const __m256i v = r8_load(q[j]), h = r8_load(qh[j / 2]);
        const __m256i h0 = j % 2 ? h : _mm256_slli_epi16(h, 2), h1 = j % 2 ? _mm256_srli_epi16(h, 1) : _mm256_slli_epi16(h, 1);
        const __m256i even = _mm256_or_si256(_mm256_and_si256(v, pair), _mm256_and_si256(h0, third));
        const __m256i odd = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(v, 2), pair), _mm256_and_si256(h1, third));
        w[0][j] = r8_low(even);
        w[1][j] = r8_low(odd);
        w[2][j] = r8_high(even);
        w[3][j] = r8_high(odd);
    }
}

/* The scales of two groups of 16 as bytes [group / 2][row][group % 2]. */
R8_INLINE void r8_threes_scales(int8_t sc[8][16], const r8_q3_k *p) {
    const __m256i l0 = r8_load(p->sl), l1 = r8_load(p->sl[2]), h = r8_load(p->sh), two = _mm256_set1_epi8(0x30), bias = _mm256_set1_epi8(32);
    _mm256_storeu_si256((void *)sc[0], _mm256_sub_epi8(_mm256_or_si256(r8_low(l0), _mm256_and_si256(_mm256_slli_epi16(h, 4), two)), bias));
    _mm256_storeu_si256((void *)sc[2], _mm256_sub_epi8(_mm256_or_si256(r8_low(l1), _mm256_and_si256(_mm256_slli_epi16(h, 2), two)), bias));
    _mm256_storeu_si256((void *)sc[4], _mm256_sub_epi8(_mm256_or_si256(r8_high(l0), _mm256_and_si256(h, two)), bias));
    _mm256_storeu_si256((void *)sc[6], _mm256_sub_epi8(_mm256_or_si256(r8_high(l1), _mm256_and_si256(_mm256_srli_epi16(h, 2), two)), bias));
}

R8_INLINE void r8_add_q3_k(__m256 *acc, __m256 *am, const r8_q3_k *p, const act_view *a, int64_t n, const int n_tok) {
    (void)am;
    for (int64_t b = 0; b < n; b++, p++) {
        __m256 fs[R8_GROUP_TOKENS];
        int8_t sc[8][16];
        r8_threes_scales(sc, p);
        for (int t = 0; t < n_tok; t++) fs[t] = _mm256_setzero_ps();
        for (int c = 0; c < 4; c++) {
            __m256i w[4][4];
            r8_threes(w, p->q[c], p->qh[c]);
            r8_ahead(p, sizeof *p, c, 4);
            if (n_tok == 1) r8_again(a->q + (b * 4 + c) * 64);
            for (int i = 0; i < 2; i++) {
                const int64_t k = b * 8 + c * 2 + i;
                const __m256i scales = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)sc[c * 2 + i]));
                for (int t = 0; t < n_tok; t++) {
                    const __m256i sum = r8_dot_scaled(w + 2 * i, scales, a[t].q + k * 32);
                    const __m256i off = _mm256_madd_epi16(scales, _mm256_slli_epi16(r8_sums16(a[t], k), 2));
                    fs[t] = _mm256_fmadd_ps(_mm256_set1_ps(a[t].s[k]), _mm256_cvtepi32_ps(_mm256_sub_epi32(sum, off)), fs[t]);
                }
            }
        }
        const __m256 d = r8_halfs(p->d);
        for (int t = 0; t < n_tok; t++) acc[t] = _mm256_fmadd_ps(fs[t], d, acc[t]);
    }
}

#define R8_ALL_MORE \
    R8_MORE(Q4_1, q4_1) R8_MORE(Q5_0, q5_0) R8_MORE(Q5_1, q5_1) R8_MORE(IQ4_NL, iq4_nl) R8_MORE(IQ4_XS, iq4_xs) \
    R8_MORE(Q2_K, q2_k) R8_MORE(Q3_K, q3_k)
#define R8_MORE_MATMUL \
    [TYPE_Q4_1] = matmul_q4_1, [TYPE_Q5_0] = matmul_q5_0, [TYPE_Q5_1] = matmul_q5_1, [TYPE_IQ4_NL] = matmul_iq4_nl, \
    [TYPE_IQ4_XS] = matmul_iq4_xs, [TYPE_Q2_K] = matmul_q2_k, [TYPE_Q3_K] = matmul_q3_k
#endif
