/* sums.h - sums and multiples of one group, as a template: test_msm.c includes it once a group. */

#define SUMS_MOST 700
#define ENTRY(engine, name) (engine)->GROUP_JOIN(GROUP, name)
#define SUMS_LARGE 9000 /* more than POINT_GROUP_MOST points in one bucket */

/* Points: multiples of the generator, with infinity, repeated and opposite ones among them. */
static void PT(sample_points)(AFF *r, size_t n) {
    JAC t;
    u256 k;
    for (size_t i = 0; i < n; i++) {
        const uint64_t kind = i ? sample_u64() % 16 : 0;
        if (kind == 1) r[i] = PT(aff_infinity)();
        else if (kind == 2) r[i] = r[sample_u64() % i];
        else if (kind == 3) PT(aff_neg)(&r[i], &r[sample_u64() % i]);
        else {
            k = (u256){{sample_u64(), 0, 0, 0}};
            PT(mul_any_var)(&t, &G(GENERATOR), &k);
            PT(to_aff_var)(&r[i], &t);
        }
    }
}

static void PT(slow_sum)(JAC *r, const AFF *p, const u256 *k, size_t n) {
    JAC t;
    *r = PT(infinity)();
    for (size_t i = 0; i < n; i++) {
        PT(mul_any_var)(&t, &p[i], &k[i]);
        PT(add_var)(r, r, &t);
    }
}

/* In every engine, on one thread and on several. */
static void PT(expect_sum)(const AFF *p, const u256 *k, size_t n, const JAC *expected, pool *threads) {
    JAC r;
    for (size_t i = 0; engine_at(i); i++) {
        if (!engine_at(i)->supported()) continue;
        EXPECT(!ENTRY(engine_at(i), msm_var)(&r, p, k, n, NULL) && PT(equal_var)(&r, expected));
        EXPECT(!ENTRY(engine_at(i), msm_var)(&r, p, k, n, threads) && PT(equal_var)(&r, expected));
    }
}

static void PT(test_sums_equal_double_and_add)(pool *threads) {
    static AFF p[SUMS_MOST];
    static u256 k[SUMS_MOST];
    const size_t counts[] = {0, 1, 2, 8, 9, G(MSM_SMALL), G(MSM_SMALL) + 1, 70, SUMS_MOST};
    JAC expected, r;
    PT(sample_points)(p, SUMS_MOST);
    for (unsigned i = 0; i < SUMS_MOST; i++) k[i] = sample_edge(i % 50);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        PT(slow_sum)(&expected, p, k, counts[c]);
        PT(expect_sum)(p, k, counts[c], &expected, threads);
        PT(sum_var)(&r, p, k, counts[c]);
        EXPECT(PT(equal_var)(&r, &expected));
    }
}

/* Scalars and points that make buckets meet equal and opposite points. */
static void PT(test_sums_of_likes)(pool *threads) {
    AFF p[200];
    u256 k[200];
    JAC expected;
    const u256 same = sample_scalar();
    for (unsigned kind = 0; kind < 6; kind++) {
        if (kind < 3) PT(sample_points)(p, 200);
        else
            for (size_t i = 0; i < 200; i++) {
                p[i] = G(GENERATOR);
                if (sample_u64() & 1) PT(aff_neg)(&p[i], &p[i]);
            }
        for (unsigned i = 0; i < 200; i++)
            k[i] = kind % 3 == 0   ? same
                   : kind % 3 == 1 ? sample_edge((unsigned)(sample_u64() % 4)) /* 0, 1, r - 1, r - 2 */
                                   : (u256){{sample_u64() & 15, 0, 0, 0}};
        PT(slow_sum)(&expected, p, k, 200);
        PT(expect_sum)(p, k, 200, &expected, threads);
    }
}

/* All scalars zero; all points infinity; pairs of opposite points. */
static void PT(test_sums_that_vanish)(pool *threads) {
    AFF p[100];
    u256 k[100] = {0};
    const JAC expected = PT(infinity)();
    PT(sample_points)(p, 100);
    PT(expect_sum)(p, k, 100, &expected, threads);
    for (unsigned i = 0; i < 50; i++) {
        k[i] = k[50 + i] = sample_scalar();
        PT(aff_neg)(&p[50 + i], &p[i]);
    }
    PT(expect_sum)(p, k, 100, &expected, threads);
    for (unsigned i = 0; i < 100; i++) p[i] = PT(aff_infinity)();
    PT(expect_sum)(p, k, 100, &expected, threads);
}

/* The same scalar throughout fills one bucket a window with everything; the same point makes every addition
 * there a doubling. */
