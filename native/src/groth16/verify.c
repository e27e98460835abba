#include "verify.h"

#include <string.h>

#include "../math/portable.h"

/* Up to so many terms a sum without buckets is the faster one. */
#define SHORT_SUM 32

int instance_sum_var(g1_aff *r, const verifying_key *k, const fr *scalars, pool *threads) {
    mem m = MEM_EMPTY;
    g1_jac sum;
    int status = 0;
    u256 *const integers = mem_take(&m, k->instance, sizeof *integers);
    if (!integers) return -1;
    for (size_t i = 0; i < k->instance; i++) fr_to_u256(&integers[i], &scalars[i]);
    if (k->instance <= SHORT_SUM)
        g1_sum_var(&sum, k->ic, integers, k->instance);
    else
        status = engine_get()->g1_msm_var(&sum, k->ic, integers, k->instance, threads);
    if (status == 0) g1_to_aff_var(r, &sum);
    mem_close(&m);
    return status;
}

int proof_verify_var(int *ok, const verifying_key *k, const fr *inputs, const proof *p) {
    mem m = MEM_EMPTY;
    fp12 product;
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
        status = engine_get()->pairing_product_var(&product, terms, 3, NULL);
    }
    if (status == 0) *ok = fp12_equal(&product, &k->alpha_beta) != 0;
    mem_close(&m);
    return status;
}
