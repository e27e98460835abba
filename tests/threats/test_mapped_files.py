"""Files that another program truncates or overwrites in place while this process uses them."""

from __future__ import annotations

import faulthandler
import mmap
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rln
from rln.audit.files import AuditFiles
from rln.errors import EncodingError, KeyFileError, StoreUnavailable
from rln.group.group import Group
from rln.keys import table_cache
from rln.stores import open_log
from rln.stores import snapshot as snapshots
from rln.stores.groups import close_group, open_group
from tests.support.killed_child import exit_code
from tests.support.small_world import World, small_key

Change = Callable[[Path], None]

DEPTH = 10
MEMBERS = 900


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    """Write other bytes over all of a file, in place."""
    with path.open("r+b") as file:
        file.write(b"\x5a" * path.stat().st_size)


# ---- F18: snapshots ---------------------------------------------------------------------------------


def open_at(folder: Path) -> Group:
    return open_group(
        f"sqlite:///{folder / 'members.db'}", DEPTH, now=time.time, snapshot=folder / "snapshot"
    )


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A folder with a registry and a snapshot of it."""
    group = open_at(tmp_path)
    group.register_many([(1000 + n, n % 7 + 1) for n in range(MEMBERS)])
    close_group(group, tmp_path / "snapshot")
    return tmp_path


@pytest.mark.parametrize("change", [truncate, overwrite])
@pytest.mark.filterwarnings("error")
def test_f18_a_snapshot_that_changes_in_place_neither_kills_a_group_nor_changes_its_roots(
    filled: Path, change: Change
) -> None:
    def use() -> None:
        group, other = open_at(filled), open_at(filled)
        root = group.root
        change(filled / "snapshot")
        assert [group.proof(index).root for index in range(MEMBERS)] == [root] * MEMBERS
        group.remove(MEMBERS // 2)
        other.follow()
        built = open_group(f"sqlite:///{filled / 'members.db'}", DEPTH, now=time.time)
        assert group.root == other.root == built.root

    assert exit_code(use) == 0


def test_f18_a_snapshot_that_becomes_shorter_while_it_is_read_is_refused(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, honest = filled / "snapshot", os.readv

    def shortened(file: int, buffers: list[memoryview]) -> int:
        count = honest(file, [buffers[0][:100]])
        os.truncate(path, 200)
        return count

    monkeypatch.setattr(os, "readv", shortened)
    with pytest.raises(StoreUnavailable, match="became shorter while it was read"):
        snapshots.read_snapshot(path)


def test_f18_a_snapshot_that_is_overwritten_while_it_is_read_is_refused(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is hashed is what is used: bytes that were read before the change cannot vouch for later ones."""
    path, honest = filled / "snapshot", os.readv

    def overwritten(file: int, buffers: list[memoryview]) -> int:
        count = honest(file, [buffers[0][:4096]])
        overwrite(path)
        return count

    monkeypatch.setattr(os, "readv", overwritten)
    with pytest.raises(EncodingError, match="it is damaged"):
        snapshots.read_snapshot(path)


# ---- F18: tables of a proving key -------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache directory whose parent another user may write to, so that they could exchange it."""
    small_key()  # made here once, not in each child
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    monkeypatch.setenv("RLN_CACHE_DIR", str(tmp_path / "shared" / "cache"))
    return tmp_path / "shared" / "cache"


def proving_with_tables(change: Callable[[], None]) -> None:
    """Prove with tables from the cache, change their file, and prove again."""
    key = rln.ProvingKey.decode(small_key().encode(), check=False)
    assert key.build_tables(threads=1), "they are in the cache"
    world = World(rln.ProvingKey.decode(small_key().encode(), check=False))
    prover, verifier = world.prover(world.join(4)), world.verifier()
    assert verifier.submit(prover.prove(b"one"), b"one") == rln.Valid()
    assert world.key.has_tables
    change()
    assert verifier.submit(prover.prove(b"two"), b"two") == rln.Valid()


