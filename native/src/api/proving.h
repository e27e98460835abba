/* proving.h - the checks of arguments that all calls share which make proofs, whole or in steps. */
#ifndef RLN_API_PROVING_H
#define RLN_API_PROVING_H

#include "api.h"
#include "../groth16/partial.h"
#include "../groth16/tables.h"
#include "../rln/witness.h"

/** Check that the witness has as many wires as the key, and that tables, if not NULL, belong to the key.
 *  RLN_ERR_PARAMETER. */
RLN_MUST_USE static inline rln_status api_match(const rln_proving_key *key, const rln_tables *tables,
                                                const rln_witness *witness, rln_fault *fault) {
    const size_t wires = witness_size(witness);
    if (wires != key->wires) return api_fail(RLN_ERR_PARAMETER, fault, "witness", API_WHOLE, key->wires, wires);
    if (tables && tables->key != key) return api_fail(RLN_ERR_PARAMETER, fault, "tables", API_WHOLE, 0, 0);
    return RLN_OK;
}

/** Check that the known wires have the partial's values in the witness. RLN_ERR_WITNESS names the first that
 *  differs. */
RLN_MUST_USE static inline rln_status api_agree(const rln_partial *partial, const rln_witness *witness,
                                                rln_fault *fault) {
    const rln_status status = api_match(partial->bases.key, NULL, witness, fault);
    if (status) return status;
    const size_t at = partial_differs(partial, witness_wires(witness));
    return at == witness_size(witness) ? RLN_OK : api_fail(RLN_ERR_WITNESS, fault, "known wire", at, 0, 0);
}

/** r and s, from 128 bytes of entropy or the 64 bytes of two scalars. RLN_ERR_ENTROPY if one is zero or both are equal,
 *  because the proof would then show parts of the witness. */
RLN_MUST_USE static inline rln_status api_blinding(fr blind[2], const uint8_t *blinding, size_t blinding_len,
                                                   rln_fault *fault) {
    const int given = blinding && blinding_len == 64;
    rln_status status = given ? RLN_OK : api_bytes(fault, "blinding", blinding, 128, blinding_len);
    for (size_t i = 0; i < 2 && status == RLN_OK; i++)
        if (given) status = api_scalar(&blind[i], fault, "blinding", i, blinding + 32 * i);
        else fr_from_wide(&blind[i], blinding + 64 * i);
    if (status || given) return status;
    const uint64_t repeated = fr_is_zero(&blind[0]) | fr_is_zero(&blind[1]) | fr_equal(&blind[0], &blind[1]);
    return repeated ? api_fail(RLN_ERR_ENTROPY, fault, "blinding", API_WHOLE, 0, 0) : RLN_OK;
}

#endif
