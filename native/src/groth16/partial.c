/* partial.c - the part of a proof that depends on the known wires: creation, update, encoding, decoding.
 *
 * Algorithm  the sums of sums.h over the marked wires, and their part of the rows; an update adds the sums over the
 *            wires that changed. Decoding computes the points again and compares (zerokit-spec 6.1, 7.5)
 * Memory     a partial owns a mem (marks, matrices) and pages of secret memory (values, rows); partial_free wipes both.
 *            Scratch is in one mem for each call. Bases, and the key and tables in them, belong to the caller
 * Secret     the values of the known wires, and every sum over them. Time depends on them; copies are wiped
 */
#include "partial.h"

#include <string.h>

#include "../base/bytes.h"
#include "../math/portable.h"
#include "fault.h"
#include "qap.h"

static const chosen ALL = {NULL, 0};

/* ---- memory and marks */

/* r = the entries of a at wires that are not marked. Returns 0; or -1: no memory. */
static int rest_new(mem *m, sparse *r, const sparse *a, const uint8_t *mask) {
    size_t entries = 0;
    for (size_t j = 0; j < a->entries; j++) entries += !mask[a->column[j]];
    *r = (sparse){.rows = a->rows,
                  .entries = entries,
                  .start = mem_take(m, a->rows + 1, sizeof *r->start),
                  .column = mem_take(m, entries, sizeof *r->column),
                  .coefficient = mem_take(m, entries, sizeof *r->coefficient)};
    if (!r->start || !r->column || !r->coefficient) return -1;
    uint32_t n = 0;
    for (size_t i = 0; i < a->rows; i++) {
        for (size_t j = a->start[i]; j < a->start[i + 1]; j++) {
            if (mask[a->column[j]]) continue;
            r->column[n] = a->column[j];
            r->coefficient[n++] = a->coefficient[j];
        }
        r->start[i + 1] = n;
    }
    return 0;
}

/* A partial with everything but values, rows and sums, which are zero. NULL: no memory. */
static partial *partial_blank(const bases *b, const uint8_t *mask) {
    const proving_key *const k = b->key;
    partial *const p = mem_new(1, sizeof *p);
    if (!p) return NULL;
    p->bases = *b;
    p->mask = mem_take(&p->memory, k->wires, 1);
    p->secret = mem_secret_new((k->wires + 2 * k->constraints) * sizeof(fr), 0);
    if (!p->mask || !p->secret || rest_new(&p->memory, &p->known.a_rest, &k->a_matrix, mask) ||
        rest_new(&p->memory, &p->known.b_rest, &k->b_matrix, mask)) {
        partial_free(p);
        return NULL;
    }
    memcpy(p->mask, mask, k->wires);
    p->values = p->secret;
    p->a_rows = p->values + k->wires;
    p->b_rows = p->a_rows + k->constraints;
    p->known.mask = p->mask;
    p->known.a_rows = p->a_rows;
    p->known.b_rows = p->b_rows;
    return p;
}

void partial_free(partial *p) {
    if (!p) return;
    mem_secret_free(p->secret);
    mem_close(&p->memory);
    mem_free(p); /* wipes the sums */
}

size_t partial_differs(const partial *p, const fr *wires) {
    const size_t n = p->bases.key->wires;
    for (size_t i = 0; i < n; i++)
        if (p->mask[i] && !fr_equal(&p->values[i], &wires[i])) return i;
    return n;
}

/* ---- sums */

