"""The servers of `bench_http.py` and `bench_gateway.py`.

An application that does nothing, alone or with the middleware; a gateway before it, and the same proxy alone.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from rln.http.policy import open_policy
from rln.integrations.admission import KEY, App, Message
from rln.integrations.answers import Send
from rln.integrations.asgi import RlnMiddleware
from rln.integrations.request_body import Receive
from rln.integrations.request_head import Scope
from rln.services.gateway import Gateway
from rln.services.gateway_settings import GatewaySettings
from rln.services.upstream import Upstream

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


def gateway() -> App:
    """Return the gateway; RLN_CONFIG names its settings."""
    return Gateway.open(os.environ["RLN_CONFIG"]).app


def proxy() -> App:
    """Return the proxy of the same gateway, to which everything counts as paid for."""
    config = Path(os.environ["RLN_CONFIG"])
    policy = open_policy((config.parent / "policy.json").read_bytes())
    upstream = Upstream(GatewaySettings.read(config), policy)

    async def admitted(scope: Scope, receive: Receive, send: Send) -> None:
        await upstream({**scope, KEY: True}, receive, send)

    return admitted
