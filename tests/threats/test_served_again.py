"""Threats B2, E4: a store that refuses open epochs says when it serves again, and does so then.

The times are those of the clock of the epochs, which the tests set.
"""

from __future__ import annotations

import math
import os
import pickle
from contextlib import closing
from pathlib import Path

import pytest

import rln
from rln.errors import StoreUnavailable
from rln.protocol.share import Share
from rln.stores import open_log
from rln.stores.memory import MemoryMark, MemoryMessageIds, MemoryNullifierLog
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.support.small_world import World

SHARE = Share(1, 2, 3)
MIDNIGHT = 1_699_920_000
PERIODS = (1, 60, 3600)
SKEWS = (0, 0.3, 20)
GAPS = ((0, 0), (1, 0), (0, 1), (2, 3))


class Now:
    """A clock that a test sets."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def refusal(log: rln.ports.NullifierLog, clock: rln.EpochClock) -> StoreUnavailable | None:
    """Return why the log refuses the current epoch; None: it serves it."""
    (answer,) = log.peek_many([(clock.current(), 3)])
    (taken,) = log.insert_or_get_many([(clock.current(), [SHARE])])
    assert isinstance(taken, StoreUnavailable) == isinstance(answer, StoreUnavailable)
    if not isinstance(answer, StoreUnavailable):
        return None
    assert isinstance(taken, StoreUnavailable)
    assert (taken.retry_after, taken.served_from) == (answer.retry_after, answer.served_from)
    return answer


@pytest.mark.parametrize("gaps", GAPS)
@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize("period", PERIODS)
def test_b2_a_log_that_was_lost_serves_again_at_the_time_that_its_error_names_and_not_before(
    period: int, skew: float, gaps: tuple[int, int], tmp_path: Path
) -> None:
    begin = MIDNIGHT + 5 * 3600 + 10 * period
    for part in (0.0, 0.5, 0.99, max(0.0, 1 - skew / period)):
        now = Now(begin + math.floor(part * period))
        clock = rln.EpochClock("b2.example", period, skew=skew, past_gap=gaps[0], future_gap=gaps[1], now=now)
        with closing(open_log(f"sqlite:///{tmp_path}/{part}.db", clock)) as log:
            refused = refusal(log, clock)
            assert refused is not None and refused.retry_after is not None
            assert refused.served_from == now.seconds + refused.retry_after
            assert refused.retry_after <= (1 + gaps[1]) * period + skew
            assert "every epoch that was open then is refused" in str(refused)
            now.seconds += refused.retry_after
            before = now.seconds - 0.001
            assert refusal(log, clock) is None
            now.seconds = before
            again = refusal(log, clock)
            assert again is not None and again.retry_after == pytest.approx(0.001, abs=1e-5)
            assert again.served_from == refused.served_from


@pytest.mark.parametrize(
    ("period", "skew", "gap", "longest"),
    [
        (1, 20, 0, 21),
        (60, 20, 0, 80),
        (60, 20, 1, 140),
        (600, 20, 0, 620),
        (3600, 20, 0, 3620),
        (86400, 20, 0, 86420),
    ],
)
def test_b2_the_longest_refusal_lasts_beyond_the_next_epoch_if_that_was_open_already(
    period: int, skew: int, gap: int, longest: int, tmp_path: Path
) -> None:
    """The table in docs/stores.md: (1 + future gap) periods and the skew, and not just "the next epoch"."""
    waits = []
    for second in (*range(0, period, max(1, period // 10)), max(0, period - skew)):
        clock = rln.EpochClock(
            "b2.example", period, skew=skew, future_gap=gap, now=Now(MIDNIGHT + 10 * period + second)
        )
        with closing(open_log(f"sqlite:///{tmp_path}/{second}.db", clock)) as log:
            found = refusal(log, clock)
            assert found is not None and found.retry_after is not None
            waits.append(found.retry_after)
    assert max(waits) == longest


def test_b2_the_error_names_the_time_for_people(tmp_path: Path) -> None:
    now = Now(MIDNIGHT + 10 * 3600 + 2 * 60 + 30)
    clock = rln.EpochClock("b2.example", 60, skew=20, now=now)
    with closing(open_log(f"sqlite:///{tmp_path}/log.db", clock)) as log:
        assert f"served again from 10:03:00 UTC (unix time {MIDNIGHT + 36180})" in str(refusal(log, clock))
    now.seconds += 15
    with closing(open_log(f"sqlite:///{tmp_path}/later.db", clock)) as log:  # 10:03 is open already
        assert "served again from 10:04:00 UTC" in str(refusal(log, clock))
    now.seconds = MIDNIGHT + 86400 - 30
    with closing(open_log(f"sqlite:///{tmp_path}/night.db", clock)) as log:
        assert "served again from 2023-11-15 00:00:00 UTC" in str(refusal(log, clock))


def test_b2_an_old_epoch_that_stays_refused_promises_no_time(tmp_path: Path) -> None:
    now = Now(MIDNIGHT + 30)
    clock = rln.EpochClock("b2.example", 60, skew=20, now=now)
    with closing(open_log(f"sqlite:///{tmp_path}/log.db", clock)) as log:
        old = clock.current()
        now.seconds += 40
        (answer,) = log.peek_many([(old, 3)])
        assert isinstance(answer, StoreUnavailable) and answer.retry_after is None
        assert str(answer).endswith("the current epoch is served")
        assert refusal(log, clock) is None


@pytest.mark.parametrize("second", [30, 590])
def test_b2_a_log_with_two_reasons_to_refuse_names_the_time_when_both_are_over(
    second: int, tmp_path: Path
) -> None:
    """A lost log whose verifiers' clock was ahead: the next epoch is not forgotten, but was open already."""
    now = Now(MIDNIGHT + second)
    clock = rln.EpochClock("b2.example", 600, skew=20, now=now)
    with closing(open_log(f"sqlite:///{tmp_path}/log.db", clock)) as log:
        log.forget(MIDNIGHT + 601)
        found = refusal(log, clock)
        assert found is not None and "is forgotten" in str(found)
        assert found.served_from == MIDNIGHT + (600 if second == 30 else 1200)
        (old,) = log.peek_many([(clock.epoch(clock.current().index - 1), 3)])
        assert isinstance(old, StoreUnavailable) and old.served_from == found.served_from
        now.seconds = found.served_from - 0.001
        assert refusal(log, clock) is not None
        now.seconds = found.served_from
        assert refusal(log, clock) is None


