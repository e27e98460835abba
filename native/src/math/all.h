/* all.h - all headers of the mathematics, lowest first. Include a mont_*.h first: it multiplies limbs, and no other
 * file depends on its method. */
#ifndef RLN_MATH_ALL_H
#define RLN_MATH_ALL_H

#include "types.h"

/* the prime fields */
#include "fr.h"
#include "fp.h"

/* the tower over Fp */
#include "fp2.h"
#include "fp6.h"
#include "fp12.h"

/* the groups */
#include "g1.h"
#include "g2.h"

/* whole jobs */
#include "poseidon.h"
#include "ntt.h"
#include "msm.h"
#include "comb.h"
#include "point_jobs.h"
#include "pairing.h"

#endif
