#include "witness.h"

#include "../math/mont_portable.h"
#include "../math/fr.h"

/* (r - 1) / 2: the largest number that counts as positive. r is odd, so this is r shifted by one. */
static void half_modulus(u256 *r) {
    for (int i = 0; i < 4; i++) r->v[i] = FR_MODULUS[i] >> 1 | (i < 3 ? FR_MODULUS[i + 1] << 63 : 0);
}

/** r = a - b mod 2^256; the result says whether a < b. */
static int u256_subtract(u256 *r, const u256 *a, const u256 *b) {
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) r->v[i] = mont_subb(a->v[i], b->v[i], &borrow);
    return (int)borrow;
}

static int u256_less(const u256 *a, const u256 *b) {
    u256 t;
    return u256_subtract(&t, a, b);
}

static int u256_is_zero(const u256 *a) {
    return (a->v[0] | a->v[1] | a->v[2] | a->v[3]) == 0;
}

static int u256_bits(const u256 *a) {
    for (int i = 3; i >= 0; i--)
        if (a->v[i]) return 64 * i + 64 - __builtin_clzll(a->v[i]);
    return 0;
}

/** r = a 2^n mod 2^256.
 *  needs  0 <= n < 256
 *  alias  r may not be a */
static void u256_shift_left(u256 *r, const u256 *a, unsigned n) {
    const unsigned limbs = n / 64, bits = n % 64;
    for (unsigned i = 0; i < 4; i++) {
        r->v[i] = i >= limbs ? a->v[i - limbs] << bits : 0;
        if (bits && i > limbs) r->v[i] |= a->v[i - limbs - 1] >> (64 - bits);
    }
}

/** r = floor(a / 2^n), with the same needs. */
static void u256_shift_right(u256 *r, const u256 *a, unsigned n) {
    const unsigned limbs = n / 64, bits = n % 64;
    for (unsigned i = 0; i < 4; i++) {
        r->v[i] = i + limbs < 4 ? a->v[i + limbs] >> bits : 0;
        if (bits && i + limbs + 1 < 4) r->v[i] |= a->v[i + limbs + 1] << (64 - bits);
    }
}

/** quotient = floor(a / b), rest = a mod b; both 0 for b = 0. At most 254 steps.
 *  source  Knuth, TAOCP 2, 4.3.1, in base 2 */
static void u256_divide(u256 *quotient, u256 *rest, const u256 *a, const u256 *b) {
    const u256 zero = {{0}};
    *quotient = zero;
    *rest = zero;
    if (u256_is_zero(b)) return;
    *rest = *a;
    for (int shift = u256_bits(a) - u256_bits(b); shift >= 0; shift--) {
        u256 part, t;
        u256_shift_left(&part, b, (unsigned)shift); /* b 2^shift has as many bits as a, < 2^254 */
        if (u256_subtract(&t, rest, &part)) continue;
        *rest = t;
        quotient->v[shift / 64] |= (uint64_t)1 << (shift % 64);
    }
}

/** a < b as signed numbers: a number n above (r - 1) / 2 means n - r. */
static int signed_less(const u256 *a, const u256 *b) {
    u256 half;
    half_modulus(&half);
    const int a_negative = u256_less(&half, a), b_negative = u256_less(&half, b);
    return a_negative != b_negative ? a_negative : u256_less(a, b);
}

/** The amount of a shift; any larger amount counts as 254. */
static unsigned shift_amount(const u256 *a) {
    return a->v[1] | a->v[2] | a->v[3] || a->v[0] > 254 ? 254 : (unsigned)a->v[0];
}

/** r = a, an integer that must be < r. */
static int from_canonical(fr *r, const u256 *a) {
    const u256 modulus = {{FR_MODULUS[0], FR_MODULUS[1], FR_MODULUS[2], FR_MODULUS[3]}};
    if (!u256_less(a, &modulus)) return -1;
    fr_from_u256(r, a);
    return 0;
}

/** r = a, minus the modulus if a is larger; a equal to the modulus is an error. */
static int from_bits(fr *r, const u256 *a) {
    const u256 modulus = {{FR_MODULUS[0], FR_MODULUS[1], FR_MODULUS[2], FR_MODULUS[3]}};
    u256 t;
    if (!u256_less(&modulus, a)) return from_canonical(r, a);
    (void)u256_subtract(&t, a, &modulus);
    return from_canonical(r, &t);
}

static void from_truth(fr *r, int truth) {
    *r = truth ? fr_one() : fr_zero();
}

