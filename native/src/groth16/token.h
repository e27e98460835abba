/* token.h - a proof of which one public input x is still open.
 *
 * Every wire is affine in x, hence so are A and B, and the quotient is quadratic in it:
 *
 *     A(x) = A0 + x A1,   B(x) = B0 + x B1,   C(x) = C0 + x C1 + x^2 C2
 *
 * A0, B0, C0 are the proof for x = 0. A token is a secret; it serves once, for two proofs with the same blinders tell
 * more than they should.
 */
#ifndef RLN_GROTH16_TOKEN_H
#define RLN_GROTH16_TOKEN_H

#include <stdatomic.h>
#include <sys/types.h>

#include "partial.h"

/* Lies in secret memory: mem_secret_new. A forked child, which would be a second user, finds it spent. */
typedef struct rln_token {
    atomic_flag spent;
    pid_t process;
    g1_aff a[2], c[3];
    g2_aff b[2];
} token;

/** From the assignments for x = 0 and x = 1, equal in the known wires of the partial. RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status token_new(token **r, const partial *p, const fr *zero, const fr *one, const fr *blind_r,
                                  const fr *blind_s, pool *threads);
/** 0 for the one caller that may use the token, -1 for all others and in all other processes. */
RLN_MUST_USE int token_claim(token *t);
/** p = the proof for x; 0, or -1: no memory. The points in t are gone either way.
 *  needs  token_claim gave 0 */
RLN_MUST_USE int token_publish(proof *p, token *t, const fr *x);
/** The points in t are gone. needs token_claim gave 0. */
void token_wipe(token *t);
/** Wipe and free. NULL is allowed. */
void token_free(token *t);

#endif
