"""The transactions of one process on a PostgreSQL server: forks, roles, outcomes, and what is sent."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import closing

import psycopg
import pytest

from rln.base import forks
from rln.errors import StoreUnavailable
from rln.group.group import Group
from rln.stores.postgres import members as postgres_members
from rln.stores.postgres.members import PostgresRegistry
from rln.stores.postgres.settings import Access
from tests.support.killed_child import exit_code
from tests.support.postgres_server import empty_database
from tests.support.proxy import Proxy

DEPTH, LIMIT_BITS = 6, 4
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rln'"
)


@pytest.fixture
def uri() -> str:
    return empty_database()


def members(uri: str) -> PostgresRegistry:
    return PostgresRegistry(uri, DEPTH, LIMIT_BITS)


def sessions(uri: str) -> int:
    with psycopg.connect(uri) as connection:
        return int(connection.execute(SESSIONS.encode()).fetchall()[0][0])


def backend(registry: PostgresRegistry) -> int:
    with registry._changing() as transaction:
        return int(transaction.rows("SELECT pg_backend_pid()")[0][0])


def test_a_child_opens_its_own_connections_and_ends_none_of_its_parent(uri: str) -> None:
    with closing(members(uri)) as registry:
        group = Group(DEPTH, LIMIT_BITS, registry=registry)
        group.register(5, 1)
        mine = backend(registry)

        def work() -> None:
            assert backend(registry) != mine
            registry.close()

        assert exit_code(work) == 0
        assert backend(registry) == mine
        assert sessions(uri) == 2


def test_a_child_that_ends_like_any_program_ends_no_session_of_its_parent(uri: str) -> None:
    """It runs its finalizers, which would close the connections that it inherited."""
    program = """
import os, sys
from rln.stores import open_members
registry = open_members(sys.argv[1], 6, 4)
def backend():
    with registry._changing() as transaction:
        return transaction.rows("SELECT pg_backend_pid()")
before = backend()
child = os.fork()
if child == 0:
    registry.head()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert backend() == before
registry.close()
"""
    subprocess.run([sys.executable, "-W", "ignore::ResourceWarning", "-c", program, uri], check=True)


def test_a_transaction_goes_on_in_the_parent_and_fails_in_the_child(uri: str) -> None:
    with closing(members(uri)) as registry, registry.change() as change:
        registrations = change.registrations(5)

        def work() -> None:
            with pytest.raises(psycopg.OperationalError, match="forked within a transaction"):
                change.head()
            assert registry.registrations(5) == registrations  # on a connection of its own

        assert exit_code(work) == 0
        assert change.head().number == 0


def test_leaving_the_block_in_a_child_commits_nothing(uri: str) -> None:
    """The child leaves the block first, in which the parent then changes its mind."""
    with closing(members(uri)) as registry:
        group = Group(DEPTH, LIMIT_BITS, registry=registry)
        group.register(5, 1)
        child = -1

        def fork_within() -> None:
            nonlocal child
            with registry.change() as change:
                change.note_slashing(5, 0, 0)
                child = os.fork()
                if child:
                    assert os.waitpid(child, 0)[1] == 0
                    raise KeyError

        try:
            fork_within()
        except KeyError:
            pass
        except StoreUnavailable as error:
            os._exit(0 if child == 0 and "forked within a transaction" in str(error) else 1)
        except BaseException:  # noqa: BLE001 - a child must not continue as a second run of the tests
            os._exit(1)
        assert not registry.is_slashed(5)
        assert group.is_member(5)


def test_a_fork_waits_for_no_transaction(uri: str) -> None:
    """Another thread is in a change; the child has connections and locks of its own."""
    with closing(members(uri)) as registry:
        entered, leave = threading.Event(), threading.Event()

        def hold() -> None:
            with registry.change():
                entered.set()
                leave.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        entered.wait(30)
        begun = time.monotonic()
        assert exit_code(registry.head) == 0
        waited = time.monotonic() - begun
        leave.set()
        thread.join()
        assert waited < 10 * forks.FORK_WAIT
        assert registry.head().number == 0


def test_a_fork_that_no_hook_has_seen_refuses_every_call(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(members(uri)) as registry:
        monkeypatch.setattr(forks, "_process", os.getpid() + 1)
        for ask in (registry.head, lambda: backend(registry)):
            with pytest.raises(StoreUnavailable, match="forked outside Python"):
                ask()
        monkeypatch.undo()
        assert registry.head().number == 0


def test_a_swallowed_error_is_no_commit(uri: str) -> None:
    """PostgreSQL answers COMMIT with ROLLBACK, and without an error, if a statement has failed."""
    with closing(members(uri)) as registry:

        def swallow() -> None:
            with registry._changing() as transaction:
                with pytest.raises(psycopg.Error):
                    transaction.rows("SELECT 1 / 0")

        with pytest.raises(StoreUnavailable, match="expected the answer COMMIT, got ROLLBACK.*nothing was"):
            swallow()
        assert registry.head().number == 0


def test_a_commit_that_the_server_refuses_has_changed_nothing(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection, closing(members(uri)) as registry:
        connection.execute(
            "CREATE TABLE late (one INT REFERENCES rln_registry DEFERRABLE INITIALLY DEFERRED)"
        )

        def change() -> None:
            with registry._changing() as transaction:
                transaction.run("INSERT INTO late VALUES (7)")

        with pytest.raises(StoreUnavailable, match="ForeignKeyViolation: .*; nothing was changed$"):
            change()
        assert connection.execute("SELECT count(*) FROM late").fetchall() == [(0,)]


def test_a_transaction_begins_with_one_message(uri: str) -> None:
    """It has three more: where the registry is (for a change, with its lock), the work, commit."""
    port = int(uri.rpartition(":")[2].partition("/")[0])
    with Proxy(port) as proxy:
        through = uri.replace(f":{port}/", f":{proxy.port}/")
        with closing(members(through)) as registry:
            for ask, count in ((registry.head, 4), (lambda: backend(registry), 4)):
                begun = len(proxy.seen)
                ask()
                assert len(proxy.seen) - begun == count


def test_another_clients_role_is_not_ours(uri: str) -> None:
    """In a shared session, SET ROLE of another client would decide about rights and about "$user"."""
    role = f"guest_{uri.rpartition('/')[2]}"
    with psycopg.connect(uri, autocommit=True) as connection, closing(members(uri)) as registry:
        connection.execute(f"CREATE ROLE {role}".encode())
        try:
            for access in Access:
                with registry._sessions.transaction(access, 10):
                    pass
                registry._sessions._sessions[access].connection.execute(f"SET ROLE {role}".encode())  # type: ignore[union-attr]
            Group(DEPTH, LIMIT_BITS, registry=registry).register(5, 1)
            assert registry.was_member(5)
            found = connection.execute("SELECT current_setting('role')").fetchall()
            assert found == [("none",)]
        finally:
            connection.execute(f"DROP ROLE {role}".encode())


def test_the_time_to_connect_is_divided_among_the_servers_of_the_uri(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first server accepts connections and never answers."""
    monkeypatch.setattr(postgres_members, "TIMEOUT", 6)
    port = int(uri.rpartition(":")[2].partition("/")[0])
    with Proxy(port) as silent:
        silent.fault = "blackhole"
        through = uri.replace(f":{port}/", f":{silent.port},127.0.0.1:{port}/")
        begun = time.monotonic()
        with closing(members(through)) as registry:
            assert registry.head().number == 0
        assert time.monotonic() - begun < 30
