/* pairing8.h - Miller loops of many terms, eight at a time: see pairing.h for the pairing and its vocabulary.
 *
 * Each lane has one f and takes every eighth term; all its terms share the squarings. A round is eight terms, one in
 * each lane.
 *
 * T is affine. A slope needs the inverse of a number in Fp2, and so of its norm in Fp; in each step the norms of all
 * rounds and lanes share one inversion. So doublings and additions cost half as much as in projective coordinates, and
 * lines have the form 1 + l1 w + l3 w^3.
 *
 * The walk is done on an isomorphic curve. With u = -x_P / y_P, (x, y) -> (u^2 x, u^3 y) maps the twist to
 * y^2 = x^3 + u^6 b. The formulas never read b, and psi is the same there, because u is in Fp. Slopes s become
 * s' = u s and intercepts c = s x - y become c' = u^3 c. The line y_P - s x_P w + c w^3, divided by y_P, is
 *     1 + s' w - (y_P^2 / x_P^3) c' w^3:
 * l1 costs nothing. Neither x_P nor y_P is zero: the order of G1 is odd and not a multiple of 3.
 *
 * The subgroup. q is in G2 if and only if the walk ends at -psi^3(q): see g2_subgroup.h. Affine formulas fail in one
 * way only, with a denominator of zero: T of order two is doubled, or T is the addend or its negative. For q of order r
 * that never happens (native/gen/tower.py checks every step). So if it happens, q is not in G2, and the term is called
 * lost. Otherwise all additions of the walk are correct and never reach infinity, and the end of the walk decides. A
 * lost term continues with the denominator 1 and changes only the f of its own lane.
 */
#ifndef RLN_MATH_IFMA_PAIRING8_H
#define RLN_MATH_IFMA_PAIRING8_H

#include "../pairing.h"
#include "tower8.h"

/* The most rounds that share squarings and inversions; their memory fits in the second-level cache. */
#define PAIRING8_ROUNDS 64
/* How many rounds are processed side by side, which hides the latency of products. */
#define PAIRING8_BLOCK 4

/* Eight terms of the loop. x, y, qx, qy are small. */
typedef struct pairing8_round {
    factor8 x, y, qx, qy;     /* x and y of T and of Q, times u^2 and u^3 */
    fp8 scale;                /* -y_P^2 / x_P^3; 0 in idle lanes */
    fp8 norm, before;         /* of the denominator; the product of the norms of the rounds before */
    __mmask8 idle, lost;
} pairing8_round;

/* Eight terms with lines. */
typedef struct pairing8_fixed {
    const g2_lines *lines[LANES];
    fp8 x_over_y, one_over_y; /* times 16 more; 0 in idle lanes */
} pairing8_fixed;

/* The terms of one call, sorted into those with a walk and those with lines. */
typedef struct pairing8_job {
    const pairing_term *terms;
    uint8_t *outside;
    const size_t *walking, *fixed; /* their places in terms */
    size_t walking_count, fixed_count, pieces;
    pairing8_round *rounds;
    pairing8_fixed *fixed_rounds;
    fp12 *values; /* one for each piece */
} pairing8_job;

/* ---- one inversion for all */

/* r = factor / a in each lane, bound 16; 0 where a = 0. Returns the lanes where a = 0. */
static __mmask8 pairing8_invert(fp8 *r, const fp8 *a, const fp *factor) {
    fp values[LANES], before[LANES], inverse;
    __mmask8 zeros = 0;
    fp8_store(values, a);
    inverse = fp_one();
    for (int i = 0; i < LANES; i++) {
        before[i] = inverse;
        if (fp_is_zero(&values[i])) zeros |= (__mmask8)(1u << i);
        else fp_mul(&inverse, &inverse, &values[i]);
    }
    fp_inv_var(&inverse, &inverse);
    fp_mul(&inverse, &inverse, factor);
    for (int i = LANES - 1; i >= 0; i--) {
        if (zeros >> i & 1) {
            before[i] = fp_zero();
            continue;
        }
        fp_mul(&before[i], &before[i], &inverse);
        fp_canonical(&before[i], &before[i]);
        fp_mul(&inverse, &inverse, &values[i]);
    }
    fp8_load(r, before);
    return zeros;
}

