/* check.c - whether a proving key belongs to its own verifying key.
 *
 * Algorithm  the lints of its verifying key. Then beta, delta and B, which exist in both groups, must have the same
 *            logarithm in both; for B one random combination shows it: e(sum c_i B'_i, G2) = e(G1, sum c_i B_i)
 *            (threats D5)
 * Memory     one mem for the combination, closed before the return; the key belongs to the caller
 * Secret     nothing; the coefficients must be fresh. Time depends on all values
 */
#include <string.h>

#include "../math/portable.h"
#include "coefficient.h"
#include "fault.h"
#include "key.h"

/* *ok = 1 if e(a, G2) = e(G1, b), else 0. Returns 0; or -1: no memory. */
static int same_logarithm(int *ok, const g1_aff *a, const g2_aff *b, pool *threads) {
    fp12 product;
    pairing_term terms[2] = {{.p = *a, .q = G2_GENERATOR}, {.q = *b}};
    const g1_aff g = G1_GENERATOR;
    g1_aff_neg(&terms[1].p, &g);
    *ok = 0;
    if (engine_get()->pairing_product_var(&product, NULL, terms, 2, threads)) return -1;
    *ok = fp12_is_one(&product) != 0;
    return 0;
}

/* k[i] = the coefficient of the i-th finite point. */
static void coefficients_of_query(u256 *k, const query *q, const uint8_t *random) {
    for (size_t i = 0; i < q->finite; i++) k[i] = coefficient_at(random, q->place[i]);
}

/* Both sums of B, with one coefficient for each wire. */
static int sum_b(g1_aff *r1, g2_aff *r2, const proving_key *k, const uint8_t *random, pool *threads) {
    mem m = MEM_EMPTY;
    g1_jac sum1;
    g2_jac sum2;
    u256 *const scalars = mem_take(&m, k->wires, sizeof *scalars);
    int status = scalars ? 0 : -1;
    if (status == 0) {
        coefficients_of_query(scalars, &k->b1, random);
        status = engine_get()->g1_msm_var(&sum1, key_b1_points(k), scalars, k->b1.finite, threads);
    }
    if (status == 0) {
        coefficients_of_query(scalars, &k->b2, random);
        status = engine_get()->g2_msm_var(&sum2, k->b_points, scalars, k->b2.finite, threads);
    }
    if (status == 0) {
        g1_to_aff_var(r1, &sum1);
        g2_to_aff_var(r2, &sum2);
    }
    mem_close(&m);
    return status;
}

rln_status proving_key_check(const proving_key *k, const uint8_t *random, pool *threads, rln_fault *fault) {
    g1_aff b1;
    g2_aff b2;
    int ok;
    rln_status status = coefficients_examine(random, k->wires + 1, fault);
    if (status) return status;
    status = verifying_key_lint(&k->alpha_g1, &k->beta_g2, &k->gamma_g2, &k->delta_g2, k->ic, k->instance, fault);
    if (status) return status;
    if (same_logarithm(&ok, &k->beta_g1, &k->beta_g2, threads)) return RLN_ERR_MEMORY;
    if (!ok) return fault_in(RLN_ERR_KEY, fault, "beta_g1");
    if (same_logarithm(&ok, &k->delta_g1, &k->delta_g2, threads)) return RLN_ERR_MEMORY;
    if (!ok) return fault_in(RLN_ERR_KEY, fault, "delta_g1");
    if (sum_b(&b1, &b2, k, random, threads) || same_logarithm(&ok, &b1, &b2, threads)) return RLN_ERR_MEMORY;
    if (!ok) return fault_in(RLN_ERR_KEY, fault, "b_g1_query");
    return RLN_OK;
}
