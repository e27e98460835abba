#include "merkle.h"

#include "../base/ct.h"
#include "../engine/engine.h"

void merkle_climb(uint8_t r[32], const uint8_t node[32], const uint8_t sibling[32], uint8_t right) {
    const uint64_t mask = 0 - (uint64_t)(right & 1);
    uint8_t pair[64];
    for (int i = 0; i < 32; i++) {
        pair[i] = (uint8_t)ct_select(mask, sibling[i], node[i]);
        pair[32 + i] = (uint8_t)ct_select(mask, node[i], sibling[i]);
    }
    engine_get()->poseidon_hash_many(r, pair, 2, 1, NULL);
}
