"""The guard file recognizes the newest state and an interrupted commit; everything else is in doubt."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rln.base import forks
from rln.errors import StoreUnavailable
from rln.protocol.epoch import Epoch, rln_identifier
from rln.stores import machine_time
from rln.stores.sqlite import rollback_guard
from rln.stores.sqlite.guard_state import Fingerprint, GuardState, IntentRecord
from rln.stores.sqlite.message_ids import SqliteMessageIds
from rln.stores.sqlite.rollback_guard import RollbackGuard

TOUCH = 1_700_000_000_000_000_000
RECORDED = Fingerprint("b007", "1:2", "1:3", TOUCH, 8, 600)
DONE = GuardState(RECORDED, IntentRecord(TOUCH - 50, TOUCH, 8, 600, True, TOUCH + 10))
NEXT = IntentRecord(TOUCH, TOUCH + 70, 9, 600, False, TOUCH + 80)
INTERRUPTED = GuardState(dataclasses.replace(RECORDED, changed=TOUCH + 70, generation=9), NEXT)
ANNOUNCED = GuardState(
    dataclasses.replace(RECORDED, generation=9),
    IntentRecord(TOUCH, TOUCH, 9, 600, False, TOUCH + 60, announced=TOUCH + 50),
)
TOUCHED = GuardState(dataclasses.replace(ANNOUNCED.fingerprint, changed=TOUCH + 70), ANNOUNCED.intent)
DELAY = 10**8
NOW = Epoch.of(10, 60, rln_identifier("example.com", 60))


def fingerprint(state: GuardState, **fields: object) -> GuardState:
    return dataclasses.replace(state, fingerprint=dataclasses.replace(state.fingerprint, **fields))


def intent(state: GuardState, **fields: object) -> GuardState:
    return dataclasses.replace(state, intent=dataclasses.replace(state.intent, **fields))


def test_the_newest_state_and_an_interrupted_commit_are_beyond_doubt() -> None:
    assert DONE.reason_for_doubt(RECORDED) is None
    assert INTERRUPTED.reason_for_doubt(RECORDED) is None
    assert ANNOUNCED.reason_for_doubt(RECORDED) is None, "killed before the touch"
    assert TOUCHED.reason_for_doubt(RECORDED) is None, "killed after the touch, before it was recorded"
    late = fingerprint(TOUCHED, changed=TOUCH + 50 + DELAY)
    assert late.reason_for_doubt(RECORDED) is None
    coarse = intent(TOUCHED, written=TOUCH + 50 - 10**7)
    assert coarse.reason_for_doubt(RECORDED) is None, "the times of files are behind the clock by a tick"
    again = intent(TOUCHED, changed=TOUCH + 70, generation=10, announced=TOUCH + 90, written=TOUCH + 95)
    assert again.reason_for_doubt(RECORDED) is None, "killed a second time, before the second touch"
    committed = dataclasses.replace(INTERRUPTED.fingerprint)
    assert INTERRUPTED.reason_for_doubt(committed) is None, "committed, and killed before that was said"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (fingerprint(DONE, boot="b008"), "the machine was restarted"),
        (fingerprint(DONE, database="1:4"), "was copied"),
        (fingerprint(DONE, guard="1:4"), "was copied"),
        (fingerprint(DONE, changed=TOUCH + 1), "the guard file was restored"),
        (intent(DONE, changed=TOUCH + 1), "the guard file was restored"),
        (fingerprint(DONE, generation=9), "the database is older"),
        (fingerprint(DONE, generation=7), "the guard file was restored"),
        (fingerprint(DONE, newest_start=660), "the guard file was restored"),
        (fingerprint(INTERRUPTED, boot="b008"), "the machine was restarted"),
        (fingerprint(INTERRUPTED, database="1:4"), "was copied"),
        (fingerprint(INTERRUPTED, guard="1:4"), "was copied"),
        (fingerprint(INTERRUPTED, changed=TOUCH + 71), "the database is older"),
        (intent(INTERRUPTED, is_done=True), "the database is older"),
        (intent(INTERRUPTED, previous_change=TOUCH + 1), "the database is older"),
        (intent(INTERRUPTED, changed=TOUCH + 71), "the database is older"),
        (intent(INTERRUPTED, generation=8), "the database is older"),
        (intent(INTERRUPTED, written=TOUCH + 70 + 10**8 + 1), "the database is older"),
        (intent(INTERRUPTED, written=TOUCH + 69), "the database is older"),
        (fingerprint(ANNOUNCED, boot="b008"), "the machine was restarted"),
        (fingerprint(TOUCHED, database="1:4"), "was copied"),
        (fingerprint(TOUCHED, guard="1:4"), "was copied"),
        (fingerprint(TOUCHED, changed=TOUCH + 59), "the database is older"),
        (fingerprint(TOUCHED, changed=TOUCH + 51 + DELAY), "the database is older"),
        (intent(TOUCHED, written=TOUCH + 71), "the database is older"),
        (intent(TOUCHED, written=TOUCH + 50 - 3 * 10**7), "the database is older"),
        (intent(ANNOUNCED, written=TOUCH + 51 + DELAY), "the database is older"),
        (intent(TOUCHED, is_done=True), "the database is older"),
        (intent(TOUCHED, previous_change=TOUCH + 1), "the database is older"),
        (intent(ANNOUNCED, previous_change=TOUCH - 1), "the database is older"),
        (intent(fingerprint(TOUCHED, generation=8), generation=8), "the guard file was restored"),
    ],
)
def test_everything_else_is_in_doubt(state: GuardState, why: str) -> None:
    assert why in (state.reason_for_doubt(RECORDED) or "nothing")


def test_a_database_without_a_record_is_new_or_lost() -> None:
    fresh = GuardState(
        dataclasses.replace(RECORDED, generation=0, newest_start=0), IntentRecord(written=TOUCH + 10)
    )
    first = GuardState(
        dataclasses.replace(RECORDED, generation=1), IntentRecord(0, TOUCH, 1, 600, False, TOUCH + 10)
    )
    assert fresh.reason_for_doubt(None) is None
    assert first.reason_for_doubt(None) is None, "the first commit was interrupted"
    for lost in (DONE, INTERRUPTED, intent(first, is_done=True), intent(fresh, generation=-1)):
        assert "the database was deleted" in (lost.reason_for_doubt(None) or "nothing")


def test_records_come_back_as_they_were() -> None:
    for one in (RECORDED, dataclasses.replace(RECORDED, boot="", newest_start=2**100)):
        assert Fingerprint.decode(one.encode()) == one
    for other in (NEXT, DONE.intent, IntentRecord()):
        assert IntentRecord.decode(other.encode(), other.written) == other
    for damaged in (b"x", NEXT.encode()[:-1], NEXT.encode() + b"0", NEXT.encode().replace(b"0", b"-", 1)):
        assert IntentRecord.decode(damaged, 5) == IntentRecord(generation=-1, is_done=True, written=5)
    assert IntentRecord.decode(b"", 5) == IntentRecord(written=5)


@pytest.fixture
def ids(tmp_path: Path) -> Iterator[SqliteMessageIds]:
    opened = SqliteMessageIds(tmp_path / "ids.db")
    opened.introduce(7)
    yield opened
    opened.close()


def dies(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("step", ["before the announcement", "before the touch", "after the touch"])
def test_killed_around_the_touch_the_epoch_goes_on(
    ids: SqliteMessageIds, monkeypatch: pytest.MonkeyPatch, step: str, times: int
) -> None:
    """Nothing was committed, so no id is burnt either."""
    write = RollbackGuard._write

    def written(guard: RollbackGuard, intent: IntentRecord) -> None:
        if step == "before the announcement" or not intent.announced:
            raise KeyboardInterrupt
        write(guard, intent)

    for _ in range(times):
        with monkeypatch.context() as patch:
            patch.setattr(RollbackGuard, "_write", written)
            if step == "before the touch":
                patch.setattr(os, "utime", dies)
            with pytest.raises(KeyboardInterrupt):
                ids.reserve(7, NOW, 9)
    assert ids.reserve(7, NOW, 9) == range(1)


@pytest.mark.parametrize("files", [("ids.db", "ids.db-wal", "ids.db-intent"), ("ids.db-intent",), None])
@pytest.mark.parametrize("step", ["before the touch", "after the touch"])
def test_a_copy_that_was_made_in_the_midst_of_a_change_is_recognized_when_it_is_restored(
    ids: SqliteMessageIds,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    files: tuple[str] | None,
) -> None:
    """The copy holds an announcement; the change itself, and one more, were completed after it."""
    ids.reserve(7, NOW, 9)
    copies: dict[Path, bytes] = {}
    write = RollbackGuard._write

    def copied(guard: RollbackGuard, intent: IntentRecord, *outcome: str) -> None:
        if step == "before the touch":
            write(guard, intent, *outcome)
        if not copies and (step == "before the touch") == bool(intent.announced):
            copies.update({path: path.read_bytes() for path in tmp_path.iterdir()})
        if step != "before the touch":
            write(guard, intent, *outcome)

    with monkeypatch.context() as patch:
        patch.setattr(RollbackGuard, "_write", copied)
        assert ids.reserve(7, NOW, 9) == range(1, 2)
    assert IntentRecord.decode(copies[tmp_path / "ids.db-intent"], 0).announced
    ids.close()
    time.sleep(0.11)
    for path, content in copies.items():
        if files is None or path.name in files:
            path.write_bytes(content)
    again = SqliteMessageIds(tmp_path / "ids.db")
    with pytest.raises(StoreUnavailable, match="every epoch that begins before"):
        again.reserve(7, NOW, 9)
    again.close()


def test_killed_while_it_burns_it_stays_in_doubt(
    ids: SqliteMessageIds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An intent that is written in doubt does not look like an interrupted change of a sound state."""
    os.utime(tmp_path / "ids.db-guard")
    honest = RollbackGuard.touch

    def dies(guard: RollbackGuard, *arguments: object) -> None:
        honest(guard, *arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RollbackGuard, "touch", dies)
        with pytest.raises(KeyboardInterrupt):
            ids.reserve(7, NOW, 9)
    with pytest.raises(StoreUnavailable, match="every epoch that begins before"):
        ids.reserve(7, NOW, 9)


