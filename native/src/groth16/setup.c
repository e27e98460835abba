/* setup.c - a fresh key for a set of constraints.
 *
 * Groth 2016, section 3.2, in Lagrange form. n is the domain, w its root of unity, g^2 = w, Z(x) = x^n - 1.
 *
 *    A_j = sum over rows i of a_ij l_i(tau),   l_i(x) = Z(x) w^i / (n (x - w^i))
 *    L_j = (beta A_j + alpha B_j + C_j) / delta, and IC_j the same over gamma
 *    H_i: the prover knows a b - c only at the points g w^i, where Z = g^n - 1 = -2, so the quotient h there is
 *         -(a b - c) / 2. With the Lagrange basis m_i of the coset, h(tau) Z(tau) / delta is the sum of
 *         (a b - c)(g w^i) H_i for H_i = -m_i(tau) Z(tau) / (2 delta).
 *         m_i(x) = -(x^n + 1) g w^i / (n (x - g w^i)), hence
 *         H_i = (tau^2n - 1) g w^i / (2 n (tau - g w^i) delta)
 *
 * Memory  two blocks of secret memory, wiped in a forked child and freed on every path out; the matrices belong to the
 *         caller, who also owns the key that is made
 * Secret  tau, alpha, beta, gamma, delta and everything derived from them: with them, anyone can forge proofs. random
 *         is wiped
 */
#include "setup.h"

#include <string.h>

#include "../math/portable.h"
#include "fault.h"

/* All of this reveals tau: one block of secret memory, wiped in a forked child and at the end. */
typedef struct waste {
    fr tau, alpha, beta, gamma, delta;
    fr inverse_gamma, inverse_delta;
    fr tau_n, tau_2n; /* tau^n - 1, tau^2n - 1 */
    fr t;
    u256 scalar;
} waste;

/* Arrays that also reveal tau. */
typedef struct scratch {
    fr *basis;     /* domain: l_i(tau), later the scalars of H */
    fr *inverse;   /* domain: room for inv_many */
    fr *a, *b, *c; /* wires: A_j(tau) .. ; c becomes the scalars of L and IC */
    u256 *scalars; /* for the largest array of points */
} scratch;

typedef struct setup {
    waste *waste;
    scratch scratch;
    const sparse *a, *b, *c;
    size_t wires, instance, constraints, domain;
    unsigned log_domain;
    pool *threads;
    uint32_t *progress;
} setup;

static void report(const setup *s, uint32_t thousandths) {
    if (s->progress) __atomic_store_n(s->progress, thousandths, __ATOMIC_RELAXED);
}

static rln_status draw(const setup *s, const uint8_t random[SETUP_RANDOM_BYTES], rln_fault *fault) {
    static const char *const names[5] = {"tau", "alpha", "beta", "gamma", "delta"};
    waste *const w = s->waste;
    fr *const drawn[5] = {&w->tau, &w->alpha, &w->beta, &w->gamma, &w->delta};
    for (int i = 0; i < 5; i++) {
        fr_from_wide(drawn[i], random + 64 * i);
        if (fr_is_zero(drawn[i])) return fault_in(RLN_ERR_ENTROPY, fault, names[i]);
    }
    fr_neg(&w->t, &w->delta);
    if (fr_equal(&w->gamma, &w->delta) | fr_equal(&w->gamma, &w->t)) return fault_in(RLN_ERR_ENTROPY, fault, "delta");
    w->tau_n = w->tau;
    for (unsigned i = 0; i < s->log_domain; i++) fr_sqr(&w->tau_n, &w->tau_n);
    fr_sqr(&w->tau_2n, &w->tau_n);
    fr_sub(&w->tau_n, &w->tau_n, &FR_ONE);
    fr_sub(&w->tau_2n, &w->tau_2n, &FR_ONE);
    if (fr_is_zero(&w->tau_2n)) return fault_in(RLN_ERR_ENTROPY, fault, "tau");
    fr_inv(&w->inverse_gamma, &w->gamma);
    fr_inv(&w->inverse_delta, &w->delta);
    return RLN_OK;
}

/* basis[i] = factor shift w^i / (tau - shift w^i), i < domain. */
static void lagrange(const setup *s, const fr *shift, const fr *factor) {
    const fr root = NTT_ROOTS[s->log_domain];
    fr *const basis = s->scratch.basis, power = *shift;
    for (size_t i = 0; i < s->domain; i++) {
        fr_sub(&basis[i], &s->waste->tau, &power);
        fr_mul(&power, &power, &root);
    }
    fr_inv_many(basis, s->domain, s->scratch.inverse);
    fr_mul(&power, shift, factor);
    for (size_t i = 0; i < s->domain; i++) {
        fr_mul(&basis[i], &basis[i], &power);
        fr_mul(&power, &power, &root);
    }
    ct_wipe(&power, sizeof power);
}

