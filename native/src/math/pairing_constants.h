/* pairing: the twist y^2 = x^3 + b, the digits of x.
 *
 * Written by native/gen from the BN254 parameter x; do not edit.
 * Regenerate: python native/gen. Compare: python native/gen --check. */
#ifndef RLN_MATH_PAIRING_CONSTANTS_H
#define RLN_MATH_PAIRING_CONSTANTS_H

#include <stdint.h>

#include "types.h"

static const fp2 PAIRING_TWIST_B3 = {{{0x3baa927cb62e0d6au, 0xd71e7c52d1b664fdu, 0x03873e63d95d4664u, 0x0e75b5b1082ab8f4u}}, {{0xaab7c6667596fe35u, 0x31d21a78bb6a27bau, 0x85dd7297680401ffu, 0x03c52d6adf39a7e9u}}}; /* 3 b = 9 / (9 + u) */

/* x in signed digits, least significant first; the highest digit is 1. */
#define PAIRING_X_DIGITS 63
static const int8_t PAIRING_X[PAIRING_X_DIGITS] = {
     1,  0,  0,  0, -1,  0,  0,  0,  0,  5,  0,  0,  0,  0,  0,  0,
    -7,  0,  0,  0,  7,  0,  0,  0,  0,  5,  0,  0,  0,  0,  1,  0,
     0,  0, -3,  0,  0,  0, -5,  0,  0,  0,  5,  0,  0,  0,  0,  3,
     0,  0,  0, -3,  0,  0,  0,  0,  5,  0,  0,  0,  0,  0,  1,
};

#endif
