/* ntt8.h - the transforms of ntt.h on eight lanes.
 *
 * A pass does two stages on vectors of eight neighbours. The last three stages of dif and the first three of dit have
 * their butterflies inside eight neighbours; they take 64 values at a time: lane i of value e is a[8 i + e]. Between
 * passes values are stored in a: below 2^256, so bound 5.29. Roots are reduced, bound 1.01, so every product with a
 * root has a bound below 3.
 */
#ifndef RLN_MATH_IFMA_NTT8_H
#define RLN_MATH_IFMA_NTT8_H

#include "../ntt.h"
#include "fr8.h"

/* Smaller transforms use ntt.h. */
#define NTT8_LOG_MIN 7
/* A block of this many values is one job: 256 KiB, a quarter of a second-level cache. */
#define NTT8_LOG_BLOCK 13
/* The values of one piece of a pass over larger blocks. */
#define NTT8_PIECE ((size_t)1 << 12)

typedef struct ntt8_run {
    fr *a;
    const fr *roots;          /* of dif */
    const fr *back, *factors; /* the roots of dit, and the factors between dif and dit; NULL: dif alone */
    unsigned log_n;
    unsigned large;           /* stages outside blocks */
    unsigned stage;           /* of the current pass */
    int dit, single;
} ntt8_run;

/* The roots (j + i) << stage of eight neighbours. */
static inline void ntt8_root(fr8 *r, const fr *roots, size_t j, unsigned stage) {
    if (stage == 0) {
        fr8_load(r, roots + j);
    } else {
        const fr *place[8];
#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++) place[i] = roots + ((j + i) << stage);
        fr8_gather(r, place);
    }
    fr8_reduce(r, r);
}

static inline void ntt8_keep(fr *r, const fr8 *a, int canonical) {
    fr8 t;
    if (canonical) fr8_canonical(&t, a);
    else fr8_reduce(&t, a);
    fr8_store_raw(r, &t);
}

/* Stages stage and stage + 1 of count blocks, each of 4 quarter values, from a on: butterflies [from, to) of each
 * block. */
static void ntt8_dif(fr *a, size_t count, size_t quarter, size_t from, size_t to, unsigned stage, const fr *roots) {
    for (size_t j = from; j < to; j += 8) {
        fr8 w02, w13, w2;
        ntt8_root(&w02, roots, j, stage);
        ntt8_root(&w13, roots, j + quarter, stage);
        ntt8_root(&w2, roots, j, stage + 1);
        for (size_t b = 0; b < count; b++) {
            fr *const p = a + 4 * quarter * b + j;
            fr8 x0, x1, x2, x3, t, u;
            fr8_load_raw(&x0, p);
            fr8_load_raw(&x1, p + quarter);
            fr8_load_raw(&x2, p + 2 * quarter);
            fr8_load_raw(&x3, p + 3 * quarter);
            fr8_add(&t, &x0, &x2); /* 11 */
            fr8_sub(&x2, &x0, &x2, 3);
            fr8_mul(&x2, &x2, &w02);
            fr8_add(&u, &x1, &x3); /* 11 */
            fr8_sub(&x3, &x1, &x3, 3);
            fr8_mul(&x3, &x3, &w13);
            fr8_add(&x0, &t, &u); /* 22 */
            fr8_sub(&x1, &t, &u, 4);
            fr8_mul(&x1, &x1, &w2);
            fr8_add(&t, &x2, &x3); /* x2, x3 < 2.2: the sum is below 5 */
            fr8_sub(&x3, &x2, &x3, 2);
            fr8_mul(&x3, &x3, &w2);
            ntt8_keep(p, &x0, 0);
            fr8_store_raw(p + quarter, &x1);
            fr8_store_raw(p + 2 * quarter, &t);
            fr8_store_raw(p + 3 * quarter, &x3);
        }
    }
}

