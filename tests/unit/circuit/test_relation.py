"""The two relations: golden values, acceptance tables on the constraints themselves, sizes, digests."""

import hashlib
import random
import struct
from dataclasses import replace

import pytest

from rln.base.scalar import ORDER
from rln.circuit import Circuit, Matrix, explain, failures, relation, rln, rln_multi, undetermined
from rln.errors import ParameterError
from rln.lowlevel.witness import Graph
from tests.unit.circuit import evaluator, reference
from tests.unit.circuit.reference import inputs


def witness_of(circuit: Circuit, given: dict[str, list[int]]) -> list[int]:
    return evaluator.evaluate(evaluator.load(circuit.graph), given)


def refused_by(circuit: Circuit, given: dict[str, list[int]]) -> set[str]:
    """The parts of the relation that the honest witness of these inputs does not satisfy."""
    witness = witness_of(circuit, given)
    return {circuit.labels[index] for index in failures(circuit.r1cs, witness)}


def bits_can_be_chosen(circuit: Circuit, witness: list[int], label: str) -> bool:
    """Return whether any bits satisfy all constraints of a range check, with all other wires unchanged.

    The last constraint of the check holds when its A is 0 or 1. All 2^(bits - 1) values of that A are formed,
    so False is a proof that no satisfying witness has these inputs.
    """
    rows = [row for row, name in zip(circuit.r1cs.rows(), circuit.labels, strict=True) if name == label]
    if rows[0][2]:
        rows = rows[1:]  # the gate of a slot
    bits = {row[0][0][0] for row in rows[:-1]}
    for (a, b, c), bit in zip(rows[:-1], sorted(bits), strict=True):
        assert (a, b, c) == ([(bit, 1)], [(0, ORDER - 1), (bit, 1)], [])
    last = rows[-1][0]
    sums = {sum(value * witness[wire] for wire, value in last if wire not in bits) % ORDER}
    for wire, value in last:
        if wire in bits:
            sums |= {(total + value) % ORDER for total in sums}
    return bool(sums & {0, 1})


def test_golden_values_of_one_message_id() -> None:
    circuit = rln()
    witness = witness_of(circuit, inputs())
    assert witness[:6] == [
        1,
        reference.Y,
        reference.ROOT,
        reference.NULLIFIER,
        reference.X,
        reference.EXTERNAL_NULLIFIER,
    ]
    assert explain(circuit, witness) is None


def test_golden_values_of_several_message_ids() -> None:
    circuit = rln_multi()
    given = inputs(ids=(0, 1, 2, 3), selectors=(0, 1, 0, 1))
    witness = witness_of(circuit, given)
    shares = [reference.share(given, slot) for slot in range(4)]
    assert shares[1] == (reference.Y, reference.NULLIFIER)
    gated = [pair if selector else (0, 0) for pair, selector in zip(shares, (0, 1, 0, 1), strict=True)]
    assert witness[1:16] == [
        *(y for y, _ in gated),
        reference.ROOT,
        *(nullifier for _, nullifier in gated),
        reference.X,
        reference.EXTERNAL_NULLIFIER,
        *(0, 1, 0, 1),
    ]
    assert explain(circuit, witness) is None


def test_wires_and_inputs_are_zerokits() -> None:
    single, several = rln(), rln_multi()
    assert single.public_names == ("y", "root", "nullifier", "x", "externalNullifier")
    assert several.public_names == (
        *(
            "y[0]",
            "y[1]",
            "y[2]",
            "y[3]",
            "root",
            "nullifier[0]",
            "nullifier[1]",
            "nullifier[2]",
            "nullifier[3]",
        ),
        *(
            "x",
            "externalNullifier",
            "selectorUsed[0]",
            "selectorUsed[1]",
            "selectorUsed[2]",
            "selectorUsed[3]",
        ),
    )
    assert evaluator.load(single.graph).inputs == {
        "x": (1, 1),
        "externalNullifier": (2, 1),
        "identitySecret": (3, 1),
        "userMessageLimit": (4, 1),
        "messageId": (5, 1),
        "pathElements": (6, 20),
        "identityPathIndex": (26, 20),
    }
    assert evaluator.load(several.graph).inputs == {
        "x": (1, 1),
        "externalNullifier": (2, 1),
        "selectorUsed": (3, 4),
        "identitySecret": (7, 1),
        "userMessageLimit": (8, 1),
        "messageId": (9, 4),
        "pathElements": (13, 20),
        "identityPathIndex": (33, 20),
    }
    given = inputs()
    private = ("identitySecret", "userMessageLimit", "messageId", "pathElements", "identityPathIndex")
    assert witness_of(single, given)[6:49] == [value for name in private for value in given[name]]
    assert single.inputs == {
        name: length for name, (_, length) in evaluator.load(single.graph).inputs.items()
    }
    assert (single.max_out, several.max_out) == (None, 4)
    assert (single.public_inputs, several.public_inputs) == (5, 15)


