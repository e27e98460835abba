"""The archive: what is kept, in which order it is given out, and when it is dropped."""

from __future__ import annotations

import random

import pytest

from rln.errors import ParameterError
from rln.waku.archive import Archive
from rln.waku.light_protocols import StoredMessage, StoreRequest, StoreResponse
from rln.waku.message import WakuMessage

TOPIC, OTHER = "/a/1/b/proto", "/a/1/c/proto"
PUBSUB = "/waku/2/rs/1/4"


def message(number: int, topic: str = TOPIC, size: int = 10, **more: object) -> WakuMessage:
    payload = b"%08d" % number + bytes(size)
    return WakuMessage(payload, topic, timestamp=1000 + number, **more)  # type: ignore[arg-type]


def filled(numbers: list[int], archive: Archive | None = None) -> Archive:
    archive = archive or Archive()
    for number in numbers:
        one = message(number, OTHER if number % 10 == 9 else TOPIC)
        archive.add(PUBSUB, one, one.encode())
    return archive


def numbers_of(page: StoreResponse) -> list[int]:
    stored = [StoredMessage.decode(one) for one in page.messages]
    return [int(WakuMessage.decode(one.message or b"").payload[:8]) for one in stored]


def all_pages(archive: Archive, **more: object) -> list[list[int]]:
    """Ask as js-waku does: until a page is empty, from the last message of the page before."""
    pages: list[list[int]] = []
    cursor = None
    while True:
        page = archive.query(StoreRequest("id", True, cursor=cursor, **more))  # type: ignore[arg-type]
        if not page.messages:
            return pages
        pages.append(numbers_of(page))
        at = -1 if more.get("forward") is not False else 0
        cursor = StoredMessage.decode(page.messages[at]).hash


def test_pages_go_through_all_messages_by_time_however_they_came() -> None:
    order = list(range(250))
    random.Random(1).shuffle(order)
    archive = filled(order)
    assert [one for page in all_pages(archive) for one in page] == list(range(250))
    assert [len(page) for page in all_pages(archive)] == [100, 100, 50]
    assert [len(page) for page in all_pages(archive, limit=7)][:2] == [7, 7]
    assert [len(page) for page in all_pages(archive, limit=1000)] == [100, 100, 50]


def test_pages_backward_begin_with_the_newest_and_are_sorted_in_themselves() -> None:
    assert all_pages(filled(list(range(250))), forward=False, limit=100) == [
        list(range(150, 250)),
        list(range(50, 150)),
        list(range(50)),
    ]


def test_what_is_asked_for_is_chosen_by_topic_time_and_hash() -> None:
    archive = filled(list(range(100)))
    (others,) = all_pages(archive, content_topics=(OTHER,))
    assert others == list(range(9, 100, 10))
    (some,) = all_pages(archive, start=1010, end=1012)
    assert some == [10, 11, 12]
    assert all_pages(archive, pubsub_topic="/waku/2/rs/1/5") == []
    hashes = (message(5).hash(PUBSUB), message(7).hash(PUBSUB), bytes(32))
    page = archive.query(StoreRequest("id", True, hashes=hashes))
    assert numbers_of(page) == [5, 7]


def test_hashes_alone_come_without_data() -> None:
    page = filled([1]).query(StoreRequest("id"))
    assert [StoredMessage.decode(one) for one in page.messages] == [StoredMessage(message(1).hash(PUBSUB))]
    assert (page.request_id, page.status, page.cursor) == ("id", 200, None)


def test_an_unknown_cursor_ends_the_list_so_that_no_client_pages_for_ever() -> None:
    page = filled(list(range(10))).query(StoreRequest("id", True, cursor=bytes(32)))
    assert (page.status, page.messages, page.cursor) == (200, (), None)


def test_ephemeral_messages_and_known_ones_are_not_kept() -> None:
    archive, one = Archive(), message(1)
    assert archive.add(PUBSUB, one, one.encode()) is True
    assert archive.add(PUBSUB, one, one.encode()) is False
    passing = message(2, ephemeral=True)
    assert archive.add(PUBSUB, passing, passing.encode()) is False
    assert len(archive) == 1 and bool(Archive()) is True


def test_the_oldest_are_dropped_when_there_are_too_many_or_too_much() -> None:
    by_number = filled(list(range(100)), Archive(messages=10))
    assert all_pages(by_number) == [list(range(90, 100))]
    by_size = Archive(size=1024)
    for number in range(20):
        one = message(number, size=300)
        by_size.add(PUBSUB, one, one.encode())
    assert all_pages(by_size) == [[17, 18, 19]]
    huge = message(1, size=2000)
    assert by_size.add(PUBSUB, huge, huge.encode()) is False


def test_a_page_of_large_messages_is_cut_by_bytes() -> None:
    archive = Archive()
    for number in range(60):
        one = message(number, size=140_000)
        archive.add(PUBSUB, one, one.encode())
    pages = all_pages(archive)
    assert [one for page in pages for one in page] == list(range(60))
    assert 1 < len(pages) and max(map(len, pages)) < 31


@pytest.mark.parametrize("arguments", [{"messages": 0}, {"size": 5}, {"messages": "many"}])
def test_wrong_sizes_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ParameterError):
        Archive(**arguments)
