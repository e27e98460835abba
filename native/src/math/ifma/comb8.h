/* comb8.h - the sums of comb.h, on eight lanes. */
#ifndef RLN_MATH_IFMA_COMB8_H
#define RLN_MATH_IFMA_COMB8_H

#include "../comb.h"
#include "msm8.h"

/** See engine.h. */
static void g1_comb_sum8_var(g1_jac *r, const g1_aff *table, const u256 *k, size_t n) {
    g1_comb_sum_with_var(r, table, k, n, g1_batch_add8_var);
}

#endif
