/* prove.c - a proof from an assignment.
 *
 * Algorithm  Groth 2016, section 3.2, prover: rows and quotient (qap.h), then the three sums of sums.h
 * Memory     one mem for each call, wiped and closed on every path out; the caller owns key, tables, known wires
 * Secret     the wires, the quotient, r and s, and all sums before the proof is whole. Time depends on them; every copy
 *            is wiped
 */
#include "prove.h"

#include <string.h>

#include "../math/portable.h"
#include "qap.h"

void proof_rows(fr *a, fr *b, const proving_key *k, const known *known, const fr *wires, pool *threads) {
    if (known) {
        memcpy(a, known->a_rows, k->constraints * sizeof *a);
        memcpy(b, known->b_rows, k->constraints * sizeof *b);
    }
    qap_add_rows(a, known ? &known->a_rest : &k->a_matrix, wires, threads);
    qap_add_rows(b, known ? &known->b_rest : &k->b_matrix, wires, threads);
    qap_bind(a, k, wires);
}

/* c += s a + r b1; b1 = NULL leaves out the second term. */
static int add_blinded(g1_jac *c, const g1_aff *a, const u256 *s, const g1_aff *b1, const u256 *r) {
    g1_aff points[2] = {*a, b1 ? *b1 : *a};
    u256 scalars[2] = {*s, *r};
    g1_jac t;
    const int status = engine_get()->g1_msm_var(&t, points, scalars, b1 ? 2 : 1, NULL);
    if (status == 0) g1_add_var(c, c, &t);
    ct_wipe(points, sizeof points);
    ct_wipe(scalars, sizeof scalars);
    ct_wipe(&t, sizeof t);
    return status;
}

int proof_assemble(proof *p, const bases *b, const known *known, const fr *wires, const u256 *quotient, const fr *r,
                   const fr *s, pool *threads) {
    const proving_key *const k = b->key;
    const chosen unknown = {known ? known->mask : NULL, 0};
    mem m = MEM_EMPTY;
    u256 one, raw[2];
    g1_jac a, c;
    g2_jac b2;
    int status = -1;
    memset(p, 0, sizeof *p);
    fr_to_u256(&one, &FR_ONE);
    fr_to_u256(&raw[0], r);
    fr_to_u256(&raw[1], s);
    u256 *const w = mem_take(&m, k->wires, sizeof *w), *const v = mem_take(&m, k->wires, sizeof *v);
    if (!w || !v) goto done;
    sum_scalars(w, v, wires, &raw[0], unknown, k->wires, threads);
    if (sum_a(&a, b, unknown, w, known ? NULL : &one, &raw[0], threads) ||
        sum_b(&b2, b, unknown, w, known ? NULL : &one, &raw[1], threads) ||
        sum_c(&c, b, unknown, quotient, w, v, known ? NULL : &raw[0], threads))
        goto done;
    if (known) {
        g1_add_mixed_var(&a, &a, &known->a);
        g2_add_mixed_var(&b2, &b2, &known->b);
        g1_add_mixed_var(&c, &c, &known->c);
    }
    g1_to_aff_var(&p->a, &a);
    if (add_blinded(&c, &p->a, &raw[1], known ? &known->b1 : NULL, &raw[0])) goto done;
    g2_to_aff_var(&p->b, &b2);
    g1_to_aff_var(&p->c, &c);
    status = 0;
done:
    if (status) memset(p, 0, sizeof *p);
    ct_wipe(raw, sizeof raw);
    /* Z of a Jacobian point depends on how it was computed */
    ct_wipe(&a, sizeof a);
    ct_wipe(&b2, sizeof b2);
    ct_wipe(&c, sizeof c);
    mem_close(&m);
    return status;
}

int proof_create(proof *p, const bases *b, const known *known, const fr *wires, const fr *r, const fr *s,
                 pool *threads) {
    const proving_key *const k = b->key;
    mem m = MEM_EMPTY;
    int status = -1;
    memset(p, 0, sizeof *p);
    fr *const a_rows = mem_take(&m, k->domain, sizeof(fr)), *const b_rows = mem_take(&m, k->domain, sizeof(fr));
    u256 *const quotient = mem_take(&m, k->domain, sizeof *quotient);
    if (a_rows && b_rows && quotient) {
        proof_rows(a_rows, b_rows, k, known, wires, threads);
        status = qap_quotient(&quotient, 1, k, b->factors, &a_rows, &b_rows, threads);
        if (status == 0) status = proof_assemble(p, b, known, wires, quotient, r, s, threads);
    }
    mem_close(&m);
    return status;
}
