/* batch.c - verify many proofs with one product of pairings; if it fails, search for the bad proofs.
 *
 * Algorithm  batch.h has the equation. A failed batch is halved. Only the left half is computed: the right half is
 *            the whole divided by it, and the inverse of a value is a conjugation, which costs nothing
 * Memory     one mem holds all arrays of the batch, and proof_verify_many_var closes it on every path out; key,
 *            inputs, proofs, coefficients and results belong to the caller
 * Secret     only the coefficients, until the results are known: a prover that foresees them can cheat. They are wiped
 *            with the mem. Time depends on all values
 */
#include "batch.h"

#include <stdatomic.h>
#include <string.h>

#include "../math/portable.h"
#include "coefficient.h"

/* The items that are decoded together. */
#define PIECE ((size_t)32)
/* Up to this many items, verifying each alone is faster than a product: measured. */
#define ALONE 4
/* Measured costs of a product, without its items, and of verifying one item alone. The unit is the cost of one more
 * item in a product. */
#define PRODUCT_COST 10
#define ALONE_COST 6

/* All arrays except the caller's have one place for each item that has points and inputs, in order. */
typedef struct batch {
    const verifying_key *key;
    const uint8_t *inputs, *proofs, *coefficients; /* the caller's, n of each */
    int32_t *results;
    fr *decoded; /* n * (instance - 1): the caller's inputs */
    size_t n;
    size_t *place; /* in the caller's arrays */
    g1_aff *a, *c, *scaled;
    g2_aff *b;
    fr *coefficient;
    u256 *scalar; /* the coefficient as an integer */
    size_t count;
    pairing_term *terms; /* three more than items */
    uint8_t *outside;
    fr *sums; /* instance */
    size_t patience; /* the cost that the search may still spend on products */
    pool *threads;
} batch;

static rln_status decode_inputs(fr *r, const uint8_t *a, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (fr_decode(&r[i], a + 32 * i)) return RLN_ERR_RANGE;
    return RLN_OK;
}

/* The status of an item from the statuses of A, B, C in decompression: that of proof_decode, without the subgroup. */
static rln_status examine(const g1_aff *a, const g2_aff *b, const g1_aff *c, const rln_status status[3]) {
    if (status[0]) return status[0];
    if (status[2]) return status[2];
    if (status[1]) return status[1];
    const int infinite = g1_aff_is_infinity(a) | g1_aff_is_infinity(c) || g2_aff_is_infinity(b);
    return infinite ? RLN_ERR_POINT : RLN_OK;
}

static void decode_piece(void *context, size_t index) {
    const batch *const b = context;
    const engine *const e = engine_get();
    const size_t first = PIECE * index, n = b->n - first < PIECE ? b->n - first : PIECE;
    const size_t public_inputs = b->key->instance - 1;
    const uint8_t *const proofs = b->proofs + first * PROOF_BYTES;
    rln_status status[3][PIECE];
    e->g1_decompress_many_var(b->a + first, status[0], proofs, PROOF_BYTES, n);
    e->g2_decompress_many_var(b->b + first, status[1], proofs + 32, PROOF_BYTES, n);
    e->g1_decompress_many_var(b->c + first, status[2], proofs + 96, PROOF_BYTES, n);
    for (size_t i = 0; i < n; i++) {
        const size_t at = first + i;
        const rln_status each[3] = {status[0][i], status[1][i], status[2][i]};
        rln_status answer = decode_inputs(b->decoded + at * public_inputs, b->inputs + 32 * at * public_inputs,
                                          public_inputs);
        if (answer == RLN_OK) answer = examine(&b->a[at], &b->b[at], &b->c[at], each);
        b->results[at] = (int32_t)answer;
        if (answer == RLN_OK) coefficient_scalar(&b->coefficient[at], b->coefficients, at);
    }
}

