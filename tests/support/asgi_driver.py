"""An ASGI server for tests in one process: sends a request to an application, and notes what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Message = MutableMapping[str, Any]
Header = tuple[bytes, bytes]


@dataclass
class Exchange:
    """A request, and what the application answers.

    Args:
        scope: of the request.
        chunks: of its body, in the order in which `receive` gives them.
        hang: whether the last chunk never comes.
        gone: whether the client goes away instead of sending the last chunk.
        stays: whether the client stays after the last chunk, and waits for the answer.
    """

    scope: Message
    chunks: tuple[bytes, ...] = (b"",)
    hang: bool = False
    gone: bool = False
    stays: bool = False
    sent: list[Message] = field(default_factory=list)
    given: int = 0

    async def receive(self) -> Message:
        """Return the next message of the server."""
        place = self.given
        self.given += 1
        if place >= len(self.chunks) - (self.hang or self.gone):
            if self.hang or self.stays:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}
        return {
            "type": "http.request",
            "body": self.chunks[place],
            "more_body": place < len(self.chunks) - 1,
        }

    async def send(self, message: Message) -> None:
        """Note a message of the application."""
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        """Status of the answer; None if there is none."""
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self) -> bytes:
        """Body of the answer."""
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of a field of the answer."""
        return [value for key, value in self.sent[0]["headers"] if key == name]


def http_scope(
    credential: str | None = None,
    *,
    method: str = "POST",
    target: bytes = b"/v1/chat/completions",
    host: bytes | None = b"127.0.0.1",
    content_type: bytes | None = b"application/json",
    more: Iterable[Header] = (),
    client: str = "192.0.2.1",
    **changes: Any,
) -> Message:
    """Return the scope of a request as uvicorn makes it."""
    path, _, query = target.partition(b"?")
    headers: list[Header] = [] if host is None else [(b"host", host)]
    if content_type is not None:
        headers.append((b"content-type", content_type))
    if credential is not None:
        headers.append((b"authorization", credential.encode("latin-1")))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [*headers, *more],
        "client": (client, 4000),
        "server": ("127.0.0.1", 80),
        **changes,
    }
