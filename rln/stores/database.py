"""Database: one SQLite file, opened so that what was committed stays, and refused when it is unsure.

WAL and `synchronous=FULL`: a commit returns after the disk has it. Both settings are read back, since SQLite
answers a setting that it did not take with the old value and no error.

Connections belong to one process. A forked child never touches those of its parent, not even to close them:
closing checkpoints a file that the parent is writing. It opens its own.

After an error of the disk nobody knows what is in the page cache and not on the disk. The connections are
given up; the next one writes everything from the log to the file and asks the disk for it before it is used.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rln.errors import StoreUnavailable
from rln.stores.place import check_place, make_private

PATIENCE: Final = 10.0
"""Seconds that one waits for another process's transaction."""

FULL: Final = 2
"""`PRAGMA synchronous`, as SQLite reads it back."""

_abandoned: list[sqlite3.Connection] = []
"""Connections of a parent process, kept so that nothing closes them."""


class Database:
    """A file with tables, for threads and processes at once.

    Args:
        path: of the file; it is made when it is missing, with mode 0600.
        name: what messages call the store.
        application_id: says in the file's header what it is, 1 to 2^31 - 1.
        form: says which tables it has, 1 or more; a file of another form is refused.
        create: makes the tables, once, in the transaction in which the file becomes one of ours.

    Raises:
        StoreUnavailable: the file cannot be used, is not ours, or has another form.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        application_id: int,
        form: int,
        create: Callable[[sqlite3.Connection], None],
    ) -> None:
        self.path = path.absolute()
        self._name = name
        self._application_id = application_id
        self._form = form
        self._create = create
        self._closed = False
        self._suspect = False
        self._start()
        _databases.add(self)
        with self.writing():
            pass

    def _start(self) -> None:
        self._writer_lock = threading.Lock()
        self._reader_lock = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes: committed at the end of the block, rolled back after an exception.

        Raises:
            StoreUnavailable: SQLite or the disk failed; after a failed commit what was written may be there
                or not.
        """
        with self.stating() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def stating(self) -> Iterator[sqlite3.Connection]:
        """The writing connection outside a transaction: each statement is one of its own.

        Raises:
            StoreUnavailable: as `writing`.
        """
        with self._writer_lock, self._guarded():
            if self._suspect:
                self._writer = _given_up(self._writer)
            self._writer = self._writer or self._open()
            yield self._writer

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the file for all statements of the block, which write nothing.

        Raises:
            StoreUnavailable: SQLite or the disk failed.
        """
        with self._reader_lock, self._guarded():
            if self._suspect:
                self._reader = _given_up(self._reader)
            self._reader = connection = self._reader or self._open()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connections of this process; a second time does nothing."""
        self._closed = True
        with self._writer_lock, self._reader_lock:
            self._writer = _given_up(self._writer)
            self._reader = _given_up(self._reader)

    def __repr__(self) -> str:
        return f"Database({str(self.path)!r})"

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable(f"{self._name}: used after it was closed")
        try:
            yield
        except sqlite3.Error as error:
            self._suspect = self._suspect or not _is_passing(error)
            raise StoreUnavailable(f"{self._name}: {self.path}: {error}") from error
        except OSError as error:
            raise StoreUnavailable(f"{self._name}: {self.path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        check_place(self.path, self._name)
        make_private(self.path, self._name)
        connection = sqlite3.connect(
            self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_up(connection)
            if self._suspect:
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if busy:
                    raise StoreUnavailable(f"{self._name}: {self.path}: still in doubt after a disk error")
                self._suspect = False
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        mode = self._to_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
        if (mode, synchronous) != ("wal", FULL):
            raise StoreUnavailable(
                f"{self._name}: {self.path}: expected journal mode wal and synchronous {FULL}, "
                f"got {mode} and {synchronous}"
            )
        if self._header(connection) == (0, 0):
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._header(connection) == (0, 0):
                    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                        raise StoreUnavailable(f"{self._name}: {self.path}: expected our file, got another's")
                    self._create(connection)
                    connection.execute(f"PRAGMA application_id={self._application_id}")
                    connection.execute(f"PRAGMA user_version={self._form}")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        found, form = self._header(connection)
        if found != self._application_id:
            raise StoreUnavailable(
                f"{self._name}: {self.path}: expected a file of kind {self._application_id}, got {found}"
            )
        if form != self._form:
            raise StoreUnavailable(f"{self._name}: {self.path}: expected form {self._form}, got {form}")

    def _to_wal(self, connection: sqlite3.Connection) -> object:
        """Switch to WAL; SQLite does not wait for others at this step, so we do."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return connection.execute("PRAGMA journal_mode=wal").fetchone()[0]
            except sqlite3.OperationalError as error:
                if not _is_passing(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.005)

    def _header(self, connection: sqlite3.Connection) -> tuple[int, int]:
        return (
            connection.execute("PRAGMA application_id").fetchone()[0],
            connection.execute("PRAGMA user_version").fetchone()[0],
        )

    def _leave_to_parent(self) -> None:
        _abandoned.extend(c for c in (self._writer, self._reader) if c is not None)
        self._start()


def _given_up(connection: sqlite3.Connection | None) -> sqlite3.Connection | None:
    """Close a connection, if there is one, and return none; one that cannot even be closed is kept aside."""
    try:
        if connection is not None:
            connection.close()
    except sqlite3.Error:
        if connection is not None:
            _abandoned.append(connection)
    return None


def _is_passing(error: sqlite3.Error) -> bool:
    """Tell whether the file is sound: somebody else held it too long, or a statement was wrong."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)) or (
        code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    )


_databases: weakref.WeakSet[Database] = weakref.WeakSet()


def _in_child() -> None:
    for database in list(_databases):
        database._leave_to_parent()


os.register_at_fork(after_in_child=_in_child)
