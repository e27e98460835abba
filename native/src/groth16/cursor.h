/* cursor.h - reading untrusted bytes from the front, never past their end. */
#ifndef RLN_GROTH16_CURSOR_H
#define RLN_GROTH16_CURSOR_H

#include <stddef.h>
#include <stdint.h>

#include "../base/bytes.h"
#include "../base/check.h"

typedef struct cursor {
    const uint8_t *at;
    size_t left;
} cursor;

/** The next n bytes, or NULL when fewer are left; the cursor then stays. */
static inline const uint8_t *cursor_take(cursor *c, uint64_t n) {
    const uint8_t *r = c->at;
    if (n > c->left) return NULL;
    c->at += n;
    c->left -= n;
    return r;
}

/** The next integer: 0, or -1 and *r = 0. */
RLN_MUST_USE static inline int cursor_u32(cursor *c, uint32_t *r) {
    const uint8_t *a = cursor_take(c, 4);
    *r = a ? bytes_u32_decode(a) : 0;
    return a ? 0 : -1;
}

RLN_MUST_USE static inline int cursor_u64(cursor *c, uint64_t *r) {
    const uint8_t *a = cursor_take(c, 8);
    *r = a ? bytes_u64_decode(a) : 0;
    return a ? 0 : -1;
}

/** count entries of size bytes, or NULL when fewer are left: no product can overflow. */
static inline const uint8_t *cursor_take_many(cursor *c, uint64_t count, size_t size) {
    return count > c->left / size ? NULL : cursor_take(c, count * size);
}

#endif
