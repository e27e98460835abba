/* fp12: the factors of its power maps.
 *
 * Written by native/gen from the BN254 parameter x; do not edit.
 * Regenerate: python native/gen. Compare: python native/gen --check. */
#ifndef RLN_MATH_FP12_CONSTANTS_H
#define RLN_MATH_FP12_CONSTANTS_H

#include <stdint.h>

#include "types.h"

/* xi^(i (p^1 - 1) / 6), i < 6 */
static const fp2 FP12_FROBENIUS_1[6] = {
    {{{0xd35d438dc58f0d9du, 0x0a78eb28f5c70b3du, 0x666ea36f7879462cu, 0x0e0a77c19a07df2fu}}, {{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u}}},
    {{{0xaf9ba69633144907u, 0xca6b1d7387afb78au, 0x11bded5ef08a2087u, 0x02f34d751a1f3a7cu}}, {{0xa222ae234c492d72u, 0xd00f02a4565de15bu, 0xdc2ff3a253dfc926u, 0x10a75716b3899551u}}},
    {{{0xb5773b104563ab30u, 0x347f91c8a9aa6454u, 0x7a007127242e0991u, 0x1956bcd8118214ecu}}, {{0x6e849f1ea0aa4757u, 0xaa1c7b6d89f89141u, 0xb6e713cdfae0ca3au, 0x26694fbb4e82ebc3u}}},
    {{{0xe4bbdd0c2936b629u, 0xbb30f162e133bacbu, 0x31a9d1b6f9645366u, 0x253570bea500f8ddu}}, {{0xa1d77ce45ffe77c7u, 0x07affd117826d1dbu, 0x6d16bd27bb7edc6bu, 0x2c87200285defeccu}}},
    {{{0x7361d77f843abe92u, 0xa5bb2bd3273411fbu, 0x9c941f314b3e2399u, 0x15df9cddbb9fd3ecu}}, {{0x5dddfd154bd8c949u, 0x62cb29a5a4445b60u, 0x37bc870a0c7dd2b9u, 0x24830a9d3171f0fdu}}},
    {{{0xc970692f41690fe7u, 0xe240342127694b0bu, 0x32bee66b83c459e8u, 0x12aabced0ab08841u}}, {{0x0d485d2340aebfa9u, 0x05193418ab2fcc57u, 0xd3b0a40b8a4910f5u, 0x2f21ebb535d2925au}}},
};
/* xi^(i (p^2 - 1) / 6), i < 6 */
static const fp FP12_FROBENIUS_2[6] = {
    {{0xd35d438dc58f0d9du, 0x0a78eb28f5c70b3du, 0x666ea36f7879462cu, 0x0e0a77c19a07df2fu}},
    {{0xca8d800500fa1bf2u, 0xf0c5d61468b39769u, 0x0e201271ad0d4418u, 0x04290f65bad856e6u}},
    {{0x3350c88e13e80b9cu, 0x7dce557cdb5e56b9u, 0x6001b4b8b615564au, 0x2682e617020217e0u}},
    {{0x68c3488912edefaau, 0x8d087f6872aabf4fu, 0x51e1a24709081231u, 0x2259d6b14729c0fau}},
    {{0x71930c11d782e155u, 0xa6bb947cffbe3323u, 0xaa303344d4741444u, 0x2c3b3f0d26594943u}},
    {{0x08cfc388c494f1abu, 0x19b315148d1373d4u, 0x584e90fdcb6c0213u, 0x09e1685bdf2f8849u}},
};
/* xi^(i (p^3 - 1) / 6), i < 6 */
static const fp2 FP12_FROBENIUS_3[6] = {
    {{{0xd35d438dc58f0d9du, 0x0a78eb28f5c70b3du, 0x666ea36f7879462cu, 0x0e0a77c19a07df2fu}}, {{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u}}},
    {{{0x365316184e46d97du, 0x0af7129ed4c96d9fu, 0x659da72fca1009b5u, 0x08116d8983a20d23u}}, {{0xb1df4af7c39c1939u, 0x3d9f02878a73bf7fu, 0x9b2220928caf0ae0u, 0x26684515eff054a6u}}},
    {{{0xc9af22f716ad6badu, 0xb311782a4aa662b2u, 0x19eeaf64e248c7f4u, 0x20273e77e3439f82u}}, {{0xacc02860f7ce93acu, 0x3933d5817ba76b4cu, 0x69e6188b446c8467u, 0x0a46036d4417cc55u}}},
    {{{0x5764af0aaf46471eu, 0xdc50792e873e0fc1u, 0x86a673ff881d04f6u, 0x0b2eddb43c30a74cu}}, {{0x9a490f32787e8580u, 0x8fd16d7ff04af8b1u, 0x4b39888ec6027bf2u, 0x03dd2e705b52a15du}}},
    {{{0x448a93a57b6762dfu, 0xbfd62df528fdeadfu, 0xd858f5d00e9bd47au, 0x06b03d4d3476ec58u}}, {{0x2b19daf4bcc936d1u, 0xa1a54e7a56f4299fu, 0xb533eee05adeaef1u, 0x170c812b84dda0b2u}}},
    {{{0xe0bc4b2275cf559fu, 0xc238b945c154e60fu, 0x803982a5929a7d5eu, 0x15ce052df7e4a37eu}}, {{0x2d28efbdbf3799a7u, 0x9b097e3c1ad60773u, 0x982d4113af4a535bu, 0x24e18991e3056063u}}},
};

#endif
