#include "../groth16/token.h"

#include "api.h"
#include "proving.h"

rln_status rln_token_new(const rln_partial *partial, const rln_witness *zero, const rln_witness *one,
                         const uint8_t *blinding, size_t blinding_len, rln_pool *pool, rln_token **r,
                         rln_fault *fault) {
    fr blind[2] = {fr_zero(), fr_zero()};
    *r = NULL;
    rln_status status = api_agree(partial, zero, fault);
    if (status == RLN_OK) status = api_agree(partial, one, fault);
    if (status == RLN_OK) status = api_blinding(blind, blinding, blinding_len, fault);
    if (status == RLN_OK)
        status = token_new(r, partial, witness_wires(zero), witness_wires(one), &blind[0], &blind[1], pool);
    ct_wipe(blind, sizeof blind);
    return status;
}

rln_status rln_token_publish(rln_token *token, const uint8_t *x, size_t x_len, uint8_t *r, size_t r_len,
                             rln_fault *fault) {
    fr value;
    proof made;
    api_blank(r, r_len);
    if (token_claim(token)) return api_fail(RLN_ERR_PARAMETER, fault, "token", API_WHOLE, 0, 0);
    rln_status status = api_bytes(fault, "x", x, 32, x_len);
    if (status == RLN_OK) status = api_bytes(fault, "proof", r, PROOF_BYTES, r_len);
    if (status == RLN_OK) status = api_scalar(&value, fault, "x", API_WHOLE, x);
    if (status == RLN_OK && fr_is_zero(&value)) status = api_fail(RLN_ERR_PARAMETER, fault, "x", API_WHOLE, 0, 0);
    if (status) token_wipe(token);
    else if (token_publish(&made, token, &value)) status = RLN_ERR_MEMORY;
    else proof_encode(r, &made);
    return status;
}

void rln_token_free(rln_token *token) {
    token_free(token);
}
