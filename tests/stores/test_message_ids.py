"""The contract of a message-id allocator, which every adapter keeps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rln.base.scalar import ORDER
from rln.errors import EncodingError, FieldRangeError, ParameterError, RateLimitReached, StoreUnavailable
from rln.ports import KeptMessage, MessageIdAllocator
from rln.protocol.epoch import Epoch, EpochClock, rln_identifier
from rln.stores.memory import MemoryMessageIds
from tests.stores.adapters import MESSAGE_IDS
from tests.support.kept_message import kept_in


@pytest.fixture(params=MESSAGE_IDS)
def ids(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MessageIdAllocator]:
    opened = MESSAGE_IDS[request.param](request, tmp_path)
    for commitment in (7, 8):
        opened.introduce(commitment)
    yield opened
    opened.close()


def epoch(index: int, application: str = "example.com", period: int = 60) -> Epoch:
    return Epoch.of(index, period, rln_identifier(application, period))


def test_ids_count_up_to_the_limit(ids: MessageIdAllocator) -> None:
    assert [list(ids.reserve(7, epoch(10), 3)) for _ in range(3)] == [[0], [1], [2]]
    for _ in range(2):
        with pytest.raises(
            RateLimitReached, match=r"3 of 3 ids of epoch 10 are used, .* begins at 1970-.* UTC"
        ):
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
        with pytest.raises(StoreUnavailable, match="check the clock"):
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


def test_a_kept_message_comes_back_byte_for_byte(ids: MessageIdAllocator) -> None:
    now = epoch(10)
    first = ids.reserve(7, now, 5, x=21)
    assert kept_in(ids, 7, now, 21) is None
    ids.keep(7, now, first, 21, b"message")
    later = ids.reserve(7, now, 5)
    ids.keep(7, now, later, 22, b"another")
    assert (kept_in(ids, 7, now, 21), kept_in(ids, 7, now, 22)) == (b"message", b"another")
    for stranger in ((8, now), (7, epoch(11)), (7, epoch(10, "example.org"))):
        assert kept_in(ids, *stranger, 21) is None


def test_of_two_messages_for_one_x_the_newer_comes_back(ids: MessageIdAllocator) -> None:
    now = epoch(10)
    for message in (b"first", b"second"):
        ids.keep(7, now, ids.reserve(7, now, 5, x=21), 21, message)
    assert kept_in(ids, 7, now, 21) == b"second"


def test_a_kept_message_comes_with_its_epoch_and_its_ids(ids: MessageIdAllocator) -> None:
    now, identifier = epoch(10), epoch(10).identifier
    ids.reserve(7, now, 9, 2, x=21)
    ids.keep(7, now, ids.reserve(7, now, 9, 3, x=22), 22, b"message")
    assert ids.recall(7, identifier, 22) == (KeptMessage(10, range(2, 5), b"message"),)
    assert ids.recall(7, identifier, 21) == ids.recall(7, identifier, 23) == ()


def test_the_messages_for_an_x_come_back_for_each_epoch_the_newest_first(ids: MessageIdAllocator) -> None:
    places = [epoch(10), epoch(11), epoch(10)]
    for number, place in enumerate(places):
        ids.keep(7, place, ids.reserve(7, place, 9, x=21), 21, b"%d" % number)
    assert ids.recall(7, epoch(10).identifier, 21) == (
        KeptMessage(11, range(0, 1), b"1"),
        KeptMessage(10, range(1, 2), b"2"),
    )
    for commitment, other in ((8, epoch(10)), (7, epoch(10, "example.org")), (7, epoch(10, period=600))):
        assert ids.recall(commitment, other.identifier, 21) == ()


def test_a_later_message_for_the_same_ids_replaces_the_first(ids: MessageIdAllocator) -> None:
    now = epoch(10)
    reserved = ids.reserve(7, now, 9, 2, x=21)
    for message in (b"first", b"renewed"):
        ids.keep(7, now, reserved, 21, message)
    assert ids.recall(7, now.identifier, 21) == (KeptMessage(10, reserved, b"renewed"),)
    assert ids.reserve(7, now, 9) == range(2, 3)


def test_of_two_messages_for_one_x_that_with_the_highest_ids_comes_back_in_any_order(
    ids: MessageIdAllocator,
) -> None:
    now = epoch(10)
    first, second = (ids.reserve(7, now, 9, x=21) for _ in range(2))
    for reserved, message in ((second, b"second"), (first, b"first"), (first, b"first again")):
        ids.keep(7, now, reserved, 21, message)
    assert ids.recall(7, now.identifier, 21) == (KeptMessage(10, second, b"second"),)


def test_a_message_of_a_dropped_epoch_is_not_replaced(ids: MessageIdAllocator) -> None:
    reserved = ids.reserve(7, epoch(10), 9, x=21)
    ids.keep(7, epoch(10), reserved, 21, b"first")
    ids.reserve(7, epoch(12), 9)
    with pytest.raises(StoreUnavailable, match="these ids were not reserved in epoch 10; do not send"):
        ids.keep(7, epoch(10), reserved, 21, b"renewed")
    assert ids.recall(7, epoch(10).identifier, 21) == ()


def test_a_message_is_recalled_by_the_bytes_of_an_identifier(ids: MessageIdAllocator) -> None:
    for identifier in ("example.com", bytearray(8), None):
        with pytest.raises(EncodingError, match="^rln identifier: expected bytes"):
            ids.recall(7, identifier, 21)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="^x: "):
        ids.recall(7, epoch(10).identifier, 0)
    with pytest.raises(ParameterError, match="^commitment: "):
        ids.recall(0, epoch(10).identifier, 21)


def test_an_id_never_goes_with_a_second_x(ids: MessageIdAllocator) -> None:
    now = epoch(10)
    bound, free = ids.reserve(7, now, 5, x=21), ids.reserve(7, now, 5)
    with pytest.raises(StoreUnavailable, match="belongs to another message"):
        ids.keep(7, now, bound, 22, b"other")
    ids.keep(7, now, free, 23, b"first")
    ids.keep(7, now, free, 23, b"first")
    with pytest.raises(StoreUnavailable, match="belongs to another message"):
        ids.keep(7, now, free, 24, b"second")
    assert kept_in(ids, 7, now, 22) is None
    assert kept_in(ids, 7, now, 24) is None
    assert kept_in(ids, 7, now, 23) == b"first"


def test_only_reserved_ids_are_kept(ids: MessageIdAllocator) -> None:
    now = epoch(10)
    ids.reserve(7, now, 5)
    for commitment, place, taken in (
        (7, now, range(1, 2)),
        (8, now, range(0, 1)),
        (7, epoch(11), range(0, 1)),
    ):
        with pytest.raises(StoreUnavailable, match="these ids were not reserved"):
            ids.keep(commitment, place, taken, 21, b"message")
    with pytest.raises(StoreUnavailable, match="these ids were not reserved"):
        ids.keep(7, now, range(0), 21, b"message")


def test_x_is_a_field_element_other_than_0(ids: MessageIdAllocator) -> None:
    now = epoch(10)
    with pytest.raises(ParameterError, match="^x: "):
        ids.reserve(7, now, 5, x=0)
    reserved = ids.reserve(7, now, 5)
    assert reserved == range(0, 1)
    with pytest.raises(ParameterError, match="^x: "):
        ids.keep(7, now, reserved, 0, b"message")


@pytest.mark.parametrize("message", ["text", bytearray(b"message"), None])
def test_a_message_is_bytes(ids: MessageIdAllocator, message: object) -> None:
    now = epoch(10)
    reserved = ids.reserve(7, now, 5, x=21)
    with pytest.raises(EncodingError, match="^message: "):
        ids.keep(7, now, reserved, 21, message)  # type: ignore[arg-type]
    assert kept_in(ids, 7, now, 21) is None


def test_a_message_has_64_kib_at_most(ids: MessageIdAllocator) -> None:
    now = epoch(10)
    reserved = ids.reserve(7, now, 5, x=21)
    with pytest.raises(ParameterError, match="^message: expected at most 65536 bytes, got 65537"):
        ids.keep(7, now, reserved, 21, bytes(65537))
    ids.keep(7, now, reserved, 21, bytes(65536))
    assert kept_in(ids, 7, now, 21) == bytes(65536)


def test_messages_of_old_epochs_are_dropped(ids: MessageIdAllocator) -> None:
    for index in (10, 11, 12):
        ids.keep(7, epoch(index), ids.reserve(7, epoch(index), 5, x=21), 21, b"%d" % index)
    assert [kept_in(ids, 7, epoch(index), 21) for index in (10, 11, 12)] == [None, b"11", b"12"]


def test_the_largest_numbers(ids: MessageIdAllocator) -> None:
    last, x = epoch(2**64 - 1), ORDER - 1
    assert ids.reserve(7, last, 2**16, 2**16 - 1) == range(2**16 - 1)
    reserved = ids.reserve(7, last, 2**16, x=x)
    assert reserved == range(2**16 - 1, 2**16)
    with pytest.raises(RateLimitReached):
        ids.reserve(7, last, 2**16)
    ids.keep(7, last, reserved, x, b"message")
    assert kept_in(ids, 7, last, x) == b"message"


def test_an_identity_of_another_program_waits_until_a_time_or_needs_a_file(ids: MessageIdAllocator) -> None:
    if isinstance(ids, MemoryMessageIds):
        with pytest.raises(ParameterError, match="expected a file for an identity that another program uses"):
            ids.refuse_until(7, 661)
        return
    ids.refuse_until(7, 661)  # in the midst of epoch 11, as at the edge of epoch 10 by a clock that is ahead
    ids.refuse_until(7, 600)  # the latest time counts
    for index in (10, 11):
        with pytest.raises(StoreUnavailable, match="before unix time 661 is refused"):
            ids.reserve(7, epoch(index), 9)
    assert ids.reserve(8, epoch(10), 9) == range(1)
    assert ids.reserve(7, epoch(12), 9) == range(1)
    ids.refuse_until(7, 780)
    ids.introduce(7)  # cannot undo it
    with pytest.raises(StoreUnavailable):
        ids.reserve(7, epoch(12), 9)
    assert ids.reserve(7, epoch(13), 9) == range(1)


def test_an_identity_that_is_new_to_the_file_can_be_refused_before_its_first_call(
    ids: MessageIdAllocator,
) -> None:
    if isinstance(ids, MemoryMessageIds):
        return
    ids.refuse_until(9, 660)
    with pytest.raises(StoreUnavailable):
        ids.reserve(9, epoch(10), 9)
    assert ids.reserve(9, epoch(11), 9) == range(1)


@pytest.mark.parametrize("time", [-1, True, 1.5, "5", None, 2**64])
def test_the_time_of_a_refusal_is_a_unix_time(ids: MessageIdAllocator, time: object) -> None:
    with pytest.raises(ParameterError, match="time: expected"):
        ids.refuse_until(7, time)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="commitment: expected"):
        ids.refuse_until(0, 5)
