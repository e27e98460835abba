/* points.c - the points of key files, single points and queries.
 *
 * Algorithm  a query keeps only its finite points, with their places; writing puts infinity back at the other places
 * Memory     none taken: places and points are in the key
 * Secret     nothing. The bytes are untrusted; the curve and the subgroup are checked later (points.h)
 */
#include "points.h"

#include "fault.h"

rln_status g1_part_read(g1_aff *r, point_form form, const uint8_t *a, const char *field, uint64_t index,
                        rln_fault *fault) {
    const rln_status status = g1_read(r, form, a);
    return status ? fault_at(status, fault, field, index, 0, 0) : RLN_OK;
}

rln_status g2_part_read(g2_aff *r, point_form form, const uint8_t *a, const char *field, rln_fault *fault) {
    const rln_status status = g2_read(r, form, a);
    return status ? fault_in(status, fault, field) : RLN_OK;
}

rln_status g1_query_read(query *q, g1_aff *points, point_form form, const uint8_t *a, const char *field,
                         rln_fault *fault) {
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++, a += G1_BYTES) {
        g1_aff point;
        const rln_status status = g1_part_read(&point, form, a, field, i, fault);
        if (status) return status;
        if (point_is_infinity(form, a, G1_BYTES)) continue;
        q->place[n] = (uint32_t)i;
        points[n++] = point;
    }
    return RLN_OK;
}

rln_status g2_query_read(query *q, g2_aff *points, point_form form, const uint8_t *a, const char *field,
                         rln_fault *fault) {
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++, a += G2_BYTES) {
        g2_aff point;
        const rln_status status = g2_read(&point, form, a);
        if (status) return fault_at(status, fault, field, i, 0, 0);
        if (point_is_infinity(form, a, G2_BYTES)) continue;
        q->place[n] = (uint32_t)i;
        points[n++] = point;
    }
    return RLN_OK;
}

void g1_query_write(uint8_t *r, point_form form, const query *q, const g1_aff *points) {
    const g1_aff infinity = {fp_zero(), fp_zero()};
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++, r += G1_BYTES)
        g1_write(r, form, n < q->finite && q->place[n] == i ? &points[n++] : &infinity);
}

void g2_query_write(uint8_t *r, point_form form, const query *q, const g2_aff *points) {
    const g2_aff infinity = {fp2_zero(), fp2_zero()};
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++, r += G2_BYTES)
        g2_write(r, form, n < q->finite && q->place[n] == i ? &points[n++] : &infinity);
}
