/* pairing.h - the optimal ate pairing e: G1 x G2 -> Fp12, products of pairings, and prepared lines of a fixed Q.
 *
 * e(P, Q) = (f_{6x+2,Q}(P) l_{T, psi(Q)}(P) l_{T', -psi^2(Q)}(P))^((p^12 - 1) / r), exactly this power.
 * Sources: Vercauteren 2010; Aranha, Karabina, Longa, Gebotys, Lopez 2011 (steps, D-type twist);
 * Scott, Benger, Charlemagne, Dominguez Perez, Kachisa 2009 (final exponentiation).
 *
 * Vocabulary
 *   walk   the steps of T from Q to [6x + 2] Q + psi(Q) - psi^2(Q), see g2_walk.h
 *   line   l0 + l1 (x/y) w + l3 (1/y) w^3: the line of a step at P = (x, y), divided by y; factors in
 *          Fp2 do not change the final value, because (p^12 - 1) / r is a multiple of p^2 - 1
 *
 * The time of everything here depends on the values; nothing here is secret.
 */
#ifndef RLN_MATH_PAIRING_H
#define RLN_MATH_PAIRING_H

#include <stddef.h>

#include "../base/mem.h"
#include "../base/pool.h"
#include "fp12.h"
#include "g2.h"
#include "g2_walk.h"
#include "inverse.h"
#include "pairing_constants.h"
#include "pairing_term.h"

/* T = (X / Z, Y / Z). */
typedef struct pairing_walk {
    fp2 x, y, z;
    g2_aff q;
} pairing_walk;

typedef struct pairing_line { fp2 l0, l1, l3; } pairing_line;

/* A line divided by its l0. */
typedef struct pairing_unit_line { fp2 l1, l3; } pairing_unit_line;

struct g2_lines {
    uint64_t infinity; /* 1: q is infinity and the lines have no meaning */
    pairing_unit_line line[G2_WALK_STEPS];
};

static inline void pairing_start(pairing_walk *r, const g2_aff *q) {
    r->q = *q;
    r->x = q->x;
    r->y = q->y;
    r->z = fp2_one();
}

/* T = 2T and the tangent at T.
 * source Aranha et al. 2011, section 4, all scaled by 4 to avoid halving: with B = Y^2 and
 *        E = 3 b Z^2, X' = 2XY (B - 3E), Y' = (B + 3E)^2 - 12 E^2, Z' = 4 B 2YZ;
 *        line -2YZ y + 3X^2 x w + (E - B) w^3, where X^3 = Z (B - E / 3) was used */
static inline void pairing_double(pairing_line *line, pairing_walk *t) {
    fp2 b, e, e3, h, xy, s;
    fp2_sqr(&b, &t->y);
    fp2_sqr(&e, &t->z);
    fp2_mul(&e, &e, &PAIRING_TWIST_B3);
    fp2_dbl(&e3, &e);
    fp2_add(&e3, &e3, &e);
    fp2_mul(&h, &t->y, &t->z);
    fp2_dbl(&h, &h);
    fp2_mul(&xy, &t->x, &t->y);
    fp2_dbl(&xy, &xy);

    fp2_neg(&line->l0, &h);
    fp2_sqr(&s, &t->x);
    fp2_dbl(&line->l1, &s);
    fp2_add(&line->l1, &line->l1, &s);
    fp2_sub(&line->l3, &e, &b);

    fp2_sub(&s, &b, &e3);
    fp2_mul(&t->x, &xy, &s);
    fp2_mul(&t->z, &b, &h);
    fp2_dbl(&t->z, &t->z);
    fp2_dbl(&t->z, &t->z);
    fp2_add(&s, &b, &e3);
    fp2_sqr(&t->y, &s);
    fp2_dbl(&e3, &e3);
    fp2_dbl(&e3, &e3);
    fp2_mul(&s, &e3, &e);
    fp2_sub(&t->y, &t->y, &s);
}

/* T = T + Q and the line through both.
 * needs  T is neither Q nor -Q nor infinity, which holds on the walk of a point of order r
 * source Aranha et al. 2011, section 4: with A = Y - y_Q Z, L = X - x_Q Z, E = L^3, G = X L^2 and
 *        H = E + Z A^2 - 2G, T + Q = (L H : A (G - H) - E Y : Z E);
 *        line L y - A x w + (A x_Q - L y_Q) w^3 */
