"""Archive: the recent messages of a node, in bounded memory, for clients that ask a store."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rln.base.arguments import instance, plain_bytes, text, whole
from rln.waku.light_protocols import MAX_PAGE, StoredMessage, StoreRequest, StoreResponse
from rln.waku.message import WakuMessage

_PAGE_BYTES: Final = 4 << 20
"""Bytes of the messages of one page, so that a small request does not bring 15 MB."""
_NO_TIME: Final = 0

_Key = tuple[int, bytes]
"""Timestamp in nanoseconds, and deterministic hash: the order of messages."""


@dataclass(frozen=True, slots=True)
class _Kept:
    pubsub_topic: str
    content_topic: str
    data: bytes


class Archive:
    """Keeps messages that are not ephemeral; the oldest are dropped when there is no room.

    It belongs to one thread or event loop, has nothing to close, and a fork copies it. A restart empties it.

    Args:
        messages: that are kept at most, 1 to 1,000,000.
        size: bytes of their data at most, 1 KiB to 64 GiB.

    Raises:
        ParameterError: a number outside its range.
    """

    def __init__(self, messages: int = 10_000, size: int = 64 << 20) -> None:
        self._messages = whole(messages, "messages", 1, 1_000_000)
        self._size = whole(size, "size", 1 << 10, 64 << 30)
        self._kept: dict[_Key, _Kept] = {}
        self._order: list[_Key] = []
        self._times: dict[bytes, int] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many messages are kept."""
        return len(self._order)

    def __bool__(self) -> bool:
        """Return True: an archive without messages is an archive."""
        return True

    def __repr__(self) -> str:
        return f"Archive({len(self)} messages)"

    def add(self, pubsub_topic: str, message: WakuMessage, data: bytes) -> bool:
        """Keep a message, and return whether it is kept now and was not before.

        Args:
            pubsub_topic: that it came on.
            message: decoded.
            data: its bytes.

        Raises:
            InputError: an argument has the wrong type.
        """
        text(pubsub_topic, "pubsub_topic")
        instance(message, WakuMessage, "message")
        plain_bytes(data, "data")
        digest = message.hash(pubsub_topic)
        if message.ephemeral or digest in self._times or len(data) > self._size:
            return False
        key = (message.timestamp or _NO_TIME, digest)
        self._kept[key] = _Kept(pubsub_topic, message.content_topic, data)
        self._times[digest] = key[0]
        insort(self._order, key)
        self._bytes += len(data)
        while len(self._order) > self._messages or self._bytes > self._size:
            self._drop(self._order[0])
        return digest in self._times

    def query(self, request: StoreRequest) -> StoreResponse:
        """Return a page of messages, from old to new.

        The page after the last one, and one after a cursor that is not kept any more, is empty: clients go on
        until then.

        Raises:
            ParameterError: not a `StoreRequest`.
        """
        instance(request, StoreRequest, "request")
        most = min(request.limit or MAX_PAGE, MAX_PAGE)
        forward = request.forward is not False
        page: list[_Key] = []
        size = 0
        is_more = False
        for key in self._matching(request, forward):
            size += len(self._kept[key].data) if request.include_data else 0
            if len(page) == most or (page and size > _PAGE_BYTES):
                is_more = True
                break
            page.append(key)
        cursor = page[-1][1] if is_more else None
        messages = tuple(self._stored(key, request).encode() for key in sorted(page))
        return StoreResponse(request.request_id, 200, "OK", messages, cursor)

    def _matching(self, request: StoreRequest, forward: bool) -> Iterator[_Key]:
        """Go through the messages that are asked for, those of the page and after it."""
        if request.hashes:
            keys = sorted((self._times[one], one) for one in set(request.hashes) if one in self._times)
            first, last = 0, len(keys)
        else:
            keys = self._order
            first = bisect_left(keys, (request.start or _NO_TIME, b""))
            last = len(keys) if request.end is None else bisect_left(keys, (request.end + 1, b""))
        if request.cursor is not None:
            time = self._times.get(request.cursor)
            if time is None:
                return
            place = (time, request.cursor)
            if forward:
                first = max(first, bisect_right(keys, place))
            else:
                last = min(last, bisect_left(keys, place))
        topics = set(request.content_topics)
        for at in range(first, last) if forward else range(last - 1, first - 1, -1):
            kept = self._kept[keys[at]]
            if request.hashes or (
                request.pubsub_topic in (None, kept.pubsub_topic)
                and (not topics or kept.content_topic in topics)
            ):
                yield keys[at]

    def _stored(self, key: _Key, request: StoreRequest) -> StoredMessage:
        if not request.include_data:
            return StoredMessage(key[1])
        return StoredMessage(key[1], self._kept[key].data, self._kept[key].pubsub_topic)

    def _drop(self, key: _Key) -> None:
        self._bytes -= len(self._kept.pop(key).data)
        del self._times[key[1]]
        del self._order[bisect_left(self._order, key)]
