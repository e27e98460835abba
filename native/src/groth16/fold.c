/* fold.c - fold the C matrix of a key into its points, so that the quotient is taken on the domain itself.
 *
 * Algorithm  G_j and K_m of fold.h by two transforms of points, then L'_i by one list of points for each wire
 * Memory     one mem, closed before the return; g and l, the results, belong to the caller
 * Secret     nothing: the key and the matrix are public, and time depends on both
 */
#include "fold.h"

#include <string.h>

#include "../math/portable.h"

static void report(uint32_t *progress, uint32_t thousandths) {
    if (progress) __atomic_store_n(progress, thousandths, __ATOMIC_RELAXED);
}

/* Multiply each point by its own scalar. */
static int multiply(g1_aff *points, const u256 *scalars, size_t n, pool *threads) {
    return engine_get()->g1_mul_each_var(points, points, scalars, n, 254, threads);
}

/* r[j] = sum_k w^(-jk) a[k] for j < n; overwrites a.
 * source a forward transform, read in reverse */
static int transform_back(g1_aff *r, size_t n, g1_aff *a, const proving_key *k, pool *threads) {
    if (engine_get()->g1_ntt_var(a, &k->ntt, 0, threads)) return -1;
    for (size_t j = 0; j < n; j++) r[j] = a[(k->domain - j) & (k->domain - 1)];
    return 0;
}

/* l[i] -= C_mi K_m for all entries; points has room for one point for each entry. Most coefficients are 1. */
static int subtract_columns(g1_jac *l, const sparse *c, const g1_aff *basis, g1_aff *points, u256 *scalars,
                            pool *threads) {
    size_t n = 0;
    for (size_t m = 0; m < c->rows; m++)
        for (size_t j = c->start[m]; j < c->start[m + 1]; j++) {
            if (fr_equal(&c->coefficient[j], &FR_ONE)) continue;
            fr_to_u256(&scalars[n], &c->coefficient[j]);
            points[n++] = basis[m];
        }
    if (multiply(points, scalars, n, threads)) return -1;
    n = 0;
    for (size_t m = 0; m < c->rows; m++)
        for (size_t j = c->start[m]; j < c->start[m + 1]; j++) {
            g1_aff t = fr_equal(&c->coefficient[j], &FR_ONE) ? basis[m] : points[n++];
            g1_aff_neg(&t, &t);
            g1_add_mixed_var(&l[c->column[j]], &l[c->column[j]], &t);
        }
    return 0;
}

int fold_key(g1_aff *g, g1_aff *l, const proving_key *k, const sparse *c, pool *threads, uint32_t *progress) {
    mem m = MEM_EMPTY;
    const size_t n = k->domain;
    const size_t scalar_count = n > c->entries ? n : c->entries;
    g1_aff *const t = mem_take(&m, n, sizeof *t), *const basis = mem_take(&m, k->constraints, sizeof *basis);
    g1_aff *const points = mem_take(&m, c->entries > n ? c->entries : n, sizeof *points);
    g1_jac *const sums = mem_take(&m, k->wires, sizeof *sums);
    fp *const inverse = mem_take(&m, k->wires, sizeof *inverse);
    u256 *const scalars = mem_take(&m, scalar_count, sizeof *scalars);
    fr factor, power;
    int status = -1;
    RLN_CHECK(c->rows == k->constraints);
    report(progress, 0);
    if (!t || !basis || !points || !sums || !inverse || !scalars) goto done;

    /* t = T / -2, points = 1/n g^k T_k */
    for (size_t i = 0; i < k->h.finite; i++) t[k->h.place[i]] = key_h_points(k)[i];
    if (engine_get()->g1_ntt_var(t, &k->ntt, 0, threads)) goto done;
    for (size_t i = 0; i < n; i++) {
        fr_dbl(&factor, &k->ntt.shifts[i]);
        fr_neg(&factor, &factor);
        fr_to_u256(&scalars[i], &factor);
    }
    if (multiply(t, scalars, n, threads)) goto done;
    report(progress, 250);
    memcpy(points, t, n * sizeof *t);
    if (transform_back(g, k->constraints + k->instance, points, k, threads)) goto done;
    report(progress, 450);

    power = fr_zero();
    for (size_t i = 0; i < n; i++) {
        fr_to_u256(&scalars[i], &power);
        fr_add(&power, &power, &k->ntt.inverse_n);
    }
    if (multiply(t, scalars, n, threads) || transform_back(basis, k->constraints, t, k, threads)) goto done;
    report(progress, 650);

    for (size_t i = 0; i < k->wires; i++) sums[i] = g1_infinity();
    for (size_t i = 0; i < k->l.finite; i++) g1_from_aff(&sums[k->instance + k->l.place[i]], &key_l_points(k)[i]);
    if (subtract_columns(sums, c, basis, points, scalars, threads)) goto done;
    g1_to_aff_many_var(l, sums, k->wires, inverse);
    report(progress, 700);
    status = 0;
done:
    mem_close(&m);
    return status;
}
