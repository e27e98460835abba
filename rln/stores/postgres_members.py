"""PostgresRegistry: the members of a group in a PostgreSQL database, for several machines at once.

A change locks the one row of `rln_registry`, which excludes every other change, and then reads what was
committed before. A reader sees one state for all questions of one call, and never waits for a change.

A commit returns after it is on the server's disk, whatever the server's default is. A server that runs
without `fsync` or `full_page_writes` is refused. This module is imported only when a `postgresql://` URI is
opened; it needs the extra `postgres`.
"""

from __future__ import annotations

import os
import re
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import psycopg
from psycopg import conninfo

from rln.errors import ParameterError, StoreUnavailable
from rln.stores.postgres_origin import COLUMNS, PERMITTED, Origin, origin_statement, reason_for_doubt
from rln.stores.restored import note_again, restored_registry
from rln.stores.sql_registry import SqlChange, SqlRegistry
from rln.stores.sql_rows import Row, naming
from rln.stores.sql_tables import REGISTRY, SET_ORIGIN, RegistryRow, check_columns, definitions
from rln.stores.sql_transaction import SqlTransaction

_HOST: Final = re.compile(r"[\w./,:%-]*")
_PORT: Final = re.compile(r"[0-9,]*")

if TYPE_CHECKING:
    from psycopg.abc import PQGen

_T = TypeVar("_T")

TIMEOUT: Final = 10
"""Seconds to wait for a connection, for another process's change, and for an answer."""

_STATEMENT_FACTOR: Final = 1.1
_SILENCE_FACTOR: Final = 1.2
"""Factors on TIMEOUT for a statement and for an answer. Both are larger than 1, so if a statement
waits for a lock, the lock timeout ends it first, and the error names the lock.
"""

_NAME: Final = "members"
_FOR_UPDATE: Final = " FOR UPDATE OF r"
_LOCK: Final = "SELECT one FROM rln_registry FOR UPDATE"
_TABLES_EXIST: Final = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'rln_registry'"
    " AND pg_catalog.pg_table_is_visible(oid))"
)
"""Not by `to_regclass`, which may answer from a cache that is older than the lock."""

_CREATION_LOCK: Final = "SELECT pg_advisory_xact_lock(7813182)"
"""Taken before the tables are created; the number is arbitrary."""

_DURABLE_SETTINGS: Final = ("fsync", "full_page_writes", "synchronous_commit")
"""Settings that must be on. We set the last one ourselves; `off` loses commits in a crash, `local` does not
wait for standbys.
"""


class _Connection(psycopg.Connection[Row]):
    """A connection whose calls end after about TIMEOUT seconds, even if the server process hangs.

    The server's timeouts end slow statements, the kernel's timeouts end unreachable connections. A server
    process that is stopped still acknowledges bytes but never answers, so the waiting thread also checks the
    time itself.
    """

    def wait(self, gen: PQGen[_T], *arguments: Any, **options: Any) -> _T:
        """Run an operation of psycopg; as `psycopg.Connection.wait`.

        Raises:
            OperationalError: nothing arrived for too long; the connection is now closed.
        """
        return super().wait(self._bounded(gen), *arguments, **options)

    def _bounded(self, gen: PQGen[_T]) -> PQGen[_T]:
        """Forward an operation's waits, and end the operation when nothing arrives for too long."""
        try:
            awaited = next(gen)
            heard = time.monotonic()
            while True:
                ready = yield awaited  # NONE several times a second
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > TIMEOUT * _SILENCE_FACTOR:
                    gen.close()
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer for {TIMEOUT * _SILENCE_FACTOR:.1f} seconds")
                awaited = gen.send(ready)
        except StopIteration as end:
            value: _T = end.value
            return value


