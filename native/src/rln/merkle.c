#include "merkle.h"

#include "../engine/engine.h"
#include "../math/mont_portable.h"
#include "../math/fr.h"

void merkle_climb(fr *node, const fr *sibling, uint8_t right) {
    const uint64_t mask = 0 - (uint64_t)(right & 1);
    fr pair[2];
    fr_select(&pair[0], mask, sibling, node);
    fr_select(&pair[1], mask, node, sibling);
    engine_get()->poseidon_hash_many(node, pair, 2, 1, NULL);
}
