/* point_fold.h - sums of weighted points, as a template: point_jobs.h includes it once a group.
 *
 * A set is a sum of points times weights below 2^bits. With weight = low + 2^h high it is the sum of two sets of less
 * bits: in one the points are added up by low, in the other, times 2^h, by high. Sets are cut until they have one
 * bit, that is, until they are one point; sum_b 2^b point_b is left. Two additions a point at the first cut, few more
 * at the others; points of weight 0 and weights that do not occur cost nothing.
 */

typedef struct PT(fold) {
    const uint32_t *weights;
    point_cut *cuts;
    uint32_t *operands;
    point_list *lists;
    /* the sets after a cut */
    point_set *sets;
    uint32_t *set_weights;
    AFF *spaces[2];
    JAC *bits;
    size_t room, most_points, most_sets, most_bits;
} PT(fold);

/* For at most so many points in n sets of bits bits, shifted by less than shift. Later sets have less points: cuts do
 * not add bits, and point_cuts_room(b) <= 2^b. */
static void PT(fold_lay)(PT(fold) *f, size_t points, size_t n, unsigned bits, unsigned shift, point_room *room) {
    f->most_points = points, f->most_sets = n * bits, f->most_bits = bits + shift;
    f->room = n * point_cuts_room(bits);
    f->cuts = point_room_take(room, f->most_sets, sizeof *f->cuts);
    f->sets = point_room_take(room, f->most_sets, sizeof *f->sets);
    f->set_weights = point_room_take(room, f->room, sizeof *f->set_weights);
    for (int i = 0; i < 2; i++) f->spaces[i] = point_room_take(room, f->room, sizeof *f->spaces[i]);
    f->operands = point_room_take(room, 2 * (points > f->room ? points : f->room), sizeof *f->operands);
    f->lists = point_room_take(room, f->room, sizeof *f->lists);
    f->bits = point_room_take(room, f->most_bits, sizeof *f->bits);
}

static void PT(fold_job)(void *context, size_t index) {
    const PT(fold) *const f = context;
    point_cut_sort(f->lists, f->operands, f->weights, &f->cuts[index]);
}

/* r = sum of the n sets, none empty of bits.
 * needs  no more than what f was laid for; l was laid for twice the points */
static void PT(fold_var)(JAC *r, PT(fold) *f, PT(lists) *l, const AFF *points, const uint32_t *weights,
                         const point_set *sets, size_t n) {
    f->weights = weights;
    for (int level = 0, more = 1; more; level++) {
        n = point_cuts_of(f->cuts, sets, n);
        RLN_CHECK(n <= f->most_sets);
        pool_run(level == 0 ? l->threads : NULL, n, PT(fold_job), f); /* later sets are small */
        const size_t lists = point_cuts_gather(f->sets, f->set_weights, f->lists, f->cuts, n);
        PT(lists_sum)(l, f->spaces[level % 2], points, f->operands, f->lists, lists);
        sets = f->sets, points = f->spaces[level % 2], f->weights = f->set_weights;
        more = 0;
        for (size_t i = 0; i < n; i++) more |= sets[i].bits > 1;
    }
    for (size_t b = 0; b < f->most_bits; b++) f->bits[b] = PT(infinity)();
    for (size_t i = 0; i < n; i++) { /* of one point of weight 1, or none */
        JAC *const bit = &f->bits[sets[i].shift];
        if (sets[i].count) PT(add_mixed_var)(bit, bit, &points[sets[i].first]);
    }
    *r = PT(infinity)();
    for (size_t b = f->most_bits; b-- > 0;) {
        PT(dbl)(r, r);
        PT(add_var)(r, r, &f->bits[b]);
    }
}
