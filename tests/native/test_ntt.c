/* math: transforms over Fr, against evaluation term by term. */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "math/portable.h"
#include "expect.h"
#include "sample.h"

typedef struct space {
    mem memory;
    ntt_domain domain;
    fr *a, *b, *c;
    size_t n;
} space;

static space space_open(unsigned log_n) {
    space s = {.memory = MEM_EMPTY, .n = (size_t)1 << log_n};
    fr *const roots = mem_take(&s.memory, s.n, sizeof(fr));
    fr *const inverse_roots = mem_take(&s.memory, s.n, sizeof(fr));
    fr *const shifts = mem_take(&s.memory, s.n, sizeof(fr));
    s.a = mem_take(&s.memory, s.n, sizeof(fr));
    s.b = mem_take(&s.memory, s.n, sizeof(fr));
    s.c = mem_take(&s.memory, s.n, sizeof(fr));
    ntt_domain_fill(&s.domain, log_n, roots, inverse_roots, shifts);
    for (size_t i = 0; i < s.n; i++) s.a[i] = sample_fr();
    return s;
}

/* The value at x of the polynomial with these coefficients. */
static fr evaluate(const fr *coefficients, size_t n, const fr *x) {
    fr r = fr_zero();
    while (n-- > 0) {
        fr_mul(&r, &r, x);
        fr_add(&r, &r, &coefficients[n]);
    }
    return r;
}

static int same(const fr *a, const fr *b, size_t n) {
    return !memcmp(a, b, n * sizeof *a);
}

static fr power(const fr *a, uint64_t n) {
    const u256 exponent = {{n, 0, 0, 0}};
    fr r;
    fr_pow_var(&r, a, &exponent);
    return r;
}

static void test_the_roots_have_their_orders(void) {
    fr minus_one;
    fr_neg(&minus_one, &FR_ONE);
    EXPECT(fr_equal(&NTT_ROOTS[0], &FR_ONE));
    EXPECT(fr_equal(&NTT_ROOTS[1], &minus_one));
    for (int k = 1; k <= NTT_LOG_MAX; k++) {
        fr square;
        fr_sqr(&square, &NTT_ROOTS[k]);
        EXPECT(fr_equal(&square, &NTT_ROOTS[k - 1]));
    }
}

static void test_transforms_are_evaluations(const engine *e, pool *threads) {
    for (unsigned log_n = 0; log_n <= 13; log_n++) {
        space s = space_open(log_n);
        /* every point of the small domains, some of the large ones */
        const size_t step = log_n < 8 ? 1 : s.n / 16 + 1;
        memcpy(s.b, s.a, s.n * sizeof(fr));
        e->ntt(s.b, &s.domain, 0, NULL);
        memcpy(s.c, s.a, s.n * sizeof(fr));
        e->ntt(s.c, &s.domain, 0, threads);
        EXPECT(same(s.b, s.c, s.n));
        for (size_t i = 0; i < s.n; i += step) {
            const fr x = power(&NTT_ROOTS[log_n], i), value = evaluate(s.a, s.n, &x);
            EXPECT(fr_equal(&value, &s.b[i]));
        }

        e->ntt_scaled(s.b, &s.domain, s.domain.shifts, NULL);
        e->ntt_scaled(s.c, &s.domain, s.domain.shifts, threads);
        EXPECT(same(s.b, s.c, s.n));
        for (size_t i = 0; i < s.n; i += step) {
            const fr x = power(&NTT_ROOTS[log_n + 1], 2 * i + 1), value = evaluate(s.a, s.n, &x);
            EXPECT(fr_equal(&value, &s.b[i]));
        }

        memcpy(s.b, s.a, s.n * sizeof(fr));
        e->ntt(s.b, &s.domain, 1, threads);
        e->ntt(s.b, &s.domain, 0, NULL);
        EXPECT(same(s.a, s.b, s.n)); /* canonical, both */
        e->ntt(s.b, &s.domain, 1, NULL);
        e->ntt(s.b, &s.domain, 0, threads);
        EXPECT(same(s.a, s.b, s.n));
        mem_close(&s.memory);
    }
}

/* 0, p - 1 and loose values in all places. */
static void test_extreme_values(const engine *e) {
    for (unsigned log_n = 6; log_n < 9; log_n++) {
        space s = space_open(log_n);
        for (size_t i = 0; i < s.n; i++) {
            fr_neg(&s.a[i], &FR_ONE);
            s.b[i] = (fr){{FR_MODULUS[0], FR_MODULUS[1], FR_MODULUS[2], FR_MODULUS[3]}};
        }
        e->ntt(s.a, &s.domain, 0, NULL);
        e->ntt(s.b, &s.domain, 0, NULL);
        for (size_t i = 0; i < s.n; i++) {
            fr expected;
            fr_from_u64(&expected, i ? 0 : s.n);
            fr_neg(&expected, &expected);
            EXPECT(fr_equal(&s.a[i], &expected));
            EXPECT((s.b[i].v[0] | s.b[i].v[1] | s.b[i].v[2] | s.b[i].v[3]) == 0);
        }
        mem_close(&s.memory);
    }
}

/* Bit for bit, for every way in which a size is cut into pieces. */
static void test_engines_agree(const engine *e, pool *threads) {
    for (unsigned log_n = 0; log_n <= 17; log_n++) {
        space s = space_open(log_n);
        for (int inverse = 0; inverse < 2; inverse++) {
            memcpy(s.b, s.a, s.n * sizeof(fr));
            memcpy(s.c, s.a, s.n * sizeof(fr));
            engine_portable.ntt(s.b, &s.domain, inverse, NULL);
            e->ntt(s.c, &s.domain, inverse, inverse ? NULL : threads);
            EXPECT(same(s.b, s.c, s.n));
            engine_portable.ntt_scaled(s.b, &s.domain, s.domain.shifts, NULL);
            e->ntt_scaled(s.c, &s.domain, s.domain.shifts, inverse ? threads : NULL);
            EXPECT(same(s.b, s.c, s.n));
        }
        mem_close(&s.memory);
    }
}

int main(void) {
    pool *const threads = pool_new(3);
    test_the_roots_have_their_orders();
    for (size_t i = 0; engine_at(i); i++) {
        const engine *const e = engine_at(i);
        if (!e->supported()) continue;
        test_transforms_are_evaluations(e, threads);
        test_extreme_values(e);
        test_engines_agree(e, threads);
    }
    pool_free(threads);
    return expect_status();
}
