/* math: sums of multiples, multiples of one point, checks: against double and add, in all special cases. */
#include <string.h>

#include "engine/engine.h"
#include "math/portable.h"
#include "expect.h"
#include "sample.h"

#define GROUP g1
#define COORD fp
#define G(name) G1_##name
#include "sums.inc"
#undef GROUP
#undef COORD
#undef G
#define GROUP g2
#define COORD fp2
#define G(name) G2_##name
#include "sums.inc"
#undef GROUP
#undef COORD
#undef G

static void test_digits_recombine(void) {
    const size_t counts[] = {40, 500, 20000, 1000000};
    for (size_t c = 0; c < 4; c++)
        for (unsigned part_bits = 64; part_bits <= 127; part_bits += 63)
            for (unsigned i = 0; i < 200; i++) {
                const msm_plan plan = msm_plan_of(counts[c], part_bits);
                /* 7/8 of 2^part_bits at most */
                glv_part part = {sample_u64(), part_bits == 64 ? 0 : sample_u64() >> 1, 0};
                if (i == 0) part.low = part.high = UINT64_MAX;
                if (i == 1) part.low = part.high = 0;
                if (part_bits == 64) part.high = 0;
                uint64_t *const top = part_bits == 64 ? &part.low : &part.high;
                const uint64_t most = part_bits == 64 ? (uint64_t)7 << 61 : (uint64_t)7 << 60;
                if (*top >= most) *top = most - 1;
                msm_scalar scalar;
                msm_scalar_of(&scalar, &plan, &part);
                mont_u128 sum = 0; /* mod 2^128 */
                for (unsigned w = plan.windows; w-- > 0;) {
                    const int32_t digit = msm_digit(&scalar, &plan, w);
                    EXPECT(digit >= -(int32_t)plan.buckets && digit < (int32_t)plan.buckets);
                    sum = (sum << plan.bits) + (mont_u128)(__int128)digit;
                }
                EXPECT((uint64_t)sum == part.low && (uint64_t)(sum >> 64) == part.high);
            }
}

static void test_points_off_the_curve_are_found(void) {
    g1_aff p[600];
    uint8_t bad[600];
    for (size_t i = 0; i < 600; i++) {
        p[i] = i % 3 ? G1_GENERATOR : g1_aff_infinity();
        if (i % 100 == 7) p[i].y = FP_ONE;
    }
    pool *const threads = pool_new(2);
    g1_check_many_var(bad, p, 600, threads);
    for (size_t i = 0; i < 600; i++) EXPECT(bad[i] == (i % 100 == 7));
    g1_check_many_var(bad, p, 0, NULL);
    pool_free(threads);
}

int main(void) {
    test_digits_recombine();
    test_points_off_the_curve_are_found();
    g1_test_sums();
    g2_test_sums();
    return expect_status();
}
