/* entries.h - the engine's entries for one group, as a template: test_engine.c includes it once a group. */

#define ENTRIES_MOST 90
#define ENTRY(engine, name) (engine)->GROUP_JOIN(GROUP, name)

/* Points: multiples of the generator with infinity, repeated and opposite ones among them. */
static void PT(sample_points)(AFF *r, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint64_t kind = i ? sample_u64() % 8 : 7;
        const u256 k = {{sample_u64() >> 40, 0, 0, 0}};
        JAC t;
        PT(mul_any_var)(&t, &G(GENERATOR), &k);
        PT(to_aff_var)(&r[i], &t);
        if (kind == 0) r[i] = PT(aff_infinity)();
        if (kind == 1) r[i] = r[sample_u64() % i];
        if (kind == 2) PT(aff_neg)(&r[i], &r[sample_u64() % i]);
    }
}

static void PT(expect_same_sum)(const JAC *a, const JAC *b) {
    AFF x, y;
    PT(to_aff_var)(&x, a);
    PT(to_aff_var)(&y, b);
    EXPECT(!memcmp(&x, &y, sizeof x));
}

static void PT(compare_sums)(const engine *e, const engine *reference, pool *threads) {
    static AFF p[ENTRIES_MOST], table[2][ENTRIES_MOST * 64];
    static u256 k[ENTRIES_MOST];
    static uint32_t which[ENTRIES_MOST];
    const size_t counts[] = {0, 1, 2, 8, 17, ENTRIES_MOST};
    JAC a, b;
    PT(sample_points)(p, ENTRIES_MOST);
    for (unsigned i = 0; i < ENTRIES_MOST; i++) {
        k[i] = sample_edge(i % 60);
        which[i] = (uint32_t)(sample_u64() % ENTRIES_MOST);
    }
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        EXPECT(!ENTRY(e, msm_var)(&a, p, k, counts[c], threads));
        EXPECT(!ENTRY(reference, msm_var)(&b, p, k, counts[c], NULL));
        PT(expect_same_sum)(&a, &b);
    }
    for (unsigned bits = 4; bits <= 13; bits += 9) {
        const unsigned windows = 255 / bits + 1;
        EXPECT(!ENTRY(e, table_fill_var)(table[0], p, ENTRIES_MOST, bits, windows, threads));
        EXPECT(!ENTRY(reference, table_fill_var)(table[1], p, ENTRIES_MOST, bits, windows, NULL));
        EXPECT(!memcmp(table[0], table[1], ENTRIES_MOST * windows * sizeof(AFF)));
        const PT(table) multiples = {table[0], ENTRIES_MOST, bits, windows};
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (int chosen = 0; chosen < 2; chosen++) {
                const uint32_t *const at = chosen ? which : NULL;
                EXPECT(!ENTRY(e, table_msm_var)(&a, &multiples, at, k, counts[c], threads));
                EXPECT(!ENTRY(reference, table_msm_var)(&b, &multiples, at, k, counts[c], NULL));
                PT(expect_same_sum)(&a, &b);
            }
    }
}

static void PT(compare_points)(const engine *e, const engine *reference, pool *threads) {
    AFF p[ENTRIES_MOST], r[2][ENTRIES_MOST];
    u256 k[ENTRIES_MOST];
    uint8_t bytes[ENTRIES_MOST * sizeof(COORD)], bad[2][ENTRIES_MOST];
    rln_status status[2][ENTRIES_MOST];
    const size_t counts[] = {0, 1, 9, ENTRIES_MOST};
    PT(sample_points)(p, ENTRIES_MOST);
    for (unsigned i = 0; i < ENTRIES_MOST; i++) k[i] = sample_edge(i);
    for (size_t c = 0; c < 4; c++) {
        EXPECT(!ENTRY(e, mul_many_var)(r[0], &p[0], k, counts[c], threads));
        EXPECT(!ENTRY(reference, mul_many_var)(r[1], &p[0], k, counts[c], NULL));
        EXPECT(!memcmp(r[0], r[1], counts[c] * sizeof(AFF)));
    }
    /* the curve's points, the twist's own among them, and what is none */
    for (size_t i = 0; i < ENTRIES_MOST; i++) {
        uint8_t *const form = bytes + i * sizeof(COORD);
        PT(compress)(form, &p[i]);
        if (i % 3 == 1) form[0] ^= (uint8_t)(1 + i);
        if (i % 16 == 5) memset(form, 0xff, sizeof(COORD));
    }
    ENTRY(e, decompress_many_var)(r[0], status[0], bytes, sizeof(COORD), ENTRIES_MOST);
    ENTRY(reference, decompress_many_var)(r[1], status[1], bytes, sizeof(COORD), ENTRIES_MOST);
    EXPECT(!memcmp(status[0], status[1], sizeof status[0]));
    EXPECT(!memcmp(r[0], r[1], sizeof r[0]));
    for (size_t i = 0; i < ENTRIES_MOST; i++)
        if (i % 7 == 2) r[0][i].y = r[0][i].x;
    ENTRY(e, check_many_var)(bad[0], r[0], ENTRIES_MOST, threads);
    ENTRY(reference, check_many_var)(bad[1], r[0], ENTRIES_MOST, NULL);
    EXPECT(!memcmp(bad[0], bad[1], sizeof bad[0]));
}

#undef ENTRIES_MOST
#undef ENTRY
