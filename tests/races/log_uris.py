"""Stores of a nullifier log by name: each makes an empty log and returns its URI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.effort import RELEASE
from tests.support.redis_server import empty_cluster, empty_sentinel, empty_server

MakeUri = Callable[[Path], str]
"""Takes an empty directory, and returns the URI of an empty log."""


def memory(folder: Path) -> str:
    return "memory://"


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder.absolute()}/log.db"


def redis(folder: Path) -> str:
    return empty_server()


def sentinel(folder: Path) -> str:
    return empty_sentinel()


def cluster(folder: Path) -> str:
    return empty_cluster()


SHARED: dict[str, MakeUri] = {"sqlite": sqlite, "redis": redis}
"""Stores that several processes can use at the same time."""

if RELEASE:
    SHARED |= {"sentinel": sentinel, "cluster": cluster}

LOGS: dict[str, MakeUri] = {"memory": memory, **SHARED}
"""All stores."""

ATOMIC_LOGS = ("memory", "sqlite")
"""Stores that insert either all shares of a message with several ids or none."""
