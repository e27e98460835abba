/* coefficient.h - the random 128-bit numbers of a random combination: little-endian, 16 bytes each. */
#ifndef RLN_GROTH16_COEFFICIENT_H
#define RLN_GROTH16_COEFFICIENT_H

#include <stddef.h>
#include <stdint.h>

#include "rln.h"
#include "../base/bytes.h"
#include "../base/check.h"
#include "../math/types.h"

#define COEFFICIENT_BYTES 16

static inline u256 coefficient_at(const uint8_t *a, size_t i) {
    const uint8_t *const c = a + i * COEFFICIENT_BYTES;
    return (u256){{bytes_u64_decode(c), bytes_u64_decode(c + 8), 0, 0}};
}

/** RLN_OK when all n are non-zero and no two are equal, which fresh entropy fails with probability below
 *  n^2 / 2^128; else RLN_ERR_ENTROPY. RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status coefficients_examine(const uint8_t *a, size_t n, rln_fault *fault);

#endif
