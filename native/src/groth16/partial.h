/* partial.h - the part of a proof that depends only on the known wires: the sums over these wires, and their
 * contribution to the rows.
 *
 * zerokit's form of a partial proof (zerokit-spec 6.1 and 7.5), which holds no values:
 *     u64 count, a byte 0 or 1 for each wire but wire 0, pi_a (32), rho (32), pi_b (64), pi_c (32), compressed
 * pi_a, rho, pi_b are the sums of A, B in G1 and B in G2 with alpha and beta; pi_c is the sum of the key's L, not
 * folded.
 */
#ifndef RLN_GROTH16_PARTIAL_H
#define RLN_GROTH16_PARTIAL_H

#include "prove.h"

typedef struct rln_partial {
    mem memory;
    bases bases;
    known known;
    uint8_t *mask;
    void *secret; /* holds the three below; the sums in known are wiped with this struct */
    fr *values;   /* wires; zero where not known */
    fr *a_rows, *b_rows;
} partial;

/** Make a partial from the values of the marked wires. mask holds a byte, 0 or 1, for each wire; mask[0] = 1.
 *  RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status partial_new(partial **r, const bases *b, const fr *wires, const uint8_t *mask, pool *threads);
/** Make a partial with the same marks and the values in wires. The cost depends on how many values changed.
 *  RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status partial_update(partial **r, const partial *p, const fr *wires, pool *threads);
/** Wipe and free. NULL is allowed. */
void partial_free(partial *p);
/** The first known wire whose value in wires differs; the number of wires if none differs. */
size_t partial_differs(const partial *p, const fr *wires);

/** The number of bytes that encode writes. */
size_t partial_size(const proving_key *k);
/** Write zerokit's form. RLN_ERR_MEMORY; r is then all zero. */
RLN_MUST_USE rln_status partial_encode(uint8_t *r, const partial *p, pool *threads);
/** Untrusted bytes, and the values of the known wires -> partial. The points are computed from the values and compared
 *  with those in data: no cheaper check shows that they belong to the values. RLN_ERR_LENGTH, RLN_ERR_FORMAT
 *  (count or a mark) and RLN_ERR_POINT (a point differs) name the part; RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status partial_decode(partial **r, const bases *b, const fr *wires, const uint8_t *data,
                                       size_t data_len, pool *threads, rln_fault *fault);

#endif
