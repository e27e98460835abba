/* mont_portable.h - Montgomery multiplication modulo a 254-bit prime p, in 4 limbs of 64 bits, on any machine. See
 * mont_carry.h for the vocabulary. Everything here is constant time.
 */
#ifndef RLN_MATH_MONT_H
#define RLN_MATH_MONT_H

#include "mont_carry.h"

/* t (5 limbs) = t (4 limbs) + a * b: one carry chain adds the low words, a second one the high words.
 * source t + a b < 2^256 + (2^64 - 1) 2^256 = 2^320, so the fifth limb takes both carries */
static inline void mont_row(uint64_t t[5], uint64_t a, const uint64_t b[4]) {
    mont_u128 product[4];
    uint64_t carry = 0;
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) product[j] = (mont_u128)a * b[j];
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) t[j] = mont_addc(t[j], (uint64_t)product[j], &carry);
    t[4] = carry;
    carry = 0;
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) t[j + 1] = mont_addc(t[j + 1], (uint64_t)(product[j] >> 64), &carry);
}

/** r (8 limbs) = a * b as integers.
 *  needs  a, b any 256-bit values */
static inline void mont_wide_mul(uint64_t r[8], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t t[5] = {0, 0, 0, 0, 0};
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        mont_row(t, a[i], b);
        r[i] = t[0];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) t[j] = t[j + 1];
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) r[4 + i] = t[i];
}

/** r = a / 2^256 mod p.
 *  needs  a wide: a < p * 2^256
 *  gives  r loose: (a + m p) / 2^256 < p + p
 *  alias  r may be in a
 *  source Montgomery 1985. Each row makes the lowest limb of (a mod 2^256) + m p zero and drops it. The
 *         rows leave at most p, so no row carries into a fifth limb; the high half of a, below p, is added last */
static inline void mont_reduce(uint64_t r[4], const uint64_t a[8], const uint64_t p[4], uint64_t n0) {
    uint64_t t0 = a[0], t1 = a[1], t2 = a[2], t3 = a[3], carry = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const uint64_t m = t0 * n0;
        uint64_t fold = 0;
        (void)mont_mac(m, p[0], t0, &fold); /* low word is 0 by the choice of m */
        t0 = mont_mac(m, p[1], t1, &fold);
        t1 = mont_mac(m, p[2], t2, &fold);
        t2 = mont_mac(m, p[3], t3, &fold);
        t3 = fold;
    }
    r[0] = mont_addc(t0, a[4], &carry);
    r[1] = mont_addc(t1, a[5], &carry);
    r[2] = mont_addc(t2, a[6], &carry);
    r[3] = mont_addc(t3, a[7], &carry);
}

/** r = a * b / 2^256 mod p.
 *  needs  a, b loose: a b < 4 p^2 < p * 2^256 is wide
 *  gives  r loose
 *  alias  r may be a or b
 *  source first the product, then the reduction. Methods that interleave the two (CIOS) need more registers than there
 *         are and take a third longer with gcc 12 */
static inline void mont_mul(uint64_t r[4], const uint64_t a[4], const uint64_t b[4], const uint64_t p[4], uint64_t n0) {
    uint64_t wide[8];
    mont_wide_mul(wide, a, b);
    mont_reduce(r, wide, p, n0);
}

/** r = a^2 / 2^256 mod p, with the contract of mont_mul. */
static inline void mont_sqr(uint64_t r[4], const uint64_t a[4], const uint64_t p[4], uint64_t n0) {
    mont_mul(r, a, a, p, n0);
}

/* The most terms of mont_dot. */
#define MONT_DOT_MOST 4

/** r = (sum a[i] b[i]) / 2^256 mod p, i < n <= 4.
 *  needs  a loose, b canonical
 *  gives  r < sum / 2^256 + p, at most 2.6p
 *  source n products share one reduction. The sum is below 2p 4p, so its high half is below 1.6p */
static inline void mont_dot(uint64_t r[4], const uint64_t (*a)[4], const uint64_t (*b)[4], unsigned n,
                            const uint64_t p[4], uint64_t n0) {
    uint64_t sum[8], product[8];
    mont_wide_mul(sum, a[0], b[0]);
    for (unsigned i = 1; i < n; i++) {
        uint64_t carry = 0;
        mont_wide_mul(product, a[i], b[i]);
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) sum[j] = mont_addc(sum[j], product[j], &carry);
    }
    mont_reduce(r, sum, p, n0);
}

#endif
