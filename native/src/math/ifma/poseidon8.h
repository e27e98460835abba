/* poseidon8.h - eight Poseidon hashes at a time: see poseidon.h.
 *
 * 16 times a stored number, 2^256 a, is the lanes' form of a. So the scalar constants and the scale of the inputs are
 * used here too.
 */
#ifndef RLN_MATH_IFMA_POSEIDON8_H
#define RLN_MATH_IFMA_POSEIDON8_H

#include <string.h>

#include "../poseidon.h"
#include "fr8.h"

typedef struct poseidon8_constant { uint64_t v[5]; } poseidon8_constant;

/** x[i] = s[i]^5, i < n; bound 17 gives bound 3. All squares come first, so that neighbours do not wait for each
 *  other. */
static inline void poseidon8_layer(fr8 *x, const fr8 *s, unsigned n) {
#pragma GCC unroll 1
    for (unsigned i = 0; i < n; i++) fr8_sqr(&x[i], &s[i]);
#pragma GCC unroll 1
    for (unsigned i = 0; i < n; i++) fr8_sqr(&x[i], &x[i]);
#pragma GCC unroll 1
    for (unsigned i = 0; i < n; i++) fr8_mul(&x[i], &x[i], &s[i]);
}

/* t = t + sum x[i] c[i], i < n. */
static inline __attribute__((always_inline)) void poseidon8_mac(fr8_wide *t, const fr8 *x, const poseidon8_constant *c,
                                                                unsigned n) {
#pragma GCC unroll 1
    for (unsigned i = 0; i < n; i++) {
        const fr8 factor = fr8_all(c[i].v);
        fr8_wide_mac(t, &x[i], &factor);
    }
}

/* t = t + a 2^260 */
static inline void poseidon8_high(fr8_wide *t, const lanes a[5]) {
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) t->v[5 + i] = lanes_add(t->v[5 + i], a[i]);
}

/** r = unit + c[0] + sum x[i] c[1 + i], i < n; unit = NULL means 0. c is canonical; at most 17 terms.
 *  gives  for bounds 16 of unit and 8 of x: bound 17 without products, and 9 after an S-box, because
 *         17 * 8 / 84 + 2.01 + 1 + 3 < 9 */
static inline void poseidon8_row(fr8 *r, const fr8 *unit, const fr8 *x, const poseidon8_constant *c, unsigned n) {
    fr8_wide t = fr8_wide_zero();
    const fr8 constant = fr8_all(c[0].v);
    poseidon8_high(&t, constant.v);
    if (unit) poseidon8_high(&t, unit->v);
    poseidon8_mac(&t, x, c + 1, n);
    if (n) fr8_wide_reduce(r, &t);
    else lanes_carry(r->v, t.v + 5);
}

/** y = a^5, and the row with unit y. The row's products, in quarters, alternate with the three products of
 *  the S-box, to hide their latency. */
static inline void poseidon8_step(fr8 *y, fr8 *r, const fr8 *a, const fr8 *x, const poseidon8_constant *c, unsigned n) {
    const unsigned quarter = n / 4, half = n / 2, most = quarter + half;
    const fr8 constant = fr8_all(c[0].v);
    fr8_wide t = fr8_wide_zero();
    fr8 power;
    c++;
    poseidon8_mac(&t, x, c, quarter);
    fr8_sqr(&power, a);
    poseidon8_mac(&t, x + quarter, c + quarter, half - quarter);
    fr8_sqr(&power, &power);
    poseidon8_mac(&t, x + half, c + half, most - half);
    fr8_mul(y, &power, a);
    poseidon8_mac(&t, x + most, c + most, n - most);
    poseidon8_high(&t, constant.v);
    poseidon8_high(&t, y->v);
    fr8_wide_reduce(r, &t);
}

#define ROUNDS poseidon8_rounds
#define VALUE fr8
#define WORK poseidon8_work
#define CONSTANT poseidon8_constant
#define LAYER poseidon8_layer
#define ROW poseidon8_row
#define STEP poseidon8_step
#include "../poseidon_rounds.inc"

/* The constants of one width, split into limbs. This takes a microsecond in every piece, and saves a second table. It
 * writes one element more than count. */
static void poseidon8_split(poseidon8_constant *r, const fr *rows, unsigned count) {
    for (unsigned i = 0; i < count; i += LANES) {
        const unsigned n = count - i < LANES ? count - i : LANES;
        fr last[LANES] = {{{0}}};
        fr8 t;
        lanes limbs[8];
        if (n < LANES) memcpy(last, rows + i, n * sizeof *rows);
        fr8_load(&t, n < LANES ? last : rows + i);
        fr8_canonical(&t, &t);
        for (int j = 0; j < 8; j++) limbs[j] = j < 5 ? t.v[j] : _mm512_setzero_si512();
        lanes_transpose(limbs);
        /* in this order each store overwrites the zeros after the one before */
        for (unsigned j = 0; j < n; j++) _mm512_storeu_si512(&r[i + j], limbs[j]);
    }
}

typedef struct poseidon8_scratch {
    poseidon8_work work;
    fr8 in[POSEIDON_MAX_ARITY], hash;
    fr column[LANES];
} poseidon8_scratch;

/* n <= 8 hashes; lanes beyond n hash zeros. */
static inline void poseidon8_hash(uint8_t *r, const uint8_t *in, size_t arity, size_t n, poseidon8_scratch *s,
                                  const poseidon8_constant *c) {
    for (size_t k = 0; k < arity; k++) {
        for (size_t i = 0; i < LANES; i++)
            if (i < n) memcpy(&s->column[i], in + 32 * (i * arity + k), 32);
            else s->column[i] = fr_zero();
        fr8_load(&s->in[k], s->column);
    }
    poseidon8_rounds(&s->hash, &s->work, s->in, c, (unsigned)arity + 1, POSEIDON_PARAMETERS[arity - 1].partial_rounds);
    fr8_store(s->column, &s->hash);
    memcpy(r, s->column, 32 * n);
}

#define POSEIDON8_PIECE 512

static void poseidon8_piece(void *context, size_t index) {
    const poseidon_batch *b = context;
    const poseidon_parameters *p = &POSEIDON_PARAMETERS[b->arity - 1];
    const size_t first = index * POSEIDON8_PIECE, left = b->n - first;
    const size_t n = left < POSEIDON8_PIECE ? left : POSEIDON8_PIECE;
    uint8_t *const r = b->r + 32 * first;
    const uint8_t *const in = b->in + 32 * first * b->arity;
    poseidon8_constant c[POSEIDON_MOST_CONSTANTS + 1];
    poseidon8_scratch s;
    poseidon8_split(c, p->rows, p->constants);
    for (size_t i = 0; i < n; i += LANES)
        poseidon8_hash(r + 32 * i, in + 32 * i * b->arity, b->arity, n - i < LANES ? n - i : LANES, &s, c);
    ct_wipe(&s, sizeof s);
}

/** See engine.h. A single hash is faster without lanes. */
static void poseidon8_hash_many(uint8_t *r, const uint8_t *in, size_t arity, size_t n, pool *threads) {
    const size_t alone = n % LANES == 1;
    poseidon_batch b = {r, in, arity, n - alone};
    pool_run(threads, (b.n + POSEIDON8_PIECE - 1) / POSEIDON8_PIECE, poseidon8_piece, &b);
    if (alone) poseidon_hash(r + 32 * b.n, in + 32 * b.n * arity, arity);
}

#endif
