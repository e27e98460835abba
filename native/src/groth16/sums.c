/* sums.c - the three sums of a proof.
 *
 * Algorithm  gather the terms, then one msm of the engine over the key's points or over tables
 * Memory     one mem for the terms of each sum, and a copy of the chosen points where needed; both are wiped and freed
 *            before the return. Bases belong to the caller
 * Secret     the scalars: wires, blinders, quotient. Time depends on them
 */
#include "sums.h"

#include <string.h>

#include "../math/portable.h"
#include "qap.h"
#include "tables.h"

/* The wires whose scalars are computed together. */
#define PIECE ((size_t)512)

bases bases_of(const proving_key *k, const struct rln_tables *tables) {
    bases r = {.key = k, .tables = tables, .factors = tables ? tables->factors : NULL};
    const int folded = r.factors != NULL;
    r.quotient = qap_scalars(k, folded);
    r.l = folded ? r.quotient : k->h.finite;
    r.b1 = r.l + (folded ? k->wires : k->l.finite);
    r.beta = r.b1 + k->b1.finite;
    return r;
}

static int is_chosen(chosen c, size_t wire) {
    return !c.mask || c.mask[wire] == c.wanted;
}

/* The number of chosen wires below n: no query has more terms. */
static size_t count_chosen(chosen c, size_t n) {
    size_t r = 0;
    for (size_t i = 0; i < n; i++) r += (size_t)is_chosen(c, i);
    return r;
}

/* Positions in a list of points, and their scalars. */
typedef struct terms {
    mem memory;
    uint32_t *which;
    u256 *scalars;
    size_t n, room;
} terms;

/* Take room for n terms. Returns 0; or -1: no memory. The caller closes t->memory in both cases. */
static int terms_take(terms *t, size_t n) {
    *t = (terms){.memory = MEM_EMPTY, .room = n};
    t->which = mem_take(&t->memory, n, sizeof *t->which);
    t->scalars = mem_take(&t->memory, n, sizeof *t->scalars);
    return t->which && t->scalars ? 0 : -1;
}

static void terms_add(terms *t, size_t which, const u256 *scalar) {
    RLN_CHECK(t->n < t->room);
    t->which[t->n] = (uint32_t)which;
    t->scalars[t->n++] = *scalar;
}

/* Add the chosen wires of a query. The query begins at wire first; its points are in the list from position at on. */
static void terms_add_query(terms *t, size_t at, const query *q, size_t first, chosen wires, const u256 *w) {
    for (size_t i = 0; i < q->finite; i++)
        if (is_chosen(wires, first + q->place[i])) terms_add(t, at + i, &w[first + q->place[i]]);
}

static int sum_g1(g1_jac *r, const terms *t, const g1_table *table, const g1_aff *points, pool *threads) {
    const engine *const e = engine_get();
    if (table) return e->g1_table_msm_var(r, table, t->which, t->scalars, t->n, threads);
    g1_aff *const taken = mem_new(t->n, sizeof *taken);
    if (!taken) return -1;
    for (size_t i = 0; i < t->n; i++) taken[i] = points[t->which[i]];
    const int status = e->g1_msm_var(r, taken, t->scalars, t->n, threads);
    mem_free(taken);
    return status;
}

static int sum_g2(g2_jac *r, const terms *t, const g2_table *table, const g2_aff *points, pool *threads) {
    const engine *const e = engine_get();
    if (table) return e->g2_table_msm_var(r, table, t->which, t->scalars, t->n, threads);
    g2_aff *const taken = mem_new(t->n, sizeof *taken);
    if (!taken) return -1;
    for (size_t i = 0; i < t->n; i++) taken[i] = points[t->which[i]];
    const int status = e->g2_msm_var(r, taken, t->scalars, t->n, threads);
    mem_free(taken);
    return status;
}

