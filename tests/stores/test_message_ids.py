"""The contract of a message-id allocator, for every adapter."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from rln.epoch import Epoch, EpochClock, rln_identifier
from rln.errors import FieldRangeError, ParameterError, RateLimitReached, StoreUnavailable
from rln.ports import MessageIdAllocator
from rln.stores.memory import MemoryMessageIds

ADAPTERS: dict[str, Callable[[], MessageIdAllocator]] = {"memory": MemoryMessageIds}


@pytest.fixture(params=ADAPTERS)
def ids(request: pytest.FixtureRequest) -> MessageIdAllocator:
    return ADAPTERS[request.param]()


def epoch(index: int, application: str = "example.com", period: int = 60) -> Epoch:
    return Epoch.of(index, period, rln_identifier(application, period))


def test_ids_count_up_to_the_limit(ids: MessageIdAllocator) -> None:
    assert [list(ids.reserve(7, epoch(10), 3)) for _ in range(3)] == [[0], [1], [2]]
    for _ in range(2):
        with pytest.raises(RateLimitReached, match="3 messages in epoch 10 are the limit, 3 are used"):
            ids.reserve(7, epoch(10), 3)
    assert ids.reserve(7, epoch(11), 3) == range(0, 1)


def test_several_ids_at_once_or_none(ids: MessageIdAllocator) -> None:
    assert ids.reserve(7, epoch(10), 5, 4) == range(0, 4)
    with pytest.raises(RateLimitReached):
        ids.reserve(7, epoch(10), 5, 2)
    assert ids.reserve(7, epoch(10), 5) == range(4, 5)


def test_members_and_applications_have_counters_of_their_own(ids: MessageIdAllocator) -> None:
    for commitment, place in (
        (7, epoch(10)),
        (8, epoch(10)),
        (7, epoch(10, "example.org")),
        (7, epoch(10, period=600)),
    ):
        assert ids.reserve(commitment, place, 1) == range(0, 1)


def test_the_counter_follows_the_absolute_epoch_of_the_proof(ids: MessageIdAllocator) -> None:
    now = [0.0]
    clock = EpochClock("example.com", 600, now=lambda: now[0])
    used = []
    for seconds in (300, 650, 700, 901, 910, 920, 1199, 1200):
        now[0] = seconds
        current = clock.current()
        used.append((current.index, ids.reserve(7, current, 100)[0]))
    assert used == [(0, 0), (1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (2, 0)]


def test_a_clock_that_went_back_never_gives_an_id_again(ids: MessageIdAllocator) -> None:
    assert ids.reserve(7, epoch(10), 5) == range(0, 1)
    assert ids.reserve(7, epoch(11), 5) == range(0, 1)
    assert ids.reserve(7, epoch(10), 5) == range(1, 2)
    assert ids.reserve(7, epoch(20), 5) == range(0, 1)
    for index in (10, 11, 0):
        with pytest.raises(StoreUnavailable, match="has the clock gone back"):
            ids.reserve(7, epoch(index), 5)
    assert ids.reserve(7, epoch(20), 5) == range(1, 2)


@pytest.mark.parametrize("gap", [1, 2, 3])
def test_an_epoch_returned_to_goes_on_counting_or_is_refused(ids: MessageIdAllocator, gap: int) -> None:
    used = list(ids.reserve(7, epoch(10), 5))
    ids.reserve(7, epoch(10 + gap), 5)
    try:
        used += ids.reserve(7, epoch(10), 5)
    except StoreUnavailable:
        assert gap > 1
    assert len(set(used)) == len(used)


def test_a_lower_limit_gives_no_id_twice(ids: MessageIdAllocator) -> None:
    ids.reserve(7, epoch(10), 100, 10)
    with pytest.raises(RateLimitReached):
        ids.reserve(7, epoch(10), 5)
    assert ids.reserve(7, epoch(10), 11) == range(10, 11)


@pytest.mark.parametrize("value", [0, -1, True, 1.0, 2**32 + 1, None])
def test_numbers_out_of_range(ids: MessageIdAllocator, value: object) -> None:
    with pytest.raises(ParameterError, match="^limit: "):
        ids.reserve(7, epoch(10), value)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="^count: "):
        ids.reserve(7, epoch(10), 5, value)  # type: ignore[arg-type]
    assert ids.reserve(7, epoch(10), 5) == range(0, 1)


def test_the_commitment_is_a_field_element(ids: MessageIdAllocator) -> None:
    with pytest.raises(ParameterError, match="^commitment: "):
        ids.reserve(0, epoch(10), 5)
    with pytest.raises(FieldRangeError, match="^commitment: "):
        ids.reserve(-1, epoch(10), 5)


def test_threads_never_share_an_id(ids: MessageIdAllocator) -> None:
    got: list[int] = []
    reached: list[RateLimitReached] = []

    def work() -> None:
        try:
            while True:
                got.extend(ids.reserve(7, epoch(10), 999, 3))
        except RateLimitReached as error:
            reached.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(999))
    assert len(reached) == 8
