/* batch_add8.h - the adder of batch_add.h on eight lanes, as a template: msm8.h includes it once a group.
 *
 * Lane l of vector v is pair 8 v + l. The norms of the denominators are multiplied lane by lane, so that there are
 * eight products; their one inversion is left to the scalar field. All is raw, a 2^256, while lanes divide by 2^260,
 * and yet nothing is converted: an inverse that comes out as 2^518 / d makes the slope s 2^258, its square s^2 2^256,
 * and its product with 4 (x1 - x3) 2^256 again what is at rest.
 *
 * The sign of the first operand is put aside: s1 (a + s1 s2 b) is what is computed.
 */

/* The operands of a vector: where they are behind their tables, in bytes, and their signs. */
typedef struct PT(batch_add8_operands) {
    _Alignas(64) uint64_t a[LANES];
    uint64_t b[LANES];
    __mmask8 negative, opposite, none; /* a; b, if a were positive; there is no b */
} PT(batch_add8_operands);

static inline void PT(batch_add8_read)(PT(batch_add8_operands) *o, const batch_pair *pairs) {
    _Static_assert((sizeof(AFF) & (sizeof(AFF) - 1)) == 0, "offsets come by a shift");
    const unsigned shift = __builtin_ctzll(sizeof(AFF));
    const lanes all = _mm512_loadu_si512(pairs); /* b above a */
    const __mmask8 negative2 = _mm512_test_epi64_mask(all, lanes_all((uint64_t)1 << 32));
    o->none = _mm512_cmpge_epu64_mask(all, lanes_all((uint64_t)BATCH_NONE << 32));
    o->negative = _mm512_test_epi64_mask(all, lanes_all(1));
    o->opposite = o->negative ^ negative2;
    const lanes place = _mm512_srli_epi64(_mm512_and_si512(all, lanes_all(0xfffffffe)), 1);
    _mm512_store_si512(o->a, _mm512_slli_epi64(place, shift));
    _mm512_store_si512(o->b, _mm512_slli_epi64(_mm512_maskz_srli_epi64(~o->none, all, 33), shift));
}

static inline void PT(batch_add8_prefetch)(const AFF *left, const AFF *right, const batch_pair *pairs) {
    PT(batch_add8_operands) o;
    PT(batch_add8_read)(&o, pairs);
#pragma GCC unroll 8
    for (int i = 0; i < LANES; i++)
        for (size_t line = 0; line < sizeof(AFF); line += 64) {
            _mm_prefetch((const char *)left + o.a[i] + line, _MM_HINT_T0);
            _mm_prefetch((const char *)right + o.b[i] + line, _MM_HINT_T0);
        }
}

/* The lanes that are no addition of different x, each in one of the masks: see batch_case. */
typedef struct PT(batch_add8_cases) { __mmask8 twice, zero, first, second; } PT(batch_add8_cases);

/* The cases, and their denominators in d.
 * source as batch_denominator: on one x there are y and -y only, equal when y = 0 */
static __attribute__((noinline)) PT(batch_add8_cases)
    PT(batch_add8_cases_of)(COORD8 *d, const PT(batch_add8_operands) *o, const AFF *left, const AFF *right, const COORD8 *x1,
                        const COORD8 *x2) {
    const COORD8 one = CO8(one)();
    COORD8 y1, y2;
    PT(batch_add8_cases) c;
    CO8(gather_raw)(&y1, &left->y, o->a);
    CO8(gather_raw)(&y2, &right->y, o->b);
    const __mmask8 zero_y1 = CO8(is_zero)(&y1);
    const __mmask8 none1 = CO8(is_zero)(x1) & zero_y1, none2 = CO8(is_zero)(x2) & CO8(is_zero)(&y2);
    const __mmask8 same_x = CO8(equal)(x1, x2), same_y = CO8(equal)(&y1, &y2) ^ o->opposite;
    c.first = o->none | none2;
    c.second = none1 & ~c.first;
    c.twice = same_x & same_y & ~(zero_y1 | c.first | c.second);
    c.zero = same_x & ~(c.twice | c.first | c.second);
    CO8(shift)(&y1, &y1, 1);
    CO8(select)(d, c.twice, &y1, d);
    CO8(select)(d, c.zero | c.first | c.second, &one, d);
    return c;
}

