/* ct.h - constant-time choice and comparison; wiping.
 *
 * A mask is all ones for true and zero for false. No function here branches on, or indexes by, its data.
 */
#ifndef RLN_BASE_CT_H
#define RLN_BASE_CT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef RLN_CTIME
#include <valgrind/memcheck.h>
#endif

/* Hides from the compiler that a mask has only two values: it could turn a choice into a branch. */
static inline uint64_t ct_hide(uint64_t a) {
    __asm__("" : "+r"(a));
    return a;
}

/** All ones when a = 0, else zero. */
static inline uint64_t ct_is_zero(uint64_t a) {
    return ct_hide(((a | (0 - a)) >> 63) - 1);
}

/** a, for a bit of a secret that is revealed by design, such as whether it is canonical: the test of constant time
 *  (tests/native/ctime.c, the only build with RLN_CTIME) stops tracking it here. */
static inline uint64_t ct_reveal(uint64_t a) {
#ifdef RLN_CTIME
    VALGRIND_MAKE_MEM_DEFINED(&a, sizeof a);
#endif
    return a;
}

/** mask ? a : b. */
static inline uint64_t ct_select(uint64_t mask, uint64_t a, uint64_t b) {
    return b ^ (ct_hide(mask) & (a ^ b));
}

/** 1 when the n bytes are equal, else 0. */
static inline int ct_equal(const void *a, const void *b, size_t n) {
    const uint8_t *x = a, *y = b;
    uint64_t difference = 0;
    for (size_t i = 0; i < n; i++) difference |= (uint64_t)(x[i] ^ y[i]);
    return (int)(ct_is_zero(difference) & 1);
}

/** Zero n bytes in a way that the optimiser cannot remove. */
static inline void ct_wipe(void *a, size_t n) {
    if (n == 0) return;
    memset(a, 0, n);
    __asm__ volatile("" : : "r"(a) : "memory");
}

#endif