/* before[i] of each round, and r = the product of all norms. */
TOWER8_KERNEL void pairing8_multiply(fp8 *r, pairing8_round *rounds, size_t n) {
    fp8 product = fp8_one();
    for (size_t i = 0; i < n; i++) {
        rounds[i].before = product;
        fp8_mul(&product, &product, &rounds[i].norm);
    }
    *r = product;
}

/* Mark the lanes whose norm is zero as lost, and replace these norms by 1. */
static __attribute__((noinline)) void pairing8_mark_lost(pairing8_round *rounds, size_t n) {
    const fp8 one = fp8_one();
    for (size_t i = 0; i < n; i++) {
        fp8 t;
        fp8_canonical(&t, &rounds[i].norm);
        const __mmask8 zero = fp8_is_zero(&t);
        rounds[i].lost |= zero;
        fp8_select(&rounds[i].norm, zero, &one, &rounds[i].norm);
    }
}

/* r = factor / product of all norms; lost terms are marked. */
static void pairing8_share(fp8 *r, pairing8_round *rounds, size_t n, const fp *factor) {
    fp8 product;
    pairing8_multiply(&product, rounds, n);
    if (!pairing8_invert(r, &product, factor)) return;
    pairing8_mark_lost(rounds, n);
    pairing8_multiply(&product, rounds, n);
    pairing8_invert(r, &product, factor);
}

/* r = factor / norm of the last round in shared; removes this round from shared. Bound 3. */
TOWER8_KERNEL void pairing8_take(fp8 *r, fp8 *shared, const pairing8_round *round) {
    fp8_mul(r, shared, &round->before);
    fp8_mul(shared, shared, &round->norm);
}

/* r = a0^2 + a1^2, bound 4.
 * needs  bounds below 8 */
TOWER8_KERNEL void pairing8_norm(fp8 *r, const fp2_8 *a) {
    fp8_wide t, u;
    fp8_wide_sqr(&t, &a->c0);
    fp8_wide_sqr(&u, &a->c1);
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++) t.v[i] = lanes_add(t.v[i], u.v[i]);
    fp8_wide_reduce(r, &t);
}

/* ---- start */

static const pairing_term *pairing8_term(const pairing8_job *job, const size_t *places, size_t count, size_t i) {
    return i < count ? &job->terms[places[i]] : NULL;
}

/* x[l] = x_P and y[l] = y_P of term first + l; those of the generator in idle lanes. Returns the idle lanes. */
static __mmask8 pairing8_load_points(fp8 *x, fp8 *y, const pairing8_job *job, const size_t *places, size_t count,
                                     size_t first) {
    fp xs[LANES], ys[LANES];
    __mmask8 idle = 0;
    for (size_t i = 0; i < LANES; i++) {
        const pairing_term *const term = pairing8_term(job, places, count, first + i);
        const g1_aff *const p = term ? &term->p : &G1_GENERATOR;
        if (!term) idle |= (__mmask8)(1u << i);
        xs[i] = p->x;
        ys[i] = p->y;
    }
    fp8_load(x, xs);
    fp8_load(y, ys);
    return idle;
}

static void pairing8_load_twist(factor8 *x, factor8 *y, const pairing8_job *job, size_t first) {
    fp c[4][LANES];
    for (size_t i = 0; i < LANES; i++) {
        const pairing_term *const term = pairing8_term(job, job->walking, job->walking_count, first + i);
        const g2_aff *const q = term ? &term->q : &G2_GENERATOR;
        c[0][i] = q->x.c0;
        c[1][i] = q->x.c1;
        c[2][i] = q->y.c0;
        c[3][i] = q->y.c1;
    }
    fp8_load(&x->v.c0, c[0]);
    fp8_load(&x->v.c1, c[1]);
    fp8_load(&y->v.c0, c[2]);
    fp8_load(&y->v.c1, c[3]);
}

