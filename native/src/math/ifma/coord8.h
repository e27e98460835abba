/* coord8.h - coordinates of points on eight lanes, read from and written to any places in memory. fp8 and fp2_8 offer
 * the same functions, so that batch_add8.inc is written once. All values are raw (see lanes.h). To save carries,
 * functions allow only the bounds that occur in the formula for the sum of two affine points. Time depends on the
 * values.
 */
#ifndef RLN_MATH_IFMA_COORD8_H
#define RLN_MATH_IFMA_COORD8_H

#include "fp2_8.h"

/** Lane i of r = the element at base + offsets[i] bytes. Bound 1 if it is canonical. */
static inline void fp8_gather_raw(fp8 *r, const void *base, const uint64_t offsets[LANES]) {
    const char *const bytes = base;
    lanes rows[4], words[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const __m256i first = _mm256_loadu_si256((const void *)(bytes + offsets[2 * i]));
        const __m256i second = _mm256_loadu_si256((const void *)(bytes + offsets[2 * i + 1]));
        rows[i] = _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
    }
    lanes_words_of_rows(words, rows);
    lanes_split(r->v, words);
}

static inline void fp2_8_gather_raw(fp2_8 *r, const void *base, const uint64_t offsets[LANES]) {
    lanes rows[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) rows[i] = _mm512_loadu_si512((const char *)base + offsets[i]);
    lanes_transpose(rows);
    lanes_split(r->c0.v, rows);
    lanes_split(r->c1.v, rows + 4);
}

/** Store lane i at r + i stride.
 *  needs  a canonical; stride in bytes */
static inline void fp8_scatter(void *r, size_t stride, const fp8 *a) {
    lanes rows[4], words[4];
    lanes_join(words, a->v);
    lanes_rows_of_words(rows, words);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        char *const place = (char *)r + 2 * (size_t)i * stride;
        _mm256_storeu_si256((void *)place, _mm512_castsi512_si256(rows[i]));
        _mm256_storeu_si256((void *)(place + stride), _mm512_extracti64x4_epi64(rows[i], 1));
    }
}

static inline void fp2_8_scatter(void *r, size_t stride, const fp2_8 *a) {
    lanes rows[8];
    lanes_join(rows, a->c0.v);
    lanes_join(rows + 4, a->c1.v);
    lanes_transpose(rows);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) _mm512_storeu_si512((char *)r + (size_t)i * stride, rows[i]);
}

/** Lanes where a and b may be equal: all lanes where they are, and almost no others.
 *  needs  a, b canonical */
static inline __mmask8 fp8_maybe_equal(const fp8 *a, const fp8 *b) {
    return _mm512_cmpeq_epi64_mask(a->v[0], b->v[0]);
}

static inline __mmask8 fp2_8_maybe_equal(const fp2_8 *a, const fp2_8 *b) {
    return fp8_maybe_equal(&a->c0, &b->c0);
}

/** Lanes where a may be 0: all lanes where it is, and almost no others.
 *  needs  a canonical */
static inline __mmask8 fp8_maybe_zero(const fp8 *a) {
    return _mm512_testn_epi64_mask(a->v[0], a->v[0]);
}

static inline __mmask8 fp2_8_maybe_zero(const fp2_8 *a) {
    return fp8_maybe_zero(&a->c0);
}

/** Lanes where a = b. */
static inline __mmask8 fp8_equal(const fp8 *a, const fp8 *b) {
    __mmask8 r = 0xff;
    for (int i = 0; i < 5; i++) r &= _mm512_cmpeq_epi64_mask(a->v[i], b->v[i]);
    return r;
}

static inline __mmask8 fp2_8_equal(const fp2_8 *a, const fp2_8 *b) {
    return fp8_equal(&a->c0, &b->c0) & fp8_equal(&a->c1, &b->c1);
}

/** r = -a in the lanes of negative, else a; canonical. */
static inline void fp8_sign(fp8 *r, __mmask8 negative, const fp8 *a) {
    const __mmask8 mask = negative & ~fp8_is_zero(a);
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) t[i] = _mm512_mask_sub_epi64(a->v[i], mask, lanes_at(&FP8_MODULUS[i]), a->v[i]);
    lanes_carry(r->v, t);
}

