/* fp12.h - Fp12 = Fp6[w] / (w^2 - v): the field of the values of pairings.
 *
 * A value is c0 + c1 w, all coordinates loose. Over Fp2 its basis is w^0 .. w^5, with w^6 = xi = 9 + u:
 *
 *   w^0  w^1  w^2  w^3  w^4  w^5
 *   c0.c0 c1.c0 c0.c1 c1.c1 c0.c2 c1.c2
 *
 * cyclotomic  a^(p^4 - p^2 + 1) = 1, as after the easy part of the final exponentiation; then 1/a is the
 *             conjugate of a, and squaring costs less
 *
 * Every function is constant time except those named _var. Any argument may alias the result.
 */
#ifndef RLN_MATH_FP12_H
#define RLN_MATH_FP12_H

#include "fp6.h"
#include "fp12_constants.h"

static inline fp12 fp12_one(void) {
    return (fp12){fp6_one(), fp6_zero()};
}

static inline void fp12_add(fp12 *r, const fp12 *a, const fp12 *b) {
    fp6_add(&r->c0, &a->c0, &b->c0);
    fp6_add(&r->c1, &a->c1, &b->c1);
}

static inline void fp12_sub(fp12 *r, const fp12 *a, const fp12 *b) {
    fp6_sub(&r->c0, &a->c0, &b->c0);
    fp6_sub(&r->c1, &a->c1, &b->c1);
}

static inline void fp12_neg(fp12 *r, const fp12 *a) {
    fp6_neg(&r->c0, &a->c0);
    fp6_neg(&r->c1, &a->c1);
}

/** r = a, all coordinates canonical: the form in which engines agree. */
static inline void fp12_canonical(fp12 *r, const fp12 *a) {
    fp6_canonical(&r->c0, &a->c0);
    fp6_canonical(&r->c1, &a->c1);
}

/** Mask: all ones if a = b. */
static inline uint64_t fp12_equal(const fp12 *a, const fp12 *b) {
    return fp6_equal(&a->c0, &b->c0) & fp6_equal(&a->c1, &b->c1);
}

/** Mask: all ones if a = 1. */
static inline uint64_t fp12_is_one(const fp12 *a) {
    const fp12 one = fp12_one();
    return fp12_equal(a, &one);
}

/** r = c0 - c1 w, which is a^(p^6). */
static inline void fp12_conjugate(fp12 *r, const fp12 *a) {
    r->c0 = a->c0;
    fp6_neg(&r->c1, &a->c1);
}

/** r = a b, Karatsuba. */
static inline void fp12_mul(fp12 *r, const fp12 *a, const fp12 *b) {
    fp6 t0, t1, sum_a, sum_b;
    fp6_add(&sum_a, &a->c0, &a->c1);
    fp6_add(&sum_b, &b->c0, &b->c1);
    fp6_mul(&t0, &a->c0, &b->c0);
    fp6_mul(&t1, &a->c1, &b->c1);
    fp6_mul(&sum_a, &sum_a, &sum_b);
    fp6_sub(&sum_a, &sum_a, &t0);
    fp6_sub(&r->c1, &sum_a, &t1);
    fp6_mul_by_v(&t1, &t1);
    fp6_add(&r->c0, &t0, &t1);
}

/** r = a^2: a0^2 + v a1^2 = (a0 + a1)(a0 + v a1) - a0 a1 - v a0 a1. */
static inline void fp12_sqr(fp12 *r, const fp12 *a) {
    fp6 product, sum, twisted;
    fp6_add(&sum, &a->c0, &a->c1);
    fp6_mul_by_v(&twisted, &a->c1);
    fp6_add(&twisted, &twisted, &a->c0);
    fp6_mul(&product, &a->c0, &a->c1);
    fp6_mul(&sum, &sum, &twisted);
    fp6_sub(&sum, &sum, &product);
    fp6_add(&r->c1, &product, &product);
    fp6_mul_by_v(&product, &product);
    fp6_sub(&r->c0, &sum, &product);
}

/* r = c0^2 - v c1^2, the norm of a over Fp6. */
static inline void fp12_norm(fp6 *r, const fp12 *a) {
    fp6 t;
    fp6_sqr(&t, &a->c1);
    fp6_mul_by_v(&t, &t);
    fp6_sqr(r, &a->c0);
    fp6_sub(r, r, &t);
}

