/* curve.c - transforms, points and the pairing, for tests and for users who need BN254. */
#include "api.h"

#include "../base/mem.h"
#include "../engine/engine.h"
#include "../math/portable.h"

#define G1_BYTES ((size_t)64)
#define G2_BYTES ((size_t)128)

/* log2 of n; -1 if n is not a power of two up to 2^NTT_LOG_MAX. */
static int log2_of(size_t n) {
    for (int i = 0; i <= NTT_LOG_MAX; i++)
        if (n == (size_t)1 << i) return i;
    return -1;
}

rln_status rln_ntt(uint8_t *r, size_t r_len, const uint8_t *a, size_t a_len, int inverse, rln_pool *threads,
                   rln_fault *fault) {
    /* r may be a, so it is blanked only on failure */
    const int log_n = log2_of(a_len / 32);
    rln_status status = api_bytes(fault, "r", r, a_len, r_len);
    if (status == RLN_OK) status = api_bytes(fault, "a", a, a_len - a_len % 32, a_len);
    if (status == RLN_OK && log_n < 0)
        status = api_fail(RLN_ERR_PARAMETER, fault, "a", API_WHOLE, (size_t)1 << NTT_LOG_MAX, a_len / 32);
    if (status) {
        api_blank(r, r_len);
        return status;
    }

    mem memory = MEM_EMPTY;
    ntt_domain domain;
    const size_t n = a_len / 32, half = n > 1 ? n / 2 : 1;
    fr *const values = mem_take(&memory, n, sizeof *values);
    fr *const roots = mem_take(&memory, half, sizeof *roots);
    fr *const inverse_roots = mem_take(&memory, half, sizeof *inverse_roots);
    if (!values || !roots || !inverse_roots) status = api_fail(RLN_ERR_MEMORY, fault, "a", API_WHOLE, 0, 0);
    for (size_t i = 0; status == RLN_OK && i < n; i++) status = api_scalar(&values[i], fault, "a", i, a + 32 * i);
    if (status == RLN_OK) {
        ntt_domain_fill(&domain, (unsigned)log_n, roots, inverse_roots, NULL);
        engine_get()->ntt(values, &domain, inverse != 0, threads);
        for (size_t i = 0; i < n; i++) fr_encode(r + 32 * i, &values[i]);
    } else {
        api_blank(r, r_len);
    }
    mem_close(&memory);
    return status;
}

/* The number of bytes of a point; 0 if there is no such group. */
static size_t group_bytes(int group) {
    return group == 1 ? G1_BYTES : group == 2 ? G2_BYTES : 0;
}

/* The checks that all entries on points share: group is known, r has the expected length. */
static rln_status result_examine(int group, const uint8_t *r, size_t expected, size_t r_len, rln_fault *fault) {
    if (!group_bytes(group)) return api_fail(RLN_ERR_PARAMETER, fault, "group", API_WHOLE, 2, (uint64_t)group);
    return api_bytes(fault, "r", r, expected, r_len);
}

static rln_status g1_point(g1_aff *r, rln_fault *fault, const char *field, uint64_t index, const uint8_t *a) {
    const rln_status status = g1_decode(r, a);
    return status ? api_fail(status, fault, field, index, 0, 0) : RLN_OK;
}

static rln_status g2_point(g2_aff *r, rln_fault *fault, const char *field, uint64_t index, const uint8_t *a) {
    const rln_status status = g2_decode(r, a);
    return status ? api_fail(status, fault, field, index, 0, 0) : RLN_OK;
}

static rln_status g1_sum(uint8_t *r, const uint8_t *a, const uint8_t *b, rln_fault *fault) {
    g1_aff p, q;
    g1_jac sum;
    rln_status status = g1_point(&p, fault, "a", API_WHOLE, a);
    if (status == RLN_OK) status = g1_point(&q, fault, "b", API_WHOLE, b);
    if (status) return status;
    g1_from_aff(&sum, &p);
    g1_add_mixed_var(&sum, &sum, &q);
    g1_to_aff_var(&p, &sum);
    g1_encode(r, &p);
    return RLN_OK;
}

