/* proof.c - proofs from and to bytes.
 *
 * Algorithm  decompression by the engine; then canonical form, curve, subgroup of B and infinity, in one fixed order
 *            (threats D1, D2); verification may leave the subgroup to the pairing
 * Memory     none taken: the proof belongs to the caller, and is all zero after a failure
 * Secret     nothing: a proof is public
 */
#include "proof.h"

#include <string.h>

#include "../engine/engine.h"
#include "../math/portable.h"
#include "fault.h"

static rln_status refuse(proof *r, rln_status status, rln_fault *fault, const char *field) {
    memset(r, 0, sizeof *r);
    return fault_in(status, fault, field);
}

/* Check that the points are not infinity and have prime order: decompression has checked all else. */
static rln_status examine(proof *r, rln_fault *fault) {
    if (g1_aff_is_infinity(&r->a)) return refuse(r, RLN_ERR_POINT, fault, "proof_a");
    if (g2_aff_is_infinity(&r->b)) return refuse(r, RLN_ERR_POINT, fault, "proof_b");
    if (g1_aff_is_infinity(&r->c)) return refuse(r, RLN_ERR_POINT, fault, "proof_c");
    return RLN_OK;
}

rln_status proof_refuse_b(proof *r, rln_fault *fault) {
    return refuse(r, RLN_ERR_POINT, fault, "proof_b");
}

/* Read the points and check that they are on their curves. */
static rln_status decompress(proof *r, const uint8_t a[PROOF_BYTES], rln_fault *fault) {
    g1_aff points[2];
    rln_status status[2], status_b;
    engine_get()->g1_decompress_many_var(points, status, a, 96, 2);
    if (status[0]) return refuse(r, status[0], fault, "proof_a");
    if (status[1]) return refuse(r, status[1], fault, "proof_c");
    engine_get()->g2_decompress_many_var(&r->b, &status_b, a + 32, 64, 1);
    if (status_b) return refuse(r, status_b, fault, "proof_b");
    r->a = points[0];
    r->c = points[1];
    return RLN_OK;
}

rln_status proof_decode(proof *r, const uint8_t a[PROOF_BYTES], rln_fault *fault) {
    uint8_t bad;
    const rln_status status = decompress(r, a, fault);
    if (status) return status;
    engine_get()->g2_check_many_var(&bad, &r->b, 1, NULL);
    return bad ? proof_refuse_b(r, fault) : examine(r, fault);
}

rln_status proof_decode_on_curves(proof *r, const uint8_t a[PROOF_BYTES], rln_fault *fault) {
    rln_status status = decompress(r, a, fault);
    if (status) return status;
    const int finite = !(g1_aff_is_infinity(&r->a) | g1_aff_is_infinity(&r->c));
    return finite && !g2_aff_is_infinity(&r->b) ? RLN_OK : proof_decode(r, a, fault);
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
