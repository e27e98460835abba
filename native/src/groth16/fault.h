/* fault.h - how this floor reports a fault: a status, and the name and position of the faulty part. */
#ifndef RLN_GROTH16_FAULT_H
#define RLN_GROTH16_FAULT_H

#include "rln.h"
#include "../base/check.h"

/* The index of a fault in a part without positions. */
#define FAULT_WHOLE UINT64_MAX

/** Fill fault, unless it is NULL, and return the status: for a return statement. field is a literal. */
static inline rln_status fault_at(rln_status status, rln_fault *fault, const char *field, uint64_t index,
                                  uint64_t expected, uint64_t got) {
    if (fault) *fault = (rln_fault){field, index, expected, got};
    return status;
}

/** fault_at for a part without positions and numbers. */
static inline rln_status fault_in(rln_status status, rln_fault *fault, const char *field) {
    return fault_at(status, fault, field, FAULT_WHOLE, 0, 0);
}

#endif
