/* group.h - a curve y^2 = x^3 + b, as a template: g1.h and g2.h include it once each. See group_names.h.
 *
 *   aff  affine; infinity is (0, 0), on neither curve; coordinates canonical: at rest, in keys, in buckets
 *   jac  Jacobian (X / Z^2, Y / Z^3), coordinates loose; Z = 0 is infinity
 *
 * The addition formulas never read b: they serve every curve of this form over the field, of any order.
 * Additions are complete: equal, opposite and infinite operands are good. They branch on those cases, hence
 * _var; no secret is ever a point here, so encoding, decoding and conversion branch on points too. Any argument
 * may alias the result.
 */

/** Infinity. */
static inline JAC PT(infinity)(void) {
    return (JAC){CO(one)(), CO(one)(), CO(zero)()};
}

static inline AFF PT(aff_infinity)(void) {
    return (AFF){CO(zero)(), CO(zero)()};
}

/** Mask: all ones when a is infinity. */
static inline uint64_t PT(is_infinity)(const JAC *a) {
    return CO(is_zero)(&a->z);
}

/** Mask, as above. */
static inline uint64_t PT(aff_is_infinity)(const AFF *a) {
    return CO(is_zero)(&a->x) & CO(is_zero)(&a->y);
}

static inline void PT(from_aff)(JAC *r, const AFF *a) {
    if (PT(aff_is_infinity)(a)) *r = PT(infinity)();
    else *r = (JAC){a->x, a->y, CO(one)()};
}

static inline void PT(to_aff_var)(AFF *r, const JAC *a) {
    COORD inverse, square;
    CO(inv_var)(&inverse, &a->z); /* 1/0 = 0 gives (0, 0) */
    CO(sqr)(&square, &inverse);
    CO(mul)(&r->x, &a->x, &square);
    CO(mul)(&square, &square, &inverse);
    CO(mul)(&r->y, &a->y, &square);
    CO(canonical)(&r->x, &r->x);
    CO(canonical)(&r->y, &r->y);
}

/** r[i] = a[i] for i < n, one inversion for all. scratch holds n coordinates.
 *  alias  none
 *  source Montgomery's trick; infinity is left out of the product */
static inline void PT(to_aff_many_var)(AFF *r, const JAC *a, size_t n, COORD *scratch) {
    COORD inverse = CO(one)(), mine, square;
    for (size_t i = 0; i < n; i++) {
        scratch[i] = inverse;
        if (!PT(is_infinity)(&a[i])) CO(mul)(&inverse, &inverse, &a[i].z);
    }
    CO(inv_var)(&inverse, &inverse);
    for (size_t i = n; i-- > 0;) {
        if (PT(is_infinity)(&a[i])) {
            r[i] = PT(aff_infinity)();
            continue;
        }
        CO(mul)(&mine, &inverse, &scratch[i]);
        CO(mul)(&inverse, &inverse, &a[i].z);
        CO(sqr)(&square, &mine);
        CO(mul)(&r[i].x, &a[i].x, &square);
        CO(mul)(&square, &square, &mine);
        CO(mul)(&r[i].y, &a[i].y, &square);
        CO(canonical)(&r[i].x, &r[i].x);
        CO(canonical)(&r[i].y, &r[i].y);
    }
}

static inline void PT(neg)(JAC *r, const JAC *a) {
    r->x = a->x;
    CO(neg)(&r->y, &a->y);
    r->z = a->z;
}

static inline void PT(aff_neg)(AFF *r, const AFF *a) {
    r->x = a->x;
    CO(neg)(&r->y, &a->y);
    CO(canonical)(&r->y, &r->y);
}

/** Mask: all ones when a and b are the same point. */
static inline uint64_t PT(aff_equal)(const AFF *a, const AFF *b) {
    return CO(equal)(&a->x, &b->x) & CO(equal)(&a->y, &b->y);
}

/** 1 when a and b are the same point, else 0. */
static inline int PT(equal_var)(const JAC *a, const JAC *b) {
    COORD aa, bb, s, t;
    if (PT(is_infinity)(a) || PT(is_infinity)(b)) return PT(is_infinity)(a) == PT(is_infinity)(b);
    CO(sqr)(&aa, &a->z);
    CO(sqr)(&bb, &b->z);
    CO(mul)(&s, &a->x, &bb);
    CO(mul)(&t, &b->x, &aa);
    if (!CO(equal)(&s, &t)) return 0;
    CO(mul)(&aa, &aa, &a->z);
    CO(mul)(&bb, &bb, &b->z);
    CO(mul)(&s, &a->y, &bb);
    CO(mul)(&t, &b->y, &aa);
    return CO(equal)(&s, &t) != 0;
}

/** Mask: all ones when a is on the curve; infinity is. */
static inline uint64_t PT(aff_on_curve)(const AFF *a) {
    COORD left, right;
    CO(sqr)(&left, &a->y);
    CO(sqr)(&right, &a->x);
    CO(mul)(&right, &right, &a->x);
    CO(add)(&right, &right, &G(B));
    return CO(equal)(&left, &right) | PT(aff_is_infinity)(a);
}

