#include "../groth16/partial.h"

#include "api.h"
#include "proving.h"

rln_status rln_partial_new(const rln_proving_key *key, const rln_tables *tables, const rln_witness *witness,
                           const uint8_t *known, size_t known_len, rln_pool *pool, rln_partial **r, rln_fault *fault) {
    *r = NULL;
    rln_status status = api_match(key, tables, witness, fault);
    if (status == RLN_OK) status = api_bytes(fault, "known", known, key->wires, known_len);
    for (size_t i = 0; i < key->wires && status == RLN_OK; i++)
        if (known[i] > 1 || (i == 0 && !known[i])) status = api_fail(RLN_ERR_PARAMETER, fault, "known", i, 1, known[i]);
    if (status) return status;
    const bases b = bases_of(key, tables);
    return partial_new(r, &b, witness_wires(witness), known, pool);
}

rln_status rln_partial_update(const rln_partial *partial, const rln_witness *witness, rln_pool *pool, rln_partial **r,
                              rln_fault *fault) {
    *r = NULL;
    const rln_status status = api_match(partial->bases.key, NULL, witness, fault);
    return status ? status : partial_update(r, partial, witness_wires(witness), pool);
}

void rln_partial_free(rln_partial *partial) {
    partial_free(partial);
}

rln_status rln_partial_finish(const rln_partial *partial, const rln_witness *witness, const uint8_t *blinding,
                              size_t blinding_len, rln_pool *pool, uint8_t *r, size_t r_len, rln_fault *fault) {
    fr blind[2] = {fr_zero(), fr_zero()};
    proof made;
    api_blank(r, r_len);
    rln_status status = api_bytes(fault, "proof", r, PROOF_BYTES, r_len);
    if (status == RLN_OK) status = api_agree(partial, witness, fault);
    if (status == RLN_OK) status = api_blinding(blind, blinding, blinding_len, fault);
    if (status == RLN_OK &&
        proof_create(&made, &partial->bases, &partial->known, witness_wires(witness), &blind[0], &blind[1], pool))
        status = RLN_ERR_MEMORY;
    if (status == RLN_OK) proof_encode(r, &made);
    ct_wipe(blind, sizeof blind);
    return status;
}

size_t rln_partial_size(const rln_proving_key *key) {
    return partial_size(key);
}

rln_status rln_partial_encode(const rln_partial *partial, rln_pool *pool, uint8_t *r, size_t r_len) {
    api_blank(r, r_len);
    const rln_status status = api_bytes(NULL, "r", r, partial_size(partial->bases.key), r_len);
    return status ? status : partial_encode(r, partial, pool);
}

rln_status rln_partial_decode(const rln_proving_key *key, const rln_tables *tables, const rln_witness *witness,
                              const uint8_t *data, size_t data_len, rln_pool *pool, rln_partial **r, rln_fault *fault) {
    *r = NULL;
    rln_status status = api_given(fault, "partial", data, data_len);
    if (status == RLN_OK) status = api_match(key, tables, witness, fault);
    if (status) return status;
    const bases b = bases_of(key, tables);
    return partial_decode(r, &b, witness_wires(witness), data, data_len, pool, fault);
}
