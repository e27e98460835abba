/* One value of Fp12 on the lanes: every operation against the scalar one, on values with many edges. */
#include <string.h>

#include "math/mont_adx.h"
#include "math/all.h"
#include "math/ifma/spread_pairing.h"
#include "engine/cpu.h"
#include "expect.h"

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint64_t random_word(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Canonical, most of them at an edge: near 0 and p, and limbs of all zeros or ones. */
static fp random_fp(void) {
    fp r = fp_zero();
    const uint64_t kind = random_word() % 5;
    if (kind == 0) {
        r.v[0] = random_word() % 3;
    } else if (kind == 1) {
        memcpy(r.v, FP_MODULUS, sizeof r.v);
        r.v[0] -= 1 + random_word() % 3;
    } else {
        for (int i = 0; i < 4; i++) {
            const uint64_t word = random_word(), choice = random_word() % 6;
            r.v[i] = kind == 2 ? word : choice == 0 ? 0 : choice == 1 ? UINT64_MAX : word;
        }
        r.v[3] %= FP_MODULUS[3];
    }
    return r;
}

static fp2 random_fp2(void) {
    return (fp2){random_fp(), random_fp()};
}

static fp12 random_fp12(void) {
    return (fp12){{random_fp2(), random_fp2(), random_fp2()}, {random_fp2(), random_fp2(), random_fp2()}};
}

static int is(const spread *a, const fp12 *want) {
    fp12 got, canonical;
    spread_store(&got, a);
    fp12_canonical(&canonical, want);
    return !memcmp(&got, &canonical, sizeof got);
}

/* The result of the easy part of the final exponentiation for a. */
static fp12 cyclotomic(const fp12 *a) {
    fp12 r, t;
    fp12_inv(&t, a);
    fp12_conjugate(&r, a);
    fp12_mul(&r, &r, &t);
    fp12_frobenius_2(&t, &r);
    fp12_mul(&r, &r, &t);
    return r;
}

static void test_operations(void) {
    for (int i = 0; i < 300; i++) {
        const fp12 a = random_fp12(), b = random_fp12(), c = cyclotomic(&a);
        spread x, y, z, r;
        fp12 want;
        spread_load(&x, &a);
        spread_load(&y, &b);
        spread_load(&z, &c);
        EXPECT(is(&x, &a));
        fp12_mul(&want, &a, &b);
        spread_mul(&r, &x, &y);
        EXPECT(is(&r, &want));
        r = x;
        spread_mul(&r, &r, &y);
        EXPECT(is(&r, &want));
        r = y;
        spread_mul(&r, &x, &r);
        EXPECT(is(&r, &want));
        fp12_sqr(&want, &a);
        spread_sqr(&r, &x);
        EXPECT(is(&r, &want));
        spread_mul(&x, &x, &x);
        EXPECT(is(&x, &want));
        spread_load(&x, &a);
        fp12_cyclotomic_sqr(&want, &c);
        spread_cyclotomic_sqr(&r, &z);
        EXPECT(is(&r, &want));
        fp12_conjugate(&want, &a);
        spread_conjugate(&r, &x);
        EXPECT(is(&r, &want));
        fp12_frobenius(&want, &a);
        spread_frobenius_odd(&r, &x, FP12_FROBENIUS_1);
        EXPECT(is(&r, &want));
        fp12_frobenius_2(&want, &a);
        spread_frobenius_2(&r, &x);
        EXPECT(is(&r, &want));
        fp12_frobenius_3(&want, &a);
        spread_frobenius_odd(&r, &x, FP12_FROBENIUS_3);
        EXPECT(is(&r, &want));
    }
}

/* Long chains of operations do not make values grow. */
static void test_long_chains(void) {
    const fp12 start = random_fp12();
    fp12 a = cyclotomic(&start), b = start;
    spread x, y;
    spread_load(&x, &a);
    spread_load(&y, &b);
    for (int i = 0; i < 300; i++) {
        fp12_cyclotomic_sqr(&a, &a);
        spread_cyclotomic_sqr(&x, &x);
        fp12_sqr(&b, &b);
        spread_sqr(&y, &y);
    }
    EXPECT(is(&x, &a) && is(&y, &b));
    pairing_pow_x(&b, &a);
    spread_pow_x(&y, &x);
    EXPECT(is(&y, &b));
}

/* 0 and 1 in all coordinates. */
static void test_zero_and_one(void) {
    const fp12 zero = {fp6_zero(), fp6_zero()}, one = fp12_one();
    spread x, y, r;
    spread_load(&x, &zero);
    spread_load(&y, &one);
    spread_mul(&r, &x, &y);
    EXPECT(is(&r, &zero));
    spread_sqr(&r, &x);
    EXPECT(is(&r, &zero));
    spread_conjugate(&r, &x);
    EXPECT(is(&r, &zero));
    spread_sqr(&r, &y);
    EXPECT(is(&r, &one));
    spread_cyclotomic_sqr(&r, &y);
    EXPECT(is(&r, &one));
}

/* a = b k for some k in Fp. */
static int is_multiple(const fp2 *a, const fp2 *b, int n) {
    fp2 left, right;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            fp2_mul(&left, &a[i], &b[j]);
            fp2_mul(&right, &a[j], &b[i]);
            if (!fp2_equal(&left, &right)) return 0;
        }
    return 1;
}

static void lane(fp2 *r, const fp2_8 *a, int i) {
    fp c0[8], c1[8];
    fp8_store(c0, &a->c0);
    fp8_store(c1, &a->c1);
    *r = (fp2){c0[i], c1[i]};
}

/* The walk on lanes has the same T as the scalar walk, and its lines are the same up to factors. */
static void test_walk(void) {
    for (uint64_t k = 1; k < 4; k++) {
        const u256 scalar = {{k * k * 0x123456789u, k, 0, k}};
        g2_jac t;
        pairing_factor factor = {random_fp(), random_fp(), NULL, NULL, {.x = fp2_zero()}};
        g2_aff q;
        spread_walk walk;
        g2_mul_any_var(&t, &G2_GENERATOR, &scalar);
        g2_to_aff_var(&q, &t);
        pairing_start(&factor.walk, &q);
        spread_walk_start(&walk, &factor);
        for (size_t i = 0; i < G2_WALK_STEPS; i++) {
            pairing_line line;
            fp2 got[3];
            pairing_step(&line, &factor.walk, G2_WALK[i]);
            fp2_mul_by_fp(&line.l1, &line.l1, &factor.x_over_y);
            fp2_mul_by_fp(&line.l3, &line.l3, &factor.one_over_y);
            spread_walk_step(&walk, G2_WALK[i]);
            const fp2 want[3] = {factor.walk.x, factor.walk.y, factor.walk.z}, lines[3] = {line.l1, line.l3, line.l0};
            for (int j = 0; j < 3; j++) lane(&got[j], &walk.t, j);
            EXPECT(is_multiple(got, want, 3) && !fp2_is_zero(&got[2]));
            for (int j = 0; j < 3; j++) lane(&got[j], &walk.t, 4 + j);
            EXPECT(is_multiple(got, lines, 3) && !fp2_is_zero(&got[2]));
        }
    }
}

int main(void) {
    if (!cpu_has_ifma()) return 0;
    test_operations();
    test_long_chains();
    test_zero_and_one();
    test_walk();
    return expect_status();
}
