"""A client's message ids: reserve and keep for one message, beside the disk's own work for two commits."""

import os

import pytest

from benchmarks.paired import Peer, beside, repeated
from rln.protocol.epoch import Epoch, rln_identifier
from rln.stores.sqlite.message_ids import SqliteMessageIds

MESSAGES = 50
COMMITS = 2
"""Of one message: its id, and what goes out with it."""

FRAME = 4096 + 24
"""What a page of SQLite takes in its log; a commit of ours changes two."""

PROOF = bytes(295)
"""As long as the record of a message with one id."""


@pytest.mark.benchmark(group="an id and its message on the disk")
def bench_message(benchmark, tmp_path):
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
    assert ids.recall(7, now, last) == PROOF
    assert ids.reserve(7, now, 1 << 16) == range(last, last + 1)
    ids.close()
    os.close(descriptor)