static void PT(test_one_bucket_takes_all)(pool *threads) {
    static AFF p[SUMS_LARGE];
    static u256 k[SUMS_LARGE];
    JAC expected, t;
    const u256 scalars[] = {{{1, 0, 0, 0}}, sample_scalar()};
    for (int round = 0; round < 2; round++) {
        fr product, count;
        u256 total;
        for (size_t i = 0; i < SUMS_LARGE; i++) {
            p[i] = G(GENERATOR);
            k[i] = scalars[round];
        }
        fr_from_u64(&count, SUMS_LARGE);
        fr_from_u256(&product, &scalars[round]);
        fr_mul(&product, &product, &count);
        fr_to_u256(&total, &product);
        PT(mul_any_var)(&expected, &G(GENERATOR), &total);
        PT(expect_sum)(p, k, SUMS_LARGE, &expected, threads);

        /* different points: i times the generator */
        PT(from_aff)(&t, &G(GENERATOR));
        for (size_t i = 0; i < SUMS_LARGE; i++) {
            if (i < 100) PT(to_aff_var)(&p[i], &t);
            else p[i] = p[i % 100];
            PT(add_mixed_var)(&t, &t, &G(GENERATOR));
        }
        fr_from_u64(&count, SUMS_LARGE / 100 * 5050);
        fr_from_u256(&product, &scalars[round]);
        fr_mul(&product, &product, &count);
        fr_to_u256(&total, &product);
        PT(mul_any_var)(&expected, &G(GENERATOR), &total);
        PT(expect_sum)(p, k, SUMS_LARGE, &expected, threads);
    }
}

static void PT(test_multiples_of_one_point)(pool *threads) {
    static AFF r[SUMS_MOST], expected[SUMS_MOST];
    static u256 k[SUMS_MOST];
    const size_t counts[] = {0, 1, 3, SUMS_MOST};
    AFF base;
    JAC t;
    for (unsigned i = 0; i < SUMS_MOST; i++) k[i] = sample_edge(i);
    PT(mul_any_var)(&t, &G(GENERATOR), &k[40]);
    PT(to_aff_var)(&base, &t);
    for (size_t i = 0; i < SUMS_MOST; i += i < 20 ? 1 : 37) {
        PT(mul_any_var)(&t, &base, &k[i]);
        PT(to_aff_var)(&expected[i], &t);
    }
    for (size_t e = 0; engine_at(e); e++) {
        if (!engine_at(e)->supported()) continue;
        for (size_t c = 0; c < 4; c++) {
            EXPECT(!ENTRY(engine_at(e), mul_many_var)(r, &base, k, counts[c], c % 2 ? threads : NULL));
            for (size_t i = 0; i < counts[c]; i += i < 20 ? 1 : 37) EXPECT(!memcmp(&r[i], &expected[i], sizeof *r));
        }
        const AFF infinity = PT(aff_infinity)();
        EXPECT(!ENTRY(engine_at(e), mul_many_var)(r, &infinity, k, 20, NULL));
        for (size_t i = 0; i < 20; i++) EXPECT(PT(aff_is_infinity)(&r[i]));
    }
}

/* Every allocation of a job fails once; nothing is lost, and the next try is right. */
static void PT(test_no_memory)(pool *threads) {
    AFF p[60], many[3];
    u256 k[60];
    JAC expected, r;
    int failures = 0, status = -1;
    PT(sample_points)(p, 60);
    for (unsigned i = 0; i < 60; i++) k[i] = sample_edge(i);
    PT(slow_sum)(&expected, p, k, 60);
    for (uint64_t n = 1; status && n < 100; n++) {
        mem_fail_at(n);
        status = PT(msm_var)(&r, p, k, 60, threads);
        failures += status != 0;
    }
    mem_fail_at(0);
    EXPECT(failures > 0 && status == 0 && PT(equal_var)(&r, &expected));
    for (uint64_t n = 1; n <= 4; n++) {
        mem_fail_at(n);
        EXPECT(PT(mul_many_var)(many, &p[0], k, 3, threads) == -1);
    }
    mem_fail_at(0);
}

static void PT(test_sums)(void) {
    pool *const threads = pool_new(3);
    PT(test_sums_equal_double_and_add)(threads);
    PT(test_sums_of_likes)(threads);
    PT(test_sums_that_vanish)(threads);
    PT(test_one_bucket_takes_all)(threads);
    PT(test_multiples_of_one_point)(threads);
    PT(test_no_memory)(threads);
    pool_free(threads);
}

#undef SUMS_MOST
#undef ENTRY
#undef SUMS_LARGE
