/* subgroup8.h - the test whether points of the twist are in G2: the walk of pairing8.h without its lines, on the twist
 * itself. */
#ifndef RLN_MATH_IFMA_SUBGROUP8_H
#define RLN_MATH_IFMA_SUBGROUP8_H

#include "../g2_subgroup.h"
#include "coord8.h"
#include "pairing8.h"

/* The most rounds that share the inversion of a step. */
#define SUBGROUP8_ROUNDS ((size_t)64)

typedef struct subgroup8 {
    uint8_t *bad;
    const g2_aff *p;
    size_t n;
} subgroup8;

/* T = Q for the points of a round. Points that need no walk are replaced: infinity is good, and a point off the curve
 * is bad. */
static void subgroup8_start(pairing8_round *round, uint8_t *bad, const g2_aff *p, size_t n) {
    g2_aff q[LANES];
    uint64_t offsets[LANES];
    for (size_t i = 0; i < LANES; i++) {
        q[i] = G2_GENERATOR;
        offsets[i] = i * sizeof *q;
        if (i >= n) continue;
        bad[i] = !g2_aff_on_curve(&p[i]);
        if (!bad[i] && !g2_aff_is_infinity(&p[i])) q[i] = p[i];
    }
    factor8 *const x = &round->qx, *const y = &round->qy;
    fp2_8_gather_raw(&x->v, &q->x, offsets);
    fp2_8_gather_raw(&y->v, &q->y, offsets);
    fp2_8_times_16(&x->v, &x->v);
    fp2_8_times_16(&y->v, &y->v);
    fp2_8_canonical(&x->v, &x->v);
    fp2_8_canonical(&y->v, &y->v);
    factor8_sum(x);
    factor8_sum(y);
    round->x = *x;
    round->y = *y;
    round->idle = round->lost = 0;
}

/* As pairing8_advance, without lines. */
static void subgroup8_advance(pairing8_stride *s, pairing8_round *round, size_t n, fp8 *shared, int step) {
    const fp2_8 zero = fp2_8_zero();
    for (size_t i = 0; i < n; i++) pairing8_fraction(&s[i], &round[i], step);
    for (size_t i = n; i-- > 0;) pairing8_take(&s[i].inverse, shared, &round[i]);
    for (size_t i = 0; i < n; i++) factor8_dot1(&s[i].above, &s[i].above, &s[i].below, &zero);
    for (size_t i = 0; i < n; i++) factor8_mul_by_fp(&s[i].l1, &s[i].above, &s[i].inverse);
    for (size_t i = 0; i < n; i++) pairing8_next_x(&s[i], &round[i]);
    for (size_t i = 0; i < n; i++) factor8_dot1(&round[i].y, &s[i].l1, &s[i].below, &s[i].y2.v);
}

static void subgroup8_job(void *context, size_t index) {
    const subgroup8 *const s = context;
    const size_t begin = index * SUBGROUP8_ROUNDS * LANES, left = s->n - begin;
    const size_t count = left < SUBGROUP8_ROUNDS * LANES ? left : SUBGROUP8_ROUNDS * LANES;
    const size_t n = (count + LANES - 1) / LANES;
    uint8_t *const bad = s->bad + begin;
    pairing8_round rounds[SUBGROUP8_ROUNDS];
    pairing8_stride strides[PAIRING8_BLOCK];
    fp8 shared;
    fp three_halves = FP_ONE;
    fp_dbl(&three_halves, &three_halves);
    fp_add(&three_halves, &three_halves, &FP_ONE);
    fp_half(&three_halves, &three_halves);
    for (size_t i = 0; i < n; i++)
        subgroup8_start(&rounds[i], bad + LANES * i, s->p + begin + LANES * i, count - LANES * i);
    for (size_t i = 0; i < G2_WALK_STEPS; i++) {
        pairing8_denominators(rounds, n, G2_WALK[i]);
        pairing8_share(&shared, rounds, n, G2_WALK[i] == 0 ? &three_halves : &FP_ONE);
        for (size_t end = n, from; end > 0; end = from) {
            from = end < PAIRING8_BLOCK ? 0 : end - PAIRING8_BLOCK;
            subgroup8_advance(strides, rounds + from, end - from, &shared, G2_WALK[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        const __mmask8 strayed = pairing8_strayed(&rounds[i]);
        for (size_t j = LANES * i; j < LANES * (i + 1) && j < count; j++) bad[j] |= strayed >> (j % LANES) & 1;
    }
}

/** See engine.h. */
static void g2_check_many8_var(uint8_t *bad, const g2_aff *p, size_t n, pool *threads) {
    if (n < LANES / 2) {
        g2_check_many_var(bad, p, n, threads);
        return;
    }
    subgroup8 s = {bad, p, n};
    pool_run(threads, (n + SUBGROUP8_ROUNDS * LANES - 1) / (SUBGROUP8_ROUNDS * LANES), subgroup8_job, &s);
}

#endif
