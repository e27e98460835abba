/* field.h - a prime field, as a template: fr.h and fp.h include it once each.
 *
 * The including file defines FIELD (the type, also the prefix of every function) and F(name), the
 * constants' prefix, and has included its constants. A value is loose (see mont_portable.h) and in
 * Montgomery form unless a line says otherwise. Every function is constant time but those named _var.
 * Any argument may alias the result.
 */

#define FIELD_JOIN_(a, b) a##_##b
#define FIELD_JOIN(a, b) FIELD_JOIN_(a, b)
#define FN(name) FIELD_JOIN(FIELD, name)

static inline FIELD FN(zero)(void) {
    return (FIELD){{0, 0, 0, 0}};
}

static inline FIELD FN(one)(void) {
    return F(ONE);
}

static inline void FN(add)(FIELD *r, const FIELD *a, const FIELD *b) {
    mont_add(r->v, a->v, b->v, F(MODULUS2));
}

static inline void FN(sub)(FIELD *r, const FIELD *a, const FIELD *b) {
    mont_sub(r->v, a->v, b->v, F(MODULUS2));
}

static inline void FN(dbl)(FIELD *r, const FIELD *a) {
    mont_add(r->v, a->v, a->v, F(MODULUS2));
}

/** r = -a, loose. */
static inline void FN(neg)(FIELD *r, const FIELD *a) {
    const FIELD zero = {{0, 0, 0, 0}};
    mont_sub(r->v, zero.v, a->v, F(MODULUS2));
}

static inline void FN(mul)(FIELD *r, const FIELD *a, const FIELD *b) {
    mont_mul(r->v, a->v, b->v, F(MODULUS), F(N0));
}

static inline void FN(sqr)(FIELD *r, const FIELD *a) {
    mont_sqr(r->v, a->v, F(MODULUS), F(N0));
}

/** The canonical representative: needed before equality, encoding, hashing and rest. */
static inline void FN(canonical)(FIELD *r, const FIELD *a) {
    mont_subtract_once(r->v, a->v, F(MODULUS));
}

/** Mask: all ones when a = 0 mod p (0 and p are its loose forms). */
static inline uint64_t FN(is_zero)(const FIELD *a) {
    FIELD t;
    FN(canonical)(&t, a);
    return ct_is_zero(t.v[0] | t.v[1] | t.v[2] | t.v[3]);
}

/** Mask: all ones when a = b mod p. */
static inline uint64_t FN(equal)(const FIELD *a, const FIELD *b) {
    FIELD t;
    FN(sub)(&t, a, b);
    return FN(is_zero)(&t);
}

/** r = mask ? a : b. */
static inline void FN(select)(FIELD *r, uint64_t mask, const FIELD *a, const FIELD *b) {
    for (int i = 0; i < 4; i++) r->v[i] = ct_select(mask, a->v[i], b->v[i]);
}

/** r = a as an integer in [0, p), out of Montgomery form. */
static inline void FN(to_u256)(u256 *r, const FIELD *a) {
    uint64_t wide[8] = {a->v[0], a->v[1], a->v[2], a->v[3], 0, 0, 0, 0};
    mont_reduce(r->v, wide, F(MODULUS), F(N0));
    mont_subtract_once(r->v, r->v, F(MODULUS));
    ct_wipe(wide, sizeof wide);
}

/** r = a mod p for any 256-bit integer a.
 *  source a < 2^256 and R2 < p, so the product is wide */
static inline void FN(from_u256)(FIELD *r, const u256 *a) {
    uint64_t wide[8];
    mont_wide_mul(wide, a->v, F(R2).v);
    mont_reduce(r->v, wide, F(MODULUS), F(N0));
    ct_wipe(wide, sizeof wide);
}

static inline void FN(from_u64)(FIELD *r, uint64_t a) {
    const u256 t = {{a, 0, 0, 0}};
    FN(from_u256)(r, &t);
}

