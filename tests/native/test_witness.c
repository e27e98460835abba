/* The graph loader and evaluator under the sanitizers: every truncation, bit flip and byte value of a small file with
 * every kind of node, and every allocation failing once. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "math/mont_portable.h"
#include "math/fr.h"
#include "rln/witness.h"
#include "expect.h"

typedef struct file {
    uint8_t data[1024];
    size_t n;
} file;

static void put(file *f, const void *a, size_t n) {
    memcpy(f->data + f->n, a, n);
    f->n += n;
}

static void put_u64(file *f, uint64_t a) {
    for (int i = 0; i < 8; i++) f->data[f->n++] = (uint8_t)(a >> (8 * i));
}

/* The nodes: 0 the constant 1; 1, 2 inputs; 3..22 every two-operand code on 1 and 2; 23 Neg; 24 TernCond. */
static file sample(void) {
    file f = {{0}, 0};
    put(&f, "wtns.graph.001", 14);
    put_u64(&f, 25);
    put(&f, "\x07\x12\x05\x0a\x03\x0a\x01\x01", 8);
    put(&f, "\x04\x0a\x02\x08\x01", 5);
    put(&f, "\x04\x0a\x02\x08\x02", 5);
    for (uint8_t code = 0; code < 20; code++) {
        const uint8_t node[] = {8, 0x22, 6, 0x08, code, 0x10, 1, 0x18, 2};
        put(&f, node, sizeof node);
    }
    put(&f, "\x06\x1a\x04\x08\x00\x10\x01", 7);
    put(&f, "\x08\x2a\x06\x10\x01\x18\x02\x20\x17", 9);
    const uint64_t metadata = f.n;
    put(&f, "\x29\x0a\x09\x00\x03\x05\x06\x0a\x12\x13\x17\x18", 12); /* nine wires */
    put(&f, "\x12\x09\x0a\x01\x61\x12\x04\x08\x01\x10\x01", 11);
    put(&f, "\x12\x09\x0a\x01\x62\x12\x04\x08\x02\x10\x01", 11);
    put(&f, "\x22\x05\x62\x6e\x31\x32\x38", 7);
    f.data[metadata] = (uint8_t)(f.n - metadata - 1);
    put_u64(&f, metadata);
    return f;
}

/* Load and evaluate on 12 and 2; the status of the step that failed. A copy of exact size lets the sanitizer see any
 * access past the end. */
static rln_status try(const uint8_t *data, size_t n, rln_witness **witness) {
    uint8_t *const copy = malloc(n ? n : 1);
    memcpy(copy, data, n);
    rln_graph *graph;
    rln_fault fault = {NULL, 0, 0, 0};
    *witness = NULL;
    rln_status status = graph_decode(&graph, &fault, copy, n);
    free(copy);
    EXPECT((status == RLN_OK) == (graph != NULL));
    if (status == RLN_OK) {
        fr *inputs = calloc(graph->input_size + 2, sizeof *inputs);
        inputs[0] = fr_one();
        fr_from_u64(&inputs[1], 12);
        fr_from_u64(&inputs[2], 2);
        status = witness_evaluate_var(witness, &fault, graph, inputs);
        free(inputs);
    }
    EXPECT((status == RLN_OK) == (*witness != NULL));
    EXPECT(status == RLN_OK || status == RLN_ERR_FORMAT || status == RLN_ERR_WITNESS || status == RLN_ERR_MEMORY);
    EXPECT(status == RLN_OK || status == RLN_ERR_MEMORY || fault.field != NULL);
    graph_free(graph);
    return status;
}

static int is_number(const fr *a, uint64_t b) {
    fr t;
    fr_from_u64(&t, b);
    return fr_equal(a, &t) != 0;
}

static void test_values(void) {
    const file f = sample();
    rln_witness *w;
    EXPECT(try(f.data, f.n, &w) == RLN_OK);
    if (!w) return;
    EXPECT(witness_size(w) == 9);
    /* 1, Mul, Add, Sub, Eq, Shl, Shr, Neg, TernCond */
    const uint64_t expected[9] = {1, 24, 14, 10, 0, 48, 3, 0, 2};
    for (int i = 0; i < 9; i++) {
        if (i == 7) continue;
        EXPECT(is_number(&witness_wires(w)[i], expected[i]));
    }
    fr sum;
    fr_from_u64(&sum, 12);
    fr_add(&sum, &sum, &witness_wires(w)[7]);
    EXPECT(fr_is_zero(&sum) != 0);
    witness_free(w);
}

static void test_changed_files(void) {
    const file f = sample();
    rln_witness *w;
    for (size_t n = 0; n < f.n; n++) EXPECT(try(f.data, n, &w) == RLN_ERR_FORMAT);
    for (size_t i = 0; i < f.n; i++)
        for (unsigned b = 0; b < 256; b++) {
            file g = f;
            g.data[i] = (uint8_t)b;
            (void)try(g.data, g.n, &w);
            witness_free(w);
        }
}

static void test_memory_that_fails(void) {
    const file f = sample();
    rln_witness *w;
    uint64_t failed = 0;
    for (uint64_t n = 1; n < 64; n++) {
        mem_fail_at(n);
        const rln_status status = try(f.data, f.n, &w);
        mem_fail_at(0);
        failed += status == RLN_ERR_MEMORY;
        EXPECT(status == RLN_OK || status == RLN_ERR_MEMORY);
        witness_free(w);
    }
    EXPECT(failed >= 8);
}

int main(void) {
    test_values();
    test_changed_files();
    test_memory_that_fails();
    return expect_status();
}
