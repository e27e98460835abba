/* spread.h - one element of Fp12 across the lanes, for the verification of one proof. Lane i holds the coefficient of
 * w^i, i < 6, in Fp2 (see fp12.h); lanes 6 and 7 hold multiples of p. Values are in the lanes' Montgomery form.
 *
 * Products use the schoolbook method: for each i, a_i in all lanes is multiplied by b, rotated by i lanes; coefficients
 * that pass w^5 are multiplied by xi = w^6. Only sums of products are reduced. Six of eight lanes work. Each of the 36
 * products in Fp2 takes three products in Fp (Karatsuba). Karatsuba above Fp2 would save a third of them, but moving
 * values between lanes would cost as much.
 *
 * A value is "settled" if its bound is 1.01. Values passed between functions are settled unless a comment says
 * otherwise. Everything is constant time. Any argument may alias the result.
 */
#ifndef RLN_MATH_IFMA_SPREAD_H
#define RLN_MATH_IFMA_SPREAD_H

#include "../fp12.h"
#include "fp2_8.h"

typedef fp2_8 spread;

/* Lanes of the even powers of w. */
#define SPREAD_EVEN ((__mmask8)0x15)
#define SPREAD_ODD ((__mmask8)0x2a)

/* A function that is never inlined, with all its calls inline: otherwise gcc passes vectors through memory. */
#define SPREAD_KERNEL __attribute__((noinline, flatten))

/* ---- sums */

/* r = t + 2^k p mod p.
 * needs  limbs signed, |limb| < 2^63 - 2^58; p <= t + 2^k p < 2^12 p; k <= 10
 * gives  bound 1.01
 * source let x = floor((t + 2^k p) / 2^216) - 1, below 2^50 (the 1 is for carries from lower limbs), and m the highest
 *        limb of p. Then q = floor(2^8 x / (m + 1)) is floor(t / p) or one less, and one less only if t / p exceeds an
 *        integer by less than 2^-32 */
static inline void fp8_settle_signed(fp8 *r, const lanes a[5], int k) {
    const lanes zero = _mm512_setzero_si512();
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++)
        t[i] = lanes_add(a[i], k < 7 ? lanes_all(FP8_MULTIPLES[k][i])
                                     : _mm512_slli_epi64(lanes_all(FP8_MULTIPLES[6][i]), (unsigned)(k - 6)));
    const lanes x = _mm512_srai_epi64(lanes_add(t[4], _mm512_srai_epi64(t[3], 52)), 8);
    const lanes q = _mm512_srli_epi64(lanes_high(zero, lanes_sub(x, lanes_all(1)), lanes_all(FP8_QUOTIENT)), 37);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) t[i] = lanes_low(t[i], q, lanes_all(FP8_NEGATIVE[i]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) t[i + 1] = lanes_high(t[i + 1], q, lanes_all(FP8_NEGATIVE[i]));
    lanes_carry(r->v, t);
    r->v[4] = _mm512_and_si512(r->v[4], lanes_all(LANES_MASK)); /* minus q 2^260 */
}

/* r = a with w replaced by -w: odd coefficients change their sign. */
static SPREAD_KERNEL void spread_conjugate(spread *r, const spread *a) {
    lanes t[5], u[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        t[i] = _mm512_mask_sub_epi64(a->c0.v[i], SPREAD_ODD, _mm512_setzero_si512(), a->c0.v[i]);
        u[i] = _mm512_mask_sub_epi64(a->c1.v[i], SPREAD_ODD, _mm512_setzero_si512(), a->c1.v[i]);
    }
    fp8_settle_signed(&r->c0, t, 2);
    fp8_settle_signed(&r->c1, u, 2);
}

/* ---- factors */

/* A right operand: b, xi b, and the sums of their coordinates for Karatsuba. Bounds: b 1.01, xi b 12.2 and 10.2, sums
 * 2.1 and 22.4. */
typedef struct spread_factor { fp8 b[3], twisted[3]; /* c0, c1, c0 + c1 */ } spread_factor;

