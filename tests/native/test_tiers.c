/* The tiers of the prover: whole proofs with tables and without, proofs in two steps, tokens. On every engine all of
 * them make the same bytes. If any allocation fails, a call reports it, keeps nothing and leaks nothing
 * (the address sanitizer checks this), and works when there is memory again. */
#include <string.h>

#include "rln.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "expect.h"
#include "starve.h"

/* Rows: a a = y, x a = z, y 1 = z + out - x; wires one, out, x, a, y, z; out and x are public. C has public wires,
 * also the constant; a and y are the known wires. */
enum { WIRES = 6, PUBLIC = 2, ROWS = 3 };
enum { A = 7, X = 5 };

static const uint32_t A_STARTS[4] = {0, 1, 2, 3}, A_COLUMNS[3] = {3, 2, 4};
static const uint32_t B_STARTS[4] = {0, 1, 2, 3}, B_COLUMNS[3] = {3, 3, 0};
static const uint32_t C_STARTS[4] = {0, 1, 2, 6}, C_COLUMNS[6] = {4, 5, 5, 1, 2, 0};
static const uint8_t ONES[3 * 32] = {[0] = 1, [32] = 1, [64] = 1};
/* 1, 1, and y = z + out - x + 3 */
/* clang-format off */
static const uint8_t C_COEFFICIENTS[6 * 32] = {
    [0] = 1, [32] = 1, [64] = 1, [96] = 1,
    /* r - 1 */
    [128] = 0x00, 0x00, 0x00, 0xf0, 0x93, 0xf5, 0xe1, 0x43, 0x91, 0x70, 0xb9, 0x79, 0x48, 0xe8, 0x33, 0x28,
    0x5d, 0x58, 0x81, 0x81, 0xb6, 0x45, 0x50, 0xb8, 0x29, 0xa0, 0x31, 0xe1, 0x72, 0x4e, 0x64, 0x30,
    [160] = 3};
/* clang-format on */
static const rln_matrix LEFT = {A_STARTS, 4, A_COLUMNS, 3, ONES, 96};
static const rln_matrix RIGHT = {B_STARTS, 4, B_COLUMNS, 3, ONES, 96};
static const rln_matrix RESULT = {C_STARTS, 4, C_COLUMNS, 6, C_COEFFICIENTS, 192};

static const uint8_t KNOWN[WIRES] = {1, 0, 0, 1, 1, 0};
static const uint8_t BLINDING[64] = {[0] = 5, [32] = 6};

#define TABLE_BYTES (1 << 20)
#define PARTIAL_BYTES (8 + WIRES - 1 + 160)

/* The argument of every call. tables: none, plain, folded. */
typedef struct world {
    rln_proving_key *key;
    rln_tables *tables[3];
    rln_witness *witness, *zero, *one, *other;
    rln_partial *partial, *before;
    uint8_t proof[128], encoded[PARTIAL_BYTES], x[32];
    size_t table_len[2];
} world;

static _Alignas(64) uint8_t room[2][TABLE_BYTES], spare[TABLE_BYTES];

/* out = y - z + x - 3 with z = x a, mod r. */
static rln_witness *assign(uint32_t a, uint32_t x) {
    uint8_t wires[32 * WIRES] = {0};
    rln_witness *r = NULL;
    const int64_t out = (int64_t)a * a - (int64_t)x * a + x - 3;
    uint8_t *const p = wires + 32;
    if (out < 0) { /* r - |out|: no borrow beyond the lowest 8 bytes */
        memcpy(p, C_COEFFICIENTS + 128, 32);
        uint64_t low;
        memcpy(&low, p, 8);
        low -= (uint64_t)(-out) - 1;
        memcpy(p, &low, 8);
    } else {
        memcpy(p, &out, 8);
    }
    const uint64_t values[WIRES] = {1, 0, x, a, (uint64_t)a * a, (uint64_t)x * a};
    for (int i = 0; i < WIRES; i++)
        if (i != 1) memcpy(wires + 32 * i, &values[i], 8);
    EXPECT(rln_witness_import(wires, sizeof wires, &r, NULL) == RLN_OK);
    return r;
}

static rln_status set_up(rln_proving_key **r) {
    uint8_t random[320];
    for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)(7 * i + 3);
    return rln_setup(&LEFT, &RIGHT, &RESULT, WIRES, PUBLIC, random, sizeof random, NULL, NULL, r, NULL);
}

