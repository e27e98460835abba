/* api.h - how the functions of this floor check pointers and lengths, and report faults.
 *
 * Every entry follows one pattern: blank the outputs, check pointers and lengths with api_bytes or api_length,
 * decode with api_scalar, call the floor below, encode; on failure blank the outputs again. A fault may always
 * be NULL. A field is named after the parameter, or after the part of a file.
 */
#ifndef RLN_API_API_H
#define RLN_API_API_H

#include <string.h>

#include "rln.h"
#include "../base/check.h"
#include "../base/ct.h"
#include "../math/mont_portable.h"
#include "../math/fr.h"

/* The index of a fault that concerns something without positions. */
#define API_WHOLE UINT64_MAX

/** Report what was wrong. field is a literal. expected = got means that the two say nothing. */
static inline void api_fault(rln_fault *fault, const char *field, uint64_t index, uint64_t expected, uint64_t got) {
    if (fault) *fault = (rln_fault){field, index, expected, got};
}

/** api_fault, then return the status: for a return statement. */
RLN_MUST_USE static inline rln_status api_fail(rln_status status, rln_fault *fault, const char *field, uint64_t index,
                                               uint64_t expected, uint64_t got) {
    api_fault(fault, field, index, expected, got);
    return status;
}

/** RLN_OK, or RLN_ERR_LENGTH and the fault if expected != got. */
RLN_MUST_USE static inline rln_status api_length(rln_fault *fault, const char *field, size_t expected, size_t got) {
    return expected == got ? RLN_OK : api_fail(RLN_ERR_LENGTH, fault, field, API_WHOLE, expected, got);
}

/** The same for an array. NULL counts as empty: NULL with length 0 is good if expected is 0. */
RLN_MUST_USE static inline rln_status api_bytes(rln_fault *fault, const char *field, const void *a, size_t expected,
                                                size_t got) {
    return api_length(fault, field, expected, a ? got : 0);
}

/** RLN_OK, or RLN_ERR_LENGTH if a is NULL and got is not 0: for arrays of any length. */
RLN_MUST_USE static inline rln_status api_given(rln_fault *fault, const char *field, const void *a, size_t got) {
    return api_length(fault, field, got, a ? got : 0);
}

/** r = the scalar in 32 bytes; RLN_ERR_RANGE and r = 0 if it is not canonical. */
RLN_MUST_USE static inline rln_status api_scalar(fr *r, rln_fault *fault, const char *field, uint64_t index,
                                                 const uint8_t a[32]) {
    const uint64_t bad = ct_reveal((uint64_t)fr_decode(r, a));
    return !bad ? RLN_OK : api_fail(RLN_ERR_RANGE, fault, field, index, 0, 0);
}

/** RLN_OK, or RLN_ERR_RANGE if the scalar in 32 bytes is not canonical: for bytes that are used as they are. */
RLN_MUST_USE static inline rln_status api_canonical(rln_fault *fault, const char *field, uint64_t index,
                                                    const uint8_t a[32]) {
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) (void)mont_subb(bytes_u64_decode(a + 8 * i), FR_MODULUS[i], &borrow);
    return ct_reveal(borrow) ? RLN_OK : api_fail(RLN_ERR_RANGE, fault, field, index, 0, 0);
}

/** Zero an output array; NULL is allowed. */
static inline void api_blank(uint8_t *r, size_t r_len) {
    if (r && r_len) ct_wipe(r, r_len);
}

#endif
