/* glv.h - multiplication in G1 and G2 by means of their endomorphisms.
 *
 * phi on G1 and psi on G2 multiply a point by a known number m, at the cost of one or two multiplications of
 * coordinates. A scalar is split into parts, k = sum k_i m^i mod r: two of 127 bits for G1 (Gallant, Lambert, Vanstone
 * 2001), four of 64 bits for G2 (Galbraith, Lin, Scott 2009); k P is the sum of k_i times the images of P.
 * native/gen/group.py explains the lattices and proves the bounds of the parts. psi multiplies by m in the subgroup
 * only.
 */
#ifndef RLN_MATH_GLV_H
#define RLN_MATH_GLV_H

#include "g1.h"
#include "g2.h"
#include "g2_psi.h"

/* A part: (-1)^negative (low + 2^64 high). */
typedef struct glv_part { uint64_t low, high, negative; } glv_part;

/* The n parts of k. basis holds n x n numbers mod 2^128.
 * needs  k < r
 * source group.py: part i is k (if i = 0) - sum c_j b_ji. Parts are so small that 128 bits of every number are
 *        enough */
static inline void glv_split(glv_part *parts, size_t n, const u256 *k, const uint64_t estimates[][4],
                             const uint64_t *basis) {
    mont_u128 sums[4] = {(mont_u128)k->v[1] << 64 | k->v[0], 0, 0, 0};
    uint64_t wide[8];
    for (size_t j = 0; j < n; j++) {
        mont_wide_mul(wide, k->v, estimates[j]);
        const mont_u128 c = ((mont_u128)wide[5] << 64 | wide[4]) + (wide[3] >> 63); /* the carry of + 2^255 */
        for (size_t i = 0; i < n; i++) {
            const uint64_t *const b = basis + 2 * (j * n + i);
            sums[i] -= c * ((mont_u128)b[1] << 64 | b[0]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        const uint64_t negative = (uint64_t)(sums[i] >> 127);
        const mont_u128 size = negative ? 0 - sums[i] : sums[i];
        parts[i] = (glv_part){(uint64_t)size, (uint64_t)(size >> 64), negative};
    }
}

/* The width-w NAF of a part in n digits, least significant first: each is 0, or odd with |digit| < 2^(w-1). */
static inline void glv_digits(int8_t *r, size_t n, const glv_part *part, int w) {
    mont_u128 k = (mont_u128)part->high << 64 | part->low;
    for (size_t i = 0; i < n; i++, k >>= 1) {
        int digit = 0;
        if (k & 1) {
            digit = (int)(k & ((1u << w) - 1));
            if (digit >> (w - 1)) digit -= 1 << w;
            k -= (mont_u128)(__int128)digit;
        }
        r[i] = (int8_t)(part->negative ? -digit : digit);
    }
}

static inline void g1_split(glv_part parts[G1_PARTS], const u256 *k) {
    glv_split(parts, G1_PARTS, k, G1_ESTIMATES, &G1_BASIS[0][0][0]);
}

static inline void g2_split(glv_part parts[G2_PARTS], const u256 *k) {
    glv_split(parts, G2_PARTS, k, G2_ESTIMATES, &G2_BASIS[0][0][0]);
}

/** r = a, phi(a), canonical.
 *  alias  none */
static inline void g1_images(g1_aff r[G1_PARTS], const g1_aff *a) {
    r[0] = *a;
    r[1].y = a->y;
    fp_mul(&r[1].x, &a->x, &G1_BETA);
    fp_canonical(&r[1].x, &r[1].x);
}

/** r = a, psi(a), psi^2(a), psi^3(a).
 *  alias  none */
static inline void g2_images(g2_aff r[G2_PARTS], const g2_aff *a) {
    r[0] = *a;
    g2_psi(&r[1], a);
    g2_psi2(&r[2], a);
    g2_psi2(&r[3], &r[1]);
}

#define GROUP g1
#define COORD fp
#define G(name) G1_##name
#include "multiply.inc"
#undef GROUP
#undef COORD
#undef G

#define GROUP g2
#define COORD fp2
#define G(name) G2_##name
#include "multiply.inc"
#undef GROUP
#undef COORD
#undef G

#endif