/** The operations on canonical integers; -1 when there is no result. */
static int integer_operation(fr *r, uint32_t operation, const fr *x, const fr *y) {
    u256 a, b, t, rest;
    fr_to_u256(&a, x);
    fr_to_u256(&b, y);
    switch (operation) {
    case GRAPH_POW: fr_pow_var(r, x, &b); return 0;
    case GRAPH_IDIV:
        u256_divide(&t, &rest, &a, &b);
        fr_from_u256(r, &t);
        return 0;
    case GRAPH_MOD:
        u256_divide(&t, &rest, &a, &b);
        fr_from_u256(r, &rest);
        return 0;
    case GRAPH_LT: from_truth(r, signed_less(&a, &b)); return 0;
    case GRAPH_GT: from_truth(r, signed_less(&b, &a)); return 0;
    case GRAPH_LEQ: from_truth(r, !signed_less(&b, &a)); return 0;
    case GRAPH_GEQ: from_truth(r, !signed_less(&a, &b)); return 0;
    case GRAPH_SHL:
        if (shift_amount(&b) == 254) {
            *r = fr_zero();
            return 0;
        }
        u256_shift_left(&t, &a, shift_amount(&b));
        return from_canonical(r, &t);
    case GRAPH_SHR:
        if (shift_amount(&b) == 254) {
            *r = fr_zero();
            return 0;
        }
        u256_shift_right(&t, &a, shift_amount(&b));
        fr_from_u256(r, &t);
        return 0;
    case GRAPH_BOR:
        for (int i = 0; i < 4; i++) t.v[i] = a.v[i] | b.v[i];
        return from_bits(r, &t);
    case GRAPH_BAND:
        for (int i = 0; i < 4; i++) t.v[i] = a.v[i] & b.v[i];
        return from_bits(r, &t);
    case GRAPH_BXOR:
        for (int i = 0; i < 4; i++) t.v[i] = a.v[i] ^ b.v[i];
        return from_bits(r, &t);
    default: return -1; /* GRAPH_ID: zerokit gives it no meaning */
    }
}

/* What the places of operands refer to: computed values or constants; the top bit says which. */
typedef struct operands { const fr *base[2]; } operands;

static inline const fr *operand(const operands *o, uint32_t place) {
    return &o->base[place >> 31][place & ~GRAPH_CONSTANT];
}

static int node_evaluate(fr *r, const graph_node *node, const operands *o, const fr *inputs) {
    if (node->operation == GRAPH_INPUT) {
        *r = inputs[node->a];
        return 0;
    }
    const fr *a = operand(o, node->a);
    if (node->operation == GRAPH_NEG) {
        fr_neg(r, a);
        return 0;
    }
    const fr *b = operand(o, node->b);
    switch (node->operation) {
    case GRAPH_MUL: fr_mul(r, a, b); return 0;
    case GRAPH_ADD: fr_add(r, a, b); return 0;
    case GRAPH_SUB: fr_sub(r, a, b); return 0;
    case GRAPH_DIV:
        fr_inv(r, b); /* 1/0 = 0 */
        fr_mul(r, r, a);
        return 0;
    case GRAPH_EQ: from_truth(r, fr_equal(a, b) != 0); return 0;
    case GRAPH_NEQ: from_truth(r, fr_equal(a, b) == 0); return 0;
    case GRAPH_LAND: from_truth(r, !fr_is_zero(a) && !fr_is_zero(b)); return 0;
    case GRAPH_LOR: from_truth(r, !fr_is_zero(a) || !fr_is_zero(b)); return 0;
    case GRAPH_TERNARY: *r = fr_is_zero(a) ? *operand(o, node->c) : *b; return 0;
    default: return integer_operation(r, node->operation, a, b);
    }
}

static rln_status no_witness(rln_fault *fault, const char *field, uint64_t index) {
    if (fault) *fault = (rln_fault){field, index, 0, 0};
    return RLN_ERR_WITNESS;
}

rln_status witness_evaluate_var(rln_witness **r, rln_fault *fault, const rln_graph *graph, const fr *inputs) {
    mem scratch = MEM_EMPTY;
    rln_status status = RLN_ERR_MEMORY;
    *r = NULL;
    fr *values = mem_take(&scratch, graph->computed_count, sizeof *values);
    rln_witness *witness = witness_new(graph->wire_count);
    if (!values || !witness) goto done;

    const operands o = {{values, graph->constants}};
    for (size_t i = 0; i < graph->computed_count; i++)
        if (node_evaluate(&values[i], &graph->computed[i], &o, inputs)) {
            status = no_witness(fault, "node", graph->computed[i].c);
            goto done;
        }
    for (size_t i = 0; i < graph->wire_count; i++) fr_canonical(&witness->wires[i], operand(&o, graph->wires[i]));
    const fr one = fr_one();
    if (!fr_equal(&witness->wires[0], &one)) {
        status = no_witness(fault, "wire", 0);
        goto done;
    }
    *r = witness;
    witness = NULL;
    status = RLN_OK;
done:
    witness_free(witness);
    mem_close(&scratch);
    return status;
}

rln_witness *witness_new(size_t size) {
    if (size > SIZE_MAX / sizeof(fr)) return NULL;
    rln_witness *witness = mem_new(1, sizeof *witness);
    if (!witness) return NULL;
    witness->size = size;
    witness->wires = mem_secret_new(size * sizeof(fr), 0);
    if (witness->wires) return witness;
    mem_free(witness);
    return NULL;
}

void witness_free(rln_witness *witness) {
    if (!witness) return;
    mem_secret_free(witness->wires);
    mem_free(witness);
}
