/* field8.h - a prime field on eight lanes, as a template: fr8.h and fp8.h include it once each.
 *
 * The including file defines FIELD8 (the type of lanes, also the prefix), FIELD (the type at rest) and F(name), the
 * constants' prefix. See lanes.h for limbs.
 *
 * Vocabulary
 *   bound B    the value is < B p. Limbs are normal, so B <= 84: 2^260 = 84.6 p. "needs A B" are the bounds of a and b
 *   product    mul gives a b / 2^260: the lanes' Montgomery form is x 2^260. What is at rest, x 2^256, is loaded as it
 *              is, where factors of 16 cancel or constants bring 2^260 along; or 16 times, which is the lanes' form.
 * Everything is constant time. Any argument may alias the result.
 */

#define FIELD8_JOIN_(a, b) a##_##b
#define FIELD8_JOIN(a, b) FIELD8_JOIN_(a, b)
#define FN8(name) FIELD8_JOIN(FIELD8, name)

typedef struct FIELD8 { lanes v[5]; } FIELD8;
/* Ten signed limbs, not normal, |limb| < 2^63. */
typedef struct FN8(wide) { lanes v[10]; } FN8(wide);

/** The same number in every lane. */
static inline FIELD8 FN8(all)(const uint64_t limbs[5]) {
    FIELD8 r;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r.v[i] = lanes_all(limbs[i]);
    return r;
}

static inline FIELD8 FN8(zero)(void) {
    FIELD8 r;
    for (int i = 0; i < 5; i++) r.v[i] = _mm512_setzero_si512();
    return r;
}

/** 2^260 mod p: the 1 of mul. Bound 1. */
static inline FIELD8 FN8(one)(void) {
    return FN8(all)(F(ONE));
}

/** mask ? a : b, lane by lane. */
static inline void FN8(select)(FIELD8 *r, __mmask8 mask, const FIELD8 *a, const FIELD8 *b) {
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r->v[i] = lanes_select(mask, a->v[i], b->v[i]);
}

/* ---- to and from rest */

static inline void FN8(words)(lanes r[4], const FIELD *a) {
    lanes rows[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) rows[i] = _mm512_loadu_si512(a + 2 * i);
    lanes_words_of_rows(r, rows);
}

/** Eight neighbours as they are. Bound 1 for canonical ones, 2 for loose ones. */
static inline void FN8(load_raw)(FIELD8 *r, const FIELD a[8]) {
    lanes words[4];
    FN8(words)(words, a);
    lanes_split(r->v, words);
}

/** Eight neighbours in the lanes' form: 16 times. Bound 16 for canonical ones, 32 for loose ones. */
static inline void FN8(load)(FIELD8 *r, const FIELD a[8]) {
    lanes words[4];
    FN8(words)(words, a);
    lanes_split_times_16(r->v, words);
}

/** As load, from eight places. */
static inline void FN8(gather)(FIELD8 *r, const FIELD *const a[8]) {
    lanes rows[4], words[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        rows[i] = _mm512_inserti64x4(
            _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(const void *)a[2 * i])),
            _mm256_loadu_si256((const __m256i *)(const void *)a[2 * i + 1]), 1);
    lanes_words_of_rows(words, rows);
    lanes_split_times_16(r->v, words);
}

/** r = a mod p, almost: below (1 + 2^-38) p.
 *  needs  a normal: any bound
 *  source with x the highest limb and m the highest of p, q = floor(x / (m + 1)) is floor(a / p) or one less, and one
 *         less only where a / p exceeds an integer by less than 2^-38: x < 2^52, m > 2^45 */
static inline void FN8(reduce)(FIELD8 *r, const FIELD8 *a) {
    const lanes zero = _mm512_setzero_si512();
    const lanes q = _mm512_srli_epi64(lanes_high(zero, a->v[4], lanes_at(&F(QUOTIENT))), 45);
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) t[i] = lanes_low(a->v[i], q, lanes_at(&F(NEGATIVE)[i]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) t[i + 1] = lanes_high(t[i + 1], q, lanes_at(&F(NEGATIVE)[i]));
    lanes_carry(r->v, t);
    r->v[4] = _mm512_and_si512(r->v[4], lanes_all(LANES_MASK)); /* less q 2^260 */
}

/** The canonical representative.
 *  needs  a normal: any bound */
