"""The nullifier log in a file: single inserts beside bare commits to the disk, batches, and bytes a row.

The peer takes no decision and keeps no log: it writes as many bytes as one commit of ours, one page in
SQLite's log, and waits for the disk. Both sides run in Python, on the same file system, in turn.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import rln
from benchmarks.paired import Peer, beside, median_of
from rln.base.scalar import ORDER
from rln.protocol.share import Share
from rln.stores.sqlite.log import SqliteNullifierLog
from rln.verifying.ports import Taken

ROUNDS = 15
SINGLES = 1000
BATCH = 100
FRAME = 1024 + 24
"""Bytes of a page in SQLite's log; every insert changes one page."""

ROWS = 200_000
BYTES_A_ROW = 160
numbers = count(1)


def fresh() -> Share:
    """Make a share with a nullifier that no message used before; nullifiers are unordered, as hashes are."""
    spread = next(numbers) * 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251F86C6A11D0C18E95 % ORDER
    return Share(spread, ORDER - spread, spread)


@pytest.fixture
def clock() -> rln.EpochClock:
    return rln.EpochClock("example.com", 600)


@pytest.fixture
def log(tmp_path: Path, clock: rln.EpochClock) -> Iterator[SqliteNullifierLog]:
    opened = SqliteNullifierLog(tmp_path / "log.db", clock, new=True)
    yield opened
    opened.close()


@pytest.mark.benchmark(group="nullifier log in a file, a single insert")
def bench_single(
    benchmark: BenchmarkFixture, tmp_path: Path, log: SqliteNullifierLog, clock: rln.EpochClock
) -> None:
    epoch = clock.current()
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(descriptor, bytes(FRAME * SINGLES), 0)
    os.fsync(descriptor)
    frame = os.urandom(FRAME)
    to_do = [[[fresh()] for _ in range(SINGLES)] for _ in range(ROUNDS + 1)]

    def disk() -> None:
        for place in range(SINGLES):
            os.pwrite(descriptor, frame, place * FRAME)
            os.fdatasync(descriptor)

    def ours() -> list[Taken]:
        return [log.insert_or_get(epoch, shares) for shares in to_do.pop()]

    peer = Peer("bare pwrite and fdatasync", disk, SINGLES)
    answers = beside(benchmark, ours, peer, rounds=ROUNDS, repeat=SINGLES, must=0.8, aim=0.9)
    assert answers == [()] * SINGLES
    os.close(descriptor)


@pytest.mark.benchmark(group="SQLite's shortest insert, without our code")
def bench_shortest(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Insert one row at the end of a table, with the log's settings: the cost of SQLite itself."""
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(descriptor, bytes(FRAME * SINGLES), 0)
    os.fsync(descriptor)
    frame, row = os.urandom(FRAME), bytes(96)
    connection = sqlite3.connect(tmp_path / "table.db", isolation_level=None)
    connection.execute("PRAGMA page_size=1024")
    assert connection.execute("PRAGMA journal_mode=wal").fetchone() == ("wal",)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=4096").fetchone()
    connection.execute("CREATE TABLE line (number INTEGER PRIMARY KEY, data BLOB)")

    def disk() -> None:
        for place in range(SINGLES):
            os.pwrite(descriptor, frame, place * FRAME)
            os.fdatasync(descriptor)

    def theirs() -> None:
        for _ in range(SINGLES):
            connection.execute("INSERT INTO line (data) VALUES (?)", (row,))

    peer = Peer("bare pwrite and fdatasync", disk, SINGLES)
    beside(benchmark, theirs, peer, rounds=ROUNDS, repeat=SINGLES)
    assert connection.execute("SELECT count(*) FROM line").fetchone() == ((ROUNDS + 1) * SINGLES,)
    connection.close()
    os.close(descriptor)


@pytest.mark.benchmark(group="nullifier log in a file, an insert in batches of 100")
def bench_batches(benchmark: BenchmarkFixture, log: SqliteNullifierLog, clock: rln.EpochClock) -> None:
    epoch, turns = clock.current(), 50
    to_do = [[[(epoch, [fresh()]) for _ in range(BATCH)] for _ in range(turns)] for _ in range(ROUNDS + 1)]

    def ours() -> list[list[Taken | rln.StoreError]]:
        return [log.insert_or_get_many(batch) for batch in to_do.pop()]

    answers = benchmark.pedantic(ours, rounds=ROUNDS, warmup_rounds=1)
    assert answers == [[()] * BATCH] * turns
    rate = BATCH * turns / median_of(benchmark)
    benchmark.extra_info["repeat"] = BATCH * turns
    benchmark.extra_info["sizes"] = {"nullifier log in a file, batches of 100": f"{rate:,.0f} inserts/s"}


@pytest.mark.benchmark(group="nullifier log in a file, 200,000 rows")
def bench_size(
    benchmark: BenchmarkFixture, tmp_path: Path, log: SqliteNullifierLog, clock: rln.EpochClock
) -> None:
    epoch = clock.current()
    batches = [[(epoch, [fresh()]) for _ in range(1000)] for _ in range(ROWS // 1000)]

    def fill() -> list[list[Taken | rln.StoreError]]:
        return [log.insert_or_get_many(batch) for batch in batches]

    answers = benchmark.pedantic(fill, rounds=1)
    assert answers == [[()] * 1000] * len(batches)
    log.close()  # moves all rows into the file
    size = (tmp_path / "log.db").stat().st_size / ROWS
    assert size <= BYTES_A_ROW
    benchmark.extra_info["sizes"] = {"nullifier log in a file: a row": f"{size:.0f} bytes"}
