"""Open the nullifier log that a URI names. A command never makes a log by accident."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Protocol, runtime_checkable

from rln.cli.registry import check_persistent
from rln.cli.report import UnusableFile
from rln.protocol.epoch import EpochClock
from rln.stores import LOGS, open_log
from rln.stores.sqlite.log import SqliteNullifierLog, holds_log
from rln.verifying.ports import NullifierLog


@runtime_checkable
class _ServerLog(Protocol):
    """A log on servers."""

    @property
    def exists(self) -> bool: ...

    @property
    def servers(self) -> str: ...


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a log, or None for a log on servers."""
    where = check_persistent(uri, LOGS)
    return where.path if where.scheme == "sqlite" else None


def check_exists(uri: str) -> None:
    """Refuse a file that is missing or has no log, so that none is created. Servers are not asked.

    Raises:
        UnusableFile: there is no log.
    """
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        raise UnusableFile(f"{path}: No such file or directory")
    if path is not None and not holds_log(path):
        raise UnusableFile(f"{path}: expected a nullifier log, got a file with a high-water mark only")


def check_new(uri: str, clock: EpochClock) -> None:
    """Refuse to make a log that exists. Nothing is written.

    Raises:
        UnusableFile: there is a log, in the file or on a server.
    """
    path = sqlite_path(uri)
    if path is not None:
        place, exists = str(path), path.exists() and holds_log(path)
    else:
        with closing(open_read_only_log(uri, clock)) as log:
            place, exists = log_place(log), isinstance(log, _ServerLog) and log.exists
    if exists:
        raise UnusableFile(
            f"{place}: the log exists already, and nothing was changed; start the verifiers to use it; if no "
            "message was accepted in the current epochs, you may create one in another place"
        )


def log_place(log: NullifierLog) -> str:
    """Return where a log is: its file, or the hosts and ports of its servers."""
    if isinstance(log, SqliteNullifierLog):
        return str(log.path)
    return log.servers if isinstance(log, _ServerLog) else repr(log)


def open_existing_log(uri: str, clock: EpochClock) -> NullifierLog:
    """Open a log; a missing file, and a file without a log, is an error.

    Raises:
        UnusableFile: there is no log.
    """
    check_exists(uri)
    return open_log(uri, clock)


def open_read_only_log(uri: str, clock: EpochClock) -> NullifierLog:
    """Open an existing log, to which nothing is written.

    Raises:
        UnusableFile: there is no log.
    """
    where = check_persistent(uri, LOGS)
    if where.scheme == "sqlite":
        return open_existing_log(uri, clock)
    from rln.stores.redis.log import open_redis_log

    return open_redis_log(where, clock, read_only=True)
