/* fp6.h - Fp6 = Fp2[v] / (v^3 - xi), xi = 9 + u: half of Fp12.
 *
 * A value is c0 + c1 v + c2 v^2, all coordinates loose. Every function is constant time except those named _var. Any
 * argument may alias the result.
 */
#ifndef RLN_MATH_FP6_H
#define RLN_MATH_FP6_H

#include "fp2.h"
#include "inverse.h"

static inline fp6 fp6_zero(void) {
    return (fp6){fp2_zero(), fp2_zero(), fp2_zero()};
}

static inline fp6 fp6_one(void) {
    return (fp6){fp2_one(), fp2_zero(), fp2_zero()};
}

static inline void fp6_add(fp6 *r, const fp6 *a, const fp6 *b) {
    fp2_add(&r->c0, &a->c0, &b->c0);
    fp2_add(&r->c1, &a->c1, &b->c1);
    fp2_add(&r->c2, &a->c2, &b->c2);
}

static inline void fp6_sub(fp6 *r, const fp6 *a, const fp6 *b) {
    fp2_sub(&r->c0, &a->c0, &b->c0);
    fp2_sub(&r->c1, &a->c1, &b->c1);
    fp2_sub(&r->c2, &a->c2, &b->c2);
}

static inline void fp6_neg(fp6 *r, const fp6 *a) {
    fp2_neg(&r->c0, &a->c0);
    fp2_neg(&r->c1, &a->c1);
    fp2_neg(&r->c2, &a->c2);
}

static inline void fp6_canonical(fp6 *r, const fp6 *a) {
    fp2_canonical(&r->c0, &a->c0);
    fp2_canonical(&r->c1, &a->c1);
    fp2_canonical(&r->c2, &a->c2);
}

/** Mask: all ones if a = b. */
static inline uint64_t fp6_equal(const fp6 *a, const fp6 *b) {
    return fp2_equal(&a->c0, &b->c0) & fp2_equal(&a->c1, &b->c1) & fp2_equal(&a->c2, &b->c2);
}

/** r = a v: v^3 = xi moves xi c2 to c0. */
static inline void fp6_mul_by_v(fp6 *r, const fp6 *a) {
    fp2 t;
    fp2_mul_by_nonresidue(&t, &a->c2);
    r->c2 = a->c1;
    r->c1 = a->c0;
    r->c0 = t;
}

/** r = a b: six products in Fp2.
 *  source Devegili, O hEigeartaigh, Scott, Dahab 2006, section 4.1, Karatsuba: with t_i = a_i b_i,
 *         a_i b_j + a_j b_i = (a_i + a_j)(b_i + b_j) - t_i - t_j */
static inline void fp6_mul(fp6 *r, const fp6 *a, const fp6 *b) {
    fp2 t0, t1, t2, sum_a, sum_b, x12, x01, x02;
    fp2_mul(&t0, &a->c0, &b->c0);
    fp2_mul(&t1, &a->c1, &b->c1);
    fp2_mul(&t2, &a->c2, &b->c2);
    fp2_add(&sum_a, &a->c1, &a->c2);
    fp2_add(&sum_b, &b->c1, &b->c2);
    fp2_mul(&x12, &sum_a, &sum_b);
    fp2_sub(&x12, &x12, &t1);
    fp2_sub(&x12, &x12, &t2);
    fp2_add(&sum_a, &a->c0, &a->c1);
    fp2_add(&sum_b, &b->c0, &b->c1);
    fp2_mul(&x01, &sum_a, &sum_b);
    fp2_sub(&x01, &x01, &t0);
    fp2_sub(&x01, &x01, &t1);
    fp2_add(&sum_a, &a->c0, &a->c2);
    fp2_add(&sum_b, &b->c0, &b->c2);
    fp2_mul(&x02, &sum_a, &sum_b);
    fp2_sub(&x02, &x02, &t0);
    fp2_sub(&x02, &x02, &t2);
    fp2_mul_by_nonresidue(&x12, &x12);
    fp2_mul_by_nonresidue(&t2, &t2);
    fp2_add(&r->c0, &t0, &x12);
    fp2_add(&r->c1, &x01, &t2);
    fp2_add(&r->c2, &x02, &t1);
}

/** r = a (b0 + b1 v): five products.
 *  source fp6_mul with b2 = 0 */
static inline void fp6_mul_by_01(fp6 *r, const fp6 *a, const fp2 *b0, const fp2 *b1) {
    fp2 t0, t1, sum_a, sum_b, x12, x01, x02;
    fp2_mul(&t0, &a->c0, b0);
    fp2_mul(&t1, &a->c1, b1);
    fp2_add(&sum_a, &a->c1, &a->c2);
    fp2_mul(&x12, &sum_a, b1);
    fp2_sub(&x12, &x12, &t1);
    fp2_mul_by_nonresidue(&x12, &x12);
    fp2_add(&sum_a, &a->c0, &a->c1);
    fp2_add(&sum_b, b0, b1);
    fp2_mul(&x01, &sum_a, &sum_b);
    fp2_sub(&x01, &x01, &t0);
    fp2_add(&sum_a, &a->c0, &a->c2);
    fp2_mul(&x02, &sum_a, b0);
    fp2_sub(&x02, &x02, &t0);
    fp2_add(&r->c0, &t0, &x12);
    fp2_sub(&r->c1, &x01, &t1);
    fp2_add(&r->c2, &x02, &t1);
}

