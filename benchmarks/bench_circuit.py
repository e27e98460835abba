"""The time to build RLN(20, 16) in Python, with nothing cached."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from rln.circuit import relation


@pytest.mark.benchmark(group="build the circuit RLN(20, 16)")
def bench_circuit(benchmark: BenchmarkFixture) -> None:
    def forget() -> None:
        for made in vars(relation).values():
            if hasattr(made, "cache_clear"):
                made.cache_clear()

    circuit = benchmark.pedantic(rln.circuit.rln, (), {"depth": 20}, rounds=3, setup=forget)
    assert circuit.public_inputs == 5
