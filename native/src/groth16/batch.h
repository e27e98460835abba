/* batch.h - many proofs at once, with a result for each.
 *
 * For scalars c_i that no prover can foresee, all proofs are valid, except with probability 2^-128, if
 *
 *     product of e(c_i A_i, B_i) = e(sum c_i alpha, beta) e(sum c_i IC_i, gamma) e(sum c_i C_i, delta)
 *
 * 16 random bytes give the scalar low + high lambda: low and high are the first and the last 8 bytes, and the
 * endomorphism phi multiplies by lambda. Different bytes give different scalars, with half the doublings
 * (coefficient.h).
 *
 * Each B_i is tested for the subgroup by its own walk in the pairing, and exactly. Testing one random sum of all B_i
 * would not be enough, because the twist has points of small order. A batch that fails is halved until few items are
 * left, which are verified alone. The result of an item is the one that it would get alone.
 */
#ifndef RLN_GROTH16_BATCH_H
#define RLN_GROTH16_BATCH_H

#include "verify.h"

/** results[i]: RLN_OK, RLN_REFUSED, or the status with which the points or inputs of item i fail to decode.
 *  needs   inputs: n * (instance - 1) scalars of 32 bytes; proofs: n of PROOF_BYTES; coefficients: n
 *  gives   RLN_OK; RLN_ERR_ENTROPY, checked first; RLN_ERR_MEMORY. The results are valid only with RLN_OK */
RLN_MUST_USE rln_status proof_verify_many_var(int32_t *results, const verifying_key *k, const uint8_t *inputs,
                                              const uint8_t *proofs, const uint8_t *coefficients, size_t n,
                                              pool *threads);

#endif
