"""Places for a nullifier log, by name: each gives the URI of a fresh, empty one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.effort import RELEASE
from tests.support.redis_server import empty_cluster, empty_sentinel, empty_server

Place = Callable[[Path], str]
"""Takes a directory of its own, which is there and empty."""


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


SHARED: dict[str, Place] = {"sqlite": sqlite, "redis": redis}
"""Those that several processes can use at once."""

if RELEASE:
    SHARED |= {"sentinel": sentinel, "cluster": cluster}

LOGS: dict[str, Place] = {"memory": memory, **SHARED}
"""All of them."""

WHOLE = ("memory", "sqlite")
"""Those that keep nothing of a message with several ids when one of them was taken."""
