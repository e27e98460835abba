/* key_zkey.c - snarkjs's .zkey for Groth16, read and written: a header, then sections of type, length, bytes.
 *
 *    1  the number of the proof system, 1
 *    2  moduli, wires, public inputs, domain, alpha, beta, gamma, delta
 *    3  IC    5  A    6  B in G1    7  B in G2    8  L    9  H
 *    4  entries of the matrices A (0) and B (1): matrix, row, column, value * 2^512 mod r; the rows after
 *       the last constraint bind the instance to A
 *   10  hash of the circuit and the contributions of the ceremony: skipped, because nothing here depends on it
 *
 * source  snarkjs, the layout as its files show it; checked against zerokit's pair .zkey and .arkzkey
 * Memory  data belongs to the caller, and a key_file points into it; the new key owns its memory, and every failure
 *         frees it
 * Secret  nothing. The bytes are untrusted: nothing is allocated before the numbers agree with their length
 */
#include <string.h>

#include "cursor.h"
#include "fault.h"
#include "key_file.h"

#define SECTIONS 10
#define HEADER_BYTES 12
#define SECTION_HEADER_BYTES 12
#define NUMBERS_BYTES (4 + 32 + 4 + 32 + 4 + 4 + 4)
#define PARTS_BYTES (NUMBERS_BYTES + 3 * G1_BYTES + 3 * G2_BYTES)
#define ENTRY_BYTES 44
#define CONTRIBUTIONS_BYTES (64 + 4) /* a hash, and a count of 0 contributions */

enum { PROTOCOL = 1, PARTS = 2, IC = 3, ENTRIES = 4, A = 5, B1 = 6, B2 = 7, L = 8, H = 9, CONTRIBUTIONS = 10 };

static const char *const NAMES[SECTIONS + 1] = {"zkey",         "protocol", "header",       "ic",
                                                "coefficients", "a_query",  "b_g1_query",   "b_g2_query",
                                                "l_query",      "h_query",  "contributions"};

static rln_status wrong(rln_fault *fault, const char *field, uint64_t expected, uint64_t got) {
    return fault_at(RLN_ERR_FORMAT, fault, field, FAULT_WHOLE, expected, got);
}

/* Find the sections: each once, in any order, with nothing before, between or after them. */
static rln_status find_sections(cursor c, cursor section[SECTIONS + 1], rln_fault *fault) {
    uint32_t version, count;
    const uint8_t *const magic = cursor_take(&c, 4);
    if (!magic || cursor_u32(&c, &version) || cursor_u32(&c, &count))
        return fault_at(RLN_ERR_LENGTH, fault, "zkey", FAULT_WHOLE, HEADER_BYTES, 0);
    if (memcmp(magic, "zkey", 4)) return fault_in(RLN_ERR_FORMAT, fault, "magic");
    if (version != 1) return wrong(fault, "version", 1, version);
    if (count != SECTIONS) return wrong(fault, "sections", SECTIONS, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t type;
        uint64_t size;
        if (cursor_u32(&c, &type) || cursor_u64(&c, &size))
            return fault_at(RLN_ERR_LENGTH, fault, "section", i, SECTION_HEADER_BYTES, c.left);
        if (type == 0 || type > SECTIONS || section[type].at)
            return fault_at(RLN_ERR_FORMAT, fault, "section", i, 0, type);
        const size_t left = c.left;
        section[type].at = cursor_take(&c, size);
        section[type].left = size;
        if (!section[type].at) return fault_at(RLN_ERR_LENGTH, fault, NAMES[type], FAULT_WHOLE, size, left);
    }
    return c.left ? fault_at(RLN_ERR_LENGTH, fault, "data", FAULT_WHOLE, 0, c.left) : RLN_OK;
}

/* 1 if a u32 of 32 and this modulus come next. */
static int modulus_is(cursor *c, const uint64_t modulus[4]) {
    uint32_t size;
    if (cursor_u32(c, &size) || size != 32) return 0;
    const uint8_t *const a = cursor_take(c, 32);
    uint64_t difference = 0;
    for (int i = 0; a && i < 4; i++) difference |= bytes_u64_decode(a + 8 * i) ^ modulus[i];
    return a && difference == 0;
}

