"""The file form of witness graphs."""

import struct

import pytest

from rln.base.scalar import ORDER
from rln.circuit.graph import GraphBuilder, Operation
from rln.errors import ParameterError
from tests.unit.circuit import evaluator


def test_bytes_are_those_of_the_format() -> None:
    """One product of an input and the constant 300, written out by hand from zerokit-spec 5.3."""
    graph = GraphBuilder(ORDER)
    one = graph.input(0)
    node = graph.mul(graph.input(1), graph.constant(300))
    data = graph.encode([one, node], {"v": (1, 1)})
    nodes = [
        b"\x02\x0a\x00",  # input 0: the default is left out
        b"\x04\x0a\x02\x08\x01",  # input 1
        b"\x08\x12\x06\x0a\x04\x0a\x02\x2c\x01",
        b"\x06\x22\x04\x10\x01\x18\x02",  # a product, operation 0 left out, of nodes 1 and 2
    ]
    metadata = b"\x0a\x02\x00\x03" + b"\x12\x09" + b"\x0a\x01v" + b"\x12\x04\x08\x01\x10\x01"
    head = b"wtns.graph.001" + struct.pack("<Q", 4)
    body = head + b"".join(nodes)
    assert data == body + bytes([len(metadata)]) + metadata + struct.pack("<Q", len(body))


def test_leaves_are_kept_once_and_unneeded_nodes_not_at_all() -> None:
    graph = GraphBuilder(97)
    a = graph.input(1)
    assert graph.input(1) == a
    assert graph.constant(100) == graph.constant(3)
    graph.mul(a, a)
    kept = graph.add(a, graph.constant(3))
    loaded = evaluator.load(graph.encode([kept], {"v": (1, 1)}))
    assert len(loaded.nodes) == 3
    assert evaluator.evaluate(loaded, {"v": [96]}, 97) == [2]


def test_combination() -> None:
    graph = GraphBuilder(97)
    a, b = graph.input(1), graph.input(2)
    node = graph.combination((1, 5), (a, b), 90)
    loaded = evaluator.load(graph.encode([node], {"v": (1, 2)}))
    assert evaluator.evaluate(loaded, {"v": [4, 3]}, 97) == [(4 + 15 + 90) % 97]
    assert graph.combination((1,), (a,)) == a
    with pytest.raises(ParameterError, match="expected at least one node"):
        graph.combination((), ())


def test_operands_are_earlier_nodes() -> None:
    graph = GraphBuilder(97)
    a = graph.input(0)
    with pytest.raises(ParameterError, match="^graph node: expected operands below 1, got 0 and 1$"):
        graph.apply(Operation.ADD, a, a + 1)
