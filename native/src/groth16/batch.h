/* batch.h - many proofs at once, and an own answer for each.
 *
 * With coefficients c_i that the makers of the proofs could not foresee, all equations hold but with
 * probability 2^-128 when
 *
 *     product of e(c_i A_i, B_i) = e(sum c_i alpha, beta) e(sum c_i IC_i, gamma) e(sum c_i C_i, delta)
 *
 * A batch that fails is halved until each bad item stands alone; an item alone is exactly its own equation,
 * because c_i is not 0 modulo the order of the groups.
 */
#ifndef RLN_GROTH16_BATCH_H
#define RLN_GROTH16_BATCH_H

#include "verify.h"

/** results[i]: RLN_OK, RLN_REFUSED, or why item i has no points or inputs.
 *  needs   inputs: n * (instance - 1) scalars of 32 bytes; proofs: n of PROOF_BYTES; coefficients: n
 *  gives   RLN_OK; RLN_ERR_ENTROPY before anything else is looked at; RLN_ERR_MEMORY. The results are only
 *          good with RLN_OK */
RLN_MUST_USE rln_status proof_verify_many_var(int32_t *results, const verifying_key *k, const uint8_t *inputs,
                                              const uint8_t *proofs, const uint8_t *coefficients, size_t n,
                                              pool *threads);

#endif
