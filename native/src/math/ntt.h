/* ntt.h - number-theoretic transforms over Fr: from the coefficients of a polynomial to its values on the powers
 * of a 2^log_n-th root of unity w, and back. Transforms are in place; input and output are in natural order.
 *
 *   dif  decimation in frequency (Gentleman, Sande 1966): natural order in, bit-reversed order out
 *   dit  decimation in time (Cooley, Tukey 1965): bit-reversed order in, natural order out
 *
 * Both are constant time. Values are loose between the stages and canonical at the end.
 */
#ifndef RLN_MATH_NTT_H
#define RLN_MATH_NTT_H

#include <stddef.h>

#include "../base/pool.h"
#include "fr.h"
#include "ntt_constants.h"
#include "ntt_domain.h"

/* Log2 of the number of values in a block that fits in the cache, 64 KiB. All stages within such a block are done
 * together, and the blocks are independent. Stages with larger blocks are cut into pieces. */
#define NTT_LOG_BLOCK 11
/* The values of one piece of work. */
#define NTT_PIECE ((size_t)1 << NTT_LOG_BLOCK)

typedef struct ntt_run {
    fr *a;
    const fr *roots;
    const fr *factors; /* n factors in natural order; NULL: use factor for all */
    fr factor;
    unsigned log_n, stage; /* stage s has blocks of n >> s values */
    int time;              /* 1: dit; 0: dif */
} ntt_run;

/* Butterflies [from, to) of a block: a[j], a[j + half] with w = roots[j << stage].
 * source dif: u + v, (u - v) w; dit: u + v w, u - v w */
static inline void ntt_butterflies(fr *a, const fr *roots, size_t half, size_t from, size_t to, unsigned stage,
                                   int time) {
    fr t;
    for (size_t j = from; j < to; j++) {
        fr *const u = &a[j], *const v = &a[j + half];
        if (j == 0) { /* w^0 = 1 */
            fr_sub(&t, u, v);
            fr_add(u, u, v);
            *v = t;
        } else if (time) {
            fr_mul(&t, v, &roots[j << stage]);
            fr_sub(v, u, &t);
            fr_add(u, u, &t);
        } else {
            fr_sub(&t, u, v);
            fr_add(u, u, v);
            fr_mul(v, &t, &roots[j << stage]);
        }
    }
}

/* A piece of one stage of large blocks. */
static void ntt_stage_job(void *context, size_t index) {
    const ntt_run *const run = context;
    const size_t half = ((size_t)1 << run->log_n) >> (run->stage + 1);
    const size_t butterfly = index * (NTT_PIECE / 2), block = butterfly / half, from = butterfly % half;
    ntt_butterflies(run->a + 2 * half * block, run->roots, half, from, from + NTT_PIECE / 2, run->stage, run->time);
}

/* All stages of one small block: those from run->stage on. */
static void ntt_block_job(void *context, size_t index) {
    const ntt_run *const run = context;
    const unsigned first = run->stage;
    const size_t size = ((size_t)1 << run->log_n) >> first;
    fr *const a = run->a + index * size;
    for (unsigned i = first; i < run->log_n; i++) {
        const unsigned stage = run->time ? run->log_n - 1 - (i - first) : i;
        const size_t half = ((size_t)1 << run->log_n) >> (stage + 1);
        for (size_t block = 0; block < size; block += 2 * half)
            ntt_butterflies(a + block, run->roots, half, 0, half, stage, run->time);
    }
}

static void ntt_stages(ntt_run *run, pool *threads) {
    const unsigned large = run->log_n > NTT_LOG_BLOCK ? run->log_n - NTT_LOG_BLOCK : 0;
    const size_t pieces = (size_t)1 << large;
    if (!run->time)
        for (run->stage = 0; run->stage < large; run->stage++) pool_run(threads, pieces, ntt_stage_job, run);
    run->stage = large;
    pool_run(threads, pieces, ntt_block_job, run);
    if (run->time)
        for (unsigned s = large; s-- > 0;) {
            run->stage = s;
            pool_run(threads, pieces, ntt_stage_job, run);
        }
}

static inline size_t ntt_bit_reverse(size_t i, unsigned bits) {
    uint32_t t = (uint32_t)i;
    t = (t >> 1 & 0x55555555u) | (t & 0x55555555u) << 1;
    t = (t >> 2 & 0x33333333u) | (t & 0x33333333u) << 2;
    t = (t >> 4 & 0x0f0f0f0fu) | (t & 0x0f0f0f0fu) << 4;
    return bits ? __builtin_bswap32(t) >> (32 - bits) : 0;
}

