"""Request body: the bodies that wait for a verdict, in buffers that share one budget.

Nobody has paid for a body before its credential is judged. So the buffers are bounded: each body, those of
one source, and all together. What does not fit is refused at once. When more than half of the budget is in
use, the caller checks the proof before it reads the body.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from types import CoroutineType
from typing import Any

from rln.errors import Overloaded
from rln.integrations.provider_settings import HttpLimits
from rln.verifying.source_limit import Source

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class BodyTooLarge(Exception):
    """A body has more bytes than one may have."""


class BodyTooSlow(Exception):
    """A body was not complete in time."""


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
            BodyTooSlow: it takes too long.
            Overloaded: there is no room for it.
        """
        waiting = receive()
        if type(waiting) is CoroutineType:
            # Most bodies are there with the head. They need no deadline, which costs more than the rest.
            try:
                waiting = _Begun(waiting, waiting.send(None))
            except StopIteration as done:
                first, more = self._count(done.value)
                if not more:
                    return first
                return await self._read_rest(receive, first)
        try:
            async with asyncio.timeout(self._limits.seconds):
                first, more = self._count(await waiting)
                return await self._read_rest(receive, first) if more else first
        except TimeoutError:
            raise BodyTooSlow from None

    async def _read_rest(self, receive: Receive, first: bytes) -> bytes:
        content, more = bytearray(first), True
        try:
            async with asyncio.timeout(self._limits.seconds):
                while more:
                    chunk, more = self._count(await receive())
                    content += chunk
        except TimeoutError:
            raise BodyTooSlow from None
        return bytes(content)

    def close(self) -> None:
        """Count the body no longer. A second call does nothing."""
        if self._size:
            self._budget.give_back(self._source, self._size)
            self._size = 0

    def _count(self, message: MutableMapping[str, Any]) -> tuple[bytes, bool]:
        """Return the bytes of the body in a message, and whether there are more."""
        if message["type"] != "http.request":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        if chunk:
            if self._size + len(chunk) > self._limits.body:
                raise BodyTooLarge
            self._budget.take(self._source, len(chunk))
            self._size += len(chunk)
        return chunk, message.get("more_body", False)


class _Begun:
    """A coroutine that was begun, and waits for something; await it to go on. It belongs to one task.

    Args:
        coroutine: that was begun.
        waits_for: what it has given to the event loop.
    """

    __slots__ = ("_coroutine", "_waits_for")

    def __init__(self, coroutine: CoroutineType[Any, Any, Any], waits_for: object) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self._waits_for
        while True:
            error: BaseException | None = None
            answer: object = None
            try:
                answer = yield waits_for
            except BaseException as thrown:  # noqa: BLE001 - the coroutine gets it
                error = thrown
            try:
                if error is None:
                    waits_for = self._coroutine.send(answer)
                else:
                    waits_for = self._coroutine.throw(error)
            except StopIteration as done:
                return done.value
