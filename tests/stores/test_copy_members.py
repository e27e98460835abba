"""The copy of a registry equals its source, or the target is empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rln.errors import AlreadyAMember, IntegrityAlarm, ParameterError, StoreUnavailable
from rln.group.events import PAGE_EVENTS, PAGE_STEPS, Events, Step
from rln.group.group import Group
from rln.group.memory_registry import MemoryRegistry
from rln.group.registry_roots import RegistryRoots
from rln.group.window_size import WindowSize
from rln.ports import MemberRegistry
from rln.protocol.identity import Identity
from rln.stores import open_members
from rln.stores.copy_members import copy_members
from tests.stores.adapters import REGISTRIES
from tests.support.step_events import steps_with_events

DEPTH, LIMIT_BITS = 6, 4
START = 1_700_000_000.0


class ManualClock:
    """A clock that changes only when a test moves it."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> float:
        return self.time


def identity(number: int) -> Identity:
    return Identity.from_secret(1000 + number)


def group_on(registry: MemberRegistry, clock: ManualClock, count: int = 64) -> Group:
    window = WindowSize(count=count, seconds=60, now=clock)
    return Group(DEPTH, LIMIT_BITS, window, registry=registry, now=clock, interval=10.0)


def live(registry: MemberRegistry, clock: ManualClock) -> None:
    """Members join, are removed, return, and are slashed; the last slashing still waits for its step."""
    group = group_on(registry, clock)
    group.register_many([(identity(n).commitment, n % 5 + 1) for n in range(8)])
    clock.time += 1
    group.remove(2)
    group.register(identity(2).commitment, 9)
    clock.time += 1
    group.remove(5)
    group.slash(identity(5))  # was removed before
    clock.time += 1
    group.slash(identity(3))  # waits until the interval is over
    group.register(identity(20).commitment, 16)
    clock.time += 20
    group.register(identity(21).commitment, 1)
    group.slash(identity(0))
    assert [slashing.step for slashing in registry.root_changes_after(registry.head().number).slashings] == [
        None
    ]


def told(registry: MemberRegistry) -> list[object]:
    """Everything that a registry says. Slashings of one moment have no order."""
    head = registry.head()
    tails = [registry.root_changes_after(number) for number in range(-1, head.number + 1)]
    commitments = [identity(n).commitment for n in (*range(9), 20, 21)]
    return [
        head,
        registry.count(),
        registry.steps_after(-1, 1),
        steps_with_events(registry),
        [
            (changes.roots, {slashing.commitment: slashing for slashing in changes.slashings})
            for changes in tails
        ],
        [registry.registrations(commitment) for commitment in commitments],
        [registry.slashing(commitment) for commitment in commitments],
        [registry.registration_at(index) for index in range(head.next_index + 1)],
        [registry.step_at(int(START * 1000) + 1000 * second) for second in range(-1, 30)],
    ]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[MemberRegistry]:
    with closing(open_members(f"sqlite:///{tmp_path}/source.db", DEPTH, LIMIT_BITS)) as opened:
        yield opened


@pytest.fixture(params=list(REGISTRIES))
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemberRegistry]:
    with closing(open_members(REGISTRIES[request.param](tmp_path), DEPTH, LIMIT_BITS)) as opened:
        yield opened


def test_a_copy_says_what_the_source_says(source: MemberRegistry, target: MemberRegistry) -> None:
    clock = ManualClock()
    live(source, clock)
    before = told(source)
    done: list[float] = []
    assert copy_members(source, target, done.append) == source.head() == target.head()
    assert told(target) == told(source) == before
    assert done[-1] == 1.0
    assert done == sorted(done)
    # And back.
    again = MemoryRegistry(DEPTH, LIMIT_BITS)
    copy_members(target, again)
    assert told(again) == before


