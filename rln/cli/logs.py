"""Open the nullifier log that a URI names. Only `rln log create` makes one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Protocol, runtime_checkable

from rln.cli.registry import check_persistent
from rln.cli.report import UnusableFile
from rln.protocol.epoch import EpochClock
from rln.stores import LOGS, open_log
from rln.stores.sqlite.log import holds_log
from rln.verifying.ports import NullifierLog


@runtime_checkable
class _Placed(Protocol):
    """A log that can say where it is."""

    @property
    def place(self) -> str: ...


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a log, or None for a log on servers."""
    where = check_persistent(uri, LOGS)
    return where.path if where.scheme == "sqlite" else None


_CREATE = (
    "for a new service, run `rln log create`; if a log was lost, do not: start a verifier, which refuses the "
    "epochs that are open now"
)
"""What to do without a log. A new log that accepts messages at once may accept for a second time."""


def check_exists(uri: str, clock: EpochClock) -> None:
    """Refuse a file or servers without a log, so that none is created.

    Raises:
        UnusableFile: there is no log.
    """
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        raise UnusableFile(f"{path}: No such file or directory; {_CREATE}")
    place, exists = _look(uri, clock)
    if not exists:
        got = "no record of one" if path is None else "a file with a high-water mark only"
        raise UnusableFile(f"{place}: expected a nullifier log, got {got}; {_CREATE}")


def exists(uri: str, clock: EpochClock) -> bool:
    """Tell whether there is a log, in the file or on a server. Nothing is written."""
    return _look(uri, clock)[1]


def check_new(uri: str, clock: EpochClock) -> None:
    """Refuse to make a log that exists. Nothing is written.

    Raises:
        UnusableFile: there is a log, in the file or on a server.
    """
    place, exists = _look(uri, clock)
    if exists:
        raise UnusableFile(
            f"{place}: the log exists already, and nothing was changed; start the verifiers to use it; if no "
            "message was accepted in the current epochs, you may create one in another place"
        )


def log_place(log: NullifierLog) -> str:
    """Return where a log is: its file, or the hosts and ports of its servers."""
    return log.place if isinstance(log, _Placed) else repr(log)


def open_existing_log(uri: str, clock: EpochClock) -> NullifierLog:
    """Open a log that exists.

    Raises:
        UnusableFile: there is no log.
    """
    check_exists(uri, clock)
    return open_log(uri, clock)


def open_read_only_log(uri: str, clock: EpochClock) -> NullifierLog:
    """Open a log, to which nothing is written. Servers may have no log; then it refuses all epochs.

    Raises:
        UnusableFile: there is no log in the file.
    """
    where = check_persistent(uri, LOGS)
    if where.scheme == "sqlite":
        return open_existing_log(uri, clock)
    from rln.stores.redis.log import open_redis_log

    return open_redis_log(where, clock, read_only=True)


def _look(uri: str, clock: EpochClock) -> tuple[str, bool]:
    """Return where a log is or would be, and whether it exists."""
    path = sqlite_path(uri)
    if path is not None:
        return str(path), path.exists() and holds_log(path)
    from rln.stores.redis.log import open_redis_log

    with closing(open_redis_log(check_persistent(uri, LOGS), clock, read_only=True)) as log:
        return log.place, log.exists()
