/* spread_pairing.h - a product of few pairings, with one value across the lanes: see spread.h for the value, pairing.h
 * for the pairing. Walks are those of spread_walk.h; prepared lines are scaled two at a time.
 */
#ifndef RLN_MATH_IFMA_SPREAD_PAIRING_H
#define RLN_MATH_IFMA_SPREAD_PAIRING_H

#include "../pairing.h"
#include "pairing8.h"
#include "spread_walk.h"

/* The most terms of such a product. For more terms, eight Miller loops, one in each lane, are faster (pairing8.h). */
#define SPREAD_TERMS 5

/* r = 2^264 s: the product of r and a raw coordinate is s times this coordinate, in the lanes' form. */
static SPREAD_KERNEL void spread_scale(fp8 *r, const fp s[LANES]) {
    fp8 t;
    fp8_load(&t, s);
    fp8_settle_signed(&t, t.v, 1);
    for (int i = 0; i < 5; i++) t.v[i] = _mm512_slli_epi64(t.v[i], 4);
    fp8_settle_signed(r, t.v, 1);
}

/* words = rows times scale, and the sums of neighbours, which are the two coordinates of a number in Fp2.
 * gives  bounds 2.1 and 4.2 */
static SPREAD_KERNEL void spread_words_of_rows(spread_words *words, const lanes rows[4], const fp8 *scale) {
    lanes t[4];
    fp8 raw, line, sum;
    lanes_words_of_rows(t, rows);
    lanes_split(raw.v, t);
    fp8_mul(&line, &raw, scale);
    for (int i = 0; i < 5; i++) sum.v[i] = lanes_add(line.v[i], _mm512_permutex_epi64(line.v[i], 0xb1));
    lanes_carry(sum.v, sum.v);
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++) {
        _mm512_store_si512(words->v[0][j], line.v[j]);
        /* c1 is next to c0 */
        _mm512_store_si512(words->v[1][j], _mm512_permutex_epi64(line.v[j], 0xb1));
        _mm512_store_si512(words->v[2][j], sum.v[j]);
    }
}

/* Two factors with lines. If there is only one, it is also the second, which is then not used. */
typedef struct spread_lines {
    const g2_lines *lines[2];
    fp8 scale;
    int count;
} spread_lines;

static void spread_lines_of(spread_lines *r, const pairing_factor *first, const pairing_factor *second) {
    const pairing_factor *const both[2] = {first, second ? second : first};
    fp s[LANES];
    for (int i = 0; i < 2; i++) {
        r->lines[i] = both[i]->lines;
        s[4 * i] = s[4 * i + 1] = both[i]->x_over_y;
        s[4 * i + 2] = s[4 * i + 3] = both[i]->one_over_y;
    }
    spread_scale(&r->scale, s);
    r->count = second ? 2 : 1;
}

static inline void spread_absorb_lines(spread *f, const spread_lines *l, size_t step) {
    spread_words words;
    lanes rows[4];
    for (int i = 0; i < 2; i++) {
        const pairing_unit_line *const line = &l->lines[i]->line[step];
        rows[2 * i] = _mm512_loadu_si512(&line->l1);
        rows[2 * i + 1] = _mm512_loadu_si512(&line->l3);
    }
    spread_words_of_rows(&words, rows, &l->scale);
    for (int i = 0; i < l->count; i++) spread_mul_by_unit_line(f, f, &words, 4 * i);
}

static inline void spread_absorb_step(spread *f, spread_walk *w, size_t step) {
    spread_words words;
    spread_walk_step(w, G2_WALK[step]);
    spread_walk_line(&words, w);
    spread_mul_by_line(f, f, &words);
}

/* As pairing_miller, n <= SPREAD_TERMS. */
static void spread_miller(spread *f, pairing_factor *factors, size_t n) {
    spread_lines lines[(SPREAD_TERMS + 1) / 2];
    spread_walk walks[SPREAD_TERMS];
    const pairing_factor *single = NULL;
    size_t n_lines = 0, n_walks = 0;
    for (size_t i = 0; i < n; i++) {
        if (!factors[i].lines) {
            spread_walk_start(&walks[n_walks++], &factors[i]);
        } else if (single) {
            spread_lines_of(&lines[n_lines++], single, &factors[i]);
            single = NULL;
        } else {
            single = &factors[i];
        }
    }
    if (single) spread_lines_of(&lines[n_lines++], single, NULL);
    const fp12 one = fp12_one();
    spread_load(f, &one);
    for (size_t step = 0; step < G2_WALK_STEPS; step++) {
        if (G2_WALK[step] == 0 && step != 0) spread_sqr(f, f);
        for (size_t i = 0; i < n_lines; i++) spread_absorb_lines(f, &lines[i], step);
        for (size_t i = 0; i < n_walks; i++) spread_absorb_step(f, &walks[i], step);
    }
    for (size_t i = 0; i < n_walks; i++) {
        spread_walk_end(&walks[i]);
        pairing_say_outside(walks[i].factor);
    }
}

