/* entropy.h - the one door to the operating system's randomness; called by the api floor alone. */
#ifndef RLN_BASE_ENTROPY_H
#define RLN_BASE_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

#include "check.h"

/** 0 and n fresh bytes, or -1 and n zeros. getrandom on Linux, getentropy elsewhere; no own pool, so a
 *  fork cannot repeat what its parent drew. */
RLN_MUST_USE int entropy_fill(uint8_t *r, size_t n);

#endif
