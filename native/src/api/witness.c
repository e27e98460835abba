#include "api.h"
#include "../base/mem.h"
#include "../rln/graph.h"
#include "../rln/identity.h"
#include "../rln/witness.h"

rln_status rln_graph_load(const uint8_t *data, size_t data_len, rln_graph **r, rln_fault *fault) {
    *r = NULL;
    const rln_status status = api_given(fault, "data", data, data_len);
    return status ? status : graph_decode(r, fault, data, data_len);
}

void rln_graph_free(rln_graph *graph) {
    graph_free(graph);
}

size_t rln_graph_node_count(const rln_graph *graph) {
    return graph->node_count;
}

size_t rln_graph_witness_size(const rln_graph *graph) {
    return graph->wire_count;
}

size_t rln_graph_input_size(const rln_graph *graph) {
    return graph->input_size;
}

size_t rln_graph_input_count(const rln_graph *graph) {
    return graph->input_count;
}

rln_status rln_graph_input(const rln_graph *graph, size_t index, const char **name, size_t *name_len, uint32_t *offset,
                           uint32_t *length) {
    *name = NULL;
    *name_len = 0;
    *offset = *length = 0;
    if (index >= graph->input_count) return RLN_ERR_PARAMETER;
    const graph_input *input = &graph->inputs[index];
    *name = input->name;
    *name_len = input->name_len;
    *offset = input->offset;
    *length = input->length;
    return RLN_OK;
}

rln_status rln_graph_known(const rln_graph *graph, const uint8_t *unknown, size_t unknown_len, uint8_t *known,
                           size_t known_len, rln_fault *fault) {
    api_blank(known, known_len);
    rln_status status = api_bytes(fault, "unknown", unknown, graph->input_size, unknown_len);
    if (status == RLN_OK) status = api_bytes(fault, "known", known, graph->wire_count, known_len);
    if (status == RLN_OK && unknown[0]) status = api_fail(RLN_ERR_PARAMETER, fault, "unknown", 0, 0, unknown[0]);
    return status ? status : graph_known(known, graph, unknown);
}

rln_status rln_witness_new(const rln_graph *graph, const uint8_t *inputs, size_t inputs_len,
                           const rln_identity *identity, size_t secret_slot, rln_witness **r, rln_fault *fault) {
    const size_t n = graph->input_size; /* at most GRAPH_SLOTS_MAX, so 32 n cannot wrap */
    *r = NULL;
    rln_status status = api_bytes(fault, "inputs", inputs, 32 * n, inputs_len);
    if (status) return status;
    if (identity && (secret_slot == 0 || secret_slot >= n))
        return api_fail(RLN_ERR_PARAMETER, fault, "secret_slot", API_WHOLE, n, secret_slot);

    mem scratch = MEM_EMPTY;
    fr *slots = mem_take(&scratch, n, sizeof *slots);
    if (!slots) return RLN_ERR_MEMORY;
    slots[0] = fr_one();
    for (size_t i = 1; i < n && !status; i++) status = api_scalar(&slots[i], fault, "inputs", i, inputs + 32 * i);
    if (!status) {
        if (identity) slots[secret_slot] = *identity_secret(identity);
        status = witness_evaluate_var(r, fault, graph, slots);
    }
    mem_close(&scratch);
    return status;
}

rln_status rln_witness_import(const uint8_t *wires, size_t wires_len, rln_witness **r, rln_fault *fault) {
    *r = NULL;
    const size_t got = wires ? wires_len : 0;
    if (got == 0 || got % 32) return api_fail(RLN_ERR_LENGTH, fault, "wires", API_WHOLE, (got / 32 + 1) * 32, got);
    rln_witness *witness = witness_new(wires_len / 32);
    if (!witness) return RLN_ERR_MEMORY;
    rln_status status = RLN_OK;
    for (size_t i = 0; i < witness->size && !status; i++) {
        status = api_scalar(&witness->wires[i], fault, "wires", i, wires + 32 * i);
        fr_canonical(&witness->wires[i], &witness->wires[i]);
    }
    const fr one = fr_one();
    if (!status && !fr_equal(&witness->wires[0], &one)) status = api_fail(RLN_ERR_PARAMETER, fault, "wires", 0, 1, 0);
    if (status) witness_free(witness);
    else *r = witness;
    return status;
}

void rln_witness_free(rln_witness *witness) {
    witness_free(witness);
}

size_t rln_witness_size(const rln_witness *witness) {
    return witness_size(witness);
}

rln_status rln_witness_read(const rln_witness *witness, size_t start, uint8_t *r, size_t r_len) {
    const size_t size = witness_size(witness);
    if (!r || r_len % 32) {
        api_blank(r, r_len);
        return RLN_ERR_LENGTH;
    }
    if (start > size || r_len / 32 > size - start) {
        api_blank(r, r_len);
        return RLN_ERR_PARAMETER;
    }
    for (size_t i = 0; i < r_len / 32; i++) fr_encode(r + 32 * i, &witness_wires(witness)[start + i]);
    return RLN_OK;
}