int sum_a(g1_jac *r, const bases *b, chosen wires, const u256 *w, const u256 *alpha_times, const u256 *delta_times,
          pool *threads) {
    const proving_key *const k = b->key;
    terms t;
    int status = terms_take(&t, count_chosen(wires, k->wires) + 2);
    if (status == 0) {
        if (w) terms_add_query(&t, 0, &k->a, 0, wires, w);
        if (alpha_times) terms_add(&t, k->a.finite, alpha_times);
        if (delta_times) terms_add(&t, k->a.finite + 1, delta_times);
        status = sum_g1(r, &t, b->tables ? &b->tables->a : NULL, k->a_points, threads);
    }
    mem_close(&t.memory);
    return status;
}

int sum_b(g2_jac *r, const bases *b, chosen wires, const u256 *w, const u256 *beta_times, const u256 *delta_times,
          pool *threads) {
    const proving_key *const k = b->key;
    terms t;
    int status = terms_take(&t, count_chosen(wires, k->wires) + 2);
    if (status == 0) {
        if (w) terms_add_query(&t, 0, &k->b2, 0, wires, w);
        if (beta_times) terms_add(&t, k->b2.finite, beta_times);
        if (delta_times) terms_add(&t, k->b2.finite + 1, delta_times);
        status = sum_g2(r, &t, b->tables ? &b->tables->b : NULL, k->b_points, threads);
    }
    mem_close(&t.memory);
    return status;
}

static int is_zero(const u256 *a) {
    return (a->v[0] | a->v[1] | a->v[2] | a->v[3]) == 0;
}

static void terms_add_quotient(terms *t, const bases *b, const u256 *quotient) {
    const proving_key *const k = b->key;
    const size_t n = b->factors ? b->quotient : k->h.finite;
    for (size_t i = 0; i < n; i++) {
        const u256 *const scalar = &quotient[b->factors ? i : k->h.place[i]];
        if (!is_zero(scalar)) terms_add(t, i, scalar);
    }
}

/* If folded, the instance has points in L, too. */
static void terms_add_l(terms *t, const bases *b, chosen wires, const u256 *w) {
    const proving_key *const k = b->key;
    if (!b->factors) {
        terms_add_query(t, b->l, &k->l, k->instance, wires, w);
        return;
    }
    for (size_t i = 0; i < k->wires; i++)
        if (is_chosen(wires, i)) terms_add(t, b->l + i, &w[i]);
}

int sum_c(g1_jac *r, const bases *b, chosen wires, const u256 *quotient, const u256 *w, const u256 *v,
          const u256 *beta_times, pool *threads) {
    const proving_key *const k = b->key;
    terms t;
    int status = terms_take(&t, (quotient ? b->quotient : 0) + 2 * count_chosen(wires, k->wires) + 1);
    if (status == 0) {
        if (quotient) terms_add_quotient(&t, b, quotient);
        if (w) terms_add_l(&t, b, wires, w);
        if (v) terms_add_query(&t, b->b1, &k->b1, 0, wires, v);
        if (beta_times) terms_add(&t, b->beta, beta_times);
        status = sum_g1(r, &t, b->tables ? &b->tables->c : NULL, k->c_points, threads);
    }
    mem_close(&t.memory);
    return status;
}

typedef struct scalar_job {
    u256 *r, *v;
    const fr *w;
    fr factor; /* not in Montgomery form: its products with wires are integers */
    chosen wires;
    size_t n;
} scalar_job;

static void scalar_piece(void *context, size_t index) {
    const scalar_job *const job = context;
    const size_t end = (index + 1) * PIECE < job->n ? (index + 1) * PIECE : job->n;
    fr t;
    for (size_t i = index * PIECE; i < end; i++) {
        if (!is_chosen(job->wires, i)) continue;
        fr_to_u256(&job->r[i], &job->w[i]);
        if (!job->v) continue;
        fr_mul(&t, &job->w[i], &job->factor);
        fr_canonical(&t, &t);
        memcpy(&job->v[i], &t, sizeof t);
    }
    ct_wipe(&t, sizeof t);
}

void sum_scalars(u256 *r, u256 *v, const fr *w, const u256 *factor, chosen wires, size_t n, pool *threads) {
    scalar_job job = {.r = r, .v = v, .w = w, .wires = wires, .n = n};
    if (v) memcpy(&job.factor, factor, sizeof *factor);
    pool_run(threads, (n + PIECE - 1) / PIECE, scalar_piece, &job);
    ct_wipe(&job, sizeof job);
}
