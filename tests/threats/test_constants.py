"""Threats D12: Poseidon's constants, compared with their seed and with other programs."""

import json
from pathlib import Path

import pytest

import rln
from rln.lowlevel import hashes
from tests.threats.full_world import R
from vectors.oracle import poseidon as oracle

VECTORS = Path(__file__).resolve().parent.parent.parent / "vectors"
ROUNDS = {2: 56, 3: 57, 4: 56, 5: 60, 6: 60, 7: 63, 8: 64, 9: 63}


@pytest.mark.parametrize("width", range(2, 10))
def test_d12_constants_come_from_the_grain_generator(width: int) -> None:
    full, partial, constants, matrix = hashes.poseidon_parameters(width)
    assert (full, partial) == (8, ROUNDS[width])
    expected_constants, expected_matrix = oracle.parameters(width)
    assert list(constants) == expected_constants
    assert list(matrix) == [entry for row in expected_matrix for entry in row]


@pytest.mark.parametrize("arity", range(1, 9))
def test_d12_the_optimised_form_equals_the_dense_one(arity: int) -> None:
    for inputs in (
        [0] * arity,
        [R - 1] * arity,
        list(range(1, arity + 1)),
        [2**253 + i for i in range(arity)],
    ):
        assert rln.poseidon_hash(inputs) == oracle.poseidon(inputs)


@pytest.mark.parametrize("arity", range(1, 9))
def test_d12_another_program_gives_the_same_hashes(arity: int) -> None:
    peer = pytest.importorskip("light_poseidon_python", reason="light-poseidon is not installed (extra dev)")
    hasher = peer.Hasher(arity)
    for inputs in (list(range(1, arity + 1)), [2**60 + 7 * i for i in range(arity)]):
        answer = hasher.hash(inputs)
        assert rln.poseidon_hash(inputs) == (int(answer, 16) if isinstance(answer, str) else answer)


def test_d12_the_hashes_match_the_published_vectors() -> None:
    """Most vectors come from circomlibjs and zerokit; tests/known_answers checks all of them."""
    cases = json.loads((VECTORS / "poseidon.json").read_text())["cases"]
    hashes = [case for case in cases if case["result"] == "valid" and isinstance(case["output"], str)]
    assert len(hashes) >= 8
