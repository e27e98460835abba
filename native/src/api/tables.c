#include "../groth16/tables.h"

#include "api.h"
#include "matrix.h"

/* RLN_OK; or RLN_ERR_PARAMETER if a is not aligned, because points are read in place. */
static rln_status aligned(const uint8_t *a, const char *field, rln_fault *fault) {
    const uint64_t rest = (uintptr_t)a % TABLES_ALIGNMENT;
    return rest == 0 ? RLN_OK : api_fail(RLN_ERR_PARAMETER, fault, field, API_WHOLE, 0, rest);
}

size_t rln_tables_size(const rln_proving_key *key, int folded) {
    return tables_size(key, folded != 0);
}

rln_status rln_tables_build(const rln_proving_key *key, const rln_matrix *c, rln_pool *pool, uint32_t *progress,
                            uint8_t *r, size_t r_len, rln_fault *fault) {
    mem m = MEM_EMPTY;
    sparse matrix;
    rln_status status = api_bytes(fault, "r", r, tables_size(key, c != NULL), r_len);
    if (status == RLN_OK) status = aligned(r, "r", fault);
    if (status == RLN_OK && c) status = api_matrix(&matrix, &m, c, key->constraints, key->wires, "c", fault);
    if (status == RLN_OK && tables_build(r, key, c ? &matrix : NULL, pool, progress)) status = RLN_ERR_MEMORY;
    if (status) api_blank(r, r_len);
    mem_close(&m);
    return status;
}

rln_status rln_tables_open(const rln_proving_key *key, const uint8_t *data, size_t data_len, rln_tables **r,
                           rln_fault *fault) {
    *r = NULL;
    rln_status status = api_given(fault, "data", data, data_len);
    if (status == RLN_OK) status = aligned(data, "data", fault);
    return status ? status : tables_open(r, key, data, data_len, fault);
}

void rln_tables_free(rln_tables *tables) {
    tables_free(tables);
}
