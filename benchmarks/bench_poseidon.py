"""Poseidon of two inputs, one call from Python with ints, beside light-poseidon."""

import pytest

import rln

EXPECTED = 0x115CC0F5E7D690413DF64C6B9662E9CF2A3617F2743245519E19607A4417189A


@pytest.mark.benchmark(group="Poseidon, 2 inputs, one call")
def bench_ours(benchmark):
    assert benchmark(rln.poseidon_hash, [1, 2]) == EXPECTED


@pytest.mark.benchmark(group="Poseidon, 2 inputs, one call")
def bench_light_poseidon(benchmark):
    hasher = pytest.importorskip("light_poseidon_python").Hasher(2)
    answer = benchmark(hasher.hash, [1, 2])
    assert (int(answer, 16) if isinstance(answer, str) else answer) == EXPECTED
