"""The search for under-constrained wires finds none in our circuits, and finds every planted one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rln.base.scalar import ORDER
from rln.circuit import Circuit, Matrix, R1cs, rln, rln_multi, undetermined
from rln.circuit.unique import separates

Rows = list[tuple[dict[int, int], dict[int, int], dict[int, int]]]


def rows_of(r1cs: R1cs) -> Rows:
    return [(dict(a), dict(b), dict(c)) for a, b, c in r1cs.rows()]


def with_rows(r1cs: R1cs, rows: Rows) -> R1cs:
    a, b, c = (Matrix.from_rows(row[which] for row in rows) for which in range(3))
    return replace(r1cs, a=a, b=b, c=c)


def without(circuit: Circuit, chosen: Callable[[str, int], bool]) -> R1cs:
    """The circuit without the constraints for which chosen(label, number within the label) holds."""
    seen: dict[str, int] = {}
    kept = []
    for row, label in zip(rows_of(circuit.r1cs), circuit.labels, strict=True):
        number = seen.get(label, 0)
        seen[label] = number + 1
        if not chosen(label, number):
            kept.append(row)
    assert len(kept) < circuit.constraints
    return with_rows(circuit.r1cs, kept)


def small(
    *rows: tuple[dict[int, int], dict[int, int], dict[int, int]], wires: int, given: int, p: int = ORDER
) -> R1cs:
    a, b, c = (Matrix.from_rows({w: v % p for w, v in row[i].items()} for row in rows) for i in range(3))
    return R1cs(a, b, c, wires, 0, 0, given, p)


@pytest.mark.parametrize(
    "circuit",
    [rln(), rln(1, 1), rln_multi(), rln_multi(20, 16, 1), rln_multi(2, 3, 7)],
    ids=lambda circuit: circuit.name,
)
def test_every_wire_is_determined(circuit: Circuit) -> None:
    assert undetermined(circuit.r1cs) == frozenset()


def test_zerokits_circuit_is_determined_too(zerokit_dir: Path) -> None:
    r1cs = R1cs.decode((zerokit_dir / "tree_depth_20" / "rln.r1cs").read_bytes())
    assert undetermined(r1cs) == frozenset()


@pytest.mark.parametrize("bit", [0, 7, 14, 15])
@pytest.mark.parametrize("label", ["messageId", "limit"])
def test_a_missing_boolean_constraint_is_found(label: str, bit: int) -> None:
    assert undetermined(without(rln(1), lambda name, number: (name, number) == (label, bit)))


@pytest.mark.parametrize("bit", [1, 8, 15])
def test_a_bit_left_out_of_its_sum_is_found(bit: int) -> None:
    circuit = rln(1)
    rows = rows_of(circuit.r1cs)
    last = max(index for index, label in enumerate(circuit.labels) if label == "messageId")
    (wire,) = (wire for wire, value in rows[last][0].items() if value == ORDER - (1 << bit))
    for part in rows[last][:2]:
        del part[wire]
    assert undetermined(with_rows(circuit.r1cs, rows)) == {wire}


@pytest.mark.parametrize("label", ["commitment", "leaf", "path[0]", "a1", "nullifier"])
@pytest.mark.parametrize("number", [2, 3, 4, 100, 200])
def test_a_missing_s_box_row_is_found(label: str, number: int) -> None:
    assert undetermined(without(rln(1), lambda name, index: (name, index) == (label, number)))


def test_a_missing_inverse_is_found() -> None:
    circuit = rln_multi(1, 4, 3)
    count = circuit.labels.count("distinct")
    mutant = without(circuit, lambda name, number: (name, number) == ("distinct", count - 1))
    assert undetermined(mutant) == {circuit.wires - 1}


@pytest.mark.parametrize("part", ["y", "nullifier", "messageId", "limit"])
def test_a_missing_gate_is_found(part: str) -> None:
    circuit = rln_multi(1, 4, 2)
    row = circuit.labels.index(f"slot[1]/{part}") - circuit.labels.index(f"slot[1]/{part}")
    if part in ("y", "nullifier"):
        row = circuit.labels.count(f"slot[1]/{part}") - 1
    assert undetermined(without(circuit, lambda name, number: (name, number) == (f"slot[1]/{part}", row)))


@pytest.mark.parametrize("start", range(10))
@pytest.mark.parametrize(("circuit", "step"), [(rln(1, 4), 100), (rln_multi(1, 4, 2), 200)])
def test_deleting_any_constraint_is_found(circuit: Circuit, step: int, start: int) -> None:
    """Remove every tenth or twentieth constraint; those that only refuse inputs are tested by attacks."""
    rows = rows_of(circuit.r1cs)
    survivors = set()
    for index in range(start, len(rows), step):
        if not undetermined(with_rows(circuit.r1cs, rows[:index] + rows[index + 1 :])):
            survivors.add(circuit.labels[index])
    assert survivors <= {"path[0]", "slot[0]/selector", "slot[1]/selector"}


def test_only_constraints_on_inputs_survive_deletion() -> None:
    """The survivors above, exactly: v (v - 1) = 0 for inputs, which the attacks on the relation cover."""
    circuit = rln_multi(1, 4, 2)
    rows = rows_of(circuit.r1cs)
    refusing = [
        index
        for index, row in enumerate(rows)
        if all(wire == 0 or wire in circuit.r1cs.inputs for part in row for wire in part)
    ]
    assert sorted(circuit.labels[index] for index in refusing) == [
        "path[0]",
        "slot[0]/selector",
        "slot[1]/selector",
    ]
    for index in refusing:
        assert not undetermined(with_rows(circuit.r1cs, rows[:index] + rows[index + 1 :]))


def test_a_zero_coefficient_is_found() -> None:
    """Zero the coefficient of the product wire in every thirtieth constraint that makes one."""
    circuit = rln(1, 4)
    found = 0
    for index in range(0, circuit.constraints, 30):
        rows = rows_of(circuit.r1cs)
        if len(rows[index][2]) == 1:
            rows[index][2].clear()
            found += 1
            assert undetermined(with_rows(circuit.r1cs, rows)), circuit.labels[index]
    assert found > 15


def test_equations_are_solved_together() -> None:
    # Given w1, w2:  w3 + w4 = w1 w1,  w3 - w4 = w2 w2
    rows = ({1: 1}, {1: 1}, {3: 1, 4: 1}), ({2: 1}, {2: 1}, {3: 1, 4: -1})
    assert undetermined(small(*rows, wires=5, given=2)) == frozenset()
    assert undetermined(small(rows[0], wires=5, given=2)) == {3, 4}
    same = ({2: 1}, {2: 1}, {3: 2, 4: 2})
    assert undetermined(small(rows[0], same, wires=5, given=2)) == {3, 4}


def test_a_factor_is_determined_only_when_the_other_cannot_be_zero() -> None:
    assert undetermined(small(({1: 1}, {2: 1}, {0: 1}), wires=3, given=1)) == frozenset()
    assert undetermined(small(({1: 1}, {2: 1}, {1: 1}), wires=3, given=1)) == {2}
    assert undetermined(small(({0: 5}, {2: 1}, {1: 1}), wires=3, given=1)) == frozenset()
    assert undetermined(small(({}, {2: 1}, {1: 1}), wires=3, given=1)) == {2}


def test_a_square_root_is_not_determined() -> None:
    assert undetermined(small(({2: 1}, {2: 1}, {1: 1}), wires=3, given=1)) == {2}


def test_a_boolean_alone_is_not_determined() -> None:
    assert undetermined(small(({2: 1}, {2: 1, 0: -1}, {}), wires=3, given=1)) == {2}


@pytest.mark.parametrize(
    ("values", "determined"),
    [((0, 1), True), ((1, 0), True), ((0, 2), False), ((-1, 1), False), ((0, 0), False)],
)
def test_bits_take_only_zero_and_one(values: tuple[int, int], determined: bool) -> None:
    """w1 = w2 + 2 w3, w2 boolean, w3 one of two values."""
    first, second = values
    rows = [
        ({2: 1}, {2: 1, 0: -1}, {}),
        ({3: 3, 0: -3 * first}, {3: 7, 0: -7 * second}, {}),
        ({1: 1}, {0: 1}, {2: 1, 3: 2}),
    ]
    assert (undetermined(small(*rows, wires=4, given=1)) == frozenset()) == determined


@pytest.mark.parametrize(
    ("weights", "modulus", "expected"),
    [
        ([1, 2, 4, 8], 17, True),
        ([1, 2, 4, 8], 16 + 1, True),
        ([1, 2, 4, 8, 16], 31, False),
        ([1, 2, 4, 8, 16], 37, True),
        ([1, 1], 97, False),
        ([1, 96], 97, False),
        ([1, 95, 4], 97, True),
        ([5, 10, 20], 97, True),
        ([3, 1], 97, True),
        ([1, 2, 3], 97, False),
    ],
)
def test_separates(weights: list[int], modulus: int, expected: bool) -> None:
    assert separates(weights, modulus) == expected
    sums = [
        sum(w for i, w in enumerate(weights) if choice >> i & 1) % modulus
        for choice in range(1 << len(weights))
    ]
    if expected:
        assert len(set(sums)) == len(sums)
