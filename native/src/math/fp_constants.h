/* fp: its modulus and Montgomery constants.
 *
 * Written by native/gen from the BN254 parameter x; do not edit.
 * Regenerate: python native/gen. Compare: python native/gen --check. */
#ifndef RLN_MATH_FP_CONSTANTS_H
#define RLN_MATH_FP_CONSTANTS_H

#include <stdint.h>

#include "types.h"

static const uint64_t FP_MODULUS[4] = {0x3c208c16d87cfd47u, 0x97816a916871ca8du, 0xb85045b68181585du, 0x30644e72e131a029u};
static const uint64_t FP_MODULUS2[4] = {0x7841182db0f9fa8eu, 0x2f02d522d0e3951au, 0x70a08b6d0302b0bbu, 0x60c89ce5c2634053u}; /* 2p */
static const uint64_t FP_N0 = 0x87d20782e4866389u; /* -1/p mod 2^64 */
static const fp FP_ONE = {{0xd35d438dc58f0d9du, 0x0a78eb28f5c70b3du, 0x666ea36f7879462cu, 0x0e0a77c19a07df2fu}}; /* 2^256 mod p */
static const fp FP_R2 = {{0xf32cfc5b538afa89u, 0xb5e71911d44501fbu, 0x47ab1eff0a417ff6u, 0x06d89f71cab8351fu}}; /* 2^512 mod p */

#endif
