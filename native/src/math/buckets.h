/* buckets.h - sums of many k_i P_i, as a template: msm.h includes it once a group.
 *
 * Pippenger's method: the parts of the scalars (glv.h) are cut into windows of c bits with digits in
 * [-2^(c-1), 2^(c-1)); for each window the points are gathered in 2^(c-1) buckets by digit, every bucket is summed,
 * and the window's sum is sum_j j bucket_j. All additions but the last few are affine, many at once (batch.h).
 */

/* What one thread needs to itself. */
typedef struct PT(msm_worker) {
    int32_t *digits;    /* of every image in the window at hand */
    uint32_t *operands; /* images with a digit, sorted by bucket */
    uint32_t *starts;   /* bucket j begins at starts[j]; one more for the end */
    uint32_t *group, *counts; /* buckets that are summed together, and how many points each still has */
    batch_pair *pairs;
    AFF *now, *next;    /* the points of the group before and after a round */
    AFF *spill;         /* sums of pieces of large buckets: images[spill_base ..] */
    uint32_t spill_base;
    AFF *runs, *totals; /* the chains of the window sums */
    COORD *scratch;
} PT(msm_worker);

typedef struct PT(msm) {
    const AFF *p;
    const u256 *k;
    size_t n;
    size_t images_count;
    msm_plan plan;
    AFF *images;         /* the images of each point under the endomorphism, with their parts' signs */
    msm_scalar *scalars; /* the parts */
    AFF *buckets;        /* plan.windows times plan.buckets */
    JAC *sums;           /* of the windows */
    PT(msm_worker) *workers;
    size_t workers_count;
} PT(msm);

static void PT(msm_prepare_job)(void *context, size_t index) {
    PT(msm) *const m = context;
    glv_part parts[G(PARTS)];
    const size_t end = (index + 1) * MSM_PREPARE < m->n ? (index + 1) * MSM_PREPARE : m->n;
    for (size_t i = index * MSM_PREPARE; i < end; i++) {
        AFF *const images = m->images + i * G(PARTS);
        PT(images)(images, &m->p[i]);
        PT(split)(parts, &m->k[i]);
        for (size_t j = 0; j < G(PARTS); j++) {
            if (parts[j].negative) PT(aff_neg)(&images[j], &images[j]);
            msm_scalar_of(&m->scalars[i * G(PARTS) + j], &m->plan, &parts[j]);
        }
    }
    ct_wipe(parts, sizeof parts);
}

/* The images with a digit in window w, sorted by bucket: a counting sort. */
static void PT(msm_sort)(const PT(msm) *m, PT(msm_worker) *worker, unsigned w) {
    const size_t buckets = m->plan.buckets;
    uint32_t *const starts = worker->starts;
    memset(starts, 0, (buckets + 2) * sizeof *starts);
    for (size_t i = 0; i < m->images_count; i++) {
        const int32_t digit = msm_digit(&m->scalars[i], &m->plan, w);
        worker->digits[i] = digit;
        starts[(digit < 0 ? -digit : digit) + 1]++;
    }
    starts[1] = 0; /* digit 0 has no bucket */
    for (size_t j = 1; j <= buckets + 1; j++) starts[j] += starts[j - 1];
    for (size_t i = 0; i < m->images_count; i++) {
        const int32_t digit = worker->digits[i];
        if (digit == 0) continue;
        const uint32_t negative = digit < 0;
        worker->operands[starts[negative ? -digit : digit]++] = (uint32_t)i << 1 | negative;
    }
    /* starts[j] is now where bucket j ends, that is where j + 1 begins */
    for (size_t j = buckets + 1; j > 0; j--) starts[j] = starts[j - 1];
}

/* Halve each of the group's lists until single points are left, worker->now[i] for list i. The lists stand one
 * behind the other at operands. */
static void PT(msm_reduce)(const PT(msm) *m, PT(msm_worker) *worker, const uint32_t *operands, size_t lists) {
    const AFF *table = m->images;
    for (int more = 1; more;) {
        size_t pairs = 0, position = 0;
        more = 0;
        for (size_t i = 0; i < lists; i++) {
            const uint32_t count = worker->counts[i];
            for (uint32_t j = 0; j < count; j += 2, pairs++) {
                const size_t at = position + j;
                const uint32_t a = operands ? operands[at] : (uint32_t)(2 * at);
                const uint32_t b = j + 1 == count ? BATCH_NONE : operands ? operands[at + 1] : (uint32_t)(2 * at + 2);
                worker->pairs[pairs] = (batch_pair){a, b};
            }
            position += count;
            worker->counts[i] = (count + 1) / 2;
            more |= worker->counts[i] > 1;
        }
        PT(batch_add_var)(worker->next, table, table, worker->pairs, pairs, worker->scratch);
        AFF *const swap = worker->now;
        worker->now = worker->next;
        worker->next = swap;
        table = worker->now;
        operands = NULL;
    }
}

