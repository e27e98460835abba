"""Threat F6: a registry on read-only media, or of another user: read as it is, or refused with a reason.

The conditions are real: file systems that are read-only, mounts that are, and another user.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import rln
from rln.audit.audit_reader import AuditReader
from rln.audit.audited_epoch import AuditedEpoch, audit_paths
from rln.audit.files import AuditFiles
from rln.errors import StoreUnavailable
from rln.stores import accept_restored_members, open_existing_members
from rln.stores.file_checks import is_unchangeable
from rln.stores.groups import build_group, close_group, open_group
from rln.stores.snapshot import read_snapshot
from rln.stores.sqlite.database import Database
from rln.stores.sqlite.log import SqliteMark, SqliteNullifierLog
from rln.stores.sqlite.members import SqliteRegistry
from rln.stores.sqlite.message_ids import SqliteMessageIds
from rln.sync.export import bulletin_since
from rln.sync.mirror import Mirror
from rln.sync.mirror_file import load_mirror, save_mirror
from rln.sync.signing import RegistrarKey
from tests.support.killed_child import exit_code, killed
from tests.support.other_user import NOBODY, as_nobody, in_private_mounts, mount
from tests.support.small_world import World
from tests.unit.cli.terminal import run, run_json

NOW = 1_700_000_000.0
DEPTH = 4


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that every user may list; pytest's own are for one user."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(autouse=True)
def no_warnings_about_memory() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*tmpfs.*")
        yield


def registered(folder: Path, count: int) -> None:
    """Register members in the registry of a folder; it is created if it does not exist."""
    group = open_group(f"sqlite:///{folder}/members.db", DEPTH, now=lambda: NOW)
    for _ in range(count):
        group.register(rln.Identity.generate().commitment, 2)
    close_group(group)


def count(folder: Path) -> int:
    """Return the number of members in the registry of a folder, read as the commands do."""
    with closing(open_existing_members(f"sqlite:///{folder}/members.db")) as registry:
        return registry.count()


def refused(folder: Path, pattern: str) -> None:
    before = sorted(os.listdir(folder))
    with pytest.raises(StoreUnavailable, match=pattern):
        count(folder)
    assert sorted(os.listdir(folder)) == before, "reading leaves no file behind"


def on_its_own_file_system(folder: Path, work: Callable[[], None]) -> None:
    """Run the work with a file system of its own at the folder."""

    def mounted() -> None:
        mount("-t", "tmpfs", "none", folder)
        work()

    assert in_private_mounts(mounted) == 0


def freeze(folder: Path) -> None:
    mount("-o", "remount,ro", folder)


def crash_with_a_member(folder: Path) -> None:
    """Leave the files of a process that was killed after it had registered a member."""

    def crash() -> None:
        group = open_group(f"sqlite:///{folder}/members.db", DEPTH, now=lambda: NOW)
        group.register(rln.Identity.generate().commitment, 2)
        os.kill(os.getpid(), signal.SIGKILL)

    assert killed(crash)


# ---- read-only media -------------------------------------------------------------------------------------


def test_f6_every_reading_command_works_on_read_only_media(folder: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{folder}/members.db"

    def work() -> None:
        registered(folder, 3)
        RegistrarKey.new(tmp_path / "key.pem")
        freeze(folder)
        assert len(run_json("group", "list", uri)["members"]) == 3
        root = run_json("group", "root", uri)["root"]
        assert run_json("group", "path", uri, "--index", 1)["root"] == root
        exported = ("group", "export", uri, "--key", tmp_path / "key.pem", "--out", tmp_path / "bulletin")
        assert run_json(*exported)["root"] == root
        assert sorted(os.listdir(folder)) == ["members.db", "members.db-slashed"]

    on_its_own_file_system(folder, work)


def test_f6_a_change_on_read_only_media_says_why_it_is_refused(folder: Path) -> None:
    uri = f"sqlite:///{folder}/members.db"

    def work() -> None:
        registered(folder, 1)
        freeze(folder)
        found = run_json("group", "register", uri, "--commitment", 5, "--limit", 1, status=3)
        assert found["error"] == "StoreUnavailable" and found["retry_after"] is None
        assert "its file system is mounted read-only, so it is open for reading only" in found["message"]
        assert "nothing was changed" in found["message"]
        with pytest.raises(StoreUnavailable, match=r"read-only; put the file and members.db-slashed where"):
            accept_restored_members(uri, [], 0)
        assert count(folder) == 1

    on_its_own_file_system(folder, work)


def test_f6_what_a_crash_left_in_the_wal_is_read_or_missed_by_nobody(folder: Path) -> None:
    def work() -> None:
        registered(folder, 1)
        crash_with_a_member(folder)
        freeze(folder)
        assert count(folder) == 2, "the second one is in the WAL only"
        mount("-o", "remount,rw", folder)
        (folder / "members.db-shm").unlink()
        freeze(folder)
        refused(folder, "mounted read-only; such a file can be read while a program")

    on_its_own_file_system(folder, work)


def test_f6_a_file_system_that_becomes_writable_is_not_believed_to_be_unchangeable(folder: Path) -> None:
    def work() -> None:
        registered(folder, 1)
        freeze(folder)
        with closing(SqliteRegistry.existing(folder / "members.db")) as registry:
            assert registry.count() == 1
            with pytest.raises(StoreUnavailable, match="can be written now"), registry._database.reading():
                mount("-o", "remount,rw", folder)
            assert exit_code(lambda: registered(folder, 2)) == 0
            with pytest.raises(StoreUnavailable, match="can be read while a program"):
                registry.count()
            with closing(open_existing_members(f"sqlite:///{folder}/members.db")) as other:
                assert registry.count() == other.count() == 3

    on_its_own_file_system(folder, work)


def test_f6_a_file_that_was_changed_between_two_looks_is_read_anew(folder: Path) -> None:
    """An update of read-only media: writable for a moment, then read-only again."""

    def work() -> None:
        registered(folder, 1)
        freeze(folder)
        with closing(open_existing_members(f"sqlite:///{folder}/members.db")) as registry:
            assert registry.count() == 1
            mount("-o", "remount,rw", folder)
            assert exit_code(lambda: registered(folder, 12)) == 0
            freeze(folder)
            assert registry.count() == 13
            assert len(registry.events_after(0)) == 13

    on_its_own_file_system(folder, work)


def test_f6_a_change_that_was_interrupted_before_wal_is_not_read_as_it_is(folder: Path) -> None:
    """A rollback journal: only a program that may write the file can undo what it stands for."""

    def crash() -> None:
        connection = sqlite3.connect(folder / "members.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=delete")
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE big AS SELECT randomblob(100000)")
        os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        registered(folder, 3)
        assert killed(crash)
        assert (folder / "members.db-journal").stat().st_size > 0
        freeze(folder)
        refused(folder, "mounted read-only; such a file can be read while a program")
        mount("-o", "remount,rw", folder)
        assert exit_code(lambda: registered(folder, 1)) == 0
        freeze(folder)
        assert count(folder) == 4

    on_its_own_file_system(folder, work)


@pytest.mark.parametrize("same", [False, True])
def test_f6_a_file_that_is_a_mount_of_its_own_is_not_unchangeable(folder: Path, same: bool) -> None:
    """As in a container whose image is read-only: others write the file where it really is."""
    image = folder / "image"
    image.mkdir()

    def work() -> None:
        mount("-t", "tmpfs", "none", image)
        outside = image / "outside" if same else folder / "outside"
        outside.mkdir()
        inside = image / "with space"
        inside.mkdir()
        registered(outside, 1)
        for name in ("members.db", "members.db-slashed"):
            (inside / name).touch()
            mount("--bind", outside / name, inside / name)
        freeze(image)
        refused(inside, "such a file can be read while a program that may write it")

    assert in_private_mounts(work) == 0


def test_f6_layers_below_a_read_only_file_system_can_be_written(folder: Path) -> None:
    """An overlay without an upper layer is read-only as a whole, and shows what others write."""
    image, layer, other = folder / "image", folder / "layer", folder / "other"

    def work() -> None:
        mount("-t", "tmpfs", "none", folder)
        for one in (image, layer, other):
            one.mkdir()
        registered(layer, 1)
        mount("-t", "overlay", "-o", f"lowerdir={layer}:{other}", "none", image)
        assert not is_unchangeable(image / "members.db")
        refused(image, "such a file can be read while a program that may write it|copied or restored")

    assert in_private_mounts(work) == 0


def test_f6_a_read_only_mount_of_a_directory_that_others_write_is_not_unchangeable(folder: Path) -> None:
    inside, outside = folder / "inside", folder / "outside"
    inside.mkdir()
    outside.mkdir()

    def work() -> None:
        registered(outside, 1)
        mount("--bind", outside, inside)
        mount("-o", "remount,bind,ro", inside)
        refused(inside, "mounted read-only; such a file can be read while a program that may write it")
        group = open_group(f"sqlite:///{outside}/members.db", DEPTH, now=lambda: NOW)
        with closing(open_existing_members(f"sqlite:///{inside}/members.db")) as registry:
            assert registry.count() == 1
            group.register(rln.Identity.generate().commitment, 2)
            assert registry.count() == 2, "a reader sees what was registered meanwhile"
        assert exit_code(lambda: count(inside)) == 0
        close_group(group)

    assert in_private_mounts(work) == 0


def test_f6_mirrors_snapshots_and_audit_files_are_read_from_read_only_media(folder: Path) -> None:
    def work() -> None:
        world = World()
        group = open_group(f"sqlite:///{folder}/members.db", DEPTH, now=lambda: NOW)
        group.register(rln.Identity.generate().commitment, 2)
        root = group.root
        close_group(group, snapshot=folder / "members.snapshot")
        with closing(SqliteRegistry.existing(folder / "members.db")) as registry:
            mirror = Mirror(DEPTH, min_members=1)
            mirror.apply(bulletin_since(registry, 0))
        save_mirror(folder / "group.mirror", mirror)
        audit = AuditFiles(folder / "audit", world.key.verifying_key)
        proof = world.prover(world.join()).prove(b"message")
        world.verifier(audit=audit).submit(proof, b"message")
        audit.close()
        freeze(folder)
        assert load_mirror(folder / "group.mirror", min_members=1).root == root
        assert read_snapshot(folder / "members.snapshot").step == 1
        with closing(SqliteRegistry.existing(folder / "members.db")) as registry:
            assert build_group(registry, now=lambda: NOW, snapshot=folder / "members.snapshot").root == root
        files = [AuditedEpoch.read(path) for path in audit_paths(folder / "audit")]
        assert len(list(AuditReader(files, {}, lambda part: None).messages())) == 1
        assert run("log", "export", folder / "audit").count("\n") == 1

    on_its_own_file_system(folder, work)


# ---- another user ----------------------------------------------------------------------------------------


def test_f6_root_reads_the_registry_of_a_service_and_leaves_nothing_behind(folder: Path) -> None:
    os.chown(folder, NOBODY, NOBODY)
    uri = f"sqlite:///{folder}/members.db"
    assert as_nobody(lambda: registered(folder, 2)) == 0
    refused(folder, f"it belongs to user {NOBODY}, and this is user 0; such a file can be read while")
    ready, done = os.pipe(), os.pipe()

    def service() -> None:
        group = open_group(uri, DEPTH, now=lambda: NOW)
        group.register(rln.Identity.generate().commitment, 2)
        os.write(ready[1], b"x")
        os.read(done[0], 1)
        close_group(group)

    child = os.fork()
    if child == 0:
        os._exit(as_nobody(service))
    os.read(ready[0], 1)
    assert len(run_json("group", "list", uri)["members"]) == 3
    message = run_json("group", "register", uri, "--commitment", 5, "--limit", 1, status=3)["message"]
    assert f"it belongs to user {NOBODY}" in message and "open for reading only" in message
    os.write(done[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for end in (*ready, *done):
        os.close(end)
    assert as_nobody(lambda: registered(folder, 1)) == 0, "the owner goes on"


def test_f6_a_user_with_the_permission_to_read_sees_what_the_owner_registers(folder: Path) -> None:
    registered(folder, 1)
    (folder / "members.db").chmod(0o644)

    def closed() -> None:
        refused(folder, r"it belongs to user 0.*such a file can be read while a program")

    def opened() -> None:
        assert count(folder) == 2

    assert as_nobody(closed) == 0
    group = open_group(f"sqlite:///{folder}/members.db", DEPTH, now=lambda: NOW)
    group.register(rln.Identity.generate().commitment, 2)
    assert as_nobody(opened) == 0
    group.register(rln.Identity.generate().commitment, 2)
    close_group(group)
    registered(folder, 1)
    assert count(folder) == 4


def test_f6_a_user_without_the_permission_is_told_whom_to_ask(folder: Path) -> None:
    registered(folder, 1)
    assert as_nobody(lambda: refused(folder, "user 65534 may not read it: it has mode 0600 and belongs")) == 0
    (folder / "members.db").chmod(0o666)
    assert as_nobody(lambda: refused(folder, "users other than its owner, user 0, may write it")) == 0
    with pytest.raises(StoreUnavailable, match="expected mode 0600, got 0666"):
        count(folder)


def test_f6_a_copy_on_read_only_media_is_refused_as_a_copy(folder: Path) -> None:
    registered(folder, 1)
    copy = folder / "copy"
    copy.mkdir()

    def work() -> None:
        mount("-t", "tmpfs", "none", copy)
        for path in folder.glob("members.db*"):
            shutil.copy(path, copy)
        freeze(copy)
        refused(
            copy, "copied or restored, so put both where you may write them, and run `rln group restored`"
        )

    assert in_private_mounts(work) == 0


# ---- nobody else -----------------------------------------------------------------------------------------


def test_f6_a_file_without_the_permission_to_write_is_read_while_a_program_has_it_open(folder: Path) -> None:
    """Also without root: the owner itself has taken away the permission, as of an archive."""

    def work() -> None:
        group = open_group(f"sqlite:///{folder}/members.db", DEPTH, now=lambda: NOW)
        group.register(rln.Identity.generate().commitment, 2)
        for path in folder.glob("members.db*"):
            if not path.name.endswith("-slashed"):
                path.chmod(0o400)
        assert exit_code(lambda: count(folder)) == 0

    os.chown(folder, os.geteuid(), -1)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        assert as_nobody(work) == 0
    else:
        assert exit_code(work) == 0


@pytest.mark.parametrize("mode", [0o640, 0o644])
def test_f6_only_a_registry_may_be_readable_for_others(folder: Path, mode: int) -> None:
    """The shares of a log and the ids of a member stay their owner's alone."""
    clock = rln.EpochClock("f6.example", 60)
    registered(folder, 1)
    makers: dict[str, Callable[[Path], Database]] = {
        "log": lambda path: SqliteNullifierLog(path, clock, new=True)._database,
        "mark": lambda path: SqliteMark(path)._database,
        "ids": lambda path: SqliteMessageIds(path)._database,
    }
    for name, make in makers.items():
        path = folder / name
        make(path).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(mode)
        with pytest.raises(StoreUnavailable, match=f"expected mode 0600, got 0{mode:o}"):
            make(path)
    assert stat.S_IMODE((folder / "members.db").stat().st_mode) == 0o600
    (folder / "members.db").chmod(mode)
    assert count(folder) == 1
