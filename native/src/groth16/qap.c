/* qap.c - rows of an assignment, and the scalars of its quotient.
 *
 * Algorithm  coset form: zerokit-spec 6, steps 1 to 4; folded form: L'Hopital's rule on the domain (qap.h, fold.h)
 * Memory     one mem for scratch rows, closed before the return; a, b and r belong to the caller
 * Secret     the rows and the scalars, which depend on the wires. All data derived from them here is wiped
 */
#include "qap.h"

#include <string.h>

#include "../math/portable.h"

/* The rows in one piece of work. */
#define PIECE ((size_t)512)

static size_t pieces(size_t n) {
    return (n + PIECE - 1) / PIECE;
}

static size_t piece_end(size_t index, size_t n) {
    const size_t end = (index + 1) * PIECE;
    return end < n ? end : n;
}

typedef struct row_job {
    fr *r;
    const sparse *m;
    const fr *wires;
} row_job;

static void add_piece(void *context, size_t index) {
    const row_job *const job = context;
    const sparse *const m = job->m;
    fr sum, t;
    for (size_t i = index * PIECE; i < piece_end(index, m->rows); i++) {
        if (m->start[i] == m->start[i + 1]) continue;
        sum = job->r[i];
        for (size_t j = m->start[i]; j < m->start[i + 1]; j++) {
            fr_mul(&t, &m->coefficient[j], &job->wires[m->column[j]]);
            fr_add(&sum, &sum, &t);
        }
        fr_canonical(&job->r[i], &sum);
    }
    ct_wipe(&sum, sizeof sum);
    ct_wipe(&t, sizeof t);
}

void qap_add_rows(fr *r, const sparse *m, const fr *wires, pool *threads) {
    row_job job = {r, m, wires};
    pool_run(threads, pieces(m->rows), add_piece, &job);
}

void qap_bind(fr *a, const proving_key *k, const fr *wires) {
    memcpy(a + k->constraints, wires, k->instance * sizeof *a);
}

void qap_fill_factors(fr *r, const proving_key *k) {
    fr step, t = fr_zero();
    fr_sqr(&step, &k->ntt.inverse_n);
    for (size_t i = 0; i < k->domain; i++) {
        u256 raw;
        fr_to_u256(&raw, &t);
        memcpy(&r[i], &raw, sizeof raw);
        fr_add(&t, &t, &step);
    }
}

typedef struct quotient {
    const proving_key *key;
    const fr *factors;
    size_t degree, scalars;
    u256 *const *r;
    fr *const *a, *const *b;
    fr *c[2 * QAP_DEGREE]; /* coset: the 2 degree - 1 parts of c; folded: the transforms of a, then of b */
} quotient;

/* c[i] = sum of a[p] b[q], p + q = i, for the rows of the constraints; all other rows have b = 0. */
static void multiply_piece(void *context, size_t index) {
    const quotient *const q = context;
    fr t;
    for (size_t row = index * PIECE; row < piece_end(index, q->key->constraints); row++)
        for (size_t i = 0; i < q->degree; i++)
            for (size_t j = 0; j < q->degree; j++) {
                fr *const sum = &q->c[i + j][row];
                fr_mul(&t, &q->a[i][row], &q->b[j][row]);
                fr_add(sum, sum, &t);
            }
    ct_wipe(&t, sizeof t);
}

/* One transform; the coset takes a, b and c, the folded form the copies in c. */
static void transform(void *context, size_t index) {
    const quotient *const q = context;
    fr *const parts[] = {q->c[0], q->c[1], q->c[2], q->c[3]};
    const size_t c_count = q->factors ? 2 * q->degree : 2 * q->degree - 1;
    fr *const which = index < c_count               ? parts[index]
                      : index < c_count + q->degree ? q->a[index - c_count]
                                                    : q->b[index - c_count - q->degree];
    engine_get()->ntt_scaled(which, &q->key->ntt, q->factors ? q->factors : q->key->ntt.shifts, NULL);
}

static void coset_piece(void *context, size_t index) {
    const quotient *const q = context;
    fr sum[2 * QAP_DEGREE - 1], t;
    for (size_t row = index * PIECE; row < piece_end(index, q->scalars); row++) {
        for (size_t i = 0; i < 2 * q->degree - 1; i++) fr_neg(&sum[i], &q->c[i][row]);
        for (size_t i = 0; i < q->degree; i++)
            for (size_t j = 0; j < q->degree; j++) {
                fr_mul(&t, &q->a[i][row], &q->b[j][row]);
                fr_add(&sum[i + j], &sum[i + j], &t);
            }
        for (size_t i = 0; i < 2 * q->degree - 1; i++) fr_to_u256(&q->r[i][row], &sum[i]);
    }
    ct_wipe(sum, sizeof sum);
    ct_wipe(&t, sizeof t);
}

static int row_is_zero(const fr *a) {
    return (a->v[0] | a->v[1] | a->v[2] | a->v[3]) == 0;
}

/* r += a b, except in rows where a is zero; t is not wiped. */
static void add_product(fr *r, fr *t, const fr *a, const fr *b) {
    if (row_is_zero(a)) return;
    fr_mul(t, a, b);
    fr_add(r, r, t);
}

/* The transforms are not in Montgomery form, so their products with the rows are integers. A direction has few rows
 * that are not zero. */
static void folded_piece(void *context, size_t index) {
    const quotient *const q = context;
    fr *const *const da = q->c, *const *const db = q->c + q->degree;
    fr sum[2 * QAP_DEGREE - 1], t;
    for (size_t row = index * PIECE; row < piece_end(index, q->scalars); row++) {
        memset(sum, 0, sizeof sum);
        for (size_t i = 0; i < q->degree; i++)
            for (size_t j = 0; j < q->degree; j++) {
                add_product(&sum[i + j], &t, &q->a[i][row], &db[j][row]);
                add_product(&sum[i + j], &t, &q->b[i][row], &da[j][row]);
            }
        for (size_t i = 0; i < 2 * q->degree - 1; i++) {
            fr_canonical(&sum[i], &sum[i]);
            memcpy(&q->r[i][row], &sum[i], sizeof sum[i]);
        }
    }
    ct_wipe(sum, sizeof sum);
    ct_wipe(&t, sizeof t);
}

int qap_quotient(u256 *const r[], size_t degree, const proving_key *k, const fr *factors, fr *const a[], fr *const b[],
                 pool *threads) {
    mem m = MEM_EMPTY;
    quotient q = {.key = k,
                  .factors = factors,
                  .degree = degree,
                  .scalars = qap_scalars(k, factors != NULL),
                  .r = r,
                  .a = a,
                  .b = b};
    const size_t c_count = factors ? 2 * degree : 2 * degree - 1;
    int status = 0;
    RLN_CHECK(degree >= 1 && degree <= QAP_DEGREE);
    for (size_t i = 0; i < c_count; i++)
        if (!(q.c[i] = mem_take(&m, k->domain, sizeof(fr)))) status = -1;
    if (status) goto done;
    if (factors) {
        for (size_t i = 0; i < degree; i++) {
            memcpy(q.c[i], a[i], k->domain * sizeof(fr));
            memcpy(q.c[degree + i], b[i], k->domain * sizeof(fr));
        }
        pool_run(threads, c_count, transform, &q);
        pool_run(threads, pieces(q.scalars), folded_piece, &q);
    } else {
        pool_run(threads, pieces(k->constraints), multiply_piece, &q);
        pool_run(threads, c_count + 2 * degree, transform, &q);
        pool_run(threads, pieces(q.scalars), coset_piece, &q);
    }
done:
    mem_close(&m);
    return status;
}
