#include "proof.h"

#include <string.h>

#include "../math/portable.h"
#include "fault.h"

static rln_status refuse(proof *r, rln_status status, rln_fault *fault, const char *field) {
    memset(r, 0, sizeof *r);
    return fault_in(status, fault, field);
}

/* The points of a proof are of prime order and not infinity: what is left to see after decoding. */
static rln_status examine(proof *r, rln_fault *fault) {
    if (g1_aff_is_infinity(&r->a)) return refuse(r, RLN_ERR_POINT, fault, "proof_a");
    if (g2_aff_is_infinity(&r->b)) return refuse(r, RLN_ERR_POINT, fault, "proof_b");
    if (g1_aff_is_infinity(&r->c)) return refuse(r, RLN_ERR_POINT, fault, "proof_c");
    return RLN_OK;
}

rln_status proof_decode(proof *r, const uint8_t a[PROOF_BYTES], rln_fault *fault) {
    rln_status status;
    if ((status = g1_decompress(&r->a, a))) return refuse(r, status, fault, "proof_a");
    if ((status = g1_decompress(&r->c, a + 96))) return refuse(r, status, fault, "proof_c");
    if ((status = g2_decompress(&r->b, a + 32))) return refuse(r, status, fault, "proof_b");
    return examine(r, fault);
}

void proof_encode(uint8_t r[PROOF_BYTES], const proof *a) {
    g1_compress(r, &a->a);
    g2_compress(r + 32, &a->b);
    g1_compress(r + 96, &a->c);
}

rln_status proof_points_decode(proof *r, const uint8_t a[POINTS_BYTES], rln_fault *fault) {
    rln_status status;
    if ((status = g1_decode(&r->a, a))) return refuse(r, status, fault, "proof_a");
    if ((status = g1_decode(&r->c, a + 192))) return refuse(r, status, fault, "proof_c");
    if ((status = g2_decode(&r->b, a + 64))) return refuse(r, status, fault, "proof_b");
    return examine(r, fault);
}

void proof_points_encode(uint8_t r[POINTS_BYTES], const proof *a) {
    g1_encode(r, &a->a);
    g2_encode(r + 64, &a->b);
    g1_encode(r + 192, &a->c);
}
