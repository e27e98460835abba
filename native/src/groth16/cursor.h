/* cursor.h - a cursor over untrusted bytes: it reads from the front, never past the end. */
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

/** The next n bytes; NULL, with the cursor unchanged, if fewer are left. */
static inline const uint8_t *cursor_take(cursor *c, uint64_t n) {
    const uint8_t *r = c->at;
    if (n > c->left) return NULL;
    c->at += n;
    c->left -= n;
    return r;
}

/** *r = the next integer. Returns 0; or -1, with *r = 0, if too few bytes are left. */
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

/** The next count entries of size bytes each; NULL if fewer are left. No product can overflow. */
static inline const uint8_t *cursor_take_many(cursor *c, uint64_t count, size_t size) {
    return count > c->left / size ? NULL : cursor_take(c, count * size);
}

#endif
