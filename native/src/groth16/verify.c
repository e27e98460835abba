/* verify.c - one proof against a verifying key.
 *
 * Algorithm  Groth 2016, section 3.2, verifier: IC by a comb or an msm, then one product of pairings with the prepared
 *            lines of gamma and delta; the pairing also tests the subgroup of B
 * Memory     one mem for each call, closed before the return; key, inputs and proof belong to the caller
 * Secret     nothing: time depends on all values
 */
#include "verify.h"

#include <string.h>

#include "../math/portable.h"

int instance_sum_var(g1_aff *r, const verifying_key *k, const fr *scalars, pool *threads) {
    mem m = MEM_EMPTY;
    g1_jac sum;
    int status = 0;
    u256 *const integers = mem_take(&m, k->instance, sizeof *integers);
    if (!integers) return -1;
    for (size_t i = 0; i < k->instance; i++) fr_to_u256(&integers[i], &scalars[i]);
    if (k->ic_table) engine_get()->g1_comb_sum_var(&sum, k->ic_table, integers, k->instance);
    else status = engine_get()->g1_msm_var(&sum, k->ic, integers, k->instance, threads);
    if (status == 0) g1_to_aff_var(r, &sum);
    mem_close(&m);
    return status;
}

/* *ok = 1 if the equation holds, else 0; *outside as in pairing_product_var. Returns 0; or -1: no memory. */
static int equation(int *ok, uint8_t *outside, const verifying_key *k, const fr *inputs, const proof *p) {
    mem m = MEM_EMPTY;
    fp12 product;
    uint8_t answers[3] = {0, 0, 0};
    pairing_term terms[3] = {{.p = p->a, .q = p->b},
                             {.q = k->gamma_g2, .lines = k->gamma_lines},
                             {.q = k->delta_g2, .lines = k->delta_lines}};
    fr *const scalars = mem_take(&m, k->instance, sizeof *scalars);
    int status = scalars ? 0 : -1;
    *ok = 0;
    if (status == 0) {
        scalars[0] = FR_ONE;
        memcpy(scalars + 1, inputs, (k->instance - 1) * sizeof *scalars);
        status = instance_sum_var(&terms[1].p, k, scalars, NULL);
    }
    if (status == 0) {
        g1_aff_neg(&terms[1].p, &terms[1].p);
        g1_aff_neg(&terms[2].p, &p->c);
        status = engine_get()->pairing_product_var(&product, outside ? answers : NULL, terms, 3, NULL);
    }
    if (outside) *outside = answers[0];
    if (status == 0 && !answers[0]) *ok = fp12_equal(&product, &k->alpha_beta) != 0;
    mem_close(&m);
    return status;
}

int proof_verify_var(int *ok, const verifying_key *k, const fr *inputs, const proof *p) {
    return equation(ok, NULL, k, inputs, p);
}

rln_status proof_verify_bytes_var(int *ok, const verifying_key *k, const fr *inputs, const uint8_t bytes[PROOF_BYTES],
                                  rln_fault *fault) {
    proof p;
    uint8_t outside;
    *ok = 0;
    const rln_status status = proof_decode_on_curves(&p, bytes, fault);
    if (status) return status;
    if (equation(ok, &outside, k, inputs, &p)) return RLN_ERR_MEMORY;
    return outside ? proof_refuse_b(&p, fault) : RLN_OK;
}
