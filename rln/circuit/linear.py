"""Small dense matrices over a prime field, and the addition of linear combinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rln.errors import ParameterError

Vector = Sequence[int]
Square = Sequence[Sequence[int]]


def dot(left: Vector, right: Vector, modulus: int) -> int:
    """Return the sum of left[i] * right[i]."""
    return sum(a * b for a, b in zip(left, right, strict=True)) % modulus


def apply(matrix: Sequence[Vector], vector: Vector, modulus: int) -> list[int]:
    """Multiply a matrix by a vector."""
    return [dot(row, vector, modulus) for row in matrix]


def multiply(left: Sequence[Vector], right: Sequence[Vector], modulus: int) -> list[list[int]]:
    """Multiply two matrices."""
    columns = list(zip(*right, strict=True))
    return [[dot(row, column, modulus) for column in columns] for row in left]


def invert(matrix: Square, modulus: int) -> list[list[int]]:
    """Invert a square matrix by Gauss-Jordan elimination.

    Raises:
        ParameterError: the matrix is singular.
    """
    size = len(matrix)
    rows = [[*row, *(int(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = next((i for i in range(column, size) if rows[i][column] % modulus), None)
        if pivot is None:
            raise ParameterError("matrix: expected an invertible matrix, got a singular one")
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = pow(rows[column][column], -1, modulus)
        rows[column] = [value * scale % modulus for value in rows[column]]
        for i in range(size):
            factor = rows[i][column]
            if i != column and factor:
                rows[i] = [(a - factor * b) % modulus for a, b in zip(rows[i], rows[column], strict=True)]
    return [row[size:] for row in rows]


def combine(
    coefficients: Vector, combinations: Sequence[Mapping[int, int]], constant: int, modulus: int
) -> dict[int, int]:
    """Return constant + sum coefficients[i] * combinations[i]; wire 0 of a combination is its constant."""
    total = {0: constant}
    for factor, terms in zip(coefficients, combinations, strict=True):
        for wire, coefficient in terms.items():
            total[wire] = total.get(wire, 0) + factor * coefficient
    return {wire: reduced for wire, value in total.items() if (reduced := value % modulus)}
