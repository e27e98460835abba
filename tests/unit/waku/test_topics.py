"""Topics: their forms, and that a signal has one reading."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from rln.errors import EncodingError, ParameterError
from rln.waku.topics import ContentTopic, PubsubTopic, check_boundary

ALPHABET = "/0a"


@pytest.mark.parametrize("topic", ["/app/1/chat/proto", "/0/app/1/chat/proto"])
def test_a_topic_is_written_as_it_was_read(topic: str) -> None:
    found = ContentTopic.parse(topic, five_parts=True)
    assert str(found) == topic
    assert found.shard(8) == ContentTopic("app", "1", "chat", "proto").shard(8) == 4


@pytest.mark.parametrize("part", ["", "a/b"])
def test_a_part_is_not_empty_and_has_no_slash(part: str) -> None:
    with pytest.raises(EncodingError, match="name: expected text without a slash"):
        ContentTopic("app", "1", part, "proto")


def test_a_shard_needs_text_that_utf_8_can_encode() -> None:
    with pytest.raises(EncodingError, match="expected text without lone surrogates"):
        ContentTopic("\ud800", "1", "chat", "proto").shard(8)


@pytest.mark.parametrize("numbers", [(0, 0), (1, 4), (65535, 1023)])
def test_a_pubsub_topic_is_written_as_it_was_read(numbers: tuple[int, int]) -> None:
    assert PubsubTopic.parse(str(PubsubTopic(*numbers))) == PubsubTopic(*numbers)


@pytest.mark.parametrize(
    "topic",
    [
        "", "/waku/2/rs/1", "/waku/2/rs/1/", "/waku/2/rs/01/4", "/waku/2/rs/1/4/", "/waku/2/rs/1/4\n",
        "/waku/2/rs/65536/4", "/waku/2/rs/1/1024", "/waku/2/rs/-1/4", "/waku/2/rs/１/4",
        "/waku/2/default-waku/proto", "waku/2/rs/1/4",
    ],
)  # fmt: skip
def test_another_pubsub_topic_is_refused(topic: str) -> None:
    with pytest.raises(EncodingError, match="pubsub topic: expected /waku/2/rs/cluster/shard"):
        PubsubTopic.parse(topic)


@pytest.mark.parametrize(("cluster", "shard"), [(65536, 0), (0, 1024), (-1, 0)])
def test_a_shard_outside_its_range_is_refused(cluster: int, shard: int) -> None:
    with pytest.raises(ParameterError):
        PubsubTopic(cluster, shard)


def readings(joined: str, five_parts: bool) -> int:
    """Return in how many ways a text is a payload and a topic behind it."""
    count = 0
    for at in range(len(joined) + 1):
        try:
            topic = ContentTopic.parse(joined[at:], five_parts)
            if five_parts:
                check_boundary(joined[:at].encode(), topic)
        except EncodingError:
            continue
        count += 1
    return count


@pytest.mark.parametrize("five_parts", [False, True])
def test_every_joined_text_has_at_most_one_reading(five_parts: bool) -> None:
    """All texts of up to 10 characters of a slash, the generation and a letter that end as topics do."""
    found = Counter(
        readings("".join(front) + tail, five_parts)
        for length in range(7)
        for front in itertools.product(ALPHABET, repeat=length)
        for tail in ("/a/0/a", "/0/a/0")
    )
    assert set(found) == {0, 1} and found[1] > 100


def test_without_the_rule_for_five_parts_some_texts_have_two_readings() -> None:
    text = "a/0/a/1/b/c"
    allowed = [text[at:] for at in range(len(text)) if is_topic(text[at:])]
    assert allowed == ["/0/a/1/b/c", "/a/1/b/c"]
    assert readings(text, five_parts=True) == 1


def is_topic(text: str) -> bool:
    """Tell whether a text is a topic where five parts are allowed."""
    try:
        ContentTopic.parse(text, five_parts=True)
    except EncodingError:
        return False
    return True
