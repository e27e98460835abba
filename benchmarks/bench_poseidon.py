"""Poseidon of two inputs: one call with Python ints, and many hashes packed in bytes, beside
light-poseidon.
"""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from benchmarks.paired import Peer, beside, repeated
from benchmarks.subject import THREADS
from rln.lowlevel import hashes

EXPECTED = 0x115CC0F5E7D690413DF64C6B9662E9CF2A3617F2743245519E19607A4417189A
CALLS = 200
PACKED = 4096


@pytest.fixture(scope="module")
def light_poseidon() -> Peer:
    hasher = pytest.importorskip("light_poseidon_python").Hasher(2)
    answer = hasher.hash([1, 2])
    assert (int(answer, 16) if isinstance(answer, str) else answer) == EXPECTED
    return Peer("light-poseidon", repeated(lambda: hasher.hash([1, 2]), CALLS), CALLS)


@pytest.mark.benchmark(group="Poseidon, 2 inputs, one call with ints")
def bench_one_call(benchmark: BenchmarkFixture, light_poseidon: Peer) -> None:
    ours = repeated(lambda: rln.poseidon_hash([1, 2]), CALLS)
    assert beside(benchmark, ours, light_poseidon, rounds=31, repeat=CALLS, must=2, aim=3) == EXPECTED


@pytest.mark.benchmark(group="Poseidon, 2 inputs, 4,096 packed in one call")
def bench_packed(benchmark: BenchmarkFixture, light_poseidon: Peer) -> None:
    packed = (1).to_bytes(32, "little") + (2).to_bytes(32, "little")

    def ours() -> bytes:
        return hashes.poseidon_many(packed * PACKED, 2, threads=THREADS)

    answer = beside(benchmark, ours, light_poseidon, rounds=31, repeat=PACKED, must=14, aim=17)
    assert answer == EXPECTED.to_bytes(32, "little") * PACKED
