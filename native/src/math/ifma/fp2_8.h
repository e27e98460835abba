/* fp2_8.h - eight elements of Fp2 = Fp(u), u^2 = -1: field8.inc explains bounds, which here hold for both coordinates,
 * and the lanes' Montgomery form. Everything is constant time. Any argument may alias the result.
 */
#ifndef RLN_MATH_IFMA_FP2_8_H
#define RLN_MATH_IFMA_FP2_8_H

#include "../fp2.h"
#include "fp8.h"

typedef struct fp2_8 { fp8 c0, c1; } fp2_8;

static inline fp2_8 fp2_8_zero(void) {
    return (fp2_8){fp8_zero(), fp8_zero()};
}

static inline fp2_8 fp2_8_one(void) {
    return (fp2_8){fp8_one(), fp8_zero()};
}

/** r = mask ? a : b, in each lane. */
static inline void fp2_8_select(fp2_8 *r, __mmask8 mask, const fp2_8 *a, const fp2_8 *b) {
    fp8_select(&r->c0, mask, &a->c0, &b->c0);
    fp8_select(&r->c1, mask, &a->c1, &b->c1);
}

static inline void fp2_8_canonical(fp2_8 *r, const fp2_8 *a) {
    fp8_canonical(&r->c0, &a->c0);
    fp8_canonical(&r->c1, &a->c1);
}

/** Lanes where a = 0.
 *  needs  a canonical */
static inline __mmask8 fp2_8_is_zero(const fp2_8 *a) {
    return fp8_is_zero(&a->c0) & fp8_is_zero(&a->c1);
}

/** r = a + b; bound A + B <= 84. */
static inline void fp2_8_add(fp2_8 *r, const fp2_8 *a, const fp2_8 *b) {
    fp8_add(&r->c0, &a->c0, &b->c0);
    fp8_add(&r->c1, &a->c1, &b->c1);
}

/** r = a - b + 2^k p; 2^k >= B; bound A + 2^k <= 84. */
static inline void fp2_8_sub(fp2_8 *r, const fp2_8 *a, const fp2_8 *b, int k) {
    fp8_sub(&r->c0, &a->c0, &b->c0, k);
    fp8_sub(&r->c1, &a->c1, &b->c1, k);
}

/** r = 2^k a; bound 2^k A <= 84. */
static inline void fp2_8_shift(fp2_8 *r, const fp2_8 *a, int k) {
    fp8_shift(&r->c0, &a->c0, k);
    fp8_shift(&r->c1, &a->c1, k);
}

/** r = a b / 2^260.
 *  needs  A B <= 84, 2 A, 2 B <= 84
 *  gives  bounds A B / 84 + 3.01 and 2 A B / 84 + 2.01
 *  source Karatsuba with two reductions: 252 products of limbs. a0 b0 - a1 b1 may be negative, but
 *         a1 b1 < 84 p^2 < p 2^260; (a0 + a1) (b0 + b1) - a0 b0 - a1 b1 = a0 b1 + a1 b0 is never negative */
static inline void fp2_8_mul(fp2_8 *r, const fp2_8 *a, const fp2_8 *b) {
    fp8_wide low = fp8_wide_zero(), high = low, cross = low;
    fp8 s, t;
    fp8_add(&s, &a->c0, &a->c1);
    fp8_add(&t, &b->c0, &b->c1);
    fp8_wide_mac(&low, &a->c0, &b->c0);
    fp8_wide_mac(&high, &a->c1, &b->c1);
    fp8_wide_mac(&cross, &s, &t);
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++) {
        cross.v[i] = lanes_sub(lanes_sub(cross.v[i], low.v[i]), high.v[i]);
        low.v[i] = lanes_sub(low.v[i], high.v[i]);
    }
    fp8_wide_reduce_signed(&r->c0, &low, 0);
    fp8_wide_reduce(&r->c1, &cross);
}

/** r = a^2 / 2^260.
 *  needs  A <= 16
 *  gives  bounds 2 A (A + 2^k) / 84 + 2.01, where 2^k >= A, and 2 A^2 / 84 + 2.01
 *  source (a0 + a1) (a0 - a1) + 2 a0 a1 u: 202 products of limbs */
static inline void fp2_8_sqr(fp2_8 *r, const fp2_8 *a, int k) {
    fp8 sum, difference, twice;
    fp8_add(&sum, &a->c0, &a->c1);
    fp8_sub(&difference, &a->c0, &a->c1, k);
    fp8_shift(&twice, &a->c1, 1);
    fp8_mul(&r->c1, &a->c0, &twice);
    fp8_mul(&r->c0, &sum, &difference);
}

#endif