/* Add the terms of the chosen wires to the sums of p; if constants is set, also alpha and beta. */
static int add_sums(partial *p, chosen wires, const fr *values, int constants, pool *threads) {
    const bases *const b = &p->bases;
    const size_t n = b->key->wires;
    mem m = MEM_EMPTY;
    u256 one;
    struct {
        g1_jac a, b1, c;
        g2_jac b;
    } s;
    int status = -1;
    fr_to_u256(&one, &FR_ONE);
    const u256 *const times = constants ? &one : NULL;
    u256 *const w = mem_take(&m, n, sizeof *w);
    if (!w) goto done;
    sum_scalars(w, NULL, values, NULL, wires, n, threads);
    if (sum_a(&s.a, b, wires, w, times, NULL, threads) || sum_b(&s.b, b, wires, w, times, NULL, threads) ||
        sum_c(&s.c, b, wires, NULL, w, NULL, NULL, threads) || sum_c(&s.b1, b, wires, NULL, NULL, w, times, threads))
        goto done;
    known *const k = &p->known;
    g1_add_mixed_var(&s.a, &s.a, &k->a);
    g1_add_mixed_var(&s.b1, &s.b1, &k->b1);
    g1_add_mixed_var(&s.c, &s.c, &k->c);
    g2_add_mixed_var(&s.b, &s.b, &k->b);
    g1_to_aff_var(&k->a, &s.a);
    g1_to_aff_var(&k->b1, &s.b1);
    g1_to_aff_var(&k->c, &s.c);
    g2_to_aff_var(&k->b, &s.b);
    status = 0;
done:
    ct_wipe(&s, sizeof s);
    mem_close(&m);
    return status;
}

rln_status partial_new(partial **r, const bases *b, const fr *wires, const uint8_t *mask, pool *threads) {
    const proving_key *const k = b->key;
    *r = NULL;
    RLN_CHECK(mask[0] == 1);
    partial *const p = partial_blank(b, mask);
    if (!p) return RLN_ERR_MEMORY;
    for (size_t i = 0; i < k->wires; i++)
        if (mask[i]) p->values[i] = wires[i];
    qap_add_rows(p->a_rows, &k->a_matrix, p->values, threads);
    qap_add_rows(p->b_rows, &k->b_matrix, p->values, threads);
    if (add_sums(p, (chosen){p->mask, 1}, p->values, 1, threads)) {
        partial_free(p);
        return RLN_ERR_MEMORY;
    }
    *r = p;
    return RLN_OK;
}

/* r[i] += <row i, change>, for the rows that contain a changed wire. */
static void change_rows(fr *r, const sparse *m, const uint8_t *changed, const fr *change) {
    fr t;
    for (size_t i = 0; i < m->rows; i++)
        for (size_t j = m->start[i]; j < m->start[i + 1]; j++) {
            if (!changed[m->column[j]]) continue;
            fr_mul(&t, &m->coefficient[j], &change[m->column[j]]);
            fr_add(&r[i], &r[i], &t);
            fr_canonical(&r[i], &r[i]);
        }
    ct_wipe(&t, sizeof t);
}

rln_status partial_update(partial **r, const partial *from, const fr *wires, pool *threads) {
    const proving_key *const k = from->bases.key;
    mem m = MEM_EMPTY;
    rln_status status = RLN_ERR_MEMORY;
    *r = NULL;
    partial *p = partial_blank(&from->bases, from->mask);
    fr *const change = mem_take(&m, k->wires, sizeof *change);
    uint8_t *const changed = mem_take(&m, k->wires, 1);
    if (!p || !change || !changed) goto done;
    memcpy(p->secret, from->secret, (k->wires + 2 * k->constraints) * sizeof(fr));
    p->known.a = from->known.a;
    p->known.b = from->known.b;
    p->known.b1 = from->known.b1;
    p->known.c = from->known.c;
    for (size_t i = 0; i < k->wires; i++) {
        if (!p->mask[i]) continue;
        fr_sub(&change[i], &wires[i], &p->values[i]);
        fr_canonical(&change[i], &change[i]);
        changed[i] = !fr_is_zero(&change[i]);
        p->values[i] = wires[i];
    }
    change_rows(p->a_rows, &k->a_matrix, changed, change);
    change_rows(p->b_rows, &k->b_matrix, changed, change);
    if (add_sums(p, (chosen){changed, 1}, change, 0, threads)) goto done;
    *r = p;
    p = NULL;
    status = RLN_OK;
done:
    partial_free(p);
    mem_close(&m);
    return status;
}

