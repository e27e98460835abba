/* decompress8.h - decompression of points on eight lanes, with the results of decompress_on_curve in group.inc.
 *
 * Every lane computes a root for its x, and whether it is one: x^3 + b may not be a square. If the bytes are not a
 * valid x, the lane takes x = 0. field8.inc explains bounds and the lanes' Montgomery form; an "integer" is not in
 * Montgomery form.
 */
#ifndef RLN_MATH_IFMA_DECOMPRESS8_H
#define RLN_MATH_IFMA_DECOMPRESS8_H

#include "../fp_root.h"
#include "../g2.h"
#include "tower8.h"

/* How many vectors are processed side by side, which hides the latency of products. */
#define DECOMPRESS8_VECTORS 2
/* The window of the exponent: odd powers up to 2^5 - 1. */
#define DECOMPRESS8_WINDOW 5

/** r[i] = a[i]^((p-3)/4), bound 3, a of bound 16: see fp_root_power.
 *  source sliding windows, the same for all lanes: 251 squares and about 60 products */
static __attribute__((noinline)) void fp8_root_power(fp8 *r, const fp8 *a, size_t n) {
    fp8 odd[DECOMPRESS8_VECTORS][1 << (DECOMPRESS8_WINDOW - 1)], t[DECOMPRESS8_VECTORS], square;
    uint64_t e[4];
    for (int i = 0; i < 4; i++) e[i] = FP_MODULUS[i] >> 2 | (i < 3 ? FP_MODULUS[i + 1] << 62 : 0);
#define DECOMPRESS8_BIT(i) (e[(i) / 64] >> ((i) % 64) & 1)
    for (size_t v = 0; v < n; v++) {
        fp8_sqr(&square, &a[v]);
        odd[v][0] = a[v];
        for (int i = 1; i < 1 << (DECOMPRESS8_WINDOW - 1); i++) fp8_mul(&odd[v][i], &odd[v][i - 1], &square);
        t[v] = fp8_one();
    }
    for (int i = 251, begun = 0; i >= 0;) {
        if (!DECOMPRESS8_BIT(i)) {
            for (size_t v = 0; v < n; v++) fp8_sqr(&t[v], &t[v]);
            i--;
            continue;
        }
        int last = i - DECOMPRESS8_WINDOW + 1 > 0 ? i - DECOMPRESS8_WINDOW + 1 : 0;
        unsigned digit = 0;
        while (!DECOMPRESS8_BIT(last)) last++;
        for (int j = i; j >= last; j--) digit = 2 * digit + (unsigned)DECOMPRESS8_BIT(j);
        for (int j = i; begun && j >= last; j--)
            for (size_t v = 0; v < n; v++) fp8_sqr(&t[v], &t[v]);
        for (size_t v = 0; v < n; v++) {
            if (begun) fp8_mul(&t[v], &t[v], &odd[v][digit / 2]);
            else t[v] = odd[v][digit / 2];
        }
        begun = 1;
        i = last - 1;
    }
#undef DECOMPRESS8_BIT
    for (size_t v = 0; v < n; v++) r[v] = t[v];
}

/* The coordinates of eight points as integers, read from the bytes; 0 in lanes without a point. */
typedef struct decompress8_bytes { fp v[LANES]; } decompress8_bytes;

/* RLN_OK and r = the integer of 32 bytes; or RLN_ERR_RANGE and r = 0, if it is not below p. keep: the bits of the last
 * byte that belong to it. */
static inline rln_status decompress8_read(fp *r, const uint8_t *a, uint8_t keep) {
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) r->v[i] = bytes_u64_decode(a + 8 * i);
    r->v[3] &= (uint64_t)keep << 56 | (((uint64_t)1 << 56) - 1);
    for (int i = 0; i < 4; i++) (void)mont_subb(r->v[i], FP_MODULUS[i], &borrow);
    if (borrow) return RLN_OK;
    *r = fp_zero();
    return RLN_ERR_RANGE;
}

/* r = eight integers, in the lanes' form. Bound 3.
 * source a 2^260 = a (16 R2) 2^256 .. / 2^260, where R2 2^256 .. is 2^512 mod p: the lanes' form of 2^260 is 2^520 */
