"""Request body: the bodies that wait for a verdict, in buffers that share one budget.

Nobody has paid for a body before its credential is judged. So the buffers are bounded: each body, those of
one source, and all together. What does not fit is refused at once. When more than half of the budget is in
use, the caller checks the proof before it reads the body.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from rln.errors import Overloaded
from rln.integrations.provider_settings import HttpLimits
from rln.verifying.source_limit import Source

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class BodyTooLarge(Exception):
    """A body has more bytes than one may have."""


class ClientGone(Exception):
    """The client has closed the connection before the body was complete."""


class BodyBudget:
    """Counts the bytes of waiting bodies, for the tasks of one event loop. A fork's child makes a new one.

    Args:
        limits: of one body, of a source, and of all.
    """

    __slots__ = ("_by_source", "_limits", "_used")

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._used = 0
        self._by_source: Counter[Source] = Counter()

    @property
    def used(self) -> int:
        """Bytes in use."""
        return self._used

    @property
    def is_short(self) -> bool:
        """Whether more than half of the bytes are in use."""
        return 2 * self._used > self._limits.buffers

    def take(self, source: Source, size: int) -> None:
        """Count bytes of a source.

        Raises:
            Overloaded: there is no room for them.
        """
        if (
            self._used + size > self._limits.buffers
            or self._by_source[source] + size > self._limits.source_buffers
        ):
            if not self._by_source[source]:
                del self._by_source[source]
            raise Overloaded("bodies: no room for another one; try later")
        self._used += size
        self._by_source[source] += size

    def give_back(self, source: Source, size: int) -> None:
        """Count bytes of a source no longer."""
        self._used -= size
        self._by_source[source] -= size
        if not self._by_source[source]:
            del self._by_source[source]


class WaitingBody:
    """The body of one request, counted from its first byte until `close`. It belongs to one task.

    Args:
        budget: counts the bytes.
        source: of the request.
        limits: of the body.
    """

    __slots__ = ("_budget", "_limits", "_size", "_source")

    def __init__(self, budget: BodyBudget, source: Source, limits: HttpLimits) -> None:
        self._budget = budget
        self._source = source
        self._limits = limits
        self._size = 0

    async def read(self, receive: Receive) -> bytes:
        """Return the whole body.

        Raises:
            BodyTooLarge: it has too many bytes.
            ClientGone: the client has gone.
            TimeoutError: it takes too long.
            Overloaded: there is no room for it.
        """
        async with asyncio.timeout(self._limits.seconds):
            first, more = await self._next(receive)
            if not more:
                return first
            content = bytearray(first)
            while more:
                chunk, more = await self._next(receive)
                content += chunk
        return bytes(content)

    def close(self) -> None:
        """Count the body no longer. A second call does nothing."""
        if self._size:
            self._budget.give_back(self._source, self._size)
            self._size = 0

    async def _next(self, receive: Receive) -> tuple[bytes, bool]:
        """Return the next bytes of the body, and whether there are more."""
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        if chunk:
            if self._size + len(chunk) > self._limits.body:
                raise BodyTooLarge
            self._budget.take(self._source, len(chunk))
            self._size += len(chunk)
        return chunk, message.get("more_body", False)
