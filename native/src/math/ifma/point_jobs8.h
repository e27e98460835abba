/* point_jobs8.h - the jobs of point_jobs.h, on eight lanes. */
#ifndef RLN_MATH_IFMA_POINT_JOBS8_H
#define RLN_MATH_IFMA_POINT_JOBS8_H

#include "../point_jobs.h"
#include "msm8.h"

/* ---- steps of doublings and additions, for both coordinates */

/** r = a^2 / 2^260; k as in fp2_8_sqr. */
static inline void fp8_sqr_of(fp8 *r, const fp8 *a, int k) {
    (void)k;
    fp8_sqr(r, a);
}

static inline void fp2_8_sqr_of(fp2_8 *r, const fp2_8 *a, int k) {
    fp2_8_sqr(r, a, k);
}

/** r = 3 a. */
static inline void fp8_three_times(fp8 *r, const fp8 *a) {
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) t[i] = lanes_add(lanes_add(a->v[i], a->v[i]), a->v[i]);
    lanes_carry(r->v, t);
}

static inline void fp2_8_three_times(fp2_8 *r, const fp2_8 *a) {
    fp8_three_times(&r->c0, &a->c0);
    fp8_three_times(&r->c1, &a->c1);
}

/** r = a - 8 b, canonical.
 *  needs  A <= 40, B <= 3.75 */
static inline void fp8_less_eight_times(fp8 *r, const fp8 *a, const fp8 *b) {
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++)
        t[i] = lanes_sub(lanes_add(a->v[i], lanes_at(&FP8_MULTIPLES[5][i])), _mm512_slli_epi64(b->v[i], 3));
    fp8_settle(r, t);
}

static inline void fp2_8_less_eight_times(fp2_8 *r, const fp2_8 *a, const fp2_8 *b) {
    fp8_less_eight_times(&r->c0, &a->c0, &b->c0);
    fp8_less_eight_times(&r->c1, &a->c1, &b->c1);
}

/** r = 4 a - b + p: bound 4 A + 1.
 *  needs  B <= 1 */
static inline void fp8_four_times_less(fp8 *r, const fp8 *a, const fp8 *b) {
    lanes t[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++)
        t[i] = lanes_sub(lanes_add(_mm512_slli_epi64(a->v[i], 2), lanes_at(&FP8_MODULUS[i])), b->v[i]);
    lanes_carry(r->v, t);
}

static inline void fp2_8_four_times_less(fp2_8 *r, const fp2_8 *a, const fp2_8 *b) {
    fp8_four_times_less(&r->c0, &a->c0, &b->c0);
    fp8_four_times_less(&r->c1, &a->c1, &b->c1);
}

/* How many vectors are processed side by side, which hides the latency of products. */
#define JAC8_ABREAST 2

#define GROUP g1
#define COORD fp
#define COORD8 fp8
#include "point_jac8.inc"
#undef GROUP
#undef COORD
#undef COORD8

#define GROUP g2
#define COORD fp2
#define COORD8 fp2_8
#include "point_jac8.inc"
#undef GROUP
#undef COORD
#undef COORD8

/* ---- multiples of different points */

/* The points of one piece of work. This is also the distance between the multiples of a point, so it is not a power of
 * two, for which the multiples would share the same lines of the cache. */
#define MUL_EACH8_PIECE ((size_t)80)
/* For fewer points than this, one point at a time is faster: measured. */
#define MUL_EACH8_LEAST 2
/* Signed windows: digits from -16 to 16, multiples up to 16. Parts are below 2^128. */
#define MUL_EACH8_BITS 5
#define MUL_EACH8_MULTIPLES 16
#define MUL_EACH8_WINDOWS 26

/* The digits of the parts of eight scalars, one scalar in each lane. */
typedef struct mul_each8_digits {
    int8_t v[G1_PARTS][MUL_EACH8_WINDOWS][LANES];
    unsigned windows; /* without the leading ones that are 0 in all lanes */
} mul_each8_digits;

