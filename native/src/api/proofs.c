#include "api.h"
#include "../base/bytes.h"
#include "../groth16/batch.h"
#include "../groth16/prove.h"
#include "../groth16/qap.h"
#include "proving.h"

rln_status rln_proof_create(const rln_proving_key *key, const rln_tables *tables, const rln_witness *witness,
                            const uint8_t *blinding, size_t blinding_len, rln_pool *pool, uint8_t *r, size_t r_len,
                            rln_fault *fault) {
    fr blind[2] = {fr_zero(), fr_zero()};
    proof made;
    api_blank(r, r_len);
    rln_status status = api_bytes(fault, "proof", r, PROOF_BYTES, r_len);
    if (status == RLN_OK) status = api_match(key, tables, witness, fault);
    if (status == RLN_OK) status = api_blinding(blind, blinding, blinding_len, fault);
    if (status == RLN_OK) {
        const bases b = bases_of(key, tables);
        if (proof_create(&made, &b, NULL, witness_wires(witness), &blind[0], &blind[1], pool)) status = RLN_ERR_MEMORY;
    }
    if (status == RLN_OK) proof_encode(r, &made);
    ct_wipe(blind, sizeof blind);
    return status;
}

rln_status rln_proof_quotient(const rln_proving_key *key, const rln_witness *witness, rln_pool *pool, uint8_t *r,
                              size_t r_len, rln_fault *fault) {
    mem m = MEM_EMPTY;
    api_blank(r, r_len);
    rln_status status = api_bytes(fault, "r", r, 32 * key->domain, r_len);
    if (status == RLN_OK) status = api_match(key, NULL, witness, fault);
    if (status) return status;
    fr *const a = mem_take(&m, key->domain, sizeof *a), *const b = mem_take(&m, key->domain, sizeof *b);
    u256 *const h = mem_take(&m, key->domain, sizeof *h);
    status = RLN_ERR_MEMORY;
    if (a && b && h) {
        proof_rows(a, b, key, NULL, witness_wires(witness), pool);
        if (qap_quotient(&h, 1, key, NULL, &a, &b, pool) == 0) status = RLN_OK;
    }
    for (size_t i = 0; i < 4 * key->domain && status == RLN_OK; i++) bytes_u64_encode(r + 8 * i, h[i / 4].v[i % 4]);
    mem_close(&m);
    return status;
}

rln_status rln_proof_decompress(const uint8_t *bytes, size_t bytes_len, uint8_t *r, size_t r_len, rln_fault *fault) {
    proof a;
    api_blank(r, r_len);
    rln_status status = api_bytes(fault, "proof", bytes, PROOF_BYTES, bytes_len);
    if (status == RLN_OK) status = api_bytes(fault, "r", r, POINTS_BYTES, r_len);
    if (status == RLN_OK) status = proof_decode(&a, bytes, fault);
    if (status == RLN_OK) proof_points_encode(r, &a);
    return status;
}

rln_status rln_proof_compress(const uint8_t *points, size_t points_len, uint8_t *r, size_t r_len, rln_fault *fault) {
    proof a;
    api_blank(r, r_len);
    rln_status status = api_bytes(fault, "points", points, POINTS_BYTES, points_len);
    if (status == RLN_OK) status = api_bytes(fault, "r", r, PROOF_BYTES, r_len);
    if (status == RLN_OK) status = proof_points_decode(&a, points, fault);
    if (status == RLN_OK) proof_encode(r, &a);
    return status;
}

rln_status rln_proof_verify(const rln_verifying_key *key, const uint8_t *inputs, size_t inputs_len,
                            const uint8_t *bytes, size_t bytes_len, int *ok, rln_fault *fault) {
    const size_t public_inputs = key->instance - 1;
    mem m = MEM_EMPTY;
    *ok = 0;
    rln_status status = api_bytes(fault, "inputs", inputs, 32 * public_inputs, inputs_len);
    if (status == RLN_OK) status = api_bytes(fault, "proof", bytes, PROOF_BYTES, bytes_len);
    if (status) return status;
    fr *const scalars = mem_take(&m, public_inputs, sizeof *scalars);
    if (!scalars) return RLN_ERR_MEMORY;
    for (size_t i = 0; i < public_inputs && status == RLN_OK; i++)
        status = api_scalar(&scalars[i], fault, "inputs", i, inputs + 32 * i);
    if (status == RLN_OK) status = proof_verify_bytes_var(ok, key, scalars, bytes, fault);
    mem_close(&m);
    return status;
}

/* Check that got = n * size; RLN_ERR_LENGTH if not, or if the product overflows. */
static rln_status check_many(const void *a, size_t n, size_t size, size_t got) {
    size_t expected;
    if (__builtin_mul_overflow(n, size, &expected)) return RLN_ERR_LENGTH;
    return api_bytes(NULL, "", a, expected, got);
}

rln_status rln_proof_verify_many(const rln_verifying_key *key, const uint8_t *inputs, size_t inputs_len,
                                 const uint8_t *proofs, size_t proofs_len, const uint8_t *coefficients,
                                 size_t coefficients_len, rln_pool *pool, int32_t *results, size_t results_count) {
    const size_t n = results_count;
    if (n && !results) return RLN_ERR_LENGTH;
    if (n) memset(results, 0, n * sizeof *results);
    rln_status status = check_many(proofs, n, PROOF_BYTES, proofs_len);
    if (status == RLN_OK) status = check_many(inputs, n, 32 * (key->instance - 1), inputs_len);
    if (status == RLN_OK) status = check_many(coefficients, n, 16, coefficients_len);
    if (status == RLN_OK) status = proof_verify_many_var(results, key, inputs, proofs, coefficients, n, pool);
    /* zero means accepted, so a failed call refuses every proof */
    for (size_t i = 0; i < n && status; i++) results[i] = RLN_REFUSED;
    return status;
}
