/* math: tables of fixed points and their sums, multiples of different points, transforms of points: every engine
 * of this processor against double and add. */
#include <string.h>

#include "engine/engine.h"
#include "math/portable.h"
#include "expect.h"
#include "sample.h"

#define GROUP g1
#define COORD fp
#define G(name) G1_##name
#include "sums.inc"
#include "tables.inc"
#undef GROUP
#undef COORD
#undef G
#define GROUP g2
#define COORD fp2
#define G(name) G2_##name
#include "sums.inc"
#include "tables.inc"
#undef GROUP
#undef COORD
#undef G

#define EACH_MOST 150

static void expect_multiple(const g1_aff *r, const g1_aff *p, const u256 *k) {
    g1_jac t;
    g1_aff expected;
    g1_mul_any_var(&t, p, k);
    g1_to_aff_var(&expected, &t);
    EXPECT(!memcmp(r, &expected, sizeof expected));
}

/* a + b lambda for words a and b, lambda the eigenvalue of phi: such scalars have short parts. */
static u256 short_parts(void) {
    const uint64_t coefficients[] = {36, 18, 6, 1}; /* of lambda as a polynomial in the curve's parameter */
    fr x, t, lambda = fr_zero();
    u256 r;
    fr_from_u64(&x, 4965661367192848881u);
    for (int i = 0; i < 4; i++) {
        fr_from_u64(&t, coefficients[i]);
        fr_mul(&lambda, &lambda, &x);
        fr_add(&lambda, &lambda, &t);
    }
    fr_from_u64(&t, sample_u64());
    fr_mul(&lambda, &lambda, &t);
    fr_from_u64(&t, sample_u64());
    fr_add(&t, &t, &lambda);
    fr_to_u256(&r, &t);
    return r;
}

static void test_multiples_of_different_points(const engine *e, pool *threads) {
    static g1_aff p[EACH_MOST], r[EACH_MOST];
    static u256 k[EACH_MOST];
    const size_t counts[] = {0, 1, 2, 7, 8, 9, 63, EACH_MOST};
    const unsigned bits[] = {1, 5, 64, 127, 128, 129, 254};
    g1_sample_points(p, EACH_MOST);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t b = 0; b < sizeof bits / sizeof *bits; b++) {
            for (unsigned i = 0; i < counts[c]; i++) {
                k[i] = sample_edge(i % 30);
                if (bits[b] == 254) continue;
                for (unsigned bit = bits[b]; bit < 256; bit++) k[i].v[bit / 64] &= ~((uint64_t)1 << (bit % 64));
                if (i % 5 == 4) { /* all ones */
                    k[i] = (u256){{0}};
                    for (unsigned bit = 0; bit < bits[b]; bit++) k[i].v[bit / 64] |= (uint64_t)1 << (bit % 64);
                }
            }
            EXPECT(!e->g1_mul_each_var(r, p, k, counts[c], bits[b], b % 2 ? threads : NULL));
            for (size_t i = 0; i < counts[c]; i += 1 + i / 16) expect_multiple(&r[i], &p[i], &k[i]);
        }
    /* in place, and with scalars of short parts */
    for (unsigned i = 0; i < EACH_MOST; i++) k[i] = short_parts();
    memcpy(r, p, sizeof r);
    EXPECT(!e->g1_mul_each_var(r, r, k, EACH_MOST, 254, threads));
    for (size_t i = 0; i < EACH_MOST; i++) expect_multiple(&r[i], &p[i], &k[i]);
}

static ntt_domain domain_open(unsigned log_n, mem *memory) {
    ntt_domain domain;
    const size_t n = (size_t)1 << log_n;
    fr *const roots = mem_take(memory, n, sizeof(fr)), *const inverse_roots = mem_take(memory, n, sizeof(fr));
    ntt_domain_fill(&domain, log_n, roots, inverse_roots, NULL);
    return domain;
}

