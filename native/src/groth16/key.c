/* key.c - a proving key: its memory, the checks of its points, the verifying key in it.
 *
 * Algorithm  the engine checks many points at once; the verifying key shares alpha, beta, gamma, delta, IC
 * Memory     proving_key_new makes the key, whose own mem holds every array; proving_key_free frees all of it
 * Secret     nothing: a key is public
 */
#include "key.h"

#include <string.h>

#include "../math/portable.h"
#include "fault.h"

int key_log_domain(uint64_t constraints, uint64_t instance) {
    const uint64_t most = (uint64_t)1 << KEY_LOG_DOMAIN_MAX;
    if (constraints > most || instance > most - constraints) return -1;
    int r = 0;
    while ((uint64_t)1 << r < constraints + instance) r++;
    return r;
}

static int query_new(mem *m, query *q, size_t count, size_t finite) {
    q->count = count;
    q->finite = finite;
    q->place = mem_take(m, finite, sizeof *q->place);
    return q->place ? 0 : -1;
}

static int sparse_new(mem *m, sparse *s, size_t rows, size_t entries) {
    s->rows = rows;
    s->entries = entries;
    s->start = mem_take(m, rows + 1, sizeof *s->start);
    s->column = mem_take(m, entries, sizeof *s->column);
    s->coefficient = mem_take(m, entries, sizeof *s->coefficient);
    return s->start && s->column && s->coefficient ? 0 : -1;
}

static int domain_new(mem *m, ntt_domain *d, unsigned log_n) {
    const size_t n = (size_t)1 << log_n, half = n > 1 ? n / 2 : 1;
    fr *const roots = mem_take(m, half, sizeof *roots), *const inverse_roots = mem_take(m, half, sizeof *roots);
    fr *const shifts = mem_take(m, n, sizeof *shifts);
    if (!roots || !inverse_roots || !shifts) return -1;
    ntt_domain_fill(d, log_n, roots, inverse_roots, shifts);
    return 0;
}

proving_key *proving_key_new(const key_shape *shape) {
    const int log_domain = key_log_domain(shape->constraints, shape->instance);
    RLN_CHECK(log_domain >= 0 && shape->wires >= shape->instance);
    proving_key *const k = mem_new(1, sizeof *k);
    if (!k) return NULL;
    mem *const m = &k->memory;
    k->wires = shape->wires;
    k->instance = shape->instance;
    k->constraints = shape->constraints;
    k->log_domain = (unsigned)log_domain;
    k->domain = (size_t)1 << log_domain;
    const size_t c_finite = shape->h_finite + shape->l_finite + shape->b1_finite;
    k->ic = mem_take(m, shape->instance, sizeof *k->ic);
    k->a_points = mem_take(m, shape->a_finite + 2, sizeof *k->a_points);
    k->b_points = mem_take(m, shape->b2_finite + 2, sizeof *k->b_points);
    k->c_points = mem_take(m, c_finite + 1, sizeof *k->c_points);
    if (!k->ic || !k->a_points || !k->b_points || !k->c_points || query_new(m, &k->a, shape->wires, shape->a_finite) ||
        query_new(m, &k->b1, shape->wires, shape->b1_finite) || query_new(m, &k->b2, shape->wires, shape->b2_finite) ||
        query_new(m, &k->h, k->domain, shape->h_finite) ||
        query_new(m, &k->l, shape->wires - shape->instance, shape->l_finite) ||
        sparse_new(m, &k->a_matrix, shape->constraints, shape->a_entries) ||
        sparse_new(m, &k->b_matrix, shape->constraints, shape->b_entries) || domain_new(m, &k->ntt, k->log_domain)) {
        proving_key_free(k);
        return NULL;
    }
    return k;
}

void proving_key_free(proving_key *k) {
    if (!k) return;
    mem_close(&k->memory);
    mem_free(k);
}