static inline void fp2_8_sign(fp2_8 *r, __mmask8 negative, const fp2_8 *a) {
    fp8_sign(&r->c0, negative, &a->c0);
    fp8_sign(&r->c1, negative, &a->c1);
}

/** r = 16 a: from the stored form to the lanes' form. Bound 16. */
static inline void fp8_times_16(fp8 *r, const fp8 *a) {
    fp8_shift(r, a, 4);
}

static inline void fp2_8_times_16(fp2_8 *r, const fp2_8 *a) {
    fp2_8_shift(r, a, 4);
}

/* ---- inverses. The norm of a is a itself in Fp, and a0^2 + a1^2 in Fp2 */

/** r = the norm of a; bound 2.4 for A <= 4. */
static inline void fp8_norm(fp8 *r, const fp8 *a) {
    *r = *a;
}

static inline void fp2_8_norm(fp8 *r, const fp2_8 *a) {
    fp8_wide t, u;
    fp8_wide_sqr(&t, &a->c0);
    fp8_wide_sqr(&u, &a->c1);
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++) t.v[i] = lanes_add(t.v[i], u.v[i]);
    fp8_wide_reduce(r, &t);
}

/** r = 2^518 / a from one = 2^518 / norm: bound 2.2 for A <= 4 (Fp2), or the bound of one (Fp).
 *  source 1 / (a0 + a1 u) = (a0 - a1 u) / norm. The norm is divided by 2^260, so one has a factor 2^260, which the
 *         division in this product removes */
static inline void fp8_over_norm(fp8 *r, const fp8 *a, const fp8 *one) {
    (void)a;
    *r = *one;
}

static inline void fp2_8_over_norm(fp2_8 *r, const fp2_8 *a, const fp8 *one) {
    const fp8 zero = fp8_zero();
    fp8 minus;
    fp8_sub(&minus, &zero, &a->c1, 2);
    fp8_mul(&r->c0, &a->c0, one);
    fp8_mul(&r->c1, &minus, one);
}

/** a = 2^518 / a in each lane; no lane is 0.
 *  source Montgomery's trick across the lanes, in the scalar field: inv_var(a) is 2^512 / a */
static inline void fp8_invert(fp8 *a) {
    fp lane[LANES], products[LANES], inverse, t;
    fp8_canonical(a, a);
    fp8_store_raw(lane, a);
    products[0] = lane[0];
    for (int i = 1; i < LANES; i++) fp_mul(&products[i], &products[i - 1], &lane[i]);
    fp_inv_var(&inverse, &products[LANES - 1]);
    for (int i = 0; i < 6; i++) fp_dbl(&inverse, &inverse);
    for (int i = LANES - 1; i > 0; i--) {
        fp_mul(&t, &inverse, &products[i - 1]);
        fp_mul(&inverse, &inverse, &lane[i]);
        fp_canonical(&lane[i], &t);
    }
    fp_canonical(&lane[0], &inverse);
    fp8_load_raw(a, lane);
}

/* needs  A <= 4 */
static inline void fp2_8_invert(fp2_8 *a) {
    fp8 norm;
    fp2_8_norm(&norm, a);
    fp8_invert(&norm);
    fp2_8_over_norm(a, a, &norm);
}

/* ---- steps of the sum (x3, s y3) = (x1, s y1) + (x2, s y2'), s = +-1, in the order of their use. With d = x2 - x1:
 * slope = rise / d, x3 = slope^2 - x1 - x2, y3 = fall - y1. fall = slope (x1 - x3) is the product of slope and run.
 * batch_add8.inc has the powers of 2 */

/** r = +-y2 - y1 + 2p, with - in the lanes of negative: bound 4. */
static inline void fp8_rise(fp8 *r, const fp8 *y1, __mmask8 negative, const fp8 *y2) {
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes p2 = lanes_at(&FP8_MULTIPLES[1][i]);
        t[i] = lanes_sub(_mm512_mask_sub_epi64(lanes_add(p2, y2->v[i]), negative, p2, y2->v[i]), y1->v[i]);
    }
    lanes_carry(r->v, t);
}

