/* math: the groups, their endomorphisms and the forms of points; inversion of public values. */
#include <string.h>

#include "math/portable.h"
#include "expect.h"
#include "sample.h"

#define GROUP g1
#define COORD fp
#include "small_group.inc"
#undef GROUP
#undef COORD
#define GROUP g2
#define COORD fp2
#include "small_group.inc"
#undef GROUP
#undef COORD

/* The number a, most significant limb first. */
static fp number(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    const u256 t = {{d, c, b, a}};
    fp r;
    fp_from_u256(&r, &t);
    fp_canonical(&r, &r);
    return r;
}

static void test_every_pair_of_small_groups(void) {
    fp two, minus_one;
    fp_from_u64(&two, 2);
    fp_neg(&minus_one, &FP_ONE);
    fp_canonical(&minus_one, &minus_one);

    /* Each point is (order of the curve / order) times another point of y^2 = x^3 + b. */
    const g1_aff order_7 = {/* b = 5 */
                            number(0x04f490a9b78a58d1, 0x99e15d0e8ac2614f, 0xcb4340e5ea1ae64d, 0x8dd64b334c60b02c),
                            number(0x1dbf535315a534b9, 0x5fa94b683ff5bc5b, 0x969ab7693ebfd5d9, 0xb25b576621f0f830)};
    const g1_aff order_93 = {/* b = 7; the points of order 3 have x = 0 */
                             number(0x26f1027d04f4cc4b, 0x31c5b40b0123d3ac, 0x3a65f2ac14812f73, 0x177d93a7c96b5f35),
                             number(0x0a1dbf6e98a30f00, 0xeca1f78c2020d8c3, 0xb6c3f6796239a49a, 0x655d2397a38ce07a)};
    const g1_aff order_19 = {/* b = 1 */
                             number(0x00d28e0e72e1cac6, 0xfb7f83776be8bb9e, 0xa174aa032d4390b9, 0x83a230ca919182db),
                             number(0x23153592791a36cf, 0x7d8a31f092190d81, 0x68c9d1ce5fff0ada, 0x300b4adb702fe592)};
    const g1_aff order_2 = {minus_one, fp_zero()};
    const g1_aff order_38 = g1_textbook_add(&order_19, &order_2);
    g1_small_group(&order_7, 7);
    g1_small_group(&order_93, 93);
    g1_small_group(&order_38, 38);

    const g2_aff g2_order_7 = {
        /* b = u, here and below */
        {fp_zero(), number(0x00dfa634ac142e8c, 0xfcfc1239ca7fd316, 0xed9a9924b2cfe704, 0xc0a1cd4ca8c5d4d3)},
        {number(0x2be939eacaa1b19b, 0x20e958a1be6887f4, 0x3817cbb8335a4489, 0x33a998974fb618d6),
         number(0x047b1488168fee8e, 0x9766ed14c318d069, 0x5f699ed935178604, 0x0876f37f88c6e471)}};
    const g2_aff g2_order_19 = {
        {fp_zero(), number(0x2f91c0646e4fd562, 0xbcd0c23f15989cbe, 0xf60cc08e3b2e39d3, 0xb87e5b4c46eb7a6c)},
        {number(0x129a1480a158bd5e, 0x6ac0c3ece8b040a2, 0x7a01475751ff8720, 0x260c2ff2fa55e832),
         number(0x129a1480a158bd5e, 0x6ac0c3ece8b040a2, 0x7a01475751ff8720, 0x260c2ff2fa55e832)}};
    const g2_aff g2_order_2 = {{fp_zero(), fp_one()}, {fp_zero(), fp_zero()}}; /* u^3 = -u */
    const g2_aff g2_order_14 = g2_textbook_add(&g2_order_7, &g2_order_2);
    g2_small_group(&g2_order_14, 14);
    g2_small_group(&g2_order_19, 19);
}

static void test_the_generators_have_order_r(void) {
    const u256 r = {{FR_MODULUS[0], FR_MODULUS[1], FR_MODULUS[2], FR_MODULUS[3]}};
    g1_jac p;
    g2_jac q;
    EXPECT(g1_aff_on_curve(&G1_GENERATOR) && g2_aff_on_curve(&G2_GENERATOR));
    g1_mul_any_var(&p, &G1_GENERATOR, &r);
    g2_mul_any_var(&q, &G2_GENERATOR, &r);
    EXPECT(g1_is_infinity(&p) && g2_is_infinity(&q));
    EXPECT(g2_aff_is_member_var(&G2_GENERATOR));
}

