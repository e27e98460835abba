/* batch.h - many proofs at once, and an own answer for each.
 *
 * With scalars c_i that the makers of the proofs could not foresee, all equations hold but with
 * probability 2^-128 when
 *
 *     product of e(c_i A_i, B_i) = e(sum c_i alpha, beta) e(sum c_i IC_i, gamma) e(sum c_i C_i, delta)
 *
 * The scalar of 16 random bytes is low + high lambda, two halves of 64 bits with the number by which phi multiplies: as
 * many different scalars as random bytes, and half the doublings (coefficient.h).
 *
 * That each B_i is in the subgroup is tested by its own walk through the pairing, exactly, and not for a sum: the twist
 * has points of small order. A batch that fails is halved until few items are left, and those are verified alone; an
 * item's answer is the one that it would get alone.
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
