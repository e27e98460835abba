"""The requests and answers of light protocols: what js-waku sent, what is refused, and what is bounded."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from rln.errors import EncodingError, InputError, ParameterError
from rln.waku import wire
from rln.waku.light_form import HASH_BYTES, MAX_TEXT, LightMessage
from rln.waku.light_protocols import (
    MAX_TOPICS,
    FilterAction,
    FilterPush,
    FilterRequest,
    FilterResponse,
    Metadata,
    PushRequest,
    PushResponse,
    StoredMessage,
    StoreRequest,
    StoreResponse,
)

KNOWN = json.loads((Path(__file__).parents[2] / "known_answers" / "waku_light_protocols.json").read_text())
STREAMS = [bytes.fromhex(one["protobuf"]) for one in KNOWN["streams"]]

MESSAGE = wire.length_field(21, b"")

VALUES: list[LightMessage] = [
    Metadata(1, (0, 1, 1023)),
    Metadata(),
    PushRequest("id", b"message", "/waku/2/rs/1/4"),
    PushRequest("", b""),
    PushResponse("id", 420, "no proof", 5),
    FilterRequest("id", int(FilterAction.SUBSCRIBE), "/waku/2/rs/1/4", ("/a/1/b/c", "/a/1/b/d")),
    FilterResponse("id", 200, "OK"),
    FilterPush(b"message", "/waku/2/rs/1/4"),
    StoreRequest("id", True, "/waku/2/rs/1/4", ("/a/1/b/c",), 1, 2, (bytes(32),), bytes(32), False, 20),
    StoredMessage(bytes(32), b"message", "/waku/2/rs/1/4"),
    StoreResponse("id", 200, "OK", (b"one", b"two"), bytes(32)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda one: type(one).__name__)
def test_what_is_written_is_read(value: LightMessage) -> None:
    assert type(value).decode(value.encode()) == value


@pytest.mark.parametrize("data", STREAMS)
def test_what_js_waku_sent_is_written_byte_for_byte(data: bytes) -> None:
    kinds = {type(value) for value in VALUES}
    read = []
    for kind in kinds:
        try:
            read.append(kind.decode(data).encode())
        except InputError:
            continue
    assert data in read


def test_an_unknown_field_is_skipped_and_a_known_one_read_once() -> None:
    push = PushRequest("id", b"message")
    assert PushRequest.decode(push.encode() + wire.number_field(99, 5)) == push
    with pytest.raises(EncodingError, match="request_id: expected it once, got it twice"):
        PushRequest.decode(push.encode() + wire.length_field(1, b"again"))


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (PushRequest, wire.length_field(1, b"id"), "PushRequest: expected message, got none"),
        (PushResponse, wire.number_field(10, 200), "PushResponse: expected request_id, got none"),
        (PushRequest, wire.number_field(1, 5), "request_id: expected bytes, got wire type 0"),
        (PushRequest, wire.length_field(1, b"\xff"), "request_id: not UTF-8 at byte 0"),
        (
            PushRequest,
            wire.length_field(1, bytes(MAX_TEXT + 1)) + wire.length_field(21, b""),
            "at most 1024 bytes",
        ),
        (FilterRequest, wire.length_field(1, b"") + wire.number_field(2, 4), "action"),
        (StoreRequest, wire.length_field(1, b"") + wire.number_field(2, 2), "include_data: expected 0 or 1"),
        (
            StoreRequest,
            wire.length_field(1, b"") + wire.length_field(51, b"short"),
            "cursor: expected 32 bytes",
        ),
        (Metadata, wire.number_field(1, 65_536), "cluster"),
        (Metadata, b"\x08", "ends early"),
    ],
)
def test_a_wrong_field_is_named(kind: type[LightMessage], data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        kind.decode(data)


def test_a_list_is_bounded_when_it_is_read_and_when_it_is_made() -> None:
    topics = tuple(f"/a/1/{number}/c" for number in range(MAX_TOPICS))
    assert FilterRequest.decode(FilterRequest("id", 1, None, topics).encode()).content_topics == topics
    with pytest.raises(EncodingError, match="content_topics: expected at most 100 of them, got 101"):
        FilterRequest("id", 1, None, (*topics, "/a/1/b/c"))
    more = FilterRequest("id", 1, None, topics).encode() + wire.length_field(11, b"/a/1/b/c")
    with pytest.raises(EncodingError, match="content_topics: expected at most 100 of them, got more"):
        FilterRequest.decode(more)
    with pytest.raises(ParameterError, match="content_topics: expected a tuple, got list"):
        FilterRequest("id", 1, None, ["/a/1/b/c"])  # type: ignore[arg-type]
    assert HASH_BYTES == 32


def test_a_negative_time_is_refused_and_the_largest_read() -> None:
    last = StoreRequest("id", start=0, end=(1 << 63) - 1)
    assert StoreRequest.decode(last.encode()) == last
    negative = wire.length_field(1, b"id") + wire.number_field(12, wire.zigzag(-1))
    with pytest.raises(ParameterError, match="start"):
        StoreRequest.decode(negative)


def test_ten_thousand_changed_requests_end_in_a_value_or_an_error_of_input() -> None:
    chance = random.Random(20)
    kinds: list[Any] = [type(value) for value in VALUES]
    read = 0
    for _ in range(10_000):
        data = bytearray(chance.choice(VALUES).encode() or b"\x00")
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        try:
            value = chance.choice(kinds).decode(bytes(data))
        except InputError:
            continue
        read += 1
        assert type(value).decode(value.encode()) == value
    assert read > 200
