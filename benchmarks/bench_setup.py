"""A fresh key for RLN(20, 16) with 2 threads, beside groth16py on our exported `.r1cs`."""

import pytest

import rln
from benchmarks.paired import Peer, beside


@pytest.mark.benchmark(group="setup of RLN(20, 16), 2 threads")
def bench_setup(benchmark, subject):
    groth16py = pytest.importorskip("groth16py")
    made: list[tuple[object, object]] = []
    peer = Peer(
        "groth16py setup", lambda: made.append(groth16py.setup(str(subject.zkey.with_suffix(".r1cs"))))
    )
    key = beside(benchmark, lambda: rln.setup(subject.circuit, threads=2), peer, rounds=5, must=1.5, aim=3)
    witness = key.witness(subject.statement.inputs(), subject.statement.identity)
    assert key.verifying_key.verify(key.public_values(witness), key.prove(witness, 1))
    proof = groth16py.prove_wtns(made[-1][0], str(subject.wtns))
    assert groth16py.Verifier(made[-1][1]).verify(proof, list(subject.values))
