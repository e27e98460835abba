"""A group on a stored registry is the same after a restart, in other processes, and without a tree."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rln.errors import AlreadyAMember, IntegrityAlarm, ParameterError, StoreUnavailable
from rln.group.group import Group
from rln.group.memory_registry import MemoryRegistry
from rln.group.registry_roots import RegistryRoots
from rln.group.window_size import WindowSize
from rln.ports import MemberRegistry, RootSource
from rln.protocol.identity import Identity
from rln.stores.sqlite.members import SqliteRegistry
from tests.races.workers import in_processes
from tests.stores.adapters import REGISTRIES, registry_at
from tests.support.effort import effort

DEPTH, LIMIT_BITS = 6, 4
START = 1_700_000_000.0
LASTING = ["sqlite", "postgres"]


def identity(number: int) -> Identity:
    return Identity.from_secret(1000 + number)


class ManualClock:
    """A clock that changes only when a test moves it."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> float:
        return self.time


def group_on(
    registry: MemberRegistry, clock: ManualClock | None = None, count: int = 64, **more: object
) -> Group:
    window = WindowSize(count=count, seconds=30, now=clock) if clock else WindowSize(count=count)
    return Group(DEPTH, LIMIT_BITS, window, registry=registry, now=clock, **more)  # type: ignore[arg-type]


@pytest.fixture(params=LASTING)
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return REGISTRIES[request.param](tmp_path)


@pytest.fixture
def registry(uri: str) -> Iterator[MemberRegistry]:
    opened = registry_at(uri)
    yield opened
    opened.close()


def test_a_group_is_the_same_after_a_restart(uri: str, registry: MemberRegistry) -> None:
    group = group_on(registry)
    group.register_many([(identity(n).commitment, 5) for n in range(6)])
    group.remove(2)
    group.slash(identity(3))
    group.register(identity(2).commitment, 7)
    told = (group.root, list(group.roots), len(group), group.proof(6), group.member_at(6))
    registry.close()
    with_progress: list[float] = []
    other = registry_at(uri)
    again = group_on(other, progress=with_progress.append)
    assert (again.root, list(again.roots), len(again), again.proof(6), again.member_at(6)) == told
    assert with_progress[-1] == 1.0
    assert again.slash(identity(3)) == ()
    with pytest.raises(AlreadyAMember, match="slashed"):
        again.register(identity(3).commitment, 5)
    with pytest.raises(AlreadyAMember, match="registered already"):
        again.register(identity(2).commitment, 5)
    other.close()


def test_two_groups_on_one_registry_follow_each_other(uri: str, registry: MemberRegistry) -> None:
    other_registry = registry_at(uri)
    one, other = group_on(registry), group_on(other_registry)
    for n in range(0, 10, 2):
        mine = one.register(identity(n).commitment, 3)
        theirs = other.register(identity(n + 1).commitment, 3)
        assert (mine.index, theirs.index) == (n, n + 1)
    assert one.root == other.root
    assert list(one.roots) == list(other.roots)
    assert one.proof(9).root == other.proof(9).root == one.root
    one.slash(identity(4))
    assert list(other.roots) == list(one.roots)
    assert not other.is_member(identity(4).commitment)
    other_registry.close()


def test_with_a_clock_a_group_looks_each_tenth_of_a_second(registry: MemberRegistry) -> None:
    clock = ManualClock()
    one, other = group_on(registry, clock), group_on(registry, clock)
    before = other.root
    one.register(5, 5)
    assert other.root == before
    clock.time += 0.11
    assert other.root == one.root != before
    one.register(6, 5)
    other.follow()
    assert other.root == one.root


def test_the_window_in_time_survives(uri: str, registry: MemberRegistry) -> None:
    clock = ManualClock()
    group, roots = group_on(registry, clock), []
    for n in range(6):
        roots.append(group.root)
        clock.time += 10
        group.register(identity(n).commitment, 3)
    again = group_on(registry, clock)
    for moment in (0, 9.5, 10.5, 15, 20.5, 40):
        clock.time = START + 60 + moment
        assert list(again.roots) == list(group.roots), moment
        assert list(group_on(registry, clock).roots) == list(group.roots), moment
    assert list(group.roots) == [group.root]


def test_what_is_retired_stays_retired(registry: MemberRegistry) -> None:
    group = group_on(registry)
    roots = [group.root]
    for n in range(5):
        group.register(identity(n).commitment, 3)
        roots.append(group.root)
    group.remove(1)
    roots.append(group.root)
    group.slash(identity(2))
    group.slash(identity(1))
    expected = [root in group.roots for root in roots]
    assert expected == [True, True, False, False, False, False, False]
    again = group_on(registry)
    assert [root in again.roots for root in roots] == expected
    assert [
        root in RegistryRoots(registry, WindowSize(count=64), ManualClock()) for root in roots
    ] == expected


MOVES = ["join", "join", "leave", "slash", "tick", "second"]


