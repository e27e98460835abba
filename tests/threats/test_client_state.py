"""Threats B10, E1 to E3, E5 to E7: the client's state of message ids, where a secret is lost most easily.

strace kills a forked child, or makes its disk fail, at one system call after the other.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import rln
from rln.errors import ParameterError, RateLimitReached, StoreUnavailable
from rln.stores import file_checks, open_message_ids
from rln.stores.sqlite import rollback_guard
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.conftest import lacking
from tests.faults.strace import need_strace
from tests.support.effort import effort
from tests.support.kept_message import kept_in
from tests.support.small_world import World
from tests.threats.client import ME, epoch, introduced, opened, spent

PATIENCE = 60  # seconds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


def report(descriptor: int, line: str) -> None:
    os.write(descriptor, f"{line}\n".encode())


# ---- children under strace --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strace() -> None:
    need_strace()


def run_traced(work: Callable[[Callable[[str], None]], None], *options: str) -> tuple[list[str], str, int]:
    """Run `work` in a forked child under strace.

    Returns:
        The lines that it reported, what strace wrote, and its status as `waitpid` returns it.
    """
    go_read, go_write = os.pipe()
    lines_read, lines_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.read(go_read, 1)
            work(lambda line: report(lines_write, line))
        finally:
            os._exit(0)
    os.close(lines_write)
    tracer = subprocess.Popen(["strace", "-p", str(pid), *options], stderr=subprocess.PIPE, text=True)
    try:
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        if "attached" not in attached:
            lacking("strace", f"strace may not attach: {attached.strip()}")
        os.write(go_write, b"x")
        with os.fdopen(lines_read) as pipe:
            lines = pipe.read().splitlines()
        trace = tracer.stderr.read()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        tracer.wait(PATIENCE)
        tracer.stderr.close()
        for descriptor in (go_read, go_write):
            os.close(descriptor)
    return lines, trace, status


def count_calls(trace: str) -> dict[str, int]:
    """Return how often a trace has each system call."""
    counted: dict[str, int] = {}
    for line in trace.splitlines():
        name, bracket, _ = line.partition("(")
        if bracket and name.isidentifier():
            counted[name] = counted.get(name, 0) + 1
    return counted


class Sender:
    """The work of a child: open the file, send messages, and report each id that the library gave out."""

    def __init__(self, folder: Path, index: int, messages: int = 1) -> None:
        self.folder, self.index, self.messages = folder, index, messages

    def __call__(self, report: Callable[[str], None]) -> None:
        ids = opened(self.folder)
        for number in range(self.messages):
            now, x = epoch(self.index), 1000 * self.index + number + 1
            try:
                reserved = ids.reserve(ME, now, 100, x=x)
                report(f"reserved {self.index} {reserved[0]}")
                ids.keep(ME, now, reserved, x, b"%d" % x)
                report(f"sent {self.index} {reserved[0]} {x}")
            except StoreUnavailable as error:
                report(f"refused {error}")
                self.index += 1
        ids.close()


# ---- B10 --------------------------------------------------------------------------------------------


def test_b10_one_identity_in_two_groups_of_an_application_has_one_counter(folder: Path) -> None:
    """The external nullifier does not contain the group: two counters would use one id for two messages."""
    world, other = World(), World()
    member = world.join(limit=4)
    other.group.register(member.commitment, 3)
    ids = opened(folder)
    ids.introduce(member.commitment)
    used = set()
    for number, there in enumerate((world, other, world)):
        used.add(there.prover(member, ids).prove(b"%d" % number).shares[0].nullifier)
    with pytest.raises(RateLimitReached, match="3 of 3 ids of epoch .* are used"):
        other.prover(member, ids).prove(b"x")
    used.add(world.prover(member, ids).prove(b"x").shares[0].nullifier)
    assert len(used) == 4
    ids.close()


# ---- E1 ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("strace")
def test_e1_killed_at_any_system_call_no_id_goes_with_two_messages(folder: Path) -> None:
    """The kill comes at every call from the opening of the file to its closing; at each third in CI."""
    introduced(folder)
    ids = opened(folder)
    ids.reserve(ME, epoch(10), 100)
    ids.close()
    lines, trace, status = run_traced(Sender(folder, 10), "-e", "trace=all")
    assert (lines, status) == (["reserved 10 1", "sent 10 1 10001"], 0)
    used = {(10, 0), (10, 1)}
    points = [(name, n) for name, count in count_calls(trace).items() for n in range(1, count + 1)]
    assert {"fdatasync", "pwrite64", "flock", "fcntl"} <= {name for name, _ in points}
    assert len(points) > 150
    index, kills, burnt = 11, 0, []
    for name, n in points[:: effort(3, 1)]:
        lines, _, status = run_traced(Sender(folder, index), "-e", f"inject={name}:signal=SIGKILL:when={n}")
        kills += status == signal.SIGKILL
        ids = opened(folder)
        for line in lines:
            kind, *numbers = line.split()
            if kind == "reserved":
                key = (int(numbers[0]), int(numbers[1]))
                assert key not in used, (name, n)
                used.add(key)
            if kind == "sent":
                assert kept_in(ids, ME, epoch(index), int(numbers[2])) == numbers[2].encode()
        # After the crash the client gets another id.
        try:
            key = (index, ids.reserve(ME, epoch(index), 100, x=9)[0])
            assert key not in used, (name, n)
            used.add(key)
        except StoreUnavailable:
            burnt.append((name, n))
        key = (index + 1, ids.reserve(ME, epoch(index + 1), 100, x=9)[0])
        assert key not in used
        used.add(key)
        ids.close()
        index += 2
    assert kills > len(points[:: effort(3, 1)]) * 0.8
    assert burnt == [], "no kill costs the rest of the epoch"


def test_e1_the_id_is_on_the_disk_before_a_proof_exists(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a prover dies while it proves, its id is burnt."""
    world = World()
    member = world.join(limit=4)
    ids = opened(folder)
    ids.introduce(member.commitment)
    prover = world.prover(member, ids)

    def dies(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rln.ProvingKey, "witness", dies)
        with pytest.raises(KeyboardInterrupt):
            prover.prove(b"one")
    ids.close()
    ids = opened(folder)
    proof = world.prover(member, ids).prove(b"two")
    assert proof.shares == (member.share(proof.x, proof.external_nullifier, 1),)
    ids.close()


