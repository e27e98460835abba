"""The witness graph evaluator against plain integers, and the loader against files that lie."""

import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from rln import errors
from rln.lowlevel import identity
from rln.lowlevel.witness import Graph, Witness

ROOT = Path(__file__).resolve().parents[3]
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
NODES_MAX, WIRES_MAX, SLOTS_MAX = 1 << 20, 1 << 19, 1 << 16

MUL, DIV, ADD, SUB, POW, IDIV, MOD = range(7)
SHL, SHR, BOR, BAND, BXOR = range(15, 20)
NEG, ID = range(2)
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


# ---- writing files ---------------------------------------------------------------------------------


def varint(v: int) -> bytes:
    out = bytearray()
    while v > 127:
        out.append(v & 127 | 128)
        v >>= 7
    return bytes([*out, v])


def block(field: int, body: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(body)) + body


def words(*values: int) -> bytes:
    return b"".join(varint(i << 3) + varint(v) for i, v in enumerate(values, 1) if v)


def input_node(slot: int) -> bytes:
    return block(1, words(slot))


def constant(value: int, n: int = 32) -> bytes:
    return block(2, block(1, block(1, value.to_bytes(n, "little"))))


def unary(code: int, a: int) -> bytes:
    return block(3, words(code, a))


def duo(code: int, a: int, b: int) -> bytes:
    return block(4, words(code, a, b))


def ternary(a: int, b: int, c: int, code: int = 0) -> bytes:
    return block(5, words(code, a, b, c))


def named(name: bytes, offset: int, length: int) -> bytes:
    return block(2, block(1, name) + block(2, words(offset, length)))


def wire_list(wires: Iterable[int]) -> bytes:
    return block(1, b"".join(map(varint, wires)))


def graph_file(
    nodes: Sequence[bytes],
    metadata: bytes,
    count: int | None = None,
    offset: int | None = None,
    tail: bytes = b"",
) -> bytes:
    body = b"wtns.graph.001" + (len(nodes) if count is None else count).to_bytes(8, "little")
    body += b"".join(varint(len(node)) + node for node in nodes)
    here = len(body) if offset is None else offset
    return body + varint(len(metadata)) + metadata + tail + here.to_bytes(8, "little")


def scalars(*values: int) -> bytes:
    return b"".join(v.to_bytes(32, "little") for v in values)


def numbers(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 32], "little") for i in range(0, len(data), 32)]


def evaluate(nodes: Sequence[bytes], wires: Sequence[int], inputs: Sequence[int] = ()) -> list[int]:
    graph = Graph.load(graph_file(nodes, wire_list(wires)))
    slots = [1, *inputs] + [0] * (graph.input_size - 1 - len(inputs))
    witness = Witness(graph, scalars(*slots))
    assert witness.size == len(wires)
    return numbers(witness.read(0, witness.size))


ONE = constant(1, 1)
GOOD = [ONE, input_node(1), input_node(2), duo(ADD, 1, 2)]
GOOD_META = wire_list([0, 3]) + named(b"a", 1, 1) + named(b"b", 2, 1)


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
        with pytest.raises(errors.ParameterError, match=r"node\[3\]: the inputs have no witness"):
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
    with pytest.raises(errors.ParameterError, match=r"node\[2\]: the inputs have no witness"):
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


# ---- the loader ------------------------------------------------------------------------------------

