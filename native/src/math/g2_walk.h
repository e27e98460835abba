/* g2_walk.h - the way from T = Q to [6x + 2] Q + psi(Q) - psi^2(Q): the pairing takes it and collects lines,
 * the subgroup test takes it and looks where it ends. G2_WALK lists its steps.
 */
#ifndef RLN_MATH_G2_WALK_H
#define RLN_MATH_G2_WALK_H

#include "g2_psi.h"
#include "g2_walk_constants.h"

/** r = what a step adds to T: Q, -Q, psi(Q) or -psi^2(Q); step is not 0. r may be q. */
static inline void g2_walk_addend(g2_aff *r, const g2_aff *q, int step) {
    *r = *q;
    if (step == -1) fp2_neg(&r->y, &q->y);
    if (step == 2) g2_psi(r, q);
    if (step == 3) g2_minus_psi_2(r, q);
}

#endif
