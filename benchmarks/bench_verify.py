"""Verification: one proof beside groth16py's prepared verifier, decoding and subgroup check in; batches."""

import pytest

from benchmarks.subject import THREADS


@pytest.mark.benchmark(group="verify one proof")
def bench_ours(benchmark, subject):
    assert benchmark(subject.key.verifying_key.verify, subject.values, subject.proof) is True


@pytest.mark.benchmark(group="verify one proof")
def bench_groth16py(benchmark, subject, peer_key):
    groth16py = pytest.importorskip("groth16py")
    proving_key, verifying_key = peer_key
    proof = groth16py.prove_wtns(proving_key, str(subject.wtns))
    verifier = groth16py.Verifier(verifying_key)
    assert benchmark(verifier.verify, proof, list(subject.values)) is True


@pytest.mark.parametrize("size", [1, 16, 256])
@pytest.mark.benchmark(group="verify a batch of proofs")
def bench_batch(benchmark, subject, size):
    from rln.proof import from_public_inputs

    proofs = [from_public_inputs(subject.proof, subject.values)] * size
    answers = benchmark.pedantic(
        subject.key.verifying_key.verify_many, (proofs,), {"threads": THREADS}, rounds=5
    )
    assert list(answers) == [None] * size