static inline void decompress8_load(fp8 *r, const fp a[LANES]) {
    fp scale = FP_R2; /* stored form of 2^256 */
    for (int i = 0; i < 4; i++) fp_dbl(&scale, &scale);
    fp_canonical(&scale, &scale);
    const fp8 factor = fp8_everywhere(&scale); /* 16 times 2^516: 2^520 */
    fp8_load_raw(r, a);
    fp8_mul(r, r, &factor);
}

/* r = the integers, canonical. */
static inline void decompress8_integer(fp8 *r, const fp8 *a) {
    static const uint64_t one[5] = {1, 0, 0, 0, 0};
    const fp8 unit = fp8_all(one);
    fp8_mul(r, a, &unit);
    fp8_canonical(r, r);
}

/* Lanes where the integer a is above p - a.
 * needs  a canonical */
static inline __mmask8 decompress8_is_larger(const fp8 *a) {
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++)
        t[i] = lanes_sub(lanes_all(FP8_MODULUS[i]), _mm512_slli_epi64(a->v[i], 1)); /* p - 2 a */
    lanes_carry(t, t);
    return _mm512_movepi64_mask(t[4]);
}

/* Lanes where a = b.
 * needs  B <= 4 */
static inline __mmask8 decompress8_equal(const fp8 *a, const fp8 *b) {
    fp8 t;
    fp8_sub(&t, a, b, 2);
    fp8_canonical(&t, &t);
    return fp8_is_zero(&t);
}

/* r = -a in lanes of the mask, else a; bound 4.
 * needs  A <= 4 */
static inline void decompress8_negate(fp8 *r, __mmask8 mask, const fp8 *a) {
    lanes t[5];
    fp8 negative;
    fp8_less(t, 2, a, 0);
    lanes_carry(negative.v, t);
    fp8_select(r, mask, &negative, a);
}

/* The flags of eight points, as masks; lanes after the last point count as infinity. */
typedef struct decompress8_flags {
    __mmask8 larger, infinity, broken; /* broken: the status is already RLN_ERR_RANGE */
} decompress8_flags;

static inline void decompress8_flag(decompress8_flags *r, size_t lane, uint8_t last, rln_status range) {
    const __mmask8 bit = (__mmask8)(1u << lane);
    if (last & POINT_LARGER) r->larger |= bit;
    if (last & POINT_INFINITY) r->infinity |= bit;
    if (range) r->broken |= bit;
}

/* The status of a lane, as in decompress_on_curve. x_zero, y_zero, square: the lanes where x = 0, y = 0, or the right
 * side is a square. */
static inline rln_status decompress8_status(const decompress8_flags *flags, size_t lane, __mmask8 x_zero,
                                            __mmask8 y_zero, __mmask8 square) {
    const unsigned larger = flags->larger >> lane & 1;
    if (flags->broken >> lane & 1) return RLN_ERR_RANGE;
    if (flags->infinity >> lane & 1) return !larger && x_zero >> lane & 1 ? RLN_OK : RLN_ERR_POINT;
    return square >> lane & 1 && !(larger && y_zero >> lane & 1) ? RLN_OK : RLN_ERR_POINT;
}

/* ---- G1 */

