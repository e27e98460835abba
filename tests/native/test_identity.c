/* Identities, shares and Merkle roots in rln.h: wrong lengths, NULL pointers, no memory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rln.h"
#include "base/mem.h"
#include "expect.h"

#define LONGEST 300

static int is_zero(const uint8_t *a, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (a[i]) return 0;
    return 1;
}

/* Exactly n bytes, so that a sanitizer sees access to the next byte. */
static uint8_t *bytes_of(size_t n, int value) {
    uint8_t *const r = malloc(n ? n : 1);
    memset(r, value, n);
    return r;
}

/* The random bytes for rln_identity_new. */
static void count_up(uint8_t *a, size_t n) {
    for (size_t i = 0; i < n; i++) a[i] = (uint8_t)(i + 1);
}

static rln_identity *identity_of(const char *seed, int extended) {
    rln_identity *r = NULL;
    EXPECT(rln_identity_from_seed((const uint8_t *)seed, strlen(seed), extended, &r) == RLN_OK && r);
    return r;
}

static void test_wrong_lengths_are_refused(void) {
    rln_identity *const simple = identity_of("simple", 0), *const extended = identity_of("extended", 1);
    rln_identity *made = NULL;
    rln_fault fault;
    uint8_t good[128];
    memset(good, 1, sizeof good);
    for (size_t n = 0; n <= LONGEST; n++) {
        uint8_t *const a = bytes_of(n, 1);

        count_up(a, n);
        EXPECT(rln_identity_new(a, n, 0, &made) == (n == 64 ? RLN_OK : RLN_ERR_LENGTH));
        EXPECT((made != NULL) == (n == 64));
        rln_identity_free(made);
        count_up(a, n);
        EXPECT(rln_identity_new(a, n, 1, &made) == (n == 128 ? RLN_OK : RLN_ERR_LENGTH));
        EXPECT((made != NULL) == (n == 128));
        rln_identity_free(made);
        memset(a, 1, n);

        const rln_status status = rln_identity_from_secret(a, n, &made, &fault);
        EXPECT(status == (n == 32 ? RLN_OK : RLN_ERR_LENGTH) && (made != NULL) == (n == 32));
        if (status) EXPECT(strcmp(fault.field, "secret") == 0 && fault.expected == 32 && fault.got == n);
        rln_identity_free(made);

        EXPECT(rln_identity_commitment(simple, a, n) == (n == 32 ? RLN_OK : RLN_ERR_LENGTH));
        EXPECT(is_zero(a, n) == (n != 32));
        memset(a, 1, n);
        EXPECT(rln_identity_secret(simple, a, n) == (n == 32 ? RLN_OK : RLN_ERR_LENGTH));
        EXPECT(is_zero(a, n) == (n != 32));
        memset(a, 1, n);
        EXPECT(rln_identity_extended(extended, a, n) == (n == 64 ? RLN_OK : RLN_ERR_LENGTH));
        EXPECT(is_zero(a, n) == (n != 64));
        memset(a, 1, n);
        EXPECT(rln_identity_extended(simple, a, n) == RLN_ERR_PARAMETER && is_zero(a, n));
        memset(a, 1, n);

        for (int which = 0; which < 5; which++) {
            if (n == 32) continue;
            uint8_t y[32], nullifier[32];
            memset(y, 1, 32), memset(nullifier, 1, 32);
            const rln_status s = rln_identity_share(
                simple, which == 0 ? a : y, which == 0 ? n : 32, which == 1 ? a : nullifier, which == 1 ? n : 32,
                which == 2 ? a : good, which == 2 ? n : 32, which == 3 ? a : good, which == 3 ? n : 32,
                which == 4 ? a : good, which == 4 ? n : 32, &fault);
            EXPECT(s == RLN_ERR_LENGTH && fault.expected == 32 && fault.got == n);
            EXPECT((which == 0 || is_zero(y, 32)) && (which == 1 || is_zero(nullifier, 32)));
            if (which < 2) EXPECT(is_zero(a, n));
            memset(a, 1, n);
        }
        for (int which = 0; which < 3; which++) {
            if (n == (which ? 64 : 32)) continue;
            const rln_status s = rln_identity_recover(which == 0 ? a : good, which == 0 ? n : 32, which == 1 ? a : good,
                                                      which == 1 ? n : 64, which == 2 ? a : good, which == 2 ? n : 64,
                                                      &made, &fault);
            EXPECT(s == RLN_ERR_LENGTH && made == NULL && fault.got == n);
        }

        uint8_t root[32];
        uint8_t *const bits = bytes_of(n / 32, 1);
        EXPECT(rln_merkle_root(root, 32, good, 32, a, n, bits, n / 32, &fault) == (n % 32 ? RLN_ERR_LENGTH : RLN_OK));
        EXPECT(is_zero(root, 32) == (n % 32 != 0));
        free(bits);
        free(a);
    }
    rln_identity_free(simple);
    rln_identity_free(extended);
}

