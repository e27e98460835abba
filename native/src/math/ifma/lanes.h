/* lanes.h - eight numbers in AVX-512 registers.
 *
 * A lane value is five vectors of limbs in radix 2^52, least significant first; lane i of each belongs to number i.
 *   normal   every limb < 2^52: the value is below 2^260
 *   raw      the words of a field element in its stored Montgomery form, a 2^256, split into limbs; the lanes' form is
 *            a 2^260
 * field8.inc makes two fields from this. Nothing here branches on values.
 */
#ifndef RLN_MATH_IFMA_LANES_H
#define RLN_MATH_IFMA_LANES_H

#include <immintrin.h>
#include <stdint.h>

#include "../../base/check.h"

#define LANES 8
#define LANES_MASK ((int64_t)0xfffffffffffff)

typedef __m512i lanes;

static inline lanes lanes_all(uint64_t a) {
    return _mm512_set1_epi64((long long)a);
}

/* As lanes_all, for a constant in memory. A compiler that sees the value builds it in a general register and moves it
 * from there, which costs as much as an addition; a load costs nothing here. */
static inline lanes lanes_at(const uint64_t *a) {
    __asm__("" : "+r"(a));
    return _mm512_set1_epi64((long long)*a);
}

/* a + the low (high) 52 bits of b * c, where b and c count with their low 52 bits. */
static inline lanes lanes_low(lanes a, lanes b, lanes c) {
    return _mm512_madd52lo_epu64(a, b, c);
}

static inline lanes lanes_high(lanes a, lanes b, lanes c) {
    return _mm512_madd52hi_epu64(a, b, c);
}

static inline lanes lanes_add(lanes a, lanes b) {
    return _mm512_add_epi64(a, b);
}

static inline lanes lanes_sub(lanes a, lanes b) {
    return _mm512_sub_epi64(a, b);
}

/* mask ? a : b, in each lane. */
static inline lanes lanes_select(__mmask8 mask, lanes a, lanes b) {
    return _mm512_mask_mov_epi64(b, mask, a);
}

/** r = the same number with normal limbs; limbs of t are signed, |limb| < 2^62, the number is in [0, 2^260). */
static inline void lanes_carry(lanes r[5], const lanes t[5]) {
    const lanes mask = lanes_all(LANES_MASK);
    lanes carried = t[0];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_and_si512(carried, mask);
        carried = lanes_add(t[i + 1], _mm512_srai_epi64(carried, 52));
    }
    r[4] = carried;
}

/** 1 if all limbs are normal in every lane: for the tests' build. */
static inline int lanes_are_normal(const lanes a[5]) {
    lanes high = _mm512_setzero_si512();
    for (int i = 0; i < 5; i++) high = _mm512_or_si512(high, _mm512_srli_epi64(a[i], 52));
    return _mm512_test_epi64_mask(high, high) == 0;
}

/** From four words for each number, word i of all eight in a[i], to limbs. */
static inline void lanes_split(lanes r[5], const lanes a[4]) {
    const lanes mask = lanes_all(LANES_MASK);
    const lanes a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
    r[0] = _mm512_and_si512(a0, mask);
    r[1] = _mm512_and_si512(_mm512_shrdi_epi64(a0, a1, 52), mask);
    r[2] = _mm512_and_si512(_mm512_shrdi_epi64(a1, a2, 40), mask);
    r[3] = _mm512_and_si512(_mm512_shrdi_epi64(a2, a3, 28), mask);
    r[4] = _mm512_srli_epi64(a3, 16);
}

/** As lanes_split, times 16.
 *  source 256 + 4 bits are the 260 bits of five limbs */
static inline void lanes_split_times_16(lanes r[5], const lanes a[4]) {
    const lanes mask = lanes_all(LANES_MASK);
    const lanes a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
    r[0] = _mm512_and_si512(_mm512_slli_epi64(a0, 4), mask);
    r[1] = _mm512_and_si512(_mm512_shrdi_epi64(a0, a1, 48), mask);
    r[2] = _mm512_and_si512(_mm512_shrdi_epi64(a1, a2, 36), mask);
    r[3] = _mm512_and_si512(_mm512_shrdi_epi64(a2, a3, 24), mask);
    r[4] = _mm512_srli_epi64(a3, 12);
}

/** From limbs to words.
 *  needs  a normal, the number < 2^256
 *  alias  none */
static inline void lanes_join(lanes r[4], const lanes a[5]) {
    r[0] = _mm512_or_si512(a[0], _mm512_slli_epi64(a[1], 52));
    r[1] = _mm512_or_si512(_mm512_srli_epi64(a[1], 12), _mm512_slli_epi64(a[2], 40));
    r[2] = _mm512_or_si512(_mm512_srli_epi64(a[2], 24), _mm512_slli_epi64(a[3], 28));
    r[3] = _mm512_or_si512(_mm512_srli_epi64(a[3], 36), _mm512_slli_epi64(a[4], 16));
}

/* The index vectors for transposing: from four vectors of two numbers, with four words each, to word i of all eight
 * numbers in vector i, and back. */
static inline lanes lanes_index_first(void) {
    return _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
}

static inline lanes lanes_index_last(void) {
    return _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
}

static inline void lanes_words_of_rows(lanes r[4], const lanes rows[4]) {
    const lanes first = lanes_index_first(), last = lanes_index_last();
    const lanes low01 = _mm512_permutex2var_epi64(rows[0], first, rows[1]);
    const lanes low23 = _mm512_permutex2var_epi64(rows[2], first, rows[3]);
    const lanes high01 = _mm512_permutex2var_epi64(rows[0], last, rows[1]);
    const lanes high23 = _mm512_permutex2var_epi64(rows[2], last, rows[3]);
    r[0] = _mm512_shuffle_i64x2(low01, low23, 0x44);
    r[1] = _mm512_shuffle_i64x2(low01, low23, 0xee);
    r[2] = _mm512_shuffle_i64x2(high01, high23, 0x44);
    r[3] = _mm512_shuffle_i64x2(high01, high23, 0xee);
}

static inline void lanes_rows_of_words(lanes rows[4], const lanes a[4]) {
    const lanes first = lanes_index_first(), last = lanes_index_last();
    const lanes first01 = _mm512_shuffle_i64x2(a[0], a[1], 0x44), last01 = _mm512_shuffle_i64x2(a[0], a[1], 0xee);
    const lanes first23 = _mm512_shuffle_i64x2(a[2], a[3], 0x44), last23 = _mm512_shuffle_i64x2(a[2], a[3], 0xee);
    rows[0] = _mm512_permutex2var_epi64(first01, first, first23);
    rows[1] = _mm512_permutex2var_epi64(first01, last, first23);
    rows[2] = _mm512_permutex2var_epi64(last01, first, last23);
    rows[3] = _mm512_permutex2var_epi64(last01, last, last23);
}

/** Transpose 8 x 8 words in place: for numbers of eight words, such as points, one in each row. */
static inline void lanes_transpose(lanes r[8]) {
    const lanes even = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), odd = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    lanes t[8], u[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        u[i] = _mm512_permutex2var_epi64(t[i], even, t[i + 2]);
        u[i + 1] = _mm512_permutex2var_epi64(t[i + 1], even, t[i + 3]);
        u[i + 2] = _mm512_permutex2var_epi64(t[i], odd, t[i + 2]);
        u[i + 3] = _mm512_permutex2var_epi64(t[i + 1], odd, t[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i64x2(u[i], u[i + 4], 0x44);
        r[i + 4] = _mm512_shuffle_i64x2(u[i], u[i + 4], 0xee);
    }
}

#endif
