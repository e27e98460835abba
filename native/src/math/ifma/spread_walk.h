/* spread_walk.h - one walk of pairing.h, the products of a step in lanes: X, Y, Z in lanes 0, 1, 2 of an fp2_8.
 *
 * Each step leaves its line in the same value, scaled for the point P: l1 x/y in lane 4, l3 / y in 5, l0 in 6.
 * Formulas are those of pairing_double and pairing_add. 3 b = 9 / (9 + u) = 9 (9 - u) / 82, so everything is multiplied
 * by 82, which turns two products by constants into small multiples. This is allowed, because lines may have factors in
 * Fp and T is projective.
 */
#ifndef RLN_MATH_IFMA_SPREAD_WALK_H
#define RLN_MATH_IFMA_SPREAD_WALK_H

#include "../pairing.h"
#include "spread.h"

typedef struct spread_walk {
    fp2_8 t;         /* X, Y, Z, -, and the line */
    fp2_8 scale;     /* lanes 4, 5, 6: x/y, 1/y, 1; real */
    fp2_8 addend[4]; /* Q, psi(Q), -psi^2(Q), -Q: y, x, x, y in lanes 0 .. 3, -x/y of P in lane 4 */
    pairing_factor *factor;
} spread_walk;

/* r = a b / 2^260 in lanes of signed limbs, not normal.
 * needs  bounds 2.1: the product of imaginary parts is below 0.06 p 2^260 */
static inline void spread_product(lanes r0[5], lanes r1[5], const fp2_8 *a, const fp2_8 *b) {
    spread_wide wide;
    fp8 x, y;
    fp8_add(&x, &a->c0, &a->c1);
    fp8_add(&y, &b->c0, &b->c1);
    for (int k = 0; k < 3; k++) wide.t[k] = fp8_wide_zero();
    fp8_wide_mac(&wide.t[0], &a->c0, &b->c0);
    fp8_wide_mac(&wide.t[1], &a->c1, &b->c1);
    fp8_wide_mac(&wide.t[2], &x, &y);
    spread_fold(r0, r1, &wide);
}

static inline fp2_8 spread_shuffle(lanes index, const fp2_8 *a) {
    fp2_8 r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        r.c0.v[i] = _mm512_permutexvar_epi64(index, a->c0.v[i]);
        r.c1.v[i] = _mm512_permutexvar_epi64(index, a->c1.v[i]);
    }
    return r;
}

/* r = a times small numbers k, lane by lane, + z times m + z times n u: the limbs of a and z, except the highest, are
 * normal.
 * source (9 - u) (z0 + z1 u) = 9 z0 + z1 + (9 z1 - z0) u: m = 9 n */
static inline void spread_combine(fp2_8 *r, const fp2_8 *a, lanes k, const fp2_8 *z, lanes n) {
    const lanes m = lanes_add(_mm512_slli_epi64(n, 3), n);
    lanes t[5], u[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes z0 = z->c0.v[i], z1 = z->c1.v[i];
        t[i] = lanes_add(_mm512_mullo_epi64(a->c0.v[i], k),
                         lanes_add(_mm512_mullo_epi64(z0, m), _mm512_mullo_epi64(z1, n)));
        u[i] = lanes_add(_mm512_mullo_epi64(a->c1.v[i], k),
                         lanes_sub(_mm512_mullo_epi64(z1, m), _mm512_mullo_epi64(z0, n)));
    }
    fp8_settle_signed(&r->c0, t, 10);
    fp8_settle_signed(&r->c1, u, 10);
}

/* T = 2T and the tangent.
 * source the squares and products of the first round are below 2.1 p; with 82 and 270 for E, the sums are between
 *        -570 p and 750 p. The second round computes 2 82 XY (B - 3E), (B + 3E)^2, 2 82 B YZ, E^2, and the line */
