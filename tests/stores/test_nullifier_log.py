"""The contract of a nullifier log, which every adapter keeps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rln.base.scalar import ORDER
from rln.errors import ParameterError, StoreUnavailable
from rln.ports import NullifierLog
from rln.protocol.epoch import Epoch, rln_identifier
from rln.protocol.share import Share
from tests.stores.adapters import LOGS


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NullifierLog]:
    opened = LOGS[request.param](request, tmp_path)
    yield opened
    opened.close()


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


def test_a_message_with_several_shares_is_accepted_when_all_are_new(log: NullifierLog) -> None:
    now = epoch(10)
    assert log.insert_or_get(now, [Share(1, 2, 30), Share(1, 3, 31)]) == ()
    assert log.insert_or_get(now, [Share(9, 4, 32), Share(9, 5, 31), Share(9, 6, 30)]) == (
        Share(1, 3, 31),
        Share(1, 2, 30),
    )
    assert log.peek(now, 32) in (None, Share(9, 4, 32)), "the id may be spent; the message was not accepted"
    assert [log.peek(now, 30), log.peek(now, 31)] == [Share(1, 2, 30), Share(1, 3, 31)]


def test_many_at_once_are_as_one_after_the_other(log: NullifierLog) -> None:
    now, then = epoch(10), epoch(11)
    first, second, other = Share(1, 2, 3), Share(4, 5, 3), Share(7, 8, 9)
    assert log.insert_or_get_many([(now, [first]), (now, [second]), (then, [second]), (now, [other])]) == [
        (), (first,), (), ()
    ]  # fmt: skip
    assert log.peek_many([(now, 3), (then, 3), (now, 9), (then, 9)]) == [first, second, other, None]
    assert log.insert_or_get_many([]) == log.peek_many([]) == []


def test_one_that_is_refused_does_not_hold_up_the_others(log: NullifierLog) -> None:
    log.forget(epoch(10).end)
    taken = log.insert_or_get_many([(epoch(10), [Share(1, 2, 3)]), (epoch(11), [Share(1, 2, 3)])])
    assert isinstance(taken[0], StoreUnavailable)
    assert taken[1] == ()
    known = log.peek_many([(epoch(10), 3), (epoch(11), 3)])
    assert isinstance(known[0], StoreUnavailable)
    assert known[1] == Share(1, 2, 3)


def test_any_nullifier_and_any_share(log: NullifierLog) -> None:
    """Including bytes that mean something in a server's key space: braces, zeros, line ends."""
    odd = [0, 1, ORDER - 1, int.from_bytes(b"{tag}\r\n\0*" * 3, "little") % ORDER]
    shares = [Share(x or 1, y, nullifier) for x in odd for y in odd for nullifier in odd]
    for number, share in enumerate(shares):
        assert log.insert_or_get(epoch(100 + number), [share]) == ()
        assert log.insert_or_get(epoch(100 + number), [Share(5, 6, share.nullifier)]) == (share,)


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
    log.forget(epoch(10).end - 1)
    assert log.peek(epoch(10), 3) is not None
    for _ in range(2):
        log.forget(epoch(10).end)
    assert log.peek(epoch(11), 3) is not None
    assert log.peek(epoch(1, period=600), 3) is not None


def test_a_clock_that_went_back_cannot_open_a_forgotten_epoch(log: NullifierLog) -> None:
    log.insert_or_get(epoch(10), [Share(1, 2, 3)])
    log.forget(epoch(10).end)
    log.forget(0)
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