@given(st.lists(st.sampled_from(MOVES), max_size=14), st.randoms())
@settings(max_examples=effort(25, 2000), deadline=None)
def test_groups_that_restart_and_those_that_do_not_agree(steps: list[str], random: object) -> None:
    """After each step, a fresh group, a following group, and a window alone have the roots of the group."""
    clock, registry = ManualClock(), MemoryRegistry(DEPTH, LIMIT_BITS)
    group, replica = group_on(registry, clock, 8), group_on(registry, clock, 8)
    bare = RegistryRoots(registry, WindowSize(count=8, seconds=30, now=clock), clock)
    joined = 0
    for step in steps:
        if step == "join":
            group.register(identity(joined).commitment, 3)
            joined += 1
        elif step == "leave" and joined:
            chosen = identity(random.randrange(joined)).commitment  # type: ignore[attr-defined]
            if group.is_member(chosen):
                group.remove(group.membership(chosen).index)
        elif step == "slash" and joined:
            group.slash(identity(random.randrange(joined)))  # type: ignore[attr-defined]
        elif step == "tick":
            clock.time += 0.11
        elif step == "second":
            clock.time += 10
        expected = list(group.roots)
        replica.follow()
        assert list(replica.roots) == expected
        assert list(group_on(registry, clock, 8).roots) == expected
        clock.time += 0.11
        expected = list(group.roots)  # makes the due step; the window alone only reads
        assert list(bare) == expected
        assert len(bare) == len(expected)


def test_a_bare_window_is_a_root_source(registry: MemberRegistry) -> None:
    clock = ManualClock()
    bare = RegistryRoots(registry, WindowSize(count=3), clock)
    assert isinstance(bare, RootSource)
    group = group_on(registry)
    assert list(bare) == [group.root]
    group.register(5, 5)
    assert group.root not in bare
    clock.time += 0.1
    assert group.root in bare
    clock.time -= 3600
    group.register(6, 5)
    assert group.root in bare
    assert len(bare) == 3
    registry.close()
    clock.time += 1
    with pytest.raises(StoreUnavailable):
        assert group.root in bare


def test_a_bare_window_refuses_a_leaf_that_is_overdue(registry: MemberRegistry) -> None:
    """No process makes the due step; roots with the leaf are refused nevertheless."""
    clock = ManualClock()
    group = group_on(registry, clock)
    for n in range(3):
        group.register(identity(n).commitment, 3)
    before = group.root
    group.register(identity(3).commitment, 3)
    group.slash(identity(0))
    assert before not in group.roots
    with_three = group.root
    bare = RegistryRoots(registry, WindowSize(count=64), clock)
    clock.time += 0.5
    group.slash(identity(3))
    assert with_three in bare
    clock.time += 0.49
    assert with_three in bare
    clock.time += 0.02
    for ask in (lambda: with_three in bare, lambda: before in bare, lambda: list(bare), lambda: len(bare)):
        with pytest.raises(StoreUnavailable, match="removal of a slashed member is overdue"):
            ask()
    group.follow()
    empty = Group(DEPTH, LIMIT_BITS).root  # the root before the first member joined
    assert list(bare) == [group.root, empty]


def test_a_registry_of_another_shape_is_refused(registry: MemberRegistry) -> None:
    for depth, limit_bits in ((DEPTH + 1, LIMIT_BITS), (DEPTH, LIMIT_BITS + 1)):
        with pytest.raises(ParameterError, match="^registry: expected depth"):
            Group(depth, limit_bits, registry=registry)
    for interval in (-1, 3601, True, "1"):
        with pytest.raises(ParameterError, match="^interval: "):
            Group(DEPTH, LIMIT_BITS, registry=registry, interval=interval)  # type: ignore[arg-type]


LIES = {
    "a root": (f"UPDATE rln_step SET root = x'{'01' * 31}00' WHERE number = 2", "2 do not give its root"),
    "a root too large": (f"UPDATE rln_step SET root = x'{'ff' * 32}' WHERE number = 2", "field element"),
    "a limit": ("UPDATE rln_member SET quota = 4 WHERE place = 1", "not give its root"),
    "a commitment": (
        f"UPDATE rln_member SET commitment = x'{'05' * 31}00' WHERE place = 1",
        "not give its root",
    ),
    "a type": ("UPDATE rln_member SET commitment = 'five' WHERE place = 1", "rln_member 1: commitment"),
    "a place": (
        "UPDATE rln_event SET place = 3 WHERE number = 2",
        "expected the next member at index 1, got 3",
    ),
    "a member": (
        "DELETE FROM rln_member WHERE place = 1",
        "rln_event 2: expected a row of rln_member for place 1, got none",
    ),
    "an event": ("DELETE FROM rln_event WHERE number = 2", "expected events"),
    "a step": ("DELETE FROM rln_step WHERE number = 2", "expected steps "),
}


