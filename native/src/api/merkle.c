#include "api.h"
#include "../rln/merkle.h"

rln_status rln_merkle_root(uint8_t *r, size_t r_len, const uint8_t *leaf, size_t leaf_len,
                           const uint8_t *siblings, size_t siblings_len, const uint8_t *bits,
                           size_t bits_len, rln_fault *fault) {
    fr node, sibling;
    rln_status s;
    if ((s = api_bytes(fault, "r", r, 32, r_len))) goto refused;
    if ((s = api_bytes(fault, "leaf", leaf, 32, leaf_len))) goto refused;
    if ((s = api_given(fault, "siblings", siblings, siblings_len))) goto refused;
    if ((s = api_length(fault, "siblings", siblings_len / 32 * 32, siblings_len))) goto refused;
    if ((s = api_bytes(fault, "bits", bits, siblings_len / 32, bits_len))) goto refused;
    if ((s = api_scalar(&node, fault, "leaf", API_WHOLE, leaf))) goto refused;
    for (size_t i = 0; i < bits_len; i++) {
        if (bits[i] > 1) {
            s = api_fail(RLN_ERR_PARAMETER, fault, "bits", i, 0, 0);
            goto refused;
        }
        if ((s = api_scalar(&sibling, fault, "siblings", i, siblings + 32 * i))) goto refused;
        merkle_climb(&node, &sibling, bits[i]);
    }
    fr_encode(r, &node);
    return RLN_OK;
refused:
    api_blank(r, r_len);
    return s;
}
