"""An application behind the middleware, for servers in other processes; RLN_CONFIG names the settings.

Each call of the application adds a line to the file that RLN_CALLS names: the path, and the body's first 60
bytes in hexadecimal.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from rln.integrations.asgi import RlnMiddleware
from tests.support.http_servers import CHUNKS, GAP

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def note(line: str) -> None:
    """Add a line to the file, in one write."""
    place = os.open(os.environ["RLN_CALLS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(place, f"{line}\n".encode())
    finally:
        os.close(place)


async def inner(scope: Message, receive: Receive, send: Send) -> None:
    """Note the call, and answer with what the scope says."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] != "http":
        note(f"{scope['type']} {scope['path']}")
        await send({"type": "websocket.accept"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    note(f"call {scope['path']} {body[:60].hex()}")
    if scope["path"] == "/v1/stream":
        await stream(receive, send)
        return
    names = [name.decode("latin-1") for name, _ in scope["headers"]]
    content = json.dumps({"path": scope["path"], "body": len(body), "names": names}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def stream(receive: Receive, send: Send) -> None:
    """Send some chunks with pauses, and note whether the client has gone."""
    gone = asyncio.create_task(wait_until_gone(receive))
    try:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number in range(CHUNKS):
            line = b"data: %d\n\n" % number
            await send({"type": "http.response.body", "body": line, "more_body": True})
            await asyncio.sleep(GAP)
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def wait_until_gone(receive: Receive) -> None:
    """Note that the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    note("gone")


app = RlnMiddleware(inner)
