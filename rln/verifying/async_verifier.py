"""AsyncVerifier: a verifier for asyncio that judges messages in batches.

Messages that arrive within a short window share one verification, on one worker thread, outside the GIL. They
are judged in the order of arrival, and each gets the verdict that it would have got alone. When too many
messages are pending, the next one is refused at once instead of waiting without limit.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rln.base import forks
from rln.base.arguments import instance, is_real, shown, whole
from rln.errors import NativeError, Overloaded, ParameterError
from rln.protocol.proof import AnyProof
from rln.verifying.source_limit import Source, check_source
from rln.verifying.verdict import Verdict
from rln.verifying.verifier import Message, Verifier, check_message

if TYPE_CHECKING:  # asyncio doubles the time of `import rln`; users of this class have imported it
    import asyncio
    from types import TracebackType

_LARGEST = 1 << 20


@dataclass(slots=True, eq=False)
class _Message:
    """A pending message: queued, then in a batch, then answered or cancelled."""

    pair: Message
    source: Source
    answer: asyncio.Future[Verdict]
    taken: bool = False


class AsyncVerifier:
    """Judges messages for the tasks of one event loop.

        async with AsyncVerifier(verifier) as judge:
            verdict = await judge.submit(proof, signal)

    It belongs to one process: in a forked child every call raises `ParameterError`, because the event loop
    and the thread are the parent's. Make one in each process.

    Args:
        verifier: does the work. Other code may use it at the same time.
        window: seconds that a message waits for others, 0 or more. Messages that arrive while a batch is
            judged are collected for the next one in any case.
        queue: number of messages that may be pending, 1 to 2^20; further ones are refused with `Overloaded`.
            When the queue is half full, a source that has a pending message is refused, so that one source
            cannot exclude the others; source None is not.
        batch: number of messages to judge at a time, 1 to `queue`.

    Raises:
        ParameterError: a number outside its range.
    """

    def __init__(
        self, verifier: Verifier, *, window: float = 0.002, queue: int = 1024, batch: int = 256
    ) -> None:
        import asyncio
        from concurrent.futures import ThreadPoolExecutor

        instance(verifier, Verifier, "verifier")
        if not is_real(window) or window < 0:
            raise ParameterError(f"window: expected seconds, 0 or more and finite, got {shown(window)}")
        whole(queue, "queue", 1, _LARGEST)
        self._verifier = verifier
        self._observer = verifier._observer
        self._window = window
        self._batch = whole(batch, "batch", 1, queue)
        self._capacity = queue
        self._pending = 0
        self._pending_by: Counter[Source] = Counter()
        self._queue: deque[_Message] = deque()
        self._judging = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle = asyncio.Event()
        self._closed = False
        self._worker = ThreadPoolExecutor(1, "rln-verifier")
        self._copy_watch = forks.CopyWatch()

    def __repr__(self) -> str:
        return f"AsyncVerifier({self._verifier!r})"

    async def submit(self, proof: AnyProof, signal: bytes, source: Source = None) -> Verdict:
        """Judge one message, and remember it if it is valid; see `Verifier.submit`.

        A task that is cancelled before its batch begins withdraws its message. After that, the message is
        judged and remembered like any other. Other tasks are not affected.

        Args:
            proof: as received, decoded.
            signal: the bytes that the message is about, as received.
            source: where the message came from; see `Verifier.submit`.

        Returns:
            The verdict that `Verifier.submit` would return if the messages came one after the other.

        Raises:
            As `Verifier.submit`, and EntropyError: no randomness for the batch; nothing was accepted.
            Overloaded: too many messages are pending, or the source has sent too many bad proofs; this
                message was not judged.
            ParameterError: the verifier is closed, was used in another event loop before, or is that of the
                process that this one was forked from.
        """
        check_message(proof, signal)
        check_source(source)
        loop = self._check_loop()
        if not self._has_room(source):
            refusal = Overloaded(f"verifier: {self._pending} messages are pending; try later")
            self._observer.judged(refusal, self._observer.moment())
            raise refusal
        message = _Message((proof, signal), source, loop.create_future())
        self._queue.append(message)
        self._count(message, 1)
        self._schedule(loop)
        try:
            return await message.answer
        except BaseException:  # cancelled, or the answer is an error
            if not message.taken:
                self._queue.remove(message)
                self._count(message, -1)
            raise

    async def close(self) -> None:
        """Accept no more calls, wait until all pending ones are answered, and end the worker thread.

        In a forked child this does nothing: the pending messages are the parent's.
        """
        self._closed = True
        if self._copy_watch.is_copy:
            return
        if self._pending:
            if not self._judging:
                self._judge()
            await self._idle.wait()
        self._worker.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # All of the following runs on the event loop, so nothing needs a lock.

    def _check_loop(self) -> asyncio.AbstractEventLoop:
        import asyncio

        loop = asyncio.get_running_loop()
        if self._copy_watch.is_copy:
            raise ParameterError(
                "verifier: its event loop and thread are those of the process that this one was forked from; "
                "make a new AsyncVerifier in each process"
            )
        if self._closed:
            raise ParameterError("verifier: used after it was closed; make a new AsyncVerifier")
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ParameterError("verifier: used in another event loop before; make one for each loop")
        return loop

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Schedule the next batch: now when it is full, otherwise when the window ends."""
        if self._judging:
            return
        if len(self._queue) >= self._batch or self._closed:
            self._judge()
        elif self._timer is None:
            self._timer = loop.call_later(self._window, self._judge)

    def _judge(self) -> None:
        """Hand the next batch to the worker."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        taken = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch))]
        if not taken or self._loop is None:
            return
        self._judging = True
        for message in taken:
            message.taken = True
        batch = list(taken)
        try:
            job = self._loop.run_in_executor(self._worker, self._outcomes, batch)
        except RuntimeError as error:  # no thread could be started
            batch.clear()  # the executor keeps the job and would run it later, when no task waits for it
            self._answer(taken, [NativeError(f"verifier: {error}")] * len(taken))
        else:
            job.add_done_callback(lambda done: self._answer(taken, done.result()))

    def _outcomes(self, batch: Sequence[_Message]) -> list[Verdict | Exception]:
        try:
            pairs, sources = [message.pair for message in batch], [message.source for message in batch]
            return [_for_future(outcome) for outcome in self._verifier.outcomes(pairs, sources)]
        except BaseException as error:  # noqa: BLE001 - each waiting task gets it, or it would wait forever
            return [_for_future(error)] * len(batch)

    def _answer(self, taken: list[_Message], outcomes: Sequence[Verdict | Exception]) -> None:
        self._judging = False
        for message, outcome in zip(taken, outcomes, strict=True):
            if message.answer.done():
                continue
            if isinstance(outcome, Exception):
                message.answer.set_exception(outcome)
            else:
                message.answer.set_result(outcome)
        for message in taken:
            self._count(message, -1)
        # Messages in the queue have waited for a whole batch, so they do not wait for a window.
        self._judge()

    def _has_room(self, source: Source) -> bool:
        if 2 * self._pending < self._capacity:
            return True
        return self._pending < self._capacity and (source is None or source not in self._pending_by)

    def _count(self, message: _Message, more: int) -> None:
        """Add to the number of pending messages."""
        self._pending += more
        self._pending_by[message.source] += more
        if not self._pending_by[message.source]:
            del self._pending_by[message.source]
        self._observer.waiting(self._pending)
        if self._pending:
            self._idle.clear()
        else:
            self._idle.set()


def _for_future(outcome: Verdict | BaseException) -> Verdict | Exception:
    """Return an outcome that a future accepts: no StopIteration, and nothing that ends the event loop."""
    if isinstance(outcome, BaseException) and (
        isinstance(outcome, StopIteration) or not isinstance(outcome, Exception)
    ):
        failure = NativeError(f"verifier: {type(outcome).__name__} while a batch was judged")
        failure.__cause__ = outcome
        return failure
    return outcome
