/* The tower on eight lanes, against the scalar tower, at the bounds in its comments. */
#include <string.h>

#include "math/mont_adx.h"
#include "math/all.h"
#include "math/ifma/tower8.h"
#include "engine/cpu.h"
#include "expect.h"

static uint64_t state = 88172645463325252u;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Canonical, often 0, 1, p - 1 or with limbs of all zeros or ones. */
static fp random_fp(void) {
    fp r = fp_zero();
    const uint64_t kind = next() % 6;
    if (kind == 0) r.v[0] = next() % 2;
    if (kind == 1) {
        memcpy(r.v, FP_MODULUS, sizeof r.v);
        r.v[0] -= 1;
    }
    if (kind < 2) return r;
    for (int i = 0; i < 4; i++) {
        const uint64_t word = next(), choice = next() % 6;
        r.v[i] = kind == 2 ? word : choice == 0 ? 0 : choice == 1 ? UINT64_MAX : word;
    }
    r.v[3] %= FP_MODULUS[3];
    return r;
}

static void random_fp2(fp2 r[8]) {
    for (int i = 0; i < 8; i++) r[i] = (fp2){random_fp(), random_fp()};
}

/* In the lanes' form, bound 1.01 or 2.01. */
static void load(fp8 *r, const fp2 a[8], int high) {
    const fp8 p = fp8_all(FP8_MODULUS);
    fp c[8];
    for (int i = 0; i < 8; i++) c[i] = high ? a[i].c1 : a[i].c0;
    fp8_load(r, c);
    fp8_lower(r, r->v);
    if (next() % 2) fp8_add(r, r, &p);
}

static factor8 factor(const fp2 a[8]) {
    factor8 r;
    load(&r.v.c0, a, 0);
    load(&r.v.c1, a, 1);
    factor8_sum(&r);
    return r;
}

static void expect_equal(const factor8 *got, const fp2 want[8], int line) {
    fp c0[8], c1[8], sum[8];
    fp8_store(c0, &got->v.c0);
    fp8_store(c1, &got->v.c1);
    fp8_store(sum, &got->sum);
    for (int i = 0; i < 8; i++) {
        fp2 t = want[i];
        fp s;
        fp_add(&s, &t.c0, &t.c1);
        fp_canonical(&s, &s);
        fp2_canonical(&t, &t);
        const int same = !memcmp(&t.c0, &c0[i], sizeof t.c0) && !memcmp(&t.c1, &c1[i], sizeof t.c1) &&
                         !memcmp(&s, &sum[i], sizeof s);
        if (!same) fprintf(stderr, "line %d lane %d\n", line, i);
        EXPECT(same);
    }
}

/* bound in tenths of p */
static void expect_bound(const fp8 *a, unsigned tenths) {
    uint64_t limbs[5][8];
    EXPECT(lanes_are_normal(a->v));
    for (int i = 0; i < 5; i++) _mm512_storeu_si512(limbs[i], a->v[i]);
    for (int i = 0; i < 8; i++) EXPECT(10 * limbs[4][i] <= tenths * (FP8_MODULUS[4] + 1));
}

static void expect_small(const factor8 *a) {
    expect_bound(&a->v.c0, 25);
    expect_bound(&a->v.c1, 25);
    expect_bound(&a->sum, 50);
}

