"""The witness graph with its inputs by name, and which wires a message does not change."""

from contextlib import closing

import pytest

import rln
from rln.circuit.parameters import CircuitParameters
from rln.errors import EncodingError, ParameterError
from rln.keys.witness_graph import WitnessGraph, parameters_of_graph
from rln.protocol.statement import Statement
from tests.support.small_world import DEPTH, LIMIT_BITS, SLOTS

SINGLE = CircuitParameters(DEPTH, LIMIT_BITS)
MULTI = CircuitParameters(DEPTH, LIMIT_BITS, SLOTS)


def program(parameters: CircuitParameters) -> WitnessGraph:
    circuit = (
        rln.circuit.rln(DEPTH, LIMIT_BITS)
        if parameters.max_out is None
        else rln.circuit.rln_multi(DEPTH, LIMIT_BITS, SLOTS)
    )
    return WitnessGraph(circuit.graph, parameters)


def statement(parameters: CircuitParameters, ids: tuple[int, ...], x: int, epoch: int) -> Statement:
    path = rln.MerkleProof(0, 5, (11, 12, 13))
    return Statement.spend(parameters, 9, ids, path, x, epoch)


@pytest.mark.parametrize("parameters", [SINGLE, MULTI])
def test_known_wires_are_those_that_no_message_changes(parameters):
    made = program(parameters)
    assert len(made.known) == made.wires
    assert set(made.known) == {0, 1} and made.known[0] == 1
    with rln.Identity.from_secret(7) as member:
        wires = []
        for ids, x, epoch in (((0,), 1, 0), ((8,), 12345, 99), ((3, 4)[: parameters.max_out or 1], 7, 5)):
            with closing(made.witness(statement(parameters, ids, x, epoch).inputs(), member)) as witness:
                data = witness.read(0, made.wires)
                wires.append([data[i : i + 32] for i in range(0, len(data), 32)])
    for index, values in enumerate(zip(*wires, strict=True)):
        if made.known[index]:
            assert len(set(values)) == 1, index
    assert sum(made.known) > made.wires // 3


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("tree_depth_20", (5338, 505)),
        ("tree_depth_10", (2898, 505)),
        ("tree_depth_20/multi_message_id/max_out_4", (5347, 2053)),
        ("tree_depth_10/multi_message_id/max_out_4", (2907, 2053)),
    ],
)
def test_known_wires_of_zerokits_graphs(zerokit_dir, name, counts):
    """zerokit-spec 6.1."""
    data = (zerokit_dir / name / "graph.bin").read_bytes()
    made = WitnessGraph(data, parameters_of_graph(data, 16))
    known = sum(made.known[1:])
    assert (known, made.wires - 1 - known) == counts


def test_a_graph_says_its_relation():
    for parameters in (SINGLE, MULTI):
        assert parameters_of_graph(program(parameters).data, LIMIT_BITS) == parameters
    with pytest.raises(EncodingError, match="graph"):
        parameters_of_graph(b"no graph", 16)


def test_the_graph_of_another_relation_is_refused():
    data = program(SINGLE).data
    for other in (MULTI, CircuitParameters(DEPTH + 1, LIMIT_BITS)):
        with pytest.raises(ParameterError, match="graph: expected the inputs"):
            WitnessGraph(data, other)
