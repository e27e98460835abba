/* keccak.h - Keccak-256 with the original padding 0x01 (not SHA3-256). Constant time in the bytes of the message. */
#ifndef RLN_BASE_KECCAK_H
#define RLN_BASE_KECCAK_H

#include <stddef.h>
#include <stdint.h>

/** r = Keccak-256 of n bytes. source: the Keccak reference, rate 1088, capacity 512. */
void keccak256(uint8_t r[32], const uint8_t *m, size_t n);

#endif
