"""Circuits under construction: wire order, outputs, linear combinations."""

import pytest

from rln.base.scalar import ORDER
from rln.circuit import failures
from rln.circuit.system import ConstraintSystem
from rln.errors import ParameterError
from tests.unit.circuit import evaluator


def test_wires_stand_in_order() -> None:
    system = ConstraintSystem((("out", 2),), (("p", 1),), (("q", 2),))
    assert list(system.output("out")) == [1, 2]
    assert [signal.terms for name in ("p", "q") for signal in system.input(name)] == [{3: 1}, {4: 1}, {5: 1}]
    assert system.slots() == {"p": (1, 1), "q": (2, 2)}
    assert system.product(*system.input("q")).terms == {6: 1}


def test_sums_cost_no_constraint_and_cancel() -> None:
    system = ConstraintSystem(private=(("v", 2),))
    a, b = system.input("v")
    total = (a + b * 3 - 4) - (a + b)
    assert total.terms == {0: ORDER - 4, 2: 2}
    assert (a - a).terms == {}
    assert (a * 0).terms == {}
    wire = system.product(total, a + 0)
    assembly = system.assemble()
    witness = evaluator.evaluate(evaluator.load(assembly.graph), {"v": [5, 7]})
    assert witness[next(iter(wire.terms))] == (2 * 7 - 4) * 5
    assert assembly.r1cs.constraints == 1
    assert list(failures(assembly.r1cs, witness)) == []


def test_an_output_has_exactly_one_value() -> None:
    system = ConstraintSystem((("out", 1),), (), (("v", 1),))
    with pytest.raises(ParameterError, match="^wire 1: expected an output with a value, got none$"):
        system.assemble()
    system.allocate(system.input("v")[0].node, 1)
    with pytest.raises(ParameterError, match="^wire 1: expected an output without a value"):
        system.allocate(system.input("v")[0].node, 1)


def test_a_name_stands_once() -> None:
    with pytest.raises(ParameterError, match="expected every name once"):
        ConstraintSystem((("a", 1),), (), (("a", 1),))


def test_signals_of_two_circuits_do_not_mix() -> None:
    first, second = (ConstraintSystem(private=(("v", 1),)) for _ in range(2))
    with pytest.raises(ParameterError, match="got one of another"):
        first.input("v")[0] + second.input("v")[0]


def test_labels_name_the_scope() -> None:
    system = ConstraintSystem(private=(("v", 1),))
    (v,) = system.input("v")
    with system.scope("outer"), system.scope("inner"):
        system.product(v, v)
    system.product(v, v)
    assert system.assemble().labels == ("outer/inner", "")
