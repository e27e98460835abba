#include "api.h"
#include "../rln/identity.h"
#include "../rln/share.h"

rln_status rln_identity_new(const uint8_t *random, size_t random_len, int extended, rln_identity **r) {
    if (!r) return RLN_ERR_PARAMETER;
    *r = NULL;
    const rln_status s = api_bytes(NULL, "random", random, extended ? 2 * IDENTITY_RANDOM : IDENTITY_RANDOM,
                                   random_len);
    return s ? s : identity_from_random(r, random, extended);
}

rln_status rln_identity_from_seed(const uint8_t *seed, size_t seed_len, int extended, rln_identity **r) {
    if (!r) return RLN_ERR_PARAMETER;
    *r = NULL;
    const rln_status s = api_given(NULL, "seed", seed, seed_len);
    return s ? s : identity_from_seed(r, seed, seed_len, extended);
}

rln_status rln_identity_from_secret(const uint8_t *secret, size_t secret_len, rln_identity **r, rln_fault *fault) {
    if (!r) return RLN_ERR_PARAMETER;
    *r = NULL;
    fr t;
    rln_status s = api_bytes(fault, "secret", secret, 32, secret_len);
    if (s) return s;
    s = api_scalar(&t, fault, "secret", API_WHOLE, secret);
    if (!s && ct_reveal(fr_is_zero(&t))) s = api_fail(RLN_ERR_PARAMETER, fault, "secret", API_WHOLE, 0, 0);
    if (!s) s = identity_from_secret(r, &t);
    ct_wipe(&t, sizeof t);
    return s;
}

void rln_identity_free(rln_identity *identity) {
    identity_free(identity);
}

rln_status rln_identity_commitment(const rln_identity *identity, uint8_t *r, size_t r_len) {
    api_blank(r, r_len);
    if (!identity) return RLN_ERR_PARAMETER;
    const rln_status s = api_bytes(NULL, "r", r, 32, r_len);
    if (!s) fr_encode(r, identity_commitment(identity));
    return s;
}

rln_status rln_identity_secret(const rln_identity *identity, uint8_t *r, size_t r_len) {
    api_blank(r, r_len);
    if (!identity) return RLN_ERR_PARAMETER;
    const rln_status s = api_bytes(NULL, "r", r, 32, r_len);
    if (!s) fr_encode(r, identity_secret(identity));
    return s;
}

rln_status rln_identity_extended(const rln_identity *identity, uint8_t *r, size_t r_len) {
    api_blank(r, r_len);
    if (!identity || !identity_is_extended(identity)) return RLN_ERR_PARAMETER;
    const rln_status s = api_bytes(NULL, "r", r, 64, r_len);
    if (s) return s;
    fr_encode(r, identity_trapdoor(identity));
    fr_encode(r + 32, identity_nullifier(identity));
    return RLN_OK;
}

int rln_identity_equal(const rln_identity *a, const rln_identity *b) {
    return a && b && ct_equal(identity_secret(a), identity_secret(b), sizeof(fr));
}

rln_status rln_identity_share(const rln_identity *identity, uint8_t *y, size_t y_len, uint8_t *nullifier,
                              size_t nullifier_len, const uint8_t *x, size_t x_len, const uint8_t *external_nullifier,
                              size_t external_nullifier_len, const uint8_t *message_id, size_t message_id_len,
                              rln_fault *fault) {
    fr at, external, id, value, line;
    rln_status s;
    api_blank(y, y_len);
    api_blank(nullifier, nullifier_len);
    if (!identity) return api_fail(RLN_ERR_PARAMETER, fault, "identity", API_WHOLE, 0, 0);
    if ((s = api_bytes(fault, "y", y, 32, y_len))) return s;
    if ((s = api_bytes(fault, "nullifier", nullifier, 32, nullifier_len))) return s;
    if ((s = api_bytes(fault, "x", x, 32, x_len))) return s;
    if ((s = api_bytes(fault, "external_nullifier", external_nullifier, 32, external_nullifier_len))) return s;
    if ((s = api_bytes(fault, "message_id", message_id, 32, message_id_len))) return s;
    if ((s = api_scalar(&at, fault, "x", API_WHOLE, x))) return s;
    if ((s = api_scalar(&external, fault, "external_nullifier", API_WHOLE, external_nullifier))) return s;
    if ((s = api_scalar(&id, fault, "message_id", API_WHOLE, message_id))) return s;
    if (fr_is_zero(&at)) return api_fail(RLN_ERR_PARAMETER, fault, "x", API_WHOLE, 0, 0);

    share_make(&value, &line, identity_secret(identity), &at, &external, &id);
    fr_encode(y, &value);
    fr_encode(nullifier, &line);
    return RLN_OK;
}

static rln_status decode_share(share *r, rln_fault *fault, const char *field, const uint8_t a[64]) {
    const rln_status s = api_scalar(&r->x, fault, field, 0, a);
    return s ? s : api_scalar(&r->y, fault, field, 1, a + 32);
}

rln_status rln_identity_recover(const uint8_t *nullifier, size_t nullifier_len, const uint8_t *first, size_t first_len,
                                const uint8_t *second, size_t second_len, rln_identity **r, rln_fault *fault) {
    fr line, secret;
    share a, b;
    rln_status s;
    if (!r) return api_fail(RLN_ERR_PARAMETER, fault, "r", API_WHOLE, 0, 0);
    *r = NULL;
    if ((s = api_bytes(fault, "nullifier", nullifier, 32, nullifier_len))) return s;
    if ((s = api_bytes(fault, "first", first, 64, first_len))) return s;
    if ((s = api_bytes(fault, "second", second, 64, second_len))) return s;
    if ((s = api_scalar(&line, fault, "nullifier", API_WHOLE, nullifier))) return s;
    if ((s = decode_share(&a, fault, "first", first))) return s;
    if ((s = decode_share(&b, fault, "second", second))) return s;
    if (fr_equal(&a.x, &b.x)) return api_fail(RLN_ERR_RECOVERY, fault, "x", API_WHOLE, 0, 0);
    if (share_recover(&secret, &line, &a, &b)) return api_fail(RLN_ERR_RECOVERY, fault, "nullifier", API_WHOLE, 0, 0);
    /* a secret of zero is allowed here: a member who registered with it can be slashed too */
    s = identity_from_secret(r, &secret);
    ct_wipe(&secret, sizeof secret);
    return s;
}
