"""Database: one SQLite file whose commits are on the disk when they return; otherwise the file is refused.

The file uses WAL and `synchronous=FULL`, so a commit returns after its data is on the disk. Both settings are
read back: if SQLite does not accept a setting, it keeps the old value and reports no error.

Connections belong to one process. A fork inherits SQLite's record of which locks the process holds, but not
the locks. A child that opened the file beside an inherited connection would believe that it holds locks. When
the parent then closed the file and removed the WAL, the child's commits would be lost. So a fork waits until
no connection is in use, and the child closes the inherited connections, unused, before it opens its own.

After a disk error it is unknown which pages are in the page cache but not on the disk. The connections are
closed. The next connection writes the whole WAL to the file and syncs it before it is used.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rln.base.file_kind import store_kind
from rln.errors import StoreUnavailable
from rln.stores.file_checks import check_local_file_system, ensure_private_file

TIMEOUT: Final = 10.0
"""Seconds to wait for another process's transaction."""

_RETRY_SECONDS: Final = (0.0002, 0.002)
"""Least and greatest pause in seconds between two attempts to write. SQLite itself waits longer each time, up
to a tenth of a second, so the process that has waited longest would get in last.
"""

FULL: Final = 2
"""`PRAGMA synchronous` as SQLite reads it back."""

_WAL_BYTES: Final = 4 << 20
"""Bytes of the WAL at which its pages are written to the file."""

_FORK_TIMEOUT: Final = 1.0
"""Seconds that a fork waits for other threads to finish their use of a file."""

_abandoned: list[sqlite3.Connection] = []
"""Connections that cannot be closed, kept so that nothing tries again."""

_forked_in_use: set[Path] = set()
"""Files that this process must not open, because it was forked while they were in use."""


class _ConnectionSlot:
    """Holds one connection, which one thread uses at a time.

    Attributes:
        lock: held while the connection is used.
        connection: None while there is none.
        disk_errors: number of disk errors that had been seen when it was opened.
    """

    __slots__ = ("connection", "disk_errors", "lock")

    def __init__(self) -> None:
        self.lock = threading.RLock()  # reentrant: the thread that forks may be the one that uses it
        self.connection: sqlite3.Connection | None = None
        self.disk_errors = 0

    def clear(self) -> None:
        """Close the connection, if any; keep it if it cannot be closed."""
        connection, self.connection = self.connection, None
        try:
            if connection is not None:
                connection.close()
        except sqlite3.Error:
            if connection is not None:
                _abandoned.append(connection)