/* Read the numbers of section 2, and the parts after them. */
static rln_status read_header(key_file *f, cursor c, rln_fault *fault) {
    uint32_t wires, public_inputs, domain;
    if (c.left != PARTS_BYTES) return wrong(fault, NAMES[PARTS], PARTS_BYTES, c.left);
    if (!modulus_is(&c, FP_MODULUS)) return fault_in(RLN_ERR_FORMAT, fault, "q");
    if (!modulus_is(&c, FR_MODULUS)) return fault_in(RLN_ERR_FORMAT, fault, "r");
    if (cursor_u32(&c, &wires) || cursor_u32(&c, &public_inputs) || cursor_u32(&c, &domain))
        return fault_in(RLN_ERR_LENGTH, fault, NAMES[PARTS]);
    f->wires = wires;
    f->instance = (uint64_t)public_inputs + 1;
    f->domain = domain;
    f->alpha_g1 = cursor_take(&c, G1_BYTES);
    f->beta_g1 = cursor_take(&c, G1_BYTES);
    f->beta_g2 = cursor_take(&c, G2_BYTES);
    f->gamma_g2 = cursor_take(&c, G2_BYTES);
    f->delta_g1 = cursor_take(&c, G1_BYTES);
    f->delta_g2 = cursor_take(&c, G2_BYTES);
    if (f->instance > f->wires) return wrong(fault, "public_inputs", f->wires, public_inputs);
    return RLN_OK;
}

/* Find the sections of points; each has the length that the numbers give. */
static rln_status find_points(key_file *f, const cursor section[SECTIONS + 1], rln_fault *fault) {
    const struct {
        int type;
        const uint8_t **r;
        uint64_t bytes;
    } parts[] = {{IC, &f->ic, G1_BYTES * f->instance},
                 {A, &f->a, G1_BYTES * f->wires},
                 {B1, &f->b1, G1_BYTES * f->wires},
                 {B2, &f->b2, G2_BYTES * f->wires},
                 {L, &f->l, G1_BYTES * (f->wires - f->instance)},
                 {H, &f->h, G1_BYTES * f->domain}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const cursor *const s = &section[parts[i].type];
        if (s->left != parts[i].bytes) return wrong(fault, NAMES[parts[i].type], parts[i].bytes, s->left);
        *parts[i].r = s->at;
    }
    return RLN_OK;
}

typedef struct entry {
    uint32_t matrix, row, column;
    const uint8_t *value;
} entry;

static entry entry_at(const uint8_t *entries, size_t i) {
    const uint8_t *const a = entries + i * ENTRY_BYTES;
    return (entry){bytes_u32_decode(a), bytes_u32_decode(a + 4), bytes_u32_decode(a + 8), a + 12};
}

/* r = the value without the factor 2^512; RLN_ERR_RANGE. */
static rln_status read_value(fr *r, const uint8_t a[32]) {
    fr scaled;
    u256 montgomery;
    if (fr_decode(&scaled, a)) return RLN_ERR_RANGE;
    /* a = v 2^512 is stored as a 2^256; two reductions of it give v 2^256, which is v in Montgomery form */
    fr_to_u256(&montgomery, &scaled);
    memcpy(scaled.v, montgomery.v, sizeof scaled.v);
    fr_to_u256(&montgomery, &scaled);
    memcpy(r->v, montgomery.v, sizeof r->v);
    return RLN_OK;
}

static void write_value(uint8_t r[32], const fr *a) {
    fr t;
    u256 integer;
    memcpy(integer.v, a->v, sizeof integer.v); /* v 2^256 */
    fr_from_u256(&t, &integer);                /* v 2^256 in Montgomery form, that is v 2^512 */
    fr_canonical(&t, &t);
    for (int i = 0; i < 4; i++) bytes_u64_encode(r + 8 * i, t.v[i]);
}

/* Count the constraints and the entries of each matrix in section 4. Check that the rows after the last constraint are
 * exactly those that bind the instance: row i of these holds a single 1, in A, in column i. */
