"""Sparse matrices as arguments of C, one for each side of a circuit's constraints."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol

from rln import errors
from rln.base.arguments import plain_bytes
from rln.lowlevel._call import CData, ffi


class SparseMatrix(Protocol):
    """Row i holds entries row_starts[i] .. row_starts[i + 1] - 1 of columns and of 32-byte coefficients."""

    @property
    def row_starts(self) -> Sequence[int]:
        """Rows + 1 ascending positions; the first is 0."""

    @property
    def columns(self) -> Sequence[int]:
        """The wire of each entry."""

    @property
    def coefficients(self) -> bytes:
        """The scalar of each entry."""


class NativeMatrix:
    """An `rln_matrix` and the arrays that it points to."""

    __slots__ = ("_kept", "pointer")

    def __init__(self, matrix: SparseMatrix) -> None:
        starts, columns = _words("row_starts", matrix.row_starts), _words("columns", matrix.columns)
        coefficients = plain_bytes(matrix.coefficients, "coefficients")
        c_starts, c_columns = ffi.new("uint32_t[]", len(starts)), ffi.new("uint32_t[]", len(columns))
        c_coefficients = ffi.from_buffer("uint8_t[]", coefficients)
        ffi.memmove(c_starts, starts, 4 * len(starts))
        ffi.memmove(c_columns, columns, 4 * len(columns))
        self._kept = (c_starts, c_columns, c_coefficients)
        self.pointer: CData = ffi.new(
            "rln_matrix *",
            (c_starts, len(starts), c_columns, len(columns), c_coefficients, len(coefficients)),
        )


def _words(name: str, values: Sequence[int]) -> array[int]:
    if isinstance(values, array) and values.typecode == "I" and values.itemsize == 4:
        return values
    try:
        return array("I", values)
    except (OverflowError, TypeError, ValueError) as error:
        raise errors.ParameterError(f"{name}: expected integers in 0..2^32 - 1") from error
