/* entropy.h - the operating system's random bytes. Only the api floor calls it. */
#ifndef RLN_BASE_ENTROPY_H
#define RLN_BASE_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

#include "check.h"

/** 0 and n fresh bytes, or -1 and n zeros. getrandom on Linux, getentropy elsewhere. Nothing is buffered, so a forked
 *  child cannot repeat its parent's bytes. */
RLN_MUST_USE int entropy_fill(uint8_t *r, size_t n);

#endif
