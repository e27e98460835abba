/* batch_add.h - many affine additions at the price of one inversion, as a template: msm.h includes it once a
 * group. 5 multiplications and 1 squaring an addition; Jacobian ones take 11 and more.
 */

/* The point that an operand names; any point for none. */
static inline const AFF *PT(operand)(const AFF *table, uint32_t operand) {
    return operand == BATCH_NONE ? table : &table[operand >> 1];
}

/* y of the operand: minus the point's for an odd operand. */
static inline void PT(operand_y)(COORD *r, const AFF *point, uint32_t operand) {
    if (operand & 1) CO(neg)(r, &point->y);
    else *r = point->y;
}

/* How a pair is added, and the denominator of its slope. Coordinates are canonical: words decide. */
static inline batch_case PT(batch_denominator)(COORD *r, const AFF *a, const AFF *b, const batch_pair *pair) {
    COORD ya, yb;
    if (pair->b == BATCH_NONE) return BATCH_FIRST;
    CO(sub)(r, &b->x, &a->x);
    if (__builtin_expect(batch_is_zero(&a->x, sizeof(COORD)) || batch_is_zero(&b->x, sizeof(COORD)), 0)) {
        if (PT(aff_is_infinity)(b)) return BATCH_FIRST;
        if (PT(aff_is_infinity)(a)) return BATCH_SECOND;
    }
    if (__builtin_expect(!batch_is_zero(r, sizeof(COORD)), 1)) return BATCH_ADD;
    PT(operand_y)(&ya, a, pair->a);
    PT(operand_y)(&yb, b, pair->b);
    CO(add)(r, &ya, &yb);
    return CO(is_zero)(r) ? BATCH_ZERO : BATCH_DOUBLE; /* 2y: on one x there are y and -y only */
}

/* r[i] = left[a] + right[b] for pair i, both with their signs; b = BATCH_NONE copies left[a]. n inversions
 * become one. Sums take the adder as an argument: engines have their own.
 * needs  tables canonical; scratch of BATCH_SCRATCH(COORD, n) bytes, aligned to 64; it is left dirty
 * gives  r canonical
 * alias  r[i] may be a place that pair i or a later one reads, but no earlier one: results are written from the last
 *        one */
typedef void PT(batch_adder)(AFF *r, const AFF *left, const AFF *right, const batch_pair *pairs, size_t n,
                             void *scratch);

/* The adder of one pair after the other. */
static void PT(batch_add_var)(AFF *r, const AFF *left, const AFF *right, const batch_pair *pairs, size_t n,
                              void *scratch) {
    COORD *const products = scratch;
    COORD product = CO(one)(), d, slope, x, y, ya;
    for (size_t i = 0; i < n; i++) {
        const AFF *const a = PT(operand)(left, pairs[i].a), *const b = PT(operand)(right, pairs[i].b);
        products[i] = product;
        const batch_case how = PT(batch_denominator)(&d, a, b, &pairs[i]);
        if (how == BATCH_ADD || how == BATCH_DOUBLE) CO(mul)(&product, &product, &d);
    }
    CO(inv_var)(&product, &product);
    for (size_t i = n; i-- > 0;) {
        const AFF *const a = PT(operand)(left, pairs[i].a), *const b = PT(operand)(right, pairs[i].b);
        const batch_case how = PT(batch_denominator)(&d, a, b, &pairs[i]);
        const AFF *const copied = how == BATCH_SECOND ? b : a;
        switch (how) {
        case BATCH_ZERO:
            r[i] = PT(aff_infinity)();
            continue;
        case BATCH_FIRST:
        case BATCH_SECOND:
            PT(operand_y)(&y, copied, how == BATCH_SECOND ? pairs[i].b : pairs[i].a);
            r[i].x = copied->x;
            CO(canonical)(&r[i].y, &y);
            continue;
        case BATCH_DOUBLE:
            CO(sqr)(&x, &a->x);
            CO(dbl)(&slope, &x);
            CO(add)(&slope, &slope, &x);
            PT(operand_y)(&ya, a, pairs[i].a);
            break;
        case BATCH_ADD:
            PT(operand_y)(&ya, a, pairs[i].a);
            PT(operand_y)(&slope, b, pairs[i].b);
            CO(sub)(&slope, &slope, &ya);
            break;
        }
        /* product = 1 / (d_0 .. d_i), products[i] = d_0 .. d_{i-1} */
        CO(mul)(&x, &product, &products[i]);
        CO(mul)(&product, &product, &d);
        CO(mul)(&slope, &slope, &x);
        CO(sqr)(&x, &slope);
        CO(sub)(&x, &x, &a->x);
        CO(sub)(&x, &x, &b->x);
        CO(sub)(&y, &a->x, &x);
        CO(mul)(&y, &y, &slope);
        CO(sub)(&y, &y, &ya);
        CO(canonical)(&r[i].x, &x);
        CO(canonical)(&r[i].y, &y);
    }
}
