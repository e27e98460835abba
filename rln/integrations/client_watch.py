"""Client watch: work for a client ends when the client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from rln.integrations.request_body import Receive


async def while_there(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, and cancel it if the client goes away; nothing is left running.

    Args:
        receive: of the request, whose body was read.
        work: what is done for the client; its errors are raised.
    """
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.wait((working, watching))
    for task in (working, watching):
        if not task.cancelled():
            task.result()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
