/* Lazy reduction at its edges: each function that leaves a value unreduced gets the smallest and the largest operands
 * that its header allows, and is compared with long division. */
#include <string.h>

#include "math/portable.h"
#include "expect.h"
#include "sample.h"

#define WORDS 9

typedef struct big { uint64_t v[WORDS]; } big;

static big big_of(const uint64_t *a, int n) {
    big r = {{0}};
    memcpy(r.v, a, (size_t)n * sizeof *a);
    return r;
}

/* r = a + sign b mod 2^576; returns the carry or borrow. */
static uint64_t big_combine(big *r, const big *a, const big *b, int sign) {
    uint64_t carry = 0;
    for (int i = 0; i < WORDS; i++) {
        const mont_u128 t = sign > 0 ? (mont_u128)a->v[i] + b->v[i] + carry : (mont_u128)a->v[i] - b->v[i] - carry;
        r->v[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64) & 1;
    }
    return carry;
}

static big big_plus(big a, big b) {
    EXPECT(big_combine(&a, &a, &b, 1) == 0);
    return a;
}

static big big_minus(big a, big b) {
    EXPECT(big_combine(&a, &a, &b, -1) == 0);
    return a;
}

static int big_less(const big *a, const big *b) {
    big t;
    return (int)big_combine(&t, a, b, -1);
}

static big big_twice(big a) {
    return big_plus(a, a);
}

static big big_times(const uint64_t a[4], const uint64_t b[4]) {
    big r = {{0}};
    for (int i = 0; i < 4; i++) {
        mont_u128 t = 0;
        for (int j = 0; j < 4; j++) {
            t += (mont_u128)a[i] * b[j] + r.v[i + j];
            r.v[i + j] = (uint64_t)t;
            t >>= 64;
        }
        r.v[i + 4] = (uint64_t)t;
    }
    return r;
}

/* a mod p, by shifts and subtractions. */
static big big_mod(big a, const uint64_t p[4]) {
    big multiples[330];
    int n = 0;
    for (multiples[0] = big_of(p, 4); !big_less(&a, &multiples[n]) && n < 320; n++)
        multiples[n + 1] = big_twice(multiples[n]);
    for (; n >= 0; n--)
        if (!big_less(&a, &multiples[n])) a = big_minus(a, multiples[n]);
    return a;
}

/* 1 if r 2^(64 shift) = a mod p and r < 2p. */
static int is_loose(const uint64_t r[4], big a, const uint64_t p[4], int shift) {
    big t = {{0}};
    memcpy(t.v + shift, r, 4 * sizeof *r);
    const big left = big_mod(t, p), right = big_mod(a, p), value = big_of(r, 4), bound = big_twice(big_of(p, 4));
    return memcmp(&left, &right, sizeof left) == 0 && big_less(&value, &bound);
}

/* The loose values next to 0, p, 2p and to the ends of limbs, then random values. */
enum { EDGES = 20 };

static void edges_of(uint64_t r[EDGES][4], const uint64_t p[4]) {
    const big one = {{1}}, two = {{2}}, m = big_of(p, 4), m2 = big_twice(m);
    const big fixed[] = {{{0}},
                         one,
                         two,
                         big_minus(m, two),
                         big_minus(m, one),
                         m,
                         big_plus(m, one),
                         big_minus(m2, two),
                         big_minus(m2, one),
                         {{UINT64_MAX}},
                         {{UINT64_MAX, UINT64_MAX, UINT64_MAX}},
                         {{0, 0, 0, m.v[3]}},
                         {{UINT64_MAX, UINT64_MAX, UINT64_MAX, m2.v[3] - 1}},
                         {{0, 0, 0, m2.v[3]}},
                         {{UINT64_MAX, 0, UINT64_MAX, m.v[3]}}};
    const int n = (int)(sizeof fixed / sizeof fixed[0]);
    for (int i = 0; i < EDGES; i++) {
        big t = {{sample_u64(), sample_u64(), sample_u64(), sample_u64()}};
        t = big_mod(t, p);
        if (i % 2) t = big_plus(t, m);
        memcpy(r[i], i < n ? fixed[i].v : t.v, 32);
    }
}

