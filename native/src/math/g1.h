/* g1.h - G1: y^2 = x^3 + 3 over Fp. The curve has prime order r, so every point on it is in the group. See group.inc
 * for the functions. */
#ifndef RLN_MATH_G1_H
#define RLN_MATH_G1_H

#include <string.h>

#include "rln.h"
#include "fp_root.h"
#include "group_constants.h"
#include "group_names.h"
#include "inverse.h"

#define POINT_LARGER 0x80u
#define POINT_INFINITY 0x40u

static inline uint64_t g1_aff_on_curve(const g1_aff *a);

/** Nonzero if a, with any coordinates, is an element of G1, such as infinity. */
static inline uint64_t g1_aff_is_member_var(const g1_aff *a) {
    return g1_aff_on_curve(a);
}

#define GROUP g1
#define COORD fp
#define G(name) G1_##name
#include "group.inc"
#undef GROUP
#undef COORD
#undef G

#endif