static void mul_each8_digits_of(mul_each8_digits *r, const u256 *k, size_t n, unsigned bits) {
    glv_part parts[G1_PARTS];
    memset(r, 0, sizeof *r);
    for (size_t lane = 0; lane < n; lane++) {
        if (bits > 128) g1_split(parts, &k[lane]);
        else {
            parts[0] = (glv_part){k[lane].v[0], k[lane].v[1], 0};
            parts[1] = (glv_part){0, 0, 0};
        }
        for (int j = 0; j < G1_PARTS; j++) {
            mont_u128 left = (mont_u128)parts[j].high << 64 | parts[j].low;
            for (unsigned w = 0; left; w++) {
                int digit = (int)(left & (2 * MUL_EACH8_MULTIPLES - 1));
                left >>= MUL_EACH8_BITS;
                if (digit >= MUL_EACH8_MULTIPLES) {
                    digit -= 2 * MUL_EACH8_MULTIPLES;
                    left++;
                }
                r->v[j][w][lane] = (int8_t)(parts[j].negative ? -digit : digit);
                if (w + 1 > r->windows) r->windows = w + 1;
            }
        }
    }
    ct_wipe(parts, sizeof parts);
}

/* An affine point in each lane of add, in the lanes' form, bounds 16. */
typedef struct g1_addend8 {
    fp8 x, y;
    __mmask8 add;
} g1_addend8;

/* r[v] = r[v] + a[v] in the lanes of add; a[v] where r[v] is infinity.
 * needs  r != +-a in these lanes
 * source as add_slope in group.inc. Bounds: h and slope 3.5, the others 2.5 */
static __attribute__((noinline)) void g1_jac8_add_mixed(g1_jac8 *r, const g1_addend8 *a, int vectors) {
    fp8 zz[JAC8_ABREAST], h[JAC8_ABREAST], slope[JAC8_ABREAST], w[JAC8_ABREAST], t[JAC8_ABREAST];
    g1_jac8 sum[JAC8_ABREAST];
    lanes u[5];
    for (int v = 0; v < vectors; v++) fp8_sqr(&zz[v], &r[v].z);
    for (int v = 0; v < vectors; v++) fp8_mul(&h[v], &a[v].x, &zz[v]);
    for (int v = 0; v < vectors; v++) fp8_mul(&zz[v], &zz[v], &r[v].z);
    for (int v = 0; v < vectors; v++) fp8_sub(&h[v], &h[v], &r[v].x, 0);
    for (int v = 0; v < vectors; v++) fp8_mul(&slope[v], &a[v].y, &zz[v]);
    for (int v = 0; v < vectors; v++) fp8_sqr(&zz[v], &h[v]);
    for (int v = 0; v < vectors; v++) fp8_sub(&slope[v], &slope[v], &r[v].y, 0);
    for (int v = 0; v < vectors; v++) fp8_mul(&sum[v].z, &r[v].z, &h[v]);
    for (int v = 0; v < vectors; v++) fp8_mul(&w[v], &r[v].x, &zz[v]);
    for (int v = 0; v < vectors; v++) fp8_mul(&h[v], &h[v], &zz[v]);
    for (int v = 0; v < vectors; v++) fp8_sqr(&t[v], &slope[v]);
    for (int v = 0; v < vectors; v++) {
#pragma GCC unroll 5
        for (int i = 0; i < 5; i++)
            u[i] = lanes_sub(lanes_sub(lanes_add(t[v].v[i], lanes_at(&FP8_MULTIPLES[4][i])), h[v].v[i]),
                             lanes_add(w[v].v[i], w[v].v[i]));
        fp8_settle(&sum[v].x, u);
        fp8_sub(&w[v], &w[v], &sum[v].x, 0);
    }
    for (int v = 0; v < vectors; v++) fp8_mul(&h[v], &h[v], &r[v].y);
    for (int v = 0; v < vectors; v++) fp8_mul(&w[v], &w[v], &slope[v]);
    for (int v = 0; v < vectors; v++) {
#pragma GCC unroll 5
        for (int i = 0; i < 5; i++) u[i] = lanes_sub(lanes_add(w[v].v[i], lanes_at(&FP8_MULTIPLES[3][i])), h[v].v[i]);
        fp8_settle(&sum[v].y, u);
    }
    for (int v = 0; v < vectors; v++) {
        const __mmask8 first = a[v].add & r[v].none;
        if (__builtin_expect(first, 0)) {
            const fp8 one = fp8_one();
            fp8_canonical(&t[v], &a[v].x);
            fp8_select(&sum[v].x, first, &t[v], &sum[v].x);
            fp8_canonical(&t[v], &a[v].y);
            fp8_select(&sum[v].y, first, &t[v], &sum[v].y);
            fp8_select(&sum[v].z, first, &one, &sum[v].z);
        }
        fp8_select(&r[v].x, a[v].add, &sum[v].x, &r[v].x);
        fp8_select(&r[v].y, a[v].add, &sum[v].y, &r[v].y);
        fp8_select(&r[v].z, a[v].add, &sum[v].z, &r[v].z);
        r[v].none &= ~a[v].add;
    }
}