static void test_loose_operations(const uint64_t p[4], const uint64_t p2[4], uint64_t n0) {
    uint64_t e[EDGES][4], r[4];
    edges_of(e, p);
    for (int i = 0; i < EDGES; i++)
        for (int j = 0; j < EDGES; j++) {
            const big a = big_of(e[i], 4), b = big_of(e[j], 4);
            mont_add(r, e[i], e[j], p2);
            EXPECT(is_loose(r, big_plus(a, b), p, 0));
            mont_sub(r, e[i], e[j], p2);
            EXPECT(is_loose(r, big_minus(big_plus(a, big_of(p2, 4)), b), p, 0));
            mont_mul(r, e[i], e[j], p, n0);
            EXPECT(is_loose(r, big_times(e[i], e[j]), p, 4));
        }
}

static void test_reduction_of_the_largest_wide_values(const uint64_t p[4], uint64_t n0) {
    const uint64_t low[4][4] = {{0}, {1}, {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, {0, 0, 0, UINT64_MAX}};
    const big m = big_of(p, 4), one = {{1}}, high[3] = {big_minus(m, one), {{0}}, one};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++) {
            uint64_t wide[8], r[4];
            memcpy(wide, low[i], 32);
            memcpy(wide + 4, high[j].v, 32);
            mont_reduce(r, wide, p, n0);
            EXPECT(is_loose(r, big_of(wide, 8), p, 4));
        }
}

static void test_integers_beyond_the_modulus(void) {
    const uint64_t ends[5][4] = {{0},
                                 {1},
                                 {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
                                 {UINT64_MAX - 1, UINT64_MAX, UINT64_MAX, UINT64_MAX},
                                 {0, 0, 0, 1ull << 63}};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++) {
            fr r;
            u256 back, a;
            uint8_t bytes[64];
            uint64_t words[8];
            memcpy(a.v, ends[i], 32);
            fr_from_u256(&r, &a);
            fr_to_u256(&back, &r);
            const big single = big_mod(big_of(a.v, 4), FR_MODULUS);
            EXPECT(memcmp(back.v, single.v, 32) == 0);
            memcpy(words, ends[i], 32);
            memcpy(words + 4, ends[j], 32);
            for (int k = 0; k < 8; k++) bytes_u64_encode(bytes + 8 * k, words[k]);
            fr_from_wide(&r, bytes);
            fr_to_u256(&back, &r);
            const big both = big_mod(big_of(words, 8), FR_MODULUS);
            EXPECT(memcmp(back.v, both.v, 32) == 0);
        }
}

