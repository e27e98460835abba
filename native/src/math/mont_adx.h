/* mont_adx.h - Montgomery multiplication modulo a 254-bit prime p, in 4 limbs of 64 bits, with MULX, ADCX and ADOX.
 *
 * The functions and contracts are those of mont_portable.h; mont_carry.h explains the vocabulary. Everything here is
 * constant time.
 *
 * A row adds x * (y0 .. y3) to four limbs in one pass. ADOX adds the low words of the products, ADCX the high words;
 * each has a carry flag of its own (Ozturk, Guilford, Gopal, "Large integer squaring on Intel architecture processors",
 * 2013). In the assembly, rdx holds x; rax and rcx hold a product. `zero` is zero after its xor, which also clears both
 * carries. t0, t1, .. name operands. x is the text of a limb; y(i) is the text of limb i of y.
 */
#ifndef RLN_MATH_MONT_H
#define RLN_MATH_MONT_H

#include "mont_carry.h"

/* clang-format off: the rows of the assembly have their own layout */

/* Limb i of a, b and p. a and b are pointers; the limbs of p are operands, because the compiler knows p. */
#define MONT_A(i) "8*" #i "(%[a])"
#define MONT_B(i) "8*" #i "(%[b])"
#define MONT_P(i) "%[p" #i "]"
#define MONT_LIMBS(name, a) [name##0] "m"(a[0]), [name##1] "m"(a[1]), [name##2] "m"(a[2]), [name##3] "m"(a[3])
/* The operand for a pointer to n limbs; it also tells the compiler that the asm reads them. */
#define MONT_READS(name, a, n) [name] "r"(a), "m"(*(const uint64_t (*)[n])(a))
#define MONT_CLOBBERS "rax", "rcx", "rdx", "cc"

#define MONT_LOAD(x) "movq " x ", %%rdx\n\t"
#define MONT_CLEAR "xorl %k[zero], %k[zero]\n\t"
#define MONT_STEP(y, low, high)     \
    "mulxq " y ", %%rax, %%rcx\n\t" \
    "adoxq %%rax, %[" #low "]\n\t"  \
    "adcxq %%rcx, %[" #high "]\n\t"
#define MONT_STEPS(y, t0, t1, t2, t3) MONT_STEP(y(0), t0, t1) MONT_STEP(y(1), t1, t2) MONT_STEP(y(2), t2, t3)

/* t = x * a. Nothing is added, so one carry chain takes the low and the high words. */
#define MONT_FIRST_ROW(x, t0, t1, t2, t3, t4)                                                                      \
    MONT_LOAD(x)                                                                                                   \
    "mulxq " MONT_A(0) ", %[" #t0 "], %[" #t1 "]\n\t"                                                              \
                       "mulxq " MONT_A(1) ", %%rax, %[" #t2 "]\n\t addq %%rax, %[" #t1 "]\n\t"                     \
                                          "mulxq " MONT_A(2) ", %%rax, %[" #t3 "]\n\t adcq %%rax, %[" #t2 "]\n\t"  \
                                                             "mulxq " MONT_A(3) ", %%rax, %[" #t4                  \
                                                                                "]\n\t adcq %%rax, %[" #t3 "]\n\t" \
                                                                                "adcq $0, %[" #t4 "]\n\t"

/* t (5 limbs) = t (4 limbs) + x * y, where rdx = x. t4 may be t0 if the new t0 is not needed.
 * source t + x y < 2^256 + (2^64 - 1) 2^256 = 2^320, so t4 takes both carries */
#define MONT_GROW(y, t0, t1, t2, t3, t4)                                                   \
    MONT_CLEAR MONT_STEPS(y, t0, t1, t2, t3) "mulxq " y(3) ", %%rax, %[" #t4 "]\n\t"       \
                                                           "adoxq %%rax, %[" #t3 "]\n\t"   \
                                                           "adcxq %[zero], %[" #t4 "]\n\t" \
                                                           "adoxq %[zero], %[" #t4 "]\n\t"
#define MONT_ROW(x, t0, t1, t2, t3, t4) MONT_LOAD(x) MONT_GROW(MONT_A, t0, t1, t2, t3, t4)

/* rdx = m: adding m p makes t0 zero. */
#define MONT_QUOTIENT(t0) MONT_LOAD("%[n0]") "imulq %[" #t0 "], %%rdx\n\t"