/* ---- one call each, for starve */

static rln_status call_build(const world *w) {
    static const uint8_t zero[TABLE_BYTES];
    memset(spare, 1, w->table_len[1]);
    const rln_status status = rln_tables_build(w->key, &RESULT, NULL, NULL, spare, w->table_len[1], NULL);
    EXPECT(memcmp(spare, status ? zero : room[1], w->table_len[1]) == 0);
    return status;
}

static rln_status call_open(const world *w) {
    rln_tables *r;
    const rln_status status = rln_tables_open(w->key, room[1], w->table_len[1], &r, NULL);
    EXPECT((status == RLN_OK) == (r != NULL));
    rln_tables_free(r);
    return status;
}

static void expect_proof(const world *w, rln_status status, const uint8_t *proof) {
    static const uint8_t zero[128];
    EXPECT(memcmp(proof, status ? zero : w->proof, 128) == 0);
}

static rln_status call_prove(const world *w) {
    uint8_t proof[128];
    const rln_status status = rln_proof_create(w->key, w->tables[2], w->witness, BLINDING, 64, NULL, proof,
                                               sizeof proof, NULL);
    expect_proof(w, status, proof);
    return status;
}

/* Make a proof with the new partial, if the call made one. */
static rln_status finish(const world *w, rln_status status, rln_partial *p) {
    uint8_t proof[128];
    EXPECT((status == RLN_OK) == (p != NULL));
    if (status == RLN_OK) {
        status = rln_partial_finish(p, w->witness, BLINDING, 64, NULL, proof, sizeof proof, NULL);
        expect_proof(w, status, proof);
    }
    rln_partial_free(p);
    return status;
}

static rln_status call_partial(const world *w) {
    rln_partial *p;
    const rln_status status = rln_partial_new(w->key, w->tables[2], w->zero, KNOWN, WIRES, NULL, &p, NULL);
    return finish(w, status, p);
}

static rln_status call_update(const world *w) {
    rln_partial *p;
    const rln_status status = rln_partial_update(w->before, w->zero, NULL, &p, NULL);
    return finish(w, status, p);
}

static rln_status call_encode(const world *w) {
    uint8_t r[PARTIAL_BYTES];
    static const uint8_t zero[PARTIAL_BYTES];
    const rln_status status = rln_partial_encode(w->partial, NULL, r, sizeof r);
    EXPECT(memcmp(r, status ? zero : w->encoded, sizeof r) == 0);
    return status;
}

static rln_status call_decode(const world *w) {
    rln_partial *p;
    const rln_status status = rln_partial_decode(w->key, w->tables[2], w->one, w->encoded, PARTIAL_BYTES, NULL, &p,
                                                 NULL);
    return finish(w, status, p);
}

static rln_status call_token(const world *w) {
    uint8_t proof[128];
    rln_token *t;
    rln_status status = rln_token_new(w->partial, w->zero, w->one, BLINDING, 64, NULL, &t, NULL);
    EXPECT((status == RLN_OK) == (t != NULL));
    if (status) return status;
    status = rln_token_publish(t, w->x, 32, proof, sizeof proof, NULL);
    expect_proof(w, status, proof);
    /* spent, even if the call failed */
    EXPECT(rln_token_publish(t, w->x, 32, proof, sizeof proof, NULL) == RLN_ERR_PARAMETER);
    rln_token_free(t);
    return status;
}

/* ---- the tiers */

