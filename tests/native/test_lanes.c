/* The fields on eight lanes, against the scalar fields, and the pieces of their transforms. Runs if the processor has
 * the instructions. */
#include "engine/engine.h"
#include "expect.h"
#include "math/portable.h"
#include "math/ifma/fp8.h"
#include "math/ifma/fr8.h"
#include "math/ifma/ntt8.h"

static uint64_t state = 88172645463325252u;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t weird(void) {
    static const uint64_t limbs[] = {0, 1, UINT64_MAX, 1u << 20, (uint64_t)1 << 52, ((uint64_t)1 << 52) - 1};
    const uint64_t choice = next() % 10;
    return choice < 6 ? limbs[choice] : next();
}

#define LANES_TEST(F, U)                                                                                   \
    static void F##_sample(F r[8]) {                                                                       \
        for (int i = 0; i < 8; i++) {                                                                      \
            const u256 t = {{weird(), weird(), weird(), weird()}};                                         \
            F##_from_u256(&r[i], &t);                                                                      \
            F##_canonical(&r[i], &r[i]);                                                                   \
            if (next() % 7 == 0) r[i] = F##_zero();                                                        \
            if (next() % 7 == 0) F##_neg(&r[i], &U##_ONE), F##_canonical(&r[i], &r[i]);                    \
        }                                                                                                  \
    }                                                                                                      \
    static void F##_compare(const F##8 * a, const F b[8], int line) {                                      \
        F got[8], wanted;                                                                                  \
        F##8_store(got, a);                                                                                \
        for (int i = 0; i < 8; i++) {                                                                      \
            F##_canonical(&wanted, &b[i]);                                                                 \
            if (memcmp(&got[i], &wanted, sizeof wanted)) printf("line %d lane %d\n", line, i);             \
            EXPECT(memcmp(&got[i], &wanted, sizeof wanted) == 0);                                          \
        }                                                                                                  \
    }                                                                                                      \
    static void F##_lanes(void) {                                                                          \
        for (int round = 0; round < 2000; round++) {                                                       \
            F a[8], b[8], c[8];                                                                            \
            F##8 x, y, z, raw;                                                                             \
            F##_sample(a);                                                                                 \
            F##_sample(b);                                                                                 \
            F##8_load(&x, a);                                                                              \
            F##8_load(&y, b);                                                                              \
            F##_compare(&x, a, __LINE__);                                                                  \
            for (int i = 0; i < 8; i++) F##_mul(&c[i], &a[i], &b[i]);                                      \
            F##8_mul(&z, &x, &y);                                                                          \
            F##_compare(&z, c, __LINE__);                                                                  \
            for (int i = 0; i < 8; i++) F##_sqr(&c[i], &a[i]);                                             \
            F##8_sqr(&z, &x);                                                                              \
            F##_compare(&z, c, __LINE__);                                                                  \
            for (int i = 0; i < 8; i++) F##_add(&c[i], &a[i], &b[i]);                                      \
            F##8_add(&z, &x, &y);                                                                          \
            F##_compare(&z, c, __LINE__);                                                                  \
            for (int i = 0; i < 8; i++) F##_sub(&c[i], &a[i], &b[i]);                                      \
            F##8_sub(&z, &x, &y, 4);                                                                       \
            F##_compare(&z, c, __LINE__);                                                                  \
            for (int i = 0; i < 8; i++) F##_sub(&c[i], &a[i], &b[i]), F##_mul(&c[i], &c[i], &c[i]);        \
            F##8_mul(&z, &z, &z);                                                                          \
            F##_compare(&z, c, __LINE__);                                                                  \
            for (int i = 0; i < 8; i++) F##_dbl(&c[i], &a[i]), F##_dbl(&c[i], &c[i]);                      \
            F##8_shift(&z, &x, 2);                                                                         \
            F##_compare(&z, c, __LINE__);                                                                  \
            F##8_canonical(&z, &x);                                                                        \
            for (int i = 0; i < 8; i++) EXPECT(((F##8_is_zero(&z) >> i) & 1) == (F##_is_zero(&a[i]) & 1)); \
            F##8_load_raw(&raw, a);                                                                        \
            F##8_store_raw(c, &raw);                                                                       \
            EXPECT(memcmp(a, c, sizeof a) == 0);                                                           \
            /* the largest bound, 84: 64 p and more */                                                     \
            z = F##8_all(U##8_MULTIPLES [6]);                                                              \
            F##8_add(&raw, &raw, &z);                                                                      \
            F##8_canonical(&raw, &raw);                                                                    \
            F##8_store_raw(c, &raw);                                                                       \
            EXPECT(memcmp(a, c, sizeof a) == 0);                                                           \
        }                                                                                                  \
    }

LANES_TEST(fr, FR)
LANES_TEST(fp, FP)

/* The passes of transforms of every length, without running them: pieces are whole vectors of butterflies, and cover
 * all. */
static void ntt_pieces(void) {
    for (unsigned log_n = NTT8_LOG_MIN; log_n <= 28; log_n++)
        for (unsigned stage = 0; stage + NTT8_LOG_BLOCK < log_n; stage++)
            for (int single = 0; single < 2; single++) {
                const ntt8_run run = {.log_n = log_n, .stage = stage, .single = single};
                const size_t butterflies = (size_t)1 << (log_n - stage - (single ? 1 : 2)), pieces = ntt8_pieces(&run);
                EXPECT(pieces >= 1 && butterflies % pieces == 0 && butterflies / pieces % LANES == 0);
            }
}

int main(void) {
    const engine *const e = engine_find("ifma");
    if (!e || !e->supported()) {
        puts("this processor has no eight lanes");
        return 0;
    }
    fr_lanes();
    fp_lanes();
    ntt_pieces();
    return expect_status();
}
