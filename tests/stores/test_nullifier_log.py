"""The contract of a nullifier log, for every adapter."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from rln.epoch import Epoch, rln_identifier
from rln.errors import ParameterError, StoreUnavailable
from rln.ports import NullifierLog
from rln.share import Share
from rln.stores.memory import MemoryNullifierLog

ADAPTERS: dict[str, Callable[[], NullifierLog]] = {"memory": MemoryNullifierLog}


@pytest.fixture(params=ADAPTERS)
def log(request: pytest.FixtureRequest) -> NullifierLog:
    return ADAPTERS[request.param]()


def epoch(index: int, application: str = "example.com", period: int = 60) -> Epoch:
    return Epoch.of(index, period, rln_identifier(application, period))


def test_the_first_share_is_inserted_and_then_returned(log: NullifierLog) -> None:
    now, first, second = epoch(10), Share(1, 2, 3), Share(4, 5, 3)
    assert log.peek(now, 3) is None
    assert log.insert_or_get(now, [first]) == ()
    assert log.peek(now, 3) == first
    assert log.insert_or_get(now, [first]) == (first,)
    assert log.insert_or_get(now, [second]) == (first,)
    assert log.peek(now, 3) == first


def test_peeking_writes_nothing(log: NullifierLog) -> None:
    log.peek(epoch(10), 3)
    assert log.insert_or_get(epoch(10), [Share(1, 2, 3)]) == ()


def test_epochs_and_applications_are_apart(log: NullifierLog) -> None:
    for place in (epoch(10), epoch(11), epoch(10, "example.org"), epoch(10, period=61)):
        assert log.insert_or_get(place, [Share(1, 2, 3)]) == ()


def test_several_shares_are_inserted_together_or_not_at_all(log: NullifierLog) -> None:
    now = epoch(10)
    assert log.insert_or_get(now, [Share(1, 2, 30), Share(1, 3, 31)]) == ()
    assert log.insert_or_get(now, [Share(9, 4, 32), Share(9, 5, 31), Share(9, 6, 30)]) == (
        Share(1, 3, 31),
        Share(1, 2, 30),
    )
    assert log.peek(now, 32) is None


@pytest.mark.parametrize("shares", [[], [Share(1, 2)], [Share(1, 2, 3), Share(1, 4, 3)]])
def test_shares_without_a_nullifier_of_their_own_are_refused(log: NullifierLog, shares: list[Share]) -> None:
    with pytest.raises(ParameterError, match="^shares: "):
        log.insert_or_get(epoch(10), shares)
    assert log.peek(epoch(10), 3) is None


def test_only_time_makes_it_forget(log: NullifierLog) -> None:
    now = epoch(10)
    log.insert_or_get(now, [Share(1, 2, 3)])
    for index in range(11, 1011):
        log.insert_or_get(epoch(index), [Share(1, 2, 3)])
    for nullifier in range(1000, 3000):
        log.insert_or_get(now, [Share(1, 2, nullifier)])
    assert log.peek(now, 3) == Share(1, 2, 3)


def test_forgetting(log: NullifierLog) -> None:
    for index in (9, 10, 11):
        log.insert_or_get(epoch(index), [Share(1, 2, 3), Share(1, 2, 4)])
    log.insert_or_get(epoch(1, period=600), [Share(1, 2, 3)])
    assert log.forget(epoch(10).end - 1) == 2
    assert log.peek(epoch(10), 3) is not None
    assert log.forget(epoch(10).end) == 2
    assert log.forget(epoch(10).end) == 0
    assert log.peek(epoch(11), 3) is not None
    assert log.peek(epoch(1, period=600), 3) is not None


def test_a_clock_that_went_back_cannot_open_a_forgotten_epoch(log: NullifierLog) -> None:
    log.insert_or_get(epoch(10), [Share(1, 2, 3)])
    log.forget(epoch(10).end)
    assert log.forget(0) == 0
    for index in (0, 9, 10):
        with pytest.raises(StoreUnavailable, match="forgotten"):
            log.peek(epoch(index), 3)
        with pytest.raises(StoreUnavailable, match="forgotten"):
            log.insert_or_get(epoch(index), [Share(4, 5, 3)])
    assert log.insert_or_get(epoch(11), [Share(4, 5, 3)]) == ()


@pytest.mark.parametrize("before", [-1, True, 1.5, None])
def test_forgetting_takes_whole_seconds(log: NullifierLog, before: object) -> None:
    with pytest.raises(ParameterError, match="^before: "):
        log.forget(before)  # type: ignore[arg-type]


def test_of_many_threads_one_inserts(log: NullifierLog) -> None:
    now, inserted, found = epoch(10), [], []

    def work(number: int) -> None:
        for nullifier in range(50):
            share = Share(number + 1, 1, nullifier)
            taken = log.insert_or_get(now, [share])
            (found if taken else inserted).append((nullifier, taken[0] if taken else share))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = dict(inserted)
    assert len(inserted) == len(winners) == 50
    assert len(found) == 7 * 50
    assert all(winners[nullifier] == share for nullifier, share in found)
