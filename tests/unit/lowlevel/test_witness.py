"""The evaluator of witness graphs against plain integers, and its inputs and outputs."""

import random
from collections.abc import Sequence

import pytest

from rln import errors
from rln.lowlevel import identity
from rln.lowlevel.witness import Graph, Witness
from tests.unit.lowlevel.graph_file import (
    BOR,
    BXOR,
    GOOD,
    GOOD_META,
    ID,
    NEG,
    ONE,
    SHL,
    R,
    constant,
    duo,
    graph_file,
    input_node,
    numbers,
    scalars,
    ternary,
    unary,
    wire_list,
)

EDGES = [0, 1, 2, 3, 63, 64, 65, 127, 128, 253, 254, 255, 256, 2**64 - 1, 2**64, 2**128, 2**192, 2**253]
EDGES += [2**253 + 1, R // 2 - 1, R // 2, R // 2 + 1, R // 2 + 2, R - 3, R - 2, R - 1]


class NoValue(Exception):
    """The operation has no result."""


def signed(v: int) -> int:
    return v - R if v > (R - 1) // 2 else v


def below(v: int) -> int:
    if v >= R:
        raise NoValue
    return v


def bits(v: int) -> int:
    return below(v - R if v > R else v)


def reference(code: int, a: int, b: int) -> int:
    """Section 5.3 of the specification, word by word."""
    match code:
        case 0:
            return a * b % R
        case 1:
            return a * pow(b, -1, R) % R if b else 0
        case 2:
            return (a + b) % R
        case 3:
            return (a - b) % R
        case 4:
            return pow(a, b, R)
        case 5:
            return a // b if b else 0
        case 6:
            return a % b if b else 0
        case 7:
            return int(a == b)
        case 8:
            return int(a != b)
        case 9:
            return int(signed(a) < signed(b))
        case 10:
            return int(signed(a) > signed(b))
        case 11:
            return int(signed(a) <= signed(b))
        case 12:
            return int(signed(a) >= signed(b))
        case 13:
            return int(a != 0 and b != 0)
        case 14:
            return int(a != 0 or b != 0)
        case 15:
            if b == 0:
                return a
            return 0 if b >= 254 else below((a << b) % 2**256)
        case 16:
            if b == 0:
                return a
            return 0 if b >= 254 else a >> b
        case 17:
            return bits(a | b)
        case 18:
            return bits(a & b)
        case 19:
            return bits(a ^ b)
    raise AssertionError(code)


def evaluate(nodes: Sequence[bytes], wires: Sequence[int], inputs: Sequence[int] = ()) -> list[int]:
    graph = Graph.load(graph_file(nodes, wire_list(wires)))
    slots = [1, *inputs] + [0] * (graph.input_size - 1 - len(inputs))
    witness = Witness(graph, scalars(*slots))
    assert witness.size == len(wires)
    return numbers(witness.read(0, witness.size))


# ---- operations ------------------------------------------------------------------------------------


def values() -> list[int]:
    draw = random.Random(53)
    small = [draw.randrange(2**n) % R for n in (3, 8, 60, 70, 130, 200)]
    return EDGES + small + [draw.randrange(R) for _ in range(12)]


@pytest.mark.parametrize("code", range(20))
def test_every_operation_agrees_with_plain_integers(code: int) -> None:
    """One graph for all pairs that have a result; pairs without one are tried alone."""
    numbers_in = values()
    n = len(numbers_in)
    nodes = [ONE, *(input_node(1 + i) for i in range(n))]
    expected, failing = [1], []
    for i, a in enumerate(numbers_in):
        for j, b in enumerate(numbers_in):
            try:
                expected.append(reference(code, a, b))
            except NoValue:
                failing.append((a, b))
            else:
                nodes.append(duo(code, 1 + i, 1 + j))
    wires = [0, *range(1 + n, len(nodes))]
    assert evaluate(nodes, wires, numbers_in) == expected
    assert bool(failing) == (code in {SHL, BOR, BXOR})
    for a, b in failing[:40]:
        with pytest.raises(errors.ParameterError, match=r"node\[3\]"):
            evaluate([ONE, input_node(1), input_node(2), duo(code, 1, 2)], [0, 3], [a, b])


@pytest.mark.parametrize("code", range(20))
def test_constants_and_inputs_are_the_same_operands(code: int) -> None:
    a, b = 2**200 + 12345, 7
    nodes = [ONE, constant(a), constant(b, 1), input_node(1), input_node(2)]
    nodes += [duo(code, i, j) for i in (1, 3) for j in (2, 4)]
    assert evaluate(nodes, [0, 5, 6, 7, 8], [a, b]) == [1] + 4 * [reference(code, a, b)]


@pytest.mark.parametrize(("code", "a", "b"), [(BOR, R - 1, 1), (BXOR, R - 1, 1), (BXOR, R - 1, 0)])
def test_a_bitwise_result_equal_to_the_modulus_is_an_error(code: int, a: int, b: int) -> None:
    nodes = [ONE, input_node(1), input_node(2), duo(code, 1, 2)]
    if (a | b if code == BOR else a ^ b) == R:
        with pytest.raises(errors.ParameterError, match=r"node\[3\]: no witness can be computed"):
            evaluate(nodes, [0, 3], [a, b])
    else:
        assert evaluate(nodes, [0, 3], [a, b]) == [1, reference(code, a, b)]


def test_shl_drops_what_leaves_256_bits() -> None:
    assert evaluate([ONE, input_node(1), constant(253, 1), duo(SHL, 1, 2)], [0, 3], [8]) == [1, 0]


def test_shl_to_the_modulus_or_above_is_an_error() -> None:
    with pytest.raises(errors.ParameterError, match=r"node\[3\]"):
        evaluate([ONE, input_node(1), constant(253, 1), duo(SHL, 1, 2)], [0, 3], [2])


def test_neg_ternary_and_chains() -> None:
    nodes = [ONE, input_node(1), input_node(2), unary(NEG, 1)]
    nodes += [ternary(1, 2, 3), ternary(4, 3, 2), unary(NEG, 5)]
    for a, b in [(0, 5), (1, 0), (R - 1, 7), (3, R - 2)]:
        neg = -a % R
        first = b if a else neg
        second = neg if first else b
        assert evaluate(nodes, [0, 3, 4, 5, 6], [a, b]) == [1, neg, first, second, -second % R]


def test_id_never_has_a_result() -> None:
    with pytest.raises(errors.ParameterError, match=r"node\[2\]: no witness can be computed"):
        evaluate([ONE, input_node(1), unary(ID, 1)], [0, 1], [4])


def test_constants_of_every_length_and_above_the_modulus() -> None:
    cases = [(0, 0), (0, 1), (5, 1), (5, 32), (R, 32), (R + 9, 32), (2**256 - 1, 32), (2**64 + 1, 9)]
    nodes = [ONE, *(constant(v, n) for v, n in cases)]
    assert evaluate(nodes, range(len(nodes))) == [1, *(v % R for v, _ in cases)]


def test_slot_0_is_one_whatever_the_caller_says() -> None:
    graph = Graph.load(graph_file([input_node(0), input_node(1)], wire_list([0, 1])))
    assert numbers(Witness(graph, scalars(99, 5)).read(0, 2)) == [1, 5]


def test_a_first_wire_other_than_one_is_no_witness() -> None:
    with pytest.raises(errors.ParameterError, match=r"wire\[0\]"):
        evaluate([ONE, input_node(1)], [1, 0], [2])


def test_random_programs_agree_with_plain_integers() -> None:
    draw = random.Random(1)
    for _ in range(30):
        nodes, expected = [ONE], [1]
        inputs = [draw.choice([*EDGES, draw.randrange(R)]) for _ in range(6)]
        for i, v in enumerate(inputs):
            nodes.append(input_node(i + 1))
            expected.append(v)
        while len(nodes) < 200:
            code, a, b = draw.randrange(20), draw.randrange(len(nodes)), draw.randrange(len(nodes))
            try:
                expected.append(reference(code, expected[a], expected[b]))
            except NoValue:
                continue
            nodes.append(duo(code, a, b))
        assert evaluate(nodes, range(200), inputs) == expected


# ---- inputs ----------------------------------------------------------------------------------------


def test_the_graph_tells_its_inputs() -> None:
    graph = Graph.load(graph_file(GOOD, GOOD_META))
    assert graph.inputs == {"a": (1, 1), "b": (2, 1)}
    assert (graph.input_size, graph.witness_size, graph.node_count) == (3, 2, 4)


def test_inputs_of_a_wrong_length_are_refused() -> None:
    graph = Graph.load(graph_file(GOOD, GOOD_META))
    for n in (0, 2, 4):
        with pytest.raises(errors.EncodingError, match=f"inputs: expected 96 bytes, got {32 * n}"):
            Witness(graph, bytes(32 * n))


@pytest.mark.parametrize("value", [R, R + 1, 2**256 - 1])
def test_inputs_that_are_not_canonical_are_refused(value: int) -> None:
    graph = Graph.load(graph_file(GOOD, GOOD_META))
    with pytest.raises(errors.FieldRangeError, match=r"inputs\[2\]"):
        Witness(graph, scalars(1, 0, value))


def test_an_identity_puts_its_secret_into_its_slot() -> None:
    graph = Graph.load(graph_file(GOOD, GOOD_META))
    alice = identity.from_secret(scalars(41))
    assert numbers(Witness(graph, scalars(1, 7, 1), alice, 1).read(0, 2)) == [1, 42]
    for slot in (0, 3):
        with pytest.raises(errors.ParameterError, match="secret_slot"):
            Witness(graph, scalars(1, 7, 1), alice, slot)


# ---- assignments from elsewhere --------------------------------------------------------------------


def test_wires_go_in_and_come_out() -> None:
    wires = scalars(1, 2, R - 1)
    witness = Witness.from_wires(wires)
    assert witness.size == 3
    assert witness.read(0, 3) == wires
    assert witness.read(2, 1) == wires[64:]
    assert witness.read(3, 0) == b""
    for start, count in [(0, 4), (3, 1), (4, 0), (-1, 1)]:
        with pytest.raises(errors.ParameterError):
            witness.read(start, count)


@pytest.mark.parametrize(
    ("wires", "error", "words_"),
    [
        (b"", errors.EncodingError, "wires"),
        (scalars(1) + b"\0", errors.EncodingError, "expected 64 bytes, got 33"),
        (scalars(2, 1), errors.ParameterError, r"wires\[0\]"),
        (scalars(0), errors.ParameterError, r"wires\[0\]"),
        (scalars(1, R), errors.FieldRangeError, r"wires\[1\]"),
    ],
)
def test_bad_wires_are_refused(wires: bytes, error: type[Exception], words_: str) -> None:
    with pytest.raises(error, match=words_):
        Witness.from_wires(wires)


def test_a_closed_witness_is_refused() -> None:
    witness = Witness.from_wires(scalars(1, 2))
    witness.close()
    with pytest.raises(errors.ParameterError, match="closed"):
        witness.read(0, 1)
