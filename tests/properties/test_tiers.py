"""All ways to make a proof give the same bytes: whole, with tables, in two steps, from a token."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln import errors
from rln.circuit import relation
from rln.circuit.r1cs import Matrix
from rln.circuit.relation import Circuit
from rln.lowlevel import groth16, keys, tables
from rln.lowlevel.keys import ProvingKeyHandle
from rln.lowlevel.partial import Partial
from rln.lowlevel.tables import Tables
from rln.lowlevel.token import Token
from rln.lowlevel.witness import Graph, Witness
from tests.support.field_elements import SCALARS, R, packed

DEPTH = 2
BLINDING = (123456789, 987654321)
OPEN = ("x", "externalNullifier", "messageId", "selectorUsed")
THREADS = pytest.mark.parametrize("threads", [1, 2])
KINDS = pytest.mark.parametrize("kind", ["none", "plain", "folded"])
CIRCUITS = pytest.mark.parametrize("make", [relation.rln, relation.rln_multi])


def buffer(size: int) -> mmap.mmap:
    return mmap.mmap(-1, max(size, 1))


def build_tables(key: ProvingKeyHandle, c: Matrix | None, threads: int = 1) -> tuple[Tables, mmap.mmap]:
    room = buffer(tables.size(key, c is not None))
    tables.build(key, c, room, threads)
    return Tables(key, room), room


@dataclass(frozen=True)
class CircuitSetup:
    circuit: Circuit
    graph: Graph
    key: ProvingKeyHandle
    tables: Mapping[str, Tables | None]

    def witness(self, x: int = 55, message_id: int = 3, epoch: int = 9, sibling: int = 7) -> Witness:
        slots = self.circuit.max_out or 1
        inputs = {
            "identitySecret": [12345],
            "userMessageLimit": [100],
            "messageId": [message_id + i for i in range(slots)],
            "selectorUsed": [i % 2 for i in range(slots)],
            "x": [x],
            "externalNullifier": [epoch],
            "pathElements": [sibling + i for i in range(DEPTH)],
            "identityPathIndex": [i % 2 for i in range(DEPTH)],
        }
        words = [0] * self.graph.input_size
        for name, (offset, length) in self.graph.inputs.items():
            words[offset : offset + length] = inputs[name]
        return Witness(self.graph, packed(words))

    def known(self) -> bytes:
        slots = [self.graph.inputs[name] for name in OPEN if name in self.graph.inputs]
        return self.graph.known(slot for offset, n in slots for slot in range(offset, offset + n))

    def partial(self, kind: str, witness: Witness, threads: int = 1) -> Partial:
        return Partial.new(self.key, self.tables[kind], witness, self.known(), threads)

    def proof(self) -> bytes:
        return groth16.prove(self.key, self.witness(), BLINDING)


@cache
def circuit_setup(make: Callable[[int], Circuit]) -> CircuitSetup:
    circuit = make(DEPTH)
    a, b, c = circuit.matrices()
    key = keys.setup(a, b, c, circuit.wires, circuit.public_inputs)
    opened = {"none": None, "plain": build_tables(key, None)[0], "folded": build_tables(key, c)[0]}
    return CircuitSetup(circuit, Graph.load(circuit.graph), key, opened)


def single_setup() -> CircuitSetup:
    return circuit_setup(relation.rln)


@THREADS
@KINDS
@CIRCUITS
def test_tables_change_no_byte(make: Callable[[int], Circuit], kind: str, threads: int) -> None:
    w = circuit_setup(make)
    proof = groth16.prove(w.key, w.witness(), BLINDING, threads, w.tables[kind])
    assert proof == w.proof()
    assert groth16.verify(w.key.verifying_key(), w.witness().read(1, w.circuit.public_inputs), proof)


def test_fresh_blinding_gives_different_proofs_that_verify() -> None:
    w = single_setup()
    inputs = w.witness().read(1, w.circuit.public_inputs)
    prepared = w.partial("folded", w.witness())
    made = [
        groth16.prove(w.key, w.witness(), tables=w.tables["folded"]),
        prepared.finish(w.witness()),
        prepared.finish(w.witness()),
        Token.new(prepared, w.witness(0), w.witness(1)).publish(packed([55])),
    ]
    assert len(set(made)) == 4
    assert all(groth16.verify(w.key.verifying_key(), inputs, proof) for proof in made)


@THREADS
@KINDS
@CIRCUITS
def test_a_proof_in_two_steps_is_the_same(make: Callable[[int], Circuit], kind: str, threads: int) -> None:
    w = circuit_setup(make)
    prepared = w.partial(kind, w.witness(x=1, message_id=50, epoch=8), threads)
    assert prepared.finish(w.witness(), BLINDING, threads) == w.proof()


@KINDS
def test_an_updated_first_step_is_the_same(kind: str) -> None:
    w = single_setup()
    before = w.partial(kind, w.witness(sibling=2))
    after = before.update(w.witness(x=1))
    assert after.finish(w.witness(), BLINDING) == w.proof()
    assert after.encode() == w.partial(kind, w.witness()).encode()
    assert after.update(w.witness()).finish(w.witness(), BLINDING) == w.proof()
    # The first step that was updated has not changed.
    moved = w.witness(sibling=2)
    assert before.finish(moved, BLINDING) == groth16.prove(w.key, moved, BLINDING)


@KINDS
def test_another_value_of_a_known_wire_is_refused(kind: str) -> None:
    w = single_setup()
    prepared = w.partial(kind, w.witness(sibling=2))
    with pytest.raises(errors.ParameterError, match=r"known wire\[2\]"):  # the root
        prepared.finish(w.witness(), BLINDING)
    for zero, one in ((w.witness(0), w.witness(1, sibling=2)), (w.witness(0, sibling=2), w.witness(1))):
        with pytest.raises(errors.ParameterError, match="known wire"):
            Token.new(prepared, zero, one)


@THREADS
@KINDS
@CIRCUITS
def test_a_token_makes_the_same_proof(make: Callable[[int], Circuit], kind: str, threads: int) -> None:
    w = circuit_setup(make)
    token = Token.new(w.partial(kind, w.witness(x=1)), w.witness(0), w.witness(1), threads, BLINDING)
    assert token.publish(packed([55])) == w.proof()


@settings(max_examples=10)
@given(SCALARS.filter(bool))
def test_a_token_serves_every_x(x: int) -> None:
    w = single_setup()
    prepared = w.partial("folded", w.witness())
    token = Token.new(prepared, w.witness(0), w.witness(1), blinding=BLINDING)
    assert token.publish(packed([x])) == groth16.prove(w.key, w.witness(x), BLINDING)


def test_a_token_works_after_its_key_and_tables_are_closed() -> None:
    w = single_setup()
    circuit = w.circuit
    key = keys.setup(*circuit.matrices(), circuit.wires, circuit.public_inputs)
    opened, _ = build_tables(key, circuit.matrices()[2])
    prepared = Partial.new(key, opened, w.witness(), w.known())
    token = Token.new(prepared, w.witness(0), w.witness(1), blinding=BLINDING)
    expected = groth16.prove(key, w.witness(), BLINDING)
    opened.close()
    key.close()
    assert prepared.finish(w.witness(), BLINDING) == expected  # it keeps what it needs
    prepared.close()
    assert token.publish(packed([55])) == expected


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (bytes(32), errors.ParameterError),
        (packed([R]), errors.FieldRangeError),
        (bytes(31), errors.EncodingError),
        (packed([55]), None),
    ],
)
def test_a_token_is_spent_by_any_use(x: bytes, error: type[Exception] | None) -> None:
    w = single_setup()
    token = Token.new(w.partial("folded", w.witness()), w.witness(0), w.witness(1))
    if error is None:
        token.publish(x)
    else:
        with pytest.raises(error):
            token.publish(x)
    with pytest.raises(errors.ParameterError, match="token"):
        token.publish(packed([55]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_no_token() -> None:
    w = single_setup()
    token = Token.new(w.partial("folded", w.witness()), w.witness(0), w.witness(1), blinding=BLINDING)
    child = os.fork()
    if child == 0:
        try:
            token.publish(packed([54]))
        except errors.ParameterError:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert token.publish(packed([55])) == w.proof()


@KINDS
def test_an_encoded_first_step_is_read_back(kind: str) -> None:
    w = single_setup()
    data = w.partial(kind, w.witness()).encode()
    wires = w.circuit.wires
    assert len(data) == 8 + (wires - 1) + 160
    assert data[: 8 + wires - 1] == (wires - 1).to_bytes(8, "little") + w.known()[1:]
    for other in ("none", "folded"):
        again = Partial.decode(w.key, w.tables[other], w.witness(x=2), data)
        assert again.finish(w.witness(), BLINDING) == w.proof()
        assert again.encode() == data


def test_an_encoding_of_other_values_is_refused() -> None:
    w = single_setup()
    data = w.partial("folded", w.witness()).encode()
    with pytest.raises(errors.PointError, match="partial_pi_a"):
        Partial.decode(w.key, None, w.witness(sibling=2), data)
    for at, part in ((-160, "pi_a"), (-128, "rho"), (-96, "pi_b"), (-32, "pi_c")):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(errors.PointError, match=f"partial_{part}"):
            Partial.decode(w.key, None, w.witness(), bytes(changed))
    for at, error in ((0, "count"), (8, "mask")):
        changed = bytearray(data)
        changed[at] ^= 2
        with pytest.raises(errors.EncodingError, match=error):
            Partial.decode(w.key, None, w.witness(), bytes(changed))
    for wrong in (data[:-1], data + b"\0", b""):
        with pytest.raises(errors.EncodingError):
            Partial.decode(w.key, None, w.witness(), wrong)


@pytest.mark.parametrize("at", [0, 1])
def test_marks_are_zero_or_one_and_the_constant_is_known(at: int) -> None:
    w = single_setup()
    marks = bytearray(w.known())
    marks[at] = 2 * at
    with pytest.raises(errors.ParameterError, match=rf"known\[{at}\]"):
        Partial.new(w.key, None, w.witness(), bytes(marks))
    with pytest.raises(errors.EncodingError, match="known"):
        Partial.new(w.key, None, w.witness(), w.known()[1:])


@pytest.mark.parametrize("mark", [0, 1])
def test_nothing_or_everything_may_be_known(mark: int) -> None:
    w = single_setup()
    marks = b"\1" + bytes([mark]) * (w.circuit.wires - 1)
    for kind in w.tables:
        prepared = Partial.new(w.key, w.tables[kind], w.witness(), marks)
        assert prepared.finish(w.witness(), BLINDING) == w.proof()


def test_wires_that_no_open_input_reaches_are_known() -> None:
    w = single_setup()
    n = w.circuit.wires
    assert w.graph.known([]) == b"\1" * n
    known = w.known()
    first, second = w.witness(x=1, message_id=4, epoch=5), w.witness(x=2, message_id=8, epoch=6)
    a, b = first.read(0, n), second.read(0, n)
    assert all(a[32 * i : 32 * i + 32] == b[32 * i : 32 * i + 32] for i in range(n) if known[i])
    assert known[1:6] == bytes([0, 1, 0, 0, 0])  # of y, root, nullifier, x, external nullifier
    for slot in (0, w.graph.input_size):
        with pytest.raises(errors.ParameterError):
            w.graph.known([slot])


# ---- tables


def test_tables_of_another_key_are_refused() -> None:
    w = single_setup()
    circuit = w.circuit
    other = keys.setup(*circuit.matrices(), circuit.wires, circuit.public_inputs)
    _, room = build_tables(w.key, None)
    with pytest.raises(errors.ParameterError, match="key"):
        Tables(other, room)
    with pytest.raises(errors.ParameterError, match="tables"):
        groth16.prove(other, w.witness(), BLINDING, tables=w.tables["plain"])
    with pytest.raises(errors.ParameterError, match="tables"):
        Partial.new(other, w.tables["plain"], w.witness(), w.known())
    with pytest.raises(errors.EncodingError):
        Tables(circuit_setup(relation.rln_multi).key, room)


def test_damaged_tables_are_refused() -> None:
    w = single_setup()
    _, room = build_tables(w.key, None)
    whole = memoryview(room)
    for cut in (whole[:-1], whole[:127], whole[:0]):
        with pytest.raises(errors.EncodingError):
            Tables(w.key, cut)
    with pytest.raises(errors.ParameterError, match="data"):
        Tables(w.key, whole[1:])
    for at in range(128):
        room[at] ^= 1
        with pytest.raises(errors.EncodingError):
            Tables(w.key, room)
        room[at] ^= 1
    Tables(w.key, room).close()


def test_a_failed_build_leaves_no_tables() -> None:
    w = single_setup()
    c = w.circuit.matrices()[2]
    with pytest.raises(errors.EncodingError):
        tables.build(w.key, c, buffer(tables.size(w.key, True) + 1))
    room = buffer(tables.size(w.key, True))
    rows = [dict(row) for row in c.rows()]
    for wrong in (Matrix.from_rows(rows[1:]), Matrix.from_rows([{w.circuit.wires: 1}, *rows[1:]])):
        room[:4] = b"abcd"
        with pytest.raises(errors.ParameterError):
            tables.build(w.key, wrong, room)
        assert room[:128] == bytes(128)


def test_building_reports_its_progress_and_gives_the_same_tables_on_any_number_of_threads() -> None:
    w = single_setup()
    c = w.circuit.matrices()[2]
    parts: list[float] = []
    rooms = []
    for threads, progress in ((1, parts.append), (2, None)):
        room = buffer(tables.size(w.key, True))
        tables.build(w.key, c, room, threads, progress)
        rooms.append(room[:])
    assert rooms[0] == rooms[1]
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0.0, 1.0)


# ---- any circuit


@st.composite
def constraint_systems(draw: st.DrawFn) -> tuple[list[Matrix], list[int], int]:
    """Draw constraints with any wire in any matrix (also public wires in C), and an assignment."""
    wires = [1, *draw(st.lists(SCALARS, min_size=1, max_size=6))]
    public = draw(st.integers(0, len(wires) - 1))
    row = st.dictionaries(st.integers(0, len(wires) - 1), SCALARS, max_size=3)
    rows: list[list[dict[int, int]]] = []
    for _ in range(draw(st.integers(1, 9))):
        a, b, c = draw(row), draw(row), draw(row)
        value = [sum(k * wires[i] for i, k in side.items()) % R for side in (a, b, c)]
        c[0] = (c.get(0, 0) + value[0] * value[1] - value[2]) % R
        rows.append([a, b, c])
    return [Matrix.from_rows(side) for side in zip(*rows, strict=True)], wires, public


@settings(max_examples=30)
@given(constraint_systems(), st.data())
def test_every_circuit_has_the_same_bytes_in_all_tiers(
    system: tuple[list[Matrix], list[int], int], data: st.DataObject
) -> None:
    (a, b, c), wires, public = system
    try:
        key = keys.setup(a, b, c, len(wires), public)
    except errors.KeyFileError:  # a point of the verifying key is infinity, which no real circuit has
        return
    witness = Witness.from_wires(packed(wires))
    expected = groth16.prove(key, witness, BLINDING)
    marks = bytes([1, *(data.draw(st.integers(0, 1)) for _ in wires[1:])])
    changed = [v if i == 0 or data.draw(st.booleans()) else data.draw(SCALARS) for i, v in enumerate(wires)]
    for matrix in (None, c):
        opened, _ = build_tables(key, matrix)
        assert groth16.prove(key, witness, BLINDING, tables=opened) == expected
        prepared = Partial.new(key, opened, Witness.from_wires(packed(changed)), marks)
        assert prepared.update(witness).finish(witness, BLINDING) == expected
