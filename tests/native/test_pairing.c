/* math: Fp2, Fp6, Fp12, the subgroup test of G2, pairings. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "math/portable.h"
#include "expect.h"
#include "twist.h"

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint64_t random_word(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Loose values, most of them at an edge: near 0, p and 2p, and limbs of all zeros or ones. */
static fp random_fp(void) {
    static const uint64_t zero[4] = {0, 0, 0, 0};
    const uint64_t kind = random_word() % 6;
    fp r;
    if (kind < 3) {
        const uint64_t *base = kind == 0 ? zero : kind == 1 ? FP_MODULUS : FP_MODULUS2;
        memcpy(r.v, base, sizeof r.v);
        if (kind != 2) r.v[0] += random_word() % 3;
        if (kind != 0) r.v[0] -= 1 + random_word() % 2;
        return r;
    }
    for (int i = 0; i < 4; i++) {
        const uint64_t word = random_word(), choice = random_word() % 6;
        r.v[i] = kind == 3 ? word : choice == 0 ? 0 : choice == 1 ? UINT64_MAX : word;
    }
    r.v[3] %= FP_MODULUS2[3];
    return r;
}

static fp2 random_fp2(void) {
    return (fp2){random_fp(), random_fp()};
}

static fp6 random_fp6(void) {
    return (fp6){random_fp2(), random_fp2(), random_fp2()};
}

static fp12 random_fp12(void) {
    return (fp12){random_fp6(), random_fp6()};
}

static int fp12_is_loose(const fp12 *a) {
    const fp *coordinate = &a->c0.c0.c0;
    for (int i = 0; i < 12; i++) {
        uint64_t borrow = 0;
        for (int j = 0; j < 4; j++) (void)mont_subb(coordinate[i].v[j], FP_MODULUS2[j], &borrow);
        if (!borrow) return 0;
    }
    return 1;
}

static void test_fp2_agrees_with_schoolbook(void) {
    for (int i = 0; i < 2000; i++) {
        const fp2 a = random_fp2(), b = random_fp2();
        fp2 r, want, t;
        fp product;
        fp_mul(&want.c0, &a.c0, &b.c0);
        fp_mul(&product, &a.c1, &b.c1);
        fp_sub(&want.c0, &want.c0, &product);
        fp_mul(&want.c1, &a.c0, &b.c1);
        fp_mul(&product, &a.c1, &b.c0);
        fp_add(&want.c1, &want.c1, &product);
        fp2_mul(&r, &a, &b);
        EXPECT(fp2_equal(&r, &want));
        fp2_mul(&want, &a, &a);
        fp2_sqr(&r, &a);
        EXPECT(fp2_equal(&r, &want));
        fp_from_u64(&t.c0, 9);
        t.c1 = FP_ONE;
        fp2_mul(&want, &a, &t);
        fp2_mul_by_nonresidue(&r, &a);
        EXPECT(fp2_equal(&r, &want));
        const fp12 bounds = {{r, want, a}, {a, b, b}};
        EXPECT(fp12_is_loose(&bounds));
        /* 9 + u is not a square */
        EXPECT(fp2_is_zero(&a) || (fp2_sqrt_var(&r, &want) == 0) != (fp2_sqrt_var(&r, &a) == 0));
    }
}

static void test_fp2_roots(void) {
    int squares = 0;
    for (int i = 0; i < 200; i++) {
        fp2 a = random_fp2(), square, root;
        if (i % 4 == 0) a.c1 = fp_zero();
        if (i % 4 == 1) a.c0 = fp_zero();
        fp2_sqr(&square, &a);
        EXPECT(fp2_sqrt_var(&root, &square) == 0);
        fp2_sqr(&root, &root);
        EXPECT(fp2_equal(&root, &square));
        if (fp2_sqrt_var(&root, &a) == 0) squares++;
        else EXPECT(fp2_is_zero(&root));
        fp2_neg(&root, &a);
        EXPECT(fp2_is_zero(&a) ? !fp2_is_larger(&a) : !fp2_is_larger(&a) != !fp2_is_larger(&root));
    }
    EXPECT(squares > 50 && squares < 180);
}

static void test_fp2_inverses_at_once(void) {
    fp2 a[20], b[20], scratch[20];
    for (int i = 0; i < 20; i++) {
        a[i] = i % 5 ? random_fp2() : fp2_zero();
        fp2_inv(&b[i], &a[i]);
    }
    fp2_inv_many(a, 20, scratch);
    for (int i = 0; i < 20; i++) EXPECT(fp2_equal(&a[i], &b[i]));
    fp2_inv_many(a, 0, scratch);
}

