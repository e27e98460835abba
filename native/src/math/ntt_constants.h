/* ntt: the roots of unity of order 2^k.
 *
 * Written by native/gen from r and the generator 5; do not edit.
 * Regenerate: python native/gen. Compare: python native/gen --check. */
#ifndef RLN_MATH_NTT_CONSTANTS_H
#define RLN_MATH_NTT_CONSTANTS_H

#include <stdint.h>

#include "types.h"

#define NTT_LOG_MAX 28
static const fr NTT_ROOTS[NTT_LOG_MAX + 1] = {
    {{0xac96341c4ffffffbu, 0x36fc76959f60cd29u, 0x666ea36f7879462eu, 0x0e0a77c19a07df2fu}},
    {{0x974bc177a0000006u, 0xf13771b2da58a367u, 0x51e1a2470908122eu, 0x2259d6b14729c0fau}},
    {{0x7f753d979edcef8bu, 0x5f3f172cb1479120u, 0x8db1627974096c6eu, 0x2b377b3539c108cfu}},
    {{0xf8ad4ae2b5ad7c3fu, 0x2d60c6ff83cb85beu, 0xd976fd2b5d9429f7u, 0x24407ce73f9ad9a9u}},
    {{0xf4b67d7c742f8f03u, 0x681b2ddc63d068ccu, 0x8ce5bcef1bfb576au, 0x167c2951d2b63cfeu}},
    {{0x2214f7b1bf574c64u, 0x28f9232ff7317df2u, 0xe57584a8b0ad75cdu, 0x2b81fb59dc176d03u}},
    {{0x8e9003e5818f61bfu, 0x8c9bbf349bf8fec2u, 0x53dceecd3f01534eu, 0x2690966be529aa3cu}},
    {{0x0a79c43026817bb1u, 0x7bb2cc7c99537df0u, 0xb6ca27d50241e6deu, 0x007ab33f3632f04cu}},
    {{0xa2afb83f83a24accu, 0x92f255d9525d536eu, 0x5e7566080286dd19u, 0x187bb1a6c52d2549u}},
    {{0x9c533be722a423deu, 0x642a9d127cdf6e0du, 0x0dbc7546409ac005u, 0x00f04c8db23d5082u}},
    {{0x1ef4b3b4280c1184u, 0xcf7ad4c2ae5e2a2cu, 0xb8063b6cc5a36518u, 0x2348c4b965dfc08cu}},
    {{0x48e72189ae4fcfb2u, 0x0a03fb3c8df85a07u, 0xff4d8a35ea9b2e0au, 0x28a98c2ecd9c1d77u}},
    {{0x1dd4522fb3ecdbd3u, 0x68222a93d055f3adu, 0xbe9c7d66b3d555e8u, 0x1b92f6b86194f846u}},
    {{0x894cdcbe79a04ed6u, 0x956cde6a44d30787u, 0x59a1b62bd7dbc15fu, 0x12ebe4109a806f4eu}},
    {{0xba13a0c74d05eab8u, 0x2e015d6311ab3116u, 0xb503922c8ca5a05au, 0x06be15d7fee394dau}},
    {{0x804ef7055bfdb854u, 0x7aa76b7140ceeaf2u, 0xfcc95a68b2fe89cbu, 0x1d461c35f1c406c7u}},
    {{0x47b3e75939397433u, 0x6d3a3a920d1c24d1u, 0xa134125174f75f43u, 0x1b821f01ee6ad556u}},
    {{0xda05b8d81204dc7cu, 0x48322ae606308d41u, 0x35358e27849e892cu, 0x040fcafbd62dd592u}},
    {{0x2566c62f09700b84u, 0x33183a76a0bf8660u, 0xd9398f59575058f1u, 0x056d2ece39d1cd34u}},
    {{0x049ea3b7e6a27a36u, 0xefebe603053edbbcu, 0x8424b45a3ace9ed4u, 0x287c8390a688795eu}},
    {{0xda32d465aa8d931au, 0x2669f68561808f9cu, 0x247bab46e4c8b085u, 0x0d3b668781d6021au}},
    {{0x27ea2192f5322f3cu, 0xb11884e9658fe9a7u, 0x3a8623bca053c069u, 0x128ff3f025e139a6u}},
    {{0x9b8e226ebcef1af2u, 0x9e45f1abdf406b60u, 0x538dd257d5a7bb3du, 0x0a3893037882a3bcu}},
    {{0x6e482404c09e9100u, 0x0d7591c7590025b2u, 0xa40227793a5ebe11u, 0x0164a6c3c1a94ca8u}},
    {{0xc722bd69d84fd030u, 0x600e4a26cf52162cu, 0xfb727ed745f3a7e9u, 0x1652a7b269fb275cu}},
    {{0x400efaff575c07e2u, 0x552373494b8f9ac5u, 0xaa79abed81e7ad37u, 0x1ac6e5b8084d2e39u}},
    {{0xa0a29422c98a20feu, 0x73d462ca65935c9du, 0xe1ba4a6ed44582f7u, 0x28fc14c00c3a82b6u}},
    {{0x8759641480890267u, 0x4a3a78b5e4c00349u, 0x49004fdd52a6b17eu, 0x284517dd65e6ea12u}},
    {{0x636e735580d13d9cu, 0xa22bf3742445ffd6u, 0x56452ac01eb203d8u, 0x1860ef942963f9e7u}},
}; /* 5^((r-1) / 2^k) */

#endif
