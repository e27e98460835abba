/* Three sums make a proof; q_i are the points of a query and w_i the wires:
 *
 *     A = alpha + sum w_i A_i + r delta
 *     B = beta + sum w_i B_i + s delta                                                     (in G2)
 *     C = s A + r B' - r s delta + sum h_i H_i + sum w_i L_i,  B' = B in G1
 *       = s A + r beta + sum r w_i B'_i + sum h_i H_i + sum w_i L_i
 *
 * The second form of C needs no B' of its own: its points join the other sums in one.
 */
#include "prove.h"

#include <string.h>

#include "../math/portable.h"
#include "qap.h"

/* k[i] = the wire that meets the i-th finite point of the query; the query starts at wire first. */
static void wires_of_query(u256 *k, const query *q, const fr *wires) {
    for (size_t i = 0; i < q->finite; i++) fr_to_u256(&k[i], &wires[q->place[i]]);
}

static int sum_a(g1_jac *r, const proving_key *k, const fr *wires, const fr *blind, u256 *scalars, pool *threads) {
    wires_of_query(scalars, &k->a, wires);
    fr_to_u256(&scalars[k->a.finite], &FR_ONE);
    fr_to_u256(&scalars[k->a.finite + 1], blind);
    return engine_get()->g1_msm_var(r, k->a_points, scalars, k->a.finite + 2, threads);
}

static int sum_b(g2_jac *r, const proving_key *k, const fr *wires, const fr *blind, u256 *scalars, pool *threads) {
    wires_of_query(scalars, &k->b2, wires);
    fr_to_u256(&scalars[k->b2.finite], &FR_ONE);
    fr_to_u256(&scalars[k->b2.finite + 1], blind);
    return engine_get()->g2_msm_var(r, k->b_points, scalars, k->b2.finite + 2, threads);
}

/* All of C but s A. */
static int sum_c(g1_jac *r, const proving_key *k, const fr *wires, const fr *h, const fr *blind, u256 *scalars,
                 pool *threads) {
    fr t;
    u256 *at = scalars;
    for (size_t i = 0; i < k->h.finite; i++) fr_to_u256(at++, &h[k->h.place[i]]);
    wires_of_query(at, &k->l, wires + k->instance);
    at += k->l.finite;
    for (size_t i = 0; i < k->b1.finite; i++) {
        fr_mul(&t, blind, &wires[k->b1.place[i]]);
        fr_to_u256(at++, &t);
    }
    fr_to_u256(at++, blind);
    ct_wipe(&t, sizeof t);
    return engine_get()->g1_msm_var(r, k->c_points, scalars, (size_t)(at - scalars), threads);
}

int proof_create(proof *p, const proving_key *k, const fr *wires, const fr *r, const fr *s, pool *threads) {
    mem m = MEM_EMPTY;
    g1_jac a, c, sa;
    g2_jac b;
    u256 scalar;
    int status = -1;
    memset(p, 0, sizeof *p);
    /* sum_c has the most scalars but for keys of a few constraints */
    const size_t c_terms = k->h.finite + k->l.finite + k->b1.finite + 1;
    const size_t ab_terms = k->wires + 2;
    fr *const h = mem_take(&m, k->domain, sizeof *h);
    u256 *const scalars = mem_take(&m, c_terms > ab_terms ? c_terms : ab_terms, sizeof *scalars);
    if (!h || !scalars || qap_quotient(h, k, wires, threads)) goto done;
    if (sum_a(&a, k, wires, r, scalars, threads) || sum_b(&b, k, wires, s, scalars, threads) ||
        sum_c(&c, k, wires, h, r, scalars, threads))
        goto done;
    g1_to_aff_var(&p->a, &a);
    g2_to_aff_var(&p->b, &b);
    fr_to_u256(&scalar, s);
    g1_mul_var(&sa, &p->a, &scalar);
    g1_add_var(&c, &c, &sa);
    g1_to_aff_var(&p->c, &c);
    status = 0;
done:
    ct_wipe(&scalar, sizeof scalar);
    /* Z of a Jacobian point remembers the way to it */
    ct_wipe(&a, sizeof a);
    ct_wipe(&b, sizeof b);
    ct_wipe(&c, sizeof c);
    ct_wipe(&sa, sizeof sa);
    mem_close(&m);
    return status;
}
