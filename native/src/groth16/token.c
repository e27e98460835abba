/* token.c - a prepared proof, made before its signal is known.
 *
 * Algorithm  the proof for x = 0 and its change from x = 0 to x = 1 (token.h); publishing evaluates three polynomials
 * Memory     a token is in secret memory, which is wiped in a forked child; token_free frees it. Scratch is in one mem
 *            for each call. The partial belongs to the caller
 * Secret     the whole token, and the wires and blinders that it is made from. It is used once: token_claim gives it to
 *            one caller, and its points are wiped after use
 */
#include "token.h"

#include <string.h>
#include <unistd.h>

#include "../math/portable.h"
#include "qap.h"

/* The change of all wires from x = 0 to x = 1: wires in Montgomery form, w as integers, v as integers after
 * multiplication by the blinder r. */
typedef struct direction {
    fr *wires;
    uint8_t *changed;
    u256 *w, *v;
} direction;

static int direction_new(mem *m, direction *d, const fr *zero, const fr *one, const u256 *r, size_t n, pool *threads) {
    d->wires = mem_take(m, n, sizeof *d->wires);
    d->changed = mem_take(m, n, 1);
    d->w = mem_take(m, n, sizeof *d->w);
    d->v = mem_take(m, n, sizeof *d->v);
    if (!d->wires || !d->changed || !d->w || !d->v) return -1;
    for (size_t i = 0; i < n; i++) {
        fr_sub(&d->wires[i], &one[i], &zero[i]);
        fr_canonical(&d->wires[i], &d->wires[i]);
        d->changed[i] = !fr_is_zero(&d->wires[i]);
    }
    sum_scalars(d->w, d->v, d->wires, r, (chosen){d->changed, 1}, n, threads);
    return 0;
}

/* All points of t except those for x = 0. quotient: the scalars of x and x^2. */
static int fill_direction(token *t, const bases *b, const direction *d, u256 *const quotient[2], const u256 *s,
                          pool *threads) {
    const engine *const e = engine_get();
    const chosen changed = {d->changed, 1};
    g1_jac a, c, c2, sa;
    g2_jac b2;
    int status = -1;
    if (sum_a(&a, b, changed, d->w, NULL, NULL, threads) || sum_b(&b2, b, changed, d->w, NULL, NULL, threads) ||
        sum_c(&c, b, changed, quotient[0], d->w, d->v, NULL, threads) ||
        sum_c(&c2, b, changed, quotient[1], NULL, NULL, NULL, threads))
        goto done;
    g1_to_aff_var(&t->a[1], &a);
    if (e->g1_msm_var(&sa, &t->a[1], s, 1, NULL)) goto done;
    g1_add_var(&c, &c, &sa);
    g1_to_aff_var(&t->c[1], &c);
    g1_to_aff_var(&t->c[2], &c2);
    g2_to_aff_var(&t->b[1], &b2);
    status = 0;
done:
    ct_wipe(&a, sizeof a);
    ct_wipe(&b2, sizeof b2);
    ct_wipe(&c, sizeof c);
    ct_wipe(&c2, sizeof c2);
    ct_wipe(&sa, sizeof sa);
    return status;
}

rln_status token_new(token **r, const partial *p, const fr *zero, const fr *one, const fr *blind_r, const fr *blind_s,
                     pool *threads) {
    const bases *const b = &p->bases;
    const proving_key *const k = b->key;
    mem m = MEM_EMPTY;
    u256 raw[2];
    direction d;
    proof at_zero;
    fr *a[2], *rows[2];
    u256 *quotient[3];
    int status = -1;
    *r = NULL;
    memset(&at_zero, 0, sizeof at_zero);
    fr_to_u256(&raw[0], blind_r);
    fr_to_u256(&raw[1], blind_s);
    token *t = mem_secret_new(sizeof *t, 1);
    for (int i = 0; i < 2; i++) {
        a[i] = mem_take(&m, k->domain, sizeof(fr));
        rows[i] = mem_take(&m, k->domain, sizeof(fr));
    }
    for (int i = 0; i < 3; i++) quotient[i] = mem_take(&m, k->domain, sizeof(u256));
    if (!t || !a[0] || !a[1] || !rows[0] || !rows[1] || !quotient[0] || !quotient[1] || !quotient[2]) goto done;
    if (direction_new(&m, &d, zero, one, &raw[0], k->wires, threads)) goto done;
    proof_rows(a[0], rows[0], k, &p->known, zero, threads);
    qap_add_rows(a[1], &p->known.a_rest, d.wires, threads);
    qap_add_rows(rows[1], &p->known.b_rest, d.wires, threads);
    qap_bind(a[1], k, d.wires);
    if (qap_quotient(quotient, 2, k, b->factors, a, rows, threads) ||
        proof_assemble(&at_zero, b, &p->known, zero, quotient[0], blind_r, blind_s, threads) ||
        fill_direction(t, b, &d, quotient + 1, &raw[1], threads))
        goto done;
    atomic_flag_clear(&t->spent);
    t->process = getpid();
    t->a[0] = at_zero.a;
    t->b[0] = at_zero.b;
    t->c[0] = at_zero.c;
    *r = t;
    t = NULL;
    status = 0;
done:
    ct_wipe(raw, sizeof raw);
    ct_wipe(&at_zero, sizeof at_zero);
    token_free(t);
    mem_close(&m);
    return status ? RLN_ERR_MEMORY : RLN_OK;
}

int token_claim(token *t) {
    return t->process != getpid() || atomic_flag_test_and_set(&t->spent) ? -1 : 0;
}

void token_wipe(token *t) {
    ct_wipe(t->a, sizeof t->a);
    ct_wipe(t->b, sizeof t->b);
    ct_wipe(t->c, sizeof t->c);
}

int token_publish(proof *p, token *t, const fr *x) {
    const engine *const e = engine_get();
    u256 powers[2];
    fr square;
    g1_jac a, c;
    g2_jac b;
    int status = -1;
    fr_sqr(&square, x);
    fr_to_u256(&powers[0], x);
    fr_to_u256(&powers[1], &square);
    if (e->g1_msm_var(&a, &t->a[1], powers, 1, NULL) || e->g2_msm_var(&b, &t->b[1], powers, 1, NULL) ||
        e->g1_msm_var(&c, &t->c[1], powers, 2, NULL))
        goto done;
    g1_add_mixed_var(&a, &a, &t->a[0]);
    g1_add_mixed_var(&c, &c, &t->c[0]);
    g2_add_mixed_var(&b, &b, &t->b[0]);
    g1_to_aff_var(&p->a, &a);
    g1_to_aff_var(&p->c, &c);
    g2_to_aff_var(&p->b, &b);
    status = 0;
done:
    token_wipe(t);
    ct_wipe(&a, sizeof a);
    ct_wipe(&b, sizeof b);
    ct_wipe(&c, sizeof c);
    return status;
}

void token_free(token *t) {
    mem_secret_free(t);
}
