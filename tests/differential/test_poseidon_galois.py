"""Poseidon as its paper defines it, with galois, compared with the optimised form in the C core."""

import galois
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.lowlevel import hashes
from rln.protocol.hashing import poseidon_hash
from tests.support.field_elements import SCALARS, R

FR = galois.GF(R, primitive_element=5, verify=False)


def dense(inputs: list[int]) -> int:
    """Compute every round: add constants, S-box, matrix."""
    width = len(inputs) + 1
    full, partial, constants, entries = hashes.poseidon_parameters(width)
    matrix = FR(list(entries)).reshape(width, width)
    rounds = FR(list(constants)).reshape(full + partial, width)
    state = FR([0, *inputs])
    for number, added in enumerate(rounds):
        state = state + added
        if full // 2 <= number < full // 2 + partial:
            state[0] = state[0] ** 5
        else:
            state = state**5
        state = matrix @ state
    return int(state[0])


@pytest.mark.parametrize("arity", range(1, 9))
@settings(max_examples=8)
@given(data=st.data())
def test_the_optimised_form_gives_the_same_hash(arity: int, data: st.DataObject) -> None:
    inputs = data.draw(st.lists(SCALARS, min_size=arity, max_size=arity))
    assert poseidon_hash(inputs) == dense(inputs)


@pytest.mark.parametrize("width", range(2, 10))
def test_the_matrix_is_invertible_and_of_cauchys_form(width: int) -> None:
    """M[i][j] = 1 / (x_i + y_j): then 1/M[i][j] - 1/M[i][k] does not depend on i."""
    entries = hashes.poseidon_parameters(width)[3]
    matrix = FR(list(entries)).reshape(width, width)
    assert (matrix @ np.linalg.inv(matrix) == FR.Identity(width)).all()
    sums = matrix**-1
    differences = sums[:, 1:] - sums[:, :-1]
    assert all((row == differences[0]).all() for row in differences)
