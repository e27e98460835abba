/* tables.c - tables of a key's points: building them in a buffer, and opening them.
 *
 * Algorithm  the layout follows from the numbers of the key. The header is written last, and is compared as a whole
 * Memory     the buffer belongs to the caller and must outlive the tables; a tables struct owns only its factors. The
 *            folded points are in a mem of tables_build
 * Secret     nothing: tables are made of public points. Opening checks the header, the length, and alpha, beta, delta;
 *            the caller checks a digest of the rest first
 */
#include "tables.h"

#include <string.h>

#include "../base/bytes.h"
#include "../math/portable.h"
#include "fault.h"
#include "fold.h"
#include "qap.h"

_Static_assert(254 < TABLES_G1_BITS * TABLES_G1_WINDOWS, "a scalar and its sign fit");
_Static_assert(254 < TABLES_G2_BITS * TABLES_G2_WINDOWS, "a scalar and its sign fit");

static const char MAGIC[16] = "rln tables\n\x01";

/* Stored in the machine's byte order: in a file from a machine with another byte order, it has another value. */
#define BYTE_ORDER_MARK 0x01020304u

#define NUMBERS 16

/* The number of points of each list, and the place of its multiples. */
typedef struct layout {
    int folded;
    size_t a_points, c_points, b_points;
    size_t a, c, b, end;
} layout;

static layout layout_of(const proving_key *k, int folded) {
    const size_t c_first = folded ? qap_scalars(k, 1) + k->wires : k->h.finite + k->l.finite;
    layout r = {
        .folded = folded,
        .a_points = k->a.finite + 2,
        .c_points = c_first + k->b1.finite + 1,
        .b_points = k->b2.finite + 2,
        .a = TABLES_HEADER_BYTES,
    };
    r.c = r.a + r.a_points * TABLES_G1_WINDOWS * sizeof(g1_aff);
    r.b = r.c + r.c_points * TABLES_G1_WINDOWS * sizeof(g1_aff);
    r.end = r.b + r.b_points * TABLES_G2_WINDOWS * sizeof(g2_aff);
    return r;
}

static void write_header(uint8_t r[TABLES_HEADER_BYTES], const proving_key *k, const layout *l) {
    const uint32_t mark = BYTE_ORDER_MARK;
    const size_t numbers[NUMBERS] = {
        (size_t)l->folded, TABLES_G1_BITS, TABLES_G1_WINDOWS,   TABLES_G2_BITS,      TABLES_G2_WINDOWS, k->wires,
        k->instance,       k->constraints, k->domain,           k->a.finite,         k->b1.finite,      k->b2.finite,
        k->h.finite,       k->l.finite,    k->a_matrix.entries, k->b_matrix.entries,
    };
    memset(r, 0, TABLES_HEADER_BYTES);
    memcpy(r, MAGIC, sizeof MAGIC);
    memcpy(r + sizeof MAGIC, &mark, sizeof mark);
    for (size_t i = 0; i < NUMBERS; i++) bytes_u32_encode(r + sizeof MAGIC + sizeof mark + 4 * i, (uint32_t)numbers[i]);
}

size_t tables_size(const proving_key *k, int folded) {
    return layout_of(k, folded).end;
}

/* The list of C, folded; m owns its memory. */
static g1_aff *folded_points(mem *m, const proving_key *k, const sparse *c, const layout *l, pool *threads,
                             uint32_t *progress) {
    g1_aff *const r = mem_take(m, l->c_points, sizeof *r);
    if (!r) return NULL;
    g1_aff *const l_points = r + qap_scalars(k, 1), *const b1_points = l_points + k->wires;
    if (fold_key(r, l_points, k, c, threads, progress)) return NULL;
    memcpy(b1_points, key_b1_points(k), (k->b1.finite + 1) * sizeof *r); /* beta is after them in the key */
    return r;
}

