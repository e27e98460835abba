"""SqliteRegistry: the members of a group in one SQLite file, for threads and processes at once.

A second file beside it, `NAME-slashed`, holds every slashing once more, so that no slashing is lost when the
database is restored from a backup; see `rln.stores.sqlite.slashed_file`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Self

from rln.base.file_kind import FileKind
from rln.errors import StoreUnavailable
from rln.group.ports import RegistryChange
from rln.stores.file_checks import reason_not_to_write
from rln.stores.restored import note_again, restored_registry
from rln.stores.sql_registry import SqlChange, SqlRegistry
from rln.stores.sql_rows import ForeignRow, Row, field_element, naming
from rln.stores.sql_tables import REGISTRY, SET_ORIGIN, RegistryRow, definitions
from rln.stores.sql_transaction import SqlTransaction
from rln.stores.sqlite.connection_slot import rows_of
from rln.stores.sqlite.database import Database
from rln.stores.sqlite.file_header import reason_to_refuse
from rln.stores.sqlite.read_only_database import ReadOnlyDatabase
from rln.stores.sqlite.slashed_file import FileState, SlashedFile, SlashedRecord

_SCHEMA_VERSION: Final = 2
_NAME: Final = "members"
_IF_UNKNOWN: Final = (
    "the change may have happened or not, because the commit failed: before you repeat it, ask whether it "
    "has happened (`is_member`, `was_member`, `is_slashed`, or `head` of the registry)"
)
_SLASHED_COUNT: Final = "SELECT count(*) FROM rln_slashing"
_ALL_SLASHINGS: Final = "SELECT commitment, noted, due FROM rln_slashing ORDER BY noted, commitment"
_CACHE_KIBIBYTES: Final = 32 << 10
"""Page cache of a change, at most: half of what a change may need beside its tree. Commitments come in no
order, so a page of their index that does not fit is written to the WAL and read again; for 2^20 members, four
times the cache takes 5 % less time (`benchmarks/bench_members.py`).
"""


class SqliteRegistry(SqlRegistry):
    """A `MemberRegistry` in a file. Safe to use from several threads, and across a fork.

    Args:
        path: path of the file; it and the file of slashed members are created if they do not exist.
        depth: levels of the membership tree, 1 to 32; an existing file must have the same.
        limit_bits: limits are 1 to 2^limit_bits; an existing file must have the same.

    Raises:
        ParameterError: an argument outside its range, or a file of another depth or limit.
        StoreUnavailable: here and in every method, the file cannot be used, or the disk failed. Here also:
            the registry was restored or copied, and nobody has said what was slashed since.
        IntegrityAlarm: here and in every method, a row was not written by this library.
    """

    def __init__(self, path: Path, depth: int, limit_bits: int = 16) -> None:
        super().__init__(depth, limit_bits)
        self._open(path)
        try:
            self._settle()
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def existing(cls, path: Path) -> Self:
        """Open the registry in a file with its own depth and limit.

        If this process must not write the file, because it is on read-only media or belongs to another user,
        the registry can be read, and every change raises `StoreUnavailable`.

        Raises:
            StoreUnavailable: no such file, or no registry in it; and as for the constructor. Also a file that
                can only be read, and not safely; see `ReadOnlyDatabase`.
        """
        why = _reason_not_to_write(path)
        if why is not None:
            return cls._for_reading(path, why)
        found = _registry_row(path)
        return cls(path, found.depth, found.limit_bits)

    @classmethod
    def _for_reading(cls, path: Path, why: str) -> Self:
        name = f"{_NAME}: {path.absolute()}"
        database = ReadOnlyDatabase(
            path, name=_NAME, kind=FileKind.REGISTRY, schema_version=_SCHEMA_VERSION, why=why
        )
        opened = cls.__new__(cls)
        try:
            with naming(name), database.reading() as connection:
                found = RegistryRow.of(_SqliteTransaction(connection).rows(REGISTRY), name)
            SqlRegistry.__init__(opened, found.depth, found.limit_bits)
            opened._set_path(path)
            opened._database = database
            opened._settle()
        except BaseException:
            database.close()
            raise
        return opened

    @classmethod
    def accept_restored(cls, path: Path, slashed: Sequence[int], at: int) -> int:
        """Use a restored or copied registry again; see `rln.stores.accept_restored_members`."""
        why = _reason_not_to_write(path)
        if why is not None:
            raise StoreUnavailable(
                f"{_NAME}: {path}: {why}; put the file and {path.name}-slashed where you may write both, as "
                "files of your own, and name that place"
            )
        found = _registry_row(path)
        opened = cls.__new__(cls)
        SqlRegistry.__init__(opened, found.depth, found.limit_bits)
        opened._open(path)
        with closing(opened), naming(opened._store), opened._changing() as transaction:
            change = SqlChange(transaction, found.depth, found.limit_bits)
            records = opened._slashed.read(0)[1] if opened._slashed.exists() else []
            noted = note_again(change, [*records, *((commitment, at, at) for commitment in slashed)])
            rows = transaction.rows(_ALL_SLASHINGS)
            listed = [(field_element(row[0], "rln_slashing: commitment"), *row[1:]) for row in rows]
            state = opened._slashed.replace(listed)
            transaction.run(SET_ORIGIN, state.encode())
        return noted

    def __repr__(self) -> str:
        return f"SqliteRegistry({str(self._path)!r}, depth {self._depth})"

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def change(self) -> Iterator[RegistryChange]:
        """Begin an exclusive change."""
        before = self._failed
        try:
            with super().change() as change:
                yield change
        except StoreUnavailable:
            if self._failed is not before:
                self._record_failed()
            raise

    @property
    def _store(self) -> str:
        return f"{_NAME}: {self._path}"

    def _open(self, path: Path) -> None:
        self._set_path(path)
        self._database = Database(
            path,
            name=_NAME,
            kind=FileKind.REGISTRY,
            schema_version=_SCHEMA_VERSION,
            others_may_read=True,
            create=self._create,
        )

    def _set_path(self, path: Path) -> None:
        self._path = path.absolute()
        self._slashed = SlashedFile(self._path, _NAME)
        self._failed: FileState | None = None
        """The state of the file after a failed write of this process: it is nobody's copy."""

    def _create(self, connection: sqlite3.Connection) -> None:
        for definition in definitions("INTEGER", "BLOB"):
            connection.execute(definition)
        change = SqlChange(_SqliteTransaction(connection), self._depth, self._limit_bits)
        change.create("")
        if not self._slashed.exists():
            self._slashed.replace(())
        self._catch_up(change)

    def _settle(self) -> None:
        """Take in what the file of slashed members has and the database lacks, or refuse the registry."""
        with naming(self._store), self._reading() as transaction:
            SqlChange(transaction, self._depth, self._limit_bits).check(_NAME)
            recorded = FileState.decode(_origin(transaction))
            state = self._slashed.quick_state()
            if state is not None and state.fits(recorded):
                count = transaction.rows(_SLASHED_COUNT)[0][0]
                if count != state.count:
                    raise ForeignRow(f"rln_slashing: expected {state.count} rows, got {count}")
                return
        if isinstance(self._database, ReadOnlyDatabase):
            raise StoreUnavailable(
                f"{self._store}: {self._database.why}; {self._slashed.path.name} is not as the database has "
                "recorded it: either a slashing is still to be noted, so open the registry once as a user "
                "who may write it (`rln group list`); or the files were copied or restored, so put both "
                "where you may write them, and run `rln group restored` there"
            )
        with naming(self._store), self._changing() as transaction:
            self._catch_up(SqlChange(transaction, self._depth, self._limit_bits))

    def _before_commit(self, change: SqlChange) -> None:
        if change.noted:
            self._catch_up(change)

    def _catch_up(self, change: SqlChange) -> None:
        """Make the file and the database hold the same slashings, as the last thing before a commit.

        Raises:
            StoreUnavailable: slashings may be missing in both.
        """
        recorded = FileState.decode(_origin(change.transaction))
        new = list(change.noted)
        if not self._slashed.exists():
            raise restored_registry(self._store, f"its file {self._slashed.path.name} is missing")
        known = 0 if recorded is None else recorded.count
        state, records = self._slashed.read(known)
        doubt = None if state.fits(self._failed) else state.reason_for_doubt(recorded)
        if doubt is not None:
            raise restored_registry(self._store, f"{self._slashed.path.name}: {doubt}")
        missing = records[known:]
        note_again(change, missing)
        listed = {commitment for commitment, _, _ in missing}
        added: list[SlashedRecord] = [*missing, *(one for one in new if one[0] not in listed)]
        if added:
            try:
                # The missing ones are written again, because they may not be on the disk.
                state = self._slashed.write(known, added)
            except StoreUnavailable:
                self._failed = self._slashed.quick_state()
                raise
        change.transaction.run(SET_ORIGIN, state.encode())

    def _record_failed(self) -> None:
        """Record the state of the file after a failed write, so that it is not taken for a copy."""
        with naming(self._store), self._changing() as transaction:
            self._catch_up(SqlChange(transaction, self._depth, self._limit_bits))

    @contextmanager
    def _reading(self) -> Iterator[SqlTransaction]:
        with self._database.reading() as connection:
            yield _SqliteTransaction(connection)

    @contextmanager
    def _changing(self) -> Iterator[SqlTransaction]:
        with self._database.writing(_IF_UNKNOWN) as connection:
            connection.execute(f"PRAGMA cache_size=-{_CACHE_KIBIBYTES}")
            yield _SqliteTransaction(connection)


class _SqliteTransaction(SqlTransaction):
    duplicate_error = sqlite3.IntegrityError

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, *values: object) -> list[Row]:
        return self._connection.execute(statement, values).fetchall()

    def run(self, statement: str, *values: object) -> int:
        return self._connection.execute(statement, values).rowcount

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        places = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


def _reason_not_to_write(path: Path) -> str | None:
    try:
        return reason_not_to_write(path)
    except OSError as error:
        raise StoreUnavailable(f"{_NAME}: {path}: {error.strerror}") from error


def _registry_row(path: Path) -> RegistryRow:
    """Return the row of an existing file about its registry; the file is not changed."""
    name = f"{_NAME}: {path}"
    try:
        refusal = reason_to_refuse(path, FileKind.REGISTRY, _SCHEMA_VERSION, empty=False)
        if refusal is not None:
            raise StoreUnavailable(f"{name}: {refusal}")
        found = rows_of(path, REGISTRY)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{name}: {error}") from error
    with naming(name):
        return RegistryRow.of(found, name)


def _origin(transaction: SqlTransaction) -> str:
    return RegistryRow.of(transaction.rows(REGISTRY), _NAME).origin
