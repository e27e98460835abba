"""Verification of one proof and of batches, decoding and subgroup check included, beside groth16py."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from benchmarks.paired import Peer, beside, repeated
from benchmarks.subject import THREADS, PeerKeys, Subject
from rln.protocol.proof import from_public_inputs

CALLS = 16


@pytest.fixture(scope="module")
def groth16py(subject: Subject, peer_keys: PeerKeys) -> Peer:
    peer = pytest.importorskip("groth16py")
    proving_key, verifying_key = peer_keys(subject)
    proof, values = peer.prove_wtns(proving_key, str(subject.wtns)), list(subject.values)
    verifier = peer.Verifier(verifying_key)
    assert verifier.verify(proof, values) is True
    return Peer("groth16py verify", repeated(lambda: verifier.verify(proof, values), CALLS), CALLS)


@pytest.mark.benchmark(group="one verification")
def bench_one(benchmark: BenchmarkFixture, subject: Subject, groth16py: Peer) -> None:
    ours = repeated(lambda: subject.key.verifying_key.verify(subject.values, subject.proof), CALLS)
    assert beside(benchmark, ours, groth16py, rounds=31, repeat=CALLS, must=4, aim=6) is True


@pytest.mark.benchmark(group="verification in batches of 256, a proof")
def bench_batch(benchmark: BenchmarkFixture, subject: Subject, groth16py: Peer) -> None:
    proofs = [from_public_inputs(proof, values) for proof, values in subject.proofs(256)]

    def ours() -> list[rln.InputError | rln.InvalidProof | None]:
        return subject.key.verifying_key.verify_many(proofs, threads=THREADS)

    answers = beside(benchmark, ours, groth16py, rounds=15, repeat=256, must=28, aim=50)
    assert list(answers) == [None] * 256