# ---- E2 ---------------------------------------------------------------------------------------------


def test_e2_no_id_goes_with_a_second_x_across_a_restart(folder: Path) -> None:
    introduced(folder)
    now = epoch(10)
    ids = opened(folder)
    bound, free = ids.reserve(ME, now, 9, x=21), ids.reserve(ME, now, 9)
    ids.keep(ME, now, free, 22, b"first")
    ids.close()
    ids = opened(folder)
    for reserved, x in ((bound, 23), (free, 23), (free, 21), (bound, 22)):
        with pytest.raises(StoreUnavailable, match="already belongs to another message"):
            ids.keep(ME, now, reserved, x, b"second")
    ids.keep(ME, now, bound, 21, b"kept late")
    assert [kept_in(ids, ME, now, x) for x in (21, 22, 23)] == [b"kept late", b"first", None]
    ids.close()


@pytest.mark.parametrize("tokens", [0, 2])
def test_e2_a_transport_that_fails_and_changes_bodies_uses_no_id_twice(folder: Path, tokens: int) -> None:
    """The client asks `again` first; its transport repeats messages, loses answers and adds a new date."""
    world, chance = World(), random.Random(1)
    member = world.join(limit=12)
    verifier = world.verifier()
    sent: dict[int, int] = {}
    wire: dict[bytes, set[bytes]] = {}

    def send(prover: rln.Prover, body: bytes) -> rln.AnyProof:
        proof = prover.again(body) or prover.prove(body)
        assert sent.setdefault(proof.shares[0].nullifier or 0, proof.x) == proof.x
        wire.setdefault(body, set()).add(proof.proof)
        verdict = verifier.submit(proof, body)
        assert not isinstance(verdict, rln.RateLimitViolation)
        return proof

    ids = opened(folder)
    ids.introduce(member.commitment)
    for number in range(3):
        for attempt in range(5):
            with world.prover(member, ids, tokens=tokens) as prover:
                body = b"message %d" % number
                if chance.random() < 0.3:
                    body += b", date %d" % attempt
                with contextlib.suppress(RateLimitReached):
                    send(prover, body)
            if chance.random() < 0.5:
                ids.close()
                ids = opened(folder)
    ids.close()
    assert all(len(proofs) == 1 for proofs in wire.values())
    assert len(sent) == len(wire) > 3