static inline void pairing_add(pairing_line *line, pairing_walk *t, const g2_aff *q) {
    fp2 a, l, e, g, h, s;
    fp2_mul(&a, &q->y, &t->z);
    fp2_sub(&a, &t->y, &a);
    fp2_mul(&l, &q->x, &t->z);
    fp2_sub(&l, &t->x, &l);

    line->l0 = l;
    fp2_neg(&line->l1, &a);
    fp2_mul(&line->l3, &a, &q->x);
    fp2_mul(&s, &l, &q->y);
    fp2_sub(&line->l3, &line->l3, &s);

    fp2_sqr(&s, &l);
    fp2_mul(&e, &s, &l);
    fp2_mul(&g, &s, &t->x);
    fp2_sqr(&s, &a);
    fp2_mul(&s, &s, &t->z);
    fp2_add(&h, &e, &s);
    fp2_sub(&h, &h, &g);
    fp2_sub(&h, &h, &g);
    fp2_mul(&t->x, &l, &h);
    fp2_sub(&g, &g, &h);
    fp2_mul(&g, &g, &a);
    fp2_mul(&s, &e, &t->y);
    fp2_sub(&t->y, &g, &s);
    fp2_mul(&t->z, &t->z, &e);
}

static inline void pairing_step(pairing_line *line, pairing_walk *t, int step) {
    if (step == 0) {
        pairing_double(line, t);
        return;
    }
    g2_aff q;
    g2_walk_addend(&q, &t->q, step);
    pairing_add(line, t, &q);
}

static size_t pairing_lines_size(void) {
    return sizeof(g2_lines);
}

/** The lines of q's walk, each divided by its l0.
 *  needs  q infinity, or on the twist and of order r. Then l0 is never zero, because T never has order two and never
 *         equals the addend or its negative */
static void pairing_prepare(g2_lines *r, const g2_aff *q) {
    pairing_walk walk;
    pairing_line line;
    fp2 inverse[G2_WALK_STEPS], scratch[G2_WALK_STEPS];
    r->infinity = (fp2_is_zero(&q->x) & fp2_is_zero(&q->y)) & 1;
    pairing_start(&walk, q);
    for (size_t i = 0; i < G2_WALK_STEPS; i++) {
        pairing_step(&line, &walk, G2_WALK[i]);
        inverse[i] = line.l0;
        r->line[i].l1 = line.l1;
        r->line[i].l3 = line.l3;
    }
    fp2_inv_many(inverse, G2_WALK_STEPS, scratch);
    for (size_t i = 0; i < G2_WALK_STEPS; i++) {
        fp2_mul(&r->line[i].l1, &r->line[i].l1, &inverse[i]);
        fp2_mul(&r->line[i].l3, &r->line[i].l3, &inverse[i]);
    }
}

/** 1 if Q is in G2, else 0.
 *  needs  t at the end of its walk; Q not infinity
 *  source T must be -psi^3(Q): see g2_in_subgroup_var. No addition of the walk meets an exceptional case, for any Q
 *         on the twist (native/gen/tower.py), and no doubling does, because the twist has odd order. Even an exception
 *         would be refused: for T = Q, and for infinity plus Q, pairing_add gives (0 : 0 : 0); every later step keeps
 *         it, and Z = 0 is refused */
static inline int pairing_walk_in_subgroup(const pairing_walk *t) {
    g2_aff end;
    fp2 x, y;
    g2_psi2(&end, &t->q);
    g2_psi(&end, &end);
    fp2_mul(&x, &end.x, &t->z);
    fp2_mul(&y, &end.y, &t->z);
    fp2_neg(&y, &y);
    return (~fp2_is_zero(&t->z) & fp2_equal(&x, &t->x) & fp2_equal(&y, &t->y)) != 0;
}

/* One factor in the Miller loop: P in the form that lines need, and the walk of Q or its prepared lines. */
typedef struct pairing_factor {
    fp x_over_y, one_over_y;
    const g2_lines *lines;
    uint8_t *outside; /* the place of the answer; NULL: no answer is needed */
    pairing_walk walk;
} pairing_factor;

