/* key_file.h - what .arkzkey and .zkey have in common: the same parts, differently packed.
 *
 * A format's reader finds the parts in the file (each pointer has the bytes that the numbers ask for behind
 * it), then key_file_load makes the key and reads its points; the reader adds the matrices and ends with
 * key_file_finish. Nothing is allocated before the numbers have been held against the file's length.
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

/** Do the numbers hold together (key.h)? RLN_ERR_FORMAT names the one that does not. */
RLN_MUST_USE rln_status key_file_examine(const key_file *f, rln_fault *fault);

/** A key with the file's points, their form checked. Examines the numbers first. */
RLN_MUST_USE rln_status key_file_load(proving_key **r, const key_file *f, rln_fault *fault);

/** The rest of the checks, after the matrices are in place: curve, subgroups, a sound verifying key. */
RLN_MUST_USE rln_status key_file_finish(proving_key *k, pool *threads, rln_fault *fault);

#endif