@pytest.mark.parametrize("change", [truncate, overwrite])
def test_f18_tables_that_change_in_place_neither_kill_a_prover_nor_change_its_proofs(
    cache: Path, change: Change
) -> None:
    def use() -> None:
        proving_with_tables(lambda: change(*cache.glob("*.tables")))

    assert exit_code(use) == 0


@pytest.mark.parametrize("mode", [0o700, 0o1777])
def test_f18_tables_are_mapped_where_nobody_else_can_exchange_them(
    cache: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert table_cache.write("a.kind", [bytes(4096)])
    cache.parent.chmod(mode)
    mapped: list[int] = []
    honest = mmap.mmap

    def counting(file: int, *rest: Any, **more: Any) -> mmap.mmap:
        mapped.append(file)
        return honest(file, *rest, **more)

    monkeypatch.setattr(mmap, "mmap", counting)
    assert table_cache.read("a.kind", 4096) is not None
    assert mapped[0] >= 0
    cache.parent.chmod(0o770)
    assert table_cache.read("a.kind", 4096) is not None
    assert mapped[1:] == [-1], "memory of this process"


def test_f18_a_directory_that_belongs_to_another_user_above_the_tables_keeps_them_from_being_mapped(
    cache: Path,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    cache.parent.chmod(0o755)
    os.chown(cache.parent, 12345, 12345)

    def use() -> None:
        proving_with_tables(lambda: truncate(*cache.glob("*.tables")))

    assert exit_code(use) == 0


def test_f18_what_remains_the_same_user_ends_a_prover_by_truncating_its_tables(cache: Path) -> None:
    """The module `table_cache` says so: delete a file, do not truncate it."""
    cache.parent.chmod(0o700)

    def use() -> None:
        faulthandler.disable()  # the signal is expected
        proving_with_tables(lambda: truncate(*cache.glob("*.tables")))

    assert exit_code(use) == -signal.SIGBUS
    assert exit_code(lambda: proving_with_tables(lambda: shutil.rmtree(cache))) == 0


def test_f18_what_remains_tables_that_the_same_user_overwrites_make_no_wrong_proof(cache: Path) -> None:
    cache.parent.chmod(0o700)

    def use() -> None:
        with pytest.raises(KeyFileError, match="not released"):
            proving_with_tables(lambda: overwrite(*cache.glob("*.tables")))

    assert exit_code(use) == 0


# ---- F18: audit files -------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [truncate, overwrite])
def test_f18_an_audit_file_that_changes_during_a_search_does_not_kill_the_process(
    tmp_path: Path, change: Change
) -> None:
    world = World()
    proof = world.prover(world.join()).prove(b"x")
    audit = AuditFiles(tmp_path, world.key.verifying_key)
    audit.append_many([(world.clock.current(), proof)] * 10_000)  # 3 MB
    (audited,) = audit.epochs()

    def search() -> None:
        found = audited.find(proof.nullifier)
        assert next(found) == proof
        change(audited.path)
        left = list(found)
        assert left == [proof] * len(left)

    assert exit_code(search) == 0


# ---- F18: SQLite ------------------------------------------------------------------------------------


def test_f18_what_remains_the_same_user_ends_a_process_by_truncating_the_shm_file_of_sqlite(
    tmp_path: Path,
) -> None:
    """SQLite maps this file, and only this one, in every program that uses WAL mode."""
    world = World()
    small_key()

    def use(ending: str) -> None:
        faulthandler.disable()  # the signal is expected
        log = open_log(f"sqlite:///{tmp_path}/log{ending}.db", world.clock, new=True)
        epoch = world.clock.current()
        for n in range(1, 50):
            assert log.insert_or_get(epoch, [rln.Share(n, n, nullifier=n)]) == ()
        truncate(tmp_path / f"log{ending}.db{ending}")
        for n in range(50, 100):
            log.insert_or_get(epoch, [rln.Share(n, n, nullifier=n)])

    assert exit_code(lambda: use("-shm")) == -signal.SIGBUS
    assert exit_code(lambda: use("-wal")) >= 0
    assert exit_code(lambda: use("")) >= 0
