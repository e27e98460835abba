"""Audit files that other programs rotate, truncate, damage or delete, and disks that are full."""

from __future__ import annotations

import gzip
import logging
import os
import resource
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import rln
from rln.audit import open_file
from rln.audit.audit_reader import AuditReader
from rln.audit.audited_epoch import audit_paths, audited_epochs, read_headers
from rln.audit.files import AuditFiles
from rln.audit.violators import Violators
from rln.errors import EncodingError, StoreUnavailable
from rln.ports import NullifierLog, Observer
from rln.protocol import proof_record
from rln.protocol.epoch import Epoch
from rln.protocol.proof import AnyProof
from rln.stores.memory import MemoryNullifierLog
from rln.stores.sqlite.log import SqliteNullifierLog
from tests.support.effort import effort
from tests.support.killed_child import exit_code
from tests.support.small_world import World, small_key

Change = Callable[[Path], None]
Message = tuple[rln.RlnProof, bytes]

RECORD = proof_record.size(5)


class Alarms(Observer):
    """An operator's observer, which writes down what happened to the audit trail."""

    def __init__(self) -> None:
        self.heard: list[Exception] = []

    def moment(self) -> float:
        return 0.0

    def judged(self, outcome: rln.Verdict | Exception, since: float) -> None:
        """Take no notice: the caller gets it."""

    def stored(self, failed: bool, since: float) -> None:
        """Take no notice: the log is in memory."""

    def waiting(self, messages: int) -> None:
        """Take no notice: nothing waits."""

    def damaged(self, error: Exception) -> None:
        self.heard.append(error)

    def about(self, path: Path) -> list[Exception]:
        return [error for error in self.heard if str(path) in str(error)]


class Cast:
    """Members, and messages that each of them made on their first message id: all proofs are made once."""

    def __init__(self) -> None:
        self.world = World()
        self.key = self.world.key.verifying_key
        self.mallory, self.bob, other = (self.world.join() for _ in range(3))
        self.accepted = [self._message(other, b"other"), self._message(self.mallory, b"mallory")]
        self.seconds = [self._message(self.mallory, signal) for signal in (b"second", b"third", b"fourth")]
        self.bobs = [self._message(self.bob, signal) for signal in (b"bob", b"elsewhere")]
        self.newcomers = [self._message(self.world.join(), bytes([n])) for n in range(4)]

    def _message(self, member: rln.Identity, signal: bytes) -> Message:
        return self.world.prover(member).prove(signal), signal


class Scene:
    """A verifier with audit files that has accepted two messages; the second one is Mallory's."""

    def __init__(self, cast: Cast, folder: Path, log: NullifierLog | None = None) -> None:
        self.cast, self.world, self.key = cast, cast.world, cast.key
        self.folder = folder
        self.directory = folder / "audit"
        self.alarms = Alarms()
        self.audit = AuditFiles(self.directory, self.key)
        self.log = MemoryNullifierLog() if log is None else log
        self.verifier = self.world.verifier(
            audit=self.audit, observer=self.alarms, log=self.log, roots=tuple(self.world.group.roots)
        )
        for message in cast.accepted:
            assert self.verifier.submit(*message) == rln.Valid()
        (self.path,) = audit_paths(self.directory)

    @property
    def epoch(self) -> Epoch:
        return self.world.clock.current()

    def check_first(self, message: Message | None = None) -> None:
        """A first message is served, and anybody finds it in the directory."""
        proof, signal = message or self.cast.bobs[0]
        assert self.verifier.submit(proof, signal) == rln.Valid()
        assert proof in self.kept(proof)

    def check_copy(self) -> None:
        for message in self.cast.accepted:
            assert self.verifier.submit(*message) == rln.Duplicate()

    def check_violation(self, evidence: bool) -> None:
        """A violation is told, with evidence if the first message can be read."""
        secret = self.cast.mallory.secret()
        for message in self.cast.seconds:
            verdict = self.verifier.submit(*message)
            assert verdict == rln.RateLimitViolation(secret)
            assert isinstance(verdict, rln.RateLimitViolation)
            assert (verdict.evidence is not None) == evidence
            if verdict.evidence is not None:
                assert verdict.evidence.check(self.key) == secret

    def kept(self, proof: AnyProof) -> list[AnyProof]:
        """Return what another process finds of a message."""
        return AuditFiles(self.directory, self.key).lookup(self.epoch, proof.shares[0].nullifier or 0)

    def check_merge(self) -> None:
        """Bob has used one message id at two nodes: the files of both show it."""
        other = self.world.verifier(
            log=MemoryNullifierLog(), audit=AuditFiles(self.folder / "other", self.key)
        )
        assert other.submit(*self.cast.bobs[1]) == rln.Valid()
        files, damaged = read_headers([*audit_paths(self.directory), *audit_paths(self.folder / "other")])
        reading = AuditReader(files, damaged, lambda part: None)
        found = Violators(reading.messages, self.key).find()
        assert self.cast.bob.commitment in [violation.commitment for violation in found]


