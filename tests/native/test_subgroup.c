/* engine: membership of many points, in every engine, also of points of small order, which meet the exceptions of the
 * addition formulas. */
#include <string.h>

#include "engine/engine.h"
#include "expect.h"
#include "math/portable.h"
#include "sample.h"
#include "twist.h"

#define MOST 600

static void sample_members(g2_aff *p, uint8_t *bad, size_t n) {
    g2_aff others[8];
    for (int i = 0; i < 2; i++) others[i] = twist_small(sample_u64(), TWIST_PRIMES[i]);
    for (int i = 2; i < 4; i++) others[i] = twist_point(sample_u64());
    for (int i = 4; i < 8; i++) others[i] = G2_GENERATOR;
    others[4].y = fp2_zero();         /* its double is infinity */
    others[5].x = fp2_zero();
    others[6].y.c1 = fp_zero();
    memset(&others[7], 0, sizeof *others);
    others[7].x.c1 = FP_ONE;          /* (x, 0) */
    for (size_t i = 0; i < n; i++) {
        const uint64_t kind = sample_u64() % 16;
        u256 k = {{sample_u64() >> (sample_u64() % 64), 0, 0, 0}};
        bad[i] = 0;
        if (kind == 0) {
            p[i] = g2_aff_infinity();
        } else if (kind < 4) {
            p[i] = others[kind - 1 + 4 * (sample_u64() & 1)];
            if (g2_aff_on_curve(&p[i])) p[i] = g2_any(&p[i], &k);
            bad[i] = !g2_aff_is_infinity(&p[i]);
        } else {
            p[i] = g2_any(&G2_GENERATOR, &k);
        }
    }
}

static void test_members_and_others(void) {
    static g2_aff p[MOST];
    uint8_t expected[MOST], bad[MOST + 1];
    pool *const threads = pool_new(2);
    const size_t counts[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 40, 255, 256, 257, MOST};
    sample_members(p, expected, MOST);
    for (size_t i = 0; i < MOST; i++) EXPECT(expected[i] == !g2_aff_is_member_var(&p[i]));
    for (size_t i = 0; engine_at(i); i++) {
        const engine *const e = engine_at(i);
        if (!e->supported()) continue;
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (size_t from = 0; from < 20 && from + counts[c] <= MOST; from += 5) {
                memset(bad, 9, sizeof bad);
                e->g2_check_many_var(bad, p + from, counts[c], c % 2 ? threads : NULL);
                EXPECT(!memcmp(bad, expected + from, counts[c]) && bad[counts[c]] == 9);
            }
    }
    pool_free(threads);
}

/* All points good, or all of one bad kind: batches without an ordinary point. */
static void test_all_alike(void) {
    g2_aff p[20];
    uint8_t bad[20];
    const g2_aff kinds[] = {
        g2_aff_infinity(), G2_GENERATOR, twist_small(7, 10069), twist_point(8), {{FP_ONE, FP_ONE}, {{{0}}, {{0}}}}};
    for (size_t kind = 0; kind < 5; kind++) {
        for (size_t i = 0; i < 20; i++) p[i] = kinds[kind];
        for (size_t i = 0; engine_at(i); i++) {
            if (!engine_at(i)->supported()) continue;
            engine_at(i)->g2_check_many_var(bad, p, 20, NULL);
            for (size_t j = 0; j < 20; j++) EXPECT(bad[j] == (kind > 1));
        }
    }
}

int main(void) {
    test_members_and_others();
    test_all_alike();
    return expect_status();
}