def test_e2_a_message_that_could_not_be_kept_is_not_sent(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    member = world.join(limit=4)
    ids = opened(folder)
    ids.introduce(member.commitment)
    with world.prover(member, ids) as prover:
        with monkeypatch.context() as patch:
            patch.setattr(SqliteMessageIds, "keep", refused)
            with pytest.raises(StoreUnavailable, match="disk full"):
                prover.prove(b"x")
        assert prover.again(b"x") is None
        proof = prover.prove(b"x")
        assert proof.shares == (member.share(proof.x, proof.external_nullifier, 1),)
    ids.close()


def refused(*_: object) -> None:
    raise StoreUnavailable("message ids: disk full")


# ---- E3 ---------------------------------------------------------------------------------------------


def start_child(work: Callable[[Callable[[str], None]], None]) -> tuple[int, int]:
    """Run `work` in a child; return its process id and the descriptor of its report."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read)
            work(lambda line: report(write, line))
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    return pid, read


def collect_lines(children: list[tuple[int, int]]) -> list[str]:
    lines = []
    for pid, read in children:
        with os.fdopen(read) as pipe:
            lines += pipe.read().splitlines()
        assert os.waitpid(pid, 0)[1] == 0
    return lines


@pytest.mark.parametrize("inherited", [False, True])
def test_e3_two_processes_share_one_file(folder: Path, inherited: bool) -> None:
    """Each process has two threads, and opens the file itself or inherits it open."""
    introduced(folder)
    limit = effort(100, 2000)
    before = opened(folder)
    first = before.reserve(ME, epoch(10), limit)[0]

    def work(report: Callable[[str], None]) -> None:
        ids = before if inherited else opened(folder)

        def send() -> None:
            with contextlib.suppress(RateLimitReached):
                while True:
                    taken = ids.reserve(ME, epoch(10), limit, x=os.getpid())
                    report(str(taken[0]))

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ids = [int(line) for line in collect_lines([start_child(work) for _ in range(2)])]
    assert sorted([first, *ids]) == list(range(limit))
    with pytest.raises(RateLimitReached):
        before.reserve(ME, epoch(10), limit)
    before.close()


def test_e3_a_locked_guard_file_is_refused_after_a_wait(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    introduced(folder)
    monkeypatch.setattr(rollback_guard, "TIMEOUT", 0.2)
    release_read, release_write = os.pipe()

    def work(report: Callable[[str], None]) -> None:
        ids = opened(folder)
        with ids._guard.locked():
            report("held")
            os.read(release_read, 1)

    pid, output = start_child(work)
    assert os.read(output, 5) == b"held\n"
    ids = opened(folder)
    with pytest.raises(StoreUnavailable, match="locked by another thread or process"):
        ids.reserve(ME, epoch(10), 5)
    os.write(release_write, b"x")
    assert os.waitpid(pid, 0)[1] == 0
    assert ids.reserve(ME, epoch(10), 5) == range(1)
    ids.close()
    for descriptor in (release_read, release_write, output):
        os.close(descriptor)


# ---- E5 ---------------------------------------------------------------------------------------------


def test_e5_the_counter_follows_the_absolute_epoch_of_each_proof(folder: Path) -> None:
    """With this schedule a sliding window of 600 s would give out ids 1 and 2 of one epoch twice.

    All objects are closed and opened again between two messages.
    """
    world = World()
    world.clock = rln.EpochClock("story.example", 600, skew=5, now=lambda: world.time)
    member = world.join(limit=8)
    ids = opened(folder)
    ids.introduce(member.commitment)
    ids.close()
    verifier = world.verifier()
    begin, used = 600 * 2_833_333, []
    for seconds in (300, 650, 700, 901, 910, 920):
        world.time = float(begin + seconds)
        ids = opened(folder)
        signal = b"at %d" % seconds
        with world.prover(member, ids) as prover:
            proof = prover.prove(signal)
        assert verifier.submit(proof, signal) == rln.Valid()
        now = world.clock.current()
        taken = [i for i in range(8) if (member.share(proof.x, now.external_nullifier, i),) == proof.shares]
        used += [(now.index - 2_833_333, *taken)]
        ids.close()
    assert used == [(0, 0), (1, 0), (1, 1), (1, 2), (1, 3), (1, 4)]


# ---- E6 ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_e6_after_a_disk_error_the_id_is_burnt(folder: Path, error: str) -> None:
    """Each writing call fails once; each second one in CI. The process continues and reopens the file."""
    introduced(folder)
    lines, trace, _ = run_traced(Sender(folder, 10, 2), "-e", "trace=fdatasync,pwrite64,ftruncate")
    assert [line.split()[0] for line in lines] == ["reserved", "sent"] * 2
    points = [(name, n) for name, count in count_calls(trace).items() for n in range(1, count + 1)]
    assert {"fdatasync", "pwrite64"} <= {name for name, _ in points}
    used, refusals, index = {(10, 0), (10, 1)}, 0, 20
    for name, n in points[:: effort(2, 1)]:
        lines, _, _ = run_traced(Sender(folder, index, 4), "-e", f"inject={name}:error={error}:when={n}")
        for line in lines:
            kind, *words = line.split()
            if kind == "reserved":
                key = (int(words[0]), int(words[1]))
                assert key not in used, (name, n)
                used.add(key)
            refusals += kind == "refused"
        ids = opened(folder)
        for now in (index, index + 1, index + 5):
            with contextlib.suppress(StoreUnavailable):
                key = (now, ids.reserve(ME, epoch(now), 100)[0])
                assert key not in used, (name, n)
                used.add(key)
        assert (index + 5, 0) in used, "the next epoch works"
        ids.close()
        index += 10
    assert refusals > 3


def test_e6_the_file_is_opened_again(folder: Path) -> None:
    """After a commit whose fsync failed, the descriptor is not used again, and its id is not given out."""
    ids = opened(introduced(folder))
    assert ids.reserve(ME, epoch(10), 9) == range(1)
    before = ids._database._writer.connection

    class Failing:
        def __init__(self) -> None:
            self.in_transaction = True

        def execute(self, statement: str, *arguments: object) -> object:
            if statement == "COMMIT":
                failed = sqlite3.OperationalError("disk I/O error")
                failed.sqlite_errorcode = sqlite3.SQLITE_IOERR  # type: ignore[misc]
                raise failed
            return before.execute(statement, *arguments)  # type: ignore[union-attr]

        def close(self) -> None:
            before.close()  # type: ignore[union-attr]

    ids._database._writer.connection = Failing()  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable, match="disk I/O error"):
        ids.reserve(ME, epoch(10), 9)
    assert ids.reserve(ME, epoch(10), 9).start in (1, 2), "the id of the failed commit was given out"
    assert ids._database._writer.connection is not before
    assert ids.reserve(ME, epoch(11), 9) == range(1)
    ids.close()


# ---- E7 ---------------------------------------------------------------------------------------------


def test_e7_only_the_owner_may_read_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    before = os.umask(0)
    try:
        ids = open_message_ids()
        ids.introduce(ME)
        ids.reserve(ME, epoch(10), 9)
    finally:
        os.umask(before)
    folder = tmp_path / "state" / "rln"
    assert folder.stat().st_mode & 0o777 == 0o700
    found = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert {f"message-ids.db{end}" for end in ("", "-guard", "-intent", "-wal")} <= set(found)
    assert set(found.values()) == {0o600}
    ids.close()


@pytest.mark.parametrize("name", ["ids.db", "ids.db-guard", "ids.db-intent"])
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604, 0o666])
def test_e7_a_file_that_others_may_read_or_write_is_refused(folder: Path, name: str, mode: int) -> None:
    introduced(folder)
    (folder / name).chmod(mode)
    with pytest.raises(StoreUnavailable, match=f"{name}: expected mode 0600, got {mode:04o}"):
        spent(folder, 10, 1)


@pytest.mark.parametrize("name", ["ids.db", "ids.db-guard", "ids.db-intent"])
def test_e7_a_link_or_a_directory_is_refused(folder: Path, name: str) -> None:
    introduced(folder)
    (folder / name).rename(folder / "target")
    (folder / name).symlink_to(folder / "target")
    with pytest.raises(StoreUnavailable):
        spent(folder, 10, 1)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(StoreUnavailable):
        spent(folder, 10, 1)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs"])
def test_e7_a_network_file_system_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    device = folder.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 {os.major(device)}:{os.minor(device)} / / rw - {kind} server:/ rw\n")
    monkeypatch.setattr(file_checks, "_MOUNTS", mounts)
    with pytest.raises(StoreUnavailable, match=f"expected a local file system for .*, got {kind}"):
        opened(folder)


def test_e7_a_file_system_in_memory_raises_a_warning(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = folder.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 {os.major(device)}:{os.minor(device)} / / rw - tmpfs none rw\n")
    monkeypatch.setattr(file_checks, "_MOUNTS", mounts)
    with pytest.warns(UserWarning, match="is on tmpfs: a restart of the machine deletes it"):
        opened(folder).close()


def test_e7_a_mount_of_another_user_with_a_line_separator_in_its_name_stops_nobody(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel writes all characters but four as they are: a name can split a line for Python."""
    device = folder.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "7 0 0:99 / /a\x0cb\u2028c\x85d rw - fuse other rw\n"
        f"1 0 {os.major(device)}:{os.minor(device)} / / rw - nfs server:/ rw\n"
    )
    monkeypatch.setattr(file_checks, "_MOUNTS", mounts)
    with pytest.raises(StoreUnavailable, match="expected a local file system for .*, got nfs"):
        opened(folder)


@pytest.mark.parametrize("uri", ["sqlite:///:memory:", "sqlite://", "sqlite:///", "redis://localhost/0"])
def test_e7_only_files_are_accepted(uri: str) -> None:
    with pytest.raises(ParameterError):
        open_message_ids(uri)
