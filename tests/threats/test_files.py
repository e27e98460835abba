"""Threats B2, B3, F2, F6, F7: the nullifier log in a file."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import rln
from rln.ports import Claim, Taken
from rln.protocol.epoch import Epoch
from rln.protocol.share import Share
from rln.stores import file_checks
from rln.stores.sqlite import database
from rln.stores.sqlite.log import SqliteMark, SqliteNullifierLog
from tests.support.effort import RELEASE, effort
from tests.support.killed_child import exit_code, killed
from tests.support.small_world import PERIOD, World

DAY = 24 * 3600
BYTES_A_ROW = 160
SINGLE = effort(200, 2000)


def share(nullifier: int) -> Share:
    """Make a share that uses all its bytes, as the shares of proofs do."""
    spread = pow(5, nullifier + 1, rln.base.scalar.ORDER)
    return Share(spread, pow(7, nullifier + 1, rln.base.scalar.ORDER), spread)


def opened(path: Path, world: World, *, new: bool = True) -> SqliteNullifierLog:
    return SqliteNullifierLog(path, world.clock, new=new)


# ---- B2: the clock goes back ------------------------------------------------------------------------


def test_b2_a_clock_a_day_back_after_a_purge_accepts_no_replay(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "log.db"
    mark = SqliteMark(path)
    marked = rln.EpochClock("story.example", PERIOD, skew=5, mark=mark, now=lambda: world.time)
    prover = world.prover(world.join())
    old = prover.prove(b"before")
    with closing(opened(path, world)) as log:
        verifier = world.verifier(log=log, clock=marked)
        assert verifier.submit(old, b"before") == rln.Valid()
        world.time += DAY
        assert verifier.submit(prover.prove(b"after"), b"after") == rln.Valid()
        assert len(log) == 1, "the epoch of the first message is forgotten"
        world.time -= DAY
        with pytest.raises(rln.StoreUnavailable, match="gone back"):
            verifier.submit(old, b"before")
    mark.close()
    # The same in another process, with the mark and without it.
    again = SqliteMark(path)
    marked = rln.EpochClock("story.example", PERIOD, skew=5, mark=again, now=lambda: world.time)
    for clock, reason in ((marked, "clock: .*gone back"), (world.clock, "is forgotten")):
        with closing(opened(path, world)) as log:
            with pytest.raises(rln.StoreUnavailable, match=reason):
                world.verifier(log=log, clock=clock).submit(old, b"before")
            assert len(log) == 1
    again.close()


def test_b2_a_log_that_was_missing_refuses_the_current_epoch(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "log.db"
    prover = world.prover(world.join())
    message = prover.prove(b"now")
    mark = SqliteMark(path)  # creates the file, but the log must still count as new
    for _ in range(2):
        with closing(opened(path, world, new=False)) as log:
            with pytest.raises(rln.StoreUnavailable, match="when this log was created"):
                world.verifier(log=log).submit(message, b"now")
            assert len(log) == 0
    world.time += PERIOD  # to the next epoch, which began after the log was made
    with closing(opened(path, world, new=False)) as log:
        assert world.verifier(log=log).submit(prover.prove(b"then"), b"then") == rln.Valid()
    mark.close()


# ---- B3: only time makes the log forget -------------------------------------------------------------


def test_b3_future_epochs_and_bad_proofs_do_not_displace_a_current_share(tmp_path: Path) -> None:
    world = World()
    proof = world.prover(world.join()).prove(b"live")
    with closing(opened(tmp_path / "log.db", world)) as log:
        verifier = world.verifier(log=log)
        assert verifier.submit(proof, b"live") == rln.Valid()
        for number in range(1, 100_001):
            forged = replace(proof, external_nullifier=number)
            assert not isinstance(verifier.submit(forged, b"live"), rln.Valid)
        for number in range(1, 201):
            forged = replace(proof, nullifier=number)
            assert verifier.submit(forged, b"live").reason == rln.Reason.BAD_PROOF
        assert len(log) == 1
        assert verifier.submit(proof, b"live") == rln.Duplicate()


def test_b3_the_log_drops_nothing_however_many_epochs_it_holds(tmp_path: Path) -> None:
    world = World()
    live = world.clock.current()
    with closing(opened(tmp_path / "log.db", world)) as log:
        log.insert_or_get(live, [share(1)])
        later = [Epoch(live.index + n, PERIOD, live.identifier, n) for n in range(1, effort(20_001, 100_001))]
        for start in range(0, len(later), 1000):
            claims = [(epoch, [share(1)]) for epoch in later[start : start + 1000]]
            assert log.insert_or_get_many(claims) == [()] * len(claims)
        assert log.insert_or_get(live, [share(1)]) == (share(1),)


@contextmanager
def small_disk(directory: Path) -> Iterator[None]:
    """Mount a file system of 2 MiB; skip the test if mounting is not allowed."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(directory)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not allowed; another test limits the file size instead")
    try:
        yield
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def fill(log: SqliteNullifierLog, epoch: Epoch) -> list[int]:
    """Insert until three inserts in a row are refused; return the numbers of the accepted shares."""
    accepted, refused = [], 0
    for number in range(100_000):
        try:
            assert log.insert_or_get(epoch, [share(number)]) == ()
            accepted.append(number)
            refused = 0
        except rln.StoreUnavailable:
            refused += 1
            if refused == 3:
                return accepted
    raise AssertionError("the disk did not become full")