static void test_same_bytes(world *w, rln_pool *pool) {
    for (int i = 0; i < 3; i++) {
        uint8_t proof[128], encoded[PARTIAL_BYTES];
        rln_partial *p, *before;
        rln_token *t;
        EXPECT(rln_proof_create(w->key, w->tables[i], w->witness, BLINDING, 64, pool, proof, 128, NULL) == RLN_OK);
        EXPECT(memcmp(proof, w->proof, 128) == 0);
        EXPECT(rln_partial_new(w->key, w->tables[i], w->other, KNOWN, WIRES, pool, &before, NULL) == RLN_OK);
        EXPECT(rln_partial_finish(before, w->witness, BLINDING, 64, pool, proof, 128, NULL) == RLN_ERR_WITNESS);
        EXPECT(rln_partial_update(before, w->one, pool, &p, NULL) == RLN_OK);
        rln_partial_free(before);
        EXPECT(rln_partial_finish(p, w->witness, BLINDING, 64, pool, proof, 128, NULL) == RLN_OK);
        EXPECT(memcmp(proof, w->proof, 128) == 0);
        EXPECT(rln_partial_encode(p, pool, encoded, sizeof encoded) == RLN_OK);
        EXPECT(memcmp(encoded, w->encoded, sizeof encoded) == 0);
        EXPECT(rln_token_new(p, w->zero, w->one, BLINDING, 64, pool, &t, NULL) == RLN_OK);
        rln_partial_free(p);
        EXPECT(rln_token_publish(t, w->x, 32, proof, 128, NULL) == RLN_OK);
        EXPECT(memcmp(proof, w->proof, 128) == 0);
        rln_token_free(t);
    }
}

static void test_a_token_is_spent_by_any_use(const world *w) {
    const uint8_t zero[32] = {0};
    uint8_t large[32], proof[128];
    rln_token *t;
    memset(large, 255, 32);
    const struct {
        const uint8_t *x;
        size_t len;
        rln_status status;
    } uses[] = {{zero, 32, RLN_ERR_PARAMETER}, {large, 32, RLN_ERR_RANGE}, {w->x, 31, RLN_ERR_LENGTH}};
    for (int i = 0; i < 3; i++) {
        EXPECT(rln_token_new(w->partial, w->zero, w->one, BLINDING, 64, NULL, &t, NULL) == RLN_OK);
        EXPECT(rln_token_publish(t, uses[i].x, uses[i].len, proof, 128, NULL) == uses[i].status);
        EXPECT(rln_token_publish(t, w->x, 32, proof, 128, NULL) == RLN_ERR_PARAMETER);
        rln_token_free(t);
    }
}

static void test_tables_of_others_are_refused(const world *w) {
    rln_tables *r;
    rln_proving_key *other;
    uint8_t random[320];
    for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)(5 * i + 1);
    EXPECT(rln_setup(&LEFT, &RIGHT, &RESULT, WIRES, PUBLIC, random, sizeof random, NULL, NULL, &other, NULL) == RLN_OK);
    EXPECT(rln_tables_open(other, room[1], w->table_len[1], &r, NULL) == RLN_ERR_PARAMETER && !r);
    uint8_t proof[128];
    EXPECT(rln_proof_create(other, w->tables[2], w->witness, BLINDING, 64, NULL, proof, 128, NULL) ==
           RLN_ERR_PARAMETER);
    rln_proving_key_free(other);

    EXPECT(rln_tables_open(w->key, room[1], w->table_len[1] - 1, &r, NULL) == RLN_ERR_LENGTH && !r);
    EXPECT(rln_tables_open(w->key, room[1], 127, &r, NULL) == RLN_ERR_LENGTH && !r);
    EXPECT(rln_tables_open(w->key, NULL, 0, &r, NULL) == RLN_ERR_LENGTH && !r);
    EXPECT(rln_tables_open(w->key, room[1], w->table_len[0], &r, NULL) == RLN_ERR_LENGTH && !r);
    EXPECT(rln_tables_open(w->key, room[1] + 32, w->table_len[1], &r, NULL) == RLN_ERR_PARAMETER && !r);
    for (size_t i = 0; i < 128; i++) {
        room[1][i] ^= 1;
        const rln_status status = rln_tables_open(w->key, room[1], w->table_len[1], &r, NULL);
        EXPECT((status == RLN_ERR_FORMAT || status == RLN_ERR_LENGTH) && !r);
        room[1][i] ^= 1;
    }
}

