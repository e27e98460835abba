/* point_jobs.h - the jobs of the engine's table that go beyond msm.h: sums over tables of fixed points, multiples of
 * different points, transforms of points.
 *
 * A job named _with_var takes the fast parts of an engine, such as its adder of pairs, as arguments. The job without
 * "_with" is for engines that have no such parts.
 */
#ifndef RLN_MATH_POINT_JOBS_H
#define RLN_MATH_POINT_JOBS_H

#include <stdatomic.h>

#include "msm.h"
#include "point_ntt.h"
#include "point_table.h"

/* ---- room for a job: one block for all its arrays. Separate blocks would be taken from the system and returned to it
 * each time, which costs a page fault for each page. */

/* base = NULL: only count the bytes used. */
typedef struct point_room {
    uint8_t *base;
    size_t used;
} point_room;

static inline void *point_room_take(point_room *room, size_t count, size_t size) {
    void *const r = room->base ? room->base + room->used : NULL;
    room->used += (count * size + 63) & ~(size_t)63;
    return r;
}

/* ---- lists of points: point_lists.inc */

/* A list to sum: count operands from start on. target is the place of the sum. */
typedef struct point_list { uint32_t start, count, target; } point_list;

/* The points of a group of lists: few enough for the second-level cache, and so many that the inversion that they share
 * costs little. */
#define POINT_GROUP_BYTES ((size_t)512 << 10)
#define POINT_GROUP_LEAST ((size_t)1024)
/* For fewer points than this, waiting for another thread (0.1 ms) is not worth it. */
#define POINT_ALONE ((size_t)3000)

/* The points of a group of lists if the threads share this many points. */
static inline size_t point_group_of(size_t points, size_t threads) {
    const size_t each = points / threads;
    return each < POINT_GROUP_LEAST ? POINT_GROUP_LEAST : each;
}

/* r = the n lists, longest first; widths[j] = the number of lists longer than j, for j up to the longest length.
 * Returns the longest length.
 * needs  widths with room for two more than the longest length */
static inline size_t point_lists_sort(point_list *r, uint32_t *widths, const point_list *lists, size_t n) {
    size_t most = 0;
    for (size_t i = 0; i < n; i++)
        if (lists[i].count > most) most = lists[i].count;
    memset(widths, 0, (most + 2) * sizeof *widths);
    for (size_t i = 0; i < n; i++) widths[lists[i].count]++;
    for (size_t j = most; j-- > 0;) widths[j] += widths[j + 1];
    /* widths[j] lists have length j or more: those of length j begin where the longer ones end */
    for (size_t j = 0; j <= most; j++) widths[j] = widths[j + 1];
    for (size_t i = 0; i < n; i++) r[widths[lists[i].count]++] = lists[i];
    /* and end where the shorter ones begin: widths[j] now belongs to column j - 1 */
    for (size_t j = 0; j < most; j++) widths[j] = widths[j + 1];
    widths[most] = 0;
    return most;
}

/* The points in a piece of work on single points. */
#define POINT_PIECE ((size_t)256)

/* ---- weighted points: point_fold.inc */

/* sum_i weights[first + i] points[first + i] over i < count, times 2^shift; weights below 2^bits. */
typedef struct point_set {
    uint32_t first, count;
    unsigned bits, shift;
} point_set;

/* One of the two sets that a set is cut into. It adds up the points of equal key = weight >> right mod 2^bits. Its
 * lists take 2^bits places. */
typedef struct point_cut {
    point_set set;
    unsigned right, bits, shift;
    uint32_t lists, operands;
} point_cut;

/* The number of places for the lists of the cuts of a set. */
static inline size_t point_cuts_room(unsigned bits) {
    return ((size_t)1 << (bits - bits / 2)) + (bits > 1 ? (size_t)1 << bits / 2 : 0);
}

/* r = the cuts of n sets; returns their number. A set of one bit has a high part only. */
static inline size_t point_cuts_of(point_cut *r, const point_set *sets, size_t n) {
    size_t cuts = 0;
    uint32_t lists = 0, operands = 0;
    for (size_t i = 0; i < n; i++)
        for (int high = sets[i].bits < 2; high < 2; high++) {
            const unsigned low = sets[i].bits / 2, bits = high ? sets[i].bits - low : low;
            r[cuts++] = (point_cut){sets[i], high ? low : 0, bits, sets[i].shift + (high ? low : 0), lists, operands};
            lists += (uint32_t)1 << bits;
            operands += sets[i].count;
        }
    return cuts;
}

