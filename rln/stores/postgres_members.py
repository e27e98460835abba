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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import psycopg
from psycopg import conninfo

from rln.errors import ParameterError, StoreUnavailable
from rln.stores.sql_registry import REGISTRY, TABLES, SqlChange, SqlRegistry
from rln.stores.sql_rows import Row
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
        StoreUnavailable: here and in every method, the server cannot be reached, fails, or takes too long.
    """

    def __init__(self, uri: str, depth: int, limit_bits: int = 16) -> None:
        super().__init__(depth, limit_bits)
        self._parse_uri(uri)
        with self._transaction("writer") as connection:
            self._create(_PostgresTransaction(connection))
        with self._reading() as transaction:
            SqlChange(transaction, depth, limit_bits).check(_NAME)

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
            with opened._reading() as transaction:
                found = transaction.rows(REGISTRY) if transaction.rows(_TABLES_EXIST)[0][0] else []
        finally:
            opened.close()
        if not found:
            raise StoreUnavailable(
                f"{_NAME}: {opened._server_name}: expected a registry, got none; check the URI"
            )
        return cls(uri, *found[0])

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

    def _create(self, transaction: SqlTransaction) -> None:
        if transaction.rows(_TABLES_EXIST)[0][0]:
            return
        transaction.rows(_CREATION_LOCK)
        if not transaction.rows(_TABLES_EXIST)[0][0]:
            for table in TABLES:
                transaction.run(table.format(number="BIGINT", bytes="BYTEA"))
            SqlChange(transaction, self._depth, self._limit_bits).create()

    @contextmanager
    def _reading(self) -> Iterator[SqlTransaction]:
        with self._transaction("reader") as connection:
            yield _PostgresTransaction(connection)

    @contextmanager
    def _changing(self) -> Iterator[SqlTransaction]:
        with self._transaction("writer") as connection:
            transaction = _PostgresTransaction(connection)
            transaction.rows(_LOCK)
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
        # What the server adds to its first line, DETAIL and CONTEXT, repeats rows with commitments.
        said = " ".join((error.diag.message_primary or str(error)).split())
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

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        command = f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()
        with self._connection.cursor() as cursor, cursor.copy(command) as copy:
            for row in rows:
                copy.write_row(row)


def _with_psycopg_placeholders(statement: str) -> bytes:
    """Replace the placeholders by psycopg's. Statements are constants of ours and never contain values."""
    return statement.replace("?", "%s").encode()