/* t = xi a: (9 a0 - a1 + 2p) + (9 a1 + a0) u, normal. Bounds 12.2 and 10.2. */
static inline void spread_twist(fp8 *t0, fp8 *t1, const spread *a) {
    lanes u[5], v[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes nine0 = lanes_add(_mm512_slli_epi64(a->c0.v[i], 3), a->c0.v[i]);
        const lanes nine1 = lanes_add(_mm512_slli_epi64(a->c1.v[i], 3), a->c1.v[i]);
        u[i] = lanes_add(lanes_sub(nine0, a->c1.v[i]), lanes_all(FP8_MULTIPLES[1][i]));
        v[i] = lanes_add(nine1, a->c0.v[i]);
    }
    lanes_carry(t0->v, u);
    lanes_carry(t1->v, v);
}

static inline void spread_factor_of(spread_factor *r, const spread *b) {
    r->b[0] = b->c0;
    r->b[1] = b->c1;
    fp8_add(&r->b[2], &b->c0, &b->c1);
    spread_twist(&r->twisted[0], &r->twisted[1], b);
    fp8_add(&r->twisted[2], &r->twisted[0], &r->twisted[1]);
}

/* Left operands, in memory: limb j of lane i of part k (c0, c1, sum) is v[k][j][i]. Bounds 2.1, of the sum 4.2. */
typedef struct spread_words { uint64_t v[3][5][LANES] __attribute__((aligned(64))); } spread_words;

static inline void spread_words_of(spread_words *r, const fp8 *c0, const fp8 *c1, const fp8 *sum) {
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++) {
        _mm512_store_si512(r->v[0][j], c0->v[j]);
        _mm512_store_si512(r->v[1][j], c1->v[j]);
        _mm512_store_si512(r->v[2][j], sum->v[j]);
    }
}

/* Rotation by i lanes: lane k comes from lane k - i, or, if k < i, from lane k - i + 6 of the second operand. */
static const int64_t SPREAD_TURN[6][LANES] __attribute__((aligned(64))) = {
    {0, 1, 2, 3, 4, 5, 6, 7},
    {8 + 5, 0, 1, 2, 3, 4, 6, 7},
    {8 + 4, 8 + 5, 0, 1, 2, 3, 6, 7},
    {8 + 3, 8 + 4, 8 + 5, 0, 1, 2, 6, 7},
    {8 + 2, 8 + 3, 8 + 4, 8 + 5, 0, 1, 6, 7},
    {8 + 1, 8 + 2, 8 + 3, 8 + 4, 8 + 5, 0, 6, 7},
};

/* t = t + (a in all lanes) * (b rotated by turn); limb j of a is a[8 j]. */
static inline void spread_mac(fp8_wide *t, const uint64_t *a, const fp8 *b, const fp8 *twisted, int turn) {
    const lanes index = _mm512_load_si512(SPREAD_TURN[turn]);
    fp8 left, right;
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++) {
        left.v[j] = lanes_all(a[LANES * j]);
        right.v[j] = _mm512_permutex2var_epi64(b->v[j], index, twisted->v[j]);
    }
    fp8_wide_mac(t, &left, &right);
}

/* The three sums of Karatsuba: a0 b0, a1 b1, (a0 + a1)(b0 + b1). */
typedef struct spread_wide { fp8_wide t[3]; } spread_wide;

/* r = a0 b0 - a1 b1 and a0 b1 + a1 b0 over 2^260, five signed limbs each, not normal: bounds as wide_reduce. */
static inline void spread_fold(lanes r0[5], lanes r1[5], spread_wide *w) {
    fp8_wide *const low = &w->t[0], *const high = &w->t[1], *const cross = &w->t[2];
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++) {
        cross->v[i] = lanes_sub(lanes_sub(cross->v[i], low->v[i]), high->v[i]);
        low->v[i] = lanes_sub(low->v[i], high->v[i]);
    }
    fp8_wide_fold(r0, low);
    fp8_wide_fold(r1, cross);
}

/* w = the sum of n terms: a_m times b rotated by turns[m], where a_m is in lane places[m] of words. */
static inline void spread_sum(spread_wide *w, const spread_words *words, const int *places, const int *turns, int n,
                              const spread_factor *b) {
    for (int k = 0; k < 3; k++) {
        fp8_wide t = fp8_wide_zero();
#pragma GCC unroll 1
        for (int m = 0; m < n; m++) spread_mac(&t, words->v[k][0] + places[m], &b->b[k], &b->twisted[k], turns[m]);
        w->t[k] = t;
    }
}

