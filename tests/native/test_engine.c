/* engine: all engines agree with the portable engine bit for bit on every entry of the table; the choice of an engine.
 *
 *     test_engine            every engine that this processor runs
 *     test_engine adx ..     these, without asking the processor: valgrind hides its features
 */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "math/portable.h"
#include "expect.h"
#include "sample.h"

#define GROUP g1
#define COORD fp
#define G(name) G1_##name
#include "entries.inc"
#undef GROUP
#undef COORD
#undef G
#define GROUP g2
#define COORD fp2
#define G(name) G2_##name
#include "entries.inc"
#undef GROUP
#undef COORD
#undef G

#define HASHES 40
#define LOG_MOST 9
#define TERMS 19

static void compare_hashes(const engine *e, const engine *reference, pool *threads) {
    static uint8_t in[HASHES * POSEIDON_MAX_ARITY * 32], a[HASHES * 32], b[HASHES * 32];
    for (size_t i = 0; i < sizeof in / 32; i++) {
        const fr t = sample_fr();
        fr_encode(in + 32 * i, &t);
    }
    for (size_t arity = 1; arity <= POSEIDON_MAX_ARITY; arity++)
        for (size_t n = 0; n <= HASHES; n += n < 10 ? 1 : 15) {
            e->poseidon_hash_many(a, in, arity, n, threads);
            reference->poseidon_hash_many(b, in, arity, n, NULL);
            EXPECT(!memcmp(a, b, 32 * n));
        }
}

static void compare_transforms(const engine *e, const engine *reference, pool *threads) {
    for (unsigned log_n = 0; log_n <= LOG_MOST; log_n += log_n < 6 ? 1 : 3) {
        const size_t n = (size_t)1 << log_n;
        mem memory = MEM_EMPTY;
        fr *const roots = mem_take(&memory, n, sizeof(fr)), *const inverse_roots = mem_take(&memory, n, sizeof(fr));
        fr *const shifts = mem_take(&memory, n, sizeof(fr)), *const data = mem_take(&memory, n, sizeof(fr));
        fr *const a = mem_take(&memory, n, sizeof(fr)), *const b = mem_take(&memory, n, sizeof(fr));
        ntt_domain domain;
        ntt_domain_fill(&domain, log_n, roots, inverse_roots, shifts);
        for (size_t i = 0; i < n; i++) data[i] = sample_fr();
        for (int kind = 0; kind < 3; kind++) {
            memcpy(a, data, n * sizeof *a);
            memcpy(b, data, n * sizeof *b);
            if (kind == 2) {
                e->ntt_scaled(a, &domain, domain.shifts, threads);
                reference->ntt_scaled(b, &domain, domain.shifts, NULL);
            } else {
                e->ntt(a, &domain, kind, threads);
                reference->ntt(b, &domain, kind, NULL);
            }
            EXPECT(!memcmp(a, b, n * sizeof *a));
        }
        if (log_n <= 4) {
            g1_aff p[16], q[16];
            u256 k[16];
            g1_sample_points(p, n);
            for (size_t i = 0; i < n; i++) k[i] = sample_edge((unsigned)i);
            EXPECT(!e->g1_mul_each_var(q, p, k, n, 254, threads));
            EXPECT(!reference->g1_mul_each_var(p, p, k, n, 254, NULL));
            EXPECT(!memcmp(p, q, n * sizeof *p));
            for (int inverse = 0; inverse < 2; inverse++) {
                EXPECT(!e->g1_ntt_var(p, &domain, inverse, threads));
                EXPECT(!reference->g1_ntt_var(q, &domain, inverse, NULL));
                EXPECT(!memcmp(p, q, n * sizeof *p));
            }
        }
        mem_close(&memory);
    }
}

static void compare_products(const engine *e, const engine *reference, pool *threads) {
    static pairing_term terms[TERMS], others[TERMS];
    const size_t counts[] = {0, 1, 2, 4, 8, 9, TERMS};
    uint8_t outside[2][TERMS];
    mem memory = MEM_EMPTY;
    g1_aff p[TERMS];
    g2_aff q[TERMS];
    g1_sample_points(p, TERMS);
    g2_sample_points(q, TERMS);
    for (size_t i = 0; i < TERMS; i++) {
        terms[i] = others[i] = (pairing_term){p[i], q[i], NULL};
        if (i % 5 == 3) { /* each engine's lines are its own */
            g2_lines *const lines = mem_take(&memory, 1, e->pairing_lines_size());
            g2_lines *const other = mem_take(&memory, 1, reference->pairing_lines_size());
            e->pairing_prepare(lines, &q[i]);
            reference->pairing_prepare(other, &q[i]);
            terms[i].lines = lines;
            others[i].lines = other;
        }
    }
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (int check = 0; check < 2; check++) {
            fp12 a, b;
            memset(outside, 0, sizeof outside);
            EXPECT(!e->pairing_product_var(&a, check ? outside[0] : NULL, terms, counts[c], threads));
            EXPECT(!reference->pairing_product_var(&b, check ? outside[1] : NULL, others, counts[c], NULL));
            uint8_t x[384], y[384];
            fp12_encode(x, &a);
            fp12_encode(y, &b);
            EXPECT(!memcmp(x, y, sizeof x));
            for (size_t i = 0; i < counts[c]; i++) EXPECT(terms[i].lines || outside[0][i] == outside[1][i]);
        }
    mem_close(&memory);
}

static void compare(const engine *e, pool *threads) {
    const int before = expect_failures;
    compare_hashes(e, &engine_portable, threads);
    compare_transforms(e, &engine_portable, threads);
    g1_compare_sums(e, &engine_portable, threads);
    g2_compare_sums(e, &engine_portable, threads);
    g1_compare_points(e, &engine_portable, threads);
    g2_compare_points(e, &engine_portable, threads);
    compare_products(e, &engine_portable, threads);
    if (expect_failures != before) fprintf(stderr, "  with engine %s\n", e->name);
}

static void test_the_choice(void) {
    const engine *best = NULL;
    EXPECT(engine_choose(NULL) == 0);
    for (size_t i = 0; engine_at(i); i++) {
        const engine *const e = engine_at(i), *const before = engine_get();
        EXPECT(engine_find(e->name) == e);
        if (!best && e->supported()) best = e;
        EXPECT(engine_choose(e->name) == (e->supported() ? 0 : -1));
        EXPECT(engine_get() == (e->supported() ? e : before));
    }
    EXPECT(engine_choose("nope") == -1 && engine_find("") == NULL);
    EXPECT(engine_get() == &engine_portable);
    EXPECT(engine_choose(NULL) == 0 && engine_get() == best);
}

int main(int count, char **arguments) {
    pool *const threads = pool_new(2);
    test_the_choice();
    for (int i = 1; i < count; i++) {
        const engine *const e = engine_find(arguments[i]);
        EXPECT(e != NULL);
        if (e) compare(e, threads);
    }
    for (size_t i = 0; count == 1 && engine_at(i); i++)
        if (engine_at(i)->supported()) compare(engine_at(i), threads);
    pool_free(threads);
    return expect_status();
}