/* Decompress n points, at most DECOMPRESS8_VECTORS vectors. */
static void g1_decompress8(g1_aff *r, rln_status *status, const uint8_t *bytes, size_t stride, size_t n) {
    const size_t vectors = (n + LANES - 1) / LANES;
    const fp8 b = fp8_everywhere(&G1_B);
    fp8 x[DECOMPRESS8_VECTORS], right[DECOMPRESS8_VECTORS], y[DECOMPRESS8_VECTORS], t;
    decompress8_flags flags[DECOMPRESS8_VECTORS];
    fp xs[LANES], ys[LANES];
    memset(flags, 0, sizeof flags);
    for (size_t v = 0; v < vectors; v++) {
        memset(xs, 0, sizeof xs);
        for (size_t lane = 0; lane < LANES && LANES * v + lane < n; lane++) {
            const uint8_t *const a = bytes + (LANES * v + lane) * stride;
            decompress8_flag(&flags[v], lane, a[31], decompress8_read(&xs[lane], a, 0x3f));
        }
        decompress8_load(&x[v], xs);
        fp8_sqr(&t, &x[v]);
        fp8_mul(&t, &t, &x[v]);
        fp8_add(&t, &t, &b);
        fp8_lower(&right[v], t.v);
    }
    fp8_root_power(y, right, vectors);
    for (size_t v = 0; v < vectors; v++) {
        fp8 integer;
        fp8_mul(&y[v], &y[v], &right[v]);
        fp8_sqr(&t, &y[v]);
        const __mmask8 square = decompress8_equal(&t, &right[v]);
        decompress8_integer(&integer, &y[v]);
        decompress8_negate(&y[v], decompress8_is_larger(&integer) ^ flags[v].larger, &y[v]);
        const __mmask8 y_zero = fp8_is_zero(&integer);
        fp8_canonical(&t, &x[v]);
        const __mmask8 x_zero = fp8_is_zero(&t);
        fp8_store(xs, &x[v]);
        fp8_store(ys, &y[v]);
        for (size_t lane = 0; lane < LANES && LANES * v + lane < n; lane++) {
            const size_t i = LANES * v + lane;
            status[i] = decompress8_status(&flags[v], lane, x_zero, y_zero, square);
            r[i] = g1_aff_infinity();
            if (status[i] == RLN_OK && !(flags[v].infinity >> lane & 1)) r[i] = (g1_aff){xs[lane], ys[lane]};
        }
    }
}

/* ---- G2 */

/* r^2 = a in the lanes of square: see fp2_sqrt_var, which explains the letters. a has bound 3, r bound 4. */
static void fp2_8_sqrt(fp2_8 *r, __mmask8 *square, const fp2_8 *a, size_t n) {
    fp8 norm[DECOMPRESS8_VECTORS], s[DECOMPRESS8_VECTORS], t[DECOMPRESS8_VECTORS], z[DECOMPRESS8_VECTORS], zt, u;
    fp half_at_rest;
    fp_half(&half_at_rest, &FP_ONE);
    fp_canonical(&half_at_rest, &half_at_rest);
    const fp8 half = fp8_everywhere(&half_at_rest);
    for (size_t v = 0; v < n; v++) {
        fp8_sqr(&norm[v], &a[v].c0);
        fp8_sqr(&u, &a[v].c1);
        fp8_add(&norm[v], &norm[v], &u);
    }
    fp8_root_power(s, norm, n);
    for (size_t v = 0; v < n; v++) {
        fp8_mul(&s[v], &s[v], &norm[v]);
        fp8_sqr(&u, &s[v]);
        fp8_lower(&norm[v], norm[v].v);
        square[v] = decompress8_equal(&u, &norm[v]);
        fp8_add(&t[v], &a[v].c0, &s[v]);
        fp8_mul(&t[v], &t[v], &half);
        fp8_canonical(&u, &t[v]);
        fp8_select(&t[v], fp8_is_zero(&u), &a[v].c0, &t[v]);
    }
    fp8_root_power(z, t, n);
    for (size_t v = 0; v < n; v++) {
        fp8_mul(&zt, &z[v], &t[v]);
        fp8_mul(&z[v], &z[v], &a[v].c1);
        fp8_mul(&z[v], &z[v], &half);
        fp8_sqr(&u, &zt);
        const __mmask8 first = decompress8_equal(&u, &t[v]);
        fp8_select(&r[v].c0, first, &zt, &z[v]);
        decompress8_negate(&zt, 0xff, &zt);
        fp8_select(&r[v].c1, first, &z[v], &zt);
    }
}