rln_status proving_key_finish(proving_key *k, rln_fault *fault) {
    k->a_points[k->a.finite] = k->alpha_g1;
    k->a_points[k->a.finite + 1] = k->delta_g1;
    k->b_points[k->b2.finite] = k->beta_g2;
    k->b_points[k->b2.finite + 1] = k->delta_g2;
    k->c_points[k->h.finite + k->l.finite + k->b1.finite] = k->beta_g1;
    const rln_status status = verifying_key_lint(&k->alpha_g1, &k->beta_g2, &k->gamma_g2, &k->delta_g2, k->ic,
                                                 k->instance, fault);
    if (status) return status;
    if (g1_aff_is_infinity(&k->beta_g1)) return fault_in(RLN_ERR_KEY, fault, "beta_g1");
    if (g1_aff_is_infinity(&k->delta_g1)) return fault_in(RLN_ERR_KEY, fault, "delta_g1");
    return RLN_OK;
}

/* An array of points in the key, and its name in a fault. place = NULL: point i is at position i. */
typedef struct named_points {
    const char *field;
    const void *points;
    size_t n;
    const uint32_t *place;
} named_points;

/* The position of the first bad point of the array; n if all are good. */
static size_t first_bad(const named_points *p, int g2, uint8_t *bad, pool *threads) {
    if (g2) engine_get()->g2_check_many_var(bad, p->points, p->n, threads);
    else engine_get()->g1_check_many_var(bad, p->points, p->n, threads);
    size_t i = 0;
    while (i < p->n && !bad[i]) i++;
    return i;
}

rln_status proving_key_check_points(const proving_key *k, pool *threads, rln_fault *fault) {
    const named_points g1[] = {
        {"alpha_g1", &k->alpha_g1, 1, NULL},
        {"ic", k->ic, k->instance, NULL},
        {"beta_g1", &k->beta_g1, 1, NULL},
        {"delta_g1", &k->delta_g1, 1, NULL},
        {"a_query", k->a_points, k->a.finite, k->a.place},
        {"b_g1_query", key_b1_points(k), k->b1.finite, k->b1.place},
        {"h_query", key_h_points(k), k->h.finite, k->h.place},
        {"l_query", key_l_points(k), k->l.finite, k->l.place},
    };
    const named_points g2[] = {
        {"beta_g2", &k->beta_g2, 1, NULL},
        {"gamma_g2", &k->gamma_g2, 1, NULL},
        {"delta_g2", &k->delta_g2, 1, NULL},
        {"b_g2_query", k->b_points, k->b2.finite, k->b2.place},
    };
    const size_t g1_count = sizeof g1 / sizeof g1[0], count = g1_count + sizeof g2 / sizeof g2[0];
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        const named_points *const p = i < g1_count ? &g1[i] : &g2[i - g1_count];
        if (p->n > longest) longest = p->n;
    }
    uint8_t *const bad = mem_new(longest, 1);
    if (!bad) return RLN_ERR_MEMORY;
    rln_status status = RLN_OK;
    for (size_t i = 0; i < count && status == RLN_OK; i++) {
        const named_points *const p = i < g1_count ? &g1[i] : &g2[i - g1_count];
        const size_t at = first_bad(p, i >= g1_count, bad, threads);
        if (at < p->n) status = fault_at(RLN_ERR_POINT, fault, p->field, p->place ? p->place[at] : at, 0, 0);
    }
    mem_free(bad);
    return status;
}

rln_status proving_key_verifying_key(const proving_key *k, verifying_key **r) {
    *r = NULL;
    verifying_key *const v = verifying_key_new(k->instance);
    if (!v) return RLN_ERR_MEMORY;
    v->alpha_g1 = k->alpha_g1;
    v->beta_g2 = k->beta_g2;
    v->gamma_g2 = k->gamma_g2;
    v->delta_g2 = k->delta_g2;
    memcpy(v->ic, k->ic, k->instance * sizeof *v->ic);
    const rln_status status = verifying_key_prepare(v);
    if (status) {
        verifying_key_free(v);
        return status;
    }
    *r = v;
    return RLN_OK;
}
