/* point_lists.h - sums of many lists of points side by side, as a template: point_jobs.h includes it once a group.
 *
 * Lists that hold some thousand points together form a group. They are sorted by length, longest first, and seen as
 * columns: column j holds point j of every list that has one. A round adds each odd column to the one before it, all
 * with one inversion; points without a partner move on as they are. After about log2 of the longest length every list
 * is one point.
 */

/* What one thread needs to itself. */
typedef struct PT(lists_worker) {
    atomic_flag taken;
    point_list *lists; /* the group, by length */
    uint32_t *widths;  /* of the columns: how many lists are longer than j */
    uint32_t *places;  /* operands, column after column */
    batch_pair *pairs;
    AFF *even, *odd;   /* the points after such a round */
    void *scratch;     /* of the adder */
} PT(lists_worker);

typedef struct PT(lists) {
    PT(batch_adder) *add;
    pool *threads;
    size_t capacity; /* of a group, in points */
    PT(lists_worker) *workers;
    size_t workers_count;
    /* of the call at hand */
    AFF *r;
    const AFF *table;
    const uint32_t *operands;
    const point_list *lists;
    uint32_t *groups; /* group i begins at list groups[i] */
    size_t groups_most;
} PT(lists);

/* For groups of capacity points, or what the cache holds, and calls with most points in all. */
static void PT(lists_lay)(PT(lists) *l, size_t capacity, size_t most, pool *threads, PT(batch_adder) *add,
                          point_room *room) {
    if (capacity > POINT_GROUP_BYTES / sizeof(AFF)) capacity = POINT_GROUP_BYTES / sizeof(AFF);
    /* Two groups that follow each other hold more than a share, and there are two shares a thread at most beyond those
     * that are full. */
    const size_t groups = 2 * (most / capacity + 1 + pool_threads(threads)) + 1;
    *l = (PT(lists)){.add = add, .threads = threads, .capacity = capacity, .groups_most = groups};
    l->workers_count = pool_threads(threads);
    l->workers = point_room_take(room, l->workers_count, sizeof *l->workers);
    l->groups = point_room_take(room, groups + 1, sizeof *l->groups);
    for (size_t i = 0; i < l->workers_count; i++) {
        PT(lists_worker) w;
        memset(&w, 0, sizeof w); /* clears the flag */
        w.lists = point_room_take(room, capacity, sizeof *w.lists);
        w.widths = point_room_take(room, capacity + 2, sizeof *w.widths);
        w.places = point_room_take(room, capacity, sizeof *w.places);
        w.pairs = point_room_take(room, capacity / 2, sizeof *w.pairs);
        /* a list of c > 1 points leaves (c + 1) / 2 <= 2/3 c: so much after round 0, 4/9 after round 1 */
        w.even = point_room_take(room, capacity / 3 * 2 + 2, sizeof *w.even);
        w.odd = point_room_take(room, capacity / 9 * 4 + 6, sizeof *w.odd);
        w.scratch = point_room_take(room, 1, BATCH_SCRATCH(COORD, capacity / 2));
        if (l->workers) l->workers[i] = w;
    }
}

/* r = the point that the operand names, with its sign. Signs are random: no branch on them. */
static inline void PT(operand_copy)(AFF *r, const AFF *table, uint32_t operand) {
    const AFF *const point = &table[operand >> 1];
    AFF negative;
    PT(aff_neg)(&negative, point);
    const AFF *const choice[2] = {point, &negative};
    *r = *choice[operand & 1];
}

