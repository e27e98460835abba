/* key_ark.c - zerokit's .arkzkey, read and written.
 *
 * Algorithm  zerokit-spec 5.2: there is no magic and no version, so only the numbers show whether a file has this
 *            format
 * Memory     data belongs to the caller, and a key_file points into it; the new key owns its memory, and every failure
 *            frees it
 * Secret     nothing. The bytes are untrusted: nothing is allocated before the numbers agree with their length
 */
#include "cursor.h"
#include "fault.h"
#include "key_file.h"

#define ENTRY_BYTES 40 /* scalar, u64 column */

/* Take a count, and that many points of size bytes each. Returns 0 or -1. */
static int take_points(cursor *c, const uint8_t **r, uint64_t *count, size_t size) {
    if (cursor_u64(c, count)) return -1;
    *r = cursor_take_many(c, *count, size);
    return *r ? 0 : -1;
}

static rln_status cut_short(rln_fault *fault, const char *field) {
    return fault_in(RLN_ERR_LENGTH, fault, field);
}

static rln_status must_be(rln_fault *fault, const char *field, uint64_t expected, uint64_t got) {
    return expected == got ? RLN_OK : fault_at(RLN_ERR_FORMAT, fault, field, FAULT_WHOLE, expected, got);
}

/* Take the arrays of points, and check that their lengths agree. */
static rln_status take_queries(cursor *c, key_file *f, uint64_t *l_count, rln_fault *fault) {
    uint64_t b1_count, b2_count;
    rln_status status;
    if (!(f->alpha_g1 = cursor_take(c, G1_BYTES))) return cut_short(fault, "alpha_g1");
    if (!(f->beta_g2 = cursor_take(c, G2_BYTES))) return cut_short(fault, "beta_g2");
    if (!(f->gamma_g2 = cursor_take(c, G2_BYTES))) return cut_short(fault, "gamma_g2");
    if (!(f->delta_g2 = cursor_take(c, G2_BYTES))) return cut_short(fault, "delta_g2");
    if (take_points(c, &f->ic, &f->instance, G1_BYTES)) return cut_short(fault, "ic");
    if (!(f->beta_g1 = cursor_take(c, G1_BYTES))) return cut_short(fault, "beta_g1");
    if (!(f->delta_g1 = cursor_take(c, G1_BYTES))) return cut_short(fault, "delta_g1");
    if (take_points(c, &f->a, &f->wires, G1_BYTES)) return cut_short(fault, "a_query");
    if (take_points(c, &f->b1, &b1_count, G1_BYTES)) return cut_short(fault, "b_g1_query");
    if ((status = must_be(fault, "b_g1_query", f->wires, b1_count))) return status;
    if (take_points(c, &f->b2, &b2_count, G2_BYTES)) return cut_short(fault, "b_g2_query");
    if ((status = must_be(fault, "b_g2_query", f->wires, b2_count))) return status;
    if (take_points(c, &f->h, &f->domain, G1_BYTES)) return cut_short(fault, "h_query");
    if (take_points(c, &f->l, l_count, G1_BYTES)) return cut_short(fault, "l_query");
    if (f->instance == 0 || f->instance > f->wires) return must_be(fault, "ic", f->wires, f->instance);
    return must_be(fault, "l_query", f->wires - f->instance, *l_count);
}

/* Take the six numbers after the points. */
static rln_status take_numbers(cursor *c, key_file *f, rln_fault *fault) {
    static const char *const names[6] = {"num_instance_variables", "num_witness_variables", "num_constraints",
                                         "a_num_non_zero",         "b_num_non_zero",        "c_num_non_zero"};
    uint64_t n[6];
    rln_status status;
    for (int i = 0; i < 6; i++)
        if (cursor_u64(c, &n[i])) return cut_short(fault, names[i]);
    if ((status = must_be(fault, names[0], f->instance, n[0]))) return status;
    /* zerokit counts the wires without the public inputs; the constant 1 counts as private */
    if ((status = must_be(fault, names[1], f->wires - (f->instance - 1), n[1]))) return status;
    if ((status = must_be(fault, names[5], 0, n[5]))) return status;
    const uint64_t room = c->left / ENTRY_BYTES;
    if (n[3] > room) return cut_short(fault, names[3]);
    if (n[4] > room - n[3]) return cut_short(fault, names[4]);
    f->constraints = n[2];
    f->a_entries = n[3];
    f->b_entries = n[4];
    return RLN_OK;
}