/* The group's sums to the buckets; its lists begin at operands. */
static void PT(msm_flush)(const PT(msm) *m, PT(msm_worker) *worker, AFF *buckets, size_t lists,
                          const uint32_t *operands) {
    if (lists == 0) return;
    PT(msm_reduce)(m, worker, operands, lists);
    for (size_t i = 0; i < lists; i++) buckets[worker->group[i]] = worker->now[i];
}

/* Every bucket of window w. Buckets are taken together until MSM_GROUP points are at hand: one inversion a round
 * serves them all, and they stay in the cache. A larger bucket first gives pieces to the spill. */
static void PT(msm_gather)(const PT(msm) *m, PT(msm_worker) *worker, unsigned w) {
    AFF *const buckets = m->buckets + w * m->plan.buckets;
    size_t lists = 0, points = 0, spilled = 0;
    PT(msm_sort)(m, worker, w);
    for (size_t j = 1; j <= m->plan.buckets; j++) {
        size_t begin = worker->starts[j];
        const size_t end = worker->starts[j + 1];
        if (begin == end) continue;
        if (points + (end - begin) > MSM_GROUP) {
            PT(msm_flush)(m, worker, buckets, lists, worker->operands + begin - points);
            lists = points = 0;
        }
        for (; end - begin > MSM_GROUP; begin += MSM_GROUP - 1) {
            worker->counts[0] = MSM_GROUP;
            PT(msm_reduce)(m, worker, worker->operands + begin, 1);
            worker->spill[spilled] = worker->now[0];
            worker->operands[begin + MSM_GROUP - 1] = (uint32_t)(worker->spill_base + spilled) << 1;
            spilled++;
        }
        worker->group[lists] = (uint32_t)(j - 1);
        worker->counts[lists++] = (uint32_t)(end - begin);
        points += end - begin;
    }
    PT(msm_flush)(m, worker, buckets, lists, worker->operands + worker->starts[m->plan.buckets + 1] - points);
}

/* sums[w] = sum_j j bucket_j for the windows first .. last. Each window is cut into segments of length buckets,
 * so that many chains run side by side. With s the segment and i the place in it, j = s length + i + 1 and
 *     sum_j j bucket_j = sum_s totals_s + length sum_s s runs_s,
 *     runs_s = sum_i bucket, totals_s = sum_i (i + 1) bucket. */
static void PT(msm_fold)(const PT(msm) *m, PT(msm_worker) *worker, unsigned first, unsigned last) {
    const size_t segments = m->plan.segments, length = m->plan.buckets / segments;
    const size_t chains = (last - first) * segments;
    for (size_t i = 0; i < chains; i++) worker->runs[i] = worker->totals[i] = PT(aff_infinity)();
    for (size_t step = length; step-- > 0;) {
        for (size_t i = 0; i < chains; i++)
            worker->pairs[i] = (batch_pair){(uint32_t)(2 * i), (uint32_t)(2 * (i * length + step))};
        PT(batch_add_var)(worker->runs, worker->runs, m->buckets + first * m->plan.buckets, worker->pairs, chains,
                          worker->scratch);
        for (size_t i = 0; i < chains; i++) worker->pairs[i].b = (uint32_t)(2 * i);
        PT(batch_add_var)(worker->totals, worker->totals, worker->runs, worker->pairs, chains, worker->scratch);
    }
    for (unsigned w = first; w < last; w++) {
        const AFF *const runs = worker->runs + (w - first) * segments;
        const AFF *const totals = worker->totals + (w - first) * segments;
        JAC run = PT(infinity)(), sum = PT(infinity)();
        for (size_t s = segments; s-- > 1;) {
            PT(add_mixed_var)(&run, &run, &runs[s]);
            PT(add_var)(&sum, &sum, &run);
        }
        for (size_t i = length; i > 1; i >>= 1) PT(dbl)(&sum, &sum);
        for (size_t s = 0; s < segments; s++) PT(add_mixed_var)(&sum, &sum, &totals[s]);
        m->sums[w] = sum;
    }
}

static void PT(msm_gather_job)(void *context, size_t index) {
    PT(msm) *const m = context;
    for (size_t w = index; w < m->plan.windows; w += m->workers_count)
        PT(msm_gather)(m, &m->workers[index], (unsigned)w);
}

