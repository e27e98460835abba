/* tables.h - multiples of a key's points, in one buffer that can be a mapped file.
 *
 *   header      128 bytes: MAGIC of tables.c; 4 bytes that mark the byte order of the points; then the sizes of the key
 *               and of the tables, in numbers of 4 bytes, little-endian. Written last: a buffer without it holds no
 *               tables
 *   A           the list of A: the query's finite points, alpha, delta
 *   C           folded: G (fold.h) for the rows, L' for all wires; else: H and L; then B in G1, and beta
 *   B           the list of B in G2: the query's finite points, beta, delta
 *
 * Multiples are as in math/point_table.h, in the machine's own byte order. If the buffer is aligned to 64 bytes, each
 * list is too.
 */
#ifndef RLN_GROTH16_TABLES_H
#define RLN_GROTH16_TABLES_H

#include "key.h"

/* The bits of a window, and the windows that a scalar of 254 bits and its sign need. */
#define TABLES_G1_BITS 15
#define TABLES_G1_WINDOWS 17
#define TABLES_G2_BITS 13
#define TABLES_G2_WINDOWS 20

#define TABLES_ALIGNMENT 64
#define TABLES_HEADER_BYTES 128

typedef struct rln_tables {
    mem memory;
    const proving_key *key;
    g1_table a, c;
    g2_table b;
    const fr *factors; /* qap.h; NULL: not folded */
} tables;

/** The number of bytes of the tables of a key. */
size_t tables_size(const proving_key *k, int folded);
/** Fill r, tables_size bytes.
 *  needs  c NULL (not folded) or a matrix of the key's constraints and wires; r aligned
 *  gives  0; or -1: no memory, and r holds no tables
 *  progress  NULL; or it rises from 0 to 1000 */
RLN_MUST_USE int tables_build(uint8_t *r, const proving_key *k, const sparse *c, pool *threads, uint32_t *progress);
/** Open the tables in data, which is not copied. RLN_ERR_FORMAT: data holds no tables; RLN_ERR_LENGTH;
 *  RLN_ERR_PARAMETER: alpha, beta or delta are those of another key; RLN_ERR_MEMORY.
 *  needs  data aligned */
RLN_MUST_USE rln_status tables_open(tables **r, const proving_key *k, const uint8_t *data, size_t data_len,
                                    rln_fault *fault);
/** NULL is allowed. */
void tables_free(tables *t);

#endif
