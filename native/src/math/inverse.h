/* inverse.h - fast inversion of public values, in a tenth of the time of fr_inv, which is constant time.
 *
 * Bernstein, Yang 2019, "Fast constant-time gcd computation and modular inversion", made variable-time: a
 * division step maps (eta, f, g), f odd, to
 *     g even              (eta - 1, f, g / 2)
 *     g odd, eta >= 0     (eta - 1, f, (g + f) / 2)
 *     g odd, eta < 0      (-eta - 1, g, (g - f) / 2)
 * until g = 0 and f = +-1. 62 steps make one matrix of words, which depends on the low words of f and g alone. The
 * matrix is applied to f, g and, mod p, to d, e, where f = a d, g = a e mod p. Numbers have 5 signed limbs of 62 bits;
 * the highest limb holds the sign.
 */
#ifndef RLN_MATH_INVERSE_H
#define RLN_MATH_INVERSE_H

#include "fp2.h"
#include "fr.h"

typedef __int128 inverse_i128;

#define INVERSE_MASK (((uint64_t)1 << 62) - 1)

typedef struct inverse_number { int64_t v[5]; } inverse_number;

/* 2^62 times the map of 62 division steps: f' = (u f + v g) / 2^62, g' = (q f + r g) / 2^62; the absolute values in a
 * row sum to at most 2^62. */
typedef struct inverse_matrix { int64_t u, v, q, r; } inverse_matrix;

static inline inverse_number inverse_number_of(const uint64_t a[4]) {
    const inverse_number r = {{
        (int64_t)(a[0] & INVERSE_MASK),
        (int64_t)((a[0] >> 62 | a[1] << 2) & INVERSE_MASK),
        (int64_t)((a[1] >> 60 | a[2] << 4) & INVERSE_MASK),
        (int64_t)((a[2] >> 58 | a[3] << 6) & INVERSE_MASK),
        (int64_t)(a[3] >> 56),
    }};
    return r;
}

