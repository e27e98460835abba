"""Threats F19, F23: what readers of roots wait for while others change the group, and clocks that jump."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from rln.errors import IntegrityAlarm, StoreUnavailable
from rln.group.events import Change, Events, Step
from rln.group.group import Group
from rln.group.group_follower import SMALL_EVENTS
from rln.group.memory_registry import MemoryRegistry
from rln.group.registry_roots import RegistryRoots
from rln.group.root_window import RootHistory
from rln.group.window_size import WindowSize
from rln.merkle.tree import MerkleTree
from rln.ports import MemberRegistry
from rln.protocol.identity import Identity
from rln.stores.sqlite.members import SqliteRegistry
from tests.support.held_registry import HeldRegistry

DEPTH, LIMIT_BITS = 10, 4
START = 1_700_000_000.0
DAY = 86400.0
MANY = [(1_000_000 + number, 3) for number in range(SMALL_EVENTS + 1)]
"""Members whose step no reader of roots follows itself."""

PROMPTLY = 5.0
"""Seconds that mean "without waiting" on a loaded machine: what is held stays held for longer."""

T = TypeVar("T")


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


def window(clock: Time) -> WindowSize:
    return WindowSize(seconds=60, now=clock)


def group_on(registry: MemberRegistry, clock: Time) -> Group:
    return Group(DEPTH, LIMIT_BITS, window(clock), registry=registry, now=clock)


def identity(number: int) -> Identity:
    return Identity.from_secret(1000 + number)


def promptly(ask: Callable[[], T]) -> T:
    """Return what a call in another thread returns, which must not wait for what the test holds."""
    found: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            found.append(ask())
        except Exception as error:  # noqa: BLE001 - raised below
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PROMPTLY)
    assert not thread.is_alive(), "the call waits for somebody else"
    if errors:
        raise errors[0]
    return found[0]


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "the condition does not come true"
        time.sleep(0.005)


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions this thread calls during some work."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


# ---- F23: a slash amid many recent joins


def test_f23_retiring_10000_of_20000_roots_is_not_10000_searches() -> None:
    history = RootHistory(range(1, 20_001), WindowSize(seconds=60, now=lambda: START))
    assert calls_of(lambda: history.push(30_000, [range(5_000, 15_000)])) < 200
    assert calls_of(lambda: history.accepts(10_000)) < 200
    assert calls_of(lambda: history.window.current) < 200
    assert [root in history.window for root in (5_000, 5_001, 15_000, 15_001)] == [True, False, False, True]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_f23_a_slash_costs_the_same_amid_50_joins_and_500(kind: str, tmp_path: Path, clock: Time) -> None:
    def costs(joins: int) -> list[int]:
        """Return the calls that a slash, a group and a window alone make after so many joins."""
        registry: MemberRegistry = (
            MemoryRegistry(DEPTH, LIMIT_BITS)
            if kind == "memory"
            else SqliteRegistry(tmp_path / f"{joins}.db", DEPTH, LIMIT_BITS)
        )
        group, other = group_on(registry, clock), group_on(registry, clock)
        bare = RegistryRoots(registry, window(clock), clock)
        for member in range(joins):
            group.register(identity(member).commitment, 3)
        other.follow()
        clock.now += 0.2
        assert group.root in bare
        middle = identity(joins // 2)
        calls = [calls_of(lambda: group.slash(middle)), calls_of(other.follow)]
        clock.now += 0.2
        calls.append(calls_of(lambda: group.roots.current in bare))
        registry.close()
        return calls

    few, many = costs(50), costs(500)
    assert all(b < 1.5 * a for a, b in zip(few, many, strict=True)), (few, many)


# ---- F23: nobody waits for somebody else's change


@pytest.mark.parametrize("held", ["steps_after", "events_after", "plan"])
def test_f23_a_reader_of_roots_does_not_wait_while_a_large_step_is_followed(
    held: str, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = HeldRegistry(DEPTH, LIMIT_BITS)
    other, group = group_on(registry, clock), group_on(registry, clock)
    joined = other.register(identity(1).commitment, 3)
    before = other.root
    clock.now += 0.2
    assert before in group.roots
    empty = list(group.roots)[-1]
    other.register_many(MANY)
    clock.now += 0.2
    go_on = threading.Event()
    if held == "plan":
        plan = MerkleTree.plan

        def held_plan(*arguments: object) -> object:
            registry.arrived.set()
            go_on.wait(30)
            return plan(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(MerkleTree, "plan", held_plan)
    with registry.holding(held):
        assert promptly(lambda: list(group.roots)) == [before, empty]
        assert registry.arrived.wait(30)
        # A slashing by the other process takes effect, although the thread is busy.
        monkeypatch.undo()
        other.slash(identity(1))
        clock.now += 0.2
        assert promptly(lambda: list(group.roots)) == [empty]
        assert promptly(lambda: before in group.roots) is False
        go_on.set()
    until(lambda: group._follower._runs is False and group._replica.lag == 0)
    assert list(group.roots) == list(other.roots)
    assert other.root in group.roots
    assert joined.index == 0


def test_f23_readers_get_an_error_at_once_if_no_root_is_left(clock: Time) -> None:
    registry = HeldRegistry(DEPTH, LIMIT_BITS)
    other, group = group_on(registry, clock), group_on(registry, clock)
    other.register_many(MANY)
    clock.now += 0.2
    with registry.holding("events_after"):
        assert promptly(lambda: len(group.roots)) == 1
        clock.now += 61  # the old root was replaced more than a minute ago
        for ask in (lambda: list(group.roots), lambda: 5 in group.roots, lambda: group.roots.current):
            with pytest.raises(StoreUnavailable, match="the next one is not there yet"):
                promptly(ask)  # type: ignore[arg-type]
    until(lambda: group._replica.lag == 0)
    assert list(group.roots) == [other.root]


def test_f23_a_reader_of_roots_does_not_wait_for_a_change_before_a_due_removal(clock: Time) -> None:
    registry = HeldRegistry(DEPTH, LIMIT_BITS)
    group = group_on(registry, clock)
    for number in range(3):
        group.register(identity(number).commitment, 3)
    group.slash(identity(0))
    group.slash(identity(1))  # the removal waits for an interval
    held = group.root
    clock.now += 1.1
    with registry.holding("change"):
        with pytest.raises(StoreUnavailable, match="another change must end first"):
            promptly(lambda: held in group.roots)
    until(lambda: group._follower._runs is False)
    assert held not in group.roots
    assert group.root in group.roots


def test_f23_readers_of_a_registry_in_memory_see_nothing_of_an_unfinished_change() -> None:
    registry = MemoryRegistry(DEPTH, LIMIT_BITS)
    group = Group(DEPTH, LIMIT_BITS, registry=registry)
    for number in range(2):
        group.register(identity(number).commitment, 3)

    def told() -> list[object]:
        reading = registry.head(), registry.count(), registry.root_changes_after(-1), registry.events_after(0)
        asked = [
            (
                registry.registrations(identity(number).commitment),
                registry.slashing(identity(number).commitment),
            )
            for number in range(3)
        ]
        return [*reading, asked, registry.registration_at(2)]

    before = told()
    page = [
        (Change.SLASHED, 0, identity(0)),
        (Change.REMOVED, 1, identity(1)),
        (Change.REGISTERED, 2, identity(2)),
    ]

    def pages() -> Iterator[Events]:
        for number, (change, index, who) in enumerate(page, 3):
            commitment = who.commitment.to_bytes(32, "little")
            yield Events(number, bytes([change]), [index], commitment, [3])
            assert promptly(told) == before

    def half_a_change() -> None:
        with registry.change() as change:
            change.note_slashing(identity(0).commitment, 5, 5)
            assert promptly(told) == before
            change.append(Step(3, 9, 0, 3, 3), pages())
            assert promptly(told) == before
            assert change.head().members == 1
            raise KeyError

    with pytest.raises(KeyError):
        half_a_change()
    assert told() == before


# ---- F23: a registry that does not answer


def test_f23_readers_do_not_wait_in_turn_for_a_registry_that_does_not_answer(clock: Time) -> None:
    registry = HeldRegistry(DEPTH, LIMIT_BITS)
    group = group_on(registry, clock)
    bare = RegistryRoots(registry, window(clock), clock)
    root = group.root
    for source in (bare, group.roots):
        assert root in source
        with registry.holding("root_changes_after"):
            clock.now += 0.2
            first = threading.Thread(target=lambda source=source: root in source)
            first.start()
            assert registry.arrived.wait(30)
            for _ in range(5):
                assert promptly(lambda source=source: root in source)
            clock.now += 1.0  # too long ago: then no old roots
            with pytest.raises(StoreUnavailable, match="another thread still waits"):
                promptly(lambda source=source: root in source)
        first.join()
        assert root in source


@pytest.mark.parametrize("error", [IntegrityAlarm, StoreUnavailable])
def test_f23_an_error_of_the_thread_that_follows_reaches_the_readers(
    error: type[Exception], clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = MemoryRegistry(DEPTH, LIMIT_BITS)
    other, group = group_on(registry, clock), group_on(registry, clock)
    other.register_many(MANY)
    clock.now += 0.2

    def failing(*arguments: object) -> Events:
        raise error("registry: a planted error")

    monkeypatch.setattr(registry, "events_after", failing)
    assert len(group.roots) == 1
    until(lambda: group._follower._failure is not None)
    with pytest.raises(error, match="planted"):
        list(group.roots)
    until(lambda: group._follower._failure is not None and not group._follower._runs)
    monkeypatch.undo()
    with pytest.raises(error, match="planted"):
        list(group.roots)
    until(lambda: not group._follower._runs)
    assert list(group.roots) == list(other.roots)


# ---- F19: clocks that were wrong for a moment


@pytest.mark.parametrize("who", ["bare", "group", "private group"])
def test_f19_a_root_window_is_not_emptied_by_a_clock_that_was_a_day_ahead_for_a_moment(
    who: str, clock: Time
) -> None:
    registry = MemoryRegistry(DEPTH, LIMIT_BITS)
    group = Group(DEPTH, LIMIT_BITS, window(clock), now=clock)
    if who != "private group":
        group = group_on(registry, clock)
    source = RegistryRoots(registry, window(clock), clock) if who == "bare" else group.roots
    for number in range(20):
        group.register(identity(number).commitment, 3)
        clock.now += 1
    roots = list(source)
    assert len(roots) == 21
    clock.now += DAY
    assert list(source) == [group.root]
    clock.now -= DAY
    assert list(source) == roots
    group.register(identity(20).commitment, 3)
    clock.now += 0.2
    assert list(source) == [group.root, *roots]
    clock.now += 70
    assert list(source) == [group.root]


def test_f19_a_slashing_outlives_a_clock_that_was_a_day_ahead_for_a_moment(clock: Time) -> None:
    registry = MemoryRegistry(DEPTH, LIMIT_BITS)
    group = group_on(registry, clock)
    sources = [group.roots, RegistryRoots(registry, window(clock), clock)]
    for number in range(5):
        group.register(identity(number).commitment, 3)
        clock.now += 1
    group.slash(identity(2))
    clock.now += 0.2
    expected = [list(source) for source in sources]
    for source, roots in zip(sources, expected, strict=True):
        assert len(roots) == 4  # before the member joined, and after the slashing
        clock.now += DAY
        assert list(source) == [group.root]
        clock.now -= DAY
        assert list(source) == roots