int tables_build(uint8_t *r, const proving_key *k, const sparse *c, pool *threads, uint32_t *progress) {
    const engine *const e = engine_get();
    const layout l = layout_of(k, c != NULL);
    mem m = MEM_EMPTY;
    int status = -1;
    memset(r, 0, TABLES_HEADER_BYTES);
    const g1_aff *const c_points = c ? folded_points(&m, k, c, &l, threads, progress) : k->c_points;
    if (!c_points) goto done;
    if (e->g1_table_fill_var((g1_aff *)(void *)(r + l.a), k->a_points, l.a_points, TABLES_G1_BITS, TABLES_G1_WINDOWS,
                             threads) ||
        e->g1_table_fill_var((g1_aff *)(void *)(r + l.c), c_points, l.c_points, TABLES_G1_BITS, TABLES_G1_WINDOWS,
                             threads) ||
        e->g2_table_fill_var((g2_aff *)(void *)(r + l.b), k->b_points, l.b_points, TABLES_G2_BITS, TABLES_G2_WINDOWS,
                             threads))
        goto done;
    write_header(r, k, &l);
    if (progress) __atomic_store_n(progress, 1000, __ATOMIC_RELAXED);
    status = 0;
done:
    mem_close(&m);
    return status;
}

/* 1 if the lists end with this key's alpha, beta and delta. The lists of a key from another setup end with other
 * points. */
static int belongs(const tables *t, const proving_key *k) {
    const size_t g1 = TABLES_G1_WINDOWS, g2 = TABLES_G2_WINDOWS;
    return !memcmp(&t->a.multiples[(t->a.n - 2) * g1], &k->alpha_g1, sizeof(g1_aff)) &&
           !memcmp(&t->a.multiples[(t->a.n - 1) * g1], &k->delta_g1, sizeof(g1_aff)) &&
           !memcmp(&t->c.multiples[(t->c.n - 1) * g1], &k->beta_g1, sizeof(g1_aff)) &&
           !memcmp(&t->b.multiples[(t->b.n - 2) * g2], &k->beta_g2, sizeof(g2_aff)) &&
           !memcmp(&t->b.multiples[(t->b.n - 1) * g2], &k->delta_g2, sizeof(g2_aff));
}

rln_status tables_open(tables **r, const proving_key *k, const uint8_t *data, size_t data_len, rln_fault *fault) {
    uint8_t header[TABLES_HEADER_BYTES];
    *r = NULL;
    if (data_len < TABLES_HEADER_BYTES)
        return fault_at(RLN_ERR_LENGTH, fault, "data", FAULT_WHOLE, TABLES_HEADER_BYTES, data_len);
    const int folded = data[sizeof MAGIC + 4] != 0;
    const layout l = layout_of(k, folded);
    write_header(header, k, &l);
    if (memcmp(header, data, sizeof header)) return fault_in(RLN_ERR_FORMAT, fault, "header");
    if (data_len != l.end) return fault_at(RLN_ERR_LENGTH, fault, "data", FAULT_WHOLE, l.end, data_len);

    tables *const t = mem_new(1, sizeof *t);
    if (!t) return RLN_ERR_MEMORY;
    t->key = k;
    t->a = (g1_table){(const g1_aff *)(const void *)(data + l.a), l.a_points, TABLES_G1_BITS, TABLES_G1_WINDOWS};
    t->c = (g1_table){(const g1_aff *)(const void *)(data + l.c), l.c_points, TABLES_G1_BITS, TABLES_G1_WINDOWS};
    t->b = (g2_table){(const g2_aff *)(const void *)(data + l.b), l.b_points, TABLES_G2_BITS, TABLES_G2_WINDOWS};
    rln_status status = belongs(t, k) ? RLN_OK : fault_in(RLN_ERR_PARAMETER, fault, "key");
    if (status == RLN_OK && folded) {
        fr *const factors = mem_take(&t->memory, k->domain, sizeof *factors);
        if (factors) qap_fill_factors(factors, k);
        else status = RLN_ERR_MEMORY;
        t->factors = factors;
    }
    if (status) tables_free(t);
    else *r = t;
    return status;
}

void tables_free(tables *t) {
    if (!t) return;
    mem_close(&t->memory);
    mem_free(t);
}
