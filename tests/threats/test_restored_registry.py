"""Threats to a registry that comes back from a backup without its newest slashings: F22."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

import rln
from rln.errors import AlreadyAMember, IntegrityAlarm, StoreUnavailable
from rln.group.registry_roots import RegistryRoots
from rln.stores import accept_restored_members, open_existing_members, open_members
from rln.stores.groups import open_group
from tests.support.killed_child import killed
from tests.support.postgres_server import PostgresServer
from tests.support.small_world import DEPTH, LIMIT_BITS, World

NOW = 1_700_000_010.0
LATER = NOW + 3600


def commitment(secret: int) -> int:
    return rln.Identity.from_secret(secret).commitment


class Provider:
    """A registry in a file, its backups, and what happens to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "members.db"
        self.uri = f"sqlite:///{self.path}"
        self.list = folder / "members.db-slashed"

    def group(self, now: float = NOW) -> rln.Group:
        return open_group(self.uri, DEPTH, LIMIT_BITS, now=lambda: now, interval=0)

    def change(self, work: Callable[[rln.Group], object], now: float = NOW) -> None:
        """Do something with the group, in a program of its own that ends."""
        group = self.group(now)
        try:
            work(group)
        finally:
            group.registry.close()

    def back_up(self, name: str) -> None:
        """Copy the database as `.backup` does, and the list of slashed members beside it."""
        (self.folder / name).mkdir()
        shutil.copy2(self.path, self.folder / name)
        shutil.copy2(self.list, self.folder / name)

    def restore(self, name: str, *files: str, into: bool = False) -> None:
        """Put files of a backup back: as new files, or into the files that are there."""
        for file in files:
            source, target = self.folder / name / file, self.folder / file
            if into:
                with target.open("r+b") as opened:
                    opened.truncate()
                    opened.write(source.read_bytes())
                os.utime(target, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
            else:
                target.unlink()
                shutil.copy2(source, target)
        for left in ("members.db-wal", "members.db-shm"):
            (self.folder / left).unlink(missing_ok=True)


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    made = Provider(tmp_path)
    made.change(lambda group: group.register_many([(commitment(n), 3) for n in (1, 2)]))
    return made


BOTH = ("members.db", "members.db-slashed")


@pytest.mark.parametrize("into", [False, True])
def test_f22_a_restored_database_does_not_admit_a_slashed_member(provider: Provider, into: bool) -> None:
    provider.back_up("monday")
    provider.change(lambda group: group.register(commitment(3), 3))
    provider.change(lambda group: group.slash(1))
    provider.change(lambda group: group.slash(3))
    provider.restore("monday", "members.db", into=into)
    with closing(open_existing_members(provider.uri)) as registry:
        assert registry.is_slashed(commitment(1))
        assert registry.is_slashed(commitment(3))
        assert registry.count() == 1
        # Until a group has removed the leaf, nobody verifies with its root.
        roots = RegistryRoots(registry, rln.WindowSize(seconds=60, now=lambda: LATER), lambda: LATER)
        with pytest.raises(StoreUnavailable, match="overdue"):
            list(roots)
    group = provider.group(LATER)
    with closing(group.registry):
        group.follow()
        assert not group.is_member(commitment(1))
        assert group.is_member(commitment(2))
        for slashed in (1, 3):
            with pytest.raises(AlreadyAMember, match="slashed"):
                group.register(commitment(slashed), 3)
        only = rln.Group(DEPTH, LIMIT_BITS)
        only.register_many([(commitment(n), 3) for n in (1, 2)])
        only.slash(1)
        assert group.root == only.root


def test_f22_a_published_secret_gets_no_valid_verdict_after_a_restore(provider: Provider) -> None:
    world = World()
    identity = rln.Identity.from_secret(7)
    provider.change(lambda group: group.register(identity.commitment, 2))
    provider.back_up("monday")
    provider.change(lambda group: group.slash(7))
    provider.restore("monday", "members.db")
    group = provider.group(world.time)
    with closing(group.registry):
        verifier = world.verifier(roots=group.roots, was_member=group.was_member)
        group.follow()
        with pytest.raises(rln.NotAMember):
            group.membership(identity.commitment)
        stale = rln.Group(DEPTH, LIMIT_BITS)
        stale.register_many([(commitment(n), 3) for n in (1, 2)])
        membership = stale.register(identity.commitment, 2)
        prover = rln.Prover(
            identity,
            membership,
            world.key,
            ids=rln.stores.memory.MemoryMessageIds(),
            clock=world.clock,
            path=stale.proof,
        )
        verdict = verifier.submit(prover.prove(b"back again"), b"back again")
        assert isinstance(verdict, rln.Invalid)
        assert verdict.reason is rln.Reason.UNKNOWN_ROOT


CASES = {
    "both as new files": (lambda p: p.restore("monday", *BOTH), "copied or restored|was restored"),
    "both into the files": (lambda p: p.restore("monday", *BOTH, into=True), "restored"),
    "the list alone": (lambda p: p.restore("monday", "members.db-slashed"), "recorded 1"),
    "the list alone, into the file": (
        lambda p: p.restore("monday", "members.db-slashed", into=True),
        "recorded 1",
    ),
    "the list was deleted": (lambda p: p.list.unlink(), "is missing"),
    "the database was copied without the list": (
        lambda p: (p.list.unlink(), p.restore("monday", "members.db")),
        "is missing",
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_f22_a_registry_restored_with_its_list_is_refused_until_the_operator_says_what_happened(
    provider: Provider, what: str
) -> None:
    happen, said = CASES[what]
    provider.back_up("monday")
    provider.change(lambda group: group.slash(1))
    happen(provider)
    for _ in range(2):
        for opening in (
            lambda: open_existing_members(provider.uri),
            lambda: open_members(provider.uri, DEPTH, LIMIT_BITS),
            provider.group,
        ):
            with pytest.raises(StoreUnavailable, match=f"restored or copied.*({said}).*rln group restored"):
                opening()
    assert accept_restored_members(provider.uri, [commitment(1)], int(LATER * 1000)) in (0, 1)
    group = provider.group(LATER)
    with closing(group.registry):
        group.follow()
        assert not group.is_member(commitment(1))
        with pytest.raises(AlreadyAMember, match="slashed"):
            group.register(commitment(1), 3)
        group.slash(2)
    open_existing_members(provider.uri).close()


def test_f22_a_backup_of_database_and_list_from_two_moments_is_refused(provider: Provider) -> None:
    """The list has more than the database knows, but is itself older than what was slashed last."""
    provider.back_up("monday")
    provider.change(lambda group: group.slash(1))
    shutil.copy2(provider.list, provider.folder / "monday")
    provider.change(lambda group: group.slash(2))
    # Restored in a later second than the one in which the last record was written.
    provider.restore("monday", "members.db-slashed", into=True)
    found = os.stat(provider.list)
    while os.stat(provider.list).st_ctime_ns < found.st_ctime_ns + 1_200_000_000:
        os.utime(provider.list)
    provider.restore("monday", "members.db")
    with pytest.raises(StoreUnavailable, match="restored or copied"):
        open_existing_members(provider.uri)


def test_f22_a_backup_from_after_the_last_slashing_opens(provider: Provider) -> None:
    provider.change(lambda group: group.slash(1))
    provider.back_up("monday")
    provider.change(lambda group: group.register(commitment(3), 3))
    provider.restore("monday", "members.db")
    with closing(open_existing_members(provider.uri)) as registry:
        assert registry.is_slashed(commitment(1))
        assert not registry.was_member(commitment(3))


def test_f22_a_running_process_notices_that_both_files_were_restored(provider: Provider) -> None:
    provider.back_up("monday")
    group = provider.group()
    with closing(group.registry):
        provider.change(lambda other: other.register(commitment(3), 3))
        group.follow()
        provider.restore("monday", *BOTH, into=True)
        with pytest.raises((IntegrityAlarm, StoreUnavailable)):
            group.slash(2)


@pytest.mark.parametrize("secret", [1, 3], ids=["a member", "somebody who never registered"])
def test_f22_what_the_operator_names_is_slashed(provider: Provider, secret: int) -> None:
    at = int(LATER * 1000)
    assert accept_restored_members(provider.uri, [commitment(secret)], at) == 1
    assert accept_restored_members(provider.uri, [commitment(secret)], at) == 0
    group = provider.group(LATER)
    with closing(group.registry):
        group.follow()
        with pytest.raises(AlreadyAMember, match="slashed"):
            group.register(commitment(secret), 3)
    with closing(open_existing_members(provider.uri)) as registry:
        assert registry.slashing(commitment(secret)) is not None


def test_f22_the_list_of_a_deleted_registry_keeps_its_members_out_of_the_next_one(provider: Provider) -> None:
    provider.change(lambda group: group.slash(1))
    provider.path.unlink()
    for left in ("members.db-wal", "members.db-shm"):
        (provider.folder / left).unlink(missing_ok=True)
    group = provider.group(LATER)
    with closing(group.registry):
        assert len(group) == 0
        with pytest.raises(AlreadyAMember, match="slashed"):
            group.register(commitment(1), 3)


def test_f22_a_kill_between_the_list_and_the_commit_loses_no_slashing(provider: Provider) -> None:
    points = 0
    while True:
        root = provider.folder / f"run{points}"
        root.mkdir()
        run = Provider(root)
        run.change(lambda group: group.register_many([(commitment(n), 3) for n in (1, 2)]))
        if not killed(lambda run=run, points=points: _slash_until_call(run, points)):
            break
        group = run.group(LATER)
        with closing(group.registry):
            group.follow()
            listed = len(run.list.read_bytes()) // 128 - 1
            assert group.registry.is_slashed(commitment(1)) == (listed == 1)
            assert group.slash(1) == () if listed else len(group.slash(1)) == 1
        open_existing_members(run.uri).close()
        points += 1
    assert points >= 6
    open_existing_members(run.uri).close()


def _slash_until_call(run: Provider, number: int) -> None:
    """Slash a member, and die just before the n-th call that writes."""
    import signal
    from unittest import mock

    from rln.stores.sqlite import members

    calls = iter(range(1 << 30))

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            if next(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*arguments, **options)
            if next(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    group = run.group(LATER)
    with (
        mock.patch.object(os, "pwrite", counted(os.pwrite)),
        mock.patch.object(os, "fsync", counted(os.fsync)),
        mock.patch.object(members._SqliteTransaction, "run", counted(members._SqliteTransaction.run)),
    ):
        group.slash(1)
    group.registry.close()


# ---- PostgreSQL


class Cluster:
    """A PostgreSQL server of its own, which tests stop, copy, recover and promote."""

    def __init__(self) -> None:
        self.server = PostgresServer()
        self.server.start()
        self.uri = self.server.empty_database()
        with closing(open_members(self.uri, DEPTH, LIMIT_BITS)) as registry:
            group = rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: NOW, interval=0)
            group.register_many([(commitment(n), 3) for n in (1, 2)])

    def slash(self, secret: int) -> None:
        with closing(open_existing_members(self.uri)) as registry:
            rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: NOW, interval=0).slash(secret)

    def call(self, *words: str) -> None:
        self.server._call(*words)

    def database(self) -> str:
        return self.uri.rpartition("/")[2]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.server.remove()


def dump(cluster: Cluster, *more: str) -> Path:
    path = cluster.server.directory / "dump.sql"
    cluster.call("pg_dump", "-d", cluster.uri, "-f", str(path), *more)
    return path


def load(cluster: Cluster, uri: str, path: Path) -> None:
    cluster.call("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", uri, "-f", str(path))


def dumped_into_another_database(cluster: Cluster) -> str:
    path = dump(cluster)
    cluster.slash(1)
    uri = cluster.server.empty_database()
    load(cluster, uri, path)
    return uri


def dumped_into_the_same_database(cluster: Cluster) -> str:
    path = dump(cluster, "--clean")
    cluster.slash(1)
    load(cluster, cluster.uri, path)
    return cluster.uri


def rows_dumped_into_the_same_tables(cluster: Cluster) -> str:
    path = dump(cluster, "--data-only")
    cluster.slash(1)
    with psycopg.connect(cluster.uri, autocommit=True) as connection:
        connection.execute("TRUNCATE rln_registry, rln_step, rln_event, rln_member, rln_slashing")
    load(cluster, cluster.uri, path)
    return cluster.uri


def recovered_from_files(cluster: Cluster) -> str:
    """Put older files back, recover, and end the recovery as an operator does."""
    server = cluster.server
    server.stop()
    copy = server.directory / "copy"
    shutil.copytree(server.data, copy)
    _own(server, copy)
    server.start()
    cluster.slash(1)
    server.stop()
    shutil.rmtree(server.data)
    copy.rename(server.data)
    (server.data / "standby.signal").touch()
    server.start()
    cluster.call("pg_ctl", "-D", str(server.data), "-w", "promote")
    return cluster.uri


def on_another_server(cluster: Cluster) -> str:
    """A dump that is loaded on a server where all numbers may be the same, except its identifier."""
    path = dump(cluster)
    cluster.slash(1)
    other = Cluster()
    cluster.other = other  # type: ignore[attr-defined]
    with psycopg.connect(other.uri, autocommit=True) as connection:
        connection.execute("DROP TABLE rln_registry, rln_step, rln_event, rln_member, rln_slashing")
    load(other, other.uri, path)
    return other.uri


def _own(server: PostgresServer, folder: Path) -> None:
    if server._user is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, server._user.pw_uid, server._user.pw_gid)


RESTORES = {
    "a dump in another database": (dumped_into_another_database, "tables were made again"),
    "a dump in the same database": (dumped_into_the_same_database, "tables were made again"),
    "the rows of a dump in the same tables": (rows_dumped_into_the_same_tables, "rows were written again"),
    "a promoted server": (recovered_from_files, "timeline 2, expected 1"),
    "a dump on another server": (on_another_server, "another system identifier"),
}


@pytest.mark.parametrize("what", RESTORES)
def test_f22_a_restored_postgresql_registry_is_refused_until_the_operator_says_what_happened(
    cluster: Cluster, what: str
) -> None:
    restore, said = RESTORES[what]
    uri = restore(cluster)
    try:
        for opening in (
            lambda: open_existing_members(uri),
            lambda: open_members(uri, DEPTH, LIMIT_BITS),
            lambda: open_group(uri, DEPTH, LIMIT_BITS, now=lambda: NOW),
        ):
            with pytest.raises(StoreUnavailable, match=f"restored or copied.*({said}).*rln group restored"):
                opening()
        assert accept_restored_members(uri, [commitment(1), commitment(3)], int(LATER * 1000)) == 2
        with closing(open_group(uri, DEPTH, LIMIT_BITS, now=lambda: LATER, interval=0).registry) as registry:
            group = rln.Group(DEPTH, LIMIT_BITS, registry=registry, now=lambda: LATER, interval=0)
            group.follow()
            assert not group.is_member(commitment(1))
            for slashed in (1, 3):
                with pytest.raises(AlreadyAMember, match="slashed"):
                    group.register(commitment(slashed), 3)
        open_existing_members(uri).close()
    finally:
        if hasattr(cluster, "other"):
            cluster.other.server.remove()


def test_f22_a_running_process_refuses_a_server_that_was_promoted_behind_it(cluster: Cluster) -> None:
    with closing(open_existing_members(cluster.uri)) as registry:
        recovered_from_files(cluster)
        for question in (registry.head, registry.count, lambda: registry.is_slashed(commitment(1))):
            for _ in range(3):  # the first calls may meet the broken connection
                with pytest.raises(StoreUnavailable) as caught:
                    question()
            assert "timeline 2, expected 1" in str(caught.value)
        with pytest.raises(StoreUnavailable, match="timeline 2"), registry.change():
            pass


def test_f22_upkeep_of_a_postgresql_server_is_no_restore(cluster: Cluster) -> None:
    with psycopg.connect(cluster.uri, autocommit=True) as connection:
        for statement in (
            "VACUUM FULL",
            "VACUUM FREEZE",
            "REINDEX DATABASE " + cluster.database(),
            "CHECKPOINT",
        ):
            connection.execute(statement.encode())
            open_existing_members(cluster.uri).close()
    cluster.server.stop()
    cluster.server.start()
    open_existing_members(cluster.uri).close()


def test_f22_copied_server_files_are_not_noticed_as_the_documentation_says(cluster: Cluster) -> None:
    server = cluster.server
    server.stop()
    copy = server.directory / "copy"
    shutil.copytree(server.data, copy)
    _own(server, copy)
    server.start()
    cluster.slash(1)
    server.stop()
    shutil.rmtree(server.data)
    copy.rename(server.data)
    server.start()
    with closing(open_existing_members(cluster.uri)) as registry:
        assert not registry.is_slashed(commitment(1))


def test_f22_a_server_that_hides_its_identifier_is_used_with_a_warning(cluster: Cluster) -> None:
    names = "pg_control_system(), pg_control_checkpoint(), pg_control_recovery()"
    with psycopg.connect(cluster.uri, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN")
        connection.execute(f"GRANT ALL ON DATABASE {cluster.database()} TO plain".encode())
        connection.execute(b"GRANT ALL ON SCHEMA public TO plain")
        connection.execute(b"GRANT ALL ON ALL TABLES IN SCHEMA public TO plain")
        connection.execute(f"REVOKE EXECUTE ON FUNCTION {names} FROM public".encode())
    plain = cluster.uri.replace("//rln@", "//plain@")
    with pytest.raises(StoreUnavailable, match="no longer tells its identifier"):
        open_existing_members(plain)
    accept_restored_members(plain, [], 0)
    with pytest.warns(UserWarning, match="does not permit pg_control_system"):
        open_existing_members(plain).close()
    path = dump(cluster)
    with psycopg.connect(cluster.uri, autocommit=True) as connection:
        connection.execute("DROP TABLE rln_registry, rln_step, rln_event, rln_member, rln_slashing")
    load(cluster, cluster.uri, path)
    with pytest.raises(StoreUnavailable, match="tables were made again"):
        open_existing_members(plain)
