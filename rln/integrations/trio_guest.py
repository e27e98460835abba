"""Run a trio function, such as one with a `WakuNode`, inside a program on asyncio, in the same thread."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rln.base.extras import missing
from rln.errors import ParameterError

try:
    import trio
    from outcome import Outcome
except ImportError as error:
    raise missing("trio", "relay", error) from error

_Result = TypeVar("_Result")


async def run_in_asyncio(function: Callable[[], Awaitable[_Result]]) -> _Result:
    """Run an asynchronous function of trio, and return its result or raise its error.

    If the task that waits is cancelled, so is the function, and the task waits until it has ended. Only one
    function may run at a time in a thread, because trio allows one loop there.

    Args:
        function: a coroutine function without parameters.

    Raises:
        ParameterError: not a coroutine function.
        RuntimeError: another one runs in this thread.
    """
    if not inspect.iscoroutinefunction(function):
        raise ParameterError(f"function: expected a coroutine function, got {type(function).__name__}")
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Outcome[_Result | None]] = loop.create_future()
    scope = trio.CancelScope()
    tokens: list[trio.lowlevel.TrioToken] = []

    async def guest() -> _Result | None:
        tokens.append(trio.lowlevel.current_trio_token())
        with scope:
            return await function()
        return None  # cancelled

    def soon(call: Callable[[], object]) -> None:
        loop.call_soon_threadsafe(call)

    trio.lowlevel.start_guest_run(
        guest,
        run_sync_soon_threadsafe=soon,
        done_callback=ended.set_result,
        host_uses_signal_set_wakeup_fd=True,
    )
    try:
        outcome = await asyncio.shield(ended)
    except asyncio.CancelledError:
        if tokens:
            tokens[0].run_sync_soon(scope.cancel)
        else:
            scope.cancel()  # before the function has begun
        while not ended.done():
            try:
                await asyncio.wait([ended])
            except asyncio.CancelledError:  # again; the function is ending already
                continue
        ended.result().unwrap()  # an error while it ended
        raise
    result: _Result = outcome.unwrap()  # type: ignore[assignment]  # None only if cancelled
    return result
