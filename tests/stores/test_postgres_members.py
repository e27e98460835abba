"""What happens only with a server: no server, a server that stops, passwords, locks of other clients."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import psycopg
import pytest

from rln.errors import IntegrityAlarm, ParameterError, StoreUnavailable
from rln.group.group import Group
from rln.stores import open_members
from rln.stores.postgres import members as postgres_members
from rln.stores.postgres.members import PostgresRegistry
from tests.support.postgres_server import PostgresServer, empty_database
from tests.support.redis_server import HOST, free_port

DEPTH, LIMIT_BITS = 6, 4
SECRET = "correct-horse-battery"


@pytest.fixture
def uri() -> str:
    return empty_database()


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that a test may stop."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def members(uri: str) -> PostgresRegistry:
    return PostgresRegistry(uri, DEPTH, LIMIT_BITS)


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://rln:{SECRET}@host:port/db",
        f"postgresql://rln:{SECRET}@host/db?nonsense={SECRET}",
        f"postgresql://rln:%zz{SECRET}@host/db",
        f"host=1 password='{SECRET}",
    ],
)
def test_what_is_no_uri_is_not_repeated(text: str) -> None:
    with pytest.raises((ParameterError, StoreUnavailable)) as caught:
        members(text)
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_nobody_listens() -> None:
    with pytest.raises(StoreUnavailable, match="^members: 127.0.0.1/db: OperationalError: ") as caught:
        members(f"postgresql://rln:{SECRET}@{HOST}:{free_port()}/db")
    assert SECRET not in str(caught.value)


def test_who_listens_is_no_postgres() -> None:
    with socket.create_server((HOST, 0)) as listener:
        threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
        with pytest.raises(StoreUnavailable, match="^members: ") as caught:
            members(f"postgresql://rln:{SECRET}@{HOST}:{listener.getsockname()[1]}/db?sslmode=disable")
    assert SECRET not in str(caught.value)


def test_a_password_stands_in_no_message_and_no_repr(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'CREATE TABLE "{SECRET}" (one INT)')
    registry = members(uri.replace("rln@", f"rln:{SECRET}@"))
    assert SECRET not in repr(registry)
    error = registry._sessions._unavailable(psycopg.OperationalError(f"cannot\nsay {SECRET}"), "")
    assert str(error).endswith("OperationalError: cannot say ***")
    registry.close()


def test_a_server_that_goes_away_and_comes_back(own_server: PostgresServer) -> None:
    registry = members(own_server.empty_database())
    group = Group(DEPTH, LIMIT_BITS, registry=registry)
    group.register(5, 5)
    root = group.root
    own_server.stop()
    for ask in (
        lambda: group.register(6, 5),
        lambda: group.root in group.roots,
        lambda: registry.head(),
        lambda: len(group),
        lambda: group.is_member(5),
    ):
        with pytest.raises(StoreUnavailable, match="^members: "):
            ask()
    own_server.start()
    assert (group.root, len(group)) == (root, 1)
    assert group.register(6, 5).index == 1
    registry.close()


def test_a_server_that_stops_within_a_change(own_server: PostgresServer) -> None:
    registry = members(own_server.empty_database())
    group = Group(DEPTH, LIMIT_BITS, registry=registry)
    group.register(5, 5)

    def change_and_stop() -> None:
        with registry.change() as change:
            change.note_slashing(5, 0, 0)
            own_server.stop()

    with pytest.raises(StoreUnavailable, match="^members: "):
        change_and_stop()
    own_server.start()
    assert not registry.is_slashed(5)
    assert len(group) == 1
    registry.close()


def test_a_connection_that_the_server_has_ended_is_replaced(uri: str) -> None:
    registry = members(uri)
    group = Group(DEPTH, LIMIT_BITS, registry=registry)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert registry.head().number == 0
    assert group.register(5, 5).index == 0
    registry.close()


def test_somebody_who_holds_the_lock_for_too_long(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_members, "TIMEOUT", 3)
    one, other = members(uri), members(uri)
    group = Group(DEPTH, LIMIT_BITS, registry=other)
    with one.change():
        with pytest.raises(StoreUnavailable, match="LockNotAvailable"):
            group.register(5, 5)
        assert len(group) == 0  # a reader does not wait
    assert group.register(5, 5).index == 0
    one.close()
    other.close()


def test_commits_wait_for_the_disk_whatever_the_server_says(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("ALTER ROLE rln SET synchronous_commit = off")
        try:
            registry = members(uri)
            with registry._changing() as session:
                assert session.rows("SHOW synchronous_commit") == [("on",)]
            registry.close()
        finally:
            connection.execute("ALTER ROLE rln RESET synchronous_commit")


def test_eight_threads_make_the_tables_once(uri: str) -> None:
    opened: list[PostgresRegistry] = []
    threads = [threading.Thread(target=lambda: opened.append(members(uri))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [registry.head().number for registry in opened] == [0] * 8
    for registry in opened:
        registry.close()


def test_a_database_in_which_rows_are_missing(uri: str) -> None:
    registry = members(uri)
    Group(DEPTH, LIMIT_BITS, registry=registry).register(5, 5)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("DELETE FROM rln_event")
    with pytest.raises(IntegrityAlarm, match="rln_event: expected events 1 to 1, got 0"):
        Group(DEPTH, LIMIT_BITS, registry=registry)
    registry.close()


def test_a_uri_may_have_options(uri: str) -> None:
    registry = open_members(f"{uri}?connect_timeout=3&options=-csearch_path%3Dpublic", DEPTH, LIMIT_BITS)
    assert registry.head().number == 0
    registry.close()
