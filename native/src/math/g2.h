/* g2.h - G2: the subgroup of order r of y^2 = x^3 + 3 / (9 + u) over Fp2. Most points of the curve are outside
 * the subgroup: a member was tested. See group.inc for the functions. */
#ifndef RLN_MATH_G2_H
#define RLN_MATH_G2_H

#include "fp2.h"
#include "g1.h"

static inline uint64_t g2_aff_on_curve(const g2_aff *a);
static inline uint64_t g2_aff_is_member_var(const g2_aff *a);
static inline int g2_in_subgroup_var(const g2_aff *q); /* g2_subgroup.h */

#define GROUP g2
#define COORD fp2
#define G(name) G2_##name
#include "group.inc"
#undef GROUP
#undef COORD
#undef G

#include "g2_subgroup.h"

/** Nonzero when a, of any coordinates, is an element of G2; infinity is. */
static inline uint64_t g2_aff_is_member_var(const g2_aff *a) {
    return g2_aff_on_curve(a) && g2_in_subgroup_var(a);
}

#endif