/* r[j] += sum over rows i of m_ij basis[i]. */
static void columns_at_tau(fr *r, const sparse *m, const fr *basis) {
    fr t;
    for (size_t i = 0; i < m->rows; i++)
        for (size_t j = m->start[i]; j < m->start[i + 1]; j++) {
            fr_mul(&t, &m->coefficient[j], &basis[i]);
            fr_add(&r[m->column[j]], &r[m->column[j]], &t);
        }
    ct_wipe(&t, sizeof t);
}

/* Evaluate the polynomials of each wire at tau; then c = (beta a + alpha b + c) / gamma or delta. */
static void evaluate_wires(const setup *s) {
    waste *const w = s->waste;
    const scratch *const m = &s->scratch;
    fr factor;
    /* Z(tau) / n; domain is a power of two, so not 0 mod r */
    fr_from_u64(&factor, s->domain);
    fr_inv(&factor, &factor);
    fr_mul(&factor, &factor, &w->tau_n);
    lagrange(s, &FR_ONE, &factor);
    columns_at_tau(m->a, s->a, m->basis);
    columns_at_tau(m->b, s->b, m->basis);
    columns_at_tau(m->c, s->c, m->basis);
    for (size_t j = 0; j < s->instance; j++) fr_add(&m->a[j], &m->a[j], &m->basis[s->constraints + j]);
    for (size_t j = 0; j < s->wires; j++) {
        fr_mul(&w->t, &w->beta, &m->a[j]);
        fr_add(&m->c[j], &m->c[j], &w->t);
        fr_mul(&w->t, &w->alpha, &m->b[j]);
        fr_add(&m->c[j], &m->c[j], &w->t);
        fr_mul(&m->c[j], &m->c[j], j < s->instance ? &w->inverse_gamma : &w->inverse_delta);
    }
    ct_wipe(&factor, sizeof factor);
}

/* basis = the scalars of H. */
static void evaluate_quotient(const setup *s) {
    const fr shift = NTT_ROOTS[s->log_domain + 1];
    fr factor;
    fr_from_u64(&factor, 2 * (uint64_t)s->domain);
    fr_inv(&factor, &factor);
    fr_mul(&factor, &factor, &s->waste->tau_2n);
    fr_mul(&factor, &factor, &s->waste->inverse_delta);
    lagrange(s, &shift, &factor);
    ct_wipe(&factor, sizeof factor);
}

static size_t count_non_zero(const fr *a, size_t n) {
    size_t r = 0;
    for (size_t i = 0; i < n; i++) r += !fr_is_zero(&a[i]);
    return r;
}

/* Write the places of the q->finite non-zero values to q, and the values to scalars. Returns the place after them. */
static u256 *fill_query(query *q, u256 *scalars, const fr *a) {
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++) {
        if (fr_is_zero(&a[i])) continue;
        q->place[n++] = (uint32_t)i;
        fr_to_u256(scalars++, &a[i]);
    }
    return scalars;
}

static u256 *fill_scalar(u256 *scalars, const fr *a) {
    fr_to_u256(scalars++, a);
    return scalars;
}

static int multiply_g1(const setup *s, g1_aff *r, const u256 *end) {
    const g1_aff base = G1_GENERATOR;
    return engine_get()->g1_mul_many_var(r, &base, s->scratch.scalars, (size_t)(end - s->scratch.scalars), s->threads);
}

static int multiply_g2(const setup *s, g2_aff *r, const u256 *end) {
    const g2_aff base = G2_GENERATOR;
    return engine_get()->g2_mul_many_var(r, &base, s->scratch.scalars, (size_t)(end - s->scratch.scalars), s->threads);
}

