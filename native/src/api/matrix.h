/* matrix.h - a caller's sparse matrix, checked for the floors below. */
#ifndef RLN_API_MATRIX_H
#define RLN_API_MATRIX_H

#include "../groth16/key.h"

/** r = the caller's matrix, every promise of it checked; its memory belongs to m. RLN_ERR_PARAMETER, RLN_ERR_LENGTH and
 *  RLN_ERR_RANGE name field; RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status api_matrix(sparse *r, mem *m, const rln_matrix *a, size_t rows, size_t wires, const char *field,
                                   rln_fault *fault);

#endif
