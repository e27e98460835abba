/* batches.h - the adder of eight lanes against the one that takes pairs in turn, bit for bit, as a template:
 * test_batch.c includes it once a group. */

#define BATCHES_POINTS 64
#define BATCHES_MOST 200

/* Infinity, then small multiples of the generator, so that equal and opposite points abound, and some large ones. */
static void PT(batch_points)(AFF r[BATCHES_POINTS]) {
    JAC t = PT(infinity)();
    r[0] = PT(aff_infinity)();
    for (size_t i = 1; i < BATCHES_POINTS; i++) {
        if (i == 40) {
            const u256 k = sample_scalar();
            PT(mul_any_var)(&t, &G(GENERATOR), &k);
        }
        PT(add_mixed_var)(&t, &t, &G(GENERATOR));
        PT(to_aff_var)(&r[i], &t);
    }
    PT(aff_neg)(&r[30], &r[4]); /* opposite without a sign */
    r[31] = r[5];
}

static void PT(expect_same)(const AFF *left, const AFF *right, const batch_pair *pairs, size_t n) {
    static _Alignas(64) uint8_t scratch[BATCH_SCRATCH(COORD, BATCHES_MOST)];
    static AFF expected[BATCHES_MOST + 1], r[BATCHES_MOST + 1];
    memset(expected, 0x5a, sizeof expected); /* what lies behind the results stays */
    memset(r, 0x5a, sizeof r);
    PT(batch_add_var)(expected, left, right, pairs, n, scratch);
    memset(scratch, 0xa5, sizeof scratch);
    PT(batch_add8_var)(r, left, right, pairs, n, scratch);
    EXPECT(!memcmp(r, expected, sizeof r));
}

/* One odd pair among ordinary ones: everywhere, in batches of every size. */
static void PT(test_one_special_pair)(const AFF *points) {
    const batch_pair specials[] = {
        {0, 14},          /* infinity on the left, */
        {1, 15},          /* with signs, */
        {14, 0},          /* on the right, */
        {15, 1},          {0, 0}, /* on both sides; */
        {0, BATCH_NONE},  {15, BATCH_NONE}, {1, BATCH_NONE},
        {16, 16},         /* doublings: with both signs, by two equal points; */
        {17, 17},         {10, 62}, {11, 63}, {8, 61}, {9, 60},
        {16, 17},         /* opposite points: by a sign, by themselves */
        {17, 16},         {8, 60},  {9, 61},  {10, 63},
    };
    batch_pair pairs[BATCHES_MOST];
    for (size_t n = 1; n <= 41; n++)
        for (size_t at = 0; at < n; at++) {
            for (size_t i = 0; i < n; i++)
                pairs[i] = (batch_pair){(uint32_t)(2 * (32 + (i + n) % 20)) + i % 2,
                                        (uint32_t)(2 * (2 + i % 20)) + i % 3 / 2};
            if (at == 0) PT(expect_same)(points, points, pairs, n);
            for (size_t s = 0; s < sizeof specials / sizeof *specials; s++) {
                if ((n * at + s) % 3) continue; /* the sanitizers are slow */
                pairs[at] = specials[s];
                PT(expect_same)(points, points, pairs, n);
            }
        }
}

static void PT(test_any_mix)(const AFF *points) {
    AFF others[BATCHES_POINTS];
    batch_pair pairs[BATCHES_MOST];
    for (size_t i = 0; i < BATCHES_POINTS; i++) others[i] = points[i * 37 % BATCHES_POINTS];
    for (unsigned round = 0; round < 300; round++) {
        const size_t n = sample_u64() % (BATCHES_MOST + 1);
        const uint64_t oddity = sample_u64() % 5; /* from none to nothing else */
        for (size_t i = 0; i < n; i++) {
            pairs[i] = (batch_pair){(uint32_t)(sample_u64() % (2 * BATCHES_POINTS)),
                                    (uint32_t)(sample_u64() % (2 * BATCHES_POINTS))};
            if (sample_u64() % 4 >= oddity) continue;
            switch (sample_u64() % 5) {
            case 0: pairs[i].a &= 1; break;
            case 1: pairs[i].b &= 1; break;
            case 2: pairs[i].b = BATCH_NONE; break;
            case 3: pairs[i].b = pairs[i].a; break;
            default: pairs[i].b = pairs[i].a ^ 1; break;
            }
        }
        PT(expect_same)(points, points, pairs, n);
        PT(expect_same)(points, others, pairs, n);
    }
}

