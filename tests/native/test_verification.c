/* engine: the jobs of one verification in every engine: products of few pairings with the test of the subgroup, sums
 * from combs, points from their compressed forms. */
#include <string.h>

#include "engine/engine.h"
#include "math/portable.h"
#include "expect.h"
#include "sample.h"
#include "twist.h"

enum { TERMS = 7 };

static g1_aff g1_sample(uint64_t k) {
    const u256 scalar = {{k, 0, 0, 0}};
    g1_jac t;
    g1_aff r;
    g1_mul_any_var(&t, &G1_GENERATOR, &scalar);
    g1_to_aff_var(&r, &t);
    return r;
}

static g2_aff g2_sample(uint64_t k) {
    const u256 scalar = {{k, 0, 0, 0}};
    return g2_any(&G2_GENERATOR, &scalar);
}

/* Infinity on both sides in every position, and lines in every pattern. */
static void compare_products(const engine *e) {
    pairing_term terms[TERMS], others[TERMS];
    g2_lines *lines[2][TERMS];
    mem memory = MEM_EMPTY;
    for (size_t i = 0; i < TERMS; i++) {
        terms[i] = (pairing_term){g1_sample(i + 2), g2_sample(3 * i + 1), NULL};
        lines[0][i] = mem_take(&memory, 1, e->pairing_lines_size());
        lines[1][i] = mem_take(&memory, 1, engine_portable.pairing_lines_size());
        e->pairing_prepare(lines[0][i], &terms[i].q);
        engine_portable.pairing_prepare(lines[1][i], &terms[i].q);
    }
    for (size_t n = 0; n <= TERMS; n++)
        for (unsigned round = 0; round < 9; round++) {
            const uint64_t which = sample_u64();
            fp12 a, b;
            pairing_term now[TERMS];
            memcpy(now, terms, sizeof now);
            for (size_t i = 0; i < n; i++) {
                if (round > 4 && (which >> (32 + i) & 3) == 0) now[i].p = g1_aff_infinity();
                if (round > 5 && (which >> (48 + i) & 3) == 0) now[i].q = g2_aff_infinity();
            }
            memcpy(others, now, sizeof now);
            for (size_t i = 0; i < n; i++) {
                if (g2_aff_is_infinity(&now[i].q)) continue;
                if (round == 0 || (round > 1 && !(which >> i & 1))) continue;
                now[i].lines = lines[0][i];
                others[i].lines = lines[1][i];
            }
            EXPECT(!e->pairing_product_var(&a, NULL, now, n, NULL));
            EXPECT(!engine_portable.pairing_product_var(&b, NULL, others, n, NULL));
            EXPECT(!memcmp(&a, &b, sizeof a)); /* canonical */
            uint8_t outside[TERMS + 1];
            memset(outside, 9, sizeof outside);
            EXPECT(!e->pairing_product_var(&a, outside, now, n, NULL));
            EXPECT(!memcmp(&a, &b, sizeof a));
            for (size_t i = 0; i <= n; i++) EXPECT(outside[i] == (i < n ? 0 : 9));
        }
    mem_close(&memory);
}

/* Points outside G2 in every position, of large and of small order, also next to infinity. */
static void compare_outside(const engine *e) {
    g2_aff bad[12];
    for (uint64_t i = 0; i < 12; i++) bad[i] = i % 3 == 0 ? twist_point(i) : twist_small(i, TWIST_PRIMES[i % 3 - 1]);
    for (size_t n = 1; n <= TERMS; n++)
        for (unsigned round = 0; round < 8; round++) {
            pairing_term terms[TERMS];
            uint8_t outside[TERMS];
            fp12 r;
            const uint64_t which = round == 0 ? UINT64_MAX : sample_u64();
            for (size_t i = 0; i < n; i++) {
                terms[i] = (pairing_term){g1_sample(i + 2), g2_sample(i + 1), NULL};
                if (which >> i & 1) terms[i].q = bad[(which >> (8 + i)) % 12];
                if (round > 4 && which >> (32 + i) & 1) terms[i].p = g1_aff_infinity();
            }
            EXPECT(!e->pairing_product_var(&r, outside, terms, n, NULL));
            for (size_t i = 0; i < n; i++) EXPECT(outside[i] == (which >> i & 1));
        }
    for (uint64_t j = 1; j < 30; j++)
        for (size_t i = 0; i < 2; i++) {
            const g2_aff base = twist_small(7, TWIST_PRIMES[i]);
            const u256 scalar = {{j, 0, 0, 0}};
            const pairing_term term = {g1_sample(2), g2_any(&base, &scalar), NULL};
            uint8_t outside;
            fp12 r;
            EXPECT(!e->pairing_product_var(&r, &outside, &term, 1, NULL));
            EXPECT(outside == 1);
        }
}

