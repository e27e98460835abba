/* identity.h - an identity: the secret scalar, and what it was made from.
 *
 * An identity is in memory of mem_secret_new and is read-only after creation; its elements are canonical.
 * Everything here is constant time in the secret, except that seeded generation shows how many candidates it
 * discarded.
 */
#ifndef RLN_RLN_IDENTITY_H
#define RLN_RLN_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "rln.h"
#include "../base/check.h"
#include "../math/types.h"

typedef struct rln_identity identity;

/** Bytes of entropy for each element. */
#define IDENTITY_RANDOM 64

/** From IDENTITY_RANDOM bytes (extended: twice as many). RLN_ERR_ENTROPY if the halves of an element's bytes are equal,
 *  both elements are the same, or the secret is zero; RLN_ERR_MEMORY. On failure *r = NULL. */
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
/** Of an extended identity; zero for a simple one. */
const fr *identity_trapdoor(const identity *i);
const fr *identity_nullifier(const identity *i);

#endif
