"""Threat E4: a client's state that was copied, restored or moved, and a clock that was set back.

The tests use common programs on real files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rln.errors import StoreUnavailable
from rln.protocol import epoch as epoch_module
from rln.protocol.epoch import Epoch, rln_identifier
from rln.stores import machine_time
from rln.stores.sqlite import message_ids as module
from rln.stores.sqlite import rollback_guard
from tests.support.kept_message import kept_in
from tests.threats.client import ME, epoch, introduced, opened, spent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


def run(*command: str | Path) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


def overwrite(source: Path, target: Path, *names: str) -> None:
    """Write into the existing inodes, as an editor or `dd` does."""
    for path in source.iterdir():
        if not names or path.name in names:
            with (target / path.name).open("r+b" if (target / path.name).exists() else "wb") as file:
                file.write(path.read_bytes())
                file.truncate()


def replace(copy: Path, state: Path) -> None:
    shutil.rmtree(state)
    run("cp", "-a", copy, state)


def unpack(copy: Path, state: Path) -> None:
    run("tar", "-C", copy, "-cf", copy.parent / "backup.tar", ".")
    shutil.rmtree(state)
    state.mkdir()
    run("tar", "-C", state, "-xpf", copy.parent / "backup.tar")


def unpack_over(copy: Path, state: Path) -> None:
    run("tar", "-C", copy, "-cf", copy.parent / "backup.tar", ".")
    run("tar", "-C", state, "-xpf", copy.parent / "backup.tar")


def rename_copy(copy: Path, state: Path) -> None:
    shutil.rmtree(state)
    shutil.copytree(copy, copy.with_name("again"))
    copy.with_name("again").rename(state)


def overwrite_with_times(copy: Path, state: Path) -> None:
    """Write into the existing inodes, and set the modification times back."""
    overwrite(copy, state)
    for path in copy.iterdir():
        found = path.stat()
        os.utime(state / path.name, ns=(found.st_atime_ns, found.st_mtime_ns))


RESTORES: dict[str, Callable[[Path, Path], None]] = {
    "replaced by cp -a": replace,
    "unpacked by tar": unpack,
    "unpacked by tar over it": unpack_over,
    "overwritten by cp": lambda copy, state: run("cp", *copy.iterdir(), state),
    "overwritten by cp -a": lambda copy, state: run("cp", "-a", *copy.iterdir(), state),
    "overwritten in place": lambda copy, state: overwrite(copy, state),
    "overwritten in place, times too": overwrite_with_times,
    "a renamed copy": rename_copy,
    "the database alone": lambda copy, state: run("cp", "-a", copy / "ids.db", state),
    "the database alone, in place": lambda copy, state: overwrite(copy, state, "ids.db"),
    "the guard file alone": lambda copy, state: run("cp", "-a", copy / "ids.db-guard", state),
    "the guard file alone, in place": lambda copy, state: overwrite(copy, state, "ids.db-guard"),
    "the intent file alone": lambda copy, state: run("cp", "-a", copy / "ids.db-intent", state),
    "all but the guard file": lambda copy, state: overwrite(copy, state, "ids.db", "ids.db-intent"),
    "all but the database": lambda copy, state: overwrite(copy, state, "ids.db-guard", "ids.db-intent"),
    "the intent file lost": lambda copy, state: (state / "ids.db-intent").unlink(),
    "the intent file emptied": lambda copy, state: os.truncate(state / "ids.db-intent", 0),
    "the intent file damaged": lambda copy, state: (state / "ids.db-intent").write_text("0 0\n") and None,
    "the guard file lost": lambda copy, state: (state / "ids.db-guard").unlink(),
    "the database lost": lambda copy, state: (state / "ids.db").unlink(),
    "both lost": lambda copy, state: shutil.rmtree(state) or state.mkdir(),
    "the guard file written": lambda copy, state: (state / "ids.db-guard").write_text("0 0\n") and None,
    "the guard file touched": lambda copy, state: os.utime(state / "ids.db-guard"),
}


@pytest.mark.parametrize("restore", RESTORES.values(), ids=RESTORES)
def test_e4_a_restored_state_waits_for_the_next_epoch(folder: Path, restore: Callable[..., None]) -> None:
    introduced(folder)
    used = spent(folder, 10, 3)
    run("cp", "-a", folder, folder.with_name("copy"))
    used += spent(folder, 10, 2)
    assert used == [0, 1, 2, 3, 4]
    restore(folder.with_name("copy"), folder)
    for _ in range(2):
        ids = opened(folder)
        for _ in range(2):
            with pytest.raises(
                StoreUnavailable, match="unix time 660 is refused; served again from 1970-01-01 00:11:00"
            ):
                ids.reserve(ME, epoch(10), 1000)
            ids.introduce(ME)
        ids.close()
    with pytest.raises(StoreUnavailable):
        spent(folder, 9, 1)
    assert spent(folder, 11, 2) == [0, 1]


@pytest.mark.parametrize("restore", RESTORES.values(), ids=RESTORES)
def test_e4_a_file_restored_while_it_is_open_gives_no_id_twice(
    folder: Path, restore: Callable[..., None]
) -> None:
    """A process that has the file open refuses or continues to count, until it is started again."""
    introduced(folder)
    used = {(10, number) for number in spent(folder, 10, 3)}
    run("cp", "-a", folder, folder.with_name("copy"))
    holder = opened(folder)
    used |= {(10, holder.reserve(ME, epoch(10), 1000)[0]) for _ in range(3)}
    restore(folder.with_name("copy"), folder)
    for index in (10, 10, 11, 11):
        for again in (False, True):
            ids = opened(folder) if again else holder
            with contextlib.suppress(StoreUnavailable):
                key = (index, ids.reserve(ME, epoch(index), 1000)[0])
                assert key not in used
                used.add(key)
            if again:
                ids.close()
    holder.close()


def test_e4_a_copy_elsewhere_waits_and_the_original_goes_on(folder: Path) -> None:
    introduced(folder)
    assert spent(folder, 10, 2) == [0, 1]
    other = folder.with_name("copy")
    shutil.copytree(folder, other)
    assert spent(folder, 10, 2) == [2, 3]
    with pytest.raises(StoreUnavailable, match="copied"):
        spent(other, 10, 1)
    assert spent(folder, 10, 1) == [4]


def test_e4_a_directory_that_was_moved_is_no_copy(folder: Path) -> None:
    introduced(folder)
    assert spent(folder, 10, 2) == [0, 1]
    folder.rename(folder.with_name("moved"))
    assert spent(folder.with_name("moved"), 10, 2) == [2, 3]


def test_e4_a_second_name_of_a_file_is_refused(folder: Path) -> None:
    """Under the second name another process would write another write-ahead log."""
    introduced(folder)
    os.link(folder / "ids.db", folder / "other.db")
    with pytest.raises(StoreUnavailable, match="expected no second hard link"):
        spent(folder, 10, 1)


def test_e4_the_guard_file_knows_a_newer_epoch_than_a_restored_database(folder: Path) -> None:
    """The database is restored, and the clock is set back at the same time."""
    introduced(folder)
    spent(folder, 10, 1)
    run("cp", "-a", folder, folder.with_name("copy"))
    assert spent(folder, 20, 1) == [0]
    RESTORES["the database alone"](folder.with_name("copy"), folder)
    for index in (11, 12, 20):
        with pytest.raises(StoreUnavailable, match="before unix time 1201 is refused"):
            spent(folder, index, 1)
    assert spent(folder, 21, 1) == [0]


@pytest.fixture
def boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """A function that simulates a restart of the machine with another boot id."""
    path = tmp_path / "boot_id"
    path.write_text("first\n")
    monkeypatch.setattr(machine_time, "_BOOT", str(path))
    return path.write_text


def test_e4_after_a_restart_of_the_machine_the_rest_of_the_epoch_is_burnt(
    folder: Path, boot: Callable[[str], int]
) -> None:
    """A disk that was restored as a whole shows its old times; but the machine must boot from it."""
    introduced(folder)
    assert spent(folder, 10, 2) == [0, 1]
    boot("second\n")
    with pytest.raises(StoreUnavailable, match="the machine was restarted") as caught:
        spent(folder, 10, 1)
    assert "before unix time 660 is refused; served again from" in str(caught.value)
    assert spent(folder, 11, 2) == [0, 1]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that moves the machine's clock by a number of seconds from its first time."""
    begin = epoch_module.clock_offset()

    def set_forward(seconds: int) -> None:
        monkeypatch.setattr(module, "clock_offset", lambda: begin + seconds * 10**9)

    set_forward(0)
    return set_forward


