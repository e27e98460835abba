/* key.h - the two halves of a Groth16 key, in the form that proving and verifying need.
 *
 * Letters are those of Groth 2016. The queries A, B, H, L are points that the prover multiplies by the assignment
 * (the wires; the first one is the constant 1) or by the quotient; the verifier uses the points IC. Points are affine
 * and canonical, in Montgomery form. A query stores only its finite points, those that are not infinity: a third of the
 * points of B are infinity.
 *
 * The numbers of the domain: instance = public inputs + 1; the rows [constraints, constraints + instance) bind the
 * instance to A and are not stored, because they follow from the numbers; domain is the smallest power of two with room
 * for both. Every key satisfies all of this, and every point of it has been checked to be on its curve and in the
 * subgroup. A key is read-only after creation.
 */
#ifndef RLN_GROTH16_KEY_H
#define RLN_GROTH16_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "rln.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../base/pool.h"
#include "../engine/engine.h"
#include "../math/types.h"

/* The coset needs a root of unity of twice the order, and 2^28 is the largest power of two in r - 1. */
#define KEY_LOG_DOMAIN_MAX 27

/* The positions of the points of a query: finite of count are not infinity, and place[i] is the position of the i-th of
 * these. The points themselves are in the key, g1 or g2. */
typedef struct query {
    size_t count;
    size_t finite;
    uint32_t *place;
} query;

/* Row i has the entries [start[i], start[i + 1]). */
typedef struct sparse {
    size_t rows;
    size_t entries;
    uint32_t *start;
    uint32_t *column;
    fr *coefficient;
} sparse;

typedef struct rln_verifying_key {
    mem memory;
    g1_aff alpha_g1;
    g2_aff beta_g2, gamma_g2, delta_g2;
    size_t instance; /* points in ic */
    g1_aff *ic;
    g1_aff *ic_table; /* of g1_comb_sum_var; NULL if there are more than COMB_MOST points */
    fp12 alpha_beta; /* e(alpha, beta) */
    g2_lines *beta_lines, *gamma_lines, *delta_lines;
} verifying_key;

/* The numbers that give the size of a proving key. */
typedef struct key_shape {
    size_t wires, instance, constraints;
    size_t a_finite, b1_finite, b2_finite, h_finite, l_finite;
    size_t a_entries, b_entries;
} key_shape;

typedef struct rln_proving_key {
    mem memory;
    size_t wires, instance, constraints, domain;
    unsigned log_domain;
    g1_aff alpha_g1, beta_g1, delta_g1;
    g2_aff beta_g2, gamma_g2, delta_g2;
    g1_aff *ic; /* instance */
    query a, b1, b2, h, l;
    /* A proof is three sums; the points of each are in one array (sums.h has their scalars). */
    g1_aff *a_points; /* A, then alpha_g1, delta_g1 */
    g2_aff *b_points; /* B in G2, then beta_g2, delta_g2 */
    g1_aff *c_points; /* H, L, B in G1, then beta_g1 */
    sparse a_matrix, b_matrix;
    ntt_domain ntt;
} proving_key;

/** The places in c_points where H, L and B1 begin. */
static inline g1_aff *key_h_points(const proving_key *k) {
    return k->c_points;
}
static inline g1_aff *key_l_points(const proving_key *k) {
    return k->c_points + k->h.finite;
}
static inline g1_aff *key_b1_points(const proving_key *k) {
    return k->c_points + k->h.finite + k->l.finite;
}

/** log2 of the smallest power of two >= constraints + instance; -1 if it is above KEY_LOG_DOMAIN_MAX. */
int key_log_domain(uint64_t constraints, uint64_t instance);

/** A new key with room for its parts, which are all zero, and with the tables of its domain. NULL: no memory.
 *  needs  consistent numbers, already checked against the length of the file or of the matrices */
proving_key *proving_key_new(const key_shape *shape);
/** Wipe and free. NULL is allowed. */
void proving_key_free(proving_key *k);
/** Put alpha, beta and delta after the points of the queries, where the sums of a proof expect them. Then check the
 *  parts that a verifying key shares: RLN_ERR_KEY as in verifying_key_lint. */
RLN_MUST_USE rln_status proving_key_finish(proving_key *k, rln_fault *fault);
/** Check that all points of the key are on their curves and in the subgroups; RLN_ERR_POINT names the first that is
 *  not. */
RLN_MUST_USE rln_status proving_key_check_points(const proving_key *k, pool *threads, rln_fault *fault);

/** *r = the verifying key. RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status proving_key_verifying_key(const proving_key *k, verifying_key **r);

/** From and to zerokit's .arkzkey. See rln_proving_key_load for the checks. */
RLN_MUST_USE rln_status key_ark_decode(proving_key **r, const uint8_t *data, size_t data_len, pool *threads,
                                       rln_fault *fault);
size_t key_ark_size(const proving_key *k);
void key_ark_encode(const proving_key *k, uint8_t *r);
/** From and to snarkjs's .zkey. */
RLN_MUST_USE rln_status key_zkey_decode(proving_key **r, const uint8_t *data, size_t data_len, pool *threads,
                                        rln_fault *fault);
size_t key_zkey_size(const proving_key *k);
void key_zkey_encode(const proving_key *k, uint8_t *r);

/** Check that the key belongs to its own verifying key: threats D5. random: 16 bytes for each wire, and 16 more.
 *  RLN_ERR_KEY names the part; RLN_ERR_ENTROPY if two coefficients are equal or one is 0. */
RLN_MUST_USE rln_status proving_key_check(const proving_key *k, const uint8_t *random, pool *threads, rln_fault *fault);

/** A new verifying key with room for instance points, all zero. NULL: no memory. */
verifying_key *verifying_key_new(size_t instance);
void verifying_key_free(verifying_key *k);
/** Compute the values that all verifications share. RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status verifying_key_prepare(verifying_key *k);
/** Refuse what makes any verifying key unsound: a point at infinity (except IC 0), delta = +-gamma. */
RLN_MUST_USE rln_status verifying_key_lint(const g1_aff *alpha, const g2_aff *beta, const g2_aff *gamma,
                                           const g2_aff *delta, const g1_aff *ic, size_t instance, rln_fault *fault);
RLN_MUST_USE rln_status verifying_key_decode(verifying_key **r, const uint8_t *data, size_t data_len, int compressed,
                                             rln_fault *fault);
size_t verifying_key_size(const verifying_key *k, int compressed);
void verifying_key_encode(const verifying_key *k, int compressed, uint8_t *r);

#endif
