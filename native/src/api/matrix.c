#include "matrix.h"

#include "api.h"

rln_status api_matrix(sparse *r, mem *m, const rln_matrix *a, size_t rows, size_t wires, const char *field,
                      rln_fault *fault) {
    if (!a->row_starts || a->row_starts_count != rows + 1)
        return api_fail(RLN_ERR_PARAMETER, fault, field, API_WHOLE, rows + 1, a->row_starts_count);
    const size_t entries = a->row_starts[rows];
    if (a->columns_count != entries || a->coefficients_len / 32 != entries || a->coefficients_len % 32)
        return api_fail(RLN_ERR_PARAMETER, fault, field, API_WHOLE, entries, a->columns_count);
    if (entries && (!a->columns || !a->coefficients))
        return api_fail(RLN_ERR_LENGTH, fault, field, API_WHOLE, entries, 0);
    if (a->row_starts[0] != 0) return api_fail(RLN_ERR_PARAMETER, fault, field, 0, 0, a->row_starts[0]);
    for (size_t i = 0; i < rows; i++)
        if (a->row_starts[i] > a->row_starts[i + 1])
            return api_fail(RLN_ERR_PARAMETER, fault, field, i, a->row_starts[i], a->row_starts[i + 1]);
    *r = (sparse){.rows = rows,
                  .entries = entries,
                  .start = mem_take(m, rows + 1, sizeof *r->start),
                  .column = mem_take(m, entries, sizeof *r->column),
                  .coefficient = mem_take(m, entries, sizeof *r->coefficient)};
    if (!r->start || !r->column || !r->coefficient) return RLN_ERR_MEMORY;
    memcpy(r->start, a->row_starts, (rows + 1) * sizeof *r->start);
    for (size_t i = 0; i < entries; i++) {
        if (a->columns[i] >= wires) return api_fail(RLN_ERR_PARAMETER, fault, field, i, wires, a->columns[i]);
        r->column[i] = a->columns[i];
        const rln_status status = api_scalar(&r->coefficient[i], fault, field, i, a->coefficients + 32 * i);
        if (status) return status;
        fr_canonical(&r->coefficient[i], &r->coefficient[i]);
    }
    return RLN_OK;
}
