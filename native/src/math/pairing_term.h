/* pairing_term.h - the terms of a product of pairings. */
#ifndef RLN_MATH_PAIRING_TERM_H
#define RLN_MATH_PAIRING_TERM_H

#include "types.h"

/* The lines of one Miller loop with a fixed G2 point; pairing_prepare makes them. */
typedef struct g2_lines g2_lines;

/* One factor e(p, q) of a product. lines, if not NULL, replaces q. */
typedef struct pairing_term {
    g1_aff p;
    g2_aff q;
    const g2_lines *lines;
} pairing_term;

#endif