static inline void pairing_say_outside(const pairing_factor *factor) {
    if (factor->outside) *factor->outside = !pairing_walk_in_subgroup(&factor->walk);
}

/* f = f times the line of step i of one factor. */
static inline void pairing_absorb(fp12 *f, pairing_factor *factor, size_t i) {
    pairing_line line;
    if (factor->lines) {
        fp2_mul_by_fp(&line.l1, &factor->lines->line[i].l1, &factor->x_over_y);
        fp2_mul_by_fp(&line.l3, &factor->lines->line[i].l3, &factor->one_over_y);
        fp12_mul_by_unit_line(f, f, &line.l1, &line.l3);
        return;
    }
    pairing_step(&line, &factor->walk, G2_WALK[i]);
    fp2_mul_by_fp(&line.l1, &line.l1, &factor->x_over_y);
    fp2_mul_by_fp(&line.l3, &line.l3, &factor->one_over_y);
    fp12_mul_by_line(f, f, &line.l0, &line.l1, &line.l3);
}

/* The Miller loop of n factors, which share the squarings. */
static void pairing_miller(fp12 *r, pairing_factor *factors, size_t n) {
    fp12 f = fp12_one();
    for (size_t i = 0; i < G2_WALK_STEPS; i++) {
        if (G2_WALK[i] == 0 && i != 0) fp12_sqr(&f, &f);
        for (size_t j = 0; j < n; j++) pairing_absorb(&f, &factors[j], i);
    }
    for (size_t j = 0; j < n; j++) pairing_say_outside(&factors[j]);
    *r = f;
}

/* r = a^x for a cyclotomic. */
static void pairing_pow_x(fp12 *r, const fp12 *a) {
    fp12 odd[4], square, t; /* odd[i] = a^(2i + 1) */
    fp12_cyclotomic_sqr(&square, a);
    odd[0] = *a;
    for (int i = 1; i < 4; i++) fp12_mul(&odd[i], &odd[i - 1], &square);
    t = *a;
    for (int i = PAIRING_X_DIGITS - 2; i >= 0; i--) {
        const int digit = PAIRING_X[i];
        fp12_cyclotomic_sqr(&t, &t);
        if (digit > 0) fp12_mul(&t, &t, &odd[digit / 2]);
        if (digit < 0) {
            fp12_conjugate(&square, &odd[-digit / 2]);
            fp12_mul(&t, &t, &square);
        }
    }
    *r = t;
}

/** r = a^((p^12 - 1) / r), a not zero.
 *  source (p^12 - 1) / r = (p^6 - 1)(p^2 + 1) (p^4 - p^2 + 1) / r. The last factor is l0 + l1 p + l2 p^2 + p^3
 *         with l2 = 6x^2 + 1, l1 = -36x^3 - 18x^2 - 12x + 1, l0 = -36x^3 - 30x^2 - 18x - 2; Scott et al. 2009,
 *         section 5, computes it from y0 .. y6 as y0 y1^2 y2^6 y3^12 y4^18 y5^30 y6^36 */
static void pairing_final_power(fp12 *r, const fp12 *a) {
    fp12 f, fx, fx2, fx3, y0, y1, y2, y3, y4, y5, y6, s, t;
    fp12_inv_var(&t, a);
    fp12_conjugate(&f, a);
    fp12_mul(&f, &f, &t);
    fp12_frobenius_2(&t, &f);
    fp12_mul(&f, &f, &t);

    pairing_pow_x(&fx, &f);
    pairing_pow_x(&fx2, &fx);
    pairing_pow_x(&fx3, &fx2);

    fp12_frobenius(&y0, &f);
    fp12_frobenius_2(&t, &f);
    fp12_mul(&y0, &y0, &t);
    fp12_frobenius_3(&t, &f);
    fp12_mul(&y0, &y0, &t);
    fp12_conjugate(&y1, &f);
    fp12_frobenius_2(&y2, &fx2);
    fp12_frobenius(&y3, &fx);
    fp12_conjugate(&y3, &y3);
    fp12_frobenius(&y4, &fx2);
    fp12_mul(&y4, &y4, &fx);
    fp12_conjugate(&y4, &y4);
    fp12_conjugate(&y5, &fx2);
    fp12_frobenius(&y6, &fx3);
    fp12_mul(&y6, &y6, &fx3);
    fp12_conjugate(&y6, &y6);

    fp12_cyclotomic_sqr(&s, &y6);
    fp12_mul(&s, &s, &y4);
    fp12_mul(&s, &s, &y5); /* s = y4 y5 y6^2 */
    fp12_mul(&t, &y3, &y5);
    fp12_mul(&t, &t, &s);
    fp12_mul(&s, &s, &y2);
    fp12_cyclotomic_sqr(&t, &t);
    fp12_mul(&t, &t, &s);
    fp12_cyclotomic_sqr(&t, &t); /* t = y2^2 y3^4 y4^6 y5^10 y6^12 */
    fp12_mul(&s, &t, &y1);
    fp12_mul(&t, &t, &y0);
    fp12_cyclotomic_sqr(&s, &s);
    fp12_mul(r, &s, &t);
}

