#include "api.h"
#include "../rln/merkle.h"

typedef struct path {
    const uint8_t *leaf, *siblings, *bits;
    size_t leaf_len, siblings_len, bits_len;
} path;

static rln_status check(const path *p, rln_fault *fault) {
    rln_status s;
    if ((s = api_bytes(fault, "leaf", p->leaf, 32, p->leaf_len))) return s;
    if ((s = api_given(fault, "siblings", p->siblings, p->siblings_len))) return s;
    if ((s = api_length(fault, "siblings", p->siblings_len / 32 * 32, p->siblings_len))) return s;
    if ((s = api_bytes(fault, "bits", p->bits, p->siblings_len / 32, p->bits_len))) return s;
    if ((s = api_canonical(fault, "leaf", API_WHOLE, p->leaf))) return s;
    for (size_t i = 0; i < p->bits_len; i++) {
        if (p->bits[i] > 1) return api_fail(RLN_ERR_PARAMETER, fault, "bits", i, 0, 0);
        if ((s = api_canonical(fault, "siblings", i, p->siblings + 32 * i))) return s;
    }
    return RLN_OK;
}

/* Write ancestor i to r + step i. */
static void climb(uint8_t *r, size_t step, const path *p) {
    const uint8_t *node = p->leaf;
    for (size_t i = 0; i < p->bits_len; i++) {
        merkle_climb(r + step * i, node, p->siblings + 32 * i, p->bits[i]);
        node = r + step * i;
    }
}

rln_status rln_merkle_root(uint8_t *r, size_t r_len, const uint8_t *leaf, size_t leaf_len, const uint8_t *siblings,
                           size_t siblings_len, const uint8_t *bits, size_t bits_len, rln_fault *fault) {
    const path p = {leaf, siblings, bits, leaf_len, siblings_len, bits_len};
    api_blank(r, r_len);
    rln_status status = api_bytes(fault, "r", r, 32, r_len);
    if (!status) status = check(&p, fault);
    if (status) return status;
    memcpy(r, leaf, 32);
    climb(r, 0, &p);
    return RLN_OK;
}

rln_status rln_merkle_path(uint8_t *r, size_t r_len, const uint8_t *leaf, size_t leaf_len, const uint8_t *siblings,
                           size_t siblings_len, const uint8_t *bits, size_t bits_len, rln_fault *fault) {
    const path p = {leaf, siblings, bits, leaf_len, siblings_len, bits_len};
    api_blank(r, r_len);
    rln_status status = check(&p, fault);
    if (!status) status = api_bytes(fault, "r", r, siblings_len, r_len);
    if (!status) climb(r, 32, &p);
    return status;
}
