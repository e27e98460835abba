"""F17: a store that does not answer; each caller gets an error about one timeout after its own call."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import rln
from rln.errors import StoreUnavailable
from rln.stores import open_members
from rln.stores.postgres import members as postgres_members
from rln.stores.sqlite import database
from rln.stores.sqlite.log import SqliteNullifierLog
from tests.stores.adapters import REGISTRIES
from tests.support.postgres_server import PostgresServer
from tests.support.small_world import DEPTH, LIMIT_BITS, World

THREADS = 8
TIMEOUT = 2
IN_TURN = TIMEOUT * THREADS
"""Seconds that the last of the threads waits if each waits for the one before."""


@pytest.fixture(autouse=True)
def _short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (database, postgres_members):
        monkeypatch.setattr(module, "TIMEOUT", TIMEOUT)


@contextmanager
def stopped_writer(hold: Callable[[], object]) -> Iterator[None]:
    """Stop a child process within a transaction.

    Args:
        hold: begins the transaction; its return value is kept.
    """
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(60)
            held = hold()
            os.kill(os.getpid(), signal.SIGSTOP)
            del held
        finally:
            os._exit(0)
    assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def waits(*asked: Callable[[], object]) -> list[float]:
    """Call all of these at the same time, and return the seconds until each failed with StoreUnavailable."""
    found: list[float] = []

    def work(ask: Callable[[], object]) -> None:
        begun = time.monotonic()
        try:
            ask()
        except StoreUnavailable:
            found.append(time.monotonic() - begun)

    threads = [threading.Thread(target=work, args=(ask,)) for ask in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def change(registry: rln.MemberRegistry) -> Callable[[], object]:
    def ask() -> None:
        with registry.change() as change:
            change.head()

    return ask


@pytest.mark.parametrize("through", ["the registry", "one group"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_f17_eight_threads_do_not_wait_in_turn_for_a_stopped_writer(
    kind: str, through: str, tmp_path: Path
) -> None:
    uri = REGISTRIES[kind](tmp_path)
    with closing(open_members(uri, DEPTH, LIMIT_BITS)) as registry:
        group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)

        def hold() -> object:
            transaction = open_members(uri, DEPTH, LIMIT_BITS).change()
            transaction.__enter__()
            return transaction

        asked: list[Callable[[], object]] = [change(registry)] * THREADS
        if through == "one group":
            asked = [lambda number=number: group.register(number, 1) for number in range(1, THREADS + 1)]
        with stopped_writer(hold):
            found = waits(*asked)
            assert len(found) == THREADS
            assert max(found) < IN_TURN / 3
            assert registry.head().number == 0, "a reader does not wait"
        assert group.register(9, 1).index == 0, "a call that finds the lock free does not fail"


def test_f17_eight_threads_do_not_wait_in_turn_for_a_frozen_server() -> None:
    server = PostgresServer()
    try:
        server.start()
        with closing(open_members(server.empty_database(), DEPTH, LIMIT_BITS)) as registry:
            group = rln.Group(DEPTH, LIMIT_BITS, registry=registry)
            group.register(5, 1)
            with server.frozen():
                for asked in (
                    [change(registry), registry.head] * (THREADS // 2),
                    [lambda number=number: group.register(number, 1) for number in range(10, 18)],
                    [lambda: group.is_member(5)] * THREADS,
                ):
                    found = waits(*asked)
                    assert len(found) == THREADS
                    assert max(found) < IN_TURN / 3
                    time.sleep(TIMEOUT / 3)  # then the calls wait again
            time.sleep(TIMEOUT / 3)
            assert group.register(6, 1).index == 1
            assert group.is_member(5)
    finally:
        server.remove()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_f17_a_long_change_of_another_thread_is_not_waited_for_forever(kind: str, tmp_path: Path) -> None:
    with closing(open_members(REGISTRIES[kind](tmp_path), DEPTH, LIMIT_BITS)) as registry:
        with registry.change() as mine:
            for _ in range(2):
                failures: list[str] = []

                def ask(failures: list[str] = failures) -> None:
                    try:
                        change(registry)()
                    except StoreUnavailable as error:
                        failures.append(str(error))

                threads = [threading.Thread(target=ask) for _ in range(3)]
                begun = time.monotonic()
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert time.monotonic() - begun < IN_TURN / 3
                assert len(failures) == 3
                assert all("another thread of this process" in failure for failure in failures)
            assert mine.head().number == 0
        change(registry)()


def test_f17_successive_batches_do_not_wait_in_turn_for_a_stopped_writer(tmp_path: Path) -> None:
    """Three batches of an event loop come one after the other while another process holds the log."""
    world = World()
    path = tmp_path / "log.db"
    with closing(SqliteNullifierLog(path, world.clock, new=True)) as log:
        prover = world.prover(world.join(8))
        messages = [(prover.prove(bytes([number])), bytes([number])) for number in range(6)]
        verifier = world.verifier(log=log)

        async def submit(judge: rln.AsyncVerifier, number: int) -> float:
            begun = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await judge.submit(*messages[number])
            return time.monotonic() - begun

        async def judge_all() -> list[float]:
            async with rln.AsyncVerifier(verifier, window=0, batch=2) as judge:
                return await asyncio.gather(*(submit(judge, number) for number in range(6)))

        def hold() -> object:
            transaction = database.Database.writing(SqliteNullifierLog(path, world.clock)._database)
            transaction.__enter__()
            return transaction

        with stopped_writer(hold):
            found = asyncio.run(judge_all())
        assert max(found) < 2 * TIMEOUT
        assert verifier.submit(*messages[0]) == rln.Valid()
