#include "chacha.h"

#include <string.h>

#include "bytes.h"
#include "ct.h"

#define DOUBLE_ROUNDS 10

static uint32_t rotate_left(uint32_t a, unsigned n) {
    return a << n | a >> (32 - n);
}

static void quarter_round(uint32_t s[16], int a, int b, int c, int d) {
    s[a] += s[b], s[d] = rotate_left(s[d] ^ s[a], 16);
    s[c] += s[d], s[b] = rotate_left(s[b] ^ s[c], 12);
    s[a] += s[b], s[d] = rotate_left(s[d] ^ s[a], 8);
    s[c] += s[d], s[b] = rotate_left(s[b] ^ s[c], 7);
}

/* source: Bernstein, ChaCha, a variant of Salsa20: the 64-bit counter in words 12, 13, the stream in 14, 15 */
static void next_block(chacha *c) {
    uint32_t start[16] = {0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u}; /* "expand 32-byte k" */
    uint32_t s[16];
    memcpy(start + 4, c->key, sizeof c->key);
    start[12] = (uint32_t)c->counter;
    start[13] = (uint32_t)(c->counter >> 32);
    memcpy(s, start, sizeof s);
    for (int i = 0; i < DOUBLE_ROUNDS; i++) {
        for (int j = 0; j < 4; j++) quarter_round(s, j, 4 + j, 8 + j, 12 + j);
        for (int j = 0; j < 4; j++) quarter_round(s, j, 4 + (j + 1) % 4, 8 + (j + 2) % 4, 12 + (j + 3) % 4);
    }
    for (int i = 0; i < 16; i++) c->block[i] = s[i] + start[i];
    c->counter++;
    c->used = 0;
    ct_wipe(start, sizeof start);
    ct_wipe(s, sizeof s);
}

static uint32_t next_u32(chacha *c) {
    if (c->used == 16) next_block(c);
    return c->block[c->used++];
}

void chacha_start(chacha *c, const uint8_t key[32]) {
    for (int i = 0; i < 8; i++) c->key[i] = bytes_u32_decode(key + 4 * i);
    c->counter = 0;
    c->used = 16;
}

uint64_t chacha_next_u64(chacha *c) {
    const uint64_t low = next_u32(c);
    return low | (uint64_t)next_u32(c) << 32;
}
