"""The adapters that the contract suites run on: each makes a fresh, empty store.

A log is opened on a clock that stands still; `new=True`, since nothing was accepted before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rln.epoch import EpochClock
from rln.ports import MessageIdAllocator, NullifierLog
from rln.stores.memory import MemoryMessageIds, MemoryNullifierLog

Request = pytest.FixtureRequest


def clock() -> EpochClock:
    """A clock at the machine's own time: servers compare theirs with it."""
    return EpochClock("example.com", 60)


def memory_log(request: Request, tmp_path: Path) -> NullifierLog:
    return MemoryNullifierLog()


def memory_ids(request: Request, tmp_path: Path) -> MessageIdAllocator:
    return MemoryMessageIds()


LOGS: dict[str, Callable[[Request, Path], NullifierLog]] = {"memory": memory_log}
MESSAGE_IDS: dict[str, Callable[[Request, Path], MessageIdAllocator]] = {"memory": memory_ids}
