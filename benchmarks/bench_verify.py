"""Verification from bytes, decoding and subgroup check in: one proof and batches, beside groth16py."""

import pytest

from benchmarks.paired import Peer, beside, repeated
from benchmarks.subject import THREADS
from rln.protocol.proof import from_public_inputs

CALLS = 16


@pytest.fixture(scope="module")
def groth16py(subject, peer_keys) -> Peer:
    peer = pytest.importorskip("groth16py")
    proving_key, verifying_key = peer_keys(subject)
    proof, values = peer.prove_wtns(proving_key, str(subject.wtns)), list(subject.values)
    verifier = peer.Verifier(verifying_key)
    assert verifier.verify(proof, values) is True
    return Peer("groth16py verify", repeated(lambda: verifier.verify(proof, values), CALLS), CALLS)


@pytest.mark.benchmark(group="one verification")
def bench_one(benchmark, subject, groth16py):
    ours = repeated(lambda: subject.key.verifying_key.verify(subject.values, subject.proof), CALLS)
    assert beside(benchmark, ours, groth16py, rounds=31, repeat=CALLS, must=4, aim=6) is True


@pytest.mark.benchmark(group="verification in batches of 256, a proof")
def bench_batch(benchmark, subject, groth16py):
    proofs = [from_public_inputs(proof, values) for proof, values in subject.proofs(256)]

    def ours() -> object:
        return subject.key.verifying_key.verify_many(proofs, threads=THREADS)

    answers = beside(benchmark, ours, groth16py, rounds=15, repeat=256, must=28, aim=50)
    assert list(answers) == [None] * 256
