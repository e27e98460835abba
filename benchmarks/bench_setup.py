"""The setup of a key for RLN(20, 16) on 2 threads, beside groth16py with our exported `.r1cs`."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from benchmarks.paired import Peer, beside
from benchmarks.subject import Subject


@pytest.mark.benchmark(group="setup of RLN(20, 16), 2 threads")
def bench_setup(benchmark: BenchmarkFixture, subject: Subject) -> None:
    groth16py = pytest.importorskip("groth16py")
    circuit = subject.circuit
    assert circuit is not None
    made: list[tuple[object, object]] = []
    peer = Peer(
        "groth16py setup", lambda: made.append(groth16py.setup(str(subject.zkey.with_suffix(".r1cs"))))
    )
    key = beside(benchmark, lambda: rln.setup(circuit, threads=2), peer, rounds=5, must=1.5, aim=3)
    witness = key.witness(subject.statement.inputs(), subject.statement.identity)
    assert key.verifying_key.verify(key.public_values(witness), key.prove(witness, 1))
    proof = groth16py.prove_wtns(made[-1][0], str(subject.wtns))
    assert groth16py.Verifier(made[-1][1]).verify(proof, list(subject.values))