static fr part_value(const glv_part *part) {
    const u256 t = {{part->low, part->high, 0, 0}};
    fr r;
    fr_from_u256(&r, &t);
    if (part->negative) fr_neg(&r, &r);
    return r;
}

/* The parts are short, and their sum with the eigenvalues of the endomorphisms is the scalar. */
static void test_a_scalar_splits(void) {
    const u256 x = {{4965661367192848881u, 0, 0, 0}};
    fr t, lambda, mu, sum, value, number_36, number_18, number_6;
    fr_from_u256(&t, &x);
    fr_from_u64(&number_36, 36);
    fr_from_u64(&number_18, 18);
    fr_from_u64(&number_6, 6);
    fr_mul(&lambda, &number_36, &t); /* 36 x^3 + 18 x^2 + 6 x + 1 */
    fr_add(&lambda, &lambda, &number_18);
    fr_mul(&lambda, &lambda, &t);
    fr_add(&lambda, &lambda, &number_6);
    fr_mul(&lambda, &lambda, &t);
    fr_add(&lambda, &lambda, &FR_ONE);
    fr_mul(&mu, &number_6, &t); /* 6 x^2 */
    fr_mul(&mu, &mu, &t);

    glv_part parts[4];
    for (unsigned i = 0; i < 3000; i++) {
        u256 k = sample_edge(i);
        if (i == 16) fr_to_u256(&k, &lambda);
        if (i == 17) fr_to_u256(&k, &mu);
        fr expected;
        fr_from_u256(&expected, &k);
        g1_split(parts, &k);
        value = part_value(&parts[1]);
        fr_mul(&sum, &value, &lambda);
        value = part_value(&parts[0]);
        fr_add(&sum, &sum, &value);
        EXPECT(fr_equal(&sum, &expected));
        for (int j = 0; j < 2; j++) EXPECT(parts[j].high < (uint64_t)7 << 60);
        g2_split(parts, &k);
        sum = fr_zero();
        for (int j = 3; j >= 0; j--) {
            fr_mul(&sum, &sum, &mu);
            value = part_value(&parts[j]);
            fr_add(&sum, &sum, &value);
            EXPECT(parts[j].high == 0 && parts[j].low < (uint64_t)7 << 61);
        }
        EXPECT(fr_equal(&sum, &expected));
    }
}

static void test_multiples_with_and_without_endomorphisms_agree(void) {
    g1_jac a, b;
    g2_jac c, d;
    g1_aff p = G1_GENERATOR;
    g2_aff q = G2_GENERATOR;
    for (unsigned i = 0; i < 40; i++) {
        const u256 k = sample_edge(i);
        g1_mul_var(&a, &p, &k);
        g1_mul_any_var(&b, &p, &k);
        EXPECT(g1_equal_var(&a, &b));
        g2_mul_var(&c, &q, &k);
        g2_mul_any_var(&d, &q, &k);
        EXPECT(g2_equal_var(&c, &d));
        if (i < 16) continue;
        g1_to_aff_var(&p, &a);
        g2_to_aff_var(&q, &c);
        EXPECT(g1_aff_is_member_var(&p) && g2_aff_is_member_var(&q));
    }
}

static void test_fast_inverses_equal_the_constant_time_ones(void) {
    const fp p = {{FP_MODULUS[0], FP_MODULUS[1], FP_MODULUS[2], FP_MODULUS[3]}};
    fp a, b;
    fr c, d;
    fp2 e, f;
    fp_inv_var(&a, &p); /* p is a loose form of zero */
    EXPECT(fp_is_zero(&a));
    for (unsigned i = 0; i < 1000; i++) {
        const u256 k = sample_edge(i);
        fp_from_u256(&a, &k);
        fr_from_u256(&c, &k);
        e = (fp2){a, p};
        if (i % 3 == 0) fp_add(&e.c1, &a, &FP_ONE);
        fp2_inv_var(&f, &e);
        fp2_inv(&e, &e);
        EXPECT(fp2_equal(&e, &f));
        fp_inv_var(&b, &a);
        fp_inv(&a, &a);
        EXPECT(fp_equal(&a, &b));
        fr_inv_var(&d, &c);
        fr_inv(&c, &c);
        EXPECT(fr_equal(&c, &d));
    }
}

