/* The test that functions on secrets take constant time. Secrets are memory that memcheck treats as undefined: it
 * reports every branch and every address that depends on one.
 *
 *     valgrind --error-exitcode=42 ctime          must end with 0
 *     valgrind --error-exitcode=42 ctime branch   a planted branch: must end with 42
 *     valgrind --error-exitcode=42 ctime table    a planted look-up: must end with 42
 *
 * Built with the flags of the release and RLN_CTIME (see ctime.py); not_constant_time.txt lists the functions that are
 * not constant, with the reasons.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "rln.h"
#include "base/chacha.h"
#include "base/keccak.h"
#include "rln/share.h"
#include "math/portable.h"
#include "expect.h"

#define SECRET(a) VALGRIND_MAKE_MEM_UNDEFINED(&(a), sizeof(a))
#define REVEAL(a) VALGRIND_MAKE_MEM_DEFINED(&(a), sizeof(a))

static void fill(uint8_t *a, size_t n) {
    for (size_t i = 0; i < n; i++) a[i] = (uint8_t)(37 * i + 11);
}

/* A result must depend on the secrets, or memcheck did not follow them: a test of the test. */
static void expect_followed(const void *a, size_t n) {
    uint8_t *const bits = malloc(n);
    size_t undefined = 0;
    (void)VALGRIND_GET_VBITS(a, bits, n);
    for (size_t i = 0; i < n; i++) undefined += bits[i] != 0;
    EXPECT(undefined > 0);
    free(bits);
}

static fr secret_fr(uint8_t salt) {
    uint8_t wide[64];
    fr r;
    fill(wide, sizeof wide);
    wide[0] = salt;
    fr_from_wide(&r, wide);
    SECRET(r);
    return r;
}

static void test_fields(void) {
    fr a = secret_fr(1), b = secret_fr(2), many[5], scratch[5], r;
    uint8_t bytes[32], wide[64];
    u256 integer;

    fr_add(&r, &a, &b);
    fr_sub(&r, &r, &b);
    fr_dbl(&r, &r);
    fr_neg(&r, &r);
    fr_mul(&r, &r, &b);
    fr_sqr(&r, &r);
    fr_inv(&r, &r);
    fr_canonical(&r, &r);
    expect_followed(&r, sizeof r);
    fr_select(&r, fr_equal(&a, &b), &a, &r);
    fr_select(&r, fr_is_zero(&a), &b, &r);
    for (int i = 0; i < 5; i++) many[i] = secret_fr((uint8_t)i);
    many[2] = fr_zero();
    SECRET(many[2]);
    fr_inv_many(many, 5, scratch);
    expect_followed(many, sizeof many);

    fr_to_u256(&integer, &a);
    fr_from_u256(&r, &integer);
    fr_encode(bytes, &r);
    expect_followed(bytes, sizeof bytes);
    int refused = fr_decode(&r, bytes);
    REVEAL(refused);
    EXPECT(refused == 0);
    expect_followed(&r, sizeof r);
    memset(bytes, 0xFF, sizeof bytes);
    SECRET(bytes);
    refused = fr_decode(&r, bytes);
    REVEAL(refused);
    EXPECT(refused == -1);
    fill(wide, sizeof wide);
    SECRET(wide);
    fr_from_wide(&r, wide);
    expect_followed(&r, sizeof r);

    fp c, d;
    fill(wide, sizeof wide);
    SECRET(wide);
    fp_from_wide(&c, wide);
    fp_inv(&d, &c);
    fp_mul(&d, &d, &c);
    fp_encode(bytes, &d);
    expect_followed(bytes, sizeof bytes);
    refused = fp_decode(&c, bytes);
    REVEAL(refused);
    EXPECT(refused == 0);
}

static void test_base(void) {
    uint8_t message[200], digest[32], other[32];
    chacha stream;
    fill(message, sizeof message);
    SECRET(message);
    keccak256(digest, message, sizeof message);
    expect_followed(digest, sizeof digest);
    keccak256(other, message, sizeof message); /* computed again, because the compiler knows that a copy is equal */
    int same = ct_equal(digest, other, sizeof digest);
    expect_followed(&same, sizeof same);
    REVEAL(same);
    EXPECT(same == 1);
    chacha_start(&stream, digest);
    uint64_t word = chacha_next_u64(&stream);
    expect_followed(&word, sizeof word);
    ct_wipe(message, sizeof message);
}