class PostgresRegistry(SqlRegistry):
    """A `MemberRegistry` in a database. Safe to use from several threads, and across a fork.

    Args:
        uri: `postgresql://user:password@host:port/database`, with libpq's options after a question mark.
            Missing tables are created in the first schema of the search path.
        depth: levels of the membership tree, 1 to 32; existing tables must have the same.
        limit_bits: limits are 1 to 2^limit_bits; existing tables must have the same.

    Raises:
        ParameterError: an argument outside its range, not such a URI, or tables of another depth or limit.
        StoreUnavailable: here and in every method, the server cannot be reached, fails, or takes too long; or
            the registry was restored, and nobody has said what was slashed since.
        IntegrityAlarm: here and in every method, a row was not written by this library.
    """

    def __init__(self, uri: str, depth: int, limit_bits: int = 16) -> None:
        super().__init__(depth, limit_bits)
        self._parse_uri(uri)
        with naming(self._store), self._transaction("writer") as connection:
            self._create(_PostgresTransaction(connection))
        with naming(self._store), self._reading() as transaction:
            SqlChange(transaction, depth, limit_bits).check(_NAME)
        if not self._permitted:
            warnings.warn(
                f"{self._store}: the server does not permit pg_control_system, pg_control_checkpoint and "
                "pg_control_recovery, so a registry that was restored with its files on another server is "
                "not noticed; GRANT EXECUTE on these functions to this user",
                stacklevel=2,
            )

    @classmethod
    def existing(cls, uri: str) -> Self:
        """Open the registry in a database with its own depth and limit.

        Raises:
            ParameterError: not such a URI.
            StoreUnavailable: the server cannot be reached, or the database has no registry.
        """
        opened = cls.__new__(cls)
        opened._parse_uri(uri)
        try:
            found = opened._registry_row()
        finally:
            opened.close()
        return cls(uri, found.depth, found.limit_bits)

    @classmethod
    def accept_restored(cls, uri: str, slashed: Sequence[int], at: int) -> int:
        """Use a restored registry again; see `rln.stores.accept_restored_members`."""
        opened = cls.__new__(cls)
        opened._parse_uri(uri)
        try:
            found = opened._registry_row()
            with naming(opened._store), opened._transaction("writer") as connection:
                transaction = _PostgresTransaction(connection)
                transaction.rows(_LOCK)
                change = SqlChange(transaction, found.depth, found.limit_bits)
                noted = note_again(change, [(commitment, at, at) for commitment in slashed])
                opened._record_origin(transaction)
                return noted
        finally:
            opened.close()

    def _parse_uri(self, uri: str) -> None:
        """Parse the URI. Connections are opened when they are needed."""
        try:
            found = conninfo.conninfo_to_dict(uri)
        except psycopg.Error:
            # psycopg's error repeats what it did not understand, which may be part of a password.
            raise ParameterError(
                "store: expected postgresql:// and options as name=value, special characters quoted"
            ) from None
        if not _HOST.fullmatch(str(found.get("host", ""))) or not _PORT.fullmatch(str(found.get("port", ""))):
            # The server name appears in messages, so it must not contain the rest of a password either.
            raise ParameterError("store: expected host:port; quote / and @ in a password as %2F and %40")
        self._uri = uri
        self._secret = str(found.get("password") or "")
        self._server_name = f"{found.get('host', '')}/{found.get('dbname', '')}"
        self._closed = False
        self._permitted: bool | None = None
        self._connections: dict[str, _Connection] = {}
        self._start()

    def __repr__(self) -> str:
        return f"PostgresRegistry({self._server_name!r}, depth {self._depth})"

    def close(self) -> None:
        """Close the connections of this process."""
        self._closed = True
        for connection in self._connections.values():
            if os.getpid() == self._pid:
                connection.close()
        self._connections = {}

    def _start(self) -> None:
        """Start without connections: in a new process, the parent's connections must not be used."""
        self._pid = os.getpid()
        self._locks = {"reader": threading.Lock(), "writer": threading.Lock()}
        self._connections = {}
        self._suspects: set[str] = set()

    @property
    def _store(self) -> str:
        return f"{_NAME}: {self._server_name}"

    def _registry_row(self) -> RegistryRow:
        """Return the row about the registry, without comparing its origin.

        Raises:
            StoreUnavailable: there is no registry, or one of another form.
        """
        with naming(self._store), self._transaction("reader") as connection:
            transaction = _PostgresTransaction(connection)
            if not transaction.rows(_TABLES_EXIST)[0][0]:
                raise StoreUnavailable(f"{self._store}: expected a registry, got none; check the URI")
            check_columns(transaction.rows(COLUMNS), self._store)
            return RegistryRow.of(transaction.rows(REGISTRY), self._store)

    def _create(self, transaction: SqlTransaction) -> None:
        if not transaction.rows(_TABLES_EXIST)[0][0]:
            transaction.rows(_CREATION_LOCK)
        if not transaction.rows(_TABLES_EXIST)[0][0]:
            for definition in definitions("BIGINT", "BYTEA"):
                transaction.run(definition)
            SqlChange(transaction, self._depth, self._limit_bits).create("")
            self._record_origin(transaction)
        check_columns(transaction.rows(COLUMNS), self._store)
        RegistryRow.of(transaction.rows(REGISTRY), self._store)

    def _record_origin(self, transaction: SqlTransaction) -> None:
        """Record where the registry is now."""
        # The row must have been written by this transaction before its writer is asked for.
        transaction.run(SET_ORIGIN, "")
        found = Origin.found(transaction.rows(self._origin_statement(transaction))[0])
        transaction.run(SET_ORIGIN, found.encode())

    def _check_origin(self, transaction: SqlTransaction, suffix: str = "") -> None:
        """Refuse a registry that may be a restored copy.

        Args:
            transaction: any transaction.
            suffix: the end of the statement.

        Raises:
            StoreUnavailable: it may be.
        """
        rows = transaction.rows(self._origin_statement(transaction) + suffix)
        doubt = reason_for_doubt(rows[0] if rows else (None,))
        if doubt is not None:
            raise restored_registry(self._store, doubt)

    def _origin_statement(self, transaction: SqlTransaction) -> str:
        if self._permitted is None:
            self._permitted = bool(transaction.rows(PERMITTED)[0][0])
        return origin_statement(self._permitted)

    def _before_commit(self, change: SqlChange) -> None:
        """Do nothing: the database alone holds the slashings."""

    @contextmanager
    def _reading(self) -> Iterator[SqlTransaction]:
        with self._transaction("reader") as connection:
            transaction = _PostgresTransaction(connection)
            self._check_origin(transaction)
            yield transaction

    @contextmanager
    def _changing(self) -> Iterator[SqlTransaction]:
        with self._transaction("writer") as connection:
            transaction = _PostgresTransaction(connection)
            self._check_origin(transaction, _FOR_UPDATE)
            yield transaction

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[_Connection]:
        """Run one transaction on this process's reader or writer connection."""
        if self._closed:
            raise StoreUnavailable(f"{_NAME}: used after it was closed")
        if os.getpid() != self._pid:
            # The parent's connections stay open here, unused: closing one would end the parent's session.
            _abandoned.append(self._connections)
            self._start()
        with self._locks[kind]:
            try:
                if kind in self._suspects:
                    self._discard(kind)
                connection = self._connections.get(kind)
                if connection is None or connection.closed:
                    connection = self._connections[kind] = self._open_connection(kind)
                with connection.transaction():
                    yield connection
            except psycopg.Error as error:
                # After a failure the state of this connection is unknown, and the other may be broken too.
                self._discard(kind)
                self._suspects.update(self._locks.keys() - {kind})
                raise self._unavailable(error) from None

    def _discard(self, kind: str) -> None:
        self._suspects.discard(kind)
        broken = self._connections.pop(kind, None)
        if broken is not None:
            with suppress(psycopg.Error):
                broken.close()

    def _open_connection(self, kind: str) -> _Connection:
        connection = _Connection.connect(
            self._uri,
            autocommit=True,
            application_name="rln",
            connect_timeout=TIMEOUT,
            keepalives=1,
            keepalives_idle=TIMEOUT,
            keepalives_interval=1,
            keepalives_count=3,
            tcp_user_timeout=TIMEOUT * 1000,
        )
        try:
            connection.execute("SET synchronous_commit = on")
            connection.execute(f"SET lock_timeout = {int(TIMEOUT * 1000)}".encode())
            connection.execute(f"SET statement_timeout = {int(TIMEOUT * _STATEMENT_FACTOR * 1000)}".encode())
            if kind == "reader":
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
            else:
                connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            self._check_settings(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_settings(self, connection: _Connection) -> None:
        """Read back the settings that make a commit durable.

        Raises:
            StoreUnavailable: a crash of the server's machine could undo commits, or damage older data.
        """
        for name in _DURABLE_SETTINGS:
            found = connection.execute(f"SHOW {name}".encode()).fetchall()[0][0]
            if found != "on":
                raise StoreUnavailable(
                    f"{_NAME}: {self._server_name}: {name}: expected on, got {found}; set it on the server"
                )

    def _unavailable(self, error: psycopg.Error) -> StoreUnavailable:
        """Return the server's error in one line and without the password."""
        said = " ".join(str(error).split())
        if self._secret:
            said = said.replace(self._secret, "***")
        return StoreUnavailable(f"{_NAME}: {self._server_name}: {type(error).__name__}: {said}")


_abandoned: list[object] = []
"""Connections of a parent process, kept so that nothing closes them."""


class _PostgresTransaction(SqlTransaction):
    duplicate_error = psycopg.errors.UniqueViolation

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, *values: object) -> list[Row]:
        return self._connection.execute(_with_psycopg_placeholders(statement), values).fetchall()

    def run(self, statement: str, *values: object) -> int:
        return self._connection.execute(_with_psycopg_placeholders(statement), values).rowcount

    def run_many(self, statement: str, rows: Iterable[Row]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_with_psycopg_placeholders(statement), rows)


def _with_psycopg_placeholders(statement: str) -> bytes:
    """Replace the placeholders by psycopg's. Statements are constants of ours and never contain values."""
    return statement.replace("?", "%s").encode()
