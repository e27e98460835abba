/* msm.h - the jobs of the engine's table on many points: sums of multiples, multiples of one point, checks.
 *
 * buckets.inc, which point_jobs.h includes, explains bucket sums; fixed_base.inc explains multiples of a fixed point.
 * Both add affine points in pairs (batch_add.inc) and take the adder as an argument. The time of everything here
 * depends on its values; arrays derived from the values are wiped.
 */
#ifndef RLN_MATH_MSM_H
#define RLN_MATH_MSM_H

#include <stdint.h>
#include <string.h>

#include "../base/mem.h"
#include "../base/pool.h"
#include "glv.h"

/* ---- pairs of points: batch_add.inc */

/* An operand is 2 i for point i of its table, or 2 i + 1 for the negative of this point. */
typedef struct batch_pair { uint32_t a, b; } batch_pair;
#define BATCH_NONE UINT32_MAX

/* Bytes that an adder of n pairs may use: 2.5 coordinates for each pair, n rounded up to a multiple of 8, and 1 KiB. */
#define BATCH_SCRATCH(coordinate, n) (sizeof(coordinate) / 2 * 5 * (((size_t)(n) + 7) & ~(size_t)7) + 1024)

typedef enum batch_case { BATCH_ADD, BATCH_DOUBLE, BATCH_ZERO, BATCH_FIRST, BATCH_SECOND } batch_case;

/* 1 if all size bytes are zero; size is a multiple of 8. */
static inline int batch_is_zero(const void *a, size_t size) {
    const uint64_t *const words = a;
    uint64_t t = 0;
    for (size_t i = 0; i < size / 8; i++) t |= words[i];
    return t == 0;
}

/* ---- the shape of a bucket sum: buckets.inc */

/* The most points of one pass, to bound memory. Larger sums take several passes, which costs little more. */
#define MSM_CHUNK ((size_t)1 << 18)
/* Up to this many points, the method of multiply.inc is faster: measured. */
#define G1_MSM_SMALL 8
#define G2_MSM_SMALL 4

/* The number of windows, the bits of a window, and its 2^(bits-1) buckets. */
typedef struct msm_plan {
    unsigned bits, windows;
    size_t buckets;
    uint64_t offset[3];
} msm_plan;

/* A part plus offset = sum_w 2^(bits w + bits - 1): window w of it, minus 2^(bits-1), is a digit. Digits need no
 * carries. */
typedef struct msm_scalar { uint64_t v[3]; } msm_scalar;

/* The plan for this many images, with parts below 7/8 of 2^part_bits.
 * source windows * bits >= part_bits + 1 and bits >= 4 leave room for part + offset: with z = 2^(windows bits - 1) it
 *        is below 7/8 z + 16/15 z < 2 z. Measured costs: 1 for a point in a window, with its share of the sort; 3/2 for
 *        the additions that fold a bucket; 100 for a window, for rounds of few pairs and the last additions */