/* d = x2 - x1, and the cases: almost always there are none, which the lowest words tell. */
static inline PT(batch_add8_cases) PT(batch_add8_denominator)(COORD8 *d, const PT(batch_add8_operands) *o, const AFF *left,
                                                      const AFF *right, const COORD8 *x1, const COORD8 *x2) {
    CO8(sub)(d, x2, x1, 0);
    if (__builtin_expect(o->none | CO8(maybe_equal)(x1, x2) | CO8(maybe_zero)(x1) | CO8(maybe_zero)(x2), 0))
        return PT(batch_add8_cases_of)(d, o, left, right, x1, x2);
    return (PT(batch_add8_cases)){0, 0, 0, 0};
}

/* product = product * norm for each of the vectors in turn. */
static __attribute__((noinline, flatten)) void PT(batch_add8_forth)(fp8 *product, batch_add8_norm *norms, const AFF *left,
                                                             const AFF *right, const batch_pair *pairs, int vectors) {
    for (int v = 0; v < vectors; v++) {
        PT(batch_add8_operands) o;
        COORD8 x1, x2, d;
        PT(batch_add8_read)(&o, pairs + LANES * v);
        CO8(gather_raw)(&x1, &left->x, o.a);
        CO8(gather_raw)(&x2, &right->x, o.b);
        (void)PT(batch_add8_denominator)(&d, &o, left, right, &x1, &x2);
        CO8(norm)(&norms[v].norm, &d);
    }
    for (int v = 0; v < vectors; v++) {
        norms[v].before = *product;
        fp8_mul(product, product, &norms[v].norm);
    }
}

/* What a vector of sums is made of. */
typedef struct PT(batch_add8_sums) {
    PT(batch_add8_operands) o;
    PT(batch_add8_cases) c;
    COORD8 x1, x2, y1, d, rise, slope, x3, y3;
} PT(batch_add8_sums);

/* The rises of doublings are 3 x^2, for a slope of 3 x^2 / 2 y. x is raw: 16 x x / 2^260 is raw again. Bound 10. */
static __attribute__((noinline)) void PT(batch_add8_tangent)(PT(batch_add8_sums) *s) {
    COORD8 t, square;
    CO8(times_16)(&t, &s->x1);
    CO8(mul)(&square, &s->x1, &t);
    CO8(add)(&t, &square, &square);
    CO8(add)(&t, &t, &square);
    CO8(select)(&s->rise, s->c.twice, &t, &s->rise);
}

/* What is no sum: copies and infinity. */
static __attribute__((noinline)) void PT(batch_add8_copy)(PT(batch_add8_sums) *s, const AFF *right) {
    const COORD8 zero = CO8(zero)();
    COORD8 y2;
    CO8(gather_raw)(&y2, &right->y, s->o.b);
    CO8(sign)(&s->y1, s->o.negative, &s->y1);
    CO8(sign)(&y2, s->o.negative ^ s->o.opposite, &y2);
    CO8(select)(&s->x3, s->c.first, &s->x1, &s->x3);
    CO8(select)(&s->y3, s->c.first, &s->y1, &s->y3);
    CO8(select)(&s->x3, s->c.second, &s->x2, &s->x3);
    CO8(select)(&s->y3, s->c.second, &y2, &s->y3);
    CO8(select)(&s->x3, s->c.zero, &zero, &s->x3);
    CO8(select)(&s->y3, s->c.zero, &zero, &s->y3);
}

static inline void PT(batch_add8_start)(PT(batch_add8_sums) *s, const AFF *left, const AFF *right, const batch_pair *pairs) {
    COORD8 y2;
    PT(batch_add8_read)(&s->o, pairs);
    CO8(gather_raw)(&s->x1, &left->x, s->o.a);
    CO8(gather_raw)(&s->x2, &right->x, s->o.b);
    CO8(gather_raw)(&s->y1, &left->y, s->o.a);
    CO8(gather_raw)(&y2, &right->y, s->o.b);
    CO8(rise)(&s->rise, &s->y1, s->o.opposite, &y2);
    s->c = PT(batch_add8_denominator)(&s->d, &s->o, left, right, &s->x1, &s->x2);
    if (__builtin_expect(s->c.twice, 0)) PT(batch_add8_tangent)(s);
}

/* The sums of the vectors. inverse = 2^518 / (norm_0 .. norm_v) for the last one, up to a constant that cancels, comes
 * in; inverse = 2^518 over the product before the first vector goes out. The vectors take each step side by side, so
 * that one fills the other's waits.
 * source bounds for G2; those for G1 are smaller. d 2; norms, products and inverses 2.2; rise 4, or 10; slope 3.3, its
 *        c1 2.6; run 28, and 2.6 * 28 < 84; fall 4.3 */
