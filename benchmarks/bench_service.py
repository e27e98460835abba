"""A whole decision, from the bytes of a message to its verdict, in batches of 256, on each kind of log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from benchmarks.subject import DEPTH, THREADS, Subject
from rln.ports import NullifierLog
from rln.stores import open_log
from tests.support.redis_server import redis_server

BATCH = 256
ROUNDS = 7


@pytest.fixture(scope="module")
def clock() -> rln.EpochClock:
    return rln.EpochClock("bench.example", 3600)


@pytest.fixture(scope="module")
def messages(subject: Subject, clock: rln.EpochClock) -> list[tuple[bytes, bytes]]:
    """Make encoded messages of one member, each with its own message id, and their signals."""
    group = rln.Group(DEPTH)
    member = group.register(subject.statement.identity.commitment, BATCH)
    ids = rln.stores.open_message_ids("memory://")
    prover = rln.Prover(subject.statement.identity, member, subject.key, ids=ids, clock=clock)
    signals = [b"message %d" % number for number in range(BATCH)]
    return [(prover.prove(signal).encode(), signal) for signal in signals]


@contextmanager
def _logs(kind: str, clock: rln.EpochClock, directory: Path) -> Iterator[Callable[[], NullifierLog]]:
    """Give a function that opens an empty log of a kind."""
    numbers = count()
    if kind != "redis":
        uris = {"memory": "memory://", "sqlite": f"sqlite:///{directory}/log"}
        yield lambda: open_log(uris[kind] + (str(next(numbers)) if kind == "sqlite" else ""), clock, new=True)
        return
    with redis_server(directory) as server:

        def emptied() -> NullifierLog:
            server.client.flushall()
            return open_log(server.uri, clock, new=True)

        yield emptied


@pytest.mark.benchmark(group="a decision in batches of 256")
@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
def bench_decision(
    benchmark: BenchmarkFixture,
    subject: Subject,
    clock: rln.EpochClock,
    messages: list[tuple[bytes, bytes]],
    tmp_path: Path,
    kind: str,
) -> None:
    root = rln.RlnProof.decode(messages[0][0]).root
    with _logs(kind, clock, tmp_path) as fresh:
        verifier: list[rln.Verifier] = []

        def empty_log() -> None:
            verifier[:] = [
                rln.Verifier(
                    subject.key.verifying_key, roots=[root], log=fresh(), clock=clock, threads=THREADS
                )
            ]

        def decide() -> list[rln.Verdict]:
            return verifier[0].submit_many([(rln.RlnProof.decode(data), signal) for data, signal in messages])

        verdicts = benchmark.pedantic(decide, setup=empty_log, rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info["repeat"] = BATCH
    assert verdicts == [rln.Valid()] * BATCH