@pytest.fixture(scope="module")
def cast() -> Cast:
    return Cast()


@pytest.fixture
def scene(cast: Cast, tmp_path: Path) -> Scene:
    return Scene(cast, tmp_path)


# ---- F20: what other programs do --------------------------------------------------------------------


def rename(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}.1"))


def delete(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def truncate_in_the_first_line(path: Path) -> None:
    os.truncate(path, 50)


def truncate_in_a_record(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 10)


def truncate_after_a_record(path: Path) -> None:
    os.truncate(path, path.stat().st_size - RECORD)


def copy_and_truncate(path: Path) -> None:
    shutil.copy(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)


def append_a_line(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"rotated\n")


def append_a_page(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(4096))


def overwrite_the_first_line(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"?" * 40)


def overwrite_a_record(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-RECORD, os.SEEK_END)
        file.write(bytes(RECORD))


def replace_by_the_file_of_another_epoch(path: Path) -> None:
    folder, clock = path.parent.with_name("of another epoch"), World().clock
    (audited,) = audited_epochs(path.parent)
    audit = AuditFiles(folder, small_key().verifying_key)
    audit.append_many([(clock.epoch(clock.current().index + 1), next(audited.messages()))])
    os.replace(*audit_paths(folder), path)


def replace_by_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_a_link(path: Path) -> None:
    moved = path.parent.with_name("moved")
    path.rename(moved)
    path.symlink_to(moved)


def replace_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def take_away_the_mode(path: Path) -> None:
    path.chmod(0)


def compress(path: Path) -> None:
    with gzip.open(path.with_name(f"{path.name}.gz"), "wb") as file:
        file.write(path.read_bytes())
    path.unlink()


LOST: Sequence[Change] = (
    rename, delete, truncate, truncate_in_the_first_line, truncate_in_a_record, truncate_after_a_record,
    copy_and_truncate, overwrite_the_first_line, overwrite_a_record, replace_by_the_file_of_another_epoch,
    replace_by_a_directory, replace_by_a_link, replace_by_a_pipe, compress,
)  # fmt: skip
READABLE: Sequence[Change] = (append_a_line, append_a_page)
"""After these, the messages of a file are still there."""


@pytest.mark.parametrize("violation_comes_first", [False, True])
@pytest.mark.parametrize("change", [*LOST, *READABLE, take_away_the_mode])
def test_f20_after_another_program_has_changed_a_file_no_message_is_lost_and_no_violation_hidden(
    scene: Scene, change: Change, violation_comes_first: bool
) -> None:
    change(scene.path)
    evidence = change in READABLE or (change is take_away_the_mode and os.geteuid() == 0)
    scene.check_copy()
    if violation_comes_first:
        scene.check_violation(evidence)
        scene.check_first()
    else:
        scene.check_first()
        scene.check_violation(evidence)
    scene.check_copy()
    assert len(scene.alarms.about(scene.path)) == 1, "the operator hears of each file once"
    assert len(scene.alarms.heard) == 1
    scene.check_merge()


def at_write(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[], None], after: bool, times: int = 1
) -> None:
    """Run a change just before or just after the next writes of records."""
    honest, left = os.write, [times]

    def write(file: int, data: bytes) -> int:
        now = left[0] > 0
        left[0] -= now
        if now and not after:
            change()
        written = honest(file, data)
        if now and after:
            change()
        return written

    monkeypatch.setattr(open_file.os, "write", write)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("change", [one for one in LOST if one is not overwrite_a_record])
