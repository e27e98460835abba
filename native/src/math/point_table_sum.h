/* point_table_sum.h - sums of many k_i P_i over a table of multiples, as a template: point_jobs.h includes it once a
 * group.
 *
 * The table has 2^(bits w) P_i for every window w, so that all windows share one set of buckets: a digit d of k_i in
 * window w gives the multiple, or its negative, to bucket |d|. Buckets are sums of lists (point_lists.h), and
 * sum_j j bucket_j is a sum of weighted points (point_fold.h). Scalars are secret: what they leave behind is wiped by
 * mem_close.
 */

typedef struct PT(table_sum) {
    const PT(table) *table;
    const uint32_t *which;
    const u256 *k;
    size_t n, pieces;
    unsigned windows;   /* that have digits: a table may have more */
    table_offset offset;
    uint16_t *digits;   /* plus 2^(bits-1), scalar after scalar */
    uint32_t *counts;   /* of each piece, a bucket each; later the place of its next operand */
    uint32_t *operands; /* by bucket */
    point_list *lists;  /* the buckets that are not empty, */
    uint32_t *weights;  /* their digits, */
    AFF *buckets;       /* and their sums */
} PT(table_sum);

static void PT(table_digits_job)(void *context, size_t index) {
    PT(table_sum) *const s = context;
    const size_t buckets = ((size_t)1 << (s->table->bits - 1)) + 1, end = (index + 1) * s->n / s->pieces;
    uint32_t *const counts = s->counts + index * buckets;
    for (size_t i = index * s->n / s->pieces; i < end; i++)
        table_digits(s->digits + i * s->windows, counts, &s->k[i], &s->offset, s->table->bits, s->windows);
}

static void PT(table_sort_job)(void *context, size_t index) {
    PT(table_sum) *const s = context;
    const int32_t half = (int32_t)1 << (s->table->bits - 1);
    const size_t end = (index + 1) * s->n / s->pieces;
    uint32_t *const counts = s->counts + index * ((size_t)half + 1);
    for (size_t i = index * s->n / s->pieces; i < end; i++) {
        const size_t first = (s->which ? s->which[i] : i) * s->table->windows;
        RLN_CHECK((s->which ? s->which[i] : i) < s->table->n);
        for (unsigned w = 0; w < s->windows; w++) {
            const int32_t digit = (int32_t)s->digits[i * s->windows + w] - half, sign = digit >> 31;
            s->operands[counts[(digit ^ sign) - sign]++] = (uint32_t)(first + w) << 1 | (sign & 1);
        }
    }
}

/* Counts become places; the lists of the buckets: how many are not empty. Digit 0 comes first and has no bucket. */
static size_t PT(table_lists)(PT(table_sum) *s) {
    const size_t buckets = ((size_t)1 << (s->table->bits - 1)) + 1;
    uint32_t at = 0;
    size_t lists = 0;
    for (size_t j = 0; j < buckets; j++) {
        const uint32_t start = at;
        for (size_t i = 0; i < s->pieces; i++) {
            const uint32_t count = s->counts[i * buckets + j];
            s->counts[i * buckets + j] = at;
            at += count;
        }
        if (j == 0 || at == start) continue;
        s->lists[lists] = (point_list){start, at - start, (uint32_t)lists};
        s->weights[lists++] = (uint32_t)j;
    }
    return lists;
}

static int PT(table_sum_chunk)(JAC *r, const PT(table) *table, const uint32_t *which, const u256 *k, size_t n,
                               pool *threads, PT(batch_adder) *add, mem *memory) {
    PT(table_sum) s = {.table = table, .which = which, .k = k, .n = n};
    PT(lists) l;
    PT(fold) f;
    point_room room = {NULL, 0};
    s.windows = table_windows(table->bits);
    s.offset = table_offset_of(table->bits, s.windows);
    s.pieces = pool_threads(threads);
    const size_t entries = n * s.windows, buckets = ((size_t)1 << (table->bits - 1)) + 1;
    const size_t lists = entries < buckets ? entries : buckets, most = entries > 2 * lists ? entries : 2 * lists;
    for (int pass = 0; pass < 2; pass++) { /* how much, then where */
        if (pass && !(room = (point_room){mem_take(memory, 1, room.used), 0}).base) return -1;
        s.digits = point_room_take(&room, entries, sizeof *s.digits);
        s.counts = point_room_take(&room, s.pieces * buckets, sizeof *s.counts);
        s.operands = point_room_take(&room, entries, sizeof *s.operands);
        s.lists = point_room_take(&room, lists, sizeof *s.lists);
        s.weights = point_room_take(&room, lists, sizeof *s.weights);
        s.buckets = point_room_take(&room, lists, sizeof *s.buckets);
        PT(lists_lay)(&l, point_group_of(most, s.pieces), most, threads, add, &room);
        PT(fold_lay)(&f, lists, 1, table->bits, 0, &room);
    }
    pool_run(threads, s.pieces, PT(table_digits_job), &s);
    const size_t used = PT(table_lists)(&s);
    pool_run(threads, s.pieces, PT(table_sort_job), &s);
    PT(lists_sum)(&l, s.buckets, table->multiples, s.operands, s.lists, used);
    const point_set set = {0, (uint32_t)used, table->bits, 0};
    PT(fold_var)(r, &f, &l, s.buckets, s.weights, &set, 1);
    return 0;
}

/** g1_table_msm_var and g2_table_msm_var of engine.h, with additions by add. */
static int PT(table_msm_with_var)(JAC *r, const PT(table) *table, const uint32_t *which, const u256 *k, size_t n,
                                  pool *threads, PT(batch_adder) *add) {
    RLN_CHECK(table->bits >= 4 && table->bits <= 16 && table->windows >= table_windows(table->bits));
    JAC sum = PT(infinity)(), part;
    int failed = 0;
    for (size_t i = 0; i < n && !failed; i += TABLE_CHUNK) {
        const size_t count = n - i < TABLE_CHUNK ? n - i : TABLE_CHUNK;
        mem memory = MEM_EMPTY;
        /* without which, point i is the chunk's first */
        const PT(table) rest = {table->multiples + (which ? 0 : i * table->windows), table->n - (which ? 0 : i),
                                table->bits, table->windows};
        failed = PT(table_sum_chunk)(&part, &rest, which ? which + i : NULL, k + i, count, threads, add, &memory);
        mem_close(&memory);
        if (!failed) PT(add_var)(&sum, &sum, &part);
    }
    *r = sum;
    ct_wipe(&part, sizeof part);
    return failed ? -1 : 0;
}

/** See engine.h. */
static int PT(table_msm_var)(JAC *r, const PT(table) *table, const uint32_t *which, const u256 *k, size_t n,
                             pool *threads) {
    return PT(table_msm_with_var)(r, table, which, k, n, threads, PT(batch_add_var));
}