def test_b2_what_a_clock_that_was_ahead_made_a_log_forget_is_served_again_at_the_named_time(
    tmp_path: Path,
) -> None:
    now = Now(MIDNIGHT + 30)
    clock = rln.EpochClock("b2.example", 600, now=now)
    with closing(open_log(f"sqlite:///{tmp_path}/log.db", clock, new=True)) as log:
        log.forget(MIDNIGHT + 3700)
        found = refusal(log, clock)
        assert found is not None and found.retry_after == 3570
        now.seconds += 3569.99
        assert refusal(log, clock) is not None
        now.seconds = MIDNIGHT + 3600
        assert refusal(log, clock) is None


def test_b2_a_clock_behind_its_mark_says_when_it_goes_on() -> None:
    now = Now(MIDNIGHT + 1000)
    clock = rln.EpochClock("b2.example", 60, skew=20, mark=MemoryMark(), now=now)
    clock.now()
    now.seconds -= 500
    with pytest.raises(StoreUnavailable, match="served again from 00:16:20 UTC") as raised:
        clock.now()
    assert raised.value.retry_after == 480
    now.seconds += 479.999
    with pytest.raises(StoreUnavailable):
        clock.now()
    now.seconds = MIDNIGHT + 980
    assert clock.now() == MIDNIGHT + 980


def test_b2_a_verifier_adds_the_wait_to_the_error_of_a_log_without_a_clock() -> None:
    world = World()
    log = MemoryNullifierLog()
    verifier = world.verifier(log=log)
    epoch = world.clock.current()
    log.forget(epoch.end + 1)
    proof = world.prover(world.join()).prove(b"message")
    with pytest.raises(StoreUnavailable, match="served again from") as raised:
        verifier.submit(proof, b"message")
    assert raised.value.retry_after == epoch.end - world.time
    world.time += raised.value.retry_after - 0.001
    assert isinstance(log.peek_many([(world.clock.current(), 3)])[0], StoreUnavailable)
    world.time = epoch.end
    proof = world.prover(world.join()).prove(b"message")
    assert verifier.submit(proof, b"message") == rln.Valid()


def test_e4_a_prover_whose_ids_are_in_doubt_says_when_it_goes_on(tmp_path: Path) -> None:
    world = World()
    with closing(SqliteMessageIds(tmp_path / "ids.db")) as ids:
        prover = world.prover(world.join(), ids=ids)  # an identity that this file has never seen
        epoch = world.clock.current()
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="served again from") as raised:
                prover.prove(b"message")
            assert raised.value.retry_after == epoch.end - world.time
            assert raised.value.served_from == epoch.end
        world.time = epoch.end - 0.001
        with pytest.raises(StoreUnavailable) as raised:
            prover.prove(b"message")
        assert raised.value.retry_after == pytest.approx(0.001, abs=1e-5)
        world.time = epoch.end
        assert prover.prove(b"message")


