/* buckets.h - sums of many k_i P_i, as a template: point_jobs.h includes it once a group.
 *
 * Pippenger's method: the parts of the scalars (glv.h) are cut into windows of c bits with digits in
 * [-2^(c-1), 2^(c-1)); for each window the points are gathered in 2^(c-1) buckets by digit. A bucket is the sum of a
 * list (point_lists.h), and sum_j j bucket_j, for all windows together, one of weighted points (point_fold.h).
 */

typedef struct PT(msm) {
    const AFF *p;
    const u256 *k;
    size_t n, pieces;
    msm_plan plan;
    AFF *images;        /* the images of each point under the endomorphism, with their parts' signs */
    uint16_t *digits;   /* plus 2^(c-1), image after image */
    uint32_t *counts;   /* of each piece, 2^(c-1) + 1 a window; later the place of its next operand */
    uint32_t *operands; /* by window and bucket */
    point_list *lists;  /* the buckets that are not empty, */
    uint32_t *weights;  /* their digits, */
    AFF *buckets;       /* and their sums */
    point_set *sets;    /* the windows */
} PT(msm);

static void PT(msm_digits_job)(void *context, size_t index) {
    PT(msm) *const m = context;
    const size_t windows = m->plan.windows, buckets = m->plan.buckets + 1, end = (index + 1) * m->n / m->pieces;
    uint32_t *const counts = m->counts + index * windows * buckets;
    glv_part parts[G(PARTS)];
    msm_scalar scalar;
    for (size_t i = index * m->n / m->pieces; i < end; i++) {
        AFF *const images = m->images + i * G(PARTS);
        uint16_t *digits = m->digits + i * G(PARTS) * windows;
        PT(images)(images, &m->p[i]);
        PT(split)(parts, &m->k[i]);
        for (size_t j = 0; j < G(PARTS); j++) {
            if (parts[j].negative) PT(aff_neg)(&images[j], &images[j]);
            msm_scalar_of(&scalar, &m->plan, &parts[j]);
            for (unsigned w = 0; w < windows; w++) {
                const int32_t digit = msm_digit(&scalar, &m->plan, w), sign = digit >> 31;
                *digits++ = (uint16_t)(digit + (int32_t)m->plan.buckets);
                counts[w * buckets + (uint32_t)((digit ^ sign) - sign)]++; /* signs are random: no branch */
            }
        }
    }
    ct_wipe(parts, sizeof parts);
    ct_wipe(&scalar, sizeof scalar);
}

static void PT(msm_sort_job)(void *context, size_t index) {
    PT(msm) *const m = context;
    const size_t windows = m->plan.windows, buckets = m->plan.buckets + 1;
    const size_t begin = index * m->n / m->pieces * G(PARTS), end = (index + 1) * m->n / m->pieces * G(PARTS);
    uint32_t *counts = m->counts + index * windows * buckets;
    for (size_t w = 0; w < windows; w++, counts += buckets)
        for (size_t i = begin; i < end; i++) {
            const int32_t digit = (int32_t)m->digits[i * windows + w] - (int32_t)m->plan.buckets, sign = digit >> 31;
            m->operands[counts[(digit ^ sign) - sign]++] = (uint32_t)i << 1 | (sign & 1);
        }
}

/* Counts become places; the lists of the buckets, window by window: how many are not empty. Digit 0 comes first in its
 * window and has no bucket. */
static size_t PT(msm_lists)(PT(msm) *m) {
    const size_t windows = m->plan.windows, buckets = m->plan.buckets + 1;
    uint32_t at = 0;
    size_t lists = 0;
    for (size_t w = 0; w < windows; w++) {
        const size_t first = lists;
        for (size_t j = 0; j < buckets; j++) {
            const uint32_t start = at;
            for (size_t i = 0; i < m->pieces; i++) {
                uint32_t *const count = &m->counts[(i * windows + w) * buckets + j];
                const uint32_t here = *count;
                *count = at;
                at += here;
            }
            if (j == 0 || at == start) continue;
            m->lists[lists] = (point_list){start, at - start, (uint32_t)lists};
            m->weights[lists++] = (uint32_t)j;
        }
        m->sets[w] = (point_set){(uint32_t)first, (uint32_t)(lists - first), m->plan.bits, m->plan.bits * (unsigned)w};
    }
    return lists;
}

/* r = sum k[i] p[i] for 0 < n <= MSM_CHUNK. */
static int PT(msm_chunk_var)(JAC *r, const AFF *p, const u256 *k, size_t n, pool *threads, PT(batch_adder) *add) {
    mem memory = MEM_EMPTY;
    PT(msm) m = {.p = p, .k = k, .n = n, .pieces = pool_threads(threads)};
    PT(lists) l;
    PT(fold) f;
    point_room room = {NULL, 0};
    m.plan = msm_plan_of(n * G(PARTS), G(PART_BITS));
    const size_t windows = m.plan.windows, entries = n * G(PARTS) * windows, buckets = m.plan.buckets + 1;
    const size_t lists = entries < windows * buckets ? entries : windows * buckets;
    const size_t most = entries > 2 * lists ? entries : 2 * lists;
    for (int pass = 0; pass < 2; pass++) { /* how much, then where */
        if (pass && !(room = (point_room){mem_take(&memory, 1, room.used), 0}).base) return -1;
        m.images = point_room_take(&room, n * G(PARTS), sizeof *m.images);
        m.digits = point_room_take(&room, entries, sizeof *m.digits);
        m.counts = point_room_take(&room, m.pieces * windows * buckets, sizeof *m.counts);
        m.operands = point_room_take(&room, entries, sizeof *m.operands);
        m.lists = point_room_take(&room, lists, sizeof *m.lists);
        m.weights = point_room_take(&room, lists, sizeof *m.weights);
        m.buckets = point_room_take(&room, lists, sizeof *m.buckets);
        m.sets = point_room_take(&room, windows, sizeof *m.sets);
        PT(lists_lay)(&l, point_group_of(most, m.pieces), most, threads, add, &room);
        PT(fold_lay)(&f, lists, windows, m.plan.bits, m.plan.bits * (m.plan.windows - 1), &room);
    }
    pool_run(threads, m.pieces, PT(msm_digits_job), &m);
    const size_t used = PT(msm_lists)(&m);
    pool_run(threads, m.pieces, PT(msm_sort_job), &m);
    PT(lists_sum)(&l, m.buckets, m.images, m.operands, m.lists, used);
    PT(fold_var)(r, &f, &l, m.buckets, m.weights, m.sets, windows);
    mem_close(&memory);
    return 0;
}

/** g1_msm_var and g2_msm_var of engine.h, with additions by add. */
static int PT(msm_with_var)(JAC *r, const AFF *p, const u256 *k, size_t n, pool *threads, PT(batch_adder) *add) {
    if (n <= G(MSM_SMALL)) {
        PT(sum_var)(r, p, k, n);
        return 0;
    }
    JAC sum = PT(infinity)(), part;
    for (size_t i = 0; i < n; i += MSM_CHUNK) {
        const size_t count = n - i < MSM_CHUNK ? n - i : MSM_CHUNK;
        if (PT(msm_chunk_var)(&part, p + i, k + i, count, threads, add)) return -1;
        PT(add_var)(&sum, &sum, &part);
    }
    *r = sum;
    return 0;
}

/** See engine.h. */
static int PT(msm_var)(JAC *r, const AFF *p, const u256 *k, size_t n, pool *threads) {
    return PT(msm_with_var)(r, p, k, n, threads, PT(batch_add_var));
}
