#include "identity.h"

#include "../base/chacha.h"
#include "../base/keccak.h"
#include "../base/mem.h"
#include "../math/mont_portable.h"
#include "../math/fr.h"
#include "hash.h"

struct rln_identity {
    fr secret;
    fr commitment;
    fr trapdoor;
    fr nullifier;
    int extended;
};

static identity *identity_new(int extended) {
    identity *const r = mem_secret_new(sizeof *r, 0);
    if (r) r->extended = extended != 0;
    return r;
}

/* A simple identity starts with its secret, an extended one with trapdoor and nullifier. */
static void complete(identity *i) {
    if (i->extended) {
        fr pair[2] = {i->trapdoor, i->nullifier};
        hash_elements(&i->secret, pair, 2);
        ct_wipe(pair, sizeof pair);
    }
    hash_elements(&i->commitment, &i->secret, 1);
}

/* Mask: all ones when the bytes are not random, that is, when their halves are equal. Zeros, a constant and a short
 * period have equal halves; random bytes have them with probability 2^-256. */
static uint64_t element_from_random(fr *r, const uint8_t random[IDENTITY_RANDOM]) {
    fr_from_wide(r, random);
    fr_canonical(r, r);
    return 0 - (uint64_t)ct_equal(random, random + IDENTITY_RANDOM / 2, IDENTITY_RANDOM / 2);
}

rln_status identity_from_random(identity **r, const uint8_t *random, int extended) {
    *r = NULL;
    identity *const i = identity_new(extended);
    if (!i) return RLN_ERR_MEMORY;
    uint64_t bad;
    if (extended) {
        bad = element_from_random(&i->trapdoor, random);
        bad |= element_from_random(&i->nullifier, random + IDENTITY_RANDOM);
        bad |= fr_equal(&i->trapdoor, &i->nullifier);
    } else {
        bad = element_from_random(&i->secret, random);
    }
    complete(i);
    bad |= fr_is_zero(&i->secret);
    if (ct_reveal(bad)) {
        identity_free(i);
        return RLN_ERR_ENTROPY;
    }
    *r = i;
    return RLN_OK;
}

/* Four words are the Montgomery form of the element; they are discarded until they are below the modulus. */
static void element_from_stream(fr *r, chacha *stream) {
    uint64_t borrow;
    do {
        borrow = 0;
        for (int i = 0; i < 4; i++) r->v[i] = chacha_next_u64(stream);
        r->v[3] &= UINT64_MAX >> 2;
        for (int i = 0; i < 4; i++) (void)mont_subb(r->v[i], FR_MODULUS[i], &borrow);
    } while (!ct_reveal(borrow));
}

rln_status identity_from_seed(identity **r, const uint8_t *seed, size_t n, int extended) {
    *r = NULL;
    identity *const i = identity_new(extended);
    if (!i) return RLN_ERR_MEMORY;
    uint8_t key[32];
    chacha stream;
    keccak256(key, seed, n);
    chacha_start(&stream, key);
    if (extended) {
        element_from_stream(&i->trapdoor, &stream);
        element_from_stream(&i->nullifier, &stream);
    } else {
        element_from_stream(&i->secret, &stream);
    }
    ct_wipe(key, sizeof key);
    ct_wipe(&stream, sizeof stream);
    complete(i);
    *r = i;
    return RLN_OK;
}

rln_status identity_from_secret(identity **r, const fr *secret) {
    *r = NULL;
    identity *const i = identity_new(0);
    if (!i) return RLN_ERR_MEMORY;
    fr_canonical(&i->secret, secret);
    complete(i);
    *r = i;
    return RLN_OK;
}

void identity_free(identity *i) {
    mem_secret_free(i);
}

const fr *identity_secret(const identity *i) {
    return &i->secret;
}

const fr *identity_commitment(const identity *i) {
    return &i->commitment;
}

int identity_is_extended(const identity *i) {
    return i->extended;
}

const fr *identity_trapdoor(const identity *i) {
    return &i->trapdoor;
}

const fr *identity_nullifier(const identity *i) {
    return &i->nullifier;
}
