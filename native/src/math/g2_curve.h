/* g2_curve.h - the twist y^2 = x^3 + 3 / (9 + u) over Fp2, which contains G2 and many other points. See group.inc for
 * the functions. */
#ifndef RLN_MATH_G2_CURVE_H
#define RLN_MATH_G2_CURVE_H

#include "fp2.h"
#include "g1.h"

static inline uint64_t g2_aff_is_member_var(const g2_aff *a); /* g2_subgroup.h */

#define GROUP g2
#define COORD fp2
#define G(name) G2_##name
#include "group.inc"
#undef GROUP
#undef COORD
#undef G

#endif