static void test_points_have_one_form(void) {
    uint8_t bytes[128], compressed[64], changed[128];
    g1_aff p, p2;
    g2_aff q, q2;
    g1_jac a;
    g2_jac b;
    for (unsigned i = 0; i < 24; i++) {
        const u256 k = sample_edge(i);
        g1_mul_var(&a, &G1_GENERATOR, &k);
        g1_to_aff_var(&p, &a);
        g1_encode(bytes, &p);
        EXPECT(g1_decode(&p2, bytes) == RLN_OK && !memcmp(&p, &p2, sizeof p));
        memcpy(changed, bytes, 64);
        changed[63] ^= 0x80;
        EXPECT(g1_decode(&p2, changed) == RLN_ERR_POINT && g1_aff_is_infinity(&p2));
        changed[63] = (uint8_t)(bytes[63] ^ 0x40);
        EXPECT(g1_decode(&p2, changed) == RLN_ERR_POINT);
        g1_compress(compressed, &p);
        EXPECT(g1_decompress(&p2, compressed) == RLN_OK && !memcmp(&p, &p2, sizeof p));
        compressed[31] ^= 0x80;
        if (i) {
            g1_aff_neg(&p, &p);
            EXPECT(g1_decompress(&p2, compressed) == RLN_OK && !memcmp(&p, &p2, sizeof p));
        } else {
            EXPECT(g1_decompress(&p2, compressed) == RLN_ERR_POINT);
        }

        g2_mul_var(&b, &G2_GENERATOR, &k);
        g2_to_aff_var(&q, &b);
        g2_encode(bytes, &q);
        EXPECT(g2_decode(&q2, bytes) == RLN_OK && !memcmp(&q, &q2, sizeof q));
        memcpy(changed, bytes, 128);
        changed[127] ^= 0x80;
        EXPECT(g2_decode(&q2, changed) == RLN_ERR_POINT && g2_aff_is_infinity(&q2));
        changed[127] = (uint8_t)(bytes[127] ^ 0x40);
        EXPECT(g2_decode(&q2, changed) == RLN_ERR_POINT);
        g2_compress(compressed, &q);
        EXPECT(g2_decompress(&q2, compressed) == RLN_OK && !memcmp(&q, &q2, sizeof q));
        compressed[63] ^= 0x80;
        if (i) {
            g2_aff_neg(&q, &q);
            EXPECT(g2_decompress(&q2, compressed) == RLN_OK && !memcmp(&q, &q2, sizeof q));
        } else {
            EXPECT(g2_decompress(&q2, compressed) == RLN_ERR_POINT);
        }
    }
}

static void test_what_is_no_point_is_refused(void) {
    uint8_t bytes[128] = {0}, compressed[64] = {0};
    g1_aff p;
    g2_aff q;
    EXPECT(g1_decode(&p, bytes) == RLN_ERR_POINT); /* (0, 0) without its flag */
    EXPECT(g2_decode(&q, bytes) == RLN_ERR_POINT);
    for (int i = 0; i < 4; i++) bytes_u64_encode(bytes + 8 * i, FP_MODULUS[i]);
    EXPECT(g1_decode(&p, bytes) == RLN_ERR_RANGE);
    EXPECT(g2_decode(&q, bytes) == RLN_ERR_RANGE);
    EXPECT(g1_decompress(&p, bytes) == RLN_ERR_RANGE);
    EXPECT(g2_decompress(&q, bytes) == RLN_ERR_RANGE);
    g1_encode(bytes, &G1_GENERATOR);
    bytes[0] = 2; /* (2, 2) */
    EXPECT(g1_decode(&p, bytes) == RLN_ERR_POINT);

    /* About half of the small x give points of the curve; of these points only infinity is in G2. */
    int on_curve = 0, off_curve = 0;
    for (unsigned x = 0; x < 32; x++) {
        memset(compressed, 0, sizeof compressed);
        compressed[0] = (uint8_t)x;
        on_curve += g1_decompress(&p, compressed) == RLN_OK;
        off_curve += g1_decompress(&p, compressed) == RLN_ERR_POINT;
        EXPECT(g2_decompress(&q, compressed) == RLN_ERR_POINT);
    }
    EXPECT(on_curve > 5 && off_curve > 5 && on_curve + off_curve == 32);
}

int main(void) {
    test_every_pair_of_small_groups();
    test_the_generators_have_order_r();
    test_a_scalar_splits();
    test_multiples_with_and_without_endomorphisms_agree();
    test_fast_inverses_equal_the_constant_time_ones();
    test_points_have_one_form();
    test_what_is_no_point_is_refused();
    return expect_status();
}
