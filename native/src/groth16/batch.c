#include "batch.h"

#include <string.h>

#include "../math/portable.h"
#include "coefficient.h"

/* One item that has points and inputs. */
typedef struct item {
    size_t at; /* its place in the caller's arrays */
    fr coefficient;
    g1_aff a, c; /* c_i A_i and c_i C_i */
    g2_aff b;
} item;

typedef struct batch {
    const verifying_key *key;
    const uint8_t *inputs, *proofs, *coefficients;
    int32_t *results;
    fr *scalars; /* n * (instance - 1): the decoded inputs */
    item *items;
    pairing_term *terms; /* room for all items and three more */
    fr *sums;            /* instance */
    pool *threads;
} batch;

static rln_status decode_inputs(fr *r, const uint8_t *a, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (fr_decode(&r[i], a + 32 * i)) return RLN_ERR_RANGE;
    return RLN_OK;
}

static void decode_item(void *context, size_t i) {
    const batch *const b = context;
    const size_t public_inputs = b->key->instance - 1;
    item *const t = &b->items[i];
    proof p;
    g1_jac scaled;
    const size_t first = i * public_inputs;
    rln_status status = decode_inputs(b->scalars + first, b->inputs + 32 * first, public_inputs);
    if (status == RLN_OK) status = proof_decode(&p, b->proofs + i * PROOF_BYTES, NULL);
    b->results[i] = (int32_t)status;
    if (status) return;
    const u256 coefficient = coefficient_at(b->coefficients, i);
    t->at = i;
    t->b = p.b;
    fr_from_u256(&t->coefficient, &coefficient);
    g1_mul_var(&scaled, &p.a, &coefficient);
    g1_to_aff_var(&t->a, &scaled);
    g1_mul_var(&scaled, &p.c, &coefficient);
    g1_to_aff_var(&t->c, &scaled);
}

/* r = left side / right side for the items first .. end; 0, or -1: no memory. */
static int evaluate(fp12 *r, const batch *b, size_t first, size_t end) {
    const verifying_key *const k = b->key;
    const size_t n = end - first, public_inputs = k->instance - 1;
    g1_jac sum = g1_infinity();
    u256 scalar;
    fr t;
    pairing_term *const alpha = &b->terms[n], *const ic = &b->terms[n + 1], *const c = &b->terms[n + 2];
    memset(b->sums, 0, k->instance * sizeof *b->sums);
    for (size_t i = 0; i < n; i++) {
        const item *const a = &b->items[first + i];
        b->terms[i] = (pairing_term){.p = a->a, .q = a->b};
        g1_add_mixed_var(&sum, &sum, &a->c);
        fr_add(&b->sums[0], &b->sums[0], &a->coefficient);
        for (size_t j = 0; j < public_inputs; j++) {
            fr_mul(&t, &a->coefficient, &b->scalars[a->at * public_inputs + j]);
            fr_add(&b->sums[j + 1], &b->sums[j + 1], &t);
        }
    }
    *c = (pairing_term){.q = k->delta_g2, .lines = k->delta_lines};
    g1_to_aff_var(&c->p, &sum);
    g1_aff_neg(&c->p, &c->p);
    *ic = (pairing_term){.q = k->gamma_g2, .lines = k->gamma_lines};
    if (instance_sum_var(&ic->p, k, b->sums, b->threads)) return -1;
    g1_aff_neg(&ic->p, &ic->p);
    *alpha = (pairing_term){.q = k->beta_g2, .lines = k->beta_lines};
    fr_to_u256(&scalar, &b->sums[0]);
    g1_mul_var(&sum, &k->alpha_g1, &scalar);
    g1_to_aff_var(&alpha->p, &sum);
    g1_aff_neg(&alpha->p, &alpha->p);
    return engine_get()->pairing_product_var(r, b->terms, n + 3, b->threads);
}

/* The answers for first .. end, whose evaluation is value. Depth at most 64. */
static int halve(const batch *b, size_t first, size_t end, const fp12 *value) {
    if (fp12_is_one(value)) return 0;
    if (end - first == 1) {
        b->results[b->items[first].at] = RLN_REFUSED;
        return 0;
    }
    const size_t middle = first + (end - first) / 2;
    fp12 left, right;
    if (evaluate(&left, b, first, middle)) return -1;
    /* value = left right, and left has norm 1 over Fp6 after the final exponentiation: 1/left is its conjugate */
    fp12_conjugate(&right, &left);
    fp12_mul(&right, &right, value);
    return halve(b, first, middle, &left) || halve(b, middle, end, &right) ? -1 : 0;
}

static rln_status verify_one(int32_t *result, const batch *b) {
    proof p;
    int ok;
    *result = (int32_t)decode_inputs(b->scalars, b->inputs, b->key->instance - 1);
    if (*result == RLN_OK) *result = (int32_t)proof_decode(&p, b->proofs, NULL);
    if (*result) return RLN_OK;
    if (proof_verify_var(&ok, b->key, b->scalars, &p)) return RLN_ERR_MEMORY;
    *result = ok ? RLN_OK : RLN_REFUSED;
    return RLN_OK;
}

rln_status proof_verify_many_var(int32_t *results, const verifying_key *k, const uint8_t *inputs,
                                 const uint8_t *proofs, const uint8_t *coefficients, size_t n, pool *threads) {
    mem m = MEM_EMPTY;
    fp12 value;
    rln_status status = coefficients_examine(coefficients, n, NULL);
    if (status || n == 0) return status;
    batch b = {.key = k, .inputs = inputs, .proofs = proofs, .coefficients = coefficients, .results = results,
               .threads = threads};
    status = RLN_ERR_MEMORY;
    if (n > SIZE_MAX / k->instance) return status;
    if (!(b.scalars = mem_take(&m, n * (k->instance - 1), sizeof *b.scalars))) goto done;
    if (n == 1) {
        status = verify_one(results, &b);
        goto done;
    }
    b.items = mem_take(&m, n, sizeof *b.items);
    b.terms = mem_take(&m, n + 3, sizeof *b.terms);
    b.sums = mem_take(&m, k->instance, sizeof *b.sums);
    if (!b.items || !b.terms || !b.sums) goto done;
    pool_run(threads, n, decode_item, &b);
    size_t good = 0;
    for (size_t i = 0; i < n; i++)
        if (results[i] == RLN_OK) b.items[good++] = b.items[i];
    if (good && (evaluate(&value, &b, 0, good) || halve(&b, 0, good, &value))) goto done;
    status = RLN_OK;
done:
    mem_close(&m);
    return status;
}