/** r = 2 a.
 *  source S = 4 X Y^2, M = 3 X^2: X' = M^2 - 2 S, Y' = M (S - X') - 8 Y^4, Z' = 2 Y Z. Z = 0 or Y = 0 (a point of
 *         order 2) gives Z' = 0 */
static inline void PT(dbl)(JAC *r, const JAC *a) {
    COORD yy, s, m, x;
    CO(sqr)(&yy, &a->y);
    CO(mul)(&s, &a->x, &yy);
    CO(dbl)(&s, &s);
    CO(dbl)(&s, &s);
    CO(sqr)(&x, &a->x);
    CO(dbl)(&m, &x);
    CO(add)(&m, &m, &x);
    CO(mul)(&r->z, &a->y, &a->z);
    CO(dbl)(&r->z, &r->z);
    CO(sqr)(&yy, &yy);
    CO(dbl)(&yy, &yy);
    CO(dbl)(&yy, &yy);
    CO(dbl)(&yy, &yy);
    CO(sqr)(&x, &m);
    CO(sub)(&x, &x, &s);
    CO(sub)(&x, &x, &s);
    CO(sub)(&s, &s, &x);
    CO(mul)(&s, &s, &m);
    CO(sub)(&r->y, &s, &yy);
    r->x = x;
}

/* r = a + b given U1 = X1 Z2^2, S1 = Y1 Z2^3, H = X2 Z1^2 - U1, R = Y2 Z1^3 - S1 and z = Z1 Z2, for H != 0.
 * source X' = R^2 - H^3 - 2 U1 H^2, Y' = R (U1 H^2 - X') - S1 H^3, Z' = Z1 Z2 H */
static inline void PT(add_slope)(JAC *r, const COORD *u1, const COORD *s1, const COORD *h, const COORD *slope,
                                 const COORD *z) {
    COORD hh, v, x, y, t;
    CO(sqr)(&hh, h);
    CO(mul)(&v, u1, &hh);
    CO(mul)(&hh, &hh, h);
    CO(sqr)(&x, slope);
    CO(sub)(&x, &x, &hh);
    CO(sub)(&x, &x, &v);
    CO(sub)(&x, &x, &v);
    CO(sub)(&y, &v, &x);
    CO(mul)(&y, &y, slope);
    CO(mul)(&t, s1, &hh);
    CO(mul)(&r->z, z, h);
    CO(sub)(&r->y, &y, &t);
    r->x = x;
}

/** r = a + b. */
static inline void PT(add_var)(JAC *r, const JAC *a, const JAC *b) {
    COORD aa, bb, u1, h, s1, slope;
    if (PT(is_infinity)(a)) {
        *r = *b;
        return;
    }
    if (PT(is_infinity)(b)) {
        *r = *a;
        return;
    }
    CO(sqr)(&aa, &a->z);
    CO(sqr)(&bb, &b->z);
    CO(mul)(&u1, &a->x, &bb);
    CO(mul)(&h, &b->x, &aa);
    CO(sub)(&h, &h, &u1);
    CO(mul)(&bb, &bb, &b->z);
    CO(mul)(&s1, &a->y, &bb);
    CO(mul)(&aa, &aa, &a->z);
    CO(mul)(&slope, &b->y, &aa);
    CO(sub)(&slope, &slope, &s1);
    if (CO(is_zero)(&h)) {
        if (CO(is_zero)(&slope)) PT(dbl)(r, a);
        else *r = PT(infinity)();
        return;
    }
    CO(mul)(&aa, &a->z, &b->z);
    PT(add_slope)(r, &u1, &s1, &h, &slope, &aa);
}

/** r = a + b. */
static inline void PT(add_mixed_var)(JAC *r, const JAC *a, const AFF *b) {
    COORD aa, h, slope;
    if (PT(aff_is_infinity)(b)) {
        *r = *a;
        return;
    }
    if (PT(is_infinity)(a)) {
        *r = (JAC){b->x, b->y, CO(one)()};
        return;
    }
    CO(sqr)(&aa, &a->z);
    CO(mul)(&h, &b->x, &aa);
    CO(sub)(&h, &h, &a->x);
    CO(mul)(&aa, &aa, &a->z);
    CO(mul)(&slope, &b->y, &aa);
    CO(sub)(&slope, &slope, &a->y);
    if (CO(is_zero)(&h)) {
        if (CO(is_zero)(&slope)) PT(dbl)(r, a);
        else *r = PT(infinity)();
        return;
    }
    PT(add_slope)(r, &a->x, &a->y, &h, &slope, &a->z);
}

/** r = k a for any point of the curve, in the subgroup or not, and any 256-bit k. Double and add.
 *  see PT(mul_var) in glv.h for points of the subgroup: three times as fast */
static inline void PT(mul_any_var)(JAC *r, const AFF *a, const u256 *k) {
    JAC t = PT(infinity)();
    const AFF p = *a;
    for (int i = 255; i >= 0; i--) {
        PT(dbl)(&t, &t);
        if (k->v[i / 64] >> (i % 64) & 1) PT(add_mixed_var)(&t, &t, &p);
    }
    *r = t;
}

