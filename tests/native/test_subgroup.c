/* Floor 5: membership of many points, in every engine, among them points of small order, which meet the exceptions of
 * the addition formulas. */
#include <string.h>

#include "engine/engine.h"
#include "expect.h"
#include "math/portable.h"
#include "sample.h"

#define MOST 600

/* A point of the twist; hardly ever one of G2. */
static g2_aff twist_point(void) {
    g2_aff q;
    fp2 square;
    const fr a = sample_fr(), b = sample_fr();
    memcpy(&q.x.c0, &a, sizeof a); /* r < p */
    memcpy(&q.x.c1, &b, sizeof b);
    for (;;) {
        fp2_sqr(&square, &q.x);
        fp2_mul(&square, &square, &q.x);
        fp2_add(&square, &square, &G2_B);
        if (!fp2_sqrt_var(&q.y, &square)) break;
        fp_add(&q.x.c0, &q.x.c0, &FP_ONE);
    }
    fp2_canonical(&q.x, &q.x);
    fp2_canonical(&q.y, &q.y);
    return q;
}

static g2_aff times(const g2_aff *q, const u256 *k) {
    g2_jac t;
    g2_aff r;
    g2_mul_any_var(&t, q, k);
    g2_to_aff_var(&r, &t);
    return r;
}

/* A point whose order divides the small factor of the cofactor 2p - r. */
static g2_aff small_point(uint64_t factor) {
    const u256 order = {{FR_MODULUS[0], FR_MODULUS[1], FR_MODULUS[2], FR_MODULUS[3]}};
    u256 rest;
    uint64_t borrow = 0;
    mont_u128 left = 0;
    g2_aff q = twist_point();
    for (int i = 0; i < 4; i++) rest.v[i] = mont_subb(FP_MODULUS2[i], FR_MODULUS[i], &borrow);
    for (int i = 3; i >= 0; i--) {
        left = left << 64 | rest.v[i];
        rest.v[i] = (uint64_t)(left / factor);
        left %= factor;
    }
    EXPECT(left == 0);
    q = times(&q, &order);
    return times(&q, &rest);
}

static void sample_members(g2_aff *p, uint8_t *bad, size_t n) {
    const uint64_t factors[] = {10069, 5864401};
    g2_aff others[8];
    for (int i = 0; i < 2; i++) others[i] = small_point(factors[i]);
    for (int i = 2; i < 4; i++) others[i] = twist_point();
    for (int i = 4; i < 8; i++) others[i] = G2_GENERATOR;
    others[4].y = fp2_zero();         /* doubled, it would be infinity */
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
            if (g2_aff_on_curve(&p[i])) p[i] = times(&p[i], &k);
            bad[i] = !g2_aff_is_infinity(&p[i]);
        } else {
            p[i] = times(&G2_GENERATOR, &k);
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

/* All good, or all of one bad kind: a batch without an ordinary point. */
static void test_all_alike(void) {
    g2_aff p[20];
    uint8_t bad[20];
    const g2_aff kinds[] = {g2_aff_infinity(), G2_GENERATOR, small_point(10069), twist_point(),
                            {{FP_ONE, FP_ONE}, {{{0}}, {{0}}}}};
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