/** r = a b for b in Fp2. */
static inline void fp6_mul_by_fp2(fp6 *r, const fp6 *a, const fp2 *b) {
    const fp2 t = *b; /* b may be a part of r */
    fp2_mul(&r->c0, &a->c0, &t);
    fp2_mul(&r->c1, &a->c1, &t);
    fp2_mul(&r->c2, &a->c2, &t);
}

/** r = a^2.
 *  source Chung, Hasan 2007, SQR2: (a0 - a1 + a2)^2 = a0^2 + a1^2 + a2^2 + 2 (a0 a2 - a0 a1 - a1 a2) */
static inline void fp6_sqr(fp6 *r, const fp6 *a) {
    fp2 s0, s1, s2, s3, s4;
    fp2_sqr(&s0, &a->c0);
    fp2_mul(&s1, &a->c0, &a->c1);
    fp2_dbl(&s1, &s1);
    fp2_sub(&s2, &a->c0, &a->c1);
    fp2_add(&s2, &s2, &a->c2);
    fp2_sqr(&s2, &s2);
    fp2_mul(&s3, &a->c1, &a->c2);
    fp2_dbl(&s3, &s3);
    fp2_sqr(&s4, &a->c2);
    fp2_add(&s2, &s2, &s1);
    fp2_add(&s2, &s2, &s3);
    fp2_sub(&s2, &s2, &s0);
    fp2_sub(&r->c2, &s2, &s4);
    fp2_mul_by_nonresidue(&s3, &s3);
    fp2_mul_by_nonresidue(&s4, &s4);
    fp2_add(&r->c0, &s0, &s3);
    fp2_add(&r->c1, &s1, &s4);
}

/* cofactor = the product of the other two conjugates of a over Fp2; norm = a cofactor, in Fp2.
 * source for cofactor = t0 + t1 v + t2 v^2 the norm is a0 t0 + xi (a2 t1 + a1 t2) */
static inline void fp6_norm(fp2 *norm, fp6 *cofactor, const fp6 *a) {
    fp2 t;
    fp2_sqr(&cofactor->c0, &a->c0);
    fp2_mul(&t, &a->c1, &a->c2);
    fp2_mul_by_nonresidue(&t, &t);
    fp2_sub(&cofactor->c0, &cofactor->c0, &t);
    fp2_sqr(&cofactor->c1, &a->c2);
    fp2_mul_by_nonresidue(&cofactor->c1, &cofactor->c1);
    fp2_mul(&t, &a->c0, &a->c1);
    fp2_sub(&cofactor->c1, &cofactor->c1, &t);
    fp2_sqr(&cofactor->c2, &a->c1);
    fp2_mul(&t, &a->c0, &a->c2);
    fp2_sub(&cofactor->c2, &cofactor->c2, &t);
    fp2_mul(norm, &a->c2, &cofactor->c1);
    fp2_mul(&t, &a->c1, &cofactor->c2);
    fp2_add(norm, norm, &t);
    fp2_mul_by_nonresidue(norm, norm);
    fp2_mul(&t, &a->c0, &cofactor->c0);
    fp2_add(norm, norm, &t);
}

/** r = 1/a, 1/0 = 0. */
static inline void fp6_inv(fp6 *r, const fp6 *a) {
    fp6 cofactor;
    fp2 norm;
    fp6_norm(&norm, &cofactor, a);
    fp2_inv(&norm, &norm);
    fp6_mul_by_fp2(r, &cofactor, &norm);
}

/** fp6_inv for a public a. */
static inline void fp6_inv_var(fp6 *r, const fp6 *a) {
    fp6 cofactor;
    fp2 norm;
    fp6_norm(&norm, &cofactor, a);
    fp2_inv_var(&norm, &norm);
    fp6_mul_by_fp2(r, &cofactor, &norm);
}

/** Untrusted bytes c0 || c1 || c2 -> value. Returns 0; or -1, with r = 0, if a coordinate is not < p. */
RLN_MUST_USE static inline int fp6_decode(fp6 *r, const uint8_t a[192]) {
    const int c0 = fp2_decode(&r->c0, a), c1 = fp2_decode(&r->c1, a + 64), c2 = fp2_decode(&r->c2, a + 128);
    if (!(c0 | c1 | c2)) return 0;
    *r = fp6_zero();
    return -1;
}

static inline void fp6_encode(uint8_t r[192], const fp6 *a) {
    fp2_encode(r, &a->c0);
    fp2_encode(r + 64, &a->c1);
    fp2_encode(r + 128, &a->c2);
}

#endif