/* Keep the items with drop[i] = 0; if drop is NULL, the items whose result is RLN_OK so far. */
static void compact(batch *b, const uint8_t *drop) {
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (drop ? drop[i] : b->results[b->place[i]] != RLN_OK) continue;
        b->place[kept] = b->place[i];
        b->a[kept] = b->a[i];
        b->b[kept] = b->b[i];
        b->c[kept] = b->c[i];
        b->scaled[kept] = b->scaled[i];
        b->coefficient[kept] = b->coefficient[i];
        b->scalar[kept] = b->scalar[i];
        kept++;
    }
    b->count = kept;
}

static const fr *inputs_of(const batch *b, size_t i) {
    return b->decoded + b->place[i] * (b->key->instance - 1);
}

/* r = left side / right side for the items [first, end). Returns 0; or -1: no memory. outside as in
 * pairing_product_var. */
static int evaluate(fp12 *r, uint8_t *outside, const batch *b, size_t first, size_t end) {
    const verifying_key *const k = b->key;
    const engine *const e = engine_get();
    const size_t n = end - first, public_inputs = k->instance - 1;
    pairing_term *const alpha = &b->terms[n], *const ic = &b->terms[n + 1], *const c = &b->terms[n + 2];
    g1_jac sum;
    u256 scalar;
    fr t;
    memset(b->sums, 0, k->instance * sizeof *b->sums);
    for (size_t i = first; i < end; i++) {
        b->terms[i - first] = (pairing_term){.p = b->scaled[i], .q = b->b[i]};
        fr_add(&b->sums[0], &b->sums[0], &b->coefficient[i]);
        for (size_t j = 0; j < public_inputs; j++) {
            fr_mul(&t, &b->coefficient[i], &inputs_of(b, i)[j]);
            fr_add(&b->sums[j + 1], &b->sums[j + 1], &t);
        }
    }
    *c = (pairing_term){.q = k->delta_g2, .lines = k->delta_lines};
    if (e->g1_msm_var(&sum, b->c + first, b->scalar + first, n, b->threads)) return -1;
    g1_to_aff_var(&c->p, &sum);
    g1_aff_neg(&c->p, &c->p);
    *ic = (pairing_term){.q = k->gamma_g2, .lines = k->gamma_lines};
    if (instance_sum_var(&ic->p, k, b->sums, b->threads)) return -1;
    g1_aff_neg(&ic->p, &ic->p);
    *alpha = (pairing_term){.q = k->beta_g2, .lines = k->beta_lines};
    fr_to_u256(&scalar, &b->sums[0]);
    g1_mul_var(&sum, &k->alpha_g1, &scalar);
    g1_to_aff_var(&alpha->p, &sum);
    g1_aff_neg(&alpha->p, &alpha->p);
    return e->pairing_product_var(r, outside, b->terms, n + 3, b->threads);
}

typedef struct each {
    const batch *batch;
    size_t first;
    atomic_int failed;
} each;

static void verify_job(void *context, size_t index) {
    each *const e = context;
    const batch *const b = e->batch;
    const size_t i = e->first + index;
    const proof p = {b->a[i], b->b[i], b->c[i]};
    int ok = 0;
    if (proof_verify_var(&ok, b->key, inputs_of(b, i), &p)) atomic_store(&e->failed, 1);
    if (!ok) b->results[b->place[i]] = RLN_REFUSED;
}

/* The results of the items [first, end), each from its own equation. */
static int verify_each(const batch *b, size_t first, size_t end) {
    each e = {.batch = b, .first = first};
    pool_run(b->threads, end - first, verify_job, &e);
    return atomic_load(&e.failed) ? -1 : 0;
}

/* The results of the items [first, end); value is what evaluate gives for them. The depth is at most 64. With many bad
 * items, halving costs more than verifying each alone, so it stops when it has cost as much. The worst batch takes 7/3
 * of the time of single verifications: two products of all items, the second without the items outside the subgroup,
 * then the search, then single verifications. */
