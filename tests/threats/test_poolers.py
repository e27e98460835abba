"""F17: PgBouncer in front of PostgreSQL; clients that share a connection, and what they set on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

import rln
from rln.errors import StoreUnavailable
from rln.ports import MemberRegistry
from rln.stores import open_members
from tests.support.killed_child import exit_code
from tests.support.pgbouncer_server import PgBouncer
from tests.support.postgres_server import PostgresServer, empty_database, server

DEPTH, LIMIT_BITS = 8, 4

POISON = (
    "SET synchronous_commit = off",
    "SET default_transaction_read_only = on",
    "SET default_transaction_isolation = 'serializable'",
    "SET statement_timeout = 1",
    "SET lock_timeout = 1",
    "SET idle_in_transaction_session_timeout = 1",
    "SET search_path = elsewhere",
    "SET application_name = other",
)
"""What another client of the pool may set on the one connection to the server, and leave there."""


@pytest.fixture
def uri() -> str:
    return empty_database()


@pytest.fixture
def pooler() -> Iterator[PgBouncer]:
    """A pooler with one connection to the server of this run, so every client gets the same one."""
    with PgBouncer(server().port) as made:
        yield made


def members(uri: str) -> MemberRegistry:
    return open_members(uri, DEPTH, LIMIT_BITS)


def set_on_the_shared_connection(through: str, *statements: str) -> None:
    with psycopg.connect(through, autocommit=True, prepare_threshold=None) as other:
        for statement in statements:
            other.execute(statement.encode())


@pytest.mark.parametrize("pool_size", [1, 3])
def test_f17_behind_a_pooler_every_registration_succeeds(uri: str, pool_size: int) -> None:
    """Two processes with three threads each register 48 members, all at the same time."""

    def register(through: str, first: int) -> None:
        with closing(members(through)) as registry:
            group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)
            for number in range(8):
                group.register(first + number, 1)

    def process(through: str, first: int) -> None:
        failures: list[BaseException] = []

        def work(start: int) -> None:
            try:
                register(through, start)
            except BaseException as error:  # noqa: BLE001 - the thread's failure is the process's
                failures.append(error)

        threads = [threading.Thread(target=work, args=(first + 100 * number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    with PgBouncer(server().port, pool_size=pool_size) as made:
        through = made.through(uri)
        codes: list[int] = []
        waiting = [
            threading.Thread(
                target=lambda first=first: codes.append(exit_code(lambda: process(through, first)))
            )
            for first in (1000, 2000)
        ]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()
        assert codes == [0, 0]
    with closing(members(uri)) as registry:
        assert registry.count() == 48
        assert registry.head().number == 48


def test_f17_what_another_client_sets_reaches_no_transaction_of_ours(uri: str, pooler: PgBouncer) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA elsewhere")
    with closing(members(pooler.through(uri))) as registry:
        group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)
        group.register(5, 1)
        for number, statement in enumerate(POISON, start=6):
            set_on_the_shared_connection(pooler.through(uri), statement)
            group.register(number, 1)
            assert group.is_member(number), statement
        set_on_the_shared_connection(pooler.through(uri), *POISON)
        mallory = rln.Identity.from_secret(90_000)
        group.register_many([(number, 1) for number in [mallory.commitment, *range(100, 119)]])
        group.slash(mallory)
        assert registry.count() == len(POISON) + 20
    with closing(members(pooler.through(uri))) as again:
        assert again.count() == len(POISON) + 20
    with psycopg.connect(uri) as direct:
        assert direct.execute("SELECT count(*) FROM rln_step").fetchall() == [(len(POISON) + 4,)]
        tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'elsewhere'::regnamespace"
        assert direct.execute(tables.encode()).fetchall() == [(0,)]


def test_f17_a_temporary_table_of_another_client_hides_none_of_ours(uri: str, pooler: PgBouncer) -> None:
    through = pooler.through(uri)
    set_on_the_shared_connection(through, "CREATE TEMP TABLE rln_registry (one INT)")
    with closing(members(through)) as registry:
        group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)
        group.register(5, 1)
        set_on_the_shared_connection(through, "CREATE TEMP TABLE rln_member (LIKE rln_member INCLUDING ALL)")
        group.register(6, 1)
        assert group.is_member(5)
        assert group.is_member(6)
    with psycopg.connect(uri) as direct:
        assert direct.execute("SELECT count(*) FROM rln_member").fetchall() == [(2,)]


def test_f17_a_search_path_without_a_schema_makes_no_temporary_tables(uri: str) -> None:
    with (
        psycopg.connect(uri, autocommit=True) as connection,
        pytest.raises(StoreUnavailable, match="schema"),
    ):
        members(f"{uri}?options=-csearch_path%3Dmissing")
    assert connection.closed


def test_f17_an_acknowledged_commit_survives_a_crash_whatever_another_client_has_set() -> None:
    """The server writes the log of what it did not sync only every ten seconds, and is killed before."""
    own = PostgresServer()
    try:
        own.start(wal_writer_delay="10s")
        uri = own.empty_database()
        with PgBouncer(own.port) as pooler:
            with closing(members(pooler.through(uri))) as registry:
                group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)
                set_on_the_shared_connection(pooler.through(uri), "SET synchronous_commit = off")
                group.register(5, 1)
                own.stop()
        own.start()
        with closing(members(uri)) as registry:
            assert registry.was_member(5)
    finally:
        own.remove()


def test_f17_a_startup_parameter_that_the_pooler_refuses_is_named(uri: str, pooler: PgBouncer) -> None:
    """We send none; PgBouncer takes `options` only if it is configured to ignore them."""
    with pytest.raises(StoreUnavailable, match="unsupported startup parameter.*: options"):
        members(f"{pooler.through(uri)}?options=-csearch_path%3Dpublic")


def test_f17_a_pool_that_splits_transactions_is_refused(uri: str) -> None:
    with (
        PgBouncer(server().port, "statement") as pooler,
        pytest.raises(StoreUnavailable, match="pool_mode: expected transaction or session, got statement"),
    ):
        members(pooler.through(uri))