@pytest.mark.parametrize("what", LIES)
def test_a_registry_that_was_changed_by_hand_is_not_believed(what: str, tmp_path: Path) -> None:
    path = tmp_path / "members.db"
    registry = SqliteRegistry(path, DEPTH, LIMIT_BITS)
    group, late = group_on(registry), group_on(registry)
    for n in range(4):
        group.register(identity(n).commitment, 3)
    connection = sqlite3.connect(path)
    connection.execute(LIES[what][0])
    connection.commit()
    connection.close()
    with pytest.raises(IntegrityAlarm, match=LIES[what][1]):
        late.follow()
    with pytest.raises(IntegrityAlarm, match=LIES[what][1]):
        group_on(registry)
    registry.close()


BACKUP = (
    "DELETE FROM rln_step WHERE number = 4",
    "DELETE FROM rln_event WHERE number = 4",
    "DELETE FROM rln_member WHERE place = 3",
)


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_registry_that_was_restored_from_a_copy_is_noticed(goes_on: bool, tmp_path: Path) -> None:
    """A group that knows more than the registry stops; a restarted group has nothing to compare with."""
    path = tmp_path / "members.db"
    registry = SqliteRegistry(path, DEPTH, LIMIT_BITS)
    group, clock = group_on(registry), ManualClock()
    for n in range(4):
        group.register(identity(n).commitment, 3)
    bare = RegistryRoots(registry, WindowSize(count=64), clock)
    connection = sqlite3.connect(path)
    for statement in BACKUP:
        connection.execute(statement)
    connection.commit()
    connection.close()
    if goes_on:
        group_on(registry).register(identity(9).commitment, 3)
    clock.time += 1
    for ask in (
        lambda: group.register(identity(5).commitment, 3),
        lambda: group.slash(identity(1)),
        lambda: group.root in group.roots,
        lambda: list(bare),
    ):
        with pytest.raises(IntegrityAlarm, match="^registry: step 4 is missing or its root has changed"):
            ask()
    registry.close()


def test_a_clock_that_was_far_ahead_keeps_no_root_alive(registry: MemberRegistry) -> None:
    clock = ManualClock()
    group = group_on(registry, clock)
    group.register(5, 5)
    root = group.root
    clock.time += 10**8
    group_on(registry, clock).register(6, 5)
    clock.time = START + 1
    followers = [group_on(registry, clock), RegistryRoots(registry, WindowSize(seconds=30, now=clock), clock)]
    for replica in followers:
        assert root in (replica if isinstance(replica, RegistryRoots) else replica.roots)
    clock.time += 31
    for replica in followers:
        assert root not in (replica if isinstance(replica, RegistryRoots) else replica.roots)


def test_long_histories_are_built_in_pages(registry: MemberRegistry) -> None:
    group = group_on(registry, count=4)
    for n in range(20):
        group.register(identity(n).commitment, 3)
        if n % 3 == 0:
            group.remove(n)
        if n % 5 == 0:
            group.slash(identity(n))
    parts: list[float] = []
    again = group_on(registry, count=4, progress=parts.append)
    assert (again.root, list(again.roots)) == (group.root, list(group.roots))
    assert parts == sorted(parts)
    assert parts[-1] == 1.0


def test_eight_processes_register_one_commitment_once(uri: str, registry: MemberRegistry) -> None:
    group_on(registry)

    def work(number: int) -> tuple[int, int]:
        mine = registry_at(uri)
        group, won = group_on(mine), 0
        for n in range(5):
            try:
                group.register(identity(n).commitment, number + 1)
                won += 1
            except AlreadyAMember:
                pass
            group.register(identity(100 + 10 * number + n).commitment, 3)
        return won, group.root

    results = in_processes(8, work)
    assert sum(won for won, _ in results) == 5
    group = group_on(registry)
    assert len(group) == 5 + 40
    assert {root for _, root in results} <= set(group.roots)
    for n in range(5):
        assert len(registry.registrations(identity(n).commitment)) == 1


def test_eight_processes_that_skip_the_look_register_one_commitment_once(
    uri: str, registry: MemberRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The uniqueness of the table itself is the last protection."""
    group_on(registry)
    monkeypatch.setattr("rln.group.group._refuse_known", lambda change, commitment: None)

    def work(number: int) -> int:
        group, won = group_on(registry_at(uri)), 0
        for n in range(3):
            try:
                group.register(identity(n).commitment, number + 1)
                won += 1
            except AlreadyAMember:
                pass
        return won

    assert sum(in_processes(8, work)) == 3
    assert registry.count() == 3


def test_eight_processes_slash_one_member_once(uri: str, registry: MemberRegistry) -> None:
    group = group_on(registry)
    for n in range(4):
        group.register(identity(n).commitment, 3)

    def work(number: int) -> int:
        mine = group_on(registry_at(uri))
        return len(mine.slash(identity(1))) + len(mine.slash(identity(1)))

    assert sum(in_processes(8, work)) == 1
    assert registry.head().number == 5
    assert group_on(registry).root == group.root


def test_a_forked_child_goes_on_with_connections_of_its_own(registry: MemberRegistry) -> None:
    group = group_on(registry)
    group.register(5, 5)

    def work(number: int) -> int:
        group.register(100 + number, 5)
        return group.root

    roots = in_processes(3, work)
    group.register(6, 5)
    assert len(group) == 5
    assert set(roots) <= set(group.roots)
