"""The flows of `httpx_auth` as the generators that httpx and httpx2 drive."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from typing import Any

from rln.client.member import Member
from rln.integrations.httpx_auth import Pause, Read, Send, Work, request_flow


def sync_flow(member: Member, request: Any) -> Generator[Any, Any, None]:
    """Yield the request as often as it is to be sent, and take the responses."""
    request.read()
    with closing(request_flow(member, request)) as flow:
        result: Any = None
        while True:
            try:
                step = flow.send(result)
            except StopIteration:
                return
            result = None
            if isinstance(step, Pause):
                time.sleep(step.seconds)
            elif isinstance(step, Work):
                result = step.call()
            elif isinstance(step, Read):
                result = step.response.read()
            elif isinstance(step, Send):
                result = yield step.request


async def async_flow(member: Member, request: Any) -> AsyncGenerator[Any, Any]:
    """Yield the request as often as it is to be sent, and take the responses; no step blocks the loop."""
    # Both libraries depend on it. At the top, its absence would be named in the place of theirs.
    import anyio
    import anyio.to_thread

    await request.aread()
    with closing(request_flow(member, request)) as flow:
        result: Any = None
        while True:
            try:
                step = flow.send(result)
            except StopIteration:
                return
            result = None
            if isinstance(step, Pause):
                await anyio.sleep(step.seconds)
            elif isinstance(step, Work):
                # Cancelled meanwhile, the thread goes on, and the next sending takes what it makes.
                result = await anyio.to_thread.run_sync(step.call, abandon_on_cancel=True)
            elif isinstance(step, Read):
                result = await step.response.aread()
            elif isinstance(step, Send):
                result = yield step.request
