/* G1, G2: curves, generators, endomorphisms, lattices.
 *
 * Written by native/gen from the BN254 parameter x, EIP-197's generator of G2; do not edit.
 * Regenerate: python native/gen. Compare: python native/gen --check. */
#ifndef RLN_MATH_GROUP_CONSTANTS_H
#define RLN_MATH_GROUP_CONSTANTS_H

#include <stdint.h>

#include "types.h"

static const fp G1_B = {{0x7a17caa950ad28d7u, 0x1f6ac17ae15521b9u, 0x334bea4e696bd284u, 0x2a1f6744ce179d8eu}};
static const fp2 G2_B = {{{0x3bf938e377b802a8u, 0x020b1b273633535du, 0x26b7edf049755260u, 0x2514c6324384a86du}}, {{0x38e7ecccd1dcff67u, 0x65f0b37d93ce0d3eu, 0xd749d0dd22ac00aau, 0x0141b9ce4a688d4du}}}; /* 3 / (9 + u) */
static const g1_aff G1_GENERATOR = {{{0xd35d438dc58f0d9du, 0x0a78eb28f5c70b3du, 0x666ea36f7879462cu, 0x0e0a77c19a07df2fu}}, {{0xa6ba871b8b1e1b3au, 0x14f1d651eb8e167bu, 0xccdd46def0f28c58u, 0x1c14ef83340fbe5eu}}};
static const g2_aff G2_GENERATOR = {
    {{{0x8e83b5d102bc2026u, 0xdceb1935497b0172u, 0xfbb8264797811adfu, 0x19573841af96503bu}}, {{0xafb4737da84c6140u, 0x6043dd5a5802d8c4u, 0x09e950fc52a02f86u, 0x14fef0833aea7b6bu}}},
    {{{0x619dfa9d886be9f6u, 0xfe7fd297f59e9b78u, 0xff9e1a62231b7dfeu, 0x28fd7eebae9e4206u}}, {{0x64095b56c71856eeu, 0xdc57f922327d3cbbu, 0x55f935be33351076u, 0x0da4a0e693fd6482u}}},
};

static const fp G1_BETA = {{0x71930c11d782e155u, 0xa6bb947cffbe3323u, 0xaa303344d4741444u, 0x2c3b3f0d26594943u}}; /* phi(x, y) = (beta x, y) */
static const fr G1_LAMBDA = {{0x93e7cede4a0329b3u, 0x7d4fdca77a96c167u, 0x8be4ba08b19a750au, 0x1cbd5653a5661c25u}}; /* phi(P) = lambda P */

#define G1_PARTS 2
#define G1_PART_BITS 127 /* a part is below 7/8 of 2^127 */
/* round(2^256 e_j / r) */
static const uint64_t G1_ESTIMATES[2][4] = {
    {0x7a7bd9d4391eb18eu, 0x4ccef014a773d2cfu, 0x0000000000000002u, 0x0000000000000000u},
    {0xd91d232ec7e0b3d7u, 0x0000000000000002u, 0x0000000000000000u, 0x0000000000000000u},
};
/* b_ji mod 2^128 */
static const uint64_t G1_BASIS[2][2][2] = {
    {{0x0be4e1541221250bu, 0x6f4d8248eeb859fdu}, {0x89d3256894d213e3u, 0x0000000000000000u}},
    {{0x89d3256894d213e3u, 0x0000000000000000u}, {0x7dee441482b0eed8u, 0x90b27db71147a603u}},
};

#define G2_PARTS 4
#define G2_PART_BITS 64 /* a part is below 7/8 of 2^64 */
/* round(2^256 e_j / r) */
static const uint64_t G2_ESTIMATES[4][4] = {
    {0x0865552764c8e8f1u, 0x5e9aa4e2a056dc2cu, 0x3d00631561b25728u, 0x0000000000000001u},
    {0x071c4c43fac4db00u, 0x55b4ca7ba3e55782u, 0x9e80318ab0d92b95u, 0x0000000000000000u},
    {0xd91d232ec7e0b3d7u, 0x0000000000000002u, 0x0000000000000000u, 0x0000000000000000u},
    {0xc170977dcef3cd3fu, 0x55b4ca7ba3e5577du, 0x9e80318ab0d92b95u, 0x0000000000000000u},
};
/* b_ji mod 2^128 */
static const uint64_t G2_BASIS[4][4][2] = {
    {{0x89d3256894d213e2u, 0x0000000000000000u}, {0x44e992b44a6909f2u, 0x0000000000000000u}, {0xbb166d4bb596f60fu, 0xffffffffffffffffu}, {0x44e992b44a6909f1u, 0x0000000000000000u}},
    {{0x89d3256894d213e3u, 0x0000000000000000u}, {0x0000000000000000u, 0x0000000000000000u}, {0x89d3256894d213e2u, 0x0000000000000000u}, {0x0000000000000001u, 0x0000000000000000u}},
    {{0xbb166d4bb596f60fu, 0xffffffffffffffffu}, {0x44e992b44a6909f1u, 0x0000000000000000u}, {0xbb166d4bb596f60fu, 0xffffffffffffffffu}, {0x762cda976b2dec1du, 0xffffffffffffffffu}},
    {{0x0000000000000001u, 0x0000000000000000u}, {0x762cda976b2dec1du, 0xffffffffffffffffu}, {0xffffffffffffffffu, 0xffffffffffffffffu}, {0x762cda976b2dec1eu, 0xffffffffffffffffu}},
};

#endif