def test_sizes() -> None:
    single, several = rln(), rln_multi()
    assert (single.constraints, single.wires) == (5800, 5824)
    assert (several.constraints, several.wires) == (7360, 7381)
    assert len(set(single.r1cs.a.columns)) <= 3900  # points of the key that a proof sums over A and B
    assert len(set(single.r1cs.b.columns)) <= 3900
    assert struct.unpack_from("<Q", single.graph, 14)[0] <= 23_500


def test_digests_are_pinned() -> None:
    """A key is bound to its circuit's digest: a changed circuit makes all its keys invalid."""
    single, several = rln(), rln_multi()
    assert single.digest == hashlib.sha256(single.r1cs.encode()).hexdigest()
    assert single.digest == "db8c0b56ea9a2734ae1cee3e4e9429bd7c6626b9bbf5a5e6c9573a9ab1633ed5"
    assert several.digest == "8223671bfd381a0a7609925522fda847aee703781a337578496c0ee165dfd4c8"


@pytest.mark.parametrize("name", ["rln", "rln_multi"])
def test_the_graph_holds_only_operations_of_the_format(name: str) -> None:
    graph = evaluator.load(getattr(relation, name)(2).graph)
    assert {node[0] for node in graph.nodes} == {evaluator.INPUT, evaluator.CONSTANT, evaluator.BINARY}
    assert {node[1] for node in graph.nodes if node[0] == evaluator.BINARY} <= {0, 1, 2, 3, 16, 18}
    assert all(node[1] < ORDER for node in graph.nodes if node[0] == evaluator.CONSTANT)


@pytest.mark.parametrize("circuit", [rln(3, 8), rln_multi(2, 4, 3)], ids=lambda circuit: circuit.name)
def test_the_core_evaluates_the_graph_alike(circuit: Circuit) -> None:
    from rln.lowlevel.witness import Witness

    slots = circuit.max_out
    ids, selectors = ((2,), None) if slots is None else ((2, 9, 1), (1, 0, 1))
    given = inputs(limit=3, ids=ids, selectors=selectors, depth=circuit.depth)
    graph = Graph.load(circuit.graph)
    assert graph.inputs == evaluator.load(circuit.graph).inputs
    assert graph.witness_size == circuit.wires
    flat = [1, *(value for name in circuit.inputs for value in given[name])]
    witness = Witness(graph, b"".join(value.to_bytes(32, "little") for value in flat))
    wires = [int.from_bytes(witness.read(i, 1), "little") for i in range(circuit.wires)]
    assert wires == witness_of(circuit, given)
    assert explain(circuit, wires) is None


