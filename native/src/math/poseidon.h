/* poseidon.h - the Poseidon hash with circomlib's parameters, arities 1..8.
 *
 * State [0, in_1 .. in_arity], x^5 S-boxes, 8 full and 56..64 partial rounds; the hash is element 0 of the
 * last state. The code computes the rounds in the direct form, an equivalent form that native/gen/poseidon.py derives
 * and explains: a partial round costs one S-box and 2 (width - 1) products. Inputs and outputs are integers; no
 * conversion to or from Montgomery form is needed. Constant time.
 */
#ifndef RLN_MATH_POSEIDON_H
#define RLN_MATH_POSEIDON_H

#include "../base/pool.h"
#include "fr.h"
#include "poseidon_constants.h"

#define POSEIDON_MAX_ARITY 8
#define POSEIDON_MAX_WIDTH (POSEIDON_MAX_ARITY + 1)

/* A function with all its calls inline, even if the compiler finds the engine too large. */
#define POSEIDON_KERNEL static __attribute__((noinline, flatten)) void

POSEIDON_KERNEL poseidon_layer(fr *x, const fr *s, unsigned n) {
    for (unsigned i = 0; i < n; i++) fr_sqr(&x[i], &s[i]);
    for (unsigned i = 0; i < n; i++) fr_sqr(&x[i], &x[i]);
    for (unsigned i = 0; i < n; i++) fr_mul(&x[i], &x[i], &s[i]);
}

/* An array of elements as rows of limbs. */
static inline const uint64_t (*poseidon_limbs(const fr *a))[4] {
    return (const uint64_t (*)[4])(const void *)a;
}

/** r = unit + c[0] + sum x[i] c[1 + i], i < n; unit = NULL means 0.
 *  needs  unit, x loose, c canonical
 *  gives  r loose
 *  source four products and a reduction are below (4 * 2 * 0.19 + 1) p < 2.6p, and 3.6p with a constant: below 4p, so
 *         subtracting 2p once leaves a loose value */
POSEIDON_KERNEL poseidon_row(fr *r, const fr *unit, const fr *x, const fr *c, unsigned n) {
    fr sum = c[0];
#pragma GCC unroll 1
    for (unsigned i = 0; i < n; i += MONT_DOT_MOST) {
        const unsigned terms = n - i < MONT_DOT_MOST ? n - i : MONT_DOT_MOST;
        uint64_t t[4], carry = 0;
        mont_dot(t, poseidon_limbs(x + i), poseidon_limbs(c + 1 + i), terms, FR_MODULUS, FR_N0);
        if (i) mont_subtract_once(t, t, FR_MODULUS2);
        for (int j = 0; j < 4; j++) t[j] = mont_addc(t[j], sum.v[j], &carry);
        mont_subtract_once(sum.v, t, FR_MODULUS2);
    }
    if (unit) fr_add(r, &sum, unit);
    else *r = sum;
}

/* y = a^5 and the row with unit y. The products of the row do not need y and come first, so only an addition separates
 * one S-box from the next. */
POSEIDON_KERNEL poseidon_step(fr *y, fr *r, const fr *a, const fr *x, const fr *c, unsigned n) {
    poseidon_row(r, NULL, x, c, n);
    poseidon_layer(y, a, 1);
    fr_add(r, r, y);
}

#undef POSEIDON_KERNEL

#define ROUNDS poseidon_rounds
#define VALUE fr
#define WORK poseidon_work
#define CONSTANT fr
#define LAYER poseidon_layer
#define ROW poseidon_row
#define STEP poseidon_step
#include "poseidon_rounds.inc"

/** r = Poseidon(in[0..arity)), integers of 32 bytes, little-endian.
 *  needs  1 <= arity <= 8, in canonical
 *  gives  r canonical
 *  alias  r may be in in
 *  time   constant in the values, not in arity */
static void poseidon_hash(uint8_t r[32], const uint8_t *in, size_t arity) {
    fr values[POSEIDON_MAX_ARITY], hash;
    poseidon_work w;
    RLN_CHECK(arity >= 1 && arity <= POSEIDON_MAX_ARITY);
    for (size_t i = 0; i < 4 * arity; i++) values[i / 4].v[i % 4] = bytes_u64_decode(in + 8 * i);
    const poseidon_parameters *const p = &POSEIDON_PARAMETERS[arity - 1];
    poseidon_rounds(&hash, &w, values, p->rows, (unsigned)arity + 1, p->partial_rounds);
    fr_canonical(&hash, &hash);
    for (int i = 0; i < 4; i++) bytes_u64_encode(r + 8 * i, hash.v[i]);
    ct_wipe(values, sizeof values);
    ct_wipe(&hash, sizeof hash);
    ct_wipe(&w, sizeof w);
}

typedef struct poseidon_batch {
    uint8_t *r;
    const uint8_t *in;
    size_t arity, n;
} poseidon_batch;

/* The hashes of one piece: they take about a millisecond, which justifies waking a thread. */
#define POSEIDON_PIECE 128

static void poseidon_piece(void *context, size_t index) {
    const poseidon_batch *b = context;
    const size_t end = (index + 1) * POSEIDON_PIECE < b->n ? (index + 1) * POSEIDON_PIECE : b->n;
    for (size_t i = index * POSEIDON_PIECE; i < end; i++)
        poseidon_hash(b->r + 32 * i, b->in + 32 * i * b->arity, b->arity);
}

/** See engine.h. */
static void poseidon_hash_many(uint8_t *r, const uint8_t *in, size_t arity, size_t n, pool *threads) {
    poseidon_batch b = {r, in, arity, n};
    pool_run(threads, (n + POSEIDON_PIECE - 1) / POSEIDON_PIECE, poseidon_piece, &b);
}

#endif
