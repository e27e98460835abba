#include "api.h"
#include "../groth16/batch.h"
#include "../groth16/prove.h"
#include "../groth16/qap.h"
#include "../rln/witness.h"

/* Does the witness have the key's wires? */
static rln_status match(const rln_proving_key *key, const rln_witness *witness, rln_fault *fault) {
    const size_t wires = witness_size(witness);
    return wires == key->wires ? RLN_OK : api_fail(RLN_ERR_PARAMETER, fault, "witness", API_WHOLE, key->wires, wires);
}

/* r, s from the blinding. A prover whose blinders are zero or equal shows parts of its witness. */
static rln_status read_blinding(fr blind[2], const uint8_t *blinding, size_t blinding_len, rln_fault *fault) {
    const int given = blinding && blinding_len == 64;
    rln_status status = given ? RLN_OK : api_bytes(fault, "blinding", blinding, 128, blinding_len);
    for (size_t i = 0; i < 2 && status == RLN_OK; i++)
        if (given)
            status = api_scalar(&blind[i], fault, "blinding", i, blinding + 32 * i);
        else
            fr_from_wide(&blind[i], blinding + 64 * i);
    if (status || given) return status;
    const uint64_t repeated = fr_is_zero(&blind[0]) | fr_is_zero(&blind[1]) | fr_equal(&blind[0], &blind[1]);
    return repeated ? api_fail(RLN_ERR_ENTROPY, fault, "blinding", API_WHOLE, 0, 0) : RLN_OK;
}

rln_status rln_proof_create(const rln_proving_key *key, const rln_witness *witness, const uint8_t *blinding,
                            size_t blinding_len, rln_pool *pool, uint8_t *r, size_t r_len, rln_fault *fault) {
    fr blind[2] = {fr_zero(), fr_zero()};
    proof made;
    api_blank(r, r_len);
    rln_status status = api_bytes(fault, "proof", r, PROOF_BYTES, r_len);
    if (status == RLN_OK) status = match(key, witness, fault);
    if (status == RLN_OK) status = read_blinding(blind, blinding, blinding_len, fault);
    if (status == RLN_OK && proof_create(&made, key, witness_wires(witness), &blind[0], &blind[1], pool))
        status = RLN_ERR_MEMORY;
    if (status == RLN_OK) proof_encode(r, &made);
    ct_wipe(blind, sizeof blind);
    return status;
}

rln_status rln_proof_quotient(const rln_proving_key *key, const rln_witness *witness, rln_pool *pool, uint8_t *r,
                              size_t r_len, rln_fault *fault) {
    mem m = MEM_EMPTY;
    api_blank(r, r_len);
    rln_status status = api_bytes(fault, "r", r, 32 * key->domain, r_len);
    if (status == RLN_OK) status = match(key, witness, fault);
    if (status) return status;
    fr *const h = mem_take(&m, key->domain, sizeof *h);
    status = h && qap_quotient(h, key, witness_wires(witness), pool) == 0 ? RLN_OK : RLN_ERR_MEMORY;
    for (size_t i = 0; i < key->domain && status == RLN_OK; i++) fr_encode(r + 32 * i, &h[i]);
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
    proof a;
    *ok = 0;
    rln_status status = api_bytes(fault, "inputs", inputs, 32 * public_inputs, inputs_len);
    if (status == RLN_OK) status = api_bytes(fault, "proof", bytes, PROOF_BYTES, bytes_len);
    if (status) return status;
    fr *const scalars = mem_take(&m, public_inputs, sizeof *scalars);
    if (!scalars) return RLN_ERR_MEMORY;
    for (size_t i = 0; i < public_inputs && status == RLN_OK; i++)
        status = api_scalar(&scalars[i], fault, "inputs", i, inputs + 32 * i);
    if (status == RLN_OK) status = proof_decode(&a, bytes, fault);
    if (status == RLN_OK && proof_verify_var(ok, key, scalars, &a)) status = RLN_ERR_MEMORY;
    mem_close(&m);
    return status;
}

/* expected = n * size, or RLN_ERR_LENGTH when that is no size at all. */
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
    if (status == RLN_OK)
        status = proof_verify_many_var(results, key, inputs, proofs, coefficients, n, pool);
    /* zero would read as accepted: a call that failed refuses everything */
    for (size_t i = 0; i < n && status; i++) results[i] = RLN_REFUSED;
    return status;
}
