"""SearchTable: a temporary SQLite database for one search, in one process.

A thread that is in SQLite during a fork may hold mutexes of SQLite, which would stay locked in the child. So
every use is short, and a fork waits for its end. The child's copy would share the temporary file with the
parent, so it is never used, and never closed: closing it would write to the file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from rln.base import forks
from rln.errors import StoreUnavailable

_CHUNK: Final = 1000
"""Rows that are inserted while a fork waits."""

_abandoned: Final[list[sqlite3.Connection]] = []


class SearchTable:
    """A database that exists while its search does. One thread at a time may use it.

    In a forked child every call raises `StoreUnavailable`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: the thread that forks may be the one that uses it
        self._copied = False
        self._connection: sqlite3.Connection | None = None
        forks.register(self)
        with self._lock:
            # SQLite keeps a database without a name in a private temporary file and deletes it on close.
            self._connection = sqlite3.connect("", isolation_level=None)

    def execute(self, statement: str, *values: object) -> list[Any]:
        """Run a statement, and return its rows.

        Raises:
            StoreUnavailable: here and below, the table cannot be used, or the process was forked meanwhile.
        """
        with self._locked() as connection:
            return connection.execute(statement, values).fetchall()

    def execute_many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement for each row."""
        remaining = iter(rows)
        while chunk := list(islice(remaining, _CHUNK)):
            with self._locked() as connection:
                connection.executemany(statement, chunk)

    def close(self) -> None:
        """Delete the database, unless it is the parent's."""
        if not self._copied and not forks.unnoticed() and self._connection is not None:
            with self._lock:
                self._connection.close()

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        if self._copied or forks.unnoticed() or self._connection is None:
            raise StoreUnavailable("violators: this process was forked during the search; search again")
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise StoreUnavailable(f"violators: {error}") from error

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._copied = True
        if self._connection is not None:
            _abandoned.append(self._connection)
