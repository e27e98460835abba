/* mont_carry.h - the parts of every mont_*.h: carries, and addition modulo a 254-bit prime p in 4 limbs of 64 bits.
 *
 * Vocabulary
 *   canonical  value in [0, p)         decode gives it; encode, equality and hashing need it
 *   loose      value in [0, 2p)        add, sub and mul accept it and may return it
 *   wide       8 limbs, < p * 2^256    mont_reduce accepts it
 *
 * A field passes constants: its modulus p, p2 = 2p and n0 = -1/p mod 2^64. All functions are inline, so the compiler
 * knows these values. Lazy reduction works because 4p < 2^256: see each function. Everything here is constant time.
 */
#ifndef RLN_MATH_MONT_CARRY_H
#define RLN_MATH_MONT_CARRY_H

#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h> /* only for the carry flag, which every x86-64 processor has */
#endif

#include "../base/ct.h"

#if !defined(__SIZEOF_INT128__)
#error "rln needs a 64-bit target and a compiler with __int128, such as gcc or clang"
#endif

typedef unsigned __int128 mont_u128;

/* r = low word of a * b + c + carry, carry = high word: (2^64-1)^2 + 2 (2^64-1) = 2^128 - 1 fits. */
static inline uint64_t mont_mac(uint64_t a, uint64_t b, uint64_t c, uint64_t *carry) {
    const mont_u128 t = (mont_u128)a * b + c + *carry;
    *carry = (uint64_t)(t >> 64);
    return (uint64_t)t;
}

/* r = low word of a + b + carry, carry = high word; and a - b - borrow. carry and borrow are 0 or 1.
 * gcc 12 does not use the carry flag for the 128-bit form, where an addition costs five times as much. */
#if defined(__x86_64__)
static inline uint64_t mont_addc(uint64_t a, uint64_t b, uint64_t *carry) {
    unsigned long long t;
    *carry = _addcarry_u64((unsigned char)*carry, a, b, &t);
    return t;
}

static inline uint64_t mont_subb(uint64_t a, uint64_t b, uint64_t *borrow) {
    unsigned long long t;
    *borrow = _subborrow_u64((unsigned char)*borrow, a, b, &t);
    return t;
}
#else
static inline uint64_t mont_addc(uint64_t a, uint64_t b, uint64_t *carry) {
    const mont_u128 t = (mont_u128)a + b + *carry;
    *carry = (uint64_t)(t >> 64);
    return (uint64_t)t;
}

static inline uint64_t mont_subb(uint64_t a, uint64_t b, uint64_t *borrow) {
    const mont_u128 t = (mont_u128)a - b - *borrow;
    *borrow = (uint64_t)(t >> 64) & 1;
    return (uint64_t)t;
}
#endif

/** r = a - m if a >= m, else a.
 *  alias  r may be a */
static inline void mont_subtract_once(uint64_t r[4], const uint64_t a[4], const uint64_t m[4]) {
    uint64_t t[4], borrow = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) t[i] = mont_subb(a[i], m[i], &borrow);
    const uint64_t keep = ct_hide(0 - borrow);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) r[i] = t[i] ^ (keep & (t[i] ^ a[i]));
}

/** r = a + b mod 2p.
 *  needs  a, b loose: a + b < 4p < 2^256
 *  gives  r loose
 *  alias  r may be a or b */
static inline void mont_add(uint64_t r[4], const uint64_t a[4], const uint64_t b[4], const uint64_t p2[4]) {
    uint64_t t[4], carry = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) t[i] = mont_addc(a[i], b[i], &carry);
    mont_subtract_once(r, t, p2);
}

/** r = a - b mod 2p.
 *  needs  a, b loose
 *  gives  r loose
 *  alias  r may be a or b */
static inline void mont_sub(uint64_t r[4], const uint64_t a[4], const uint64_t b[4], const uint64_t p2[4]) {
    uint64_t t[4], borrow = 0, carry = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) t[i] = mont_subb(a[i], b[i], &borrow);
    const uint64_t back = ct_hide(0 - borrow);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) r[i] = mont_addc(t[i], p2[i] & back, &carry);
}

#endif
