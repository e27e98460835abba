#include "api.h"
#include "../math/portable.h"

typedef union element {
    fr r;
    fp p;
    fp2 p2;
    fp6 p6;
    fp12 p12;
} element;

static const size_t SIZES[] = {32, 32, 64, 192, 384};

static int element_decode(element *r, rln_field field, const uint8_t *a) {
    switch (field) {
    case RLN_FIELD_FR: return fr_decode(&r->r, a);
    case RLN_FIELD_FP: return fp_decode(&r->p, a);
    case RLN_FIELD_FP2: return fp2_decode(&r->p2, a);
    case RLN_FIELD_FP6: return fp6_decode(&r->p6, a);
    default: return fp12_decode(&r->p12, a);
    }
}

static void element_encode(uint8_t *r, rln_field field, const element *a) {
    switch (field) {
    case RLN_FIELD_FR: fr_encode(r, &a->r); break;
    case RLN_FIELD_FP: fp_encode(r, &a->p); break;
    case RLN_FIELD_FP2: fp2_encode(r, &a->p2); break;
    case RLN_FIELD_FP6: fp6_encode(r, &a->p6); break;
    default: fp12_encode(r, &a->p12); break;
    }
}

#define APPLY(T, member)                                              \
    switch (operation) {                                              \
    case RLN_ADD: T##_add(&r->member, &a->member, &b->member); break; \
    case RLN_SUB: T##_sub(&r->member, &a->member, &b->member); break; \
    case RLN_MUL: T##_mul(&r->member, &a->member, &b->member); break; \
    case RLN_SQR: T##_sqr(&r->member, &a->member); break;             \
    case RLN_NEG: T##_neg(&r->member, &a->member); break;             \
    default: T##_inv(&r->member, &a->member); break;                  \
    }

static void element_apply(element *r, rln_field field, rln_field_operation operation, const element *a,
                          const element *b) {
    switch (field) {
    case RLN_FIELD_FR: APPLY(fr, r) break;
    case RLN_FIELD_FP: APPLY(fp, p) break;
    case RLN_FIELD_FP2: APPLY(fp2, p2) break;
    case RLN_FIELD_FP6: APPLY(fp6, p6) break;
    default: APPLY(fp12, p12) break;
    }
}

rln_status rln_field_evaluate(rln_field field, rln_field_operation operation, uint8_t *r, size_t r_len,
                              const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, rln_fault *fault) {
    api_blank(r, r_len);
    if ((unsigned)field > RLN_FIELD_FP12)
        return api_fail(RLN_ERR_PARAMETER, fault, "field", API_WHOLE, RLN_FIELD_FP12, (uint64_t)field);
    if ((unsigned)operation > RLN_INV)
        return api_fail(RLN_ERR_PARAMETER, fault, "operation", API_WHOLE, RLN_INV, (uint64_t)operation);
    const int binary = operation <= RLN_MUL;
    const size_t size = SIZES[field], n = r_len / size;
    rln_status status = api_bytes(fault, "r", r, n * size, r_len);
    if (!status) status = api_bytes(fault, "a", a, n * size, a_len);
    if (!status && binary) status = api_bytes(fault, "b", b, n * size, b_len);
    for (size_t i = 0; !status && i < n; i++) {
        element x, y, z;
        if (element_decode(&x, field, a + i * size)) status = api_fail(RLN_ERR_RANGE, fault, "a", i, 0, 0);
        else if (binary && element_decode(&y, field, b + i * size))
            status = api_fail(RLN_ERR_RANGE, fault, "b", i, 0, 0);
        else {
            element_apply(&z, field, operation, &x, &y);
            element_encode(r + i * size, field, &z);
        }
    }
    if (status) api_blank(r, r_len);
    return status;
}