def test_killed_before_it_is_said_that_it_is_done_the_id_is_burnt_and_no_more(
    ids: SqliteMessageIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RollbackGuard, "confirm", dies)
        with pytest.raises(KeyboardInterrupt):
            ids.reserve(7, NOW, 9)
    assert ids.reserve(7, NOW, 9) == range(1, 2)


def test_what_cannot_be_written_is_refused(ids: SqliteMessageIds, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    for name in ("pwrite", "utime"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(StoreUnavailable, match="No space left"):
                ids.reserve(7, Epoch.of(20, 60, NOW.identifier), 9)
    assert ids.reserve(7, Epoch.of(20, 60, NOW.identifier), 9) == range(1), "nothing was changed"
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda descriptor, data, place: pwrite(descriptor, data[:-1], place))
        with pytest.raises(StoreUnavailable, match=r"wrote \d+ of \d+ bytes"):
            ids.reserve(7, Epoch.of(20, 60, NOW.identifier), 9)
    os.truncate(ids._guard._intent_path, 100)
    with pytest.raises(StoreUnavailable, match="every epoch that begins before"):
        ids.reserve(7, Epoch.of(30, 60, NOW.identifier), 9)
    assert ids.reserve(7, Epoch.of(31, 60, NOW.identifier), 9) == range(1)


def test_what_cannot_be_looked_at_is_refused(ids: SqliteMessageIds, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    for name in ("pread", "pwrite"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, broken)
            with pytest.raises(StoreUnavailable, match="ids.db-guard: Input/output error"):
                ids.reserve(7, NOW, 9)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", broken)
        with pytest.raises(StoreUnavailable, match="ids.db-guard: Input/output error"):
            ids.reserve(7, NOW, 9)


class Holder:
    """A thread that holds the guard file's lock until it is told to end."""

    def __init__(self, ids: SqliteMessageIds) -> None:
        holds, self._let_go = threading.Event(), threading.Event()

        def hold() -> None:
            with ids._guard.locked():
                holds.set()
                assert self._let_go.wait(60)

        self._thread = threading.Thread(target=hold)
        self._thread.start()
        assert holds.wait(60)

    def end(self) -> None:
        self._let_go.set()
        self._thread.join()


def test_a_thread_that_holds_it_is_waited_for_and_then_refused(
    ids: SqliteMessageIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollback_guard, "TIMEOUT", 0.1)
    holder = Holder(ids)
    with pytest.raises(StoreUnavailable, match="locked by another thread or process"):
        ids.reserve(7, NOW, 9)
    holder.end()
    assert ids.reserve(7, NOW, 9) == range(1)


def test_a_system_that_does_not_tell_its_boot(
    ids: SqliteMessageIds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then only the times of the guard file protect."""
    monkeypatch.setattr(machine_time, "_BOOT", str(tmp_path / "none"))
    with pytest.raises(StoreUnavailable, match="the machine was restarted"):
        ids.reserve(7, NOW, 9)
    later = Epoch.of(11, 60, NOW.identifier)
    assert [ids.reserve(7, later, 9)[0] for _ in range(2)] == [0, 1]


def test_a_forked_child_does_not_hold_its_parents_lock(
    ids: SqliteMessageIds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork while another thread holds the guard file for longer than a fork waits."""
    monkeypatch.setattr(forks, "FORK_WAIT", 0.05)
    holder = Holder(ids)
    end_read, end_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(end_write)
        os.read(end_read, 1)  # lives until the parent is finished
        os._exit(0 if ids._guard._descriptor is None and ids._guard._lock.acquire(timeout=1) else 1)
    descriptor = os.open(tmp_path / "ids.db-guard", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    holder.end()
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
    assert ids.reserve(7, NOW, 9) == range(1)
    os.close(end_write)
    assert os.waitpid(pid, 0)[1] == 0
    os.close(end_read)


def test_files_of_a_process_that_ended(tmp_path: Path) -> None:
    """A second close does nothing; use after it is refused; another kind of file is refused."""
    ids = SqliteMessageIds(tmp_path / "ids.db")
    assert "ids.db" in repr(ids)
    for _ in range(2):
        ids.close()
    with pytest.raises(StoreUnavailable, match="used after it was closed"):
        ids.reserve(7, NOW, 9)
    with pytest.raises(StoreUnavailable, match="used after it was closed"):
        ids.recall(7, NOW.identifier, 9)
    (tmp_path / "other.db").write_bytes(b"something else, and long enough to be read as a header" * 90)
    (tmp_path / "other.db").chmod(0o600)
    with pytest.raises(StoreUnavailable, match="message ids: .*other.db"):
        SqliteMessageIds(tmp_path / "other.db")