/* The arkworks form of rln.h: the two top bits of the last byte are flags, POINT_LARGER for the larger of y
 * and -y and POINT_INFINITY. Decoding is strict: a group element has exactly one form of each kind. */

/* The coordinate in the last bytes of a point, flags apart. */
RLN_MUST_USE static inline int PT(flagged_decode)(COORD *r, unsigned *flags, const uint8_t a[sizeof(COORD)]) {
    uint8_t bytes[sizeof(COORD)];
    memcpy(bytes, a, sizeof bytes);
    *flags = bytes[sizeof bytes - 1] & (POINT_LARGER | POINT_INFINITY);
    bytes[sizeof bytes - 1] &= (uint8_t)~(POINT_LARGER | POINT_INFINITY);
    return CO(decode)(r, bytes);
}

/** Untrusted bytes x || y -> coordinates: the form alone is checked, not the curve. RLN_ERR_RANGE: a coordinate
 *  is not < p; RLN_ERR_POINT: flags that do not fit; r is infinity then. */
RLN_MUST_USE static inline rln_status PT(decode_coordinates)(AFF *r, const uint8_t a[2 * sizeof(COORD)]) {
    AFF t;
    unsigned flags;
    *r = PT(aff_infinity)();
    if (CO(decode)(&t.x, a) || PT(flagged_decode)(&t.y, &flags, a + sizeof(COORD))) return RLN_ERR_RANGE;
    CO(canonical)(&t.x, &t.x);
    CO(canonical)(&t.y, &t.y);
    const unsigned expected = PT(aff_is_infinity)(&t)      ? POINT_INFINITY
                              : CO(is_larger)(&t.y) ? POINT_LARGER
                                                    : 0;
    if (flags != expected) return RLN_ERR_POINT;
    *r = t;
    return RLN_OK;
}

/** Untrusted bytes x || y -> an element of the group. As above; RLN_ERR_POINT also for what is not one. */
RLN_MUST_USE static inline rln_status PT(decode)(AFF *r, const uint8_t a[2 * sizeof(COORD)]) {
    const rln_status status = PT(decode_coordinates)(r, a);
    if (status) return status;
    if (PT(aff_is_member_var)(r)) return RLN_OK;
    *r = PT(aff_infinity)();
    return RLN_ERR_POINT;
}

/** Untrusted bytes x, compressed -> a point of the curve, in the group or not. RLN_ERR_RANGE, RLN_ERR_POINT; r is
 *  infinity then. */
RLN_MUST_USE static inline rln_status PT(decompress_on_curve)(AFF *r, const uint8_t a[sizeof(COORD)]) {
    AFF t;
    COORD square;
    unsigned flags;
    *r = PT(aff_infinity)();
    if (PT(flagged_decode)(&t.x, &flags, a)) return RLN_ERR_RANGE;
    if (flags & POINT_INFINITY) return flags == POINT_INFINITY && CO(is_zero)(&t.x) ? RLN_OK : RLN_ERR_POINT;
    CO(sqr)(&square, &t.x);
    CO(mul)(&square, &square, &t.x);
    CO(add)(&square, &square, &G(B));
    if (CO(sqrt_var)(&t.y, &square)) return RLN_ERR_POINT;
    /* y = 0 has one sign: no flag may change it */
    if (CO(is_zero)(&t.y) && flags) return RLN_ERR_POINT;
    if ((CO(is_larger)(&t.y) != 0) != (flags == POINT_LARGER)) CO(neg)(&t.y, &t.y);
    CO(canonical)(&r->x, &t.x);
    CO(canonical)(&r->y, &t.y);
    return RLN_OK;
}

/** Untrusted bytes x, compressed -> an element of the group; as decode. */
RLN_MUST_USE static inline rln_status PT(decompress)(AFF *r, const uint8_t a[sizeof(COORD)]) {
    const rln_status status = PT(decompress_on_curve)(r, a);
    if (status || PT(aff_is_member_var)(r)) return status;
    *r = PT(aff_infinity)();
    return RLN_ERR_POINT;
}

/** See engine.h. */
static void PT(decompress_many_var)(AFF *r, rln_status *status, const uint8_t *bytes, size_t stride, size_t n) {
    for (size_t i = 0; i < n; i++) status[i] = PT(decompress_on_curve)(&r[i], bytes + i * stride);
}

/* The flags of a in the last byte of its form. */
static inline uint8_t PT(flags)(const AFF *a) {
    if (PT(aff_is_infinity)(a)) return POINT_INFINITY;
    return CO(is_larger)(&a->y) ? POINT_LARGER : 0;
}

static inline void PT(encode)(uint8_t r[2 * sizeof(COORD)], const AFF *a) {
    CO(encode)(r, &a->x);
    CO(encode)(r + sizeof(COORD), &a->y);
    r[2 * sizeof(COORD) - 1] |= PT(flags)(a);
}

static inline void PT(compress)(uint8_t r[sizeof(COORD)], const AFF *a) {
    CO(encode)(r, &a->x);
    r[sizeof(COORD) - 1] |= PT(flags)(a);
}
