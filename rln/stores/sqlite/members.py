"""SqliteRegistry: the members of a group in one SQLite file, for threads and processes at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Self

from rln.base.file_kind import store_kind
from rln.errors import StoreUnavailable
from rln.stores.sql_registry import REGISTRY, TABLES, SqlChange, SqlRegistry, SqlTransaction
from rln.stores.sql_rows import Row
from rln.stores.sqlite.database import Database

_APPLICATION_ID: Final = 0x726C6E67  # "rlng"
_SCHEMA_VERSION: Final = 1
_NAME: Final = "members"
_CACHE_KIBIBYTES: Final = 128 << 10
"""Page cache of a change, at most. Commitments come in no order, so many of them touch every page of an
index, and a page that does not fit is written and read again for each of them.
"""


class SqliteRegistry(SqlRegistry):
    """A `MemberRegistry` in a file. Safe to use from several threads, and across a fork.

    Args:
        path: path of the file; created if it does not exist.
        depth: levels of the membership tree, 1 to 32; an existing file must have the same.
        limit_bits: limits are 1 to 2^limit_bits; an existing file must have the same.

    Raises:
        ParameterError: an argument outside its range, or a file of another depth or limit.
        StoreUnavailable: here and in every method, the file cannot be used, or the disk failed.
    """

    def __init__(self, path: Path, depth: int, limit_bits: int = 16) -> None:
        super().__init__(depth, limit_bits)
        self._database = Database(
            path,
            name=_NAME,
            application_id=_APPLICATION_ID,
            schema_version=_SCHEMA_VERSION,
            create=self._create,
        )
        try:
            with self._reading() as transaction:
                SqlChange(transaction, depth, limit_bits).check(_NAME)
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def existing(cls, path: Path) -> Self:
        """Open the registry in a file with its own depth and limit.

        Raises:
            StoreUnavailable: no such file, or no registry in it.
        """
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                (application_id,) = connection.execute("PRAGMA application_id").fetchone()
                if application_id not in (0, _APPLICATION_ID):
                    got = store_kind(application_id).value
                    raise StoreUnavailable(
                        f"{_NAME}: {path}: expected a registry of members, got {got}; check the path"
                    )
                found = connection.execute(REGISTRY).fetchone()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{_NAME}: {path}: {error}") from error
        if found is None:
            raise StoreUnavailable(f"{_NAME}: {path}: expected a registry, got none; check the path")
        return cls(path, *found)

    def __repr__(self) -> str:
        return f"SqliteRegistry({str(self._database.path)!r}, depth {self._depth})"

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _create(self, connection: sqlite3.Connection) -> None:
        for table in TABLES:
            connection.execute(table.format(number="INTEGER", bytes="BLOB"))
        SqlChange(_SqliteTransaction(connection), self._depth, self._limit_bits).create()

    @contextmanager
    def _reading(self) -> Iterator[SqlTransaction]:
        with self._database.reading() as connection:
            yield _SqliteTransaction(connection)

    @contextmanager
    def _changing(self) -> Iterator[SqlTransaction]:
        with self._database.writing() as connection:
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

    def run_many(self, statement: str, rows: Iterable[Row]) -> None:
        self._connection.executemany(statement, rows)