/* If a[i] = c[i] G, the transform is that of the c[i], times G. For any points it is the sum in its definition, and the
 * inverse undoes it. */
static void test_transforms_of_points(const engine *e, pool *threads) {
    for (unsigned log_n = 0; log_n <= 9; log_n += log_n < 5 ? 1 : 4) {
        const size_t n = (size_t)1 << log_n;
        mem memory = MEM_EMPTY;
        const ntt_domain domain = domain_open(log_n, &memory);
        g1_aff *const p = mem_take(&memory, n, sizeof *p), *const a = mem_take(&memory, n, sizeof *a);
        g1_jac *const t = mem_take(&memory, n, sizeof *t);
        fp *const scratch = mem_take(&memory, n, sizeof *scratch);
        fr *const c = mem_take(&memory, n, sizeof *c);
        u256 k;
        for (size_t i = 0; i < n; i++) {
            c[i] = i % 5 == 3 ? fr_zero() : i % 7 == 6 ? c[i - 1] : sample_fr();
            fr_to_u256(&k, &c[i]);
            g1_mul_any_var(&t[i], &G1_GENERATOR, &k);
        }
        g1_to_aff_many_var(p, t, n, scratch);
        for (int inverse = 0; inverse < 2; inverse++) {
            memcpy(a, p, n * sizeof *a);
            EXPECT(!e->g1_ntt_var(a, &domain, inverse, inverse ? NULL : threads));
            ntt(c, &domain, inverse, NULL);
            for (size_t i = 0; i < n; i += 1 + n / 64) {
                fr_to_u256(&k, &c[i]);
                expect_multiple(&a[i], &G1_GENERATOR, &k);
            }
            ntt(c, &domain, !inverse, NULL);
            EXPECT(!e->g1_ntt_var(a, &domain, !inverse, threads));
            EXPECT(!memcmp(a, p, n * sizeof *a));
        }
        g1_sample_points(p, n);
        memcpy(a, p, n * sizeof *a);
        EXPECT(!e->g1_ntt_var(a, &domain, 0, threads));
        for (size_t i = 0; i < n; i += 1 + n / 8) {
            g1_jac sum = g1_infinity(), term;
            fr w, power = FR_ONE;
            const u256 exponent = {{i, 0, 0, 0}};
            g1_aff expected;
            fr_pow_var(&w, &NTT_ROOTS[log_n], &exponent);
            for (size_t j = 0; j < n; j++, fr_mul(&power, &power, &w)) {
                fr_to_u256(&k, &power);
                g1_mul_any_var(&term, &p[j], &k);
                g1_add_var(&sum, &sum, &term);
            }
            g1_to_aff_var(&expected, &sum);
            EXPECT(!memcmp(&a[i], &expected, sizeof expected));
        }
        mem_close(&memory);
    }
}

static void test_no_memory_for_transforms(const engine *e) {
    mem memory = MEM_EMPTY;
    const ntt_domain domain = domain_open(3, &memory);
    g1_aff a[8];
    int failures = 0, status = -1;
    g1_sample_points(a, 8);
    for (uint64_t n = 1; status && n < 100; n++) {
        mem_fail_at(n);
        status = e->g1_ntt_var(a, &domain, 0, NULL);
        failures += status != 0;
    }
    mem_fail_at(0);
    EXPECT(failures >= 2 && status == 0);
    mem_close(&memory);
}

int main(void) {
    pool *const threads = pool_new(2);
    const engine *e;
    for (size_t i = 0; (e = engine_at(i)); i++) {
        if (!e->supported()) continue;
        const int before = expect_failures;
        g1_test_tables(e, threads);
        g2_test_tables(e, threads);
        test_multiples_of_different_points(e, threads);
        test_transforms_of_points(e, threads);
        test_no_memory_for_transforms(e);
        if (expect_failures != before) fprintf(stderr, "  with engine %s\n", e->name);
    }
    pool_free(threads);
    return expect_status();
}
