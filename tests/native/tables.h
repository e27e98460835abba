/* tables.h - tables of fixed points and their sums in one group, as a template: test_table.c includes it once a
 * group. */

#define TABLE_MOST 500

/* The engine's entries for the group at hand. */
#define ENTRY(name) GROUP_JOIN(GROUP, name)

static PT(table) PT(filled)(const engine *e, const AFF *p, size_t n, unsigned bits, unsigned windows, mem *memory,
                            pool *threads) {
    AFF *const multiples = mem_take(memory, n * windows, sizeof *multiples);
    EXPECT(multiples && !e->ENTRY(table_fill_var)(multiples, p, n, bits, windows, threads));
    return (PT(table)){multiples, n, bits, windows};
}

/* r is the sum of k[i] p[which[i]], to the bit. */
static void PT(expect_table_sum)(const JAC *r, const AFF *p, const uint32_t *which, const u256 *k, size_t n) {
    AFF expected, found;
    JAC sum = PT(infinity)(), t;
    for (size_t i = 0; i < n; i++) {
        PT(mul_any_var)(&t, &p[which ? which[i] : i], &k[i]);
        PT(add_var)(&sum, &sum, &t);
    }
    PT(to_aff_var)(&expected, &sum);
    PT(to_aff_var)(&found, r);
    EXPECT(!memcmp(&found, &expected, sizeof found));
}

static void PT(test_tables_hold_multiples)(const engine *e, const AFF *p, pool *threads) {
    const unsigned bits[] = {4, 13, 15};
    const size_t counts[] = {0, 1, 9, 300};
    for (size_t b = 0; b < 3; b++)
        for (size_t c = 0; c < 4; c++) {
            const unsigned windows = (254 + bits[b]) / bits[b] + (b == 0);
            mem memory = MEM_EMPTY;
            const PT(table) table = PT(filled)(e, p, counts[c], bits[b], windows, &memory, threads);
            for (size_t i = 0; i < counts[c]; i += i < 20 ? 1 : 31) {
                JAC t;
                AFF multiple;
                PT(from_aff)(&t, &p[i]);
                for (unsigned w = 0; w < windows; w++) {
                    PT(to_aff_var)(&multiple, &t);
                    EXPECT(!memcmp(&multiple, &table.multiples[i * windows + w], sizeof multiple));
                    for (unsigned j = 0; j < bits[b]; j++) PT(dbl)(&t, &t);
                }
            }
            mem_close(&memory);
        }
}

static void PT(test_sums_over_tables)(const engine *e, const AFF *p, pool *threads) {
    static u256 k[TABLE_MOST];
    static uint32_t which[TABLE_MOST];
    const size_t counts[] = {0, 1, 2, 7, 64, TABLE_MOST};
    JAC r;
    for (unsigned bits = 4; bits <= 16; bits += bits == 4 || bits == 13 ? 1 : 4) {
        mem memory = MEM_EMPTY;
        const PT(table) table =
            PT(filled)(e, p, TABLE_MOST, bits, (254 + bits) / bits + bits % 2, &memory, threads);
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            const size_t n = counts[c];
            if (n == TABLE_MOST && bits != 4 && bits != 15) continue;
            for (unsigned i = 0; i < n; i++) {
                k[i] = sample_edge(i % 50);
                which[i] = (uint32_t)(sample_u64() % TABLE_MOST);
                if (i % 3 == 2) which[i] = which[i - 1];
            }
            for (int threaded = 0; threaded < 2; threaded++) {
                pool *const t = threaded ? threads : NULL;
                EXPECT(!e->ENTRY(table_msm_var)(&r, &table, NULL, k, n, t));
                PT(expect_table_sum)(&r, p, NULL, k, n);
                EXPECT(!e->ENTRY(table_msm_var)(&r, &table, which, k, n, t));
                PT(expect_table_sum)(&r, p, which, k, n);
            }
        }
        mem_close(&memory);
    }
}

