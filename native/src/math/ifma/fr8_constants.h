/* fr on eight lanes: five limbs of 52 bits.
 *
 * Written by native/gen from the BN254 parameter x; do not edit.
 * Regenerate: python native/gen. Compare: python native/gen --check. */
#ifndef RLN_MATH_FR8_CONSTANTS_H
#define RLN_MATH_FR8_CONSTANTS_H

#include <stdint.h>

#include "../types.h"

static const uint64_t FR8_MODULUS[5] = {0x1f593f0000001u, 0x4879b9709143eu, 0x181585d2833e8u, 0xa029b85045b68u, 0x030644e72e131u};
static const uint64_t FR8_NEGATIVE[5] = {0xe0a6c0fffffffu, 0xb786468f6ebc1u, 0xe7ea7a2d7cc17u, 0x5fd647afba497u, 0xfcf9bb18d1eceu}; /* 2^260 - p */
static const uint64_t FR8_N0 = 0x1f593efffffffu; /* -1/p mod 2^52 */
static const uint64_t FR8_FOLD[5] = {0x82e644ee4c3d2u, 0xf93893c98b1deu, 0xd46fe04d0a4c7u, 0x8f0aad55e2a1fu, 0x005ed0447de83u}; /* 2^-52 mod p */
static const uint64_t FR8_QUOTIENT = 0xa948e8c4c472bu;
static const uint64_t FR8_SIXTEENTH = 15; /* -1/p mod 16 */
static const uint64_t FR8_ONE[5] = {0xb6b753fffffacu, 0x380f271055b9du, 0x18f016ecef7c8u, 0x724f85a9201d8u, 0x01f16424e1bb7u}; /* 2^260 mod p */
/* 2^i p */
static const uint64_t FR8_MULTIPLES[7][5] = {
    {0x1f593f0000001u, 0x4879b9709143eu, 0x181585d2833e8u, 0xa029b85045b68u, 0x030644e72e131u},
    {0x3eb27e0000002u, 0x90f372e12287cu, 0x302b0ba5067d0u, 0x405370a08b6d0u, 0x060c89ce5c263u},
    {0x7d64fc0000004u, 0x21e6e5c2450f8u, 0x6056174a0cfa1u, 0x80a6e14116da0u, 0x0c19139cb84c6u},
    {0xfac9f80000008u, 0x43cdcb848a1f0u, 0xc0ac2e9419f42u, 0x014dc2822db40u, 0x183227397098du},
    {0xf593f00000010u, 0x879b9709143e1u, 0x81585d2833e84u, 0x029b85045b681u, 0x30644e72e131au},
    {0xeb27e00000020u, 0x0f372e12287c3u, 0x02b0ba5067d09u, 0x05370a08b6d03u, 0x60c89ce5c2634u},
    {0xd64fc00000040u, 0x1e6e5c2450f87u, 0x056174a0cfa12u, 0x0a6e14116da06u, 0xc19139cb84c68u},
};

#endif
