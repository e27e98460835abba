"""AsyncNullifierLog: a nullifier log for an event loop, which never waits for a disk or a server.

A claim is the shares of one message, to be inserted. While the log works on some claims, new ones wait in a
queue. They are then sent together: in one transaction with one fsync, or in one round trip.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from rln.base import forks
from rln.base.injected import implements
from rln.errors import ParameterError, StoreError, StoreUnavailable
from rln.protocol.epoch import Epoch
from rln.protocol.share import Share
from rln.stores.store_arguments import check_questions, checked_claims
from rln.verifying.ports import Claim, NullifierLog, Taken

_MAX_CLAIMS: Final = 512
"""Largest number of claims in one call, unless one caller has more. All of them are answered together."""

_Answer = TypeVar("_Answer")


@dataclass(slots=True, eq=False)
class _Call:
    """The claims of one caller, and the future of its answer."""

    claims: list[Claim]
    answer: asyncio.Future[Sequence[Taken | StoreError]]


class AsyncNullifierLog:
    """The methods of a `NullifierLog` as coroutines.

        async with AsyncNullifierLog(log) as shared:
            taken = await shared.insert_or_get(epoch, proof.shares)

    It belongs to one process: in a forked child every call raises `StoreUnavailable`, because the event loop
    and the threads are the parent's. Open one in each process.

    Args:
        log: does the work, on threads. Others may use it at the same time. Closing this object closes it.

    Raises:
        ParameterError: not a log.
    """

    def __init__(self, log: NullifierLog) -> None:
        implements(log, NullifierLog, "log")
        self._log = log
        self._writer = ThreadPoolExecutor(1, "rln-log-writer")
        self._reader = ThreadPoolExecutor(1, "rln-log-reader")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: deque[_Call] = deque()
        self._jobs: set[asyncio.Future[Any]] = set()
        self._writing = False
        self._closed = False
        self._copy_watch = forks.CopyWatch()

    def __repr__(self) -> str:
        return f"AsyncNullifierLog({self._log!r})"

    async def peek_many(self, keys: Sequence[tuple[Epoch, int]]) -> Sequence[Share | StoreError | None]:
        """Return the shares that the log holds; see `NullifierLog.peek_many`."""
        check_questions(keys)
        return await self._run_on(self._reader, lambda: self._log.peek_many(keys))

    async def peek(self, epoch: Epoch, nullifier: int) -> Share | None:
        """Return the share that the log holds, or None; see `NullifierLog.peek`."""
        check_questions([(epoch, nullifier)])
        return await self._run_on(self._reader, lambda: self._log.peek(epoch, nullifier))

    async def insert_or_get_many(self, claims: Sequence[Claim]) -> Sequence[Taken | StoreError]:
        """Insert each claim, or return the shares that were there before.

        See `NullifierLog.insert_or_get_many`. Cancelling the task withdraws its claims while they wait. If
        the log already has them, they are inserted, and the caller gets no answer.
        """
        loop = self._check_loop()
        checked_claims(claims)
        call = _Call(list(claims), loop.create_future())
        self._queue.append(call)
        self._start_writing(loop)
        try:
            return await call.answer
        finally:
            if call in self._queue:
                self._queue.remove(call)

    async def insert_or_get(self, epoch: Epoch, shares: Sequence[Share]) -> Taken:
        """Insert one claim, or return the shares that were there before; see `insert_or_get_many`.

        Raises:
            StoreUnavailable: the log is unsure.
            IntegrityAlarm: what it holds is no share.
            ParameterError: as for `insert_or_get_many`.
        """
        (taken,) = await self.insert_or_get_many([(epoch, shares)])
        if isinstance(taken, StoreError):
            raise taken
        return taken

    async def forget(self, before: int) -> None:
        """Drop the epochs that ended at unix time `before` or earlier; see `NullifierLog.forget`."""
        await self._run_on(self._reader, lambda: self._log.forget(before))

    async def close(self) -> None:
        """Refuse new calls, wait for the answers of earlier calls, and close the log.

        In a forked child this does nothing: the calls and the threads are the parent's.
        """
        if self._closed or self._copy_watch.is_copy:
            return
        self._closed = True
        while self._jobs:
            await asyncio.wait(self._jobs)
            await asyncio.sleep(0)  # the callbacks of a finished job may start the next one
        await asyncio.get_running_loop().run_in_executor(self._writer, self._log.close)
        self._writer.shutdown(wait=False)
        self._reader.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Everything below runs on the event loop, so nothing needs a lock.

    def _check_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._copy_watch.is_copy:
            raise StoreUnavailable(
                "nullifier log: its event loop and threads are those of the process that this one was forked "
                "from; open an AsyncNullifierLog in each process"
            )
        if self._closed:
            raise StoreUnavailable("nullifier log: used after it was closed")
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ParameterError("nullifier log: used on a second event loop; open one log for each loop")
        return loop

    async def _run_on(self, worker: ThreadPoolExecutor, work: Callable[[], _Answer]) -> _Answer:
        job = self._check_loop().run_in_executor(worker, work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return await job

    def _start_writing(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send the waiting claims to the log, unless it is busy."""
        if self._writing or not self._queue:
            return
        taken = [self._queue.popleft()]
        count = len(taken[0].claims)
        while self._queue and count + len(self._queue[0].claims) <= _MAX_CLAIMS:
            taken.append(self._queue.popleft())
            count += len(taken[-1].claims)
        claims = [claim for call in taken for claim in call.claims]
        job = loop.run_in_executor(self._writer, self._insert_or_get_many, claims)
        self._writing = True
        self._jobs.add(job)
        job.add_done_callback(lambda done: self._finish_writing(loop, taken, done))

    def _finish_writing(
        self,
        loop: asyncio.AbstractEventLoop,
        taken: list[_Call],
        job: asyncio.Future[Sequence[Taken | StoreError]],
    ) -> None:
        self._jobs.discard(job)
        self._writing = False
        answers = iter(job.result())
        for call in taken:
            mine = [next(answers) for _ in call.claims]
            if not call.answer.done():
                call.answer.set_result(mine)
        self._start_writing(loop)

    def _insert_or_get_many(self, claims: list[Claim]) -> Sequence[Taken | StoreError]:
        """Call the log on the writer's thread. If it raises, return an error for each claim."""
        try:
            return self._log.insert_or_get_many(claims)
        except BaseException as error:  # noqa: BLE001 - a future would not even take some of them
            doubt = StoreUnavailable(
                f"nullifier log: {type(error).__name__}: it is unknown what was inserted; do not accept "
                "these messages"
            )
            doubt.__cause__ = error
            return [doubt] * len(claims)
