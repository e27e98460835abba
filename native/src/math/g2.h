/* g2.h - G2: the subgroup of order r of y^2 = x^3 + 3 / (9 + u) over Fp2. Most points of the curve are outside
 * the subgroup, so membership needs a test. */
#ifndef RLN_MATH_G2_H
#define RLN_MATH_G2_H

#include "g2_curve.h"
#include "g2_subgroup.h"

#endif
