/* small_group.h - every pair of points of a small group, as a template: test_group.c includes it once a group.
 *
 * Addition with a = 0 never reads b, so the code for y^2 = x^3 + 3 serves every y^2 = x^3 + b over the same
 * field, where some b have subgroups of a few dozen points. */

#define SMALL_MOST 128

/* Addition by the textbook, with an inversion and every case apart. */
static AFF PT(textbook_add)(const AFF *a, const AFF *b) {
    COORD slope, t;
    AFF r;
    if (PT(aff_is_infinity)(a)) return *b;
    if (PT(aff_is_infinity)(b)) return *a;
    CO(add)(&t, &a->y, &b->y);
    if (CO(equal)(&a->x, &b->x) && CO(is_zero)(&t)) return PT(aff_infinity)();
    if (CO(equal)(&a->x, &b->x)) {
        CO(sqr)(&slope, &a->x);
        CO(add)(&t, &slope, &slope);
        CO(add)(&slope, &t, &slope);
        CO(add)(&t, &a->y, &a->y);
    } else {
        CO(sub)(&slope, &b->y, &a->y);
        CO(sub)(&t, &b->x, &a->x);
    }
    CO(inv)(&t, &t);
    CO(mul)(&slope, &slope, &t);
    CO(sqr)(&r.x, &slope);
    CO(sub)(&r.x, &r.x, &a->x);
    CO(sub)(&r.x, &r.x, &b->x);
    CO(sub)(&t, &a->x, &r.x);
    CO(mul)(&t, &t, &slope);
    CO(sub)(&r.y, &t, &a->y);
    CO(canonical)(&r.x, &r.x);
    CO(canonical)(&r.y, &r.y);
    return r;
}

/* a with Z = z. */
static JAC PT(scaled)(const AFF *a, const COORD *z) {
    JAC r;
    COORD zz;
    PT(from_aff)(&r, a);
    if (PT(aff_is_infinity)(a)) return r;
    CO(sqr)(&zz, z);
    CO(mul)(&r.x, &r.x, &zz);
    CO(mul)(&zz, &zz, z);
    CO(mul)(&r.y, &r.y, &zz);
    r.z = *z;
    return r;
}

static int PT(is)(const JAC *a, const AFF *expected) {
    AFF t;
    PT(to_aff_var)(&t, a);
    return PT(aff_equal)(&t, expected) != 0;
}

static void PT(small_group)(const AFF *generator, uint32_t order) {
    AFF points[SMALL_MOST], sums[SMALL_MOST], many[SMALL_MOST];
    JAC jacobian[SMALL_MOST], r;
    _Alignas(64) uint8_t room[BATCH_SCRATCH(COORD, SMALL_MOST)];
    COORD scratch[SMALL_MOST], z = CO(one)();
    batch_pair pairs[SMALL_MOST];
    points[0] = PT(aff_infinity)();
    for (uint32_t i = 1; i < order; i++) points[i] = PT(textbook_add)(&points[i - 1], generator);
    sums[0] = PT(textbook_add)(&points[order - 1], generator);
    EXPECT(PT(aff_is_infinity)(&sums[0]));

    for (uint32_t i = 0; i < order; i++) {
        CO(add)(&z, &z, &generator->x);
        if (CO(is_zero)(&z)) z = CO(one)();
        jacobian[i] = PT(scaled)(&points[i], &z);
    }
    PT(to_aff_many_var)(many, jacobian, order, scratch);

    for (uint32_t i = 0; i < order; i++) {
        EXPECT(PT(aff_equal)(&many[i], &points[i]));
        EXPECT(!PT(aff_is_infinity)(&points[i]) == (i != 0));
        PT(dbl)(&r, &jacobian[i]);
        EXPECT(PT(is)(&r, &points[2 * i % order]));
        PT(neg)(&r, &jacobian[i]);
        EXPECT(PT(is)(&r, &points[(order - i) % order]));
        for (uint32_t j = 0; j < order; j++) {
            const AFF *const sum = &points[(i + j) % order];
            PT(add_var)(&r, &jacobian[i], &jacobian[j]);
            EXPECT(PT(is)(&r, sum));
            r = jacobian[i];
            PT(add_var)(&r, &r, &jacobian[j]);
            EXPECT(PT(is)(&r, sum));
            r = jacobian[j];
            PT(add_var)(&r, &jacobian[i], &r);
            EXPECT(PT(is)(&r, sum));
            PT(add_mixed_var)(&r, &jacobian[i], &points[j]);
            EXPECT(PT(is)(&r, sum));
            EXPECT(PT(equal_var)(&jacobian[i], &jacobian[j]) == (i == j));
        }
        for (uint32_t k = 0; k < order; k += 5) {
            const u256 scalar = {{k, 0, 0, 0}};
            PT(mul_any_var)(&r, &points[i], &scalar);
            EXPECT(PT(is)(&r, &points[i * k % order]));
        }
        /* one batch with all j: every case side by side; both signs of both operands */
        for (uint32_t signs = 0; signs < 4; signs++) {
            for (uint32_t j = 0; j < order; j++) pairs[j] = (batch_pair){2 * i + (signs & 1), 2 * j + (signs >> 1)};
            PT(batch_add_var)(sums, points, points, pairs, order, room);
            for (uint32_t j = 0; j < order; j++) {
                const uint32_t a = signs & 1 ? order - i : i, b = signs & 2 ? order - j : j;
                EXPECT(!memcmp(&sums[j], &points[(a + b) % order], sizeof sums[j]));
            }
        }
        pairs[0] = (batch_pair){2 * i + 1, BATCH_NONE};
        PT(batch_add_var)(sums, points, points, pairs, 1, room);
        EXPECT(!memcmp(&sums[0], &points[(order - i) % order], sizeof sums[0]));
    }
    /* in place: results take the place of what their own pair reads */
    memcpy(sums, points, sizeof sums);
    for (uint32_t j = 0; j < order; j++) pairs[j] = (batch_pair){2 * j, 2 * j};
    PT(batch_add_var)(sums, sums, sums, pairs, order, room);
    for (uint32_t j = 0; j < order; j++) EXPECT(PT(aff_equal)(&sums[j], &points[2 * j % order]));
}

#undef SMALL_MOST