static rln_status g2_sum(uint8_t *r, const uint8_t *a, const uint8_t *b, rln_fault *fault) {
    g2_aff p, q;
    g2_jac sum;
    rln_status status = g2_point(&p, fault, "a", API_WHOLE, a);
    if (status == RLN_OK) status = g2_point(&q, fault, "b", API_WHOLE, b);
    if (status) return status;
    g2_from_aff(&sum, &p);
    g2_add_mixed_var(&sum, &sum, &q);
    g2_to_aff_var(&p, &sum);
    g2_encode(r, &p);
    return RLN_OK;
}

rln_status rln_point_add(int group, uint8_t *r, size_t r_len, const uint8_t *a, size_t a_len, const uint8_t *b,
                         size_t b_len, rln_fault *fault) {
    const size_t bytes = group_bytes(group);
    rln_status status = result_examine(group, r, bytes, r_len, fault);
    if (status == RLN_OK) status = api_bytes(fault, "a", a, bytes, a_len);
    if (status == RLN_OK) status = api_bytes(fault, "b", b, bytes, b_len);
    if (status == RLN_OK) status = group == 1 ? g1_sum(r, a, b, fault) : g2_sum(r, a, b, fault);
    if (status) api_blank(r, r_len);
    return status;
}

static rln_status scalars_decode(u256 *r, const uint8_t *a, size_t n, rln_fault *fault) {
    fr t;
    for (size_t i = 0; i < n; i++) {
        const rln_status status = api_scalar(&t, fault, "scalars", i, a + 32 * i);
        if (status) return status;
        fr_to_u256(&r[i], &t);
    }
    ct_wipe(&t, sizeof t);
    return RLN_OK;
}

static rln_status g1_sum_many(uint8_t *r, const uint8_t *points, const u256 *scalars, size_t n, mem *memory,
                              pool *threads, rln_fault *fault) {
    g1_aff *const p = mem_take(memory, n, sizeof *p);
    g1_aff sum_affine;
    g1_jac sum;
    if (!p) return api_fail(RLN_ERR_MEMORY, fault, "points", API_WHOLE, 0, 0);
    for (size_t i = 0; i < n; i++) {
        const rln_status status = g1_point(&p[i], fault, "points", i, points + G1_BYTES * i);
        if (status) return status;
    }
    if (engine_get()->g1_msm_var(&sum, p, scalars, n, threads))
        return api_fail(RLN_ERR_MEMORY, fault, "points", API_WHOLE, 0, 0);
    g1_to_aff_var(&sum_affine, &sum);
    g1_encode(r, &sum_affine);
    return RLN_OK;
}

static rln_status g2_sum_many(uint8_t *r, const uint8_t *points, const u256 *scalars, size_t n, mem *memory,
                              pool *threads, rln_fault *fault) {
    g2_aff *const p = mem_take(memory, n, sizeof *p);
    uint8_t *const bad = mem_take(memory, n, 1);
    g2_aff sum_affine;
    g2_jac sum;
    if (!p || !bad) return api_fail(RLN_ERR_MEMORY, fault, "points", API_WHOLE, 0, 0);
    for (size_t i = 0; i < n; i++) {
        const rln_status status = g2_decode_coordinates(&p[i], points + G2_BYTES * i);
        if (status) return api_fail(status, fault, "points", i, 0, 0);
    }
    engine_get()->g2_check_many_var(bad, p, n, threads);
    for (size_t i = 0; i < n; i++)
        if (bad[i]) return api_fail(RLN_ERR_POINT, fault, "points", i, 0, 0);
    if (engine_get()->g2_msm_var(&sum, p, scalars, n, threads))
        return api_fail(RLN_ERR_MEMORY, fault, "points", API_WHOLE, 0, 0);
    g2_to_aff_var(&sum_affine, &sum);
    g2_encode(r, &sum_affine);
    return RLN_OK;
}