/* Start rounds [from, to) of the walk, at T = Q.
 * source with i = 1 / (x_P y_P): u = -x_P^2 i, -y_P^2 / x_P^3 = -y_P^5 i^3 */
static void pairing8_start(const pairing8_job *job, size_t from, size_t to) {
    pairing8_round *const rounds = job->rounds + from;
    fp8 shared, x, y;
    for (size_t i = from; i < to; i++) {
        pairing8_round *const round = &job->rounds[i];
        round->idle = pairing8_load_points(&x, &y, job, job->walking, job->walking_count, LANES * i);
        round->lost = 0;
        fp8_mul(&round->norm, &x, &y);
    }
    fp minus = fp_one();
    fp_neg(&minus, &minus);
    pairing8_multiply(&shared, rounds, to - from);
    pairing8_invert(&shared, &shared, &minus);
    for (size_t i = to; i-- > from;) {
        pairing8_round *const round = &job->rounds[i];
        const fp8 zero = fp8_zero();
        fp8 inverse, u, t;
        pairing8_load_points(&x, &y, job, job->walking, job->walking_count, LANES * i);
        pairing8_take(&inverse, &shared, round);
        fp8_mul(&u, &x, &x);
        fp8_mul(&u, &u, &inverse);
        fp8_mul(&t, &y, &inverse);
        fp8_mul(&inverse, &t, &inverse); /* y i^2 */
        fp8_mul(&t, &y, &t);             /* -y^2 i */
        fp8_mul(&y, &y, &y);
        fp8_mul(&t, &t, &inverse);
        fp8_mul(&round->scale, &t, &y);  /* -y^2 i y i^2 y^2 */
        fp8_select(&round->scale, round->idle, &zero, &round->scale);
        pairing8_load_twist(&round->qx, &round->qy, job, LANES * i);
        fp8_mul(&t, &u, &u);
        factor8_mul_by_fp(&round->qx, &round->qx, &t);
        fp8_mul(&t, &t, &u);
        factor8_mul_by_fp(&round->qy, &round->qy, &t);
        round->x = round->qx;
        round->y = round->qy;
    }
}

/* Start rounds [from, to) of the terms with lines. */
static void pairing8_start_fixed(const pairing8_job *job, size_t from, size_t to) {
    const fp8 zero = fp8_zero(), one = fp8_one();
    for (size_t i = from; i < to; i++) {
        pairing8_fixed *const round = &job->fixed_rounds[i];
        fp8 x, y;
        const __mmask8 idle = pairing8_load_points(&x, &y, job, job->fixed, job->fixed_count, LANES * i);
        for (size_t lane = 0; lane < LANES; lane++) {
            const pairing_term *const term = pairing8_term(job, job->fixed, job->fixed_count, LANES * i + lane);
            round->lines[lane] = term ? term->lines : round->lines[0];
        }
        pairing8_invert(&y, &y, &FP_ONE);
        fp8_mul(&x, &x, &y);
        fp8_mul(&y, &y, &one);
        fp8_reduce(&x, &x); /* with bound 5, 16 x would give lines that are not small */
        fp8_shift(&x, &x, 4);
        fp8_shift(&y, &y, 4);
        fp8_select(&round->x_over_y, idle, &zero, &x);
        fp8_select(&round->one_over_y, idle, &zero, &y);
    }
}

/* ---- steps */

/* The point that a step adds, see g2_walk_addend. Bound 4. */
static inline void pairing8_addend(factor8 *x, factor8 *y, const pairing8_round *round, int step) {
    *x = round->qx;
    *y = round->qy;
    if (step == -1) {
        fp2_8_negative(&y->v, &y->v);
        factor8_sum(y);
    }
    if (step == 2) {
        const fp2_8 zero = fp2_8_zero();
        const factor8 by_x = factor8_everywhere(&FP12_FROBENIUS_1[2]), by_y = factor8_everywhere(&FP12_FROBENIUS_1[3]);
        factor8_conjugate(x, x);
        factor8_conjugate(y, y);
        factor8_dot1(x, x, &by_x, &zero);
        factor8_dot1(y, y, &by_y, &zero);
    }
    if (step == 3) {
        const fp8 by_x = fp8_everywhere(&FP12_FROBENIUS_2[2]);
        factor8_mul_by_fp(x, x, &by_x);
    }
}

