/* verify.h - one proof: e(A, B) = e(alpha, beta) e(IC, gamma) e(C, delta). */
#ifndef RLN_GROTH16_VERIFY_H
#define RLN_GROTH16_VERIFY_H

#include "key.h"
#include "proof.h"

/** *ok = 1 if the equation holds, else 0.
 *  needs   inputs: key->instance - 1 of them; p decoded, so its points are in the groups
 *  gives   0, or -1: no memory, *ok = 0
 *  time    variable */
RLN_MUST_USE int proof_verify_var(int *ok, const verifying_key *k, const fr *inputs, const proof *p);

/** As proof_verify_var, from the untrusted bytes of a proof: RLN_OK; or, with *ok = 0, a status and fault of
 *  proof_decode, or RLN_ERR_MEMORY. The pairing tests the subgroup. */
RLN_MUST_USE rln_status proof_verify_bytes_var(int *ok, const verifying_key *k, const fr *inputs,
                                               const uint8_t bytes[PROOF_BYTES], rln_fault *fault);

/** r = scalars[0] IC_0 + .. over all instance points; may be infinity. Returns 0; or -1: no memory. */
RLN_MUST_USE int instance_sum_var(g1_aff *r, const verifying_key *k, const fr *scalars, pool *threads);

#endif
