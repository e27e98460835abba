/* all.h - the whole mathematics, from the ground up. Include a mont_*.h first: it multiplies limbs, and no other file
 * depends on its method. */
#ifndef RLN_MATH_ALL_H
#define RLN_MATH_ALL_H

#include "types.h"

/* floor 1: the prime fields */
#include "fr.h"
#include "fp.h"

/* floor 2: the tower over Fp */
#include "fp2.h"
#include "fp6.h"
#include "fp12.h"

/* floor 3: the groups */
#include "g1.h"
#include "g2.h"

/* floor 4: whole jobs */
#include "poseidon.h"
#include "ntt.h"
#include "msm.h"
#include "comb.h"
#include "point_jobs.h"
#include "pairing.h"

#endif
