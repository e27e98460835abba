/* protobuf.h - reading the protobuf wire format from untrusted bytes.
 *
 * A span is what is left to read. Every function returns 0, or -1 with unspecified outputs. Bounds are
 * differences (n > left), never sums, so no length can wrap. One value has one encoding: a varint with
 * redundant bytes is an error, and so is a field that is not in the message's list or occurs twice.
 *
 * source  protobuf encoding: key = field number * 8 + wire type, 0 varint, 2 length and bytes
 */
#ifndef RLN_RLN_PROTOBUF_H
#define RLN_RLN_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "../base/check.h"

#define PROTOBUF_VARINT(field) ((field) << 3)
#define PROTOBUF_BYTES(field) ((field) << 3 | 2)

typedef struct span {
    const uint8_t *at;
    size_t left;
} span;

/** r = the next n bytes. */
RLN_MUST_USE static inline int span_take(span *s, span *r, uint64_t n) {
    if (n > s->left) return -1;
    *r = (span){s->at, (size_t)n};
    s->at += n;
    s->left -= (size_t)n;
    return 0;
}

/** r = the next varint, at most max. Ten bytes hold 70 bits, so the tenth may hold only the 64th bit. */
RLN_MUST_USE static inline int span_varint(span *s, uint64_t *r, uint64_t max) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < s->left; i++) {
        const uint8_t byte = s->at[i];
        if (i == 9 && byte > 1) return -1;
        value |= (uint64_t)(byte & 127) << (7 * i);
        if (byte & 128) continue;
        if ((i && byte == 0) || value > max) return -1;
        s->at += i + 1;
        s->left -= i + 1;
        *r = value;
        return 0;
    }
    return -1;
}

/** r = the bytes after the next length. */
RLN_MUST_USE static inline int span_bytes(span *s, span *r) {
    uint64_t n;
    return span_varint(s, &n, SIZE_MAX) ? -1 : span_take(s, r, n);
}

/** The key of the next field. */
RLN_MUST_USE static inline int protobuf_key(span *s, uint32_t *key) {
    uint64_t value;
    if (span_varint(s, &value, UINT32_MAX)) return -1;
    *key = (uint32_t)value;
    return 0;
}

/** A message of the u32 fields 1 .. count (at most 31), in any order; an absent field is 0. */
RLN_MUST_USE static inline int protobuf_words(span message, uint32_t *r, uint32_t count) {
    uint32_t seen = 0, key;
    for (uint32_t i = 0; i < count; i++) r[i] = 0;
    while (message.left) {
        uint64_t value;
        if (protobuf_key(&message, &key) || span_varint(&message, &value, UINT32_MAX)) return -1;
        const uint32_t field = key >> 3;
        if (key != PROTOBUF_VARINT(field) || field < 1 || field > count || seen >> field & 1) return -1;
        seen |= (uint32_t)1 << field;
        r[field - 1] = (uint32_t)value;
    }
    return 0;
}

/** A message of one field of bytes, number 1. If it is absent, *present = 0 and r is empty. */
RLN_MUST_USE static inline int protobuf_single(span message, span *r, int *present) {
    uint32_t key;
    *present = message.left != 0;
    *r = (span){message.at, 0};
    if (!*present) return 0;
    return protobuf_key(&message, &key) || key != PROTOBUF_BYTES(1) || span_bytes(&message, r) || message.left ? -1 : 0;
}

#endif