static int halve(batch *b, size_t first, size_t end, const fp12 *value) {
    if (fp12_is_one(value)) return 0;
    const size_t middle = first + (end - first) / 2, cost = PRODUCT_COST + middle - first;
    if (end - first <= ALONE || b->patience < cost) return verify_each(b, first, end);
    b->patience -= cost;
    fp12 left, right;
    if (evaluate(&left, NULL, b, first, middle)) return -1;
    /* value = left right, and left has norm 1 over Fp6 after the final exponentiation: 1/left is its conjugate */
    fp12_conjugate(&right, &left);
    fp12_mul(&right, &right, value);
    return halve(b, first, middle, &left) || halve(b, middle, end, &right) ? -1 : 0;
}

/* The results of all items that have points and inputs. Returns 0; or -1: no memory. */
static int judge(batch *b) {
    fp12 value;
    if (b->count == 0) return 0;
    for (size_t i = 0; i < b->count; i++) fr_to_u256(&b->scalar[i], &b->coefficient[i]);
    if (engine_get()->g1_mul_each_var(b->scaled, b->a, b->scalar, b->count, 254, b->threads)) return -1;
    if (evaluate(&value, b->outside, b, 0, b->count)) return -1;
    const size_t all = b->count;
    for (size_t i = 0; i < all; i++)
        if (b->outside[i]) b->results[b->place[i]] = RLN_ERR_POINT;
    compact(b, b->outside);
    b->patience = ALONE_COST * b->count;
    if (b->count < all && b->count && evaluate(&value, NULL, b, 0, b->count)) return -1;
    return b->count ? halve(b, 0, b->count, &value) : 0;
}

/* For few items: verify each from its bytes. */
static rln_status verify_alone(const batch *b) {
    const size_t public_inputs = b->key->instance - 1;
    for (size_t i = 0; i < b->n; i++) {
        int ok = 0;
        rln_status status = decode_inputs(b->decoded, b->inputs + 32 * i * public_inputs, public_inputs);
        if (status == RLN_OK)
            status = proof_verify_bytes_var(&ok, b->key, b->decoded, b->proofs + i * PROOF_BYTES, NULL);
        if (status == RLN_ERR_MEMORY) return status;
        b->results[i] = status ? (int32_t)status : ok ? RLN_OK : RLN_REFUSED;
    }
    return RLN_OK;
}

rln_status proof_verify_many_var(int32_t *results, const verifying_key *k, const uint8_t *inputs, const uint8_t *proofs,
                                 const uint8_t *coefficients, size_t n, pool *threads) {
    mem m = MEM_EMPTY;
    rln_status status = coefficients_examine(coefficients, n, NULL);
    if (status || n == 0) return status;
    batch b = {.key = k,
               .inputs = inputs,
               .proofs = proofs,
               .coefficients = coefficients,
               .results = results,
               .n = n,
               .count = n,
               .threads = threads};
    status = RLN_ERR_MEMORY;
    if (n > SIZE_MAX / k->instance) return status;
    if (!(b.decoded = mem_take(&m, n * (k->instance - 1), sizeof *b.decoded))) goto done;
    if (n <= ALONE) {
        status = verify_alone(&b);
        goto done;
    }
    if (!(b.place = mem_take(&m, n, sizeof *b.place)) || !(b.a = mem_take(&m, n, sizeof *b.a)) ||
        !(b.b = mem_take(&m, n, sizeof *b.b)) || !(b.c = mem_take(&m, n, sizeof *b.c)) ||
        !(b.scaled = mem_take(&m, n, sizeof *b.scaled)) || !(b.coefficient = mem_take(&m, n, sizeof *b.coefficient)) ||
        !(b.scalar = mem_take(&m, n, sizeof *b.scalar)) || !(b.terms = mem_take(&m, n + 3, sizeof *b.terms)) ||
        !(b.outside = mem_take(&m, n + 3, 1)) || !(b.sums = mem_take(&m, k->instance, sizeof *b.sums)))
        goto done;
    for (size_t i = 0; i < n; i++) b.place[i] = i;
    pool_run(threads, (n + PIECE - 1) / PIECE, decode_piece, &b);
    compact(&b, NULL);
    if (judge(&b) == 0) status = RLN_OK;
done:
    mem_close(&m);
    return status;
}