/* needs  f odd */
static inline int64_t inverse_steps_var(int64_t eta, uint64_t f, uint64_t g, inverse_matrix *t) {
    uint64_t u = 1, v = 0, q = 0, r = 1;
    int left = 62;
    for (;;) {
        /* bit number left ends a run of zeros at the last step */
        const int zeros = __builtin_ctzll(g | UINT64_MAX << left);
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= zeros;
        left -= zeros;
        if (left == 0) break;
        if (eta < 0) {
            uint64_t swap = f;
            f = g, g = 0 - swap;
            swap = u, u = q, q = 0 - swap;
            swap = v, v = r, r = 0 - swap;
            eta = -eta;
        }
        /* While eta >= 0, steps only add f to g. Adding w f at once clears min(eta + 1, left) low bits, here at most 6.
         * f (2 - f^2) = 1 / f mod 64, because f^2 = 1 mod 8. */
        const int limit = eta + 1 < left ? (int)eta + 1 : left;
        const uint64_t w = (f * g * (f * f - 2)) & (UINT64_MAX >> (64 - limit)) & 63;
        g += f * w;
        q += u * w;
        r += v * w;
    }
    *t = (inverse_matrix){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
    return eta;
}

/* (f, g) = t (f, g) / 2^62: exact. */
static inline void inverse_apply(inverse_number *f, inverse_number *g, const inverse_matrix *t) {
    inverse_i128 cf = (inverse_i128)t->u * f->v[0] + (inverse_i128)t->v * g->v[0];
    inverse_i128 cg = (inverse_i128)t->q * f->v[0] + (inverse_i128)t->r * g->v[0];
    cf >>= 62;
    cg >>= 62;
    for (int i = 1; i < 5; i++) {
        cf += (inverse_i128)t->u * f->v[i] + (inverse_i128)t->v * g->v[i];
        cg += (inverse_i128)t->q * f->v[i] + (inverse_i128)t->r * g->v[i];
        f->v[i - 1] = (int64_t)((uint64_t)cf & INVERSE_MASK);
        g->v[i - 1] = (int64_t)((uint64_t)cg & INVERSE_MASK);
        cf >>= 62;
        cg >>= 62;
    }
    f->v[4] = (int64_t)cf;
    g->v[4] = (int64_t)cg;
}

/* (d, e) = t (d, e) / 2^62 mod p, where adding multiples of p makes the division exact; p62 = 1/p mod 2^62.
 * needs, gives  d, e in (-2p, p): for each negative operand, a row adds the operand's factor times p, so the sum is in
 *               (-2^62 p, 2^62 p); the division subtracts less than 2^62 p */
static inline void inverse_apply_mod(inverse_number *d, inverse_number *e, const inverse_matrix *t,
                                     const inverse_number *p, uint64_t p62) {
    const int64_t sign_d = d->v[4] >> 63, sign_e = e->v[4] >> 63;
    int64_t md = (t->u & sign_d) + (t->v & sign_e), me = (t->q & sign_d) + (t->r & sign_e);
    inverse_i128 cd = (inverse_i128)t->u * d->v[0] + (inverse_i128)t->v * e->v[0];
    inverse_i128 ce = (inverse_i128)t->q * d->v[0] + (inverse_i128)t->r * e->v[0];
    md -= (int64_t)((p62 * (uint64_t)cd + (uint64_t)md) & INVERSE_MASK);
    me -= (int64_t)((p62 * (uint64_t)ce + (uint64_t)me) & INVERSE_MASK);
    cd += (inverse_i128)p->v[0] * md;
    ce += (inverse_i128)p->v[0] * me;
    cd >>= 62;
    ce >>= 62;
    for (int i = 1; i < 5; i++) {
        cd += (inverse_i128)t->u * d->v[i] + (inverse_i128)t->v * e->v[i] + (inverse_i128)p->v[i] * md;
        ce += (inverse_i128)t->q * d->v[i] + (inverse_i128)t->r * e->v[i] + (inverse_i128)p->v[i] * me;
        d->v[i - 1] = (int64_t)((uint64_t)cd & INVERSE_MASK);
        e->v[i - 1] = (int64_t)((uint64_t)ce & INVERSE_MASK);
        cd >>= 62;
        ce >>= 62;
    }
    d->v[4] = (int64_t)cd;
    e->v[4] = (int64_t)ce;
}

/* a = a (sign = 0) or -a (sign = -1), plus p if the result is negative; limbs are in [0, 2^62). */
static inline void inverse_settle(inverse_number *a, int64_t sign, const inverse_number *p) {
    int64_t carry = 0;
    for (int i = 0; i < 5; i++) {
        const int64_t limb = ((a->v[i] ^ sign) - sign) + carry;
        a->v[i] = i < 4 ? (int64_t)((uint64_t)limb & INVERSE_MASK) : limb;
        carry = limb >> 62;
    }
    const int64_t negative = a->v[4] >> 63;
    carry = 0;
    for (int i = 0; i < 5; i++) {
        const int64_t limb = a->v[i] + (p->v[i] & negative) + carry;
        a->v[i] = i < 4 ? (int64_t)((uint64_t)limb & INVERSE_MASK) : limb;
        carry = limb >> 62;
    }
}

/** r = 1/a mod m as integers, 1/0 = 0.
 *  needs  a < m, m odd, below 2^255; n0 = -1/m mod 2^64
 *  gives  r < m */
static inline void inverse_var(uint64_t r[4], const uint64_t a[4], const uint64_t m[4], uint64_t n0) {
    const inverse_number p = inverse_number_of(m);
    const uint64_t p62 = (0 - n0) & INVERSE_MASK;
    inverse_number d = {{0}}, e = {{1, 0, 0, 0, 0}}, f = p, g = inverse_number_of(a);
    inverse_matrix t;
    int64_t eta = -1;
    while (g.v[0] | g.v[1] | g.v[2] | g.v[3] | g.v[4]) {
        eta = inverse_steps_var(eta, (uint64_t)f.v[0], (uint64_t)g.v[0], &t);
        inverse_apply_mod(&d, &e, &t, &p, p62);
        inverse_apply(&f, &g, &t);
    }
    inverse_settle(&d, 0, &p);           /* from (-2p, p) to (-p, p) */
    inverse_settle(&d, f.v[4] >> 63, &p); /* f = +-1; for a = 0 it is p, and d = 0 */
    r[0] = (uint64_t)d.v[0] | (uint64_t)d.v[1] << 62;
    r[1] = (uint64_t)d.v[1] >> 2 | (uint64_t)d.v[2] << 60;
    r[2] = (uint64_t)d.v[2] >> 4 | (uint64_t)d.v[3] << 58;
    r[3] = (uint64_t)d.v[3] >> 6 | (uint64_t)d.v[4] << 56;
}

/** r = 1/a, 1/0 = 0, canonical.
 *  source 1 / (a 2^256) times 2^768 / 2^256 is 2^256 / a; 2^768 = R2 R2 / 2^256 */
static inline void fp_inv_var(fp *r, const fp *a) {
    fp t;
    fp_canonical(&t, a);
    inverse_var(t.v, t.v, FP_MODULUS, FP_N0);
    fp_mul(&t, &t, &FP_R2);
    fp_mul(&t, &t, &FP_R2);
    fp_canonical(r, &t);
}

/** As fp_inv_var. */
static inline void fr_inv_var(fr *r, const fr *a) {
    fr t;
    fr_canonical(&t, a);
    inverse_var(t.v, t.v, FR_MODULUS, FR_N0);
    fr_mul(&t, &t, &FR_R2);
    fr_mul(&t, &t, &FR_R2);
    fr_canonical(r, &t);
}

/** r = 1/a, 1/0 = 0.
 *  source 1 / (a0 + a1 u) = (a0 - a1 u) / (a0^2 + a1^2) */
static inline void fp2_inv_var(fp2 *r, const fp2 *a) {
    fp norm, t;
    fp_sqr(&norm, &a->c0);
    fp_sqr(&t, &a->c1);
    fp_add(&norm, &norm, &t);
    fp_inv_var(&norm, &norm);
    fp_mul(&r->c0, &a->c0, &norm);
    fp_neg(&t, &a->c1);
    fp_mul(&r->c1, &t, &norm);
}

#endif
