#include "graph.h"

#include <string.h>

#include "../math/mont_portable.h"
#include "../math/fr.h"
#include "protobuf.h"

static const char MAGIC[14] = {'w', 't', 'n', 's', '.', 'g', 'r', 'a', 'p', 'h', '.', '0', '0', '1'};

/* The shortest node: its length, the key of its kind, and the length 0 of the message. */
#define NODE_SIZE_MIN 3

/* An exponentiation by a number as large as r: 254 squarings and the products of 64 windows. */
#define WORK_POWER 320
/* At most 254 steps, each a shift, a comparison and a subtraction. */
#define WORK_DIVISION 96

/* A node of the file. */
typedef struct raw_node {
    uint32_t operation;
    uint32_t operands;
    uint32_t at[3]; /* node positions; the slot of an input */
    int is_constant;
    span value; /* of a constant, little-endian */
} raw_node;

/* The index of a fault that concerns a part without positions. */
#define WHOLE UINT64_MAX

static rln_status bad(rln_fault *fault, const char *field, uint64_t index, uint64_t expected, uint64_t got) {
    if (fault) *fault = (rln_fault){field, index, expected, got};
    return RLN_ERR_FORMAT;
}

static int constant_decode(raw_node *r, span message) {
    span number;
    int present;
    r->is_constant = 1;
    if (protobuf_single(message, &number, &present) || !present) return -1;
    return protobuf_single(number, &r->value, &present) || r->value.left > 32 ? -1 : 0;
}

/** A node with an operation code and count operands. */
static int operation_decode(raw_node *r, span message, uint32_t count, uint32_t base, uint32_t codes) {
    uint32_t words[4];
    if (protobuf_words(message, words, count + 1) || words[0] >= codes) return -1;
    r->operation = base + words[0];
    r->operands = count;
    for (uint32_t i = 0; i < count; i++) r->at[i] = words[i + 1];
    return 0;
}

static int node_decode(raw_node *r, span *file) {
    span node, message;
    uint32_t key;
    *r = (raw_node){.operation = GRAPH_INPUT};
    if (span_bytes(file, &node) || protobuf_key(&node, &key) || span_bytes(&node, &message) || node.left) return -1;
    switch (key) {
    case PROTOBUF_BYTES(1): return protobuf_words(message, r->at, 1);
    case PROTOBUF_BYTES(2): return constant_decode(r, message);
    case PROTOBUF_BYTES(3): return operation_decode(r, message, 1, GRAPH_NEG, 2);
    case PROTOBUF_BYTES(4): return operation_decode(r, message, 2, GRAPH_MUL, 20);
    case PROTOBUF_BYTES(5): return operation_decode(r, message, 3, GRAPH_TERNARY, 1);
    default: return -1;
    }
}

static uint64_t node_work(uint32_t operation) {
    switch (operation) {
    case GRAPH_DIV:
    case GRAPH_POW: return WORK_POWER;
    case GRAPH_IDIV:
    case GRAPH_MOD: return WORK_DIVISION;
    default: return 1;
    }
}

/** First pass: count, and make every check that needs no memory. */
static rln_status nodes_survey(rln_graph *g, rln_fault *fault, span *file) {
    uint64_t work = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        raw_node node;
        if (node_decode(&node, file)) return bad(fault, "node", i, 0, 0);
        for (uint32_t j = 0; j < node.operands; j++)
            if (node.at[j] >= i) return bad(fault, "operand below", i, i, node.at[j]);
        if (node.is_constant) {
            g->constant_count++;
            continue;
        }
        if (node.operation == GRAPH_INPUT) {
            if (node.at[0] >= GRAPH_SLOTS_MAX) return bad(fault, "input slot below", i, GRAPH_SLOTS_MAX, node.at[0]);
            if (node.at[0] >= g->input_size) g->input_size = (size_t)node.at[0] + 1;
        }
        work += node_work(node.operation);
        if (work > GRAPH_WORK_MAX) return bad(fault, "work at most", i, GRAPH_WORK_MAX, work);
    }
    g->computed_count = g->node_count - g->constant_count;
    return RLN_OK;
}

/** Second pass. places has room for node_count. */
static rln_status nodes_load(rln_graph *g, rln_fault *fault, span file, uint32_t *places) {
    fr *constants = mem_take(&g->memory, g->constant_count, sizeof *constants);
    graph_node *computed = mem_take(&g->memory, g->computed_count, sizeof *computed);
    uint32_t constant = 0, value = 0;
    if (!constants || !computed) return RLN_ERR_MEMORY;
    for (size_t i = 0; i < g->node_count; i++) {
        raw_node node;
        if (node_decode(&node, &file)) return bad(fault, "node", i, 0, 0);
        if (node.is_constant) {
            u256 t = {{0}};
            for (size_t j = 0; j < node.value.left; j++) t.v[j / 8] |= (uint64_t)node.value.at[j] << (8 * (j % 8));
            fr_from_u256(&constants[constant], &t);
            places[i] = GRAPH_CONSTANT | constant++;
            continue;
        }
        for (uint32_t j = 0; j < node.operands; j++) node.at[j] = places[node.at[j]];
        computed[value] = (graph_node){node.operation, node.at[0], node.at[1],
                                       node.operands == 3 ? node.at[2] : (uint32_t)i};
        places[i] = value++;
    }
    g->constants = constants;
    g->computed = computed;
    return RLN_OK;
}