/* A result may overwrite an operand. */
static void test_fp12_aliasing(void) {
    for (int i = 0; i < 50; i++) {
        const fp12 a = random_fp12(), b = random_fp12();
        fp12 r, t;
#define SAME(call_fresh, call_aliased) \
    do {                               \
        call_fresh;                    \
        t = a;                         \
        call_aliased;                  \
        EXPECT(fp12_equal(&r, &t));    \
        EXPECT(fp12_is_loose(&r));     \
    } while (0)
        SAME(fp12_mul(&r, &a, &b), fp12_mul(&t, &t, &b));
        SAME(fp12_mul(&r, &b, &a), fp12_mul(&t, &b, &t));
        SAME(fp12_mul(&r, &a, &a), fp12_mul(&t, &t, &t));
        SAME(fp12_sqr(&r, &a), fp12_sqr(&t, &t));
        SAME(fp12_inv(&r, &a), fp12_inv(&t, &t));
        SAME(fp12_conjugate(&r, &a), fp12_conjugate(&t, &t));
        SAME(fp12_frobenius(&r, &a), fp12_frobenius(&t, &t));
        SAME(fp12_frobenius_2(&r, &a), fp12_frobenius_2(&t, &t));
        SAME(fp12_frobenius_3(&r, &a), fp12_frobenius_3(&t, &t));
        SAME(fp12_cyclotomic_sqr(&r, &a), fp12_cyclotomic_sqr(&t, &t));
        SAME(fp12_mul_by_line(&r, &a, &a.c0.c0, &a.c1.c0, &a.c1.c1),
             fp12_mul_by_line(&t, &t, &t.c0.c0, &t.c1.c0, &t.c1.c1));
        SAME(fp12_mul_by_unit_line(&r, &a, &a.c1.c0, &a.c1.c1), fp12_mul_by_unit_line(&t, &t, &t.c1.c0, &t.c1.c1));
#undef SAME
    }
}

static void test_fp12_laws(void) {
    for (int i = 0; i < 50; i++) {
        const fp12 a = random_fp12(), b = random_fp12();
        fp12 r, want, line = {fp6_zero(), fp6_zero()};
        fp12_mul(&want, &a, &a);
        fp12_sqr(&r, &a);
        EXPECT(fp12_equal(&r, &want));
        fp6_mul(&want.c0, &a.c0, &a.c0);
        fp6_sqr(&r.c0, &a.c0);
        EXPECT(fp6_equal(&r.c0, &want.c0));

        line.c0.c0 = b.c0.c0;
        line.c1.c0 = b.c1.c0;
        line.c1.c1 = b.c1.c1;
        fp12_mul(&want, &a, &line);
        fp12_mul_by_line(&r, &a, &line.c0.c0, &line.c1.c0, &line.c1.c1);
        EXPECT(fp12_equal(&r, &want));
        line.c0.c0 = fp2_one();
        fp12_mul(&want, &a, &line);
        fp12_mul_by_unit_line(&r, &a, &line.c1.c0, &line.c1.c1);
        EXPECT(fp12_equal(&r, &want));

        fp12_frobenius(&want, &a);
        fp12_frobenius(&want, &want);
        fp12_frobenius_2(&r, &a);
        EXPECT(fp12_equal(&r, &want));
        fp12_frobenius(&want, &want);
        fp12_frobenius_3(&r, &a);
        EXPECT(fp12_equal(&r, &want));
        fp12_frobenius_3(&r, &r);
        fp12_conjugate(&want, &a);
        EXPECT(fp12_equal(&r, &want));

        fp12_inv(&r, &a);
        fp12_mul(&r, &r, &a);
        EXPECT(fp12_is_one(&r));

        uint8_t bytes[384], again[384];
        fp12_encode(bytes, &a);
        EXPECT(fp12_decode(&r, bytes) == 0 && fp12_equal(&r, &a));
        fp12_encode(again, &r);
        EXPECT(!memcmp(bytes, again, sizeof bytes));
    }
    uint8_t bytes[384] = {0};
    fp12 r = random_fp12();
    memset(bytes + 32 * 7, 0xff, 32);
    EXPECT(fp12_decode(&r, bytes) == -1);
    fp12_encode(bytes, &r);
    for (size_t i = 0; i < sizeof bytes; i++) EXPECT(bytes[i] == 0);
    fp12_inv(&r, &r);
    fp12_encode(bytes, &r);
    for (size_t i = 0; i < sizeof bytes; i++) EXPECT(bytes[i] == 0); /* 1/0 = 0 */
}

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

static void test_subgroup(void) {
    u256 cofactor; /* 2p - r */
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) cofactor.v[i] = mont_subb(FP_MODULUS2[i], FR_MODULUS[i], &borrow);

    for (uint64_t k = 0; k < 20; k++) {
        const g2_aff inside = g2_times(k);
        EXPECT(g2_in_subgroup_var(&inside));
    }
    for (uint64_t k = 0; k < 5; k++) {
        const g2_aff q = twist_point(100 * k);
        EXPECT(g2_aff_on_curve(&q));
        EXPECT(!g2_in_subgroup_var(&q));
        const g2_aff cleared = g2_any(&q, &cofactor);
        EXPECT(g2_in_subgroup_var(&cleared));
        for (size_t i = 0; i < 2; i++) {
            const g2_aff base = twist_small(100 * k, TWIST_PRIMES[i]);
            EXPECT(!g2_aff_is_infinity(&base));
            for (uint64_t j = 1; j < 40; j++) {
                const u256 scalar = {{j, 0, 0, 0}};
                const g2_aff small = g2_any(&base, &scalar);
                EXPECT(!g2_in_subgroup_var(&small));
            }
        }
    }
}