/* ---- zerokit's form */

#define POINTS_SIZE (32 + 32 + 64 + 32)

size_t partial_size(const proving_key *k) {
    return 8 + (k->wires - 1) + POINTS_SIZE;
}

/* sum w_i L_i over the known wires, with the L of the key. */
static int sum_l(g1_aff *r, const partial *p, pool *threads) {
    const bases plain = bases_of(p->bases.key, NULL);
    const size_t n = plain.key->wires;
    mem m = MEM_EMPTY;
    g1_jac t;
    u256 *const w = mem_take(&m, n, sizeof *w);
    int status = -1;
    if (w) {
        sum_scalars(w, NULL, p->values, NULL, ALL, n, threads);
        status = sum_c(&t, &plain, (chosen){p->mask, 1}, NULL, w, NULL, NULL, threads);
    }
    if (status == 0) g1_to_aff_var(r, &t);
    ct_wipe(&t, sizeof t);
    mem_close(&m);
    return status;
}

rln_status partial_encode(uint8_t *r, const partial *p, pool *threads) {
    const size_t marks = p->bases.key->wires - 1;
    uint8_t *const points = r + 8 + marks;
    g1_aff c = p->known.c;
    if (p->bases.factors && sum_l(&c, p, threads)) {
        ct_wipe(&c, sizeof c);
        memset(r, 0, partial_size(p->bases.key));
        return RLN_ERR_MEMORY;
    }
    bytes_u64_encode(r, marks);
    memcpy(r + 8, p->mask + 1, marks);
    g1_compress(points, &p->known.a);
    g1_compress(points + 32, &p->known.b1);
    g2_compress(points + 64, &p->known.b);
    g1_compress(points + 128, &c);
    ct_wipe(&c, sizeof c);
    return RLN_OK;
}

/* The name of the first part in which the two encodings differ; NULL if none does. */
static const char *other_point(const uint8_t *a, const uint8_t *b) {
    if (memcmp(a, b, 32)) return "partial_pi_a";
    if (memcmp(a + 32, b + 32, 32)) return "partial_rho";
    if (memcmp(a + 64, b + 64, 64)) return "partial_pi_b";
    return memcmp(a + 128, b + 128, 32) ? "partial_pi_c" : NULL;
}

rln_status partial_decode(partial **r, const bases *b, const fr *wires, const uint8_t *data, size_t data_len,
                          pool *threads, rln_fault *fault) {
    const size_t n = b->key->wires, size = partial_size(b->key);
    mem m = MEM_EMPTY;
    partial *p = NULL;
    const char *part;
    rln_status status = RLN_ERR_MEMORY;
    *r = NULL;
    if (data_len != size) return fault_at(RLN_ERR_LENGTH, fault, "partial", FAULT_WHOLE, size, data_len);
    if (bytes_u64_decode(data) != n - 1)
        return fault_at(RLN_ERR_FORMAT, fault, "count", FAULT_WHOLE, n - 1, bytes_u64_decode(data));
    uint8_t *const mask = mem_take(&m, n, 1), *const again = mem_take(&m, size, 1);
    if (!mask || !again) goto done;
    mask[0] = 1;
    for (size_t i = 1; i < n; i++) {
        mask[i] = data[7 + i];
        if (mask[i] > 1) {
            status = fault_at(RLN_ERR_FORMAT, fault, "mask", i - 1, 0, 0);
            goto done;
        }
    }
    if ((status = partial_new(&p, b, wires, mask, threads)) || (status = partial_encode(again, p, threads))) goto done;
    part = other_point(again + 8 + n - 1, data + 8 + n - 1);
    if (part) {
        status = fault_in(RLN_ERR_POINT, fault, part);
        goto done;
    }
    *r = p;
    p = NULL;
done:
    partial_free(p);
    mem_close(&m);
    return status;
}
