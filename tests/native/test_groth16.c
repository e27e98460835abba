/* Groth16 without memory: if any allocation fails, a call reports it, keeps nothing and leaks nothing
 * (the address sanitizer checks this), and works when there is memory again. */
#include <string.h>

#include "rln.h"
#include "base/mem.h"
#include "expect.h"
#include "starve.h"

/* a a = out: wires one, out, a */
enum { WIRES = 3, PUBLIC = 1 };

static const uint32_t STARTS[2] = {0, 1}, COLUMN_A[1] = {2}, COLUMN_OUT[1] = {1};
static const uint8_t ONE[32] = {1};
static const rln_matrix LEFT = {STARTS, 2, COLUMN_A, 1, ONE, 32}, RIGHT = {STARTS, 2, COLUMN_OUT, 1, ONE, 32};

static const uint8_t WITNESS[32 * WIRES] = {[0] = 1, [32] = 49, [64] = 7};
static const uint8_t INPUTS[3 * 32] = {[0] = 49, [32] = 49, [64] = 50};
static const uint8_t BLINDING[64] = {[0] = 5, [32] = 6};

static rln_status set_up(rln_proving_key **r) {
    uint8_t random[320];
    for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)(7 * i + 3);
    const rln_status status = rln_setup(&LEFT, &LEFT, &RIGHT, WIRES, PUBLIC, random, sizeof random, NULL, NULL, r,
                                        NULL);
    static const uint8_t zero[sizeof random];
    EXPECT(memcmp(random, zero, sizeof random) == 0);
    return status;
}

/* The argument of every call. */
typedef struct world {
    rln_proving_key *key;
    rln_verifying_key *verifying_key;
    rln_witness *witness;
    uint8_t ark[4096], zkey[8192], vk[1024], proofs[3 * 128];
    size_t ark_len, zkey_len;
} world;

static rln_status call_setup(const world *w) {
    rln_proving_key *key;
    (void)w;
    const rln_status status = set_up(&key);
    EXPECT((status == RLN_OK) == (key != NULL));
    rln_proving_key_free(key);
    return status;
}

static rln_status load(rln_key_format format, const uint8_t *data, size_t n) {
    rln_proving_key *key;
    const rln_status status = rln_proving_key_load(format, data, n, NULL, &key, NULL);
    EXPECT((status == RLN_OK) == (key != NULL));
    rln_proving_key_free(key);
    return status;
}

static rln_status call_load_ark(const world *w) {
    return load(RLN_KEY_ARK, w->ark, w->ark_len);
}

static rln_status call_load_zkey(const world *w) {
    return load(RLN_KEY_ZKEY, w->zkey, w->zkey_len);
}

static rln_status call_verifying_key(const world *w) {
    rln_verifying_key *key;
    const rln_status status = rln_proving_key_verifying_key(w->key, &key);
    EXPECT((status == RLN_OK) == (key != NULL));
    rln_verifying_key_free(key);
    return status;
}

static rln_status call_decode(const world *w) {
    rln_verifying_key *key;
    const rln_status status = rln_verifying_key_decode(w->vk, 32 + 3 * 64 + 8 + 2 * 32, 1, &key, NULL);
    EXPECT((status == RLN_OK) == (key != NULL));
    rln_verifying_key_free(key);
    return status;
}

static rln_status call_check(const world *w) {
    uint8_t random[16 * (WIRES + 1)];
    for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)(i + 1);
    return rln_proving_key_check(w->key, random, sizeof random, NULL, NULL);
}

static rln_status call_prove(const world *w) {
    uint8_t proof[128];
    const rln_status status = rln_proof_create(w->key, NULL, w->witness, BLINDING, 64, NULL, proof, sizeof proof, NULL);
    static const uint8_t zero[sizeof proof];
    EXPECT(memcmp(proof, status ? zero : w->proofs, sizeof proof) == 0);
    return status;
}

static rln_status call_verify(const world *w) {
    int ok;
    const rln_status status = rln_proof_verify(w->verifying_key, INPUTS, 32, w->proofs, 128, &ok, NULL);
    EXPECT(ok == (status == RLN_OK));
    return status;
}

static rln_status call_verify_many(const world *w) {
    static const uint8_t coefficients[48] = {[0] = 1, [16] = 2, [32] = 3};
    static const int32_t expected[3] = {RLN_OK, RLN_OK, RLN_REFUSED};
    static const int32_t refused[3] = {RLN_REFUSED, RLN_REFUSED, RLN_REFUSED};
    int32_t results[3];
    const rln_status status = rln_proof_verify_many(w->verifying_key, INPUTS, sizeof INPUTS, w->proofs,
                                                    sizeof w->proofs, coefficients, 48, NULL, results, 3);
    EXPECT(memcmp(results, status ? refused : expected, sizeof results) == 0);
    return status;
}

int main(void) {
    static world w;
    EXPECT(set_up(&w.key) == RLN_OK);
    EXPECT(rln_proving_key_verifying_key(w.key, &w.verifying_key) == RLN_OK);
    EXPECT(rln_witness_import(WITNESS, sizeof WITNESS, &w.witness, NULL) == RLN_OK);
    w.ark_len = rln_proving_key_size(w.key, RLN_KEY_ARK);
    w.zkey_len = rln_proving_key_size(w.key, RLN_KEY_ZKEY);
    EXPECT(w.ark_len <= sizeof w.ark && w.zkey_len <= sizeof w.zkey);
    if (expect_failures) return expect_status();
    EXPECT(rln_proving_key_encode(w.key, RLN_KEY_ARK, w.ark, w.ark_len) == RLN_OK);
    EXPECT(rln_proving_key_encode(w.key, RLN_KEY_ZKEY, w.zkey, w.zkey_len) == RLN_OK);
    EXPECT(rln_verifying_key_encode(w.verifying_key, 1, w.vk, 32 + 3 * 64 + 8 + 2 * 32) == RLN_OK);
    for (int i = 0; i < 3; i++)
        EXPECT(rln_proof_create(w.key, NULL, w.witness, BLINDING, 64, NULL, w.proofs + 128 * i, 128, NULL) == RLN_OK);

    starve("setup", call_setup, &w);
    starve("load ark", call_load_ark, &w);
    starve("load zkey", call_load_zkey, &w);
    starve("verifying key", call_verifying_key, &w);
    starve("decode", call_decode, &w);
    starve("check", call_check, &w);
    starve("prove", call_prove, &w);
    starve("verify", call_verify, &w);
    starve("verify many", call_verify_many, &w);

    rln_witness_free(w.witness);
    rln_verifying_key_free(w.verifying_key);
    rln_proving_key_free(w.key);
    return expect_status();
}