/* Terms, cut into pieces with one Miller loop each. */
typedef struct pairing_cut {
    pairing_factor *factors;
    fp12 *values;
    size_t n, pieces;
} pairing_cut;

static void pairing_cut_job(void *context, size_t index) {
    const pairing_cut *cut = context;
    const size_t from = cut->n * index / cut->pieces, to = cut->n * (index + 1) / cut->pieces;
    pairing_miller(&cut->values[index], cut->factors + from, to - from);
}

static inline int pairing_term_is_one(const pairing_term *term) {
    if (fp_is_zero(&term->p.x) & fp_is_zero(&term->p.y)) return 1;
    if (term->lines) return term->lines->infinity != 0;
    return (fp2_is_zero(&term->q.x) & fp2_is_zero(&term->q.y)) != 0;
}

/* factors = the factors of the terms that are not 1; returns their number. factors and scratch have room for n.
 * gives  outside, if not NULL: the answer for terms that are 1, and 0 for all others */
static size_t pairing_gather_var(pairing_factor *factors, fp *scratch, uint8_t *outside, const pairing_term *terms,
                                 size_t n) {
    size_t count = 0;
    fp product = FP_ONE, inverse;
    if (outside && n) memset(outside, 0, n);
    for (size_t i = 0; i < n; i++) {
        uint8_t *const answer = outside && !terms[i].lines ? outside + i : NULL;
        if (pairing_term_is_one(&terms[i])) {
            if (answer) *answer = !g2_in_subgroup_var(&terms[i].q);
            continue;
        }
        pairing_factor *const factor = &factors[count];
        factor->lines = terms[i].lines;
        factor->outside = answer;
        factor->x_over_y = terms[i].p.x;
        factor->one_over_y = terms[i].p.y; /* not zero: the order of G1 is odd */
        if (!factor->lines) pairing_start(&factor->walk, &terms[i].q);
        scratch[count++] = product;
        fp_mul(&product, &product, &terms[i].p.y);
    }
    fp_inv_var(&product, &product);
    for (size_t i = count; i-- > 0;) {
        fp_mul(&inverse, &product, &scratch[i]);
        fp_mul(&product, &product, &factors[i].one_over_y);
        fp_mul(&factors[i].x_over_y, &factors[i].x_over_y, &inverse);
        factors[i].one_over_y = inverse;
    }
    return count;
}

/* See engine.h. */
static int pairing_product_var(fp12 *r, uint8_t *outside, const pairing_term *terms, size_t n, pool *threads) {
    mem taken = MEM_EMPTY;
    int status = -1;
    const size_t most = pool_threads(threads);
    fp *const scratch = mem_take(&taken, n, sizeof *scratch);
    pairing_cut cut = {mem_take(&taken, n, sizeof(pairing_factor)), mem_take(&taken, most, sizeof(fp12)), 0, 0};
    if (!scratch || !cut.factors || !cut.values) goto done;
    cut.n = pairing_gather_var(cut.factors, scratch, outside, terms, n);
    cut.pieces = cut.n < most ? cut.n : most;
    pool_run(threads, cut.pieces, pairing_cut_job, &cut);
    fp12 product = fp12_one();
    for (size_t i = 0; i < cut.pieces; i++) fp12_mul(&product, &product, &cut.values[i]);
    if (cut.pieces) pairing_final_power(&product, &product);
    fp12_canonical(r, &product);
    status = 0;
done:
    mem_close(&taken);
    return status;
}

#endif
