/* tower8.h - Fp2 and Fp12 on eight lanes, for Miller loops.
 *
 * Products of limbs are the main cost; additions cost little while their operands are in registers. So each coefficient
 * of a result is one sum of products with one reduction, and only Fp2 uses Karatsuba's method: above Fp2 it would
 * replace products by additions of operands in memory.
 *
 * Vocabulary
 *   factor8  an element of Fp2 with the sum of its coordinates, which Karatsuba needs of both operands
 *   small    a factor8 whose coordinates have bound 2.5, and whose sum has bound 5: all products here give one
 *   fp12_8   sum of c[i] w^i, w^6 = xi = 9 + u; all six small
 * field8.inc explains bounds and the lanes' Montgomery form. Everything is constant time.
 */
#ifndef RLN_MATH_IFMA_TOWER8_H
#define RLN_MATH_IFMA_TOWER8_H

#include "../fp12.h"
#include "fp2_8.h"
#include "tower8_constants.h"

/* A function of some hundred products of limbs. All its calls are inline, so that its numbers stay in registers; it is
 * never inlined itself. */
#define TOWER8_KERNEL static __attribute__((noinline, flatten))

typedef struct factor8 {
    fp2_8 v;
    fp8 sum;
} factor8;

typedef struct fp12_8 { factor8 c[6]; } fp12_8;

/* ---- Fp */

/** a in every lane, in the lanes' form. Bound 16 for a canonical. */
static inline fp8 fp8_everywhere(const fp *a) {
    fp8 r;
    const lanes words[4] = {lanes_all(a->v[0]), lanes_all(a->v[1]), lanes_all(a->v[2]), lanes_all(a->v[3])};
    lanes_split_times_16(r.v, words);
    return r;
}

/** r = t minus a multiple of p, so that r is small, for signed limbs that are not normal.
 *  needs  0.1 p <= t < 2^258 = 21.1 p, |limb| < 2^62; or t normal and below 2^258
 *  gives  bound 2.3
 *  source bits 254 to 257 select the multiple. They are read before the carries between limbs, which are below 2^10 in
 *         the highest limb, or p / 2^35. If the multiple is not 0, the rest is at least 0.25 p */
static inline void fp8_tame(fp8 *r, const lanes t[5]) {
    const lanes q = _mm512_srli_epi64(t[4], 46);
    lanes u[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes low = _mm512_load_si512(TOWER8_EXCESS[i]), high = _mm512_load_si512(TOWER8_EXCESS[i] + 8);
        u[i] = lanes_sub(t[i], _mm512_permutex2var_epi64(low, q, high));
    }
    lanes_carry(r->v, u);
    RLN_CHECK(lanes_are_normal(r->v));
}

/** r = t / 2^260 + plus, bound 2.3. plus has signed limbs.
 *  needs  0.1 p <= t / 2^260 + plus < 19 p */
static inline void fp8_wide_tame(fp8 *r, const fp8_wide *t, const lanes plus[5]) {
    lanes u[5];
    fp8_wide_fold(u, t);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) u[i] = lanes_add(u[i], plus[i]);
    fp8_tame(r, u);
}

/** r = a, bound 1.01, for signed limbs that are not normal.
 *  needs  0 <= a < 2^260, |limb| < 2^62
 *  source the quotient of fp8_reduce, which is exact or one too small, the latter only within p / 2^38 */