/* As pairing_pow_x. */
static void spread_pow_x(spread *r, const spread *a) {
    spread odd[4], square, t; /* odd[i] = a^(2i + 1) */
    spread_cyclotomic_sqr(&square, a);
    odd[0] = *a;
    for (int i = 1; i < 4; i++) spread_mul(&odd[i], &odd[i - 1], &square);
    t = *a;
    for (int i = PAIRING_X_DIGITS - 2; i >= 0; i--) {
        const int digit = PAIRING_X[i];
        spread_cyclotomic_sqr(&t, &t);
        if (digit > 0) spread_mul(&t, &t, &odd[digit / 2]);
        if (digit < 0) {
            spread_conjugate(&square, &odd[-digit / 2]);
            spread_mul(&t, &t, &square);
        }
    }
    *r = t;
}

/** As pairing_final_power, in the same steps; r canonical. */
static void spread_final_power(fp12 *r, const spread *a) {
    spread f, fx, fx2, fx3, y0, y1, y2, y3, y4, y5, y6, s, t;
    fp12 low;
    spread_store(&low, a);
    fp12_inv_var(&low, &low);
    spread_load(&t, &low);
    spread_conjugate(&f, a);
    spread_mul(&f, &f, &t);
    spread_frobenius_2(&t, &f);
    spread_mul(&f, &f, &t);

    spread_pow_x(&fx, &f);
    spread_pow_x(&fx2, &fx);
    spread_pow_x(&fx3, &fx2);

    spread_frobenius_odd(&y0, &f, FP12_FROBENIUS_1);
    spread_frobenius_2(&t, &f);
    spread_mul(&y0, &y0, &t);
    spread_frobenius_odd(&t, &f, FP12_FROBENIUS_3);
    spread_mul(&y0, &y0, &t);
    spread_conjugate(&y1, &f);
    spread_frobenius_2(&y2, &fx2);
    spread_frobenius_odd(&y3, &fx, FP12_FROBENIUS_1);
    spread_conjugate(&y3, &y3);
    spread_frobenius_odd(&y4, &fx2, FP12_FROBENIUS_1);
    spread_mul(&y4, &y4, &fx);
    spread_conjugate(&y4, &y4);
    spread_conjugate(&y5, &fx2);
    spread_frobenius_odd(&y6, &fx3, FP12_FROBENIUS_1);
    spread_mul(&y6, &y6, &fx3);
    spread_conjugate(&y6, &y6);

    spread_cyclotomic_sqr(&s, &y6);
    spread_mul(&s, &s, &y4);
    spread_mul(&s, &s, &y5); /* s = y4 y5 y6^2 */
    spread_mul(&t, &y3, &y5);
    spread_mul(&t, &t, &s);
    spread_mul(&s, &s, &y2);
    spread_cyclotomic_sqr(&t, &t);
    spread_mul(&t, &t, &s);
    spread_cyclotomic_sqr(&t, &t); /* t = y2^2 y3^4 y4^6 y5^10 y6^12 */
    spread_mul(&s, &t, &y1);
    spread_mul(&t, &t, &y0);
    spread_cyclotomic_sqr(&s, &s);
    spread_mul(&s, &s, &t);
    spread_store(r, &s);
}

/** As pairing_product_var, on the calling thread.
 *  needs  n <= SPREAD_TERMS */
static void pairing_product_spread_var(fp12 *r, uint8_t *outside, const pairing_term *terms, size_t n) {
    pairing_factor factors[SPREAD_TERMS];
    fp scratch[SPREAD_TERMS];
    spread f;
    const size_t count = pairing_gather_var(factors, scratch, outside, terms, n);
    *r = fp12_one();
    if (count == 0) return;
    spread_miller(&f, factors, count);
    spread_final_power(r, &f);
}

/* See engine.h. */
static int pairing_product_lanes_var(fp12 *r, uint8_t *outside, const pairing_term *terms, size_t n, pool *threads) {
    if (n > SPREAD_TERMS) return pairing8_product_var(r, outside, terms, n, threads);
    pairing_product_spread_var(r, outside, terms, n);
    return 0;
}

#endif
