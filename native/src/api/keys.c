#include "api.h"
#include "../groth16/key.h"
#include "../groth16/setup.h"
#include "matrix.h"

rln_status rln_proving_key_load(rln_key_format format, const uint8_t *data, size_t data_len, rln_pool *pool,
                                rln_proving_key **r, rln_fault *fault) {
    *r = NULL;
    const rln_status status = api_given(fault, "data", data, data_len);
    if (status) return status;
    switch ((int)format) {
    case RLN_KEY_ARK: return key_ark_decode(r, data, data_len, pool, fault);
    case RLN_KEY_ZKEY: return key_zkey_decode(r, data, data_len, pool, fault);
    default: return api_fail(RLN_ERR_PARAMETER, fault, "format", API_WHOLE, RLN_KEY_ZKEY, (uint64_t)format);
    }
}

void rln_proving_key_free(rln_proving_key *key) {
    proving_key_free(key);
}

rln_status rln_proving_key_info(const rln_proving_key *key, rln_key_info *r) {
    *r = (rln_key_info){
        .wires = key->wires,
        .public_inputs = key->instance - 1,
        .constraints = key->constraints,
        .domain = key->domain,
        .a_entries = key->a_matrix.entries,
        .b_entries = key->b_matrix.entries,
    };
    return RLN_OK;
}

size_t rln_proving_key_size(const rln_proving_key *key, rln_key_format format) {
    switch ((int)format) {
    case RLN_KEY_ARK: return key_ark_size(key);
    case RLN_KEY_ZKEY: return key_zkey_size(key);
    default: return 0;
    }
}

rln_status rln_proving_key_encode(const rln_proving_key *key, rln_key_format format, uint8_t *r, size_t r_len) {
    api_blank(r, r_len);
    const size_t size = rln_proving_key_size(key, format);
    if (size == 0) return RLN_ERR_PARAMETER;
    const rln_status status = api_bytes(NULL, "r", r, size, r_len);
    if (status) return status;
    if (format == RLN_KEY_ARK) key_ark_encode(key, r);
    else key_zkey_encode(key, r);
    return RLN_OK;
}

rln_status rln_proving_key_check(const rln_proving_key *key, const uint8_t *random, size_t random_len, rln_pool *pool,
                                 rln_fault *fault) {
    const rln_status status = api_bytes(fault, "random", random, 16 * (key->wires + 1), random_len);
    return status ? status : proving_key_check(key, random, pool, fault);
}

rln_status rln_proving_key_verifying_key(const rln_proving_key *key, rln_verifying_key **r) {
    return proving_key_verifying_key(key, r);
}

rln_status rln_verifying_key_decode(const uint8_t *data, size_t data_len, int compressed, rln_verifying_key **r,
                                    rln_fault *fault) {
    *r = NULL;
    const rln_status status = api_given(fault, "data", data, data_len);
    return status ? status : verifying_key_decode(r, data, data_len, compressed, fault);
}

void rln_verifying_key_free(rln_verifying_key *key) {
    verifying_key_free(key);
}

size_t rln_verifying_key_public_inputs(const rln_verifying_key *key) {
    return key->instance - 1;
}

rln_status rln_verifying_key_encode(const rln_verifying_key *key, int compressed, uint8_t *r, size_t r_len) {
    api_blank(r, r_len);
    const rln_status status = api_bytes(NULL, "r", r, verifying_key_size(key, compressed), r_len);
    if (status == RLN_OK) verifying_key_encode(key, compressed, r);
    return status;
}

rln_status rln_setup(const rln_matrix *a, const rln_matrix *b, const rln_matrix *c, size_t wires, size_t public_inputs,
                     uint8_t *random, size_t random_len, rln_pool *pool, uint32_t *progress, rln_proving_key **r,
                     rln_fault *fault) {
    mem m = MEM_EMPTY;
    sparse matrices[3];
    *r = NULL;
    rln_status status = api_bytes(fault, "random", random, SETUP_RANDOM_BYTES, random_len);
    if (status) goto done;
    status = RLN_ERR_PARAMETER;
    if (wires > UINT32_MAX || public_inputs >= wires) {
        api_fault(fault, "public_inputs", API_WHOLE, wires, public_inputs);
        goto done;
    }
    if (a->row_starts_count == 0 || key_log_domain(a->row_starts_count - 1, public_inputs + 1) < 0) {
        api_fault(fault, "a", API_WHOLE, (uint64_t)1 << KEY_LOG_DOMAIN_MAX, a->row_starts_count);
        goto done;
    }
    const size_t rows = a->row_starts_count - 1;
    if ((status = api_matrix(&matrices[0], &m, a, rows, wires, "a", fault)) ||
        (status = api_matrix(&matrices[1], &m, b, rows, wires, "b", fault)) ||
        (status = api_matrix(&matrices[2], &m, c, rows, wires, "c", fault)))
        goto done;
    status = key_setup(r, &matrices[0], &matrices[1], &matrices[2], wires, public_inputs + 1, random, pool, progress,
                       fault);
done:
    if (random) ct_wipe(random, random_len);
    mem_close(&m);
    return status;
}