@pytest.mark.parametrize(
    ("message_id", "limit", "refused"),
    [
        (65535, 65536, set()),
        (40000, 100000, set()),
        (0, 1, set()),
        (0, 65536, set()),
        (99, 100, set()),
        (0, 65537, {"limit"}),
        (100, 100, {"limit"}),
        (101, 100, {"limit"}),
        (65536, 70000, {"messageId"}),
        (65536, 65537, {"messageId"}),
        (-1, 100, {"messageId"}),
        (-1, 0, {"messageId"}),
        (0, 0, {"limit"}),
        (0, -1, {"limit"}),
        (5, 65542, {"limit"}),
        ((ORDER - 1) // 2, (ORDER + 1) // 2, {"messageId"}),
    ],
)
def test_a_message_id_is_accepted_below_the_limit_alone(
    message_id: int, limit: int, refused: set[str]
) -> None:
    """Rows of zerokit-spec 4.1 and threats A6, A7, on the constraints: no witness has the refused inputs."""
    circuit = rln(1)
    witness = witness_of(circuit, inputs(limit, (message_id,), depth=1))
    assert {circuit.labels[index] for index in failures(circuit.r1cs, witness)} == refused
    for label in ("messageId", "limit"):
        assert bits_can_be_chosen(circuit, witness, label) == (label not in refused)


@pytest.mark.parametrize("bit", [2, ORDER - 1, (ORDER + 1) // 2])
@pytest.mark.parametrize("level", [0, 1])
def test_a_path_bit_is_zero_or_one(bit: int, level: int) -> None:
    circuit = rln(2)
    given = inputs(depth=2)
    given["identityPathIndex"][level] = bit
    witness = witness_of(circuit, given)
    (index,) = failures(circuit.r1cs, witness)
    assert explain(circuit, witness) == f"constraint {index} (path[{level}])"
    row = list(circuit.r1cs.rows())[index]
    assert all(wire == 0 or wire in circuit.r1cs.inputs for part in row for wire, _ in part)


@pytest.mark.parametrize(
    ("ids", "selectors", "limit", "refused"),
    [
        ((0, 1, 2, 3), (1, 1, 0, 0), 100, set()),
        ((0, 1, 2, 3), (0, 1, 0, 1), 100, set()),
        ((0, 1, 2, 3), (1, 1, 1, 1), 100, set()),
        ((0, 1, 5000, 70000), (1, 1, 0, 0), 100, set()),
        ((0, 1, -1, ORDER - 7), (1, 1, 0, 0), 100, set()),
        ((0, 1, 1, 1), (1, 1, 0, 0), 100, set()),
        ((1, 1, 1, 1), (0, 0, 1, 0), 100, set()),
        ((65535, 0, 0, 0), (1, 0, 0, 0), 65536, set()),
        ((0, 0, 2, 3), (1, 1, 0, 0), 100, {"distinct"}),
        ((3, 1, 2, 3), (1, 0, 0, 1), 100, {"distinct"}),
        ((7, 200, 0, 0), (1, 1, 0, 0), 100, {"slot[1]/limit"}),
        ((7, 100, 0, 0), (1, 1, 0, 0), 100, {"slot[1]/limit"}),
        ((0, 0, 0, 65536), (0, 0, 0, 1), 70000, {"slot[3]/messageId"}),
        ((0, -1, 0, 0), (0, 1, 0, 0), 100, {"slot[1]/messageId"}),
        ((0, 1, 2, 3), (0, 0, 0, 0), 100, {"distinct"}),
        ((0, 1, 2, 3), (1, 0, 2, 0), 100, {"slot[2]/selector"}),
        ((0, 1, 2, 3), (1, 1, -1, 0), 100, {"slot[2]/selector"}),
    ],
)
def test_used_slots_hold_different_ids_below_the_limit(
    ids: tuple[int, ...], selectors: tuple[int, ...], limit: int, refused: set[str]
) -> None:
    """Rows of zerokit-spec 4.2, on the constraints."""
    circuit = rln_multi(1)
    witness = witness_of(circuit, inputs(limit, ids, selectors, depth=1))
    labels = {circuit.labels[index] for index in failures(circuit.r1cs, witness)}
    assert labels >= refused
    assert bool(labels) == bool(refused)
    for slot in range(4):
        for part in ("messageId", "limit"):
            label = f"slot[{slot}]/{part}"
            if set(selectors) <= {0, 1}:
                assert bits_can_be_chosen(circuit, witness, label) == (label not in refused)
    if refused == {"distinct"}:  # the only wire left to choose is the inverse, and nothing times 0 is 1
        (index,) = failures(circuit.r1cs, witness)
        a, b, c = list(circuit.r1cs.rows())[index]
        assert (len(a), c) == (1, [(0, 1)])
        assert sum(value * witness[wire] for wire, value in b) % ORDER == 0


@pytest.mark.parametrize("circuit", [rln(1, 4), rln_multi(1, 4, 2)], ids=lambda circuit: circuit.name)
def test_every_wire_matters(circuit: Circuit) -> None:
    """Changing any one wire of a satisfying witness breaks a constraint (threats, Circuits, point 5)."""
    ids, selectors = ((2,), None) if circuit.max_out is None else ((2, 1), (1, 1))
    witness = witness_of(circuit, inputs(3, ids, selectors, depth=1))
    assert explain(circuit, witness) is None
    draw = random.Random(5)
    for wire in range(1, circuit.wires, 29):
        for value in {(witness[wire] + 1) % ORDER, -witness[wire] % ORDER, draw.randrange(ORDER)} - {
            witness[wire]
        }:
            changed = [*witness[:wire], value, *witness[wire + 1 :]]
            assert explain(circuit, changed) is not None, (wire, value)


@pytest.mark.parametrize("circuit", [rln(1, 4), rln_multi(1, 4, 2)], ids=lambda circuit: circuit.name)
def test_a_turned_sign_refuses_the_honest_witness(circuit: Circuit) -> None:
    """Each 30th constraint with -C for C (threats, Circuits, point 3): A B = -C holds for A B = 0 alone."""
    ids, selectors = ((2,), None) if circuit.max_out is None else ((2, 1), (1, 1))
    witness = witness_of(circuit, inputs(3, ids, selectors, depth=1))
    rows = [tuple(dict(part) for part in row) for row in circuit.r1cs.rows()]
    for index in range(0, circuit.constraints, 30):
        a, b, c = rows[index]
        turned = [
            *rows[:index],
            (a, b, {wire: ORDER - value for wire, value in c.items()}),
            *rows[index + 1 :],
        ]
        matrices = {name: Matrix.from_rows(row[i] for row in turned) for i, name in enumerate("abc")}
        value = sum(coefficient * witness[wire] for wire, coefficient in c.items()) % ORDER
        assert list(failures(replace(circuit.r1cs, **matrices), witness)) == ([index] if value else [])


@pytest.mark.parametrize("depth", [1, 2, 32])
@pytest.mark.parametrize("limit_bits", [1, 16])
def test_any_depth_and_limit(depth: int, limit_bits: int) -> None:
    circuit = rln(depth, limit_bits)
    given = inputs(2, (1,), depth=depth)
    witness = witness_of(circuit, given)
    assert witness[2] == reference.root(given)
    assert explain(circuit, witness) is None
    assert not undetermined(circuit.r1cs)


@pytest.mark.parametrize("slots", [1, 2, 16])
def test_any_number_of_slots(slots: int) -> None:
    circuit = rln_multi(1, 5, slots)
    given = inputs(32, range(slots), [1] * slots, depth=1)
    witness = witness_of(circuit, given)
    shares = [reference.share(given, slot) for slot in range(slots)]
    assert witness[1 : 2 * slots + 2] == [y for y, _ in shares] + [reference.root(given)] + [
        n for _, n in shares
    ]
    assert explain(circuit, witness) is None


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0, 16), "depth"),
        ((33, 16), "depth"),
        ((-1, 16), "depth"),
        ((True, 16), "depth"),
        ((20.0, 16), "depth"),
        ((20, 0), "limit_bits"),
        ((20, 17), "limit_bits"),
        ((20, True), "limit_bits"),
    ],
)
def test_parameters_have_ranges(arguments: tuple[int, int], name: str) -> None:
    with pytest.raises(ParameterError, match=f"^{name}: expected an integer from 1 to"):
        rln(*arguments)
    with pytest.raises(ParameterError, match=f"^{name}: expected an integer from 1 to"):
        rln_multi(*arguments)


@pytest.mark.parametrize("slots", [0, 17, -4, True, 4.0])
def test_slots_have_a_range(slots: int) -> None:
    with pytest.raises(ParameterError, match="^max_out: expected an integer from 1 to 16"):
        rln_multi(20, 16, slots)
