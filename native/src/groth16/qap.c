#include "qap.h"

#include <string.h>

#include "../math/portable.h"

/* Work is spread in pieces of so many rows. */
#define PIECE 512

typedef struct quotient {
    const proving_key *key;
    const fr *wires;
    fr *a, *b, *c;
} quotient;

static fr row_times_wires(const sparse *s, size_t row, const fr *wires) {
    fr r = fr_zero(), t;
    for (size_t j = s->start[row]; j < s->start[row + 1]; j++) {
        fr_mul(&t, &s->coefficient[j], &wires[s->column[j]]);
        fr_add(&r, &r, &t);
    }
    ct_wipe(&t, sizeof t);
    return r;
}

static size_t piece_end(size_t index, size_t n) {
    const size_t end = (index + 1) * PIECE;
    return end < n ? end : n;
}

static void evaluate_rows(void *context, size_t index) {
    const quotient *const q = context;
    for (size_t i = index * PIECE; i < piece_end(index, q->key->constraints); i++) {
        q->a[i] = row_times_wires(&q->key->a_matrix, i, q->wires);
        q->b[i] = row_times_wires(&q->key->b_matrix, i, q->wires);
        fr_mul(&q->c[i], &q->a[i], &q->b[i]);
    }
}

static void combine(void *context, size_t index) {
    const quotient *const q = context;
    for (size_t i = index * PIECE; i < piece_end(index, q->key->domain); i++) {
        fr_mul(&q->a[i], &q->a[i], &q->b[i]);
        fr_sub(&q->a[i], &q->a[i], &q->c[i]);
        fr_canonical(&q->a[i], &q->a[i]);
    }
}

int qap_quotient(fr *h, const proving_key *k, const fr *wires, pool *threads) {
    mem m = MEM_EMPTY;
    quotient q = {k, wires, h, mem_take(&m, k->domain, sizeof(fr)), mem_take(&m, k->domain, sizeof(fr))};
    const int status = q.b && q.c ? 0 : -1;
    if (status == 0) {
        const engine *const e = engine_get();
        memset(h, 0, k->domain * sizeof *h);
        pool_run(threads, (k->constraints + PIECE - 1) / PIECE, evaluate_rows, &q);
        for (size_t i = 0; i < k->instance; i++) q.a[k->constraints + i] = wires[i];
        e->ntt_to_coset(q.a, &k->ntt, threads);
        e->ntt_to_coset(q.b, &k->ntt, threads);
        e->ntt_to_coset(q.c, &k->ntt, threads);
        pool_run(threads, (k->domain + PIECE - 1) / PIECE, combine, &q);
    }
    mem_close(&m);
    return status;
}
