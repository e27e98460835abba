/* points.h - the coordinates of points in key files, in two forms.
 *
 *   ark         zerokit-spec 5.2: canonical integers, sign and infinity flags in the last byte
 *   montgomery  snarkjs: a * 2^256 mod p, infinity all zero, no flags
 *
 * Reading checks only the form; the engine checks curve and subgroup for many points at once
 * (proving_key_check_points).
 */
#ifndef RLN_GROTH16_POINTS_H
#define RLN_GROTH16_POINTS_H

#include <string.h>

#include "../math/portable.h"
#include "key.h"

#define G1_BYTES 64
#define G2_BYTES 128

typedef enum point_form { POINT_ARK, POINT_MONTGOMERY } point_form;

/** 1 if the point in size bytes is infinity, by its flag or its zeros. If g1_read or g2_read accepts the bytes, the
 *  point that it reads is infinity in exactly this case. */
static inline int point_is_infinity(point_form form, const uint8_t *a, size_t size) {
    if (form == POINT_ARK) return (a[size - 1] & POINT_INFINITY) != 0;
    for (size_t i = 0; i < size; i++)
        if (a[i]) return 0;
    return 1;
}

/** The number of points that are not infinity. */
static inline size_t points_count_finite(point_form form, const uint8_t *a, size_t size, size_t count) {
    size_t r = 0;
    for (size_t i = 0; i < count; i++) r += !point_is_infinity(form, a + i * size, size);
    return r;
}

/* r = an integer below p, which is already in Montgomery form; RLN_ERR_RANGE. */
RLN_MUST_USE static inline rln_status fp_read_montgomery(fp *r, const uint8_t a[32]) {
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) r->v[i] = bytes_u64_decode(a + 8 * i);
    for (int i = 0; i < 4; i++) (void)mont_subb(r->v[i], FP_MODULUS[i], &borrow);
    return borrow ? RLN_OK : RLN_ERR_RANGE;
}

/** RLN_ERR_RANGE: a coordinate is not canonical; RLN_ERR_POINT: the flags are wrong. */
RLN_MUST_USE static inline rln_status g1_read(g1_aff *r, point_form form, const uint8_t a[G1_BYTES]) {
    if (form == POINT_ARK) return g1_decode_coordinates(r, a);
    const rln_status status = fp_read_montgomery(&r->x, a);
    return status ? status : fp_read_montgomery(&r->y, a + 32);
}

RLN_MUST_USE static inline rln_status g2_read(g2_aff *r, point_form form, const uint8_t a[G2_BYTES]) {
    if (form == POINT_ARK) return g2_decode_coordinates(r, a);
    fp *const coordinate[4] = {&r->x.c0, &r->x.c1, &r->y.c0, &r->y.c1};
    rln_status status = RLN_OK;
    for (int i = 0; i < 4 && status == RLN_OK; i++) status = fp_read_montgomery(coordinate[i], a + 32 * i);
    return status;
}

/* Stored points are canonical, so their limbs already have this form. */
static inline void fp_write_montgomery(uint8_t r[32], const fp *a) {
    for (int i = 0; i < 4; i++) bytes_u64_encode(r + 8 * i, a->v[i]);
}

static inline void g1_write(uint8_t r[G1_BYTES], point_form form, const g1_aff *a) {
    if (form == POINT_ARK) {
        g1_encode(r, a);
        return;
    }
    fp_write_montgomery(r, &a->x);
    fp_write_montgomery(r + 32, &a->y);
}

static inline void g2_write(uint8_t r[G2_BYTES], point_form form, const g2_aff *a) {
    if (form == POINT_ARK) {
        g2_encode(r, a);
        return;
    }
    fp_write_montgomery(r, &a->x.c0);
    fp_write_montgomery(r + 32, &a->x.c1);
    fp_write_montgomery(r + 64, &a->y.c0);
    fp_write_montgomery(r + 96, &a->y.c1);
}

/** Read the count points of a query: the finite ones into points, their places into q.
 *  needs  q->finite = points_count_finite of the same bytes, and room for it
 *  gives  a fault that names field and position */
RLN_MUST_USE rln_status g1_query_read(query *q, g1_aff *points, point_form form, const uint8_t *a, const char *field,
                                      rln_fault *fault);
RLN_MUST_USE rln_status g2_query_read(query *q, g2_aff *points, point_form form, const uint8_t *a, const char *field,
                                      rln_fault *fault);
/** Write q->count points: infinity where q has no finite point. */
void g1_query_write(uint8_t *r, point_form form, const query *q, const g1_aff *points);
void g2_query_write(uint8_t *r, point_form form, const query *q, const g2_aff *points);

/** Read a single point of a key file. */
RLN_MUST_USE rln_status g1_part_read(g1_aff *r, point_form form, const uint8_t *a, const char *field, uint64_t index,
                                     rln_fault *fault);
RLN_MUST_USE rln_status g2_part_read(g2_aff *r, point_form form, const uint8_t *a, const char *field, rln_fault *fault);

#endif