static inline void fp2_8_rise(fp2_8 *r, const fp2_8 *y1, __mmask8 negative, const fp2_8 *y2) {
    fp8_rise(&r->c0, &y1->c0, negative, &y2->c0);
    fp8_rise(&r->c1, &y1->c1, negative, &y2->c1);
}

/** r = slope^2 / 2^260, bound 3.
 *  needs  bound 4 */
static inline void fp8_slope_sqr(fp8 *r, const fp8 *slope) {
    fp8_sqr(r, slope);
}

static inline void fp2_8_slope_sqr(fp2_8 *r, const fp2_8 *slope) {
    fp2_8_sqr(r, slope, 2);
}

/* r = t mod p, canonical.
 * needs  t signed limbs below 2^56, a number in [2p, 80p)
 * source as fp8_reduce. Without a carry the highest limb may be wrong by 16, 1 / 2^41 of the highest limb of p.
 *        Subtracting 16 leaves a quotient that is never too large, and almost never too small */
static inline void fp8_settle(fp8 *r, const lanes t[5]) {
    const lanes high = lanes_sub(t[4], lanes_all(16)), zero = _mm512_setzero_si512();
    const lanes q = _mm512_srli_epi64(lanes_high(zero, high, lanes_at(&FP8_QUOTIENT)), 45);
    lanes u[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) u[i] = lanes_low(t[i], q, lanes_at(&FP8_NEGATIVE[i]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) u[i + 1] = lanes_high(u[i + 1], q, lanes_at(&FP8_NEGATIVE[i]));
    lanes_carry(r->v, u);
    r->v[4] = _mm512_and_si512(r->v[4], lanes_all(LANES_MASK)); /* less q 2^260 */
    if (__builtin_expect(_mm512_cmpge_epi64_mask(r->v[4], lanes_at(&FP8_MODULUS[4])), 0)) fp8_canonical(r, r);
}

/** x3 = square - x1 - x2, canonical, with square = slope^2; run = 4 (x1 - x3) mod p, bound 28.
 *  needs  square of bound 3 */
static inline void fp8_abscissa(fp8 *x3, fp8 *run, const fp8 *square, const fp8 *x1, const fp8 *x2) {
    lanes t[5], u[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes p4 = lanes_at(&FP8_MULTIPLES[2][i]);
        const lanes x = lanes_sub(lanes_sub(square->v[i], x1->v[i]), x2->v[i]);
        u[i] = _mm512_slli_epi64(lanes_sub(lanes_add(x1->v[i], p4), x), 2);
        t[i] = lanes_add(x, p4);
    }
    lanes_carry(run->v, u);
    fp8_settle(x3, t);
}

static inline void fp2_8_abscissa(fp2_8 *x3, fp2_8 *run, const fp2_8 *square, const fp2_8 *x1, const fp2_8 *x2) {
    fp8_abscissa(&x3->c0, &run->c0, &square->c0, &x1->c0, &x2->c0);
    fp8_abscissa(&x3->c1, &run->c1, &square->c1, &x1->c1, &x2->c1);
}

/** y3 = +-(fall - y1), canonical, with - in the lanes of negative.
 *  needs  fall of bound 5 */
static inline void fp8_ordinate(fp8 *y3, const fp8 *fall, const fp8 *y1, __mmask8 negative) {
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes p8 = lanes_at(&FP8_MULTIPLES[3][i]), y = lanes_sub(fall->v[i], y1->v[i]);
        t[i] = _mm512_mask_sub_epi64(lanes_add(p8, y), negative, p8, y);
    }
    fp8_settle(y3, t);
}

static inline void fp2_8_ordinate(fp2_8 *y3, const fp2_8 *fall, const fp2_8 *y1, __mmask8 negative) {
    fp8_ordinate(&y3->c0, &fall->c0, &y1->c0, negative);
    fp8_ordinate(&y3->c1, &fall->c1, &y1->c1, negative);
}

#endif
