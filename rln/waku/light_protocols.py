"""Light protocols: the requests and answers of clients that take no part in gossip.

    /vac/waku/metadata/1.0.0                  which cluster and shards a node serves
    /vac/waku/lightpush/3.0.0                 publish a message through a node
    /vac/waku/filter-subscribe/2.0.0-beta1    get messages of content topics ...
    /vac/waku/filter-push/2.0.0-beta1         ... pushed by the node
    /vac/waku/store-query/3.0.0               messages that a node has kept

Each message on a stream has its length before it (`varint`). Messages inside of them stay bytes: `Judge` and
`WakuMessage` read those. Fields that are not known here are skipped, as protobuf has it; everything else is
read strictly. Field numbers: 66/WAKU2-METADATA, 19/WAKU2-LIGHTPUSH, 12/WAKU2-FILTER, 13/WAKU2-STORE.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar, Final

from rln.waku.light_form import LightField, LightMessage

METADATA: Final = "/vac/waku/metadata/1.0.0"
LIGHT_PUSH: Final = "/vac/waku/lightpush/3.0.0"
FILTER_SUBSCRIBE: Final = "/vac/waku/filter-subscribe/2.0.0-beta1"
FILTER_PUSH: Final = "/vac/waku/filter-push/2.0.0-beta1"
STORE_QUERY: Final = "/vac/waku/store-query/3.0.0"

MAX_TOPICS: Final = 100
"""Content topics, or hashes, of one request."""
MAX_PAGE: Final = 100
"""Messages of one answer of a store."""


class FilterAction(enum.IntEnum):
    """What a client wants from the filter."""

    PING = 0
    SUBSCRIBE = 1
    UNSUBSCRIBE = 2
    UNSUBSCRIBE_ALL = 3


@dataclass(frozen=True, slots=True)
class Metadata(LightMessage):
    """What a node serves; request and answer have the same form.

    Args:
        cluster: 0 to 65,535. None: not said.
        shards: numbers of at most 100 shards.

    Raises:
        InputError: a value has the wrong type or is outside its range.
    """

    cluster: int | None = None
    shards: tuple[int, ...] = ()

    _FIELDS: ClassVar = {1: LightField("cluster", "cluster"), 2: LightField("shards", "cluster", MAX_TOPICS)}


@dataclass(frozen=True, slots=True)
class PushRequest(LightMessage):
    """A message to publish.

    Args:
        request_id: by which the client knows the answer.
        message: the bytes of a `WakuMessage`, at most 150 KiB.
        pubsub_topic: None: the shard of its content topic.

    Raises:
        InputError: a value has the wrong type or is outside its range.
    """

    request_id: str
    message: bytes
    pubsub_topic: str | None = None

    _FIELDS: ClassVar = {
        1: LightField("request_id", "text"),
        20: LightField("pubsub_topic", "text"),
        21: LightField("message", "message"),
    }


@dataclass(frozen=True, slots=True)
class PushResponse(LightMessage):
    """What became of it.

    Args:
        request_id: of the request.
        status: 200: published. 400: no message; 413: too large; 420: its proof is refused; 421: another
            shard; 429: too many of them; 503: a store is not sure; 504: no proof; 505: no peers.
        description: in words.
        peers: to how many peers it was forwarded.

    Raises:
        InputError: a value has the wrong type or is outside its range.
    """

    request_id: str
    status: int
    description: str | None = None
    peers: int | None = None

    _FIELDS: ClassVar = {
        1: LightField("request_id", "text"),
        10: LightField("status", "status"),
        11: LightField("description", "text"),
        12: LightField("peers", "status"),
    }


@dataclass(frozen=True, slots=True)
class FilterRequest(LightMessage):
    """What a client wants from the filter.

    Args:
        request_id: by which the client knows the answer.
        action: a `FilterAction`, or its number. None: a ping.
        pubsub_topic: of the content topics. None: their shards.
        content_topics: at most 100.

    Raises:
        InputError: a value has the wrong type or is outside its range.
    """

    request_id: str
    action: int | None = None
    pubsub_topic: str | None = None
    content_topics: tuple[str, ...] = ()

    _FIELDS: ClassVar = {
        1: LightField("request_id", "text"),
        2: LightField("action", "action"),
        10: LightField("pubsub_topic", "text"),
        11: LightField("content_topics", "text", MAX_TOPICS),
    }


@dataclass(frozen=True, slots=True)
class FilterResponse(LightMessage):
    """Whether the filter does it.

    Args:
        request_id: of the request.
        status: 200: yes; 400, 404, 503 otherwise.
        description: in words.

    Raises:
        InputError: a value has the wrong type or is outside its range.
    """

    request_id: str
    status: int
    description: str | None = None

    _FIELDS: ClassVar = {
        1: LightField("request_id", "text"),
        10: LightField("status", "status"),
        11: LightField("description", "text"),
    }


@dataclass(frozen=True, slots=True)
class FilterPush(LightMessage):
    """A message that a node pushes to a subscriber.

    Args:
        message: the bytes of a `WakuMessage`.
        pubsub_topic: that it came on.

    Raises:
        InputError: a value has the wrong type or is outside its range.
    """

    message: bytes
    pubsub_topic: str | None = None

    _FIELDS: ClassVar = {1: LightField("message", "message"), 2: LightField("pubsub_topic", "text")}


@dataclass(frozen=True, slots=True)
class StoreRequest(LightMessage):
    """Which kept messages a client wants.

    Args:
        request_id: by which the client knows the answer.
        include_data: whether to send the messages, or their hashes alone.
        pubsub_topic: that they came on. None: any.
        content_topics: any of them, at most 100; none: all.
        start, end: nanoseconds since 1970 of their timestamps, both included. None: no bound.
        hashes: deterministic hashes of 32 bytes, at most 100; then nothing else chooses messages.
        cursor: hash after which the page begins. None: the first page.
        forward: whether from old to new. None: yes.
        limit: messages of a page. None, 0 and above 100: 100.

    Raises:
        InputError: a value has the wrong type or is outside its range.
    """

    request_id: str
    include_data: bool | None = None
    pubsub_topic: str | None = None
    content_topics: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None
    hashes: tuple[bytes, ...] = ()
    cursor: bytes | None = None
    forward: bool | None = None
    limit: int | None = None

    _FIELDS: ClassVar = {
        1: LightField("request_id", "text"),
        2: LightField("include_data", "flag"),
        10: LightField("pubsub_topic", "text"),
        11: LightField("content_topics", "text", MAX_TOPICS),
        12: LightField("start", "time"),
        13: LightField("end", "time"),
        20: LightField("hashes", "bytes", MAX_TOPICS),
        51: LightField("cursor", "bytes"),
        52: LightField("forward", "flag"),
        53: LightField("limit", "number"),
    }


@dataclass(frozen=True, slots=True)
class StoredMessage(LightMessage):
    """A kept message in an answer of a store.

    Args:
        hash: its deterministic hash, 32 bytes.
        message: the bytes of the `WakuMessage`. None: not asked for.
        pubsub_topic: that it came on. None: not asked for.

    Raises:
        InputError: a value has the wrong type or is outside its range.
    """

    hash: bytes
    message: bytes | None = None
    pubsub_topic: str | None = None

    _FIELDS: ClassVar = {
        1: LightField("hash", "bytes"),
        2: LightField("message", "message"),
        3: LightField("pubsub_topic", "text"),
    }


@dataclass(frozen=True, slots=True)
class StoreResponse(LightMessage):
    """A page of kept messages.

    Args:
        request_id: of the request.
        status: 200, or 400.
        description: in words.
        messages: encoded `StoredMessage`s, at most 100, from old to new.
        cursor: where the next page begins. None: this is the last one.

    Raises:
        InputError: a value has the wrong type or is outside its range.
    """

    request_id: str
    status: int
    description: str | None = None
    messages: tuple[bytes, ...] = ()
    cursor: bytes | None = None

    _FIELDS: ClassVar = {
        1: LightField("request_id", "text"),
        10: LightField("status", "status"),
        11: LightField("description", "text"),
        20: LightField("messages", "message", MAX_PAGE),
        51: LightField("cursor", "bytes"),
    }
