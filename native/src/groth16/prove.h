/* prove.h - a Groth16 proof: zerokit-spec 6. */
#ifndef RLN_GROTH16_PROVE_H
#define RLN_GROTH16_PROVE_H

#include "key.h"
#include "proof.h"

/** p = the one proof for (key, wires, r, s).
 *  needs   wires: key->wires of them, the first one 1. Whether they satisfy the constraints is not looked at
 *  gives   0, or -1: no memory, *p is then all zero
 *  time    depends on the wires, r and s; what depends on them is wiped */
RLN_MUST_USE int proof_create(proof *p, const proving_key *k, const fr *wires, const fr *r, const fr *s,
                              pool *threads);

#endif
