"""The server of `bench_http.py`: an application that does nothing, alone or with the middleware."""

from __future__ import annotations

import asyncio
import time

from rln.integrations.admission import Message
from rln.integrations.answers import Send
from rln.integrations.asgi import RlnMiddleware
from rln.integrations.request_body import Receive
from rln.integrations.request_head import Scope

BODY = b'{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"content":"ok"}}]}'
CHUNKS = 50
GAP = 0.02
"""Seconds between the chunks of a stream."""

_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def null(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request with the same bytes, and `/stream` with chunks that say when they were sent."""
    if scope["type"] == "lifespan":
        while True:
            message: Message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await receive()
    if scope["path"] == "/stream":
        await _stream(send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": BODY})


async def _stream(send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
    )
    for _ in range(CHUNKS):
        line = b"data: %d\n\n" % time.monotonic_ns()
        await send({"type": "http.response.body", "body": line, "more_body": True})
        await asyncio.sleep(GAP)
    await send({"type": "http.response.body", "body": b""})


def limited() -> RlnMiddleware:
    """Return the application with the middleware; RLN_CONFIG names its settings."""
    return RlnMiddleware(null)