/* As g1_decompress8. */
static void g2_decompress8(g2_aff *r, rln_status *status, const uint8_t *bytes, size_t stride, size_t n) {
    const size_t vectors = (n + LANES - 1) / LANES;
    const factor8 b = factor8_everywhere(&G2_B);
    factor8 x[DECOMPRESS8_VECTORS], t;
    fp2_8 right[DECOMPRESS8_VECTORS], y[DECOMPRESS8_VECTORS], lowered;
    decompress8_flags flags[DECOMPRESS8_VECTORS];
    __mmask8 square[DECOMPRESS8_VECTORS];
    fp c[4][LANES];
    memset(flags, 0, sizeof flags);
    fp8_lower(&lowered.c0, b.v.c0.v);
    fp8_lower(&lowered.c1, b.v.c1.v);
    for (size_t v = 0; v < vectors; v++) {
        memset(c, 0, sizeof c);
        for (size_t lane = 0; lane < LANES && LANES * v + lane < n; lane++) {
            const uint8_t *const a = bytes + (LANES * v + lane) * stride;
            const rln_status low = decompress8_read(&c[0][lane], a, 0xff),
                             high = decompress8_read(&c[1][lane], a + 32, 0x3f);
            decompress8_flag(&flags[v], lane, a[63], low ? low : high);
        }
        decompress8_load(&x[v].v.c0, c[0]);
        decompress8_load(&x[v].v.c1, c[1]);
        factor8_sum(&x[v]);
        fp2_8_sqr(&t.v, &x[v].v, 2);
        factor8_sum(&t);
        factor8_dot1(&t, &t, &x[v], &lowered);
        right[v] = t.v;
    }
    fp2_8_sqrt(y, square, right, vectors);
    for (size_t v = 0; v < vectors; v++) {
        fp2_8 integer;
        decompress8_integer(&integer.c0, &y[v].c0);
        decompress8_integer(&integer.c1, &y[v].c1);
        const __mmask8 real = fp8_is_zero(&integer.c1);
        const __mmask8 larger = decompress8_is_larger(&integer.c1) | (real & decompress8_is_larger(&integer.c0));
        const __mmask8 y_zero = real & fp8_is_zero(&integer.c0);
        decompress8_negate(&y[v].c0, larger ^ flags[v].larger, &y[v].c0);
        decompress8_negate(&y[v].c1, larger ^ flags[v].larger, &y[v].c1);
        fp2_8_canonical(&lowered, &x[v].v);
        const __mmask8 x_zero = fp2_8_is_zero(&lowered);
        fp8_store(c[0], &x[v].v.c0);
        fp8_store(c[1], &x[v].v.c1);
        fp8_store(c[2], &y[v].c0);
        fp8_store(c[3], &y[v].c1);
        for (size_t lane = 0; lane < LANES && LANES * v + lane < n; lane++) {
            const size_t i = LANES * v + lane;
            status[i] = decompress8_status(&flags[v], lane, x_zero, y_zero, square[v]);
            r[i] = g2_aff_infinity();
            if (status[i] == RLN_OK && !(flags[v].infinity >> lane & 1))
                r[i] = (g2_aff){{c[0][lane], c[1][lane]}, {c[2][lane], c[3][lane]}};
        }
    }
}

/* ---- the engine's entries */

/* For fewer points than this, one point at a time is faster: measured. */
#define DECOMPRESS8_LEAST 2

/** See engine.h. */
static void g1_decompress_many8_var(g1_aff *r, rln_status *status, const uint8_t *bytes, size_t stride, size_t n) {
    const size_t most = DECOMPRESS8_VECTORS * LANES;
    if (n < DECOMPRESS8_LEAST) {
        g1_decompress_many_var(r, status, bytes, stride, n);
        return;
    }
    for (size_t i = 0; i < n; i += most)
        g1_decompress8(r + i, status + i, bytes + i * stride, stride, n - i < most ? n - i : most);
}

/** See engine.h. */
static void g2_decompress_many8_var(g2_aff *r, rln_status *status, const uint8_t *bytes, size_t stride, size_t n) {
    const size_t most = DECOMPRESS8_VECTORS * LANES;
    if (n < DECOMPRESS8_LEAST) {
        g2_decompress_many_var(r, status, bytes, stride, n);
        return;
    }
    for (size_t i = 0; i < n; i += most)
        g2_decompress8(r + i, status + i, bytes + i * stride, stride, n - i < most ? n - i : most);
}

#endif
