/* engine.h - the table of kernels, functions that do a whole job each, and the choice of a table.
 *
 * The floors groth16, rln and api use fast arithmetic through this table only, and do not depend on the processor.
 * Engines agree bit for bit on every entry. A job that returns int returns 0, or -1 if there is no memory; outputs are
 * then unspecified. The time of a _var job depends on all its values.
 */
#ifndef RLN_ENGINE_ENGINE_H
#define RLN_ENGINE_ENGINE_H

#include <stddef.h>

#include "rln.h"
#include "../base/mem.h"
#include "../base/pool.h"
#include "../math/comb_table.h"
#include "../math/ntt_domain.h"
#include "../math/pairing_term.h"
#include "../math/point_table.h"
#include "../math/types.h"
#include "cpu.h"

typedef struct engine {
    const char *name;
    int (*supported)(void);

    /* Hash i, i < n, is Poseidon(in i * arity, ..): input and output scalars have 32 bytes, little-endian,
     * canonical. r and in do not overlap. Constant time. */
    void (*poseidon_hash_many)(uint8_t *r, const uint8_t *in, size_t arity, size_t n, pool *threads);

    /* Transform a (n values, natural order) in place: from the coefficients of a polynomial to its values on <w>;
     * inverse: back. */
    void (*ntt)(fr *a, const ntt_domain *domain, int inverse, pool *threads);
    /* Replace a, the values on <w> of the polynomial with coefficients c[i], by the values on <w> of the polynomial
     * with coefficients n factors[i] c[i]. Natural order, in place, canonical. With domain->shifts as factors: the
     * values on the coset g<w>. */
    void (*ntt_scaled)(fr *a, const ntt_domain *domain, const fr *factors, pool *threads);

    /* r = sum k[i] p[i]; points may be infinity, repeated, opposite; scalars any integer < r (not Montgomery). */
    int (*g1_msm_var)(g1_jac *r, const g1_aff *p, const u256 *k, size_t n, pool *threads);
    int (*g2_msm_var)(g2_jac *r, const g2_aff *p, const u256 *k, size_t n, pool *threads);
    /* Tables: see math/point_table.h. r has room for n * windows multiples. k[i] multiplies point which[i] of the
     * table, or point i if which is NULL. */
    int (*g1_table_fill_var)(g1_aff *r, const g1_aff *p, size_t n, unsigned bits, unsigned windows, pool *threads);
    int (*g2_table_fill_var)(g2_aff *r, const g2_aff *p, size_t n, unsigned bits, unsigned windows, pool *threads);
    int (*g1_table_msm_var)(g1_jac *r, const g1_table *table, const uint32_t *which, const u256 *k, size_t n,
                            pool *threads);
    int (*g2_table_msm_var)(g2_jac *r, const g2_table *table, const uint32_t *which, const u256 *k, size_t n,
                            pool *threads);
    /* r[i] = k[i] p[i], each k[i] < 2^bits. */
    int (*g1_mul_each_var)(g1_aff *r, const g1_aff *p, const u256 *k, size_t n, unsigned bits, pool *threads);
    /* As ntt, for points: a[i] becomes sum_j w^(ij) a[j]; inverse: back. */
    int (*g1_ntt_var)(g1_aff *a, const ntt_domain *domain, int inverse, pool *threads);
    /* r[i] = k[i] base: many scalars, one point (for setup). */
    int (*g1_mul_many_var)(g1_aff *r, const g1_aff *base, const u256 *k, size_t n, pool *threads);
    int (*g2_mul_many_var)(g2_aff *r, const g2_aff *base, const u256 *k, size_t n, pool *threads);

    /* Tables of few fixed points, COMB_POINTS multiples each: see math/comb.h; r = sum k[i] p[i], n <= COMB_MOST. */
    void (*g1_comb_fill_var)(g1_aff *r, const g1_aff *p, size_t n);
    void (*g1_comb_sum_var)(g1_jac *r, const g1_aff *table, const u256 *k, size_t n);

    /* r[i] = the point whose compressed form begins at bytes + i stride. It is on the curve; the subgroup is not
     * checked. status[i] is RLN_OK, or the status that group.inc gives for such bytes, with r[i] = infinity. */
    void (*g1_decompress_many_var)(g1_aff *r, rln_status *status, const uint8_t *bytes, size_t stride, size_t n);
    void (*g2_decompress_many_var)(g2_aff *r, rln_status *status, const uint8_t *bytes, size_t stride, size_t n);

    /* bad[i] = 1 if point i is not on the curve or (G2) not in the subgroup, else 0; infinity is good. */
    void (*g1_check_many_var)(uint8_t *bad, const g1_aff *p, size_t n, pool *threads);
    void (*g2_check_many_var)(uint8_t *bad, const g2_aff *p, size_t n, pool *threads);

    /* r = product of e(p_i, q_i) after the final exponentiation; a term with infinity gives the factor 1. Points must
     * be on their curve. If outside is NULL, they must also be in the subgroup. Otherwise outside[i] = 1 if q_i (of a
     * term without lines) is not in the subgroup, else 0: exact for each term. If any is outside, r is unspecified. */
    int (*pairing_product_var)(fp12 *r, uint8_t *outside, const pairing_term *terms, size_t n, pool *threads);
    /* The lines of a fixed q, for use in terms; they take pairing_lines_size() bytes. */
    size_t (*pairing_lines_size)(void);
    void (*pairing_prepare)(g2_lines *r, const g2_aff *q);
} engine;

#define ENGINE_DECLARE(name) extern const engine engine_##name;
CPU_ENGINES(ENGINE_DECLARE)
#undef ENGINE_DECLARE

/** The i-th engine of this build in order of preference; NULL after the last. */
const engine *engine_at(size_t i);
/** The engine called name; NULL if there is none. */
const engine *engine_find(const char *name);
/** Use this engine; NULL: the best supported one. 0; or -1 if it is unknown or unsupported, and nothing changes. */
int engine_choose(const char *name);
/** The engine in use. The first call chooses the best one if none is chosen. */
const engine *engine_get(void);

#endif