static inline void FN8(canonical)(FIELD8 *r, const FIELD8 *a) {
    FIELD8 t;
    lanes u[5];
    FN8(reduce)(&t, a);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) u[i] = lanes_sub(t.v[i], lanes_at(&F(MODULUS)[i]));
    lanes_carry(u, u);
    const __mmask8 below = _mm512_movepi64_mask(u[4]);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) r->v[i] = lanes_select(below, t.v[i], u[i]);
}

/** Eight neighbours, as they are.
 *  needs  a < 2^256, which bound 5 is; canonical where it is to rest */
static inline void FN8(store_raw)(FIELD r[8], const FIELD8 *a) {
    lanes words[4], rows[4];
    lanes_join(words, a->v);
    lanes_rows_of_words(rows, words);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) _mm512_storeu_si512(r + 2 * i, rows[i]);
}

/** r = a / 16: from the lanes' form to the one at rest.
 *  needs  A <= 64
 *  gives  bound 5: (64 + 15) p / 16
 *  source adding m p, m < 16, makes the division exact, and stays below 2^260 */
static inline void FN8(sixteenth)(FIELD8 *r, const FIELD8 *a) {
    const lanes fifteen = lanes_all(15), zero = _mm512_setzero_si512();
    const lanes m = _mm512_and_si512(lanes_low(zero, a->v[0], lanes_at(&F(SIXTEENTH))), fifteen);
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) t[i] = lanes_low(a->v[i], m, lanes_at(&F(MODULUS)[i]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) t[i + 1] = lanes_high(t[i + 1], m, lanes_at(&F(MODULUS)[i]));
    lanes_carry(t, t);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        r->v[i] = _mm512_or_si512(_mm512_srli_epi64(t[i], 4),
                                  _mm512_slli_epi64(_mm512_and_si512(t[i + 1], fifteen), 48));
    r->v[4] = _mm512_srli_epi64(t[4], 4);
}

/** Eight neighbours at rest, canonical, from the lanes' form.
 *  needs  A <= 64 */
static inline void FN8(store)(FIELD r[8], const FIELD8 *a) {
    FIELD8 t;
    FN8(sixteenth)(&t, a);
    FN8(canonical)(&t, &t);
    FN8(store_raw)(r, &t);
}

/** Lanes where a = 0.
 *  needs  a canonical */
static inline __mmask8 FN8(is_zero)(const FIELD8 *a) {
    const lanes t = _mm512_or_si512(_mm512_or_si512(a->v[0], a->v[1]),
                                    _mm512_or_si512(_mm512_or_si512(a->v[2], a->v[3]), a->v[4]));
    return _mm512_testn_epi64_mask(t, t);
}

/* ---- sums */

/** r = a + b; bound A + B <= 84. */
static inline void FN8(add)(FIELD8 *r, const FIELD8 *a, const FIELD8 *b) {
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) t[i] = lanes_add(a->v[i], b->v[i]);
    lanes_carry(r->v, t);
}

/** r = a - b + 2^k p; 2^k >= B; bound A + 2^k <= 84. k 0..6. */
static inline void FN8(sub)(FIELD8 *r, const FIELD8 *a, const FIELD8 *b, int k) {
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++)
        t[i] = lanes_add(lanes_sub(a->v[i], b->v[i]), lanes_at(&F(MULTIPLES)[k][i]));
    lanes_carry(r->v, t);
}

/** r = 2^k a; bound 2^k A <= 84. */
static inline void FN8(shift)(FIELD8 *r, const FIELD8 *a, int k) {
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) t[i] = _mm512_slli_epi64(a->v[i], (unsigned)k);
    lanes_carry(r->v, t);
}

/* ---- products */

/** t = t + a b. A limb of t grows by less than 10 * 2^52: some hundred products fit. */
static inline __attribute__((always_inline)) void FN8(wide_mac)(FN8(wide) *t, const FIELD8 *a, const FIELD8 *b) {
    RLN_CHECK(lanes_are_normal(a->v) && lanes_are_normal(b->v));
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++) t->v[i + j] = lanes_low(t->v[i + j], a->v[i], b->v[j]);
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++) t->v[i + j + 1] = lanes_high(t->v[i + j + 1], a->v[i], b->v[j]);
    }
}

static inline FN8(wide) FN8(wide_zero)(void) {
    FN8(wide) t;
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++) t.v[i] = _mm512_setzero_si512();
    return t;
}