/* Scalars that are all equal or all small, points that are all equal, opposite or infinity, sums that vanish. */
static void PT(test_odd_sums_over_tables)(const engine *e, const AFF *p, pool *threads) {
    static AFF q[TABLE_MOST];
    static u256 k[TABLE_MOST];
    const u256 zero = {{0}}, one = {{1, 0, 0, 0}}, last = sample_edge(1), any = sample_scalar();
    const u256 equal[] = {zero, one, {{(uint64_t)1 << 14, 0, 0, 0}}, last, any};
    const size_t n = 60;
    JAC r;
    for (int points = 0; points < 4; points++) {
        for (size_t i = 0; i < n; i++) {
            if (points == 0) q[i] = p[i];
            else if (points == 1) q[i] = p[0];
            else if (points == 2 && i % 2) PT(aff_neg)(&q[i], &q[i - 1]);
            else q[i] = points == 2 ? p[i] : PT(aff_infinity)();
        }
        mem memory = MEM_EMPTY;
        const PT(table) table = PT(filled)(e, q, n, 15, 17, &memory, threads);
        for (size_t s = 0; s < 7; s++) {
            for (size_t i = 0; i < n; i++)
                k[i] = s < 5 ? equal[s] : s == 5 ? (u256){{i % 7, 0, 0, 0}} : sample_edge((unsigned)(i / 2));
            EXPECT(!e->ENTRY(table_msm_var)(&r, &table, NULL, k, n, threads));
            PT(expect_table_sum)(&r, q, NULL, k, n);
        }
        mem_close(&memory);
    }
}

/* One list that is longer than what is in flight together: 9000 times the same digit. */
static void PT(test_one_digit_for_all)(const engine *e, const AFF *p, pool *threads) {
    enum { TIMES = 9000 };
    static u256 k[TIMES];
    static uint32_t which[TIMES];
    JAC r, sum = PT(infinity)(), t;
    AFF expected, found;
    mem memory = MEM_EMPTY;
    const PT(table) table = PT(filled)(e, p, 3, 15, 17, &memory, threads);
    for (size_t i = 0; i < TIMES; i++) {
        which[i] = i % 3;
        k[i] = (u256){{5, 0, 0, 0}};
    }
    const u256 times = {{5 * TIMES / 3, 0, 0, 0}};
    for (int i = 0; i < 3; i++) {
        PT(mul_any_var)(&t, &p[i], &times);
        PT(add_var)(&sum, &sum, &t);
    }
    PT(to_aff_var)(&expected, &sum);
    for (int threaded = 0; threaded < 2; threaded++) {
        EXPECT(!e->ENTRY(table_msm_var)(&r, &table, which, k, TIMES, threaded ? threads : NULL));
        PT(to_aff_var)(&found, &r);
        EXPECT(!memcmp(&found, &expected, sizeof found));
    }
    mem_close(&memory);
}

/* Every allocation of a sum fails once; nothing is lost, and the next try is right. */
static void PT(test_tables_without_memory)(const engine *e, const AFF *p, pool *threads) {
    u256 k[20];
    JAC r;
    int failures = 0, status = -1;
    mem memory = MEM_EMPTY;
    const PT(table) table = PT(filled)(e, p, 20, 8, 32, &memory, threads);
    for (unsigned i = 0; i < 20; i++) k[i] = sample_edge(i);
    for (uint64_t n = 1; status && n < 100; n++) {
        mem_fail_at(n);
        status = e->ENTRY(table_msm_var)(&r, &table, NULL, k, 20, threads);
        EXPECT(status == 0 || status == -1);
        failures += status != 0;
    }
    mem_fail_at(0);
    EXPECT(failures > 0 && status == 0);
    PT(expect_table_sum)(&r, p, NULL, k, 20);
    mem_close(&memory);
}

static void PT(test_tables)(const engine *e, pool *threads) {
    static AFF p[TABLE_MOST];
    PT(sample_points)(p, TABLE_MOST);
    PT(test_tables_hold_multiples)(e, p, threads);
    PT(test_sums_over_tables)(e, p, threads);
    PT(test_odd_sums_over_tables)(e, p, threads);
    PT(test_one_digit_for_all)(e, p, threads);
    PT(test_tables_without_memory)(e, p, threads);
}

#undef ENTRY
#undef TABLE_MOST