/* Stages stage + 1 and stage of dit: as ntt8_dif. */
static void ntt8_dit(fr *a, size_t count, size_t quarter, size_t from, size_t to, unsigned stage, const fr *roots,
                     int canonical) {
    for (size_t j = from; j < to; j += 8) {
        fr8 w02, w13, w2;
        ntt8_root(&w02, roots, j, stage);
        ntt8_root(&w13, roots, j + quarter, stage);
        ntt8_root(&w2, roots, j, stage + 1);
        for (size_t b = 0; b < count; b++) {
            fr *const p = a + 4 * quarter * b + j;
            fr8 x0, x1, x2, x3, t;
            fr8_load_raw(&x0, p);
            fr8_load_raw(&x1, p + quarter);
            fr8_load_raw(&x2, p + 2 * quarter);
            fr8_load_raw(&x3, p + 3 * quarter);
            fr8_mul(&t, &x1, &w2);
            fr8_sub(&x1, &x0, &t, 2);
            fr8_add(&x0, &x0, &t);
            fr8_mul(&t, &x3, &w2);
            fr8_sub(&x3, &x2, &t, 2);
            fr8_add(&x2, &x2, &t); /* all below 10 */
            fr8_mul(&t, &x2, &w02);
            fr8_sub(&x2, &x0, &t, 2);
            fr8_add(&x0, &x0, &t);
            fr8_mul(&t, &x3, &w13);
            fr8_sub(&x3, &x1, &t, 2);
            fr8_add(&x1, &x1, &t); /* all below 14 */
            ntt8_keep(p, &x0, canonical);
            ntt8_keep(p + quarter, &x1, canonical);
            ntt8_keep(p + 2 * quarter, &x2, canonical);
            ntt8_keep(p + 3 * quarter, &x3, canonical);
        }
    }
}

/* One stage, the first of dif or the last of dit, if the number of stages is odd. */
static void ntt8_single(fr *a, size_t half, size_t from, size_t to, const ntt8_run *run) {
    for (size_t j = from; j < to; j += 8) {
        fr8 x, y, t, w;
        ntt8_root(&w, run->dit ? run->back : run->roots, j, 0);
        fr8_load_raw(&x, a + j);
        fr8_load_raw(&y, a + half + j);
        if (run->dit) {
            fr8_mul(&t, &y, &w);
            fr8_sub(&y, &x, &t, 2);
            fr8_add(&x, &x, &t);
        } else {
            fr8_sub(&t, &x, &y, 3);
            fr8_add(&x, &x, &y);
            fr8_mul(&y, &t, &w);
        }
        ntt8_keep(a + j, &x, run->dit);
        ntt8_keep(a + half + j, &y, run->dit);
    }
}

/* 64 neighbours: lane i of y[e] is a[8 i + e]. */
static inline void ntt8_load_64(fr8 y[8], const fr *a) {
#pragma GCC unroll 4
    for (int e = 0; e < 8; e += 2) {
        lanes rows[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) rows[i] = _mm512_loadu_si512(a + 8 * i + e);
        lanes_transpose(rows);
        lanes_split(y[e].v, rows);
        lanes_split(y[e + 1].v, rows + 4);
    }
}

static inline void ntt8_store_64(fr *a, const fr8 y[8], int canonical) {
#pragma GCC unroll 4
    for (int e = 0; e < 8; e += 2) {
        lanes rows[8];
        fr8 t;
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            if (canonical) fr8_canonical(&t, &y[e + i]);
            else fr8_reduce(&t, &y[e + i]);
            lanes_join(rows + 4 * i, t.v);
        }
        lanes_transpose(rows);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) _mm512_storeu_si512(a + 8 * i + e, rows[i]);
    }
}

/* The powers 1, 2, 3 of an 8th root of unity, in all lanes. */
static inline void ntt8_eighths(fr8 w[4], const fr *roots, unsigned log_n) {
    for (size_t i = 1; i < 4; i++) {
        const fr *const root = &roots[i << (log_n - 3)];
        const fr *const place[8] = {root, root, root, root, root, root, root, root};
        fr8_gather(&w[i], place);
        fr8_reduce(&w[i], &w[i]);
    }
}

