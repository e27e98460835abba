/* qap.h - from an assignment to the scalars for the points of the quotient h = (a b - c) / Z.
 *
 * a and b are the rows of an assignment: the sums <A_i, wires>, <B_i, wires> for row i of the matrices, then the rows
 * that bind the instance (a = wire, b = 0), then zeros up to the domain. There are two kinds of points:
 *
 *   coset   the key's H query, with (a b - c) at the points g w^i: zerokit-spec 6, steps 1 to 4; domain scalars
 *   folded  those of a known C (fold.h), with e_i = (w^i / n) (a_i b'(w^i) + b_i a'(w^i)); one scalar for each row,
 *           because all others are zero
 *
 * Scalars are integers below r, not in Montgomery form. Times depend on the key, and in the folded form on which rows
 * are zero; all data derived from the wires is wiped.
 */
#ifndef RLN_GROTH16_QAP_H
#define RLN_GROTH16_QAP_H

#include "key.h"

/** r[i] += <row i of m, wires>, for all rows. Canonical. */
void qap_add_rows(fr *r, const sparse *m, const fr *wires, pool *threads);
/** Fill the rows of a that bind the instance. */
void qap_bind(fr *a, const proving_key *k, const fr *wires);

/** The most coefficients that an assignment may have as a polynomial in x: two, for the wires of a token, which are
 *  affine in x. */
#define QAP_DEGREE 2

/** For an assignment whose rows are polynomials in a number x, sum_p x^p (a[p], b[p]) with p < degree, the scalars are
 *  sum_i x^i r[i] with i < 2 degree - 1.
 *  needs   a[p], b[p]: domain values each; factors: NULL for the coset, or those of qap_fill_factors; r[i] with room
 *          for qap_scalars
 *  gives   0, or -1: no memory. With factors NULL a and b are overwritten */
RLN_MUST_USE int qap_quotient(u256 *const r[], size_t degree, const proving_key *k, const fr *factors, fr *const a[],
                              fr *const b[], pool *threads);

/** The number of scalars. */
static inline size_t qap_scalars(const proving_key *k, int folded) {
    return folded ? k->constraints + k->instance : k->domain;
}

/** The factors of the folded form: r[i] = i / n^2, i < n = domain, not in Montgomery form, so the product of a
 *  factor and a number in Montgomery form is an integer.
 *  source  x a'(x) has the coefficients i a_i, and ntt_scaled multiplies by n */
void qap_fill_factors(fr *r, const proving_key *k);

#endif
