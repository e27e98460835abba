"""Database: one SQLite file whose commits are on the disk when they return; otherwise the file is refused.

The file uses WAL and `synchronous=FULL`, so a commit returns after its data is on the disk. Both settings are
read back: if SQLite does not accept a setting, it keeps the old value and reports no error.

After a disk error it is unknown which pages are in the page cache but not on the disk. The connections are
closed. The next connection writes the whole WAL to the file and syncs it before it is used.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rln.base import forks
from rln.base.file_kind import STORE_IDS, FileKind
from rln.errors import StoreUnavailable
from rln.stores.file_checks import check_local_file_system, ensure_private_file
from rln.stores.sqlite.busy import execute_when_free, is_busy
from rln.stores.sqlite.connection_slot import ConnectionSlot, in_use_at_fork
from rln.stores.sqlite.file_header import header, reason_to_refuse, wrong_header
from rln.stores.sqlite.outcome import UNKNOWN, alone, commit, outcome_of, roll_back

TIMEOUT: Final = 10.0
"""Seconds that a call waits for other threads' and other processes' transactions, in all."""

FULL: Final = 2
"""`PRAGMA synchronous` as SQLite reads it back."""

_WAL_BYTES: Final = 4 << 20
"""Bytes of the WAL at which its pages are written to the file."""


class Database:
    """A file with tables, shared by threads and processes. A forked child opens connections of its own.

    Within a block of this database, do not enter another block of it. Enter blocks of two databases in the
    same order everywhere, or they can deadlock.

    Args:
        path: path of the file; created with mode 0600 if it does not exist.
        name: name of the store in messages.
        kind: the kind of file, in its header; a file of another kind is refused, and
            left as it is.
        schema_version: the version of its tables, 1 or more; a file with another version is refused.
        page_size: bytes of a page of a new file. A commit writes whole pages: small pages are better for
            tables whose small rows are inserted one by one in random order.
        others_may_read: the owner may let other users read an existing file.
        create: creates the tables, once, in the transaction that turns a new file into one of ours.

    Raises:
        StoreUnavailable: the file cannot be used, is of another kind, or has another schema version.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        kind: FileKind,
        schema_version: int,
        page_size: int = 4096,
        others_may_read: bool = False,
        create: Callable[[sqlite3.Connection], None],
    ) -> None:
        self.path = path.absolute()
        self._name = name
        self._kind = kind
        self._schema_version = schema_version
        self._page_size = page_size
        self._others_may_read = others_may_read
        self._create = create
        self._closed = False
        self._disk_errors = 0
        self._flushed_errors = 0
        self._file_id: tuple[int, int] | None = None
        self._writer = ConnectionSlot(self.path)
        self._reader = ConnectionSlot(self.path)
        self._begin()

    def _begin(self) -> None:
        """Use the file once, so that one that cannot be used is refused at construction."""
        with self.writing():
            pass

    @contextmanager
    def writing(self, if_unknown: str = UNKNOWN) -> Iterator[sqlite3.Connection]:
        """Run the block in one write transaction: commit at its end, roll back after an exception.

        Args:
            if_unknown: how an error ends after which the changes may be there or not, and how to find out.

        Raises:
            StoreUnavailable: SQLite or the disk failed; the error says whether a change may have happened.
        """
        with self._using(self._writer) as (connection, deadline):
            execute_when_free(connection, "BEGIN IMMEDIATE", (), deadline)
            try:
                yield connection
                self._refuse_inherited(connection, self._writer)
                commit(connection, if_unknown)
            except BaseException as error:
                if connection is self._writer.connection:
                    roll_back(connection, error)
                raise

    @contextmanager
    def autocommitting(self) -> Iterator[sqlite3.Connection]:
        """Give the writing connection without a transaction: each statement commits on its own.

        A statement that returns rows commits when all of them have been fetched. Nothing here waits for other
        writers.

        Raises:
            StoreUnavailable: as for `writing`.
        """
        with self._using(self._writer) as (connection, _):
            yield connection

    def execute_alone(self, statement: str, values: tuple[object, ...], if_unknown: str) -> int:
        """Run one statement, which returns no rows, as its own transaction; return how many rows it changed.

        Raises:
            StoreUnavailable: as for `writing`.
        """
        with self._using(self._writer) as (connection, deadline), alone(if_unknown):
            return execute_when_free(connection, statement, values, deadline).rowcount

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose statements all see one state of the file; they must not write.

        Raises:
            StoreUnavailable: SQLite or the disk failed.
        """
        slot = self._reader
        with self._using(slot) as (connection, deadline):
            connection.execute("BEGIN")
            try:
                # The first read takes the state that all others see; only this one may have to wait.
                execute_when_free(connection, "SELECT 1 FROM sqlite_schema LIMIT 1", (), deadline).fetchall()
                yield connection
                self._refuse_inherited(connection, slot)
            finally:
                if connection is slot.connection and connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connections of this process; a second call does nothing."""
        self._closed = True
        if forks.unnoticed():
            return  # the connections are the parent's
        for slot in (self._writer, self._reader):
            with slot.lock:
                slot.clear()

    def __repr__(self) -> str:
        return f"Database({str(self.path)!r})"

    @contextmanager
    def _using(self, slot: ConnectionSlot) -> Iterator[tuple[sqlite3.Connection, float]]:
        """Give the connection of a slot, and the monotonic time after which this call waits no more.

        If the call has waited in vain for another process, no thread waits for a while.
        """
        forks.refuse_unnoticed(self._name)
        began = time.monotonic()
        with slot.patience.hold(slot.lock, TIMEOUT, f"{self._name}: {self.path}") as deadline:
            try:
                yield self._connection_of(slot, deadline), deadline
            except (sqlite3.Error, OSError) as error:
                if is_busy(error) and time.monotonic() >= began + TIMEOUT:
                    slot.patience.give_up(TIMEOUT)
                raise self._unavailable(error) from error

    def _connection_of(self, slot: ConnectionSlot, deadline: float) -> sqlite3.Connection:
        """Return the connection of a slot whose lock is held; open one if needed, or after a disk error."""
        if self._closed:
            raise StoreUnavailable(f"{self._name}: used after it was closed")
        if slot.connection is not None and slot.disk_errors != self._disk_errors:
            slot.clear()
        if slot.connection is None:
            disk_errors = self._disk_errors
            slot.connection = self._open(deadline)
            slot.disk_errors = disk_errors
            slot.connection.execute("PRAGMA busy_timeout=0")  # `execute_when_free` waits instead
        else:
            self._check_file()
        return slot.connection

    def _error(self, text: str) -> StoreUnavailable:
        return StoreUnavailable(f"{self._name}: {self.path}: {text}")

    def _in_use_at_fork(self) -> StoreUnavailable:
        return self._error("this process was forked while the file was in use; start a new process")

    def _refuse_inherited(self, connection: sqlite3.Connection, slot: ConnectionSlot) -> None:
        """Refuse to go on with a transaction that began before a fork by this thread: it is the parent's."""
        if connection is not slot.connection:
            raise self._in_use_at_fork()

    def _unavailable(self, error: sqlite3.Error | OSError) -> StoreUnavailable:
        """Make the error for callers; after a disk error, no open connection is used again."""
        if isinstance(error, sqlite3.Error) and not _is_transient(error):
            self._disk_errors += 1
        return self._error(f"{error}; {outcome_of(error)}")

    def _check_file(self) -> None:
        """Refuse a file that was removed or replaced: other processes would use the new one."""
        found = os.stat(self.path)
        if self._file_id is None:
            self._file_id = found.st_dev, found.st_ino
        elif self._file_id != (found.st_dev, found.st_ino):
            raise self._error("the file was replaced by another one; close this store and open it again")

    def _open(self, deadline: float) -> sqlite3.Connection:
        if in_use_at_fork(self.path):
            raise self._in_use_at_fork()
        check_local_file_system(self.path, self._name)
        if self._file_id is None:
            ensure_private_file(self.path, self._name, others_may_read=self._others_may_read)
            refusal = reason_to_refuse(self.path, self._kind, self._schema_version)
            if refusal is not None:
                raise self._error(refusal)
        self._check_file()
        left = max(0.0, deadline - time.monotonic())
        connection = sqlite3.connect(self.path, timeout=left, isolation_level=None, check_same_thread=False)
        # Text that is not UTF-8 is a damaged row for the store to name, and no error of SQLite.
        connection.text_factory = lambda text: text.decode(errors="replace")
        try:
            self._set_up(connection, deadline)
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

    def _set_up(self, connection: sqlite3.Connection, deadline: float) -> None:
        connection.execute(f"PRAGMA page_size={self._page_size}")  # applies to a new file only
        mode = self._switch_to_wal(connection, deadline)
        connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_BYTES // self._page_size}").fetchone()
        # A mapped file that another program truncates would end the process.
        connection.execute("PRAGMA mmap_size=0").fetchone()
        connection.execute("PRAGMA synchronous=FULL")
        synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
        if (mode, synchronous) != ("wal", FULL):
            raise self._error(
                f"expected journal mode wal and synchronous {FULL}, got {mode} and {synchronous}"
            )
        if header(connection) == (0, 0):
            connection.execute("BEGIN IMMEDIATE")
            try:
                if header(connection) == (0, 0):
                    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                        raise self._error("expected a file of this library or an empty one; check the path")
                    self._create(connection)
                    connection.execute(f"PRAGMA application_id={STORE_IDS[self._kind]}")
                    connection.execute(f"PRAGMA user_version={self._schema_version}")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        refusal = wrong_header(header(connection), self._kind, self._schema_version)
        if refusal is not None:
            raise self._error(refusal)

    def _switch_to_wal(self, connection: sqlite3.Connection, deadline: float) -> object:
        """Switch to WAL. SQLite does not wait for other processes at this step, so wait here."""
        while True:
            try:
                return connection.execute("PRAGMA journal_mode=wal").fetchone()[0]
            except sqlite3.OperationalError as error:
                if not _is_transient(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.005)


def _is_transient(error: sqlite3.Error) -> bool:
    """Tell whether an error leaves the file sound: it was locked for too long, or the statement was wrong."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)) or (
        code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    )
