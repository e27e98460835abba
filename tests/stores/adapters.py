"""The adapters that the contract tests run on: each function makes a new, empty store.

A log is opened with a clock and `new=True`, since nothing was accepted before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rln.ports import MemberRegistry, MessageIdAllocator, NullifierLog
from rln.protocol.epoch import EpochClock
from rln.stores import open_log, open_members
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog
from rln.stores.sqlite.log import SqliteNullifierLog
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.support.postgres_server import empty_database
from tests.support.redis_server import empty_cluster, empty_server, empty_watched

Request = pytest.FixtureRequest


def clock() -> EpochClock:
    """A clock at the machine's own time, because servers compare their clocks with it."""
    return EpochClock("example.com", 60)


def memory_log(request: Request, tmp_path: Path) -> NullifierLog:
    return MemoryNullifierLog()


def sqlite_log(request: Request, tmp_path: Path) -> NullifierLog:
    return SqliteNullifierLog(tmp_path / "log.db", clock(), new=True)


def redis_log(request: Request, tmp_path: Path) -> NullifierLog:
    return open_log(empty_server(), clock(), new=True)


def sentinel_log(request: Request, tmp_path: Path) -> NullifierLog:
    return open_log(empty_watched(), clock(), new=True)


def cluster_log(request: Request, tmp_path: Path) -> NullifierLog:
    return open_log(empty_cluster(), clock(), new=True)


def memory_ids(request: Request, tmp_path: Path) -> MessageIdAllocator:
    return MemoryMessageIds()


def sqlite_ids(request: Request, tmp_path: Path) -> MessageIdAllocator:
    return SqliteMessageIds(tmp_path / "ids.db")


LOGS: dict[str, Callable[[Request, Path], NullifierLog]] = {
    "memory": memory_log,
    "sqlite": sqlite_log,
    "redis": redis_log,
    "sentinel": sentinel_log,
    "cluster": cluster_log,
}
MESSAGE_IDS: dict[str, Callable[[Request, Path], MessageIdAllocator]] = {
    "memory": memory_ids,
    "sqlite": sqlite_ids,
}
REGISTRIES: dict[str, Callable[[Path], str]] = {
    "memory": lambda tmp_path: "memory://",
    "sqlite": lambda tmp_path: f"sqlite:///{tmp_path / 'members.db'}",
    "postgres": lambda tmp_path: empty_database(),
}
"""Each function returns the URI of a registry that does not exist yet."""


def registry_at(uri: str, depth: int = 6, limit_bits: int = 4) -> MemberRegistry:
    """A registry for small trees."""
    return open_members(uri, depth, limit_bits)