/** wires: a packed list of node positions. */
static rln_status wires_load(rln_graph *g, rln_fault *fault, span wires, const uint32_t *places) {
    /* in every varint only the last byte is below 128 */
    for (size_t i = 0; i < wires.left; i++) g->wire_count += wires.at[i] < 128;
    if (g->wire_count == 0 || g->wire_count > GRAPH_WIRES_MAX)
        return bad(fault, "wire count at most", WHOLE, GRAPH_WIRES_MAX, g->wire_count);
    uint32_t *places_of = mem_take(&g->memory, g->wire_count, sizeof *places_of);
    if (!places_of) return RLN_ERR_MEMORY;
    for (size_t i = 0; i < g->wire_count; i++) {
        uint64_t at;
        if (span_varint(&wires, &at, UINT32_MAX)) return bad(fault, "wire", i, 0, 0);
        if (at >= g->node_count) return bad(fault, "wire below", i, g->node_count, at);
        places_of[i] = places[at];
    }
    if (wires.left) return bad(fault, "wire", g->wire_count, 0, wires.left);
    g->wires = places_of;
    return RLN_OK;
}

/** One entry of the map of names: 1 the name, 2 the slots. */
static int input_decode(graph_input *r, span entry) {
    int seen_name = 0, seen_slots = 0;
    *r = (graph_input){NULL, 0, 0, 0};
    while (entry.left) {
        uint32_t key, words[2];
        span part;
        if (protobuf_key(&entry, &key) || span_bytes(&entry, &part)) return -1;
        if (key == PROTOBUF_BYTES(1) && !seen_name++) {
            r->name = (const char *)part.at;
            r->name_len = part.left;
        } else if (key == PROTOBUF_BYTES(2) && !seen_slots++) {
            if (protobuf_words(part, words, 2)) return -1;
            r->offset = words[0];
            r->length = words[1];
        } else {
            return -1;
        }
    }
    if (r->name_len < 1 || r->name_len > GRAPH_NAME_LENGTH_MAX) return -1;
    /* names must be printable, because errors print them */
    for (size_t i = 0; i < r->name_len; i++)
        if (r->name[i] <= ' ' || r->name[i] > '~') return -1;
    return 0;
}

/** Check a new input against the number of slots and the inputs before it. */
static rln_status input_check(const rln_graph *g, rln_fault *fault, const graph_input *inputs, size_t i) {
    const graph_input *a = &inputs[i];
    if (a->offset > g->input_size || a->length > g->input_size - a->offset)
        return bad(fault, "input slots at most", i, g->input_size, (uint64_t)a->offset + a->length);
    if (a->length && a->offset == 0) return bad(fault, "input offset", i, 1, 0);
    for (size_t j = 0; j < i; j++) {
        const graph_input *b = &inputs[j];
        if (a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0)
            return bad(fault, "input name used twice", i, 0, 0);
        if (a->offset < b->offset + b->length && b->offset < a->offset + a->length)
            return bad(fault, "input overlap", i, 0, 0);
    }
    return RLN_OK;
}

/** Whether the message is the field's modulus, in the form of a constant. */
static int is_prime(span message) {
    span value;
    int present;
    if (protobuf_single(message, &value, &present) || value.left != 32) return 0;
    for (int i = 0; i < 4; i++)
        if (bytes_u64_decode(value.at + 8 * i) != FR_MODULUS[i]) return 0;
    return 1;
}

/** Whether name is Circom's name of the curve. */
static int is_curve(span name) {
    return name.left == 5 && memcmp(name.at, "bn128", 5) == 0;
}

/** Fields: 1 the wires, 2 an input (repeated), 3 the prime, 4 the name of the curve. Not every file has the last two;
 *  zerokit's files have them. */