/* The last three stages of dif. gives bound 62 */
static inline void ntt8_dif_inside(fr8 y[8], const fr8 w[4]) {
    fr8 t;
#pragma GCC unroll 4
    for (int e = 0; e < 4; e++) {
        fr8_sub(&t, &y[e], &y[e + 4], 3);
        fr8_add(&y[e], &y[e], &y[e + 4]);
        if (e) fr8_mul(&y[e + 4], &t, &w[e]);
        else y[4] = t; /* 14; the others of this half 3, those of the first half 11 */
    }
#pragma GCC unroll 2
    for (int b = 0; b < 8; b += 4)
#pragma GCC unroll 2
        for (int e = b; e < b + 2; e++) {
            fr8_sub(&t, &y[e], &y[e + 2], 4);
            fr8_add(&y[e], &y[e], &y[e + 2]);
            if (e != b) fr8_mul(&y[e + 2], &t, &w[2]);
            else y[e + 2] = t; /* at most 14 + 16; the sums 22 */
        }
#pragma GCC unroll 4
    for (int e = 0; e < 8; e += 2) {
        fr8_sub(&t, &y[e], &y[e + 1], 5);
        fr8_add(&y[e], &y[e], &y[e + 1]);
        y[e + 1] = t; /* the subtracted value is at most 22, or a product; the others are at most 30 + 32 */
    }
}

/* The first three stages of dit. needs bound 14, gives bound 14 */
static inline void ntt8_dit_inside(fr8 y[8], const fr8 w[4]) {
    fr8 t;
#pragma GCC unroll 4
    for (int e = 0; e < 8; e += 2) {
        fr8_sub(&t, &y[e], &y[e + 1], 4);
        fr8_add(&y[e], &y[e], &y[e + 1]);
        fr8_reduce(&y[e + 1], &t);
        fr8_reduce(&y[e], &y[e]); /* 1.01 */
    }
#pragma GCC unroll 2
    for (int b = 0; b < 8; b += 4)
#pragma GCC unroll 2
        for (int e = b; e < b + 2; e++) {
            if (e != b) fr8_mul(&y[e + 2], &y[e + 2], &w[2]);
            fr8_sub(&t, &y[e], &y[e + 2], 2);
            fr8_add(&y[e], &y[e], &y[e + 2]);
            y[e + 2] = t; /* 6 */
        }
#pragma GCC unroll 4
    for (int e = 0; e < 4; e++) {
        if (e) fr8_mul(&y[e + 4], &y[e + 4], &w[e]);
        fr8_sub(&t, &y[e], &y[e + 4], 3);
        fr8_add(&y[e], &y[e], &y[e + 4]);
        y[e + 4] = t;
    }
}

/* y times the factors of the bit-reversed places at .. at + 64. needs bound 62, gives bound 14 */
static inline void ntt8_scale(fr8 y[8], const ntt8_run *run, size_t at) {
    for (size_t e = 0; e < 8; e++) {
        const fr *place[8];
        fr8 factor;
#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++) place[i] = &run->factors[ntt_bit_reverse(at + 8 * i + e, run->log_n)];
        fr8_gather(&factor, place);
        fr8_mul(&y[e], &y[e], &factor); /* 62 * 16 / 84 + 2 */
    }
}

