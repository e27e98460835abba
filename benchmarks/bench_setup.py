"""A fresh key for RLN(20, 16), beside groth16py on our exported `.r1cs`."""

import pytest

import rln
from benchmarks.subject import THREADS


@pytest.mark.benchmark(group="setup RLN(20, 16)")
def bench_ours(benchmark, subject):
    key = benchmark.pedantic(rln.setup, (subject.circuit,), {"threads": THREADS}, rounds=3)
    witness = key.witness(subject.statement.inputs, subject.statement.identity)
    assert key.verifying_key.verify(key.public_values(witness), key.prove(witness, THREADS))


@pytest.mark.benchmark(group="setup RLN(20, 16)")
def bench_groth16py(benchmark, subject):
    groth16py = pytest.importorskip("groth16py")
    key, verifying_key = benchmark.pedantic(groth16py.setup, (str(subject.r1cs),), rounds=3)
    proof = groth16py.prove_wtns(key, str(subject.wtns))
    assert groth16py.Verifier(verifying_key).verify(proof, list(subject.values))
