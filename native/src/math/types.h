/* types.h - the types of the mathematics. The header of a type says what its values mean. */
#ifndef RLN_MATH_TYPES_H
#define RLN_MATH_TYPES_H

#include <stdint.h>

/* A field element: 4 limbs, least significant first, a * 2^256 mod p ("Montgomery form"). */
typedef struct fr { uint64_t v[4]; } fr;
typedef struct fp { uint64_t v[4]; } fp;

/* An integer of 256 bits, not in Montgomery form: an exponent, the scalar of a multiplication. */
typedef struct u256 { uint64_t v[4]; } u256;

typedef struct fp2 { fp c0, c1; } fp2;            /* c0 + c1 u,           u^2 = -1     */
typedef struct fp6 { fp2 c0, c1, c2; } fp6;       /* c0 + c1 v + c2 v^2,  v^3 = 9 + u  */
typedef struct fp12 { fp6 c0, c1; } fp12;         /* c0 + c1 w,           w^2 = v      */

/* Affine points; infinity is (0, 0), which is on neither curve. Stored coordinates are canonical. */
typedef struct g1_aff { fp x, y; } g1_aff;
typedef struct g2_aff { fp2 x, y; } g2_aff;

/* Jacobian points: (X / Z^2, Y / Z^3); Z = 0 is infinity. */
typedef struct g1_jac { fp x, y, z; } g1_jac;
typedef struct g2_jac { fp2 x, y, z; } g2_jac;

#endif
