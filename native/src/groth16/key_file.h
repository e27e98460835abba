/* key_file.h - the common part of .arkzkey and .zkey, which hold the same parts in different layouts.
 *
 * The reader of a format finds the parts in the file: after each pointer there are as many bytes as the numbers
 * require. Then key_file_load makes the key and reads its points; the reader adds the matrices and calls
 * key_file_finish. Nothing is allocated before the numbers are checked against the length of the file.
 */
#ifndef RLN_GROTH16_KEY_FILE_H
#define RLN_GROTH16_KEY_FILE_H

#include "points.h"

typedef struct key_file {
    point_form form;
    uint64_t wires, instance, constraints, domain;
    uint64_t a_entries, b_entries;
    const uint8_t *alpha_g1, *beta_g1, *beta_g2, *gamma_g2, *delta_g1, *delta_g2;
    const uint8_t *ic; /* instance points */
    const uint8_t *a, *b1, *b2; /* wires */
    const uint8_t *h; /* domain */
    const uint8_t *l; /* wires - instance */
} key_file;

/** Check that the numbers are consistent (key.h). RLN_ERR_FORMAT names the first that is not. */
RLN_MUST_USE rln_status key_file_examine(const key_file *f, rln_fault *fault);

/** Make a key with the points of the file. Checks the numbers first, then the form of the points. */
RLN_MUST_USE rln_status key_file_load(proving_key **r, const key_file *f, rln_fault *fault);

/** Make the other checks, after the matrices have been read: curves, subgroups, a sound verifying key. */
RLN_MUST_USE rln_status key_file_finish(proving_key *k, pool *threads, rln_fault *fault);

#endif
