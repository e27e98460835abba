/* twist.h - points of the twist for the tests: outside G2, and of small order. */
#ifndef RLN_TESTS_TWIST_H
#define RLN_TESTS_TWIST_H

#include "math/portable.h"
#include "expect.h"

/* Primes that divide the twist's cofactor 2p - r. */
static const uint64_t TWIST_PRIMES[] = {10069, 5864401};

static g2_aff g2_any(const g2_aff *q, const u256 *k) {
    g2_jac t;
    g2_aff r;
    g2_mul_any_var(&t, q, k);
    g2_to_aff_var(&r, &t);
    return r;
}

/* A point of the twist with a small x; practically never in G2. */
static g2_aff twist_point(uint64_t x) {
    g2_aff q;
    fp2 y2;
    fp_from_u64(&q.x.c0, x);
    q.x.c1 = FP_ONE;
    for (;;) {
        fp2_sqr(&y2, &q.x);
        fp2_mul(&y2, &y2, &q.x);
        fp2_add(&y2, &y2, &G2_B);
        if (!fp2_sqrt_var(&q.y, &y2)) break;
        fp_add(&q.x.c0, &q.x.c0, &FP_ONE);
    }
    fp2_canonical(&q.x, &q.x);
    fp2_canonical(&q.y, &q.y);
    return q;
}

/* a / d, which leaves no remainder. */
static u256 quotient(u256 a, uint64_t d) {
    mont_u128 rest = 0;
    for (int i = 3; i >= 0; i--) {
        rest = rest << 64 | a.v[i];
        a.v[i] = (uint64_t)(rest / d);
        rest %= d;
    }
    EXPECT(rest == 0);
    return a;
}

/* A point whose order is prime, one of TWIST_PRIMES; nearly every seed gives another point. */
static g2_aff twist_small(uint64_t seed, uint64_t prime) {
    const u256 order = {{FR_MODULUS[0], FR_MODULUS[1], FR_MODULUS[2], FR_MODULUS[3]}};
    u256 cofactor;
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) cofactor.v[i] = mont_subb(FP_MODULUS2[i], FR_MODULUS[i], &borrow);
    const u256 most = quotient(cofactor, prime);
    const g2_aff any = twist_point(seed), rest = g2_any(&any, &order);
    return g2_any(&rest, &most);
}

#endif
