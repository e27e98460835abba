"""WakuMessage: sizes and values; the vectors `waku-messages.json` have its bytes."""

from __future__ import annotations

from typing import Any

import pytest

from rln.errors import EncodingError, InputError, ParameterError
from rln.waku.message import MAX_BYTES, WakuMessage
from rln.waku.wire import LaxEncoding

TOPIC = "/app/1/chat/proto"


def sized(extra: int) -> WakuMessage:
    """Return a message whose encoding is as many bytes above the largest size."""
    around = len(WakuMessage(bytes(MAX_BYTES - 100), TOPIC).encode()) - (MAX_BYTES - 100)
    return WakuMessage(bytes(MAX_BYTES - around + extra), TOPIC)


def test_the_largest_message_passes_and_a_byte_more_is_refused_both_ways() -> None:
    data = sized(0).encode()
    assert len(data) == MAX_BYTES
    assert WakuMessage.decode(data) == sized(0)
    with pytest.raises(EncodingError, match="expected at most 153600 bytes, got 153601"):
        sized(1).encode()
    with pytest.raises(LaxEncoding, match="expected at most 153600 bytes, got 153601"):
        WakuMessage.decode(data + b"\0")


def test_unknown_fields_are_reported_and_left_out() -> None:
    message = WakuMessage(b"a", TOPIC, timestamp=5)
    padded = WakuMessage.decode(message.encode() + b"\x78\x05")
    assert padded.unknown and padded != message
    assert padded.encode() == message.encode()
    assert padded.hash("/waku/2/rs/1/4") == message.hash("/waku/2/rs/1/4")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"payload": bytearray(b"a")}, EncodingError),
        ({"content_topic": "\ud800"}, EncodingError),
        ({"content_topic": b"/a"}, ParameterError),
        ({"version": -1}, ParameterError),
        ({"version": 1 << 32}, ParameterError),
        ({"timestamp": 0}, ParameterError),
        ({"timestamp": 1 << 63}, ParameterError),
        ({"timestamp": 5.0}, ParameterError),
        ({"meta": bytes(65)}, EncodingError),
        ({"proof": "a"}, EncodingError),
        ({"ephemeral": 1}, ParameterError),
        ({"unknown": None}, ParameterError),
    ],
)
def test_a_wrong_value_makes_no_message(change: dict[str, Any], error: type[InputError]) -> None:
    with pytest.raises(error):
        WakuMessage(**{"payload": b"a", "content_topic": TOPIC, **change})


def test_a_hash_needs_a_topic_that_utf_8_can_encode() -> None:
    with pytest.raises(EncodingError, match="pubsub_topic: expected text without lone surrogates"):
        WakuMessage(b"a", TOPIC).hash("\ud800")
