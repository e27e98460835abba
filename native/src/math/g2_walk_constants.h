/* g2_walk: its steps.
 *
 * Written by native/gen from the BN254 parameter x; do not edit.
 * Regenerate: python native/gen. Compare: python native/gen --check. */
#ifndef RLN_MATH_G2_WALK_CONSTANTS_H
#define RLN_MATH_G2_WALK_CONSTANTS_H

#include <stdint.h>

#include "types.h"

/* From T = Q to [6x + 2] Q + psi(Q) - psi^2(Q): 0 doubles T, 1 and -1 add Q and -Q, 2 adds psi(Q),
 * 3 adds -psi^2(Q). */
#define G2_WALK_STEPS 88
static const int8_t G2_WALK[G2_WALK_STEPS] = {
     0,  0, -1,  0,  0,  1,  0,  0,  0,  0, -1,  0,  0, -1,  0,  0,
     0,  0, -1,  0,  0,  1,  0,  0, -1,  0,  0,  0, -1,  0,  0,  0,
     0,  0,  0,  1,  0,  0,  0, -1,  0,  0,  1,  0,  0,  0, -1,  0,
     0,  0,  0,  0, -1,  0,  0,  1,  0,  0,  0,  0, -1,  0,  0, -1,
     0,  0,  0,  1,  0,  0,  0,  0, -1,  0,  0,  0, -1,  0,  0,  1,
     0,  0,  1,  0,  0,  0,  2,  3,
};

#endif