/* r[target] = the sum, for a group of n lists. */
static void PT(lists_sum_group)(const PT(lists) *l, PT(lists_worker) *worker, AFF *r, const point_list *lists,
                                size_t n) {
    uint32_t *const widths = worker->widths, *const places = worker->places;
    size_t columns = point_lists_sort(worker->lists, widths, lists, n);
    for (size_t j = 0, at = 0; j < columns; j++)
        for (size_t i = 0; i < widths[j]; i++) {
            const uint32_t operand = l->operands[worker->lists[i].start + j];
            places[at++] = operand;
            /* Points of a large table come from afar, and in any order. Asked for all at once, into the second level,
             * they come in a third of the time that the adder's own prefetches take: measured. */
            for (size_t line = 0; line < sizeof(AFF); line += 64)
                __builtin_prefetch((const char *)&l->table[operand >> 1] + line, 0, 2);
        }
    const AFF *from = l->table;
    for (int round = 0; widths[0]; round++) {
        AFF *const to = round % 2 ? worker->odd : worker->even;
        size_t pairs = 0, out = 0, spare = 0;
        const uint32_t *column = places;
        for (size_t i = widths[1]; i < widths[0]; i++) /* of one point: done */
            PT(operand_copy)(&r[worker->lists[i].target], from, places[i]);
        for (size_t j = 1; j < columns; j += 2) spare += widths[j];
        for (size_t j = 0; j < columns; j += 2) {
            const size_t both = widths[j + 1], kept = j ? widths[j] : both;
            const uint32_t *const a = column, *const b = a + widths[j];
            for (size_t i = 0; i < both; i++) {
                worker->pairs[pairs] = (batch_pair){a[i], b[i]};
                places[out++] = (uint32_t)(2 * pairs++);
            }
            for (size_t i = both; i < kept; i++, spare++) {
                const uint32_t operand = a[i];
                to[spare] = from[operand >> 1];
                places[out++] = (uint32_t)(2 * spare) | (operand & 1);
            }
            column = b + both;
            widths[j / 2] = (uint32_t)kept;
        }
        columns = (columns + 1) / 2;
        widths[columns] = 0;
        if (pairs) l->add(to, from, from, worker->pairs, pairs, worker->scratch);
        from = to;
    }
}

/* A list of more points than a group may have. */
static void PT(lists_sum_long)(const PT(lists) *l, PT(lists_worker) *worker, const point_list *list) {
    JAC sum = PT(infinity)();
    AFF part;
    for (size_t i = 0; i < list->count; i += l->capacity) {
        const size_t left = list->count - i;
        const point_list piece = {(uint32_t)(list->start + i), (uint32_t)(left < l->capacity ? left : l->capacity), 0};
        PT(lists_sum_group)(l, worker, &part, &piece, 1);
        PT(add_mixed_var)(&sum, &sum, &part);
    }
    PT(to_aff_var)(&l->r[list->target], &sum);
    ct_wipe(&sum, sizeof sum);
    ct_wipe(&part, sizeof part);
}

static void PT(lists_job)(void *context, size_t index) {
    PT(lists) *const l = context;
    PT(lists_worker) *worker = l->workers;
    while (atomic_flag_test_and_set(&worker->taken)) worker++; /* no more jobs run at a time than there are workers */
    const point_list *const lists = l->lists + l->groups[index];
    const size_t count = l->groups[index + 1] - l->groups[index];
    if (count == 1 && lists[0].count > l->capacity) PT(lists_sum_long)(l, worker, lists);
    else PT(lists_sum_group)(l, worker, l->r, lists, count);
    atomic_flag_clear(&worker->taken);
}

/* r[target] = the sum of every list: n lists, none empty, in the order of their operands; points of table. */
static void PT(lists_sum)(PT(lists) *l, AFF *r, const AFF *table, const uint32_t *operands, const point_list *lists,
                          size_t n) {
    size_t points = 0, groups = 0, here = 0;
    for (size_t i = 0; i < n; i++) points += lists[i].count;
    l->r = r, l->table = table, l->operands = operands, l->lists = lists;
    /* groups of equal size, the same number for every thread */
    const size_t rounds = points / (l->capacity * l->workers_count) + 1;
    const size_t share = points / (rounds * l->workers_count) + 1;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || here + lists[i].count > l->capacity || here >= share) {
            l->groups[groups++] = (uint32_t)i;
            here = 0;
        }
        here += lists[i].count;
    }
    RLN_CHECK(groups <= l->groups_most);
    l->groups[groups] = (uint32_t)n;
    pool_run(points < POINT_ALONE ? NULL : l->threads, groups, PT(lists_job), l);
}