/* The norms of the denominators of a step: y_T for a doubling, whose slope is 3/2 x^2 / y, else x_T - x of the
 * addend. */
static void pairing8_denominators(pairing8_round *rounds, size_t n, int step) {
    const fp8 one = fp8_one();
    for (size_t i = 0; i < n; i++) {
        pairing8_round *const round = &rounds[i];
        if (step == 0) {
            pairing8_norm(&round->norm, &round->y.v);
        } else {
            factor8 x, y;
            fp2_8 d;
            pairing8_addend(&x, &y, round, step);
            fp2_8_sub(&d, &round->x.v, &x.v, 2);
            pairing8_norm(&round->norm, &d);
        }
        fp8_select(&round->norm, round->lost, &one, &round->norm);
    }
}

/* The values of one round during a step. Each product is computed for all rounds of a block before the next product,
 * which hides the latency. */
typedef struct pairing8_stride {
    factor8 above, below; /* of the slope */
    factor8 x2, y2;       /* the other point of the line; T itself in a doubling */
    factor8 l1, l3;
    fp8 inverse;
} pairing8_stride;

/* The numerator (above) and denominator (below) of the slope: of 3/2 x^2 / y for a doubling, else of the line through
 * two points. */
static inline void pairing8_fraction(pairing8_stride *s, const pairing8_round *round, int step) {
    if (step == 0) {
        lanes p[5];
#pragma GCC unroll 5
        for (int i = 0; i < 5; i++) p[i] = lanes_all(FP8_MODULUS[i]);
        factor8_sqr(&s->above, &round->x, p, p);
        factor8_conjugate(&s->below, &round->y);
        s->x2 = round->x;
        s->y2 = round->y;
        return;
    }
    pairing8_addend(&s->x2, &s->y2, round, step);
    factor8_sub(&s->above, &round->y, &s->y2, 2);
    factor8_sub(&s->below, &round->x, &s->x2, 2);
    factor8_conjugate(&s->below, &s->below);
}

/* The x of the next T, and s->above = x_T minus it.
 * source x' = slope^2 - x_T - x_2 */
TOWER8_KERNEL void pairing8_next_x(pairing8_stride *s, pairing8_round *round) {
    lanes plus0[5], plus1[5];
    fp8_less(plus0, 3, &round->x.v.c0, 0);
    fp8_less(plus1, 3, &round->x.v.c1, 0);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        plus0[i] = lanes_sub(plus0[i], s->x2.v.c0.v[i]);
        plus1[i] = lanes_sub(plus1[i], s->x2.v.c1.v[i]);
    }
    factor8_sqr(&round->x, &s->l1, plus0, plus1);
    fp2_8_negative(&s->y2.v, &s->y2.v);
    factor8_sub(&s->below, &s->x2, &round->x, 2);
}

/* The step of n rounds, from round backwards. shared as in pairing8_take.
 * source the line through (x_2, y_2) with slope s meets the negative of the next T: y' = s (x_2 - x') - y_2; its
 *        intercept is s x_2 - y_2 */
static void pairing8_advance(pairing8_stride *s, pairing8_round *round, size_t n, fp8 *shared, int step) {
    const factor8 none = factor8_zero();
    const fp2_8 zero = fp2_8_zero();
    for (size_t i = 0; i < n; i++) pairing8_fraction(&s[i], &round[i], step);
    for (size_t i = n; i-- > 0;) pairing8_take(&s[i].inverse, shared, &round[i]);
    for (size_t i = 0; i < n; i++) factor8_dot1(&s[i].above, &s[i].above, &s[i].below, &zero);
    for (size_t i = 0; i < n; i++) factor8_mul_by_fp(&s[i].l1, &s[i].above, &s[i].inverse);
    for (size_t i = 0; i < n; i++) pairing8_next_x(&s[i], &round[i]);
    for (size_t i = 0; i < n; i++) factor8_dot1(&s[i].l3, &s[i].l1, &s[i].x2, &s[i].y2.v);
    for (size_t i = 0; i < n; i++) factor8_dot1(&round[i].y, &s[i].l1, &s[i].below, &s[i].y2.v);
    for (size_t i = 0; i < n; i++) factor8_mul_by_fp(&s[i].l3, &s[i].l3, &round[i].scale);
    for (size_t i = 0; i < n; i++)
        if (round[i].idle) factor8_select(&s[i].l1, round[i].idle, &none, &s[i].l1);
}

