/* comb.h - sums k_i P_i of a few fixed points, from tables of their multiples: the public inputs of a verification.
 *
 * A scalar is split into two parts, k = k_0 + k_1 m (glv.h), and each part into signed digits d_w,
 * k_j = sum d_w 2^(6 w). The table of a point holds d 2^(6 w) P for 0 < d <= 32 and every w. The multiples that the
 * digits name are added in a tree, separately for k_0 and k_1, so that the endomorphism is applied once. A point costs
 * 44 additions and no doubling.
 */
#ifndef RLN_MATH_COMB_H
#define RLN_MATH_COMB_H

#include "comb_table.h"
#include "msm.h"

/* Up to this many points, Jacobian additions are faster than additions with an inversion: measured. */
#define COMB_LEAST 24

/** r[(i COMB_WINDOWS + w) COMB_MULTIPLES + d - 1] = d 2^(COMB_BITS w) p[i], canonical. */
static void g1_comb_fill_var(g1_aff *r, const g1_aff *p, size_t n) {
    g1_jac multiples[COMB_MULTIPLES];
    fp scratch[COMB_MULTIPLES];
    for (size_t i = 0; i < n; i++) {
        g1_from_aff(&multiples[0], &p[i]);
        for (size_t w = 0; w < COMB_WINDOWS; w++, r += COMB_MULTIPLES) {
            for (size_t d = 1; d < COMB_MULTIPLES; d++) g1_add_var(&multiples[d], &multiples[d - 1], &multiples[0]);
            g1_to_aff_many_var(r, multiples, COMB_MULTIPLES, scratch);
            g1_dbl(&multiples[0], &multiples[COMB_MULTIPLES - 1]);
        }
    }
}

/* r = the operands (see batch_pair) of the digits of a part; returns their number, at most COMB_WINDOWS. first is the
 * place of the point's table.
 * source digits are in (-2^(b-1), 2^(b-1)], b = COMB_BITS; a part is below 2^127, so 132 bits hold the last carry */
static inline size_t g1_comb_operands(uint32_t *r, const glv_part *part, uint32_t first) {
    mont_u128 k = (mont_u128)part->high << 64 | part->low;
    size_t count = 0;
    for (uint32_t w = 0; w < COMB_WINDOWS; w++) {
        uint32_t digit = (uint32_t)k & (2 * COMB_MULTIPLES - 1), negative = (uint32_t)part->negative & 1;
        k >>= COMB_BITS;
        if (digit > COMB_MULTIPLES) {
            digit = 2 * COMB_MULTIPLES - digit;
            negative ^= 1;
            k++;
        }
        if (digit) r[count++] = 2 * (first + w * COMB_MULTIPLES + digit - 1) + negative;
    }
    return count;
}

/* r = pairs of neighbours; returns their number. If n is odd, the last operand has no partner. */
static inline size_t g1_comb_pairs(batch_pair *r, const uint32_t *operands, size_t n) {
    for (size_t i = 0; i < n / 2; i++) r[i] = (batch_pair){operands[2 * i], operands[2 * i + 1]};
    if (n % 2) r[n / 2] = (batch_pair){operands[n - 1], BATCH_NONE};
    return (n + 1) / 2;
}

/* r = the sum of the points that the operands name. */
static inline void g1_comb_rest(g1_jac *r, const g1_aff *points, const uint32_t *operands, size_t n) {
    *r = g1_infinity();
    for (size_t i = 0; i < n; i++) {
        g1_aff point = points[operands[i] >> 1];
        if (operands[i] & 1) g1_aff_neg(&point, &point);
        g1_add_mixed_var(r, r, &point);
    }
}

/** r = sum k[i] p[i] from the table of p. add is an adder, see batch_add.inc.
 *  needs  n <= COMB_MOST; k[i] < r */
static inline void g1_comb_sum_with_var(g1_jac *r, const g1_aff *table, const u256 *k, size_t n, g1_batch_adder *add) {
    enum { DIGITS = COMB_MOST * COMB_WINDOWS, PAIRS = DIGITS + 2 };
    uint32_t operands[G1_PARTS][DIGITS];
    size_t counts[G1_PARTS] = {0, 0};
    batch_pair pairs[PAIRS];
    g1_aff sums[2][PAIRS];
    _Alignas(64) uint8_t scratch[BATCH_SCRATCH(fp, PAIRS)];
    const g1_aff *points = table;
    glv_part parts[G1_PARTS];
    g1_jac high;
    for (size_t i = 0; i < n; i++) {
        g1_split(parts, &k[i]);
        for (size_t j = 0; j < G1_PARTS; j++)
            counts[j] += g1_comb_operands(operands[j] + counts[j], &parts[j], (uint32_t)(i * COMB_POINTS));
    }
    for (int round = 0; counts[0] + counts[1] > COMB_LEAST; round ^= 1) {
        counts[0] = g1_comb_pairs(pairs, operands[0], counts[0]);
        counts[1] = g1_comb_pairs(pairs + counts[0], operands[1], counts[1]);
        add(sums[round], points, points, pairs, counts[0] + counts[1], scratch);
        points = sums[round];
        for (size_t j = 0, place = 0; j < G1_PARTS; j++)
            for (size_t i = 0; i < counts[j]; i++) operands[j][i] = (uint32_t)(2 * place++);
    }
    g1_comb_rest(r, points, operands[0], counts[0]);
    g1_comb_rest(&high, points, operands[1], counts[1]);
    fp_mul(&high.x, &high.x, &G1_BETA);
    g1_add_var(r, r, &high);
}

/** See engine.h. */
static void g1_comb_sum_var(g1_jac *r, const g1_aff *table, const u256 *k, size_t n) {
    g1_comb_sum_with_var(r, table, k, n, g1_batch_add_var);
}

#endif