static void test_products(void) {
    for (int round = 0; round < 3000; round++) {
        fp2 in[7][8], want[3][8], t;
        factor8 a[6], r;
        for (int i = 0; i < 7; i++) random_fp2(in[i]);
        for (int i = 0; i < 6; i++) a[i] = factor(in[i]);
        const factor8 plus = factor(in[6]);
        for (int lane = 0; lane < 8; lane++) {
            fp2 sum = in[6][lane];
            for (int i = 0; i < 3; i++) {
                fp2_mul(&t, &in[2 * i][lane], &in[2 * i + 1][lane]);
                fp2_add(&sum, &sum, &t);
                want[i][lane] = sum;
            }
        }
        factor8_dot1(&r, &a[0], &a[1], &plus.v);
        expect_equal(&r, want[0], __LINE__);
        expect_small(&r);
        factor8_dot2(&r, &a[0], &a[1], &a[2], &a[3], &plus.v);
        expect_equal(&r, want[1], __LINE__);
        expect_small(&r);
        factor8_dot3(&r, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &plus.v);
        expect_equal(&r, want[2], __LINE__);
        expect_small(&r);
        factor8_dot1(&a[0], &a[0], &a[1], &plus.v);
        expect_equal(&a[0], want[0], __LINE__);

        for (int lane = 0; lane < 8; lane++) {
            fp2_mul_by_nonresidue(&want[0][lane], &in[2][lane]);
            fp2_conjugate(&want[1][lane], &in[2][lane]);
            fp2_sqr(&want[2][lane], &in[2][lane]);
            fp2_add(&want[2][lane], &want[2][lane], &in[6][lane]);
        }
        factor8_mul_by_nonresidue(&r, &a[2]);
        expect_equal(&r, want[0], __LINE__);
        expect_bound(&r.v.c0, 11);
        expect_bound(&r.v.c1, 11);
        factor8_conjugate(&r, &a[2]);
        expect_equal(&r, want[1], __LINE__);
        lanes plus0[5], plus1[5];
        fp8_more(plus0, 0, &plus.v.c0);
        fp8_more(plus1, 0, &plus.v.c1);
        factor8_sqr(&r, &a[2], plus0, plus1);
        expect_equal(&r, want[2], __LINE__);
        expect_small(&r);
    }
}

static void test_fp12(void) {
    for (int round = 0; round < 300; round++) {
        fp2 in[8][8], c[8];
        fp12 want[8], got[8];
        fp12_8 a, r;
        for (int i = 0; i < 8; i++) random_fp2(in[i]);
        for (int i = 0; i < 6; i++) a.c[i] = factor(in[i]);
        const factor8 l1 = factor(in[6]), l3 = factor(in[7]);
        fp12_8_mul_by_unit_line(&r, &a, &l1, &l3);
        for (int lane = 0; lane < 8; lane++) {
            want[lane] = (fp12){{in[0][lane], in[2][lane], in[4][lane]}, {in[1][lane], in[3][lane], in[5][lane]}};
            fp12_mul_by_unit_line(&want[lane], &want[lane], &in[6][lane], &in[7][lane]);
            fp12_canonical(&want[lane], &want[lane]);
        }
        fp12_8_store(got, &r);
        EXPECT(!memcmp(got, want, sizeof got));
        for (int i = 0; i < 6; i++) expect_small(&r.c[i]);
        fp12_8_sqr(&r, &r);
        for (int lane = 0; lane < 8; lane++) {
            fp12_sqr(&want[lane], &want[lane]);
            fp12_canonical(&want[lane], &want[lane]);
        }
        fp12_8_store(got, &r);
        EXPECT(!memcmp(got, want, sizeof got));
        for (int i = 0; i < 6; i++) {
            expect_small(&r.c[i]);
            for (int lane = 0; lane < 8; lane++) {
                const fp6 *const half = i % 2 ? &want[lane].c1 : &want[lane].c0;
                c[lane] = i / 2 == 0 ? half->c0 : i / 2 == 1 ? half->c1 : half->c2;
            }
            expect_equal(&r.c[i], c, __LINE__);
        }
    }
}

/* Every multiple that is subtracted, at both ends of its range. */
static void test_tame(void) {
    for (uint64_t q = 0; q < 16; q++)
        for (uint64_t end = 0; end < 2; end++) {
            const uint64_t low = end ? LANES_MASK : 0, top = (q << 46) + (end ? ((uint64_t)1 << 46) - 1 : 0);
            const uint64_t limbs[5] = {low, low, low, low, top};
            const fp8 a = fp8_all(limbs);
            fp8 r, want;
            fp8_tame(&r, a.v);
            expect_bound(&r, 23);
            fp8_canonical(&want, &a);
            fp8_canonical(&r, &r);
            EXPECT(!memcmp(&want, &r, sizeof r));
            fp8_lower(&r, a.v);
            expect_bound(&r, 11);
            fp8_canonical(&r, &r);
            EXPECT(!memcmp(&want, &r, sizeof r));
        }
}

int main(void) {
    if (!cpu_has_ifma()) return 0;
    test_tame();
    test_products();
    test_fp12();
    return expect_status();
}
