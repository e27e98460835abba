/* g2_subgroup.h - the test whether a point of the twist is in G2, the subgroup of order r. */
#ifndef RLN_MATH_G2_SUBGROUP_H
#define RLN_MATH_G2_SUBGROUP_H

#include "../base/pool.h"
#include "g2_curve.h"
#include "g2_walk.h"

/** 1 if q is in G2 (infinity is), else 0.
 *  needs  q on the twist
 *  source q is in G2 if and only if [6x + 2] q + psi(q) - psi^2(q) + psi^3(q) = 0. Take the resultant of this
 *         polynomial with psi's own, z^2 - (6x^2 + 1) z + p: its greatest common divisor with the order r (2p - r) of
 *         the twist is r, so no point outside G2 passes. native/gen/tower.py computes it */
static inline int g2_in_subgroup_var(const g2_aff *q) {
    g2_aff point;
    g2_jac t;
    g2_from_aff(&t, q);
    for (size_t i = 0; i < G2_WALK_STEPS; i++) {
        if (G2_WALK[i] == 0) {
            g2_dbl(&t, &t);
            continue;
        }
        g2_walk_addend(&point, q, G2_WALK[i]);
        g2_add_mixed_var(&t, &t, &point);
    }
    g2_psi2(&point, q);
    g2_psi(&point, &point);
    g2_add_mixed_var(&t, &t, &point);
    return g2_is_infinity(&t) != 0;
}

/** Nonzero if a, with any coordinates, is an element of G2, such as infinity. */
static inline uint64_t g2_aff_is_member_var(const g2_aff *a) {
    return g2_aff_on_curve(a) && g2_in_subgroup_var(a);
}

typedef struct g2_check {
    uint8_t *bad;
    const g2_aff *points;
    size_t n, pieces;
} g2_check;

static inline void g2_check_piece(void *context, size_t index) {
    const g2_check *check = context;
    const size_t from = check->n * index / check->pieces, to = check->n * (index + 1) / check->pieces;
    for (size_t i = from; i < to; i++) {
        const g2_aff *q = &check->points[i];
        check->bad[i] = !(g2_aff_on_curve(q) && g2_in_subgroup_var(q));
    }
}

/** See engine.h. */
static inline void g2_check_many_var(uint8_t *bad, const g2_aff *p, size_t n, pool *threads) {
    const size_t most = 4 * pool_threads(threads); /* more pieces than threads: a bad point may take less time */
    g2_check check = {bad, p, n, n < most ? n : most};
    pool_run(threads, check.pieces, g2_check_piece, &check);
}

#endif
