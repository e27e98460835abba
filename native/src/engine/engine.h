/* engine.h - the table of kernels, each the size of a whole job, and the choice of one table.
 *
 * Floors 6 and above reach fast arithmetic through this table only; they name no processor. Engines agree
 * bit for bit on every entry. A job that returns int gives 0, or -1 when there is no memory (outputs are
 * then unspecified). _var jobs take time that depends on all their values.
 */
#ifndef RLN_ENGINE_ENGINE_H
#define RLN_ENGINE_ENGINE_H

#include <stddef.h>

#include "../base/mem.h"
#include "../base/pool.h"
#include "../math/ntt_domain.h"
#include "../math/pairing_term.h"
#include "../math/types.h"

typedef struct engine {
    const char *name;
    int (*supported)(void);

    /* r[i] = Poseidon(in[i * arity] .. ), i < n; constant time; canonical results. */
    void (*poseidon_hash_many)(fr *r, const fr *in, size_t arity, size_t n, pool *threads);

    /* a (n values, natural order) becomes the values on <w> of the polynomial with coefficients a, in place;
     * inverse: back. */
    void (*ntt)(fr *a, const ntt_domain *domain, int inverse, pool *threads);
    /* a: values on <w> become values on g<w>, natural order both, in place. */
    void (*ntt_to_coset)(fr *a, const ntt_domain *domain, pool *threads);

    /* r = sum k[i] p[i]; points may be infinity, repeated, opposite; scalars any integer < r (not Montgomery). */
    int (*g1_msm_var)(g1_jac *r, const g1_aff *p, const u256 *k, size_t n, pool *threads);
    int (*g2_msm_var)(g2_jac *r, const g2_aff *p, const u256 *k, size_t n, pool *threads);
    /* r[i] = k[i] base: many scalars, one point (setup). */
    int (*g1_mul_many_var)(g1_aff *r, const g1_aff *base, const u256 *k, size_t n, pool *threads);
    int (*g2_mul_many_var)(g2_aff *r, const g2_aff *base, const u256 *k, size_t n, pool *threads);

    /* bad[i] = 1 when point i is not on the curve (or, G2, not in the subgroup), else 0; infinity is good. */
    void (*g1_check_many_var)(uint8_t *bad, const g1_aff *p, size_t n, pool *threads);
    void (*g2_check_many_var)(uint8_t *bad, const g2_aff *p, size_t n, pool *threads);

    /* r = product of e(p_i, q_i) after the final exponentiation; infinity in a term gives the factor 1.
     * Points are trusted: on their curve and in the subgroup. */
    int (*pairing_product_var)(fp12 *r, const pairing_term *terms, size_t n, pool *threads);
    /* Lines for a fixed q, to be given in terms; the memory is *lines_size bytes. */
    size_t (*pairing_lines_size)(void);
    void (*pairing_prepare)(g2_lines *r, const g2_aff *q);
} engine;

extern const engine engine_portable;

/** The i-th engine of this build in order of preference, NULL past the last. */
const engine *engine_at(size_t i);
/** The engine called name, NULL when there is none. */
const engine *engine_find(const char *name);
/** Use this engine, or the best supported one for NULL. 0, or -1: unknown or unsupported, nothing changed. */
int engine_choose(const char *name);
/** The engine in use; chooses the best one on first need. */
const engine *engine_get(void);

#endif
