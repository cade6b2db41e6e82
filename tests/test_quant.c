/* test_quant.c - decoding of tensor formats. */
#include "test.h"
#include "../src/quant.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void half_floats_round_trip(void) {
    for (uint32_t h = 0; h < 65536; h++) {
        float f = f16_to_f32((uint16_t)h);
        if (f != f) {
            CHECK((f32_to_f16(f) & 0x7c00) == 0x7c00 && (f32_to_f16(f) & 0x3ff));
            continue;
        }
        if (f32_to_f16(f) != h) CHECK_INT(f32_to_f16(f), h);
    }
    CHECK_INT(f32_to_f16(65519.0f), 0x7bff);
    CHECK_INT(f32_to_f16(65520.0f), 0x7c00);
    CHECK_INT(f32_to_f16(0x1p-25f), 0);             /* tie to even */
    CHECK_INT(f32_to_f16(0x1.000002p-25f), 1);
    CHECK_INT(f32_to_f16(1.0f + 0x1p-11f), 0x3c00); /* tie to even */
    CHECK_INT(f32_to_f16(1.0f + 0x3p-11f), 0x3c02);
}

static void formats_match_the_published_vectors(void) {
    if (!test_shared("oracle/quant/vectors.json")) {
        test_skip("no ../shared");
        return;
    }
    for (uint32_t id = 0; id < TYPE_COUNT; id++) {
        const type_info *t = type_get(id);
        if (!t || id == TYPE_F32) continue;
        char path[100];
        size_t nq, nf, row = 0;
        snprintf(path, sizeof path, "../shared/oracle/quant/%s.q", t->name);
        char *q = test_read_file(path, &nq);
        snprintf(path, sizeof path, "../shared/oracle/quant/%s.f32", t->name);
        char *want = test_read_file(path, &nf);
        CHECK(q && want);
        if (!q || !want) return;
        CHECK(type_row_bytes(t, nf / 4, &row));
        CHECK_INT(row, nq);
        float *got = mem_zero(nf / 4, 4);
        t->to_f32(got, q, (int64_t)(nf / 4));
        CHECK_SAME(got, want, nf, t->name);
        mem_free(got);
        mem_free(want);
        mem_free(q);
    }
}

static void names_and_sizes(void) {
    size_t b = 0;
    CHECK(type_row_bytes(type_get(TYPE_Q4_K), 2048, &b));
    CHECK_INT(b, 1152);
    CHECK(!type_row_bytes(type_get(TYPE_Q4_K), 100, &b));
    CHECK(type_get(16) == NULL);
    CHECK_STR(str_of(type_name(16)), STR("IQ2_XXS"));
    CHECK_STR(str_of(type_name(4000)), STR("?"));
    CHECK(type_by_name("Q6_K") == type_get(TYPE_Q6_K));
    CHECK(type_by_name("Q9") == NULL);
}

const test_case tests_quant[] = {
    {"half_floats_round_trip", "all 65536 halves, and rounding at the edges", half_floats_round_trip},
    {"formats_match_the_published_vectors", "to_f32 of 14 formats is bit-exact",
     formats_match_the_published_vectors},
    {"names_and_sizes", "unknown formats have names, odd rows are refused", names_and_sizes},
    {0},
};