/* t (5 limbs) += m p; t0 becomes zero. needs t + m p < 2^320 */
#define MONT_REDUCE_ROW(t0, t1, t2, t3, t4) \
    MONT_QUOTIENT(t0)                       \
    MONT_CLEAR MONT_STEPS(MONT_P, t0, t1, t2, t3) MONT_STEP(MONT_P(3), t3, t4) "adoxq %[zero], %[" #t4 "]\n\t"

/** r (8 limbs) = a * b as integers.
 *  needs  a, b any 256-bit values */
static inline void mont_wide_mul(uint64_t r[8], const uint64_t a[4], const uint64_t b[4]) {
    uint64_t t0, t1, t2, t3, t4, zero;
    __asm__(MONT_FIRST_ROW(MONT_B(0), t0, t1, t2, t3, t4) "movq %[t0], (%[r])\n\t" MONT_ROW(
                MONT_B(1), t1, t2, t3, t4,
                t0) "movq %[t1], 8(%[r])\n\t" MONT_ROW(MONT_B(2), t2, t3, t4, t0,
                                                       t1) "movq %[t2], 16(%[r])\n\t" MONT_ROW(MONT_B(3), t3, t4, t0,
                                                                                               t1, t2)
            : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [zero] "=&r"(zero),
              "=m"(*(uint64_t (*)[3])r)
            : [r] "r"(r), MONT_READS(a, a, 4), MONT_READS(b, b, 4)
            : MONT_CLOBBERS);
    r[3] = t3;
    r[4] = t4;
    r[5] = t0;
    r[6] = t1;
    r[7] = t2;
}

/* r (8 limbs) = a^2: the six products of different limbs, doubled, and the four squares. */
static inline void mont_wide_sqr(uint64_t r[8], const uint64_t a[4]) {
    uint64_t t1, t2, t3, t4, t5, t6, zero;
    __asm__(/* t1 .. t6 = a0 a1, a0 a2, a0 a3; a1 a2, a1 a3; a2 a3, each at its place */
            MONT_LOAD(MONT_A(0)) MONT_CLEAR "mulxq " MONT_A(
                1) ", %[t1], %[t2]\n\t"
                   "mulxq " MONT_A(2) ", %%rax, %[t3]\n\t adcxq %%rax, %[t2]\n\t"
                                      "mulxq " MONT_A(3) ", %%rax, %[t4]\n\t adcxq %%rax, %[t3]\n\t adcxq %[zero], "
                                                         "%[t4]\n\t" MONT_LOAD(MONT_A(1))
                                                             MONT_CLEAR MONT_STEP(MONT_A(2), t3, t4) "mulxq " MONT_A(
                                                                 3) ", %%rax, %[t5]\n\t adoxq %%rax, %[t4]\n\t"
                                                                    "adcxq %[zero], %[t5]\n\t adoxq %[zero], "
                                                                    "%[t5]\n\t" MONT_LOAD(MONT_A(2)) "mulxq " MONT_A(
                                                                        3) ", %%rax, %[t6]\n\t addq %%rax, %[t5]\n\t "
                                                                           "adcq %[zero], %[t6]\n\t"
            /* ADOX doubles them, ADCX adds the squares; the last limb is below 2^64 */
            MONT_LOAD(MONT_A(0)) MONT_CLEAR
            "mulxq %%rdx, %%rax, %%rcx\n\t movq %%rax, (%[r])\n\t"
            "adoxq %[t1], %[t1]\n\t adcxq %%rcx, %[t1]\n\t" MONT_LOAD(
                MONT_A(1)) "mulxq %%rdx, %%rax, %%rcx\n\t"
                           "adoxq %[t2], %[t2]\n\t adcxq %%rax, %[t2]\n\t adoxq %[t3], %[t3]\n\t adcxq %%rcx, "
                           "%[t3]\n\t" MONT_LOAD(MONT_A(
                               2)) "mulxq %%rdx, %%rax, %%rcx\n\t"
                                   "adoxq %[t4], %[t4]\n\t adcxq %%rax, %[t4]\n\t adoxq %[t5], %[t5]\n\t adcxq %%rcx, "
                                   "%[t5]\n\t" MONT_LOAD(MONT_A(
                                       3)) "mulxq %%rdx, %%rax, %%rcx\n\t"
                                           "adoxq %[t6], %[t6]\n\t adcxq %%rax, %[t6]\n\t"
                                           "adoxq %[zero], %%rcx\n\t adcxq %[zero], %%rcx\n\t movq %%rcx, 56(%[r])\n\t"
            : [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5), [t6] "=&r"(t6),
              [zero] "=&r"(zero), "=m"(*(uint64_t (*)[8])r)
            : [r] "r"(r), MONT_READS(a, a, 4)
            : MONT_CLOBBERS);
    r[1] = t1;
    r[2] = t2;
    r[3] = t3;
    r[4] = t4;
    r[5] = t5;
    r[6] = t6;
}