/** r = a b.
 *  needs  a bound 2.1
 *  source six terms of 2.1 * 12.2 p^2 are 1.9 p 2^260, so every value is at least -2p */
static SPREAD_KERNEL void spread_mul(spread *r, const spread *a, const spread *b) {
    static const int places[6] = {0, 1, 2, 3, 4, 5};
    spread_factor factor;
    spread_words words;
    spread_wide wide;
    lanes t[5], u[5];
    fp8 sum;
    fp8_add(&sum, &a->c0, &a->c1);
    spread_words_of(&words, &a->c0, &a->c1, &sum);
    spread_factor_of(&factor, b);
    spread_sum(&wide, &words, places, places, 6, &factor);
    spread_fold(t, u, &wide);
    fp8_settle_signed(&r->c0, t, 2);
    fp8_settle_signed(&r->c1, u, 2);
}

/** r = f (l0 + l1 w + l3 w^3).
 *  needs  l1, l3, l0, bound 2.1, in lanes 4, 5, 6 of words */
static SPREAD_KERNEL void spread_mul_by_line(spread *r, const spread *f, const spread_words *words) {
    static const int places[3] = {6, 4, 5}, turns[3] = {0, 1, 3};
    spread_factor factor;
    spread_wide wide;
    lanes t[5], u[5];
    spread_factor_of(&factor, f);
    spread_sum(&wide, words, places, turns, 3, &factor);
    spread_fold(t, u, &wide);
    fp8_settle_signed(&r->c0, t, 2);
    fp8_settle_signed(&r->c1, u, 2);
}

/** r = f (1 + l1 w + l3 w^3).
 *  needs  l1, l3, bound 2.1, in lanes place .. place + 3 of words */
static SPREAD_KERNEL void spread_mul_by_unit_line(spread *r, const spread *f, const spread_words *words, int place) {
    static const int turns[2] = {1, 3};
    const int places[2] = {place, place + 2};
    spread_factor factor;
    spread_wide wide;
    lanes t[5], u[5];
    spread_factor_of(&factor, f);
    spread_sum(&wide, words, places, turns, 2, &factor);
    spread_fold(t, u, &wide);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        t[i] = lanes_add(t[i], f->c0.v[i]);
        u[i] = lanes_add(u[i], f->c1.v[i]);
    }
    fp8_settle_signed(&r->c0, t, 2);
    fp8_settle_signed(&r->c1, u, 2);
}

/* ---- squares */

/* Lane k of a square is a sum of four products: a coefficient of a or 2a (index + 8) times one of a or xi a
 * (index + 8). Index 7 means zero. */
static const int64_t SPREAD_SQUARE[4][2][LANES] __attribute__((aligned(64))) = {
    {{0, 8 + 0, 1, 8 + 0, 2, 8 + 0, 7, 7}, {0, 1, 1, 3, 2, 5, 7, 7}},
    {{3, 8 + 2, 8 + 0, 8 + 1, 8 + 0, 8 + 1, 7, 7}, {8 + 3, 8 + 5, 2, 2, 4, 4, 7, 7}},
    {{8 + 1, 8 + 3, 4, 8 + 4, 8 + 1, 8 + 2, 7, 7}, {8 + 5, 8 + 4, 8 + 4, 8 + 5, 3, 3, 7, 7}},
    {{8 + 2, 7, 8 + 3, 7, 5, 7, 7, 7}, {8 + 4, 7, 8 + 5, 7, 8 + 5, 7, 7, 7}},
};

