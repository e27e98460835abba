/* fold.h - the points of a key whose C matrix is known, so that the quotient is taken on the domain itself.
 *
 * n is the domain, w its root of unity, g^2 = w, h the quotient (a b - c) / Z. The H query is multiplied by
 * (a b - c)(g w^i) = -2 h(g w^i), so M_i = -2 H_i is multiplied by h(g w^i). With the Lagrange basis l_j of the domain
 *
 *     sum_i h(g w^i) M_i = sum_j h(w^j) G_j,      G_j = sum_i l_j(g w^i) M_i
 *
 * On the domain, L'Hopital's rule gives h(w^j) = (w^j / n) (a_j b'(w^j) + b_j a'(w^j) - c'(w^j)). The first two terms
 * are zero where there is no row. The third term is linear in the wires, because c = C wires, so it is folded into L:
 *
 *     sum_j (w^j / n) c'(w^j) G_j = sum_m c_m K_m,      L'_i = L_i - sum_m C_mi K_m
 *
 * for every wire i, also those of the instance, which have no L_i. With T_k = sum_i w^(ik) M_i:
 *
 *     G_j = 1/n sum_k w^(-jk) g^k T_k,      K_m = 1/n^2 sum_k w^(-mk) k g^k T_k
 *
 * source  l_j(x) = 1/n sum_k (w^-j x)^k, and x c'(x) has the coefficients k c_k: docs/speed.md
 */
#ifndef RLN_GROTH16_FOLD_H
#define RLN_GROTH16_FOLD_H

#include "key.h"

/** g[j] = G_j for the rows j < constraints + instance, l[i] = L'_i for all wires; points may be infinity.
 *  needs   c: a matrix of the key's constraints and wires, canonical coefficients
 *  gives   0, or -1: no memory
 *  progress  NULL; or it rises from 0 to 700
 *  time    depends on the key and c, which are public */
RLN_MUST_USE int fold_key(g1_aff *g, g1_aff *l, const proving_key *k, const sparse *c, pool *threads,
                          uint32_t *progress);

#endif