rln_status rln_point_msm(int group, uint8_t *r, size_t r_len, const uint8_t *points, size_t points_len,
                         const uint8_t *scalars, size_t scalars_len, rln_pool *threads, rln_fault *fault) {
    const size_t bytes = group_bytes(group), n = bytes ? points_len / bytes : 0;
    rln_status status = result_examine(group, r, bytes, r_len, fault);
    if (status == RLN_OK) status = api_bytes(fault, "points", points, n * bytes, points_len);
    if (status == RLN_OK) status = api_bytes(fault, "scalars", scalars, n * 32, scalars_len);
    if (status) {
        api_blank(r, r_len);
        return status;
    }

    mem memory = MEM_EMPTY;
    u256 *const k = mem_take(&memory, n, sizeof *k);
    status = k ? scalars_decode(k, scalars, n, fault) : api_fail(RLN_ERR_MEMORY, fault, "scalars", API_WHOLE, 0, 0);
    if (status == RLN_OK)
        status = group == 1 ? g1_sum_many(r, points, k, n, &memory, threads, fault)
                            : g2_sum_many(r, points, k, n, &memory, threads, fault);
    if (status) api_blank(r, r_len);
    mem_close(&memory);
    return status;
}

rln_status rln_point_compress(int group, uint8_t *r, size_t r_len, const uint8_t *a, size_t a_len, rln_fault *fault) {
    const size_t bytes = group_bytes(group);
    g1_aff p;
    g2_aff q;
    rln_status status = result_examine(group, r, bytes / 2, r_len, fault);
    if (status == RLN_OK) status = api_bytes(fault, "a", a, bytes, a_len);
    if (status == RLN_OK)
        status = group == 1 ? g1_point(&p, fault, "a", API_WHOLE, a) : g2_point(&q, fault, "a", API_WHOLE, a);
    if (status) {
        api_blank(r, r_len);
        return status;
    }
    if (group == 1) g1_compress(r, &p);
    else g2_compress(r, &q);
    return RLN_OK;
}

rln_status rln_point_decompress(int group, uint8_t *r, size_t r_len, const uint8_t *a, size_t a_len, rln_fault *fault) {
    const size_t bytes = group_bytes(group);
    g1_aff p;
    g2_aff q;
    rln_status status = result_examine(group, r, bytes, r_len, fault);
    if (status == RLN_OK) status = api_bytes(fault, "a", a, bytes / 2, a_len);
    if (status == RLN_OK) {
        status = group == 1 ? g1_decompress(&p, a) : g2_decompress(&q, a);
        if (status) api_fault(fault, "a", API_WHOLE, 0, 0);
    }
    if (status) {
        api_blank(r, r_len);
        return status;
    }
    if (group == 1) g1_encode(r, &p);
    else g2_encode(r, &q);
    return RLN_OK;
}

rln_status rln_pairing(uint8_t *r, size_t r_len, const uint8_t *p, size_t p_len, const uint8_t *q, size_t q_len,
                       rln_fault *fault) {
    pairing_term term = {.lines = NULL};
    fp12 value;
    rln_status status = api_bytes(fault, "r", r, 384, r_len);
    if (status == RLN_OK) status = api_bytes(fault, "p", p, G1_BYTES, p_len);
    if (status == RLN_OK) status = api_bytes(fault, "q", q, G2_BYTES, q_len);
    if (status == RLN_OK) status = g1_point(&term.p, fault, "p", API_WHOLE, p);
    if (status == RLN_OK) status = g2_point(&term.q, fault, "q", API_WHOLE, q);
    if (status == RLN_OK && engine_get()->pairing_product_var(&value, NULL, &term, 1, NULL))
        status = api_fail(RLN_ERR_MEMORY, fault, "r", API_WHOLE, 0, 0);
    if (status) {
        api_blank(r, r_len);
        return status;
    }
    fp12_encode(r, &value);
    return RLN_OK;
}
