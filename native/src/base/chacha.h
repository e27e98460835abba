/* chacha.h - the ChaCha20 keystream that zerokit's seeded key generation draws from (zerokit-spec 3.1):
 * 64-bit block counter from 0, 64-bit stream 0. Constant time in the key. Not for encryption. */
#ifndef RLN_BASE_CHACHA_H
#define RLN_BASE_CHACHA_H

#include <stdint.h>

typedef struct chacha {
    uint32_t key[8];
    uint64_t counter;
    uint32_t block[16];
    unsigned used; /* words of block that were returned; 16: none left */
} chacha;

void chacha_start(chacha *c, const uint8_t key[32]);
/** The next two words, low word first. */
uint64_t chacha_next_u64(chacha *c);

#endif
