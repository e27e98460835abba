/* fixed_base.h - many multiples of one point, as a template: msm.h includes it
 * once a group. The table holds d 2^(bits w) base for every window w and digit d; a multiple is the sum of one
 * entry a window. Setup's scalars are secret until it is over, hence the wiping; its timing is not defended.
 */

typedef struct PT(fixed_base) {
    AFF *r;
    const u256 *k;
    size_t n;
    fixed_base_plan plan;
    PT(batch_adder) *add;
    AFF *table; /* d 2^(bits w) base at (d - 1) windows + w */
} PT(fixed_base);

/* table[0 .. windows) is there; the other multiples follow by m base + d base, d <= m = 1, 2, 4, .. */
static void PT(fixed_base_fill)(const PT(fixed_base) *f, batch_pair *pairs, void *scratch) {
    const size_t windows = f->plan.windows;
    for (size_t m = 1; m < f->plan.multiples; m *= 2)
        for (size_t d = 0; d < m;) {
            size_t count = 0;
            AFF *const target = f->table + (m + d) * windows;
            for (; d < m && count + windows <= FIXED_BASE_PIECE; d++)
                for (size_t w = 0; w < windows; w++, count++) {
                    pairs[count].a = (uint32_t)(2 * ((m - 1) * windows + w));
                    pairs[count].b = (uint32_t)(2 * (d * windows + w));
                }
            f->add(target, f->table, f->table, pairs, count, scratch);
        }
}

static void PT(fixed_base_job)(void *context, size_t index) {
    const PT(fixed_base) *const f = context;
    const size_t begin = index * FIXED_BASE_PIECE;
    const size_t count = f->n - begin < FIXED_BASE_PIECE ? f->n - begin : FIXED_BASE_PIECE;
    batch_pair pairs[FIXED_BASE_PIECE];
    uint32_t carries[FIXED_BASE_PIECE] = {0};
    _Alignas(64) uint8_t scratch[BATCH_SCRATCH(COORD, FIXED_BASE_PIECE)];
    AFF *const r = f->r + begin;
    for (size_t i = 0; i < count; i++) r[i] = PT(aff_infinity)();
    for (unsigned w = 0; w < f->plan.windows; w++) {
        for (size_t i = 0; i < count; i++) {
            const int32_t digit = fixed_base_digit(&f->k[begin + i], &f->plan, w, &carries[i]);
            const uint32_t size = (uint32_t)(digit < 0 ? -digit : digit);
            pairs[i].a = (uint32_t)(2 * i);
            pairs[i].b = size ? 2 * ((size - 1) * f->plan.windows + w) + (digit < 0) : BATCH_NONE;
        }
        f->add(r, r, f->table, pairs, count, scratch);
    }
    ct_wipe(pairs, sizeof pairs);
    ct_wipe(carries, sizeof carries);
    ct_wipe(scratch, sizeof scratch);
}

/** g1_mul_many_var and g2_mul_many_var of engine.h, with additions by add. Any point of the curve is good. */
static int PT(mul_many_with_var)(AFF *r, const AFF *base, const u256 *k, size_t n, pool *threads,
                                 PT(batch_adder) *add) {
    mem memory = MEM_EMPTY;
    PT(fixed_base) f = {.r = r, .k = k, .n = n, .add = add, .plan = fixed_base_plan_of(n)};
    f.table = mem_take(&memory, f.plan.windows * f.plan.multiples, sizeof *f.table);
    JAC *const powers = mem_take(&memory, f.plan.windows, sizeof *powers);
    batch_pair *const pairs = mem_take(&memory, FIXED_BASE_PIECE, sizeof *pairs);
    void *const scratch = mem_take(&memory, 1, BATCH_SCRATCH(COORD, FIXED_BASE_PIECE));
    const int failed = !f.table || !powers || !pairs || !scratch;
    if (!failed) {
        PT(from_aff)(&powers[0], base);
        for (unsigned w = 1; w < f.plan.windows; w++) {
            powers[w] = powers[w - 1];
            for (unsigned i = 0; i < f.plan.bits; i++) PT(dbl)(&powers[w], &powers[w]);
        }
        PT(to_aff_many_var)(f.table, powers, f.plan.windows, scratch);
        PT(fixed_base_fill)(&f, pairs, scratch);
        pool_run(threads, (n + FIXED_BASE_PIECE - 1) / FIXED_BASE_PIECE, PT(fixed_base_job), &f);
    }
    mem_close(&memory);
    return failed ? -1 : 0;
}

/** See engine.h. */
static int PT(mul_many_var)(AFF *r, const AFF *base, const u256 *k, size_t n, pool *threads) {
    return PT(mul_many_with_var)(r, base, k, n, threads, PT(batch_add_var));
}
