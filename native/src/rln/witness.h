/* witness.h - an assignment to the wires of a circuit, and the evaluation of the graph that makes one.
 *
 * The wires have their own pages (mem_secret_new), which are wiped when the witness is freed. They are
 * canonical, in Montgomery form; wire 0 is 1.
 */
#ifndef RLN_RLN_WITNESS_H
#define RLN_RLN_WITNESS_H

#include "graph.h"

typedef struct rln_witness {
    size_t size; /* wires, at least 1 */
    fr *wires;
} rln_witness;

/** Evaluate the graph. inputs: graph->input_size elements, loose; the first is used as it is and should be 1.
 *  RLN_ERR_WITNESS names the node that has no result ("node", its position in the file), or "wire" 0.
 *  time    variable in comparisons, shifts, divisions and powers; constant in +, -, *
 *  source  zerokit-spec 5.3 */
RLN_MUST_USE rln_status witness_evaluate_var(rln_witness **r, rln_fault *fault, const rln_graph *graph,
                                             const fr *inputs);
/** Room for size wires, all zero, for the caller to fill; NULL: no memory. needs size at least 1. */
rln_witness *witness_new(size_t size);
/** Wipe and free. NULL is allowed. */
void witness_free(rln_witness *witness);

static inline const fr *witness_wires(const rln_witness *witness) {
    return witness->wires;
}

static inline size_t witness_size(const rln_witness *witness) {
    return witness->size;
}

#endif