static __attribute__((noinline, flatten)) void PT(batch_add8_back)(AFF *r, fp8 *inverse, const batch_add8_norm *norms,
                                                            const AFF *left, const AFF *right,
                                                            const batch_pair *pairs, int vectors) {
    PT(batch_add8_sums) s[BATCH_ADD8_ABREAST];
    fp8 one[BATCH_ADD8_ABREAST];
    for (int v = vectors; v-- > 0;) PT(batch_add8_start)(&s[v], left, right, pairs + LANES * v);
    for (int v = vectors; v-- > 0;) {
        fp8_mul(&one[v], inverse, &norms[v].before);
        fp8_mul(inverse, inverse, &norms[v].norm);
    }
    for (int v = vectors; v-- > 0;) CO8(over_norm)(&s[v].slope, &s[v].d, &one[v]);
    for (int v = vectors; v-- > 0;) CO8(mul)(&s[v].slope, &s[v].slope, &s[v].rise);
    for (int v = vectors; v-- > 0;) CO8(slope_sqr)(&s[v].d, &s[v].slope);
    for (int v = vectors; v-- > 0;) CO8(abscissa)(&s[v].x3, &s[v].rise, &s[v].d, &s[v].x1, &s[v].x2);
    for (int v = vectors; v-- > 0;) CO8(mul)(&s[v].slope, &s[v].slope, &s[v].rise);
    for (int v = vectors; v-- > 0;) {
        CO8(ordinate)(&s[v].y3, &s[v].slope, &s[v].y1, s[v].o.negative);
        if (__builtin_expect(s[v].c.zero | s[v].c.first | s[v].c.second, 0)) PT(batch_add8_copy)(&s[v], right);
        CO8(scatter)(&r[LANES * v].x, sizeof *r, &s[v].x3);
        CO8(scatter)(&r[LANES * v].y, sizeof *r, &s[v].y3);
    }
}

/* See batch_add.h: r[i] = left[a] + right[b]. */
static void PT(batch_add8_var)(AFF *r, const AFF *left, const AFF *right, const batch_pair *pairs, size_t n,
                               void *scratch) {
    if (n < BATCH_ADD8_LEAST) {
        PT(batch_add_var)(r, left, right, pairs, n, scratch);
        return;
    }
    batch_add8_norm *const norms = scratch;
    fp8 product = fp8_one();
    const size_t whole = n / LANES, rest = n % LANES;
    batch_pair last[LANES];
    AFF sums[LANES];
    size_t v = 0;
    for (; v + BATCH_ADD8_ABREAST <= whole; v += BATCH_ADD8_ABREAST) {
        const batch_pair *const at = pairs + LANES * v;
        if (v + BATCH_ADD8_AHEAD + BATCH_ADD8_ABREAST <= whole)
            for (int i = 0; i < BATCH_ADD8_ABREAST; i++)
                PT(batch_add8_prefetch)(left, right, at + LANES * (BATCH_ADD8_AHEAD + i));
        PT(batch_add8_forth)(&product, norms + v, left, right, at, BATCH_ADD8_ABREAST);
    }
    for (; v < whole; v++) PT(batch_add8_forth)(&product, norms + v, left, right, pairs + LANES * v, 1);
    if (rest) {
        for (size_t i = 0; i < LANES; i++)
            last[i] = i < rest ? pairs[LANES * whole + i] : (batch_pair){pairs[0].a, BATCH_NONE};
        PT(batch_add8_forth)(&product, norms + whole, left, right, last, 1);
    }
    fp8_invert(&product);
    if (rest) {
        PT(batch_add8_back)(sums, &product, norms + whole, left, right, last, 1);
        memcpy(r + LANES * whole, sums, rest * sizeof *r);
    }
    for (; v % BATCH_ADD8_ABREAST; v--)
        PT(batch_add8_back)(r + LANES * (v - 1), &product, norms + v - 1, left, right, pairs + LANES * (v - 1), 1);
    for (; v > 0; v -= BATCH_ADD8_ABREAST) {
        const size_t first = v - BATCH_ADD8_ABREAST;
        const batch_pair *const at = pairs + LANES * first;
        if (first >= BATCH_ADD8_AHEAD)
            for (int i = 0; i < BATCH_ADD8_ABREAST; i++)
                PT(batch_add8_prefetch)(left, right, at - LANES * (BATCH_ADD8_AHEAD - i));
        PT(batch_add8_back)(r + LANES * first, &product, norms + first, left, right, at, BATCH_ADD8_ABREAST);
    }
}