@pytest.mark.filterwarnings("ignore:.*a restart of the machine deletes it")
def test_b3_a_log_on_a_full_disk_accepts_nothing_and_loses_nothing(tmp_path: Path) -> None:
    world = World()
    now = world.clock.current()
    proof = world.prover(world.join()).prove(b"full")
    with small_disk(tmp_path / "disk"):
        ballast = tmp_path / "disk" / "ballast"
        ballast.write_bytes(bytes(1_500_000))
        with closing(opened(tmp_path / "disk" / "log.db", world)) as log:
            accepted = fill(log, now)
            assert len(accepted) > 10
            with pytest.raises(rln.StoreUnavailable):
                world.verifier(log=log).submit(proof, b"full")
            assert all(
                isinstance(taken, rln.StoreUnavailable)
                for taken in log.insert_or_get_many([(now, [share(n)]) for n in range(10_000, 11_000)])
            )
            ballast.unlink()
            assert log.peek_many([(now, share(n).nullifier or 0) for n in accepted]) == [
                share(n) for n in accepted
            ]
            assert world.verifier(log=log).submit(proof, b"full") == rln.Valid()


def test_b3_a_log_whose_file_may_not_grow_accepts_nothing_and_loses_nothing(tmp_path: Path) -> None:
    world = World()
    now, path, said = world.clock.current(), tmp_path / "log.db", tmp_path / "said"
    opened(path, world).close()

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        log = opened(path, world)
        said.write_text(" ".join(map(str, fill(log, now))))
        with pytest.raises(rln.StoreUnavailable):
            log.insert_or_get(now, [share(50_000)])

    assert exit_code(limited) == 0
    accepted = [int(word) for word in said.read_text().split()]
    assert len(accepted) > 100
    with closing(opened(path, world, new=False)) as log:
        found = log.peek_many([(now, share(n).nullifier or 0) for n in accepted])
        assert found == [share(n) for n in accepted]
        assert log.insert_or_get(now, [share(50_001)]) == ()


# ---- F2: a crash between the log and the answer -----------------------------------------------------


class KilledAfterInsert(SqliteNullifierLog):
    """A log that kills its process after the insert, before it returns the answer."""

    def insert_or_get(self, epoch: Epoch, shares: Sequence[Share]) -> Taken:
        super().insert_or_get(epoch, shares)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | rln.StoreUnavailable]:
        super().insert_or_get_many(claims)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")