class Database:
    """A file with tables, shared by threads and processes.

    Within a block of this database, do not enter another block of it. Enter blocks of two databases in the
    same order everywhere, or they can deadlock.

    Args:
        path: path of the file; created with mode 0600 if it does not exist.
        name: name of the store in messages.
        application_id: the kind of file, in its header, 1 to 2^31 - 1.
        schema_version: the version of its tables, 1 or more; a file with another version is refused.
        page_size: bytes of a page of a new file. A commit writes whole pages: small pages are better for
            tables whose small rows are inserted one by one in random order.
        create: creates the tables, once, in the transaction that turns a new file into one of ours.

    Raises:
        StoreUnavailable: the file cannot be used, is of another kind, or has another schema version.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        application_id: int,
        schema_version: int,
        page_size: int = 4096,
        create: Callable[[sqlite3.Connection], None],
    ) -> None:
        self.path = path.absolute()
        self._name = name
        self._application_id = application_id
        self._schema_version = schema_version
        self._page_size = page_size
        self._create = create
        self._closed = False
        self._disk_errors = 0
        self._flushed_errors = 0
        self._file_id: tuple[int, int] | None = None
        self._writer = _ConnectionSlot()
        self._reader = _ConnectionSlot()
        with _forking:
            _databases.add(self)
        with self.writing():
            pass

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one write transaction: commit at its end, roll back after an exception.

        Raises:
            StoreUnavailable: SQLite or the disk failed. After a failed commit, the changes may be there or
                not.
        """
        with self.autocommitting() as connection:
            _execute_when_free(connection, "BEGIN IMMEDIATE", ())
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def autocommitting(self) -> Iterator[sqlite3.Connection]:
        """Give the writing connection without a transaction: each statement commits on its own.

        A statement that returns rows commits when all of them have been fetched. Nothing here waits for other
        writers.

        Raises:
            StoreUnavailable: as for `writing`.
        """
        slot = self._writer
        with slot.lock:
            try:
                yield self._connection_of(slot)
            except (sqlite3.Error, OSError) as error:
                raise self._unavailable(error) from error

    def execute_alone(self, statement: str, values: tuple[object, ...]) -> int:
        """Run one statement, which returns no rows, as its own transaction; return how many rows it changed.

        Raises:
            StoreUnavailable: as for `writing`.
        """
        slot = self._writer
        with slot.lock:
            try:
                return _execute_when_free(self._connection_of(slot), statement, values).rowcount
            except (sqlite3.Error, OSError) as error:
                raise self._unavailable(error) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose statements all see one state of the file; they must not write.

        Raises:
            StoreUnavailable: SQLite or the disk failed.
        """
        slot = self._reader
        with slot.lock:
            try:
                connection = self._connection_of(slot)
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            except (sqlite3.Error, OSError) as error:
                raise self._unavailable(error) from error

    def close(self) -> None:
        """Close the connections of this process; a second call does nothing."""
        self._closed = True
        for slot in (self._writer, self._reader):
            with slot.lock:
                slot.clear()

    def __repr__(self) -> str:
        return f"Database({str(self.path)!r})"

    def _connection_of(self, slot: _ConnectionSlot) -> sqlite3.Connection:
        """Return the connection of a slot whose lock is held; open one if needed, or after a disk error."""
        if self._closed:
            raise StoreUnavailable(f"{self._name}: used after it was closed")
        if os.getpid() != _process:
            raise self._error("this process was forked outside Python; fork with os.fork or multiprocessing")
        if slot.connection is not None and slot.disk_errors != self._disk_errors:
            slot.clear()
        if slot.connection is None:
            disk_errors = self._disk_errors
            slot.connection = self._open()
            slot.disk_errors = disk_errors
            if slot is self._writer:
                slot.connection.execute("PRAGMA busy_timeout=0")  # `_execute_when_free` waits instead
        else:
            self._check_file()
        return slot.connection

    def _error(self, text: str) -> StoreUnavailable:
        return StoreUnavailable(f"{self._name}: {self.path}: {text}")

    def _unavailable(self, error: sqlite3.Error | OSError) -> StoreUnavailable:
        """Make the error for callers; after a disk error, no open connection is used again."""
        if isinstance(error, sqlite3.Error) and not _is_transient(error):
            self._disk_errors += 1
        return self._error(str(error))

    def _check_file(self) -> None:
        """Refuse a file that was removed or replaced: other processes would use the new one."""
        found = os.stat(self.path)
        if self._file_id is None:
            self._file_id = found.st_dev, found.st_ino
        elif self._file_id != (found.st_dev, found.st_ino):
            raise self._error("the file was replaced by another one; close this store and open it again")

    def _open(self) -> sqlite3.Connection:
        if self.path in _forked_in_use:
            raise self._error("this process was forked while the file was in use; start a new process")
        check_local_file_system(self.path, self._name)
        if self._file_id is None:
            ensure_private_file(self.path, self._name)
        self._check_file()
        connection = sqlite3.connect(
            self.path, timeout=TIMEOUT, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_up(connection)
            self._flush(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _flush(self, connection: sqlite3.Connection) -> None:
        """Make sure that what the connection shows is on the disk, and not only in the page cache.

        A writer may have died between its write and its fsync; then nothing shows that the data is not on the
        disk. After a disk error, everything must be written again.
        """
        disk_errors = self._disk_errors
        in_doubt = disk_errors != self._flushed_errors
        busy, _, _ = connection.execute(
            f"PRAGMA wal_checkpoint({'TRUNCATE' if in_doubt else 'PASSIVE'})"
        ).fetchone()
        if in_doubt and busy:
            raise self._error("the file must be synced after a disk error, but is in use; try again")
        self._flushed_errors = max(disk_errors, self._flushed_errors)

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA page_size={self._page_size}")  # applies to a new file only
        mode = self._switch_to_wal(connection)
        connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_BYTES // self._page_size}").fetchone()
        connection.execute("PRAGMA synchronous=FULL")
        synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
        if (mode, synchronous) != ("wal", FULL):
            raise self._error(
                f"expected journal mode wal and synchronous {FULL}, got {mode} and {synchronous}"
            )
        if self._header(connection) == (0, 0):
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._header(connection) == (0, 0):
                    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                        raise self._error("expected a file of this library or an empty one; check the path")
                    self._create(connection)
                    connection.execute(f"PRAGMA application_id={self._application_id}")
                    connection.execute(f"PRAGMA user_version={self._schema_version}")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        found, schema_version = self._header(connection)
        if found != self._application_id:
            expected, got = store_kind(self._application_id).value, store_kind(found).value
            raise self._error(f"the file is of another store: expected {expected}, got {got}; check the path")
        if schema_version != self._schema_version:
            expected = f"expected schema version {self._schema_version}, got {schema_version}"
            raise self._error(f"{expected}; use the version of this library that wrote the file")

    def _switch_to_wal(self, connection: sqlite3.Connection) -> object:
        """Switch to WAL. SQLite does not wait for other processes at this step, so wait here."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                return connection.execute("PRAGMA journal_mode=wal").fetchone()[0]
            except sqlite3.OperationalError as error:
                if not _is_transient(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.005)

    def _header(self, connection: sqlite3.Connection) -> tuple[int, int]:
        return (
            connection.execute("PRAGMA application_id").fetchone()[0],
            connection.execute("PRAGMA user_version").fetchone()[0],
        )

    # Around a fork.

    def _slots(self) -> tuple[_ConnectionSlot, _ConnectionSlot]:
        return self._writer, self._reader

    def _discard_inherited(self, held: set[_ConnectionSlot]) -> None:
        """Close the inherited connections. They are not in use, so this writes nothing."""
        for slot in self._slots():
            connection = slot.connection
            if connection is not None and (slot not in held or connection.in_transaction):
                _forked_in_use.add(self.path)
                _abandoned.append(connection)
                slot.connection = None
            slot.clear()
            if slot not in held:
                slot.lock = threading.RLock()  # the thread that held it does not exist in this process