/* Equal, opposite and infinite points; scalars at the edges, so that partial sums meet. */
static void compare_combs(const engine *e) {
    g1_aff points[COMB_MOST];
    u256 k[COMB_MOST];
    mem memory = MEM_EMPTY;
    g1_aff *const table = mem_take(&memory, COMB_MOST, COMB_POINTS * sizeof *table);
    for (unsigned round = 0; round < 40; round++) {
        const size_t n = round % (COMB_MOST + 1);
        for (size_t i = 0; i < n; i++) {
            points[i] = round < 9 ? g1_sample(i + 1) : g1_sample(sample_u64() % 4 + 1);
            if (round > 12 && sample_u64() % 3 == 0) g1_aff_neg(&points[i], &points[i]);
            if (round > 18 && sample_u64() % 4 == 0) points[i] = g1_aff_infinity();
            k[i] = round % 2 ? sample_edge(round + (unsigned)i) : sample_scalar();
            if (round > 24) k[i] = k[0];
        }
        g1_jac sum, t, got;
        g1_aff a, b;
        sum = g1_infinity();
        for (size_t i = 0; i < n; i++) {
            g1_mul_any_var(&t, &points[i], &k[i]);
            g1_add_var(&sum, &sum, &t);
        }
        e->g1_comb_fill_var(table, points, n);
        e->g1_comb_sum_var(&got, table, k, n);
        g1_to_aff_var(&a, &got);
        g1_to_aff_var(&b, &sum);
        EXPECT(!memcmp(&a, &b, sizeof a));
    }
    mem_close(&memory);
}

static void compare_decompression(const engine *e) {
    enum { N = 24 };
    uint8_t one[N][32], two[N][64];
    g1_aff a[N], x;
    g2_aff b[N], y;
    rln_status status_a[N], status_b[N];
    for (uint64_t i = 0; i < N; i++) {
        const g1_aff p = i % 9 == 8 ? g1_aff_infinity() : g1_sample(i);
        const g2_aff q = i % 9 == 8 ? g2_aff_infinity() : i % 2 ? g2_sample(i) : twist_point(i);
        g1_compress(one[i], &p);
        g2_compress(two[i], &q);
        if (i % 5 == 1) one[i][3] ^= (uint8_t)(1 + i), two[i][40] ^= (uint8_t)(1 + i);
        if (i % 5 == 2) one[i][31] ^= 0x80, two[i][63] ^= 0x80;
        if (i % 11 == 3) memset(one[i], 0xff, 31), memset(two[i], 0xff, 32);
        if (i % 11 == 4) one[i][31] |= 0x40, two[i][63] |= 0x40;
        if (i == 20) memset(one[i], 0, 32), memset(two[i], 0, 64);
    }
    e->g1_decompress_many_var(a, status_a, one[0], sizeof one[0], N);
    e->g2_decompress_many_var(b, status_b, two[0], sizeof two[0], N);
    for (size_t i = 0; i < N; i++) {
        EXPECT(g1_decompress_on_curve(&x, one[i]) == status_a[i] && !memcmp(&x, &a[i], sizeof x));
        EXPECT(g2_decompress_on_curve(&y, two[i]) == status_b[i] && !memcmp(&y, &b[i], sizeof y));
        EXPECT(g1_aff_on_curve(&a[i]) && g2_aff_on_curve(&b[i]));
    }
}

int main(int count, char **arguments) {
    for (size_t i = 0; engine_at(i); i++) {
        const engine *const e = engine_at(i);
        const int before = expect_failures;
        if (count > 1 ? strcmp(arguments[1], e->name) : !e->supported()) continue;
        compare_products(e);
        compare_outside(e);
        compare_combs(e);
        compare_decompression(e);
        if (expect_failures != before) fprintf(stderr, "  with engine %s\n", e->name);
    }
    return expect_status();
}
