/* g2_walk.h - the walk: the steps of T from Q to [6x + 2] Q + psi(Q) - psi^2(Q). The pairing collects the lines of the
 * steps; the subgroup test checks the last T. G2_WALK lists the steps.
 */
#ifndef RLN_MATH_G2_WALK_H
#define RLN_MATH_G2_WALK_H

#include "g2_psi.h"
#include "g2_walk_constants.h"

/** r = the point that a step adds to T: q, -q, psi(q) or -psi^2(q); step is not 0.
 *  needs  q canonical
 *  gives  r canonical
 *  alias  r may be q */
static inline void g2_walk_addend(g2_aff *r, const g2_aff *q, int step) {
    if (step == 2) {
        g2_psi(r, q);
        return;
    }
    *r = *q;
    if (step == 1) return;
    if (step == 3) g2_psi2(r, q);
    fp2_neg(&r->y, &r->y);
    fp2_canonical(&r->y, &r->y);
}

#endif