def test_f20_a_file_that_another_program_changes_during_a_write_does_not_count(
    scene: Scene, change: Change, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_write(monkeypatch, lambda: change(scene.path), after)
    scene.check_first()
    assert len(scene.alarms.about(scene.path)) == 1
    cut_off_what_was_written = after and change in (truncate_in_a_record, truncate_after_a_record)
    scene.check_violation(evidence=cut_off_what_was_written)
    scene.check_merge()


def test_f20_bytes_of_another_program_in_front_of_a_record_do_not_hide_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_write(monkeypatch, lambda: append_a_line(scene.path), after=False)
    scene.check_first()
    scene.check_violation(evidence=True)
    scene.check_merge()


def test_f20_a_message_is_refused_where_another_program_changes_every_new_file(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty_all() -> None:
        for path in audit_paths(scene.directory):
            truncate(path)

    at_write(monkeypatch, empty_all, after=True, times=100)
    with pytest.raises(StoreUnavailable, match="another program changed 3 new files"):
        scene.verifier.submit(*scene.cast.bobs[0])
    scene.check_copy()
    scene.check_violation(evidence=False)
    monkeypatch.undo()
    scene.check_first(scene.cast.newcomers[0])


# ---- F20: directories and disks ---------------------------------------------------------------------


@pytest.mark.parametrize("gone", [False, True])
def test_f20_a_directory_that_is_renamed_or_deleted_keeps_nothing_and_hides_no_violation(
    scene: Scene, gone: bool
) -> None:
    moved = scene.directory.with_name("moved")
    if gone:
        shutil.rmtree(scene.directory)
    else:
        scene.directory.rename(moved)
    with pytest.raises(StoreUnavailable, match="audit: .*No such file"):
        scene.verifier.submit(*scene.cast.newcomers[0])
    assert len(scene.alarms.about(scene.path)) == 1
    scene.check_copy()
    scene.check_violation(evidence=False)
    assert len(scene.alarms.about(scene.directory)) >= 2
    with pytest.raises(StoreUnavailable, match="No such file"):
        scene.audit.forget(1)
    if gone:
        scene.directory.mkdir(0o700)
    else:
        moved.rename(scene.directory)
        scene.check_violation(evidence=True)
    scene.check_first()
    scene.check_merge()


def test_f20_a_directory_that_becomes_writable_for_others_keeps_nothing_more(scene: Scene) -> None:
    delete(scene.path)
    scene.directory.chmod(0o777)
    with pytest.raises(StoreUnavailable, match="only this user"):
        scene.verifier.submit(*scene.cast.bobs[0])
    scene.check_violation(evidence=False)


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """Let writes fail as on a full disk; each file may have this size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_f20_a_full_disk_refuses_first_messages_and_still_shows_violations(scene: Scene) -> None:
    cast = scene.cast
    outcomes: list[object] = []
    with no_file_grows_beyond(scene.path.stat().st_size):
        for message in (*cast.newcomers, *cast.accepted, cast.seconds[0]):
            outcomes += scene.verifier.outcomes([message])
    assert [type(outcome) for outcome in outcomes[:4]] == [StoreUnavailable] * 4
    assert outcomes[4:6] == [rln.Duplicate()] * 2
    verdict = outcomes[6]
    assert verdict == rln.RateLimitViolation(cast.mallory.secret())
    assert isinstance(verdict, rln.RateLimitViolation) and verdict.evidence is not None
    assert verdict.evidence.check(scene.key) == cast.mallory.secret()
    assert [type(error) for error in scene.alarms.heard] == [StoreUnavailable], "the second is not kept"
    assert audit_paths(scene.directory) == [scene.path], "a message that is refused leaves no file"
    for proof, signal in cast.newcomers:
        assert scene.verifier.submit(proof, signal) == rln.Duplicate(), "its message id is spent"
        assert scene.kept(proof) == []
    scene.check_first()
    scene.check_merge()


def test_f20_a_disk_with_room_for_half_a_record_hides_nothing(scene: Scene) -> None:
    proof, signal = scene.cast.newcomers[0]
    with no_file_grows_beyond(scene.path.stat().st_size + 100):
        with pytest.raises(StoreUnavailable, match=f"wrote 100 of {RECORD} bytes; check the disk"):
            scene.verifier.submit(proof, signal)
    assert scene.kept(proof) == []
    scene.check_first()
    scene.check_violation(evidence=True)
    scene.check_merge()
    assert scene.alarms.heard == [], "no other program did this"


# ---- F20: damage ------------------------------------------------------------------------------------


def test_f20_a_damaged_record_hides_none_of_the_records_after_it(scene: Scene) -> None:
    with scene.path.open("r+b") as file:
        file.seek(-2 * RECORD, os.SEEK_END)
        file.write(b"?" * 20)  # in the first of two
    (audited,) = audited_epochs(scene.directory)
    messages = audited.messages()
    assert next(messages) == scene.cast.accepted[1][0]
    with pytest.raises(EncodingError, match=r"1 damaged records, the first number 1: "):
        next(messages)
    scene.check_violation(evidence=True)
    scene.check_first()
    scene.check_merge()
    assert len(scene.alarms.heard) == 1


def test_f20_damaged_files_do_not_keep_others_from_being_found_or_deleted(scene: Scene) -> None:
    for number in range(5):
        (scene.directory / f"{scene.epoch.index}-{number}.audit").write_bytes(b"?")
    scene.check_violation(evidence=True)
    assert len(scene.alarms.heard) == 5
    with pytest.raises(StoreUnavailable, match="5 files are left; delete them, or call again"):
        scene.audit.forget(scene.epoch.end)
    assert len(audit_paths(scene.directory)) == 5


def test_f20_without_an_observer_damage_goes_to_the_log_of_the_program(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    verifier = scene.world.verifier(audit=scene.audit, log=scene.log)
    delete(scene.path)
    assert verifier.submit(*scene.cast.bobs[0]) == rln.Valid()
    (line,) = caplog.records
    assert (line.name, line.levelno) == ("rln", logging.CRITICAL)
    assert str(scene.path) in line.getMessage()


# ---- F20: forks -------------------------------------------------------------------------------------


def test_f20_a_fork_in_the_middle_of_a_write_leaves_no_half_record(cast: Cast, tmp_path: Path) -> None:
    """Four threads write and make files without a pause; each child keeps messages too, in its own file."""
    world = cast.world
    audit = AuditFiles(tmp_path, cast.key)
    proofs = [proof for proof, _ in (*cast.newcomers, cast.bobs[0])]
    first = world.clock.current().index
    stop, counts = threading.Event(), [0, 0, 0, 0]

    def write(number: int) -> None:
        while not stop.is_set():
            epoch = world.clock.epoch(first + counts[number] % 70)  # more than are open at a time
            audit.append_many([(epoch, proofs[number])] * 3)
            counts[number] += 3

    def keep() -> None:
        audit.append_many([(world.clock.epoch(first), proofs[4])])
        assert audit.lookup(world.clock.epoch(first), proofs[4].nullifier) != []
        audit.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    forks = effort(20, 200)
    try:
        assert [exit_code(keep) for _ in range(forks)] == [0] * forks
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    messages = [proof for audited in audited_epochs(tmp_path) for proof in audited.messages()]
    assert [messages.count(proof) for proof in proofs] == [*counts, forks]
    assert [audited.path for audited in audited_epochs(tmp_path) if audited.cut] == []
    assert audit.damage() == (), "a child changed no file of its parent"


def test_f20_a_child_that_was_forked_while_a_thread_is_held_up_in_a_write_does_not_hang(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast, folder = scene.cast, scene.folder / "forked"
    folder.mkdir()
    log = SqliteNullifierLog(folder / "log.db", cast.world.clock, new=True)  # a child may use it
    scene = Scene(cast, folder, log)
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        free.wait()

    at_write(monkeypatch, hold, after=False)
    bob = scene.cast.bobs[0]
    writer = threading.Thread(target=scene.audit.append_many, args=([(scene.epoch, bob[0])],))
    writer.start()
    held.wait()

    def keep() -> None:
        verdict = scene.verifier.submit(*scene.cast.seconds[0])
        assert isinstance(verdict, rln.RateLimitViolation) and verdict.evidence is not None
        assert scene.audit.damage() == ()

    assert exit_code(keep) == 0
    free.set()
    writer.join()
    assert scene.kept(bob[0]) == [bob[0]]
    assert len(audit_paths(scene.directory)) == 2
    assert scene.alarms.heard == []