/* r = (c0 - c1 w) b. */
static inline void fp12_conjugate_mul_by_fp6(fp12 *r, const fp12 *a, const fp6 *b) {
    fp12_conjugate(r, a);
    fp6_mul(&r->c0, &r->c0, b);
    fp6_mul(&r->c1, &r->c1, b);
}

/** r = 1/a, 1/0 = 0.
 *  source 1 / (a0 + a1 w) = (a0 - a1 w) / (a0^2 - v a1^2) */
static inline void fp12_inv(fp12 *r, const fp12 *a) {
    fp6 norm;
    fp12_norm(&norm, a);
    fp6_inv(&norm, &norm);
    fp12_conjugate_mul_by_fp6(r, a, &norm);
}

/** fp12_inv for a public a. */
static inline void fp12_inv_var(fp12 *r, const fp12 *a) {
    fp6 norm;
    fp12_norm(&norm, a);
    fp6_inv_var(&norm, &norm);
    fp12_conjugate_mul_by_fp6(r, a, &norm);
}

/* r = a^(p^n) for n odd: conjugates of the coefficients, times factors[i] at w^i. */
static inline void fp12_frobenius_odd(fp12 *r, const fp12 *a, const fp2 factors[6]) {
    fp2_conjugate(&r->c0.c0, &a->c0.c0);
    fp2_conjugate(&r->c1.c0, &a->c1.c0);
    fp2_conjugate(&r->c0.c1, &a->c0.c1);
    fp2_conjugate(&r->c1.c1, &a->c1.c1);
    fp2_conjugate(&r->c0.c2, &a->c0.c2);
    fp2_conjugate(&r->c1.c2, &a->c1.c2);
    fp2_mul(&r->c1.c0, &r->c1.c0, &factors[1]);
    fp2_mul(&r->c0.c1, &r->c0.c1, &factors[2]);
    fp2_mul(&r->c1.c1, &r->c1.c1, &factors[3]);
    fp2_mul(&r->c0.c2, &r->c0.c2, &factors[4]);
    fp2_mul(&r->c1.c2, &r->c1.c2, &factors[5]);
}

/** r = a^p. */
static inline void fp12_frobenius(fp12 *r, const fp12 *a) {
    fp12_frobenius_odd(r, a, FP12_FROBENIUS_1);
}

/** r = a^(p^2). */
static inline void fp12_frobenius_2(fp12 *r, const fp12 *a) {
    r->c0.c0 = a->c0.c0;
    fp2_mul_by_fp(&r->c1.c0, &a->c1.c0, &FP12_FROBENIUS_2[1]);
    fp2_mul_by_fp(&r->c0.c1, &a->c0.c1, &FP12_FROBENIUS_2[2]);
    fp2_mul_by_fp(&r->c1.c1, &a->c1.c1, &FP12_FROBENIUS_2[3]);
    fp2_mul_by_fp(&r->c0.c2, &a->c0.c2, &FP12_FROBENIUS_2[4]);
    fp2_mul_by_fp(&r->c1.c2, &a->c1.c2, &FP12_FROBENIUS_2[5]);
}

/** r = a^(p^3). */
static inline void fp12_frobenius_3(fp12 *r, const fp12 *a) {
    fp12_frobenius_odd(r, a, FP12_FROBENIUS_3);
}

/* r0 + r1 s = (a + b s)^2 in Fp4 = Fp2[s] / (s^2 - xi): (a + b)(a + xi b) = a^2 + xi b^2 + (1 + xi) a b. */
static inline void fp4_sqr(fp2 *r0, fp2 *r1, const fp2 *a, const fp2 *b) {
    fp2 product, sum, twisted;
    fp2_mul(&product, a, b);
    fp2_add(&sum, a, b);
    fp2_mul_by_nonresidue(&twisted, b);
    fp2_add(&twisted, &twisted, a);
    fp2_mul(&sum, &sum, &twisted);
    fp2_mul_by_nonresidue(&twisted, &product);
    fp2_sub(&sum, &sum, &product);
    fp2_sub(r0, &sum, &twisted);
    fp2_dbl(r1, &product);
}