/** r = a^2. */
static SPREAD_KERNEL void spread_sqr(spread *r, const spread *a) {
    spread_factor factor;
    spread_wide wide;
    fp8 twice[3];
    lanes t[5], u[5];
    spread_factor_of(&factor, a);
    for (int k = 0; k < 3; k++) fp8_shift(&twice[k], &factor.b[k], 1);
    for (int k = 0; k < 3; k++) {
        fp8_wide sum = fp8_wide_zero();
#pragma GCC unroll 1
        for (int m = 0; m < 4; m++) {
            const lanes first = _mm512_load_si512(SPREAD_SQUARE[m][0]), second = _mm512_load_si512(SPREAD_SQUARE[m][1]);
            fp8 left, right;
#pragma GCC unroll 5
            for (int j = 0; j < 5; j++) {
                left.v[j] = _mm512_permutex2var_epi64(factor.b[k].v[j], first, twice[k].v[j]);
                right.v[j] = _mm512_permutex2var_epi64(factor.b[k].v[j], second, factor.twisted[k].v[j]);
            }
            fp8_wide_mac(&sum, &left, &right);
        }
        wide.t[k] = sum;
    }
    spread_fold(t, u, &wide);
    fp8_settle_signed(&r->c0, t, 2);
    fp8_settle_signed(&r->c1, u, 2);
}

/** r = a^2 for a cyclotomic.
 *  source fp12_cyclotomic_sqr: in Fp4 = Fp2(w^3) the pairs (x, y) are (a0, a3), (a1, a4), (a2, a5). Even lanes compute
 *         (x + y)(x + xi y), which is x^2 + xi y^2 plus (1 + xi) x y; odd lanes compute x y. With S the lane's part of
 *         the square, an even coefficient is 3 S - 2 a and an odd one 6 S + 2 a; lane 1 has S = xi x y. Values are
 *         between 3 (-0.4 - 11 * 2.1) - 2.1 = -73 and 6 * 10 * 2.1 + 2.1 = 129 p */
static SPREAD_KERNEL void spread_cyclotomic_sqr(spread *r, const spread *a) {
    const lanes low = _mm512_setr_epi64(0, 2, 1, 0, 2, 1, 6, 7), high = _mm512_setr_epi64(3, 5, 4, 3, 5, 4, 6, 7);
    const lanes product = _mm512_setr_epi64(3, 1, 5, 6, 1, 6, 6, 7);
    const __mmask8 first = 0x02;
    fp8 x[3], y[3];
    spread_wide wide;
    lanes s[5], t[5], v0[5], v1[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes x0 = _mm512_permutexvar_epi64(low, a->c0.v[i]), x1 = _mm512_permutexvar_epi64(low, a->c1.v[i]);
        const lanes y0 = _mm512_permutexvar_epi64(high, a->c0.v[i]), y1 = _mm512_permutexvar_epi64(high, a->c1.v[i]);
        const lanes nine0 = lanes_add(_mm512_slli_epi64(y0, 3), x0), nine1 = lanes_add(_mm512_slli_epi64(y1, 3), x1);
        x[0].v[i] = _mm512_mask_add_epi64(x0, SPREAD_EVEN, x0, y0);
        x[1].v[i] = _mm512_mask_add_epi64(x1, SPREAD_EVEN, x1, y1);
        s[i] = _mm512_mask_add_epi64(y0, SPREAD_EVEN, y0,
                                     lanes_add(lanes_sub(nine0, y1), lanes_all(FP8_MULTIPLES[1][i])));
        t[i] = _mm512_mask_add_epi64(y1, SPREAD_EVEN, y1, lanes_add(nine1, y0));
    }
    lanes_carry(x[0].v, x[0].v);
    lanes_carry(x[1].v, x[1].v);
    lanes_carry(y[0].v, s);
    lanes_carry(y[1].v, t);
    fp8_add(&x[2], &x[0], &x[1]);
    fp8_add(&y[2], &y[0], &y[1]);
    for (int k = 0; k < 3; k++) {
        wide.t[k] = fp8_wide_zero();
        fp8_wide_mac(&wide.t[k], &x[k], &y[k]);
    }
    spread_fold(v0, v1, &wide);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes p0 = _mm512_permutexvar_epi64(product, v0[i]), p1 = _mm512_permutexvar_epi64(product, v1[i]);
        const lanes d0 = lanes_sub(lanes_add(_mm512_slli_epi64(p0, 3), p0), p1); /* xi x y */
        const lanes d1 = lanes_add(lanes_add(_mm512_slli_epi64(p1, 3), p1), p0);
        lanes s0 = _mm512_mask_sub_epi64(v0[i], SPREAD_EVEN, lanes_sub(v0[i], p0), d0);
        lanes s1 = _mm512_mask_sub_epi64(v1[i], SPREAD_EVEN, lanes_sub(v1[i], p1), d1);
        s0 = lanes_select(first, d0, s0);
        s1 = lanes_select(first, d1, s1);
        const lanes a0 = _mm512_slli_epi64(a->c0.v[i], 1), a1 = _mm512_slli_epi64(a->c1.v[i], 1);
        s0 = lanes_add(s0, lanes_add(s0, s0));
        s1 = lanes_add(s1, lanes_add(s1, s1));
        s[i] = _mm512_mask_sub_epi64(lanes_add(lanes_add(s0, s0), a0), SPREAD_EVEN, s0, a0);
        t[i] = _mm512_mask_sub_epi64(lanes_add(lanes_add(s1, s1), a1), SPREAD_EVEN, s1, a1);
    }
    fp8_settle_signed(&r->c0, s, 7);
    fp8_settle_signed(&r->c1, t, 7);
}

