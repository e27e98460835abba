"""Replicas: however events are cut into pages, the tree is that of the registry, or nothing is applied."""

from __future__ import annotations

import random
from array import array

import pytest

from rln.base import scalar
from rln.errors import IntegrityAlarm
from rln.group.events import PAGE_EVENTS, Change, Events, Step
from rln.group.group import Group
from rln.group.memory_registry import MemoryRegistry
from rln.group.replica import Replica
from rln.group.window_size import WindowSize
from rln.protocol.identity import Identity
from tests.support.effort import effort

DEPTH = 7


class Cut(MemoryRegistry):
    """A registry that gives events in pages of any size, and may change their limits or commitments."""

    most = PAGE_EVENTS
    limit: int | None = None
    commitment: bytes | None = None

    def events_after(self, number: int, most: int = PAGE_EVENTS) -> Events:
        page = super().events_after(number, min(most, self.most))
        limits = page.limits if self.limit is None else array("Q", [self.limit] * len(page))
        commitments = page.commitments if self.commitment is None else self.commitment * len(page)
        return Events(page.first, page.changes, page.indices, commitments, limits)


def replica(registry: Cut, count: int = 64) -> Replica:
    return Replica(registry, WindowSize(count=count), threads=1, start=None, progress=lambda part: None)


def lived(seed: int) -> tuple[Cut, Group]:
    """Let members join in ones and in bulk, leave, come back and be slashed."""
    dice, registry = random.Random(seed), Cut(DEPTH)
    group = Group(DEPTH, registry=registry, threads=1)
    secrets = [Identity.from_secret(1000 + n) for n in range(60)]
    group.register_many([(identity.commitment, 1 + n % 5) for n, identity in enumerate(secrets)])
    for number in range(20):
        identity = dice.choice(secrets)
        kind = dice.choice(["slash", "remove", "many"])
        if kind == "slash":
            group.slash(identity)
        elif kind == "remove" and group.is_member(identity.commitment):
            group.remove(group.membership(identity.commitment).index)
            if dice.random() < 0.5:
                group.register(identity.commitment, 7)
        else:
            group.register_many([(10_000 * number + n + 1, 2) for n in range(dice.randint(1, 4))])
    return registry, group


@pytest.mark.parametrize("seed", range(effort(6, 200)))
@pytest.mark.parametrize("most", [1, 2, 5, 64])
@pytest.mark.parametrize("count", [1, 4, 64])
def test_pages_and_windows_of_any_size_give_the_tree_of_the_group(seed: int, most: int, count: int) -> None:
    registry, group = lived(seed)
    registry.most = most
    built = replica(registry, count)
    assert built.step == registry.head().number
    assert built.tree.root == group.root
    for index in range(registry.head().next_index):
        assert built.tree.proof(index) == group._replica.tree.proof(index)


def test_a_tree_follows_from_any_step() -> None:
    registry, group = Cut(DEPTH), None
    registry.most = 3
    group = Group(DEPTH, registry=registry, threads=1)
    followers = []
    for number in range(12):
        followers.append(replica(registry, count=1 + number))
        group.register_many([(10_000 * number + n + 1, 2) for n in range(number % 5 + 1)])
        if number % 3 == 2:
            group.remove(number)
    for follower in followers:
        follower.follow(registry)
        assert (follower.step, follower.tree.root) == (registry.head().number, group.root)


@pytest.mark.parametrize("count", [1, 64])
@pytest.mark.parametrize(
    ("limit", "commitment", "reason"),
    [
        (9, None, "do not give its root"),
        (None, (5).to_bytes(32, "little"), "do not give its root"),
        (None, b"\xff" * 32, "do not fit the tree"),
    ],
    ids=["a limit", "a commitment", "no field element"],
)
def test_wrong_events_are_an_alarm_and_change_nothing(
    count: int, limit: int | None, commitment: bytes | None, reason: str
) -> None:
    registry, group = lived(1)
    late = replica(registry)
    group.register_many([(n + 1_000_001, 2) for n in range(9)])
    before = late.step, late.tree.root, late.tree.next_index
    registry.limit, registry.commitment, registry.most = limit, commitment, 4
    with pytest.raises(IntegrityAlarm, match=reason):
        late.follow(registry)
    assert (late.step, late.tree.root, late.tree.next_index) == before
    with pytest.raises(IntegrityAlarm, match=reason):
        replica(registry, count)


def test_a_step_whose_removals_come_late_is_an_alarm() -> None:
    registry = Cut(DEPTH)
    Group(DEPTH, registry=registry, threads=1).register_many([(1, 1), (2, 1)])
    built = replica(registry)
    join = Events(3, bytes([Change.REGISTERED]), [2], scalar.encode(3), [1])
    leave = Events(4, bytes([Change.REMOVED]), [0], scalar.encode(1), [1])
    with pytest.raises(IntegrityAlarm, match="step 2 do not fit the tree"):
        built.checked_plan(Step(2, 5, 0, 3, 2), [join, leave])


def test_progress_grows_while_one_large_step_is_read() -> None:
    registry = Cut(DEPTH)
    Group(DEPTH, registry=registry, threads=1).register_many([(n + 1, 1) for n in range(100)])
    for count in (1, 64):
        parts: list[float] = []
        registry.most = 10
        Replica(registry, WindowSize(count=count), threads=1, start=None, progress=parts.append)
        assert parts == [n / 10 for n in range(1, 11)] + [1.0]
