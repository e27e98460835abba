#include "hash.h"

#include "../engine/engine.h"
#include "../math/mont_portable.h"
#include "../math/fr.h"

void hash_elements(fr *r, const fr *in, size_t arity) {
    uint8_t bytes[32 * 8], digest[32];
    RLN_CHECK(arity >= 1 && arity <= 8);
    for (size_t i = 0; i < arity; i++) fr_encode(bytes + 32 * i, &in[i]);
    engine_get()->poseidon_hash_many(digest, bytes, arity, 1, NULL);
    const int refused = fr_decode(r, digest);
    RLN_CHECK(refused == 0);
    (void)refused;
    fr_canonical(r, r);
    ct_wipe(bytes, sizeof bytes);
    ct_wipe(digest, sizeof digest);
}