/* ---- power maps */

/* r = the lanes' form of six stored numbers of Fp2; lanes 6 and 7 are zero. */
static inline void spread_load_rows(spread *r, const fp2 *const places[6]) {
    lanes rows[8], t[5];
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) rows[i] = _mm512_loadu_si512(places[i]);
    rows[6] = rows[7] = _mm512_setzero_si512();
    lanes_transpose(rows);
    lanes_split_times_16(t, rows);
    fp8_settle_signed(&r->c0, t, 1);
    lanes_split_times_16(t, rows + 4);
    fp8_settle_signed(&r->c1, t, 1);
}

static SPREAD_KERNEL void spread_load(spread *r, const fp12 *a) {
    const fp2 *const places[6] = {&a->c0.c0, &a->c1.c0, &a->c0.c1, &a->c1.c1, &a->c0.c2, &a->c1.c2};
    spread_load_rows(r, places);
}

/** r = a in stored form, canonical. */
static SPREAD_KERNEL void spread_store(fp12 *r, const spread *a) {
    fp2 t[LANES];
    lanes rows[8];
    fp2_8 u;
    fp8_sixteenth(&u.c0, &a->c0);
    fp8_sixteenth(&u.c1, &a->c1);
    fp2_8_canonical(&u, &u);
    lanes_join(rows, u.c0.v);
    lanes_join(rows + 4, u.c1.v);
    lanes_transpose(rows);
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) _mm512_storeu_si512(&t[i], rows[i]);
    r->c0 = (fp6){t[0], t[2], t[4]};
    r->c1 = (fp6){t[1], t[3], t[5]};
}

/* r = a b in each lane.
 * needs  bounds 4 and 1.01 */
static inline void spread_mul_each(spread *r, const spread *a, const spread *b) {
    fp2_8 t;
    fp2_8_mul(&t, a, b);
    fp8_settle_signed(&r->c0, t.c0.v, 1);
    fp8_settle_signed(&r->c1, t.c1.v, 1);
}

/* r = conj(a_i) factors[i]: a^(p^n), n odd. */
static SPREAD_KERNEL void spread_frobenius_odd(spread *r, const spread *a, const fp2 factors[6]) {
    const fp2 *const places[6] = {&factors[0], &factors[1], &factors[2], &factors[3], &factors[4], &factors[5]};
    spread f, t = *a;
    lanes u[5];
    spread_load_rows(&f, places);
    for (int i = 0; i < 5; i++) u[i] = lanes_sub(_mm512_setzero_si512(), a->c1.v[i]);
    fp8_settle_signed(&t.c1, u, 2);
    spread_mul_each(r, &t, &f);
}

/** r = a^(p^2). */
static SPREAD_KERNEL void spread_frobenius_2(spread *r, const spread *a) {
    fp2 factors[6];
    for (int i = 0; i < 6; i++) factors[i] = (fp2){FP12_FROBENIUS_2[i], fp_zero()};
    const fp2 *const places[6] = {&factors[0], &factors[1], &factors[2], &factors[3], &factors[4], &factors[5]};
    spread f;
    spread_load_rows(&f, places);
    spread_mul_each(r, a, &f);
}

#endif
