/* sums.h - the three sums that make a proof, over the points of a key or over tables of their multiples.
 *
 * q_i are the points of a query and w_i the wires:
 *
 *     A = alpha + sum w_i A_i + r delta
 *     B = beta + sum w_i B_i + s delta                                                     (in G2)
 *     C = s A + r B' - r s delta + sum w_i L_i + quotient,  B' = B in G1
 *       = s A + r beta + sum r w_i B'_i + sum w_i L_i + sum of the quotient's scalars and points
 *
 * The second form of C does not compute B' first: its points are part of one sum. Each function here sums over some of
 * the wires and some of the constants. So it can compute a whole proof, the known part of a proof, or a change. Scalars
 * are integers below r, not in Montgomery form. Times depend on all values; all data derived from scalars is wiped. A
 * function that returns int returns 0; or -1: no memory.
 */
#ifndef RLN_GROTH16_SUMS_H
#define RLN_GROTH16_SUMS_H

#include "key.h"

/* The places of the points. In the list of C the points of the quotient come first, then L, B in G1, and beta. */
typedef struct bases {
    const proving_key *key;
    const struct rln_tables *tables; /* NULL: none */
    const fr *factors;               /* for qap_quotient; NULL: not folded */
    size_t quotient, l, b1, beta;    /* scalars of the quotient; places of the others in the list of C */
} bases;

/** The bases of a key, with tables for it or NULL. */
bases bases_of(const proving_key *k, const struct rln_tables *tables);

/* The wires that take part: those with mask = wanted; mask = NULL: all. */
typedef struct chosen {
    const uint8_t *mask;
    uint8_t wanted;
} chosen;

/** r = sum w_i A_i + alpha_times alpha + delta_times delta; NULL leaves out a term; w = NULL leaves out all wires. */
RLN_MUST_USE int sum_a(g1_jac *r, const bases *b, chosen wires, const u256 *w, const u256 *alpha_times,
                       const u256 *delta_times, pool *threads);
/** As sum_a, with B and beta in G2. */
RLN_MUST_USE int sum_b(g2_jac *r, const bases *b, chosen wires, const u256 *w, const u256 *beta_times,
                       const u256 *delta_times, pool *threads);
/** r = sum of the quotient + sum w_i L_i + sum v_i B'_i + beta_times beta; NULL leaves out a term. */
RLN_MUST_USE int sum_c(g1_jac *r, const bases *b, chosen wires, const u256 *quotient, const u256 *w, const u256 *v,
                       const u256 *beta_times, pool *threads);

/** r[i] = w[i] as an integer, i < n; if v is not NULL, also v[i] = w[i] times *factor. Wires that are not chosen are
 *  left out. */
void sum_scalars(u256 *r, u256 *v, const fr *w, const u256 *factor, chosen wires, size_t n, pool *threads);

#endif
