/* prove.h - a Groth16 proof: zerokit-spec 6. */
#ifndef RLN_GROTH16_PROVE_H
#define RLN_GROTH16_PROVE_H

#include "key.h"
#include "proof.h"
#include "sums.h"

/* The values that depend on the known wires alone: partial.h makes them. */
typedef struct known {
    const uint8_t *mask;         /* a byte for each wire: 1 known, 0 not */
    g1_aff a, b1, c;             /* alpha + sum w_i A_i; beta + sum w_i B'_i; sum w_i L_i */
    g2_aff b;                    /* beta + sum w_i B_i in G2 */
    const fr *a_rows, *b_rows;   /* sum over the known wires of A_ij w_j and of B_ij w_j, for each constraint i */
    sparse a_rest, b_rest;       /* the matrices' entries at the other wires */
} known;

/** The rows of an assignment (qap.h). known = NULL: no wires are known.
 *  needs  a, b: room for domain values each, zeroed */
void proof_rows(fr *a, fr *b, const proving_key *k, const known *known, const fr *wires, pool *threads);

/** p = the proof with this quotient: see proof_create. */
RLN_MUST_USE int proof_assemble(proof *p, const bases *b, const known *known, const fr *wires, const u256 *quotient,
                                const fr *r, const fr *s, pool *threads);

/** p = the one proof for (key, wires, r, s).
 *  needs   wires: key->wires of them, the first one 1; if known is not NULL, the known wires have its values. Not
 *          checked: whether the wires satisfy the constraints
 *  gives   0, or -1: no memory, *p is then all zero
 *  time    depends on the wires, r and s; all data derived from them is wiped */
RLN_MUST_USE int proof_create(proof *p, const bases *b, const known *known, const fr *wires, const fr *r, const fr *s,
                              pool *threads);

#endif