/* Every pair a doubling, opposite, infinite, without a second. */
static void PT(test_all_alike)(const AFF *points) {
    batch_pair pairs[BATCHES_MOST];
    for (uint32_t kind = 0; kind < 5; kind++)
        for (size_t n = 1; n <= BATCHES_MOST; n += n < 40 ? 1 : 37) {
            for (uint32_t i = 0; i < n; i++) {
                const uint32_t a = kind == 3 ? i & 1 : 2 * (1 + i % 50) + (i & 1);
                const uint32_t others[] = {a, a ^ 1, 0, 0, BATCH_NONE};
                pairs[i] = (batch_pair){a, others[kind]};
            }
            PT(expect_same)(points, points, pairs, n);
        }
}

/* Results take the place of what their own pair or a later one reads, on either side. */
static void PT(test_in_place)(const AFF *points) {
    static _Alignas(64) uint8_t scratch[BATCH_SCRATCH(COORD, BATCHES_MOST)];
    AFF expected[BATCHES_POINTS], r[BATCHES_POINTS];
    batch_pair pairs[BATCHES_POINTS];
    for (size_t n = 1; n <= BATCHES_POINTS; n++)
        for (unsigned side = 0; side < 4; side++) {
            for (uint32_t i = 0; i < n; i++) {
                const uint32_t own = 2 * i, before = 2 * (uint32_t)(sample_u64() % (i + 1));
                pairs[i] = side == 3 ? (batch_pair){before, before} : (batch_pair){own, own + (i & 1)};
                if (side == 1) pairs[i].a = 2 * ((i * 7) % BATCHES_POINTS) + 1;
                if (side == 2) pairs[i].b = 2 * ((i * 5) % BATCHES_POINTS);
            }
            memcpy(r, points, sizeof r);
            memcpy(expected, points, sizeof r);
            const AFF *const left = side == 1 ? points : expected, *const right = side == 2 ? points : expected;
            PT(batch_add_var)(expected, left, right, pairs, n, scratch);
            PT(batch_add8_var)(r, side == 1 ? points : r, side == 2 ? points : r, pairs, n, scratch);
            EXPECT(!memcmp(r, expected, sizeof r));
        }
}

/* Coordinates that no point has, at the edges of words: the formula asks for a curve only where x is the same. */
static void PT(test_any_coordinates)(void) {
    AFF points[40];
    batch_pair pairs[40];
    for (unsigned round = 0; round < 100; round++) {
        for (size_t i = 0; i < 40; i++) {
            fp c[sizeof(AFF) / sizeof(fp)];
            for (size_t j = 0; j < sizeof c / sizeof *c; j++) {
                u256 t;
                for (int k = 0; k < 4; k++) {
                    const uint64_t random = sample_u64();
                    t.v[k] = random % 5 == 0 ? 0 : random % 5 == 1 ? UINT64_MAX : random % 5 == 2 ? 1 : sample_u64();
                }
                fp_from_u256(&c[j], &t);
                if (sample_u64() % 8 == 0) fp_neg(&c[j], &FP_ONE);
                fp_canonical(&c[j], &c[j]);
            }
            memcpy(&points[i], c, sizeof c);
        }
        for (uint32_t i = 0; i < 20; i++) {
            pairs[i] = (batch_pair){4 * i + (i & 1), 4 * i + 2 + i % 3 / 2};
            if (!memcmp(&points[2 * i].x, &points[2 * i + 1].x, sizeof(COORD))) pairs[i].b = BATCH_NONE;
        }
        PT(expect_same)(points, points, pairs, 20);
    }
}

static void PT(test_batches)(void) {
    AFF points[BATCHES_POINTS];
    PT(batch_points)(points);
    PT(test_one_special_pair)(points);
    PT(test_any_mix)(points);
    PT(test_all_alike)(points);
    PT(test_in_place)(points);
    PT(test_any_coordinates)();
}

#undef BATCHES_POINTS
#undef BATCHES_MOST
