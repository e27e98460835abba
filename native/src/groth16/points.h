/* points.h - the coordinates of points in key files, two forms of them.
 *
 *   ark         zerokit-spec 5.2: canonical integers, sign and infinity flags in the last byte
 *   montgomery  snarkjs: a * 2^256 mod p, infinity all zero, no flags
 *
 * Reading checks the form alone; the curve and the subgroup are checked for many points at once, by the
 * engine (proving_key_check_points).
 */
#ifndef RLN_GROTH16_POINTS_H
#define RLN_GROTH16_POINTS_H

#include <string.h>

#include "../math/portable.h"
#include "key.h"

#define G1_BYTES 64
#define G2_BYTES 128
#define FLAG_LARGER 0x80
#define FLAG_INFINITY 0x40

typedef enum point_form { POINT_ARK, POINT_MONTGOMERY } point_form;

/** 1 when the point in size bytes is infinity, by its flag or its zeros. A reader that accepts agrees. */
static inline int point_is_infinity(point_form form, const uint8_t *a, size_t size) {
    if (form == POINT_ARK) return (a[size - 1] & FLAG_INFINITY) != 0;
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

/* r = an integer below p that already is in Montgomery form; RLN_ERR_RANGE. */
static inline rln_status fp_read_montgomery(fp *r, const uint8_t a[32]) {
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) r->v[i] = bytes_u64_decode(a + 8 * i);
    for (int i = 0; i < 4; i++) (void)mont_subb(r->v[i], FP_MODULUS[i], &borrow);
    return borrow ? RLN_OK : RLN_ERR_RANGE;
}

/* n coordinates to r. The last byte of an ark point carries flags: *flags gets them, 0 for the other form. */
static inline rln_status coordinates_read(fp *r, unsigned *flags, point_form form, const uint8_t *a, size_t n) {
    uint8_t last[32];
    memcpy(last, a + 32 * (n - 1), 32);
    *flags = 0;
    if (form == POINT_ARK) {
        *flags = last[31] & (FLAG_LARGER | FLAG_INFINITY);
        last[31] &= (uint8_t)~(FLAG_LARGER | FLAG_INFINITY);
    }
    for (size_t i = 0; i < n; i++) {
        const uint8_t *const bytes = i == n - 1 ? last : a + 32 * i;
        if (form == POINT_MONTGOMERY) {
            if (fp_read_montgomery(&r[i], bytes)) return RLN_ERR_RANGE;
        } else {
            if (fp_decode(&r[i], bytes)) return RLN_ERR_RANGE;
            fp_canonical(&r[i], &r[i]);
        }
    }
    return RLN_OK;
}

/* Do the flags say what the coordinates are? zero: all coordinates are 0, which lies on neither curve. */
static inline rln_status flags_examine(point_form form, unsigned flags, int zero, int larger) {
    if (form == POINT_MONTGOMERY) return RLN_OK;
    if (zero) return flags == FLAG_INFINITY ? RLN_OK : RLN_ERR_POINT;
    return flags == (larger ? FLAG_LARGER : 0u) ? RLN_OK : RLN_ERR_POINT;
}

/** RLN_ERR_RANGE: a coordinate is not canonical; RLN_ERR_POINT: the flags are wrong. */
static inline rln_status g1_read(g1_aff *r, point_form form, const uint8_t a[G1_BYTES]) {
    fp c[2];
    unsigned flags;
    const rln_status status = coordinates_read(c, &flags, form, a, 2);
    if (status) return status;
    *r = (g1_aff){c[0], c[1]};
    return flags_examine(form, flags, (fp_is_zero(&r->x) & fp_is_zero(&r->y)) != 0, fp_is_larger(&r->y) != 0);
}

static inline rln_status g2_read(g2_aff *r, point_form form, const uint8_t a[G2_BYTES]) {
    fp c[4];
    unsigned flags;
    const rln_status status = coordinates_read(c, &flags, form, a, 4);
    if (status) return status;
    *r = (g2_aff){{c[0], c[1]}, {c[2], c[3]}};
    return flags_examine(form, flags, (fp2_is_zero(&r->x) & fp2_is_zero(&r->y)) != 0, fp2_is_larger(&r->y) != 0);
}

static inline void fp_write(uint8_t r[32], point_form form, const fp *a) {
    if (form == POINT_ARK) {
        fp_encode(r, a);
        return;
    }
    fp t;
    fp_canonical(&t, a);
    for (int i = 0; i < 4; i++) bytes_u64_encode(r + 8 * i, t.v[i]);
}

static inline void g1_write(uint8_t r[G1_BYTES], point_form form, const g1_aff *a) {
    fp_write(r, form, &a->x);
    fp_write(r + 32, form, &a->y);
    if (form == POINT_MONTGOMERY) return;
    if (fp_is_zero(&a->x) & fp_is_zero(&a->y)) r[G1_BYTES - 1] |= FLAG_INFINITY;
    if (fp_is_larger(&a->y)) r[G1_BYTES - 1] |= FLAG_LARGER;
}

static inline void g2_write(uint8_t r[G2_BYTES], point_form form, const g2_aff *a) {
    fp_write(r, form, &a->x.c0);
    fp_write(r + 32, form, &a->x.c1);
    fp_write(r + 64, form, &a->y.c0);
    fp_write(r + 96, form, &a->y.c1);
    if (form == POINT_MONTGOMERY) return;
    if (fp2_is_zero(&a->x) & fp2_is_zero(&a->y)) r[G2_BYTES - 1] |= FLAG_INFINITY;
    if (fp2_is_larger(&a->y)) r[G2_BYTES - 1] |= FLAG_LARGER;
}

/** The count points of a query: the finite ones to points, their places to q.
 *  needs  q->finite = points_count_finite of the same bytes, and room for it
 *  gives  a fault that names field and position */
rln_status g1_query_read(query *q, g1_aff *points, point_form form, const uint8_t *a, const char *field,
                         rln_fault *fault);
rln_status g2_query_read(query *q, g2_aff *points, point_form form, const uint8_t *a, const char *field,
                         rln_fault *fault);
/** q->count points, infinity where q holds none. */
void g1_query_write(uint8_t *r, point_form form, const query *q, const g1_aff *points);
void g2_query_write(uint8_t *r, point_form form, const query *q, const g2_aff *points);

/** One point that stands alone in a key file. */
rln_status g1_part_read(g1_aff *r, point_form form, const uint8_t *a, const char *field, uint64_t index,
                        rln_fault *fault);
rln_status g2_part_read(g2_aff *r, point_form form, const uint8_t *a, const char *field, rln_fault *fault);

#endif