@pytest.mark.parametrize("at_once", [False, True])
def test_f2_a_message_is_served_at_most_once_if_the_process_dies_before_the_answer(
    tmp_path: Path, at_once: bool
) -> None:
    world, path, served = World(), tmp_path / "log.db", tmp_path / "served"
    prover = world.prover(world.join(limit=4))
    messages = [(prover.prove(signal), signal) for signal in (b"one", b"two", b"three")]
    roots = tuple(world.group.roots)

    def serve(kind: type[SqliteNullifierLog], number: int) -> None:
        # The child cannot ask the group in the memory of its parent.
        verifier = world.verifier(log=kind(path, world.clock, new=True), roots=roots)
        one = messages[number]
        verdict = verifier.submit_many([one])[0] if at_once else verifier.submit(*one)
        if verdict == rln.Valid():
            with served.open("a") as out:
                out.write(f"{number}\n")

    assert exit_code(lambda: serve(SqliteNullifierLog, 0)) == 0
    for number in (1, 2):
        assert killed(lambda number=number: serve(KilledAfterInsert, number))
    for _ in range(2):
        for number in range(3):
            assert exit_code(lambda number=number: serve(SqliteNullifierLog, number)) == 0
    assert served.read_text() == "0\n", "the ids of the other two are spent, and no message was served twice"


# ---- F6: settings, forks, file systems --------------------------------------------------------------


def test_f6_the_settings_of_a_connection_are_the_requested_ones(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "log.db"
    with closing(opened(path, world)) as log:
        for use in (log._database.writing, log._database.reading):
            with use() as connection:
                assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
                assert connection.execute("PRAGMA synchronous").fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("setting", "answer"),
    [("PRAGMA journal_mode=wal", "delete"), ("PRAGMA synchronous", 1), ("PRAGMA synchronous", 0)],
)
def test_f6_settings_that_did_not_take_effect_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, answer: object
) -> None:
    class IgnoresSetting(sqlite3.Connection):
        def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
            if statement == setting:
                return super().execute("SELECT ?", (answer,))
            return super().execute(statement, *values)

    connect = sqlite3.connect
    monkeypatch.setattr(
        database.sqlite3, "connect", lambda *a, **more: connect(*a, **more, factory=IgnoresSetting)
    )
    with pytest.raises(rln.StoreUnavailable, match="expected journal mode wal and synchronous 2, got"):
        opened(tmp_path / "log.db", World())


def test_f6_a_forked_worker_has_connections_of_its_own(tmp_path: Path) -> None:
    world = World()
    now = world.clock.current()
    with closing(opened(tmp_path / "log.db", world)) as log:
        assert log.insert_or_get(now, [share(1)]) == ()
        with log._database.autocommitting() as of_parent:
            pass

        def work() -> None:
            assert log.insert_or_get(now, [share(1)]) == (share(1),)
            assert log.insert_or_get(now, [share(2)]) == ()
            with log._database.autocommitting() as of_child:
                assert of_child is not of_parent

        assert exit_code(work) == 0
        assert log.insert_or_get(now, [share(2)]) == (share(2),)
        with log._database.autocommitting() as connection:
            assert connection is of_parent


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs"])
def test_f6_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(file_checks, "_file_system", lambda directory: kind)
    with pytest.raises(rln.StoreUnavailable, match=f"expected a local file system for .*, got {kind}"):
        opened(tmp_path / "log.db", World())
    assert not list(tmp_path.iterdir())


def test_f6_a_file_system_in_memory_raises_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_checks, "_file_system", lambda directory: "tmpfs")
    with pytest.warns(UserWarning, match="is on tmpfs: a restart of the machine deletes it"):
        opened(tmp_path / "log.db", World()).close()


# ---- F7: growth -------------------------------------------------------------------------------------


