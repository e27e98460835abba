"""A member's message ids: reserving one and keeping its message, beside two bare commits to the disk."""

import os
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.paired import Peer, beside, repeated
from rln.ports import KeptMessage
from rln.protocol.epoch import Epoch, rln_identifier
from rln.stores.sqlite.message_ids import SqliteMessageIds

MESSAGES = 50
COMMITS = 2
"""Commits of one message: one for its id, one for the proof that is sent."""

FRAME = 4096 + 24
"""Bytes of a page in SQLite's log; a commit of ours changes two pages."""

PROOF = bytes(295)
"""As many bytes as the record of a message with one id."""


@pytest.mark.benchmark(group="an id and its message on the disk")
def bench_message(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    ids = SqliteMessageIds(tmp_path / "ids.db")
    ids.introduce(7)
    now = Epoch.of(10, 60, rln_identifier("example.com", 60))
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(descriptor, bytes(1 << 20), 0)
    os.fsync(descriptor)
    place = iter(range(1 << 30))

    def disk() -> None:
        for _ in range(COMMITS):
            os.pwrite(descriptor, bytes(2 * FRAME), next(place) * 2 * FRAME % (1 << 19))
            os.fdatasync(descriptor)

    last = 0

    def message() -> int:
        nonlocal last
        last += 1
        reserved = ids.reserve(7, now, 1 << 16, x=last)
        ids.keep(7, now, reserved, last, PROOF)
        return last

    peer = Peer("bare pwrite and fdatasync", repeated(disk, MESSAGES), MESSAGES)
    beside(benchmark, repeated(message, MESSAGES), peer, rounds=10, repeat=MESSAGES)
    assert ids.recall(7, now.identifier, last) == (KeptMessage(10, range(last - 1, last), PROOF),)
    assert ids.reserve(7, now, 1 << 16) == range(last, last + 1)
    ids.close()
    os.close(descriptor)
