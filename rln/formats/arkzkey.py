"""zerokit's `.arkzkey` file, a proving key in uncompressed points: the constraints that it holds.

The C core loads the points. This module reads the matrices A and B, to compare them with those of a circuit,
and cuts out the verifying key, so that a report can say what is wrong with it.
Source: zerokit-spec 5.2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from rln.errors import EncodingError

Row = list[tuple[int, bytes]]
"""Wires in ascending order, each with its 32-byte coefficient."""

_WORD = struct.Struct("<Q")
_HEADER = 64 + 3 * 128  # alpha, then beta, gamma and delta in G2
_QUERIES = (
    (64, 2 * 64),  # IC; beta and delta in G1 follow
    (64, 0),  # A
    (64, 0),  # B in G1
    (128, 0),  # B in G2
    (64, 0),  # H
    (64, 6 * 8),  # L; six numbers follow
)
"""For each list of points: bytes of a point, and bytes between its end and the next list."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a key says about its circuit.

    Attributes:
        wires: number of wires, the constant 1 included.
        public_values: number of public values, the constant 1 not counted.
        a, b: the matrices A and B, row by row.
    """

    wires: int
    public_values: int
    a: list[Row]
    b: list[Row]


def read_verifying_key(key: bytes) -> bytes:
    """Return the uncompressed verifying key in a file, which is its beginning; its points are not checked.

    Raises:
        EncodingError: the file ends before its IC points.
    """
    size = _HEADER + 8 + 64 * int.from_bytes(key[_HEADER : _HEADER + 8], "little")
    if len(key) < size or size == _HEADER + 8:
        raise EncodingError(f"arkzkey: expected IC points up to byte {size}, got {len(key)} bytes")
    return key[:size]


def read_constraints(key: bytes) -> Constraints:
    """Read the constraints of a key. The C core must have loaded it before: nothing is checked here.

    Args:
        key: the whole file.
    """
    position = _HEADER
    counts: list[int] = []
    for point_size, gap in _QUERIES:
        counts.append(_word(key, position))
        position += 8 + point_size * counts[-1] + gap
    a, position = _read_matrix(key, position)
    b, _ = _read_matrix(key, position)
    return Constraints(wires=counts[1], public_values=counts[0] - 1, a=a, b=b)


def _read_matrix(key: bytes, position: int) -> tuple[list[Row], int]:
    """Return the rows of a matrix, and the position after it."""
    rows: list[Row] = []
    count, position = _word(key, position), position + 8
    for _ in range(count):
        length, position = _word(key, position), position + 8
        entries = range(position, position + 40 * length, 40)  # a coefficient of 32 bytes, a wire of 8
        rows.append(sorted((_word(key, i + 32), key[i : i + 32]) for i in entries))
        position += 40 * length
    return rows, position


def _word(key: bytes, position: int) -> int:
    value: int = _WORD.unpack_from(key, position)[0]
    return value
