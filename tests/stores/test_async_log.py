"""A nullifier log on an event loop gives the same answers, and never blocks the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from rln.errors import ParameterError, StoreUnavailable
from rln.ports import Claim, NullifierLog, Taken
from rln.protocol.epoch import Epoch, rln_identifier
from rln.protocol.share import Share
from rln.stores import open_async_log
from rln.stores.async_log import AsyncNullifierLog
from rln.stores.memory import MemoryNullifierLog
from tests.stores.adapters import LOGS, clock
from tests.stores.test_nullifier_log import epoch

NOW = epoch(10)


class SlowLog(MemoryNullifierLog):
    """Blocks in every insertion until it may go on; records how many claims came together."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.entered = threading.Event(), threading.Event()
        self.sizes: list[int] = []

    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreUnavailable]:
        self.entered.set()
        assert self.go.wait(20)
        self.sizes.append(len(claims))
        return super().insert_or_get_many(claims)


class BrokenLog(MemoryNullifierLog):
    def insert_or_get_many(self, claims: Sequence[Claim]) -> list[Taken | StoreUnavailable]:
        raise StopIteration


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NullifierLog]:
    opened = LOGS[request.param](request, tmp_path)
    yield opened
    opened.close()


def run(log: NullifierLog, story: Callable[[AsyncNullifierLog], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with AsyncNullifierLog(log) as shared:
            await asyncio.wait_for(story(shared), 30)

    asyncio.run(whole())


def test_answers_are_those_of_the_log(log: NullifierLog) -> None:
    first, second, other = Share(1, 2, 3), Share(4, 5, 3), Share(7, 8, 9)

    async def story(shared: AsyncNullifierLog) -> None:
        assert await shared.peek(NOW, 3) is None
        assert await shared.insert_or_get(NOW, [first]) == ()
        assert await shared.insert_or_get(NOW, [second]) == (first,)
        assert await shared.insert_or_get_many([(NOW, [other]), (NOW, [second, other])]) == [
            (),
            (first, other),
        ]
        assert await shared.insert_or_get_many([]) == []
        assert await shared.peek_many([(NOW, 3), (NOW, 9), (NOW, 10)]) == [first, other, None]
        with pytest.raises(ParameterError, match="^shares: "):
            await shared.insert_or_get(NOW, [])
        await shared.forget(NOW.end)
        with pytest.raises(StoreUnavailable, match="forgotten"):
            await shared.insert_or_get(NOW, [first])
        with pytest.raises(StoreUnavailable, match="forgotten"):
            await shared.peek(NOW, 3)

    run(log, story)


def test_of_many_tasks_one_inserts(log: NullifierLog) -> None:
    async def story(shared: AsyncNullifierLog) -> None:
        calls = [shared.insert_or_get(NOW, [Share(x, 1, n)]) for n in range(20) for x in range(1, 9)]
        answers = await asyncio.gather(*calls)
        assert sum(answer == () for answer in answers) == 20
        for n in range(20):
            mine = answers[8 * n : 8 * n + 8]
            assert mine == [() if x == 1 else (Share(1, 1, n),) for x in range(1, 9)], "in the order of calls"

    run(log, story)


def test_what_comes_while_the_log_is_busy_goes_together() -> None:
    log = SlowLog()

    async def story(shared: AsyncNullifierLog) -> None:
        tasks = [asyncio.create_task(shared.insert_or_get(NOW, [Share(1, 2, n)])) for n in range(600)]
        await asyncio.to_thread(log.entered.wait)
        log.go.set()
        assert await asyncio.gather(*tasks) == [()] * 600
        assert log.sizes == [1, 512, 87]

    run(log, story)


def test_the_loop_goes_on_while_the_log_waits() -> None:
    log = SlowLog()

    async def story(shared: AsyncNullifierLog) -> None:
        task = asyncio.create_task(shared.insert_or_get(NOW, [Share(1, 2, 3)]))
        await asyncio.to_thread(log.entered.wait)
        assert await shared.peek(NOW, 3) is None, "reading has a thread of its own"
        assert not task.done()
        log.go.set()
        assert await task == ()

    run(log, story)


def test_a_cancelled_task_takes_back_what_waits_and_nothing_else() -> None:
    log = SlowLog()

    async def story(shared: AsyncNullifierLog) -> None:
        tasks = [asyncio.create_task(shared.insert_or_get(NOW, [Share(1, 2, n)])) for n in range(4)]
        await asyncio.to_thread(log.entered.wait)
        tasks[0].cancel()
        tasks[2].cancel()
        await asyncio.wait([tasks[0], tasks[2]])
        log.go.set()
        assert await asyncio.gather(tasks[1], tasks[3]) == [(), ()]
        assert tasks[0].cancelled() and tasks[2].cancelled()
        assert [log.peek(NOW, n) is not None for n in range(4)] == [True, True, False, True]

    run(log, story)


def test_closing_answers_those_that_wait_and_closes_the_log(tmp_path: Path) -> None:
    async def whole() -> None:
        shared = open_async_log(f"sqlite:///{tmp_path}/log.db", clock(), new=True)
        tasks = [asyncio.create_task(shared.insert_or_get(NOW, [Share(1, 2, n)])) for n in range(9)]
        await asyncio.sleep(0)
        await shared.close()
        await shared.close()
        assert await asyncio.gather(*tasks) == [()] * 9
        with pytest.raises(StoreUnavailable, match="closed"):
            await shared.peek(NOW, 1)

    asyncio.run(whole())


def test_one_event_loop_only() -> None:
    shared = AsyncNullifierLog(MemoryNullifierLog())
    asyncio.run(shared.insert_or_get(NOW, [Share(1, 2, 3)]))
    with pytest.raises(ParameterError, match="event loop"):
        asyncio.run(shared.peek(NOW, 3))
    asyncio.run(shared.close())


def test_a_log_that_breaks_leaves_nobody_waiting() -> None:
    async def story(shared: AsyncNullifierLog) -> None:
        with pytest.raises(StoreUnavailable, match="it is unknown what was inserted"):
            await shared.insert_or_get(NOW, [Share(1, 2, 3)])

    run(BrokenLog(), story)


def test_only_a_log_will_do() -> None:
    with pytest.raises(ParameterError, match="^log: "):
        AsyncNullifierLog(Epoch.of(1, 60, rln_identifier("example.com", 60)))  # type: ignore[arg-type]
