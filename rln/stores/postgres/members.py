"""PostgresRegistry: the members of a group in a PostgreSQL database, for several machines at once.

A change locks the one row of `rln_registry`, which excludes every other change, and then reads what was
committed before. A reader sees one state for all questions of one call, and never waits for a change.

A commit returns after it is on the server's disk, whatever the server's default is, and whatever another
client of a pooler has set. A standby is refused, and so is a server that runs without `fsync` or
`full_page_writes`; each transaction asks again. Connections, waits and lost answers are in
`rln.stores.postgres.sessions`. This module is imported only when a `postgresql://` URI is opened; it needs
the extra `postgres`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self

import psycopg
from psycopg import conninfo

from rln.errors import ParameterError, StoreUnavailable
from rln.stores.postgres.connection import Connection
from rln.stores.postgres.origin import COLUMNS, PERMITTED, Origin, origin_statement, reason_for_doubt
from rln.stores.postgres.sessions import Sessions
from rln.stores.postgres.settings import Access
from rln.stores.restored import note_again, restored_registry
from rln.stores.sql_registry import SqlChange, SqlRegistry
from rln.stores.sql_rows import Row, naming
from rln.stores.sql_tables import REGISTRY, SET_ORIGIN, RegistryRow, check_columns, definitions
from rln.stores.sql_transaction import SqlTransaction
from rln.stores.uri import HOST, StoreUri

_HOSTS: Final = re.compile(rf"(?:(?:{HOST}|[0-9A-Fa-f.]*:[0-9A-Fa-f:.%]*|/[\w./-]*)?(?:,|\Z))*")
"""Names and addresses of servers, or the directories of their sockets, separated by commas."""

_PORT: Final = re.compile(r"[0-9,]*")
_SECRET: Final = ("password", "sslpassword")
"""Parameters of libpq that no message may repeat."""

TIMEOUT: Final = 10
"""Seconds to wait for the beginning of a transaction, counted from the call, and for each answer in it."""

_NAME: Final = "members"
_FOR_UPDATE: Final = " FOR UPDATE OF r"
_LOCK: Final = "SELECT one FROM rln_registry FOR UPDATE"
_TABLES_EXIST: Final = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'rln_registry' AND relpersistence = 'p'"
    " AND pg_catalog.pg_table_is_visible(oid))"
)
"""Not by `to_regclass`, which may answer from a cache that is older than the lock."""

_IN_TEMPORARY_SCHEMA: Final = (
    "SELECT pg_catalog.pg_my_temp_schema() = (SELECT oid FROM pg_catalog.pg_namespace"
    " WHERE nspname = pg_catalog.current_schema())"
)
"""Whether new tables would be temporary: their schema comes last in the search path."""

_CREATION_LOCK: Final = "SELECT pg_advisory_xact_lock(7813182)"
"""Taken before the tables are created; the number is arbitrary."""


class PostgresRegistry(SqlRegistry):
    """A `MemberRegistry` in a database. Safe to use from several threads, and across a fork.

    Its methods block, so an event loop must call them in a thread. After `close` they raise StoreUnavailable.

    Args:
        uri: `postgresql://user:password@host:port/database`, with libpq's options after a question mark.
            Missing tables are created in the first schema of the search path.
        depth: levels of the membership tree, 1 to 32; existing tables must have the same.
        limit_bits: limits are 1 to 2^limit_bits; existing tables must have the same.

    Raises:
        ParameterError: an argument outside its range, not such a URI, or tables of another depth or limit.
        StoreUnavailable: here and in every method, the server cannot be reached, fails, takes too long, or is
            a standby; or the registry was restored, and nobody has said what was slashed since. The message
            of a change says that nothing was changed, or that it may have happened.
        IntegrityAlarm: here and in every method, a row was not written by this library.
    """

    def __init__(self, uri: str, depth: int, limit_bits: int = 16) -> None:
        super().__init__(depth, limit_bits)
        self._parse_uri(uri)
        try:
            with naming(self._store), self._sessions.transaction(Access.CHANGING, TIMEOUT) as connection:
                self._create(_PostgresTransaction(connection))
            with naming(self._store), self._reading() as transaction:
                SqlChange(transaction, depth, limit_bits).check(_NAME)
        except BaseException:
            self.close()
            raise
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
            with naming(opened._store), opened._sessions.transaction(Access.CHANGING, TIMEOUT) as connection:
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
        StoreUri.parse(uri, ("postgresql",))
        found = _parameters(uri)
        if found is None:
            raise ParameterError(
                "store: expected postgresql:// and options as name=value, special characters quoted"
            )
        if not _HOSTS.fullmatch(str(found.get("host", ""))) or not _PORT.fullmatch(
            str(found.get("port", ""))
        ):
            # The server name appears in messages, so it must not contain the rest of a password either.
            raise ParameterError("store: expected host:port; quote / and @ in a password as %2F and %40")
        self._server_name = f"{found.get('host', '')}/{found.get('dbname', '')}"
        self._permitted: bool | None = None
        self._sessions = Sessions(uri, self._store, [str(found[name]) for name in _SECRET if found.get(name)])

    def __repr__(self) -> str:
        return f"PostgresRegistry({self._server_name!r}, depth {self._depth})"

    def close(self) -> None:
        """Close the connections of this process; a second call does nothing."""
        self._sessions.close()

    @property
    def _store(self) -> str:
        return f"{_NAME}: {self._server_name}"

    def _registry_row(self) -> RegistryRow:
        """Return the row about the registry, without comparing its origin.

        Raises:
            StoreUnavailable: there is no registry, or one of another form.
        """
        with naming(self._store), self._sessions.transaction(Access.READING, TIMEOUT) as connection:
            transaction = _PostgresTransaction(connection)
            if not transaction.rows(_TABLES_EXIST)[0][0]:
                raise StoreUnavailable(f"{self._store}: expected a registry, got none; check the URI")
            check_columns(transaction.rows(COLUMNS), self._store)
            return RegistryRow.of(transaction.rows(REGISTRY), self._store)

    def _create(self, transaction: SqlTransaction) -> None:
        if not transaction.rows(_TABLES_EXIST)[0][0]:
            transaction.rows(_CREATION_LOCK)
        if not transaction.rows(_TABLES_EXIST)[0][0]:
            if transaction.rows(_IN_TEMPORARY_SCHEMA)[0][0]:
                raise StoreUnavailable(
                    f"{self._store}: expected a schema for new tables in the search path, got none; create "
                    "one, or set search_path"
                )
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
        with self._sessions.transaction(Access.READING, TIMEOUT) as connection:
            transaction = _PostgresTransaction(connection)
            self._check_origin(transaction)
            yield transaction

    @contextmanager
    def _changing(self) -> Iterator[SqlTransaction]:
        with self._sessions.transaction(Access.CHANGING, TIMEOUT) as connection:
            transaction = _PostgresTransaction(connection)
            self._check_origin(transaction, _FOR_UPDATE)
            yield transaction


def _parameters(uri: str) -> dict[str, Any] | None:
    """Return libpq's parameters in a URI, or None. libpq's error may repeat a part of a password."""
    try:
        return conninfo.conninfo_to_dict(uri)
    except psycopg.Error:
        return None


class _PostgresTransaction(SqlTransaction):
    duplicate_error = psycopg.errors.UniqueViolation

    def __init__(self, connection: Connection) -> None:
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
