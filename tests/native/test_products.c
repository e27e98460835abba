/* engine: products of many pairings and decompression of many points, in every engine: equal to the portable engine
 * bit for bit, and exact for each term and each point. */
#include <string.h>

#include "engine/engine.h"
#include "expect.h"
#include "math/portable.h"
#include "sample.h"
#include "twist.h"

#define MOST 21
#define WRONG 4
#define ASTRAY 2

static g1_aff g1_times(uint64_t k) {
    const u256 scalar = {{k, 0, 0, 0}};
    g1_jac t;
    g1_aff r;
    g1_mul_any_var(&t, &G1_GENERATOR, &scalar);
    g1_to_aff_var(&r, &t);
    return r;
}

static g2_aff g2_times(uint64_t k) {
    const u256 scalar = {{k, 0, 0, 0}};
    return g2_any(&G2_GENERATOR, &scalar);
}

static g2_aff g2_plus(const g2_aff *a, const g2_aff *b) {
    g2_jac t;
    g2_aff r;
    g2_from_aff(&t, a);
    g2_add_mixed_var(&t, &t, b);
    g2_to_aff_var(&r, &t);
    return r;
}

/* Points outside G2. Those from WRONG on are not even on the twist, so their answers mean nothing; but they meet
 * denominators of zero, which must not affect their neighbours. */
static void wrong_points(g2_aff q[WRONG + ASTRAY]) {
    const g2_aff member = g2_times(7);
    q[0] = twist_point(100);
    q[1] = twist_small(200, 10069);
    q[2] = twist_small(300, 5864401);
    q[3] = g2_plus(&q[1], &member);
    q[4] = member;
    q[4].y = fp2_zero();
    q[5] = member;
    q[5].x = fp2_zero();
    for (int i = 0; i < WRONG; i++) EXPECT(g2_aff_on_curve(&q[i]));
}

static void expect_product(const engine *e, const fp12 *want, const pairing_term *terms, size_t n, pool *threads) {
    fp12 got;
    uint8_t outside[MOST] = {0};
    if (n % 4 == 0) {
        EXPECT(e->pairing_product_var(&got, NULL, terms, n, threads) == 0);
        EXPECT(!memcmp(&got, want, sizeof got));
    }
    EXPECT(e->pairing_product_var(&got, outside, terms, n, threads) == 0);
    EXPECT(!memcmp(&got, want, sizeof got));
    for (size_t i = 0; i < n; i++) EXPECT(outside[i] == 0);
}

static fp12 reference_product(const pairing_term *terms, size_t n) {
    pairing_term plain[MOST];
    fp12 r;
    for (size_t i = 0; i < n; i++) plain[i] = (pairing_term){terms[i].p, terms[i].q, NULL};
    EXPECT(engine_find("portable")->pairing_product_var(&r, NULL, plain, n, NULL) == 0);
    return r;
}

/* Every count, with and without lines, infinity in every place. */
static void test_products(const engine *e, pool *threads) {
    pairing_term terms[MOST];
    g2_lines *lines[MOST];
    mem memory = MEM_EMPTY;
    for (uint64_t i = 0; i < MOST; i++) {
        terms[i] = (pairing_term){g1_times(3 * i + 1), g2_times(5 * i + 2), NULL};
        lines[i] = mem_take(&memory, 1, e->pairing_lines_size());
        e->pairing_prepare(lines[i], &terms[i].q);
    }
    for (size_t n = 0; n <= MOST; n++) {
        const fp12 want = reference_product(terms, n);
        expect_product(e, &want, terms, n, threads);
        for (size_t i = 0; i < n; i++) terms[i].lines = (i + n) % 3 ? NULL : lines[i];
        expect_product(e, &want, terms, n, threads);
        for (size_t i = 0; i < n; i++) terms[i].lines = n % 2 ? NULL : lines[i];
        expect_product(e, &want, terms, n, threads);
        for (size_t i = 0; i < n; i++) terms[i].lines = NULL;
    }
    for (size_t place = 0; place < 10; place++)
        for (int which = 0; which < 4; which++) {
            pairing_term some[10];
            g2_lines *const infinite = mem_take(&memory, 1, e->pairing_lines_size());
            memcpy(some, terms, sizeof some);
            if (which != 1) some[place].p = g1_aff_infinity();
            if (which != 0) some[place].q = g2_aff_infinity();
            const fp12 want = reference_product(some, 10);
            e->pairing_prepare(infinite, &some[place].q);
            if (which == 3) some[place].lines = infinite;
            expect_product(e, &want, some, 10, threads);
        }
    mem_close(&memory);
}

/* More terms than one piece of work holds. */
static void test_many(const engine *e, pool *threads) {
    enum { N = 530 };
    static pairing_term terms[N];
    static uint8_t outside[N];
    fp12 r;
    for (size_t i = 0; i < N; i += 2) {
        terms[i] = terms[i + 1] = (pairing_term){g1_times(i + 1), g2_times(1000 - i % 7), NULL};
        g1_aff_neg(&terms[i + 1].p, &terms[i].p);
    }
    EXPECT(e->pairing_product_var(&r, outside, terms, N, threads) == 0);
    EXPECT(fp12_is_one(&r));
    for (size_t i = 0; i < N; i++) EXPECT(outside[i] == 0);
    terms[400].q = twist_point(5);
    terms[1].q = twist_small(6, 10069);
    EXPECT(e->pairing_product_var(&r, outside, terms, N, threads) == 0);
    for (size_t i = 0; i < N; i++) EXPECT(outside[i] == (i == 400 || i == 1));
}