/* The lists of a cut, one for each key, and their operands: a counting sort. */
static inline void point_cut_sort(point_list *lists, uint32_t *operands, const uint32_t *weights,
                                  const point_cut *cut) {
    const uint32_t keys = (uint32_t)1 << cut->bits, *const w = weights + cut->set.first;
    uint32_t at = cut->operands;
    lists += cut->lists;
    for (uint32_t key = 0; key < keys; key++) lists[key].count = 0;
    for (uint32_t i = 0; i < cut->set.count; i++) lists[w[i] >> cut->right & (keys - 1)].count++;
    for (uint32_t key = 0; key < keys; key++) {
        lists[key].start = lists[key].target = at;
        at += lists[key].count;
    }
    for (uint32_t i = 0; i < cut->set.count; i++)
        operands[lists[w[i] >> cut->right & (keys - 1)].target++] = 2 * (cut->set.first + i);
}

/* The sets that the cuts make, with their weights and lists, empty lists removed; returns the number of lists. Key 0 is
 * left out, because its weight is 0. */
static inline size_t point_cuts_gather(point_set *sets, uint32_t *weights, point_list *lists, const point_cut *cuts,
                                       size_t n) {
    uint32_t used = 0;
    for (size_t c = 0; c < n; c++) {
        const uint32_t first = used;
        for (uint32_t key = 1; key >> cuts[c].bits == 0; key++) {
            const point_list list = lists[cuts[c].lists + key];
            if (list.count == 0) continue;
            weights[used] = key;
            lists[used] = (point_list){list.start, list.count, used};
            used++;
        }
        sets[c] = (point_set){first, used - first, cuts[c].bits, cuts[c].shift};
    }
    return used;
}

/* ---- tables of fixed points: point_table_sum.inc */

/* The most scalars of one pass, to bound memory. */
#define TABLE_CHUNK ((size_t)1 << 18)

/* sum_w 2^(bits w + bits - 1). Window w of a scalar plus this offset, minus 2^(bits-1), is a digit in [-2^(bits-1),
 * 2^(bits-1)). Digits need no carries. */
typedef struct table_offset { uint64_t v[5]; } table_offset;

/* The number of windows that have digits: bits * windows >= 255.
 * source a scalar is below 0.76 2^254; with z = 2^(bits windows - 1) >= 2^254 and bits >= 4 the offset is below
 *        16/15 z, so their sum is below 2 z */
static inline unsigned table_windows(unsigned bits) {
    return (254 + bits) / bits;
}

static inline table_offset table_offset_of(unsigned bits, unsigned windows) {
    table_offset r = {{0}};
    for (unsigned w = 0; w < windows; w++) {
        const unsigned bit = bits * (w + 1) - 1;
        r.v[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
    return r;
}

/* r = the digits of k, each plus 2^(bits-1); counts[|digit|] counts each of them. */
static inline void table_digits(uint16_t *r, uint32_t *counts, const u256 *k, const table_offset *offset, unsigned bits,
                                unsigned windows) {
    const int32_t half = (int32_t)1 << (bits - 1);
    uint64_t v[6], carry = 0;
    for (int i = 0; i < 4; i++) v[i] = mont_addc(k->v[i], offset->v[i], &carry);
    v[4] = offset->v[4] + carry;
    v[5] = 0;
    for (unsigned w = 0, bit = 0; w < windows; w++, bit += bits) {
        const unsigned limb = bit / 64, shift = bit % 64;
        const uint64_t t = v[limb] >> shift | v[limb + 1] << 1 << (63 - shift);
        const int32_t digit = (int32_t)(t & (uint64_t)(2 * half - 1)) - half, sign = digit >> 31;
        r[w] = (uint16_t)(digit + half);
        counts[(digit ^ sign) - sign]++; /* signs are random: no branch */
    }
    ct_wipe(v, sizeof v);
}

#define GROUP g1
#define COORD fp
#define G(name) G1_##name
#include "point_lists.inc"
#include "point_fold.inc"
#include "buckets.inc"
#include "point_table_fill.inc"
#include "point_table_sum.inc"
#undef GROUP
#undef COORD
#undef G

#define GROUP g2
#define COORD fp2
#define G(name) G2_##name
#include "point_lists.inc"
#include "point_fold.inc"
#include "buckets.inc"
#include "point_table_fill.inc"
#include "point_table_sum.inc"
#undef GROUP
#undef COORD
#undef G

#endif
