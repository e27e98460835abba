/* mont_portable.h - Montgomery arithmetic modulo a 254-bit prime p, 4 limbs of 64 bits, on any machine.
 *
 * Vocabulary
 *   canonical  value in [0, p)      what decode yields and encode, equality, hashing need
 *   loose      value in [0, 2p)     what add, sub, mul accept and may return
 *   wide       8 limbs, < p * 2^256 what mont_reduce accepts
 *
 * The fields pass their modulus p, its double p2 and n0 = -1/p mod 2^64 as constants; all of this is inline,
 * so the compiler sees them as such. 4p < 2^256 is what makes lazy reduction work: see each function.
 * Everything here is constant time.
 */
#ifndef RLN_MATH_MONT_H
#define RLN_MATH_MONT_H

#include <stdint.h>

#include "../base/ct.h"

typedef unsigned __int128 mont_u128;

#define MONT_INLINE static inline __attribute__((always_inline))

/* r = low word of a * b + c + carry, carry = high word: (2^64-1)^2 + 2 (2^64-1) = 2^128 - 1 fits. */
MONT_INLINE uint64_t mont_mac(uint64_t a, uint64_t b, uint64_t c, uint64_t *carry) {
    const mont_u128 t = (mont_u128)a * b + c + *carry;
    *carry = (uint64_t)(t >> 64);
    return (uint64_t)t;
}

MONT_INLINE uint64_t mont_addc(uint64_t a, uint64_t b, uint64_t *carry) {
    const mont_u128 t = (mont_u128)a + b + *carry;
    *carry = (uint64_t)(t >> 64);
    return (uint64_t)t;
}

MONT_INLINE uint64_t mont_subb(uint64_t a, uint64_t b, uint64_t *borrow) {
    const mont_u128 t = (mont_u128)a - b - *borrow;
    *borrow = (uint64_t)(t >> 64) & 1;
    return (uint64_t)t;
}

/** r = a - m if a >= m, else a.
 *  alias  r may be a */
MONT_INLINE void mont_subtract_once(uint64_t r[4], const uint64_t a[4], const uint64_t m[4]) {
    uint64_t t[4], borrow = 0;
    for (int i = 0; i < 4; i++) t[i] = mont_subb(a[i], m[i], &borrow);
    const uint64_t keep = ct_hide(0 - borrow);
    for (int i = 0; i < 4; i++) r[i] = t[i] ^ (keep & (t[i] ^ a[i]));
}

/** r = a + b mod 2p.
 *  needs  a, b loose: a + b < 4p < 2^256
 *  gives  r loose
 *  alias  r may be a or b */
MONT_INLINE void mont_add(uint64_t r[4], const uint64_t a[4], const uint64_t b[4], const uint64_t p2[4]) {
    uint64_t t[4], carry = 0;
    for (int i = 0; i < 4; i++) t[i] = mont_addc(a[i], b[i], &carry);
    mont_subtract_once(r, t, p2);
}

/** r = a - b mod 2p.
 *  needs  a, b loose
 *  gives  r loose
 *  alias  r may be a or b */
MONT_INLINE void mont_sub(uint64_t r[4], const uint64_t a[4], const uint64_t b[4], const uint64_t p2[4]) {
    uint64_t t[4], borrow = 0, carry = 0;
    for (int i = 0; i < 4; i++) t[i] = mont_subb(a[i], b[i], &borrow);
    const uint64_t back = ct_hide(0 - borrow);
    for (int i = 0; i < 4; i++) r[i] = mont_addc(t[i], p2[i] & back, &carry);
}

/** r = a * b / 2^256 mod p.
 *  needs  a, b loose
 *  gives  r loose: a b < 4 p^2 and the multiples of p added are < 2^256 p, so r < 4 p^2 / 2^256 + p < 2p
 *  alias  r may be a or b
 *  source Koc, Acar, Kaliski 1996, method CIOS; each row stays below 2^256 after its shift because
 *         t + a_i b + m p < 2^64 (b + p + 1) and b + p < 3p < 2^256, so no fifth limb is carried over */
MONT_INLINE void mont_mul(uint64_t r[4], const uint64_t a[4], const uint64_t b[4], const uint64_t p[4],
                          uint64_t n0) {
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        uint64_t high = 0, fold = 0;
        t0 = mont_mac(a[i], b[0], t0, &high);
        const uint64_t m = t0 * n0;
        (void)mont_mac(m, p[0], t0, &fold); /* low word is 0 by the choice of m */
        t1 = mont_mac(a[i], b[1], t1, &high);
        t0 = mont_mac(m, p[1], t1, &fold);
        t2 = mont_mac(a[i], b[2], t2, &high);
        t1 = mont_mac(m, p[2], t2, &fold);
        t3 = mont_mac(a[i], b[3], t3, &high);
        t2 = mont_mac(m, p[3], t3, &fold);
        t3 = high + fold;
    }
    r[0] = t0;
    r[1] = t1;
    r[2] = t2;
    r[3] = t3;
}

/** r = a^2 / 2^256 mod p; as mont_mul. */
MONT_INLINE void mont_sqr(uint64_t r[4], const uint64_t a[4], const uint64_t p[4], uint64_t n0) {
    mont_mul(r, a, a, p, n0);
}

/** r (8 limbs) = a * b as integers.
 *  needs  a, b any 256-bit values */
MONT_INLINE void mont_wide_mul(uint64_t r[8], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t carry = 0;
    for (int j = 0; j < 4; j++) r[j] = mont_mac(a[0], b[j], 0, &carry);
    r[4] = carry;
#pragma GCC unroll 4
    for (int i = 1; i < 4; i++) {
        carry = 0;
        for (int j = 0; j < 4; j++) r[i + j] = mont_mac(a[i], b[j], r[i + j], &carry);
        r[i + 4] = carry;
    }
}

/** r = a / 2^256 mod p.
 *  needs  a wide: a < p * 2^256
 *  gives  r loose: (a + m p) / 2^256 < p + p */
MONT_INLINE void mont_reduce(uint64_t r[4], const uint64_t a[8], const uint64_t p[4], uint64_t n0) {
    uint64_t t[8], top = 0;
    for (int i = 0; i < 8; i++) t[i] = a[i];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        const uint64_t m = t[i] * n0;
        for (int j = 0; j < 4; j++) t[i + j] = mont_mac(m, p[j], t[i + j], &carry);
        /* top is the carry out of limb i + 3 of the row before; it lands one limb higher */
        const mont_u128 s = (mont_u128)t[i + 4] + carry + top;
        t[i + 4] = (uint64_t)s;
        top = (uint64_t)(s >> 64);
    }
    for (int i = 0; i < 4; i++) r[i] = t[i + 4]; /* top = 0: the sum is < 2p * 2^256 */
}

#endif
