/* point_jac8.h - Jacobian points on eight lanes, as a template: point_jobs8.h includes it once a group. Coordinates are
 * in the lanes' form; x and y canonical, z of bound 5.
 */

/* The lanes of none are infinity, whatever the coordinates say. */
typedef struct PT(jac8) {
    COORD8 x, y, z;
    __mmask8 none;
} PT(jac8);

/* a[v] = 2 a[v], with y z for z where it should be 2 y z: the vectors take each step side by side, so that one fills
 * the other's waits.
 * source as dbl in group.h. Bounds for G2, those for G1 are smaller: squares 2.1 to 4.2, m 6.3, x y^2 3.1 */
static __attribute__((noinline)) void PT(jac8_dbl)(PT(jac8) *a, int vectors) {
    COORD8 yy[JAC8_ABREAST], s[JAC8_ABREAST], m[JAC8_ABREAST], t[JAC8_ABREAST];
    for (int v = 0; v < vectors; v++) CO8(sqr_of)(&yy[v], &a[v].y, 0);
    for (int v = 0; v < vectors; v++) CO8(sqr_of)(&t[v], &a[v].x, 0);
    for (int v = 0; v < vectors; v++) CO8(mul)(&s[v], &a[v].x, &yy[v]);
    for (int v = 0; v < vectors; v++) CO8(three_times)(&m[v], &t[v]);
    for (int v = 0; v < vectors; v++) CO8(sqr_of)(&t[v], &m[v], 3);
    for (int v = 0; v < vectors; v++) CO8(mul)(&a[v].z, &a[v].y, &a[v].z);
    for (int v = 0; v < vectors; v++) CO8(less_eight_times)(&a[v].x, &t[v], &s[v]);
    for (int v = 0; v < vectors; v++) CO8(four_times_less)(&s[v], &s[v], &a[v].x);
    for (int v = 0; v < vectors; v++) CO8(sqr_of)(&yy[v], &yy[v], 2);
    for (int v = 0; v < vectors; v++) CO8(mul)(&m[v], &m[v], &s[v]);
    for (int v = 0; v < vectors; v++) CO8(less_eight_times)(&a[v].y, &m[v], &yy[v]);
}

/* Eight points with z = factor. */
static inline void PT(jac8_load)(PT(jac8) *r, const AFF a[LANES], const COORD8 *factor) {
    uint64_t offsets[LANES];
    for (size_t i = 0; i < LANES; i++) offsets[i] = i * sizeof *a;
    CO8(gather_raw)(&r->x, &a->x, offsets);
    CO8(gather_raw)(&r->y, &a->y, offsets);
    r->none = CO8(is_zero)(&r->x) & CO8(is_zero)(&r->y);
    CO8(times_16)(&r->x, &r->x);
    CO8(times_16)(&r->y, &r->y);
    CO8(canonical)(&r->x, &r->x);
    CO8(canonical)(&r->y, &r->y);
    r->z = *factor;
}

/* r = a, n points in as many vectors as they need, with one inversion. products has room for a vector each.
 * source Montgomery's trick as in batch_add8.h: the inverse comes as 2^258 / z, its square 2^256 / z^2 takes x from the
 *        lanes' form to rest, and so does 2^256 / z^3, the product of both times 4 */
static void PT(jac8_to_aff)(AFF *r, PT(jac8) *a, size_t n, COORD8 *products) {
    const COORD8 one = CO8(one)(), zero = CO8(zero)();
    const size_t vectors = (n + LANES - 1) / LANES;
    COORD8 product = one, inverse, square, x, y;
    AFF last[LANES];
    for (size_t v = 0; v < vectors; v++) {
        CO8(select)(&a[v].z, a[v].none, &one, &a[v].z);
        products[v] = product;
        CO8(mul)(&product, &product, &a[v].z);
    }
    CO8(invert)(&product);
    for (size_t v = vectors; v-- > 0;) {
        const size_t left = n - v * LANES;
        CO8(mul)(&inverse, &product, &products[v]);
        CO8(mul)(&product, &product, &a[v].z);
        CO8(sqr_of)(&square, &inverse, 2);
        CO8(mul)(&x, &a[v].x, &square);
        CO8(shift)(&inverse, &inverse, 2);
        CO8(mul)(&square, &square, &inverse);
        CO8(mul)(&y, &a[v].y, &square);
        CO8(canonical)(&x, &x);
        CO8(canonical)(&y, &y);
        CO8(select)(&x, a[v].none, &zero, &x);
        CO8(select)(&y, a[v].none, &zero, &y);
        AFF *const at = left < LANES ? last : r + v * LANES;
        CO8(scatter)(&at->x, sizeof *at, &x);
        CO8(scatter)(&at->y, sizeof *at, &y);
        if (left < LANES) memcpy(r + v * LANES, last, left * sizeof *r);
    }
}

/* A doubler: see point_table_fill.h.
 * needs  no point of order 2
 * source with z = 2^times from the start the doublings need not double it */
static void PT(double_many8_var)(AFF *r, const AFF *a, size_t n, unsigned times) {
    PT(jac8) t[POINT_PIECE / LANES];
    COORD8 products[POINT_PIECE / LANES], factor = CO8(one)();
    for (unsigned i = 0; i < times; i++) {
        CO8(shift)(&factor, &factor, 1);
        CO8(canonical)(&factor, &factor);
    }
    for (size_t v = 0; v * LANES < n; v++) {
        const size_t left = n - v * LANES;
        AFF last[LANES];
        if (left < LANES) {
            memset(last, 0, sizeof last);
            memcpy(last, a + v * LANES, left * sizeof *a);
        }
        PT(jac8_load)(&t[v], left < LANES ? last : a + v * LANES, &factor);
    }
    const size_t vectors = (n + LANES - 1) / LANES;
    size_t v = 0;
    for (; v + JAC8_ABREAST <= vectors; v += JAC8_ABREAST)
        for (unsigned i = 0; i < times; i++) PT(jac8_dbl)(t + v, JAC8_ABREAST);
    for (; v < vectors; v++)
        for (unsigned i = 0; i < times; i++) PT(jac8_dbl)(t + v, 1);
    PT(jac8_to_aff)(r, t, n, products);
}