def _execute_when_free(
    connection: sqlite3.Connection, statement: str, values: tuple[object, ...]
) -> sqlite3.Cursor:
    """Execute the first statement of a transaction as soon as no other process writes."""
    deadline = None
    while True:
        try:
            return connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            now = time.monotonic()
            deadline = now + TIMEOUT if deadline is None else deadline
            if now > deadline:
                raise
        time.sleep(random.uniform(*_RETRY_SECONDS))


def _is_transient(error: sqlite3.Error) -> bool:
    """Tell whether an error leaves the file sound: it was locked for too long, or the statement was wrong."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)) or (
        code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    )


_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_process = os.getpid()
_forking = threading.RLock()
_held: list[_ConnectionSlot] = []


def _before_fork() -> None:
    _forking.acquire()
    deadline = time.monotonic() + _FORK_TIMEOUT
    for database in list(_databases):
        for slot in database._slots():
            if slot.lock.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
                _held.append(slot)


def _in_parent() -> None:
    while _held:
        _held.pop().lock.release()
    _forking.release()


def _in_child() -> None:
    global _process, _forking
    _process = os.getpid()
    held = set(_held)
    for database in list(_databases):
        database._discard_inherited(held)
    while _held:
        _held.pop().lock.release()
    _forking = threading.RLock()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
