/* r8_steps.h - floor 2: a part of r8_panel.h: the inner loop of AVX2, by hand.
 *
 * Left to itself, the compiler lays some of a tile's eight sums on the stack in one format or another.  A block of 32 columns,
 * 16 rows and 4 tokens takes 54 to 59 cycles of Zen 4 this way, where it took 55 (Q4_0) to 83.  Of those, 40 are products
 * and the additions that compete with them for ports: 4.9 cycles for 8 of each, in whatever order. */
#ifndef R8_STEPS_H
#define R8_STEPS_H

_Static_assert(P_LANES == 8 && P_REGS == 2 && TILE == 4, "the registers of a tile");

#define STEP_WEIGHTS(i) "vmovdqa 64*" #i "(%[w]), %[a]\n\tvmovdqa 64*" #i "+32(%[w]), %[b]\n\t"
#define STEP_TOKEN(i, t) "vpbroadcastd %c[token]*" #t "+4*" #i "(%[x]), %[c]\n\t"
#define STEP_FIRST(mul, t, u, v) STEP_TOKEN(0, t) mul " %[c], %[a], %[" #u "]\n\t" mul " %[c], %[b], %[" #v "]\n\t"
#define STEP_NEXT(mul, add, i, t, u, v) \
    STEP_TOKEN(i, t) mul " %[c], %[a], %[d]\n\t" mul " %[c], %[b], %[c]\n\t" \
    add " %[d], %[" #u "], %[" #u "]\n\t" add " %[c], %[" #v "], %[" #v "]\n\t"
#define STEP_BEGIN(mul) \
    STEP_WEIGHTS(0) STEP_FIRST(mul, 0, s0, s1) STEP_FIRST(mul, 1, s2, s3) STEP_FIRST(mul, 2, s4, s5) STEP_FIRST(mul, 3, s6, s7)
#define STEP(mul, add, i) \
    STEP_WEIGHTS(i) STEP_NEXT(mul, add, i, 0, s0, s1) STEP_NEXT(mul, add, i, 1, s2, s3) STEP_NEXT(mul, add, i, 2, s4, s5) \
    STEP_NEXT(mul, add, i, 3, s6, s7)
#define STEP_SUMS(how) \
    [s0] how(v[0][0]), [s1] how(v[0][1]), [s2] how(v[1][0]), [s3] how(v[1][1]), [s4] how(v[2][0]), [s5] how(v[2][1]), [s6] how(v[3][0]), \
        [s7] how(v[3][1])
#define STEPS(how, mul, add, first) \
    __asm__(first STEP(mul, add, 1) STEP(mul, add, 2) STEP(mul, add, 3) \
            : STEP_SUMS(how), [a] "=&x"(a), [b] "=&x"(b), [c] "=&x"(c), [d] "=&x"(d) \
            : [w] "r"(w), [x] "r"(x), [token] "i"(sizeof(token)), "m"(*(const uint8_t(*)[4][2][32])w), \
              "m"(*(const int8_t(*)[3 * sizeof(token) + 16])x))

/* v[t][r] = four steps of the panel, from w and from the columns x of four tokens: bytes into pairs of int16, or with
 * `wide` int16 into int32; with `more` added to what v holds. */
R8_INLINE void four_steps(__m256i v[4][2], const uint8_t (*w)[2][32], const int8_t *x, const bool more, const bool wide) {
    __m256i a, b, c, d;
    if (wide && more) STEPS("+x", "vpmaddwd", "vpaddd", STEP("vpmaddwd", "vpaddd", 0));
    else if (wide) STEPS("=&x", "vpmaddwd", "vpaddd", STEP_BEGIN("vpmaddwd"));
    else if (more) STEPS("+x", "vpmaddubsw", "vpaddw", STEP("vpmaddubsw", "vpaddw", 0));
    else STEPS("=&x", "vpmaddubsw", "vpaddw", STEP_BEGIN("vpmaddubsw"));
}
#endif