/** r = a / 2^256 mod p.
 *  needs  a wide: a < p * 2^256
 *  gives  r loose: (a + m p) / 2^256 < p + p
 *  alias  r may be in a
 *  source Montgomery 1985. Each row makes the lowest limb of (a mod 2^256) + m p zero and drops it. The
 *         rows leave at most p, so no row carries into a fifth limb; the high half of a, below p, is added last */
static inline void mont_reduce(uint64_t r[4], const uint64_t a[8], const uint64_t p[4], uint64_t n0) {
    uint64_t t0 = a[0], t1 = a[1], t2 = a[2], t3 = a[3], zero;
    __asm__(MONT_QUOTIENT(t0) MONT_GROW(MONT_P, t0, t1, t2, t3, t0) MONT_QUOTIENT(t1)
                MONT_GROW(MONT_P, t1, t2, t3, t0, t1) MONT_QUOTIENT(t2) MONT_GROW(MONT_P, t2, t3, t0, t1, t2)
                    MONT_QUOTIENT(t3) MONT_GROW(MONT_P, t3, t0, t1, t2, t3) "addq " MONT_A(
                        0) ", %[t0]\n\t adcq " MONT_A(1) ", %[t1]\n\t"
                                                         "adcq " MONT_A(2) ", %[t2]\n\t adcq " MONT_A(3) ", %[t3]\n\t"
            : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [zero] "=&r"(zero)
            : MONT_LIMBS(p, p), [n0] "rm"(n0), MONT_READS(a, a + 4, 4)
            : MONT_CLOBBERS);
    r[0] = t0;
    r[1] = t1;
    r[2] = t2;
    r[3] = t3;
}

/** r = a * b / 2^256 mod p.
 *  needs  a, b loose: a b < 4 p^2 < p * 2^256 is wide
 *  gives  r loose
 *  alias  r may be a or b
 *  source Koc, Acar, Kaliski 1996, method CIOS. With b_i a < 2^64 2p and m p < 2^64 p, t stays below 3p between the
 *         rows and below 3p + 2^64 3p < 2^320 within them */
static inline void mont_mul(uint64_t r[4], const uint64_t a[4], const uint64_t b[4], const uint64_t p[4], uint64_t n0) {
    uint64_t t0, t1, t2, t3, t4, zero;
    __asm__(MONT_FIRST_ROW(MONT_B(0), t0, t1, t2, t3, t4) MONT_REDUCE_ROW(t0, t1, t2, t3, t4)
                MONT_ROW(MONT_B(1), t1, t2, t3, t4, t0) MONT_REDUCE_ROW(t1, t2, t3, t4, t0)
                    MONT_ROW(MONT_B(2), t2, t3, t4, t0, t1) MONT_REDUCE_ROW(t2, t3, t4, t0, t1)
                        MONT_ROW(MONT_B(3), t3, t4, t0, t1, t2) MONT_REDUCE_ROW(t3, t4, t0, t1, t2)
            : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [zero] "=&r"(zero)
            : MONT_READS(a, a, 4), MONT_READS(b, b, 4), MONT_LIMBS(p, p), [n0] "rm"(n0)
            : MONT_CLOBBERS);
    r[0] = t4;
    r[1] = t0;
    r[2] = t1;
    r[3] = t2;
}

/** r = a^2 / 2^256 mod p, with the contract of mont_mul. */
static inline void mont_sqr(uint64_t r[4], const uint64_t a[4], const uint64_t p[4], uint64_t n0) {
    uint64_t wide[8];
    mont_wide_sqr(wide, a);
    mont_reduce(r, wide, p, n0);
}

/* The most terms of mont_dot. */
#define MONT_DOT_MOST 4

