/* graph.h - a witness graph: the program that computes a circuit's wires from its inputs.
 *
 * A file in the form "wtns.graph.001" lists nodes in the order of evaluation; operands are earlier nodes.
 * Loading keeps constants in Montgomery form, apart from the nodes that compute. An operand is therefore a
 * place: a position among the constants (GRAPH_CONSTANT set) or among the computed values.
 *
 * The file is untrusted. For any bytes the loader takes at most 2 s, needs memory below twice the file plus
 * 64 MiB (evaluation included), and does not recurse. A graph that it accepts is evaluated in at most 2 s and
 * reads nothing outside its arrays.
 *
 * source  zerokit-spec 5.3, threats D7
 */
#ifndef RLN_RLN_GRAPH_H
#define RLN_RLN_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "rln.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../math/types.h"

/* Upper bounds. The largest of zerokit's graphs has 29,254 nodes, 7,401 wires, 53 slots, 8 names. */
#define GRAPH_NODES_MAX ((size_t)1 << 20)
#define GRAPH_WIRES_MAX ((size_t)1 << 19)
#define GRAPH_SLOTS_MAX ((size_t)1 << 16)
#define GRAPH_NAMES_MAX ((size_t)1 << 12)
#define GRAPH_NAME_LENGTH_MAX 255
/* The most that all nodes together may cost, in multiplications. 2^25 take about 0.6 s. */
#define GRAPH_WORK_MAX ((uint64_t)1 << 25)

/* Codes 0..19 are those of the file's two-operand nodes. */
typedef enum graph_operation {
    GRAPH_MUL = 0,
    GRAPH_DIV = 1,
    GRAPH_ADD = 2,
    GRAPH_SUB = 3,
    GRAPH_POW = 4,
    GRAPH_IDIV = 5,
    GRAPH_MOD = 6,
    GRAPH_EQ = 7,
    GRAPH_NEQ = 8,
    GRAPH_LT = 9,
    GRAPH_GT = 10,
    GRAPH_LEQ = 11,
    GRAPH_GEQ = 12,
    GRAPH_LAND = 13,
    GRAPH_LOR = 14,
    GRAPH_SHL = 15,
    GRAPH_SHR = 16,
    GRAPH_BOR = 17,
    GRAPH_BAND = 18,
    GRAPH_BXOR = 19,
    GRAPH_NEG = 20,
    GRAPH_ID = 21,
    GRAPH_TERNARY = 22,
    GRAPH_INPUT = 23 /* a is a slot of the inputs, not a place */
} graph_operation;

#define GRAPH_CONSTANT ((uint32_t)1 << 31)

/* Places a, b, c. Only GRAPH_TERNARY has a third operand; for the others c is the node's position in the file, which
 * a fault reports. */
typedef struct graph_node { uint32_t operation, a, b, c; } graph_node;

typedef struct graph_input {
    const char *name; /* not terminated */
    size_t name_len;
    uint32_t offset, length;
} graph_input;

typedef struct rln_graph {
    mem memory;
    size_t node_count; /* in the file: constants and computed nodes */
    size_t constant_count, computed_count, wire_count;
    size_t input_size;  /* 1 + the largest slot that a node reads */
    size_t input_count; /* names */
    const fr *constants;
    const graph_node *computed;
    const uint32_t *wires; /* places */
    const graph_input *inputs;
} rln_graph;

/** Untrusted bytes -> graph. On failure RLN_ERR_FORMAT and the fault, or RLN_ERR_MEMORY, and *r = NULL. The graph keeps
 *  no reference to data. */
RLN_MUST_USE rln_status graph_decode(rln_graph **r, rln_fault *fault, const uint8_t *data, size_t data_len);
/** known[i] = 0 for the wires that depend on a slot with unknown[slot] != 0, else 1. A node with an unknown operand is
 *  unknown, whatever its other operands are: zerokit-spec 6.1. unknown holds graph->input_size bytes, known holds
 *  graph->wire_count. RLN_ERR_MEMORY. */
RLN_MUST_USE rln_status graph_known(uint8_t *known, const rln_graph *graph, const uint8_t *unknown);
/** NULL is allowed. */
void graph_free(rln_graph *graph);

#endif
