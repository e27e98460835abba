/* coefficient.h - the random 128-bit numbers of a random combination: little-endian, 16 bytes each. */
#ifndef RLN_GROTH16_COEFFICIENT_H
#define RLN_GROTH16_COEFFICIENT_H

#include <stddef.h>
#include <stdint.h>

#include "rln.h"
#include "../base/bytes.h"
#include "../base/check.h"
#include "../math/portable.h"

#define COEFFICIENT_BYTES 16

static inline u256 coefficient_at(const uint8_t *a, size_t i) {
    const uint8_t *const c = a + i * COEFFICIENT_BYTES;
    return (u256){{bytes_u64_decode(c), bytes_u64_decode(c + 8), 0, 0}};
}

/** r = low + high lambda for coefficient i, where phi(P) = lambda P in G1: a multiple costs 64 doublings instead of
 *  128.
 *  source different bytes give different scalars: if |u|, |v| < 2^64 and u + v lambda = 0 mod r, then r divides the
 *         norm u^2 - u v + v^2 < 3 * 2^128, because lambda^2 + lambda + 1 = 0; the norm is 0 only for u = v = 0 */
static inline void coefficient_scalar(fr *r, const uint8_t *a, size_t i) {
    const u256 halves = coefficient_at(a, i);
    fr high;
    fr_from_u64(r, halves.v[0]);
    fr_from_u64(&high, halves.v[1]);
    fr_mul(&high, &high, &G1_LAMBDA);
    fr_add(r, r, &high);
}

/** RLN_OK if all n are non-zero and different; RLN_ERR_ENTROPY if not, which happens to fresh entropy with probability
 *  below n^2 / 2^128; RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status coefficients_examine(const uint8_t *a, size_t n, rln_fault *fault);

#endif
