#include "api.h"
#include "../base/keccak.h"
#include "../engine/engine.h"
#include "../math/poseidon_dense_constants.h"

rln_status rln_keccak256(uint8_t *r, size_t r_len, const uint8_t *m, size_t m_len) {
    api_blank(r, r_len);
    rln_status status = api_bytes(NULL, "r", r, 32, r_len);
    if (!status) status = api_given(NULL, "m", m, m_len);
    if (!status) keccak256(r, m, m_len);
    return status;
}

rln_status rln_hash_to_field(uint8_t *r, size_t r_len, const uint8_t *m, size_t m_len, int big_endian) {
    uint8_t digest[32];
    u256 integer;
    fr element;
    rln_status status = rln_keccak256(r, r_len, m, m_len);
    if (status) return status;
    for (int i = 0; i < 32; i++) digest[i] = r[big_endian ? 31 - i : i];
    for (int i = 0; i < 4; i++) integer.v[i] = bytes_u64_decode(digest + 8 * i);
    fr_from_u256(&element, &integer);
    fr_encode(r, &element);
    return RLN_OK;
}

rln_status rln_poseidon_hash_many(uint8_t *r, size_t r_len, const uint8_t *in, size_t in_len, size_t arity,
                                  rln_pool *threads, rln_fault *fault) {
    if (arity < 1 || arity > 8) {
        api_blank(r, r_len);
        return api_fail(RLN_ERR_PARAMETER, fault, "arity", API_WHOLE, 8, arity);
    }
    const size_t n = r_len / 32;
    rln_status status = api_bytes(fault, "r", r, 32 * n, r_len);
    if (!status && n > SIZE_MAX / (32 * arity)) status = api_fail(RLN_ERR_LENGTH, fault, "r", API_WHOLE, 0, r_len);
    if (!status) status = api_bytes(fault, "in", in, 32 * n * arity, in_len);
    for (size_t i = 0; i < n * arity && !status; i++) status = api_canonical(fault, "in", i, in + 32 * i);
    if (status) api_blank(r, r_len);
    else if (n) engine_get()->poseidon_hash_many(r, in, arity, n, threads);
    return status;
}

rln_status rln_poseidon_parameters(size_t width, uint8_t *rounds, size_t rounds_len, uint8_t *matrix, size_t matrix_len,
                                   uint32_t *full_rounds, uint32_t *partial_rounds) {
    api_blank(rounds, rounds_len);
    api_blank(matrix, matrix_len);
    *full_rounds = *partial_rounds = 0;
    if (width < 2 || width > 9) return RLN_ERR_PARAMETER;
    const poseidon_dense *p = &POSEIDON_DENSE[width - 2];
    const size_t constants = width * (POSEIDON_FULL_ROUNDS + p->partial_rounds);
    if (rounds_len || matrix_len) {
        rln_status status = api_bytes(NULL, "rounds", rounds, 32 * constants, rounds_len);
        if (!status) status = api_bytes(NULL, "matrix", matrix, 32 * width * width, matrix_len);
        if (status) return status;
        for (size_t i = 0; i < constants; i++) fr_encode(rounds + 32 * i, &p->rounds[i]);
        for (size_t i = 0; i < width * width; i++) fr_encode(matrix + 32 * i, &p->matrix[i]);
    }
    *full_rounds = POSEIDON_FULL_ROUNDS;
    *partial_rounds = p->partial_rounds;
    return RLN_OK;
}
