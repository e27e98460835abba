/* fp2.h - Fp2 = Fp[u] / (u^2 + 1): the coordinates of G2.
 *
 * A value is c0 + c1 u, both coordinates loose unless a comment says otherwise. Every function is constant time except
 * those named _var. Any argument may alias the result.
 */
#ifndef RLN_MATH_FP2_H
#define RLN_MATH_FP2_H

#include "fp.h"
#include "fp_root.h"

static inline fp2 fp2_zero(void) {
    return (fp2){{{0, 0, 0, 0}}, {{0, 0, 0, 0}}};
}

static inline fp2 fp2_one(void) {
    return (fp2){FP_ONE, {{0, 0, 0, 0}}};
}

static inline void fp2_add(fp2 *r, const fp2 *a, const fp2 *b) {
    fp_add(&r->c0, &a->c0, &b->c0);
    fp_add(&r->c1, &a->c1, &b->c1);
}

static inline void fp2_sub(fp2 *r, const fp2 *a, const fp2 *b) {
    fp_sub(&r->c0, &a->c0, &b->c0);
    fp_sub(&r->c1, &a->c1, &b->c1);
}

static inline void fp2_dbl(fp2 *r, const fp2 *a) {
    fp_dbl(&r->c0, &a->c0);
    fp_dbl(&r->c1, &a->c1);
}

static inline void fp2_neg(fp2 *r, const fp2 *a) {
    fp_neg(&r->c0, &a->c0);
    fp_neg(&r->c1, &a->c1);
}

/** r = c0 - c1 u, which is a^p. */
static inline void fp2_conjugate(fp2 *r, const fp2 *a) {
    r->c0 = a->c0;
    fp_neg(&r->c1, &a->c1);
}

/** r = a b: three wide products, two reductions.
 *  source Karatsuba: c1 = (a0 + a1)(b0 + b1) - a0 b0 - a1 b1. In units of p^2, with p 2^256 = 5.29 p^2:
 *         a0 b0 and a1 b1 are < 4, so their difference, plus p 2^256 if negative, is wide. The sums are < 4p < 2^256;
 *         their product needs no bound. c1 = a0 b1 + a1 b0 < 8 < 2 * 5.29 is wide after one subtraction of p 2^256,
 *         from its high half */
static inline void fp2_mul(fp2 *r, const fp2 *a, const fp2 *b) {
    uint64_t low[8], high[8], cross[8], sum_a[4], sum_b[4], carry = 0, borrow = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) sum_a[i] = mont_addc(a->c0.v[i], a->c1.v[i], &carry);
    carry = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) sum_b[i] = mont_addc(b->c0.v[i], b->c1.v[i], &carry);
    mont_wide_mul(low, a->c0.v, b->c0.v);
    mont_wide_mul(high, a->c1.v, b->c1.v);
    mont_wide_mul(cross, sum_a, sum_b);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) cross[i] = mont_subb(cross[i], low[i], &borrow);
    borrow = 0;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) cross[i] = mont_subb(cross[i], high[i], &borrow);
    mont_subtract_once(cross + 4, cross + 4, FP_MODULUS);
    borrow = 0;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) low[i] = mont_subb(low[i], high[i], &borrow);
    const uint64_t back = ct_hide(0 - borrow);
    carry = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) low[4 + i] = mont_addc(low[4 + i], FP_MODULUS[i] & back, &carry);
    mont_reduce(r->c0.v, low, FP_MODULUS, FP_N0);
    mont_reduce(r->c1.v, cross, FP_MODULUS, FP_N0);
}

/** r = a^2 = (a0 + a1)(a0 - a1) + 2 a0 a1 u. */
static inline void fp2_sqr(fp2 *r, const fp2 *a) {
    fp sum, difference, twice;
    fp_add(&sum, &a->c0, &a->c1);
    fp_sub(&difference, &a->c0, &a->c1);
    fp_dbl(&twice, &a->c0);
    fp_mul(&r->c1, &twice, &a->c1);
    fp_mul(&r->c0, &sum, &difference);
}

/** r = a b for b in Fp. */
static inline void fp2_mul_by_fp(fp2 *r, const fp2 *a, const fp *b) {
    const fp t = *b; /* b may be a part of r */
    fp_mul(&r->c0, &a->c0, &t);
    fp_mul(&r->c1, &a->c1, &t);
}

/* r = 9 a + b, for b <= 2p.
 * source t = 9 a + b < 20 p < 2^258. The top bits T = t >> 248 < 2^10 give the quotient q = T * 5417 >> 18:
 *        2^248 / p = 0.0206646.. = 5417.11.. / 2^18, so q <= t / p. The error is below
 *        2^248 / p < 0.03 from T, 2^10 * 0.12 / 2^18 from the factor and 1 from the shift, so 0 <= t - q p < 2p */
static inline void fp_nine_plus(fp *r, const fp *a, const uint64_t b[4]) {
    uint64_t t[4], carry = 0, product_carry = 0, borrow = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) t[i] = mont_mac(a->v[i], 9, b[i], &carry);
    const uint64_t q = ((t[3] >> 56 | carry << 8) * 5417) >> 18;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const uint64_t word = mont_mac(q, FP_MODULUS[i], 0, &product_carry);
        r->v[i] = mont_subb(t[i], word, &borrow);
    }
}

/** r = a (9 + u), the non-residue that defines Fp6: (9 a0 - a1) + (9 a1 + a0) u. */
static inline void fp2_mul_by_nonresidue(fp2 *r, const fp2 *a) {
    const fp2 t = *a;
    uint64_t minus[4], borrow = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) minus[i] = mont_subb(FP_MODULUS2[i], t.c1.v[i], &borrow);
    fp_nine_plus(&r->c0, &t.c0, minus);
    fp_nine_plus(&r->c1, &t.c1, t.c0.v);
}

