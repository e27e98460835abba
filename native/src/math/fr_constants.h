/* fr: its modulus and Montgomery constants.
 *
 * Written by native/gen from the BN254 parameter x; do not edit.
 * Regenerate: python native/gen. Compare: python native/gen --check. */
#ifndef RLN_MATH_FR_CONSTANTS_H
#define RLN_MATH_FR_CONSTANTS_H

#include <stdint.h>

#include "types.h"

static const uint64_t FR_MODULUS[4] = {0x43e1f593f0000001u, 0x2833e84879b97091u, 0xb85045b68181585du, 0x30644e72e131a029u};
static const uint64_t FR_MODULUS2[4] = {0x87c3eb27e0000002u, 0x5067d090f372e122u, 0x70a08b6d0302b0bau, 0x60c89ce5c2634053u}; /* 2p */
static const uint64_t FR_N0 = 0xc2e1f593efffffffu; /* -1/p mod 2^64 */
static const fr FR_ONE = {{0xac96341c4ffffffbu, 0x36fc76959f60cd29u, 0x666ea36f7879462eu, 0x0e0a77c19a07df2fu}}; /* 2^256 mod p */
static const fr FR_R2 = {{0x1bb8e645ae216da7u, 0x53fe3ab1e35c59e3u, 0x8c49833d53bb8085u, 0x0216d0b17f4e44a5u}}; /* 2^512 mod p */

#endif
