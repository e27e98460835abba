/* pairing_term.h - what a product of pairings is made of. */
#ifndef RLN_MATH_PAIRING_TERM_H
#define RLN_MATH_PAIRING_TERM_H

#include "types.h"

/* The lines of one Miller loop whose G2 point is known beforehand; made by pairing_prepare. */
typedef struct g2_lines g2_lines;

/* One factor e(p, q) of a product. lines, when not NULL, stands for q. */
typedef struct pairing_term {
    g1_aff p;
    g2_aff q;
    const g2_lines *lines;
} pairing_term;

#endif