/* All work inside one block: dif, and for ntt8_scaled also the factors and dit. */
static void ntt8_block_job(void *context, size_t index) {
    const ntt8_run *const run = context;
    const size_t size = ((size_t)1 << run->log_n) >> run->large;
    fr *const a = run->a + index * size;
    fr8 w[4], back_w[4];
    ntt8_eighths(w, run->roots, run->log_n);
    if (run->back) ntt8_eighths(back_w, run->back, run->log_n);
    for (unsigned s = run->large; s + 3 < run->log_n; s += 2) {
        const size_t quarter = ((size_t)1 << run->log_n) >> (s + 2);
        ntt8_dif(a, size / (4 * quarter), quarter, 0, quarter, s, run->roots);
    }
    const int last = !run->back; /* with log_n >= 7 a pass of dit follows */
    for (size_t i = 0; i < size; i += 64) {
        fr8 y[8];
        ntt8_load_64(y, a + i);
        ntt8_dif_inside(y, w);
        if (run->back) {
            ntt8_scale(y, run, index * size + i);
            ntt8_dit_inside(y, back_w);
        }
        ntt8_store_64(a + i, y, last);
    }
    if (!run->back) return;
    for (unsigned s = run->log_n - 3; s > run->large;) {
        s -= 2;
        const size_t quarter = ((size_t)1 << run->log_n) >> (s + 2);
        ntt8_dit(a, size / (4 * quarter), quarter, 0, quarter, s, run->back, s == 0);
    }
}

/* The number of pieces of the current pass. A piece has at least one vector of butterflies of each block. */
static size_t ntt8_pieces(const ntt8_run *run) {
    const size_t n = (size_t)1 << run->log_n, wanted = n / NTT8_PIECE < 1 ? 1 : n / NTT8_PIECE;
    const size_t most = (n >> (run->stage + (run->single ? 1 : 2))) / LANES;
    return wanted < most ? wanted : most;
}

/* A piece of a pass over blocks larger than a job; the first pass is a single stage if the number of stages is odd. */
static void ntt8_pass_job(void *context, size_t index) {
    const ntt8_run *const run = context;
    const size_t n = (size_t)1 << run->log_n, pieces = ntt8_pieces(run);
    const unsigned s = run->stage;
    if (run->single) {
        const size_t share = n / 2 / pieces;
        ntt8_single(run->a, n / 2, index * share, (index + 1) * share, run);
        return;
    }
    const size_t quarter = n >> (s + 2), share = quarter / pieces;
    if (run->dit) ntt8_dit(run->a, (size_t)1 << s, quarter, index * share, (index + 1) * share, s, run->back, s == 0);
    else ntt8_dif(run->a, (size_t)1 << s, quarter, index * share, (index + 1) * share, s, run->roots);
}

static void ntt8_stages(ntt8_run *run, pool *threads) {
    const unsigned odd = (run->log_n - 3) % 2;
    run->large = odd;
    while (run->log_n - run->large > NTT8_LOG_BLOCK) run->large += 2;
    if (run->large == odd && !odd) threads = NULL; /* too little for two threads */
    for (unsigned s = 0; s < run->large; s += s < odd ? 1 : 2) {
        run->single = s < odd;
        run->stage = s;
        pool_run(threads, ntt8_pieces(run), ntt8_pass_job, run);
    }
    pool_run(threads, (size_t)1 << run->large, ntt8_block_job, run);
    if (!run->back) return;
    run->dit = 1;
    for (unsigned s = run->large; s > 0;) {
        s -= s == odd ? 1 : 2;
        run->single = s < odd;
        run->stage = s;
        pool_run(threads, ntt8_pieces(run), ntt8_pass_job, run);
    }
}

/** See engine.h: ntt_scaled. */
static void ntt8_scaled(fr *a, const ntt_domain *domain, const fr *factors, pool *threads) {
    if (domain->log_n < NTT8_LOG_MIN) {
        ntt_scaled(a, domain, factors, threads);
        return;
    }
    ntt8_run run = {
        .a = a, .roots = domain->inverse_roots, .back = domain->roots, .factors = factors, .log_n = domain->log_n};
    ntt8_stages(&run, threads);
}

/** See engine.h: ntt. */
static void ntt8(fr *a, const ntt_domain *domain, int inverse, pool *threads) {
    if (domain->log_n < NTT8_LOG_MIN) {
        ntt(a, domain, inverse, threads);
        return;
    }
    ntt8_run run = {.a = a, .roots = inverse ? domain->inverse_roots : domain->roots, .log_n = domain->log_n};
    ntt8_stages(&run, threads);
    ntt_order(a, domain, inverse, threads);
}

#endif