static rln_status count_entries(key_file *f, const uint8_t *entries, size_t n, rln_fault *fault) {
    uint64_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        const entry e = entry_at(entries, i);
        if (e.matrix > 1 || e.row >= f->domain || e.column >= f->wires)
            return fault_at(RLN_ERR_FORMAT, fault, NAMES[ENTRIES], i, f->wires, e.column);
        if (e.row >= rows) rows = (uint64_t)e.row + 1;
    }
    if (rows < f->instance) return wrong(fault, NAMES[ENTRIES], f->instance, rows);
    f->constraints = rows - f->instance;
    uint8_t *const bound = mem_new(f->instance, 1);
    if (!bound) return RLN_ERR_MEMORY;
    rln_status status = RLN_OK;
    uint64_t binding = 0;
    for (size_t i = 0; i < n && status == RLN_OK; i++) {
        const entry e = entry_at(entries, i);
        if (e.row < f->constraints) {
            f->a_entries += e.matrix == 0;
            f->b_entries += e.matrix == 1;
            continue;
        }
        const uint64_t j = e.row - f->constraints;
        fr value;
        status = read_value(&value, e.value);
        if (status) status = fault_at(status, fault, NAMES[ENTRIES], i, 0, 0);
        else if (e.matrix != 0 || e.column != j || bound[j] || !fr_equal(&value, &FR_ONE))
            status = fault_at(RLN_ERR_FORMAT, fault, "public_rows", j, j, e.column);
        bound[j] = 1;
        binding++;
    }
    if (status == RLN_OK && binding != f->instance) status = wrong(fault, "public_rows", f->instance, binding);
    mem_free(bound);
    return status;
}

/* Read a matrix from its entries; those of a row keep their order. */
static rln_status read_matrix(sparse *s, uint32_t matrix, const uint8_t *entries, size_t n, rln_fault *fault) {
    for (size_t i = 0; i < n; i++) {
        const entry e = entry_at(entries, i);
        if (e.matrix == matrix && e.row < s->rows) s->start[e.row + 1]++;
    }
    for (size_t i = 0; i < s->rows; i++) s->start[i + 1] += s->start[i];
    /* during this loop start[i] is the place of the next entry of row i; at the end it equals the old start[i + 1] */
    for (size_t i = 0; i < n; i++) {
        const entry e = entry_at(entries, i);
        if (e.matrix != matrix || e.row >= s->rows) continue;
        const uint32_t at = s->start[e.row]++;
        const rln_status status = read_value(&s->coefficient[at], e.value);
        if (status) return fault_at(status, fault, NAMES[ENTRIES], i, 0, 0);
        s->column[at] = e.column;
    }
    for (size_t i = s->rows; i > 0; i--) s->start[i] = s->start[i - 1];
    s->start[0] = 0;
    return RLN_OK;
}

rln_status key_zkey_decode(proving_key **r, const uint8_t *data, size_t data_len, pool *threads, rln_fault *fault) {
    cursor section[SECTIONS + 1] = {{NULL, 0}};
    key_file f = {.form = POINT_MONTGOMERY};
    proving_key *k = NULL;
    uint32_t protocol, n;
    rln_status status;
    *r = NULL;
    if ((status = find_sections((cursor){data, data_len}, section, fault))) return status;
    if (section[PROTOCOL].left != 4 || cursor_u32(&section[PROTOCOL], &protocol) || protocol != 1)
        return fault_in(RLN_ERR_FORMAT, fault, NAMES[PROTOCOL]);
    if ((status = read_header(&f, section[PARTS], fault)) || (status = find_points(&f, section, fault))) return status;
    cursor *const entries = &section[ENTRIES];
    if (cursor_u32(entries, &n)) return wrong(fault, NAMES[ENTRIES], 4, entries->left);
    if (entries->left % ENTRY_BYTES || entries->left / ENTRY_BYTES != n)
        return wrong(fault, NAMES[ENTRIES], (uint64_t)n * ENTRY_BYTES, entries->left);
    if (section[CONTRIBUTIONS].left < CONTRIBUTIONS_BYTES)
        return wrong(fault, NAMES[CONTRIBUTIONS], CONTRIBUTIONS_BYTES, section[CONTRIBUTIONS].left);
    if ((status = count_entries(&f, entries->at, n, fault)) || (status = key_file_load(&k, &f, fault))) return status;
    if ((status = read_matrix(&k->a_matrix, 0, entries->at, n, fault)) ||
        (status = read_matrix(&k->b_matrix, 1, entries->at, n, fault)) ||
        (status = key_file_finish(k, threads, fault))) {
        proving_key_free(k);
        return status;
    }
    *r = k;
    return RLN_OK;
}

/* The number of entries of both matrices, and one for each row that binds the instance. */
static size_t entry_count(const proving_key *k) {
    return k->a_matrix.entries + k->b_matrix.entries + k->instance;
}