/* The prepared lines of step i at eight points. */
static void pairing8_fixed_step(factor8 *l1, factor8 *l3, const pairing8_fixed *round, size_t i) {
    lanes first[LANES], third[LANES];
#pragma GCC unroll 8
    for (size_t lane = 0; lane < LANES; lane++) {
        first[lane] = _mm512_loadu_si512(&round->lines[lane]->line[i].l1);
        third[lane] = _mm512_loadu_si512(&round->lines[lane]->line[i].l3);
    }
    lanes_transpose(first);
    lanes_transpose(third);
    lanes_split(l1->v.c0.v, first);
    lanes_split(l1->v.c1.v, first + 4);
    lanes_split(l3->v.c0.v, third);
    lanes_split(l3->v.c1.v, third + 4);
    factor8_mul_by_fp(l1, l1, &round->x_over_y);
    factor8_mul_by_fp(l3, l3, &round->one_over_y);
}

/* Lanes whose walk did not end at -psi^3(Q). */
static __mmask8 pairing8_strayed(const pairing8_round *round) {
    const fp2_8 zero = fp2_8_zero();
    const factor8 by_x = factor8_everywhere(&FP12_FROBENIUS_3[2]), by_y = factor8_everywhere(&FP12_FROBENIUS_3[3]);
    factor8 x, y;
    fp2_8 t;
    factor8_conjugate(&x, &round->qx);
    factor8_conjugate(&y, &round->qy);
    factor8_dot1(&x, &x, &by_x, &zero);
    factor8_dot1(&y, &y, &by_y, &zero);
    fp2_8_sub(&t, &round->x.v, &x.v, 2);
    fp2_8_canonical(&t, &t);
    __mmask8 same = fp2_8_is_zero(&t);
    fp2_8_add(&t, &round->y.v, &y.v);
    fp2_8_canonical(&t, &t);
    same &= fp2_8_is_zero(&t);
    return (__mmask8)(~same | round->lost);
}

/* ---- the loop */

/* The value f of a loop: it is in one of two places; the next product is written to the other. */
typedef struct pairing8_value {
    fp12_8 place[2];
    int at;
} pairing8_value;

static inline void pairing8_absorb(pairing8_value *f, const factor8 *l1, const factor8 *l3) {
    fp12_8_mul_by_unit_line(&f->place[!f->at], &f->place[f->at], l1, l3);
    f->at = !f->at;
}

/* f = in each lane, the product of the Miller loops of n rounds with a walk and fixed_count rounds with lines. */
static void pairing8_loop(pairing8_value *f, pairing8_round *rounds, size_t n, const pairing8_fixed *fixed,
                          size_t fixed_count) {
    pairing8_stride strides[PAIRING8_BLOCK];
    fp three_halves = FP_ONE;
    factor8 l1, l3;
    fp8 shared;
    fp_dbl(&three_halves, &three_halves);
    fp_add(&three_halves, &three_halves, &FP_ONE);
    fp_half(&three_halves, &three_halves);
    f->at = 0;
    f->place[0] = fp12_8_one();
    for (size_t i = 0; i < G2_WALK_STEPS; i++) {
        const int step = G2_WALK[i];
        if (step == 0 && i != 0) fp12_8_sqr(&f->place[f->at], &f->place[f->at]);
        if (n) {
            pairing8_denominators(rounds, n, step);
            pairing8_share(&shared, rounds, n, step == 0 ? &three_halves : &FP_ONE);
        }
        for (size_t end = n, from; end > 0; end = from) {
            from = end < PAIRING8_BLOCK ? 0 : end - PAIRING8_BLOCK;
            pairing8_advance(strides, rounds + from, end - from, &shared, step);
            for (size_t j = 0; j < end - from; j++) pairing8_absorb(f, &strides[j].l1, &strides[j].l3);
        }
        for (size_t j = 0; j < fixed_count; j++) {
            pairing8_fixed_step(&l1, &l3, &fixed[j], i);
            pairing8_absorb(f, &l1, &l3);
        }
    }
}

