"""F17: a PostgreSQL server that follows another one, and may be behind it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

import rln
from rln.errors import StoreUnavailable
from rln.group.registry_roots import RegistryRoots
from rln.ports import MemberRegistry
from rln.stores import accept_restored_members, open_existing_members, open_members
from tests.support.postgres_server import PATIENCE, PostgresServer
from tests.support.proxy import HOST, Proxy
from tests.support.small_world import DEPTH, LIMIT_BITS, World

STANDBY = "expected the primary, got a standby"


@contextmanager
def running(server: PostgresServer, **settings: object) -> Iterator[PostgresServer]:
    try:
        server.start(**settings)  # type: ignore[arg-type]
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgresServer]:
    with running(PostgresServer()) as server:
        yield server


@pytest.fixture(scope="module")
def standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    with running(PostgresServer(primary)) as server:
        yield server


def ask(server: PostgresServer, database: str, statement: str) -> object:
    with psycopg.connect(server.uri(database), autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()[0][0]


def wait_until(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def name_of(uri: str) -> str:
    return uri.rpartition("/")[2]


def roots_of(world: World, registry: MemberRegistry) -> RegistryRoots:
    return RegistryRoots(registry, rln.WindowSize(seconds=600, now=world.clock.now), world.clock.now)


def test_f17_a_verifier_on_a_stopped_standby_serves_no_slashed_member(
    primary: PostgresServer, standby: PostgresServer
) -> None:
    """A verifier reads the roots through a proxy, which leads to the primary first, then to the standby."""
    uri = primary.empty_database()
    world = World()
    with Proxy(primary.port) as way, closing(open_members(uri, DEPTH, LIMIT_BITS)) as registry:
        world.group = rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=world.clock.now)
        mallory = world.join(8)
        prover = world.prover(mallory)
        far = open_existing_members(uri.replace(f":{primary.port}/", f":{way.port}/"))
        verifier = world.verifier(roots=roots_of(world, far))
        proofs = [(prover.prove(bytes([n])), bytes([n])) for n in range(3)]
        assert verifier.submit(*proofs[0]) == rln.Valid()

        wait_until(lambda: ask(standby, name_of(uri), "SELECT count(*) > 1 FROM rln_step"))
        ask(standby, name_of(uri), "SELECT pg_wal_replay_pause()")
        world.group.slash(mallory)
        assert ask(standby, name_of(uri), "SELECT count(*) FROM rln_slashing") == 0, "it is behind"

        way.target = standby.port
        way.cut()
        world.time += 1
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=STANDBY):
                verifier.submit(*proofs[1])
        with pytest.raises(StoreUnavailable, match=STANDBY):
            far.is_slashed(mallory.commitment)
        with pytest.raises(StoreUnavailable, match=f"{STANDBY}.*nothing was changed"), far.change():
            pass
        with pytest.raises(StoreUnavailable, match=STANDBY):
            open_members(standby.uri(name_of(uri)), DEPTH, LIMIT_BITS)
        with pytest.raises(StoreUnavailable, match=STANDBY):
            open_existing_members(standby.uri(name_of(uri)))

        way.target = primary.port
        way.cut()
        assert isinstance(verifier.submit(*proofs[2]), rln.Invalid)
        far.close()


def test_f17_a_server_demoted_and_promoted_between_two_calls() -> None:
    with (
        running(PostgresServer()) as server,
        closing(open_members(uri := server.empty_database(), DEPTH, LIMIT_BITS)) as registry,
    ):
        group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)
        group.register(5, 1)
        server.demote()
        server.start()
        for call in (registry.head, lambda: group.register(6, 1), lambda: group.is_member(5)):
            with pytest.raises(StoreUnavailable, match=STANDBY):
                call()
        assert ask(server, "postgres", "SELECT pg_promote()")
        with pytest.raises(StoreUnavailable, match="restored or copied .* a standby was promoted"):
            registry.head()  # slashings may be lost, see threats F22
        assert accept_restored_members(uri, [], int(time.time() * 1000)) == 0
        assert group.register(6, 1).index == 1
        assert group.is_member(5)


def test_f17_of_several_servers_the_uri_finds_the_primary(
    primary: PostgresServer, standby: PostgresServer
) -> None:
    name = name_of(primary.empty_database())
    hosts = f"{HOST}:{standby.port},{HOST}:{primary.port}"
    uri = f"postgresql://rln@{hosts}/{name}?target_session_attrs=primary"
    with closing(open_members(uri, DEPTH, LIMIT_BITS)) as registry:
        rln.Group(DEPTH, LIMIT_BITS, registry=registry).register(5, 1)
        assert registry.count() == 1


def test_f17_a_commit_that_no_standby_has_confirmed_is_not_certain() -> None:
    """If the wait for a synchronous standby is cancelled, PostgreSQL answers with success and a warning."""
    with running(PostgresServer(), synchronous_standby_names="nobody") as server:
        with psycopg.connect(server.uri("postgres"), autocommit=True) as connection:
            connection.execute("SET synchronous_commit = local")
            connection.execute("CREATE DATABASE members TEMPLATE template0")
            cancel = b"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            canceller = threading.Thread(
                target=wait_until, args=(lambda: connection.execute(cancel).fetchall(),)
            )
            canceller.start()
            with pytest.raises(StoreUnavailable, match="standbys have not confirmed it"):
                open_members(server.uri("members"), DEPTH, LIMIT_BITS)
            canceller.join()
