/* g2_subgroup.h - is a point of the twist in G2, the subgroup of order r? */
#ifndef RLN_MATH_G2_SUBGROUP_H
#define RLN_MATH_G2_SUBGROUP_H

#include "g2.h"
#include "g2_walk.h"

/** 1 when q is in G2 (infinity is), else 0.
 *  needs  q on the twist
 *  source q is in G2 exactly when [6x + 2] q + psi(q) - psi^2(q) + psi^3(q) = 0. The resultant of that
 *         polynomial with psi's own, z^2 - (6x^2 + 1) z + p, has with the order r (2p - r) of the twist the
 *         greatest common divisor r, so no point outside G2 passes; native/gen/tower.py computes it */
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
    g2_minus_psi_2(&point, q);
    fp2_neg(&point.y, &point.y);
    g2_psi(&point, &point);
    g2_add_mixed_var(&t, &t, &point);
    return g2_is_infinity(&t) != 0;
}

#endif
