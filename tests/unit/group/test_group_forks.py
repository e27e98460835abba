"""Forks of a process with groups, roots and trees: the child has whole state, or refuses; it never hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rln.base import forks
from rln.errors import NotAMember, StoreUnavailable
from rln.group.group import Group
from rln.group.group_follower import SMALL_EVENTS
from rln.group.memory_registry import MemoryRegistry
from rln.group.registry_roots import RegistryRoots
from rln.group.root_window import RootHistory
from rln.group.window_size import WindowSize
from rln.merkle.tree import MerkleTree
from rln.ports import RootSource
from rln.protocol.identity import Identity
from rln.stores.sqlite.members import SqliteRegistry
from tests.support.effort import effort
from tests.support.held_registry import HeldRegistry
from tests.support.killed_child import exit_code

DEPTH, LIMIT_BITS = 14, 4
START = 1_700_000_000.0
WINDOW = WindowSize(count=64)


def now() -> float:
    return START


def identity(number: int) -> Identity:
    return Identity.from_secret(1000 + number)


def refuses(ask: Callable[[], object], why: str) -> None:
    with pytest.raises(StoreUnavailable, match=why):
        ask()


def roots_of(source: RootSource) -> list[int]:
    return list(source)


@contextmanager
def another_thread(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """Run some work in another thread within the block."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


@contextmanager
def held(lock: forks.Lock) -> Iterator[None]:
    """Let another thread hold a lock within the block."""
    taken, leave = threading.Event(), threading.Event()

    def hold() -> None:
        lock.acquire()
        taken.set()
        leave.wait(30)
        lock.release()

    with another_thread(hold):
        taken.wait()
        try:
            yield
        finally:
            leave.set()


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[SqliteRegistry]:
    registry = SqliteRegistry(tmp_path / "members.db", DEPTH, LIMIT_BITS)
    yield registry
    registry.close()