static void test_poseidon(void) {
    uint8_t in[32 * POSEIDON_MAX_ARITY], r[32];
    for (size_t arity = 1; arity <= POSEIDON_MAX_ARITY; arity++) {
        for (size_t i = 0; i < arity; i++) {
            const fr secret = secret_fr((uint8_t)i);
            fr_encode(in + 32 * i, &secret);
        }
        poseidon_hash(r, in, arity);
        expect_followed(r, sizeof r);
    }
    EXPECT(rln_poseidon_hash_many(r, 32, in, 64, 2, NULL, NULL) == RLN_OK);
    expect_followed(r, sizeof r);
}

/* All functions of rln.h on one identity. */
static void use(const rln_identity *identity, int extended) {
    uint8_t commitment[32], secret[32], pair[64], y[32], nullifier[32], x[32] = {9}, epoch[32] = {7}, id[32] = {0};
    EXPECT(rln_identity_commitment(identity, commitment, 32) == RLN_OK);
    expect_followed(commitment, sizeof commitment);
    EXPECT(rln_identity_secret(identity, secret, 32) == RLN_OK);
    expect_followed(secret, sizeof secret);
    EXPECT(rln_identity_extended(identity, pair, 64) == (extended ? RLN_OK : RLN_ERR_PARAMETER));
    EXPECT(rln_identity_share(identity, y, 32, nullifier, 32, x, 32, epoch, 32, id, 32, NULL) == RLN_OK);
    expect_followed(y, sizeof y);
    expect_followed(nullifier, sizeof nullifier);
    rln_identity *copy = NULL;
    EXPECT(rln_identity_from_secret(secret, 32, &copy, NULL) == RLN_OK);
    int same = rln_identity_equal(identity, copy);
    expect_followed(&same, sizeof same);
    REVEAL(same);
    EXPECT(same == 1);
    rln_identity_free(copy);
}

static void test_identities(void) {
    for (int extended = 0; extended < 2; extended++) {
        uint8_t random[128], seed[40];
        const size_t n = extended ? 128 : 64;
        rln_identity *identity = NULL;
        fill(random, n);
        SECRET(random);
        EXPECT(rln_identity_new(random, n, extended, &identity) == RLN_OK);
        use(identity, extended);
        rln_identity_free(identity);

        fill(seed, sizeof seed);
        SECRET(seed);
        EXPECT(rln_identity_from_seed(seed, sizeof seed, extended, &identity) == RLN_OK);
        use(identity, extended);
        rln_identity_free(identity);
    }
}

static void test_share(void) {
    const fr secret = secret_fr(1), x = secret_fr(2), epoch = secret_fr(3), id = secret_fr(4);
    fr y, nullifier;
    share_make(&y, &nullifier, &secret, &x, &epoch, &id);
    expect_followed(&y, sizeof y);
    expect_followed(&nullifier, sizeof nullifier);
}

static volatile uint64_t sink;
static const uint64_t table[16] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};

/* The compiler must not turn it into arithmetic: a call in one arm stays a branch. */
static __attribute__((noinline)) void leak_by_branch(void) {
    const fr a = secret_fr(1);
    if (a.v[0] & 1) sink = a.v[1] * 3;
    else __asm__ volatile("nop" ::: "memory");
}

static __attribute__((noinline)) void leak_by_table(void) {
    const fr a = secret_fr(1);
    sink = table[a.v[0] & 15];
}

int main(int count, char **arguments) {
    if (!RUNNING_ON_VALGRIND) {
        fprintf(stderr, "run this under valgrind: it tests nothing otherwise\n");
        return 1;
    }
    if (count > 1 && strcmp(arguments[1], "branch") == 0) leak_by_branch();
    else if (count > 1 && strcmp(arguments[1], "table") == 0) leak_by_table();
    else {
        test_fields();
        test_base();
        test_poseidon();
        test_share();
        test_identities();
    }
    return expect_status();
}