static rln_status metadata_load(rln_graph *g, rln_fault *fault, span metadata, const uint32_t *places) {
    span wires = {NULL, 0}, rest = metadata, part;
    size_t names_len = 0;
    uint32_t key;
    int seen_wires = 0, seen_prime = 0, seen_curve = 0;
    while (rest.left) {
        if (protobuf_key(&rest, &key) || span_bytes(&rest, &part)) return bad(fault, "metadata", WHOLE, 0, 0);
        if (key == PROTOBUF_BYTES(1) && !seen_wires++) {
            wires = part;
        } else if (key == PROTOBUF_BYTES(3) && !seen_prime++) {
            if (!is_prime(part)) return bad(fault, "prime", WHOLE, 0, 0);
        } else if (key == PROTOBUF_BYTES(4) && !seen_curve++) {
            if (!is_curve(part)) return bad(fault, "curve", WHOLE, 0, 0);
        } else if (key == PROTOBUF_BYTES(2)) {
            graph_input input;
            if (input_decode(&input, part)) return bad(fault, "input", g->input_count, 0, 0);
            names_len += input.name_len;
            if (++g->input_count > GRAPH_NAMES_MAX)
                return bad(fault, "input count at most", WHOLE, GRAPH_NAMES_MAX, g->input_count);
        } else {
            return bad(fault, "metadata", key >> 3, 0, 0);
        }
    }
    graph_input *inputs = mem_take(&g->memory, g->input_count, sizeof *inputs);
    char *names = mem_take(&g->memory, names_len, 1);
    if (!inputs || !names) return RLN_ERR_MEMORY;
    size_t i = 0;
    for (rest = metadata; rest.left;) {
        if (protobuf_key(&rest, &key) || span_bytes(&rest, &part)) return bad(fault, "metadata", WHOLE, 0, 0);
        if (key != PROTOBUF_BYTES(2)) continue;
        if (input_decode(&inputs[i], part)) return bad(fault, "input", i, 0, 0);
        memcpy(names, inputs[i].name, inputs[i].name_len);
        inputs[i].name = names;
        names += inputs[i].name_len;
        const rln_status status = input_check(g, fault, inputs, i++);
        if (status) return status;
    }
    g->inputs = inputs;
    return wires_load(g, fault, wires, places);
}

static rln_status file_load(rln_graph *g, rln_fault *fault, const uint8_t *data, size_t data_len) {
    const size_t edges = sizeof MAGIC + 8 + 8; /* magic, node count; metadata offset at the end */
    if (data_len < edges) return bad(fault, "file", WHOLE, edges, data_len);
    if (memcmp(data, MAGIC, sizeof MAGIC)) return bad(fault, "magic", WHOLE, 0, 0);
    span file = {data + sizeof MAGIC + 8, data_len - edges};
    const uint64_t count = bytes_u64_decode(data + sizeof MAGIC);
    const uint64_t room = file.left / NODE_SIZE_MIN, most = room < GRAPH_NODES_MAX ? room : GRAPH_NODES_MAX;
    if (count == 0 || count > most) return bad(fault, "node count at most", WHOLE, most, count);
    g->node_count = (size_t)count;
    g->input_size = 1;

    const span nodes = file;
    rln_status status = nodes_survey(g, fault, &file);
    if (status) return status;
    const uint64_t offset = bytes_u64_decode(data + data_len - 8), here = (uint64_t)(file.at - data);
    if (offset != here) return bad(fault, "metadata offset", WHOLE, here, offset);
    span metadata;
    if (span_bytes(&file, &metadata)) return bad(fault, "metadata", WHOLE, 0, 0);
    if (file.left) return bad(fault, "file", WHOLE, data_len - file.left, data_len);

    mem scratch = MEM_EMPTY;
    uint32_t *places = mem_take(&scratch, g->node_count, sizeof *places);
    status = places ? nodes_load(g, fault, nodes, places) : RLN_ERR_MEMORY;
    if (!status) status = metadata_load(g, fault, metadata, places);
    mem_close(&scratch);
    return status;
}

rln_status graph_decode(rln_graph **r, rln_fault *fault, const uint8_t *data, size_t data_len) {
    *r = NULL;
    rln_graph *g = mem_new(1, sizeof *g);
    if (!g) return RLN_ERR_MEMORY;
    const rln_status status = file_load(g, fault, data, data_len);
    if (status) graph_free(g);
    else *r = g;
    return status;
}

static uint32_t operand_count(uint32_t operation) {
    switch (operation) {
    case GRAPH_NEG:
    case GRAPH_ID: return 1;
    case GRAPH_TERNARY: return 3;
    default: return 2;
    }
}

static int node_known(const graph_node *node, const uint8_t *values, const uint8_t *unknown) {
    if (node->operation == GRAPH_INPUT) return !unknown[node->a];
    const uint32_t at[3] = {node->a, node->b, node->c};
    for (uint32_t i = 0; i < operand_count(node->operation); i++)
        if (!(at[i] & GRAPH_CONSTANT) && !values[at[i]]) return 0;
    return 1;
}

rln_status graph_known(uint8_t *known, const rln_graph *graph, const uint8_t *unknown) {
    uint8_t *const values = mem_new(graph->computed_count, 1);
    if (!values) return RLN_ERR_MEMORY;
    for (size_t i = 0; i < graph->computed_count; i++)
        values[i] = (uint8_t)node_known(&graph->computed[i], values, unknown);
    for (size_t i = 0; i < graph->wire_count; i++) {
        const uint32_t at = graph->wires[i];
        known[i] = at & GRAPH_CONSTANT ? 1 : values[at];
    }
    mem_free(values);
    return RLN_OK;
}

void graph_free(rln_graph *graph) {
    if (!graph) return;
    mem_close(&graph->memory);
    mem_free(graph);
}
