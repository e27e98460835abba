"""The flow of a request with a credential, as the generators that httpx and httpx2 drive."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from typing import Any

from rln.client.flow import Head, Pause, Read, Result, Send, Wanted, Work, request_flow
from rln.client.member import Member


def sync_flow(member: Member, request: Any) -> Generator[Any, Any, None]:
    """Yield the request as often as it is to be sent, and take the responses."""
    request.read()
    with closing(request_flow(member, _wanted(request))) as flow:
        result: Result = None
        response: Any = None
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
                result = response.read()
            elif isinstance(step, Send):
                response = yield _with_fields(request, step)
                result = _head(response)


async def async_flow(member: Member, request: Any) -> AsyncGenerator[Any, Any]:
    """Yield the request as often as it is to be sent, and take the responses; no step blocks the loop."""
    # Both libraries depend on it. At the top, its absence would be named in the place of theirs.
    import anyio
    import anyio.to_thread

    await request.aread()
    with closing(request_flow(member, _wanted(request))) as flow:
        result: Result = None
        response: Any = None
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
                result = await response.aread()
            elif isinstance(step, Send):
                response = yield _with_fields(request, step)
                result = _head(response)


def _wanted(request: Any) -> Wanted:
    url = request.url
    return Wanted(
        url.scheme,
        url.netloc.decode("ascii"),
        request.method,
        url.raw_path,
        request.headers.multi_items(),
        request.content,
    )


def _with_fields(request: Any, step: Send) -> Any:
    request.headers = type(request.headers)(step.fields)
    return request


def _head(response: Any) -> Head:
    return Head(response.status_code, response.headers.multi_items())
