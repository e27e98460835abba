/* multiply.h - k P and short sums of k_i P_i in the subgroup, as a template: glv.h includes it once a group. */

/* Signed windows of 5 bits: the odd multiples up to 15. */
#define STRAUS_WINDOW 5
#define STRAUS_TABLE (1 << (STRAUS_WINDOW - 2))
/* Points that share their doublings: 8 keep the tables on the stack, 32 KiB for G2. */
#define STRAUS_POINTS 8
#define STRAUS_DIGITS (G(PART_BITS) + 2)

/* r = sum k[i] p[i], 0 < n <= STRAUS_POINTS.
 * source Straus 1964 with width-w NAF (Hankerson, Menezes, Vanstone 2004, algorithms 3.35, 3.51); each scalar in parts
 *        for the point's images under the endomorphism */
static inline void PT(straus_var)(JAC *r, const AFF *p, const u256 *k, size_t n) {
    JAC multiples[STRAUS_POINTS * STRAUS_TABLE], twice, t = PT(infinity)();
    AFF odd[STRAUS_POINTS * STRAUS_TABLE], images[STRAUS_POINTS * STRAUS_TABLE][G(PARTS)];
    COORD scratch[STRAUS_POINTS * STRAUS_TABLE];
    int8_t digits[STRAUS_POINTS][G(PARTS)][STRAUS_DIGITS];
    glv_part parts[G(PARTS)];

    for (size_t i = 0; i < n; i++) {
        JAC *const m = multiples + i * STRAUS_TABLE;
        PT(from_aff)(&m[0], &p[i]);
        PT(dbl)(&twice, &m[0]);
        for (int j = 1; j < STRAUS_TABLE; j++) PT(add_var)(&m[j], &m[j - 1], &twice);
        PT(split)(parts, &k[i]);
        for (int j = 0; j < G(PARTS); j++) glv_digits(digits[i][j], STRAUS_DIGITS, &parts[j], STRAUS_WINDOW);
    }
    PT(to_aff_many_var)(odd, multiples, n * STRAUS_TABLE, scratch);
    for (size_t i = 0; i < n * STRAUS_TABLE; i++) PT(images)(images[i], &odd[i]);

    for (int bit = STRAUS_DIGITS - 1; bit >= 0; bit--) {
        PT(dbl)(&t, &t);
        for (size_t i = 0; i < n; i++)
            for (int j = 0; j < G(PARTS); j++) {
                const int digit = digits[i][j][bit];
                if (digit == 0) continue;
                AFF addend = images[i * STRAUS_TABLE + (size_t)((digit < 0 ? -digit : digit) >> 1)][j];
                if (digit < 0) PT(aff_neg)(&addend, &addend);
                PT(add_mixed_var)(&t, &t, &addend);
            }
    }
    *r = t;
    ct_wipe(digits, sizeof digits); /* the blinding of a proof is a scalar here */
    ct_wipe(parts, sizeof parts);
    ct_wipe(&t, sizeof t);
}

/** r = k a.
 *  needs  a in the subgroup; k < r, not in Montgomery form */
static inline void PT(mul_var)(JAC *r, const AFF *a, const u256 *k) {
    PT(straus_var)(r, a, k, 1);
}

/** r = sum k[i] p[i], for the few points of a verification; g1_msm_var is the faster one above some dozens.
 *  needs  as mul_var */
static inline void PT(sum_var)(JAC *r, const AFF *p, const u256 *k, size_t n) {
    JAC t = PT(infinity)(), part;
    for (size_t i = 0; i < n; i += STRAUS_POINTS) {
        PT(straus_var)(&part, p + i, k + i, n - i < STRAUS_POINTS ? n - i : STRAUS_POINTS);
        PT(add_var)(&t, &t, &part);
    }
    *r = t;
}

#undef STRAUS_WINDOW
#undef STRAUS_TABLE
#undef STRAUS_POINTS
#undef STRAUS_DIGITS