static void test_many_checks(void) {
    enum { N = 37 };
    g2_aff points[N];
    uint8_t bad[N];
    for (int i = 0; i < N; i++) points[i] = i % 7 == 3 ? twist_point((uint64_t)i) : g2_times((uint64_t)i);
    points[11].y = points[10].y;
    for (size_t threads = 1; threads <= 3; threads += 2) {
        pool *p = threads > 1 ? pool_new(threads) : NULL;
        for (size_t n = 0; n <= N; n += 37) {
            memset(bad, 9, sizeof bad);
            g2_check_many_var(bad, points, n, p);
            for (size_t i = 0; i < N; i++) EXPECT(bad[i] == (i < n ? (i % 7 == 3 || i == 11) : 9));
        }
        if (p) pool_free(p);
    }
}

static fp12 product(const pairing_term *terms, size_t n, pool *threads) {
    fp12 r;
    EXPECT(pairing_product_var(&r, NULL, terms, n, threads) == 0);
    return r;
}

static void test_pairing_is_bilinear(void) {
    pairing_term term = {g1_times(1), g2_times(1), NULL};
    const fp12 base = product(&term, 1, NULL);
    EXPECT(!fp12_is_one(&base));
    fp12 power = fp12_one();
    for (int i = 255; i >= 0; i--) {
        fp12_sqr(&power, &power);
        if (FR_MODULUS[i / 64] >> (i % 64) & 1) fp12_mul(&power, &power, &base);
    }
    EXPECT(fp12_is_one(&power)); /* base^r */
    for (uint64_t a = 0; a < 4; a++)
        for (uint64_t b = 0; b < 4; b++) {
            term = (pairing_term){g1_times(a), g2_times(b), NULL};
            const fp12 got = product(&term, 1, NULL);
            fp12 want = fp12_one();
            for (uint64_t i = 0; i < a * b; i++) fp12_mul(&want, &want, &base);
            EXPECT(fp12_equal(&got, &want));
        }
}

static void test_cyclotomic_square(void) {
    pairing_term term = {g1_times(3), g2_times(5), NULL};
    fp12 value = product(&term, 1, NULL);
    for (int i = 0; i < 20; i++) {
        fp12 want, got, one;
        fp12_sqr(&want, &value);
        fp12_cyclotomic_sqr(&got, &value);
        EXPECT(fp12_equal(&got, &want));
        fp12_conjugate(&one, &value);
        fp12_mul(&one, &one, &value);
        EXPECT(fp12_is_one(&one));
        value = got;
    }
}

static void test_products(void) {
    enum { N = 9 };
    pairing_term terms[N];
    g2_lines *lines[N];
    uint64_t exponent = 0;
    for (uint64_t i = 0; i < N; i++) {
        const uint64_t a = 7 * i % 5, b = 3 * i % 4; /* infinity among both */
        terms[i] = (pairing_term){g1_times(a), g2_times(b), NULL};
        exponent += a * b;
        lines[i] = calloc(1, pairing_lines_size());
        EXPECT(lines[i] != NULL);
        pairing_prepare(lines[i], &terms[i].q);
    }
    const pairing_term single = {g1_times(1), g2_times(exponent), NULL};
    const fp12 want = product(&single, 1, NULL);
    for (unsigned which = 0; which < 4; which++) { /* none, all, some with lines */
        for (size_t i = 0; i < N; i++) terms[i].lines = which == 1 || (which > 1 && (i + which) % 2) ? lines[i] : NULL;
        for (size_t threads = 1; threads <= 12; threads += 3) {
            pool *p = threads > 1 ? pool_new(threads) : NULL;
            const fp12 got = product(terms, N, p);
            EXPECT(fp12_equal(&got, &want));
            if (p) pool_free(p);
        }
    }
    const fp12 empty = product(terms, 0, NULL);
    EXPECT(fp12_is_one(&empty));
    pairing_term cancel[2] = {{g1_times(6), g2_times(35), NULL}, {g1_times(10), g2_times(21), lines[1]}};
    cancel[1].lines = NULL;
    fp_neg(&cancel[1].p.y, &cancel[1].p.y);
    const fp12 one = product(cancel, 2, NULL);
    EXPECT(fp12_is_one(&one));
    for (uint64_t i = 1; i < 4; i++) {
        fp12 r;
        mem_fail_at(i);
        EXPECT(pairing_product_var(&r, NULL, terms, N, NULL) == -1);
    }
    mem_fail_at(0);
    for (size_t i = 0; i < N; i++) free(lines[i]);
}

int main(void) {
    test_fp2_agrees_with_schoolbook();
    test_fp2_roots();
    test_fp2_inverses_at_once();
    test_fp12_aliasing();
    test_fp12_laws();
    test_subgroup();
    test_many_checks();
    test_pairing_is_bilinear();
    test_cyclotomic_square();
    test_products();
    return expect_status();
}
