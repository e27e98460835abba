/* bytes.h - integers from and to bytes, little-endian, any alignment. */
#ifndef RLN_BASE_BYTES_H
#define RLN_BASE_BYTES_H

#include <stdint.h>

static inline uint64_t bytes_u64_decode(const uint8_t a[8]) {
    uint64_t r = 0;
    for (int i = 7; i >= 0; i--) r = r << 8 | a[i];
    return r;
}

static inline void bytes_u64_encode(uint8_t r[8], uint64_t a) {
    for (int i = 0; i < 8; i++) r[i] = (uint8_t)(a >> (8 * i));
}

static inline uint32_t bytes_u32_decode(const uint8_t a[4]) {
    return (uint32_t)a[0] | (uint32_t)a[1] << 8 | (uint32_t)a[2] << 16 | (uint32_t)a[3] << 24;
}

static inline void bytes_u32_encode(uint8_t r[4], uint32_t a) {
    for (int i = 0; i < 4; i++) r[i] = (uint8_t)(a >> (8 * i));
}

#endif
