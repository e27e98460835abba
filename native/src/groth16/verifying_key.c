/* verifying_key.c - verifying keys: preparation, checks, from and to bytes.
 *
 * Algorithm  e(alpha, beta), the lines of beta, gamma and delta, and the comb of IC are computed once for each key
 * Memory     a verifying key owns one mem with all its arrays; verifying_key_free frees it, also after a failed decode
 * Secret     nothing: a key is public. The bytes are untrusted
 */
#include <string.h>

#include "../math/portable.h"
#include "cursor.h"
#include "fault.h"
#include "key.h"

verifying_key *verifying_key_new(size_t instance) {
    const size_t lines = engine_get()->pairing_lines_size();
    verifying_key *const k = mem_new(1, sizeof *k);
    if (!k) return NULL;
    k->instance = instance;
    k->ic = mem_take(&k->memory, instance, sizeof *k->ic);
    const int few = instance <= COMB_MOST;
    if (few) k->ic_table = mem_take(&k->memory, instance, COMB_POINTS * sizeof *k->ic_table);
    k->beta_lines = mem_take(&k->memory, 1, lines);
    k->gamma_lines = mem_take(&k->memory, 1, lines);
    k->delta_lines = mem_take(&k->memory, 1, lines);
    if (k->ic && (k->ic_table || !few) && k->beta_lines && k->gamma_lines && k->delta_lines) return k;
    verifying_key_free(k);
    return NULL;
}

void verifying_key_free(verifying_key *k) {
    if (!k) return;
    mem_close(&k->memory);
    mem_free(k);
}

rln_status verifying_key_prepare(verifying_key *k) {
    const engine *const e = engine_get();
    e->pairing_prepare(k->beta_lines, &k->beta_g2);
    e->pairing_prepare(k->gamma_lines, &k->gamma_g2);
    e->pairing_prepare(k->delta_lines, &k->delta_g2);
    if (k->ic_table) e->g1_comb_fill_var(k->ic_table, k->ic, k->instance);
    const pairing_term term = {k->alpha_g1, k->beta_g2, k->beta_lines};
    return e->pairing_product_var(&k->alpha_beta, NULL, &term, 1, NULL) ? RLN_ERR_MEMORY : RLN_OK;
}

rln_status verifying_key_lint(const g1_aff *alpha, const g2_aff *beta, const g2_aff *gamma, const g2_aff *delta,
                              const g1_aff *ic, size_t instance, rln_fault *fault) {
    if (g1_aff_is_infinity(alpha)) return fault_in(RLN_ERR_KEY, fault, "alpha_g1");
    if (g2_aff_is_infinity(beta)) return fault_in(RLN_ERR_KEY, fault, "beta_g2");
    if (g2_aff_is_infinity(gamma)) return fault_in(RLN_ERR_KEY, fault, "gamma_g2");
    if (g2_aff_is_infinity(delta)) return fault_in(RLN_ERR_KEY, fault, "delta_g2");
    /* with equal x, anyone can move the term of a public input from one pairing to the other and forge proofs */
    if (fp2_equal(&gamma->x, &delta->x)) return fault_in(RLN_ERR_KEY, fault, "delta_g2");
    for (size_t i = 1; i < instance; i++)
        if (g1_aff_is_infinity(&ic[i])) return fault_at(RLN_ERR_KEY, fault, "ic", i, 0, 0);
    return RLN_OK;
}

#define G1_SIZE(compressed) ((compressed) ? 32u : 64u)
#define G2_SIZE(compressed) ((compressed) ? 64u : 128u)

size_t verifying_key_size(const verifying_key *k, int compressed) {
    return G1_SIZE(compressed) * (1 + k->instance) + G2_SIZE(compressed) * 3 + 8;
}

static rln_status take_g1(cursor *c, g1_aff *r, int compressed, const char *field, uint64_t index, rln_fault *fault) {
    const uint8_t *const a = cursor_take(c, G1_SIZE(compressed));
    if (!a) return fault_at(RLN_ERR_LENGTH, fault, field, index, G1_SIZE(compressed), c->left);
    const rln_status status = compressed ? g1_decompress(r, a) : g1_decode(r, a);
    return status ? fault_at(status, fault, field, index, 0, 0) : RLN_OK;
}

static rln_status take_g2(cursor *c, g2_aff *r, int compressed, const char *field, rln_fault *fault) {
    const uint8_t *const a = cursor_take(c, G2_SIZE(compressed));
    if (!a) return fault_at(RLN_ERR_LENGTH, fault, field, FAULT_WHOLE, G2_SIZE(compressed), c->left);
    const rln_status status = compressed ? g2_decompress(r, a) : g2_decode(r, a);
    return status ? fault_in(status, fault, field) : RLN_OK;
}

rln_status verifying_key_decode(verifying_key **r, const uint8_t *data, size_t data_len, int compressed,
                                rln_fault *fault) {
    cursor c = {data, data_len};
    g1_aff alpha;
    g2_aff beta, gamma, delta;
    uint64_t count;
    rln_status status;
    *r = NULL;
    if ((status = take_g1(&c, &alpha, compressed, "alpha_g1", FAULT_WHOLE, fault)) ||
        (status = take_g2(&c, &beta, compressed, "beta_g2", fault)) ||
        (status = take_g2(&c, &gamma, compressed, "gamma_g2", fault)) ||
        (status = take_g2(&c, &delta, compressed, "delta_g2", fault)))
        return status;
    if (cursor_u64(&c, &count)) return fault_at(RLN_ERR_LENGTH, fault, "ic", FAULT_WHOLE, 8, c.left);
    if (count == 0) return fault_at(RLN_ERR_FORMAT, fault, "ic", FAULT_WHOLE, 1, 0);
    if (count != c.left / G1_SIZE(compressed) || c.left % G1_SIZE(compressed))
        return fault_in(RLN_ERR_LENGTH, fault, "ic");
    verifying_key *const k = verifying_key_new(count);
    if (!k) return RLN_ERR_MEMORY;
    k->alpha_g1 = alpha;
    k->beta_g2 = beta;
    k->gamma_g2 = gamma;
    k->delta_g2 = delta;
    for (size_t i = 0; i < count && status == RLN_OK; i++) status = take_g1(&c, &k->ic[i], compressed, "ic", i, fault);
    if (status == RLN_OK) status = verifying_key_lint(&alpha, &beta, &gamma, &delta, k->ic, count, fault);
    if (status == RLN_OK) status = verifying_key_prepare(k);
    if (status) verifying_key_free(k);
    else *r = k;
    return status;
}

static uint8_t *put_g1(uint8_t *r, const g1_aff *a, int compressed) {
    if (compressed) g1_compress(r, a);
    else g1_encode(r, a);
    return r + G1_SIZE(compressed);
}

static uint8_t *put_g2(uint8_t *r, const g2_aff *a, int compressed) {
    if (compressed) g2_compress(r, a);
    else g2_encode(r, a);
    return r + G2_SIZE(compressed);
}

void verifying_key_encode(const verifying_key *k, int compressed, uint8_t *r) {
    r = put_g1(r, &k->alpha_g1, compressed);
    r = put_g2(r, &k->beta_g2, compressed);
    r = put_g2(r, &k->gamma_g2, compressed);
    r = put_g2(r, &k->delta_g2, compressed);
    bytes_u64_encode(r, k->instance);
    r += 8;
    for (size_t i = 0; i < k->instance; i++) r = put_g1(r, &k->ic[i], compressed);
}
