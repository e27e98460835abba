"""Evaluating every constraint on a witness."""

import pytest

from rln.base.scalar import ORDER
from rln.circuit import explain, failures, rln
from rln.errors import FieldRangeError, ParameterError
from tests.unit.circuit import evaluator
from tests.unit.circuit.reference import inputs


@pytest.fixture(scope="module")
def witness() -> list[int]:
    return evaluator.evaluate(evaluator.load(rln(1, 4).graph), inputs(2, depth=1))


def test_the_first_failing_constraint_is_named(witness: list[int]) -> None:
    changed = list(witness)
    changed[1] += 1
    (index,) = failures(rln(1, 4).r1cs, changed)
    assert explain(rln(1, 4), changed) == f"constraint {index} (y)"


def test_all_failing_constraints_are_found_in_order(witness: list[int]) -> None:
    changed = list(witness)
    changed[6] += 1
    found = list(failures(rln(1, 4).r1cs, changed))
    assert found == sorted(found)
    assert {rln(1, 4).labels[index] for index in found} == {"commitment", "a1", "y"}


def test_another_length_is_refused(witness: list[int]) -> None:
    with pytest.raises(
        ParameterError, match=f"^witness: expected {len(witness)} wires, got {len(witness) - 1}$"
    ):
        failures(rln(1, 4).r1cs, witness[:-1])


@pytest.mark.parametrize("value", [-1, ORDER, ORDER + 5])
def test_a_value_that_is_not_canonical_is_refused_and_not_repeated(witness: list[int], value: int) -> None:
    with pytest.raises(FieldRangeError, match=r"^witness\[9\]: expected a canonical field element$"):
        failures(rln(1, 4).r1cs, [*witness[:9], value, *witness[10:]])


def test_wire_zero_is_one(witness: list[int]) -> None:
    with pytest.raises(ParameterError, match=r"^witness\[0\]: expected 1$"):
        failures(rln(1, 4).r1cs, [2, *witness[1:]])