static rln_status take_matrix(cursor *c, sparse *s, size_t wires, const char *field, rln_fault *fault) {
    uint64_t rows, entries = 0;
    if (cursor_u64(c, &rows)) return cut_short(fault, field);
    if (rows != s->rows) return must_be(fault, field, s->rows, rows);
    for (size_t i = 0; i < s->rows; i++) {
        uint64_t n;
        const uint8_t *bytes;
        if (cursor_u64(c, &n) || !(bytes = cursor_take_many(c, n, ENTRY_BYTES)))
            return fault_at(RLN_ERR_LENGTH, fault, field, i, 0, 0);
        if (n > s->entries - entries) return fault_at(RLN_ERR_FORMAT, fault, field, i, s->entries, entries + n);
        for (; n > 0; n--, entries++, bytes += ENTRY_BYTES) {
            const uint64_t column = bytes_u64_decode(bytes + 32);
            if (fr_decode(&s->coefficient[entries], bytes)) return fault_at(RLN_ERR_RANGE, fault, field, i, 0, 0);
            fr_canonical(&s->coefficient[entries], &s->coefficient[entries]);
            if (column >= wires) return fault_at(RLN_ERR_FORMAT, fault, field, i, wires, column);
            s->column[entries] = (uint32_t)column;
        }
        s->start[i + 1] = (uint32_t)entries;
    }
    return must_be(fault, field, s->entries, entries);
}

rln_status key_ark_decode(proving_key **r, const uint8_t *data, size_t data_len, pool *threads, rln_fault *fault) {
    cursor c = {data, data_len};
    key_file f = {.form = POINT_ARK};
    proving_key *k = NULL;
    uint64_t l_count, c_rows;
    rln_status status;
    *r = NULL;
    if ((status = take_queries(&c, &f, &l_count, fault)) || (status = take_numbers(&c, &f, fault)) ||
        (status = key_file_load(&k, &f, fault)))
        return status;
    if ((status = take_matrix(&c, &k->a_matrix, k->wires, "a_matrix", fault)) ||
        (status = take_matrix(&c, &k->b_matrix, k->wires, "b_matrix", fault)))
        goto done;
    /* C is never stored: the prover uses a b instead */
    if (cursor_u64(&c, &c_rows)) {
        status = cut_short(fault, "c_matrix");
        goto done;
    }
    if ((status = must_be(fault, "c_matrix", 0, c_rows))) goto done;
    if (c.left) {
        status = fault_at(RLN_ERR_LENGTH, fault, "data", FAULT_WHOLE, data_len - c.left, data_len);
        goto done;
    }
    status = key_file_finish(k, threads, fault);
done:
    if (status) proving_key_free(k);
    else *r = k;
    return status;
}

static size_t matrix_size(const sparse *s) {
    return 8 + 8 * s->rows + ENTRY_BYTES * s->entries;
}

size_t key_ark_size(const proving_key *k) {
    const size_t parts_g1 = 3 + k->instance + 2 * k->wires + k->domain + (k->wires - k->instance);
    const size_t parts_g2 = 3 + k->wires;
    return G1_BYTES * parts_g1 + G2_BYTES * parts_g2 + 8 * (6 + 6) + matrix_size(&k->a_matrix) +
           matrix_size(&k->b_matrix) + 8;
}

static uint8_t *put_u64(uint8_t *r, uint64_t a) {
    bytes_u64_encode(r, a);
    return r + 8;
}

static uint8_t *put_g1(uint8_t *r, const g1_aff *a) {
    g1_write(r, POINT_ARK, a);
    return r + G1_BYTES;
}

static uint8_t *put_g2(uint8_t *r, const g2_aff *a) {
    g2_write(r, POINT_ARK, a);
    return r + G2_BYTES;
}

static uint8_t *put_query(uint8_t *r, const query *q, const g1_aff *points) {
    r = put_u64(r, q->count);
    g1_query_write(r, POINT_ARK, q, points);
    return r + G1_BYTES * q->count;
}

static uint8_t *put_matrix(uint8_t *r, const sparse *s) {
    r = put_u64(r, s->rows);
    for (size_t i = 0; i < s->rows; i++) {
        r = put_u64(r, s->start[i + 1] - s->start[i]);
        for (size_t j = s->start[i]; j < s->start[i + 1]; j++) {
            fr_encode(r, &s->coefficient[j]);
            r = put_u64(r + 32, s->column[j]);
        }
    }
    return r;
}

void key_ark_encode(const proving_key *k, uint8_t *r) {
    r = put_g1(r, &k->alpha_g1);
    r = put_g2(r, &k->beta_g2);
    r = put_g2(r, &k->gamma_g2);
    r = put_g2(r, &k->delta_g2);
    r = put_u64(r, k->instance);
    for (size_t i = 0; i < k->instance; i++) r = put_g1(r, &k->ic[i]);
    r = put_g1(r, &k->beta_g1);
    r = put_g1(r, &k->delta_g1);
    r = put_query(r, &k->a, k->a_points);
    r = put_query(r, &k->b1, key_b1_points(k));
    r = put_u64(r, k->b2.count);
    g2_query_write(r, POINT_ARK, &k->b2, k->b_points);
    r += G2_BYTES * k->b2.count;
    r = put_query(r, &k->h, key_h_points(k));
    r = put_query(r, &k->l, key_l_points(k));
    r = put_u64(r, k->instance);
    r = put_u64(r, k->wires - (k->instance - 1));
    r = put_u64(r, k->constraints);
    r = put_u64(r, k->a_matrix.entries);
    r = put_u64(r, k->b_matrix.entries);
    r = put_u64(r, 0);
    r = put_matrix(r, &k->a_matrix);
    r = put_matrix(r, &k->b_matrix);
    (void)put_u64(r, 0);
}
