"""AsyncVerifier: messages get the verdicts that they would get one by one, whatever the tasks do."""

import asyncio
import dataclasses
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

import rln
from rln.errors import EntropyError, IntegrityAlarm, Overloaded, ParameterError, Reason, StoreUnavailable
from rln.lowlevel import entropy
from rln.stores.memory import MemoryNullifierLog
from tests.support.small_world import World
from tests.unit.verifying.test_verifier_batches import mixed_messages

PATIENCE = 60  # seconds


class SlowLog(MemoryNullifierLog):
    """Blocks every call until it is opened, and tells when a call waits."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.open = threading.Event(), threading.Event()

    def insert_or_get_many(self, claims):
        self.entered.set()
        assert self.open.wait(PATIENCE)
        return super().insert_or_get_many(claims)


class FailingLog(MemoryNullifierLog):
    """Fails for the nullifiers that it is told."""

    def __init__(self, *failing: int) -> None:
        super().__init__()
        self.failing = failing

    def insert_or_get_many(self, claims):
        failed = StoreUnavailable("log: gone")
        good = iter(super().insert_or_get_many([claim for claim in claims if not self.fails(claim)]))
        return [failed if self.fails(claim) else next(good) for claim in claims]

    def fails(self, claim) -> bool:
        return claim[1][0].nullifier in self.failing


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, PATIENCE))


async def entered(log: SlowLog) -> None:
    while not log.entered.is_set():
        await asyncio.sleep(0.001)


def messages_of(world: World, count: int) -> list[tuple[rln.RlnProof, bytes]]:
    prover = world.prover(world.join(count))
    return [(prover.prove(bytes([n])), bytes([n])) for n in range(count)]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def batches(monkeypatch) -> list[int]:
    """The sizes of the batches that were verified."""
    sizes: list[int] = []
    honest = rln.VerifyingKey.verify_many

    def counting(self, proofs, threads=1):
        sizes.append(len(proofs))
        return honest(self, proofs, threads)

    monkeypatch.setattr(rln.VerifyingKey, "verify_many", counting)
    return sizes


@pytest.mark.parametrize("batch", [1, 3, 256])
@pytest.mark.parametrize("seed", range(2))
def test_every_task_gets_the_verdict_of_one_after_the_other(seed, batch):
    """Threats D11."""
    world = World()
    messages = mixed_messages(world, seed)
    one_by_one = world.verifier(log=MemoryNullifierLog())
    singles = [one_by_one.submit(*message) for message in messages]

    async def story() -> None:
        verifier = world.verifier(log=MemoryNullifierLog())
        async with rln.AsyncVerifier(verifier, batch=batch, queue=256) as judge:
            assert await asyncio.gather(*(judge.submit(*message) for message in messages)) == singles

    run(story())


def test_what_comes_within_the_window_is_one_batch(world, batches):
    messages = messages_of(world, 8)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier(), window=0.02) as judge:
            await asyncio.gather(*(judge.submit(*message) for message in messages[:5]))
            assert batches == [5]
            await judge.submit(*messages[5])
            assert batches == [5, 1]
        async with rln.AsyncVerifier(world.verifier(), window=PATIENCE, batch=2) as judge:
            await asyncio.gather(*(judge.submit(*message) for message in messages[6:]))
            assert batches == [5, 1, 2], "a full batch does not wait for its window"

    run(story())


def test_the_event_loop_goes_on_and_the_next_batch_gathers_meanwhile(world, batches):
    log, messages = SlowLog(), messages_of(world, 4)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier(log=log), window=0) as judge:
            first = asyncio.create_task(judge.submit(*messages[0]))
            await entered(log)
            others = [asyncio.create_task(judge.submit(*message)) for message in messages[1:]]
            await asyncio.sleep(0.02)
            assert batches == [1]
            log.open.set()
            assert await asyncio.gather(first, *others) == [rln.Valid()] * 4
            assert batches == [1, 3]

    run(story())


def test_a_task_that_is_cancelled_while_it_waits_takes_its_message_back(world, batches):
    log, messages = SlowLog(), messages_of(world, 3)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier(log=log), window=0) as judge:
            first = asyncio.create_task(judge.submit(*messages[0]))
            await entered(log)
            second, third = (asyncio.create_task(judge.submit(*message)) for message in messages[1:])
            await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            log.open.set()
            assert await asyncio.gather(first, third) == [rln.Valid()] * 2
            assert batches == [1, 1]
            assert len(log) == 2
            assert await judge.submit(*messages[1]) == rln.Valid()

    run(story())


def test_a_task_that_is_cancelled_during_its_batch_leaves_a_message_that_counts(world):
    """Threats A1: once the log may have it, it is as any other; the others of the batch get their answers."""
    log, messages = SlowLog(), messages_of(world, 3)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier(log=log), window=0.01) as judge:
            tasks = [asyncio.create_task(judge.submit(*message)) for message in messages]
            await entered(log)
            tasks[1].cancel()
            with pytest.raises(asyncio.CancelledError):
                await tasks[1]
            log.open.set()
            assert await asyncio.gather(tasks[0], tasks[2]) == [rln.Valid()] * 2
            assert await judge.submit(*messages[1]) == rln.Duplicate()

    run(story())


def test_a_full_queue_refuses_at_once(world, batches):
    """Threats F8: the number of pending messages is bounded, and a refused message is not judged."""
    log, messages = SlowLog(), messages_of(world, 4)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier(log=log), window=0, queue=2, batch=1) as judge:
            first = asyncio.create_task(judge.submit(*messages[0]))
            await entered(log)
            second = asyncio.create_task(judge.submit(*messages[1]))
            await asyncio.sleep(0)
            for _ in range(100):
                with pytest.raises(Overloaded, match="2 messages are pending"):
                    await judge.submit(*messages[2])
            second.cancel()
            await asyncio.sleep(0)
            third = asyncio.create_task(judge.submit(*messages[3]))
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await judge.submit(*messages[2])
            log.open.set()
            assert await asyncio.gather(first, third) == [rln.Valid()] * 2
            assert batches == [1] * 2
            assert len(log) == 2, "who was refused or gave up was never judged"
            assert await judge.submit(*messages[2]) == rln.Valid()

    run(story())


def test_the_second_half_of_the_queue_is_for_sources_that_have_no_place_yet(world):
    """Threats F8: a source that sends as fast as it can excludes no other source."""
    log, messages = SlowLog(), messages_of(world, 8)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier(log=log), window=0, queue=6, batch=1) as judge:

            def call(number: int, source: str | None) -> asyncio.Task[rln.Verdict]:
                return asyncio.create_task(judge.submit(*messages[number], source))

            fast = [call(number, "mallory") for number in range(4)]
            others = [call(4, "alice"), call(5, None), call(6, None), call(7, "bob")]
            await asyncio.sleep(0)
            await entered(log)
            log.open.set()
            done = await asyncio.gather(*fast, *others, return_exceptions=True)
            kinds = [rln.Valid] * 3 + [Overloaded] + [rln.Valid] * 3 + [Overloaded]
            assert [type(outcome) for outcome in done] == kinds
            assert await call(3, "mallory") == await call(7, "bob") == rln.Valid()

    run(story())


def test_a_source_without_tokens_is_refused_and_the_others_are_not(world, batches):
    """Threats F8."""
    good, bad = messages_of(world, 3), []
    for proof, signal in good:
        bad.append((dataclasses.replace(proof, y=proof.y + 1), signal))

    async def story() -> None:
        verifier = world.verifier(sources=rln.SourceLimit(1.0, 2))
        async with rln.AsyncVerifier(verifier) as judge:
            calls = [judge.submit(*message, "mallory") for message in bad]
            done = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(outcome) for outcome in done] == [rln.Invalid, rln.Invalid, Overloaded]
            with pytest.raises(Overloaded, match="source"):
                await judge.submit(*good[0], "mallory")
            assert await judge.submit(*good[0], "alice") == rln.Valid()
            assert await judge.submit(*good[0], "mallory") == rln.Duplicate(), "what is known costs nothing"
            assert (await judge.submit(good[1][0], b"?", "mallory")).reason is Reason.WRONG_SIGNAL
            with pytest.raises(ParameterError, match="source: expected"):
                await judge.submit(*good[1], 7)

    run(story())


def test_places_come_back_however_a_call_ends(world):
    """A queue of four serves any number of calls, cancelled, refused and failed ones included."""
    messages = messages_of(world, 4)
    log = FailingLog(messages[1][0].nullifier)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier(log=log), window=0, queue=4, batch=2) as judge:
            for _ in range(4):
                tasks = [asyncio.create_task(judge.submit(*message)) for message in messages]
                await asyncio.sleep(0)
                tasks[2].cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            assert await judge.submit(*messages[2]) in (rln.Valid(), rln.Duplicate())

    run(story())


def test_a_failure_reaches_the_caller_whose_message_it_is(world, monkeypatch):
    messages = messages_of(world, 3)
    log = FailingLog(messages[1][0].nullifier)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier(log=log)) as judge:
            done = await asyncio.gather(
                *(judge.submit(*message) for message in messages), return_exceptions=True
            )
        assert done[0] == done[2] == rln.Valid()
        assert isinstance(done[1], StoreUnavailable)

    run(story())


def test_an_alarm_reaches_one_caller_and_the_others_their_verdicts(world, monkeypatch):
    (proof, signal), other = messages_of(world, 2)
    forged = dataclasses.replace(proof, y=proof.y + 1)
    monkeypatch.setattr(rln.VerifyingKey, "verify_many", lambda self, proofs, threads: [None] * len(proofs))

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier()) as judge:
            calls = [judge.submit(*message) for message in ((proof, signal), (forged, signal), other)]
            done = await asyncio.gather(*calls, return_exceptions=True)
        assert done[0] == done[2] == rln.Valid()
        assert isinstance(done[1], IntegrityAlarm)

    run(story())


def test_a_batch_without_randomness_answers_nobody(world, monkeypatch):
    """Threats D10."""
    messages = messages_of(world, 2)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier()) as judge:
            with monkeypatch.context() as patch:
                patch.setattr(entropy, "draw", bytes)
                calls = [judge.submit(*message) for message in messages]
                done = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(error) for error in done] == [EntropyError] * 2
            assert len(world.log) == 0
            calls = [judge.submit(*message) for message in messages]
            assert await asyncio.gather(*calls) == [rln.Valid()] * 2

    run(story())


def test_arguments_that_are_no_message_harm_nobody_else(world):
    (message,) = messages_of(world, 1)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier()) as judge:
            good = asyncio.create_task(judge.submit(*message))
            with pytest.raises(ParameterError, match="proof: expected"):
                await judge.submit(None, b"x")
            with pytest.raises(rln.EncodingError, match="signal"):
                await judge.submit(message[0], "x")
            assert await good == rln.Valid()
            assert (await judge.submit(message[0], b"other")).reason is Reason.WRONG_SIGNAL

    run(story())


def test_without_a_thread_the_callers_are_told(world, monkeypatch):
    (message,) = messages_of(world, 1)

    def none_left(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def story() -> None:
        judge = rln.AsyncVerifier(world.verifier(), window=0)
        monkeypatch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(rln.NativeError, match="thread"):
            await judge.submit(*message)
        monkeypatch.undo()
        assert await judge.submit(*message) == rln.Valid(), "the refused one was not judged behind our back"
        await judge.close()

    run(story())


class Panic(BaseException):
    """As a store raises it that is not written in Python."""


@pytest.mark.parametrize(
    "failure", [StopIteration, StopAsyncIteration, Panic, SystemExit, asyncio.CancelledError]
)
def test_a_store_that_fails_in_a_strange_way_leaves_nobody_waiting(world, monkeypatch, failure):
    messages = messages_of(world, 3)

    def fail(*_: object) -> None:
        raise failure

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier(), queue=3, batch=2) as judge:
            with monkeypatch.context() as patch:
                patch.setattr(world.log, "insert_or_get_many", fail)
                calls = [judge.submit(*message) for message in messages]
                done = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(error, Exception) for error in done)
            assert await judge.submit(*messages[0]) == rln.Valid()

    run(story())


def test_close_answers_everybody_and_then_refuses(world, batches):
    log, messages = SlowLog(), messages_of(world, 4)

    async def story() -> None:
        judge = rln.AsyncVerifier(world.verifier(log=log), window=PATIENCE, queue=3, batch=2)
        tasks = [asyncio.create_task(judge.submit(*message)) for message in messages[:3]]
        await entered(log)
        closing = [asyncio.create_task(judge.close()) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in closing)
        with pytest.raises(ParameterError, match="closed"):
            await judge.submit(*messages[3])
        log.open.set()
        await asyncio.gather(*closing)
        assert [task.result() for task in tasks] == [rln.Valid()] * 3
        assert batches == [2, 1]
        await judge.close()

    run(story())


def test_close_waits_for_a_batch_whose_callers_have_gone(world):
    log, messages = SlowLog(), messages_of(world, 1)

    async def story() -> None:
        judge = rln.AsyncVerifier(world.verifier(log=log), window=0)
        task = asyncio.create_task(judge.submit(*messages[0]))
        await entered(log)
        task.cancel()
        closing = asyncio.create_task(judge.close())
        await asyncio.sleep(0.01)
        assert task.done() and not closing.done()
        log.open.set()
        await closing
        assert len(log) == 1

    run(story())


def test_close_without_work_and_a_window_that_never_ends(world):
    (message,) = messages_of(world, 1)

    async def story() -> None:
        async with rln.AsyncVerifier(world.verifier()):
            pass
        judge = rln.AsyncVerifier(world.verifier(), window=PATIENCE)
        task = asyncio.create_task(judge.submit(*message))
        await asyncio.sleep(0)
        await judge.close()
        assert await task == rln.Valid()

    run(story())


def test_one_event_loop_has_it(world):
    messages = messages_of(world, 2)
    judge = rln.AsyncVerifier(world.verifier())

    async def first() -> None:
        assert await judge.submit(*messages[0]) == rln.Valid()

    async def second() -> None:
        with pytest.raises(ParameterError, match="event loop"):
            await judge.submit(*messages[1])

    run(first())
    run(second())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", -0.1), ("window", float("nan")), ("window", float("inf")), ("window", True),
        ("window", "1"), ("queue", 0), ("queue", True), ("queue", 1 << 30), ("batch", 0), ("batch", 1025),
    ],
)  # fmt: skip
def test_numbers_outside_their_range(world, name, value):
    with pytest.raises(ParameterError, match=name):
        rln.AsyncVerifier(world.verifier(), **{name: value})
    with pytest.raises(ParameterError, match="verifier: expected Verifier"):
        rln.AsyncVerifier(world.key)


def test_it_imports_no_asyncio_before_somebody_needs_it():
    """`import rln` stays cheap."""
    import subprocess
    import sys

    code = "import rln, sys; sys.exit('asyncio' in sys.modules or 'concurrent.futures' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_repr(world):
    assert repr(rln.AsyncVerifier(world.verifier())).startswith("AsyncVerifier(Verifier(")