/** Untrusted bytes -> value: 0, or -1 and r = 0 when the integer is not < p. Constant in the value. */
RLN_MUST_USE static inline int FN(decode)(FIELD *r, const uint8_t a[32]) {
    u256 t;
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) t.v[i] = bytes_u64_decode(a + 8 * i);
    for (int i = 0; i < 4; i++) (void)mont_subb(t.v[i], F(MODULUS)[i], &borrow);
    const uint64_t good = ct_hide(0 - borrow);
    for (int i = 0; i < 4; i++) t.v[i] &= good;
    FN(from_u256)(r, &t);
    ct_wipe(&t, sizeof t);
    return (int)(good & 1) - 1;
}

static inline void FN(encode)(uint8_t r[32], const FIELD *a) {
    u256 t;
    FN(to_u256)(&t, a);
    for (int i = 0; i < 4; i++) bytes_u64_encode(r + 8 * i, t.v[i]);
    ct_wipe(&t, sizeof t);
}

/** r = the 512-bit little-endian integer a mod p: how 64 random bytes become an element, bias < 2^-256.
 *  source a = low + 2^256 high; high * R2 / 2^256 is 2^256 high in the field */
static inline void FN(from_wide)(FIELD *r, const uint8_t a[64]) {
    u256 low, high;
    FIELD t;
    for (int i = 0; i < 4; i++) {
        low.v[i] = bytes_u64_decode(a + 8 * i);
        high.v[i] = bytes_u64_decode(a + 32 + 8 * i);
    }
    FN(from_u256)(&t, &high);
    FN(mul)(&t, &t, &F(R2));
    FN(from_u256)(r, &low);
    FN(add)(r, r, &t);
    ct_wipe(&low, sizeof low);
    ct_wipe(&high, sizeof high);
    ct_wipe(&t, sizeof t);
}

/** r = a^e; constant in a, not in e (an exponent that everybody knows). Windows of 4 bits. */
static inline void FN(pow_var)(FIELD *r, const FIELD *a, const u256 *e) {
    FIELD power[16], t = FN(one)();
    power[0] = t;
    for (int i = 1; i < 16; i++) FN(mul)(&power[i], &power[i - 1], a);
    for (int i = 63; i >= 0; i--) {
        const unsigned digit = (unsigned)(e->v[i / 16] >> (4 * (i % 16))) & 15;
        if (i != 63)
            for (int j = 0; j < 4; j++) FN(sqr)(&t, &t);
        if (digit) FN(mul)(&t, &t, &power[digit]);
    }
    *r = t;
    ct_wipe(power, sizeof power);
    ct_wipe(&t, sizeof t);
}

/** r = 1/a, 1/0 = 0; constant time.
 *  source Fermat: a^(p-2) */
static inline void FN(inv)(FIELD *r, const FIELD *a) {
    const u256 exponent = {{F(MODULUS)[0] - 2, F(MODULUS)[1], F(MODULUS)[2], F(MODULUS)[3]}};
    FN(pow_var)(r, a, &exponent);
}

/** a[i] = 1/a[i] for i < n, zeros stay zero; one inversion for all. scratch holds n elements.
 *  source Montgomery's trick, zeros replaced by one in the products */
static inline void FN(inv_many)(FIELD *a, size_t n, FIELD *scratch) {
    FIELD product = FN(one)(), inverse, t;
    const FIELD one = FN(one)();
    for (size_t i = 0; i < n; i++) {
        scratch[i] = product;
        FN(select)(&t, FN(is_zero)(&a[i]), &one, &a[i]);
        FN(mul)(&product, &product, &t);
    }
    FN(inv)(&inverse, &product);
    for (size_t i = n; i-- > 0;) {
        const uint64_t zero = FN(is_zero)(&a[i]);
        FN(select)(&t, zero, &one, &a[i]);
        FN(mul)(&scratch[i], &scratch[i], &inverse);
        FN(mul)(&inverse, &inverse, &t);
        FN(select)(&a[i], zero, &a[i], &scratch[i]);
    }
    ct_wipe(&product, sizeof product);
    ct_wipe(&inverse, sizeof inverse);
    ct_wipe(&t, sizeof t);
}

#undef FN
#undef FIELD_JOIN
#undef FIELD_JOIN_
#undef FIELD
#undef F
