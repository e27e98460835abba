/* msm8.h - the jobs of msm.h on eight lanes. */
#ifndef RLN_MATH_IFMA_MSM8_H
#define RLN_MATH_IFMA_MSM8_H

#include "../point_jobs.h"
#include "coord8.h"

/* For fewer pairs, one pair at a time is faster: measured. */
#define BATCH_ADD8_LEAST 6
/* How many vectors ahead points are prefetched. */
#define BATCH_ADD8_AHEAD 4
/* How many vectors are processed side by side, which hides the latency of products. */
#define BATCH_ADD8_ABREAST 2

/* For a vector of pairs: the norm of its denominators, and the product of the norms before it. */
typedef struct batch_add8_norm { fp8 norm, before; } batch_add8_norm;

#define CO8(name) GROUP_JOIN(COORD8, name)

#define GROUP g1
#define COORD fp
#define COORD8 fp8
#include "batch_add8.inc"
#undef GROUP
#undef COORD
#undef COORD8

#define GROUP g2
#define COORD fp2
#define COORD8 fp2_8
#include "batch_add8.inc"
#undef GROUP
#undef COORD
#undef COORD8

/** See engine.h. */
static int g1_msm8_var(g1_jac *r, const g1_aff *p, const u256 *k, size_t n, pool *threads) {
    return g1_msm_with_var(r, p, k, n, threads, g1_batch_add8_var);
}

static int g2_msm8_var(g2_jac *r, const g2_aff *p, const u256 *k, size_t n, pool *threads) {
    return g2_msm_with_var(r, p, k, n, threads, g2_batch_add8_var);
}

static int g1_mul_many8_var(g1_aff *r, const g1_aff *base, const u256 *k, size_t n, pool *threads) {
    return g1_mul_many_with_var(r, base, k, n, threads, g1_batch_add8_var);
}

static int g2_mul_many8_var(g2_aff *r, const g2_aff *base, const u256 *k, size_t n, pool *threads) {
    return g2_mul_many_with_var(r, base, k, n, threads, g2_batch_add8_var);
}

#endif