/* All points of the key: each array is one job, in the order of key.h. Returns 0; or -1: no memory. */
static int multiply_generators(const setup *s, proving_key *k) {
    const waste *const w = s->waste;
    const scratch *const m = &s->scratch;
    u256 *const first = m->scalars, *end;
    g1_aff g1[1];
    g2_aff g2[1];
    end = first;
    for (size_t j = 0; j < s->instance; j++) end = fill_scalar(end, &m->c[j]);
    if (multiply_g1(s, k->ic, end)) return -1;
    end = fill_query(&k->a, first, m->a);
    end = fill_scalar(fill_scalar(end, &w->alpha), &w->delta);
    if (multiply_g1(s, k->a_points, end)) return -1;
    report(s, 200);
    end = fill_query(&k->h, first, m->basis);
    end = fill_query(&k->l, end, m->c + s->instance);
    end = fill_query(&k->b1, end, m->b);
    end = fill_scalar(end, &w->beta);
    if (multiply_g1(s, k->c_points, end)) return -1;
    report(s, 600);
    end = fill_query(&k->b2, first, m->b);
    end = fill_scalar(fill_scalar(end, &w->beta), &w->delta);
    if (multiply_g2(s, k->b_points, end)) return -1;
    report(s, 950);
    if (multiply_g2(s, g2, fill_scalar(first, &w->gamma))) return -1;
    if (multiply_g1(s, g1, fill_scalar(first, &w->beta))) return -1;
    k->alpha_g1 = k->a_points[k->a.finite];
    k->delta_g1 = k->a_points[k->a.finite + 1];
    k->beta_g1 = g1[0];
    k->beta_g2 = k->b_points[k->b2.finite];
    k->delta_g2 = k->b_points[k->b2.finite + 1];
    k->gamma_g2 = g2[0];
    return 0;
}

/* Room for all arrays, in one block of secret memory. NULL: no memory. */
static uint8_t *scratch_new(setup *s) {
    /* the largest array of points is c_points: H, L, B1 and one; a_points and b_points have two more than wires */
    const size_t points = s->domain + 2 * s->wires + 2;
    const size_t scalars = 2 * s->domain + 3 * s->wires;
    uint8_t *const block = mem_secret_new(scalars * sizeof(fr) + points * sizeof(u256), 1);
    if (!block) return NULL;
    fr *const first = (fr *)(void *)block;
    s->scratch = (scratch){
        .basis = first,
        .inverse = first + s->domain,
        .a = first + 2 * s->domain,
        .b = first + 2 * s->domain + s->wires,
        .c = first + 2 * s->domain + 2 * s->wires,
        .scalars = (u256 *)(void *)(first + scalars),
    };
    return block;
}

static void copy_matrix(sparse *r, const sparse *a) {
    memcpy(r->start, a->start, (a->rows + 1) * sizeof *r->start);
    if (a->entries == 0) return;
    memcpy(r->column, a->column, a->entries * sizeof *r->column);
    memcpy(r->coefficient, a->coefficient, a->entries * sizeof *r->coefficient);
}

static proving_key *shape_key(const setup *s) {
    const scratch *const m = &s->scratch;
    const size_t b_finite = count_non_zero(m->b, s->wires);
    const key_shape shape = {
        .wires = s->wires,
        .instance = s->instance,
        .constraints = s->constraints,
        .a_finite = count_non_zero(m->a, s->wires),
        .b1_finite = b_finite,
        .b2_finite = b_finite,
        .h_finite = s->domain, /* no H is zero: tau^2n is not 1 */
        .l_finite = count_non_zero(m->c + s->instance, s->wires - s->instance),
        .a_entries = s->a->entries,
        .b_entries = s->b->entries,
    };
    return proving_key_new(&shape);
}

rln_status key_setup(proving_key **r, const sparse *a, const sparse *b, const sparse *c, size_t wires, size_t instance,
                     uint8_t random[SETUP_RANDOM_BYTES], pool *threads, uint32_t *progress, rln_fault *fault) {
    const int log_domain = key_log_domain(a->rows, instance);
    RLN_CHECK(log_domain >= 0 && instance >= 1 && instance <= wires && a->rows == b->rows && a->rows == c->rows);
    setup s = {.waste = mem_secret_new(sizeof(waste), 1),
               .a = a,
               .b = b,
               .c = c,
               .wires = wires,
               .instance = instance,
               .constraints = a->rows,
               .domain = (size_t)1 << log_domain,
               .log_domain = (unsigned)log_domain,
               .threads = threads,
               .progress = progress};
    uint8_t *const block = scratch_new(&s);
    proving_key *k = NULL;
    rln_status status = RLN_ERR_MEMORY;
    *r = NULL;
    report(&s, 0);
    if (!s.waste || !block) goto done;
    if ((status = draw(&s, random, fault))) goto done;
    evaluate_wires(&s);
    evaluate_quotient(&s);
    report(&s, 50);
    status = RLN_ERR_MEMORY;
    if (!(k = shape_key(&s)) || multiply_generators(&s, k)) goto done;
    copy_matrix(&k->a_matrix, a);
    copy_matrix(&k->b_matrix, b);
    if ((status = proving_key_finish(k, fault))) goto done;
    report(&s, 1000);
    *r = k;
    k = NULL;
done:
    ct_wipe(random, SETUP_RANDOM_BYTES);
    mem_secret_free(block);
    mem_secret_free(s.waste);
    proving_key_free(k);
    return status;
}
