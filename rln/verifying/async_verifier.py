"""AsyncVerifier: a verifier for asyncio, which judges what arrives together in one batch.

Messages that arrive within a short window share one verification, on one worker thread, outside the GIL. They
are judged in the order of arrival, and each gets the verdict that it would have got alone. When too many are
on their way, the next one is refused at once instead of waiting without an end.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rln.base.arguments import instance, whole
from rln.errors import NativeError, Overloaded, ParameterError
from rln.protocol.proof import AnyProof
from rln.verifying.source_limit import Source, check_source
from rln.verifying.verdict import Verdict
from rln.verifying.verifier import Message, Verifier, check_message

if TYPE_CHECKING:  # asyncio doubles the time of `import rln`, and who uses this class has imported it
    import asyncio
    from types import TracebackType

_LARGEST = 1 << 20


@dataclass(slots=True, eq=False)
class _Message:
    """One message on its way: queued, then in a batch, then answered or given up."""

    pair: Message
    source: Source
    answer: asyncio.Future[Verdict]
    taken: bool = False


class AsyncVerifier:
    """Judges messages for the tasks of one event loop.

        async with AsyncVerifier(verifier) as judge:
            verdict = await judge.submit(proof, signal)

    Args:
        verifier: does the work; others may use it meanwhile.
        window: seconds that a message waits for others to come. While a batch is being judged the next one
            gathers anyway.
        queue: messages that may wait or be judged at a time; further ones are refused with `Overloaded`. The
            second half is for sources that have no message there yet, so that no single one keeps out others.
        batch: messages that are judged at a time, at most `queue`.

    Raises:
        ParameterError: a number outside its range.
    """

    def __init__(
        self, verifier: Verifier, *, window: float = 0.002, queue: int = 1024, batch: int = 256
    ) -> None:
        import asyncio
        from concurrent.futures import ThreadPoolExecutor

        instance(verifier, Verifier, "verifier")
        if type(window) not in (int, float) or not math.isfinite(window) or window < 0:
            raise ParameterError("window: expected seconds, 0 or more and finite")
        whole(queue, "queue", 1, _LARGEST)
        self._verifier = verifier
        self._observer = verifier._observer
        self._window = window
        self._batch = whole(batch, "batch", 1, queue)
        self._places = queue
        self._held = 0
        self._held_by: Counter[Source] = Counter()
        self._queue: deque[_Message] = deque()
        self._judging = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle = asyncio.Event()
        self._closed = False
        self._worker = ThreadPoolExecutor(1, "rln-verifier")

    def __repr__(self) -> str:
        return f"AsyncVerifier({self._verifier!r})"

    async def submit(self, proof: AnyProof, signal: bytes, source: Source = None) -> Verdict:
        """Judge one message and remember it when it is valid; see `Verifier.submit`.

        A task that is cancelled while it waits takes its message back if the batch has not begun; from then
        on the message is judged and remembered as any other. No other task notices.

        Args:
            proof: as it came, decoded.
            signal: the bytes that the message is about, as they came.
            source: where it came from; see `Verifier.submit`.

        Returns:
            The verdict that `Verifier.submit` would have given at this place in the order.

        Raises:
            As `Verifier.submit`; EntropyError, too: no randomness for the batch, nothing was accepted.
            Overloaded: as many messages as may be are on their way, or the source has sent too many bad
                proofs; this one was not judged.
            ParameterError: after `close`, or from another event loop than before.
        """
        check_message(proof, signal)
        check_source(source)
        loop = self._own_loop()
        if not self._has_place(source):
            refusal = Overloaded(f"verifier: {self._held} messages are on their way; try later")
            self._observer.judged(refusal, self._observer.moment())
            raise refusal
        message = _Message((proof, signal), source, loop.create_future())
        self._queue.append(message)
        self._hold(message, 1)
        self._plan(loop)
        try:
            return await message.answer
        except BaseException:  # cancelled, or the answer is an error
            if not message.taken:
                self._queue.remove(message)
                self._hold(message, -1)
            raise

    async def close(self) -> None:
        """Accept no more calls, wait until all that were made are answered, and end the worker."""
        self._closed = True
        if self._held:
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

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        import asyncio

        loop = asyncio.get_running_loop()
        if self._closed:
            raise ParameterError("verifier: used after it was closed")
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ParameterError("verifier: expected the event loop of its first use, got another")
        return loop

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that the queue is judged: now when a batch is full, else when the window ends."""
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
        except RuntimeError as error:  # no thread to be had
            batch.clear()  # the executor has the job and would do it later, when nobody waits
            self._answer(taken, [NativeError(f"verifier: {error}")] * len(taken))
        else:
            job.add_done_callback(lambda done: self._answer(taken, done.result()))

    def _outcomes(self, batch: Sequence[_Message]) -> list[Verdict | Exception]:
        try:
            pairs, sources = [message.pair for message in batch], [message.source for message in batch]
            return [_tellable(outcome) for outcome in self._verifier.outcomes(pairs, sources)]
        except BaseException as error:  # noqa: BLE001 - it goes to each of the callers, who else would wait on
            return [_tellable(error)] * len(batch)

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
            self._hold(message, -1)
        # Those that are here now have waited for a whole batch: no window for them.
        self._judge()

    def _has_place(self, source: Source) -> bool:
        if 2 * self._held < self._places:
            return True
        return self._held < self._places and (source is None or source not in self._held_by)

    def _hold(self, message: _Message, more: int) -> None:
        """Count the messages that wait or are judged."""
        self._held += more
        self._held_by[message.source] += more
        if not self._held_by[message.source]:
            del self._held_by[message.source]
        self._observer.waiting(self._held)
        if self._held:
            self._idle.clear()
        else:
            self._idle.set()


def _tellable(outcome: Verdict | BaseException) -> Verdict | Exception:
    """What a future takes: no StopIteration, and nothing that would end the event loop."""
    if isinstance(outcome, BaseException) and (
        isinstance(outcome, StopIteration) or not isinstance(outcome, Exception)
    ):
        told = NativeError(f"verifier: {type(outcome).__name__} while a batch was judged")
        told.__cause__ = outcome
        return told
    return outcome