/* One or several terms outside, in every place; the answers for their neighbours are right. */
static void test_outside(const engine *e, pool *threads) {
    enum { N = 19 };
    pairing_term terms[N], some[N];
    g2_aff wrong[WRONG + ASTRAY];
    uint8_t outside[N];
    fp12 r;
    wrong_points(wrong);
    for (uint64_t i = 0; i < N; i++) terms[i] = (pairing_term){g1_times(i + 1), g2_times(i + 9), NULL};
    for (size_t n = 1; n <= N; n += 6)
        for (size_t place = 0; place < n; place++)
            for (int which = 0; which < WRONG + ASTRAY; which++) {
                const size_t other = (place + 5) % n;
                memcpy(some, terms, sizeof some);
                some[other].q = wrong[(which + 1) % WRONG];
                some[place].q = wrong[which];
                if (which % 2 && which < WRONG) some[place].p = g1_aff_infinity();
                EXPECT(e->pairing_product_var(&r, outside, some, n, threads) == 0);
                for (size_t i = 0; i < n; i++)
                    EXPECT((which >= WRONG && i == place) || outside[i] == (i == place || i == other));
            }
}

static void test_memory(const engine *e) {
    pairing_term terms[MOST];
    for (uint64_t i = 0; i < MOST; i++) terms[i] = (pairing_term){g1_times(i), g2_times(i + 1), NULL};
    int status = -1;
    uint64_t needed = 0;
    while (status) {
        fp12 r;
        mem_fail_at(++needed);
        status = e->pairing_product_var(&r, NULL, terms, MOST, NULL);
        EXPECT(status == 0 || status == -1);
    }
    EXPECT(needed > 1);
    mem_fail_at(0);
}

/* ---- decompression */

/* Coordinates as from an attacker: around 0 and p, above p, beyond 254 bits, and random. */
static void weird_coordinate(uint8_t r[32]) {
    const uint64_t kind = sample_u64() % 8;
    uint64_t v[4] = {0, 0, 0, 0};
    if (kind < 4) {
        for (int i = 0; i < 4; i++) v[i] = sample_u64();
        v[3] %= FP_MODULUS[3];
    } else if (kind == 4) {
        v[0] = sample_u64() % 5;
    } else {
        memcpy(v, FP_MODULUS, sizeof v);
        if (kind == 5) v[0] -= sample_u64() % 3;
        if (kind == 6) v[0] += sample_u64() % 3;
        if (kind == 7) v[3] |= (uint64_t)1 << (62 - sample_u64() % 3);
    }
    memcpy(r, v, 32);
}

#define DECOMPRESSION_TEST(G, SIZE)                                                                               \
    static void test_##G##_decompression(const engine *e) {                                                       \
        enum { N = 400 };                                                                                         \
        static uint8_t bytes[N][SIZE + 5];                                                                        \
        static G##_aff got[N], want[N];                                                                           \
        static rln_status status[N], answer[N];                                                                   \
        for (size_t i = 0; i < N; i++) {                                                                          \
            for (size_t j = 0; j < SIZE; j += 32) weird_coordinate(bytes[i] + j);                                 \
            if (i % 16 == 0) memset(bytes[i], 0, SIZE);                                                           \
            bytes[i][SIZE - 1] &= 0x3f;                                                                           \
            bytes[i][SIZE - 1] |= (uint8_t)(sample_u64() % (i % 4 ? 2 : 4) << (sample_u64() % 2 ? 7 : 6) & 0xff); \
            want[i] = G##_aff_infinity();                                                                         \
            answer[i] = G##_decompress_on_curve(&want[i], bytes[i]);                                              \
        }                                                                                                         \
        for (size_t n = 0; n <= N; n = n < 20 ? n + 1 : n + 95) {                                                 \
            memset(got, 9, sizeof got);                                                                           \
            memset(status, 9, sizeof status);                                                                     \
            e->G##_decompress_many_var(got, status, bytes[0], SIZE + 5, n);                                       \
            EXPECT(!memcmp(got, want, n * sizeof *got));                                                          \
            EXPECT(!memcmp(status, answer, n * sizeof *status));                                                  \
        }                                                                                                         \
    }

DECOMPRESSION_TEST(g1, 32)
DECOMPRESSION_TEST(g2, 64)

int main(void) {
    pool *const threads = pool_new(3);
    EXPECT(threads != NULL);
    for (size_t i = 0; engine_at(i); i++) {
        const engine *const e = engine_at(i);
        if (!e->supported()) continue;
        test_products(e, i ? NULL : threads);
        test_many(e, threads);
        test_outside(e, NULL);
        test_memory(e);
        test_g1_decompression(e);
        test_g2_decompression(e);
    }
    pool_free(threads);
    return expect_status();
}