/* rdx = limb i of a[j]; t (5 limbs) += rdx * b[j]. */
#define MONT_PLACE(j, i, name) "32*" #j "+8*" #i "(%[" #name "])"
#define MONT_TERM_STEP(j, i, low, high)                         \
    "mulxq " MONT_PLACE(j, i, b) ", %%rax, %%rcx\n\t"           \
                                 "adoxq %%rax, %[" #low "]\n\t" \
                                 "adcxq %%rcx, %[" #high "]\n\t"
#define MONT_TERM(j, i, t0, t1, t2, t3, t4)                                                                        \
    "movq " MONT_PLACE(j, i, a) ", %%rdx\n\t" MONT_CLEAR MONT_TERM_STEP(j, 0, t0, t1) MONT_TERM_STEP(j, 1, t1, t2) \
        MONT_TERM_STEP(j, 2, t2, t3) MONT_TERM_STEP(j, 3, t3, t4) "adoxq %[zero], %[" #t4 "]\n\t"
#define MONT_TERMS_1(i, ...) MONT_TERM(0, i, __VA_ARGS__)
#define MONT_TERMS_2(i, ...) MONT_TERMS_1(i, __VA_ARGS__) MONT_TERM(1, i, __VA_ARGS__)
#define MONT_TERMS_3(i, ...) MONT_TERMS_2(i, __VA_ARGS__) MONT_TERM(2, i, __VA_ARGS__)
#define MONT_TERMS_4(i, ...) MONT_TERMS_3(i, __VA_ARGS__) MONT_TERM(3, i, __VA_ARGS__)
#define MONT_SUM_ROW(terms, i, t0, t1, t2, t3, t4) \
    "xorl %k[" #t4 "], %k[" #t4 "]\n\t" terms(i, t0, t1, t2, t3, t4) MONT_REDUCE_ROW(t0, t1, t2, t3, t4)
#define MONT_SUM(terms)                                                                                          \
    __asm__(MONT_SUM_ROW(terms, 0, t0, t1, t2, t3, t4) MONT_SUM_ROW(terms, 1, t1, t2, t3, t4, t0)                \
                MONT_SUM_ROW(terms, 2, t2, t3, t4, t0, t1) MONT_SUM_ROW(terms, 3, t3, t4, t0, t1, t2)            \
            : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [t4] "=&r"(t4), [zero] "=&r"(zero) \
            : [a] "r"(a), [b] "r"(b), MONT_LIMBS(p, p), [n0] "rm"(n0), "m"(*(const uint64_t (*)[n][4])a),        \
              "m"(*(const uint64_t (*)[n][4])b)                                                                  \
            : MONT_CLOBBERS)

/** r = (sum a[i] b[i]) / 2^256 mod p, i < n <= 4.
 *  needs  a loose, b canonical
 *  gives  r < sum / 2^256 + p, at most 2.6p
 *  source n products share one reduction: mont_mul with n terms in each row. With the limbs of a as multipliers and
 *         each b below p, t stays below 5p < 2^256 between the rows and below 2^64 5p + 5p < 2^320 within them */
static inline void mont_dot(uint64_t r[4], const uint64_t (*a)[4], const uint64_t (*b)[4], unsigned n,
                            const uint64_t p[4], uint64_t n0) {
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4, zero;
    if (n == 1) MONT_SUM(MONT_TERMS_1);
    else if (n == 2) MONT_SUM(MONT_TERMS_2);
    else if (n == 3) MONT_SUM(MONT_TERMS_3);
    else MONT_SUM(MONT_TERMS_4);
    r[0] = t4;
    r[1] = t0;
    r[2] = t1;
    r[3] = t2;
}

#undef MONT_PLACE
#undef MONT_TERM_STEP
#undef MONT_TERM
#undef MONT_TERMS_1
#undef MONT_TERMS_2
#undef MONT_TERMS_3
#undef MONT_TERMS_4
#undef MONT_SUM_ROW
#undef MONT_SUM
#undef MONT_A
#undef MONT_B
#undef MONT_P
#undef MONT_READS
#undef MONT_LOAD
#undef MONT_CLEAR
#undef MONT_STEP
#undef MONT_STEPS
#undef MONT_FIRST_ROW
#undef MONT_GROW
#undef MONT_ROW
#undef MONT_QUOTIENT
#undef MONT_REDUCE_ROW
#undef MONT_LIMBS
#undef MONT_CLOBBERS

#endif