static void test_an_encoding_of_others_is_refused(const world *w) {
    uint8_t r[PARTIAL_BYTES];
    rln_partial *p;
    /* a byte, its change, the part that is wrong */
    const struct {
        size_t at;
        uint8_t change;
        rln_status status;
    } changes[] = {
        {0, 1, RLN_ERR_FORMAT},         {7, 1, RLN_ERR_FORMAT},         {8, 2, RLN_ERR_FORMAT},
        {8 + 1, 1, RLN_ERR_POINT},      {8 + 5, 1, RLN_ERR_POINT},      {8 + 5 + 31, 128, RLN_ERR_POINT},
        {8 + 5 + 32, 1, RLN_ERR_POINT}, {8 + 5 + 64, 1, RLN_ERR_POINT}, {8 + 5 + 128, 1, RLN_ERR_POINT},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        memcpy(r, w->encoded, sizeof r);
        r[changes[i].at] ^= changes[i].change;
        EXPECT(rln_partial_decode(w->key, NULL, w->one, r, sizeof r, NULL, &p, NULL) == changes[i].status && !p);
    }
    EXPECT(rln_partial_decode(w->key, NULL, w->zero, r, sizeof r - 1, NULL, &p, NULL) == RLN_ERR_LENGTH && !p);
    EXPECT(rln_partial_decode(w->key, NULL, w->other, w->encoded, sizeof r, NULL, &p, NULL) == RLN_ERR_POINT && !p);
}

static void test_engine(rln_pool *pool) {
    static uint8_t first[128], first_encoded[PARTIAL_BYTES];
    static int made;
    world w = {.x = {X}};
    EXPECT(set_up(&w.key) == RLN_OK);
    w.witness = assign(A, X);
    w.zero = assign(A, 0);
    w.one = assign(A, 1);
    w.other = assign(A + 1, X);
    for (int i = 0; i < 2; i++) {
        static _Alignas(64) uint8_t before[2][TABLE_BYTES];
        w.table_len[i] = rln_tables_size(w.key, i);
        EXPECT(w.table_len[i] <= TABLE_BYTES);
        EXPECT(rln_tables_build(w.key, i ? &RESULT : NULL, pool, NULL, room[i], w.table_len[i], NULL) == RLN_OK);
        EXPECT(rln_tables_open(w.key, room[i], w.table_len[i], &w.tables[i + 1], NULL) == RLN_OK);
        EXPECT(!made || memcmp(before[i], room[i], w.table_len[i]) == 0);
        memcpy(before[i], room[i], w.table_len[i]);
    }
    EXPECT(rln_proof_create(w.key, NULL, w.witness, BLINDING, 64, NULL, w.proof, 128, NULL) == RLN_OK);
    EXPECT(rln_partial_new(w.key, w.tables[2], w.zero, KNOWN, WIRES, NULL, &w.partial, NULL) == RLN_OK);
    EXPECT(rln_partial_new(w.key, w.tables[2], w.other, KNOWN, WIRES, NULL, &w.before, NULL) == RLN_OK);
    EXPECT(rln_partial_size(w.key) == PARTIAL_BYTES);
    EXPECT(rln_partial_encode(w.partial, NULL, w.encoded, PARTIAL_BYTES) == RLN_OK);
    EXPECT(!made || (!memcmp(first, w.proof, 128) && !memcmp(first_encoded, w.encoded, PARTIAL_BYTES)));
    memcpy(first, w.proof, 128);
    memcpy(first_encoded, w.encoded, PARTIAL_BYTES);
    made = 1;
    if (expect_failures == 0) {
        test_same_bytes(&w, NULL);
        test_same_bytes(&w, pool);
        test_a_token_is_spent_by_any_use(&w);
        test_tables_of_others_are_refused(&w);
        test_an_encoding_of_others_is_refused(&w);
        starve("build", call_build, &w);
        starve("open", call_open, &w);
        starve("prove", call_prove, &w);
        starve("partial", call_partial, &w);
        starve("update", call_update, &w);
        starve("encode", call_encode, &w);
        starve("decode", call_decode, &w);
        starve("token", call_token, &w);
    }
    for (int i = 0; i < 3; i++) rln_tables_free(w.tables[i]);
    rln_partial_free(w.partial);
    rln_partial_free(w.before);
    rln_witness_free(w.witness);
    rln_witness_free(w.zero);
    rln_witness_free(w.one);
    rln_witness_free(w.other);
    rln_proving_key_free(w.key);
}

int main(void) {
    rln_pool *pool;
    EXPECT(rln_pool_new(2, &pool) == RLN_OK);
    for (size_t i = 0; engine_at(i); i++)
        if (engine_at(i)->supported()) {
            EXPECT(engine_choose(engine_at(i)->name) == 0);
            test_engine(pool);
        }
    rln_pool_free(pool);
    return expect_status();
}
