/* fp on eight lanes: five limbs of 52 bits.
 *
 * Written by native/gen from the BN254 parameter x; do not edit.
 * Regenerate: python native/gen. Compare: python native/gen --check. */
#ifndef RLN_MATH_FP8_CONSTANTS_H
#define RLN_MATH_FP8_CONSTANTS_H

#include <stdint.h>

#include "../types.h"

static const uint64_t FP8_MODULUS[5] = {0x08c16d87cfd47u, 0x916871ca8d3c2u, 0x181585d97816au, 0xa029b85045b68u, 0x030644e72e131u};
static const uint64_t FP8_NEGATIVE[5] = {0xf73e9278302b9u, 0x6e978e3572c3du, 0xe7ea7a2687e95u, 0x5fd647afba497u, 0xfcf9bb18d1eceu}; /* 2^260 - p */
static const uint64_t FP8_N0 = 0x20782e4866389u; /* -1/p mod 2^52 */
static const uint64_t FP8_FOLD[5] = {0xc93a3dee22c55u, 0xe15f4ea250777u, 0x37f0b49e7cd63u, 0x2079e650a0895u, 0x006234192d7a1u}; /* 2^-52 mod p */
static const uint64_t FP8_QUOTIENT = 0xa948e8c4c472bu;
static const uint64_t FP8_SIXTEENTH = 9; /* -1/p mod 16 */
static const uint64_t FP8_ONE[5] = {0x20880f6fce4b4u, 0x49baa989a8455u, 0x18f014a498908u, 0x724f85a9201d8u, 0x01f16424e1bb7u}; /* 2^260 mod p */
/* 2^i p */
static const uint64_t FP8_MULTIPLES[7][5] = {
    {0x08c16d87cfd47u, 0x916871ca8d3c2u, 0x181585d97816au, 0xa029b85045b68u, 0x030644e72e131u},
    {0x1182db0f9fa8eu, 0x22d0e3951a784u, 0x302b0bb2f02d5u, 0x405370a08b6d0u, 0x060c89ce5c263u},
    {0x2305b61f3f51cu, 0x45a1c72a34f08u, 0x60561765e05aau, 0x80a6e14116da0u, 0x0c19139cb84c6u},
    {0x460b6c3e7ea38u, 0x8b438e5469e10u, 0xc0ac2ecbc0b54u, 0x014dc2822db40u, 0x183227397098du},
    {0x8c16d87cfd470u, 0x16871ca8d3c20u, 0x81585d97816a9u, 0x029b85045b681u, 0x30644e72e131au},
    {0x182db0f9fa8e0u, 0x2d0e3951a7841u, 0x02b0bb2f02d52u, 0x05370a08b6d03u, 0x60c89ce5c2634u},
    {0x305b61f3f51c0u, 0x5a1c72a34f082u, 0x0561765e05aa4u, 0x0a6e14116da06u, 0xc19139cb84c68u},
};

#endif
