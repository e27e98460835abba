"""ConnectionSlot: a place for one SQLite connection, which belongs to one process.

A fork inherits SQLite's record of which locks the process holds, but not the locks. A child that opened the
file beside an inherited connection would believe that it holds locks. When the parent then closed the file
and removed the WAL, the child's commits would be lost. So a fork waits until no connection is in use
(`rln.base.forks`), and the child closes the inherited connections, unused, before it opens its own. If the
fork has waited in vain, the child refuses the file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from rln.base import forks
from rln.errors import StoreUnavailable
from rln.stores.patience import Patience
from rln.stores.sql_rows import Row

_abandoned: Final[list[sqlite3.Connection]] = []
"""Connections that cannot be closed, kept so that nothing tries again."""

_in_use_at_fork: Final[set[Path]] = set()
"""Files that this process must not open, because it was forked while they were in use."""


class ConnectionSlot:
    """Holds one connection, which one thread uses at a time; empty in a forked child.

    Args:
        path: the file, an absolute path.

    Attributes:
        lock: held while the connection is opened, used or closed.
        connection: None while there is none.
        patience: how long threads wait for the slot and its connection.
        disk_errors: number of disk errors that had been seen when it was opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lock = threading.RLock()  # reentrant: the thread that forks may be the one that uses it
        self.connection: sqlite3.Connection | None = None
        self.patience = Patience()
        self.disk_errors = 0
        forks.register(self)

    def clear(self) -> None:
        """Close the connection, if any; keep it if it cannot be closed."""
        connection, self.connection = self.connection, None
        try:
            if connection is not None:
                connection.close()
        except sqlite3.Error:
            if connection is not None:
                _abandoned.append(connection)

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self.lock,)

    def _after_fork(self, torn: bool) -> None:
        """Close the inherited connection if it is not in use, which writes nothing.

        With `torn`, another thread uses it, or opens one that is not in the slot yet. Without it, the thread
        that forked may be in a transaction.
        """
        if torn:
            self.lock = threading.RLock()
        if torn or (self.connection is not None and self.connection.in_transaction):
            _in_use_at_fork.add(self._path)
            if self.connection is not None:
                _abandoned.append(self.connection)
            self.connection = None
        self.clear()


def in_use_at_fork(path: Path) -> bool:
    """Tell whether this process was forked while its parent used a file; then it must not open the file."""
    return path in _in_use_at_fork


@contextmanager
def reading(path: Path, options: str = "mode=ro") -> Iterator[sqlite3.Connection]:
    """Open an existing file for the block, by a connection that only reads.

    Args:
        path: path of the file.
        options: options of SQLite's URI.

    Raises:
        StoreUnavailable: this process was forked, and it was not noticed, or the file was in use then.
        sqlite3.Error: the file cannot be read.
    """
    forks.refuse_unnoticed(str(path))
    slot = ConnectionSlot(path.absolute())
    with slot.lock:
        if in_use_at_fork(path.absolute()):
            raise StoreUnavailable(f"{path}: this process was forked while the file was in use")
        slot.connection = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True)
        with closing(slot.connection) as connection:
            yield connection


def rows_of(path: Path, query: str) -> list[Row]:
    """Return the rows of a query on an existing file; errors as for `reading`."""
    with reading(path) as connection:
        return connection.execute(query).fetchall()