def test_what_was_acceptable_is_acceptable_by_the_copy(
    source: MemberRegistry, target: MemberRegistry
) -> None:
    clock = ManualClock()
    live(source, clock)
    copy_members(source, target)
    window = WindowSize(count=64, seconds=60, now=clock)
    for moment in (0, 5, 9, 30, 59, 90):
        clock.time += moment
        assert _roots(source, window, clock) == _roots(target, window, clock), moment
    clock.time -= 193
    here, there = group_on(source, clock), group_on(target, clock)
    for group in (here, there):
        # On each of them, the first change makes the step of the slashing that waited.
        clock.time += 20
        group.follow()
        clock.time -= 20
        with pytest.raises(AlreadyAMember, match="slashed"):
            group.register(identity(5).commitment, 1)
        group.register(identity(30).commitment, 3)
    assert (here.root, list(here.roots), len(here)) == (there.root, list(there.roots), len(there))
    assert here.proof(10) == there.proof(10)
    assert told(source) == told(target)


def _roots(registry: MemberRegistry, window: WindowSize, clock: ManualClock) -> object:
    try:
        return list(RegistryRoots(registry, window, clock))
    except StoreUnavailable as error:
        return str(error)


def test_a_target_with_members_is_refused(source: MemberRegistry, target: MemberRegistry) -> None:
    live(source, ManualClock())
    group_on(target, ManualClock()).register(identity(40).commitment, 2)
    before = told(target)
    with pytest.raises(ParameterError, match="^target: expected an empty registry, got one at"):
        copy_members(source, target)
    assert told(target) == before
    with pytest.raises(ParameterError, match="a registry other than the source"):
        copy_members(source, source)
    with pytest.raises(ParameterError, match="expected depth 6 and limit_bits 4, got 7 and 4"):
        copy_members(source, MemoryRegistry(7, LIMIT_BITS))


def test_nothing_is_copied_of_an_empty_registry(source: MemberRegistry, target: MemberRegistry) -> None:
    assert copy_members(source, target) == target.head()
    assert told(source) == told(target)


def test_a_copy_that_was_interrupted_leaves_the_target_empty(
    source: MemberRegistry, target: MemberRegistry
) -> None:
    live(source, ManualClock())
    empty = told(target)

    def stop(part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_members(source, target, stop)
    assert told(target) == empty
    copy_members(source, target)
    assert told(target) == told(source)


class Pages(MemoryRegistry):
    """A registry that shows one step and three events at a time."""

    def steps_after(self, number: int, most: int = PAGE_STEPS) -> list[Step]:
        return super().steps_after(number, 1)

    def events_after(self, number: int, most: int = PAGE_EVENTS) -> Events:
        return super().events_after(number, min(most, 3))


def test_steps_come_in_pages_and_those_made_meanwhile_come_too(target: MemberRegistry) -> None:
    source, clock, done = Pages(DEPTH, LIMIT_BITS), ManualClock(), []
    live(source, clock)
    other = group_on(source, clock)

    def watched(part: float) -> None:
        done.append(part)
        if len(done) == 3:
            other.remove(6)
            other.slash(identity(7))

    copy_members(source, target, watched)
    assert source.head().number == 8
    assert told(target) == told(source)
    assert len(done) == 3 + 7
    assert done[-1] == 1.0


class Wrong(MemoryRegistry):
    """A registry that shows one of its steps with other content."""

    def __init__(self, bad: int, changes: dict[str, Any]) -> None:
        super().__init__(DEPTH, LIMIT_BITS)
        self._bad, self._changes = bad, changes

    def steps_after(self, number: int, most: int = PAGE_STEPS) -> list[Step]:
        steps = super().steps_after(number, most)
        return [replace(step, **self._changes) if step.number == self._bad else step for step in steps]


@pytest.mark.parametrize(
    ("bad", "changes", "reason"),
    [
        (3, {"number": 9}, "step 9 does not continue the steps before it: step: expected number 3"),
        (4, {"count": 0}, "step 5 does not continue the steps before it"),
        (2, {"at": 0}, "step 2 does not continue the steps before it: step: expected number 2"),
        (7, {"root": 77}, "expected steps that lead to Head.*, got Head.number=7, root=77, "),
    ],
)
def test_steps_that_do_not_follow_each_other(
    bad: int, changes: dict[str, object], reason: str, target: MemberRegistry
) -> None:
    good, wrong = MemoryRegistry(DEPTH, LIMIT_BITS), Wrong(bad, changes)
    live(good, ManualClock())
    copy_members(good, wrong)
    empty = told(target)
    with pytest.raises(IntegrityAlarm, match=f"^source: {reason}"):
        copy_members(wrong, target)
    assert told(target) == empty