static inline void fp8_lower(fp8 *r, const lanes a[5]) {
    lanes t[5];
    lanes_carry(t, a);
    const lanes q = _mm512_srli_epi64(lanes_high(_mm512_setzero_si512(), t[4], lanes_all(FP8_QUOTIENT)), 45);
    lanes u[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) u[i] = lanes_low(t[i], q, lanes_all(FP8_NEGATIVE[i]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) u[i + 1] = lanes_high(u[i + 1], q, lanes_all(FP8_NEGATIVE[i]));
    lanes_carry(r->v, u);
    r->v[4] = _mm512_and_si512(r->v[4], lanes_all(LANES_MASK)); /* minus q 2^260 */
}

/** r = 2^k p - 2^shift a in signed limbs, not normal: a summand. */
static inline void fp8_less(lanes r[5], int k, const fp8 *a, unsigned shift) {
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r[i] = lanes_sub(lanes_all(FP8_MULTIPLES[k][i]), _mm512_slli_epi64(a->v[i], shift));
}

/** r = a + 2^k p in limbs that are not normal. */
static inline void fp8_more(lanes r[5], int k, const fp8 *a) {
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r[i] = lanes_add(lanes_all(FP8_MULTIPLES[k][i]), a->v[i]);
}

/* ---- Fp2 */

static inline void factor8_sum(factor8 *r) {
    fp8_add(&r->sum, &r->v.c0, &r->v.c1);
}

static inline factor8 factor8_zero(void) {
    return (factor8){fp2_8_zero(), fp8_zero()};
}

static inline factor8 factor8_one(void) {
    return (factor8){fp2_8_one(), fp8_one()};
}

/** r = mask ? a : b, in each lane. */
static inline void factor8_select(factor8 *r, __mmask8 mask, const factor8 *a, const factor8 *b) {
    fp2_8_select(&r->v, mask, &a->v, &b->v);
    fp8_select(&r->sum, mask, &a->sum, &b->sum);
}

/** r = a + b; bounds add up; that of the sum must be below 84. */
static inline void factor8_add(factor8 *r, const factor8 *a, const factor8 *b) {
    fp2_8_add(&r->v, &a->v, &b->v);
    fp8_add(&r->sum, &a->sum, &b->sum);
}

/** r = a - b + 2^k p (1 + u); 2^k >= B. The bound of the sum grows by 2 2^k. */
static inline void factor8_sub(factor8 *r, const factor8 *a, const factor8 *b, int k) {
    fp2_8_sub(&r->v, &a->v, &b->v, k);
    fp8_sub(&r->sum, &a->sum, &b->sum, k + 1);
}

/** r = c0 - c1 u + 8 p u: bounds B and 8, the sum B + 8.
 *  needs  bounds up to 8 */
static inline void factor8_conjugate(factor8 *r, const factor8 *a) {
    lanes t[5];
    r->v.c0 = a->v.c0;
    fp8_less(t, 3, &a->v.c1, 0);
    lanes_carry(r->v.c1.v, t);
    factor8_sum(r);
}

/** r = 4 p - a: a summand.
 *  needs  bounds up to 4 */
static inline void fp2_8_negative(fp2_8 *r, const fp2_8 *a) {
    lanes t[5];
    fp8_less(t, 2, &a->c0, 0);
    lanes_carry(r->c0.v, t);
    fp8_less(t, 2, &a->c1, 0);
    lanes_carry(r->c1.v, t);
}

/** r = a, stored and canonical, in every lane. Bound 16, the sum 32. */
static inline factor8 factor8_everywhere(const fp2 *a) {
    factor8 r = {{fp8_everywhere(&a->c0), fp8_everywhere(&a->c1)}, fp8_zero()};
    factor8_sum(&r);
    return r;
}

/** r = a xi = (9 a0 - a1) + (9 a1 + a0) u; bound 1.01, the sum 2.02.
 *  needs  A <= 7 */
TOWER8_KERNEL void factor8_mul_by_nonresidue(factor8 *r, const factor8 *a) {
    lanes low[5], high[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes a0 = a->v.c0.v[i], a1 = a->v.c1.v[i];
        low[i] = lanes_add(lanes_add(_mm512_slli_epi64(a0, 3), a0), lanes_sub(lanes_all(FP8_MULTIPLES[3][i]), a1));
        high[i] = lanes_add(lanes_add(_mm512_slli_epi64(a1, 3), a1), a0);
    }
    fp8_lower(&r->v.c0, low);
    fp8_lower(&r->v.c1, high);
    factor8_sum(r);
}

/** r = a b for b in Fp; small.
 *  needs  A B <= 40 */
TOWER8_KERNEL void factor8_mul_by_fp(factor8 *r, const factor8 *a, const fp8 *b) {
    fp8_mul(&r->v.c0, &a->v.c0, b);
    fp8_mul(&r->v.c1, &a->v.c1, b);
    factor8_sum(r);
}

/* r = sum of a[i] b[i] / 2^260 + plus.
 * source low - high and cross - low - high, where low is the sum of a0 b0, high of a1 b1, and cross of
 *        (a0 + a1)(b0 + b1): between -1.9 p 2^260 and 1.9 p 2^260, so adding 2 p makes them positive */
static inline void factor8_dot(factor8 *r, const factor8 *const a[], const factor8 *const b[], int n,
                               const fp2_8 *plus) {
    fp8_wide low = fp8_wide_zero(), high = low, both;
    lanes more[5];
#pragma GCC unroll 3
    for (int i = 0; i < n; i++) {
        fp8_wide_mac(&low, &a[i]->v.c0, &b[i]->v.c0);
        fp8_wide_mac(&high, &a[i]->v.c1, &b[i]->v.c1);
    }
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++) {
        both.v[i] = lanes_sub(_mm512_setzero_si512(), lanes_add(low.v[i], high.v[i]));
        low.v[i] = lanes_sub(low.v[i], high.v[i]);
    }
#pragma GCC unroll 3
    for (int i = 0; i < n; i++) fp8_wide_mac(&both, &a[i]->sum, &b[i]->sum);
    factor8 t;
    fp8_more(more, 1, &plus->c0);
    fp8_wide_tame(&t.v.c0, &low, more);
    fp8_more(more, 1, &plus->c1);
    fp8_wide_tame(&t.v.c1, &both, more);
    factor8_sum(&t);
    *r = t;
}