PRIME = block(3, block(1, R.to_bytes(32, "little")))
OTHER_PRIME = block(3, block(1, (R - 2).to_bytes(32, "little")))
W0 = wire_list([0])
BAD = {
    "no file": (b"", "file"),
    "magic": (b"wtns.graph.002" + graph_file(GOOD, GOOD_META)[14:], "magic"),
    "no nodes": (graph_file([], W0), "node count"),
    "node count of 2^64-1": (graph_file(GOOD, GOOD_META, count=2**64 - 1), "node count"),
    "node count of 10^9": (graph_file(GOOD, GOOD_META, count=10**9), "node count"),
    "one node too many claimed": (graph_file(GOOD, GOOD_META, count=5), "node"),
    "one node too few claimed": (graph_file(GOOD, GOOD_META, count=3), "metadata offset"),
    "trailing byte": (graph_file(GOOD, GOOD_META, tail=b"\0"), "file"),
    "metadata offset": (graph_file(GOOD, GOOD_META, offset=22), "metadata offset"),
    "operand is the node itself": (graph_file([ONE, unary(NEG, 1)], W0), r"operand below\[1\]"),
    "operand is a later node": (graph_file([ONE, duo(ADD, 0, 2), ONE], W0), r"operand below\[1\]"),
    "third operand of 2^32-1": (graph_file([ONE, ternary(0, 0, 2**32 - 1)], W0), "operand below"),
    "operand above u32": (graph_file([ONE, unary(NEG, 2**32)], W0), r"node\[1\]"),
    "unknown duo code": (graph_file([ONE, duo(20, 0, 0)], W0), r"node\[1\]"),
    "unknown uno code": (graph_file([ONE, unary(2, 0)], W0), r"node\[1\]"),
    "unknown tres code": (graph_file([ONE, ternary(0, 0, 0, 1)], W0), r"node\[1\]"),
    "unknown kind of node": (graph_file([block(6, b"")], W0), r"node\[0\]"),
    "empty node": (graph_file([ONE, b""], W0), r"node\[1\]"),
    "two kinds in one node": (graph_file([ONE + ONE], W0), r"node\[0\]"),
    "unknown field in a node": (graph_file([ONE, block(4, words(2, 0, 0, 1))], W0), r"node\[1\]"),
    "field twice in a node": (graph_file([ONE, block(3, words(0, 0) + b"\x10\0\x10\0")], W0), r"node\[1\]"),
    "field of another wire type": (graph_file([block(1, block(1, b""))], W0), r"node\[0\]"),
    "field number 0": (graph_file([block(1, b"\0\0")], W0), r"node\[0\]"),
    "constant without value": (graph_file([block(2, b"")], W0), r"node\[0\]"),
    "constant of 33 bytes": (graph_file([constant(1, 33)], W0), r"node\[0\]"),
    "varint with a needless byte": (graph_file([block(1, b"\x08\x81\0")], W0), r"node\[0\]"),
    "varint of eleven bytes": (graph_file([block(1, b"\x08" + b"\x80" * 10 + b"\x01")], W0), r"node\[0\]"),
    "varint that ends with the file": (graph_file([block(1, b"\x08\x80")], W0), r"node\[0\]"),
    "length above what is left": (graph_file([b"\x0a\x7f"], W0), r"node\[0\]"),
    "length of 2^64-1": (graph_file([b"\x0a" + varint(2**64 - 1)], W0), r"node\[0\]"),
    "input slot of 2^32-1": (graph_file([ONE, input_node(2**32 - 1)], W0), "input slot below"),
    "input slot above the ceiling": (graph_file([ONE, input_node(SLOTS_MAX)], W0), "input slot below"),
    "no wires": (graph_file(GOOD, named(b"a", 1, 1)), "wire count"),
    "wire beyond the nodes": (graph_file(GOOD, wire_list([0, 4])), r"wire below\[1\]"),
    "wire list cut short": (graph_file(GOOD, block(1, b"\0\x80")), r"wire\[1\]"),
    "wires twice": (graph_file(GOOD, W0 * 2), "metadata"),
    "wires not packed": (graph_file(GOOD, b"\x08\0"), "metadata"),
    "unknown field in the metadata": (graph_file(GOOD, GOOD_META + block(5, b"")), "metadata"),
    "another prime": (graph_file(GOOD, GOOD_META + OTHER_PRIME), "prime"),
    "prime twice": (graph_file(GOOD, GOOD_META + PRIME * 2), "metadata"),
    "another curve": (graph_file(GOOD, GOOD_META + block(4, b"bls12381")), "curve"),
    "one name twice": (graph_file(GOOD, W0 + named(b"a", 1, 1) + named(b"a", 2, 1)), "input name used"),
    "inputs that overlap": (graph_file(GOOD, W0 + named(b"a", 1, 2) + named(b"b", 2, 1)), "input overlap"),
    "input beyond the slots": (graph_file(GOOD, W0 + named(b"a", 2, 2)), "input slots at most"),
    "input offset that wraps": (graph_file(GOOD, W0 + named(b"a", 2**32 - 1, 2)), "input slots"),
    "input on slot 0": (graph_file(GOOD, W0 + named(b"a", 0, 2)), "input offset"),
    "empty name": (graph_file(GOOD, W0 + named(b"", 1, 1)), r"input\[0\]"),
    "name that is not printable": (graph_file(GOOD, W0 + named(b"a\n", 1, 1)), r"input\[0\]"),
    "name of 256 bytes": (graph_file(GOOD, W0 + named(b"a" * 256, 1, 1)), r"input\[0\]"),
    "too much work": (graph_file([ONE] + [duo(POW, 0, 0)] * 110_000, W0), "work at most"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_lies_is_refused(case: str) -> None:
    data, reason = BAD[case]
    with pytest.raises(errors.EncodingError, match=f"^{reason}"):
        Graph.load(data)


def test_prime_and_curve_may_stand_in_the_metadata() -> None:
    assert Graph.load(graph_file(GOOD, GOOD_META + PRIME + block(4, b"bn128"))).witness_size == 2


def test_every_truncation_of_a_good_file_is_refused() -> None:
    data = graph_file(GOOD, GOOD_META)
    for n in range(len(data)):
        with pytest.raises(errors.EncodingError):
            Graph.load(data[:n])


def test_a_changed_byte_gives_a_graph_or_a_typed_error() -> None:
    data = graph_file([*GOOD, ternary(1, 2, 3), unary(NEG, 4), duo(SHR, 1, 0)], GOOD_META + PRIME)
    draw = random.Random(7)
    for _ in range(20_000):
        changed = bytearray(data)
        for _ in range(draw.choice([1, 1, 2, 4])):
            changed[draw.randrange(14, len(data))] = draw.randrange(256)
        try:
            graph = Graph.load(bytes(changed))
            Witness(graph, scalars(1, *[2**40 + 5] * (graph.input_size - 1)))
        except (errors.EncodingError, errors.ParameterError):
            pass


def largest(node: bytes, wires: int = WIRES_MAX) -> bytes:
    """As many equal nodes as a file may have, all made of one byte string."""
    one = varint(len(ONE)) + ONE
    body = b"wtns.graph.001" + NODES_MAX.to_bytes(8, "little") + one
    body += (varint(len(node)) + node) * (NODES_MAX - 1)
    metadata = block(1, bytes(wires))
    return body + varint(len(metadata)) + metadata + len(body).to_bytes(8, "little")


LARGE = {
    "multiplications": lambda: largest(block(4, b"")),
    "bit operations": lambda: largest(block(4, words(SHR, 0, 0))),
    "inputs": lambda: largest(block(1, b"")),
    "constants": lambda: largest(constant(0, 0)),
    "powers up to the ceiling": lambda: graph_file(
        [ONE, constant(R - 1)] + [duo(POW, 1, 1)] * 104_000, wire_list([0])
    ),
    "divisions up to the ceiling": lambda: graph_file(
        [ONE, constant(R - 1)] + [duo(IDIV, 1, 0)] * 349_000, wire_list([0])
    ),
    "names up to the ceiling": lambda: graph_file(
        GOOD, wire_list([0]) + b"".join(named(b"n%0254d" % i, 1, 0) for i in range(4096))
    ),
    "a long wire list": lambda: graph_file(GOOD, block(1, bytes(40_000_000))),
    "many claimed nodes": lambda: graph_file([ONE] * 1000, b"", count=NODES_MAX),
}
MEASURE = """
import resource, sys, time
from rln import errors
from rln.lowlevel.witness import Graph, Witness
data = open(sys.argv[1], "rb").read()
warm = Graph.load(open(sys.argv[2], "rb").read())
del warm
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = size + 2 * len(data) + (64 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
start = time.process_time()
try:
    graph = Graph.load(data)
    loaded = time.process_time()
    Witness(graph, (1).to_bytes(32, "little") + bytes(32 * (graph.input_size - 1)))
    print("evaluated", loaded - start, time.process_time() - loaded)
except errors.InputError as error:
    print("refused", time.process_time() - start, 0)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and RLIMIT_AS")
@pytest.mark.parametrize("case", LARGE)
def test_the_largest_files_stay_within_memory_and_time(case: str, tmp_path: Path) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(LARGE[case]())
    small.write_bytes(graph_file(GOOD, GOOD_META))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(large), str(small)],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcome, load, run = done.stdout.split()
    assert outcome == ("refused" if case in {"a long wire list", "many claimed nodes"} else "evaluated")
    assert float(load) < 2
    assert float(run) < 2


def test_evaluating_leaves_no_memory_behind() -> None:
    data = graph_file(GOOD + [duo(MUL, 3, 3)] * 20_000, GOOD_META)
    graph = Graph.load(data)

    def rounds(n: int) -> int:
        for _ in range(n):
            Witness(graph, scalars(1, 2, 3)).close()
            Graph.load(data)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = rounds(20)
    started = time.monotonic()
    assert rounds(200) < before + 8192
    assert time.monotonic() - started < 60