def test_f7_a_row_is_small_and_a_purge_frees_its_space(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "log.db"
    rows, now = effort(20_000, 1_000_000), world.clock.current()
    following = world.clock.epoch(now.index + 1)
    with closing(opened(path, world)) as log:
        insert_many(log, now, rows)
        singles = [share(number) for number in range(rows, rows + SINGLE)]
        took = sorted(timed(lambda one=one: log.insert_or_get(now, [one])) for one in singles)
        rows += SINGLE
        size = file_size(log, path)
        print(
            f"{rows} rows: {size / rows:.1f} bytes a row; single inserts: median "
            f"{took[SINGLE // 2] * 1e6:.0f} µs, p99 {took[SINGLE * 99 // 100] * 1e6:.0f} µs"
        )
        assert size / rows <= BYTES_A_ROW
        begin = time.perf_counter()
        while len(log):
            log.forget(now.end)
        print(f"purge: {rows / (time.perf_counter() - begin):.0f} rows/s")
        if not RELEASE:
            insert_many(log, following, rows)
            assert file_size(log, path) <= 1.05 * size


def insert_many(log: SqliteNullifierLog, epoch: Epoch, rows: int) -> None:
    for start in range(0, rows, 1000):
        claims = [(epoch, [share(number)]) for number in range(start, min(start + 1000, rows))]
        assert log.insert_or_get_many(claims) == [()] * len(claims)


def file_size(log: SqliteNullifierLog, path: Path) -> int:
    """Return the bytes of the file after a checkpoint, when the write-ahead log is empty."""
    with log._database.autocommitting() as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    return path.stat().st_size


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    assert work() == ()
    return time.perf_counter() - begin


def test_f7_a_purge_delays_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`forget` deletes a few rows; each later insert deletes twice as many old rows as it adds."""
    world = World()
    now = world.clock.current()
    following = world.clock.epoch(now.index + 1)
    monkeypatch.setattr("rln.stores.sqlite.log._CHUNK", 10)
    monkeypatch.setattr("rln.stores.sqlite.log._CHUNKS", 2)
    with closing(opened(tmp_path / "log.db", world)) as log:
        insert_many(log, now, 100)
        log.forget(now.end)
        left = [len(log)]
        for batch in range(9):
            claims = [(following, [share(5 * batch + n)]) for n in range(5)]
            assert log.insert_or_get_many(claims) == [()] * 5
            left.append(len(log) - 5 * (batch + 1))
        for single in range(100, 110):
            assert log.insert_or_get(following, [share(single)]) == ()
    assert left == [80, 70, 60, 50, 40, 30, 20, 10, 0, 0]


def test_f7_a_purge_does_not_delay_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others can write between its small transactions; the dropped epoch is refused from the first one on."""
    world = World()
    now = world.clock.current()
    following = world.clock.epoch(now.index + 1)
    monkeypatch.setattr("rln.stores.sqlite.log._CHUNK", 10)
    with (
        closing(opened(tmp_path / "log.db", world)) as log,
        closing(opened(tmp_path / "log.db", world)) as other,
    ):
        insert_many(log, now, 95)
        assert other.peek(now, share(3).nullifier or 0) == share(3)
        writing, steps = log._database.writing, []

        @contextmanager
        def watched_writing(*arguments: str) -> Iterator[sqlite3.Connection]:
            with writing(*arguments) as connection:
                yield connection
            steps.append(len(other))
            assert other.insert_or_get(following, [share(len(steps))]) == ()
            with pytest.raises(rln.StoreUnavailable, match="is forgotten"):
                other.insert_or_get(now, [share(1)])
            with pytest.raises(rln.StoreUnavailable, match="is forgotten"):
                other.peek(now, share(94).nullifier or 0)

        monkeypatch.setattr(log._database, "writing", watched_writing)
        log.forget(now.end)
    assert steps == [95 - min(10 * step, 95) + step for step in range(11)]