@pytest.mark.parametrize("restarted", [False, True])
def test_e4_a_doubt_resolved_by_a_slow_clock_returns(
    folder: Path, boot: Callable[[str], int], clock: Callable[[int], None], restarted: bool
) -> None:
    """All files are restored to epoch 10, and the clock is one epoch slow until the doubt is resolved."""
    introduced(folder)
    spent(folder, 10, 3)
    run("cp", "-a", folder, folder.with_name("copy"))
    assert spent(folder, 11, 2) == [0, 1]
    replace(folder.with_name("copy"), folder)
    if restarted:
        boot("second\n")
    with pytest.raises(StoreUnavailable, match="before unix time 660 is refused"):
        spent(folder, 10, 1)
    clock(60)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="an earlier call refused.* unix time 720 is refused"):
            spent(folder, 11, 1)
    clock(0)
    with pytest.raises(StoreUnavailable, match="before unix time 720 is refused"):
        spent(folder, 11, 1)
    assert spent(folder, 12, 2) == [0, 1]


def test_e4_an_identity_first_used_with_a_slow_clock_waits_by_the_right_clock(
    folder: Path, clock: Callable[[int], None]
) -> None:
    ids = opened(folder)
    with pytest.raises(
        StoreUnavailable, match="this file has never seen the identity.* before unix time 660 is refused"
    ):
        ids.reserve(ME, epoch(10), 9)
    ids.introduce(8)
    clock(130)
    for index in (11, 12, 13):
        with pytest.raises(StoreUnavailable, match="before unix time 790 is refused"):
            ids.reserve(ME, epoch(index), 9)
    clock(0)
    with pytest.raises(StoreUnavailable, match="before unix time 790 is refused"):
        ids.reserve(ME, epoch(13), 9)
    assert ids.reserve(8, epoch(13), 9) == ids.reserve(ME, epoch(14), 9) == range(1)
    ids.close()