/* r = the multiples that the digits of part j in window w name. m times point i is at table[(m - 1) stride + i]. */
static inline void g1_addend8_read(g1_addend8 *r, const g1_aff *table, size_t stride, const mul_each8_digits *digits,
                                   int j, unsigned w, const fp8 *beta) {
    uint64_t offsets[LANES];
    unsigned add = 0, negative = 0;
    for (unsigned lane = 0; lane < LANES; lane++) {
        const int digit = digits->v[j][w][lane], sign = digit >> 31, size = (digit ^ sign) - sign;
        add |= (unsigned)(size != 0) << lane;
        negative |= (unsigned)(sign & 1) << lane;
        offsets[lane] = ((size_t)(size - (size != 0)) * stride + lane) * sizeof *table;
    }
    r->add = (__mmask8)add;
    fp8_gather_raw(&r->x, &table->x, offsets);
    fp8_gather_raw(&r->y, &table->y, offsets);
    if (j) fp8_mul(&r->x, &r->x, beta);
    else fp8_times_16(&r->x, &r->x);
    fp8_sign(&r->y, (__mmask8)negative, &r->y);
    fp8_times_16(&r->y, &r->y);
}

/* r[v] = the multiples of eight points.
 * source a sum never equals its addend or the negative of it. Let the sum be (m1 + m2 lambda) P before a digit d of
 *        one part. Before the last window the parts are so small that (m1 -+ d) + m2 lambda = 0 mod r, or the same
 *        with d at m2, has only the solution 0. In the last window the whole multiple would be 0, whose parts are 0,
 *        or 2 d (times lambda), whose parts are 2 d and 0; then m1 = d is a multiple of 32, which |d| <= 16 excludes */
static void g1_mul_each8_vectors(g1_jac8 *r, const g1_aff *table, size_t stride, const mul_each8_digits *digits,
                                 const fp8 *beta, int vectors) {
    g1_addend8 a[JAC8_ABREAST];
    unsigned windows = 0;
    for (int v = 0; v < vectors; v++) {
        r[v].none = 0xff;
        r[v].x = r[v].y = r[v].z = fp8_one();
        if (digits[v].windows > windows) windows = digits[v].windows;
    }
    for (unsigned w = windows; w-- > 0;) {
        for (int i = 0; i < MUL_EACH8_BITS && w + 1 < windows; i++) {
            g1_jac8_dbl(r, vectors);
            for (int v = 0; v < vectors; v++) fp8_shift(&r[v].z, &r[v].z, 1);
        }
        for (int j = 0; j < G1_PARTS; j++) {
            unsigned any = 0;
            for (int v = 0; v < vectors; v++) {
                g1_addend8_read(&a[v], table + (size_t)v * LANES, stride, &digits[v], j, w, beta);
                any |= a[v].add;
            }
            if (any) g1_jac8_add_mixed(r, a, vectors);
        }
    }
}

typedef struct g1_mul_each8 {
    g1_aff *r;
    const g1_aff *p;
    const u256 *k;
    size_t n;
    unsigned bits;
} g1_mul_each8;