static void pairing8_piece(void *context, size_t index) {
    const pairing8_job *const job = context;
    const size_t walking = (job->walking_count + LANES - 1) / LANES, fixed = (job->fixed_count + LANES - 1) / LANES;
    const size_t from = walking * index / job->pieces, to = walking * (index + 1) / job->pieces;
    const size_t from_fixed = fixed * index / job->pieces, to_fixed = fixed * (index + 1) / job->pieces;
    pairing8_value f;
    fp12 lane[LANES];
    pairing8_start(job, from, to);
    pairing8_start_fixed(job, from_fixed, to_fixed);
    pairing8_loop(&f, job->rounds + from, to - from, job->fixed_rounds + from_fixed, to_fixed - from_fixed);
    fp12_8_store(lane, &f.place[f.at]);
    for (size_t i = 1; i < LANES; i++) fp12_mul(&lane[0], &lane[0], &lane[i]);
    job->values[index] = lane[0];
    if (!job->outside) return;
    for (size_t i = from; i < to; i++) {
        const __mmask8 strayed = pairing8_strayed(&job->rounds[i]);
        for (size_t j = LANES * i; j < LANES * (i + 1) && j < job->walking_count; j++)
            job->outside[job->walking[j]] = strayed >> (j % LANES) & 1;
    }
}

/* See engine.h. */
static int pairing8_product_var(fp12 *r, uint8_t *outside, const pairing_term *terms, size_t n, pool *threads) {
    mem taken = MEM_EMPTY;
    int status = -1;
    size_t *const places = mem_take(&taken, n, sizeof *places);
    if (!places) goto done;
    size_t walking = 0, fixed = 0;
    if (outside) memset(outside, 0, n);
    for (size_t i = 0; i < n; i++) {
        if (pairing_term_is_one(&terms[i])) {
            /* rare: p is infinity, or q is */
            if (outside && !terms[i].lines) outside[i] = !g2_in_subgroup_var(&terms[i].q);
        } else if (terms[i].lines) {
            places[n - ++fixed] = i;
        } else {
            places[walking++] = i;
        }
    }
    const size_t rounds = (walking + LANES - 1) / LANES, fixed_rounds = (fixed + LANES - 1) / LANES;
    const size_t most = rounds > fixed_rounds ? rounds : fixed_rounds, wanted = pool_threads(threads);
    pairing8_job job = {.terms = terms,
                        .outside = outside,
                        .walking = places,
                        .fixed = places + n - fixed,
                        .walking_count = walking,
                        .fixed_count = fixed};
    job.pieces = (most + PAIRING8_ROUNDS - 1) / PAIRING8_ROUNDS;
    if (job.pieces < wanted) job.pieces = most < wanted ? most : wanted;
    job.rounds = mem_take(&taken, rounds, sizeof *job.rounds);
    job.fixed_rounds = mem_take(&taken, fixed_rounds, sizeof *job.fixed_rounds);
    job.values = mem_take(&taken, job.pieces, sizeof *job.values);
    if (!job.rounds || !job.fixed_rounds || !job.values) goto done;
    pool_run(threads, job.pieces, pairing8_piece, &job);
    fp12 product = fp12_one();
    for (size_t i = 0; i < job.pieces; i++) fp12_mul(&product, &product, &job.values[i]);
    if (job.pieces) pairing_final_power(&product, &product);
    fp12_canonical(r, &product);
    status = 0;
done:
    mem_close(&taken);
    return status;
}

#endif
