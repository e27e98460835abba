/* proof.h - the three points of a Groth16 proof and their bytes: zerokit-spec 7.2. */
#ifndef RLN_GROTH16_PROOF_H
#define RLN_GROTH16_PROOF_H

#include <stdint.h>

#include "rln.h"
#include "../base/check.h"
#include "../math/types.h"

#define PROOF_BYTES 128  /* compressed */
#define POINTS_BYTES 256 /* not compressed */

typedef struct proof {
    g1_aff a;
    g2_aff b;
    g1_aff c;
} proof;

/** Untrusted bytes -> proof: canonical, on the curve, B in the subgroup, no infinity (threats D1, D2);
 *  RLN_ERR_RANGE or RLN_ERR_POINT name "proof_a", "proof_b" or "proof_c". *r is all zero on failure. */
RLN_MUST_USE rln_status proof_decode(proof *r, const uint8_t a[PROOF_BYTES], rln_fault *fault);
/** As proof_decode, but B, on its curve, may be outside the subgroup: the pairing tests that (verify.c). If another
 *  point is refused, B is tested here, so that the fault is the one that proof_decode would name. */
RLN_MUST_USE rln_status proof_decode_on_curves(proof *r, const uint8_t a[PROOF_BYTES], rln_fault *fault);
void proof_encode(uint8_t r[PROOF_BYTES], const proof *a);
/** Refuse a proof whose B is outside the subgroup: RLN_ERR_POINT and the fault; *r becomes zero. */
rln_status proof_refuse_b(proof *r, rln_fault *fault);
/** As proof_decode, for uncompressed points. */
RLN_MUST_USE rln_status proof_points_decode(proof *r, const uint8_t a[POINTS_BYTES], rln_fault *fault);
void proof_points_encode(uint8_t r[POINTS_BYTES], const proof *a);

#endif
