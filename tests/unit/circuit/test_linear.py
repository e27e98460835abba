"""Small matrices over a prime field."""

import pytest

from rln.circuit import linear
from rln.errors import ParameterError


def test_an_inverse_undoes() -> None:
    matrix = [[0, 2, 3], [4, 0, 6], [7, 8, 1]]
    back = linear.invert(matrix, 97)
    assert linear.multiply(matrix, back, 97) == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert linear.apply(back, linear.apply(matrix, [5, 6, 7], 97), 97) == [5, 6, 7]


def test_a_singular_matrix_has_no_inverse() -> None:
    with pytest.raises(ParameterError, match="^matrix: expected an invertible matrix, got a singular one$"):
        linear.invert([[1, 2], [2, 4]], 97)


def test_combine_drops_what_cancels() -> None:
    assert linear.combine([2, 1], [{1: 3, 0: 1}, {1: 91, 2: 5}], 4, 97) == {0: 6, 2: 5}
