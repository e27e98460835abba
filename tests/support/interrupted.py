"""Interrupt a coroutine at its n-th suspension, for each n, so that no `await` of it is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


class Interrupted:
    """An awaitable that runs a coroutine, and interrupts it where it suspends for the n-th time.

    Args:
        coroutine: to run.
        place: the suspension, counted from 0.
        error: what the coroutine gets there instead of what it waits for; None: its task is cancelled there,
            so what it waits for is cancelled too.

    Attributes:
        reached: whether there was such a suspension.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], place: int, error: BaseException | None) -> None:
        self._coroutine = coroutine
        self._place = place
        self._error = error
        self.reached = False

    def __await__(self) -> Generator[Any, Any, Any]:
        count = 0
        step, argument = self._coroutine.send, None
        while True:
            try:
                waits_for = step(argument)
            except StopIteration as done:
                return done.value
            if count == self._place:
                self.reached = True
                if self._error is not None:
                    step, argument, count = self._coroutine.throw, self._error, count + 1
                    continue
                task = asyncio.current_task()
                assert task is not None
                asyncio.get_running_loop().call_soon(task.cancel)
            count += 1
            try:
                step, argument = self._coroutine.send, (yield waits_for)
            except BaseException as error:  # noqa: BLE001 - the coroutine gets it
                step, argument = self._coroutine.throw, error

    async def run(self) -> object:
        """Run it, and return its result."""
        return await self