static SPREAD_KERNEL void spread_walk_double(spread_walk *w) {
    const lanes first = _mm512_setr_epi64(0, 1, 2, 1, 0, 7, 7, 7), second = _mm512_setr_epi64(1, 1, 2, 2, 0, 7, 7, 7);
    const lanes left = _mm512_setr_epi64(0, 1, 1, 7, 4, 1, 3, 7), right = _mm512_setr_epi64(1, 1, 3, 7, 7, 7, 7, 7);
    const lanes squares = lanes_all(2);
    fp2_8 a = spread_shuffle(first, &w->t), b = spread_shuffle(second, &w->t), v, z;
    lanes t[5], u[5];
    spread_product(t, u, &a, &b); /* XY, Y^2, Z^2, YZ, X^2 */
    lanes_carry(v.c0.v, t);
    lanes_carry(v.c1.v, u);
    z = spread_shuffle(squares, &v);
    a = spread_shuffle(left, &v);
    b = spread_shuffle(right, &v);
    spread_combine(&a, &a, _mm512_setr_epi64(164, 82, 82, 0, 246, -82, -164, 0), &z,
                   _mm512_setr_epi64(0, 27, 0, 9, 0, 9, 0, 0));
    spread_combine(&b, &b, _mm512_setr_epi64(82, 82, 164, 0, 0, 0, 0, 0), &z,
                   _mm512_setr_epi64(-27, 27, 0, 9, 0, 0, 0, 0));
    fp2_8_select(&b, 0xf0, &w->scale, &b);
    spread_product(t, u, &a, &b);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes e0 = _mm512_mullo_epi64(_mm512_permutexvar_epi64(lanes_all(3), t[i]), lanes_all(12));
        const lanes e1 = _mm512_mullo_epi64(_mm512_permutexvar_epi64(lanes_all(3), u[i]), lanes_all(12));
        t[i] = _mm512_mask_sub_epi64(t[i], 0x02, t[i], e0);
        u[i] = _mm512_mask_sub_epi64(u[i], 0x02, u[i], e1);
        t[i] = _mm512_mask_slli_epi64(t[i], 0x04, t[i], 2);
        u[i] = _mm512_mask_slli_epi64(u[i], 0x04, u[i], 2);
    }
    fp8_settle_signed(&w->t.c0, t, 6);
    fp8_settle_signed(&w->t.c1, u, 6);
}

/* r = a b, settled. */
static inline void spread_round(fp2_8 *r, const fp2_8 *a, const fp2_8 *b) {
    lanes t[5], u[5];
    spread_product(t, u, a, b);
    fp8_settle_signed(&r->c0, t, 1);
    fp8_settle_signed(&r->c1, u, 1);
}

/* r = a - b, both with bounds below 8. */
static inline void spread_less(fp2_8 *r, const fp2_8 *a, const fp2_8 *b) {
    lanes t[5], u[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        t[i] = lanes_sub(a->c0.v[i], b->c0.v[i]);
        u[i] = lanes_sub(a->c1.v[i], b->c1.v[i]);
    }
    fp8_settle_signed(&r->c0, t, 4);
    fp8_settle_signed(&r->c1, u, 4);
}

/* T = T + addend and the line through both. The letters are those of pairing_add. */
static SPREAD_KERNEL void spread_walk_add(spread_walk *w, const fp2_8 *addend) {
    fp2_8 a, b, d, s, v;
    lanes t[5], u[5];
    /* d = A, L, A, L, A, ..: A = Y - y Z, L = X - x Z */
    a = spread_shuffle(lanes_all(2), &w->t);
    b = spread_shuffle(_mm512_setr_epi64(0, 1, 0, 1, 0, 1, 1, 1), addend);
    spread_round(&v, &a, &b);
    a = spread_shuffle(_mm512_setr_epi64(1, 0, 1, 0, 1, 0, 0, 0), &w->t);
    spread_less(&d, &a, &v);
    /* s = A^2, L^2, A x, L y, -A x/y */
    fp2_8_select(&b, 0x03, &d, addend);
    spread_round(&s, &d, &b);
    /* v = L^3 = E, L^2 X = G, A^2 Z, (A x - L y) / y */
    a = spread_shuffle(_mm512_setr_epi64(1, 1, 0, 2, 7, 7, 7, 7), &s);
    b = spread_shuffle(_mm512_setr_epi64(7, 7, 7, 3, 7, 7, 7, 7), &s);
    for (int i = 0; i < 5; i++) {
        t[i] = _mm512_mask_sub_epi64(a.c0.v[i], 0x08, a.c0.v[i], b.c0.v[i]);
        u[i] = _mm512_mask_sub_epi64(a.c1.v[i], 0x08, a.c1.v[i], b.c1.v[i]);
    }
    fp8_settle_signed(&a.c0, t, 2);
    fp8_settle_signed(&a.c1, u, 2);
    b = spread_shuffle(_mm512_setr_epi64(7, 0, 2, 7, 7, 7, 7, 7), &w->t);
    v = spread_shuffle(_mm512_setr_epi64(1, 7, 7, 7, 7, 7, 7, 7), &d);
    fp2_8_select(&b, 0x01, &v, &b);
    v = spread_shuffle(_mm512_setr_epi64(7, 7, 7, 5, 7, 7, 7, 7), &w->scale);
    fp2_8_select(&b, 0x08, &v, &b);
    spread_round(&v, &a, &b);
    /* H = E + A^2 Z - 2 G: L H, A (G - H), Z E, Y E */
    const fp2_8 e = spread_shuffle(lanes_all(0), &v), g = spread_shuffle(lanes_all(1), &v),
                az = spread_shuffle(lanes_all(2), &v);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const lanes h0 = lanes_sub(lanes_add(e.c0.v[i], az.c0.v[i]), lanes_add(g.c0.v[i], g.c0.v[i]));
        const lanes h1 = lanes_sub(lanes_add(e.c1.v[i], az.c1.v[i]), lanes_add(g.c1.v[i], g.c1.v[i]));
        t[i] = lanes_select(0x01, h0, _mm512_mask_sub_epi64(e.c0.v[i], 0x02, g.c0.v[i], h0));
        u[i] = lanes_select(0x01, h1, _mm512_mask_sub_epi64(e.c1.v[i], 0x02, g.c1.v[i], h1));
    }
    fp8_settle_signed(&a.c0, t, 3);
    fp8_settle_signed(&a.c1, u, 3);
    b = spread_shuffle(_mm512_setr_epi64(1, 0, 7, 7, 7, 7, 7, 7), &d);
    const fp2_8 yz = spread_shuffle(_mm512_setr_epi64(7, 7, 2, 1, 7, 7, 7, 7), &w->t);
    fp2_8_select(&b, 0x0c, &yz, &b);
    spread_product(t, u, &a, &b);
    const fp2_8 l3 = spread_shuffle(lanes_all(3), &v);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        t[i] = _mm512_mask_sub_epi64(t[i], 0x02, t[i], _mm512_permutexvar_epi64(lanes_all(3), t[i]));
        u[i] = _mm512_mask_sub_epi64(u[i], 0x02, u[i], _mm512_permutexvar_epi64(lanes_all(3), u[i]));
        t[i] = lanes_select(0x10, s.c0.v[i], lanes_select(0x20, l3.c0.v[i], t[i]));
        u[i] = lanes_select(0x10, s.c1.v[i], lanes_select(0x20, l3.c1.v[i], u[i]));
        t[i] = lanes_select(0x40, _mm512_permutexvar_epi64(lanes_all(1), d.c0.v[i]), t[i]);
        u[i] = lanes_select(0x40, _mm512_permutexvar_epi64(lanes_all(1), d.c1.v[i]), u[i]);
    }
    fp8_settle_signed(&w->t.c0, t, 3);
    fp8_settle_signed(&w->t.c1, u, 3);
}

