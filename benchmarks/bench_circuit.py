"""Building RLN(20, 16) in Python."""

import pytest

import rln


@pytest.mark.benchmark(group="build the circuit RLN(20, 16)")
def bench_circuit(benchmark):
    circuit = benchmark.pedantic(rln.circuit.rln, (), {"depth": 20}, rounds=3)
    assert circuit.public_inputs == 5
