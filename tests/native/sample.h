/* sample.h - reproducible integers for the tests, many of them near the edges of limbs and of r. */
#ifndef RLN_TESTS_SAMPLE_H
#define RLN_TESTS_SAMPLE_H

#include <stdint.h>

#include "math/fr.h"

static uint64_t sample_state = 0x9e3779b97f4a7c15u;

/* Marsaglia 2003, xorshift64 */
static inline uint64_t sample_u64(void) {
    sample_state ^= sample_state << 13;
    sample_state ^= sample_state >> 7;
    sample_state ^= sample_state << 17;
    return sample_state;
}

static inline fr sample_fr(void) {
    u256 t;
    fr r;
    for (int i = 0; i < 4; i++) {
        const uint64_t random = sample_u64();
        t.v[i] = random % 7 == 0 ? 0 : random % 7 == 1 ? UINT64_MAX : random % 7 == 2 ? 1 : sample_u64();
    }
    fr_from_u256(&r, &t);
    fr_canonical(&r, &r);
    return r;
}

/* An integer below r. */
static inline u256 sample_scalar(void) {
    const fr t = sample_fr();
    u256 r;
    fr_to_u256(&r, &t);
    return r;
}

/* i and r - 1 - i in turn for small i, then random values. */
static inline u256 sample_edge(unsigned i) {
    fr t;
    u256 r;
    if (i >= 16) return sample_scalar();
    fr_from_u64(&t, i / 2);
    if (i % 2) {
        fr_add(&t, &t, &FR_ONE);
        fr_neg(&t, &t);
    }
    fr_to_u256(&r, &t);
    return r;
}

#endif