def test_e4_a_clock_that_is_slightly_corrected_or_set_back_costs_no_epoch(
    folder: Path, boot: Callable[[str], int], clock: Callable[[int], None]
) -> None:
    introduced(folder)
    boot("second\n")
    with pytest.raises(StoreUnavailable):
        spent(folder, 10, 1)
    for seconds in (1, -500):
        clock(seconds)
        assert spent(folder, 11, 1) == [max(0, -seconds // 500)]


def test_e4_a_restart_of_the_machine_forgets_the_earlier_clock(
    folder: Path, boot: Callable[[str], int], clock: Callable[[int], None]
) -> None:
    """Each start of the machine has another start time, whatever its clock shows."""
    ids = opened(folder)
    for member in (ME, 8):
        with pytest.raises(StoreUnavailable, match="before unix time 660 is refused"):
            ids.reserve(member, epoch(10), 9)
    boot("second\n")
    clock(86400)
    with pytest.raises(StoreUnavailable, match="the machine was restarted.* before unix time 900 is refused"):
        ids.reserve(8, epoch(14), 9)
    for member in (ME, 8):
        assert ids.reserve(member, epoch(15), 9) == range(1)
    ids.close()


def test_e4_a_system_without_a_boot_id_is_in_doubt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doubt comes with each opening, not with each reservation; a new identity is not in doubt."""
    monkeypatch.setattr(rollback_guard, "boot_id", str)
    first = opened(introduced(folder))
    for index in (10, 11):
        other = opened(folder)
        for ids in (first, other) if index == 10 else (other, first):
            with pytest.raises(
                StoreUnavailable, match="the system has no boot id|an earlier call refused the epoch"
            ):
                ids.reserve(ME, epoch(index), 9)
        other.close()
    for index in (12, 12, 13):
        assert first.reserve(ME, epoch(index), 9)
    other = opened(folder)
    with pytest.raises(StoreUnavailable, match="the system has no boot id"):
        other.reserve(ME, epoch(13), 9)
    with pytest.raises(StoreUnavailable, match="an earlier call refused the epoch"):
        first.reserve(ME, epoch(13), 9)
    assert [ids.reserve(ME, epoch(14), 9)[0] for ids in (first, other, first)] == [0, 1, 2]
    for ids in (first, other):
        ids.close()


def test_e4_a_doubt_concerns_all_identities(folder: Path, boot: Callable[[str], int]) -> None:
    """A doubt of one identity in one application burns the epochs of the other identities."""
    day = Epoch.of(0, 86400, rln_identifier("example.org", 86400))
    ids = opened(introduced(folder))
    ids.introduce(8)
    assert ids.reserve(8, day, 9) == ids.reserve(8, epoch(10), 9) == range(1)
    boot("second\n")
    with pytest.raises(StoreUnavailable):
        ids.reserve(ME, epoch(10), 9)
    for begun in (day, epoch(10)):
        with pytest.raises(StoreUnavailable, match="an earlier call refused the epoch"):
            ids.reserve(8, begun, 9)
    assert ids.reserve(8, epoch(11), 9) == range(1)
    ids.close()


def test_e4_in_doubt_no_message_is_sent_but_old_ones_may_be_sent_again(
    folder: Path, boot: Callable[[str], int]
) -> None:
    now = epoch(10)
    ids = opened(introduced(folder))
    ids.keep(ME, now, ids.reserve(ME, now, 9, x=21), 21, b"message")
    token = ids.reserve(ME, now, 9)
    boot("second\n")
    with pytest.raises(StoreUnavailable, match="do not send the message: the machine was restarted"):
        ids.keep(ME, now, token, 22, b"other")
    with pytest.raises(StoreUnavailable, match="every epoch that begins before"):
        ids.reserve(ME, now, 9)
    with pytest.raises(StoreUnavailable, match="every epoch that begins before"):
        ids.keep(ME, now, token, 22, b"other")
    assert kept_in(ids, ME, now, 21) == b"message"
    assert kept_in(ids, ME, now, 22) is None
    ids.close()


def test_e4_only_a_reservation_resolves_a_doubt(folder: Path, boot: Callable[[str], int]) -> None:
    """A message of the previous epoch or a new identity does not end the doubt."""
    ids = opened(introduced(folder))
    late = ids.reserve(ME, epoch(10), 9)
    assert ids.reserve(ME, epoch(11), 9) == range(1)
    boot("second\n")
    with pytest.raises(StoreUnavailable):
        ids.keep(ME, epoch(10), late, 21, b"message")
    ids.introduce(8)
    for member in (8, ME):
        with pytest.raises(StoreUnavailable):
            ids.reserve(member, epoch(11), 9)
    assert ids.reserve(8, epoch(12), 9) == ids.reserve(ME, epoch(12), 9) == range(1)
    ids.close()


def test_e4_an_identity_that_was_never_introduced_waits_for_an_epoch(folder: Path) -> None:
    ids = opened(folder)
    for attempt in range(3):
        why = "this file has never seen the identity" if attempt == 0 else "an earlier call refused the epoch"
        with pytest.raises(StoreUnavailable, match=f"{why}.* before unix time 660 is refused"):
            ids.reserve(ME, epoch(10), 9)
        ids.introduce(ME)
    ids.introduce(8)
    ids.introduce(8)
    assert ids.reserve(8, epoch(10), 9) == range(1)
    ids.introduce(8)
    assert ids.reserve(8, epoch(10), 9) == range(1, 2)
    assert ids.reserve(ME, epoch(11), 9) == range(1)
    ids.close()


def test_e4_a_clock_that_is_set_back_gives_no_id_twice(folder: Path) -> None:
    introduced(folder)
    assert spent(folder, 10, 2) == [0, 1]
    assert spent(folder, 11, 1) == [0]
    assert spent(folder, 10, 1) == [2]
    assert spent(folder, 13, 1) == [0]
    for index in (10, 11, 0):
        with pytest.raises(StoreUnavailable, match="check the clock"):
            spent(folder, index, 1)
    assert spent(folder, 12, 1) == [0]
    assert spent(folder, 13, 1) == [1]