static inline size_t ntt_piece_end(const ntt_run *run, size_t index) {
    const size_t n = (size_t)1 << run->log_n, end = (index + 1) * NTT_PIECE;
    return end < n ? end : n;
}

/* From bit-reversed order to natural order; all values are multiplied by the factor. */
static void ntt_order_job(void *context, size_t index) {
    const ntt_run *const run = context;
    fr t;
    for (size_t i = index * NTT_PIECE, end = ntt_piece_end(run, index); i < end; i++) {
        const size_t j = ntt_bit_reverse(i, run->log_n);
        if (j < i) continue; /* the piece with j swaps the two */
        fr_mul(&t, &run->a[i], &run->factor);
        fr_mul(&run->a[i], &run->a[j], &run->factor);
        fr_canonical(&run->a[i], &run->a[i]);
        fr_canonical(&run->a[j], &t);
    }
}

/* Multiply the values, in bit-reversed order, by the factors. */
static void ntt_scale_job(void *context, size_t index) {
    const ntt_run *const run = context;
    for (size_t i = index * NTT_PIECE, end = ntt_piece_end(run, index); i < end; i++)
        fr_mul(&run->a[i], &run->a[i], &run->factors[ntt_bit_reverse(i, run->log_n)]);
}

static void ntt_canonical_job(void *context, size_t index) {
    const ntt_run *const run = context;
    for (size_t i = index * NTT_PIECE, end = ntt_piece_end(run, index); i < end; i++)
        fr_canonical(&run->a[i], &run->a[i]);
}

/* After dif: back to natural order; for the inverse, also divide by n. */
static void ntt_order(fr *a, const ntt_domain *domain, int inverse, pool *threads) {
    ntt_run run = {.a = a, .factor = inverse ? domain->inverse_n : FR_ONE, .log_n = domain->log_n};
    pool_run(threads, (((size_t)1 << run.log_n) + NTT_PIECE - 1) / NTT_PIECE, ntt_order_job, &run);
}

/** See engine.h. */
static void ntt(fr *a, const ntt_domain *domain, int inverse, pool *threads) {
    ntt_run run = {.a = a, .roots = inverse ? domain->inverse_roots : domain->roots, .log_n = domain->log_n};
    ntt_stages(&run, threads);
    ntt_order(a, domain, inverse, threads);
}

/** See engine.h. */
static void ntt_scaled(fr *a, const ntt_domain *domain, const fr *factors, pool *threads) {
    ntt_run run = {.a = a, .roots = domain->inverse_roots, .factors = factors, .log_n = domain->log_n};
    const size_t pieces = (((size_t)1 << run.log_n) + NTT_PIECE - 1) / NTT_PIECE;
    ntt_stages(&run, threads);
    pool_run(threads, pieces, ntt_scale_job, &run);
    run.roots = domain->roots;
    run.time = 1;
    ntt_stages(&run, threads);
    pool_run(threads, pieces, ntt_canonical_job, &run);
}

/** r = the domain of n = 2^log_n values, with canonical tables in the caller's memory.
 *  needs  log_n <= NTT_LOG_MAX; roots and inverse_roots with room for n / 2 elements each, at least 1; shifts NULL, or
 *         with room for n elements and log_n < NTT_LOG_MAX
 *  source w^-i = -w^(n/2 - i) */
static inline void ntt_domain_fill(ntt_domain *r, unsigned log_n, fr *roots, fr *inverse_roots, fr *shifts) {
    const size_t n = (size_t)1 << log_n, half = n / 2;
    RLN_CHECK(log_n <= NTT_LOG_MAX && (!shifts || log_n < NTT_LOG_MAX));
    *r = (ntt_domain){log_n, roots, inverse_roots, shifts, FR_ONE};
    fr_from_u64(&r->inverse_n, n);
    fr_inv(&r->inverse_n, &r->inverse_n);
    fr_canonical(&r->inverse_n, &r->inverse_n);

    fr t = FR_ONE;
    roots[0] = inverse_roots[0] = FR_ONE;
    for (size_t i = 1; i < half; i++) {
        fr_mul(&t, &t, &NTT_ROOTS[log_n]);
        fr_canonical(&roots[i], &t);
    }
    for (size_t i = 1; i < half; i++) {
        fr_neg(&t, &roots[half - i]);
        fr_canonical(&inverse_roots[i], &t);
    }
    if (!shifts) return;
    t = r->inverse_n;
    for (size_t i = 0; i < n; i++) {
        fr_canonical(&shifts[i], &t);
        fr_mul(&t, &t, &NTT_ROOTS[log_n + 1]);
    }
}

#endif
