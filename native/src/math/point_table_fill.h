/* point_table_fill.h - tables of multiples, as a template: point_jobs.h includes it once a group. */

/* r[i] = 2^times a[i] for i < n <= POINT_PIECE, canonical; r may be a. Engines have their own. */
typedef void PT(doubler)(AFF *r, const AFF *a, size_t n, unsigned times);

/* The doubler of one point after the other. */
static void PT(double_many_var)(AFF *r, const AFF *a, size_t n, unsigned times) {
    JAC t[POINT_PIECE];
    COORD scratch[POINT_PIECE];
    for (size_t i = 0; i < n; i++) {
        PT(from_aff)(&t[i], &a[i]);
        for (unsigned j = 0; j < times; j++) PT(dbl)(&t[i], &t[i]);
    }
    PT(to_aff_many_var)(r, t, n, scratch);
}

typedef struct PT(table_fill) {
    AFF *r;
    const AFF *p;
    size_t n;
    unsigned bits, windows;
    PT(doubler) *twice;
} PT(table_fill);

static void PT(table_fill_job)(void *context, size_t index) {
    const PT(table_fill) *const f = context;
    const size_t begin = index * POINT_PIECE;
    const size_t count = f->n - begin < POINT_PIECE ? f->n - begin : POINT_PIECE;
    AFF multiples[POINT_PIECE];
    memcpy(multiples, f->p + begin, count * sizeof *multiples);
    for (unsigned w = 0; w < f->windows; w++) {
        if (w) f->twice(multiples, multiples, count, f->bits);
        for (size_t i = 0; i < count; i++) f->r[(begin + i) * f->windows + w] = multiples[i];
    }
}

/** g1_table_fill_var and g2_table_fill_var of engine.h, with doublings by twice. */
static int PT(table_fill_with_var)(AFF *r, const AFF *p, size_t n, unsigned bits, unsigned windows, pool *threads,
                                   PT(doubler) *twice) {
    PT(table_fill) f = {r, p, n, bits, windows, twice};
    pool_run(threads, (n + POINT_PIECE - 1) / POINT_PIECE, PT(table_fill_job), &f);
    return 0;
}

/** See engine.h. */
static int PT(table_fill_var)(AFF *r, const AFF *p, size_t n, unsigned bits, unsigned windows, pool *threads) {
    return PT(table_fill_with_var)(r, p, n, bits, windows, threads, PT(double_many_var));
}
