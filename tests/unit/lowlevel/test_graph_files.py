"""The loader of witness graphs, with valid and with malformed files."""

import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rln import errors
from rln.lowlevel.witness import Graph, Witness
from tests.unit.lowlevel.graph_file import (
    ADD,
    GOOD,
    GOOD_META,
    IDIV,
    MUL,
    NEG,
    ONE,
    POW,
    SHR,
    R,
    block,
    constant,
    duo,
    graph_file,
    input_node,
    named,
    scalars,
    ternary,
    unary,
    varint,
    wire_list,
    words,
)

ROOT = Path(__file__).resolve().parents[3]
NODES_MAX, WIRES_MAX, SLOTS_MAX = 1 << 20, 1 << 19, 1 << 16
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
    loaded = 0
    for _ in range(20_000):
        changed = bytearray(data)
        for _ in range(draw.choice([1, 1, 2, 4])):
            changed[draw.randrange(14, len(data))] = draw.randrange(256)
        try:
            graph = Graph.load(bytes(changed))
            loaded += 1
            Witness(graph, scalars(1, *[2**40 + 5] * (graph.input_size - 1)))
        except (errors.EncodingError, errors.ParameterError):
            pass
    assert 0 < loaded < 20_000


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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_evaluating_leaves_no_memory_behind() -> None:
    """Return the memory that is resident now; the peak of the whole run would hide a leak."""
    data = graph_file(GOOD + [duo(MUL, 3, 3)] * 20_000, GOOD_META)
    graph = Graph.load(data)

    def rounds(n: int) -> int:
        for _ in range(n):
            Witness(graph, scalars(1, 2, 3)).close()
            Graph.load(data)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    before = rounds(20)
    started = time.process_time()
    assert rounds(200) < before + (8 << 20)
    assert time.process_time() - started < 60
