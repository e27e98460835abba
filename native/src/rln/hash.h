/* hash.h - one Poseidon hash of field elements, on the chosen engine. */
#ifndef RLN_RLN_HASH_H
#define RLN_RLN_HASH_H

#include <stddef.h>

#include "../math/types.h"

/** r = Poseidon(in[0..arity)).
 *  needs  1 <= arity <= 8, in loose
 *  gives  r canonical
 *  alias  r may be one of in
 *  time   constant in the values, not in arity */
void hash_elements(fr *r, const fr *in, size_t arity);

#endif