/** r = a, both coordinates canonical: needed before storing and before comparing bytes. */
static inline void fp2_canonical(fp2 *r, const fp2 *a) {
    fp_canonical(&r->c0, &a->c0);
    fp_canonical(&r->c1, &a->c1);
}

/** Mask: all ones if a = 0. */
static inline uint64_t fp2_is_zero(const fp2 *a) {
    return fp_is_zero(&a->c0) & fp_is_zero(&a->c1);
}

/** Mask: all ones if a = b. */
static inline uint64_t fp2_equal(const fp2 *a, const fp2 *b) {
    return fp_equal(&a->c0, &b->c0) & fp_equal(&a->c1, &b->c1);
}

/** r = mask ? a : b. */
static inline void fp2_select(fp2 *r, uint64_t mask, const fp2 *a, const fp2 *b) {
    fp_select(&r->c0, mask, &a->c0, &b->c0);
    fp_select(&r->c1, mask, &a->c1, &b->c1);
}

/** r = 1/a, 1/0 = 0.
 *  source 1 / (a0 + a1 u) = (a0 - a1 u) / (a0^2 + a1^2) */
static inline void fp2_inv(fp2 *r, const fp2 *a) {
    fp norm, t;
    fp_sqr(&norm, &a->c0);
    fp_sqr(&t, &a->c1);
    fp_add(&norm, &norm, &t);
    fp_inv(&norm, &norm);
    fp_mul(&r->c0, &a->c0, &norm);
    fp_neg(&t, &a->c1);
    fp_mul(&r->c1, &t, &norm);
    ct_wipe(&norm, sizeof norm);
    ct_wipe(&t, sizeof t);
}

/** a[i] = 1/a[i] for i < n, with one inversion; zeros stay zero. scratch has room for n elements.
 *  source Montgomery's trick; the products have 1 in place of a zero */
static inline void fp2_inv_many(fp2 *a, size_t n, fp2 *scratch) {
    fp2 product = fp2_one(), inverse, t;
    const fp2 one = fp2_one();
    for (size_t i = 0; i < n; i++) {
        scratch[i] = product;
        fp2_select(&t, fp2_is_zero(&a[i]), &one, &a[i]);
        fp2_mul(&product, &product, &t);
    }
    fp2_inv(&inverse, &product);
    for (size_t i = n; i-- > 0;) {
        const uint64_t zero = fp2_is_zero(&a[i]);
        fp2_select(&t, zero, &one, &a[i]);
        fp2_mul(&scratch[i], &scratch[i], &inverse);
        fp2_mul(&inverse, &inverse, &t);
        fp2_select(&a[i], zero, &a[i], &scratch[i]);
    }
}

/** r^2 = a. Returns 0; or -1, with r = 0, if a is not a square. r may be either root.
 *  source the complex method. a is a square if and only if its norm is one, s^2 = a0^2 + a1^2. With t = (a0 + s) / 2
 *         and z = t^((p-3)/4): if t is a square, (z t)^2 = t, z (z t) = 1 and the root is z t + (a1 z / 2) u;
 *         else (z t)^2 = -t, z (z t) = -1 and the root is (a1 z / 2) - (z t) u, because
 *         (a1 z / 2)^2 = -a1^2 / (4 t) = (a0 - s) / 2. t = 0 means a1 = 0 and s = -a0: then use -s, so t = a0 */
RLN_MUST_USE static inline int fp2_sqrt_var(fp2 *r, const fp2 *a) {
    fp s, t, z, zt, square;
    fp2 root, check;
    fp_sqr(&s, &a->c0);
    fp_sqr(&t, &a->c1);
    fp_add(&s, &s, &t);
    if (fp_sqrt_var(&s, &s)) {
        *r = fp2_zero();
        return -1;
    }
    fp_add(&t, &a->c0, &s);
    fp_half(&t, &t);
    if (fp_is_zero(&t)) t = a->c0;
    fp_root_power(&z, &t);
    fp_mul(&zt, &z, &t);
    fp_mul(&z, &z, &a->c1);
    fp_half(&z, &z);
    fp_sqr(&square, &zt);
    if (fp_equal(&square, &t)) {
        root.c0 = zt;
        root.c1 = z;
    } else {
        root.c0 = z;
        fp_neg(&root.c1, &zt);
    }
    fp2_sqr(&check, &root);
    RLN_CHECK(fp2_equal(&check, a));
    *r = root;
    return 0;
}

/** Mask: all ones if a is the larger of a and -a: compare c1 first, then c0. 0 if a = 0.
 *  source zerokit-spec 7.2, the order of arkworks' quadratic extensions */
static inline uint64_t fp2_is_larger(const fp2 *a) {
    const uint64_t real = fp_is_zero(&a->c1);
    return fp_is_larger(&a->c1) | (real & fp_is_larger(&a->c0));
}

/** Untrusted bytes c0 || c1 -> value. Returns 0; or -1, with r = 0, if a coordinate is not < p. */
RLN_MUST_USE static inline int fp2_decode(fp2 *r, const uint8_t a[64]) {
    const int low = fp_decode(&r->c0, a), high = fp_decode(&r->c1, a + 32);
    if (!(low | high)) return 0;
    *r = fp2_zero();
    return -1;
}

static inline void fp2_encode(uint8_t r[64], const fp2 *a) {
    fp_encode(r, &a->c0);
    fp_encode(r + 32, &a->c1);
}

#endif