/** t = a^2: 30 products of limbs instead of 50. */
static inline __attribute__((always_inline)) void FN8(wide_sqr)(FN8(wide) *t, const FIELD8 *a) {
    RLN_CHECK(lanes_are_normal(a->v));
    *t = FN8(wide_zero)();
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++)
#pragma GCC unroll 5
        for (int j = i + 1; j < 5; j++) {
            t->v[i + j] = lanes_low(t->v[i + j], a->v[i], a->v[j]);
            t->v[i + j + 1] = lanes_high(t->v[i + j + 1], a->v[i], a->v[j]);
        }
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++) t->v[i] = lanes_add(t->v[i], t->v[i]);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        t->v[2 * i] = lanes_low(t->v[2 * i], a->v[i], a->v[i]);
        t->v[2 * i + 1] = lanes_high(t->v[2 * i + 1], a->v[i], a->v[i]);
    }
}

/* r = t / 2^260 mod p in five signed limbs that are not normal, 2^52 at most in excess.
 * source four limbs are folded: t 2^-52 = (t >> 52) + (t mod 2^52) FOLD, no quotient, no wait; the last one goes
 *        by Montgomery's step, because folding would leave more than five limbs. Each adds less than 2^52 p, of which
 *        the later divisions leave p / 2^52 .., and p + p for the last two */
static inline __attribute__((always_inline)) void FN8(wide_fold)(lanes r[5], const FN8(wide) *wide) {
    FN8(wide) t = *wide;
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        t.v[k + 1] = lanes_add(t.v[k + 1], _mm512_srai_epi64(t.v[k], 52));
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++) t.v[k + 1 + j] = lanes_low(t.v[k + 1 + j], t.v[k], lanes_at(&F(FOLD)[j]));
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++) t.v[k + 2 + j] = lanes_high(t.v[k + 2 + j], t.v[k], lanes_at(&F(FOLD)[j]));
    }
    lanes *const u = t.v + 4;
    const lanes m = lanes_low(_mm512_setzero_si512(), u[0], lanes_at(&F(N0)));
    u[0] = lanes_low(u[0], m, lanes_at(&F(MODULUS)[0]));
    u[1] = lanes_high(u[1], m, lanes_at(&F(MODULUS)[0]));
    u[1] = lanes_add(u[1], _mm512_srai_epi64(u[0], 52));
#pragma GCC unroll 4
    for (int j = 1; j < 5; j++) {
        u[j] = lanes_low(u[j], m, lanes_at(&F(MODULUS)[j]));
        u[j + 1] = lanes_high(u[j + 1], m, lanes_at(&F(MODULUS)[j]));
    }
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++) r[j] = u[1 + j];
}

/** r = t / 2^260 mod p.
 *  needs  t >= 0, limbs signed
 *  gives  r normal, < t / 2^260 + 2.01 p, which must be below 2^260 */
static inline __attribute__((always_inline)) void FN8(wide_reduce)(FIELD8 *r, const FN8(wide) *t) {
    lanes u[5];
    FN8(wide_fold)(u, t);
    lanes_carry(r->v, u);
    RLN_CHECK(lanes_are_normal(r->v));
}

/** r = t / 2^260 + 2^k p mod p: for differences of products.
 *  needs  t >= -2^k p 2^260, limbs signed
 *  gives  r normal, < t / 2^260 + 2^k p + 2.01 p, which must be below 2^260 */
static inline void FN8(wide_reduce_signed)(FIELD8 *r, const FN8(wide) *t, int k) {
    lanes u[5];
    FN8(wide_fold)(u, t);
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++) u[j] = lanes_add(u[j], lanes_at(&F(MULTIPLES)[k][j]));
    lanes_carry(r->v, u);
    RLN_CHECK(lanes_are_normal(r->v));
}

/** r = a b / 2^260.
 *  gives  bound A B / 84 + 2.01: at most 86 where both are 84, so keep A B <= 6800 */
static inline void FN8(mul)(FIELD8 *r, const FIELD8 *a, const FIELD8 *b) {
    FN8(wide) t = FN8(wide_zero)();
    FN8(wide_mac)(&t, a, b);
    FN8(wide_reduce)(r, &t);
}

/** r = a^2 / 2^260; as mul. */
static inline void FN8(sqr)(FIELD8 *r, const FIELD8 *a) {
    FN8(wide) t;
    FN8(wide_sqr)(&t, a);
    FN8(wide_reduce)(r, &t);
}

#undef FN8
#undef FIELD8_JOIN
#undef FIELD8_JOIN_
#undef FIELD8
#undef FIELD
#undef F