static inline msm_plan msm_plan_of(size_t images, unsigned part_bits) {
    msm_plan best = {0};
    uint64_t best_cost = UINT64_MAX;
    for (unsigned bits = 4; bits <= 16; bits++) {
        const unsigned windows = (part_bits + bits) / bits; /* ceil((part_bits + 1) / bits) */
        const uint64_t cost = windows * (images + ((uint64_t)3 << (bits - 2)) + 100);
        if (cost >= best_cost) continue;
        best_cost = cost;
        best.bits = bits;
        best.windows = windows;
    }
    best.buckets = (size_t)1 << (best.bits - 1);
    for (unsigned w = 0; w < best.windows; w++) {
        const unsigned bit = best.bits * (w + 1) - 1;
        best.offset[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
    return best;
}

static inline void msm_scalar_of(msm_scalar *r, const msm_plan *plan, const glv_part *part) {
    uint64_t carry = 0;
    r->v[0] = mont_addc(part->low, plan->offset[0], &carry);
    r->v[1] = mont_addc(part->high, plan->offset[1], &carry);
    r->v[2] = plan->offset[2] + carry;
}

/* The digit of window w, in [-2^(bits-1), 2^(bits-1)). */
static inline int32_t msm_digit(const msm_scalar *a, const msm_plan *plan, unsigned w) {
    const unsigned bit = plan->bits * w, limb = bit / 64, shift = bit % 64;
    uint64_t t = a->v[limb] >> shift;
    if (shift + plan->bits > 64 && limb < 2) t |= a->v[limb + 1] << (64 - shift);
    return (int32_t)(t & (((uint64_t)2 << (plan->bits - 1)) - 1)) - (int32_t)plan->buckets;
}

/* ---- multiples of a fixed point: fixed_base.inc */

/* The multiples that are computed together. */
#define FIXED_BASE_PIECE ((size_t)512)
/* Digits are in (-2^(bits-1), 2^(bits-1)]; k < 2^254 and windows * bits >= 255 leave no carry at the end. */
typedef struct fixed_base_plan {
    unsigned bits, windows;
    size_t multiples;
} fixed_base_plan;

/* The plan for n multiples.
 * source building the table costs windows 2^(bits-1) additions, using it n windows */
static inline fixed_base_plan fixed_base_plan_of(size_t n) {
    fixed_base_plan best = {0};
    uint64_t best_cost = UINT64_MAX;
    for (unsigned bits = 2; bits <= 14; bits++) {
        const unsigned windows = (255 + bits - 1) / bits;
        const uint64_t cost = windows * (n + ((uint64_t)1 << (bits - 1)));
        if (cost >= best_cost) continue;
        best_cost = cost;
        best = (fixed_base_plan){bits, windows, (size_t)1 << (bits - 1)};
    }
    return best;
}

/* The digit of window w of k. carry goes from window to window: a digit above 2^(bits-1) becomes negative and carries
 * 1. */
static inline int32_t fixed_base_digit(const u256 *k, const fixed_base_plan *plan, unsigned w, uint32_t *carry) {
    const unsigned bit = plan->bits * w, limb = bit / 64, shift = bit % 64;
    uint64_t t = k->v[limb] >> shift;
    if (shift + plan->bits > 64 && limb < 3) t |= k->v[limb + 1] << (64 - shift);
    int32_t digit = (int32_t)(t & (2 * plan->multiples - 1)) + (int32_t)*carry;
    *carry = digit > (int32_t)plan->multiples;
    if (*carry) digit -= (int32_t)(2 * plan->multiples);
    return digit;
}

#define GROUP g1
#define COORD fp
#define G(name) G1_##name
#include "batch_add.inc"
#include "fixed_base.inc"
#undef GROUP
#undef COORD
#undef G

#define GROUP g2
#define COORD fp2
#define G(name) G2_##name
#include "batch_add.inc"
#include "fixed_base.inc"
#undef GROUP
#undef COORD
#undef G

/* ---- checks of G1; g2_subgroup.h has those of G2 */

#define CHECK_PIECE ((size_t)256)

typedef struct g1_check {
    uint8_t *bad;
    const g1_aff *p;
    size_t n;
} g1_check;

static void g1_check_job(void *context, size_t index) {
    const g1_check *const c = context;
    const size_t end = (index + 1) * CHECK_PIECE < c->n ? (index + 1) * CHECK_PIECE : c->n;
    for (size_t i = index * CHECK_PIECE; i < end; i++) c->bad[i] = !g1_aff_is_member_var(&c->p[i]);
}

/** See engine.h. */
static void g1_check_many_var(uint8_t *bad, const g1_aff *p, size_t n, pool *threads) {
    g1_check c = {bad, p, n};
    pool_run(threads, (n + CHECK_PIECE - 1) / CHECK_PIECE, g1_check_job, &c);
}

#endif
