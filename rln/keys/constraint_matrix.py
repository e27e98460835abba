"""Constraints of a proving key: the C matrix, which a key file does not hold, from where it can be had.

A key holds A and B. C is that of the circuit with the same A and B: one of ours, rebuilt from its parameters,
or one that came as an `.r1cs` file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rln import circuit
from rln.circuit.parameters import CircuitParameters
from rln.errors import ParameterError

if TYPE_CHECKING:
    from rln.circuit import Circuit, Matrix, R1cs

Row = list[tuple[int, bytes]]
"""Wires, ascending, each with its 32-byte coefficient."""


def own_circuit(parameters: CircuitParameters) -> Circuit:
    """The circuit that this version builds for these parameters."""
    if parameters.max_out is None:
        return circuit.rln(parameters.depth, parameters.limit_bits)
    return circuit.rln_multi(parameters.depth, parameters.limit_bits, parameters.max_out)


def own_matrix(parameters: CircuitParameters, digest: str, key: bytes) -> Matrix | None:
    """C of a circuit of ours; None where the key says it is ours and is not, or is another version's.

    Args:
        parameters: of the circuit.
        digest: SHA-256 (hex) of its `.r1cs`, as the key's file has it.
        key: in zerokit's layout, checked before.
    """
    built = own_circuit(parameters)
    return built.r1cs.c if built.digest == digest and _belong_together(built.r1cs, key) else None


def supplied_matrix(r1cs: bytes, key: bytes) -> Matrix:
    """C of an `.r1cs` file whose A and B are those of the key.

    Args:
        r1cs: the file, whole.
        key: in zerokit's layout, checked before.

    Raises:
        InputError: it is no such file, or another circuit's.
    """
    found = circuit.R1cs.decode(r1cs)
    if not _belong_together(found, key):
        raise ParameterError("r1cs: expected the constraints of the key, got those of another circuit")
    return found.c


def _belong_together(r1cs: R1cs, key: bytes) -> bool:
    wires, public_values, a, b = _of_key(key)
    if (r1cs.wires, r1cs.public) != (wires, public_values):
        return False
    return _rows(r1cs.a) == a and _rows(r1cs.b) == b


def _rows(matrix: Matrix) -> list[Row]:
    values = [matrix.coefficients[i : i + 32] for i in range(0, len(matrix.coefficients), 32)]
    entries = list(zip(matrix.columns, values, strict=True))
    starts = matrix.row_starts
    return [sorted(entries[starts[i] : starts[i + 1]]) for i in range(len(matrix))]


def _of_key(key: bytes) -> tuple[int, int, list[Row], list[Row]]:
    """Wires, public values, A and B of a key in zerokit's layout (zerokit-spec 5.2)."""
    word = struct.Struct("<Q").unpack_from
    at = 64 + 3 * 128
    counts: list[int] = []
    for size, after in ((64, 2 * 64), (64, 0), (64, 0), (128, 0), (64, 0), (64, 6 * 8)):
        counts.append(word(key, at)[0])  # IC, before beta and delta; A, B, B in G2, H, L
        at += 8 + size * counts[-1] + after
    matrices: list[list[Row]] = []
    for _ in range(2):
        rows: list[Row] = []
        count, at = word(key, at)[0], at + 8
        for _ in range(count):
            length, at = word(key, at)[0], at + 8
            places = range(at, at + 40 * length, 40)
            rows.append(sorted((word(key, i + 32)[0], key[i : i + 32]) for i in places))
            at += 40 * length
        matrices.append(rows)
    return counts[1], counts[0] - 1, matrices[0], matrices[1]
