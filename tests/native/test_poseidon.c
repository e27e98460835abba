/* Poseidon: the published hashes of small numbers on every engine; and all engines agree on scalars near the ends of
 * limbs and of the field, in batches around the sizes of lanes and pieces. */
#include <string.h>

#include "engine/engine.h"
#include "math/portable.h"
#include "expect.h"
#include "sample.h"

#define MOST 1100

static uint8_t in[MOST * POSEIDON_MAX_ARITY * 32], a[(MOST + 1) * 32], b[MOST * 32];

/* circomlibjs: the hash of 1, 2, .. arity, its lowest eight bytes. */
static const uint64_t KNOWN[POSEIDON_MAX_ARITY] = {
    0x8b897dc502820133u, 0x9e19607a4417189au, 0xf725df34ab36d732u, 0xbaa525df65250465u,
    0x18125f8feeb123c0u, 0x134a4cca2f6302e1u, 0x2e9df45b4921c318u, 0x4d43b3d8d0c4d8d1u,
};

/* 0, 1, r - 1, limbs of ones and of zeros, random values. */
static void fill(unsigned salt) {
    for (size_t i = 0; i < sizeof in / 32; i++) {
        const u256 t = sample_edge((unsigned)(sample_u64() % (salt ? 20 : 2)));
        for (int j = 0; j < 4; j++) bytes_u64_encode(in + 32 * i + 8 * j, t.v[j]);
    }
}

static void compare(const engine *e, const engine *reference, size_t arity, size_t n, pool *threads) {
    memset(a, 0xa5, sizeof a);
    e->poseidon_hash_many(a, in, arity, n, threads);
    reference->poseidon_hash_many(b, in, arity, n, NULL);
    EXPECT(!memcmp(a, b, 32 * n));
    for (size_t i = 32 * n; i < 32 * n + 32; i++) EXPECT(a[i] == 0xa5); /* the bytes after them are unchanged */
}

static void test_known(const engine *e) {
    uint8_t numbers[32 * POSEIDON_MAX_ARITY] = {0};
    for (size_t arity = 1; arity <= POSEIDON_MAX_ARITY; arity++) {
        numbers[32 * (arity - 1)] = (uint8_t)arity;
        e->poseidon_hash_many(a, numbers, arity, 1, NULL);
        EXPECT(bytes_u64_decode(a) == KNOWN[arity - 1]);
    }
}

int main(void) {
    const engine *const reference = engine_find("portable");
    pool *const threads = pool_new(3);
    EXPECT(threads != NULL);
    for (size_t i = 0; engine_at(i); i++) {
        const engine *const e = engine_at(i);
        if (!e->supported()) continue;
        test_known(e);
        for (size_t arity = 1; arity <= POSEIDON_MAX_ARITY; arity++) {
            fill(1);
            for (size_t n = 0; n <= 40; n++) compare(e, reference, arity, n, NULL);
            fill(0);
            compare(e, reference, arity, 16, NULL);
        }
        fill(1);
        for (size_t arity = 1; arity <= 3; arity++) {
            compare(e, reference, arity, 1000, threads);
            compare(e, reference, arity, MOST, threads);
        }
        compare(e, reference, 8, 1000, threads);
    }
    pool_free(threads);
    return expect_status();
}
