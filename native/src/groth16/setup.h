/* setup.h - a fresh key for a set of constraints. Its secret scalars are wiped. */
#ifndef RLN_GROTH16_SETUP_H
#define RLN_GROTH16_SETUP_H

#include "key.h"

#define SETUP_RANDOM_BYTES 320

/** The key for <A,w> <B,w> = <C,w>, wires 1 .. instance - 1 public.
 *  needs   three matrices with the same number of rows, columns < wires, 1 <= instance <= wires, and a domain
 *          (key_log_domain); random: 64 bytes each for tau, alpha, beta, gamma, delta
 *  gives   RLN_ERR_ENTROPY if one of them is zero, gamma = +-delta, or tau is a root of unity of the domain or its
 *          coset; RLN_ERR_MEMORY. random and all data derived from it are wiped on every path
 *  progress  NULL; or it rises from 0 to 1000
 *  time    constant in random, except in the multiplications of the generators, so make a key only on a machine that
 *          nobody else uses */
RLN_MUST_USE rln_status key_setup(proving_key **r, const sparse *a, const sparse *b, const sparse *c, size_t wires,
                                  size_t instance, uint8_t random[SETUP_RANDOM_BYTES], pool *threads,
                                  uint32_t *progress, rln_fault *fault);

#endif
