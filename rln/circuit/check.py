"""Whether a witness satisfies a circuit: every constraint is evaluated in plain integers.

This is for tests, audits and error messages. Security does not depend on it: a proof of a witness that does
not satisfy the circuit does not verify.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rln.base.arguments import instance, sequence
from rln.circuit.r1cs import R1cs, Row
from rln.circuit.relation import Circuit
from rln.errors import FieldRangeError, ParameterError


def failures(r1cs: R1cs, witness: Sequence[int]) -> Iterator[int]:
    """Yield the numbers of the constraints that do not hold, in ascending order.

    Args:
        r1cs: the constraints.
        witness: a canonical value for each wire; the first is 1.

    Raises:
        ParameterError: the number of wires differs, or wire 0 is not 1.
        FieldRangeError: a value is not canonical. The message does not repeat it.
    """
    instance(r1cs, R1cs, "r1cs")
    if len(sequence(witness, "witness")) != r1cs.wires:
        raise ParameterError(f"witness: expected {r1cs.wires} wires, got {len(witness)}")
    for wire, value in enumerate(witness):
        if type(value) is not int or not 0 <= value < r1cs.modulus:
            raise FieldRangeError(f"witness[{wire}]: expected a canonical field element")
    if witness[0] != 1:
        raise ParameterError("witness[0]: expected 1")
    return _failures(r1cs, witness)


def explain(circuit: Circuit, witness: Sequence[int]) -> str | None:
    """Name the first constraint that does not hold, as in `constraint 5795 (limit)`; None if all hold."""
    instance(circuit, Circuit, "circuit")
    index = next(failures(circuit.r1cs, witness), None)
    return None if index is None else f"constraint {index} ({circuit.labels[index]})"


def _failures(r1cs: R1cs, witness: Sequence[int]) -> Iterator[int]:
    for index, (a, b, c) in enumerate(r1cs.rows()):
        product = _value(a, witness) * _value(b, witness)
        if (product - _value(c, witness)) % r1cs.modulus:
            yield index


def _value(row: Row, witness: Sequence[int]) -> int:
    return sum(coefficient * witness[wire] for wire, coefficient in row)