static void test_missing_pointers_are_refused(void) {
    rln_identity *const i = identity_of("someone", 0);
    rln_identity *made = i;
    uint8_t a[128], b[32];
    rln_fault fault;
    memset(a, 1, sizeof a);

    EXPECT(rln_identity_new(a, 64, 0, NULL) == RLN_ERR_PARAMETER);
    EXPECT(rln_identity_new(NULL, 64, 0, &made) == RLN_ERR_LENGTH && made == NULL);
    EXPECT(rln_identity_from_seed(a, 3, 0, NULL) == RLN_ERR_PARAMETER);
    EXPECT(rln_identity_from_seed(NULL, 3, 0, &made) == RLN_ERR_LENGTH && made == NULL);
    EXPECT(rln_identity_from_seed(NULL, 0, 0, &made) == RLN_OK && made != NULL);
    rln_identity_free(made);
    EXPECT(rln_identity_from_secret(a, 32, NULL, &fault) == RLN_ERR_PARAMETER);
    EXPECT(rln_identity_from_secret(NULL, 32, &made, NULL) == RLN_ERR_LENGTH && made == NULL);
    EXPECT(rln_identity_commitment(NULL, a, 32) == RLN_ERR_PARAMETER && is_zero(a, 32));
    EXPECT(rln_identity_commitment(i, NULL, 32) == RLN_ERR_LENGTH);
    EXPECT(rln_identity_secret(NULL, a, 32) == RLN_ERR_PARAMETER);
    EXPECT(rln_identity_secret(i, NULL, 32) == RLN_ERR_LENGTH);
    EXPECT(rln_identity_extended(NULL, a, 64) == RLN_ERR_PARAMETER);
    EXPECT(!rln_identity_equal(NULL, i) && !rln_identity_equal(i, NULL) && !rln_identity_equal(NULL, NULL));
    memset(a, 1, sizeof a);
    EXPECT(rln_identity_share(NULL, a, 32, b, 32, a, 32, a, 32, a, 32, NULL) == RLN_ERR_PARAMETER);
    memset(a, 1, sizeof a);
    EXPECT(rln_identity_share(i, a, 32, b, 32, NULL, 32, a + 32, 32, a + 64, 32, &fault) == RLN_ERR_LENGTH);
    EXPECT(strcmp(fault.field, "x") == 0);
    EXPECT(rln_identity_recover(a, 32, a, 64, a, 64, NULL, &fault) == RLN_ERR_PARAMETER);
    EXPECT(rln_identity_recover(a, 32, a, 64, NULL, 64, &made, NULL) == RLN_ERR_LENGTH && made == NULL);
    EXPECT(rln_merkle_root(NULL, 32, a, 32, NULL, 0, NULL, 0, &fault) == RLN_ERR_LENGTH);
    EXPECT(rln_merkle_root(b, 32, a, 32, NULL, 32, a, 1, &fault) == RLN_ERR_LENGTH && is_zero(b, 32));
    rln_identity_free(i);
    rln_identity_free(NULL);
}

static void test_no_memory_is_reported(void) {
    rln_identity *const other = identity_of("other", 0);
    rln_identity *r = other;
    uint8_t a[64];
    memset(a, 1, sizeof a);
    mem_fail_at(1);
    EXPECT(rln_identity_new(a, 64, 0, &r) == RLN_ERR_MEMORY && r == NULL);
    r = other;
    mem_fail_at(1);
    EXPECT(rln_identity_from_seed(a, 64, 1, &r) == RLN_ERR_MEMORY && r == NULL);
    r = other;
    mem_fail_at(1);
    EXPECT(rln_identity_from_secret(a, 32, &r, NULL) == RLN_ERR_MEMORY && r == NULL);
    mem_fail_at(0);
    rln_identity_free(other);
}

static void test_two_shares_give_the_secret_back(void) {
    rln_identity *const i = identity_of("spender", 1);
    rln_identity *recovered = NULL;
    uint8_t first[64] = {3}, second[64] = {4}, nullifier[32], same[32], external[32] = {7}, id[32] = {0};
    EXPECT(rln_identity_share(i, first + 32, 32, nullifier, 32, first, 32, external, 32, id, 32, NULL) == RLN_OK);
    EXPECT(rln_identity_share(i, second + 32, 32, same, 32, second, 32, external, 32, id, 32, NULL) == RLN_OK);
    EXPECT(memcmp(nullifier, same, 32) == 0);
    EXPECT(rln_identity_recover(nullifier, 32, first, 64, second, 64, &recovered, NULL) == RLN_OK);
    EXPECT(rln_identity_equal(i, recovered) == 1);
    rln_identity_free(recovered);
    nullifier[0] ^= 1;
    EXPECT(rln_identity_recover(nullifier, 32, first, 64, second, 64, &recovered, NULL) == RLN_ERR_RECOVERY);
    EXPECT(recovered == NULL);
    rln_identity_free(i);
}

int main(void) {
    test_wrong_lengths_are_refused();
    test_missing_pointers_are_refused();
    test_no_memory_is_reported();
    test_two_shares_give_the_secret_back();
    return expect_status();
}
