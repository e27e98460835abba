"""Proofs of RLN(20, 16) on every tier, beside groth16py on the same key and statement.

Ours start at the circom inputs, so the witness is in; groth16py's `prove_wtns` starts at a finished witness.
Tables are built before; their time and size are figures of their own.
"""

import pytest

from benchmarks.paired import Peer, beside
from benchmarks.subject import SUBJECTS, THREADS
from rln import ProvingKey
from rln.base import scalar
from rln.lowlevel.token import Token

KEYS = pytest.mark.parametrize("key", list(SUBJECTS))


@pytest.fixture
def proving(subjects, peer_keys):
    """A subject with its tables, and groth16py's proof of it; for a key by name."""

    def of(name):
        subject = subjects(name)
        subject.key.build_tables()
        groth16py = pytest.importorskip("groth16py")
        proving_key, verifying_key = peer_keys(subject)
        proof = groth16py.prove_wtns(proving_key, str(subject.wtns))
        assert groth16py.Verifier(verifying_key).verify(proof, list(subject.values))
        return subject, Peer("groth16py", lambda: groth16py.prove_wtns(proving_key, str(subject.wtns)))

    return of


@KEYS
@pytest.mark.benchmark(group="full proof")
def bench_full(benchmark, proving, engine_name, key):
    subject, peer = proving(key)
    must, aim = (1.3, 2) if engine_name == "portable" else (9, 13)
    proof = beside(
        benchmark, lambda: subject.key.prove(subject.witness(), THREADS), peer, rounds=15, must=must, aim=aim
    )
    assert subject.key.verifying_key.verify(subject.values, proof)


@KEYS
@pytest.mark.benchmark(group="prepared proof")
def bench_prepared(benchmark, proving, key):
    subject, peer = proving(key)
    prepared = subject.key.partial(subject.witness(), subject.key.tables())
    proof = beside(
        benchmark,
        lambda: prepared.finish(subject.witness(), threads=THREADS),
        peer,
        rounds=15,
        must=28,
        aim=40,
    )
    assert subject.key.verifying_key.verify(subject.values, proof)


def tokens_of(subject, count):
    """Tokens for the statement of the subject, prepared on one thread."""
    key = subject.key
    with_x = {**subject.statement.inputs(), "x": (0,)}, {**subject.statement.inputs(), "x": (1,)}
    zero, one = (key.witness(inputs, subject.statement.identity) for inputs in with_x)
    partial = key.partial(zero, key.tables())
    return [Token.new(partial, zero, one) for _ in range(count)]


@KEYS
@pytest.mark.parametrize("self_check", ["self-check off", "self-check on"])
@pytest.mark.benchmark(group="publishing with a token")
def bench_publish(benchmark, proving, key, self_check):
    subject, peer = proving(key)
    x = scalar.encode(subject.statement.inputs()["x"][0], "x")
    rounds = 15
    tokens = iter(tokens_of(subject, rounds + 1))
    check = self_check == "self-check on"

    def publish() -> bytes:
        proof = next(tokens).publish(x)
        assert not check or subject.key.verifying_key.verify(subject.values, proof)
        return proof

    must, aim = (500, 700) if check else (900, 1500)
    proof = beside(benchmark, publish, peer, rounds=rounds, must=must, aim=aim)
    assert subject.key.verifying_key.verify(subject.values, proof)


@pytest.mark.benchmark(group="preparing a token")
def bench_token(benchmark, proving):
    subject, _ = proving("own key")
    key = subject.key
    with_x = {**subject.statement.inputs(), "x": (0,)}, {**subject.statement.inputs(), "x": (1,)}
    partial = key.partial(subject.witness(), key.tables())

    def prepare() -> Token:
        zero, one = (key.witness(inputs, subject.statement.identity) for inputs in with_x)
        return Token.new(partial, zero, one)

    full = Peer("our full proof", lambda: key.prove(subject.witness(), THREADS))
    token = beside(benchmark, prepare, full, rounds=15, must=1 / 1.2, aim=2)
    x = scalar.encode(subject.statement.inputs()["x"][0], "x")
    assert key.verifying_key.verify(subject.values, token.publish(x))


@pytest.mark.benchmark(group="full proof, 2 threads")
def bench_threads(benchmark, proving):
    subject, _ = proving("own key")
    alone = Peer("our 1 thread", lambda: subject.key.prove(subject.witness(), 1))
    proof = beside(
        benchmark, lambda: subject.key.prove(subject.witness(), 2), alone, rounds=31, must=1.7, aim=1.9
    )
    assert subject.key.verifying_key.verify(subject.values, proof)


@pytest.mark.benchmark(group="building the tables of RLN(20, 16)")
def bench_tables(benchmark, subject, monkeypatch):
    monkeypatch.setenv("RLN_CACHE_DIR", "")
    made: list[ProvingKey] = []

    def again() -> None:
        made[:] = [ProvingKey.decode(subject.key.encode(), check=False)]

    benchmark.pedantic(lambda: made[0].build_tables(threads=THREADS), setup=again, rounds=3)
    assert made[0].has_tables
    benchmark.extra_info["sizes"] = {"tables of RLN(20, 16)": f"{made[0]._tables.size / 1e6:.1f} MB"}


@pytest.mark.benchmark(group="witness from the circom inputs")
def bench_witness(benchmark, subject):
    witness = benchmark(subject.witness)
    assert subject.key.public_values(witness) == subject.values