/** r = a b + plus, small.
 *  needs  2 A B <= 160; plus of bound 12 */
TOWER8_KERNEL void factor8_dot1(factor8 *r, const factor8 *a, const factor8 *b, const fp2_8 *plus) {
    const factor8 *const left[] = {a}, *const right[] = {b};
    factor8_dot(r, left, right, 1, plus);
}

/** r = a b + c d + plus, small.
 *  needs  2 (A B + C D) <= 160; plus of bound 12 */
TOWER8_KERNEL void factor8_dot2(factor8 *r, const factor8 *a, const factor8 *b, const factor8 *c, const factor8 *d,
                                const fp2_8 *plus) {
    const factor8 *const left[] = {a, c}, *const right[] = {b, d};
    factor8_dot(r, left, right, 2, plus);
}

/** r = a b + c d + e f + plus, small; needs as in factor8_dot2. */
TOWER8_KERNEL void factor8_dot3(factor8 *r, const factor8 *a, const factor8 *b, const factor8 *c, const factor8 *d,
                                const factor8 *e, const factor8 *f, const fp2_8 *plus) {
    const factor8 *const left[] = {a, c, e}, *const right[] = {b, d, f};
    factor8_dot(r, left, right, 3, plus);
}

/** r = a^2 + plus, small: (a0 + a1)(a0 - a1) + 2 a0 a1 u.
 *  needs  a small; plus of bound 12, at least 0.1 p, in signed limbs that are not normal */
TOWER8_KERNEL void factor8_sqr(factor8 *r, const factor8 *a, const lanes plus0[5], const lanes plus1[5]) {
    fp8_wide square = fp8_wide_zero(), cross = square;
    fp8 difference, twice;
    fp8_sub(&difference, &a->v.c0, &a->v.c1, 2);
    fp8_shift(&twice, &a->v.c0, 1);
    fp8_wide_mac(&square, &a->sum, &difference);
    fp8_wide_mac(&cross, &twice, &a->v.c1);
    fp8_wide_tame(&r->v.c0, &square, plus0);
    fp8_wide_tame(&r->v.c1, &cross, plus1);
    factor8_sum(r);
}

/* ---- Fp12 */

static inline fp12_8 fp12_8_one(void) {
    return (fp12_8){{factor8_one(), factor8_zero(), factor8_zero(), factor8_zero(), factor8_zero(), factor8_zero()}};
}

/** r = a (1 + l1 w + l3 w^3) for a small line.
 *  alias  none
 *  source coefficient i is a_i + l1 a_(i-1) + l3 a_(i-3), times xi if the index is negative: twelve products */
static inline void fp12_8_mul_by_unit_line(fp12_8 *r, const fp12_8 *a, const factor8 *l1, const factor8 *l3) {
    factor8 m1, m3;
    factor8_mul_by_nonresidue(&m1, l1);
    factor8_mul_by_nonresidue(&m3, l3);
    /* in this order the next line does not wait for the last result of this one */
    factor8_dot2(&r->c[3], &a->c[2], l1, &a->c[0], l3, &a->c[3].v);
    factor8_dot2(&r->c[4], &a->c[3], l1, &a->c[1], l3, &a->c[4].v);
    factor8_dot2(&r->c[1], &a->c[0], l1, &a->c[4], &m3, &a->c[1].v);
    factor8_dot2(&r->c[0], &a->c[5], &m1, &a->c[3], &m3, &a->c[0].v);
    factor8_dot2(&r->c[2], &a->c[1], l1, &a->c[5], &m3, &a->c[2].v);
    factor8_dot2(&r->c[5], &a->c[4], l1, &a->c[2], l3, &a->c[5].v);
}

