/* identity.h - who a member is: a secret scalar, and what it was made from.
 *
 * An identity lives in memory of mem_secret_new, is read-only after it was made, and holds its elements
 * canonical. Everything here is constant time in the secret, but that seeded generation shows how many
 * candidates it threw away.
 */
#ifndef RLN_RLN_IDENTITY_H
#define RLN_RLN_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "rln.h"
#include "../base/check.h"
#include "../math/types.h"

typedef struct rln_identity identity;

/** Bytes of entropy an element. */
#define IDENTITY_RANDOM 64

/** From IDENTITY_RANDOM bytes (twice as many, extended). RLN_ERR_ENTROPY when the halves of an element's bytes are
 *  equal, when both elements are the same, or the secret is zero; RLN_ERR_MEMORY. *r = NULL then. */
RLN_MUST_USE rln_status identity_from_random(identity **r, const uint8_t *random, int extended);
/** zerokit's seeded generation. RLN_ERR_MEMORY.
 *  source zerokit-spec 3.1 */
RLN_MUST_USE rln_status identity_from_seed(identity **r, const uint8_t *seed, size_t n, int extended);
/** A simple identity with this secret, loose. RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status identity_from_secret(identity **r, const fr *secret);
/** Wipe and free; NULL is allowed. */
void identity_free(identity *i);

const fr *identity_secret(const identity *i);
const fr *identity_commitment(const identity *i); /* Poseidon(secret), public */
int identity_is_extended(const identity *i);
/** Of an extended identity; zero in a simple one. */
const fr *identity_trapdoor(const identity *i);
const fr *identity_nullifier(const identity *i);

#endif