size_t key_zkey_size(const proving_key *k) {
    const size_t g1 = k->instance + 2 * k->wires + (k->wires - k->instance) + k->domain;
    return HEADER_BYTES + SECTIONS * SECTION_HEADER_BYTES + 4 + PARTS_BYTES + G1_BYTES * g1 + G2_BYTES * k->wires + 4 +
           ENTRY_BYTES * entry_count(k) + CONTRIBUTIONS_BYTES;
}

static uint8_t *put_u32(uint8_t *r, size_t a) {
    bytes_u32_encode(r, (uint32_t)a);
    return r + 4;
}

static uint8_t *put_section(uint8_t *r, uint32_t type, size_t size) {
    r = put_u32(r, type);
    bytes_u64_encode(r, size);
    return r + 8;
}

static uint8_t *put_modulus(uint8_t *r, const uint64_t modulus[4]) {
    r = put_u32(r, 32);
    for (int i = 0; i < 4; i++) bytes_u64_encode(r + 8 * i, modulus[i]);
    return r + 32;
}

static uint8_t *put_g1(uint8_t *r, const g1_aff *a) {
    g1_write(r, POINT_MONTGOMERY, a);
    return r + G1_BYTES;
}

static uint8_t *put_g2(uint8_t *r, const g2_aff *a) {
    g2_write(r, POINT_MONTGOMERY, a);
    return r + G2_BYTES;
}

static uint8_t *put_query(uint8_t *r, uint32_t type, const query *q, const g1_aff *points) {
    r = put_section(r, type, G1_BYTES * q->count);
    g1_query_write(r, POINT_MONTGOMERY, q, points);
    return r + G1_BYTES * q->count;
}

static uint8_t *put_entry(uint8_t *r, uint32_t matrix, size_t row, size_t column, const fr *value) {
    r = put_u32(put_u32(put_u32(r, matrix), row), column);
    write_value(r, value);
    return r + 32;
}

static uint8_t *put_row(uint8_t *r, uint32_t matrix, const sparse *s, size_t row) {
    for (size_t j = s->start[row]; j < s->start[row + 1]; j++)
        r = put_entry(r, matrix, row, s->column[j], &s->coefficient[j]);
    return r;
}

static uint8_t *put_entries(uint8_t *r, const proving_key *k) {
    r = put_section(r, ENTRIES, 4 + ENTRY_BYTES * entry_count(k));
    r = put_u32(r, entry_count(k));
    for (size_t i = 0; i < k->constraints; i++) r = put_row(put_row(r, 0, &k->a_matrix, i), 1, &k->b_matrix, i);
    for (size_t i = 0; i < k->instance; i++) r = put_entry(r, 0, k->constraints + i, i, &FR_ONE);
    return r;
}

void key_zkey_encode(const proving_key *k, uint8_t *r) {
    memcpy(r, "zkey", 4);
    r = put_u32(put_u32(r + 4, 1), SECTIONS);
    r = put_u32(put_section(r, PROTOCOL, 4), 1);
    r = put_section(r, PARTS, PARTS_BYTES);
    r = put_modulus(put_modulus(r, FP_MODULUS), FR_MODULUS);
    r = put_u32(put_u32(put_u32(r, k->wires), k->instance - 1), k->domain);
    r = put_g2(put_g2(put_g1(put_g1(r, &k->alpha_g1), &k->beta_g1), &k->beta_g2), &k->gamma_g2);
    r = put_g2(put_g1(r, &k->delta_g1), &k->delta_g2);
    r = put_section(r, IC, G1_BYTES * k->instance);
    for (size_t i = 0; i < k->instance; i++) r = put_g1(r, &k->ic[i]);
    r = put_entries(r, k);
    r = put_query(r, A, &k->a, k->a_points);
    r = put_query(r, B1, &k->b1, key_b1_points(k));
    r = put_section(r, B2, G2_BYTES * k->b2.count);
    g2_query_write(r, POINT_MONTGOMERY, &k->b2, k->b_points);
    r += G2_BYTES * k->b2.count;
    r = put_query(r, L, &k->l, key_l_points(k));
    r = put_query(r, H, &k->h, key_h_points(k));
    r = put_section(r, CONTRIBUTIONS, CONTRIBUTIONS_BYTES);
    memset(r, 0, CONTRIBUTIONS_BYTES);
}
