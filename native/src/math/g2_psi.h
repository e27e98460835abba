/* g2_psi.h - psi: the p-power map of the curve, carried over to the twist. On G2 it multiplies by p mod r = 6x^2.
 *
 * Results are canonical; psi keeps infinity; r may be a.
 * Source: Galbraith, Scott 2008, section 4; native/gen/tower.py.
 */
#ifndef RLN_MATH_G2_PSI_H
#define RLN_MATH_G2_PSI_H

#include "fp2.h"
#include "fp12_constants.h"

/** r = psi(a): psi(x, y) = (conj(x) xi^((p-1)/3), conj(y) xi^((p-1)/2)). */
static inline void g2_psi(g2_aff *r, const g2_aff *a) {
    fp2_conjugate(&r->x, &a->x);
    fp2_conjugate(&r->y, &a->y);
    fp2_mul(&r->x, &r->x, &FP12_FROBENIUS_1[2]);
    fp2_mul(&r->y, &r->y, &FP12_FROBENIUS_1[3]);
    fp2_canonical(&r->x, &r->x);
    fp2_canonical(&r->y, &r->y);
}

/** r = psi(psi(a)).
 *  source psi^2(x, y) = (x xi^((p^2-1)/3), y xi^((p^2-1)/2)), and the second factor is -1, because xi is not a square
 *         in Fp2 */
static inline void g2_psi2(g2_aff *r, const g2_aff *a) {
    fp2_mul_by_fp(&r->x, &a->x, &FP12_FROBENIUS_2[2]);
    fp2_neg(&r->y, &a->y);
    fp2_canonical(&r->x, &r->x);
    fp2_canonical(&r->y, &r->y);
}

#endif