static void PT(msm_fold_job)(void *context, size_t index) {
    PT(msm) *const m = context;
    const size_t first = index * m->plan.windows / m->workers_count;
    const size_t last = (index + 1) * m->plan.windows / m->workers_count;
    PT(msm_fold)(m, &m->workers[index], (unsigned)first, (unsigned)last);
}

/* Memory for all of it; 0, or -1. */
static int PT(msm_open)(PT(msm) *m, mem *memory) {
    const size_t buckets = m->plan.buckets, windows = m->plan.windows;
    const size_t spill = m->images_count / (MSM_GROUP - 1) + 1;
    const size_t chains = (windows / m->workers_count + 1) * m->plan.segments;
    const size_t pairs = chains > MSM_GROUP ? chains : MSM_GROUP;
    m->images = mem_take(memory, m->images_count + m->workers_count * spill, sizeof *m->images);
    m->scalars = mem_take(memory, m->images_count, sizeof *m->scalars);
    m->buckets = mem_take(memory, windows * buckets, sizeof *m->buckets);
    m->sums = mem_take(memory, windows, sizeof *m->sums);
    m->workers = mem_take(memory, m->workers_count, sizeof *m->workers);
    if (!m->images || !m->scalars || !m->buckets || !m->sums || !m->workers) return -1;
    for (size_t i = 0; i < m->workers_count; i++) {
        PT(msm_worker) *const w = &m->workers[i];
        w->digits = mem_take(memory, m->images_count, sizeof *w->digits);
        w->operands = mem_take(memory, m->images_count, sizeof *w->operands);
        w->starts = mem_take(memory, buckets + 2, sizeof *w->starts);
        w->group = mem_take(memory, MSM_GROUP, sizeof *w->group);
        w->counts = mem_take(memory, MSM_GROUP, sizeof *w->counts);
        w->pairs = mem_take(memory, pairs, sizeof *w->pairs);
        w->now = mem_take(memory, MSM_GROUP, sizeof *w->now);
        w->next = mem_take(memory, MSM_GROUP, sizeof *w->next);
        w->runs = mem_take(memory, chains, sizeof *w->runs);
        w->totals = mem_take(memory, chains, sizeof *w->totals);
        w->scratch = mem_take(memory, pairs, sizeof *w->scratch);
        w->spill_base = (uint32_t)(m->images_count + i * spill);
        w->spill = m->images + w->spill_base;
        if (!w->digits || !w->operands || !w->starts || !w->group || !w->counts || !w->pairs || !w->now || !w->next ||
            !w->runs || !w->totals || !w->scratch)
            return -1;
    }
    return 0;
}

/* r = sum k[i] p[i] for G(MSM_SMALL) < n <= MSM_CHUNK. */
static int PT(msm_chunk_var)(JAC *r, const AFF *p, const u256 *k, size_t n, pool *threads) {
    mem memory = MEM_EMPTY;
    PT(msm) m = {.p = p, .k = k, .n = n, .images_count = n * G(PARTS)};
    m.plan = msm_plan_of(m.images_count, G(PART_BITS), pool_threads(threads));
    m.workers_count = pool_threads(threads) < m.plan.windows ? pool_threads(threads) : m.plan.windows;
    if (PT(msm_open)(&m, &memory)) {
        mem_close(&memory);
        return -1;
    }
    pool_run(threads, (n + MSM_PREPARE - 1) / MSM_PREPARE, PT(msm_prepare_job), &m);
    pool_run(threads, m.workers_count, PT(msm_gather_job), &m);
    pool_run(threads, m.workers_count, PT(msm_fold_job), &m);
    JAC sum = m.sums[m.plan.windows - 1];
    for (unsigned w = m.plan.windows - 1; w-- > 0;) {
        for (unsigned i = 0; i < m.plan.bits; i++) PT(dbl)(&sum, &sum);
        PT(add_var)(&sum, &sum, &m.sums[w]);
    }
    *r = sum;
    mem_close(&memory);
    return 0;
}

/** See engine.h. */
static int PT(msm_var)(JAC *r, const AFF *p, const u256 *k, size_t n, pool *threads) {
    if (n <= G(MSM_SMALL)) {
        PT(sum_var)(r, p, k, n);
        return 0;
    }
    JAC sum = PT(infinity)(), part;
    for (size_t i = 0; i < n; i += MSM_CHUNK) {
        const size_t count = n - i < MSM_CHUNK ? n - i : MSM_CHUNK;
        if (PT(msm_chunk_var)(&part, p + i, k + i, count, threads)) return -1;
        PT(add_var)(&sum, &sum, &part);
    }
    *r = sum;
    return 0;
}
