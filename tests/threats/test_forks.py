"""E11: a fork gives no id twice, serves no message twice, and leaves nobody waiting for ever."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import rln
from rln.base import forks
from rln.integrations.logs import LogObserver
from rln.lowlevel import threads
from rln.protocol.epoch import HighWaterMark
from rln.stores.async_log import AsyncNullifierLog
from rln.stores.memory import MemoryMark, MemoryMessageIds, MemoryNullifierLog
from rln.stores.sqlite.log import SqliteMark, SqliteNullifierLog
from rln.stores.sqlite.message_ids import SqliteMessageIds
from tests.races.forked_child import Answer, ForkedChild
from tests.support.registrar import Registrar
from tests.support.small_world import DEPTH, LIMIT_BITS, World

LIMIT = 8


def in_child(work: Callable[[], object]) -> Answer:
    """Run the work in a forked child; a child that hangs is killed, and fails the test."""
    child = ForkedChild(work)
    child.go()
    return child.answer()


def proofs_of_two_workers(prover: rln.Prover) -> list[Answer]:
    """Let two children prove two messages each, as the workers of a web server do that loads once."""

    def work(name: str) -> list[bytes]:
        return [prover.prove(b"%s %d" % (name.encode(), number)).encode() for number in range(2)]

    children = [ForkedChild(lambda name=name: work(name)) for name in ("first", "second")]
    for child in children:
        child.go()
    return [child.answer() for child in children]


# ---- ids and messages ------------------------------------------------------------------------------


def test_e11_two_workers_with_ids_in_memory_publish_no_secret() -> None:
    world = World()
    member = world.join(LIMIT)
    prover = world.prover(member, MemoryMessageIds(), path=world.group.proof(0))
    for answer in proofs_of_two_workers(prover):
        assert answer.error == "StoreUnavailable"
        assert answer.text == (
            "message ids: kept in the memory of the process that forked this one; both would give out the "
            "same ids, which publishes the secret, so keep them in a file: "
            "rln.stores.open_message_ids('sqlite:///ids.db')"
        )
    assert prover.prove(b"of the parent").nullifier


PRELOADED: list[rln.Prover] = []


def prove_in_pool(number: int) -> bytes:
    return PRELOADED[0].prove(b"%d" % number).encode()


def test_e11_a_pool_of_workers_raises_the_error_of_its_ids() -> None:
    """The prover is made before the pool forks, as gunicorn does with `--preload`."""
    world = World()
    member = world.join(LIMIT)
    PRELOADED[:] = [world.prover(member, path=world.group.proof(0))]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for sent in [pool.apply_async(prove_in_pool, (number,)) for number in range(4)]:
            with pytest.raises(rln.StoreUnavailable, match="both would give out the same ids"):
                sent.get(60)


@pytest.mark.parametrize("tokens", [0, 3])
def test_e11_two_workers_with_ids_in_a_file_share_them(tmp_path: Path, tokens: int) -> None:
    world = World()
    member = world.join(LIMIT)
    ids = SqliteMessageIds(tmp_path / "ids.db")
    ids.introduce(member.commitment)
    prover = world.prover(member, ids, path=world.group.proof(0), tokens=tokens)
    sent = [(rln.RlnProof.decode(data), data) for one in proofs_of_two_workers(prover) for data in one.made]
    assert len({proof.nullifier for proof, _ in sent}) == 4
    prover.close()


def test_e11_a_child_with_a_copied_log_serves_no_message_again() -> None:
    world = World()
    member = world.join(LIMIT)
    proof = world.prover(member).prove(b"once")
    verifier = rln.Verifier(
        world.key.verifying_key, roots=[world.group.root], log=world.log, clock=world.clock
    )
    child = ForkedChild(lambda: verifier.submit(proof, b"once"))
    assert verifier.submit(proof, b"once") == rln.Valid()
    child.go()
    answer = child.answer()
    assert (answer.made, answer.error) == (None, "StoreUnavailable")
    assert "nullifier log: kept in the memory of the process that forked this one" in answer.text


def test_e11_a_child_with_a_log_in_a_file_finds_what_its_parent_has_accepted_since(tmp_path: Path) -> None:
    world = World()
    proof = world.prover(world.join(LIMIT)).prove(b"once")
    log = SqliteNullifierLog(tmp_path / "log.db", world.clock, new=True)
    verifier = rln.Verifier(world.key.verifying_key, roots=[world.group.root], log=log, clock=world.clock)
    child = ForkedChild(lambda: verifier.submit(proof, b"once"))
    assert verifier.submit(proof, b"once") == rln.Valid()
    child.go()
    assert child.answer() == Answer(rln.Duplicate())
    log.close()


def test_e11_a_clock_in_a_child_goes_on_from_the_mark_of_its_parent() -> None:
    now = [1000.0]
    clock = rln.EpochClock("fork.example", 60, mark=MemoryMark(), now=lambda: now[0])
    clock.current()

    def back() -> int:
        now[0] = 100.0
        return clock.current().index

    answer = in_child(back)
    assert answer.error == "StoreUnavailable"
    assert "gone back" in answer.text


# ---- loops and threads -----------------------------------------------------------------------------


def test_e11_a_verifier_of_an_event_loop_refuses_in_a_child() -> None:
    world = World()
    proof = world.prover(world.join(LIMIT)).prove(b"x")

    async def run() -> Answer:
        async with rln.AsyncVerifier(world.verifier()) as judge:
            assert await judge.submit(proof, b"x") == rln.Valid()

            async def again() -> object:
                async with judge:
                    return await judge.submit(proof, b"x")

            return in_child(lambda: asyncio.run(again()))

    answer = asyncio.run(run())
    assert answer.error == "ParameterError"
    assert answer.text.endswith("make a new AsyncVerifier in each process")


def test_e11_a_log_of_an_event_loop_refuses_in_a_child(tmp_path: Path) -> None:
    world = World()
    log = SqliteNullifierLog(tmp_path / "log.db", world.clock, new=True)

    async def run() -> Answer:
        async with AsyncNullifierLog(log) as shared:
            epoch = world.clock.current()
            assert await shared.insert_or_get(epoch, [rln.Share(1, 2, 3)]) == ()

            async def again() -> object:
                async with shared:
                    return await shared.insert_or_get(epoch, [rln.Share(1, 2, 4)])

            return in_child(lambda: asyncio.run(again()))

    answer = asyncio.run(run())
    assert answer.error == "StoreUnavailable"
    assert answer.text.endswith("open an AsyncNullifierLog in each process")


# ---- nobody waits for ever -------------------------------------------------------------------------


@dataclass
class Locked:
    """An object, one of its locks, and a use of it."""

    lock: threading.Lock
    use: Callable[[], object]


def mark(made: HighWaterMark) -> Callable[[], object]:
    return lambda: made.raise_to(5)


def locked_objects(folder: Path) -> dict[str, Locked]:
    """Make an object of each kind that has a lock."""
    epoch = World().clock.current()
    ids, log, memory_mark = MemoryMessageIds(), MemoryNullifierLog(), MemoryMark()
    limit, observer = rln.SourceLimit(1.0, 5), LogObserver(logging.Logger("silent"))
    file_ids, file_mark = SqliteMessageIds(folder / "ids.db"), SqliteMark(folder / "mark.db")
    file_ids.introduce(7)
    mirror = rln.Mirror(DEPTH, LIMIT_BITS, min_members=1)
    mirror.apply(Registrar().change([5]))
    return {
        "message ids in memory": Locked(ids._lock, lambda: ids.reserve(7, epoch, LIMIT)),
        "log in memory": Locked(log._lock, lambda: log.peek(epoch, 3)),
        "mark in memory": Locked(memory_mark._lock, mark(memory_mark)),
        "source limit": Locked(limit._lock, lambda: limit.take("a", 1.0)),
        "message ids in a file": Locked(file_ids._guard._lock, lambda: file_ids.reserve(7, epoch, LIMIT)),
        "mark in a file": Locked(file_mark._database._writer.lock, mark(file_mark)),
        "mirror": Locked(mirror._state, lambda: mirror.proof(0).index),
        "observer": Locked(
            observer._lock._lock, lambda: observer.judged(rln.IntegrityAlarm("on purpose"), 0.0)
        ),
        "pool of threads": Locked(threads._pools._lock, lambda: threads.pool(2) is None),
    }


KINDS = (
    "message ids in memory",
    "log in memory",
    "mark in memory",
    "source limit",
    "message ids in a file",
    "mark in a file",
    "mirror",
    "observer",
    "pool of threads",
)


@contextmanager
def held_by_another_thread(lock: threading.Lock) -> Iterator[None]:
    held, ending = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            ending.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    try:
        yield
    finally:
        ending.set()
        thread.join()


@pytest.mark.parametrize("kind", KINDS)
def test_e11_a_child_does_not_wait_for_a_lock_that_nobody_will_release(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "FORK_WAIT", 0.05)
    objects = locked_objects(tmp_path)
    assert objects.keys() == set(KINDS)
    with held_by_another_thread(objects[kind].lock):
        answer = in_child(objects[kind].use)
    assert answer.error in (None, "StoreUnavailable"), answer
    objects[kind].use()


@pytest.mark.parametrize("kind", KINDS)
def test_e11_a_child_that_another_language_forked_refuses_instead_of_waiting(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a program calls no hook, so that only the process id shows the fork."""
    one = locked_objects(tmp_path)[kind]
    process = os.getpid()
    with held_by_another_thread(one.lock), monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: process + 1)
        if kind == "pool of threads":
            one.use()  # it computes without a pool
        else:
            with pytest.raises(rln.StoreUnavailable, match="forked"):
                one.use()
    one.use()