def test_a_child_forked_while_a_thread_is_busy_with_the_group_sees_a_later_slashing(
    stored: SqliteRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of the busy thread is held for ever in the child's copy of the memory."""
    group = Group(DEPTH, LIMIT_BITS, WINDOW, registry=stored)
    other_registry = SqliteRegistry(tmp_path / "members.db", DEPTH, LIMIT_BITS)
    other = Group(DEPTH, LIMIT_BITS, WINDOW, registry=other_registry)
    other.register(identity(1).commitment, 3)
    with_member = group.root
    bare = RegistryRoots(stored, WINDOW, now)
    other.register_many([(5000 + number, 3) for number in range(SMALL_EVENTS + 1)])
    busy, go_on, plan = threading.Event(), threading.Event(), MerkleTree.plan

    def held_plan(*arguments: object) -> object:
        busy.set()
        go_on.wait(30)
        return plan(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(MerkleTree, "plan", held_plan)

    def child() -> None:
        go_on.set()
        monkeypatch.undo()
        Group(DEPTH, LIMIT_BITS, WINDOW, registry=stored).slash(identity(1))
        for source in (group.roots, bare):
            assert with_member not in source
        assert group.root == stored.head().root
        assert group.root in group.roots
        assert group.register(identity(2).commitment, 3).index == SMALL_EVENTS + 2

    with another_thread(group.follow):
        busy.wait()
        assert with_member in group.roots
        code = exit_code(child)
        go_on.set()
    other_registry.close()
    assert code == 0


def test_a_child_forked_while_a_thread_reads_the_registry_does_not_hang(stored: SqliteRegistry) -> None:
    bare = RegistryRoots(stored, WINDOW, now)
    group = Group(DEPTH, LIMIT_BITS, WINDOW, registry=stored)
    root = group.root
    with held(bare._rereading._reading), held(group._follower._rereading._reading):
        assert exit_code(lambda: [roots_of(source).index(root) for source in (bare, group.roots)]) == 0


def test_a_child_forked_while_threads_change_a_stored_group_works_or_refuses(
    stored: SqliteRegistry, tmp_path: Path
) -> None:
    group = Group(DEPTH, LIMIT_BITS, WINDOW, registry=stored)
    bare = RegistryRoots(stored, WINDOW, now)
    group.register(identity(0).commitment, 3)
    with_member, done = group.root, threading.Event()

    def change() -> None:
        number = 100
        while not done.is_set():
            group.register(identity(number).commitment, 3)
            number += 1

    def read() -> None:
        while not done.is_set():
            assert [5 in source for source in (group.roots, bare)] == [False, False]

    def child() -> None:
        try:
            group.slash(identity(0))
            assert with_member not in group.roots
            assert with_member not in RegistryRoots(stored, WINDOW, now)
            newest = stored.head().number  # the parent goes on
            assert group.root
            assert group._replica.step >= newest
        except StoreUnavailable as error:
            if "forked" not in str(error):  # the fork could not wait long enough
                raise

    with another_thread(change), another_thread(read):
        codes = [exit_code(child) for _ in range(effort(3, 100))]
        done.set()
    assert set(codes) == {0}


def test_a_group_in_memory_refuses_in_a_child() -> None:
    private, registry = Group(DEPTH, LIMIT_BITS, now=now), MemoryRegistry(DEPTH, LIMIT_BITS)
    group, bare = Group(DEPTH, LIMIT_BITS, registry=registry), RegistryRoots(registry, WINDOW, now)
    for one in (private, group):
        one.register(identity(1).commitment, 3)
    why = "members in memory are not shared with a forked process; use sqlite or postgresql"

    def child() -> None:
        for one in (private, group):
            for ask in (
                lambda one=one: one.root,
                lambda one=one: 5 in one.roots,
                lambda one=one: list(one.roots),
                lambda one=one: one.roots.current,
                lambda one=one: one.proof(0),
                lambda one=one: one.register(5, 1),
                lambda one=one: one.slash(identity(1)),
                lambda one=one: len(one),
                lambda one=one: one.is_member(5),
                lambda one=one: one.follow(),
            ):
                refuses(ask, why)
        refuses(lambda: 5 in bare, why)
        refuses(lambda: registry.change().__enter__(), why)

    with held(registry._writing), held(private._follower.writing):
        assert exit_code(child) == 0
    assert private.root in private.roots


def test_a_fork_without_pythons_hooks_is_noticed_by_members_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = MemoryRegistry(DEPTH, LIMIT_BITS)
    monkeypatch.setattr(forks, "unnoticed", lambda: True)
    refuses(registry.head, "not shared with a forked process")


def test_what_is_half_changed_at_a_fork_is_refused_in_the_child(
    stored: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "FORK_WAIT", 0.01)
    group, history = Group(DEPTH, LIMIT_BITS, WINDOW, registry=stored), RootHistory([1], WINDOW)
    tree, bare = MerkleTree(4), RegistryRoots(stored, WINDOW, now)

    def child() -> None:
        for ask in (lambda: group.root, lambda: 5 in group.roots, group.follow, group.picture):
            refuses(ask, "while this process was forked; make a new Group")
        before = stored.head().events
        refuses(lambda: group.register(5, 1), "make a new Group")
        assert stored.head().events == before
        for ask in (lambda: 1 in history.window, lambda: history.window.current, lambda: history.push(2)):
            refuses(ask, "make a new RootHistory")
        for ask in (lambda: tree.root, lambda: tree.proof(0), lambda: tree.set(0, 5), tree.state):
            refuses(ask, "build the tree again")
        refuses(lambda: 5 in bare, "make a new RegistryRoots")
        assert Group(DEPTH, LIMIT_BITS, WINDOW, registry=stored).register(5 + before, 1).index == before

    def grandchild() -> None:
        assert exit_code(child) == 0

    tracker = bare._tracker
    with (
        held(group._replica._publishing),
        held(history._lock),
        held(tree._state),
        held(tracker._lock),
    ):
        assert exit_code(child) == 0
        assert exit_code(grandchild) == 0
    assert 1 in history.window
    assert group.root in group.roots


def test_a_fork_waits_until_a_step_is_published(
    stored: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group(DEPTH, LIMIT_BITS, WINDOW, registry=stored)
    publishing, apply = threading.Event(), MerkleTree.apply

    def slow_apply(tree: MerkleTree, plan: object) -> None:
        publishing.set()
        threading.Event().wait(0.2)
        apply(tree, plan)  # type: ignore[arg-type]

    monkeypatch.setattr(MerkleTree, "apply", slow_apply)

    def child() -> None:
        assert group._replica.step == 1
        assert group._replica.tree.root == group._replica.tracker.history.current()
        assert group.root in group.roots

    with another_thread(lambda: group.register(5, 1)):
        publishing.wait()
        assert exit_code(child) == 0


def test_a_child_has_no_thread_of_its_parent_and_starts_its_own() -> None:
    registry = HeldRegistry(DEPTH, LIMIT_BITS)
    other, group = Group(DEPTH, LIMIT_BITS, registry=registry), Group(DEPTH, LIMIT_BITS, registry=registry)
    other.register_many([(5000 + number, 3) for number in range(SMALL_EVENTS + 1)])
    with registry.holding("events_after"):
        assert len(group.roots) == 1
        assert registry.arrived.wait(30)
        assert group._follower._runs

        def child() -> None:
            assert not group._follower._runs
            assert not [thread for thread in threading.enumerate() if thread.name == "rln-group"]
            registry._forked = False  # as if the members were in a database
            registry._held = {}
            while group._replica.lag:
                list(group.roots)
            assert group.root == other.root

        assert exit_code(child) == 0


def test_a_tree_goes_on_in_a_child_that_was_forked_while_it_hashed() -> None:
    tree = MerkleTree(4)
    tree.append(5)

    def child() -> None:
        assert tree.get(0) == 5
        assert tree.append(6) == 1
        assert tree.verify(6, tree.proof(1))

    with held(tree._writing):
        assert exit_code(child) == 0
    with pytest.raises(NotAMember):
        Group(DEPTH).proof(0)
