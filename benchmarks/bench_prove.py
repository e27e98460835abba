"""A full proof of RLN(20, 16): ours from the circom inputs, groth16py's from a finished witness, one key."""

import pytest

from benchmarks.subject import THREADS


@pytest.mark.benchmark(group="full proof RLN(20, 16)")
def bench_ours(benchmark, subject):
    def prove() -> bytes:
        return subject.key.prove(subject.witness(), THREADS)

    proof = benchmark.pedantic(prove, rounds=9, warmup_rounds=1)
    assert subject.key.verifying_key.verify(subject.values, proof)


@pytest.mark.benchmark(group="full proof RLN(20, 16)")
def bench_groth16py(benchmark, subject, peer_key):
    groth16py = pytest.importorskip("groth16py")
    proving_key, verifying_key = peer_key
    arguments = (proving_key, str(subject.wtns))
    proof = benchmark.pedantic(groth16py.prove_wtns, arguments, rounds=9, warmup_rounds=1)
    assert groth16py.Verifier(verifying_key).verify(proof, list(subject.values))


@pytest.mark.benchmark(group="witness RLN(20, 16)")
def bench_witness(benchmark, subject):
    witness = benchmark(subject.witness)
    assert subject.key.public_values(witness) == subject.values