static void g1_mul_each8_job(void *context, size_t index) {
    const g1_mul_each8 *const m = context;
    const size_t begin = index * MUL_EACH8_PIECE;
    const size_t count = m->n - begin < MUL_EACH8_PIECE ? m->n - begin : MUL_EACH8_PIECE;
    const size_t vectors = (count + LANES - 1) / LANES, stride = vectors * LANES;
    static const uint8_t rounds[][3] = {{3, 3, 2}, {4, 5, 3}, {6, 9, 5}, {10, 16, 9}}; /* from .. to = base + 1 .. */
    g1_aff table[MUL_EACH8_MULTIPLES * MUL_EACH8_PIECE];
    batch_pair pairs[7 * MUL_EACH8_PIECE];
    _Alignas(64) uint8_t scratch[BATCH_SCRATCH(fp, 7 * MUL_EACH8_PIECE)];
    g1_jac8 sums[MUL_EACH8_PIECE / LANES];
    fp8 products[MUL_EACH8_PIECE / LANES], beta;
    mul_each8_digits digits[JAC8_ABREAST];

    memset(table, 0, stride * sizeof *table);
    memcpy(table, m->p + begin, count * sizeof *table);
    g1_double_many8_var(table + stride, table, stride, 1);
    for (size_t round = 0; round < 4; round++) {
        const size_t from = rounds[round][0], to = rounds[round][1], base = rounds[round][2];
        size_t n = 0;
        for (size_t j = from; j <= to; j++)
            for (size_t i = 0; i < stride; i++)
                pairs[n++] = (batch_pair){(uint32_t)(2 * ((base - 1) * stride + i)),
                                          (uint32_t)(2 * ((j - base - 1) * stride + i))};
        g1_batch_add8_var(table + (from - 1) * stride, table, table, pairs, n, scratch);
    }

    /* 2^264 beta, which turns x in stored form into the lanes' form of beta x */
    const uint64_t everywhere[LANES] = {0};
    const fp8 one = fp8_one();
    fp scaled = G1_BETA;
    for (int i = 0; i < 8; i++) fp_dbl(&scaled, &scaled);
    fp_canonical(&scaled, &scaled);
    fp8_gather_raw(&beta, &scaled, everywhere);
    for (size_t v = 0, abreast; v < vectors; v += abreast) {
        abreast = v + JAC8_ABREAST <= vectors ? JAC8_ABREAST : 1;
        for (size_t i = v; i < v + abreast; i++) {
            const size_t left = count - i * LANES;
            mul_each8_digits_of(&digits[i - v], m->k + begin + i * LANES, left < LANES ? left : LANES, m->bits);
        }
        if (abreast > 1) g1_mul_each8_vectors(sums + v, table + v * LANES, stride, digits, &beta, JAC8_ABREAST);
        else g1_mul_each8_vectors(sums + v, table + v * LANES, stride, digits, &beta, 1);
    }
    for (size_t v = 0; v < vectors; v++) { /* the multiples of infinity */
        g1_jac8 points;
        g1_jac8_load(&points, table + v * LANES, &one);
        sums[v].none |= points.none;
    }
    g1_jac8_to_aff(m->r + begin, sums, count, products);
    ct_wipe(digits, sizeof digits);
    ct_wipe(sums, sizeof sums);
    ct_wipe(products, sizeof products);
}

/** See engine.h.
 *  alias  r may be p */
static int g1_mul_each8_var(g1_aff *r, const g1_aff *p, const u256 *k, size_t n, unsigned bits, pool *threads) {
    if (n < MUL_EACH8_LEAST) return g1_mul_each_var(r, p, k, n, bits, threads);
    g1_mul_each8 m = {r, p, k, n, bits};
    pool_run(threads, (n + MUL_EACH8_PIECE - 1) / MUL_EACH8_PIECE, g1_mul_each8_job, &m);
    return 0;
}

/* ---- the engine's entries */

/** See engine.h for all of these. */
static int g1_table_fill8_var(g1_aff *r, const g1_aff *p, size_t n, unsigned bits, unsigned windows, pool *threads) {
    return g1_table_fill_with_var(r, p, n, bits, windows, threads, g1_double_many8_var);
}

static int g2_table_fill8_var(g2_aff *r, const g2_aff *p, size_t n, unsigned bits, unsigned windows, pool *threads) {
    return g2_table_fill_with_var(r, p, n, bits, windows, threads, g2_double_many8_var);
}

static int g1_table_msm8_var(g1_jac *r, const g1_table *table, const uint32_t *which, const u256 *k, size_t n,
                             pool *threads) {
    return g1_table_msm_with_var(r, table, which, k, n, threads, g1_batch_add8_var);
}

static int g2_table_msm8_var(g2_jac *r, const g2_table *table, const uint32_t *which, const u256 *k, size_t n,
                             pool *threads) {
    return g2_table_msm_with_var(r, table, which, k, n, threads, g2_batch_add8_var);
}

static int g1_ntt8_var(g1_aff *a, const ntt_domain *domain, int inverse, pool *threads) {
    return g1_ntt_with_var(a, domain, inverse, threads, g1_batch_add8_var, g1_mul_each8_var);
}

#endif
