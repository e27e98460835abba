/* qap.h - from an assignment to the values that meet the H query (zerokit-spec 6, steps 1 to 4). */
#ifndef RLN_GROTH16_QAP_H
#define RLN_GROTH16_QAP_H

#include "key.h"

/** h[i] = a b - c at the i-th point of the odd coset, i < domain; canonical.
 *  needs   wires: key->wires of them, the first one 1; h room for key->domain
 *  gives   0, or -1: no memory
 *  time    depends on the key alone; what depends on the wires is wiped */
RLN_MUST_USE int qap_quotient(fr *h, const proving_key *k, const fr *wires, pool *threads);

#endif