static void test_fp2_products(void) {
    uint64_t e[EDGES][4];
    edges_of(e, FP_MODULUS);
    /* p 2^256 keeps a0 b0 - a1 b1 positive and is 0 mod p */
    const uint64_t shift[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    const big back = big_plus(big_times(FP_MODULUS, shift), big_of(FP_MODULUS, 4));
    for (int i = 0; i < EDGES; i++)
        for (int j = 0; j < EDGES; j++)
            for (int k = 0; k < 9; k++)
                for (int l = 0; l < 9; l++) {
                    fp2 a, b, r;
                    memcpy(&a.c0, e[i], 32), memcpy(&a.c1, e[k], 32);
                    memcpy(&b.c0, e[j], 32), memcpy(&b.c1, e[l], 32);
                    fp2_mul(&r, &a, &b);
                    EXPECT(is_loose(r.c0.v, big_minus(big_plus(big_times(e[i], e[j]), back), big_times(e[k], e[l])),
                                    FP_MODULUS, 4));
                    EXPECT(is_loose(r.c1.v, big_plus(big_times(e[i], e[l]), big_times(e[k], e[j])), FP_MODULUS, 4));
                }
}

static void test_fp2_times_nonresidue(void) {
    uint64_t e[EDGES][4];
    edges_of(e, FP_MODULUS);
    const uint64_t nine[4] = {9};
    for (int i = 0; i < EDGES; i++)
        for (int j = 0; j < EDGES; j++) {
            fp2 a, r;
            memcpy(&a.c0, e[i], 32), memcpy(&a.c1, e[j], 32);
            fp2_mul_by_nonresidue(&r, &a);
            const big minus = big_minus(big_twice(big_of(FP_MODULUS, 4)), big_of(e[j], 4));
            EXPECT(is_loose(r.c0.v, big_plus(big_times(e[i], nine), minus), FP_MODULUS, 0));
            EXPECT(is_loose(r.c1.v, big_plus(big_times(e[j], nine), big_of(e[i], 4)), FP_MODULUS, 0));
        }
}

static void test_halves(void) {
    uint64_t e[EDGES][4];
    edges_of(e, FP_MODULUS);
    for (int i = 0; i < EDGES; i++) {
        fp a, r;
        memcpy(&a, e[i], 32);
        fp_half(&r, &a);
        fp_dbl(&r, &r);
        EXPECT(is_loose(r.v, big_of(e[i], 4), FP_MODULUS, 0));
        fp_half(&a, &a);
        EXPECT(is_loose(a.v, big_mod(big_times(e[i], (const uint64_t[4]){0, 0, 0, 1ull << 63}), FP_MODULUS), FP_MODULUS,
                        4));
    }
}

/* Up to four terms, with the largest value for every operand, and with mixtures. */
static void test_dot(void) {
    uint64_t e[EDGES][4];
    edges_of(e, FR_MODULUS);
    for (unsigned n = 1; n <= MONT_DOT_MOST; n++)
        for (unsigned mixture = 0; mixture < 400; mixture++) {
            uint64_t a[MONT_DOT_MOST][4], b[MONT_DOT_MOST][4], r[4];
            big sum = {{0}};
            for (unsigned i = 0; i < n; i++) {
                const fr any = sample_fr();
                memcpy(a[i], mixture ? e[sample_u64() % EDGES] : e[8], 32); /* 2r - 1 */
                memcpy(b[i], mixture % 2 ? any.v : e[4], 32);               /* r - 1 */
                sum = big_plus(sum, big_times(a[i], b[i]));
            }
            mont_dot(r, (const uint64_t (*)[4])a, (const uint64_t (*)[4])b, n, FR_MODULUS, FR_N0);
            const big value = big_of(r, 4), bound = big_plus(big_twice(big_of(FR_MODULUS, 4)), big_of(FR_MODULUS, 4));
            mont_subtract_once(r, r, FR_MODULUS2);
            EXPECT(is_loose(r, sum, FR_MODULUS, 4));
            EXPECT(big_less(&value, &bound));
        }
}

/* The same for rows of every length. */
static void test_poseidon_row(void) {
    uint64_t e[EDGES][4];
    edges_of(e, FR_MODULUS);
    for (unsigned n = 0; n <= 2 * POSEIDON_MAX_ARITY; n++)
        for (unsigned mixture = 0; mixture < 200; mixture++) {
            fr x[2 * POSEIDON_MAX_ARITY], c[2 * POSEIDON_MAX_ARITY + 1], unit, sum, t, r;
            memcpy(&unit, mixture ? e[sample_u64() % EDGES] : e[8], 32); /* 2r - 1 */
            for (unsigned i = 0; i <= n; i++) {
                c[i] = sample_fr();
                if (mixture % 2 == 0) memcpy(&c[i], e[4], 32); /* r - 1 */
                if (i < n) memcpy(&x[i], mixture ? e[sample_u64() % EDGES] : e[8], 32);
            }
            sum = c[0];
            for (unsigned i = 0; i < n; i++) {
                fr_mul(&t, &x[i], &c[1 + i]);
                fr_add(&sum, &sum, &t);
            }
            poseidon_row(&r, NULL, x, c, n);
            EXPECT(is_loose(r.v, big_of(sum.v, 4), FR_MODULUS, 0));
            fr_add(&sum, &sum, &unit);
            poseidon_row(&r, &unit, x, c, n);
            EXPECT(is_loose(r.v, big_of(sum.v, 4), FR_MODULUS, 0));
        }
}

int main(void) {
    test_loose_operations(FR_MODULUS, FR_MODULUS2, FR_N0);
    test_loose_operations(FP_MODULUS, FP_MODULUS2, FP_N0);
    test_reduction_of_the_largest_wide_values(FR_MODULUS, FR_N0);
    test_reduction_of_the_largest_wide_values(FP_MODULUS, FP_N0);
    test_integers_beyond_the_modulus();
    test_fp2_products();
    test_fp2_times_nonresidue();
    test_halves();
    test_dot();
    test_poseidon_row();
    return expect_status();
}
