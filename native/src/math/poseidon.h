/* poseidon.h - the Poseidon hash with circomlib's parameters, arities 1..8.
 *
 * State [0, in_1 .. in_arity], x^5 S-boxes, 8 full and 56..64 partial rounds; the hash is element 0 of the
 * last state. Computed in the optimised form that native/gen/poseidon.py derives and explains: a partial
 * round costs one S-box, one dot product and width - 1 products. Constant time.
 */
#ifndef RLN_MATH_POSEIDON_H
#define RLN_MATH_POSEIDON_H

#include "../base/pool.h"
#include "fr.h"
#include "poseidon_constants.h"

#define POSEIDON_MAX_ARITY 8

static inline void poseidon_sbox(fr *r, const fr *a) {
    fr t;
    fr_sqr(&t, a);
    fr_sqr(&t, &t);
    fr_mul(r, &t, a);
}

/** r = sum a[i] b[i], i < n, with one reduction.
 *  needs  a loose, b canonical (constants)
 *  gives  r loose
 *  source with p = r: a product is < 2p * p < 0.38 p 2^256, so two of them on top of a sum < p 2^256 stay
 *         below 1.76 p 2^256 < 2^512, and subtracting p 2^256 once brings the sum back under it */
static inline void poseidon_dot(fr *r, const fr *a, const fr *b, unsigned n) {
    uint64_t sum[8], product[8];
    mont_wide_mul(sum, a[0].v, b[0].v);
#pragma GCC unroll 3
    for (unsigned i = 1; i < n; i++) {
        uint64_t carry = 0;
        mont_wide_mul(product, a[i].v, b[i].v);
        for (int j = 0; j < 8; j++) sum[j] = mont_addc(sum[j], product[j], &carry);
        if (i % 2 == 0 || i == n - 1) mont_subtract_once(sum + 4, sum + 4, FR_MODULUS);
    }
    mont_reduce(r->v, sum, FR_MODULUS, FR_N0);
}

/* S-boxes on the whole state behind the constants c, then the matrix m. */
static inline void poseidon_full_round(fr *s, const fr *c, const fr *m, unsigned width) {
    fr t[POSEIDON_MAX_ARITY + 1];
    for (unsigned i = 0; i < width; i++) {
        fr_add(&t[i], &s[i], &c[i]);
        poseidon_sbox(&t[i], &t[i]);
    }
    for (unsigned i = 0; i < width; i++) poseidon_dot(&s[i], t, m + i * width, width);
}

/* sparse: width entries of row 0, then width - 1 of column 0. */
static inline void poseidon_partial_round(fr *s, const fr *c, const fr *sparse, unsigned width) {
    fr x, first;
    fr_add(&s[0], &s[0], c);
    poseidon_sbox(&x, &s[0]);
    s[0] = x;
    poseidon_dot(&first, s, sparse, width);
#pragma GCC unroll 3
    for (unsigned i = 1; i < width; i++) {
        fr t;
        fr_mul(&t, &x, &sparse[width - 1 + i]);
        fr_add(&s[i], &s[i], &t);
    }
    s[0] = first;
}

static inline void poseidon_permute(fr *s, unsigned width) {
    const poseidon_parameters *p = &POSEIDON_PARAMETERS[width - 2];
    const unsigned half = POSEIDON_HALF_FULL_ROUNDS;
    for (unsigned k = 0; k < half; k++)
        poseidon_full_round(s, p->full + k * width, k == half - 1 ? p->entry : p->matrix, width);
    for (unsigned k = 0; k < p->partial_rounds; k++)
        poseidon_partial_round(s, p->partial + k, p->sparse + k * (2 * width - 1), width);
    for (unsigned k = half; k < 2 * half; k++)
        poseidon_full_round(s, p->full + k * width, p->matrix, width);
}

/* Bodies of their own, with unrolled loops, for the widths that RLN hashes with; one for all others: nine
 * unrolled ones would take the compiler minutes. */
static __attribute__((noinline)) void poseidon_permute_2(fr *s) {
    poseidon_permute(s, 2);
}

static __attribute__((noinline)) void poseidon_permute_3(fr *s) {
    poseidon_permute(s, 3);
}

static __attribute__((noinline)) void poseidon_permute_4(fr *s) {
    poseidon_permute(s, 4);
}

static __attribute__((noinline)) void poseidon_permute_any(fr *s, unsigned width) {
    poseidon_permute(s, width);
}

/** r = Poseidon(in[0..arity)).
 *  needs  1 <= arity <= 8, in loose
 *  gives  r canonical
 *  alias  r may be one of in
 *  time   constant in the values, not in arity */
static void poseidon_hash(fr *r, const fr *in, size_t arity) {
    fr s[POSEIDON_MAX_ARITY + 1];
    RLN_CHECK(arity >= 1 && arity <= POSEIDON_MAX_ARITY);
    s[0] = fr_zero();
    for (size_t i = 0; i < arity; i++) s[i + 1] = in[i];
    switch (arity) {
    case 1: poseidon_permute_2(s); break;
    case 2: poseidon_permute_3(s); break;
    case 3: poseidon_permute_4(s); break;
    default: poseidon_permute_any(s, (unsigned)arity + 1);
    }
    fr_canonical(r, &s[0]);
    ct_wipe(s, sizeof s);
}

typedef struct poseidon_batch {
    fr *r;
    const fr *in;
    size_t arity, n;
} poseidon_batch;

/* A piece is as many hashes as cost about a millisecond: what a wake-up of a thread is worth. */
#define POSEIDON_PIECE 64

static void poseidon_piece(void *context, size_t index) {
    const poseidon_batch *b = context;
    const size_t end = (index + 1) * POSEIDON_PIECE < b->n ? (index + 1) * POSEIDON_PIECE : b->n;
    for (size_t i = index * POSEIDON_PIECE; i < end; i++)
        poseidon_hash(&b->r[i], &b->in[i * b->arity], b->arity);
}

/** The engine's job of this name: see engine.h. */
static void poseidon_hash_many(fr *r, const fr *in, size_t arity, size_t n, pool *threads) {
    poseidon_batch b = {r, in, arity, n};
    pool_run(threads, (n + POSEIDON_PIECE - 1) / POSEIDON_PIECE, poseidon_piece, &b);
}

#endif
