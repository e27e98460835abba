"""The nullifier log on Redis, beside bare redis-py that sends the same commands to the same server.

The peer takes no decision and does not check the server: it packs, sends, and reads the replies. Both sides
run on the same machine as the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from benchmarks.paired import Peer, beside
from rln.protocol.epoch import Epoch
from rln.protocol.share import Share
from rln.stores import open_log
from rln.verifying.ports import Claim, NullifierLog, Taken
from tests.support.redis_server import RedisServer, redis_server

ROUNDS = 15
ENTRIES = 100_000
numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def clock() -> rln.EpochClock:
    return rln.EpochClock("example.com", 600)


@pytest.fixture
def log(server: RedisServer, clock: rln.EpochClock) -> Iterator[NullifierLog]:
    server.client.flushall()
    opened = open_log(server.uri, clock, new=True)
    yield opened
    opened.close()


def fresh(epoch: Epoch, size: int) -> list[Claim]:
    """Claim nullifiers that no message used before."""
    return [(epoch, [Share(number, number, number)]) for number in (next(numbers) for _ in range(size))]


@pytest.mark.benchmark(group="nullifier log on Redis, a decision")
@pytest.mark.parametrize("how", ["in pipelines of 100", "alone"])
def bench_decisions(
    benchmark: BenchmarkFixture, server: RedisServer, log: NullifierLog, clock: rln.EpochClock, how: str
) -> None:
    size, turns = {"in pipelines of 100": (100, 20), "alone": (1, 300)}[how]
    epoch, retention = clock.current(), clock.retention
    ours_to_do = [[fresh(epoch, size) for _ in range(turns)] for _ in range(ROUNDS + 1)]
    # As many bytes as ours; the peer's keys never collide with the log's.
    theirs_to_do = [
        [[(b"bare%071d" % next(numbers), bytes(76)) for _ in range(size)] for _ in range(turns)]
        for _ in range(ROUNDS + 1)
    ]

    def bare() -> None:
        for batch in theirs_to_do.pop():
            pipe = server.client.pipeline(transaction=False)
            for key, value in batch:
                pipe.set(key, value, nx=True, get=True, ex=retention)
            assert pipe.execute() == [None] * size

    def ours() -> list[Sequence[Taken | rln.StoreError]]:
        return [log.insert_or_get_many(batch) for batch in ours_to_do.pop()]

    peer = Peer("bare redis-py", bare, turns * size)
    must = 0.85 if size > 1 else None
    answers = beside(benchmark, ours, peer, rounds=ROUNDS, repeat=turns * size, must=must, aim=None)
    assert answers == [[()] * size] * turns


@pytest.mark.benchmark(group="nullifier log on Redis, a look at 100 nullifiers")
def bench_looking(benchmark: BenchmarkFixture, log: NullifierLog, clock: rln.EpochClock) -> None:
    epoch = clock.current()
    keys = [(epoch, next(numbers)) for _ in range(100)]
    assert benchmark(log.peek_many, keys) == [None] * 100


@pytest.mark.benchmark(group="nullifier log on Redis, 100,000 entries")
def bench_size(
    benchmark: BenchmarkFixture, server: RedisServer, log: NullifierLog, clock: rln.EpochClock
) -> None:
    epoch = clock.current()
    before = server.client.info("memory")["used_memory"]
    batches = [fresh(epoch, 500) for _ in range(ENTRIES // 500)]

    def fill() -> list[Sequence[Taken | rln.StoreError]]:
        return [log.insert_or_get_many(batch) for batch in batches]

    answers = benchmark.pedantic(fill, rounds=1)
    assert answers == [[()] * 500] * len(batches)
    memory = server.client.info("memory")
    # The buffers of connections and of the file are not part of an entry.
    buffers = sum(memory[name] for name in ("mem_clients_normal", "mem_aof_buffer"))
    size = (memory["used_memory"] - buffers - before) / ENTRIES
    assert size <= 300
    benchmark.extra_info["sizes"] = {"nullifier log on Redis: an entry": f"{size:.0f} bytes"}
