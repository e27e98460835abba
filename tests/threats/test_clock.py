"""Threats B and F19: which epochs are acceptable, second by second, and what stores do with a wrong clock."""

import dataclasses
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import rln
from rln.errors import Reason, RecoveryError, StoreUnavailable
from rln.ports import NullifierLog
from rln.protocol.share import Share
from rln.stores import machine_time
from rln.stores.memory import MemoryMark, MemoryNullifierLog
from rln.stores.sqlite import log as sqlite_log
from rln.stores.sqlite.log import SqliteMark, SqliteNullifierLog
from tests.threats.full_world import FullWorld

PERIOD = 10
BEGIN = 1000 * PERIOD


def overlapping(now: int, skew: int, past: int, future: int) -> set[int]:
    """Return the expected epochs: those that overlap [now - skew, now + skew], and their neighbours."""
    touched = [
        index
        for index in range(BEGIN // PERIOD - 20, BEGIN // PERIOD + 20)
        if index * PERIOD <= now + skew and (index + 1) * PERIOD > now - skew
    ]
    return set(range(min(touched) - past, max(touched) + future + 1))


@pytest.mark.parametrize(
    ("skew", "past", "future"), [(0, 0, 0), (4, 0, 0), (5, 1, 0), (3, 0, 2), (13, 2, 1), (10, 3, 3)]
)
def test_b1_each_second_the_expected_epochs_are_acceptable_and_no_share_is_dropped_early(
    full_world: FullWorld,
    sample_proof: rln.RlnProof,
    monkeypatch: pytest.MonkeyPatch,
    skew: int,
    past: int,
    future: int,
) -> None:
    """A message of each epoch is submitted every second for three epochs, and never counts twice."""
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *_: True)
    time = [BEGIN]
    log = MemoryNullifierLog()
    clock = rln.EpochClock(
        "sweep.example", PERIOD, skew=skew, past_gap=past, future_gap=future, now=lambda: time[0]
    )
    verifier = rln.Verifier(full_world.key.verifying_key, roots=[sample_proof.root], log=log, clock=clock)
    indices = range(BEGIN // PERIOD - past - future - 5, BEGIN // PERIOD + past + future + 8)
    messages = {
        index: dataclasses.replace(sample_proof, external_nullifier=clock.epoch(index).external_nullifier)
        for index in indices
    }
    accepted: dict[int, int] = {}
    last: dict[int, int] = {}
    for now in range(BEGIN, BEGIN + 3 * PERIOD + 1):
        time[0] = now
        log.forget(clock.horizon())
        expected = overlapping(now, skew, past, future)
        assert {epoch.index for epoch in clock.acceptable()} == expected
        for index, message in messages.items():
            verdict = verifier.submit(message, b"sample")
            if index not in expected:
                assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.WRONG_EPOCH, (now, index)
                continue
            assert verdict == (rln.Duplicate() if index in accepted else rln.Valid()), (now, index)
            accepted.setdefault(index, now)
            last[index] = now
            assert clock.opened(clock.epoch(index)) <= now
    assert len(accepted) > 3
    for index, first in accepted.items():
        assert last[index] - first < clock.retention, (
            "a store may drop a share only when its epoch cannot be acceptable again"
        )


@pytest.mark.parametrize("skew", [0, 3, 10, 25])
@pytest.mark.parametrize("past", [0, 1, 4])
@pytest.mark.parametrize("future", [0, 1, 4])
def test_b1_retention_covers_all_seconds_in_which_an_epoch_is_acceptable(
    skew: int, past: int, future: int
) -> None:
    time, seconds = [0], []
    clock = rln.EpochClock(
        "sweep.example", PERIOD, skew=skew, past_gap=past, future_gap=future, now=lambda: time[0]
    )
    epoch = clock.epoch(BEGIN // PERIOD)
    for time[0] in range(BEGIN - 150, BEGIN + 150):
        if clock.find(epoch.external_nullifier) is not None:
            seconds.append(time[0])
    assert seconds == list(range(seconds[0], seconds[-1] + 1))
    assert clock.opened(epoch) <= seconds[0]
    assert seconds[-1] - seconds[0] + 60 <= clock.retention


def test_b4_a_share_is_stored_under_the_epoch_of_its_proof_not_of_its_arrival(full_world: FullWorld) -> None:
    """A message that comes before and after its epoch ends counts once; a second one is a violation."""
    mallory = full_world.join(limit=1)
    full_world.time = full_world.clock.current().end - 2.0
    first, second = (full_world.prover(mallory).prove(signal) for signal in (b"one", b"two"))
    before = full_world.clock.current()
    verifier = full_world.verifier()
    assert verifier.submit(first, b"one") == rln.Valid()
    full_world.time += 4
    assert full_world.clock.current().index == before.index + 1
    assert verifier.submit(first, b"one") == rln.Duplicate()
    assert verifier.submit(second, b"two") == rln.RateLimitViolation(mallory.secret())
    assert verifier.submit(full_world.prover(mallory).prove(b"one"), b"one") == rln.Valid(), (
        "of the new epoch"
    )
    assert full_world.log.peek(before, first.nullifier) == first.shares[0]
    assert full_world.log.peek(full_world.clock.current(), first.nullifier) is None


def test_b4_a_share_is_found_only_by_epoch_and_nullifier_together(
    full_world: FullWorld, sample_proof: rln.RlnProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One nullifier in two acceptable epochs, which no honest proof has, is stored twice."""
    monkeypatch.setattr(rln.VerifyingKey, "verify", lambda *_: True)
    full_world.time = full_world.clock.current().end - 2.0
    verifier = full_world.verifier(roots=[sample_proof.root])
    for epoch in full_world.clock.acceptable():
        message = dataclasses.replace(sample_proof, external_nullifier=epoch.external_nullifier)
        assert verifier.submit(message, b"sample") == rln.Valid()
        assert verifier.submit(message, b"sample") == rln.Duplicate()
    assert len(full_world.log) == 2


def test_b5_a_changed_period_makes_other_epochs_even_with_the_same_index(full_world: FullWorld) -> None:
    """60 seconds become 600: index 100 was at an hour and a half, and is now at most of a day."""
    member = full_world.join()
    minute = rln.EpochClock("story.example", 60, now=lambda: 100 * 60.0)
    ten = rln.EpochClock("story.example", 600, now=lambda: 100 * 600.0)
    other = rln.EpochClock("story2.example", 60, now=lambda: 100 * 60.0)
    clocks = (minute, ten, other)
    assert {clock.current().index for clock in clocks} == {100}
    assert len({clock.current().external_nullifier for clock in clocks}) == 3
    proofs = [full_world.prover(member, clock=clock).prove(b"x%d" % i) for i, clock in enumerate(clocks)]
    assert len({proof.nullifier for proof in proofs}) == 3
    for i, proof in enumerate(proofs):
        for j, clock in enumerate(clocks):
            verdict = full_world.verifier(clock=clock, log=MemoryNullifierLog()).submit(proof, b"x%d" % i)
            if i == j:
                assert verdict == rln.Valid()
            else:
                assert isinstance(verdict, rln.Invalid) and verdict.reason is Reason.WRONG_EPOCH
                with pytest.raises(RecoveryError):
                    rln.recover_secret(proof, proofs[j])


# ---- F19: a log in a file ------------------------------------------------------------------------------

HOUR = 3600
DAY = 24 * HOUR
NOON = 20_000 * DAY + 12 * HOUR


class Machine:
    """A machine whose clock may be wrong, and which may be restarted.

    Attributes:
        time: the right unix time.
        error: seconds by which the machine's clock is ahead; negative if it is slow.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = float(NOON)
        self.error = 0.0
        self.restart()
        monkeypatch.setattr(machine_time, "boot_id", lambda: f"{self._booted}")
        for module in (machine_time, sqlite_log):
            monkeypatch.setattr(module, "running_time", self.running)
            monkeypatch.setattr(module, "clock_offset", self.offset)

    def restart(self) -> None:
        self._booted = self.time

    def running(self) -> int:
        return int((self.time - self._booted) * 1e9)

    def offset(self) -> int:
        return int((self._booted + self.error) * 1e9)

    def clock(self, period: int = HOUR, **more: object) -> rln.EpochClock:
        return rln.EpochClock("f19.example", period, now=lambda: self.time + self.error, **more)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def serves(log: NullifierLog, clock: rln.EpochClock, nullifier: int = 3) -> bool:
    """Return whether the log accepts a message of the current epoch; both ways to ask agree."""
    epoch = clock.current()
    try:
        found = log.peek(epoch, nullifier)
    except StoreUnavailable as error:
        with pytest.raises(StoreUnavailable, match=re.escape(str(error))):
            log.insert_or_get(epoch, [Share(1, 2, nullifier)])
        return False
    return log.insert_or_get(epoch, [Share(1, 2, nullifier)]) == () and found is None


@pytest.mark.parametrize("again", [False, True], ids=["the same process", "a process started later"])
@pytest.mark.parametrize("used", [False, True], ids=["unused", "used while the clock was slow"])
def test_f19_a_log_created_by_a_slow_clock_refuses_what_was_open_when_the_clock_is_right(
    machine: Machine, path: Path, again: bool, used: bool
) -> None:
    """A log is lost at 12:02, and created anew while the clock says 11:52; its epoch begins at 12:00."""
    clock = machine.clock()
    machine.time += 120
    machine.error = -600
    log = SqliteNullifierLog(path, clock)
    try:
        assert not serves(log, clock)
        if used:  # from 12:00 by the slow clock on, it serves what it may take for a new epoch
            machine.time += 500
            assert serves(log, clock, 8)
        machine.error = 0
        for _ in range(2):
            if again:
                log.close()
                log = SqliteNullifierLog(path, clock)
            assert not serves(log, clock)
        machine.time += HOUR
        assert serves(log, clock)
    finally:
        log.close()


def test_f19_a_log_whose_clock_was_set_right_stays_closed_when_the_clock_is_slow_again(
    machine: Machine, path: Path
) -> None:
    clock = machine.clock()
    machine.error = -600
    with closing(SqliteNullifierLog(path, clock)) as log:
        machine.error = 0
        assert not serves(log, clock)
        machine.error = -300
        assert not serves(log, clock)
    with closing(SqliteNullifierLog(path, clock)) as log:
        machine.error = 0
        assert not serves(log, clock)


def test_f19_a_young_log_refuses_what_is_open_at_its_first_opening_after_a_restart(
    machine: Machine, path: Path
) -> None:
    """After a restart nobody can tell by how much the clock was slow when the log was created."""
    clock = machine.clock()
    machine.error = -600
    SqliteNullifierLog(path, clock).close()
    machine.error = 0
    machine.restart()
    for _ in range(2):
        with closing(SqliteNullifierLog(path, clock)) as log:
            assert not serves(log, clock)
    machine.time += HOUR
    with closing(SqliteNullifierLog(path, clock)) as log:
        assert serves(log, clock)


def test_f19_a_log_that_is_no_longer_young_serves_at_once_after_a_restart(
    machine: Machine, path: Path
) -> None:
    clock = machine.clock()
    with closing(SqliteNullifierLog(path, clock)) as log:
        machine.time += clock.retention
        assert serves(log, clock)
    machine.restart()
    with closing(SqliteNullifierLog(path, clock)) as log:
        assert serves(log, clock, 4)
    SqliteNullifierLog(path.with_name("new.db"), clock, new=True).close()
    machine.restart()
    with closing(SqliteNullifierLog(path.with_name("new.db"), clock)) as log:
        assert serves(log, clock), "before a new log nothing was accepted, whatever the clock said"


def test_f19_a_log_of_two_applications_is_young_for_as_long_as_the_longer_epochs_need(
    machine: Machine, path: Path
) -> None:
    short, long = machine.clock(60), machine.clock(DAY)
    machine.error = -HOUR
    machine.time += 11.5 * HOUR  # 23:30; the clock says 22:30
    with closing(SqliteNullifierLog(path, short)) as log, closing(SqliteNullifierLog(path, long)) as other:
        machine.time += 600
        assert serves(log, short)
        assert not serves(other, long)
        machine.time += 2 * HOUR  # 1:40, and the clock says 0:40
        assert serves(other, long)
        machine.error = 0
        assert serves(other, long, 4), "the day began after the log was created"
    machine.restart()
    with closing(SqliteNullifierLog(path, short)) as log:
        assert serves(log, short)
    with closing(SqliteNullifierLog(path, long)) as other:
        assert not serves(other, long, 5)
        machine.time += DAY
        assert serves(other, long)


def test_f19_a_clock_a_month_ahead_for_a_moment_closes_a_young_log_for_the_retention_and_an_old_one_not(
    machine: Machine, path: Path
) -> None:
    clock = machine.clock()
    with closing(SqliteNullifierLog(path, clock)) as log:
        machine.time += HOUR
        assert serves(log, clock)
        machine.error = 30 * DAY
        assert serves(log, clock), "an epoch that opens after the log's start by this clock"
        machine.error = 0
        assert not serves(log, clock, 4)
        machine.time += clock.retention - HOUR
        assert serves(log, clock, 4)
        machine.error = 30 * DAY
        assert serves(log, clock, 5)
        machine.error = 0
        assert serves(log, clock, 5)


def test_f19_a_log_stays_closed_for_epochs_before_it_when_the_clock_goes_back(
    machine: Machine, path: Path
) -> None:
    clock = machine.clock()
    with closing(SqliteNullifierLog(path, clock)) as log:
        machine.time += 2 * clock.retention
        assert serves(log, clock)
        machine.error = -2 * clock.retention
        assert not serves(log, clock)


def test_f19_on_a_system_without_a_boot_id_each_opening_of_a_young_log_counts_as_a_restart(
    machine: Machine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_time, "boot_id", str)
    clock = machine.clock()
    SqliteNullifierLog(path, clock).close()
    machine.time += HOUR
    with closing(SqliteNullifierLog(path, clock)) as log:
        assert not serves(log, clock)
        machine.time += HOUR
        assert serves(log, clock)


# ---- F19: forgetting, and the high-water mark --------------------------------------------------------------


def memory_log(path: Path, clock: rln.EpochClock) -> NullifierLog:
    return MemoryNullifierLog()


def file_log(path: Path, clock: rln.EpochClock) -> NullifierLog:
    return SqliteNullifierLog(path, clock, new=True)


@pytest.mark.parametrize("make", [memory_log, file_log])
def test_f19_what_a_clock_that_was_ahead_for_a_moment_made_a_log_forget_stays_refused(
    machine: Machine, path: Path, make: Callable[[Path, rln.EpochClock], NullifierLog]
) -> None:
    clock = machine.clock()
    log = make(path, clock)
    assert serves(log, clock)
    machine.error = DAY
    log.forget(clock.horizon())
    machine.error = 0
    with pytest.raises(StoreUnavailable, match="the clock was ahead or has gone back: check it"):
        log.insert_or_get(clock.current(), [Share(4, 5, 3)])
    machine.time += DAY
    assert serves(log, clock)
    log.close()


def test_f19_a_clock_a_day_ahead_for_a_moment_raises_the_mark_and_the_operator_may_delete_it(
    machine: Machine, path: Path
) -> None:
    """The error says how; without that, the clock refuses until it has caught up."""

    def restarted() -> rln.EpochClock:
        return machine.clock(mark=SqliteMark(path))

    machine.error = DAY
    restarted().now()
    machine.error = 0
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="if it is right now, .* delete the mark's file"):
            restarted().now()
    machine.time += DAY - 20
    assert restarted().now() == machine.time
    machine.time -= DAY - 20
    with pytest.raises(StoreUnavailable):
        restarted().now()
    path.unlink()
    assert restarted().now() == machine.time


def test_f19_a_fresh_process_reads_the_mark_before_it_accepts_anything(
    full_world: FullWorld, path: Path
) -> None:
    message = full_world.prover(full_world.join()).prove(b"old")
    SqliteMark(path).raise_to(int(full_world.time) + DAY)
    clock = rln.EpochClock("story.example", 600, mark=SqliteMark(path), now=lambda: full_world.time)
    with pytest.raises(StoreUnavailable, match="it has gone back"):
        full_world.verifier(clock=clock).submit(message, b"old")
    assert len(full_world.log) == 0


@pytest.mark.parametrize(("period", "step"), [(1, 1), (30, 30), (60, 60), (HOUR, 60), (DAY, 60)])
def test_f19_a_clock_goes_back_unnoticed_by_the_skew_and_a_step_of_the_mark_and_opens_nothing_forgotten(
    period: int, step: int
) -> None:
    """The mark is raised once a minute, or once an epoch if that is shorter."""
    time, mark = [float(NOON)], MemoryMark()
    clock = rln.EpochClock("f19.example", period, skew=20, mark=mark, now=lambda: time[0])
    clock.now()
    time[0] += step - 1
    highest, horizon = clock.now(), clock.horizon()
    assert mark.raise_to(0) == NOON, "not raised yet"
    for back in range(20 + step):
        time[0] = highest - back
        assert all(epoch.end > horizon for epoch in clock.acceptable())
    time[0] = highest - 20 - step
    with pytest.raises(StoreUnavailable, match="it has gone back"):
        clock.now()
