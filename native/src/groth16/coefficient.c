/* coefficient.c - the check that random coefficients may be used in a random combination.
 *
 * Algorithm  sort a copy; a 0 or two equal neighbours show that the randomness is broken
 * Memory     the sorted copy, freed (and wiped) before the return
 * Secret     nothing. A prover must not foresee the coefficients, but may see them later
 */
#include "coefficient.h"

#include <stdlib.h>
#include <string.h>

#include "../base/mem.h"
#include "fault.h"

static int compare(const void *a, const void *b) {
    return memcmp(a, b, COEFFICIENT_BYTES);
}

rln_status coefficients_examine(const uint8_t *a, size_t n, rln_fault *fault) {
    static const uint8_t zero[COEFFICIENT_BYTES];
    uint8_t *const sorted = mem_new(n, COEFFICIENT_BYTES);
    if (!sorted) return RLN_ERR_MEMORY;
    if (n) memcpy(sorted, a, n * COEFFICIENT_BYTES);
    qsort(sorted, n, COEFFICIENT_BYTES, compare);
    rln_status status = RLN_OK;
    if (n && compare(sorted, zero) == 0) status = fault_in(RLN_ERR_ENTROPY, fault, "coefficients");
    for (size_t i = 1; i < n && status == RLN_OK; i++)
        if (compare(sorted + (i - 1) * COEFFICIENT_BYTES, sorted + i * COEFFICIENT_BYTES) == 0)
            status = fault_in(RLN_ERR_ENTROPY, fault, "coefficients");
    mem_free(sorted);
    return status;
}