/* r = 3 t - 2 a; and r = 3 t + 2 a. */
static inline void fp2_thrice_less(fp2 *r, const fp2 *t, const fp2 *a) {
    fp2 d;
    fp2_sub(&d, t, a);
    fp2_dbl(&d, &d);
    fp2_add(r, &d, t);
}

static inline void fp2_thrice_more(fp2 *r, const fp2 *t, const fp2 *a) {
    fp2 d;
    fp2_add(&d, t, a);
    fp2_dbl(&d, &d);
    fp2_add(r, &d, t);
}

/** r = a^2 for a cyclotomic.
 *  source Granger, Scott 2010, section 3.2: with s = w^3 and a = A + B w + C w^2 over Fp4 = Fp2(s),
 *         a^2 = (3 A^2 - 2 A') + (3 s C^2 + 2 B') w + (3 B^2 - 2 C') w^2, where (x + y s)' = x - y s */
static inline void fp12_cyclotomic_sqr(fp12 *r, const fp12 *a) {
    fp2 a0, a1, b0, b1, c0, c1;
    fp4_sqr(&a0, &a1, &a->c0.c0, &a->c1.c1);
    fp4_sqr(&b0, &b1, &a->c1.c0, &a->c0.c2);
    fp4_sqr(&c0, &c1, &a->c0.c1, &a->c1.c2);
    fp2_mul_by_nonresidue(&c1, &c1);
    fp2_thrice_less(&r->c0.c0, &a0, &a->c0.c0);
    fp2_thrice_more(&r->c1.c1, &a1, &a->c1.c1);
    fp2_thrice_more(&r->c1.c0, &c1, &a->c1.c0);
    fp2_thrice_less(&r->c0.c2, &c0, &a->c0.c2);
    fp2_thrice_less(&r->c0.c1, &b0, &a->c0.c1);
    fp2_thrice_more(&r->c1.c2, &b1, &a->c1.c2);
}

/** r = a (l0 + l1 w + l3 w^3), a line through points of the twist: 13 products in Fp2.
 *  source Karatsuba over Fp6: the line is l0 + (l1 + l3 v) w */
static inline void fp12_mul_by_line(fp12 *r, const fp12 *a, const fp2 *l0, const fp2 *l1, const fp2 *l3) {
    fp6 t0, t1, sum;
    fp2 first;
    fp6_add(&sum, &a->c0, &a->c1);
    fp2_add(&first, l0, l1);
    fp6_mul_by_fp2(&t0, &a->c0, l0);
    fp6_mul_by_01(&t1, &a->c1, l1, l3);
    fp6_mul_by_01(&sum, &sum, &first, l3);
    fp6_sub(&sum, &sum, &t0);
    fp6_sub(&r->c1, &sum, &t1);
    fp6_mul_by_v(&t1, &t1);
    fp6_add(&r->c0, &t0, &t1);
}

/** r = a (1 + l1 w + l3 w^3): 10 products in Fp2. */
static inline void fp12_mul_by_unit_line(fp12 *r, const fp12 *a, const fp2 *l1, const fp2 *l3) {
    fp6 low, high;
    fp6_mul_by_01(&low, &a->c1, l1, l3);
    fp6_mul_by_01(&high, &a->c0, l1, l3);
    fp6_mul_by_v(&low, &low);
    fp6_add(&r->c0, &a->c0, &low);
    fp6_add(&r->c1, &a->c1, &high);
}

/** Untrusted bytes c0 || c1 -> value. Returns 0; or -1, with r = 0, if a coordinate is not < p. */
RLN_MUST_USE static inline int fp12_decode(fp12 *r, const uint8_t a[384]) {
    const int c0 = fp6_decode(&r->c0, a), c1 = fp6_decode(&r->c1, a + 192);
    if (!(c0 | c1)) return 0;
    *r = (fp12){fp6_zero(), fp6_zero()};
    return -1;
}

static inline void fp12_encode(uint8_t r[384], const fp12 *a) {
    fp6_encode(r, &a->c0);
    fp6_encode(r + 192, &a->c1);
}

#endif
