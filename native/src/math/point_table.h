/* point_table.h - multiples of fixed points, shared by the sums that use them and the engine's table. */
#ifndef RLN_MATH_POINT_TABLE_H
#define RLN_MATH_POINT_TABLE_H

#include <stddef.h>

#include "types.h"

/* 2^(bits w) P_i is at i * windows + w, for i < n and w < windows; affine and canonical. bits * windows > 254, so a
 * scalar below r has no carry out of its last signed digit. */
typedef struct g1_table {
    const g1_aff *multiples;
    size_t n;
    unsigned bits, windows;
} g1_table;

typedef struct g2_table {
    const g2_aff *multiples;
    size_t n;
    unsigned bits, windows;
} g2_table;

#endif
