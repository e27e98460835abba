"""Building RLN(20, 16) in Python, nothing cached."""

import pytest

import rln
from rln.circuit import relation


@pytest.mark.benchmark(group="build the circuit RLN(20, 16)")
def bench_circuit(benchmark):
    def forget() -> None:
        for made in vars(relation).values():
            if hasattr(made, "cache_clear"):
                made.cache_clear()

    circuit = benchmark.pedantic(rln.circuit.rln, (), {"depth": 20}, rounds=3, setup=forget)
    assert circuit.public_inputs == 5
