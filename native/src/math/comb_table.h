/* comb_table.h - the size of the tables of comb.h: 44 KiB for each point. */
#ifndef RLN_MATH_COMB_TABLE_H
#define RLN_MATH_COMB_TABLE_H

#define COMB_BITS 6
/* The windows of a part of a scalar, below 2^127. */
#define COMB_WINDOWS 22
#define COMB_MULTIPLES 32
/* The points in the table of one point. */
#define COMB_POINTS (COMB_WINDOWS * COMB_MULTIPLES)
/* The most points of one sum. */
#define COMB_MOST 8

#endif
