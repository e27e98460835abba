"""The C matrix of a proving key, which the key's own file does not hold.

A key file holds the matrices A and B, not C. C is taken from a circuit with the same A and B: one of our
circuits, rebuilt from its parameters, or one that came as an `.r1cs` file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rln import circuit
from rln.circuit.parameters import CircuitParameters
from rln.errors import ParameterError
from rln.formats.arkzkey import Row, read_constraints

if TYPE_CHECKING:
    from rln.circuit import Circuit, Matrix, R1cs


def build_circuit(parameters: CircuitParameters) -> Circuit:
    """Build the circuit that this version has for these parameters."""
    if parameters.max_out is None:
        return circuit.rln(parameters.depth, parameters.limit_bits)
    return circuit.rln_multi(parameters.depth, parameters.limit_bits, parameters.max_out)


def matrix_of_own_circuit(parameters: CircuitParameters, digest: str, key: bytes) -> Matrix | None:
    """Return C of one of our circuits.

    Args:
        parameters: of the circuit.
        digest: SHA-256 (hex) of its `.r1cs`, as the key's file states it.
        key: in zerokit's layout, already checked.

    Returns:
        The matrix, or None if this version builds another circuit, or the key is not for this circuit.
    """
    built = build_circuit(parameters)
    return built.r1cs.c if built.digest == digest and _has_constraints_of(key, built.r1cs) else None


def matrix_of_r1cs(r1cs: bytes, key: bytes) -> Matrix:
    """Return C of an `.r1cs` file whose A and B are those of the key.

    Args:
        r1cs: the whole file.
        key: in zerokit's layout, already checked.

    Raises:
        InputError: not an `.r1cs` file, or that of another circuit.
    """
    decoded = circuit.R1cs.decode(r1cs)
    if not _has_constraints_of(key, decoded):
        raise ParameterError("r1cs: expected the constraints of the key, got those of another circuit")
    return decoded.c


def _has_constraints_of(key: bytes, r1cs: R1cs) -> bool:
    found = read_constraints(key)
    if (r1cs.wires, r1cs.public) != (found.wires, found.public_values):
        return False
    return _rows(r1cs.a) == found.a and _rows(r1cs.b) == found.b


def _rows(matrix: Matrix) -> list[Row]:
    values = [matrix.coefficients[i : i + 32] for i in range(0, len(matrix.coefficients), 32)]
    entries = list(zip(matrix.columns, values, strict=True))
    starts = matrix.row_starts
    return [sorted(entries[starts[i] : starts[i + 1]]) for i in range(len(matrix))]