def test_e4_a_doubt_of_an_epoch_of_a_day_is_named_for_the_epochs_that_wait_for_it(tmp_path: Path) -> None:
    """The end of the refusal lies within an epoch of 7 seconds, which is refused too."""
    now = Now(MIDNIGHT + 100)
    daily, short = (rln.EpochClock("e4.example", period, now=now) for period in (86400, 7))
    with closing(SqliteMessageIds(tmp_path / "ids.db")) as ids:
        with pytest.raises(StoreUnavailable) as raised:
            ids.reserve(5, daily.current(), 10)
        assert raised.value.served_from == MIDNIGHT + 86400
        with pytest.raises(StoreUnavailable) as raised:
            ids.reserve(5, short.current(), 10)
        again = raised.value.served_from
        assert again is not None and 0 <= again - (MIDNIGHT + 86400) < 7
        now.seconds = again - 0.001
        with pytest.raises(StoreUnavailable):
            ids.reserve(5, short.current(), 10)
        now.seconds = again
        assert ids.reserve(5, short.current(), 10) == range(1)


@pytest.mark.parametrize("case", ["an unknown identity", "a doubt"])
def test_e4_the_time_is_that_of_the_longest_refusal_and_not_of_the_newest(case: str, tmp_path: Path) -> None:
    """Two applications use the file: one of days, whose refusal lasts, and one of minutes that is asked."""
    now = Now(MIDNIGHT + 100)
    daily, short = (rln.EpochClock("e4.example", period, now=now) for period in (86400, 60))
    with closing(SqliteMessageIds(tmp_path / "ids.db")) as ids:
        ids.introduce(5)
        assert ids.reserve(5, short.current(), 10) == range(1)
        if case == "an unknown identity":
            os.utime(tmp_path / "ids.db-guard")
            with pytest.raises(StoreUnavailable):  # the doubt: a refusal for all identities
                ids.reserve(5, daily.current(), 10)
        else:
            with pytest.raises(StoreUnavailable):  # a refusal for this identity
                ids.reserve(6, daily.current(), 10)
            os.utime(tmp_path / "ids.db-guard")
        for _ in range(2):
            with pytest.raises(StoreUnavailable) as raised:
                ids.reserve(6, short.current(), 10)
            assert raised.value.served_from == MIDNIGHT + 86400
        now.seconds = MIDNIGHT + 86400 - 0.001
        with pytest.raises(StoreUnavailable):
            ids.reserve(6, short.current(), 10)
        now.seconds = MIDNIGHT + 86400
        assert ids.reserve(6, short.current(), 10) == range(1)


@pytest.mark.parametrize("store", ["memory", "file"])
def test_e4_ids_for_a_clock_that_went_back_are_given_out_again_at_the_named_time(
    store: str, tmp_path: Path
) -> None:
    now = Now(MIDNIGHT)
    clock = rln.EpochClock("e4.example", 60, now=now)
    ids = MemoryMessageIds() if store == "memory" else SqliteMessageIds(tmp_path / "ids.db")
    with closing(ids):
        ids.introduce(5)
        ids.reserve(5, clock.current(), 10)
        now.seconds -= 200
        with pytest.raises(StoreUnavailable, match="expected epoch") as raised:
            ids.reserve(5, clock.current(), 10)
        again = raised.value.served_from
        assert again == MIDNIGHT - 60
        now.seconds = again - 0.001
        with pytest.raises(StoreUnavailable):
            ids.reserve(5, clock.current(), 10)
        now.seconds = again
        assert ids.reserve(5, clock.current(), 10) == range(1)


def test_b2_the_wait_survives_the_way_to_another_process(tmp_path: Path) -> None:
    clock = rln.EpochClock("b2.example", 60, now=Now(MIDNIGHT + 30))
    with closing(open_log(f"sqlite:///{tmp_path}/log.db", clock)) as log:
        found = refusal(log, clock)
    copy = pickle.loads(pickle.dumps(found))
    assert found is not None and type(copy) is StoreUnavailable
    assert (str(copy), copy.retry_after, copy.served_from) == (str(found), 30.0, MIDNIGHT + 60)


class ClockOfAnotherKind(rln.EpochClock):
    """A clock of somebody else, to which every epoch was open long ago."""

    def opened(self, epoch: rln.Epoch) -> float:
        return 0.0


def test_b2_a_clock_that_does_not_tell_when_epochs_open_gives_no_time_and_does_not_hang(
    tmp_path: Path,
) -> None:
    clock = ClockOfAnotherKind("b2.example", 60, now=Now(MIDNIGHT))
    with closing(open_log(f"sqlite:///{tmp_path}/log.db", clock)) as log:
        found = refusal(log, clock)
        assert found is not None and found.retry_after is None and "served again" not in str(found)
