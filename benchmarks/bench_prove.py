"""Proofs of RLN(20, 16) on every tier, beside groth16py with the same key and statement.

Ours start from the circom inputs, so their time includes the witness; groth16py's `prove_wtns` starts from a
finished witness. Tables are built first; their time and size are separate figures.
"""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.paired import Peer, beside
from benchmarks.subject import SUBJECTS, THREADS, PeerKeys, Subject, Subjects
from rln import ProvingKey
from rln.base import scalar
from rln.lowlevel.token import Token

Proving = Callable[[str], tuple[Subject, Peer]]

KEYS = pytest.mark.parametrize("key", list(SUBJECTS))


@pytest.fixture
def proving(subjects: Subjects, peer_keys: PeerKeys) -> Proving:
    """Make a subject with its tables, and groth16py's proof of it, for the name of a key."""

    def prepare(name: str) -> tuple[Subject, Peer]:
        subject = subjects(name)
        subject.key.build_tables()
        groth16py = pytest.importorskip("groth16py")
        proving_key, verifying_key = peer_keys(subject)
        proof = groth16py.prove_wtns(proving_key, str(subject.wtns))
        assert groth16py.Verifier(verifying_key).verify(proof, list(subject.values))
        return subject, Peer("groth16py", lambda: groth16py.prove_wtns(proving_key, str(subject.wtns)))

    return prepare


@KEYS
@pytest.mark.benchmark(group="full proof")
def bench_full(benchmark: BenchmarkFixture, proving: Proving, engine_name: str, key: str) -> None:
    subject, peer = proving(key)
    must, aim = (1.3, 2) if engine_name == "portable" else (9, 13)
    proof = beside(
        benchmark, lambda: subject.key.prove(subject.witness(), THREADS), peer, rounds=15, must=must, aim=aim
    )
    assert subject.key.verifying_key.verify(subject.values, proof)


@KEYS
@pytest.mark.benchmark(group="prepared proof")
def bench_prepared(benchmark: BenchmarkFixture, proving: Proving, key: str) -> None:
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


def make_tokens(subject: Subject, count: int) -> list[Token]:
    """Prepare tokens for the subject's statement on one thread."""
    key = subject.key
    with_x = {**subject.statement.inputs(), "x": (0,)}, {**subject.statement.inputs(), "x": (1,)}
    zero, one = (key.witness(inputs, subject.statement.identity) for inputs in with_x)
    partial = key.partial(zero, key.tables())
    return [Token.new(partial, zero, one) for _ in range(count)]


@KEYS
@pytest.mark.parametrize("self_check", ["self-check off", "self-check on"])
@pytest.mark.benchmark(group="publishing with a token")
def bench_publish(benchmark: BenchmarkFixture, proving: Proving, key: str, self_check: str) -> None:
    subject, peer = proving(key)
    x = scalar.encode(subject.statement.inputs()["x"][0], "x")
    rounds = 15
    tokens = iter(make_tokens(subject, rounds + 1))
    check = self_check == "self-check on"

    def publish() -> bytes:
        proof = next(tokens).publish(x)
        assert not check or subject.key.verifying_key.verify(subject.values, proof)
        return proof

    must, aim = (500, 700) if check else (900, 1500)
    proof = beside(benchmark, publish, peer, rounds=rounds, must=must, aim=aim)
    assert subject.key.verifying_key.verify(subject.values, proof)


@pytest.mark.benchmark(group="preparing a token")
def bench_token(benchmark: BenchmarkFixture, proving: Proving) -> None:
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
def bench_threads(benchmark: BenchmarkFixture, proving: Proving) -> None:
    subject, _ = proving("own key")
    alone = Peer("our 1 thread", lambda: subject.key.prove(subject.witness(), 1))
    proof = beside(
        benchmark, lambda: subject.key.prove(subject.witness(), 2), alone, rounds=31, must=1.7, aim=1.9
    )
    assert subject.key.verifying_key.verify(subject.values, proof)


@pytest.mark.benchmark(group="building the tables of RLN(20, 16)")
def bench_tables(benchmark: BenchmarkFixture, subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLN_CACHE_DIR", "")
    made: list[ProvingKey] = []

    def again() -> None:
        made[:] = [ProvingKey.decode(subject.key.encode(), check=False)]

    benchmark.pedantic(lambda: made[0].build_tables(threads=THREADS), setup=again, rounds=3)
    assert made[0].has_tables
    benchmark.extra_info["sizes"] = {"tables of RLN(20, 16)": f"{made[0].tables_size / 1e6:.1f} MB"}


@pytest.mark.benchmark(group="witness from the circom inputs")
def bench_witness(benchmark: BenchmarkFixture, subject: Subject) -> None:
    witness = benchmark(subject.witness)
    assert subject.key.public_values(witness) == subject.values
