/* point_ntt.h - many points, each times its own scalar, and transforms of points. */
#ifndef RLN_MATH_POINT_NTT_H
#define RLN_MATH_POINT_NTT_H

#include "msm.h"
#include "ntt.h"

/* ---- multiples of different points */

/* The points of one piece of work. */
#define MUL_EACH_PIECE ((size_t)64)

typedef struct g1_mul_each {
    g1_aff *r;
    const g1_aff *p;
    const u256 *k;
    size_t n;
} g1_mul_each;

static void g1_mul_each_job(void *context, size_t index) {
    const g1_mul_each *const m = context;
    const size_t begin = index * MUL_EACH_PIECE;
    const size_t count = m->n - begin < MUL_EACH_PIECE ? m->n - begin : MUL_EACH_PIECE;
    g1_jac t[MUL_EACH_PIECE];
    fp scratch[MUL_EACH_PIECE];
    for (size_t i = 0; i < count; i++) g1_mul_var(&t[i], &m->p[begin + i], &m->k[begin + i]);
    g1_to_aff_many_var(m->r + begin, t, count, scratch);
    ct_wipe(t, sizeof t);
    ct_wipe(scratch, sizeof scratch);
}

/** See engine.h.
 *  alias  r may be p */
static int g1_mul_each_var(g1_aff *r, const g1_aff *p, const u256 *k, size_t n, unsigned bits, pool *threads) {
    (void)bits; /* the parts in g1_mul_var have 127 bits for every k */
    g1_mul_each m = {r, p, k, n};
    pool_run(threads, (n + MUL_EACH_PIECE - 1) / MUL_EACH_PIECE, g1_mul_each_job, &m);
    return 0;
}

/* The type of g1_mul_each_var: engines have their own multiplier. */
typedef int g1_multiplier(g1_aff *r, const g1_aff *p, const u256 *k, size_t n, unsigned bits, pool *threads);

/* ---- transforms */

/* Butterflies that share an inversion. */
#define POINT_NTT_PIECE ((size_t)256)

/* One stage of a transform in time (see ntt.h): butterfly i = block half + j makes u + w^j v and u - w^j v from the
 * points u = a[2 half block + j] and v = a[2 half block + half + j]. */
typedef struct g1_ntt_run {
    g1_aff *a;
    g1_aff *products; /* w^j v: those with j > 0, then those with j = 0, one for each block */
    u256 *scalars;
    size_t half, butterflies;
    g1_batch_adder *add;
} g1_ntt_run;

static size_t g1_ntt_product(const g1_ntt_run *run, size_t i) {
    const size_t block = i / run->half, j = i % run->half, blocks = run->butterflies / run->half;
    return j ? i - block - 1 : run->butterflies - blocks + block;
}

static void g1_ntt_job(void *context, size_t index) {
    const g1_ntt_run *const run = context;
    const size_t begin = index * POINT_NTT_PIECE;
    const size_t left = run->butterflies - begin, count = left < POINT_NTT_PIECE ? left : POINT_NTT_PIECE;
    batch_pair pairs[2 * POINT_NTT_PIECE] = {{0, 0}};
    g1_aff r[2 * POINT_NTT_PIECE];
    _Alignas(64) uint8_t scratch[BATCH_SCRATCH(fp, 2 * POINT_NTT_PIECE)];
    for (size_t i = 0; i < count; i++) {
        const uint32_t u = (uint32_t)(begin + i + (begin + i) / run->half * run->half);
        const uint32_t product = (uint32_t)g1_ntt_product(run, begin + i);
        pairs[2 * i] = (batch_pair){2 * u, 2 * product};
        pairs[2 * i + 1] = (batch_pair){2 * u, 2 * product + 1};
    }
    run->add(r, run->a, run->products, pairs, 2 * count, scratch);
    for (size_t i = 0; i < count; i++) {
        g1_aff *const u = run->a + pairs[2 * i].a / 2;
        u[0] = r[2 * i];
        u[run->half] = r[2 * i + 1];
    }
}

/* The products of one stage with roots w^j; factor, unless NULL, multiplies everything. */
static int g1_ntt_multiply(const g1_ntt_run *run, const fr *roots, size_t stride, const fr *factor, g1_multiplier *mul,
                           pool *threads) {
    const size_t n = run->butterflies;
    for (size_t i = 0; i < n; i++) {
        const size_t j = i % run->half, u = i + i / run->half * run->half, product = g1_ntt_product(run, i);
        fr root = roots[j * stride];
        if (factor) {
            run->products[n + i] = run->a[u];
            fr_to_u256(&run->scalars[n + i], factor);
            fr_mul(&root, &root, factor);
        }
        run->products[product] = run->a[u + run->half];
        fr_to_u256(&run->scalars[product], &root);
    }
    const size_t trivial = factor ? 0 : n / run->half;
    if (mul(run->products, run->products, run->scalars, (factor ? 2 * n : n) - trivial, 254, threads)) return -1;
    if (factor)
        for (size_t i = 0; i < n; i++) run->a[i + i / run->half * run->half] = run->products[n + i];
    return 0;
}

/** g1_ntt_var of engine.h, with the adder add and the multiplier mul. The last stage of an inverse transform includes
 *  the factor 1 / n in its products with roots. */
static int g1_ntt_with_var(g1_aff *a, const ntt_domain *domain, int inverse, pool *threads, g1_batch_adder *add,
                           g1_multiplier *mul) {
    const size_t n = (size_t)1 << domain->log_n;
    mem memory = MEM_EMPTY;
    g1_ntt_run run = {.a = a, .butterflies = n / 2, .add = add};
    run.products = mem_take(&memory, n, sizeof *run.products);
    run.scalars = mem_take(&memory, n, sizeof *run.scalars);
    int failed = !run.products || !run.scalars;
    for (size_t i = 0; i < n && !failed; i++) {
        const size_t j = ntt_bit_reverse(i, domain->log_n);
        if (j <= i) continue;
        const g1_aff t = a[i];
        a[i] = a[j];
        a[j] = t;
    }
    for (run.half = 1; run.half < n && !failed; run.half *= 2) {
        const int last = 2 * run.half == n;
        failed = g1_ntt_multiply(&run, inverse ? domain->inverse_roots : domain->roots, n / 2 / run.half,
                                 inverse && last ? &domain->inverse_n : NULL, mul, threads);
        if (!failed) pool_run(threads, (run.butterflies + POINT_NTT_PIECE - 1) / POINT_NTT_PIECE, g1_ntt_job, &run);
    }
    mem_close(&memory);
    return failed ? -1 : 0;
}

/** See engine.h. */
static int g1_ntt_var(g1_aff *a, const ntt_domain *domain, int inverse, pool *threads) {
    return g1_ntt_with_var(a, domain, inverse, threads, g1_batch_add_var, g1_mul_each_var);
}

#endif
