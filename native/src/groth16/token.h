/* token.h - a proof that lacks only one public input, x.
 *
 * Every wire is affine in x, so A and B are too, and the quotient is quadratic in x:
 *
 *     A(x) = A0 + x A1,   B(x) = B0 + x B1,   C(x) = C0 + x C1 + x^2 C2
 *
 * A0, B0, C0 are the proof for x = 0. A token is secret. It is used once: if two proofs have the same blinders r
 * and s, these cancel in the differences of A and of B, so together the proofs are not zero-knowledge.
 */
#ifndef RLN_GROTH16_TOKEN_H
#define RLN_GROTH16_TOKEN_H

#include <stdatomic.h>
#include <sys/types.h>

#include "partial.h"

/* Stored in secret memory: mem_secret_new. In a forked child, which would be a second user, it is spent. */
typedef struct rln_token {
    atomic_flag spent;
    pid_t process;
    g1_aff a[2], c[3];
    g2_aff b[2];
} token;

/** Make a token from the assignments for x = 0 and x = 1, which are equal in the known wires of the partial.
 *  RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status token_new(token **r, const partial *p, const fr *zero, const fr *one, const fr *blind_r,
                                  const fr *blind_s, pool *threads);
/** Returns 0 to the one caller that may use the token, -1 to all others and in other processes. */
RLN_MUST_USE int token_claim(token *t);
/** p = the proof for x. Returns 0; or -1: no memory. Wipes the points in t in both cases.
 *  needs  token_claim returned 0 */
RLN_MUST_USE int token_publish(proof *p, token *t, const fr *x);
/** Wipe the points in t.
 *  needs  token_claim returned 0 */
void token_wipe(token *t);
/** Wipe and free. NULL is allowed. */
void token_free(token *t);

#endif
