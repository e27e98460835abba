/* tower8: multiples of p to subtract.
 *
 * Written by native/gen from the BN254 parameter x; do not edit.
 * Regenerate: python native/gen. Compare: python native/gen --check. */
#ifndef RLN_MATH_TOWER8_CONSTANTS_H
#define RLN_MATH_TOWER8_CONSTANTS_H

#include <stdint.h>

#include "../types.h"

/* limb i of floor(q 2^254 / p) p */
static const uint64_t TOWER8_EXCESS[5][16] __attribute__((aligned(64))) = {
    {0x0000000000000u, 0x08c16d87cfd47u, 0x1182db0f9fa8eu, 0x1a4448976f7d5u, 0x2bc723a70f263u, 0x3488912edefaau, 0x3d49feb6aecf1u, 0x4eccd9c64e77fu,
     0x578e474e1e4c6u, 0x604fb4d5ee20du, 0x71d28fe58dc9bu, 0x7a93fd6d5d9e2u, 0x83556af52d729u, 0x94d84604cd1b7u, 0x9d99b38c9cefeu, 0xa65b21146cc45u},
    {0x0000000000000u, 0x916871ca8d3c2u, 0x22d0e3951a784u, 0xb439555fa7b46u, 0xd70a38f4c22cau, 0x6872aabf4f68cu, 0xf9db1c89dca4eu, 0x1cac001ef71d2u,
     0xae1471e984594u, 0x3f7ce3b411956u, 0x624dc7492c0dau, 0xf3b63913b949cu, 0x851eaade4685eu, 0xa7ef8e7360fe2u, 0x3958003dee3a4u, 0xcac072087b766u},
    {0x0000000000000u, 0x181585d97816au, 0x302b0bb2f02d5u, 0x4840918c6843fu, 0x786b9d3f58714u, 0x90812318d087fu, 0xa896a8f2489e9u, 0xd8c1b4a538cbfu,
     0xf0d73a7eb0e29u, 0x08ecc05828f94u, 0x3917cc0b19269u, 0x512d51e4913d3u, 0x6942d7be0953eu, 0x996de370f9813u, 0xb183694a7197eu, 0xc998ef23e9ae8u},
    {0x0000000000000u, 0xa029b85045b68u, 0x405370a08b6d0u, 0xe07d28f0d1238u, 0x20d099915c908u, 0xc0fa51e1a2470u, 0x61240a31e7fd8u, 0xa1777ad2736a8u,
     0x41a13322b9210u, 0xe1caeb72fed79u, 0x221e5c138a449u, 0xc2481463cffb1u, 0x6271ccb415b19u, 0xa2c53d54a11e9u, 0x42eef5a4e6d51u, 0xe318adf52c8b9u},
    {0x0000000000000u, 0x030644e72e131u, 0x060c89ce5c263u, 0x0912ceb58a394u, 0x0f1f5883e65f8u, 0x12259d6b14729u, 0x152be2524285bu, 0x1b386c209eabeu,
     0x1e3eb107ccbf0u, 0x2144f5eefad21u, 0x27517fbd56f85u, 0x2a57c4a4850b6u, 0x2d5e098bb31e8u, 0x336a935a0f44bu, 0x3670d8413d57du, 0x39771d286b6aeu},
};

#endif
