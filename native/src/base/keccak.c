#include "keccak.h"

#include "bytes.h"
#include "ct.h"

#define RATE 136 /* (1600 - 2 * 256) / 8 bytes */
#define ROUNDS 24

/* Bit 2^j - 1 of iota's constant for round i is output 7 i + j of the LFSR x^8 + x^6 + x^5 + x^4 + 1.
 * source: the Keccak reference 3.0, section 1.2; tests/unit/lowlevel/test_hashes.py derives them again */
static const uint64_t IOTA[ROUNDS] = {
    /* clang-format off */
    0x0000000000000001u, 0x0000000000008082u, 0x800000000000808au, 0x8000000080008000u,
    0x000000000000808bu, 0x0000000080000001u, 0x8000000080008081u, 0x8000000000008009u,
    0x000000000000008au, 0x0000000000000088u, 0x0000000080008009u, 0x000000008000000au,
    0x000000008000808bu, 0x800000000000008bu, 0x8000000000008089u, 0x8000000000008003u,
    0x8000000000008002u, 0x8000000000000080u, 0x000000000000800au, 0x800000008000000au,
    0x8000000080008081u, 0x8000000000008080u, 0x0000000080000001u, 0x8000000080008008u,
    /* clang-format on */
};

static uint64_t rotate_left(uint64_t a, unsigned n) {
    return n ? a << n | a >> (64 - n) : a;
}

/* Lane (x, y) is a[x + 5 y]. */
static void permute(uint64_t a[25]) {
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t c[5], b[25];
        for (int x = 0; x < 5; x++) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (int x = 0; x < 5; x++) {
            const uint64_t d = c[(x + 4) % 5] ^ rotate_left(c[(x + 1) % 5], 1);
            for (int y = 0; y < 5; y++) a[x + 5 * y] ^= d;
        }
        /* rho, pi: the walk (x, y) -> (y, 2 x + 3 y) from (1, 0) rotates its step t by (t+1)(t+2)/2 */
        b[0] = a[0];
        for (int t = 0, x = 1, y = 0; t < 24; t++) {
            const int next = (2 * x + 3 * y) % 5;
            b[y + 5 * next] = rotate_left(a[x + 5 * y], (unsigned)((t + 1) * (t + 2) / 2 % 64));
            x = y;
            y = next;
        }
        for (int y = 0; y < 5; y++)
            for (int x = 0; x < 5; x++)
                a[x + 5 * y] = b[x + 5 * y] ^ (~b[(x + 1) % 5 + 5 * y] & b[(x + 2) % 5 + 5 * y]);
        a[0] ^= IOTA[round];
    }
}

static void absorb(uint64_t a[25], const uint8_t block[RATE]) {
    for (int i = 0; i < RATE / 8; i++) a[i] ^= bytes_u64_decode(block + 8 * i);
    permute(a);
}

void keccak256(uint8_t r[32], const uint8_t *m, size_t n) {
    uint64_t a[25] = {0};
    uint8_t last[RATE] = {0};
    for (; n >= RATE; m += RATE, n -= RATE) absorb(a, m);
    if (n) memcpy(last, m, n);
    last[n] = 0x01;
    last[RATE - 1] |= 0x80;
    absorb(a, last);
    for (int i = 0; i < 4; i++) bytes_u64_encode(r + 8 * i, a[i]);
    ct_wipe(a, sizeof a);
    ct_wipe(last, sizeof last);
}