/* r = the lanes' form of eight stored numbers. */
static SPREAD_KERNEL void spread_load_numbers(fp2_8 *r, const fp2 a[LANES]) {
    lanes rows[8], t[5];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) rows[i] = _mm512_loadu_si512(&a[i]);
    lanes_transpose(rows);
    lanes_split_times_16(t, rows);
    fp8_settle_signed(&r->c0, t, 1);
    lanes_split_times_16(t, rows + 4);
    fp8_settle_signed(&r->c1, t, 1);
}

static void spread_walk_start(spread_walk *w, pairing_factor *factor) {
    static const int steps[4] = {1, 2, 3, -1};
    const fp2 zero = fp2_zero(), one = fp2_one();
    const fp2 x_over_y = {factor->x_over_y, fp_zero()}, one_over_y = {factor->one_over_y, fp_zero()};
    const g2_aff *const q = &factor->walk.q;
    fp2 minus;
    const fp2 t[LANES] = {q->x, q->y, one, zero, zero, zero, zero, zero};
    const fp2 scale[LANES] = {zero, zero, zero, zero, x_over_y, one_over_y, one, zero};
    w->factor = factor;
    spread_load_numbers(&w->t, t);
    spread_load_numbers(&w->scale, scale);
    fp2_neg(&minus, &x_over_y);
    for (int i = 0; i < 4; i++) {
        g2_aff point;
        g2_walk_addend(&point, q, steps[i]);
        const fp2 numbers[LANES] = {point.y, point.x, point.x, point.y, minus, zero, zero, zero};
        spread_load_numbers(&w->addend[i], numbers);
    }
}

static void spread_walk_step(spread_walk *w, int step) {
    if (step == 0) spread_walk_double(w);
    else spread_walk_add(w, &w->addend[step < 0 ? 3 : step - 1]);
}

/* The line of the last step as left operands, in lanes 4 .. 6. */
static SPREAD_KERNEL void spread_walk_line(spread_words *words, const spread_walk *w) {
    fp8 sum;
    fp8_add(&sum, &w->t.c0, &w->t.c1);
    spread_words_of(words, &w->t.c0, &w->t.c1, &sum);
}

/* The end of the walk, for pairing_say_outside. */
static SPREAD_KERNEL void spread_walk_end(const spread_walk *w) {
    fp2 t[LANES];
    lanes rows[8];
    fp2_8 u;
    fp8_sixteenth(&u.c0, &w->t.c0);
    fp8_sixteenth(&u.c1, &w->t.c1);
    fp2_8_canonical(&u, &u);
    lanes_join(rows, u.c0.v);
    lanes_join(rows + 4, u.c1.v);
    lanes_transpose(rows);
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) _mm512_storeu_si512(&t[i], rows[i]);
    w->factor->walk.x = t[0];
    w->factor->walk.y = t[1];
    w->factor->walk.z = t[2];
}

#endif