/* r = a b in Fp6 = Fp2[v] / (v^3 - xi), + plus; a and b are three factors each. xi_b1 = xi b1, xi_b2 = xi b2. */
static inline void fp6_8_mul(factor8 r[3], const factor8 *const a[3], const factor8 b[3], const factor8 *xi_b1,
                             const factor8 *xi_b2, const fp2_8 *const plus[3]) {
    factor8_dot3(&r[0], a[0], &b[0], a[1], xi_b2, a[2], xi_b1, plus[0]);
    factor8_dot3(&r[1], a[0], &b[1], a[1], &b[0], a[2], xi_b2, plus[1]);
    factor8_dot3(&r[2], a[0], &b[2], a[1], &b[1], a[2], &b[0], plus[2]);
}

/* r = 8 p - a - b: a summand. */
static inline void fp2_8_less_both(fp2_8 *r, const factor8 *a, const factor8 *b) {
    lanes t[5];
    fp8_less(t, 3, &a->v.c0, 0);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) t[i] = lanes_sub(t[i], b->v.c0.v[i]);
    lanes_carry(r->c0.v, t);
    fp8_less(t, 3, &a->v.c1, 0);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) t[i] = lanes_sub(t[i], b->v.c1.v[i]);
    lanes_carry(r->c1.v, t);
}

/** r = a^2.
 *  source with a = g + h w over Fp6, v = w^2: the odd half is 2 g h, the even half (g + h)(g + v h) - g h - v g h.
 *         g + h and g + v h have bound 5, and 2 * 3 * 5^2 <= 160 */
static inline void fp12_8_sqr(fp12_8 *r, const fp12_8 *a) {
    const fp2_8 zero = fp2_8_zero();
    const fp2_8 *const nothing[3] = {&zero, &zero, &zero};
    const factor8 *const g[3] = {&a->c[0], &a->c[2], &a->c[4]};
    const factor8 h[3] = {a->c[1], a->c[3], a->c[5]};
    factor8 xi_h1, xi_h2, product[3], sum[3], twisted[3], xi_sum1, xi_sum2, xi_product;
    fp2_8 less[3];
    factor8_mul_by_nonresidue(&xi_h1, &h[1]);
    factor8_mul_by_nonresidue(&xi_h2, &h[2]);
    fp6_8_mul(product, g, h, &xi_h1, &xi_h2, nothing);
    for (int i = 0; i < 3; i++) factor8_add(&sum[i], g[i], &h[i]);
    factor8_add(&twisted[0], g[0], &xi_h2);
    factor8_add(&twisted[1], g[1], &h[0]);
    factor8_add(&twisted[2], g[2], &h[1]);
    factor8_mul_by_nonresidue(&xi_sum1, &sum[1]);
    factor8_mul_by_nonresidue(&xi_sum2, &sum[2]);
    factor8_mul_by_nonresidue(&xi_product, &product[2]);
    fp2_8_less_both(&less[0], &product[0], &xi_product);
    fp2_8_less_both(&less[1], &product[1], &product[0]);
    fp2_8_less_both(&less[2], &product[2], &product[1]);
    const factor8 *const twist[3] = {&twisted[0], &twisted[1], &twisted[2]};
    const fp2_8 *const plus[3] = {&less[0], &less[1], &less[2]};
    factor8 even[3];
    fp6_8_mul(even, twist, sum, &xi_sum1, &xi_sum2, plus);
    for (int i = 0; i < 3; i++) {
        factor8 *const odd = &r->c[2 * i + 1];
        fp2_8 twice;
        r->c[2 * i] = even[i];
        fp2_8_shift(&twice, &product[i].v, 1);
        fp8_tame(&odd->v.c0, twice.c0.v);
        fp8_tame(&odd->v.c1, twice.c1.v);
        factor8_sum(odd);
    }
}

/** r = eight values in stored form, canonical. */
static void fp12_8_store(fp12 r[8], const fp12_8 *a) {
    fp c[8];
    for (size_t i = 0; i < 6; i++)
        for (size_t high = 0; high < 2; high++) {
            fp8_store(c, high ? &a->c[i].v.c1 : &a->c[i].v.c0);
            for (size_t lane = 0; lane < 8; lane++) {
                fp6 *const half = i % 2 ? &r[lane].c1 : &r[lane].c0;
                fp2 *const place = i / 2 == 0 ? &half->c0 : i / 2 == 1 ? &half->c1 : &half->c2;
                *(high ? &place->c1 : &place->c0) = c[lane];
            }
        }
}

#endif
