"""PostgresRegistry: the members of a group in a PostgreSQL database, for machines at once.

A change locks the one row of `rln_registry`, which excludes every other change, and reads what was committed
before. Readers see one state for all that they ask at a time, and wait for nobody.

A commit returns after the server's disk has it, whatever the server's own setting is; a server that runs
without `fsync` or `full_page_writes` is refused. Nothing of this module
is imported before a `postgresql://` URI is opened; it needs the extra `postgres`.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import psycopg
from psycopg import conninfo

from rln.errors import ParameterError, StoreUnavailable
from rln.stores.sql_registry import REGISTRY, TABLES, SqlChange, SqlRegistry, SqlTransaction
from rln.stores.sql_rows import Row

_HOST: Final = re.compile(r"[\w./,:%-]*")
_PORT: Final = re.compile(r"[0-9,]*")

if TYPE_CHECKING:
    from psycopg.abc import PQGen

_T = TypeVar("_T")

TIMEOUT: Final = 10
"""Seconds that one waits for a connection, for another one's change, and for an answer."""

_STATEMENT_FACTOR: Final = 1.1
_SILENCE_FACTOR: Final = 1.2
"""Parts of it for a statement and for an answer: who waits for a lock hears so, and not that it took long."""

_NAME: Final = "members"
_LOCK: Final = "SELECT one FROM rln_registry FOR UPDATE"
_TABLES_EXIST: Final = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'rln_registry'"
    " AND pg_catalog.pg_table_is_visible(oid))"
)
"""Not by `to_regclass`, which may answer from a cache of before the lock."""

_CREATION_LOCK: Final = "SELECT pg_advisory_xact_lock(7813182)"
"""Taken by whoever makes the tables; any number would do."""

_DURABLE_SETTINGS: Final = ("fsync", "full_page_writes", "synchronous_commit")
"""Settings that must be on. The last one is ours to set; `off` forgets commits, `local` standbys."""


class _Connection(psycopg.Connection[Row]):
    """A connection that a server cannot hold for longer than the patience, whatever state it is in.

    Timeouts of the server end what is slow, those of the kernel what is unreachable. A server that is stopped
    acknowledges bytes and says nothing: so who waits looks at the clock himself, without another thread.
    """

    def wait(self, gen: PQGen[_T], *arguments: Any, **options: Any) -> _T:
        """Run an operation of psycopg's; as `psycopg.Connection.wait`.

        Raises:
            OperationalError: nothing came for too long. The connection is closed then.
        """
        return super().wait(self._bounded(gen), *arguments, **options)

    def _bounded(self, gen: PQGen[_T]) -> PQGen[_T]:
        """Pass on what an operation waits for, and end it when that does not come."""
        try:
            awaited = next(gen)
            heard = time.monotonic()
            while True:
                ready = yield awaited  # is NONE several times a second
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > TIMEOUT * _SILENCE_FACTOR:
                    gen.close()
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"nothing for {TIMEOUT * _SILENCE_FACTOR:.1f} seconds")
                awaited = gen.send(ready)
        except StopIteration as end:
            value: _T = end.value
            return value


class PostgresRegistry(SqlRegistry):
    """A `MemberRegistry` in a database. Safe to use from several threads, and across a fork.

    Args:
        uri: `postgresql://user:password@host:port/database`, with libpq's options behind a question mark. The
            tables are made when they are missing, in the first schema of the search path.
        depth: of the membership tree, 1 to 32; that of the tables if they are there.
        limit_bits: limits are 1 to 2^limit_bits; that of the tables if they are there.

    Raises:
        ParameterError: an argument outside its range, not such a URI, or tables of another depth or limit.
        StoreUnavailable: here and below, the server cannot be reached, has failed, or takes too long.
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
        """Open the registry that a database holds, whatever its depth and limit.

        Raises:
            ParameterError: not such a URI.
            StoreUnavailable: the server cannot be reached, or there is no registry.
        """
        opened = cls.__new__(cls)
        opened._parse_uri(uri)
        try:
            with opened._reading() as transaction:
                found = transaction.rows(REGISTRY) if transaction.rows(_TABLES_EXIST)[0][0] else []
        finally:
            opened.close()
        if not found:
            raise StoreUnavailable(f"{_NAME}: {opened._server_name}: expected a registry, got none")
        return cls(uri, *found[0])

    def _parse_uri(self, uri: str) -> None:
        """Take the URI apart; connections come when they are needed."""
        try:
            found = conninfo.conninfo_to_dict(uri)
        except psycopg.Error:
            # The original repeats what it did not understand, which may be a part of a password.
            raise ParameterError("store: expected a postgresql:// URI, got something else") from None
        if not _HOST.fullmatch(str(found.get("host", ""))) or not _PORT.fullmatch(str(found.get("port", ""))):
            # Nor may a message of the server's name what was cut off from a password.
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
        """Begin without connections: in a new process those of the parent are not ours."""
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
        """One transaction on this process's connection of a kind."""
        if self._closed:
            raise StoreUnavailable(f"{_NAME}: used after it was closed")
        if os.getpid() != self._pid:
            # Connections of the parent stay open here, unused: to close one would end the parent's session.
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
                # After a failure nobody knows what the connection is in the middle of, or whether the other
                # one still leads to a server.
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
        """Read back what makes a commit last.

        Raises:
            StoreUnavailable: a crash of the server's machine could undo commits, or damage what was there.
        """
        for name in _DURABLE_SETTINGS:
            found = connection.execute(f"SHOW {name}".encode()).fetchall()[0][0]
            if found != "on":
                raise StoreUnavailable(f"{_NAME}: {self._server_name}: {name}: expected on, got {found}")

    def _unavailable(self, error: psycopg.Error) -> StoreUnavailable:
        """Say what the server said, in one line and without the password."""
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
    """Write placeholders as psycopg has them. Statements are our own constants; values never go into them."""
    return statement.replace("?", "%s").encode()
