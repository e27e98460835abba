/* fp_root.h - halves and square roots in Fp, and the larger of y and -y: what decompression needs.
 *
 * p = 3 mod 4, so a root of a square a is a^((p+1)/4) = a * a^((p-3)/4).
 */
#ifndef RLN_MATH_FP_ROOT_H
#define RLN_MATH_FP_ROOT_H

#include "fp.h"

/** r = a / 2, constant time.
 *  source if a is odd, a + p is even; a + p < 3p < 2^256, so its half is loose */
static inline void fp_half(fp *r, const fp *a) {
    uint64_t t[4], carry = 0;
    const uint64_t odd = ct_hide(0 - (a->v[0] & 1));
    for (int i = 0; i < 4; i++) t[i] = mont_addc(a->v[i], FP_MODULUS[i] & odd, &carry);
    for (int i = 0; i < 4; i++) r->v[i] = t[i] >> 1 | (i < 3 ? t[i + 1] << 63 : 0);
}

/** r = a^((p-3)/4): for a nonzero square a, r a is a root of a and r is the inverse of that root; for a
 *  non-square a, (r a)^2 = -a and r (r a) = -1. Constant time.
 *  source r^2 a = a^((p-1)/2), Euler's criterion */
static inline void fp_root_power(fp *r, const fp *a) {
    u256 exponent;
    for (int i = 0; i < 4; i++)
        exponent.v[i] = FP_MODULUS[i] >> 2 | (i < 3 ? FP_MODULUS[i + 1] << 62 : 0); /* p - 3 = 4 (p >> 2) */
    fp_pow_var(r, a, &exponent);
}

/** r^2 = a. Returns 0; or -1, with r = 0, if a is not a square. r may be either root. */
RLN_MUST_USE static inline int fp_sqrt_var(fp *r, const fp *a) {
    fp root, square;
    fp_root_power(&root, a);
    fp_mul(&root, &root, a);
    fp_sqr(&square, &root);
    if (!fp_equal(&square, a)) {
        *r = fp_zero();
        return -1;
    }
    *r = root;
    return 0;
}

/** Mask: all ones if a > -a as integers in [0, p); 0 if a = 0. */
static inline uint64_t fp_is_larger(const fp *a) {
    u256 t;
    uint64_t borrow = 0;
    fp_to_u256(&t, a);
    /* a > p - a is p < 2a, and 2a < 2^255 */
    for (int i = 0; i < 4; i++) {
        const uint64_t twice = t.v[i] << 1 | (i > 0 ? t.v[i - 1] >> 63 : 0);
        (void)mont_subb(FP_MODULUS[i], twice, &borrow);
    }
    ct_wipe(&t, sizeof t);
    return ct_hide(0 - borrow);
}

#endif
