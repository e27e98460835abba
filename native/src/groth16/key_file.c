/* key_file.c - the checks and the parts that both formats of key files share.
 *
 * Algorithm  examine the numbers, make the key, read its points, then check the points and the verifying key
 * Memory     the key_file points into the caller's data; the key owns its memory, and key_file_load frees it on failure
 * Secret     nothing. The bytes are untrusted
 */
#include "key_file.h"

#include "fault.h"

rln_status key_file_examine(const key_file *f, rln_fault *fault) {
    if (f->instance == 0 || f->instance > f->wires)
        return fault_at(RLN_ERR_FORMAT, fault, "instance", FAULT_WHOLE, f->wires, f->instance);
    if (f->wires > UINT32_MAX) return fault_at(RLN_ERR_FORMAT, fault, "wires", FAULT_WHOLE, UINT32_MAX, f->wires);
    if (f->a_entries > UINT32_MAX)
        return fault_at(RLN_ERR_FORMAT, fault, "a_matrix", FAULT_WHOLE, UINT32_MAX, f->a_entries);
    if (f->b_entries > UINT32_MAX)
        return fault_at(RLN_ERR_FORMAT, fault, "b_matrix", FAULT_WHOLE, UINT32_MAX, f->b_entries);
    const int log_domain = key_log_domain(f->constraints, f->instance);
    if (log_domain < 0)
        return fault_at(RLN_ERR_FORMAT, fault, "constraints", FAULT_WHOLE, (uint64_t)1 << KEY_LOG_DOMAIN_MAX,
                        f->constraints);
    if (f->domain != (uint64_t)1 << log_domain)
        return fault_at(RLN_ERR_FORMAT, fault, "domain", FAULT_WHOLE, (uint64_t)1 << log_domain, f->domain);
    return RLN_OK;
}

/* The parts that are not queries. */
static rln_status read_parts(proving_key *k, const key_file *f, rln_fault *fault) {
    const struct {
        g1_aff *r;
        const uint8_t *bytes;
        const char *field;
    } g1[] = {{&k->alpha_g1, f->alpha_g1, "alpha_g1"},
              {&k->beta_g1, f->beta_g1, "beta_g1"},
              {&k->delta_g1, f->delta_g1, "delta_g1"}};
    const struct {
        g2_aff *r;
        const uint8_t *bytes;
        const char *field;
    } g2[] = {{&k->beta_g2, f->beta_g2, "beta_g2"},
              {&k->gamma_g2, f->gamma_g2, "gamma_g2"},
              {&k->delta_g2, f->delta_g2, "delta_g2"}};
    for (size_t i = 0; i < 3; i++) {
        rln_status status = g1_part_read(g1[i].r, f->form, g1[i].bytes, g1[i].field, FAULT_WHOLE, fault);
        if (status == RLN_OK) status = g2_part_read(g2[i].r, f->form, g2[i].bytes, g2[i].field, fault);
        if (status) return status;
    }
    for (size_t i = 0; i < k->instance; i++) {
        const rln_status status = g1_part_read(&k->ic[i], f->form, f->ic + i * G1_BYTES, "ic", i, fault);
        if (status) return status;
    }
    return RLN_OK;
}

rln_status key_file_load(proving_key **r, const key_file *f, rln_fault *fault) {
    *r = NULL;
    rln_status status = key_file_examine(f, fault);
    if (status) return status;
    const size_t private_wires = f->wires - f->instance;
    const key_shape shape = {
        .wires = f->wires,
        .instance = f->instance,
        .constraints = f->constraints,
        .a_finite = points_count_finite(f->form, f->a, G1_BYTES, f->wires),
        .b1_finite = points_count_finite(f->form, f->b1, G1_BYTES, f->wires),
        .b2_finite = points_count_finite(f->form, f->b2, G2_BYTES, f->wires),
        .h_finite = points_count_finite(f->form, f->h, G1_BYTES, f->domain),
        .l_finite = points_count_finite(f->form, f->l, G1_BYTES, private_wires),
        .a_entries = f->a_entries,
        .b_entries = f->b_entries,
    };
    proving_key *const k = proving_key_new(&shape);
    if (!k) return RLN_ERR_MEMORY;
    if ((status = read_parts(k, f, fault)) ||
        (status = g1_query_read(&k->a, k->a_points, f->form, f->a, "a_query", fault)) ||
        (status = g1_query_read(&k->b1, key_b1_points(k), f->form, f->b1, "b_g1_query", fault)) ||
        (status = g2_query_read(&k->b2, k->b_points, f->form, f->b2, "b_g2_query", fault)) ||
        (status = g1_query_read(&k->h, key_h_points(k), f->form, f->h, "h_query", fault)) ||
        (status = g1_query_read(&k->l, key_l_points(k), f->form, f->l, "l_query", fault))) {
        proving_key_free(k);
        return status;
    }
    *r = k;
    return RLN_OK;
}

rln_status key_file_finish(proving_key *k, pool *threads, rln_fault *fault) {
    const rln_status status = proving_key_finish(k, fault);
    return status ? status : proving_key_check_points(k, threads, fault);
}
